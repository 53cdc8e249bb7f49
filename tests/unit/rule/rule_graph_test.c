/* rule_graph_test.c - the shared graph over hand-made trees: sharing, window arithmetic to the millisecond, references
 * between audiences, wake-up, saved states. The differential test in tests/unit/pql compares it with the reference at
 * random. */
#include "rule/rule_graph_int.h"

#include "base/civil.h"
#include "base/limits.h"
#include "t.h"

/* ---- trees by hand ---- */

static struct rule_node *
mk(struct t *t, enum rule_op op, size_t n, struct rule_node *const *args)
{
    struct rule_node *out = ARENA_NEW(t->arena, struct rule_node);
    struct rule_node **copy = ARENA_ARRAY(t->arena, struct rule_node *, n + 1);

    if (n > 0)
        memcpy(copy, args, n * sizeof *copy);
    out->op = op;
    out->args = copy;
    out->arg_count = n;
    return out;
}

#define NODE(op, ...)                                                                                                  \
    mk(t, (op), sizeof((struct rule_node *[]){__VA_ARGS__}) / sizeof(struct rule_node *),                              \
       (struct rule_node *[]){__VA_ARGS__})
#define AND(...) NODE(RULE_AND, __VA_ARGS__)
#define OR(...) NODE(RULE_OR, __VA_ARGS__)
#define NOT(x) NODE(RULE_NOT, x)
#define EVENTS mk(t, RULE_EVENTS, 0, NULL)
#define NOW mk(t, RULE_NOW, 0, NULL)

static struct rule_node *
text(struct t *t, const char *s)
{
    struct rule_node *n = mk(t, RULE_LITERAL, 0, NULL);

    n->value = (struct value){.kind = VALUE_STRING, .s = str_of(s)};
    return n;
}

static struct rule_node *
integer(struct t *t, int64_t i)
{
    struct rule_node *n = mk(t, RULE_LITERAL, 0, NULL);

    n->value = (struct value){.kind = VALUE_INT, .i = i};
    return n;
}

static struct rule_node *
real(struct t *t, double f)
{
    struct rule_node *n = mk(t, RULE_LITERAL, 0, NULL);

    n->value = (struct value){.kind = VALUE_DOUBLE, .f = f};
    return n;
}

static struct rule_node *
slot(struct t *t, uint16_t i)
{
    struct rule_node *n = mk(t, RULE_SLOT, 0, NULL);

    n->slot = i;
    return n;
}

/* A dotted path below `object`. */
static struct rule_node *
path(struct t *t, struct rule_node *object, const char *dotted)
{
    struct str rest = str_of(dotted), part;

    while (str_split(&rest, '.', &part)) {
        object = NODE(RULE_FIELD, object);
        object->name = part;
    }
    return object;
}

static struct rule_node *
attribute(struct t *t, const char *dotted)
{
    return path(t, mk(t, RULE_PROFILE, 0, NULL), dotted);
}

static struct rule_node *
cmp(struct t *t, struct rule_node *a, enum value_cmp op, struct rule_node *b)
{
    struct rule_node *n = NODE(RULE_COMPARE, a, b);

    n->cmp = op;
    return n;
}

static struct rule_node *
call(struct t *t, enum rule_fn fn, struct rule_node *receiver, struct rule_node *arg)
{
    struct rule_node *n = arg != NULL ? NODE(RULE_CALL, receiver, arg) : NODE(RULE_CALL, receiver);

    n->fn = fn;
    return n;
}

static struct rule_node *
lambda(struct t *t, uint16_t s, struct rule_node *body)
{
    struct rule_node *n = NODE(RULE_LAMBDA, body);

    n->slot = s;
    n->param_count = 1;
    return n;
}

static struct rule_node *
is_type(struct t *t, const char *type)
{
    return cmp(t, path(t, slot(t, 0), "eventType"), CMP_EQ, text(t, type));
}

/* timestamp of slot 0 occurs <= n units before `from`. */
static struct rule_node *
within(struct t *t, int64_t n, enum rule_unit unit, struct rule_node *from)
{
    struct rule_node *o = NODE(RULE_OCCURS, path(t, slot(t, 0), "timestamp"), from);
    struct rule_when *w = ARENA_NEW(t->arena, struct rule_when);

    *w = (struct rule_when){
        .form = WHEN_DISTANCE, .cmp = CMP_LE, .amount = n, .unit = unit, .side = SIDE_BEFORE, .from = {.arg = 1}};
    o->when = w;
    return o;
}

static struct rule_node *
on(struct t *t, struct rule_node *receiver, struct rule_node *day)
{
    struct rule_node *o = NODE(RULE_OCCURS, receiver, day);
    struct rule_when *w = ARENA_NEW(t->arena, struct rule_when);

    *w = (struct rule_when){.form = WHEN_ON, .from = {.arg = 1}};
    o->when = w;
    return o;
}

static struct rule_node *
filter(struct t *t, struct rule_node *p)
{
    return call(t, FN_FILTER, EVENTS, lambda(t, 0, p));
}

static struct rule_node *
count_of(struct t *t, struct rule_node *p)
{
    return call(t, FN_COUNT, filter(t, p), NULL);
}

static struct rule_node *
in_segment(struct t *t, const char *id)
{
    return call(t, FN_IN_SEGMENT, text(t, id), NULL);
}

/* ---- a world: a graph, a profile, a state ---- */

#define AUDIENCES_MAX 32
struct world {
    struct t *t;
    struct rule *rules[AUDIENCES_MAX];
    struct rule_audience audiences[AUDIENCES_MAX];
    size_t n;
    struct rule_graph *g;
    struct rule_state *s;
    struct rule_env env;
    const struct json *events[64];
    struct rule_changes changes;
};

static void
add(struct world *w, const char *id, struct rule_node *root)
{
    struct arena *a = malloc(sizeof *a);

    arena_init(a, 1 << 20);
    w->rules[w->n] = rule_new(a, root, 8);
    w->audiences[w->n] = (struct rule_audience){str_of(id), w->rules[w->n]};
    w->n++;
}

static void
done(struct world *w)
{
    rule_graph_free(w->g);
    for (size_t i = 0; i < w->n; i++)
        rule_free(w->rules[i]);
}

static int64_t
at(struct t *t, const char *iso)
{
    int64_t ms = 0;

    CHECK_TRUE(iso8601_parse(str_of(iso), &ms, NULL));
    return ms;
}

static const struct json *
js(struct t *t, const char *s)
{
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(s), t->arena, &v, d));
    return v;
}

static void
start(struct world *w, const char *now)
{
    struct t *t = w->t;

    w->env.now_ms = at(t, now);
    w->env.events = w->events;
    CHECK_OK(rule_graph_new(w->audiences, w->n, 7, &w->g, d));
    CHECK_OK(rule_state_build(w->g, &w->env, t->arena, &w->s, d));
}

static void
send(struct world *w, const char *type, const char *time, const char *more)
{
    struct t *t = w->t;
    struct str s = arena_printf(t->arena, "{\"eventType\":\"%s\",\"timestamp\":\"%s\"%s}", type, time, more);

    w->events[w->env.event_count] = js(t, s.p);
    w->env.event_count++;
    CHECK_OK(rule_state_event(w->g, w->s, &w->env, w->events[w->env.event_count - 1], t->arena, &w->changes, d));
}

static void
tick(struct world *w, int64_t now)
{
    struct t *t = w->t;

    w->env.now_ms = now;
    CHECK_OK(rule_state_time(w->g, w->s, &w->env, t->arena, &w->changes, d));
}

/* The state's truth, which must be the reference's. */
static bool
member(struct world *w, size_t i)
{
    struct t *t = w->t;
    struct value v = VALUE_OF_NULL;
    bool truth = rule_state_member(w->s, i);

    CHECK_OK(rule_eval(w->rules[i], &w->env, t->arena, &v, d));
    CHECK_EQ(truth, value_truth(v));
    return truth;
}

/* ---- sharing ---- */

TEST(rule_graph_shares_equal_parts)
{
    struct world w = {.t = t};
    struct rule_node *gold = cmp(t, attribute(t, "loyalty.tier"), CMP_EQ, text(t, "gold"));
    struct rule_node *gold2 = cmp(t, attribute(t, "loyalty.tier"), CMP_EQ, text(t, "gold"));
    struct rule_node *buys = cmp(t, count_of(t, is_type(t, "buy")), CMP_GE, integer(t, 2));
    struct rule_node *buys2 = cmp(t, integer(t, 2), CMP_LE, count_of(t, is_type(t, "buy")));

    add(&w, "a", AND(gold, buys));
    add(&w, "b", AND(buys2, gold2));
    start(&w, "2026-01-10T00:00:00Z");
    CHECK_EQ(rule_graph_node_count(w.g), 3); /* two leaves and one and */
    CHECK_EQ(w.g->series.n, 1);
    CHECK_EQ(w.g->predicates.n, 1);
    rule_graph_free(w.g);
    add(&w, "c", NOT(NOT(AND(gold, AND(buys, gold2)))));
    add(&w, "d", OR(NOT(gold), filter(t, is_type(t, "buy"))));
    start(&w, "2026-01-10T00:00:00Z");
    CHECK_EQ(rule_graph_node_count(w.g), 6); /* d: not, exists leaf, or; c is a: its inner not is asked by nobody */
    CHECK_EQ(w.g->series.n, 1);              /* count >= 2 and exists over the same events */
    done(&w);
}

TEST(rule_graph_refuses_bad_sets)
{
    struct world w = {.t = t};
    struct rule_graph *g = NULL;

    add(&w, "a", in_segment(t, "b"));
    add(&w, "b", AND(in_segment(t, "c"), attribute(t, "x")));
    add(&w, "c", attribute(t, "y"));
    add(&w, "c", attribute(t, "z"));
    CHECK_ERR(rule_graph_new(w.audiences, 4, 1, &g, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("two audiences have the id 'c'"));
    w.audiences[3].id = S("d");
    CHECK_OK(rule_graph_new(w.audiences, 4, 1, &g, d));
    rule_graph_free(g);
    g = NULL;
    w.audiences[3].id = S("a");
    w.audiences[0].id = S("d");
    w.audiences[2].rule = w.rules[0]; /* c is inSegment("b") */
    CHECK_ERR(rule_graph_new(w.audiences, 4, 1, &g, d), ERR_INVALID);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("refers to itself through inSegment")) >= 0);
    CHECK_TRUE(g == NULL);
    done(&w);
}

TEST(rule_graph_audience_limit)
{
    struct rule_graph *g = NULL;

    CHECK_ERR(rule_graph_new(NULL, LIMIT_AUDIENCES_HARD + 1, 1, &g, d), ERR_LIMIT);
    CHECK_OK(rule_graph_new(NULL, 0, 1, &g, d));
    CHECK_EQ(rule_graph_audience_count(g), 0);
    rule_graph_free(g);
}

/* ---- windows ---- */

TEST(rule_graph_window_ends_to_the_millisecond)
{
    struct world w = {.t = t};
    int64_t bought = at(t, "2026-01-10T08:00:00.500Z");

    add(&w, "recent", filter(t, AND(is_type(t, "buy"), within(t, 60, UNIT_DAY, NOW))));
    add(&w, "lapsed", NOT(filter(t, AND(is_type(t, "buy"), within(t, 60, UNIT_DAY, NOW)))));
    start(&w, "2026-01-10T09:00:00Z");
    CHECK_EQ(rule_state_next_flip_ms(w.s), 0);
    CHECK_TRUE(!member(&w, 0) && member(&w, 1));
    send(&w, "buy", "2026-01-10T08:00:00.500Z", "");
    CHECK_EQ(w.changes.n, 2);
    CHECK_EQ(w.changes.items[0].audience, 0);
    CHECK_TRUE(w.changes.items[0].member && !w.changes.items[1].member);
    CHECK_EQ(rule_state_next_flip_ms(w.s), bought + 60 * MS_PER_DAY + 1);
    send(&w, "buy", "2026-01-10T07:00:00Z", ""); /* late: the newest decides */
    CHECK_EQ(rule_state_next_flip_ms(w.s), bought + 60 * MS_PER_DAY + 1);
    bought += 5;
    send(&w, "buy", "2026-01-10T08:00:00.505Z", "");
    CHECK_EQ(w.changes.n, 0);
    CHECK_EQ(rule_state_next_flip_ms(w.s), bought + 60 * MS_PER_DAY + 1);
    tick(&w, bought + 60 * MS_PER_DAY);
    CHECK_EQ(w.changes.n, 0);
    CHECK_TRUE(member(&w, 0));
    tick(&w, bought + 60 * MS_PER_DAY + 1);
    CHECK_EQ(w.changes.n, 2);
    CHECK_TRUE(!member(&w, 0) && member(&w, 1));
    CHECK_EQ(rule_state_next_flip_ms(w.s), 0);
    CHECK_EQ(w.s->series_count, 0); /* the pair cannot matter again */
    done(&w);
}

/* 28 March 06:00 - 1 month is 28 February 06:00, and so is 29 March 06:00; but 29 March 00:00 - 1 month is 28 February
 * 00:00. So an event of 28 February 06:00 leaves on 28 March and comes back for six hours on each clamped day
 * [SEGMENTATION 8.1]. */
TEST(rule_graph_window_of_calendar_months)
{
    static const char *const flips[] = {
        "2026-03-28T06:00:00.001Z", "2026-03-29T00:00:00Z", "2026-03-29T06:00:00.001Z", "2026-03-30T00:00:00Z",
        "2026-03-30T06:00:00.001Z", "2026-03-31T00:00:00Z", "2026-03-31T06:00:00.001Z"};
    struct world w = {.t = t};

    add(&w, "month", filter(t, within(t, 1, UNIT_MONTH, NOW)));
    start(&w, "2026-02-28T13:00:00Z");
    send(&w, "x", "2026-02-28T06:00:00Z", "");
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++) {
        CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, flips[i]));
        tick(&w, at(t, flips[i]) - 1);
        CHECK_EQ(member(&w, 0), i % 2 == 0);
        tick(&w, at(t, flips[i]));
        CHECK_EQ(member(&w, 0), i % 2 != 0);
    }
    CHECK_EQ(rule_state_next_flip_ms(w.s), 0);
    CHECK_EQ(w.s->series_count, 0);
    done(&w);
}

TEST(rule_graph_today_and_the_future)
{
    struct world w = {.t = t};

    add(&w, "today", filter(t, on(t, path(t, slot(t, 0), "timestamp"), mk(t, RULE_TODAY, 0, NULL))));
    add(&w, "two", cmp(t, count_of(t, within(t, 2, UNIT_HOUR, NOW)), CMP_GE, integer(t, 2)));
    start(&w, "2026-01-10T22:00:00Z");
    send(&w, "x", "2026-01-10T23:30:00Z", ""); /* later today: inside today, not yet inside the last two hours */
    CHECK_TRUE(member(&w, 0) && !member(&w, 1));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T00:00:00Z"));
    send(&w, "x", "2026-01-10T23:40:00Z", "");
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-10T23:40:00Z"));
    tick(&w, at(t, "2026-01-10T23:39:59.999Z"));
    CHECK_TRUE(!member(&w, 1));
    tick(&w, at(t, "2026-01-10T23:40:00Z"));
    CHECK_TRUE(member(&w, 1));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T00:00:00Z"));
    tick(&w, at(t, "2026-01-11T00:00:00Z"));
    CHECK_TRUE(!member(&w, 0) && member(&w, 1));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T01:30:00.001Z"));
    done(&w);
}

TEST(rule_graph_counts_keep_few_pairs)
{
    struct world w = {.t = t};

    add(&w, "any", filter(t, AND(is_type(t, "view"), within(t, 30, UNIT_DAY, NOW))));
    add(&w, "three", cmp(t, count_of(t, AND(is_type(t, "view"), within(t, 7, UNIT_DAY, NOW))), CMP_LT, integer(t, 3)));
    add(&w, "total", cmp(t, count_of(t, is_type(t, "view")), CMP_EQ, integer(t, 20)));
    start(&w, "2026-01-10T12:00:00Z");
    for (int i = 0; i < 20; i++) { /* in no order */
        char time[32];
        (void)snprintf(time, sizeof time, "2026-01-%02dT10:00:00Z", (i * 7) % 9 + 1);
        send(&w, "view", time, "");
        (void)member(&w, 0);
        (void)member(&w, 1);
    }
    CHECK_EQ(w.s->series_count, 1);
    CHECK_EQ(w.s->series[0].n, 4); /* count < 3 needs four at most, exists one */
    CHECK_EQ(w.s->series[0].total, 20);
    CHECK_TRUE(member(&w, 2));
    done(&w);
}

TEST(rule_graph_sum_adds_in_time_order)
{
    struct world w = {.t = t};
    struct rule_node *sum = call(t, FN_SUM, EVENTS, lambda(t, 0, path(t, slot(t, 0), "price")));

    /* 0.1 + 0.2 + 0.3 is 0.6000000000000001 from the left and 0.6 from the right. */
    add(&w, "exact", cmp(t, sum, CMP_GT, real(t, 0.6)));
    add(&w, "list", cmp(t, call(t, FN_SUM, path(t, EVENTS, "cart.price"), NULL), CMP_EQ, real(t, 12.5)));
    add(&w, "items", cmp(t, call(t, FN_COUNT, path(t, EVENTS, "cart.price"), NULL), CMP_EQ, integer(t, 3)));
    start(&w, "2026-01-10T12:00:00Z");
    send(&w, "x", "2026-01-03T00:00:00Z", ",\"price\":0.3");
    send(&w, "x", "2026-01-01T00:00:00Z", ",\"price\":0.1,\"cart\":[{\"price\":10},{\"price\":\"free\"}]");
    send(&w, "x", "2026-01-02T00:00:00Z", ",\"price\":0.2,\"cart\":[{\"price\":2.5},{}]");
    CHECK_TRUE(rule_state_member(w.s, 0));
    CHECK_TRUE(member(&w, 1) && member(&w, 2));
    done(&w);
}

TEST(rule_graph_chain_of_one)
{
    struct world w = {.t = t};
    struct rule_element *few = ARENA_NEW(t->arena, struct rule_element);
    struct rule_element *recent = ARENA_NEW(t->arena, struct rule_element);
    static const struct rule_bound less = {CMP_LT, 3, UNIT_MS}, two = {CMP_GE, 2, UNIT_MS};
    struct rule_node *element = NODE(RULE_ELEMENT, is_type(t, "view")), *chain = NODE(RULE_CHAIN, EVENTS, element);
    struct rule_node *element2 = NODE(RULE_ELEMENT, is_type(t, "view"), NOW), *chain2;

    *few = (struct rule_element){.counts = &less, .count_count = 1};
    element->element = few;
    chain->name = S("timestamp");
    add(&w, "few", chain);
    *recent = (struct rule_element){.counts = &two,
                                    .count_count = 1,
                                    .has_when = true,
                                    .when = {.form = WHEN_DISTANCE,
                                             .cmp = CMP_LE,
                                             .amount = 24,
                                             .unit = UNIT_HOUR,
                                             .side = SIDE_BEFORE,
                                             .from = {.arg = 1}}};
    element2->element = recent;
    chain2 = NODE(RULE_CHAIN, EVENTS, element2);
    chain2->name = S("timestamp");
    add(&w, "recent", chain2);
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_EQ(w.g->leaves.n, 0); /* window leaves only */
    CHECK_TRUE(!member(&w, 0)); /* COUNT(< 3) of an empty list */
    send(&w, "other", "2026-01-10T12:00:00Z", "");
    CHECK_TRUE(member(&w, 0));
    for (int i = 0; i < 3; i++)
        send(&w, "view", i == 0 ? "no time" : "2026-01-10T11:00:00Z", "");
    CHECK_TRUE(member(&w, 0) && member(&w, 1)); /* the one without a time does not count */
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T11:00:00.001Z"));
    send(&w, "view", "2025-01-10T11:00:00Z", "");
    CHECK_TRUE(!member(&w, 0));
    CHECK_EQ(rule_graph_lookback_ms(w.g, 1), 24 * MS_PER_HOUR);
    CHECK_EQ(rule_graph_lookback_ms(w.g, 0), INT64_MAX);
    done(&w);
}

/* ---- functions of the clock ---- */

static struct time_fn
random_time_fn(struct t *t)
{
    struct time_fn f = {.base = rng_below(&t->rng, 2) ? TIME_BASE_NOW : TIME_BASE_PERIOD};

    f.unit = (enum rule_unit)rng_below(&t->rng, UNIT_MILLENNIUM + 1);
    f.period_shift = (int64_t)rng_below(&t->rng, 5) - 2;
    f.shift = (int64_t)rng_below(&t->rng, 120) - 60;
    f.shift_unit = (enum rule_unit)rng_below(&t->rng, UNIT_DECADE + 1);
    f.floored = rng_below(&t->rng, 3) == 0;
    f.floor_unit = (enum rule_unit)rng_below(&t->rng, UNIT_MILLENNIUM + 1);
    f.floor_end = rng_below(&t->rng, 2);
    f.plus_ms = (int64_t)rng_below(&t->rng, 3) - 1;
    time_fn_prepare(&f);
    return f;
}

TEST(rule_graph_time_functions_are_solved_exactly)
{
    for (int i = 0; i < 20000; i++) {
        struct time_fn f = random_time_fn(t);
        int64_t now = at(t, "2024-02-29T12:00:00Z") + (int64_t)rng_below(&t->rng, 400 * (uint64_t)MS_PER_DAY);
        int64_t value = time_fn_at(&f, now), limit, flip;
        if (value == INT64_MIN || value == INT64_MAX)
            continue;
        CHECK_TRUE(time_fn_least(&f, now) <= value);
        limit = value + (int64_t)rng_below(&t->rng, rng_below(&t->rng, 2) ? 5 : 90 * (uint64_t)MS_PER_DAY);
        flip = time_fn_exceeds(&f, limit, now);
        CHECK_TRUE(flip > now);
        if (flip == TIME_NEVER) {
            CHECK_TRUE(time_fn_at(&f, TIME_LAST_MS) <= limit);
            continue;
        }
        CHECK_TRUE(time_fn_at(&f, flip) > limit);
        CHECK_TRUE(time_fn_at(&f, flip - 1) <= limit);
        flip = time_fn_returns(&f, limit, flip);
        CHECK_TRUE(flip == TIME_NEVER || time_fn_at(&f, flip) <= limit);
        for (int k = 0; k < 20; k++) { /* no instant on the way is missed */
            int64_t later = now + 1 + (int64_t)rng_below(&t->rng, 100 * (uint64_t)MS_PER_DAY);
            CHECK_TRUE(time_fn_at(&f, later) >= time_fn_least(&f, now));
            if (later < time_fn_exceeds(&f, limit, now))
                CHECK_TRUE(time_fn_at(&f, later) <= limit);
        }
        CHECK_TRUE(now - value <= time_fn_behind_ms(&f));
    }
}

/* ---- other leaves ---- */

static bool
only_vip(void *ctx, struct str id)
{
    ++*(int *)ctx;
    return str_eq(id, S("vip"));
}

TEST(rule_graph_segments_of_segments)
{
    struct world w = {.t = t};
    int asked = 0;

    add(&w, "all", AND(in_segment(t, "gold"), in_segment(t, "vip")));
    add(&w, "gold", cmp(t, attribute(t, "tier"), CMP_EQ, text(t, "gold")));
    add(&w, "mix", cmp(t, NODE(RULE_IF, in_segment(t, "gold"), integer(t, 2), integer(t, 1)), CMP_EQ, integer(t, 2)));
    w.env.in_segment = only_vip;
    w.env.ctx = &asked;
    w.env.profile = js(t, "{\"tier\":\"silver\"}");
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_EQ(asked, 1);
    CHECK_TRUE(!rule_state_member(w.s, 0) && !rule_state_member(w.s, 1) && !rule_state_member(w.s, 2));
    w.env.profile = js(t, "{\"tier\":\"gold\"}");
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 3);
    CHECK_TRUE(rule_state_member(w.s, 0) && rule_state_member(w.s, 1) && rule_state_member(w.s, 2));
    done(&w);
}

TEST(rule_graph_memberships_end_by_themselves)
{
    struct world w = {.t = t};

    add(&w, "listed", in_segment(t, "x"));
    w.env.profile = js(t, "{\"segmentMembership\":{\"ups\":{\"x\":{\"status\":\"realized\","
                          "\"validUntil\":\"2026-02-01T00:00:00Z\"}}}}");
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_TRUE(member(&w, 0));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-02-01T00:00:00Z"));
    tick(&w, at(t, "2026-01-31T23:59:59.999Z"));
    CHECK_TRUE(member(&w, 0));
    tick(&w, at(t, "2026-02-01T00:00:00Z"));
    CHECK_TRUE(!member(&w, 0));
    CHECK_EQ(rule_state_next_flip_ms(w.s), 0);
    done(&w);
}

TEST(rule_graph_attributes_against_the_clock)
{
    struct world w = {.t = t};

    add(&w, "birthday", on(t, attribute(t, "next"), mk(t, RULE_TODAY, 0, NULL)));
    add(&w, "over", cmp(t, attribute(t, "until"), CMP_LT, NOW));
    add(&w, "odd", cmp(t, NODE(RULE_LIST, NOW), CMP_EQ, attribute(t, "until")));
    w.env.profile = js(t, "{\"next\":\"2026-01-20\",\"until\":\"2026-01-20T15:00:00Z\"}");
    start(&w, "2026-01-10T12:00:30Z");
    CHECK_TRUE(!rule_graph_scans(w.g, 0));
    CHECK_EQ(rule_graph_lookback_ms(w.g, 0), 0);
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-10T12:01:00Z")); /* a list of now: looked at every minute */
    tick(&w, at(t, "2026-01-20T00:00:00Z"));
    CHECK_TRUE(member(&w, 0) && !member(&w, 1) && !member(&w, 2));
    tick(&w, at(t, "2026-01-20T15:00:00Z"));
    CHECK_TRUE(member(&w, 0) && !member(&w, 1) && member(&w, 2));
    tick(&w, at(t, "2026-01-20T15:00:00.001Z"));
    CHECK_TRUE(member(&w, 0) && member(&w, 1) && !member(&w, 2));
    tick(&w, at(t, "2026-01-21T00:00:00Z"));
    CHECK_TRUE(!member(&w, 0));
    done(&w);
}

static void
collect(void *ctx, struct str p)
{
    struct buf *b = ctx;

    buf_put(b, p);
    buf_putc(b, ' ');
}

TEST(rule_graph_tells_what_it_reads)
{
    struct world w = {.t = t};
    struct buf b;

    buf_init(&b, 1000);
    add(&w, "a",
        AND(cmp(t, attribute(t, "person.name.first"), CMP_EQ, text(t, "Jo")),
            filter(t, AND(is_type(t, "buy"), within(t, 1, UNIT_DAY, NOW)))));
    add(&w, "b",
        call(t, FN_EXISTS, attribute(t, "orders"),
             lambda(t, 0, cmp(t, path(t, slot(t, 0), "total"), CMP_GT, integer(t, 3)))));
    start(&w, "2026-01-10T12:00:00Z");
    rule_graph_attribute_paths(w.g, collect, &b);
    CHECK_STR(buf_str(&b), S("orders orders.total person.name.first "));
    buf_clear(&b);
    rule_graph_event_paths(w.g, collect, &b);
    CHECK_STR(buf_str(&b), S("eventType timestamp "));
    CHECK_EQ(rule_graph_lookback_ms(w.g, 0), MS_PER_DAY);
    CHECK_EQ(rule_graph_lookback_ms(w.g, 1), 0);
    buf_deinit(&b);
    done(&w);
}

static void
count_target(void *ctx, const struct wake_target *target, bool exact)
{
    (void)exact;
    ((int *)ctx)[target->kind]++;
}

TEST(rule_graph_wakes_only_what_may_match)
{
    struct world w = {.t = t};
    int woken[2] = {0, 0};

    for (int i = 0; i < 10; i++) {
        struct str id = arena_printf(t->arena, "a%d", i), type = arena_printf(t->arena, "type%d", i % 5);
        add(&w, id.p,
            i < 5
                ? filter(t, is_type(t, type.p))
                : filter(t, AND(is_type(t, "buy"), cmp(t, path(t, slot(t, 0), "items.sku"), CMP_EQ, text(t, type.p)))));
    }
    start(&w, "2026-01-10T12:00:00Z");
    wake_event(w.g, js(t, "{\"eventType\":\"type3\"}"), count_target, woken);
    CHECK_EQ(woken[WAKE_PREDICATE], 1);
    woken[0] = 0;
    wake_event(w.g, js(t, "{\"eventType\":\"buy\",\"items\":[{\"sku\":\"type1\"},{\"sku\":\"q\"}]}"), count_target,
               woken);
    CHECK_TRUE(woken[WAKE_PREDICATE] >= 1 && woken[WAKE_PREDICATE] <= 2); /* the first of them may stand under "buy" */
    woken[0] = 0;
    wake_event(w.g, js(t, "{\"eventType\":true}"), count_target, woken);
    CHECK_TRUE(woken[WAKE_PREDICATE] >= 5); /* true = "true" is a match: everything on the path is tried */
    wake_event(w.g, js(t, "[1]"), count_target, woken);
    send(&w, "buy", "2026-01-10T12:00:00Z", ",\"items\":[{\"sku\":\"type1\"},{\"sku\":\"type4\"}]");
    for (size_t i = 0; i < 10; i++)
        CHECK_EQ(member(&w, i), i == 6 || i == 9);
    done(&w);
}

TEST(rule_graph_forall_sees_what_fails_it)
{
    struct world w = {.t = t};
    struct rule_node *all = NODE(RULE_QUANT, NODE(RULE_GEN, EVENTS, is_type(t, "buy")));

    all->quant = QUANT_ALL; /* its condition asserts: it must not keep other events from waking the leaf */
    add(&w, "only", all);
    start(&w, "2026-01-10T12:00:00Z");
    send(&w, "buy", "2026-01-10T12:00:00Z", "");
    CHECK_TRUE(member(&w, 0));
    send(&w, "view", "2026-01-10T12:00:00Z", "");
    CHECK_TRUE(!member(&w, 0));
    done(&w);
}

/* ---- saved states ---- */

static void
save(struct rule_state *s, struct buf *b)
{
    buf_clear(b);
    rule_state_save(s, b);
}

static void
sample(struct world *w)
{
    struct t *t = w->t;

    add(w, "recent", filter(t, AND(is_type(t, "buy"), within(t, 60, UNIT_DAY, NOW))));
    add(w, "spent",
        cmp(t, call(t, FN_SUM, filter(t, is_type(t, "buy")), lambda(t, 0, path(t, slot(t, 0), "price"))), CMP_GT,
            integer(t, 100)));
    add(w, "clock", cmp(t, attribute(t, "until"), CMP_LT, NOW));
    add(w, "scan", cmp(t, path(t, call(t, FN_HEAD, EVENTS, NULL), "eventType"), CMP_EQ, text(t, "buy")));
    w->env.profile = js(t, "{\"until\":\"2026-06-01\"}");
    start(w, "2026-01-10T09:00:00Z");
    send(w, "buy", "2026-01-10T08:00:00Z", ",\"price\":99.99");
    send(w, "buy", "no time", ",\"price\":123456789012345678");
    send(w, "buy", "2026-01-10T08:30:00Z", ",\"price\":0.1234567");
    send(w, "buy", "2026-01-10T08:30:00Z", ",\"price\":4611686018427387904");
}

TEST(rule_graph_state_survives_saving)
{
    struct world w = {.t = t};
    struct buf b, again;
    struct rule_state *s = NULL;

    buf_init(&b, 1 << 16);
    buf_init(&again, 1 << 16);
    sample(&w);
    save(w.s, &b);
    CHECK_TRUE(b.n < 120);
    CHECK_OK(rule_state_load(w.g, buf_str(&b), t->arena, &s, d));
    CHECK_EQ(rule_state_next_flip_ms(s), rule_state_next_flip_ms(w.s));
    for (size_t i = 0; i < w.n; i++)
        CHECK_EQ(rule_state_member(s, i), rule_state_member(w.s, i));
    save(s, &again); /* untouched */
    CHECK_STR(buf_str(&again), buf_str(&b));
    w.s = s;
    send(&w, "buy", "2026-01-10T08:40:00Z", ",\"price\":-1.5");
    save(s, &b);
    CHECK_OK(rule_state_load(w.g, buf_str(&b), t->arena, &s, d));
    for (size_t i = 0; i < s->series_count; i++)
        CHECK_OK(series_decode(s, &s->series[i], d));
    CHECK_EQ(s->series[1].n, 5);
    CHECK_TRUE(s->series[1].times[0] == TIME_NONE && s->series[1].numbers[0].i == 123456789012345678);
    CHECK_TRUE(s->series[1].numbers[1].f == 99.99 && s->series[1].numbers[2].f == 0.1234567);
    CHECK_TRUE(s->series[1].numbers[3].i == 4611686018427387904 && s->series[1].numbers[4].f == -1.5);
    save(s, &again); /* decoded */
    CHECK_STR(buf_str(&again), buf_str(&b));
    w.s = s;
    tick(&w, rule_state_next_flip_ms(s));
    (void)member(&w, 0);
    buf_deinit(&b);
    buf_deinit(&again);
    done(&w);
}

static const char *
hex(struct t *t, struct str bytes)
{
    char *out = arena_alloc(t->arena, bytes.n * 2 + 1);

    for (size_t i = 0; i < bytes.n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned char)bytes.p[i]);
    return out;
}

/* docs/formats/rule-state.md; the expected bytes were made from the page by another program, not by this code. */
TEST(rule_graph_state_golden)
{
    struct world w = {.t = t};
    struct buf b;

    buf_init(&b, 1 << 16);
    add(&w, "recent", filter(t, AND(is_type(t, "buy"), within(t, 60, UNIT_DAY, NOW))));
    add(&w, "spent",
        cmp(t, call(t, FN_SUM, filter(t, is_type(t, "buy")), lambda(t, 0, path(t, slot(t, 0), "price"))), CMP_GT,
            integer(t, 100)));
    add(&w, "clock", cmp(t, attribute(t, "until"), CMP_LT, NOW));
    w.env.profile = js(t, "{\"until\":\"2026-06-01\"}");
    start(&w, "2026-01-10T09:00:00Z");
    w.g->marks.p[0].fingerprint = 0x0807060504030201; /* the graph's own business */
    save(w.s, &b);
    CHECK_STR(str_of(hex(t, buf_str(&b))), S("47020102030405060708804622a79b0100000080cbe2ca2d000000d5a71c8b"));
    send(&w, "buy", "2026-01-10T08:00:00Z", ",\"price\":99.99");
    send(&w, "buy", "no time", ",\"price\":2");
    send(&w, "buy", "2026-01-10T08:30:00Z", ",\"price\":0.1234567");
    send(&w, "buy", "2026-01-10T08:30:00Z", ",\"price\":4611686018427387904");
    save(w.s, &b);
    CHECK_STR(str_of(hex(t, buf_str(&b))),
              S("47020102030405060708804622a79b0100000380cbe2ca2d0100c1b188a713000200080280bdb6f0f466000122040180e0daee"
                "f466c0ee6d0010f9f0040272daf8b8db9abf3f03000000000000004083a9e600"));
    buf_deinit(&b);
    done(&w);
}

TEST(rule_graph_state_refuses_other_bytes)
{
    struct world w = {.t = t};
    struct rule_graph *other = NULL;
    struct rule_state *s = NULL;
    struct buf b;

    buf_init(&b, 1 << 16);
    sample(&w);
    save(w.s, &b);
    CHECK_OK(rule_graph_new(w.audiences, w.n - 1, 7, &other, d)); /* same version, other audiences */
    CHECK_ERR(rule_state_load(other, buf_str(&b), t->arena, &s, d), ERR_UNSUPPORTED);
    rule_graph_free(other);
    CHECK_OK(rule_graph_new(w.audiences, w.n, 8, &other, d)); /* another name, the same audiences */
    CHECK_OK(rule_state_load(other, buf_str(&b), t->arena, &s, d));
    rule_graph_free(other);
    s = NULL;
    for (size_t n = 0; n < b.n; n++)
        CHECK_ERR(rule_state_load(w.g, (struct str){b.p, n}, t->arena, &s, d), ERR_CORRUPT);
    b.p[20] ^= 1;
    CHECK_ERR(rule_state_load(w.g, buf_str(&b), t->arena, &s, d), ERR_CORRUPT);
    CHECK_TRUE(s == NULL);
    buf_deinit(&b);
    done(&w);
}

/* Bytes that check but were not written by us: any result but a crash. */
TEST(rule_graph_state_bytes_are_bounded)
{
    struct world w = {.t = t};
    struct arena a;
    struct buf b;

    arena_init(&a, 1 << 22);
    buf_init(&b, 1 << 16);
    sample(&w);
    for (int i = 0; i < 4000; i++) {
        struct rule_state *s = NULL;
        struct diag d;
        uint32_t crc;
        save(w.s, &b);
        for (uint64_t k = rng_below(&t->rng, 3) + 1; k > 0; k--)
            b.p[14 + rng_below(&t->rng, b.n - 18)] = (char)rng_u64(&t->rng);
        crc = crc32c(0, b.p, b.n - 4);
        memcpy(b.p + b.n - 4, &crc, 4);
        if (rule_state_load(w.g, buf_str(&b), &a, &s, &d) == ERR_OK &&
            rule_state_event(w.g, s, &w.env, w.events[0], &a, &w.changes, &d) == ERR_OK) {
            struct rule_env later = w.env;
            later.now_ms += 365 * MS_PER_DAY;
            (void)rule_state_time(w.g, s, &later, &a, &w.changes, &d); /* corrupt or not */
            save(s, &b);
        }
        arena_reset(&a);
    }
    buf_deinit(&b);
    arena_deinit(&a);
    done(&w);
}

TEST(rule_graph_pairs_are_bounded)
{
    struct world w = {.t = t};
    const struct json *e;
    struct arena a;

    add(&w, "spent",
        cmp(t, call(t, FN_SUM, EVENTS, lambda(t, 0, path(t, slot(t, 0), "price"))), CMP_EQ,
            integer(t, LIMIT_WINDOW_PAIRS)));
    start(&w, "2026-01-10T09:00:00Z");
    arena_init(&a, 1 << 20);
    e = js(t, "{\"timestamp\":\"2026-01-01\",\"price\":[1,1,1,1,1,1,1,1,1,1]}");
    for (int i = 0; i < LIMIT_WINDOW_PAIRS / 10 + 1; i++) {
        CHECK_OK(rule_state_event(w.g, w.s, &w.env, e, &a, &w.changes, d));
        arena_reset(&a);
        CHECK_EQ(rule_state_member(w.s, 0), i >= LIMIT_WINDOW_PAIRS / 10 - 1);
    }
    CHECK_EQ(w.s->series[0].n, LIMIT_WINDOW_PAIRS);
    arena_deinit(&a);
    done(&w);
}

/* [SEGMENTATION 12] past LIMIT_RULE_STEPS a leaf is "not evaluated": it stays what it was. */
TEST(rule_graph_leaf_past_its_steps_keeps_its_truth)
{
    struct world w = {.t = t};
    struct rule_node *gens[3], *some;
    struct buf b;

    for (uint16_t i = 0; i < 3; i++) {
        struct rule_node *x = cmp(t, slot(t, 0), CMP_EQ, text(t, "x"));
        gens[i] = i < 2 ? NODE(RULE_GEN, attribute(t, "list")) : NODE(RULE_GEN, attribute(t, "list"), x);
        gens[i]->slot = i;
    }
    some = mk(t, RULE_QUANT, 3, gens);
    add(&w, "some", some);
    w.env.profile = js(t, "{\"list\":[\"x\"]}");
    start(&w, "2026-01-10T09:00:00Z");
    CHECK_TRUE(member(&w, 0));
    buf_init(&b, 1 << 16);
    buf_put(&b, S("{\"list\":[0"));
    for (int i = 1; i < 300; i++)
        buf_printf(&b, ",%d", i);
    buf_put(&b, S("]}"));
    buf_putc(&b, 0);
    w.env.profile = js(t, b.p);
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_TRUE(rule_state_member(w.s, 0) && w.changes.n == 0); /* 300^3 combinations */
    w.env.profile = js(t, "{\"list\":[1]}");
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_TRUE(!member(&w, 0));
    buf_deinit(&b);
    done(&w);
}

/* LIMIT_RULE_SCRATCH_BYTES, made as small as what the leaf takes: with a byte less it is "not evaluated", too. */
TEST(rule_graph_leaf_past_its_memory_keeps_its_truth)
{
    struct world w = {.t = t};
    struct rule_node *first =
        call(t, FN_HEAD,
             call(t, FN_FILTER, attribute(t, "list"), lambda(t, 0, cmp(t, slot(t, 0), CMP_GT, integer(t, 0)))), NULL);
    struct value v;
    struct arena a;
    size_t bytes;

    add(&w, "positive", cmp(t, first, CMP_GE, integer(t, 5)));
    CHECK_OK(rule_graph_new(w.audiences, w.n, 7, &w.g, d));
    CHECK_EQ(w.g->scratch_bytes_max, LIMIT_RULE_SCRATCH_BYTES);
    rule_graph_free(w.g);
    w.env.profile = js(t, "{\"list\":[0]}");
    start(&w, "2026-01-10T09:00:00Z");
    CHECK_TRUE(!member(&w, 0));
    w.env.profile = js(t, "{\"list\":[0,1,5,0,9,4]}");
    arena_init(&a, LIMIT_RULE_SCRATCH_BYTES);
    CHECK_OK(rule_eval_node(w.g->leaves.p[0].expr, &w.env, NULL, 0, &a, &v, d));
    bytes = a.bytes_used;
    arena_deinit(&a);
    w.env.profile = js(t, "{\"list\":[0,5,5,0,9,4]}");
    w.g->scratch_bytes_max = bytes - 1;
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_TRUE(!rule_state_member(w.s, 0) && w.changes.n == 0);
    w.g->scratch_bytes_max = bytes;
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_TRUE(member(&w, 0) && w.changes.n == 1);
    done(&w);
}

/* LIMIT_RULE_GRAPH_BYTES, made as small as what the graph takes. Less is refused wherever it runs out. */
TEST(rule_graph_bytes_limit)
{
    struct world w = {.t = t};
    struct rule_graph *g = NULL;
    size_t bytes;

    sample(&w);
    CHECK_EQ(w.g->arena.bytes_max, LIMIT_RULE_GRAPH_BYTES);
    CHECK_EQ(w.g->numbering->arena.bytes_max, LIMIT_RULE_GRAPH_BYTES);
    bytes = w.g->arena.bytes_used;
    for (size_t n = 0; n < bytes; n += 16)
        CHECK_ERR(rule_graph_extend_within(NULL, w.audiences, w.n, 7, n, &g, d), ERR_LIMIT);
    CHECK_ERR(rule_graph_extend_within(NULL, w.audiences, w.n, 7, bytes - 1, &g, d), ERR_LIMIT);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("4 audiences")) > 0 && g == NULL);
    while (rule_graph_extend_within(NULL, w.audiences, w.n, 7, bytes, &g, &t_diag) == ERR_LIMIT)
        bytes += 16; /* scratch, and the numbering, have the limit apart */
    CHECK_TRUE(bytes < 64 * 1024);
    rule_graph_free(g);
    done(&w);
}

/* Trees of LIMIT_RULE_HEIGHT, the highest that compilers make. */
TEST(rule_graph_high_trees)
{
    struct world w = {.t = t};
    struct rule_node *nots = attribute(t, "x"), *heads = EVENTS, *filters = EVENTS, *fields = attribute(t, "x");

    for (int i = 0; i < LIMIT_RULE_HEIGHT - 10; i++) {
        nots = NOT(nots);
        heads = call(t, FN_HEAD, heads, NULL);
        fields = path(t, fields, "a");
        filters = call(t, FN_FILTER, filters, lambda(t, 0, is_type(t, "buy")));
    }
    add(&w, "nots", nots);
    add(&w, "heads", heads);
    add(&w, "filters", filters);
    add(&w, "fields", fields);
    w.env.profile = js(t, "{\"x\":{\"a\":1}}");
    start(&w, "2026-01-10T09:00:00Z");
    send(&w, "buy", "2026-01-10T08:00:00Z", "");
    CHECK_TRUE(member(&w, 0) && !member(&w, 1) && member(&w, 2) && !member(&w, 3));
    done(&w);
}

TEST(rule_graph_step_without_memory_breaks_the_state)
{
    struct world w = {.t = t};
    struct arena small;

    add(&w, "any", filter(t, AND(is_type(t, "buy"), within(t, 60, UNIT_DAY, NOW))));
    start(&w, "2026-01-10T09:00:00Z");
    arena_init(&small, (w.g->slot_count + 1) * sizeof(struct value) + 16); /* too little for the event */
    w.events[0] = js(t, "{\"eventType\":\"buy\",\"timestamp\":\"2026-01-10T08:00:00Z\"}");
    CHECK_ERR(rule_state_event(w.g, w.s, &w.env, w.events[0], &small, &w.changes, d), ERR_LIMIT);
    CHECK_ERR(rule_state_time(w.g, w.s, &w.env, t->arena, &w.changes, d), ERR_INVALID); /* build or load anew */
    arena_deinit(&small);
    done(&w);
}
