/* admin_report_table.c - rows by experience: the goal, money, traffic. A narrow screen shows a row as a card, whose
 * labels are the cells' data-l. */
#include "admin/admin_report_page.h"

/* The rows that the page has: removed ones that nobody saw are left out by the counters already. */
static size_t
shown(const struct report *r)
{
    return r->row_count < LIMIT_REPORT_ROWS ? r->row_count : LIMIT_REPORT_ROWS;
}

static void
open_table(struct buf *b, const char *title, const char *sub)
{
    buf_printf(b,
               "<section class=\"card wide\"><h2>%s</h2><p class=\"sub\">%s</p><div class=\"scroll\" tabindex=\"0\" "
               "role=\"region\" aria-label=\"%s\"><table><thead><tr><th>Experience</th>",
               title, sub, title);
}

static void
close_table(struct report_page *p)
{
    buf_put(p->b, S("</tbody></table></div>"));
    if (p->r->row_count > LIMIT_REPORT_ROWS)
        buf_printf(p->b, "<p class=\"sub foot\">%zu more experiences are in the downloads.</p>",
                   p->r->row_count - LIMIT_REPORT_ROWS);
    buf_put(p->b, S("</section>"));
}

static void
put_experience(struct report_page *p, size_t i)
{
    const struct report_row *row = &p->r->rows[i];

    buf_put(p->b, S("<tr><td><span>"));
    report_name(p->b, row);
    if (i == 0 && p->r->row_count > 1)
        buf_put(p->b, S("<small>control</small>"));
    if (row->removed)
        buf_put(p->b, S("<small>removed</small>"));
    buf_put(p->b, S("</span></td>"));
}

/* A mean with its 95 % interval. None when all units did the same: the data cannot say how wide it would be. */
static void
put_mean(struct buf *b, const char *label, void (*put)(struct buf *b, double v), double v, double half_width)
{
    buf_printf(b, "<td data-l=\"%s\"><div>", label);
    put(b, v);
    if (half_width > 0) {
        buf_put(b, S("<small>\xC2\xB1 "));
        put(b, half_width);
        buf_put(b, S("</small>"));
    }
    buf_put(b, S("</div></td>"));
}

static void
put_watched(struct buf *b, const struct stats_sequential *s, void (*put)(struct buf *b, double v))
{
    if (!s->known) {
        report_none(b, "Difference, safe to watch");
        return;
    }
    buf_put(b, S("<td data-l=\"Difference, safe to watch\"><div>"));
    put(b, s->low);
    buf_put(b, S(" \xE2\x80\xA6 "));
    put(b, s->high);
    buf_put(b, s->low > 0 || s->high < 0 ? S("<small>decided</small></div></td>")
                                         : S("<small>includes zero</small></div></td>"));
}

static void
put_chance(struct buf *b, const struct report_row *row)
{
    if (!row->believed) {
        report_none(b, "Chance to be better");
        return;
    }
    buf_put(b, S("<td data-l=\"Chance to be better\"><div>"));
    html_confidence(b, row->belief.chance);
    buf_printf(b, "<span class=\"meter k%d\"><i style=\"width:%.1f%%\"></i></span></div></td>",
               row->colour >= 0 ? row->colour : 0, row->belief.chance * 100);
}

static void
put_needed(struct buf *b, const struct report_row *row)
{
    if (row->needed > 0)
        report_number(b, "Needed of each", row->needed);
    else
        report_none(b, "Needed of each");
}

static void
put_goal(struct report_page *p)
{
    static const char *const labels[] = {"Visitors", "Visits", "Impressions"};
    const char *units = labels[p->question->method];
    bool allocates = decide_allocates(p->r->activity);
    struct buf *b = p->b;

    open_table(b, "Conversions", "Compared with the first experience.");
    buf_printf(
        b,
        "<th>%s</th><th>Conver-<br>sions</th><th>Conversion<br>rate</th><th>Lift</th><th>Confi-<br>dence</th>"
        "<th>Difference in points,<br>safe to watch</th><th>Chance to<br>be better</th><th>Needed<br>of each</th>"
        "</tr></thead><tbody>",
        units);
    for (size_t i = 0; i < shown(p->r); i++) {
        const struct report_row *row = &p->r->rows[i];
        bool enough = report_compares(p->r, row);
        put_experience(p, i);
        report_number(b, units, row->counts.units);
        report_number(b, "Conversions", row->counts.conversions);
        put_mean(b, "Conversion rate", html_percent, row->conversion_rate, row->conversion_half_width);
        report_lift(b, "Lift", &row->conversion_lift, enough, allocates);
        report_confidence(b, &row->conversion_lift, enough);
        put_watched(b, &row->conversion_watched, html_points);
        put_chance(b, row);
        put_needed(b, row);
        buf_put(b, S("</tr>"));
    }
    close_table(p);
}

static void
put_money(struct report_page *p)
{
    static const char *const labels[] = {"Per visitor", "Per visit", "Per impression"};
    bool allocates = decide_allocates(p->r->activity);
    struct buf *b = p->b;

    if (p->r->totals.orders == 0 && p->r->totals.revenue == 0)
        return;
    open_table(b, "Revenue",
               p->question->tamed ? "Extreme orders count as the mean." : "Extreme orders count as they are.");
    buf_printf(
        b,
        "<th>Orders</th><th>Average<br>order</th><th>Revenue</th><th>%s</th><th>Lift</th><th>Confi-<br>dence</th>"
        "<th>Difference,<br>safe to watch</th></tr></thead><tbody>",
        labels[p->question->method]);
    for (size_t i = 0; i < shown(p->r); i++) {
        const struct report_row *row = &p->r->rows[i];
        bool enough = report_compares(p->r, row);
        put_experience(p, i);
        report_number(b, "Orders", row->counts.orders);
        put_mean(b, "Average order", html_money, row->order_value, 0);
        put_mean(b, "Revenue", html_money, row->counts.revenue, 0);
        put_mean(b, labels[p->question->method], html_money, row->revenue_per_visitor, row->revenue_half_width);
        report_lift(b, "Lift", &row->revenue_lift, enough, allocates);
        report_confidence(b, &row->revenue_lift, enough);
        put_watched(b, &row->revenue_watched, html_money);
        buf_put(b, S("</tr>"));
    }
    close_table(p);
}

static void
put_traffic(struct report_page *p)
{
    uint64_t people = p->r->all.counts.people;
    struct buf *b = p->b;

    open_table(b, "Traffic", "Who came, and how often the activity was shown and clicked.");
    buf_put(b, S("<th>Visitors</th><th>Share of<br>people</th><th>Configured</th><th>Visits</th><th>Impressions</th>"
                 "<th>Clicks</th><th>Click<br>rate</th></tr></thead><tbody>"));
    for (size_t i = 0; i < shown(p->r); i++) {
        const struct report_row *row = &p->r->rows[i];
        put_experience(p, i);
        report_number(b, "Visitors", row->counts.visitors);
        put_mean(b, "Share of people", html_percent, people > 0 ? (double)row->all.counts.people / (double)people : 0,
                 0);
        if (row->share >= 0)
            put_mean(b, "Configured", html_percent, row->share, 0);
        else
            report_none(b, "Configured");
        report_number(b, "Visits", row->counts.visits);
        report_number(b, "Impressions", row->counts.impressions);
        report_number(b, "Clicks", row->counts.clicks);
        put_mean(b, "Click rate", html_percent, row->click_rate, 0);
        buf_put(b, S("</tr>"));
    }
    close_table(p);
}

void
report_put_tables(struct report_page *p)
{
    put_goal(p);
    put_money(p);
    put_traffic(p);
}
