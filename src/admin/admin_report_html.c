/* admin_report_html.c - texts, numbers and the frame of the results pages. */
#include <math.h>

#include "admin/admin_report_page.h"
#include "codec/url.h"

void
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

void
html_count(struct buf *b, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);

    for (int i = 0; i < n; i++) {
        buf_putc(b, digits[i]);
        if ((n - i) % 3 == 1 && i + 1 < n)
            buf_putc(b, ',');
    }
}

void
html_money(struct buf *b, double v)
{
    double whole = floor(fabs(v) + 0.005);

    if (v < -0.005)
        buf_put(b, S("\xE2\x88\x92"));
    html_count(b, whole < 1e18 ? (uint64_t)whole : 0);
    buf_printf(b, ".%02d", (int)floor((fabs(v) + 0.005 - whole) * 100) % 100);
}

void
html_percent(struct buf *b, double v)
{
    if (v < 0)
        buf_put(b, S("\xE2\x88\x92")); /* a true minus sign is as wide as a plus */
    buf_printf(b, "%.*f%%", v == 0 ? 0 : fabs(v) < 0.1 ? 2 : 1, fabs(v) * 100);
}

void
html_signed(struct buf *b, double v)
{
    if (v > 0)
        buf_putc(b, '+');
    html_percent(b, v);
}

void
html_confidence(struct buf *b, double v)
{
    if (v >= 0.9995)
        buf_put(b, S("over 99.9%"));
    else
        buf_printf(b, "%.1f%%", v * 100);
}

void
html_points(struct buf *b, double v)
{
    buf_put(b, v < 0 ? S("\xE2\x88\x92") : v > 0 ? S("+") : S(""));
    buf_printf(b, "%.2f", fabs(v) * 100);
}

void
html_time(struct buf *b, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    buf_printf(b, "%.10s %.5s UTC", text, text + 11);
}

static void
put_day(struct buf *b, const struct civil *c)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    buf_printf(b, "%d %s", (int)c->day, months[c->month - 1]);
}

void
html_day(struct buf *b, int64_t ms)
{
    struct civil c = civil_from_ms(ms);

    put_day(b, &c);
    buf_printf(b, " %d", (int)c.year);
}

void
html_hour(struct buf *b, int64_t ms)
{
    struct civil c = civil_from_ms(ms);

    put_day(b, &c);
    buf_printf(b, " %02d:%02d", (int)c.hour, (int)c.minute);
}

/* ---- the frame ---- */

void
html_open(struct http_req *rq, struct http_res *rs, struct str title)
{
    struct buf *b = rs->body;

    if (rs->content_type == NULL) { /* else a page was begun, and another one takes its place */
        http_set_header(rq, rs, S("Content-Security-Policy"),
                        S("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"));
        http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
    }
    rs->status = 200;
    rs->content_type = "text/html; charset=utf-8";
    buf_clear(b);
    buf_put(b, S("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                 "content=\"width=device-width,initial-scale=1\"><title>"));
    html_text(b, title);
    buf_put(b, S(" \xC2\xB7 Edgewise</title><style>"));
    buf_put(b, str_of(report_style));
    buf_put(b, S("</style></head><body><main>"));
}

void
html_close(struct http_res *rs)
{
    buf_put(rs->body, S("</main></body></html>\n"));
}

void
html_sorry(struct http_req *rq, struct http_res *rs, int status, const char *what)
{
    html_open(rq, rs, S("Reports"));
    rs->status = status;
    buf_printf(rs->body,
               "<nav><a href=\"/reports\"><b>Edgewise</b> reports</a></nav><div class=\"card empty\">%s</div>", what);
    html_close(rs);
}

/* ---- what several parts show ---- */

const char *
report_unit(enum results_method m)
{
    static const char *const names[] = {"visitors", "visits", "impressions"};

    return names[m];
}

void
report_name(struct buf *b, const struct report_row *row)
{
    buf_put(b, S("<span class=\"name\">"));
    if (row->colour >= 0)
        buf_printf(b, "<i class=\"dot k%d\"></i>", row->colour);
    html_text(b, row->name);
    buf_put(b, S("</span>"));
}

void
report_number(struct buf *b, const char *label, uint64_t v)
{
    buf_printf(b, "<td data-l=\"%s\">", label);
    html_count(b, v);
    buf_put(b, S("</td>"));
}

void
report_none(struct buf *b, const char *label)
{
    buf_printf(b, "<td class=\"none\" data-l=\"%s\">\xE2\x80\x93</td>", label);
}

/* [TARGET 8.1] Auto-Allocate shows no negative lift. */
void
report_lift(struct buf *b, const char *label, const struct stats_lift *l, bool enough, bool allocates)
{
    const char *class = "flat", *arrow = "";

    if (!l->known) {
        report_none(b, label);
        return;
    }
    buf_printf(b, "<td data-l=\"%s\">", label);
    if (allocates && l->lift < 0) {
        buf_put(b, S("---</td>"));
        return;
    }
    if (l->confidence >= REPORT_SIGNIFICANT && enough) {
        class = l->lift >= 0 ? "up" : "down";
        arrow = l->lift >= 0 ? "\xE2\x96\xB2 " : "\xE2\x96\xBC ";
    }
    buf_printf(b, "<div><span class=\"%s\">%s", class, arrow);
    html_signed(b, l->lift);
    buf_put(b, S("</span>"));
    if (enough) {
        buf_put(b, S("<small>"));
        html_signed(b, l->low);
        buf_put(b, S(" \xE2\x80\xA6 "));
        html_signed(b, l->high);
        buf_put(b, S("</small>"));
    }
    buf_put(b, S("</div></td>"));
}

void
report_confidence(struct buf *b, const struct stats_lift *l, bool enough)
{
    if (!l->known || !enough) {
        report_none(b, "Confidence");
        return;
    }
    buf_put(b, S("<td data-l=\"Confidence\">"));
    html_confidence(b, l->confidence);
    buf_put(b, S("</td>"));
}
