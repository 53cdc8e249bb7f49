/* rule_graph_window.c - which expressions become window leaves.
 *
 * A window leaf counts or sums over events, so we look for the shapes that do, in a boolean position:
 *
 *   LIST                        count >= 1     LIST is xEvent, LIST[p], LIST.filter(p) or select E from LIST where p
 *   LIST.exists(), LIST.exists(p), exists E from LIST where p          count >= 1
 *   none E from LIST where p    count = 0      one E from LIST where p: count = 1
 *   chain(LIST, ts, [A: WHAT(p) WHEN(w) COUNT(c)])                     its bounds on the count
 *   LIST.count() CMP n, LIST.f.count() CMP n, count E.f over E from LIST where p CMP n
 *   LIST.sum(f) CMP n, LIST.f.sum() CMP n, sum E.f over E from LIST where p CMP n
 *   let S = (one of these aggregations) in S CMP n
 *
 * p is cut at its ands. A conjunct that is an occurs over a field of the event and reads the clock becomes the window;
 * every other conjunct must read the event only. Sequences of several elements are in rule_graph_chain.c, whatever else
 * reads events through aggregates in rule_graph_expr.c; the rest is left to a scan leaf. [SEGMENTATION 7.3, 7.4, 9.2,
 * 10] */
#include "rule/rule_graph_int.h"

/* ---- patterns ---- */

bool
split_chain_path(struct str path, struct origin *out)
{
    struct str part;

    *out = (struct origin){.root = ORIGIN_EVENT};
    while (str_split(&path, '.', &part)) {
        if (out->n == ORIGIN_PARTS)
            return false;
        out->parts[out->n++] = part;
    }
    return out->n > 0;
}

bool
node_slot_path(const struct rule_node *n, uint16_t slot, struct origin *out)
{
    size_t depth = 0;

    for (const struct rule_node *at = n; at->op == RULE_FIELD; at = at->args[0])
        depth++;
    if (depth == 0 || depth > ORIGIN_PARTS)
        return false;
    *out = (struct origin){.root = ORIGIN_EVENT, .n = depth};
    for (; n->op == RULE_FIELD; n = n->args[0])
        out->parts[--depth] = n->name;
    return n->op == RULE_SLOT && n->slot == slot;
}

bool
same_origin(const struct origin *a, const struct origin *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!str_eq(a->parts[i], b->parts[i]))
            return false;
    }
    return true;
}

static bool
add_span(struct pattern *p, const struct origin *time_path, const struct time_span *span)
{
    if (p->span_count == PATTERN_SPANS || (p->time_path.n != 0 && !same_origin(&p->time_path, time_path)))
        return false;
    p->time_path = *time_path;
    p->spans[p->span_count++] = *span;
    return true;
}

static bool
add_conjunct(struct pattern *p, const struct rule_node *n, uint16_t slot)
{
    if (n->op == RULE_LITERAL && n->value.kind == VALUE_BOOL && n->value.b)
        return true;
    if (p->n == PATTERN_CONJUNCTS || node_reads(n) != 0 || (p->needs_let && node_mentions_slot(n, p->let_slot)))
        return false;
    p->conjuncts[p->n++] = (struct conjunct){.node = n, .slot = slot, .field = NO_ID};
    return true;
}

bool
pattern_where(struct pattern *p, const struct rule_node *n, uint16_t slot, bool loose)
{
    struct origin time_path;
    struct time_span span;

    if (n->op == RULE_AND) {
        for (size_t i = 0; i < n->arg_count; i++) {
            if (!pattern_where(p, n->args[i], slot, loose))
                return false;
        }
        return true;
    }
    if (n->op == RULE_OCCURS && node_reads(n) == READS_CLOCK && node_slot_path(n->args[0], slot, &time_path) &&
        rule_when_span(n->when, n->args, n->arg_count, &span) == SPAN_INSIDE && add_span(p, &time_path, &span))
        return true;
    return add_conjunct(p, n, slot) || loose;
}

bool
pattern_when(struct pattern *p, const struct rule_node *element, struct str path)
{
    struct origin time_path;
    struct time_span span;

    return split_chain_path(path, &time_path) &&
           rule_when_span(&element->element->when, element->args, element->arg_count, &span) == SPAN_INSIDE &&
           add_span(p, &time_path, &span);
}

bool
pattern_list(struct pattern *p, const struct rule_node *n, bool loose)
{
    const struct rule_node *arg;

    if (n->op == RULE_EVENTS)
        return true;
    if (n->op == RULE_CALL && n->fn == FN_FILTER && n->arg_count == 2) {
        arg = n->args[1];
        return arg->op == RULE_LAMBDA && arg->param_count <= 1 && pattern_list(p, n->args[0], loose) &&
               pattern_where(p, arg->args[0], arg->slot, loose);
    }
    if (n->op == RULE_SELECT && n->arg_count == 1) {
        arg = n->args[0];
        return pattern_list(p, arg->args[0], loose) &&
               (arg->arg_count < 2 || pattern_where(p, arg->args[1], arg->slot, loose));
    }
    return false;
}

int64_t
spans_lookback_ms(const struct time_span *spans, size_t n)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        int64_t ms = time_fn_behind_ms(&spans[i].lo);
        least = ms < least ? ms : least;
    }
    return least > 0 ? least : 1; /* a window of the future only: events all the same */
}

bool
is_timestamp(const struct origin *path)
{
    return path->n == 1 && str_eq(path->parts[0], S("timestamp"));
}

int64_t
pattern_lookback_ms(const struct pattern *p)
{
    if (!is_timestamp(&p->time_path))
        return INT64_MAX; /* some other field: the event itself may be old */
    return spans_lookback_ms(p->spans, p->span_count);
}

/* ---- leaves ---- */

static const struct rule_node *
synthetic_slot(struct build *b)
{
    struct rule_node *n = ARENA_NEW(b->a, struct rule_node);

    if (n == NULL) {
        b->nomem = true;
        return NULL;
    }
    n->op = RULE_SLOT;
    return n;
}

/* A copy of the FIELD nodes of n, standing on SLOT(0) in place of `list`: what one event contributes to the projection.
 */
static const struct rule_node *
projection_of_event(struct build *b, const struct rule_node *n, const struct rule_node *list)
{
    struct rule_node *copy, **args;
    const struct rule_node *below;

    if (n == list)
        return synthetic_slot(b);
    below = projection_of_event(b, n->args[0], list);
    copy = ARENA_NEW(b->a, struct rule_node);
    args = ARENA_NEW(b->a, struct rule_node *);
    if (below == NULL || copy == NULL || args == NULL) {
        b->nomem = true;
        return NULL;
    }
    *copy = *n;
    args[0] = (struct rule_node *)(uintptr_t)below;
    copy->args = args;
    return copy;
}

static bool
aggregation_value(struct aggregation *g, const struct rule_node *body, uint16_t slot)
{
    if (node_reads(body) != 0 || (g->p.needs_let && node_mentions_slot(body, g->p.let_slot)))
        return false;
    if (g->kind == AGGREGATE_COUNT && body->op == RULE_SLOT && body->slot == slot)
        return true; /* count E over E from ...: an event is never null */
    g->value = body;
    g->value_slot = slot;
    return true;
}

/* LIST, or fields of LIST. */
static bool
aggregation_receiver(struct build *b, struct aggregation *g, const struct rule_node *n)
{
    const struct rule_node *list = n;
    size_t depth = 0;

    for (; list->op == RULE_FIELD; list = list->args[0])
        depth++;
    if (depth > ORIGIN_PARTS || !pattern_list(&g->p, list, false))
        return false;
    if (depth > 0) {
        g->value = projection_of_event(b, n, list);
        g->value_slot = 0;
        return g->value != NULL;
    }
    return g->kind == AGGREGATE_COUNT; /* events are no numbers: left to the reference */
}

bool
aggregation_of(struct build *b, const struct rule_node *n, struct aggregation *g)
{
    static const enum aggregate kinds[FN__COUNT] = {[FN_COUNT] = AGGREGATE_COUNT,
                                                    [FN_SUM] = AGGREGATE_SUM,
                                                    [FN_AVERAGE] = AGGREGATE_AVERAGE,
                                                    [FN_MIN] = AGGREGATE_MIN,
                                                    [FN_MAX] = AGGREGATE_MAX};

    if (n->fn != FN_COUNT && kinds[n->fn] == AGGREGATE_COUNT)
        return false;
    g->kind = kinds[n->fn];
    if (n->op == RULE_AGG && n->arg_count == 2) {
        const struct rule_node *gen = n->args[1];
        return pattern_list(&g->p, gen->args[0], false) &&
               (gen->arg_count < 2 || pattern_where(&g->p, gen->args[1], gen->slot, false)) &&
               aggregation_value(g, n->args[0], gen->slot);
    }
    if (n->op == RULE_CALL && n->arg_count == 1)
        return aggregation_receiver(b, g, n->args[0]);
    if (n->op == RULE_CALL && n->arg_count == 2 && n->args[1]->op == RULE_LAMBDA && n->args[1]->param_count <= 1)
        return pattern_list(&g->p, n->args[0], false) && aggregation_value(g, n->args[1]->args[0], n->args[1]->slot);
    return false;
}

static uint32_t
leaf_of(struct build *b, const struct aggregation *g, const struct window_bound *bounds, size_t bound_count, bool timed)
{
    struct window_part part = {0};
    struct window_leaf w = {.form = WINDOW_BOUNDS,
                            .parts = &part,
                            .part_count = 1,
                            .bounds = (struct window_bound *)(uintptr_t)bounds,
                            .bound_count = bound_count};

    struct series like;

    return aggregation_part(b, g, timed, &part, &like) ? build_window(b, &like, &w) : NO_ID;
}

static uint32_t
count_leaf(struct build *b, const struct pattern *p, enum value_cmp cmp, int64_t n, bool timed)
{
    struct window_bound bound = {cmp, {.kind = VALUE_INT, .i = n}};
    struct aggregation g = {.p = *p, .kind = AGGREGATE_COUNT};

    return leaf_of(b, &g, &bound, 1, timed);
}

static uint32_t
compare_leaf(struct build *b, const struct rule_node *n, const struct rule_node *let)
{
    static const enum value_cmp mirrored[] = {[CMP_EQ] = CMP_EQ, [CMP_NE] = CMP_NE, [CMP_LT] = CMP_GT,
                                              [CMP_LE] = CMP_GE, [CMP_GT] = CMP_LT, [CMP_GE] = CMP_LE};
    struct aggregation g = {.p = {.needs_let = let != NULL, .let_slot = let != NULL ? let->slot : 0}};
    const struct rule_node *left = n->args[0], *right = n->args[1];
    struct window_bound bound = {.cmp = n->cmp};

    if (left->op == RULE_LITERAL) {
        const struct rule_node *swap = left;
        left = right;
        right = swap;
        bound.cmp = mirrored[n->cmp];
    }
    if (right->op != RULE_LITERAL || (right->value.kind != VALUE_INT && right->value.kind != VALUE_DOUBLE))
        return NO_ID;
    bound.literal = right->value;
    if (let != NULL && left->op == RULE_SLOT && left->slot == let->slot)
        left = let->args[0];
    else if (let != NULL)
        return NO_ID;
    /* A sum over another time field would add in an order the reference does not know. */
    if (!aggregation_of(b, left, &g) || (g.kind != AGGREGATE_COUNT && g.kind != AGGREGATE_SUM) ||
        (g.kind == AGGREGATE_SUM && g.p.span_count > 0 && !is_timestamp(&g.p.time_path)))
        return NO_ID;
    return leaf_of(b, &g, &bound, 1, false);
}

static uint32_t
quant_leaf(struct build *b, const struct rule_node *n)
{
    const struct rule_node *gen = n->args[0];
    struct pattern p = {0};

    if (n->arg_count != 1 || n->quant == QUANT_ALL || !pattern_list(&p, gen->args[0], false) ||
        (gen->arg_count == 2 && !pattern_where(&p, gen->args[1], gen->slot, false)))
        return NO_ID;
    if (n->quant == QUANT_SOME)
        return count_leaf(b, &p, CMP_GE, 1, false);
    return count_leaf(b, &p, CMP_EQ, n->quant == QUANT_ONE ? 1 : 0, false);
}

bool
element_allows_none(const struct rule_element *e)
{
    for (size_t i = 0; i < e->count_count; i++) {
        const struct value amount = {.kind = VALUE_INT, .i = e->counts[i].amount};
        if (!value_compare(e->counts[i].cmp, (struct value){.kind = VALUE_INT, .i = 0}, amount))
            return false;
    }
    return e->count_count > 0;
}

#define CHAIN_BOUNDS 4

static uint32_t
chain_leaf(struct build *b, const struct rule_node *n)
{
    const struct rule_node *element = n->arg_count == 2 ? n->args[1] : NULL;
    struct window_bound bounds[CHAIN_BOUNDS] = {{CMP_GE, {.kind = VALUE_INT, .i = 1}}};
    size_t bound_count = 1;
    struct aggregation g = {.kind = AGGREGATE_COUNT}, all;
    struct origin time_path;
    uint32_t both[2];

    if (element == NULL || element->negated || element->element->count_count > CHAIN_BOUNDS ||
        !pattern_list(&g.p, n->args[0], false))
        return NO_ID;
    /* Events without a readable time at the chain's own path do not count: a window of the list over another hides
     * that. */
    if (!split_chain_path(n->name, &time_path) || (g.p.span_count > 0 && !same_origin(&g.p.time_path, &time_path)))
        return NO_ID;
    g.p.time_path = time_path;
    all = g;
    if (element->arg_count > 0 && !pattern_where(&g.p, element->args[0], element->slot, false))
        return NO_ID;
    if (element->element->has_when && !pattern_when(&g.p, element, n->name))
        return NO_ID;
    for (size_t i = 0; i < element->element->count_count; i++) {
        const struct rule_bound *c = &element->element->counts[i];
        bounds[i] = (struct window_bound){c->cmp, {.kind = VALUE_INT, .i = c->amount}};
        bound_count = i + 1;
    }
    both[0] = leaf_of(b, &g, bounds, bound_count, true);
    if (both[0] == NO_ID || !element_allows_none(element->element))
        return both[0];
    /* COUNT(< 3) holds for none, but an empty list makes every chain false [SEGMENTATION 9.2.5]. */
    both[1] = count_leaf(b, &all.p, CMP_GE, 1, true);
    return both[1] == NO_ID ? NO_ID : build_inner(b, NODE_AND, both, 2);
}

static uint32_t
bounds_leaf(struct build *b, const struct rule_node *n)
{
    struct pattern p = {0};

    switch (n->op) {
    case RULE_EVENTS:
    case RULE_SELECT:
        return pattern_list(&p, n, false) ? count_leaf(b, &p, CMP_GE, 1, false) : NO_ID;
    case RULE_QUANT:
        return quant_leaf(b, n);
    case RULE_CHAIN:
        return chain_leaf(b, n);
    case RULE_COMPARE:
        return compare_leaf(b, n, NULL);
    case RULE_LET:
        return n->args[1]->op == RULE_COMPARE ? compare_leaf(b, n->args[1], n) : NO_ID;
    case RULE_CALL:
        if (n->fn == FN_FILTER)
            return pattern_list(&p, n, false) ? count_leaf(b, &p, CMP_GE, 1, false) : NO_ID;
        if (n->fn != FN_EXISTS || !pattern_list(&p, n->args[0], false))
            return NO_ID;
        if (n->arg_count == 2 &&
            (n->args[1]->op != RULE_LAMBDA || !pattern_where(&p, n->args[1]->args[0], n->args[1]->slot, false)))
            return NO_ID;
        return count_leaf(b, &p, CMP_GE, 1, false);
    default:
        return NO_ID;
    }
}

uint32_t
build_window_leaf(struct build *b, const struct rule_node *n)
{
    uint32_t id = bounds_leaf(b, n);

    if (id != NO_ID || b->nomem)
        return id;
    return n->op == RULE_CHAIN && n->arg_count > 2 ? build_sequence_leaf(b, n) : build_expr_leaf(b, n);
}
