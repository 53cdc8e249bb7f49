/* admin_job_rest.c - /data/core/ups/segment/jobs [SEGMENTATION 17.5]. */
#include "admin/admin_job.h"
#include "admin/admin_list.h"
#include "base/limits.h"

#define STYLE ERRORS_UPAPI
#define JOBS "/data/core/ups/segment/jobs"

/* ---- showing ---- */

/* Jobs that have not ended, as the queue knows them. */
struct queue_view {
    struct str ids[LIMIT_JOBS_WAITING];
    const char *status[LIMIT_JOBS_WAITING];
    size_t n;
};

/* Looks at the queue first and at the configuration then: what is not in the queue has ended there. */
static void
look(struct call *call, struct http_req *rq, struct queue_view *q)
{
    struct evaluator *ev = call->admin->evaluator;

    q->n = 0;
    os_lock(&ev->lock);
    for (const struct evaluation *e = ev->first; e != NULL && q->n < LIMIT_JOBS_WAITING; e = e->next) {
        if (e->kind != EVALUATION_JOB || !str_eq(e->scope, call->scope))
            continue;
        q->ids[q->n] = arena_str(rq->arena, e->id);
        q->status[q->n++] = e->cancelled ? "CANCELLING" : e->state == EVALUATION_RUNNING ? "PROCESSING" : "QUEUED";
    }
    os_unlock(&ev->lock);
    snapshot_put(call->admin->o.config, call->snap);
    call->snap = snapshot_get(call->admin->o.config);
}

static struct str
status_of(const struct queue_view *q, struct str id, const struct json *object)
{
    for (size_t i = 0; i < q->n; i++) {
        if (str_eq(q->ids[i], id))
            return str_of(q->status[i]);
    }
    return json_str(json_get(object, S("status")));
}

static void
write_job(struct jw *w, const struct queue_view *q, struct str id, const struct json *object)
{
    struct json_iter it = json_iter(object);

    jw_object(w);
    while (json_next(&it)) {
        if (str_eq(it.key, S("status")))
            jw_kstr(w, it.key, status_of(q, id, object));
        else
            jw_kjson(w, it.key, it.value);
    }
    jw_end(w);
}

/* ---- GET ---- */

/* ?status= and ?snapshot.name= */
static bool
passes(void *ctx, struct http_req *rq, struct str id, const struct json *object)
{
    struct str status = http_query(rq, S("status")), snapshot = http_query(rq, S("snapshot.name"));

    return (status.n == 0 || str_eq(status, status_of(ctx, id, object))) &&
           (snapshot.n == 0 || str_eq(snapshot, json_str(json_path(object, S("snapshot.name")))));
}

static void
jobs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 20, 100);
    struct queue_view q;
    struct list l;
    size_t shown = 0;
    struct jw w;

    (void)params;
    look(call, rq, &q);
    if (!list_of(call, rq, rs, "segmentJob", "creationTime:desc", passes, &q, &l))
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("children"));
    jw_array(&w);
    for (size_t i = page.start; i < l.n && shown < page.limit; i++, shown++)
        write_job(&w, &q, l.items[i].id, l.items[i].object);
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)l.n);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    jw_end(&w);
    jw_key(&w, S("_links"));
    jw_object(&w);
    if (shown > 0 && page.start + shown < l.n) {
        jw_key(&w, S("next"));
        jw_object(&w);
        jw_kstr(&w, S("href"),
                arena_printf(rq->arena, "/segment/jobs?start=%zu&limit=%zu", page.start + shown, page.limit));
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

static void
job_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *object;
    struct queue_view q;
    struct jw w;

    look(call, rq, &q);
    object = snapshot_object(call->snap, S("segmentJob"), call->scope, id);
    if (object == NULL) {
        admin_not_found(rq, rs, STYLE, "segment job", id);
        return;
    }
    w = admin_json(rs, 200);
    write_job(&w, &q, id, object);
}

static void
job_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));

    if (snapshot_object(call->snap, S("segmentJob"), call->scope, id) == NULL) {
        admin_not_found(rq, rs, STYLE, "segment job", id);
        return;
    }
    evaluator_cancel_job(call->admin->evaluator, call->scope, id);
    admin_empty(rs, 204);
}

static void
write_one(void *ctx, struct jw *w, struct str id, const struct json *object)
{
    write_job(w, ctx, id, object);
}

static void
bulk_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct queue_view q;

    (void)params;
    look(call, rq, &q);
    list_bulk(call, rq, rs, "segmentJob", "segment job", write_one, &q);
}

/* ---- POST ---- */

static const struct json *
segments_of(const struct json *body)
{
    return json_is(body, JSON_ARRAY) ? body : json_get(body, S("segments"));
}

static enum err
check_segments(struct call *call, const struct json *list, struct diag *d)
{
    const struct scope_view *view = snapshot_scope(call->snap, call->scope);
    const struct map *live = view != NULL ? view->hub_segments.by_id : NULL;
    struct json_iter it = json_iter(list);
    const struct json *audience;
    size_t n = json_count(list);

    if (!json_is(list, JSON_ARRAY) || n == 0 || n > LIMIT_JOB_AUDIENCES)
        return diag_set_path(d, ERR_INVALID, "segments", "a job names 1 to %d audiences as {segmentId}, or \"*\"",
                             LIMIT_JOB_AUDIENCES);
    while (json_next(&it)) {
        struct str id = json_str(json_get(it.value, S("segmentId")));
        if (str_eq(id, S("*")) && n == 1)
            return live != NULL ? ERR_OK : diag_set(d, ERR_INVALID, "the sandbox has no audience to evaluate");
        if (id.n == 0)
            return diag_set_path(d, ERR_INVALID, "segments",
                                 "every element needs a member 'segmentId', the audience's id");
        audience = snapshot_object(call->snap, S("audience"), call->scope, id);
        if (audience == NULL)
            return diag_set(d, ERR_NOT_FOUND, "audience '%.*s' not found", STR_ARG(id));
        if (live == NULL || map_get(live, id) == NULL)
            return diag_set_path(d, ERR_INVALID, "segmentId", "audience '%.*s' is not evaluated: %s", STR_ARG(id),
                                 audience_is_external(audience) ? "its members come with files"
                                                                : "it is neither draft nor published");
    }
    return ERR_OK;
}

#define TRIES 8 /* when two are asked for at once and both are counted */

static enum err
begin(struct call *call, struct http_req *rq, const struct http_res *rs, const struct json *list, struct str *text,
      struct diag *d)
{
    struct job_order o = {.snap = call->snap,
                          .arena = rq->arena,
                          .rng = rq->rng,
                          .org = call->org,
                          .sandbox = call->sandbox,
                          .scope = call->scope,
                          .segments = list,
                          .source = "api",
                          .request_id = admin_request_id(rq, rs),
                          .now_ms = rq->now_ms};
    bool counted = false;
    enum err rc = quota_take(call, rq, list, &o.more[0], &counted, d);

    o.more_count = counted;
    return rc == ERR_OK ? job_begin(call->admin->evaluator, &o, text, d) : rc;
}

static void
jobs_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *list;
    struct str text = S_NULL;
    struct diag d = DIAG_INIT;
    enum err rc;

    (void)params;
    if (!question_possible(call, rq, rs, STYLE) || !admin_body(rq, rs, STYLE, &body))
        return;
    list = segments_of(body);
    rc = check_segments(call, list, &d);
    if (rc == ERR_OK)
        rc = begin(call, rq, rs, list, &text, &d);
    for (int i = 0; rc == ERR_EXISTS && i < TRIES; i++) {
        snapshot_put(call->admin->o.config, call->snap);
        call->snap = snapshot_get(call->admin->o.config);
        rc = begin(call, rq, rs, list, &text, &d);
    }
    if (rc == ERR_OK)
        admin_text(rs, 200, text);
    else
        admin_fail(rq, rs, STYLE, rc == ERR_BUSY ? 429 : 0, rc, &d);
}

static const struct route routes[] = {
    {HTTP_GET, JOBS, 0, jobs_get},
    {HTTP_POST, JOBS, LIMIT_ADMIN_BODY_BYTES, jobs_post},
    {HTTP_POST, JOBS "/bulk-get", LIMIT_ADMIN_BODY_BYTES, bulk_post},
    {HTTP_GET, JOBS "/{id}", 0, job_get},
    {HTTP_DELETE, JOBS "/{id}", 0, job_delete},
};
const struct family family_job = {routes, sizeof routes / sizeof routes[0], STYLE, false};
