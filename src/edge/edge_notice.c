/* edge_notice.c - display and click notifications of the SDK  [EDGE 5.8].
 *
 * A proposition counts when its token is ours: the activity and experience are read from the token, not from what the
 * client says beside it. A forged or foreign one is counted in a metric and otherwise ignored; the answer is 200 all
 * the same.
 *
 * A location that is shown or clicked may also be what an activity's primary metric waits for, whether or not we
 * delivered anything there: a page says {"scope":"orderConfirm"} and nothing else [EDGE 5.8], [TARGET 2.7]. */
#include "base/log.h"
#include "base/metric.h"
#include "decide/told.h"
#include "edge/edge_int.h"
#include "edge/edge_rerun.h"

/* What a proposition of the event turned out to be. */
enum origin { ORIGIN_OURS, ORIGIN_FORGED, ORIGIN_OTHER };

static enum origin
read_token(struct edge_call *c, const struct json *proposition, struct decide_token *token)
{
    struct str text = told_proposition_token(proposition);

    if (text.n == 0)
        return ORIGIN_OTHER; /* a view without propositions, another provider, a location of the page's own */
    if (decide_token_read(text, c->view->token_key, c->arena, token))
        return ORIGIN_OURS;
    metric_inc(M_EDGE_TOKENS_FORGED);
    log_warn("token_forged", "datastream=%.*s", STR_ARG(c->ds->id));
    return ORIGIN_FORGED;
}

/* The same activity and experience may be displayed in several scopes by one event: one notice each. */
static bool
add(struct edge_call *c, struct hit *h, size_t *room, struct hit_notice notice)
{
    if (h->notice_count == *room) {
        size_t more = *room ? *room * 2 : 8;
        struct hit_notice *notices = ARENA_ARRAY(c->arena, struct hit_notice, more);
        if (notices == NULL)
            return false;
        if (h->notice_count > 0)
            memcpy(notices, h->notices, h->notice_count * sizeof *notices);
        h->notices = notices;
        *room = more;
    }
    h->notices[h->notice_count++] = notice;
    return true;
}

static struct hit_notice
notice_of(enum notice_type type, const struct decide_token *t)
{
    return (struct hit_notice){.type = type, .activity = t->activity, .experience = t->experience, .scope = t->scope};
}

/* A click on what several metrics of an activity wait for comes as a proposition of each, and is one click. */
static bool
clicked_before(const struct hit *h, const struct decide_token *t)
{
    for (size_t i = 0; i < h->notice_count; i++) {
        const struct hit_notice *n = &h->notices[i];
        if (n->type == NOTICE_INTERACT && str_eq(n->activity, t->activity) && str_eq(n->scope, t->scope))
            return true;
    }
    return false;
}

/* A failure costs the metric. */
static bool
add_met(struct edge_call *c, struct edge_visit *v, struct hit *h, size_t *room, const struct decision_moment *moment)
{
    struct hit_notice *met;
    struct diag d = DIAG_INIT;
    size_t n;
    bool ok = true;

    if (v->decision == NULL || decision_met(v->decision, &v->ask, moment, &met, &n, &d) != ERR_OK)
        return true;
    for (size_t i = 0; ok && i < n; i++)
        ok = add(c, h, room, met[i]);
    return ok;
}

/* What the display or click of a location means for metrics. */
static bool
add_location(struct edge_call *c, struct edge_visit *v, struct hit *h, size_t *room, const struct decide_token *token,
             bool clicked)
{
    struct decision_moment moment = told_token_moment(token, clicked);

    moment.order = v->visit.has_order;
    return add_met(c, v, h, room, &moment);
}

/* The visitor's copy learns what is displayed: an activity that is entered now may have its metric met now. */
static void
fold_notices(struct edge_call *c, struct edge_visit *v, const struct hit *h)
{
    struct hit part = {.kind = HIT_VISIT, .visit = &v->visit, .notices = h->notices, .notice_count = h->notice_count};

    if (v->decision == NULL || h->notice_count == 0)
        return;
    visitor_fold(&v->visitor, &part, c->now_ms, VISITOR_ONCE, NULL, NULL);
    decision_changed(v->decision);
}

/* A proposition that the event reports. */
struct report {
    struct decide_token token;
    enum origin from;
};

/* In another world the visitor was given something else, or nothing. */
static bool
was_given(const struct edge_visit *v, struct report *r)
{
    return v->rerun == NULL || r->from != ORIGIN_OURS || rerun_given(v->rerun, r->token.activity, &r->token.experience);
}

static struct report *
read_reports(struct edge_call *c, const struct edge_visit *v, const struct json *propositions, size_t *n)
{
    struct report *list = ARENA_ARRAY(c->arena, struct report, json_count(propositions) + 1);
    struct json_iter it = json_iter(propositions);

    *n = 0;
    while (list != NULL && json_next(&it)) {
        struct report *r = &list[*n];
        *r = (struct report){.token = {.scope = json_str(json_get(it.value, S("scope")))}};
        r->from = read_token(c, it.value, &r->token);
        *n += r->from != ORIGIN_FORGED && was_given(v, r);
    }
    return list;
}

static bool
read_propositions(struct edge_call *c, const struct json *xdm, struct edge_visit *v, struct hit *h, size_t *room)
{
    struct told_event told = told_read_event(xdm);
    struct report *reports;
    size_t n;
    bool ok = true;

    if (json_count(told.propositions) == 0)
        return true;
    reports = read_reports(c, v, told.propositions, &n);
    for (size_t i = 0; ok && i < n; i++) {
        if (told.shown && reports[i].from == ORIGIN_OURS && reports[i].token.metric == 0)
            ok = add(c, h, room, notice_of(NOTICE_DISPLAY, &reports[i].token));
        if (told.clicked && reports[i].from == ORIGIN_OURS && !clicked_before(h, &reports[i].token))
            ok = ok && add(c, h, room, notice_of(NOTICE_INTERACT, &reports[i].token));
    }
    fold_notices(c, v, h);
    for (size_t i = 0; ok && i < n; i++) {
        if (told.shown)
            ok = add_location(c, v, h, room, &reports[i].token, false);
        if (told.clicked)
            ok = ok && add_location(c, v, h, room, &reports[i].token, true);
    }
    return ok;
}

void
edge_notices_read(struct edge_call *c, const struct edge_event_in *e, struct edge_visit *v, struct hit *h)
{
    struct decision_moment moment;
    size_t room = 0;

    if (c->view == NULL || !read_propositions(c, e->xdm, v, h, &room))
        return;
    moment = told_event_moment(&v->visit, h->notices, h->notice_count);
    (void)add_met(c, v, h, &room, &moment);
}
