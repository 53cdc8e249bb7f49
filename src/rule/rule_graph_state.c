/* rule_graph_state.c - the steps of a profile's state: an event, changed attributes, passing time.
 *
 * Every step does the same: it marks the leaves that may differ now, then visits marked nodes in ascending order. A
 * node that differs marks its parents, which have greater numbers; so each is evaluated once, after its children.
 *
 *   event        the wake-up index names predicates and scan leaves; a predicate that holds adds a pair to its series,
 *                whose window leaves are marked
 *   attributes   leaves that read the record, parameters or memberships are marked
 *   time         window leaves are marked when their flip has come, scan leaves when their look has
 *
 * The first step of a state that an earlier graph wrote does more: series that are new are filled from the stored
 * events, and nodes that are new are evaluated with what the step marks.
 *
 * A leaf whose evaluation runs into its step or memory limit keeps its truth: it is "not evaluated", never false
 * [SEGMENTATION 12]. One that has no truth to keep is unknown, and so is what cannot be told without it. A step that
 * fails otherwise leaves the state half-way: it is marked broken, and the caller loads it again or builds it anew. */
#include "rule/rule_graph_int.h"

#include "base/metric.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

struct woken {
    uint32_t predicate;
    uint32_t skip;
};

struct field { /* of the record */
    enum { FIELD_UNREAD, FIELD_SCALAR, FIELD_NESTED } state;
    struct value value; /* FIELD_SCALAR; null when the record has none */
};

struct step {
    const struct rule_graph *g;
    struct rule_state *s;
    struct rule_env env; /* now never before the state's */
    struct arena *a;
    struct diag *d;
    struct arena scratch; /* of one leaf's evaluation at a time */
    VEC(struct woken) woken;
    VEC(struct rule_change) changes;
    struct value *slots;
    uint32_t time_path;   /* of time_ms; NO_ID: not read yet */
    int64_t time_ms;      /* of the event in hand: most series share one time field */
    struct field *fields; /* by path, of record fields that leaves compare; NULL: no such leaf was visited yet */
    bool building;        /* a new state: nobody asks for changes */
    bool nomem;
    enum err rc; /* what failed first, other than memory */
};

struct rule_state *
state_new(const struct rule_graph *g, struct arena *a)
{
    size_t words = words_for(g->nodes.n), looks = g->look_count;
    struct rule_state *s = arena_calloc(a, 1, sizeof *s + words * sizeof *s->bits + looks * sizeof *s->looks);

    if (s == NULL)
        return NULL;
    s->g = g;
    s->arena = a;
    s->bits = (uint64_t *)(void *)(s + 1);
    s->looks = (int64_t *)(void *)(s->bits + words);
    for (size_t i = 0; i < looks; i++)
        s->looks[i] = TIME_NEVER;
    return s;
}

static bool
scratch_ready(struct rule_state *s)
{
    size_t words = words_for(s->g->nodes.n);

    if (s->dirty != NULL)
        return true;
    s->dirty = ARENA_ARRAY(s->arena, uint64_t, words + words_for(words) + words_for(s->g->predicates.n));
    if (s->dirty == NULL)
        return false;
    s->dirty_sum = s->dirty + words;
    s->woken = s->dirty_sum + words_for(words);
    return true;
}

static void
mark(struct step *t, uint32_t node)
{
    t->s->dirty[node / 64] |= (uint64_t)1 << node % 64;
    t->s->dirty_sum[node / 64 / 64] |= (uint64_t)1 << node / 64 % 64;
}

/* ---- events into series ---- */

static void
wake(void *ctx, const struct wake_target *target, bool exact)
{
    struct step *t = ctx;

    if (target->kind == WAKE_LEAF) {
        mark(t, target->id);
        return;
    }
    if (bit_get(t->s->woken, target->id))
        return;
    bit_set(t->s->woken, target->id, true);
    if (!VEC_PUSH(t->a, &t->woken, ((struct woken){target->id, exact ? target->skip : NO_ID})))
        t->nomem = true;
}

/* The value of an expression of the event. What takes too many steps is null. */
static struct value
event_value(struct step *t, const struct rule_node *n, uint16_t slot, struct value event)
{
    struct value out = VALUE_OF_NULL;
    struct diag d;

    if (slot > t->g->slot_count)
        return out; /* no rule binds so high a slot */
    t->slots[slot] = event;
    if (rule_eval_node(n, &t->env, t->slots, slot + 1u, t->a, &out, &d) != ERR_OK &&
        rule_eval_node(n, &t->env, t->slots, slot + 1u, &t->scratch, &out, &d) != ERR_OK)
        return VALUE_OF_NULL;
    return out;
}

/* A scalar, or null; false: a list or a map, or below a list, which is left to the evaluator. */
static bool
scalar_at(struct step *t, const struct json *v, const struct graph_path *path, struct value *out)
{
    for (size_t i = 0; i < path->n && !json_is(v, JSON_ARRAY); i++)
        v = json_get(v, path->parts[i]);
    if (json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT))
        return false;
    *out = value_of_json(v, t->a, &t->nomem);
    return true;
}

/* Texts of different lengths are told apart without reading either. */
static bool
field_holds(const struct conjunct *c, struct value v)
{
    if (c->cmp == CMP_EQ && v.kind == VALUE_STRING && c->literal.kind == VALUE_STRING)
        return str_eq(v.s, c->literal.s);
    return value_compare(c->cmp, v, c->literal);
}

static bool
predicate_holds(struct step *t, const struct woken *w, const struct json *event, struct value as_value)
{
    const struct predicate *p = &t->g->predicates.p[w->predicate];

    for (size_t i = 0; i < p->n; i++) {
        const struct conjunct *c = &p->conjuncts[i];
        struct value v;
        if (i == w->skip)
            continue;
        if (c->field != NO_ID && scalar_at(t, event, &t->g->paths.p[c->field], &v)) {
            if (!field_holds(c, v))
                return false;
        } else if (!value_truth(event_value(t, c->node, c->slot, as_value))) {
            return false;
        }
    }
    return true;
}

static int64_t
event_time(struct step *t, const struct json *event, uint32_t path)
{
    if (t->time_path != path) {
        t->time_path = path;
        t->time_ms = path_time(event, &t->g->paths.p[path]);
    }
    return t->time_ms;
}

static void
add_event(struct step *t, uint32_t id, const struct json *event, struct value as_value)
{
    const struct series *series = &t->g->series.p[id];
    int64_t time_ms = event_time(t, event, series->time_path);
    struct series_state *ss = state_series(t->s, id);
    struct value v = VALUE_OF_NULL;
    bool held = true;

    if (ss == NULL)
        ss = state_series_add(t->s, id);
    if (ss == NULL)
        t->nomem = true;
    else if (t->rc == ERR_OK)
        t->rc = series_decode(t->s, ss, t->d);
    if (t->nomem || t->rc != ERR_OK)
        return;
    if (series->value != NULL)
        v = event_value(t, series->value, series->value_slot, as_value);
    if (series->test != NULL)
        held = value_truth(event_value(t, series->test, series->test_slot, as_value));
    if (!series_take(t->s, ss, time_ms, v, held))
        t->nomem = true;
    series_prune(t->g, ss, t->env.now_ms);
    for (size_t i = 0; i < series->leaf_count; i++)
        mark(t, series->leaves[i]);
}

static bool
is_news(const struct rule_state *s, uint32_t series)
{
    size_t lo = 0, hi = s->news->series.n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->news->series.p[mid] < series)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->news->series.n && s->news->series.p[lo] == series;
}

/* Into all series, but not into those that are filled from the stored events, where it is already. */
static void
take_event(struct step *t, const struct json *event)
{
    struct value as_value = value_of_json(event, t->a, &t->nomem);

    t->woken.n = 0;
    t->time_path = NO_ID;
    wake_event(t->g, event, wake, t);
    for (size_t i = 0; i < t->woken.n && !t->nomem; i++) {
        const struct woken *w = &t->woken.p[i];
        const struct predicate *p = &t->g->predicates.p[w->predicate];
        if (!predicate_holds(t, w, event, as_value))
            continue;
        for (size_t k = 0; k < p->series_count && !t->nomem; k++) {
            if (t->s->news == NULL || !is_news(t->s, p->series[k]))
                add_event(t, p->series[k], event, as_value);
        }
    }
    for (size_t i = 0; i < t->woken.n; i++)
        bit_set(t->s->woken, t->woken.p[i].predicate, false);
}

/* An event into the series that are new. Few: each predicate is asked, where the index would name all that are woken.
 */
static void
fill_news(struct step *t, const struct json *event)
{
    struct value as_value = value_of_json(event, t->a, &t->nomem);
    const struct state_news *news = t->s->news;

    t->time_path = NO_ID;
    for (size_t i = 0; i < news->series.n && !t->nomem; i++) {
        struct woken w = {t->g->series.p[news->series.p[i]].predicate, NO_ID};
        if (predicate_holds(t, &w, event, as_value))
            add_event(t, news->series.p[i], event, as_value);
    }
}

/* ---- leaves ---- */

struct membership {
    const struct step *t;
    const struct leaf *l;
    bool unknown; /* something that was asked for has no truth */
};

static bool
in_segment(void *ctx, struct str id)
{
    struct membership *m = ctx;
    const struct rule_env *env = &m->t->env;
    struct rule_node literal = {.op = RULE_LITERAL, .value = {.kind = VALUE_STRING, .s = id}};
    struct rule_node *args[1] = {&literal};
    const struct rule_node call = {.op = RULE_CALL, .fn = FN_IN_SEGMENT, .args = args, .arg_count = 1};
    struct value out = VALUE_OF_NULL;
    struct arena a;
    struct diag d;

    for (size_t i = 0; i < m->l->deps.n; i++) {
        if (str_eq(m->l->deps.p[i].id, id)) {
            m->unknown = m->unknown || state_is_unknown(m->t->s, m->l->deps.p[i].node);
            return bit_get(m->t->s->bits, m->l->deps.p[i].node);
        }
    }
    if (env->in_segment != NULL)
        return env->in_segment(env->ctx, id);
    arena_init(&a, m->t->g->scratch_bytes_max); /* the stored memberships, read as the reference reads them */
    (void)rule_eval_node(&call, env, NULL, 0, &a, &out, &d); /* out stays null when it fails */
    arena_deinit(&a);
    return value_truth(out);
}

static void
read_field(struct step *t, const struct graph_path *path, struct field *f)
{
    f->state = scalar_at(t, t->env.profile, path, &f->value) ? FIELD_SCALAR : FIELD_NESTED;
}

/* What the evaluator makes of a field compared with a literal, without going down to the field again. false: it has to
 * be asked. */
static bool
compare_field(struct step *t, const struct leaf *l, bool *truth)
{
    struct field *f;

    if (t->fields == NULL)
        t->fields = ARENA_ARRAY(t->a, struct field, t->g->paths.n);
    if (t->fields == NULL)
        return false;
    f = &t->fields[l->field];
    if (f->state == FIELD_UNREAD)
        read_field(t, &t->g->paths.p[l->field], f);
    if (f->state != FIELD_SCALAR)
        return false;
    *truth = value_compare(l->cmp, f->value, l->literal);
    return true;
}

/* Of a leaf that was not evaluated. */
static enum truth
kept_truth(const struct step *t, uint32_t id)
{
    if (state_is_unknown(t->s, id))
        return TRUTH_UNKNOWN;
    return bit_get(t->s->bits, id) ? TRUTH_YES : TRUTH_NO;
}

static enum truth
leaf_truth(struct step *t, uint32_t id)
{
    const struct leaf *l = &t->g->leaves.p[t->g->nodes.p[id].index];
    struct membership m = {t, l, false};
    struct rule_env env = t->env;
    struct value out;
    struct diag d;
    bool truth;
    enum err rc;

    if (l->field != NO_ID && compare_field(t, l, &truth))
        return truth ? TRUTH_YES : TRUTH_NO;
    if (l->deps.n > 0) {
        env.in_segment = in_segment;
        env.ctx = &m;
    }
    rc = rule_eval_node(l->expr, &env, NULL, 0, &t->scratch, &out, &d);
    truth = rc == ERR_OK && value_truth(out);
    arena_reset(&t->scratch);
    if (l->look != NO_ID)
        t->s->looks[l->look] = leaf_look_ms(t->g, l, &t->env);
    if (rc == ERR_OK && !m.unknown)
        return truth ? TRUTH_YES : TRUTH_NO;
    if (rc == ERR_LIMIT)
        metric_inc(M_RULE_NOT_EVALUATED);
    return kept_truth(t, id);
}

static enum truth
window_evaluate(struct step *t, uint32_t id)
{
    const struct window_leaf *w = &t->g->windows.p[t->g->nodes.p[id].index];
    struct window_eval e = {.s = t->s, .env = &t->env, .scratch = &t->scratch};
    bool truth;

    if (t->rc == ERR_OK)
        t->rc = window_decode(t->s, w, t->d);
    if (t->rc != ERR_OK)
        return kept_truth(t, id);
    truth = window_truth(&e, w, t->env.now_ms);
    if (!state_flip_set(t->s, id, window_flip_ms(&e, w, t->env.now_ms)))
        t->nomem = true;
    if (!e.undecided)
        return truth ? TRUTH_YES : TRUTH_NO;
    metric_inc(M_RULE_NOT_EVALUATED);
    return kept_truth(t, id);
}

/* decides: the truth of one child that makes it the truth of all, false for and, true for or. */
static enum truth
junction(const struct rule_state *s, const struct graph_node *n, bool decides)
{
    bool unknown = false;

    for (size_t i = 0; i < n->child_count; i++) {
        if (state_is_unknown(s, n->children[i]))
            unknown = true;
        else if (bit_get(s->bits, n->children[i]) == decides)
            return decides ? TRUTH_YES : TRUTH_NO;
    }
    if (unknown)
        return TRUTH_UNKNOWN;
    return decides ? TRUTH_NO : TRUTH_YES;
}

static enum truth
evaluate(struct step *t, uint32_t id)
{
    const struct graph_node *n = &t->g->nodes.p[id];

    switch (n->kind) {
    case NODE_AND:
        return junction(t->s, n, false);
    case NODE_OR:
        return junction(t->s, n, true);
    case NODE_NOT:
        if (state_is_unknown(t->s, n->children[0]))
            return TRUTH_UNKNOWN;
        return bit_get(t->s->bits, n->children[0]) ? TRUTH_NO : TRUTH_YES;
    case NODE_WINDOW:
        return window_evaluate(t, id);
    default:
        return leaf_truth(t, id);
    }
}

static void
visit(struct step *t, uint32_t id)
{
    const struct graph_node *n = &t->g->nodes.p[id];
    bool was_unknown = state_is_unknown(t->s, id);
    enum truth truth = evaluate(t, id);

    if (truth == TRUTH_UNKNOWN || (!was_unknown && (truth == TRUTH_YES) == bit_get(t->s->bits, id)))
        return; /* what has a truth never loses it */
    if (was_unknown)
        bit_set(t->s->unknown, id, false);
    bit_set(t->s->bits, id, truth == TRUTH_YES);
    for (size_t i = 0; i < n->parent_count; i++)
        mark(t, n->parents[i]);
    for (size_t i = 0; i < n->audience_count && !t->building; i++) {
        if (!VEC_PUSH(t->a, &t->changes, ((struct rule_change){n->audiences[i], truth == TRUTH_YES})))
            t->nomem = true;
    }
}

/* In ascending order; nodes that are marked on the way lie ahead. */
static void
visit_marked(struct step *t)
{
    struct rule_state *s = t->s;
    size_t words = words_for(t->g->nodes.n), sums = words_for(words);

    for (size_t k = 0; k < sums; k++) {
        while (s->dirty_sum[k] != 0) {
            size_t word = k * 64 + (size_t)__builtin_ctzll(s->dirty_sum[k]);
            while (s->dirty[word] != 0) {
                unsigned bit = (unsigned)__builtin_ctzll(s->dirty[word]);
                s->dirty[word] &= s->dirty[word] - 1;
                visit(t, (uint32_t)(word * 64 + bit));
            }
            s->dirty_sum[k] &= ~((uint64_t)1 << word % 64);
        }
    }
    /* A leaf that meets a limit keeps its truth: it would meet it again. One that the heap refused has no truth. */
    t->nomem = t->nomem || t->scratch.starved;
}

/* ---- time ---- */

/* Drops what cannot matter again. */
static enum err
tidy(struct step *t, struct series_state *ss)
{
    enum err rc = series_decode(t->s, ss, t->d);

    if (rc == ERR_OK)
        series_prune(t->g, ss, t->env.now_ms);
    return rc;
}

static enum err
mark_flip(struct step *t, uint32_t node)
{
    const struct graph_node *n = &t->g->nodes.p[node];
    const struct window_leaf *w = &t->g->windows.p[n->index];
    enum err rc = ERR_OK;

    if (n->kind != NODE_WINDOW)
        return diag_set(t->d, ERR_CORRUPT, "audience state: node %u flips and is no window", node);
    mark(t, node);
    for (size_t i = 0; i < w->part_count && rc == ERR_OK; i++) {
        struct series_state *ss = state_series(t->s, w->parts[i].series);
        rc = ss != NULL ? tidy(t, ss) : ERR_OK;
    }
    return rc;
}

/* Pairs may leave their windows without any leaf's noticing, so each step looks through one series. Which one depends
 * on the state and the time alone, as everything does. */
static enum err
tidy_one(struct step *t)
{
    struct rule_state *s = t->s;

    return s->series_count == 0 ? ERR_OK : tidy(t, &s->series[hash_u64(1, (uint64_t)t->env.now_ms) % s->series_count]);
}

static enum err
mark_due(struct step *t)
{
    struct rule_state *s = t->s;
    const struct rule_graph *g = t->g;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < g->look_leaves.n; i++) {
        if (s->looks[g->look_leaves.p[i].look] <= t->env.now_ms)
            mark(t, g->look_leaves.p[i].node);
    }
    for (size_t i = 0; i < g->restless_leaves.n; i++)
        mark(t, g->restless_leaves.p[i]);
    for (size_t i = 0; i < s->flip_count && rc == ERR_OK; i++) {
        if (s->flips[i].at_ms <= t->env.now_ms)
            rc = mark_flip(t, s->flips[i].node);
    }
    return rc;
}

/* ---- steps ---- */

static enum err
step_begin(struct step *t, const struct rule_graph *g, struct rule_state *s, const struct rule_env *env,
           struct arena *a, struct diag *d)
{
    *t = (struct step){.g = g, .s = s, .env = *env, .a = a, .d = d};
    if (s->g != g || s->broken)
        return diag_set(d, ERR_INVALID, "audience state: it belongs to another graph, or an earlier step failed");
    if (t->env.now_ms < s->now_ms)
        t->env.now_ms = s->now_ms; /* windows never move back */
    arena_init(&t->scratch, g->scratch_bytes_max);
    t->slots = ARENA_ARRAY(a, struct value, g->slot_count + 1);
    if (t->slots == NULL || !scratch_ready(s))
        return diag_set(d, ERR_LIMIT, "no memory for a step of an audience state");
    s->broken = true; /* until it is done */
    return ERR_OK;
}

/* What the graph that wrote the state did not have. */
static void
take_news(struct step *t)
{
    const struct state_news *news = t->s->news;

    if (news == NULL)
        return;
    for (size_t i = 0; i < t->env.event_count && news->series.n > 0 && !t->nomem; i++)
        fill_news(t, t->env.events[i]);
    for (size_t i = 0; i < news->nodes.n; i++) {
        mark(t, news->nodes.p[i]);
        if (!state_unknown_add(t->s, news->nodes.p[i]))
            t->nomem = true;
    }
}

static enum err
begin_marking(struct step *t)
{
    take_news(t);
    return t->rc != ERR_OK ? t->rc : mark_due(t);
}

static int
by_audience(const void *a, const void *b)
{
    const struct rule_change *x = a, *y = b;

    return (x->audience > y->audience) - (x->audience < y->audience);
}

/* In order, each once, with those that the state cannot tell the truth before of. */
static void
sort_changes(struct step *t)
{
    const struct state_news *news = t->s->news;
    size_t n = 0;

    for (size_t i = 0; news != NULL && i < news->audiences.n; i++) {
        uint32_t one = news->audiences.p[i];
        if (rule_state_known(t->s, one) &&
            !VEC_PUSH(t->a, &t->changes, ((struct rule_change){one, rule_state_member(t->s, one)})))
            t->nomem = true;
    }
    if (t->changes.n > 1)
        qsort(t->changes.p, t->changes.n, sizeof *t->changes.p, by_audience);
    for (size_t i = 0; i < t->changes.n; i++) {
        if (n == 0 || t->changes.p[n - 1].audience != t->changes.p[i].audience)
            t->changes.p[n++] = t->changes.p[i];
    }
    t->changes.n = n;
}

static enum err
step_settle(struct step *t, struct rule_changes *changes)
{
    struct rule_state *s = t->s;
    enum err rc = t->rc;

    if (!t->nomem && rc == ERR_OK)
        visit_marked(t);
    rc = t->rc;
    if (!t->nomem && rc == ERR_OK)
        rc = tidy_one(t);
    if (!t->nomem && rc == ERR_OK)
        sort_changes(t);
    if (t->nomem)
        rc = diag_set(t->d, ERR_LIMIT, "no memory for a step of an audience state");
    if (rc != ERR_OK)
        return rc;
    state_series_sweep(s);
    state_unknown_settle(s);
    s->now_ms = t->env.now_ms;
    s->broken = false;
    s->news = NULL;
    if (changes != NULL)
        *changes = (struct rule_changes){t->changes.p, t->changes.n};
    return ERR_OK;
}

enum err
rule_state_build(const struct rule_graph *g, const struct rule_env *env, struct arena *a, struct rule_state **out,
                 struct diag *d)
{
    struct rule_state *s = state_new(g, a);
    struct step t;
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for an audience state");
    s->now_ms = env->now_ms;
    rc = step_begin(&t, g, s, env, a, d);
    if (rc == ERR_OK) {
        t.building = true;
        t.nomem = !state_unknown_all(s);
        for (size_t i = 0; i < env->event_count && !t.nomem; i++)
            take_event(&t, env->events[i]);
        for (uint32_t i = 0; i < g->nodes.n; i++) {
            if (bit_get(g->live, i))
                mark(&t, i);
        }
        rc = step_settle(&t, NULL);
    }
    arena_deinit(&t.scratch);
    if (rc == ERR_OK)
        *out = s;
    return rc;
}

enum err
rule_state_event(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env, const struct json *event,
                 struct arena *a, struct rule_changes *changes, struct diag *d)
{
    struct step t;
    enum err rc = step_begin(&t, g, s, env, a, d);

    if (rc == ERR_OK)
        rc = begin_marking(&t);
    if (rc == ERR_OK) {
        take_event(&t, event);
        rc = step_settle(&t, changes);
    }
    arena_deinit(&t.scratch);
    return rc;
}

enum err
rule_state_attributes(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env, struct arena *a,
                      struct rule_changes *changes, struct diag *d)
{
    struct step t;
    enum err rc = step_begin(&t, g, s, env, a, d);

    if (rc == ERR_OK)
        rc = begin_marking(&t);
    if (rc == ERR_OK) {
        for (size_t i = 0; i < g->record_leaves.n; i++)
            mark(&t, g->record_leaves.p[i]);
        rc = step_settle(&t, changes);
    }
    arena_deinit(&t.scratch);
    return rc;
}

enum err
rule_state_time(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env, struct arena *a,
                struct rule_changes *changes, struct diag *d)
{
    struct step t;
    enum err rc = step_begin(&t, g, s, env, a, d);

    if (rc == ERR_OK)
        rc = begin_marking(&t);
    if (rc == ERR_OK)
        rc = step_settle(&t, changes);
    arena_deinit(&t.scratch);
    return rc;
}

/* ---- questions ---- */

bool
rule_state_is_behind(const struct rule_state *s)
{
    return s->news != NULL;
}

bool
rule_state_needs_events(const struct rule_state *s)
{
    return s->news != NULL && s->news->reads_events;
}

bool
rule_state_member(const struct rule_state *s, size_t audience)
{
    return bit_get(s->bits, s->g->audiences[audience].root);
}

bool
rule_state_known(const struct rule_state *s, size_t audience)
{
    return !state_is_unknown(s, s->g->audiences[audience].root);
}

int64_t
rule_state_next_flip_ms(const struct rule_state *s)
{
    int64_t next = state_flip_next_ms(s);

    for (size_t i = 0; i < s->g->look_leaves.n; i++) {
        int64_t look = s->looks[s->g->look_leaves.p[i].look];
        next = look < next ? look : next;
    }
    return next == TIME_NEVER ? 0 : next;
}
