/* hub_int.h - shared by the files of the hub.
 *
 *   hub.c          opening, the thread, when to commit
 *   hub_fold.c     one record of collect
 *   hub_profile.c  what follows a change of a profile: audiences, counters, projections, saving
 *   hub_membership.c  what is told of entries and exits
 *   hub_project.c  the content of a projection
 *   hub_timer.c    window ends
 *   hub_sweep.c    all profiles, after audiences or mappings changed
 *   hub_job.c      all profiles, for a segment job of a strict sandbox
 *   hub_recount.c  results of one activity, counted anew; hub_recount_met.c what a kept hit meets
 *   hub_census.c   counting audiences over all profiles
 *   hub_out.c      records to emit, each once
 *   hub_scope.c    what the snapshot says, prepared
 *   hub_past.c     memberships at a past instant
 *   hub_manifest.c what the numbers in rule states mean
 *   hub_named.c    which records name which visitor
 *   hub_read.c     reading from other threads
 *
 * Lock order: turn, state, progress. The topics' and the table's own locks come below. Whoever wants the state queues
 * for `turn` first (hub_lock): the thread that folds takes the state again and again, and without a queue a reader that
 * has to be woken would find it taken each time. */
#ifndef HUB_HUB_INT_H
#define HUB_HUB_INT_H

#include "base/limits.h"
#include "base/map.h"
#include "hub/hub.h"
#include "model/subset.h"
#include "os/thread.h"

#define HUB_BATCH_RECORDS 256 /* folded at most before what they emitted is appended, */
#define HUB_BATCH_US 5000     /* or this long */
#define HUB_COMMIT_US 25000   /* between two commits, unless somebody waits for one */
#define HUB_STAGED_BYTES                                                                                               \
    (16u * 1024 * 1024)         /* a tick may fire any number of timers: past this a commit comes between */
#define HUB_WAIT_US 50000       /* idle: a look at clock and configuration this often */
#define HUB_WAIT_SHARED_US 2000 /* with several partitions: each is waited on in turn */
#define HUB_RETRY_US 100000     /* after a full disk */
#define HUB_STOP_US 2000000     /* for which a hub that stops folds what is left */
#define HUB_TURN_STEPS 16       /* timers or sweep visits before readers get a turn */
#define HUB_SWEEP_SLICE 64      /* table rows looked at between records */

struct hub_partition {
    struct topic *topic;
    struct consumer *consumer; /* owned; the thread's */
    char name[LIMIT_POSITION_NAME_BYTES];
    uint64_t next; /* offset of the next record to fold */
    uint64_t end_at_open;
    struct record head; /* the consumer's, when has_head: it waits for older ones of other partitions */
    bool has_head;
    bool dry; /* had nothing more when this round asked */
};

/* Records for one topic that wait for the commit. */
struct hub_out {
    struct topic *topic;
    char name[LIMIT_POSITION_NAME_BYTES];
    struct str region;      /* of a projection topic, else empty; in name */
    struct record *records; /* owned array; keys and values in hub.out_arena */
    size_t count, cap;
    uint64_t next;       /* offset behind the last record that was appended */
    struct map replayed; /* cause and key -> what of it was appended before a crash and not committed: for projections
                            how many records, for memberships the entries in replay_arena */
    struct arena replay_arena;
};

/* Members that an audience has won or lost since its row was staged. */
struct hub_counter {
    int64_t delta;
    bool listed;
};

struct hub_counters {
    struct hub_counter *of; /* by index in the set, external audiences behind it */
    uint32_t *listed;       /* those that have something to stage */
    size_t listed_count;
};

/* A scope of the snapshot, prepared for folding. */
struct hub_scope {
    const struct scope_view *view;
    struct segment_set set;
    struct hub_counters *counters;
    const struct str *quoted;     /* by index in the set, external audiences behind it: the ids as JSON */
    const struct hub_scope *jobs; /* of a strict sandbox: set, counters and quoted ids of all audiences; else NULL */
    const bool *projected;        /* by audience number: edges are told; for numbers below projected_end */
    size_t projected_end;
    const struct subset *attributes, *events; /* events NULL: none are projected */
    uint32_t events_signature;                /* of the paths of events; never 0 */
    uint64_t signature;                       /* of all that a sweep would bring into profiles */
    bool swept;                               /* all profiles are at it */
};

/* Committed with everything else, under the key "H". */
struct hub_state {
    int64_t clock_ms; /* no effect is earlier than the one before */
    uint64_t rev;     /* of the newest projection; grows with every step */
    uint64_t profiles;
};

struct hub_sweep {
    bool active;
    uint64_t signature; /* of the configuration that it brings profiles to */
    bool project_all;   /* projections were lost with the end of a log: send them all again */
    uint64_t after;     /* begins when own_collect is folded up to here */
    uint64_t cursor;    /* of kv_scan */
    uint64_t cause;
    uint64_t visited, total; /* profiles */
};

/* Of the group of records that is being folded: who is named where (hub_named.c). */
struct hub_group {
    uint64_t number;
    uint64_t *marks; /* owned array */
    size_t count, cap;
    bool full;       /* more than LIMIT_NAMED_IDS, or no memory: the group gets no row */
    uint64_t oldest; /* group of which there may be a row */
};

struct hub {
    struct hub_options o;
    struct kv *kv;                    /* owned */
    struct profile_names names;       /* of audiences; the state's */
    struct hub_partition *partitions; /* owned array */
    size_t own;                       /* index of own_collect */
    size_t turn;                      /* partition that is waited on next */
    struct hub_out *outs;             /* owned array: membership, then the regions */
    size_t out_count;
    struct os_mutex turn_lock;   /* comes before the state */
    struct os_mutex lock;        /* the state: table, snapshot, everything below up to `progress` */
    const struct snapshot *snap; /* held until a newer one is taken */
    struct arena snap_arena;
    struct map scopes;      /* scope -> struct hub_scope in snap_arena */
    struct arena arena;     /* one record's */
    struct arena out_arena; /* of the batch */
    struct hub_state state;
    struct hub_group group;
    bool state_changed;
    bool told_ahead; /* the topic membership has records of steps that a crash made the table forget */
    struct hub_sweep sweep;
    struct hub_recount *recount;   /* that somebody builds; NULL: none */
    struct kv_position *positions; /* owned array: for the commit */
    bool busy;                     /* the last append or commit found the disk full */
    bool uncommitted;              /* something was folded or swept since the last commit, */
    bool repaired;                 /* by a census, since the last round */
    uint64_t committed_us;         /* the commit was then, by the monotonic clock */
    uint64_t tick_end;             /* offset behind the last tick that the thread appended */

    struct os_mutex progress; /* what waiters look at */
    struct os_cond moved;
    uint64_t *folded;      /* owned array: committed position of each partition */
    uint64_t version_seen; /* of the snapshot that was taken last */
    struct hub_progress sweep_seen;
    size_t waiters; /* who would see a commit at once */
    bool stop;
    bool abandoned;
    enum err failed;
    char failure[256];
    size_t staged_bytes; /* the thread's: after its last fold */
    bool own_thread;     /* it runs in one; set before that begins */
    struct os_thread thread;
};

/* One instant at which something is folded. */
struct hub_step {
    struct hub *h;
    int64_t now_ms;
    uint64_t cause;      /* of records that it emits */
    int64_t accepted_us; /* of the hit, 0: none */
    enum segment_by by;
    const bool *chosen; /* of a job: struct segment_change */
};

/* --- hub.c --- */
void hub_lock(struct hub *h);
void hub_unlock(struct hub *h);
/* Folds at most one batch and appends what it emitted; commits when it is time to. *idle: there was nothing to do, and
 * everything is committed. Locks inside. */
enum err hub_round(struct hub *h, uint64_t wait_us, bool *idle, struct diag *d);
enum err hub_commit(struct hub *h, struct diag *d); /* under the lock */
/* Ends the hub as a crash would: nothing is folded, emitted or committed any more. For tests. */
void hub_abandon(struct hub *h);

/* --- hub_fold.c --- */
/* Under the lock. ERR_OK for records that cannot be used, too: those are counted. */
enum err hub_fold(struct hub *h, size_t partition, const struct record *r, struct diag *d);
/* Partition in bits 48 to 62, offset + 1 below. HUB_CAUSE_SWEEP: a sweep's step, whose place among the records is not
 * kept by the log; with it stands the tick that began the sweep, or nothing. */
uint64_t hub_cause(size_t partition, uint64_t offset);
#define HUB_CAUSE_SWEEP ((uint64_t)1 << 63)

/* --- hub_profile.c --- */
struct hub_change {
    enum segment_cause cause;
    const struct json *event;
    bool lazy; /* save only when something came of it */
};
/* Brings audiences, counters and projections of a loaded profile up to date and saves it. */
enum err hub_refresh(const struct hub_step *s, struct profile *p, const struct hub_change *change, struct diag *d);
enum err hub_count(struct hub *h, struct str scope, struct str audience, int delta, struct diag *d);
/* Stages what was counted: before commits, readers and new snapshots. Under the lock. */
enum err hub_stage_counts(struct hub *h, struct diag *d);

/* --- hub_membership.c --- */
/* The lists of a record. */
enum hub_list {
    HUB_UNITED,     /* the profile that ceased, whose identities ... */
    HUB_IDENTITIES, /* ... were these: past_identity_print() */
    HUB_SPLIT_FROM, /* the profile that the identity of this new one was in */
    HUB_REALIZED,
    HUB_EXITED,
    HUB_JOINED, /* became a member because it was united with one: no entry */
    HUB_LEFT,   /* the other way round, or the profile ceased: no exit */
    HUB_REMOVED /* the audience is no more */
};
#define HUB_LISTS (HUB_REMOVED + 1)
struct hub_told {
    const struct rule_changes *changes;
    const struct str *removed; /* audiences that are no more, of which the profile was a member */
    size_t removed_count;
};
/* Emits the changes, with quoted ids by their audience index: one record, or several when one would be too long. */
enum err hub_tell(const struct hub_step *s, const struct profile *p, const struct str *quoted,
                  const struct hub_told *told, struct diag *d);
/* p has absorbed another profile. */
struct hub_union {
    const struct profile *from;              /* as it was */
    const struct graph_view *identities;     /* of it */
    const struct profile_membership *before; /* of p */
    size_t before_count;
};
enum err hub_tell_united(const struct hub_step *s, const struct profile *p, const struct hub_union *u, struct diag *d);
/* An identity left p for the new profile `to`. */
enum err hub_tell_split(const struct hub_step *s, const struct profile *p, uint64_t to, struct diag *d);
/* Remembers the entries of a record that was appended before a crash. Resets hub.arena. */
enum err hub_membership_replayed(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d);

/* --- hub_project.c --- */
struct hub_content {
    struct projection projection; /* rev, accepted_us and events are the caller's; attributes as text */
    uint64_t hash;                /* of what is in it */
    struct profile_event *events; /* arena: of the last day, with their cuts */
    size_t event_count;
};
enum err hub_content(struct hub *h, const struct hub_scope *sc, const struct profile *p, int64_t now_ms,
                     struct arena *a, struct hub_content *out, struct diag *d);
/* The text of all events. p is NULL when the arena is exhausted. */
struct str hub_events_text(const struct hub_content *c, struct arena *a);
/* Emits it to every edge that holds one of the person's identities and was told something else before. */
enum err hub_project(const struct hub_step *s, const struct hub_scope *sc, struct profile *p, bool *emitted,
                     struct diag *d);

/* Makes what edges get of an event while it is at hand parsed. */
enum err hub_cut_event(struct hub *h, struct str scope, const struct json *event, struct profile_event *e,
                       struct diag *d);
/* The profile's id in decimal, in the arena. */
struct str hub_profile_name(uint64_t id, struct arena *a);

/* --- hub_timer.c --- */
/* Fires what is due at or before limit_ms, in order, each at its own instant. Lets readers in between. */
enum err hub_fire(struct hub *h, int64_t limit_ms, uint64_t cause, struct diag *d);

/* --- hub_sweep.c --- */
/* After a new snapshot was taken: begins a sweep when some scope's signature is not the one that profiles are at. */
enum err hub_sweep_check(struct hub *h, struct diag *d);
/* Visits profiles for as long as a batch may take, or one slice when `brief`. */
enum err hub_sweep_some(struct hub *h, bool brief, struct diag *d);
enum err hub_append_tick(struct hub *h, int64_t now_ms, uint64_t *offset, struct diag *d);
/* Keys of profiles, in the hub's arena. */
struct hub_slice {
    struct arena *a;
    struct str *keys; /* grows in the arena: a slice has whole buckets of the table, and all that is staged there */
    size_t n, cap;
    bool exhausted;
};
/* The next ones of a walk over the table, which looks at about so many rows; *cursor as for kv_scan(). Resets the
 * arena.
 */
enum err hub_slice_read(struct hub *h, uint64_t *cursor, size_t rows, struct hub_slice *out, struct diag *d);

/* --- hub_job.c --- */
/* Evaluates all profiles of the hit's scope, all at now_ms. Resets the arena. */
enum err hub_fold_recount(struct hub *h, const struct hit *hit, int64_t now_ms, struct diag *d);
enum err hub_fold_job(struct hub *h, const struct hit *hit, int64_t now_ms, uint64_t cause, struct diag *d);

/* --- hub_out.c --- */
/* region: of a projection topic; empty: membership. */
enum err hub_out_open(struct hub *h, struct hub_out *out, struct topic *t, struct str region, struct diag *d);
void hub_out_close(struct hub_out *out);
/* What is kept in hub_out.replayed; NULL: nothing. */
void *hub_replayed(const struct hub_out *out, uint64_t cause, struct str key);
enum err hub_replayed_set(struct hub_out *out, uint64_t cause, struct str key, void *value, struct diag *d);
/* Takes the record into the batch, unless it is a projection that was appended before a crash; its texts are in
 * hub.out_arena. */
enum err hub_emit_kept(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d);
/* The same with copies of the texts. */
enum err hub_emit(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d);
enum err hub_flush(struct hub *h, struct diag *d);

/* --- hub_census.c --- */
/* A hub that stopped never gets to the moment that somebody waits for: its failure. */
enum err hub_alive(struct hub *h, struct diag *d);

/* --- hub_read.c --- */
/* Members of an audience, under the lock. */
uint64_t hub_count_of(struct hub *h, struct str scope, struct str audience);
/* --- hub_named.c --- */
/* After the partitions are open. Resets the arena. */
enum err hub_named_open(struct hub *h, struct diag *d);
void hub_named_close(struct hub *h);
/* Notes whom the record names, once however often it is folded. Under the lock. */
enum err hub_named_note(struct hub *h, uint64_t offset, const struct hit *hit, struct diag *d);
/* --- hub_manifest.c --- */
/* Before the first state is written by g: g learns what the states of the table mean, and its own numbers are kept
 * beside them. Resets hub.arena. Under the lock. */
enum err hub_manifest_adopt(struct hub *h, struct str scope, const struct rule_graph *g, struct diag *d);

/* --- hub_scope.c --- */
enum err hub_take_snapshot(struct hub *h, struct diag *d);
const struct hub_scope *hub_scope(const struct hub *h, struct str scope); /* NULL: not configured */
struct graph_namespaces hub_namespaces(const struct hub *h);

#endif
