/* rule_eval_text.c - string predicates and regular expressions [SEGMENTATION 7.2].
 *
 * A predicate over a list holds when some element satisfies it, the negative predicates too [C 4]; a list as pattern,
 * which only data can bring, is treated the same way. A null anywhere is false. */
#include "base/limits.h"
#include "rule/casefold.h"
#include "rule/js_value.h"
#include "rule/lowercase.h"
#include "rule/rule_int.h"

/* `%` any run, `_` one code point, `\` takes the next pattern character literally [C 14]. Greedy with one restart
 * point, so at most text * pattern steps. */
static bool
like(struct eval *ev, struct str text, struct str pattern)
{
    struct str restart_pattern = S_NULL, restart_text = S_NULL;

    while (text.n > 0) {
        struct str p = pattern, t = text;
        uint32_t want = p.n > 0 ? casefold_take(&p) : 0;
        bool any_one = pattern.n > 0 && want == '_', run = pattern.n > 0 && want == '%';
        if (!eval_tick(ev, 1))
            return false;
        if (run) {
            restart_pattern = pattern = p;
            restart_text = text;
            continue;
        }
        if (pattern.n > 0 && want == '\\' && p.n > 0)
            want = casefold_take(&p);
        if (pattern.n > 0 && (casefold_take(&t) == want || any_one)) {
            pattern = p;
            text = t;
            continue;
        }
        if (restart_pattern.p == NULL)
            return false;
        (void)casefold_take(&restart_text); /* the run takes one more */
        text = restart_text;
        pattern = restart_pattern;
    }
    while (pattern.n > 0 && pattern.p[0] == '%')
        pattern = str_slice(pattern, 1, pattern.n);
    return pattern.n == 0;
}

/* The precompiled expression of a literal pattern, or one compiled now; NULL when it is not well-formed. */
static const struct regex *
regex_of(struct eval *ev, const struct rule_node *n, struct str pattern)
{
    if (n->compiled != NULL)
        return n->compiled;
    if (ev->regex_text.p == NULL || !str_eq(ev->regex_text, pattern)) {
        enum err rc = eval_tick(ev, 100 + pattern.n) ? regex_new(pattern, ev->a, &ev->regex, NULL) : ERR_LIMIT;
        if (rc != ERR_OK)
            ev->regex = NULL;
        if (rc == ERR_LIMIT) /* not known, which is not false */
            ev->stop = true;
        ev->regex_text = pattern.p != NULL ? pattern : S("");
    }
    return ev->regex;
}

static bool
search(struct eval *ev, const struct rule_node *n, struct str text, struct str pattern, unsigned group, struct str *out)
{
    const struct regex *r = regex_of(ev, n, pattern);
    enum regex_end end = REGEX_DONE;
    bool found;

    if (r == NULL || !eval_tick(ev, 4 + text.n / 8))
        return false;
    found = regex_search(r, text, group, out, &end);
    if (end == REGEX_GIVEN_UP)
        (void)eval_tick(ev, LIMIT_REGEX_STEPS); /* the loops around look at ev->stop */
    if (end == REGEX_NO_MEMORY)
        ev->stop = ev->a->starved = true;
    return found;
}

static bool
is_negative(enum rule_fn fn)
{
    return fn == FN_NOT_STARTS_WITH || fn == FN_NOT_ENDS_WITH || fn == FN_NOT_CONTAINS || fn == FN_NOT_EQUAL_TO;
}

/* Both are strings; the positive form of the predicate. */
static bool
test(struct eval *ev, const struct rule_node *n, struct str x, struct str p, bool fold)
{
    if (!eval_tick(ev, 1 + x.n / 16))
        return false;
    if (fold) {
        x = casefold_str(x, ev->a);
        p = casefold_str(p, ev->a);
        if (x.p == NULL || p.p == NULL) {
            ev->stop = true;
            return false;
        }
    }
    switch (n->fn) {
    case FN_STARTS_WITH:
    case FN_NOT_STARTS_WITH:
        return str_starts(x, p);
    case FN_ENDS_WITH:
    case FN_NOT_ENDS_WITH:
        return str_ends(x, p);
    case FN_CONTAINS:
    case FN_NOT_CONTAINS:
        return str_find(x, p) >= 0;
    case FN_LIKE:
        return like(ev, x, p);
    case FN_MATCHES:
        return search(ev, n, x, p, 0, NULL);
    default:
        return str_eq(x, p);
    }
}

/* equals and notEqualTo compare what is not text like `=` and `!=`. */
static bool
holds_for_values(struct eval *ev, const struct rule_node *n, struct value x, struct value p, bool fold)
{
    bool equality = n->fn == FN_EQUALS || n->fn == FN_NOT_EQUAL_TO;

    if (x.kind == VALUE_STRING && p.kind == VALUE_STRING)
        return test(ev, n, x.s, p.s, fold) != is_negative(n->fn);
    if (!equality || x.kind == VALUE_NULL || p.kind == VALUE_NULL)
        return false;
    return value_compare(CMP_EQ, x, p) == (n->fn == FN_EQUALS);
}

static bool
holds(struct eval *ev, const struct rule_node *n, struct value x, struct value p, bool fold)
{
    struct value_iter it;

    if (p.kind != VALUE_LIST)
        return holds_for_values(ev, n, x, p, fold);
    it = value_iter(p);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (holds_for_values(ev, n, x, it.value, fold))
            return true;
    }
    return false;
}

/* The trailing flag of rule.h: true means case-sensitive, which is the default. */
static bool
fold_flag(struct eval *ev, const struct rule_node *n, size_t *values, bool *usable)
{
    bool equality = n->fn == FN_EQUALS || n->fn == FN_NOT_EQUAL_TO;
    const struct rule_node *last = n->args[n->arg_count - 1];
    struct value flag;

    *values = n->arg_count - 1;
    *usable = true;
    if (n->arg_count < 3 || (equality && !(last->op == RULE_LITERAL && last->value.kind == VALUE_BOOL)))
        return false;
    *values = n->arg_count - 2;
    flag = eval_value(ev, last);
    *usable = flag.kind == VALUE_BOOL;
    return *usable && !flag.b;
}

/* One element of a lifted receiver: any of the values for equals, all of them for notEqualTo. */
static bool
holds_for(struct eval *ev, const struct rule_node *n, struct value x, const struct value *values, size_t count,
          bool fold)
{
    bool all = n->fn == FN_NOT_EQUAL_TO;

    if (x.kind == VALUE_NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (holds(ev, n, x, values[i], fold) != all)
            return !all;
    }
    return all;
}

static bool
predicate(struct eval *ev, const struct rule_node *n)
{
    struct value x = eval_value(ev, n->args[0]), one, *values = &one;
    struct value_iter it;
    size_t count;
    bool usable, fold = fold_flag(ev, n, &count, &usable);

    if (x.kind == VALUE_NULL || !usable || ev->stop)
        return false;
    if (count > 1)
        values = ARENA_ARRAY(ev->a, struct value, count);
    if (values == NULL) {
        ev->stop = true;
        return false;
    }
    for (size_t i = 0; i < count && !ev->stop; i++)
        values[i] = eval_value(ev, n->args[i + 1]);
    if (x.kind != VALUE_LIST)
        return holds_for(ev, n, x, values, count, fold);
    if (count == 1 && values[0].kind == VALUE_LIST && (n->fn == FN_EQUALS || n->fn == FN_NOT_EQUAL_TO))
        return value_same(x, values[0]) == (n->fn == FN_EQUALS);
    it = value_iter(x);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (holds_for(ev, n, it.value, values, count, fold))
            return true;
    }
    return false;
}

static struct value
regex_group(struct eval *ev, const struct rule_node *n)
{
    struct value x = eval_value(ev, n->args[0]), p = eval_value(ev, n->args[1]), group = value_int(1);
    struct str text;

    if (n->arg_count > 2)
        group = eval_value(ev, n->args[2]);
    if (x.kind != VALUE_STRING || p.kind != VALUE_STRING || group.kind != VALUE_INT || group.i < 0 ||
        group.i > UINT16_MAX)
        return VALUE_OF_NULL;
    if (!search(ev, n, x.s, p.s, (unsigned)group.i, &text) || text.p == NULL)
        return VALUE_OF_NULL;
    return value_string(text);
}

/* LOWER and NUMBER change a scalar, or each element of a list, so that a comparison around them still lifts. */
static struct value
convert(struct eval *ev, enum rule_fn fn, struct value v)
{
    struct value_iter it;
    struct eval_list out = {0};
    double number;

    if (v.kind == VALUE_STRING && fn == FN_LOWER) {
        v.s = lowercase_str(v.s, ev->a);
        if (v.s.p == NULL)
            ev->stop = true;
        return v;
    }
    if (v.kind == VALUE_STRING)
        return js_decimal(v.s, &number) ? js_double(number) : VALUE_OF_NULL;
    if (v.kind != VALUE_LIST)
        return fn == FN_LOWER || value_is_number(v) ? v : VALUE_OF_NULL;
    it = value_iter(v);
    eval_list_reserve(ev, &out, value_count(v));
    while (value_next(&it) && eval_tick(ev, 1)) {
        struct value item = value_keep(&it, ev->a, &ev->stop);
        eval_list_add(ev, &out, item.kind == VALUE_LIST ? item : convert(ev, fn, item));
    }
    return eval_list_done(ev, &out);
}

struct value
eval_call_text(struct eval *ev, const struct rule_node *n)
{
    if (n->fn == FN_REGEX_GROUP)
        return regex_group(ev, n);
    if (n->fn == FN_LOWER || n->fn == FN_NUMBER)
        return convert(ev, n->fn, eval_value(ev, n->args[0]));
    return value_bool(predicate(ev, n));
}
