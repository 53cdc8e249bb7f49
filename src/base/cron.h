/* cron.h - recurring instants in the notation of Quartz, such as "0 30 1 ? * MON-FRI" [SEGMENTATION 17.6].
 *
 *   field          values                       specials
 *   seconds        0-59                         * , - /
 *   minutes        0-59                         * , - /
 *   hours          0-23                         * , - /
 *   day of month   1-31                         * , - / ?   L  L-n  LW  L-nW  nW
 *   month          1-12 or JAN-DEC              * , - /
 *   day of week    1-7 (1: Sunday) or SUN-SAT   * , - / ?   L  nL  n#k
 *   year           1970-2099, may be left out   * , - /
 *
 * a/s is every s from a on, a-b/s up to b; a range may go round the end (22-2, FRI-MON), but not in years. One of the
 * two day fields must be ?, as in Quartz. L is the last day of the month, L-n the n-th day before it, nW the weekday
 * (Monday to Friday) nearest to day n without leaving the month, LW that nearest to the last day. In days of the week,
 * L is Saturday, nL the last n of the month, n#k its k-th n: a month with no fifth Friday is left out, and so is one
 * without a day 30. Forms with L, W, # and ? stand alone in their field. Letters in either case. Times are UTC.
 *
 * Threads    Any; values.      Cost   Parsing 1 us; the next instant 1 us, 20 us where years are passed over. */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include "base/diag.h"

#define CRON_YEAR_MIN 1970
#define CRON_YEAR_MAX 2099

enum cron_day {
    CRON_DAYS,             /* those of `days` */
    CRON_LAST,             /* `n` days before the last */
    CRON_NEAREST,          /* the weekday nearest to day `n` */
    CRON_LAST_NEAREST,     /* the weekday nearest to `n` days before the last */
    CRON_WEEKDAYS,         /* those of `weekdays` */
    CRON_LAST_OF_WEEKDAYS, /* the last `n` */
    CRON_NTH_OF_WEEKDAYS   /* the `nth` `n` */
};

/* Bit i: value i. */
struct cron {
    uint64_t seconds, minutes, hours;
    uint64_t days, months, weekdays;
    uint64_t years[3]; /* from CRON_YEAR_MIN on */
    enum cron_day day;
    int n, nth;
    bool plain; /* seconds, minutes and hours are single numbers: at most once a day */
};

/* ERR_INVALID: d->what names the field and what was expected there, d->pos is the byte offset. ERR_LIMIT: longer than
 * LIMIT_CRON_BYTES. */
enum err cron_parse(struct str text, struct cron *out, struct diag *d);

/* The first instant after `after_ms` (milliseconds since 1970 UTC). False: there is none until the end of
 * CRON_YEAR_MAX. */
bool cron_next(const struct cron *c, int64_t after_ms, int64_t *next_ms);

/* The last instant in (after_ms, until_ms]. False: there is none. Its cost grows with the number of days between. */
bool cron_last(const struct cron *c, int64_t after_ms, int64_t until_ms, int64_t *last_ms);

#endif
