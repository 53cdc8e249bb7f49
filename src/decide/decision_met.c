/* decision_met.c - which metrics a location meets, shown or clicked [TARGET 2.7].
 *
 * Only visitors who have entered an activity convert in it. What a conversion does (once, always, restart, ban) is the
 * fold's business: here it is said that the metric was met, with its action. */
#include "decide/decision_int.h"

struct met {
    struct decision *x;
    const struct decision_moment *moment;
    struct hit_notice *list;
    size_t n, cap;
};

static bool
has_reached(const struct visitor_membership *m, uint32_t metric)
{
    for (size_t i = 0; i < m->conversion_count; i++) {
        if (m->conversions[i].metric == metric)
            return m->conversions[i].count > 0;
    }
    return false;
}

static bool
gates_open(const struct metric *metric, const struct visitor_membership *m)
{
    for (size_t i = 0; i < metric->gate_count; i++) {
        if (has_reached(m, metric->gates[i].metric) != metric->gates[i].reached)
            return false;
    }
    return true;
}

/* The membership in which something may count; NULL: none. A QA link leaves no membership here: who has entered by it
 * know the results, which count that traffic for itself. */
static const struct visitor_membership *
counting(const struct decision *x, const struct activity *a)
{
    static const struct visitor_membership by_link = {.entered = true};
    const struct visitor_membership *m = x->rq->visitor != NULL ? visitor_membership(x->rq->visitor, a->id) : NULL;

    if (x->rq->qa != NULL)
        return &by_link;
    return m != NULL && m->entered && !m->closed && !m->barred && !m->untracked && activity_is_live(x, a) ? m : NULL;
}

static void
add(struct met *y, uint32_t activity, const struct metric *metric, double value)
{
    struct decision *x = y->x;

    if (y->n == y->cap) {
        size_t cap = y->cap ? y->cap * 2 : 8;
        struct hit_notice *list = ARENA_ARRAY(x->a, struct hit_notice, cap);
        if (list == NULL) {
            decision_fail(x, "request memory is used up");
            return;
        }
        if (y->n > 0)
            memcpy(list, y->list, y->n * sizeof(*list));
        y->list = list;
        y->cap = cap;
    }
    y->list[y->n++] = (struct hit_notice){.type = NOTICE_CONVERT,
                                          .activity = x->s->activities[activity].id,
                                          .scope = y->moment->location,
                                          .metric = metric->id,
                                          .action = metric->action,
                                          .value = value,
                                          .reporting = decision_reporting(x, activity)};
}

static void
try(struct met *y, uint32_t activity, const struct metric *metric, const struct audience_list *audiences)
{
    const struct visitor_membership *m = counting(y->x, &y->x->s->activities[activity]);

    if (m == NULL || !gates_open(metric, m) || (metric->revenue && !y->moment->order))
        return;
    if (audiences == NULL || audiences_match(y->x, audiences))
        add(y, activity, metric, 0);
}

/* What a click token names. */
static void
met_by_token(struct met *y)
{
    const struct activity *a = map_get(&y->x->s->activity_index, y->moment->activity);

    for (size_t i = 0; a != NULL && i < a->metric_count; i++) {
        if (a->metrics[i].id == y->moment->metric)
            try(y, (uint32_t)(a - y->x->s->activities), &a->metrics[i], NULL);
    }
}

static void
met_at(struct met *y)
{
    const struct goals *g = map_get(&y->x->s->goals[y->moment->clicked], y->moment->location);

    for (size_t i = 0; g != NULL && i < g->n; i++)
        try(y, g->items[i].activity, g->items[i].metric, &g->items[i].audiences);
}

/* ---- an order without a location ---- */

static bool
was_met(const struct decision_moment *moment, struct str activity, uint32_t metric)
{
    for (size_t i = 0; i < moment->met_count; i++) {
        const struct hit_notice *n = &moment->met[i];
        if (n->type == NOTICE_CONVERT && n->metric == metric && str_eq(n->activity, activity))
            return true;
    }
    return false;
}

static void
met_by_order(struct met *y)
{
    const struct visitor *v = y->x->rq->visitor;

    for (size_t i = 0; v != NULL && i < v->membership_count; i++) {
        const struct activity *a = map_get(&y->x->s->activity_index, v->memberships[i].activity);
        for (size_t k = 0; a != NULL && k < a->metric_count; k++) {
            if (a->metrics[k].revenue && !was_met(y->moment, a->id, a->metrics[k].id))
                try(y, (uint32_t)(a - y->x->s->activities), &a->metrics[k], NULL);
        }
    }
}

/* ---- engagement: from the first display of a visit on ---- */

static double
engagement(const struct met *y, const struct metric *metric)
{
    const struct decision *x = y->x;
    const struct json *score = json_get(x->ask->parameters, S("mboxPageValue"));
    int64_t before = x->rq->previous_ms;
    double value = 0;

    if (metric->kind == METRIC_PAGES)
        return y->moment->page;
    if (metric->kind == METRIC_TIME)
        return before > 0 && before < x->rq->now_ms ? (double)(x->rq->now_ms - before) / 1000 : 0;
    if (json_is_number(score))
        return json_f64(score, 0);
    return str_to_f64(json_str(score), &value) ? value : 0;
}

static void
met_by_engagement(struct met *y)
{
    struct decision *x = y->x;

    for (size_t i = 0; i < x->s->engaged_count; i++) {
        const struct activity *a = &x->s->activities[x->s->engaged[i]];
        const struct visitor_membership *m = counting(x, a);
        for (size_t k = 0; m != NULL && m->session == x->rq->visitor->session && k < a->metric_count; k++) {
            double value = a->metrics[k].kind == METRIC_EVENT ? 0 : engagement(y, &a->metrics[k]);
            if (value > 0 && gates_open(&a->metrics[k], m))
                add(y, x->s->engaged[i], &a->metrics[k], value);
        }
    }
}

enum err
decision_met(struct decision *x, const struct decision_ask *ask, const struct decision_moment *moment,
             struct hit_notice **notices, size_t *n, struct diag *d)
{
    struct met y = {.x = x, .moment = moment};

    x->d = d;
    x->rc = ERR_OK;
    decision_enter(x, ask);
    if (moment->activity.n > 0)
        met_by_token(&y);
    else
        met_at(&y);
    if (moment->order && moment->location.n == 0 && moment->activity.n == 0)
        met_by_order(&y);
    if (moment->page || moment->stay)
        met_by_engagement(&y);
    if (x->rc != ERR_OK)
        return x->rc;
    *notices = y.list;
    *n = y.n;
    return ERR_OK;
}
