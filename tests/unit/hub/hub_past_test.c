/* hub_past_test.c - memberships at a past instant: what the log says is what was recorded live at that instant, through
 * entries and exits, windows that end, profiles that become one or two, audiences that are edited and deleted, crashes.
 */
#include "hub_fixture.h"

#include "base/limits.h"
#include "hub/hub_int.h"

#define PEOPLE 24
#define PROBES 40

static const char *const audiences[] = {"buyer", "viewer", "often", "idle", "neither", "edited", "deleted"};
#define AUDIENCES (sizeof audiences / sizeof audiences[0])

static enum err
look_back(struct world *w, const struct past_options *o, struct past **out, struct diag *d)
{
    struct past *p = NULL;
    enum err rc = past_new(o, &p, d);

    while (rc == ERR_OK && !past_done(p)) {
        rc = hub_past_slice(w->hub, p, d);
        if (rc == ERR_BUSY)
            rc = hub_drain(w->hub, 10000000, d);
    }
    *out = p;
    return rc;
}

static uint64_t
size_at(struct t *t, struct world *w, const char *audience, int64_t at_ms)
{
    struct past_options o = {.scope = S(SCOPE), .audience = str_of(audience), .at_ms = at_ms};
    struct past *p = NULL;
    uint64_t size;

    CHECK_OK(look_back(w, &o, &p, d));
    size = past_result(p).size;
    past_free(p);
    return size;
}

/* Audiences of a person in one text, "a b "; "?" for an identity that nobody knew yet. */
static struct str
audiences_at(struct t *t, struct world *w, const char *id, int64_t at_ms)
{
    struct past_options o = {.scope = S(SCOPE), .ns = S("CRM"), .id = str_of(id), .at_ms = at_ms};
    struct diag diag = DIAG_INIT;
    struct past *p = NULL;
    struct past_result r;
    struct buf b;
    struct str s;
    enum err rc = look_back(w, &o, &p, &diag);

    CHECK_TRUE(rc == ERR_OK || rc == ERR_NOT_FOUND); /* nobody knows it yet, now or then */
    r = past_result(p);
    buf_init(&b, 1 << 16);
    buf_put(&b, r.known ? S("") : S("?"));
    for (size_t i = 0; i < r.member_count; i++)
        buf_printf(&b, "%.*s ", STR_ARG(r.members[i]));
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    past_free(p);
    return s;
}

/* ---- what is now ---- */

static int
by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
list_members(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct buf *b = ctx;
    struct str list[64];
    size_t n = 0;

    (void)k;
    (void)g;
    for (size_t i = 0; i < p->membership_count; i++) {
        if (p->memberships[i].member)
            list[n++] = p->memberships[i].audience;
    }
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%.*s ", STR_ARG(list[i]));
}

static struct str
audiences_now(struct t *t, struct world *w, const char *id)
{
    struct diag ignored = DIAG_INIT;
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 16);
    if (hub_read_profile(w->hub, S(SCOPE), S("CRM"), str_of(id), t->arena, list_members, &b, &ignored) != ERR_OK)
        buf_put(&b, S("?"));
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* ---- the property ---- */

struct probe {
    int64_t at_ms;
    uint64_t sizes[AUDIENCES];
    struct str people[PEOPLE];
};

static void
put_all(struct t *t, struct world *w)
{
    put_world(t, w);
    put_audience(t, w, "viewer",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 2 days before now)])");
    put_audience(t, w, "often", "xEvent[eventType = \"view\"].count() > 4");
    put_audience(t, w, "idle",
                 "not(chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 days before now)]))");
    put_audience(t, w, "neither", "not(inSegment(\"viewer\")) and not(inSegment(\"often\"))");
    put_audience(t, w, "edited", "xEvent[eventType = \"buy\"].count() = 1");
    put_audience(t, w, "deleted", "xEvent[eventType = \"view\"].count() > 0");
}

static const char *
person(struct t *t, int i)
{
    return arena_printf(t->arena, "p%d", i).p;
}

static void
act(struct t *t, struct world *w, int64_t *now_ms, int step)
{
    int who = (int)rng_below(&t->rng, PEOPLE);
    const char *ids = arena_printf(t->arena, "*CRM:p%d", who).p;

    *now_ms += 1 + (int64_t)rng_below(&t->rng, DAY / 8);
    if (rng_below(&t->rng, 12) == 0) /* two become one */
        ids = arena_printf(t->arena, "*CRM:p%d CRM:p%d", who, (int)rng_below(&t->rng, PEOPLE)).p;
    event(t, w, *now_ms, ids, arena_printf(t->arena, "e%d", step).p, rng_below(&t->rng, 3) == 0 ? "buy" : "view");
}

static struct probe
look(struct t *t, struct world *w, int64_t at_ms)
{
    struct probe p = {.at_ms = at_ms};

    CHECK_OK(hub_tick(w->hub, at_ms, d));
    fold(t, w);
    for (size_t i = 0; i < AUDIENCES; i++)
        p.sizes[i] = hub_audience_size(w->hub, S(SCOPE), str_of(audiences[i]));
    for (int i = 0; i < PEOPLE; i++)
        p.people[i] = audiences_now(t, w, person(t, i));
    return p;
}

static void
check_probe(struct t *t, struct world *w, const struct probe *p)
{
    for (size_t i = 0; i < AUDIENCES; i++)
        CHECK_EQ(size_at(t, w, audiences[i], p->at_ms), p->sizes[i]);
    for (int i = 0; i < PEOPLE; i++)
        CHECK_STR(audiences_at(t, w, person(t, i), p->at_ms), p->people[i]);
}

/* An edit, a deletion, a crash: in the middle of it all. */
static void
disturb(struct t *t, struct world *w, int64_t *now_ms, int probe)
{
    *now_ms += 1000; /* a sweep takes the clock's instant, and a probe is of all that happened at its own */
    CHECK_OK(hub_tick(w->hub, *now_ms, d));
    if (probe == 10)
        put_audience(t, w, "edited", "xEvent[eventType = \"buy\"].count() >= 2");
    if (probe == 20)
        CHECK_OK(config_delete(w->config, S("audience"), S(SCOPE), S("deleted"), NOW, d));
    fold(t, w);
    if (probe % 15 != 14)
        return;
    for (int i = 0; i < 10; i++)
        act(t, w, now_ms, 100000 + probe * 100 + i);
    fold(t, w);
    hub_abandon(w->hub);
    world_reopen(t, w);
    fold(t, w);
}

TEST(prop_as_of_is_what_was)
{
    struct world w;
    struct probe probes[PROBES];
    int64_t now_ms = NOW;

    world_open(t, &w, "w");
    put_all(t, &w);
    world_open_hub(t, &w);
    for (int n = 0; n < PROBES; n++) {
        for (int i = 0; i < 12; i++)
            act(t, &w, &now_ms, n * 100 + i);
        fold(t, &w);
        now_ms += 1 + (int64_t)rng_below(&t->rng, DAY);
        probes[n] = look(t, &w, now_ms);
        check_probe(t, &w, &probes[n]); /* the table alone */
        disturb(t, &w, &now_ms, n);
    }
    for (int n = 0; n < PROBES; n++)
        check_probe(t, &w, &probes[n]);
    CHECK_STR(audiences_at(t, &w, "p1", NOW - 1), S("?"));
    CHECK_EQ(size_at(t, &w, "idle", NOW - 1), 0);
    world_close(&w);
}

/* ---- one thing at a time ---- */

TEST(hub_past_follows_an_identity_through_a_union)
{
    struct world w;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*CRM:buys", "e1", "buy");
    event(t, &w, NOW + 10, "*CRM:looks", "e2", "view");
    event(t, &w, NOW + 20, "*CRM:buys CRM:looks", "e3", "view");
    event(t, &w, NOW + 30, "*CRM:late CRM:looks", "e4", "view");
    fold(t, &w);
    CHECK_STR(audiences_at(t, &w, "looks", NOW + 30), S("buyer "));
    CHECK_STR(audiences_at(t, &w, "looks", NOW + 19), S(""));
    CHECK_STR(audiences_at(t, &w, "buys", NOW + 19), S("buyer "));
    CHECK_STR(audiences_at(t, &w, "looks", NOW + 9), S("?"));
    CHECK_STR(audiences_at(t, &w, "late", NOW + 29), S("?")); /* its profile was there, it was not in it */
    CHECK_STR(audiences_at(t, &w, "late", NOW + 30), S("buyer "));
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 19), 1);
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 20), 1);
    CHECK_STR(audiences_at(t, &w, "nobody", NOW), S("?"));
    world_close(&w);
}

TEST(hub_past_follows_an_identity_that_was_pushed_out)
{
    struct world w;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*CRM:0", "e0", "buy");
    for (int i = 1; i < LIMIT_GRAPH_IDENTITIES + 1; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*CRM:hub CRM:%d", i == 1 ? 0 : i).p,
              arena_printf(t->arena, "e%d", i).p, "view");
    fold(t, &w);
    CHECK_TRUE(profile_id(t, &w, "CRM", "0") != profile_id(t, &w, "CRM", "hub"));
    CHECK_STR(audiences_at(t, &w, "0", NOW), S("buyer "));
    CHECK_STR(audiences_at(t, &w, "0", NOW + LIMIT_GRAPH_IDENTITIES - 1), S("buyer "));
    CHECK_STR(audiences_at(t, &w, "hub", NOW + LIMIT_GRAPH_IDENTITIES - 1), S("buyer "));
    CHECK_STR(audiences_at(t, &w, "hub", NOW), S("?"));
    world_close(&w);
}

/* Folded and told, and lost by the table: until it is folded again the topic is ahead of the table. */
TEST(hub_past_waits_for_what_a_crash_lost)
{
    struct past_options q = {.scope = S(SCOPE), .audience = S("buyer"), .at_ms = NOW - 1};
    struct world w;
    struct consumer *c = NULL;
    struct past *p = NULL;
    struct record r;
    bool got;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*CRM:1", "e1", "buy");
    fold(t, &w);
    event(t, &w, NOW + 10, "*CRM:2", "e2", "buy");
    CHECK_OK(consumer_open(w.collect[0], topic_end(w.collect[0]) - 1, &c, d));
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    CHECK_TRUE(got);
    hub_lock(w.hub);
    CHECK_OK(hub_fold(w.hub, 0, &r, d));
    CHECK_OK(hub_flush(w.hub, d));
    hub_unlock(w.hub);
    consumer_close(c);
    hub_abandon(w.hub);
    world_reopen(t, &w);
    CHECK_EQ(topic_end(w.membership), 2);
    CHECK_OK(past_new(&q, &p, d));
    CHECK_ERR(hub_past_slice(w.hub, p, d), ERR_BUSY);
    past_free(p);
    CHECK_EQ(size_at(t, &w, "buyer", NOW), 1);
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 10), 2);
    CHECK_EQ(size_at(t, &w, "buyer", NOW - 1), 0);
    world_close(&w);
}

/* Asked for an instant that hits on their way may belong to. */
TEST(hub_past_waits_for_hits_on_their_way)
{
    struct past_options q = {.scope = S(SCOPE), .audience = S("buyer"), .at_ms = NOW + 20};
    struct world w;
    struct past *p = NULL;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*CRM:1", "e1", "buy");
    fold(t, &w);
    event(t, &w, NOW + 10, "*CRM:2", "e2", "buy");
    CHECK_OK(past_new(&q, &p, d));
    CHECK_ERR(hub_past_slice(w.hub, p, d), ERR_BUSY);
    past_free(p);
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 20), 2);
    q.at_ms = NOW + 61 * DAY; /* the window of the first has ended by then, and the hub has not come there */
    CHECK_OK(past_new(&q, &p, d));
    CHECK_ERR(hub_past_slice(w.hub, p, d), ERR_BUSY);
    past_free(p);
    CHECK_OK(hub_tick(w.hub, NOW + 61 * DAY, d));
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 61 * DAY), 0);
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 60 * DAY), 2);
    CHECK_EQ(size_at(t, &w, "buyer", NOW + 60 * DAY + 1), 1);
    world_close(&w);
}

TEST(hub_past_refuses_what_retention_took)
{
    struct topic_options o = {.name = "membership", .writable = true, .retention_ms = DAY};
    struct past_options q = {.scope = S(SCOPE), .audience = S("buyer"), .at_ms = NOW + DAY};
    struct world w;
    struct past *p = NULL;
    struct diag diag = DIAG_INIT;

    world_open(t, &w, "w");
    config_close(w.config);
    pipeline_close(w.pipeline);
    {
        struct pipeline_options po = {
            .os = w.os, .dir = arena_printf(t->arena, "%s/log", w.dir).p, .segment_bytes = 4096};
        CHECK_OK(pipeline_open(&po, &w.pipeline, d));
        CHECK_OK(pipeline_topic(w.pipeline, &o, &w.membership, d));
        o.name = "collect";
        o.retention_ms = 0;
        CHECK_OK(pipeline_topic(w.pipeline, &o, &w.collect[0], d));
        o.name = "config";
        o.compacted = true;
        CHECK_OK(pipeline_topic(w.pipeline, &o, &w.config_topic, d));
        CHECK_OK(config_open(&(struct config_options){.os = w.os, .topic = w.config_topic}, &w.config, d));
    }
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i < 100; i++) {
        event(t, &w, NOW + i * (DAY / 10), arena_printf(t->arena, "*CRM:%d", i).p, arena_printf(t->arena, "e%d", i).p,
              "buy");
        fold(t, &w);
    }
    CHECK_EQ(size_at(t, &w, "buyer", NOW + DAY), 11);
    CHECK_OK(topic_maintain(w.membership, NOW + 10 * DAY, d));
    CHECK_TRUE(topic_begin(w.membership) > 20);
    CHECK_EQ(look_back(&w, &q, &p, &diag), ERR_NOT_FOUND);
    CHECK_TRUE(strstr(diag.what, "goes back to 2026-01-") != NULL);
    past_free(p);
    q.at_ms = NOW + 9 * DAY + DAY / 2;
    CHECK_OK(look_back(&w, &q, &p, d));
    CHECK_EQ(past_result(p).size, 96);
    CHECK_TRUE(past_result(p).records < 60); /* whole segments before it were not read */
    past_free(p);
    world_close(&w);
}

/* An identity that an older profile takes over, again and again. */
TEST(hub_past_moves_at_their_limit)
{
    struct past_options q = {.scope = S(SCOPE), .ns = S("CRM"), .id = S("x"), .at_ms = NOW + 1000};
    struct world w;
    struct past *p = NULL;
    struct diag diag = DIAG_INIT;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i <= LIMIT_PAST_MOVES; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*CRM:old%d", i).p, arena_printf(t->arena, "o%d", i).p, "view");
    event(t, &w, NOW + 1000, "*CRM:x", "x", "buy");
    for (int i = LIMIT_PAST_MOVES; i >= 0; i--) {
        event(t, &w, NOW + 3000 - i, arena_printf(t->arena, "*CRM:x CRM:old%d", i).p,
              arena_printf(t->arena, "m%d", i).p, "view");
        fold(t, &w);
        if (i > 1)
            continue;
        CHECK_EQ(look_back(&w, &q, &p, &diag), i == 1 ? ERR_OK : ERR_LIMIT);
        CHECK_EQ(past_result(p).member_count, i == 1);
        past_free(p);
    }
    CHECK_TRUE(strstr(diag.what, "moved between profiles more than 64 times") != NULL);
    world_close(&w);
}

TEST(hub_past_reads_so_many_records_at_once)
{
    struct past_options q = {.scope = S(SCOPE), .audience = S("buyer"), .at_ms = NOW - 1};
    struct world w;
    struct past *p = NULL;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i <= LIMIT_PAST_RECORDS; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*CRM:%d", i).p, arena_printf(t->arena, "e%d", i).p, "buy");
    fold(t, &w);
    CHECK_OK(past_new(&q, &p, d));
    CHECK_OK(hub_past_slice(w.hub, p, d));
    CHECK_TRUE(!past_wants_state(p));
    CHECK_OK(hub_past_slice(w.hub, p, d));
    CHECK_TRUE(!past_done(p));
    CHECK_EQ(past_result(p).records, LIMIT_PAST_RECORDS);
    CHECK_EQ(past_result(p).records_end, LIMIT_PAST_RECORDS + 1);
    CHECK_OK(hub_past_slice(w.hub, p, d));
    CHECK_TRUE(past_done(p));
    CHECK_EQ(past_result(p).size, 0);
    past_free(p);
    world_close(&w);
}
