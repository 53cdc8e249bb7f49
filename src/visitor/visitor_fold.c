/* visitor_fold.c - what one record changes, and what it counts  [TARGET 2.7, 9.1]. What was shown by a QA link changes
 * nothing [TARGET 1.6].
 *
 *   display     of an activity not entered: entry. Of a session not seen in it: visit. Once a hit, and once for an
 *               impression id: impression
 *   conversion  of an activity that was entered and that no conversion has closed: what its action says
 *
 * A decision that is kept (sticky) makes a membership that nothing counts in until the activity is shown: a page may
 * never render what it was given. Counting knows nothing of metrics: which were met is in the hit.
 *
 * Two records in another order give the same counters, with two exceptions that no bookkeeping of reasonable size would
 * remove: a display that races with the conversion that closes the visit may be of the visit before or after it, and a
 * landing that races with the next page may be of that one. */
#include "visitor/visitor_int.h"

#include "base/hash.h"

struct fold {
    struct visitor *v;
    const struct hit *hit;
    const struct hit_visit *visit; /* may be NULL: a record of before there were visits */
    int64_t now_ms;
    visitor_sink *sink;
    void *ctx;
};

static void
tell(const struct fold *f, struct visitor_count c)
{
    if (f->sink != NULL)
        f->sink(f->ctx, &c);
}

/* ---- twice ---- */

bool
visitor_has(const struct visitor *v, uint64_t offset)
{
    if (offset == VISITOR_ONCE)
        return false;
    for (size_t i = 0; i < v->applied_count; i++) {
        if (v->applied[i] == offset)
            return true;
    }
    return offset < v->applied_floor;
}

static void
remember(struct visitor *v, uint64_t offset)
{
    size_t at;

    if (offset == VISITOR_ONCE)
        return;
    if (v->applied_count == LIMIT_VISITOR_APPLIED) {
        v->applied_floor = v->applied[0] + 1;
        v->applied_count--;
        memmove(v->applied, v->applied + 1, v->applied_count * sizeof v->applied[0]);
        if (offset < v->applied_floor)
            return;
    }
    for (at = v->applied_count; at > 0 && v->applied[at - 1] > offset; at--)
        v->applied[at] = v->applied[at - 1];
    v->applied[at] = offset;
    v->applied_count++;
}

/* ---- displays ---- */

static bool
was_shown(const struct visitor_membership *m, struct str experience)
{
    for (size_t i = 0; i < m->seen_count; i++) {
        if (str_eq(m->seen[i], experience))
            return true;
    }
    return false;
}

static void
remember_experience(struct visitor *v, struct visitor_membership *m)
{
    size_t drop = m->seen_count >= LIMIT_VISITOR_SEEN;
    struct str *seen = ARENA_ARRAY(v->arena, struct str, m->seen_count + 1 - drop);

    if (seen == NULL)
        return;
    m->seen_count -= drop;
    if (m->seen_count > 0)
        memcpy(seen, m->seen + drop, m->seen_count * sizeof *seen);
    seen[m->seen_count++] = m->experience;
    m->seen = seen;
}

static void
move_to(struct visitor *v, struct visitor_membership *m, struct str experience)
{
    if (str_eq(m->experience, experience))
        return;
    visitor_keep(v, &m->experience, experience);
    m->spent = 0;
}

/* The visitor qualifies: for the first time in this experience, or again after a conversion that closed the visit. */
static void
enter(const struct fold *f, struct visitor_membership *m, const struct hit_notice *n)
{
    bool again = m->closed, first = !was_shown(m, m->experience);

    if (m->entered && !first && !again)
        return;
    if (!m->entered || again)
        m->entered_ms = f->now_ms;
    m->entered = true;
    m->closed = false;
    if (again) {
        m->conversion_count = 0;
        m->session = 0;
    }
    if (first)
        remember_experience(f->v, m);
    tell(f, (struct visitor_count){
                .unit = COUNT_ENTRY, .membership = m, .notice = n, .first_ever = first, .reentry = again});
}

/* In the visitor's own session, whatever session a quiet request names: an on-device client makes up one for each
 * [TARGET 0.10]. */
static void
count_visit(const struct fold *f, struct visitor_membership *m, const struct hit_notice *n)
{
    if (m->session == f->v->session)
        return;
    m->session = f->v->session;
    m->visits++;
    tell(f, (struct visitor_count){.unit = COUNT_VISIT, .membership = m, .notice = n});
}

/* The id belongs to a page, on which several requests may show several activities. */
static bool
impression_is_new(struct visitor *v, struct str id, struct str activity)
{
    uint64_t h = hash_bytes(activity, hash_bytes(id, 0));
    uint32_t kept = v->impression_count < LIMIT_VISITOR_IMPRESSIONS ? v->impression_count : LIMIT_VISITOR_IMPRESSIONS;

    for (uint32_t i = 0; i < kept; i++) {
        if (v->impressions[i] == h)
            return false;
    }
    v->impressions[v->impression_count++ % LIMIT_VISITOR_IMPRESSIONS] = h;
    return true;
}

static void
count_impression(const struct fold *f, struct visitor_membership *m, const struct hit_notice *n)
{
    struct str id = n->impression;

    if (id.n == 0 && f->visit != NULL)
        id = f->visit->impression;
    if (m->shown)
        return;
    m->shown = true;
    if (id.n > 0 && !impression_is_new(f->v, id, m->activity))
        return;
    m->impressions++;
    tell(f, (struct visitor_count){.unit = COUNT_IMPRESSION, .membership = m, .notice = n});
}

static void
fold_display(const struct fold *f, const struct hit_notice *n)
{
    struct visitor_membership *m = visitor_member(f->v, n->activity, f->now_ms);

    if (m == NULL || m->barred || m->untracked)
        return;
    move_to(f->v, m, n->experience);
    if (n->arm != ARM_NONE)
        m->arm = n->arm;
    if (n->algorithm.n > 0)
        visitor_keep(f->v, &m->algorithm, n->algorithm);
    enter(f, m, n);
    count_visit(f, m, n);
    count_impression(f, m, n);
}

/* ---- conversions ---- */

static struct visitor_conversion *
conversion(struct visitor *v, struct visitor_membership *m, uint32_t metric)
{
    struct visitor_conversion *grown;

    for (size_t i = 0; i < m->conversion_count; i++) {
        if (m->conversions[i].metric == metric)
            return &m->conversions[i];
    }
    if (m->conversion_count >= LIMIT_ACTIVITY_METRICS + 1) /* and the clicks */
        return NULL;
    grown = ARENA_ARRAY(v->arena, struct visitor_conversion, m->conversion_count + 1);
    if (grown == NULL)
        return NULL;
    if (m->conversion_count > 0)
        memcpy(grown, m->conversions, m->conversion_count * sizeof *grown);
    grown[m->conversion_count] = (struct visitor_conversion){.metric = metric};
    m->conversions = grown;
    return &grown[m->conversion_count++];
}

static void
count_metric(const struct fold *f, struct visitor_membership *m, const struct hit_notice *n, enum visitor_unit unit,
             struct visitor_conversion *c)
{
    bool first = c->count == 0, in_visit = first || c->session != f->v->session;

    c->count++;
    c->session = f->v->session;
    c->page = f->v->page_number;
    tell(f, (struct visitor_count){
                .unit = unit, .membership = m, .notice = n, .first_ever = first, .first_in_visit = in_visit});
}

/* Of a visitor who has entered, and for whom something counts still. */
static struct visitor_membership *
counted_membership(const struct fold *f, const struct hit_notice *n)
{
    struct visitor_membership *m = visitor_membership(f->v, n->activity);

    return m == NULL || !m->entered || m->closed || m->barred || m->untracked ? NULL : m;
}

static void
fold_click(const struct fold *f, const struct hit_notice *n)
{
    struct visitor_membership *m = counted_membership(f, n);
    struct visitor_conversion *c = m != NULL ? conversion(f->v, m, VISITOR_CLICKS) : NULL;

    if (c != NULL)
        count_metric(f, m, n, COUNT_CLICK, c);
}

static void
act(struct visitor_membership *m, enum hit_action action)
{
    switch (action) {
    case ACTION_RESTART_SAME:
    case ACTION_RESTART_RANDOM:
    case ACTION_RESTART_NEW:
        m->closed = true;
        m->restart = action;
        break;
    case ACTION_EXCLUDE_TO_SAME:
        m->untracked = true;
        break;
    case ACTION_BAN:
        m->barred = true;
        break;
    default: /* the visitor stays */
        break;
    }
}

/* Is it met again by what it was met by last: by the same page of the session? */
static bool
is_refresh(const struct fold *f, const struct visitor_conversion *c)
{
    return c->count > 0 && c->page > 0 && c->session == f->v->session && c->page == f->v->page_number;
}

static bool
counts_again(const struct fold *f, const struct hit_notice *n, const struct visitor_conversion *c)
{
    if (n->action == ACTION_COUNT_ONCE)
        return c->count == 0;
    return n->action != ACTION_COUNT_LANDINGS || !is_refresh(f, c);
}

/* An engagement metric adds its value each time, whatever its action says: it is a sum over the visit [TARGET 2.7]. */
static void
fold_conversion(const struct fold *f, const struct hit_notice *n)
{
    struct visitor_membership *m = counted_membership(f, n);
    struct visitor_conversion *c = m != NULL ? conversion(f->v, m, n->metric) : NULL;

    if (c == NULL || (n->value == 0 && !counts_again(f, n, c)))
        return;
    if (n->metric == HIT_METRIC_PRIMARY && f->visit != NULL && f->visit->has_order)
        m->spent += f->visit->order.total;
    count_metric(f, m, n, COUNT_CONVERSION, c);
    act(m, n->action);
}

/* ---- the record ---- */

static void
set_all(const struct fold *f, const struct json *attributes)
{
    struct buf text;

    buf_init(&text, LIMIT_VISITOR_ATTRIBUTE_BYTES);
    for (struct json_iter it = json_iter(attributes); json_next(&it);) {
        buf_clear(&text);
        if (!json_is(it.value, JSON_NULL))
            json_write(&text, it.value);
        if (buf_ok(&text))
            (void)visitor_set(f->v, it.key, buf_str(&text), f->now_ms); /* past the limit: as it was */
        buf_cut(&text, 0);
    }
    buf_deinit(&text);
}

/* Whoever is not known by a device's ids alone has told us who he is. */
static bool
is_name(const struct identity *id)
{
    return id->ns.n > 0 && !str_eq(id->ns, S("ECID")) && !str_eq(id->ns, S(HIT_NS_TNT_ID));
}

static bool
names_visitor(const struct hit_visit *x)
{
    bool named = x->third_party_id.n > 0 || is_name(&x->at);

    for (size_t i = 0; i < x->links.n; i++)
        named = named || is_name(&x->links.items[i]);
    return named;
}

static void
fold_identity(const struct fold *f)
{
    const struct identity *ecid = identity_find(&f->hit->identities, S("ECID"));

    if (f->visit->tnt_id.n > 0)
        visitor_keep(f->v, &f->v->tnt_id, f->visit->tnt_id);
    if (f->visit->third_party_id.n > 0)
        visitor_keep(f->v, &f->v->third_party_id, f->visit->third_party_id);
    if (ecid != NULL)
        visitor_keep(f->v, &f->v->ecid, ecid->id);
    f->v->named = f->v->named || names_visitor(f->visit);
}

static void
fold_visit(const struct fold *f)
{
    if (f->visit == NULL)
        return;
    if (!f->v->open)
        visitor_begin(f->v, f->visit, f->now_ms);
    fold_identity(f);
}

static void
fold_decisions(const struct fold *f)
{
    for (size_t i = 0; i < f->hit->decision_count; i++) {
        const struct hit_decision *x = &f->hit->decisions[i];
        struct visitor_membership *m = x->sticky ? visitor_member(f->v, x->activity, f->now_ms) : NULL;
        if (m == NULL || m->barred)
            continue;
        move_to(f->v, m, x->experience);
        m->arm = x->arm;
        visitor_keep(f->v, &m->algorithm, x->algorithm);
    }
}

static void
fold_notices(const struct fold *f, enum notice_type type,
             void (*fold)(const struct fold *f, const struct hit_notice *n))
{
    for (size_t i = 0; i < f->hit->notice_count; i++) {
        if (f->hit->notices[i].type == type)
            fold(f, &f->hit->notices[i]);
    }
}

static void
fold_activities(const struct fold *f)
{
    fold_decisions(f);
    fold_notices(f, NOTICE_DISPLAY, fold_display);
    fold_notices(f, NOTICE_INTERACT, fold_click);
    fold_notices(f, NOTICE_CONVERT, fold_conversion);
}

bool
visitor_concerned(const struct hit *h)
{
    return h->visit != NULL || h->decision_count > 0 || h->notice_count > 0 || h->profile_params != NULL;
}

struct str
visitor_bare_id(struct str id)
{
    ptrdiff_t dot = str_find_char(id, '.');

    return dot > 0 ? str_slice(id, 0, (size_t)dot) : id;
}

void
visitor_each_id(const struct hit *h, void (*each)(void *ctx, struct str id), void *ctx)
{
    const struct hit_visit *v = h->visit;
    const struct identity_set *sets[3];
    struct str own[3];

    if (v == NULL)
        return;
    own[0] = v->at.id, own[1] = v->tnt_id, own[2] = v->third_party_id;
    sets[0] = &v->links, sets[1] = &v->absorbs, sets[2] = &h->identities;
    for (size_t i = 0; i < 3; i++) {
        if (own[i].n > 0)
            each(ctx, visitor_bare_id(own[i]));
        for (size_t k = 0; k < sets[i]->n; k++) {
            if (sets[i]->items[k].id.n > 0)
                each(ctx, visitor_bare_id(sets[i]->items[k].id));
        }
    }
}

void
visitor_fold(struct visitor *v, const struct hit *h, int64_t now_ms, uint64_t offset, visitor_sink *sink, void *ctx)
{
    struct fold f = {v, h, h->visit, now_ms, sink, ctx};

    if (!visitor_concerned(h) || visitor_has(v, offset))
        return;
    if (!v->open) {
        for (size_t i = 0; i < v->membership_count; i++)
            v->memberships[i].shown = false;
    }
    fold_visit(&f);
    set_all(&f, h->profile_params);
    set_all(&f, h->visit != NULL ? h->visit->attributes : NULL);
    for (struct json_iter it = json_iter(h->visit != NULL ? h->visit->categories : NULL); json_next(&it);)
        visitor_view_category(v, json_str(it.value));
    if (h->visit == NULL || !h->visit->qa)
        fold_activities(&f);
    v->known = true;
    remember(v, offset);
}
