/* rule_graph_scan.c - what a leaf reads, which events matter to it, and when it must be looked at again.
 *
 * A leaf that is no window leaf is evaluated by the reference evaluator. To know when, its expression is read once:
 *
 *   reads    profile, events, clock, parameters, memberships: which kinds of step can change it.
 *
 *   origins  every value in the tree gets a superset of where it can come from: a path from the profile or from any
 * event (filters, let, generators and lambdas pass it on). So "E.timestamp occurs <= 3 days before now" becomes the
 * term (window, event path timestamp), whatever else surrounds it.
 *
 *   looks    for a stored timestamp t, a window's answer
 * changes only when one of its ends passes t. The next look of a leaf is the earliest such instant over all terms and
 * all timestamps at their paths: early at worst, never late. Words like currentMonth() change at the start of the next
 * unit. Where now is read in any other way (now = x.y, a computed receiver) we cannot solve for the instant: the leaf
 * is looked at in every step and at every full minute, as fine as expiry timers must be [SEGMENTATION 14.4, C 62].
 *
 *   guard    when every use of xEvent is filtered by a predicate with a discriminating equality, an event that has none
 * of those values cannot change the leaf. */
#include "rule/rule_graph_int.h"

#include "base/civil.h"

/* ---- reading a tree ---- */

static unsigned
fn_reads(enum rule_fn fn)
{
    switch (fn) {
    case FN_CURRENT_MONTH:
    case FN_CURRENT_YEAR:
    case FN_CURRENT_DAY_OF_MONTH:
        return READS_CLOCK;
    case FN_IN_SEGMENT:
        return READS_MEMBERS;
    default:
        return 0;
    }
}

unsigned
node_reads(const struct rule_node *n)
{
    unsigned reads = 0;

    switch (n->op) {
    case RULE_PROFILE:
        reads = READS_PROFILE;
        break;
    case RULE_PARAM:
        reads = READS_PARAMS;
        break;
    case RULE_EVENTS:
        reads = READS_EVENTS;
        break;
    case RULE_NOW:
    case RULE_TODAY:
    case RULE_YESTERDAY:
    case RULE_TOMORROW:
        reads = READS_CLOCK;
        break;
    case RULE_CALL:
        reads = fn_reads(n->fn);
        break;
    case RULE_OCCURS:
        reads = when_reads_clock(n->when) ? READS_CLOCK : 0;
        break;
    case RULE_ELEMENT:
        reads = n->element->has_when && when_reads_clock(&n->element->when) ? READS_CLOCK : 0;
        break;
    default:
        break;
    }
    for (size_t i = 0; i < n->arg_count; i++)
        reads |= node_reads(n->args[i]);
    return reads;
}

bool
node_mentions_slot(const struct rule_node *n, uint16_t slot)
{
    if (n->op == RULE_SLOT && n->slot == slot)
        return true;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (node_mentions_slot(n->args[i], slot))
            return true;
    }
    return false;
}

/* ---- origins and terms ---- */

struct reader {
    struct build *b;
    struct leaf *l;
};

static void visit(struct reader *r, const struct rule_node *n, struct origin *out);

static void
bind(struct reader *r, unsigned slot, const struct origin *o)
{
    if (slot < r->b->slot_count)
        r->b->slots[slot] = *o;
}

/* The value is used, not only passed on: its path is read. */
static void
use(struct reader *r, const struct rule_node *n, struct origin *out)
{
    visit(r, n, out);
    build_read_path(r->b, out->root, out->parts, out->n);
}

static void
append(struct reader *r, struct origin *o, struct str name)
{
    if (o->root != ORIGIN_PROFILE && o->root != ORIGIN_EVENT) {
        o->root = ORIGIN_NONE;
    } else if (o->n == ORIGIN_PARTS) {
        build_read_path(r->b, o->root, o->parts, o->n);
        o->root = ORIGIN_NONE;
    } else {
        o->parts[o->n++] = name;
    }
}

static void
add_term(struct reader *r, const struct origin *o, const struct time_span *span)
{
    struct clock_term t = {.root = o->root, .span = *span};
    struct value v;

    if (o->root == ORIGIN_LITERAL) {
        v = value_as_time(o->literal->value);
        if (v.kind != VALUE_TIME)
            return; /* never a time: the result does not depend on the clock */
        t.literal_ms = v.i;
    } else if (o->root != ORIGIN_NONE) {
        t.path = build_path(r->b, o->parts, o->n);
    }
    if (!VEC_PUSH(&r->b->scratch, &r->l->terms, t))
        r->b->nomem = true;
}

/* The leaf may change whenever the calendar unit does. */
static void
add_unit_term(struct reader *r, enum rule_unit unit)
{
    struct time_fn start = {.base = TIME_BASE_PERIOD, .unit = unit};

    r->l->reads |= READS_CLOCK;
    add_term(r, &(struct origin){.root = ORIGIN_NONE}, &(struct time_span){start, start});
}

static void
read_now(struct reader *r)
{
    r->l->reads |= READS_CLOCK;
    r->l->restless = true;
}

static bool
is_clock_word(const struct rule_node *n)
{
    return n->op == RULE_NOW || n->op == RULE_TODAY || n->op == RULE_YESTERDAY || n->op == RULE_TOMORROW;
}

/* One end of a window over a value of unknown origin: it can change only with the period the end stands on. */
static void
add_end_term(struct reader *r, const struct time_fn *end)
{
    if (end->base == TIME_BASE_NOW)
        read_now(r);
    else if (end->base == TIME_BASE_PERIOD)
        add_unit_term(r, end->unit);
}

static void
read_when(struct reader *r, const struct rule_when *w, const struct rule_node *n, const struct origin *receiver,
          unsigned receiver_reads)
{
    enum span_form form;
    struct time_span span;
    struct origin o;

    for (size_t i = 1; i < n->arg_count; i++) {
        if (!is_clock_word(n->args[i]))
            use(r, n->args[i], &o);
    }
    form = rule_when_span(w, n->args, n->arg_count, &span);
    if (form == SPAN_UNKNOWN) {
        read_now(r);
        return;
    }
    if (!time_fn_moves(&span.lo) && !time_fn_moves(&span.hi))
        return;
    r->l->reads |= READS_CLOCK;
    /* A receiver that the clock chooses among stored times is one of them; when it is another one, its own terms say.
     */
    if (receiver->root == ORIGIN_NONE && (receiver_reads & READS_LOOK) != 0) {
        read_now(r);
    } else if (receiver->root == ORIGIN_NONE) {
        add_end_term(r, &span.lo);
        add_end_term(r, &span.hi);
    } else {
        add_term(r, receiver, &span);
    }
}

static void
visit_compare(struct reader *r, const struct rule_node *n)
{
    bool left = is_clock_word(n->args[0]), right = is_clock_word(n->args[1]);
    const struct rule_node *word = n->args[left ? 0 : 1], *other = n->args[left ? 1 : 0];
    struct time_fn at = {.base = word->op == RULE_NOW ? TIME_BASE_NOW : TIME_BASE_PERIOD, .unit = UNIT_DAY};
    struct origin o;

    if (left == right || (node_reads(other) & READS_LOOK) != 0) {
        use(r, n->args[0], &o);
        use(r, n->args[1], &o);
        return;
    }
    use(r, other, &o);
    r->l->reads |= READS_CLOCK;
    at.period_shift = word->op == RULE_YESTERDAY ? -1 : word->op == RULE_TOMORROW ? 1 : 0;
    if (o.root == ORIGIN_NONE)
        add_end_term(r, &at);
    else
        add_term(r, &o, &(struct time_span){at, at});
}

static void
visit_lambda(struct reader *r, const struct rule_node *n, const struct origin *element, struct origin *out)
{
    struct origin none = {.root = ORIGIN_NONE};

    bind(r, n->slot, n->param_count == 2 ? &none : element);
    if (n->param_count == 2)
        bind(r, n->slot + 1u, &none);
    use(r, n->args[0], out);
}

static void
visit_in_segment(struct reader *r, const struct rule_node *n)
{
    const struct rule_node *id = n->args[0];
    const struct graph_audience *known = NULL;

    if (id->op == RULE_LITERAL && id->value.kind == VALUE_STRING)
        known = build_audience(r->b, id->value.s);
    if (known != NULL) {
        if (!VEC_PUSH(&r->b->scratch, &r->l->deps, ((struct leaf_dep){known->id, known->root})))
            r->b->nomem = true;
        return;
    }
    r->l->reads |= READS_MEMBERS;
    build_read_path(r->b, ORIGIN_PROFILE, &S("segmentMembership"), 1);
}

static void
visit_call(struct reader *r, const struct rule_node *n, struct origin *out)
{
    struct origin receiver = {.root = ORIGIN_NONE}, body = receiver;
    bool lambda = false;

    if (n->fn == FN_IN_SEGMENT && n->arg_count > 0)
        visit_in_segment(r, n);
    if (n->fn == FN_CURRENT_MONTH || n->fn == FN_CURRENT_YEAR || n->fn == FN_CURRENT_DAY_OF_MONTH)
        add_unit_term(r, n->fn == FN_CURRENT_MONTH ? UNIT_MONTH : n->fn == FN_CURRENT_YEAR ? UNIT_YEAR : UNIT_DAY);
    for (size_t i = 0; i < n->arg_count; i++) {
        if (n->args[i]->op == RULE_LAMBDA) {
            visit_lambda(r, n->args[i], &receiver, &body);
            lambda = true;
        } else if (i == 0) {
            use(r, n->args[0], &receiver);
        } else {
            use(r, n->args[i], &body);
        }
    }
    switch (n->fn) {
    case FN_FILTER:
    case FN_DISTINCT:
    case FN_TOP_N:
    case FN_BOTTOM_N:
    case FN_HEAD:
    case FN_INTERSECTION:
        *out = receiver;
        break;
    case FN_MIN:
    case FN_MAX:
        *out = lambda ? body : receiver;
        break;
    case FN_GET:
        *out = receiver;
        if (n->arg_count == 2 && n->args[1]->op == RULE_LITERAL && n->args[1]->value.kind == VALUE_STRING)
            append(r, out, n->args[1]->value.s);
        else
            out->root = ORIGIN_NONE;
        break;
    default:
        out->root = ORIGIN_NONE;
    }
}

static void
visit_generator(struct reader *r, const struct rule_node *gen, struct origin *source)
{
    struct origin o;

    use(r, gen->args[0], source);
    bind(r, gen->slot, source);
    if (gen->arg_count > 1)
        use(r, gen->args[1], &o);
}

static void
visit_generators(struct reader *r, const struct rule_node *n, struct origin *out)
{
    size_t first = n->op == RULE_AGG ? 1 : 0;
    struct origin o;

    for (size_t i = first; i < n->arg_count; i++) {
        visit_generator(r, n->args[i], &o);
        if (i == 0)
            *out = o; /* select: elements of the first generator */
    }
    if (n->op == RULE_AGG)
        use(r, n->args[0], out);
    if (n->op != RULE_SELECT && !(n->op == RULE_AGG && (n->fn == FN_MIN || n->fn == FN_MAX)))
        out->root = ORIGIN_NONE;
}

static void
visit_chain(struct reader *r, const struct rule_node *n)
{
    struct origin list, time, names, o;

    use(r, n->args[0], &list);
    time = list;
    (void)split_chain_path(n->name, &names); /* what does not fit leaves a prefix, which append() refuses too */
    for (size_t i = 0; i < names.n; i++)
        append(r, &time, names.parts[i]);
    build_read_path(r->b, time.root, time.parts, time.n);
    for (size_t i = 1; i < n->arg_count; i++) {
        const struct rule_node *element = n->args[i];
        bind(r, element->slot, &list);
        if (element->arg_count > 0)
            use(r, element->args[0], &o);
        if (element->element->has_when)
            read_when(r, &element->element->when, element, &time, 0);
    }
}

static void
visit(struct reader *r, const struct rule_node *n, struct origin *out)
{
    struct origin o;

    *out = (struct origin){.root = ORIGIN_NONE};
    switch (n->op) {
    case RULE_LITERAL:
        *out = (struct origin){.root = ORIGIN_LITERAL, .literal = n};
        return;
    case RULE_PROFILE:
        r->l->reads |= READS_PROFILE;
        out->root = ORIGIN_PROFILE;
        return;
    case RULE_EVENTS:
        r->l->reads |= READS_EVENTS;
        out->root = ORIGIN_EVENT;
        return;
    case RULE_PARAM:
        r->l->reads |= READS_PARAMS;
        return;
    case RULE_SLOT:
        if (n->slot < r->b->slot_count)
            *out = r->b->slots[n->slot];
        return;
    case RULE_FIELD:
        visit(r, n->args[0], out);
        append(r, out, n->name);
        return;
    case RULE_NOW:
        read_now(r);
        return;
    case RULE_TODAY:
    case RULE_YESTERDAY:
    case RULE_TOMORROW:
        add_unit_term(r, UNIT_DAY);
        return;
    case RULE_CALL:
        visit_call(r, n, out);
        return;
    case RULE_LET:
        visit(r, n->args[0], &o);
        build_read_path(r->b, o.root, o.parts, o.n);
        bind(r, n->slot, &o);
        visit(r, n->args[1], out);
        return;
    case RULE_QUANT:
    case RULE_SELECT:
    case RULE_AGG:
        visit_generators(r, n, out);
        return;
    case RULE_COMPARE:
        visit_compare(r, n);
        return;
    case RULE_OCCURS:
        use(r, n->args[0], &o);
        read_when(r, n->when, n, &o, node_reads(n->args[0]));
        return;
    case RULE_CHAIN:
        visit_chain(r, n);
        return;
    default:
        for (size_t i = 0; i < n->arg_count; i++)
            use(r, n->args[i], &o);
    }
}

void
build_leaf_reads(struct build *b, const struct rule_node *n, struct leaf *out)
{
    struct reader r = {b, out};
    struct origin o;

    *out = (struct leaf){.expr = n, .look = NO_ID};
    for (size_t i = 0; i < b->slot_count; i++)
        b->slots[i].root = ORIGIN_NONE;
    use(&r, n, &o);
}

/* ---- guards ---- */

struct guard {
    struct build *b;
    wake_alternatives *wakes;
    bool always;
    int64_t lookback_ms;
};

static void guard_node(struct guard *g, const struct rule_node *n);

/* xEvent is used here through the pattern: its alternatives and its window are enough. */
static void
guard_pattern(struct guard *g, const struct pattern *p)
{
    wake_alternatives found = {0};
    int64_t back = pattern_lookback_ms(p);

    build_alternatives(g->b, p->conjuncts, p->n, &found);
    if (found.n == 0)
        g->always = true;
    for (size_t i = 0; i < found.n; i++) {
        struct wake_alternative one = found.p[i];
        one.skip = NO_ID;
        if (!VEC_PUSH(&g->b->scratch, g->wakes, one))
            g->b->nomem = true;
    }
    g->lookback_ms = back > g->lookback_ms ? back : g->lookback_ms;
}

/* n as a list of events, and the condition (may be NULL) on its elements; false: it is none. The helpers that hold a
 * pattern end before the walk goes deeper, for a pattern is large and trees may be LIMIT_RULE_HEIGHT high. */
static bool
guard_list(struct guard *g, const struct rule_node *n, const struct rule_node *where, uint16_t slot)
{
    struct pattern p = {0};

    if (!pattern_list(&p, n, true))
        return false;
    if (where != NULL)
        (void)pattern_where(&p, where, slot, true); /* loose: always true */
    guard_pattern(g, &p);
    return true;
}

static bool
guard_elements(struct guard *g, const struct rule_node *chain)
{
    struct pattern list = {0}, p;

    if (!pattern_list(&list, chain->args[0], true))
        return false;
    /* An empty list makes every chain false, so there any event of the list matters [SEGMENTATION 9.2.5]. */
    if (chain->arg_count == 2 && element_allows_none(chain->args[1]->element))
        guard_pattern(g, &list);
    for (size_t i = 1; i < chain->arg_count; i++) {
        const struct rule_node *element = chain->args[i];
        p = list;
        if (element->arg_count > 0)
            (void)pattern_where(&p, element->args[0], element->slot, true); /* loose: always true */
        if (element->element->has_when)
            (void)pattern_when(&p, element, chain->name); /* without it: no bound */
        guard_pattern(g, &p);
    }
    return true;
}

/* Conditions of a list of events may read events again, through generators of their own. */
static void
guard_conditions(struct guard *g, const struct rule_node *n)
{
    for (; n->op != RULE_EVENTS; n = n->op == RULE_CALL ? n->args[0] : n->args[0]->args[0]) {
        if (n->op == RULE_CALL)
            guard_node(g, n->args[1]);
        else if (n->args[0]->arg_count > 1)
            guard_node(g, n->args[0]->args[1]);
    }
}

static void
guard_chain(struct guard *g, const struct rule_node *n)
{
    if (guard_elements(g, n))
        guard_conditions(g, n->args[0]);
    else
        guard_node(g, n->args[0]);
    for (size_t i = 1; i < n->arg_count; i++)
        guard_node(g, n->args[i]);
}

/* A generator; the condition of forall asserts and does not filter. */
static void
guard_generator(struct guard *g, const struct rule_node *gen, bool filters)
{
    const struct rule_node *where = gen->arg_count > 1 ? gen->args[1] : NULL;

    if (guard_list(g, gen->args[0], filters ? where : NULL, gen->slot))
        guard_conditions(g, gen->args[0]);
    else
        guard_node(g, gen->args[0]);
    if (where != NULL)
        guard_node(g, where);
}

static void
guard_node(struct guard *g, const struct rule_node *n)
{
    if (n->op == RULE_CHAIN) {
        guard_chain(g, n);
    } else if (n->op == RULE_GEN) {
        guard_generator(g, n, true);
    } else if (n->op == RULE_QUANT && n->quant == QUANT_ALL) {
        for (size_t i = 0; i < n->arg_count; i++)
            guard_generator(g, n->args[i], false);
    } else if (guard_list(g, n, NULL, 0)) {
        guard_conditions(g, n);
    } else {
        for (size_t i = 0; i < n->arg_count; i++)
            guard_node(g, n->args[i]);
    }
}

void
build_leaf_guard(struct build *b, const struct rule_node *n, wake_alternatives *out, int64_t *lookback_ms)
{
    struct guard g = {.b = b, .wakes = out};

    guard_node(&g, n);
    if (g.always)
        *out = (wake_alternatives){0};
    *lookback_ms = g.lookback_ms;
}

/* ---- looks ---- */

struct looker {
    const struct clock_term *term;
    int64_t now, next;
};

static void
look_at(struct looker *k, int64_t t)
{
    const struct time_span *s = &k->term->span;
    int64_t lo = time_fn_crosses(&s->lo, t, k->now), hi = time_fn_crosses(&s->hi, t - 1, k->now);

    k->next = lo < k->next ? lo : k->next;
    k->next = hi < k->next ? hi : k->next;
}

static int64_t
scalar_time(const struct json *v)
{
    struct value s = VALUE_OF_NULL;

    if (json_is(v, JSON_STRING))
        s = (struct value){.kind = VALUE_STRING, .s = json_str(v)};
    else if (json_is(v, JSON_INT))
        s = (struct value){.kind = VALUE_INT, .i = json_i64(v, 0)};
    s = value_as_time(s);
    return s.kind == VALUE_TIME ? s.i : TIME_NONE;
}

static void
look_at_hit(void *ctx, struct path_hit hit)
{
    int64_t t = scalar_time(hit.value);

    if (t != TIME_NONE)
        look_at(ctx, t);
}

/* inSegment without a callback reads validUntil of the stored memberships: the next of them to pass. */
static int64_t
members_look_ms(const struct rule_env *env)
{
    struct json_iter spaces = json_iter(json_get(env->profile, S("segmentMembership")));
    int64_t next = TIME_NEVER;

    while (json_next(&spaces)) {
        struct json_iter items = json_iter(spaces.value);
        while (json_next(&items)) {
            int64_t t = scalar_time(json_get(items.value, S("validUntil")));
            if (t != TIME_NONE && t > env->now_ms && t < next)
                next = t;
        }
    }
    return next;
}

int64_t
leaf_look_ms(const struct rule_graph *g, const struct leaf *l, const struct rule_env *env)
{
    struct looker k = {.now = env->now_ms, .next = TIME_NEVER};

    if ((l->reads & READS_MEMBERS) != 0 && env->in_segment == NULL)
        k.next = members_look_ms(env);
    if (l->restless) {
        int64_t start = rule_unit_start(k.now, UNIT_MINUTE);
        k.next = start + MS_PER_MINUTE < k.next ? start + MS_PER_MINUTE : k.next;
    }
    for (size_t i = 0; i < l->terms.n; i++) {
        const struct graph_path *path;
        k.term = &l->terms.p[i];
        path = &g->paths.p[k.term->path];
        switch (k.term->root) {
        case ORIGIN_NONE:
            look_at(&k, time_fn_at(&k.term->span.lo, k.now));
            break;
        case ORIGIN_LITERAL:
            look_at(&k, k.term->literal_ms);
            break;
        case ORIGIN_PROFILE:
            path_walk(env->profile, path, look_at_hit, &k);
            break;
        case ORIGIN_EVENT:
            for (size_t e = 0; e < env->event_count; e++)
                path_walk(env->events[e], path, look_at_hit, &k);
            break;
        }
    }
    return k.next;
}

/* ---- paths ---- */

static void
walk_from(const struct json *v, const struct graph_path *path, size_t part, bool direct,
          void (*each)(void *ctx, struct path_hit hit), void *ctx)
{
    struct json_iter it;

    while (part < path->n && json_is(v, JSON_OBJECT))
        v = json_get(v, path->parts[part++]);
    if (json_is(v, JSON_ARRAY)) {
        it = json_iter(v);
        while (json_next(&it))
            walk_from(it.value, path, part, false, each, ctx);
        return;
    }
    if (part < path->n || v == NULL || json_is(v, JSON_NULL) || json_is(v, JSON_OBJECT))
        return;
    each(ctx, (struct path_hit){v, direct});
}

void
path_walk(const struct json *v, const struct graph_path *path, void (*each)(void *ctx, struct path_hit hit), void *ctx)
{
    walk_from(v, path, 0, true, each, ctx);
}

int64_t
path_time(const struct json *event, const struct graph_path *path)
{
    for (size_t i = 0; i < path->n && event != NULL; i++)
        event = json_get(event, path->parts[i]);
    return scalar_time(event);
}

/* ---- why ---- */

const char *
rule_graph_scan_reason(const struct rule_graph *g, size_t audience)
{
    uint32_t at = g->audiences[audience].root;

    while (g->nodes.p[at].scans) {
        const struct graph_node *n = &g->nodes.p[at];
        size_t i = 0;
        while (i < n->child_count && !g->nodes.p[n->children[i]].scans)
            i++;
        if (i == n->child_count)
            return g->leaves.p[n->index].why;
        at = n->children[i];
    }
    return NULL;
}
