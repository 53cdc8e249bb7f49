/* preview_test.c - counts of expressions that are not saved [SEGMENTATION 17.8]. */
#include "admin/admin_evaluate.h"
#include "base/limits.h"
#include "control_fixture.h"

#define PREVIEW "/data/core/ups/preview"
#define GOLD "{'predicateExpression':'tier = \\\"gold\\\"','predicateType':'pql/text'}"

/* \" inside of JSON with apostrophes. */
static struct reply
begin(struct control *c, const char *body)
{
    return control_ask(c, "POST " PREVIEW, body);
}

static const char *
id_of(struct control *c, const struct reply *r)
{
    struct t *t = c->t;

    CHECK_REPLY(*r, 201);
    return arena_cstr(t->arena, control_get(c, r, "previewId"));
}

static struct reply
ask(struct control *c, const char *method, const char *path, const char *id)
{
    return control_ask(c, arena_printf(c->t->arena, "%s /data/core/ups/%s/%s", method, path, id).p, NULL);
}

TEST(admin_preview_counts_and_names)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    for (int i = 0; i < 30; i++)
        control_person(&c, arena_printf(t->arena, "%d", i).p, i % 3 == 0 ? "{'tier':'gold'}" : "{'tier':'blue'}");
    control_hub_waits(&c, true);
    r = begin(&c, GOLD);
    CHECK_STR(control_get(&c, &r, "state"), S("NEW"));
    id = id_of(&c, &r);
    r = ask(&c, "GET", "estimate", id);
    CHECK_REPLY(r, 200);
    CHECK_TRUE(!str_eq(control_get(&c, &r, "state"), S("RESULT_READY")));
    CHECK_STR(control_get(&c, &r, "estimatedSize"), S("null"));
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    r = ask(&c, "GET", "estimate", id);
    CHECK_STR(control_get(&c, &r, "state"), S("RESULT_READY"));
    CHECK_STR(control_get(&c, &r, "estimatedSize"), S("10"));
    CHECK_STR(control_get(&c, &r, "profilesMatchedSoFar"), S("10"));
    CHECK_STR(control_get(&c, &r, "profilesReadSoFar"), S("30"));
    CHECK_STR(control_get(&c, &r, "totalRows"), S("30"));
    CHECK_STR(control_get(&c, &r, "standardError"), S("0"));
    CHECK_STR(control_get(&c, &r, "confidenceInterval"), S("100%"));
    CHECK_STR(control_get(&c, &r, "estimatedNamespaceDistribution.0.profilesMatchedSoFar"), S("10"));
    CHECK_STR(control_get(&c, &r, "error.description"), S(""));
    r = ask(&c, "GET", "preview", arena_printf(t->arena, "%s?offset=0&limit=4", id).p);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "page.size"), S("4"));
    CHECK_TRUE(control_get(&c, &r, "results.3.objectId").n > 4);
    CHECK_TRUE(str_find(control_get(&c, &r, "links.next"), S("offset=4&limit=4")) > 0);
    r = ask(&c, "GET", "preview", arena_printf(t->arena, "%s?offset=8", id).p);
    CHECK_STR(control_get(&c, &r, "page.size"), S("2"));
    CHECK_STR(control_get(&c, &r, "links"), S("{}"));
    CHECK_REPLY(ask(&c, "DELETE", "preview", id), 204);
    CHECK_REPLY(ask(&c, "GET", "preview", id), 404);
    CHECK_REPLY(ask(&c, "GET", "estimate", id), 404);
    CHECK_REPLY(ask(&c, "DELETE", "preview", id), 404);
    control_close(&c);
}

TEST(admin_preview_refuses_what_it_cannot_count)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(begin(&c, "{}"), 400);
    CHECK_REPLY(begin(&c, "{'predicateExpression':''}"), 400);
    CHECK_REPLY(begin(&c, "{'predicateExpression':'a = 1','predicateType':'sql'}"), 400);
    CHECK_REPLY(begin(&c, "{'predicateExpression':'a = 1','predicateModel':'_xdm.context.account'}"), 400);
    CHECK_REPLY(begin(&c, "{'predicateExpression':'a = 1','graphType':'all'}"), 400);
    r = begin(&c, "{'predicateExpression':'a = = 1'}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "errors.400.0.code"), S("PQL-PARSE"));
    CHECK_BODY(r, "line 1 column 5");
    CHECK_REPLY(begin(&c, "{'predicateExpression':'a = 1','predicateModel':'_xdm.context.profile',"
                          "'graphType':'pdg'}"),
                201);
    control_close(&c);
}

TEST(admin_preview_limit_and_age)
{
    struct control c;
    struct reply r;
    const char *first, *last = NULL;

    control_open(t, &c, false);
    control_hub_waits(&c, true);
    r = begin(&c, GOLD);
    first = id_of(&c, &r);
    for (int i = 1; i < LIMIT_PREVIEWS; i++)
        CHECK_REPLY(begin(&c, GOLD), 201);
    r = begin(&c, GOLD); /* all of them wait */
    CHECK_REPLY(r, 429);
    CHECK_BODY(r, "UPAPI-113434-429");
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    CHECK_REPLY(ask(&c, "GET", "estimate", first), 200);
    r = begin(&c, GOLD); /* the oldest makes room */
    last = id_of(&c, &r);
    CHECK_REPLY(ask(&c, "GET", "estimate", first), 404);
    evaluator_wait(c.admin->evaluator);
    c.now_ms += LIMIT_PREVIEW_MS - 1;
    CHECK_REPLY(ask(&c, "GET", "estimate", last), 200);
    c.now_ms++;
    CHECK_REPLY(ask(&c, "GET", "estimate", last), 404);
    control_close(&c);
}

TEST(admin_preview_is_cancelled_while_it_runs)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    control_hub_waits(&c, true);
    r = begin(&c, GOLD);
    id = id_of(&c, &r);
    CHECK_REPLY(ask(&c, "DELETE", "preview", id), 204);
    CHECK_REPLY(ask(&c, "GET", "preview", id), 404);
    evaluator_wait(c.admin->evaluator); /* the hub still says "later" */
    r = begin(&c, GOLD);
    (void)id_of(&c, &r);
    control_close(&c); /* nor does a stop wait for it */
}

TEST(admin_preview_is_of_its_sandbox)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = begin(&c, GOLD);
    id = id_of(&c, &r);
    r = control_ask_with(&c, arena_printf(t->arena, "GET " PREVIEW "/%s", id).p, "x-sandbox-name: dev", NULL);
    CHECK_REPLY(r, 404);
    control_close(&c);
}

TEST(s19_41_sample_status)
{
    static const char path[] = "GET /data/core/ups/previewsamplestatus";
    struct control c;
    struct reply r;

    control_open(t, &c, true);
    for (int i = 0; i < 5; i++)
        control_person(&c, arena_printf(t->arena, "%d", i).p, "{'tier':'gold'}");
    control_hub_waits(&c, true);
    r = control_ask(&c, path, NULL); /* it does not wait for ever */
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "status"), S("TASK_RUNNING"));
    CHECK_STR(control_get(&c, &r, "sampleJobRunning.status"), S("true"));
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    control_person(&c, "6", "{'tier':'gold'}");
    r = control_ask(&c, path, NULL); /* the same count */
    CHECK_STR(control_get(&c, &r, "status"), S("TASK_FINISHED"));
    CHECK_STR(control_get(&c, &r, "totalRows"), S("5"));
    CHECK_STR(control_get(&c, &r, "lastSampledTimestamp"), S("2026-01-01 00:00:00.0"));
    c.now_ms += 15 * 60 * 1000;
    r = control_ask(&c, path, NULL);
    CHECK_STR(control_get(&c, &r, "totalRows"), S("6"));
    r = control_ask(&c, "GET /data/core/ups/previewsamplestatus/report/namespace", NULL);
    CHECK_STR(control_get(&c, &r, "data.0.fullIDsCount"), S("6"));
    c.options.hub.census_slice = NULL;
    control_restart(&c);
    CHECK_REPLY(control_ask(&c, path, NULL), 501);
    control_close(&c);
}
