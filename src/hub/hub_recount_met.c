/* hub_recount_met.c - which metrics of an activity a kept hit meets, found out anew [TARGET 2.7].
 *
 * A hit holds the request itself. Here it is walked through as the edge did (decide/told.h), with the displays and
 * clicks of the hit in between, and the same decision_met() is asked, of a set that has this activity alone, with its
 * metrics as they are wanted now. What was shown is a fact and stays. */
#include "hub/hub_recount.h"

#include "decide/told.h"

struct walk {
    const struct recount_metrics *m;
    struct hit *h;
    struct arena *a;
    struct diag *d;
    int64_t now_ms;
    struct visitor v; /* a copy, which learns what the hit has said so far */
    struct decision_request rq;
    struct decision *decision;
    bool engaged;
    size_t shown; /* of h's displays and clicks, those that v knows */
    struct hit_notice *out;
    size_t n, room;
    enum err rc;
};

static void
add(struct walk *w, const struct hit_notice *x)
{
    if (w->n == w->room) {
        size_t room = w->room > 0 ? w->room * 2 : w->h->notice_count + 8;
        struct hit_notice *grown = ARENA_ARRAY(w->a, struct hit_notice, room);
        if (grown == NULL) {
            w->rc = diag_set(w->d, ERR_LIMIT, "a recount: memory of the hit is used up");
            return;
        }
        if (w->n > 0)
            memcpy(grown, w->out, w->n * sizeof *grown);
        w->out = grown;
        w->room = room;
    }
    w->out[w->n++] = *x;
}

/* The visitor's copy learns what joined from `from` on. */
static void
learn(struct walk *w, size_t from)
{
    struct hit part = {.kind = HIT_VISIT, .visit = w->h->visit, .notices = w->out + from, .notice_count = w->n - from};

    if (w->rc != ERR_OK || part.notice_count == 0)
        return;
    visitor_fold(&w->v, &part, w->now_ms, VISITOR_ONCE, NULL, NULL);
    decision_changed(w->decision);
}

/* The next displays and clicks of the hit, as long as they name this location; empty: all that are left. */
static void
show(struct walk *w, struct str location)
{
    size_t from = w->n;

    while (w->shown < w->h->notice_count && (location.n == 0 || str_eq(w->h->notices[w->shown].scope, location)))
        add(w, &w->h->notices[w->shown++]);
    learn(w, from);
}

static void
meet_at(struct walk *w, const struct decision_ask *ask, const struct decision_moment *moment)
{
    struct hit_notice *met = NULL;
    size_t n = 0, from = w->n;

    if (w->rc == ERR_OK)
        w->rc = decision_met(w->decision, ask, moment, &met, &n, w->d);
    for (size_t i = 0; w->rc == ERR_OK && i < n; i++)
        add(w, &met[i]);
    learn(w, from);
}

/* details: the location's part of the request. */
static void
meet(struct walk *w, enum decision_kind kind, struct str name, const struct json *details,
     struct decision_moment moment)
{
    struct decision_ask ask = {.kind = kind, .name = name, .parameters = json_get(details, S("parameters"))};

    moment.order = told_order(json_get(details, S("order")));
    meet_at(w, &ask, &moment);
}

/* ---- a delivery request ---- */

/* A location that is executed: what it means comes before what it shows. */
static void
execute(struct walk *w, const struct told_part *place, enum decision_kind kind)
{
    struct str name = json_str(json_get(place->json, S("name")));
    struct str location = told_location(kind, name);

    meet(w, kind, name, place->json, told_moment(location, false, &w->engaged));
    show(w, location);
}

static void
execute_page(void *ctx, const struct told_part *place)
{
    execute(ctx, place, AT_PAGE);
}

static void
execute_mbox(void *ctx, const struct told_part *place)
{
    execute(ctx, place, AT_MBOX);
}

/* One of another activity says nothing here. */
static void
notice_token(void *ctx, const struct told_part *notice, struct str text)
{
    struct walk *w = ctx;
    struct decide_token t;

    if (!decide_token_read(text, w->m->token_key, w->a, &t) || !str_eq(t.activity, w->m->activity))
        return;
    show(w, t.scope);
    if (notice->clicked)
        meet(w, AT_MBOX, t.scope, notice->json, told_token_moment(&t, true));
}

static void
notice_touched(void *ctx, const struct told_part *notice)
{
    struct walk *w = ctx;
    const struct json *mbox = json_get(notice->json, S("mbox")), *view = json_get(notice->json, S("view"));
    struct str name = json_str(json_get(mbox != NULL ? mbox : view, S("name")));
    enum decision_kind kind = mbox != NULL ? AT_MBOX : view != NULL ? AT_VIEW : AT_PAGE;
    struct decision_moment moment = told_moment(told_location(kind, name), notice->clicked, &w->engaged);

    if (name.n > 0 || json_get(notice->json, S("pageLoad")) != NULL)
        meet(w, kind, name, notice->json, moment);
}

static void
walk_request(struct walk *w, const struct json *body)
{
    struct told_delivery to = {w, notice_token, notice_touched, NULL, execute_page, execute_mbox};

    told_read_delivery(body, &to, w->a);
    show(w, S_NULL);
}

/* ---- an event of the Edge Network ---- */

static void
proposition(struct walk *w, const struct json *p, bool clicked)
{
    struct str text = told_proposition_token(p);
    struct decide_token t = {.scope = json_str(json_get(p, S("scope")))};
    struct decision_ask ask = {.kind = AT_MBOX, .xdm = w->h->xdm};
    struct decision_moment moment;

    if (text.n > 0 && !decide_token_read(text, w->m->token_key, w->a, &t))
        return;
    if (clicked && t.metric != 0 && !str_eq(t.activity, w->m->activity))
        return;
    ask.name = t.scope;
    moment = told_token_moment(&t, clicked);
    moment.order = w->h->visit->has_order;
    meet_at(w, &ask, &moment);
}

static void
walk_event(struct walk *w, const struct json *xdm)
{
    struct told_event told = told_read_event(xdm);
    struct decision_ask ask = {.parameters = json_get(w->h->visit->asked, S("target")), .xdm = xdm};
    struct decision_moment moment;

    show(w, S_NULL);
    for (struct json_iter it = json_iter(told.propositions); json_next(&it);) {
        if (told.shown)
            proposition(w, it.value, false);
        if (told.clicked)
            proposition(w, it.value, true);
    }
    moment = told_event_moment(w->h->visit, w->out, w->n);
    meet_at(w, &ask, &moment);
}

/* ---- all ---- */

static bool
open_visitor(struct walk *w, const struct visitor *v)
{
    if (!visitor_copy(v, w->a, &w->v))
        return false;
    w->rq = (struct decision_request){.now_ms = w->now_ms, .visitor = &w->v};
    w->rq.previous_ms = visitor_open(&w->v, w->h->visit, w->now_ms);
    return true;
}

enum err
recount_met(void *ctx, const struct visitor *v, struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct walk w = {.m = ctx, .h = h, .a = a, .d = d, .now_ms = now_ms};

    if (!open_visitor(&w, v))
        return diag_set(d, ERR_LIMIT, "a recount: memory of the hit is used up");
    w.rc = decision_begin(w.m->set, &w.rq, a, &w.decision, d);
    if (w.rc != ERR_OK)
        return w.rc;
    if (h->kind == HIT_VISIT)
        walk_request(&w, h->xdm);
    else
        walk_event(&w, h->xdm);
    h->notices = w.out;
    h->notice_count = w.n;
    return w.rc;
}
