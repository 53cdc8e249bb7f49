/* edge_rerun.h - a recorded request on its way once more (decide/rerun.h): what the files that decide requests ask when
 * there is no client, no header and no document any more, but a hit. A live request has none of this.
 *
 *   rerun.c            worlds: their life, and a hit in them
 *   rerun_visitor.c    who the visitor is, before and after
 *   rerun_given.c      what the world gave him
 *   rerun_request.c    what deciding asks of the hit, and what came of it
 *   rerun_delivery.c   a delivery request
 *   rerun_event.c      an event of the Edge Network */
#ifndef EDGE_EDGE_RERUN_H
#define EDGE_EDGE_RERUN_H

#include "decide/decision.h"
#include "decide/rerun.h"
#include "edge/edge_int.h"
#include "visitor/visitor.h"

struct edge_rerun {
    struct arena *arena;
    const struct snapshot *snap;
    const struct scope_view *view;
    const struct hit *hit;
    int64_t now_ms;
    bool explain;
    struct visitor visitor; /* before the request; not opened */
    struct edge_doc person; /* as the hit says */
    bool knows_audiences;   /* the hit says which; else the first that asks makes the result not to be believed */
    unsigned script_runs;   /* locations so far */
    struct str given;       /* what this world gave the visitor: rerun_given() */
    bool was_given;         /* something, at some time */
    struct rerun_result result;
    size_t decision_room, loss_room;
    struct hit decided; /* what the world learns of it, in the end */
    enum err rc;
    struct diag *d;
};

/* ---- rerun_request.c: what a request asks ---- */

bool rerun_in_audience(struct edge_rerun *r, struct str id);
void rerun_lacks(struct edge_rerun *r, enum rerun_missing what);
bool rerun_header(struct edge_rerun *r, struct str name, struct str *value);
/* A location was decided. */
void rerun_took(struct edge_rerun *r, struct decision *x, struct str location, const struct decision_result *taken,
                bool prefetched);
/* ---- rerun_given.c ---- */
/* What a token of the activity means in this world; false: nothing, the visitor was not given it. Where he may have
 * been and the world has forgotten it, the result is not to be believed. */
bool rerun_given(struct edge_rerun *r, struct str activity, struct str *experience);
/* edge_rerun.given after these decisions: the newest LIMIT_RERUN_GIVEN activities. p NULL: no memory. */
struct str rerun_give(struct str given, const struct rerun_decision *decisions, size_t n, struct arena *a);

/* ---- both fill r->decided and r->result, and open r->visitor ---- */

struct delivery;
enum err rerun_delivery(struct delivery *x, struct edge_rerun *r, struct diag *d);
enum err rerun_event(struct edge_rerun *r, struct diag *d);

#endif
