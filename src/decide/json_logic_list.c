/* json_logic_list.c - where json-logic and JavaScript disagree about what is true: an empty list is false to the
 * operators, and true to the engine, which asks for the value of a whole condition with a plain "if" [TARGET 5.4].
 *
 * Which values an expression may have is followed through its branches. Requests have no lists, so lists come from
 * operators and literals alone. What depends on a request may be either, and counts as possible: the length of a
 * filtered list, and each list that a reduction goes on with. */
#include "decide/json_logic.h"

/* What "var" reads: the request, or inside of an operator over a list its elements. */
struct reach {
    bool element; /* which may be lists, or have some */
};

static bool may_be_list(const struct json *v, struct reach r);

/* One operator with its operands: a single one may stand without a list. */
struct operation {
    struct str name;
    const struct json *operands;
    size_t n;
};

static bool
read_operation(const struct json *v, struct operation *o)
{
    struct json_iter it = json_iter(v);

    if (!json_is(v, JSON_OBJECT) || json_count(v) != 1 || !json_next(&it))
        return false;
    *o = (struct operation){it.key, it.value, json_is(it.value, JSON_ARRAY) ? json_count(it.value) : 1};
    return true;
}

static bool
is(const struct operation *o, const char *name)
{
    return str_eq(o->name, str_of(name));
}

static const struct json *
operand(const struct operation *o, size_t i)
{
    return json_is(o->operands, JSON_ARRAY) ? json_at(o->operands, i) : i == 0 ? o->operands : NULL;
}

/* The i-th operand can be the value of the operation. */
static bool
is_value(const struct operation *o, size_t i)
{
    if (is(o, "if") || is(o, "?:"))
        return i % 2 == 1 || i + 1 == o->n;
    if (is(o, "log"))
        return i == 0;
    if (is(o, "var"))
        return i == 1; /* the default */
    return is(o, "and") || is(o, "or");
}

static bool
any_value(const struct operation *o, struct reach r, bool (*f)(const struct json *v, struct reach r))
{
    for (size_t i = 0; i < o->n; i++) {
        if (is_value(o, i) && f(operand(o, i), r))
            return true;
    }
    return false;
}

/* ---- elements ---- */

/* The elements of the list that v may be are lists, or have some. */
static bool
has_lists(const struct json *v, struct reach r)
{
    struct json_iter it = json_iter(v);
    struct operation o;

    if (json_is(v, JSON_ARRAY)) {
        while (json_next(&it)) {
            if (may_be_list(it.value, r))
                return true;
        }
        return false;
    }
    if (!read_operation(v, &o))
        return false;
    if (is(&o, "filter"))
        return has_lists(operand(&o, 0), r);
    if (is(&o, "map"))
        return may_be_list(operand(&o, 1), (struct reach){has_lists(operand(&o, 0), r)});
    if (is(&o, "reduce"))
        return has_lists(operand(&o, 2), r) || has_lists(operand(&o, 1), (struct reach){has_lists(operand(&o, 0), r)});
    for (size_t i = 0; is(&o, "merge") && i < o.n; i++) {
        if (has_lists(operand(&o, i), r))
            return true;
    }
    return (is(&o, "var") && r.element) || any_value(&o, r, has_lists);
}

/* ---- lists ---- */

static bool
may_be_list(const struct json *v, struct reach r)
{
    static const char *const lists[] = {"missing", "missing_some", "merge", "map", "filter"};
    struct operation o;

    if (json_is(v, JSON_ARRAY))
        return true;
    if (!read_operation(v, &o))
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (is(&o, lists[i]))
            return true;
    }
    if (is(&o, "reduce")) /* without elements it is what it begins with */
        return may_be_list(operand(&o, 2), r) ||
               may_be_list(operand(&o, 1), (struct reach){has_lists(operand(&o, 0), r)});
    return (is(&o, "var") && r.element) || any_value(&o, r, may_be_list);
}

/* It is a list that has an element, always. */
static bool
has_element(const struct json *v, struct reach r)
{
    struct operation o;

    if (json_is(v, JSON_ARRAY))
        return json_count(v) > 0;
    if (!read_operation(v, &o))
        return false;
    if (is(&o, "map"))
        return has_element(operand(&o, 0), r);
    for (size_t i = 0; is(&o, "merge") && i < o.n; i++) {
        if (has_element(operand(&o, i), r) || !may_be_list(operand(&o, i), r))
            return true;
    }
    return false;
}

static bool
may_be_empty(const struct json *v, struct reach r)
{
    struct operation o;

    if (json_is(v, JSON_ARRAY))
        return json_count(v) == 0;
    if (!read_operation(v, &o))
        return false;
    if (is(&o, "missing") || is(&o, "missing_some") || is(&o, "filter"))
        return true;
    if (is(&o, "map"))
        return !has_element(operand(&o, 0), r);
    if (is(&o, "merge"))
        return !has_element(v, r);
    if (is(&o, "reduce"))
        return may_be_list(v, r);
    if (is(&o, "or")) /* goes on behind what is empty */
        return o.n > 0 && may_be_empty(operand(&o, o.n - 1), r);
    return (is(&o, "var") && r.element) || any_value(&o, r, may_be_empty);
}

bool
json_logic_may_be_empty_list(const struct json *v)
{
    return may_be_empty(v, (struct reach){false});
}
