/* rule_block_list.c - patterns of events: lists, quantifiers, aggregates, picks, sequences.
 *
 * A list of events is the set of rows of the event table that it holds: xEvent is all of them, and each filter, select
 * or where takes a predicate over the event as one more operand of a conjunction, a window too. So exists is "some row
 * of the profile", count a number of bits, and a sum runs over the profile's bits. What depends on the order of the
 * list (topN, head) or makes another list of it (map, groupBy, distinct) has no such form, but for the latest, earliest
 * and first event, whose fields are read as if they were the profile's. [SEGMENTATION 7.3, 7.4, 9, 10] */
#include "rule/rule_block_int.h"

/* ---- lists ---- */

/* Predicate n for the event in `slot`. */
static uint32_t
event_bool(struct compile *c, const struct rule_node *n, uint16_t slot)
{
    uint32_t open = c->open, outer = c->event_slot, id;

    c->event_slot = slot;
    c->open = slot + 1u;
    id = compile_bool(c, n);
    c->event_slot = outer;
    c->open = open;
    return id;
}

static uint32_t
both(struct compile *c, uint32_t a, uint32_t b)
{
    if (a == NO_ID || b == NO_ID)
        return NO_ID;
    return compile_junction(c, OP_AND, ON_EVENTS, (const uint32_t[]){a, b}, 2);
}

static uint32_t
events_where(struct compile *c, const struct rule_node *list, const struct rule_node *where, uint16_t slot)
{
    uint32_t id = compile_events(c, list);

    return id == NO_ID || where == NULL ? id : both(c, id, event_bool(c, where, slot));
}

static uint32_t
events_of_gen(struct compile *c, const struct rule_node *gen)
{
    return events_where(c, gen->args[0], gen->arg_count > 1 ? gen->args[1] : NULL, gen->slot);
}

uint32_t
compile_events(struct compile *c, const struct rule_node *n)
{
    if (c->event_slot != NO_ID)
        return compile_refuse(c, n, "events that depend on another event");
    if (n->op == RULE_EVENTS)
        return compile_const(c, ON_EVENTS, true);
    if (n->op == RULE_CALL && n->fn == FN_FILTER && n->arg_count == 2 && n->args[1]->op == RULE_LAMBDA &&
        n->args[1]->param_count <= 1)
        return events_where(c, n->args[0], n->args[1]->args[0], n->args[1]->slot);
    if (n->op == RULE_SELECT && n->arg_count == 1)
        return events_of_gen(c, n->args[0]);
    return compile_refuse(c, n, "a list that is not a selection of events");
}

static uint32_t
some_event(struct compile *c, uint32_t events)
{
    if (events == NO_ID)
        return NO_ID;
    return compile_op(c, &(struct block_op){.kind = OP_EXISTS, .args = &events, .arg_count = 1});
}

/* No event of the list fails the condition. */
static uint32_t
every_event(struct compile *c, uint32_t events, uint32_t holds)
{
    if (events == NO_ID || holds == NO_ID)
        return NO_ID;
    return compile_not(c, some_event(c, both(c, events, compile_not(c, holds))));
}

static uint32_t
count_value(struct compile *c, uint32_t events)
{
    struct block_value v = {.kind = BLOCK_COUNT, .column = NO_ID};

    if (events == NO_ID)
        return NO_ID;
    v.op = compile_op(c, &(struct block_op){.kind = OP_COUNT, .args = &events, .arg_count = 1});
    return v.op == NO_ID ? NO_ID : compile_value_of(c, &v);
}

static uint32_t
int_literal(struct compile *c, int64_t i)
{
    return compile_value_of(
        c, &(struct block_value){.kind = BLOCK_LITERAL, .column = NO_ID, .op = NO_ID, .literal = value_int(i)});
}

uint32_t
compile_quant(struct compile *c, const struct rule_node *n)
{
    const struct rule_node *gen = n->args[0];
    struct block_op one = {.kind = OP_COMPARE, .cmp = CMP_EQ};
    uint32_t events;

    if (n->arg_count != 1)
        return compile_refuse(c, n, "a quantifier over several lists");
    if (n->quant == QUANT_ALL) {
        events = compile_events(c, gen->args[0]);
        if (events == NO_ID || gen->arg_count < 2)
            return events == NO_ID ? NO_ID : compile_const(c, ON_PROFILES, true);
        return every_event(c, events, event_bool(c, gen->args[1], gen->slot));
    }
    events = events_of_gen(c, gen);
    if (n->quant == QUANT_SOME)
        return some_event(c, events);
    if (n->quant == QUANT_NONE)
        return compile_not(c, some_event(c, events));
    one.left = count_value(c, events);
    one.right = int_literal(c, 1);
    return one.left == NO_ID || one.right == NO_ID ? NO_ID : compile_valued_op(c, &one, true);
}

uint32_t
compile_list_call(struct compile *c, const struct rule_node *n)
{
    const struct rule_node *lambda = n->op == RULE_CALL && n->arg_count == 2 ? n->args[1] : NULL;

    if (n->op != RULE_CALL || n->fn == FN_FILTER)
        return some_event(c, compile_events(c, n));
    if (lambda != NULL && (lambda->op != RULE_LAMBDA || lambda->param_count > 1))
        return compile_refuse(c, n, "a quantifier over pairs");
    if (n->fn == FN_EXISTS)
        return some_event(
            c, events_where(c, n->args[0], lambda != NULL ? lambda->args[0] : NULL, lambda != NULL ? lambda->slot : 0));
    if (lambda == NULL)
        return compile_refuse(c, n, "forall without a condition");
    return every_event(c, compile_events(c, n->args[0]), event_bool(c, lambda->args[0], lambda->slot));
}

/* ---- values of several events ---- */

static uint32_t
fold_value(struct compile *c, enum rule_fn fn, uint32_t events, uint32_t body)
{
    struct block_op op = {.kind = OP_FOLD, .fn = fn, .left = body, .args = &events, .arg_count = 1};
    struct block_value v = {.kind = BLOCK_FOLD, .column = NO_ID};

    if (events == NO_ID || body == NO_ID)
        return NO_ID;
    v.op = compile_valued_op(c, &op, false);
    return v.op == NO_ID ? NO_ID : compile_value_of(c, &v);
}

static uint32_t
event_value(struct compile *c, const struct rule_node *n, uint16_t slot)
{
    uint32_t open = c->open, outer = c->event_slot, id;

    c->event_slot = slot;
    c->open = slot + 1u;
    id = compile_value(c, n);
    c->event_slot = outer;
    c->open = open;
    return id;
}

static bool
is_slot(const struct rule_node *n, uint16_t slot)
{
    return n->op == RULE_SLOT && n->slot == slot;
}

/* fn of what the body gives for each event. */
static uint32_t
aggregate_body(struct compile *c, enum rule_fn fn, uint32_t events, const struct rule_node *body, uint16_t slot)
{
    if (fn == FN_COUNT && is_slot(body, slot))
        return count_value(c, events); /* an event is never null */
    return events == NO_ID ? NO_ID : fold_value(c, fn, events, event_value(c, body, slot));
}

/* LIST.count(), or LIST.a.b.sum(): the projection of each event is what the body a.b would give. */
static uint32_t
aggregate_receiver(struct compile *c, const struct rule_node *n)
{
    struct block_value v = {.kind = BLOCK_COLUMN, .domain = ON_EVENTS, .op = NO_ID};
    const struct rule_node *list = n->args[0];
    struct str parts[ORIGIN_PARTS];
    size_t depth = 0;
    uint32_t events;

    for (; list->op == RULE_FIELD && depth < ORIGIN_PARTS; list = list->args[0])
        parts[ORIGIN_PARTS - ++depth] = list->name;
    events = compile_events(c, list);
    if (events == NO_ID)
        return NO_ID;
    if (depth == 0)
        return n->fn == FN_COUNT ? count_value(c, events) : compile_refuse(c, n, "an aggregate of whole events");
    v.column = compile_column(c, ON_EVENTS, parts + ORIGIN_PARTS - depth, depth);
    if (v.column == NO_ID)
        return NO_ID;
    c->p->columns.p[v.column].needs_cells = true;
    return fold_value(c, n->fn, events, compile_value_of(c, &v));
}

static uint32_t
aggregate(struct compile *c, const struct rule_node *n)
{
    if (n->fn != FN_COUNT && n->fn != FN_SUM && n->fn != FN_AVERAGE && n->fn != FN_MIN && n->fn != FN_MAX)
        return compile_refuse(c, n, "a function over lists, maps or several fields");
    if (n->op == RULE_AGG) {
        if (n->arg_count != 2)
            return compile_refuse(c, n, "an aggregate over several lists");
        return aggregate_body(c, n->fn, events_of_gen(c, n->args[1]), n->args[0], n->args[1]->slot);
    }
    if (n->arg_count == 1)
        return aggregate_receiver(c, n);
    if (n->args[1]->op != RULE_LAMBDA || n->args[1]->param_count > 1)
        return compile_refuse(c, n, "an aggregate over pairs");
    return aggregate_body(c, n->fn, compile_events(c, n->args[0]), n->args[1]->args[0], n->args[1]->slot);
}

/* Inside a predicate over an event, the profile's own number for each of its events. */
static uint32_t
on_profiles(struct compile *c, const struct rule_node *n,
            uint32_t (*make)(struct compile *c, const struct rule_node *n))
{
    uint32_t slot = c->event_slot, id;

    if (slot != NO_ID && node_mentions_slot(n, (uint16_t)slot))
        return compile_refuse(c, n, "a list inside of an event");
    c->event_slot = NO_ID;
    id = make(c, n);
    c->event_slot = slot;
    return id;
}

uint32_t
compile_aggregate(struct compile *c, const struct rule_node *n)
{
    return on_profiles(c, n, aggregate);
}

/* ---- one event ---- */

/* topN(timestamp, n).head() is the latest, for any n from 1. */
static bool
is_pick(const struct rule_node *n, enum rule_fn *fn, const struct rule_node **list)
{
    const struct rule_node *top, *key;

    if (n->op != RULE_CALL || n->fn != FN_HEAD || n->arg_count != 1)
        return false;
    top = n->args[0];
    *fn = FN_HEAD;
    *list = top;
    if (top->op != RULE_CALL || (top->fn != FN_TOP_N && top->fn != FN_BOTTOM_N))
        return true;
    key = top->arg_count == 3 && top->args[1]->op == RULE_LAMBDA ? top->args[1]->args[0] : NULL;
    if (key == NULL || key->op != RULE_FIELD || !str_eq(key->name, S("timestamp")) ||
        !is_slot(key->args[0], top->args[1]->slot) || top->args[2]->op != RULE_LITERAL ||
        top->args[2]->value.kind != VALUE_INT || top->args[2]->value.i < 1)
        return false;
    *fn = top->fn;
    *list = top->args[0];
    return true;
}

static uint32_t
picked(struct compile *c, const struct rule_node *n)
{
    struct block_value v = {.kind = BLOCK_PICKED};
    struct block_op op = {.kind = OP_PICK, .arg_count = 1};
    const struct rule_node *at = n, *list;
    struct str parts[ORIGIN_PARTS];
    size_t depth = 0;
    uint32_t events;

    for (; at->op == RULE_FIELD && depth < ORIGIN_PARTS; at = at->args[0])
        parts[ORIGIN_PARTS - ++depth] = at->name;
    if (!is_pick(at, &op.fn, &list))
        return compile_refuse(c, n, "a field of a list, or of something computed");
    events = compile_events(c, list);
    if (events == NO_ID)
        return NO_ID;
    op.args = &events;
    v.op = compile_op(c, &op);
    v.column = compile_column(c, ON_EVENTS, parts + ORIGIN_PARTS - depth, depth);
    if (v.op == NO_ID || v.column == NO_ID)
        return NO_ID;
    c->p->columns.p[v.column].needs_cells = true;
    return compile_value_of(c, &v);
}

uint32_t
compile_picked(struct compile *c, const struct rule_node *n)
{
    return on_profiles(c, n, picked);
}

/* ---- sequences ---- */

/* The instant of an event's timestamp, whatever it is. */
static uint32_t
timed(struct compile *c, const struct time_span *span, bool outside)
{
    return compile_op(c, &(struct block_op){.kind = OP_TIME,
                                            .domain = ON_EVENTS,
                                            .column = c->p->timestamp,
                                            .span = *span,
                                            .negated = outside,
                                            .lists = LISTS_FALSE});
}

/* What satisfies one element, its window included. */
static uint32_t
element_events(struct compile *c, const struct rule_node *el, uint32_t among)
{
    struct time_span span;
    enum span_form form;
    uint32_t id = both(c, among, event_bool(c, el->args[0], el->slot));

    if (!el->element->has_when || id == NO_ID)
        return id;
    form = rule_when_span(&el->element->when, el->args, el->arg_count, &span);
    if (form != SPAN_INSIDE && form != SPAN_OUTSIDE)
        return compile_refuse(c, el, "a window relative to a field");
    return both(c, id, timed(c, &span, form == SPAN_OUTSIDE));
}

uint32_t
compile_chain(struct compile *c, const struct rule_node *n)
{
    static const struct time_span any = {TIME_FN_FIRST, TIME_FN_LAST};
    struct block_op op = {.kind = OP_CHAIN, .expr = n, .arg_count = (uint32_t)n->arg_count};

    if (!str_eq(n->name, S("timestamp")))
        return compile_refuse(c, n, "a sequence by another field than timestamp");
    if (n->arg_count < 2 || (n->arg_count == 2 && n->args[1]->negated))
        return compile_refuse(c, n, "a sequence without events");
    op.args = ARENA_ARRAY(c->a, uint32_t, n->arg_count);
    if (op.args == NULL) {
        c->nomem = true;
        return NO_ID;
    }
    op.args[0] = compile_events(c, n->args[0]);
    if (op.args[0] == NO_ID)
        return NO_ID;
    op.args[0] = both(c, op.args[0], timed(c, &any, false));
    for (size_t i = 1; i < n->arg_count; i++) {
        op.args[i] = op.args[i - 1] == NO_ID ? NO_ID : element_events(c, n->args[i], op.args[0]);
        if (op.args[i] == NO_ID)
            return NO_ID;
    }
    return compile_op(c, &op);
}
