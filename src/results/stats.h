/* stats.h - the figures of a report [TARGET 8.3], and three that the documents do not have.
 *
 *   sample        N units (visitors, visits or impressions) with the sum of a metric and of its squares
 *   interval      mean +- 1.96 standard errors
 *   comparison    lift over the control with its interval, Welch's t, confidence
 *   Bayes         chance to beat the control, credible interval of the lift; prior Beta(1,1)
 *   sample size   visitors that a difference needs to be seen
 *   ratio         OURS: do the visitors split as configured? A test whose traffic is wrong says nothing about its goal
 *   sequential    OURS: interval and p value that hold however often somebody looks
 *   order check   is an order beyond three standard deviations of the others?
 *
 * docs/statistics.md has the formulas and why. For a rate (conversions, clickers) the variance is mu(1-mu) without a
 * correction; else (sum of squares - N mu^2)/(N-1).
 *
 * Cost       A comparison 2 us, a Bayesian one 3 ms.   Threads  pure functions. */
#ifndef RESULTS_STATS_H
#define RESULTS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stats_sample {
    uint64_t n;
    double sum, squares;
    bool rate; /* squares is not read */
};

double stats_mean(const struct stats_sample *s);       /* 0 for n = 0 */
double stats_variance(const struct stats_sample *s);   /* of one unit */
double stats_half_width(const struct stats_sample *s); /* of the 95 % interval: mean +- this */

struct stats_lift {
    bool known;             /* the control's mean is not 0 */
    double lift, low, high; /* of the variant over the control; the 95 % interval */
    double t, df;
    double confidence; /* 0..1 that the difference is no chance; 0 when it cannot be told */
};
struct stats_lift stats_compare(const struct stats_sample *control, const struct stats_sample *variant);
/* p of Student's t, two-sided. */
double stats_student_p(double t, double df);

/* Rates only. */
struct stats_belief {
    double chance;    /* that the variant's rate is the higher one */
    double low, high; /* of the lift: 95 % credible */
};
struct stats_belief stats_believe(const struct stats_sample *control, const struct stats_sample *variant);

double stats_normal_quantile(double p); /* 0 < p < 1 */
/* Visitors per experience to see that `baseline` became baseline (1 + lift); comparisons > 1: with Bonferroni. 0: no
 * such number (a rate outside of 0..1, no lift). */
uint64_t stats_sample_size(double baseline, double lift, double confidence, double power, unsigned comparisons);

/* p of Pearson's chi-square that visitors are split by the weights (which need not add up to anything). 1: nothing to
 * compare. Below STATS_RATIO_ALARM something is wrong with the traffic, as it would be by chance in one test of 1000.
 */
#define STATS_RATIO_ALARM 0.001
double stats_ratio_p(const uint64_t *visitors, const double *weights, size_t n);

/* The difference of the means of variant and control at every moment of a test at once: a mixture of normal
 * alternatives (Robbins 1970; with estimated variances Waudby-Smith et al. 2021). */
struct stats_sequential {
    bool known;       /* both have STATS_SEQUENTIAL_MIN units and some spread */
    double low, high; /* of the difference, 95 % */
    double p;         /* always valid; 1 - p is a confidence that may be watched */
};
#define STATS_SEQUENTIAL_MIN 100
/* comparisons > 1: each of so many holds with all others, by Bonferroni. */
struct stats_sequential stats_sequential(const struct stats_sample *control, const struct stats_sample *variant,
                                         unsigned comparisons);

/* Orders of the last month [TARGET 8.3]. */
struct stats_orders {
    uint64_t n;
    double sum, squares;
};
double stats_orders_mean(const struct stats_orders *o);
double stats_orders_cap(const struct stats_orders *o); /* mean + 3 standard deviations */
bool stats_is_outlier(const struct stats_orders *o, double total);

#endif
