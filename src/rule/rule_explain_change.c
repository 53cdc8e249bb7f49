/* rule_explain_change.c - the least that would have to be otherwise.
 *
 * cost(node, wanted) is the number of leaves to change so that the node is as wanted:
 *
 *   leaf         0 when it is so already, else 1; a literal cannot change
 *   and, true    the sum over the children, true     and, false   the least of them, false
 *   or           the other way round                 not          the child's, for the opposite
 *
 * That is exact when no two leaves are equal. A leaf that stands in several places is given a truth beforehand: as it
 * is, which costs nothing, or the opposite, which costs 1 for all its places together; its other truth is then out of
 * reach. All combinations are tried, so the result is exact again, for up to LIMIT_EXPLAIN_SHARED such leaves. */
#include "rule/rule_explain_int.h"

#include "base/limits.h"

#define NEVER 1000000u /* more than any sum over LIMIT_EXPLAIN_NODES */
_Static_assert(LIMIT_EXPLAIN_NODES < NEVER, "a sum of costs is less than NEVER");

enum held { FREE, HELD_TRUE, HELD_FALSE };

struct change {
    enum held *held;  /* per leaf number */
    uint32_t *places; /* per leaf number: how many */
    bool *truth;      /* per leaf number */
    uint32_t *shared; /* leaf numbers that are tried both ways */
    unsigned n;
};

static bool
is_leaf(const struct explain_node *n)
{
    return n->kind > EXPLAIN_NOT;
}

static unsigned
leaf_cost(const struct change *c, const struct explain_node *n, bool wanted)
{
    if (c->held[n->leaf] != FREE)
        return (c->held[n->leaf] == HELD_TRUE) == wanted ? 0 : NEVER;
    if (n->truth == wanted)
        return 0;
    return n->kind == EXPLAIN_FIXED ? NEVER : 1;
}

static unsigned cost(const struct change *c, const struct explain_node *n, bool wanted);

/* Does every child have to be as wanted? */
static bool
needs_all(const struct explain_node *n, bool wanted)
{
    return (n->kind == EXPLAIN_AND) == wanted;
}

static size_t
cheapest(const struct change *c, const struct explain_node *n, bool wanted, unsigned *out)
{
    size_t best = 0;

    *out = NEVER;
    for (size_t i = 0; i < n->kid_count; i++) {
        unsigned one = cost(c, &n->kids[i], wanted);
        if (one < *out) {
            *out = one;
            best = i;
        }
    }
    return best;
}

static unsigned
cost(const struct change *c, const struct explain_node *n, bool wanted)
{
    unsigned sum = 0;

    if (is_leaf(n))
        return leaf_cost(c, n, wanted);
    if (n->kind == EXPLAIN_NOT)
        return cost(c, &n->kids[0], !wanted);
    if (!needs_all(n, wanted)) {
        (void)cheapest(c, n, wanted, &sum); /* which one matters when it is marked */
        return sum;
    }
    for (size_t i = 0; i < n->kid_count && sum < NEVER; i++)
        sum += cost(c, &n->kids[i], wanted);
    return sum < NEVER ? sum : NEVER;
}

/* Marks what cost() counted. */
static void
mark(const struct change *c, struct explain_node *n, bool wanted)
{
    unsigned ignored;

    if (is_leaf(n))
        n->change = c->held[n->leaf] == FREE && n->truth != wanted;
    else if (n->kind == EXPLAIN_NOT)
        mark(c, &n->kids[0], !wanted);
    else if (!needs_all(n, wanted))
        mark(c, &n->kids[cheapest(c, n, wanted, &ignored)], wanted);
    else
        for (size_t i = 0; i < n->kid_count; i++)
            mark(c, &n->kids[i], wanted);
}

/* The first place of each shared leaf that is held at what it is not. */
static void
mark_held(struct change *c, struct explain_node *n)
{
    if (is_leaf(n) && c->held[n->leaf] != FREE && (c->held[n->leaf] == HELD_TRUE) != n->truth) {
        n->change = true;
        c->held[n->leaf] = FREE; /* once is enough */
    }
    for (size_t i = 0; i < n->kid_count; i++)
        mark_held(c, &n->kids[i]);
}

static void
count_places(struct change *c, const struct explain_node *n)
{
    if (is_leaf(n)) {
        c->places[n->leaf]++;
        c->truth[n->leaf] = n->truth;
    }
    if (is_leaf(n) && n->kind == EXPLAIN_FIXED)
        c->places[n->leaf] = 0; /* it never changes: nothing to try */
    for (size_t i = 0; i < n->kid_count; i++)
        count_places(c, &n->kids[i]);
}

/* Holds the shared leaves as the bits say: 1 is the opposite of what it is. The number of those. */
static unsigned
hold(struct change *c, unsigned bits)
{
    unsigned changed = 0;

    for (unsigned i = 0; i < c->n; i++) {
        uint32_t leaf = c->shared[i];
        bool other = (bits >> i & 1) != 0;
        c->held[leaf] = c->truth[leaf] != other ? HELD_TRUE : HELD_FALSE;
        changed += other;
    }
    return changed;
}

bool
explain_change(struct explain *x, struct arena *a)
{
    struct change c = {.held = arena_calloc(a, x->leaf_count, sizeof *c.held),
                       .places = arena_calloc(a, x->leaf_count, sizeof *c.places),
                       .truth = arena_calloc(a, x->leaf_count, sizeof *c.truth),
                       .shared = ARENA_ARRAY(a, uint32_t, LIMIT_EXPLAIN_SHARED)};
    unsigned best = NEVER, best_bits = 0;

    if (c.held == NULL || c.places == NULL || c.truth == NULL || c.shared == NULL)
        return false;
    x->exact = true;
    count_places(&c, x->root);
    for (uint32_t i = 0; i < x->leaf_count; i++) {
        if (c.places[i] < 2)
            continue;
        if (c.n < LIMIT_EXPLAIN_SHARED) {
            c.shared[c.n++] = i;
            continue;
        }
        c.held[i] = c.truth[i] ? HELD_TRUE : HELD_FALSE;
        x->exact = false;
    }
    for (unsigned bits = 0; bits < 1u << c.n; bits++) {
        unsigned sum = hold(&c, bits);
        if (sum < best)
            sum += cost(&c, x->root, true);
        if (sum < best) {
            best = sum;
            best_bits = bits;
        }
    }
    x->possible = best < NEVER;
    x->change_count = x->possible ? best : 0;
    if (x->possible) {
        (void)hold(&c, best_bits); /* counted already */
        mark(&c, x->root, true);
        mark_held(&c, x->root);
    }
    return true;
}
