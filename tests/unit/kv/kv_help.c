#include "kv_help.h"

#include "base/log.h"

struct str
key_of(size_t i)
{
    static char texts[8][24];
    static unsigned turn;
    char *at = texts[turn++ % 8];
    int n = snprintf(at, sizeof texts[0], "key-%zu%s", i, i % 3 ? "" : "-longer");

    return (struct str){at, (size_t)n};
}

void
open_kv(struct t *t, struct kv **k, struct os *os, uint64_t segment_bytes)
{
    struct kv_options o = {.os = os ? os : os_posix(), .dir = t->dir, .segment_bytes = segment_bytes};

    log_set_level((enum log_level)(LOG_ERROR + 1)); /* crashes are the daily business of these tests */
    CHECK_OK(kv_open_still(&o, k, d));
}

void
change(struct t *t, struct kv *k, struct model *m, struct rng *r)
{
    size_t i = (size_t)rng_below(r, MODEL_KEYS);
    struct model_entry *e = &m->entries[i];

    if (rng_below(r, 4) == 0) {
        CHECK_OK(kv_delete(k, key_of(i), d));
        e->present = false;
        return;
    }
    e->present = true;
    e->n = (size_t)rng_below(r, MODEL_VALUE_BYTES + 1);
    e->due_ms = rng_below(r, 2) ? (int64_t)rng_below(r, 1000) + 1 : 0;
    memset(e->value, (int)('a' + rng_below(r, 26)), e->n);
    CHECK_OK(kv_put(k, key_of(i), (struct str){e->value, e->n}, e->due_ms, d));
}

struct scan_check {
    const struct model *m;
    unsigned seen[MODEL_KEYS];
    size_t wrong;
};

static void
scan_one(void *ctx, struct str key, struct str value)
{
    struct scan_check *s = ctx;

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        const struct model_entry *e = &s->m->entries[i];
        if (!str_eq(key, key_of(i)))
            continue;
        s->seen[i]++;
        s->wrong += !e->present || !str_eq(value, (struct str){e->value, e->n});
        return;
    }
    s->wrong++;
}

static bool
equal_due(struct kv *k, const struct model *m)
{
    int64_t earliest = 0, due_ms = 0;
    struct buf key;
    bool equal;
    enum err rc;

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        const struct model_entry *e = &m->entries[i];
        if (e->present && e->due_ms != 0 && (earliest == 0 || e->due_ms < earliest))
            earliest = e->due_ms;
    }
    if (kv_earliest_due(k) != earliest)
        return false;
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    rc = kv_next_due(k, INT64_MAX, &key, &due_ms);
    equal = earliest == 0 ? rc == ERR_NOT_FOUND : rc == ERR_OK && due_ms == earliest;
    if (rc == ERR_OK) {
        bool found = false;
        for (size_t i = 0; i < MODEL_KEYS; i++)
            found =
                found || (m->entries[i].present && m->entries[i].due_ms == due_ms && str_eq(buf_str(&key), key_of(i)));
        equal = equal && found && kv_next_due(k, due_ms - 1, &key, &due_ms) == ERR_NOT_FOUND;
    }
    buf_deinit(&key);
    return equal;
}

bool
equals(struct t *t, struct kv *k, const struct model *m)
{
    struct scan_check scan = {.m = m};
    uint64_t count = 0, cursor = 0;

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        const struct model_entry *e = &m->entries[i];
        struct str value;
        enum err rc = kv_get(k, key_of(i), &value, NULL);
        if (rc != (e->present ? ERR_OK : ERR_NOT_FOUND) || kv_has(k, key_of(i)) != e->present)
            return false;
        if (e->present && !str_eq(value, (struct str){e->value, e->n}))
            return false;
        count += e->present;
    }
    if (kv_count(k) != count || kv_position(k, S("collect/0")) != m->position)
        return false;
    do {
        CHECK_OK(kv_scan(k, &cursor, 7, scan_one, &scan, d));
    } while (cursor != 0);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        if (scan.seen[i] != m->entries[i].present)
            return false;
    }
    return scan.wrong == 0 && equal_due(k, m);
}

void
check_equal(struct t *t, struct kv *k, const struct model *m)
{
    CHECK_TRUE(equals(t, k, m));
}

const char *
kv_file_path(struct t *t, const char *name)
{
    return arena_printf(t->arena, "%s/%s", t->dir, name).p;
}

struct str
kv_file(struct t *t, const char *name)
{
    struct str whole = S_NULL;

    CHECK_OK(os_read_file(os_posix(), kv_file_path(t, name), 256u << 20, t->arena, &whole, d));
    return whole;
}
