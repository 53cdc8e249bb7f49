/* results.c - one hit: whose it is, what counted, and where that is added.
 *
 *   (1) load the visitor of the hit's place, and take over those whose places are united with it
 *   (2) say which activities an event's order is a conversion of, when the event does not (add_conversions)
 *   (3) judge the order for each activity
 *   (4) visitor_fold(): take() gathers what counted
 *   (5) list the order, add to the counters, store the visitor
 *
 * A visitor who never saw an activity has nothing that could count, so hits of strangers without a display are not
 * kept. A hit counts whole or not at all (results_table.c). */
#include "results/results_int.h"

#include "base/check.h"

/* What one series gains by this hit. */
struct gain {
    struct str activity;
    struct results_series series;
    struct results_counts counts;
};

/* The hit's order in one activity. */
struct order_state {
    struct str activity;
    struct results_verdict verdict;
    bool counted;
};

struct fold {
    struct results_table *t;
    const struct results_lane *lane;  /* the only activity that counts here; NULL: all but those below */
    const struct results_lane *lanes; /* in force */
    size_t lane_count;
    results_met *met; /* NULL: conversions as the hit has them */
    void *met_ctx;
    struct arena *a;
    struct diag *d;
    int64_t now_ms;
    struct hit hit; /* with what counts only */
    struct hit_visit visit;
    bool told;      /* by an edge, with the metrics that it met */
    bool qa;        /* by a QA link: of visitors and an environment of its own, in which it is like any other */
    struct str key; /* of the visitor */
    struct results_visitor v;
    bool has_order;
    struct results_order_in order;
    struct order_state *orders;
    size_t order_count;
    struct gain *gains;
    size_t gain_count, gain_room;
};

/* ---- whose hit ---- */

static struct str
place_key(const struct fold *f, const struct identity *id)
{
    struct str place = id == NULL ? S_NULL : arena_printf(f->a, "%.*s\x1f%.*s", STR_ARG(id->ns), STR_ARG(id->id));

    struct str whose = f->qa ? S("qa") : S("");

    if (f->lane != NULL)
        whose = arena_printf(f->a, "%.*s%c%.*s", STR_ARG(results_lane_activity(f->lane, f->a)), RESULTS_LANE_MARK,
                             STR_ARG(whose));
    return place.n == 0 || whose.p == NULL ? S_NULL : RESULTS_KEY(f->a, 'V', f->hit.scope, whose, place);
}

/* The place that the edge resolved; of what nobody resolved, the device or the owner. */
static const struct identity *
place_of(const struct hit *h)
{
    const struct identity *ecid = identity_find(&h->identities, S("ECID"));

    if (h->visit != NULL && h->visit->at.ns.n > 0)
        return &h->visit->at;
    return ecid != NULL ? ecid : hit_owner(h);
}

/* Activities with a lane are counted in it, and nowhere else. */
static bool
counts_here(const struct fold *f, struct str activity)
{
    if (f->lane != NULL)
        return str_eq(activity, f->lane->activity);
    for (size_t i = 0; i < f->lane_count; i++) {
        if (str_eq(activity, f->lanes[i].activity))
            return false;
    }
    return true;
}

/* What the hit says of other activities is not looked at, nor are its conversions where they are said anew. */
static bool
keep_own(struct fold *f)
{
    struct hit *h = &f->hit;
    struct hit_notice *notices;
    struct hit_decision *decisions;
    size_t n = 0;

    if (f->lane == NULL && f->lane_count == 0)
        return true;
    notices = ARENA_ARRAY(f->a, struct hit_notice, h->notice_count + 1);
    decisions = ARENA_ARRAY(f->a, struct hit_decision, h->decision_count + 1);
    if (notices == NULL || decisions == NULL)
        return false;
    for (size_t i = 0; i < h->notice_count; i++) {
        bool anew = f->met != NULL && h->notices[i].type == NOTICE_CONVERT;
        if (!anew && counts_here(f, h->notices[i].activity))
            notices[n++] = h->notices[i];
    }
    h->notice_count = n;
    h->notices = notices;
    n = 0;
    for (size_t i = 0; i < h->decision_count; i++) {
        if (counts_here(f, h->decisions[i].activity))
            decisions[n++] = h->decisions[i];
    }
    h->decision_count = n;
    h->decisions = decisions;
    return true;
}

/* Attributes, affinities and places change no counter. A hit without a visit is one of a client without sessions. */
static void
open_fold(struct fold *f, const struct hit *h)
{
    f->hit = *h;
    f->visit = h->visit != NULL ? *h->visit : (struct hit_visit){.page = true, .environment = HIT_PRODUCTION};
    f->told = h->visit != NULL;
    f->qa = f->visit.qa;
    f->visit.qa = false;
    f->visit.attributes = f->visit.categories = f->visit.geo = NULL;
    f->hit.profile_params = NULL;
    f->hit.visit = &f->visit;
    f->has_order = results_order_of(h, f->a, &f->order);
}

static int64_t
environment_of(const struct fold *f)
{
    return f->qa ? RESULTS_QA : f->visit.environment;
}

static enum err
absorb(struct fold *f)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < f->visit.absorbs.n; i++) {
        struct str key = place_key(f, &f->visit.absorbs.items[i]);
        struct results_visitor from;
        if (key.p == NULL || str_eq(key, f->key) || !results_has(f->t, key))
            continue;
        rc = results_visitor_load(f->t, key, f->a, &from, f->d);
        if (rc == ERR_OK && !results_visitor_absorb(&f->v, &from))
            rc = results_no_memory(f->d);
        if (rc == ERR_OK)
            rc = results_delete(f->t, key, f->d);
    }
    return rc;
}

/* ---- conversions by an event's order ---- */

static bool
has_notice(const struct hit *h, enum notice_type type, struct str activity)
{
    for (size_t i = 0; i < h->notice_count; i++) {
        if (h->notices[i].type == type && str_eq(h->notices[i].activity, activity))
            return true;
    }
    return false;
}

static void
add_conversion(struct hit *h, struct hit_notice *notices, struct str activity)
{
    if (has_notice(h, NOTICE_CONVERT, activity))
        return;
    notices[h->notice_count++] = (struct hit_notice){
        .type = NOTICE_CONVERT, .activity = activity, .metric = HIT_METRIC_PRIMARY, .action = ACTION_ALWAYS_CONVERT};
}

/* A purchase that a file or a stream tells, which no edge saw, converts in every activity that the visitor has entered.
 * OURS: the documents know orders of pages only. */
static enum err
add_conversions(struct fold *f)
{
    struct visitor *v = &f->v.visitor;
    struct hit_notice *notices;

    if (!f->has_order || f->told)
        return ERR_OK;
    notices = ARENA_ARRAY(f->a, struct hit_notice, f->hit.notice_count * 2 + v->membership_count + 1);
    if (notices == NULL)
        return results_no_memory(f->d);
    if (f->hit.notice_count > 0)
        memcpy(notices, f->hit.notices, f->hit.notice_count * sizeof *notices);
    f->hit.notices = notices;
    for (size_t i = 0, n = f->hit.notice_count; i < n; i++) {
        if (notices[i].type == NOTICE_DISPLAY)
            add_conversion(&f->hit, notices, notices[i].activity);
    }
    for (size_t i = 0; i < v->membership_count; i++) {
        if (v->memberships[i].entered && counts_here(f, v->memberships[i].activity))
            add_conversion(&f->hit, notices, v->memberships[i].activity);
    }
    return ERR_OK;
}

/* As keys name it. */
static struct str
key_activity(const struct fold *f, struct str activity)
{
    return f->lane != NULL ? results_lane_activity(f->lane, f->a) : activity;
}

static struct order_state *
order_state(struct fold *f, struct str activity)
{
    for (size_t i = 0; i < f->order_count; i++) {
        if (str_eq(f->orders[i].activity, activity))
            return &f->orders[i];
    }
    return NULL;
}

static enum err
judge_orders(struct fold *f)
{
    enum err rc = ERR_OK;

    f->orders = ARENA_ARRAY(f->a, struct order_state, f->hit.notice_count + 1);
    if (f->orders == NULL)
        return results_no_memory(f->d);
    for (size_t i = 0; rc == ERR_OK && f->has_order && i < f->hit.notice_count; i++) {
        const struct hit_notice *n = &f->hit.notices[i];
        struct order_state *o;
        if (n->type != NOTICE_CONVERT || order_state(f, n->activity) != NULL)
            continue;
        o = &f->orders[f->order_count++];
        o->activity = n->activity;
        rc = results_order_judge(f->t, f->hit.scope, key_activity(f, n->activity), &f->order, f->now_ms, f->a,
                                 &o->verdict, f->d);
    }
    return rc;
}

/* A second order of an id meets no metric, so that the visitor's first one of his own still is his first. Where a
 * conversion ends the membership it does so all the same, as it has on the edge, which knows no order ids. */
static enum err
drop_duplicates(struct fold *f)
{
    struct hit_notice *kept = f->has_order ? ARENA_ARRAY(f->a, struct hit_notice, f->hit.notice_count + 1) : NULL;
    size_t n = 0;

    if (!f->has_order)
        return ERR_OK;
    if (kept == NULL)
        return results_no_memory(f->d);
    for (size_t i = 0; i < f->hit.notice_count; i++) {
        const struct hit_notice *x = &f->hit.notices[i];
        const struct order_state *o = x->type == NOTICE_CONVERT ? order_state(f, x->activity) : NULL;
        bool stays =
            x->action == ACTION_COUNT_ONCE || x->action == ACTION_COUNT_LANDINGS || x->action == ACTION_ALWAYS_CONVERT;
        if (o == NULL || !o->verdict.duplicate || !stays)
            kept[n++] = *x;
    }
    f->hit.notices = kept;
    f->hit.notice_count = n;
    return ERR_OK;
}

/* ---- what counted ---- */

/* NULL: no memory, which the arena remembers. */
static struct results_counts *
gain_of(struct fold *f, const struct visitor_membership *m, int64_t audience)
{
    struct results_series s = {m->experience, environment_of(f), audience};
    struct gain *g;

    for (size_t i = 0; i < f->gain_count; i++) {
        g = &f->gains[i];
        if (str_eq(g->activity, m->activity) && str_eq(g->series.experience, s.experience) &&
            g->series.audience == audience)
            return &g->counts;
    }
    if (f->gain_count == f->gain_room) {
        size_t room = f->gain_room > 0 ? f->gain_room * 2 : 8;
        struct gain *grown = ARENA_ARRAY(f->a, struct gain, room);
        if (grown == NULL)
            return NULL;
        if (f->gain_count > 0)
            memcpy(grown, f->gains, f->gain_count * sizeof *grown);
        f->gains = grown;
        f->gain_room = room;
    }
    g = &f->gains[f->gain_count++];
    *g = (struct gain){.activity = m->activity, .series = s};
    return &g->counts;
}

static bool
read_audiences(struct fold *f, struct results_entrant *e, const struct json *reporting)
{
    size_t n = json_count(reporting);

    e->audience_count = 0;
    e->audiences = ARENA_ARRAY(f->a, uint64_t, n + 1);
    for (struct json_iter it = json_iter(reporting); e->audiences != NULL && json_next(&it);) {
        int64_t id = json_i64(it.value, -1);
        if (id >= 0 && e->audience_count < LIMIT_ACTIVITY_AUDIENCES)
            e->audiences[e->audience_count++] = (uint64_t)id;
    }
    return e->audiences != NULL;
}

static void
give_to(struct fold *f, const struct visitor_count *c, int64_t audience, const struct results_counts *more)
{
    struct results_counts *to = gain_of(f, c->membership, audience);

    if (to != NULL)
        (void)results_add(to, more, f->a);
}

/* Adds to the counters of everybody, of the arm, and of the reporting audiences: those of the entry, and those that a
 * conversion names besides. */
static void
give(struct fold *f, const struct visitor_count *c, const struct results_entrant *e, const struct results_counts *more)
{
    give_to(f, c, RESULTS_EVERYBODY, more);
    if (c->membership->arm != ARM_NONE)
        give_to(f, c, c->membership->arm == ARM_CONTROL ? RESULTS_CONTROL : RESULTS_TARGETED, more);
    for (size_t i = 0; i < e->audience_count; i++)
        give_to(f, c, (int64_t)e->audiences[i], more);
    if (c->unit != COUNT_CONVERSION)
        return;
    for (struct json_iter it = json_iter(c->notice->reporting); json_next(&it);) {
        int64_t id = json_i64(it.value, -1);
        bool had = id < 0;
        for (size_t i = 0; i < e->audience_count && !had; i++)
            had = e->audiences[i] == (uint64_t)id;
        if (!had)
            give_to(f, c, id, more);
    }
}

/* The first is what was spent before. */
static void
add_spent(struct results_sum *s, double spent[2], double value)
{
    s->sum = value;
    for (int m = BY_VISITOR; m <= BY_VISIT; m++) {
        s->squares[m] = (spent[m] + value) * (spent[m] + value) - spent[m] * spent[m];
        spent[m] += value;
    }
    s->squares[BY_IMPRESSION] = value * value;
}

static void
take_conversion(struct fold *f, const struct visitor_count *c, struct results_entrant *e)
{
    struct order_state *o = order_state(f, c->membership->activity);
    struct results_metric x = {.metric = c->notice->metric, .conversions = {c->first_ever, c->first_in_visit, 1}};
    struct results_counts more = {.metrics = &x, .metric_count = 1};
    double value = c->notice->value;

    if (o != NULL && o->verdict.duplicate)
        return;
    if (o != NULL && value == 0) {
        value = f->order.total;
        x.orders = 1;
        o->counted = true;
    }
    if (x.orders > 0 || value != 0) {
        struct results_spent *s = results_spent(&f->v, e, x.metric);
        if (s == NULL)
            return;
        if (s->session != f->v.visitor.session)
            s->as_is[BY_VISIT] = s->tamed[BY_VISIT] = 0;
        s->session = f->v.visitor.session;
        add_spent(&x.as_is, s->as_is, value);
        add_spent(&x.tamed, s->tamed, x.orders > 0 ? o->verdict.tamed : value);
    }
    give(f, c, e, &more);
}

static void
take(void *ctx, const struct visitor_count *c)
{
    struct fold *f = ctx;
    struct results_entrant *e = results_entrant_new(&f->v, c->membership->activity);
    struct results_counts more = {0};

    if (e == NULL)
        return;
    if (c->unit == COUNT_ENTRY) {
        e->environment = environment_of(f);
        if (!read_audiences(f, e, c->notice->reporting))
            return;
    }
    if (c->reentry || !str_eq(e->experience, c->membership->experience))
        e->spent_count = 0;
    e->experience = c->membership->experience;
    switch (c->unit) {
    case COUNT_ENTRY:
        more.units[BY_VISITOR] = 1;
        more.people = c->first_ever;
        break;
    case COUNT_VISIT:
        more.units[BY_VISIT] = 1;
        break;
    case COUNT_IMPRESSION:
        more.units[BY_IMPRESSION] = 1;
        break;
    case COUNT_CLICK:
        more.clicks = 1;
        more.click_visitors = c->first_ever;
        break;
    case COUNT_CONVERSION:
        if (e->environment == environment_of(f))
            take_conversion(f, c, e);
        return;
    }
    if (c->unit != COUNT_CLICK || e->environment == environment_of(f))
        give(f, c, e, &more);
}

/* ---- where it is added ---- */

static enum err
put_orders(struct fold *f)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < f->order_count; i++) {
        const struct order_state *s = &f->orders[i];
        const struct visitor_membership *m = visitor_membership(&f->v.visitor, s->activity);
        struct results_order o = {.time_ms = f->now_ms,
                                  .id = f->order.id,
                                  .products = f->order.products,
                                  .environment = environment_of(f),
                                  .total = f->order.total,
                                  .duplicate = s->verdict.duplicate,
                                  .outlier = s->verdict.outlier,
                                  .counted = s->counted};
        if (m == NULL || !m->entered)
            continue;
        o.experience = m->experience;
        rc = results_order_put(f->t, f->hit.scope, key_activity(f, s->activity), &o, f->a, f->d);
    }
    return rc;
}

static enum err
put_all(struct fold *f)
{
    enum err rc = f->a->refused ? results_no_memory(f->d) : put_orders(f);

    for (size_t i = 0; rc == ERR_OK && i < f->gain_count; i++) {
        const struct gain *g = &f->gains[i];
        rc = results_count(f->t, f->hit.scope, key_activity(f, g->activity), &g->series, &g->counts, f->now_ms, f->a,
                           f->d);
    }
    return rc == ERR_OK ? results_visitor_store(f->t, f->key, &f->v, f->d) : rc;
}

static enum err
fold(struct fold *f, const struct hit *h)
{
    enum err rc;

    open_fold(f, h);
    f->key = place_key(f, place_of(h));
    if (!keep_own(f) || f->a->refused)
        return results_no_memory(f->d);
    if (f->key.p == NULL || (f->hit.notice_count == 0 && f->visit.absorbs.n == 0 && !results_has(f->t, f->key)))
        return ERR_OK;
    rc = results_visitor_load(f->t, f->key, f->a, &f->v, f->d);
    if (rc == ERR_OK)
        rc = absorb(f);
    if (rc == ERR_OK && f->met != NULL)
        rc = f->met(f->met_ctx, &f->v.visitor, &f->hit, f->now_ms, f->a, f->d);
    if (rc == ERR_OK)
        rc = add_conversions(f);
    if (rc == ERR_OK)
        rc = judge_orders(f);
    if (rc == ERR_OK)
        rc = drop_duplicates(f);
    if (rc != ERR_OK)
        return rc;
    visitor_fold(&f->v.visitor, &f->hit, f->now_ms, VISITOR_ONCE, take, f);
    return put_all(f);
}

/* First what has no lane, then each lane. */
static enum err
fold_all(struct results_table *t, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct fold f = {.t = t, .a = a, .d = d, .now_ms = now_ms};
    struct results_lane *lanes;
    size_t n;
    enum err rc = results_lanes(t, h->scope, a, &lanes, &n, d);

    f.lanes = lanes;
    f.lane_count = n;
    if (rc == ERR_OK)
        rc = results_see(t, h, a, d);
    if (rc == ERR_OK)
        rc = fold(&f, h);
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        struct fold one = {.t = t, .a = a, .d = d, .now_ms = now_ms, .lane = &lanes[i]};
        rc = fold(&one, h);
    }
    return rc;
}

static bool
concerns_visitors(const struct hit *h)
{
    return h->kind == HIT_EVENT || h->kind == HIT_VISIT;
}

enum err
results_fold(struct kv *k, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct results_table t;
    enum err rc;

    if (!concerns_visitors(h))
        return ERR_OK;
    results_table_init(&t, k, a);
    rc = fold_all(&t, h, now_ms, a, d);
    if (rc == ERR_OK)
        rc = results_apply(&t, d);
    results_table_deinit(&t);
    return rc;
}

enum err
results_fold_lane(struct kv *k, const struct results_lane *lane, const struct hit *h, int64_t now_ms, results_met *met,
                  void *ctx, struct arena *a, struct diag *d)
{
    struct results_table t;
    struct fold f = {.t = &t, .a = a, .d = d, .now_ms = now_ms, .lane = lane, .met = met, .met_ctx = ctx};
    enum err rc;

    if (!concerns_visitors(h))
        return ERR_OK;
    results_table_init(&t, k, a);
    rc = fold(&f, h);
    if (rc == ERR_OK)
        rc = results_apply(&t, d);
    results_table_deinit(&t);
    return rc;
}
