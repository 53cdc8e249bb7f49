/* learn_row.c - named facts to slots.
 *
 * A number's slot is the hash of its name; a text's the hash of name and text, with the value 1. So a tree can split a
 * number at any place, and asks of a text whether it is this one. */
#include "learn/learn_int.h"

#include <math.h>

#include "base/hash.h"
#include "codec/json_writer.h"

void
learn_row_clear(struct learn_row *r)
{
    r->n = 0;
}

static void
add(struct learn_row *r, uint64_t hash, double value)
{
    uint16_t slot = (uint16_t)(hash % LEARN_SLOTS);

    for (unsigned i = 0; i < r->n; i++) {
        if (r->slots[i] == slot)
            return; /* two facts in one slot: the first stays */
    }
    if (r->n == LEARN_FACTS || !isfinite(value))
        return;
    r->slots[r->n] = slot;
    r->values[r->n++] = (float)value;
}

void
learn_number(struct learn_row *r, struct str name, double value)
{
    add(r, hash_bytes(name, 1), value);
}

void
learn_text(struct learn_row *r, struct str name, struct str value)
{
    add(r, hash_bytes(value, hash_bytes(name, 2)), 1);
}

void
learn_row_write(struct buf *out, const struct learn_row *r)
{
    struct jw w = jw_to(out);

    jw_array(&w);
    for (unsigned i = 0; i < r->n; i++) {
        jw_u64(&w, r->slots[i]);
        jw_f64(&w, (double)r->values[i]);
    }
    jw_end(&w);
}

bool
learn_row_read(const struct json *list, struct learn_row *out)
{
    struct json_iter it = json_iter(list);
    struct learn_row r = {.n = 0};

    if (!json_is(list, JSON_ARRAY) || json_count(list) % 2 != 0 || json_count(list) / 2 > LEARN_FACTS)
        return false;
    while (json_next(&it)) {
        int64_t slot = json_i64(it.value, -1);
        if (slot < 0 || slot >= LEARN_SLOTS || !json_next(&it) || !json_is_number(it.value))
            return false;
        r.slots[r.n] = (uint16_t)slot;
        r.values[r.n++] = (float)json_f64(it.value, 0);
    }
    *out = r;
    return true;
}

void
learn_row_dense(const struct learn_row *r, float out[LEARN_SLOTS])
{
    for (size_t i = 0; i < LEARN_SLOTS; i++)
        out[i] = NAN;
    for (unsigned i = 0; i < r->n; i++)
        out[r->slots[i]] = r->values[i];
}
