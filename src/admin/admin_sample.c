/* admin_sample.c - /data/core/ups/previewsamplestatus: how many people there are, by which estimates are made
 * [SEGMENTATION 17.8].
 *
 * Estimates read all profiles, so the sample is everything: a count of all profiles, made when it is asked for and kept
 * for SAMPLE_MS. It is an evaluation of the expression `true` in the queue of previews; another one, which reads all
 * events too, is for the report by dataset. An answer waits WAIT_US for it, and says that it runs when it takes longer.
 * Values are written as the documents show them, many as text. A report of another day than the count's is not there.
 * OURS */
#include "admin/admin_evaluate.h"
#include "admin/admin_xid.h"
#include "base/limits.h"

#define STYLE ERRORS_PROFILE
#define STATUS "/data/core/ups/previewsamplestatus"
#define SAMPLE S("sample") /* their ids among the previews, whose own are longer */
#define DATASETS S("sample-datasets")
#define SAMPLE_MS (15 * MS_PER_MINUTE) /* as often as the documents look whether a new one is due */
#define WAIT_US (2ull * 1000 * 1000)

/* ---- the count ---- */

static enum err
begin(struct call *call, struct http_req *rq, struct str id, struct diag *d)
{
    struct evaluation *e = NULL;
    enum err rc = evaluation_new(EVALUATION_PREVIEW, id, call->scope, rq->now_ms, &e, d);

    if (rc != ERR_OK)
        return rc;
    e->by_dataset = str_eq(id, DATASETS);
    rc = snapshot_expression(call->snap, call->scope, S("true"), false, &e->rule, d);
    if (rc == ERR_OK)
        rc = evaluator_add(call->admin->evaluator, e, rq->now_ms, d);
    if (rc != ERR_OK)
        evaluation_free(e);
    return rc;
}

/* The count that is there and not too old, under the lock. */
static struct evaluation *
fresh(struct call *call, struct http_req *rq, struct str id)
{
    struct evaluation *e = evaluator_find(call->admin->evaluator, EVALUATION_PREVIEW, call->scope, id, rq->now_ms);

    return e != NULL && (!evaluation_ended(e) || e->created_ms + SAMPLE_MS > rq->now_ms) ? e : NULL;
}

/* Waits for the count, which is looked for each time: another request may drop it. NULL: it was dropped. */
static struct evaluation *
wait_for(struct call *call, struct http_req *rq, struct str id)
{
    struct evaluator *ev = call->admin->evaluator;
    uint64_t end_us = os_mono_us(call->admin->o.os) + WAIT_US, now_us;
    struct evaluation *e;

    while ((e = fresh(call, rq, id)) != NULL && !evaluation_ended(e) &&
           (now_us = os_mono_us(call->admin->o.os)) < end_us)
        (void)os_cond_wait_us(&ev->moved, &ev->lock, end_us - now_us); /* what it says is looked at above */
    return e;
}

/* The newest count. The evaluator's lock is taken when it is not NULL; else the error is answered. */
static struct evaluation *
take(struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    struct evaluator *ev = call->admin->evaluator;
    struct diag d = DIAG_INIT;
    struct evaluation *e, *old;
    bool there;
    enum err rc = ERR_OK;

    if (!question_possible(call, rq, rs, STYLE))
        return NULL;
    os_lock(&ev->lock);
    there = fresh(call, rq, id) != NULL;
    old = there ? NULL : evaluator_find(ev, EVALUATION_PREVIEW, call->scope, id, rq->now_ms);
    if (old != NULL)
        evaluator_drop(ev, old);
    os_unlock(&ev->lock);
    if (!there)
        rc = begin(call, rq, id, &d);
    if (rc == ERR_OK) {
        os_lock(&ev->lock);
        e = wait_for(call, rq, id);
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
    const struct evaluation *e = take(call, rq, rs, SAMPLE);
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
    jw_kbool(&w, S("status"), !evaluation_ended(e));
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
            : evaluation_ended(e)         ? S("TASK_FINISHED")
                                          : S("TASK_RUNNING"));
    jw_key(&w, S("samplingRatio"));
    jw_raw(&w, S("1.0"));
    jw_kstr(&w, S("mergeStrategy"), S("timestampOrdered_auto"));
    jw_kstr(&w, S("lastSampledTimestamp"), at);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

/* ---- reports ---- */

static void
write_share(struct jw *w, const struct evaluation *e, const char *of, uint64_t count)
{
    bool sample = strcmp(of, "sample") == 0;

    jw_ki64(w, sample ? S("sampleCount") : S("fullIDsCount"), (int64_t)count);
    jw_key(w, sample ? S("samplePercentage") : S("fullIDsPercentage"));
    jw_f64(w, e->read > 0 ? (double)count / (double)e->read : 0);
}

static void
write_namespaces(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e)
{
    for (size_t i = 0; i < e->namespace_count; i++) {
        struct xid_namespace ns = xid_namespace_of(call, e->namespaces[i].code);
        jw_object(w);
        write_share(w, e, "sample", e->namespaces[i].members);
        write_share(w, e, "all", e->namespaces[i].members);
        jw_kstr(w, S("code"), ns.code);
        jw_kstr(w, S("value"), ns.id >= 0 ? arena_printf(rq->arena, "%lld", (long long)ns.id) : ns.code);
        jw_ktime(w, S("reportTimestamp"), e->created_ms);
        jw_end(w);
    }
}

static void
write_datasets(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e)
{
    (void)rq;
    for (size_t i = 0; i < e->dataset_count; i++) {
        const struct json *o = snapshot_object(call->snap, S("dataset"), call->scope, e->datasets[i].id);
        jw_object(w);
        write_share(w, e, "sample", e->datasets[i].profiles);
        write_share(w, e, "all", e->datasets[i].profiles);
        jw_kstr(w, S("name"), json_str(json_get(o, S("name"))));
        jw_kstr(w, S("description"), json_str(json_get(o, S("description"))));
        jw_kstr(w, S("value"), e->datasets[i].id);
        jw_kstr(w, S("streamingIngestionEnabled"), S(""));
        jw_kstr(w, S("createdUser"), json_str(json_get(o, S("createdUser"))));
        jw_ktime(w, S("reportTimestamp"), e->created_ms);
        jw_end(w);
    }
}

/* "2026-01-15" of the count. */
static bool
is_of_day(struct http_req *rq, const struct evaluation *e)
{
    struct str date = http_query(rq, S("date"));

    return date.n == 0 || str_eq(date, str_slice(timestamp(rq, e->created_ms), 0, 10));
}

static void
write_report(struct call *call, struct http_req *rq, struct http_res *rs, struct str id,
             void (*write)(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e))
{
    const struct evaluation *e = take(call, rq, rs, id);
    struct jw w;

    if (e == NULL)
        return;
    if (is_of_day(rq, e)) {
        w = admin_json(rs, 200);
        jw_object(&w);
        jw_key(&w, S("data"));
        jw_array(&w);
        if (e->state == EVALUATION_READY)
            write(&w, call, rq, e);
        jw_end(&w);
        jw_ktime(&w, S("reportTimestamp"), e->created_ms);
        jw_end(&w);
    } else {
        admin_not_found(rq, rs, STYLE, "report of", http_query(rq, S("date")));
    }
    os_unlock(&call->admin->evaluator->lock);
}

static void
namespaces_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    write_report(ctx, rq, rs, SAMPLE, write_namespaces);
}

static void
datasets_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    write_report(ctx, rq, rs, DATASETS, write_datasets);
}

static const struct route routes[] = {
    {HTTP_GET, STATUS, 0, status_get},
    {HTTP_GET, STATUS "/report/dataset", 0, datasets_get},
    {HTTP_GET, STATUS "/report/namespace", 0, namespaces_get},
};
const struct family family_sample = {routes, sizeof routes / sizeof routes[0], STYLE, false};
