/* rule_graph_growth_test.c - what a change of audiences compiles, keeps and gives up, counted. That the answers are
 * right is the business of tests/unit/pql/rule_graph_grow_test.c. */
#include "base/limits.h"
#include "rule/rule_graph_int.h"
#include "t.h"

struct world {
    struct t *t;
    struct rule_audience *audiences;
    size_t n;
    struct rule_graph *g;
};

static struct rule_node *
node(struct t *t, enum rule_op op, struct rule_node *a, struct rule_node *b)
{
    struct rule_node *n = ARENA_NEW(t->arena, struct rule_node);
    struct rule_node **args = ARENA_ARRAY(t->arena, struct rule_node *, 2);

    args[0] = a;
    args[1] = b;
    n->op = op;
    n->args = args;
    n->arg_count = (size_t)(a != NULL) + (b != NULL);
    return n;
}

static struct rule_node *
text(struct t *t, const char *s)
{
    struct rule_node *n = node(t, RULE_LITERAL, NULL, NULL);

    n->value = (struct value){.kind = VALUE_STRING, .s = str_of(s)};
    return n;
}

/* field = value, of the profile. */
static struct rule_node *
field_is(struct t *t, const char *field, const char *value)
{
    struct rule_node *f = node(t, RULE_FIELD, node(t, RULE_PROFILE, NULL, NULL), NULL);

    f->name = str_of(field);
    return node(t, RULE_COMPARE, f, text(t, value));
}

/* xEvent[eventType = type].count() >= least */
static struct rule_node *
count_is(struct t *t, const char *type, int64_t least)
{
    struct rule_node *field = node(t, RULE_FIELD, node(t, RULE_SLOT, NULL, NULL), NULL), *lambda, *list, *count, *n;
    struct rule_node *amount = node(t, RULE_LITERAL, NULL, NULL);

    field->name = S("eventType");
    lambda = node(t, RULE_LAMBDA, node(t, RULE_COMPARE, field, text(t, type)), NULL);
    lambda->param_count = 1;
    list = node(t, RULE_CALL, node(t, RULE_EVENTS, NULL, NULL), lambda);
    list->fn = FN_FILTER;
    count = node(t, RULE_CALL, list, NULL);
    count->fn = FN_COUNT;
    amount->value = (struct value){.kind = VALUE_INT, .i = least};
    n = node(t, RULE_COMPARE, count, amount);
    n->cmp = CMP_GE;
    return n;
}

static struct rule_node *
in_segment(struct t *t, const char *id)
{
    struct rule_node *n = node(t, RULE_CALL, text(t, id), NULL);

    n->fn = FN_IN_SEGMENT;
    return n;
}

static const struct rule *
rule_of(struct rule_node *root)
{
    struct arena *a = malloc(sizeof *a);

    arena_init(a, 1 << 20);
    a->block_min = 256;
    return rule_new(a, root, 2);
}

static void
set(struct world *w, size_t i, const char *id, struct rule_node *root)
{
    w->audiences[i] = (struct rule_audience){str_of(id), rule_of(root)};
}

static void
drop(const struct rule *r)
{
    rule_free((struct rule *)(uintptr_t)r);
}

/* The rules of the graph before are given up once it is there. */
static void
grow(struct world *w)
{
    struct t *t = w->t;
    struct rule_graph *next = NULL;

    CHECK_OK(rule_graph_extend(w->g, w->audiences, w->n, 1, &next, d));
    rule_graph_free(w->g);
    w->g = next;
}

static void
edit(struct world *w, size_t i, struct rule_node *root)
{
    const struct rule *old = w->audiences[i].rule;

    w->audiences[i].rule = rule_of(root);
    grow(w);
    drop(old);
}

static void
done(struct world *w)
{
    rule_graph_free(w->g);
    for (size_t i = 0; i < w->n; i++)
        drop(w->audiences[i].rule);
}

#define MANY 100000

TEST(rule_graph_one_among_many_compiles_itself_only)
{
    struct world w = {.t = t, .n = MANY - 1};
    const struct rule *old;
    size_t nodes;

    w.audiences = ARENA_ARRAY(t->arena, struct rule_audience, MANY);
    for (size_t i = 0; i < MANY - 1; i++) {
        struct str id = arena_printf(t->arena, "a%zu", i), value = arena_printf(t->arena, "v%zu", i);
        set(&w, i, id.p, i % 2 ? field_is(t, "tier", value.p) : count_is(t, value.p, 2));
    }
    grow(&w);
    CHECK_EQ(rule_graph_compiled_count(w.g), MANY - 1);
    CHECK_EQ(rule_graph_node_count(w.g), MANY - 1);
    nodes = w.g->numbering->nodes.n;
    w.n++;
    set(&w, MANY - 1, "more", node(t, RULE_AND, field_is(t, "tier", "v1"), in_segment(t, "a0")));
    grow(&w);
    CHECK_EQ(rule_graph_compiled_count(w.g), 1);
    CHECK_EQ(w.g->numbering->nodes.n, nodes + 1); /* the conjunction */
    CHECK_EQ(w.g->series.n, MANY / 2);
    edit(&w, 3, field_is(t, "tier", "other"));
    CHECK_EQ(rule_graph_compiled_count(w.g), 1);
    CHECK_EQ(rule_graph_node_count(w.g), MANY);
    CHECK_EQ(w.g->nodes.n, MANY + 1); /* the old one is dead */
    edit(&w, 0, count_is(t, "v0", 3));
    CHECK_EQ(rule_graph_compiled_count(w.g), 2); /* "more" refers to it */
    edit(&w, 5, field_is(t, "tier", "v5"));
    CHECK_EQ(rule_graph_compiled_count(w.g), 0); /* the same expression, saved again */
    old = w.audiences[7].rule;
    memmove(&w.audiences[7], &w.audiences[8], (w.n - 8) * sizeof *w.audiences);
    w.n--;
    grow(&w);
    drop(old);
    CHECK_EQ(rule_graph_compiled_count(w.g), 0);
    CHECK_EQ(rule_graph_audience_count(w.g), MANY - 1);
    done(&w);
}

static struct str
saved(struct t *t, const struct rule_graph *g)
{
    struct rule_env env = {.now_ms = 1000};
    struct rule_state *s = NULL;
    struct buf b;

    CHECK_OK(rule_state_build(g, &env, t->arena, &s, d));
    buf_init_in(&b, t->arena, 1 << 20);
    rule_state_save(s, &b);
    return buf_str(&b);
}

/* More dead than alive: made from nothing. A state of the graph before is still read, an older one is not lost in
 * vain. */
TEST(rule_graph_is_made_anew_when_more_is_dead_than_alive)
{
    struct world w = {.t = t, .n = 2};
    struct numbering *first;
    struct rule_state *s = NULL;
    struct str state = S_NULL;
    size_t edits = 0;

    w.audiences = ARENA_ARRAY(t->arena, struct rule_audience, 2);
    set(&w, 0, "stays", field_is(t, "tier", "gold"));
    set(&w, 1, "changes", field_is(t, "tier", "0"));
    grow(&w);
    first = w.g->numbering;
    while (w.g->numbering == first) {
        state = saved(t, w.g);
        edits++;
        edit(&w, 1, field_is(t, "tier", arena_printf(t->arena, "%zu", edits).p));
        CHECK_TRUE(edits < 1000);
    }
    CHECK_EQ(edits, 260); /* 256 to spare, and twice the two that are alive; looked at before the next one is made */
    CHECK_EQ(w.g->nodes.n, 2);
    CHECK_OK(rule_state_load(w.g, state, t->arena, &s, d));
    CHECK_EQ(s->news->nodes.n, 1);
    CHECK_EQ(s->news->audiences.n, 1);
    done(&w);
}

/* LIMIT_GRAPH_MARKS. Going to and fro between two nodes makes marks and nothing else. */
TEST(rule_graph_knows_so_many_graphs_before_it)
{
    struct world w = {.t = t, .n = 3};
    struct rule_state *s = NULL;
    struct str state;

    w.audiences = ARENA_ARRAY(t->arena, struct rule_audience, 3);
    set(&w, 0, "x", field_is(t, "tier", "x"));
    set(&w, 1, "y", field_is(t, "tier", "y"));
    set(&w, 2, "z", field_is(t, "tier", "x"));
    grow(&w);
    state = saved(t, w.g);
    for (int i = 1; i < LIMIT_GRAPH_MARKS; i++)
        edit(&w, 2, field_is(t, "tier", i % 2 ? "y" : "x"));
    CHECK_EQ(w.g->marks.n, LIMIT_GRAPH_MARKS);
    CHECK_EQ(w.g->nodes.n, 2);
    CHECK_OK(rule_state_load(w.g, state, t->arena, &s, d));
    CHECK_TRUE(rule_state_is_behind(s) && s->news->audiences.n == 1);
    edit(&w, 2, field_is(t, "tier", "x"));
    CHECK_EQ(w.g->marks.n, LIMIT_GRAPH_MARKS);
    CHECK_ERR(rule_state_load(w.g, state, t->arena, &s, d), ERR_UNSUPPORTED);
    done(&w);
}

/* ---- manifests ---- */

static struct str *
manifest(struct t *t, const struct rule_graph *g, size_t *n)
{
    struct str *rows;

    *n = rule_graph_manifest_rows(g);
    rows = ARENA_ARRAY(t->arena, struct str, *n);
    for (size_t i = 0; i < *n; i++) {
        struct buf b;
        buf_init_in(&b, t->arena, 1 << 20);
        rule_graph_manifest_row(g, i, &b);
        rows[i] = buf_str(&b);
    }
    return rows;
}

/* LIMIT_GRAPH_MANIFESTS, and one more. */
TEST(rule_graph_learns_so_many_manifests)
{
    struct world w = {.t = t, .n = 1}, other = {.t = t, .n = 1};
    struct rule_state *s = NULL;
    struct str *rows, state = S_NULL;
    size_t n;

    w.audiences = ARENA_ARRAY(t->arena, struct rule_audience, 1);
    other.audiences = ARENA_ARRAY(t->arena, struct rule_audience, 1);
    set(&w, 0, "a", field_is(t, "tier", "gold"));
    grow(&w);
    rows = manifest(t, w.g, &n);
    CHECK_TRUE(rule_manifest_is_of(w.g, rows[0]) && rule_manifest_is_newest_of(w.g, rows[0]));
    CHECK_OK(rule_graph_learn(w.g, rows, n, d)); /* its own */
    for (int i = 0; i <= LIMIT_GRAPH_MANIFESTS; i++) {
        set(&other, 0, "a", field_is(t, "tier", arena_printf(t->arena, "%d", i).p));
        grow(&other);
        rows = manifest(t, other.g, &n);
        state = saved(t, other.g);
        CHECK_TRUE(!rule_manifest_is_of(w.g, rows[0]));
        if (i < LIMIT_GRAPH_MANIFESTS) {
            CHECK_OK(rule_graph_learn(w.g, rows, n, d));
            CHECK_OK(rule_graph_learn(w.g, rows, n, d)); /* known by now */
            CHECK_OK(rule_state_load(w.g, state, t->arena, &s, d));
        }
        rule_graph_free(other.g);
        other.g = NULL;
        drop(other.audiences[0].rule);
    }
    CHECK_ERR(rule_graph_learn(w.g, rows, n, d), ERR_LIMIT);
    CHECK_ERR(rule_state_load(w.g, state, t->arena, &s, d), ERR_UNSUPPORTED);
    done(&w);
}

/* Damaged rows teach nothing, whatever they say. */
TEST(rule_graph_refuses_damaged_manifests)
{
    struct world w = {.t = t, .n = 3}, other = {.t = t, .n = 2};
    struct str *rows, head;
    size_t n;

    w.audiences = ARENA_ARRAY(t->arena, struct rule_audience, 3);
    other.audiences = w.audiences;
    set(&w, 0, "a", field_is(t, "tier", "gold"));
    set(&w, 1, "b", count_is(t, "buy", 2));
    set(&w, 2, "c", field_is(t, "tier", "red"));
    grow(&w);
    grow(&other);
    rows = manifest(t, other.g, &n);
    head = rows[0];
    CHECK_EQ(n, 4);
    CHECK_ERR(rule_graph_learn(w.g, rows, 0, d), ERR_CORRUPT);
    CHECK_ERR(rule_graph_learn(w.g, rows, n - 1, d), ERR_CORRUPT);
    for (size_t i = 0; i < head.n; i++) {
        rows[0] = str_slice(head, 0, i);
        CHECK_ERR(rule_graph_learn(w.g, rows, n, d), ERR_CORRUPT);
    }
    rows[0] = head;
    rows[1] = str_slice(rows[1], 0, rows[1].n - 1);
    CHECK_ERR(rule_graph_learn(w.g, rows, n, d), ERR_CORRUPT);
    for (int i = 0; i < 2000; i++) { /* any result but a crash */
        struct buf b;
        struct diag ignored;
        buf_init_in(&b, t->arena, 1 << 10);
        buf_put(&b, head);
        b.p[rng_below(&t->rng, b.n)] = (char)rng_u64(&t->rng);
        rows[0] = buf_str(&b);
        (void)rule_graph_learn(w.g, rows, n, &ignored);
    }
    rule_graph_free(other.g);
    done(&w);
}
