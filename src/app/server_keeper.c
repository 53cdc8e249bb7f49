/* server_keeper.c - the thread that keeps the topics short: retention and compaction, and how far retention may go. */
#include "app/server_int.h"

#include "base/log.h"

/* Where the hub of another process is in this edge's partition: it says so in a file, once a round. */
static void
tell_folded(struct server *s)
{
    struct diag d = DIAG_INIT;
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)hub_committed(s->hub, s->collect[0]));

    if (os_write_file(s->os, s->folded_path, (struct str){text, (size_t)n}, &d) != ERR_OK)
        log_warn("retention_waits", "why=\"%s\"", d.what);
}

static uint64_t
read_folded(struct server *s)
{
    struct arena a;
    struct str text;
    uint64_t offset = 0; /* no file yet: everything stays */

    arena_init(&a, 4096);
    if (os_read_file(s->os, s->folded_path, 24, &a, &text, NULL) != ERR_OK || !str_to_u64(text, &offset))
        offset = 0;
    arena_deinit(&a);
    return offset;
}

/* How far all who read our partition of collect have come, of what survives a power cut. */
static uint64_t
collect_done(struct server *s)
{
    uint64_t hub = s->hub != NULL ? hub_committed(s->hub, s->own_collect) : read_folded(s);
    uint64_t edge = s->edge != NULL ? edge_committed(s->edge) : UINT64_MAX;

    return hub < edge ? hub : edge;
}

/* A minute ago these positions were committed, so by now they are on the disk. */
struct kept {
    uint64_t collect, membership;
};

static void
limit_retention(struct server *s, struct kept *kept)
{
    topic_keep_from(s->own_collect, kept->collect);
    kept->collect = collect_done(s);
    if (s->membership != NULL) {
        topic_keep_from(s->membership, kept->membership);
        kept->membership = hub_committed(s->hub, s->membership);
    }
    if (s->hub != NULL && s->edge == NULL)
        tell_folded(s);
}

enum err
server_keep_until(struct server *s, int64_t now_ms, struct diag *d)
{
    topic_keep_from(s->own_collect, collect_done(s));
    return topic_maintain(s->own_collect, now_ms, d);
}

void
server_keep(void *ctx)
{
    struct server *s = ctx;
    struct kept kept = {0};
    struct topic *topics[] = {s->own_collect, s->is_hub ? s->config_topic : NULL, s->membership,
                              s->is_hub ? s->projection : NULL};

    os_thread_in_background();
    limit_retention(s, &kept);
    os_lock(&s->lock);
    while (!s->stopping) {
        (void)os_cond_wait_us(&s->turned, &s->lock, 60 * 1000000);
        os_unlock(&s->lock);
        limit_retention(s, &kept);
        for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
            struct diag d = DIAG_INIT;
            if (topics[i] != NULL && topic_maintain(topics[i], os_now_ms(s->os), &d) != ERR_OK)
                log_warn("maintenance_failed", "topic=%s why=\"%s\"", topic_name(topics[i]), d.what);
        }
        os_lock(&s->lock);
    }
    os_unlock(&s->lock);
}
