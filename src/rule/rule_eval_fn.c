/* rule_eval_fn.c - functions of maps, presence, memberships and dates, and the way to the others. */
#include "base/civil.h"
#include "rule/rule_int.h"

/* [SEGMENTATION 7.5] any namespace, status realized or existing (or none), not past its end [C 40]. */
static bool
is_member(struct eval *ev, const struct json *item)
{
    const struct json *status = json_get(item, S("status"));
    const struct json *until = json_get(item, S("validUntil"));
    struct value end;

    if (!json_is(item, JSON_OBJECT))
        return false;
    if (status != NULL && !json_is(status, JSON_NULL) && !str_eq(json_str(status), S("realized")) &&
        !str_eq(json_str(status), S("existing")))
        return false;
    if (until == NULL || json_is(until, JSON_NULL))
        return true;
    end = value_as_time(value_of_json(until, ev->a, &ev->stop));
    return end.kind == VALUE_TIME && end.i > ev->env->now_ms;
}

static bool
in_segment(struct eval *ev, struct value id)
{
    struct json_iter namespaces = json_iter(json_get(ev->env->profile, S("segmentMembership")));

    if (id.kind != VALUE_STRING)
        return false;
    if (ev->env->in_segment != NULL)
        return ev->env->in_segment(ev->env->ctx, id.s);
    while (json_next(&namespaces) && eval_tick(ev, 1)) {
        if (is_member(ev, json_get(namespaces.value, id.s)))
            return true;
    }
    return false;
}

static struct value
keys(struct eval *ev, struct value map)
{
    struct value_iter it = value_iter(map);
    struct eval_list out = {0};

    if (map.kind != VALUE_MAP)
        return VALUE_OF_NULL;
    eval_list_reserve(ev, &out, value_count(map));
    while (value_next(&it) && eval_tick(ev, 1))
        eval_list_add(ev, &out, value_string(it.key));
    return eval_list_done(ev, &out);
}

static struct value
values(struct eval *ev, struct value map)
{
    struct value_iter it = value_iter(map);
    struct eval_list out = {0};

    if (map.kind != VALUE_MAP)
        return VALUE_OF_NULL;
    eval_list_reserve(ev, &out, value_count(map));
    while (value_next(&it) && eval_tick(ev, 1))
        eval_list_add(ev, &out, value_keep(&it, ev->a, &ev->stop));
    return eval_list_done(ev, &out);
}

static struct value
map_entry(struct eval *ev, struct value key, struct value item)
{
    struct value *pair = ARENA_ARRAY(ev->a, struct value, 2);

    if (pair == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    pair[0] = key;
    pair[1] = item;
    return (struct value){.kind = VALUE_ENTRY, .entry = pair};
}

static struct value
date_part(enum rule_fn fn, struct value time)
{
    struct civil c;

    if (time.kind != VALUE_TIME)
        return VALUE_OF_NULL;
    c = civil_from_ms(time.i);
    if (fn == FN_CURRENT_MONTH || fn == FN_GET_MONTH)
        return value_int(c.month);
    return value_int(fn == FN_CURRENT_YEAR || fn == FN_GET_YEAR ? c.year : c.day);
}

/* The arguments that every function but the lists' and texts' has: at most two, evaluated left to right. */
static struct value
call_plain(struct eval *ev, const struct rule_node *n)
{
    struct value x = n->arg_count > 0 ? eval_value(ev, n->args[0]) : VALUE_OF_NULL;
    struct value y = n->arg_count > 1 ? eval_value(ev, n->args[1]) : VALUE_OF_NULL;

    if (ev->stop)
        return VALUE_OF_NULL;
    switch (n->fn) {
    case FN_GET:
        return y.kind == VALUE_STRING ? value_get(x, y.s, ev->a, &ev->stop) : VALUE_OF_NULL;
    case FN_KEYS:
        return keys(ev, x);
    case FN_VALUES:
        return values(ev, x);
    case FN_MAP_ENTRY:
        return map_entry(ev, x, y);
    case FN_IS_NULL:
        return value_bool(x.kind == VALUE_NULL);
    case FN_IS_NOT_NULL:
        return value_bool(x.kind != VALUE_NULL);
    case FN_IN_SEGMENT:
        return value_bool(in_segment(ev, x));
    case FN_CURRENT_MONTH:
    case FN_CURRENT_YEAR:
    case FN_CURRENT_DAY_OF_MONTH:
        return date_part(n->fn, (struct value){.kind = VALUE_TIME, .i = ev->env->now_ms});
    default:
        return date_part(n->fn, value_as_time(x));
    }
}

struct value
eval_call(struct eval *ev, const struct rule_node *n)
{
    if (n->fn <= FN_REGEX_GROUP || n->fn == FN_LOWER || n->fn == FN_NUMBER)
        return eval_call_text(ev, n);
    if (n->fn <= FN_MAX)
        return eval_call_list(ev, n);
    if (n->fn >= FN_JS_TRUE)
        return eval_call_js(ev, n);
    return call_plain(ev, n);
}
