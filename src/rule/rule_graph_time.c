/* rule_graph_time.c - instants that move with the clock, and when they pass a given instant.
 *
 * Every end of every window of the language is a function of now: now itself, or the start of a calendar unit that
 * holds now, shifted by some units, cut to the start or end of a unit, plus a millisecond for open ends. An event at t
 * leaves a window whose start is f at the first instant n with f(n) > t; that is arithmetic where all units are fixed
 * lengths, and bisection where months or years are involved. [SEGMENTATION 8.1, 8.2]
 *
 * These functions never decrease, with one exception. A shift by months clamps the day and keeps the time of day: 28
 * March noon - 1 month is 28 February noon, and so are 29, 30 and 31 March noon, but 29 March 00:00 gives 28 February
 * 00:00. So f falls back at the midnights of clamped days, and an event of 28 February 06:00 is inside again each of
 * those mornings. Within a day f never decreases, and neither do its values at successive midnights; both searches
 * below stand on that. */
#include "rule/rule_graph_int.h"

#include "base/civil.h"

#define WEEK_OFFSET_MS (4 * MS_PER_DAY) /* 1970-01-05 was a Monday */

static int64_t
unit_ms(enum rule_unit unit) /* 0: not a fixed length */
{
    switch (unit) {
    case UNIT_MS:
        return 1;
    case UNIT_SECOND:
        return MS_PER_SECOND;
    case UNIT_MINUTE:
        return MS_PER_MINUTE;
    case UNIT_HOUR:
        return MS_PER_HOUR;
    case UNIT_DAY:
        return MS_PER_DAY;
    case UNIT_WEEK:
        return 7 * MS_PER_DAY;
    default:
        return 0;
    }
}

/* The longest the unit can be. */
static int64_t
unit_ms_max(enum rule_unit unit)
{
    static const int64_t days[] = {
        [UNIT_MONTH] = 31, [UNIT_YEAR] = 366, [UNIT_DECADE] = 3653, [UNIT_CENTURY] = 36525, [UNIT_MILLENNIUM] = 365250};
    int64_t fixed = unit_ms(unit);

    return fixed != 0 ? fixed : days[unit] * MS_PER_DAY;
}

static int64_t
start_of(int64_t ms, enum rule_unit unit)
{
    int64_t length = unit_ms(unit), offset = unit == UNIT_WEEK ? WEEK_OFFSET_MS : 0, rest;

    if (length == 0)
        return rule_unit_start(ms, unit);
    rest = (ms - offset) % length;
    return ms - (rest < 0 ? rest + length : rest);
}

static int64_t
shifted(int64_t ms, int64_t n, enum rule_unit unit)
{
    int64_t length = unit_ms(unit), by, to;

    if (ms == INT64_MIN || ms == INT64_MAX || n == 0)
        return ms;
    if (length == 0)
        return rule_time_shift(ms, n, unit);
    if (__builtin_mul_overflow(n, length, &by) || __builtin_add_overflow(ms, by, &to))
        return n < 0 ? INT64_MIN : INT64_MAX;
    return to < TIME_FIRST_MS ? INT64_MIN : to > TIME_LAST_MS ? INT64_MAX : to;
}

int64_t
time_fn_calendar_at(const struct time_fn *f, int64_t now)
{
    int64_t at;

    switch (f->base) {
    case TIME_BASE_FIRST:
        return INT64_MIN;
    case TIME_BASE_LAST:
        return INT64_MAX;
    case TIME_BASE_CONST:
        return f->constant;
    case TIME_BASE_PERIOD:
        at = shifted(start_of(now, f->unit), f->period_shift, f->unit);
        break;
    default:
        at = now;
    }
    at = shifted(at, f->shift, f->shift_unit);
    if (at == INT64_MIN || at == INT64_MAX)
        return at; /* infinitely far in that direction, with its unit */
    if (f->floored) {
        at = start_of(at, f->floor_unit);
        if (f->floor_end)
            at = shifted(at, 1, f->floor_unit);
        if (at == INT64_MIN || at == INT64_MAX)
            return at;
    }
    return at + f->plus_ms;
}

bool
time_fn_moves(const struct time_fn *f)
{
    return f->base == TIME_BASE_NOW || f->base == TIME_BASE_PERIOD;
}

bool
time_fn_reaches_now(const struct time_fn *f)
{
    if (f->base == TIME_BASE_LAST)
        return true;
    if (f->floored || f->shift < 0)
        return false;
    return (f->base == TIME_BASE_NOW && f->plus_ms >= 0) ||
           (f->base == TIME_BASE_PERIOD && f->period_shift >= 1 && f->plus_ms >= -1);
}

bool
time_fn_equal(const struct time_fn *a, const struct time_fn *b)
{
    if (a->base != b->base)
        return false;
    if (a->base == TIME_BASE_CONST)
        return a->constant == b->constant;
    if (!time_fn_moves(a))
        return true;
    if (a->unit != b->unit || a->period_shift != b->period_shift)
        return false;
    return a->shift == b->shift && (a->shift == 0 || a->shift_unit == b->shift_unit) && a->floored == b->floored &&
           (!a->floored || (a->floor_unit == b->floor_unit && a->floor_end == b->floor_end)) &&
           a->plus_ms == b->plus_ms;
}

uint64_t
time_fn_hash(const struct time_fn *f)
{
    uint64_t h = hash_u64(f->base, (uint64_t)f->constant);

    if (!time_fn_moves(f))
        return h;
    h = hash_u64(hash_u64(h, f->unit), (uint64_t)f->period_shift);
    h = hash_u64(hash_u64(h, f->shift == 0 ? 0 : f->shift_unit), (uint64_t)f->shift);
    h = hash_u64(h, f->floored ? 2u * f->floor_unit + f->floor_end + 1 : 0);
    return hash_u64(h, (uint64_t)f->plus_ms);
}

int64_t
time_fn_behind_ms(const struct time_fn *f)
{
    int64_t behind = 0, back;

    if (!time_fn_moves(f))
        return f->base == TIME_BASE_LAST ? 0 : INT64_MAX;
    if (f->base == TIME_BASE_PERIOD) { /* its start is at most one unit back */
        if (__builtin_mul_overflow(f->period_shift < 1 ? 1 - f->period_shift : 0, unit_ms_max(f->unit), &behind))
            return INT64_MAX;
    }
    if (f->shift < 0) {
        if (__builtin_mul_overflow(f->shift, -unit_ms_max(f->shift_unit), &back) ||
            __builtin_add_overflow(behind, back, &behind))
            return INT64_MAX;
    }
    if (f->floored && !f->floor_end && __builtin_add_overflow(behind, unit_ms_max(f->floor_unit), &behind))
        return INT64_MAX;
    return behind > f->plus_ms ? behind - f->plus_ms : 0;
}

/* All units fixed: f(n) = start_of(n + before, unit) + after, solved for f(n) > limit. */
static bool
solve_fixed(const struct time_fn *f, int64_t limit, int64_t *out)
{
    enum rule_unit unit = UNIT_MS;
    int64_t shift_ms = f->shift == 0 ? 1 : unit_ms(f->shift_unit), before = 0, after = f->plus_ms, by;

    if (shift_ms == 0 || __builtin_mul_overflow(f->shift, shift_ms, &by) || by > TIME_LAST_MS || by < -TIME_LAST_MS)
        return false;
    if (f->base == TIME_BASE_PERIOD) {
        int64_t length = unit_ms(f->unit), periods;
        if (length == 0 || f->floored || __builtin_mul_overflow(f->period_shift, length, &periods) ||
            periods > TIME_LAST_MS || periods < -TIME_LAST_MS)
            return false;
        unit = f->unit;
        after += by + periods;
    } else if (f->floored) {
        if (unit_ms(f->floor_unit) == 0)
            return false;
        unit = f->floor_unit;
        before = by;
        after += f->floor_end ? unit_ms(unit) : 0;
    } else {
        after += by;
    }
    *out = start_of(limit - after, unit) + unit_ms(unit) - before;
    return true;
}

/* The smallest n in (low, high] with f(n) > limit, where f does not decrease and f(low) <= limit < f(high). */
static int64_t
bisect(const struct time_fn *f, int64_t limit, int64_t low, int64_t high)
{
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (time_fn_at(f, middle) > limit)
            high = middle;
        else
            low = middle;
    }
    return high;
}

void
time_fn_prepare(struct time_fn *f)
{
    int64_t by;

    f->falls_back = time_fn_moves(f) && f->shift != 0 && f->shift_unit >= UNIT_MONTH &&
                    !(f->floored && f->floor_unit >= UNIT_DAY) && (f->base == TIME_BASE_NOW || f->unit < UNIT_DAY);
    if (f->falls_back && f->base == TIME_BASE_PERIOD)
        f->base_ms =
            f->period_shift * unit_ms(f->unit); /* last hour, this minute: -1, 0 or 1, or one more at the end */
    if (f->base != TIME_BASE_NOW || f->floored || (f->shift != 0 && unit_ms(f->shift_unit) == 0) ||
        __builtin_mul_overflow(f->shift, f->shift == 0 ? 1 : unit_ms(f->shift_unit), &by) || by > TIME_LAST_MS ||
        by < -TIME_LAST_MS)
        return;
    f->linear = true;
    f->linear_ms = by;
}

/* The next instant at which f's base begins another day. */
static int64_t
next_midnight(const struct time_fn *f, int64_t now)
{
    return start_of(now + f->base_ms, UNIT_DAY) + MS_PER_DAY - f->base_ms;
}

/* The first instant after now on the first day whose last value is greater than limit. */
static int64_t
exceeds_by_day(const struct time_fn *f, int64_t limit, int64_t now)
{
    int64_t midnight = next_midnight(f, now), low = 0, high = (TIME_LAST_MS - midnight) / MS_PER_DAY, start;

    if (time_fn_at(f, midnight - 1) > limit)
        return bisect(f, limit, now, midnight - 1);
    while (high - low > 1) { /* day number low ends with a value that is not greater, day high with one that is */
        int64_t middle = low + (high - low) / 2;
        if (time_fn_at(f, midnight + middle * MS_PER_DAY - 1) > limit)
            high = middle;
        else
            low = middle;
    }
    start = midnight + (high - 1) * MS_PER_DAY;
    if (time_fn_at(f, start) > limit)
        return start;
    return bisect(f, limit, start, start + MS_PER_DAY - 1);
}

int64_t
time_fn_exceeds(const struct time_fn *f, int64_t limit, int64_t now)
{
    int64_t at;

    if (!time_fn_moves(f))
        return TIME_NEVER;
    if (f->linear && limit >= TIME_FIRST_MS && limit < TIME_LAST_MS) {
        at = limit - f->plus_ms - f->linear_ms + 1;
        if (at > now && at < TIME_LAST_MS && at + f->linear_ms >= TIME_FIRST_MS && at + f->linear_ms <= TIME_LAST_MS)
            return at;
    }
    if (limit >= TIME_FIRST_MS && limit <= TIME_LAST_MS && solve_fixed(f, limit, &at)) {
        /* The arithmetic knows no end of the calendar: near it, and where it is not exact, bisection decides. */
        if (at > now && at < TIME_LAST_MS && time_fn_at(f, at) > limit && time_fn_at(f, at - 1) <= limit)
            return at;
    }
    if (now >= TIME_LAST_MS || time_fn_at(f, TIME_LAST_MS) <= limit)
        return TIME_NEVER;
    return f->falls_back ? exceeds_by_day(f, limit, now) : bisect(f, limit, now, TIME_LAST_MS);
}

int64_t
time_fn_returns(const struct time_fn *f, int64_t limit, int64_t now)
{
    int64_t midnight = f->falls_back ? next_midnight(f, now) : 0;

    return f->falls_back && midnight < TIME_LAST_MS && time_fn_at(f, midnight) <= limit ? midnight : TIME_NEVER;
}

int64_t
time_fn_crosses(const struct time_fn *f, int64_t limit, int64_t now)
{
    if (!time_fn_moves(f))
        return TIME_NEVER;
    return time_fn_at(f, now) > limit ? time_fn_returns(f, limit, now) : time_fn_exceeds(f, limit, now);
}

int64_t
time_fn_least(const struct time_fn *f, int64_t now)
{
    int64_t at = time_fn_at(f, now), later;

    if (!f->falls_back)
        return at;
    later = time_fn_at(f, next_midnight(f, now));
    return later < at ? later : at;
}

/* ---- occurs ---- */

enum ref_form { REF_KNOWN, REF_NULL, REF_DYNAMIC, REF_UNKNOWN };
struct ref {
    enum ref_form form;
    bool interval;
    struct time_fn start, end; /* end: the first instant after an interval */
};

static struct ref
ref_period(enum rule_unit unit, int64_t shift)
{
    struct time_fn start = {.base = TIME_BASE_PERIOD, .unit = unit, .period_shift = shift};
    struct time_fn end = start;

    end.period_shift++;
    return (struct ref){REF_KNOWN, true, start, end};
}

static struct ref
ref_literal(struct value v)
{
    struct ref r = {.form = REF_KNOWN};

    v = value_as_time(v);
    if (v.kind != VALUE_TIME)
        return (struct ref){.form = REF_NULL};
    r.interval = v.date_only;
    r.start = r.end = (struct time_fn){.base = TIME_BASE_CONST, .constant = v.i};
    if (v.date_only)
        r.end.constant += MS_PER_DAY;
    return r;
}

static struct ref
ref_of(const struct rule_time_ref *t, struct rule_node *const *args, size_t arg_count)
{
    if (t->period != PERIOD_NONE)
        return ref_period(t->unit, t->period == PERIOD_LAST ? -1 : t->period == PERIOD_NEXT ? 1 : 0);
    if (t->arg >= arg_count)
        return (struct ref){.form = REF_UNKNOWN};
    switch (args[t->arg]->op) {
    case RULE_NOW:
        return (struct ref){REF_KNOWN, false, {.base = TIME_BASE_NOW}, {.base = TIME_BASE_NOW}};
    case RULE_TODAY:
        return ref_period(UNIT_DAY, 0);
    case RULE_YESTERDAY:
        return ref_period(UNIT_DAY, -1);
    case RULE_TOMORROW:
        return ref_period(UNIT_DAY, 1);
    case RULE_LITERAL:
        return ref_literal(args[t->arg]->value);
    default:
        return (struct ref){.form = node_reads(args[t->arg]) & READS_LOOK ? REF_UNKNOWN : REF_DYNAMIC};
    }
}

static struct time_fn
plus(struct time_fn f, int64_t ms)
{
    if (f.base == TIME_BASE_CONST) {
        if (f.constant != INT64_MIN && f.constant != INT64_MAX)
            f.constant += ms;
    } else {
        f.plus_ms += ms;
    }
    return f;
}

static struct time_fn
shift_fn(struct time_fn f, int64_t n, enum rule_unit unit)
{
    if (f.base == TIME_BASE_CONST) {
        f.constant = shifted(f.constant, n, unit);
    } else {
        f.shift = n;
        f.shift_unit = unit;
    }
    return f;
}

static struct time_fn
floor_fn(struct time_fn f, enum rule_unit unit, bool end)
{
    if (f.base != TIME_BASE_CONST) {
        f.floored = true;
        f.floor_unit = unit;
        f.floor_end = end;
    } else if (f.constant != INT64_MIN && f.constant != INT64_MAX) {
        f.constant = start_of(f.constant, unit);
        if (end)
            f.constant = shifted(f.constant, 1, unit);
    }
    return f;
}

/* Form 1 of [SEGMENTATION 8.2]: P is A moved back (before) or forward. */
static struct time_span
distance_span(const struct rule_when *w, struct time_fn a)
{
    bool before = w->side == SIDE_BEFORE;
    struct time_fn p = shift_fn(a, before ? -w->amount : w->amount, w->unit);

    switch (w->cmp) {
    case CMP_LT:
        return before ? (struct time_span){plus(p, 1), a} : (struct time_span){a, plus(p, -1)};
    case CMP_LE:
        return before ? (struct time_span){p, a} : (struct time_span){a, p};
    case CMP_GT:
        return before ? (struct time_span){TIME_FN_FIRST, plus(p, -1)} : (struct time_span){plus(p, 1), TIME_FN_LAST};
    case CMP_GE:
        return before ? (struct time_span){TIME_FN_FIRST, p} : (struct time_span){p, TIME_FN_LAST};
    default:
        return (struct time_span){floor_fn(p, w->unit, false), plus(floor_fn(p, w->unit, true), -1)};
    }
}

enum span_form
rule_when_span(const struct rule_when *w, struct rule_node *const *args, size_t arg_count, struct time_span *out)
{
    struct ref from = ref_of(&w->from, args, arg_count), to = from;

    if (w->form == WHEN_BETWEEN)
        to = ref_of(&w->to, args, arg_count);
    if (from.form == REF_UNKNOWN || to.form == REF_UNKNOWN)
        return SPAN_UNKNOWN;
    if (from.form == REF_NULL || to.form == REF_NULL) {
        *out = (struct time_span){TIME_FN_LAST, TIME_FN_FIRST}; /* occurs is false */
        return SPAN_INSIDE;
    }
    switch (w->form) {
    case WHEN_DISTANCE:
        *out = distance_span(w, from.start);
        break;
    case WHEN_SIDE:
        if (w->side == SIDE_BEFORE)
            *out = (struct time_span){TIME_FN_FIRST, plus(from.start, -1)};
        else if (w->side == SIDE_FROM)
            *out = (struct time_span){from.start, TIME_FN_LAST};
        else
            *out = (struct time_span){from.interval ? from.end : plus(from.start, 1), TIME_FN_LAST};
        break;
    case WHEN_ON:
        *out = (struct time_span){from.start, from.interval ? plus(from.end, -1) : from.start};
        break;
    case WHEN_BETWEEN:
        *out = (struct time_span){from.start, to.interval ? plus(to.end, -1) : to.start};
        break;
    }
    time_fn_prepare(&out->lo);
    time_fn_prepare(&out->hi);
    if (from.form == REF_DYNAMIC || to.form == REF_DYNAMIC)
        return SPAN_DYNAMIC;
    return w->form == WHEN_DISTANCE && w->cmp == CMP_NE ? SPAN_OUTSIDE : SPAN_INSIDE;
}
