/* server_log.c - reading collect back, for what is decided or explained again. The folds do not come here. */
#include "app/server_int.h"

#include "base/limits.h"

#define LANDED_WAIT_US 1000000 /* for a record that has its offset to be in the file */

static enum err
read_hits(struct topic *t, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx,
          struct diag *d)
{
    uint64_t end = topic_end(t), at = 0;
    struct consumer *c = NULL;
    struct record r;
    bool got = true;
    enum err rc = topic_after(t, since_ms, &at, d);

    if (rc == ERR_OK)
        rc = consumer_open(t, at, &c, d);
    while (rc == ERR_OK && got && consumer_offset(c) < end) {
        rc = consumer_poll(c, LANDED_WAIT_US, &r, &got, d);
        if (rc == ERR_OK && got && r.time_ms >= since_ms && !each(each_ctx, &r))
            break;
    }
    consumer_close(c);
    return rc;
}

enum err
server_read_log(void *ctx, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx,
                struct diag *d)
{
    struct server *s = ctx;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < s->collect_count; i++)
        rc = read_hits(s->collect[i], since_ms, each, each_ctx, d);
    return rc;
}

uint64_t
server_log_begin(void *ctx)
{
    struct server *s = ctx;

    return topic_begin(s->collect[0]); /* the edge's */
}

struct reader {
    struct topic *t;
    struct consumer *c;
    int64_t since_ms;
    bool (*each)(void *ctx, const struct record *r);
    void *ctx;
    bool over;
};

/* Records [from, to). What retention has cut meanwhile is passed over. */
static enum err
read_range(struct reader *x, uint64_t from, uint64_t to, struct diag *d)
{
    struct record r;
    bool got = true;
    enum err rc = ERR_OK;

    if (x->c == NULL || consumer_offset(x->c) != from) {
        consumer_close(x->c);
        x->c = NULL;
        rc = consumer_open(x->t, from, &x->c, d);
    }
    while (rc == ERR_OK && got && !x->over && consumer_offset(x->c) < to) {
        rc = consumer_poll(x->c, LANDED_WAIT_US, &r, &got, d);
        if (rc == ERR_OK && got && r.offset < to && r.time_ms >= x->since_ms)
            x->over = !x->each(x->ctx, &r);
    }
    x->over |= !got;
    return rc;
}

enum err
server_read_named(void *ctx, int64_t since_ms, const struct str *ids, const size_t *count,
                  bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d)
{
    struct server *s = ctx;
    struct reader x = {.t = s->collect[0], .since_ms = since_ms, .each = each, .ctx = each_ctx};
    struct hub_search search = {ids, count, LIMIT_NAMED_ROWS};
    uint64_t end = topic_end(x.t), at = 0;
    enum err rc = topic_after(x.t, since_ms, &at, d);

    while (rc == ERR_OK && at < end && !x.over) {
        struct hub_range range = hub_named(s->hub, &search, at);
        at = range.to < end ? range.to : end;
        if (range.from < at)
            rc = read_range(&x, range.from, at, d);
    }
    consumer_close(x.c);
    return rc;
}

enum err
server_read_record(void *ctx, uint64_t offset, struct arena *a, struct record *out, struct diag *d)
{
    struct server *s = ctx;
    struct topic *t = s->collect[0];
    struct consumer *c = NULL;
    bool got = false;
    enum err rc;

    if (offset < topic_begin(t))
        return diag_set(d, ERR_NOT_FOUND, "the log was cut (collect-retention-days): it begins with record %llu",
                        (unsigned long long)topic_begin(t));
    rc = offset < topic_end(t) ? consumer_open(t, offset, &c, d) : ERR_OK;
    if (rc == ERR_OK && c != NULL)
        rc = consumer_poll(c, LANDED_WAIT_US, out, &got, d);
    if (rc == ERR_OK && (!got || out->offset != offset))
        rc = diag_set(d, ERR_NOT_FOUND, "the log has no record %llu", (unsigned long long)offset);
    if (rc == ERR_OK) {
        out->key = arena_str(a, out->key);
        out->value = arena_str(a, out->value);
        if (out->value.p == NULL)
            rc = diag_set(d, ERR_NOMEM, "no memory for a hit");
    }
    consumer_close(c);
    return rc;
}
