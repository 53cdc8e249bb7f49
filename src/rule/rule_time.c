/* rule_time.c - calendar arithmetic and `occurs` [SEGMENTATION 8]. All in UTC, all from env->now_ms. */
#include "base/check.h"
#include "base/civil.h"
#include "rule/rule_int.h"

#define YEAR_MIN 1
#define YEAR_MAX 9999

/* Fixed length of a unit, or 0 when the calendar decides. */
static int64_t
unit_ms(enum rule_unit unit)
{
    static const int64_t ms[] = {
        [UNIT_MS] = 1,
        [UNIT_SECOND] = MS_PER_SECOND,
        [UNIT_MINUTE] = MS_PER_MINUTE,
        [UNIT_HOUR] = MS_PER_HOUR,
        [UNIT_DAY] = MS_PER_DAY,
        [UNIT_WEEK] = 7 * MS_PER_DAY,
        [UNIT_MONTH] = 0,
        [UNIT_YEAR] = 0,
        [UNIT_DECADE] = 0,
        [UNIT_CENTURY] = 0,
        [UNIT_MILLENNIUM] = 0,
    };

    return ms[unit];
}

/* Months in a unit of the calendar. */
static int64_t
unit_months(enum rule_unit unit)
{
    switch (unit) {
    case UNIT_YEAR:
        return 12;
    case UNIT_DECADE:
        return 120;
    case UNIT_CENTURY:
        return 1200;
    case UNIT_MILLENNIUM:
        return 12000;
    default:
        return 1;
    }
}

/* "Infinitely far" on the side it left [SEGMENTATION 8.1]; the result must not look like a date of year 0 or 10000. */
static int64_t
clamp(int64_t ms)
{
    if (ms < civil_days(YEAR_MIN, 1, 1) * MS_PER_DAY)
        return INT64_MIN;
    return ms >= civil_days(YEAR_MAX + 1, 1, 1) * MS_PER_DAY ? INT64_MAX : ms;
}

int64_t
rule_time_shift(int64_t ms, int64_t n, enum rule_unit unit)
{
    int64_t fixed = unit_ms(unit), far = n < 0 ? INT64_MIN : INT64_MAX, delta, month;
    struct civil c;

    if (ms == INT64_MIN || ms == INT64_MAX)
        return ms;
    if (fixed != 0) {
        if (__builtin_mul_overflow(n, fixed, &delta) || __builtin_add_overflow(ms, delta, &ms))
            return far;
        return clamp(ms);
    }
    if (clamp(ms) != ms)
        return clamp(ms);
    c = civil_from_ms(ms);
    if (__builtin_mul_overflow(n, unit_months(unit), &delta) ||
        __builtin_add_overflow(delta, (int64_t)c.year * 12 + c.month - 1, &month))
        return far;
    if (month < YEAR_MIN * 12)
        return INT64_MIN;
    if (month >= (YEAR_MAX + 1) * 12)
        return INT64_MAX;
    c.year = (int)(month / 12);
    c.month = (int)(month % 12) + 1;
    if (c.day > civil_month_days(c.year, c.month))
        c.day = civil_month_days(c.year, c.month); /* 31 March - 1 month = 28 or 29 February */
    return civil_to_ms(c);
}

int64_t
rule_unit_start(int64_t ms, enum rule_unit unit)
{
    int64_t fixed = unit_ms(unit), rest, origin = 0;
    struct civil c;
    int span;

    if (ms == INT64_MIN || ms == INT64_MAX)
        return ms;
    if (fixed != 0) {
        if (unit == UNIT_WEEK)
            origin = 4 * MS_PER_DAY; /* 1970-01-05 was a Monday [C 28] */
        rest = (ms - origin) % fixed;
        return ms - (rest < 0 ? rest + fixed : rest);
    }
    c = civil_from_ms(ms);
    if (unit == UNIT_MONTH)
        return civil_days(c.year, c.month, 1) * MS_PER_DAY;
    span = (int)(unit_months(unit) / 12);
    CHECK(span > 0); /* what is longer than a month is whole years */
    return clamp(civil_days(c.year - c.year % span, 1, 1) * MS_PER_DAY); /* the first decade begins before year 1 */
}

/* A TIME: an instant (end = start) or an interval [start, end). */
struct moment {
    bool interval;
    int64_t start;
    int64_t end;
};

static bool
eval_moment(struct eval *ev, struct rule_time_ref ref, const struct rule_node *const *args, struct moment *out)
{
    struct value v;

    if (ref.period != PERIOD_NONE) {
        int shift = ref.period == PERIOD_LAST ? -1 : ref.period == PERIOD_NEXT ? 1 : 0;
        out->interval = true;
        out->start = rule_time_shift(rule_unit_start(ev->env->now_ms, ref.unit), shift, ref.unit);
        out->end = rule_time_shift(out->start, 1, ref.unit);
        return true;
    }
    v = value_as_time(eval_value(ev, args[ref.arg]));
    if (v.kind == VALUE_NULL)
        return false;
    out->interval = v.date_only;
    out->start = v.i;
    out->end = v.date_only ? rule_time_shift(v.i, 1, UNIT_DAY) : v.i;
    return true;
}

/* The table of [SEGMENTATION 8.2] form 1: `a` is the reference, `p` the shifted one. */
static bool
within_distance(const struct rule_when *w, int64_t a, int64_t ms)
{
    bool before = w->side == SIDE_BEFORE;
    int64_t p = rule_time_shift(a, before ? -w->amount : w->amount, w->unit), start;
    bool inside;

    switch (w->cmp) {
    case CMP_LT:
        return before ? p < ms && ms <= a : a <= ms && ms < p;
    case CMP_LE:
        return before ? p <= ms && ms <= a : a <= ms && ms <= p;
    case CMP_GT:
        return before ? ms < p : ms > p;
    case CMP_GE:
        return before ? ms <= p : ms >= p;
    default:
        start = rule_unit_start(p, w->unit);
        inside = p != INT64_MIN && p != INT64_MAX && ms >= start && ms < rule_time_shift(start, 1, w->unit);
        return inside == (w->cmp == CMP_EQ);
    }
}

bool
eval_when(struct eval *ev, const struct rule_when *w, const struct rule_node *const *args, int64_t ms)
{
    struct moment from, to;

    if (!eval_moment(ev, w->from, args, &from))
        return false;
    switch (w->form) {
    case WHEN_DISTANCE:
        return within_distance(w, from.start, ms);
    case WHEN_SIDE:
        if (w->side == SIDE_BEFORE)
            return ms < from.start;
        if (w->side == SIDE_FROM)
            return ms >= from.start;
        return from.interval ? ms >= from.end : ms > from.start;
    case WHEN_ON:
        return from.interval ? from.start <= ms && ms < from.end : ms == from.start;
    default:
        if (!eval_moment(ev, w->to, args, &to))
            return false;
        return ms >= from.start && (to.interval ? ms < to.end : ms <= to.start);
    }
}

struct value
eval_occurs(struct eval *ev, const struct rule_node *n)
{
    struct value v = value_as_time(eval_value(ev, n->args[0])); /* a list is not a time: false */

    if (v.kind == VALUE_NULL)
        return value_bool(false);
    return value_bool(eval_when(ev, n->when, (const struct rule_node *const *)n->args, v.i));
}
