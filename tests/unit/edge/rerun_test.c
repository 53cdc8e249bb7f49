/* Worlds of recorded requests: how many visitors they hold, whom they know, and what they do not know. What they decide
 * is tests/api/target_what_if_test.py. */
#include "base/limits.h"
#include "edge/delivery.h"
#include "edge/edge_rerun.h"
#include "edge_rig.h"

#define NOW ((int64_t)1767225600000)
#define DAY_MS (24LL * 3600 * 1000)
#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"

struct rig {
    struct edge_rig edge;
    struct delivery *delivery;
    struct rerun_ops ops;
    struct rerun *world;
};

static void
open_world(struct t *t, struct rig *g, struct rerun_options o)
{
    o.scope = S(SCOPE);
    g->edge = edge_rig_open(t);
    edge_rig_put(&g->edge, "org", ORG, ORG, "{\"id\":\"" ORG "\",\"tenant\":\"acme\",\"clientCode\":\"acme\"}");
    edge_rig_put(&g->edge, "sandbox", ORG, "prod", "{\"name\":\"prod\",\"title\":\"P\",\"type\":\"production\"}");
    CHECK_OK(delivery_open(&(struct delivery_options){.edge = g->edge.edge, .edge_host = ""}, &g->delivery, d));
    g->ops = delivery_rerun(g->delivery);
    CHECK_OK(g->ops.open(g->ops.ctx, &o, &g->world, d));
}

static void
close_world(struct rig *g)
{
    g->ops.close(g->world);
    delivery_close(g->delivery);
    edge_rig_close(&g->edge);
}

/* A recorded request of visitor n; asked NULL: recorded without the setting. */
static struct hit
request(struct t *t, int n, const char *asked)
{
    struct hit_visit *v = ARENA_NEW(t->arena, struct hit_visit);
    struct identity *who = ARENA_NEW(t->arena, struct identity);
    struct hit h = {.kind = HIT_VISIT, .source = SOURCE_EDGE, .scope = S(SCOPE), .request_id = S("r"), .visit = v};

    *who = (struct identity){.ns = S("tntId"), .id = arena_printf(t->arena, "visitor%d", n), .primary = true};
    *v = (struct hit_visit){.at = *who, .tnt_id = who->id, .session = S("s"), .page = true};
    h.identities = (struct identity_set){who, 1};
    if (asked != NULL)
        CHECK_OK(json_parse(str_of(asked), t->arena, &v->asked, d));
    CHECK_OK(json_parse(S("{\"context\":{\"channel\":\"web\"},\"execute\":{\"pageLoad\":{}}}"), t->arena, &h.xdm, d));
    return h;
}

static enum rerun_missing
missing(struct t *t, struct rig *g, const struct hit *h, int64_t now_ms)
{
    const struct snapshot *snap = snapshot_get(g->edge.config);
    struct rerun_result r;

    CHECK_OK(g->ops.decide(g->world, snap, h, now_ms, false, t->arena, &r, d));
    snapshot_put(g->edge.config, snap);
    CHECK_TRUE(r.asked);
    return r.missing;
}

TEST(rerun_visitors_at_and_past_the_limit)
{
    struct rig g;
    struct hit h;
    struct rerun *copy = NULL;
    struct diag full = DIAG_INIT;

    open_world(t, &g, (struct rerun_options){.share = 10000, .bytes_max = 1000, .from_beginning = true});
    for (int i = 0;; i++) {
        enum err rc;
        h = request(t, i, NULL);
        rc = g.ops.record(g.world, &h, NOW, t->arena, &full);
        CHECK_TRUE(i < 100);
        if (rc != ERR_OK) {
            CHECK_EQ(rc, ERR_LIMIT);
            CHECK_TRUE(i >= 2 && strstr(full.what, "smaller share") != NULL);
            break;
        }
        CHECK_OK(g.ops.record(g.world, &h, NOW, t->arena, d)); /* the same one again takes no more */
    }
    CHECK_OK(g.ops.copy(g.world, &copy, d));
    g.ops.close(copy);
    close_world(&g);
}

TEST(rerun_a_share_is_the_same_each_time)
{
    struct rig g;
    const struct snapshot *snap;
    int in = 0;

    open_world(t, &g, (struct rerun_options){.share = 2500, .bytes_max = 1 << 20, .from_beginning = true});
    snap = snapshot_get(g.edge.config);
    for (int i = 0; i < 400; i++) {
        struct hit h = request(t, i, NULL);
        struct rerun_result one, two;
        CHECK_OK(g.ops.decide(g.world, snap, &h, NOW, false, t->arena, &one, d));
        CHECK_OK(g.ops.decide(g.world, snap, &h, NOW, false, t->arena, &two, d));
        CHECK_EQ(one.asked, two.asked);
        in += one.asked;
    }
    snapshot_put(g.edge.config, snap);
    CHECK_TRUE(in > 50 && in < 150);
    close_world(&g);
}

/* A visitor of whom the log may not have the beginning is not decided again. */
TEST(rerun_history_that_the_log_does_not_have)
{
    struct rig g;
    struct hit silent = request(t, 1, NULL), was_here = request(t, 2, "{\"before\":1}"), new = request(t, 3, "{}"),
               next;

    open_world(t, &g, (struct rerun_options){.share = 10000, .bytes_max = 1 << 20, .begins_ms = NOW});
    CHECK_EQ(missing(t, &g, &silent, NOW + DAY_MS), RERUN_HISTORY);
    CHECK_EQ(missing(t, &g, &silent, NOW + DAY_MS + 1), RERUN_HISTORY); /* and nothing of his afterwards */
    silent = request(t, 4, NULL);
    CHECK_EQ(missing(t, &g, &silent, NOW + LIMIT_EDGE_PROFILE_TTL_MS - 1), RERUN_HISTORY);
    silent = request(t, 5, NULL);
    CHECK_EQ(missing(t, &g, &silent, NOW + LIMIT_EDGE_PROFILE_TTL_MS),
             RERUN_EXACT); /* whoever was there is forgotten */
    CHECK_EQ(missing(t, &g, &was_here, NOW), RERUN_HISTORY);
    CHECK_EQ(missing(t, &g, &new, NOW), RERUN_EXACT); /* the hit says so */
    next = request(t, 3, arena_printf(t->arena, "{\"before\":%lld}", (long long)NOW).p);
    CHECK_EQ(missing(t, &g, &next, NOW + 5), RERUN_EXACT);
    next = request(t, 3, arena_printf(t->arena, "{\"before\":%lld}", (long long)NOW).p);
    CHECK_EQ(missing(t, &g, &next, NOW + 9), RERUN_HISTORY); /* made from a copy that did not have the one before */
    next = request(t, 3, arena_printf(t->arena, "{\"before\":%lld}", (long long)NOW + 9).p);
    CHECK_EQ(missing(t, &g, &next, NOW + 10), RERUN_EXACT);
    close_world(&g);
}

/* This world gives a visitor activities 0 to n - 1, of each the experience of the same number. */
static struct str
give(struct t *t, int n)
{
    struct str given = S_NULL;

    for (int i = 0; i < n; i++) {
        struct str number = arena_printf(t->arena, "%d", i);
        struct rerun_decision x = {.activity = number, .experience = number};
        given = rerun_give(given, &x, 1, t->arena);
    }
    return given;
}

TEST(rerun_given_at_and_past_the_limit)
{
    struct edge_rerun r = {.given = give(t, LIMIT_RERUN_GIVEN - 1), .was_given = true};
    struct rerun_decision again = {.activity = S("0"), .experience = S("new")};
    struct str e = S_NULL;

    CHECK_TRUE(!rerun_given(&r, S("never"), &e));
    CHECK_EQ(r.result.missing, RERUN_EXACT);
    r.given = give(t, LIMIT_RERUN_GIVEN);
    CHECK_TRUE(rerun_given(&r, S("0"), &e)); /* the oldest is there still */
    CHECK_STR(e, S("0"));
    CHECK_EQ(r.result.missing, RERUN_EXACT);
    r.given = rerun_give(r.given, &again, 1, t->arena); /* the same activity takes no place */
    CHECK_TRUE(rerun_given(&r, S("0"), &e));
    CHECK_STR(e, S("new"));
    CHECK_TRUE(rerun_given(&r, S("1"), &e));
    r.given = give(t, LIMIT_RERUN_GIVEN + 1);
    CHECK_TRUE(rerun_given(&r, S("1"), &e));
    CHECK_TRUE(!rerun_given(&r, S("0"), &e)); /* forgotten, so nobody knows */
    CHECK_EQ(r.result.missing, RERUN_HISTORY);
}

TEST(rerun_given_by_one_request)
{
    struct rerun_decision many[LIMIT_RERUN_GIVEN + 2];
    struct edge_rerun r = {.was_given = true};
    struct str e = S_NULL;

    for (int i = 0; i < LIMIT_RERUN_GIVEN + 1; i++)
        many[i] = (struct rerun_decision){.activity = arena_printf(t->arena, "%d", i), .experience = S("x")};
    many[LIMIT_RERUN_GIVEN + 1] = (struct rerun_decision){.activity = S("5"), .experience = S("y")};
    r.given = rerun_give(S("old\x1f"
                           "1\x1e"),
                         many, LIMIT_RERUN_GIVEN + 2, t->arena);
    CHECK_TRUE(rerun_given(&r, S("5"), &e));
    CHECK_STR(e, S("y")); /* the last one of a request counts */
    CHECK_TRUE(rerun_given(&r, S("1"), &e));
    CHECK_TRUE(!rerun_given(&r, S("0"), &e) && !rerun_given(&r, S("old"), &e));
}
