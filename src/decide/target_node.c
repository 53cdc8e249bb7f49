/* target_node.c - nodes, messages and the request fields of a rule under construction. */
#include "decide/target_int.h"

/* ---- messages ---- */

void *
target_fail_memory(struct lower *w)
{
    w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "%s: the rule needs more than %d bytes", w->path,
                          LIMIT_TARGET_RULE_BYTES);
    return NULL;
}

struct rule_node *
target_refuse(struct lower *w, const char *expected, const struct json *got)
{
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s must be %s, got %s", w->path, expected,
                          json_type_name(json_type(got)));
    return NULL;
}

/* Appends to the path; returns its former length for target_path_cut(). A path that does not fit is cut: it only helps
 * a reader. */
static size_t
path_add(struct lower *w, const char *text, size_t n)
{
    size_t before = w->path_bytes, room = sizeof(w->path) - 1 - w->path_bytes;

    if (n > room)
        n = room;
    memcpy(w->path + w->path_bytes, text, n);
    w->path_bytes += n;
    w->path[w->path_bytes] = '\0';
    return before;
}

size_t
target_path_member(struct lower *w, struct str name)
{
    size_t before = w->path_bytes;

    if (before > 0)
        (void)path_add(w, ".", 1);
    (void)path_add(w, name.p, name.n);
    return before;
}

size_t
target_path_index(struct lower *w, size_t i)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "[%zu]", i);

    return path_add(w, text, (size_t)n);
}

void
target_path_cut(struct lower *w, size_t n)
{
    w->path_bytes = n;
    w->path[n] = '\0';
}

/* ---- nodes ---- */

struct rule_node *
target_node(struct lower *w, enum rule_op op, struct rule_node **args, size_t n)
{
    struct rule_node *x = ARENA_NEW(w->a, struct rule_node);

    if (x == NULL)
        return target_fail_memory(w);
    x->op = op;
    x->args = args;
    x->arg_count = n;
    x->type = op == RULE_LITERAL || op == RULE_PARAM ? TYPE_STRING : TYPE_BOOL;
    return x;
}

struct rule_node *
target_node1(struct lower *w, enum rule_op op, struct rule_node *arg)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, 1);

    if (args == NULL || arg == NULL)
        return arg == NULL ? NULL : target_fail_memory(w);
    args[0] = arg;
    return target_node(w, op, args, 1);
}

struct rule_node *
target_node2(struct lower *w, enum rule_op op, struct rule_node *left, struct rule_node *right)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, 2);

    if (left == NULL || right == NULL)
        return NULL;
    if (args == NULL)
        return target_fail_memory(w);
    args[0] = left;
    args[1] = right;
    return target_node(w, op, args, 2);
}

struct rule_node *
target_call1(struct lower *w, enum rule_fn fn, struct rule_node *arg)
{
    struct rule_node *x = target_node1(w, RULE_CALL, arg);

    if (x == NULL)
        return NULL;
    x->fn = fn;
    x->type = fn == FN_LOWER ? TYPE_STRING : fn == FN_NUMBER ? TYPE_NUMBER : TYPE_BOOL;
    return x;
}

struct rule_node *
target_call2(struct lower *w, enum rule_fn fn, struct rule_node *left, struct rule_node *right)
{
    struct rule_node *x = target_node2(w, RULE_CALL, left, right);

    if (x != NULL)
        x->fn = fn;
    return x;
}

struct rule_node *
target_compare(struct lower *w, enum value_cmp cmp, struct rule_node *left, struct rule_node *right)
{
    struct rule_node *x = target_node2(w, RULE_COMPARE, left, right);

    if (x != NULL)
        x->cmp = cmp;
    return x;
}

struct rule_node *
target_literal(struct lower *w, struct value v)
{
    struct rule_node *x = target_node(w, RULE_LITERAL, NULL, 0);

    if (x != NULL)
        x->value = v;
    return x;
}

struct rule_node *
target_text(struct lower *w, struct str s)
{
    struct str copy = arena_str(w->a, s);

    if (copy.p == NULL)
        return target_fail_memory(w);
    return target_literal(w, (struct value){.kind = VALUE_STRING, .s = copy});
}

/* fn(text), computed now: a literal, or a literal null. */
struct rule_node *
target_folded(struct lower *w, enum rule_fn fn, struct str text)
{
    struct rule_node *call = target_call1(w, fn, target_text(w, text));
    struct rule_env env = {0};
    struct value v;
    enum err rc;

    if (call == NULL)
        return NULL;
    rc = rule_eval_node(call, &env, NULL, 0, w->a, &v, w->d);
    if (rc != ERR_OK) {
        w->rc = rc;
        return NULL;
    }
    return target_literal(w, v);
}

/* A constant as a number: a literal null unless it is decimal [TARGET 4.1]. */
struct rule_node *
target_number(struct lower *w, struct str text)
{
    return target_folded(w, FN_NUMBER, text);
}

struct rule_node *
target_number_of(struct lower *w, struct rule_node *field)
{
    return target_call1(w, FN_NUMBER, field);
}

/* The parameter that stands for a field, the same for every leaf that asks it. */
struct rule_node *
target_param(struct lower *w, enum field_source source, struct str name)
{
    struct rule_node *x;

    for (size_t i = 0; i < w->field_count; i++) {
        if (w->fields[i].source == source && str_eq(w->fields[i].name, name))
            return w->params[i];
    }
    if (w->field_count == w->field_cap) {
        size_t cap = w->field_cap ? w->field_cap * 2 : 8;
        struct field *fields = ARENA_ARRAY(w->a, struct field, cap);
        struct rule_node **params = ARENA_ARRAY(w->a, struct rule_node *, cap);
        if (fields == NULL || params == NULL)
            return target_fail_memory(w);
        if (w->field_count > 0) {
            memcpy(fields, w->fields, w->field_count * sizeof(*fields));
            memcpy(params, w->params, w->field_count * sizeof(*params));
        }
        w->fields = fields;
        w->params = params;
        w->field_cap = cap;
    }
    x = target_node(w, RULE_PARAM, NULL, 0);
    name = arena_str(w->a, name);
    if (x == NULL || name.p == NULL)
        return x == NULL ? NULL : target_fail_memory(w);
    x->slot = (uint16_t)(w->field_count + 2);
    w->fields[w->field_count] = (struct field){source, name};
    w->params[w->field_count++] = x;
    return x;
}

struct rule_node *
target_any_of(struct lower *w, struct rule_node **args, size_t n)
{
    return n == 1 ? args[0] : target_node(w, RULE_OR, args, n);
}
