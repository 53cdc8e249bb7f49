/* admin_report_page.h - results for people: self-contained HTML.
 *
 * No script and nothing from elsewhere: one style sheet in the page (admin_report_style.c), plots as inline SVG. All
 * text that anybody chose goes through html_text(). The pages are open and read only; they show sums, never people; of
 * an order's id only the end.
 *
 *   admin_report_page.c      one activity: what is there, in which order
 *   admin_report_verdict.c   what a reader wants to know first, in words
 *   admin_report_controls.c  what can be asked, and the links
 *   admin_report_curves.c    running totals over time
 *   admin_report_bars.c      figures by experience
 *   admin_report_table.c     rows by experience
 *   admin_report_more.c      machines, reporting audiences, orders
 *   admin_report_list.c      all activities
 *   admin_report_html.c      texts, numbers and the frame */
#ifndef ADMIN_ADMIN_REPORT_PAGE_H
#define ADMIN_ADMIN_REPORT_PAGE_H

#include "admin/admin_report.h"

void report_page_list(const struct call *call, struct http_req *rq, struct http_res *rs);
void report_page_activity(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs);
/* The query's scope, else that of the activity of this number; empty: there is none. */
struct str report_page_scope(const struct call *call, struct http_req *rq, struct str id);

/* What the parts of a page get. */
struct report_page {
    const struct call *call;
    struct http_req *rq;
    struct buf *b;
    struct report *r;
    const struct report_question *question;
    const struct report_series *series;
};

/* ---- texts and the frame ---- */

extern const char report_style[];
void html_open(struct http_req *rq, struct http_res *rs, struct str title);
void html_close(struct http_res *rs);
/* The whole page is one sentence. */
void html_sorry(struct http_req *rq, struct http_res *rs, int status, const char *what);
void html_text(struct buf *b, struct str s);
void html_count(struct buf *b, uint64_t v);                /* 1,234,567 */
void html_money(struct buf *b, double v);                  /* 1,234.50 */
void html_percent(struct buf *b, double v);                /* 0.123: 12.3% */
void html_signed(struct buf *b, double v);                 /* +12.3% */
void html_points(struct buf *b, double v);                 /* +1.20 points, of a difference of rates */
void html_confidence(struct buf *b, double v);             /* 0.9992: over 99.9%, since none is certain */
void html_time(struct buf *b, int64_t ms);                 /* 2027-03-09 12:00 UTC */
void html_day(struct buf *b, int64_t ms);                  /* 9 Mar 2027 */
void html_hour(struct buf *b, int64_t ms);                 /* 9 Mar 12:00 */
const char *report_unit(enum results_method m);            /* "visitors" */
struct str report_label(struct str name, struct arena *a); /* as short as a drawing needs it */
/* A swatch in the colour of the row's curve, and its name. */
void report_name(struct buf *b, const struct report_row *row);
/* Lift with its colour, interval and confidence; `enough`: there are units for it. */
void report_lift(struct buf *b, const char *label, const struct stats_lift *l, bool enough, bool allocates);
void report_confidence(struct buf *b, const struct stats_lift *l, bool enough); /* a cell */
void report_none(struct buf *b, const char *label);                             /* a cell without a figure */
void report_number(struct buf *b, const char *label, uint64_t v);

/* ---- parts ---- */

void report_put_alarm(struct report_page *p);
void report_put_verdict(struct report_page *p);
void report_put_badge(struct buf *b, const struct report *r); /* of Auto-Allocate */
void report_put_controls(struct report_page *p);
void report_put_downloads(struct report_page *p);
void report_put_curves(struct report_page *p);
void report_put_bars(struct report_page *p);
void report_put_tables(struct report_page *p);
void report_put_machine(struct report_page *p);
/* ERR_LIMIT: memory. */
enum err report_put_audiences(struct report_page *p, struct diag *d);
enum err report_put_orders(struct report_page *p, struct diag *d);

#endif
