/* guardrail_test.c - the documented limits: counted, shown, and kept when asked to [SEGMENTATION 14.4, 18]. */
#include "admin/admin_evaluate.h"
#include "base/civil.h"
#include "base/metric.h"
#include "control_fixture.h"
#include "pql/pql.h"

#define JOBS "/data/core/ups/segment/jobs"
#define AUD "/data/core/ups/audiences"
#define ALL "{'segments':[{'segmentId':'*'}]}"

TEST(s19_43_guardrails_are_read)
{
    struct guardrails g = {0}, before;

    CHECK_OK(guardrails_read(S(""), true, &g, d));
    CHECK_TRUE(g.enforced);
    CHECK_EQ(g.limits[GUARD_AUDIENCES], 4000);
    CHECK_EQ(g.limits[GUARD_RUNS_DAY], 2);
    CHECK_OK(guardrails_read(S("audiences=10, chain-events = 8"), false, &g, d));
    CHECK_EQ(g.limits[GUARD_AUDIENCES], 10);
    CHECK_EQ(g.limits[GUARD_CHAIN], 8);
    CHECK_EQ(g.limits[GUARD_EDGE], 150);
    before = g;
    CHECK_ERR(guardrails_read(S("audience=10"), false, &g, d), ERR_INVALID);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("unknown guardrail 'audience'")) >= 0);
    CHECK_ERR(guardrails_read(S("audiences=0"), false, &g, d), ERR_INVALID);
    CHECK_ERR(guardrails_read(S("audiences"), false, &g, d), ERR_INVALID);
    CHECK_ERR(guardrails_read(S("audiences=5,"), false, &g, d), ERR_INVALID);
    CHECK_EQ(memcmp(&g, &before, sizeof g), 0);
}

TEST(s19_43_alerts_at_80_and_90_percent)
{
    struct guardrails g;

    CHECK_OK(guardrails_read(S("audiences=10,edge-audiences=150"), false, &g, d));
    CHECK_EQ(guardrail_alert(&g, GUARD_AUDIENCES, 7), 0);
    CHECK_EQ(guardrail_alert(&g, GUARD_AUDIENCES, 8), 80);
    CHECK_EQ(guardrail_alert(&g, GUARD_AUDIENCES, 9), 90);
    CHECK_EQ(guardrail_alert(&g, GUARD_AUDIENCES, 10), 100);
    CHECK_EQ(guardrail_alert(&g, GUARD_AUDIENCES, 11), 100);
    CHECK_EQ(guardrail_alert(&g, GUARD_EDGE, 119), 0);
    CHECK_EQ(guardrail_alert(&g, GUARD_EDGE, 120), 80);
    CHECK_EQ(guardrail_alert(&g, GUARD_EDGE, 135), 90);
}

TEST(s19_43_expressions_past_what_is_advised)
{
    static const struct {
        const char *pql;
        enum guardrail which;
        size_t found; /* 0: nothing */
    } cases[] = {
        {"a = 1", GUARD_CHAIN, 0},
        {"chain(xEvent, timestamp, [A: WHAT(a = 1), B: WHAT(a = 2), C: WHAT(a = 3)])", GUARD_CHAIN, 0},
        {"chain(xEvent, timestamp, [A: WHAT(a = 1), B: WHAT(a = 2), C: WHAT(a = 3), D: WHAT(a = 4)])",
         GUARD_CHAIN_ADVISED, 4},
        {"chain(xEvent, timestamp, [A: WHAT(a = 1), B: WHAT(a = 2), C: WHAT(a = 3), D: WHAT(a = 4), E: WHAT(a = 5), F: "
         "WHAT(a = 6), G: WHAT(a = 7)])",
         GUARD_CHAIN, 7},
        {"a.count() > 1 and b.sum() > 1 and c.min() > 1", GUARD_CHAIN, 0},
        {"a.count() > 1 and b.sum() > 1 and c.min() > 1 and (sum E.x over E from d) > 1", GUARD_AGGREGATIONS, 4},
        {"xEvent[productListItems[a = 1]]", GUARD_CHAIN, 0},
        {"xEvent[productListItems[a[b = 1]]]", GUARD_NESTING, 3},
        {"exists A from x, B from A.y, C from B.z where C.d = 1", GUARD_NESTING, 3},
    };
    struct guardrails g;

    CHECK_OK(guardrails_read(S(""), true, &g, d));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guardrail_finding found[GUARDRAIL_FINDINGS];
        struct rule *r = NULL;
        size_t n;
        enum err rc;
        CHECK_OK(pql_compile(str_of(cases[i].pql), true, &r, NULL, d));
        n = guardrail_look(&g, r, found);
        CHECK_EQ(n, cases[i].found > 0);
        if (n > 0) {
            CHECK_EQ(found[0].which, cases[i].which);
            CHECK_EQ(found[0].found, cases[i].found);
        }
        rc = guardrail_check(&g, r, false, &t_diag);
        CHECK_EQ(rc, n > 0 ? ERR_LIMIT : ERR_OK);
        rc = guardrail_check(&g, r, true, &t_diag);
        CHECK_EQ(rc, n > 0 && cases[i].which == GUARD_CHAIN ? ERR_LIMIT : ERR_OK);
        g.enforced = false;
        CHECK_EQ(guardrail_check(&g, r, false, &t_diag), ERR_OK);
        g.enforced = true;
        rule_free(r);
    }
}

static struct reply
audience(struct control *c, const char *name, const char *pql, const char *more)
{
    return control_ask(c, "POST " AUD,
                       arena_printf(c->t->arena,
                                    "{'name':'%s','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},"
                                    "'expression':{'type':'PQL','format':'pql/text','value':'%s'}%s}",
                                    name, pql, more)
                           .p);
}

static void
enforce(struct control *c, const char *limits)
{
    struct t *t = c->t;

    CHECK_OK(guardrails_read(str_of(limits), true, &c->options.guardrails, d));
    control_restart(c);
}

#define MANY "a.count() > 1 and b.sum() > 1 and c.min() > 1 and d.max() > 1"

TEST(s19_43_warnings_are_said_or_refused)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = audience(&c, "one", MANY, "");
    CHECK_REPLY(r, 200);
    CHECK_BODY(r, "at most 3 aggregations in an expression are advised, found 4");
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    r = audience(&c, "plain", "a = 1", "");
    CHECK_STR(control_get(&c, &r, "performanceWarnings"), S("null"));
    enforce(&c, "");
    r = audience(&c, "two", MANY, "");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "overridePerformanceWarnings");
    r = audience(&c, "two", MANY, ",'overridePerformanceWarnings':true");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "overridePerformanceWarnings"), S("true"));
    CHECK_REPLY(audience(&c, "three", "a = 1", ",'overridePerformanceWarnings':'yes'"), 400);
    /* what was saved before is left alone until its expression changes */
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "PATCH " AUD "/%s", id).p,
                            "[{'op':'add','path':'/name','value':'renamed'}]"),
                200);
    control_close(&c);
}

TEST(s19_43_guardrails_are_counted)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_OK(guardrails_read(S("audiences=5,edge-audiences=1"), false, &c.options.guardrails, d));
    control_restart(&c);
    for (int i = 0; i < 3; i++)
        CHECK_REPLY(audience(&c, arena_printf(t->arena, "b%d", i).p, "a = 1", ""), 200);
    CHECK_REPLY(audience(&c, "i", "a = 1", ",'lifecycleState':'inactive'"), 200);
    CHECK_REPLY(audience(&c, "e", "a = 1", ",'evaluationInfo':{'synchronous':{'enabled':true}}"), 200);
    r = control_ask(&c, "GET /edgewise/guardrails", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "enforced"), S("false"));
    CHECK_STR(control_get(&c, &r, "guardrails.0.name"), S("audiences"));
    CHECK_STR(control_get(&c, &r, "guardrails.0.count"), S("4"));
    CHECK_STR(control_get(&c, &r, "guardrails.0.limit"), S("5"));
    CHECK_STR(control_get(&c, &r, "guardrails.0.alertPercent"), S("80"));
    CHECK_STR(control_get(&c, &r, "guardrails.1.count"), S("1")); /* streaming, edge included */
    CHECK_STR(control_get(&c, &r, "guardrails.2.alertPercent"), S("100"));
    CHECK_STR(control_get(&c, &r, "guardrails.3.count"), S("3"));
    r = control_raw(&c, "GET /metrics", "", NULL);
    CHECK_BODY(r, "edgewise_guardrails_at_80_percent 2\n");
    CHECK_BODY(r, "edgewise_guardrails_at_90_percent 1\n");
    control_close(&c);
}

/* ---- quotas ---- */

static void
run_jobs(struct t *t, struct control *c, int n, int status)
{
    for (int i = 0; i < n; i++) {
        CHECK_REPLY(control_ask(c, "POST " JOBS, ALL), status);
        evaluator_wait(c->admin->evaluator);
    }
}

TEST(s19_42_quota_of_a_day)
{
    struct control c;
    struct reply r;

    control_open(t, &c, true); /* tokens do not end */
    CHECK_REPLY(audience(&c, "one", "a = 1", ""), 200);
    run_jobs(t, &c, 4, 200); /* not enforced, not counted */
    enforce(&c, "");
    run_jobs(t, &c, 2, 200);
    r = control_ask(&c, "POST " JOBS, ALL);
    CHECK_REPLY(r, 429);
    CHECK_BODY(r, "2 jobs of today are used up until 00:00 UTC");
    control_restart(&c);
    run_jobs(t, &c, 1, 429);
    c.now_ms = C_NOW + MS_PER_DAY - 1;
    run_jobs(t, &c, 1, 429);
    c.now_ms = C_NOW + MS_PER_DAY;
    run_jobs(t, &c, 2, 200);
    run_jobs(t, &c, 1, 429);
    r = control_ask(&c, "GET /edgewise/guardrails", NULL);
    CHECK_STR(control_get(&c, &r, "guardrails.4.name"), S("runs-per-day"));
    CHECK_STR(control_get(&c, &r, "guardrails.4.count"), S("2"));
    CHECK_STR(control_get(&c, &r, "guardrails.4.alertPercent"), S("100"));
    CHECK_STR(control_get(&c, &r, "guardrails.5.count"), S("4"));
    control_close(&c);
}

TEST(s19_42_quota_of_a_year)
{
    struct control c;

    control_open(t, &c, true); /* tokens do not end */
    CHECK_REPLY(audience(&c, "one", "a = 1", ""), 200);
    enforce(&c, "");
    for (int i = 0; i < 25; i++) {
        c.now_ms = C_NOW + i * MS_PER_DAY;
        run_jobs(t, &c, 2, 200);
    }
    c.now_ms = C_NOW + 30 * MS_PER_DAY;
    run_jobs(t, &c, 1, 429);
    c.now_ms = C_NOW + 365 * MS_PER_DAY;
    run_jobs(t, &c, 1, 200);
    control_close(&c);
}

TEST(s19_42_quota_of_a_development_sandbox_and_of_audiences)
{
    static const char headers[] = "x-sandbox-name: dev";
    struct control c;
    struct reply r;
    struct str id;

    control_open(t, &c, false);
    r = control_ask_with(&c, "POST " AUD, headers,
                         "{'name':'one','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},"
                         "'expression':{'type':'PQL','format':'pql/text','value':'a = 1'}}");
    CHECK_REPLY(r, 200);
    id = control_get(&c, &r, "id");
    enforce(&c, "runs-per-day=5,runs-per-year=1,runs-per-year-development=2,audiences-per-run=1");
    r = control_ask_with(
        &c, "POST " JOBS, headers,
        arena_printf(t->arena, "[{'segmentId':'%.*s'},{'segmentId':'%.*s'}]", STR_ARG(id), STR_ARG(id)).p);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "names at most 1 audiences");
    CHECK_REPLY(control_ask_with(&c, "POST " JOBS, headers, ALL), 200);
    CHECK_REPLY(control_ask_with(&c, "POST " JOBS, headers, ALL), 200);
    CHECK_REPLY(control_ask_with(&c, "POST " JOBS, headers, ALL), 429);
    evaluator_wait(c.admin->evaluator);
    control_close(&c);
}
