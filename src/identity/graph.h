/* graph.h - the deterministic identity graph: which identities are one person.
 *
 * Every identity of a hit is linked to the hit's owner (a star) [PLATFORM 4.3]; a connected set is one profile, named
 * by a profile id that the graph hands out. Two profiles that a hit links become one: the older id stays, and the
 * caller is told, so that it moves fragments and events. At most LIMIT_GRAPH_IDENTITIES identities: past that the rule
 * of [PLATFORM 4.4] drops one, which the caller is told too: it becomes a profile of its own.
 *
 * State      Rows in the hub's table under keys beginning with 'I' (identity -> profile id) and 'G' (profile id ->
 * members and links); docs/formats/graph.md. So links commit together with the offset that made them.
 *
 * Time       Comes from the hit.
 *
 * Threads    The hub's. */
#ifndef IDENTITY_GRAPH_H
#define IDENTITY_GRAPH_H

#include "base/buf.h"
#include "kv/kv.h"
#include "model/identity.h"

/* Class of a namespace, for the overflow rule and for "not people" codes; asked by code. */
enum ns_class { NS_COOKIE, NS_DEVICE, NS_PERSON, NS_PARTNER, NS_NON_PEOPLE };
struct graph_namespaces {
    enum ns_class (*class_of)(void *ctx, struct str scope, struct str code);
    void *ctx;
};

struct graph_member {
    struct str ns, id;
    int64_t first_ms, last_ms;
};
struct graph_edge {
    size_t a, b; /* indexes of members */
    int64_t first_ms, last_ms;
    struct str dataset; /* of the newest assertion */
};
struct graph_view {
    struct graph_member *members; /* arena */
    size_t member_count;
    struct graph_edge *edges;
    size_t edge_count;
};

struct graph_link {
    uint64_t profile;                /* the profile of all linked identities now; never 0 */
    bool created;                    /* it did not exist before */
    const struct identity *owner;    /* of the star: what the hit is filed under; one of the given */
    uint64_t owner_profile;          /* `profile`, unless the cap pushed the owner out */
    uint64_t *merged;                /* arena: profiles that ceased to exist; their data belongs to `profile` now */
    struct graph_view *merged_views; /* of each, as it was */
    size_t merged_count;
    struct identity *dropped;   /* arena: identities that the cap pushed out of the graph */
    uint64_t *dropped_profiles; /* the new profile of each */
    size_t dropped_count;
};

/* Links all identities of a hit at `now_ms`. Values that no graph may hold are left out: empty, over the length limit,
 * placeholders ("null", "undefined", "anonymous", the all-zero UUID), an ECID that is not 38 digits, namespaces that
 * are not people, of partners, or AAID [PLATFORM 4.3]; when none is left, ERR_INVALID. The owner of the star is the
 * primary, else the ECID, else the first of what is left. */
enum err graph_link(struct kv *k, const struct graph_namespaces *ns, struct str scope, const struct identity_set *ids,
                    struct str dataset, int64_t now_ms, struct arena *a, struct graph_link *out, struct diag *d);

/* The value by which an identity is found: itself, or the lower-case form of an e-mail address [PLATFORM B-16].
 * Borrowed, or in the arena; p is NULL when that is exhausted. */
struct str graph_value(struct str ns, struct str id, struct arena *a);
bool graph_same(struct str ns_a, struct str id_a, struct str ns_b, struct str id_b);

/* Profile of an identity. ERR_NOT_FOUND. Email compares in lower case [PLATFORM B-16]. */
enum err graph_profile(struct kv *k, struct str scope, struct str ns, struct str id, uint64_t *profile, struct diag *d);

enum err graph_read(struct kv *k, uint64_t profile, struct arena *a, struct graph_view *out, struct diag *d);

#endif
