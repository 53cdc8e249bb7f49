/* log_compact.c - keeps the newest record of every key, or the newest few.
 *
 * Two passes. The first reads all segments and remembers for each key, as a 128-bit keyed hash, the offset of its
 * newest record; it also finds how many bytes are live. When less than half are, the second pass copies what is kept of
 * the sealed segments, oldest first, into new files that take the place of one or several old ones:
 *
 *  (1) the new file is written beside the old one and synced before it takes its name;
 *  (2) it takes the name of the first segment it replaces, in one rename, and the folder is synced;
 *  (3) only then are the other segments that it replaces removed, and the folder synced, before the next file is begun.
 *
 * After a crash between (2) and (3) records stand in two files. Readers pass over offsets that they had, and the next
 * compaction takes from each file only the offsets that are its own, those before the base of the next file.
 *
 * Tombstones  The first compaction that meets a tombstone as the newest record of its key keeps it and marks it aged;
 *             the next one drops it. By (3) every older record of the key is gone from the disk by then. A consumer
 *             that is further behind than two compactions may miss a deletion.
 * History     With topic_options.history_ms the newest part of the log stays as it is: a record replaces older ones
 *             once it is older than that. So a fold up to any offset of that part is what it was then.
 * Revisions   A topic may say that some keys keep more than one record. When the newest is an aged tombstone, the older
 *             ones go in one compaction and the tombstone in the next, for the same reason as above.
 * Keyless     Records without a key are always kept. */
#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "pipeline/pipeline_int.h"

#define PENDING_BYTES (1024u * 1024) /* written at once */

struct sized {
    uint64_t offset, bytes;
};

/* The records before the newest one of a key, as many as its topic keeps: a ring. */
struct ring {
    unsigned room, n, next;
    struct sized records[];
};

struct key_entry {
    uint64_t h1, h2; /* h2 is odd; 0: free */
    struct sized newest;
    bool dead;         /* the newest is an aged tombstone */
    bool older;        /* there are records before the newest */
    struct ring *ring; /* owned; NULL: none of them is kept */
};

struct compaction {
    struct topic *t;
    struct hash_key k1, k2;
    struct key_entry *keys; /* owned */
    size_t key_cap, key_count;
    uint64_t total, live; /* record bytes */
    int64_t young_ms;     /* a record after it is young, and so are all behind it: they stay, and replace nothing yet */
    uint64_t young_from;
    struct log_reader reader;

    /* the file being written */
    struct log_segment *made; /* owned until it is in the list; NULL: none */
    struct os_tail tail;
    struct os_file *file; /* owned */
    struct buf pending;
    bool changed; /* differs from its source */
    uint64_t next_offset;
    uint64_t source_end;          /* of the source that is being copied */
    struct log_segment **sources; /* owned array; a reference each */
    size_t source_count, source_cap;
};

/* --- keys --- */

/* The key's entry, or the free one where it would go; *hashes receives what identifies it. */
static struct key_entry *
find_key(struct compaction *c, struct str key, struct key_entry *hashes)
{
    uint64_t h1 = hash_keyed(c->k1, key), h2 = hash_keyed(c->k2, key) | 1;
    size_t mask = c->key_cap - 1, i = h1 & mask;

    while (c->keys[i].h2 != 0 && (c->keys[i].h1 != h1 || c->keys[i].h2 != h2))
        i = (i + 1) & mask;
    *hashes = (struct key_entry){.h1 = h1, .h2 = h2};
    return &c->keys[i];
}

static bool
grow_keys(struct compaction *c)
{
    size_t cap = c->key_cap ? c->key_cap * 2 : 1024;
    struct key_entry *keys = calloc(cap, sizeof *keys);

    if (keys == NULL)
        return false;
    for (size_t i = 0; i < c->key_cap; i++) {
        size_t at = c->keys[i].h1 & (cap - 1);
        if (c->keys[i].h2 == 0)
            continue;
        while (keys[at].h2 != 0)
            at = (at + 1) & (cap - 1);
        keys[at] = c->keys[i];
    }
    free(c->keys);
    c->keys = keys;
    c->key_cap = cap;
    return true;
}

static enum err
no_memory(const struct compaction *c, struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for the %zu keys of topic '%s'", c->key_count, c->t->name);
}

/* The newest record so far becomes the newest of the older ones. */
static enum err
remember(struct compaction *c, struct key_entry *e, struct str key, struct diag *d)
{
    struct ring *h = e->ring;
    unsigned kept = c->t->revisions == NULL ? 1 : c->t->revisions(key);

    e->older = true;
    if (kept <= 1)
        return ERR_OK;
    CHECK(kept <= LIMIT_TOPIC_REVISIONS);
    if (h == NULL) {
        h = e->ring = calloc(1, sizeof *h + (kept - 1) * sizeof h->records[0]);
        if (h == NULL)
            return no_memory(c, d);
        h->room = kept - 1;
    }
    h->records[h->next] = e->newest;
    h->next = (h->next + 1) % h->room;
    h->n += h->n < h->room;
    return ERR_OK;
}

static enum err
note_record(struct compaction *c, const struct record *r, uint32_t flags, struct diag *d)
{
    uint64_t bytes = FRAME_HEADER_BYTES + log_record_bytes(r);
    struct key_entry *e, hashes;
    enum err rc = ERR_OK;

    c->total += bytes;
    if (r->time_ms > c->young_ms && r->offset < c->young_from)
        c->young_from = r->offset;
    if (r->key.n == 0 || r->offset >= c->young_from) {
        c->live += bytes;
        return ERR_OK;
    }
    if ((c->key_count + 1) * 3 > c->key_cap * 2 && !grow_keys(c))
        return no_memory(c, d);
    e = find_key(c, r->key, &hashes);
    if (e->h2 == 0) {
        *e = hashes;
        c->key_count++;
    } else if (r->offset < e->newest.offset) {
        return ERR_OK; /* stands in two files */
    } else if (r->offset > e->newest.offset) {
        rc = remember(c, e, r->key, d);
    }
    e->newest = (struct sized){r->offset, bytes};
    e->dead = (flags & LOG_RECORD_AGED) != 0;
    return rc;
}

static uint64_t
live_bytes(const struct key_entry *e)
{
    uint64_t sum = e->newest.bytes;

    if (e->dead)
        return e->older ? sum : 0;
    for (unsigned i = 0; e->ring != NULL && i < e->ring->n; i++)
        sum += e->ring->records[i].bytes;
    return sum;
}

static bool
ring_has(const struct ring *ring, uint64_t offset)
{
    for (unsigned i = 0; ring != NULL && i < ring->n; i++) {
        if (ring->records[i].offset == offset)
            return true;
    }
    return false;
}

static bool
is_kept(struct compaction *c, const struct record *r)
{
    struct key_entry hashes;
    const struct key_entry *e;

    if (r->offset < c->next_offset || r->offset >= c->source_end)
        return false;
    if (r->key.n == 0 || r->offset >= c->young_from)
        return true;
    if (c->key_cap == 0)
        return true; /* appended after the first pass */
    e = find_key(c, r->key, &hashes);
    if (e->h2 == 0 || r->offset > e->newest.offset)
        return true; /* so was this */
    if (e->dead)
        return r->offset == e->newest.offset && e->older;
    return r->offset == e->newest.offset || ring_has(e->ring, r->offset);
}

/* --- walking segments --- */

/* The segment that covers `base`, with a reference; NULL when it begins at or behind `stop`. */
static enum err
take_segment(struct topic *t, uint64_t base, uint64_t stop, struct log_segment **out, uint64_t *bytes, uint64_t *end,
             struct diag *d)
{
    struct log_segment *s;
    enum err rc = ERR_OK;

    *out = NULL;
    os_lock(&t->m);
    s = log_list_find(t, base);
    if (base < stop && s->base < stop) {
        rc = log_segment_acquire(t, s, d);
        if (rc == ERR_OK) {
            *out = s;
            *bytes = s->bytes;
            *end = s->end;
        }
    }
    os_unlock(&t->m);
    return rc;
}

static void
drop_segment(struct topic *t, struct log_segment *s)
{
    os_lock(&t->m);
    log_segment_release(t, s);
    os_unlock(&t->m);
}

static enum err
walk_segment(struct compaction *c, struct log_segment *s, uint64_t bytes,
             enum err (*each)(struct compaction *c, const struct log_segment *s, const struct frame *f, struct diag *d),
             struct diag *d)
{
    enum frame_state state;
    struct frame f;
    enum err rc = ERR_OK;

    log_reader_set(&c->reader, c->t->os, s->file, s->salt, FRAME_FILE_BYTES);
    c->reader.limit = bytes;
    while (rc == ERR_OK && c->reader.at < bytes) {
        uint64_t next;
        int64_t newest;
        rc = log_reader_next(&c->reader, &f, &state, d);
        if (rc != ERR_OK)
            break;
        if (state != FRAME_OK || !log_frame_valid(&f, s->gaps, &next, &newest))
            return diag_set(d, ERR_CORRUPT, "topic '%s/%u': checksum at byte %llu of segment %llu does not match",
                            c->t->name, c->t->partition, (unsigned long long)c->reader.at, (unsigned long long)s->base);
        rc = each(c, s, &f, d);
    }
    return rc;
}

static enum err
note_frame(struct compaction *c, const struct log_segment *s, const struct frame *f, struct diag *d)
{
    struct log_walk w = log_walk_from(f, s->gaps);
    enum err rc = ERR_OK;

    while (w.left > 0 && rc == ERR_OK) {
        struct record r;
        uint32_t flags = 0;
        CHECK(log_walk_next(&w, &r, &flags)); /* the frame was checked */
        rc = note_record(c, &r, flags, d);
    }
    return rc;
}

static enum err
note_all(struct compaction *c, struct diag *d)
{
    uint64_t base = 0, bytes, end;
    struct log_segment *s;
    enum err rc;

    for (;;) {
        rc = take_segment(c->t, base, UINT64_MAX, &s, &bytes, &end, d);
        if (rc != ERR_OK)
            return rc;
        CHECK(s != NULL); /* nothing begins at UINT64_MAX */
        rc = walk_segment(c, s, bytes, note_frame, d);
        os_lock(&c->t->m);
        if (s == log_list_last(c->t))
            base = UINT64_MAX;
        log_segment_release(c->t, s);
        os_unlock(&c->t->m);
        if (rc != ERR_OK || base == UINT64_MAX)
            return rc;
        base = end;
    }
}

/* --- writing --- */

static enum err
write_pending(struct compaction *c, struct diag *d)
{
    enum err rc = c->pending.n ? os_tail_append(&c->tail, c->pending.p, c->pending.n, d) : ERR_OK;

    buf_clear(&c->pending);
    return rc;
}

/* Copies what is kept of a frame, as one frame. */
static enum err
copy_frame(struct compaction *c, const struct log_segment *s, const struct frame *f, struct diag *d)
{
    struct log_walk w = log_walk_from(f, s->gaps);
    size_t begin = c->pending.n;
    uint64_t first = 0;
    uint32_t count = 0;
    char *at = buf_grow(&c->pending, f->bytes);

    if (at == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact topic '%s'", c->t->name);
    c->pending.n += FRAME_HEADER_BYTES;
    while (w.left > 0) {
        struct record r;
        uint32_t flags;
        CHECK(log_walk_next(&w, &r, &flags));
        if (!is_kept(c, &r)) {
            c->changed = true;
            continue;
        }
        if (count++ == 0)
            first = r.offset;
        if (r.value.p == NULL && !(flags & LOG_RECORD_AGED) && r.offset < c->young_from) {
            flags |= LOG_RECORD_AGED;
            c->changed = true;
        }
        log_record_encode(c->pending.p + c->pending.n, &r, (uint32_t)(r.offset - first), flags);
        c->pending.n += log_record_bytes(&r);
        c->next_offset = r.offset + 1;
        if (r.time_ms > c->made->newest_ms)
            c->made->newest_ms = r.time_ms;
    }
    if (count == 0) {
        c->pending.n = begin;
        return ERR_OK;
    }
    log_segment_point(c->made, first, c->tail.bytes + begin);
    frame_seal(c->pending.p + begin,
               &(struct frame_seal){.salt = c->made->salt,
                                    .body_bytes = (uint32_t)(c->pending.n - begin - FRAME_HEADER_BYTES),
                                    .number = first,
                                    .count = count});
    return c->pending.n >= PENDING_BYTES ? write_pending(c, d) : ERR_OK;
}

static enum err
begin_file(struct compaction *c, uint64_t base, struct diag *d)
{
    struct frame_file h = {LOG_VERSION, LOG_FLAG_COMPACTED, base, 0};
    char path[LOG_PATH_BYTES];
    enum err rc;

    os_entropy(c->t->os, &h.salt, sizeof h.salt);
    c->made = log_segment_new(base);
    if (c->made == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact topic '%s'", c->t->name);
    log_segment_path(c->t, base, ".new", path);
    rc = log_segment_create(c->t, path, &h, &c->file, d);
    if (rc != ERR_OK)
        return rc;
    c->tail = (struct os_tail){.os = c->t->os, .file = c->file, .bytes = FRAME_FILE_BYTES};
    c->made->salt = h.salt;
    c->made->gaps = true;
    c->made->newest_known = true;
    c->changed = false;
    buf_clear(&c->pending);
    return ERR_OK;
}

/* Lets go of the file and its sources; what was not put into the list is removed. */
static void
abandon_file(struct compaction *c)
{
    os_close(c->t->os, c->file);
    c->file = NULL;
    if (c->made != NULL) {
        char path[LOG_PATH_BYTES];
        log_segment_path(c->t, c->made->base, ".new", path);
        (void)os_unlink(c->t->os, path, NULL); /* else the next open does */
        free(c->made->points);
        free(c->made);
        c->made = NULL;
    }
    for (size_t i = 0; i < c->source_count; i++)
        drop_segment(c->t, c->sources[i]);
    c->source_count = 0;
}

/* Puts the new segment into the list in place of its sources. */
static void
swap_segments(struct compaction *c)
{
    struct topic *t = c->t;
    struct log_segment *first = c->sources[0], *last = c->sources[c->source_count - 1];
    size_t at = 0, n = c->source_count;

    os_lock(&t->write_m);
    os_lock(&t->m);
    while (t->segments[at] != first)
        at++;
    c->made->end = last->end;
    t->segments[at] = c->made;
    memmove(t->segments + at + 1, t->segments + at + n, (t->segment_count - at - n) * sizeof(*t->segments));
    t->segment_count -= n - 1;
    for (size_t i = 0; i < n; i++) {
        c->sources[i]->replaced = true;
        log_segment_release(t, c->sources[i]); /* the list's reference */
    }
    os_unlock(&t->m);
    os_unlock(&t->write_m);
    c->made = NULL;
}

static enum err
finish_file(struct compaction *c, struct diag *d)
{
    char path[LOG_PATH_BYTES], beside[LOG_PATH_BYTES], mark[LOG_MARK_BYTES];
    struct topic *t = c->t;
    uint64_t end;
    enum err rc;

    if (c->source_count == 1 && !c->changed)
        return ERR_OK; /* the source is as good */
    rc = write_pending(c, d);
    end = c->next_offset > c->made->base ? c->next_offset : c->made->base;
    log_mark_build(mark, &(struct frame_seal){.salt = c->made->salt, .number = end}, c->made->newest_ms);
    if (rc == ERR_OK)
        rc = os_tail_append(&c->tail, mark, sizeof mark, d);
    if (rc == ERR_OK)
        rc = os_sync(t->os, c->file, d); /* (1) */
    c->made->bytes = c->tail.bytes;
    log_segment_path(t, c->made->base, "", path);
    log_segment_path(t, c->made->base, ".new", beside);
    if (rc == ERR_OK)
        rc = os_rename(t->os, beside, path, d); /* (2) */
    if (rc != ERR_OK)
        return rc;
    swap_segments(c); /* from here on the file is the segment, whatever fails */
    rc = os_sync_dir(t->os, t->dir, d);
    for (size_t i = 1; i < c->source_count && rc == ERR_OK; i++) { /* (3) */
        log_segment_path(t, c->sources[i]->base, "", path);
        rc = os_unlink(t->os, path, d);
    }
    if (rc == ERR_OK && c->source_count > 1)
        rc = os_sync_dir(t->os, t->dir, d);
    t->strays = t->strays || rc != ERR_OK;
    return rc;
}

static enum err
add_source(struct compaction *c, struct log_segment *s, struct diag *d)
{
    if (c->source_count == c->source_cap) {
        size_t cap = c->source_cap ? c->source_cap * 2 : 16;
        struct log_segment **p = realloc(c->sources, cap * sizeof(*p));
        if (p == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to compact topic '%s'", c->t->name);
        c->sources = p;
        c->source_cap = cap;
    }
    c->sources[c->source_count++] = s;
    return ERR_OK;
}

/* Rewrites all segments that begin before `stop`. */
static enum err
rewrite_all(struct compaction *c, uint64_t stop, struct diag *d)
{
    uint64_t base = 0, bytes, end;
    struct log_segment *s;
    enum err rc = ERR_OK;

    while (rc == ERR_OK) {
        rc = take_segment(c->t, base, stop, &s, &bytes, &end, d);
        if (rc != ERR_OK || s == NULL)
            break;
        rc = add_source(c, s, d);
        if (rc != ERR_OK) {
            drop_segment(c->t, s);
            break;
        }
        c->source_end = end;
        if (c->made == NULL)
            rc = begin_file(c, s->base, d);
        if (rc == ERR_OK)
            rc = walk_segment(c, s, bytes, copy_frame, d);
        if (rc == ERR_OK && c->tail.bytes + c->pending.n >= c->t->p->segment_bytes / 2) {
            rc = finish_file(c, d);
            abandon_file(c);
        }
        base = end;
    }
    if (rc == ERR_OK && c->made != NULL)
        rc = finish_file(c, d);
    abandon_file(c);
    return rc;
}

/* --- when --- */

static enum err
sum_bytes(struct topic *t, uint64_t *bytes, struct diag *d)
{
    enum err rc = ERR_OK;

    *bytes = 0;
    os_lock(&t->m);
    for (size_t i = 0; i < t->segment_count && rc == ERR_OK; i++) {
        struct log_segment *s = t->segments[i];
        if (s->bytes == 0) { /* not opened since the start */
            rc = log_segment_acquire(t, s, d);
            if (rc == ERR_OK)
                log_segment_release(t, s);
        }
        *bytes += s->bytes;
    }
    os_unlock(&t->m);
    return rc;
}

static enum err
compact(struct compaction *c, struct diag *d)
{
    struct topic *t = c->t;
    uint64_t stop;
    enum err rc = note_all(c, d);

    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < c->key_cap; i++)
        c->live += c->keys[i].h2 != 0 ? live_bytes(&c->keys[i]) : 0;
    t->live_known = true;
    t->live_bytes = c->live;
    if (c->total - c->live <= c->total / 2)
        return ERR_OK;
    os_lock(&t->write_m);
    if (t->end > log_list_last(t)->base)
        rc = log_roll(t, d); /* garbage of a small topic is all in its last segment */
    stop = log_list_last(t)->base;
    os_unlock(&t->write_m);
    if (rc == ERR_OK)
        rc = rewrite_all(c, stop, d);
    if (rc == ERR_OK) {
        log_info("log_compacted", "topic=%s/%u keys=%zu bytes=%llu live=%llu", t->name, t->partition, c->key_count,
                 (unsigned long long)c->total, (unsigned long long)c->live);
        rc = log_begin_update(t, d);
    }
    return rc;
}

enum err
log_compact(struct topic *t, int64_t now_ms, struct diag *d)
{
    struct compaction *c;
    uint64_t bytes;
    enum err rc = sum_bytes(t, &bytes, d);

    /* The log is read again only after it has doubled, so looking costs a constant share of what is written. */
    if (rc != ERR_OK || (t->live_known && bytes < 2 * t->live_bytes + LOG_MARK_BYTES + 2 * FRAME_FILE_BYTES))
        return rc;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compact topic '%s'", t->name);
    c->t = t;
    c->young_ms = t->history_ms > 0 ? now_ms - t->history_ms : INT64_MAX;
    c->young_from = UINT64_MAX;
    os_entropy(t->os, &c->k1, sizeof c->k1);
    os_entropy(t->os, &c->k2, sizeof c->k2);
    buf_init(&c->pending, SIZE_MAX / 2);
    rc = compact(c, d);
    log_reader_deinit(&c->reader);
    buf_deinit(&c->pending);
    for (size_t i = 0; i < c->key_cap; i++)
        free(c->keys[i].ring);
    free(c->keys);
    free(c->sources);
    free(c);
    return rc;
}
