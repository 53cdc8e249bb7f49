/* hub_recount_met.c - which metrics of an activity a kept hit meets, found out anew [TARGET 2.7].
 *
 * A hit holds the request itself. Here it is walked through in the order in which the edge did (edge/delivery.c,
 * edge/edge_notice.c): locations shown or clicked, displays in between, and the same decision_met() is asked, of a set
 * that has this activity alone, with its metrics as they are wanted now. What was shown is a fact and stays. */
#include "hub/hub_recount.h"

#include <stdlib.h>

#include "decide/decision.h"

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
meet(struct walk *w, const struct decision_ask *ask, const struct decision_moment *moment)
{
    struct hit_notice *met = NULL;
    size_t n = 0, from = w->n;

    if (w->rc == ERR_OK)
        w->rc = decision_met(w->decision, ask, moment, &met, &n, w->d);
    for (size_t i = 0; w->rc == ERR_OK && i < n; i++)
        add(w, &met[i]);
    learn(w, from);
}

/* ---- a delivery request ---- */

static struct str
location_of(struct str mbox)
{
    return mbox.n == 0 || str_eq(mbox, S("target-global-mbox")) ? S("__view__") : mbox;
}

static struct decision_ask
ask_of(enum decision_kind kind, struct str name, const struct json *details)
{
    return (struct decision_ask){.kind = kind, .name = name, .parameters = json_get(details, S("parameters"))};
}

/* A location that is executed: what it means comes before what it shows. */
static void
execute(struct walk *w, const struct json *details, struct str mbox)
{
    struct decision_ask ask = ask_of(mbox.n > 0 ? AT_MBOX : AT_PAGE, mbox, details);
    struct decision_moment moment = {
        .location = location_of(mbox), .order = json_get(details, S("order")) != NULL, .page = !w->engaged};

    meet(w, &ask, &moment);
    w->engaged = true;
    show(w, moment.location);
}

/* A click token says which metric; one of another activity says nothing here. */
static void
click(struct walk *w, const struct json *details, const struct json *token)
{
    struct decide_token t;
    struct decision_ask ask = ask_of(AT_MBOX, S_NULL, details);
    struct decision_moment moment = {.clicked = true, .order = json_get(details, S("order")) != NULL};

    if (!decide_token_read(json_str(token), w->m->token_key, w->a, &t) || !str_eq(t.activity, w->m->activity))
        return;
    ask.name = moment.location = t.scope;
    if (t.metric != 0) {
        moment.activity = t.activity;
        moment.metric = t.metric;
    }
    show(w, t.scope);
    meet(w, &ask, &moment);
}

static void
notification(struct walk *w, const struct json *n)
{
    const struct json *mbox = json_get(n, S("mbox")), *view = json_get(n, S("view")),
                      *tokens = json_get(n, S("tokens"));
    struct str name = json_str(json_get(mbox != NULL ? mbox : view, S("name")));
    bool clicked = str_eq(json_str(json_get(n, S("type"))), S("click"));
    struct decision_ask ask = ask_of(mbox != NULL ? AT_MBOX : view != NULL ? AT_VIEW : AT_PAGE, name, n);
    struct decision_moment moment = {.location = view != NULL && mbox == NULL ? name : location_of(name),
                                     .clicked = clicked,
                                     .order = json_get(n, S("order")) != NULL,
                                     .page = !clicked && !w->engaged};
    struct decide_token t;

    for (struct json_iter it = json_iter(tokens); json_next(&it);) {
        if (clicked)
            click(w, n, it.value);
        else if (decide_token_read(json_str(it.value), w->m->token_key, w->a, &t) && str_eq(t.activity, w->m->activity))
            show(w, t.scope);
    }
    if (json_count(tokens) > 0 && clicked)
        return;
    if (mbox != NULL || json_get(n, S("pageLoad")) != NULL || name.n > 0)
        meet(w, &ask, &moment);
    w->engaged |= !clicked;
}

static int
by_index(const void *x, const void *y)
{
    const struct json *a = *(const struct json *const *)x, *b = *(const struct json *const *)y;
    int64_t i = json_i64(json_get(a, S("index")), 0), k = json_i64(json_get(b, S("index")), 0);

    return i != k ? (i > k) - (i < k) : (a > b) - (a < b); /* as they came: a list lies in order */
}

static void
walk_request(struct walk *w, const struct json *body)
{
    const struct json *mboxes = json_path(body, S("execute.mboxes")), *page = json_path(body, S("execute.pageLoad"));
    const struct json **order = ARENA_ARRAY(w->a, const struct json *, json_count(mboxes) + 1);
    size_t n = 0;

    for (struct json_iter it = json_iter(json_get(body, S("notifications"))); json_next(&it);)
        notification(w, it.value);
    if (page != NULL)
        execute(w, page, S_NULL);
    for (struct json_iter it = json_iter(mboxes); order != NULL && json_next(&it);)
        order[n++] = it.value;
    if (n > 1)
        qsort(order, n, sizeof *order, by_index);
    for (size_t i = 0; i < n; i++)
        execute(w, order[i], json_str(json_get(order[i], S("name"))));
    show(w, S_NULL);
}

/* ---- an event of the Edge Network ---- */

static bool
flag(const struct json *types, struct str name)
{
    return json_i64(json_get(types, name), 0) > 0 || json_bool(json_get(types, name), false);
}

static void
proposition(struct walk *w, const struct json *p, bool clicked)
{
    const struct json *c = json_path(p, S("scopeDetails.characteristics"));
    struct str text = json_str(json_get(c, S("eventToken")));
    struct decide_token t = {.scope = json_str(json_get(p, S("scope")))};
    struct decision_ask ask = {.kind = AT_MBOX, .xdm = w->h->xdm};
    struct decision_moment moment = {.clicked = clicked, .order = w->h->visit->has_order};

    if (text.n == 0)
        text = json_str(json_path(c, S("eventTokens.display")));
    if (text.n > 0 && !decide_token_read(text, w->m->token_key, w->a, &t))
        return;
    moment.location = ask.name = t.scope;
    if (clicked && t.metric != 0) {
        if (!str_eq(t.activity, w->m->activity))
            return;
        moment.activity = t.activity;
        moment.metric = t.metric;
    }
    meet(w, &ask, &moment);
}

static void
walk_event(struct walk *w, const struct json *xdm)
{
    const struct json *decisioning = json_get(json_get(xdm, S("_experience")), S("decisioning"));
    const struct json *types = json_get(decisioning, S("propositionEventType"));
    struct str event_type = json_str(json_get(xdm, S("eventType")));
    bool display = flag(types, S("display")), interact = flag(types, S("interact"));

    if (types == NULL) {
        display = str_ends(event_type, S("propositionDisplay")) || str_eq(event_type, S("display"));
        interact = str_ends(event_type, S("propositionInteract")) || str_eq(event_type, S("click"));
    }
    show(w, S_NULL);
    for (struct json_iter it = json_iter(json_get(decisioning, S("propositions"))); json_next(&it);) {
        if (display)
            proposition(w, it.value, false);
        if (interact)
            proposition(w, it.value, true);
    }
}

/* ---- all ---- */

static bool
open_visitor(struct walk *w, const struct visitor *v)
{
    uint64_t session = v->session;

    if (!visitor_copy(v, w->a, &w->v))
        return false;
    w->rq = (struct decision_request){.now_ms = w->now_ms, .visitor = &w->v, .previous_ms = v->last_ms};
    visitor_open(&w->v, w->h->visit, w->now_ms);
    if (session != w->v.session)
        w->rq.previous_ms = 0;
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
