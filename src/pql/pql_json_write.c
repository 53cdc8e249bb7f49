/* pql_json_write.c - a resolved tree to JSON [SEGMENTATION 13], node by node.
 *
 * A node's members come in one order and begin with nodeType, so every later one has a comma before it and the writer
 * keeps no state but the depth, which readers bound. */
#include "base/limits.h"
#include "codec/json_writer.h"
#include "pql/pql_int.h"

struct writer {
    struct pql_ctx *c;
    struct buf *out;
    unsigned depth; /* of the node being written */
};

static bool write(struct writer *w, const struct pql_ast *n);

static void
put(struct writer *w, const char *text)
{
    buf_put(w->out, str_of(text));
}

static bool
open_node(struct writer *w, const struct pql_ast *n, const char *type)
{
    if (w->depth > LIMIT_PQL_DEPTH)
        return pql_fail(w->c, PQL_LIMIT, n->pos, "as JSON, nodes nest deeper than %d levels", LIMIT_PQL_DEPTH);
    if (!buf_ok(w->out))
        return pql_fail(w->c, PQL_LIMIT, n->pos, "the JSON form needs more than %d bytes", LIMIT_PQL_JSON_BYTES);
    w->depth++;
    put(w, "{\"nodeType\":\"");
    put(w, type);
    put(w, "\"");
    return true;
}

static void
close_node(struct writer *w)
{
    w->depth--;
    put(w, "}");
}

static void
key(struct writer *w, const char *name)
{
    put(w, ",\"");
    put(w, name);
    put(w, "\":");
}

static void
key_text(struct writer *w, const char *name, struct str text)
{
    key(w, name);
    json_quote(w->out, text);
}

static bool
key_node(struct writer *w, const char *name, const struct pql_ast *n)
{
    key(w, name);
    return write(w, n);
}

/* Kids from..: a JSON array of nodes. */
static bool
key_nodes(struct writer *w, const char *name, const struct pql_ast *n, size_t from)
{
    key(w, name);
    put(w, "[");
    for (size_t i = from; i < n->kid_count; i++) {
        put(w, i > from ? "," : "");
        if (!write(w, n->kids[i]))
            return false;
    }
    put(w, "]");
    return true;
}

/* ---- literals ---- */

static bool
write_literal_text(struct writer *w, const struct pql_ast *n, const char *type, struct str text)
{
    if (!open_node(w, n, "literal"))
        return false;
    key_text(w, "literalType", str_of(type));
    key_text(w, "value", text);
    close_node(w);
    return true;
}

static void
put_scalar(struct writer *w, const struct value *v)
{
    char room[VALUE_TEXT_BYTES];
    struct str text;

    switch (v->kind) {
    case VALUE_BOOL:
        put(w, v->b ? "true" : "false");
        break;
    case VALUE_INT:
        buf_put_i64(w->out, v->i);
        break;
    case VALUE_DOUBLE:
        buf_put_f64(w->out, v->f); /* with a point or an exponent: it reads back as a double */
        break;
    case VALUE_STRING:
        json_quote(w->out, v->s);
        break;
    case VALUE_TIME:
        if (value_text(*v, room, &text))
            json_quote(w->out, text);
        break;
    default:
        put(w, "null");
    }
}

static bool
write_literal(struct writer *w, const struct pql_ast *n)
{
    static const char *const types[] = {
        [VALUE_NULL] = "Null",     [VALUE_BOOL] = "Boolean",  [VALUE_INT] = "Integer",
        [VALUE_DOUBLE] = "Double", [VALUE_STRING] = "String", [VALUE_TIME] = "Timestamp"};

    if (!open_node(w, n, "literal"))
        return false;
    key_text(w, "literalType", str_of(types[n->value.kind]));
    key(w, "value");
    put_scalar(w, &n->value);
    close_node(w);
    return true;
}

static bool
write_integer(struct writer *w, const struct pql_ast *n, int64_t v)
{
    if (!open_node(w, n, "literal"))
        return false;
    key_text(w, "literalType", S("Integer"));
    key(w, "value");
    buf_put_i64(w->out, v);
    close_node(w);
    return true;
}

/* ---- calls ---- */

static bool
write_call(struct writer *w, const struct pql_ast *n, struct str name)
{
    if (!open_node(w, n, "fnApply"))
        return false;
    key_text(w, "fnName", name);
    if (!key_nodes(w, "params", n, 0))
        return false;
    close_node(w);
    return true;
}

/* A flat list of plain scalars is one literal. */
static bool
write_list(struct writer *w, const struct pql_ast *n)
{
    for (size_t i = 0; i < n->kid_count; i++) {
        if (n->kids[i]->kind != AST_LITERAL || n->kids[i]->value.kind == VALUE_TIME)
            return write_call(w, n, S("list"));
    }
    if (!open_node(w, n, "literal"))
        return false;
    key_text(w, "literalType", S("List"));
    key(w, "value");
    put(w, "[");
    for (size_t i = 0; i < n->kid_count; i++) {
        put(w, i > 0 ? "," : "");
        put_scalar(w, &n->kids[i]->value);
    }
    put(w, "]");
    close_node(w);
    return true;
}

static bool
write_object(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "fnApply"))
        return false;
    key_text(w, "fnName", S("object"));
    key(w, "params");
    put(w, "[");
    for (size_t i = 0; i < n->kid_count; i++) {
        put(w, i > 0 ? "," : "");
        if (!write_literal_text(w, n->kids[i], "String", n->names[i]))
            return false;
        put(w, ",");
        if (!write(w, n->kids[i]))
            return false;
    }
    put(w, "]");
    close_node(w);
    return true;
}

/* ---- binders ---- */

static bool
write_lambda(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "lambda"))
        return false;
    key(w, "params");
    put(w, "[");
    for (size_t i = 0; i < n->name_count; i++) {
        put(w, i > 0 ? ",{\"varName\":" : "{\"varName\":");
        json_quote(w->out, n->names[i]);
        put(w, "}");
    }
    put(w, "]");
    if (!key_node(w, "body", n->kids[0]))
        return false;
    close_node(w);
    return true;
}

static bool
write_gen(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "varDecl"))
        return false;
    key_text(w, "varName", n->names[0]);
    if (!key_node(w, "from", n->kids[0]) || (n->kid_count > 1 && !key_node(w, "where", n->kids[1])))
        return false;
    close_node(w);
    return true;
}

static bool
write_gens(struct writer *w, const struct pql_ast *n)
{
    static const char *const quantifiers[] = {
        [QUANT_SOME] = "some", [QUANT_ALL] = "all", [QUANT_NONE] = "none", [QUANT_ONE] = "one"};
    const char *type = n->kind == AST_SELECT ? "select" : n->kind == AST_QUANT ? "quantification" : "aggregate";

    if (!open_node(w, n, type))
        return false;
    if (n->kind == AST_QUANT)
        key_text(w, "quantifier", str_of(quantifiers[n->quant]));
    if (n->kind == AST_AGG) {
        key_text(w, "fnName", n->name);
        if (!key_node(w, "body", n->kids[0]))
            return false;
    }
    if (!key_nodes(w, "variables", n, n->kind == AST_AGG))
        return false;
    close_node(w);
    return true;
}

static bool
write_let(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "let"))
        return false;
    key_text(w, "varName", n->names[0]);
    if (!key_node(w, "value", n->kids[0]) || !key_node(w, "body", n->kids[1]))
        return false;
    close_node(w);
    return true;
}

/* ---- times ---- */

static bool
write_time(struct writer *w, const char *name, const struct pql_ast *n, const struct rule_time_ref *ref)
{
    struct str text;

    if (ref->period == PERIOD_NONE)
        return key_node(w, name, n->kids[ref->arg]);
    text = arena_printf(w->c->scratch, "%s %s", pql_period_name(ref->period).p, pql_unit_name(ref->unit, false).p);
    if (text.p == NULL)
        return pql_fail(w->c, PQL_LIMIT, n->pos, "the expression needs too much memory");
    key(w, name);
    return write_literal_text(w, n, "RelativeTime", text);
}

static bool
write_duration(struct writer *w, const struct pql_ast *n, int64_t amount, enum rule_unit unit)
{
    key(w, "duration");
    if (!open_node(w, n, "duration"))
        return false;
    key(w, "count");
    if (!write_integer(w, n, amount))
        return false;
    key(w, "unit");
    if (!write_literal_text(w, n, "TimeUnit", pql_unit_name(unit, true)))
        return false;
    close_node(w);
    return true;
}

static bool
write_when(struct writer *w, const struct pql_ast *n, const struct rule_when *when)
{
    bool range = when->form == WHEN_BETWEEN;

    key(w, "when");
    if (!open_node(w, n, range ? "range" : "timeQualification"))
        return false;
    if (range) {
        if (!write_time(w, "from", n, &when->from) || !write_time(w, "to", n, &when->to))
            return false;
        close_node(w);
        return true;
    }
    if (when->form == WHEN_DISTANCE) {
        key(w, "comparison");
        if (!write_literal_text(w, n, "Comparison", pql_cmp_text(when->cmp)) ||
            !write_duration(w, n, when->amount, when->unit))
            return false;
    }
    if (when->form != WHEN_ON) {
        key(w, "direction");
        if (!write_literal_text(w, n, "TimeDirection", pql_side_name(when->side)))
            return false;
    }
    if (!write_time(w, "time", n, &when->from))
        return false;
    close_node(w);
    return true;
}

static bool
write_occurs(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "occurs") || !key_node(w, "timestamp", n->kids[0]) || !write_when(w, n, n->when))
        return false;
    close_node(w);
    return true;
}

/* ---- chain ---- */

/* A number, as the public trees have it, where "at least" says it; COUNT(1) of an excluded element is an error that a
 * number would hide. */
static void
write_counts(struct writer *w, const struct pql_ast *n)
{
    const struct rule_element *e = n->element;

    key(w, "count");
    if (e->count_count == 0) {
        put(w, "1");
        return;
    }
    if (e->count_count == 1 && e->counts[0].cmp == CMP_GE && !(n->negated && e->counts[0].amount == 1)) {
        buf_put_i64(w->out, e->counts[0].amount);
        return;
    }
    for (size_t i = 0; i < e->count_count; i++) {
        put(w, i == 0 ? "[" : ",");
        put(w, "{\"comparison\":");
        json_quote(w->out, pql_cmp_text(e->counts[i].cmp));
        put(w, ",\"value\":");
        buf_put_i64(w->out, e->counts[i].amount);
        put(w, "}");
    }
    put(w, "]");
}

static bool
write_gaps(struct writer *w, const struct pql_ast *n)
{
    const struct rule_element *e = n->element;

    if (e->gap_count == 0)
        return true;
    key(w, "gap");
    for (size_t i = 0; i < e->gap_count; i++) {
        if (e->gap_count > 1)
            put(w, i == 0 ? "[" : ",");
        if (!open_node(w, n, "gap"))
            return false;
        key_text(w, "comparison", pql_cmp_text(e->gaps[i].cmp));
        if (!write_duration(w, n, e->gaps[i].amount, e->gaps[i].unit))
            return false;
        close_node(w);
    }
    put(w, e->gap_count > 1 ? "]" : "");
    return true;
}

static bool
write_element(struct writer *w, const struct pql_ast *n)
{
    if (!open_node(w, n, "element"))
        return false;
    key_text(w, "varName", n->names[0]);
    if (!key_node(w, "what", n->kids[0]) || (n->element->has_when && !write_when(w, n, &n->element->when)))
        return false;
    write_counts(w, n);
    key(w, "negated");
    put(w, n->negated ? "true" : "false");
    if (!write_gaps(w, n))
        return false;
    close_node(w);
    return true;
}

/* The source and the timestamp's path are left out when they are what readers take for them. */
static bool
write_chain(struct writer *w, const struct pql_ast *n)
{
    const struct pql_ast *source = n->kids[0];
    bool events = source->kind == AST_FIELD && str_eq(source->name, S("xEvent")) &&
                  source->kids[0]->kind == AST_PARAM && source->kids[0]->number == 1;

    if (!open_node(w, n, "chain") || (!events && !key_node(w, "source", source)))
        return false;
    if (n->name_count != 1 || !str_eq(n->names[0], S("timestamp"))) {
        struct buf path;
        buf_init_in(&path, w->c->scratch, LIMIT_PQL_JSON_BYTES);
        for (size_t i = 0; i < n->name_count; i++) {
            if (i > 0)
                buf_putc(&path, '.');
            buf_put(&path, n->names[i]);
        }
        key_text(w, "timestampField", buf_str(&path));
    }
    key(w, "elements");
    for (size_t i = 1; i < n->kid_count; i++) {
        put(w, i == 1 ? "[" : ",");
        if (!write_element(w, n->kids[i]))
            return false;
    }
    put(w, "]");
    close_node(w);
    return true;
}

/* ---- */

static bool
write_reference(struct writer *w, const struct pql_ast *n)
{
    const char *type = n->kind == AST_VAR ? "varRef" : n->kind == AST_PARAM ? "parameterReference" : "fieldLookup";

    if (!open_node(w, n, type))
        return false;
    if (n->kind == AST_PARAM) {
        key(w, "position");
        buf_put_u64(w->out, n->number);
    } else {
        key_text(w, n->kind == AST_VAR ? "varName" : "fieldName", n->name);
        if (n->kind == AST_FIELD && !key_node(w, "object", n->kids[0]))
            return false;
    }
    close_node(w);
    return true;
}

static bool
write(struct writer *w, const struct pql_ast *n)
{
    switch (n->kind) {
    case AST_LITERAL:
        return write_literal(w, n);
    case AST_WORD:
        return write_literal_text(w, n, "RelativeTime", pql_time_word(n->op));
    case AST_LIST:
        return write_list(w, n);
    case AST_OBJECT:
        return write_object(w, n);
    case AST_VAR:
    case AST_PARAM:
    case AST_FIELD:
        return write_reference(w, n);
    case AST_CALL:
        if (pql_json_is_operator(n->name))
            return pql_fail(w->c, PQL_REFERENCE, n->pos, "unknown function '%.*s'", STR_ARG(n->name));
        return write_call(w, n, n->name);
    case AST_LAMBDA:
        return write_lambda(w, n);
    case AST_OCCURS:
        return write_occurs(w, n);
    case AST_LET:
        return write_let(w, n);
    case AST_QUANT:
    case AST_SELECT:
    case AST_AGG:
        return write_gens(w, n);
    case AST_GEN:
        return write_gen(w, n);
    case AST_CHAIN:
        return write_chain(w, n);
    default:
        return write_call(w, n, str_of(pql_operator_text(n))); /* resolving leaves operators only */
    }
}

bool
pql_json_write(struct pql_ctx *c, const struct pql_ast *root, struct buf *out)
{
    struct writer w = {c, out, 0};

    return write(&w, root) &&
           (buf_ok(out) || pql_fail(c, PQL_LIMIT, 0, "the JSON form needs more than %d bytes", LIMIT_PQL_JSON_BYTES));
}
