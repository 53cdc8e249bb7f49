/* rule_graph_grow.c - from the audiences of the graph before to those of the next: what stays, what is compiled.
 *
 *   same id and expression            stays, with its root
 *   refers to one that does not stay  compiled again: inSegment() stands for the other's root
 *   anything else                     compiled
 *
 * A cycle through inSegment() passes through an audience that is new or edited, and every audience on it refers to the
 * next; so all of them are compiled, and only those have to be ordered. */
#include "base/limits.h"
#include "base/map.h"
#include "rule/rule_graph_int.h"
#include "rule/rule_order.h"

/* ---- audiences by id ---- */

static size_t
slot_of(const struct rule_graph *g, uint64_t hash, struct str id)
{
    size_t mask = g->by_id_slots - 1, i = hash & mask;

    while (g->by_id[i] != NO_ID &&
           !(g->audiences[g->by_id[i]].hash == hash && str_eq(g->audiences[g->by_id[i]].id, id)))
        i = (i + 1) & mask;
    return i;
}

static uint32_t
index_of(const struct rule_graph *g, struct str id)
{
    return g->by_id_slots == 0 ? NO_ID : g->by_id[slot_of(g, hash_keyed(g->id_key, id), id)];
}

struct graph_audience *
rule_graph_audience_of(const struct rule_graph *g, struct str id)
{
    uint32_t i = index_of(g, id);

    return i == NO_ID ? NULL : &g->audiences[i];
}

/* ---- what stays ---- */

/* The audience of before with this id; *at is where its neighbour was, for most stay in order. */
static const struct graph_audience *
find_before(const struct build *b, struct str id, size_t *at)
{
    const struct rule_graph *before = b->before;
    uint32_t i;

    if (before == NULL)
        return NULL;
    if (*at >= before->audience_count || !str_eq(before->audiences[*at].id, id)) {
        i = index_of(before, id);
        if (i == NO_ID)
            return NULL;
        *at = i;
    }
    return &before->audiences[(*at)++];
}

static bool
same_meaning(const struct graph_audience *old, const struct rule *r)
{
    return old->rule == r || rule_equal(rule_root(old->rule), rule_root(r));
}

static enum err
nomem(size_t n, struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
}

/* Fills g->audiences; those to compile have no root. */
static enum err
take(struct build *b, size_t n, struct diag *d)
{
    struct rule_graph *g = b->g;
    size_t at = 0, slot;

    g->audiences = ARENA_ARRAY(b->flat, struct graph_audience, n);
    g->by_id_slots = 4;
    while (g->by_id_slots < 2 * n)
        g->by_id_slots *= 2;
    g->by_id = arena_alloc(b->flat, g->by_id_slots * sizeof *g->by_id);
    if (g->audiences == NULL || g->by_id == NULL)
        return nomem(n, d);
    memset(g->by_id, 0xff, g->by_id_slots * sizeof *g->by_id); /* NO_ID */
    g->audience_count = n;
    for (size_t i = 0; i < n; i++) {
        const struct rule_audience *in = &b->audiences[i];
        const struct graph_audience *old = find_before(b, in->id, &at);
        struct graph_audience *one = &g->audiences[i];
        size_t slots = rule_slot_count(in->rule);

        if (old != NULL)
            *one = *old;
        else
            *one = (struct graph_audience){.id = arena_str(b->a, in->id), .hash = hash_keyed(g->id_key, in->id)};
        if (one->id.p == NULL)
            return nomem(n, d);
        if (old == NULL || !same_meaning(old, in->rule))
            one->root = NO_ID;
        one->rule = in->rule;
        g->slot_count = slots > g->slot_count ? slots : g->slot_count;
        slot = slot_of(g, one->hash, one->id);
        if (g->by_id[slot] != NO_ID)
            return diag_set(d, ERR_INVALID, "two audiences have the id '%.*s'", STR_ARG(one->id));
        g->by_id[slot] = (uint32_t)i;
    }
    return ERR_OK;
}

/* ---- what refers to what does not stay ---- */

struct referring { /* audiences that stay, by the ids in their inSegment(); chains of a hash table */
    struct {
        uint64_t hash;
        uint32_t audience, next;
    } * items;
    uint32_t *heads;
    size_t mask;
};

static bool
list_referring(struct build *b, struct referring *r)
{
    const struct rule_graph *g = b->g;
    size_t total = 0, slots = 4;
    uint32_t n = 0;

    for (size_t i = 0; i < g->audience_count; i++)
        total += g->audiences[i].root != NO_ID ? g->audiences[i].ref_count : 0;
    while (slots < total)
        slots *= 2;
    r->mask = slots - 1;
    r->items = arena_alloc(&b->scratch, total * sizeof *r->items);
    r->heads = arena_alloc(&b->scratch, slots * sizeof *r->heads);
    if (r->items == NULL || r->heads == NULL)
        return false;
    memset(r->heads, 0xff, slots * sizeof *r->heads); /* NO_ID */
    for (uint32_t i = 0; i < g->audience_count; i++) {
        for (size_t k = 0; g->audiences[i].root != NO_ID && k < g->audiences[i].ref_count; k++) {
            uint32_t *head = &r->heads[g->audiences[i].refs[k] & r->mask];
            r->items[n].hash = g->audiences[i].refs[k];
            r->items[n].audience = i;
            r->items[n].next = *head;
            *head = n++;
        }
    }
    return true;
}

typedef VEC(uint64_t) hash_list;

/* Ids that mean something else than before: new, edited, removed. */
static bool
list_changed(struct build *b, hash_list *changed)
{
    const struct rule_graph *g = b->g, *before = b->before;
    size_t stayed = 0;

    for (size_t i = 0; i < g->audience_count; i++) {
        stayed += g->audiences[i].root != NO_ID;
        if (g->audiences[i].root == NO_ID && !VEC_PUSH(&b->scratch, changed, g->audiences[i].hash))
            return false;
    }
    for (size_t i = 0; before != NULL && stayed < before->audience_count && i < before->audience_count; i++) {
        if (index_of(g, before->audiences[i].id) == NO_ID && !VEC_PUSH(&b->scratch, changed, before->audiences[i].hash))
            return false;
    }
    return true;
}

/* A hash that two ids share only compiles one audience more. */
static bool
drop_referring(struct build *b)
{
    struct rule_graph *g = b->g;
    hash_list changed = {0};
    struct referring r;

    if (!list_changed(b, &changed) || (changed.n > 0 && !list_referring(b, &r)))
        return false;
    for (size_t i = 0; i < changed.n; i++) {
        for (uint32_t k = r.heads[changed.p[i] & r.mask]; k != NO_ID; k = r.items[k].next) {
            struct graph_audience *one = &g->audiences[r.items[k].audience];
            if (r.items[k].hash != changed.p[i] || one->root == NO_ID)
                continue;
            one->root = NO_ID;
            if (!VEC_PUSH(&b->scratch, &changed, one->hash))
                return false;
        }
    }
    return true;
}

/* ---- in which order ---- */

struct subset {
    const struct rule_graph *g;
    const uint32_t *position; /* by index: in the subset, or NO_ID */
};

static uint32_t
position_of(const void *ctx, struct str id)
{
    const struct subset *s = ctx;
    uint32_t i = index_of(s->g, id);

    return i == NO_ID ? NO_ID : s->position[i];
}

enum err
grow_audiences(struct build *b, size_t n, uint32_t **fresh, size_t *fresh_count, struct diag *d)
{
    struct rule_graph *g = b->g;
    struct rule_audience *audiences;
    uint32_t *indexes, *position, *order = NULL;
    enum err rc = take(b, n, d);
    size_t count = 0;

    if (rc != ERR_OK)
        return rc;
    if (b->before != NULL && !drop_referring(b))
        return nomem(n, d);
    audiences = ARENA_ARRAY(&b->scratch, struct rule_audience, n);
    indexes = ARENA_ARRAY(&b->scratch, uint32_t, n);
    position = ARENA_ARRAY(&b->scratch, uint32_t, n);
    if (audiences == NULL || indexes == NULL || position == NULL)
        return nomem(n, d);
    for (size_t i = 0; i < n; i++) {
        position[i] = g->audiences[i].root == NO_ID ? (uint32_t)count : NO_ID;
        if (g->audiences[i].root != NO_ID)
            continue;
        audiences[count] = b->audiences[i];
        indexes[count++] = (uint32_t)i;
    }
    rc = rule_order(audiences, count, position_of, &(struct subset){g, position}, &b->scratch, &order, d);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        order[i] = indexes[order[i]];
    *fresh = order;
    *fresh_count = count;
    return ERR_OK;
}
