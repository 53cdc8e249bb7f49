/* log_consumer.c - reading a partition in offset order.
 *
 * A consumer holds one segment at a time and walks its frames. At the end of a sealed one it asks the list which
 * segment covers the next offset; after a compaction that may be a file whose beginning it has seen already, and
 * records below its own offset are passed over. So it never delivers twice and misses nothing that is kept. */
#include "base/check.h"
#include "pipeline/pipeline_int.h"

struct consumer {
    struct topic *t;
    struct log_segment *segment; /* one reference */
    uint64_t offset;             /* the next poll asks for this one or the first kept one after it */
    uint64_t expected;           /* lowest offset that the next frame can begin with */
    struct log_reader reader;
    struct log_walk walk;
    uint64_t point_at; /* of the last index point that was offered */
    uint64_t look_us;  /* read-only: until the next look at the files */
    bool woken;        /* t->m */
};

/* Where the records of a segment end that a consumer may have. With t->m held. */
static uint64_t
readable(const struct topic *t, const struct log_segment *s)
{
    return t->writable && s == log_list_last(t) ? t->landed : s->bytes;
}

/* Moves to the segment that covers the offset. */
static enum err
seek(struct consumer *c, uint64_t offset, struct diag *d)
{
    struct topic *t = c->t;
    struct log_segment *s;
    struct log_point start;
    enum err rc;

    for (int tries = 0;; tries++) {
        os_lock(&t->m);
        s = log_list_find(t, offset);
        rc = log_segment_acquire(t, s, d);
        if (rc == ERR_OK)
            break;
        os_unlock(&t->m);
        if (t->writable || rc != ERR_NOT_FOUND || tries == 3)
            return rc;
        rc = log_follow_list(t, d); /* the writer has compacted or dropped it meanwhile */
        if (rc != ERR_OK)
            return rc;
    }
    start = log_segment_find(s, offset);
    log_segment_release(t, c->segment);
    c->segment = s;
    os_unlock(&t->m);
    log_reader_set(&c->reader, t->os, s->file, s->salt, start.at);
    c->expected = start.offset;
    c->point_at = start.at;
    c->walk = (struct log_walk){0};
    if (offset > c->offset)
        c->offset = offset;
    return ERR_OK;
}

enum err
consumer_open(struct topic *t, uint64_t offset, struct consumer **out, struct diag *d)
{
    uint64_t begin = topic_begin(t);
    struct consumer *c = calloc(1, sizeof *c);
    enum err rc;

    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a consumer of topic '%s'", t->name);
    c->t = t;
    c->look_us = LOG_FOLLOW_US;
    rc = seek(c, offset > begin ? offset : begin, d);
    if (rc != ERR_OK) {
        consumer_close(c);
        return rc;
    }
    *out = c;
    return ERR_OK;
}

void
consumer_close(struct consumer *c)
{
    if (c == NULL)
        return;
    os_lock(&c->t->m);
    log_segment_release(c->t, c->segment);
    os_unlock(&c->t->m);
    log_reader_deinit(&c->reader);
    free(c);
}

uint64_t
consumer_offset(const struct consumer *c)
{
    return c->offset;
}

void
consumer_wake(struct consumer *c)
{
    os_lock(&c->t->m);
    c->woken = true;
    os_cond_broadcast(&c->t->appended);
    os_unlock(&c->t->m);
}

static enum err
corrupt(const struct consumer *c, uint64_t at, const char *what, struct diag *d)
{
    return diag_set(d, ERR_CORRUPT, "topic '%s/%u': %s at byte %llu of segment %llu (offset %llu)", c->t->name,
                    c->t->partition, what, (unsigned long long)at, (unsigned long long)c->segment->base,
                    (unsigned long long)c->expected);
}

/* Begins the next frame of the present segment. *got is false at its end. */
static enum err
next_frame(struct consumer *c, bool *got, struct diag *d)
{
    enum frame_state state;
    struct frame f;

    *got = false;
    while (c->reader.at < c->reader.limit) {
        uint64_t at = c->reader.at;
        enum err rc = log_reader_next(&c->reader, &f, &state, d);
        if (rc != ERR_OK)
            return rc;
        if (state != FRAME_OK)
            return corrupt(c, at, "checksum does not match", d);
        if (f.number < c->expected || (f.number != c->expected && !c->segment->gaps))
            return corrupt(c, at, "frame is out of order", d);
        if (f.count == 0)
            continue; /* a mark */
        c->walk = log_walk_from(&f, c->segment->gaps);
        if (at >= c->point_at + LOG_POINT_SPACING_BYTES) {
            os_lock(&c->t->m);
            log_segment_point(c->segment, f.number, at);
            os_unlock(&c->t->m);
            c->point_at = at;
        }
        *got = true;
        return ERR_OK;
    }
    return ERR_OK;
}

/* Learns how far the present segment may be read; *ended when it is read to its end and sealed. */
static bool
extend(struct consumer *c, bool *ended, uint64_t *resume)
{
    struct topic *t = c->t;
    bool more, landed;

    os_lock(&t->m);
    c->reader.limit = c->segment->bytes;
    more = c->reader.at < c->reader.limit;
    *ended = !more && c->segment != log_list_last(t);
    landed = !more && !*ended && c->reader.at < readable(t, c->segment);
    *resume = c->segment->end;
    os_unlock(&t->m);
    return more || (landed && log_ring_read(t, c->segment, &c->reader));
}

/* The next record that is in the files, if any. */
static enum err
next_record(struct consumer *c, struct record *r, bool *got, struct diag *d)
{
    uint64_t resume;
    bool ended, frame;
    enum err rc;

    for (;;) {
        while (c->walk.left > 0) {
            if (!log_walk_next(&c->walk, r, NULL))
                return corrupt(c, c->reader.at, "malformed record in the frame that ends", d);
            c->expected = r->offset + 1;
            if (r->offset < c->offset)
                continue;
            c->offset = r->offset + 1;
            *got = true;
            return ERR_OK;
        }
        rc = next_frame(c, &frame, d);
        if (rc != ERR_OK)
            return rc;
        if (frame || extend(c, &ended, &resume))
            continue;
        *got = false;
        if (!ended)
            return ERR_OK;
        rc = seek(c, c->offset > resume ? c->offset : resume, d);
        if (rc != ERR_OK)
            return rc;
    }
}

/* Waits for an append, a wake or the end of a slice of the time that is left. */
static void
wait_for_more(struct consumer *c, uint64_t *left_us)
{
    struct topic *t = c->t;
    uint64_t slice = *left_us;

    if (!t->writable && slice > c->look_us)
        slice = c->look_us;
    c->look_us = c->look_us * 2 < LOG_FOLLOW_QUIET_US ? c->look_us * 2 : LOG_FOLLOW_QUIET_US;
    os_lock(&t->m);
    if (!c->woken && c->segment == log_list_last(t) && readable(t, c->segment) <= c->reader.at) {
        t->waiters++;
        if (!os_cond_wait_us(&t->appended, &t->m, slice))
            *left_us -= slice;
        t->waiters--;
    }
    os_unlock(&t->m);
}

static bool
take_wake(struct consumer *c)
{
    bool woken;

    os_lock(&c->t->m);
    woken = c->woken;
    c->woken = false;
    os_unlock(&c->t->m);
    return woken;
}

enum err
consumer_poll(struct consumer *c, uint64_t timeout_us, struct record *r, bool *got, struct diag *d)
{
    bool found = false;
    enum err rc;

    for (;;) {
        if (take_wake(c))
            break;
        rc = next_record(c, r, &found, d);
        if (rc == ERR_OK && !found && !c->t->writable) {
            enum err followed = log_follow(c->t, d);
            rc = next_record(c, r, &found, d); /* what stands before a damaged place is delivered first */
            if (rc == ERR_OK && !found)
                rc = followed;
        }
        if (rc != ERR_OK)
            return rc;
        if (found)
            c->look_us = LOG_FOLLOW_US;
        if (found || timeout_us == 0)
            break;
        wait_for_more(c, &timeout_us);
    }
    *got = found;
    return ERR_OK;
}
