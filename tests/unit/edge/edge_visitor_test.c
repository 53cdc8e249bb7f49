/* Which visitor a request is of: the rules of edge_visitor.h, each with the hit that it makes  [TARGET 7.1]. */
#include "base/limits.h"
#include "edge/edge_visitor.h"
#include "edge_rig.h"

#define NOW ((int64_t)1767225600000)
#define ECID1 "46116860184273879041234567890123456789"
#define DAY_MS (24LL * 3600 * 1000)

struct rig {
    struct edge_rig edge;
    struct t *t;
    int64_t now_ms;
    struct edge_visitor found; /* by the last request */
};

static struct rig
rig_open(struct t *t)
{
    return (struct rig){.edge = edge_rig_open(t), .t = t, .now_ms = NOW};
}

static void
rig_close(struct rig *g)
{
    edge_rig_close(&g->edge);
}

static void
find(struct rig *g, const struct edge_visitor_ids *ids)
{
    struct t *t = g->t;
    const struct snapshot *snap = snapshot_get(g->edge.config);

    CHECK_OK(edge_visitor_find(g->edge.edge, snap, S("o/s"), ids, &t->rng, g->now_ms, t->arena, &g->found, d));
    snapshot_put(g->edge.config, snap);
}

/* A request of these ids that leaves an attribute, as the delivery API makes it. */
static void
visit(struct rig *g, const struct edge_visitor_ids *ids, const char *attributes)
{
    struct t *t = g->t;
    struct edge_write w = {.edge = g->edge.edge, .arena = t->arena, .now_ms = g->now_ms};
    struct identity who[2];
    struct hit_visit x = {.session = S("s"), .page = true, .third_party_id = ids->third_party_id};
    struct hit h = {.kind = HIT_VISIT, .source = SOURCE_EDGE, .scope = S("o/s"), .identities = {who, 1}, .visit = &x};

    find(g, ids);
    x.at = g->found.at;
    x.links = g->found.links;
    x.absorbs = g->found.absorbs;
    x.tnt_id = g->found.tnt_id;
    who[0] = g->found.at;
    who[0].primary = true;
    if (ids->ecid.n > 0)
        who[h.identities.n++] = (struct identity){.ns = S("ECID"), .id = ids->ecid};
    CHECK_OK(json_parse(str_of(attributes), t->arena, &h.profile_params, d));
    CHECK_OK(edge_append(&w, &h, NULL, NULL, d));
    g->now_ms++;
}

static struct str
attribute(struct rig *g, const struct edge_visitor_ids *ids, struct str name)
{
    const struct visitor_attribute *x;

    find(g, ids);
    x = visitor_attribute(&g->found.visitor, name);
    return x == NULL ? S_NULL : x->json;
}

static const struct edge_visitor_ids t1 = {.tnt_id = {"t1", 2}}, t2 = {.tnt_id = {"t2", 2}};
static const struct edge_visitor_ids e1 = {.ecid = {ECID1, ECID_BYTES}};
static const struct edge_visitor_ids p1 = {.third_party_id = {"p1", 2}}, p2 = {.third_party_id = {"p2", 2}};

static struct edge_visitor_ids
with(struct edge_visitor_ids a, struct edge_visitor_ids b)
{
    return (struct edge_visitor_ids){.tnt_id = a.tnt_id.n > 0 ? a.tnt_id : b.tnt_id,
                                     .third_party_id = a.third_party_id.n > 0 ? a.third_party_id : b.third_party_id,
                                     .ecid = a.ecid.n > 0 ? a.ecid : b.ecid};
}

TEST(edge_visitor_of_nobody_is_new)
{
    struct edge_visitor_ids none = {0}, again = {0};
    struct rig g = rig_open(t);

    visit(&g, &none, "{\"x\":1}");
    CHECK_TRUE(!g.found.known);
    CHECK_EQ(g.found.tnt_id.n, 32);
    CHECK_STR(g.found.at.ns, S("tntId"));
    CHECK_STR(g.found.at.id, g.found.tnt_id);
    again.tnt_id = arena_printf(t->arena, "%.*s.35_0", STR_ARG(g.found.tnt_id)); /* [TARGET 0.3] */
    CHECK_STR(attribute(&g, &again, S("x")), S("1"));
    CHECK_TRUE(g.found.known);
    CHECK_EQ(g.found.links.n, 0);
    rig_close(&g);
}

TEST(edge_visitor_of_an_ecid_is_given_a_tnt_id) /* [TARGET 7.1] */
{
    struct edge_visitor_ids only = {0};
    struct rig g = rig_open(t);
    struct str tnt_id;

    visit(&g, &e1, "{\"x\":1}");
    tnt_id = arena_str(t->arena, g.found.tnt_id);
    CHECK_EQ(tnt_id.n, 32);
    CHECK_STR(g.found.at.ns, S("ECID"));
    CHECK_STR(attribute(&g, &e1, S("x")), S("1"));
    CHECK_STR(g.found.tnt_id, tnt_id);
    only.tnt_id = tnt_id;
    CHECK_STR(attribute(&g, &only, S("x")), S("1"));
    rig_close(&g);
}

TEST(edge_visitor_aliases_reach_one_profile) /* [TARGET 12.180] */
{
    struct edge_visitor_ids both = with(e1, p1), all = with(with(t1, e1), p1);
    struct rig g = rig_open(t);

    visit(&g, &both, "{\"x\":1}");
    CHECK_STR(attribute(&g, &e1, S("x")), S("1"));
    CHECK_STR(attribute(&g, &p1, S("x")), S("1"));
    visit(&g, &all, "{\"y\":2}");
    CHECK_STR(attribute(&g, &t1, S("y")), S("2"));
    rig_close(&g);
}

TEST(edge_visitor_logs_in_on_an_anonymous_profile) /* [TARGET 7.1] P unknown: it becomes his */
{
    struct edge_visitor_ids both = with(t1, p1);
    struct rig g = rig_open(t);

    visit(&g, &t1, "{\"x\":1}");
    visit(&g, &both, "{\"y\":2}");
    CHECK_STR(g.found.at.id, S("t1"));
    CHECK_STR(attribute(&g, &p1, S("x")), S("1"));
    CHECK_STR(attribute(&g, &p1, S("y")), S("2"));
    CHECK_TRUE(g.found.visitor.named);
    rig_close(&g);
}

TEST(edge_visitor_known_by_name_wins) /* [TARGET 12.119] */
{
    struct edge_visitor_ids both = with(t1, p1);
    struct rig g = rig_open(t);

    visit(&g, &p1, "{\"x\":\"p1\"}");
    visit(&g, &t1, "{\"x\":\"anonymous\",\"y\":2}");
    find(&g, &both);
    CHECK_STR(visitor_attribute(&g.found.visitor, S("x"))->json, S("\"p1\"")); /* on this request already */
    CHECK_STR(visitor_attribute(&g.found.visitor, S("y"))->json, S("2"));
    CHECK_EQ(g.found.absorbs.n, 1);
    visit(&g, &both, "{}");
    CHECK_STR(attribute(&g, &t1, S("x")), S("\"p1\""));
    CHECK_STR(attribute(&g, &p1, S("y")), S("2"));
    CHECK_EQ(g.found.absorbs.n, 0);
    rig_close(&g);
}

TEST(edge_visitor_logs_in_as_somebody_else) /* [TARGET 7.1, 12.119]: the other's profile stays his */
{
    struct edge_visitor_ids first = with(t1, p1), second = with(t1, p2);
    struct rig g = rig_open(t);

    visit(&g, &first, "{\"who\":1}");
    visit(&g, &second, "{\"who\":2}");
    CHECK_TRUE(!g.found.known);
    CHECK_STR(attribute(&g, &p1, S("who")), S("1"));
    CHECK_STR(attribute(&g, &p2, S("who")), S("2"));
    CHECK_STR(attribute(&g, &t1, S("who")), S("2")); /* the device is his now */
    visit(&g, &first, "{}");
    CHECK_STR(attribute(&g, &t1, S("who")), S("1")); /* and back, though his place is under the device's id */
    CHECK_STR(attribute(&g, &p2, S("who")), S("2"));
    rig_close(&g);
}

TEST(edge_visitor_of_two_devices)
{
    struct edge_visitor_ids first = with(t1, p1), second = with(t2, p1);
    struct rig g = rig_open(t);

    visit(&g, &first, "{\"x\":1}");
    visit(&g, &t2, "{\"y\":2}");
    visit(&g, &second, "{}");
    CHECK_STR(attribute(&g, &t1, S("y")), S("2"));
    CHECK_STR(attribute(&g, &t2, S("x")), S("1"));
    rig_close(&g);
}

TEST(edge_visitor_unites_tnt_id_and_ecid)
{
    struct edge_visitor_ids both = with(t1, e1);
    struct rig g = rig_open(t);

    visit(&g, &t1, "{\"x\":1}");
    visit(&g, &e1, "{\"y\":2}");
    visit(&g, &both, "{}");
    CHECK_STR(g.found.at.id, S("t1"));
    CHECK_STR(attribute(&g, &e1, S("x")), S("1"));
    CHECK_STR(attribute(&g, &t1, S("y")), S("2"));
    rig_close(&g);
}

TEST(edge_visitor_leaves_alone_whom_it_cannot_know)
{
    struct edge_visitor_ids named = with(e1, p1), both = with(t1, e1);
    struct rig g = rig_open(t);

    visit(&g, &named, "{\"x\":1}");
    visit(&g, &t1, "{\"y\":2}");
    visit(&g, &both, "{}");
    CHECK_STR(attribute(&g, &t1, S("x")), S_NULL);
    CHECK_STR(attribute(&g, &e1, S("x")), S("1"));
    rig_close(&g);
}

TEST(edge_visitor_signed_in_customer_ids_are_names) /* [TARGET 7.1] */
{
    struct identity crm = {.ns = S("crm"), .id = S("c1")}, other = {.ns = S("crm"), .id = S("c2")};
    struct edge_visitor_ids first = {.tnt_id = S("t1"), .customers = &crm, .customer_count = 1};
    struct edge_visitor_ids second = {.tnt_id = S("t1"), .customers = &other, .customer_count = 1};
    struct edge_visitor_ids only = {.customers = &crm, .customer_count = 1};
    struct rig g = rig_open(t);

    visit(&g, &first, "{\"who\":1}");
    visit(&g, &second, "{\"who\":2}");
    CHECK_STR(attribute(&g, &only, S("who")), S("1"));
    CHECK_STR(attribute(&g, &t1, S("who")), S("2"));
    rig_close(&g);
}

TEST(edge_visitor_customer_ids_cannot_pose_as_ours)
{
    struct identity posing = {.ns = S("tntId"), .id = S("t1")};
    struct edge_visitor_ids ids = {.tnt_id = S("t2"), .customers = &posing, .customer_count = 1};
    struct rig g = rig_open(t);

    visit(&g, &t1, "{\"x\":1}");
    CHECK_STR(attribute(&g, &ids, S("x")), S_NULL);
    rig_close(&g);
}

TEST(edge_visitor_names_at_and_past_their_limit)
{
    struct identity ids[LIMIT_VISITOR_NAMES + 1];
    struct edge_visitor_ids all = {.tnt_id = S("t1"), .customers = ids, .customer_count = LIMIT_VISITOR_NAMES + 1};
    struct edge_visitor_ids last = {.customers = &ids[LIMIT_VISITOR_NAMES - 1], .customer_count = 1};
    struct edge_visitor_ids past = {.customers = &ids[LIMIT_VISITOR_NAMES], .customer_count = 1};
    struct rig g = rig_open(t);

    for (int i = 0; i <= LIMIT_VISITOR_NAMES; i++)
        ids[i] = (struct identity){.ns = S("crm"), .id = arena_printf(t->arena, "%d", i)};
    visit(&g, &all, "{\"x\":1}");
    CHECK_STR(attribute(&g, &last, S("x")), S("1"));
    CHECK_STR(attribute(&g, &past, S("x")), S_NULL);
    rig_close(&g);
}

TEST(edge_visitor_is_forgotten_after_its_life) /* [TARGET 12.124] */
{
    struct edge_visitor_ids both = with(t1, p1);
    struct rig g = rig_open(t);

    visit(&g, &both, "{\"x\":1}");
    g.now_ms += LIMIT_EDGE_PROFILE_TTL_MS;
    find(&g, &t1);
    CHECK_TRUE(!g.found.known && g.found.visitor.attribute_count == 0);
    CHECK_STR(g.found.tnt_id, S("t1")); /* the same hash, the same experience */
    rig_close(&g);
}

TEST(edge_visitor_in_use_is_not_forgotten)
{
    struct edge_visitor_ids both = with(t1, p1);
    struct rig g = rig_open(t);

    visit(&g, &both, "{\"x\":1}");
    for (int day = 0; day < 20; day++) {
        g.now_ms += DAY_MS;
        visit(&g, &p1, "{}");
    }
    CHECK_STR(attribute(&g, &p1, S("x")), S("1"));
    CHECK_STR(attribute(&g, &both, S("x")), S("1")); /* t1 is the place: it lives with it */
    rig_close(&g);
}

/* The table is a fold of the log: what was resolved is in the hits. */
TEST(edge_visitor_is_folded_again_after_a_crash)
{
    struct edge_visitor_ids both = with(t1, p1), other = with(t1, p2);
    struct rig g = rig_open(t);
    struct str at;

    visit(&g, &p1, "{\"x\":\"p1\"}");
    visit(&g, &t1, "{\"y\":2}");
    visit(&g, &both, "{\"z\":3}");
    visit(&g, &other, "{\"w\":4}");
    at = arena_str(t->arena, g.found.key);
    edge_close(g.edge.edge); /* nothing was flushed: no thread ran */
    edge_rig_start(&g.edge);
    CHECK_STR(attribute(&g, &p1, S("y")), S("2"));
    CHECK_STR(attribute(&g, &p1, S("z")), S("3"));
    CHECK_STR(attribute(&g, &t1, S("w")), S("4"));
    CHECK_STR(g.found.key, at);
    CHECK_EQ(g.found.visitor.session_pages, 1);
    rig_close(&g);
}
