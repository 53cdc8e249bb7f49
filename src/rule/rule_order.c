/* rule_order.c - Kahn's order over the references between audiences; what is left over lies on a cycle. */
#include "rule/rule_order.h"

#include "rule/rule_cons.h"

struct order {
    const struct rule_audience *audiences;
    struct arena *a;
    uint32_t (*index_of)(const void *ctx, struct str id);
    const void *ctx;
    VEC(uint32_t) * refs; /* per audience: those that refer to it */
    uint32_t *waiting;    /* per audience: how many it still waits for */
    uint32_t *ready;      /* queue */
    size_t ready_count;
};

struct str
rule_segment_id(const struct rule_node *n)
{
    if (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT && n->arg_count > 0 && n->args[0]->op == RULE_LITERAL &&
        n->args[0]->value.kind == VALUE_STRING)
        return n->args[0]->value.s;
    return S_NULL;
}

/* Every literal inSegment of the tree that names one of the audiences. */
static bool
collect_refs(struct order *o, uint32_t audience, const struct rule_node *n)
{
    struct str id = rule_segment_id(n);
    uint32_t other = id.p != NULL ? o->index_of(o->ctx, id) : NO_ID;

    if (other != NO_ID) {
        if (!VEC_PUSH(o->a, &o->refs[other], audience))
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
    uint32_t at = 0, from = NO_ID;

    while (o->waiting[at] == 0)
        at++;
    for (size_t step = 0; step < CYCLE_STEPS; step++) { /* more than any lead-in a person would write */
        for (uint32_t i = 0; i < n; i++) {
            bool refers = false;
            for (size_t k = 0; k < o->refs[i].n && o->waiting[i] != 0; k++)
                refers = refers || o->refs[i].p[k] == at;
            if (refers) {
                from = at;
                at = i;
                break;
            }
        }
    }
    return diag_set(d, ERR_INVALID, "audience '%.*s' refers to itself through inSegment, by way of '%.*s'",
                    STR_ARG(o->audiences[at].id), STR_ARG(o->audiences[from == NO_ID ? at : from].id));
}

enum err
rule_order(const struct rule_audience *audiences, size_t n, uint32_t (*index_of)(const void *ctx, struct str),
           const void *ctx, struct arena *a, uint32_t **order, struct diag *d)
{
    struct order o = {.audiences = audiences, .a = a, .index_of = index_of, .ctx = ctx};

    o.refs = arena_calloc(a, n, sizeof *o.refs);
    o.waiting = ARENA_ARRAY(a, uint32_t, n);
    o.ready = ARENA_ARRAY(a, uint32_t, n);
    if (o.refs == NULL || o.waiting == NULL || o.ready == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
    for (uint32_t i = 0; i < n; i++) {
        if (!collect_refs(&o, i, rule_root(audiences[i].rule)))
            return diag_set(d, ERR_LIMIT, "no memory for the references of %zu audiences", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (o.waiting[i] == 0)
            o.ready[o.ready_count++] = i;
    }
    for (size_t at = 0; at < o.ready_count; at++) {
        for (size_t k = 0; k < o.refs[o.ready[at]].n; k++) {
            uint32_t next = o.refs[o.ready[at]].p[k];
            if (--o.waiting[next] == 0)
                o.ready[o.ready_count++] = next;
        }
    }
    if (o.ready_count != n)
        return cycle_error(&o, n, d);
    *order = o.ready;
    return ERR_OK;
}
