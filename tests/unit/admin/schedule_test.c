/* schedule_test.c - schedules and what they begin [SEGMENTATION 17.6]. */
#include <sched.h>

#include "admin/admin_evaluate.h"
#include "base/civil.h"
#include "base/limits.h"
#include "control_fixture.h"

#define SCHEDULES "/data/core/ups/config/schedules"
#define JOBS "/data/core/ups/segment/jobs"
#define DAILY                                                                                                          \
    "{'name':'daily','type':'batch_segmentation','properties':{'segments':['*']},'schedule':'0 0 1 * * ?',"            \
    "'state':'active'}"

static const char *
make(struct control *c, const char *body)
{
    struct t *t = c->t;
    struct reply r = control_ask(c, "POST " SCHEDULES, body);

    CHECK_REPLY(r, 200);
    return arena_cstr(t->arena, control_get(c, &r, "id"));
}

static struct reply
patch(struct control *c, const char *id, const char *path, const char *value)
{
    struct arena *a = c->t->arena;

    return control_ask(c, arena_printf(a, "PATCH " SCHEDULES "/%s", id).p,
                       arena_printf(a, "[{'op':'add','path':'%s','value':'%s'}]", path, value).p);
}

static void
audience(struct control *c, const char *name, const char *method)
{
    struct t *t = c->t;
    const char *body = arena_printf(t->arena,
                                    "{'name':'%s','type':'SegmentDefinition','schema':{'name':'_xdm.context.profile'},"
                                    "'evaluationInfo':{'%s':{'enabled':true}},"
                                    "'expression':{'type':'PQL','format':'pql/text','value':'a = 1'}}",
                                    name, method)
                           .p;

    CHECK_REPLY(control_ask(c, "POST /data/core/ups/audiences", body), 200);
}

static void
check_jobs(struct t *t, struct control *c, int n)
{
    struct reply r;

    evaluator_wait(c->admin->evaluator);
    r = control_ask(c, "GET " JOBS "?property=source==scheduler", NULL);
    CHECK_STR(control_get(c, &r, "_page.totalCount"), arena_printf(t->arena, "%d", n));
}

/* Until the thread has begun so many, ten seconds at most. */
static void
wait_jobs(struct t *t, struct control *c, int n)
{
    uint64_t end_us = os_mono_us(&c->os) + 10000000;
    struct reply r;

    do {
        sched_yield();
        r = control_ask(c, "GET " JOBS, NULL);
    } while (!str_eq(control_get(c, &r, "_page.totalCount"), arena_printf(t->arena, "%d", n)) &&
             os_mono_us(&c->os) < end_us);
    check_jobs(t, c, n);
}

TEST(s19_40_schedule_life)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    r = control_ask(&c, "POST " SCHEDULES, DAILY);
    CHECK_REPLY(r, 200);
    id = arena_cstr(t->arena, control_get(&c, &r, "id"));
    CHECK_STR(control_get(&c, &r, "imsOrgId"), S(C_ORG));
    CHECK_STR(control_get(&c, &r, "sandbox.sandboxName"), S("prod"));
    CHECK_STR(control_get(&c, &r, "createEpoch"), S("1767225600"));
    CHECK_STR(control_get(&c, &r, "dueAfterInMs"), S("null"));
    CHECK_STR(control_get(&c, &r, "nextRunInMs"), S("1767229200000"));
    CHECK_REPLY(patch(&c, id, "/schedule", "0 30 2 ? * MON"), 204);
    r = control_ask(&c, arena_printf(t->arena, "GET " SCHEDULES "/%s", id).p, NULL);
    CHECK_STR(control_get(&c, &r, "schedule"), S("0 30 2 ? * MON"));
    CHECK_STR(control_get(&c, &r, "nextRunInMs"), S("1767580200000")); /* 5 January, 02:30 */
    CHECK_REPLY(patch(&c, id, "/state", "inactive"), 204);
    r = control_ask(&c, "GET " SCHEDULES, NULL);
    CHECK_STR(control_get(&c, &r, "children.0.state"), S("inactive"));
    CHECK_STR(control_get(&c, &r, "children.0.nextRunInMs"), S("null"));
    CHECK_STR(control_get(&c, &r, "_page.totalCount"), S("1"));
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " SCHEDULES "/%s", id).p, NULL), 204);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "GET " SCHEDULES "/%s", id).p, NULL), 404);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " SCHEDULES "/%s", id).p, NULL), 404);
    CHECK_REPLY(patch(&c, id, "/state", "active"), 404);
    control_close(&c);
}

TEST(s19_40_schedule_refusals)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"{'type':'export','schedule':'0 0 1 * * ?'}", "'name' is missing"},
        {"{'name':'n','type':'hourly','schedule':'0 0 1 * * ?'}", "type must be batch_segmentation or export"},
        {"{'name':'n','type':'batch_segmentation','schedule':'0 0 1 * * ?'}", "properties.segments must be"},
        {"{'name':'n','type':'batch_segmentation','properties':{'segments':['x']},'schedule':'0 0 1 * * ?'}",
         "properties.segments must be"},
        {"{'name':'n','type':'export','schedule':'0 0 25 * * ?'}", "hours (field 3): expected a number from 0 to 23"},
        {"{'name':'n','type':'export','schedule':'0 0/5 1 * * ?'}", "at most once a day"},
        {"{'name':'n','type':'export','schedule':'0 0 1 31 2 ?'}", "names no day that exists"},
        {"{'name':'n','type':'export','schedule':'0 0 1 * * ?','state':'on'}", "state must be active or inactive"},
        {"{'name':'n','type':'export','schedule':'0 0 1 * * ?','state':'active'}", "cannot be active here"},
        {"{'name':'n','type':'export'}", "'schedule' is missing"},
    };
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r = control_ask(&c, "POST " SCHEDULES, cases[i].body);
        CHECK_REPLY(r, 400);
        CHECK_BODY(r, cases[i].says);
    }
    (void)make(&c, "{'name':'n','type':'export','schedule':'0 0 1 * * ?'}"); /* kept, and inactive */
    id = make(&c, DAILY);
    r = control_ask(&c, "POST " SCHEDULES, DAILY);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "has an active schedule");
    CHECK_REPLY(patch(&c, id, "/schedule", "0 0 1 * *"), 400);
    CHECK_REPLY(patch(&c, id, "/name", "x"), 400);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "PATCH " SCHEDULES "/%s", id).p,
                            "[{'op':'replace','path':'/state','value':'inactive'}]"),
                400);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "PATCH " SCHEDULES "/%s", id).p, "[]"), 400);
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "PATCH " SCHEDULES "/%s", id).p, "{'state':'inactive'}"), 400);
    r = control_ask(&c, arena_printf(t->arena, "GET " SCHEDULES "/%s", id).p, NULL);
    CHECK_STR(control_get(&c, &r, "schedule"), S("0 0 1 * * ?")); /* nothing has changed */
    CHECK_STR(control_get(&c, &r, "state"), S("active"));
    audience(&c, "streamed", "continuous");
    r = patch(&c, id, "/state", "inactive");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "1 streaming audience");
    CHECK_REPLY(control_ask(&c, arena_printf(t->arena, "DELETE " SCHEDULES "/%s", id).p, NULL), 400);
    CHECK_REPLY(patch(&c, id, "/schedule", "0 0 2 * * ?"), 204);
    control_close(&c);
}

TEST(s19_40_schedules_at_their_limit)
{
    struct control c;

    control_open(t, &c, false);
    for (int i = 0; i < LIMIT_SCHEDULES; i++)
        (void)make(&c, "{'name':'n','type':'export','schedule':'0 0 1 * * ?'}");
    CHECK_REPLY(control_ask(&c, "POST " SCHEDULES, "{'name':'n','type':'export','schedule':'0 0 1 * * ?'}"), 400);
    control_close(&c);
}

TEST(s19_40_schedule_begins_one_job)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    audience(&c, "one", "batch");
    id = make(&c, DAILY);
    CHECK_EQ(scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR - 1), C_NOW + MS_PER_HOUR);
    check_jobs(t, &c, 0);
    CHECK_EQ(scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR), C_NOW + MS_PER_HOUR + MS_PER_DAY);
    check_jobs(t, &c, 1);
    (void)scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR); /* not twice */
    (void)scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR + MS_PER_DAY - 1);
    check_jobs(t, &c, 1);
    r = control_ask(&c, "GET " JOBS, NULL);
    CHECK_STR(control_get(&c, &r, "children.0.source"), S("scheduler"));
    CHECK_STR(control_get(&c, &r, "children.0.properties.scheduleId"), str_of(id));
    CHECK_EQ(control_get(&c, &r, "children.0.properties.runId").n, UUID_TEXT_BYTES);
    CHECK_STR(control_get(&c, &r, "children.0.segments.0.segmentId"), S("*"));
    CHECK_STR(control_get(&c, &r, "children.0.status"), S("SUCCEEDED"));
    CHECK_STR(control_get(&c, &r, "children.0.creationTime"), S("1767229200000"));
    CHECK_STR(control_get(&c, &r, "children.0.imsOrgId"), S(C_ORG));
    (void)scheduler_run(c.admin->evaluator, C_NOW + 5 * MS_PER_DAY); /* missed ones are made up for by one */
    check_jobs(t, &c, 2);
    CHECK_REPLY(patch(&c, id, "/state", "inactive"), 204);
    CHECK_EQ(scheduler_run(c.admin->evaluator, C_NOW + 9 * MS_PER_DAY), INT64_MAX);
    check_jobs(t, &c, 2);
    control_close(&c);
}

TEST(s19_40_schedule_by_the_thread_and_after_a_restart)
{
    struct control c;

    control_open(t, &c, false);
    audience(&c, "one", "batch");
    (void)make(&c, DAILY);
    check_jobs(t, &c, 0);
    control_set_clock(&c, C_NOW + 2 * MS_PER_HOUR); /* the instant passes while nothing runs */
    control_restart(&c);
    wait_jobs(t, &c, 1);
    control_restart(&c);
    (void)scheduler_run(c.admin->evaluator, C_NOW + 2 * MS_PER_HOUR);
    check_jobs(t, &c, 1);
    control_set_clock(&c, C_NOW + MS_PER_DAY + 2 * MS_PER_HOUR);
    evaluator_wake(c.admin->evaluator);
    wait_jobs(t, &c, 2);
    control_close(&c);
}

TEST(s19_40_schedule_waits_for_a_place)
{
    struct control c;

    control_open(t, &c, false);
    audience(&c, "one", "batch");
    (void)make(&c, DAILY);
    control_hub_waits(&c, true);
    for (int i = 0; i < LIMIT_JOBS_WAITING; i++)
        CHECK_REPLY(control_ask(&c, "POST " JOBS, "{'segments':[{'segmentId':'*'}]}"), 200);
    (void)scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR);
    control_hub_waits(&c, false);
    check_jobs(t, &c, 0);
    (void)scheduler_run(c.admin->evaluator, C_NOW + MS_PER_HOUR + 1);
    check_jobs(t, &c, 1);
    control_close(&c);
}

TEST(s19_40_moving_the_clock_runs_what_is_due)
{
    struct control c;
    struct reply r;

    control_open(t, &c, true);
    audience(&c, "one", "batch");
    (void)make(&c, DAILY);
    CHECK_REPLY(control_ask(&c, "POST /emulator/clock", "{'now':'2026-01-01T00:59:00Z'}"), 200);
    check_jobs(t, &c, 0);
    CHECK_REPLY(control_ask(&c, "POST /emulator/clock", "{'now':'2026-01-01T01:00:00Z'}"), 200);
    r = control_ask(&c, "GET " JOBS, NULL); /* it ended before the answer */
    CHECK_STR(control_get(&c, &r, "children.0.status"), S("SUCCEEDED"));
    check_jobs(t, &c, 1);
    control_close(&c);
}
