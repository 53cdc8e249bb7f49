/* admin_job_new.c - see admin_job.h: a job's document, room for it, and its place in the queue. */
#include "admin/admin_job.h"
#include "base/limits.h"

/* ---- the document ---- */

static struct str
new_uuid(const struct job_order *o)
{
    char text[UUID_TEXT_BYTES];

    rng_uuid(o->rng, text);
    return arena_str(o->arena, (struct str){text, UUID_TEXT_BYTES});
}

static void
write_segment(struct jw *w, const struct job_order *o, struct str id)
{
    const struct json *audience = snapshot_object(o->snap, S("audience"), o->scope, id);
    struct str policy = admin_merge_policy_id(o->arena, o->scope);

    jw_object(w);
    jw_kstr(w, S("segmentId"), id);
    if (audience != NULL) {
        jw_key(w, S("segment"));
        jw_object(w);
        jw_kstr(w, S("id"), id);
        jw_ki64(w, S("version"), 1);
        jw_kjson(w, S("expression"), json_get(audience, S("expression")));
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
write_links(struct jw *w, const struct job_order *o, struct str id)
{
    static const char *const links[][2] = {{"cancel", "DELETE"}, {"checkStatus", "GET"}};

    jw_key(w, S("_links"));
    jw_object(w);
    for (size_t i = 0; i < 2; i++) {
        jw_key(w, str_of(links[i][0]));
        jw_object(w);
        jw_kstr(w, S("href"), arena_printf(o->arena, "/segment/jobs/%.*s", STR_ARG(id)));
        jw_kstr(w, S("method"), str_of(links[i][1]));
        jw_end(w);
    }
    jw_end(w);
}

static void
write_properties(struct jw *w, const struct job_order *o)
{
    jw_key(w, S("properties"));
    jw_object(w);
    jw_kstr(w, S("scheduleId"), o->schedule);
    jw_kstr(w, S("runId"), new_uuid(o));
    jw_end(w);
}

static void
write_job(struct jw *w, const struct job_order *o, struct str id)
{
    struct json_iter it = json_iter(o->segments);

    jw_object(w);
    jw_kstr(w, S("id"), id);
    jw_kstr(w, S("imsOrgId"), o->org);
    jw_key(w, S("sandbox"));
    admin_write_sandbox(w, o->snap, o->org, o->sandbox);
    jw_kstr(w, S("profileInstanceId"), S("ups"));
    jw_kstr(w, S("source"), str_of(o->source));
    jw_kstr(w, S("status"), S("QUEUED"));
    jw_kstr(w, S("batchId"), new_uuid(o));
    jw_ki64(w, S("computeJobId"), (int64_t)rng_below(o->rng, INT32_MAX));
    jw_kstr(w, S("computeGatewayJobId"), new_uuid(o));
    jw_key(w, S("segments"));
    jw_array(w);
    while (json_next(&it))
        write_segment(w, o, json_str(json_get(it.value, S("segmentId"))));
    jw_end(w);
    jw_kstr(w, S("requestId"), o->request_id.n > 0 ? o->request_id : new_uuid(o));
    jw_kraw(w, S("schema"), S("{\"name\":\"" PROFILE_MODEL "\"}"));
    if (o->schedule.n > 0)
        write_properties(w, o);
    write_links(w, o, id);
    jw_ki64(w, S("creationTime"), o->now_ms);
    jw_ki64(w, S("updateTime"), o->now_ms);
    jw_ki64(w, S("updateEpoch"), o->now_ms / MS_PER_SECOND);
    jw_end(w);
}

/* ---- room ---- */

static void
look_at(void *ctx, struct str id, const struct json *object)
{
    struct job_oldest *oldest = ctx;

    oldest->n++;
    if (oldest->id.n == 0 && job_is_over(json_str(json_get(object, S("status")))))
        oldest->id = id;
}

struct job_oldest
job_find_oldest(const struct snapshot *snap, struct str kind, struct str scope)
{
    struct job_oldest oldest = {0};

    snapshot_each(snap, kind, scope, look_at, &oldest);
    return oldest;
}

static enum err
save(struct evaluator *ev, const struct job_order *o, struct str id, struct str text, struct diag *d)
{
    struct config_change changes[JOB_MORE_CHANGES + 2] = {{S("segmentJob"), o->scope, id, text, 0}};
    struct job_oldest oldest = job_find_oldest(o->snap, S("segmentJob"), o->scope);
    size_t n = 1;

    for (size_t i = 0; i < o->more_count; i++)
        changes[n++] = o->more[i];
    if (oldest.n >= LIMIT_JOBS_KEPT && oldest.id.n > 0)
        changes[n++] = (struct config_change){
            .kind = S("segmentJob"), .scope = o->scope, .id = oldest.id, .version = CONFIG_ANY_VERSION};
    return config_apply(ev->admin->o.config, changes, n, o->now_ms, d);
}

/* ---- beginning ---- */

/* With a place in the queue. */
static enum err
begin(struct evaluator *ev, const struct job_order *o, struct str *text, struct diag *d)
{
    const struct json *object = NULL;
    struct evaluation *e = NULL;
    struct str id = new_uuid(o);
    struct buf b;
    struct jw w;
    enum err rc;

    buf_init_in(&b, o->arena, LIMIT_REQUEST_ARENA_BYTES);
    w = jw_to(&b);
    write_job(&w, o, id);
    *text = buf_str(&b);
    rc =
        buf_ok(&b) ? json_parse(*text, o->arena, &object, d) : diag_set(d, ERR_LIMIT, "the job exceeds request memory");
    if (rc == ERR_OK)
        rc = job_evaluation(o->scope, id, object, &e, d);
    if (rc == ERR_OK)
        rc = save(ev, o, id, *text, d);
    if (rc == ERR_OK)
        evaluator_add_job(ev, e);
    else
        evaluation_free(e);
    return rc;
}

enum err
job_begin(struct evaluator *ev, const struct job_order *o, struct str *text, struct diag *d)
{
    enum err rc = evaluator_reserve_job(ev, d);

    if (rc != ERR_OK)
        return rc;
    rc = begin(ev, o, text, d);
    if (rc != ERR_OK)
        evaluator_release_job(ev);
    return rc;
}
