/* rerun_int.h - a world, its visitors, and a hit on its way through it, for the files rerun*.c. */
#ifndef EDGE_RERUN_INT_H
#define EDGE_RERUN_INT_H

#include "base/map.h"
#include "edge/edge_rerun.h"

struct delivery;

struct rerun_place {
    int64_t seen_ms;
    enum rerun_missing missing; /* he is not who he was: nothing of his can be decided again */
    bool was_given;
    uint32_t visitor_n, given_n; /* bytes behind */
    char bytes[];
};

struct rerun {
    struct delivery *x;
    struct rerun_options o;
    char *scope;       /* owned */
    struct map places; /* key -> struct rerun_place, owned */
    size_t bytes;
};

/* A hit on its way: whose it is, and who he was. */
struct rerun_turn {
    struct rerun *r;
    const struct hit *h;
    int64_t now_ms;
    struct arena *a;
    struct str key;
    struct visitor visitor; /* with what he absorbs */
    struct str given;
    bool was_given;
    enum rerun_missing missing; /* from now on */
    enum rerun_missing once;    /* of this request alone */
};

/* --- rerun_visitor.c --- */
/* NULL: no memory. */
struct rerun_place *rerun_place_new(struct str visitor, struct str given);
/* p becomes the world's, or is freed when there is no memory. */
enum err rerun_put_place(struct rerun *r, struct str key, struct rerun_place *p, struct diag *d);
/* Finds the visitor. False: the hit is nobody's in this world, or *rc is an error. */
bool rerun_begin(struct rerun_turn *t, enum err *rc, struct diag *d);
/* What the hit changes, and what was given. ERR_LIMIT: the visitors are too many. */
enum err rerun_end(struct rerun_turn *t, const struct hit *h, const struct rerun_result *result, struct diag *d);

/* --- rerun_request.c --- */
/* The person as the hit has him. */
enum err rerun_read_person(struct edge_rerun *r, struct diag *d);

#endif
