/* admin_external_run.c - runs of external audiences: asked for and shown [SEGMENTATION 17.10], and what the import
 * thread wants to know of one. See admin_external.h. */
#include "admin/admin_external.h"

#define STYLE ERRORS_UPAPI
#define ONE "/data/core/ais/external-audience/{id}"
#define RUNS_SHOWN 20

/* ---- as the import thread sees it ---- */

struct external_run
external_run_read(const struct json *batch)
{
    const struct json *run = json_get(batch, S("externalRun"));

    return (struct external_run){.audience = json_str(json_get(run, S("audienceId"))),
                                 .fields = json_get(run, S("fields")),
                                 .files = json_get(run, S("files")),
                                 .replaces = !json_bool(json_get(run, S("differentialIngestion")), false),
                                 .profiles = json_bool(json_get(run, S("profileIngestion")), true)};
}

bool
external_run_is_over(const struct json *batch)
{
    struct str status = json_str(json_get(batch, S("status")));

    return str_eq(status, S("success")) || str_eq(status, S("failed"));
}

enum err
external_run_files(const struct importer *im, const struct external_run *run, struct arena *a, struct import_file **out,
                   size_t *n, struct diag *d)
{
    struct json_iter it = json_iter(run->files);
    enum err rc = ERR_OK;

    *n = 0;
    *out = ARENA_ARRAY(a, struct import_file, json_count(run->files));
    if (*out == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the list of files");
    while (rc == ERR_OK && json_next(&it)) {
        struct import_file *f = &(*out)[(*n)++];
        struct str stored = json_str(json_get(it.value, S("file")));
        f->path = arena_printf(a, "%s/%.*s", im->external_dir, STR_ARG(stored)).p;
        rc = f->path == NULL ? diag_set(d, ERR_NOMEM, "no memory for the list of files")
                             : import_file_head(im->admin->o.os, f->path, a, f, d);
    }
    return rc;
}

/* A run that begins when the members of the ones before have exited, or never were, starts anew. */
void
external_run_begins(struct buf *patch, const struct json *audience, struct str run, uint64_t stamp, int64_t now_ms)
{
    int64_t days = json_i64(json_get(audience, S("ttlInDays")), LIMIT_EXTERNAL_DAYS_USUAL);
    bool anew = json_i64(json_path(audience, S("audienceMeta.validUntil")), 0) <= now_ms;
    struct jw w = jw_to(patch);

    jw_object(&w);
    jw_key(&w, S("audienceMeta"));
    jw_object(&w);
    if (anew)
        jw_ki64(&w, S("floor"), (int64_t)stamp);
    jw_ki64(&w, S("validUntil"), now_ms + days * MS_PER_DAY);
    jw_kstr(&w, S("lastRunId"), run);
    jw_end(&w);
    jw_ki64(&w, S("updateTime"), now_ms);
    jw_ki64(&w, S("updateEpoch"), now_ms / MS_PER_SECOND);
    jw_end(&w);
}

void
external_run_ends(struct buf *patch, const struct external_run *run, uint64_t stamp)
{
    struct jw w = jw_to(patch);

    jw_object(&w);
    if (run->replaces) {
        jw_key(&w, S("audienceMeta"));
        jw_object(&w);
        jw_ki64(&w, S("floor"), (int64_t)stamp);
        jw_end(&w);
    }
    jw_end(&w);
}

/* ---- asking for one ---- */

struct run_request {
    struct str id, audience;
    const struct json *object; /* the audience */
    bool differential;
    const struct json *from, *to; /* of the request: seconds since 1970, or NULL */
    double percent;               /* of rows that may be bad */
    struct external_file *files;
    size_t file_count;
};

static enum err
read_instant(const struct json *body, const char *member, const struct json **out, struct diag *d)
{
    *out = json_get(body, str_of(member));
    if (*out == NULL || json_is(*out, JSON_NULL) || json_is(*out, JSON_INT))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, member, "%s must be whole seconds since 1970", member);
}

static enum err
read_run(const struct json *body, struct run_request *r, struct diag *d)
{
    const struct json *differential = json_get(body, S("differentialIngestion")),
                      *percent = json_get(body, S("partialIngestionPercentage"));
    enum err rc = read_instant(body, "dataFilterStartTime", &r->from, d);

    if (rc == ERR_OK)
        rc = read_instant(body, "dataFilterEndTime", &r->to, d);
    if (rc == ERR_OK && differential != NULL && !json_is(differential, JSON_BOOL))
        rc = diag_set_path(d, ERR_INVALID, "differentialIngestion", "differentialIngestion must be true or false");
    r->differential = json_bool(differential, false);
    r->percent = json_f64(percent, 0);
    if (rc == ERR_OK && percent != NULL && (!json_is_number(percent) || r->percent < 0 || r->percent > 100))
        rc = diag_set_path(d, ERR_INVALID, "partialIngestionPercentage",
                           "partialIngestionPercentage must be a number from 0 to 100");
    return rc;
}

struct active_search {
    struct str audience, batch;
};

static void
match_active(void *ctx, struct str id, const struct json *batch)
{
    struct active_search *search = ctx;

    if (str_eq(external_run_read(batch).audience, search->audience) && !external_run_is_over(batch))
        search->batch = id;
}

static enum err
check_run(struct call *call, const struct run_request *r, struct diag *d)
{
    struct active_search search = {.audience = r->audience};

    if (!str_eq(json_str(json_get(r->object, S("lifecycleState"))), S("published")))
        return diag_set_path(d, ERR_INVALID, "lifecycleState", "audience '%.*s' is not published",
                             STR_ARG(r->audience));
    if (json_get(r->object, S("fields")) == NULL || json_get(r->object, S("sourceSpec")) == NULL)
        return diag_set_path(d, ERR_INVALID, "fields", "audience '%.*s' needs fields and sourceSpec to be filled",
                             STR_ARG(r->audience));
    snapshot_each(call->snap, S("batch"), call->scope, match_active, &search);
    return search.batch.n == 0
               ? ERR_OK
               : diag_set(d, ERR_EXISTS, "run '%.*s' of the audience has not ended", STR_ARG(search.batch));
}

/* Those uploaded in the window that the request names. */
static enum err
choose_files(struct call *call, struct http_req *rq, struct run_request *r, struct diag *d)
{
    struct str path = json_str(json_path(r->object, S("sourceSpec.path")));
    bool folder = str_eq(json_str(json_path(r->object, S("sourceSpec.type"))), S("folder"));
    size_t n = 0;
    enum err rc = external_files(call->admin->importer, call->scope, path, folder, rq->arena, &r->files, &n, d);

    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        int64_t at = r->files[i].uploaded_ms / MS_PER_SECOND;
        if (at >= json_i64(r->from, INT64_MIN) && at <= json_i64(r->to, INT64_MAX))
            r->files[r->file_count++] = r->files[i];
    }
    if (rc != ERR_OK || r->file_count > 0)
        return rc;
    return diag_set_path(d, ERR_INVALID, "sourceSpec.path", "no file was uploaded %s '%.*s'%s", folder ? "below" : "as",
                         STR_ARG(path), n > 0 ? " in the given time" : "");
}

static void
write_batch(struct jw *w, const struct http_req *rq, const struct call *call, const struct run_request *r)
{
    jw_object(w);
    jw_kstr(w, S("id"), r->id);
    jw_kstr(w, S("imsOrg"), call->org);
    jw_kstr(w, S("sandboxName"), call->sandbox);
    jw_kstr(w, S("status"), S("loaded"));
    jw_key(w, S("relatedObjects"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("type"), S("externalAudience"));
    jw_kstr(w, S("id"), r->audience);
    jw_end(w);
    jw_end(w);
    jw_kraw(w, S("inputFormat"), S("{\"format\":\"csv\"}"));
    jw_kstr(w, S("version"), S("1.0.0"));
    jw_kraw(w, S("tags"), S("{}"));
    jw_key(w, S("partialIngestionPercentage"));
    jw_f64(w, r->percent);
    jw_kbool(w, S("enableErrorDiagnostics"), true);
    jw_kstr(w, S("createdUser"), call->client_id);
    jw_kstr(w, S("createdClient"), call->client_id);
    jw_kstr(w, S("updatedUser"), call->client_id);
    jw_ki64(w, S("created"), rq->now_ms);
    jw_ki64(w, S("updated"), rq->now_ms);
    jw_key(w, S("externalRun"));
    jw_object(w);
    jw_kstr(w, S("audienceId"), r->audience);
    jw_kbool(w, S("differentialIngestion"), r->differential);
    if (r->from != NULL)
        jw_kjson(w, S("dataFilterStartTime"), r->from);
    if (r->to != NULL)
        jw_kjson(w, S("dataFilterEndTime"), r->to);
    jw_kbool(w, S("profileIngestion"), json_bool(json_get(r->object, S("profileIngestion")), true));
    jw_kjson(w, S("fields"), json_get(r->object, S("fields")));
    jw_key(w, S("files"));
    jw_array(w);
    for (size_t i = 0; i < r->file_count; i++) {
        jw_object(w);
        jw_kstr(w, S("name"), r->files[i].name);
        jw_kstr(w, S("file"), r->files[i].stored);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static enum err
enqueue(struct call *call, struct http_req *rq, const struct run_request *r, struct diag *d)
{
    struct importer *im = call->admin->importer;
    struct config_change change = {S("batch"), call->scope, r->id, S_NULL, 0};
    struct buf b;
    struct jw w;
    enum err rc = import_reserve(im, d);

    if (rc != ERR_OK)
        return rc;
    buf_init_in(&b, rq->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    write_batch(&w, rq, call, r);
    change.json = buf_str(&b);
    rc = buf_ok(&b) ? config_apply(call->admin->o.config, &change, 1, rq->now_ms, d)
                    : diag_set(d, ERR_LIMIT, "the description of the run exceeds %d bytes", LIMIT_ADMIN_BODY_BYTES);
    if (rc == ERR_OK)
        import_enqueue(im, call->scope, r->id);
    else
        import_unreserve(im);
    return rc;
}

/* ---- showing runs ---- */

static const char *
status_of(const struct json *batch)
{
    struct str status = json_str(json_get(batch, S("status")));

    return str_eq(status, S("success")) ? "SUCCESS" : str_eq(status, S("failed")) ? "FAILED" : "PROCESSING";
}

static void
write_stage(struct jw *w, const char *stage, struct str run, struct str audience, const struct json *batch)
{
    jw_object(w);
    jw_kstr(w, S("stage"), str_of(stage));
    jw_kstr(w, S("status"), str_of(status_of(batch)));
    jw_kstr(w, S("flowId"), audience);
    jw_kstr(w, S("flowRunId"), run);
    jw_end(w);
}

static void
write_run(struct jw *w, struct str id, const struct json *batch, const struct json *audience)
{
    static const char *const counts[] = {"recordCount", "failedRecordCount", "errors"};
    const struct json *run = json_get(batch, S("externalRun"));
    struct external_run r = external_run_read(batch);

    jw_object(w);
    jw_kjson(w, S("audienceName"), json_get(audience, S("name")));
    jw_kstr(w, S("audienceId"), r.audience);
    jw_kstr(w, S("runId"), id);
    jw_kstr(w, S("status"), str_of(status_of(batch)));
    jw_kbool(w, S("differentialIngestion"), !r.replaces);
    if (json_get(run, S("dataFilterStartTime")) != NULL)
        jw_kjson(w, S("dataFilterStartTime"), json_get(run, S("dataFilterStartTime")));
    if (json_get(run, S("dataFilterEndTime")) != NULL)
        jw_kjson(w, S("dataFilterEndTime"), json_get(run, S("dataFilterEndTime")));
    jw_ki64(w, S("ingestionTime"), json_i64(json_get(batch, S("created")), 0) / MS_PER_SECOND);
    jw_ki64(w, S("createdAt"), json_i64(json_get(batch, S("created")), 0) / MS_PER_SECOND);
    jw_kjson(w, S("createdBy"), json_get(batch, S("createdUser")));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const struct json *v = json_get(batch, str_of(counts[i]));
        if (v != NULL)
            jw_kjson(w, str_of(counts[i]), v);
    }
    jw_key(w, S("details"));
    jw_array(w);
    write_stage(w, "DATASET_INGEST", id, r.audience, batch);
    if (r.profiles)
        write_stage(w, "PROFILE_STORE_INGEST", id, r.audience, batch);
    jw_end(w);
    jw_end(w);
}

static void
run_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct run_request r = {.id = admin_new_ulid(rq), .audience = route_param(params, S("id"))};
    const struct json *body = NULL;
    struct call now = *call;
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    r.object = external_find(call, rq, rs, r.audience);
    if (r.object == NULL || !admin_body_object(rq, rs, STYLE, &body))
        return;
    rc = read_run(body, &r, &d);
    if (rc == ERR_OK)
        rc = check_run(call, &r, &d);
    if (rc == ERR_OK) {
        os_lock(&call->admin->importer->external_lock); /* what was chosen stays until the run is saved */
        rc = choose_files(call, rq, &r, &d);
        if (rc == ERR_OK)
            rc = enqueue(call, rq, &r, &d);
        os_unlock(&call->admin->importer->external_lock);
    }
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, rc == ERR_BUSY ? 429 : 0, rc, &d);
        return;
    }
    now.snap = snapshot_get(call->admin->o.config);
    w = admin_json(rs, 202);
    write_run(&w, r.id, snapshot_object(now.snap, S("batch"), call->scope, r.id), r.object);
    snapshot_put(call->admin->o.config, now.snap);
}

static void
run_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id")), run = route_param(params, S("runId"));
    const struct json *audience = external_find(call, rq, rs, id),
                      *batch = snapshot_object(call->snap, S("batch"), call->scope, run);
    struct jw w;

    if (audience == NULL)
        return;
    if (batch == NULL || !str_eq(external_run_read(batch).audience, id)) {
        admin_not_found(rq, rs, STYLE, "run", run);
        return;
    }
    w = admin_json(rs, 200);
    write_run(&w, run, batch, audience);
}

struct run_list {
    struct str audience;
    struct str ids[LIMIT_EXTERNAL_RUNS]; /* a ring: the newest */
    const struct json *batches[LIMIT_EXTERNAL_RUNS];
    size_t n;
};

static void
list_run(void *ctx, struct str id, const struct json *batch)
{
    struct run_list *l = ctx;

    if (!str_eq(external_run_read(batch).audience, l->audience))
        return;
    l->ids[l->n % LIMIT_EXTERNAL_RUNS] = id;
    l->batches[l->n % LIMIT_EXTERNAL_RUNS] = batch;
    l->n++;
}

static void
runs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, RUNS_SHOWN, LIMIT_EXTERNAL_RUNS);
    struct str id = route_param(params, S("id"));
    const struct json *audience = external_find(call, rq, rs, id);
    struct run_list *l = ARENA_NEW(rq->arena, struct run_list);
    struct diag d = DIAG_INIT;
    size_t kept, shown = 0;
    struct jw w;

    if (audience == NULL)
        return;
    if (l == NULL) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "no memory for the list"), &d);
        return;
    }
    l->audience = id;
    snapshot_each(call->snap, S("batch"), call->scope, list_run, l);
    kept = l->n < LIMIT_EXTERNAL_RUNS ? l->n : LIMIT_EXTERNAL_RUNS;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("runs"));
    jw_array(&w);
    for (size_t i = page.start; i < kept && shown < page.limit; i++, shown++) {
        size_t at = (l->n - 1 - i) % LIMIT_EXTERNAL_RUNS;
        write_run(&w, l->ids[at], l->batches[at], audience);
    }
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_ki64(&w, S("count"), (int64_t)shown);
    jw_ki64(&w, S("totalCount"), (int64_t)l->n);
    jw_end(&w);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_POST, ONE "/run", LIMIT_ADMIN_BODY_BYTES, run_post},
    {HTTP_GET, ONE "/run/{runId}", 0, run_get},
    {HTTP_GET, ONE "/runs", 0, runs_get},
};
const struct family family_external_run = {routes, sizeof routes / sizeof *routes, STYLE, false};
