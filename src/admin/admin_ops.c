/* admin_ops.c - operation: is it up, what does it count, what time is it. Open: no names of people, no configuration.
 */
#include "admin/admin_evaluate.h"
#include "base/limits.h"
#include "base/metric.h"

#define JOBS_WAIT_US (30ull * 1000 * 1000)

static void
healthz_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    bool ready = call->admin->o.ready;
    struct jw w = admin_json(rs, ready ? 200 : 503);

    (void)params;
    jw_object(&w);
    jw_kstr(&w, S("status"), ready ? S("ok") : S("starting"));
    jw_key(&w, S("configVersion"));
    jw_u64(&w, call->snap->version);
    jw_ktime(&w, S("now"), rq->now_ms);
    jw_end(&w);
}

static void
metrics_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;

    (void)rq;
    (void)params;
    if (atomic_exchange(&call->admin->measured, call->snap->version + 1) != call->snap->version + 1)
        guardrail_measure(&call->admin->o.guardrails, call->snap);
    rs->status = 200;
    rs->content_type = "text/plain; version=0.0.4";
    metric_export(rs->body);
}

/* Schedules that came due begin their jobs, and the jobs end, before the answer. */
static void
clock_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct admin_hub *hub = &call->admin->o.hub;
    const struct json *body = NULL;
    struct diag d = DIAG_INIT;
    int64_t now = 0;
    struct jw w;
    enum err rc;

    (void)params;
    if (hub->set_clock == NULL) {
        (void)diag_set(&d, ERR_NOT_FOUND, "the clock is the machine's: start with --emulator to set it");
        admin_fail(rq, rs, ERRORS_PROBLEM, 404, ERR_NOT_FOUND, &d);
        return;
    }
    if (!admin_body_object(rq, rs, ERRORS_FLOW, &body)) /* no content type is asked for: a test's curl */
        return;
    if (!iso8601_parse(json_str(json_get(body, S("now"))), &now, NULL))
        rc = diag_set_path(&d, ERR_INVALID, "now", "member 'now' must be an ISO 8601 time");
    else
        rc = hub->set_clock(hub->ctx, now, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc, &d);
        return;
    }
    (void)scheduler_run(call->admin->evaluator, now); /* when the next is due, the thread finds out itself */
    (void)allocator_run(call->admin->evaluator, now);
    (void)trainer_run(call->admin->evaluator, now);
    evaluator_wake(call->admin->evaluator);
    evaluator_wait_jobs(call->admin->evaluator, JOBS_WAIT_US);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_ktime(&w, S("now"), now);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/healthz", 0, healthz_get},
    {HTTP_GET, "/metrics", 0, metrics_get},
    {HTTP_POST, "/emulator/clock", LIMIT_EDGE_BODY_BYTES, clock_post},
};
const struct family family_ops = {routes, sizeof routes / sizeof *routes, ERRORS_PROBLEM, true};
