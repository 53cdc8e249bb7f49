/* rule_graph.c - from audiences to one shared graph.
 *
 * Audiences come in an order in which each follows those it refers to by inSegment (rule_order.c). Every tree is walked
 * down through and, or, not and inSegment; below are leaves. Equal parts of different audiences are one node
 * (rule_graph_cons.c), and and/or children are flattened, sorted and without repetition: "a and b" is "b and a".
 *
 * A node's number is greater than its children's. So one pass in ascending order over the changed nodes evaluates each
 * of them once, after everything it depends on. */
#include "rule/rule_graph_int.h"

#include "base/limits.h"
#include "rule/rule_order.h"

#define BOOLEAN_DEPTH_MAX 256 /* deeper and-or-not trees are evaluated as one leaf */

/* ---- boolean structure ---- */

typedef VEC(uint32_t) id_list;

static uint32_t build_boolean(struct build *b, const struct rule_node *n, unsigned depth);

/* The operands of a nest of one operator. */
static bool
collect(struct build *b, const struct rule_node *n, enum rule_op op, unsigned depth, id_list *out)
{
    for (size_t i = 0; i < n->arg_count; i++) {
        uint32_t id;
        if (n->args[i]->op == op && depth < BOOLEAN_DEPTH_MAX) {
            if (!collect(b, n->args[i], op, depth + 1, out))
                return false;
            continue;
        }
        id = build_boolean(b, n->args[i], depth + 1);
        if (id == NO_ID || !VEC_PUSH(b->a, out, id)) {
            b->nomem = true;
            return false;
        }
    }
    return true;
}

static uint32_t
build_boolean(struct build *b, const struct rule_node *n, unsigned depth)
{
    const struct graph_audience *other = NULL;
    id_list children = {0};
    struct leaf paths;
    uint32_t id;

    if ((n->op == RULE_AND || n->op == RULE_OR) && depth < BOOLEAN_DEPTH_MAX && n->arg_count > 0) {
        if (!collect(b, n, n->op, depth, &children))
            return NO_ID;
        return build_inner(b, n->op == RULE_AND ? NODE_AND : NODE_OR, children.p, children.n);
    }
    if (n->op == RULE_NOT && depth < BOOLEAN_DEPTH_MAX) {
        id = build_boolean(b, n->args[0], depth + 1);
        return id == NO_ID ? NO_ID : build_inner(b, NODE_NOT, &id, 1);
    }
    if (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT && n->args[0]->op == RULE_LITERAL &&
        n->args[0]->value.kind == VALUE_STRING)
        other = build_audience(b, n->args[0]->value.s);
    if (other != NULL)
        return other->root;
    id = build_window_leaf(b, n);
    if (id != NO_ID && !b->nomem) {
        build_leaf_reads(b, n, &paths); /* for the paths it records */
        return b->nomem ? NO_ID : id;
    }
    return b->nomem ? NO_ID : build_leaf(b, n);
}

/* ---- the whole ---- */

static enum err
add_audiences(struct build *b, size_t n, struct diag *d)
{
    struct rule_graph *g = b->g;
    void *old;

    g->audiences = ARENA_ARRAY(b->a, struct graph_audience, n);
    if (g->audiences == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
    g->audience_count = n;
    for (size_t i = 0; i < n; i++) {
        struct graph_audience *one = &g->audiences[i];
        size_t slots = rule_slot_count(b->audiences[i].rule);
        *one = (struct graph_audience){arena_str(b->a, b->audiences[i].id), NO_ID};
        if (one->id.p == NULL || !map_put(&g->by_id, one->id, one, &old))
            return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
        if (old != NULL)
            return diag_set(d, ERR_INVALID, "two audiences have the id '%.*s'", STR_ARG(one->id));
        g->slot_count = slots > g->slot_count ? slots : g->slot_count;
    }
    return ERR_OK;
}

static bool
link_parents(struct build *b)
{
    struct rule_graph *g = b->g;

    for (uint32_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *n = &g->nodes.p[i];
        for (size_t k = 0; k < n->child_count; k++) {
            struct graph_node *child = &g->nodes.p[n->children[k]];
            size_t count = child->parent_count;
            if (!build_append_id(b, &child->parents, &count, i))
                return false;
            child->parent_count = (uint32_t)count;
        }
    }
    for (uint32_t i = 0; i < g->audience_count; i++) {
        struct graph_node *root = &g->nodes.p[g->audiences[i].root];
        size_t count = root->audience_count;
        if (!build_append_id(b, &root->audiences, &count, i))
            return false;
        root->audience_count = (uint32_t)count;
        g->fingerprint = (uint32_t)hash_u64(g->fingerprint, g->audiences[i].root);
    }
    return true;
}

static int
by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
list_paths(struct build *b)
{
    struct rule_graph *g = b->g;

    for (size_t i = 0; i < g->paths.n && !b->nomem; i++) {
        const struct graph_path *p = &g->paths.p[i];
        if ((p->in_profile && !VEC_PUSH(b->a, &g->attribute_paths, p->dotted)) ||
            (p->in_event && !VEC_PUSH(b->a, &g->event_paths, p->dotted)))
            b->nomem = true;
    }
    if (g->attribute_paths.n > 1)
        qsort(g->attribute_paths.p, g->attribute_paths.n, sizeof *g->attribute_paths.p, by_text);
    if (g->event_paths.n > 1)
        qsort(g->event_paths.p, g->event_paths.n, sizeof *g->event_paths.p, by_text);
}

static uint32_t
audience_index(const void *ctx, struct str id)
{
    const struct rule_graph *g = ctx;
    const struct graph_audience *one = map_get(&g->by_id, id);

    return one == NULL ? NO_ID : (uint32_t)(one - g->audiences);
}

static enum err
build_all(struct build *b, size_t n, struct diag *d)
{
    struct rule_graph *g = b->g;
    uint32_t *order = NULL;
    enum err rc = add_audiences(b, n, d);

    if (rc == ERR_OK)
        rc = rule_order(b->audiences, n, audience_index, g, b->a, &order, d);
    if (rc != ERR_OK)
        return rc;
    b->slot_count = g->slot_count + 2;
    b->slots = ARENA_ARRAY(b->a, struct origin, b->slot_count);
    b->nomem = b->slots == NULL;
    for (size_t i = 0; i < n && !b->nomem; i++) {
        struct graph_audience *one = &g->audiences[order[i]];
        one->root = build_boolean(b, rule_root(b->audiences[order[i]].rule), 0);
        b->nomem = b->nomem || one->root == NO_ID;
    }
    if (!b->nomem)
        build_wake_index(b);
    list_paths(b);
    if (b->nomem || !link_parents(b))
        return diag_set(d, ERR_LIMIT, "the predicate graph of %zu audiences needs more than %zu bytes", n,
                        g->arena.bytes_max);
    return ERR_OK;
}

enum err
rule_graph_new_within(const struct rule_audience *audiences, size_t n, uint64_t version, size_t bytes_max,
                      struct rule_graph **out, struct diag *d)
{
    struct rule_graph *g;
    struct build b = {.audiences = audiences};
    enum err rc;

    if (n > LIMIT_AUDIENCES_HARD)
        return diag_set(d, ERR_LIMIT, "a sandbox has at most %d live audiences, got %zu", LIMIT_AUDIENCES_HARD, n);
    g = calloc(1, sizeof *g);
    if (g == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the predicate graph");
    arena_init(&g->arena, bytes_max);
    g->scratch_bytes_max = LIMIT_RULE_SCRATCH_BYTES;
    map_init(&g->by_id);
    g->version = version;
    b.g = g;
    b.a = &g->arena;
    rc = build_all(&b, n, d);
    free(b.nodes.slots);
    free(b.predicates.slots);
    free(b.series.slots);
    free(b.paths.slots);
    free(b.popular.slots);
    if (rc != ERR_OK)
        rule_graph_free(g);
    else
        *out = g;
    return rc;
}

enum err
rule_graph_new(const struct rule_audience *audiences, size_t n, uint64_t version, struct rule_graph **out,
               struct diag *d)
{
    return rule_graph_new_within(audiences, n, version, LIMIT_RULE_GRAPH_BYTES, out, d);
}

void
rule_graph_free(struct rule_graph *g)
{
    if (g == NULL)
        return;
    map_deinit(&g->by_id);
    arena_deinit(&g->arena);
    free(g);
}

/* ---- questions ---- */

size_t
rule_graph_audience_count(const struct rule_graph *g)
{
    return g->audience_count;
}

size_t
rule_graph_node_count(const struct rule_graph *g)
{
    return g->nodes.n;
}

uint64_t
rule_graph_version(const struct rule_graph *g)
{
    return g->version;
}

int64_t
rule_graph_lookback_ms(const struct rule_graph *g, size_t audience)
{
    return g->nodes.p[g->audiences[audience].root].lookback_ms;
}

bool
rule_graph_scans(const struct rule_graph *g, size_t audience)
{
    return g->nodes.p[g->audiences[audience].root].scans;
}

void
rule_graph_attribute_paths(const struct rule_graph *g, void (*each)(void *ctx, struct str path), void *ctx)
{
    for (size_t i = 0; i < g->attribute_paths.n; i++)
        each(ctx, g->attribute_paths.p[i]);
}

void
rule_graph_event_paths(const struct rule_graph *g, void (*each)(void *ctx, struct str path), void *ctx)
{
    for (size_t i = 0; i < g->event_paths.n; i++)
        each(ctx, g->event_paths.p[i]);
}
