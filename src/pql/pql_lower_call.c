/* pql_lower_call.c - calls: the function, its arguments, and what is prepared at compile time (regular expressions,
 * folded patterns, dates). */
#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql_lowerer.h"
#include "rule/casefold.h"
#include "rule/regex.h"

static const struct rule_node *
lower_date(struct pql_lowerer *l, const struct pql_ast *ast)
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
    n = pql_lower_new(l, RULE_LITERAL, TYPE_TIME, ast->pos, 0);
    if (n != NULL)
        n->value = (struct value){.kind = VALUE_TIME,
                                  .date_only = true,
                                  .i = civil_days((int)part[0], (int)part[1], (int)part[2]) * MS_PER_DAY};
    return n;
}

static const struct rule_node *
lower_elem(struct pql_lowerer *l, const struct pql_fn *f, const struct pql_ast *ast, struct pql_shape shape)
{
    size_t params = ast->kind == AST_LAMBDA ? ast->name_count : 1, vars = l->var_count, elements = l->element_count,
           repeated;
    unsigned slot;
    struct rule_node *n = pql_lower_new(l, RULE_LAMBDA, TYPE_ANY, ast->pos, 1);
    const struct rule_node *body = NULL;
    enum rule_type type;
    bool ok = n != NULL;

    if (params > 1)
        shape = (struct pql_shape){0}; /* a key and a value, of which nothing is known */
    type = pql_shape_type(l, shape);
    if (params > (f->fn == FN_TO_MAP ? 2u : 1u)) {
        (void)pql_fail(l->c, PQL_ARITY, ast->pos, "the expression of %s takes %s, got %zu parameters", f->name,
                       f->fn == FN_TO_MAP ? "one or two parameters" : "one parameter", params);
        return NULL;
    }
    slot = pql_lower_slots(l, (unsigned)params);
    if (ast->kind != AST_LAMBDA) {
        ok = ok && pql_lower_push_element(l, pql_lower_slot(l, slot, type, ast->pos), shape);
        body = ok ? pql_lower_node(l, ast) : NULL;
    } else {
        if (pql_check_names(l->c, ast->names, params, &repeated) && repeated < params)
            (void)pql_fail(l->c, PQL_REFERENCE, ast->pos, "two parameters of one name");
        for (size_t i = 0; ok && i < params; i++)
            ok = pql_lower_push_var(l,
                                    (struct pql_variable){ast->names[i], TARGET_SLOT, slot + (unsigned)i, type, shape});
        body = ok && l->c->class == PQL_OK ? pql_lower_node(l, ast->kids[0]) : NULL;
    }
    l->var_count = vars;
    l->element_count = elements;
    l->slot_next = slot;
    if (body == NULL)
        return NULL;
    n->slot = (uint16_t)slot;
    n->param_count = (uint8_t)params;
    n->type = body->type;
    pql_lower_set(n, 0, body);
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
lower_flag(struct pql_lowerer *l, struct rule_node *n)
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
        folded = pql_lower_new(l, RULE_LITERAL, TYPE_STRING, n->args[i]->pos, 0);
        if (folded == NULL)
            return false;
        folded->value = value_string(casefold_str(n->args[i]->value.s, l->c->keep));
        if (folded->value.s.p == NULL)
            return pql_fail(l->c, PQL_LIMIT, n->pos, "the rule needs more than %zu bytes", l->c->keep->bytes_max);
        pql_lower_set(n, i, folded);
    }
    return true;
}

static bool
lower_regex(struct pql_lowerer *l, struct rule_node *n)
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
lower_if(struct pql_lowerer *l, const struct pql_ast *ast)
{
    struct rule_node *n = pql_lower_new(l, RULE_IF, TYPE_ANY, ast->pos, 3);
    enum rule_type a, b;

    if (!pql_lower_kids(l, ast, n) || !pql_check_truth(l->c, n->args[0]))
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
find_fn(struct pql_lowerer *l, const struct pql_ast *ast)
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

/* What the schema says of a call's value, from what it says of the receiver. */
static struct pql_shape
shape_of_call(struct pql_lowerer *l, enum rule_fn fn, struct pql_shape receiver)
{
    switch (fn) {
    case FN_FILTER:
    case FN_DISTINCT:
    case FN_INTERSECTION:
    case FN_TOP_N:
    case FN_BOTTOM_N:
        return receiver;
    case FN_HEAD:
        return pql_shape_element(l, receiver);
    case FN_GET:
        return pql_shape_entry(l, receiver);
    default:
        return (struct pql_shape){0};
    }
}

const struct rule_node *
pql_lower_call(struct pql_lowerer *l, const struct pql_ast *ast)
{
    const struct pql_fn *f = find_fn(l, ast);
    struct pql_shape receiver = {0};
    struct rule_node *n;

    if (f == NULL)
        return NULL;
    if (f->fn == FN_NONE) {
        const struct rule_node *special = str_eq(ast->name, S("if")) ? lower_if(l, ast) : lower_date(l, ast);
        l->shape = receiver; /* nothing: the branches of an if may differ */
        return special;
    }
    n = pql_lower_new(l, RULE_CALL, f->result, ast->pos, ast->kid_count);
    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        bool elem = i == 1 && f->elem;
        const struct rule_node *arg =
            elem ? lower_elem(l, f, ast->kids[i], pql_shape_element(l, receiver)) : pql_lower_node(l, ast->kids[i]);
        if (arg == NULL)
            return NULL;
        if (i == 0)
            receiver = l->shape;
        pql_lower_set(n, i, arg);
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
    l->shape = shape_of_call(l, f->fn, receiver);
    return n;
}
