/* admin_report.h - what an activity achieved, read once, for JSON (admin_report.c) and for people
 * (admin_report_page.c). */
#ifndef ADMIN_ADMIN_REPORT_H
#define ADMIN_ADMIN_REPORT_H

#include "admin/admin_int.h"
#include "results/stats.h"
#include "decide/results.h"

struct report_row {
    struct results_row counts; /* experience: the local id as text */
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
    struct results_row totals;
};

/* Text is in the arena or in the snapshot. ERR_NOT_FOUND: no such activity; ERR_UNSUPPORTED: no hub in this process. */
enum err report_read(const struct call *call, struct str scope, struct str id, struct arena *a, struct report *out,
                     struct diag *d);

/* The pages; rs gets a whole HTML document. */
void report_page_list(const struct call *call, struct http_req *rq, struct http_res *rs);
void report_page_activity(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs);

#endif
