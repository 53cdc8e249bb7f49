/* job_test.c - segment jobs [SEGMENTATION 17.5]. That they agree with memberships is tested in
 * tests/unit/hub/hub_census_test.c and, with the server, in tests/api/census_test.py. */
#include "admin/admin_evaluate.h"
#include "base/limits.h"
#include "control_fixture.h"

#define JOBS "/data/core/ups/segment/jobs"

static const char *
audience(struct control *c, const char *name, const char *tier)
{
    struct t *t = c->t;
    struct reply r =
        control_ask(c, "POST /data/core/ups/audiences",
                    arena_printf(t->arena,
                                 "{'name':'%s','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},'"
                                 "expression':{'type':'PQL','format':'pql/text','value':'tier = "
                                 "\\\"%s\\\"'}}",
                                 name, tier)
                        .p);

    CHECK_REPLY(r, 200);
    return arena_cstr(t->arena, control_get(c, &r, "id"));
}

static const char *
begin(struct control *c, const char *body)
{
    struct t *t = c->t;
    struct reply r = control_ask(c, "POST " JOBS, body);

    CHECK_REPLY(r, 200);
    return arena_cstr(t->arena, control_get(c, &r, "id"));
}

static struct reply
job(struct control *c, const char *method, const char *id)
{
    return control_ask(c, arena_printf(c->t->arena, "%s " JOBS "/%s", method, id).p, NULL);
}

static void
check_status(struct t *t, struct control *c, const char *id, const char *status)
{
    struct reply r = job(c, "GET", id);

    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(c, &r, "status"), str_of(status));
}

#define ALL "{'schema':{'name':'_xdm.context.profile'},'segments':[{'segmentId':'*'}]}"

static void
people(struct control *c)
{
    for (int i = 0; i < 30; i++)
        control_person(c, arena_printf(c->t->arena, "%d", i).p, i % 3 == 0 ? "{'tier':'gold'}" : "{'tier':'blue'}");
}

TEST(admin_job_counts)
{
    struct control c;
    struct reply r;
    const char *gold, *blue, *id;

    control_open(t, &c, false);
    people(&c);
    gold = audience(&c, "Gold", "gold");
    blue = audience(&c, "Blue", "blue");
    control_hub_waits(&c, true);
    id = begin(&c, arena_printf(t->arena, "[{'segmentId':'%s'}]", gold).p);
    r = job(&c, "GET", id);
    CHECK_TRUE(!str_eq(control_get(&c, &r, "status"), S("SUCCEEDED")));
    CHECK_STR(control_get(&c, &r, "segments.0.segment.id"), str_of(gold));
    CHECK_STR(control_get(&c, &r, "sandbox.sandboxName"), S("prod"));
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    r = job(&c, "GET", id);
    CHECK_STR(control_get(&c, &r, "status"), S("SUCCEEDED"));
    CHECK_STR(control_get(&c, &r, "metrics.totalProfiles"), S("30"));
    CHECK_STR(control_get(&c, &r, arena_printf(t->arena, "metrics.segmentedProfileCounter.%s", gold).p), S("10"));
    CHECK_STR(control_get(&c, &r, arena_printf(t->arena, "metrics.segmentedProfileCounter.%s", blue).p), S("null"));
    CHECK_STR(control_get(&c, &r, arena_printf(t->arena, "metrics.segmentedProfileByNamespaceCounter.%s.CRM", gold).p),
              S("10"));
    CHECK_STR(control_get(&c, &r, "metrics.membershipsRepaired"), S("0"));
    id = begin(&c, ALL);
    evaluator_wait(c.admin->evaluator);
    r = job(&c, "GET", id);
    CHECK_STR(control_get(&c, &r, "segments.0.segmentId"), S("*"));
    CHECK_STR(control_get(&c, &r, arena_printf(t->arena, "metrics.segmentedProfileCounter.%s", blue).p), S("20"));
    CHECK_REPLY(job(&c, "DELETE", id), 204); /* it ended: nothing happens */
    check_status(t, &c, id, "SUCCEEDED");
    r = control_ask(&c, "GET " JOBS "?limit=1", NULL);
    CHECK_STR(control_get(&c, &r, "children.0.id"), str_of(id));
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), S("2"));
    CHECK_BODY(r, "start=1&limit=1");
    r = control_ask(&c, "GET " JOBS "?status=FAILED", NULL);
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), S("0"));
    CHECK_REPLY(job(&c, "GET", "nowhere"), 404);
    CHECK_REPLY(job(&c, "DELETE", "nowhere"), 404);
    control_close(&c);
}

TEST(admin_job_refuses)
{
    struct control c;
    const char *gold;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, ALL), 400); /* there is none */
    gold = audience(&c, "Gold", "gold");
    CHECK_REPLY(control_ask(&c, "POST " JOBS, "[]"), 400);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, "{}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, "[{'segmentId':'nowhere'}]"), 404);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "PATCH /data/core/ups/audiences/%s", gold).p,
                            "[{'op':'add','path':'/lifecycleState','value':'inactive'}]"),
                200);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, arena_printf(t->arena, "[{'segmentId':'%s'}]", gold).p), 400);
    control_close(&c);
}

TEST(admin_job_audiences_at_their_limit)
{
    struct control c;
    const char *gold;
    struct buf b;

    control_open(t, &c, false);
    gold = audience(&c, "Gold", "gold");
    buf_init_in(&b, t->arena, 1 << 20);
    for (int i = 0; i < LIMIT_JOB_AUDIENCES; i++)
        buf_printf(&b, "%s{'segmentId':'%s'}", i > 0 ? "," : "[", gold);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, arena_printf(t->arena, "%.*s]", STR_ARG(buf_str(&b))).p), 200);
    buf_printf(&b, ",{'segmentId':'%s'}]", gold);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, arena_cstr(t->arena, buf_str(&b))), 400);
    control_close(&c);
}

TEST(admin_jobs_waiting_and_kept_at_their_limits)
{
    struct control c;
    struct reply r;
    const char *first;

    control_open(t, &c, false);
    (void)audience(&c, "Gold", "gold");
    control_hub_waits(&c, true);
    first = begin(&c, ALL);
    for (int i = 1; i < LIMIT_JOBS_WAITING; i++)
        (void)begin(&c, ALL);
    CHECK_REPLY(control_ask(&c, "POST " JOBS, ALL), 429);
    r = control_ask(&c, "GET " JOBS, NULL);
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), arena_printf(t->arena, "%d", LIMIT_JOBS_WAITING));
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    for (int i = LIMIT_JOBS_WAITING; i < LIMIT_JOBS_KEPT; i++) {
        (void)begin(&c, ALL);
        evaluator_wait(c.admin->evaluator);
    }
    check_status(t, &c, first, "SUCCEEDED");
    (void)begin(&c, ALL);
    CHECK_REPLY(job(&c, "GET", first), 404);
    r = control_ask(&c, "GET " JOBS, NULL);
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), arena_printf(t->arena, "%d", LIMIT_JOBS_KEPT));
    control_close(&c);
}

TEST(admin_job_is_cancelled)
{
    struct control c;
    const char *running, *waiting;

    control_open(t, &c, false);
    (void)audience(&c, "Gold", "gold");
    control_hub_waits(&c, true);
    running = begin(&c, ALL);
    waiting = begin(&c, ALL);
    CHECK_REPLY(job(&c, "DELETE", running), 204);
    CHECK_REPLY(job(&c, "DELETE", waiting), 204);
    evaluator_wait(c.admin->evaluator);
    check_status(t, &c, running, "CANCELLED");
    check_status(t, &c, waiting, "CANCELLED");
    control_close(&c);
}

TEST(admin_job_survives_a_restart)
{
    struct control c;
    const char *id;

    control_open(t, &c, false);
    (void)audience(&c, "Gold", "gold");
    control_hub_waits(&c, true);
    id = begin(&c, ALL);
    control_restart(&c);
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    check_status(t, &c, id, "SUCCEEDED");
    control_close(&c);
}
