/* config.h - the control plane's objects: a compacted topic, folded into one immutable snapshot.
 *
 * Every object is a JSON document with a kind, a scope ("org/sandbox", or "org" for what belongs to an organisation)
 * and an id. Saving one validates it together with everything that refers to it, appends it to the `config` topic,
 * compiles a new snapshot and swaps it in; a bad object is refused with a precise message and changes nothing. Readers
 * take a snapshot once per request and never see half a change.
 *
 * Kinds (docs/formats/config.md has the members of each)
 *   org, sandbox, credential, namespace, schema, descriptor, dataset, inlet, mergePolicy, audience (segment
 * definition), datastream, destination, property, targetAudience, offer, activity, batch, fieldgroup, connection,
 * sourceConnection, targetConnection, flow, segmentJob, exportJob, schedule, environment, host, exclusionGroup,
 * allocation, model, profileScript, responseToken, targetSettings, counter (last number given to a kind)
 *
 * Roles      The writing process (all, hub) saves; an edge process follows the topic with config_follow.
 * Threads    config_get/snapshot_*: any. config_put: any, serialised inside.
 * Cost       Saving an audience compiles that audience; what it costs besides is copies of lists and of the graph's
 * arrays, 1 ms per 1,000 audiences of the scope. An offer or a flow leaves the graph alone, and costs 0.2 ms besides
 * the disk. Opening: 7 us per audience. snapshot_get and _put: 9 ns. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/map.h"
#include "codec/json.h"
#include "decide/decide.h"
#include "identity/graph.h"
#include "model/subset.h"
#include "pipeline/pipeline.h"
#include "script/script.h"
#include "segment/membership.h"

struct config;
struct snapshot;

/* ---- the snapshot ---- */

struct datastream {
    struct str id;
    struct str org; /* "....@AdobeOrg" */
    struct str sandbox;
    struct str scope; /* org/sandbox */
    bool enabled;
    bool platform; /* com_adobe_experience_platform.enabled */
    bool edge_segmentation;
    bool edge_destinations;
    bool target;
    struct str property_token;
    struct str event_dataset; /* empty: events are not stored */
    struct str profile_dataset;
    struct str fpid_cookie; /* empty: none */
    struct str third_party_id_namespace;
    bool authenticated;           /* accessType "authenticated" */
    const struct json *overrides; /* allowed override values, NULL: none */
    const struct json *object;
};

/* Something audiences and attributes are mapped to, for one datastream [PLATFORM 7.1]. */
struct destination {
    struct str id;
    struct str alias;      /* integration alias of a custom personalization connection */
    bool target;           /* a Target connection: feeds decisions; else custom personalization: activation:pull */
    struct str datastream; /* empty: none */
    struct str *audiences;
    size_t audience_count;
    struct str *attributes; /* dotted paths */
    size_t attribute_count;
    bool enabled;
};

/* The two halves of "org/sandbox"; of "org", itself and the empty text. */
struct str scope_org(struct str scope);
struct str scope_sandbox(struct str scope);

/* Compiled view of one scope. */
struct scope_view {
    struct str scope, org, sandbox;
    struct segment_set hub_segments;  /* all draft and published audiences */
    struct segment_set live_segments; /* those that the hub keeps true between jobs: the same, or without batch ones
                                         when the sandbox is strict [SEGMENTATION 14.4] */
    struct segment_set edge_segments; /* those mapped to an edge destination (and what they refer to) whose look-back is
                                         at most 24 hours: evaluated in the request */
    struct str *projected_audiences;  /* ids mapped to a destination or read by an activity or an edge audience that
                                         edges do not evaluate themselves; all of them when a datastream has edge
                                         segmentation off */
    size_t projected_audience_count;
    struct str
        *projected_paths; /* attribute paths that may reach an edge: mapped, in ${aep.}, read by edge audiences */
    size_t projected_path_count;
    struct str *event_paths; /* event paths that edge audiences read: what a projected event keeps */
    size_t event_path_count;
    const struct subset *event_cut; /* those paths with _id and timestamp: what edges keep of an event */
    struct decide_set *decide;
    struct destination *destinations;
    size_t destination_count;
    struct hash_key token_key;
    const struct script_text *scripts; /* active profile scripts, by name */
    size_t script_count;
    uint64_t scripts_version; /* changes when one of them does; never 0 */
};

struct snapshot {
    uint64_t version;                     /* offset of the newest config record in it, + 1 */
    struct map datastreams;               /* id -> struct datastream */
    struct map scopes;                    /* "org/sandbox" -> struct scope_view */
    const struct config_objects *objects; /* for look-ups by kind: snapshot_object */
};

/* Borrow until snapshot_put; never hold one across requests. */
const struct snapshot *snapshot_get(struct config *c);
void snapshot_put(struct config *c, const struct snapshot *s);
const struct datastream *snapshot_datastream(const struct snapshot *s, struct str id);
const struct scope_view *snapshot_scope(const struct snapshot *s, struct str scope);
/* The stored document of an object; NULL when absent. */
const struct json *snapshot_object(const struct snapshot *s, struct str kind, struct str scope, struct str id);
/* All objects of a kind in a scope, in order of creation. */
void snapshot_each(const struct snapshot *s, struct str kind, struct str scope,
                   void (*each)(void *ctx, struct str id, const struct json *object), void *ctx);
/* The object of that kind and id in whichever scope it is: for paths that carry no organisation (inlets, credentials).
 * *scope is borrowed from the snapshot. */
const struct json *snapshot_find(const struct snapshot *s, struct str kind, struct str id, struct str *scope);
/* Version of an object: the offset of its record + 1, 0 when absent. Changes with every save: what etags are made from.
 */
uint64_t snapshot_object_version(const struct snapshot *s, struct str kind, struct str scope, struct str id);
/* What an audience's expression compiled to, and the ids that it names in inSegment(). NULL: no such audience, or one
 * without an expression. */
const struct rule *snapshot_audience_rule(const struct snapshot *s, struct str scope, struct str id,
                                          const struct str **refs, size_t *ref_count);
/* Members come with files: type ExternalSegment or ExternalAudience [SEGMENTATION 16.1]. */
bool audience_is_external(const struct json *audience);
/* People who opted out may be members: dataGovernancePolicy.excludeOptOut is false [SEGMENTATION 16.5]. */
bool audience_opted_out_too(const struct json *audience);
/* Compiles an expression that is not saved, as saving an audience does: fields by the sandbox's schemas, messages with
 * code and place. json: pql/json. *out is owned: rule_free(). ERR_INVALID, ERR_LIMIT. */
enum err snapshot_expression(const struct snapshot *s, struct str scope, struct str source, bool json,
                             struct rule **out, struct diag *d);
/* Class of a namespace code: standard ones [PLATFORM 4.1] and the scope's own. */
enum ns_class snapshot_namespace_class(const struct snapshot *s, struct str scope, struct str code);

/* ---- the store ---- */

struct config_options {
    struct os *os;
    struct topic *topic; /* `config`, compacted; writable unless this process follows */
    size_t objects_max;  /* 0: LIMIT_OBJECTS */
};

/* Reads the topic to its end and compiles. ERR_CORRUPT: an object on the log does not compile. */
enum err config_open(const struct config_options *o, struct config **out, struct diag *d);
void config_close(struct config *c);
/* Following process: applies records that came since; call it in a loop with a timeout. */
enum err config_follow(struct config *c, uint64_t timeout_us, struct diag *d);

/* Saves one object: `json` is the whole document. ERR_INVALID, ERR_EXISTS (name used), ERR_LIMIT with d->path and
 * d->what. Returns when the snapshot in force contains it, and it is on the log (synced). */
enum err config_put(struct config *c, struct str kind, struct str scope, struct str id, struct str json, int64_t now_ms,
                    struct diag *d);
/* ERR_NOT_FOUND; ERR_INVALID when something refers to it. */
enum err config_delete(struct config *c, struct str kind, struct str scope, struct str id, int64_t now_ms,
                       struct diag *d);

/* Several objects at once: all or none, one append, one new snapshot. */
#define CONFIG_ANY_VERSION UINT64_MAX
struct config_change {
    struct str kind, scope, id;
    struct str json; /* p == NULL: delete */
    uint64_t
        version; /* snapshot_object_version() that the caller built upon (0: must not exist), or CONFIG_ANY_VERSION */
};
/* As config_put and config_delete. ERR_EXISTS with d->path "@version": the object is not at that version (any more). */
enum err config_apply(struct config *c, const struct config_change *changes, size_t n, int64_t now_ms, struct diag *d);

/* The configuration as it would be after the changes: checked as saving checks them, on no log, in force for nobody.
 * snapshot_put() frees it. Errors as config_apply. */
enum err config_draft(struct config *c, const struct config_change *changes, size_t n, const struct snapshot **out,
                      struct diag *d);
/* The configuration that was in force at a version (snapshot.version), read from the log anew: as long as opening
 * takes. snapshot_put() frees it. ERR_NOT_FOUND: there was none yet, or an object of it was replaced longer ago than
 * config-history-days and is not on the log any more. */
enum err config_as_of(struct config *c, uint64_t version, const struct snapshot **out, struct diag *d);

/* ---- what objects were ---- */

/* A record of an object: how it was saved, or that it was deleted. Of kinds of the Target part the newest
 * LIMIT_REVISIONS of each object stay on the log for good, of one that is deleted until the log was compacted twice; of
 * other kinds, and older ones, as long as config-history-days says. */
struct config_revision {
    uint64_t version; /* as of objects: it grows with time */
    int64_t time_ms;
    struct str id;
    struct str json; /* p == NULL: deleted */
    bool first;      /* the object's first record */
};
/* Calls each() with those of a kind in a scope, of one object, or of all when id.p is NULL, oldest first; a revision is
 * borrowed for the call. Reads the whole topic: 1 us a record. */
enum err config_revisions(struct config *c, struct str kind, struct str scope, struct str id,
                          enum err (*each)(void *ctx, const struct config_revision *r, struct diag *d), void *ctx,
                          struct diag *d);
/* For topic_options.revisions of the topic. */
unsigned config_revisions_kept(struct str key);

#endif
