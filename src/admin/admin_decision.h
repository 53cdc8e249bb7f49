/* admin_decision.h - why a visitor got what he got, long afterwards (docs/explain.md).
 *
 *   admin_decision.c        the routes: a visitor's decisions, one decision
 *   admin_decision_find.c   a visitor's hits on the log
 *   admin_decision_why.c    a request decided again as it was, and told */
#ifndef ADMIN_ADMIN_DECISION_H
#define ADMIN_ADMIN_DECISION_H

#include "admin/admin_target.h"
#include "base/limits.h"
#include "decide/rerun.h"

/* The ids under which a visitor's hits stand. */
struct visitor_ids {
    struct str items[LIMIT_DECISION_IDS]; /* arena */
    size_t n;
    bool full; /* there are more, whose hits are not found */
    struct arena *arena;
};

/* false: no memory. Without what follows a Target id's first dot. */
bool visitor_ids_add(struct visitor_ids *ids, struct str id);
/* Those that the hit says are one visitor. */
void visitor_ids_learn(struct visitor_ids *ids, const struct hit *h);

/* A walk over the visitor's hits in a range, oldest first. */
struct decision_walk {
    struct admin *admin;
    struct str scope;
    struct visitor_ids *ids;
    int64_t since_ms, until_ms;
    uint64_t before;   /* offset: hits before it */
    int64_t bytes_max; /* LIMIT_DECISION_SCAN_BYTES, and less in tests: read in each pass */
    /* h is borrowed for the call. */
    enum err (*each)(void *ctx, const struct record *r, const struct hit *h, struct arena *a, struct diag *d);
    void *ctx;
    /* what the walk found */
    bool begun;        /* there is a record */
    bool cut;          /* the log lost records, and begins after since_ms */
    int64_t begins_ms; /* of the first record that there is */
    bool stopped;      /* bytes_max would be passed; nothing from stopped_ms on was read */
    int64_t stopped_ms;
};
/* First until all ids are known, then calls each(). */
enum err decision_walk(struct decision_walk *w, struct diag *d);

/* One request: the answer's members into the open object. index SIZE_MAX: all its decisions. */
enum err decision_why(struct call *call, const struct record *r, const struct hit *h, size_t index, struct arena *a,
                      struct jw *w, struct diag *d);

#endif
