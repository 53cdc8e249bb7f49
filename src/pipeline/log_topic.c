/* log_topic.c - a partition that this process writes: opening and repairing it, appending, rolling, group commit.
 *
 * Append builds the frame in the partition's own buffer and puts it into the ring (log_ring.c), or with one pwrite at
 * the tail when there is none. Order matters: (1) the bytes are there before `end` is published, so nobody sees a
 * record that is not; (2) a write that fails is cut off before the next one (os_tail.h), so half a frame is never
 * followed by data; (3) a segment is synced as a whole before the next one is created, so only the last segment can
 * have a torn tail. */
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "pipeline/pipeline_int.h"

#define FRAME_KEEP_BYTES (1024u * 1024) /* a larger buffer goes back to the heap: one big batch must not pin memory */

static uint32_t
new_salt(struct topic *t)
{
    uint32_t salt;

    os_entropy(t->os, &salt, sizeof salt);
    return salt;
}

/* Creates the segment that begins at `base` and makes it the one that is written. With write_m held, or unpublished. */
static enum err
begin_segment(struct topic *t, uint64_t base, struct diag *d)
{
    struct frame_file h = {LOG_VERSION, 0, base, new_salt(t)};
    struct log_segment *s = log_segment_new(base);
    char path[LOG_PATH_BYTES];
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a segment of topic '%s'", t->name);
    log_segment_path(t, base, "", path);
    rc = log_segment_create(t, path, &h, &s->file, d);
    if (rc == ERR_OK)
        rc = os_sync_dir(t->os, t->dir, d);
    if (rc != ERR_OK)
        goto fail;
    s->salt = h.salt;
    s->bytes = FRAME_FILE_BYTES;
    s->newest_known = true;
    os_lock(&t->m);
    rc = log_list_add(t, s, d);
    if (rc == ERR_OK) {
        t->synced_bytes = t->landed = FRAME_FILE_BYTES;
        if (t->segment_count > 1) { /* the former last one stays open only while somebody reads it */
            struct log_segment *before = t->segments[t->segment_count - 2];
            before->refs++;
            log_segment_release(t, before);
        }
    }
    os_unlock(&t->m);
    if (rc != ERR_OK)
        goto fail;
    t->tail = (struct os_tail){.os = t->os, .file = s->file, .bytes = FRAME_FILE_BYTES};
    t->marked = true;
    return ERR_OK;
fail:
    os_close(t->os, s->file);
    free(s);
    return rc;
}

/* Ends the written part with a mark, unless it ends with one. The ring is drained. */
static enum err
write_mark(struct topic *t, struct diag *d)
{
    struct log_segment *s = log_list_last(t);
    struct frame_seal seal = {.salt = s->salt, .number = t->end};
    char mark[LOG_MARK_BYTES];
    enum err rc;

    if (t->marked)
        return ERR_OK;
    os_lock(&t->m);
    seal.synced_bytes = (uint32_t)t->synced_bytes;
    os_unlock(&t->m);
    log_mark_build(mark, &seal, s->newest_ms);
    os_lock(&t->drain_m);
    rc = os_tail_append(&t->tail, mark, sizeof mark, d);
    os_unlock(&t->drain_m);
    if (rc != ERR_OK)
        return rc;
    t->marked = true;
    os_lock(&t->m);
    s->bytes = t->landed = t->tail.bytes;
    t->dirty = true;
    os_unlock(&t->m);
    return ERR_OK;
}

enum err
log_roll(struct topic *t, struct diag *d)
{
    enum err rc = log_flush(t, t->end, d); /* first: the mark then says that all before it is on the disk */

    if (rc == ERR_OK)
        rc = write_mark(t, d);
    if (rc == ERR_OK)
        rc = log_flush(t, UINT64_MAX, d);
    if (rc != ERR_OK)
        return rc;
    os_lock(&t->flush_m); /* nobody syncs or writes the file while it may be closed */
    os_lock(&t->drain_m);
    rc = begin_segment(t, t->end, d);
    os_unlock(&t->drain_m);
    os_unlock(&t->flush_m);
    return rc;
}

/* --- group commit --- */

enum err
log_flush(struct topic *t, uint64_t offset, struct diag *d)
{
    struct log_segment *last;
    uint64_t from, to, end, start;
    enum err rc = ERR_OK;
    bool needed;

    os_lock(&t->flush_m);
    os_lock(&t->m);
    needed = t->dirty && (offset == UINT64_MAX || t->synced_end < offset);
    os_unlock(&t->m);
    if (needed)
        rc = log_drain(t, d);
    if (!needed || rc != ERR_OK)
        goto out;
    os_lock(&t->m);
    from = t->synced_bytes;
    last = log_list_last(t); /* stays the last one while flush_m is held */
    to = last->bytes;
    end = t->drained_end;
    os_unlock(&t->m);
    start = os_mono_us(t->os);
    rc = os_tail_sync(&t->tail, from, to, d);
    metric_observe(M_LOG_SYNC_US, os_mono_us(t->os) - start);
    if (rc != ERR_OK)
        goto out;
    os_lock(&t->m);
    t->synced_bytes = to;
    t->synced_end = end;
    t->dirty = t->landed != to;
    os_unlock(&t->m);
out:
    os_unlock(&t->flush_m);
    return rc;
}

/* --- append --- */

static enum err
check_records(const struct topic *t, const struct record *r, size_t n, struct diag *d)
{
    if (!t->writable)
        return diag_set(d, ERR_DENIED, "topic '%s' is open for reading only", t->name);
    if (n == 0 || n > UINT32_MAX)
        return diag_set(d, ERR_INVALID, "an append to topic '%s' has %zu records", t->name, n);
    for (size_t i = 0; i < n; i++) {
        if (r[i].key.n > LIMIT_RECORD_KEY_BYTES)
            return diag_set(d, ERR_LIMIT, "record key has %zu bytes, at most %d are allowed", r[i].key.n,
                            LIMIT_RECORD_KEY_BYTES);
        if (r[i].value.p != NULL && r[i].value.n > LIMIT_RECORD_VALUE_BYTES)
            return diag_set(d, ERR_LIMIT, "record value has %zu bytes, at most %d are allowed", r[i].value.n,
                            LIMIT_RECORD_VALUE_BYTES);
    }
    return ERR_OK;
}

/* (1): with the frame landed, readers may know. */
static void
publish(struct topic *t, const struct record *r, size_t n, uint64_t bytes, bool in_file, bool *was_clean)
{
    struct log_segment *s = log_list_last(t);

    os_lock(&t->m);
    log_segment_point(s, t->end, t->landed);
    t->landed += bytes;
    for (size_t i = 0; i < n; i++) {
        if (r[i].time_ms > s->newest_ms)
            s->newest_ms = r[i].time_ms;
    }
    t->end += n;
    s->end = t->end;
    if (in_file) {
        s->bytes = t->landed;
        t->drained_end = t->end;
    }
    *was_clean = !t->dirty;
    t->dirty = true;
    if (t->waiters > 0)
        os_cond_broadcast(&t->appended);
    os_unlock(&t->m);
    t->marked = false;
}

static enum err
append_frame(struct topic *t, const struct record *r, size_t n, uint64_t bytes, bool *was_clean, struct diag *d)
{
    struct log_segment *s;
    bool in_file;
    char *frame;
    enum err rc;

    if (t->landed + bytes > t->p->segment_bytes && t->end > log_list_last(t)->base) {
        rc = log_roll(t, d); /* (3) */
        if (rc != ERR_OK)
            return rc;
    }
    s = log_list_last(t);
    buf_clear(&t->frame);
    frame = buf_grow(&t->frame, bytes);
    if (frame == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a frame of %llu bytes", (unsigned long long)bytes);
    log_frame_build(frame, r, n);
    os_lock(&t->m);
    frame_seal(frame, &(struct frame_seal){.salt = s->salt,
                                           .body_bytes = (uint32_t)(bytes - FRAME_HEADER_BYTES),
                                           .number = t->end,
                                           .synced_bytes = (uint32_t)t->synced_bytes,
                                           .count = (uint32_t)n});
    os_unlock(&t->m);
    rc = log_land(t, frame, bytes, &in_file, d); /* (2) */
    if (t->frame.cap > FRAME_KEEP_BYTES)
        buf_deinit(&t->frame);
    if (rc == ERR_OK)
        publish(t, r, n, bytes, in_file, was_clean);
    return rc;
}

/* A dirty topic always has a pass of the flusher ahead of it: whoever makes it dirty, or fails to clean it, asks for
 * one. */
static void
wake_flusher(struct pipeline *p)
{
    os_lock(&p->m);
    if (!p->work)
        os_cond_signal(&p->wake);
    p->work = true;
    os_unlock(&p->m);
}

enum err
topic_append_many(struct topic *t, const struct record *r, size_t n, enum ack ack, uint64_t *first_offset,
                  struct diag *d)
{
    uint64_t bytes, first;
    bool was_clean = false;
    enum err rc = check_records(t, r, n, d);

    if (rc != ERR_OK)
        return rc;
    bytes = log_frame_bytes(r, n);
    if (bytes - FRAME_HEADER_BYTES > LIMIT_FRAME_BYTES)
        return diag_set(d, ERR_LIMIT, "%zu records have %llu bytes, one append takes at most %u", n,
                        (unsigned long long)bytes, LIMIT_FRAME_BYTES);
    os_lock(&t->write_m);
    first = t->end;
    rc = append_frame(t, r, n, bytes, &was_clean, d);
    os_unlock(&t->write_m);
    if (rc != ERR_OK) {
        metric_inc(M_LOG_APPEND_ERRORS);
        wake_flusher(t->p); /* a roll that failed may have left a mark to sync */
        return rc;
    }
    metric_add(M_LOG_APPENDS, n);
    metric_add(M_LOG_APPEND_BYTES, bytes);
    if (first_offset != NULL)
        *first_offset = first;
    if (was_clean)
        wake_flusher(t->p);
    return ack == ACK_SYNCED ? log_flush(t, first + n, d) : ERR_OK;
}

enum err
topic_append(struct topic *t, const struct record *r, enum ack ack, uint64_t *offset, struct diag *d)
{
    return topic_append_many(t, r, 1, ack, offset, d);
}

enum err
topic_sync(struct topic *t, struct diag *d)
{
    return t->writable ? log_flush(t, UINT64_MAX, d) : ERR_OK;
}

/* --- opening --- */

/* Walks the last segment to its end. The frames that are there set bytes, end, points and newest; on return the reader
 * stands behind the last of them. */
static enum err
scan_last(struct topic *t, struct log_segment *s, struct log_reader *r, struct diag *d)
{
    enum frame_state state = FRAME_OK;
    struct frame f;
    enum err rc;

    log_reader_set(r, t->os, s->file, s->salt, FRAME_FILE_BYTES);
    rc = os_size(t->os, s->file, &r->limit, d);
    s->newest_ms = INT64_MIN;
    s->newest_known = true;
    t->end = s->base;
    while (rc == ERR_OK) {
        uint64_t at = r->at, next;
        int64_t newest;
        rc = log_reader_next(r, &f, &state, d);
        if (rc != ERR_OK || state != FRAME_OK)
            break;
        if (!log_frame_valid(&f, s->gaps, &next, &newest) || f.number < t->end || (f.number != t->end && !s->gaps))
            return diag_set(d, ERR_CORRUPT, "topic '%s/%u': frame at byte %llu of segment %llu is out of order",
                            t->name, t->partition, (unsigned long long)at, (unsigned long long)s->base);
        log_segment_point(s, f.number, at);
        if (newest > s->newest_ms)
            s->newest_ms = newest;
        t->end = next;
        t->marked = f.count == 0;
    }
    return rc;
}

/* Cuts what a crash left half written, or reports damage to what had been safe. */
static enum err
repair_tail(struct topic *t, struct log_segment *s, struct log_reader *r, struct diag *d)
{
    uint64_t torn = r->limit - r->at;
    bool lost = false;
    enum err rc;

    if (torn == 0)
        return ERR_OK;
    rc = log_reader_lost(r, t->end, &lost, d);
    if (rc == ERR_OK && lost)
        rc = diag_set(d, ERR_CORRUPT, "topic '%s/%u': checksum at byte %llu of segment %llu does not match", t->name,
                      t->partition, (unsigned long long)r->at, (unsigned long long)s->base);
    if (rc == ERR_OK)
        rc = os_truncate(t->os, s->file, r->at, d);
    if (rc != ERR_OK)
        return rc;
    metric_add(M_LOG_REPAIRED_BYTES, torn);
    log_warn("log_repaired", "topic=%s/%u end=%llu bytes=%llu", t->name, t->partition, (unsigned long long)t->end,
             (unsigned long long)torn);
    return ERR_OK;
}

static enum err
open_last(struct topic *t, struct log_segment *s, struct diag *d)
{
    struct log_reader r = {0};
    enum err rc = scan_last(t, s, &r, d);

    if (rc == ERR_OK)
        rc = repair_tail(t, s, &r, d);
    t->tail = (struct os_tail){.os = t->os, .file = s->file, .bytes = r.at};
    if (rc == ERR_OK)
        rc = log_ring_recover(t, s, &r.at, d);
    if (rc == ERR_OK)
        rc = os_sync(t->os, s->file, d); /* what an earlier process left to the kernel */
    if (rc == ERR_OK) {
        log_ring_clear(t);
        s->bytes = t->landed = t->synced_bytes = r.at;
        s->end = t->synced_end = t->drained_end = t->end;
        t->marked = t->marked || r.at == FRAME_FILE_BYTES;
    }
    log_reader_deinit(&r);
    return rc;
}

static enum err
open_segments(struct topic *t, const uint64_t *bases, size_t count, struct diag *d)
{
    struct log_segment *last;
    struct diag why = DIAG_INIT;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        struct log_segment *s = log_segment_new(bases[i]);
        rc = s ? log_list_add(t, s, d) : diag_set(d, ERR_NOMEM, "no memory for topic '%s'", t->name);
        if (rc != ERR_OK)
            free(s);
    }
    if (rc != ERR_OK)
        return rc;
    last = log_list_last(t);
    rc = log_segment_load(t, last, &why);
    if (rc == ERR_OK)
        return open_last(t, last, d);
    if (rc == ERR_CORRUPT && !log_segment_begun(t, last->base)) {
        uint64_t base = last->base;
        t->segment_count--;
        free(last);
        t->end = t->synced_end = t->drained_end = base;
        return begin_segment(t, base, d);
    }
    if (d != NULL)
        *d = why;
    return rc;
}

static void
remove_leftover(void *ctx, const char *name)
{
    struct topic *t = ctx;
    char path[LOG_PATH_BYTES + 256];

    if (!str_ends(str_of(name), S(".new")))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", t->dir, name); /* too long: not one of ours */
    (void)os_unlink(t->os, path, NULL);                       /* costs space only */
}

static enum err
open_writable(struct topic *t, uint32_t ring_bytes, struct diag *d)
{
    char path[LOG_PATH_BYTES + 8];
    uint64_t *bases = NULL;
    size_t count = 0;
    enum err rc = os_mkdir(t->os, t->dir, d);

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(path, sizeof path, "%s/lock", t->dir);
    rc = os_open(t->os, path, OS_WRITE | OS_LOCK, &t->lock, d);
    if (rc == ERR_OK)
        rc = os_list(t->os, t->dir, remove_leftover, t, d);
    /* What landed in a ring follows the segment, for a writer too that wants none: else its first append, or the mark
     * at its end, would take the place of acknowledged frames. */
    if (rc == ERR_OK && (ring_bytes > 0 || log_ring_exists(t)))
        rc = log_ring_open(t, ring_bytes, d);
    if (rc == ERR_OK)
        rc = log_list_bases(t, &bases, &count, d);
    if (rc != ERR_OK)
        return rc;
    rc = count ? open_segments(t, bases, count, d) : begin_segment(t, 0, d);
    free(bases);
    return rc == ERR_OK ? log_begin_update(t, d) : rc;
}

enum err
log_topic_open(struct pipeline *p, const struct topic_options *o, struct topic **out, struct diag *d)
{
    struct topic *t = calloc(1, sizeof *t);
    enum err rc;
    int n;

    if (t == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for topic '%s'", o->name);
    t->p = p;
    t->os = p->os;
    t->partition = o->partition;
    t->writable = o->writable;
    t->compacted = o->compacted;
    t->revisions = o->revisions;
    t->retention_ms = o->retention_ms;
    t->history_ms = o->history_ms;
    t->keep_from = UINT64_MAX;
    (void)snprintf(t->name, sizeof t->name, "%s", o->name); /* fits: checked by the caller */
    n = snprintf(t->dir, sizeof t->dir, "%s/%s/%u", p->dir, o->name, o->partition);
    CHECK(n > 0 && (size_t)n + 64 < sizeof t->dir);
    os_mutex_init(&t->maintain_m);
    os_mutex_init(&t->write_m);
    os_mutex_init(&t->flush_m);
    os_mutex_init(&t->drain_m);
    os_mutex_init(&t->m);
    os_cond_init(&t->appended);
    buf_init(&t->frame, FRAME_HEADER_BYTES + (size_t)LIMIT_FRAME_BYTES);
    rc = t->writable ? open_writable(t, o->ring_bytes, d) : log_follow_open(t, d);
    if (rc != ERR_OK) {
        log_topic_close(t);
        return rc;
    }
    *out = t;
    return ERR_OK;
}

void
log_topic_close(struct topic *t)
{
    struct diag d = DIAG_INIT;
    enum err rc = ERR_OK;

    if (t->writable && t->tail.file != NULL) {
        os_lock(&t->write_m);
        rc = log_flush(t, UINT64_MAX, &d);
        if (rc == ERR_OK)
            rc = write_mark(t, &d);
        if (rc == ERR_OK)
            rc = log_flush(t, UINT64_MAX, &d);
        os_unlock(&t->write_m);
    }
    if (rc != ERR_OK)
        log_error("log_close", "topic=%s/%u error=%s what=\"%s\"", t->name, t->partition, err_name(rc), d.what);
    log_ring_close(t);
    log_list_clear(t);
    log_reader_deinit(&t->scan);
    buf_deinit(&t->frame);
    os_close(t->os, t->lock);
    os_cond_deinit(&t->appended);
    os_mutex_deinit(&t->m);
    os_mutex_deinit(&t->drain_m);
    os_mutex_deinit(&t->flush_m);
    os_mutex_deinit(&t->write_m);
    os_mutex_deinit(&t->maintain_m);
    free(t);
}
