/* admin_export_job.c - the REST side of export jobs [SEGMENTATION 17.7]. See admin_export_job.h.
 *
 * Memberships are true all the time, so evaluationInfo.segmentation asks for nothing. Events have no time of ingestion
 * here: eventList.filter looks at their timestamps. OURS */
#include "admin/admin_export_job.h"
#include "admin/admin_job.h"

#define STYLE ERRORS_PROFILE
#define JOBS "/data/core/ups/export/jobs"
#define LIST_LIMIT 10

/* ---- POST ---- */

static enum err
check(struct call *call, struct http_req *rq, const struct json *body, const struct export_spec *s, struct diag *d)
{
    static const char *const required[] = {"mergePolicy", "destination", "schema"};
    struct str policy = json_str(json_path(body, S("mergePolicy.id")));
    bool each = json_bool(json_path(body, S("destination.segmentPerBatch")), false);

    for (size_t i = 0; i < 3; i++) {
        if (!json_is(json_get(body, str_of(required[i])), JSON_OBJECT))
            return diag_set_path(d, ERR_INVALID, required[i], "%s is required", required[i]);
    }
    if (!str_eq(policy, admin_merge_policy_id(rq->arena, call->scope)) &&
        snapshot_object(call->snap, S("mergePolicy"), call->scope, policy) == NULL)
        return diag_set_path(d, ERR_INVALID, "mergePolicy.id", "merge policy '%.*s' does not exist", STR_ARG(policy));
    if (!str_eq(json_str(json_path(body, S("schema.name"))), S(PROFILE_MODEL)))
        return diag_set_path(d, ERR_INVALID, "schema.name", "schema.name must be %s", PROFILE_MODEL);
    if (snapshot_object(call->snap, S("dataset"), call->scope, s->dataset) == NULL)
        return diag_set_path(d, ERR_INVALID, "destination.datasetId", "dataset '%.*s' does not exist",
                             STR_ARG(s->dataset));
    for (size_t i = 0; i < s->audience_count; i++) {
        if (snapshot_object(call->snap, S("audience"), call->scope, s->audiences[i].id) == NULL)
            return diag_set_path(d, ERR_INVALID, "filter.segments", "audience '%.*s' does not exist",
                                 STR_ARG(s->audiences[i].id));
    }
    if (each && s->audience_count == 0)
        return diag_set_path(d, ERR_INVALID, "destination.segmentPerBatch",
                             "segmentPerBatch needs audiences in filter.segments");
    return ERR_OK;
}

/* The batches get their ids here: the client asks for their files by them. */
static void
put_destination(struct edit *e, struct http_req *rq, const struct json *body, const struct export_spec *s)
{
    bool each = json_bool(json_path(body, S("destination.segmentPerBatch")), false);
    struct edit_node *to = edit_object(e, e->root, S("destination")), *batches;
    struct json_iter it = json_iter(json_path(body, S("filter.segments")));

    edit_remove(to, S("batches"));
    edit_remove(to, S("batchId"));
    edit_put_bool(e, to, S("segmentPerBatch"), each);
    if (!each) {
        edit_put_str(e, to, S("batchId"), admin_new_ulid(rq));
        return;
    }
    batches = edit_object(e, to, S("batches"));
    for (size_t i = 0; i < s->audience_count && json_next(&it); i++) {
        struct edit_node *one = edit_object(e, batches, s->audiences[i].id);
        edit_put_raw(e, one, S("segmentNs"), S("\"ups\""));
        if (json_get(it.value, S("segmentNs")) != NULL)
            edit_put_json(e, one, S("segmentNs"), json_get(it.value, S("segmentNs")));
        edit_put_raw(e, one, S("status"), S("[\"realized\",\"existing\"]"));
        if (json_get(it.value, S("status")) != NULL)
            edit_put_json(e, one, S("status"), json_get(it.value, S("status")));
        edit_put_str(e, one, S("batchId"), admin_new_ulid(rq));
    }
}

static void
fill(struct edit *e, struct call *call, struct http_req *rq, const struct http_res *rs, const struct json *body,
     const struct export_spec *s)
{
    edit_remove(e->root, S("metrics"));
    edit_put_str(e, e->root, S("jobType"), S("BATCH"));
    edit_put_str(e, e->root, S("status"), S("NEW"));
    edit_put_str(e, e->root, S("imsOrgId"), call->org);
    edit_put_str(e, e->root, S("sandboxName"), call->sandbox);
    edit_put_str(e, e->root, S("profileInstanceId"), S("ups"));
    edit_put_raw(e, e->root, S("errors"), S("[]"));
    edit_put_str(e, edit_object(e, e->root, S("computeGatewayJobId")), S("exportJob"), admin_new_uuid(rq));
    edit_put_str(e, edit_object(e, e->root, S("computeGatewayJobId")), S("pushJob"), admin_new_uuid(rq));
    edit_put_str(e, e->root, S("requestId"), admin_request_id(rq, rs));
    edit_put_i64(e, e->root, S("creationTime"), rq->now_ms / MS_PER_SECOND);
    edit_put_i64(e, e->root, S("updateTime"), rq->now_ms / MS_PER_SECOND);
    put_destination(e, rq, body, s);
}

static enum err
new_evaluation(struct str scope, struct str id, int64_t created_ms, struct evaluation **out, struct diag *d)
{
    enum err rc = evaluation_new(EVALUATION_JOB, id, scope, created_ms, out, d);

    if (rc == ERR_OK)
        (*out)->exports = true;
    return rc;
}

/* A saved job as the queue wants it. */
static enum err
evaluation_of(struct str scope, struct str id, const struct json *job, struct evaluation **out, struct diag *d)
{
    return new_evaluation(scope, id, json_i64(json_get(job, S("creationTime")), 0) * MS_PER_SECOND, out, d);
}

/* ---- old jobs ---- */

/* Its batches. */
static size_t
batches_of(const struct export_spec *spec, struct str out[EXPORT_AUDIENCES_MAX])
{
    if (spec->batch.n > 0) {
        out[0] = spec->batch;
        return 1;
    }
    for (size_t i = 0; i < spec->audience_count; i++)
        out[i] = spec->audiences[i].batch;
    return spec->audience_count;
}

static void
forget(struct call *call, struct http_req *rq, const struct snapshot *snap, struct str id)
{
    struct config_change changes[LIMIT_CONFIG_CHANGES] = {
        {.kind = S("exportJob"), .scope = call->scope, .id = id, .version = CONFIG_ANY_VERSION}};
    const struct json *job = snapshot_object(snap, S("exportJob"), call->scope, id);
    struct export_spec *spec = ARENA_NEW(rq->arena, struct export_spec);
    struct str batches[EXPORT_AUDIENCES_MAX];
    struct diag d = DIAG_INIT; /* what cannot be forgotten now is forgotten with the next one */
    size_t n = 1, batch_count;

    if (spec == NULL || export_spec_read(job, rq->arena, spec, &d) != ERR_OK)
        return;
    batch_count = batches_of(spec, batches);
    for (size_t i = 0; i < batch_count; i++) {
        if (snapshot_object(snap, S("batch"), call->scope, batches[i]) != NULL)
            changes[n++] = (struct config_change){
                .kind = S("batch"), .scope = call->scope, .id = batches[i], .version = CONFIG_ANY_VERSION};
    }
    if (config_apply(call->admin->o.config, changes, n, rq->now_ms, &d) != ERR_OK)
        return;
    for (size_t i = 0; i < batch_count; i++)
        export_file_remove(call->admin, batches[i]);
}

/* The oldest that ended goes when there is one too many, with its batches and files. */
static void
forget_oldest(struct call *call, struct http_req *rq)
{
    const struct snapshot *snap = snapshot_get(call->admin->o.config);
    struct job_oldest oldest = job_find_oldest(snap, S("exportJob"), call->scope);

    if (oldest.n > LIMIT_EXPORTS_KEPT && oldest.id.n > 0)
        forget(call, rq, snap, oldest.id);
    snapshot_put(call->admin->o.config, snap);
}

static enum err
begin(struct call *call, struct http_req *rq, const struct http_res *rs, const struct json *body, struct str *text,
      int *status, struct diag *d)
{
    struct export_spec *spec = ARENA_NEW(rq->arena, struct export_spec);
    struct edit e = edit_of(rq->arena, body);
    struct evaluation *evaluation = NULL;
    int64_t id = 0;
    enum err rc =
        spec == NULL ? diag_set(d, ERR_NOMEM, "no memory for a job") : export_spec_read(body, rq->arena, spec, d);

    if (rc == ERR_OK)
        rc = check(call, rq, body, spec, d);
    if (rc != ERR_OK)
        return rc;
    fill(&e, call, rq, rs, body, spec);
    rc = evaluator_reserve_job(call->admin->evaluator, d);
    if (rc != ERR_OK) {
        *status = 429;
        return rc;
    }
    rc = admin_create_numbered(call, rq, "exportJob", &e, &id, text, d);
    if (rc == ERR_OK) /* what fails from here on is run at the next start */
        rc = new_evaluation(call->scope, arena_printf(rq->arena, "%lld", (long long)id), rq->now_ms, &evaluation, d);
    if (rc != ERR_OK) {
        evaluator_release_job(call->admin->evaluator);
        return rc;
    }
    evaluator_add_job(call->admin->evaluator, evaluation);
    forget_oldest(call, rq);
    return ERR_OK;
}

static void
jobs_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL;
    struct str text = S_NULL;
    struct diag d = DIAG_INIT;
    int status = 0;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    rc = call->admin->o.hub.visit == NULL ? diag_set(&d, ERR_UNSUPPORTED, "this process has no hub: ask one that has")
                                          : begin(call, rq, rs, body, &text, &status, &d);
    if (rc == ERR_OK)
        admin_text(rs, 200, text);
    else
        admin_fail(rq, rs, STYLE, status, rc, &d);
}

/* ---- GET ---- */

/* Where a job is that has not ended, by the queue. */
struct progress {
    bool found, running, cancelled;
    uint64_t read, exported;
};

static struct progress
progress_of(struct call *call, struct str id)
{
    struct evaluator *ev = call->admin->evaluator;
    struct progress p = {0};

    os_lock(&ev->lock);
    for (const struct evaluation *e = ev->first; e != NULL; e = e->next) {
        if (e->exports && str_eq(e->id, id) && str_eq(e->scope, call->scope))
            p = (struct progress){true, e->state == EVALUATION_RUNNING, e->cancelled, e->read, e->matched};
    }
    os_unlock(&ev->lock);
    return p;
}

/* Of the object, or of the queue while it has not ended. */
static struct str
status_of(const struct progress *p, const struct json *job)
{
    struct str status = json_str(json_get(job, S("status")));

    return job_is_over(status) || !p->found ? status
           : p->cancelled                   ? S("CANCELLING")
           : p->running                     ? S("PROCESSING")
                                            : S("NEW");
}

static void
write_job(struct jw *w, struct call *call, struct str id, const struct json *job)
{
    struct progress p = progress_of(call, id);
    struct json_iter it = json_iter(job);

    jw_object(w);
    while (json_next(&it)) {
        if (str_eq(it.key, S("status")))
            jw_kstr(w, it.key, status_of(&p, job));
        else
            jw_kjson(w, it.key, it.value);
    }
    if (p.running && json_get(job, S("metrics")) == NULL) {
        jw_key(w, S("metrics"));
        jw_object(w);
        jw_ki64(w, S("totalProfiles"), (int64_t)p.read);
        jw_ki64(w, S("totalExportedProfileCounter"), (int64_t)p.exported);
        jw_end(w);
    }
    jw_end(w);
}

struct gather {
    struct call *call;
    struct str status;
    struct str ids[LIMIT_EXPORTS_KEPT + LIMIT_JOBS_WAITING + 1];
    const struct json *jobs[LIMIT_EXPORTS_KEPT + LIMIT_JOBS_WAITING + 1];
    size_t n;
};

static void
gather_one(void *ctx, struct str id, const struct json *job)
{
    struct gather *g = ctx;
    struct progress p = progress_of(g->call, id);

    if (g->n == sizeof g->ids / sizeof *g->ids || (g->status.n > 0 && !str_eq(g->status, status_of(&p, job))))
        return;
    g->ids[g->n] = id;
    g->jobs[g->n++] = job;
}

/* "<creation time>_<id>" of the last job that was shown. */
static struct str
offset_of(const struct gather *g, size_t i, struct arena *a)
{
    return arena_printf(a, "%lld_%.*s", (long long)json_i64(json_get(g->jobs[i], S("creationTime")), 0),
                        STR_ARG(g->ids[i]));
}

/* Index of the first job to show, from the newest; false: the offset is none of ours. */
static bool
first_shown(const struct gather *g, struct str offset, struct arena *a, size_t *out)
{
    *out = 0;
    if (offset.n == 0)
        return true;
    for (size_t k = 0; k < g->n; k++) {
        if (str_eq(offset_of(g, g->n - 1 - k, a), offset)) {
            *out = k + 1;
            return true;
        }
    }
    return false;
}

static void
jobs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, LIST_LIMIT, LIMIT_EXPORTS_KEPT);
    struct gather *g = ARENA_NEW(rq->arena, struct gather);
    struct str last = S_NULL;
    struct diag d = DIAG_INIT;
    size_t k, shown = 0;
    struct jw w;

    (void)params;
    if (g == NULL) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "no memory for the list"), &d);
        return;
    }
    *g = (struct gather){.call = call, .status = http_query(rq, S("status"))};
    snapshot_each(call->snap, S("exportJob"), call->scope, gather_one, g);
    if (!first_shown(g, http_query(rq, S("offset")), rq->arena, &k)) {
        admin_fail(rq, rs, STYLE, 0, diag_set_path(&d, ERR_INVALID, "offset", "offset must be a pageOffset of before"),
                   &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("records"));
    jw_array(&w);
    for (; k < g->n && shown < page.limit; k++, shown++) {
        write_job(&w, call, g->ids[g->n - 1 - k], g->jobs[g->n - 1 - k]);
        last = offset_of(g, g->n - 1 - k, rq->arena);
    }
    jw_end(&w);
    jw_key(&w, S("page"));
    jw_object(&w);
    jw_kstr(&w, S("sortField"), S("createdTime"));
    jw_kstr(&w, S("sort"), S("desc"));
    jw_kstr(&w, S("pageOffset"), last);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    jw_end(&w);
    jw_key(&w, S("link"));
    jw_object(&w);
    if (shown > 0 && k < g->n)
        jw_kstr(&w, S("next"),
                arena_printf(rq->arena, "/export/jobs?limit=%zu&offset=%.*s", page.limit, STR_ARG(last)));
    jw_end(&w);
    jw_end(&w);
}

static const struct json *
find(struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    const struct json *job = snapshot_object(call->snap, S("exportJob"), call->scope, id);

    if (job == NULL)
        admin_not_found(rq, rs, STYLE, "export job", id);
    return job;
}

static void
job_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("id"));
    const struct json *job = find(ctx, rq, rs, id);
    struct jw w;

    if (job == NULL)
        return;
    w = admin_json(rs, 200);
    write_job(&w, ctx, id, job);
}

static void
job_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    const struct json *job = find(call, rq, rs, id);

    if (job == NULL)
        return;
    if (job_is_over(json_str(json_get(job, S("status"))))) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_INVALID, "export job '%.*s' has ended", STR_ARG(id)), &d);
        return;
    }
    evaluator_cancel_job(call->admin->evaluator, call->scope, id);
    admin_text(rs, 200, S("{\"status\":true,\"message\":\"Export job has been marked for cancelling\"}"));
}

/* ---- after a start ---- */

enum err
export_resume_all(struct evaluator *ev, struct diag *d)
{
    enum err rc = export_files_open(ev->admin, d);

    return rc == ERR_OK ? job_resume_kind(ev, S("exportJob"), evaluation_of, d) : rc;
}

static const struct route routes[] = {
    {HTTP_GET, JOBS, 0, jobs_get},
    {HTTP_POST, JOBS, LIMIT_ADMIN_BODY_BYTES, jobs_post},
    {HTTP_GET, JOBS "/{id}", 0, job_get},
    {HTTP_DELETE, JOBS "/{id}", 0, job_delete},
};
const struct family family_export_job = {routes, sizeof routes / sizeof routes[0], STYLE, false};
