/* delivery.h - the delivery API of the Target part, as one http_service [TARGET 1].
 *
 *   POST /rest/v1/delivery?client=..&sessionId=..[&imsOrgId=..]
 *   POST /rest/v1/mbox/{sessionId}?client=..
 *   POST /rest/v2/batchmbox?client=..&sessionId=..
 *   GET  /m2/{client}/ubox/{image|page|raw}?mbox=..&mboxDefault=..
 *
 *   delivery_service.c   path, tenant, statuses, the order of the checks
 *   delivery_session.c   requests of one session one after the other, at most LIMIT_DELIVERY_SESSION_REQUESTS
 *   delivery_read.c      body -> struct delivery_call, with every rule of 1.2 (delivery_rule.c has the rules' words)
 *   delivery.c           the order of work [TARGET 1.3]: visitor, notifications, execute, prefetch, hit
 *   delivery_place.c     one location: parameters, scripts, metrics, decision
 *   delivery_notice.c    notifications and their tokens
 *   delivery_write.c     the answer
 *   mbox_*.c             the older endpoints: their bodies become delivery requests, their answers come of one's answer
 *   rerun*.c             recorded requests once more (decide/rerun.h)
 *
 * Promises   An error changes nothing. A hit, with the request and what was decided, is in the log before its answer
 * goes out. A prefetch stores nothing. A failing rule, offer or script costs its own content. Threads    Handlers run
 * on HTTP workers and share the snapshot, the edge's table, the log and the table of sessions. */
#ifndef EDGE_DELIVERY_H
#define EDGE_DELIVERY_H

#include "decide/rerun.h"
#include "edge/edge.h"

struct delivery;

struct delivery_options {
    struct edge *edge;
    const char *edge_host; /* what answers name as edgeHost; empty: nothing. Four parts make SDKs leave [TARGET 0.3] */
};

/* ERR_INVALID: edge_host has four parts. */
enum err delivery_open(const struct delivery_options *o, struct delivery **out, struct diag *d);
void delivery_close(struct delivery *x);
struct http_service delivery_service(struct delivery *x);
/* rerun.c: what decides recorded requests again, those of the Edge Network too. Borrows x. */
struct rerun_ops delivery_rerun(struct delivery *x);

#endif
