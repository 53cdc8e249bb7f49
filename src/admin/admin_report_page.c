/* admin_report_page.c - results for people: a list of activities and one page per activity, as self-contained HTML.
 *
 * No script and nothing from elsewhere: one style sheet in the page, charts as inline SVG whose widths are percentages,
 * so that text keeps its size on every screen. Colours are variables with a dark set. All text that anybody chose goes
 * through html_text(). The pages are open and read only; they show sums, never people. */
#include <math.h>

#include "admin/admin_report.h"
#include "base/civil.h"
#include "codec/url.h"

#define LIST_MAX 200     /* activities on the list page, newest first */
#define UNITS_MIN 30     /* [TARGET 8.3] lift bounds are not shown below */
#define SIGNIFICANT 0.95 /* [TARGET 8.3] */
#define LABEL_CHARS 36   /* of a name in a chart, in code points */
#define BAR_ROW_PX 50

/* ---- text ---- */

static void
html_text(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            buf_put(b, S("&amp;"));
            break;
        case '<':
            buf_put(b, S("&lt;"));
            break;
        case '>':
            buf_put(b, S("&gt;"));
            break;
        case '"':
            buf_put(b, S("&quot;"));
            break;
        case '\'':
            buf_put(b, S("&#39;"));
            break;
        default:
            buf_putc(b, s.p[i]);
        }
    }
}

static struct str
short_label(struct str s, struct arena *a)
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

/* 1234567 as 1,234,567 */
static void
put_count(struct buf *b, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);

    for (int i = 0; i < n; i++) {
        buf_putc(b, digits[i]);
        if ((n - i) % 3 == 1 && i + 1 < n)
            buf_putc(b, ',');
    }
}

static void
put_money(struct buf *b, double v)
{
    double whole = floor(fabs(v) + 0.005);

    if (v < -0.005)
        buf_put(b, S("\xE2\x88\x92"));
    put_count(b, whole < 1e18 ? (uint64_t)whole : 0);
    buf_printf(b, ".%02d", (int)floor((fabs(v) + 0.005 - whole) * 100) % 100);
}

static void
put_percent(struct buf *b, double v)
{
    if (v < 0)
        buf_put(b, S("\xE2\x88\x92")); /* a true minus sign is as wide as a plus */
    buf_printf(b, "%.*f%%", v == 0 ? 0 : fabs(v) < 0.1 ? 2 : 1, fabs(v) * 100);
}

/* Nothing when all visitors did the same: the data cannot say how wide it would be. */
static void
put_range(struct buf *b, void (*put)(struct buf *b, double v), double half_width)
{
    if (!(half_width > 0))
        return;
    buf_put(b, S("<small>\xC2\xB1 "));
    put(b, half_width);
    buf_put(b, S("</small>"));
}

static void
put_signed_percent(struct buf *b, double v)
{
    if (v > 0)
        buf_putc(b, '+');
    put_percent(b, v);
}

/* ---- the frame ---- */

/* clang-format off: one rule behind the other */
static const char style[] =
    ":root{"
    "color-scheme:light "
    "dark;--bg:#f5f6f8;--card:#fff;--ink:#15181e;--muted:#5b6472;--line:#e2e6ec;--track:#eef1f5;--bar:#2f6fed;--base:#"
    "8a95a6;--good:#0d7a53;--goodbg:#e3f5ec;--bad:#b83227;--badbg:#fbe9e7;--chip:#eceff4}"
    "@media(prefers-color-scheme:dark){:root{"
    "--bg:#0e1115;--card:#161a20;--ink:#e7eaf0;--muted:#98a2b1;--line:#28303a;--track:#212831;--bar:#6d9dff;--base:#"
    "768296;--good:#55cf98;--goodbg:#12301f;--bad:#ff8a80;--badbg:#3a1a18;--chip:#222932}"
    "}*{box-sizing:border-box}body{"
    "margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,\"Segoe "
    "UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}"
    "main{max-width:1160px;margin:0 auto;padding:28px 20px 48px}a{color:inherit}nav{"
    "font-size:13px;color:var(--muted);margin-bottom:10px}nav a{text-decoration:none}nav a:hover{"
    "text-decoration:underline}nav b{color:var(--ink);letter-spacing:.02em}h1{"
    "font-size:26px;line-height:1.2;margin:0 0 8px;letter-spacing:-.01em;overflow-wrap:anywhere}h2{"
    "font-size:14px;margin:0 0 2px;font-weight:600}.sub{color:var(--muted);font-size:13px;margin:0}.chips{"
    "display:flex;flex-wrap:wrap;gap:6px;margin:0 0 6px}.chip{"
    "background:var(--chip);border-radius:999px;padding:2px 10px;font-size:12px;font-weight:600;color:var(--muted)}"
    ".chip.live{background:var(--goodbg);color:var(--good)}.card{"
    "background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px}.verdict{"
    "margin:18px 0 0;font-size:16px}.verdict b{font-weight:650}.tiles{"
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:18px 0 0}.tile span{"
    "display:block;color:var(--muted);font-size:12.5px}.tile strong{"
    "display:block;font-size:24px;line-height:1.25;font-weight:650;letter-spacing:-.01em}.tile small{"
    "color:var(--muted);font-size:12px}.charts{"
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(290px,1fr));gap:12px;margin:12px 0}svg{"
    "display:block;width:100%;overflow:visible;margin-top:10px}svg text{"
    "font:13px system-ui,-apple-system,\"Segoe UI\",Roboto,Arial,sans-serif;fill:var(--ink)}svg .v{"
    "font-weight:650}.track{fill:var(--track)}.bar{fill:var(--bar)}.bar.base{fill:var(--base)}.whisker{"
    "stroke:var(--ink);stroke-width:1.5;opacity:.6}.wide{overflow-x:auto;padding:4px 0}table{"
    "border-collapse:collapse;width:100%;font-size:13px}th,td{"
    "padding:10px 7px;text-align:right;white-space:nowrap;border-top:1px solid var(--line);vertical-align:top}"
    "thead th{border:0;color:var(--muted);font-size:12px;font-weight:600;vertical-align:bottom}"
    "th:first-child,td:first-child{text-align:left;padding-left:18px}td:first-child{"
    "font-weight:600;white-space:normal;min-width:120px;overflow-wrap:anywhere}th:last-child,td:last-child{"
    "padding-right:18px}td small{display:block;color:var(--muted);font-size:11.5px;font-weight:400}"
    ".up,.down,.flat{display:inline-block;border-radius:6px;padding:0 6px;font-weight:650;background:var(--chip)}"
    ".up{background:var(--goodbg);color:var(--good)}.down{background:var(--badbg);color:var(--bad)}td a{"
    "text-decoration:none;border-bottom:1px solid var(--line)}td a:hover{border-color:var(--ink)}.note{"
    "color:var(--muted);font-size:13px;margin:14px 2px 0;max-width:75ch}.empty{"
    "color:var(--muted);padding:28px;text-align:center}h3{"
    "font-size:13px;color:var(--muted);font-weight:600;margin:22px 2px 8px;overflow-wrap:anywhere}"
    "@media(max-width:720px){main{padding:18px 12px 36px}h1{font-size:22px}.tiles{"
    "grid-template-columns:repeat(2,1fr);gap:8px}.tile{padding:12px 14px}.tile:last-child{grid-column:1/-1}"
    ".tile strong{font-size:20px}thead{display:none}table,tbody,tr,td{display:block;width:100%}tr{"
    "padding:10px 0;border-top:1px solid var(--line)}tr:first-child{border:0}td,td:first-child,td:last-child{"
    "border:0;padding:3px 18px;display:flex;justify-content:space-between;gap:16px;text-align:right;white-space:normal}"
    "td:first-child{font-size:16px;padding-bottom:6px;text-align:left}td::before{"
    "content:attr(data-l);color:var(--muted);font-weight:400;text-align:left}td:first-child::before{content:none}"
    "}";
/* clang-format on */

static void
open_page(struct http_req *rq, struct http_res *rs)
{
    rs->status = 200;
    rs->content_type = "text/html; charset=utf-8";
    http_set_header(rq, rs, S("Content-Security-Policy"), S("default-src 'none'; style-src 'unsafe-inline'"));
    http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
}

static void
put_head(struct buf *b, struct str title)
{
    buf_put(b, S("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                 "content=\"width=device-width,initial-scale=1\"><title>"));
    html_text(b, title);
    buf_put(b, S(" \xC2\xB7 Edgewise</title><style>"));
    buf_put(b, str_of(style));
    buf_put(b, S("</style></head><body><main>"));
}

static void
close_page(struct http_res *rs)
{
    buf_put(rs->body, S("</main></body></html>\n"));
}

static void
put_time(struct buf *b, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    buf_printf(b, "%.10s %.8s UTC", text, text + 11);
}

static void
put_link(struct buf *b, const struct report *r)
{
    buf_put(b, S("/reports/"));
    url_encode(b, r->id);
    buf_put(b, S("?scope="));
    url_encode(b, r->scope);
}

static void
put_chips(struct buf *b, const struct report *r)
{
    bool live = str_eq(r->state, S("approved"));

    buf_put(b, S("<div class=\"chips\"><span class=\"chip\">"));
    buf_put(b, str_eq(r->type, S("xt")) ? S("Experience targeting") : S("A/B test"));
    buf_put(b, live ? S("</span><span class=\"chip live\">Live") : S("</span><span class=\"chip\">"));
    if (!live)
        html_text(b, r->state.n == 0 ? S("draft") : r->state);
    buf_put(b, S("</span><span class=\"chip\">#"));
    html_text(b, r->id);
    buf_put(b, S("</span></div>"));
}

/* ---- figures ---- */

static void
open_tile(struct buf *b, const char *label)
{
    buf_printf(b, "<div class=\"card tile\"><span>%s</span><strong>", label);
}

static void
put_tiles(struct buf *b, const struct report_counts *t)
{
    buf_put(b, S("<section class=\"tiles\">"));
    open_tile(b, "Visitors");
    put_count(b, t->visitors);
    buf_put(b, S("</strong></div>"));
    open_tile(b, "Impressions");
    put_count(b, t->impressions);
    buf_put(b, S("</strong></div>"));
    open_tile(b, "Clicks");
    put_count(b, t->clicks);
    buf_put(b, S("</strong><small>by "));
    put_count(b, t->click_visitors);
    buf_put(b, t->click_visitors == 1 ? S(" visitor</small></div>") : S(" visitors</small></div>"));
    open_tile(b, "Conversions");
    put_count(b, t->conversions);
    buf_put(b, S("</strong><small>"));
    put_count(b, t->orders);
    buf_put(b, t->orders == 1 ? S(" order</small></div>") : S(" orders</small></div>"));
    open_tile(b, "Revenue");
    put_money(b, t->revenue);
    buf_put(b, S("</strong></div></section>"));
}

/* What a reader wants to know first: is one better, and can it be trusted? */
static void
put_verdict(struct buf *b, const struct report *r)
{
    const struct report_row *best = NULL;

    for (size_t i = 1; i < r->row_count; i++) {
        const struct report_row *row = &r->rows[i];
        if (row->conversion_lift.known && (best == NULL || row->conversion_rate > best->conversion_rate))
            best = row;
    }
    if (best == NULL)
        return;
    if (best->counts.visitors < UNITS_MIN || r->rows[0].counts.visitors < UNITS_MIN) { /* a number would be believed */
        buf_printf(b, "<p class=\"verdict\">Too few visitors to compare yet: from %d of each experience on.</p>",
                   UNITS_MIN);
        return;
    }
    buf_put(b, S("<p class=\"verdict\"><b>"));
    html_text(b, best->name);
    buf_put(b, S("</b> converts <b>"));
    put_percent(b, fabs(best->conversion_lift.lift));
    buf_put(b, best->conversion_lift.lift >= 0 ? S(" better</b> than ") : S(" worse</b> than "));
    html_text(b, r->rows[0].name);
    buf_printf(b, ": confidence %.1f%%", best->conversion_lift.confidence * 100);
    buf_put(b, best->conversion_lift.confidence >= SIGNIFICANT ? S(". The difference is significant.")
                                                               : S(". That is not significant yet."));
    buf_put(b, S("</p>"));
}

/* ---- charts ---- */

enum figure { FIGURE_CONVERSION, FIGURE_CLICKS, FIGURE_REVENUE };

static double
figure_value(const struct report_row *row, enum figure f, double *half_width)
{
    *half_width = 0;
    if (f == FIGURE_CLICKS)
        return row->click_rate;
    *half_width = f == FIGURE_CONVERSION ? row->conversion_half_width : row->revenue_half_width;
    return f == FIGURE_CONVERSION ? row->conversion_rate : row->revenue_per_visitor;
}

static double
figure_max(const struct report *r, enum figure f)
{
    double max = 0, half_width;

    for (size_t i = 0; i < r->row_count; i++) {
        double v = figure_value(&r->rows[i], f, &half_width);
        max = fmax(max, v + half_width);
    }
    return max > 0 ? max : 1;
}

static void
put_figure(struct buf *b, enum figure f, double v)
{
    if (f == FIGURE_REVENUE)
        put_money(b, v);
    else
        put_percent(b, v);
}

/* Name and number above, the bar below, the 95 % interval over its end. */
static void
put_bar(struct buf *b, const struct report_row *row, enum figure f, double max, size_t index, struct arena *a)
{
    double half_width, v = figure_value(row, f, &half_width), share = v / max * 100;
    size_t y = index * BAR_ROW_PX;

    buf_printf(b, "<g><title>");
    html_text(b, row->name);
    buf_put(b, S("</title><text x=\"0\" y=\""));
    buf_printf(b, "%zu\">", y + 14);
    html_text(b, short_label(row->name, a));
    buf_printf(b, "</text><text class=\"v\" x=\"100%%\" y=\"%zu\" text-anchor=\"end\">", y + 14);
    put_figure(b, f, v);
    buf_printf(b, "</text><rect class=\"track\" x=\"0\" y=\"%zu\" width=\"100%%\" height=\"14\" rx=\"4\"/>", y + 22);
    if (v > 0)
        buf_printf(b, "<rect class=\"bar%s\" x=\"0\" y=\"%zu\" width=\"%.2f%%\" height=\"14\" rx=\"4\"/>",
                   index == 0 ? " base" : "", y + 22, fmax(share, 0.6));
    if (half_width > 0) {
        double low = fmax(v - half_width, 0) / max * 100, high = (v + half_width) / max * 100;
        buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", low, high, y + 29,
                   y + 29);
        buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", low, low, y + 25,
                   y + 33);
        buf_printf(b, "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%zu\" y2=\"%zu\"/>", high, high, y + 25,
                   y + 33);
    }
    buf_put(b, S("</g>"));
}

static void
put_chart(struct buf *b, const struct report *r, enum figure f, const char *title, const char *sub, struct arena *a)
{
    double max = figure_max(r, f);

    buf_printf(b, "<div class=\"card\"><h2>%s</h2><p class=\"sub\">%s</p>", title, sub);
    buf_printf(b, "<svg role=\"img\" aria-label=\"%s by experience\" height=\"%zu\">", title,
               r->row_count * BAR_ROW_PX - 10);
    for (size_t i = 0; i < r->row_count; i++)
        put_bar(b, &r->rows[i], f, max, i, a);
    buf_put(b, S("</svg></div>"));
}

/* ---- the table ---- */

static void
put_lift(struct buf *b, const char *label, const struct stats_lift *l, bool enough)
{
    const char *class = "flat", *arrow = "";

    buf_printf(b, "<td data-l=\"%s\">", label);
    if (!l->known) {
        buf_put(b, S("\xE2\x80\x93</td>"));
        return;
    }
    if (l->confidence >= SIGNIFICANT && enough) {
        class = l->lift >= 0 ? "up" : "down";
        arrow = l->lift >= 0 ? "\xE2\x96\xB2 " : "\xE2\x96\xBC ";
    }
    buf_printf(b, "<div><span class=\"%s\">%s", class, arrow);
    put_signed_percent(b, l->lift);
    buf_put(b, S("</span>"));
    if (enough) {
        buf_put(b, S("<small>"));
        put_signed_percent(b, l->low);
        buf_put(b, S(" \xE2\x80\xA6 "));
        put_signed_percent(b, l->high);
        buf_printf(b, "</small><small>confidence %.1f%%</small>", l->confidence * 100);
    }
    buf_put(b, S("</div></td>"));
}

static void
put_number(struct buf *b, const char *label, uint64_t v)
{
    buf_printf(b, "<td data-l=\"%s\">", label);
    put_count(b, v);
    buf_put(b, S("</td>"));
}

static void
put_row(struct buf *b, const struct report *r, size_t i)
{
    const struct report_row *row = &r->rows[i];
    bool enough = row->counts.visitors >= UNITS_MIN && r->rows[0].counts.visitors >= UNITS_MIN;

    buf_put(b, S("<tr><td><span>"));
    html_text(b, row->name);
    if (i == 0)
        buf_put(b, S("<small>control</small>"));
    if (row->removed)
        buf_put(b, S("<small>removed</small>"));
    buf_put(b, S("</span></td>"));
    put_number(b, "Visitors", row->counts.visitors);
    put_number(b, "Impressions", row->counts.impressions);
    put_number(b, "Clicks", row->counts.clicks);
    buf_put(b, S("<td data-l=\"Click rate\">"));
    put_percent(b, row->click_rate);
    buf_put(b, S("</td>"));
    put_number(b, "Conversions", row->counts.conversions);
    buf_put(b, S("<td data-l=\"Conversion rate\"><div>"));
    put_percent(b, row->conversion_rate);
    put_range(b, put_percent, row->conversion_half_width);
    buf_put(b, S("</div></td>"));
    put_lift(b, "Lift", &row->conversion_lift, enough);
    buf_put(b, S("<td data-l=\"Revenue\">"));
    put_money(b, row->counts.revenue);
    buf_put(b, S("</td><td data-l=\"Revenue per visitor\"><div>"));
    put_money(b, row->revenue_per_visitor);
    put_range(b, put_money, row->revenue_half_width);
    buf_put(b, S("</div></td>"));
    put_lift(b, "Lift", &row->revenue_lift, enough);
    buf_put(b, S("</tr>"));
}

static void
put_table(struct buf *b, const struct report *r)
{
    buf_put(b,
            S("<div class=\"card wide\"><table><thead><tr><th>Experience</th><th>Visitors</th><th>Impressions</th>"
              "<th>Clicks</th><th>Click<br>rate</th><th>Conver-<br>sions</th><th>Conversion<br>rate</th><th>Lift</th>"
              "<th>Revenue</th><th>Revenue per<br>visitor</th><th>Lift</th></tr></thead><tbody>"));
    for (size_t i = 0; i < r->row_count; i++)
        put_row(b, r, i);
    buf_put(b, S("</tbody></table></div>"));
}

/* ---- pages ---- */

static void
put_sorry(struct http_res *rs, int status, const char *what)
{
    rs->status = status;
    buf_clear(rs->body);
    put_head(rs->body, S("Reports"));
    buf_printf(rs->body,
               "<nav><a href=\"/reports\"><b>Edgewise</b> reports</a></nav><div class=\"card empty\">%s</div>", what);
    close_page(rs);
}

void
report_page_activity(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs)
{
    struct report_question question = report_everything();
    struct str scope = http_query(rq, S("scope"));
    struct diag d = DIAG_INIT;
    struct buf *b = rs->body;
    struct report r;
    enum err rc;

    if (scope.n == 0 && snapshot_find(call->snap, S("activity"), id, &scope) == NULL)
        scope = S("");
    open_page(rq, rs);
    rc = report_read(call, scope, id, &question, rq->arena, &r, &d);
    if (rc != ERR_OK) {
        put_sorry(rs, rc == ERR_NOT_FOUND ? 404 : http_status_of(rc),
                  rc == ERR_NOT_FOUND ? "There is no activity of that number." : "The report cannot be read now.");
        return;
    }
    put_head(b, r.name);
    buf_put(b, S("<nav><a href=\"/reports\"><b>Edgewise</b> reports</a> / activity</nav>"));
    put_chips(b, &r);
    buf_put(b, S("<h1>"));
    html_text(b, r.name);
    buf_put(b, S("</h1><p class=\"sub\">All results since the start, as of "));
    put_time(b, rq->now_ms);
    buf_put(b, S("</p>"));
    put_verdict(b, &r);
    put_tiles(b, &r.totals);
    if (r.totals.visitors == 0) {
        buf_put(
            b,
            S("<div class=\"card empty\" style=\"margin-top:12px\">Nobody has seen this activity yet. Figures appear "
              "here a moment after the first visitor.</div>"));
    } else {
        buf_put(b, S("<section class=\"charts\">"));
        put_chart(b, &r, FIGURE_CONVERSION, "Conversion rate", "visitors who met the goal", rq->arena);
        put_chart(b, &r, FIGURE_REVENUE, "Revenue per visitor", "revenue by all visitors", rq->arena);
        put_chart(b, &r, FIGURE_CLICKS, "Click rate", "clicks by impressions", rq->arena);
        buf_put(b, S("</section>"));
        put_table(b, &r);
        buf_put(
            b,
            S("<p class=\"note\">A visitor counts when he enters the activity, and again when a conversion let him go "
              "and "
              "he comes back. Lift compares "
              "with the control, the first experience; \xC2\xB1, the thin lines in the charts and the ranges are 95% "
              "intervals. Lift is "
              "coloured from 95% confidence (two-sided t-test) and 30 visitors.</p>"));
    }
    close_page(rs);
}

struct listing {
    struct str ids[LIST_MAX];
    size_t n, total;
};

/* The newest LIST_MAX of them: a ring, in order of creation. */
static void
list_activity(void *ctx, struct str id, const struct json *object)
{
    struct listing *l = ctx;

    (void)object;
    l->ids[l->total++ % LIST_MAX] = id;
    l->n = l->total < LIST_MAX ? l->total : LIST_MAX;
}

static const struct stats_lift *
best_lift(const struct report *r)
{
    const struct report_row *best = NULL;

    for (size_t i = 1; i < r->row_count; i++) {
        if (r->rows[i].conversion_lift.known && (best == NULL || r->rows[i].conversion_rate > best->conversion_rate))
            best = &r->rows[i];
    }
    return best == NULL ? NULL : &best->conversion_lift;
}

static void
put_list_row(struct buf *b, const struct report *r)
{
    const struct stats_lift *lift = best_lift(r);
    struct stats_lift none = {0};

    buf_put(b, S("<tr><td><a href=\""));
    put_link(b, r);
    buf_put(b, S("\">"));
    html_text(b, r->name);
    buf_put(b, S("</a></td><td data-l=\"State\">"));
    html_text(b, str_eq(r->state, S("approved")) ? S("live") : r->state);
    buf_put(b, S("</td>"));
    put_number(b, "Experiences", r->row_count);
    put_number(b, "Visitors", r->totals.visitors);
    put_number(b, "Impressions", r->totals.impressions);
    put_number(b, "Clicks", r->totals.clicks);
    put_number(b, "Conversions", r->totals.conversions);
    buf_put(b, S("<td data-l=\"Revenue\">"));
    put_money(b, r->totals.revenue);
    buf_put(b, S("</td>"));
    put_lift(b, "Best lift", lift == NULL ? &none : lift, false);
    buf_put(b, S("</tr>"));
}

/* False: the hub cannot be read. */
static bool
put_scope(const struct call *call, struct http_req *rq, struct buf *b, struct str scope, bool heading, size_t *count)
{
    struct listing *l = ARENA_NEW(rq->arena, struct listing);
    struct report_question question = report_everything();
    struct diag d = DIAG_INIT;
    struct report r;

    if (l == NULL)
        return false;
    snapshot_each(call->snap, S("activity"), scope, list_activity, l);
    if (l->n == 0)
        return true;
    if (heading) {
        buf_put(b, S("<h3>"));
        html_text(b, scope);
        buf_put(b, S("</h3>"));
    }
    buf_put(
        b,
        S("<div class=\"card wide\"><table><thead><tr><th>Activity</th><th>State</th><th>Experiences</th><th>Visitors"
          "</th><th>Impressions</th><th>Clicks</th><th>Conversions</th><th>Revenue</th><th>Best lift</th></tr>"
          "</thead><tbody>"));
    for (size_t i = 0; i < l->n; i++) {
        if (report_read(call, scope, l->ids[(l->total - 1 - i) % LIST_MAX], &question, rq->arena, &r, &d) != ERR_OK)
            return false;
        put_list_row(b, &r);
    }
    buf_put(b, S("</tbody></table></div>"));
    *count += l->total;
    return true;
}

void
report_page_list(const struct call *call, struct http_req *rq, struct http_res *rs)
{
    const struct map_slot *slot;
    struct buf *b = rs->body;
    size_t count = 0;
    bool ok = true;

    open_page(rq, rs);
    put_head(b, S("Reports"));
    buf_put(b, S("<nav><b>Edgewise</b></nav><h1>Reports</h1><p class=\"sub\">Activities, newest first, as of "));
    put_time(b, rq->now_ms);
    buf_put(b, S("</p><div style=\"height:16px\"></div>"));
    for (size_t i = 0; ok && (slot = map_next(&call->snap->scopes, &i)) != NULL;)
        ok = put_scope(call, rq, b, slot->key, call->snap->scopes.count > 1, &count);
    if (!ok) {
        put_sorry(rs, 503, "The reports cannot be read now.");
        return;
    }
    if (count == 0)
        buf_put(b, S("<div class=\"card empty\">There are no activities yet.</div>"));
    close_page(rs);
}
