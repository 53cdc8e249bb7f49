/* identity_test.c - XIDs and reading graphs [PLATFORM 4.2, 4.6]. */
#include "ingest_fixture.h"

#include "admin/admin_xid.h"

#define GRAPH "/data/core/identity/v2/graph"

static void
put_pair(struct world *w)
{
    struct t *t = w->t;

    CHECK_STATUS(world_post(w, &family_inlet, "/collection/" INLET,
                            "{'header':{'schemaRef':{'id':'" PROFILE_SCHEMA
                            "'},'datasetId':'people'},'body':{'xdmEntity':{'_acme':{'crmId':'u-17'},"
                            "'identityMap':{'ECID':[{'id':'" ECID_A "'}]}}}}"),
                 200);
    world_fold(w);
}

TEST(identity_xid_round_trip)
{
    static const char *const cases[][2] = {
        {"Email", "a@b.example"}, {"ECID", ECID_A}, {"CRMID", "u 17/\xc3\xa4"}, {"CORE", "x"}, {"unknown", "y"}};
    struct world w;
    struct str xid, ns, id;

    world_open(t, &w);
    w.call.snap = snapshot_get(w.config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xid = xid_write(&w.call, t->arena, str_of(cases[i][0]), str_of(cases[i][1]));
        CHECK_TRUE(xid_read(&w.call, xid, t->arena, &ns, &id));
        CHECK_STR(ns, str_of(cases[i][0]));
        CHECK_STR(id, str_of(cases[i][1]));
    }
    CHECK_STR(xid_write(&w.call, t->arena, S("Email"), S("a@b.example")),
              S("ABmFAYi5leGFtcGxl")); /* docs/formats/xid.md */
    CHECK_STR(xid_write(&w.call, t->arena, S("email"), S("A@B.Example")),
              xid_write(&w.call, t->arena, S("Email"), S("a@b.example")));
    CHECK_TRUE(!xid_read(&w.call, S(""), t->arena, &ns, &id));
    CHECK_TRUE(!xid_read(&w.call, S("A"), t->arena, &ns, &id));
    CHECK_TRUE(!xid_read(&w.call, S("Cabc"), t->arena, &ns, &id));
    CHECK_TRUE(!xid_read(&w.call, S("A!!!!"), t->arena, &ns, &id));
    CHECK_TRUE(!xid_read(&w.call, S("ABg"), t->arena, &ns, &id));           /* a namespace and no value */
    CHECK_TRUE(!xid_read(&w.call, S("A____________"), t->arena, &ns, &id)); /* no such number */
    for (int i = 0; i < 2000; i++) {                                        /* any text: refused, or an identity */
        char text[12];
        size_t n = rng_below(&t->rng, sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = k == 0 ? (rng_below(&t->rng, 2) ? 'A' : 'B') : (char)('A' + rng_below(&t->rng, 58));
        if (xid_read(&w.call, (struct str){text, n}, t->arena, &ns, &id))
            CHECK_TRUE(ns.n > 0 && id.n > 0);
    }
    world_close(&w);
}

TEST(identity_xid_call)
{
    struct world w;
    struct answer a, b;

    world_open(t, &w);
    a = world_get(&w, &family_identity, "/data/core/identity/identity?namespace=email&id=a%40b.example");
    CHECK_STATUS(a, 200);
    b = world_get(&w, &family_identity, "/data/core/identity/identity?nsid=6&id=a%40b.example");
    CHECK_STR(a.body, b.body);
    a = world_get(&w, &family_identity, "/data/core/identity/identity?id=x");
    CHECK_STATUS(a, 400);
    CHECK_STR(json_str(json_get(a.json, S("title"))), S("InvalidInput"));
    CHECK_HAS(a.body, "Missing required query parameter - namespace");
    CHECK_STATUS(world_get(&w, &family_identity, "/data/core/identity/identity?nsid=77&id=x"), 400);
    world_close(&w);
}

TEST(identity_graph_forms)
{
    struct world w;
    struct answer a;
    const struct json *g, *edge;

    world_open(t, &w);
    put_pair(&w);
    a = world_post(&w, &family_identity, GRAPH,
                   "{'composite_xids':[{'ns':'crmid','id':'u-17'},{'ns':'CRMID','id':'nobody'}]}");
    CHECK_STATUS(a, 200);
    CHECK_STR(json_str(json_get(a.json, S("version"))), S("2.0"));
    CHECK_EQ(json_count(json_get(a.json, S("graphs"))), 1);
    g = json_at(json_get(a.json, S("graphs")), 0);
    CHECK_EQ(json_count(json_get(g, S("members"))), 2);
    CHECK_EQ(json_count(json_get(a.json, S("unprocessed_composite_xids"))), 1);
    CHECK_STR(json_str(json_get(json_at(json_get(a.json, S("unprocessed_composite_xids")), 0), S("id"))), S("nobody"));
    a = world_post(&w, &family_identity, GRAPH,
                   "{'composite_xid':[{'nsid':4,'id':'" ECID_A
                   "'}],'projection_type':'graph','require_edge_meta_data':true}");
    CHECK_STATUS(a, 200);
    g = json_at(json_get(a.json, S("graphs")), 0);
    CHECK_EQ(json_count(json_get(g, S("vertices"))), 2);
    CHECK_EQ(json_count(json_get(g, S("edges"))), 1);
    edge = json_at(json_get(g, S("edges")), 0);
    CHECK_EQ(json_count(json_get(edge, S("composite_xid_pair"))), 2);
    CHECK_STR(json_str(json_at(json_get(edge, S("dataset_ids")), 0)), S("people"));
    CHECK_EQ(json_i64(json_get(edge, S("first_established_ts")), 0), NOW + 1000);
    a = world_post(&w, &family_identity, GRAPH, "{'composite_xids':[],'projection_type':'tree'}");
    CHECK_STATUS(a, 400);
    CHECK_HAS(a.body, "graph|set");
    CHECK_STATUS(world_post(&w, &family_identity, GRAPH, "{}"), 400);
    world_close(&w);
}

TEST(identity_graph_by_xid)
{
    struct world w;
    struct answer a;
    struct str xid;

    world_open(t, &w);
    put_pair(&w);
    xid = xid_write(&w.call, t->arena, S("CRMID"), S("u-17"));
    a = world_post(&w, &family_identity, GRAPH, arena_printf(t->arena, "{'xids':['%.*s','Zbad']}", STR_ARG(xid)).p);
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(a.json, S("graphs"))), 1);
    CHECK_STR(json_str(json_at(json_get(a.json, S("unprocessed_xids")), 0)), S("Zbad"));
    world_close(&w);
}

TEST(identity_graph_limit)
{
    struct world w;
    struct buf b;

    world_open(t, &w);
    for (int n = LIMIT_ENTITIES_PER_REQUEST; n <= LIMIT_ENTITIES_PER_REQUEST + 1; n++) {
        buf_init(&b, 1 << 20);
        buf_put(&b, S("{'composite_xids':["));
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s{'ns':'CRMID','id':'%d'}", i ? "," : "", i);
        buf_put(&b, S("]}"));
        buf_putc(&b, '\0');
        CHECK_STATUS(world_post(&w, &family_identity, GRAPH, b.p), n <= LIMIT_ENTITIES_PER_REQUEST ? 200 : 400);
        buf_deinit(&b);
    }
    world_close(&w);
}

TEST(identity_cluster_members)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_pair(&w);
    a = world_get(&w, &family_identity, "/data/core/identity/cluster/members?nsId=4&id=" ECID_A);
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(a.json, S("members"))), 2);
    CHECK_STR(json_str(json_path(a.json, S("compositeXid.ns"))), S("ECID"));
    a = world_get(&w, &family_identity, "/data/core/identity/cluster/members?nsId=4&id=" ECID_A "&graph-type=coop");
    CHECK_EQ(json_count(json_get(a.json, S("members"))), 0);
    a = world_get(&w, &family_identity, "/data/core/identity/cluster/members?nsId=4&id=" ECID_B);
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(a.json, S("members"))), 0);
    CHECK_STATUS(world_get(&w, &family_identity, "/data/core/identity/cluster/members?xid=Zz"), 400);
    world_close(&w);
}
