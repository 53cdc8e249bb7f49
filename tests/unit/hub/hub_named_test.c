/* Which records name which visitor, against a look into every record. */
#include "base/rng.h"
#include "hub/hub_int.h"
#include "hub_fixture.h"
#include "kv/kv.h"
#include "visitor/visitor.h"

#define GROUP LIMIT_NAMED_RECORDS
#define BATCH 256

static struct str
visit(struct t *t, const struct identity *ids, size_t n, struct arena *a)
{
    struct hit_visit v = {.at = ids[0], .tnt_id = S("tnt.35_0"), .session = S("s"), .page = true};
    struct hit h = {.kind = HIT_VISIT, .source = SOURCE_EDGE, .scope = S(SCOPE), .visit = &v, .request_id = S("r")};
    struct identity_set *sets[] = {&h.identities, &v.links, &v.absorbs};
    struct buf b;

    for (size_t i = 0; i < n; i++)
        sets[i / LIMIT_IDENTITIES_PER_EVENT]->n++;
    for (size_t i = 0; i < 3; i++)
        sets[i]->items = (struct identity *)(uintptr_t)ids + i * LIMIT_IDENTITIES_PER_EVENT;
    buf_init_in(&b, a, 1 << 16);
    hit_write(&b, &h);
    CHECK_TRUE(buf_ok(&b));
    return buf_str(&b);
}

static struct str
tick(struct arena *a)
{
    struct hit h = {.kind = HIT_TICK, .source = SOURCE_STREAM};
    struct buf b;

    buf_init_in(&b, a, 1024);
    hit_write(&b, &h);
    return buf_str(&b);
}

static struct str
id_of(struct t *t, uint64_t number)
{
    return arena_printf(t->arena, "visitor%llu", (unsigned long long)number);
}

/* Records of which one in `rare` is a visit of one to three of some visitors. */
static void
append(struct t *t, struct world *w, size_t n, unsigned visitors, unsigned rare)
{
    struct record records[BATCH];
    struct arena a;

    arena_init(&a, 16 << 20);
    while (n > 0) {
        size_t m = n < BATCH ? n : BATCH;
        arena_reset(&a);
        for (size_t i = 0; i < m; i++) {
            struct identity ids[3];
            for (size_t k = 0; k < 3; k++)
                ids[k] = (struct identity){.ns = S("tntId"), .id = id_of(t, rng_below(&t->rng, visitors))};
            records[i] = (struct record){
                .time_ms = NOW,
                .value = rng_below(&t->rng, rare) == 0 ? visit(t, ids, 1 + rng_below(&t->rng, 3), &a) : tick(&a)};
        }
        CHECK_OK(topic_append_many(w->collect[0], records, m, ACK_WRITTEN, NULL, d));
        n -= m;
    }
    arena_deinit(&a);
}

struct looked {
    const struct str *ids;
    size_t n;
    bool found;
};

static void
look_for(void *ctx, struct str id)
{
    struct looked *l = ctx;

    for (size_t i = 0; i < l->n; i++)
        l->found |= str_eq(id, l->ids[i]);
}

/* Every record that names one of them is in a range. Returns how many others are. */
static size_t
check_ranges(struct t *t, struct world *w, const struct str *ids, size_t n, size_t rows, size_t *named)
{
    struct hub_search s = {ids, &n, rows};
    struct hub_range range = {0, 0};
    struct consumer *c;
    struct record r;
    struct arena a;
    size_t others = 0;
    bool got;

    *named = 0;
    arena_init(&a, 4 << 20);
    CHECK_OK(consumer_open(w->collect[0], 0, &c, d));
    while (consumer_offset(c) < topic_end(w->collect[0])) {
        struct looked l = {ids, n, false};
        struct hit h;
        CHECK_OK(consumer_poll(c, 1000000, &r, &got, d));
        CHECK_TRUE(got);
        if (r.offset >= range.to)
            range = hub_named(w->hub, &s, r.offset);
        CHECK_TRUE(range.from >= r.offset || r.offset < range.to);
        arena_reset(&a);
        CHECK_OK(hit_read(r.value, &a, &h, d));
        visitor_each_id(&h, look_for, &l);
        *named += l.found;
        if (l.found)
            CHECK_TRUE(r.offset >= range.from && r.offset < range.to);
        else
            others += r.offset >= range.from && r.offset < range.to;
    }
    consumer_close(c);
    arena_deinit(&a);
    return others;
}

static void
check_all(struct t *t, struct world *w, size_t others_max)
{
    struct str ids[] = {id_of(t, 3), id_of(t, 11), S("nobody")}, tnt = S("tnt");
    size_t named;

    CHECK_TRUE(check_ranges(t, w, ids, 3, SIZE_MAX, &named) <= others_max);
    CHECK_TRUE(named > 0);
    CHECK_TRUE(check_ranges(t, w, &ids[2], 1, SIZE_MAX, &named) <= others_max);
    CHECK_EQ(named, 0);
    CHECK_TRUE(check_ranges(t, w, &tnt, 1, SIZE_MAX, &named) <= others_max); /* without its suffix, in every visit */
    CHECK_TRUE(named > 0);
}

static void
open_world(struct t *t, struct world *w)
{
    world_open(t, w, "w");
    put_world(t, w);
    world_open_hub(t, w);
}

TEST(named_records_are_found)
{
    struct world w;
    size_t begin;

    open_world(t, &w);
    append(t, &w, 1000, 40, 2);
    begin = 1000;
    check_all(t, &w, begin); /* nothing is folded: all is to be read */
    fold(t, &w);
    check_all(t, &w, 0);
    append(t, &w, GROUP - begin, 40, 20); /* a group to its last record */
    fold(t, &w);
    check_all(t, &w, 0);
    append(t, &w, 1, 40, 1); /* and one behind it */
    fold(t, &w);
    check_all(t, &w, 0);
    append(t, &w, 2 * GROUP, 40, 20);
    fold(t, &w);
    append(t, &w, 50, 40, 2);
    check_all(t, &w, 50);
    world_close(&w);
}

TEST(named_records_are_found_after_a_restart)
{
    struct world w;

    open_world(t, &w);
    append(t, &w, GROUP + GROUP / 2, 40, 20);
    fold(t, &w);
    hub_close(w.hub);
    world_reopen(t, &w);
    check_all(t, &w, 0);
    append(t, &w, GROUP / 2, 40, 20); /* just full: its rows are still to be written */
    fold(t, &w);
    hub_close(w.hub);
    world_reopen(t, &w);
    check_all(t, &w, 0);
    append(t, &w, GROUP, 40, 20);
    fold(t, &w);
    check_all(t, &w, 0);
    append(t, &w, GROUP, 40, 20);
    hub_abandon(w.hub); /* in the middle: nothing of it is folded */
    world_reopen(t, &w);
    fold(t, &w);
    check_all(t, &w, 0);
    world_close(&w);
}

TEST(named_records_past_the_rows_are_read)
{
    struct world w;
    struct str id;
    size_t named;

    open_world(t, &w);
    id = id_of(t, 3);
    append(t, &w, 2 * GROUP + 1, 40, 20);
    fold(t, &w);
    CHECK_EQ(check_ranges(t, &w, &id, 1, SIZE_MAX, &named), 0);
    CHECK_EQ(check_ranges(t, &w, &id, 1, 0, &named), 2 * GROUP - named);
    world_close(&w);
}

TEST(named_rows_at_and_past_the_limit)
{
    struct world w;
    struct str nobody = S("nobody");
    size_t named;

    open_world(t, &w);
    append(t, &w, 2 * GROUP + 1, 40, 20);
    fold(t, &w);
    CHECK_EQ(check_ranges(t, &w, &nobody, 1, 2, &named), 0);
    CHECK_EQ(check_ranges(t, &w, &nobody, 1, 1, &named), GROUP);
    world_close(&w);
}

/* So many ids in each record of a group, and `more` in its last. */
static void
append_crowd(struct t *t, struct world *w, size_t more)
{
    enum { EACH = LIMIT_NAMED_IDS / GROUP };
    struct identity ids[3 * LIMIT_IDENTITIES_PER_EVENT];
    struct record records[BATCH];
    struct arena a;

    arena_init(&a, 64 << 20);
    for (size_t at = 0; at < GROUP; at += BATCH) {
        arena_reset(&a);
        for (size_t i = 0; i < BATCH; i++) {
            size_t n = EACH - 1 + (at + i == GROUP - 1 ? more : 0); /* and "tnt" */
            for (size_t k = 0; k < n; k++)
                ids[k] = (struct identity){.ns = S("x"), .id = arena_printf(&a, "%zu-%zu", at + i, k)};
            records[i] = (struct record){.time_ms = NOW, .value = visit(t, ids, n, &a)};
        }
        CHECK_OK(topic_append_many(w->collect[0], records, BATCH, ACK_WRITTEN, NULL, d));
    }
    arena_deinit(&a);
}

TEST(named_ids_at_and_past_the_limit)
{
    struct world w;
    struct str id = S("77-0");
    size_t named;

    open_world(t, &w);
    append_crowd(t, &w, 0);
    append_crowd(t, &w, 1);
    fold(t, &w);
    CHECK_EQ(w.hub->group.full, true);
    append(t, &w, 1, 40, 1);
    fold(t, &w);
    CHECK_EQ(check_ranges(t, &w, &id, 1, SIZE_MAX, &named), GROUP - 1); /* of the second group all are read */
    CHECK_EQ(named, 2);
    world_close(&w);
}

/* Groups that have rows. */
static uint64_t
rows(struct world *w)
{
    uint64_t n = 0;

    for (uint64_t g = 0; g < 16; g++) {
        char key[9] = {'V', 0, 0, 0, 0, 0, 0, 0, (char)g};
        n += kv_has(w->hub->kv, (struct str){key, 9});
    }
    return n;
}

TEST(named_rows_go_with_what_retention_cuts)
{
    struct world w;
    struct str id;
    size_t named;

    world_open(t, &w, "w");
    put_world(t, &w);
    w.segment_bytes = 256 * 1024;
    w.retention_ms = DAY;
    world_reopen(t, &w);
    append(t, &w, 3 * GROUP + 10, 40, 20);
    fold(t, &w);
    CHECK_EQ(rows(&w), 3);
    CHECK_OK(topic_maintain(w.collect[0], NOW + 2 * DAY, d));
    CHECK_TRUE(topic_begin(w.collect[0]) > 2 * GROUP);
    id = id_of(t, 3);
    CHECK_EQ(check_ranges(t, &w, &id, 1, SIZE_MAX, &named), 0);
    append(t, &w, GROUP, 40, 20);
    fold(t, &w);
    check_all(t, &w, 0);
    CHECK_EQ(rows(&w), 4 - topic_begin(w.collect[0]) / GROUP);
    world_close(&w);
}

/* Others get the offsets of records that a power cut took from the log, not from the table. */
TEST(named_records_in_the_place_of_lost_ones)
{
    struct world w;
    struct kv_position ahead = {S("collect/0"), 2 * GROUP};
    struct kv_options o = {.os = os_posix()};
    char row[] = {'V', 0, 0, 0, 0, 0, 0, 0, 0};
    struct str id = S("77-0");
    struct kv *k;
    size_t named;

    open_world(t, &w);
    hub_close(w.hub);
    o.dir = arena_printf(t->arena, "%s/hub", w.dir).p;
    CHECK_OK(kv_open(&o, &k, d));
    for (; row[8] < 2; row[8]++)
        CHECK_OK(kv_put(k, (struct str){row, sizeof row}, S(""), 0, d)); /* groups in which nobody was named */
    CHECK_OK(kv_commit(k, &ahead, 1, true, d));
    kv_close(k);
    world_reopen(t, &w);
    append_crowd(t, &w, 1);
    append(t, &w, GROUP + 1, 40, 20);
    fold(t, &w);
    CHECK_EQ(check_ranges(t, &w, &id, 1, SIZE_MAX, &named), GROUP - 1);
    CHECK_EQ(named, 1);
    check_all(t, &w, GROUP);
    world_close(&w);
}
