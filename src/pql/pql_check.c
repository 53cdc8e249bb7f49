/* pql_check.c - the static rules of [SEGMENTATION 11]: which types may stand where, and the rules of chain. The rules
 * are called by pql_lower.c in the order of its walk, so the first fault in the text is the one reported. */
#include "base/map.h"
#include "pql/pql_int.h"

const char *
pql_type_name(enum rule_type t)
{
    static const char *const names[] = {"a value",  "null",     "a truth value", "an integer",
                                        "a number", "a number", "a string",      "a time",
                                        "a list",   "a map",    "an object",     "a map entry"};

    return names[t];
}

static bool
refuse(struct pql_ctx *c, const struct rule_node *n, unsigned refused, const char *what)
{
    if (!pql_type_in(n->type, refused))
        return true;
    return pql_fail(c, PQL_TYPE, n->pos, "%s cannot be %s", what, pql_type_name(n->type));
}

bool
pql_check_truth(struct pql_ctx *c, const struct rule_node *n)
{
    if (refuse(c, n, T(STRING) | T_NUMBER | T(TIME) | T(MAP) | T(OBJECT) | T(ENTRY), "a condition"))
        return true;
    diag_hint(c->d, "compare it with something, or ask whether it is there: isNotNull()");
    return false;
}

bool
pql_check_arith(struct pql_ctx *c, const struct rule_node *n)
{
    return refuse(c, n, T(STRING) | T(BOOL) | T(LIST) | T(TIME) | T(MAP) | T(OBJECT) | T(ENTRY),
                  "an operand of arithmetic");
}

bool
pql_check_compare(struct pql_ctx *c, enum value_cmp cmp, const struct rule_node *n)
{
    if (cmp == CMP_EQ || cmp == CMP_NE)
        return true;
    return refuse(c, n, T(BOOL) | T(MAP) | T(OBJECT), "an operand of an ordering comparison");
}

bool
pql_check_in(struct pql_ctx *c, const struct rule_node *list)
{
    return refuse(c, list, T(MAP) | T(OBJECT), "the right side of in and notIn");
}

bool
pql_check_time(struct pql_ctx *c, const struct rule_node *n)
{
    if (refuse(c, n, T_NUMBER | T(BOOL) | T(LIST) | T(MAP) | T(OBJECT), "occurs needs one time, which"))
        return true;
    if (n->type == TYPE_LIST)
        diag_hint(c->d, "ask for some element: exists T from list where T occurs ...");
    return false;
}

bool
pql_check_source(struct pql_ctx *c, const struct rule_node *n)
{
    return refuse(c, n, T_SCALAR | T(MAP) | T(OBJECT), "the list to go through");
}

bool
pql_check_field(struct pql_ctx *c, const struct rule_node *object, struct str name)
{
    if (!pql_type_in(object->type, T_SCALAR))
        return true;
    return pql_fail(c, PQL_TYPE, object->pos, "%s has no fields such as '%.*s'", pql_type_name(object->type),
                    (int)(name.n > 60 ? 60 : name.n), name.p);
}

bool
pql_check_body(struct pql_ctx *c, enum rule_fn fn, const struct rule_node *body)
{
    if (fn != FN_SUM && fn != FN_AVERAGE)
        return true;
    return refuse(c, body, T(STRING) | T(BOOL) | T(TIME) | T(MAP) | T(OBJECT), "what is added up");
}

bool
pql_check_arity(struct pql_ctx *c, const struct pql_fn *f, size_t count, uint32_t pos)
{
    if (count >= f->args_min && (count <= f->args_max || f->args_max == PQL_ARGS_MANY))
        return true;
    if (f->args_min == f->args_max)
        return pql_fail(c, PQL_ARITY, pos, "%s takes %u argument%s with its receiver, got %zu", f->name, f->args_min,
                        f->args_min == 1 ? "" : "s", count);
    if (f->args_max == PQL_ARGS_MANY)
        return pql_fail(c, PQL_ARITY, pos, "%s takes at least %u arguments with its receiver, got %zu", f->name,
                        f->args_min, count);
    return pql_fail(c, PQL_ARITY, pos, "%s takes %u to %u arguments with its receiver, got %zu", f->name, f->args_min,
                    f->args_max, count);
}

bool
pql_check_operands(struct pql_ctx *c, const struct pql_ast *ast)
{
    const char *name = pql_operator_text(ast);
    size_t n = ast->kid_count;

    if (ast->kind == AST_CALL && ast->number == 1) { /* pql_json_read.c knows no predicate of that name */
        if (n < 3)
            return pql_fail(c, PQL_ARITY, ast->pos, "stringCompare takes an operator, a field and a value, got %zu", n);
        return pql_fail(c, PQL_VALUE, ast->kids[0]->pos,
                        "stringCompare names its operator in a String literal such as \"startsWith\"");
    }
    switch (ast->kind) {
    case AST_AND:
    case AST_OR:
        return n > 0 || pql_fail(c, PQL_ARITY, ast->pos, "'%s' takes at least 1 operand, got none", name);
    case AST_NOT:
        return n == 1 || pql_fail(c, PQL_ARITY, ast->pos, "'not' takes 1 operand, got %zu", n);
    case AST_COMPARE:
    case AST_IN:
    case AST_ARITH:
        if (n == 2 || (n == 1 && ast->arith == '-'))
            return true;
        return pql_fail(c, PQL_ARITY, ast->pos, "'%s' takes 2 operands, got %zu", name, n);
    default:
        return true;
    }
}

bool
pql_fail_climb(struct pql_ctx *c, const struct pql_ast *ast, size_t elements)
{
    return pql_fail(c, PQL_REFERENCE, ast->pos, "'^' climbs above the profile: %zu level%s enclose%s this place",
                    elements - 1, elements == 2 ? "" : "s", elements == 2 ? "s" : "");
}

bool
pql_fail_variable(struct pql_ctx *c, const struct pql_ast *ast)
{
    return pql_fail(c, PQL_REFERENCE, ast->pos, "no variable '%.*s' is in scope here",
                    (int)(ast->name.n > 60 ? 60 : ast->name.n), ast->name.p);
}

static bool
check_arg(struct pql_ctx *c, const struct pql_fn *f, const struct rule_node *arg, unsigned only, const char *which)
{
    if (only == 0 || pql_type_in(arg->type, only))
        return true;
    return pql_fail(c, PQL_TYPE, arg->pos, "%s of %s cannot be %s", which, f->name, pql_type_name(arg->type));
}

/* The element expression of filter and its like; the node is RULE_LAMBDA. */
static bool
check_elem(struct pql_ctx *c, const struct pql_fn *f, const struct rule_node *lambda)
{
    const struct rule_node *body = lambda->args[0];

    if (lambda->param_count == 2 && body->type != TYPE_ENTRY)
        return pql_fail(c, PQL_TYPE, body->pos, "a map expression of two parameters yields mapEntry(key, value)");
    if (f->elem_truth && !pql_check_truth(c, body)) {
        if (f->fn == FN_FILTER && body->op == RULE_LITERAL && body->type == TYPE_INT)
            diag_hint(c->d, "brackets hold a condition: the first element is head(), the newest event "
                            "topN(timestamp, 1).head()");
        return false;
    }
    return refuse(c, body, f->elem_not, "what is added up");
}

bool
pql_check_call(struct pql_ctx *c, const struct pql_fn *f, const struct rule_node *n)
{
    const struct rule_node *x = n->arg_count > 0 ? n->args[0] : NULL;

    if (x != NULL && !(f->elem_optional && n->arg_count == 1) && pql_type_in(x->type, f->receiver_not))
        return pql_fail(c, PQL_TYPE, x->pos, "%s cannot be applied to %s", f->name, pql_type_name(x->type));
    if (n->arg_count > 1) {
        if (f->elem ? !check_elem(c, f, n->args[1]) : !check_arg(c, f, n->args[1], f->arg_only, "the argument"))
            return false;
    }
    return n->arg_count < 3 || check_arg(c, f, n->args[2], f->last_only, "the last argument");
}

bool
pql_check_names(struct pql_ctx *c, const struct str *names, size_t n, size_t *repeated)
{
    static char present;
    struct map seen;
    bool ok = true;

    map_init(&seen);
    for (*repeated = 0; *repeated < n; ++*repeated) {
        void *old = NULL;
        ok = map_put(&seen, names[*repeated], &present, &old);
        if (!ok || old != NULL)
            break;
    }
    map_deinit(&seen);
    return ok || pql_fail(c, PQL_LIMIT, 0, "no memory to compare %zu names", n);
}

bool
pql_check_label(struct pql_ctx *c, const struct pql_ast *chain, size_t k)
{
    const struct pql_ast *element = chain->kids[k];

    for (size_t i = 1; i < k; i++) {
        if (str_eq(chain->kids[i]->names[0], element->names[0]))
            return pql_fail(c, PQL_REFERENCE, element->pos, "label '%.*s' twice in one chain",
                            (int)(element->names[0].n > 60 ? 60 : element->names[0].n), element->names[0].p);
    }
    return true;
}

static bool
positive_before(const struct pql_ast *chain, size_t k)
{
    for (size_t i = 1; i < k; i++) {
        if (!chain->kids[i]->negated)
            return true;
    }
    return false;
}

bool
pql_check_bounds(struct pql_ctx *c, const struct pql_ast *chain, size_t k)
{
    const struct pql_ast *ast = chain->kids[k];
    const struct rule_element *e = ast->element;

    if (e->count_count > 0 && ast->negated)
        return pql_fail(c, PQL_TYPE, ast->pos, "an excluded element has no COUNT");
    for (size_t i = 0; i < e->count_count; i++) {
        if (e->counts[i].cmp == CMP_GE && e->counts[i].amount == 0)
            return pql_fail(c, PQL_VALUE, ast->pos, "COUNT of at least 0 always holds: use 1 or more, or = 0");
        if (e->counts[i].cmp != CMP_GE && e->counts[i].cmp != CMP_GT && chain->kid_count > 2)
            return pql_fail(c, PQL_TYPE, ast->pos, "an upper bound of COUNT needs a chain of one element");
    }
    if (e->gap_count > 0 && !positive_before(chain, k))
        return pql_fail(c, PQL_TYPE, ast->pos, "GAP needs an earlier element to count from");
    return true;
}

bool
pql_check_chain(struct pql_ctx *c, const struct pql_ast *chain)
{
    return positive_before(chain, chain->kid_count) ||
           pql_fail(c, PQL_TYPE, chain->pos, "a chain needs an element that is not excluded");
}
