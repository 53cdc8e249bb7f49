/* rule_graph_needs.c - what a series keeps for its leaves, and whether that is enough for one more.
 *
 * Leaves of one build share a series, which then keeps what the most demanding of them needs. Once states were saved
 * with it, what it keeps is settled: pairs that were dropped do not come back, and bytes are read by these flags. So a
 * later leaf shares the series when it needs no more, and gets another one when it does. */
#include "rule/rule_graph_int.h"

/* lo(now) <= other(now) at every now, where that is easy to see. */
static bool
never_later(const struct time_fn *lo, const struct time_fn *other)
{
    if (lo->base == TIME_BASE_FIRST || time_fn_equal(lo, other))
        return true;
    if (lo->linear && other->linear)
        return lo->linear_ms + lo->plus_ms <= other->linear_ms + other->plus_ms;
    return lo->base == TIME_BASE_CONST && other->base == TIME_BASE_CONST && lo->constant <= other->constant;
}

/* The latest start of `wide` is never later than that of `narrow`. */
static bool
reaches_as_far(const struct horizon *wide, const struct horizon *narrow)
{
    for (size_t i = 0; i < wide->n; i++) {
        bool found = false;
        for (size_t k = 0; k < narrow->n && !found; k++)
            found = never_later(&wide->spans[i].lo, &narrow->spans[k].lo);
        if (!found)
            return false;
    }
    return true;
}

static bool
horizons_cover(const struct series *wide, const struct horizon *narrow)
{
    for (size_t i = 0; i < wide->horizons.n; i++) {
        if (reaches_as_far(&wide->horizons.p[i], narrow))
            return true;
    }
    return wide->forever;
}

bool
needs_cover(const struct series *wide, const struct series *narrow)
{
    if (wide->keep_pairs < narrow->keep_pairs || wide->keep_total < narrow->keep_total ||
        wide->forever < narrow->forever || wide->newest < narrow->newest ||
        ((wide->picks & PICKS_ALL) == 0 && (narrow->picks & ~wide->picks) != 0))
        return false;
    for (size_t i = 0; i < narrow->horizons.n; i++) {
        if (!horizons_cover(wide, &narrow->horizons.p[i]))
            return false;
    }
    return true;
}

static bool
add_horizon(struct series *keeps, const struct horizon *more, struct arena *a)
{
    size_t kept = 0;

    for (size_t i = 0; i < keeps->horizons.n; i++) {
        if (reaches_as_far(&keeps->horizons.p[i], more))
            return true;
    }
    for (size_t i = 0; i < keeps->horizons.n; i++) {
        if (!reaches_as_far(more, &keeps->horizons.p[i]))
            keeps->horizons.p[kept++] = keeps->horizons.p[i];
    }
    keeps->horizons.n = kept;
    return VEC_PUSH(a, &keeps->horizons, *more);
}

bool
needs_widen(struct series *keeps, const struct series *more, struct arena *a)
{
    keeps->keep_pairs = keeps->keep_pairs || more->keep_pairs;
    keeps->keep_total = keeps->keep_total || more->keep_total;
    keeps->forever = keeps->forever || more->forever;
    keeps->newest = more->newest > keeps->newest ? more->newest : keeps->newest;
    keeps->picks |= more->picks;
    for (size_t i = 0; i < more->horizons.n; i++) {
        if (!add_horizon(keeps, &more->horizons.p[i], a))
            return false;
    }
    return true;
}

int64_t
needs_horizon_ms(const struct series *keeps, int64_t now)
{
    int64_t horizon = INT64_MAX;

    for (size_t i = 0; i < keeps->horizons.n; i++) {
        const struct horizon *h = &keeps->horizons.p[i];
        int64_t latest = INT64_MIN;
        for (size_t k = 0; k < h->n; k++) {
            int64_t least = time_fn_least(&h->spans[k].lo, now);
            latest = least > latest ? least : latest;
        }
        horizon = latest < horizon ? latest : horizon;
    }
    return horizon;
}

/* In whatever order the horizons came. */
uint64_t
needs_hash(const struct series *keeps)
{
    uint64_t sum = 0, one, words[5];

    for (size_t i = 0; i < keeps->horizons.n; i++) {
        const struct horizon *h = &keeps->horizons.p[i];
        one = 0;
        for (size_t k = 0; k < h->n; k++)
            one += hash_u64(1, time_fn_hash(&h->spans[k].lo));
        sum += hash_u64(2, one);
    }
    words[0] = (uint64_t)keeps->keep_pairs << 2 | (uint64_t)keeps->keep_total << 1 | keeps->forever;
    words[1] = keeps->newest;
    words[2] = keeps->horizons.n;
    words[3] = sum;
    words[4] = keeps->picks;
    return hash_bytes((struct str){(const char *)words, sizeof words}, 0);
}
