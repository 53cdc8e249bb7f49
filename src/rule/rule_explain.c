/* rule_explain.c - what each leaf of a rule saw.
 *
 *   cut       and, or, not become inner nodes; everything else is a leaf, and so is what stands deeper than
 *             LIMIT_EXPLAIN_DEPTH. Equal leaves share a number
 *   truth     of the plain evaluator, leaf by leaf
 *   fields    every path of the profile below the leaf, and its value
 *   events    a leaf that counts or sums is a sum of what each event contributes, so the node is evaluated over each
 *             event alone. That is only so when the list is the profile's events, filtered one by one; when the sum
 *             does not agree with the evaluator, the leaf is shown without events
 *   sequence  events are left out in halves, quarters, ... as long as the chain stays true without them; what is left
 *             is a sequence with nothing to spare. Events of an element of which there must be none stay
 *   flip      the incremental evaluator over this leaf alone knows when to look again (rule_graph.h), and whether it
 *             keeps state for it
 *
 * It does not say why a list that is compared in some other way (topN, groupBy, a join of two lists) is what it is. */
#include "rule/rule_explain_int.h"

#include "base/limits.h"
#include "rule/rule_graph_int.h"
#include "rule/rule_int.h"

#define STATE_BYTES (64u * 1024 * 1024)
#define RULE_HEAD_BYTES 65536 /* of the struct around a leaf that is evaluated as a rule */

struct explainer {
    struct rule_env env; /* events in order of time */
    struct explain_event *events;
    unsigned slot_count;
    struct arena *a;
    size_t work;          /* events looked at so far, and one an evaluation */
    struct arena scratch; /* of one evaluation whose result is a number or a truth */
    struct explain *out;
    struct explain_node **leaves; /* by number */
    struct diag *d;
};

static enum err
no_memory(struct explainer *x)
{
    return diag_set(x->d, ERR_LIMIT, "the explanation needs more memory than a request has");
}

/* ---- evaluation ---- */

/* Over some of the events; the value is a scalar, or borrows from nothing but the scratch arena. */
static enum err
eval_over(struct explainer *x, const struct rule_node *n, const struct json *const *events, size_t count,
          struct value *out)
{
    struct rule_env env = x->env;

    x->work += count + 1;
    if (x->work > LIMIT_EXPLAIN_WORK)
        return diag_set(x->d, ERR_LIMIT, "the explanation looks at events more than %d times", LIMIT_EXPLAIN_WORK);
    env.events = events;
    env.event_count = count;
    arena_reset(&x->scratch);
    return rule_eval_node(n, &env, NULL, 0, &x->scratch, out, x->d);
}

static enum err
truth_over(struct explainer *x, const struct rule_node *n, const struct json *const *events, size_t count, bool *out)
{
    struct value v = VALUE_OF_NULL;
    enum err rc = eval_over(x, n, events, count, &v);

    if (rc == ERR_OK)
        *out = value_truth(v);
    return rc;
}

/* ---- fields ---- */

static bool
is_profile_path(const struct rule_node *n)
{
    if (n->op != RULE_FIELD)
        return false;
    while (n->op == RULE_FIELD)
        n = n->args[0];
    return n->op == RULE_PROFILE;
}

static enum err
add_field(struct explainer *x, struct explain_node *leaf, const struct rule_node *n)
{
    struct explain_field *f;
    enum err rc;

    for (size_t i = 0; i < leaf->field_count; i++) {
        if (rule_equal(leaf->fields[i].node, n))
            return ERR_OK;
    }
    if (leaf->field_count == LIMIT_EXPLAIN_FIELDS)
        return ERR_OK;
    if (leaf->fields == NULL)
        leaf->fields = ARENA_ARRAY(x->a, struct explain_field, LIMIT_EXPLAIN_FIELDS);
    if (leaf->fields == NULL)
        return no_memory(x);
    f = &leaf->fields[leaf->field_count];
    f->node = n;
    rc = rule_eval_node(n, &x->env, NULL, 0, x->a, &f->value, x->d);
    leaf->field_count += rc == ERR_OK;
    return rc;
}

static enum err
add_fields(struct explainer *x, struct explain_node *leaf, const struct rule_node *n)
{
    enum err rc = ERR_OK;

    if (is_profile_path(n))
        return add_field(x, leaf, n);
    for (size_t i = 0; i < n->arg_count && rc == ERR_OK; i++)
        rc = add_fields(x, leaf, n->args[i]);
    return rc;
}

/* ---- events that count ---- */

static bool
reads_events(const struct rule_node *n)
{
    return (node_reads(n) & READS_EVENTS) != 0;
}

/* The profile's events, filtered by conditions of the single event. */
static bool
is_event_list(const struct rule_node *n)
{
    if (n->op == RULE_EVENTS)
        return true;
    if (n->op == RULE_CALL && n->fn == FN_FILTER && n->arg_count == 2)
        return is_event_list(n->args[0]) && !reads_events(n->args[1]);
    if (n->op == RULE_SELECT && n->arg_count == 1)
        return is_event_list(n->args[0]->args[0]) && (n->args[0]->arg_count < 2 || !reads_events(n->args[0]->args[1]));
    return false;
}

static bool
is_event_gen(const struct rule_node *gen)
{
    return is_event_list(gen->args[0]) && (gen->arg_count < 2 || !reads_events(gen->args[1]));
}

/* A leaf as: what each event contributes, added up, compared with bounds. */
struct tally {
    enum explain_kind kind; /* COUNT, SUM */
    const struct rule_node *each;
    const struct rule_node *list; /* NULL: an element expression or a projection says more */
    struct explain_bound *bounds;
    size_t bound_count;
};

static bool
add_bound(struct explainer *x, struct tally *t, enum value_cmp cmp, struct value literal)
{
    if (t->bounds == NULL)
        t->bounds = ARENA_ARRAY(x->a, struct explain_bound, LIMIT_EXPLAIN_FIELDS);
    if (t->bounds == NULL || t->bound_count == LIMIT_EXPLAIN_FIELDS)
        return false;
    t->bounds[t->bound_count++] = (struct explain_bound){cmp, literal};
    return true;
}

static bool
counts(struct explainer *x, struct tally *t, const struct rule_node *each, const struct rule_node *list,
       enum value_cmp cmp, int64_t n)
{
    t->kind = EXPLAIN_COUNT;
    t->each = each;
    t->list = list;
    return add_bound(x, t, cmp, value_int(n));
}

static bool
is_aggregation(const struct rule_node *n, struct tally *t)
{
    const struct rule_node *list = n->arg_count > 0 ? n->args[0] : NULL;

    if (n->fn != FN_COUNT && n->fn != FN_SUM)
        return false;
    t->kind = n->fn == FN_SUM ? EXPLAIN_SUM : EXPLAIN_COUNT;
    t->each = n;
    if (n->op == RULE_AGG)
        return n->arg_count == 2 && is_event_gen(n->args[1]) && !reads_events(n->args[0]);
    if (n->op != RULE_CALL || list == NULL || n->arg_count > 2)
        return false;
    while (list->op == RULE_FIELD)
        list = list->args[0];
    if (n->arg_count == 1 && list == n->args[0])
        t->list = list;
    return is_event_list(list) && (n->arg_count == 1 || !reads_events(n->args[1]));
}

static bool
compares(struct explainer *x, const struct rule_node *n, const struct rule_node *let, struct tally *t)
{
    static const enum value_cmp mirrored[] = {[CMP_EQ] = CMP_EQ, [CMP_NE] = CMP_NE, [CMP_LT] = CMP_GT,
                                              [CMP_LE] = CMP_GE, [CMP_GT] = CMP_LT, [CMP_GE] = CMP_LE};
    bool swap = n->args[0]->op == RULE_LITERAL;
    const struct rule_node *left = n->args[swap ? 1 : 0], *right = n->args[swap ? 0 : 1];

    if (right->op != RULE_LITERAL || !value_is_number(right->value))
        return false;
    if (let != NULL && left->op == RULE_SLOT && left->slot == let->slot)
        left = let->args[0];
    else if (let != NULL)
        return false;
    return is_aggregation(left, t) && add_bound(x, t, swap ? mirrored[n->cmp] : n->cmp, right->value);
}

static struct rule_node *
copy_node(struct explainer *x, const struct rule_node *n)
{
    struct rule_node *copy = ARENA_NEW(x->a, struct rule_node);

    if (copy != NULL)
        *copy = *n;
    return copy;
}

static bool
quantifies(struct explainer *x, const struct rule_node *n, struct tally *t)
{
    struct rule_node *some;

    if (n->arg_count != 1 || n->quant == QUANT_ALL || !is_event_gen(n->args[0]))
        return false;
    some = copy_node(x, n);
    if (some == NULL)
        return false;
    some->quant = QUANT_SOME;
    return counts(x, t, some, NULL, n->quant == QUANT_SOME ? CMP_GE : CMP_EQ, n->quant != QUANT_NONE);
}

/* A chain of one element of the given node alone: is there an event that satisfies it, whatever its count and gaps? */
static const struct rule_node *
chain_of_one(struct explainer *x, const struct rule_node *chain, const struct rule_node *element)
{
    struct rule_node *one = copy_node(x, chain), *inner = copy_node(x, element);
    struct rule_element *spec = ARENA_NEW(x->a, struct rule_element);
    struct rule_node **args = ARENA_ARRAY(x->a, struct rule_node *, 2);

    if (one == NULL || inner == NULL || spec == NULL || args == NULL)
        return NULL;
    *spec = (struct rule_element){.has_when = element->element->has_when, .when = element->element->when};
    inner->element = spec;
    inner->negated = false;
    args[0] = chain->args[0];
    args[1] = inner;
    one->args = args;
    one->arg_count = 2;
    return one;
}

static bool
chain_counts(struct explainer *x, const struct rule_node *n, struct tally *t)
{
    const struct rule_node *element = n->arg_count == 2 ? n->args[1] : NULL, *one;
    bool ok;

    if (element == NULL || element->negated || !is_event_list(n->args[0]) || reads_events(element))
        return false;
    one = chain_of_one(x, n, element);
    if (one == NULL)
        return false;
    if (element->element->count_count == 0)
        return counts(x, t, one, NULL, CMP_GE, 1);
    *t = (struct tally){.kind = EXPLAIN_COUNT, .each = one};
    ok = true;
    for (size_t i = 0; i < element->element->count_count && ok; i++)
        ok = add_bound(x, t, element->element->counts[i].cmp, value_int(element->element->counts[i].amount));
    return ok;
}

static bool
tally_of(struct explainer *x, const struct rule_node *n, struct tally *t)
{
    *t = (struct tally){0};
    switch (n->op) {
    case RULE_EVENTS:
    case RULE_SELECT:
        return is_event_list(n) && counts(x, t, n, n, CMP_GE, 1);
    case RULE_QUANT:
        return quantifies(x, n, t);
    case RULE_CHAIN:
        return chain_counts(x, n, t);
    case RULE_COMPARE:
        return compares(x, n, NULL, t);
    case RULE_LET:
        return n->args[1]->op == RULE_COMPARE && compares(x, n->args[1], n, t);
    case RULE_CALL:
        if (n->fn == FN_FILTER)
            return is_event_list(n) && counts(x, t, n, n, CMP_GE, 1);
        return n->fn == FN_EXISTS && is_event_list(n->args[0]) && (n->arg_count == 1 || !reads_events(n->args[1])) &&
               counts(x, t, n, n->arg_count == 1 ? n->args[0] : NULL, CMP_GE, 1);
    default:
        return false;
    }
}

static bool
holds(const struct tally *t, struct value v)
{
    for (size_t i = 0; i < t->bound_count; i++) {
        if (!value_compare(t->bounds[i].cmp, v, t->bounds[i].literal))
            return false;
    }
    return true;
}

/* What an event contributes: a number, or 1 for a condition that it satisfies. */
static struct value
contribution(struct value v)
{
    return value_is_number(v) ? v : value_int(value_truth(v));
}

/* The newest of the events with these indexes. */
static bool
keep_newest(struct explainer *x, struct explain_node *leaf, const size_t *indexes, size_t n)
{
    size_t kept = n < LIMIT_EXPLAIN_EVENTS ? n : LIMIT_EXPLAIN_EVENTS;

    leaf->events = ARENA_ARRAY(x->a, struct explain_event, kept);
    if (leaf->events == NULL)
        return false;
    for (size_t i = 0; i < kept; i++)
        leaf->events[i] = x->events[indexes[n - kept + i]];
    leaf->event_count = kept;
    leaf->counted = n;
    return true;
}

static enum err
explain_tally(struct explainer *x, struct explain_node *leaf, const struct tally *t)
{
    size_t *indexes = ARENA_ARRAY(x->a, size_t, x->env.event_count), n = 0;
    struct value sum = value_int(0);
    bool decided = false, known = false;
    size_t decider = 0;
    enum err rc = ERR_OK;

    if (indexes == NULL)
        return no_memory(x);
    known = holds(t, sum) == leaf->truth; /* the latest truth is the leaf's */
    for (size_t i = 0; i < x->env.event_count && rc == ERR_OK; i++) {
        struct value v;
        rc = eval_over(x, t->each, &x->env.events[i], 1, &v);
        v = rc == ERR_OK ? contribution(v) : value_int(0);
        if (value_compare(CMP_EQ, v, value_int(0)))
            continue;
        indexes[n++] = i;
        sum = eval_arith_of('+', sum, v);
        if (holds(t, sum) == leaf->truth && !known) {
            decided = true;
            decider = i;
        }
        known = holds(t, sum) == leaf->truth;
    }
    if (rc != ERR_OK || !known) /* not known: it does not add up, so it is no tally */
        return rc;
    leaf->kind = t->kind;
    leaf->list = t->list;
    leaf->bounds = t->bounds;
    leaf->bound_count = t->bound_count;
    leaf->value = sum;
    leaf->decided = decided;
    if (decided)
        leaf->decider = x->events[decider];
    return keep_newest(x, leaf, indexes, n) ? ERR_OK : no_memory(x);
}

/* ---- sequences ---- */

struct witness {
    const struct rule_node *chain;
    size_t *indexes; /* of the events that are left */
    bool *stays;     /* per event: it may not be left out */
    size_t n;
    const struct json **trial;
    bool *out; /* per index: left out in this trial */
};

/* Marks events that satisfy an element of which there must be none. false in *told: they cannot be told, because what
 * the element asks for depends on earlier ones. */
static enum err
mark_stays(struct explainer *x, struct witness *w, bool *told)
{
    enum err rc = ERR_OK;

    *told = true;
    for (size_t k = 1; k < w->chain->arg_count && rc == ERR_OK && *told; k++) {
        const struct rule_node *element = w->chain->args[k], *one;
        if (!element->negated)
            continue;
        for (size_t j = 1; j < k; j++)
            *told = *told && !node_mentions_slot(element, w->chain->args[j]->slot);
        one = chain_of_one(x, w->chain, element);
        if (one == NULL)
            return no_memory(x);
        for (size_t i = 0; i < x->env.event_count && rc == ERR_OK && *told; i++) {
            bool satisfied = false;
            rc = truth_over(x, one, &x->env.events[i], 1, &satisfied);
            w->stays[i] = w->stays[i] || satisfied;
        }
    }
    return rc;
}

/* Leaves out the events [from, to) of those that are left when the chain is true without them. */
static enum err
try_without(struct explainer *x, struct witness *w, size_t from, size_t to, bool *gone)
{
    size_t n = 0, kept = 0;
    bool truth = false;
    enum err rc;

    for (size_t i = 0; i < w->n; i++) {
        w->out[i] = i >= from && i < to && !w->stays[w->indexes[i]];
        if (!w->out[i])
            w->trial[n++] = x->env.events[w->indexes[i]];
    }
    *gone = false;
    if (n == w->n)
        return ERR_OK;
    rc = truth_over(x, w->chain, w->trial, n, &truth);
    if (rc != ERR_OK || !truth)
        return rc;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->out[i])
            w->indexes[kept++] = w->indexes[i];
    }
    w->n = kept;
    *gone = true;
    return ERR_OK;
}

/* The newest go first, so that the earliest sequence is left. */
static enum err
shrink(struct explainer *x, struct witness *w)
{
    enum err rc = ERR_OK;

    for (size_t size = w->n; size > 0 && rc == ERR_OK; size /= 2) {
        size_t to = w->n;
        while (to > 0 && rc == ERR_OK) {
            size_t from = to > size ? to - size : 0;
            bool gone;
            rc = try_without(x, w, from, to, &gone);
            to = from;
        }
    }
    return rc;
}

static enum err
explain_chain(struct explainer *x, struct explain_node *leaf)
{
    size_t room = x->env.event_count, n = 0;
    struct witness w = {.chain = leaf->node,
                        .indexes = ARENA_ARRAY(x->a, size_t, room),
                        .stays = arena_calloc(x->a, room, sizeof *w.stays),
                        .trial = ARENA_ARRAY(x->a, const struct json *, room),
                        .out = ARENA_ARRAY(x->a, bool, room)};
    bool told;
    enum err rc;

    leaf->kind = EXPLAIN_CHAIN;
    if (w.indexes == NULL || w.stays == NULL || w.trial == NULL || w.out == NULL)
        return no_memory(x);
    if (!leaf->truth || !is_event_list(leaf->node->args[0]))
        return ERR_OK;
    rc = mark_stays(x, &w, &told);
    if (rc != ERR_OK || !told)
        return rc;
    for (; w.n < room; w.n++)
        w.indexes[w.n] = w.n;
    rc = shrink(x, &w);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < w.n; i++) {
        if (!w.stays[w.indexes[i]])
            w.indexes[n++] = w.indexes[i];
    }
    leaf->decided = n > 0;
    if (n > 0)
        leaf->decider = x->events[w.indexes[n - 1]];
    return keep_newest(x, leaf, w.indexes, n) ? ERR_OK : no_memory(x);
}

/* ---- the instant at which time changes its mind ---- */

static int64_t
flip_of_graph(struct explainer *x, const struct rule_graph *g)
{
    struct rule_env env = x->env;
    struct rule_state *s = NULL;
    struct rule_changes changes = {0};
    struct diag ignored = DIAG_INIT; /* an instant that cannot be foreseen is no error */
    struct arena a;
    int64_t found = 0;
    enum err rc;

    arena_init(&a, STATE_BYTES);
    rc = rule_state_build(g, &env, &a, &s, &ignored);
    for (int i = 0; i < LIMIT_EXPLAIN_FLIPS && rc == ERR_OK && found == 0; i++) {
        env.now_ms = rule_state_next_flip_ms(s);
        if (env.now_ms == 0)
            break;
        rc = rule_state_time(g, s, &env, &a, &changes, &ignored);
        if (rc == ERR_OK && changes.n > 0)
            found = env.now_ms;
    }
    arena_deinit(&a);
    return found;
}

/* scans: why the incremental evaluator reads stored events for n; NULL: it does not. */
static int64_t
flip_of(struct explainer *x, const struct rule_node *n, const char **scans)
{
    struct arena *head = malloc(sizeof *head);
    struct rule_audience audience = {.id = S("#")};
    struct rule_graph *g = NULL;
    struct diag ignored = DIAG_INIT;
    unsigned reads = node_reads(n);
    struct rule *r;
    int64_t found = 0;

    *scans = NULL;
    if (head == NULL || (reads & (READS_CLOCK | READS_EVENTS)) == 0) {
        free(head);
        return 0;
    }
    arena_init(head, RULE_HEAD_BYTES);
    r = rule_new(head, n, x->slot_count);
    if (r == NULL) {
        arena_deinit(head);
        free(head);
        return 0;
    }
    audience.rule = r;
    if (rule_graph_new(&audience, 1, 1, &g, &ignored) == ERR_OK) {
        *scans = rule_graph_scan_reason(g, 0);
        found = (reads & READS_CLOCK) != 0 ? flip_of_graph(x, g) : 0;
    }
    rule_graph_free(g);
    rule_free(r);
    return found;
}

/* ---- the tree ---- */

static bool
number_leaf(struct explainer *x, struct explain_node *n)
{
    for (size_t i = 0; i < x->out->leaf_count; i++) {
        if (rule_equal(x->leaves[i]->node, n->node)) {
            n->leaf = (uint32_t)i;
            return false;
        }
    }
    n->leaf = (uint32_t)x->out->leaf_count;
    x->leaves[x->out->leaf_count++] = n;
    return true;
}

static enum err
explain_leaf(struct explainer *x, struct explain_node *n)
{
    struct tally t;
    enum err rc;

    n->reads_events = reads_events(n->node);
    n->kind = n->node->op == RULE_LITERAL ? EXPLAIN_FIXED : n->reads_events ? EXPLAIN_EVENTS : EXPLAIN_FIELDS;
    if (!number_leaf(x, n)) { /* seen before: the same in every respect */
        *n = *x->leaves[n->leaf];
        return ERR_OK;
    }
    rc = truth_over(x, n->node, x->env.events, x->env.event_count, &n->truth);
    if (rc == ERR_OK && n->node->op == RULE_CALL && n->node->fn == FN_IN_SEGMENT && n->node->arg_count == 1) {
        n->kind = EXPLAIN_MEMBER;
        rc = add_field(x, n, n->node->args[0]);
    } else if (rc == ERR_OK) {
        rc = add_fields(x, n, n->node);
    }
    if (rc == ERR_OK && n->kind == EXPLAIN_EVENTS && tally_of(x, n->node, &t))
        rc = explain_tally(x, n, &t);
    if (rc == ERR_OK && n->kind == EXPLAIN_EVENTS && n->node->op == RULE_CHAIN)
        rc = explain_chain(x, n);
    if (rc == ERR_OK)
        n->flip_ms = flip_of(x, n->node, &n->scans);
    return rc;
}

static bool
is_inner(const struct rule_node *n, enum explain_kind *kind)
{
    *kind = n->op == RULE_AND ? EXPLAIN_AND : n->op == RULE_OR ? EXPLAIN_OR : EXPLAIN_NOT;
    return n->op == RULE_AND || n->op == RULE_OR || n->op == RULE_NOT;
}

static bool
truth_of_kids(const struct explain_node *n)
{
    if (n->kind == EXPLAIN_NOT)
        return !n->kids[0].truth;
    for (size_t i = 0; i < n->kid_count; i++) {
        if (n->kids[i].truth == (n->kind == EXPLAIN_OR))
            return n->kind == EXPLAIN_OR;
    }
    return n->kind == EXPLAIN_AND;
}

static enum err
explain_node(struct explainer *x, const struct rule_node *node, unsigned depth, struct explain_node *n)
{
    enum err rc = ERR_OK;

    *n = (struct explain_node){.node = node};
    if (++x->out->node_count > LIMIT_EXPLAIN_NODES)
        return diag_set(x->d, ERR_LIMIT, "the rule has more than %d parts joined by and, or, not", LIMIT_EXPLAIN_NODES);
    if (!is_inner(node, &n->kind) || depth == LIMIT_EXPLAIN_DEPTH)
        return explain_leaf(x, n);
    n->kids = arena_calloc(x->a, node->arg_count, sizeof *n->kids);
    n->kid_count = node->arg_count;
    if (n->kids == NULL)
        return no_memory(x);
    for (size_t i = 0; i < n->kid_count && rc == ERR_OK; i++)
        rc = explain_node(x, node->args[i], depth + 1, &n->kids[i]);
    if (rc == ERR_OK)
        n->truth = truth_of_kids(n);
    return rc;
}

/* ---- events in order ---- */

struct moment {
    struct explain_event e;
    size_t index; /* as it came: keeps ties in order */
};

static int
by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    if (x->e.ms != y->e.ms)
        return x->e.ms < y->e.ms ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* As the graph wants them. */
static enum err
sort_events(struct explainer *x, const struct rule_env *env)
{
    struct moment *moments = ARENA_ARRAY(x->a, struct moment, env->event_count);
    const struct json **events = ARENA_ARRAY(x->a, const struct json *, env->event_count);

    x->events = ARENA_ARRAY(x->a, struct explain_event, env->event_count);
    if (moments == NULL || events == NULL || x->events == NULL)
        return no_memory(x);
    for (size_t i = 0; i < env->event_count; i++) {
        bool nomem = false;
        struct value ms = value_as_time(value_of_json(json_get(env->events[i], S("timestamp")), x->a, &nomem));
        bool timed = ms.kind == VALUE_TIME; /* a timestamp that is a list, for want of memory or not, is none */
        moments[i] = (struct moment){{env->events[i], timed, timed ? ms.i : INT64_MIN}, i};
    }
    qsort(moments, env->event_count, sizeof *moments, by_time);
    for (size_t i = 0; i < env->event_count; i++) {
        x->events[i] = moments[i].e;
        events[i] = moments[i].e.event;
    }
    x->env.events = events;
    return ERR_OK;
}

enum err
rule_explain(const struct rule *r, const struct rule_env *env, struct arena *a, struct explain *out, struct diag *d)
{
    struct explain result = {.exact = true, .possible = true};
    struct explainer x = {.env = *env, .slot_count = rule_slot_count(r), .a = a, .out = &result, .d = d};
    const char *scans; /* its leaves say */
    enum err rc;

    x.leaves = ARENA_ARRAY(a, struct explain_node *, LIMIT_EXPLAIN_NODES);
    result.root = ARENA_NEW(a, struct explain_node);
    if (x.leaves == NULL || result.root == NULL)
        return no_memory(&x);
    arena_init(&x.scratch, LIMIT_RULE_SCRATCH_BYTES);
    rc = sort_events(&x, env);
    if (rc == ERR_OK)
        rc = explain_node(&x, rule_root(r), 1, result.root);
    if (rc == ERR_OK)
        result.flip_ms = flip_of(&x, rule_root(r), &scans);
    if (rc == ERR_OK && !result.root->truth && !explain_change(&result, a))
        rc = no_memory(&x);
    arena_deinit(&x.scratch);
    if (rc == ERR_OK)
        *out = result;
    return rc;
}
