/* json_logic_list.c - where json-logic and JavaScript disagree about what is true: an empty list is false to the
 * operators, and true to the engine, which asks for the value of a whole condition with a plain "if" [TARGET 5.4]. */
#include "decide/json_logic.h"

static bool
is_one_of(struct str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return false;
}

/* Rather too often than too seldom: a condition, some branch or the default of a variable counts as the value. */
bool
json_logic_may_be_list(const struct json *v)
{
    static const char *const lists[] = {"missing", "missing_some", "merge", "map", "filter", "reduce"};
    static const char *const through[] = {"if", "?:", "and", "or", "log", "var"};
    struct json_iter it = json_iter(v), operands;

    if (json_is(v, JSON_ARRAY))
        return true;
    if (!json_is(v, JSON_OBJECT) || json_count(v) != 1 || !json_next(&it))
        return false;
    if (is_one_of(it.key, lists, sizeof lists / sizeof *lists))
        return true;
    if (!is_one_of(it.key, through, sizeof through / sizeof *through))
        return false;
    if (!json_is(it.value, JSON_ARRAY))
        return json_logic_may_be_list(it.value);
    operands = json_iter(it.value);
    while (json_next(&operands)) {
        if (json_logic_may_be_list(operands.value))
            return true;
    }
    return false;
}
