/* profile_store.h - real-time customer profiles on the hub: fragments, events, memberships, one document per person.
 *
 * A document (key 'P' + profile id) holds the identities, the record fragments (one per dataset and owner identity
 * [PLATFORM 5.1]), the newest events, memberships, the rule state, and the regions whose edges hold the person. Older
 * events are in chunks ('E' + profile id + chunk number), so that one more event rewrites a few KB at most. Everything
 * is packed (docs/formats/profile.md) and lives in the hub's table, so it commits with the offset that caused it.
 *
 *   profile_load -> struct profile (arena) -> profile_put_record / profile_add_event / ... -> profile_save
 *
 * Merge      [PLATFORM 5.3] timestamp order: for each leaf the fragment with the newest ingestion wins; objects leaf by
 * leaf, arrays whole. Ties: smaller dataset id, then smaller identity key. A fragment that was upserted keeps a time
 * per leaf; consent preferences take part as a fragment of their own. A null is no leaf.
 *
 * Events     Ids are indexed in rows of their own ('X'), so that a repeat is found among thousands without reading
 * them.
 *
 * Time       Comes from the hit.
 *
 * Threads    The hub's. */
#ifndef PROFILE_PROFILE_STORE_H
#define PROFILE_PROFILE_STORE_H

#include "base/buf.h"
#include "kv/kv.h"
#include "model/hit.h"
#include "profile/profile_names.h"

struct profile_fragment {
    struct str dataset;
    struct str ns, id; /* the owner identity */
    int64_t ingested_ms;
    struct str batch;
    struct str json;  /* the record's text */
    struct str times; /* where upserts made leaves differ in age: an object like json, with ms as leaves; a number
                         stands for everything below it. Empty: all are of ingested_ms */
};

struct profile_event {
    struct str id; /* xdm._id */
    int64_t ms;    /* xdm.timestamp */
    struct str dataset;
    struct str ns, owner; /* the identity that it is filed under */
    struct str region;    /* whose edge accepted it under that identity and has it in its document; empty: none */
    uint64_t device_hash; /* of the ECID beside the owner: that edge has it in this document too; 0: none */
    struct str json;
    struct str cut; /* what edges get of it, made when it came, for the cut with this signature; 0: not made */
    uint32_t cut_signature;
};

struct profile_membership {
    struct str audience; /* id; borrowed from the names once it is in a profile */
    bool member;         /* realized, else exited [SEGMENTATION 15.2] */
    int64_t since_ms;    /* lastQualificationTime */
    uint32_t number;     /* of the id in the names; 0: to be found */
    uint64_t run;        /* of an external audience: stamp of the newest run that named the person; else 0 */
};

struct profile_region {
    struct str region;
    int64_t seen_ms;
    struct str ns, id;  /* the identity by which that edge knows the person: its document's key */
    uint64_t projected; /* hash of what was projected there last, 0: nothing was */
};

struct profile_cache; /* what was derived from a loaded profile */

struct profile {
    uint64_t id;
    struct str scope;
    struct profile_names *names; /* borrowed */
    bool created;                /* not in the table before */
    bool consent_out;
    bool opted_out; /* of audiences, when they were evaluated last [SEGMENTATION 16.5] */
    int64_t changed_ms;
    struct str consent; /* preferences as JSON, empty: none */
    int64_t consent_ms; /* of their last change */
    struct profile_fragment *fragments;
    size_t fragment_count;
    struct profile_membership *memberships; /* by number */
    size_t membership_count;
    bool has_runs; /* some entries may be of external audiences */
    struct profile_region *regions;
    size_t region_count;
    struct str rule_state;        /* rule_state_save() bytes, empty: none */
    struct profile_event *recent; /* newest events, not chunked yet, in time order */
    size_t recent_count;
    uint32_t first_chunk;     /* number of the oldest chunk that is kept */
    uint32_t chunk_count;     /* full chunks below recent */
    int64_t chunks_newest_ms; /* no event in a chunk is newer */
    uint32_t event_count;     /* of all */
    struct str *lost;         /* arena: audiences that two profiles were members of before they became one, or that the
                                 absorbed one was a member of and this one left later: one member less each */
    size_t lost_count;
    struct arena *arena;
    struct profile_cache *cache; /* arena */
    size_t fragment_cap, membership_cap, region_cap, recent_cap;
};

/* An absent document is an empty profile with created = true. ERR_UNSUPPORTED: a document of another version. */
enum err profile_load(struct kv *k, struct profile_names *names, struct str scope, uint64_t id, struct arena *a,
                      struct profile *out, struct diag *d);
/* The same for an id that is known to have no document. */
enum err profile_new(struct kv *k, struct profile_names *names, struct str scope, uint64_t id, struct arena *a,
                     struct profile *out, struct diag *d);
/* due_ms: next instant at which something flips by itself, 0: none. */
enum err profile_save(struct kv *k, const struct profile *p, int64_t due_ms, struct diag *d);

/* A record row: replaces the fragment of (dataset, owner), or merges into it leaf by leaf when upsert (a null deletes).
 */
enum err profile_put_record(struct profile *p, const struct profile_fragment *f, bool upsert, struct diag *d);
/* Appends an event; *duplicate when its id is there already: the profile stays as it is, because what was counted from
 * the first one must stay true [PLATFORM 5.1]. Past LIMIT_PROFILE_EVENTS the oldest chunk goes, and with it the rule
 * state, which counted its events. */
enum err profile_add_event(struct kv *k, struct profile *p, const struct profile_event *e, bool *duplicate,
                           struct diag *d);
/* All events in time order (ties: arrival), parsed: for rebuilds and reading. */
enum err profile_events(struct kv *k, const struct profile *p, struct arena *a, const struct json ***events,
                        struct profile_event **raw, size_t *n, struct diag *d);
/* Events with a time in (after_ms, ...], at most n_max of the newest, in time order, not parsed: for projections. */
enum err profile_events_after(struct kv *k, const struct profile *p, int64_t after_ms, size_t n_max, struct arena *a,
                              struct profile_event **raw, size_t *n, struct diag *d);
/* The merged record attributes, an object, with the consent preferences as "consents"; identityMap is not among them.
 * Kept with the profile until a fragment changes. `a` is the arena that the profile was loaded into. */
enum err profile_merge(const struct profile *p, struct arena *a, const struct json **merged, struct diag *d);
/* Consent preferences: laid over those that are there, or instead of them. */
enum err profile_put_consent(struct profile *p, const struct json *preferences, bool replace, int64_t now_ms,
                             struct diag *d);
/* NULL: never was a member. */
const struct profile_membership *profile_membership(const struct profile *p, struct str audience);
const struct profile_membership *profile_membership_numbered(const struct profile *p, uint32_t number);
/* Adds or replaces the entry; an id without a number gets one. ERR_NOMEM. */
enum err profile_put_membership(struct profile *p, const struct profile_membership *m, struct diag *d);
/* Replaces all entries by a list of the profile's arena with room for cap, in order of their numbers. */
void profile_set_memberships(struct profile *p, struct profile_membership *list, size_t n, size_t cap);
/* When the stored row is due: next_flip_ms of the last profile_save(). ERR_NOMEM. */
enum err profile_due(struct kv *k, const struct profile *p, int64_t *due_ms, struct diag *d);
/* Takes over everything of `from` (fragments, events, regions, memberships by newest time); from's rows are deleted. */
enum err profile_absorb(struct kv *k, struct profile *p, uint64_t from, struct diag *d);
/* Moves what is filed under one identity to another profile, which is saved: the cap pushed the identity out.
 * Memberships stay [PLATFORM 4.5]; both rule states are to be built anew. */
enum err profile_split(struct kv *k, struct profile *p, struct str ns, struct str id, uint64_t to, struct diag *d);
/* Of an event's device_hash. */
uint64_t profile_device_hash(struct str ecid);
/* Regions not seen for LIMIT_EDGE_PROFILE_TTL_MS go. */
void profile_mark_region(struct profile *p, struct str region, struct str ns, struct str id, int64_t now_ms);

/* Key of the document, and back: for timers and sweeps. */
void profile_key(struct buf *out, struct str scope, uint64_t id);
bool profile_key_read(struct str key, struct str *scope, uint64_t *id);

#endif
