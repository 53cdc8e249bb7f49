/* hub.h - the hub's processor: folds `collect` into graph, profiles, audiences and results, and projects to the edges.
 *
 *   collect --> [graph_link] --> [profile] --> [segment] --> membership, projection.<region>
 *                    \--> [results]
 *
 * One thread folds in offset order. What it emits is appended at once, at most 5 ms or 256 records after the fold;
 * state and position commit together, every 25 ms or as soon as somebody waits, so that a crash replays nothing twice.
 * Emitted records carry the offset that caused them (record.cause); after a crash those that are on the log already are
 * not emitted again.
 *
 * Time       A record's time_ms is "now". When a timer is due, the driver (hub_run's thread, which may look at the
 * clock) appends a tick to `collect`, and the fold fires what is due at the tick's time.
 *
 * Sweep      When audiences change, every profile is brought up to date in the background, some profiles between
 * records.
 *
 * Reading    hub_read_* take the state lock for microseconds; any thread. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "config/config.h"
#include "identity/graph.h"
#include "model/projection.h"
#include "pipeline/pipeline.h"
#include "profile/profile_scan.h"
#include "profile/profile_store.h"
#include "segment/census.h"
#include "segment/past.h"

struct hub;

struct hub_options {
    struct os *os;
    struct pipeline *pipeline;
    struct config *config;        /* snapshots */
    const char *dir;              /* of the table */
    struct topic *const *collect; /* partitions to fold, all of them */
    size_t collect_count;
    struct topic *own_collect; /* the partition into which ticks are appended; one of the above */
    struct topic *membership;
    const char *const *regions; /* projection topics to write: projection.<region>, partition 0 */
    size_t region_count;
    bool emulated_clock; /* ticks are appended by hub_tick() only */
};

enum err hub_open(const struct hub_options *o, struct hub **out, struct diag *d);
/* Starts the thread. */
enum err hub_run(struct hub *h, struct diag *d);
/* Folds what is there, for two seconds at most when it is far behind, commits, stops the thread, closes the table. */
void hub_close(struct hub *h);

/* Appends a tick at now_ms and waits until it, and everything before it, is folded and committed: timers up to now_ms
 * have fired [--emulator]. */
enum err hub_tick(struct hub *h, int64_t now_ms, struct diag *d);
/* Waits until everything appended to collect before the call is folded (and a sweep that is due is over). ERR_TIMEOUT.
 */
enum err hub_drain(struct hub *h, uint64_t timeout_us, struct diag *d);

/* A segment job of a strict sandbox: appends a record that says so. When that is folded, the entries of these audiences
 * (count 0: of all) are what is true then, for all profiles. *offset is for hub_job_done(). ERR_NOT_FOUND: no such
 * scope. ERR_BUSY, ERR_NOMEM. */
enum err hub_job(struct hub *h, struct str scope, struct str job, const struct str *segments, size_t count,
                 int64_t now_ms, uint64_t *offset, struct diag *d);
/* Waits until the job is folded and committed. ERR_TIMEOUT: not yet. */
enum err hub_job_done(struct hub *h, uint64_t offset, uint64_t timeout_us, struct diag *d);

/* The results of one activity counted anew (hub_recount.c): a lane is built by slices, told to the log and taken, or
 * thrown away. One at a time, ERR_BUSY; any one thread. `object` is the activity as JSON, whose metrics count; `name`
 * is new. After the record is written hub_job_done() waits for it. */
struct hub_recount;
struct hub_recount_options {
    struct str scope, activity, name, object;
};
struct hub_recount_progress {
    bool done;            /* everything up to the beginning is counted; `whole`: nearly up to now */
    uint64_t read, total; /* records */
    int64_t since_ms;     /* of the oldest record, when older ones are gone; 0: none is gone */
};
enum err hub_recount_new(struct hub *h, const struct hub_recount_options *o, struct hub_recount **out, struct diag *d);
/* ERR_BUSY: later. */
enum err hub_recount_slice(struct hub_recount *r, bool whole, struct hub_recount_progress *p, struct diag *d);
/* What results_query.activity is while the lane is not in force. */
struct str hub_recount_activity(const struct hub_recount *r, struct arena *a);
enum err hub_recount_tell(struct hub_recount *r, int64_t now_ms, uint64_t *offset, struct diag *d);
/* Deletes lanes that are not in force, and what lanes have replaced, but not `building`; *cursor is 0 at the end. */
enum err hub_recount_sweep(struct hub *h, struct str building, uint64_t *cursor, struct diag *d);
void hub_recount_free(struct hub_recount *r);

/* The projection of the person behind an identity, as an edge of `region` would get it: the in-process pull of a first
 * login. ERR_NOT_FOUND: unknown. Also remembers that this region holds the identity from now on (by an event that
 * follows). */
enum err hub_pull(struct hub *h, struct str scope, struct str ns, struct str id, struct arena *a,
                  struct projection *out, struct diag *d);

/* The sweep that brings every profile up to date after audiences or mappings changed: it visits `total` profiles, in
 * between the records that come meanwhile, and begins again when they change again. Sizes of new and edited audiences
 * are exact when it is over. Any thread. */
struct hub_progress {
    bool active;
    uint64_t done, total;
};
struct hub_progress hub_sweep_progress(struct hub *h);

/* How far the last commit has come in a partition of collect, or in membership: from there on records are read again
 * after a crash, so retention must leave them. 0: not a topic of this hub's. Any thread. */
uint64_t hub_committed(struct hub *h, const struct topic *t);

/* For the look-up API: calls each() with the profile under the state lock. ERR_NOT_FOUND. */
enum err hub_read_profile(struct hub *h, struct str scope, struct str ns, struct str id, struct arena *a,
                          void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g),
                          void *ctx, struct diag *d);
/* Records of collect/0, the edges' partition, among which all are that name one of some visitors: the first ones at or
 * behind an offset; from `to` on ask again. When there are no rows left to be looked at, all records are. Any thread.
 */
struct hub_search {
    const struct str *ids; /* bare ones, visitor.h; there may be more from one question to the next */
    const size_t *count;
    size_t rows_left; /* LIMIT_NAMED_ROWS, or less in tests */
};
struct hub_range {
    uint64_t from, to;
};
struct hub_range hub_named(struct hub *h, struct hub_search *s, uint64_t offset);
/* Runs f under the state lock with the table: results and counts. */
void hub_read(struct hub *h, void (*f)(void *ctx, struct kv *k), void *ctx);
/* Members of an audience per the last fold; kept as counters. */
uint64_t hub_audience_size(struct hub *h, struct str scope, struct str audience);

/* Some profiles of a scan (profile/profile_scan.h), each with its graph, under the state lock: what each() needs of one
 * it copies. `a` is the caller's, for the loading. */
enum err hub_visit(struct hub *h, struct profile_scan *scan, struct arena *a,
                   void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *ctx,
                   struct diag *d);

/* One slice of a census (segment/census.h): profiles are loaded at the hub's clock. ERR_NOT_FOUND: no such scope.
 * ERR_BUSY: with compare, now is no moment at which memberships are those of census_options.graph_version; later. */
enum err hub_census_slice(struct hub *h, struct census *c, struct diag *d);
/* A step of a look into the past (segment/past.h). ERR_BUSY: later. Else as past_capture() and past_read(). */
enum err hub_past_slice(struct hub *h, struct past *p, struct diag *d);
/* Evaluates a profile's audiences anew, from all its data; what changes is told as always. */
enum err hub_census_repair(struct hub *h, struct str scope, uint64_t profile, struct diag *d);

#endif
