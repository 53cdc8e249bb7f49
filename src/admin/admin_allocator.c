/* admin_allocator.c - Auto-Allocate's weights, computed anew every hour [TARGET 8.1].
 *
 *   counters of the default environment --> allocate_weights() --> object of kind `allocation` --> decisions at entry
 *
 * The hour is the server's clock's, so that a moved clock finds one due. Weights are saved only when something about
 * them changed: an activity that nobody visits costs nothing. A start looks at once; it finds what the last hour found,
 * when the hub has folded the log: counters that are still being built again, after a table was lost or has a new
 * version, would take every arm for a cold one.
 *
 * Who computes is the thread of admin_evaluate.c, and POST /emulator/clock before it answers. When both do, one finds
 * that the object was changed meanwhile. */
#include "admin/admin_evaluate.h"

#include <math.h>

#include "admin/admin_report.h"
#include "base/log.h"
#include "results/allocate.h"

#define WEIGHTS_BYTES ((size_t)64 * LIMIT_EXPERIENCES)
#define CATCH_UP_US 1000000
#define CATCH_UP_AGAIN_MS 5000
#define DEVIATIONS 3 /* a visitor's engagement is taken to be within so many of the mean */

struct allocator {
    struct admin *admin;
    const struct snapshot *snap;
    struct str scope;
    struct arena arena; /* of one activity */
    int64_t environment, now_ms;
};

struct counted {
    struct allocator *w;
    struct str activity;
    struct results_row *rows;
    size_t n;
    struct stats_orders orders;
    enum err rc;
    struct diag d;
};

/* Under the hub's lock; what is read is in the arena. */
static void
read_counters(void *ctx, struct kv *k)
{
    struct counted *c = ctx;
    struct arena *a = &c->w->arena;
    struct results_query q = {
        .scope = c->w->scope, .activity = c->activity, .environment = c->w->environment, .audience = RESULTS_EVERYBODY};

    c->rc = results_read(k, &q, a, &c->rows, &c->n, &c->d);
    if (c->rc == ERR_OK)
        c->rc = results_order_moments(k, q.scope, q.activity, c->w->now_ms, a, &c->orders, &c->d);
}

/* An experience that nobody saw has an empty sample. */
static struct allocate_arm
arm_of(const struct counted *c, struct str experience, struct str criterion)
{
    bool rate = criterion.n == 0 || str_eq(criterion, S("conversion_rate"));
    struct allocate_arm arm = {.sample.rate = rate, .range = 1};

    for (size_t i = 0; i < c->n; i++) {
        const struct results_counts *counts = &c->rows[i].counts;
        if (!str_eq(c->rows[i].experience, experience))
            continue;
        arm.sample = results_sample(counts, HIT_METRIC_PRIMARY, BY_VISITOR, !rate, true);
        arm.conversions = results_metric_of(counts, HIT_METRIC_PRIMARY).conversions[BY_VISITOR];
    }
    if (str_eq(criterion, S("rpv")))
        arm.range = stats_orders_cap(&c->orders);
    else if (!rate)
        arm.range = stats_mean(&arm.sample) + DEVIATIONS * sqrt(stats_variance(&arm.sample));
    return arm;
}

/* What is known of the weights, without when: equal texts are the same weights. */
static struct str
write_weights(struct arena *a, const struct json *experiences, const struct allocate_answer *x, const double *weights)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, WEIGHTS_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kbool(&w, S("warm"), x->warm);
    if (x->warm) {
        jw_kstr(&w, S("leader"), report_local_id(json_at(experiences, x->leader), a));
        jw_kbool(&w, S("won"), x->won);
    }
    jw_key(&w, S("confidence"));
    jw_f64(&w, x->confidence);
    jw_key(&w, S("weights"));
    jw_array(&w);
    for (size_t i = 0; i < json_count(experiences); i++)
        jw_f64(&w, weights[i]);
    jw_end(&w);
    jw_end(&w);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

/* Saves them as the next version, unless they are the last one's. */
static enum err
save(struct allocator *w, struct str id, struct str text, struct diag *d)
{
    const struct json *old = snapshot_object(w->snap, S("allocation"), w->scope, id), *now = NULL;
    enum err rc = json_parse(text, &w->arena, &now, d);
    bool same = old != NULL;
    struct edit e;

    for (struct json_iter it = json_iter(now); same && json_next(&it);)
        same = json_equal(json_get(old, it.key), it.value);
    if (rc != ERR_OK || same)
        return rc;
    e = edit_of(&w->arena, now);
    edit_put_raw(&e, e.root, S("id"), id);
    edit_put_i64(&e, e.root, S("version"), json_i64(json_get(old, S("version")), 0) + 1);
    edit_put_time(&e, e.root, S("computedAt"), w->now_ms);
    text = edit_text(&e);
    if (e.nomem)
        return diag_set(d, ERR_NOMEM, "no memory for the weights of an activity");
    return config_apply(w->admin->o.config,
                        &(struct config_change){S("allocation"), w->scope, id, text,
                                                snapshot_object_version(w->snap, S("allocation"), w->scope, id)},
                        1, w->now_ms, d);
}

static enum err
allocate(struct allocator *w, struct str id, const struct json *activity, struct diag *d)
{
    const struct admin_hub *hub = &w->admin->o.hub;
    const struct json *experiences = json_get(activity, S("experiences"));
    struct str criterion = json_str(json_path(activity, S("autoAllocateTraffic.successEvaluationCriteria")));
    size_t n = json_count(experiences), i = 0;
    struct allocate_arm *arms = ARENA_ARRAY(&w->arena, struct allocate_arm, n + 1);
    double *weights = ARENA_ARRAY(&w->arena, double, n + 1);
    struct counted c = {.w = w, .activity = id, .d = DIAG_INIT};
    struct allocate_answer answer;
    struct str text;

    if (arms == NULL || weights == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the weights of an activity");
    hub->read(hub->ctx, read_counters, &c);
    if (c.rc != ERR_OK) {
        *d = c.d;
        return c.rc;
    }
    for (struct json_iter it = json_iter(experiences); json_next(&it); i++)
        arms[i] = arm_of(&c, report_local_id(it.value, &w->arena), criterion);
    answer = allocate_weights(arms, n, weights);
    text = write_weights(&w->arena, experiences, &answer, weights);
    return text.p == NULL ? diag_set(d, ERR_LIMIT, "the weights of an activity are too long") : save(w, id, text, d);
}

static void
look_at(void *ctx, struct str id, const struct json *activity)
{
    struct allocator *w = ctx;
    struct diag d = DIAG_INIT;
    enum err rc;

    if (!decide_allocates(activity) || !str_eq(json_str(json_get(activity, S("state"))), S("approved")))
        return;
    arena_reset(&w->arena);
    rc = allocate(w, id, activity, &d);
    if (rc != ERR_OK && rc != ERR_EXISTS) /* else somebody else did */
        log_warn("allocation_failed", "activity=%.*s code=%s reason=\"%s\"", STR_ARG(id), err_name(rc), d.what);
}

/* The environment that machines learn from: the default one. */
static void
find_environment(void *ctx, struct str id, const struct json *environment)
{
    struct allocator *w = ctx;

    (void)id;
    if (json_bool(json_get(environment, S("default")), false))
        w->environment = json_i64(json_get(environment, S("id")), HIT_PRODUCTION);
}

int64_t
allocator_run(struct evaluator *ev, int64_t now_ms)
{
    int64_t hour = now_ms / MS_PER_HOUR;
    struct allocator w = {.admin = ev->admin, .now_ms = now_ms};
    const struct map_slot *slot;
    const struct admin_hub *hub = &ev->admin->o.hub;
    struct diag d = DIAG_INIT;

    if (hub->read == NULL || atomic_exchange(&ev->allocated_hour, hour) == hour)
        return (hour + 1) * MS_PER_HOUR;
    if (hub->drain(hub->ctx, CATCH_UP_US, &d) != ERR_OK) {
        atomic_store(&ev->allocated_hour, hour - 1);
        return now_ms + CATCH_UP_AGAIN_MS;
    }
    w.snap = snapshot_get(ev->admin->o.config);
    arena_init(&w.arena, LIMIT_REQUEST_ARENA_BYTES);
    for (size_t i = 0; (slot = map_next(&w.snap->scopes, &i)) != NULL;) {
        w.scope = slot->key;
        w.environment = HIT_PRODUCTION;
        snapshot_each(w.snap, S("environment"), slot->key, find_environment, &w);
        snapshot_each(w.snap, S("activity"), slot->key, look_at, &w);
    }
    arena_deinit(&w.arena);
    snapshot_put(ev->admin->o.config, w.snap);
    return (hour + 1) * MS_PER_HOUR;
}
