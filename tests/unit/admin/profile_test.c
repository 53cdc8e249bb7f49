/* profile_test.c - looking people and their events up [PLATFORM 5.2, 5.4, 5.5]. */
#include "ingest_fixture.h"

#define ENTITIES "/data/core/ups/access/entities"
#define PROFILE_Q "schema.name=_xdm.context.profile"
#define EVENT_Q "schema.name=_xdm.context.experienceevent"

static void
send_row(struct world *w, const char *dataset, const char *schema, const char *entity)
{
    struct t *t = w->t;

    CHECK_STATUS(
        world_post(w, &family_inlet, "/collection/" INLET,
                   arena_printf(t->arena,
                                "{'header':{'schemaRef':{'id':'%s'},'datasetId':'%s'},'body':{'xdmEntity':%s}}", schema,
                                dataset, entity)
                       .p),
        200);
}

static void
put_ada(struct world *w)
{
    send_row(w, "people", PROFILE_SCHEMA,
             "{'_acme':{'crmId':'u-17','points':5},'person':{'name':{'firstName':'Ada','lastName':'L'}},"
             "'personalEmail':{'address':'Ada@B.example'},'identityMap':{'ECID':[{'id':'" ECID_A "'}]}}");
    for (int i = 0; i < 5; i++)
        send_row(w, "events", EVENT_SCHEMA,
                 arena_printf(w->t->arena,
                              "{'_id':'e%d','timestamp':'2025-12-31T0%d:00:00Z','eventType':'%s',"
                              "'web':{'webPageDetails':{'name':'%s','pageViews':{'value':%d}}},"
                              "'identityMap':{'ECID':[{'id':'" ECID_A "','primary':true}]}}",
                              i, i, i == 4 ? "commerce.purchases" : "web.webpagedetails.pageViews",
                              i % 2 ? "home" : "shop", i)
                     .p);
    world_fold(w);
}

static const struct json *
only(const struct answer *a)
{
    struct json_iter it = json_iter(a->json);

    return json_count(a->json) == 1 && json_next(&it) ? it.value : NULL;
}

TEST(profile_look_up)
{
    struct world w;
    struct answer a;
    const struct json *e, *entity;
    struct str xid;

    world_open(t, &w);
    put_ada(&w);
    a = world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=ADA%40b.example&entityIdNS=email");
    CHECK_STATUS(a, 200);
    e = only(&a);
    CHECK_TRUE(e != NULL);
    xid = json_str(json_get(e, S("entityId")));
    CHECK_TRUE(json_get(a.json, xid) == e);
    entity = json_get(e, S("entity"));
    CHECK_STR(json_str(json_path(entity, S("person.name.firstName"))), S("Ada"));
    CHECK_EQ(json_i64(json_path(entity, S("_acme.points")), 0), 5);
    CHECK_STR(json_str(json_get(json_at(json_path(entity, S("identityMap.CRMID")), 0), S("id"))), S("u-17"));
    CHECK_EQ(json_count(json_get(entity, S("identities"))), 3);
    CHECK_HAS(a.body, "{\"id\":\"u-17\",\"namespace\":{\"code\":\"crmid\"},\"primary\":true}");
    CHECK_STR(json_str(json_at(json_get(e, S("sources")), 0)), S("people"));
    CHECK_EQ(json_count(json_get(e, S("identityGraph"))), 3);
    CHECK_STR(json_str(json_get(e, S("lastModifiedAt"))), S("2026-01-01T00:00:01.000Z"));
    CHECK_STR(json_str(json_path(e, S("mergePolicy.id"))), admin_merge_policy_id(t->arena, S(SCOPE)));
    /* by XID alone, by number of the namespace, by another identity */
    a = world_get(&w, &family_profile, arena_printf(t->arena, ENTITIES "?" PROFILE_Q "&entityId=%.*s", STR_ARG(xid)).p);
    CHECK_STATUS(a, 200);
    CHECK_TRUE(json_equal(json_get(json_get(a.json, xid), S("entity")), entity));
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=u-17&entityIdNS=10000001"), 200);
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=" ECID_A "&entityIdNS=ecid"), 200);
    world_close(&w);
}

TEST(profile_fields)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_ada(&w);
    a = world_get(&w, &family_profile,
                  ENTITIES "?" PROFILE_Q
                           "&entityId=u-17&entityIdNS=CRMID&fields=person.name.firstName,identities,nope.x");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(only(&a), S("entity"))), 2);
    CHECK_HAS(a.body, "\"person\":{\"name\":{\"firstName\":\"Ada\"}}");
    world_close(&w);
}

TEST(profile_errors)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_ada(&w);
    a = world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=nobody&entityIdNS=CRMID");
    CHECK_STATUS(a, 404);
    CHECK_STR(a.body, S("{\"statusCode\":\"404\"}"));
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" EVENT_Q "&relatedEntityId=nobody&relatedEntityIdNS=CRMID"),
                 404);
    a = world_get(&w, &family_profile, ENTITIES "?schema.name=_xdm.context.account&entityId=u-17&entityIdNS=CRMID");
    CHECK_STATUS(a, 400);
    CHECK_HAS(a.body, "\"statusCode\":\"400\"");
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=u-17"), 400);
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q), 400);
    CHECK_STATUS(
        world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=u-17&entityIdNS=CRMID&mergePolicyId=other"),
        400);
    w.admin.o.hub.read_profile = NULL;
    a = world_get(&w, &family_profile, ENTITIES "?" PROFILE_Q "&entityId=u-17&entityIdNS=CRMID");
    CHECK_TRUE(a.status >= 500);
    world_close(&w);
}

static struct str
event_ids(struct t *t, const struct json *page)
{
    struct json_iter it = json_iter(json_get(page, S("children")));
    struct str all = S("");

    while (json_next(&it))
        all = arena_printf(t->arena, "%.*s%s%.*s", STR_ARG(all), all.n ? " " : "",
                           STR_ARG(json_str(json_get(it.value, S("entityId")))));
    return all;
}

static struct str
events(struct world *w, const char *more)
{
    struct t *t = w->t;
    struct answer a = world_get(
        w, &family_profile,
        arena_printf(t->arena, ENTITIES "?" EVENT_Q "&relatedEntityId=u-17&relatedEntityIdNS=CRMID%s", more).p);

    CHECK_STATUS(a, 200);
    return event_ids(t, a.json);
}

TEST(profile_events)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_ada(&w);
    CHECK_STR(events(&w, ""), S("e0 e1 e2 e3 e4"));
    CHECK_STR(events(&w, "&orderby=-timestamp"), S("e4 e3 e2 e1 e0"));
    CHECK_STR(events(&w, "&orderby=+timestamp&limit=2"), S("e0 e1"));
    CHECK_STR(events(&w, "&startTime=1767142800000&endTime=1767150000000"),
              S("e1 e2")); /* 01:00 inclusive, 03:00 not */
    CHECK_STR(events(&w, "&property=web.webPageDetails.name%3Dhome"), S("e1 e3"));
    CHECK_STR(events(&w, "&property=web.webPageDetails.name=home&property=web.webPageDetails.pageViews.value>1"),
              S("e3"));
    CHECK_STR(events(&w, "&property=web.webPageDetails.pageViews.value<=1"), S("e0 e1"));
    CHECK_STR(events(&w, "&property=eventType!=commerce.purchases"), S("e0 e1 e2 e3"));
    a = world_get(&w, &family_profile,
                  ENTITIES "?" EVENT_Q
                           "&relatedEntityId=u-17&relatedEntityIdNS=CRMID&property=a=1&property=b=1&property=c=1&"
                           "property=d=1");
    CHECK_STATUS(a, 400);
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" EVENT_Q "&entityId=u-17&entityIdNS=CRMID&limit=0"), 400);
    CHECK_STATUS(world_get(&w, &family_profile, ENTITIES "?" EVENT_Q "&entityId=u-17&entityIdNS=CRMID&startTime=x"),
                 400);
    /* without the underscore, and with a list of fields */
    a = world_get(&w, &family_profile,
                  ENTITIES
                  "?schema.name=xdm.context.experienceevent&entityId=u-17&entityIdNS=CRMID&limit=1&fields=eventType");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "\"entity\":{\"eventType\":\"web.webpagedetails.pageViews\"}");
    world_close(&w);
}

TEST(profile_event_pages)
{
    struct world w;
    struct str all = S(""), next = S("start");

    world_open(t, &w);
    put_ada(&w);
    for (int page = 0; next.n > 0; page++) {
        struct str query = page == 0 ? S("") : next;
        struct answer a = world_get(
            &w, &family_profile,
            arena_printf(t->arena, ENTITIES "?" EVENT_Q "&entityId=u-17&entityIdNS=CRMID&limit=2&offsets=%.*s",
                         STR_ARG(query))
                .p);
        struct str href = json_str(json_path(a.json, S("_links.next.href")));
        ptrdiff_t at = str_find(href, S("offsets="));
        CHECK_STATUS(a, 200);
        CHECK_EQ(json_i64(json_path(a.json, S("_page.count")), -1), page < 2 ? 2 : 1);
        all = arena_printf(t->arena, "%.*s%s%.*s", STR_ARG(all), all.n ? " | " : "", STR_ARG(event_ids(t, a.json)));
        next = S("");
        if (href.n > 0) {
            next = str_slice(href, (size_t)at + 8, href.n);
            next = str_slice(next, 0, (size_t)str_find_char(next, '&'));
        } else {
            CHECK_STR(json_str(json_path(a.json, S("_page.next"))), S(""));
        }
        CHECK_TRUE(page < 3);
    }
    CHECK_STR(all, S("e0 e1 | e2 e3 | e4"));
    /* the event that a cursor names may be gone: its time is enough */
    CHECK_STR(events(&w, "&start=1767146400000%3Agone"), S("e3 e4"));
    CHECK_STR(events(&w, "&start=1767146400000%3Agone&orderby=-timestamp"), S("e1 e0"));
    world_close(&w);
}

/* Events of u-17 straight into the table, up to `total`. */
static void
fill_events(struct world *w, size_t total)
{
    struct t *t = w->t;
    struct profile p;
    uint64_t id = 0;
    bool duplicate;

    CHECK_OK(graph_profile(w->kv, S(SCOPE), S("CRMID"), S("u-17"), &id, d));
    CHECK_OK(profile_load(w->kv, &w->names, S(SCOPE), id, t->arena, &p, d));
    for (size_t i = p.event_count; i < total; i++) {
        struct profile_event e = {.id = arena_printf(t->arena, "m%zu", i),
                                  .ms = NOW + (int64_t)i,
                                  .dataset = S("events"),
                                  .ns = S("CRMID"),
                                  .owner = S("u-17")};
        e.json = arena_printf(t->arena, "{\"_id\":\"m%zu\"}", i);
        CHECK_OK(profile_add_event(w->kv, &p, &e, &duplicate, d));
        CHECK_TRUE(!duplicate);
    }
    CHECK_OK(profile_save(w->kv, &p, 0, d));
    CHECK_OK(kv_commit(w->kv, NULL, 0, false, d));
}

/* LIMIT_ENTITY_EVENTS: more are the next page's, whatever limit a client asks for. */
TEST(profile_events_at_and_past_the_limit)
{
    static const char *const limits[] = {"", "&limit=1000", "&limit=1001"};
    struct world w;

    world_open(t, &w);
    put_ada(&w);
    for (size_t over = 0; over <= 1; over++) {
        fill_events(&w, LIMIT_ENTITY_EVENTS + over);
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            struct answer a = world_get(
                &w, &family_profile,
                arena_printf(t->arena, ENTITIES "?" EVENT_Q "&entityId=u-17&entityIdNS=CRMID%s", limits[i]).p);
            CHECK_STATUS(a, 200);
            CHECK_EQ(json_count(json_get(a.json, S("children"))), LIMIT_ENTITY_EVENTS);
            CHECK_EQ(json_str(json_path(a.json, S("_links.next.href"))).n > 0, over);
        }
    }
    world_close(&w);
}

TEST(profile_post_many)
{
    struct world w;
    struct answer a;
    struct json_iter it;

    world_open(t, &w);
    put_ada(&w);
    a = world_post(
        &w, &family_profile, ENTITIES,
        "{'schema':{'name':'_xdm.context.profile'},'fields':['person'],'identities':["
        "{'entityId':'u-17','entityIdNS':{'code':'CRMID'}},{'entityId':'x','entityIdNS':{'code':'CRMID'}}]}");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(a.json), 2);
    it = json_iter(a.json);
    CHECK_TRUE(json_next(&it));
    CHECK_STR(json_str(json_path(it.value, S("requestedIdentity.entityIdNS.code"))), S("CRMID"));
    CHECK_TRUE(json_next(&it));
    CHECK_STR(json_str(json_get(it.value, S("lastModifiedAt"))), S("1970-01-01T00:00:00Z"));
    CHECK_EQ(json_count(json_get(it.value, S("entity"))), 0);
    a = world_post(&w, &family_profile, ENTITIES,
                   "{'schema':{'name':'_xdm.context.experienceevent'},'relatedSchema':{'name':'_xdm.context.profile'},"
                   "'limit':2,'orderBy':'-timestamp','identities':[{'relatedEntityId':'u-17','relatedEntityIdNS':{'"
                   "code':'CRMID'}}]}");
    CHECK_STATUS(a, 200);
    it = json_iter(a.json);
    CHECK_TRUE(json_next(&it));
    CHECK_STR(event_ids(t, it.value), S("e4 e3"));
    CHECK_TRUE(json_is(json_path(it.value, S("_links.next.payload")), JSON_OBJECT));
    { /* the payload is the body of the next call */
        struct buf b;
        buf_init(&b, 4096);
        json_write(&b, json_path(it.value, S("_links.next.payload")));
        a = world_call(&w, &family_profile, HTTP_POST, ENTITIES, buf_str(&b), NULL);
        CHECK_STATUS(a, 200);
        it = json_iter(a.json);
        CHECK_TRUE(json_next(&it));
        CHECK_STR(event_ids(t, it.value), S("e2 e1"));
        buf_deinit(&b);
    }
    CHECK_STATUS(world_post(&w, &family_profile, ENTITIES, "{'schema':{'name':'_xdm.context.profile'}}"), 400);
    CHECK_STATUS(world_post(&w, &family_profile, ENTITIES,
                            "{'schema':{'name':'_xdm.context.profile'},'identities':[{'entityId':'u'}]}"),
                 400);
    world_close(&w);
}

TEST(profile_merge_policies)
{
    struct world w;
    struct answer a;
    struct str id;

    world_open(t, &w);
    a = world_get(&w, &family_profile,
                  "/data/core/ups/config/mergePolicies?schema.name=_xdm.context.profile&default=true");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(a.json, S("children"))), 1);
    CHECK_STR(json_str(json_path(a.json, S("_links.next.href"))), S(""));
    id = json_str(json_get(json_at(json_get(a.json, S("children")), 0), S("id")));
    CHECK_EQ(id.n, 36);
    a = world_get(&w, &family_profile,
                  arena_printf(t->arena, "/data/core/ups/config/mergePolicies/%.*s", STR_ARG(id)).p);
    CHECK_STATUS(a, 200);
    CHECK_TRUE(json_bool(json_get(a.json, S("isActiveOnEdge")), false));
    CHECK_STATUS(world_get(&w, &family_profile, "/data/core/ups/config/mergePolicies/nope"), 404);
    a = world_get(&w, &family_profile, "/data/core/ups/config/mergePolicies?attributeMerge.type=dataSetPrecedence");
    CHECK_EQ(json_count(json_get(a.json, S("children"))), 0);
    world_close(&w);
}
