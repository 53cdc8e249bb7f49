/* allocate.h - Auto-Allocate: which share of the new visitors each experience gets, and whether one has won
 * [TARGET 8.1].
 *
 *   warm-up             until every experience has 1000 visitors and 50 conversions: equal shares
 *   three and more      20 % over all, 80 % between the best mean and the highest upper bound among the others
 *   winner              80 % and its share of the 20 %
 *   two                 equal below 75 % confidence, then 2/3 and 1/3, from 95 % 90 and 10
 *
 * Bounds are empirical Bernstein's, paid for every doubling of the visitors, so that looking each hour costs nothing:
 * with m mean, v variance, b range, K experiences,  look = max(1, floor(log2 n)),
 * L = ln(2 K look (look + 1) / delta),  bound = m +- (sqrt(2 v L / n) + b L / (3 n)).  The leader wins when its lower
 * bound is above 0.99 of every other upper one at delta 0.05. Confidence is 1 - the smallest delta at which it would.
 *
 * Threads    pure.   Cost  10 us for ten experiences. */
#ifndef RESULTS_ALLOCATE_H
#define RESULTS_ALLOCATE_H

#include "results/stats.h"

#define ALLOCATE_VISITORS_MIN 1000
#define ALLOCATE_CONVERSIONS_MIN 50
#define ALLOCATE_SHOWN_CONFIDENCE 0.6 /* below it people are shown none */

struct allocate_arm {
    struct stats_sample sample;
    uint64_t conversions;
    double range; /* a value is at most this: 1 for rates, for revenue the cap of the outlier rule */
};

struct allocate_answer {
    bool warm;         /* the warm-up is over */
    size_t leader;     /* best mean; only when warm */
    bool won;          /* by the leader */
    double confidence; /* 0..1; 0 in the warm-up */
};

/* weights[i]: percent of arm i; together 100. n may be 0. */
struct allocate_answer allocate_weights(const struct allocate_arm *arms, size_t n, double *weights);
/* Distance of an arm's bounds from its mean, at delta. */
double allocate_bound(const struct allocate_arm *arm, size_t n, double delta);

#endif
