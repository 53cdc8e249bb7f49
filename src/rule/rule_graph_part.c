/* rule_graph_part.c - window leaves and their parts as things that equal audiences share: what makes them equal, their
 * hash, a copy that outlives the rule's compilation, and what a part asks its series to keep. */
#include "rule/rule_graph_int.h"

#include <math.h>

#include "base/hash.h"

/* ---- equality and hash ---- */

static bool
same_spans(const struct time_span *a, const struct time_span *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!time_fn_equal(&a[i].lo, &b[i].lo) || !time_fn_equal(&a[i].hi, &b[i].hi))
            return false;
    }
    return true;
}

static bool
same_gaps(const struct rule_node *a, const struct rule_node *b)
{
    const struct rule_element *x, *y;

    if (a == NULL || b == NULL)
        return a == b;
    x = a->element;
    y = b->element;
    if (a->negated != b->negated || x->gap_count != y->gap_count || x->count_count != y->count_count)
        return false;
    for (size_t i = 0; i < x->gap_count; i++) {
        if (x->gaps[i].cmp != y->gaps[i].cmp || x->gaps[i].amount != y->gaps[i].amount ||
            x->gaps[i].unit != y->gaps[i].unit)
            return false;
    }
    for (size_t i = 0; i < x->count_count; i++) {
        if (x->counts[i].cmp != y->counts[i].cmp || x->counts[i].amount != y->counts[i].amount)
            return false;
    }
    return true;
}

static bool
same_part(const struct window_part *a, const struct window_part *b)
{
    return a->aggregate == b->aggregate && a->timed == b->timed && a->instant == b->instant &&
           a->span_count == b->span_count && same_spans(a->spans, b->spans, a->span_count) && same_gaps(a->of, b->of);
}

bool
window_same(const struct window_leaf *a, const struct window_leaf *b)
{
    if (a->form != b->form || a->part_count != b->part_count || a->bound_count != b->bound_count ||
        (a->form == WINDOW_EXPR && (a->slot != b->slot || !rule_equal(a->expr, b->expr))))
        return false;
    for (size_t i = 0; i < a->part_count; i++) {
        if (!same_part(&a->parts[i], &b->parts[i]))
            return false;
    }
    for (size_t i = 0; i < a->bound_count; i++) {
        if (a->bounds[i].cmp != b->bounds[i].cmp || a->bounds[i].literal.kind != b->bounds[i].literal.kind ||
            !value_same(a->bounds[i].literal, b->bounds[i].literal))
            return false;
    }
    return true; /* terms follow from the expression */
}

static uint64_t
part_hash(uint64_t hash, const struct window_part *p)
{
    hash = hash_u64(hash, 4u * p->aggregate + 2u * p->timed + p->instant);
    for (size_t i = 0; i < p->span_count; i++)
        hash = hash_u64(hash_u64(hash, time_fn_hash(&p->spans[i].lo)), time_fn_hash(&p->spans[i].hi));
    if (p->of == NULL)
        return hash;
    hash = hash_u64(hash, p->of->negated);
    for (size_t i = 0; i < p->of->element->gap_count; i++) {
        const struct rule_bound *gap = &p->of->element->gaps[i];
        hash = hash_u64(hash_u64(hash_u64(hash, (uint64_t)gap->amount), gap->unit), gap->cmp);
    }
    for (size_t i = 0; i < p->of->element->count_count; i++) {
        const struct rule_bound *count = &p->of->element->counts[i];
        hash = hash_u64(hash_u64(hash, (uint64_t)count->amount + 1), count->cmp);
    }
    return hash;
}

uint64_t
window_hash(const struct window_leaf *w)
{
    uint64_t hash = hash_u64(w->form, w->part_count);

    for (size_t i = 0; i < w->part_count; i++)
        hash = part_hash(hash, &w->parts[i]);
    for (size_t i = 0; i < w->bound_count; i++)
        hash = hash_u64(hash_u64(hash_u64(hash, w->bounds[i].cmp), w->bounds[i].literal.kind),
                        value_hash(w->bounds[i].literal));
    return w->form == WINDOW_EXPR ? hash_u64(hash_u64(hash, rule_hash(w->expr)), w->slot) : hash;
}

/* ---- a copy ---- */

static void *
copy_of(struct build *b, const void *items, size_t n, size_t item_bytes)
{
    void *out = arena_alloc(b->a, n * item_bytes);

    if (out != NULL && n > 0)
        memcpy(out, items, n * item_bytes);
    return out;
}

bool
window_copy(struct build *b, const struct window_leaf *w, struct window_leaf *out)
{
    *out = *w;
    out->bounds = copy_of(b, w->bounds, w->bound_count, sizeof *w->bounds);
    out->parts = copy_of(b, w->parts, w->part_count, sizeof *w->parts);
    out->terms = copy_of(b, w->terms, w->term_count, sizeof *w->terms);
    if (out->bounds == NULL || out->parts == NULL || out->terms == NULL)
        return false;
    for (size_t i = 0; i < w->part_count; i++) {
        struct window_part *part = &out->parts[i];
        part->spans = copy_of(b, part->spans, part->span_count, sizeof *part->spans);
        if (part->spans == NULL)
            return false;
        for (size_t k = 0; k < part->span_count; k++)
            part->falls_back = part->falls_back || part->spans[k].lo.falls_back || part->spans[k].hi.falls_back;
    }
    return true;
}

/* An event is late or old by its timestamp; a window over another field says nothing about the event's age. */
int64_t
window_lookback_ms(const struct rule_graph *g, const struct series *likes, const struct window_leaf *w)
{
    int64_t back = 0;

    for (size_t i = 0; i < w->part_count; i++) {
        struct horizon h = part_horizon(w, i);
        const struct graph_path *path = &g->paths.p[likes[i].time_path];
        int64_t ms =
            path->n == 1 && str_eq(path->parts[0], S("timestamp")) ? spans_lookback_ms(h.spans, h.n) : INT64_MAX;
        back = ms > back ? ms : back;
    }
    return back;
}

/* ---- series ---- */

struct horizon
part_horizon(const struct window_leaf *w, size_t i)
{
    const struct window_part *part = &w->parts[i];

    while (part->span_count == 0 && w->form == WINDOW_SEQUENCE && i > 0) {
        if (!w->parts[--i].of->negated)
            part = &w->parts[i];
    }
    return (struct horizon){part->spans, part->span_count};
}

/* How many of the newest events decide `count CMP n`: with more inside the window, the answer stays the same. */
static uint32_t
newest_for(const struct window_bound *bound)
{
    double n = bound->literal.kind == VALUE_INT ? (double)bound->literal.i : ceil(bound->literal.f);

    if (!(n < 1e6))
        return NO_ID;
    if (n < 0)
        return 1;
    return (uint32_t)n + 1;
}

static unsigned
picks_for(const struct window_part *part)
{
    unsigned picks = part->aggregate == AGGREGATE_FIRST ? PICKS_FIRST : PICKS_LAST;

    for (size_t i = 0; i < part->span_count; i++) {
        picks |= PICKS_WINDOWED;
        if (!time_fn_reaches_now(&part->spans[i].hi))
            picks |= PICKS_ALL;
    }
    return picks;
}

void
series_needs(struct series *s, const struct window_leaf *w, size_t i)
{
    const struct window_part *part = &w->parts[i];

    s->newest = 1;
    if (part->span_count == 0 && part->aggregate == AGGREGATE_COUNT && w->form != WINDOW_SEQUENCE) {
        s->keep_total = true;
        return;
    }
    s->keep_pairs = true;
    s->forever = part_horizon(w, i).n == 0;
    if (part->aggregate == AGGREGATE_FIRST || part->aggregate == AGGREGATE_LAST)
        s->picks = picks_for(part);
    if (w->form != WINDOW_BOUNDS || part->aggregate == AGGREGATE_SUM)
        s->newest = NO_ID;
    for (size_t k = 0; k < part->span_count; k++) {
        if (!time_fn_reaches_now(&part->spans[k].hi))
            s->newest = NO_ID;
    }
    for (size_t k = 0; k < w->bound_count; k++) {
        uint32_t bound = newest_for(&w->bounds[k]);
        s->newest = bound > s->newest ? bound : s->newest;
    }
}

static enum series_keeps
keeps_for(enum aggregate kind)
{
    switch (kind) {
    case AGGREGATE_COUNT:
        return KEEPS_TIMES;
    case AGGREGATE_SUM:
    case AGGREGATE_AVERAGE:
        return KEEPS_NUMBERS;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        return KEEPS_VALUES;
    default:
        return KEEPS_PICKS;
    }
}

bool
aggregation_part(struct build *b, const struct aggregation *g, bool timed, struct window_part *out, struct series *like)
{
    const struct pattern *p = &g->p;

    *like = (struct series){.keeps = keeps_for(g->kind),
                            .value = g->value,
                            .value_slot = g->value_slot,
                            .test = g->test,
                            .test_slot = g->test_slot};
    like->predicate = build_predicate(b, p->conjuncts, p->n);
    like->time_path =
        p->time_path.n != 0 ? build_path(b, p->time_path.parts, p->time_path.n) : build_path(b, &S("timestamp"), 1);
    out->aggregate = g->kind;
    out->timed = timed || p->span_count > 0;
    out->spans = (struct time_span *)(uintptr_t)p->spans;
    out->span_count = p->span_count;
    return !b->nomem;
}
