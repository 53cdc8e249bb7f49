/* pipeline_log.c - the pipeline on local disk: its topics and the flusher, the one thread of group commit.
 *
 * The flusher sleeps until a topic becomes dirty, waits sync_interval_us so that one sync covers many appends, and
 * syncs all dirty topics. An append with ACK_SYNCED does not wait for it: it syncs itself, and those who come meanwhile
 * queue on flush_m and mostly find their records synced by the one before them. */
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "pipeline/pipeline_int.h"

#define SYNC_INTERVAL_US 10000

/* One pass; true when something is still dirty. */
static bool
flush_all(struct topic *first)
{
    bool again = false;

    for (struct topic *t = first; t != NULL; t = t->next) {
        struct diag d = DIAG_INIT;
        enum err rc;
        if (!t->writable)
            continue;
        rc = log_flush(t, UINT64_MAX, &d);
        if (rc != ERR_OK)
            log_error("log_sync", "topic=%s/%u error=%s what=\"%s\"", t->name, t->partition, err_name(rc), d.what);
        os_lock(&t->m);
        again = again || t->dirty;
        os_unlock(&t->m);
    }
    return again;
}

static void
flusher_run(void *ctx)
{
    struct pipeline *p = ctx;

    os_lock(&p->m);
    while (!p->stop) {
        struct topic *first;
        bool again;
        if (!p->work) {
            os_cond_wait(&p->wake, &p->m);
            continue;
        }
        (void)os_cond_wait_us(&p->wake, &p->m, p->sync_interval_us); /* woken early, it only syncs a little early */
        p->work = false;
        first = p->topics; /* topics are put in front and never removed before the flusher has ended */
        os_unlock(&p->m);
        again = flush_all(first);
        os_lock(&p->m);
        p->work = p->work || again;
    }
    os_unlock(&p->m);
}

enum err
pipeline_open(const struct pipeline_options *o, struct pipeline **out, struct diag *d)
{
    struct pipeline *p;
    enum err rc;

    if (strlen(o->dir) >= sizeof p->dir)
        return diag_set(d, ERR_INVALID, "pipeline folder name has %zu bytes, at most %zu are allowed", strlen(o->dir),
                        sizeof p->dir - 1);
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the pipeline");
    p->os = o->os;
    (void)snprintf(p->dir, sizeof p->dir, "%s", o->dir); /* fits: checked above */
    p->sync_interval_us = o->sync_interval_us ? o->sync_interval_us : SYNC_INTERVAL_US;
    p->segment_bytes = o->segment_bytes ? o->segment_bytes : (uint64_t)LIMIT_SEGMENT_BYTES;
    if (p->segment_bytes > (uint64_t)LIMIT_SEGMENT_BYTES)
        p->segment_bytes = (uint64_t)LIMIT_SEGMENT_BYTES;
    os_mutex_init(&p->m);
    os_cond_init(&p->wake);
    rc = os_mkdir(p->os, p->dir, d);
    if (rc == ERR_OK)
        rc = os_thread_open(&p->flusher, "log-flush", flusher_run, p, d);
    if (rc != ERR_OK) {
        pipeline_close(p);
        return rc;
    }
    *out = p;
    return ERR_OK;
}

void
pipeline_close(struct pipeline *p)
{
    if (p == NULL)
        return;
    os_lock(&p->m);
    p->stop = true;
    os_cond_signal(&p->wake);
    os_unlock(&p->m);
    os_thread_close(&p->flusher);
    while (p->topics != NULL) {
        struct topic *t = p->topics;
        p->topics = t->next;
        log_topic_close(t);
    }
    os_cond_deinit(&p->wake);
    os_mutex_deinit(&p->m);
    free(p);
}

static enum err
check_options(const struct topic_options *o, struct diag *d)
{
    size_t n = strlen(o->name);

    if (n == 0 || n > LIMIT_TOPIC_NAME_BYTES)
        return diag_set(d, ERR_INVALID, "topic name has %zu bytes, 1..%d are allowed", n, LIMIT_TOPIC_NAME_BYTES);
    for (size_t i = 0; i < n; i++) {
        char c = o->name[i];
        bool dot = c == '.' || c == '-';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(dot && i > 0)) /* so that it is never ".." */
            return diag_set_at(d, ERR_INVALID, (uint32_t)i,
                               "topic name '%s' may hold a-z, 0-9 and, not in front, dot and hyphen", o->name);
    }
    if (o->partition >= LIMIT_PARTITIONS)
        return diag_set(d, ERR_INVALID, "topic '%s': partition is %u, allowed are 0..%d", o->name, o->partition,
                        LIMIT_PARTITIONS - 1);
    if (o->ring_bytes % LOG_RING_ALIGN != 0 || o->ring_bytes > LIMIT_RING_BYTES || (o->ring_bytes > 0 && o->compacted))
        return diag_set(
            d, ERR_INVALID,
            "topic '%s': a ring has a multiple of %d bytes, at most %u, and not in front of a compacted topic", o->name,
            LOG_RING_ALIGN, LIMIT_RING_BYTES);
    if (o->retention_ms < 0)
        return diag_set(d, ERR_INVALID, "topic '%s': retention is negative", o->name);
    return ERR_OK;
}

enum err
pipeline_topic(struct pipeline *p, const struct topic_options *o, struct topic **out, struct diag *d)
{
    struct topic *t;
    enum err rc = check_options(o, d);

    if (rc != ERR_OK)
        return rc;
    os_lock(&p->m);
    for (t = p->topics; t != NULL; t = t->next) {
        if (t->partition == o->partition && strcmp(t->name, o->name) == 0)
            break;
    }
    if (t != NULL && o->writable && !t->writable) {
        rc = diag_set(d, ERR_EXISTS, "topic '%s/%u' is already open for reading only", o->name, o->partition);
    } else if (t == NULL) {
        rc = log_topic_open(p, o, &t, d);
        if (rc == ERR_OK) {
            t->next = p->topics;
            p->topics = t;
        }
    }
    os_unlock(&p->m);
    if (rc == ERR_OK)
        *out = t;
    return rc;
}

/* The mutex is not part of what a caller sees of a const topic. */
static struct topic *
unconst(const struct topic *t)
{
    return (struct topic *)(uintptr_t)t;
}

uint64_t
topic_begin(const struct topic *ct)
{
    struct topic *t = unconst(ct);
    uint64_t begin;

    if (!t->writable)
        (void)log_follow_list(t, NULL); /* fails with the disk; what was known stays right until it is read */
    os_lock(&t->m);
    begin = t->begin;
    os_unlock(&t->m);
    return begin;
}

uint64_t
topic_end(const struct topic *ct)
{
    struct topic *t = unconst(ct);
    uint64_t end;

    if (!t->writable)
        (void)log_follow(t, NULL); /* a damaged log is reported by the consumer that reads it */
    os_lock(&t->m);
    end = t->end;
    os_unlock(&t->m);
    return end;
}

const char *
topic_name(const struct topic *t)
{
    return t->name;
}
