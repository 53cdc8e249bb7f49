/* log_maintain.c - what is old: where records after an instant begin, and retention: whole segments whose newest record
 * is too old go, from the oldest on, as far as all who read them have come. A segment that is being read stays readable
 * for those who hold it; only its name goes. */
#include "base/check.h"
#include "base/log.h"
#include "pipeline/pipeline_int.h"

/* The newest record time in a sealed segment: its mark tells; without one (it was sealed by a crash) the segment is
 * read. */
static enum err
newest_of(struct topic *t, struct log_segment *s, struct diag *d)
{
    char mark[LOG_MARK_BYTES];
    struct log_reader r = {0};
    enum frame_state state = FRAME_OK;
    int64_t newest = INT64_MIN;
    struct frame f;
    size_t got = 0;
    enum err rc = ERR_OK;

    if (s->bytes >= FRAME_FILE_BYTES + LOG_MARK_BYTES)
        rc = os_pread(t->os, s->file, s->bytes - LOG_MARK_BYTES, mark, sizeof mark, &got, d);
    if (rc == ERR_OK && frame_decode((struct str){mark, got}, s->salt, &f) == FRAME_OK && log_mark_read(&f, &newest))
        goto out;
    log_reader_set(&r, t->os, s->file, s->salt, FRAME_FILE_BYTES);
    r.limit = s->bytes;
    while (rc == ERR_OK && state == FRAME_OK) {
        uint64_t next;
        int64_t ms;
        rc = log_reader_next(&r, &f, &state, d);
        if (rc == ERR_OK && state == FRAME_OK && log_frame_valid(&f, s->gaps, &next, &ms) && ms > newest)
            newest = ms;
    }
    log_reader_deinit(&r);
out:
    if (rc == ERR_OK) {
        os_lock(&t->m);
        s->newest_ms = newest;
        s->newest_known = true;
        os_unlock(&t->m);
    }
    return rc;
}

/* A reference to a segment whose newest time is known then. With m held, which is given away to read the segment. */
static enum err
acquire_known(struct topic *t, struct log_segment *s, struct diag *d)
{
    bool known = s->newest_known;
    enum err rc = log_segment_acquire(t, s, d);

    if (rc != ERR_OK || known)
        return rc;
    os_unlock(&t->m);
    rc = newest_of(t, s, d);
    os_lock(&t->m);
    if (rc != ERR_OK)
        log_segment_release(t, s);
    return rc;
}

enum err
topic_after(struct topic *t, int64_t ms, uint64_t *offset, struct diag *d)
{
    bool found = false;
    enum err rc = ERR_OK;

    *offset = 0;
    os_lock(&t->m);
    while (!found) {
        struct log_segment *s = log_list_find(t, *offset);
        bool last = s == log_list_last(t);
        rc = last ? ERR_OK : acquire_known(t, s, d);
        if (rc != ERR_OK)
            break;
        found = last || s->newest_ms > ms || s->end <= *offset;
        *offset = found ? s->base : s->end;
        if (!last)
            log_segment_release(t, s);
    }
    os_unlock(&t->m);
    return rc;
}

/* All its records are too old, and read by all who have to. With m held. */
static bool
is_expired(const struct topic *t, const struct log_segment *s, int64_t limit_ms)
{
    return s->newest_ms < limit_ms && s->end <= t->keep_from;
}

/* The oldest segment, with a reference, when it is expired. */
static enum err
expired_first(struct topic *t, int64_t limit_ms, struct log_segment **out, struct diag *d)
{
    struct log_segment *s;
    bool expired;
    enum err rc;

    *out = NULL;
    os_lock(&t->m);
    s = t->segments[0];
    rc = acquire_known(t, s, d);
    expired = rc == ERR_OK && is_expired(t, s, limit_ms) && s->end > s->base;
    if (rc == ERR_OK && !expired)
        log_segment_release(t, s);
    os_unlock(&t->m);
    if (expired)
        *out = s;
    return rc;
}

static enum err
drop_first(struct topic *t, struct log_segment *s, int64_t limit_ms, bool *dropped, struct diag *d)
{
    char path[LOG_PATH_BYTES];
    enum err rc = ERR_OK;
    bool keep;

    *dropped = false;
    os_lock(&t->write_m);
    os_lock(&t->m);
    keep = s == log_list_last(t);
    os_unlock(&t->m);
    if (keep)
        rc = log_roll(t, d); /* a quiet topic must forget as well */
    os_lock(&t->m);
    if (rc == ERR_OK && is_expired(t, s, limit_ms)) { /* nothing came before the roll */
        t->segment_count--;
        memmove(t->segments, t->segments + 1, t->segment_count * sizeof(*t->segments));
        s->replaced = true;
        log_segment_release(t, s); /* the list's reference; the caller has its own */
        *dropped = true;
    }
    os_unlock(&t->m);
    os_unlock(&t->write_m);
    if (!*dropped)
        return rc;
    log_segment_path(t, s->base, "", path);
    rc = os_unlink(t->os, path, d);
    if (rc == ERR_OK)
        rc = os_sync_dir(t->os, t->dir, d);
    t->strays = t->strays || rc != ERR_OK;
    return rc;
}

static enum err
retain(struct topic *t, int64_t limit_ms, struct diag *d)
{
    struct log_segment *s;
    bool any = false, dropped = true;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && dropped) {
        rc = expired_first(t, limit_ms, &s, d);
        if (rc != ERR_OK || s == NULL)
            break;
        rc = drop_first(t, s, limit_ms, &dropped, d);
        any = any || dropped;
        os_lock(&t->m);
        log_segment_release(t, s);
        os_unlock(&t->m);
    }
    if (rc == ERR_OK && any)
        rc = log_begin_update(t, d);
    return rc;
}

static bool
is_listed(struct topic *t, uint64_t base)
{
    bool listed;

    os_lock(&t->m);
    listed = log_list_find(t, base)->base == base;
    os_unlock(&t->m);
    return listed;
}

/* Removes files that an earlier call could not remove. Left alone they would be read at the next open, and what was
 * deleted since would be back; so nothing else is done before they are gone. */
static enum err
remove_strays(struct topic *t, struct diag *d)
{
    uint64_t *bases = NULL;
    size_t count = 0;
    enum err rc;

    os_lock(&t->write_m); /* no segment is being created */
    rc = log_list_bases(t, &bases, &count, d);
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        char path[LOG_PATH_BYTES];
        log_segment_path(t, bases[i], "", path);
        if (!is_listed(t, bases[i]))
            rc = os_unlink(t->os, path, d);
    }
    if (rc == ERR_OK)
        rc = os_sync_dir(t->os, t->dir, d);
    os_unlock(&t->write_m);
    free(bases);
    t->strays = rc != ERR_OK;
    return rc;
}

void
topic_keep_from(struct topic *t, uint64_t offset)
{
    os_lock(&t->m);
    t->keep_from = offset;
    os_unlock(&t->m);
}

enum err
topic_maintain(struct topic *t, int64_t now_ms, struct diag *d)
{
    enum err rc = ERR_OK;

    if (!t->writable)
        return ERR_OK;
    os_lock(&t->maintain_m);
    if (t->strays)
        rc = remove_strays(t, d);
    if (rc == ERR_OK && t->retention_ms > 0)
        rc = retain(t, now_ms - t->retention_ms, d);
    if (rc == ERR_OK && t->compacted)
        rc = log_compact(t, now_ms, d);
    os_unlock(&t->maintain_m);
    return rc;
}
