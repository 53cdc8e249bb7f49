/* rule_block_test.c - blocks of profiles: filling, limits, what is left to the reference, and what a run promises. That
 * the answers are right is rule_graph_diff_test.c's. */
#include "base/limits.h"
#include "pql/pql.h"
#include "rule/rule_block.h"
#include "t.h"

#define NOW_MS 1750000000000 /* 2025-06-15T15:06:40Z */
#define AUDIENCES_MAX 64

/* A compiled set of texts; audience i has the id "a<i>". */
struct set {
    struct t *t;
    struct rule_audience audiences[AUDIENCES_MAX];
    struct rule *rules[AUDIENCES_MAX];
    size_t n;
    struct rule_block_program *p;
    struct rule_block *b;
};

static struct rule *
compile(struct t *t, struct str text)
{
    struct rule *r = NULL;

    CHECK_OK(pql_compile(text, true, &r, NULL, d));
    return r;
}

static struct set *
set_of(struct t *t, const char *const *texts, size_t n, size_t rows)
{
    struct set *s = ARENA_NEW(t->arena, struct set);

    s->t = t;
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        s->rules[i] = compile(t, str_of(texts[i]));
        s->audiences[i] = (struct rule_audience){arena_printf(t->arena, "a%zu", i), s->rules[i]};
    }
    CHECK_OK(rule_block_compile(s->audiences, n, &s->p, d));
    CHECK_OK(rule_block_new(s->p, rows, &s->b, d));
    return s;
}

#define SET(rows, ...)                                                                                                 \
    set_of(t, ((const char *const[]){__VA_ARGS__}), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), rows)

static void
set_free(struct set *s)
{
    rule_block_check(s->b);
    rule_block_free(s->b);
    rule_block_program_free(s->p);
    for (size_t i = 0; i < s->n; i++)
        rule_free(s->rules[i]);
}

static const struct json *
parse(struct t *t, const char *text)
{
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(text), t->arena, &v, d));
    return v;
}

static void
add(struct set *s, const char *profile)
{
    struct t *t = s->t;

    CHECK_OK(rule_block_add(s->b, &(struct rule_block_profile){.profile = parse(t, profile)}, d));
}

static void
add_events(struct set *s, const char *profile, const char *events)
{
    struct t *t = s->t;
    struct json_iter it = json_iter(parse(t, events));
    const struct json **list = ARENA_ARRAY(t->arena, const struct json *, 64);
    size_t n = 0;

    while (json_next(&it))
        list[n++] = it.value;
    CHECK_OK(rule_block_add(s->b, &(struct rule_block_profile){parse(t, profile), list, n}, d));
}

static void
run(struct set *s)
{
    struct t *t = s->t;

    CHECK_OK(rule_block_run(s->b, &(struct rule_block_now){.now_ms = NOW_MS}, d));
    rule_block_check(s->b);
}

static bool
member(const struct set *s, size_t audience, size_t row)
{
    return rule_block_members(s->b, audience)[row / 64] >> (row % 64) & 1;
}

/* ---- compiling ---- */

TEST(block_equal_parts_are_shared)
{
    struct set *s = SET(64, "age > 5 and tier = \"gold\"", "tier = \"gold\" and age > 5", "not (age > 5)",
                        "not (not (age > 5))", "inSegment(\"a0\") and age > 5");
    struct rule_block_shape shape = rule_block_shape(s->p);

    CHECK_EQ(shape.audiences, 5);
    CHECK_EQ(shape.nodes, 4); /* two tests, their conjunction, one negation */
    CHECK_EQ(shape.fallbacks, 0);
    add(s, "{\"age\":6,\"tier\":\"gold\"}");
    add(s, "{\"age\":6}");
    add(s, "{}");
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 4);
    CHECK_EQ(rule_block_members(s->b, 3)[0], 3);
    CHECK_EQ(rule_block_members(s->b, 4)[0], 1);
    set_free(s);
}

TEST(block_refuses_cycles_and_double_ids)
{
    struct rule *a = compile(t, S("inSegment(\"b\")")), *b = compile(t, S("x = 1 or inSegment(\"a\")"));
    struct rule_audience cycle[] = {{S("a"), a}, {S("b"), b}}, twice[] = {{S("a"), a}, {S("a"), a}};
    struct rule_block_program *p = NULL;

    CHECK_ERR(rule_block_compile(cycle, 2, &p, d), ERR_INVALID);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("refers to itself")) >= 0);
    CHECK_ERR(rule_block_compile(twice, 2, &p, d), ERR_INVALID);
    CHECK_ERR(rule_block_compile(twice, LIMIT_AUDIENCES_HARD + 1, &p, d), ERR_LIMIT);
    CHECK_TRUE(p == NULL);
    rule_free(a);
    rule_free(b);
}

/* A chain of references as long as the stack would be deep, if we recursed; each conjunction stays small. */
TEST(block_long_chains_of_references)
{
    enum { N = 5000 };
    struct rule_audience *all = ARENA_ARRAY(t->arena, struct rule_audience, N);
    struct rule_block_program *p;
    struct rule_block *b;
    size_t fallbacks = 0;

    for (size_t i = 0; i < N; i++) {
        struct str text = i == 0 ? S("colours.distinct().count() = 2")
                                 : arena_printf(t->arena, "inSegment(\"a%zu\") and points > %zu", i - 1, i % 100);
        all[i] = (struct rule_audience){arena_printf(t->arena, "a%zu", i), compile(t, text)};
    }
    CHECK_OK(rule_block_compile(all, N, &p, d));
    fallbacks = rule_block_shape(p).audiences_with_fallback;
    CHECK_EQ(fallbacks, N);
    CHECK_OK(rule_block_new(p, 64, &b, d));
    CHECK_OK(
        rule_block_add(b, &(struct rule_block_profile){.profile = parse(t, "{\"points\":100,\"colours\":[1,2]}")}, d));
    CHECK_OK(
        rule_block_add(b, &(struct rule_block_profile){.profile = parse(t, "{\"points\":99,\"colours\":[1,2]}")}, d));
    CHECK_OK(rule_block_run(b, &(struct rule_block_now){.now_ms = NOW_MS}, d));
    CHECK_EQ(rule_block_members(b, N - 1)[0], 1);
    CHECK_EQ(rule_block_members(b, 98)[0], 3);
    CHECK_EQ(rule_block_members(b, 99)[0], 1);
    rule_block_free(b);
    rule_block_program_free(p);
    for (size_t i = 0; i < N; i++)
        rule_free((struct rule *)(uintptr_t)all[i].rule);
}

static void
note_path(void *ctx, struct str path)
{
    struct buf *b = ctx;

    buf_printf(b, "%.*s ", STR_ARG(path));
}

TEST(block_says_which_paths_it_reads)
{
    struct set *s = SET(64, "person.age > 5 and tier = \"x\"", "xEvent[commerce.total > 5 and timestamp occurs today]");
    struct buf b;

    buf_init(&b, 1000);
    rule_block_attribute_paths(s->p, note_path, &b);
    rule_block_event_paths(s->p, note_path, &b);
    CHECK_STR(buf_str(&b), S("person.age tier timestamp commerce.total "));
    buf_deinit(&b);
    set_free(s);
}

static void
note_fallback(void *ctx, size_t audience, const char *why, uint32_t pos)
{
    buf_printf(ctx, "a%zu at %u: %s\n", audience, (unsigned)pos, why);
}

TEST(block_says_what_is_left_to_the_reference)
{
    struct set *s = SET(64, "age > 5", "age > 5 and colours.distinct().count() > 1",
                        "xEvent[items[price > 3].count() > 1]", "inSegment(\"a1\")");
    struct rule_block_arrays none = {.rows = 1};
    struct buf b;

    CHECK_EQ(rule_block_shape(s->p).fallbacks, 2);
    CHECK_EQ(rule_block_shape(s->p).audiences_with_fallback, 3);
    buf_init(&b, 1000);
    rule_block_fallbacks(s->p, note_fallback, &b);
    CHECK_STR(buf_str(&b), S("a1 at 20: a list that is not a selection of events\n"
                             "a2 at 24: a list inside of an event\n"
                             "a3 at 20: a list that is not a selection of events\n"));
    buf_deinit(&b);
    CHECK_OK(rule_block_fill(s->b, &none, d));
    CHECK_ERR(rule_block_run(s->b, &(struct rule_block_now){.now_ms = NOW_MS}, d), ERR_UNSUPPORTED);
    rule_block_clear(s->b);
    add_events(s, "{\"age\":7,\"colours\":[1,1,2]}", "[{\"items\":[{\"price\":4},{\"price\":5}]}]");
    add_events(s, "{\"age\":3,\"colours\":[1,2]}", "[{\"items\":[{\"price\":4},{\"price\":2}]},{}]");
    run(s);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 3)[0], 1);
    set_free(s);
}

/* ---- blocks ---- */

TEST(block_sizes)
{
    struct set *s = SET(64, "age > 5");
    struct rule_block *b = NULL;

    for (size_t rows = 0; rows < 64; rows += 9)
        CHECK_ERR(rule_block_new(s->p, rows, &b, d), ERR_INVALID);
    CHECK_ERR(rule_block_new(s->p, 96, &b, d), ERR_INVALID);
    CHECK_ERR(rule_block_new(s->p, 2 * LIMIT_BLOCK_ROWS, &b, d), ERR_INVALID);
    CHECK_OK(rule_block_new(s->p, LIMIT_BLOCK_ROWS, &b, d));
    CHECK_OK(rule_block_run(b, &(struct rule_block_now){.now_ms = NOW_MS}, d)); /* of nothing */
    rule_block_free(b);
    set_free(s);
}

TEST(block_is_full_at_its_rows)
{
    struct set *s = SET(64, "not (n >= 3)", "xEvent[k = 1].count() = 0");

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++)
            add(s, arena_cstr(t->arena, arena_printf(t->arena, "{\"n\":%d}", i)));
        CHECK_ERR(rule_block_add(s->b, &(struct rule_block_profile){0}, d), ERR_BUSY);
        CHECK_EQ(rule_block_rows(s->b), 64);
        run(s);
        CHECK_EQ(rule_block_members(s->b, 0)[0], 7);
        CHECK_TRUE(rule_block_members(s->b, 1)[0] == UINT64_MAX);
        rule_block_clear(s->b);
        CHECK_EQ(rule_block_rows(s->b), 0);
        add(s, "{}"); /* nothing of the full block shows */
        run(s);
        CHECK_EQ(rule_block_members(s->b, 0)[0], 1);
        CHECK_EQ(rule_block_members(s->b, 1)[0], 1);
        rule_block_clear(s->b);
    }
    set_free(s);
}

TEST(block_memory_limit)
{
    struct rule *r = compile(t, S("name = \"x\" and xEvent[k = 1].count() > 0"));
    struct rule_audience one = {S("a"), r};
    struct rule_block_program *p;
    struct rule_block *b = NULL;
    const struct json *event = parse(t, "{\"k\":1}"), **events = ARENA_ARRAY(t->arena, const struct json *, 40000);
    struct rule_block_profile big = {.events = events, .event_count = 40000},
                              small = {.events = events, .event_count = 9};

    for (size_t i = 0; i < 40000; i++)
        events[i] = event;
    CHECK_OK(rule_block_compile(&one, 1, &p, d));
    CHECK_ERR(rule_block_new_within(p, 64, 2000, &b, d), ERR_LIMIT);
    CHECK_OK(rule_block_new_within(p, 64, 300000, &b, d));
    CHECK_ERR(rule_block_add(b, &big, d), ERR_LIMIT); /* never fits */
    CHECK_EQ(rule_block_rows(b), 0);
    CHECK_OK(rule_block_add(b, &small, d));
    CHECK_ERR(rule_block_add(b, &big, d), ERR_BUSY); /* perhaps the next one */
    CHECK_OK(rule_block_run(b, &(struct rule_block_now){.now_ms = NOW_MS}, d));
    CHECK_EQ(rule_block_members(b, 0)[0], 0);
    rule_block_free(b);
    rule_block_program_free(p);
    rule_free(r);
}

TEST(block_event_limit)
{
    struct set *s = SET(64, "xEvent.count() = 1048576", "xEvent.count() > 0");
    uint32_t *ends = ARENA_ARRAY(t->arena, uint32_t, 4);
    struct rule_block_arrays all = {.rows = 3, .event_offsets = ends};

    ends[1] = 0;
    ends[2] = ends[3] = LIMIT_BLOCK_EVENTS;
    CHECK_OK(rule_block_fill(s->b, &all, d));
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 2);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 2);
    rule_block_clear(s->b);
    ends[3]++;
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID);
    ends[3] = 0;
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID); /* they end before they begin */
    CHECK_ERR(rule_block_add(s->b, &(struct rule_block_profile){.event_count = LIMIT_BLOCK_EVENTS + 1}, d), ERR_LIMIT);
    ends[2] = ends[3] = 0;
    CHECK_OK(rule_block_fill(s->b, &all, d));
    set_free(s);
}

/* ---- arrays ---- */

TEST(block_arrays_mean_what_json_means)
{
    static const char *const texts[] = {
        "n > 2",       "n = 5 or n.isNull()", "f <= 1.5",     "f > n",  "flag = true",
        "not flag",    "name = \"b\"",        "name > \"a\"", "name",   "born < today",
        "n + f > 3.4", "name.like(\"_\")",    "missing = 1",  "n != 5", "f in [1.5, 9]"};
    enum { N = sizeof texts / sizeof *texts, ROWS = 5 };
    const int64_t n[ROWS] = {1, 5, INT64_MAX, 3, 0}, born[ROWS] = {NOW_MS, NOW_MS - 86400000, 0, 0, 7};
    const double f[ROWS] = {0.5, 1.5, 1e300, -1, 2};
    const uint8_t flags[ROWS] = {1, 0, 1, 0, 0};
    const uint32_t names[ROWS] = {1, 0, 2, 77, 1};
    const struct str known[] = {S("a"), S("b"), S("")};
    const uint64_t most = 0x17, some = 0x1d; /* 3 absent; 1 absent */
    const struct rule_block_array arrays[] = {
        {.path = S("n"), .type = RULE_BLOCK_INT, .items = n, .present = &most},
        {.path = S("f"), .type = RULE_BLOCK_DOUBLE, .items = f, .present = &some},
        {.path = S("flag"), .type = RULE_BLOCK_BOOL, .items = flags},
        {.path = S("name"), .type = RULE_BLOCK_TEXT, .items = names, .present = &most, .texts = known, .text_count = 3},
        {.path = S("born"), .type = RULE_BLOCK_TIME, .items = born, .present = &some},
        {.path = S("nobody.reads"), .type = RULE_BLOCK_INT, .items = n}};
    struct rule_block_arrays all = {.rows = ROWS, .arrays = arrays, .array_count = 6};
    static const char *const same[ROWS] = {
        "{\"n\":1,\"f\":0.5,\"flag\":true,\"name\":\"b\",\"born\":1750000000000}",
        "{\"n\":5,\"flag\":false,\"name\":\"a\"}",
        "{\"n\":9223372036854775807,\"f\":1e300,\"flag\":true,\"name\":\"\",\"born\":0}",
        "{\"f\":-1.0,\"flag\":false,\"born\":0}", "{\"n\":0,\"f\":2.0,\"flag\":false,\"name\":\"b\",\"born\":7}"};
    struct set *s = set_of(t, texts, N, 64);
    uint64_t expected[N];

    CHECK_EQ(rule_block_shape(s->p).fallbacks, 0);
    for (size_t i = 0; i < ROWS; i++)
        add(s, same[i]);
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID); /* not empty */
    run(s);
    for (size_t i = 0; i < N; i++)
        expected[i] = rule_block_members(s->b, i)[0];
    for (int round = 0; round < 3; round++) {
        rule_block_clear(s->b);
        CHECK_OK(rule_block_fill(s->b, &all, d));
        CHECK_ERR(rule_block_add(s->b, &(struct rule_block_profile){0}, d), ERR_INVALID);
        run(s);
        for (size_t i = 0; i < N; i++) {
            if (rule_block_members(s->b, i)[0] != expected[i])
                t_fail(t, __FILE__, __LINE__, "%s", texts[i]);
        }
    }
    CHECK_EQ(expected[0], 6);
    CHECK_EQ(expected[9], 0x1c); /* today began after the first one only by hours: it is not before it */
    set_free(s);
}

TEST(block_refuses_wrong_arrays)
{
    struct set *s = SET(64, "name = \"b\"", "born > now", "xEvent[timestamp occurs today]");
    const uint32_t index = 3, ends[] = {0, 2};
    const int64_t times[] = {NOW_MS, NOW_MS - 1};
    const struct str known[] = {S("a"), S("b"), S("")};
    struct rule_block_array a = {
        .path = S("name"), .type = RULE_BLOCK_TEXT, .items = &index, .texts = known, .text_count = 3};
    struct rule_block_arrays all = {.rows = 1, .arrays = &a, .array_count = 1};

    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("'name': index 3 of 3 texts"));
    a = (struct rule_block_array){.path = S("name"), .type = RULE_BLOCK_TIME, .items = times};
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_UNSUPPORTED);
    all.rows = 65;
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID);
    all.rows = 1;
    all.event_offsets = ends;
    a = (struct rule_block_array){.path = S("timestamp"), .of_events = true, .type = RULE_BLOCK_TIME, .items = times};
    CHECK_ERR(rule_block_fill(s->b, &all, d), ERR_INVALID);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("not in the order")) >= 0);
    CHECK_EQ(rule_block_rows(s->b), 0);
    add(s, "{\"name\":\"b\"}"); /* the block is as good as new */
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 1);
    set_free(s);
}

TEST(block_events_from_arrays)
{
    struct set *s =
        SET(64, "xEvent[kind = \"buy\" and timestamp occurs <= 1 day before now].count() >= 2",
            "xEvent.sum(amount) > 6", "xEvent.topN(timestamp, 1).head().kind = \"view\"",
            "chain(xEvent, timestamp, [A: WHAT(kind = \"view\"), B: WHAT(kind = \"buy\")])", "xEvent.max(amount) > n");
    const uint32_t ends[] = {0, 3, 3, 5}, kinds[] = {0, 1, 1, 1, 0};
    const int64_t times[] = {NOW_MS - 9000, NOW_MS - 8000, NOW_MS, NOW_MS - 86400001, NOW_MS - 1};
    const double amounts[] = {1, 2, 4, 8, 16};
    const int64_t n[] = {3, 3, 20};
    const struct str known[] = {S("view"), S("buy")};
    const struct rule_block_array arrays[] = {
        {.path = S("timestamp"), .of_events = true, .type = RULE_BLOCK_TIME, .items = times},
        {.path = S("kind"),
         .of_events = true,
         .type = RULE_BLOCK_TEXT,
         .items = kinds,
         .texts = known,
         .text_count = 2},
        {.path = S("amount"), .of_events = true, .type = RULE_BLOCK_DOUBLE, .items = amounts},
        {.path = S("n"), .type = RULE_BLOCK_INT, .items = n}};
    struct rule_block_arrays all = {.rows = 3, .arrays = arrays, .array_count = 4, .event_offsets = ends};

    CHECK_OK(rule_block_fill(s->b, &all, d));
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 5);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 4);
    CHECK_EQ(rule_block_members(s->b, 3)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 4)[0], 1);
    set_free(s);
}

static const struct json *
random_event(struct t *t, int64_t at, unsigned kinds)
{
    unsigned kind = (unsigned)rng_below(&t->rng, kinds), amount = (unsigned)rng_below(&t->rng, 2);
    char text[96];

    if (rng_below(&t->rng, 4) == 0)
        (void)snprintf(text, sizeof text, "{\"timestamp\":%lld,\"k\":%u}", (long long)at, kind);
    else
        (void)snprintf(text, sizeof text, "{\"timestamp\":%lld,\"k\":%u,\"amount\":%u.25}", (long long)at, kind,
                       amount);
    return parse(t, text);
}

/* Sequences of two events and sums of doubles have loops of their own: against the reference, with equal timestamps,
 * gaps of every form, absent amounts, and profiles whose events cross the words of the bitsets. */
TEST(block_pairs_and_sums_are_the_references)
{
#define PAIR(gap) "chain(xEvent, timestamp, [A: WHAT(k = 1), B: WHAT(k = 2)" gap "])"
    struct set *s = SET(64, PAIR(""), PAIR(" GAP(<= 2 hours)"), PAIR(" GAP(< 1 hour)"), PAIR(" GAP(<= 1 month)"),
                        PAIR(" GAP(>= 2 hours)"), PAIR(" GAP(> 1 hour)"),
                        "chain(xEvent, timestamp, [A: WHAT(k < 2), B: WHAT(k > 0) GAP(<= 1 hour)])",
                        "chain(xEvent, timestamp, [A: WHAT(k = 1), B: WHAT(k = 1) GAP(<= 1 hour)])",
                        "chain(xEvent, timestamp, [A: WHAT(k = 1), not B: WHAT(k = 2) GAP(<= 1 hour)])",
                        "xEvent[k = 1].sum(amount) > 3", "xEvent[k = 7].sum(amount) = 0",
                        "(sum E.amount over E from xEvent where E.k > 0) <= 2.5");
#undef PAIR

    for (int round = 0; round < 20; round++) {
        const struct json **events[64];
        size_t counts[64];
        for (size_t row = 0; row < 64; row++) {
            size_t n = rng_below(&t->rng, 2) ? rng_below(&t->rng, 90) : rng_below(&t->rng, 4);
            int64_t at = NOW_MS - (int64_t)rng_below(&t->rng, 100) * 86400000;
            events[row] = ARENA_ARRAY(t->arena, const struct json *, n + 1);
            counts[row] = n;
            for (size_t i = 0; i < n; i++) {
                at += (int64_t)rng_below(&t->rng, n > 40 ? 30 : 5) * 1800000;
                events[row][i] = random_event(t, at, n < 10 ? 3 : 12);
            }
            CHECK_OK(rule_block_add(s->b, &(struct rule_block_profile){NULL, events[row], n}, d));
        }
        run(s);
        for (size_t row = 0; row < 64; row++) {
            const struct rule_env env = {.now_ms = NOW_MS, .events = events[row], .event_count = counts[row]};
            for (size_t i = 0; i < s->n; i++) {
                struct value v;
                CHECK_OK(rule_eval(s->rules[i], &env, t->arena, &v, d));
                CHECK_EQ(member(s, i, row), value_truth(v));
            }
        }
        rule_block_clear(s->b);
    }
    set_free(s);
}

/* ---- dictionaries and codes ---- */

/* 20,000 texts over a few blocks: the dictionary is emptied on the way, narrow codes become wide and narrow again. */
TEST(block_dictionary_lives_longer_than_a_block)
{
    struct set *s = SET(1024, "name = \"n77\"", "name.endsWith(\"9\")", "name in [\"n1\", \"n19999\"]");
    unsigned members[3] = {0};
    char text[40];

    for (int at = 0; at < 40000; at++) {
        (void)snprintf(text, sizeof text, "{\"name\":\"n%d\"}", at / 2);
        add(s, text);
        if (rule_block_rows(s->b) < 1024 && at != 39999)
            continue;
        run(s);
        for (size_t i = 0; i < 3; i++) {
            for (size_t row = 0; row < rule_block_rows(s->b); row++)
                members[i] += member(s, i, row);
        }
        rule_block_clear(s->b);
    }
    CHECK_EQ(members[0], 2);
    CHECK_EQ(members[1], 4000);
    CHECK_EQ(members[2], 4);
    set_free(s);
}

static struct str
list_of(struct t *t, size_t n, const char *format)
{
    struct buf b;
    struct str out;

    buf_init(&b, (size_t)64 << 20);
    buf_put(&b, S("{\"tags\":["));
    for (size_t i = 0; i < n; i++) {
        char one[32];
        (void)snprintf(one, sizeof one, format[0] == 't' ? "\"t%zu\"" : "%zu", i % 1000000);
        if (i > 0)
            buf_putc(&b, ',');
        buf_put(&b, str_of(one));
    }
    buf_put(&b, S("]}"));
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(block_text_limit)
{
    enum { ROOM = LIMIT_BLOCK_TEXTS - 2 }; /* two entries are false and true */
    struct set *s = SET(64, "tags = \"t32765\"", "tags.includes(\"t32766\")", "name = \"t5\"");
    struct str *texts = ARENA_ARRAY(t->arena, struct str, ROOM + 1);
    uint32_t *items = ARENA_ARRAY(t->arena, uint32_t, ROOM + 1), ends[2] = {0, ROOM};
    struct rule_block_array a = {.path = S("kind"),
                                 .of_events = true,
                                 .type = RULE_BLOCK_TEXT,
                                 .items = items,
                                 .texts = texts,
                                 .text_count = ROOM + 1};
    struct rule_block_arrays all = {.rows = 1, .arrays = &a, .array_count = 1, .event_offsets = ends};
    struct set *e = SET(64, "xEvent[kind = \"t32765\"]");

    add(s, list_of(t, ROOM, "t").p); /* fits */
    run(s);
    CHECK_TRUE(member(s, 0, 0) && !member(s, 1, 0));
    rule_block_clear(s->b);
    add(s, list_of(t, ROOM + 1, "t").p); /* one too many: the cell is odd, the answer the same */
    run(s);
    CHECK_TRUE(member(s, 0, 0) && member(s, 1, 0));
    for (uint32_t i = 0; i < ROOM + 1; i++) {
        texts[i] = arena_printf(t->arena, "t%u", (unsigned)i);
        items[i] = i;
    }
    CHECK_OK(rule_block_fill(e->b, &all, d));
    run(e);
    CHECK_EQ(rule_block_members(e->b, 0)[0], 1);
    rule_block_clear(e->b);
    ends[1]++;
    CHECK_ERR(rule_block_fill(e->b, &all, d), ERR_LIMIT);
    set_free(s);
    set_free(e);
}

TEST(block_value_limit)
{
    struct set *s = SET(64, "tags.includes(7)", "tags.includes(-7)", "tags.exists()");

    add(s, list_of(t, LIMIT_BLOCK_VALUES, "n").p);
    CHECK_ERR(rule_block_add(s->b, &(struct rule_block_profile){0}, d), ERR_BUSY);
    run(s);
    CHECK_TRUE(member(s, 0, 0) && !member(s, 1, 0) && member(s, 2, 0));
    rule_block_clear(s->b);
    add(s, list_of(t, LIMIT_BLOCK_VALUES + 1, "n").p);
    run(s);
    CHECK_TRUE(member(s, 0, 0) && !member(s, 1, 0) && member(s, 2, 0));
    set_free(s);
}

/* More constants than one coding takes: the column is coded twice, and the answers do not change. */
TEST(block_constant_limit)
{
    enum { N = LIMIT_BLOCK_CONSTANTS + 5 };
    struct rule_audience *all = ARENA_ARRAY(t->arena, struct rule_audience, N + 1);
    struct rule_block_program *p;
    struct rule_block *b;
    struct buf in;
    size_t members = 0;

    buf_init(&in, 1 << 20);
    buf_put(&in, S("n in [0"));
    for (size_t i = 0; i < N; i++) {
        struct str text = arena_printf(t->arena, "n > %zu", 3 * i);
        buf_printf(&in, ", %zu", 10 * i);
        all[i] = (struct rule_audience){arena_printf(t->arena, "a%zu", i), compile(t, text)};
    }
    buf_putc(&in, ']');
    all[N] = (struct rule_audience){S("in"), compile(t, buf_str(&in))}; /* alone too many */
    buf_deinit(&in);
    CHECK_OK(rule_block_compile(all, N + 1, &p, d));
    CHECK_OK(rule_block_new(p, 64, &b, d));
    CHECK_OK(rule_block_add(b, &(struct rule_block_profile){.profile = parse(t, "{\"n\":24590}")}, d));
    CHECK_OK(rule_block_add(b, &(struct rule_block_profile){.profile = parse(t, "{\"n\":24579.5}")}, d));
    CHECK_OK(rule_block_add(b, &(struct rule_block_profile){.profile = parse(t, "{\"n\":\"x\"}")}, d));
    CHECK_OK(rule_block_run(b, &(struct rule_block_now){.now_ms = NOW_MS}, d));
    rule_block_check(b);
    for (size_t i = 0; i < N; i++) {
        CHECK_EQ(rule_block_members(b, i)[0],
                 (24590 > 3 * i) | (24579.5 > 3.0 * (double)i) << 1 | 4); /* "x" > "7" as texts */
        members += rule_block_members(b, i)[0] & 1;
    }
    CHECK_EQ(members, N);
    CHECK_EQ(rule_block_members(b, N)[0], 1);
    rule_block_free(b);
    rule_block_program_free(p);
    for (size_t i = 0; i <= N; i++)
        rule_free((struct rule *)(uintptr_t)all[i].rule);
}

/* ---- time, memberships ---- */

TEST(block_runs_again_at_another_instant)
{
    struct set *s = SET(64, "until occurs <= 1 day before now", "until.equals(\"x\") or currentYear() = 2026 and n > 1",
                        "if(n > 1, today, tomorrow) occurs > 1 year before date(2027, 1, 1)");
    struct rule_block_now later = {.now_ms = NOW_MS + 365 * 86400000LL};

    add(s, "{\"until\":\"2025-06-15T00:00:00Z\",\"n\":5}");
    run(s);
    CHECK_TRUE(member(s, 0, 0) && !member(s, 1, 0) && member(s, 2, 0));
    CHECK_OK(rule_block_run(s->b, &later, d));
    CHECK_TRUE(!member(s, 0, 0) && member(s, 1, 0) && !member(s, 2, 0));
    run(s);
    CHECK_TRUE(member(s, 0, 0) && !member(s, 1, 0) && member(s, 2, 0));
    set_free(s);
}

static bool
even_rows(void *ctx, size_t row, struct str id)
{
    (void)ctx;
    return row % 2 == 0 && str_eq(id, S("elsewhere"));
}

TEST(block_memberships_of_elsewhere)
{
    struct set *s = SET(64, "inSegment(\"elsewhere\")", "not inSegment(\"a0\")", "if(inSegment(\"a1\"), n = 1, n = 2)");
    struct rule_block_now now = {.now_ms = NOW_MS, .in_segment = even_rows};
    const int64_t n[] = {1, 1, 2, 2};
    struct rule_block_array a = {.path = S("n"), .type = RULE_BLOCK_INT, .items = n};
    struct rule_block_arrays all = {.rows = 4, .arrays = &a, .array_count = 1};

    CHECK_OK(rule_block_fill(s->b, &all, d));
    CHECK_OK(rule_block_run(s->b, &now, d));
    CHECK_EQ(rule_block_members(s->b, 0)[0], 5);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 10);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 6);
    now.in_segment = NULL; /* then the profile says so, and there is none */
    CHECK_ERR(rule_block_run(s->b, &now, d), ERR_UNSUPPORTED);
    rule_block_clear(s->b);
    add(s, "{\"n\":1}");
    add(s, "{\"n\":1,\"segmentMembership\":{\"ups\":{\"elsewhere\":{\"status\":\"realized\"}}}}");
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 2);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 1);
    set_free(s);
}

/* ---- what the reference does not finish; data that breaks the contract ---- */

TEST(block_undecided)
{
    struct set *s = SET(64, "exists A from xEvent, B from xEvent, C from xEvent where C.k = 2",
                        "inSegment(\"a0\") or n = 1", "n = 1");
    const struct json **events = ARENA_ARRAY(t->arena, const struct json *, 500);

    for (size_t i = 0; i < 500; i++)
        events[i] = parse(t, "{\"k\":1}");
    CHECK_OK(rule_block_add(s->b, &(struct rule_block_profile){parse(t, "{\"n\":1}"), events, 2}, d));
    CHECK_OK(rule_block_add(s->b, &(struct rule_block_profile){parse(t, "{\"n\":2}"), events, 500}, d));
    run(s);
    CHECK_TRUE(rule_block_undecided(s->b, 2) == NULL);
    CHECK_EQ(rule_block_undecided(s->b, 0)[0], 2);
    CHECK_EQ(rule_block_undecided(s->b, 1)[0], 2);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 0);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 1);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 1);
    rule_block_clear(s->b);
    add(s, "{\"n\":1}");
    run(s);
    CHECK_TRUE(rule_block_undecided(s->b, 0) == NULL);
    set_free(s);
}

TEST(block_events_that_are_no_objects)
{
    struct set *s = SET(64, "xEvent", "xEvent.exists()", "xEvent.count() > 1", "inSegment(\"a1\")", "xEvent[k = 1]");

    add_events(s, "{}", "[{\"k\":1},{\"k\":2}]");
    add_events(s, "{}", "[null]");
    add_events(s, "[]", "[7,[{\"k\":1}],null]");
    run(s);
    CHECK_EQ(rule_block_members(s->b, 0)[0], 7);
    CHECK_EQ(rule_block_members(s->b, 1)[0], 5);
    CHECK_EQ(rule_block_members(s->b, 2)[0], 5);
    CHECK_EQ(rule_block_members(s->b, 3)[0], 5);
    CHECK_EQ(rule_block_members(s->b, 4)[0], 5); /* a list projects its elements */
    set_free(s);
}
