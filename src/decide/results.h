/* results.h - what activities achieved: a fold of hits into counters per activity and experience.
 *
 * visitors     entries: once per activity, experience and visitor (ECID, else the hit's owner), at the first display
 *              notice [TARGET 9.1]. A decision that was never displayed counts nowhere; a control group is displayed as
 *              default content
 * impressions  hits that display the activity (display notices); several scopes in one hit count once
 * clicks       interact notices of visitors who entered, and how many visitors clicked
 * conversions  visitors with at least one order after entry, in the experience displayed last; orders, revenue and the
 *              squared revenue of each visitor besides; an order id counts once per activity
 *
 * Counters live in the hub's table under keys beginning with 'R' (docs/formats/results.md), so they commit with the
 * offset and count nothing twice.   Threads  the hub's. */
#ifndef DECIDE_RESULTS_H
#define DECIDE_RESULTS_H

#include "base/buf.h"
#include "kv/kv.h"
#include "model/hit.h"

/* Applies one event hit. */
enum err results_fold(struct kv *k, const struct hit *h, struct arena *a, struct diag *d);

/* One for each experience seen, in the order of their ids. */
struct results_row {
    struct str experience;
    uint64_t visitors, impressions, clicks, click_visitors, conversions, orders;
    double revenue, revenue_squares;
};
enum err results_read(struct kv *k, struct str scope, struct str activity, struct arena *a, struct results_row **rows,
                      size_t *n, struct diag *d);

#endif
