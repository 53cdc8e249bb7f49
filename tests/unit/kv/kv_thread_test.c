/* The table with its threads: compaction behind the owner's back, values that stay, and the measurement of large
 * tables. */
#include "base/metric.h"
#include "kv_help.h"

#include <inttypes.h>

TEST(kv_second_owner_is_refused)
{
    struct kv_options o = {.os = os_posix(), .dir = t->dir};
    struct kv *k, *other;

    CHECK_OK(kv_open(&o, &k, d));
    CHECK_ERR(kv_open(&o, &other, d), ERR_BUSY);
    kv_close(k);
    CHECK_OK(kv_open(&o, &k, d));
    kv_close(k);
}

TEST(kv_compacts_behind_the_owners_back)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct kv_options o = {.os = os_sim_os(sim), .dir = t->dir, .segment_bytes = 20000};
    int64_t before = metric_value(M_KV_COMPACTIONS);
    struct model m = {0};
    struct kv *k;
    int rounds = 0;

    CHECK_OK(kv_open(&o, &k, d));
    while (metric_value(M_KV_COMPACTIONS) < before + 5) {
        struct kv_position p = {S("collect/0"), ++m.position};
        for (int i = 0; i < 10; i++)
            change(t, k, &m, &t->rng);
        CHECK_OK(kv_commit(k, &p, 1, rounds % 50 == 0, d));
        if (rounds++ % 20 == 0)
            check_equal(t, k, &m);
        if (rounds % 200 == 0)
            CHECK_OK(kv_checkpoint(k, d));
        CHECK_TRUE(rounds < 2000000);
    }
    check_equal(t, k, &m);
    kv_close(k);
    CHECK_OK(kv_open(&o, &k, d));
    check_equal(t, k, &m);
    kv_close(k);
    os_sim_free(sim);
}

/* A borrowed value outlives its segment, until the owner's next call that ends it. */
TEST(kv_borrowed_value_survives_compaction)
{
    struct os_sim *sim = os_sim_new(os_posix());
    int64_t before = metric_value(M_KV_COMPACTIONS);
    struct kv *k;
    struct str v;

    open_kv(t, &k, os_sim_os(sim), 3000);
    CHECK_OK(kv_put(k, S("kept"), S("the value that is looked at"), 0, d));
    for (int i = 0; i < 200; i++) {
        CHECK_OK(kv_put(k, S("other"), S("overwritten again and again"), i, d));
        CHECK_OK(kv_commit(k, NULL, 0, false, d));
    }
    CHECK_OK(kv_get(k, S("kept"), &v, d));
    CHECK_OK(kv_step(k, d));
    CHECK_TRUE(metric_value(M_KV_COMPACTIONS) > before);
    CHECK_TRUE(k->graveyard != NULL);
    CHECK_STR(v, S("the value that is looked at"));
    CHECK_OK(kv_delete(k, S("absent"), d));
    CHECK_TRUE(k->graveyard == NULL);
    CHECK_OK(kv_get(k, S("kept"), &v, d));
    CHECK_STR(v, S("the value that is looked at"));
    kv_close(k);
    os_sim_free(sim);
}

TEST(kv_many_timers_in_order)
{
    enum { TIMERS = 3000 };
    int64_t *due = arena_calloc(t->arena, TIMERS, sizeof *due), last = 0, at = 0;
    struct buf key;
    struct kv *k;
    size_t left = 0;

    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    open_kv(t, &k, NULL, 0);
    for (size_t i = 0; i < 4 * TIMERS; i++) { /* most are set again and again */
        size_t n = (size_t)rng_below(&t->rng, TIMERS);
        due[n] = rng_below(&t->rng, 5) ? (int64_t)rng_below(&t->rng, 100000) + 1 : 0;
        CHECK_OK(kv_put(k, key_of(n), S("t"), due[n], d));
        if (i % 100 == 0)
            CHECK_OK(kv_commit(k, NULL, 0, false, d));
        if (i == 2 * TIMERS) {
            CHECK_OK(kv_commit(k, NULL, 0, false, d));
            kv_close(k);
            open_kv(t, &k, NULL, 0);
        }
    }
    CHECK_TRUE(k->due.count <= 2 * (k->due_count + k->staged_due) + 1024 + 1);
    for (size_t i = 0; i < TIMERS; i++)
        left += due[i] != 0;
    for (; left > 0; left--) {
        size_t n = 0;
        CHECK_EQ(kv_next_due(k, INT64_MAX, &key, &at), ERR_OK);
        CHECK_TRUE(at >= last);
        last = at;
        CHECK_EQ(sscanf(arena_cstr(t->arena, buf_str(&key)), "key-%zu", &n), 1);
        CHECK_EQ(due[n], at);
        due[n] = 0;
        if (n % 2)
            CHECK_OK(kv_delete(k, buf_str(&key), d));
        else
            CHECK_OK(kv_put(k, buf_str(&key), S("fired"), 0, d));
    }
    CHECK_EQ(kv_next_due(k, INT64_MAX, &key, &at), ERR_NOT_FOUND);
    CHECK_EQ(kv_earliest_due(k), 0);
    buf_deinit(&key);
    kv_close(k);
}

/* --- scan while things change --- */

struct seen {
    unsigned *counts;
};

static void
note_key(void *ctx, struct str key, struct str value)
{
    struct seen *s = ctx;
    char text[32];
    size_t n = 0;

    (void)value;
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(key));
    if (sscanf(text, "key-%zu", &n) == 1)
        s->counts[n]++;
}

TEST(kv_scan_sees_what_stays_exactly_once)
{
    enum { STAY = 500, ALL = 4000 };
    struct seen seen = {arena_calloc(t->arena, ALL, sizeof(unsigned))};
    uint64_t cursor = 0;
    size_t put = STAY;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    for (size_t i = 0; i < STAY; i++)
        CHECK_OK(kv_put(k, key_of(i), S("v"), 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    do {
        CHECK_OK(kv_scan(k, &cursor, 20, note_key, &seen, d));
        for (int i = 0; i < 100 && put < ALL; i++) /* the index grows several times meanwhile */
            CHECK_OK(kv_put(k, key_of(put++), S("new"), 0, d));
        if (put % 300 == 0)
            CHECK_OK(kv_commit(k, NULL, 0, false, d));
    } while (cursor != 0);
    for (size_t i = 0; i < ALL; i++)
        CHECK_TRUE(i < STAY ? seen.counts[i] == 1 : seen.counts[i] <= 1);
    kv_close(k);
}

/* --- measurement: EDGEWISE_KV_ENTRIES=1000000 test_kv measure --- */

static uint64_t
now_us(void)
{
    return os_mono_us(os_posix());
}

static void
measure_open(struct t *t, const char *what, const struct kv_options *o, size_t entries)
{
    uint64_t start = now_us();
    struct kv *k;

    CHECK_OK(kv_open(o, &k, d));
    printf("  open %s: %.2f s\n", what, (double)(now_us() - start) / 1e6);
    CHECK_EQ(kv_count(k), entries);
    start = now_us();
    kv_close(k);
    printf("  close: %.2f s\n", (double)(now_us() - start) / 1e6);
}

TEST(kv_measure_large_table)
{
    const char *wanted = getenv("EDGEWISE_KV_ENTRIES");
    size_t entries = wanted ? (size_t)strtoull(wanted, NULL, 10) : 0;
    struct kv_options o = {.os = os_posix(), .dir = t->dir};
    char value[1300];
    uint64_t start;
    struct kv *k;

    if (entries == 0)
        return;
    memset(value, 'v', sizeof value);
    CHECK_OK(kv_open(&o, &k, d));
    for (int round = 0; round < 2; round++) {
        start = now_us();
        for (size_t i = 0; i < entries; i++) {
            size_t n = round ? (size_t)rng_below(&t->rng, entries) : i;
            CHECK_OK(kv_put(k, key_of(n), (struct str){value, sizeof value}, 1 + (int64_t)n, d));
            if (i % 256 == 255)
                CHECK_OK(kv_commit(k, NULL, 0, false, d));
        }
        CHECK_OK(kv_commit(k, NULL, 0, false, d));
        printf("  %s: %.0f puts/s in batches of 256\n", round ? "overwrite" : "fill",
               (double)entries / ((double)(now_us() - start) / 1e6));
    }
    for (int round = 0; round < 3; round++) {
        start = now_us();
        for (int i = 0; i < 1000000; i++) {
            struct str v;
            CHECK_OK(kv_get(k, key_of((size_t)rng_below(&t->rng, entries)), &v, d));
        }
        printf("  get: %.0f ns\n", (double)(now_us() - start) / 1000);
    }
    start = now_us();
    kv_close(k);
    printf("  close: %.2f s\n", (double)(now_us() - start) / 1e6);
    measure_open(t, "with its checkpoint", &o, entries);
    CHECK_OK(os_unlink(os_posix(), kv_file_path(t, "checkpoint"), d));
    measure_open(t, "without a checkpoint", &o, entries);
}
