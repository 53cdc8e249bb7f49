/* Worlds of recorded requests: how many visitors they hold, whom they know, and what they do not know. What they decide
 * is tests/api/target_what_if_test.py. */
#include "base/limits.h"
#include "edge/delivery.h"
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
