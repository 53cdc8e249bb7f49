/* pql_lower.c - the syntax tree to the rule's tree: names become slots, calls become functions, types are checked.
 *
 * One walk, depth first, left to right. Slots are numbered by how many binders are open, so the same expression at the
 * same depth gives the same tree in any text. Two stacks say what a name means: variables (innermost first), and
 * implicit elements (what a bare name is a field of, what ^ climbs) [SEGMENTATION 4].
 *
 * Equal meanings are given one form where that is cheap, because audiences share equal trees: nested and/or become one
 * node, a case flag that says the default is dropped, patterns compared without case are folded. */
#include "base/check.h"
#include "base/limits.h"
#include "base/map.h"
#include "pql/pql_lowerer.h"

/* ---- nodes ---- */

struct rule_node *
pql_lower_new(struct pql_lowerer *l, enum rule_op op, enum rule_type type, uint32_t pos, size_t args)
{
    struct rule_node *n = pql_alloc(l->c, l->c->keep, 1, sizeof *n);

    if (n == NULL)
        return NULL;
    n->op = op;
    n->type = type;
    n->pos = pos;
    n->args = args > 0 ? pql_alloc(l->c, l->c->keep, args, sizeof(struct rule_node *)) : NULL;
    n->arg_count = args;
    return args == 0 || n->args != NULL ? n : NULL;
}

void
pql_lower_set(struct rule_node *n, size_t i, const struct rule_node *arg)
{
    const struct rule_node **args = (const struct rule_node **)(uintptr_t)n->args;

    CHECK(args != NULL); /* as many as pql_lower_new was told */
    args[i] = arg;
}

static bool
keep_name(struct pql_lowerer *l, struct str name, struct str *out)
{
    *out = arena_str(l->c->keep, name);
    return out->p != NULL || pql_fail(l->c, PQL_LIMIT, 0, "the rule needs more than %zu bytes", l->c->keep->bytes_max);
}

bool
pql_lower_kids(struct pql_lowerer *l, const struct pql_ast *ast, struct rule_node *n)
{
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        const struct rule_node *arg = pql_lower_node(l, ast->kids[i]);
        if (arg == NULL)
            return false;
        pql_lower_set(n, i, arg);
    }
    return n != NULL;
}

/* ---- scopes ---- */

bool
pql_lower_push_var(struct pql_lowerer *l, struct pql_variable v)
{
    if (l->var_count == l->var_cap) {
        size_t cap = l->var_cap ? l->var_cap * 2 : 16;
        struct pql_variable *more = pql_alloc(l->c, l->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (l->var_count > 0)
            memcpy(more, l->vars, l->var_count * sizeof *more);
        l->vars = more;
        l->var_cap = cap;
    }
    l->vars[l->var_count++] = v;
    return true;
}

unsigned
pql_lower_slots(struct pql_lowerer *l, unsigned count)
{
    unsigned slot = l->slot_next;

    l->slot_next += count;
    if (l->slot_next > l->slot_count)
        l->slot_count = l->slot_next;
    return slot;
}

const struct rule_node *
pql_lower_slot(struct pql_lowerer *l, unsigned slot, enum rule_type type, uint32_t pos)
{
    struct rule_node *n = pql_lower_new(l, RULE_SLOT, type, pos, 0);

    if (n != NULL)
        n->slot = (uint16_t)slot; /* binders nest at most LIMIT_RULE_HEIGHT deep */
    return n;
}

bool
pql_lower_push_element(struct pql_lowerer *l, const struct rule_node *n, struct pql_shape shape)
{
    if (n == NULL)
        return false;
    if (l->element_count == l->element_cap) {
        size_t cap = l->element_cap ? l->element_cap * 2 : 16;
        struct pql_element *more = pql_alloc(l->c, l->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (l->element_count > 0)
            memcpy(more, l->elements, l->element_count * sizeof *more);
        l->elements = more;
        l->element_cap = cap;
    }
    l->elements[l->element_count++] = (struct pql_element){n, shape};
    return true;
}

/* ---- paths ---- */

static const struct rule_node *
events_node(struct pql_lowerer *l, uint32_t pos)
{
    l->shape = pql_shape_events(l);
    return pql_lower_new(l, RULE_EVENTS, TYPE_LIST, pos, 0);
}

/* of: the object's shape. */
static const struct rule_node *
field_of(struct pql_lowerer *l, const struct rule_node *object, struct pql_shape of, struct str name, uint32_t pos)
{
    struct pql_shape shape = {0};
    struct rule_node *n;

    if (object->op == RULE_PROFILE && str_eq(name, S("xEvent"))) /* the events live apart from the record */
        return events_node(l, pos);
    if (!pql_check_field(l->c, object, name) || !pql_shape_field(l, of, name, pos, &shape))
        return NULL;
    n = pql_lower_new(l, RULE_FIELD, object->type == TYPE_LIST ? TYPE_LIST : pql_shape_type(l, shape), pos, 1);
    if (n == NULL || !keep_name(l, name, &n->name))
        return NULL;
    pql_lower_set(n, 0, object);
    l->shape = shape;
    return n;
}

static const struct rule_node *
profile_node(struct pql_lowerer *l, uint32_t pos)
{
    l->shape = pql_shape_profile(l);
    return pql_lower_new(l, RULE_PROFILE, pql_shape_type(l, l->shape), pos, 0);
}

static const struct rule_node *
variable_node(struct pql_lowerer *l, const struct pql_variable *v, uint32_t pos)
{
    struct rule_node *n;

    switch (v->target) {
    case TARGET_SLOT:
        l->shape = v->shape;
        return pql_lower_slot(l, v->slot, v->type, pos);
    case TARGET_PROFILE:
        return profile_node(l, pos);
    case TARGET_NULL:
        return pql_lower_new(l, RULE_LITERAL, TYPE_ANY, pos, 0);
    default:
        n = pql_lower_new(l, RULE_PARAM, TYPE_ANY, pos, 0);
        if (n != NULL)
            n->slot = (uint16_t)v->slot;
        return n;
    }
}

static const struct pql_variable *
find_variable(const struct pql_lowerer *l, struct str name)
{
    for (size_t i = l->var_count; i-- > 0;) {
        if (str_eq(l->vars[i].name, name))
            return &l->vars[i];
    }
    return NULL;
}

/* [SEGMENTATION 4.2] a variable, the events, or a field of the innermost element. */
static const struct rule_node *
lower_name(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_variable *v = find_variable(l, ast->name);
    const struct pql_element *innermost = &l->elements[l->element_count - 1];

    if (v != NULL)
        return variable_node(l, v, ast->pos);
    if (str_eq(ast->name, S("xEvent")))
        return events_node(l, ast->pos);
    return field_of(l, innermost->node, innermost->shape, ast->name, ast->pos);
}

static const struct rule_node *
lower_var(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_variable *v = find_variable(l, ast->name);

    if (v != NULL)
        return variable_node(l, v, ast->pos);
    (void)pql_fail_variable(l->c, ast);
    return NULL;
}

static const struct rule_node *
lower_climb(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_element *to;
    struct rule_node *n;

    if (ast->number >= l->element_count) {
        (void)pql_fail_climb(l->c, ast, l->element_count);
        return NULL;
    }
    to = &l->elements[l->element_count - 1 - ast->number];
    n = pql_lower_new(l, to->node->op, to->node->type, ast->pos, 0);
    if (n == NULL)
        return NULL;
    n->slot = to->node->slot;
    l->shape = to->shape;
    return n;
}

static const struct rule_node *
lower_param(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct pql_variable v = {.target = ast->number == 1 ? TARGET_PROFILE : TARGET_PARAM, .slot = ast->number};

    if (ast->number >= 1 && ast->number <= l->params)
        return variable_node(l, &v, ast->pos);
    (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "the query has %u parameter%s: $1%s", l->params,
                   l->params == 1 ? "" : "s", l->params == 1 ? " only" : " and up");
    return NULL;
}

static const struct rule_node *
lower_field(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_ast *outer = l->path;
    const struct rule_node *object, *n;

    if (outer == NULL)
        l->path = ast;
    object = pql_lower_node(l, ast->kids[0]);
    n = object != NULL ? field_of(l, object, l->shape, ast->name, ast->pos) : NULL;
    l->path = outer;
    return n;
}

/* ---- literals ---- */

static const struct rule_node *
lower_literal(struct pql_lowerer *l, const struct pql_ast *ast)
{
    static const enum rule_type types[] = {
        [VALUE_NULL] = TYPE_NULL,     [VALUE_BOOL] = TYPE_BOOL,     [VALUE_INT] = TYPE_INT,
        [VALUE_DOUBLE] = TYPE_DOUBLE, [VALUE_STRING] = TYPE_STRING, [VALUE_TIME] = TYPE_TIME};
    struct rule_node *n = pql_lower_new(l, RULE_LITERAL, types[ast->value.kind], ast->pos, 0);

    if (n != NULL)
        n->value = ast->value;
    return n;
}

/* A list of literals is made once, here; the evaluator hands it out as it is. */
static bool
fold_list(struct pql_lowerer *l, struct rule_node *n)
{
    struct value_list *list;
    struct value *items;

    for (size_t i = 0; i < n->arg_count; i++) {
        if (n->args[i]->op != RULE_LITERAL)
            return true;
    }
    list = pql_alloc(l->c, l->c->keep, 1, sizeof *list);
    items = pql_alloc(l->c, l->c->keep, n->arg_count, sizeof *items);
    if (list == NULL || items == NULL)
        return false;
    for (size_t i = 0; i < n->arg_count; i++)
        items[i] = n->args[i]->value;
    list->items = items;
    list->n = n->arg_count;
    n->value = (struct value){.kind = VALUE_LIST, .list = list};
    return true;
}

static const struct rule_node *
lower_list(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_LIST, TYPE_LIST, ast->pos, ast->kid_count);

    return pql_lower_kids(l, ast, n) && fold_list(l, n) ? n : NULL;
}

/* A repeated key keeps its place and takes the last value. */
static const struct rule_node *
lower_object(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_MAP, TYPE_OBJECT, ast->pos, 2 * ast->kid_count);
    struct map seen;
    size_t out = 0;
    bool ok = n != NULL;

    map_init(&seen);
    for (size_t i = 0; ok && i < ast->kid_count; i++) {
        struct rule_node *key = pql_lower_new(l, RULE_LITERAL, TYPE_STRING, ast->kids[i]->pos, 0);
        const struct rule_node *item = pql_lower_node(l, ast->kids[i]);
        uintptr_t place = (uintptr_t)map_get(&seen, ast->names[i]); /* 1 + position of the key's pair */
        if (key == NULL || item == NULL || !keep_name(l, ast->names[i], &key->value.s)) {
            ok = false;
        } else if (place > 0) {
            pql_lower_set(n, 2 * (place - 1) + 1, item);
        } else {
            key->value.kind = VALUE_STRING;
            pql_lower_set(n, 2 * out, key);
            pql_lower_set(n, 2 * out + 1, item);
            ok = map_put(&seen, ast->names[i], (void *)(uintptr_t)++out, NULL) ||
                 pql_fail(l->c, PQL_LIMIT, ast->pos, "no memory for an object of %zu keys", ast->kid_count);
        }
    }
    map_deinit(&seen);
    if (!ok)
        return NULL;
    n->arg_count = 2 * out;
    return n;
}

/* A text where only a time can stand is read once, here: "2025-03-01" and date(2025, 3, 1) are one tree. One that
 * cannot be read stays, and makes its occurs false. */
static bool
fold_time(struct pql_lowerer *l, struct rule_node *n, size_t i)
{
    const struct rule_node *arg = n->args[i];
    struct rule_node *time;
    struct value v;

    if (arg->op != RULE_LITERAL || arg->value.kind != VALUE_STRING)
        return true;
    v = value_as_time(arg->value);
    if (v.kind != VALUE_TIME)
        return true;
    time = pql_lower_new(l, RULE_LITERAL, TYPE_TIME, arg->pos, 0);
    if (time == NULL)
        return false;
    time->value = v;
    pql_lower_set(n, i, time);
    return true;
}

/* ---- operators ---- */

static const struct rule_node *
lower_junction(struct pql_lowerer *l, const struct pql_ast *ast, enum rule_op op)
{
    const struct rule_node **kids = pql_alloc(l->c, l->c->scratch, ast->kid_count, sizeof *kids);
    struct rule_node *n;
    size_t count = 0, at = 0;

    if (kids == NULL)
        return NULL;
    for (size_t i = 0; i < ast->kid_count; i++) {
        kids[i] = pql_lower_node(l, ast->kids[i]);
        if (kids[i] == NULL || !pql_check_truth(l->c, kids[i]))
            return NULL;
        count += kids[i]->op == op ? kids[i]->arg_count : 1;
    }
    n = pql_lower_new(l, op, TYPE_BOOL, ast->pos, count);
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        if (kids[i]->op != op) {
            pql_lower_set(n, at++, kids[i]);
            continue;
        }
        for (size_t j = 0; j < kids[i]->arg_count; j++)
            pql_lower_set(n, at++, kids[i]->args[j]);
    }
    return n;
}

static const struct rule_node *
lower_operator(struct pql_lowerer *l, const struct pql_ast *ast, enum rule_op op, enum rule_type type)
{
    struct rule_node *n = pql_lower_new(l, op, type, ast->pos, ast->kid_count);
    bool ok = pql_lower_kids(l, ast, n);

    for (size_t i = 0; ok && i < ast->kid_count; i++) {
        if (op == RULE_ARITH)
            ok = pql_check_arith(l->c, n->args[i]);
        else if (op == RULE_COMPARE)
            ok = pql_check_compare(l->c, ast->cmp, n->args[i]);
        else if (op == RULE_NOT)
            ok = pql_check_truth(l->c, n->args[i]);
        else if (op == RULE_IN && i == 1)
            ok = pql_check_in(l->c, n->args[i]);
        else if (op == RULE_OCCURS)
            ok = pql_check_time(l->c, n->args[i]) && fold_time(l, n, i);
    }
    if (!ok)
        return NULL;
    n->arith = ast->arith;
    n->cmp = ast->cmp;
    n->negated = ast->negated;
    n->when = ast->when;
    return n;
}

/* ---- binders ---- */

static const struct rule_node *
lower_let(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_LET, TYPE_ANY, ast->pos, 2);
    const struct rule_node *value = n != NULL ? pql_lower_node(l, ast->kids[0]) : NULL, *body = NULL;
    struct pql_variable v = {.name = ast->names[0]};

    if (value == NULL)
        return NULL;
    v.slot = pql_lower_slots(l, 1);
    v.type = value->type;
    v.shape = l->shape;
    if (value->op == RULE_PROFILE) /* another name for the profile: its xEvent is the events */
        v.target = TARGET_PROFILE;
    if (pql_lower_push_var(l, v)) {
        body = pql_lower_node(l, ast->kids[1]);
        l->var_count--;
    }
    l->slot_next = v.slot;
    if (body == NULL)
        return NULL;
    n->slot = (uint16_t)v.slot;
    n->type = body->type;
    pql_lower_set(n, 0, value);
    pql_lower_set(n, 1, body);
    return n;
}

static const struct rule_node *
lower_gen(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_GEN, TYPE_ANY, ast->pos, ast->kid_count);
    const struct rule_node *source = n != NULL ? pql_lower_node(l, ast->kids[0]) : NULL, *where = NULL;
    struct pql_shape shape = pql_shape_element(l, l->shape);
    unsigned slot;

    if (source == NULL || !pql_check_source(l->c, source))
        return NULL;
    slot = pql_lower_slots(l, 1);
    if (!pql_lower_push_var(l,
                            (struct pql_variable){ast->names[0], TARGET_SLOT, slot, pql_shape_type(l, shape), shape}))
        return NULL;
    n->slot = (uint16_t)slot;
    pql_lower_set(n, 0, source);
    if (ast->kid_count == 1)
        return n;
    where = pql_lower_node(l, ast->kids[1]);
    if (where == NULL || !pql_check_truth(l->c, where))
        return NULL;
    pql_lower_set(n, 1, where);
    return n;
}

/* Generators first..kid_count - 1 into the arguments of n; their variables stay open for the caller to close. */
static bool
lower_gens(struct pql_lowerer *l, const struct pql_ast *ast, struct rule_node *n, size_t first)
{
    for (size_t i = first; n != NULL && i < ast->kid_count; i++) {
        const struct rule_node *gen = lower_gen(l, ast->kids[i]);
        if (gen == NULL)
            return false;
        pql_lower_set(n, i, gen);
    }
    return n != NULL;
}

static const struct rule_node *
lower_quantifier(struct pql_lowerer *l, const struct pql_ast *ast)
{
    bool select = ast->kind == AST_SELECT;
    struct rule_node *n =
        pql_lower_new(l, select ? RULE_SELECT : RULE_QUANT, select ? TYPE_LIST : TYPE_BOOL, ast->pos, ast->kid_count);
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    bool ok = lower_gens(l, ast, n, 0);

    l->shape = (struct pql_shape){0};
    if (ok && select) { /* elements of the first generator */
        CHECK(l->var_count > vars);
        l->shape = (struct pql_shape){l->vars[vars].shape.field, true};
    }
    l->var_count = vars;
    l->slot_next = slot;
    if (!ok)
        return NULL;
    n->quant = ast->quant;
    return n;
}

static const struct rule_node *
lower_aggregate(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_fn *f = pql_fn_find(ast->name); /* the parser takes none but the five */
    struct rule_node *n = pql_lower_new(l, RULE_AGG, f->result, ast->pos, ast->kid_count);
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    const struct rule_node *body = lower_gens(l, ast, n, 1) ? pql_lower_node(l, ast->kids[0]) : NULL;

    l->var_count = vars;
    l->slot_next = slot;
    if (body == NULL || !pql_check_body(l->c, f->fn, body))
        return NULL;
    n->fn = f->fn;
    pql_lower_set(n, 0, body);
    return n;
}

/* ---- chain ---- */

static const struct rule_node *
lower_element(struct pql_lowerer *l, const struct pql_ast *chain, size_t k, struct pql_shape shape)
{
    const struct pql_ast *ast = chain->kids[k];
    struct rule_node *n = pql_lower_new(l, RULE_ELEMENT, TYPE_ANY, ast->pos, ast->kid_count);
    enum rule_type type = pql_shape_type(l, shape);
    size_t elements = l->element_count;
    unsigned slot = pql_lower_slots(l, 1);
    bool ok = pql_check_label(l->c, chain, k) && n != NULL &&
              pql_lower_push_var(l, (struct pql_variable){ast->names[0], TARGET_SLOT, slot, type, shape}) &&
              pql_lower_push_element(l, pql_lower_slot(l, slot, type, ast->pos), shape) && pql_lower_kids(l, ast, n) &&
              pql_check_truth(l->c, n->args[0]);

    l->element_count = elements;
    for (size_t i = 1; ok && i < ast->kid_count; i++)
        ok = pql_check_time(l->c, n->args[i]) && fold_time(l, n, i);
    if (!ok || !pql_check_bounds(l->c, chain, k))
        return NULL;
    if (ast->negated)
        l->vars[l->var_count - 1].target = TARGET_NULL; /* later elements: no event has this label */
    n->slot = (uint16_t)slot;
    n->negated = ast->negated;
    n->element = ast->element;
    if (!ast->negated && ast->element->count_count == 1 && ast->element->counts[0].cmp == CMP_GE &&
        ast->element->counts[0].amount == 1) { /* COUNT(1) is no COUNT */
        ast->element->count_count = 0;
        ast->element->counts = NULL;
    }
    return n;
}

static bool
timestamp_path(struct pql_lowerer *l, const struct pql_ast *ast, struct str *out)
{
    size_t bytes = 0, at = 0;
    char *p;

    for (size_t i = 0; i < ast->name_count; i++)
        bytes += ast->names[i].n + 1;
    p = pql_alloc(l->c, l->c->keep, bytes, 1);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < ast->name_count; i++) {
        if (i > 0)
            p[at++] = '.';
        memcpy(p + at, ast->names[i].p, ast->names[i].n);
        at += ast->names[i].n;
    }
    *out = (struct str){p, at};
    return true;
}

static const struct rule_node *
lower_chain(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_CHAIN, TYPE_BOOL, ast->pos, ast->kid_count);
    const struct rule_node *list = n != NULL ? pql_lower_node(l, ast->kids[0]) : NULL;
    struct pql_shape shape = pql_shape_element(l, l->shape);
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    bool ok = list != NULL && pql_check_source(l->c, list) && timestamp_path(l, ast, &n->name);

    for (size_t k = 1; ok && k < ast->kid_count; k++) {
        const struct rule_node *element = lower_element(l, ast, k, shape);
        ok = element != NULL;
        pql_lower_set(n, k, element);
    }
    l->var_count = vars;
    l->slot_next = slot;
    if (!ok || !pql_check_chain(l->c, ast))
        return NULL;
    pql_lower_set(n, 0, list);
    return n;
}

/* ---- */

static const struct rule_node *
lower(struct pql_lowerer *l, const struct pql_ast *ast)
{
    switch (ast->kind) {
    case AST_LITERAL:
        return lower_literal(l, ast);
    case AST_WORD:
        return pql_lower_new(l, ast->op, TYPE_TIME, ast->pos, 0);
    case AST_LIST:
        return lower_list(l, ast);
    case AST_OBJECT:
        return lower_object(l, ast);
    case AST_NAME:
        return lower_name(l, ast);
    case AST_VAR:
        return lower_var(l, ast);
    case AST_PARAM:
        return lower_param(l, ast);
    case AST_CLIMB:
        return lower_climb(l, ast);
    case AST_FIELD:
        return lower_field(l, ast);
    case AST_CALL:
        return pql_lower_call(l, ast);
    case AST_LAMBDA:
        (void)pql_fail(l->c, PQL_TYPE, ast->pos,
                       "'=>' stands only at the start of a query or in an element expression");
        return NULL;
    case AST_AND:
        return lower_junction(l, ast, RULE_AND);
    case AST_OR:
        return lower_junction(l, ast, RULE_OR);
    case AST_NOT:
        return lower_operator(l, ast, RULE_NOT, TYPE_BOOL);
    case AST_COMPARE:
        return lower_operator(l, ast, RULE_COMPARE, TYPE_BOOL);
    case AST_IN:
        return lower_operator(l, ast, RULE_IN, TYPE_BOOL);
    case AST_ARITH:
        return lower_operator(l, ast, RULE_ARITH, TYPE_NUMBER);
    case AST_OCCURS:
        return lower_operator(l, ast, RULE_OCCURS, TYPE_BOOL);
    case AST_LET:
        return lower_let(l, ast);
    case AST_QUANT:
    case AST_SELECT:
        return lower_quantifier(l, ast);
    case AST_AGG:
        return lower_aggregate(l, ast);
    case AST_CHAIN:
        return lower_chain(l, ast);
    case AST_GEN:
    case AST_ELEMENT:
        break; /* lowered by the node that holds them */
    }
    return NULL;
}

/* Which nodes leave the shape of their value behind them. A let has its body's, and a call says so itself. */
static bool
has_shape(const struct pql_ast *ast)
{
    switch (ast->kind) {
    case AST_NAME:
    case AST_VAR:
    case AST_PARAM:
    case AST_CLIMB:
    case AST_FIELD:
    case AST_CALL:
    case AST_LET:
    case AST_SELECT:
        return true;
    default:
        return false;
    }
}

const struct rule_node *
pql_lower_node(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_ast *path = l->path;
    const struct rule_node *n = NULL;

    l->shape = (struct pql_shape){0};
    if (ast->kind != AST_FIELD && ast->kind != AST_NAME) /* a path of its own begins below */
        l->path = NULL;
    if (pql_check_operands(l->c, ast))
        n = lower(l, ast);
    l->path = path;
    if (n == NULL || !has_shape(ast))
        l->shape = (struct pql_shape){0};
    return n;
}

/* (P, Q) => ...: the first is the profile, the others are parameters. */
static bool
open_params(struct pql_lowerer *l, const struct pql_ast *root)
{
    size_t repeated;

    if (root->name_count > LIMIT_PQL_DEPTH)
        return pql_fail(l->c, PQL_LIMIT, root->pos, "more than %d parameters", LIMIT_PQL_DEPTH);
    if (!pql_check_names(l->c, root->names, root->name_count, &repeated))
        return false;
    if (repeated < root->name_count)
        return pql_fail(l->c, PQL_REFERENCE, root->pos, "two parameters of one name");
    l->params = (unsigned)root->name_count;
    for (unsigned i = 0; i < l->params; i++) {
        if (!pql_lower_push_var(
                l, (struct pql_variable){root->names[i], i == 0 ? TARGET_PROFILE : TARGET_PARAM, i + 1, TYPE_ANY, {0}}))
            return false;
    }
    return true;
}

const struct rule_node *
pql_lower(struct pql_ctx *c, const struct pql_ast *root, const struct pql_schema *schema, unsigned *slot_count)
{
    struct pql_lowerer l = {.c = c, .params = 1, .schema = schema};
    const struct rule_node *n;

    if (!pql_lower_push_element(&l, profile_node(&l, 0), pql_shape_profile(&l)))
        return NULL;
    if (root->kind == AST_LAMBDA) {
        if (!open_params(&l, root))
            return NULL;
        root = root->kids[0];
    }
    n = pql_lower_node(&l, root);
    *slot_count = l.slot_count;
    return n;
}
