/* rule_chain.c - sequences of events [SEGMENTATION 9].
 *
 * Events are sorted by time once. An element that refers to no earlier label is satisfied by an event or not, whatever
 * the other elements matched, so its events are found in one pass. When no element refers to a label, the positions
 * that each element can end on follow from those of the element before it, by intervals of time: a GAP bounds the first
 * event of the next group from both sides, and the first event that a negated element forbids bounds it from above.
 * That is exact and costs O(elements * events * log events); nothing is tried twice.
 *
 *     ends(k-1):  x     x  x            each x allows an interval of starts for element k
 *     starts(k):    |-----|
 *                         |---|         union of intervals, kept as +1/-1 at its borders
 *
 * With labels the choice of an event changes what satisfies later elements. Then the search of the specification runs,
 * with the conditions that need no label evaluated beforehand; the step limit bounds it. */
#include "rule/rule_int.h"

enum { NONE = -1 };

struct chain_element {
    const struct rule_node *node;
    const struct rule_element *spec;
    size_t need;                          /* events in its group */
    unsigned char *sat;                   /* per event: the label-free conditions hold */
    const struct rule_node *const *later; /* conditions that refer to earlier labels */
    size_t later_count;
    bool when_later; /* WHEN refers to an earlier label */
};

struct chain {
    struct eval *ev;
    struct eval_timeline events;
    struct chain_element *elements;
    size_t count;
};

/* ---- events in order ---- */

static int
by_time(const void *a, const void *b)
{
    const struct eval_moment *x = a, *y = b;

    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static struct value
at_path(struct eval *ev, struct value v, struct str path)
{
    struct str part;

    while (str_split(&path, '.', &part))
        v = eval_project(ev, v, part);
    return v;
}

static struct eval_timeline
timeline_of(struct eval *ev, struct value list, struct str path)
{
    struct value_iter it = value_iter(list);
    size_t room = value_count(list), index = 0;
    struct eval_timeline line = {.items = ARENA_ARRAY(ev->a, struct eval_moment, room)};
    bool sorted = true;

    if (line.items == NULL) {
        ev->stop = true;
        return line;
    }
    while (value_next(&it) && eval_tick(ev, 2)) {
        struct value ms = value_as_time(at_path(ev, it.value, path));
        if (ms.kind != VALUE_TIME) /* no readable scalar timestamp: not an event [C 36] */
            continue;
        if (line.n > 0 && line.items[line.n - 1].ms > ms.i)
            sorted = false;
        line.items[line.n++] = (struct eval_moment){ms.i, index++, value_keep(&it, ev->a, &ev->stop)};
    }
    if (!sorted && !ev->stop)
        qsort(line.items, line.n, sizeof *line.items, by_time);
    return line;
}

static struct eval_timeline
eval_timeline_of(struct eval *ev, const struct rule_node *source, struct str path)
{
    struct value list;

    if (source->op != RULE_EVENTS) {
        list = eval_value(ev, source);
        if (list.kind != VALUE_LIST)
            return (struct eval_timeline){NULL, 0};
        return timeline_of(ev, list, path);
    }
    if (ev->timeline_path.p == NULL || !str_eq(ev->timeline_path, path)) {
        ev->timeline = timeline_of(ev, eval_events(ev), path);
        ev->timeline_path = path;
    }
    return ev->timeline;
}

/* ---- which conditions refer to earlier labels ---- */

static bool
refers(const struct rule_node *n, unsigned from, unsigned to)
{
    if (n->op == RULE_SLOT && n->slot >= from && n->slot < to)
        return true;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (refers(n->args[i], from, to))
            return true;
    }
    return false;
}

/* Splits the conjunction into conditions of the event alone and the rest, which `later` collects; `now` the former. */
static void
split(struct chain *c, struct chain_element *el, unsigned first_slot, const struct rule_node ***now, size_t *now_count)
{
    const struct rule_node *what = el->node->args[0];
    bool conjunction = what->op == RULE_AND;
    size_t count = conjunction ? what->arg_count : 1;
    const struct rule_node **out = ARENA_ARRAY(c->ev->a, const struct rule_node *, 2 * count);

    *now_count = 0;
    if (out == NULL) {
        c->ev->stop = true;
        return;
    }
    *now = out + count;
    el->later = out;
    for (size_t i = 0; i < count; i++) {
        const struct rule_node *one = conjunction ? what->args[i] : what;
        if (refers(one, first_slot, el->node->slot))
            out[el->later_count++] = one;
        else
            (*now)[(*now_count)++] = one;
    }
    for (size_t i = 1; i < el->node->arg_count; i++)
        el->when_later = el->when_later || refers(el->node->args[i], first_slot, el->node->slot);
}

static bool
when_holds(struct chain *c, const struct chain_element *el, const struct eval_moment *e)
{
    return !el->spec->has_when ||
           eval_when(c->ev, &el->spec->when, (const struct rule_node *const *)el->node->args, e->ms);
}

static size_t
group_size(const struct rule_element *spec)
{
    size_t need = 1;

    for (size_t i = 0; i < spec->count_count; i++) {
        int64_t n = spec->counts[i].amount;
        if (spec->counts[i].cmp == CMP_GT && n < INT64_MAX)
            n++;
        if (n > 0 && (uint64_t)n > need)
            need = (size_t)n;
    }
    return need;
}

static void
prepare(struct chain *c, struct chain_element *el, const struct rule_node *node, unsigned first_slot)
{
    struct eval *ev = c->ev;
    const struct rule_node **now = NULL;
    size_t now_count = 0;

    el->node = node;
    el->spec = node->element;
    el->need = group_size(node->element);
    el->sat = arena_calloc(ev->a, c->events.n, 1);
    split(c, el, first_slot, &now, &now_count);
    if (el->sat == NULL)
        ev->stop = true;
    for (size_t e = 0; e < c->events.n && eval_tick(ev, 1); e++) {
        bool holds = true;
        eval_bind(ev, node->slot, c->events.items[e].event);
        for (size_t i = 0; i < now_count && holds && !ev->stop; i++)
            holds = eval_truth(ev, now[i]);
        el->sat[e] = holds && (el->when_later || when_holds(c, el, &c->events.items[e]));
    }
}

/* ---- gaps ---- */

/* The times t that satisfy every gap of `el` after an event at `prev`: lo <= t <= hi. */
static void
gap_range(const struct rule_element *el, int64_t prev, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN;
    *hi = INT64_MAX;
    for (size_t i = 0; i < el->gap_count; i++) {
        int64_t at = rule_time_shift(prev, el->gaps[i].amount, el->gaps[i].unit);
        enum value_cmp cmp = el->gaps[i].cmp;
        if (cmp == CMP_GT && at < INT64_MAX)
            at++;
        if (cmp == CMP_LT && at > INT64_MIN)
            at--;
        if (cmp == CMP_GT || cmp == CMP_GE)
            *lo = at > *lo ? at : *lo;
        else
            *hi = at < *hi ? at : *hi;
    }
}

/* The first event at or after ms. */
static size_t
lower_bound(const struct eval_timeline *line, int64_t ms)
{
    size_t lo = 0, hi = line->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (line->items[mid].ms < ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- the exact pass, for elements that need no labels ---- */

struct pass {
    struct chain *c;
    unsigned char *ends; /* per event: the group of the last positive element can end here */
    bool started;        /* there is a positive element before */
    int64_t *border;     /* n + 1 differences */
    size_t *next;        /* per event and pending negation: the next event that satisfies it; n + 1 entries each */
};

static void
fill_next(const struct chain *c, const struct chain_element *el, size_t *next)
{
    next[c->events.n] = c->events.n;
    for (size_t e = c->events.n; e-- > 0;)
        next[e] = el->sat[e] ? e : next[e + 1];
}

/* The time of the first event after `prev` (any event when !started) that one of the negations forbids. */
static int64_t
first_forbidden(const struct pass *p, size_t neg_from, size_t neg_to, int64_t prev)
{
    const struct eval_timeline *line = &p->c->events;
    int64_t first = INT64_MAX, lo = INT64_MIN, hi = INT64_MAX;

    for (size_t k = neg_from; k < neg_to; k++) {
        const size_t *next = p->next + (k - neg_from) * (line->n + 1);
        size_t e;
        if (p->started) {
            gap_range(p->c->elements[k].spec, prev, &lo, &hi);
            if (lo <= prev)
                lo = prev + 1;
        }
        e = next[lower_bound(line, lo)];
        if (e < line->n && line->items[e].ms <= hi && line->items[e].ms < first)
            first = line->items[e].ms;
    }
    return first;
}

static void
allow(struct pass *p, int64_t lo, int64_t hi)
{
    const struct eval_timeline *line = &p->c->events;
    size_t from, to;

    if (lo > hi)
        return;
    from = lower_bound(line, lo);
    to = hi == INT64_MAX ? line->n : lower_bound(line, hi + 1);
    if (from < to) {
        p->border[from]++;
        p->border[to]--;
    }
}

/* From the possible ends of the element before to those of element k; elements neg_from..k-1 are negated. */
static void
advance(struct pass *p, size_t neg_from, size_t k)
{
    const struct chain_element *el = &p->c->elements[k];
    const struct eval_timeline *line = &p->c->events;
    int64_t lo, hi, first, open = 0;
    size_t run = 0; /* satisfying events since a possible start, that one included */

    memset(p->border, 0, (line->n + 1) * sizeof *p->border);
    if (!p->started)
        allow(p, INT64_MIN, first_forbidden(p, neg_from, k, 0));
    for (size_t e = 0; p->started && e < line->n && eval_tick(p->c->ev, 1); e++) {
        int64_t prev = line->items[e].ms;
        if (!p->ends[e])
            continue;
        gap_range(el->spec, prev, &lo, &hi);
        first = first_forbidden(p, neg_from, k, prev);
        allow(p, lo > prev ? lo : prev + 1, hi < first ? hi : first);
    }
    for (size_t e = 0; e < line->n; e++) {
        open += p->border[e];
        p->ends[e] = 0;
        if (!el->sat[e])
            continue;
        if (run > 0)
            run++;
        else if (open > 0)
            run = 1;
        p->ends[e] = el->need == 1 ? open > 0 : run >= el->need;
    }
    p->started = true;
}

static bool
pass_run(struct chain *c)
{
    struct pass p = {.c = c};
    size_t n = c->events.n, neg_from = 0;

    p.ends = arena_calloc(c->ev->a, n, 1);
    p.border = ARENA_ARRAY(c->ev->a, int64_t, n + 1);
    if (p.ends == NULL || p.border == NULL) {
        c->ev->stop = true;
        return false;
    }
    for (size_t k = 0; k <= c->count; k++) {
        if (k < c->count && c->elements[k].node->negated)
            continue;
        p.next = k > neg_from ? ARENA_ARRAY(c->ev->a, size_t, (k - neg_from) * (n + 1)) : NULL;
        if ((k > neg_from && p.next == NULL) || !eval_tick(c->ev, (k - neg_from + 1) * n)) {
            c->ev->stop = true;
            return false;
        }
        for (size_t i = neg_from; i < k; i++)
            fill_next(c, &c->elements[i], p.next + (i - neg_from) * (n + 1));
        if (k == c->count)
            break;
        advance(&p, neg_from, k);
        neg_from = k + 1;
    }
    for (size_t e = 0; e < n && eval_tick(c->ev, 1); e++) {
        if (p.ends[e] && first_forbidden(&p, neg_from, c->count, c->events.items[e].ms) == INT64_MAX)
            return true;
    }
    return false;
}

/* ---- the search, when labels are referred to ---- */

static bool
satisfies(struct chain *c, const struct chain_element *el, size_t e)
{
    if (!el->sat[e] || !eval_tick(c->ev, 1))
        return false;
    if (el->later_count == 0 && !el->when_later)
        return true;
    eval_bind(c->ev, el->node->slot, c->events.items[e].event);
    for (size_t i = 0; i < el->later_count; i++) {
        if (!eval_truth(c->ev, el->later[i]) || c->ev->stop)
            return false;
    }
    return !el->when_later || when_holds(c, el, &c->events.items[e]);
}

static bool
gap_holds(const struct chain_element *el, const struct chain *c, ptrdiff_t prev, size_t e)
{
    int64_t lo, hi, ms = c->events.items[e].ms;

    if (prev == NONE)
        return true;
    gap_range(el->spec, c->events.items[prev].ms, &lo, &hi);
    return lo <= ms && ms <= hi;
}

/* No event strictly between the last match and `until` satisfies a pending negation. */
static bool
clear_until(struct chain *c, size_t neg_from, size_t neg_to, ptrdiff_t prev, int64_t until, bool bounded)
{
    const struct eval_timeline *line = &c->events;
    size_t from = prev == NONE ? 0 : lower_bound(line, line->items[prev].ms + 1);

    for (size_t k = neg_from; k < neg_to; k++) {
        for (size_t e = from; e < line->n && (!bounded || line->items[e].ms < until); e++) {
            if (gap_holds(&c->elements[k], c, prev, e) && satisfies(c, &c->elements[k], e))
                return false;
            if (c->ev->stop)
                return false;
        }
    }
    return true;
}

static bool search(struct chain *c, size_t k, ptrdiff_t prev);

/* Element k starts its group at event a; the label is bound to the last of the group. */
static bool
search_group(struct chain *c, size_t k, size_t a)
{
    const struct chain_element *el = &c->elements[k];
    size_t count = 0;

    for (size_t b = a; b < c->events.n && !c->ev->stop; b++) {
        if (b > a && !satisfies(c, el, b))
            continue;
        if (++count < el->need)
            continue;
        eval_bind(c->ev, el->node->slot, c->events.items[b].event);
        if (search(c, k + 1, (ptrdiff_t)b))
            return true;
        if (el->need == 1)
            break; /* a group of one ends where it starts */
    }
    return false;
}

static bool
search(struct chain *c, size_t k, ptrdiff_t prev)
{
    const struct eval_timeline *line = &c->events;
    size_t neg_from = k, first;

    if (!eval_tick(c->ev, 1))
        return false;
    while (k < c->count && c->elements[k].node->negated)
        k++;
    if (k == c->count)
        return clear_until(c, neg_from, k, prev, 0, false);
    first = prev == NONE ? 0 : lower_bound(line, line->items[prev].ms + 1);
    for (size_t a = first; a < line->n && !c->ev->stop; a++) {
        if (gap_holds(&c->elements[k], c, prev, a) && satisfies(c, &c->elements[k], a) &&
            clear_until(c, neg_from, k, prev, line->items[a].ms, true) && search_group(c, k, a))
            return true;
    }
    return false;
}

/* ---- */

/* One positive element alone: its bounds hold for the number of satisfying events. */
static bool
count_holds(const struct chain *c)
{
    const struct rule_element *spec = c->elements[0].spec;
    int64_t n = 0;

    for (size_t e = 0; e < c->events.n; e++)
        n += c->elements[0].sat[e];
    for (size_t i = 0; i < spec->count_count; i++) {
        if (!value_compare(spec->counts[i].cmp, value_int(n), value_int(spec->counts[i].amount)))
            return false;
    }
    return spec->count_count > 0 || n > 0;
}

bool
eval_chain(struct eval *ev, const struct rule_node *n)
{
    struct chain c = {.ev = ev, .count = n->arg_count - 1};
    bool labels = false;

    c.events = eval_timeline_of(ev, n->args[0], n->name);
    if (c.events.n == 0 || ev->stop)
        return false;
    c.elements = ARENA_ARRAY(ev->a, struct chain_element, c.count);
    if (c.elements == NULL) {
        ev->stop = true;
        return false;
    }
    for (size_t k = 0; k < c.count && !ev->stop; k++) {
        prepare(&c, &c.elements[k], n->args[k + 1], n->args[1]->slot);
        labels = labels || c.elements[k].later_count > 0 || c.elements[k].when_later;
    }
    if (ev->stop)
        return false;
    if (c.count == 1)
        return count_holds(&c);
    return labels ? search(&c, 0, NONE) : pass_run(&c);
}
