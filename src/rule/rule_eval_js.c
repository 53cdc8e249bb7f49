/* rule_eval_js.c - operators with JavaScript's meaning [TARGET 5.4]; the conversions are in js_value.c. */
#include <math.h>

#include "rule/js_value.h"
#include "rule/rule_int.h"

static double
number(struct eval *ev, struct value v)
{
    return js_number(v, ev->a, &ev->stop);
}

/* Evaluates all arguments into the arena; NULL when the evaluation stops. */
static struct value *
arguments(struct eval *ev, const struct rule_node *n)
{
    struct value *args = ARENA_ARRAY(ev->a, struct value, n->arg_count + 1);

    if (args == NULL) {
        ev->stop = true;
        return NULL;
    }
    for (size_t i = 0; i < n->arg_count && !ev->stop; i++)
        args[i] = eval_value(ev, n->args[i]);
    return ev->stop ? NULL : args;
}

/* and: the first that is not true, or the last; or: the first that is. */
static struct value
decide(struct eval *ev, const struct rule_node *n, bool stop_at)
{
    struct value v = VALUE_OF_NULL;

    for (size_t i = 0; i < n->arg_count && eval_tick(ev, 1); i++) {
        v = eval_value(ev, n->args[i]);
        if (js_truth(v) == stop_at)
            break;
    }
    return v;
}

/* ---- texts ---- */

/* join(""): what is null is empty. */
static struct value
cat(struct eval *ev, const struct value *args, size_t n)
{
    struct str *parts = ARENA_ARRAY(ev->a, struct str, n + 1), s;
    size_t bytes = 0;

    if (parts == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    for (size_t i = 0; i < n; i++) {
        parts[i] = args[i].kind == VALUE_NULL ? S("") : js_text(args[i], ev->a, &ev->stop);
        bytes += parts[i].n;
    }
    s = eval_tick(ev, bytes / 16) ? arena_join(ev->a, parts, n) : S_NULL;
    if (s.p == NULL)
        ev->stop = true;
    return value_string(s);
}

/* A negative length counts from the end, as PHP does. */
static struct value
substr(struct eval *ev, const struct value *args, size_t n)
{
    struct str text = js_text(args[0], ev->a, &ev->stop);
    double start = n > 1 ? number(ev, args[1]) : NAN, length = n > 2 ? number(ev, args[2]) : NAN;

    if (!eval_tick(ev, text.n / 16))
        return VALUE_OF_NULL;
    if (n > 2 && isnan(length)) /* substr(text, start, "x") */
        length = 0;
    if (length < 0) {
        text = js_substr(text, start, NAN, ev->a, &ev->stop);
        length = fmax((double)js_length(text) + length, 0);
        start = 0;
    }
    return value_string(js_substr(text, start, length, ev->a, &ev->stop));
}

/* ---- numbers ---- */

static struct value
fold(struct eval *ev, enum rule_fn fn, const struct value *args, size_t n)
{
    double sum = fn == FN_JS_ADD ? 0 : fn == FN_JS_LEAST ? INFINITY : -INFINITY;
    size_t i = 0;

    if (fn == FN_JS_MULTIPLY) { /* has no first value of its own: one factor stays what it is */
        if (n == 1)
            return args[0];
        sum = n > 0 ? js_parse_float(args[i++], ev->a, &ev->stop) : NAN;
    }
    for (; i < n && eval_tick(ev, 1); i++) {
        double f =
            fn == FN_JS_ADD || fn == FN_JS_MULTIPLY ? js_parse_float(args[i], ev->a, &ev->stop) : number(ev, args[i]);
        if (fn == FN_JS_ADD)
            sum += f;
        else if (fn == FN_JS_MULTIPLY)
            sum *= f;
        else if (isnan(f) || isnan(sum))
            sum = NAN;
        else
            sum = fn == FN_JS_LEAST ? fmin(sum, f) : fmax(sum, f);
    }
    return js_double(sum);
}

static struct value
arithmetic(struct eval *ev, enum rule_fn fn, const struct value *args, size_t n)
{
    double x = n > 0 ? number(ev, args[0]) : NAN, y = n > 1 ? number(ev, args[1]) : NAN;

    switch (fn) {
    case FN_JS_SUBTRACT:
        return js_double(x - y);
    case FN_JS_DIVIDE:
        return js_double(x / y);
    case FN_JS_REMAINDER:
        return js_double(fmod(x, y));
    default:
        return js_double(-x);
    }
}

/* ---- lists ---- */

static struct value
merge(struct eval *ev, const struct value *args, size_t n)
{
    struct eval_list out = {0};

    for (size_t i = 0; i < n && eval_tick(ev, 1); i++) {
        struct value_iter it = value_iter(args[i]);
        if (args[i].kind != VALUE_LIST) {
            eval_list_add(ev, &out, args[i]);
            continue;
        }
        while (value_next(&it) && eval_tick(ev, 1))
            eval_list_add(ev, &out, value_keep(&it, ev->a, &ev->stop));
    }
    return eval_list_done(ev, &out);
}

static bool
look_up(struct eval *ev, struct value data, struct value path, struct value *out)
{
    if (path.kind == VALUE_NULL || (path.kind == VALUE_STRING && path.s.n == 0)) {
        *out = data;
        return true;
    }
    return eval_tick(ev, 1) && js_path(data, js_text(path, ev->a, &ev->stop), out, ev->a, &ev->stop);
}

static void
add_if_missing(struct eval *ev, struct eval_list *out, struct value data, struct value key)
{
    struct value v;

    if (!look_up(ev, data, key, &v) || v.kind == VALUE_NULL || (v.kind == VALUE_STRING && v.s.n == 0))
        eval_list_add(ev, out, key);
}

static struct value
missing(struct eval *ev, struct value data, const struct value *keys, size_t n)
{
    struct eval_list out = {0};
    struct value_iter it;

    if (n > 0 && keys[0].kind == VALUE_LIST) {
        it = value_iter(keys[0]);
        while (value_next(&it) && eval_tick(ev, 1))
            add_if_missing(ev, &out, data, value_keep(&it, ev->a, &ev->stop));
    } else {
        for (size_t i = 0; i < n && eval_tick(ev, 1); i++)
            add_if_missing(ev, &out, data, keys[i]);
    }
    return eval_list_done(ev, &out);
}

/* Nothing when enough are there, else those that are not. */
static struct value
missing_some(struct eval *ev, const struct value *args)
{
    struct value lost = missing(ev, args[0], args + 2, 1);
    struct eval_list none = {0};

    if ((double)value_count(args[2]) - (double)value_count(lost) >= number(ev, args[1]))
        return eval_list_done(ev, &none);
    return lost;
}

/* filter and map make lists, all and some answer. */
static struct value
each(struct eval *ev, const struct rule_node *n)
{
    struct value list = eval_value(ev, n->args[0]);
    const struct rule_node *lambda = n->args[1];
    struct value_iter it = value_iter(list);
    struct eval_list out = {0};

    if (list.kind != VALUE_LIST)
        it = value_iter(VALUE_OF_NULL);
    if (n->fn == FN_JS_ALL && (list.kind != VALUE_LIST || value_count(list) == 0))
        return value_bool(false);
    while (value_next(&it) && eval_tick(ev, 1)) {
        struct value item = value_keep(&it, ev->a, &ev->stop), v;
        eval_bind(ev, lambda->slot, item);
        v = eval_value(ev, lambda->args[0]);
        if (n->fn == FN_JS_ALL && !js_truth(v))
            return value_bool(false);
        if (n->fn == FN_JS_SOME && js_truth(v))
            return value_bool(true);
        if (n->fn == FN_JS_MAP)
            eval_list_add(ev, &out, v);
        else if (n->fn == FN_JS_FILTER && js_truth(v))
            eval_list_add(ev, &out, item);
    }
    if (n->fn == FN_JS_ALL || n->fn == FN_JS_SOME)
        return value_bool(n->fn == FN_JS_ALL);
    return eval_list_done(ev, &out);
}

static struct value
reduce(struct eval *ev, const struct rule_node *n)
{
    struct value list = eval_value(ev, n->args[0]), sum = eval_value(ev, n->args[2]);
    const struct rule_node *lambda = n->args[1];
    struct value_iter it = value_iter(list);

    if (list.kind != VALUE_LIST)
        return sum;
    while (value_next(&it) && eval_tick(ev, 1)) {
        struct str *keys = ARENA_ARRAY(ev->a, struct str, 2);
        struct value *items = ARENA_ARRAY(ev->a, struct value, 2);
        if (keys == NULL || items == NULL) {
            ev->stop = true;
            break;
        }
        keys[0] = S("current");
        keys[1] = S("accumulator");
        items[0] = value_keep(&it, ev->a, &ev->stop);
        items[1] = sum;
        eval_bind(ev, lambda->slot, eval_map_of(ev, keys, items, 2));
        sum = eval_value(ev, lambda->args[0]);
    }
    return sum;
}

struct value
eval_call_js(struct eval *ev, const struct rule_node *n)
{
    struct value *args, v;

    if (n->fn == FN_JS_AND || n->fn == FN_JS_OR)
        return decide(ev, n, n->fn == FN_JS_OR);
    if (n->fn == FN_JS_REDUCE)
        return reduce(ev, n);
    if (n->fn >= FN_JS_FILTER)
        return each(ev, n);
    args = arguments(ev, n);
    if (args == NULL)
        return VALUE_OF_NULL;
    switch (n->fn) {
    case FN_JS_TRUE:
        return value_bool(js_truth(args[0]));
    case FN_JS_EQUAL:
        return value_bool(js_equal(args[0], args[1], ev->a, &ev->stop));
    case FN_JS_SAME:
        return value_bool(js_same(args[0], args[1]));
    case FN_JS_LESS:
    case FN_JS_LESS_EQUAL:
        return value_bool(js_less(args[0], args[1], n->fn == FN_JS_LESS_EQUAL, ev->a, &ev->stop));
    case FN_JS_IN:
        return value_bool(js_contains(args[1], args[0], ev->a, &ev->stop));
    case FN_JS_CAT:
        return cat(ev, args, n->arg_count);
    case FN_JS_SUBSTR:
        return substr(ev, args, n->arg_count);
    case FN_JS_ADD:
    case FN_JS_MULTIPLY:
    case FN_JS_LEAST:
    case FN_JS_GREATEST:
        return fold(ev, n->fn, args, n->arg_count);
    case FN_JS_MERGE:
        return merge(ev, args, n->arg_count);
    case FN_JS_VAR:
        if (look_up(ev, args[0], args[1], &v))
            return v;
        return n->arg_count > 2 ? args[2] : VALUE_OF_NULL;
    case FN_JS_MISSING:
        return missing(ev, args[0], args + 1, n->arg_count - 1);
    case FN_JS_MISSING_SOME:
        return missing_some(ev, args);
    default:
        return arithmetic(ev, n->fn, args, n->arg_count);
    }
}
