/* rule_graph_manifest.c - what numbers mean, told apart from the graph that gave them.
 *
 * Every node, series and binding has a hash of its content: of all that decides its truth (or what it keeps), and of
 * nothing that depends on numbers or on this run of the program. The hashes in order of the numbers are the graph's
 * manifest. A graph whose numbers are others' (after a restart, or when it was made anew because too much was dead)
 * learns the manifest of the graph that wrote the states: what has the same content there and here is the same thing.
 *
 *   fingerprint   of a graph: of all hashes in order, and of the audiences that went. A state carries it
 *   mark          how far a graph had counted; a state of an earlier mark knows what is numbered below
 *
 * A 64-bit hash stands for the content, as it does in no other place here: with 200,000 nodes on either side, two
 * contents share one with a probability of 10^-9. */
#include <stdlib.h>

#include "base/limits.h"
#include "codec/pack.h"
#include "rule/rule_graph_int.h"

#define NUMBERING_SEED 2 /* raised when numbers, or what series keep, come to mean something else */
#define MANIFEST_FORMAT 1
#define DEAD 1 /* words up to this stand for what is dead */

/* ---- contents ---- */

static uint64_t
hash_words(const uint64_t *words, size_t n)
{
    return hash_bytes((struct str){(const char *)words, n * sizeof *words}, 0);
}

static uint64_t
path_hash(const struct graph_path *p)
{
    uint64_t h = p->n;

    for (size_t i = 0; i < p->n; i++)
        h = hash_bytes(p->parts[i], h);
    return h;
}

static uint64_t
expr_content(const struct rule_node *n, uint16_t slot)
{
    uint64_t words[] = {n != NULL ? rule_hash(n) : 0, (uint64_t)slot << 1 | (n != NULL)};

    return hash_words(words, 2);
}

static uint64_t
series_content(const struct rule_graph *g, const struct series *s)
{
    uint64_t words[] = {g->predicates.p[s->predicate].content, path_hash(&g->paths.p[s->time_path]), s->keeps,
                        expr_content(s->value, s->value_slot), expr_content(s->test, s->test_slot),  needs_hash(s)};
    uint64_t h = hash_words(words, sizeof words / sizeof *words);

    return h > DEAD ? h : DEAD + 1;
}

static uint64_t
window_content(const struct rule_graph *g, const struct window_leaf *w)
{
    uint64_t h = window_hash(w);

    for (size_t i = 0; i < w->part_count; i++)
        h = hash_u64(h, g->series.p[w->parts[i].series].content);
    return h;
}

/* Order does not count: children are in order of numbers. */
static uint64_t
children_content(const struct rule_graph *g, const struct graph_node *n)
{
    uint64_t sum = n->child_count;

    for (size_t i = 0; i < n->child_count; i++) {
        uint64_t words[] = {1, g->nodes.p[n->children[i]].content};
        sum += hash_words(words, 2);
    }
    return sum;
}

static uint64_t
leaf_content(const struct rule_graph *g, const struct leaf *l)
{
    uint64_t sum = l->deps.n;

    for (size_t i = 0; i < l->deps.n; i++) {
        uint64_t words[] = {hash_bytes(l->deps.p[i].id, 0), g->nodes.p[l->deps.p[i].node].content};
        sum += hash_words(words, 2);
    }
    return hash_u64(rule_hash(l->expr), sum);
}

/* The last bit tells that the node is a leaf with a look. More than DEAD. */
static uint64_t
node_content(const struct rule_graph *g, const struct graph_node *n)
{
    uint64_t words[] = {n->kind, 0}, h;
    bool looks = false;

    if (n->kind == NODE_WINDOW) {
        words[1] = window_content(g, &g->windows.p[n->index]);
    } else if (n->kind == NODE_LEAF) {
        words[1] = leaf_content(g, &g->leaves.p[n->index]);
        looks = g->leaves.p[n->index].look != NO_ID;
    } else {
        words[1] = children_content(g, n);
    }
    h = hash_words(words, 2);
    return (h > DEAD ? h & ~(uint64_t)1 : 2) | looks;
}

static uint64_t
binding_content(const struct rule_graph *g, const struct graph_audience *one)
{
    uint64_t words[] = {hash_bytes(one->id, 0), g->nodes.p[one->root].content};
    uint64_t h = hash_words(words, 2);

    return h > DEAD ? h : DEAD + 1;
}

/* ---- the mark ---- */

/* An audience that means what it meant keeps its binding. */
static bool
number_bindings(struct build *b)
{
    struct rule_graph *g = b->g;

    for (size_t i = 0; i < g->audience_count; i++) {
        struct graph_audience *one = &g->audiences[i];
        if (one->binding != NO_ID)
            continue;
        one->binding = (uint32_t)g->bindings.n;
        if (!VEC_PUSH(b->flat, &g->bindings, binding_content(g, one)))
            return false;
    }
    g->binding_audience = arena_alloc(b->flat, g->bindings.n * sizeof *g->binding_audience);
    if (g->binding_audience == NULL)
        return false;
    memset(g->binding_audience, 0xff, g->bindings.n * sizeof *g->binding_audience); /* NO_ID */
    for (uint32_t i = 0; i < g->audience_count; i++)
        g->binding_audience[g->audiences[i].binding] = i;
    return true;
}

static uint64_t
fingerprint_of(const struct build *b)
{
    const struct rule_graph *g = b->g, *before = b->before;
    uint64_t h = before != NULL ? before->marks.p[before->marks.n - 1].fingerprint : NUMBERING_SEED;

    for (size_t i = b->first.nodes; i < g->nodes.n; i++)
        h = hash_u64(h, g->nodes.p[i].content);
    for (size_t i = b->first.series; i < g->series.n; i++)
        h = hash_u64(h, g->series.p[i].content);
    for (size_t i = b->first.bindings; i < g->bindings.n; i++)
        h = hash_u64(h, g->bindings.p[i]);
    for (size_t i = 0; before != NULL && i < b->first.bindings; i++) {
        if (before->binding_audience[i] != NO_ID && g->binding_audience[i] == NO_ID)
            h = hash_u64(h, ~g->bindings.p[i]);
    }
    return h;
}

bool
rule_graph_mark_new(struct build *b)
{
    struct rule_graph *g = b->g;
    struct graph_mark mark;
    size_t marks = g->marks.n;

    for (size_t i = b->first.series; i < g->series.n; i++)
        g->series.p[i].content = series_content(g, &g->series.p[i]);
    for (size_t i = b->first.nodes; i < g->nodes.n; i++)
        g->nodes.p[i].content = node_content(g, &g->nodes.p[i]);
    if (!number_bindings(b))
        return false;
    mark = (struct graph_mark){fingerprint_of(b), (uint32_t)g->nodes.n, g->look_count, (uint32_t)g->series.n,
                               (uint32_t)g->bindings.n};
    if (marks > 0 && g->marks.p[marks - 1].fingerprint == mark.fingerprint)
        return true; /* nothing that states know of has changed */
    if (marks == LIMIT_GRAPH_MARKS) {
        memmove(g->marks.p, g->marks.p + 1, (marks - 1) * sizeof *g->marks.p);
        g->marks.n--;
    }
    return VEC_PUSH(b->flat, &g->marks, mark);
}

static const struct graph_mark *
mark_among(const struct graph_mark *marks, size_t n, uint64_t fingerprint)
{
    for (size_t i = n; i-- > 0;) {
        if (marks[i].fingerprint == fingerprint)
            return &marks[i];
    }
    return NULL;
}

const struct graph_mark *
rule_graph_mark_of(const struct rule_graph *g, uint64_t fingerprint)
{
    return mark_among(g->marks.p, g->marks.n, fingerprint);
}

const struct translation *
rule_graph_translation_of(const struct rule_graph *g, uint64_t fingerprint, const struct graph_mark **mark)
{
    const struct numbering *all = g->numbering;
    size_t n = atomic_load_explicit(&all->earlier_count, memory_order_acquire);

    for (size_t i = n; i-- > 0;) {
        *mark = mark_among(all->earlier[i]->marks, all->earlier[i]->mark_count, fingerprint);
        if (*mark != NULL)
            return all->earlier[i];
    }
    return NULL;
}

/* ---- a manifest ---- */

struct manifest {
    struct arena arena;
    struct graph_mark *marks;
    uint64_t *nodes, *series, *bindings; /* DEAD or less: dead */
    size_t mark_count, node_count, series_count, binding_count;
};

static bool
word_arrays(struct manifest *m)
{
    m->nodes = ARENA_ARRAY(&m->arena, uint64_t, m->node_count);
    m->series = ARENA_ARRAY(&m->arena, uint64_t, m->series_count);
    m->bindings = ARENA_ARRAY(&m->arena, uint64_t, m->binding_count);
    return m->nodes != NULL && m->series != NULL && m->bindings != NULL;
}

static uint64_t
live_node(const struct rule_graph *g, size_t i)
{
    return bit_get(g->live, i) ? g->nodes.p[i].content : g->nodes.p[i].content & 1;
}

static uint64_t
live_series(const struct rule_graph *g, size_t i)
{
    return g->series.p[i].leaf_count > 0 ? g->series.p[i].content : 0;
}

static uint64_t
live_binding(const struct rule_graph *g, size_t i)
{
    return g->binding_audience[i] != NO_ID ? g->bindings.p[i] : 0;
}

static bool
manifest_of(const struct rule_graph *g, struct manifest *m)
{
    m->mark_count = g->marks.n;
    m->node_count = g->nodes.n;
    m->series_count = g->series.n;
    m->binding_count = g->bindings.n;
    m->marks = ARENA_ARRAY(&m->arena, struct graph_mark, m->mark_count);
    if (m->marks == NULL || !word_arrays(m))
        return false;
    memcpy(m->marks, g->marks.p, g->marks.n * sizeof *m->marks);
    for (size_t i = 0; i < g->nodes.n; i++)
        m->nodes[i] = live_node(g, i);
    for (size_t i = 0; i < g->series.n; i++)
        m->series[i] = live_series(g, i);
    for (size_t i = 0; i < g->bindings.n; i++)
        m->bindings[i] = live_binding(g, i);
    return true;
}

/* ---- rows ---- */

static size_t
rows_for(size_t words)
{
    return (words + RULE_MANIFEST_ROW_WORDS - 1) / RULE_MANIFEST_ROW_WORDS;
}

static void
put_words(const struct rule_graph *g, uint64_t (*word)(const struct rule_graph *g, size_t i), size_t n, size_t row,
          struct buf *out)
{
    size_t end = (row + 1) * RULE_MANIFEST_ROW_WORDS;

    for (size_t i = row * RULE_MANIFEST_ROW_WORDS; i < n && i < end; i++)
        pack_fixed64(out, word(g, i));
}

static void
put_head(const struct rule_graph *g, struct buf *out)
{
    pack_u64(out, MANIFEST_FORMAT);
    pack_u64(out, g->nodes.n);
    pack_u64(out, g->series.n);
    pack_u64(out, g->bindings.n);
    pack_u64(out, g->marks.n);
    for (size_t i = 0; i < g->marks.n; i++) {
        const struct graph_mark *m = &g->marks.p[i];
        pack_fixed64(out, m->fingerprint);
        pack_u64(out, m->nodes);
        pack_u64(out, m->looks);
        pack_u64(out, m->series);
        pack_u64(out, m->bindings);
    }
}

size_t
rule_graph_manifest_rows(const struct rule_graph *g)
{
    return 1 + rows_for(g->nodes.n) + rows_for(g->series.n) + rows_for(g->bindings.n);
}

void
rule_graph_manifest_row(const struct rule_graph *g, size_t row, struct buf *out)
{
    size_t nodes = rows_for(g->nodes.n), series = rows_for(g->series.n);

    if (row == 0)
        put_head(g, out);
    else if (row <= nodes)
        put_words(g, live_node, g->nodes.n, row - 1, out);
    else if (row <= nodes + series)
        put_words(g, live_series, g->series.n, row - 1 - nodes, out);
    else
        put_words(g, live_binding, g->bindings.n, row - 1 - nodes - series, out);
}

static bool
read_head(struct manifest *m, struct str row)
{
    struct unpack u = unpack_from(row);

    if (unpack_u64(&u) != MANIFEST_FORMAT)
        return false;
    m->node_count = unpack_u64(&u);
    m->series_count = unpack_u64(&u);
    m->binding_count = unpack_u64(&u);
    m->mark_count = unpack_u64(&u);
    if (u.bad || m->node_count >= NO_ID || m->series_count >= NO_ID || m->binding_count >= NO_ID ||
        m->mark_count == 0 || m->mark_count > LIMIT_GRAPH_MARKS)
        return false;
    m->marks = ARENA_ARRAY(&m->arena, struct graph_mark, m->mark_count);
    if (m->marks == NULL)
        return false;
    for (size_t i = 0; i < m->mark_count; i++) {
        struct graph_mark *k = &m->marks[i];
        uint64_t counts[4];
        k->fingerprint = unpack_fixed64(&u);
        for (size_t c = 0; c < 4; c++)
            counts[c] = unpack_u64(&u);
        if (counts[0] > m->node_count || counts[1] > counts[0] || counts[2] > m->series_count ||
            counts[3] > m->binding_count)
            return false;
        k->nodes = (uint32_t)counts[0];
        k->looks = (uint32_t)counts[1];
        k->series = (uint32_t)counts[2];
        k->bindings = (uint32_t)counts[3];
    }
    return !u.bad && unpack_left(&u) == 0;
}

size_t
rule_manifest_row_count(struct str head)
{
    struct unpack u = unpack_from(head);
    uint64_t format = unpack_u64(&u), nodes = unpack_u64(&u), series = unpack_u64(&u), bindings = unpack_u64(&u);

    if (u.bad || format != MANIFEST_FORMAT || nodes >= NO_ID || series >= NO_ID || bindings >= NO_ID)
        return 0;
    return 1 + rows_for(nodes) + rows_for(series) + rows_for(bindings);
}

static uint64_t
newest_mark(struct str head)
{
    struct manifest m = {0};
    uint64_t fingerprint = 0;

    arena_init(&m.arena, LIMIT_RULE_GRAPH_BYTES);
    if (read_head(&m, head))
        fingerprint = m.marks[m.mark_count - 1].fingerprint;
    arena_deinit(&m.arena);
    return fingerprint;
}

bool
rule_manifest_is_of(const struct rule_graph *g, struct str head)
{
    return rule_graph_mark_of(g, newest_mark(head)) != NULL;
}

bool
rule_manifest_is_newest_of(const struct rule_graph *g, struct str head)
{
    return g->marks.p[g->marks.n - 1].fingerprint == newest_mark(head);
}

/* The words of one kind, from its rows. */
static bool
read_words(uint64_t *words, size_t n, const struct str *rows)
{
    for (size_t i = 0; i < n; rows++) {
        struct unpack u = unpack_from(*rows);
        size_t end = i + RULE_MANIFEST_ROW_WORDS < n ? i + RULE_MANIFEST_ROW_WORDS : n;
        for (; i < end; i++)
            words[i] = unpack_fixed64(&u);
        if (u.bad || unpack_left(&u) != 0)
            return false;
    }
    return true;
}

static bool
manifest_read(struct manifest *m, const struct str *rows)
{
    size_t nodes, series;

    if (!word_arrays(m))
        return false;
    nodes = rows_for(m->node_count);
    series = rows_for(m->series_count);
    return read_words(m->nodes, m->node_count, rows + 1) && read_words(m->series, m->series_count, rows + 1 + nodes) &&
           read_words(m->bindings, m->binding_count, rows + 1 + nodes + series);
}

/* ---- translation ---- */

struct finder { /* our numbers by content */
    struct cons table;
    const struct rule_graph *g;
    uint64_t (*word)(const struct rule_graph *g, size_t i);
    uint64_t sought;
};

static bool
same_content(const void *ctx, uint32_t id)
{
    const struct finder *f = ctx;

    return f->word(f->g, id) == f->sought;
}

static bool
finder_fill(struct finder *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t word = f->word(f->g, i);
        if (word > DEAD && !rule_cons_add(&f->table, word, (uint32_t)i))
            return false;
    }
    return true;
}

static uint32_t
finder_find(struct finder *f, uint64_t word)
{
    f->sought = word;
    return word <= DEAD ? NO_ID : cons_find(&f->table, word, same_content, f);
}

/* to[i]: our number of what was number i. */
static bool
translate(const struct rule_graph *g, uint64_t (*word)(const struct rule_graph *g, size_t i), size_t n,
          const uint64_t *theirs, size_t their_count, uint32_t *to)
{
    struct finder f = {.g = g, .word = word};
    bool filled = finder_fill(&f, n);

    for (size_t i = 0; i < their_count && filled; i++)
        to[i] = finder_find(&f, theirs[i]);
    free(f.table.slots);
    return filled;
}

/* Looks are numbered in the order of the nodes that have one; what is dead still tells whether it had. */
static void
translate_looks(const struct rule_graph *g, const struct manifest *m, struct translation *t)
{
    size_t look = 0;

    memset(t->looks, 0xff, m->node_count * sizeof *t->looks); /* NO_ID */
    for (size_t i = 0; i < m->node_count; i++) {
        if ((m->nodes[i] & 1) == 0)
            continue;
        t->looks[look++] = t->nodes[i] != NO_ID ? g->leaves.p[g->nodes.p[t->nodes[i]].index].look : NO_ID;
    }
}

void
translation_free(struct translation *t)
{
    if (t == NULL)
        return;
    arena_deinit(&t->arena);
    free(t);
}

/* For every binding of ours, the earlier one that says the same. */
static bool
translate_bindings(const struct rule_graph *g, const struct manifest *m, struct translation *t)
{
    uint32_t *to = ARENA_ARRAY(&t->arena, uint32_t, m->binding_count);

    if (to == NULL || !translate(g, live_binding, g->bindings.n, m->bindings, m->binding_count, to))
        return false;
    memset(t->bindings, 0xff, g->bindings.n * sizeof *t->bindings); /* NO_ID */
    for (uint32_t i = 0; i < m->binding_count; i++) {
        if (to[i] != NO_ID)
            t->bindings[to[i]] = i;
    }
    return true;
}

static struct translation *
translation_new(const struct rule_graph *g, const struct manifest *m)
{
    struct translation *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    arena_init(&t->arena, LIMIT_RULE_GRAPH_BYTES);
    t->mark_count = m->mark_count;
    t->binding_count = (uint32_t)g->bindings.n;
    t->marks = ARENA_ARRAY(&t->arena, struct graph_mark, m->mark_count);
    t->nodes = ARENA_ARRAY(&t->arena, uint32_t, m->node_count);
    t->looks = ARENA_ARRAY(&t->arena, uint32_t, m->node_count);
    t->series = ARENA_ARRAY(&t->arena, uint32_t, m->series_count);
    t->bindings = ARENA_ARRAY(&t->arena, uint32_t, g->bindings.n);
    if (t->marks == NULL || t->nodes == NULL || t->looks == NULL || t->series == NULL || t->bindings == NULL ||
        !translate(g, live_node, g->nodes.n, m->nodes, m->node_count, t->nodes) ||
        !translate(g, live_series, g->series.n, m->series, m->series_count, t->series) ||
        !translate_bindings(g, m, t)) {
        translation_free(t);
        return NULL;
    }
    memcpy(t->marks, m->marks, m->mark_count * sizeof *m->marks);
    translate_looks(g, m, t);
    return t;
}

/* Every mark is one that g's states may carry anyway, or that was learned before. The newest alone does not say so:
 * what an empty graph grew to has the mark of the same made from nothing, and the empty one's mark besides. */
static bool
known(const struct rule_graph *g, const struct manifest *m)
{
    const struct graph_mark *mark;

    for (size_t i = m->mark_count; i-- > 0;) {
        uint64_t fingerprint = m->marks[i].fingerprint;
        if (rule_graph_mark_of(g, fingerprint) == NULL && rule_graph_translation_of(g, fingerprint, &mark) == NULL)
            return false;
    }
    return true;
}

static enum err
unreadable(struct diag *d)
{
    return diag_set(d, ERR_CORRUPT, "the manifest of a predicate graph does not read");
}

static enum err
nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for what an earlier predicate graph meant");
}

/* rows: where m's words are still to be read from; NULL: they are there. */
static enum err
learn(const struct rule_graph *g, struct manifest *m, const struct str *rows, struct diag *d)
{
    struct numbering *all = g->numbering;
    struct translation *t;
    enum err rc;
    size_t n;

    os_lock(&all->lock);
    n = atomic_load_explicit(&all->earlier_count, memory_order_relaxed);
    if (known(g, m)) {
        rc = ERR_OK;
    } else if (n == LIMIT_GRAPH_MANIFESTS) {
        rc = diag_set(d, ERR_LIMIT, "a predicate graph knows at most %d earlier ones", LIMIT_GRAPH_MANIFESTS);
    } else if (rows != NULL && !manifest_read(m, rows)) {
        rc = unreadable(d);
    } else {
        t = translation_new(g, m);
        if (t != NULL) {
            all->earlier[n] = t;
            atomic_store_explicit(&all->earlier_count, n + 1, memory_order_release);
        }
        rc = t != NULL ? ERR_OK : nomem(d);
    }
    os_unlock(&all->lock);
    return rc;
}

enum err
rule_graph_learn(const struct rule_graph *g, const struct str *rows, size_t n, struct diag *d)
{
    struct manifest m = {0};
    enum err rc;

    arena_init(&m.arena, LIMIT_RULE_GRAPH_BYTES);
    if (n > 0 && rule_manifest_row_count(rows[0]) == n && read_head(&m, rows[0]))
        rc = learn(g, &m, rows, d);
    else
        rc = unreadable(d);
    arena_deinit(&m.arena);
    return rc;
}

enum err
rule_graph_learn_from(const struct rule_graph *g, const struct rule_graph *earlier, struct diag *d)
{
    struct manifest m = {0};
    enum err rc;

    arena_init(&m.arena, LIMIT_RULE_GRAPH_BYTES);
    rc = manifest_of(earlier, &m) ? learn(g, &m, NULL, d) : nomem(d);
    arena_deinit(&m.arena);
    return rc;
}
