/* hub_census_test.c - counting audiences over all profiles: the vectorised answers are those of the memberships, which
 * the incremental evaluator keeps; folding goes on between slices; a membership that is wrong is found and repaired. */
#include "hub_fixture.h"

#include "codec/pack.h"
#include "hub/hub_int.h"
#include "pql/pql.h"
#include "rule/rule_graph.h"

struct counting {
    const struct snapshot *snap;
    struct rule *rule; /* of an expression that is not saved */
    struct census *census;
};

/* An expression, or with NULL: all audiences, compared. */
static struct counting
counting(struct t *t, struct world *w, const char *pql, const int64_t *since_ms)
{
    struct counting c = {.snap = snapshot_get(w->config)};
    const struct scope_view *view = snapshot_scope(c.snap, S(SCOPE));
    const struct segment_set *set = &view->hub_segments;
    size_t n = pql != NULL ? 1 : set->count, refs;
    struct rule_audience *list = ARENA_ARRAY(t->arena, struct rule_audience, n);
    struct census_options o = {.scope = S(SCOPE),
                               .audiences = list,
                               .count = n,
                               .compare = pql == NULL,
                               .graph_version = rule_graph_version(set->graph),
                               .since_ms = since_ms,
                               .sample_max = 10};
    const struct str *ids;

    if (pql != NULL)
        CHECK_OK(pql_compile(str_of(pql), true, &c.rule, NULL, d));
    list[0] = (struct rule_audience){S("preview"), c.rule};
    for (size_t i = 0; pql == NULL && i < n; i++)
        list[i] =
            (struct rule_audience){set->ids[i], snapshot_audience_rule(c.snap, S(SCOPE), set->ids[i], &ids, &refs)};
    CHECK_OK(census_new(&o, &c.census, d));
    return c;
}

static void
counting_close(struct world *w, struct counting *c)
{
    census_free(c->census);
    rule_free(c->rule);
    snapshot_put(w->config, c->snap);
}

/* Number of profiles whose memberships were wrong; they are repaired. */
static size_t
count_all(struct t *t, struct world *w, struct counting *c)
{
    size_t wrong = 0;

    while (!census_done(c->census)) {
        const uint64_t *ids;
        size_t n = 0;
        CHECK_OK(hub_census_slice(w->hub, c->census, d));
        if (!census_full(c->census))
            continue;
        CHECK_OK(census_run(c->census, d));
        ids = census_wrong(c->census, &n);
        for (size_t i = 0; i < n; i++)
            CHECK_OK(hub_census_repair(w->hub, S(SCOPE), ids[i], d));
        wrong += n;
    }
    return wrong;
}

static uint64_t
members(struct t *t, struct world *w, const char *pql)
{
    struct counting c = counting(t, w, pql, NULL);
    uint64_t n;

    CHECK_EQ(count_all(t, w, &c), 0);
    n = census_result(c.census).audiences[0].members;
    counting_close(w, &c);
    return n;
}

static void
record(struct t *t, struct world *w, int64_t now_ms, const char *ids, const char *json)
{
    say(t, w, now_ms,
        (struct say){.kind = HIT_RECORD, .source = SOURCE_STREAM, .ids = ids, .json = json, .dataset = "crm"});
}

TEST(hub_census_counts_what_is_not_saved)
{
    struct world w;
    struct counting c;
    struct census_result r;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "view");
    record(t, &w, NOW + 2, "*CRM:1", "{'tier':'gold'}");
    event(t, &w, NOW + 3, "ECID:" ECID1 " *CRM:1", "e3", "view");
    fold(t, &w);
    CHECK_EQ(members(t, &w, "tier = \"gold\""), 1);
    CHECK_EQ(members(t, &w, "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\")])"), 2);
    CHECK_EQ(members(t, &w, "xEvent[eventType = \"view\"].count() = 1 and not(tier = \"gold\")"), 1);
    CHECK_EQ(members(t, &w, "inSegment(\"buyer\")"), 1);
    CHECK_EQ(members(t, &w, "not(inSegment(\"buyer\"))"), 1);
    c = counting(t, &w, BOUGHT, NULL);
    CHECK_EQ(count_all(t, &w, &c), 0);
    r = census_result(c.census);
    CHECK_EQ(r.profiles, 2);
    CHECK_EQ(r.audiences[0].members, hub_audience_size(w.hub, S(SCOPE), S("buyer")));
    CHECK_EQ(r.namespace_count, 2);
    CHECK_EQ(r.audiences[0].by_namespace[0], 1);
    CHECK_EQ(r.audiences[0].by_namespace[1], 1);
    CHECK_EQ(r.sample.count, 1);
    CHECK_EQ(r.now_ms, NOW + 3);
    counting_close(&w, &c);
    world_close(&w);
}

TEST(hub_census_of_an_unknown_scope)
{
    struct world w;
    struct rule_audience a = {S("a"), NULL};
    struct census_options o = {.scope = S(ORG "/nowhere"), .audiences = &a, .count = 1};
    struct rule *rule = NULL;
    struct census *c = NULL;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    CHECK_OK(pql_compile(S("tier = \"gold\""), true, &rule, NULL, d));
    a.rule = rule;
    CHECK_OK(census_new(&o, &c, d));
    CHECK_ERR(hub_census_slice(w.hub, c, d), ERR_NOT_FOUND);
    census_free(c);
    rule_free(rule);
    world_close(&w);
}

TEST(hub_census_folds_between_slices)
{
    struct world w;
    struct counting c;
    uint64_t before;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i < 100; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*CRM:%d", i).p, arena_printf(t->arena, "e%d", i).p, "view");
    fold(t, &w);
    c = counting(t, &w, "xEvent.count() >= 1", NULL);
    CHECK_OK(hub_census_slice(w.hub, c.census, d));
    for (int i = 0; i < 50; i++) /* half of the people become one of the others */
        event(t, &w, NOW + 200 + i, arena_printf(t->arena, "*CRM:%d CRM:%d", i, i + 50).p,
              arena_printf(t->arena, "m%d", i).p, "view");
    fold(t, &w);
    CHECK_EQ(count_all(t, &w, &c), 0);
    before = census_result(c.census).profiles;
    CHECK_TRUE(before >= 50 && before <= 50 + 16); /* those of the first slice were copied before */
    CHECK_EQ(census_result(c.census).audiences[0].members, before);
    counting_close(&w, &c);
    CHECK_EQ(members(t, &w, "xEvent.count() >= 1"), 50);
    world_close(&w);
}

static void
put_audiences(struct t *t, struct world *w)
{
    put_audience(t, w, "gold", "tier = \"gold\"");
    put_audience(t, w, "gold-buyer", "inSegment(\"gold\") and inSegment(\"buyer\")");
    put_audience(t, w, "today", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 days before now)])");
    put_audience(t, w, "often", "xEvent[eventType = \"view\"].count() > 2");
    put_audience(t, w, "sequence",
                 "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), B: WHAT(eventType = \"buy\")])");
    put_audience(t, w, "idle",
                 "not(chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before "
                 "now)])) and tier.isNotNull()");
}

TEST(hub_census_agrees_with_memberships)
{
    static const char *const types[] = {"view", "view", "buy", "other"}, *const tiers[] = {"gold", "blue"};
    struct world w;
    int64_t now_ms = NOW;

    world_open(t, &w, "w");
    put_world(t, &w);
    put_audiences(t, &w);
    world_open_hub(t, &w);
    for (int round = 0; round < 6; round++) {
        struct counting c;
        struct census_result r;
        const struct segment_set *set;
        for (int i = 0; i < 150; i++) {
            const char *ids = arena_printf(t->arena, "*CRM:%d", (int)rng_below(&t->rng, 60)).p;
            now_ms += (int64_t)rng_below(&t->rng, 20 * 60 * 1000);
            if (rng_below(&t->rng, 5) == 0)
                record(t, &w, now_ms, ids, arena_printf(t->arena, "{'tier':'%s'}", tiers[rng_below(&t->rng, 2)]).p);
            else
                event(t, &w, now_ms, ids, arena_printf(t->arena, "e%d-%d", round, i).p, types[rng_below(&t->rng, 4)]);
        }
        fold(t, &w);
        now_ms += (int64_t)rng_below(&t->rng, 9 * DAY);
        CHECK_OK(hub_tick(w.hub, now_ms, d));
        c = counting(t, &w, NULL, NULL);
        set = &snapshot_scope(c.snap, S(SCOPE))->hub_segments;
        CHECK_EQ(count_all(t, &w, &c), 0);
        r = census_result(c.census);
        for (size_t k = 0; k < set->count; k++) {
            CHECK_EQ(r.audiences[k].members, hub_audience_size(w.hub, S(SCOPE), set->ids[k]));
            CHECK_EQ(r.audiences[k].realized + r.audiences[k].existing, r.audiences[k].members);
            CHECK_EQ(r.audiences[k].wrong, 0);
            CHECK_EQ(r.audiences[k].undecided, 0);
        }
        counting_close(&w, &c);
    }
    world_close(&w);
}

static const char *const names[] = {"buyer", "gold", "gold-buyer", "today", "often", "sequence", "idle"};

/* By index in the names. */
static void
is_member(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    bool *members = ctx;

    (void)k;
    (void)g;
    for (size_t i = 0; i < 7; i++) {
        const struct profile_membership *m = profile_membership(p, str_of(names[i]));
        members[i] = m != NULL && m->member;
    }
}

/* A difference of two audiences is that of their members, one by one. */
TEST(hub_census_diff_agrees_with_memberships)
{
    static const char *const types[] = {"view", "view", "buy", "other"};
    struct world w;
    bool members[40][7] = {{0}};
    int64_t now_ms = NOW;
    const struct snapshot *snap;

    world_open(t, &w, "w");
    put_world(t, &w);
    put_audiences(t, &w);
    world_open_hub(t, &w);
    for (int i = 0; i < 400; i++) {
        const char *ids = arena_printf(t->arena, "*CRM:%d", i < 40 ? i : (int)rng_below(&t->rng, 40)).p;
        now_ms += (int64_t)rng_below(&t->rng, 60 * 60 * 1000);
        if (rng_below(&t->rng, 5) == 0)
            record(t, &w, now_ms, ids, rng_below(&t->rng, 2) == 0 ? "{'tier':'gold'}" : "{'tier':'blue'}");
        else
            event(t, &w, now_ms, ids, arena_printf(t->arena, "e%d", i).p, types[rng_below(&t->rng, 4)]);
    }
    fold(t, &w);
    for (int i = 0; i < 40; i++)
        CHECK_OK(hub_read_profile(w.hub, S(SCOPE), S("CRM"), str_of(arena_printf(t->arena, "%d", i).p), t->arena,
                                  is_member, members[i], d));
    snap = snapshot_get(w.config);
    for (size_t a = 0; a < 7; a++) {
        for (size_t b = 0; b < 7; b++) {
            const struct str *refs;
            size_t n, entering = 0, leaving = 0, staying = 0;
            struct rule_audience both[] = {
                {str_of(names[a]), snapshot_audience_rule(snap, S(SCOPE), str_of(names[a]), &refs, &n)},
                {S("after"), snapshot_audience_rule(snap, S(SCOPE), str_of(names[b]), &refs, &n)}};
            struct census_options o = {.scope = S(SCOPE), .audiences = both, .count = 2, .diff = true};
            struct counting c = {0};
            struct census_diff diff;
            CHECK_OK(census_new(&o, &c.census, d));
            CHECK_EQ(count_all(t, &w, &c), 0);
            diff = census_result(c.census).diff;
            for (int i = 0; i < 40; i++) {
                entering += !members[i][a] && members[i][b];
                leaving += members[i][a] && !members[i][b];
                staying += members[i][a] && members[i][b];
            }
            CHECK_EQ(diff.entering, entering);
            CHECK_EQ(diff.leaving, leaving);
            CHECK_EQ(diff.staying, staying);
            census_free(c.census);
        }
    }
    snapshot_put(w.config, snap);
    world_close(&w);
}

TEST(hub_census_counts_what_moved_since) /* [SEGMENTATION 15.2] */
{
    const int64_t since_ms[] = {NOW + 10};
    struct world w;
    struct counting c;
    struct census_counts n;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW - 59 * DAY, "*CRM:1", "e1", "buy"); /* leaves in a day */
    event(t, &w, NOW + 10, "*CRM:2", "e2", "buy");       /* at the instant: before */
    event(t, &w, NOW + 11, "*CRM:3", "e3", "buy");
    CHECK_OK(hub_tick(w.hub, NOW + 2 * DAY, d));
    c = counting(t, &w, NULL, since_ms);
    CHECK_EQ(count_all(t, &w, &c), 0);
    n = census_result(c.census).audiences[0];
    CHECK_EQ(n.members, 2);
    CHECK_EQ(n.existing, 1);
    CHECK_EQ(n.realized, 1);
    CHECK_EQ(n.exited, 1);
    counting_close(&w, &c);
    world_close(&w);
}

/* Turns an entry around behind the hub's back. */
static void
falsify(struct t *t, struct world *w, const char *id, const char *audience)
{
    struct profile p = {0};
    struct profile_membership m;

    CHECK_OK(profile_load(w->hub->kv, &w->hub->names, S(SCOPE), profile_id(t, w, "CRM", id), t->arena, &p, d));
    CHECK_TRUE(profile_membership(&p, str_of(audience)) != NULL);
    m = *profile_membership(&p, str_of(audience));
    m.member = !m.member;
    CHECK_OK(profile_put_membership(&p, &m, d));
    CHECK_OK(profile_save(w->hub->kv, &p, 0, d));
}

TEST(hub_census_finds_and_repairs)
{
    struct world w;
    struct counting c;
    struct entries told;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    for (int i = 1; i <= 40; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*CRM:%d", i).p, arena_printf(t->arena, "e%d", i).p, "buy");
    fold(t, &w);
    for (int i = 1; i <= 20; i++)
        falsify(t, &w, arena_printf(t->arena, "%d", i).p, "buyer");
    c = counting(t, &w, NULL, NULL);
    CHECK_EQ(count_all(t, &w, &c), 20);
    CHECK_EQ(census_result(c.census).audiences[0].members, 40);
    CHECK_EQ(census_result(c.census).audiences[0].wrong, 20);
    CHECK_EQ(census_result(c.census).profiles, 40); /* the second look counts nobody twice */
    counting_close(&w, &c);
    fold(t, &w);
    told = read_memberships(t, &w);
    CHECK_EQ(told.n, 60);
    CHECK_EQ(told.items[59].member, true);
    c = counting(t, &w, NULL, NULL);
    CHECK_EQ(count_all(t, &w, &c), 0);
    counting_close(&w, &c);
    world_close(&w);
}

TEST(hub_census_waits_for_the_sweep)
{
    struct world w;
    struct counting old, now;

    world_open(t, &w, "w");
    put_world(t, &w);
    world_open_hub(t, &w);
    event(t, &w, NOW, "*CRM:1", "e1", "buy");
    fold(t, &w);
    old = counting(t, &w, NULL, NULL);
    CHECK_OK(hub_census_slice(w.hub, old.census, d));
    put_audience(t, &w, "gold", "tier = \"gold\"");
    now = counting(t, &w, NULL, NULL);
    CHECK_ERR(hub_census_slice(w.hub, now.census, d), ERR_BUSY); /* the hub has not seen it */
    fold(t, &w);
    CHECK_ERR(hub_census_slice(w.hub, old.census, d), ERR_BUSY); /* and is past it now */
    CHECK_EQ(count_all(t, &w, &now), 0);
    counting_close(&w, &old);
    counting_close(&w, &now);
    world_close(&w);
}
