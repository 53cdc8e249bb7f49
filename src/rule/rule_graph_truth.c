/* rule_graph_truth.c - the truth of a window leaf over the pairs of a profile, and the instant at which time alone
 * changes it.
 *
 * Nothing changes between two instants at which an end of a window passes a pair (or, for an expression, the value of
 * an aggregate). So a flip is searched from one such instant to the next, until the truth differs. What makes that
 * short: a count knows which pair's leaving makes the difference, and a sequence whose pairs only leave goes from true
 * to false once, so its instant is found by bisection. A sum is looked at again at the first change; so is what would
 * look at more than LIMIT_WINDOW_FLIP_PAIRS pairs. Early at worst, never late. */
#include "rule/rule_graph_int.h"

#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "rule/rule_chain_pass.h"

enum err
window_decode(struct rule_state *s, const struct window_leaf *w, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; i < w->part_count && rc == ERR_OK; i++) {
        struct series_state *ss = state_series(s, w->parts[i].series);
        rc = ss != NULL && !ss->decoded ? series_decode(s, ss, d) : ERR_OK;
    }
    return rc;
}

static void
window_range(const struct window_part *part, int64_t now, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN + 1; /* not TIME_NONE */
    *hi = INT64_MAX;
    for (size_t i = 0; i < part->span_count; i++) {
        int64_t from = time_fn_at(&part->spans[i].lo, now), to = time_fn_at(&part->spans[i].hi, now);
        *lo = from > *lo ? from : *lo;
        *hi = to < *hi ? to : *hi;
    }
}

struct part_range
part_range(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    static const struct series_state empty;
    const struct series_state *ss = state_series((struct rule_state *)(uintptr_t)s, part->series);
    struct part_range r = {.ss = ss == NULL ? &empty : ss};
    int64_t lo, hi;

    r.to = r.ss->n;
    if (part->span_count > 0 || part->timed) {
        window_range(part, now, &lo, &hi);
        r.from = series_from(r.ss, lo);
        r.to = series_until(r.ss, hi);
    }
    if (r.to < r.from)
        r.to = r.from;
    return r;
}

/* ---- counts and sums ---- */

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
        return bounds_hold(w, value_int(c));
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

struct value
part_count(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);

    if (part->span_count == 0)
        return value_int((int64_t)(part->timed ? r.ss->total_timed : r.ss->total));
    return value_int((int64_t)(r.to - r.from));
}

struct value
part_sum(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);
    const struct number *numbers = r.ss->numbers;
    int64_t whole = 0, next;
    size_t i = r.from;
    double sum;

    CHECK(numbers != NULL || r.to == r.from);
    while (i < r.to && !numbers[i].is_double && !__builtin_add_overflow(whole, numbers[i].i, &next)) {
        whole = next;
        i++;
    }
    if (i == r.to)
        return value_int(whole);
    for (sum = (double)whole; i < r.to; i++)
        sum += numbers[i].is_double ? numbers[i].f : (double)numbers[i].i;
    return value_double(sum);
}

bool
window_truth(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    switch (w->form) {
    case WINDOW_SEQUENCE:
        return sequence_truth(e, w, now);
    case WINDOW_EXPR:
        return expr_truth(e, w, now);
    default:
        if (w->parts[0].aggregate == AGGREGATE_SUM)
            return bounds_hold(w, part_sum(e->s, &w->parts[0], now));
        return count_holds(w, (size_t)part_count(e->s, &w->parts[0], now).i);
    }
}

/* ---- flips ---- */

/* The next instant at which some end of the window passes one of the pairs beside it: `from` and those after it are not
 * before the start, `to` and those after it are behind the end. */
static int64_t
next_crossing(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);
    const struct series_state *ss = r.ss;
    bool before = r.from > 0 && ss->times[r.from - 1] != TIME_NONE;
    bool inside = r.to > 0 && ss->times[r.to - 1] != TIME_NONE;
    int64_t next = TIME_NEVER, at;

    for (size_t i = 0; i < part->span_count; i++) {
        const struct time_fn *lo = &part->spans[i].lo, *hi = &part->spans[i].hi;
        at = r.from < ss->n ? time_fn_crosses(lo, ss->times[r.from], now) : TIME_NEVER;
        next = at < next ? at : next;
        if (before && time_fn_at(lo, now) > ss->times[r.from - 1]) {
            at = time_fn_returns(lo, ss->times[r.from - 1], now);
            next = at < next ? at : next;
        }
        if (r.to < ss->n && time_fn_at(hi, now) < ss->times[r.to]) {
            at = time_fn_exceeds(hi, ss->times[r.to] - 1, now);
            next = at < next ? at : next;
        }
        at = inside ? time_fn_crosses(hi, ss->times[r.to - 1] - 1, now) : TIME_NEVER;
        next = at < next ? at : next;
    }
    return next;
}

static int64_t
next_change(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    int64_t next = w->term_count > 0 ? expr_term_flip_ms(e, w, now) : TIME_NEVER, at;

    for (size_t i = 0; i < w->part_count; i++) {
        at = w->parts[i].span_count > 0 ? next_crossing(e->s, &w->parts[i], now) : TIME_NEVER;
        next = at < next ? at : next;
    }
    return next;
}

/* The first instant at which the pair leaves. */
static int64_t
leaves_ms(const struct window_part *part, int64_t t, int64_t now)
{
    int64_t first = TIME_NEVER, at;

    for (size_t k = 0; k < part->span_count; k++) {
        at = time_fn_exceeds(&part->spans[k].lo, t, now);
        first = at < first ? at : first;
    }
    return first;
}

/* All pairs that are not out yet are inside and only leave. */
static bool
only_leaves(const struct rule_state *s, const struct window_part *part, int64_t now)
{
    struct part_range r = part_range(s, part, now);

    return part->span_count == 0 || (r.to == r.ss->n && !part->falls_back);
}

/* The pair whose leaving makes the difference tells the instant. */
static int64_t
count_flip_by_leaving(const struct rule_state *s, const struct window_leaf *w, int64_t now)
{
    struct part_range r = part_range(s, &w->parts[0], now);
    const struct series_state *ss = r.ss;
    bool truth = count_holds(w, ss->n - r.from);
    size_t i = r.from;

    for (; i < ss->n; i++) {
        if (i + 1 < ss->n && ss->times[i + 1] == ss->times[i])
            continue; /* they leave together */
        if (count_holds(w, ss->n - i - 1) != truth)
            return leaves_ms(&w->parts[0], ss->times[i], now);
    }
    return TIME_NEVER;
}

/* A sequence is true, and from some instant on false. */
static int64_t
sequence_flip_by_leaving(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    int64_t true_at = now, false_at = TIME_NEVER, at;

    for (size_t i = 0; i < w->part_count; i++) { /* too few are left of one element: false for certain */
        const struct window_part *part = &w->parts[i];
        struct part_range r = part_range(e->s, part, now);
        size_t need = chain_group_size(part->of->element);
        if (part->of->negated || part->span_count == 0 || r.ss->n < need)
            continue;
        at = leaves_ms(part, r.ss->times[r.ss->n - need], now);
        false_at = at < false_at ? at : false_at;
    }
    while (false_at != TIME_NEVER) {
        at = next_change(e, w, true_at);
        if (at >= false_at || !sequence_truth(e, w, at) || e->undecided)
            return at < false_at ? at : false_at;
        true_at = at + (false_at - at) / 2;
        if (!sequence_truth(e, w, true_at)) {
            false_at = true_at;
            true_at = at;
        }
        if (e->undecided)
            return next_change(e, w, now);
    }
    return TIME_NEVER;
}

/* Pairs only leave, and leaving makes a sequence false or keeps it. */
static bool
sequence_only_ends(const struct rule_state *s, const struct window_leaf *w, int64_t now)
{
    for (size_t i = 0; i < w->part_count; i++) {
        if (!only_leaves(s, &w->parts[i], now) || (w->parts[i].of->negated && w->parts[i].span_count > 0))
            return false;
    }
    return true;
}

/* From change to change. */
static int64_t
search_flip(struct window_eval *e, const struct window_leaf *w, bool truth, int64_t now)
{
    size_t work = 1, looked = 0;
    int64_t at = now;

    for (size_t i = 0; i < w->part_count && w->form != WINDOW_BOUNDS; i++) {
        const struct series_state *ss = state_series(e->s, w->parts[i].series);
        work += ss == NULL ? 0 : ss->n;
    }
    while (looked <= LIMIT_WINDOW_FLIP_PAIRS) {
        at = next_change(e, w, at);
        if (at == TIME_NEVER || window_truth(e, w, at) != truth || e->undecided)
            return at;
        looked += work;
    }
    return at;
}

int64_t
window_flip_ms(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    bool moves = w->term_count > 0, truth;

    for (size_t i = 0; i < w->part_count; i++)
        moves = moves || (w->parts[i].span_count > 0 && state_series(e->s, w->parts[i].series) != NULL);
    if (!moves)
        return TIME_NEVER;
    if (w->form == WINDOW_BOUNDS && w->parts[0].aggregate == AGGREGATE_SUM)
        return next_change(e, w, now);
    if (w->form == WINDOW_BOUNDS && only_leaves(e->s, &w->parts[0], now))
        return count_flip_by_leaving(e->s, w, now);
    e->undecided = false;
    truth = window_truth(e, w, now);
    if (e->undecided)
        return next_change(e, w, now);
    if (w->form == WINDOW_SEQUENCE && sequence_only_ends(e->s, w, now))
        return truth ? sequence_flip_by_leaving(e, w, now) : TIME_NEVER;
    return search_flip(e, w, truth, now);
}
