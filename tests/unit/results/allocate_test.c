/* allocate_test.c - traffic of Auto-Allocate [TARGET 8.1, 12.164, 12.165, 12.167]. */
#include "results/allocate.h"

#include <math.h>

#include "t.h"

static struct allocate_arm
arm(uint64_t visitors, uint64_t conversions)
{
    return (struct allocate_arm){
        .sample = {.n = visitors, .sum = (double)conversions, .rate = true}, .conversions = conversions, .range = 1};
}

#define CHECK_WEIGHT(w, expected) CHECK_EQ(llround((w)*10), llround((expected)*10))

TEST(allocate_warms_up) /* [TARGET 12.164] */
{
    struct allocate_arm arms[4] = {arm(999, 300), arm(1000, 50), arm(1000, 51), arm(1000, 60)};
    double w[4];

    CHECK_TRUE(!allocate_weights(arms, 4, w).warm);
    for (int i = 0; i < 4; i++)
        CHECK_WEIGHT(w[i], 25);
    arms[0] = arm(1000, 49);
    CHECK_TRUE(!allocate_weights(arms, 4, w).warm);
    arms[0] = arm(1000, 50);
    CHECK_TRUE(allocate_weights(arms, 4, w).warm);
    CHECK_WEIGHT(w[3], 45);
    CHECK_WEIGHT(w[2], 45);
    CHECK_WEIGHT(w[0], 5);
    CHECK_WEIGHT(w[1], 5);
}

TEST(allocate_runner_up_is_the_highest_bound)
{
    struct allocate_arm arms[3] = {arm(50000, 6000), arm(50000, 5500), arm(1000, 100)};
    double w[3];

    CHECK_EQ(allocate_weights(arms, 3, w).leader, 0);
    CHECK_WEIGHT(w[0], 40 + 20.0 / 3);
    CHECK_WEIGHT(w[2], 40 + 20.0 / 3); /* few visitors: it may still be the best */
    CHECK_WEIGHT(w[1], 20.0 / 3);
}

TEST(allocate_winner)
{
    struct allocate_arm arms[4] = {arm(20000, 1000), arm(20000, 2000), arm(20000, 900), arm(20000, 1100)};
    double w[4];
    struct allocate_answer x = allocate_weights(arms, 4, w);

    CHECK_TRUE(x.won && x.leader == 1 && x.confidence > 0.95);
    CHECK_WEIGHT(w[1], 85);
    CHECK_WEIGHT(w[0], 5);
}

/* Conversions of the second at which the confidence first reaches a level, the first having 1000 of 10000. */
static uint64_t
conversions_for(double level)
{
    double w[2];

    for (uint64_t c = 1001;; c++) {
        struct allocate_arm arms[2] = {arm(10000, 1000), arm(10000, c)};
        if (allocate_weights(arms, 2, w).confidence >= level)
            return c;
    }
}

TEST(allocate_two_experiences) /* [TARGET 12.165] */
{
    static const struct {
        double confidence, most;
    } steps[] = {{0.74, 50}, {0.80, 200.0 / 3}, {0.96, 90}};
    double w[2];

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t c = conversions_for(steps[i].confidence);
        struct allocate_arm arms[2] = {arm(10000, 1000), arm(10000, c - (i == 0))};
        struct allocate_answer x = allocate_weights(arms, 2, w);
        CHECK_WEIGHT(w[1], steps[i].most);
        CHECK_WEIGHT(w[0] + w[1], 100);
        CHECK_TRUE(x.won == (x.confidence >= 0.95));
    }
}

TEST(allocate_bound_formula)
{
    struct allocate_arm a = arm(1024, 256);
    double l = log(2 * 3 * 10 * 11 / 0.05);

    CHECK_TRUE(fabs(allocate_bound(&a, 3, 0.05) - (sqrt(2 * 0.1875 * l / 1024) + l / 3072)) < 1e-12);
    a = arm(0, 0);
    CHECK_TRUE(isinf(allocate_bound(&a, 3, 0.05)));
    CHECK_TRUE(!allocate_weights(NULL, 0, NULL).warm);
}

TEST(allocate_without_a_difference_seldom_has_a_winner) /* [TARGET 12.167] */
{
    enum { RUNS = 200, VISITORS = 100000, AN_HOUR = 500, ARMS = 3 };
    struct rng r;
    int winners = 0;

    rng_seed(&r, 7);
    for (int run = 0; run < RUNS; run++) {
        struct allocate_arm arms[ARMS] = {arm(0, 0), arm(0, 0), arm(0, 0)};
        double w[ARMS];
        bool won = false;
        allocate_weights(arms, ARMS, w);
        for (int i = 1; i <= VISITORS; i++) {
            double at = rng_f64(&r) * 100;
            size_t k = at < w[0] ? 0 : at < w[0] + w[1] ? 1 : 2;
            arms[k].sample.n++;
            if (rng_f64(&r) < 0.1) {
                arms[k].sample.sum++;
                arms[k].conversions++;
            }
            if (i % AN_HOUR == 0)
                won |= allocate_weights(arms, ARMS, w).won;
        }
        winners += won;
    }
    CHECK_TRUE(winners < RUNS * 5 / 100);
}

TEST(allocate_finds_the_best)
{
    static const double rates[] = {0.10, 0.14, 0.11};
    struct allocate_arm arms[3] = {arm(0, 0), arm(0, 0), arm(0, 0)};
    double w[3];
    struct rng r;
    struct allocate_answer x = {0};

    rng_seed(&r, 3);
    allocate_weights(arms, 3, w);
    for (int i = 1; i <= 60000; i++) {
        double at = rng_f64(&r) * 100;
        size_t k = at < w[0] ? 0 : at < w[0] + w[1] ? 1 : 2;
        arms[k].sample.n++;
        if (rng_f64(&r) < rates[k]) {
            arms[k].sample.sum++;
            arms[k].conversions++;
        }
        if (i % 500 == 0)
            x = allocate_weights(arms, 3, w);
    }
    CHECK_TRUE(x.won && x.leader == 1);
    CHECK_TRUE(arms[1].sample.n > 30000); /* most visitors saw it */
}
