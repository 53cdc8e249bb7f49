/* target_api_test.c - the Target admin API [TARGET 6]. */
#include "control_fixture.h"
#include "os/thread.h"

#define T "/acme/target"
#define V3                                                                                                             \
    "Content-Type: application/vnd.adobe.target.v3+json\nAccept: "                                                     \
    "application/vnd.adobe.target.v3+json\nx-gw-ims-org-id:"
#define V2                                                                                                             \
    "Content-Type: application/vnd.adobe.target.v2+json\nAccept: "                                                     \
    "application/vnd.adobe.target.v2+json\nx-gw-ims-org-id:"

#define ACTIVITY(more)                                                                                                 \
    "{'name':'Hero','state':'saved','priority':5," more "'options':[{'optionLocalId':0,'name':'A','offerId':1001},"    \
    "{'optionLocalId':1,'name':'B','offerId':0}],'locations':{'mboxes':[{'locationLocalId':0,'name':'hero',"           \
    "'audienceIds':[]}]},'experiences':[{'experienceLocalId':0,'name':'A','visitorPercentage':50,'audienceIds':[],"    \
    "'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},{'experienceLocalId':1,'name':'B',"                  \
    "'visitorPercentage':50,'audienceIds':[],'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}],"           \
    "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[]}]}"

TEST(admin_target_offers)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'<b>hi</b>'}");
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "id"), S("1001"));
    CHECK_STR(str_of(r.content_type), S("application/vnd.adobe.target.v2+json"));
    r = control_ask_with(&c, "POST " T "/offers/json", V2, "{'name':'Data','content':{'a':1}}");
    CHECK_STR(control_get(&c, &r, "id"), S("1002"));
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/redirect", V2, "{'name':'Go','content':'https://shop.test/x'}"),
                201);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/redirect", V2, "{'name':'Go','content':'javascript:x'}"), 400);
    r = control_ask_with(&c, "POST " T "/offers/actions", V2,
                         "{'name':'Paint','actions':[{'type':'setHtml','selector':'#a','content':'x'}]}");
    CHECK_REPLY(r, 201);
    r = control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'','content':'x'}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.0.errorCode"), S("InvalidProperty.Json"));
    CHECK_STR(control_get(&c, &r, "errors.0.meta.path"), S("name"));
    r = control_ask_with(&c, "GET " T "/offers?sortBy=-id&limit=2", V2, NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("4"));
    CHECK_STR(control_get(&c, &r, "offers.0.type"), S("actions"));
    CHECK_EQ(json_count(json_get(r.json, S("offers"))), 2);
    r = control_ask_with(&c, "GET " T "/offers?type=!json,content", V2, NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("2"));
    CHECK_REPLY(control_ask_with(&c, "GET " T "/offers/json/1001", V2, NULL), 404); /* of another type */
    r = control_ask_with(&c, "PUT " T "/offers/content/1001", V2, "{'name':'Hero 2','content':'y','id':7}");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "id"), S("1001"));
    r = control_ask_with(&c, "GET " T "/offers/content/1001", V2, NULL);
    CHECK_STR(control_get(&c, &r, "name"), S("Hero 2"));
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/offers/actions/1004", V2, NULL), 200);
    r = control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Next','content':'z'}");
    CHECK_STR(control_get(&c, &r, "id"), S("1005")); /* a number is never used again */
    r = control_ask_with(&c, "GET " T "/offers", "Accept: application/vnd.adobe.target.v9+json", NULL);
    CHECK_REPLY(r, 406);
    CHECK_STR(control_get(&c, &r, "errors.0.errorCode"), S("Unsupported.Feature"));
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", "Content-Type: text/plain", "{'name':'a'}"), 415);
    control_close(&c);
}

TEST(admin_target_audiences_and_properties)
{
    struct control c;
    struct reply r;
    struct str token;

    control_open(t, &c, false);
    r = control_ask_with(&c, "POST " T "/audiences", V3,
                         "{'name':'German','targetRule':{'and':[{'page':'query','equals':['a=1']}]}}");
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "id"), S("1001"));
    r = control_ask_with(&c, "POST " T "/audiences", V3, "{'name':'x','targetRule':{'banana':1}}");
    CHECK_REPLY(r, 400);
    CHECK_TRUE(str_starts(control_get(&c, &r, "errors.0.message"),
                          S("targetRule: unknown member 'banana' (a leaf is one category (mbox, ")));
    r = control_ask_with(&c, "PATCH " T "/audiences/1001", V3, "{'name':'Query'}");
    CHECK_REPLY(r, 200);
    CHECK_TRUE(json_get(r.json, S("targetRule")) != NULL);
    r = control_ask_with(&c, "GET " T "/audiences/1001", V3, NULL);
    CHECK_STR(control_get(&c, &r, "name"), S("Query"));
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/audiences/1001", V3,
                                 "{'name':'Other','targetRule':{'and':[{'page':'query','equals':['a=2']}]}}"),
                200);
    r = control_ask_with(&c, "GET " T "/audiences?name=Other", V3, NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("1"));
    r = control_ask_with(&c, "POST " T "/properties", "", "{'name':'Site','channel':'web'}");
    CHECK_REPLY(r, 201);
    token = control_get(&c, &r, "token");
    CHECK_EQ(token.n, 36);
    CHECK_REPLY(control_ask(&c, "POST " T "/properties", "{'name':'Site','channel':'tv'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " T "/properties", "{'channel':'web'}"), 400);
    r = control_ask(&c, "PUT " T "/properties/1001", "{'name':'Site 2','channel':'mobile','token':'mine'}");
    CHECK_STR(control_get(&c, &r, "token"), token);
    r = control_ask(&c, "GET " T "/properties", NULL);
    CHECK_STR(control_get(&c, &r, "properties.0.name"), S("Site 2"));
    CHECK_REPLY(control_ask(&c, "GET " T "/properties/1001", NULL), 200);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/activities/ab", V3,
                                 ACTIVITY("'entryConstraint':{'audienceIds':[1001]},'propertyIds':[1001],")),
                201);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/properties/1001", NULL), 400);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/audiences/1001", V3, NULL), 400);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/offers/content/1001", V2, NULL), 400);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/activities/ab/1001", V3, NULL), 200);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/properties/1001", NULL), 200);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/audiences/1001", V3, NULL), 200);
    control_close(&c);
}

TEST(admin_target_activities)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask_with(&c, "POST " T "/activities/ab", V3, ACTIVITY(""));
    CHECK_REPLY(r, 400); /* its offer is not there */
    CHECK_BODY(r, "options[0].offerId");
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    r = control_ask_with(&c, "POST " T "/activities/ab", V3, ACTIVITY("'thirdPartyId':'hero-1',"));
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "id"), S("1001"));
    CHECK_STR(control_get(&c, &r, "type"), S("ab"));
    CHECK_TRUE(json_get(r.json, S("approvedAt")) == NULL);
    r = control_ask(&c, "PUT " T "/activities/1001/state", "{'state':'approved'}");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "state"), S("approved"));
    r = control_ask(&c, "PUT " T "/activities/ab/1001/priority", "{'priority':77}");
    CHECK_STR(control_get(&c, &r, "priority"), S("77"));
    r = control_ask(&c, "PUT " T "/activities/1001/name", "{'name':'Hero test'}");
    CHECK_STR(control_get(&c, &r, "name"), S("Hero test"));
    r = control_ask(&c, "PUT " T "/activities/1001/schedule",
                    "{'startsAt':'2026-03-01T00:00:00Z','endsAt':'2026-04-01T00:00:00Z'}");
    CHECK_STR(control_get(&c, &r, "endsAt"), S("2026-04-01T00:00:00Z"));
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/schedule", "{'endsAt':'2026-02-01T00:00:00Z'}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/state", "{'state':'flying'}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/state", "{}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/xt/1001/state", "{'state':'saved'}"), 404);
    r = control_ask_with(&c, "GET " T "/activities/ab/1001", V3, NULL);
    CHECK_TRUE(json_get(r.json, S("approvedAt")) != NULL);
    r = control_ask_with(&c, "GET " T "/activities/ab/1001", "Accept: application/vnd.adobe.target.v2+json", NULL);
    CHECK_STR(control_get(&c, &r, "experiences.0.offerLocations.0.offerId"), S("1001"));
    CHECK_TRUE(json_get(r.json, S("options")) == NULL);
    r = control_ask_with(&c, "PUT " T "/activities/ab/1001", V3, ACTIVITY("'endsAt':null,"));
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "state"), S("saved"));
    r = control_ask_with(&c, "GET " T "/activities?state=saved&name=Hero", V3, NULL);
    CHECK_STR(control_get(&c, &r, "activities.0.id"), S("1001"));
    r = control_ask_with(&c, "DELETE " T "/activities/ab/1001", V3, NULL);
    CHECK_STR(control_get(&c, &r, "state"), S("deleted"));
    control_close(&c);
}

TEST(admin_target_deleted_activity_stays)
{
    struct control c;
    struct reply r;
    struct str third;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/activities/ab", V3, ACTIVITY("'thirdPartyId':'hero-1',")), 201);
    r = control_ask(&c, "PUT " T "/activities/1001/state", "{'state':'deleted'}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "DELETE deletes");
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/activities/ab/1001", V3, "{'name':'x','state':'deleted'}"), 400);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/activities/ab", V3, "{'name':'x','state':'deleted'}"), 400);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/activities/xt/1001", V3, NULL), 404);
    r = control_ask_with(&c, "DELETE " T "/activities/ab/1001", V3, NULL);
    CHECK_REPLY(r, 200);
    third = control_get(&c, &r, "thirdPartyId");
    CHECK_TRUE(str_starts(third, S("hero-1_")));
    r = control_ask_with(&c, "GET " T "/activities/ab/1001", V3, NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "state"), S("deleted"));
    r = control_ask_with(&c, "DELETE " T "/activities/ab/1001", V3, NULL); /* once more */
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "thirdPartyId"), third);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/state", "{'state':'saved'}"), 400);
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/activities/ab/1001", V3, ACTIVITY("")), 400);
    CHECK_REPLY(control_ask(&c, "GET " T "/activities/1001/qa", NULL), 400);
    r = control_ask(&c, "GET " T "/activities", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("1"));
    r = control_ask(&c, "GET " T "/activities?state=!deleted", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("0"));
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/offers/content/1001", V2, NULL), 200); /* nothing uses it now */
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/activities/ab/1001?permanently=true", V3, NULL), 200);
    CHECK_REPLY(control_ask_with(&c, "GET " T "/activities/ab/1001", V3, NULL), 404);
    control_close(&c);
}

TEST(admin_target_changelog)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Other','content':'z'}"), 201);
    CHECK_REPLY(control_ask(&c, "GET " T "/activities/1001/changelog", NULL), 404);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/activities/ab", V3, ACTIVITY("")), 201);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/state", "{'state':'approved'}"), 200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/activities/1001/name", "{'name':'Hero test'}"), 200);
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/offers/content/1002", V2, "{'name':'Other','content':'q'}"), 200);
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/offers/content/1001", V2, "{'name':'Hero','content':'y'}"), 200);
    r = control_ask(&c, "GET " T "/activities/1001/changelog", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("4")); /* offer 1002 is none of its */
    CHECK_STR(control_get(&c, &r, "activityChangelogs.0.modifiedOffer.name"), S("Hero"));
    CHECK_STR(control_get(&c, &r, "activityChangelogs.1.activityParameters.activityName.previousValue"), S("Hero"));
    CHECK_STR(control_get(&c, &r, "activityChangelogs.1.activityParameters.activityName.changedValue"), S("Hero test"));
    CHECK_STR(control_get(&c, &r, "activityChangelogs.2.activityParameters.state.changedValue"), S("approved"));
    CHECK_STR(control_get(&c, &r, "activityChangelogs.3.activityParameters.state.changedValue"), S("saved"));
    CHECK_TRUE(json_path(json_at(json_get(r.json, S("activityChangelogs")), 3),
                         S("activityParameters.state.previousValue")) == NULL);
    r = control_ask(&c, "GET " T "/activities/1001/changelog?offset=1&limit=1", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("4"));
    CHECK_EQ(json_count(json_get(r.json, S("activityChangelogs"))), 1);
    CHECK_STR(control_get(&c, &r, "activityChangelogs.0.activityParameters.activityName.changedValue"), S("Hero test"));
    control_close(&c);
}

TEST(admin_target_revisions)
{
    struct control c;
    struct reply r;
    struct str first;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    CHECK_REPLY(control_ask_with(&c, "PUT " T "/offers/content/1001", V2, "{'name':'Hero','content':'y'}"), 200);
    CHECK_REPLY(control_ask_with(&c, "DELETE " T "/offers/content/1001", V2, NULL), 200);
    r = control_ask(&c, "GET " T "/revisions/offer/1001", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("3"));
    CHECK_STR(control_get(&c, &r, "revisions.0.operation"), S("delete"));
    CHECK_STR(control_get(&c, &r, "revisions.1.operation"), S("update"));
    CHECK_STR(control_get(&c, &r, "revisions.1.modifiedByName"), S(C_CLIENT));
    CHECK_STR(control_get(&c, &r, "revisions.2.operation"), S("create"));
    first = control_get(&c, &r, "revisions.2.id");
    r = control_ask(&c, arena_printf(t->arena, "GET " T "/revisions/offer/1001/revision/%.*s", STR_ARG(first)).p, NULL);
    CHECK_STR(control_get(&c, &r, "summary.operation"), S("create"));
    CHECK_TRUE(str_find(control_get(&c, &r, "jsonData"), S("\"content\":\"x\"")) >= 0);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer/1001/revision/1", NULL), 404);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer/1001/revision/x", NULL), 404);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer/7", NULL), 404);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/banana", NULL), 400);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer?modifiedAt=tomorrow", NULL), 400);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer/1001/revision", NULL), 400);
    CHECK_REPLY(control_ask(&c, "GET " T "/revisions/offer/1001/revision?timestamp=2001-01-01T00:00:00Z", NULL), 404);
    r = control_ask(&c, "GET " T "/revisions/offer/1001/revision?timestamp=2101-01-01T00:00:00Z", NULL);
    CHECK_STR(control_get(&c, &r, "summary.operation"), S("delete"));
    r = control_ask(&c, "GET " T "/revisions/offer?modifiedBy=nobody", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("0"));
    r = control_ask(&c, "GET " T "/revisions/offer?modifiedBy=" C_CLIENT, NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("2"));
    CHECK_STR(control_get(&c, &r, "revisions.0.resourceId"), S("1001"));
    control_close(&c);
}

TEST(admin_target_older_activity_bodies)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask_with(&c, "POST " T "/offers/content", V2, "{'name':'Hero','content':'x'}"), 201);
    r = control_ask_with(&c, "POST " T "/activities/xt", V2,
                         "{'name':'Old','locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},"
                         "'experiences':[{'experienceLocalId':0,'name':'A','audienceIds':[],'offerLocations':"
                         "[{'locationLocalId':0,'offerId':1001}]},{'experienceLocalId':1,'name':'B','audienceIds':[],"
                         "'offerLocations':[{'locationLocalId':0,'offerId':0}]}]}");
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "experiences.0.offerLocations.0.offerId"), S("1001"));
    r = control_ask_with(&c, "GET " T "/activities/xt/1001", V3, NULL);
    CHECK_STR(control_get(&c, &r, "options.0.offerId"), S("1001"));
    CHECK_STR(control_get(&c, &r, "experiences.1.optionLocations.0.optionLocalId"), S("1"));
    control_close(&c);
}

/* Numbers stay apart when several clients create at once. Each thread has its own request memory. */
struct creator {
    struct control *c;
    int made;
};

static void
create_some(void *ctx)
{
    struct creator *k = ctx;
    struct control *c = k->c;
    struct arena arena;
    struct buf out;
    struct rng rng;
    struct str auth;

    arena_init(&arena, 4 << 20);
    buf_init(&out, 1 << 20);
    rng_seed(&rng, (uint64_t)(uintptr_t)k);
    auth = arena_printf(&arena, "Bearer %s", c->token);
    for (int i = 0; i < 8; i++) {
        struct http_header headers[] = {{S("Authorization"), auth}, {S("x-api-key"), S(C_CLIENT)}};
        struct http_req rq = {.method = HTTP_POST,
                              .method_text = S("POST"),
                              .path = S(T "/offers/content"),
                              .headers = headers,
                              .header_count = 2,
                              .body = S("{\"name\":\"o\",\"content\":\"x\"}"),
                              .arena = &arena,
                              .rng = &rng,
                              .now_ms = C_NOW};
        struct http_res rs = {.body = &out};
        buf_clear(&out);
        c->service.handle(c->service.ctx, &rq, &rs);
        k->made += rs.status == 201;
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

TEST(admin_target_numbers_under_threads)
{
    struct control c;
    struct creator creators[3];
    struct os_thread threads[3] = {0};
    struct reply r;

    control_open(t, &c, false);
    for (int i = 0; i < 3; i++) {
        creators[i] = (struct creator){&c, 0};
        CHECK_OK(os_thread_open(&threads[i], "creator", create_some, &creators[i], d));
    }
    for (int i = 0; i < 3; i++)
        os_thread_close(&threads[i]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(creators[i].made, 8);
    r = control_ask(&c, "GET " T "/offers?sortBy=-id", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("24"));
    CHECK_STR(control_get(&c, &r, "offers.0.id"), S("1024"));
    control_close(&c);
}
