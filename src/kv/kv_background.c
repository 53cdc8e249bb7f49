/* kv_background.c - the syncer and the cleaner.
 *
 * Compaction works on the oldest segment only: what the index still points to is copied to the tail, then the segment
 * goes. It runs while more than half of all bytes are garbage. The order of the log is thereby kept, which is the whole
 * argument why a deleted key cannot come back: every put that a tombstone in the oldest segment could hide stands
 * before it, hence in the same segment, and goes with it. A full turn copies at most the live bytes and frees at least
 * as many, so a byte is written twice on average at worst, and the files are at most twice the live bytes and one
 * segment.
 *
 *  (1) copies carry the next frame numbers and are synced before the segment goes: nothing is ever on disk nowhere;
 *  (2) a last frame carries the positions, so they do not depend on the segment either;
 *  (3) a checkpoint without the segment is on disk before it goes, so the newest checkpoint never points into nothing;
 *  (4) the owner may hold values of the segment: it stays mapped until the owner's next call that ends them. */
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "kv/kv_int.h"

/* --- compaction --- */

struct copying {
    struct kv *k;
    struct kv_segment *victim;
    size_t count; /* entries in k->copies */
    struct copied {
        size_t slot;
        uint32_t at; /* in the frame */
    } entries[KV_COPY_ENTRIES];
};

static bool
garbage_rules(struct kv *k)
{
    uint64_t total = 0, live = 0;
    bool rules;

    os_lock(&k->m);
    for (size_t i = 0; i < k->segment_count; i++) {
        total += k->segments[i]->bytes - FRAME_FILE_BYTES;
        live += k->segments[i]->live;
    }
    rules = k->segment_count > 1 && total - live > total / 2 && !k->compaction_broken;
    os_unlock(&k->m);
    return rules;
}

/* The slot that points to the entry at this very place, if the entry is live. With write_m held. */
static size_t
slot_at(const struct kv *k, const struct kv_segment *s, uint64_t at, struct str key)
{
    uint64_t hash = kv_hash(k, key);
    size_t i = kv_table_first(&k->index, hash);

    while (i != KV_NONE && (k->index.slots[i].segment != s->number || k->index.slots[i].at != at))
        i = kv_table_next(&k->index, hash, i);
    return i;
}

/* Writes the gathered copies as one frame and has the slots point to them. With write_m held. */
static enum err
write_copies(struct copying *c, struct diag *d)
{
    struct kv *k = c->k;
    size_t end = k->copies.n, positions = kv_positions_bytes(&k->positions);
    struct kv_segment *last;
    uint64_t frame_at = 0;
    enum err rc;

    if (buf_grow(&k->copies, positions) == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact '%s'", k->dir);
    kv_positions_encode(&k->positions, k->copies.p + end);
    rc = kv_log_append(k, k->copies.p, end + positions, (uint32_t)c->count, &frame_at, d);
    if (rc != ERR_OK)
        return rc;
    os_lock(&k->m);
    last = k->segments[k->segment_count - 1];
    for (size_t i = 0; i < c->count; i++) {
        struct kv_slot *slot = &k->index.slots[c->entries[i].slot];
        uint64_t bytes = kv_slot_bytes(slot);
        c->victim->live -= bytes;
        last->live += bytes;
        slot->segment = last->number;
        slot->at = (uint32_t)(frame_at + c->entries[i].at);
    }
    os_unlock(&k->m);
    return ERR_OK;
}

static enum err
begin_copies(struct copying *c, struct diag *d)
{
    struct kv *k = c->k;

    buf_clear(&k->copies);
    if (buf_grow(&k->copies, FRAME_HEADER_BYTES) == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact '%s'", k->dir);
    k->copies.n = FRAME_HEADER_BYTES;
    c->count = 0;
    return ERR_OK;
}

/* Copies the live ones of the next entries of a frame: as many as the owner can wait for. */
static enum err
copy_some(struct copying *c, const struct frame *f, uint64_t frame_at, struct kv_walk *w, struct diag *d)
{
    struct kv *k = c->k;
    enum err rc = begin_copies(c, d);

    for (size_t seen = 0; rc == ERR_OK && w->left > 0 && seen < KV_COPY_ENTRIES && k->copies.n < KV_COPY_BYTES;
         seen++) {
        uint64_t at = frame_at + FRAME_HEADER_BYTES + (f->body.n - w->rest.n);
        struct kv_entry e = {0};
        size_t slot;
        char *to;
        CHECK(kv_walk_next(w, &e)); /* the frame was checked */
        slot = e.flags & KV_ENTRY_DELETED ? KV_NONE : slot_at(k, c->victim, at, e.key);
        if (slot == KV_NONE)
            continue;
        to = buf_grow(&k->copies, e.bytes);
        if (to == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to compact '%s'", k->dir);
        memcpy(to, c->victim->map + at, e.bytes);
        c->entries[c->count++] = (struct copied){slot, (uint32_t)k->copies.n};
        k->copies.n += e.bytes;
    }
    return rc == ERR_OK && c->count > 0 ? write_copies(c, d) : rc;
}

static bool
stopping(struct kv *k)
{
    bool stop;

    os_lock(&k->m);
    stop = k->stop;
    os_unlock(&k->m);
    return stop;
}

static enum err
copy_live(struct copying *c, struct diag *d)
{
    struct kv *k = c->k;
    struct kv_segment *s = c->victim;
    struct frame f;
    enum err rc = ERR_OK;

    for (uint64_t at = FRAME_FILE_BYTES; at < s->bytes && rc == ERR_OK; at += f.bytes) {
        struct kv_walk w;
        if (frame_decode((struct str){s->map + at, (size_t)(s->bytes - at)}, s->salt, &f) != FRAME_OK ||
            !kv_frame_valid(&f))
            return diag_set(d, ERR_CORRUPT, "table '%s': checksum at byte %llu of segment %u does not match", k->dir,
                            (unsigned long long)at, s->number);
        w = kv_walk_from(&f);
        while (w.left > 0 && rc == ERR_OK) {
            if (stopping(k))
                return diag_set(d, ERR_CANCELLED, "table '%s' is being closed", k->dir);
            os_lock(&k->write_m);
            rc = copy_some(c, &f, at, &w, d);
            os_unlock(&k->write_m);
        }
    }
    if (rc != ERR_OK)
        return rc;
    os_lock(&k->write_m);
    rc = begin_copies(c, d);
    if (rc == ERR_OK)
        rc = write_copies(c, d); /* (2) */
    os_unlock(&k->write_m);
    return rc;
}

/* The file goes before the list forgets it: should that fail, the segment stays the oldest one and is tried again, and
 * no later one is removed before it. */
static enum err
remove_first(struct kv *k, struct kv_segment *s, struct diag *d)
{
    char path[KV_PATH_BYTES];
    enum err rc;

    kv_segment_path(k, s->number, path);
    rc = os_unlink(k->os, path, d);
    if (rc == ERR_OK || rc == ERR_NOT_FOUND) /* NOT_FOUND: an earlier try came as far as here */
        rc = os_sync_dir(k->os, k->dir, d);
    if (rc != ERR_OK)
        return rc;
    os_lock(&k->write_m);
    os_lock(&k->m);
    CHECK(s == k->segments[0]);
    CHECK(s->live == 0);
    k->segment_count--;
    memmove(k->segments, k->segments + 1, k->segment_count * sizeof(*k->segments));
    s->buried = k->graveyard; /* (4) */
    k->graveyard = s;
    os_unlock(&k->m);
    os_unlock(&k->write_m);
    metric_inc(M_KV_COMPACTIONS);
    return ERR_OK;
}

enum err
kv_compact_first(struct kv *k, struct diag *d)
{
    struct copying *c = malloc(sizeof *c);
    enum err rc;

    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact '%s'", k->dir);
    c->k = k;
    c->count = 0;
    os_lock(&k->m);
    c->victim = k->segments[0]; /* sealed, and nobody else removes segments */
    os_unlock(&k->m);
    rc = copy_live(c, d);
    if (rc == ERR_OK)
        rc = kv_flush(k, d); /* (1) */
    if (rc == ERR_OK)
        rc = kv_checkpoint(k, d); /* (3) */
    if (rc == ERR_OK)
        rc = remove_first(k, c->victim, d);
    if (rc == ERR_CORRUPT) {
        os_lock(&k->m);
        k->compaction_broken = true; /* what is still whole in it stays readable */
        os_unlock(&k->m);
    }
    free(c);
    return rc;
}

/* --- when --- */

/* A checkpoint costs 32 bytes a key; with many keys it is made less often, so that it stays a small part of what is
 * written. */
static bool
checkpoint_due(struct kv *k)
{
    uint64_t least = KV_CHECKPOINT_LOG_BYTES, index_bytes;
    bool due;

    os_lock(&k->write_m);
    index_bytes = k->index.count * sizeof(struct kv_slot);
    if (least < 4 * index_bytes)
        least = 4 * index_bytes;
    due = k->log_bytes >= least;
    os_unlock(&k->write_m);
    return due;
}

bool
kv_wants_cleaning(struct kv *k)
{
    return garbage_rules(k) || checkpoint_due(k);
}

static enum err
clean(struct kv *k, struct diag *d)
{
    enum err rc = ERR_OK;

    while (rc == ERR_OK && garbage_rules(k))
        rc = kv_compact_first(k, d);
    if (rc == ERR_OK && checkpoint_due(k))
        rc = kv_checkpoint(k, d);
    return rc;
}

enum err
kv_step(struct kv *k, struct diag *d)
{
    enum err rc = kv_flush(k, d);

    return rc == ERR_OK ? clean(k, d) : rc;
}

/* --- threads --- */

/* A dirty log always has a pass of the syncer ahead of it: whoever makes it dirty asks for one, and a pass that leaves
 * it dirty asks for the next. */
void
kv_wake(struct kv *k)
{
    os_lock(&k->m);
    if (!k->sync_work)
        os_cond_signal(&k->sync_wake);
    k->sync_work = true;
    os_unlock(&k->m);
}

static void
run_syncer(void *ctx)
{
    struct kv *k = ctx;
    uint64_t wait_us = KV_SYNC_US;

    os_lock(&k->m);
    while (!k->stop) {
        struct diag d = DIAG_INIT;
        enum err rc;
        bool wants;
        if (!k->sync_work) {
            os_cond_wait(&k->sync_wake, &k->m);
            continue;
        }
        (void)os_cond_wait_us(&k->sync_wake, &k->m, wait_us); /* woken early, it only syncs a little early */
        k->sync_work = false;
        os_unlock(&k->m);
        rc = kv_flush(k, &d);
        if (rc != ERR_OK)
            log_error("kv_sync", "dir=%s error=%s what=\"%s\"", k->dir, err_name(rc), d.what);
        wants = kv_wants_cleaning(k);
        wait_us = rc == ERR_OK ? KV_SYNC_US : KV_RETRY_US;
        os_lock(&k->m);
        k->sync_work = k->sync_work || k->dirty;
        if (wants && !k->clean_work) {
            k->clean_work = true;
            os_cond_signal(&k->clean_wake);
        }
    }
    os_unlock(&k->m);
}

static void
run_cleaner(void *ctx)
{
    struct kv *k = ctx;

    os_thread_in_background();
    os_lock(&k->m);
    while (!k->stop) {
        struct diag d = DIAG_INIT;
        enum err rc;
        if (!k->clean_work) {
            os_cond_wait(&k->clean_wake, &k->m);
            continue;
        }
        k->clean_work = false;
        os_unlock(&k->m);
        rc = clean(k, &d);
        if (rc != ERR_OK && rc != ERR_CANCELLED)
            log_error("kv_clean", "dir=%s error=%s what=\"%s\"", k->dir, err_name(rc), d.what);
        os_lock(&k->m);
        if (rc != ERR_OK && rc != ERR_CORRUPT && !k->stop) {
            (void)os_cond_wait_us(&k->clean_wake, &k->m, KV_RETRY_US);
            k->clean_work = true;
        }
    }
    os_unlock(&k->m);
}

enum err
kv_threads_open(struct kv *k, struct diag *d)
{
    enum err rc = os_thread_open(&k->syncer, "kv-sync", run_syncer, k, d);

    return rc == ERR_OK ? os_thread_open(&k->cleaner, "kv-clean", run_cleaner, k, d) : rc;
}

void
kv_threads_close(struct kv *k)
{
    os_lock(&k->m);
    k->stop = true;
    os_cond_signal(&k->sync_wake);
    os_cond_signal(&k->clean_wake);
    os_unlock(&k->m);
    os_thread_close(&k->syncer);
    os_thread_close(&k->cleaner);
}
