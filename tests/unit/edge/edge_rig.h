/* edge_rig.h - an edge over a log and a configuration in the test's folder, without its thread: what is not flushed is
 * folded again when it starts anew. */
#ifndef TESTS_EDGE_RIG_H
#define TESTS_EDGE_RIG_H

#include "edge/edge_int.h"
#include "t.h"

struct edge_rig {
    struct t *t;
    struct pipeline *pipeline;
    struct topic *collect, *projection;
    struct config *config;
    struct edge *edge;
};

struct edge_rig edge_rig_open(struct t *t);
void edge_rig_start(struct edge_rig *g); /* after edge_close(g->edge) */
void edge_rig_close(struct edge_rig *g);
/* Saves an object. */
void edge_rig_put(struct edge_rig *g, const char *kind, const char *scope, const char *id, const char *json);

#endif
