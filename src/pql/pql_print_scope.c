/* pql_print_scope.c - which parameters of lambdas the text may leave out.
 *
 * x.filter((v0) => v0.a = 1) and x[a = 1] are one query, and the second is what people write. It reads back as the same
 * tree when two things hold: every use of v0 can be a bare name (a field, directly in the lambda's own scope, hidden by
 * no variable and no word of the grammar), and the reader, which numbers the parameters it has to make up, arrives at
 * v0 again. The second depends on which others are left out and on every word of the text, so it is tried: all that
 * could be left out are, then those that would get another name are spelled, until nothing changes. Spelling makes
 * words, which may change the numbers of others; a tree that has not settled after a few rounds has all its parameters
 * spelled, which is always right. */
#include "pql/pql_printer.h"

bool
pql_scope_push(struct pql_scopes *s, struct pql_scope scope)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        struct pql_scope *more = pql_alloc(s->c, s->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (s->n > 0)
            memcpy(more, s->items, s->n * sizeof *more);
        s->items = more;
        s->cap = cap;
    }
    s->items[s->n++] = scope;
    return true;
}

const struct pql_scope *
pql_scope_find(const struct pql_scopes *s, struct str name)
{
    for (size_t i = s->n; i-- > 0;) {
        if (str_eq(s->items[i].name, name))
            return &s->items[i];
    }
    return NULL;
}

const struct pql_scope *
pql_scope_element(const struct pql_scopes *s)
{
    for (size_t i = s->n; i-- > 0;) {
        if (s->items[i].open || (s->items[i].lambda != NULL && s->items[i].lambda->implied))
            return &s->items[i];
    }
    return NULL;
}

bool
pql_scope_bare(const struct pql_scopes *s, struct str name)
{
    return !pql_is_reserved(name) && !str_eq(name, S("xEvent")) && pql_scope_find(s, name) == NULL;
}

struct marker {
    struct pql_scopes scopes;
    bool changed;
};

static bool
spell(struct marker *m, struct pql_ast *lambda)
{
    if (lambda != NULL && lambda->implied) {
        lambda->implied = false;
        m->changed = true;
    }
    return true;
}

/* field: the name looked up in it, or NULL when the variable itself is used. */
static void
use(struct marker *m, const struct pql_ast *var, const struct pql_ast *field)
{
    const struct pql_scope *to = pql_scope_find(&m->scopes, var->name);

    if (to == NULL || to->lambda == NULL || !to->lambda->implied)
        return;
    if (field == NULL || to != pql_scope_element(&m->scopes) || !pql_scope_bare(&m->scopes, field->name))
        (void)spell(m, to->lambda);
}

static bool
open_names(struct marker *m, const struct pql_ast *n, struct pql_ast *lambda)
{
    for (size_t i = 0; i < n->name_count; i++) {
        if (!pql_scope_push(&m->scopes, (struct pql_scope){n->names[i], lambda, n->kind == AST_ELEMENT}))
            return false;
    }
    return true;
}

static bool mark(struct marker *m, struct pql_ast *n);

static bool
mark_kids(struct marker *m, const struct pql_ast *n, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < n->kid_count; i++) {
        if (!mark(m, n->kids[i]))
            return false;
    }
    return true;
}

/* Opens the variables of generators for the body before them, then one by one. */
static bool
mark_gens(struct marker *m, const struct pql_ast *n)
{
    size_t keep = m->scopes.n, first = n->kind == AST_AGG;
    bool ok = true;

    for (size_t i = first; first == 1 && ok && i < n->kid_count; i++)
        ok = open_names(m, n->kids[i], NULL);
    ok = ok && mark_kids(m, n, 0, first);
    m->scopes.n = keep;
    for (size_t i = first; ok && i < n->kid_count; i++)
        ok = mark(m, n->kids[i]->kids[0]) && open_names(m, n->kids[i], NULL) && mark_kids(m, n->kids[i], 1, 2);
    m->scopes.n = keep;
    return ok;
}

static bool
mark_chain(struct marker *m, const struct pql_ast *n)
{
    size_t keep = m->scopes.n;
    bool ok = mark(m, n->kids[0]);

    for (size_t i = 1; ok && i < n->kid_count; i++) {
        ok = open_names(m, n->kids[i], NULL) && mark_kids(m, n->kids[i], 0, SIZE_MAX);
        if (ok)
            m->scopes.items[m->scopes.n - 1].open = false;
    }
    m->scopes.n = keep;
    return ok;
}

static bool
mark(struct marker *m, struct pql_ast *n)
{
    size_t keep = m->scopes.n;
    bool ok;

    switch (n->kind) {
    case AST_VAR:
        use(m, n, NULL);
        return true;
    case AST_FIELD:
        if (n->kids[0]->kind != AST_VAR)
            return mark(m, n->kids[0]);
        use(m, n->kids[0], n);
        return true;
    case AST_LAMBDA:
        ok = open_names(m, n, n) && mark(m, n->kids[0]);
        m->scopes.n = keep;
        return ok;
    case AST_LET:
        ok = mark(m, n->kids[0]) && open_names(m, n, NULL) && mark(m, n->kids[1]);
        m->scopes.n = keep;
        return ok;
    case AST_QUANT:
    case AST_SELECT:
    case AST_AGG:
        return mark_gens(m, n);
    case AST_CHAIN:
        return mark_chain(m, n);
    default:
        return mark_kids(m, n, 0, SIZE_MAX);
    }
}

/* Which lambdas stand where text takes an element expression, with a name that the reader may make up. */
static void
propose(struct pql_ast *n, bool propose_all)
{
    const struct pql_fn *f = n->kind == AST_CALL ? pql_fn_find(n->name) : NULL;

    for (size_t i = 0; i < n->kid_count; i++) {
        struct pql_ast *kid = n->kids[i];
        kid->implied = propose_all && i == 1 && f != NULL && f->elem && kid->kind == AST_LAMBDA &&
                       kid->name_count == 1 && pql_is_generated(kid->names[0]);
        propose(kid, propose_all);
    }
}

/* The reader's walk: what would it call the lambdas that have been left without a name? */
static bool
number(struct marker *m, struct pql_ast *n, const struct map *taken, unsigned *next)
{
    if (n->kind == AST_LAMBDA && n->implied) {
        struct str name = pql_next_name(m->scopes.c, taken, next);
        if (name.p == NULL)
            return false;
        if (!str_eq(name, n->names[0]))
            (void)spell(m, n);
    }
    for (size_t i = 0; i < n->kid_count; i++) {
        if (!number(m, n->kids[i], taken, next))
            return false;
    }
    return true;
}

enum { ROUNDS_MAX = 8 };

bool
pql_mark_implied(struct pql_ctx *c, struct pql_ast *root)
{
    struct marker m = {.scopes.c = c, .changed = true};
    bool ok = true;

    propose(root, true);
    for (int i = 0; ok && m.changed && i < ROUNDS_MAX; i++) {
        struct map taken;
        unsigned next = 0;
        m.changed = false;
        m.scopes.n = 0;
        map_init(&taken);
        ok = mark(&m, root) && pql_collect_names(c, root, &taken) && number(&m, root, &taken, &next);
        map_deinit(&taken);
    }
    if (m.changed)
        propose(root, false);
    return ok;
}
