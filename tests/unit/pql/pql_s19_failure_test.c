/* pql_s19_failure_test.c - item 29 of [SEGMENTATION 19]: the same answer every time, and no answer rather than a wrong
 * one when memory is refused, wherever that happens: in the compiler, in each of the three evaluators. */
#include "alloc_fail.h"
#include "base/civil.h"
#include "pql_s19.h"
#include "rule/rule_block.h"
#include "rule/rule_graph.h"

static const char profile[] =
    "{\"name\":\"\xC3\x89lodie\",\"p\":\"^\xC3\x89l(o)\",\"tags\":[\"a\",\"b\",\"a\"],\"n\":7,"
    "\"segmentMembership\":{\"ups\":{\"vip\":{},\"other\":{}}},\"xEvent\":["
    "{\"timestamp\":\"2025-03-10T10:00:00Z\",\"k\":\"view\",\"sku\":\"a\",\"v\":1},"
    "{\"timestamp\":\"2025-03-10T11:00:00Z\",\"k\":\"cart\",\"sku\":\"a\",\"v\":2.5},"
    "{\"timestamp\":\"2025-03-11T10:00:00Z\",\"k\":\"view\",\"sku\":\"b\",\"v\":4},"
    "{\"timestamp\":\"2025-03-12T10:00:00Z\",\"k\":\"buy\",\"sku\":\"a\",\"v\":8}]}";

/* All true, so that whatever goes wrong unseen makes them false; and each false under not. */
static const char *const texts[] = {
    "n = 7 and tags.includes(\"b\")",
    "name.equals(\"\xC3\xA9LODIE\", \"x\", false) and name.contains(\"LOD\", false)",
    "name.matches(p) and name.regexGroup(p) = \"o\"",
    "name.matches(\"(?i)^.LODIE$\")",
    "tags.distinct().count() = 2 and tags.intersection([\"b\"]) = [\"b\"]",
    "xEvent.groupBy(k).map((K, G) => mapEntry(K, G.sum(v))).get(\"view\") = 5",
    "xEvent.topN(timestamp, 1).head().k = \"buy\" and xEvent.map(v).max() = 8",
    "xEvent[k = \"view\" and timestamp occurs <= 30 days before now].count() = 2",
    "xEvent[timestamp occurs <= 7 days before now].sum(v) > 15",
    "exists A from xEvent, B from xEvent where A.sku = B.sku and A.k = \"cart\" and B.k = \"buy\"",
    "chain(xEvent, timestamp, [A: WHAT(k = \"view\"), not X: WHAT(k = \"z\"), B: WHAT(k = \"cart\") GAP(<= 2 hours)])",
    "chain(xEvent, timestamp, [A: WHAT(k = \"view\"), B: WHAT(k = \"buy\" and sku = A.sku)])",
    "(select E from xEvent where E.v > 1).sku.distinct().count() = 2 and forall E from xEvent where E.v > 0",
    "inSegment(\"vip\") and let s = (sum E.v over E from xEvent) in s = 15.5",
    "tags.exists((T) => T = \"b\" and inSegment(\"other\") and inSegment(\"vip\"))",
    "n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] and {\"a\": [n]} = {\"a\": [7]}",
};

struct subject {
    const struct rule *rule, *other; /* other: an audience beside it, which it may name */
    struct rule_env env;
};

static struct subject
subject_of(struct t *t, const char *text, struct rule *owned[2])
{
    struct subject s = {.rule = NULL};
    const struct json *root = NULL;

    CHECK_OK(json_parse(str_of(profile), t->arena, &root, d));
    CHECK_OK(pql_compile(str_of(text), true, &owned[0], NULL, d));
    CHECK_OK(pql_compile(S("n = 7"), true, &owned[1], NULL, d));
    s.rule = owned[0];
    s.other = owned[1];
    s.env.profile = root;
    s.env.events = pql_events_of(root, t->arena, &s.env.event_count);
    CHECK_TRUE(iso8601_parse(S(S19_NOW), &s.env.now_ms, NULL));
    return s;
}

static void
disown(struct rule *owned[2])
{
    rule_free(owned[0]);
    rule_free(owned[1]);
}

/* ---- the three evaluators: an error, or whether the person is a member ---- */

static enum err
by_reference(const struct subject *s, bool *member)
{
    struct arena a;
    struct value v = VALUE_OF_NULL;
    enum err rc;

    arena_init(&a, SIZE_MAX / 2);
    rc = rule_eval(s->rule, &s->env, &a, &v, NULL);
    *member = value_truth(v);
    arena_deinit(&a);
    return rc;
}

static enum err
by_graph(const struct subject *s, bool *member)
{
    struct rule_audience audiences[] = {{S("x"), s->rule}, {S("other"), s->other}};
    struct rule_graph *g = NULL;
    struct rule_state *state = NULL;
    struct rule_changes changes;
    struct rule_env env = s->env;
    struct arena a;
    enum err rc = rule_graph_new(audiences, 2, 1, &g, NULL);

    arena_init(&a, SIZE_MAX / 2);
    env.event_count = 0;
    if (rc == ERR_OK)
        rc = rule_state_build(g, &env, &a, &state, NULL);
    while (rc == ERR_OK && env.event_count < s->env.event_count) {
        env.event_count++;
        rc = rule_state_event(g, state, &env, env.events[env.event_count - 1], &a, &changes, NULL);
    }
    if (rc == ERR_OK)
        *member = rule_state_member(state, 0);
    arena_deinit(&a);
    rule_graph_free(g);
    return rc;
}

static enum err
by_block(const struct subject *s, bool *member)
{
    struct rule_audience audiences[] = {{S("x"), s->rule}, {S("other"), s->other}};
    struct rule_block_profile one = {s->env.profile, s->env.events, s->env.event_count};
    struct rule_block_program *p = NULL;
    struct rule_block *b = NULL;
    enum err rc = rule_block_compile(audiences, 2, &p, NULL);

    if (rc == ERR_OK)
        rc = rule_block_new(p, 64, &b, NULL);
    if (rc == ERR_OK)
        rc = rule_block_add(b, &one, NULL);
    if (rc == ERR_OK)
        rc = rule_block_run(b, &(struct rule_block_now){.now_ms = s->env.now_ms}, NULL);
    if (rc == ERR_OK && rule_block_undecided(b, 0) != NULL && (rule_block_undecided(b, 0)[0] & 1))
        rc = ERR_LIMIT; /* said so for this profile alone */
    if (rc == ERR_OK)
        *member = (rule_block_members(b, 0)[0] & 1) != 0;
    rule_block_free(b);
    rule_block_program_free(p);
    return rc;
}

static const struct {
    const char *name;
    enum err (*run)(const struct subject *s, bool *member);
} evaluators[] = {{"reference", by_reference}, {"graph", by_graph}, {"block", by_block}};

TEST(s19_29_the_same_a_thousand_times)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rule *owned[2] = {NULL, NULL};
        struct subject s = subject_of(t, texts[i], owned);
        struct buf first, again;
        struct value v;
        buf_init_in(&first, t->arena, 1 << 16);
        for (int k = 0; k < 1000; k++) {
            struct arena a;
            arena_init(&a, 1 << 20);
            buf_init_in(&again, &a, 1 << 16);
            CHECK_OK(rule_eval(s.rule, &s.env, &a, &v, d));
            value_write(k == 0 ? &first : &again, v);
            if (k > 0)
                CHECK_STR(buf_str(&again), buf_str(&first));
            arena_deinit(&a);
        }
        for (size_t e = 0; e < sizeof evaluators / sizeof evaluators[0]; e++) {
            for (int k = 0; k < 20; k++) {
                bool member = false;
                CHECK_EQ(evaluators[e].run(&s, &member), ERR_OK);
                CHECK_TRUE(member);
            }
        }
        disown(owned);
    }
}

/* How many allocations were refused, one after the other. */
static size_t
check_refused(struct t *t, const char *text, size_t e)
{
    size_t n = 0;
    struct rule *owned[2] = {NULL, NULL};
    struct subject s = subject_of(t, text, owned);
    bool wanted = false, refused = true;

    CHECK_EQ(evaluators[e].run(&s, &wanted), ERR_OK);
    for (; refused; n++) {
        bool member = !wanted;
        enum err rc;
        CHECK_TRUE(n < 100000);
        alloc_fail_from(n);
        rc = evaluators[e].run(&s, &member);
        refused = alloc_fail_end();
        if (rc == ERR_OK ? member != wanted : rc != ERR_NOMEM && rc != ERR_LIMIT)
            t_fail(t, __FILE__, __LINE__, "%s with allocation %zu refused, %s: %s, %s", evaluators[e].name, n, text,
                   err_name(rc), member ? "member" : "no member");
        if (!refused)
            CHECK_EQ(rc, ERR_OK);
    }
    disown(owned);
    return n - 1;
}

TEST(s19_29_memory_refused_in_an_evaluator)
{
    size_t refused[3] = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *negated = arena_printf(t->arena, "not(%s)", texts[i]).p;
        for (size_t e = 0; e < sizeof evaluators / sizeof evaluators[0]; e++) {
            refused[e] += check_refused(t, texts[i], e);
            refused[e] += check_refused(t, negated, e);
        }
    }
    for (size_t e = 0; e < 3; e++)
        CHECK_TRUE(refused[e] >= 20); /* the linker did its part */
}

/* An arena that is small instead of a heap that is: also for what PCRE2 takes. */
TEST(s19_29_little_memory_for_an_evaluation)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rule *owned[2] = {NULL, NULL};
        struct subject s = subject_of(t, texts[i], owned);
        enum err rc = ERR_LIMIT;
        for (size_t bytes = 0; rc != ERR_OK; bytes += 16) {
            struct arena a;
            struct value v;
            CHECK_TRUE(bytes < 1 << 20);
            arena_init(&a, bytes);
            rc = rule_eval(s.rule, &s.env, &a, &v, &t_diag);
            if (rc == ERR_OK ? !value_truth(v) : rc != ERR_LIMIT)
                t_fail(t, __FILE__, __LINE__, "%zu bytes for %s: %s", bytes, texts[i], err_name(rc));
            arena_deinit(&a);
        }
        disown(owned);
    }
}

TEST(s19_29_memory_refused_in_the_compiler)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool refused = true;
        for (size_t n = 0; refused; n++) {
            struct rule *r = NULL;
            enum err rc;
            CHECK_TRUE(n < 100000);
            alloc_fail_from(n);
            rc = pql_compile(str_of(texts[i]), true, &r, NULL, &t_diag);
            refused = alloc_fail_end();
            CHECK_TRUE((rc == ERR_OK) == (r != NULL));
            if (rc != ERR_OK && rc != ERR_NOMEM && rc != ERR_LIMIT)
                t_fail(t, __FILE__, __LINE__, "allocation %zu refused, %s: %s %s", n, texts[i], err_name(rc),
                       t_diag.what);
            if (!refused)
                CHECK_TRUE(rc == ERR_OK && n >= 3);
            if (r != NULL) {
                struct rule *owned[2] = {NULL, NULL};
                struct subject s = subject_of(t, texts[i], owned);
                bool member = false;
                s.rule = r;
                CHECK_EQ(by_reference(&s, &member), ERR_OK);
                CHECK_TRUE(member);
                disown(owned);
            }
            rule_free(r);
        }
    }
}
