/* admin_report.h - what an activity achieved, read once, for machines and for people.
 *
 *   query string --> question --> counters of the hub joined with the activity --> figures --> JSON, CSV, a page
 *
 *   admin_report_question.c  the parameters that all of them take
 *   admin_report.c           reading, and what follows from the counters
 *   admin_report_series.c    the same over time
 *   admin_report_json.c      our JSON, and the routes
 *   admin_report_rest.c      the shape of the Target admin API: /report/performance and /report/orders
 *   admin_report_csv.c       the download
 *   admin_report_page.h      the pages
 *
 * Figures are those of docs/statistics.md. Text is in the arena or in the snapshot.   Threads  workers. */
#ifndef ADMIN_ADMIN_REPORT_H
#define ADMIN_ADMIN_REPORT_H

#include "admin/admin_int.h"
#include "results/results.h"

#define REPORT_UNITS_MIN 30     /* [TARGET 8.3] no comparison is shown below */
#define REPORT_SIGNIFICANT 0.95 /* [TARGET 8.3] */
#define REPORT_POWER 0.8        /* of the sample sizes */

/* ---- the question ---- */

struct report_question {
    struct results_query q; /* scope and activity are filled in */
    uint32_t metric;
    enum results_method method; /* what N is, and what a conversion counts for */
    bool tamed;                 /* extreme orders replaced by the mean */
};
/* For life, the primary metric, by visitor, everybody, all environments. */
struct report_question report_everything(void);
/* reportInterval, resolution, daysOfWeek, environmentId, conversionMetricLocalIds, normalizeExtremeOrders [TARGET 6.8],
 * and countingMethod (OURS). ERR_INVALID names the parameter. */
enum err report_question_read(struct http_req *rq, struct report_question *out, struct diag *d);
/* The same with the first of reportingAudienceLocalIds: of whom the report tells. */
enum err report_question_read_one(struct http_req *rq, struct report_question *out, struct diag *d);
/* The next of reportingAudienceLocalIds; ERR_INVALID: no number, or number `i` of them passes what an activity has. */
enum err report_next_audience(struct str *rest, size_t i, int64_t *out, struct diag *d);
const char *report_method_name(enum results_method m); /* as countingMethod has it */

/* ---- the answer ---- */

/* Counts of the question's method and metric. */
struct report_figures {
    uint64_t visitors, visits, impressions, clicks, click_visitors;
    uint64_t units, conversions, orders;
    double revenue;
};

struct report_row {
    struct results_row all; /* every method and metric, and points when the question has a step */
    struct str experience;  /* local id */
    struct str name;
    bool removed; /* the activity has no such experience any more */
    double share; /* of the visitors, as configured: 0..1; below 0: it has none of its own */
    struct report_figures counts;
    struct stats_sample conversion, revenue; /* of one unit */
    double click_rate, conversion_rate, revenue_per_visitor, order_value;
    double conversion_half_width, revenue_half_width; /* of the 95 % intervals */
    /* over the first row */
    struct stats_lift conversion_lift, revenue_lift;
    struct stats_sequential conversion_watched, revenue_watched; /* they hold while somebody looks */
    uint64_t needed; /* units of each to see a lift of the rate as large as this one; 0: no such number */
    bool believed;   /* report_believe() was here */
    struct stats_belief belief;
    int colour; /* of its curve; below 0: it is not drawn */
};

/* Do the visitors split as configured? Told of tests by share alone. */
struct report_split {
    bool checked;
    double p;
    bool alarm; /* below STATS_RATIO_ALARM */
};

struct report {
    const struct json *activity;
    const struct json *allocation, *model; /* what machines have learned, or NULL */
    struct str scope, id, name, type, state;
    struct report_row *rows; /* in the order of the activity's experiences, removed ones last */
    size_t row_count;
    struct results_row all; /* sums of the rows' */
    struct report_figures totals;
    struct report_split split;
    struct results_lane recount; /* its name is empty: it was never counted anew */
};
/* ERR_NOT_FOUND: no such activity; ERR_UNSUPPORTED: no hub in this process. */
enum err report_read(const struct call *call, struct str scope, struct str id, const struct report_question *question,
                     struct arena *a, struct report *out, struct diag *d);
/* Chances to beat the first row, of the first LIMIT_REPORT_BELIEFS. */
void report_believe(struct report *r);
/* Of those that can be compared the one with the best rate; NULL: none. */
const struct report_row *report_best(const struct report *r);
/* There are enough units of both to show a comparison with the first row. */
bool report_compares(const struct report *r, const struct report_row *row);
/* experienceLocalId as counters name it. */
struct str report_local_id(const struct json *experience, struct arena *a);
/* The newest first, of the question's interval and environment. */
enum err report_read_orders(const struct call *call, const struct report *r, const struct report_question *question,
                            struct arena *a, struct results_order **orders, size_t *n, struct diag *d);

/* ---- over time ---- */

/* A point holds everything up to the end of its step. */
struct report_line {
    const struct report_row *row;
    struct stats_sample *conversion, *revenue; /* by point */
};
struct report_series {
    enum results_step step;
    int64_t *from_ms; /* where the steps of the points begin */
    size_t point_count;
    struct report_line lines[LIMIT_REPORT_PLOTTED]; /* the first row, and those with the most units */
    size_t line_count;
};
/* Sets the colours of r's rows. No points: nothing has counted. */
enum err report_read_series(const struct call *call, struct report *r, const struct report_question *question,
                            int64_t now_ms, struct arena *a, struct report_series *out, struct diag *d);

/* ---- routes ---- */

void report_performance(const struct call *call, struct http_req *rq, const struct route_params *params,
                        struct http_res *rs);
void report_orders(const struct call *call, struct http_req *rq, const struct route_params *params,
                   struct http_res *rs);
/* Our JSON, and the CSV file, of one activity. */
enum err report_write_json(const struct call *call, struct http_req *rq, struct str scope, struct str id,
                           struct http_res *rs, struct diag *d);
enum err report_write_csv(const struct call *call, struct http_req *rq, struct str scope, struct str id,
                          struct http_res *rs, struct diag *d);

#endif
