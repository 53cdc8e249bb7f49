/* report_fixture.h - an activity and its visitors, for tests of reports. */
#ifndef TESTS_ADMIN_REPORT_FIXTURE_H
#define TESTS_ADMIN_REPORT_FIXTURE_H

#include "ingest_fixture.h"

#include "results/results.h"

/* `more`: members of the activity beside its two experiences, "Calm <b>blue</b>" and "Bold orange"; each gets half of
 * the visitors. */
void report_put_activity(struct world *w, const char *id, const char *name, const char *more);
void report_fold(struct world *w, struct hit *h, int64_t now_ms);
/* A visitor who sees the experience, perhaps clicks, perhaps buys. */
void report_visit(struct world *w, const char *activity, int visitor, const char *experience, bool click, double order);
void report_visit_at(struct world *w, const char *activity, int visitor, const char *experience, bool click,
                     double order, int64_t now_ms);
/* The published example, of 1001: 32 of 124 against 52 of 149. */
void report_put_results(struct world *w);

#endif
