/* stats_test.c - the figures of reports against published and recomputed examples [TARGET 8.3]. */
#include "admin/admin_stats.h"

#include <math.h>

#include "t.h"

#define CHECK_NEAR(a, b, within)                                                                                       \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!(fabs(a_ - b_) <= (within)))                                                                              \
            t_fail(t, __FILE__, __LINE__, "%s is %.10f, expected %.10f", #a, a_, b_);                                  \
    } while (0)

TEST(stats_conversion_rates)
{
    /* the first case is the published report: 25.81 % +- 7.70, 34.90 % +- 7.65, lift 35.23 % (-14.85 .. 85.32), 89.81 %
     */
    static const struct {
        uint64_t n0, c0, n1, c1;
        double half0, half1, lift, low, df, confidence;
    } cases[] = {
        {124, 32, 149, 52, 0.0770180372, 0.0765357263, 0.3523489933, -0.1485018641, 268.372086, 89.811062},
        {1000, 100, 1000, 130, 0.0185941926, 0.0208443028, 0.3, -0.0191852628, 1972.483709, 96.458851},
        {1000, 100, 500, 60, 0.0185941926, 0.0284841345, 0.2, -0.1618310766, 930.497614, 75.054648},
        {219328, 2466, 218362, 3040, 0.0004412688, 0.0004914411, 0.2382191783, 0.1728580631, 432503.983315, 100.0},
        {500, 75, 500, 50, 0.0312986901, 0.0262961594, -0.3333333333, -0.5571258298, 969.189376, 98.329590},
        {1000, 100, 1000, 100, 0.0185941926, 0.0185941926, 0.0, -0.2629615942, 1998.0, 0.0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats_sample a = {.n = cases[i].n0, .sum = (double)cases[i].c0, .rate = true},
                            b = {.n = cases[i].n1, .sum = (double)cases[i].c1, .rate = true};
        struct stats_lift l = stats_compare(&a, &b);
        CHECK_TRUE(l.known);
        CHECK_NEAR(stats_half_width(&a), cases[i].half0, 1e-9);
        CHECK_NEAR(stats_half_width(&b), cases[i].half1, 1e-9);
        CHECK_NEAR(l.lift, cases[i].lift, 1e-9);
        CHECK_NEAR(l.low, cases[i].low, 1e-9);
        CHECK_NEAR(l.df, cases[i].df, 1e-5);
        CHECK_NEAR(l.confidence * 100, cases[i].confidence, 1e-5);
    }
}

TEST(stats_without_a_base)
{
    struct stats_sample none = {.n = 1000, .sum = 0, .rate = true}, some = {.n = 1000, .sum = 10, .rate = true},
                        empty = {.rate = true};
    struct stats_lift l = stats_compare(&none, &some);

    CHECK_TRUE(!l.known);
    CHECK_NEAR(l.confidence * 100, 99.847260, 1e-5);
    l = stats_compare(&empty, &some);
    CHECK_TRUE(!l.known);
    CHECK_NEAR(l.confidence, 0, 0);
    CHECK_NEAR(stats_mean(&empty), 0, 0);
    CHECK_NEAR(stats_half_width(&empty), 0, 0);
    l = stats_compare(&none, &none);
    CHECK_NEAR(l.confidence, 0, 0);
    l = stats_compare(&some, &none);
    CHECK_NEAR(l.lift, -1, 1e-12);
}

TEST(stats_revenue)
{
    struct stats_sample a = {.n = 1000, .sum = 5000, .squares = 90000}, b = {.n = 1000, .sum = 5600, .squares = 101000};
    struct stats_lift l = stats_compare(&a, &b);

    CHECK_NEAR(stats_half_width(&a), 0.4999539518, 1e-9);
    CHECK_NEAR(stats_half_width(&b), 0.5174908896, 1e-9);
    CHECK_NEAR(l.lift, 0.12, 1e-9);
    CHECK_NEAR(l.high, 0.272491188, 1e-9);
    CHECK_NEAR(l.confidence * 100, 89.765838, 1e-5);
}
