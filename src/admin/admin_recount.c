/* admin_recount.c - results of an activity counted anew from the kept log, because its metrics have changed (OURS).
 *
 *   POST   /edgewise/recounts        {"activityId"}; its id. With "metrics" a what-if: nothing is saved
 *   GET    /edgewise/recounts/{id}   how far it is; when it is ready, the counts by experience and metric
 *   DELETE /edgewise/recounts/{id}   gives it up: the counters stay as they are
 *
 * A recount ends with a record of the log (hub.h), from which on its counters are in force. Until then it is nothing
 * but keys beside them, so one that ends early, or with the process, has changed nothing; what it leaves goes with the
 * next. Metrics with audiences cannot be recounted: the log does not keep what they look at. */
#include "admin/admin_evaluate.h"
#include "admin/admin_report.h"
#include "decide/decide.h"

#define STYLE ERRORS_UPAPI
#define TOLD_WAIT_US 1000000
#define RESULT_BYTES (8 * 1024 * 1024)

/* ---- POST ---- */

static bool
is_known(void *ctx, const char *kind, struct str id)
{
    (void)ctx;
    (void)kind;
    (void)id;
    return true; /* the activity is saved; metrics name audiences only, which are refused below */
}

static enum err
refuse_audiences(const struct json *metrics, struct arena *a, struct diag *d)
{
    size_t i = 0;

    for (struct json_iter it = json_iter(metrics); json_next(&it); i++) {
        for (struct json_iter m = json_iter(json_get(it.value, S("mboxes"))); json_next(&m);) {
            if (json_count(json_get(m.value, S("audienceIds"))) > 0)
                return diag_set_path(d, ERR_INVALID, arena_printf(a, "metrics[%zu].mboxes", i).p,
                                     "a metric with audiences cannot be recounted: the log does not keep who was in "
                                     "them");
        }
    }
    return ERR_OK;
}

/* The activity as a recount wants it: always live, with no condition but its metrics. */
static enum err
prepare(struct evaluation *e, const struct json *activity, const struct json *metrics, struct arena *a, struct diag *d)
{
    static const char *const left_out[] = {"startsAt", "endsAt", "propertyIds", "audienceIds"};
    struct decide_known known = {.known = is_known};
    const struct json *wanted;
    struct str text;
    struct edit edit = edit_of(a, activity);
    enum err rc;

    if (metrics != NULL)
        edit_put_json(&edit, edit.root, S("metrics"), metrics);
    rc = edit_parse(&edit, &wanted, &text, d);
    if (rc == ERR_OK && metrics != NULL)
        rc = decide_check_activity(wanted, &known, d);
    if (rc == ERR_OK)
        rc = refuse_audiences(json_get(wanted, S("metrics")), a, d);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        edit_remove(edit.root, str_of(left_out[i]));
    edit_put_str(&edit, edit.root, S("state"), S("approved"));
    text = edit_text(&edit);
    if (edit.nomem)
        return diag_set(d, ERR_NOMEM, "no memory for a recount");
    e->object = arena_str(&e->arena, text);
    return ERR_OK;
}

static enum err
read_question(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, struct diag *d)
{
    const struct json *id = json_get(body, S("activityId")), *metrics = json_get(body, S("metrics")), *activity;
    struct str text =
        json_is(id, JSON_STRING) ? json_str(id) : arena_printf(rq->arena, "%lld", (long long)json_i64(id, 0));

    activity = snapshot_object(call->snap, S("activity"), call->scope, text);
    if (activity == NULL)
        return diag_set_path(d, ERR_INVALID, "activityId", "activityId must be the number of an activity");
    if (metrics != NULL && json_count(metrics) == 0)
        return diag_set_path(d, ERR_INVALID, "metrics", "metrics must be a list of metrics, as an activity has it");
    if (call->admin->o.hub.recount_new == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    e->activity = arena_str(&e->arena, text);
    e->unsaved = metrics != NULL;
    return prepare(e, activity, metrics, rq->arena, d);
}

static void
recount_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    question_post(ctx, rq, rs, EVALUATION_RECOUNT, read_question);
}

/* ---- GET, DELETE ---- */

static void
write_question(struct jw *w, struct call *call, const struct evaluation *e)
{
    (void)call;
    jw_kstr(w, S("activityId"), e->activity);
    jw_kbool(w, S("whatIf"), e->unsaved);
    jw_ki64(w, S("recordsRead"), (int64_t)e->read);
    jw_ki64(w, S("recordsTotal"), (int64_t)e->matched);
    if (e->state == EVALUATION_READY) {
        if (e->since_ms > 0)
            jw_ktime(w, S("since"), e->since_ms);
        jw_kraw(w, S("rows"), e->result);
    }
}

static void
recount_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_get(ctx, rq, rs, EVALUATION_RECOUNT, route_param(params, S("recountId")), write_question);
}

static void
recount_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_delete(ctx, rq, rs, EVALUATION_RECOUNT, route_param(params, S("recountId")));
}

static const struct route routes[] = {
    {HTTP_POST, "/edgewise/recounts", LIMIT_ADMIN_BODY_BYTES, recount_post},
    {HTTP_GET, "/edgewise/recounts/{recountId}", 0, recount_get},
    {HTTP_DELETE, "/edgewise/recounts/{recountId}", 0, recount_delete},
};
const struct family family_recount = {routes, sizeof routes / sizeof routes[0], STYLE, false};

/* ---- the thread's part ---- */

struct fetch {
    struct evaluation *e;
    struct str activity; /* as keys name it */
    struct buf *out;
    enum err rc;
    struct diag *d;
};

static void
write_metric(struct jw *w, const struct results_metric *m)
{
    jw_object(w);
    jw_ki64(w, S("metricLocalId"), m->metric);
    jw_key(w, S("conversions"));
    jw_object(w);
    for (int i = 0; i < RESULTS_METHODS; i++)
        jw_ki64(w, str_of(report_method_name((enum results_method)i)), (int64_t)m->conversions[i]);
    jw_end(w);
    jw_ki64(w, S("orders"), (int64_t)m->orders);
    jw_key(w, S("revenue"));
    jw_f64(w, m->as_is.sum);
    jw_end(w);
}

static void
write_row(struct jw *w, const struct results_row *row)
{
    static const char *const units[] = {"visitors", "visits", "impressions"};

    jw_object(w);
    jw_kstr(w, S("experience"), row->experience);
    for (int i = 0; i < RESULTS_METHODS; i++)
        jw_ki64(w, str_of(units[i]), (int64_t)row->counts.units[i]);
    jw_key(w, S("metrics"));
    jw_array(w);
    for (size_t i = 0; i < row->counts.metric_count; i++)
        write_metric(w, &row->counts.metrics[i]);
    jw_end(w);
    jw_end(w);
}

/* Under the hub's lock. */
static void
fetch_rows(void *ctx, struct kv *k)
{
    struct fetch *f = ctx;
    struct results_query q = {.scope = f->e->scope, .activity = f->activity, .audience = RESULTS_EVERYBODY};
    struct results_row *rows;
    struct arena a;
    struct jw w = jw_to(f->out);
    size_t n;

    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    f->rc = results_read(k, &q, &a, &rows, &n, f->d);
    jw_array(&w);
    for (size_t i = 0; f->rc == ERR_OK && i < n; i++)
        write_row(&w, &rows[i]);
    jw_end(&w);
    arena_deinit(&a);
}

static enum err
keep_rows(struct evaluator *ev, struct evaluation *e, struct str activity, struct diag *d)
{
    struct buf b;
    struct fetch f = {.e = e, .activity = activity, .out = &b, .d = d};

    buf_init(&b, RESULT_BYTES);
    ev->admin->o.hub.read(ev->admin->o.hub.ctx, fetch_rows, &f);
    e->result = f.rc == ERR_OK ? arena_str(&e->arena, buf_str(&b)) : S_NULL;
    if (f.rc == ERR_OK && (!buf_ok(&b) || e->result.p == NULL))
        f.rc = diag_set(d, ERR_LIMIT, "the counts are too many to be told at once");
    buf_deinit(&b);
    return f.rc;
}

/* Lanes of recounts that ended early, and what a recount has replaced. Not when the process stops. */
static enum err
sweep(struct evaluator *ev, const struct evaluation *e, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    uint64_t cursor = 0;
    enum err rc;

    do {
        rc = hub->recount_sweep(hub->ctx, S(""), &cursor, d);
        if (rc == ERR_BUSY)
            evaluator_pause(ev);
        if (evaluator_keeps_job(ev, e, ERR_CANCELLED))
            return ERR_CANCELLED;
    } while (rc == ERR_BUSY || (rc == ERR_OK && cursor != 0));
    return rc;
}

static enum err
build(struct evaluator *ev, struct evaluation *e, struct hub_recount *r, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    struct admin_recount_progress p = {.done = false};
    enum err rc = ERR_OK;

    while ((rc == ERR_OK && !p.done) || rc == ERR_BUSY) {
        rc = hub->recount_slice(hub->ctx, r, !e->unsaved, &p, d);
        if (!evaluator_report(ev, e, p.read, p.total))
            return diag_set(d, ERR_CANCELLED, "it was given up");
        if (rc == ERR_BUSY)
            evaluator_pause(ev);
    }
    e->since_ms = p.since_ms;
    return rc;
}

/* From the record on it is the hub's, which nobody can stop any more. */
static enum err
tell(struct evaluator *ev, struct evaluation *e, struct hub_recount *r, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    uint64_t offset;
    enum err rc = hub->recount_tell(hub->ctx, r, &offset, d);

    if (rc != ERR_OK)
        return rc;
    do {
        rc = hub->job_done(hub->ctx, offset, TOLD_WAIT_US, d);
    } while (rc == ERR_TIMEOUT && !evaluator_keeps_job(ev, e, ERR_CANCELLED));
    return rc;
}

enum err
recount_run(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    struct hub_recount *r = NULL;
    struct diag ignored = DIAG_INIT;
    enum err rc = sweep(ev, e, d);

    if (rc == ERR_OK)
        rc = hub->recount_new(hub->ctx, e->scope, e->activity, e->id, e->object, &r, d);
    if (rc == ERR_OK)
        rc = build(ev, e, r, d);
    if (rc == ERR_OK && !e->unsaved)
        rc = tell(ev, e, r, d);
    if (rc == ERR_OK)
        rc = keep_rows(ev, e, e->unsaved ? hub->recount_activity(r, &e->arena) : e->activity, d);
    hub->recount_free(r);
    (void)sweep(ev, e, &ignored); /* else the next recount does it */
    return rc;
}
