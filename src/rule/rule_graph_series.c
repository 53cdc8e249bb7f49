/* rule_graph_series.c - the pairs of one profile in one series.
 *
 * Pairs are kept in order of time, ties in order of arrival, events without a readable time first. A window is then a
 * run of pairs, and a sum of doubles adds in the order of time: it equals the reference evaluator's bit for bit when
 * env->events are in that order too (an integer sum and a count do not depend on it). OURS
 *
 * What cannot matter again is dropped. A pair older than the start of every window stays outside, for no start ever
 * moves back. Of a count compared with n, when the window reaches up to now, only the newest n + 1 past pairs matter:
 * with so many inside, one more does not change the answer, and they leave last. Of events among which the one with the
 * greatest sort value is picked, one that is older than another and not greater is never picked again, but while that
 * other one lies in the future; without a window only the least and the greatest of all remain.
 *
 * Past LIMIT_WINDOW_PAIRS the oldest pair goes, as a profile drops its oldest event past LIMIT_PROFILE_EVENTS. Of a
 * text only the first LIMIT_WINDOW_TEXT_BYTES are kept: rule_graph_expr.c makes no leaf that could see the difference,
 * but for the order of picks whose sort values agree so far.
 *
 * Bytes of a series, after its id and length:
 *   [total, total with a time]      varints, when some leaf counts without a window
 *   count of pairs, [how many have no time], first time (zigzag), differences
 *   [numbers]                       sums: varint of payload << 2 | tag
 *                                   0 integer (zigzag), 1 hundredths (zigzag), 2 double and 3 integer in 8 bytes that
 *                                   follow
 *   [values]                        varint of kind << 1 | test, and by kind: 0 null nothing, 1 a number as above, 2 a
 *                                   time (zigzag), 3 a text */
#include "rule/rule_graph_int.h"

#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/pack.h"
#include "rule/rule_int.h"

/* ---- pairs ---- */

size_t
series_from(const struct series_state *ss, int64_t t)
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

size_t
series_until(const struct series_state *ss, int64_t t)
{
    return t == INT64_MAX ? ss->n : series_from(ss, t + 1);
}

/* A longer array with the same items; NULL: no memory. */
static void *
longer(struct arena *a, const void *items, size_t n, size_t cap, size_t item_bytes)
{
    void *out = arena_alloc(a, cap * item_bytes);

    if (out != NULL && n > 0)
        memcpy(out, items, n * item_bytes);
    return out;
}

static bool
grow(struct rule_state *s, struct series_state *ss, size_t cap)
{
    enum series_keeps keeps = s->g->series.p[ss->id].keeps;
    struct series_state to = *ss;

    to.cap = cap;
    to.times = longer(s->arena, ss->times, ss->n, cap, sizeof *ss->times);
    if (keeps == KEEPS_NUMBERS)
        to.numbers = longer(s->arena, ss->numbers, ss->n, cap, sizeof *ss->numbers);
    if (keeps == KEEPS_VALUES || keeps == KEEPS_PICKS)
        to.values = longer(s->arena, ss->values, ss->n, cap, sizeof *ss->values);
    if (keeps == KEEPS_PICKS)
        to.held = longer(s->arena, ss->held, ss->n, cap, sizeof *ss->held);
    if (to.times == NULL || (keeps == KEEPS_NUMBERS && to.numbers == NULL) ||
        (keeps >= KEEPS_VALUES && to.values == NULL) || (keeps == KEEPS_PICKS && to.held == NULL))
        return false;
    *ss = to;
    return true;
}

/* Moves the pairs from `from` on to `to`. */
static void
shift(struct series_state *ss, size_t to, size_t from, size_t n)
{
    memmove(ss->times + to, ss->times + from, n * sizeof *ss->times);
    if (ss->numbers != NULL)
        memmove(ss->numbers + to, ss->numbers + from, n * sizeof *ss->numbers);
    if (ss->values != NULL)
        memmove(ss->values + to, ss->values + from, n * sizeof *ss->values);
    if (ss->held != NULL)
        memmove(ss->held + to, ss->held + from, n * sizeof *ss->held);
}

static void
drop_oldest(struct series_state *ss, size_t n)
{
    if (n == 0)
        return;
    ss->n -= n;
    shift(ss, 0, n, ss->n);
}

/* Room for a pair at time_ms, behind its equals; SIZE_MAX: no memory. */
static size_t
insert(struct rule_state *s, struct series_state *ss, int64_t time_ms)
{
    size_t at;

    if (ss->n >= LIMIT_WINDOW_PAIRS)
        drop_oldest(ss, ss->n - LIMIT_WINDOW_PAIRS + 1);
    if (ss->n == ss->cap && !grow(s, ss, ss->cap ? ss->cap * 2 : 4))
        return SIZE_MAX;
    at = series_until(ss, time_ms);
    shift(ss, at + 1, at, ss->n - at);
    ss->times[at] = time_ms;
    ss->n++;
    return at;
}

/* A value as it is kept: times as such, texts in the state's arena. */
static bool
keep_value(struct rule_state *s, struct value v, struct value *out)
{
    if (eval_rank_of(&v) == RANK_NONE)
        v = VALUE_OF_NULL;
    v.date_only = false;
    if (v.kind == VALUE_STRING) {
        if (v.s.n > LIMIT_WINDOW_TEXT_BYTES)
            v.s.n = LIMIT_WINDOW_TEXT_BYTES;
        v.s = arena_str(s->arena, v.s);
        if (v.s.p == NULL)
            return false;
    }
    *out = v;
    return true;
}

static bool
take_one(struct rule_state *s, struct series_state *ss, int64_t time_ms, struct value v, bool held)
{
    const struct series *series = &s->g->series.p[ss->id];
    struct value kept = VALUE_OF_NULL;
    size_t at;

    if (series->keeps == KEEPS_NUMBERS && !value_is_number(v))
        return true;
    if (series->keeps >= KEEPS_VALUES && !keep_value(s, v, &kept))
        return false;
    if (series->keeps == KEEPS_VALUES && kept.kind == VALUE_NULL)
        return true;
    ss->total += series->keep_total;
    ss->total_timed += series->keep_total && time_ms != TIME_NONE;
    if (!series->keep_pairs || (time_ms == TIME_NONE && !series->forever))
        return true;
    at = insert(s, ss, time_ms);
    if (at == SIZE_MAX)
        return false;
    if (ss->numbers != NULL) {
        ss->numbers[at].is_double = v.kind == VALUE_DOUBLE;
        if (ss->numbers[at].is_double)
            ss->numbers[at].f = v.f;
        else
            ss->numbers[at].i = v.i;
    }
    if (ss->values != NULL)
        ss->values[at] = kept;
    if (ss->held != NULL)
        ss->held[at] = held;
    return true;
}

bool
series_take(struct rule_state *s, struct series_state *ss, int64_t time_ms, struct value v, bool held)
{
    const struct series *series = &s->g->series.p[ss->id];
    struct value_iter it;
    bool ok = true;

    if (series->value == NULL || series->keeps == KEEPS_PICKS)
        return take_one(s, ss, time_ms, v, held);
    if (v.kind != VALUE_LIST)
        return v.kind == VALUE_NULL || take_one(s, ss, time_ms, v, held);
    it = value_iter(v); /* flattened one level [SEGMENTATION 7.4] */
    while (ok && value_next(&it))
        ok = it.value.kind == VALUE_NULL || take_one(s, ss, time_ms, it.value, held);
    return ok;
}

/* The pair of the first n that is picked of all. */
static size_t
pick_of_all(const struct series_state *ss, size_t n, bool least)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++) {
        if (pick_order(&ss->values[i], &ss->values[best], least) < 0)
            best = i;
    }
    return best;
}

/* A pair stays when no later one beats it, in one of the orders that are asked for; without a window, when no other one
 * at all does. Of equals the earlier one is picked. */
static void
prune_picks(unsigned picks, struct series_state *ss, int64_t now)
{
    size_t past = series_until(ss, now), to = past, first, last;
    struct value least = VALUE_OF_NULL, greatest = VALUE_OF_NULL;

    if (past < 2 || (picks & PICKS_ALL) != 0)
        return;
    first = pick_of_all(ss, past, true);
    last = pick_of_all(ss, past, false);
    for (size_t i = past; i-- > 0;) {
        bool newest = i == past - 1, keep;
        if ((picks & PICKS_WINDOWED) != 0)
            keep = newest || ((picks & PICKS_FIRST) != 0 && pick_order(&ss->values[i], &least, true) <= 0) ||
                   ((picks & PICKS_LAST) != 0 && pick_order(&ss->values[i], &greatest, false) <= 0);
        else
            keep = ((picks & PICKS_FIRST) != 0 && i == first) || ((picks & PICKS_LAST) != 0 && i == last);
        if (newest || pick_order(&ss->values[i], &least, true) <= 0)
            least = ss->values[i];
        if (newest || pick_order(&ss->values[i], &greatest, false) <= 0)
            greatest = ss->values[i];
        if (keep && --to != i)
            shift(ss, to, i, 1);
    }
    drop_oldest(ss, to);
}

void
series_prune(const struct rule_graph *g, struct series_state *ss, int64_t now)
{
    const struct series *s = &g->series.p[ss->id];
    size_t past;

    if (ss->n == 0)
        return;
    if (s->keeps == KEEPS_PICKS)
        prune_picks(s->picks, ss, now);
    if (s->forever)
        return;
    drop_oldest(ss, series_from(ss, needs_horizon_ms(s, now)));
    if (s->newest != NO_ID) {
        past = series_until(ss, now);
        drop_oldest(ss, past > s->newest ? past - s->newest : 0);
    }
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

enum { VALUE_TAG_NULL, VALUE_TAG_NUMBER, VALUE_TAG_TIME, VALUE_TAG_TEXT };

static void
put_value(struct buf *out, struct value v, bool held)
{
    unsigned tag = v.kind == VALUE_NULL     ? VALUE_TAG_NULL
                   : v.kind == VALUE_TIME   ? VALUE_TAG_TIME
                   : v.kind == VALUE_STRING ? VALUE_TAG_TEXT
                                            : VALUE_TAG_NUMBER;

    pack_u64(out, tag << 1 | held);
    if (tag == VALUE_TAG_TEXT)
        pack_str(out, v.s);
    else if (tag == VALUE_TAG_TIME)
        pack_i64(out, v.i);
    else if (tag == VALUE_TAG_NUMBER && v.kind == VALUE_DOUBLE)
        put_number(out, (struct number){.is_double = true, .f = v.f});
    else if (tag == VALUE_TAG_NUMBER)
        put_number(out, (struct number){.i = v.i});
}

static bool
get_value(struct unpack *u, struct value *out, bool *held)
{
    uint64_t tag = unpack_u64(u);
    struct number number;

    *held = tag & 1;
    *out = VALUE_OF_NULL;
    switch (tag >> 1) {
    case VALUE_TAG_NULL:
        return true;
    case VALUE_TAG_NUMBER:
        number = get_number(u);
        *out = number.is_double ? (struct value){.kind = VALUE_DOUBLE, .f = number.f} : value_int(number.i);
        return !number.is_double || isfinite(number.f);
    case VALUE_TAG_TIME:
        *out = (struct value){.kind = VALUE_TIME, .i = unpack_i64(u)};
        return out->i >= TIME_FIRST_MS && out->i <= TIME_LAST_MS;
    case VALUE_TAG_TEXT:
        *out = value_string(unpack_str(u)); /* borrowed from the state's bytes */
        return out->s.n <= LIMIT_WINDOW_TEXT_BYTES;
    default:
        return false;
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
    for (size_t i = 0; i < ss->n && ss->values != NULL; i++)
        put_value(out, ss->values[i], ss->held != NULL && ss->held[i]);
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
    for (size_t i = 0; i < n && ss->values != NULL; i++) {
        bool held;
        if (!get_value(&u, &ss->values[i], &held))
            return diag_set(d, ERR_CORRUPT, "audience state: values of series %u do not read", ss->id);
        if (ss->held != NULL)
            ss->held[i] = held;
    }
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "audience state: series %u is cut short or too long", ss->id);
    ss->n = n;
    ss->decoded = true;
    return ERR_OK;
}
