/* The hub's life: restarts, crashes between emitting and committing, full disks, sweeps, several partitions, threads.
 */
#include "base/limits.h"
#include "base/metric.h"
#include "hub/hub_int.h"
#include "hub_fixture.h"

static void
start(struct t *t, struct world *w, const char *name)
{
    world_open(t, w, name);
    put_world(t, w);
    world_open_hub(t, w);
}

/* With windows that end all the time. */
static void
start_busy(struct t *t, struct world *w, const char *name)
{
    world_open(t, w, name);
    put_world(t, w);
    put_audience(t, w, "today",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 20 hours before now)])");
    put(t, w, "destination", "dest",
        "{'id':'dest','spec':'custom','alias':'cms','audiences':['buyer','today'],'attributes':['person.name.firstName'"
        "]}");
    world_open_hub(t, w);
}

/* Stage i of a long random story, the same for every world of a test. */
static void
tell(struct t *t, struct world *w, uint64_t seed, int i)
{
    struct rng rng;
    int64_t now_ms = NOW + (int64_t)i * 3600 * 1000 * 7;
    struct str device, person, id = arena_printf(t->arena, "e%d", i);
    const char *ids;
    int number;

    rng_seed(&rng, seed + (uint64_t)i);
    number = (int)rng_below(&rng, 24);
    device = arena_printf(t->arena, "ECID:%038d", number);
    person = arena_printf(t->arena, "CRMID:c%d", rng_below(&rng, 40) ? number % 8 : (int)rng_below(&rng, 8));
    ids = rng_below(&rng, 3) ? arena_printf(t->arena, "*%s", device.p).p
                             : arena_printf(t->arena, "*%s %s", person.p, device.p).p;
    switch (rng_below(&rng, 8)) {
    case 0:
        say(t, w, now_ms,
            (struct say){.kind = HIT_RECORD,
                         .source = SOURCE_BATCH,
                         .dataset = "crm",
                         .upsert = rng_below(&rng, 2),
                         .ids = arena_printf(t->arena, "*%s", person.p).p,
                         .json = arena_printf(t->arena, "{'person':{'name':{'firstName':'n%d'}}}", i).p});
        return;
    case 1:
        say(t, w, now_ms,
            (struct say){.kind = HIT_CONSENT,
                         .source = SOURCE_EDGE,
                         .region = "irl1",
                         .ids = ids,
                         .json = rng_below(&rng, 2) ? "{'collect':{'val':'n'}}" : "{'collect':{'val':'y'}}"});
        return;
    case 2:
        CHECK_OK(hub_append_tick(w->hub, now_ms, NULL, d));
        return;
    case 3:
        event(t, w, now_ms, ids, id.p, "buy");
        return;
    default:
        event(t, w, now_ms, ids, id.p, "view");
    }
}

/* Records as text, offsets included. */
static struct str
topic_text(struct t *t, struct world *w, const char *name)
{
    struct records all = read_topic(t, w, name);
    struct buf b;
    struct str s;

    buf_init(&b, 1u << 28);
    for (size_t i = 0; i < all.n; i++) {
        struct record *r = &all.items[i];
        buf_printf(&b, "%llu %lld %llu %.*s %.*s\n", (unsigned long long)r->offset, (long long)r->time_ms,
                   (unsigned long long)r->cause, STR_ARG(r->key), STR_ARG(r->value));
    }
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static void
check_same(struct t *t, struct world *a, struct world *b)
{
    CHECK_STR(table_text(t, a), table_text(t, b));
    CHECK_STR(topic_text(t, a, "membership"), topic_text(t, b, "membership"));
    CHECK_STR(topic_text(t, a, "projection.va6"), topic_text(t, b, "projection.va6"));
    CHECK_STR(topic_text(t, a, "projection.irl1"), topic_text(t, b, "projection.irl1"));
}

TEST(hub_same_log_same_table)
{
    struct world a, b;

    start_busy(t, &a, "a");
    start_busy(t, &b, "b");
    for (int i = 0; i < 400; i++) {
        tell(t, &a, t->seed, i);
        tell(t, &b, t->seed, i);
        if (i % 3 == 0)
            fold(t, &a); /* other commits, same result */
    }
    fold(t, &a);
    fold(t, &b);
    CHECK_TRUE(read_memberships(t, &a).n > 20);
    check_same(t, &a, &b);
    world_close(&a);
    world_close(&b);
}

TEST(hub_restart_goes_on_where_it_was)
{
    struct world a, b;

    start_busy(t, &a, "a");
    start_busy(t, &b, "b");
    for (int i = 0; i < 300; i++) {
        tell(t, &a, t->seed, i);
        tell(t, &b, t->seed, i);
        if (i % 60 == 59) {
            hub_close(a.hub);
            world_reopen(t, &a);
        }
    }
    fold(t, &a);
    fold(t, &b);
    check_same(t, &a, &b);
    world_close(&a);
    world_close(&b);
}

/* Folds n records, appends what they emit, and dies before the commit. */
static void
die_before_commit(struct t *t, struct world *w, int n)
{
    struct hub *h = w->hub;
    struct record r;
    bool got = true;

    hub_lock(h);
    for (int i = 0; i < n && got; i++) {
        CHECK_OK(consumer_poll(h->partitions[0].consumer, 0, &r, &got, d));
        if (got)
            CHECK_OK(hub_fold(h, 0, &r, d));
    }
    CHECK_OK(hub_flush(h, d));
    hub_unlock(h);
    hub_abandon(h);
    w->hub = NULL;
}

TEST(hub_crash_between_emit_and_commit_emits_once)
{
    struct world w;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    die_before_commit(t, &w, 1);
    CHECK_EQ(read_memberships(t, &w).n, 1);
    world_reopen(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 0);
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    CHECK_EQ(read_memberships(t, &w).n, 2);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 2);
    world_close(&w);
}

/* What was told before a crash and not committed is left out entry by entry: the step may tell others now. */
TEST(hub_membership_entries_are_told_once)
{
    struct world w;
    struct str ids[] = {S("\"one\""), S("\"two\""), S("\"three \\u0001\\\"\""), S("\"four\"")};
    struct rule_change first[] = {{0, true}, {1, false}, {2, true}}, second[] = {{1, false}, {2, true}, {3, true}};
    struct profile p = {.id = 7, .scope = S(SCOPE)};
    struct hub_step step = {.now_ms = NOW, .cause = 1};
    struct entries m;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view"); /* the cause that the steps name */
    step.h = w.hub;
    hub_lock(w.hub);
    CHECK_OK(hub_tell(&step, &p, ids, &(struct hub_told){.changes = &(struct rule_changes){first, 3}}, d));
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    hub_abandon(w.hub);
    world_reopen(t, &w);
    step.h = w.hub;
    hub_lock(w.hub);
    CHECK_OK(hub_tell(&step, &p, ids, &(struct hub_told){.changes = &(struct rule_changes){second, 3}}, d));
    CHECK_OK(hub_tell(&step, &p, ids, &(struct hub_told){.changes = &(struct rule_changes){second, 1}},
                      d)); /* told once before, so this is another */
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    m = read_memberships(t, &w);
    CHECK_EQ(m.record_count, 3);
    CHECK_EQ(m.n, 5);
    CHECK_STR(m.items[1].audience, S("three \x01\""));
    CHECK_STR(m.items[3].audience, S("four"));
    CHECK_STR(m.items[4].audience, S("two"));
    world_close(&w);
}

TEST(hub_long_membership_records_are_split)
{
    enum { COUNT = 1200, BYTES = 15000 };
    struct world w;
    struct str *ids = ARENA_ARRAY(t->arena, struct str, COUNT);
    struct rule_change *changes = ARENA_ARRAY(t->arena, struct rule_change, COUNT);
    struct profile p = {.id = 7, .scope = S(SCOPE)};
    struct hub_step step = {.now_ms = NOW, .cause = 1};
    struct records all;
    struct entries m;

    start(t, &w, "w");
    step.h = w.hub;
    for (int i = 0; i < COUNT; i++) {
        char *text = arena_alloc(t->arena, BYTES);
        memset(text, 'x', BYTES);
        text[0] = text[BYTES - 1] = '"';
        text[1] = (char)('A' + i % 26);
        text[2] = (char)('A' + i / 26 % 26);
        text[3] = (char)('A' + i / 26 / 26);
        ids[i] = (struct str){text, BYTES};
        changes[i] = (struct rule_change){(uint32_t)i, i % 3 == 0};
    }
    hub_lock(w.hub);
    CHECK_OK(hub_tell(&step, &p, ids, &(struct hub_told){.changes = &(struct rule_changes){changes, COUNT}}, d));
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    all = read_topic(t, &w, "membership");
    CHECK_EQ(all.n, 3);
    for (size_t i = 0; i < all.n; i++)
        CHECK_TRUE(all.items[i].value.n <= LIMIT_RECORD_VALUE_BYTES);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, COUNT);
    for (size_t i = 0; i < m.n; i++)
        CHECK_EQ(m.items[i].member, i < COUNT / 3);
    CHECK_STR(m.items[m.n - 1].audience, str_slice(ids[COUNT - 1], 1, BYTES - 1));
    world_close(&w);
}

TEST(hub_random_crashes_change_nothing)
{
    struct world a, b;

    start_busy(t, &a, "a");
    start_busy(t, &b, "b");
    for (int i = 0; i < 250; i++) {
        tell(t, &a, t->seed, i);
        tell(t, &b, t->seed, i);
        if (rng_below(&t->rng, 12) != 0)
            continue;
        if (rng_below(&t->rng, 2))
            fold(t, &a);
        die_before_commit(t, &a, (int)rng_below(&t->rng, 30));
        world_reopen(t, &a);
    }
    fold(t, &a);
    fold(t, &b);
    check_same(t, &a, &b);
    world_close(&a);
    world_close(&b);
}

TEST(hub_table_that_is_ahead_of_its_log) /* a power cut took the end of collect, not of the table */
{
    struct world w;
    struct kv_position ahead = {S("collect/0"), 1000};
    struct kv_options o = {.os = os_posix()};
    struct kv *k;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    hub_close(w.hub);
    o.dir = arena_printf(t->arena, "%s/hub", w.dir).p;
    CHECK_OK(kv_open(&o, &k, d));
    CHECK_OK(kv_put(k, S("Z"), S("z"), 0, d));
    CHECK_OK(kv_commit(k, &ahead, 1, true, d));
    kv_close(k);
    world_reopen(t, &w);
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    world_close(&w);
}

/* The records that took the place of the lost ones are folded, though the next life ends before they are. */
TEST(hub_table_that_was_ahead_dies_before_its_first_commit)
{
    struct world w;
    struct kv_position ahead = {.name = S("collect/0")};
    struct kv_options o = {.os = os_posix()};
    struct kv *k;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    ahead.offset = topic_end(w.hub->partitions[0].topic) + 1;
    hub_close(w.hub);
    o.dir = arena_printf(t->arena, "%s/hub", w.dir).p;
    CHECK_OK(kv_open(&o, &k, d));
    CHECK_OK(kv_commit(k, &ahead, 1, true, d));
    kv_close(k);
    world_reopen(t, &w);
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    event(t, &w, NOW + 2, "*ECID:" ECID3, "e3", "buy");
    die_before_commit(t, &w, 0);
    world_reopen(t, &w);
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 3);
    world_close(&w);
}

TEST(hub_table_of_another_version_is_refused)
{
    struct world w;
    struct hub_options ho;
    struct kv_options o = {.os = os_posix()};
    struct hub *h = NULL;
    struct kv *k;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    ho = w.hub->o;
    hub_close(w.hub);
    w.hub = NULL;
    o.dir = arena_printf(t->arena, "%s/hub", w.dir).p;
    CHECK_OK(kv_open(&o, &k, d));
    CHECK_OK(kv_put(k, S("H"), S("\1\0\1\1"), 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, true, d));
    kv_close(k);
    ho.dir = o.dir;
    CHECK_ERR(hub_open(&ho, &h, d), ERR_UNSUPPORTED);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("version 1")) > 0);
    world_close(&w);
}

TEST(hub_lost_projections_are_sent_again)
{
    struct world w;
    struct kv_position ahead = {S("out/projection.va6"), 1000};
    struct kv_options o = {.os = os_posix()};
    struct kv *k;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    event(t, &w, NOW, "*ECID:" ECID2, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 2);
    hub_close(w.hub);
    o.dir = arena_printf(t->arena, "%s/hub", w.dir).p;
    CHECK_OK(kv_open(&o, &k, d));
    CHECK_OK(kv_put(k, S("Z"), S("z"), 0, d));
    CHECK_OK(kv_commit(k, &ahead, 1, true, d));
    kv_close(k);
    world_reopen(t, &w);
    fold(t, &w);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 4);
    world_close(&w);
}

/* ---- sweeps ---- */

TEST(hub_new_audience_reaches_all_profiles)
{
    struct world w;
    const struct projection *p;

    start(t, &w, "w");
    for (int i = 0; i < 500; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p,
              i % 5 == 0 ? "buy" : "view");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 100);
    put_audience(t, &w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now)])");
    put(t, &w, "destination", "dest", "{'id':'dest','spec':'custom','alias':'cms','audiences':['viewer']}");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 400);
    CHECK_EQ(read_memberships(t, &w).n, 500);
    p = projected(t, &w, "va6", "ECID", "00000000000000000000000000000000000001");
    CHECK_EQ(membership_of(p, "viewer"), NOW + 499);
    CHECK_EQ(membership_of(p, "buyer"), 0);            /* not mapped any more */
    CHECK_OK(hub_tick(w.hub, NOW + 7 * DAY + 300, d)); /* its windows end though no event came since */
    CHECK_TRUE(hub_audience_size(w.hub, S(SCOPE), S("viewer")) < 200);
    world_close(&w);
}

/* A round that does not commit. */
static void
round_staged(struct t *t, struct world *w)
{
    bool idle;

    w->hub->own_thread = true;
    w->hub->committed_us = os_mono_us(w->os);
    CHECK_OK(hub_round(w->hub, 0, &idle, d));
}

/* A slice of the table is whole buckets, and all that is staged there and not committed yet: on a new table everything.
 */
TEST(hub_sweep_visits_what_is_staged)
{
    struct world w;

    start(t, &w, "w");
    for (int i = 0; i < 5 * HUB_SWEEP_SLICE; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p, "view");
    for (int i = 0; i < 5 * HUB_SWEEP_SLICE && w.hub->state.profiles < 5 * HUB_SWEEP_SLICE; i++) /* one at least */
        round_staged(t, &w);
    put_audience(t, &w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now)])");
    for (int i = 0; i < 100 && hub_audience_size(w.hub, S(SCOPE), S("viewer")) < 5 * HUB_SWEEP_SLICE; i++)
        round_staged(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 5 * HUB_SWEEP_SLICE);
    world_close(&w);
}

TEST(hub_deleted_audience_leaves_no_members)
{
    struct world w;
    struct projection p;

    start(t, &w, "w");
    put_audience(t, &w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now)])");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 1);
    CHECK_OK(config_delete(w.config, S("audience"), S(SCOPE), S("viewer"), NOW + 1, d));
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 0);
    CHECK_OK(hub_pull(w.hub, S(SCOPE), S("ECID"), S(ECID1), t->arena, &p, d));
    CHECK_EQ(p.membership_count, 0);
    world_close(&w);
}

TEST(hub_sweep_survives_a_crash)
{
    struct world w;
    bool idle = false;

    start(t, &w, "w");
    for (int i = 0; i < 300; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p, "view");
    fold(t, &w);
    put_audience(t, &w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now)])");
    CHECK_OK(hub_round(w.hub, 0, &idle, d));
    CHECK_OK(hub_round(w.hub, 0, &idle, d));
    CHECK_TRUE(w.hub->sweep.active);
    hub_lock(w.hub); /* one more slice is emitted and not committed */
    CHECK_OK(hub_sweep_some(w.hub, true, d));
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    hub_abandon(w.hub);
    world_reopen(t, &w);
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 300);
    CHECK_EQ(read_memberships(t, &w).n, 300);
    CHECK_TRUE(!w.hub->sweep.active);
    world_close(&w);
}

TEST(hub_sweep_goes_on_through_unrelated_configuration)
{
    struct world w;
    bool idle = false;
    uint64_t cursor;

    start(t, &w, "w");
    for (int i = 0; i < 300; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p, "view");
    fold(t, &w);
    put_audience(t, &w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now)])");
    for (int i = 0; i < 4; i++)
        CHECK_OK(hub_round(w.hub, 0, &idle, d));
    cursor = w.hub->sweep.cursor;
    CHECK_TRUE(cursor != 0);
    put(t, &w, "namespace", "Loyal", "{'code':'Loyal','name':'Loyal','idType':'CROSS_DEVICE'}");
    hub_lock(w.hub);
    CHECK_OK(hub_take_snapshot(w.hub, d));
    hub_unlock(w.hub);
    CHECK_EQ(w.hub->sweep.cursor, cursor);
    put_audience(t, &w, "seen", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\")])"); /* this one begins anew */
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 300);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("seen")), 300);
    CHECK_EQ(read_memberships(t, &w).n, 600);
    world_close(&w);
}

TEST(hub_unrelated_configuration_is_no_sweep)
{
    struct world w;
    struct str before;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    before = table_text(t, &w);
    put(t, &w, "namespace", "Loyal", "{'code':'Loyal','name':'Loyal','idType':'CROSS_DEVICE'}");
    fold(t, &w);
    CHECK_STR(table_text(t, &w), before);
    world_close(&w);
}

/* ---- full disk ---- */

static bool disk_full;

static enum err
full_pwrite(struct os *os, struct os_file *f, uint64_t at, const void *buf, size_t n, struct diag *d)
{
    (void)os;
    if (disk_full)
        return diag_set(d, ERR_BUSY, "no space left on device");
    return os_posix()->ops->pwrite(os_posix(), f, at, buf, n, d);
}

TEST(hub_full_disk_waits_and_loses_nothing)
{
    static struct os_ops ops; /* a failing test leaves threads behind that use it */
    static struct os os;
    struct world w;
    bool idle;

    ops = *os_posix()->ops;
    os = (struct os){&ops, os_posix()->ctx};
    ops.pwrite = full_pwrite;
    disk_full = false;
    world_open(t, &w, "w");
    world_close(&w);
    w.os = &os;
    world_reopen_logs(t, &w);
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    disk_full = true;
    CHECK_ERR(hub_round(w.hub, 0, &idle, d), ERR_BUSY);
    CHECK_ERR(hub_round(w.hub, 0, &idle, d), ERR_BUSY);
    disk_full = false;
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    CHECK_EQ(read_memberships(t, &w).n, 2);
    world_close(&w);
}

/* ---- several partitions ---- */

TEST(hub_commits_for_who_waits_and_at_the_end)
{
    struct world w;

    start(t, &w, "w");
    CHECK_OK(hub_run(w.hub, d));
    for (int i = 0; i < 20; i++) {
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p, "buy");
        CHECK_OK(hub_drain(w.hub, 60000000, d));
        hub_lock(w.hub);
        CHECK_EQ(kv_position(w.hub->kv, S("collect/0")), topic_end(w.collect[0]));
        hub_unlock(w.hub);
    }
    event(t, &w, NOW + 20, "*ECID:" ECID1, "e20", "buy");
    hub_close(w.hub);
    world_reopen(t, &w);
    CHECK_EQ(w.hub->partitions[0].next, topic_end(w.collect[0]));
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 21);
    world_close(&w);
}

TEST(hub_what_was_emitted_before_a_commit_is_emitted_once)
{
    struct world w;

    start(t, &w, "w");
    for (int i = 0; i < 20; i++) {
        size_t n = 0;
        CHECK_OK(hub_run(w.hub, d));
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d", i).p, arena_printf(t->arena, "e%d", i).p, "buy");
        while (n <= (size_t)i) /* the record is there before the commit, mostly */
            n = read_topic(t, &w, "membership").n;
        hub_abandon(w.hub);
        world_reopen(t, &w);
    }
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 20);
    CHECK_EQ(read_memberships(t, &w).n, 20);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 20);
    world_close(&w);
}

TEST(hub_committed_is_what_a_crash_leaves)
{
    struct world w;
    uint64_t before;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    CHECK_EQ(hub_committed(w.hub, w.collect[0]), 1);
    CHECK_EQ(hub_committed(w.hub, w.membership), 1);
    CHECK_EQ(hub_committed(w.hub, w.config_topic), 0);
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    before = hub_committed(w.hub, w.collect[0]);
    die_before_commit(t, &w, 1);
    world_reopen(t, &w);
    CHECK_EQ(hub_committed(w.hub, w.collect[0]), before); /* it was folded and emitted, and must be read again */
    CHECK_EQ(hub_committed(w.hub, w.membership), 1);
    fold(t, &w);
    CHECK_EQ(hub_committed(w.hub, w.collect[0]), 2);
    CHECK_EQ(hub_committed(w.hub, w.membership), 2);
    world_close(&w);
}

TEST(hub_folds_several_partitions)
{
    struct world w;
    struct entries m;

    world_open(t, &w, "w");
    world_close(&w);
    w.partitions = 3;
    world_reopen_logs(t, &w);
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i < 60; i++)
        say(t, &w, NOW + i,
            (struct say){.kind = HIT_EVENT,
                         .source = SOURCE_EDGE,
                         .region = "va6",
                         .partition = (unsigned)i % 3,
                         .ids = arena_printf(t->arena, "*ECID:%038d", i / 2).p,
                         .id = arena_printf(t->arena, "e%d", i).p,
                         .json = arena_printf(t->arena, "{'eventType':'buy','timestamp':'2026-01-01T00:00:00Z'}").p});
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 30);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 30);
    CHECK_EQ(m.items[0].cause & 0xffff, 1);
    hub_close(w.hub);
    world_reopen(t, &w);
    fold(t, &w);
    CHECK_EQ(read_memberships(t, &w).n, 30);
    world_close(&w);
}

/* However far apart the partitions are, each hit is folded at its own time: the hub was away, or begins anew. */
TEST(hub_folds_partitions_in_the_order_of_time)
{
    struct world w;
    struct records m;

    world_open(t, &w, "w");
    world_close(&w);
    w.partitions = 2;
    world_reopen_logs(t, &w);
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i < 20; i++) {
        struct say s = {.kind = HIT_EVENT,
                        .source = SOURCE_EDGE,
                        .region = "va6",
                        .partition = i == 0 || i == 10 || i == 19,
                        .ids = arena_printf(t->arena, "*ECID:%038d", i).p,
                        .id = arena_printf(t->arena, "e%d", i).p,
                        .json = "{'eventType':'buy','timestamp':'2026-01-01T00:00:00Z'}"};
        say(t, &w, NOW + i * DAY, s);
    }
    fold(t, &w);
    m = read_topic(t, &w, "membership");
    CHECK_EQ(m.n, 20);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(m.items[i].time_ms, NOW + i * DAY);
    world_close(&w);
}

/* ---- threads ---- */

struct reader {
    struct world *w;
    struct os_thread thread;
    uint64_t pulls;
    bool stop;
    struct os_mutex lock;
};

static void
read_on(void *ctx)
{
    struct reader *r = ctx;
    bool stop = false;

    while (!stop) {
        struct diag d = DIAG_INIT;
        struct arena a;
        struct projection p;
        arena_init(&a, 1u << 20);
        if (hub_pull(r->w->hub, S(SCOPE), S("CRMID"), S("c1"), &a, &p, &d) == ERR_OK)
            r->pulls++;
        (void)hub_audience_size(r->w->hub, S(SCOPE), S("buyer"));
        arena_deinit(&a);
        os_lock(&r->lock);
        stop = r->stop;
        os_unlock(&r->lock);
    }
}

TEST(hub_thread_with_readers)
{
    struct world w;
    struct reader r = {.w = &w};
    struct projection p;

    start(t, &w, "w");
    CHECK_OK(hub_run(w.hub, d));
    event(t, &w, NOW, "*ECID:" ECID1 " CRMID:c1", "first", "view");
    CHECK_OK(hub_drain(w.hub, 20000000, d));
    os_mutex_init(&r.lock);
    CHECK_OK(os_thread_open(&r.thread, "reader", read_on, &r, d));
    for (int i = 0; i < 300; i++) {
        event(t, &w, NOW + i, i % 2 ? "*ECID:" ECID1 " CRMID:c1" : "*ECID:" ECID2, arena_printf(t->arena, "e%d", i).p,
              "buy");
        if (i == 100)
            put_audience(t, &w, "viewer", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\")])");
        if (i % 50 == 0)
            CHECK_OK(hub_drain(w.hub, 20000000, d));
    }
    CHECK_OK(hub_tick(w.hub, NOW + 1000, d));
    CHECK_OK(hub_drain(w.hub, 20000000, d));
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 1);
    CHECK_OK(hub_pull(w.hub, S(SCOPE), S("CRMID"), S("c1"), t->arena, &p, d));
    CHECK_TRUE(membership_of(&p, "buyer") > 0);
    os_lock(&r.lock);
    r.stop = true;
    os_unlock(&r.lock);
    os_thread_close(&r.thread);
    CHECK_TRUE(r.pulls > 0);
    os_mutex_deinit(&r.lock);
    world_close(&w);
}

TEST(hub_thread_ticks_by_the_clock)
{
    struct world w;
    int64_t now_ms = os_now_ms(os_posix());

    world_open(t, &w, "w");
    w.real_clock = true;
    put_world(t, &w);
    put_audience(t, &w, "fresh",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 minutes before now)])");
    world_open_hub(t, &w);
    CHECK_OK(hub_run(w.hub, d));
    /* The window of this one ended at the machine's clock, not yet at the log's. */
    event(t, &w, now_ms - 60 * 1000 - 20, "*ECID:" ECID1, "e1", "view");
    for (int i = 0; i < 100 && read_memberships(t, &w).n < 2; i++)
        CHECK_OK(hub_drain(w.hub, 20000000, d));
    for (int i = 0; i < 2000 && hub_audience_size(w.hub, S(SCOPE), S("fresh")) != 0; i++)
        CHECK_OK(hub_drain(w.hub, 20000000, d));
    CHECK_EQ(read_memberships(t, &w).n, 2);
    CHECK_TRUE(topic_end(w.collect[0]) >= 2); /* the tick is on the log */
    world_close(&w);
}

TEST(hub_drain_times_out_and_close_folds_the_rest)
{
    struct world w;

    start(t, &w, "w");
    for (int i = 0; i < 2000; i++)
        event(t, &w, NOW + i, "*ECID:" ECID1, arena_printf(t->arena, "e%d", i).p, "view");
    CHECK_OK(hub_run(w.hub, d));
    CHECK_ERR(hub_drain(w.hub, 0, d), ERR_TIMEOUT);
    hub_close(w.hub);
    world_reopen(t, &w);
    CHECK_EQ(w.hub->partitions[0].next, 2000);
    world_close(&w);
}

/* ---- rule states when audiences change ---- */

static void
note_state(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    (void)k;
    (void)g;
    *(struct str *)ctx = arena_str(p->arena, p->rule_state); /* the arena is the caller's */
}

static struct str
state_of(struct t *t, struct world *w, const char *ecid)
{
    struct str state = S_NULL;

    CHECK_OK(hub_read_profile(w->hub, S(SCOPE), S("ECID"), str_of(ecid), t->arena, note_state, &state, d));
    return state;
}

TEST(hub_states_survive_changed_audiences_and_restarts)
{
    struct world w;
    int64_t built;
    struct str before;

    start_busy(t, &w, "w");
    for (int i = 0; i < 20; i++)
        event(t, &w, NOW + i, i % 2 ? "*ECID:" ECID1 : "*ECID:" ECID2, arena_printf(t->arena, "e%d", i).p,
              i == 7 ? "buy" : "view");
    fold(t, &w);
    built = metric_value(M_HUB_STATES_BUILT);
    before = state_of(t, &w, ECID2);
    put_audience(t, &w, "nobody", "xEvent[eventType = \"refund\"].count() >= 1"); /* nothing comes of it: not written */
    fold(t, &w);
    CHECK_STR(state_of(t, &w, ECID2), before);
    put_audience(t, &w, "viewer", "xEvent[eventType = \"view\"].count() >= 3");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 2);
    CHECK_TRUE(!str_eq(state_of(t, &w, ECID2), before));
    CHECK_OK(config_delete(w.config, S("audience"), S(SCOPE), S("nobody"), NOW + 30, d));
    fold(t, &w);
    before = state_of(t, &w, ECID1);
    hub_close(w.hub);
    world_reopen(t, &w); /* the graph is made from nothing: other numbers */
    put_audience(t, &w, "refunded", "xEvent[eventType = \"refund\"].count() >= 1");
    event(t, &w, NOW + 40, "*ECID:" ECID1, "r1", "refund");
    event(t, &w, NOW + 41, "*ECID:" ECID2, "r2", "buy");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("refunded")), 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("viewer")), 2);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    CHECK_EQ(metric_value(M_HUB_STATES_BUILT), built);
    world_close(&w);
}

static uint64_t
manifest_slots(struct t *t, struct world *w)
{
    struct str value = S_NULL;

    hub_lock(w->hub);
    CHECK_OK(kv_get(w->hub->kv, S("M" SCOPE), &value, d));
    hub_unlock(w->hub);
    return value.n;
}

/* LIMIT_GRAPH_MANIFESTS numberings are kept, and learned by the next graph; a state of an older one is made anew. */
TEST(hub_manifests_are_bounded)
{
    struct world w;
    int64_t built;

    start(t, &w, "w");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    fold(t, &w);
    CHECK_EQ(manifest_slots(t, &w), 1);
    built = metric_value(M_HUB_STATES_BUILT);
    for (int i = 0; i <= LIMIT_GRAPH_MANIFESTS + 1; i++) {
        hub_close(w.hub);
        world_reopen(t, &w);
        fold(t, &w);
        /* x refers to y, which is made later: after a restart y comes first, and numbers are others */
        put_audience(t, &w, arena_printf(t->arena, "x%d", i).p,
                     arena_printf(t->arena, "inSegment(\"y%d\") and xEvent[eventType = \"t%d\"].count() > 1", i, i).p);
        put_audience(t, &w, arena_printf(t->arena, "y%d", i).p,
                     arena_printf(t->arena, "xEvent[eventType = \"s%d\"].count() > 1", i).p);
        fold(t, &w);
        CHECK_EQ(manifest_slots(t, &w), i < LIMIT_GRAPH_MANIFESTS ? i + 1 : LIMIT_GRAPH_MANIFESTS);
        CHECK_EQ(metric_value(M_HUB_STATES_BUILT), built + (i > LIMIT_GRAPH_MANIFESTS));
    }
    world_close(&w);
}

/* So many edits that the graph is made from nothing in between: its numbers are others, in the same process. */
TEST(hub_states_survive_a_graph_made_anew)
{
    struct world w;
    int64_t built;

    start(t, &w, "w");
    for (int i = 0; i < 6; i++)
        event(t, &w, NOW + i, "*ECID:" ECID1, arena_printf(t->arena, "e%d", i).p, "view");
    fold(t, &w);
    built = metric_value(M_HUB_STATES_BUILT);
    for (int i = 0; i < 300; i++) {
        put_audience(t, &w, "edited", arena_printf(t->arena, "xEvent[eventType = \"view\"].count() = %d", i % 7 + 1).p);
        put_audience(t, &w, "edited too", arena_printf(t->arena, "score > %d", i).p);
        if (i % 50 == 0)
            fold(t, &w);
    }
    fold(t, &w);
    CHECK_TRUE(manifest_slots(t, &w) > 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("edited")), 1); /* the last one: count() = 6 */
    put_audience(t, &w, "edited", "xEvent[eventType = \"view\"].count() = 7");
    event(t, &w, NOW + 10, "*ECID:" ECID1, "e10", "view");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("edited")), 1);
    CHECK_EQ(metric_value(M_HUB_STATES_BUILT), built);
    world_close(&w);
}
