/* admin_sample.c - /data/core/ups/previewsamplestatus: how many people there are, by which estimates are made
 * [SEGMENTATION 17.8].
 *
 * Estimates read all profiles, so the sample is everything: a count of all profiles, made when it is asked for and kept
 * for SAMPLE_MS. It is an evaluation of the expression `true` in the queue of previews. An answer waits WAIT_US for it,
 * and says that it runs when it takes longer. Values are written as the documents show them, many as text.   OURS */
#include "admin/admin_evaluate.h"
#include "admin/admin_xid.h"
#include "base/limits.h"

#define STYLE ERRORS_PROFILE
#define STATUS "/data/core/ups/previewsamplestatus"
#define SAMPLE S("sample")             /* its id among the previews, whose own are base64 */
#define SAMPLE_MS (15 * MS_PER_MINUTE) /* as often as the documents look whether a new one is due */
#define WAIT_US (2ull * 1000 * 1000)

/* ---- the count ---- */

static bool
ended(const struct evaluation *e)
{
    return e->state == EVALUATION_READY || e->state == EVALUATION_FAILED;
}

static enum err
begin(struct call *call, struct http_req *rq, struct diag *d)
{
    struct evaluation *e = NULL;
    struct rule *rule = NULL;
    enum err rc = snapshot_expression(call->snap, call->scope, S("true"), false, &rule, d);

    if (rc != ERR_OK)
        return rc;
    rc = evaluation_new(SAMPLE, call->scope, rule, rq->now_ms, &e, d);
    if (rc != ERR_OK) {
        rule_free(rule);
        return rc;
    }
    rc = evaluator_add(call->admin->evaluator, e, rq->now_ms, d);
    if (rc != ERR_OK)
        evaluation_free(e);
    return rc;
}

/* The count that is there and not too old, under the lock. */
static struct evaluation *
fresh(struct call *call, struct http_req *rq)
{
    struct evaluation *e = evaluator_find(call->admin->evaluator, call->scope, SAMPLE, rq->now_ms);

    return e != NULL && (!ended(e) || e->created_ms + SAMPLE_MS > rq->now_ms) ? e : NULL;
}

/* Waits for the count, which is looked for each time: another request may drop it. NULL: it was dropped. */
static struct evaluation *
wait_for(struct call *call, struct http_req *rq)
{
    struct evaluator *ev = call->admin->evaluator;
    uint64_t end_us = os_mono_us(call->admin->o.os) + WAIT_US, now_us;
    struct evaluation *e;

    while ((e = fresh(call, rq)) != NULL && !ended(e) && (now_us = os_mono_us(call->admin->o.os)) < end_us)
        (void)os_cond_wait_us(&ev->moved, &ev->lock, end_us - now_us); /* what it says is looked at above */
    return e;
}

/* The newest count. The evaluator's lock is taken when it is not NULL; else the error is answered. */
static struct evaluation *
take(struct call *call, struct http_req *rq, struct http_res *rs)
{
    struct evaluator *ev = call->admin->evaluator;
    struct diag d = DIAG_INIT;
    struct evaluation *e;
    bool there;
    enum err rc = ERR_OK;

    if (call->admin->o.hub.census_slice == NULL) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_UNSUPPORTED, "this process has no hub: ask one that has"), &d);
        return NULL;
    }
    os_lock(&ev->lock);
    there = fresh(call, rq) != NULL;
    os_unlock(&ev->lock);
    if (!there) {
        (void)evaluator_cancel(ev, call->scope, SAMPLE, rq->now_ms); /* an old one, if any */
        rc = begin(call, rq, &d);
    }
    if (rc == ERR_OK) {
        os_lock(&ev->lock);
        e = wait_for(call, rq);
        if (e != NULL)
            return e;
        os_unlock(&ev->lock);
        rc = diag_set(&d, ERR_BUSY, "the count of profiles gave way to others");
    }
    admin_fail(rq, rs, STYLE, rc == ERR_BUSY ? 429 : 0, rc, &d);
    return NULL;
}

/* ---- answers ---- */

/* "2026-01-15 09:30:00.0" */
static struct str
timestamp(struct http_req *rq, int64_t ms)
{
    struct civil c = civil_from_ms(ms);

    return arena_printf(rq->arena, "%04d-%02d-%02d %02d:%02d:%02d.0", c.year, c.month, c.day, c.hour, c.minute,
                        c.second);
}

static void
status_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct evaluation *e = take(call, rq, rs);
    struct str rows, at;
    struct jw w;

    (void)params;
    if (e == NULL)
        return;
    rows = arena_printf(rq->arena, "%llu", (unsigned long long)e->read);
    at = timestamp(rq, e->created_ms);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("numRowsToRead"), rows);
    jw_key(&w, S("sampleJobRunning"));
    jw_object(&w);
    jw_kbool(&w, S("status"), !ended(e));
    jw_kstr(&w, S("submissionTimestamp"), at);
    jw_end(&w);
    jw_kstr(&w, S("cosmosDocCount"), arena_printf(rq->arena, "\"%llu\"", (unsigned long long)e->fragments));
    jw_ki64(&w, S("totalFragmentCount"), (int64_t)e->fragments);
    jw_kstr(&w, S("lastSuccessfulBatchTimestamp"), S("\"null\""));
    jw_kstr(&w, S("streamingDriven"), S("\"false\""));
    jw_kstr(&w, S("totalRows"), rows);
    jw_kstr(&w, S("lastBatchId"), S("\"null\""));
    jw_kstr(&w, S("status"),
            e->state == EVALUATION_FAILED ? S("TASK_FAILED")
            : ended(e)                    ? S("TASK_FINISHED")
                                          : S("TASK_RUNNING"));
    jw_key(&w, S("samplingRatio"));
    jw_raw(&w, S("1.0"));
    jw_kstr(&w, S("mergeStrategy"), S("timestampOrdered_auto"));
    jw_kstr(&w, S("lastSampledTimestamp"), at);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

static void
write_namespace(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e, size_t i)
{
    struct xid_namespace ns = xid_namespace_of(call, e->namespaces[i].code);
    int64_t count = (int64_t)e->namespaces[i].members;
    double share = e->read > 0 ? (double)count / (double)e->read : 0;

    jw_object(w);
    jw_ki64(w, S("sampleCount"), count);
    jw_key(w, S("samplePercentage"));
    jw_f64(w, share);
    jw_key(w, S("reportTimestamp"));
    jw_time(w, e->created_ms);
    jw_ki64(w, S("fullIDsCount"), count);
    jw_key(w, S("fullIDsPercentage"));
    jw_f64(w, share);
    jw_kstr(w, S("code"), ns.code);
    jw_kstr(w, S("value"), ns.id >= 0 ? arena_printf(rq->arena, "%lld", (long long)ns.id) : ns.code);
    jw_end(w);
}

static void
namespaces_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct evaluation *e = take(call, rq, rs);
    struct jw w;

    (void)params;
    if (e == NULL)
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("data"));
    jw_array(&w);
    for (size_t i = 0; e->state == EVALUATION_READY && i < e->namespace_count; i++)
        write_namespace(&w, call, rq, e, i);
    jw_end(&w);
    jw_key(&w, S("reportTimestamp"));
    jw_time(&w, e->created_ms);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

static const struct route routes[] = {
    {HTTP_GET, STATUS, 0, status_get},
    {HTTP_GET, STATUS "/report/namespace", 0, namespaces_get},
};
const struct family family_sample = {routes, sizeof routes / sizeof routes[0], STYLE, false};
