/* flow_test.c - inlets and destinations [PLATFORM 3.3, 7.2]. */
#include "control_fixture.h"

#define FLOW "/data/foundation/flowservice"
#define TARGET_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b201"
#define CUSTOM_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202"

TEST(admin_inlet_is_a_connection)
{
    struct control c;
    struct reply r;
    struct str inlet, scope;
    const struct snapshot *s;
    const char *id;

    control_open(t, &c, false);
    r = control_ask(
        &c, "POST " FLOW "/connections",
        "{'name':'web stream','connectionSpec':{'id':'bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb','version':'1.0'},"
        "'auth':{'specName':'Streaming Connection','params':{'sourceId':'shop','dataType':'xdm',"
        "'authenticationRequired':true}}}");
    CHECK_REPLY(r, 201);
    CHECK_TRUE(str_starts(control_get(&c, &r, "etag"), S("\"")));
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = control_ask(&c, arena_printf(t->arena, "GET " FLOW "/connections/%s", id).p, NULL);
    inlet = control_get(&c, &r, "items.0.auth.params.inletId");
    CHECK_EQ(inlet.n, 64);
    CHECK_STR(control_get(&c, &r, "items.0.auth.params.inletUrl"),
              arena_printf(t->arena, "http://cdp.test:8080/collection/%.*s", STR_ARG(inlet)));
    s = snapshot_get(c.config);
    CHECK_TRUE(json_bool(json_get(snapshot_find(s, S("inlet"), inlet, &scope), S("authenticationRequired")), false));
    CHECK_STR(scope, S(C_SCOPE));
    snapshot_put(c.config, s);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " FLOW "/connections/%s", id).p, NULL), 204);
    s = snapshot_get(c.config);
    CHECK_TRUE(snapshot_find(s, S("inlet"), inlet, &scope) == NULL);
    snapshot_put(c.config, s);
    r = control_ask(&c, "POST " FLOW "/connections", "{'auth':{}}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "errorMessage");
    control_close(&c);
}

static const char *
make(struct control *c, const char *kind, const char *body)
{
    struct t *t = c->t;
    struct reply r = control_ask(c, arena_printf(t->arena, "POST " FLOW "/%s", kind).p, body);

    CHECK_REPLY(r, 201);
    return arena_cstr(t->arena, control_get(c, &r, "id"));
}

static const struct json *
destination(struct control *c, const char *id)
{
    const struct snapshot *s = snapshot_get(c->config);
    const struct json *o = snapshot_object(s, S("destination"), S(C_SCOPE), str_of(id)), *copy = NULL;
    struct t *t = c->t;
    struct buf b;

    if (o != NULL) {
        buf_init(&b, 1 << 20);
        json_write(&b, o);
        CHECK_OK(json_parse(buf_str(&b), t->arena, &copy, d));
        buf_deinit(&b);
    }
    snapshot_put(c->config, s);
    return copy;
}

TEST(admin_flow_makes_a_destination)
{
    struct control c;
    struct reply r;
    const char *target, *source, *flow, *etag, *audience;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-1'}"), 201);
    r = control_ask(&c, "POST /data/core/ups/audiences",
                    "{'name':'Gold','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'expression':{'"
                    "type':'PQL','format':'pql/text',"
                    "'value':'loyalty.points > 100'}}");
    CHECK_REPLY(r, 200);
    audience = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = control_ask(&c, "GET " FLOW "/connectionSpecs", NULL);
    CHECK_BODY(r, "Custom Personalization With Attributes");
    CHECK_REPLY(control_ask(&c, "GET " FLOW "/connectionSpecs/" TARGET_SPEC, NULL), 200);
    CHECK_REPLY(control_ask(&c, "GET " FLOW "/connectionSpecs/x", NULL), 404);
    source = make(&c, "sourceConnections",
                  "{'name':'profiles','connectionSpec':{'id':'8a9c3494-9708-43d7-ae3f-cda01e5030e1'}}");
    target = make(&c, "targetConnections",
                  "{'name':'site','connectionSpec':{'id':'" CUSTOM_SPEC "'},'params':{'integrationAlias':'shop-cms',"
                  "'datastreamId':'ds-1'}}");
    flow = make(
        &c, "flows",
        arena_printf(t->arena, "{'name':'f','sourceConnectionIds':['%s'],'targetConnectionIds':['%s']}", source, target)
            .p);
    CHECK_STR(json_str(json_get(destination(&c, flow), S("alias"))), S("shop-cms"));
    r = control_ask(&c, arena_printf(t->arena, "GET " FLOW "/flows/%s", flow).p, NULL);
    etag = arena_cstr(t->arena, control_get(&c, &r, "items.0.etag"));
    r = control_ask(&c, arena_printf(t->arena, "PATCH " FLOW "/flows/%s", flow).p, "[]");
    CHECK_REPLY(r, 412);
    CHECK_BODY(r, "Supplied version=[");
    r = control_ask_with(
        &c, arena_printf(t->arena, "PATCH " FLOW "/flows/%s", flow).p, arena_printf(t->arena, "If-Match: %s", etag).p,
        arena_printf(
            t->arena,
            "[{'op':'add','path':'/transformations/0/params/segmentSelectors/selectors/-','value':{'type':"
            "'PLATFORM_SEGMENT','value':{'id':'%s','name':'Gold'}}},{'op':'add','path':'/transformations/0/params/"
            "profileSelectors/selectors/-','value':{'type':'JSON_PATH','value':{'path':'loyalty.tier','mapping':"
            "{'sourceAttribute':'loyalty.tier','destination':'tier'}}}}]",
            audience)
            .p);
    CHECK_REPLY(r, 200);
    CHECK_TRUE(!str_eq(control_get(&c, &r, "etag"), str_of(etag)));
    CHECK_STR(json_str(json_at(json_get(destination(&c, flow), S("audiences")), 0)), str_of(audience));
    CHECK_STR(json_str(json_at(json_get(destination(&c, flow), S("attributes")), 0)), S("loyalty.tier"));
    r = control_ask_with(&c, arena_printf(t->arena, "PATCH " FLOW "/flows/%s", flow).p,
                         arena_printf(t->arena, "If-Match: %s", etag).p, "[]"); /* it moved on */
    CHECK_REPLY(r, 412);
    r = control_ask(&c, arena_printf(t->arena, "DELETE /data/core/ups/audiences/%s", audience).p, NULL);
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("UPAPI-113631-403"));
    r = control_ask(&c, arena_printf(t->arena, "POST " FLOW "/flows/%s/action?op=disable", flow).p, NULL);
    CHECK_REPLY(r, 200);
    CHECK_TRUE(!json_bool(json_get(destination(&c, flow), S("enabled")), true));
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "POST " FLOW "/flows/%s/action?op=x", flow).p, NULL), 400);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " FLOW "/targetConnections/%s", target).p, NULL), 400);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " FLOW "/flows/%s", flow).p, NULL), 202);
    CHECK_TRUE(destination(&c, flow) == NULL);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " FLOW "/targetConnections/%s", target).p, NULL), 204);
    control_close(&c);
}

TEST(admin_flow_rules_of_target_connections)
{
    struct control c;
    struct reply r;
    const char *target, *flow;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-1'}"), 201);
    CHECK_REPLY(control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-2'}"), 201);
    CHECK_REPLY(
        control_ask(&c, "POST /data/foundation/schemaregistry/tenant/schemas",
                    "{'title':'P','type':'object','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}],"
                    "'properties':{'_acme':{'type':'object','properties':{'tags':{'type':'array','items':{'type':"
                    "'string'}}}}}}"),
        201);
    target = make(&c, "targetConnections",
                  "{'name':'t','connectionSpec':{'id':'" TARGET_SPEC "'},'params':{'datastreamId':'ds-1'}}");
    flow = make(&c, "flows", arena_printf(t->arena, "{'name':'f','targetConnectionIds':['%s']}", target).p);
    r = control_ask(&c, "POST " FLOW "/flows",
                    arena_printf(t->arena, "{'name':'g','targetConnectionIds':['%s']}", target).p);
    CHECK_REPLY(r, 409);
    CHECK_BODY(r, "has a Target connection already");
    r = control_ask(
        &c, "POST " FLOW "/flows",
        arena_printf(t->arena,
                     "{'name':'h','targetConnectionIds':['%s'],'transformations':[{'name':'GeneralTransform',"
                     "'params':{'profileSelectors':{'selectors':[{'type':'JSON_PATH','value':{'path':"
                     "'_acme.tags'}}]}}}]}",
                     target)
            .p);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "only single values");
    r = control_ask(&c, arena_printf(t->arena, "GET " FLOW "/targetConnections/%s", target).p, NULL);
    r = control_ask_with(&c, arena_printf(t->arena, "PATCH " FLOW "/targetConnections/%s", target).p,
                         arena_printf(t->arena, "If-Match: %.*s", STR_ARG(control_get(&c, &r, "items.0.etag"))).p,
                         "[{'op':'replace','path':'/params/datastreamId','value':'ds-2'}]");
    CHECK_REPLY(r, 200);
    CHECK_STR(json_str(json_get(destination(&c, flow), S("datastreamId"))), S("ds-2")); /* follows its connection */
    r = control_ask(&c, "POST " FLOW "/flows", "{'name':'x','targetConnectionIds':['none']}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "does not exist");
    for (int i = 0; i < 3; i++)
        make(&c, "sourceConnections", "{'name':'s'}");
    r = control_ask(&c, "GET " FLOW "/sourceConnections?limit=2&count=true", NULL);
    CHECK_STR(control_get(&c, &r, "totalCount"), S("3"));
    CHECK_STR(control_get(&c, &r, "_links.next.href"), S("/sourceConnections?limit=2&continuationToken=2"));
    r = control_ask(&c, "GET " FLOW "/sourceConnections?limit=2&continuationToken=2", NULL);
    CHECK_EQ(json_count(json_get(r.json, S("items"))), 1);
    CHECK_EQ(json_count(json_get(r.json, S("_links"))), 0);
    control_close(&c);
}
