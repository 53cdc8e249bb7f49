/* pql_ast.c - making nodes of the syntax tree, for whoever reads one: text, JSON, or a rule to be printed.
 *
 * A finished node knows its height. LIMIT_RULE_HEIGHT bounds it, so that every walk of the tree may recurse. */
#include "base/limits.h"
#include "pql/pql_int.h"

bool
pql_kids_add(struct pql_ctx *c, struct pql_kids *k, struct pql_ast *kid)
{
    if (kid == NULL)
        return false;
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 4;
        struct pql_ast **more = pql_alloc(c, c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (k->n > 0)
            memcpy(more, k->p, k->n * sizeof *more);
        k->p = more;
        k->cap = cap;
    }
    k->p[k->n++] = kid;
    return true;
}

struct pql_ast *
pql_node_new(struct pql_ctx *c, enum pql_kind kind, uint32_t pos)
{
    struct pql_ast *n = pql_alloc(c, c->scratch, 1, sizeof *n);

    if (n == NULL)
        return NULL;
    n->kind = kind;
    n->pos = pos;
    n->height = 1;
    return n;
}

struct pql_ast *
pql_node_done(struct pql_ctx *c, struct pql_ast *n, const struct pql_kids *k, size_t extra)
{
    unsigned height = 0;

    if (n == NULL)
        return NULL;
    n->kids = k->p;
    n->kid_count = k->n;
    for (size_t i = 0; i < k->n; i++)
        height = k->p[i]->height > height ? k->p[i]->height : height;
    if (height + extra >= LIMIT_RULE_HEIGHT) {
        (void)pql_fail(c, PQL_LIMIT, n->pos, "a chain of more than %d operators, fields or calls", LIMIT_RULE_HEIGHT);
        return NULL;
    }
    n->height = height + (unsigned)extra + 1;
    return n;
}

struct pql_ast *
pql_node_unary(struct pql_ctx *c, enum pql_kind kind, uint32_t pos, struct pql_ast *kid)
{
    struct pql_ast *n = kid != NULL ? pql_node_new(c, kind, pos) : NULL;
    struct pql_kids k = {0};

    return n != NULL && pql_kids_add(c, &k, kid) ? pql_node_done(c, n, &k, 0) : NULL;
}

struct pql_ast *
pql_node_binary(struct pql_ctx *c, enum pql_kind kind, uint32_t pos, struct pql_ast *a, struct pql_ast *b)
{
    struct pql_ast *n = a != NULL && b != NULL ? pql_node_new(c, kind, pos) : NULL;
    struct pql_kids k = {0};

    return n != NULL && pql_kids_add(c, &k, a) && pql_kids_add(c, &k, b) ? pql_node_done(c, n, &k, 0) : NULL;
}

size_t
pql_node_extra(enum pql_kind kind, size_t kid_count)
{
    switch (kind) {
    case AST_QUANT:
    case AST_SELECT:
    case AST_AGG:
    case AST_CHAIN:
        return kid_count;
    default:
        return 0;
    }
}
