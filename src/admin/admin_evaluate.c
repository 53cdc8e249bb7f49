/* admin_evaluate.c - see admin_evaluate.h. */
#include "admin/admin_evaluate.h"
#include "admin/admin_what_if.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metric.h"

#define LATER_US 2000 /* until the hub is asked again that said "later" */
#define LOOK_MS 10000 /* at most between two looks at the schedules: clocks may be set */

/* ---- one ---- */

static const char *const kind_names[] = {
    [EVALUATION_PREVIEW] = "preview", [EVALUATION_DIFF] = "diff",       [EVALUATION_AS_OF] = "as-of",
    [EVALUATION_RECOUNT] = "recount", [EVALUATION_WHAT_IF] = "what-if", [EVALUATION_JOB] = "job"};

enum err
evaluation_new(enum evaluation_kind kind, struct str id, struct str scope, int64_t now_ms, struct evaluation **out,
               struct diag *d)
{
    struct evaluation *e = calloc(1, sizeof *e);

    if (e == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a %s", kind_names[kind]);
    e->kind = kind;
    arena_init(&e->arena, LIMIT_REQUEST_ARENA_BYTES);
    e->id = arena_str(&e->arena, id);
    e->scope = arena_str(&e->arena, scope);
    e->created_ms = now_ms;
    if (e->id.p == NULL || e->scope.p == NULL) {
        evaluation_free(e);
        return diag_set(d, ERR_NOMEM, "no memory for a %s", kind_names[kind]);
    }
    *out = e;
    return ERR_OK;
}

void
evaluation_free(struct evaluation *e)
{
    if (e == NULL)
        return;
    rule_free(e->rule);
    rule_free(e->before);
    what_if_free(e->what_if);
    arena_deinit(&e->arena);
    free(e);
}

bool
evaluation_ended(const struct evaluation *e)
{
    return e->state == EVALUATION_READY || e->state == EVALUATION_FAILED;
}

/* ---- the list, under the lock ---- */

/* What runs stays in the list, cancelled: the thread frees it. */
void
evaluator_drop(struct evaluator *ev, struct evaluation *e)
{
    struct evaluation **at = &ev->first;

    if (e->state == EVALUATION_RUNNING) {
        e->cancelled = true;
        return;
    }
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    *(e->kind == EVALUATION_JOB ? &ev->jobs : &ev->questions) -= 1;
    evaluation_free(e);
}

static void
drop_expired(struct evaluator *ev, int64_t now_ms)
{
    struct evaluation *next;

    for (struct evaluation *e = ev->first; e != NULL; e = next) {
        next = e->next;
        if (e->kind != EVALUATION_JOB && e->created_ms + LIMIT_PREVIEW_MS <= now_ms)
            evaluator_drop(ev, e);
    }
}

struct evaluation *
evaluator_find(struct evaluator *ev, enum evaluation_kind kind, struct str scope, struct str id, int64_t now_ms)
{
    drop_expired(ev, now_ms);
    for (struct evaluation *e = ev->first; e != NULL; e = e->next) {
        if (e->kind == kind && !e->cancelled && str_eq(e->id, id) && str_eq(e->scope, scope))
            return e;
    }
    return NULL;
}

static void
append(struct evaluator *ev, struct evaluation *e)
{
    struct evaluation **last = &ev->first;

    while (*last != NULL)
        last = &(*last)->next;
    *last = e;
    os_cond_broadcast(&ev->moved);
}

enum err
evaluator_add(struct evaluator *ev, struct evaluation *e, int64_t now_ms, struct diag *d)
{
    struct evaluation *old;
    enum err rc = ERR_OK;

    os_lock(&ev->lock);
    drop_expired(ev, now_ms);
    for (old = ev->first; old != NULL && (old->kind == EVALUATION_JOB || !evaluation_ended(old));)
        old = old->next;
    if (ev->questions >= LIMIT_PREVIEWS && old != NULL)
        evaluator_drop(ev, old);
    if (ev->questions >= LIMIT_PREVIEWS) {
        rc = diag_set(d, ERR_BUSY, "%d questions have not ended yet", LIMIT_PREVIEWS);
    } else {
        ev->questions++;
        append(ev, e);
    }
    os_unlock(&ev->lock);
    return rc;
}

enum err
evaluator_reserve_job(struct evaluator *ev, struct diag *d)
{
    enum err rc = ERR_OK;

    os_lock(&ev->lock);
    if (ev->jobs >= LIMIT_JOBS_WAITING)
        rc = diag_set(d, ERR_BUSY, "%d jobs have not ended yet", LIMIT_JOBS_WAITING);
    else
        ev->jobs++;
    os_unlock(&ev->lock);
    return rc;
}

void
evaluator_release_job(struct evaluator *ev)
{
    os_lock(&ev->lock);
    ev->jobs--;
    os_unlock(&ev->lock);
}

void
evaluator_add_job(struct evaluator *ev, struct evaluation *e)
{
    os_lock(&ev->lock);
    append(ev, e);
    os_unlock(&ev->lock);
}

void
evaluator_wake(struct evaluator *ev)
{
    os_lock(&ev->lock);
    ev->rescheduled = true;
    os_cond_broadcast(&ev->moved);
    os_unlock(&ev->lock);
}

void
evaluator_cancel_job(struct evaluator *ev, struct str scope, struct str id)
{
    os_lock(&ev->lock);
    for (struct evaluation *e = ev->first; e != NULL; e = e->next)
        e->cancelled = e->cancelled || (e->kind == EVALUATION_JOB && str_eq(e->id, id) && str_eq(e->scope, scope));
    os_cond_broadcast(&ev->moved);
    os_unlock(&ev->lock);
}

static struct evaluation *
waiting(const struct evaluator *ev)
{
    struct evaluation *e = ev->first;

    while (e != NULL && e->state != EVALUATION_NEW)
        e = e->next;
    return e;
}

static bool
all_ended(const struct evaluator *ev)
{
    const struct evaluation *e = ev->first;

    while (e != NULL && evaluation_ended(e))
        e = e->next;
    return e == NULL;
}

void
evaluator_wait(struct evaluator *ev)
{
    os_lock(&ev->lock);
    while (!all_ended(ev))
        os_cond_wait(&ev->moved, &ev->lock);
    os_unlock(&ev->lock);
}

void
evaluator_wait_jobs(struct evaluator *ev, uint64_t timeout_us)
{
    uint64_t end_us = os_mono_us(ev->admin->o.os) + timeout_us, now_us;

    os_lock(&ev->lock);
    while (ev->jobs > 0 && !ev->stop && (now_us = os_mono_us(ev->admin->o.os)) < end_us)
        (void)os_cond_wait_us(&ev->moved, &ev->lock, end_us - now_us); /* what it says is looked at above */
    os_unlock(&ev->lock);
}

/* ---- counting ---- */

bool
evaluator_goes_on(struct evaluator *ev, const struct evaluation *e)
{
    bool on;

    os_lock(&ev->lock);
    on = !e->cancelled && !ev->stop;
    os_unlock(&ev->lock);
    return on;
}

bool
evaluator_report(struct evaluator *ev, struct evaluation *e, uint64_t read, uint64_t matched)
{
    os_lock(&ev->lock);
    e->read = read;
    e->matched = matched;
    os_unlock(&ev->lock);
    return evaluator_goes_on(ev, e);
}

bool
evaluator_keeps_job(struct evaluator *ev, const struct evaluation *e, enum err result)
{
    bool stop;

    os_lock(&ev->lock);
    stop = ev->stop && !e->cancelled;
    os_unlock(&ev->lock);
    return stop && result == ERR_CANCELLED;
}

static bool
report(struct evaluator *ev, struct evaluation *e, const struct census *c)
{
    struct census_result r = census_result(c);

    os_lock(&ev->lock);
    e->fragments = r.fragments;
    os_unlock(&ev->lock);
    return evaluator_report(ev, e, r.profiles, r.audiences[0].members);
}

void
evaluator_pause(struct evaluator *ev)
{
    os_lock(&ev->lock);
    if (!ev->stop)
        (void)os_cond_wait_us(&ev->moved, &ev->lock, LATER_US); /* waking early is harmless */
    os_unlock(&ev->lock);
}

/* The audiences that are compared are those in force. */
static bool
in_force(const struct evaluator *ev, const struct census *c)
{
    const struct census_options *o = census_options(c);
    const struct snapshot *s = snapshot_get(ev->admin->o.config);
    const struct scope_view *view = snapshot_scope(s, o->scope);
    bool same = view != NULL && view->hub_segments.graph != NULL &&
                rule_graph_version(view->hub_segments.graph) == o->graph_version;

    snapshot_put(ev->admin->o.config, s);
    return same;
}

static enum err
run_block(struct evaluator *ev, struct census *c, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    enum err rc = census_run(c, d);
    const uint64_t *wrong;
    size_t n = 0;

    wrong = census_wrong(c, &n);
    for (size_t i = 0; rc == ERR_OK && i < n; i++)
        rc = hub->census_repair(hub->ctx, census_options(c)->scope, wrong[i], d);
    if (n > 0)
        log_error("memberships_wrong", "profiles=%zu action=\"evaluated anew\"", n);
    metric_add(M_HUB_PROFILES_WRONG, n);
    return rc;
}

enum err
evaluator_count(struct evaluator *ev, struct evaluation *e, struct census *c, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && !census_done(c)) {
        if (!report(ev, e, c))
            return diag_set(d, ERR_CANCELLED, "cancelled");
        rc = hub->census_slice(hub->ctx, c, d);
        if (rc == ERR_BUSY && (e->kind != EVALUATION_JOB || in_force(ev, c))) {
            evaluator_pause(ev);
            rc = ERR_OK;
        } else if (rc == ERR_OK && census_full(c)) {
            rc = run_block(ev, c, d);
        }
    }
    return rc;
}

static struct census_sample
keep_sample(struct arena *a, struct census_sample s)
{
    struct census_identity *people = ARENA_ARRAY(a, struct census_identity, s.count);

    for (size_t i = 0; people != NULL && i < s.count; i++)
        people[i] = (struct census_identity){arena_str(a, s.people[i].ns), arena_str(a, s.people[i].id)};
    return (struct census_sample){people, people != NULL ? s.count : 0};
}

/* The result outlives the census. */
static enum err
keep_result(struct evaluation *e, const struct census *c, struct diag *d)
{
    struct census_result r = census_result(c);
    struct arena *a = &e->arena;

    e->namespaces = ARENA_ARRAY(a, struct evaluation_namespace, r.namespace_count);
    e->datasets = ARENA_ARRAY(a, struct census_dataset, r.dataset_count);
    for (size_t i = 0; e->namespaces != NULL && i < r.namespace_count; i++) {
        struct evaluation_namespace ns = {arena_str(a, r.namespaces[i]), r.audiences[0].by_namespace[i]};
        if (ns.members > 0)
            e->namespaces[e->namespace_count++] = ns;
    }
    for (size_t i = 0; e->datasets != NULL && i < r.dataset_count; i++)
        e->datasets[e->dataset_count++] =
            (struct census_dataset){arena_str(a, r.datasets[i].id), r.datasets[i].profiles};
    e->sample = keep_sample(a, r.sample);
    e->diff = r.diff;
    e->diff.entering_sample = keep_sample(a, r.diff.entering_sample);
    e->diff.leaving_sample = keep_sample(a, r.diff.leaving_sample);
    e->counted_ms = r.now_ms;
    return a->refused ? diag_set(d, ERR_NOMEM, "no memory for a %s", kind_names[e->kind]) : ERR_OK;
}

static enum err
evaluate(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    bool diff = e->kind == EVALUATION_DIFF;
    bool both_too[] = {e->opted_out_too, e->opted_out_too};
    struct rule_audience audiences[] = {{S("preview"), e->rule}, {S("diff:after"), e->rule}};
    struct census_options o = {.scope = e->scope,
                               .audiences = audiences,
                               .count = diff ? 2 : 1,
                               .now_ms = os_now_ms(ev->admin->o.os),
                               .opted_out_too = both_too,
                               .diff = diff,
                               .datasets = e->by_dataset,
                               .sample_max = diff ? LIMIT_DIFF_SAMPLE : LIMIT_PREVIEW_SAMPLE};
    struct census *c = NULL;
    enum err rc;

    if (diff)
        audiences[0] = (struct rule_audience){e->audience.n > 0 ? e->audience : S("diff:before"), e->before};
    rc = census_new(&o, &c, d);
    if (rc == ERR_OK)
        rc = evaluator_count(ev, e, c, d);
    if (rc == ERR_OK)
        (void)report(ev, e, c); /* it is over, wanted or not */
    if (rc == ERR_OK)
        rc = keep_result(e, c, d);
    census_free(c);
    return rc;
}

static enum err
answer(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    switch (e->kind) {
    case EVALUATION_JOB:
        return e->exports ? export_run(ev, e, d) : job_run(ev, e, d);
    case EVALUATION_AS_OF:
        return as_of_run(ev, e, d);
    case EVALUATION_RECOUNT:
        return recount_run(ev, e, d);
    case EVALUATION_WHAT_IF:
        return what_if_run(ev, e, d);
    case EVALUATION_PREVIEW:
    case EVALUATION_DIFF:
        break;
    }
    return evaluate(ev, e, d);
}

/* Under the lock, which it gives away meanwhile. */
static void
work(struct evaluator *ev, struct evaluation *e)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    e->state = EVALUATION_RUNNING;
    os_unlock(&ev->lock);
    rc = answer(ev, e, &d);
    if (rc != ERR_OK && rc != ERR_CANCELLED && rc != ERR_NOT_FOUND)
        log_warn("evaluation_failed", "kind=%s code=%s reason=\"%s\"", kind_names[e->kind], err_name(rc), d.what);
    os_lock(&ev->lock);
    e->state = rc == ERR_OK ? EVALUATION_READY : EVALUATION_FAILED;
    e->failure = rc;
    (void)snprintf(e->error, sizeof e->error, "%s", rc == ERR_OK ? "" : d.what); /* cut when long */
    if (e->cancelled || e->kind == EVALUATION_JOB)                               /* what came of a job is saved */
        evaluator_drop(ev, e);
    os_cond_broadcast(&ev->moved);
}

/* Begins what the schedules want now; how long there is nothing more to begin. Under the lock, which it gives away
 * meanwhile. */
static uint64_t
look_at_schedules(struct evaluator *ev)
{
    int64_t now_ms = os_now_ms(ev->admin->o.os), next_ms, hour_ms;

    ev->rescheduled = false;
    os_unlock(&ev->lock);
    next_ms = scheduler_run(ev, now_ms);
    hour_ms = allocator_run(ev, now_ms);
    (void)trainer_run(ev, now_ms); /* days begin with an hour */
    next_ms = hour_ms < next_ms ? hour_ms : next_ms;
    os_lock(&ev->lock);
    return next_ms - now_ms < LOOK_MS ? (uint64_t)(next_ms - now_ms) * 1000 : (uint64_t)LOOK_MS * 1000;
}

static void
run(void *ctx)
{
    struct evaluator *ev = ctx;

    os_thread_in_background();
    os_lock(&ev->lock);
    while (!ev->stop) {
        uint64_t idle_us = look_at_schedules(ev);
        struct evaluation *e = waiting(ev);
        if (ev->stop)
            break;
        if (e != NULL)
            work(ev, e);
        else if (!ev->rescheduled)
            (void)os_cond_wait_us(&ev->moved, &ev->lock, idle_us); /* everything is looked at again */
    }
    os_unlock(&ev->lock);
}

/* ---- life ---- */

enum err
admin_evaluate_open(struct admin *a, struct diag *d)
{
    struct evaluator *ev = calloc(1, sizeof *ev);
    enum err rc;

    if (ev == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for previews");
    ev->admin = a;
    os_mutex_init(&ev->lock);
    os_cond_init(&ev->moved);
    a->evaluator = ev;
    if (a->o.hub.census_slice == NULL)
        return ERR_OK;
    rc = job_resume_all(ev, d);
    if (rc == ERR_OK && a->o.hub.visit != NULL)
        rc = export_resume_all(ev, d);
    return rc == ERR_OK ? os_thread_open(&ev->thread, "evaluate", run, ev, d) : rc;
}

void
admin_evaluate_close(struct admin *a)
{
    struct evaluator *ev = a->evaluator;

    if (ev == NULL)
        return;
    os_lock(&ev->lock);
    ev->stop = true;
    os_cond_broadcast(&ev->moved);
    os_unlock(&ev->lock);
    os_thread_close(&ev->thread);
    while (ev->first != NULL) {
        struct evaluation *next = ev->first->next;
        evaluation_free(ev->first);
        ev->first = next;
    }
    os_cond_deinit(&ev->moved);
    os_mutex_deinit(&ev->lock);
    free(ev);
    a->evaluator = NULL;
}
