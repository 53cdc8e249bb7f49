/* pql_raise.c - a rule back to the syntax tree: what pql_lower.c made, undone as far as text needs it.
 *
 * Names are gone from a rule, so slots get new ones: v0, v1, ... for element expressions (text leaves most of them
 * out), E<slot> for the labels of a chain, x<slot> for generators and lets. A rule made by another language may hold
 * what PQL has no word for; it is refused. */
#include "base/check.h"
#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql_int.h"

struct raiser {
    struct pql_ctx *c;
    struct str *names;    /* by slot */
    struct str null_name; /* label of an excluded element before: what a null of any type was in the text */
    struct map taken;
    unsigned next;
    unsigned params;
    bool head; /* the first parameter is used by name */
};

static struct pql_ast *raise_node(struct raiser *r, const struct rule_node *n);

static struct pql_ast *
refuse(struct raiser *r, const char *what)
{
    (void)pql_fail(r->c, PQL_UNSUPPORTED, 0, "%s has no form in PQL", what);
    return NULL;
}

static bool
collect(struct raiser *r, const struct rule_node *n)
{
    static char present;

    if (pql_is_generated(n->name) && !map_put(&r->taken, n->name, &present, NULL))
        return pql_fail(r->c, PQL_LIMIT, 0, "no memory for the names of the rule");
    for (size_t i = 0; i < n->arg_count; i++) {
        if (!collect(r, n->args[i]))
            return false;
    }
    return true;
}

static bool
name_slot(struct raiser *r, unsigned slot, char kind)
{
    r->names[slot] =
        kind == 'v' ? pql_next_name(r->c, &r->taken, &r->next) : arena_printf(r->c->scratch, "%c%u", kind, slot);
    return r->names[slot].p != NULL || pql_fail(r->c, PQL_LIMIT, 0, "the expression needs too much memory");
}

/* ---- nodes ---- */

static struct pql_ast *
named(struct raiser *r, enum pql_kind kind, struct str name)
{
    struct pql_ast *n = pql_node_new(r->c, kind, 0);

    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
binder(struct raiser *r, enum pql_kind kind, const struct str *names, size_t count)
{
    struct pql_ast *n = pql_node_new(r->c, kind, 0);
    struct str *copy = pql_alloc(r->c, r->c->scratch, count, sizeof *copy);

    if (n == NULL || copy == NULL)
        return NULL;
    memcpy(copy, names, count * sizeof *copy);
    n->names = copy;
    n->name_count = count;
    return n;
}

static bool
raise_args(struct raiser *r, const struct rule_node *n, size_t from, struct pql_kids *k)
{
    for (size_t i = from; i < n->arg_count; i++) {
        if (!pql_kids_add(r->c, k, raise_node(r, n->args[i])))
            return false;
    }
    return true;
}

static struct pql_ast *
done(struct raiser *r, struct pql_ast *n, const struct pql_kids *k)
{
    return n != NULL ? pql_node_done(r->c, n, k, pql_node_extra(n->kind, k->n)) : NULL;
}

static struct pql_ast *
plain(struct raiser *r, const struct rule_node *n, struct pql_ast *ast)
{
    struct pql_kids k = {0};

    return ast != NULL && raise_args(r, n, 0, &k) ? done(r, ast, &k) : NULL;
}

static struct pql_ast *
profile(struct raiser *r)
{
    struct pql_ast *n = pql_node_new(r->c, AST_PARAM, 0);

    if (n != NULL)
        n->number = 1;
    return n;
}

static struct pql_ast *
literal(struct raiser *r, struct value v)
{
    struct pql_ast *n = pql_node_new(r->c, AST_LITERAL, 0);

    if (n != NULL)
        n->value = v;
    return n;
}

static struct pql_ast *
raise_literal(struct raiser *r, const struct rule_node *n)
{
    struct pql_ast *date;
    struct civil at;
    struct pql_kids k = {0};

    if (n->value.kind > VALUE_TIME)
        return refuse(r, "a constant of this kind");
    if (n->value.kind == VALUE_NULL && n->type == TYPE_ANY && r->null_name.p != NULL)
        return named(r, AST_VAR, r->null_name);
    if (n->value.kind != VALUE_TIME || !n->value.date_only)
        return literal(r, n->value);
    date = named(r, AST_CALL, S("date"));
    at = civil_from_ms(n->value.i);
    if (!pql_kids_add(r->c, &k, literal(r, value_int(at.year))) ||
        !pql_kids_add(r->c, &k, literal(r, value_int(at.month))) ||
        !pql_kids_add(r->c, &k, literal(r, value_int(at.day))))
        return NULL;
    return done(r, date, &k);
}

static struct pql_ast *
raise_field(struct raiser *r, struct pql_ast *object, struct str name)
{
    struct pql_ast *n = pql_node_unary(r->c, AST_FIELD, 0, object);

    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
raise_map(struct raiser *r, const struct rule_node *n)
{
    struct str *names = pql_alloc(r->c, r->c->scratch, n->arg_count / 2 + 1, sizeof *names);
    struct pql_ast *ast = pql_node_new(r->c, AST_OBJECT, 0);
    struct pql_kids k = {0};

    if (ast == NULL || names == NULL)
        return NULL;
    for (size_t i = 0; i + 1 < n->arg_count; i += 2) {
        names[i / 2] = n->args[i]->value.s;
        if (!pql_kids_add(r->c, &k, raise_node(r, n->args[i + 1])))
            return NULL;
    }
    ast->names = names;
    ast->name_count = k.n;
    return done(r, ast, &k);
}

static struct pql_ast *
raise_call(struct raiser *r, const struct rule_node *n)
{
    const struct pql_fn *f = pql_fn_of(n->fn);

    if (f == NULL)
        return refuse(r, "a function of another rule language");
    return plain(r, n, named(r, AST_CALL, str_of(f->name)));
}

static struct pql_ast *
raise_lambda(struct raiser *r, const struct rule_node *n)
{
    for (unsigned i = 0; i < n->param_count; i++) {
        if (!name_slot(r, n->slot + i, 'v'))
            return NULL;
    }
    return plain(r, n, binder(r, AST_LAMBDA, r->names + n->slot, n->param_count));
}

static struct pql_ast *
raise_let(struct raiser *r, const struct rule_node *n)
{
    struct pql_kids k = {0};
    struct pql_ast *ast;

    if (!pql_kids_add(r->c, &k, raise_node(r, n->args[0])) || !name_slot(r, n->slot, 'x'))
        return NULL;
    ast = binder(r, AST_LET, r->names + n->slot, 1);
    return ast != NULL && pql_kids_add(r->c, &k, raise_node(r, n->args[1])) ? done(r, ast, &k) : NULL;
}

/* In text, what a comprehension adds up begins with a name: a field of the profile then hangs on a parameter's. */
static void
lead_with_name(struct raiser *r, struct pql_ast *n)
{
    while (n->kid_count > 0)
        n = n->kids[0];
    if (n->kind != AST_PARAM || n->number != 1)
        return;
    n->kind = AST_VAR;
    n->name = S("P");
    r->head = true;
}

/* The source does not see the variable, and may use its slot for another. */
static struct pql_ast *
raise_gen(struct raiser *r, const struct rule_node *n)
{
    struct pql_kids k = {0};
    struct pql_ast *ast;

    if (!pql_kids_add(r->c, &k, raise_node(r, n->args[0])) || !name_slot(r, n->slot, 'x'))
        return NULL;
    ast = binder(r, AST_GEN, r->names + n->slot, 1);
    return ast != NULL && raise_args(r, n, 1, &k) ? done(r, ast, &k) : NULL;
}

static struct pql_ast *
raise_gens(struct raiser *r, const struct rule_node *n, enum pql_kind kind)
{
    struct pql_ast *ast = pql_node_new(r->c, kind, 0);
    size_t first = kind == AST_AGG;
    struct pql_kids k = {0};

    if (ast == NULL)
        return NULL;
    ast->quant = n->quant;
    if (kind == AST_AGG)
        ast->name = str_of(pql_fn_of(n->fn)->name);
    for (size_t i = first; first == 1 && i < n->arg_count; i++) { /* for the body */
        if (!name_slot(r, n->args[i]->slot, 'x'))
            return NULL;
    }
    if (!raise_args(r, n, 0, &k))
        return NULL;
    if (kind == AST_AGG) {
        CHECK(k.n > 0); /* the body */
        lead_with_name(r, k.p[0]);
    }
    return done(r, ast, &k);
}

static struct pql_ast *
raise_element(struct raiser *r, const struct rule_node *n)
{
    struct rule_element *e = pql_alloc(r->c, r->c->keep, 1, sizeof *e);
    struct pql_ast *ast;

    if (e == NULL || !name_slot(r, n->slot, 'E'))
        return NULL;
    *e = *n->element;
    ast = binder(r, AST_ELEMENT, r->names + n->slot, 1);
    if (ast == NULL)
        return NULL;
    ast->negated = n->negated;
    ast->element = e;
    return plain(r, n, ast);
}

static struct pql_ast *
raise_chain(struct raiser *r, const struct rule_node *n)
{
    struct str rest = n->name, outer = r->null_name, *names;
    struct pql_ast *ast = pql_node_new(r->c, AST_CHAIN, 0);
    struct pql_kids k = {0};
    size_t room = 1;
    bool ok;

    for (size_t i = 0; i < rest.n; i++)
        room += rest.p[i] == '.';
    names = pql_alloc(r->c, r->c->scratch, room, sizeof *names);
    ok = ast != NULL && names != NULL && pql_kids_add(r->c, &k, raise_node(r, n->args[0]));
    while (ok && str_split(&rest, '.', &names[ast->name_count]))
        ast->name_count++;
    for (size_t i = 1; ok && i < n->arg_count; i++) {
        ok = pql_kids_add(r->c, &k, raise_node(r, n->args[i]));
        if (ok && n->args[i]->negated)
            r->null_name = r->names[n->args[i]->slot];
    }
    r->null_name = outer;
    if (!ok)
        return NULL;
    ast->names = names;
    return done(r, ast, &k);
}

static struct pql_ast *
raise_operator(struct raiser *r, const struct rule_node *n, enum pql_kind kind)
{
    struct pql_ast *ast = pql_node_new(r->c, kind, 0);

    if (ast == NULL)
        return NULL;
    ast->cmp = n->cmp;
    ast->arith = n->arith;
    ast->negated = n->negated;
    ast->when = (struct rule_when *)(uintptr_t)n->when; /* read only from here on */
    return plain(r, n, ast);
}

static struct pql_ast *
raise_node(struct raiser *r, const struct rule_node *n)
{
    struct pql_ast *ast;

    switch (n->op) {
    case RULE_LITERAL:
        return raise_literal(r, n);
    case RULE_PROFILE:
        return profile(r);
    case RULE_PARAM:
        ast = pql_node_new(r->c, AST_PARAM, 0);
        if (ast == NULL)
            return NULL;
        ast->number = n->slot;
        r->params = n->slot > r->params ? n->slot : r->params;
        return ast;
    case RULE_EVENTS:
        return raise_field(r, profile(r), S("xEvent"));
    case RULE_SLOT:
        return named(r, AST_VAR, r->names[n->slot]);
    case RULE_FIELD:
        return raise_field(r, raise_node(r, n->args[0]), n->name);
    case RULE_NOW:
    case RULE_TODAY:
    case RULE_YESTERDAY:
    case RULE_TOMORROW:
        ast = pql_node_new(r->c, AST_WORD, 0);
        if (ast != NULL)
            ast->op = n->op;
        return ast;
    case RULE_LIST:
        return plain(r, n, pql_node_new(r->c, AST_LIST, 0));
    case RULE_MAP:
        return raise_map(r, n);
    case RULE_AND:
        return raise_operator(r, n, AST_AND);
    case RULE_OR:
        return raise_operator(r, n, AST_OR);
    case RULE_NOT:
        return raise_operator(r, n, AST_NOT);
    case RULE_COMPARE:
        return raise_operator(r, n, AST_COMPARE);
    case RULE_IN:
        return raise_operator(r, n, AST_IN);
    case RULE_ARITH:
        return raise_operator(r, n, AST_ARITH);
    case RULE_OCCURS:
        return raise_operator(r, n, AST_OCCURS);
    case RULE_CALL:
        return raise_call(r, n);
    case RULE_LAMBDA:
        return raise_lambda(r, n);
    case RULE_IF:
        return plain(r, n, named(r, AST_CALL, S("if")));
    case RULE_LET:
        return raise_let(r, n);
    case RULE_QUANT:
        return raise_gens(r, n, AST_QUANT);
    case RULE_SELECT:
        return raise_gens(r, n, AST_SELECT);
    case RULE_AGG:
        return raise_gens(r, n, AST_AGG);
    case RULE_GEN:
        return raise_gen(r, n);
    case RULE_CHAIN:
        return raise_chain(r, n);
    case RULE_ELEMENT:
        return raise_element(r, n);
    }
    return refuse(r, "a node of this kind");
}

/* A query of several parameters has a head that says how many. */
static struct pql_ast *
add_head(struct raiser *r, struct pql_ast *body)
{
    unsigned count = r->params > 1 ? r->params : 1;
    struct str *names = pql_alloc(r->c, r->c->scratch, count, sizeof *names);
    struct pql_ast *n;
    struct pql_kids k = {0};

    if (names == NULL)
        return NULL;
    names[0] = S("P");
    for (unsigned i = 1; i < count; i++) {
        names[i] = arena_printf(r->c->scratch, "P%u", i + 1);
        if (names[i].p == NULL)
            return NULL;
    }
    n = binder(r, AST_LAMBDA, names, count);
    return pql_kids_add(r->c, &k, body) ? done(r, n, &k) : NULL;
}

struct pql_ast *
pql_raise(struct pql_ctx *c, const struct rule *rule)
{
    struct raiser r = {.c = c};
    struct pql_ast *out = NULL;

    map_init(&r.taken);
    r.names = pql_alloc(c, c->scratch, rule_slot_count(rule) + 2, sizeof *r.names);
    if (r.names != NULL && collect(&r, rule_root(rule)))
        out = raise_node(&r, rule_root(rule));
    if (out != NULL && (r.params > 1 || r.head))
        out = add_head(&r, out);
    map_deinit(&r.taken);
    return out;
}
