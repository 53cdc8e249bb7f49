/* admin_report.h - what an activity achieved, read once, for JSON (admin_report.c) and for people
 * (admin_report_page.c). */
#ifndef ADMIN_ADMIN_REPORT_H
#define ADMIN_ADMIN_REPORT_H

#include "admin/admin_int.h"
#include "results/results.h"

/* The figures of one metric by visitor, which people look at first. */
struct report_counts {
    struct str experience; /* local id */
    uint64_t visitors, impressions, clicks, click_visitors, conversions, orders;
    double revenue, revenue_squares;
};

struct report_row {
    struct report_counts counts;
    struct results_row all; /* every method and metric, and points when the question has a step */
    struct str name;
    bool removed; /* the activity has no such experience any more */
    double click_rate, conversion_rate, revenue_per_visitor;
    double conversion_half_width, revenue_half_width; /* of the 95 % intervals */
    struct stats_lift conversion_lift, revenue_lift;  /* over the first row */
};

struct report {
    const struct json *activity;
    struct str scope, id, name, type, state;
    struct report_row *rows; /* in the order of the activity's experiences, removed ones last */
    size_t row_count;
    struct report_counts totals;
    struct results_row all; /* sums of the rows' */
};

struct report_question {
    struct results_query q; /* scope and activity are filled in */
    uint32_t metric;
    bool tamed; /* extreme orders replaced by the mean */
};
/* For life, the primary metric, everybody, all environments. */
struct report_question report_everything(void);
/* Text is in the arena or in the snapshot. ERR_NOT_FOUND: no such activity; ERR_UNSUPPORTED: no hub in this process. */
enum err report_read(const struct call *call, struct str scope, struct str id, const struct report_question *question,
                     struct arena *a, struct report *out, struct diag *d);
/* experienceLocalId as counters name it. */
struct str report_local_id(const struct json *experience, struct arena *a);
/* admin_report_rest.c: /report/performance and /report/orders. */
void report_performance(const struct call *call, struct http_req *rq, const struct route_params *params,
                        struct http_res *rs);
void report_orders(const struct call *call, struct http_req *rq, const struct route_params *params,
                   struct http_res *rs);

/* The pages; rs gets a whole HTML document. */
void report_page_list(const struct call *call, struct http_req *rq, struct http_res *rs);
void report_page_activity(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs);

#endif
