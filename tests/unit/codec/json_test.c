#include "codec/json.h"

#include "base/limits.h"
#include "codec/json_writer.h"
#include "t.h"

static const struct json *
parse(struct t *t, struct str text)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(text, t->arena, &root, d));
    return root;
}

static struct str
write(struct t *t, const struct json *v)
{
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 20);
    json_write(&b, v);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

TEST(json_types_and_values)
{
    const struct json *v =
        parse(t, S("{\"n\":null,\"b\":true,\"i\":-7,\"d\":2.5,\"s\":\"x\\u0000y\",\"a\":[1,2],\"o\":{},"
                   "\"w\":3.0,\"u\":18446744073709551615,\"m\":9223372036854775807}"));

    CHECK_EQ(json_type(v), JSON_OBJECT);
    CHECK_EQ(json_count(v), 10);
    CHECK_EQ(json_type(json_get(v, S("n"))), JSON_NULL);
    CHECK_TRUE(json_bool(json_get(v, S("b")), false));
    CHECK_EQ(json_i64(json_get(v, S("i")), 0), -7);
    CHECK_EQ(json_type(json_get(v, S("d"))), JSON_DOUBLE);
    CHECK_TRUE(json_f64(json_get(v, S("d")), 0) == 2.5);
    CHECK_STR(json_str(json_get(v, S("s"))), ((struct str){"x\0y", 3}));
    CHECK_EQ(json_count(json_get(v, S("a"))), 2);
    CHECK_EQ(json_i64(json_at(json_get(v, S("a")), 1), 0), 2);
    CHECK_TRUE(json_at(json_get(v, S("a")), 2) == NULL);
    CHECK_EQ(json_type(json_get(v, S("w"))), JSON_DOUBLE);
    CHECK_EQ(json_i64(json_get(v, S("w")), 0), 3);
    CHECK_EQ(json_i64(json_get(v, S("d")), 99), 99); /* not a whole number */
    CHECK_EQ(json_type(json_get(v, S("u"))), JSON_DOUBLE);
    CHECK_TRUE(json_f64(json_get(v, S("u")), 0) == 18446744073709551615.0);
    CHECK_EQ(json_i64(json_get(v, S("u")), 99), 99);
    CHECK_TRUE(json_i64(json_get(v, S("m")), 0) == INT64_MAX);
    CHECK_TRUE(json_is_number(json_get(v, S("i"))) && !json_is_number(json_get(v, S("s"))));
    CHECK_STR(str_of(json_type_name(JSON_ARRAY)), S("an array"));
}

TEST(json_absent_is_harmless)
{
    const struct json *v = parse(t, S("[{\"a\":1}]"));
    struct json_iter it = json_iter(NULL);

    CHECK_TRUE(!json_next(&it));
    CHECK_EQ(json_type(NULL), JSON_ABSENT);
    CHECK_TRUE(json_get(NULL, S("a")) == NULL);
    CHECK_TRUE(json_get(v, S("a")) == NULL); /* an array has no members */
    CHECK_TRUE(json_at(NULL, 0) == NULL);
    CHECK_TRUE(json_at(json_at(v, 0), 0) == NULL); /* an object has no elements */
    CHECK_EQ(json_count(NULL), 0);
    CHECK_EQ(json_count(json_get(json_at(v, 0), S("a"))), 0);
    CHECK_EQ(json_i64(NULL, 5), 5);
    CHECK_TRUE(json_f64(NULL, 0.5) == 0.5);
    CHECK_TRUE(json_bool(NULL, true));
    CHECK_TRUE(json_str(NULL).p == NULL);
    CHECK_TRUE(!json_is_number(NULL));
    CHECK_STR(write(t, NULL), S("null"));
    it = json_iter(parse(t, S("7")));
    CHECK_TRUE(!json_next(&it));
}

TEST(json_path_walks_objects)
{
    const struct json *v = parse(t, S("{\"a\":{\"b\":{\"c\":7,\"\":8}},\"x\":[1]}"));

    CHECK_EQ(json_i64(json_path(v, S("a.b.c")), 0), 7);
    CHECK_EQ(json_i64(json_path(v, S("a.b.")), 0), 8);
    CHECK_TRUE(json_path(v, S("a.b.c.d")) == NULL);
    CHECK_TRUE(json_path(v, S("a..b")) == NULL);
    CHECK_TRUE(json_path(v, S("x.0")) == NULL);
    CHECK_TRUE(json_path(NULL, S("a")) == NULL);
}

TEST(json_iteration_in_order)
{
    const struct json *v = parse(t, S("{\"a\":[[],[1,[2]],{}],\"b\":{\"x\":{}},\"c\":3}"));
    struct json_iter it = json_iter(v), inner;
    const char *keys = "abc";
    int n = 0;

    while (json_next(&it)) {
        CHECK_EQ(it.key.p[0], keys[n]);
        CHECK_TRUE(it.value == json_get(v, it.key));
        n++;
    }
    CHECK_EQ(n, 3);
    inner = json_iter(json_get(v, S("a")));
    for (n = 0; json_next(&inner); n++) {
        CHECK_TRUE(inner.key.n == 0);
        CHECK_TRUE(inner.value == json_at(json_get(v, S("a")), (size_t)n));
    }
    CHECK_EQ(n, 3);
}

TEST(json_depth_at_and_past_the_limit)
{
    char text[2 * LIMIT_JSON_DEPTH + 4];
    const struct json *root = NULL;

    memset(text, '[', sizeof text);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    CHECK_OK(json_parse((struct str){text, 2 * LIMIT_JSON_DEPTH}, t->arena, &root, d));
    memset(text, '[', sizeof text);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    CHECK_ERR(json_parse((struct str){text, 2 * LIMIT_JSON_DEPTH + 2}, t->arena, &root, d), ERR_LIMIT);
    CHECK_EQ(t_diag.pos, LIMIT_JSON_DEPTH);
    CHECK_OK(json_parse(S("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""), t->arena, &root,
                        d)); /* in a string they are text */
    CHECK_OK(json_parse(S("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""), t->arena,
                        &root, d));
}

TEST(json_refuses)
{
    static const struct {
        const char *text;
        unsigned pos;
    } v[] = {
        {"", 0},       {"{", 1},     {"{\"a\":}", 5}, {"[1,]", 3},        {"{\"a\":1,}", 7},
        {"nul", 0},    {"01", 1},    {"1 2", 2},      {"\"a", 2},         {"[1", 2},
        {"'a'", 0},    {"{a:1}", 1}, {"\"\\x\"", 1},  {"\"\\ud800\"", 1}, {"\"\xc3\x28\"", 1},
        {"\"\n\"", 1}, {"+1", 0},    {".5", 0},       {"NaN", 0},         {"[1]//", 3},
    };
    const struct json *root = NULL;

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        CHECK_ERR(json_parse(str_of(v[i].text), t->arena, &root, d), ERR_INVALID);
        CHECK_TRUE(t_diag.pos <= strlen(v[i].text));
        CHECK_TRUE(t_diag.what[0] != '\0');
        CHECK_TRUE(root == NULL);
    }
    CHECK_ERR(json_parse(S_NULL, t->arena, &root, d), ERR_INVALID);
    CHECK_ERR(json_parse(S("[1, x]"), t->arena, &root, d), ERR_INVALID);
    CHECK_EQ(t_diag.pos, 4);
}

TEST(json_without_memory)
{
    struct arena small;
    const struct json *root = NULL;

    arena_init(&small, 64);
    CHECK_ERR(json_parse(S("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"), &small, &root, d), ERR_NOMEM);
    arena_deinit(&small);
}

TEST(json_equality)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } v[] = {
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1.0}", true},
        {"[1,2]", "[2,1]", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":null}", "{\"b\":null}", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"1", "\"1\"", false},
        {"0", "false", false},
        {"null", "null", true},
        {"[]", "{}", false},
        {"9007199254740993", "9007199254740992", false},
        {"true", "false", false},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        CHECK_EQ(json_equal(parse(t, str_of(v[i].a)), parse(t, str_of(v[i].b))), v[i].equal);
        CHECK_EQ(json_equal(parse(t, str_of(v[i].b)), parse(t, str_of(v[i].a))), v[i].equal);
    }
    CHECK_TRUE(json_equal(NULL, NULL));
    CHECK_TRUE(!json_equal(NULL, parse(t, S("null"))));
}

/* A random document as text, with everything a writer must escape. */
static void
random_value(struct t *t, struct jw *w, int depth)
{
    char raw[24];
    size_t n = rng_below(&t->rng, sizeof raw);

    for (size_t i = 0; i < n; i++)
        raw[i] = (char)rng_below(&t->rng, 128);
    switch (rng_below(&t->rng, depth > 5 ? 6 : 8)) {
    case 0:
        jw_null(w);
        break;
    case 1:
        jw_bool(w, rng_below(&t->rng, 2));
        break;
    case 2:
        jw_i64(w, (int64_t)rng_u64(&t->rng));
        break;
    case 3:
        jw_f64(w, (rng_f64(&t->rng) - 0.5) * 1e6);
        break;
    case 4:
        jw_str(w, (struct str){raw, n});
        break;
    case 5:
        jw_u64(w, rng_u64(&t->rng) >> 1);
        break;
    case 6:
        jw_array(w);
        for (uint64_t i = rng_below(&t->rng, 6); i > 0; i--)
            random_value(t, w, depth + 1);
        jw_end(w);
        break;
    default:
        jw_object(w);
        for (uint64_t i = rng_below(&t->rng, 6); i > 0; i--) {
            jw_key(w, arena_printf(t->arena, "k\"%llu\n", (unsigned long long)i));
            random_value(t, w, depth + 1);
        }
        jw_end(w);
    }
}

TEST(json_write_parse_round_trip)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (int i = 0; i < 300; i++) {
        const struct json *v;
        struct jw w = jw_to(&b);
        buf_clear(&b);
        random_value(t, &w, 0);
        CHECK_TRUE(buf_ok(&b));
        v = parse(t, arena_str(t->arena, buf_str(&b)));
        CHECK_STR(write(t, v), buf_str(&b)); /* our own text is canonical */
        CHECK_TRUE(json_equal(v, parse(t, write(t, v))));
    }
    buf_deinit(&b);
}

TEST(json_foreign_text_round_trip)
{
    CHECK_STR(write(t, parse(t, S(" { \"a\" : [ 1 , 2.50 , 1e2 , \"\\u00e9\\/\" ] , \"b\" : null } "))),
              S("{\"a\":[1,2.5,100.0,\"\xc3\xa9/\"],\"b\":null}"));
    CHECK_STR(write(t, parse(t, S("[]"))), S("[]"));
    CHECK_STR(write(t, parse(t, S("\"\\ud83d\\ude00\""))), S("\"\xf0\x9f\x98\x80\""));
}

TEST(json_made_of_what_was_written)
{
    struct buf text;

    buf_init_in(&text, t->arena, 8);
    buf_put(&text, S("[1,2]"));
    CHECK_EQ(json_count(json_made(&text, t->arena)), 2);
    buf_put(&text, S("too much"));
    CHECK_TRUE(json_made(&text, t->arena) == NULL);
}
