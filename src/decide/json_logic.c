/* json_logic.c - json-logic lowered to rule/.
 *
 * In a place where only truth counts, and, or, ! and the comparisons become the engine's own nodes, so that they share
 * with everything else; where a value counts, the FN_JS_* functions keep JavaScript's values. Paths that are known now
 * become parameters of the rule; inside of map, filter, reduce, all, none and some "var" reads the element, which is a
 * bound slot. */
#include <math.h>

#include "decide/json_logic.h"

#include "codec/json_writer.h"
#include "decide/target_int.h"

enum logic_kind {
    KIND_CALL,    /* fn of all operands */
    KIND_COMPARE, /* fn of the first two, missing ones are undefined */
    KIND_CHAIN,   /* fn between each and the next, two or three */
    KIND_TRUTH,
    KIND_AND_OR,
    KIND_IF,
    KIND_LOG,
    KIND_MINUS,
    KIND_VAR,
    KIND_MISSING,
    KIND_EACH, /* a list and a rule for each element */
};

struct logic_op {
    const char *name;
    enum logic_kind kind;
    enum rule_fn fn;
    bool swapped, negated;
    unsigned least; /* operands */
};

static const struct logic_op ops[] = {
    {"var", KIND_VAR, FN_JS_VAR, false, false, 0},
    {"missing", KIND_MISSING, FN_JS_MISSING, false, false, 0},
    {"missing_some", KIND_MISSING, FN_JS_MISSING_SOME, false, false, 2},
    {"if", KIND_IF, FN_NONE, false, false, 0},
    {"?:", KIND_IF, FN_NONE, false, false, 0},
    {"and", KIND_AND_OR, FN_JS_AND, false, false, 0},
    {"or", KIND_AND_OR, FN_JS_OR, false, false, 0},
    {"!", KIND_TRUTH, FN_NONE, false, true, 0},
    {"!!", KIND_TRUTH, FN_NONE, false, false, 0},
    {"==", KIND_COMPARE, FN_JS_EQUAL, false, false, 0},
    {"===", KIND_COMPARE, FN_JS_SAME, false, false, 2},
    {"!=", KIND_COMPARE, FN_JS_EQUAL, false, true, 0},
    {"!==", KIND_COMPARE, FN_JS_SAME, false, true, 2},
    {"<", KIND_CHAIN, FN_JS_LESS, false, false, 0},
    {"<=", KIND_CHAIN, FN_JS_LESS_EQUAL, false, false, 0},
    {">", KIND_CHAIN, FN_JS_LESS, true, false, 0},
    {">=", KIND_CHAIN, FN_JS_LESS_EQUAL, true, false, 0},
    {"in", KIND_COMPARE, FN_JS_IN, false, false, 0},
    {"cat", KIND_CALL, FN_JS_CAT, false, false, 0},
    {"substr", KIND_CALL, FN_JS_SUBSTR, false, false, 1},
    {"+", KIND_CALL, FN_JS_ADD, false, false, 0},
    {"*", KIND_CALL, FN_JS_MULTIPLY, false, false, 1},
    {"-", KIND_MINUS, FN_JS_SUBTRACT, false, false, 1},
    {"/", KIND_CALL, FN_JS_DIVIDE, false, false, 0},
    {"%", KIND_CALL, FN_JS_REMAINDER, false, false, 0},
    {"min", KIND_CALL, FN_JS_LEAST, false, false, 0},
    {"max", KIND_CALL, FN_JS_GREATEST, false, false, 0},
    {"merge", KIND_CALL, FN_JS_MERGE, false, false, 0},
    {"map", KIND_EACH, FN_JS_MAP, false, false, 2},
    {"filter", KIND_EACH, FN_JS_FILTER, false, false, 2},
    {"reduce", KIND_EACH, FN_JS_REDUCE, false, false, 2},
    {"all", KIND_EACH, FN_JS_ALL, false, false, 2},
    {"none", KIND_EACH, FN_JS_SOME, false, true, 2},
    {"some", KIND_EACH, FN_JS_SOME, false, false, 2},
    {"log", KIND_LOG, FN_NONE, false, false, 0},
};

/* The operands of one operation: the elements of a list, or a lone value. */
struct operands {
    const struct json *list, *lone;
    size_t n;
};

static struct rule_node *value_of(struct lower *w, const struct json *v);
static struct rule_node *truth_of(struct lower *w, const struct json *v);

static const struct json *
operand(const struct operands *o, size_t i)
{
    if (i >= o->n)
        return NULL;
    return o->lone != NULL ? o->lone : json_at(o->list, i);
}

static struct rule_node *
null_node(struct lower *w)
{
    return target_literal(w, VALUE_OF_NULL);
}

static struct rule_node *
bool_node(struct lower *w, bool b)
{
    return target_literal(w, value_bool(b));
}

static struct rule_node *
nan_node(struct lower *w)
{
    return target_literal(w, (struct value){.kind = VALUE_DOUBLE, .f = NAN});
}

static struct rule_node *
call(struct lower *w, enum rule_fn fn, struct rule_node **args, size_t n)
{
    struct rule_node *x;

    for (size_t i = 0; i < n; i++) {
        if (args[i] == NULL)
            return NULL;
    }
    x = target_node(w, RULE_CALL, args, n);
    if (x == NULL)
        return NULL;
    x->fn = fn;
    x->type = TYPE_ANY;
    return x;
}

static struct rule_node **
node_array(struct lower *w, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n + 1);

    return args != NULL ? args : target_fail_memory(w);
}

/* The values of all operands from `from` on, behind those that args has already. */
static bool
add_values(struct lower *w, const struct operands *o, size_t from, struct rule_node **args, size_t n)
{
    struct json_iter it = json_iter(o->list);
    size_t i = 0;

    if (o->lone != NULL) {
        if (from == 0)
            args[n] = value_of(w, o->lone);
        return from > 0 || args[n] != NULL;
    }
    for (; json_next(&it); i++) {
        if (i < from)
            continue;
        args[n] = value_of(w, it.value);
        if (args[n++] == NULL)
            return false;
    }
    return true;
}

/* ---- var and missing ---- */

/* What "var" reads when it is not a constant path: the element, or the whole context. */
static struct rule_node *
data_of(struct lower *w)
{
    struct rule_node *x;

    if (w->slot_count == 0)
        return target_param(w, FIELD_CONTEXT, S(""));
    x = target_node(w, RULE_SLOT, NULL, 0);
    if (x != NULL) {
        x->slot = (uint16_t)(w->slot_count - 1);
        x->type = TYPE_ANY;
    }
    return x;
}

/* Paths that json_path() answers as JavaScript would: members of objects only. */
static bool
is_plain_path(struct str path)
{
    struct str rest = path, part;

    while (str_split(&rest, '.', &part)) {
        if (part.n == 0 || str_eq(part, S("length")) || (part.p[0] >= '0' && part.p[0] <= '9'))
            return false;
    }
    return path.n > 0 && path.n <= LIMIT_JSON_LOGIC_PATH;
}

static struct rule_node *
lower_var(struct lower *w, const struct operands *o)
{
    const struct json *path = operand(o, 0);
    struct rule_node **args;

    if (w->slot_count == 0 && str_eq(json_str(path), S("allocation"))) /* it is there: a default is not needed */
        return target_param(w, FIELD_ALLOCATION, S(""));
    if (w->slot_count == 0 && o->n == 1 && is_plain_path(json_str(path)))
        return target_param(w, FIELD_CONTEXT, json_str(path));
    if (o->n == 0)
        return data_of(w);
    args = node_array(w, o->n + 1);
    if (args == NULL)
        return NULL;
    args[0] = data_of(w);
    if (!add_values(w, o, 0, args, 1))
        return NULL;
    return call(w, FN_JS_VAR, args, o->n > 1 ? 3 : 2);
}

static struct rule_node *
lower_missing(struct lower *w, const struct logic_op *op, const struct operands *o)
{
    struct rule_node **args = node_array(w, o->n + 1);

    if (args == NULL)
        return NULL;
    args[0] = data_of(w);
    if (!add_values(w, o, 0, args, 1))
        return NULL;
    return call(w, op->fn, args, op->fn == FN_JS_MISSING_SOME ? 3 : o->n + 1);
}

/* ---- comparison ---- */

/* undefined equals null, and is no number. */
static struct rule_node *
operand_or(struct lower *w, const struct operands *o, size_t i, bool number)
{
    const struct json *v = operand(o, i);

    if (v == NULL)
        return number ? nan_node(w) : null_node(w);
    return value_of(w, v);
}

static struct rule_node *
negated(struct lower *w, bool negate, struct rule_node *x)
{
    return negate ? target_node1(w, RULE_NOT, x) : x;
}

static struct rule_node *
lower_compare(struct lower *w, const struct logic_op *op, const struct operands *o)
{
    struct rule_node *x = target_call2(w, op->fn, operand_or(w, o, 0, false), operand_or(w, o, 1, false));

    return negated(w, op->negated, x);
}

/* a < b, and a < b < c; more operands are not looked at, and > takes two only. */
static struct rule_node *
lower_chain(struct lower *w, const struct logic_op *op, const struct operands *o)
{
    struct rule_node *a = operand_or(w, o, 0, true), *b = operand_or(w, o, 1, true), *first;

    if (op->swapped)
        return target_call2(w, op->fn, b, a);
    first = target_call2(w, op->fn, a, b);
    if (o->n < 3)
        return first;
    return target_node2(w, RULE_AND, first, target_call2(w, op->fn, b, operand_or(w, o, 2, true)));
}

/* ---- branches ---- */

static struct rule_node *
lower_and_or(struct lower *w, const struct logic_op *op, const struct operands *o, bool truth)
{
    struct rule_node **args = node_array(w, o->n);

    if (args == NULL)
        return NULL;
    if (o->n == 0)
        return truth ? bool_node(w, false) : null_node(w);
    if (!truth)
        return add_values(w, o, 0, args, 0) ? call(w, op->fn, args, o->n) : NULL;
    for (size_t i = 0; i < o->n; i++) {
        args[i] = truth_of(w, operand(o, i));
        if (args[i] == NULL)
            return NULL;
    }
    return o->n == 1 ? args[0] : target_node(w, op->fn == FN_JS_AND ? RULE_AND : RULE_OR, args, o->n);
}

/* if c1 then v1 else if c2 then v2 .. else v: built from its end. */
static struct rule_node *
lower_if(struct lower *w, const struct operands *o)
{
    struct rule_node *x = o->n % 2 == 1 ? value_of(w, operand(o, o->n - 1)) : null_node(w);

    for (size_t i = o->n / 2; i-- > 0 && x != NULL;) {
        struct rule_node **args = node_array(w, 3);
        if (args == NULL)
            return NULL;
        args[0] = truth_of(w, operand(o, 2 * i));
        args[1] = value_of(w, operand(o, 2 * i + 1));
        args[2] = x;
        if (args[0] == NULL || args[1] == NULL)
            return NULL;
        x = target_node(w, RULE_IF, args, 3);
        if (x != NULL)
            x->type = TYPE_ANY;
    }
    return x;
}

/* ---- lists ---- */

static struct rule_node *
lower_lambda(struct lower *w, const struct json *body, bool truth)
{
    struct rule_node *x, *inner;
    unsigned slot = w->slot_count++;

    if (w->slot_count > w->slot_max)
        w->slot_max = w->slot_count;
    inner = truth ? truth_of(w, body) : value_of(w, body);
    w->slot_count--;
    x = target_node1(w, RULE_LAMBDA, inner);
    if (x == NULL)
        return NULL;
    x->slot = (uint16_t)slot;
    x->param_count = 1;
    x->type = TYPE_ANY;
    return x;
}

static struct rule_node *
lower_each(struct lower *w, const struct logic_op *op, const struct operands *o)
{
    struct rule_node **args = node_array(w, 3);
    bool reduce = op->fn == FN_JS_REDUCE;

    if (args == NULL)
        return NULL;
    args[0] = value_of(w, operand(o, 0));
    args[1] = args[0] ? lower_lambda(w, operand(o, 1), !reduce && op->fn != FN_JS_MAP) : NULL;
    args[2] = reduce ? operand_or(w, o, 2, false) : NULL;
    return negated(w, op->negated, call(w, op->fn, args, reduce ? 3 : 2));
}

/* ---- one operation ---- */

static const struct logic_op *
find_op(struct str name)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (str_eq(name, str_of(ops[i].name)))
            return &ops[i];
    }
    return NULL;
}

static struct rule_node *
lower_call(struct lower *w, const struct logic_op *op, const struct operands *o)
{
    struct rule_node **args = node_array(w, o->n);

    if (args == NULL || !add_values(w, o, 0, args, 0))
        return NULL;
    if (op->kind == KIND_MINUS)
        return call(w, o->n == 1 ? FN_JS_NEGATE : op->fn, args, o->n);
    return call(w, op->fn, args, o->n);
}

static struct rule_node *
lower_known(struct lower *w, const struct logic_op *op, const struct operands *o, bool truth)
{
    switch (op->kind) {
    case KIND_COMPARE:
        return lower_compare(w, op, o);
    case KIND_CHAIN:
        return lower_chain(w, op, o);
    case KIND_TRUTH:
        return negated(w, op->negated, o->n == 0 ? bool_node(w, false) : truth_of(w, operand(o, 0)));
    case KIND_AND_OR:
        return lower_and_or(w, op, o, truth);
    case KIND_IF:
        return lower_if(w, o);
    case KIND_LOG:
        return operand_or(w, o, 0, false);
    case KIND_VAR:
        return lower_var(w, o);
    case KIND_MISSING:
        return lower_missing(w, op, o);
    case KIND_EACH:
        return lower_each(w, op, o);
    default:
        return lower_call(w, op, o);
    }
}

static struct rule_node *
lower_operation(struct lower *w, const struct json *v, bool truth)
{
    struct json_iter it = json_iter(v);
    const struct logic_op *op;
    struct operands o = {0};
    struct rule_node *x;
    size_t at;

    (void)json_next(&it); /* it has one member */
    op = find_op(it.key);
    if (op == NULL) {
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: Unrecognized operation %.*s", w->path,
                              (int)(it.key.n < 60 ? it.key.n : 60), it.key.p);
        return NULL;
    }
    if (++w->depth > LIMIT_JSON_LOGIC_DEPTH) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "the rule nests deeper than %d levels", LIMIT_JSON_LOGIC_DEPTH);
        return NULL;
    }
    o.n = json_is(it.value, JSON_ARRAY) ? json_count(it.value) : 1;
    o.list = json_is(it.value, JSON_ARRAY) ? it.value : NULL;
    o.lone = o.list == NULL ? it.value : NULL;
    if (o.n < op->least) {
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: %s needs %u operands, got %zu", w->path, op->name,
                              op->least, o.n);
        return NULL;
    }
    at = target_path_member(w, it.key);
    x = lower_known(w, op, &o, truth);
    if (x != NULL)
        target_path_cut(w, at);
    w->depth--;
    return x;
}

/* A constant object: a copy in the rule. */
static struct rule_node *
constant(struct lower *w, const struct json *v)
{
    const struct json *copy = NULL;
    struct diag d = DIAG_INIT;
    bool nomem = false;
    struct value value;
    struct buf b;

    buf_init(&b, LIMIT_TARGET_RULE_BYTES);
    json_write(&b, v);
    if (!buf_ok(&b) || json_parse(buf_str(&b), w->a, &copy, &d) != ERR_OK)
        nomem = true;
    buf_deinit(&b);
    value = nomem ? VALUE_OF_NULL : value_of_json(copy, w->a, &nomem);
    return nomem ? target_fail_memory(w) : target_literal(w, value);
}

static struct rule_node *
value_of(struct lower *w, const struct json *v)
{
    struct operands o = {0};
    struct rule_node **args, *x;

    if (json_is(v, JSON_OBJECT) && json_count(v) == 1)
        return lower_operation(w, v, false);
    if (!json_is(v, JSON_ARRAY))
        return json_is(v, JSON_ABSENT) ? null_node(w) : constant(w, v);
    if (++w->depth > LIMIT_JSON_LOGIC_DEPTH) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "the rule nests deeper than %d levels", LIMIT_JSON_LOGIC_DEPTH);
        return NULL;
    }
    o.list = v;
    o.n = json_count(v);
    args = node_array(w, o.n);
    if (args == NULL || !add_values(w, &o, 0, args, 0))
        return NULL;
    w->depth--;
    x = target_node(w, RULE_LIST, args, o.n);
    if (x != NULL)
        x->type = TYPE_LIST;
    return x;
}

/* Operators whose node is true or false already. */
static bool
is_boolean(const struct rule_node *x)
{
    return x->op == RULE_AND || x->op == RULE_OR || x->op == RULE_NOT ||
           (x->op == RULE_LITERAL && x->value.kind == VALUE_BOOL) ||
           (x->op == RULE_CALL && (x->fn == FN_JS_TRUE || (x->fn >= FN_JS_EQUAL && x->fn <= FN_JS_IN) ||
                                   x->fn == FN_JS_ALL || x->fn == FN_JS_SOME));
}

static struct rule_node *
truth_of(struct lower *w, const struct json *v)
{
    struct rule_node *x = json_is(v, JSON_OBJECT) && json_count(v) == 1 ? lower_operation(w, v, true) : value_of(w, v);

    if (x == NULL || is_boolean(x))
        return x;
    return target_call1(w, FN_JS_TRUE, x);
}

struct rule_node *
json_logic_lower(struct lower *w, const struct json *logic)
{
    unsigned depth = w->depth;
    struct rule_node *x;

    w->depth = 0;
    x = truth_of(w, logic);
    w->depth = depth;
    return x;
}
