/* allocate.c - see allocate.h. */
#include "results/allocate.h"

#include <math.h>

#define DELTA 0.05
#define TOLERANCE 0.99 /* the winner is the best within 1 % */
#define EXPLORE 20.0   /* percent that go to all alike */
#define TWO_LEAN 0.75
#define TWO_WON 0.95
#define PRECISION 1e-6

double
allocate_bound(const struct allocate_arm *arm, size_t n, double delta)
{
    double visitors = (double)arm->sample.n, look, l;

    if (arm->sample.n == 0)
        return INFINITY;
    look = fmax(1, floor(log2(visitors)));
    l = log(2 * (double)n * look * (look + 1) / delta);
    return sqrt(2 * stats_variance(&arm->sample) * l / visitors) + arm->range * l / (3 * visitors);
}

static size_t
best_mean(const struct allocate_arm *arms, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++) {
        if (stats_mean(&arms[i].sample) > stats_mean(&arms[best].sample))
            best = i;
    }
    return best;
}

/* The arm besides the leader that may be the best by its bound; n >= 2. */
static size_t
highest_bound(const struct allocate_arm *arms, size_t n, size_t leader, double delta, double *bound)
{
    size_t best = leader;

    *bound = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double upper = i == leader ? -INFINITY : stats_mean(&arms[i].sample) + allocate_bound(&arms[i], n, delta);
        if (upper > *bound) {
            *bound = upper;
            best = i;
        }
    }
    return best;
}

static bool
wins(const struct allocate_arm *arms, size_t n, size_t leader, double delta)
{
    double upper;

    (void)highest_bound(arms, n, leader, delta, &upper);
    return stats_mean(&arms[leader].sample) - allocate_bound(&arms[leader], n, delta) > TOLERANCE * upper;
}

static double
confidence(const struct allocate_arm *arms, size_t n, size_t leader)
{
    double low = 0, high = 1;

    if (!wins(arms, n, leader, high))
        return 0;
    while (high - low > PRECISION) {
        double delta = (low + high) / 2;
        if (wins(arms, n, leader, delta))
            high = delta;
        else
            low = delta;
    }
    return 1 - high;
}

static bool
is_warm(const struct allocate_arm *arms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (arms[i].sample.n < ALLOCATE_VISITORS_MIN || arms[i].conversions < ALLOCATE_CONVERSIONS_MIN)
            return false;
    }
    return n >= 2;
}

static void
share(const struct allocate_arm *arms, size_t n, const struct allocate_answer *x, double *weights)
{
    double upper, most;
    size_t runner_up = highest_bound(arms, n, x->leader, DELTA, &upper);

    if (n == 2) {
        most = x->confidence >= TWO_WON ? 90 : x->confidence >= TWO_LEAN ? 200.0 / 3 : 50;
        weights[x->leader] = most;
        weights[1 - x->leader] = 100 - most;
        return;
    }
    for (size_t i = 0; i < n; i++)
        weights[i] = EXPLORE / (double)n;
    weights[x->leader] += x->won ? 100 - EXPLORE : (100 - EXPLORE) / 2;
    if (!x->won)
        weights[runner_up] += (100 - EXPLORE) / 2;
}

struct allocate_answer
allocate_weights(const struct allocate_arm *arms, size_t n, double *weights)
{
    struct allocate_answer x = {.warm = is_warm(arms, n)};

    for (size_t i = 0; i < n; i++)
        weights[i] = 100.0 / (double)n;
    if (!x.warm)
        return x;
    x.leader = best_mean(arms, n);
    x.confidence = confidence(arms, n, x.leader);
    x.won = wins(arms, n, x.leader, DELTA);
    share(arms, n, &x, weights);
    return x;
}
