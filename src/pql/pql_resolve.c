/* pql_resolve.c - a copy of the syntax tree in which every reference says what it refers to [SEGMENTATION 13.3].
 *
 * Text leaves much to its place: a bare name is a variable, the events, or a field of the innermost element; '^' counts
 * elements. JSON leaves nothing. Here a bare name becomes a field of a variable or of $1, an element expression a
 * lambda with a parameter of its own (v0, v1, ... in order of appearance, skipping the words of the text), and inside a
 * chain the label stands for the event. What is explicit already stays as it is, so a tree that came from JSON keeps
 * its names.
 *
 * One thing needs a new name: a variable of the text may hide a chain's label, and a bare name below it still means the
 * event of that label. The hiding variable is renamed then. */
#include "pql/pql_int.h"

struct name_pair {
    struct str from; /* in the text */
    struct str to;
};

struct resolver {
    struct pql_ctx *c;
    struct name_pair *vars; /* in scope, innermost last */
    size_t var_count;
    size_t var_cap;
    struct str *elements; /* names of the implicit elements; an empty one: the profile, which is the first */
    size_t element_count;
    size_t element_cap;
    struct map taken;
    unsigned next; /* of v0, v1, ... */
};

static struct pql_ast *resolve(struct resolver *r, const struct pql_ast *ast);

/* ---- generated names ---- */

bool
pql_is_generated(struct str name)
{
    size_t i = 1;

    while (i < name.n && name.p[i] >= '0' && name.p[i] <= '9')
        i++;
    return name.n > 1 && name.p[0] == 'v' && i == name.n;
}

struct str
pql_next_name(struct pql_ctx *c, const struct map *taken, unsigned *next)
{
    struct str name;

    do
        name = arena_printf(c->scratch, "v%u", (*next)++);
    while (name.p != NULL && map_get(taken, name) != NULL);
    if (name.p == NULL)
        (void)pql_fail(c, PQL_LIMIT, 0, "the expression needs too much memory");
    return name;
}

static bool
take(struct pql_ctx *c, struct str name, struct map *taken)
{
    static char present;

    return !pql_is_generated(name) || map_put(taken, name, &present, NULL) ||
           pql_fail(c, PQL_LIMIT, 0, "no memory for the names of the expression");
}

/* The parameters of the implied lambdas around: the text will not have them. */
struct hidden {
    struct str name;
    const struct hidden *outer;
};

static bool
collect(struct pql_ctx *c, const struct pql_ast *n, const struct hidden *outer, struct map *taken)
{
    struct hidden own = {.outer = outer};
    bool implied = n->kind == AST_LAMBDA && n->implied;

    if (implied) {
        own.name = n->names[0];
        outer = &own;
    }
    if (n->kind == AST_VAR) {
        for (const struct hidden *h = outer; h != NULL; h = h->outer) {
            if (str_eq(h->name, n->name))
                return true;
        }
    }
    if (n->name.p != NULL && !take(c, n->name, taken))
        return false;
    for (size_t i = 0; i < n->name_count && !implied; i++) {
        if (!take(c, n->names[i], taken))
            return false;
    }
    for (size_t i = 0; i < n->kid_count; i++) {
        if (!collect(c, n->kids[i], outer, taken))
            return false;
    }
    return true;
}

bool
pql_collect_names(struct pql_ctx *c, const struct pql_ast *root, struct map *taken)
{
    return collect(c, root, NULL, taken);
}

/* ---- scopes ---- */

static bool
grow(struct resolver *r, void **items, size_t n, size_t *cap, size_t item_bytes)
{
    size_t more = *cap ? *cap * 2 : 16;
    void *p;

    if (n < *cap)
        return true;
    p = pql_alloc(r->c, r->c->scratch, more, item_bytes);
    if (p == NULL)
        return false;
    if (n > 0)
        memcpy(p, *items, n * item_bytes);
    *items = p;
    *cap = more;
    return true;
}

static bool
push_var(struct resolver *r, struct str from, struct str to)
{
    void *items = r->vars;
    bool ok = grow(r, &items, r->var_count, &r->var_cap, sizeof *r->vars);

    r->vars = items;
    if (ok)
        r->vars[r->var_count++] = (struct name_pair){from, to};
    return ok;
}

static bool
push_element(struct resolver *r, struct str name)
{
    void *items = r->elements;
    bool ok = grow(r, &items, r->element_count, &r->element_cap, sizeof *r->elements);

    r->elements = items;
    if (ok)
        r->elements[r->element_count++] = name;
    return ok;
}

/* The name of a binder in the copy: its own, unless an open element has it. */
static struct str
binder_name(struct resolver *r, struct str name)
{
    for (size_t i = 0; i < r->element_count; i++) {
        if (str_eq(r->elements[i], name) && name.n > 0)
            return pql_next_name(r->c, &r->taken, &r->next);
    }
    return name;
}

/* Opens a binder of the source as names[i] of the copy. */
static bool
open_binder(struct resolver *r, struct str from, struct str *to)
{
    *to = binder_name(r, from);
    return to->p != NULL && push_var(r, from, *to);
}

static const struct name_pair *
find_var(const struct resolver *r, struct str name)
{
    for (size_t i = r->var_count; i-- > 0;) {
        if (str_eq(r->vars[i].from, name))
            return &r->vars[i];
    }
    return NULL;
}

/* ---- nodes ---- */

/* Everything but the children and the names. */
static struct pql_ast *
copy(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = pql_node_new(r->c, ast->kind, ast->pos);
    struct str *names;

    if (n == NULL)
        return NULL;
    *n = *ast;
    n->height = 1;
    n->kids = NULL;
    n->kid_count = 0;
    if (ast->name_count == 0)
        return n;
    names = pql_alloc(r->c, r->c->scratch, ast->name_count, sizeof *names);
    if (names == NULL)
        return NULL;
    memcpy(names, ast->names, ast->name_count * sizeof *names);
    n->names = names;
    return n;
}

static struct str *
names_of(struct pql_ast *n)
{
    return (struct str *)(uintptr_t)n->names; /* of a copy just made */
}

static struct pql_ast *
done(struct resolver *r, struct pql_ast *n, const struct pql_kids *k)
{
    return n != NULL ? pql_node_done(r->c, n, k, pql_node_extra(n->kind, k->n)) : NULL;
}

static struct pql_ast *
leaf(struct resolver *r, enum pql_kind kind, uint32_t pos, struct str name)
{
    struct pql_ast *n = pql_node_new(r->c, kind, pos);

    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
field(struct resolver *r, struct pql_ast *object, struct str name, uint32_t pos)
{
    struct pql_ast *n = pql_node_unary(r->c, AST_FIELD, pos, object);

    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
profile(struct resolver *r, uint32_t pos)
{
    struct pql_ast *n = leaf(r, AST_PARAM, pos, S_NULL);

    if (n != NULL)
        n->number = 1;
    return n;
}

/* The element `up` levels above the innermost. */
static struct pql_ast *
element(struct resolver *r, const struct pql_ast *ast, size_t up)
{
    struct str name;

    if (up >= r->element_count) {
        (void)pql_fail_climb(r->c, ast, r->element_count);
        return NULL;
    }
    name = r->elements[r->element_count - 1 - up];
    return name.n > 0 ? leaf(r, AST_VAR, ast->pos, name) : profile(r, ast->pos);
}

static struct pql_ast *
resolve_name(struct resolver *r, const struct pql_ast *ast)
{
    const struct name_pair *v = find_var(r, ast->name);

    if (v != NULL)
        return leaf(r, AST_VAR, ast->pos, v->to);
    if (str_eq(ast->name, S("xEvent")))
        return field(r, profile(r, ast->pos), ast->name, ast->pos);
    return field(r, element(r, ast, 0), ast->name, ast->pos);
}

static struct pql_ast *
resolve_var(struct resolver *r, const struct pql_ast *ast)
{
    const struct name_pair *v = find_var(r, ast->name);

    if (v != NULL)
        return leaf(r, AST_VAR, ast->pos, v->to);
    (void)pql_fail_variable(r->c, ast);
    return NULL;
}

/* ---- binders ---- */

static struct pql_ast *
resolve_lambda(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    size_t vars = r->var_count;
    struct pql_kids k = {0};
    bool ok = n != NULL;

    for (size_t i = 0; ok && i < ast->name_count; i++)
        ok = open_binder(r, ast->names[i], &names_of(n)[i]);
    ok = ok && pql_kids_add(r->c, &k, resolve(r, ast->kids[0]));
    r->var_count = vars;
    return ok ? done(r, n, &k) : NULL;
}

/* An element expression without a parameter gets one. */
static struct pql_ast *
resolve_elem(struct resolver *r, const struct pql_ast *ast)
{
    struct str name = pql_next_name(r->c, &r->taken, &r->next), *names;
    struct pql_ast *n = pql_node_new(r->c, AST_LAMBDA, ast->pos);
    struct pql_kids k = {0};
    bool ok;

    names = pql_alloc(r->c, r->c->scratch, 1, sizeof *names);
    if (n == NULL || names == NULL || name.p == NULL)
        return NULL;
    *names = name;
    n->names = names;
    n->name_count = 1;
    ok = push_element(r, name) && pql_kids_add(r->c, &k, resolve(r, ast));
    r->element_count--;
    return ok ? done(r, n, &k) : NULL;
}

static struct pql_ast *
resolve_call(struct resolver *r, const struct pql_ast *ast)
{
    const struct pql_fn *f = pql_fn_find(ast->name);
    struct pql_ast *n = copy(r, ast);
    struct pql_kids k = {0};

    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        bool elem = i == 1 && f != NULL && f->elem && ast->kids[i]->kind != AST_LAMBDA;
        if (!pql_kids_add(r->c, &k, elem ? resolve_elem(r, ast->kids[i]) : resolve(r, ast->kids[i])))
            return NULL;
    }
    return done(r, n, &k);
}

static struct pql_ast *
resolve_let(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    struct pql_kids k = {0};
    size_t vars = r->var_count;
    bool ok = n != NULL && pql_kids_add(r->c, &k, resolve(r, ast->kids[0])) &&
              open_binder(r, ast->names[0], &names_of(n)[0]) && pql_kids_add(r->c, &k, resolve(r, ast->kids[1]));

    r->var_count = vars;
    return ok ? done(r, n, &k) : NULL;
}

/* One generator: its source does not see its variable, its condition does. */
static struct pql_ast *
resolve_gen(struct resolver *r, const struct pql_ast *ast, struct str name)
{
    struct pql_ast *n = copy(r, ast);
    struct pql_kids k = {0};

    if (n == NULL || !pql_kids_add(r->c, &k, resolve(r, ast->kids[0])) || !push_var(r, ast->names[0], name))
        return NULL;
    names_of(n)[0] = name;
    if (ast->kid_count > 1 && !pql_kids_add(r->c, &k, resolve(r, ast->kids[1])))
        return NULL;
    return done(r, n, &k);
}

/* Generators, and before them the body of an aggregate: it stands first in the text and sees them all. */
static struct pql_ast *
resolve_gens(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    struct str *names = pql_alloc(r->c, r->c->scratch, ast->kid_count, sizeof *names);
    size_t vars = r->var_count, first = ast->kind == AST_AGG;
    struct pql_kids k = {0};
    bool ok = n != NULL && names != NULL;

    for (size_t i = first; ok && i < ast->kid_count; i++)
        ok = open_binder(r, ast->kids[i]->names[0], &names[i]);
    if (first == 1)
        ok = ok && pql_kids_add(r->c, &k, resolve(r, ast->kids[0]));
    r->var_count = vars;
    for (size_t i = first; ok && i < ast->kid_count; i++)
        ok = pql_kids_add(r->c, &k, resolve_gen(r, ast->kids[i], names[i]));
    r->var_count = vars;
    return ok ? done(r, n, &k) : NULL;
}

/* COUNT(1) says what an element says without it, unless it is excluded: then it is an error that must stay one. */
static bool
drop_count(struct resolver *r, struct pql_ast *n)
{
    const struct rule_element *e = n->element;

    if (n->negated || e->count_count != 1 || e->counts[0].cmp != CMP_GE || e->counts[0].amount != 1)
        return true;
    n->element = pql_alloc(r->c, r->c->scratch, 1, sizeof *e);
    if (n->element == NULL)
        return false;
    *n->element = *e;
    n->element->count_count = 0;
    return true;
}

/* Its label is a variable from here to the end of the chain, and the implicit element inside. */
static struct pql_ast *
resolve_element(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    struct pql_kids k = {0};
    bool ok = n != NULL && open_binder(r, ast->names[0], &names_of(n)[0]) && drop_count(r, n);

    if (!ok || !push_element(r, n->names[0]))
        return NULL;
    for (size_t i = 0; ok && i < ast->kid_count; i++)
        ok = pql_kids_add(r->c, &k, resolve(r, ast->kids[i]));
    r->element_count--;
    return ok ? done(r, n, &k) : NULL;
}

static struct pql_ast *
resolve_chain(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    size_t vars = r->var_count;
    struct pql_kids k = {0};
    bool ok = n != NULL && pql_kids_add(r->c, &k, resolve(r, ast->kids[0]));

    for (size_t i = 1; ok && i < ast->kid_count; i++)
        ok = pql_kids_add(r->c, &k, resolve_element(r, ast->kids[i]));
    r->var_count = vars;
    return ok ? done(r, n, &k) : NULL;
}

static struct pql_ast *
resolve_plain(struct resolver *r, const struct pql_ast *ast)
{
    struct pql_ast *n = copy(r, ast);
    struct pql_kids k = {0};

    for (size_t i = 0; n != NULL && i < ast->kid_count; i++) {
        if (!pql_kids_add(r->c, &k, resolve(r, ast->kids[i])))
            return NULL;
    }
    return done(r, n, &k);
}

static struct pql_ast *
resolve(struct resolver *r, const struct pql_ast *ast)
{
    if (!pql_check_operands(r->c, ast))
        return NULL;
    switch (ast->kind) {
    case AST_NAME:
        return resolve_name(r, ast);
    case AST_VAR:
        return resolve_var(r, ast);
    case AST_CLIMB:
        return element(r, ast, ast->number);
    case AST_LAMBDA:
        return resolve_lambda(r, ast);
    case AST_CALL:
        return resolve_call(r, ast);
    case AST_LET:
        return resolve_let(r, ast);
    case AST_QUANT:
    case AST_SELECT:
    case AST_AGG:
        return resolve_gens(r, ast);
    case AST_CHAIN:
        return resolve_chain(r, ast);
    default:
        return resolve_plain(r, ast);
    }
}

struct pql_ast *
pql_resolve(struct pql_ctx *c, const struct pql_ast *root)
{
    struct resolver r = {.c = c};
    struct pql_ast *out = NULL;

    map_init(&r.taken);
    if (pql_collect_names(c, root, &r.taken) && push_element(&r, S_NULL))
        out = resolve(&r, root);
    map_deinit(&r.taken);
    return out;
}
