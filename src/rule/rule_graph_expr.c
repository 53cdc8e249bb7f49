/* rule_graph_expr.c - expressions that read events through aggregates, as window leaves.
 *
 *   xEvent[p].max(price) > 100        SLOT(0) > 100                 part 0: max over the series (p, price)
 *   xEvent[p].count() > 2 * points    SLOT(0) > 2 * points          part 0: count; also looked at when attributes
 * change xEvent[p].sum(a) / xEvent[p].count() > 5                        parts 0 and 1 xEvent[p].timestamp.max() occurs
 * <= 9 days before now           SLOT(0) occurs ..., with a term for its flips xEvent[p].topN(timestamp, 1).head().sku
 * = "A"                   SLOT(0): whether `sku = "A"` holds of the pick xEvent[p].topN(timestamp, 1).head().timestamp
 * occurs today      SLOT(0) occurs ...: the time of the pick
 *
 * The aggregates are replaced by slots, and the plain evaluator evaluates what is left with the slots bound to what the
 * series say. What the picked event is asked is evaluated once per event, and the pair keeps the answer.
 *
 * Left to the reference: aggregates that read the record or another binder, functions of an aggregate (it may be a
 * text, of which only the beginning is kept), a clock that is read elsewhere, head() of a list as it is. [SEGMENTATION
 * 7.3, 7.4] */
#include "rule/rule_graph_int.h"

#include <stdlib.h>

#include "base/limits.h"
#include "rule/rule_int.h"

#define TEST_BYTES (1 << 20) /* evaluating a condition of no event */

/* ---- compile ---- */

struct rewrite {
    struct build *b;
    struct window_part parts[LIMIT_WINDOW_PARTS];
    struct series likes[LIMIT_WINDOW_PARTS];
    struct aggregation aggregations[LIMIT_WINDOW_PARTS]; /* the parts borrow their spans */
    size_t part_count;
    struct window_term terms[LIMIT_WINDOW_PARTS];
    size_t term_count;
    uint16_t slot;
    const struct rule_node *let; /* open around what is rewritten */
};

static const struct rule_node *rewrite(struct rewrite *r, const struct rule_node *n);

static const struct rule_node *
refuse(struct rewrite *r, const char *why)
{
    r->b->why = why;
    return NULL;
}

static struct rule_node *
copy_node(struct rewrite *r, const struct rule_node *n)
{
    struct rule_node *copy = ARENA_NEW(r->b->a, struct rule_node);
    struct rule_node **args = ARENA_ARRAY(r->b->a, struct rule_node *, n->arg_count);

    if (copy == NULL || args == NULL) {
        r->b->nomem = true;
        return NULL;
    }
    *copy = *n;
    if (n->arg_count > 0)
        memcpy(args, n->args, n->arg_count * sizeof *args);
    copy->args = args;
    return copy;
}

static const struct rule_node *
slot_node(struct rewrite *r, unsigned slot)
{
    struct rule_node *n = ARENA_NEW(r->b->a, struct rule_node);

    if (n == NULL) {
        r->b->nomem = true;
        return NULL;
    }
    n->op = RULE_SLOT;
    n->slot = (uint16_t)slot;
    return n;
}

/* The last aggregation of r becomes a part. */
static const struct rule_node *
add_part(struct rewrite *r)
{
    struct aggregation *g = &r->aggregations[r->part_count];
    bool in_order = g->kind == AGGREGATE_COUNT || g->p.span_count == 0 || is_timestamp(&g->p.time_path);

    if (!in_order)
        return refuse(r, "a window over another field than timestamp leaves the order of events open");
    return slot_node(r, r->slot + (unsigned)r->part_count++);
}

static const struct rule_node *
rewrite_aggregation(struct rewrite *r, const struct rule_node *n)
{
    struct aggregation *g = &r->aggregations[r->part_count];

    if (r->part_count == LIMIT_WINDOW_PARTS)
        return refuse(r, "it has more aggregates than are followed");
    *g = (struct aggregation){.p = {.needs_let = r->let != NULL, .let_slot = r->let != NULL ? r->let->slot : 0}};
    if (!aggregation_of(r->b, n, g))
        return refuse(r, "an aggregate reads more than the single event and windows that are functions of now");
    return add_part(r);
}

static const struct rule_node *
rewrite_occurs(struct rewrite *r, const struct rule_node *n)
{
    struct window_term *term = &r->terms[r->term_count];
    enum span_form form = rule_when_span(n->when, n->args, n->arg_count, &term->span);
    const struct rule_node *receiver;
    struct rule_node *copy;

    if (r->term_count == LIMIT_WINDOW_PARTS || (form != SPAN_INSIDE && form != SPAN_OUTSIDE))
        return refuse(r, "a window that is no function of now");
    receiver = rewrite(r, n->args[0]);
    if (receiver == NULL)
        return NULL;
    if (receiver->op != RULE_SLOT || receiver->slot < r->slot)
        return refuse(r, "the time in occurs is not an aggregate itself");
    copy = copy_node(r, n);
    if (copy == NULL)
        return NULL;
    ((struct rule_node **)(uintptr_t)copy->args)[0] = (struct rule_node *)(uintptr_t)receiver;
    term->part = receiver->slot - r->slot;
    r->term_count++;
    return copy;
}

static bool
is_aggregation(const struct rule_node *n)
{
    return (n->op == RULE_AGG || n->op == RULE_CALL) && n->fn >= FN_COUNT && n->fn <= FN_MAX;
}

static bool
keeps_values(const struct rule_node *n)
{
    switch (n->op) {
    case RULE_LIST:
    case RULE_AND:
    case RULE_OR:
    case RULE_NOT:
    case RULE_COMPARE:
    case RULE_IN:
    case RULE_ARITH:
    case RULE_IF:
    case RULE_LET:
        return true;
    default:
        return n->op == RULE_CALL && (n->fn == FN_IS_NULL || n->fn == FN_IS_NOT_NULL);
    }
}

static const struct rule_node *
rewrite(struct rewrite *r, const struct rule_node *n)
{
    unsigned reads = node_reads(n);
    const struct rule_node *outer = r->let;
    struct rule_node *copy, **args;

    if (n->op == RULE_LITERAL && n->value.kind == VALUE_STRING && n->value.s.n >= LIMIT_WINDOW_TEXT_BYTES)
        return refuse(r, "it has a text that is longer than what is kept of one");
    if ((reads & READS_EVENTS) == 0)
        return (reads & (READS_CLOCK | READS_MEMBERS)) == 0 ? n
                                                            : refuse(r, "it reads the clock or memberships besides");
    if (is_aggregation(n))
        return rewrite_aggregation(r, n);
    if (n->op == RULE_OCCURS)
        return rewrite_occurs(r, n);
    if (!keeps_values(n) || (n->op == RULE_LET && r->let != NULL))
        return refuse(r, "it reads events in a way that keeps no state");
    copy = copy_node(r, n);
    if (copy == NULL)
        return NULL;
    args = (struct rule_node **)(uintptr_t)copy->args;
    for (size_t i = 0; i < n->arg_count; i++) {
        const struct rule_node *one;
        if (n->op == RULE_LET && i == 1)
            r->let = n;
        one = rewrite(r, n->args[i]);
        if (one == NULL)
            return NULL;
        args[i] = (struct rule_node *)(uintptr_t)one;
    }
    r->let = outer;
    return copy;
}

/* A slot that nothing below n binds. */
static unsigned
free_slot(const struct rule_node *n)
{
    unsigned slot = 0, below;

    if (n->op == RULE_LAMBDA || n->op == RULE_GEN || n->op == RULE_LET || n->op == RULE_ELEMENT)
        slot = n->slot + (n->param_count == 2 ? 2u : 1u);
    for (size_t i = 0; i < n->arg_count; i++) {
        below = free_slot(n->args[i]);
        slot = below > slot ? below : slot;
    }
    return slot;
}

/* ---- picks: LIST.topN(key, n).head() and bottomN ---- */

static bool
is_pick(const struct rule_node *n)
{
    const struct rule_node *top;

    if (n->op != RULE_CALL || n->fn != FN_HEAD || n->arg_count != 1)
        return false;
    top = n->args[0];
    return top->op == RULE_CALL && (top->fn == FN_TOP_N || top->fn == FN_BOTTOM_N) && top->arg_count == 3 &&
           top->args[1]->op == RULE_LAMBDA && top->args[1]->param_count <= 1 && top->args[2]->op == RULE_LITERAL &&
           top->args[2]->value.kind == VALUE_INT && top->args[2]->value.i >= 1;
}

static const struct rule_node *
find_pick(const struct rule_node *n)
{
    const struct rule_node *found = is_pick(n) ? n : NULL;

    for (size_t i = 0; i < n->arg_count && found == NULL; i++)
        found = find_pick(n->args[i]);
    return found;
}

/* n with the pick replaced by a slot. */
static const struct rule_node *
without_pick(struct rewrite *r, const struct rule_node *n, const struct rule_node *pick)
{
    struct rule_node *copy, **args;

    if (rule_equal(n, pick))
        return slot_node(r, r->slot);
    if ((node_reads(n) & READS_EVENTS) == 0)
        return n;
    copy = copy_node(r, n);
    if (copy == NULL)
        return NULL;
    args = (struct rule_node **)(uintptr_t)copy->args;
    for (size_t i = 0; i < n->arg_count; i++) {
        args[i] = (struct rule_node *)(uintptr_t)without_pick(r, n->args[i], pick);
        if (args[i] == NULL)
            return NULL;
    }
    return copy;
}

/* What the condition says of no event. */
static bool
test_of_none(const struct rule_node *test)
{
    struct rule_env env = {.now_ms = 0};
    struct value v = VALUE_OF_NULL;
    struct arena a;
    struct diag d;

    arena_init(&a, TEST_BYTES);
    (void)rule_eval_node(test, &env, NULL, 0, &a, &v, &d); /* what takes too much is null for events, too */
    arena_deinit(&a);
    return value_truth(v);
}

static const struct rule_node *
rewrite_pick(struct rewrite *r, const struct rule_node *n, const struct rule_node *pick)
{
    const struct rule_node *top = pick->args[0], *key = top->args[1], *test = without_pick(r, n, pick);
    static const struct str names[] = {{"timestamp", 9}};
    const struct origin timestamp = {.root = ORIGIN_EVENT, .parts = {names[0]}, .n = 1};
    struct aggregation *g = &r->aggregations[0];
    struct origin asked;
    const struct rule_node *slot;

    if (test == NULL)
        return NULL;
    *g = (struct aggregation){.kind = top->fn == FN_TOP_N ? AGGREGATE_LAST : AGGREGATE_FIRST,
                              .value = key->args[0],
                              .value_slot = key->slot,
                              .test = test,
                              .test_slot = r->slot};
    if (!pattern_list(&g->p, top->args[0], false) || node_reads(key->args[0]) != 0)
        return refuse(r, "the list of topN or bottomN is no selection of events by conditions of the single event");
    if (n->op == RULE_OCCURS && node_slot_path(test->args[0], r->slot, &asked) && same_origin(&asked, &timestamp)) {
        g->test = NULL;
        r->parts[0].instant = true;
        if (r->term_count == 0 && rule_when_span(n->when, n->args, n->arg_count, &r->terms[0].span) > SPAN_OUTSIDE)
            return refuse(r, "a window that is no function of now");
        slot = add_part(r);
        if (slot == NULL)
            return NULL;
        r->term_count = 1;
        ((struct rule_node **)(uintptr_t)test->args)[0] = (struct rule_node *)(uintptr_t)slot;
        return test;
    }
    if (node_reads(test) != 0)
        return refuse(r, "what the picked event is asked reads more than that event");
    r->parts[0].none = test_of_none(test);
    return add_part(r);
}

/* ---- the leaf ---- */

/* All aggregates are read before anything is made of one. */
static uint32_t
make_leaf(struct rewrite *r, const struct rule_node *n)
{
    const struct rule_node *pick = find_pick(n);
    struct window_leaf w = {.form = WINDOW_EXPR, .slot = r->slot, .parts = r->parts, .terms = r->terms};

    w.expr = pick != NULL ? rewrite_pick(r, n, pick) : rewrite(r, n);
    if (w.expr == NULL)
        return NO_ID;
    for (size_t i = 0; i < r->part_count; i++) {
        if (!aggregation_part(r->b, &r->aggregations[i], false, &r->parts[i], &r->likes[i]))
            return NO_ID;
    }
    w.part_count = r->part_count;
    w.term_count = r->term_count;
    return build_window(r->b, r->likes, &w);
}

uint32_t
build_expr_leaf(struct build *b, const struct rule_node *n)
{
    struct build_try t = build_try_begin(b);
    unsigned slot = free_slot(n);
    struct rewrite *r;
    uint32_t id;

    if ((node_reads(n) & READS_EVENTS) == 0 || slot > UINT16_MAX - LIMIT_WINDOW_PARTS)
        return NO_ID;
    r = calloc(1, sizeof *r);
    if (r == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    r->b = b;
    r->slot = (uint16_t)slot;
    id = make_leaf(r, n);
    build_try_end(b, t);
    free(r);
    return id;
}

/* ---- truth ---- */

static enum eval_rank
rank_of_kept(const struct value *v)
{
    return v->kind == VALUE_NULL     ? RANK_NONE
           : v->kind == VALUE_TIME   ? RANK_TIME
           : v->kind == VALUE_STRING ? RANK_STRING
                                     : RANK_NUMBER;
}

int
pick_order(const struct value *a, const struct value *b, bool least)
{
    enum eval_rank x = rank_of_kept(a), y = rank_of_kept(b);
    int c = (x > y) - (x < y);

    if (x == RANK_NONE || y == RANK_NONE)
        return (x == RANK_NONE) - (y == RANK_NONE);
    if (c == 0)
        c = value_compare(CMP_GT, *a, *b) - value_compare(CMP_LT, *a, *b);
    return least ? c : -c;
}

static struct value
picked(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);
    size_t best = r.from;

    if (r.from == r.to)
        return part->instant ? VALUE_OF_NULL : value_bool(part->none);
    for (size_t i = r.from + 1; i < r.to; i++) {
        if (pick_order(&r.ss->values[i], &r.ss->values[best], part->aggregate == AGGREGATE_FIRST) < 0)
            best = i;
    }
    if (!part->instant)
        return value_bool(r.ss->held[best]);
    return r.ss->times[best] == TIME_NONE ? VALUE_OF_NULL : (struct value){.kind = VALUE_TIME, .i = r.ss->times[best]};
}

static struct value
folded(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);
    struct eval_fold f = {.fn = part->aggregate == AGGREGATE_MIN ? FN_MIN : FN_MAX};

    for (size_t i = r.from; i < r.to; i++)
        eval_fold_take(&f, r.ss->values[i]);
    return eval_fold_result(&f);
}

static struct value
average(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);
    struct value sum = part_sum(s, part, now);

    if (r.from == r.to || sum.kind == VALUE_NULL)
        return VALUE_OF_NULL;
    return value_double((sum.kind == VALUE_INT ? (double)sum.i : sum.f) / (double)(r.to - r.from));
}

static struct value
part_value(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    switch (part->aggregate) {
    case AGGREGATE_COUNT:
        return part_count(s, part, now);
    case AGGREGATE_SUM:
        return part_sum(s, part, now);
    case AGGREGATE_AVERAGE:
        return average(s, part, now);
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        return folded(s, part, now);
    default:
        return picked(s, part, now);
    }
}

bool
expr_truth(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    const struct rule_node *n = w->expr;
    struct rule_env env = *e->env;
    struct value *slots, out = VALUE_OF_NULL;
    struct diag d;

    if (n->op == RULE_SLOT)
        return value_truth(part_value(e->s, &w->parts[0], now));
    if (n->op == RULE_COMPARE && n->args[0]->op == RULE_SLOT && n->args[1]->op == RULE_LITERAL)
        return value_compare(n->cmp, part_value(e->s, &w->parts[0], now), n->args[1]->value);
    slots = ARENA_ARRAY(e->scratch, struct value, w->slot + w->part_count);
    for (size_t i = 0; i < w->part_count && slots != NULL; i++)
        slots[w->slot + i] = part_value(e->s, &w->parts[i], now);
    env.now_ms = now;
    env.events = NULL;
    env.event_count = 0;
    if (slots == NULL || rule_eval_node(n, &env, slots, w->slot + w->part_count, e->scratch, &out, &d) != ERR_OK)
        e->undecided = true;
    arena_reset(e->scratch);
    return value_truth(out);
}

int64_t
expr_term_flip_ms(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    int64_t next = TIME_NEVER, at;

    for (size_t i = 0; i < w->term_count; i++) {
        const struct window_term *term = &w->terms[i];
        struct value v = value_as_time(part_value(e->s, &w->parts[term->part], now));
        if (v.kind != VALUE_TIME)
            continue;
        at = time_fn_crosses(&term->span.lo, v.i, now);
        next = at < next ? at : next;
        at = time_fn_crosses(&term->span.hi, v.i - 1, now);
        next = at < next ? at : next;
    }
    return next;
}
