/* rule_chain.c - sequences of events [SEGMENTATION 9].
 *
 * Events are sorted by time once. An element that refers to no earlier label is satisfied by an event or not, whatever
 * the other elements matched, so its events are found in one pass; when no element refers to a label, the exact pass of
 * rule_chain_pass.c decides.
 *
 * With labels the choice of an event changes what satisfies later elements. Then the search of the specification runs,
 * with the conditions that need no label evaluated beforehand; the step limit bounds it. */
#include "rule/rule_chain_pass.h"

enum { NONE = -1 };

struct chain_element {
    const struct rule_node *node;
    const struct rule_element *spec;
    struct chain_step *step;
    unsigned char *sat;                   /* per event: the label-free conditions hold */
    const struct rule_node *const *later; /* conditions that refer to earlier labels */
    size_t later_count;
    bool when_later; /* WHEN refers to an earlier label */
};

struct chain {
    struct eval *ev;
    struct eval_timeline events;
    struct chain_element *elements;
    struct chain_step *steps; /* of the elements */
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
    struct eval_timeline line = {.items = ARENA_ARRAY(ev->a, struct eval_moment, room),
                                 .times = ARENA_ARRAY(ev->a, int64_t, room)};
    bool sorted = true;

    if (line.items == NULL || line.times == NULL) {
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
    for (size_t i = 0; i < line.n; i++)
        line.times[i] = line.items[i].ms;
    return line;
}

static struct eval_timeline
eval_timeline_of(struct eval *ev, const struct rule_node *source, struct str path)
{
    struct value list;

    if (source->op != RULE_EVENTS) {
        list = eval_value(ev, source);
        if (list.kind != VALUE_LIST)
            return (struct eval_timeline){0};
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

static void
prepare(struct chain *c, struct chain_element *el, const struct rule_node *node, unsigned first_slot)
{
    struct eval *ev = c->ev;
    const struct rule_node **now = NULL;
    size_t now_count = 0;

    el->node = node;
    el->spec = node->element;
    el->sat = arena_calloc(ev->a, c->events.n, 1);
    *el->step = (struct chain_step){node->element, node->negated, chain_group_size(node->element), el->sat};
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
    chain_gap_range(el->spec, c->events.items[prev].ms, &lo, &hi);
    return lo <= ms && ms <= hi;
}

/* No event strictly between the last match and `until` satisfies a pending negation. */
static bool
clear_until(struct chain *c, size_t neg_from, size_t neg_to, ptrdiff_t prev, int64_t until, bool bounded)
{
    const struct eval_timeline *line = &c->events;
    size_t from = prev == NONE ? 0 : chain_lower_bound(line->times, line->n, line->items[prev].ms + 1);

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
        if (++count < el->step->need)
            continue;
        eval_bind(c->ev, el->node->slot, c->events.items[b].event);
        if (search(c, k + 1, (ptrdiff_t)b))
            return true;
        if (el->step->need == 1)
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
    first = prev == NONE ? 0 : chain_lower_bound(line->times, line->n, line->items[prev].ms + 1);
    for (size_t a = first; a < line->n && !c->ev->stop; a++) {
        if (gap_holds(&c->elements[k], c, prev, a) && satisfies(c, &c->elements[k], a) &&
            clear_until(c, neg_from, k, prev, line->items[a].ms, true) && search_group(c, k, a))
            return true;
    }
    return false;
}

/* ---- */

bool
eval_chain(struct eval *ev, const struct rule_node *n)
{
    struct chain c = {.ev = ev, .count = n->arg_count - 1};
    bool labels = false;

    c.events = eval_timeline_of(ev, n->args[0], n->name);
    if (c.events.n == 0 || ev->stop)
        return false;
    c.elements = ARENA_ARRAY(ev->a, struct chain_element, c.count);
    c.steps = ARENA_ARRAY(ev->a, struct chain_step, c.count);
    if (c.elements == NULL || c.steps == NULL) {
        ev->stop = true;
        return false;
    }
    for (size_t k = 0; k < c.count && !ev->stop; k++) {
        c.elements[k].step = &c.steps[k];
        prepare(&c, &c.elements[k], n->args[k + 1], n->args[1]->slot);
        labels = labels || c.elements[k].later_count > 0 || c.elements[k].when_later;
    }
    if (ev->stop)
        return false;
    if (c.count == 1)
        return chain_count_holds(c.elements[0].spec, chain_satisfied(c.elements[0].sat, c.events.n));
    return labels ? search(&c, 0, NONE) : chain_pass(ev, c.events.times, c.events.n, c.steps, c.count);
}
