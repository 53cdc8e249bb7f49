/* rule_graph_live.c - what of the numbered things is in use, and the links that only hold in one graph.
 *
 * One pass from the roots down says which nodes some audience reaches; children have smaller numbers, so it goes
 * through the numbers once. Then parents, audiences of roots, leaves of series and series of predicates are counted and
 * laid out in one array each. Passes over arrays, milliseconds for 100,000 audiences: cheaper to make anew than to
 * keep. */
#include "rule/rule_graph_int.h"

static bool
find_live(struct build *b)
{
    struct rule_graph *g = b->g;

    g->live = ARENA_ARRAY(b->flat, uint64_t, words_for(g->nodes.n) + 1);
    if (g->live == NULL)
        return false;
    for (size_t i = 0; i < g->audience_count; i++)
        bit_set(g->live, g->audiences[i].root, true);
    for (size_t i = g->nodes.n; i-- > 0;) {
        const struct graph_node *n = &g->nodes.p[i];
        if (!bit_get(g->live, i))
            continue;
        g->live_count++;
        for (size_t k = 0; k < n->child_count; k++)
            bit_set(g->live, n->children[k], true);
    }
    return true;
}

/* Parents of each node, in ascending order. */
static bool
link_parents(struct build *b)
{
    struct rule_graph *g = b->g;
    size_t total = 0;
    uint32_t *at;

    for (size_t i = 0; i < g->nodes.n; i++)
        g->nodes.p[i].parent_count = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *n = &g->nodes.p[i];
        for (size_t k = 0; k < n->child_count && bit_get(g->live, i); k++, total++)
            g->nodes.p[n->children[k]].parent_count++;
    }
    at = arena_alloc(b->flat, total * sizeof *at);
    if (at == NULL)
        return false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        g->nodes.p[i].parents = at;
        at += g->nodes.p[i].parent_count;
        g->nodes.p[i].parent_count = 0;
    }
    for (uint32_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *n = &g->nodes.p[i];
        for (size_t k = 0; k < n->child_count && bit_get(g->live, i); k++) {
            struct graph_node *child = &g->nodes.p[n->children[k]];
            child->parents[child->parent_count++] = i;
        }
    }
    return true;
}

static bool
link_audiences(struct build *b)
{
    struct rule_graph *g = b->g;
    uint32_t *at = arena_alloc(b->flat, g->audience_count * sizeof *at);

    if (at == NULL)
        return false;
    for (size_t i = 0; i < g->nodes.n; i++)
        g->nodes.p[i].audience_count = 0;
    for (size_t i = 0; i < g->audience_count; i++)
        g->nodes.p[g->audiences[i].root].audience_count++;
    for (size_t i = 0; i < g->nodes.n; i++) {
        g->nodes.p[i].audiences = at;
        at += g->nodes.p[i].audience_count;
        g->nodes.p[i].audience_count = 0;
    }
    for (uint32_t i = 0; i < g->audience_count; i++) {
        struct graph_node *root = &g->nodes.p[g->audiences[i].root];
        root->audiences[root->audience_count++] = i;
    }
    return true;
}

/* A leaf counts once for a series that several of its parts ask. */
static bool
asks_before(const struct window_leaf *w, size_t part)
{
    for (size_t i = 0; i < part; i++) {
        if (w->parts[i].series == w->parts[part].series)
            return true;
    }
    return false;
}

/* Leaves of each series, in ascending order: counts them, or lists them where at is set. */
static size_t
each_window(struct rule_graph *g, bool list)
{
    size_t total = 0;

    for (uint32_t i = 0; i < g->nodes.n; i++) {
        const struct window_leaf *w = g->nodes.p[i].kind == NODE_WINDOW ? &g->windows.p[g->nodes.p[i].index] : NULL;
        for (size_t k = 0; w != NULL && bit_get(g->live, i) && k < w->part_count; k++) {
            struct series *s = &g->series.p[w->parts[k].series];
            if (asks_before(w, k))
                continue;
            if (list)
                s->leaves[s->leaf_count] = i;
            s->leaf_count++;
            total++;
        }
    }
    return total;
}

static bool
link_series(struct build *b)
{
    struct rule_graph *g = b->g;
    uint32_t *at;

    for (size_t i = 0; i < g->series.n; i++)
        g->series.p[i].leaf_count = 0;
    for (size_t i = 0; i < g->predicates.n; i++)
        g->predicates.p[i].series_count = 0;
    at = arena_alloc(b->flat, (each_window(g, false) + g->series.n) * sizeof *at);
    g->live_series = ARENA_ARRAY(b->flat, uint64_t, words_for(g->series.n) + 1);
    if (at == NULL || g->live_series == NULL)
        return false;
    for (size_t i = 0; i < g->series.n; i++) {
        struct series *s = &g->series.p[i];
        bit_set(g->live_series, i, s->leaf_count > 0);
        s->leaves = at;
        at += s->leaf_count;
        g->predicates.p[s->predicate].series_count += s->leaf_count > 0;
        s->leaf_count = 0;
    }
    (void)each_window(g, true); /* the same number again */
    for (size_t i = 0; i < g->predicates.n; i++) {
        g->predicates.p[i].series = at;
        at += g->predicates.p[i].series_count;
        g->predicates.p[i].series_count = 0;
    }
    for (uint32_t i = 0; i < g->series.n; i++) {
        struct predicate *p = &g->predicates.p[g->series.p[i].predicate];
        if (g->series.p[i].leaf_count > 0)
            p->series[p->series_count++] = i;
    }
    return true;
}

/* Expressions over aggregates that read the record besides. */
static bool
list_record_windows(struct build *b)
{
    struct rule_graph *g = b->g;

    for (uint32_t i = 0; i < g->nodes.n; i++) {
        const struct window_leaf *w = g->nodes.p[i].kind == NODE_WINDOW ? &g->windows.p[g->nodes.p[i].index] : NULL;
        if (w != NULL && bit_get(g->live, i) && w->form == WINDOW_EXPR && (node_reads(w->expr) & READS_RECORD) != 0 &&
            !VEC_PUSH(b->flat, &g->record_leaves, i))
            return false;
    }
    return true;
}

static bool
list_leaves(struct build *b)
{
    struct rule_graph *g = b->g;

    g->live_looks = ARENA_ARRAY(b->flat, uint64_t, words_for(g->look_count) + 1);
    if (g->live_looks == NULL)
        return false;
    for (size_t i = 0; i < g->leaves.n; i++) {
        const struct leaf *l = &g->leaves.p[i];
        if (!bit_get(g->live, l->node))
            continue;
        if ((l->reads & READS_EVENTS) != 0 && !VEC_PUSH(b->flat, &g->event_leaves, l->node))
            return false;
        if ((l->reads & READS_RECORD) != 0 && !VEC_PUSH(b->flat, &g->record_leaves, l->node))
            return false;
        if (l->restless && !VEC_PUSH(b->flat, &g->restless_leaves, l->node))
            return false;
        if (l->look == NO_ID)
            continue;
        bit_set(g->live_looks, l->look, true);
        if (!VEC_PUSH(b->flat, &g->look_leaves, ((struct look_leaf){l->node, l->look})))
            return false;
    }
    return true;
}

/* ---- paths ---- */

static int
by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* What the audiences read. */
static bool
list_paths(struct build *b)
{
    struct rule_graph *g = b->g;

    for (size_t i = 0; i < g->paths.n; i++)
        g->paths.p[i].in_profile = g->paths.p[i].in_event = false;
    for (size_t i = 0; i < g->audience_count; i++) {
        const struct graph_audience *one = &g->audiences[i];
        for (size_t k = 0; k < one->read_count; k++) {
            if (one->reads[k].root == ORIGIN_PROFILE)
                g->paths.p[one->reads[k].path].in_profile = true;
            else
                g->paths.p[one->reads[k].path].in_event = true;
        }
    }
    for (size_t i = 0; i < g->paths.n; i++) {
        const struct graph_path *p = &g->paths.p[i];
        if ((p->in_profile && !VEC_PUSH(b->flat, &g->attribute_paths, p->dotted)) ||
            (p->in_event && !VEC_PUSH(b->flat, &g->event_paths, p->dotted)))
            return false;
    }
    if (g->attribute_paths.n > 1)
        qsort(g->attribute_paths.p, g->attribute_paths.n, sizeof *g->attribute_paths.p, by_text);
    if (g->event_paths.n > 1)
        qsort(g->event_paths.p, g->event_paths.n, sizeof *g->event_paths.p, by_text);
    return true;
}

bool
rule_graph_link(struct build *b)
{
    return find_live(b) && link_parents(b) && link_audiences(b) && link_series(b) && list_leaves(b) &&
           list_record_windows(b) && list_paths(b);
}
