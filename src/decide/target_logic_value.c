/* target_logic_value.c - operators between a text of the context and a constant [TARGET 4.4].
 *
 * JavaScript converts where audiences do not, so some operators come with a guard:
 *
 *   numbers     the value is there and not empty, and has none of the letters e x o b y: "1e3", "0x10", "0o7", "0b1",
 *               "Infinity" are texts to an audience. Where 0 would do, blanks alone must not: they convert to 0.
 *   substr      of a missing value is a piece of the text "null": a constant that is one needs the value to be there.
 */
#include <math.h>

#include "decide/target_logic_int.h"

#include "rule/js_value.h"
#include "rule/lowercase.h"

struct str
logic_present(struct logic *lg, const struct logic_subject *s, bool with_value)
{
    if (with_value || s->empty_is_absent)
        return logic_printf(lg, "{\"!!\":%.*s}", STR_ARG(s->var));
    return logic_not(lg, logic_equal(lg, S("null"), s->var));
}

/* ---- numbers ---- */

static const char *
symbol_of(enum leaf_op op)
{
    switch (op) {
    case OP_GREATER:
        return ">";
    case OP_GREATER_EQUAL:
        return ">=";
    case OP_LESS:
        return "<";
    case OP_LESS_EQUAL:
        return "<=";
    default:
        return "==";
    }
}

static bool
holds_for(enum leaf_op op, double x, double limit)
{
    switch (op) {
    case OP_GREATER:
        return x > limit;
    case OP_GREATER_EQUAL:
        return x >= limit;
    case OP_LESS:
        return x < limit;
    case OP_LESS_EQUAL:
        return x <= limit;
    default:
        return x == limit;
    }
}

static struct str
number_text(struct logic *lg, double f)
{
    bool nomem = false;
    struct str s = js_text(js_double(f), lg->w.a, &nomem);

    if (!isfinite(f))
        return logic_unsupported(lg, "a number of more than 300 digits cannot be said on a device");
    return nomem ? logic_printf(lg, "%s", "") : s;
}

static struct str
comparison(struct logic *lg, enum leaf_op op, struct str var, double limit)
{
    struct str number = number_text(lg, limit);

    if (number.p == NULL)
        return number;
    return logic_printf(lg, "{\"%s\":[%.*s,%.*s]}", symbol_of(op), STR_ARG(var), STR_ARG(number));
}

static struct str
number_guard(struct logic *lg, const struct logic_subject *s)
{
    static const char letters[] = "exoby";
    struct logic_list l = {0};

    for (const char *c = letters; *c != '\0'; c++)
        logic_add(lg, &l, logic_printf(lg, "{\"in\":[\"%c\",%.*s]}", *c, STR_ARG(s->lower)));
    return logic_not(lg, logic_any(lg, &l));
}

/* Not blanks alone: what is 0 has a digit 0. */
static struct str
blank_guard(struct logic *lg, const struct logic_subject *s)
{
    return logic_printf(lg, "{\"!\":{\"and\":[{\"==\":[%.*s,0]},{\"!\":{\"in\":[\"0\",%.*s]}}]}}", STR_ARG(s->var),
                        STR_ARG(s->var));
}

static struct str
text_as_number(struct logic *lg, enum leaf_op op, const struct logic_subject *s, double limit)
{
    struct logic_list l = {0};

    logic_add(lg, &l, logic_present(lg, s, true));
    logic_add(lg, &l, number_guard(lg, s));
    if (holds_for(op, 0, limit))
        logic_add(lg, &l, blank_guard(lg, s));
    logic_add(lg, &l, comparison(lg, op, s->var, limit));
    return logic_all(lg, &l);
}

struct str
logic_number(struct logic *lg, enum leaf_op op, struct str var, struct str value, struct str unknown)
{
    double limit;

    if (op == OP_CONTAINS || op == OP_STARTS_WITH || op == OP_ENDS_WITH)
        return logic_unsupported(lg, "a number is compared as text, which a device cannot");
    if (!js_decimal(value, &limit))
        return LOGIC_FALSE;
    return logic_and(lg, logic_not(lg, logic_equal(lg, unknown, var)), comparison(lg, op, var, limit));
}

/* ---- texts ---- */

static struct str
lower_text(struct logic *lg, struct str value)
{
    struct str low = lowercase_str(value, lg->w.a);

    return low.p != NULL ? low : logic_printf(lg, "%s", "");
}

/* The first, or last, units of the value are the constant. */
static struct str
edge_of(struct logic *lg, bool start, const struct logic_subject *s, struct str low)
{
    struct str quoted = logic_quote(lg, low), x;
    size_t units = js_length(low);
    bool of_null = start ? str_starts(S("null"), low) : str_ends(S("null"), low);

    if (quoted.p == NULL)
        return quoted;
    x = start ? logic_printf(lg, "{\"==\":[%.*s,{\"substr\":[%.*s,0,%zu]}]}", STR_ARG(quoted), STR_ARG(s->lower), units)
              : logic_printf(lg, "{\"==\":[%.*s,{\"substr\":[%.*s,-%zu]}]}", STR_ARG(quoted), STR_ARG(s->lower), units);
    return of_null ? logic_and(lg, logic_present(lg, s, false), x) : x;
}

static struct str
equality(struct logic *lg, enum leaf_op op, const struct logic_subject *s, struct str value)
{
    bool exact = s->exact && op == OP_EQUALS;
    double number;

    if (js_decimal(value, &number))
        return text_as_number(lg, OP_EQUALS, s, number);
    if (value.n == 0 && s->empty_is_absent)
        return LOGIC_FALSE;
    return logic_equal(lg, logic_quote(lg, exact ? value : lower_text(lg, value)), exact ? s->var : s->lower);
}

struct str
logic_operator(struct logic *lg, enum leaf_op op, const struct logic_subject *s, struct str value)
{
    struct str low;
    double limit;

    switch (op) {
    case OP_EQUALS:
    case OP_EQUALS_IGNORE_CASE:
    case OP_MATCHES:
        return equality(lg, op, s, value);
    case OP_CONTAINS:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
        if (value.n == 0)
            return logic_present(lg, s, false);
        low = lower_text(lg, value);
        if (op != OP_CONTAINS)
            return edge_of(lg, op == OP_STARTS_WITH, s, low);
        low = logic_quote(lg, low);
        return low.p ? logic_printf(lg, "{\"in\":[%.*s,%.*s]}", STR_ARG(low), STR_ARG(s->lower)) : low;
    default:
        return js_decimal(value, &limit) ? text_as_number(lg, op, s, limit) : LOGIC_FALSE;
    }
}
