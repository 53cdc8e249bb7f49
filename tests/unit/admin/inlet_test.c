/* inlet_test.c - streaming ingestion: envelopes, validation, batches of messages, authentication [PLATFORM 3.3]. */
#include "ingest_fixture.h"

#define ONE "/collection/" INLET
#define MANY "/collection/batch/" INLET
#define HEADER(schema, dataset, more)                                                                                  \
    "{'header':{'schemaRef':{'id':'" schema "'},'imsOrgId':'" ORG "','datasetId':'" dataset "'" more                   \
    "},'body':{'xdmMeta':{'schemaRef':{'id':'" schema "'}},'xdmEntity':"
#define PERSON(entity) HEADER(PROFILE_SCHEMA, "people", "") entity "}}"
#define EVENT(entity) HEADER(EVENT_SCHEMA, "events", "") entity "}}"
#define GOOD_EVENT                                                                                                     \
    EVENT("{'_id':'e-1','timestamp':'2026-01-01T00:00:00Z','eventType':'web.webpagedetails.pageViews',"                \
          "'identityMap':{'ECID':[{'id':'" ECID_A "','primary':true}]}}")

TEST(inlet_takes_an_event)
{
    struct world w;
    struct answer a;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    a = world_post(&w, &family_inlet, ONE, GOOD_EVENT);
    CHECK_STATUS(a, 200);
    CHECK_STR(json_str(json_get(a.json, S("inletId"))), S(INLET));
    CHECK_TRUE(json_is(json_get(a.json, S("receivedTimeMs")), JSON_INT));
    CHECK_TRUE(json_bool(json_path(a.json, S("syncValidation.skipped")), false));
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 1);
    CHECK_EQ(hits[0].kind, HIT_EVENT);
    CHECK_EQ(hits[0].source, SOURCE_STREAM);
    CHECK_STR(hits[0].dataset, S("events"));
    CHECK_STR(hits[0].request_id, json_str(json_get(a.json, S("xactionId"))));
    CHECK_STR(hits[0].event_id, S("e-1"));
    CHECK_TRUE(json_get(hits[0].xdm, S("identityMap")) == NULL);
    CHECK_EQ(hits[0].identities.n, 1);
    a = world_post(&w, &family_inlet, ONE "?syncValidation=True&ack=fsync", GOOD_EVENT);
    CHECK_STR(json_str(json_path(a.json, S("syncValidation.status"))), S("pass"));
    world_close(&w);
}

TEST(inlet_violations)
{
    struct world w;
    struct answer a;
    const struct json *v;
    size_t n;

    world_open(t, &w);
    a = world_post(&w, &family_inlet, ONE "?syncValidation=true",
                   PERSON("{'_acme':{'crmId':'c'},'person':{'birthDate':'31.12.1999'}}"));
    CHECK_STATUS(a, 400);
    CHECK_STR(json_str(json_get(a.json, S("title"))), S("Invalid XDM Message Format"));
    CHECK_HAS(json_str(json_path(a.json, S("report.message"))),
              "inletId: [" INLET "] imsOrgId: [" ORG "] Message is invalid");
    v = json_at(json_get(json_at(json_path(a.json, S("report.cause._streamingValidation")), 0), S("causingExceptions")),
                0);
    CHECK_STR(json_str(json_get(v, S("keyword"))), S("format"));
    CHECK_STR(json_str(json_get(v, S("pointerToViolation"))), S("#/person/birthDate"));
    a = world_post(&w, &family_inlet, ONE, PERSON("{'_acme':{'crmId':'c'},'a':1,'b':1,'c':1,'d':1,'e':1,'f':1,'g':1}"));
    CHECK_STATUS(a, 400);
    v = json_get(json_at(json_path(a.json, S("report.cause._streamingValidation")), 0), S("causingExceptions"));
    CHECK_EQ(json_count(v), 5);
    CHECK_STR(json_str(json_get(json_at(v, 0), S("keyword"))), S("additionalProperties"));
    /* no conversion here */
    CHECK_STATUS(world_post(&w, &family_inlet, ONE, PERSON("{'_acme':{'crmId':'c','points':'1'}}")), 400);
    CHECK_STATUS(world_post(&w, &family_inlet, ONE, PERSON("{'_acme':{'points':1}}")), 400);
    CHECK_STATUS(world_post(&w, &family_inlet, ONE,
                            EVENT("{'timestamp':'2026-01-01T00:00:00Z','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}")),
                 400);
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 0);
    world_close(&w);
}

TEST(inlet_envelope_faults)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"[]", "unknown xdm format"},
        {"{'header':{},'body':1}", "unknown xdm format"},
        {"{'header':{'imsOrgId':'other@AdobeOrg'},'body':{}}", "not the inlet's"},
        {"{'header':{'imsOrgId':5},'body':{}}", "not the inlet's"},
        {"{'header':{'datasetId':'people'},'body':{'xdmEntity':{}}}", "no schemaRef.id"},
        {"{'header':{'schemaRef':{'id':'x'}},'body':{'xdmEntity':{}}}", "no datasetId"},
        {"{'header':{'schemaRef':{'id':'x'},'datasetId':'nope'},'body':{'xdmEntity':{}}}", "unknown datasetId"},
        {"{'header':{'schemaRef':{'id':'x'},'datasetId':'people'},'body':{'xdmEntity':{}}}", "not its dataset's"},
        {"{'header':{'schemaRef':{'id':'" PROFILE_SCHEMA "'},'datasetId':'people'},'body':{}}", "no body.xdmEntity"},
        {"{'header':{'schemaRef':{'id':'" PROFILE_SCHEMA "'},'datasetId':'people'},'body':{'xdmMeta':{'schemaRef':"
         "{'id':'y'}},'xdmEntity':{}}}",
         "different schemas"},
        {"{'header':{'schemaRef':{'id':'" PROFILE_SCHEMA "'},'datasetId':'people','operations':{'data':'paint'}},"
         "'body':{'xdmEntity':{'_acme':{'crmId':'c'}}}}",
         "unknown operation"},
        {"{", "not JSON"},
    };
    struct world w;

    world_open(t, &w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer a = world_post(&w, &family_inlet, ONE, cases[i].body);
        CHECK_STATUS(a, 400);
        CHECK_HAS(a.body, cases[i].says);
    }
    CHECK_STATUS(world_post(&w, &family_inlet, "/collection/0123", GOOD_EVENT), 404);
    CHECK_STATUS(world_call(&w, &family_inlet, HTTP_POST, ONE, S(""), "Content-Type: application/x-jackson-smile"),
                 415);
    /* without an organisation it is the inlet's */
    CHECK_STATUS(world_post(&w, &family_inlet, ONE,
                            "{'header':{'schemaRef':{'id':'" PROFILE_SCHEMA
                            "'},'datasetId':'people'},'body':{'xdmEntity':{'_acme':{'crmId':'c'}}}}"),
                 200);
    world_close(&w);
}

TEST(inlet_authentication)
{
    struct world w;
    struct str body = quoted(t, GOOD_EVENT);
    size_t n;

    world_open(t, &w);
    CHECK_STATUS(world_call(&w, &family_inlet, HTTP_POST, "/collection/" LOCKED_INLET, body, NULL), 401);
    CHECK_STATUS(
        world_call(&w, &family_inlet, HTTP_POST, "/collection/" LOCKED_INLET, body, "Authorization: Bearer x.y.z"),
        403);
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 0);
    world_close(&w);
}

TEST(inlet_many_messages)
{
    struct world w;
    struct answer a;
    const struct json *r;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    a = world_post(&w, &family_inlet, MANY,
                   "{'messages':[" PERSON("{'_acme':{'crmId':'c1'}}") "," PERSON(
                       "{'_acme':{'crmId':'c2','nope':1}}") ","
                                                            "{'header':{}},5," GOOD_EVENT "]}");
    CHECK_STATUS(a, 207);
    r = json_get(a.json, S("responses"));
    CHECK_EQ(json_count(r), 5);
    CHECK_TRUE(json_get(json_at(r, 0), S("status")) == NULL && json_get(json_at(r, 0), S("statusCode")) == NULL);
    for (size_t i = 1; i < 4; i++) {
        CHECK_EQ(json_i64(json_get(json_at(r, i), S("status")), 0), 400);
        CHECK_EQ(json_i64(json_get(json_at(r, i), S("statusCode")), 0), 400);
        CHECK_TRUE(str_ends(json_str(json_get(json_at(r, i), S("xactionId"))), arena_printf(t->arena, "-%zu", i)));
    }
    CHECK_TRUE(json_get(json_at(r, 4), S("status")) == NULL);
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 2);
    CHECK_STR(hits[1].event_id, S("e-1"));
    CHECK_STR(hits[1].request_id, json_str(json_get(json_at(r, 4), S("xactionId"))));
    CHECK_STATUS(world_post(&w, &family_inlet, MANY, "{'messages':[]}"), 400);
    CHECK_STATUS(world_post(&w, &family_inlet, MANY, "{'messages':{}}"), 400);
    CHECK_STATUS(world_post(&w, &family_inlet, MANY, "[]"), 400);
    world_close(&w);
}

TEST(inlet_message_limit)
{
    struct world w;
    struct answer a;
    struct buf b;
    size_t n;

    world_open(t, &w);
    for (int count = LIMIT_INLET_MESSAGES; count <= LIMIT_INLET_MESSAGES + 1; count++) {
        buf_init(&b, 4 << 20);
        buf_put(&b, S("{'messages':["));
        for (int i = 0; i < count; i++) {
            buf_put(&b, i ? S(",") : S(""));
            buf_printf(&b, PERSON("{'_acme':{'crmId':'c%d'}}"), i);
        }
        buf_put(&b, S("]}"));
        buf_putc(&b, '\0');
        a = world_post(&w, &family_inlet, MANY, b.p);
        CHECK_STATUS(a, count <= LIMIT_INLET_MESSAGES ? 207 : 400);
        buf_deinit(&b);
    }
    (void)world_hits(&w, &n);
    CHECK_EQ(n, LIMIT_INLET_MESSAGES);
    world_close(&w);
}

TEST(inlet_operations)
{
    struct world w;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    CHECK_STATUS(world_post(&w, &family_inlet, ONE,
                            HEADER(PROFILE_SCHEMA, "people",
                                   ",'operations':{'data':'merge'}") "{'_acme':{'crmId':'c','points':null}}}}"),
                 200);
    CHECK_STATUS(
        world_post(&w, &family_inlet, ONE,
                   HEADER(PROFILE_SCHEMA, "people", ",'operations':{'data':'delete'}") "{'_acme':{'crmId':'c'}}}}"),
        200);
    CHECK_STATUS(world_post(&w, &family_inlet, ONE,
                            HEADER(EVENT_SCHEMA, "events", ",'operations':{'data':'merge'}") "{'_id':'e'}}}"),
                 400);
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 2);
    CHECK_TRUE(hits[0].upsert);
    CHECK_TRUE(json_is(json_path(hits[0].xdm, S("_acme.points")), JSON_NULL));
    CHECK_TRUE(!hits[1].upsert);
    CHECK_EQ(json_count(hits[1].xdm), 0);
    CHECK_EQ(hits[1].identities.n, 1);
    world_close(&w);
}

TEST(inlet_full_disk)
{
    struct world w;
    struct answer a;
    size_t n;

    world_open(t, &w);
    atomic_store(&w.full, true);
    a = world_post(&w, &family_inlet, ONE, GOOD_EVENT);
    CHECK_STATUS(a, 503);
    CHECK_HAS(a.body, "Not stored");
    CHECK_STATUS(world_post(&w, &family_inlet, MANY, "{'messages':[" GOOD_EVENT "]}"), 503);
    atomic_store(&w.full, false);
    CHECK_STATUS(world_post(&w, &family_inlet, ONE, GOOD_EVENT), 200);
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 1);
    world_close(&w);
}
