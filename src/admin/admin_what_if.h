/* admin_what_if.h - what recorded requests had been answered with other activities (docs/what-if.md): two worlds
 * (decide/rerun.h), one with the configuration in force and one with a draft, and what differs between them.
 *
 *   admin_what_if.c        the routes, and the draft from the body
 *   admin_what_if_run.c    the log, hit by hit, on the thread of admin_evaluate.c
 *   admin_what_if_tally.c  counts, and the answer */
#ifndef ADMIN_ADMIN_WHAT_IF_H
#define ADMIN_ADMIN_WHAT_IF_H

#include "admin/admin_evaluate.h"
#include "base/map.h"
#include "decide/rerun.h"

/* A set of hashes; exact but for hashes that are equal. */
struct u64_set {
    uint64_t *items; /* owned; 0: free */
    size_t cap, n;
};

/* A request that shows what a change is. */
struct what_if_example {
    uint64_t offset; /* of its hit */
    int64_t at_ms;
    struct str scope, before, after; /* why, as JSON; empty: nothing was given */
};

/* An activity that gives `to` where it gave `from`; empty: nothing. */
struct what_if_cell {
    struct what_if_cell *next; /* in order of appearance */
    struct str activity, from, to;
    uint64_t requests, visitors;
    struct what_if_example examples[LIMIT_WHAT_IF_EXAMPLES];
    size_t example_count;
};

/* Why an activity does not get a visitor any more. */
struct what_if_loss {
    struct what_if_loss *next;
    struct str activity, reason, winner; /* winner: who got the location; empty: nobody */
    uint64_t requests;
};

struct what_if {
    const struct snapshot *present, *changed;
    int64_t since_ms, until_ms;
    unsigned share;
    uint64_t limit;
    /* what came of it */
    uint64_t requests, decisions, changed_requests;
    uint64_t reproduced, otherwise; /* recorded decisions of a request, and those of the configuration in force */
    uint64_t otherwise_examples[10];
    uint64_t missing[RERUN__COUNT]; /* requests that could not be decided again */
    bool limited;
    int64_t begins_ms;   /* of the log's oldest record, when older ones are gone; else 0 */
    int64_t last_ms;     /* of the last request that was compared */
    size_t visitors_max; /* LIMIT_WHAT_IF_VISITORS, and less in tests */
    struct u64_set visitors, changed_visitors, cell_visitors;
    struct map cells, losses; /* key -> in the arena */
    struct what_if_cell *first_cell, *last_cell;
    struct what_if_loss *first_loss, *last_loss;
    size_t example_bytes;
    struct buf key; /* scratch */
    struct arena arena;
};

/* NULL: no memory. */
struct what_if *what_if_new(void);
void what_if_free(struct what_if *w);
/* Fills e with the draft and the range. */
question_reader what_if_read;
enum err what_if_run(struct evaluator *ev, struct evaluation *e, struct diag *d);

/* ---- admin_what_if_tally.c ---- */

/* One request in both worlds. ERR_LIMIT: too much to tell apart. */
enum err what_if_count(struct what_if *w, const struct record *r, const struct hit *h,
                       const struct rerun_result *before, const struct rerun_result *after, struct diag *d);
void what_if_write(struct jw *w, const struct what_if *x);

#endif
