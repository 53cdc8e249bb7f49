/* server_admin.c - the REST API, with its questions to the hub as functions: admin and hub are of one layer. */
#include "app/server_int.h"

#include "os/os_clock.h"

#define DRAIN_WAIT_US 30000000

static enum err
hub_profile(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a,
            void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *each_ctx,
            struct diag *d)
{
    struct server *s = ctx;

    return hub_read_profile(s->hub, scope, ns, id, a, each, each_ctx, d);
}

static enum err
hub_profiles(void *ctx, struct profile_scan *scan, struct arena *a,
             void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *each_ctx,
             struct diag *d)
{
    struct server *s = ctx;

    return hub_visit(s->hub, scan, a, each, each_ctx, d);
}

static void
hub_table(void *ctx, void (*f)(void *ctx, struct kv *k), void *f_ctx)
{
    struct server *s = ctx;

    hub_read(s->hub, f, f_ctx);
}

static uint64_t
hub_size(void *ctx, struct str scope, struct str audience)
{
    struct server *s = ctx;

    return hub_audience_size(s->hub, scope, audience);
}

static bool
hub_sweep(void *ctx, uint64_t *done, uint64_t *total)
{
    struct server *s = ctx;
    struct hub_progress p = hub_sweep_progress(s->hub);

    *done = p.done;
    *total = p.total;
    return p.active;
}

static enum err
census_slice(void *ctx, struct census *c, struct diag *d)
{
    struct server *s = ctx;

    return hub_census_slice(s->hub, c, d);
}

static enum err
census_repair(void *ctx, struct str scope, uint64_t profile, struct diag *d)
{
    struct server *s = ctx;

    return hub_census_repair(s->hub, scope, profile, d);
}

static enum err
segment_job(void *ctx, struct str scope, struct str job, const struct str *segments, size_t count, uint64_t *offset,
            struct diag *d)
{
    struct server *s = ctx;

    return hub_job(s->hub, scope, job, segments, count, os_now_ms(s->os), offset, d);
}

static enum err
segment_job_done(void *ctx, uint64_t offset, uint64_t timeout_us, struct diag *d)
{
    struct server *s = ctx;

    return hub_job_done(s->hub, offset, timeout_us, d);
}

static enum err
recount_new(void *ctx, struct str scope, struct str activity, struct str name, struct str object,
            struct hub_recount **out, struct diag *d)
{
    struct server *s = ctx;
    struct hub_recount_options o = {scope, activity, name, object};

    return hub_recount_new(s->hub, &o, out, d);
}

static enum err
recount_slice(void *ctx, struct hub_recount *r, bool whole, struct admin_recount_progress *p, struct diag *d)
{
    struct hub_recount_progress now = {.done = false};
    enum err rc = hub_recount_slice(r, whole, &now, d);

    (void)ctx;
    *p = (struct admin_recount_progress){now.done, now.read, now.total, now.since_ms};
    return rc;
}

static enum err
recount_tell(void *ctx, struct hub_recount *r, uint64_t *offset, struct diag *d)
{
    struct server *s = ctx;

    return hub_recount_tell(r, os_now_ms(s->os), offset, d);
}

static enum err
recount_sweep(void *ctx, struct str building, uint64_t *cursor, struct diag *d)
{
    struct server *s = ctx;

    return hub_recount_sweep(s->hub, building, cursor, d);
}

static enum err
past_slice(void *ctx, struct past *p, struct diag *d)
{
    struct server *s = ctx;

    return hub_past_slice(s->hub, p, d);
}

static enum err
drain(void *ctx, uint64_t timeout_us, struct diag *d)
{
    struct server *s = ctx;
    enum err rc = topic_sync(s->own_collect, d); /* for readers of the files too */

    if (rc == ERR_OK)
        rc = hub_drain(s->hub, timeout_us, d);
    return rc == ERR_OK && s->edge != NULL ? edge_drain(s->edge, timeout_us, d) : rc;
}

static enum err
set_clock(void *ctx, int64_t now_ms, struct diag *d)
{
    struct server *s = ctx;
    enum err rc = os_clock_set(s->clock, now_ms, d);

    if (rc == ERR_OK)
        rc = server_keep_until(s, now_ms, d);
    if (rc == ERR_OK)
        rc = hub_tick(s->hub, now_ms, d);
    return rc == ERR_OK ? drain(s, DRAIN_WAIT_US, d) : rc;
}

static struct admin_hub
hub_questions(struct server *s)
{
    return (struct admin_hub){
        .ctx = s,
        .read_profile = hub_profile,
        .read = hub_table,
        .audience_size = hub_size,
        .drain = drain,
        .visit = hub_profiles,
        .sweep = hub_sweep,
        .census_slice = census_slice,
        .census_repair = census_repair,
        .job = segment_job,
        .job_done = segment_job_done,
        .recount_new = recount_new,
        .recount_slice = recount_slice,
        .recount_activity = hub_recount_activity,
        .recount_tell = recount_tell,
        .recount_sweep = recount_sweep,
        .recount_free = hub_recount_free,
        .collected = server_read_log,
        .log_begin = server_log_begin,
        .named = server_read_named,
        .hit_at = server_read_record,
        .past_slice = past_slice,
        .set_clock = s->clock != NULL ? set_clock : NULL,
    };
}

enum err
server_open_admin(struct server *s, struct diag *d)
{
    struct admin_options o = {
        .os = s->os,
        .config = s->config,
        .collect = s->own_collect,
        .dir = server_path(s, "import"),
        .artifacts = s->artifacts,
        .target_requests_per_minute = (unsigned)s->conf.target_admin_requests,
        .rerun = s->delivery != NULL ? delivery_rerun(s->delivery) : (struct rerun_ops){0},
        .signing_key = s->credentials.signing_key,
        .ready = true,
    };
    enum err rc = guardrails_read(str_of(s->conf.guardrail_limits), strcmp(s->conf.guardrails, "enforced") == 0,
                                  &o.guardrails, d);

    if (rc != ERR_OK)
        return rc;
    if (s->hub != NULL)
        o.hub = hub_questions(s);
    return admin_new(&o, &s->admin, d);
}
