#include "edge_rig.h"

#define NOW ((int64_t)1767225600000)

static struct topic *
open_topic(struct edge_rig *g, const char *name, bool compacted)
{
    struct t *t = g->t;
    struct topic_options o = {.name = name, .writable = true, .compacted = compacted};
    struct topic *topic;

    CHECK_OK(pipeline_topic(g->pipeline, &o, &topic, d));
    return topic;
}

void
edge_rig_start(struct edge_rig *g)
{
    struct t *t = g->t;
    struct edge_options o = {.os = os_posix(),
                             .config = g->config,
                             .collect = g->collect,
                             .collect_name = "collect/0",
                             .projection = g->projection,
                             .dir = arena_printf(t->arena, "%s/edge", t->dir).p,
                             .hint = "or2",
                             .base_paths = "ee"};

    CHECK_OK(edge_open(&o, &g->edge, d));
}

struct edge_rig
edge_rig_open(struct t *t)
{
    struct edge_rig g = {.t = t};
    struct pipeline_options po = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/log", t->dir).p};
    struct config_options co = {.os = os_posix()};

    CHECK_OK(pipeline_open(&po, &g.pipeline, d));
    g.collect = open_topic(&g, "collect", false);
    g.projection = open_topic(&g, "projection.or2", true);
    co.topic = open_topic(&g, "config", true);
    CHECK_OK(config_open(&co, &g.config, d));
    edge_rig_start(&g);
    return g;
}

void
edge_rig_close(struct edge_rig *g)
{
    edge_close(g->edge);
    config_close(g->config);
    pipeline_close(g->pipeline);
}

void
edge_rig_put(struct edge_rig *g, const char *kind, const char *scope, const char *id, const char *json)
{
    struct t *t = g->t;

    CHECK_OK(config_put(g->config, str_of(kind), str_of(scope), str_of(id), str_of(json), NOW, d));
}
