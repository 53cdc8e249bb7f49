/* kv_table.c - linear probing with backward-shift deletion, at most 3/4 full.
 *
 * The home of a hash is its top bits, not its bottom ones: a table of any size stands in the order of the hashes, so a
 * scan that remembers a hash as its cursor goes on at the right place after the table has grown. */
#include "base/check.h"
#include "kv/kv_int.h"

#define CAP_MIN 16u

void
kv_table_deinit(struct kv_table *t)
{
    free(t->slots);
    *t = (struct kv_table){0};
}

void
kv_table_clear(struct kv_table *t)
{
    if (t->count > 0)
        memset(t->slots, 0, t->cap * sizeof *t->slots);
    t->count = 0;
}

static void
place(struct kv_table *t, const struct kv_slot *s)
{
    size_t mask = t->cap - 1, i = s->hash >> t->shift;

    while (t->slots[i].used)
        i = (i + 1) & mask;
    t->slots[i] = *s;
}

bool
kv_table_reserve(struct kv_table *t, size_t extra)
{
    struct kv_table bigger = {.cap = t->cap ? t->cap : CAP_MIN, .count = t->count};

    while ((t->count + extra) * 4 > bigger.cap * 3)
        bigger.cap *= 2;
    if (bigger.cap == t->cap)
        return true;
    bigger.shift = 64u - (unsigned)__builtin_ctzll(bigger.cap);
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].used)
            place(&bigger, &t->slots[i]);
    }
    free(t->slots);
    *t = bigger;
    return true;
}

static size_t
find_from(const struct kv_table *t, uint64_t hash, size_t i)
{
    size_t mask = t->cap - 1;

    for (; t->slots[i].used; i = (i + 1) & mask) {
        if (t->slots[i].hash == hash)
            return i;
    }
    return KV_NONE;
}

size_t
kv_table_first(const struct kv_table *t, uint64_t hash)
{
    return t->count ? find_from(t, hash, hash >> t->shift) : KV_NONE;
}

size_t
kv_table_next(const struct kv_table *t, uint64_t hash, size_t i)
{
    return find_from(t, hash, (i + 1) & (t->cap - 1));
}

struct kv_slot *
kv_table_insert(struct kv_table *t, uint64_t hash)
{
    size_t mask = t->cap - 1, i;

    CHECK((t->count + 1) * 4 <= t->cap * 3);
    i = hash >> t->shift;
    while (t->slots[i].used)
        i = (i + 1) & mask;
    t->slots[i] = (struct kv_slot){.hash = hash, .used = 1};
    t->count++;
    return &t->slots[i];
}

void
kv_table_remove(struct kv_table *t, size_t i)
{
    size_t mask = t->cap - 1;

    for (size_t j = (i + 1) & mask; t->slots[j].used; j = (j + 1) & mask) {
        size_t home = t->slots[j].hash >> t->shift;
        if (((j - home) & mask) >= ((j - i) & mask)) { /* the gap lies between its home and its place: it moves there */
            t->slots[i] = t->slots[j];
            i = j;
        }
    }
    t->slots[i] = (struct kv_slot){0};
    t->count--;
}
