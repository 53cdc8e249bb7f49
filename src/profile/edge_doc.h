/* edge_doc.h - one profile as an edge keeps it: small, packed, a fold of hits and projections.
 *
 * Two kinds of visitor facts share the document, keyed by one identity: what the hub projected (memberships,
 * attributes, recent events of the whole person) and what this edge saw itself (events of the last 24 hours, consent,
 * the visitor of the Target part). A device document is keyed by the ECID, a person document by the primary identity of
 * a signed-in request; no stitching happens here [PLATFORM 6.1]. A visitor is stored in one document, its place; the
 * documents of its other identities say where that is (docs/design/0009-decisioning.md).
 *
 * The folds are idempotent and commute, so a record may be applied twice or in another order: events are a set by id,
 * visitors remember which records they have, of links the one that is later on the log stays, projections are ordered
 * by revision.
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
    struct str visitor;       /* visitor_write() bytes; empty: none */
    struct str visitor_at;    /* key of the place; empty: here. The bytes above are what was here before */
    uint64_t visitor_at_from; /* 1 + offset of the record that said so; 0: none did */
    struct str rule_state;    /* cache: rule_state_save() bytes for the graph version in it; empty: build anew */
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
const struct projected_membership *edge_doc_membership(const struct edge_doc *doc, struct str audience);

/* The folds. event_cut says what is kept of an event; NULL: its name and time. They clear the rule state when what it
 * was built from changed. An event becomes part of both documents of its hit: the hub would unite the two and send the
 * device what its owner did. */
enum err edge_doc_fold_owner(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                             struct arena *a, struct diag *d);
enum err edge_doc_fold_device(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                              struct arena *a, struct diag *d);
/* edge_doc_visitor.c: what the hit at `offset` of the edge's partition does to the visitor whose place this is.
 * absorbed: visitor bytes of the places that are united into it. Without memory nothing changes. */
enum err edge_doc_fold_visitor(struct edge_doc *doc, const struct hit *h, int64_t now_ms, uint64_t offset,
                               const struct str *absorbed, size_t absorbed_count, struct arena *a, struct diag *d);
/* Its identity leads to the visitor at `place` from now on; empty: it is one itself. */
void edge_doc_fold_link(struct edge_doc *doc, struct str place, int64_t now_ms, uint64_t offset);
enum err edge_doc_fold_projection(struct edge_doc *doc, const struct projection *p, int64_t now_ms, struct arena *a,
                                  struct diag *d);

#endif
