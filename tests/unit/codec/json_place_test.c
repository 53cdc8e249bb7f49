/* json_place_test.c - where parsed values stand in their text, and what their path is. */
#include "codec/json_place.h"

#include "base/limits.h"
#include "t.h"

static void
check_path(struct t *t, struct str text, const char *at, const char *path)
{
    ptrdiff_t pos = str_find(text, str_of(at));
    struct buf b;

    CHECK_TRUE(pos >= 0);
    buf_init_in(&b, t->arena, 1000);
    json_place_path(text, (uint32_t)pos, &b);
    CHECK_STR(buf_str(&b), str_of(path));
}

TEST(json_places_of_every_kind_of_value)
{
    struct str text = S(" {\"a\\\"}\": [1, -2.5e3 ,\"x]\\\\\", {}] , \"b\":{\"c\":null,\"d\":[[true]]}}");
    const struct json *root = NULL, *a, *b;
    struct json_places p = {0};

    CHECK_OK(json_parse(text, t->arena, &root, d));
    CHECK_OK(json_places(text, root, t->arena, &p, d));
    CHECK_EQ(p.n, json_index_end(root));
    CHECK_EQ(json_place(&p, root), 1);
    a = json_get(root, S("a\"}"));
    b = json_get(root, S("b"));
    CHECK_EQ(json_place(&p, a), str_find(text, S("[1")));
    CHECK_EQ(json_place(&p, json_at(a, 1)), str_find(text, S("-2.5")));
    CHECK_EQ(json_place(&p, json_at(a, 2)), str_find(text, S("\"x]")));
    CHECK_EQ(json_place(&p, json_at(a, 3)), str_find(text, S("{}")));
    CHECK_EQ(json_place(&p, b), str_find(text, S("{\"c")));
    CHECK_EQ(json_place(&p, json_get(b, S("c"))), str_find(text, S("null")));
    CHECK_EQ(json_place(&p, json_at(json_at(json_get(b, S("d")), 0), 0)), str_find(text, S("true")));
}

TEST(json_place_paths)
{
    struct str text = S("{\"params\":[1, {\"x\":\"y\"} ,[2,[3]]],\"z\":{\"w\":4}}");

    check_path(t, text, "{\"params", "");
    check_path(t, text, "[1", "params");
    check_path(t, text, "1,", "params[0]");
    check_path(t, text, "{\"x", "params[1]");
    check_path(t, text, "\"y\"", "params[1].x");
    check_path(t, text, "3]", "params[2][1][0]");
    check_path(t, text, "4}", "z.w");
    check_path(t, S("7"), "7", "");
}

static struct str
brackets(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, 2 * n);

    memset(p, '[', n);
    memset(p + n, ']', n);
    return (struct str){p, 2 * n};
}

TEST(json_parse_deep_takes_its_own_limit)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse_deep(brackets(t, LIMIT_JSON_DEPTH + 1), JSON_DEPTH_MAX, t->arena, &root, d));
    CHECK_OK(json_parse_deep(brackets(t, JSON_DEPTH_MAX), JSON_DEPTH_MAX, t->arena, &root, d));
    CHECK_ERR(json_parse_deep(brackets(t, JSON_DEPTH_MAX + 1), JSON_DEPTH_MAX, t->arena, &root, d), ERR_LIMIT);
    CHECK_EQ(t_diag.pos, JSON_DEPTH_MAX);
    CHECK_ERR(json_parse_deep(brackets(t, 3), 2, t->arena, &root, d), ERR_LIMIT);
}
