/* decision.c - the decision itself: locations of a request, one after the other [TARGET 2.3, 2.4].
 *
 *   mbox             the first activity in list order that takes the visitor; the rest never sees him
 *   page, view       all that take him; on the page at most one of them form-based, and only if it ranks first;
 * delivered in ascending priority, so that the highest writes last
 *
 * One pass over the placements of a location. What is found out about an activity or an audience is kept for the
 * location, and for the next one when its parameters are the same: an Edge Network event asks for thirty scopes at
 * once.
 *
 * A decision made is a decision kept: when the client takes none of the items (schemas), the location stays empty
 * rather than going to the next activity, and nothing is counted (OURS). */
#include "decide/decision_int.h"

#define OPTIONS_FRAME_BYTES 512u /* around the options of a location: a guess */

void
decision_fail(struct decision *x, const char *what)
{
    x->rc = diag_set(x->d, ERR_LIMIT, "decisions: %s", what);
}

/* ---- taken ---- */

static const struct json *
reporting_json(struct decision *x, const struct activity *a)
{
    struct buf b;
    size_t n = 0;

    if (a->reporting_count == 0)
        return NULL;
    buf_init_in(&b, x->a, 4096);
    buf_putc(&b, '[');
    for (size_t i = 0; i < a->reporting_count; i++) {
        if (!audiences_match(x, &a->reporting[i].audiences))
            continue;
        if (n++ > 0)
            buf_putc(&b, ',');
        buf_put_i64(&b, a->reporting[i].id);
    }
    buf_putc(&b, ']');
    return n > 0 ? json_made(&b, x->a) : NULL;
}

const struct json *
decision_reporting(struct decision *x, uint32_t activity)
{
    return reporting_json(x, &x->s->activities[activity]);
}

static void
add_taken(struct decision *x, const struct placement *p, int e)
{
    const struct activity *a = &x->s->activities[p->activity];
    const struct visitor_membership *m = decision_membership(x, a);
    const struct choice *c = activity_choice(x, p->activity);
    struct decision_taken *t;

    if (x->taken_count == x->taken_cap) {
        size_t cap = x->taken_cap ? x->taken_cap * 2 : 16;
        struct decision_taken *taken = ARENA_ARRAY(x->a, struct decision_taken, cap);
        if (taken == NULL) {
            decision_fail(x, "request memory is used up");
            return;
        }
        if (x->taken_count > 0)
            memcpy(taken, x->taken, x->taken_count * sizeof(*taken));
        x->taken = taken;
        x->taken_cap = cap;
    }
    t = &x->taken[x->taken_count++];
    *t = (struct decision_taken){
        .activity = a->id,
        .experience = a->experiences[e].id,
        .scope = p->scope,
        .entered = m == NULL || m->closed,
        .sticky = a->type != ACTIVITY_XT && x->rq->qa == NULL,
        .reporting = reporting_json(x, a),
    };
    if (c != NULL) {
        t->arm = c->arm;
        t->algorithm = c->algorithm;
        t->propensity = c->propensity;
        t->features = c->features;
        t->untracked = c->untracked;
    }
}

struct hit_decision
decision_hit(const struct decision_taken *t)
{
    return (struct hit_decision){.activity = t->activity,
                                 .experience = t->experience,
                                 .scope = t->scope,
                                 .entered = t->entered,
                                 .sticky = t->sticky,
                                 .arm = t->arm,
                                 .algorithm = t->algorithm,
                                 .propensity = t->propensity,
                                 .why_text = t->why,
                                 .features = t->features};
}

/* ---- what shows at all ---- */

static bool
edge_shows(struct decision *x, const struct proposition *p)
{
    if (p->text.n == 0)
        return false;
    if (!p->conditional)
        return true;
    for (size_t i = 0; i < p->item_count; i++) {
        if (!p->items[i].click && (p->items[i].audiences == NULL || audiences_match(x, p->items[i].audiences)))
            return true;
    }
    return false;
}

static bool
text_shows(struct decision *x, const struct delivery_text *t)
{
    for (size_t i = 0; i < t->option_count; i++) {
        const struct option_part *p = &t->options[i];
        if (p->count == 0 && (p->audiences == NULL || audiences_match(x, p->audiences)))
            return true;
        for (uint32_t k = 0; k < p->count; k++) {
            const struct item *it = &t->items[p->first + k];
            if (it->audiences == NULL || audiences_match(x, it->audiences))
                return true;
        }
    }
    return false;
}

static bool
shows(struct decision *x, const struct placement *p, int e, enum decision_format format)
{
    bool yes = format == FORMAT_EDGE ? edge_shows(x, &p->propositions[e]) : text_shows(x, &p->texts[e]);

    if (!yes)
        why_lost(x, p->activity, LOSS_LOCATION);
    return yes;
}

/* ---- who takes the visitor ---- */

struct taker {
    const struct placement *placement;
    int experience;
};

struct takers {
    struct taker *items; /* in the order of delivery */
    size_t n;
};

static void
take_first(struct decision *x, const struct location *at, enum decision_format format, struct takers *out)
{
    for (size_t i = 0; i < at->n && x->rc == ERR_OK; i++) {
        const struct placement *p = &at->placements[i];
        int e = activity_decide(x, p->activity);
        if (e < 0 || !shows(x, p, e, format))
            continue;
        out->items[out->n++] = (struct taker){p, e};
        for (size_t k = i + 1; x->why != NULL && k < at->n; k++)
            why_lost(x, at->placements[k].activity, LOSS_RANK);
        return;
    }
}

/* A form-based activity is delivered only when it ranks first of all that match [TARGET 2.3]; views stand apart. */
static void
take_all(struct decision *x, const struct location *at, bool views, enum decision_format format, struct takers *out)
{
    bool ranked = false;

    for (size_t i = 0; i < at->n && x->rc == ERR_OK; i++) {
        const struct placement *p = &at->placements[i];
        int e = p->view && !views ? -1 : activity_decide(x, p->activity);
        if (e < 0 || !shows(x, p, e, format))
            continue;
        if (!p->view) {
            if (p->form_based && ranked) {
                why_lost(x, p->activity, LOSS_RANK);
                continue;
            }
            ranked = true;
        }
        out->items[out->n++] = (struct taker){p, e};
    }
    for (size_t i = 0; i < out->n / 2; i++) {
        struct taker t = out->items[i];
        out->items[i] = out->items[out->n - 1 - i];
        out->items[out->n - 1 - i] = t;
    }
}

static struct takers
take(struct decision *x, const struct location *at, bool all, bool views, enum decision_format format)
{
    struct takers t = {at != NULL ? ARENA_ARRAY(x->a, struct taker, at->n + 1) : NULL, 0};

    if (at == NULL)
        return t;
    if (t.items == NULL)
        decision_fail(x, "request memory is used up");
    else if (all)
        take_all(x, at, views, format, &t);
    else
        take_first(x, at, format, &t);
    return t;
}

/* What is about to be written is this activity's. */
static void
view_of(struct decision *x, uint32_t activity)
{
    const struct choice *c = activity_choice(x, activity);

    x->view.activity = &x->s->activities[activity];
    x->view.arm = c != NULL ? c->arm : ARM_NONE;
    x->view.algorithm = c != NULL ? c->algorithm : S_NULL;
}

/* ---- Edge Network: propositions ---- */

static void
write_propositions(struct decision *x, const struct takers *t, const struct decision_ask *ask, struct buf *out)
{
    struct proposition_filter filter = {ask->schema_count == 0 ? ITEM_MASK_ALL : 0, audiences_match, x};
    size_t from = x->taken_count;

    for (size_t i = 0; i < ask->schema_count; i++)
        filter.schemas |= item_schema_bit(ask->schemas[i]);
    for (size_t i = 0; i < t->n && x->rc == ERR_OK; i++) {
        const struct placement *p = t->items[i].placement;
        size_t before = out->n;
        if (x->taken_count > 0)
            buf_putc(out, ',');
        view_of(x, p->activity);
        if (!proposition_write(&p->propositions[t->items[i].experience], &filter, &x->view, out)) {
            out->n = before;
            continue;
        }
        add_taken(x, p, t->items[i].experience);
    }
    why_end(x, from);
}

/* ---- delivery API: options, metrics, analytics ---- */

static void
write_analytics(struct decision *x, size_t from, struct buf *out)
{
    bool first = true;

    for (size_t i = from; x->rq->client_analytics && i < x->taken_count; i++) {
        const struct activity *a = map_get(&x->s->activity_index, x->taken[i].activity);
        if (!a->analytics)
            continue;
        if (first)
            buf_put(out, S(",\"analytics\":{\"payload\":{\"pe\":\"tnt\",\"tnta\":\""));
        analytics_displayed(
            x, &(struct analytics_of){a, x->taken[i].experience, x->taken[i].arm, x->taken[i].algorithm}, first, out);
        first = false;
    }
    if (!first)
        buf_put(out, S("\"}}"));
}

/* Room for what is about to be written, when there is so much: a page of twelve activities would be copied six times.
 */
static void
make_room(const struct takers *t, struct buf *out)
{
    size_t bytes = OPTIONS_FRAME_BYTES;

    for (size_t i = 0; i < t->n; i++)
        bytes += t->items[i].placement->texts[t->items[i].experience].text.n;
    if (bytes < out->bytes_max - out->n)
        (void)buf_grow(out, bytes);
}

static void
write_options(struct decision *x, const struct takers *t, bool prefetch, struct buf *out)
{
    struct delivery_filter filter = {prefetch, x->s, audiences_match, x};
    size_t before = out->n, start;

    make_room(t, out);
    buf_put(out, S(",\"options\":["));
    start = out->n;
    for (size_t i = 0; i < t->n && x->rc == ERR_OK; i++) {
        const struct placement *p = t->items[i].placement;
        size_t here = out->n, body;
        bool shown;
        if (here > start)
            buf_putc(out, ',');
        body = out->n;
        view_of(x, p->activity);
        shown = delivery_write(&p->texts[t->items[i].experience], &filter, &x->view, out);
        if (out->n == body)
            buf_cut(out, here); /* default content writes nothing */
        if (!shown)
            continue;
        add_taken(x, p, t->items[i].experience);
    }
    if (out->n == start)
        buf_cut(out, before);
    else
        buf_putc(out, ']');
}

/* With what its client tells Analytics when it is clicked, if it is the client who does. */
static void
write_metric(struct decision *x, const struct taker *t, const struct metric_part *m, struct buf *out)
{
    const struct placement *p = t->placement;
    const struct activity *a = &x->s->activities[p->activity];
    const struct choice *c = activity_choice(x, p->activity);
    struct analytics_of of = {a, a->experiences[t->experience].id, c != NULL ? c->arm : ARM_NONE,
                              c != NULL ? c->algorithm : S_NULL};
    struct str text = str_slice(p->texts[t->experience].metrics, m->start, m->end);

    if (!x->rq->client_analytics || !a->analytics) {
        buf_put(out, text);
        return;
    }
    buf_put(out, str_slice(text, 0, text.n - 1));
    buf_put(out, S(",\"analytics\":{\"payload\":{\"pe\":\"tnt\",\"tnta\":\""));
    analytics_entry(&of, m->metric, true, out);
    buf_put(out, S("\"}}}"));
}

static void
write_metrics(struct decision *x, const struct takers *t, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < t->n; i++) {
        const struct delivery_text *text = &t->items[i].placement->texts[t->items[i].experience];
        for (size_t k = 0; k < text->metric_count; k++) {
            buf_put(out, first ? S(",\"metrics\":[") : S(","));
            write_metric(x, &t->items[i], &text->metric_parts[k], out);
            first = false;
        }
    }
    if (!first)
        buf_putc(out, ']');
}

/* What a view or a page has decided, for a client that shows it later; opaque to it [TARGET 1.5]. */
static void
write_state(struct decision *x, size_t from, struct buf *out)
{
    buf_put(out, S(",\"state\":\""));
    for (size_t i = from; i < x->taken_count; i++) {
        if (i > from)
            buf_putc(out, ',');
        template_put_escaped(out, x->taken[i].activity);
        buf_putc(out, ':');
        template_put_escaped(out, x->taken[i].experience);
    }
    buf_putc(out, '"');
}

static void
write_item(struct decision *x, const struct takers *t, enum decision_format format, struct buf *out)
{
    size_t from = x->taken_count;

    if (t->n == 0)
        return;
    write_options(x, t, format == FORMAT_PREFETCH, out);
    if (x->taken_count == from)
        return;
    why_end(x, from);
    write_metrics(x, t, out);
    write_analytics(x, from, out);
    if (format == FORMAT_PREFETCH)
        write_state(x, from, out);
}

static void
write_view(struct decision *x, struct str name, struct buf *out)
{
    const struct location *at = map_get(&x->s->views, name);
    struct takers t = take(x, at, true, true, FORMAT_PREFETCH);
    size_t from = x->taken_count;

    if (t.n == 0)
        return;
    if (out->n > x->view_start)
        buf_putc(out, ',');
    buf_put(out, S("{\"name\":"));
    json_quote(out, name);
    buf_put(out, S(",\"key\":"));
    json_quote(out, name);
    write_item(x, &t, FORMAT_PREFETCH, out);
    if (x->rq->trace != NULL)
        trace_write(x, at, name, from, true, out);
    buf_putc(out, '}');
}

static struct str
lower(struct decision *x, struct str s)
{
    struct str copy = arena_str(x->a, s);
    char *p = (char *)(uintptr_t)copy.p;

    for (size_t i = 0; p != NULL && i < copy.n; i++)
        p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    return copy;
}

/* ---- a location ---- */

static struct str
scope_of(struct decision *x, const struct decision_ask *ask)
{
    if (ask->kind == AT_PAGE || str_eq(ask->name, GLOBAL_MBOX))
        return PAGE_SCOPE;
    return surface_canonical(ask->name, x->a);
}

static void
decide_at(struct decision *x, const struct decision_ask *ask, enum decision_format format, struct buf *out)
{
    struct str scope;
    const struct location *at;
    struct takers t;
    size_t from = x->taken_count;

    if (ask->kind == AT_VIEWS) {
        x->view_start = out->n;
        for (size_t i = 0; i < x->s->view_count && x->rc == ERR_OK; i++)
            write_view(x, x->s->view_names[i], out);
        return;
    }
    if (ask->kind == AT_VIEW) {
        x->view_start = out->n;
        write_view(x, lower(x, ask->name), out);
        return;
    }
    scope = scope_of(x, ask);
    at = scope.p != NULL ? map_get(&x->s->locations, scope) : NULL;
    t = take(x, at, at != NULL && at == x->s->page, format == FORMAT_EDGE, format);
    if (format == FORMAT_EDGE)
        write_propositions(x, &t, ask, out);
    else
        write_item(x, &t, format, out);
    if (x->rq->trace != NULL && format != FORMAT_EDGE)
        trace_write(x, at, S_NULL, from, format == FORMAT_PREFETCH, out);
}

/* Another location of the same facts may use what is known; a visitor that has changed is told by decision_changed().
 */
static bool
same_facts(const struct decision_ask *a, const struct decision_ask *b)
{
    return a->parameters == b->parameters && a->xdm == b->xdm && a->url.p == b->url.p && a->referrer.p == b->referrer.p;
}

void
decision_enter(struct decision *x, const struct decision_ask *ask)
{
    bool same = x->known && same_facts(&x->last, ask);

    x->ask = ask;
    x->view.ask = ask;
    why_begin(x);
    if (same)
        return;
    memset(x->decided, 0, x->s->activity_count * sizeof(*x->decided));
    if (x->choices != NULL)
        memset(x->choices, 0, x->s->activity_count * sizeof(struct choice *));
    audiences_forget(x);
    memset(x->view.has_page, 0, sizeof(x->view.has_page));
    x->view.context = NULL;
    x->last = *ask;
    x->known = true;
}

bool
decision_counts(const struct decision *x, struct str activity)
{
    const struct activity *a = map_get(&x->s->activity_index, activity);

    return a != NULL && (activity_is_live(x, a) || x->rq->serve_inactive || x->rq->qa != NULL);
}

void
decision_changed(struct decision *x)
{
    x->known = false;
}

enum err
decision_begin(const struct decide_set *s, const struct decision_request *rq, struct arena *a, struct decision **out,
               struct diag *d)
{
    struct decision *x = ARENA_NEW(a, struct decision);

    if (x == NULL)
        return diag_set(d, ERR_LIMIT, "decisions: request memory is used up");
    *x = (struct decision){.s = s, .rq = rq, .a = a, .d = d, .property = UINT32_MAX};
    x->view = (struct request_view){.rq = rq, .key = s->token_key, .zone_minutes = s->zone_minutes, .arena = a};
    if (rq->property_token.n > 0) {
        size_t found = (size_t)(uintptr_t)map_get(&s->properties, rq->property_token);
        x->property = found > 0 ? (uint32_t)(found - 1) : UINT32_MAX;
    }
    x->decided = ARENA_ARRAY(a, uint16_t, s->activity_count ? s->activity_count : 1);
    if (x->decided == NULL)
        return diag_set(d, ERR_LIMIT, "decisions: request memory is used up");
    x->why = why_new(x);
    *out = x;
    return ERR_OK;
}

enum err
decision_at(struct decision *x, const struct decision_ask *ask, enum decision_format format, struct buf *out,
            struct decision_result *result, struct diag *d)
{
    size_t before = out->n, from;

    x->d = d;
    x->rc = ERR_OK;
    if (format != FORMAT_EDGE)
        x->taken_count = 0;
    from = x->taken_count;
    decision_enter(x, ask);
    decide_at(x, ask, format, out);
    if (x->rc == ERR_OK && !buf_ok(out))
        decision_fail(x, "the answer is too large");
    if (x->rc != ERR_OK) {
        buf_cut(out, before);
        x->taken_count = from;
        return x->rc;
    }
    *result = (struct decision_result){NULL, x->taken_count - from};
    if (result->n > 0)
        result->taken = &x->taken[from];
    return ERR_OK;
}
