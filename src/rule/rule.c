/* rule.c - the tree as data: ownership, equality, hash.
 *
 * Equality decides which sub-expressions of different audiences share one node of the graph, so it compares what
 * decides the meaning and nothing else: not the position in the text, not the static type, not the precompiled form of
 * a pattern. */
#include "rule/rule.h"

#include <stdatomic.h>

#include "base/hash.h"

struct rule {
    struct arena *a;  /* owned; holds this struct too */
    atomic_uint refs; /* holders are snapshots, and the last reader of one ends it on its own thread */
    const struct rule_node *root;
    unsigned slot_count;
};

struct rule *
rule_new(struct arena *a, const struct rule_node *root, unsigned slot_count)
{
    struct rule *r = ARENA_NEW(a, struct rule);

    if (r == NULL)
        return NULL;
    r->a = a;
    r->root = root;
    r->slot_count = slot_count;
    atomic_init(&r->refs, 1);
    return r;
}

struct rule *
rule_ref(const struct rule *r)
{
    struct rule *own = (struct rule *)(uintptr_t)r;

    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void
rule_free(struct rule *r)
{
    struct arena *a;

    if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    a = r->a;
    arena_deinit(a);
    free(a);
}

const struct rule_node *
rule_root(const struct rule *r)
{
    return r->root;
}

unsigned
rule_slot_count(const struct rule *r)
{
    return r->slot_count;
}

bool
rule_reads_events(const struct rule_node *n)
{
    if (n == NULL)
        return false;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (rule_reads_events(n->args[i]))
            return true;
    }
    return n->op == RULE_EVENTS;
}

/* An integer and a double of one value are different literals: they print and divide alike but not always. */
static bool
literal_equal(struct value a, struct value b)
{
    return a.kind == b.kind && a.date_only == b.date_only && value_same(a, b);
}

static bool
time_ref_equal(struct rule_time_ref a, struct rule_time_ref b)
{
    if (a.period != b.period)
        return false;
    return a.period == PERIOD_NONE ? a.arg == b.arg : a.unit == b.unit;
}

static bool
when_equal(const struct rule_when *a, const struct rule_when *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->form != b->form || !time_ref_equal(a->from, b->from))
        return false;
    switch (a->form) {
    case WHEN_DISTANCE:
        return a->cmp == b->cmp && a->amount == b->amount && a->unit == b->unit && a->side == b->side;
    case WHEN_SIDE:
        return a->side == b->side;
    case WHEN_BETWEEN:
        return time_ref_equal(a->to, b->to);
    default:
        return true;
    }
}

static bool
bounds_equal(const struct rule_bound *a, size_t a_count, const struct rule_bound *b, size_t b_count, bool units)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].cmp != b[i].cmp || a[i].amount != b[i].amount || (units && a[i].unit != b[i].unit))
            return false;
    }
    return true;
}

static bool
element_equal(const struct rule_element *a, const struct rule_element *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return bounds_equal(a->counts, a->count_count, b->counts, b->count_count, false) &&
           bounds_equal(a->gaps, a->gap_count, b->gaps, b->gap_count, true) && a->has_when == b->has_when &&
           (!a->has_when || when_equal(&a->when, &b->when));
}

bool
rule_equal(const struct rule_node *a, const struct rule_node *b)
{
    if (a == b)
        return true;
    if (a->op != b->op || a->slot != b->slot || a->param_count != b->param_count || a->negated != b->negated ||
        a->arith != b->arith || a->cmp != b->cmp || a->fn != b->fn || a->quant != b->quant ||
        a->arg_count != b->arg_count || !str_eq(a->name, b->name))
        return false;
    if (a->op == RULE_LITERAL && !literal_equal(a->value, b->value))
        return false;
    if (!when_equal(a->when, b->when) || !element_equal(a->element, b->element))
        return false;
    for (size_t i = 0; i < a->arg_count; i++) {
        if (!rule_equal(a->args[i], b->args[i]))
            return false;
    }
    return true;
}

static uint64_t
mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static uint64_t
time_ref_hash(uint64_t h, struct rule_time_ref r)
{
    return mix(h, (uint64_t)r.period << 32 | (r.period == PERIOD_NONE ? r.arg : (uint64_t)r.unit));
}

static uint64_t
when_hash(uint64_t h, const struct rule_when *w)
{
    h = time_ref_hash(mix(h, (uint64_t)w->form + 1), w->from);
    switch (w->form) {
    case WHEN_DISTANCE:
        return mix(mix(h, (uint64_t)w->amount), (uint64_t)w->cmp << 16 | (uint64_t)w->unit << 8 | (uint64_t)w->side);
    case WHEN_SIDE:
        return mix(h, (uint64_t)w->side);
    case WHEN_BETWEEN:
        return time_ref_hash(h, w->to);
    default:
        return h;
    }
}

static uint64_t
bounds_hash(uint64_t h, const struct rule_bound *bounds, size_t n, bool units)
{
    h = mix(h, n);
    for (size_t i = 0; i < n; i++)
        h = mix(mix(h, (uint64_t)bounds[i].amount), (uint64_t)bounds[i].cmp << 8 | (units ? bounds[i].unit : 0));
    return h;
}

static uint64_t
element_hash(uint64_t h, const struct rule_element *e)
{
    h = bounds_hash(h, e->counts, e->count_count, false);
    h = bounds_hash(h, e->gaps, e->gap_count, true);
    return e->has_when ? when_hash(h, &e->when) : mix(h, 1);
}

/* Everything that rule_equal compares is in it: between two runs of the program it stands for the tree. */
uint64_t
rule_hash(const struct rule_node *n)
{
    uint64_t h = mix((uint64_t)n->op + 1, (uint64_t)n->slot << 32 | (uint64_t)n->fn << 16 | (uint64_t)n->cmp << 8);

    h = mix(h, (uint64_t)n->quant << 24 | (uint64_t)(unsigned char)n->arith << 16 | (uint64_t)n->negated << 8 |
                   n->param_count);
    if (n->name.n > 0)
        h = hash_bytes(n->name, h);
    if (n->op == RULE_LITERAL)
        h = mix(mix(h, (uint64_t)n->value.kind << 1 | n->value.date_only), value_hash(n->value));
    if (n->when != NULL)
        h = when_hash(h, n->when);
    if (n->element != NULL)
        h = element_hash(h, n->element);
    h = mix(h, n->arg_count);
    for (size_t i = 0; i < n->arg_count; i++)
        h = mix(h, rule_hash(n->args[i]));
    return h;
}
