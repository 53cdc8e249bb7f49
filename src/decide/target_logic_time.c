/* target_logic_time.c - time frames as json-logic, in UTC [TARGET 4.4].
 *
 * A weekly frame is a set of days and minutes of the account's time. Moved to UTC it may run over midnight, so each
 * stretch is cut there; stretches of the same minutes share one test of the day. */
#include "decide/target_logic_int.h"

#define DAY_MINUTES 1440
#define STRETCHES 4 /* two of a day that runs over midnight, each cut once */

struct stretch {
    int from, to;       /* minutes of the UTC day, both in it */
    unsigned char days; /* bit 0: Monday */
};

struct week {
    struct stretch stretches[STRETCHES];
    size_t n;
};

static void
add_stretch(struct week *week, unsigned day, int from, int to)
{
    size_t i = 0;

    if (from > to)
        return;
    while (i < week->n && (week->stretches[i].from != from || week->stretches[i].to != to))
        i++;
    if (i == week->n)
        week->stretches[week->n++] = (struct stretch){from, to, 0};
    week->stretches[i].days |= (unsigned char)(1u << day);
}

/* Local minutes [from, to] of a day, counted from Monday's midnight, as UTC. */
static void
add_local(struct week *week, unsigned day, int from, int to, int zone)
{
    int start = (int)day * DAY_MINUTES + from - zone, length = to - from, minutes = 7 * DAY_MINUTES, first;
    unsigned d;

    start = ((start % minutes) + minutes) % minutes;
    d = (unsigned)(start / DAY_MINUTES);
    first = start % DAY_MINUTES;
    if (first + length < DAY_MINUTES) {
        add_stretch(week, d, first, first + length);
        return;
    }
    add_stretch(week, d, first, DAY_MINUTES - 1);
    add_stretch(week, (d + 1) % 7, 0, first + length - DAY_MINUTES);
}

static int
minutes_of(const struct json *v)
{
    uint64_t n = 0;

    (void)str_to_u64(json_str(v), &n); /* checked when the rule was compiled */
    return (int)(n / 100 * 60 + n % 100);
}

static struct str
days_of(struct logic *lg, unsigned days)
{
    struct logic_list l = {0};

    if (days == 0x7F)
        return LOGIC_TRUE;
    for (int i = 0; i < 7; i++) {
        if (days >> i & 1)
            logic_add(lg, &l, logic_printf(lg, "{\"==\":[{\"var\":\"current_day\"},\"%d\"]}", i + 1));
    }
    return l.n == 1 ? logic_printf(lg, "{\"or\":[%.*s]}", STR_ARG(l.items[0])) : logic_any(lg, &l);
}

static struct str
stretch_of(struct logic *lg, const struct stretch *s)
{
    struct str time = LOGIC_TRUE;

    if (s->from > 0 || s->to < DAY_MINUTES - 1)
        time = logic_printf(lg, "{\"<=\":[\"%02d%02d\",{\"var\":\"current_time\"},\"%02d%02d\"]}", s->from / 60,
                            s->from % 60, s->to / 60, s->to % 60);
    return logic_and(lg, days_of(lg, s->days), time);
}

static struct str
weekly(struct logic *lg, const struct json *leaf)
{
    const struct json *between = json_get(leaf, S("between"));
    struct json_iter it = json_iter(json_get(leaf, S("days")));
    int from = between ? minutes_of(json_at(between, 0)) : 0;
    int to = between ? minutes_of(json_at(between, 1)) : DAY_MINUTES - 1;
    struct week week = {.n = 0};
    struct logic_list l = {0};

    while (json_next(&it)) {
        unsigned day = (unsigned)json_i64(it.value, 1) - 1;
        if (from <= to) {
            add_local(&week, day, from, to, lg->zone_minutes);
            continue;
        }
        add_local(&week, day, 0, to, lg->zone_minutes);
        add_local(&week, day, from, DAY_MINUTES - 1, lg->zone_minutes);
    }
    for (size_t i = 0; i < week.n; i++)
        logic_add(lg, &l, stretch_of(lg, &week.stretches[i]));
    return logic_any(lg, &l);
}

struct str
logic_time(struct logic *lg, const struct json *leaf)
{
    const struct json *between = json_get(leaf, S("between"));
    int64_t from = 0, to = 0;

    if (str_eq(json_str(json_get(leaf, S("time"))), S("weekly")))
        return weekly(lg, leaf);
    (void)time_value(json_at(between, 0), &from); /* checked when the rule was compiled */
    (void)time_value(json_at(between, 1), &to);
    return logic_printf(lg, "{\"<=\":[%lld,{\"var\":\"current_timestamp\"},%lld]}", (long long)from, (long long)to);
}
