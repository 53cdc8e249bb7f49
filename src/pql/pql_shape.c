/* pql_shape.c - what a schema says of the values that an expression works on [SEGMENTATION 3, C 42].
 *
 * Next to the static type of a node, the walk that lowers keeps its shape: the schema's field that the value is of, and
 * whether it is a list of such. Paths, elements and variables have one; so have calls that hand out what they were
 * given (filter, head, get). A shape gives a path its type and its fields; where nothing is known, anything goes, as
 * without a schema. A name with a join suffix leads to data that no schema of ours describes. */
#include "base/limits.h"
#include "pql/pql_lowerer.h"

/* An array is a list of its elements. */
static struct pql_shape
shape_of(const struct pql_lowerer *l, const void *field, bool list)
{
    while (field != NULL && l->schema->type(field) == TYPE_LIST) {
        field = l->schema->element(field);
        list = true;
    }
    return (struct pql_shape){field, list};
}

struct pql_shape
pql_shape_profile(const struct pql_lowerer *l)
{
    return (struct pql_shape){l->schema != NULL ? l->schema->profile : NULL, false};
}

struct pql_shape
pql_shape_events(const struct pql_lowerer *l)
{
    return l->schema != NULL ? shape_of(l, l->schema->event, true) : (struct pql_shape){0};
}

struct pql_shape
pql_shape_element(const struct pql_lowerer *l, struct pql_shape of)
{
    (void)l;
    return (struct pql_shape){of.list ? of.field : NULL, false};
}

struct pql_shape
pql_shape_entry(const struct pql_lowerer *l, struct pql_shape of)
{
    if (of.field == NULL || of.list || l->schema->type(of.field) != TYPE_MAP)
        return (struct pql_shape){0};
    return shape_of(l, l->schema->element(of.field), false);
}

enum rule_type
pql_shape_type(const struct pql_lowerer *l, struct pql_shape s)
{
    if (s.list)
        return TYPE_LIST;
    return s.field != NULL ? l->schema->type(s.field) : TYPE_ANY;
}

/* "homeAdress.city": the path that is being lowered, with `instead` for the name at `pos`. */
static void
put_path(const struct pql_ast *n, uint32_t pos, struct str instead, struct buf *out)
{
    bool here = instead.n > 0 && n->pos == pos;

    if (n->kind == AST_FIELD) {
        size_t before = out->n;
        put_path(n->kids[0], pos, instead, out);
        if (out->n > before)
            buf_putc(out, '.');
    }
    if (n->kind == AST_FIELD || n->kind == AST_NAME || n->kind == AST_VAR)
        buf_put(out, here ? instead : n->name);
}

/* The whole path where it can be told, else the name alone. */
static void
put_whole(const struct pql_lowerer *l, struct str name, uint32_t pos, struct str instead, struct buf *out)
{
    buf_clear(out);
    if (l->path != NULL)
        put_path(l->path, pos, instead, out);
    if (out->n == 0)
        buf_put(out, instead.n > 0 ? instead : name);
}

static int
shown(const struct buf *b)
{
    return (int)(b->n > 120 ? 120 : b->n);
}

static bool
fail_unknown(struct pql_lowerer *l, const void *object, struct str name, uint32_t pos)
{
    struct str near = l->schema->near(object, name);
    struct buf path;

    buf_init_in(&path, l->c->scratch, LIMIT_PQL_JSON_BYTES);
    put_whole(l, name, pos, S_NULL, &path);
    (void)pql_fail(l->c, PQL_REFERENCE, pos, "unknown field '%.*s'", shown(&path), path.p != NULL ? path.p : "");
    put_whole(l, name, pos, near, &path);
    if (near.n > 0)
        diag_hint(l->c->d, "did you mean '%.*s'?", shown(&path), path.p != NULL ? path.p : "");
    return false;
}

bool
pql_shape_field(struct pql_lowerer *l, struct pql_shape of, struct str name, uint32_t pos, struct pql_shape *out)
{
    const void *member;

    *out = (struct pql_shape){0};
    if (of.field == NULL || str_find(name, S("@{")) >= 0)
        return true;
    switch (l->schema->type(of.field)) {
    case TYPE_OBJECT:
        member = l->schema->member(of.field, name);
        if (member == NULL)
            return fail_unknown(l, of.field, name, pos);
        *out = shape_of(l, member, of.list);
        return true;
    case TYPE_MAP:
        *out = shape_of(l, l->schema->element(of.field), of.list);
        return true;
    default: /* a list of scalars has no fields: it reads as empty */
        return true;
    }
}
