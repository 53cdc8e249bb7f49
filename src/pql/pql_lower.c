/* pql_lower.c - the syntax tree to the rule's tree: names become slots, calls become functions, types are checked.
 *
 * One walk, depth first, left to right. Slots are numbered by how many binders are open, so the same expression at the
 * same depth gives the same tree in any text. Two stacks say what a name means: variables (innermost first), and
 * implicit elements (what a bare name is a field of, what ^ climbs) [SEGMENTATION 4].
 *
 * Equal meanings are given one form where that is cheap, because audiences share equal trees: nested and/or become one
 * node, a case flag that says the default is dropped, patterns compared without case are folded. */
#include "base/civil.h"
#include "base/limits.h"
#include "base/map.h"
#include "pql/pql_int.h"
#include "rule/casefold.h"
#include "rule/regex.h"

enum target { TARGET_SLOT, TARGET_PROFILE, TARGET_PARAM, TARGET_NULL };

struct variable {
    struct str name;
    enum target target;
    unsigned slot; /* or the parameter's number */
    enum rule_type type;
};

struct lower {
    struct pql_ctx *c;
    struct variable *vars;
    size_t var_count;
    size_t var_cap;
    const struct rule_node **elements; /* implicit elements, outermost (the profile) first */
    size_t element_count;
    size_t element_cap;
    unsigned params;    /* of the query */
    unsigned slot_next; /* open binders */
    unsigned slot_count;
};

static const struct rule_node *lower(struct lower *l, const struct pql_ast *ast);

/* ---- nodes ---- */

static struct rule_node *
node(struct lower *l, enum rule_op op, enum rule_type type, uint32_t pos, size_t args)
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

/* Arguments are const in the finished tree; only this file writes them, and only into nodes it has just made. */
static void
set_arg(struct rule_node *n, size_t i, const struct rule_node *arg)
{
    const struct rule_node **args = (const struct rule_node **)(uintptr_t)n->args;

    args[i] = arg;
}

static bool
keep_name(struct lower *l, struct str name, struct str *out)
{
    *out = arena_str(l->c->keep, name);
    return out->p != NULL || pql_fail(l->c, PQL_LIMIT, 0, "the rule needs more than %d bytes", LIMIT_RULE_BYTES);
}

/* Lowers every child into the node's arguments, in order. */
static bool
lower_kids(struct lower *l, const struct pql_ast *ast, struct rule_node *n)
{
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        const struct rule_node *arg = lower(l, ast->kids[i]);
        if (arg == NULL)
            return false;
        set_arg(n, i, arg);
    }
    return n != NULL;
}

/* ---- scopes ---- */

static bool
push_var(struct lower *l, struct variable v)
{
    if (l->var_count == l->var_cap) {
        size_t cap = l->var_cap ? l->var_cap * 2 : 16;
        struct variable *more = pql_alloc(l->c, l->c->scratch, cap, sizeof *more);
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

static unsigned
take_slots(struct lower *l, unsigned count)
{
    unsigned slot = l->slot_next;

    l->slot_next += count;
    if (l->slot_next > l->slot_count)
        l->slot_count = l->slot_next;
    return slot;
}

static const struct rule_node *
slot_node(struct lower *l, unsigned slot, enum rule_type type, uint32_t pos)
{
    struct rule_node *n = node(l, RULE_SLOT, type, pos, 0);

    if (n != NULL)
        n->slot = (uint16_t)slot; /* binders nest at most LIMIT_RULE_HEIGHT deep */
    return n;
}

static bool
push_element(struct lower *l, const struct rule_node *n)
{
    if (n == NULL)
        return false;
    if (l->element_count == l->element_cap) {
        size_t cap = l->element_cap ? l->element_cap * 2 : 16;
        const struct rule_node **more = pql_alloc(l->c, l->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (l->element_count > 0)
            memcpy(more, l->elements, l->element_count * sizeof *more);
        l->elements = more;
        l->element_cap = cap;
    }
    l->elements[l->element_count++] = n;
    return true;
}

/* ---- paths ---- */

static const struct rule_node *
field_of(struct lower *l, const struct rule_node *object, struct str name, uint32_t pos)
{
    struct rule_node *n;

    if (object->op == RULE_PROFILE && str_eq(name, S("xEvent"))) /* the events live apart from the record */
        return node(l, RULE_EVENTS, TYPE_LIST, pos, 0);
    if (!pql_check_field(l->c, object, name))
        return NULL;
    n = node(l, RULE_FIELD, object->type == TYPE_LIST ? TYPE_LIST : TYPE_ANY, pos, 1);
    if (n == NULL || !keep_name(l, name, &n->name))
        return NULL;
    set_arg(n, 0, object);
    return n;
}

static const struct rule_node *
variable_node(struct lower *l, const struct variable *v, uint32_t pos)
{
    struct rule_node *n;

    switch (v->target) {
    case TARGET_SLOT:
        return slot_node(l, v->slot, v->type, pos);
    case TARGET_PROFILE:
        return node(l, RULE_PROFILE, TYPE_ANY, pos, 0);
    case TARGET_NULL:
        return node(l, RULE_LITERAL, TYPE_ANY, pos, 0);
    default:
        n = node(l, RULE_PARAM, TYPE_ANY, pos, 0);
        if (n != NULL)
            n->slot = (uint16_t)v->slot;
        return n;
    }
}

/* [SEGMENTATION 4.2] a variable, the events, or a field of the innermost element. */
static const struct rule_node *
lower_name(struct lower *l, const struct pql_ast *ast)
{
    for (size_t i = l->var_count; i-- > 0;) {
        if (str_eq(l->vars[i].name, ast->name))
            return variable_node(l, &l->vars[i], ast->pos);
    }
    if (str_eq(ast->name, S("xEvent")))
        return node(l, RULE_EVENTS, TYPE_LIST, ast->pos, 0);
    return field_of(l, l->elements[l->element_count - 1], ast->name, ast->pos);
}

static const struct rule_node *
lower_climb(struct lower *l, const struct pql_ast *ast)
{
    if (ast->number < l->element_count) {
        const struct rule_node *to = l->elements[l->element_count - 1 - ast->number];
        struct rule_node *n = node(l, to->op, to->type, ast->pos, 0);
        if (n != NULL)
            n->slot = to->slot;
        return n;
    }
    (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "'^' climbs above the profile: %zu level%s enclose%s this place",
                   l->element_count - 1, l->element_count == 2 ? "" : "s", l->element_count == 2 ? "s" : "");
    return NULL;
}

static const struct rule_node *
lower_param(struct lower *l, const struct pql_ast *ast)
{
    struct variable v = {.target = ast->number == 1 ? TARGET_PROFILE : TARGET_PARAM, .slot = ast->number};

    if (ast->number >= 1 && ast->number <= l->params)
        return variable_node(l, &v, ast->pos);
    (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "the query has %u parameter%s: $1%s", l->params,
                   l->params == 1 ? "" : "s", l->params == 1 ? " only" : " and up");
    return NULL;
}

static const struct rule_node *
lower_field(struct lower *l, const struct pql_ast *ast)
{
    const struct rule_node *object = lower(l, ast->kids[0]);

    return object != NULL ? field_of(l, object, ast->name, ast->pos) : NULL;
}

/* ---- literals ---- */

static const struct rule_node *
lower_literal(struct lower *l, const struct pql_ast *ast)
{
    static const enum rule_type types[] = {
        [VALUE_NULL] = TYPE_NULL,     [VALUE_BOOL] = TYPE_BOOL,     [VALUE_INT] = TYPE_INT,
        [VALUE_DOUBLE] = TYPE_DOUBLE, [VALUE_STRING] = TYPE_STRING, [VALUE_TIME] = TYPE_TIME};
    struct rule_node *n = node(l, RULE_LITERAL, types[ast->value.kind], ast->pos, 0);

    if (n != NULL)
        n->value = ast->value;
    return n;
}

/* A list of literals is made once, here; the evaluator hands it out as it is. */
static bool
fold_list(struct lower *l, struct rule_node *n)
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
lower_list(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_LIST, TYPE_LIST, ast->pos, ast->kid_count);

    return lower_kids(l, ast, n) && fold_list(l, n) ? n : NULL;
}

/* A repeated key keeps its place and takes the last value. */
static const struct rule_node *
lower_object(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_MAP, TYPE_OBJECT, ast->pos, 2 * ast->kid_count);
    struct map seen;
    size_t out = 0;
    bool ok = n != NULL;

    map_init(&seen);
    for (size_t i = 0; ok && i < ast->kid_count; i++) {
        struct rule_node *key = node(l, RULE_LITERAL, TYPE_STRING, ast->kids[i]->pos, 0);
        const struct rule_node *item = lower(l, ast->kids[i]);
        uintptr_t place = (uintptr_t)map_get(&seen, ast->names[i]); /* 1 + position of the key's pair */
        if (key == NULL || item == NULL || !keep_name(l, ast->names[i], &key->value.s)) {
            ok = false;
        } else if (place > 0) {
            set_arg(n, 2 * (place - 1) + 1, item);
        } else {
            key->value.kind = VALUE_STRING;
            set_arg(n, 2 * out, key);
            set_arg(n, 2 * out + 1, item);
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

static const struct rule_node *
lower_date(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n;
    int64_t part[3];

    for (size_t i = 0; i < 3; i++) {
        const struct pql_ast *kid = ast->kids[i];
        if (kid->kind != AST_LITERAL || kid->value.kind != VALUE_INT) {
            (void)pql_fail(l->c, PQL_TYPE, kid->pos, "date takes three integer literals: year, month, day");
            return NULL;
        }
        part[i] = kid->value.i;
    }
    if (part[0] < 1 || part[0] > 9999 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > civil_month_days((int)part[0], (int)part[1])) {
        (void)pql_fail(l->c, PQL_VALUE, ast->pos, "date(%lld, %lld, %lld) is not in the calendar", (long long)part[0],
                       (long long)part[1], (long long)part[2]);
        return NULL;
    }
    n = node(l, RULE_LITERAL, TYPE_TIME, ast->pos, 0);
    if (n != NULL)
        n->value = (struct value){.kind = VALUE_TIME,
                                  .date_only = true,
                                  .i = civil_days((int)part[0], (int)part[1], (int)part[2]) * MS_PER_DAY};
    return n;
}

/* ---- operators ---- */

static const struct rule_node *
lower_junction(struct lower *l, const struct pql_ast *ast, enum rule_op op)
{
    const struct rule_node **kids = pql_alloc(l->c, l->c->scratch, ast->kid_count, sizeof *kids);
    struct rule_node *n;
    size_t count = 0, at = 0;

    if (kids == NULL)
        return NULL;
    for (size_t i = 0; i < ast->kid_count; i++) {
        kids[i] = lower(l, ast->kids[i]);
        if (kids[i] == NULL || !pql_check_truth(l->c, kids[i]))
            return NULL;
        count += kids[i]->op == op ? kids[i]->arg_count : 1;
    }
    n = node(l, op, TYPE_BOOL, ast->pos, count);
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        if (kids[i]->op != op) {
            set_arg(n, at++, kids[i]);
            continue;
        }
        for (size_t j = 0; j < kids[i]->arg_count; j++)
            set_arg(n, at++, kids[i]->args[j]);
    }
    return n;
}

static const struct rule_node *
lower_operator(struct lower *l, const struct pql_ast *ast, enum rule_op op, enum rule_type type)
{
    struct rule_node *n = node(l, op, type, ast->pos, ast->kid_count);
    bool ok = lower_kids(l, ast, n);

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
            ok = pql_check_time(l->c, n->args[i]);
    }
    if (!ok)
        return NULL;
    n->arith = ast->arith;
    n->cmp = ast->cmp;
    n->negated = ast->negated;
    n->when = ast->when;
    return n;
}

/* ---- calls ---- */

static const struct rule_node *
lower_elem(struct lower *l, const struct pql_fn *f, const struct pql_ast *ast)
{
    size_t params = ast->kind == AST_LAMBDA ? ast->name_count : 1, vars = l->var_count, elements = l->element_count,
           repeated;
    unsigned slot;
    struct rule_node *n = node(l, RULE_LAMBDA, TYPE_ANY, ast->pos, 1);
    const struct rule_node *body = NULL;
    bool ok = n != NULL;

    if (params > (f->fn == FN_TO_MAP ? 2u : 1u)) {
        (void)pql_fail(l->c, PQL_ARITY, ast->pos, "the expression of %s takes %s, got %zu parameters", f->name,
                       f->fn == FN_TO_MAP ? "one or two parameters" : "one parameter", params);
        return NULL;
    }
    slot = take_slots(l, (unsigned)params);
    if (ast->kind != AST_LAMBDA) {
        ok = ok && push_element(l, slot_node(l, slot, TYPE_ANY, ast->pos));
        body = ok ? lower(l, ast) : NULL;
    } else {
        if (pql_check_names(l->c, ast->names, params, &repeated) && repeated < params)
            (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "two parameters of one name");
        for (size_t i = 0; ok && i < params; i++)
            ok = push_var(l, (struct variable){ast->names[i], TARGET_SLOT, slot + (unsigned)i, TYPE_ANY});
        body = ok && l->c->class == PQL_OK ? lower(l, ast->kids[0]) : NULL;
    }
    l->var_count = vars;
    l->element_count = elements;
    l->slot_next = slot;
    if (body == NULL)
        return NULL;
    n->slot = (uint16_t)slot;
    n->param_count = (uint8_t)params;
    n->type = body->type;
    set_arg(n, 0, body);
    return n;
}

static bool
takes_flag(enum rule_fn fn)
{
    return fn >= FN_STARTS_WITH && fn <= FN_NOT_EQUAL_TO;
}

static bool
is_bool(const struct rule_node *n)
{
    return n->op == RULE_LITERAL && n->value.kind == VALUE_BOOL;
}

/* A literal flag of the default value says nothing, unless the value before it would then be taken for the flag. Values
 * compared without case are kept folded: folding them again changes nothing. */
static bool
lower_flag(struct lower *l, struct rule_node *n)
{
    size_t last = n->arg_count - 1;

    if (n->arg_count < 3 || !is_bool(n->args[last]))
        return true;
    if (n->args[last]->value.b) {
        bool equality = n->fn == FN_EQUALS || n->fn == FN_NOT_EQUAL_TO;
        if (!(equality && n->arg_count > 3 && is_bool(n->args[last - 1])))
            n->arg_count--;
        return true;
    }
    for (size_t i = 1; i < last; i++) {
        struct rule_node *folded;
        if (n->args[i]->op != RULE_LITERAL || n->args[i]->value.kind != VALUE_STRING)
            continue;
        folded = node(l, RULE_LITERAL, TYPE_STRING, n->args[i]->pos, 0);
        if (folded == NULL)
            return false;
        folded->value = value_string(casefold_str(n->args[i]->value.s, l->c->keep));
        if (folded->value.s.p == NULL)
            return pql_fail(l->c, PQL_LIMIT, n->pos, "the rule needs more than %d bytes", LIMIT_RULE_BYTES);
        set_arg(n, i, folded);
    }
    return true;
}

static bool
lower_regex(struct lower *l, struct rule_node *n)
{
    const struct rule_node *pattern = n->args[1], *group = n->arg_count > 2 ? n->args[2] : NULL;
    const struct regex *r = NULL;
    struct diag d = DIAG_INIT;
    enum err rc;

    if (pattern->op != RULE_LITERAL || pattern->value.kind != VALUE_STRING)
        return true;
    rc = regex_new(pattern->value.s, l->c->keep, &r, &d);
    if (rc != ERR_OK)
        return pql_fail(l->c, rc == ERR_LIMIT ? PQL_LIMIT : PQL_VALUE, pattern->pos, "%s", d.what);
    n->compiled = r;
    if (group == NULL || group->op != RULE_LITERAL || group->value.kind != VALUE_INT)
        return true;
    if (group->value.i < 0 || group->value.i > (int64_t)regex_group_count(r))
        return pql_fail(l->c, PQL_VALUE, group->pos, "the regular expression has %u group%s, not group %lld",
                        regex_group_count(r), regex_group_count(r) == 1 ? "" : "s", (long long)group->value.i);
    return true;
}

static const struct rule_node *
lower_if(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_IF, TYPE_ANY, ast->pos, 3);
    enum rule_type a, b;

    if (!lower_kids(l, ast, n) || !pql_check_truth(l->c, n->args[0]))
        return NULL;
    a = n->args[1]->type;
    b = n->args[2]->type;
    if (a == b)
        n->type = a;
    else if (pql_type_in(a, T_NUMBER) && pql_type_in(b, T_NUMBER))
        n->type = TYPE_NUMBER;
    return n;
}

static const struct pql_fn *
find_fn(struct lower *l, const struct pql_ast *ast)
{
    const struct pql_fn *f = pql_fn_find(ast->name);
    struct str near;

    if (f != NULL)
        return pql_check_arity(l->c, f, ast->kid_count, ast->pos) ? f : NULL;
    near = pql_fn_near(ast->name);
    (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "unknown function '%.*s'", (int)(ast->name.n > 60 ? 60 : ast->name.n),
                   ast->name.p);
    if (near.n > 0)
        diag_hint(l->c->d, "did you mean '%.*s'?", STR_ARG(near));
    return NULL;
}

static const struct rule_node *
lower_call(struct lower *l, const struct pql_ast *ast)
{
    const struct pql_fn *f = find_fn(l, ast);
    struct rule_node *n;

    if (f == NULL)
        return NULL;
    if (f->fn == FN_NONE)
        return str_eq(ast->name, S("if")) ? lower_if(l, ast) : lower_date(l, ast);
    n = node(l, RULE_CALL, f->result, ast->pos, ast->kid_count);
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        bool elem = i == 1 && f->elem;
        const struct rule_node *arg = elem ? lower_elem(l, f, ast->kids[i]) : lower(l, ast->kids[i]);
        if (arg == NULL)
            return NULL;
        set_arg(n, i, arg);
    }
    if (n == NULL || !pql_check_call(l->c, f, n))
        return NULL;
    n->fn = f->fn;
    if (f->fn == FN_TO_MAP && n->args[1]->param_count == 2)
        n->type = TYPE_MAP;
    if (takes_flag(f->fn) && !lower_flag(l, n))
        return NULL;
    if ((f->fn == FN_MATCHES || f->fn == FN_REGEX_GROUP) && !lower_regex(l, n))
        return NULL;
    return n;
}

/* ---- binders ---- */

static const struct rule_node *
lower_let(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_LET, TYPE_ANY, ast->pos, 2);
    const struct rule_node *value = n != NULL ? lower(l, ast->kids[0]) : NULL, *body = NULL;
    struct variable v = {.name = ast->names[0]};

    if (value == NULL)
        return NULL;
    v.slot = take_slots(l, 1);
    v.type = value->type;
    if (value->op == RULE_PROFILE) /* another name for the profile: its xEvent is the events */
        v.target = TARGET_PROFILE;
    if (push_var(l, v)) {
        body = lower(l, ast->kids[1]);
        l->var_count--;
    }
    l->slot_next = v.slot;
    if (body == NULL)
        return NULL;
    n->slot = (uint16_t)v.slot;
    n->type = body->type;
    set_arg(n, 0, value);
    set_arg(n, 1, body);
    return n;
}

static const struct rule_node *
lower_gen(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_GEN, TYPE_ANY, ast->pos, ast->kid_count);
    const struct rule_node *source = n != NULL ? lower(l, ast->kids[0]) : NULL, *where = NULL;
    unsigned slot;

    if (source == NULL || !pql_check_source(l->c, source))
        return NULL;
    slot = take_slots(l, 1);
    if (!push_var(l, (struct variable){ast->names[0], TARGET_SLOT, slot, TYPE_ANY}))
        return NULL;
    n->slot = (uint16_t)slot;
    set_arg(n, 0, source);
    if (ast->kid_count == 1)
        return n;
    where = lower(l, ast->kids[1]);
    if (where == NULL || !pql_check_truth(l->c, where))
        return NULL;
    set_arg(n, 1, where);
    return n;
}

/* Generators first..kid_count - 1 into the arguments of n; their variables stay open for the caller to close. */
static bool
lower_gens(struct lower *l, const struct pql_ast *ast, struct rule_node *n, size_t first)
{
    for (size_t i = first; n != NULL && i < ast->kid_count; i++) {
        const struct rule_node *gen = lower_gen(l, ast->kids[i]);
        if (gen == NULL)
            return false;
        set_arg(n, i, gen);
    }
    return n != NULL;
}

static const struct rule_node *
lower_quantifier(struct lower *l, const struct pql_ast *ast)
{
    bool select = ast->kind == AST_SELECT;
    struct rule_node *n =
        node(l, select ? RULE_SELECT : RULE_QUANT, select ? TYPE_LIST : TYPE_BOOL, ast->pos, ast->kid_count);
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    bool ok = lower_gens(l, ast, n, 0);

    l->var_count = vars;
    l->slot_next = slot;
    if (!ok)
        return NULL;
    n->quant = ast->quant;
    return n;
}

static const struct rule_node *
lower_aggregate(struct lower *l, const struct pql_ast *ast)
{
    const struct pql_fn *f = pql_fn_find(ast->name); /* the parser takes none but the five */
    struct rule_node *n = node(l, RULE_AGG, f->result, ast->pos, ast->kid_count);
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    const struct rule_node *body = lower_gens(l, ast, n, 1) ? lower(l, ast->kids[0]) : NULL;

    l->var_count = vars;
    l->slot_next = slot;
    if (body == NULL || !pql_check_body(l->c, f->fn, body))
        return NULL;
    n->fn = f->fn;
    set_arg(n, 0, body);
    return n;
}

/* ---- chain ---- */

static const struct rule_node *
lower_element(struct lower *l, const struct pql_ast *chain, size_t k)
{
    const struct pql_ast *ast = chain->kids[k];
    struct rule_node *n = node(l, RULE_ELEMENT, TYPE_ANY, ast->pos, ast->kid_count);
    size_t elements = l->element_count;
    unsigned slot = take_slots(l, 1);
    bool ok = pql_check_label(l->c, chain, k) && n != NULL &&
              push_var(l, (struct variable){ast->names[0], TARGET_SLOT, slot, TYPE_ANY}) &&
              push_element(l, slot_node(l, slot, TYPE_ANY, ast->pos)) && lower_kids(l, ast, n) &&
              pql_check_truth(l->c, n->args[0]);

    l->element_count = elements;
    for (size_t i = 1; ok && i < ast->kid_count; i++)
        ok = pql_check_time(l->c, n->args[i]);
    if (!ok || !pql_check_bounds(l->c, chain, k))
        return NULL;
    if (ast->negated)
        l->vars[l->var_count - 1].target = TARGET_NULL; /* later elements: no event has this label */
    n->slot = (uint16_t)slot;
    n->negated = ast->negated;
    n->element = ast->element;
    return n;
}

static bool
timestamp_path(struct lower *l, const struct pql_ast *ast, struct str *out)
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
lower_chain(struct lower *l, const struct pql_ast *ast)
{
    struct rule_node *n = node(l, RULE_CHAIN, TYPE_BOOL, ast->pos, ast->kid_count);
    const struct rule_node *list = n != NULL ? lower(l, ast->kids[0]) : NULL;
    size_t vars = l->var_count;
    unsigned slot = l->slot_next;
    bool ok = list != NULL && pql_check_source(l->c, list) && timestamp_path(l, ast, &n->name);

    for (size_t k = 1; ok && k < ast->kid_count; k++) {
        const struct rule_node *element = lower_element(l, ast, k);
        ok = element != NULL;
        set_arg(n, k, element);
    }
    l->var_count = vars;
    l->slot_next = slot;
    if (!ok || !pql_check_chain(l->c, ast))
        return NULL;
    set_arg(n, 0, list);
    return n;
}

/* ---- */

static const struct rule_node *
lower(struct lower *l, const struct pql_ast *ast)
{
    switch (ast->kind) {
    case AST_LITERAL:
        return lower_literal(l, ast);
    case AST_WORD:
        return node(l, ast->op, TYPE_TIME, ast->pos, 0);
    case AST_LIST:
        return lower_list(l, ast);
    case AST_OBJECT:
        return lower_object(l, ast);
    case AST_NAME:
        return lower_name(l, ast);
    case AST_PARAM:
        return lower_param(l, ast);
    case AST_CLIMB:
        return lower_climb(l, ast);
    case AST_FIELD:
        return lower_field(l, ast);
    case AST_CALL:
        return lower_call(l, ast);
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

/* (P, Q) => ...: the first is the profile, the others are parameters. */
static bool
open_params(struct lower *l, const struct pql_ast *root)
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
        if (!push_var(l, (struct variable){root->names[i], i == 0 ? TARGET_PROFILE : TARGET_PARAM, i + 1, TYPE_ANY}))
            return false;
    }
    return true;
}

const struct rule_node *
pql_lower(struct pql_ctx *c, const struct pql_ast *root, unsigned *slot_count)
{
    struct lower l = {.c = c, .params = 1};
    const struct rule_node *n;

    if (!push_element(&l, node(&l, RULE_PROFILE, TYPE_ANY, 0, 0)))
        return NULL;
    if (root->kind == AST_LAMBDA) {
        if (!open_params(&l, root))
            return NULL;
        root = root->kids[0];
    }
    n = lower(&l, root);
    *slot_count = l.slot_count;
    return n;
}
