/* segment_api_test.c - audiences and definitions [SEGMENTATION 14, 17]. */
#include "control_fixture.h"

#define AUD "/data/core/ups/audiences"
#define DEF "/data/core/ups/segment/definitions"

static struct reply
post(struct control *c, const char *path, const char *name, const char *pql, const char *more)
{
    struct t *t = c->t;

    return control_ask(c, arena_printf(t->arena, "POST %s", path).p,
                       arena_printf(t->arena,
                                    "{'name':'%s','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'"
                                    "expression':{'type':'PQL','format':'pql/text','value':'%s'}%s}",
                                    name, pql, more)
                           .p);
}

static const char *
method_of(struct control *c, const struct reply *r)
{
    static const char *const names[] = {"batch", "continuous", "synchronous"};
    const char *found = "none";

    for (int i = 0; i < 3; i++) {
        struct str v = control_get(c, r, arena_printf(c->t->arena, "evaluationInfo.%s.enabled", names[i]).p);
        if (str_eq(v, S("true")))
            found = strcmp(found, "none") == 0 ? names[i] : "several";
    }
    return found;
}

#define EDGE ",'evaluationInfo':{'synchronous':{'enabled':true}}"
#define STREAMING ",'evaluationInfo':{'continuous':{'enabled':true}}"

/* Quotes inside a PQL text are written as \" in JSON. */
static const char *
pql(struct t *t, const char *text)
{
    struct buf b;
    const char *z;

    buf_init(&b, 4096);
    for (; *text != '\0'; text++) {
        if (*text == '`')
            buf_put(&b, S("\\\""));
        else
            buf_putc(&b, *text);
    }
    z = arena_cstr(t->arena, buf_str(&b));
    buf_deinit(&b);
    return z;
}

TEST(admin_audience_life)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = post(&c, AUD, "Gold", pql(t, "loyalty.tier = `gold`"), ",'description':'best'" EDGE);
    CHECK_REPLY(r, 200);
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    CHECK_STR(control_get(&c, &r, "lifecycleState"), S("published"));
    CHECK_STR(control_get(&c, &r, "namespace"), S("AEPSegments"));
    CHECK_STR(control_get(&c, &r, "imsOrgId"), S(C_ORG));
    CHECK_STR(control_get(&c, &r, "sandbox.sandboxName"), S("prod"));
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    r = control_ask(&c, arena_printf(t->arena, "PATCH " AUD "/%s", id).p,
                    "[{'op':'add','path':'/name','value':'Gold 2'},{'op':'add','path':'/namespace','value':'x'}]");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "'namespace' of an audience cannot be changed");
    r = control_ask(&c, arena_printf(t->arena, "PATCH " AUD "/%s", id).p,
                    "[{'op':'replace','path':'/name','value':'Gold 2'}]");
    CHECK_REPLY(r, 400);
    r = control_ask(&c, arena_printf(t->arena, "PATCH " AUD "/%s", id).p,
                    "[{'op':'add','path':'/name','value':'Gold 2'},"
                    "{'op':'add','path':'/namespace','value':'AEPSegments'}]");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "name"), S("Gold 2"));
    CHECK_STR(control_get(&c, &r, "namespace"), S("AEPSegments"));
    r = control_ask(&c, arena_printf(t->arena, "PUT " AUD "/%s", id).p,
                    pql(t, "{'name':'Gold 3','expression':{'type':'PQL','format':'pql/text','value':'loyalty.tier = "
                           "`platinum`'}}"));
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "description"), S("best"));
    r = control_ask(&c, arena_printf(t->arena, "GET " DEF "/%s", id).p, NULL); /* the same object */
    CHECK_STR(control_get(&c, &r, "name"), S("Gold 3"));
    r = control_ask(&c, arena_printf(t->arena, "PATCH " DEF "/%s", id).p, "{'name':'Gold 4'}");
    CHECK_STR(control_get(&c, &r, "name"), S("Gold 4"));
    r = control_ask(&c, arena_printf(t->arena, "PATCH " AUD "/%s", id).p,
                    "[{'op':'add','path':'/lifecycleState','value':'draft'}]");
    CHECK_REPLY(r, 400);
    r = control_ask(&c, arena_printf(t->arena, "GET /edgewise/audiences/%s/size", id).p, NULL);
    CHECK_STR(control_get(&c, &r, "size"), S("36"));
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " AUD "/%s", id).p, NULL), 204);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " AUD "/%s", id).p, NULL), 404);
    control_close(&c);
}

TEST(admin_audience_errors)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = post(&c, DEF, "Bad", "loyalty.tier = ", "");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("PQL-PARSE"));
    CHECK_BODY(r, "line 1 column");
    r = post(&c, DEF, "Bad", pql(t, "xEvent = `a` and loyalty.tier.nope() = 2"), "");
    CHECK_REPLY(r, 400);
    r = post(&c, AUD, "", "a = 1", "");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("UPAPI-113434-400"));
    CHECK_REPLY(post(&c, AUD, "One", "a = 1", ""), 200);
    CHECK_REPLY(post(&c, DEF, "One", "a = 2", ""), 422);
    r = control_ask(&c, "POST " AUD,
                    "{'name':'J','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'expression':{'"
                    "type':'PQL','format':'pql/json','value':'{}'}}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "PQL-PARSE");
    CHECK_REPLY(control_ask(&c, "PATCH " AUD "/none", "[]"), 404);
    control_close(&c);
}

TEST(admin_audience_in_json) /* [SEGMENTATION 13] */
{
    static const char *const node =
        "{`nodeType`:`fnApply`,`fnName`:`=`,`params`:[{`nodeType`:`fieldLookup`,`fieldName`:"
        "`tier`,`object`:{`nodeType`:`parameterReference`,`position`:1}},{`nodeType`:"
        "`literal`,`literalType`:`%s`,`value`:`gold`}]}";
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "POST " AUD,
                    arena_printf(t->arena,
                                 "{'name':'J','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'"
                                 "expression':{'type':'PQL','format':'pql/json','value':'%s'}}",
                                 pql(t, arena_printf(t->arena, node, "String").p))
                        .p);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "expression.format"), S("pql/json"));
    CHECK_STR(str_of(method_of(&c, &r)), S("batch"));
    r = control_ask(&c, "POST " AUD,
                    arena_printf(t->arena,
                                 "{'name':'K','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'"
                                 "expression':{'type':'PQL','format':'pql/json','value':'%s'}}",
                                 pql(t, arena_printf(t->arena, node, "Integer").p))
                        .p);
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("PQL-VALUE"));
    CHECK_BODY(r, "at params[1].value");
    control_close(&c);
}

TEST(admin_audience_methods) /* [SEGMENTATION 14.3] */
{
    struct control c;
    struct reply r;
    const char *profile_only, *event_based;

    control_open(t, &c, false);
    r = post(&c, AUD, "profile", "loyalty.points > 1", "");
    profile_only = arena_cstr(t->arena, control_get(&c, &r, "id"));
    CHECK_STR(str_of(method_of(&c, &r)), S("batch")); /* nobody asked for another */
    r = post(&c, AUD, "event", pql(t, "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(today)])"), EDGE);
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    event_based = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = post(&c, AUD, "week",
             pql(t, "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(<= 7 days before now)])"), STREAMING);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "an event has no window of at most 24 hours");
    r = post(&c, AUD, "two", pql(t, "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(today) COUNT(3)])"),
             EDGE);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "it asks for more than one event");
    r = post(&c, AUD, "two", pql(t, "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(today) COUNT(3)])"),
             STREAMING);
    CHECK_STR(str_of(method_of(&c, &r)), S("continuous"));
    r = post(&c, AUD, "ref1",
             pql(t, arena_printf(t->arena,
                                 "inSegment(`%s`) and chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) "
                                 "WHEN(today)])",
                                 profile_only)
                        .p),
             EDGE);
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    CHECK_STR(control_get(&c, &r, "dependencies.0"), str_of(profile_only));
    r = control_ask(&c, arena_printf(t->arena, "GET " AUD "/%s", profile_only).p, NULL);
    CHECK_EQ(json_count(json_get(r.json, S("dependents"))), 1);
    r = post(&c, AUD, "ref2",
             pql(t, arena_printf(t->arena,
                                 "inSegment(`%s`) and chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) "
                                 "WHEN(today)])",
                                 event_based)
                        .p),
             STREAMING);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "not built from profile fields only");
    r = post(&c, AUD, "asked", "loyalty.points > 2", ",'evaluationInfo':{'batch':{'enabled':true}}");
    CHECK_STR(str_of(method_of(&c, &r)), S("batch"));
    r = post(&c, AUD, "refused", pql(t, "xEvent[eventType = `p`].count() > 2"),
             ",'evaluationInfo':{'synchronous':{'enabled':true}}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "does not qualify");
    r = control_ask(&c, arena_printf(t->arena, "DELETE " AUD "/%s", profile_only).p, NULL);
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("UPAPI-113631-403"));
    control_close(&c);
}

#define TODAY "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(today)])"
#define WEEK "chain(xEvent, timestamp, [A: WHAT(eventType = `buy`) WHEN(<= 7 days before now)])"

TEST(s19_30_references_and_methods)
{
    struct control c;
    struct reply r;
    const char *week, *of_week, *both;

    control_open(t, &c, false);
    r = post(&c, AUD, "week", pql(t, WEEK), "");
    week = arena_cstr(t->arena, control_get(&c, &r, "id"));
    both = pql(t, arena_printf(t->arena, "inSegment(`%s`) and " TODAY, week).p);
    r = post(&c, AUD, "refs", pql(t, arena_printf(t->arena, "inSegment(`%s`)", week).p), EDGE); /* rule 12 */
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    of_week = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = post(&c, AUD, "event and ref", both, EDGE); /* rule 9 */
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "beside an audience that is not built from profile fields only");
    both = pql(t, arena_printf(t->arena, "inSegment(`%s`) and " TODAY, of_week).p);
    r = post(&c, AUD, "event and ref of ref", both, STREAMING);
    CHECK_REPLY(r, 400);
    both = pql(t, arena_printf(t->arena, "segmentMembership.get(`ups`).get(`%s`).isNotNull() and " TODAY, week).p);
    CHECK_REPLY(post(&c, AUD, "event and long ref", both, STREAMING), 400);
    CHECK_REPLY(post(&c, AUD, "event and unknown", pql(t, "inSegment(`other`) and " TODAY), STREAMING), 400);
    CHECK_REPLY(post(&c, AUD, "event and any", pql(t, "inSegment(person.name.firstName) and " TODAY), STREAMING), 400);
    control_close(&c);
}

/* What would be null without a word. */
TEST(admin_audience_that_reads_what_is_not_there)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = post(&c, AUD, "seen", pql(t, "person.name.firstName = `Ada`"), "");
    CHECK_STR(control_get(&c, &r, "warnings"), S("null"));
    r = post(&c, AUD, "unseen", pql(t, "segmentMembership.get(`ups`).get(`a`).isNotNull() or identityMap.count() > 1"),
             "");
    CHECK_REPLY(r, 200);
    CHECK_BODY(r, "use inSegment(");
    CHECK_BODY(r, "identityMap is not there");
    r = post(&c, AUD, "unseen in events", pql(t, "xEvent[identityMap.count() > 1].count() > 0"), "");
    CHECK_BODY(r, "identityMap is not there");
    control_close(&c);
}

#define LAYERS 12
#define WIDE 6

/* inSegment() of every audience of a layer. */
static const char *
all_of_layer(struct t *t, int layer)
{
    struct str s = arena_printf(t->arena, "inSegment(`l%d_0`)", layer);

    for (int i = 1; i < WIDE; i++)
        s = arena_printf(t->arena, "%.*s and inSegment(`l%d_%d`)", STR_ARG(s), layer, i);
    return pql(t, s.p);
}

/* There are WIDE to the power of LAYERS ways through these references: each audience is looked at once. */
TEST(admin_method_of_audiences_that_share_their_references)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int i = 0; i < WIDE; i++) {
            const char *id = arena_printf(t->arena, "l%d_%d", layer, i).p;
            const char *text = layer == 0 ? "loyalty.points > 1" : all_of_layer(t, layer - 1);
            control_audience(&c, id, text);
        }
    }
    r = post(&c, AUD, "top", arena_printf(t->arena, "%s and %s", all_of_layer(t, LAYERS - 1), pql(t, TODAY)).p,
             STREAMING);
    CHECK_REPLY(r, 200);
    CHECK_STR(str_of(method_of(&c, &r)), S("continuous"));
    control_close(&c);
}

TEST(s19_31_evaluation_info)
{
    static const char *const defaults[] = {"", ",'evaluationInfo':{}", ",'evaluationInfo':null",
                                           ",'evaluationInfo':{'continuous':{'enabled':false}}"};
    static const char *const wrong[] = {",'evaluationInfo':[]", ",'evaluationInfo':{'hourly':{'enabled':true}}",
                                        ",'evaluationInfo':{'batch':true}",
                                        ",'evaluationInfo':{'batch':{'enabled':1}}"};
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    for (size_t i = 0; i < 4; i++) {
        r = post(&c, AUD, arena_printf(t->arena, "a%zu", i).p, "a = 1", defaults[i]);
        CHECK_REPLY(r, 200);
        CHECK_STR(str_of(method_of(&c, &r)), S("batch"));
    }
    for (size_t i = 0; i < 4; i++) {
        r = post(&c, AUD, "wrong", "a = 1", wrong[i]);
        CHECK_REPLY(r, 400);
        CHECK_BODY(r, "evaluationInfo");
    }
    r = post(
        &c, AUD, "several", "a = 1",
        ",'evaluationInfo':{'batch':{'enabled':true},'continuous':{'enabled':true},'synchronous':{'enabled':true}}");
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    r = post(&c, AUD, "week", pql(t, WEEK), EDGE);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "does not qualify for edge (synchronous) evaluation: an event has no window of at most 24 hours");
    control_close(&c);
}

static struct reply
put_pql(struct control *c, const char *id, const char *text, const char *more)
{
    struct t *t = c->t;

    return control_ask(
        c, arena_printf(t->arena, "PUT " AUD "/%s", id).p,
        arena_printf(t->arena, "{'expression':{'type':'PQL','format':'pql/text','value':'%s'}%s}", pql(t, text), more)
            .p);
}

TEST(s19_30_edits_switch_methods)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = post(&c, AUD, "one", pql(t, TODAY), STREAMING);
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = put_pql(&c, id, "loyalty.points > 1", "");
    CHECK_STR(str_of(method_of(&c, &r)), S("continuous")); /* it still qualifies */
    r = put_pql(&c, id, "loyalty.points > 1", EDGE);
    CHECK_STR(str_of(method_of(&c, &r)), S("synchronous"));
    r = put_pql(&c, id, WEEK, "");
    CHECK_REPLY(r, 200);
    CHECK_STR(str_of(method_of(&c, &r)), S("batch")); /* by itself */
    CHECK_STR(control_get(&c, &r, "batchIsFinal"), S("null"));
    r = put_pql(&c, id, TODAY, "");
    CHECK_STR(str_of(method_of(&c, &r)), S("batch"));
    r = put_pql(&c, id, TODAY, STREAMING);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "became batch, which is final");
    r = post(&c, AUD, "two", "loyalty.points > 1", "");
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = put_pql(&c, id, TODAY, STREAMING); /* one that always was batch may move */
    CHECK_STR(str_of(method_of(&c, &r)), S("continuous"));
    control_close(&c);
}

TEST(s19_36_life_by_rest)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = post(&c, AUD, "one", "a = 1", ",'lifecycleState':'draft'");
    CHECK_STR(control_get(&c, &r, "lifecycleState"), S("draft"));
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = put_pql(&c, id, "a = 2", ""); /* an edit keeps the state */
    CHECK_STR(control_get(&c, &r, "lifecycleState"), S("draft"));
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'inactive'"), 400);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'deleted'"), 400);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'published'"), 200);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'draft'"), 400);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'inactive'"), 200);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'draft'"), 400);
    CHECK_REPLY(put_pql(&c, id, "a = 2", ",'lifecycleState':'published'"), 200);
    CHECK_REPLY(post(&c, AUD, "two", "a = 1", ",'lifecycleState':'deleted'"), 400);
    control_close(&c);
}

#define SCHEMA "{'schema':{'name':'_xdm.context.profile'},"
#define ACCOUNT "{'schema':{'name':'_xdm.context.account'},"

TEST(s19_38_what_an_audience_needs)
{
    static const char *const bodies[] = {
        SCHEMA "'type':'SegmentDefinition','expression':{'value':'a = 1'}}",
        SCHEMA "'name':'n','expression':{'value':'a = 1'}}",
        "{'name':'n','type':'SegmentDefinition','expression':{'value':'a = 1'}}",
        SCHEMA "'name':'n','type':'SegmentDefinition'}",
        ACCOUNT "'name':'n','type':'SegmentDefinition','expression':{'value':'a = 1'}}",
    };
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        r = control_ask(&c, "POST " AUD, bodies[i]);
        CHECK_REPLY(r, 400);
        CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("UPAPI-113434-400"));
        r = control_ask(&c, "POST " DEF, bodies[i]);
        CHECK_REPLY(r, i == 1 ? 200 : 400); /* a definition is of the type that it is */
    }
    control_close(&c);
}

TEST(admin_audience_lists_and_bulk)
{
    struct control c;
    struct reply r;
    struct str first = S_NULL;

    control_open(t, &c, false);
    for (int i = 0; i < 5; i++) {
        r = post(&c, DEF, arena_printf(t->arena, "Seg %c", 'A' + i).p, arena_printf(t->arena, "a = %d", i).p, "");
        CHECK_REPLY(r, 200);
        CHECK_TRUE(str_find(r.headers, S("X-Location: /data/core/ups/segment/definitions/")) >= 0);
        if (i == 0)
            first = control_get(&c, &r, "id");
    }
    r = control_ask(&c, "GET " AUD "?limit=2&start=1&sort=name:asc", NULL);
    CHECK_STR(control_get(&c, &r, "children.0.name"), S("Seg C"));
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), S("5"));
    CHECK_STR(control_get(&c, &r, "_page.totalPages"), S("3"));
    CHECK_STR(control_get(&c, &r, "_page.next"), S("2"));
    CHECK_STR(control_get(&c, &r, "_links.next.href"), S("@/audiences?start=2&limit=2&totalCount=5"));
    r = control_ask(&c, "GET " AUD "?limit=2&start=2&sort=name:asc", NULL);
    CHECK_EQ(json_count(json_get(r.json, S("children"))), 1);
    CHECK_TRUE(json_path(r.json, S("_page.next")) == NULL);
    r = control_ask(&c, "GET " AUD "?name=seg%20b", NULL);
    CHECK_EQ(json_count(json_get(r.json, S("children"))), 1);
    r = control_ask(&c, "GET " DEF "?start=3&limit=10&sort=name:desc", NULL);
    CHECK_STR(control_get(&c, &r, "segments.0.name"), S("Seg B"));
    CHECK_STR(control_get(&c, &r, "page.totalCount"), S("5"));
    r = control_ask(&c, "GET " DEF "?evaluationInfo.continuous.enabled=true", NULL);
    CHECK_EQ(json_count(json_get(r.json, S("segments"))), 0);
    r = control_ask(&c, "POST " AUD "/bulk-get",
                    arena_printf(t->arena, "{'ids':[{'id':'%.*s'},{'id':'none'}]}", STR_ARG(first)).p);
    CHECK_REPLY(r, 207);
    CHECK_STR(control_get(&c, &r, "results.none.errors.404.0.code"), S("UPAPI-113430-404"));
    CHECK_STR(json_str(json_get(json_get(json_get(r.json, S("results")), first), S("name"))), S("Seg A"));
    r = control_ask(&c, "POST " AUD "/bulk-get", "{'ids':[]}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("UPAPI-113015-400"));
    r = control_ask(&c, "POST " DEF "/bulk-get", "{'ids':[{'id':'x'}]}");
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "errors.404.0.code"), S("UPAPI-113000-404"));
    control_close(&c);
}
