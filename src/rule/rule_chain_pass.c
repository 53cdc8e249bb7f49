/* rule_chain_pass.c - the exact pass over a sequence whose elements refer to no labels [SEGMENTATION 9].
 *
 * The positions that each element can end on follow from those of the element before it, by intervals of time: a GAP
 * bounds the first event of the next group from both sides, and the first event that a negated element forbids bounds
 * it from above. That is exact and costs O(elements * events * log events); nothing is tried twice.
 *
 *     ends(k-1):  x     x  x            each x allows an interval of starts for element k
 *     starts(k):    |-----|
 *                         |---|         union of intervals, kept as +1/-1 at its borders */
#include "rule/rule_chain_pass.h"

size_t
chain_group_size(const struct rule_element *spec)
{
    size_t need = 1;

    for (size_t i = 0; i < spec->count_count; i++) {
        int64_t n = spec->counts[i].amount;
        if (spec->counts[i].cmp == CMP_GT && n < INT64_MAX)
            n++;
        if (n > 0 && (uint64_t)n > need)
            need = (size_t)n;
    }
    return need;
}

void
chain_gap_range(const struct rule_element *el, int64_t prev, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN;
    *hi = INT64_MAX;
    for (size_t i = 0; i < el->gap_count; i++) {
        int64_t at = rule_time_shift(prev, el->gaps[i].amount, el->gaps[i].unit);
        enum value_cmp cmp = el->gaps[i].cmp;
        if (cmp == CMP_GT && at < INT64_MAX)
            at++;
        if (cmp == CMP_LT && at > INT64_MIN)
            at--;
        if (cmp == CMP_GT || cmp == CMP_GE)
            *lo = at > *lo ? at : *lo;
        else
            *hi = at < *hi ? at : *hi;
    }
}

size_t
chain_lower_bound(const int64_t *times, size_t n, int64_t ms)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (times[mid] < ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t
chain_satisfied(const unsigned char *sat, size_t n)
{
    size_t count = 0;

    for (size_t e = 0; e < n; e++)
        count += sat[e];
    return count;
}

bool
chain_count_holds(const struct rule_element *spec, size_t count)
{
    for (size_t i = 0; i < spec->count_count; i++) {
        if (!value_compare(spec->counts[i].cmp, value_int((int64_t)count), value_int(spec->counts[i].amount)))
            return false;
    }
    return spec->count_count > 0 || count > 0;
}

struct pass {
    struct eval *ev;
    const int64_t *times;
    size_t n;
    const struct chain_step *steps;
    unsigned char *ends; /* per event: the group of the last positive element can end here */
    bool started;        /* there is a positive element before */
    int64_t *border;     /* n + 1 differences */
    size_t *next;        /* per event and pending negation: the next event that satisfies it; n + 1 entries each */
};

static void
fill_next(const struct pass *p, const struct chain_step *s, size_t *next)
{
    next[p->n] = p->n;
    for (size_t e = p->n; e-- > 0;)
        next[e] = s->sat[e] ? e : next[e + 1];
}

/* The time of the first event after `prev` (any event when !started) that one of the negations forbids. */
static int64_t
first_forbidden(const struct pass *p, size_t neg_from, size_t neg_to, int64_t prev)
{
    int64_t first = INT64_MAX, lo = INT64_MIN, hi = INT64_MAX;

    for (size_t k = neg_from; k < neg_to; k++) {
        const size_t *next = p->next + (k - neg_from) * (p->n + 1);
        size_t e;
        if (p->started) {
            chain_gap_range(p->steps[k].spec, prev, &lo, &hi);
            if (lo <= prev)
                lo = prev + 1;
        }
        e = next[chain_lower_bound(p->times, p->n, lo)];
        if (e < p->n && p->times[e] <= hi && p->times[e] < first)
            first = p->times[e];
    }
    return first;
}

static void
allow(struct pass *p, int64_t lo, int64_t hi)
{
    size_t from, to;

    if (lo > hi)
        return;
    from = chain_lower_bound(p->times, p->n, lo);
    to = hi == INT64_MAX ? p->n : chain_lower_bound(p->times, p->n, hi + 1);
    if (from < to) {
        p->border[from]++;
        p->border[to]--;
    }
}

/* From the possible ends of the element before to those of element k; elements neg_from..k-1 are negated. */
static void
advance(struct pass *p, size_t neg_from, size_t k)
{
    const struct chain_step *el = &p->steps[k];
    int64_t lo, hi, first, open = 0;
    size_t run = 0; /* satisfying events since a possible start, that one included */

    memset(p->border, 0, (p->n + 1) * sizeof *p->border);
    if (!p->started)
        allow(p, INT64_MIN, first_forbidden(p, neg_from, k, 0));
    for (size_t e = 0; p->started && e < p->n && eval_tick(p->ev, 1); e++) {
        int64_t prev = p->times[e];
        if (!p->ends[e])
            continue;
        chain_gap_range(el->spec, prev, &lo, &hi);
        first = first_forbidden(p, neg_from, k, prev);
        allow(p, lo > prev ? lo : prev + 1, hi < first ? hi : first);
    }
    for (size_t e = 0; e < p->n; e++) {
        open += p->border[e];
        p->ends[e] = 0;
        if (!el->sat[e])
            continue;
        if (run > 0)
            run++;
        else if (open > 0)
            run = 1;
        p->ends[e] = el->need == 1 ? open > 0 : run >= el->need;
    }
    p->started = true;
}

bool
chain_pass(struct eval *ev, const int64_t *times, size_t n, const struct chain_step *steps, size_t count)
{
    struct pass p = {.ev = ev, .times = times, .n = n, .steps = steps};
    size_t neg_from = 0;

    p.ends = arena_calloc(ev->a, n, 1);
    p.border = ARENA_ARRAY(ev->a, int64_t, n + 1);
    if (p.ends == NULL || p.border == NULL) {
        ev->stop = true;
        return false;
    }
    for (size_t k = 0; k <= count; k++) {
        if (k < count && steps[k].negated)
            continue;
        p.next = k > neg_from ? ARENA_ARRAY(ev->a, size_t, (k - neg_from) * (n + 1)) : NULL;
        if ((k > neg_from && p.next == NULL) || !eval_tick(ev, (k - neg_from + 1) * n)) {
            ev->stop = true;
            return false;
        }
        for (size_t i = neg_from; i < k; i++)
            fill_next(&p, &steps[i], p.next + (i - neg_from) * (n + 1));
        if (k == count)
            break;
        advance(&p, neg_from, k);
        neg_from = k + 1;
    }
    for (size_t e = 0; e < n && eval_tick(ev, 1); e++) {
        if (p.ends[e] && first_forbidden(&p, neg_from, count, times[e]) == INT64_MAX)
            return true;
    }
    return false;
}
