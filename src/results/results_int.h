/* results_int.h - what the files of results share.
 *
 *   results.c          one hit
 *   results_visitor.c  the visitor and his sums, as the hub keeps them
 *   results_counter.c  counters: their bytes, and adding to them
 *   results_order.c    orders: known ones, extreme ones, the list
 *   results_seen.c     names that were seen
 *   results_read.c     counters to rows of a report
 *   results_lane.c     activities that are counted apart
 *   results_table.c    the table with what one hit changes, all or nothing */
#ifndef RESULTS_RESULTS_INT_H
#define RESULTS_RESULTS_INT_H

#include "base/map.h"
#include "codec/pack.h"
#include "results/results.h"

#define RESULTS_VERSION 2 /* of every value */

/* ---- results_table.c ---- */

struct results_change {
    struct str key, value; /* value: in the arena */
    bool deleted;
};
struct results_table {
    struct kv *kv;
    struct arena *arena;
    struct results_change *changes; /* in the order in which their keys came */
    size_t change_count, change_room;
    struct map by_key; /* number in changes, from 1 */
};
void results_table_init(struct results_table *t, struct kv *kv, struct arena *a);
void results_table_deinit(struct results_table *t);
/* As kv_get, kv_has, kv_put and kv_delete; keys are kept, in the arena. */
enum err results_get(const struct results_table *t, struct str key, struct str *value, struct diag *d);
bool results_has(const struct results_table *t, struct str key);
enum err results_put(struct results_table *t, struct str key, struct str value, struct diag *d);
enum err results_delete(struct results_table *t, struct str key, struct diag *d);
/* Stages all changes. ERR_LIMIT: they do not fit the batch, and none is staged. */
enum err results_apply(struct results_table *t, struct diag *d);
/* For reading alone. */
#define RESULTS_READER(k, a) (&(struct results_table){.kv = (k), .arena = (a)})

/* ---- keys and values: results_counter.c ---- */

/* 'R', tag and the parts; p NULL: no memory, or too long. */
struct str results_key(struct arena *a, char tag, const struct str *parts, size_t n);
#define RESULTS_KEY(a, tag, ...)                                                                                       \
    results_key((a), (tag), (const struct str[]){__VA_ARGS__},                                                         \
                sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
struct str results_number(struct arena *a, int64_t n); /* as a part of a key */
/* Value of the key behind its version, in the arena; *found false: there is none. ERR_CORRUPT: of another version. */
enum err results_load(const struct results_table *t, struct str key, struct arena *a, struct unpack *u, bool *found,
                      struct diag *d);
/* A value begins with its version. */
void results_begin(struct buf *b);
enum err results_store(struct results_table *t, struct str key, struct buf *b, struct diag *d);
static inline enum err
results_no_memory(struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "results: memory of the batch is used up");
}
static inline enum err
results_corrupt(struct diag *d, const char *what)
{
    return diag_set(d, ERR_CORRUPT, "results: %s does not read", what);
}

struct results_series {
    struct str experience;
    int64_t environment, audience;
};
/* What an hour of a series gains, and its life with it. */
enum err results_count(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
                       const struct results_counts *more, int64_t now_ms, struct arena *a, struct diag *d);
enum err results_series(struct results_table *t, struct str scope, struct str activity, struct arena *a,
                        struct results_series **list, size_t *n, struct diag *d);
struct results_life {
    int64_t first_day, last_day; /* since 1970, with hours */
    struct results_counts counts;
};
enum err results_life(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
                      struct arena *a, struct results_life *out, struct diag *d);
/* each() gets the hours of a day in order; none when nothing counted then. */
enum err results_hours(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
                       int64_t day, struct arena *a,
                       bool (*each)(void *ctx, int64_t hour_ms, const struct results_counts *c), void *ctx,
                       struct diag *d);

/* ---- results_visitor.c ---- */

struct results_spent {
    uint32_t metric;
    uint64_t session;
    double as_is[2], tamed[2]; /* BY_VISITOR, BY_VISIT */
};
/* What is remembered of an activity beside its membership. */
struct results_entrant {
    struct str activity;
    struct str experience; /* in which `spent` was spent */
    int64_t environment;   /* in which he entered */
    uint64_t *audiences;   /* reportingAudienceLocalIds in which he was then */
    size_t audience_count;
    struct results_spent *spent;
    size_t spent_count;
};
struct results_visitor {
    struct visitor visitor;
    struct results_entrant *entrants;
    size_t entrant_count, entrant_room;
};
enum err results_visitor_load(struct results_table *t, struct str key, struct arena *a, struct results_visitor *out,
                              struct diag *d);
enum err results_visitor_store(struct results_table *t, struct str key, struct results_visitor *v, struct diag *d);
struct results_entrant *results_entrant(struct results_visitor *v, struct str activity); /* NULL: none */
/* Made when there is none. NULL: no memory. */
struct results_entrant *results_entrant_new(struct results_visitor *v, struct str activity);
struct results_spent *results_spent(struct results_visitor *v, struct results_entrant *e, uint32_t metric);
/* What v does not have of `from`. */
bool results_visitor_absorb(struct results_visitor *v, const struct results_visitor *from);

/* ---- results_order.c ---- */

struct results_order_in {
    struct str id, products;
    double total;
};
/* false: the hit has none. */
bool results_order_of(const struct hit *h, struct arena *a, struct results_order_in *out);
/* What is known of this order in an activity before it is put there. */
struct results_verdict {
    bool duplicate, outlier;
    double tamed; /* total, or the mean instead */
};
enum err results_order_judge(struct results_table *t, struct str scope, struct str activity,
                             const struct results_order_in *o, int64_t now_ms, struct arena *a,
                             struct results_verdict *out, struct diag *d);
enum err results_order_put(struct results_table *t, struct str scope, struct str activity,
                           const struct results_order *o, struct arena *a, struct diag *d);

/* ---- results_lane.c ---- */

#define RESULTS_LANE_MARK '\x1f' /* between an activity and the name of its lane, in keys */
/* Those in force in the scope. */
enum err results_lanes(const struct results_table *t, struct str scope, struct arena *a, struct results_lane **list,
                       size_t *n, struct diag *d);
/* As keys name the activity: with the lane in force, if there is one. */
enum err results_key_activity(const struct results_table *t, struct str scope, struct str activity, struct arena *a,
                              struct str *out, struct diag *d);

/* ---- results_seen.c ---- */

enum err results_see(struct results_table *t, const struct hit *h, struct arena *a, struct diag *d);

#endif
