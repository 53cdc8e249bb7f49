/* graph_int.h - rows of the graph, shared by the files of this folder. Layout: docs/formats/graph.md. */
#ifndef IDENTITY_GRAPH_INT_H
#define IDENTITY_GRAPH_INT_H

#include "identity/graph.h"

/* One graph under change. */
struct graph_work {
    struct kv *k;
    struct arena *a;
    struct str scope;
    const struct graph_namespaces *ns;
    int64_t now_ms;
    struct graph_view view; /* arrays in the arena, with room for member_cap and edge_cap */
    size_t member_cap, edge_cap;
};

/* As graph_profile, with the work's arena. */
enum err graph_lookup(struct graph_work *w, struct str ns, struct str id, uint64_t *profile, struct diag *d);
/* Reserves the next profile id of the table. */
enum err graph_next_profile(struct kv *k, uint64_t *id, struct diag *d);
enum err graph_save(struct graph_work *w, uint64_t profile, struct diag *d);
enum err graph_delete(struct kv *k, uint64_t profile, struct diag *d);
/* Points an identity at a profile. */
enum err graph_assign(struct graph_work *w, struct str ns, struct str id, uint64_t profile, struct diag *d);
/* Room for more members and edges; false: the arena is exhausted. */
bool graph_reserve(struct graph_work *w, size_t members, size_t edges);

/* Drops members until the cap holds, by the rule of [PLATFORM 4.4], and lists them in `out`. */
enum err graph_cut(struct graph_work *w, struct graph_link *out, struct diag *d);

#endif
