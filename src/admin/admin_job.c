/* admin_job.c - segment jobs: audiences evaluated over all profiles [SEGMENTATION 17.5].
 *
 * Every audience is kept true all the time, so a job finds what is true already: it evaluates from scratch, with the
 * vectorised evaluator, and compares with the memberships. A difference is counted (metric hub_profiles_wrong_total,
 * `membershipsRepaired` of the job) and repaired. What it reports are the members; of these as `realized` those that
 * entered since the job before it that had the audience, as `existing` the others, and as `exited` who left since.
 *
 * In a strict sandbox a job first moves the entries (hub_job), and reports those.   OURS
 *
 * A job is an object of the configuration from its first moment: QUEUED there until it ended, so a start takes up what
 * a stop interrupted; PROCESSING and CANCELLING are said from the queue. admin_job_new.c begins one, admin_job_rest.c
 * has the paths. */
#include "admin/admin_job.h"

#include "base/limits.h"

#define TRIES 8 /* when audiences are saved meanwhile */

bool
job_is_over(struct str status)
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
    int64_t *since_ms;   /* by audience */
    bool *opted_out_too; /* by audience */
    struct map by_id;    /* index + 1 */
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
    job->opted_out_too = ARENA_ARRAY(job->a, bool, n);
    if (job->audiences == NULL || job->since_ms == NULL || job->opted_out_too == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a job");
    for (size_t i = 0; i < n; i++) {
        struct str id = e->segment_count > 0 ? e->segments[i] : set->ids[i];
        size_t index = (size_t)(uintptr_t)map_get(set->by_id, id);
        if (index == 0)
            continue;
        job->opted_out_too[job->count] = set->opted_out_too[index - 1];
        add_audience(job, id);
    }
    snapshot_each(job->snap, S("segmentJob"), e->scope, take_instants, job);
    return job->nomem ? diag_set(d, ERR_NOMEM, "no memory for a job") : ERR_OK;
}

void
job_write_interval(struct jw *w, const char *key, int64_t from_ms, int64_t to_ms)
{
    jw_key(w, str_of(key));
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
    job_write_interval(&w, "totalTime", job->e->created_ms < ended_ms ? job->e->created_ms : ended_ms, ended_ms);
    job_write_interval(&w, "profileSegmentationTime", began_ms, ended_ms);
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
        if (!evaluator_goes_on(job->ev, e))
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
                                .since_ms = job->since_ms,
                                .opted_out_too = job->opted_out_too};
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

void
job_put_outcome(struct edit *edit, enum err result, struct str metrics, const struct diag *why, struct arena *a)
{
    struct buf errors;
    struct jw w;

    buf_init_in(&errors, a, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&errors);
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("code"), str_of(err_name(result)));
    jw_kstr(&w, S("msg"), str_of(why->what));
    jw_kstr(&w, S("callStack"), S(""));
    jw_end(&w);
    jw_end(&w);
    edit_put_str(edit, edit->root, S("status"),
                 result == ERR_OK          ? S("SUCCEEDED")
                 : result == ERR_CANCELLED ? S("CANCELLED")
                                           : S("FAILED"));
    if (result == ERR_OK)
        edit_put_raw(edit, edit->root, S("metrics"), metrics);
    else if (result != ERR_CANCELLED)
        edit_put_raw(edit, edit->root, S("errors"), buf_str(&errors));
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
    enum err rc = ERR_OK;

    job_put_outcome(&edit, result, metrics, why, a);
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
    if (!evaluator_keeps_job(ev, e, rc)) {
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

enum err
job_evaluation(struct str scope, struct str id, const struct json *object, struct evaluation **out, struct diag *d)
{
    const struct json *segments = json_get(object, S("segments"));
    struct json_iter it = json_iter(segments);
    struct evaluation *e = NULL;
    int64_t created_ms = json_i64(json_get(object, S("creationTime")), 0);
    enum err rc = evaluation_new(EVALUATION_JOB, id, scope, created_ms, &e, d);

    if (rc != ERR_OK)
        return rc;
    e->segments = ARENA_ARRAY(&e->arena, struct str, json_count(segments));
    while (e->segments != NULL && json_next(&it)) {
        struct str segment = json_str(json_get(it.value, S("segmentId")));
        if (!str_eq(segment, S("*")))
            e->segments[e->segment_count++] = arena_str(&e->arena, segment);
    }
    if (!e->arena.refused) {
        *out = e;
        return ERR_OK;
    }
    evaluation_free(e);
    return diag_set(d, ERR_NOMEM, "no memory for a job");
}

struct resume {
    struct evaluator *ev;
    job_maker *make;
    struct str scope;
    struct diag *d;
    enum err rc;
};

static void
resume_one(void *ctx, struct str id, const struct json *object)
{
    struct resume *r = ctx;
    struct evaluation *e = NULL;

    if (r->rc != ERR_OK || job_is_over(json_str(json_get(object, S("status")))))
        return;
    r->rc = evaluator_reserve_job(r->ev, r->d);
    if (r->rc != ERR_OK)
        return;
    r->rc = r->make(r->scope, id, object, &e, r->d);
    if (r->rc == ERR_OK)
        evaluator_add_job(r->ev, e);
    else
        evaluator_release_job(r->ev);
}

enum err
job_resume_kind(struct evaluator *ev, struct str kind, job_maker *make, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(ev->admin->o.config);
    struct resume r = {.ev = ev, .make = make, .d = d};
    const struct map_slot *slot;

    for (size_t i = 0; r.rc == ERR_OK && (slot = map_next(&snap->scopes, &i)) != NULL;) {
        r.scope = slot->key;
        snapshot_each(snap, kind, slot->key, resume_one, &r);
    }
    snapshot_put(ev->admin->o.config, snap);
    return r.rc == ERR_BUSY ? ERR_OK : r.rc; /* more than ever wait: the rest stays for the next start */
}

enum err
job_resume_all(struct evaluator *ev, struct diag *d)
{
    return job_resume_kind(ev, S("segmentJob"), job_evaluation, d);
}
