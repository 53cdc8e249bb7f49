/* edge.h - the Edge Network: collection and personalization endpoints of protocol v1, as one http_service.
 *
 *   edge_service.c    URL grammar, the order of the checks, the answer's envelope    [EDGE 1, 4]
 *   edge_body.c       request bodies to struct edge_call, with the documented errors [EDGE 2]
 *   edge_identity.c   whose request it is: device identity, primaries, cookies       [EDGE 3.1 .. 3.8]
 *   edge_consent.c    consent of a request, set-consent; edge_tcf.c reads TC strings [EDGE 3.9]
 *   edge_event.c      one event: profile, audiences, decisions, the hit on the log   [EDGE 5, 9]
 *   edge_rules.c      the audiences of a document
 *   edge_notice.c     display and click notifications                                [EDGE 5.8]
 *   edge_reply.c      handles, state:store, Set-Cookie, problems                     [EDGE 4]
 *   edge_media.c      streaming media sessions                                       [EDGE 10]
 *   edge_visitor.c    whose request it is, for the Target part                       [TARGET 7.1]
 *   edge_append.c     a hit to the log, and what it does into the table
 *   edge_follow.c     the thread that applies projections and flushes the table
 *
 * Promises   Nothing is stored before consent is known. A failing rule or offer costs the visitor personalization,
 * never the page. A hit, decisions included, is in the log before its 200 goes out.
 *
 * Threads    Handlers run on HTTP workers and share nothing but the snapshot, the striped profile table and the log. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "config/config.h"
#include "context/geo.h"
#include "edge/remote_offer.h"
#include "http/http.h"
#include "pipeline/pipeline.h"
#include "profile/edge_table.h"

struct edge;

/* The hub of the same process, wired in app/: a first login finds the person at once. pull NULL: the hub is elsewhere,
 * and its projection serves the next request. ERR_NOT_FOUND: the hub does not know the identity either. */
struct edge_hub {
    void *ctx;
    enum err (*pull)(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a, struct projection *out,
                     struct diag *d);
};

struct edge_options {
    struct os *os;
    struct config *config;
    struct topic *collect;    /* this edge's partition */
    const char *collect_name; /* "collect/0": for positions */
    struct topic *projection; /* projection.<hint>, read only */
    const char *dir;          /* of the profile table */
    const char *hint;         /* location hint: "or2" */
    unsigned region_id;       /* Audience Manager region of x-adobe-edge: 9 */
    const char *base_paths;   /* comma list: "ee,ee-pre-prd" */
    bool ack_synced;          /* reply only when the hit is on the disk */
    int64_t profile_ttl_ms;   /* 0: 14 days */
    struct edge_hub hub;
    remote_fetch *fetch;      /* of remote offers; NULL: there are none in answers of the Edge Network */
    const struct geo_db *geo; /* where addresses are; NULL: only what requests say */
};

/* Opens the table and folds the hits that came after its last flush. */
enum err edge_open(const struct edge_options *o, struct edge **out, struct diag *d);
/* Starts the following thread. */
enum err edge_run(struct edge *e, struct diag *d);
void edge_close(struct edge *e);
struct http_service edge_service(struct edge *e);

/* Offset in the edge's partition of collect from which a restart folds again. Any thread. */
uint64_t edge_committed(struct edge *e);
/* Waits until every projection that is on the topic now is applied. ERR_TIMEOUT. */
enum err edge_drain(struct edge *e, uint64_t timeout_us, struct diag *d);

#endif
