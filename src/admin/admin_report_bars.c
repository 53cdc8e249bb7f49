/* admin_report_bars.c - figures by experience as bars with their 95 % intervals, as SVG. Widths are percentages, so
 * that text keeps its size on every screen. */
#include <math.h>

#include "admin/admin_report_page.h"

#define LABEL_CHARS 36 /* of a name in a chart, in code points */
#define BAR_ROW_PX 50

enum figure { FIGURE_CONVERSION, FIGURE_CLICKS, FIGURE_REVENUE };

struct str
report_label(struct str s, struct arena *a)
{
    size_t chars = 0, i = 0;

    while (i < s.n && chars < LABEL_CHARS) {
        i++;
        while (i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80)
            i++;
        chars++;
    }
    return i == s.n ? s : arena_printf(a, "%.*s\xE2\x80\xA6", (int)i, s.p);
}

static double
figure_value(const struct report_row *row, enum figure f, double *half_width)
{
    *half_width = 0;
    if (f == FIGURE_CLICKS)
        return row->click_rate;
    *half_width = f == FIGURE_CONVERSION ? row->conversion_half_width : row->revenue_half_width;
    return f == FIGURE_CONVERSION ? row->conversion_rate : row->revenue_per_visitor;
}

/* Of the rows with a colour: those that the curves show. */
static double
figure_max(const struct report *r, enum figure f)
{
    double max = 0, half_width;

    for (size_t i = 0; i < r->row_count; i++) {
        double v = figure_value(&r->rows[i], f, &half_width);
        if (r->rows[i].colour >= 0)
            max = fmax(max, v + half_width);
    }
    return max > 0 ? max : 1;
}

static void
put_figure(struct buf *b, bool money, double v)
{
    if (money)
        html_money(b, v);
    else
        html_percent(b, v);
}

static void
put_whisker(struct buf *b, double low, double high, size_t y)
{
    buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", low, high, y, y);
    buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", low, low, y - 4,
               y + 4);
    buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", high, high, y - 4,
               y + 4);
}

/* Name and number above, the bar below, the 95 % interval over its end. */
static void
put_bar(struct buf *b, const struct report_row *row, enum figure f, double max, size_t index, struct arena *a)
{
    double half_width, v = figure_value(row, f, &half_width), share = v / max * 100;
    size_t y = index * BAR_ROW_PX;

    buf_put(b, S("<g><title>"));
    html_text(b, row->name);
    buf_printf(b, "</title><text x=\"0\" y=\"%zu\">", y + 14);
    html_text(b, report_label(row->name, a));
    buf_printf(b, "</text><text class=\"v\" x=\"100%%\" y=\"%zu\" text-anchor=\"end\">", y + 14);
    put_figure(b, f == FIGURE_REVENUE, v);
    buf_printf(b, "</text><rect class=\"track\" x=\"0\" y=\"%zu\" width=\"100%%\" height=\"14\" rx=\"4\"/>", y + 22);
    if (v > 0)
        buf_printf(b, "<rect class=\"bar k%d\" x=\"0\" y=\"%zu\" width=\"%.2f%%\" height=\"14\" rx=\"4\"/>",
                   row->colour, y + 22, fmax(share, 0.6));
    if (half_width > 0)
        put_whisker(b, fmax(v - half_width, 0) / max * 100, (v + half_width) / max * 100, y + 29);
    buf_put(b, S("</g>"));
}

static void
put_chart(struct report_page *p, enum figure f, const char *title, const char *sub)
{
    double max = figure_max(p->r, f);
    size_t n = 0;

    buf_printf(p->b, "<div class=\"card bars\"><h2>%s</h2><p class=\"sub\">%s</p>", title, sub);
    buf_printf(p->b, "<svg role=\"img\" aria-label=\"%s by experience\" height=\"%zu\">", title,
               p->series->line_count * BAR_ROW_PX - 10);
    for (size_t i = 0; i < p->r->row_count; i++) {
        if (p->r->rows[i].colour >= 0)
            put_bar(p->b, &p->r->rows[i], f, max, n++, p->rq->arena);
    }
    buf_put(p->b, S("</svg></div>"));
}

void
report_put_bars(struct report_page *p)
{
    static const char *const rates[] = {"visitors who met the goal", "visits in which it was met",
                                        "conversions by impressions"};
    static const char *const money[] = {"Revenue per visitor", "Revenue per visit", "Revenue per impression"};

    buf_put(p->b, S("<section class=\"charts\">"));
    put_chart(p, FIGURE_CONVERSION, "Conversion rate", rates[p->question->method]);
    if (p->r->totals.revenue != 0)
        put_chart(p, FIGURE_REVENUE, money[p->question->method], "also of those who bought nothing");
    if (p->r->totals.clicks > 0)
        put_chart(p, FIGURE_CLICKS, "Click rate", "clicks by impressions");
    buf_put(p->b, S("</section>"));
}
