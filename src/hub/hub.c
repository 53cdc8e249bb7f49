/* hub.c - the hub's life: opening, the thread that folds, and when it commits.
 *
 *   round:  take the newest snapshot
 *           fold records until there are none, or HUB_BATCH_RECORDS, or HUB_BATCH_US have passed
 *           a slice of a sweep
 *           append what was emitted
 *           commit state and positions, when HUB_COMMIT_US have passed since the last time or somebody waits
 *
 * What is emitted is on its topic right after the fold: edges do not wait for a commit. A commit is dearer than the
 * fold of one event, and with a few events a round each would have its own; so rounds share one. The state lock is held
 * while a record is folded and for the commit, not while waiting. A full disk stops folding:
 * what is staged stays, and the commit is tried again until there is space. Damaged or unwritable state stops the hub
 * for good, said once in the log and to everybody who waits. */
#include "hub/hub_int.h"

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/pack.h"

#define STATE_VERSION 3
#define ARENA_BYTES ((size_t)1 << 30) /* a profile of LIMIT_PROFILE_EVENTS large events, parsed */

void
hub_lock(struct hub *h)
{
    os_lock(&h->turn_lock);
    os_lock(&h->lock);
    os_unlock(&h->turn_lock);
}

void
hub_unlock(struct hub *h)
{
    os_unlock(&h->lock);
}

/* ---- state row ---- */

static enum err
read_state(struct hub *h, struct diag *d)
{
    struct str value;
    struct unpack u;
    uint64_t version;
    enum err rc = kv_get(h->kv, S("H"), &value, d);

    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc != ERR_OK)
        return rc;
    u = unpack_from(value);
    version = unpack_u64(&u);
    if (!u.bad && version != STATE_VERSION)
        return diag_set(
            d, ERR_UNSUPPORTED,
            "hub: the table is of version %llu, this program reads version %d only; without the folder it is "
            "made again from the log",
            (unsigned long long)version, STATE_VERSION);
    h->state.clock_ms = unpack_i64(&u);
    h->state.rev = unpack_u64(&u);
    h->state.profiles = unpack_u64(&u);
    return u.bad ? diag_set(d, ERR_CORRUPT, "hub: the state row is damaged") : ERR_OK;
}

static enum err
stage_state(struct hub *h, struct diag *d)
{
    struct buf b;
    enum err rc;

    buf_init(&b, 64);
    pack_u64(&b, STATE_VERSION);
    pack_i64(&b, h->state.clock_ms);
    pack_u64(&b, h->state.rev);
    pack_u64(&b, h->state.profiles);
    rc =
        buf_ok(&b) ? kv_put(h->kv, S("H"), buf_str(&b), 0, d) : diag_set(d, ERR_NOMEM, "no memory for the hub's state");
    buf_deinit(&b);
    return rc;
}

/* ---- commit ---- */

static void
publish(struct hub *h)
{
    int64_t lag = 0;

    os_lock(&h->progress);
    for (size_t i = 0; i < h->o.collect_count; i++) {
        h->folded[i] = h->partitions[i].next;
        lag += (int64_t)(topic_end(h->partitions[i].topic) - h->partitions[i].next);
    }
    h->version_seen = h->snap != NULL ? h->snap->version : 0;
    h->sweep_seen = (struct hub_progress){h->sweep.active, h->sweep.visited, h->sweep.total};
    os_cond_broadcast(&h->moved);
    os_unlock(&h->progress);
    metric_set(M_HUB_LAG, lag);
    metric_set(M_HUB_PROFILES, (int64_t)h->state.profiles);
    metric_set(M_HUB_SWEEP_PROFILES, (int64_t)h->sweep.total);
    metric_set(M_HUB_SWEEP_VISITED, (int64_t)h->sweep.visited);
}

static enum err
commit_table(struct hub *h, struct diag *d)
{
    size_t n = 0;
    enum err rc = hub_stage_counts(h, d);

    if (rc == ERR_OK && h->state_changed)
        rc = stage_state(h, d);
    for (size_t i = 0; i < h->o.collect_count; i++)
        h->positions[n++] = (struct kv_position){str_of(h->partitions[i].name), h->partitions[i].next};
    for (size_t i = 0; i < h->out_count; i++)
        h->positions[n++] = (struct kv_position){str_of(h->outs[i].name), h->outs[i].next};
    if (rc == ERR_OK)
        rc = kv_commit(h->kv, h->positions, n, false, d);
    if (rc != ERR_OK)
        return rc;
    h->state_changed = false;
    h->uncommitted = false;
    h->committed_us = os_mono_us(h->o.os);
    publish(h);
    return ERR_OK;
}

/* Appends what was emitted, and commits when told to. */
static enum err
settle(struct hub *h, bool commit, struct diag *d)
{
    enum err rc = hub_flush(h, d);

    if (rc == ERR_OK && commit)
        rc = commit_table(h, d);
    if (rc == ERR_BUSY && !h->busy)
        log_error("hub_disk_full", "reason=\"%s\" action=\"folding waits for space\"", d->what);
    if (rc == ERR_OK && h->busy)
        log_info("hub_disk_recovered", "profiles=%llu", (unsigned long long)h->state.profiles);
    h->busy = rc == ERR_BUSY;
    return rc;
}

enum err
hub_commit(struct hub *h, struct diag *d)
{
    return settle(h, true, d);
}

/* ---- rounds ---- */

static bool
stopping(struct hub *h, bool *abandoned)
{
    bool stop;

    os_lock(&h->progress);
    stop = h->stop;
    if (abandoned != NULL)
        *abandoned = h->abandoned;
    os_unlock(&h->progress);
    return stop;
}

/* Sleeps, unless the hub is told to stop. */
static void
pause_us(struct hub *h, uint64_t us)
{
    os_lock(&h->progress);
    if (!h->stop)
        (void)os_cond_wait_us(&h->moved, &h->progress, us); /* waking early is harmless */
    os_unlock(&h->progress);
}

static enum err
look(struct hub_partition *p, uint64_t wait_us, struct diag *d)
{
    enum err rc = ERR_OK;

    if (!p->has_head && (!p->dry || wait_us > 0)) {
        rc = consumer_poll(p->consumer, wait_us, &p->head, &p->has_head, d);
        p->dry = rc == ERR_OK && !p->has_head;
    }
    return rc;
}

/* The oldest of what the partitions have next. The hub's time never goes back, so a partition that is ahead of the
 * others, after a stop or when everything is folded anew, would make their records late: windows would end before the
 * events that are in them. */
static enum err
next_record(struct hub *h, uint64_t wait_us, size_t *partition, struct record *r, bool *got, struct diag *d)
{
    size_t n = h->o.collect_count;
    struct hub_partition *oldest = NULL;
    enum err rc = ERR_OK;

    CHECK(n > 0);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        struct hub_partition *p = &h->partitions[i];
        rc = look(p, n == 1 ? wait_us : 0, d);
        if (p->has_head && (oldest == NULL || p->head.time_ms < oldest->head.time_ms))
            oldest = p;
    }
    if (rc == ERR_OK && oldest == NULL && n > 1 && wait_us > 0) {
        struct hub_partition *p = &h->partitions[h->turn];
        h->turn = (h->turn + 1) % n;
        rc = look(p, wait_us < HUB_WAIT_SHARED_US ? wait_us : HUB_WAIT_SHARED_US, d);
        oldest = p->has_head ? p : NULL;
    }
    *got = rc == ERR_OK && oldest != NULL;
    if (*got) {
        *partition = (size_t)(oldest - h->partitions);
        *r = oldest->head;
        oldest->has_head = false;
    }
    return rc;
}

static enum err
fold_one(struct hub *h, size_t partition, const struct record *r, struct diag *d)
{
    enum err rc;

    for (;;) {
        hub_lock(h);
        rc = hub_fold(h, partition, r, d);
        if (rc == ERR_OK)
            h->partitions[partition].next = r->offset + 1;
        h->staged_bytes = kv_staged_bytes(h->kv);
        hub_unlock(h);
        if (rc != ERR_BUSY || stopping(h, NULL))
            break;
        /* A commit between timers, or within a job, found the disk full. Folding the record again is the same. */
        pause_us(h, HUB_RETRY_US);
    }
    if (rc == ERR_OK)
        metric_inc(M_HUB_RECORDS);
    return rc;
}

static enum err
fold_batch(struct hub *h, uint64_t wait_us, size_t *count, struct diag *d)
{
    uint64_t start = 0;
    struct record r;
    size_t partition = 0;
    bool got = true;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < h->o.collect_count; i++)
        h->partitions[i].dry = false; /* asked once a round: what comes meanwhile is of this moment */
    for (*count = 0; *count < HUB_BATCH_RECORDS; ++*count) {
        rc = next_record(h, *count == 0 ? wait_us : 0, &partition, &r, &got, d);
        if (rc != ERR_OK || !got)
            break;
        if (*count == 0)
            start = os_mono_us(h->o.os);
        rc = fold_one(h, partition, &r, d);
        if (rc != ERR_OK || os_mono_us(h->o.os) - start > HUB_BATCH_US)
            break;
        if (h->staged_bytes > HUB_STAGED_BYTES)
            break;
    }
    if (rc == ERR_OK && got && *count < HUB_BATCH_RECORDS)
        ++*count; /* the last one of a batch that time or size ended */
    return rc;
}

/* Without a thread of its own the hub commits every round. Who waits for records is told at once; who waits for the end
 * of a sweep is told then. */
static bool
time_to_commit(struct hub *h, bool folded)
{
    bool asked;

    if (!h->own_thread || h->busy || kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
        return true;
    os_lock(&h->progress);
    asked = (h->waiters > 0 && (folded || !h->sweep.active)) || h->stop;
    os_unlock(&h->progress);
    return asked || os_mono_us(h->o.os) - h->committed_us >= HUB_COMMIT_US;
}

enum err
hub_round(struct hub *h, uint64_t wait_us, bool *idle, struct diag *d)
{
    size_t count = 0;
    bool sweeping = false, waited = h->busy;
    enum err rc = ERR_OK;

    if (!h->busy) {
        hub_lock(h);
        rc = hub_take_snapshot(h, d);
        hub_unlock(h);
        if (rc == ERR_OK)
            rc = fold_batch(h, wait_us, &count, d);
    }
    hub_lock(h);
    if (rc == ERR_OK && !h->busy) {
        sweeping = h->sweep.active;
        rc = hub_sweep_some(h, count > 0 || !h->own_thread, d);
    }
    h->uncommitted |= count > 0 || sweeping || h->repaired;
    h->repaired = false;
    if (rc == ERR_OK)
        rc = settle(h, time_to_commit(h, count > 0), d);
    hub_unlock(h);
    *idle = count == 0 && !sweeping && !waited && !h->uncommitted;
    return rc;
}

/* ---- the thread ---- */

static void
fail(struct hub *h, enum err rc, const struct diag *d)
{
    log_error("hub_stopped", "code=%s reason=\"%s\"", err_name(rc), d->what);
    os_lock(&h->progress);
    h->failed = rc;
    (void)snprintf(h->failure, sizeof h->failure, "%s", d->what); /* cut when long */
    os_cond_broadcast(&h->moved);
    os_unlock(&h->progress);
}

/* The timers can wait as long. */
static uint64_t
left_to_commit(const struct hub *h)
{
    uint64_t passed = os_mono_us(h->o.os) - h->committed_us;

    return passed < HUB_COMMIT_US ? HUB_COMMIT_US - passed : 0;
}

/* How long the next round may wait for a record. When a window ended by the machine's clock, a tick goes into the log:
 * only the log moves the hub's time. */
static uint64_t
time_to_wait(struct hub *h)
{
    struct diag d = DIAG_INIT;
    uint64_t offset, own_next;
    int64_t due, left_ms;
    bool sweeping;

    hub_lock(h);
    due = kv_earliest_due(h->kv);
    sweeping = h->sweep.active;
    own_next = h->partitions[h->own].next;
    hub_unlock(h);
    if (sweeping)
        return 0;
    if (h->uncommitted)
        return left_to_commit(h);
    if (due == 0 || h->o.emulated_clock)
        return HUB_WAIT_US;
    left_ms = due - os_now_ms(h->o.os);
    if (left_ms > 0)
        return left_ms < (int64_t)(HUB_WAIT_US / 1000) ? (uint64_t)left_ms * 1000 : HUB_WAIT_US;
    if (own_next >= h->tick_end && hub_append_tick(h, due - left_ms, &offset, &d) == ERR_OK)
        h->tick_end = offset + 1;
    return HUB_WAIT_US; /* the tick ends the wait; when the disk was full the next round tries again */
}

/* A round that found nothing may have been woken only: at the end the logs are asked, and the last commit is made. */
static bool
caught_up(const struct hub *h)
{
    for (size_t i = 0; i < h->o.collect_count; i++) {
        if (h->partitions[i].next < topic_end(h->partitions[i].topic))
            return false;
    }
    return !h->uncommitted;
}

/* A hub that is far behind does not catch up before it stops: the log keeps what is to be folded. */
static bool
late(const struct hub *h, uint64_t *stop_us)
{
    uint64_t now = os_mono_us(h->o.os);

    if (*stop_us == 0)
        *stop_us = now;
    return now - *stop_us > HUB_STOP_US;
}

static void
run(void *ctx)
{
    struct hub *h = ctx;
    bool idle = false, abandoned = false;
    uint64_t stop_us = 0; /* when it was told to stop */

    os_thread_in_background();
    while (!(stopping(h, &abandoned) && (caught_up(h) || h->busy || abandoned || late(h, &stop_us)))) {
        struct diag d = DIAG_INIT;
        uint64_t wait_us = stopping(h, NULL) ? 0 : time_to_wait(h);
        enum err rc = hub_round(h, wait_us, &idle, &d);
        if (rc == ERR_BUSY) {
            pause_us(h, HUB_RETRY_US);
        } else if (rc != ERR_OK) {
            fail(h, rc, &d);
            return;
        }
    }
}

static void
wake(struct hub *h)
{
    for (size_t i = 0; i < h->o.collect_count; i++)
        consumer_wake(h->partitions[i].consumer);
}

/* ---- opening and closing ---- */

/* The log lost its end in a power cut, the table did not: go on with what comes now. The table is told at once: when it
 * dies before its first commit, the log may have grown past the old position meanwhile. */
static enum err
go_back(struct hub *h, struct hub_partition *p, uint64_t end, struct diag *d)
{
    log_warn("hub_input_lost", "partition=%s records=%llu", p->name, (unsigned long long)(p->next - end));
    p->next = end;
    return kv_commit(h->kv, &(struct kv_position){str_of(p->name), end}, 1, true, d);
}

static enum err
open_partition(struct hub *h, size_t i, struct diag *d)
{
    struct hub_partition *p = &h->partitions[i];
    enum err rc = ERR_OK;
    uint64_t end;

    p->topic = h->o.collect[i];
    (void)snprintf(p->name, sizeof p->name, "collect/%zu", i); /* fits */
    p->next = kv_position(h->kv, str_of(p->name));
    end = topic_end(p->topic);
    if (p->next > end)
        rc = go_back(h, p, end, d);
    if (p->next < topic_begin(p->topic)) { /* a table that is folded anew behind a retention */
        log_warn("hub_input_expired", "partition=%zu records=%llu", i,
                 (unsigned long long)(topic_begin(p->topic) - p->next));
        p->next = topic_begin(p->topic);
    }
    if (p->topic == h->o.own_collect)
        h->own = i;
    p->end_at_open = end;
    return rc == ERR_OK ? consumer_open(p->topic, p->next, &p->consumer, d) : rc;
}

static enum err
open_outs(struct hub *h, struct diag *d)
{
    enum err rc = hub_out_open(h, &h->outs[h->out_count++], h->o.membership, S_NULL, d);

    h->told_ahead = h->outs[0].replayed.count > 0;
    for (size_t i = 0; i < h->o.region_count && rc == ERR_OK; i++) {
        struct topic *t;
        char name[LIMIT_TOPIC_NAME_BYTES + 16];
        struct topic_options o = {.name = name, .writable = true, .compacted = true};
        (void)snprintf(name, sizeof name, "projection.%s", h->o.regions[i]); /* too long: refused by the next line */
        rc = pipeline_topic(h->o.pipeline, &o, &t, d);
        if (rc != ERR_OK)
            break;
        rc = hub_out_open(h, &h->outs[h->out_count++], t, str_of(h->o.regions[i]), d);
    }
    return rc;
}

static enum err
open_all(struct hub *h, struct diag *d)
{
    size_t n = h->o.collect_count, outs = 1 + h->o.region_count;
    struct kv_options ko = {.os = h->o.os, .dir = h->o.dir};
    enum err rc = kv_open(&ko, &h->kv, d);

    if (rc == ERR_OK)
        rc = read_state(h, d);
    if (rc == ERR_OK)
        rc = profile_names_open(h->kv, &h->names, d);
    if (rc != ERR_OK)
        return rc;
    h->partitions = calloc(n, sizeof *h->partitions);
    h->outs = calloc(outs, sizeof *h->outs);
    h->positions = calloc(n + outs, sizeof *h->positions);
    h->folded = calloc(n, sizeof *h->folded);
    if (h->partitions == NULL || h->outs == NULL || h->positions == NULL || h->folded == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the hub");
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = open_partition(h, i, d);
    if (rc == ERR_OK)
        rc = open_outs(h, d);
    if (rc == ERR_OK)
        rc = hub_named_open(h, d);
    if (rc == ERR_OK)
        rc = hub_take_snapshot(h, d);
    if (rc == ERR_OK)
        publish(h);
    return rc;
}

static void
hub_free(struct hub *h)
{
    for (size_t i = 0; h->partitions != NULL && i < h->o.collect_count; i++)
        consumer_close(h->partitions[i].consumer);
    for (size_t i = 0; i < h->out_count; i++)
        hub_out_close(&h->outs[i]);
    hub_named_close(h);
    profile_names_close(&h->names);
    if (h->kv != NULL)
        kv_close(h->kv);
    if (h->snap != NULL)
        snapshot_put(h->o.config, h->snap);
    map_deinit(&h->scopes);
    arena_deinit(&h->snap_arena);
    arena_deinit(&h->arena);
    arena_deinit(&h->out_arena);
    os_cond_deinit(&h->moved);
    os_mutex_deinit(&h->progress);
    os_mutex_deinit(&h->lock);
    os_mutex_deinit(&h->turn_lock);
    free(h->partitions);
    free(h->outs);
    free(h->positions);
    free(h->folded);
    free(h);
}

enum err
hub_open(const struct hub_options *o, struct hub **out, struct diag *d)
{
    struct hub *h;
    enum err rc;

    if (o->collect_count == 0)
        return diag_set(d, ERR_INVALID, "hub: no partition of collect to fold");
    h = calloc(1, sizeof *h);
    if (h == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the hub");
    h->o = *o;
    os_mutex_init(&h->turn_lock);
    os_mutex_init(&h->lock);
    os_mutex_init(&h->progress);
    os_cond_init(&h->moved);
    map_init(&h->scopes);
    arena_init(&h->snap_arena, ARENA_BYTES);
    arena_init(&h->arena, ARENA_BYTES);
    arena_init(&h->out_arena, ARENA_BYTES);
    rc = open_all(h, d);
    if (rc != ERR_OK) {
        hub_free(h);
        return rc;
    }
    *out = h;
    return ERR_OK;
}

enum err
hub_run(struct hub *h, struct diag *d)
{
    h->own_thread = true; /* before the thread reads it */
    return os_thread_open(&h->thread, "hub", run, h, d);
}

static void
stop_thread(struct hub *h, bool abandoned)
{
    os_lock(&h->progress);
    h->stop = true;
    h->abandoned = abandoned;
    os_cond_broadcast(&h->moved);
    os_unlock(&h->progress);
    wake(h);
    os_thread_close(&h->thread);
}

void
hub_close(struct hub *h)
{
    struct diag d = DIAG_INIT;
    bool idle = false;

    if (h == NULL)
        return;
    if (h->thread.running)
        stop_thread(h, false);
    else
        while (!idle && hub_round(h, 0, &idle, &d) == ERR_OK)
            continue;
    hub_free(h);
}

void
hub_abandon(struct hub *h)
{
    stop_thread(h, true);
    hub_free(h);
}

uint64_t
hub_committed(struct hub *h, const struct topic *t)
{
    uint64_t offset = 0;

    hub_lock(h);
    for (size_t i = 0; i < h->o.collect_count; i++) {
        if (h->partitions[i].topic == t)
            offset = kv_position(h->kv, str_of(h->partitions[i].name));
    }
    if (h->o.membership == t)
        offset = kv_position(h->kv, str_of(h->outs[0].name));
    hub_unlock(h);
    return offset;
}

/* ---- waiting ---- */

struct target {
    uint64_t *ends; /* of each partition */
    uint64_t version;
    bool sweeps;
};

static bool
reached(const struct hub *h, const struct target *t)
{
    for (size_t i = 0; i < h->o.collect_count; i++) {
        if (h->folded[i] < t->ends[i])
            return false;
    }
    return !t->sweeps || (h->version_seen >= t->version && !h->sweep_seen.active);
}

static enum err
wait_running(struct hub *h, const struct target *t, uint64_t timeout_us, struct diag *d)
{
    uint64_t start = os_mono_us(h->o.os), passed = 0;
    enum err rc = ERR_OK;

    os_lock(&h->progress);
    h->waiters++;
    while (!reached(h, t) && h->failed == ERR_OK && passed < timeout_us) {
        (void)os_cond_wait_us(&h->moved, &h->progress, timeout_us - passed); /* the loop looks again */
        passed = os_mono_us(h->o.os) - start;
    }
    h->waiters--;
    if (h->failed != ERR_OK)
        rc = diag_set(d, h->failed, "the hub stopped: %s", h->failure);
    else if (!reached(h, t))
        rc = diag_set(d, ERR_TIMEOUT, "the hub is still behind after %llu ms", (unsigned long long)(timeout_us / 1000));
    os_unlock(&h->progress);
    return rc;
}

static enum err
wait_for(struct hub *h, bool sweeps, uint64_t timeout_us, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(h->o.config);
    struct target t = {.version = snap->version, .sweeps = sweeps};
    bool idle = false;
    enum err rc = ERR_OK;

    snapshot_put(h->o.config, snap);
    t.ends = calloc(h->o.collect_count, sizeof *t.ends);
    if (t.ends == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to wait for the hub");
    for (size_t i = 0; i < h->o.collect_count; i++)
        t.ends[i] = topic_end(h->partitions[i].topic);
    if (h->thread.running) {
        wake(h);
        rc = wait_running(h, &t, timeout_us, d);
    } else { /* no thread: the caller folds */
        while (rc == ERR_OK && !idle)
            rc = hub_round(h, 0, &idle, d);
    }
    free(t.ends);
    return rc;
}

enum err
hub_tick(struct hub *h, int64_t now_ms, struct diag *d)
{
    uint64_t offset;
    enum err rc = hub_append_tick(h, now_ms, &offset, d);

    return rc == ERR_OK ? wait_for(h, false, UINT64_MAX / 2, d) : rc;
}

enum err
hub_job_done(struct hub *h, uint64_t offset, uint64_t timeout_us, struct diag *d)
{
    bool folded;

    os_lock(&h->progress);
    folded = h->folded[h->own] > offset;
    os_unlock(&h->progress);
    return folded ? ERR_OK : wait_for(h, false, timeout_us, d);
}

enum err
hub_drain(struct hub *h, uint64_t timeout_us, struct diag *d)
{
    return wait_for(h, true, timeout_us, d);
}
