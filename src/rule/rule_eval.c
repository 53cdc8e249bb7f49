/* rule_eval.c - the reference evaluator: a walk over the tree.
 *
 * The walk is the definition of the language; the incremental evaluator is tested against it. Every node and every
 * element of a list costs a step, LIMIT_RULE_STEPS in all, so no rule runs for long; recursion follows the height of
 * the tree, which the compilers bound. Scalars never touch the arena: paths through objects are followed on the parsed
 * JSON itself. */
#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "rule/rule_int.h"

void
eval_list_reserve(struct eval *ev, struct eval_list *l, size_t n)
{
    struct value *items;

    if (n <= l->cap || ev->stop)
        return;
    items = arena_alloc(ev->a, n * sizeof *items);
    if (items == NULL) {
        ev->stop = true;
        return;
    }
    if (l->n > 0)
        memcpy(items, l->items, l->n * sizeof *items);
    l->items = items;
    l->cap = n;
}

void
eval_list_add(struct eval *ev, struct eval_list *l, struct value v)
{
    if (l->n == l->cap)
        eval_list_reserve(ev, l, l->cap ? l->cap * 2 : 8);
    if (!ev->stop)
        l->items[l->n++] = v;
}

struct value
eval_list_done(struct eval *ev, const struct eval_list *l)
{
    struct value_list *list = ARENA_NEW(ev->a, struct value_list);

    if (list == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    list->items = l->items;
    list->n = l->n;
    return (struct value){.kind = VALUE_LIST, .list = list};
}

struct value
eval_map_of(struct eval *ev, const struct str *keys, const struct value *items, size_t n)
{
    struct value_map *map = ARENA_NEW(ev->a, struct value_map);

    if (map == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    *map = (struct value_map){.keys = keys, .items = items, .n = n};
    return (struct value){.kind = VALUE_MAP, .map = map};
}

void
eval_bind(struct eval *ev, size_t slot, struct value v)
{
    if (slot >= ev->slot_count) {
        size_t count = slot + EVAL_SLOTS_INLINE;
        struct value *slots = ARENA_ARRAY(ev->a, struct value, count);
        if (slots == NULL) {
            ev->stop = true;
            return;
        }
        memcpy(slots, ev->slots, ev->slot_count * sizeof *slots);
        ev->slots = slots;
        ev->slot_count = count;
    }
    ev->slots[slot] = v;
}

struct value
eval_slot(const struct eval *ev, size_t slot)
{
    return slot < ev->slot_count ? ev->slots[slot] : VALUE_OF_NULL;
}

struct value
eval_elem(struct eval *ev, const struct rule_node *lambda, struct value element)
{
    eval_bind(ev, lambda->slot, element);
    return ev->stop ? VALUE_OF_NULL : eval_value(ev, lambda->args[0]);
}

struct value
eval_events(struct eval *ev)
{
    struct eval_list l = {0};

    if (ev->has_events)
        return ev->events;
    eval_list_reserve(ev, &l, ev->env->event_count);
    for (size_t i = 0; i < ev->env->event_count && eval_tick(ev, 1); i++)
        eval_list_add(ev, &l, value_of_json(ev->env->events[i], ev->a, &ev->stop));
    ev->events = eval_list_done(ev, &l);
    ev->has_events = !ev->stop;
    return ev->events;
}

/* A place on the way of a path: a JSON node as long as possible, so that a.b.c allocates nothing. */
struct place {
    bool is_json;
    const struct json *node;
    struct value value;
};

/* [SEGMENTATION 4.4] each element projected, nulls dropped, lists spliced in. */
static struct value
project_list(struct eval *ev, struct value list, struct str name)
{
    struct value_iter it = value_iter(list);
    struct eval_list out = {0};

    while (value_next(&it) && eval_tick(ev, 1)) {
        struct value v = eval_project(ev, it.value, name);
        struct value_iter inner;
        if (v.kind == VALUE_NULL)
            continue;
        if (v.kind != VALUE_LIST) {
            eval_list_add(ev, &out, v);
            continue;
        }
        inner = value_iter(v);
        while (value_next(&inner) && eval_tick(ev, 1))
            eval_list_add(ev, &out, value_keep(&inner, ev->a, &ev->stop));
    }
    return eval_list_done(ev, &out);
}

struct value
eval_project(struct eval *ev, struct value object, struct str name)
{
    if (object.kind == VALUE_MAP)
        return value_get(object, name, ev->a, &ev->stop);
    return object.kind == VALUE_LIST ? project_list(ev, object, name) : VALUE_OF_NULL;
}

static struct place
eval_place(struct eval *ev, const struct rule_node *n)
{
    struct place p = {.is_json = true};

    if (!eval_tick(ev, 1))
        return p;
    if (n->op == RULE_PROFILE) {
        p.node = ev->env->profile;
        return p;
    }
    if (n->op == RULE_FIELD) {
        p = eval_place(ev, n->args[0]);
        if (p.is_json && !json_is(p.node, JSON_ARRAY)) {
            p.node = json_get(p.node, n->name);
            return p;
        }
        if (p.is_json)
            p.value = value_of_json(p.node, ev->a, &ev->stop);
        p.is_json = false;
        p.value = eval_project(ev, p.value, n->name);
    } else {
        p.value = eval_value(ev, n);
        p.is_json = false;
    }
    if (p.value.kind == VALUE_MAP && p.value.map->json != NULL) {
        p.is_json = true;
        p.node = p.value.map->json;
    }
    return p;
}

static struct value
eval_field(struct eval *ev, const struct rule_node *n)
{
    struct place p = eval_place(ev, n);

    return p.is_json ? value_of_json(p.node, ev->a, &ev->stop) : p.value;
}

static struct value
eval_day(const struct eval *ev, int days)
{
    int64_t ms = rule_time_shift(rule_unit_start(ev->env->now_ms, UNIT_DAY), days, UNIT_DAY);

    return (struct value){.kind = VALUE_TIME, .date_only = true, .i = ms};
}

static struct value
eval_list_literal(struct eval *ev, const struct rule_node *n)
{
    struct eval_list l = {0};

    if (n->value.kind == VALUE_LIST) /* all elements are literals: made once, by the compiler */
        return n->value;
    eval_list_reserve(ev, &l, n->arg_count);
    for (size_t i = 0; i < n->arg_count && !ev->stop; i++)
        eval_list_add(ev, &l, eval_value(ev, n->args[i]));
    return eval_list_done(ev, &l);
}

static struct value
eval_map_literal(struct eval *ev, const struct rule_node *n)
{
    size_t count = n->arg_count / 2;
    struct str *keys = ARENA_ARRAY(ev->a, struct str, count);
    struct value *items = ARENA_ARRAY(ev->a, struct value, count);

    if (keys == NULL || items == NULL) {
        ev->stop = true;
        return VALUE_OF_NULL;
    }
    for (size_t i = 0; i < count && !ev->stop; i++) {
        keys[i] = n->args[2 * i]->value.s;
        items[i] = eval_value(ev, n->args[2 * i + 1]);
    }
    return eval_map_of(ev, keys, items, count);
}

/* x in list: some non-null element of the list equals x. */
static bool
is_in(struct eval *ev, struct value x, struct value list)
{
    struct value_iter it;

    if (list.kind != VALUE_LIST)
        return value_compare(CMP_EQ, x, list);
    it = value_iter(list);
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (value_compare(CMP_EQ, x, it.value))
            return true;
    }
    return false;
}

static bool
eval_in(struct eval *ev, const struct rule_node *n)
{
    struct value x = eval_value(ev, n->args[0]), list = eval_value(ev, n->args[1]);
    struct value_iter it;

    if (x.kind == VALUE_NULL || list.kind == VALUE_NULL || ev->stop)
        return false;
    if (x.kind != VALUE_LIST)
        return is_in(ev, x, list) != n->negated;
    it = value_iter(x); /* some element of x is (or is not) in the list [C 4] */
    while (value_next(&it) && eval_tick(ev, 1)) {
        if (it.value.kind != VALUE_NULL && is_in(ev, it.value, list) != n->negated)
            return true;
    }
    return false;
}

static bool
eval_compare(struct eval *ev, const struct rule_node *n)
{
    struct value a = eval_value(ev, n->args[0]), b;

    if (a.kind == VALUE_NULL)
        return false;
    b = eval_value(ev, n->args[1]);
    return eval_tick(ev, value_count(a) + value_count(b)) && value_compare(n->cmp, a, b);
}

static double
as_double(struct value v)
{
    return v.kind == VALUE_INT ? (double)v.i : v.f;
}

static struct value
int_arith(char op, int64_t a, int64_t b)
{
    int64_t out = 0;
    bool overflow = false;

    switch (op) {
    case '+':
        overflow = __builtin_add_overflow(a, b, &out);
        return overflow ? value_double((double)a + (double)b) : value_int(out);
    case '-':
        overflow = __builtin_sub_overflow(a, b, &out);
        return overflow ? value_double((double)a - (double)b) : value_int(out);
    case '*':
        overflow = __builtin_mul_overflow(a, b, &out);
        return overflow ? value_double((double)a * (double)b) : value_int(out);
    case '/':
        return b == 0 ? VALUE_OF_NULL : value_double((double)a / (double)b);
    default:
        if (b == 0)
            return VALUE_OF_NULL;
        return value_int(b == -1 ? 0 : a % b); /* INT64_MIN % -1 traps */
    }
}

struct value
eval_negated(struct value a)
{
    if (!value_is_number(a))
        return VALUE_OF_NULL;
    return a.kind == VALUE_INT ? int_arith('-', 0, a.i) : value_double(-a.f);
}

struct value
eval_arith_of(char op, struct value a, struct value b)
{
    double x, y;

    if (!value_is_number(a) || !value_is_number(b))
        return VALUE_OF_NULL;
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return int_arith(op, a.i, b.i);
    x = as_double(a);
    y = as_double(b);
    switch (op) {
    case '+':
        return value_double(x + y);
    case '-':
        return value_double(x - y);
    case '*':
        return value_double(x * y);
    case '/':
        return y == 0 ? VALUE_OF_NULL : value_double(x / y);
    default:
        return y == 0 ? VALUE_OF_NULL : value_double(fmod(x, y));
    }
}

static struct value
eval_arith(struct eval *ev, const struct rule_node *n)
{
    struct value a = eval_value(ev, n->args[0]);

    if (!value_is_number(a))
        return VALUE_OF_NULL;
    return n->arg_count == 1 ? eval_negated(a) : eval_arith_of(n->arith, a, eval_value(ev, n->args[1]));
}

/* Generators are nested loops. Each combination that satisfies all conditions is handed to `found`, which returns true
 * to end the search. */
struct search {
    struct eval *ev;
    const struct rule_node *const *gens;
    size_t count;
    bool (*found)(struct search *s);
    struct eval_list values; /* AGG: of the body */
    const struct rule_node *body;
};

static bool
search_from(struct search *s, size_t k)
{
    struct eval *ev = s->ev;
    const struct rule_node *gen;
    struct value source;
    struct value_iter it;

    if (k == s->count)
        return s->found(s);
    gen = s->gens[k];
    source = eval_value(ev, gen->args[0]);
    if (source.kind != VALUE_LIST)
        return false;
    it = value_iter(source);
    while (value_next(&it) && eval_tick(ev, 1)) {
        eval_bind(ev, gen->slot, value_keep(&it, ev->a, &ev->stop));
        if (gen->arg_count > 1 && !eval_truth(ev, gen->args[1]))
            continue;
        if (search_from(s, k + 1))
            return true;
    }
    return false;
}

static bool
found_any(struct search *s)
{
    (void)s;
    return true;
}

static bool
found_body(struct search *s)
{
    eval_list_add(s->ev, &s->values, eval_value(s->ev, s->body));
    return s->ev->stop;
}

/* A condition of forall asserts: it must hold for every element, and then for every element of the next list [C 37]. */
static bool
eval_forall(struct eval *ev, const struct rule_node *const *gens, size_t count)
{
    struct value source = eval_value(ev, gens[0]->args[0]);
    struct value_iter it;

    if (source.kind != VALUE_LIST)
        return true;
    it = value_iter(source);
    while (value_next(&it) && eval_tick(ev, 1)) {
        eval_bind(ev, gens[0]->slot, value_keep(&it, ev->a, &ev->stop));
        if (gens[0]->arg_count > 1 && !eval_truth(ev, gens[0]->args[1]))
            return false;
        if (count > 1 && !eval_forall(ev, gens + 1, count - 1))
            return false;
    }
    return true;
}

/* The elements of the first generator for which some combination of the later ones satisfies everything; at most `max`.
 */
static struct value
eval_select(struct eval *ev, const struct rule_node *n, size_t max)
{
    const struct rule_node *const *gens = (const struct rule_node *const *)n->args;
    struct search rest = {.ev = ev, .gens = gens + 1, .count = n->arg_count - 1, .found = found_any};
    struct value source = eval_value(ev, gens[0]->args[0]);
    struct value_iter it = value_iter(source);
    struct eval_list out = {0};

    if (source.kind != VALUE_LIST)
        return eval_list_done(ev, &out);
    while (out.n < max && value_next(&it) && eval_tick(ev, 1)) {
        struct value v = value_keep(&it, ev->a, &ev->stop);
        eval_bind(ev, gens[0]->slot, v);
        if ((gens[0]->arg_count < 2 || eval_truth(ev, gens[0]->args[1])) && search_from(&rest, 0))
            eval_list_add(ev, &out, v);
    }
    return eval_list_done(ev, &out);
}

static bool
eval_quant(struct eval *ev, const struct rule_node *n)
{
    const struct rule_node *const *gens = (const struct rule_node *const *)n->args;
    struct search s = {.ev = ev, .gens = gens, .count = n->arg_count, .found = found_any};

    switch (n->quant) {
    case QUANT_SOME:
        return search_from(&s, 0);
    case QUANT_NONE:
        return !search_from(&s, 0);
    case QUANT_ALL:
        return eval_forall(ev, gens, n->arg_count);
    default:
        return value_count(eval_select(ev, n, 2)) == 1;
    }
}

static struct value
eval_agg(struct eval *ev, const struct rule_node *n)
{
    const struct rule_node *const *args = (const struct rule_node *const *)n->args;
    struct search s = {.ev = ev, .gens = args + 1, .count = n->arg_count - 1, .found = found_body, .body = args[0]};

    (void)search_from(&s, 0); /* it ends early only when the evaluation stops */
    return eval_aggregate(ev, n->fn, eval_list_done(ev, &s.values), true);
}

static struct value
eval_let(struct eval *ev, const struct rule_node *n)
{
    eval_bind(ev, n->slot, eval_value(ev, n->args[0]));
    return ev->stop ? VALUE_OF_NULL : eval_value(ev, n->args[1]);
}

static bool
eval_junction(struct eval *ev, const struct rule_node *n, bool until)
{
    for (size_t i = 0; i < n->arg_count && !ev->stop; i++) {
        if (eval_truth(ev, n->args[i]) == until)
            return until;
    }
    return !until;
}

bool
eval_truth(struct eval *ev, const struct rule_node *n)
{
    switch (n->op) {
    case RULE_AND:
        return eval_tick(ev, 1) && eval_junction(ev, n, false);
    case RULE_OR:
        return eval_tick(ev, 1) && eval_junction(ev, n, true);
    case RULE_NOT:
        return eval_tick(ev, 1) && !eval_truth(ev, n->args[0]);
    case RULE_COMPARE:
        return eval_tick(ev, 1) && eval_compare(ev, n);
    case RULE_IN:
        return eval_tick(ev, 1) && eval_in(ev, n);
    case RULE_QUANT:
        return eval_tick(ev, 1) && eval_quant(ev, n);
    case RULE_CHAIN:
        return eval_tick(ev, 1) && eval_chain(ev, n);
    default:
        return value_truth(eval_value(ev, n));
    }
}

static struct value
eval_param(const struct eval *ev, const struct rule_node *n, bool *nomem)
{
    size_t i = (size_t)n->slot - 2;

    return i < ev->env->param_count ? value_of_json(ev->env->params[i], ev->a, nomem) : VALUE_OF_NULL;
}

struct value
eval_value(struct eval *ev, const struct rule_node *n)
{
    if (!eval_tick(ev, 1))
        return VALUE_OF_NULL;
    switch (n->op) {
    case RULE_LITERAL:
        return n->value;
    case RULE_PROFILE:
        return value_of_json(ev->env->profile, ev->a, &ev->stop);
    case RULE_PARAM:
        return eval_param(ev, n, &ev->stop);
    case RULE_EVENTS:
        return eval_events(ev);
    case RULE_SLOT:
        return eval_slot(ev, n->slot);
    case RULE_FIELD:
        return eval_field(ev, n);
    case RULE_NOW:
        return (struct value){.kind = VALUE_TIME, .i = ev->env->now_ms};
    case RULE_TODAY:
        return eval_day(ev, 0);
    case RULE_YESTERDAY:
        return eval_day(ev, -1);
    case RULE_TOMORROW:
        return eval_day(ev, 1);
    case RULE_LIST:
        return eval_list_literal(ev, n);
    case RULE_MAP:
        return eval_map_literal(ev, n);
    case RULE_AND:
    case RULE_OR:
    case RULE_NOT:
    case RULE_COMPARE:
    case RULE_IN:
    case RULE_QUANT:
    case RULE_CHAIN:
        return value_bool(eval_truth(ev, n));
    case RULE_ARITH:
        return eval_arith(ev, n);
    case RULE_CALL:
        return eval_call(ev, n);
    case RULE_IF:
        return eval_value(ev, n->args[eval_truth(ev, n->args[0]) ? 1 : 2]);
    case RULE_LET:
        return eval_let(ev, n);
    case RULE_SELECT:
        return eval_select(ev, n, SIZE_MAX);
    case RULE_AGG:
        return eval_agg(ev, n);
    case RULE_OCCURS:
        return eval_occurs(ev, n);
    case RULE_LAMBDA:
    case RULE_GEN:
    case RULE_ELEMENT:
        break; /* only inside the node that binds them */
    }
    check_fail(__FILE__, __LINE__, "a binder is not an expression");
}

enum err
rule_eval_node(const struct rule_node *n, const struct rule_env *env, const struct value *slots, size_t slot_count,
               struct arena *a, struct value *out, struct diag *d)
{
    struct eval ev = {.env = env, .a = a, .steps_left = LIMIT_RULE_STEPS, .slot_count = EVAL_SLOTS_INLINE};
    bool starved, starved_before = a->starved;
    struct value v;

    ev.slots = ev.slots_inline;
    a->starved = false;
    for (size_t i = 0; i < slot_count; i++)
        eval_bind(&ev, i, slots[i]);
    v = eval_value(&ev, n);
    starved = a->starved;
    a->starved = starved || starved_before;
    if (ev.steps_left < 0)
        return diag_set(d, ERR_LIMIT, "the rule takes more than %d steps on this profile", LIMIT_RULE_STEPS);
    if (ev.stop)
        return diag_set(d, starved ? ERR_NOMEM : ERR_LIMIT, "the rule needs more memory than this evaluation has");
    *out = v;
    return ERR_OK;
}

enum err
rule_eval(const struct rule *r, const struct rule_env *env, struct arena *a, struct value *out, struct diag *d)
{
    return rule_eval_node(rule_root(r), env, NULL, 0, a, out, d);
}
