/* rerun_given.c - what a world gave a visitor: "activity US experience RS", the newest first. */
#include "base/limits.h"
#include "edge/rerun_int.h"

static bool
next_given(struct str *rest, struct str *activity, struct str *experience)
{
    struct str one;

    if (!str_split(rest, 0x1e, &one))
        return false;
    return str_split(&one, 0x1f, activity) && (*experience = one, true);
}

bool
rerun_given(struct edge_rerun *r, struct str activity, struct str *experience)
{
    struct str rest = r->given, a, e;
    size_t n = 0;

    for (; rest.n > 0 && next_given(&rest, &a, &e); n++) {
        if (str_eq(a, activity)) {
            *experience = e;
            return true;
        }
    }
    if (n == LIMIT_RERUN_GIVEN)
        rerun_lacks(r, RERUN_HISTORY);
    return !r->was_given;
}

static bool
is_among(const struct rerun_decision *decisions, size_t n, struct str activity)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(decisions[i].activity, activity))
            return true;
    }
    return false;
}

struct str
rerun_give(struct str given, const struct rerun_decision *decisions, size_t n, struct arena *arena)
{
    struct str rest = given, a, e;
    struct buf b;
    size_t kept = 0;

    buf_init_in(&b, arena, LIMIT_VISITOR_BYTES);
    for (size_t i = n; i > 0 && kept < LIMIT_RERUN_GIVEN; i--) {
        const struct rerun_decision *x = &decisions[i - 1];
        if (is_among(decisions + i, n - i, x->activity))
            continue;
        buf_printf(&b, "%.*s\x1f%.*s\x1e", STR_ARG(x->activity), STR_ARG(x->experience));
        kept++;
    }
    while (rest.n > 0 && kept < LIMIT_RERUN_GIVEN && next_given(&rest, &a, &e)) {
        if (is_among(decisions, n, a))
            continue;
        buf_printf(&b, "%.*s\x1f%.*s\x1e", STR_ARG(a), STR_ARG(e));
        kept++;
    }
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}
