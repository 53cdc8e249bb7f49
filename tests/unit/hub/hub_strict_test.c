/* A strict sandbox on the hub [SEGMENTATION 14.4]: a job is a record and its walk is that record's fold, also when a
 * crash falls into it; and the second's bound of events. What each method does is in
 * tests/api/segmentation_modes_test.py. */
#include "base/limits.h"
#include "base/metric.h"
#include "hub/hub_int.h"
#include "hub_fixture.h"

/* Audiences "streaming" and "batch" of the same expression. */
static void
start(struct t *t, struct world *w, const char *name)
{
    static const char *const ids[] = {"streaming", "batch"};

    world_open(t, w, name);
    put_world(t, w);
    for (int i = 0; i < 2; i++)
        put(t, w, "audience", ids[i],
            arena_printf(t->arena,
                         "{'id':'%s','name':'%s','evaluationInfo':{'%s':{'enabled':true}},'expression':{'type':'PQL',"
                         "'format':'pql/text','value':'chain(xEvent, timestamp, [A: WHAT(eventType = \\\"view\\\") "
                         "WHEN(<= 20 hours before now)])'}}",
                         ids[i], ids[i], i == 0 ? "continuous" : "batch")
                .p);
    put(t, w, "sandbox", "prod", "{'name':'prod','type':'production','segmentation':'strict'}");
    world_open_hub(t, w);
}

static void
view(struct t *t, struct world *w, int64_t now_ms, int person)
{
    event(t, w, now_ms, arena_printf(t->arena, "*ECID:%038d", person).p,
          arena_printf(t->arena, "e%d-%lld", person, (long long)now_ms).p, "view");
}

static uint64_t
job(struct t *t, struct world *w, int64_t now_ms, const char *only)
{
    struct str id = str_of(only);
    uint64_t offset = 0;

    CHECK_OK(hub_job(w->hub, S(SCOPE), S("j"), &id, only != NULL, now_ms, &offset, d));
    return offset;
}

/* Entries and exits of an audience, with their instants checked against `at`, 0: any. */
static size_t
moved(struct t *t, struct world *w, const char *audience, bool member, int64_t at)
{
    struct entries m = read_memberships(t, w);
    size_t n = 0;

    for (size_t i = 0; i < m.n; i++)
        n += str_eq(m.items[i].audience, str_of(audience)) && m.items[i].member == member &&
             (at == 0 || m.items[i].time_ms == at);
    return n;
}

TEST(hub_strict_job_is_a_record)
{
    struct world w;
    uint64_t offset;

    start(t, &w, "w");
    for (int i = 0; i < 300; i++)
        view(t, &w, NOW + i, i);
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "streaming", true, 0), 300);
    CHECK_EQ(moved(t, &w, "batch", true, 0), 0);
    (void)job(t, &w, NOW + 1000, "streaming");
    view(t, &w, NOW + 2000, 7);
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "batch", true, 0), 0);
    offset = job(t, &w, NOW + 3000, "batch");
    view(t, &w, NOW + 4000, 300); /* behind it: this one is of the next job */
    CHECK_OK(hub_job_done(w.hub, offset, 10000000, d));
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "batch", true, NOW + 3000), 300);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("batch")), 300);
    CHECK_EQ(read_memberships(t, &w).items[300].cause, hub_cause(0, offset));
    CHECK_OK(hub_tick(w.hub, NOW + DAY, d)); /* the windows end: by timer, or not */
    CHECK_EQ(moved(t, &w, "streaming", false, 0), 301);
    CHECK_EQ(moved(t, &w, "batch", false, 0), 0);
    (void)job(t, &w, NOW + DAY + 1, NULL);
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "batch", false, NOW + DAY + 1), 300);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("batch")), 0);
    world_close(&w);
}

TEST(hub_strict_job_takes_the_newest_audiences)
{
    struct world w;

    start(t, &w, "w");
    view(t, &w, NOW, 1);
    fold(t, &w);
    put_audience(t, &w, "newer", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\")])");
    hub_lock(w.hub); /* the round that folds the job took its snapshot before */
    (void)job(t, &w, NOW + 1, "newer");
    hub_unlock(w.hub);
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "newer", true, NOW + 1), 1);
    world_close(&w);
}

/* Profiles of 60 KB: the walk commits on its way, and dies behind that. */
TEST(hub_strict_job_survives_a_crash)
{
    enum { PEOPLE = 400, BYTES = 60 * 1024 };
    struct world w;
    struct record r;
    bool got = false;
    char *text = arena_alloc(t->arena, BYTES + 1);
    uint64_t offset, size;

    memset(text, 'x', BYTES);
    text[BYTES] = '\0';
    start(t, &w, "w");
    for (int i = 0; i < PEOPLE; i++) {
        const char *who = arena_printf(t->arena, "*ECID:%038d", i).p, *id = arena_printf(t->arena, "e%d", i).p;
        struct say row = {.kind = HIT_RECORD, .source = SOURCE_BATCH, .dataset = "crm", .ids = who};
        struct say view = {.kind = HIT_EVENT, .source = SOURCE_BATCH, .ids = who, .id = id};
        row.json = arena_printf(t->arena, "{'x':'%s'}", text).p;
        view.json = arena_printf(t->arena, "{'_id':'%s','timestamp':'2026-01-01T00:00:00Z','eventType':'view'}", id).p;
        say(t, &w, NOW + i, row);
        say(t, &w, NOW + i, view);
    }
    fold(t, &w);
    CHECK_EQ(read_memberships(t, &w).n, 0);
    offset = job(t, &w, NOW + 1000, NULL);
    CHECK_OK(consumer_poll(w.hub->partitions[0].consumer, 0, &r, &got, d));
    CHECK_TRUE(got && r.offset == offset);
    hub_lock(w.hub);
    CHECK_OK(hub_fold(w.hub, 0, &r, d));
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    CHECK_EQ(kv_position(w.hub->kv, S("collect/0")), offset);
    hub_abandon(w.hub);
    world_reopen(t, &w);
    size = hub_audience_size(w.hub, S(SCOPE), S("batch"));
    CHECK_TRUE(size > 0 && size < PEOPLE);
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "batch", true, NOW + 1000), PEOPLE);
    CHECK_EQ(moved(t, &w, "streaming", true, NOW + 1000), PEOPLE);
    CHECK_EQ(read_memberships(t, &w).n, (size_t)PEOPLE * 2);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("batch")), PEOPLE);
    world_close(&w);
}

TEST(hub_strict_same_log_same_table)
{
    struct world a, b;
    struct str text;

    start(t, &a, "a");
    start(t, &b, "b");
    for (int i = 0; i < 200; i++) {
        int64_t now_ms = NOW + (int64_t)i * 3600 * 1000;
        for (struct world *w = &a; w != NULL; w = w == &a ? &b : NULL) {
            struct rng rng;
            rng_seed(&rng, t->seed + (uint64_t)i);
            if (rng_below(&rng, 5) == 0)
                (void)job(t, w, now_ms, rng_below(&rng, 2) ? "batch" : NULL);
            else
                view(t, w, now_ms, (int)rng_below(&rng, 30));
        }
        if (i % 7 == 0)
            fold(t, &a);
        if (i % 40 == 39) {
            fold(t, &a);
            hub_close(a.hub);
            world_reopen(t, &a);
        }
    }
    fold(t, &a);
    fold(t, &b);
    text = table_text(t, &a);
    CHECK_TRUE(moved(t, &a, "batch", false, 0) > 10);
    CHECK_STR(text, table_text(t, &b));
    CHECK_EQ(read_memberships(t, &a).n, read_memberships(t, &b).n);
    world_close(&a);
    world_close(&b);
}

TEST(hub_strict_events_of_a_second_at_the_limit)
{
    struct world w;

    start(t, &w, "w");
    for (int i = 0; i < LIMIT_EVENTS_PER_SECOND - 1; i++)
        event(t, &w, NOW + i, "*ECID:" ECID1, arena_printf(t->arena, "a%d", i).p, "other");
    view(t, &w, NOW + LIMIT_EVENTS_PER_SECOND, 1);
    event(t, &w, NOW + LIMIT_EVENTS_PER_SECOND, "*ECID:" ECID1, "last", "view");
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "streaming", true, 0), 2);
    for (int i = 0; i < LIMIT_EVENTS_PER_SECOND; i++)
        event(t, &w, NOW + 5000 + i, "*ECID:" ECID2, arena_printf(t->arena, "b%d", i).p, "other");
    event(t, &w, NOW + 5000 + LIMIT_EVENTS_PER_SECOND, "*ECID:" ECID2, "past", "view");
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "streaming", true, 0), 2);
    event(t, &w, NOW + 6000 + LIMIT_EVENTS_PER_SECOND, "*ECID:" ECID2, "later", "other"); /* stored, and seen now */
    fold(t, &w);
    CHECK_EQ(moved(t, &w, "streaming", true, 0), 3);
    world_close(&w);
}
