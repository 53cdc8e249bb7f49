/* target_time.c - time frames: {"time":"range"} and {"time":"weekly"} [TARGET 4.2, 4.3]. */
#include "decide/target_int.h"

static struct rule_node *
time_bound(struct lower *w, const char *field, enum value_cmp cmp, int64_t limit)
{
    return target_compare(w, cmp, target_call1(w, FN_NUMBER, target_param(w, FIELD_TIME, str_of(field))),
                          target_literal(w, (struct value){.kind = VALUE_INT, .i = limit}));
}

static struct rule_node *
lower_range(struct lower *w, const struct json *between)
{
    int64_t from, to;

    if (json_count(between) != 2 || !json_is(between, JSON_ARRAY) || !time_value(json_at(between, 0), &from) ||
        !time_value(json_at(between, 1), &to) || from > to)
        return target_refuse(w, "two ISO 8601 instants, the earlier first", between);
    return target_node2(w, RULE_AND, time_bound(w, "ms", CMP_GE, from), time_bound(w, "ms", CMP_LE, to));
}

/* "0900" as 900; -1: not a time of day. */
static int64_t
time_of_day(const struct json *v)
{
    struct str s = json_str(v);
    uint64_t n;

    if (s.n != 4 || !str_to_u64(s, &n) || n > 2359 || n % 100 > 59)
        return -1;
    return (int64_t)n;
}

/* Both ends belong to the range; one that ends before it starts runs over midnight (OURS). */
static struct rule_node *
lower_weekly(struct lower *w, const struct json *days, const struct json *between)
{
    struct json_iter it = json_iter(days);
    struct rule_node **any = ARENA_ARRAY(w->a, struct rule_node *, 7), *day, *time;
    size_t n = 0, at = target_path_member(w, S("days"));
    int64_t from, to;

    if (any == NULL)
        return target_fail_memory(w);
    if (!json_is(days, JSON_ARRAY) || json_count(days) < 1 || json_count(days) > 7)
        return target_refuse(w, "a list of days, 1 (Monday) to 7", days);
    while (json_next(&it)) {
        int64_t number = json_i64(it.value, 0);
        if (number < 1 || number > 7)
            return target_refuse(w, "a list of days, 1 (Monday) to 7", days);
        any[n++] = time_bound(w, "day", CMP_EQ, number);
        if (any[n - 1] == NULL)
            return NULL;
    }
    target_path_cut(w, at);
    day = target_any_of(w, any, n);
    if (between == NULL)
        return day;
    at = target_path_member(w, S("between"));
    from = json_count(between) == 2 ? time_of_day(json_at(between, 0)) : -1;
    to = json_count(between) == 2 ? time_of_day(json_at(between, 1)) : -1;
    if (!json_is(between, JSON_ARRAY) || from < 0 || to < 0)
        return target_refuse(w, "two times of day such as \"0900\"", between);
    target_path_cut(w, at);
    time = target_node2(w, from <= to ? RULE_AND : RULE_OR, time_bound(w, "hhmm", CMP_GE, from),
                        time_bound(w, "hhmm", CMP_LE, to));
    return target_node2(w, RULE_AND, day, time);
}

struct rule_node *
target_time(struct lower *w, const struct json *leaf)
{
    struct str kind = json_str(json_get(leaf, S("time")));
    const struct json *between = json_get(leaf, S("between"));
    size_t at;

    if (str_eq(kind, S("range")) && json_count(leaf) == 2) {
        at = target_path_member(w, S("between"));
        struct rule_node *x = lower_range(w, between);
        if (x != NULL)
            target_path_cut(w, at);
        return x;
    }
    if (str_eq(kind, S("weekly")) && json_count(leaf) == (between ? 3u : 2u))
        return lower_weekly(w, json_get(leaf, S("days")), between);
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path,
                          "%s must be {\"time\":\"range\",\"between\"} or {\"time\":\"weekly\",\"days\",\"between\"}",
                          w->path);
    return NULL;
}
