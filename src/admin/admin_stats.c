/* admin_stats.c - see admin_stats.h. Student's t by the regularised incomplete beta function, as a continued fraction
 * (Lentz's method), which needs about the square root of the degrees of freedom in steps. */
#include "admin/admin_stats.h"

#include <math.h>

#define Z95 1.96 /* as the documents round it */
#define STEPS_MAX 20000
#define TINY 1e-300

static double
square_error(const struct stats_sample *s)
{
    double n = (double)s->n, mean = stats_mean(s), variance;

    if (s->n == 0)
        return 0;
    if (s->rate)
        variance = mean * (1 - mean);
    else
        variance = s->n < 2 ? 0 : (s->squares - n * mean * mean) / (n - 1);
    return variance > 0 ? variance / n : 0;
}

double
stats_mean(const struct stats_sample *s)
{
    return s->n == 0 ? 0 : s->sum / (double)s->n;
}

double
stats_half_width(const struct stats_sample *s)
{
    return Z95 * sqrt(square_error(s));
}

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
    out.confidence = 1 - beta_share(out.df / 2, 0.5, out.df / (out.df + out.t * out.t));
    return out;
}
