#include "log_help.h"

#include "base/log.h"

enum err
try_open_log(struct t *t, struct fixture *f, struct diag *d)
{
    struct pipeline_options po = {.os = f->os,
                                  .dir = t->dir,
                                  .sync_interval_us = f->sync_interval_us ? f->sync_interval_us : 1000,
                                  .segment_bytes = f->segment_bytes};
    struct topic_options to = {.name = "collect",
                               .writable = true,
                               .compacted = f->compacted,
                               .history_ms = f->history_ms,
                               .revisions = f->revisions,
                               .retention_ms = f->retention_ms,
                               .ring_bytes = f->ring_bytes};
    enum err rc;

    log_set_level((enum log_level)(LOG_ERROR + 1)); /* crashes are the daily business of these tests */
    f->p = NULL;
    f->topic = NULL;
    rc = pipeline_open(&po, &f->p, d);
    if (rc != ERR_OK)
        return rc;
    rc = pipeline_topic(f->p, &to, &f->topic, d);
    if (rc != ERR_OK)
        close_log(f);
    return rc;
}

void
open_log(struct t *t, struct fixture *f)
{
    static struct os_sim *quick; /* for the whole program: the real disk without waiting for its syncs */

    if (quick == NULL)
        quick = os_sim_new(os_posix());
    if (f->os == NULL)
        f->os = os_sim_os(quick);
    CHECK_OK(try_open_log(t, f, d));
}

void
close_log(struct fixture *f)
{
    pipeline_close(f->p);
    f->p = NULL;
    f->topic = NULL;
}

uint64_t
append(struct t *t, struct topic *topic, const char *key, const char *value, int64_t time_ms)
{
    struct record r = {.time_ms = time_ms, .key = str_of(key), .value = value ? str_of(value) : S_NULL};
    uint64_t offset = UINT64_MAX;

    CHECK_OK(topic_append(topic, &r, ACK_WRITTEN, &offset, d));
    return offset;
}

struct str
value_of(struct t *t, uint64_t i)
{
    return arena_printf(t->arena, "value %llu %.*s", (unsigned long long)i, (int)(i * 7 % 40),
                        "........................................");
}

uint64_t
count_from(struct t *t, struct topic *topic, uint64_t offset)
{
    struct consumer *c = NULL;
    struct record r;
    uint64_t n = 0;
    bool got = true;

    CHECK_OK(consumer_open(topic, offset, &c, d));
    for (;;) {
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        if (!got)
            break;
        CHECK_EQ(r.offset, offset + n);
        n++;
    }
    consumer_close(c);
    return n;
}

char *
log_path(struct t *t, uint64_t base)
{
    return (char *)(uintptr_t)arena_printf(t->arena, "%s/collect/0/%020llu.seg", t->dir, (unsigned long long)base).p;
}

struct str
file_bytes(struct t *t, const char *path)
{
    struct str whole = S_NULL;

    CHECK_OK(os_read_file(os_posix(), path, 256u << 20, t->arena, &whole, d));
    return whole;
}

void
put_file(struct t *t, const char *path, struct str bytes)
{
    struct os_file *f;

    (void)os_unlink(os_posix(), path, NULL); /* a new file: a follower may hold the old one */
    CHECK_OK(os_open(os_posix(), path, OS_WRITE, &f, d));
    CHECK_OK(os_pwrite(os_posix(), f, 0, bytes.p, bytes.n, d));
    os_close(os_posix(), f);
}
