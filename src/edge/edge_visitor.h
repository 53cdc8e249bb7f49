/* edge_visitor.h - whose request it is, for the Target part: identities to the one document that has the visitor.
 *
 * A visitor is stored in one place; his other identities' documents lead there, in one step (visitor_at). The rules,
 * for a request with Target id T, third-party or signed-in customer ids P, and ECID E  [TARGET 7.1]:
 *
 *   some P known        its place. A place of T or E that is anonymous is absorbed; one of somebody else is left alone
 *   P given, unknown    T's place, else E's, when it is anonymous or was his before; else a new one under P
 *   no P                T's place, else E's; the other one's is absorbed when it is anonymous
 *   nobody known        a new one: under E, else under T
 *
 * and every id that was given leads to the place from now on, except signed-in ids that are somebody else's already.
 *
 * What was found must be said by the hit (at, links, absorbs): a fold resolves nothing.
 * A document not seen for its life is absent (edge_table.h), so its visitor is new. An id that leads elsewhere is
 * linked again once in a fourteenth of that life, for not to be forgotten while it is in use. */
#ifndef EDGE_EDGE_VISITOR_H
#define EDGE_EDGE_VISITOR_H

#include "base/rng.h"
#include "edge/edge.h"
#include "visitor/visitor.h"

struct edge_visitor_ids {
    struct str tnt_id; /* as the client has it: what follows the first dot names an edge and is not looked at */
    struct str third_party_id;
    struct str ecid;
    const struct identity *customers; /* signed in: integration code and id; the first LIMIT_VISITOR_NAMES count */
    size_t customer_count;
};

struct edge_visitor {
    bool known;             /* before this request */
    struct visitor visitor; /* a copy, united with what it absorbs; not opened */
    struct str key;         /* of the place's document, and its version for edge_prepared */
    struct edge_doc doc;
    uint32_t version;
    struct edge_doc person; /* of the first id, P before E, that the hub knows: audiences and attributes; else empty */
    struct str tnt_id;      /* to answer: the client's, the visitor's, else a new one */
    struct identity at;     /* for hit_visit */
    struct identity_set links, absorbs;
};

/* rng: of the worker, for a new Target id; NULL: none is made, tnt_id may be empty. Stores nothing but what it fetched
 * from the hub. ERR_NOMEM. */
enum err edge_visitor_find(struct edge *e, const struct snapshot *snap, struct str scope,
                           const struct edge_visitor_ids *ids, struct rng *rng, int64_t now_ms, struct arena *a,
                           struct edge_visitor *out, struct diag *d);

/* The namespace of third-party ids in a scope: a setting, so that they are those of identity maps. */
struct str edge_third_party_ns(const struct snapshot *snap, struct str scope);
/* edge_geo.c: where a visitor is, who was opened (visitor_open). Members that the request said (an object as the
 * delivery API's context.geo, or NULL) win one by one over the session's; in a session without a place the address is
 * looked up, said.ipAddress before the client's. NULL: nothing is known, or no memory. */
const struct json *edge_geo(const struct edge *e, const struct visitor *v, const struct json *said,
                            struct str client_ip, struct arena *a);

#endif
