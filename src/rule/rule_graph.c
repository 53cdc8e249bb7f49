/* rule_graph.c - from audiences to one shared graph.
 *
 * Audiences come in an order in which each follows those it refers to by inSegment (rule_order.c). Every tree is walked
 * down through and, or, not and inSegment; below are leaves. Equal parts of different audiences are one node
 * (rule_graph_cons.c), and and/or children are flattened, sorted and without repetition: "a and b" is "b and a".
 *
 * A node's number is greater than its children's. So one pass in ascending order over the changed nodes evaluates each
 * of them once, after everything it depends on. */
#include "rule/rule_graph_int.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
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
        if (id == NO_ID || !VEC_PUSH(&b->scratch, out, id)) {
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

    b->why = NULL;
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

/* ---- one audience ---- */

static int
by_path(const void *a, const void *b)
{
    const struct path_read *x = a, *y = b;

    if (x->path != y->path)
        return (x->path > y->path) - (x->path < y->path);
    return (x->root > y->root) - (x->root < y->root);
}

/* Paths, each once. */
static bool
keep_reads(struct build *b, struct graph_audience *one)
{
    struct path_read *kept;
    size_t n = 0;

    if (b->reads.n > 1)
        qsort(b->reads.p, b->reads.n, sizeof *b->reads.p, by_path);
    for (size_t i = 0; i < b->reads.n; i++) {
        if (n == 0 || by_path(&b->reads.p[i], &b->reads.p[n - 1]) != 0)
            b->reads.p[n++] = b->reads.p[i];
    }
    kept = ARENA_ARRAY(b->a, struct path_read, n);
    if (kept == NULL)
        return false;
    if (n > 0)
        memcpy(kept, b->reads.p, n * sizeof *kept);
    one->reads = kept;
    one->read_count = n;
    return true;
}

typedef VEC(uint64_t) hash_list;

static bool
collect_refs(struct build *b, const struct rule_node *n, hash_list *out)
{
    struct str id = rule_segment_id(n);

    if (id.p != NULL && !VEC_PUSH(&b->scratch, out, hash_keyed(b->g->id_key, id)))
        return false;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (!collect_refs(b, n->args[i], out))
            return false;
    }
    return true;
}

static bool
keep_refs(struct build *b, const struct rule_node *root, struct graph_audience *one)
{
    hash_list found = {0};
    uint64_t *kept;

    if (!collect_refs(b, root, &found))
        return false;
    kept = ARENA_ARRAY(b->a, uint64_t, found.n);
    if (kept == NULL)
        return false;
    if (found.n > 0)
        memcpy(kept, found.p, found.n * sizeof *kept);
    one->refs = kept;
    one->ref_count = found.n;
    return true;
}

/* Contents point into the trees that they were first seen in. */
static bool
hold_rule(struct numbering *all, const struct rule *r)
{
    size_t cap = all->rule_cap ? all->rule_cap * 2 : 16;
    struct rule **grown;

    if (all->rule_count == all->rule_cap) {
        grown = realloc(all->rules, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        all->rules = grown;
        all->rule_cap = cap;
    }
    all->rules[all->rule_count++] = rule_ref(r);
    return true;
}

static bool
compile(struct build *b, uint32_t index)
{
    struct rule_graph *g = b->g;
    struct graph_audience *one = &g->audiences[index], *old;
    const struct rule *r = b->audiences[index].rule;
    size_t things = g->nodes.n + g->series.n + g->predicates.n;
    struct arena_mark mark = arena_mark(&b->scratch);

    memset(&b->reads, 0, sizeof b->reads);
    one->root = build_boolean(b, rule_root(r), 0);
    if (b->nomem || one->root == NO_ID || !keep_reads(b, one) || !keep_refs(b, rule_root(r), one))
        return false;
    old = b->before != NULL ? rule_graph_audience_of(b->before, one->id) : NULL;
    one->binding = old != NULL && old->root == one->root ? old->binding : NO_ID;
    arena_release(&b->scratch, mark);
    g->compiled++;
    return g->nodes.n + g->series.n + g->predicates.n == things || hold_rule(b->numbering, r);
}

/* ---- the whole ---- */

static void
numbering_free(struct numbering *all)
{
    if (all == NULL || atomic_fetch_sub_explicit(&all->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < all->rule_count; i++)
        rule_free(all->rules[i]);
    for (size_t i = 0; i < atomic_load_explicit(&all->earlier_count, memory_order_relaxed); i++)
        translation_free(all->earlier[i]);
    free(all->rules);
    free(all->nodes.slots);
    free(all->predicates.slots);
    free(all->series.slots);
    free(all->paths.slots);
    free(all->popular.slots);
    arena_deinit(&all->arena);
    os_mutex_deinit(&all->lock);
    free(all);
}

static struct numbering *
numbering_new(size_t bytes_max)
{
    struct numbering *all = calloc(1, sizeof *all);

    if (all == NULL)
        return NULL;
    atomic_init(&all->refs, 1);
    atomic_init(&all->earlier_count, 0);
    os_mutex_init(&all->lock);
    arena_init(&all->arena, bytes_max);
    return all;
}

static bool
copy_array(struct arena *a, void *p_field, size_t *cap, const void *from, size_t n, size_t item_bytes)
{
    size_t room = n + n / 16 + 16; /* a few audiences more */
    void *to = arena_alloc(a, room * item_bytes);

    if (to == NULL)
        return false;
    if (n > 0)
        memcpy(to, from, n * item_bytes);
    memcpy(p_field, &to, sizeof to);
    *cap = room;
    return true;
}

#define COPY(to, from)                                                                                                 \
    (copy_array(b->flat, &(to)->p, &(to)->cap, (from)->p, (from)->n, sizeof *(from)->p) && ((to)->n = (from)->n, true))

/* The arrays of before, whose numbers stay. */
static bool
copy_before(struct build *b)
{
    const struct rule_graph *from = b->before;
    struct rule_graph *g = b->g;

    b->first = (struct graph_mark){.nodes = (uint32_t)from->nodes.n,
                                   .looks = from->look_count,
                                   .series = (uint32_t)from->series.n,
                                   .bindings = (uint32_t)from->bindings.n};
    b->first_predicate = from->predicates.n;
    g->look_count = from->look_count;
    g->slot_count = from->slot_count;
    return COPY(&g->nodes, &from->nodes) && COPY(&g->leaves, &from->leaves) && COPY(&g->windows, &from->windows) &&
           COPY(&g->predicates, &from->predicates) && COPY(&g->series, &from->series) &&
           COPY(&g->paths, &from->paths) && COPY(&g->marks, &from->marks) && COPY(&g->bindings, &from->bindings);
}

static enum err
build_all(struct build *b, size_t n, size_t bytes_max, struct diag *d)
{
    struct rule_graph *g = b->g;
    uint32_t *fresh = NULL;
    size_t fresh_count = 0;
    enum err rc = ERR_OK;

    b->nomem = b->before != NULL && !copy_before(b);
    if (!b->nomem)
        rc = grow_audiences(b, n, &fresh, &fresh_count, d);
    if (rc != ERR_OK)
        return rc;
    b->slot_count = g->slot_count + 2;
    b->slots = ARENA_ARRAY(b->flat, struct origin, b->slot_count);
    b->nomem = b->nomem || b->slots == NULL;
    for (size_t i = 0; i < fresh_count && !b->nomem; i++)
        b->nomem = !compile(b, fresh[i]);
    b->nomem = b->nomem || !rule_graph_link(b);
    if (!b->nomem)
        build_wake_index(b, bytes_max);
    if (b->nomem || !rule_graph_mark_new(b))
        return diag_set(d, ERR_LIMIT, "the predicate graph of %zu audiences needs more than %zu bytes", n, bytes_max);
    return ERR_OK;
}

static enum err
graph_new(const struct rule_graph *before, const struct rule_audience *audiences, size_t n, uint64_t version,
          size_t bytes_max, struct rule_graph **out, struct diag *d)
{
    struct rule_graph *g = calloc(1, sizeof *g);
    struct build b = {.before = before, .audiences = audiences, .g = g};
    struct map key;
    enum err rc;

    if (g == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the predicate graph");
    arena_init(&g->arena, bytes_max);
    g->scratch_bytes_max = LIMIT_RULE_SCRATCH_BYTES;
    g->version = version;
    if (before != NULL) {
        g->numbering = before->numbering;
        atomic_fetch_add_explicit(&g->numbering->refs, 1, memory_order_relaxed);
        g->id_key = before->id_key;
    } else {
        g->numbering = numbering_new(bytes_max);
        map_init(&key);
        g->id_key = key.seed;
    }
    if (g->numbering == NULL) {
        rule_graph_free(g);
        return diag_set(d, ERR_NOMEM, "no memory for the predicate graph");
    }
    b.numbering = g->numbering;
    b.a = &g->numbering->arena;
    b.flat = &g->arena;
    arena_init(&b.scratch, bytes_max);
    os_lock(&g->numbering->lock);
    rc = build_all(&b, n, bytes_max, d);
    os_unlock(&g->numbering->lock);
    arena_deinit(&b.scratch);
    if (rc != ERR_OK)
        rule_graph_free(g);
    else
        *out = g;
    return rc;
}

#define SPARE_MIN 256 /* so much that is dead is carried on, whatever the size of the graph */

/* More is dead than alive: the states carry its bits, and the trees behind it stay in memory. */
static bool
crowded(const struct rule_graph *g)
{
    return g->numbering->nodes.n > 2 * g->live_count + SPARE_MIN ||
           g->numbering->rule_count > 2 * g->audience_count + SPARE_MIN;
}

enum err
rule_graph_extend_within(const struct rule_graph *before, const struct rule_audience *audiences, size_t n,
                         uint64_t version, size_t bytes_max, struct rule_graph **out, struct diag *d)
{
    enum err rc = ERR_LIMIT;

    if (n > LIMIT_AUDIENCES_HARD)
        return diag_set(d, ERR_LIMIT, "a sandbox has at most %d live audiences, got %zu", LIMIT_AUDIENCES_HARD, n);
    if (before != NULL && !crowded(before))
        rc = graph_new(before, audiences, n, version, bytes_max, out, d);
    if (rc != ERR_LIMIT) /* without what is dead it may fit */
        return rc;
    rc = graph_new(NULL, audiences, n, version, bytes_max, out, d);
    if (rc == ERR_OK && before != NULL)
        (void)rule_graph_learn_from(*out, before, d); /* without memory for it, states are made anew */
    return rc;
}

enum err
rule_graph_extend(const struct rule_graph *before, const struct rule_audience *audiences, size_t n, uint64_t version,
                  struct rule_graph **out, struct diag *d)
{
    return rule_graph_extend_within(before, audiences, n, version, LIMIT_RULE_GRAPH_BYTES, out, d);
}

enum err
rule_graph_new(const struct rule_audience *audiences, size_t n, uint64_t version, struct rule_graph **out,
               struct diag *d)
{
    return rule_graph_extend(NULL, audiences, n, version, out, d);
}

void
rule_graph_free(struct rule_graph *g)
{
    if (g == NULL)
        return;
    wake_index_free(g->wake[0]);
    wake_index_free(g->wake[1]);
    arena_deinit(&g->arena);
    numbering_free(g->numbering);
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
    return g->live_count;
}

size_t
rule_graph_compiled_count(const struct rule_graph *g)
{
    return g->compiled;
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
