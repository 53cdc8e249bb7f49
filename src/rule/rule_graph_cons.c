/* rule_graph_cons.c - from content to number: the things of the graph that equal parts of different audiences share.
 *
 * Paths, predicates of an event, series and nodes each have a table from the hash of their content to their number; a
 * thing is looked up there before it is made. The tables outlive a graph and know more numbers than it has: only what
 * was in use in the graph before, or is new in this one, is found. */
#include "base/limits.h"
#include "rule/rule_graph_int.h"

void
cons_add(struct build *b, struct cons *c, uint64_t hash, uint32_t id)
{
    if (!rule_cons_add(c, hash, id))
        b->nomem = true;
}

bool
build_has_node(const struct build *b, uint32_t id)
{
    return id < b->first.nodes ? bit_get(b->before->live, id) : id < b->g->nodes.n;
}

bool
build_has_series(const struct build *b, uint32_t id)
{
    return id < b->first.series ? b->before->series.p[id].leaf_count > 0 : id < b->g->series.n;
}

bool
build_has_predicate(const struct build *b, uint32_t id)
{
    return id < b->first_predicate ? b->before->predicates.p[id].series_count > 0 : id < b->g->predicates.n;
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
    const struct graph_path *p;

    if (id >= k->g->paths.n)
        return false;
    p = &k->g->paths.p[id];
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
    id = cons_find(&b->numbering->paths, hash, same_path, &key);
    if (id != NO_ID || b->nomem)
        return id;
    id = (uint32_t)b->g->paths.n;
    if (!copy_path(b, parts, n, &copy) || !VEC_PUSH(b->flat, &b->g->paths, copy)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->numbering->paths, hash, id);
    return id;
}

void
build_read_path(struct build *b, enum origin_root root, const struct str *parts, size_t n)
{
    uint32_t id;

    if ((root != ORIGIN_PROFILE && root != ORIGIN_EVENT) || n == 0)
        return;
    id = build_path(b, parts, n);
    if (!b->nomem && !VEC_PUSH(&b->scratch, &b->reads, ((struct path_read){id, root})))
        b->nomem = true;
}

/* The field of the record (RULE_PROFILE) or of an event (RULE_SLOT) in  field = literal,  by far the most frequent
 * condition: it is read without the evaluator. */
static uint32_t
compared_field(struct build *b, const struct rule_node *n, enum rule_op root, uint16_t slot)
{
    const struct rule_node *at = n->op == RULE_COMPARE ? n->args[0] : n;
    struct str parts[ORIGIN_PARTS];
    size_t depth = 0;

    if (n->op != RULE_COMPARE || n->args[1]->op != RULE_LITERAL)
        return NO_ID;
    for (; at->op == RULE_FIELD && depth < ORIGIN_PARTS; at = at->args[0])
        parts[ORIGIN_PARTS - ++depth] = at->name;
    if (at->op != root || depth == 0 || (root == RULE_SLOT && at->slot != slot))
        return NO_ID;
    return build_path(b, parts + ORIGIN_PARTS - depth, depth);
}

/* ---- predicates and series ---- */

struct predicate_key {
    const struct build *b;
    const struct conjunct *conjuncts;
    size_t n;
};

static bool
same_predicate(const void *ctx, uint32_t id)
{
    const struct predicate_key *k = ctx;
    const struct predicate *p;

    if (!build_has_predicate(k->b, id))
        return false;
    p = &k->b->g->predicates.p[id];
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
    struct predicate_key key = {b, conjuncts, n};
    struct predicate p = {.n = n, .content = n};
    uint32_t id;

    for (size_t i = 0; i < n; i++)
        p.content = hash_u64(hash_u64(p.content, rule_hash(conjuncts[i].node)), conjuncts[i].slot);
    id = cons_find(&b->numbering->predicates, p.content, same_predicate, &key);
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
    for (size_t i = 0; i < n; i++) {
        struct conjunct *c = &p.conjuncts[i];
        c->field = compared_field(b, c->node, RULE_SLOT, c->slot);
        if (c->field != NO_ID) {
            c->cmp = c->node->cmp;
            c->literal = c->node->args[1]->value;
        }
    }
    build_alternatives(b, conjuncts, n, &p.wakes);
    if (b->nomem || !build_keep_alternatives(b, &p.wakes) || !VEC_PUSH(b->flat, &b->g->predicates, p)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->numbering->predicates, p.content, id);
    return id;
}

struct series_key {
    const struct build *b;
    const struct series *like;
    bool enough; /* only one that keeps, or may still be made to keep, what is needed */
};

static bool
same_expr(const struct rule_node *a, uint16_t a_slot, const struct rule_node *b, uint16_t b_slot)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a_slot == b_slot && rule_equal(a, b);
}

static bool
same_series(const void *ctx, uint32_t id)
{
    const struct series_key *k = ctx;
    const struct series *a, *b = k->like;

    if (!build_has_series(k->b, id))
        return false;
    a = &k->b->g->series.p[id];
    if (a->predicate != b->predicate || a->time_path != b->time_path || a->keeps != b->keeps ||
        !same_expr(a->value, a->value_slot, b->value, b->value_slot) ||
        !same_expr(a->test, a->test_slot, b->test, b->test_slot))
        return false;
    return !k->enough || id >= k->b->first.series || needs_cover(a, b);
}

static uint64_t
series_key_hash(const struct series *like)
{
    uint64_t hash = hash_u64(hash_u64(like->predicate, like->time_path), like->keeps);

    if (like->value != NULL)
        hash = hash_u64(hash, rule_hash(like->value));
    return like->test != NULL ? hash_u64(hash, rule_hash(like->test) + 1) : hash;
}

/* Any series of this content: what its leaves are compared by. */
static uint32_t
series_root(struct build *b, const struct series *like)
{
    struct series_key key = {b, like, false};
    uint32_t id = cons_find(&b->numbering->series, series_key_hash(like), same_series, &key);

    return id == NO_ID ? NO_ID : b->g->series.p[id].root;
}

/* One that keeps enough, or a new one. */
static uint32_t
build_series(struct build *b, const struct series *like, uint32_t root)
{
    struct series_key key = {b, like, true};
    uint64_t hash = series_key_hash(like);
    uint32_t id = cons_find(&b->numbering->series, hash, same_series, &key);
    struct series s = *like;

    if (id == NO_ID) {
        id = (uint32_t)b->g->series.n;
        s.root = root == NO_ID ? id : root;
        s.keep_pairs = s.keep_total = s.forever = false;
        s.newest = 0;
        s.picks = 0;
        memset(&s.horizons, 0, sizeof s.horizons);
        if (!VEC_PUSH(b->flat, &b->g->series, s)) {
            b->nomem = true;
            return NO_ID;
        }
        cons_add(b, &b->numbering->series, hash, id);
    }
    if (id >= b->first.series && !needs_widen(&b->g->series.p[id], like, b->a))
        b->nomem = true;
    return id;
}

/* ---- nodes ---- */

struct node_key {
    const struct build *b;
    enum node_kind kind;
    const uint32_t *children;
    size_t n;
    const struct rule_node *expr;
    const struct window_leaf *window;
    const uint32_t *series_roots; /* by part */
};

static bool
same_roots(const struct rule_graph *g, const struct window_leaf *w, const uint32_t *roots)
{
    for (size_t i = 0; i < w->part_count; i++) {
        if (g->series.p[w->parts[i].series].root != roots[i])
            return false;
    }
    return true;
}

static bool
same_node(const void *ctx, uint32_t id)
{
    const struct node_key *k = ctx;
    const struct rule_graph *g = k->b->g;
    const struct graph_node *n;

    if (!build_has_node(k->b, id))
        return false;
    n = &g->nodes.p[id];
    if (n->kind != k->kind)
        return false;
    if (n->kind == NODE_WINDOW) {
        const struct window_leaf *w = &g->windows.p[n->index];
        return window_same(w, k->window) && same_roots(g, w, k->series_roots);
    }
    if (n->kind == NODE_LEAF && !rule_equal(g->leaves.p[n->index].expr, k->expr))
        return false;
    return n->child_count == k->n && (k->n == 0 || memcmp(n->children, k->children, k->n * sizeof *k->children) == 0);
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
    if (!VEC_PUSH(b->flat, &b->g->nodes, node)) {
        b->nomem = true;
        return NO_ID;
    }
    cons_add(b, &b->numbering->nodes, hash, id);
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
    struct node_key key = {.b = b, .kind = kind, .children = children};
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
    id = cons_find(&b->numbering->nodes, hash, same_node, &key);
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
    copy = ARENA_ARRAY(&b->scratch, uint32_t, n + 1);
    if (copy == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    memcpy(copy, children, n * sizeof *children);
    return build_junction(b, kind, copy, n);
}

static uint64_t
roots_hash(const struct window_leaf *w, const uint32_t *roots)
{
    uint64_t hash = window_hash(w);

    for (size_t i = 0; i < w->part_count; i++)
        hash = hash_u64(hash, roots[i]);
    return hash;
}

/* Chooses the series of a part: one that keeps enough. */
static bool
choose_series(struct build *b, const struct series *like, struct window_leaf *w, size_t i)
{
    struct horizon horizon = part_horizon(w, i);
    struct series needs = *like;

    series_needs(&needs, w, i);
    if (horizon.n > 0 && !VEC_PUSH(&b->scratch, &needs.horizons, horizon))
        b->nomem = true;
    if (!b->nomem)
        w->parts[i].series = build_series(b, &needs, series_root(b, like));
    return !b->nomem;
}

/* roots: those that are known already; all are, afterwards. */
static uint32_t
add_window(struct build *b, const struct series *likes, const struct window_leaf *w, uint32_t *roots)
{
    struct graph_node node = {.kind = NODE_WINDOW, .index = (uint32_t)b->g->windows.n};
    struct window_leaf copy;

    node.lookback_ms = window_lookback_ms(b->g, likes, w);
    if (!window_copy(b, w, &copy)) {
        b->nomem = true;
        return NO_ID;
    }
    for (size_t i = 0; i < w->part_count; i++) {
        if (!choose_series(b, &likes[i], &copy, i))
            return NO_ID;
        roots[i] = b->g->series.p[copy.parts[i].series].root;
    }
    if (!VEC_PUSH(b->flat, &b->g->windows, copy)) {
        b->nomem = true;
        return NO_ID;
    }
    return add_node(b, node, NULL, 0, roots_hash(w, roots));
}

uint32_t
build_window(struct build *b, const struct series *likes, const struct window_leaf *w)
{
    uint32_t roots[LIMIT_WINDOW_PARTS], id;
    struct node_key key = {.b = b, .kind = NODE_WINDOW, .window = w, .series_roots = roots};
    bool known = true;

    for (size_t i = 0; i < w->part_count; i++) {
        roots[i] = series_root(b, &likes[i]);
        known = known && roots[i] != NO_ID;
    }
    id = known ? cons_find(&b->numbering->nodes, roots_hash(w, roots), same_node, &key) : NO_ID;
    return id != NO_ID ? id : add_window(b, likes, w, roots);
}

/* ---- contents that may turn out to be known ---- */

static size_t
things(const struct build *b)
{
    return b->g->nodes.n + b->g->series.n + b->g->predicates.n + b->g->paths.n;
}

struct build_try
build_try_begin(const struct build *b)
{
    return (struct build_try){arena_mark(b->a), things(b)};
}

void
build_try_end(struct build *b, struct build_try t)
{
    if (!b->nomem && things(b) == t.things)
        arena_release(b->a, t.mark);
}

const struct graph_audience *
build_audience(const struct build *b, struct str id)
{
    return rule_graph_audience_of(b->g, id);
}

/* What was found out about a new leaf, in scratch so far, stays. */
static bool
keep_leaf(struct build *b, struct leaf *l, struct graph_node *node)
{
    struct clock_term *terms = ARENA_ARRAY(b->a, struct clock_term, l->terms.n);
    struct leaf_dep *deps = ARENA_ARRAY(b->a, struct leaf_dep, l->deps.n);

    if (terms == NULL || deps == NULL)
        return false;
    if (l->terms.n > 0)
        memcpy(terms, l->terms.p, l->terms.n * sizeof *terms);
    if (l->deps.n > 0)
        memcpy(deps, l->deps.p, l->deps.n * sizeof *deps);
    l->terms.p = terms;
    l->deps.p = deps;
    l->terms.cap = l->terms.n;
    l->deps.cap = l->deps.n;
    if (l->reads & READS_EVENTS) {
        l->why = b->why != NULL ? b->why : "it reads events in a way that keeps no state";
        build_leaf_guard(b, l->expr, &l->wakes, &node->lookback_ms);
        node->scans = true;
    }
    if ((l->reads & READS_LOOK) != 0)
        l->look = b->g->look_count++;
    return !b->nomem && build_keep_alternatives(b, &l->wakes) && VEC_PUSH(b->flat, &b->g->leaves, *l);
}

uint32_t
build_leaf(struct build *b, const struct rule_node *n)
{
    struct graph_node node = {.kind = NODE_LEAF, .index = (uint32_t)b->g->leaves.n};
    struct node_key key = {.b = b, .kind = NODE_LEAF, .expr = n};
    uint64_t hash = hash_u64(NODE_LEAF, rule_hash(n));
    struct leaf l = {0};
    uint32_t id, *children;

    build_leaf_reads(b, n, &l);
    children = ARENA_ARRAY(&b->scratch, uint32_t, l.deps.n);
    if (b->nomem || children == NULL) {
        b->nomem = true;
        return NO_ID;
    }
    for (size_t i = 0; i < l.deps.n; i++) {
        children[i] = l.deps.p[i].node;
        hash = hash_u64(hash, children[i]);
    }
    key.children = children;
    key.n = l.deps.n;
    id = cons_find(&b->numbering->nodes, hash, same_node, &key);
    if (id != NO_ID)
        return id;
    l.node = (uint32_t)b->g->nodes.n;
    l.field = compared_field(b, n, RULE_PROFILE, 0);
    if (l.field != NO_ID) {
        l.cmp = n->cmp;
        l.literal = n->args[1]->value;
    }
    if (!keep_leaf(b, &l, &node)) {
        b->nomem = true;
        return NO_ID;
    }
    return add_node(b, node, children, l.deps.n, hash);
}
