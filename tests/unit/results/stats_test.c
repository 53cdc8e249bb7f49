/* stats_test.c - the figures of reports against published and computed examples [TARGET 8.3, 12.158, 12.159]. */
#include "results/stats.h"

#include <math.h>

#include "base/limits.h"
#include "codec/json.h"
#include "t.h"

static bool
close_to(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fmax(1, fabs(b));
}

#define CHECK_CLOSE(a, b)                                                                                              \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!close_to(a_, b_))                                                                                         \
            t_fail(t, __FILE__, __LINE__, "%s is %.10g, expected %.10g", #a, a_, b_);                                  \
    } while (0)

static double
number(const struct json *o, const char *path)
{
    return json_f64(json_path(o, str_of(path)), NAN);
}

static const struct json *
vectors(struct t *t, const char *list)
{
    const struct json *all;

    CHECK_OK(json_parse(t_read(t, "vectors/target-stats.json"), t->arena, &all, d));
    return json_get(all, str_of(list));
}

static struct stats_sample
rate(const struct json *o)
{
    return (struct stats_sample){.n = (uint64_t)number(o, "visitors"), .sum = number(o, "conversions"), .rate = true};
}

static struct stats_sample
revenue(const struct json *o)
{
    return (struct stats_sample){
        .n = (uint64_t)number(o, "visitors"), .sum = number(o, "sales"), .squares = number(o, "sumOfSquares")};
}

static void
check_comparison(struct t *t, const struct json *c, const struct stats_sample *a, const struct stats_sample *b)
{
    struct stats_lift l = stats_compare(a, b);

    CHECK_CLOSE(stats_half_width(a), number(c, "controlHalfWidth95"));
    CHECK_CLOSE(stats_half_width(b), number(c, "halfWidth95"));
    CHECK_TRUE(l.known == (json_get(c, S("lift")) != NULL));
    if (l.known) {
        CHECK_CLOSE(l.lift, number(c, "lift"));
        CHECK_CLOSE(l.low, number(c, "liftLow95"));
        CHECK_CLOSE(l.high, number(c, "liftHigh95"));
    }
    CHECK_CLOSE(l.t, number(c, "t"));
    CHECK_CLOSE(l.df, number(c, "df"));
    CHECK_CLOSE(l.confidence * 100, number(c, "confidencePercent"));
}

TEST(stats_vectors) /* [TARGET 12.159] */
{
    for (struct json_iter it = json_iter(vectors(t, "conversion")); json_next(&it);) {
        struct stats_sample a = rate(json_get(it.value, S("control"))), b = rate(json_get(it.value, S("variant")));
        CHECK_CLOSE(stats_mean(&a), number(it.value, "controlRate"));
        CHECK_CLOSE(stats_mean(&b), number(it.value, "rate"));
        check_comparison(t, it.value, &a, &b);
    }
    for (struct json_iter it = json_iter(vectors(t, "revenue")); json_next(&it);) {
        struct stats_sample a = revenue(json_get(it.value, S("control"))),
                            b = revenue(json_get(it.value, S("variant")));
        CHECK_CLOSE(stats_mean(&a), number(it.value, "controlRpv"));
        CHECK_CLOSE(stats_mean(&b), number(it.value, "rpv"));
        check_comparison(t, it.value, &a, &b);
    }
    for (struct json_iter it = json_iter(vectors(t, "sampleSize")); json_next(&it);)
        CHECK_EQ(stats_sample_size(number(it.value, "baseline"), number(it.value, "lift"),
                                   number(it.value, "confidence"), number(it.value, "power"), 1),
                 number(it.value, "visitorsPerExperience"));
    for (struct json_iter it = json_iter(vectors(t, "bayes")); json_next(&it);) {
        struct stats_sample a = rate(json_get(it.value, S("control"))), b = rate(json_get(it.value, S("variant")));
        CHECK_CLOSE(stats_believe(&a, &b).chance, number(it.value, "chanceToBeatControl"));
    }
}

TEST(stats_published_example) /* [TARGET 12.158] */
{
    struct stats_sample a = {.n = 124, .sum = 32, .rate = true}, b = {.n = 149, .sum = 52, .rate = true};
    struct stats_lift l = stats_compare(&a, &b);
    struct str s = arena_printf(t->arena, "%.2f %.2f %.2f %.2f %.2f %.2f %.2f %.2f", stats_mean(&a) * 100,
                                stats_half_width(&a) * 100, stats_mean(&b) * 100, stats_half_width(&b) * 100,
                                l.lift * 100, l.low * 100, l.high * 100, l.confidence * 100);

    CHECK_STR(s, S("25.81 7.70 34.90 7.65 35.23 -14.85 85.32 89.81"));
}

TEST(stats_belief_interval_holds_its_share)
{
    struct stats_sample a = {.n = 1000, .sum = 100, .rate = true}, b = {.n = 1000, .sum = 130, .rate = true};
    struct stats_belief x = stats_believe(&a, &b), same = stats_believe(&a, &a);

    CHECK_TRUE(x.low > 0 && x.low < 0.02 && x.high > 0.6 && x.high < 0.75); /* lift 0.3: skewed to the right */
    CHECK_CLOSE(same.chance, 0.5);
    CHECK_CLOSE((1 + same.low) * (1 + same.high), 1); /* either may be the control */
}

TEST(stats_sample_size_with_bonferroni)
{
    CHECK_EQ(stats_sample_size(0.05, 0.05, 0.95, 0.8, 0), 122121);
    CHECK_EQ(stats_sample_size(0.05, 0.05, 0.95, 0.8, 2), stats_sample_size(0.05, 0.05, 0.975, 0.8, 1));
    CHECK_TRUE(stats_sample_size(0.05, 0.05, 0.95, 0.8, 3) > 122121);
    CHECK_EQ(stats_sample_size(0.05, 0, 0.95, 0.8, 1), 0);
    CHECK_EQ(stats_sample_size(0.9, 0.2, 0.95, 0.8, 1), 0);
    CHECK_CLOSE(stats_normal_quantile(0.975), 1.959963985);
    CHECK_CLOSE(stats_normal_quantile(0.5), 0);
}

TEST(stats_empty_samples_compare_to_nothing)
{
    struct stats_sample none = {0}, one = {.n = 1, .sum = 1, .rate = true};
    struct stats_lift l = stats_compare(&none, &one);

    CHECK_TRUE(!l.known && l.confidence == 0);
    CHECK_TRUE(stats_mean(&none) == 0 && stats_half_width(&none) == 0);
    CHECK_TRUE(!stats_sequential(&none, &one, 1).known && stats_sequential(&none, &one, 1).p == 1);
}

TEST(stats_ratio_of_traffic)
{
    double half[] = {50, 50}, thirds[] = {1, 1, 1}, one[] = {100, 0};

    /* chi-square 4 with one degree: p = erfc(sqrt(2)); 6 with two: p = exp(-3) */
    CHECK_CLOSE(stats_ratio_p((uint64_t[]){5100, 4900}, half, 2), erfc(sqrt(2)));
    CHECK_CLOSE(stats_ratio_p((uint64_t[]){60, 30, 60}, thirds, 3), exp(-6));
    CHECK_CLOSE(stats_ratio_p((uint64_t[]){100, 100}, half, 2), 1);
    CHECK_TRUE(stats_ratio_p((uint64_t[]){6000, 5000}, half, 2) < STATS_RATIO_ALARM);
    CHECK_TRUE(stats_ratio_p((uint64_t[]){6000, 0}, one, 2) == 1);
    CHECK_TRUE(stats_ratio_p((uint64_t[]){0, 0}, half, 2) == 1);
}

TEST(stats_extreme_orders)
{
    struct stats_orders o = {0};

    for (int i = 0; i < 20; i++) {
        o.n++;
        o.sum += 50 + i % 3;
        o.squares += (50 + i % 3) * (50 + i % 3);
    }
    CHECK_TRUE(!stats_is_outlier(&o, 52) && stats_is_outlier(&o, 500) && stats_is_outlier(&o, 1));
    CHECK_TRUE(stats_orders_cap(&o) > 52 && stats_orders_cap(&o) < 55);
    CHECK_TRUE(!stats_is_outlier(&(struct stats_orders){1, 10, 100}, 500));
}

/* An A/A test that is looked at all the time: how often does somebody think that he has seen a difference? */
TEST(stats_sequential_may_be_watched)
{
    enum { RUNS = 300, VISITORS = 20000, LOOK = 200 };
    struct rng r;
    int watched = 0, fixed = 0;

    rng_seed(&r, 20);
    for (int run = 0; run < RUNS; run++) {
        struct stats_sample a = {.rate = true}, b = {.rate = true};
        bool seen = false, believed = false;
        for (int i = 1; i <= VISITORS; i++) {
            a.n++;
            b.n++;
            a.sum += rng_f64(&r) < 0.1;
            b.sum += rng_f64(&r) < 0.1;
            if (i % LOOK == 0) {
                struct stats_sequential s = stats_sequential(&a, &b, 1);
                seen |= s.known && (s.low > 0 || s.high < 0);
                CHECK_TRUE((s.low > 0 || s.high < 0) == (s.p < 0.05) || fabs(s.p - 0.05) < 1e-9);
                believed |= stats_compare(&a, &b).confidence > 0.95;
            }
        }
        watched += seen;
        fixed += believed;
    }
    CHECK_TRUE(watched <= RUNS * 5 / 100);
    CHECK_TRUE(fixed > RUNS * 20 / 100); /* the t-test of the documents is for one look at the end */
}

TEST(stats_sequential_sees_a_difference)
{
    struct stats_sample a = {.n = 10000, .sum = 1000, .rate = true}, b = {.n = 10000, .sum = 1200, .rate = true};
    struct stats_sequential s = stats_sequential(&a, &b, 1);
    struct stats_sample few = {.n = STATS_SEQUENTIAL_MIN - 1, .sum = 10, .rate = true},
                        enough = {.n = STATS_SEQUENTIAL_MIN, .sum = 10, .rate = true};

    CHECK_TRUE(s.known && s.low > 0 && s.high < 0.04 && s.p < 0.01);
    CHECK_TRUE(!stats_sequential(&few, &enough, 1).known && stats_sequential(&enough, &enough, 1).known);
}

TEST(stats_sequential_of_several)
{
    struct stats_sample a = {.n = 10000, .sum = 1000, .rate = true}, b = {.n = 10000, .sum = 1200, .rate = true};
    struct stats_sequential one = stats_sequential(&a, &b, 1), five = stats_sequential(&a, &b, 5);

    CHECK_TRUE(five.low < one.low && five.high > one.high && five.p > one.p);
    b.sum = 1146; /* between the two: decided alone, and not among five */
    one = stats_sequential(&a, &b, 1);
    five = stats_sequential(&a, &b, 5);
    CHECK_TRUE(one.low > 0 && one.p < 0.05);
    CHECK_TRUE(five.low < 0 && five.p > 0.05);
}
