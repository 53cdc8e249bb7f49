/* log_ring.c - the newest bytes of a partition, in a mapped file in front of its last segment.
 *
 * An append to a file allocates pages and blocks, and waits whenever the file system commits its journal: 6 us and now
 * and then 8 ms, in the middle of a request. A store to a mapped file that is already there waits for nothing, and
 * outlives the process as well: 0.4 us. So appends land here, and whoever has time moves them into the segment, many
 * at once (log_drain): the flusher every sync interval, or an append that finds the ring full.
 *
 *   segment   [0 ......................... bytes)                  in the file
 *   ring                                  [bytes ....... landed)   byte `at` of the segment stands at at % cap
 *
 *  (1) bytes that are not in the file are never overwritten, so draining and reading need no appender to stop;
 *  (2) after a kill the frames that follow the segment's last one are taken from the ring: checksum, salt and number
 *      say which they are. Then the ring is cleared, so that no frame of this life is followed by one of the last;
 *  (3) when the disk is full the ring is synced instead of the segment: what was acknowledged is safe there, and
 *      appends are refused until it is drained.
 *
 * Readers in this process are served from here (log_ring_read); those in other processes see the file. */
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "pipeline/pipeline_int.h"

#define ZERO_BYTES (64u * 1024)

/* The file gets all its blocks now: a store has no way to say that the disk is full. */
static enum err
fill_with_zeros(struct topic *t, struct os_file *f, uint64_t bytes, struct diag *d)
{
    char *zeros = calloc(1, ZERO_BYTES);
    enum err rc = zeros != NULL ? os_truncate(t->os, f, 0, d) : diag_set(d, ERR_NOMEM, "no memory for a ring");

    for (uint64_t at = 0; at < bytes && rc == ERR_OK; at += ZERO_BYTES) {
        size_t n = bytes - at < ZERO_BYTES ? (size_t)(bytes - at) : ZERO_BYTES;
        rc = os_pwrite(t->os, f, at, zeros, n, d);
    }
    free(zeros);
    return rc == ERR_OK ? os_sync(t->os, f, d) : rc;
}

bool
log_ring_exists(struct topic *t)
{
    char path[LOG_PATH_BYTES + 8];
    struct os_file *f = NULL;
    enum err rc;

    (void)snprintf(path, sizeof path, "%s/ring", t->dir); /* fits: the folder's length was checked */
    rc = os_open(t->os, path, OS_READ, &f, NULL);
    if (rc == ERR_OK)
        os_close(t->os, f);
    return rc != ERR_NOT_FOUND;
}

/* The size that a file has stays: frames stand in it by that size. */
enum err
log_ring_open(struct topic *t, uint64_t bytes, struct diag *d)
{
    char path[LOG_PATH_BYTES + 8];
    struct os_file *f = NULL;
    uint64_t cap = 0;
    void *map;
    enum err rc;

    (void)snprintf(path, sizeof path, "%s/ring", t->dir); /* fits: the folder's length was checked */
    rc = os_open(t->os, path, OS_WRITE, &f, d);
    if (rc == ERR_OK)
        rc = os_size(t->os, f, &cap, d);
    if (rc == ERR_OK && bytes == 0 && (cap == 0 || cap % LOG_RING_ALIGN != 0 || cap > LIMIT_RING_BYTES)) {
        os_close(t->os, f); /* half made, so nothing landed in it */
        return ERR_OK;
    }
    if (rc == ERR_OK &&
        (cap == 0 || cap % LOG_RING_ALIGN != 0 || cap > LIMIT_RING_BYTES)) { /* none yet, or half made */
        cap = bytes;
        rc = fill_with_zeros(t, f, cap, d);
    }
    if (rc != ERR_OK) {
        os_close(t->os, f);
        return rc;
    }
    map = os_map_writable(t->os, f, cap);
    if (map == NULL) {
        log_warn("log_no_ring", "topic=%s/%u action=\"appends go straight to the segment\"", t->name, t->partition);
        os_close(t->os, f);
        return ERR_OK;
    }
    t->ring = (struct log_ring){f, map, cap};
    return ERR_OK;
}

void
log_ring_close(struct topic *t)
{
    os_unmap(t->os, t->ring.bytes, t->ring.cap);
    os_close(t->os, t->ring.file);
    t->ring = (struct log_ring){0};
}

static void
ring_store(struct log_ring *r, uint64_t at, const char *p, size_t n)
{
    size_t begin = (size_t)(at % r->cap), first = n < r->cap - begin ? n : (size_t)(r->cap - begin);

    memcpy(r->bytes + begin, p, first);
    memcpy(r->bytes, p + first, n - first);
}

static void
ring_load(const struct log_ring *r, uint64_t at, char *p, size_t n)
{
    size_t begin = (size_t)(at % r->cap), first = n < r->cap - begin ? n : (size_t)(r->cap - begin);

    memcpy(p, r->bytes + begin, first);
    memcpy(p + first, r->bytes, n - first);
}

/* --- after a kill: (2) --- */

enum err
log_ring_recover(struct topic *t, struct log_segment *last, uint64_t *at, struct diag *d)
{
    uint64_t begin = t->end;
    struct str rest;
    struct frame f;
    char *copy;
    size_t n = 0;
    enum err rc = ERR_OK;

    if (t->ring.cap == 0)
        return ERR_OK;
    copy = malloc(t->ring.cap);
    if (copy == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the ring of topic '%s'", t->name);
    ring_load(&t->ring, *at, copy, t->ring.cap);
    rest = (struct str){copy, t->ring.cap};
    while (frame_decode(rest, last->salt, &f) == FRAME_OK && f.number == t->end) {
        uint64_t next;
        int64_t newest;
        if (!log_frame_valid(&f, false, &next, &newest))
            break;
        log_segment_point(last, f.number, *at + n);
        if (newest > last->newest_ms)
            last->newest_ms = newest;
        t->end = next;
        t->marked = false;
        n += f.bytes;
        rest = str_slice(rest, f.bytes, rest.n);
    }
    if (n > 0)
        rc = os_tail_append(&t->tail, copy, n, d);
    free(copy);
    if (rc == ERR_OK && n > 0)
        log_info("log_ring_recovered", "topic=%s/%u records=%llu", t->name, t->partition,
                 (unsigned long long)(t->end - begin));
    *at = t->tail.bytes;
    return rc;
}

void
log_ring_clear(struct topic *t)
{
    if (t->ring.cap > 0)
        memset(t->ring.bytes, 0, t->ring.cap);
}

/* --- landing and draining --- */

/* (3) With drain_m held. */
static void
keep_safe(struct topic *t)
{
    struct diag d = DIAG_INIT;

    if (os_sync(t->os, t->ring.file, &d) != ERR_OK)
        log_error("log_ring_sync", "topic=%s/%u what=\"%s\"", t->name, t->partition, d.what);
    os_lock(&t->m);
    t->full = true;
    os_unlock(&t->m);
}

/* An earlier try may have written a part: go on behind it. With drain_m held. */
static enum err
write_out(struct topic *t, uint64_t to, struct diag *d)
{
    enum err rc = ERR_OK;

    while (t->tail.bytes < to && rc == ERR_OK) {
        uint64_t begin = t->tail.bytes % t->ring.cap, left = to - t->tail.bytes;
        uint64_t n = left < t->ring.cap - begin ? left : t->ring.cap - begin;
        rc = os_tail_append(&t->tail, t->ring.bytes + begin, (size_t)n, d);
    }
    return rc;
}

enum err
log_drain(struct topic *t, struct diag *d)
{
    struct log_segment *last;
    uint64_t to, end;
    bool behind;
    enum err rc = ERR_OK;

    if (t->ring.cap == 0)
        return ERR_OK;
    os_lock(&t->drain_m);
    os_lock(&t->m);
    last = log_list_last(t); /* stays the last one while drain_m is held */
    to = t->landed;
    end = t->end;
    behind = last->bytes < to;
    os_unlock(&t->m);
    if (behind) {
        rc = write_out(t, to, d);
        if (rc == ERR_BUSY)
            keep_safe(t);
    }
    if (behind && rc == ERR_OK) {
        os_lock(&t->m);
        last->bytes = to;
        t->drained_end = end;
        t->full = false;
        os_unlock(&t->m);
    }
    os_unlock(&t->drain_m);
    return rc;
}

enum err
log_land(struct topic *t, const char *frame, size_t n, bool *in_file, struct diag *d)
{
    struct log_segment *last = log_list_last(t);
    bool fits, direct = n > t->ring.cap / 2;
    enum err rc = ERR_OK;

    os_lock(&t->m);
    fits = !direct && !t->full && t->landed - last->bytes + n <= t->ring.cap; /* (1) */
    os_unlock(&t->m);
    if (!fits)
        rc = log_drain(t, d);
    if (rc == ERR_OK && direct) {
        os_lock(&t->drain_m);
        rc = os_tail_append(&t->tail, frame, n, d);
        os_unlock(&t->drain_m);
    } else if (rc == ERR_OK) {
        ring_store(&t->ring, t->landed, frame, n);
    }
    *in_file = direct;
    return rc;
}

/* --- reading --- */

/* Bytes of whole frames from `at` on, as many as a window takes, but one at least. With drain_m held: they stay. */
static size_t
whole_frames(const struct log_ring *r, uint64_t at, uint64_t landed)
{
    uint64_t n = 0;

    while (at + n < landed) {
        char head[4];
        uint64_t bytes;
        ring_load(r, at + n, head, sizeof head);
        bytes = FRAME_HEADER_BYTES + (uint64_t)frame_load32(head);
        if (n > 0 && n + bytes > LOG_WINDOW_BYTES)
            break;
        n += bytes;
    }
    CHECK(at + n <= landed);
    return (size_t)n;
}

bool
log_ring_read(struct topic *t, const struct log_segment *s, struct log_reader *r)
{
    uint64_t landed;
    bool here;
    size_t n;

    os_lock(&t->drain_m);
    os_lock(&t->m);
    landed = t->landed;
    here = s == log_list_last(t) && s->bytes <= r->at && r->at < landed;
    os_unlock(&t->m);
    n = here ? whole_frames(&t->ring, r->at, landed) : 0;
    here = n > 0 && log_reader_room(r, n);
    if (here) {
        ring_load(&t->ring, r->at, r->window, n);
        r->window_at = r->at;
        r->window_bytes = n;
        r->limit = r->at + n;
    }
    os_unlock(&t->drain_m);
    return here;
}
