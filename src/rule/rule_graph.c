/* rule_graph.c - from audiences to one shared graph.
 *
 * Audiences are put in an order in which each comes after those it refers to by inSegment; what is left over lies on a
 * cycle. Then every tree is walked down through and, or, not and inSegment. Below are leaves. Everything is looked up
 * by content before it is made (hash-consing): nodes, predicates, series and paths, so equal parts of different
 * audiences are one thing with one number. And/or children are flattened, sorted and without repetition: "a and b" is
 * "b and a".
 *
 * A node's number is greater than its children's. So one pass in ascending order over the changed nodes evaluates each
 * of them once, after everything it depends on. */
#include "rule/rule_graph_int.h"

#include "base/hash.h"
#include "base/limits.h"

#define BOOLEAN_DEPTH_MAX 256 /* deeper and-or-not trees are evaluated as one leaf */

void *
rule_vec_grow(struct arena *a, const void *p, size_t n, size_t *cap, size_t item_bytes)
{
    size_t room = *cap ? *cap * 2 : 4;
    void *out = arena_alloc(a, room * item_bytes);

    if (out == NULL)
        return NULL;
    if (n > 0)
        memcpy(out, p, n * item_bytes);
    *cap = room;
    return out;
}

/* ---- content to number ---- */

uint64_t
hash_u64(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

uint32_t
cons_find(const struct cons *c, uint64_t hash, bool (*same)(const void *ctx, uint32_t id), const void *ctx)
{
    size_t mask = c->slot_count - 1;

    if (c->n == 0)
        return NO_ID;
    for (size_t i = hash & mask; c->slots[i].id != NO_ID; i = (i + 1) & mask) {
        if (c->slots[i].hash == hash && same(ctx, c->slots[i].id))
            return c->slots[i].id;
    }
    return NO_ID;
}

static void
cons_place(struct cons *c, struct cons_slot s)
{
    size_t mask = c->slot_count - 1, i = s.hash & mask;

    while (c->slots[i].id != NO_ID)
        i = (i + 1) & mask;
    c->slots[i] = s;
}

void
cons_add(struct build *b, struct cons *c, uint64_t hash, uint32_t id)
{
    struct cons bigger = {.n = c->n, .slot_count = c->slot_count ? c->slot_count * 2 : 64};

    if ((c->n + 1) * 2 > c->slot_count) {
        bigger.slots = malloc(bigger.slot_count * sizeof *bigger.slots);
        if (bigger.slots == NULL) {
            b->nomem = true;
            return;
        }
        for (size_t i = 0; i < bigger.slot_count; i++)
            bigger.slots[i] = (struct cons_slot){0, NO_ID};
        for (size_t i = 0; i < c->slot_count; i++) {
            if (c->slots[i].id != NO_ID)
                cons_place(&bigger, c->slots[i]);
        }
        free(c->slots);
        *c = bigger;
    }
    cons_place(c, (struct cons_slot){hash, id});
    c->n++;
}

/* ---- paths ---- */

struct path_key {
    const struct rule_graph *g;
    const struct str *parts;
    size_t n;
};

static bool
same_path(const void *ctx, uint32_t id)
{
    const struct path_key *k = ctx;
    const struct graph_path *p = &k->g->paths.p[id];

    if (p->n != k->n)
        return false;
    for (size_t i = 0; i < k->n; i++) {
        if (!str_eq(p->parts[i], k->parts[i]))
            return false;
    }
    return true;
}

/* A copy: parts may stand in a rule that is gone before the caller asks for the paths. */
static bool
copy_path(struct build *b, const struct str *parts, size_t n, struct graph_path *out)
{
    size_t bytes = 0;
    char *text;

    for (size_t i = 0; i < n; i++)
        bytes += parts[i].n + 1;
    text = arena_alloc(b->a, bytes);
    out->parts = ARENA_ARRAY(b->a, struct str, n);
    out->n = n;
    if (text == NULL || out->parts == NULL)
        return false;
    out->dotted = (struct str){text, n > 0 ? bytes - 1 : 0};
    for (size_t i = 0; i < n; i++) {
        out->parts[i] = (struct str){text, parts[i].n};
        if (parts[i].n > 0)
            memcpy(text, parts[i].p, parts[i].n);
        text[parts[i].n] = '.';
        text += parts[i].n + 1;
    }
    return true;
}

uint32_t
build_path(struct build *b, const struct str *parts, size_t n)
{
    struct path_key key = {b->g, parts, n};
    struct graph_path copy = {0};
    uint64_t hash = n;
    uint32_t id;

    for (size_t i = 0; i < n; i++)
        hash = hash_bytes(parts[i], hash);
    id = cons_find(&b->paths, hash, same_path, &key);
    if (id != NO_ID || b->nomem)
        return id;
    id = (uint32_t)b->g->paths.n;
    if (!copy_path(b, parts, n, &copy) || !VEC_PUSH(b->a, &b->g->paths, copy)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->paths, hash, id);
    return id;
}

void
build_read_path(struct build *b, enum origin_root root, const struct str *parts, size_t n)
{
    uint32_t id;

    if ((root != ORIGIN_PROFILE && root != ORIGIN_EVENT) || n == 0)
        return;
    id = build_path(b, parts, n);
    if (b->nomem)
        return;
    if (root == ORIGIN_PROFILE)
        b->g->paths.p[id].in_profile = true;
    else
        b->g->paths.p[id].in_event = true;
}

/* ---- predicates and series ---- */

struct predicate_key {
    const struct rule_graph *g;
    const struct conjunct *conjuncts;
    size_t n;
};

static bool
same_predicate(const void *ctx, uint32_t id)
{
    const struct predicate_key *k = ctx;
    const struct predicate *p = &k->g->predicates.p[id];

    if (p->n != k->n)
        return false;
    for (size_t i = 0; i < k->n; i++) {
        if (p->conjuncts[i].slot != k->conjuncts[i].slot || !rule_equal(p->conjuncts[i].node, k->conjuncts[i].node))
            return false;
    }
    return true;
}

uint32_t
build_predicate(struct build *b, const struct conjunct *conjuncts, size_t n)
{
    struct predicate_key key = {b->g, conjuncts, n};
    struct predicate p = {.n = n};
    wake_alternatives wakes;
    uint64_t hash = n;
    uint32_t id;

    for (size_t i = 0; i < n; i++)
        hash = hash_u64(hash_u64(hash, rule_hash(conjuncts[i].node)), conjuncts[i].slot);
    id = cons_find(&b->predicates, hash, same_predicate, &key);
    if (id != NO_ID || b->nomem)
        return id;
    id = (uint32_t)b->g->predicates.n;
    p.conjuncts = ARENA_ARRAY(b->a, struct conjunct, n);
    if (p.conjuncts == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    if (n > 0)
        memcpy(p.conjuncts, conjuncts, n * sizeof *conjuncts);
    build_alternatives(b, conjuncts, n, &wakes);
    if (b->nomem || !VEC_PUSH(b->a, &b->g->predicates, p) || !VEC_PUSH(b->a, &b->predicate_wakes, wakes)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->predicates, hash, id);
    b->g->fingerprint = (uint32_t)hash_u64(b->g->fingerprint, hash);
    return id;
}

struct series_key {
    const struct rule_graph *g;
    const struct series *like;
};

static bool
same_series(const void *ctx, uint32_t id)
{
    const struct series_key *k = ctx;
    const struct series *a = &k->g->series.p[id], *b = k->like;

    if (a->predicate != b->predicate || a->time_path != b->time_path || (a->value == NULL) != (b->value == NULL))
        return false;
    return a->value == NULL ||
           (a->values == b->values && a->value_slot == b->value_slot && rule_equal(a->value, b->value));
}

static bool
append_id(struct build *b, uint32_t **p, size_t *n, uint32_t id)
{
    uint32_t *grown = *p;

    if ((*n & (*n - 1)) == 0) { /* full at every power of two */
        grown = arena_alloc(b->a, (*n ? *n * 2 : 1) * sizeof *grown);
        if (grown == NULL) {
            b->nomem = true;
            return false;
        }
        if (*n > 0)
            memcpy(grown, *p, *n * sizeof *grown);
        *p = grown;
    }
    grown[(*n)++] = id;
    return true;
}

uint32_t
build_series(struct build *b, const struct series *like)
{
    struct series_key key = {b->g, like};
    uint64_t hash = hash_u64(like->predicate, like->time_path);
    struct predicate *p;
    uint32_t id;

    if (like->value != NULL)
        hash = hash_u64(hash, rule_hash(like->value));
    id = cons_find(&b->series, hash, same_series, &key);
    if (id != NO_ID || b->nomem)
        return id;
    id = (uint32_t)b->g->series.n;
    p = &b->g->predicates.p[like->predicate];
    if (!VEC_PUSH(b->a, &b->g->series, *like) || !append_id(b, &p->series, &p->series_count, id)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->series, hash, id);
    b->g->fingerprint = (uint32_t)hash_u64(b->g->fingerprint, hash);
    return id;
}

/* ---- nodes ---- */

struct node_key {
    const struct rule_graph *g;
    enum node_kind kind;
    const uint32_t *children;
    size_t n;
    const struct rule_node *expr;
    const struct window_leaf *window;
};

static bool
same_window(const struct window_leaf *a, const struct window_leaf *b)
{
    if (a->series != b->series || a->aggregate != b->aggregate || a->timed != b->timed ||
        a->bound_count != b->bound_count || a->span_count != b->span_count)
        return false;
    for (size_t i = 0; i < a->bound_count; i++) {
        if (a->bounds[i].cmp != b->bounds[i].cmp || a->bounds[i].literal.kind != b->bounds[i].literal.kind ||
            !value_same(a->bounds[i].literal, b->bounds[i].literal))
            return false;
    }
    for (size_t i = 0; i < a->span_count; i++) {
        if (!time_fn_equal(&a->spans[i].lo, &b->spans[i].lo) || !time_fn_equal(&a->spans[i].hi, &b->spans[i].hi))
            return false;
    }
    return true;
}

static bool
same_node(const void *ctx, uint32_t id)
{
    const struct node_key *k = ctx;
    const struct graph_node *n = &k->g->nodes.p[id];

    if (n->kind != k->kind)
        return false;
    if (n->kind == NODE_LEAF)
        return rule_equal(k->g->leaves.p[n->index].expr, k->expr);
    if (n->kind == NODE_WINDOW)
        return same_window(&k->g->windows.p[n->index], k->window);
    return n->child_count == k->n && memcmp(n->children, k->children, k->n * sizeof *k->children) == 0;
}

/* A new node with its children's properties. */
static uint32_t
add_node(struct build *b, struct graph_node node, const uint32_t *children, size_t n, uint64_t hash)
{
    uint32_t id = (uint32_t)b->g->nodes.n;

    node.children = ARENA_ARRAY(b->a, uint32_t, n);
    node.child_count = (uint32_t)n;
    if (node.children == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    if (n > 0)
        memcpy(node.children, children, n * sizeof *children);
    for (size_t i = 0; i < n; i++) {
        const struct graph_node *child = &b->g->nodes.p[children[i]];
        node.scans = node.scans || child->scans;
        node.lookback_ms = child->lookback_ms > node.lookback_ms ? child->lookback_ms : node.lookback_ms;
    }
    if (!VEC_PUSH(b->a, &b->g->nodes, node)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->nodes, hash, id);
    b->g->fingerprint = (uint32_t)hash_u64(b->g->fingerprint, hash);
    return id;
}

static int
by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* children is scratch: sorted and freed of repetition here. */
static uint32_t
build_junction(struct build *b, enum node_kind kind, uint32_t *children, size_t n)
{
    struct node_key key = {.g = b->g, .kind = kind, .children = children};
    uint64_t hash = kind;
    uint32_t id;

    qsort(children, n, sizeof *children, by_id);
    for (size_t i = 0; i < n; i++) {
        if (key.n == 0 || children[i] != children[key.n - 1])
            children[key.n++] = children[i];
    }
    if (key.n == 1 && kind != NODE_NOT)
        return children[0];
    for (size_t i = 0; i < key.n; i++)
        hash = hash_u64(hash, children[i]);
    id = cons_find(&b->nodes, hash, same_node, &key);
    if (id != NO_ID)
        return id;
    return add_node(b, (struct graph_node){.kind = kind}, children, key.n, hash);
}

uint32_t
build_inner(struct build *b, enum node_kind kind, const uint32_t *children, size_t n)
{
    uint32_t *copy;

    if (kind == NODE_NOT && b->g->nodes.p[children[0]].kind == NODE_NOT)
        return b->g->nodes.p[children[0]].children[0];
    copy = ARENA_ARRAY(b->a, uint32_t, n + 1);
    if (copy == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    memcpy(copy, children, n * sizeof *children);
    return build_junction(b, kind, copy, n);
}

static bool
copy_window(struct build *b, const struct window_leaf *w, struct window_leaf *out)
{
    *out = *w;
    out->bounds = ARENA_ARRAY(b->a, struct window_bound, w->bound_count);
    out->spans = ARENA_ARRAY(b->a, struct time_span, w->span_count);
    if (out->bounds == NULL || out->spans == NULL)
        return false;
    if (w->bound_count > 0)
        memcpy(out->bounds, w->bounds, w->bound_count * sizeof *w->bounds);
    if (w->span_count > 0)
        memcpy(out->spans, w->spans, w->span_count * sizeof *w->spans);
    for (size_t i = 0; i < w->span_count; i++)
        out->falls_back = out->falls_back || w->spans[i].lo.falls_back || w->spans[i].hi.falls_back;
    return true;
}

/* An event is late or old by its timestamp; a window over another field says nothing about the event's age. */
static int64_t
window_lookback_ms(const struct rule_graph *g, const struct window_leaf *w)
{
    const struct graph_path *path = &g->paths.p[g->series.p[w->series].time_path];

    if (path->n != 1 || !str_eq(path->parts[0], S("timestamp")))
        return INT64_MAX;
    return spans_lookback_ms(w->spans, w->span_count);
}

uint32_t
build_window(struct build *b, const struct window_leaf *w)
{
    struct node_key key = {.g = b->g, .kind = NODE_WINDOW, .window = w};
    struct graph_node node = {.kind = NODE_WINDOW, .index = (uint32_t)b->g->windows.n};
    struct series *s = &b->g->series.p[w->series];
    uint64_t hash = hash_u64(hash_u64(NODE_WINDOW, w->series), w->span_count);
    struct window_leaf copy;
    uint32_t id;

    for (size_t i = 0; i < w->bound_count; i++)
        hash = hash_u64(hash_u64(hash, w->bounds[i].cmp), value_hash(w->bounds[i].literal));
    for (size_t i = 0; i < w->span_count; i++)
        hash = hash_u64(hash_u64(hash, time_fn_hash(&w->spans[i].lo)), time_fn_hash(&w->spans[i].hi));
    id = cons_find(&b->nodes, hash, same_node, &key);
    if (id != NO_ID)
        return id;
    node.lookback_ms = window_lookback_ms(b->g, w);
    if (!copy_window(b, w, &copy) || !VEC_PUSH(b->a, &b->g->windows, copy)) {
        b->nomem = true;
        return NO_ID;
    }
    id = add_node(b, node, NULL, 0, hash);
    if (id != NO_ID)
        (void)append_id(b, &s->leaves, &s->leaf_count, id); /* sets nomem itself */
    return id;
}

struct graph_audience *
build_audience(const struct build *b, struct str id)
{
    return map_get(&b->g->by_id, id);
}

static bool
register_leaf(struct build *b, uint32_t id, struct leaf *l, struct graph_node *node)
{
    struct rule_graph *g = b->g;
    wake_alternatives wakes = {0};

    if (l->reads & READS_EVENTS) {
        build_leaf_guard(b, l->expr, &wakes, &node->lookback_ms);
        node->scans = true;
        if (!VEC_PUSH(b->a, &g->event_leaves, id) || !VEC_PUSH(b->a, &b->leaf_wakes, wakes))
            return false;
    }
    if ((l->reads & READS_RECORD) != 0 && !VEC_PUSH(b->a, &g->record_leaves, id))
        return false;
    if (l->restless && !VEC_PUSH(b->a, &g->restless_leaves, id))
        return false;
    if ((l->reads & READS_LOOK) != 0) {
        l->look = (uint32_t)g->look_leaves.n;
        if (!VEC_PUSH(b->a, &g->look_leaves, id))
            return false;
    }
    return true;
}

static uint32_t
build_leaf(struct build *b, const struct rule_node *n)
{
    struct node_key key = {.g = b->g, .kind = NODE_LEAF, .expr = n};
    struct graph_node node = {.kind = NODE_LEAF, .index = (uint32_t)b->g->leaves.n};
    uint64_t hash = hash_u64(NODE_LEAF, rule_hash(n));
    uint32_t id = cons_find(&b->nodes, hash, same_node, &key), *children;
    struct leaf l;

    if (id != NO_ID)
        return id;
    build_leaf_reads(b, n, &l);
    children = ARENA_ARRAY(b->a, uint32_t, l.deps.n);
    if (children == NULL || !register_leaf(b, (uint32_t)b->g->nodes.n, &l, &node) ||
        !VEC_PUSH(b->a, &b->g->leaves, l)) {
        b->nomem = true;
        return NO_ID;
    }
    for (size_t i = 0; i < l.deps.n; i++)
        children[i] = l.deps.p[i].node;
    return add_node(b, node, children, l.deps.n, hash);
}

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
        return build_junction(b, n->op == RULE_AND ? NODE_AND : NODE_OR, children.p, children.n);
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

/* ---- order of audiences ---- */

struct order {
    struct build *b;
    id_list *refs;     /* per audience: those that refer to it */
    uint32_t *waiting; /* per audience: how many it still waits for */
    uint32_t *ready;   /* queue */
    size_t ready_count;
};

/* Every literal inSegment of the tree that names an audience of the graph. */
static bool
collect_refs(struct order *o, uint32_t audience, const struct rule_node *n)
{
    const struct graph_audience *other = NULL;

    if (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT && n->arg_count > 0 && n->args[0]->op == RULE_LITERAL &&
        n->args[0]->value.kind == VALUE_STRING)
        other = build_audience(o->b, n->args[0]->value.s);
    if (other != NULL) {
        id_list *refs = &o->refs[other - o->b->g->audiences];
        if (!VEC_PUSH(o->b->a, refs, audience))
            return false;
        o->waiting[audience]++;
    }
    for (size_t i = 0; i < n->arg_count; i++) {
        if (!collect_refs(o, audience, n->args[i]))
            return false;
    }
    return true;
}

#define CYCLE_STEPS 64

/* Every audience still waiting waits for another of them: following those leads round the cycle. */
static enum err
cycle_error(const struct order *o, size_t n, struct diag *d)
{
    const struct graph_audience *audiences = o->b->g->audiences;
    uint32_t at = 0, from = NO_ID;

    while (o->waiting[at] == 0)
        at++;
    for (size_t step = 0; step < CYCLE_STEPS; step++) { /* more than any lead-in a person would write */
        for (uint32_t i = 0; i < n; i++) {
            const id_list *refs = &o->refs[i];
            bool refers = false;
            for (size_t k = 0; k < refs->n && o->waiting[i] != 0; k++)
                refers = refers || refs->p[k] == at;
            if (refers) {
                from = at;
                at = i;
                break;
            }
        }
    }
    return diag_set(d, ERR_INVALID, "audience '%.*s' refers to itself through inSegment, by way of '%.*s'",
                    STR_ARG(audiences[at].id), STR_ARG(audiences[from == NO_ID ? at : from].id));
}

static enum err
order_audiences(struct order *o, size_t n, struct diag *d)
{
    struct build *b = o->b;

    o->refs = ARENA_ARRAY(b->a, id_list, n);
    o->waiting = ARENA_ARRAY(b->a, uint32_t, n);
    o->ready = ARENA_ARRAY(b->a, uint32_t, n);
    if (o->refs == NULL || o->waiting == NULL || o->ready == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
    for (uint32_t i = 0; i < n; i++) {
        if (!collect_refs(o, i, rule_root(b->audiences[i].rule)))
            return diag_set(d, ERR_LIMIT, "no memory for the references of %zu audiences", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (o->waiting[i] == 0)
            o->ready[o->ready_count++] = i;
    }
    for (size_t at = 0; at < o->ready_count; at++) {
        const id_list *refs = &o->refs[o->ready[at]];
        for (size_t k = 0; k < refs->n; k++) {
            if (--o->waiting[refs->p[k]] == 0)
                o->ready[o->ready_count++] = refs->p[k];
        }
    }
    return o->ready_count == n ? ERR_OK : cycle_error(o, n, d);
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
            if (!append_id(b, &child->parents, &count, i))
                return false;
            child->parent_count = (uint32_t)count;
        }
    }
    for (uint32_t i = 0; i < g->audience_count; i++) {
        struct graph_node *root = &g->nodes.p[g->audiences[i].root];
        size_t count = root->audience_count;
        if (!append_id(b, &root->audiences, &count, i))
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

static enum err
build_all(struct build *b, size_t n, struct diag *d)
{
    struct rule_graph *g = b->g;
    struct order o = {.b = b};
    enum err rc = add_audiences(b, n, d);

    if (rc == ERR_OK)
        rc = order_audiences(&o, n, d);
    if (rc != ERR_OK)
        return rc;
    b->slot_count = g->slot_count + 2;
    b->slots = ARENA_ARRAY(b->a, struct origin, b->slot_count);
    b->nomem = b->slots == NULL;
    for (size_t i = 0; i < n && !b->nomem; i++) {
        struct graph_audience *one = &g->audiences[o.ready[i]];
        one->root = build_boolean(b, rule_root(b->audiences[o.ready[i]].rule), 0);
        b->nomem = b->nomem || one->root == NO_ID;
    }
    if (!b->nomem)
        build_wake_index(b);
    list_paths(b);
    if (b->nomem || !link_parents(b))
        return diag_set(d, ERR_LIMIT, "the predicate graph of %zu audiences needs more than %d MB", n,
                        LIMIT_RULE_GRAPH_BYTES >> 20);
    return ERR_OK;
}

enum err
rule_graph_new(const struct rule_audience *audiences, size_t n, uint64_t version, struct rule_graph **out,
               struct diag *d)
{
    struct rule_graph *g;
    struct build b = {.audiences = audiences};
    enum err rc;

    if (n > LIMIT_AUDIENCES_HARD)
        return diag_set(d, ERR_LIMIT, "a sandbox has at most %d live audiences, got %zu", LIMIT_AUDIENCES_HARD, n);
    g = calloc(1, sizeof *g);
    if (g == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the predicate graph");
    arena_init(&g->arena, LIMIT_RULE_GRAPH_BYTES);
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
