/* edge_doc.h - one profile as an edge keeps it: small, packed, a fold of hits and projections.
 *
 * Two kinds of visitor facts share the document, keyed by one identity: what the hub projected (memberships,
 * attributes, recent events of the whole person) and what this edge saw itself (events of the last 24 hours, sticky
 * experiences, visitor parameters, consent). A device document is keyed by the ECID, a person document by the primary
 * identity of a signed-in request; no stitching happens here [PLATFORM 6.1].
 *
 * The folds are idempotent and commute, so a record may be applied twice or in another order: events are a set by id,
 * assignments a map by activity in which the first stays, projections are ordered by revision.
 *
 * Format     docs/formats/edge.md.   Ownership  Everything is in the arena or borrowed from the bytes it was read from.
 */
#ifndef PROFILE_EDGE_DOC_H
#define PROFILE_EDGE_DOC_H

#include "model/hit.h"
#include "model/projection.h"
#include "model/subset.h"

enum consent_state { CONSENT_UNKNOWN, CONSENT_IN, CONSENT_OUT };

struct edge_event {
    uint64_t id_hash; /* of xdm._id */
    int64_t ms;       /* xdm.timestamp */
    struct str json;  /* cut to the paths that the edge's rules read, with _id and timestamp */
};

struct edge_assignment {
    struct str activity, experience;
};

struct edge_doc {
    bool known;     /* it was in the table */
    bool projected; /* a projection was applied */
    int64_t first_ms, seen_ms;
    uint64_t rev; /* of the newest projection */
    struct projected_membership *memberships;
    size_t membership_count;
    struct str attributes; /* JSON object, empty: none */
    enum consent_state consent;
    struct edge_event *events; /* in time order */
    size_t event_count;
    struct edge_assignment *assignments;
    size_t assignment_count;
    struct str profile_params; /* JSON object, empty: none */
    struct str rule_state;     /* cache: rule_state_save() bytes for the graph version in it; empty: build anew */
};

void edge_doc_write(struct buf *out, const struct edge_doc *d);
/* Cuts the document until edge_doc_write() makes at most bytes_max of it (at least 64). The oldest events go first,
 * then what is rebuilt or projected again; what was assigned last stays longest. Arrays are not changed, only their
 * ends. */
void edge_doc_fit(struct edge_doc *d, size_t bytes_max);
/* ERR_CORRUPT. */
enum err edge_doc_read(struct str bytes, struct arena *a, struct edge_doc *out, struct diag *d);

/* Adds an event unless its id is there; drops what is older than 24 hours before now_ms and keeps the newest
 * LIMIT_EDGE_EVENTS. false: the arena is exhausted. */
bool edge_doc_add_event(struct edge_doc *doc, struct str event_id, int64_t event_ms, struct str json, int64_t now_ms,
                        struct arena *a);
bool edge_doc_has_event(const struct edge_doc *doc, struct str event_id);
bool edge_doc_assign(struct edge_doc *doc, struct str activity, struct str experience, struct arena *a);
const struct projected_membership *edge_doc_membership(const struct edge_doc *doc, struct str audience);

/* The folds. event_cut says what is kept of an event; NULL: its name and time. They clear the rule state when what it
 * was built from changed. An event becomes part of both documents of its hit: the hub would unite the two and send the
 * device what its owner did. */
enum err edge_doc_fold_owner(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                             struct arena *a, struct diag *d);
enum err edge_doc_fold_device(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                              struct arena *a, struct diag *d);
enum err edge_doc_fold_projection(struct edge_doc *doc, const struct projection *p, int64_t now_ms, struct arena *a,
                                  struct diag *d);

#endif
