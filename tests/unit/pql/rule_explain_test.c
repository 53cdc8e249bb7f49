/* rule_explain_test.c - what leaves saw, when they flip, and the least that would have to change: against brute force
 * on random formulas, and against the plain evaluator on random rules. */
#include "rule/rule_explain.h"

#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql_cases.h"
#include "random_pql.h"
#include "t.h"

#define NOW "2025-03-12T12:00:00Z"

static int64_t
instant(const char *text)
{
    int64_t ms = 0;

    (void)iso8601_parse(str_of(text), &ms, NULL); /* literals of this file */
    return ms;
}

static struct rule *
compile(struct t *t, const char *text)
{
    struct rule *r = NULL;

    CHECK_OK(pql_compile(str_of(text), true, &r, NULL, d));
    return r;
}

static struct rule_env
env_of(struct t *t, const char *profile)
{
    struct rule_env env = {.now_ms = instant(NOW)};

    CHECK_OK(json_parse(str_of(profile), t->arena, &env.profile, d));
    env.events = pql_events_of(env.profile, t->arena, &env.event_count);
    return env;
}

static struct explain
explained(struct t *t, const struct rule *r, const struct rule_env *env)
{
    struct explain x = {0};

    CHECK_OK(rule_explain(r, env, t->arena, &x, d));
    return x;
}

#define EVENT(id, at, type, more)                                                                                      \
    "{\"_id\":\"" id "\",\"timestamp\":\"2025-03-" at "Z\",\"eventType\":\"" type "\"" more "}"
#define PROFILE                                                                                                        \
    "{\"loyalty\":{\"tier\":\"gold\",\"points\":420},\"xEvent\":[" EVENT("e3", "12T10:00:00", "view", "") "," EVENT(   \
        "e1", "11T13:00:00", "view",                                                                                   \
        "") "," EVENT("e4", "12T11:00:00", "buy", ",\"total\":70") "," EVENT("e2", "12T09:00:00", "view",              \
                                                                             "") "," EVENT("e0", "01T00:00:00", "buy", \
                                                                                           ",\"total\":30.5") "]}"

static struct str
id_of(const struct explain_event *e)
{
    return json_str(json_get(e->event, S("_id")));
}

TEST(explain_fields)
{
    struct rule *r = compile(t, "loyalty.tier = \"gold\" and not (loyalty.points < 500 or inSegment(\"vip\"))");
    struct rule_env env = env_of(t, PROFILE);
    struct explain x = explained(t, r, &env);
    const struct explain_node *either = x.root->kids[1].kids;

    CHECK_EQ(x.root->kind, EXPLAIN_AND);
    CHECK_EQ(x.root->truth, false);
    CHECK_EQ(x.node_count, 6);
    CHECK_EQ(x.leaf_count, 3);
    CHECK_EQ(x.root->kids[0].truth, true);
    CHECK_STR(x.root->kids[0].fields[0].value.s, S("gold"));
    CHECK_EQ(x.root->kids[1].kind, EXPLAIN_NOT);
    CHECK_EQ(either->kind, EXPLAIN_OR);
    CHECK_EQ(either->kids[0].fields[0].value.i, 420);
    CHECK_EQ(either->kids[0].change, true);
    CHECK_EQ(either->kids[1].kind, EXPLAIN_MEMBER);
    CHECK_STR(either->kids[1].fields[0].value.s, S("vip"));
    CHECK_EQ(either->kids[1].change, false);
    CHECK_EQ(x.change_count, 1);
    CHECK_EQ(x.flip_ms, 0);
    rule_free(r);
}

/* Three views within 24 hours: the third decides, and the first leaves the window an hour and a millisecond from now.
 */
TEST(explain_counts)
{
    struct rule *r =
        compile(t, "xEvent[eventType = \"view\" and timestamp occurs <= 24 hours before now].count() >= 3");
    struct rule_env env = env_of(t, PROFILE);
    struct explain x = explained(t, r, &env);

    CHECK_EQ(x.root->kind, EXPLAIN_COUNT);
    CHECK_EQ(x.root->truth, true);
    CHECK_EQ(x.root->value.i, 3);
    CHECK_EQ(x.root->counted, 3);
    CHECK_STR(id_of(&x.root->events[0]), S("e1"));
    CHECK_EQ(x.root->decided, true);
    CHECK_STR(id_of(&x.root->decider), S("e3"));
    CHECK_EQ(x.root->flip_ms, instant("2025-03-12T13:00:00Z") + 1);
    CHECK_EQ(x.flip_ms, x.root->flip_ms);
    env.now_ms = x.flip_ms;
    x = explained(t, r, &env);
    CHECK_EQ(x.root->truth, false);
    CHECK_EQ(x.root->value.i, 2);
    CHECK_EQ(x.change_count, 1);
    CHECK_EQ(x.flip_ms, 0);
    rule_free(r);
}

TEST(explain_forms_of_counting)
{
    static const struct {
        const char *text;
        enum explain_kind kind;
        bool truth;
        size_t counted;
        const char *decider;
    } rows[] = {
        {"xEvent[eventType = \"buy\"]", EXPLAIN_COUNT, true, 2, "e0"},
        {"xEvent[eventType = \"buy\"].exists()", EXPLAIN_COUNT, true, 2, "e0"},
        {"exists E from xEvent where E.eventType = \"view\"", EXPLAIN_COUNT, true, 3, "e1"},
        {"none E from xEvent where E.eventType = \"view\"", EXPLAIN_COUNT, false, 3, "e1"},
        {"none E from xEvent where E.eventType = \"play\"", EXPLAIN_COUNT, true, 0, ""},
        {"chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") COUNT(>= 2)])", EXPLAIN_COUNT, true, 3, "e2"},
        {"3 > xEvent[eventType = \"view\"].count()", EXPLAIN_COUNT, false, 3, "e3"},
        {"xEvent[eventType = \"buy\"].sum(total) > 100", EXPLAIN_SUM, true, 2, "e4"},
        {"xEvent.total.sum() = 100.5", EXPLAIN_SUM, true, 2, "e4"},
        {"xEvent.topN(timestamp, 2).count() = 2", EXPLAIN_EVENTS, true, 0, ""},
        {"xEvent[total > 50].count() = xEvent.count()", EXPLAIN_EVENTS, false, 0, ""},
    };
    struct rule_env env = env_of(t, PROFILE);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule *r = compile(t, rows[i].text);
        struct explain x = explained(t, r, &env);
        if (x.root->kind != rows[i].kind || x.root->truth != rows[i].truth || x.root->counted != rows[i].counted)
            t_fail(t, __FILE__, __LINE__, "%s: kind %d, truth %d, counted %zu", rows[i].text, (int)x.root->kind,
                   x.root->truth, x.root->counted);
        CHECK_EQ(x.root->decided, rows[i].decider[0] != '\0');
        if (x.root->decided)
            CHECK_STR(id_of(&x.root->decider), str_of(rows[i].decider));
        rule_free(r);
    }
}

/* The sequence has nothing to spare, and is the earliest. */
TEST(explain_sequence)
{
    struct rule *r =
        compile(t, "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), B: WHAT(eventType = \"view\"), "
                   "C: WHAT(eventType = \"buy\")])");
    struct rule_env env = env_of(t, PROFILE);
    struct explain x = explained(t, r, &env);

    CHECK_EQ(x.root->kind, EXPLAIN_CHAIN);
    CHECK_EQ(x.root->truth, true);
    CHECK_EQ(x.root->counted, 3);
    CHECK_STR(id_of(&x.root->events[0]), S("e1"));
    CHECK_STR(id_of(&x.root->events[1]), S("e2"));
    CHECK_STR(id_of(&x.root->decider), S("e4"));
    rule_free(r);
}

TEST(explain_limits)
{
    struct rule_env env = env_of(t, "{}");
    struct explain x = {0};
    struct rule *r;
    struct buf b;

    for (unsigned more = 0; more < 2; more++) {
        buf_init(&b, 1 << 20);
        for (unsigned i = 0; i + 1 + !more < LIMIT_EXPLAIN_NODES + 1; i++)
            buf_printf(&b, "%sa%u = 1", i > 0 ? " or " : "", i);
        r = compile(t, arena_cstr(t->arena, buf_str(&b)));
        if (more)
            CHECK_ERR(rule_explain(r, &env, t->arena, &x, d), ERR_LIMIT);
        else
            CHECK_OK(rule_explain(r, &env, t->arena, &x, d));
        rule_free(r);
        buf_deinit(&b);
    }
    for (unsigned more = 0; more < 2; more++) { /* what is deeper is one leaf, and as true as before */
        buf_init(&b, 1 << 20);
        for (unsigned i = 0; i + 1 < LIMIT_EXPLAIN_DEPTH + more; i++)
            buf_put(&b, i % 2 == 0 ? S("(a = 1 or ") : S("(b = 2 and "));
        buf_put(&b, S("c.isNull()"));
        for (unsigned i = 0; i + 1 < LIMIT_EXPLAIN_DEPTH + more; i++)
            buf_putc(&b, ')');
        r = compile(t, arena_cstr(t->arena, buf_str(&b)));
        x = explained(t, r, &env);
        CHECK_EQ(x.node_count, 2 * LIMIT_EXPLAIN_DEPTH - 1);
        CHECK_EQ(x.root->truth, false);
        rule_free(r);
        buf_deinit(&b);
    }
    r = compile(t, "1 = 2 and false");
    x = explained(t, r, &env);
    CHECK_EQ(x.possible, false);
    CHECK_EQ(x.change_count, 0);
    rule_free(r);
}

/* One past each limit of what is shown. */
TEST(explain_shows_a_part)
{
    struct rule *r = compile(t, "xEvent.count() >= 1 and a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 = 1");
    struct rule_env env;
    struct explain x;
    struct buf b;

    _Static_assert(LIMIT_EXPLAIN_FIELDS == 8, "the rule reads one more");
    buf_init(&b, 1 << 16);
    buf_put(&b, S("{\"xEvent\":["));
    for (int i = 0; i <= LIMIT_EXPLAIN_EVENTS; i++)
        buf_printf(&b, "%s{\"_id\":\"e%d\",\"timestamp\":\"2025-03-11T00:00:%02dZ\"}", i > 0 ? "," : "", i, i);
    buf_put(&b, S("]}"));
    env = env_of(t, arena_cstr(t->arena, buf_str(&b)));
    x = explained(t, r, &env);
    CHECK_EQ(x.root->kids[0].counted, LIMIT_EXPLAIN_EVENTS + 1);
    CHECK_EQ(x.root->kids[0].event_count, LIMIT_EXPLAIN_EVENTS);
    CHECK_STR(id_of(&x.root->kids[0].events[0]), S("e1"));
    CHECK_EQ(x.root->kids[1].field_count, LIMIT_EXPLAIN_FIELDS);
    rule_free(r);
    buf_deinit(&b);
}

/* A leaf that counts looks at each event once with the others, and once alone; an evaluation costs one more. */
TEST(explain_work_limit)
{
    const unsigned events = 4999, leaf = events + 1 + 2 * events, leaves = LIMIT_EXPLAIN_WORK / leaf;
    struct rule_env env = env_of(t, "{}");
    const struct json *event = env.profile, **all = ARENA_ARRAY(t->arena, const struct json *, events);
    struct explain x = {0};

    for (unsigned i = 0; i < events; i++)
        all[i] = event;
    env.events = all;
    env.event_count = events;
    for (unsigned more = 0; more < 2; more++) {
        struct rule *r;
        struct buf b;
        buf_init(&b, 1 << 16);
        for (unsigned i = 0; i < leaves + more; i++)
            buf_printf(&b, "%sxEvent.count() > %u", i > 0 ? " and " : "", i);
        r = compile(t, arena_cstr(t->arena, buf_str(&b)));
        if (more)
            CHECK_ERR(rule_explain(r, &env, t->arena, &x, d), ERR_LIMIT);
        else
            CHECK_OK(rule_explain(r, &env, t->arena, &x, d));
        rule_free(r);
        buf_deinit(&b);
    }
}

/* Leaves in two places: at the limit all are tried, past it one keeps its truth and the set grows. */
TEST(explain_shared_limit)
{
    for (unsigned more = 0; more < 2; more++) {
        struct rule_env env = env_of(t, "{\"z\":1}");
        struct explain x;
        struct rule *r;
        struct buf b;
        buf_init(&b, 1 << 16);
        for (unsigned i = 0; i + 1 < LIMIT_EXPLAIN_SHARED + more; i++)
            buf_printf(&b, "(v%u = 1 or v%u = 1) and ", i, i);
        buf_put(&b, S("(z = 0 or not (z = 1) or (v99 = 1 and v98 = 1)) and (not (z = 1) or v97 = 1)"));
        r = compile(t, arena_cstr(t->arena, buf_str(&b)));
        x = explained(t, r, &env);
        CHECK_EQ(x.exact, !more);
        CHECK_EQ(x.possible, true);
        CHECK_EQ(x.change_count, LIMIT_EXPLAIN_SHARED + more - 1 + (more ? 2 : 1));
        rule_free(r);
        buf_deinit(&b);
    }
}

/* ---- the least that would have to change, against all assignments ---- */

#define VARIABLES 8

static void
random_formula(struct t *t, struct buf *b, unsigned depth, unsigned *next, bool repeat)
{
    uint64_t form = rng_below(&t->rng, depth == 0 ? 1 : 4);
    size_t kids = 2 + rng_below(&t->rng, 2);

    if (form == 0 || *next + 3 > VARIABLES) {
        unsigned v = repeat ? (unsigned)rng_below(&t->rng, 5) : (*next)++ % VARIABLES;
        buf_printf(b, "v%u = 1", v);
    } else if (form == 1) {
        buf_put(b, S("not ("));
        random_formula(t, b, depth - 1, next, repeat);
        buf_putc(b, ')');
    } else {
        for (size_t i = 0; i < kids; i++) {
            buf_put(b, i == 0 ? S("(") : form == 2 ? S(") and (") : S(") or ("));
            random_formula(t, b, depth - 1, next, repeat);
        }
        buf_putc(b, ')');
    }
}

static struct rule_env
env_of_bits(struct t *t, unsigned bits)
{
    struct buf b;
    struct rule_env env;

    buf_init(&b, 4096);
    buf_putc(&b, '{');
    for (unsigned i = 0; i < VARIABLES; i++)
        buf_printf(&b, "%s\"v%u\":%u", i > 0 ? "," : "", i, bits >> i & 1);
    buf_putc(&b, '}');
    env = env_of(t, arena_cstr(t->arena, buf_str(&b)));
    buf_deinit(&b);
    return env;
}

static bool
truth_of(struct t *t, const struct rule *r, const struct rule_env *env)
{
    struct value v;

    CHECK_OK(rule_eval(r, env, t->arena, &v, d));
    return value_truth(v);
}

/* Flips the variable of every leaf of the set. */
static unsigned
applied(const struct explain_node *n, unsigned bits)
{
    if (n->change)
        bits ^= 1u << (n->node->args[0]->name.p[1] - '0');
    for (size_t i = 0; i < n->kid_count; i++)
        bits = applied(&n->kids[i], bits);
    return bits;
}

static void
check_formula(struct t *t, const char *text)
{
    struct rule *r = compile(t, text);
    unsigned bits = (unsigned)rng_below(&t->rng, 1u << VARIABLES), best = VARIABLES + 1;
    struct rule_env env = env_of_bits(t, bits);
    struct explain x = explained(t, r, &env);

    CHECK_EQ(x.root->truth, truth_of(t, r, &env));
    for (unsigned other = 0; other < 1u << VARIABLES; other++) {
        unsigned distance = (unsigned)__builtin_popcount(other ^ bits);
        struct rule_env changed;
        if (distance >= best)
            continue;
        changed = env_of_bits(t, other);
        if (truth_of(t, r, &changed))
            best = distance;
    }
    if (x.possible != (best <= VARIABLES) || (x.possible && x.change_count != best) || !x.exact)
        t_fail(t, __FILE__, __LINE__, "%s with %x: %u changes, expected %u", text, bits, x.change_count, best);
    if (x.possible) {
        env = env_of_bits(t, applied(x.root, bits));
        CHECK_EQ(__builtin_popcount(applied(x.root, bits) ^ bits), x.change_count);
        CHECK_TRUE(truth_of(t, r, &env));
    }
    rule_free(r);
}

TEST(explain_changes_are_the_least)
{
    for (int i = 0; i < 120; i++) {
        struct buf b;
        unsigned next = 0;
        buf_init(&b, 1 << 16);
        random_formula(t, &b, 3, &next, i % 2 == 0);
        check_formula(t, arena_cstr(t->arena, buf_str(&b)));
        buf_deinit(&b);
    }
}

/* ---- random rules: every truth is the evaluator's, and at the flip it is the other one ---- */

static int
by_age(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x < y) - (x > y);
}

/* The oldest event first, as a profile has them: head() and the like read the list as it is given, the explanation in
 * order of time. */
static struct rule_env
random_env(struct t *t, struct random_pql *f)
{
    int64_t ages[12];
    uint64_t n = random_below(f, 12);
    struct buf b;
    struct rule_env env;
    char at[ISO8601_BYTES];

    buf_init(&b, 1 << 16);
    buf_printf(&b,
               "{\"tier\":\"%s\",\"points\":%d,\"colours\":[\"red\"],\"person\":{\"name\":\"Bo\"},\"favourite\":\"%s\"",
               RANDOM_PICK(f, "gold", "silver"), random_number(f, 10), random_sku(f));
    buf_put(&b, S(",\"xEvent\":["));
    for (uint64_t i = 0; i < n; i++)
        ages[i] = (int64_t)random_below(f, (uint64_t)MS_PER_DAY << random_below(f, 7));
    qsort(ages, n, sizeof *ages, by_age);
    for (uint64_t i = 0; i < n; i++) {
        iso8601_format(instant(NOW) - ages[i], at);
        buf_printf(&b, "%s{\"_id\":\"e%d\",\"timestamp\":\"%.*s\",\"eventType\":\"%s\",\"sku\":\"%s\",\"amount\":%d}",
                   i > 0 ? "," : "", (int)i, ISO8601_BYTES, at, random_event_type(f), random_sku(f),
                   random_number(f, 30));
    }
    buf_put(&b, S("]}"));
    env = env_of(t, arena_cstr(t->arena, buf_str(&b)));
    buf_deinit(&b);
    return env;
}

static void
check_node(struct t *t, const struct explain_node *n, const struct rule_env *env)
{
    struct rule_env later = *env;
    struct value v;

    CHECK_OK(rule_eval_node(n->node, env, NULL, 0, t->arena, &v, d));
    CHECK_EQ(n->truth, value_truth(v));
    if (n->flip_ms != 0) {
        CHECK_TRUE(n->flip_ms > env->now_ms);
        later.now_ms = n->flip_ms;
        CHECK_OK(rule_eval_node(n->node, &later, NULL, 0, t->arena, &v, d));
        CHECK_EQ(n->truth, !value_truth(v));
    }
    for (size_t i = 0; i < n->kid_count; i++)
        check_node(t, &n->kids[i], env);
}

TEST(explain_agrees_with_the_evaluator)
{
    struct random_pql f = {.rng = t->rng, .a = t->arena};
    unsigned kinds[EXPLAIN_FIXED + 1] = {0}, flips = 0;

    for (int i = 0; i < 300; i++) {
        struct rule *r = compile(t, random_pql_expression(&f, 0));
        struct rule_env env = random_env(t, &f);
        struct explain x = explained(t, r, &env);
        check_node(t, x.root, &env);
        kinds[x.root->kind]++;
        flips += x.flip_ms != 0;
        rule_free(r);
    }
    CHECK_TRUE(kinds[EXPLAIN_COUNT] > 0 && kinds[EXPLAIN_CHAIN] > 0 && kinds[EXPLAIN_SUM] > 0 && flips > 10);
}
