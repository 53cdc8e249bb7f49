/* learn_forest.c - trees in one array: read, written, walked.
 *
 *   bytes   version 1 | trees | nodes | root of each tree | node ...
 *   node    slot + 1 (0: a leaf) | value, 4 bytes | of a split: yes index, 1 when a missing fact goes there
 *
 * Numbers are varints of codec/pack.h. What is read is checked: a child stands behind its parent, so that no walk goes
 * round in a circle. */
#include "learn/learn_int.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "codec/pack.h"

#define VERSION 1

/* ---- walking ---- */

double
learn_score_dense(const struct learn_forest *f, const float row[LEARN_SLOTS])
{
    double margin = 0;

    for (size_t t = 0; t < f->tree_count; t++) {
        const struct learn_node *n = &f->nodes[f->roots[t]];
        while (n->yes != 0) {
            float x = row[n->slot];
            bool yes = isnan(x) ? n->missing_yes : x < n->value;
            n = &f->nodes[n->yes + !yes];
        }
        margin += (double)n->value;
    }
    return 1 / (1 + exp(-margin));
}

double
learn_score(const struct learn_forest *f, const struct learn_row *r)
{
    float row[LEARN_SLOTS];

    learn_row_dense(r, row);
    return learn_score_dense(f, row);
}

size_t
learn_forest_trees(const struct learn_forest *f)
{
    return f->tree_count;
}

/* ---- bytes ---- */

static uint32_t
float_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void
learn_forest_write(struct buf *out, const struct learn_forest *f)
{
    pack_u64(out, VERSION);
    pack_u64(out, f->tree_count);
    pack_u64(out, f->node_count);
    for (size_t i = 0; i < f->tree_count; i++)
        pack_u64(out, f->roots[i]);
    for (size_t i = 0; i < f->node_count; i++) {
        const struct learn_node *n = &f->nodes[i];
        pack_u64(out, n->yes == 0 ? 0 : n->slot + 1u);
        pack_fixed32(out, float_bits(n->value));
        if (n->yes != 0) {
            pack_u64(out, n->yes);
            pack_u64(out, n->missing_yes);
        }
    }
}

static bool
read_node(struct unpack *u, size_t index, size_t count, struct learn_node *n)
{
    uint64_t slot = unpack_u64(u);
    uint32_t bits = unpack_fixed32(u);

    *n = (struct learn_node){.slot = (uint16_t)(slot > 0 ? slot - 1 : 0)};
    memcpy(&n->value, &bits, sizeof bits);
    if (slot > LEARN_SLOTS || !isfinite(n->value))
        return false;
    if (slot > 0) {
        uint64_t yes = unpack_u64(u);
        n->missing_yes = unpack_u64(u) != 0;
        if (yes <= index || yes + 1 >= count)
            return false;
        n->yes = (uint32_t)yes;
    }
    return !u->bad;
}

enum err
learn_forest_read(struct str bytes, struct arena *a, struct learn_forest **out, struct diag *d)
{
    struct unpack u = unpack_from(bytes);
    struct learn_forest *f = ARENA_NEW(a, struct learn_forest);
    uint64_t version = unpack_u64(&u), trees = unpack_u64(&u), nodes = unpack_u64(&u);

    if (u.bad || version != VERSION || trees > nodes || nodes > FOREST_NODES_MAX || nodes > unpack_left(&u))
        return diag_set(d, ERR_CORRUPT, "a forest does not read");
    if (f == NULL || (f->roots = ARENA_ARRAY(a, uint32_t, trees + 1)) == NULL ||
        (f->nodes = ARENA_ARRAY(a, struct learn_node, nodes + 1)) == NULL)
        return diag_set(d, ERR_LIMIT, "a forest of %llu nodes exceeds memory", (unsigned long long)nodes);
    for (; f->tree_count < trees; f->tree_count++) {
        uint64_t root = unpack_u64(&u);
        if (root >= nodes)
            return diag_set(d, ERR_CORRUPT, "a forest does not read");
        f->roots[f->tree_count] = (uint32_t)root;
    }
    for (; f->node_count < nodes; f->node_count++) {
        if (!read_node(&u, f->node_count, nodes, &f->nodes[f->node_count]))
            return diag_set(d, ERR_CORRUPT, "node %zu of a forest does not read", f->node_count);
    }
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "a forest does not read");
    *out = f;
    return ERR_OK;
}

/* ---- from the library's dump ---- */

static void *
grow(struct arena *a, void *items, size_t n, size_t *cap, size_t more, size_t bytes)
{
    size_t want = *cap > 0 ? *cap : 256;
    void *p;

    if (n + more <= *cap)
        return items;
    while (want < n + more)
        want *= 2;
    p = arena_calloc(a, want, bytes);
    if (p != NULL && n > 0)
        memcpy(p, items, n * bytes);
    *cap = p != NULL ? want : *cap;
    return p;
}

static enum err
reserve(struct forest_builder *b, size_t more, struct diag *d)
{
    void *nodes;

    if (b->f.node_count + more > FOREST_NODES_MAX)
        return diag_set(d, ERR_LIMIT, "a forest of more than %u nodes", FOREST_NODES_MAX);
    nodes = grow(b->arena, b->f.nodes, b->f.node_count, &b->node_cap, more, sizeof *b->f.nodes);
    if (nodes == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a forest");
    b->f.nodes = nodes;
    return ERR_OK;
}

/* The child with this nodeid. */
static const struct json *
child(const struct json *node, const char *which)
{
    int64_t id = json_i64(json_get(node, str_of(which)), -1);
    struct json_iter it = json_iter(json_get(node, S("children")));

    while (json_next(&it)) {
        if (json_i64(json_get(it.value, S("nodeid")), -2) == id)
            return it.value;
    }
    return NULL;
}

/* Fills the place `at`; places for two children are taken at the end, before either is filled. */
static enum err
add_node(struct forest_builder *b, uint32_t at, const struct json *node, struct diag *d)
{
    const struct json *leaf = json_get(node, S("leaf"));
    const struct json *yes = child(node, "yes"), *no = child(node, "no");
    struct str split = json_str(json_get(node, S("split")));
    int64_t slot = 0;
    uint32_t children = (uint32_t)b->f.node_count;
    enum err rc;

    if (json_is_number(leaf)) {
        b->f.nodes[at] = (struct learn_node){.value = (float)json_f64(leaf, 0)};
        return ERR_OK;
    }
    if (yes == NULL || no == NULL || !str_starts(split, S("f")) || !str_to_i64(str_slice(split, 1, split.n), &slot) ||
        slot < 0 || slot >= LEARN_SLOTS)
        return diag_set(d, ERR_INVALID, "the trained tree has a node that does not read");
    rc = reserve(b, 2, d);
    if (rc != ERR_OK)
        return rc;
    b->f.node_count += 2;
    b->f.nodes[at] = (struct learn_node){
        .value = (float)json_f64(json_get(node, S("split_condition")), 0),
        .yes = children,
        .slot = (uint16_t)slot,
        .missing_yes = json_i64(json_get(node, S("missing")), -1) == json_i64(json_get(node, S("yes")), -2),
    };
    rc = add_node(b, children, yes, d);
    return rc == ERR_OK ? add_node(b, children + 1, no, d) : rc;
}

enum err
learn_forest_add(struct forest_builder *b, const struct json *tree, struct diag *d)
{
    uint32_t *roots = grow(b->arena, b->f.roots, b->f.tree_count, &b->tree_cap, 1, sizeof *roots);
    enum err rc = reserve(b, 1, d);

    if (roots == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a forest");
    b->f.roots = roots;
    if (rc != ERR_OK)
        return rc;
    b->f.roots[b->f.tree_count++] = (uint32_t)b->f.node_count++;
    return add_node(b, b->f.roots[b->f.tree_count - 1], tree, d);
}
