/* stats.c - see stats.h and docs/statistics.md. Student's t by the regularised incomplete beta function, as a continued
 * fraction (Lentz's method), which needs about the square root of the degrees of freedom in steps. Chi-square by the
 * incomplete gamma function, as a series or as a fraction. Bayes by integrating one posterior's density times the
 * other's distribution (Simpson's rule). */
#include "results/stats.h"

#include <math.h>

#define Z95 1.96 /* as the documents round it */
#define STEPS_MAX 20000
#define TINY 1e-300

double
stats_mean(const struct stats_sample *s)
{
    return s->n == 0 ? 0 : s->sum / (double)s->n;
}

double
stats_variance(const struct stats_sample *s)
{
    double n = (double)s->n, mean = stats_mean(s), variance;

    if (s->n == 0)
        return 0;
    if (s->rate)
        variance = mean * (1 - mean);
    else
        variance = s->n < 2 ? 0 : (s->squares - n * mean * mean) / (n - 1);
    return variance > 0 ? variance : 0;
}

static double
square_error(const struct stats_sample *s)
{
    return s->n == 0 ? 0 : stats_variance(s) / (double)s->n;
}

double
stats_half_width(const struct stats_sample *s)
{
    return Z95 * sqrt(square_error(s));
}

/* ---- Student ---- */

static double
beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;

    d = 1 / (fabs(d) < TINY ? TINY : d);
    h = d;
    for (int m = 1; m <= STEPS_MAX; m++) {
        double k = m, even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)),
               odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1)), step;
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = fabs(c) < TINY ? TINY : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = fabs(c) < TINY ? TINY : c;
        step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-14)
            break;
    }
    return h;
}

/* I_x(a, b) */
static double
beta_share(double a, double b, double x)
{
    int sign;
    double front;

    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double
stats_student_p(double t, double df)
{
    return beta_share(df / 2, 0.5, df / (df + t * t));
}

struct stats_lift
stats_compare(const struct stats_sample *control, const struct stats_sample *variant)
{
    double m0 = stats_mean(control), m1 = stats_mean(variant), e0 = square_error(control), e1 = square_error(variant);
    struct stats_lift out = {.known = m0 != 0};

    if (out.known) {
        double ratio = m1 / m0;
        double spread = m1 == 0 ? sqrt(e1) / fabs(m0) : fabs(ratio) * sqrt(e1 / (m1 * m1) + e0 / (m0 * m0));
        out.lift = ratio - 1;
        out.low = out.lift - Z95 * spread;
        out.high = out.lift + Z95 * spread;
    }
    if (e0 + e1 <= 0 || control->n < 2 || variant->n < 2)
        return out;
    out.t = (m1 - m0) / sqrt(e0 + e1);
    out.df = (e0 + e1) * (e0 + e1) / (e1 * e1 / ((double)variant->n - 1) + e0 * e0 / ((double)control->n - 1));
    out.confidence = 1 - stats_student_p(out.t, out.df);
    return out;
}

/* ---- Bayes ---- */

#define SIMPSON_STEPS 256 /* even; six digits of the chance, and more (stats_vectors) */
#define SPREADS 9         /* standard deviations around the mean that are integrated */
#define ROOT_STEPS 60
#define CREDIBLE 0.95

/* Beta(a, b): what is believed of a rate after a sample, before which every rate was as likely. */
struct posterior {
    double a, b;
};

static struct posterior
posterior(const struct stats_sample *s)
{
    double n = (double)s->n, hits = s->sum < 0 ? 0 : s->sum > n ? n : s->sum;

    return (struct posterior){1 + hits, 1 + n - hits};
}

static double
density(const struct posterior *p, double log_front, double x)
{
    double at_0 = p->a == 1 ? 0 : (p->a - 1) * log(x), at_1 = p->b == 1 ? 0 : (p->b - 1) * log1p(-x);

    return exp(log_front + at_0 + at_1);
}

/* Probability that the variant's rate is below `ratio` times the control's. */
static double
chance_below(const struct posterior *control, const struct posterior *variant, double ratio)
{
    double n = control->a + control->b, mean = control->a / n;
    double spread = sqrt(mean * (1 - mean) / (n + 1)), from = mean - SPREADS * spread, to = mean + SPREADS * spread;
    double step, sum = 0, log_front;
    int sign;

    from = from < 0 ? 0 : from;
    to = to > 1 ? 1 : to;
    step = (to - from) / SIMPSON_STEPS;
    log_front = lgamma_r(n, &sign) - lgamma_r(control->a, &sign) - lgamma_r(control->b, &sign);
    for (int i = 0; i <= SIMPSON_STEPS; i++) {
        double x = from + step * i, factor = i == 0 || i == SIMPSON_STEPS ? 1 : i % 2 == 1 ? 4 : 2;
        sum += factor * density(control, log_front, x) * beta_share(variant->a, variant->b, ratio * x);
    }
    sum *= step / 3;
    return sum < 0 ? 0 : sum > 1 ? 1 : sum;
}

/* The ratio below which it is with probability `level`: bisection of the logarithm. */
static double
ratio_at(const struct posterior *control, const struct posterior *variant, double level)
{
    double low = -12, high = 12;

    for (int i = 0; i < ROOT_STEPS && high - low > 1e-7; i++) {
        double middle = (low + high) / 2;
        if (chance_below(control, variant, exp(middle)) < level)
            low = middle;
        else
            high = middle;
    }
    return exp((low + high) / 2);
}

struct stats_belief
stats_believe(const struct stats_sample *control, const struct stats_sample *variant)
{
    struct posterior c = posterior(control), v = posterior(variant);

    return (struct stats_belief){.chance = 1 - chance_below(&c, &v, 1),
                                 .low = ratio_at(&c, &v, (1 - CREDIBLE) / 2) - 1,
                                 .high = ratio_at(&c, &v, (1 + CREDIBLE) / 2) - 1};
}

/* ---- sample size ---- */

double
stats_normal_quantile(double p)
{
    double low = -40, high = 40;

    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (erfc(-middle / M_SQRT2) / 2 < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

uint64_t
stats_sample_size(double baseline, double lift, double confidence, double power, unsigned comparisons)
{
    double p1 = baseline, p2 = baseline * (1 + lift), alpha = (1 - confidence) / (comparisons > 1 ? comparisons : 1), z;

    if (!(p1 > 0 && p1 < 1 && p2 > 0 && p2 < 1 && p1 != p2 && alpha > 0 && alpha < 1 && power > 0 && power < 1))
        return 0;
    z = stats_normal_quantile(1 - alpha / 2) + stats_normal_quantile(power);
    z = z * z * (p1 * (1 - p1) + p2 * (1 - p2)) / ((p2 - p1) * (p2 - p1));
    return z < 1e18 ? (uint64_t)ceil(z) : 0;
}

/* ---- the split of the traffic ---- */

/* Q(a, x): the upper incomplete gamma function over gamma(a). */
static double
gamma_share_above(double a, double x)
{
    int sign;
    double front, sum = 1 / a, term = sum, b = x + 1 - a, c = 1 / TINY, d, h;

    if (x <= 0)
        return 1;
    front = exp(a * log(x) - x - lgamma_r(a, &sign));
    if (x < a + 1) {
        for (int i = 1; fabs(term) > 1e-16 * fabs(sum); i++)
            sum += term *= x / (a + i);
        return 1 - front * sum;
    }
    h = d = 1 / b;
    for (int i = 1; i <= STEPS_MAX; i++) {
        double factor = -i * (i - a), step;
        b += 2;
        d = factor * d + b;
        c = b + factor / c;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = fabs(c) < TINY ? TINY : c;
        step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-14)
            break;
    }
    return front * h;
}

double
stats_ratio_p(const uint64_t *visitors, const double *weights, size_t n)
{
    double total = 0, weight = 0, square = 0;
    size_t compared = 0;

    for (size_t i = 0; i < n; i++) {
        if (weights[i] > 0) {
            total += (double)visitors[i];
            weight += weights[i];
            compared++;
        }
    }
    if (compared < 2 || total <= 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        double expected = weights[i] > 0 ? total * weights[i] / weight : 0, off = (double)visitors[i] - expected;
        if (expected > 0)
            square += off * off / expected;
    }
    return gamma_share_above((double)(compared - 1) / 2, square / 2);
}

/* ---- sequential ---- */

#define SEQUENTIAL_ALPHA 0.05
#define SEQUENTIAL_BEST_AT 10000.0 /* units of each at which the interval is narrowest for its confidence */

/* With t units of each, spread s of the difference's estimate and x = t rho^2:
 *   half width = s sqrt(2 (x + 1) / x ln(sqrt(x + 1) / alpha))        p = sqrt(x + 1) exp(-z^2 x / (2 (x + 1))) */
struct stats_sequential
stats_sequential(const struct stats_sample *control, const struct stats_sample *variant, unsigned comparisons)
{
    double difference = stats_mean(variant) - stats_mean(control), many = comparisons > 1 ? comparisons : 1;
    double square = square_error(control) + square_error(variant), alpha = SEQUENTIAL_ALPHA / many;
    double log_alpha = -2 * log(alpha), x, half, p;

    if (control->n < STATS_SEQUENTIAL_MIN || variant->n < STATS_SEQUENTIAL_MIN || !(square > 0))
        return (struct stats_sequential){.p = 1};
    x = ((double)control->n + (double)variant->n) / 2 * (log_alpha + log(log_alpha + 1)) / SEQUENTIAL_BEST_AT;
    half = sqrt(square * 2 * (x + 1) / x * log(sqrt(x + 1) / alpha));
    p = many * sqrt(x + 1) * exp(-difference * difference / square * x / (2 * (x + 1)));
    return (struct stats_sequential){
        .known = true, .low = difference - half, .high = difference + half, .p = p > 1 ? 1 : p};
}

/* ---- orders ---- */

double
stats_orders_mean(const struct stats_orders *o)
{
    return o->n == 0 ? 0 : o->sum / (double)o->n;
}

static double
orders_bound(const struct stats_orders *o)
{
    struct stats_sample s = {.n = o->n, .sum = o->sum, .squares = o->squares};

    return 3 * sqrt(stats_variance(&s));
}

double
stats_orders_cap(const struct stats_orders *o)
{
    return stats_orders_mean(o) + orders_bound(o);
}

bool
stats_is_outlier(const struct stats_orders *o, double total)
{
    return o->n >= 2 && fabs(total - stats_orders_mean(o)) > orders_bound(o);
}
