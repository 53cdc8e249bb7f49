/* learn_int.h - what the files of learn/ share. */
#ifndef LEARN_INT_H
#define LEARN_INT_H

#include "learn/learn.h"

/* A tree in one array: children of a node stand side by side. */
struct learn_node {
    float value;  /* threshold, or the leaf's */
    uint32_t yes; /* index of the child for "less than value"; the other follows it. 0: a leaf */
    uint16_t slot;
    bool missing_yes; /* where a row without the fact goes */
};

struct learn_forest {
    uint32_t *roots;
    size_t tree_count;
    struct learn_node *nodes;
    size_t node_count;
};

#define FOREST_NODES_MAX (1u << 21)

/* A row as trees want it: NaN where there is no fact. */
void learn_row_dense(const struct learn_row *r, float out[LEARN_SLOTS]);
void learn_forest_write(struct buf *out, const struct learn_forest *f);
double learn_score_dense(const struct learn_forest *f, const float row[LEARN_SLOTS]);
/* Appends one tree as the library dumps it. ERR_INVALID, ERR_LIMIT. */
struct forest_builder {
    struct arena *arena;
    struct learn_forest f;
    size_t tree_cap, node_cap;
};
enum err learn_forest_add(struct forest_builder *b, const struct json *tree, struct diag *d);

/* learn_xgboost.c: one forest over the samples order[0..n). */
enum err learn_xgboost_train(const struct learn_sample *samples, const size_t *order, size_t n,
                             const struct learn_options *o, struct arena *a, struct learn_forest *out, struct diag *d);

#endif
