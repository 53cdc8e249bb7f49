/* rule_block_test.c - predicates of one cell.
 *
 * A predicate whose only input is one field (and constants, and the clock) is a function of that field's value. It is
 * kept as an expression over SLOT(0), and run time asks the reference evaluator for its truth once per code, not once
 * per profile. For texts and booleans a code is a value. For numbers it is an interval between constants, which decides
 * only for predicates that compare the number with those constants; such predicates put theirs into the coder here, and
 * any other is marked unsafe_numbers: number cells are then asked one by one.
 *
 *   field cmp constant      field in [constants]      field.equals("a", "b")      field.startsWith("a")      field
 *   lower(field) = "a"      "a" in field              field.includes("a")         field.isNull()             ...
 *
 * A window over the field's instant is a comparison of instants, which are kept as numbers of their own. */
#include "rule/rule_block_int.h"

#include <float.h>
#include <math.h>

_Static_assert(2 * LIMIT_BLOCK_CONSTANTS + 2 + LIMIT_BLOCK_TEXTS <= 65536, "codes have 16 bits");

/* ---- what an expression reads ---- */

struct cell {
    uint32_t column; /* NO_ID: none so far */
    bool other;      /* something that is no field, constant or clock */
    bool clock;
};

/* Functions of lists and maps: for such a cell the reference would be asked anyway, and as a part of its own only where
 * the answer is open. */
static bool
is_scalar_fn(const struct rule_node *n)
{
    if (n->fn == FN_INCLUDES || (n->fn == FN_EXISTS && n->arg_count == 1))
        return true;
    return n->fn != FN_IN_SEGMENT && (n->fn < FN_INCLUDES || n->fn > FN_MAP_ENTRY);
}

static void
scan(struct compile *c, const struct rule_node *n, struct cell *out)
{
    uint32_t column;

    switch (n->op) {
    case RULE_FIELD:
        column = compile_path(c, n);
        out->other = out->other || column == NO_ID || (out->column != NO_ID && out->column != column);
        out->column = column;
        return;
    case RULE_LITERAL:
        return;
    case RULE_NOW:
    case RULE_TODAY:
    case RULE_YESTERDAY:
    case RULE_TOMORROW:
        out->clock = true;
        return;
    case RULE_OCCURS:
        out->clock = out->clock || when_reads_clock(n->when);
        break;
    case RULE_CALL:
        out->clock = out->clock || (node_reads(n) & READS_CLOCK) != 0;
        out->other = out->other || !is_scalar_fn(n);
        break;
    case RULE_LIST:
    case RULE_MAP:
    case RULE_AND:
    case RULE_OR:
    case RULE_NOT:
    case RULE_COMPARE:
    case RULE_IN:
    case RULE_ARITH:
    case RULE_IF:
        break;
    default:
        out->other = true;
        return;
    }
    for (size_t i = 0; i < n->arg_count && !out->other; i++)
        scan(c, n->args[i], out);
}

/* A copy of n with SLOT(0) in place of the field. */
static const struct rule_node *
over_slot(struct compile *c, const struct rule_node *n)
{
    struct rule_node *copy = ARENA_NEW(c->a, struct rule_node), **args;

    if (copy == NULL) {
        c->nomem = true;
        return NULL;
    }
    if (n->op == RULE_FIELD) {
        copy->op = RULE_SLOT;
        return copy;
    }
    *copy = *n;
    args = ARENA_ARRAY(c->a, struct rule_node *, n->arg_count);
    c->nomem = c->nomem || args == NULL;
    for (size_t i = 0; i < n->arg_count && !c->nomem; i++)
        args[i] = (struct rule_node *)(uintptr_t)over_slot(c, n->args[i]);
    copy->args = args;
    return c->nomem ? NULL : copy;
}

/* ---- forms ---- */

struct form {
    enum block_lists lists;
    bool unsafe_numbers;
    VEC(struct value) constants; /* numbers */
};

/* The field, or the field with its texts changed: a number stays itself. */
static bool
is_cell(const struct rule_node *n)
{
    while (n->op == RULE_CALL && n->arg_count == 1 && (n->fn == FN_LOWER || n->fn == FN_NUMBER))
        n = n->args[0];
    return n->op == RULE_FIELD;
}

/* A literal, or a list literal whose value the compiler made. */
static bool
constant_of(const struct rule_node *n, struct value *out)
{
    if (n->op != RULE_LITERAL && !(n->op == RULE_LIST && n->value.kind == VALUE_LIST))
        return false;
    *out = n->value;
    return true;
}

/* The numbers that decide `number cmp v`. */
static void
add_constants(struct compile *c, struct form *f, struct value v)
{
    struct value_iter it;

    if (v.kind == VALUE_STRING)
        v = value_number(v.s);
    if (value_is_number(v)) {
        if (f->constants.n == LIMIT_BLOCK_CONSTANTS)
            f->unsafe_numbers = true; /* more than a coder takes: numbers are asked one by one */
        else if (!VEC_PUSH(c->a, &f->constants, v))
            c->nomem = true;
    } else if (v.kind == VALUE_TIME) {
        f->unsafe_numbers = true; /* the number is an instant then */
    } else if (v.kind == VALUE_LIST) {
        it = value_iter(v);
        while (value_next(&it))
            add_constants(c, f, it.value);
    }
}

static void
form_compare(struct compile *c, const struct rule_node *n, struct form *f)
{
    bool left = is_cell(n->args[0]), right = is_cell(n->args[1]);
    struct value v;

    if (left == right || !constant_of(n->args[left ? 1 : 0], &v))
        return;
    if (v.kind != VALUE_LIST)
        f->lists = LISTS_LIFT;
    f->unsafe_numbers = right && v.kind != VALUE_INT && v.kind != VALUE_DOUBLE; /* "12" < x compares texts */
    add_constants(c, f, v);
}

static void
form_in(struct compile *c, const struct rule_node *n, struct form *f)
{
    struct value v;

    if (is_cell(n->args[0]) && constant_of(n->args[1], &v)) {
        f->lists = LISTS_LIFT;
        f->unsafe_numbers = false;
        add_constants(c, f, v);
    } else if (is_cell(n->args[1]) && constant_of(n->args[0], &v) && value_is_number(v)) {
        f->lists = n->negated ? LISTS_ODD : LISTS_LIFT;
        f->unsafe_numbers = false;
        add_constants(c, f, v);
    } else if (is_cell(n->args[1]) && !n->negated && n->args[0]->op == RULE_LITERAL &&
               n->args[0]->value.kind == VALUE_STRING) {
        f->lists = LISTS_LIFT;
    }
}

static void
form_text(struct compile *c, const struct rule_node *n, struct form *f)
{
    bool equality = n->fn == FN_EQUALS || n->fn == FN_NOT_EQUAL_TO;
    struct value v;

    if (!is_cell(n->args[0]))
        return;
    for (size_t i = 1; i < n->arg_count; i++) {
        if (!constant_of(n->args[i], &v) || (v.kind == VALUE_LIST && n->arg_count == 2))
            return;
    }
    f->lists = LISTS_LIFT;
    f->unsafe_numbers = false;
    for (size_t i = 1; i < n->arg_count && equality; i++)
        add_constants(c, f, n->args[i]->value);
}

static void
form_of(struct compile *c, const struct rule_node *n, struct form *f)
{
    *f = (struct form){.lists = LISTS_ODD, .unsafe_numbers = true};
    switch (n->op) {
    case RULE_COMPARE:
        form_compare(c, n, f);
        break;
    case RULE_IN:
        form_in(c, n, f);
        break;
    case RULE_FIELD:
        *f = (struct form){.lists = LISTS_FILLED};
        break;
    case RULE_CALL:
        if (n->fn <= FN_MATCHES && n->fn != FN_NONE)
            form_text(c, n, f);
        else if (n->fn == FN_EXISTS && n->arg_count == 1 && is_cell(n->args[0]))
            *f = (struct form){.lists = LISTS_LIFT};
        break;
    default:
        break;
    }
}

/* ---- coders ---- */

static uint32_t
coder_for(struct compile *c, uint32_t column, const struct form *f)
{
    struct rule_block_program *p = c->p;
    struct block_coder_spec *s = NULL;
    uint32_t id = NO_ID;

    for (uint32_t i = 0; i < p->coders.n; i++) {
        if (p->coders.p[i].column == column)
            id = i; /* the last one is the one with room */
    }
    if (id == NO_ID || p->coders.p[id].numbers.n + f->constants.n > LIMIT_BLOCK_CONSTANTS) {
        id = (uint32_t)p->coders.n;
        if (!VEC_PUSH(c->a, &p->coders, (struct block_coder_spec){.column = column})) {
            c->nomem = true;
            return NO_ID;
        }
    }
    s = &p->coders.p[id];
    for (size_t i = 0; i < f->constants.n; i++)
        c->nomem = c->nomem || !VEC_PUSH(c->a, &s->numbers, f->constants.p[i]);
    return id;
}

static int
by_number(const void *a, const void *b)
{
    struct value x = *(const struct value *)a, y = *(const struct value *)b;

    return value_compare(CMP_GT, x, y) - value_compare(CMP_LT, x, y);
}

/* The least integer that is not below v; false: there is none. */
static bool
least_int(struct value v, int64_t *out)
{
    double up;

    if (v.kind == VALUE_INT) {
        *out = v.i;
        return true;
    }
    up = ceil(v.f);
    if (up >= 9223372036854775808.0)
        return false;
    *out = up < -9223372036854775808.0 ? INT64_MIN : (int64_t)up;
    return true;
}

/* The least double that is not below v. */
static double
least_double(struct value v)
{
    double f = v.kind == VALUE_INT ? (double)v.i : v.f;

    if (v.kind == VALUE_INT && value_compare(CMP_LT, (struct value){.kind = VALUE_DOUBLE, .f = f}, v))
        f = nextafter(f, DBL_MAX);
    return f;
}

#define TABLE_MAX 8192 /* integers that a table covers */

/* Codes of the integers from just below the first constant to just above the last, when these are close together. */
static bool
make_table(struct block_coder_spec *s, struct arena *a)
{
    size_t at = 0;
    uint64_t width;

    if (s->int_count == 0)
        return true;
    width = (uint64_t)s->int_floor[s->int_count - 1] - (uint64_t)s->int_floor[0];
    if (width > TABLE_MAX || s->int_floor[0] == INT64_MIN || s->int_floor[s->int_count - 1] > INT64_MAX - 2)
        return true;
    s->table_first = s->int_floor[0];
    s->table_count = (size_t)width + 3;
    s->table = ARENA_ARRAY(a, uint16_t, s->table_count);
    if (s->table == NULL)
        return false;
    for (size_t i = 0; i < s->table_count; i++) {
        int64_t x = s->table_first - 1 + (int64_t)i;
        while (at < s->int_count && s->int_floor[at] <= x)
            at++;
        s->table[i] = (uint16_t)(at > 0 && s->int_exact[at - 1] && s->int_floor[at - 1] == x ? 2 * at : 2 * at + 1);
    }
    return true;
}

bool
coder_finish(struct block_coder_spec *s, struct arena *a)
{
    size_t n = 0;

    if (s->numbers.n > 1)
        qsort(s->numbers.p, s->numbers.n, sizeof *s->numbers.p, by_number);
    for (size_t i = 0; i < s->numbers.n; i++) {
        if (n == 0 || by_number(&s->numbers.p[n - 1], &s->numbers.p[i]) != 0)
            s->numbers.p[n++] = s->numbers.p[i];
    }
    s->numbers.n = n;
    s->base = 2 * (uint32_t)n + 2;
    s->int_floor = ARENA_ARRAY(a, int64_t, n);
    s->int_exact = ARENA_ARRAY(a, bool, n);
    s->double_floor = ARENA_ARRAY(a, double, n);
    s->double_exact = ARENA_ARRAY(a, bool, n);
    if (s->int_floor == NULL || s->int_exact == NULL || s->double_floor == NULL || s->double_exact == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct value v = s->numbers.p[i];
        if (least_int(v, &s->int_floor[i])) {
            s->int_exact[i] = value_compare(CMP_EQ, v, value_int(s->int_floor[i]));
            s->int_count = i + 1;
        }
        s->double_floor[i] = least_double(v);
        s->double_exact[i] = value_compare(CMP_EQ, v, (struct value){.kind = VALUE_DOUBLE, .f = s->double_floor[i]});
        s->double_count = i + 1;
    }
    return make_table(s, a);
}

/* ---- tests ---- */

static uint32_t
test_of(struct compile *c, const struct rule_node *n, const struct rule_node *means, const struct cell *cell,
        enum block_lists lists)
{
    struct rule_block_program *p = c->p;
    struct block_op op = {.kind = OP_TEST,
                          .domain = compile_domain(c),
                          .column = cell->column,
                          .reads_clock = cell->clock,
                          .slot = c->event_slot == NO_ID ? 0 : (uint16_t)c->event_slot,
                          .origin = n};
    size_t before = p->ops.n;
    struct form form;
    uint32_t id;

    op.expr = over_slot(c, means);
    form_of(c, means, &form);
    if (c->nomem)
        return NO_ID;
    op.lists = lists == LISTS_ONLY ? LISTS_ONLY : form.lists;
    op.unsafe_numbers = form.unsafe_numbers;
    id = compile_op(c, &op);
    if (id == NO_ID || p->ops.n == before)
        return id;
    p->columns.p[cell->column].needs_codes = true;
    if (op.unsafe_numbers) {
        p->columns.p[cell->column].needs_cells = true;
        form.constants.n = 0;
    }
    id = (uint32_t)before;
    p->ops.p[id].coder = coder_for(c, cell->column, &form);
    return c->nomem ? NO_ID : id;
}

/* list.includes(constant): for each element, element = constant. */
static uint32_t
test_includes(struct compile *c, const struct rule_node *n, const struct cell *cell)
{
    struct rule_node *equals = ARENA_NEW(c->a, struct rule_node);

    if (equals == NULL) {
        c->nomem = true;
        return NO_ID;
    }
    *equals = (struct rule_node){
        .op = RULE_COMPARE, .type = TYPE_BOOL, .pos = n->pos, .cmp = CMP_EQ, .args = n->args, .arg_count = 2};
    return test_of(c, n, equals, cell, LISTS_ONLY);
}

static uint32_t
test_time(struct compile *c, const struct rule_node *n, const struct cell *cell, const struct time_span *span,
          bool outside, enum block_lists lists)
{
    c->p->columns.p[cell->column].needs_times = true;
    return compile_op(c, &(struct block_op){.kind = OP_TIME,
                                            .domain = compile_domain(c),
                                            .column = cell->column,
                                            .span = *span,
                                            .negated = outside,
                                            .lists = lists,
                                            .slot = c->event_slot == NO_ID ? 0 : (uint16_t)c->event_slot,
                                            .origin = n});
}

/* The instant that n is, as a function of now. */
static bool
instant_of(const struct rule_node *n, struct time_fn *out)
{
    *out = (struct time_fn){.base = TIME_BASE_PERIOD, .unit = UNIT_DAY};
    switch (n->op) {
    case RULE_NOW:
        *out = (struct time_fn){.base = TIME_BASE_NOW};
        break;
    case RULE_TODAY:
        break;
    case RULE_YESTERDAY:
        out->period_shift = -1;
        break;
    case RULE_TOMORROW:
        out->period_shift = 1;
        break;
    case RULE_LITERAL:
        if (n->value.kind != VALUE_TIME)
            return false;
        *out = (struct time_fn){.base = TIME_BASE_CONST, .constant = n->value.i};
        break;
    default:
        return false;
    }
    time_fn_prepare(out);
    return true;
}

static struct time_fn
moved(struct time_fn f, int64_t ms)
{
    if (f.base == TIME_BASE_CONST)
        f.constant += ms;
    else
        f.plus_ms += ms;
    return f;
}

/* until < today: a comparison of instants [SEGMENTATION 5.4]. */
static uint32_t
test_instants(struct compile *c, const struct rule_node *n, const struct cell *cell)
{
    static const enum value_cmp mirrored[] = {[CMP_EQ] = CMP_EQ, [CMP_NE] = CMP_NE, [CMP_LT] = CMP_GT,
                                              [CMP_LE] = CMP_GE, [CMP_GT] = CMP_LT, [CMP_GE] = CMP_LE};
    bool left = n->args[0]->op == RULE_FIELD, right = n->args[1]->op == RULE_FIELD;
    enum value_cmp cmp = left ? n->cmp : mirrored[n->cmp];
    struct time_span span = {TIME_FN_FIRST, TIME_FN_LAST};
    struct time_fn at;

    if (left == right || !instant_of(n->args[left ? 1 : 0], &at))
        return NO_ID;
    switch (cmp) {
    case CMP_LT:
        span.hi = moved(at, -1);
        break;
    case CMP_LE:
        span.hi = at;
        break;
    case CMP_GT:
        span.lo = moved(at, 1);
        break;
    case CMP_GE:
        span.lo = at;
        break;
    default:
        span.lo = span.hi = at;
    }
    return test_time(c, n, cell, &span, cmp == CMP_NE, LISTS_ODD);
}

static uint32_t
test_occurs(struct compile *c, const struct rule_node *n, const struct cell *cell)
{
    struct time_span span;
    enum span_form form = rule_when_span(n->when, n->args, n->arg_count, &span);

    if (n->args[0]->op != RULE_FIELD || (form != SPAN_INSIDE && form != SPAN_OUTSIDE))
        return NO_ID;
    return test_time(c, n, cell, &span, form == SPAN_OUTSIDE, LISTS_FALSE);
}

uint32_t
compile_test(struct compile *c, const struct rule_node *n)
{
    struct cell cell = {.column = NO_ID};
    uint32_t id = NO_ID;

    scan(c, n, &cell);
    if (cell.other || cell.column == NO_ID || c->nomem)
        return NO_ID;
    if (n->op == RULE_COMPARE)
        id = test_instants(c, n, &cell);
    else if (n->op == RULE_OCCURS)
        id = test_occurs(c, n, &cell);
    if (id != NO_ID || c->nomem)
        return id;
    if (n->op == RULE_CALL && (n->fn == FN_IS_NULL || n->fn == FN_IS_NOT_NULL) && n->args[0]->op == RULE_FIELD) {
        c->p->columns.p[cell.column].needs_codes = true;
        return compile_op(c, &(struct block_op){.kind = OP_PRESENT,
                                                .domain = compile_domain(c),
                                                .column = cell.column,
                                                .negated = n->fn == FN_IS_NULL});
    }
    if (n->op == RULE_CALL && n->fn == FN_INCLUDES && n->args[0]->op == RULE_FIELD && n->args[1]->op == RULE_LITERAL)
        return test_includes(c, n, &cell);
    return test_of(c, n, n, &cell, LISTS_ODD);
}
