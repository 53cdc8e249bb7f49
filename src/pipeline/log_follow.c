/* log_follow.c - a partition that another process writes, seen through its files.
 *
 * The follower keeps the end of the last whole frame it knows and looks behind it. What it finds there that is no frame
 * yet is a frame being written, unless
 *   - a later segment exists: the writer completes a segment before it creates the next, so the bytes are damaged;
 *   - a later valid frame says that these bytes had been synced (frame_lost): damaged as well.
 * The next segment is named by the offset where the present one ends, so finding it costs one open and no listing; and
 * it is looked for only behind a mark, with which every segment that is followed by another ends.
 * Files that the writer compacts or drops vanish from under the list; it is read again when that shows. */
#include "base/check.h"
#include "pipeline/pipeline_int.h"

static enum err
add_segment(struct topic *t, struct log_segment *s, struct diag *d)
{
    enum err rc;

    os_lock(&t->m);
    rc = log_list_add(t, s, d);
    if (rc == ERR_OK && t->segment_count > 1 && s == log_list_last(t)) {
        struct log_segment *before = t->segments[t->segment_count - 2];
        before->refs++; /* the former last one is closed unless somebody reads it */
        log_segment_release(t, before);
    }
    os_unlock(&t->m);
    return rc;
}

/* Has the scan stand at the first frame of s, which becomes the last segment. */
static void
scan_from(struct topic *t, struct log_segment *s)
{
    log_reader_set(&t->scan, t->os, s->file, s->salt, FRAME_FILE_BYTES);
}

/* Takes in whole frames behind the known end of the last segment. */
static enum err
scan_new(struct topic *t, struct diag *d)
{
    struct log_segment *s = log_list_last(t);
    struct log_reader *r = &t->scan;
    enum frame_state state;
    struct frame f;
    enum err rc = os_size(t->os, s->file, &r->limit, d);

    if (rc == ERR_OK && r->limit < r->at)
        r->limit = r->at; /* a torn write is being cut off */
    while (rc == ERR_OK) {
        uint64_t at = r->at, next = 0;
        int64_t newest;
        rc = log_reader_next(r, &f, &state, d);
        if (rc != ERR_OK || state != FRAME_OK)
            break;
        if (!log_frame_valid(&f, s->gaps, &next, &newest) || f.number < t->end || (f.number != t->end && !s->gaps))
            return diag_set(d, ERR_CORRUPT, "topic '%s/%u': frame at byte %llu of segment %llu is out of order",
                            t->name, t->partition, (unsigned long long)at, (unsigned long long)s->base);
        os_lock(&t->m);
        log_segment_point(s, f.number, at);
        s->bytes = r->at;
        t->end = s->end = next;
        t->marked = f.count == 0;
        if (t->waiters > 0)
            os_cond_broadcast(&t->appended);
        os_unlock(&t->m);
    }
    return rc;
}

/* Opens the segment that begins where the last one ends, when the writer has begun it. */
static enum err
take_next(struct topic *t, uint64_t base, bool *taken, struct diag *d)
{
    struct log_segment *s;
    struct diag why = DIAG_INIT;
    enum err rc;

    *taken = false;
    if (base == log_list_last(t)->base || !t->marked)
        return ERR_OK;
    s = log_segment_new(base);
    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a segment of topic '%s'", t->name);
    s->bytes = FRAME_FILE_BYTES; /* frames are counted when they have been seen */
    rc = log_segment_load(t, s, &why);
    if (rc != ERR_OK) {
        free(s);
        if (rc == ERR_NOT_FOUND || (rc == ERR_CORRUPT && !log_segment_begun(t, base)))
            return ERR_OK;
        if (d != NULL)
            *d = why;
        return rc;
    }
    rc = add_segment(t, s, d);
    if (rc != ERR_OK) {
        os_close(t->os, s->file);
        free(s);
        return rc;
    }
    scan_from(t, s);
    t->marked = false;
    *taken = true;
    return ERR_OK;
}

/* There are bytes behind the known end that are no frame, and no next segment under the expected name. */
static enum err
judge_stuck(struct topic *t, struct diag *d)
{
    struct log_segment *s = log_list_last(t);
    uint64_t *bases = NULL;
    size_t count = 0;
    uint64_t at = t->scan.at;
    bool lost = false;
    enum err rc = log_list_bases(t, &bases, &count, d);

    if (rc != ERR_OK)
        return rc;
    lost = count > 0 && bases[count - 1] > t->end;
    free(bases);
    rc = scan_new(t, d); /* complete by now, if it was not before the folder was read */
    if (rc != ERR_OK || t->scan.at > at)
        return rc;
    if (!lost)
        rc = log_reader_lost(&t->scan, t->end, &lost, d);
    if (rc == ERR_OK && lost)
        rc = diag_set(d, ERR_CORRUPT, "topic '%s/%u': checksum at byte %llu of segment %llu does not match", t->name,
                      t->partition, (unsigned long long)t->scan.at, (unsigned long long)s->base);
    return rc;
}

enum err
log_follow(struct topic *t, struct diag *d)
{
    bool taken = true;
    enum err rc = ERR_OK;

    os_lock(&t->write_m);
    while (rc == ERR_OK && taken) { /* each turn needs a new segment, so it ends */
        rc = scan_new(t, d);
        if (rc == ERR_OK)
            rc = take_next(t, t->end, &taken, d);
    }
    if (rc == ERR_OK && t->scan.limit > t->scan.at)
        rc = judge_stuck(t, d);
    os_unlock(&t->write_m);
    return rc;
}

static bool
has_base(const uint64_t *bases, size_t count, uint64_t base)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bases[middle] == base)
            return true;
        if (bases[middle] < base)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Drops what is gone and adds what is new below the last segment. With write_m held. */
static enum err
merge_bases(struct topic *t, const uint64_t *bases, size_t count, struct diag *d)
{
    size_t kept = 0;
    enum err rc = ERR_OK;

    os_lock(&t->m);
    for (size_t i = 0; i < t->segment_count; i++) {
        struct log_segment *s = t->segments[i];
        if (s == log_list_last(t) || has_base(bases, count, s->base)) {
            t->segments[kept++] = s;
        } else {
            s->replaced = true;
            log_segment_release(t, s);
        }
    }
    t->segment_count = kept;
    for (size_t i = 0; i < count && rc == ERR_OK && bases[i] < log_list_last(t)->base; i++) {
        struct log_segment *s;
        if (log_list_find(t, bases[i])->base == bases[i])
            continue;
        s = log_segment_new(bases[i]);
        rc = s ? log_list_add(t, s, d) : diag_set(d, ERR_NOMEM, "no memory for topic '%s'", t->name);
        if (rc != ERR_OK)
            free(s);
    }
    for (size_t i = 0; i + 1 < t->segment_count; i++)
        t->segments[i]->end = t->segments[i + 1]->base;
    os_unlock(&t->m);
    return rc;
}

enum err
log_follow_list(struct topic *t, struct diag *d)
{
    uint64_t *bases = NULL;
    size_t count = 0;
    enum err rc = log_list_bases(t, &bases, &count, d);

    if (rc == ERR_OK) {
        os_lock(&t->write_m);
        rc = merge_bases(t, bases, count, d);
        os_unlock(&t->write_m);
    }
    free(bases);
    return rc == ERR_OK ? log_begin_update(t, d) : rc;
}

enum err
log_follow_open(struct topic *t, struct diag *d)
{
    struct diag why = DIAG_INIT;
    uint64_t *bases = NULL;
    size_t count = 0;
    struct log_segment *s = NULL;
    enum err rc = log_list_bases(t, &bases, &count, d);

    if (rc == ERR_OK && count == 0)
        rc = diag_set(d, ERR_NOT_FOUND, "topic '%s/%u' does not exist", t->name, t->partition);
    while (rc == ERR_OK && s == NULL && count > 0) { /* the last file whose header is written */
        s = log_segment_new(bases[--count]);
        if (s != NULL)
            s->bytes = FRAME_FILE_BYTES;
        rc = s ? log_segment_load(t, s, &why) : diag_set(&why, ERR_NOMEM, "no memory for topic '%s'", t->name);
        if (s != NULL && rc == ERR_CORRUPT && count > 0 && !log_segment_begun(t, s->base)) {
            free(s);
            s = NULL;
            rc = ERR_OK;
        } else if (rc != ERR_OK && d != NULL) {
            *d = why;
        }
    }
    if (rc == ERR_OK) {
        CHECK(s != NULL); /* the first file is taken, or named as corrupt */
        t->end = s->base;
        rc = add_segment(t, s, d);
    }
    if (rc == ERR_OK) {
        scan_from(t, s);
        rc = log_follow(t, d);
        if (rc == ERR_OK)
            rc = log_follow_list(t, d);
    } else if (s != NULL) {
        os_close(t->os, s->file);
        free(s);
    }
    free(bases);
    return rc;
}
