/* results.h - what activities achieved: a fold of hits into counters.
 *
 *   hit --> visitor_fold() of the visitor that the hub keeps --> what counted --> counters of
 *           activity x experience x environment x reporting audience, for life and by the hour
 *
 * Counting    [TARGET 9.1] visitor_fold() alone says what counts: entries, visits, impressions, clicks, conversions. A
 *             metric is counted by three methods: per entrant, per visit, each time.
 * Order       A conversion in a request with an order adds its total to the metric. An order id counts once for an
 *             activity; an order beyond three standard deviations of the last month's is extreme, and every sum is kept
 *             twice: as it is, and `tamed`, with extreme orders replaced by the mean. So the choice is the report's.
 *             The orders themselves are listed, the newest LIMIT_RESULT_ORDERS of an activity.
 * Environment A conversion counts in the environment in which the visitor entered. What comes by a QA link has one of
 *             its own, and visitors of its own.
 * Audience    A reporting audience has counters of its own: of visitors who were in it when they entered. So has each
 *             arm of an activity with models.
 * Hours       are kept for LIMIT_RESULT_DAYS, totals for good.
 * Seen        Hosts, locations and attribute names that hits carried, for administrators to choose from.
 *
 * Everything lives in the hub's table under keys beginning with 'R' (docs/formats/results.md), so it commits with the
 * offset and counts nothing twice; a hit counts whole or not at all.   Threads  the hub's.   Cost  20 us for a hit that
 * counts. */
#ifndef RESULTS_RESULTS_H
#define RESULTS_RESULTS_H

#include "kv/kv.h"
#include "results/stats.h"
#include "visitor/visitor.h"

#define RESULTS_QA (-1) /* the environment "QA Mode Traffic" */

/* Applies one hit, events and requests of the Target part; others count nothing. Each hit once. */
enum err results_fold(struct kv *k, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d);

/* ---- reading ---- */

/* Counting methods: what a conversion is counted for, and what N is in the statistics. */
enum results_method { BY_VISITOR, BY_VISIT, BY_IMPRESSION, RESULTS_METHODS };

struct results_sum {
    double sum;
    double squares[RESULTS_METHODS]; /* sum over the units of the square of what each of them brought */
};

struct results_metric {
    uint32_t metric; /* metricLocalId */
    uint64_t conversions[RESULTS_METHODS];
    uint64_t orders;
    struct results_sum as_is, tamed; /* totals of orders, or values of an engagement metric */
};

struct results_counts {
    uint64_t units[RESULTS_METHODS]; /* entrants, visits, impressions. Who comes back after a conversion that released
                                        him is an entrant again */
    uint64_t people;                 /* entrants without those: exact */
    uint64_t clicks, click_visitors;
    struct results_metric *metrics; /* by number */
    size_t metric_count;
};

/* Adds; the metrics are in the arena. false: no memory. */
bool results_add(struct results_counts *to, const struct results_counts *more, struct arena *a);
/* All zero when nothing counted. */
struct results_metric results_metric_of(const struct results_counts *c, uint32_t metric);
/* A metric's sample for stats.h: its rate (money false) or what it brought by unit. */
struct stats_sample results_sample(const struct results_counts *c, uint32_t metric, enum results_method m, bool money,
                                   bool tamed);

enum results_step { STEP_NONE, STEP_HOUR, STEP_DAY, STEP_WEEK, STEP_MONTH };
/* Beside reporting audiences: everybody, and of an activity with models who is in which part of its traffic. */
#define RESULTS_EVERYBODY (-1)
#define RESULTS_CONTROL (-2)
#define RESULTS_TARGETED (-3)

struct results_query {
    struct str scope, activity;
    struct str experience;  /* empty: all */
    int64_t environment;    /* 0: all but QA */
    int64_t audience;       /* reportingAudienceLocalId, or one of the above */
    int64_t from_ms, to_ms; /* whole hours; both 0: for life */
    unsigned days_of_week;  /* bit 0: Sunday; 0: all of them */
    enum results_step step; /* of the points */
};
struct results_point {
    int64_t from_ms;
    struct results_counts counts;
};
struct results_row {
    struct str experience;
    int64_t first_ms, last_ms; /* days of the life of which hours are kept; equal: nothing has counted */
    struct results_counts counts;
    struct results_point *points; /* those in which something counted, in order */
    size_t point_count, point_room;
};
/* Adds counts and points. false: no memory. */
bool results_row_add(struct results_row *to, const struct results_row *more, struct arena *a);
/* One row for each experience seen, by number. Rows are in the arena. */
enum err results_read(struct kv *k, const struct results_query *q, struct arena *a, struct results_row **rows,
                      size_t *n, struct diag *d);

struct results_order {
    int64_t time_ms;
    struct str experience, id, products; /* products: a JSON array, or empty */
    int64_t environment;
    double total;
    bool duplicate, outlier;
    bool counted; /* it entered the sums of a metric */
};
/* The newest first. */
enum err results_orders(struct kv *k, struct str scope, struct str activity, struct arena *a,
                        struct results_order **orders, size_t *n, struct diag *d);
/* Of the last month before now_ms: what Auto-Allocate takes for the range of a value. */
enum err results_order_moments(struct kv *k, struct str scope, struct str activity, int64_t now_ms, struct arena *a,
                               struct stats_orders *out, struct diag *d);

/* ---- counting one activity anew ---- */

/* One activity counted apart, under a name: counters and visitors with keys of their own, beside those in force, until
 * results_lane_take() puts them in their place. From then on results_fold() counts the activity there. */
struct results_lane {
    struct str activity;
    struct str name;  /* of the recount; empty: none */
    int64_t since_ms; /* when the oldest hit came that it had; 0: it had all */
    int64_t taken_ms;
};
/* Says anew what the hit meets: notices of the activity without conversions come in, conversions are to join them. v is
 * the visitor before the hit. */
typedef enum err results_met(void *ctx, const struct visitor *v, struct hit *h, int64_t now_ms, struct arena *a,
                             struct diag *d);
/* As results_fold(), for this activity alone. */
enum err results_fold_lane(struct kv *k, const struct results_lane *lane, const struct hit *h, int64_t now_ms,
                           results_met *met, void *ctx, struct arena *a, struct diag *d);
/* ERR_LIMIT: LIMIT_RESULT_LANES other activities of the sandbox have one already. */
enum err results_lane_room(struct kv *k, struct str scope, struct str activity, struct arena *a, struct diag *d);
/* The same; the lane is in force. */
enum err results_lane_take(struct kv *k, struct str scope, const struct results_lane *lane, struct arena *a,
                           struct diag *d);
/* The one in force; its name is empty when there is none. */
enum err results_lane_of(struct kv *k, struct str scope, struct str activity, struct arena *a, struct results_lane *out,
                         struct diag *d);
/* What results_query.activity is for one that is not in force; p NULL: no memory. */
struct str results_lane_activity(const struct results_lane *lane, struct arena *a);
/* Deletes what is not in force any more, and not `building` (may be empty), among some keys of the table; *cursor as
 * with kv_scan. */
enum err results_lane_sweep(struct kv *k, uint64_t *cursor, struct str building, struct arena *a, struct diag *d);

enum results_name { SEEN_HOST, SEEN_MBOX, SEEN_ATTRIBUTE };
/* In the order in which they came. */
enum err results_seen(struct kv *k, struct str scope, enum results_name what, struct arena *a, struct str **names,
                      size_t *n, struct diag *d);

#endif
