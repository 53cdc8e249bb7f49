/* rule_eval_list.c - functions over lists [SEGMENTATION 7.3, 7.4].
 *
 * Element expressions are RULE_LAMBDA nodes. What a null or unsuitable receiver gives is in the tables of the
 * specification: false for predicates (true for forall and its empty list), null for lists, 0 for count and sum. Sets
 * of more than a few elements are looked up by hash where that gives the same answer as comparing one by one. */
#include "rule/rule_int.h"

/* ---- a hash set of values under value_same, in order of first appearance ---- */

struct eval_set {
    struct value *items;
    uint32_t *slots; /* index + 1; 0 is free */
    size_t mask;
    size_t n;
};

static bool
set_init(struct eval *ev, struct eval_set *s, size_t room)
{
    size_t cap = 8;

    while (cap < 2 * room)
        cap *= 2;
    *s = (struct eval_set){
        .items = ARENA_ARRAY(ev->a, struct value, room), .slots = ARENA_ARRAY(ev->a, uint32_t, cap), .mask = cap - 1};
    if (s->items == NULL || s->slots == NULL)
        ev->stop = true;
    return !ev->stop;
}

/* The index of the equal item, or *slot where it would go and SIZE_MAX. */
static size_t
set_find(const struct eval_set *s, struct value v, size_t *slot)
{
    size_t i = value_hash(v) & s->mask;

    for (; s->slots[i] != 0; i = (i + 1) & s->mask) {
        if (value_same(s->items[s->slots[i] - 1], v))
            return s->slots[i] - 1;
    }
    *slot = i;
    return SIZE_MAX;
}

/* Index of the item; *added tells a new one. The set has room. */
static size_t
set_add(struct eval_set *s, struct value v, bool *added)
{
    size_t slot = 0, at = set_find(s, v, &slot);

    *added = at == SIZE_MAX;
    if (!*added)
        return at;
    s->items[s->n] = v;
    s->slots[slot] = (uint32_t)++s->n;
    return s->n - 1;
}

/* ---- membership of a list with `=` ---- */

enum { LOOKUP_HASH_MIN = 16 }; /* shorter lists are scanned */

struct lookup {
    struct value list;
    bool hashed;
    bool numbers; /* hashed: all are numbers; otherwise all are strings */
    struct eval_set set;
};

/* Among strings alone, and among numbers alone, `=` is value_same. */
static void
lookup_init(struct eval *ev, struct lookup *l, struct value list)
{
    struct value_iter it = value_iter(list);
    bool strings = true, numbers = true, added;

    *l = (struct lookup){.list = list};
    if (value_count(list) < LOOKUP_HASH_MIN)
        return;
    while ((strings || numbers) && value_next(&it) && eval_tick(ev, 1)) {
        strings = strings && it.value.kind == VALUE_STRING;
        numbers = numbers && value_is_number(it.value);
    }
    if ((!strings && !numbers) || !set_init(ev, &l->set, value_count(list)))
        return;
    it = value_iter(list);
    while (value_next(&it) && eval_tick(ev, 1))
        (void)set_add(&l->set, it.value, &added); /* duplicates do not matter */
    l->hashed = true;
    l->numbers = numbers;
}

/* Some element of the list equals x, x being the first operand. */
static bool
lookup_has(struct eval *ev, const struct lookup *l, struct value x)
{
    struct value_iter it = value_iter(l->list);
    size_t slot;

    if (x.kind == VALUE_NULL)
        return false;
    if (l->hashed && (l->numbers ? value_is_number(x) : x.kind == VALUE_STRING))
        return set_find(&l->set, x, &slot) != SIZE_MAX;
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (value_compare(CMP_EQ, x, it.value))
            return true;
    }
    return false;
}

static bool
includes(struct eval *ev, struct value x, struct value v)
{
    struct value_iter it = value_iter(x);

    if (x.kind != VALUE_LIST)
        return false;
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (value_compare(CMP_EQ, it.value, v))
            return true;
    }
    return false;
}

static bool
intersects(struct eval *ev, struct value x, struct value y)
{
    struct value_iter it = value_iter(x);
    struct lookup in_y;

    if (x.kind != VALUE_LIST || y.kind != VALUE_LIST)
        return false;
    lookup_init(ev, &in_y, y);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (lookup_has(ev, &in_y, it.value))
            return true;
    }
    return false;
}

static bool
subset(struct eval *ev, struct value x, struct value y)
{
    struct value_iter it = value_iter(x);
    struct lookup in_y;

    if (x.kind != VALUE_LIST || y.kind != VALUE_LIST)
        return false;
    lookup_init(ev, &in_y, y);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (it.value.kind != VALUE_NULL && !lookup_has(ev, &in_y, it.value))
            return false;
    }
    return true;
}

/* Distinct elements of x; with y, only those that occur there. Nulls are dropped [C 20]. */
static struct value
distinct(struct eval *ev, struct value x, const struct value *y)
{
    struct value_iter it = value_iter(x);
    struct eval_list out = {0};
    struct eval_set seen;
    struct lookup in_y;
    bool added;

    if (x.kind != VALUE_LIST || (y != NULL && y->kind != VALUE_LIST) || !set_init(ev, &seen, value_count(x)))
        return VALUE_OF_NULL;
    if (y != NULL)
        lookup_init(ev, &in_y, *y);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (it.value.kind == VALUE_NULL || (y != NULL && !lookup_has(ev, &in_y, it.value)))
            continue;
        (void)set_add(&seen, value_keep(&it, ev->a, &ev->stop), &added); /* kept in order by the set itself */
    }
    out.items = seen.items;
    out.n = seen.n;
    return eval_list_done(ev, &out);
}

/* ---- element expressions ---- */

static struct value
filter(struct eval *ev, const struct rule_node *n, struct value x)
{
    struct value_iter it = value_iter(x);
    struct eval_list out = {0};

    if (x.kind != VALUE_LIST)
        return VALUE_OF_NULL;
    while (value_next(&it) && eval_tick(ev, 1)) {
        struct value v = value_keep(&it, ev->a, &ev->stop);
        eval_bind(ev, n->args[1]->slot, v);
        if (eval_truth(ev, n->args[1]->args[0]))
            eval_list_add(ev, &out, v);
    }
    return eval_list_done(ev, &out);
}

/* Whether some element's truth is `wanted`. */
static bool
any_elem(struct eval *ev, const struct rule_node *n, struct value x, bool wanted)
{
    struct value_iter it = value_iter(x);

    if (x.kind != VALUE_LIST)
        return false;
    while (value_next(&it) && eval_tick(ev, 1)) {
        eval_bind(ev, n->args[1]->slot, value_keep(&it, ev->a, &ev->stop));
        if (eval_truth(ev, n->args[1]->args[0]) == wanted)
            return true;
    }
    return false;
}

static bool
present(struct value x)
{
    struct value_iter it = value_iter(x);

    if (x.kind != VALUE_LIST)
        return x.kind != VALUE_NULL;
    while (value_next(&it)) {
        if (it.value.kind != VALUE_NULL)
            return true;
    }
    return false;
}

static struct value
map_list(struct eval *ev, const struct rule_node *n, struct value x)
{
    struct value_iter it = value_iter(x);
    struct eval_list out = {0};

    eval_list_reserve(ev, &out, value_count(x));
    while (value_next(&it) && eval_tick(ev, 1))
        eval_list_add(ev, &out, eval_elem(ev, n->args[1], value_keep(&it, ev->a, &ev->stop)));
    return eval_list_done(ev, &out);
}

/* The text of a map's key, in the arena unless it is a string already; p is NULL for what cannot be one. */
static struct str
key_text(struct eval *ev, struct value v)
{
    char room[VALUE_TEXT_BYTES];
    struct str text = S_NULL;

    if (v.kind == VALUE_STRING)
        return v.s.p != NULL ? v.s : S("");
    if (!value_text(v, room, &text))
        return S_NULL;
    text = arena_str(ev->a, text);
    if (text.p == NULL)
        ev->stop = true;
    return text;
}

static struct value
keyed(struct eval *ev, const struct eval_set *keys, const struct value *items)
{
    struct str *names = ARENA_ARRAY(ev->a, struct str, keys->n);

    if (names == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    for (size_t i = 0; i < keys->n; i++)
        names[i] = keys->items[i].s;
    return eval_map_of(ev, names, items, keys->n);
}

/* map((K, V) => mapEntry(k, v)): a repeated key keeps its place and takes the last value. */
static struct value
map_map(struct eval *ev, const struct rule_node *n, struct value x)
{
    const struct rule_node *lambda = n->args[1];
    struct value_iter it = value_iter(x);
    struct value *items = ARENA_ARRAY(ev->a, struct value, value_count(x));
    struct eval_set keys;
    bool added;

    if (items == NULL || !set_init(ev, &keys, value_count(x))) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    while (value_next(&it) && eval_tick(ev, 1)) {
        struct value entry;
        struct str key;
        eval_bind(ev, (size_t)lambda->slot + 1, value_keep(&it, ev->a, &ev->stop));
        entry = eval_elem(ev, lambda, value_string(it.key));
        if (entry.kind != VALUE_ENTRY || ev->stop)
            continue;
        key = key_text(ev, entry.entry[0]);
        if (key.p != NULL)
            items[set_add(&keys, value_string(key), &added)] = entry.entry[1];
    }
    return keyed(ev, &keys, items);
}

static struct value
group_by(struct eval *ev, const struct rule_node *n, struct value x)
{
    struct value_iter it = value_iter(x);
    struct eval_list *groups = ARENA_ARRAY(ev->a, struct eval_list, value_count(x));
    struct value *items;
    struct eval_set keys;
    bool added;

    if (x.kind != VALUE_LIST)
        return VALUE_OF_NULL;
    if (groups == NULL || !set_init(ev, &keys, value_count(x))) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    while (value_next(&it) && eval_tick(ev, 2)) {
        struct value v = value_keep(&it, ev->a, &ev->stop);
        struct str key = key_text(ev, eval_elem(ev, n->args[1], v));
        if (key.p != NULL)
            eval_list_add(ev, &groups[set_add(&keys, value_string(key), &added)], v);
    }
    items = ARENA_ARRAY(ev->a, struct value, keys.n);
    if (items == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    for (size_t i = 0; i < keys.n && !ev->stop; i++)
        items[i] = eval_list_done(ev, &groups[i]);
    return keyed(ev, &keys, items);
}

/* ---- order: numbers, then times (and strings that read as times), then other strings ---- */

enum eval_rank
eval_rank_of(struct value *v)
{
    struct value time;

    if (value_is_number(*v))
        return RANK_NUMBER;
    if (v->kind != VALUE_TIME && v->kind != VALUE_STRING)
        return RANK_NONE;
    time = value_as_time(*v);
    if (time.kind == VALUE_NULL)
        return RANK_STRING;
    *v = time;
    return RANK_TIME;
}

struct sort_item {
    enum eval_rank rank;
    struct value key;
    struct value element;
    size_t index; /* keeps the order of equals */
    bool descending;
};

static int
by_key(const void *a, const void *b)
{
    const struct sort_item *x = a, *y = b;
    int c = (x->rank > y->rank) - (x->rank < y->rank);

    if (x->rank == RANK_NONE || y->rank == RANK_NONE) /* no sort value: last in either direction [C 18] */
        return x->rank == y->rank ? (x->index > y->index) - (x->index < y->index) : x->rank == RANK_NONE ? 1 : -1;
    if (c == 0)
        c = value_compare(CMP_GT, x->key, y->key) - value_compare(CMP_LT, x->key, y->key);
    if (c != 0)
        return x->descending ? -c : c;
    return (x->index > y->index) - (x->index < y->index);
}

static struct value
top(struct eval *ev, const struct rule_node *n, struct value x)
{
    struct value_iter it = value_iter(x);
    struct sort_item *items = ARENA_ARRAY(ev->a, struct sort_item, value_count(x));
    struct value amount;
    struct eval_list out = {0};
    size_t count = 0;

    if (x.kind != VALUE_LIST)
        return VALUE_OF_NULL;
    if (items == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    while (value_next(&it) && eval_tick(ev, 4)) {
        struct sort_item *item = &items[count];
        item->element = value_keep(&it, ev->a, &ev->stop);
        item->key = eval_elem(ev, n->args[1], item->element);
        item->rank = eval_rank_of(&item->key);
        item->descending = n->fn == FN_TOP_N;
        item->index = count++;
    }
    amount = eval_value(ev, n->args[2]);
    if (amount.kind != VALUE_INT || ev->stop)
        return VALUE_OF_NULL;
    qsort(items, count, sizeof *items, by_key);
    for (size_t i = 0; i < count && amount.i > (int64_t)i && !ev->stop; i++)
        eval_list_add(ev, &out, items[i].element);
    return eval_list_done(ev, &out);
}

/* ---- aggregations ---- */

/* Integers add up exactly; the first double, or a sum past 64 bits, goes on in binary64, left to right. */
static void
take_number(struct eval_fold *g, struct value v)
{
    int64_t sum;

    if (!value_is_number(v))
        return;
    g->n++;
    if (!g->is_double && v.kind == VALUE_INT && !__builtin_add_overflow(g->int_sum, v.i, &sum)) {
        g->int_sum = sum;
        return;
    }
    if (!g->is_double) {
        g->sum = (double)g->int_sum;
        g->is_double = true;
    }
    g->sum += v.kind == VALUE_INT ? (double)v.i : v.f;
}

void
eval_fold_take(struct eval_fold *g, struct value v)
{
    enum eval_rank rank;

    if (g->fn == FN_COUNT) {
        g->n += v.kind != VALUE_NULL;
        return;
    }
    if (g->fn == FN_SUM || g->fn == FN_AVERAGE) {
        take_number(g, v);
        return;
    }
    rank = eval_rank_of(&v);
    if (rank == RANK_NONE || (g->n > 0 && rank != g->rank))
        return;
    if (g->n == 0 || value_compare(g->fn == FN_MIN ? CMP_LT : CMP_GT, v, g->best))
        g->best = v;
    g->rank = rank;
    g->n++;
}

static void
take_flat(struct eval *ev, struct eval_fold *g, struct value v)
{
    struct value_iter it;

    if (v.kind != VALUE_LIST) {
        eval_fold_take(g, v);
        return;
    }
    it = value_iter(v);
    while (value_next(&it) && eval_tick(ev, 1))
        eval_fold_take(g, it.value);
}

struct value
eval_fold_result(const struct eval_fold *g)
{
    double sum = g->is_double ? g->sum : (double)g->int_sum;

    switch (g->fn) {
    case FN_COUNT:
        return value_int((int64_t)g->n);
    case FN_SUM:
        return g->is_double ? value_double(g->sum) : value_int(g->int_sum);
    case FN_AVERAGE:
        return g->n == 0 ? VALUE_OF_NULL : value_double(sum / (double)g->n);
    default:
        return g->n == 0 ? VALUE_OF_NULL : g->best;
    }
}

struct value
eval_aggregate(struct eval *ev, enum rule_fn fn, struct value items, bool flatten)
{
    struct value_iter it = value_iter(items);
    struct eval_fold g = {.fn = fn};

    if (fn == FN_COUNT && items.kind == VALUE_MAP)
        return value_int((int64_t)value_count(items));
    if (items.kind != VALUE_LIST)
        return eval_fold_result(&g);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (flatten)
            take_flat(ev, &g, it.value);
        else
            eval_fold_take(&g, it.value);
    }
    return eval_fold_result(&g);
}

static struct value
aggregate_elem(struct eval *ev, const struct rule_node *n, struct value x)
{
    struct value_iter it = value_iter(x);
    struct eval_fold g = {.fn = n->fn};

    if (x.kind != VALUE_LIST)
        return eval_fold_result(&g);
    while (value_next(&it) && eval_tick(ev, 1))
        take_flat(ev, &g, eval_elem(ev, n->args[1], value_keep(&it, ev->a, &ev->stop)));
    return eval_fold_result(&g);
}

static struct value
call_elem(struct eval *ev, const struct rule_node *n, struct value x)
{
    switch (n->fn) {
    case FN_GROUP_BY:
        return group_by(ev, n, x);
    case FN_FILTER:
        return filter(ev, n, x);
    case FN_TO_MAP:
        if (n->args[1]->param_count == 2)
            return x.kind == VALUE_MAP ? map_map(ev, n, x) : VALUE_OF_NULL;
        return x.kind == VALUE_LIST ? map_list(ev, n, x) : VALUE_OF_NULL;
    case FN_EXISTS:
        return value_bool(any_elem(ev, n, x, true));
    case FN_FORALL:
        return value_bool(!any_elem(ev, n, x, false));
    case FN_TOP_N:
    case FN_BOTTOM_N:
        return top(ev, n, x);
    default:
        return aggregate_elem(ev, n, x);
    }
}

struct value
eval_call_list(struct eval *ev, const struct rule_node *n)
{
    struct value x = eval_value(ev, n->args[0]), y = VALUE_OF_NULL;
    struct value_iter it;

    if (ev->stop)
        return VALUE_OF_NULL;
    if (n->arg_count > 1 && n->args[1]->op == RULE_LAMBDA)
        return call_elem(ev, n, x);
    if (n->arg_count > 1)
        y = eval_value(ev, n->args[1]);
    switch (n->fn) {
    case FN_INCLUDES:
        return value_bool(includes(ev, x, y));
    case FN_INTERSECTS:
        return value_bool(intersects(ev, x, y));
    case FN_INTERSECTION:
        return distinct(ev, x, &y);
    case FN_SUBSET_OF:
        return value_bool(subset(ev, x, y));
    case FN_SUPERSET_OF:
        return value_bool(subset(ev, y, x));
    case FN_DISTINCT:
        return distinct(ev, x, NULL);
    case FN_HEAD:
        it = value_iter(x);
        return x.kind == VALUE_LIST && value_next(&it) ? value_keep(&it, ev->a, &ev->stop) : VALUE_OF_NULL;
    case FN_EXISTS:
        return value_bool(eval_tick(ev, value_count(x)) && present(x));
    default:
        return eval_aggregate(ev, n->fn, x, false);
    }
}
