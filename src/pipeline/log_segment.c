/* log_segment.c - one segment file, and the list of a topic.
 *
 * A file is opened when somebody reads it and closed when nobody does, so a topic of many hundred segments costs one
 * descriptor. Index points are remembered while a segment is written and while it is read; a segment that nobody has
 * touched since the start has none, and a reader that begins inside it walks it from its beginning once. */
#include "base/check.h"
#include "base/limits.h"
#include "pipeline/pipeline_int.h"

_Static_assert(LIMIT_SEGMENT_BYTES + LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES + LOG_MARK_BYTES <= UINT32_MAX,
               "positions in a segment have 32 bits");

void
log_segment_path(const struct topic *t, uint64_t base, const char *suffix, char out[LOG_PATH_BYTES])
{
    int n = snprintf(out, LOG_PATH_BYTES, "%s/%020llu.seg%s", t->dir, (unsigned long long)base, suffix);

    CHECK(n > 0 && n < LOG_PATH_BYTES); /* the folder's length was checked when the topic was opened */
}

struct log_segment *
log_segment_new(uint64_t base)
{
    struct log_segment *s = calloc(1, sizeof *s);

    if (s != NULL)
        *s = (struct log_segment){.base = base, .end = base, .newest_ms = INT64_MIN, .refs = 1};
    return s;
}

enum err
log_segment_create(struct topic *t, const char *path, const struct frame_file *h, struct os_file **file, struct diag *d)
{
    char header[FRAME_FILE_BYTES];
    struct os_file *f = NULL;
    enum err rc;

    frame_file_encode(LOG_MAGIC, h, header);
    rc = os_open(t->os, path, OS_WRITE, &f, d);
    if (rc != ERR_OK)
        return rc;
    rc = os_truncate(t->os, f, 0, d); /* what a crash left of an attempt to create it */
    if (rc == ERR_OK)
        rc = os_pwrite(t->os, f, 0, header, sizeof header, d);
    if (rc == ERR_OK)
        rc = os_sync(t->os, f, d);
    if (rc != ERR_OK) {
        os_close(t->os, f);
        (void)os_unlink(t->os, path, NULL); /* an empty file would be repaired at the next open as well */
        return rc;
    }
    *file = f;
    return ERR_OK;
}

enum err
log_segment_load(struct topic *t, struct log_segment *s, struct diag *d)
{
    char path[LOG_PATH_BYTES], header[FRAME_FILE_BYTES];
    struct os_file *f = NULL;
    struct frame_file h;
    uint64_t bytes;
    size_t got;
    enum err rc;

    log_segment_path(t, s->base, "", path);
    rc = os_open(t->os, path, t->writable && s == log_list_last(t) ? OS_WRITE : OS_READ, &f, d);
    if (rc != ERR_OK)
        return rc;
    rc = os_pread(t->os, f, 0, header, sizeof header, &got, d);
    if (rc == ERR_OK)
        rc = os_size(t->os, f, &bytes, d);
    if (rc == ERR_OK)
        rc = frame_file_decode((struct str){header, got}, LOG_MAGIC, LOG_VERSION, &h, d);
    if (rc == ERR_OK && h.number != s->base)
        rc = diag_set(d, ERR_CORRUPT, "segment '%s' says that it begins at offset %llu", path,
                      (unsigned long long)h.number);
    if (rc == ERR_OK && bytes > UINT32_MAX)
        rc = diag_set(d, ERR_CORRUPT, "segment '%s' has %llu bytes", path, (unsigned long long)bytes);
    if (rc != ERR_OK) {
        os_close(t->os, f);
        return rc;
    }
    s->file = f;
    s->salt = h.salt;
    s->gaps = (h.flags & LOG_FLAG_COMPACTED) != 0;
    if (s->bytes == 0)
        s->bytes = bytes;
    return ERR_OK;
}

bool
log_segment_begun(struct topic *t, uint64_t base)
{
    char path[LOG_PATH_BYTES];
    struct os_file *f = NULL;
    uint64_t bytes = UINT64_MAX;

    log_segment_path(t, base, "", path);
    if (os_open(t->os, path, OS_READ, &f, NULL) != ERR_OK)
        return true; /* unknown: nobody must overwrite it */
    if (os_size(t->os, f, &bytes, NULL) != ERR_OK)
        bytes = UINT64_MAX;
    os_close(t->os, f);
    return bytes > FRAME_FILE_BYTES;
}

enum err
log_segment_acquire(struct topic *t, struct log_segment *s, struct diag *d)
{
    if (s->file == NULL) {
        enum err rc = log_segment_load(t, s, d);
        if (rc != ERR_OK)
            return rc;
    }
    s->refs++;
    return ERR_OK;
}

static void
close_idle(struct topic *t, struct log_segment *s)
{
    os_close(t->os, s->file);
    s->file = NULL;
    if (!t->writable) { /* by the next time another process may have put a compacted file in its place */
        s->point_count = 0;
        s->bytes = 0;
    }
}

void
log_segment_release(struct topic *t, struct log_segment *s)
{
    if (s == NULL)
        return;
    CHECK(s->refs > 0);
    s->refs--;
    if (s->refs == 1 && !s->replaced && s != log_list_last(t) && s->file != NULL)
        close_idle(t, s);
    if (s->refs > 0)
        return;
    os_close(t->os, s->file);
    free(s->points);
    free(s);
}

void
log_segment_point(struct log_segment *s, uint64_t offset, uint64_t at)
{
    uint64_t last = s->point_count ? s->points[s->point_count - 1].at : FRAME_FILE_BYTES;
    struct log_point *p;

    if (at < last + LOG_POINT_SPACING_BYTES)
        return;
    if (s->point_count == s->point_cap) {
        size_t cap = s->point_cap ? s->point_cap * 2 : 16;
        p = realloc(s->points, cap * sizeof *p);
        if (p == NULL)
            return; /* readers walk further, that is all */
        s->points = p;
        s->point_cap = cap;
    }
    s->points[s->point_count++] = (struct log_point){offset, (uint32_t)at};
}

struct log_point
log_segment_find(const struct log_segment *s, uint64_t offset)
{
    size_t low = 0, high = s->point_count;

    while (low < high) { /* the last point at or before the offset */
        size_t middle = low + (high - low) / 2;
        if (s->points[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? (struct log_point){s->base, FRAME_FILE_BYTES} : s->points[low - 1];
}

/* --- the list, sorted by base --- */

enum err
log_list_add(struct topic *t, struct log_segment *s, struct diag *d)
{
    size_t i = t->segment_count;

    if (t->segment_count == t->segment_cap) {
        size_t cap = t->segment_cap ? t->segment_cap * 2 : 16;
        struct log_segment **p = realloc(t->segments, cap * sizeof(*p));
        if (p == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the segments of topic '%s'", t->name);
        t->segments = p;
        t->segment_cap = cap;
    }
    while (i > 0 && t->segments[i - 1]->base > s->base) {
        t->segments[i] = t->segments[i - 1];
        i--;
    }
    t->segments[i] = s;
    t->segment_count++;
    if (i > 0)
        t->segments[i - 1]->end = s->base;
    if (i + 1 < t->segment_count)
        s->end = t->segments[i + 1]->base;
    return ERR_OK;
}

struct log_segment *
log_list_find(const struct topic *t, uint64_t offset)
{
    size_t low = 0, high = t->segment_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->segments[middle]->base <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return t->segments[low ? low - 1 : 0];
}

struct log_segment *
log_list_last(const struct topic *t)
{
    return t->segment_count ? t->segments[t->segment_count - 1] : NULL;
}

void
log_list_clear(struct topic *t)
{
    for (size_t i = 0; i < t->segment_count; i++) {
        struct log_segment *s = t->segments[i];
        s->replaced = true;
        log_segment_release(t, s);
    }
    free(t->segments);
    t->segments = NULL;
    t->segment_count = t->segment_cap = 0;
}

/* --- the folder --- */

struct listing {
    uint64_t *bases;
    size_t count, cap;
    bool nomem;
};

static void
take_name(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct str s = str_of(name);
    uint64_t base;

    if (!str_ends(s, S(".seg")) || s.n != 24 || !str_to_u64(str_slice(s, 0, 20), &base))
        return;
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint64_t *p = realloc(l->bases, cap * sizeof *p);
        if (p == NULL) {
            l->nomem = true;
            return;
        }
        l->bases = p;
        l->cap = cap;
    }
    l->bases[l->count++] = base;
}

static int
compare_bases(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

enum err
log_list_bases(struct topic *t, uint64_t **bases, size_t *count, struct diag *d)
{
    struct listing l = {0};
    enum err rc = os_list(t->os, t->dir, take_name, &l, d);

    if (rc == ERR_OK && l.nomem)
        rc = diag_set(d, ERR_NOMEM, "no memory for the segments of topic '%s'", t->name);
    if (rc != ERR_OK) {
        free(l.bases);
        return rc;
    }
    if (l.count > 1)
        qsort(l.bases, l.count, sizeof *l.bases, compare_bases);
    *bases = l.bases;
    *count = l.count;
    return ERR_OK;
}

/* The first frame of a segment carries the offset of its first record, so the oldest kept record is found by reading
 * one frame, or a few where compaction has emptied whole segments. */
enum err
log_begin_update(struct topic *t, struct diag *d)
{
    struct log_reader r = {0};
    uint64_t begin = 0;
    bool found = false;
    enum err rc = ERR_OK;

    os_lock(&t->m);
    for (size_t i = 0; i < t->segment_count && !found && rc == ERR_OK; i++) {
        struct log_segment *s = t->segments[i];
        enum frame_state state = FRAME_OK;
        struct frame f = {0};
        rc = log_segment_acquire(t, s, d);
        if (rc != ERR_OK)
            break;
        log_reader_set(&r, t->os, s->file, s->salt, FRAME_FILE_BYTES);
        r.limit = s->bytes;
        while (rc == ERR_OK && state == FRAME_OK && !found) {
            rc = log_reader_next(&r, &f, &state, d);
            found = rc == ERR_OK && state == FRAME_OK && f.count > 0;
        }
        begin = found ? f.number : s->end;
        CHECK(s->refs > 1); /* the list's and ours: it stays */
        log_segment_release(t, s);
    }
    if (rc == ERR_OK)
        t->begin = found ? begin : t->ring.cap > 0 ? log_list_last(t)->base : t->end; /* the first may be in the ring */
    os_unlock(&t->m);
    log_reader_deinit(&r);
    return rc;
}
