/* edge_follow.c - the edge's life: open and recover, follow the projections, flush the table, close.
 *
 * One thread applies projections as they come and writes changed documents to the durable table every FLUSH_US.
 * Recovery folds the hits that came after the last flush; projections begin again at the position of that flush. */
#include "edge/edge_int.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"

#define FLUSH_US 1000000
#define POLL_US 20000

static uint64_t
collect_end(void *ctx)
{
    const struct edge *e = ctx;

    return topic_end(e->o.collect);
}

static struct str
projection_name(const struct edge *e)
{
    return str_of(topic_name(e->o.projection));
}

static void
flush(struct edge *e)
{
    struct kv_position positions[2] = {{str_of(e->o.collect_name), 0}};
    size_t n = 1;
    struct diag d = DIAG_INIT;

    if (e->o.projection != NULL)
        positions[n++] = (struct kv_position){projection_name(e), e->applied};
    if (edge_table_flush(e->table, os_now_ms(e->o.os), positions, n, collect_end, e, &d) != ERR_OK)
        log_warn("edge_flush_failed", "why=\"%s\"", d.what);
}

/* A document that was evaluated before is evaluated again here, not in the visitor's next request. When that fails the
 * request builds the state, and says why it cannot. */
static void
renew_rules(struct edge *e, struct str key, struct edge_doc *doc, int64_t now_ms, struct arena *a)
{
    const struct snapshot *snap = snapshot_get(e->o.config);
    ptrdiff_t end = str_find_char(key, 0x1f);

    if (end > 0)
        (void)edge_rules_renew(snapshot_scope(snap, str_slice(key, 0, (size_t)end)), doc, now_ms, a, NULL);
    snapshot_put(e->o.config, snap);
}

/* A document that is absent may be on its way: the hub can answer a visitor's first hit before the request that
 * appended the hit has stored what it made of it. */
static enum err
load_settled(struct edge *e, struct str key, int64_t now_ms, struct arena *a, struct edge_doc *doc, uint32_t *version,
             struct diag *d)
{
    enum err rc = edge_table_load(e->table, key, now_ms, a, doc, version, d);

    if (rc != ERR_OK || doc->known)
        return rc;
    edge_table_settle(e->table);
    return edge_table_load(e->table, key, now_ms, a, doc, version, d);
}

/* scope US ns US id: which document a projection is for is its key. */
static enum err
apply_projection(struct edge *e, const struct record *r, struct arena *a, struct diag *d)
{
    struct projection p;
    struct edge_doc doc;
    uint32_t version;
    bool evaluated;
    int64_t now_ms = os_now_ms(e->o.os);
    enum err rc;

    if (r->value.p == NULL) {
        edge_table_remove(e->table, r->key);
        return ERR_OK;
    }
    rc = projection_read(r->value, a, &p, d);
    if (rc != ERR_OK)
        return rc;
    do {
        rc = load_settled(e, r->key, now_ms, a, &doc, &version, d);
        if (rc == ERR_OK && !doc.known)
            return ERR_OK; /* it left this edge meanwhile: the next visit fetches it */
        evaluated = doc.rule_state.n > 0;
        if (rc == ERR_OK)
            rc = edge_doc_fold_projection(&doc, &p, now_ms, a, d);
        if (rc == ERR_OK && evaluated && doc.rule_state.n == 0)
            renew_rules(e, r->key, &doc, now_ms, a);
    } while (rc == ERR_OK && !edge_table_store(e->table, r->key, &doc, version, a));
    if (rc == ERR_OK && p.accepted_us > 0 && now_ms * 1000 >= p.accepted_us)
        metric_observe(M_LOOP_US, (uint64_t)(now_ms * 1000 - p.accepted_us));
    return rc;
}

static void
mark_applied(struct edge *e, uint64_t offset)
{
    os_lock(&e->lock);
    e->applied = offset;
    os_cond_broadcast(&e->turned);
    os_unlock(&e->lock);
}

static bool
stopping(struct edge *e)
{
    bool yes;

    os_lock(&e->lock);
    yes = e->stopping;
    os_unlock(&e->lock);
    return yes;
}

void
edge_follow(void *ctx)
{
    struct edge *e = ctx;
    struct arena arena;
    uint64_t flushed_us = os_mono_us(e->o.os);

    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    while (!stopping(e)) {
        struct record r;
        struct diag d = DIAG_INIT;
        bool got = false;
        enum err rc = consumer_poll(e->projections, POLL_US, &r, &got, &d);
        arena_reset(&arena);
        if (rc == ERR_OK && got)
            rc = apply_projection(e, &r, &arena, &d);
        if (rc != ERR_OK)
            log_error("projection_failed", "why=\"%s\"", d.what);
        if (got)
            mark_applied(e, r.offset + 1);
        if (os_mono_us(e->o.os) - flushed_us >= FLUSH_US) {
            flush(e);
            flushed_us = os_mono_us(e->o.os);
        }
    }
    flush(e);
    arena_deinit(&arena);
}

enum err
edge_recover(struct edge *e, struct diag *d)
{
    struct consumer *c = NULL;
    struct arena arena;
    uint64_t end = topic_end(e->o.collect), count = 0;
    enum err rc;

    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    rc = consumer_open(e->o.collect, edge_table_position(e->table, str_of(e->o.collect_name)), &c, d);
    while (rc == ERR_OK && consumer_offset(c) < end) {
        struct record r;
        struct hit h;
        bool got;
        rc = consumer_poll(c, 0, &r, &got, d);
        if (rc != ERR_OK || !got)
            break;
        arena_reset(&arena);
        rc = hit_read(r.value, &arena, &h, d);
        if (rc == ERR_OK && h.source == SOURCE_EDGE && h.kind != HIT_TICK)
            rc = edge_replay(e, &h, r.time_ms, r.offset, &arena, d);
        if (rc == ERR_NOMEM || rc == ERR_LIMIT) {
            /* A hit that is too large for one arena cost its request the personalization. It must not cost the start.
             */
            log_warn("edge_hit_not_folded", "offset=%llu why=\"%s\"", (unsigned long long)r.offset, d->what);
            metric_inc(M_EDGE_DEGRADED);
            rc = ERR_OK;
        }
        count++;
    }
    consumer_close(c);
    arena_deinit(&arena);
    if (rc == ERR_OK && count > 0)
        log_info("edge_recovered", "hits=%llu", (unsigned long long)count);
    return rc;
}

/* The log lost its end in a power cut, the table did not. It is told how far the log goes before hits take the place of
 * those that are gone: when it dies before its next flush, they must be folded. */
static void
forget_lost(struct edge *e)
{
    uint64_t at = edge_table_position(e->table, str_of(e->o.collect_name)), end = topic_end(e->o.collect);

    if (at <= end)
        return;
    log_warn("edge_input_lost", "hits=%llu", (unsigned long long)(at - end));
    flush(e);
}

static void
name_region(struct edge *e)
{
    (void)snprintf(e->region, sizeof e->region, "%s;%u", e->o.hint,
                   e->o.region_id); /* a hint is short: edge_open's caller */
    for (char *p = e->region; *p != '\0'; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
}

enum err
edge_open(const struct edge_options *o, struct edge **out, struct diag *d)
{
    struct edge *e = calloc(1, sizeof *e);
    struct edge_table_options table = {.os = o->os, .dir = o->dir, .ttl_ms = o->profile_ttl_ms};
    enum err rc;

    if (e == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the edge");
    e->o = *o;
    name_region(e);
    os_mutex_init(&e->lock);
    os_cond_init(&e->turned);
    os_entropy(o->os, &e->media_key, sizeof e->media_key);
    e->dedupe = edge_dedupe_new(LIMIT_DEDUPE_REQUESTS);
    rc = e->dedupe != NULL ? edge_table_open(&table, &e->table, d) : diag_set(d, ERR_NOMEM, "no memory for the edge");
    if (rc == ERR_OK)
        rc = edge_recover(e, d);
    if (rc == ERR_OK) {
        e->applied = edge_table_position(e->table, projection_name(e));
        rc = consumer_open(o->projection, e->applied, &e->projections, d);
    }
    if (rc == ERR_OK)
        forget_lost(e);
    if (rc == ERR_OK && o->fetch != NULL)
        rc = remote_offers_open(o->fetch, &e->remote, d);
    if (rc != ERR_OK) {
        edge_close(e);
        return rc;
    }
    *out = e;
    return ERR_OK;
}

enum err
edge_run(struct edge *e, struct diag *d)
{
    return os_thread_open(&e->thread, "edge-follow", edge_follow, e, d);
}

void
edge_close(struct edge *e)
{
    if (e == NULL)
        return;
    os_lock(&e->lock);
    e->stopping = true;
    os_unlock(&e->lock);
    if (e->projections != NULL)
        consumer_wake(e->projections);
    os_thread_close(&e->thread);
    remote_offers_close(e->remote);
    consumer_close(e->projections);
    edge_table_close(e->table);
    edge_dedupe_free(e->dedupe);
    os_cond_deinit(&e->turned);
    os_mutex_deinit(&e->lock);
    free(e);
}

enum err
edge_drain(struct edge *e, uint64_t timeout_us, struct diag *d)
{
    uint64_t end = topic_end(e->o.projection), until = os_mono_us(e->o.os) + timeout_us;
    enum err rc = ERR_OK;

    os_lock(&e->lock);
    while (e->applied < end && rc == ERR_OK) {
        uint64_t now = os_mono_us(e->o.os);
        if (now >= until)
            rc = diag_set(d, ERR_TIMEOUT, "projections are not applied yet");
        else
            (void)os_cond_wait_us(&e->turned, &e->lock, until - now);
    }
    os_unlock(&e->lock);
    return rc;
}

uint64_t
edge_committed(struct edge *e)
{
    return edge_table_position(e->table, str_of(e->o.collect_name));
}
