/* admin_stats.h - the figures of a report on an A/B or XT activity [TARGET 8.3].
 *
 * A sample is N units (visitors) with the sum of a metric and of its squares. For a rate (conversions, clickers) the
 * sum of squares equals the sum, and the variance is mu(1-mu); for revenue it is (sum of squares - N mu^2)/(N-1).
 *
 * Cost       A comparison is about 2 us.   Threads  pure functions. */
#ifndef ADMIN_ADMIN_STATS_H
#define ADMIN_ADMIN_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct stats_sample {
    uint64_t n;
    double sum, squares;
    bool rate; /* squares is not read */
};

double stats_mean(const struct stats_sample *s);       /* 0 for n = 0 */
double stats_half_width(const struct stats_sample *s); /* of the 95 % interval: mean +- this */

struct stats_lift {
    bool known;             /* the control's mean is not 0 */
    double lift, low, high; /* of the variant over the control; the 95 % interval */
    double t, df;
    double confidence; /* 0..1 that the difference is no chance; 0 when it cannot be told */
};
struct stats_lift stats_compare(const struct stats_sample *control, const struct stats_sample *variant);

#endif
