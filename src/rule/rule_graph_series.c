/* rule_graph_series.c - the pairs of one profile in one series, and the truth of a window leaf over them.
 *
 * Pairs are kept in order of time, ties in order of arrival, events without a readable time first. A window is then a
 * run of pairs, and a sum of doubles adds in the order of time: it equals the reference evaluator's bit for bit when
 * env->events are in that order too (an integer sum and a count do not depend on it). OURS
 *
 * What cannot matter again is dropped. A pair older than the start of every window stays outside, for no start ever
 * moves back. Of a count compared with n, when the window reaches up to now, only the newest n + 1 past pairs matter:
 * with so many inside, one more does not change the answer, and they leave last.
 *
 * Bytes of a series, after its id and length:
 *   [total, total with a time]      varints, when some leaf counts without a window
 *   count of pairs, [how many have no time], first time (zigzag), differences
 *   [numbers]                       sums: varint of payload << 2 | tag
 *                                   0 integer (zigzag), 1 hundredths (zigzag), 2 double and 3 integer in 8 bytes that
 * follow */
#include "rule/rule_graph_int.h"

#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/pack.h"

/* ---- pairs ---- */

/* The first pair with a time of at least t. */
static size_t
pairs_from(const struct series_state *ss, int64_t t)
{
    size_t lo = 0, hi = ss->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ss->times[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t
pairs_until(const struct series_state *ss, int64_t t) /* the first pair later than t */
{
    return t == INT64_MAX ? ss->n : pairs_from(ss, t + 1);
}

static bool
grow(struct rule_state *s, struct series_state *ss, size_t cap)
{
    int64_t *times = arena_alloc(s->arena, cap * sizeof *times);
    struct number *numbers = NULL;

    if (times == NULL)
        return false;
    if (s->g->series.p[ss->id].values == AGGREGATE_SUM) {
        numbers = arena_alloc(s->arena, cap * sizeof *numbers);
        if (numbers == NULL)
            return false;
        if (ss->n > 0)
            memcpy(numbers, ss->numbers, ss->n * sizeof *numbers);
    }
    if (ss->n > 0)
        memcpy(times, ss->times, ss->n * sizeof *times);
    ss->times = times;
    ss->numbers = numbers;
    ss->cap = cap;
    return true;
}

static void
drop_oldest(struct series_state *ss, size_t n)
{
    if (n == 0)
        return;
    ss->n -= n;
    memmove(ss->times, ss->times + n, ss->n * sizeof *ss->times);
    if (ss->numbers != NULL)
        memmove(ss->numbers, ss->numbers + n, ss->n * sizeof *ss->numbers);
}

bool
series_insert(struct rule_state *s, struct series_state *ss, int64_t time_ms, struct number value)
{
    size_t at;

    if (ss->n >= LIMIT_WINDOW_PAIRS)
        drop_oldest(ss, ss->n - LIMIT_WINDOW_PAIRS + 1);
    if (ss->n == ss->cap && !grow(s, ss, ss->cap ? ss->cap * 2 : 4))
        return false;
    at = pairs_until(ss, time_ms);
    memmove(ss->times + at + 1, ss->times + at, (ss->n - at) * sizeof *ss->times);
    ss->times[at] = time_ms;
    if (ss->numbers != NULL) {
        memmove(ss->numbers + at + 1, ss->numbers + at, (ss->n - at) * sizeof *ss->numbers);
        ss->numbers[at] = value;
    }
    ss->n++;
    return true;
}

static void
window_range(const struct window_leaf *w, int64_t now, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN + 1; /* not TIME_NONE */
    *hi = INT64_MAX;
    for (size_t i = 0; i < w->span_count; i++) {
        int64_t from = time_fn_at(&w->spans[i].lo, now), to = time_fn_at(&w->spans[i].hi, now);
        *lo = from > *lo ? from : *lo;
        *hi = to < *hi ? to : *hi;
    }
}

void
series_prune(const struct rule_graph *g, struct series_state *ss, int64_t now)
{
    const struct series *s = &g->series.p[ss->id];
    size_t past;

    if (s->forever || ss->n == 0)
        return;
    drop_oldest(ss, pairs_from(ss, needs_horizon_ms(s, now)));
    if (s->newest != NO_ID) {
        past = pairs_until(ss, now);
        drop_oldest(ss, past > s->newest ? past - s->newest : 0);
    }
}

/* ---- truth ---- */

static bool
bounds_hold(const struct window_leaf *w, struct value v)
{
    for (size_t i = 0; i < w->bound_count; i++) {
        if (!value_compare(w->bounds[i].cmp, v, w->bounds[i].literal))
            return false;
    }
    return true;
}

static bool
count_holds(const struct window_leaf *w, size_t count)
{
    int64_t c = (int64_t)count, n;

    if (w->bound_count != 1 || w->bounds[0].literal.kind != VALUE_INT)
        return bounds_hold(w, (struct value){.kind = VALUE_INT, .i = c});
    n = w->bounds[0].literal.i;
    switch (w->bounds[0].cmp) {
    case CMP_EQ:
        return c == n;
    case CMP_NE:
        return c != n;
    case CMP_LT:
        return c < n;
    case CMP_LE:
        return c <= n;
    case CMP_GT:
        return c > n;
    default:
        return c >= n;
    }
}

/* As the reference adds: integers exactly; the first double, or a sum past 64 bits, goes on in binary64. */
static struct value
sum_of(const struct number *numbers, size_t n)
{
    int64_t whole = 0, next;
    double sum;
    size_t i = 0;

    CHECK(numbers != NULL || n == 0);
    while (i < n && !numbers[i].is_double && !__builtin_add_overflow(whole, numbers[i].i, &next)) {
        whole = next;
        i++;
    }
    if (i == n)
        return (struct value){.kind = VALUE_INT, .i = whole};
    for (sum = (double)whole; i < n; i++)
        sum += numbers[i].is_double ? numbers[i].f : (double)numbers[i].i;
    return isfinite(sum) ? (struct value){.kind = VALUE_DOUBLE, .f = sum} : VALUE_OF_NULL;
}

bool
window_truth(const struct rule_graph *g, const struct window_leaf *w, const struct series_state *ss, int64_t now)
{
    static const struct series_state empty;
    size_t from = 0, to;
    int64_t lo, hi;

    (void)g;
    if (ss == NULL)
        ss = &empty;
    if (w->span_count == 0 && w->aggregate == AGGREGATE_COUNT)
        return count_holds(w, w->timed ? ss->total_timed : ss->total);
    to = ss->n;
    if (w->span_count > 0) {
        window_range(w, now, &lo, &hi);
        from = pairs_from(ss, lo);
        to = pairs_until(ss, hi);
    }
    if (to < from)
        to = from;
    if (w->aggregate == AGGREGATE_COUNT)
        return count_holds(w, to - from);
    return bounds_hold(w, sum_of(ss->numbers != NULL ? ss->numbers + from : NULL, to - from));
}

/* The next instant at which some end of the window passes one of the pairs beside it: `from` and those after it are not
 * before the start, `to` and those after it are behind the end. */
static int64_t
next_crossing(const struct window_leaf *w, const struct series_state *ss, size_t from, size_t to, int64_t now)
{
    bool before = from > 0 && ss->times[from - 1] != TIME_NONE, inside = to > 0 && ss->times[to - 1] != TIME_NONE;
    int64_t next = TIME_NEVER, at;

    for (size_t i = 0; i < w->span_count; i++) {
        const struct time_fn *lo = &w->spans[i].lo, *hi = &w->spans[i].hi;
        at = from < ss->n ? time_fn_crosses(lo, ss->times[from], now) : TIME_NEVER;
        next = at < next ? at : next;
        if (before && time_fn_at(lo, now) > ss->times[from - 1]) {
            at = time_fn_returns(lo, ss->times[from - 1], now);
            next = at < next ? at : next;
        }
        if (to < ss->n && time_fn_at(hi, now) < ss->times[to]) {
            at = time_fn_exceeds(hi, ss->times[to] - 1, now);
            next = at < next ? at : next;
        }
        at = inside ? time_fn_crosses(hi, ss->times[to - 1] - 1, now) : TIME_NEVER;
        next = at < next ? at : next;
    }
    return next;
}

#define FLIP_STEPS (4 * LIMIT_WINDOW_PAIRS) /* past it we ask to be looked at early */

/* All pairs that are not out yet are inside and only leave: the pair whose leaving makes the difference tells the
 * instant. */
static int64_t
flip_by_leaving(const struct window_leaf *w, const struct series_state *ss, size_t from, int64_t now)
{
    bool truth = count_holds(w, ss->n - from);
    int64_t first = TIME_NEVER, at;
    size_t i = from;

    for (; i < ss->n; i++) {
        if (i + 1 < ss->n && ss->times[i + 1] == ss->times[i])
            continue; /* they leave together */
        if (w->aggregate == AGGREGATE_SUM || count_holds(w, ss->n - i - 1) != truth)
            break;
    }
    for (size_t k = 0; k < w->span_count && i < ss->n; k++) {
        at = time_fn_exceeds(&w->spans[k].lo, ss->times[i], now);
        first = at < first ? at : first;
    }
    return first;
}

/* Pairs leave and enter one by one; a count is followed until its truth differs, a sum is looked at again at the first
 * change. */
int64_t
window_flip_ms(const struct rule_graph *g, const struct window_leaf *w, const struct series_state *ss, int64_t now)
{
    int64_t lo, hi, at = now;
    size_t from, to;
    bool truth = false;

    (void)g;
    if (w->span_count == 0 || ss == NULL || ss->n == 0)
        return TIME_NEVER;
    for (size_t steps = 0; steps < FLIP_STEPS; steps++) {
        window_range(w, at, &lo, &hi);
        from = pairs_from(ss, lo);
        to = pairs_until(ss, hi);
        if (to == ss->n && from <= to && !w->falls_back && steps == 0)
            return flip_by_leaving(w, ss, from, now);
        if (steps == 0)
            truth = count_holds(w, to > from ? to - from : 0);
        else if (w->aggregate == AGGREGATE_SUM || count_holds(w, to > from ? to - from : 0) != truth)
            return at;
        at = next_crossing(w, ss, from, to, at);
        if (at == TIME_NEVER)
            return at;
    }
    return at;
}

/* ---- bytes ---- */

static uint64_t
zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t
unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

enum { TAG_INT, TAG_HUNDREDTHS, TAG_DOUBLE, TAG_WIDE_INT };
#define TAGGED_MAX ((int64_t)1 << 60)

/* Prices are decimals with two places: as hundredths they take two or three bytes in place of nine. */
static void
put_number(struct buf *out, struct number v)
{
    double scaled = v.is_double ? v.f * 100 : 0;
    int64_t hundredths = fabs(scaled) < 1e15 ? (int64_t)round(scaled) : INT64_MAX;

    if (!v.is_double && v.i < TAGGED_MAX && v.i > -TAGGED_MAX) {
        pack_u64(out, zigzag(v.i) << 2 | TAG_INT);
    } else if (!v.is_double) {
        pack_u64(out, TAG_WIDE_INT);
        pack_fixed64(out, (uint64_t)v.i);
    } else if (hundredths != INT64_MAX && (double)hundredths / 100 == v.f) {
        pack_u64(out, zigzag(hundredths) << 2 | TAG_HUNDREDTHS);
    } else {
        pack_u64(out, TAG_DOUBLE);
        pack_f64(out, v.f);
    }
}

static struct number
get_number(struct unpack *u)
{
    uint64_t word = unpack_u64(u);

    switch (word & 3) {
    case TAG_INT:
        return (struct number){.i = unzigzag(word >> 2)};
    case TAG_HUNDREDTHS:
        return (struct number){.is_double = true, .f = (double)unzigzag(word >> 2) / 100};
    case TAG_DOUBLE:
        return (struct number){.is_double = true, .f = unpack_f64(u)};
    default:
        return (struct number){.i = (int64_t)unpack_fixed64(u)};
    }
}

void
series_encode(const struct rule_graph *g, const struct series_state *ss, struct buf *out)
{
    const struct series *s = &g->series.p[ss->id];
    size_t untimed = 0;

    if (s->keep_total) {
        pack_u64(out, ss->total);
        pack_u64(out, ss->total_timed);
    }
    if (!s->keep_pairs)
        return;
    pack_u64(out, ss->n);
    while (untimed < ss->n && ss->times[untimed] == TIME_NONE)
        untimed++;
    if (s->forever)
        pack_u64(out, untimed);
    for (size_t i = untimed; i < ss->n; i++) {
        if (i == untimed)
            pack_i64(out, ss->times[i]);
        else
            pack_u64(out, (uint64_t)ss->times[i] - (uint64_t)ss->times[i - 1]);
    }
    for (size_t i = 0; i < ss->n && ss->numbers != NULL; i++)
        put_number(out, ss->numbers[i]);
}

static bool
read_times(struct unpack *u, struct series_state *ss, size_t n, size_t untimed)
{
    uint64_t step;

    for (size_t i = 0; i < n && !u->bad; i++) {
        if (i < untimed) {
            ss->times[i] = TIME_NONE;
        } else if (i == untimed) {
            ss->times[i] = unpack_i64(u);
        } else {
            step = unpack_u64(u);
            if (step > (uint64_t)(TIME_LAST_MS - ss->times[i - 1]))
                return false;
            ss->times[i] = ss->times[i - 1] + (int64_t)step;
        }
        if (i >= untimed && (ss->times[i] < TIME_FIRST_MS || ss->times[i] > TIME_LAST_MS))
            return false;
    }
    return !u->bad;
}

enum err
series_decode(struct rule_state *s, struct series_state *ss, struct diag *d)
{
    const struct series *series = &s->g->series.p[ss->id];
    struct unpack u = unpack_from(ss->raw);
    uint64_t n = 0, untimed = 0;

    if (ss->decoded)
        return ERR_OK;
    if (series->keep_total) {
        ss->total = unpack_u64(&u);
        ss->total_timed = unpack_u64(&u);
    }
    if (series->keep_pairs) {
        n = unpack_u64(&u);
        untimed = series->forever ? unpack_u64(&u) : 0;
    }
    if (n > LIMIT_WINDOW_PAIRS || untimed > n)
        return diag_set(d, ERR_CORRUPT, "audience state: series %u holds %llu pairs", ss->id, (unsigned long long)n);
    if (n > 0 && !grow(s, ss, n + 2))
        return diag_set(d, ERR_LIMIT, "no memory for the pairs of an audience state");
    if (!read_times(&u, ss, n, untimed))
        return diag_set(d, ERR_CORRUPT, "audience state: times of series %u do not read", ss->id);
    for (size_t i = 0; i < n && ss->numbers != NULL; i++)
        ss->numbers[i] = get_number(&u);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "audience state: series %u is cut short or too long", ss->id);
    ss->n = n;
    ss->decoded = true;
    return ERR_OK;
}
