/* hub_recount.c - the results of one activity counted anew from the kept log, under the metrics that it has now.
 *
 *   (1) other threads fold the log into a lane (results.h) beside the counters in force, some hits at a time
 *   (2) a record of `collect` says that the lane counts from there on
 *   (3) folding it, the hub folds what came between into the lane, and takes it
 *
 * So the counters behind the record are what a fold of the log says, whoever folds it: after a crash, or when the table
 * is made anew, nobody has built a lane, and (3) does all of it. (1) alone, without a record, is a what-if.
 *
 * Partitions are merged by time, as the hub itself takes their records. Hits that came before the oldest one that is
 * kept are lost to a recount: it says since when it counts. */
#include "hub/hub_recount.h"

#include <stdlib.h>

#include "base/log.h"
#include "codec/json_writer.h"

#define SLICE_HITS 64 /* folded while the lock is held */
#define FAR 10000     /* records: a recount that is so far behind at its end goes on before the record is written */
#define WAIT_US 100000

struct source {
    struct consumer *consumer;
    struct record head; /* the consumer's, when has_head */
    bool has_head;
    uint64_t next, until; /* offsets */
};

struct hub_recount {
    struct hub *h;
    struct arena kept;  /* texts and the metrics' objects */
    struct arena arena; /* of one hit */
    struct str scope;
    struct results_lane lane;
    struct str object; /* the activity, JSON */
    struct recount_metrics metrics;
    struct source *sources; /* by partition */
    int64_t clock_ms;
    uint64_t read;
    bool taking; /* the hub's thread has it */
};

/* ---- making one ---- */

/* What would keep metrics from counting is left out: schedule, properties, audiences of entry. Offers are not there. */
static enum err
compile_metrics(struct hub_recount *r, struct diag *d)
{
    const struct json *object = NULL;
    const struct json *activities[1];
    struct decide_source src = {.client = S("recount"), .activities = activities, .activity_count = 1};
    const struct hub_scope *sc = hub_scope(r->h, r->scope);
    enum err rc = json_parse(r->object, &r->kept, &object, d);

    if (rc != ERR_OK)
        return rc;
    activities[0] = object;
    src.settings = NULL;
    r->metrics.activity = r->lane.activity;
    if (sc != NULL)
        r->metrics.token_key = sc->view->token_key;
    return decide_compile(&src, &r->metrics.set, d);
}

/* Under the lock. */
static enum err
open_sources(struct hub_recount *r, struct diag *d)
{
    struct hub *h = r->h;
    enum err rc = ERR_OK;

    r->sources = calloc(h->o.collect_count, sizeof *r->sources);
    if (r->sources == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a recount");
    for (size_t i = 0; rc == ERR_OK && i < h->o.collect_count; i++) {
        struct source *s = &r->sources[i];
        rc = consumer_open(h->o.collect[i], 0, &s->consumer, d);
        if (rc != ERR_OK)
            break;
        s->next = consumer_offset(s->consumer);
        s->until = h->partitions[i].next;
        if (s->next > 0)
            r->lane.since_ms = -1; /* until the first one is read */
    }
    return rc;
}

static void
destroy(struct hub_recount *r)
{
    for (size_t i = 0; r->sources != NULL && i < r->h->o.collect_count; i++)
        consumer_close(r->sources[i].consumer);
    free(r->sources);
    decide_free(r->metrics.set);
    arena_deinit(&r->arena);
    arena_deinit(&r->kept);
    free(r);
}

static enum err
create(struct hub *h, const struct hub_recount_options *o, struct hub_recount **out, struct diag *d)
{
    struct hub_recount *r = calloc(1, sizeof *r);
    enum err rc;

    if (r == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a recount");
    r->h = h;
    arena_init(&r->kept, LIMIT_REQUEST_ARENA_BYTES * 2);
    arena_init(&r->arena, LIMIT_REQUEST_ARENA_BYTES);
    r->scope = arena_str(&r->kept, o->scope);
    r->lane.activity = arena_str(&r->kept, o->activity);
    r->lane.name = arena_str(&r->kept, o->name);
    r->object = arena_str(&r->kept, o->object);
    rc = r->kept.refused ? diag_set(d, ERR_LIMIT, "the activity is too large to be recounted") : compile_metrics(r, d);
    if (rc == ERR_OK)
        rc = open_sources(r, d);
    if (rc != ERR_OK)
        destroy(r);
    else
        *out = r;
    return rc;
}

/* ---- folding ---- */

/* The oldest of what the partitions have next; NULL: everything up to `until` is folded. */
static enum err
next_source(struct hub_recount *r, struct source **out, struct diag *d)
{
    enum err rc = ERR_OK;

    *out = NULL;
    for (size_t i = 0; rc == ERR_OK && i < r->h->o.collect_count; i++) {
        struct source *s = &r->sources[i];
        if (!s->has_head && s->next < s->until) {
            rc = consumer_poll(s->consumer, WAIT_US, &s->head, &s->has_head, d);
            if (rc == ERR_OK && !s->has_head)
                rc = diag_set(d, ERR_BUSY, "the log gives no record");
        }
        if (rc == ERR_OK && s->has_head && s->head.offset < s->until &&
            (*out == NULL || s->head.time_ms < (*out)->head.time_ms))
            *out = s;
    }
    return rc;
}

/* A hit that the hub refused counts nothing here, too. */
static enum err
fold_record(struct hub_recount *r, const struct record *rec, struct diag *d)
{
    struct hit hit;
    enum err rc;

    arena_reset(&r->arena);
    if (rec->time_ms > r->clock_ms)
        r->clock_ms = rec->time_ms;
    if (r->lane.since_ms < 0)
        r->lane.since_ms = rec->time_ms;
    if (hit_read(rec->value, &r->arena, &hit, d) != ERR_OK || !str_eq(hit.scope, r->scope) || hit.lake_only)
        return ERR_OK;
    rc = results_fold_lane(r->h->kv, &r->lane, &hit, r->clock_ms, recount_met, &r->metrics, &r->arena, d);
    return rc == ERR_INVALID || rc == ERR_LIMIT ? ERR_OK : rc;
}

/* Some hits, under the lock. */
static enum err
fold_some(struct hub_recount *r, bool *done, struct diag *d)
{
    enum err rc = ERR_OK;

    *done = false;
    for (size_t i = 0; rc == ERR_OK && !*done && i < SLICE_HITS; i++) {
        struct source *s;
        rc = next_source(r, &s, d);
        *done = rc == ERR_OK && s == NULL;
        if (rc != ERR_OK || s == NULL)
            break;
        rc = fold_record(r, &s->head, d);
        if (rc == ERR_OK) {
            s->has_head = false;
            s->next = s->head.offset + 1;
            r->read++;
        }
    }
    return rc;
}

/* How many records the hub has folded and this has not. */
static uint64_t
behind(const struct hub_recount *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < r->h->o.collect_count; i++)
        n += r->h->partitions[i].next > r->sources[i].next ? r->h->partitions[i].next - r->sources[i].next : 0;
    return n;
}

static void
go_on_until_now(struct hub_recount *r)
{
    for (size_t i = 0; i < r->h->o.collect_count; i++)
        r->sources[i].until = r->h->partitions[i].next;
}

/* Of the oldest hit, when older ones are gone; now, when all are; 0: none is gone. */
static int64_t
since_of(const struct hub_recount *r, int64_t now_ms)
{
    return r->lane.since_ms < 0 ? now_ms : r->lane.since_ms;
}

/* ---- (1) ---- */

enum err
hub_recount_new(struct hub *h, const struct hub_recount_options *o, struct hub_recount **out, struct diag *d)
{
    enum err rc;

    hub_lock(h);
    rc = hub_alive(h, d);
    if (rc == ERR_OK && h->recount != NULL)
        rc = diag_set(d, ERR_BUSY, "another recount is running");
    if (rc == ERR_OK)
        rc = create(h, o, out, d);
    if (rc == ERR_OK)
        h->recount = *out;
    hub_unlock(h);
    return rc;
}

enum err
hub_recount_slice(struct hub_recount *r, bool whole, struct hub_recount_progress *p, struct diag *d)
{
    struct hub *h = r->h;
    enum err rc;

    hub_lock(h);
    rc = hub_alive(h, d);
    if (rc == ERR_OK && kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
        rc = diag_set(d, ERR_BUSY, "the table is about to be written");
    if (rc == ERR_OK) {
        rc = fold_some(r, &p->done, d);
        h->repaired = true;
    }
    if (rc == ERR_OK && p->done && whole && behind(r) > FAR) {
        go_on_until_now(r);
        p->done = false;
    }
    p->read = r->read;
    p->total = r->read + behind(r);
    p->since_ms = since_of(r, os_now_ms(h->o.os));
    hub_unlock(h);
    return rc;
}

struct str
hub_recount_activity(const struct hub_recount *r, struct arena *a)
{
    return results_lane_activity(&r->lane, a);
}

enum err
hub_recount_sweep(struct hub *h, struct str building, uint64_t *cursor, struct diag *d)
{
    struct arena a;
    enum err rc;

    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES * 4);
    hub_lock(h);
    rc = hub_alive(h, d);
    if (rc == ERR_OK && kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
        rc = diag_set(d, ERR_BUSY, "the table is about to be written");
    if (rc == ERR_OK) {
        rc = results_lane_sweep(h->kv, cursor, building, &a, d);
        h->repaired = true;
    }
    hub_unlock(h);
    arena_deinit(&a);
    return rc;
}

void
hub_recount_free(struct hub_recount *r)
{
    struct hub *h = r != NULL ? r->h : NULL;

    if (h == NULL)
        return;
    hub_lock(h);
    while (r->taking) { /* readers have their turn */
        hub_unlock(h);
        hub_lock(h);
    }
    h->recount = NULL;
    hub_unlock(h);
    destroy(r);
}

/* ---- (2) ---- */

enum err
hub_recount_tell(struct hub_recount *r, int64_t now_ms, uint64_t *offset, struct diag *d)
{
    struct hub *h = r->h;
    struct hit hit = {.kind = HIT_RECOUNT,
                      .source = SOURCE_STREAM,
                      .scope = r->scope,
                      .request_id = r->lane.name,
                      .audience = r->lane.activity,
                      .xdm_text = r->object};
    struct record rec = {.time_ms = now_ms};
    struct buf b;
    enum err rc;

    hub_lock(h); /* nobody else takes a lane while this recount is there */
    arena_reset(&r->arena);
    rc = results_lane_room(h->kv, r->scope, r->lane.activity, &r->arena, d);
    hub_unlock(h);
    if (rc != ERR_OK)
        return rc;
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    hit_write(&b, &hit);
    rec.value = buf_str(&b);
    rc = buf_ok(&b) ? topic_append(h->o.own_collect, &rec, ACK_WRITTEN, offset, d)
                    : diag_set(d, ERR_NOMEM, "no memory for a recount");
    buf_deinit(&b);
    return rc;
}

/* ---- (3) ---- */

/* Readers get their turns, and commits come in between. */
static enum err
fold_rest(struct hub_recount *r, struct diag *d)
{
    struct hub *h = r->h;
    bool done = false;
    enum err rc = ERR_OK;

    go_on_until_now(r);
    while (rc == ERR_OK && !done) {
        rc = fold_some(r, &done, d);
        if (rc == ERR_OK && kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
            rc = hub_commit(h, d);
        if (rc == ERR_OK && !done) {
            hub_unlock(h);
            hub_lock(h);
        }
    }
    return rc;
}

enum err
hub_fold_recount(struct hub *h, const struct hit *hit, int64_t now_ms, struct diag *d)
{
    struct hub_recount_options o = {hit->scope, hit->audience, hit->request_id, hit->xdm_text};
    struct hub_recount *r = h->recount, *own = NULL;
    enum err rc = ERR_OK;

    if (r == NULL || !str_eq(r->lane.name, hit->request_id)) { /* nobody has begun */
        rc = create(h, &o, &own, d);
        r = own;
    }
    if (rc != ERR_OK)
        return rc;
    r->taking = true;
    rc = fold_rest(r, d);
    r->lane.since_ms = since_of(r, now_ms);
    r->lane.taken_ms = now_ms;
    arena_reset(&r->arena);
    if (rc == ERR_OK)
        rc = results_lane_take(h->kv, r->scope, &r->lane, &r->arena, d);
    r->taking = false;
    if (own != NULL)
        destroy(own);
    return rc;
}
