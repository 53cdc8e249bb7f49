/* config_int.h - objects in memory and the compiled parts of a snapshot. Shared inside config/ only.
 *
 *   config_object   one stored document with what is compiled from it alone; immutable, counted
 *   config_bucket   all objects of one kind in one scope: two arrays of pointers; immutable, counted
 *   config_objects  all buckets; one per snapshot
 *   parts           what is compiled from several objects of a scope: audiences, edge audiences, decisions, schemas
 *
 * A save copies the buckets that it touches and the list of buckets, and makes the parts anew whose objects changed;
 * all else is shared with the snapshot before, by count. So saving an offer costs nothing for 4,000 audiences. */
#ifndef CONFIG_CONFIG_INT_H
#define CONFIG_CONFIG_INT_H

#include <stdatomic.h>

#include "config/config.h"
#include "os/thread.h"
#include "pql/pql.h"

/* Count of holders. Atomic because the last reader of a snapshot frees it on its own thread; nothing else is lock-free.
 */
struct refcount {
    atomic_uint n;
};

static inline void
ref_init(struct refcount *r)
{
    atomic_init(&r->n, 1);
}

static inline void
ref_take(struct refcount *r)
{
    atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

/* True for the last holder, who frees. */
static inline bool
ref_drop(struct refcount *r)
{
    return atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

struct config_object {
    struct refcount refs;
    struct arena arena; /* everything below lives in it, but rule */
    struct str kind, scope, id;
    const struct json *json;
    uint64_t version;         /* offset of its record + 1 */
    uint64_t created;         /* offset of the object's first record + 1: the order of creation */
    struct rule *rule;        /* audience with an expression: owned */
    uint64_t meaning;         /* audience: hash of what membership depends on; here, for a save asks all for theirs */
    struct str *segment_refs; /* audience: ids in inSegment() */
    size_t segment_ref_count;
    struct datastream *datastream;
    struct destination *destination;
};

struct config_bucket {
    struct refcount refs;
    struct str kind, scope;
    struct config_object **by_id;    /* sorted by id */
    struct config_object **in_order; /* sorted by created */
    size_t n;
};

struct config_objects {
    struct config_bucket **buckets; /* sorted by kind, then scope */
    size_t n;
    size_t object_count;
    bool trusted; /* read from the log: what one save checked against all others is not checked again */
};

/* ---- config_objects.c ---- */

/* Parses and keeps one document; kind's own compiled form is added by config_validate.c. ERR_INVALID: not a JSON
 * object. */
enum err object_new(struct str kind, struct str scope, struct str id, struct str json, struct config_object **out,
                    struct diag *d);
struct config_object *object_ref(struct config_object *o);
void object_unref(struct config_object *o);
struct config_bucket *bucket_ref(struct config_bucket *b); /* NULL passes */
void bucket_unref(struct config_bucket *b);
const struct config_bucket *objects_bucket(const struct config_objects *all, struct str kind, struct str scope);
struct config_object *bucket_get(const struct config_bucket *b, struct str id); /* b may be NULL */
struct config_object *objects_get(const struct config_objects *all, struct str kind, struct str scope, struct str id);
/* A copy that shares all buckets. NULL: no memory. */
struct config_objects *objects_copy(const struct config_objects *all);
void objects_free(struct config_objects *all);
/* From scratch, taking over the counts of all n. */
enum err objects_build(struct config_object **list, size_t n, struct config_objects **out, struct diag *d);
/* Puts (taking over the caller's count) or replaces; removes. On an own copy only. ERR_NOMEM. */
enum err objects_put(struct config_objects *all, struct config_object *o, struct diag *d);
enum err objects_remove(struct config_objects *all, struct str kind, struct str scope, struct str id, struct diag *d);
/* The record key: kind US scope US id. */
#define CONFIG_US '\x1f'
void object_key(struct buf *out, struct str kind, struct str scope, struct str id);
bool object_key_read(struct str key, struct str *kind, struct str *scope, struct str *id);
/* The org object of a scope, NULL: none. */
const struct json *objects_org(const struct config_objects *all, struct str scope);

/* ---- config.c ---- */

struct topic *config_topic(const struct config *c);

/* ---- config_validate.c, config_check.c ---- */

/* What a kind is: where it lives, and how it is checked beside `all`, which holds it already. */
struct config_kind {
    const char *name;
    bool of_org; /* scope is the organisation, else org/sandbox */
    enum err (*check)(const struct config_objects *all, struct config_object *o, struct diag *d);
};
const struct config_kind *kind_find(struct str name);
/* Checks the object and fills its compiled form. */
enum err object_check(const struct config_objects *all, struct config_object *o, struct diag *d);
/* The first object in `all` that refers to o (which need not be in it); NULL: none. */
const struct config_object *objects_user(const struct config_objects *all, const struct config_object *o);
/* The other objects of o's kind and scope, for "is it unique?"; NULL when that was asked already (trusted). */
const struct config_bucket *objects_others(const struct config_objects *all, const struct config_object *o);

/* Reading members with messages that name them. */
enum err want_str(const struct json *o, const char *member, bool required, size_t bytes_max, struct str *out,
                  struct diag *d);
enum err want_bool(const struct json *o, const char *member, bool otherwise, bool *out, struct diag *d);
/* The member is the object's id, as text or as a number. */
enum err want_id(const struct config_object *o, const char *member, struct diag *d);
enum err check_schema_object(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_fieldgroup(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_descriptor(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_dataset(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_datastream(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_destination(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_audience(const struct config_objects *all, struct config_object *o, struct diag *d);
enum err check_schedule(const struct config_objects *all, struct config_object *o, struct diag *d);

/* ---- config_target.c ---- */

const struct config_kind *kind_find_target(struct str name); /* NULL: none of Target's */
/* Of an activity that was deleted its object stays, for revisions and reports: it uses nothing. */
bool target_is_deleted(const struct config_object *o);
/* "", "UTC" and "GMT" are 0, "+02:00" and "UTC+02:00" 120. false: something else. */
bool target_zone_minutes(struct str zone, int *minutes);

/* ---- config_lifecycle.c ---- */

/* ERR_INVALID: an unknown state, one that parents or children do not allow, or a cycle. */
enum err check_lifecycle(const struct config_objects *all, struct config_object *o, struct diag *d);
/* Draft or published. */
bool audience_is_evaluated(const struct config_object *o);
bool audience_refers(const struct config_object *o, struct str id);
/* The first evaluated audience that refers to this one; NULL: none. */
const struct config_object *audience_user(const struct config_objects *all, struct str scope, struct str id);

/* ---- config_audience.c ---- */

struct schema_part;

/* An expression that belongs to no object. */
enum err expression_compile(struct str source, enum pql_format format, const struct schema_part *schemas,
                            struct rule **out, struct diag *d);
/* The audience's expression; schemas (may be NULL) say which fields there are. ERR_INVALID, ERR_LIMIT: d->path is
 * expression.value, d->pos the place in it. *out is owned. */
enum err audience_compile(const struct config_object *o, const struct schema_part *schemas, struct rule **out,
                          struct diag *d);
/* Does the audience's expression suit the fields of its sandbox? Only asked when it is new or changed: `before` is the
 * object that it replaces, or NULL. */
enum err audience_check_fields(const struct config_object *o, const struct config_object *before,
                               const struct schema_part *schemas, struct diag *d);

/* ---- config_external.c ---- */

enum err audience_check_external(const struct config_objects *all, const struct config_object *o, struct diag *d);
/* The published external audiences of the bucket (may be NULL), into the set. */
enum err audience_externals(const struct config_bucket *b, struct arena *a, struct segment_set *set, struct diag *d);

/* ---- config_texts.c ---- */

/* A list of texts without repeats. */
struct config_texts {
    struct arena *arena;
    struct map seen;
    struct str *items;
    size_t n, cap;
    bool nomem;
};
/* In the arena, which is borrowed; `seen` is for the owner to deinit. */
struct config_texts config_texts_in(struct arena *a);
void config_texts_add(void *list, struct str s); /* what finds no memory is noted in nomem */
enum err snapshot_nomem(struct diag *d);         /* ERR_NOMEM, said */

/* ---- config_audiences.c ---- */

/* Some audiences of a scope as a rule graph: all evaluated ones, or those that edges evaluate. */
struct audience_part {
    struct refcount refs;
    struct config_object **objects; /* in order of creation; they hold the rules */
    size_t n;
    struct str *ids;
    uint32_t *order;          /* indexes in byte order of the ids */
    bool *opted_out_too;      /* by index */
    struct map by_id;         /* id -> (void *)(index + 1) */
    struct rule_graph *graph; /* NULL: no audiences */
    bool scans;
    uint64_t version; /* of the graph: a hash of the objects' meanings */
};

/* Does the sandbox behave by the documented methods [SEGMENTATION 14.4]? */
bool scope_is_strict(const struct config_objects *all, struct str scope);
/* Where the methods of a strict sandbox are read: a part's own objects may be older ones of the same meaning. NULL:
 * nobody asks. */
const struct config_bucket *scope_methods(const struct config_objects *all, struct str scope);

/* Parts of all evaluated audiences of a scope; of those among them that are not batch audiences; and of those that
 * edges evaluate, because they are wanted or referred to, where what is referred to and cannot be evaluated there is
 * added to `projected`. Each made out of the part before, NULL: from nothing. */
enum err audience_part_new(const struct config_objects *all, struct str scope, struct audience_part *before,
                           struct audience_part **out, struct diag *d);
enum err audience_part_live(const struct audience_part *audiences, const struct config_bucket *methods,
                            struct audience_part *before, struct audience_part **out, struct diag *d);
enum err audience_part_edge(const struct audience_part *audiences, const struct config_bucket *methods,
                            const struct config_texts *wanted, struct config_texts *projected,
                            struct audience_part *before, struct audience_part **out, struct diag *d);
void audience_part_unref(struct audience_part *p);

/* ---- config_scripts.c ---- */

/* Fills the view's scripts, in the arena. */
enum err scope_scripts(const struct config_objects *all, struct scope_view *view, struct arena *a, struct diag *d);

/* ---- config_compile.c ---- */

/* What the scope's decisions are compiled of; lists in the arena, objects borrowed. */
enum err decide_source_of(const struct config_objects *all, struct str scope, struct arena *a,
                          struct decide_source *out, struct diag *d);

struct decide_part {
    struct refcount refs;
    struct decide_set *set;
};

/* A scope's compiled view with what it is made of. Immutable, counted: shared while nothing in the scope changes. */
struct scope_compiled {
    struct scope_view view; /* first: snapshot_scope() hands it out */
    struct refcount refs;
    struct arena arena; /* lists of the view */
    struct audience_part *audiences;
    struct audience_part *live; /* the same, or without batch ones in a strict sandbox */
    struct audience_part *edge;
    struct decide_part *decide;
    struct schema_part *schemas;
    struct config_bucket *destinations;  /* the view's destinations borrow from it */
    struct config_bucket *all_audiences; /* published or not: what "still exists" means */
};

struct snapshot_box {
    struct snapshot view; /* first */
    struct refcount refs;
    struct config_objects *objects;
};

/* A snapshot of `objects` (taken over on success), sharing with `before` (may be NULL) every part whose objects are the
 * same. ERR_INVALID with the object's name in d->what. */
enum err snapshot_compile(struct config_objects *objects, const struct snapshot_box *before, struct snapshot_box **out,
                          struct diag *d);
void snapshot_unref(struct snapshot_box *s);
/* ---- config_log.c ---- */

/* An object from its record. created: as known so far, 0 when it is new. */
enum err object_read(const struct record *r, uint64_t created, struct config_object **out, struct diag *d);
/* Of the records below `upto`. ERR_NOT_FOUND: some that counted then are not on the log any more. ERR_CORRUPT. */
enum err snapshot_from_log(struct consumer *consumer, uint64_t upto, struct snapshot_box **out, struct diag *d);

const struct schema_part *snapshot_schemas(const struct snapshot *s, struct str scope);

#endif
