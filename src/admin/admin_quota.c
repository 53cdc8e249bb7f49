/* admin_quota.c - how often segment jobs may be asked for [SEGMENTATION 14.4, 18.5]: see admin_job.h.
 *
 * The count is an object of its own, saved with the job that it counts, so it outlives the job and a restart. Scheduled
 * jobs do not count. */
#include "admin/admin_job.h"

#define COUNTER S("segmentJobRuns")

struct quota
quota_used(const struct snapshot *snap, struct str scope, int64_t now_ms)
{
    const struct json *o = snapshot_object(snap, S("counter"), scope, COUNTER);
    struct quota q = {0};

    if (json_i64(json_get(o, S("day")), -1) == now_ms / MS_PER_DAY)
        q.today = json_i64(json_get(o, S("today")), 0);
    if (json_i64(json_get(o, S("year")), -1) == civil_from_ms(now_ms).year)
        q.this_year = json_i64(json_get(o, S("thisYear")), 0);
    return q;
}

static enum err
check(const struct call *call, const struct json *segments, const struct quota *q, struct diag *d)
{
    const int64_t *limits = call->admin->o.guardrails.limits;
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    bool development = str_eq(json_str(json_get(sandbox, S("type"))), S("development"));
    int64_t per_year = limits[development ? GUARD_RUNS_YEAR_DEVELOPMENT : GUARD_RUNS_YEAR];

    if (json_count(segments) > (size_t)limits[GUARD_RUN_AUDIENCES])
        return diag_set_path(d, ERR_LIMIT, "segments", "a job that is asked for names at most %lld audiences, or \"*\"",
                             (long long)limits[GUARD_RUN_AUDIENCES]);
    if (q->today >= limits[GUARD_RUNS_DAY])
        return diag_set(d, ERR_BUSY, "the sandbox's %lld jobs of today are used up until 00:00 UTC",
                        (long long)limits[GUARD_RUNS_DAY]);
    if (q->this_year >= per_year)
        return diag_set(d, ERR_BUSY, "the sandbox's %lld jobs of this year are used up", (long long)per_year);
    return ERR_OK;
}

enum err
quota_take(struct call *call, struct http_req *rq, const struct json *segments, struct config_change *change,
           bool *changed, struct diag *d)
{
    struct quota q = quota_used(call->snap, call->scope, rq->now_ms);
    enum err rc;

    *changed = false;
    if (!call->admin->o.guardrails.enforced)
        return ERR_OK;
    rc = check(call, segments, &q, d);
    if (rc != ERR_OK)
        return rc;
    *change = (struct config_change){
        .kind = S("counter"),
        .scope = call->scope,
        .id = COUNTER,
        .json = arena_printf(rq->arena, "{\"id\":\"%.*s\",\"day\":%lld,\"today\":%lld,\"year\":%d,\"thisYear\":%lld}",
                             STR_ARG(COUNTER), (long long)(rq->now_ms / MS_PER_DAY), (long long)q.today + 1,
                             civil_from_ms(rq->now_ms).year, (long long)q.this_year + 1),
        .version = snapshot_object_version(call->snap, S("counter"), call->scope, COUNTER)};
    if (change->json.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a job");
    *changed = true;
    return ERR_OK;
}
