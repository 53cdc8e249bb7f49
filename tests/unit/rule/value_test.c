/* value_test.c - coercion, comparison, times and text of values [SEGMENTATION 3, 5]. */
#include "rule/value.h"

#include "base/rng.h"
#include "t.h"

static struct value
of(struct t *t, const char *json)
{
    const struct json *root = NULL;
    bool nomem = false;

    CHECK_OK(json_parse(str_of(json), t->arena, &root, d));
    return value_of_json(root, t->arena, &nomem);
}

static struct value
time_of(const char *text)
{
    return value_as_time(value_string(str_of(text)));
}

/* One letter per relation that holds, of = ! < [ > ] (the brackets: <= and >=). */
static struct str
relations(struct t *t, struct value a, struct value b)
{
    static const char letters[] = "=!<[>]";
    char out[7];
    size_t n = 0;

    for (int op = CMP_EQ; op <= CMP_GE; op++) {
        if (value_compare((enum value_cmp)op, a, b))
            out[n++] = letters[op];
    }
    return arena_str(t->arena, (struct str){out, n});
}

TEST(value_comparison_table)
{
    static const struct {
        const char *a, *b, *holds;
    } cases[] = {
        {"null", "null", ""},
        {"null", "1", ""},
        {"1", "null", ""},
        {"1", "1.0", "=[]"},
        {"1", "2", "!<["},
        {"2.5", "2", "!>]"},
        {"9007199254740993", "9007199254740992.0", "!>]"},
        {"9007199254740992.0", "9007199254740993", "!<["},
        {"9223372036854775807", "9223372036854775808.0", "!<["},
        {"-9223372036854775808", "-9223372036854775808.0", "=[]"},
        {"-1", "-1.5", "!>]"},
        {"1", "\"1\"", "=[]"},
        {"1", "\"01\"", "=[]"},
        {"1", "\"1e0\"", "=[]"},
        {"1", "\" 1\"", ""},
        {"1", "\"1x\"", ""},
        {"1", "\"\"", ""},
        {"1", "\"+1\"", ""},
        {"1", "\"1e999\"", ""},
        {"\"1250\"", "999", "!<["},
        {"\"999\"", "1250", "!>]"},
        {"\"a\"", "\"b\"", "!<["},
        {"\"\xC3\xA9\"", "\"z\"", "!>]"},
        {"true", "true", "="},
        {"true", "false", "!"},
        {"true", "\"TRUE\"", "="},
        {"true", "\"yes\"", ""},
        {"true", "1", ""},
        {"1", "true", ""},
        {"\"true\"", "true", "="},
        {"\"TRUE\"", "true", "!"},
        {"[1,2]", "2", "=!<[]"},
        {"2", "[1,2]", "=![>]"},
        {"[null]", "1", ""},
        {"[]", "1", ""},
        {"[1,2]", "[1,2.0]", "="},
        {"[1,2]", "[2,1]", "!"},
        {"[null]", "[null]", "="},
        {"[1]", "[\"1\"]", "!"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1.0}", "="},
        {"{\"a\":1}", "{\"a\":1,\"b\":null}", "!"},
        {"{\"a\":1}", "1", ""},
        {"[{\"a\":1}]", "{\"a\":1}", "="},
        {"[{\"a\":1}]", "1", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str got = relations(t, of(t, cases[i].a), of(t, cases[i].b));
        if (!str_eq(got, str_of(cases[i].holds)))
            t_fail(t, __FILE__, __LINE__, "%s and %s: %.*s, expected %s", cases[i].a, cases[i].b, STR_ARG(got),
                   cases[i].holds);
    }
}

TEST(value_times_compare_with_what_reads_as_a_time)
{
    struct value noon = time_of("2025-03-12T12:00:00Z");

    CHECK_STR(relations(t, noon, of(t, "\"2025-03-12T13:00:00+01:00\"")), S("=[]"));
    CHECK_STR(relations(t, of(t, "\"2025-03-12\""), noon), S("!<["));
    CHECK_STR(relations(t, noon, of(t, "1741780800000")), S("=[]"));
    CHECK_STR(relations(t, noon, of(t, "\"soon\"")), S(""));
    CHECK_STR(relations(t, noon, of(t, "true")), S(""));
    CHECK_STR(relations(t, noon, of(t, "1.5")), S(""));
}

TEST(value_reads_times)
{
    static const char *const bad[] = {"2025-13-01",
                                      "2025-02-30",
                                      "2025-01-01T24:00",
                                      "2025-01-01T00:00:60Z",
                                      "2025-1-1",
                                      "2025-01-01T00:00:00+18:01",
                                      "",
                                      "x",
                                      "0001-01-01T00:00+01:00",
                                      "9999-12-31T23:59-01:00"};

    CHECK_TRUE(time_of("2025-03-12").date_only);
    CHECK_TRUE(!time_of("2025-03-12T00:00").date_only);
    CHECK_EQ(time_of("1970-01-01 00:00:01.5Z").i, 1500);
    CHECK_EQ(time_of("1970-01-01T00:00:00-0130").i, 5400000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (time_of(bad[i]).kind != VALUE_NULL)
            t_fail(t, __FILE__, __LINE__, "%s reads as a time", bad[i]);
    }
    CHECK_EQ(value_as_time(value_int(INT64_C(253402300799999))).kind, VALUE_TIME);
    CHECK_EQ(value_as_time(value_int(INT64_C(253402300800000))).kind, VALUE_NULL);
    CHECK_EQ(value_as_time(value_bool(true)).kind, VALUE_NULL);
}

TEST(value_truth_is_presence)
{
    CHECK_TRUE(!value_truth(of(t, "null")) && !value_truth(of(t, "false")) && !value_truth(of(t, "[]")));
    CHECK_TRUE(value_truth(of(t, "true")) && value_truth(of(t, "[null]")) && value_truth(of(t, "0")));
    CHECK_TRUE(value_truth(of(t, "\"\"")) && value_truth(of(t, "{}")));
}

TEST(value_not_finite_is_null)
{
    CHECK_EQ(value_double(1e308 * 10).kind, VALUE_NULL);
    CHECK_EQ(value_number(S("1e999")).kind, VALUE_NULL);
    CHECK_EQ(value_number(S("-0.5e1")).kind, VALUE_DOUBLE);
    CHECK_EQ(value_number(S("007")).i, 7);
}

static struct str
written(struct t *t, struct value v)
{
    struct buf b;
    struct str out;

    buf_init(&b, 1 << 16);
    value_write(&b, v);
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(value_writes_json)
{
    struct str keys[] = {S("a\"b"), S("c")};
    struct value items[] = {value_double(2), time_of("2025-03-12"), value_int(-5), VALUE_OF_NULL};
    struct value_list list = {.items = items + 1, .n = 3};
    struct value_map map = {.keys = keys, .items = items, .n = 2};
    struct value entry[] = {value_int(7), value_bool(true)};

    CHECK_STR(written(t, (struct value){.kind = VALUE_LIST, .list = &list}),
              S("[\"2025-03-12T00:00:00.000Z\",-5,null]"));
    CHECK_STR(written(t, (struct value){.kind = VALUE_MAP, .map = &map}),
              S("{\"a\\\"b\":2.0,\"c\":\"2025-03-12T00:00:00.000Z\"}"));
    CHECK_STR(written(t, (struct value){.kind = VALUE_ENTRY, .entry = entry}), S("{\"7\":true}"));
    CHECK_STR(written(t, of(t, "{\"x\":[1,{\"y\":null}]}")), S("{\"x\":[1,{\"y\":null}]}"));
}

TEST(value_members_of_made_maps)
{
    struct str keys[] = {S("a"), S("b")};
    struct value items[] = {value_int(1), value_int(2)};
    struct value_map map = {.keys = keys, .items = items, .n = 2};
    struct value made = {.kind = VALUE_MAP, .map = &map};
    bool nomem = false;

    CHECK_EQ(value_get(made, S("b"), t->arena, &nomem).i, 2);
    CHECK_EQ(value_get(made, S("c"), t->arena, &nomem).kind, VALUE_NULL);
    CHECK_EQ(value_get(value_int(1), S("a"), t->arena, &nomem).kind, VALUE_NULL);
    CHECK_TRUE(value_same(made, of(t, "{\"b\":2,\"a\":1}")) && value_same(of(t, "{\"b\":2,\"a\":1}"), made));
    CHECK_TRUE(!value_same(made, of(t, "{\"b\":2,\"c\":1}")) && value_count(made) == 2 && !nomem);
}

/* A random value; a copy of it with numbers and member order written otherwise comes from the same draws. */
static struct value
draw(struct t *t, struct rng *r, int depth, bool twisted)
{
    uint64_t pick = rng_below(r, depth > 0 ? 6 : 4);
    int64_t n = (int64_t)rng_below(r, 4) - 1;
    struct str *keys;
    struct value *items;
    struct value_list *list;
    struct value_map *map;

    if (pick == 0)
        return VALUE_OF_NULL;
    if (pick == 1)
        return twisted ? value_double((double)n) : value_int(n);
    if (pick == 2)
        return value_string(n < 0 ? S("x") : S("1"));
    if (pick == 3)
        return value_bool(n > 0);
    n = n < 0 ? 0 : n;
    items = ARENA_ARRAY(t->arena, struct value, (size_t)n);
    keys = ARENA_ARRAY(t->arena, struct str, (size_t)n);
    list = ARENA_NEW(t->arena, struct value_list);
    map = ARENA_NEW(t->arena, struct value_map);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = twisted && pick == 5 ? n - 1 - i : i;
        items[at] = draw(t, r, depth - 1, twisted);
        keys[at] = (struct str){&"abcd"[i], 1};
    }
    *list = (struct value_list){.items = items, .n = (size_t)n};
    *map = (struct value_map){.keys = keys, .items = items, .n = (size_t)n};
    return pick == 4 ? (struct value){.kind = VALUE_LIST, .list = list} : (struct value){.kind = VALUE_MAP, .map = map};
}

TEST(value_hash_agrees_with_same)
{
    unsigned same = 0;

    for (int i = 0; i < 5000; i++) {
        uint64_t seed = rng_u64(&t->rng);
        struct rng r1, r2, r3;
        struct value a, b, c;
        rng_seed(&r1, seed);
        rng_seed(&r2, seed);
        rng_seed(&r3, rng_u64(&t->rng));
        a = draw(t, &r1, 3, false);
        b = draw(t, &r2, 3, true);
        c = draw(t, &r3, 3, false);
        CHECK_TRUE(value_same(a, b) && value_same(b, a) && value_hash(a) == value_hash(b));
        if (value_same(a, c)) {
            same++;
            CHECK_EQ(value_hash(a), value_hash(c));
        }
    }
    CHECK_TRUE(same > 0 && same < 5000);
}
