/* delivery_place.c - one location of a delivery request: what it says about the visitor, what it means for metrics, and
 * what is shown there [TARGET 1.3 step 6]. */
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "edge/delivery_int.h"

/* ---- what the location says ---- */

/* Profile parameters hold at once, and for everything behind them in the request. */
static void
set_profile(struct delivery_work *w, const struct json *parameters)
{
    struct json_iter it = json_iter(parameters);

    while (json_is(parameters, JSON_OBJECT) && json_next(&it)) {
        struct buf b;
        buf_init_in(&b, w->c->arena, LIMIT_VISITOR_ATTRIBUTE_BYTES);
        json_write(&b, it.value);
        if (!buf_ok(&b) || !visitor_set(w->visitor, it.key, buf_str(&b), w->c->now_ms) || w->prefetching)
            continue;
        if (w->profile_param_count++ > 0)
            buf_putc(&w->profile_params, ',');
        json_quote(&w->profile_params, it.key);
        buf_putc(&w->profile_params, ':');
        buf_put(&w->profile_params, buf_str(&b));
    }
}

/* user.categoryId, a comma list, from left to right [TARGET 7.2]. */
static void
view_categories(struct delivery_work *w, const struct json *parameters)
{
    struct str rest = json_str(json_get(parameters, S("user.categoryId"))), name;

    while (rest.n > 0 && str_split(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.n == 0)
            continue;
        visitor_view_category(w->visitor, name);
        if (w->prefetching)
            continue;
        if (w->categories.n > 0)
            buf_putc(&w->categories, ',');
        json_quote(&w->categories, name);
    }
}

static struct str
mbox_name(const struct delivery_place *p)
{
    return p->kind == DELIVERY_MBOX ? p->name : S("target-global-mbox");
}

static struct str
own(struct str address, struct str otherwise)
{
    return address.p != NULL ? address : otherwise;
}

static void
apply(struct delivery_work *w, struct str name, const struct json *value)
{
    struct buf b;

    buf_init_in(&b, w->c->arena, LIMIT_VISITOR_ATTRIBUTE_BYTES);
    json_write(&b, value);
    if (buf_ok(&b))
        (void)visitor_set(w->visitor, name, buf_str(&b), w->c->now_ms); /* it fitted then */
}

/* What scripts changed is recorded, location by location. Without that the last values are, which are those of the
 * first location when there is no other. */
static void
apply_scripts(struct delivery_work *w)
{
    struct edge_rerun *r = w->rerun;
    const struct json *steps = json_get(r->hit->visit->asked, S("scripts"));
    struct json_iter it = json_iter(steps), last = json_iter(r->hit->visit->attributes);

    r->script_runs++;
    if (json_is(steps, JSON_ARRAY)) {
        while (json_next(&it)) {
            if (json_i64(json_at(it.value, 0), 0) == r->script_runs)
                apply(w, json_str(json_at(it.value, 1)), json_at(it.value, 2));
        }
        return;
    }
    if (r->script_runs > 1 && r->hit->visit->attributes != NULL)
        rerun_lacks(r, RERUN_SCRIPTS);
    while (r->script_runs == 1 && json_next(&last))
        apply(w, last.key, last.value);
}

static void
run_scripts(struct delivery_work *w, const struct delivery_place *p)
{
    struct edge_script_request *r = &w->scripts;

    if (w->rerun != NULL) {
        apply_scripts(w);
        return;
    }
    r->visitor = w->visitor;
    r->mbox = mbox_name(p);
    r->url = own(p->details.url, w->c->url);
    r->referrer = own(p->details.referrer, w->c->referrer);
    r->parameters = p->details.parameters;
    r->profile_parameters = p->details.profile_parameters;
    edge_scripts_run(w->c->x->scripts, r);
}

static void
learn(struct delivery_work *w, const struct delivery_place *p)
{
    work_settle(w);
    set_profile(w, p->details.profile_parameters);
    view_categories(w, p->details.parameters);
    if (p->kind == DELIVERY_MBOX || p->kind == DELIVERY_PAGE)
        run_scripts(w, p);
    if (p->details.has_order && !w->prefetching) {
        w->visit.has_order = true;
        w->visit.order = p->details.order;
    }
    if (w->decision != NULL)
        decision_changed(w->decision);
}

/* ---- metrics ---- */

static enum decision_kind
kind_of(const struct delivery_place *p)
{
    if (p->kind == DELIVERY_PAGE || p->kind == DELIVERY_MBOX)
        return p->kind == DELIVERY_PAGE ? AT_PAGE : AT_MBOX;
    return p->name.n > 0 ? AT_VIEW : AT_VIEWS;
}

struct decision_ask
delivery_ask(const struct delivery_place *p)
{
    return (struct decision_ask){.kind = kind_of(p),
                                 .name = p->name,
                                 .parameters = p->details.parameters,
                                 .url = p->details.url,
                                 .referrer = p->details.referrer,
                                 .source = p->source};
}

struct str
delivery_location(const struct delivery_place *p)
{
    return told_location(kind_of(p), p->name);
}

void
work_met(struct delivery_work *w, const struct delivery_place *p, struct decision_moment moment)
{
    struct decision_ask ask = delivery_ask(p);
    struct hit_notice *met;
    struct diag d = DIAG_INIT;
    size_t n = 0;

    moment.order = p->details.has_order;
    work_settle(w);
    if (w->decision == NULL || w->prefetching || decision_met(w->decision, &ask, &moment, &met, &n, &d) != ERR_OK)
        return;
    for (size_t i = 0; i < n; i++)
        (void)work_add_notice(w, &met[i]);
}

/* ---- the decision ---- */

void
delivery_place(struct delivery_work *w, struct delivery_place *p)
{
    struct decision_ask ask = delivery_ask(p);
    struct decision_result result = {0};
    struct diag d = DIAG_INIT;
    struct buf out;

    learn(w, p);
    work_met(w, p, told_moment(delivery_location(p), false, &w->engaged));
    work_settle(w);
    if (w->decision == NULL)
        return;
    buf_init_in(&out, w->c->arena, LIMIT_RESPONSE_BYTES);
    if (decision_at(w->decision, &ask, w->prefetching ? FORMAT_PREFETCH : FORMAT_EXECUTE, &out, &result, &d) !=
        ERR_OK) {
        metric_inc(M_EDGE_DEGRADED);
        log_warn("decisions_failed", "why=\"%s\"", d.what);
        return;
    }
    p->answer = buf_str(&out);
    if (w->rerun != NULL)
        rerun_took(w->rerun, w->decision, delivery_location(p), &result, w->prefetching);
    if (w->prefetching)
        return;
    work_add_decisions(w, &result);
}

void
delivery_touch(struct delivery_work *w, const struct delivery_place *p, bool clicked)
{
    struct decision_moment moment = told_moment(delivery_location(p), clicked, &w->engaged);

    learn(w, p);
    if (p->kind == DELIVERY_MBOX || p->kind == DELIVERY_PAGE || p->name.n > 0)
        work_met(w, p, moment);
}
