/* server_topics.c - which partitions of the log this process opens, which of them it may write, and how long they keep
 * what they have. */
#include "app/server_int.h"

#include "base/civil.h"
#include "base/limits.h"

static enum err
open_topic(struct server *s, const char *name, unsigned partition, bool writable, bool compacted, struct topic **out,
           struct diag *d)
{
    struct topic_options o = {.name = name, .partition = partition, .writable = writable, .compacted = compacted};

    if (strcmp(name, "collect") == 0) {
        o.ring_bytes = LIMIT_RING_BYTES; /* requests append to it */
        o.retention_ms = s->conf.collect_retention_days * MS_PER_DAY;
    } else if (strcmp(name, "membership") == 0) {
        o.retention_ms = s->conf.membership_retention_days * MS_PER_DAY;
    } else if (strcmp(name, "config") == 0) {
        o.history_ms = s->conf.config_history_days * MS_PER_DAY;
        o.revisions = config_revisions_kept;
    }
    return pipeline_topic(s->pipeline, &o, out, d);
}

/* Makes sure that a partition exists, whoever writes it: a reader cannot create one. */
static enum err
touch_topic(struct server *s, const char *name, unsigned partition, bool compacted, struct diag *d)
{
    struct pipeline_options o = {.os = s->os, .dir = server_path(s, "log")};
    struct topic_options t = {.name = name, .partition = partition, .writable = true, .compacted = compacted};
    struct pipeline *p = NULL;
    struct topic *topic;
    enum err rc = pipeline_open(&o, &p, d);

    if (rc == ERR_OK)
        rc = pipeline_topic(p, &t, &topic, d);
    pipeline_close(p);
    return rc == ERR_BUSY ? ERR_OK : rc; /* its writer runs already */
}

static enum err
open_collect(struct server *s, struct diag *d)
{
    bool split = !(s->is_edge && s->is_hub);
    struct topic *second = NULL;
    enum err rc = ERR_OK;

    if (split)
        rc = touch_topic(s, "collect", 0, false, d);
    if (split && rc == ERR_OK)
        rc = touch_topic(s, "collect", 1, false, d);
    if (rc == ERR_OK)
        rc = open_topic(s, "collect", 0, s->is_edge, false, &s->collect[s->collect_count++], d);
    if (rc != ERR_OK)
        return rc;
    /* A data folder that once was shared by two processes has hits in the second partition too. */
    rc = open_topic(s, "collect", 1, split && s->is_hub, false, &second, NULL);
    if (rc == ERR_OK)
        s->collect[s->collect_count++] = second;
    else if (rc != ERR_NOT_FOUND || split)
        return open_topic(s, "collect", 1, split && s->is_hub, false, &second, d);
    s->own_collect = s->is_edge ? s->collect[0] : s->collect[1];
    return ERR_OK;
}

enum err
server_open_topics(struct server *s, struct diag *d)
{
    struct pipeline_options o = {.os = s->os, .dir = server_path(s, "log")};
    const char *projection = arena_printf(&s->arena, "projection.%s", s->conf.hint).p;
    enum err rc = pipeline_open(&o, &s->pipeline, d);

    if (rc == ERR_OK)
        rc = open_collect(s, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = touch_topic(s, "config", 0, true, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = touch_topic(s, projection, 0, true, d);
    if (rc == ERR_OK)
        rc = open_topic(s, "config", 0, s->is_hub, true, &s->config_topic, d);
    if (rc == ERR_OK && s->is_hub)
        rc = open_topic(s, "membership", 0, true, false, &s->membership, d);
    if (rc == ERR_OK)
        rc = open_topic(s, projection, 0, s->is_hub, true, &s->projection, d);
    return rc;
}
