/* admin_report_curves.c - running totals over time, as SVG.
 *
 * The drawing is stretched to the card (lines keep their width), and what is written stands beside it as HTML. Each
 * step has an invisible column whose title tells its figures. */
#include <math.h>

#include "admin/admin_report_page.h"

#define PLOT_W 1000.0
#define PLOT_H 240.0
#define GRID_LINES 4
#define SETTLED 0.15 /* share of the points, from the first, that does not decide how high the plot is */

struct point {
    bool known;
    double v, low, high;
};

/* What a plot draws: lines of points, and how a value is written. */
struct plot {
    const struct report_series *series;
    struct point *points[LIMIT_REPORT_PLOTTED]; /* NULL: the line has none */
    double low, high, step;                     /* of the drawing, and between its lines */
    void (*put)(struct buf *b, double v);
    bool zero; /* the line of no difference */
};

static double
x_of(const struct plot *g, size_t i)
{
    return g->series->point_count < 2 ? 0 : (double)i / (double)(g->series->point_count - 1) * PLOT_W;
}

static double
y_of(const struct plot *g, double v)
{
    double y = PLOT_H - (v - g->low) / (g->high - g->low) * PLOT_H;

    return fmin(fmax(y, -PLOT_H), 2 * PLOT_H);
}

/* 0.0123 -> 0.02: the next 1, 2 or 5 of a power of ten. */
static double
nice(double v)
{
    double power = pow(10, floor(log10(v))), x = v / power;

    return power * (x <= 1 ? 1 : x <= 2 ? 2 : x <= 5 ? 5 : 10);
}

/* Early points are wild: what comes later decides. The last ones are always seen whole. */
static void
fit(struct plot *g)
{
    size_t n = g->series->point_count, from = (size_t)((double)n * SETTLED);
    double low = g->zero ? 0 : INFINITY, high = g->zero ? 0 : -INFINITY;

    for (size_t l = 0; l < g->series->line_count; l++) {
        for (size_t i = from; g->points[l] != NULL && i < n; i++) {
            const struct point *x = &g->points[l][i];
            if (!x->known)
                continue;
            low = fmin(low, i + 1 == n ? x->low : x->v - (x->v - x->low) / 2);
            high = fmax(high, i + 1 == n ? x->high : x->v + (x->high - x->v) / 2);
        }
    }
    if (!(low < high)) {
        low = isfinite(low) ? low : 0;
        high = low + (low != 0 ? fabs(low) : 1);
    }
    if (!g->zero)
        low = fmax(low, 0);
    g->step = nice((high - low) / GRID_LINES);
    g->low = floor(low / g->step) * g->step;
    g->high = ceil(high / g->step) * g->step;
}

static void
put_band(struct buf *b, const struct plot *g, const struct point *points, int colour)
{
    size_t n = g->series->point_count;
    bool open = false;

    buf_printf(b, "<path class=\"band k%d\" d=\"", colour);
    for (size_t i = 0; i < n; i++) {
        if (points[i].known)
            buf_printf(b, "%c%.1f %.1f", open ? 'L' : 'M', x_of(g, i), y_of(g, points[i].high));
        open |= points[i].known;
    }
    for (size_t i = n; i-- > 0;) {
        if (points[i].known)
            buf_printf(b, "L%.1f %.1f", x_of(g, i), y_of(g, points[i].low));
    }
    buf_put(b, open ? S("Z\"/>") : S("\"/>"));
}

static void
put_line(struct buf *b, const struct plot *g, const struct point *points, int colour)
{
    bool open = false;

    buf_printf(b, "<path class=\"line k%d\" d=\"", colour);
    for (size_t i = 0; i < g->series->point_count; i++) {
        if (points[i].known)
            buf_printf(b, "%c%.1f %.1f", open ? 'L' : 'M', x_of(g, i), y_of(g, points[i].v));
        open |= points[i].known;
    }
    buf_put(b, S("\"/>"));
}

static void
put_when(struct buf *b, const struct report_series *s, size_t i)
{
    if (s->step == STEP_HOUR)
        html_hour(b, s->from_ms[i]);
    else
        html_day(b, s->from_ms[i]);
}

/* What is under the pointer, told by the browser itself. */
static void
put_columns(struct report_page *p, const struct plot *g)
{
    size_t n = g->series->point_count;
    double width = PLOT_W / (double)(n - 1);
    struct buf *b = p->b;

    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "<rect class=\"hit\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\"><title>",
                   x_of(g, i) - width / 2, width, PLOT_H);
        put_when(b, g->series, i);
        for (size_t l = 0; l < g->series->line_count; l++) {
            const struct point *x = g->points[l] != NULL ? &g->points[l][i] : NULL;
            if (x == NULL || !x->known)
                continue;
            buf_putc(b, '\n');
            html_text(b, report_label(g->series->lines[l].row->name, p->rq->arena));
            buf_put(b, S(": "));
            g->put(b, x->v);
            buf_put(b, S(" ("));
            g->put(b, x->low);
            buf_put(b, S(" \xE2\x80\xA6 "));
            g->put(b, x->high);
            buf_putc(b, ')');
        }
        buf_put(b, S("</title></rect>"));
    }
}

/* Grid lines are whole steps: low and high are, too. */
static int
steps_of(const struct plot *g)
{
    return (int)lround((g->high - g->low) / g->step);
}

static double
step_of(const struct plot *g, int i)
{
    return (round(g->low / g->step) + i) * g->step;
}

static void
put_axes(struct buf *b, const struct plot *g)
{
    buf_put(b, S("<div class=\"y\">"));
    for (int i = 0; i <= steps_of(g); i++) {
        double v = step_of(g, i);
        buf_printf(b, "<span style=\"top:%.1f%%\">", y_of(g, v) / PLOT_H * 100);
        g->put(b, v);
        buf_put(b, S("</span>"));
    }
    buf_put(b, S("</div>"));
}

static void
put_grid(struct buf *b, const struct plot *g)
{
    for (int i = 0; i <= steps_of(g); i++) {
        double v = step_of(g, i);
        buf_printf(b, "<line class=\"%s\" x1=\"0\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                   g->zero && v == 0 ? "zero" : "grid", PLOT_W, y_of(g, v), y_of(g, v));
    }
}

static void
put_legend(struct buf *b, const struct plot *g)
{
    size_t last = g->series->point_count - 1;

    buf_put(b, S("<ul class=\"legend\">"));
    for (size_t l = 0; l < g->series->line_count; l++) {
        if (g->points[l] == NULL)
            continue;
        buf_put(b, S("<li>"));
        report_name(b, g->series->lines[l].row);
        if (g->points[l][last].known) {
            buf_put(b, S(" <b>"));
            g->put(b, g->points[l][last].v);
            buf_put(b, S("</b>"));
        }
        buf_put(b, S("</li>"));
    }
    buf_put(b, S("</ul>"));
}

static void
put_plot(struct report_page *p, struct plot *g, const char *title, const char *sub)
{
    size_t n = g->series->point_count;
    struct buf *b = p->b;

    fit(g);
    buf_printf(b, "<div class=\"card\"><h2>%s</h2><p class=\"sub\">%s</p>", title, sub);
    put_legend(b, g);
    buf_put(b, S("<div class=\"plot\">"));
    put_axes(b, g);
    buf_printf(b, "<svg role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\">", title,
               PLOT_W, PLOT_H);
    put_grid(b, g);
    for (size_t l = 0; l < g->series->line_count; l++) {
        if (g->points[l] != NULL)
            put_band(b, g, g->points[l], g->series->lines[l].row->colour);
    }
    for (size_t l = 0; l < g->series->line_count; l++) {
        if (g->points[l] != NULL)
            put_line(b, g, g->points[l], g->series->lines[l].row->colour);
    }
    put_columns(p, g);
    buf_put(b, S("</svg><div class=\"x\"><span>"));
    put_when(b, g->series, 0);
    buf_put(b, S("</span><span>"));
    put_when(b, g->series, n / 2);
    buf_put(b, S("</span><span>"));
    put_when(b, g->series, n - 1);
    buf_put(b, S("</span></div></div></div>"));
}

/* Mean and 95 % interval of every point. */
static struct point *
means(const struct stats_sample *samples, size_t n, struct arena *a)
{
    struct point *out = ARENA_ARRAY(a, struct point, n);

    for (size_t i = 0; out != NULL && i < n; i++) {
        double v = stats_mean(&samples[i]), half = stats_half_width(&samples[i]);
        out[i] = (struct point){samples[i].n > 0, v, fmax(v - half, 0), v + half};
    }
    return out;
}

/* Difference to the first line, with the interval that holds at all points at once. */
static struct point *
differences(const struct report_series *s, const struct report_line *l, unsigned comparisons, struct arena *a)
{
    struct point *out = ARENA_ARRAY(a, struct point, s->point_count);
    bool any = false;

    for (size_t i = 0; out != NULL && i < s->point_count; i++) {
        struct stats_sequential x = stats_sequential(&s->lines[0].conversion[i], &l->conversion[i], comparisons);
        out[i] = (struct point){x.known, stats_mean(&l->conversion[i]) - stats_mean(&s->lines[0].conversion[i]), x.low,
                                x.high};
        any |= x.known;
    }
    return any ? out : NULL;
}

static void
put_conversion(struct report_page *p, bool money)
{
    static const char *const titles[] = {"Revenue per visitor over time", "Revenue per visit over time",
                                         "Revenue per impression over time"};
    struct plot g = {.series = p->series, .put = money ? html_money : html_percent};

    for (size_t l = 0; l < p->series->line_count; l++) {
        const struct report_line *line = &p->series->lines[l];
        g.points[l] = means(money ? line->revenue : line->conversion, p->series->point_count, p->rq->arena);
        if (g.points[l] == NULL)
            return;
    }
    put_plot(p, &g, money ? titles[p->question->method] : "Conversion rate over time",
             "Everything so far, at each moment. The shaded bands are 95% intervals: they narrow as people come.");
}

/* Only the best one has a band in this plot, so that it can be read. */
static void
put_difference(struct report_page *p)
{
    struct plot g = {.series = p->series, .put = html_points, .zero = true};
    const struct report_row *best = report_best(p->r);
    bool any = false;

    for (size_t l = 1; l < p->series->line_count; l++) {
        if (p->series->lines[l].row == best)
            g.points[l] = differences(p->series, &p->series->lines[l], (unsigned)p->r->row_count - 1, p->rq->arena);
        any |= g.points[l] != NULL;
    }
    if (any)
        put_plot(p, &g, "Difference to the first experience, safe to watch",
                 "Percentage points. The band holds at all moments at once: once it leaves out zero, the test is "
                 "decided, and you may stop on the day you see it.");
}

void
report_put_curves(struct report_page *p)
{
    if (p->r->totals.conversions == 0) {
        buf_put(p->b, S("<div class=\"card empty\">Nobody has met this goal yet.</div>"));
        return;
    }
    if (p->series->point_count < 2) {
        buf_put(p->b,
                S("<div class=\"card empty\">Curves over time begin with the second hour that has figures.</div>"));
        return;
    }
    put_conversion(p, false);
    if (!str_eq(p->r->type, S("xt")) && !decide_allocates(p->r->activity) && !p->r->split.alarm)
        put_difference(p);
    if (p->r->totals.revenue != 0)
        put_conversion(p, true);
}
