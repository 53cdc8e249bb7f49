/* rule_graph_index.c - which event wakes what.
 *
 * Most predicates of an event contain an equality with a literal text, such as eventType = "commerce.purchases". One
 * such conjunct per predicate goes into a hash table from (path, text) to predicates, so an event looks up its few
 * values instead of trying every predicate. Of several candidates we take the one that the fewest other predicates
 * offer: "sku = X" rather than "eventType = purchase".
 *
 *   x = "a"   "a" = x   x.equals("a", "b")   x in ["a", "b"]   p or q, when both have alternatives
 *
 * Comparison converts (true = "true", 5 = "5"), so a value that is present and no text wakes everything on its path.
 *
 * A graph has two such tables: the bulk, which it shares with graphs before and after it, and one of what is newer.
 * When the newer part has grown to a fraction of the bulk, a new bulk is made of what is in use. */
#include "rule/rule_graph_int.h"

#define ALTERNATIVES_MAX                                                                                               \
    4096 /* a longer list is not worth its index entries: its predicate is tried on every event                        \
          */

static bool
is_text(const struct rule_node *n)
{
    return n->op == RULE_LITERAL && n->value.kind == VALUE_STRING;
}

struct finder {
    struct build *b;
    uint16_t slot;
    wake_alternatives found;
};

static bool
add_alternative(struct finder *f, const struct origin *path, struct str value)
{
    struct wake_alternative one = {.value = value, .skip = NO_ID};

    one.path = build_path(f->b, path->parts, path->n);
    if (f->found.n >= ALTERNATIVES_MAX || f->b->nomem)
        return false;
    if (!VEC_PUSH(&f->b->scratch, &f->found, one))
        f->b->nomem = true;
    return !f->b->nomem;
}

static bool
find_in_list(struct finder *f, const struct origin *path, const struct rule_node *list)
{
    struct value_iter it;

    if (is_text(list))
        return add_alternative(f, path, list->value.s);
    if (list->value.kind == VALUE_LIST && (list->op == RULE_LITERAL || list->op == RULE_LIST)) {
        if (list->value.list->json != NULL)
            return false;
        it = value_iter(list->value);
        while (value_next(&it)) {
            if (it.value.kind != VALUE_STRING || !add_alternative(f, path, it.value.s))
                return false;
        }
        return f->found.n > 0;
    }
    if (list->op != RULE_LIST)
        return false;
    for (size_t i = 0; i < list->arg_count; i++) {
        if (!is_text(list->args[i]) || !add_alternative(f, path, list->args[i]->value.s))
            return false;
    }
    return list->arg_count > 0;
}

static bool
find_equals(struct finder *f, const struct rule_node *n)
{
    struct origin path;
    size_t count = n->arg_count;

    if (count < 2 || !node_slot_path(n->args[0], f->slot, &path))
        return false;
    if (n->args[count - 1]->op == RULE_LITERAL && n->args[count - 1]->value.kind == VALUE_BOOL) {
        if (!n->args[count - 1]->value.b || count < 3)
            return false; /* case does not matter, or an equality with true */
        count--;
    }
    for (size_t i = 1; i < count; i++) {
        if (!is_text(n->args[i]) || !add_alternative(f, &path, n->args[i]->value.s))
            return false;
    }
    return true;
}

/* Adds n's alternatives; false when it has none that cover every way to satisfy it. */
static bool
find(struct finder *f, const struct rule_node *n)
{
    struct origin path;

    switch (n->op) {
    case RULE_COMPARE:
        if (n->cmp != CMP_EQ)
            return false;
        if (is_text(n->args[1]) && node_slot_path(n->args[0], f->slot, &path))
            return add_alternative(f, &path, n->args[1]->value.s);
        return is_text(n->args[0]) && node_slot_path(n->args[1], f->slot, &path) &&
               add_alternative(f, &path, n->args[0]->value.s);
    case RULE_IN:
        return !n->negated && node_slot_path(n->args[0], f->slot, &path) && find_in_list(f, &path, n->args[1]);
    case RULE_CALL:
        return n->fn == FN_EQUALS && find_equals(f, n);
    case RULE_OR:
        for (size_t i = 0; i < n->arg_count; i++) {
            if (!find(f, n->args[i]))
                return false;
        }
        return n->arg_count > 0;
    case RULE_AND:
        for (size_t i = 0; i < n->arg_count; i++) {
            size_t before = f->found.n;
            if (find(f, n->args[i]))
                return true;
            f->found.n = before;
        }
        return false;
    default:
        return false;
    }
}

static bool
any(const void *ctx, uint32_t id)
{
    (void)ctx;
    (void)id;
    return true;
}

/* How many conjunctions offered this alternative before; counts this one. A collision only spoils the choice. */
static uint32_t
popularity(struct build *b, const struct wake_alternative *one)
{
    uint64_t hash = hash_bytes(one->value, one->path + 1);
    struct cons *c = &b->numbering->popular;
    uint32_t count = cons_find(c, hash, any, NULL);

    if (count == NO_ID) {
        cons_add(b, c, hash, 1);
        return 0;
    }
    for (size_t i = hash & (c->slot_count - 1);; i = (i + 1) & (c->slot_count - 1)) {
        if (c->slots[i].hash == hash && c->slots[i].id != NO_ID) {
            c->slots[i].id++;
            return count;
        }
    }
}

void
build_alternatives(struct build *b, const struct conjunct *conjuncts, size_t n, wake_alternatives *out)
{
    uint64_t best = UINT64_MAX;

    *out = (wake_alternatives){0};
    for (size_t i = 0; i < n && !b->nomem; i++) {
        struct finder f = {.b = b, .slot = conjuncts[i].slot};
        uint64_t cost = 0;
        if (!find(&f, conjuncts[i].node) || b->nomem)
            continue;
        for (size_t k = 0; k < f.found.n; k++) {
            cost += 1 + popularity(b, &f.found.p[k]);
            if (conjuncts[i].node->op == RULE_COMPARE)
                f.found.p[k].skip = (uint32_t)i;
        }
        if (cost < best) {
            best = cost;
            *out = f.found;
        }
    }
}

bool
build_keep_alternatives(struct build *b, wake_alternatives *wakes)
{
    struct wake_alternative *kept = ARENA_ARRAY(b->a, struct wake_alternative, wakes->n);

    if (kept == NULL)
        return false;
    if (wakes->n > 0)
        memcpy(kept, wakes->p, wakes->n * sizeof *kept);
    wakes->p = kept;
    wakes->cap = wakes->n;
    return true;
}

/* ---- the table ---- */

#define NEWER_MIN 256 /* targets that are looked up apart, whatever the size of the bulk; else a quarter of it */

static struct wake_slot *
slot_for(const struct wake_index *w, uint32_t path, struct str value)
{
    size_t mask = w->slot_count - 1;
    size_t i = hash_bytes(value, path) & mask;

    while (w->slots[i].targets.n != 0 && !(w->slots[i].path == path && str_eq(w->slots[i].value, value)))
        i = (i + 1) & mask;
    return &w->slots[i];
}

static bool
index_one(struct wake_index *w, const struct wake_alternative *one, struct wake_target target)
{
    struct wake_slot *slot = slot_for(w, one->path, one->value);
    size_t i = 0;

    target.skip = one->skip;
    slot->path = one->path;
    slot->value = one->value;
    while (i < w->paths.n && w->paths.p[i].path != one->path)
        i++;
    if (!VEC_PUSH(&w->arena, &slot->targets, target) ||
        (i == w->paths.n && !VEC_PUSH(&w->arena, &w->paths, (struct wake_path){.path = one->path})))
        return false;
    target.skip = NO_ID;
    return VEC_PUSH(&w->arena, &w->paths.p[i].targets, target);
}

static bool
index_target(struct wake_index *w, const wake_alternatives *alternatives, enum wake_kind kind, uint32_t id)
{
    struct wake_target target = {kind, id, NO_ID};

    if (alternatives->n == 0)
        return VEC_PUSH(&w->arena, &w->always, target);
    for (size_t i = 0; i < alternatives->n; i++) {
        if (!index_one(w, &alternatives->p[i], target))
            return false;
    }
    return true;
}

static bool
is_woken(const struct rule_graph *g, const struct leaf *l)
{
    return (l->reads & READS_EVENTS) != 0 && bit_get(g->live, l->node);
}

/* How many targets the predicates and leaves from these on have. */
static size_t
count_targets(const struct rule_graph *g, size_t predicate, size_t leaf)
{
    size_t count = 0;

    for (size_t i = predicate; i < g->predicates.n; i++) {
        if (g->predicates.p[i].series_count > 0)
            count += g->predicates.p[i].wakes.n + 1;
    }
    for (size_t i = leaf; i < g->leaves.n; i++) {
        if (is_woken(g, &g->leaves.p[i]))
            count += g->leaves.p[i].wakes.n + 1;
    }
    return count;
}

static bool
fill_index(struct wake_index *w, const struct rule_graph *g, size_t predicate, size_t leaf)
{
    w->slot_count = 4;
    while (w->slot_count < 2 * w->target_count)
        w->slot_count *= 2;
    w->slots = ARENA_ARRAY(&w->arena, struct wake_slot, w->slot_count);
    if (w->slots == NULL)
        return false;
    for (size_t i = predicate; i < g->predicates.n; i++) {
        if (g->predicates.p[i].series_count > 0 &&
            !index_target(w, &g->predicates.p[i].wakes, WAKE_PREDICATE, (uint32_t)i))
            return false;
    }
    for (size_t i = leaf; i < g->leaves.n; i++) {
        if (is_woken(g, &g->leaves.p[i]) && !index_target(w, &g->leaves.p[i].wakes, WAKE_LEAF, g->leaves.p[i].node))
            return false;
    }
    return true;
}

void
wake_index_free(struct wake_index *w)
{
    if (w == NULL || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_deinit(&w->arena);
    free(w);
}

static struct wake_index *
index_new(struct build *b, size_t bytes_max, size_t predicate, size_t leaf)
{
    const struct rule_graph *g = b->g;
    struct wake_index *w = calloc(1, sizeof *w);

    if (w == NULL) {
        b->nomem = true;
        return NULL;
    }
    atomic_init(&w->refs, 1);
    arena_init(&w->arena, bytes_max);
    w->target_count = count_targets(g, predicate, leaf);
    w->predicates = g->predicates.n;
    w->leaves = g->leaves.n;
    if (fill_index(w, g, predicate, leaf))
        return w;
    b->nomem = true;
    wake_index_free(w);
    return NULL;
}

/* After rule_graph_link(). */
void
build_wake_index(struct build *b, size_t bytes_max)
{
    struct rule_graph *g = b->g;
    struct wake_index *bulk = b->before != NULL ? b->before->wake[0] : NULL;
    size_t newer;

    if (bulk != NULL) {
        newer = count_targets(g, bulk->predicates, bulk->leaves);
        if (newer <= NEWER_MIN || newer <= bulk->target_count / 4) {
            atomic_fetch_add_explicit(&bulk->refs, 1, memory_order_relaxed);
            g->wake[0] = bulk;
            if (newer > 0)
                g->wake[1] = index_new(b, bytes_max, bulk->predicates, bulk->leaves);
            return;
        }
    }
    g->wake[0] = index_new(b, bytes_max, 0, 0);
}

/* ---- an event ---- */

struct waker {
    const struct rule_graph *g;
    const struct wake_index *index;
    const struct wake_path *at;
    void (*each)(void *ctx, const struct wake_target *target, bool exact);
    void *ctx;
};

/* The bulk names what was in use when it was made. */
static void
wake_target(const struct waker *k, const struct wake_target *target, bool exact)
{
    if (target->kind == WAKE_PREDICATE ? k->g->predicates.p[target->id].series_count > 0
                                       : bit_get(k->g->live, target->id))
        k->each(k->ctx, target, exact);
}

static void
wake_hit(void *ctx, struct path_hit hit)
{
    const struct waker *k = ctx;
    const struct wake_slot *slot;

    if (!json_is(hit.value, JSON_STRING)) {
        for (size_t i = 0; i < k->at->targets.n; i++)
            wake_target(k, &k->at->targets.p[i], false);
        return;
    }
    slot = slot_for(k->index, k->at->path, json_str(hit.value));
    for (size_t i = 0; i < slot->targets.n; i++)
        wake_target(k, &slot->targets.p[i], hit.direct);
}

void
wake_event(const struct rule_graph *g, const struct json *event,
           void (*each)(void *ctx, const struct wake_target *target, bool exact), void *ctx)
{
    struct waker k = {.g = g, .each = each, .ctx = ctx};

    for (size_t part = 0; part < 2 && g->wake[part] != NULL; part++) {
        k.index = g->wake[part];
        for (size_t i = 0; i < k.index->always.n; i++)
            wake_target(&k, &k.index->always.p[i], false);
        for (size_t i = 0; i < k.index->paths.n; i++) {
            k.at = &k.index->paths.p[i];
            path_walk(event, &g->paths.p[k.at->path], wake_hit, &k);
        }
    }
}
