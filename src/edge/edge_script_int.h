/* edge_script_int.h - what edge_script.c and edge_script_env.c share. */
#ifndef EDGE_SCRIPT_INT_H
#define EDGE_SCRIPT_INT_H

#include "edge/edge_script.h"

/* One run. */
struct edge_script_env {
    struct edge_script_request *r;
    struct str script;
    struct os *os;
};

/* An attribute of the visitor, noted as changed when it is. false: no memory or room. */
bool edge_script_store(struct edge_script_request *r, struct str name, struct str json);

/* script_env's functions; ctx is a struct edge_script_env. */
bool edge_script_get(void *ctx, enum script_source source, struct str name, struct str *json);
bool edge_script_set_local(void *ctx, struct str name, struct str json);
uint64_t edge_script_clock(void *ctx);

#endif
