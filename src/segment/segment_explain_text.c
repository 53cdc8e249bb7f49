/* segment_explain_text.c - sentences about leaves: what is there, and what there must be.
 *
 *   fields    loyalty.points must be >= 500, is 420
 *   count     1 more event with eventType = "view" within 24 hours
 *   sum       xEvent.sum(total) must be > 500, is 70
 *   sequence  these events must occur in order: CHAIN(...)
 *   audience  must be a member of the audience "vip"
 *
 * A part of the rule is printed as a rule of its own, so it is PQL that compiles to that part. What a count counts is
 * taken apart once more: the condition of the event, and the window when it is "<= n units before now" of the
 * timestamp. Any other form stays PQL: a sentence that is not quite what the rule says would be worse than none. */
#include "segment/segment_explain_int.h"

#include "base/limits.h"
#include "pql/pql.h"

#define PART_BYTES 65536 /* of the struct around a part that is printed as a rule */
#define MORE S("...")

struct str
explain_cmp(enum value_cmp cmp)
{
    static const char *const texts[] = {
        [CMP_EQ] = "=", [CMP_NE] = "!=", [CMP_LT] = "<", [CMP_LE] = "<=", [CMP_GT] = ">", [CMP_GE] = ">="};

    return str_of(texts[cmp]);
}

static struct str
cut(struct arena *a, struct str s)
{
    size_t n = LIMIT_EXPLAIN_TEXT_BYTES - MORE.n;

    if (s.n <= LIMIT_EXPLAIN_TEXT_BYTES)
        return s;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) /* not inside a character */
        n--;
    return arena_printf(a, "%.*s...", (int)n, s.p);
}

struct str
explain_text(struct explain_writer *x, const struct rule_node *n)
{
    struct arena *head = malloc(sizeof *head);
    struct diag ignored = DIAG_INIT; /* a part without a text is shown without one */
    struct str out = S("");
    struct rule *r;
    struct buf b;

    if (head == NULL)
        return out;
    arena_init(head, PART_BYTES);
    r = rule_new(head, n, x->slot_count);
    if (r == NULL) {
        arena_deinit(head);
        free(head);
        return out;
    }
    buf_init(&b, LIMIT_PQL_TEXT_BYTES);
    if (pql_print(r, PQL_TEXT, &b, &ignored) == ERR_OK)
        out = cut(x->a, arena_str(x->a, buf_str(&b)));
    buf_deinit(&b);
    rule_free(r);
    return out.p != NULL ? out : S("");
}

struct str
explain_value(struct explain_writer *x, struct value v)
{
    struct str out = S_NULL;
    struct buf b;

    buf_init(&b, LIMIT_EXPLAIN_TEXT_BYTES);
    value_write(&b, v);
    if (buf_ok(&b))
        out = arena_str(x->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* "is 420", "is not there" */
static struct str
seen(struct explain_writer *x, struct value v)
{
    struct str text = explain_value(x, v);

    if (v.kind == VALUE_NULL)
        return S("is not there");
    return text.p != NULL ? arena_printf(x->a, "is %.*s", STR_ARG(text)) : S("is something else");
}

/* ---- events ---- */

/* What an event must satisfy to count. */
struct wanted {
    const struct rule_node *list;      /* the profile's events */
    const struct rule_node *condition; /* NULL: none */
    uint16_t slot;
    const struct rule_when *when; /* of a chain's element; NULL: none */
    const struct rule_node *const *when_args;
};

static bool
wanted_lambda(struct wanted *out, const struct rule_node *list, const struct rule_node *lambda)
{
    *out = (struct wanted){.list = list, .condition = lambda->args[0], .slot = lambda->slot};
    return list->op == RULE_EVENTS && lambda->op == RULE_LAMBDA;
}

static bool
wanted_gen(struct wanted *out, const struct rule_node *gen)
{
    *out =
        (struct wanted){.list = gen->args[0], .condition = gen->arg_count > 1 ? gen->args[1] : NULL, .slot = gen->slot};
    return gen->args[0]->op == RULE_EVENTS;
}

static bool
wanted_element(struct wanted *out, const struct rule_node *chain)
{
    const struct rule_node *element = chain->args[1];

    *out = (struct wanted){.list = chain->args[0], .condition = element->args[0], .slot = element->slot};
    if (element->element->has_when)
        out->when = &element->element->when;
    out->when_args = (const struct rule_node *const *)element->args;
    return chain->args[0]->op == RULE_EVENTS && str_eq(chain->name, S("timestamp"));
}

static bool
wanted_of(struct wanted *out, const struct rule_node *n)
{
    if (n->op == RULE_EVENTS) {
        *out = (struct wanted){.list = n};
        return true;
    }
    if (n->op == RULE_CALL && (n->fn == FN_FILTER || n->fn == FN_EXISTS) && n->arg_count == 2)
        return wanted_lambda(out, n->args[0], n->args[1]);
    if ((n->op == RULE_QUANT || n->op == RULE_SELECT) && n->arg_count == 1)
        return wanted_gen(out, n->args[0]);
    return n->op == RULE_CHAIN && n->arg_count == 2 && wanted_element(out, n);
}

static const char *
unit_name(enum rule_unit unit)
{
    static const char *const names[] = {
        [UNIT_MS] = "millisecond", [UNIT_SECOND] = "second",   [UNIT_MINUTE] = "minute",        [UNIT_HOUR] = "hour",
        [UNIT_DAY] = "day",        [UNIT_WEEK] = "week",       [UNIT_MONTH] = "month",          [UNIT_YEAR] = "year",
        [UNIT_DECADE] = "decade",  [UNIT_CENTURY] = "century", [UNIT_MILLENNIUM] = "millennium"};

    return names[unit];
}

/* "<= n units before now", said of the event's timestamp. */
static struct str
window_text(struct explain_writer *x, const struct rule_when *when, const struct rule_node *const *args)
{
    if (when->form != WHEN_DISTANCE || when->cmp != CMP_LE || when->side != SIDE_BEFORE ||
        when->from.period != PERIOD_NONE || args[when->from.arg]->op != RULE_NOW || when->unit >= UNIT_DECADE)
        return S_NULL;
    return arena_printf(x->a, " within %lld %s%s", (long long)when->amount, unit_name(when->unit),
                        when->amount == 1 ? "" : "s");
}

static bool
is_timestamp(const struct rule_node *n, uint16_t slot)
{
    return n->op == RULE_FIELD && str_eq(n->name, S("timestamp")) && n->args[0]->op == RULE_SLOT &&
           n->args[0]->slot == slot;
}

static struct rule_node *
node_of(struct explain_writer *x, enum rule_op op, size_t arg_count)
{
    struct rule_node *n = ARENA_NEW(x->a, struct rule_node);
    struct rule_node **args = ARENA_ARRAY(x->a, struct rule_node *, arg_count);

    if (n == NULL || args == NULL)
        return NULL;
    n->op = op;
    n->args = args;
    n->arg_count = arg_count;
    return n;
}

static void
set_arg(struct rule_node *n, size_t i, const struct rule_node *arg)
{
    ((struct rule_node **)(uintptr_t)n->args)[i] = (struct rule_node *)(uintptr_t)arg; /* read only from here on */
}

/* The condition without the conjunct `but`; NULL: nothing is left, or no memory. */
static const struct rule_node *
without(struct explain_writer *x, const struct rule_node *n, const struct rule_node *but)
{
    struct rule_node *rest;
    size_t kept = 0;

    if (but == NULL || n == but)
        return but == NULL ? n : NULL;
    if (n->arg_count == 2)
        return n->args[n->args[0] == but];
    rest = node_of(x, RULE_AND, n->arg_count);
    if (rest == NULL)
        return NULL;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (n->args[i] != but)
            set_arg(rest, kept++, n->args[i]);
    }
    rest->arg_count = kept;
    return rest;
}

/* " with eventType = "view"", p NULL: it has no text. */
static struct str
condition_text(struct explain_writer *x, const struct wanted *q, const struct rule_node *condition)
{
    struct rule_node *filter = node_of(x, RULE_CALL, 2), *lambda = node_of(x, RULE_LAMBDA, 1);
    struct str text, head = S("xEvent["), tail = S("]");

    if (filter == NULL || lambda == NULL)
        return S_NULL;
    filter->fn = FN_FILTER;
    lambda->slot = q->slot;
    lambda->param_count = 1;
    set_arg(lambda, 0, condition);
    set_arg(filter, 0, q->list);
    set_arg(filter, 1, lambda);
    text = explain_text(x, filter);
    if (!str_starts(text, head) || !str_ends(text, tail))
        return S_NULL;
    return arena_printf(x->a, " with %.*s", STR_ARG(str_slice(text, head.n, text.n - tail.n)));
}

/* The conjunct that is the window, and its text; NULL: there is none. */
static const struct rule_node *
window_of(struct explain_writer *x, const struct wanted *q, struct str *text)
{
    bool conjunction = q->condition != NULL && q->condition->op == RULE_AND;
    size_t count = conjunction ? q->condition->arg_count : q->condition != NULL;

    for (size_t i = 0; i < count; i++) {
        const struct rule_node *one = conjunction ? q->condition->args[i] : q->condition;
        struct str window = S_NULL;
        if (one->op == RULE_OCCURS && is_timestamp(one->args[0], q->slot))
            window = window_text(x, one->when, (const struct rule_node *const *)one->args);
        if (window.p == NULL)
            continue;
        *text = window;
        return one;
    }
    return NULL;
}

static bool
is_true(const struct rule_node *n)
{
    return n->op == RULE_LITERAL && n->value.kind == VALUE_BOOL && n->value.b;
}

/* " with eventType = "view" within 24 hours", behind "event" or "events"; p NULL: it cannot be said so. */
static struct str
events_text(struct explain_writer *x, const struct rule_node *n)
{
    const struct rule_node *window_node = NULL, *rest = NULL;
    struct str window = S(""), condition = S("");
    struct wanted q;

    if (!wanted_of(&q, n))
        return S_NULL;
    if (q.when != NULL)
        window = window_text(x, q.when, q.when_args);
    else
        window_node = window_of(x, &q, &window);
    if (q.condition != NULL)
        rest = without(x, q.condition, window_node);
    if (rest != NULL && !is_true(rest))
        condition = condition_text(x, &q, rest);
    if (window.p == NULL || condition.p == NULL)
        return S_NULL;
    return arena_printf(x->a, "%.*s%.*s", STR_ARG(condition), STR_ARG(window));
}

/* How many more (or, negative, fewer) make `count CMP n` as wanted; 0: one more or one fewer does. */
static int64_t
difference(enum value_cmp cmp, int64_t n, int64_t count, bool wanted)
{
    static const enum value_cmp opposite[] = {[CMP_EQ] = CMP_NE, [CMP_NE] = CMP_EQ, [CMP_LT] = CMP_GE,
                                              [CMP_LE] = CMP_GT, [CMP_GT] = CMP_LE, [CMP_GE] = CMP_LT};

    switch (wanted ? cmp : opposite[cmp]) {
    case CMP_NE:
        return count > 0 ? 0 : 1;
    case CMP_GT:
        return n + 1 - count;
    case CMP_LT:
        return n - 1 - count;
    default:
        return n - count;
    }
}

static struct str
needs_text(struct explain_writer *x, const struct explain_node *n)
{
    struct str out = S("");

    for (size_t i = 0; i < n->bound_count; i++)
        out = arena_printf(x->a, "%.*s%s%.*s %.*s", STR_ARG(out), i > 0 ? " and " : "",
                           STR_ARG(explain_cmp(n->bounds[i].cmp)), STR_ARG(explain_value(x, n->bounds[i].literal)));
    return out;
}

static struct str
count_sentence(struct explain_writer *x, const struct explain_node *n)
{
    const struct rule_node *source = n->list != NULL ? n->list : n->node;
    struct str what = events_text(x, source);
    int64_t more, amount;

    if (what.p == NULL)
        return arena_printf(x->a, "%.*s must be %s; %zu event%s count%s now", STR_ARG(explain_text(x, n->node)),
                            n->truth ? "false" : "true", n->counted, n->counted == 1 ? "" : "s",
                            n->counted == 1 ? "s" : "");
    if (n->bound_count != 1 || n->bounds[0].literal.kind != VALUE_INT || n->value.kind != VALUE_INT)
        return arena_printf(x->a, "the number of events%.*s must %sbe %.*s, is %.*s", STR_ARG(what),
                            n->truth ? "not " : "", STR_ARG(needs_text(x, n)), STR_ARG(explain_value(x, n->value)));
    more = difference(n->bounds[0].cmp, n->bounds[0].literal.i, n->value.i, !n->truth);
    amount = more < 0 ? -more : more;
    if (more == 0)
        return arena_printf(x->a, "1 more or 1 fewer event%.*s", STR_ARG(what));
    return arena_printf(x->a, "%lld %s event%s%.*s", (long long)amount, more < 0 ? "fewer" : "more",
                        amount == 1 ? "" : "s", STR_ARG(what));
}

/* ---- fields ---- */

/* "points is 420 and tier is "gold"" */
static struct str
fields_text(struct explain_writer *x, const struct explain_node *n)
{
    struct str out = S("");

    for (size_t i = 0; i < n->field_count; i++)
        out = arena_printf(x->a, "%.*s%s%.*s %.*s", STR_ARG(out), i > 0 ? ", " : "",
                           STR_ARG(explain_text(x, n->fields[i].node)), STR_ARG(seen(x, n->fields[i].value)));
    return out;
}

static struct str
any_sentence(struct explain_writer *x, const struct explain_node *n)
{
    struct str fields = fields_text(x, n);

    return arena_printf(x->a, "%.*s must be %s%s%.*s", STR_ARG(explain_text(x, n->node)), n->truth ? "false" : "true",
                        fields.n > 0 ? "; " : "", STR_ARG(fields));
}

/* A field, and what it is compared with: "loyalty.points must be >= 500, is 420". */
static struct str
fields_sentence(struct explain_writer *x, const struct explain_node *n)
{
    const struct rule_node *node = n->node;
    bool wanted = !n->truth;
    struct str path, is;

    if (n->field_count != 1 || node->arg_count == 0 || node->args[0] != n->fields[0].node)
        return any_sentence(x, n);
    path = explain_text(x, node->args[0]);
    is = seen(x, n->fields[0].value);
    if (node->op == RULE_CALL && (node->fn == FN_IS_NULL || node->fn == FN_IS_NOT_NULL))
        return arena_printf(x->a, "%.*s must %sbe there, %.*s", STR_ARG(path),
                            (node->fn == FN_IS_NULL) == wanted ? "not " : "", STR_ARG(is));
    if (node->op == RULE_IN)
        return arena_printf(x->a, "%.*s must %sbe in %.*s, %.*s", STR_ARG(path), node->negated == wanted ? "not " : "",
                            STR_ARG(explain_text(x, node->args[1])), STR_ARG(is));
    if (node->op != RULE_COMPARE)
        return any_sentence(x, n);
    if (node->cmp == CMP_EQ || node->cmp == CMP_NE)
        return arena_printf(x->a, "%.*s must %sbe %.*s, %.*s", STR_ARG(path),
                            (node->cmp == CMP_EQ) == wanted ? "" : "not ", STR_ARG(explain_text(x, node->args[1])),
                            STR_ARG(is));
    return arena_printf(x->a, "%.*s must %sbe %.*s %.*s, %.*s", STR_ARG(path), wanted ? "" : "not ",
                        STR_ARG(explain_cmp(node->cmp)), STR_ARG(explain_text(x, node->args[1])), STR_ARG(is));
}

static struct str
sum_sentence(struct explain_writer *x, const struct explain_node *n)
{
    const struct rule_node *node = n->node;
    struct str sum;

    if (node->op != RULE_COMPARE)
        return any_sentence(x, n);
    sum = explain_text(x, node->args[node->args[0]->op == RULE_LITERAL]);
    return arena_printf(x->a, "%.*s must %sbe %.*s, is %.*s", STR_ARG(sum), n->truth ? "not " : "",
                        STR_ARG(needs_text(x, n)), STR_ARG(explain_value(x, n->value)));
}

struct str
explain_sentence(struct explain_writer *x, const struct explain_node *leaf)
{
    const char *negation = leaf->truth ? "not " : "";

    switch (leaf->kind) {
    case EXPLAIN_FIELDS:
        return fields_sentence(x, leaf);
    case EXPLAIN_COUNT:
        return count_sentence(x, leaf);
    case EXPLAIN_SUM:
        return sum_sentence(x, leaf);
    case EXPLAIN_CHAIN:
        return arena_printf(x->a, "these events must %soccur in order: %.*s", negation,
                            STR_ARG(explain_text(x, leaf->node)));
    case EXPLAIN_MEMBER:
        return arena_printf(x->a, "must %sbe a member of the audience %.*s", negation,
                            STR_ARG(explain_value(x, leaf->fields[0].value)));
    default:
        return any_sentence(x, leaf);
    }
}
