/* admin_job.c - segment jobs: audiences evaluated over all profiles on demand [SEGMENTATION 17.5].
 *
 * Every audience is kept true all the time, so a job finds what is true already: it evaluates from scratch, with the
 * vectorised evaluator, and compares with the memberships. A difference is counted (metric hub_profiles_wrong_total,
 * `membershipsRepaired` of the job) and repaired. What it reports are the members; of these as `realized` those that
 * entered since the job before it that had the audience, as `existing` the others, and as `exited` who left since. OURS
 * In a strict sandbox a job first moves the entries (hub_job), and reports those.
 *
 * A job is an object of the configuration from its first moment: QUEUED there until it ended, so a start takes up what
 * a stop interrupted; PROCESSING and CANCELLING are said from the queue. On-demand quotas [SEGMENTATION 14.4] are not
 * enforced: a job costs no more than reading all profiles. */
#include "admin/admin_evaluate.h"
#include "admin/admin_registry.h"

#define STYLE ERRORS_UPAPI
#define JOBS "/data/core/ups/segment/jobs"
#define MODEL "_xdm.context.profile"
#define TRIES 8 /* when audiences are saved meanwhile */

static bool
is_over(struct str status)
{
    return str_eq(status, S("SUCCEEDED")) || str_eq(status, S("FAILED")) || str_eq(status, S("CANCELLED"));
}

/* ---- running one ---- */

struct job {
    struct evaluator *ev;
    struct evaluation *e;
    const struct snapshot *snap;
    struct arena *a;
    struct rule_audience *audiences;
    size_t count;
    int64_t *since_ms; /* by audience */
    struct map by_id;  /* index + 1 */
    bool nomem;
};

static void
add_audience(struct job *job, struct str id)
{
    const struct str *refs;
    size_t n;
    const struct rule *rule = snapshot_audience_rule(job->snap, job->e->scope, id, &refs, &n);

    if (rule == NULL || map_get(&job->by_id, id) != NULL) /* it was deleted, or is named twice */
        return;
    job->audiences[job->count++] = (struct rule_audience){id, rule};
    job->nomem = job->nomem || !map_put(&job->by_id, id, (void *)(uintptr_t)job->count, NULL);
}

/* An earlier job: what moved since then is this one's. */
static void
take_instants(void *ctx, struct str id, const struct json *object)
{
    struct job *job = ctx;
    struct json_iter it = json_iter(json_path(object, S("metrics.segmentedProfileCounter")));
    int64_t at_ms = json_i64(json_path(object, S("metrics.evaluatedAtInMs")), 0);

    (void)id;
    while (json_next(&it)) {
        size_t index = (size_t)(uintptr_t)map_get(&job->by_id, it.key);
        if (index > 0 && at_ms > job->since_ms[index - 1])
            job->since_ms[index - 1] = at_ms;
    }
}

static enum err
choose(struct job *job, const struct segment_set *set, struct diag *d)
{
    const struct evaluation *e = job->e;
    size_t n = e->segment_count > 0 ? e->segment_count : set->count;

    job->audiences = ARENA_ARRAY(job->a, struct rule_audience, n);
    job->since_ms = ARENA_ARRAY(job->a, int64_t, n);
    if (job->audiences == NULL || job->since_ms == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a job");
    for (size_t i = 0; i < n; i++) {
        struct str id = e->segment_count > 0 ? e->segments[i] : set->ids[i];
        if (map_get(set->by_id, id) != NULL)
            add_audience(job, id);
    }
    snapshot_each(job->snap, S("segmentJob"), e->scope, take_instants, job);
    return job->nomem ? diag_set(d, ERR_NOMEM, "no memory for a job") : ERR_OK;
}

static void
write_interval(struct jw *w, struct str key, int64_t from_ms, int64_t to_ms)
{
    jw_key(w, key);
    jw_object(w);
    jw_ki64(w, S("startTimeInMs"), from_ms);
    jw_ki64(w, S("endTimeInMs"), to_ms);
    jw_ki64(w, S("totalTimeInMs"), to_ms - from_ms);
    jw_end(w);
}

static void
write_namespaces(struct jw *w, const struct job *job, const struct census_result *r)
{
    jw_key(w, S("segmentedProfileByNamespaceCounter"));
    jw_object(w);
    for (size_t i = 0; i < job->count; i++) {
        jw_key(w, job->audiences[i].id);
        jw_object(w);
        for (size_t s = 0; s < r->namespace_count; s++) {
            if (r->audiences[i].by_namespace[s] > 0)
                jw_ki64(w, r->namespaces[s], (int64_t)r->audiences[i].by_namespace[s]);
        }
        jw_end(w);
    }
    jw_end(w);
}

static void
write_counters(struct jw *w, const struct job *job, const struct census_result *r)
{
    uint64_t wrong = 0, undecided = 0;

    jw_key(w, S("segmentedProfileCounter"));
    jw_object(w);
    for (size_t i = 0; i < job->count; i++)
        jw_ki64(w, job->audiences[i].id, (int64_t)r->audiences[i].members);
    jw_end(w);
    write_namespaces(w, job, r);
    jw_key(w, S("segmentedProfileByStatusCounter"));
    jw_object(w);
    for (size_t i = 0; i < job->count; i++) {
        const struct census_counts *n = &r->audiences[i];
        jw_key(w, job->audiences[i].id);
        jw_object(w);
        jw_ki64(w, S("realized"), (int64_t)n->realized);
        jw_ki64(w, S("existing"), (int64_t)n->existing);
        jw_ki64(w, S("exited"), (int64_t)n->exited);
        jw_end(w);
        wrong += n->wrong;
        undecided += n->undecided;
    }
    jw_end(w);
    jw_ki64(w, S("membershipsRepaired"), (int64_t)wrong);
    jw_ki64(w, S("membershipsUndecided"), (int64_t)undecided);
}

static void
write_metrics(struct buf *b, const struct job *job, const struct census *c, int64_t began_ms, int64_t ended_ms)
{
    struct census_result r = census_result(c);
    struct jw w = jw_to(b);

    jw_object(&w);
    write_interval(&w, S("totalTime"), job->e->created_ms < ended_ms ? job->e->created_ms : ended_ms, ended_ms);
    write_interval(&w, S("profileSegmentationTime"), began_ms, ended_ms);
    jw_ki64(&w, S("evaluatedAtInMs"), r.now_ms);
    jw_ki64(&w, S("totalProfiles"), (int64_t)r.profiles);
    jw_key(&w, S("totalProfilesByMergePolicy"));
    jw_object(&w);
    jw_ki64(&w, admin_merge_policy_id(job->a, job->e->scope), (int64_t)r.profiles);
    jw_end(&w);
    write_counters(&w, job, &r);
    jw_end(&w);
}

#define MOVED_US 50000 /* between two looks at whether the job is cancelled */

/* The fold cannot be interrupted; whoever cancels the job does not wait for it. */
static enum err
move_entries(const struct job *job, struct diag *d)
{
    const struct admin_hub *hub = &job->ev->admin->o.hub;
    const struct evaluation *e = job->e;
    uint64_t offset;
    enum err rc = hub->job(hub->ctx, e->scope, e->id, e->segments, e->segment_count, &offset, d);

    if (rc != ERR_OK)
        return rc;
    do {
        bool stop;
        os_lock(&job->ev->lock);
        stop = e->cancelled || job->ev->stop;
        os_unlock(&job->ev->lock);
        if (stop)
            return diag_set(d, ERR_CANCELLED, "cancelled");
        rc = hub->job_done(hub->ctx, offset, MOVED_US, d);
    } while (rc == ERR_TIMEOUT);
    return rc;
}

static enum err
evaluate(struct job *job, struct buf *metrics, struct diag *d)
{
    const struct scope_view *view = snapshot_scope(job->snap, job->e->scope);
    struct os *os = job->ev->admin->o.os;
    int64_t began_ms = os_now_ms(os);
    struct census *c = NULL;
    struct census_options o;
    enum err rc;

    if (view == NULL || view->hub_segments.graph == NULL)
        return diag_set(d, ERR_NOT_FOUND, "the sandbox has no audience to evaluate");
    rc = choose(job, &view->hub_segments, d);
    if (rc != ERR_OK)
        return rc;
    o = (struct census_options){.scope = job->e->scope,
                                .audiences = job->audiences,
                                .count = job->count,
                                .compare = true,
                                .stored = view->live_segments.strict,
                                .graph_version = rule_graph_version(view->hub_segments.graph),
                                .since_ms = job->since_ms};
    if (view->live_segments.strict)
        rc = move_entries(job, d);
    if (rc == ERR_OK)
        rc = census_new(&o, &c, d);
    if (rc == ERR_OK)
        rc = evaluator_count(job->ev, job->e, c, d);
    if (rc == ERR_OK)
        write_metrics(metrics, job, c, began_ms, os_now_ms(os));
    census_free(c);
    return rc;
}

static enum err
attempt(struct evaluator *ev, struct evaluation *e, struct arena *a, struct buf *metrics, struct diag *d)
{
    struct job job = {.ev = ev, .e = e, .a = a, .snap = snapshot_get(ev->admin->o.config)};
    enum err rc;

    map_init(&job.by_id);
    arena_reset(a);
    rc = evaluate(&job, metrics, d);
    map_deinit(&job.by_id);
    snapshot_put(ev->admin->o.config, job.snap);
    return rc;
}

/* The job as it ended. */
static enum err
save(struct evaluator *ev, const struct evaluation *e, struct arena *a, enum err result, struct str metrics,
     const struct diag *why, struct diag *d)
{
    struct config *config = ev->admin->o.config;
    const struct snapshot *snap = snapshot_get(config);
    const struct json *object = snapshot_object(snap, S("segmentJob"), e->scope, e->id);
    int64_t now_ms = os_now_ms(ev->admin->o.os);
    struct edit edit = edit_of(a, object);
    struct buf errors;
    struct jw w;
    enum err rc = ERR_OK;

    buf_init_in(&errors, a, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&errors);
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("code"), str_of(err_name(result)));
    jw_kstr(&w, S("msg"), str_of(why->what));
    jw_kstr(&w, S("callStack"), S(""));
    jw_end(&w);
    jw_end(&w);
    edit_put_str(&edit, edit.root, S("status"),
                 result == ERR_OK          ? S("SUCCEEDED")
                 : result == ERR_CANCELLED ? S("CANCELLED")
                                           : S("FAILED"));
    if (result == ERR_OK)
        edit_put_raw(&edit, edit.root, S("metrics"), metrics);
    else if (result != ERR_CANCELLED)
        edit_put_raw(&edit, edit.root, S("errors"), buf_str(&errors));
    edit_put_i64(&edit, edit.root, S("updateTime"), now_ms);
    edit_put_i64(&edit, edit.root, S("updateEpoch"), now_ms / MS_PER_SECOND);
    if (object != NULL) {
        struct str text = edit_text(&edit);
        rc = edit.nomem ? diag_set(d, ERR_NOMEM, "no memory to save a job")
                        : config_put(config, S("segmentJob"), e->scope, e->id, text, now_ms, d);
    }
    snapshot_put(config, snap);
    return rc;
}

static bool
stopping(struct evaluator *ev, const struct evaluation *e)
{
    bool stop;

    os_lock(&ev->lock);
    stop = ev->stop && !e->cancelled;
    os_unlock(&ev->lock);
    return stop;
}

enum err
job_run(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    struct arena a;
    struct buf metrics;
    struct diag saving = DIAG_INIT;
    enum err rc = ERR_BUSY, saved;

    arena_init(&a, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    buf_init(&metrics, LIMIT_RECORD_VALUE_BYTES);
    for (int i = 0; rc == ERR_BUSY && i < TRIES; i++)
        rc = attempt(ev, e, &a, &metrics, d);
    if (rc == ERR_OK && !buf_ok(&metrics))
        rc = diag_set(d, ERR_LIMIT, "the job's metrics take more than %d bytes", LIMIT_RECORD_VALUE_BYTES);
    if (rc != ERR_CANCELLED || !stopping(ev, e)) { /* else the next start takes it up */
        saved = save(ev, e, &a, rc, buf_str(&metrics), d, &saving);
        if (saved != ERR_OK && rc == ERR_OK) {
            *d = saving;
            rc = saved;
            (void)save(ev, e, &a, rc, S_NULL, d, &saving); /* nor this: it is taken up at the next start */
        }
    }
    buf_deinit(&metrics);
    arena_deinit(&a);
    return rc;
}

/* ---- into the queue ---- */

static enum err
enqueue(struct evaluator *ev, struct str scope, struct str id, const struct json *object, int64_t now_ms,
        struct diag *d)
{
    const struct json *segments = json_get(object, S("segments"));
    struct json_iter it = json_iter(segments);
    struct evaluation *e = NULL;
    enum err rc = evaluation_new(id, scope, NULL, now_ms, &e, d);

    if (rc != ERR_OK)
        return rc;
    e->job = true;
    e->segments = ARENA_ARRAY(&e->arena, struct str, json_count(segments));
    while (e->segments != NULL && json_next(&it)) {
        struct str segment = json_str(json_get(it.value, S("segmentId")));
        if (!str_eq(segment, S("*")))
            e->segments[e->segment_count++] = arena_str(&e->arena, segment);
    }
    rc = e->arena.refused ? diag_set(d, ERR_NOMEM, "no memory for a job") : evaluator_add(ev, e, now_ms, d);
    if (rc != ERR_OK)
        evaluation_free(e);
    return rc;
}

struct resume {
    struct evaluator *ev;
    struct str scope;
    struct diag *d;
    enum err rc;
};

static void
resume_one(void *ctx, struct str id, const struct json *object)
{
    struct resume *r = ctx;

    if (r->rc == ERR_OK && !is_over(json_str(json_get(object, S("status")))))
        r->rc = enqueue(r->ev, r->scope, id, object, json_i64(json_get(object, S("creationTime")), 0), r->d);
}

enum err
job_resume_all(struct evaluator *ev, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(ev->admin->o.config);
    struct resume r = {.ev = ev, .d = d};
    const struct map_slot *slot;

    for (size_t i = 0; r.rc == ERR_OK && (slot = map_next(&snap->scopes, &i)) != NULL;) {
        r.scope = slot->key;
        snapshot_each(snap, S("segmentJob"), slot->key, resume_one, &r);
    }
    snapshot_put(ev->admin->o.config, snap);
    return r.rc == ERR_BUSY ? ERR_OK : r.rc; /* more than ever wait: the rest stays for the next start */
}

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
        if (!e->job || !str_eq(e->scope, call->scope))
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

static bool
has_hub(struct call *call, struct http_req *rq, struct http_res *rs)
{
    struct diag d = DIAG_INIT;

    if (call->admin->o.hub.census_slice != NULL)
        return true;
    admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_UNSUPPORTED, "this process has no hub: ask one that has"), &d);
    return false;
}

/* ---- GET ---- */

struct gather {
    struct http_req *rq;
    const struct queue_view *q;
    struct str status;
    struct str ids[LIMIT_JOBS_KEPT + LIMIT_JOBS_WAITING];
    const struct json *objects[LIMIT_JOBS_KEPT + LIMIT_JOBS_WAITING];
    size_t n;
};

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;

    if (g->n == sizeof g->ids / sizeof *g->ids || !registry_passes(g->rq, object) ||
        (g->status.n > 0 && !str_eq(g->status, status_of(g->q, id, object))))
        return;
    g->ids[g->n] = id;
    g->objects[g->n++] = object;
}

static void
jobs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 20, 100);
    struct queue_view q;
    struct gather *g = ARENA_NEW(rq->arena, struct gather);
    bool up = str_ends(http_query(rq, S("sort")), S(":asc"));
    size_t shown = 0;
    struct diag d = DIAG_INIT;
    struct jw w;

    (void)params;
    if (g == NULL) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "no memory for the list"), &d);
        return;
    }
    look(call, rq, &q);
    *g = (struct gather){.rq = rq, .q = &q, .status = http_query(rq, S("status"))};
    snapshot_each(call->snap, S("segmentJob"), call->scope, gather_one, g);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("children"));
    jw_array(&w);
    for (size_t i = page.start; i < g->n && shown < page.limit; i++, shown++) {
        size_t k = up ? i : g->n - 1 - i;
        write_job(&w, &q, g->ids[k], g->objects[k]);
    }
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)g->n);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    jw_end(&w);
    jw_key(&w, S("_links"));
    jw_object(&w);
    if (shown > 0 && page.start + shown < g->n) {
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
    size_t n = json_count(list);

    if (!json_is(list, JSON_ARRAY) || n == 0 || n > LIMIT_JOB_AUDIENCES)
        return diag_set_path(d, ERR_INVALID, "segments", "a job names 1 to %d audiences as {segmentId}, or \"*\"",
                             LIMIT_JOB_AUDIENCES);
    while (json_next(&it)) {
        struct str id = json_str(json_get(it.value, S("segmentId")));
        if (str_eq(id, S("*")) && n == 1)
            return live != NULL ? ERR_OK
                                : diag_set(d, ERR_INVALID, "the sandbox has no published audience to evaluate");
        if (snapshot_object(call->snap, S("audience"), call->scope, id) == NULL)
            return diag_set(d, ERR_NOT_FOUND, "audience '%.*s' not found", STR_ARG(id));
        if (live == NULL || map_get(live, id) == NULL)
            return diag_set_path(d, ERR_INVALID, "segmentId", "audience '%.*s' is not evaluated: it is not published",
                                 STR_ARG(id));
    }
    return ERR_OK;
}

static void
write_segment(struct jw *w, struct call *call, struct http_req *rq, struct str id)
{
    const struct json *o = snapshot_object(call->snap, S("audience"), call->scope, id);
    struct str policy = admin_merge_policy_id(rq->arena, call->scope);

    jw_object(w);
    jw_kstr(w, S("segmentId"), id);
    if (o != NULL) {
        jw_key(w, S("segment"));
        jw_object(w);
        jw_kstr(w, S("id"), id);
        jw_ki64(w, S("version"), 1);
        jw_kjson(w, S("expression"), json_get(o, S("expression")));
        jw_kstr(w, S("mergePolicyId"), policy);
        jw_key(w, S("mergePolicy"));
        jw_object(w);
        jw_kstr(w, S("id"), policy);
        jw_ki64(w, S("version"), 1);
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_links(struct jw *w, struct http_req *rq, struct str id)
{
    static const char *const links[][2] = {{"cancel", "DELETE"}, {"checkStatus", "GET"}};

    jw_key(w, S("_links"));
    jw_object(w);
    for (size_t i = 0; i < 2; i++) {
        jw_key(w, str_of(links[i][0]));
        jw_object(w);
        jw_kstr(w, S("href"), arena_printf(rq->arena, "/segment/jobs/%.*s", STR_ARG(id)));
        jw_kstr(w, S("method"), str_of(links[i][1]));
        jw_end(w);
    }
    jw_end(w);
}

static void
write_new(struct jw *w, struct call *call, struct http_req *rq, const struct http_res *rs, struct str id,
          const struct json *list)
{
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    struct json_iter it = json_iter(list);

    jw_object(w);
    jw_kstr(w, S("id"), id);
    jw_kstr(w, S("imsOrgId"), call->org);
    jw_key(w, S("sandbox"));
    jw_object(w);
    jw_kstr(w, S("sandboxId"), json_str(json_get(sandbox, S("id"))));
    jw_kstr(w, S("sandboxName"), call->sandbox);
    jw_kstr(w, S("type"), json_str(json_get(sandbox, S("type"))));
    jw_kbool(w, S("default"), str_eq(call->sandbox, S("prod")));
    jw_end(w);
    jw_kstr(w, S("profileInstanceId"), S("ups"));
    jw_kstr(w, S("source"), S("api"));
    jw_kstr(w, S("status"), S("QUEUED"));
    jw_kstr(w, S("batchId"), admin_new_id(rq));
    jw_key(w, S("segments"));
    jw_array(w);
    while (json_next(&it))
        write_segment(w, call, rq, json_str(json_get(it.value, S("segmentId"))));
    jw_end(w);
    jw_kstr(w, S("requestId"), admin_request_id(rq, rs));
    jw_kraw(w, S("schema"), S("{\"name\":\"" MODEL "\"}"));
    write_links(w, rq, id);
    jw_ki64(w, S("creationTime"), rq->now_ms);
    jw_ki64(w, S("updateTime"), rq->now_ms);
    jw_ki64(w, S("updateEpoch"), rq->now_ms / MS_PER_SECOND);
    jw_end(w);
}

/* The oldest that ended, when there is one too many with a new one. */
static void
oldest_over(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;

    g->n++;
    if (g->ids[0].n == 0 && is_over(json_str(json_get(object, S("status")))))
        g->ids[0] = id;
}

/* Saves it, and lets the oldest one go. */
static enum err
save_new(struct call *call, struct http_req *rq, struct str id, struct str text, struct diag *d)
{
    struct gather *g = ARENA_NEW(rq->arena, struct gather);
    struct config_change changes[2] = {{S("segmentJob"), call->scope, id, text, 0},
                                       {.kind = S("segmentJob"), .scope = call->scope, .version = CONFIG_ANY_VERSION}};

    if (g == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a job");
    snapshot_each(call->snap, S("segmentJob"), call->scope, oldest_over, g);
    changes[1].id = g->ids[0];
    return config_apply(call->admin->o.config, changes, g->n >= LIMIT_JOBS_KEPT && g->ids[0].n > 0 ? 2 : 1, rq->now_ms,
                        d);
}

static enum err
begin(struct call *call, struct http_req *rq, const struct http_res *rs, const struct json *body, struct str *text,
      int *status, struct diag *d)
{
    const struct json *list = segments_of(body), *object = NULL;
    struct str id = admin_new_uuid(rq);
    struct buf b;
    struct jw w;
    enum err rc = check_segments(call, list, d);

    if (rc != ERR_OK)
        return rc;
    buf_init_in(&b, rq->arena, LIMIT_REQUEST_ARENA_BYTES);
    w = jw_to(&b);
    write_new(&w, call, rq, rs, id, list);
    *text = buf_str(&b);
    rc = buf_ok(&b) ? json_parse(*text, rq->arena, &object, d)
                    : diag_set(d, ERR_LIMIT, "the job exceeds request memory");
    if (rc == ERR_OK)
        rc = save_new(call, rq, id, *text, d);
    if (rc != ERR_OK)
        return rc;
    rc = enqueue(call->admin->evaluator, call->scope, id, object, rq->now_ms, d);
    if (rc != ERR_OK) {
        struct diag ignored = DIAG_INIT;
        *status = rc == ERR_BUSY ? 429 : 0;
        (void)config_delete(call->admin->o.config, S("segmentJob"), call->scope, id, rq->now_ms,
                            &ignored); /* else it is run at the next start */
    }
    return rc;
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
    if (!has_hub(call, rq, rs) || !admin_body(rq, rs, STYLE, &body))
        return;
    rc = begin(call, rq, rs, body, &text, &status, &d);
    if (rc == ERR_OK)
        admin_text(rs, 200, text);
    else
        admin_fail(rq, rs, STYLE, status, rc, &d);
}

static const struct route routes[] = {
    {HTTP_GET, JOBS, 0, jobs_get},
    {HTTP_POST, JOBS, LIMIT_ADMIN_BODY_BYTES, jobs_post},
    {HTTP_GET, JOBS "/{id}", 0, job_get},
    {HTTP_DELETE, JOBS "/{id}", 0, job_delete},
};
const struct family family_job = {routes, sizeof routes / sizeof routes[0], STYLE, false};
