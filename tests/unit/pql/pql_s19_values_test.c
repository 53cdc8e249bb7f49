/* pql_s19_values_test.c - items 7 to 13 of [SEGMENTATION 19]: projection, null, conditions, lifting, coercion,
 * equality, arithmetic. */
#include "pql_s19.h"

TEST(s19_07_projection)
{
    static const struct s19 cases[] = {
        {"xs.n", "{\"xs\":[{\"n\":1},{\"n\":null},{},{\"n\":2},3,\"s\",null]}", "[1,2]", NULL},
        {"xs.n", "{\"xs\":[{\"n\":[1,[2]]},{\"n\":3},[{\"n\":4}]]}", "[1,[2],3,4]", NULL},
        {"xs.n.m", "{\"xs\":[{\"n\":[{\"m\":1},{\"m\":[2,3]}]},{\"n\":{\"m\":4}}]}", "[1,2,3,4]", NULL},
        {"xs.n", "{\"xs\":[]}", "[]", NULL},
        {"a.n", "{\"a\":5}", "null", NULL},
        {"a.n", "{\"a\":\"text\"}", "null", NULL},
        {"a.n.m", NULL, "null", NULL},
        {"xEvent.a.b", "{\"xEvent\":[{\"a\":[{\"b\":1},{\"b\":2}]},{\"a\":{\"b\":3}},{}]}", "[1,2,3]", NULL},
        {"xs.n.count()", "{\"xs\":[{\"n\":1},{},{\"n\":[1,2]}]}", "3", NULL},
    };

    S19_CHECK(cases);
}

/* Every predicate is false when its receiver or an argument is missing, the negative ones too; only not() turns that
 * round. */
TEST(s19_08_null_in_every_predicate)
{
    static const char *const texts[] = {
        "ghost = 1",
        "1 = ghost",
        "ghost != 1",
        "1 != ghost",
        "ghost = ghost",
        "ghost != null",
        "ghost < 1",
        "ghost <= 1",
        "1 > ghost",
        "1 >= ghost",
        "ghost in [1]",
        "ghost in [null]",
        "1 in ghost",
        "1 in null",
        "ghost notIn [1]",
        "1 notIn ghost",
        "ghost like \"%\"",
        "s like ghost",
        "ghost.startsWith(\"\")",
        "s.startsWith(ghost)",
        "ghost.doesNotStartWith(\"x\")",
        "s.doesNotStartWith(ghost)",
        "ghost.endsWith(\"\")",
        "s.endsWith(ghost)",
        "ghost.doesNotEndWith(\"x\")",
        "s.doesNotEndWith(ghost)",
        "ghost.contains(\"\")",
        "s.contains(ghost)",
        "ghost.doesNotContain(\"x\")",
        "s.doesNotContain(ghost)",
        "ghost.equals(\"x\")",
        "s.equals(ghost)",
        "ghost.notEqualTo(\"x\")",
        "s.notEqualTo(ghost)",
        "s.notEqualTo(\"x\", ghost)",
        "ghost.matches(\"\")",
        "s.matches(ghost)",
        "ghost.includes(1)",
        "xs.includes(ghost)",
        "ghost.intersects([1])",
        "xs.intersects(ghost)",
        "ghost.subsetOf([1])",
        "xs.subsetOf(ghost)",
        "ghost.supersetOf([])",
        "xs.supersetOf(ghost)",
        "ghost.exists()",
        "ghost.exists(true)",
        "inSegment(ghost)",
        "ghost occurs before now",
        "ghost occurs != 1 day before now",
        "now occurs before ghost",
        "now occurs between ghost and now",
        "now occurs between yesterday and ghost",
        "now occurs <= 1 day after ghost",
        "exists E from ghost",
        "chain(ghost, timestamp, [A: WHAT(true)])",
        "ghost",
        "ghost.get(\"a\") = 1",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        s19_one(t, arena_printf(t->arena, "(%s) and true", texts[i]).p, "{\"s\":\"s\",\"xs\":[1]}", "false");
        s19_one(t, arena_printf(t->arena, "not(%s)", texts[i]).p, "{\"s\":\"s\",\"xs\":[1]}", "true");
    }
    s19_one(t, "ghost.isNull() and not(ghost.isNotNull()) and n.isNull() and [].isNotNull()", "{\"n\":null}", "true");
    s19_one(t, "ghost.forall(false) and forall E from ghost where false", NULL, "true");
    s19_vectors(t, "bool-", 26);
}

TEST(s19_09_conditions)
{
    static const struct {
        const char *value;
        bool truth;
    } values[] = {
        {"null", false},  {"true", true},      {"false", false}, {"[]", false},
        {"[null]", true}, {"[0]", true},       {"0", true},      {"0.0", true},
        {"-1", true},     {"\"\"", true},      {"\"x\"", true},  {"\"false\"", true},
        {"{}", true},     {"{\"a\":1}", true}, {"[[]]", true},   {"\"2025-03-12\"", true},
    };
    static const char *const positions[] = {
        "v and true",
        "v or false",
        "not(not v)",
        "!!v",
        "if(v, true, false)",
        "one[^v].count() = 1",
        "one.filter((X) => v).count() = 1",
        "one.exists(^v)",
        "one.forall(^v)",
        "exists E from one where v",
        "forall E from one where v",
        "(select E from one where v).count() = 1",
        "(count E over E from one where v) = 1",
        "chain(xEvent, timestamp, [A: WHAT(^v)])",
        "chain(xEvent, timestamp, [A: WHAT(true) WHERE(^v)])",
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *profile =
            arena_printf(t->arena, "{\"v\":%s,\"one\":[{}],\"xEvent\":[{\"timestamp\":1}]}", values[i].value).p;
        for (size_t k = 0; k < sizeof positions / sizeof positions[0]; k++)
            s19_one(t, positions[k], profile, values[i].truth ? "true" : "false");
    }
    s19_one(t, "v and true", NULL, "false"); /* missing */
}

TEST(s19_10_lists_are_lifted)
{
    static const struct s19 cases[] = {
        {"xs = 2", "{\"xs\":[1,2]}", "true", NULL},
        {"2 = xs", "{\"xs\":[1,2]}", "true", NULL},
        {"xs != 2", "{\"xs\":[1,2]}", "true", NULL},
        {"xs != 2", "{\"xs\":[2,2]}", "false", NULL},
        {"xs < 2", "{\"xs\":[3,1]}", "true", NULL},
        {"xs >= 4", "{\"xs\":[3,1]}", "false", NULL},
        {"2 > xs", "{\"xs\":[3,1]}", "true", NULL},
        {"xs = 2", "{\"xs\":[null,[2]]}", "true", NULL}, /* an element that is a list is lifted in turn */
        {"xs = 2", "{\"xs\":[null,{\"n\":2}]}", "false", NULL},
        {"xs != 2", "{\"xs\":[null]}", "false", NULL},
        {"xs = 2", "{\"xs\":[]}", "false", NULL},
        {"xs = \"2\"", "{\"xs\":[2]}", "true", NULL}, /* each element is coerced */
        {"xs < xs", "{\"xs\":[1,2]}", "false", NULL},
        {"xs in [2, 3]", "{\"xs\":[1,2]}", "true", NULL},
        {"xs notIn [1]", "{\"xs\":[1,2]}", "true", NULL},
        {"xs notIn [1, 2]", "{\"xs\":[1,2]}", "false", NULL},
        {"xs.n = 2", "{\"xs\":[{\"n\":1},{\"n\":2}]}", "true", NULL},
        {"xs = 2", "{\"xs\":[{\"n\":2}]}", "false", NULL},
        {"o = 2", "{\"o\":{\"n\":2}}", "false", NULL},
        {"o != 2", "{\"o\":{\"n\":2}}", "false", NULL},
    };
    static const char *const predicates[][2] = {
        /* true of some of ["Alpha", "beta"]; false of all */
        {"startsWith(\"Al\")", "startsWith(\"x\")"},
        {"doesNotStartWith(\"Al\")", "doesNotStartWith(\"\")"},
        {"endsWith(\"ta\")", "endsWith(\"x\")"},
        {"doesNotEndWith(\"ta\")", "doesNotEndWith(\"a\")"},
        {"contains(\"et\")", "contains(\"x\")"},
        {"doesNotContain(\"et\")", "doesNotContain(\"a\")"},
        {"equals(\"beta\")", "equals(\"x\")"},
        {"equals(\"x\", \"ALPHA\", false)", "equals(\"x\", \"ALPHA\")"},
        {"notEqualTo(\"beta\")", "notEqualTo(\"beta\", \"Alpha\")"},
        {"like(\"b%\")", "like(\"b\")"},
        {"matches(\"^b\")", "matches(\"^x\")"},
    };

    S19_CHECK(cases);
    for (size_t i = 0; i < sizeof predicates / sizeof predicates[0]; i++) {
        const char *profile = "{\"xs\":[\"Alpha\",\"beta\",null,3],\"none\":[]}";
        s19_one(t, arena_printf(t->arena, "xs.%s", predicates[i][0]).p, profile, "true");
        s19_one(t, arena_printf(t->arena, "xs.%s", predicates[i][1]).p, "{\"xs\":[\"Alpha\",\"beta\",null]}", "false");
        s19_one(t, arena_printf(t->arena, "none.%s", predicates[i][0]).p, profile, "false");
    }
    s19_vectors(t, "in-", 19);
}

TEST(s19_11_coercion)
{
    /* first = second, of each kind with each: the table of [SEGMENTATION 5.4]. */
    static const struct {
        const char *first, *second;
        bool equal, unequal;
    } cases[] = {
        {"true", "true", true, false},
        {"true", "false", false, true},
        {"true", "1", false, false},
        {"true", "\"TRUE\"", true, false},
        {"false", "\"false\"", true, false},
        {"true", "\"yes\"", false, false},
        {"1", "true", false, false},
        {"1", "1.0", true, false},
        {"1", "1.5", false, true},
        {"1", "\"1\"", true, false},
        {"1", "\"-1\"", false, true},
        {"-1", "\"-1\"", true, false},
        {"1", "\"1e0\"", true, false},
        {"1", "\"1.0\"", true, false},
        {"1", "\" 1\"", false, false},
        {"1", "\"1x\"", false, false},
        {"1", "\"\"", false, false},
        {"1", "\"+1\"", false, false},
        {"1.5", "\"1.5\"", true, false},
        {"\"true\"", "true", true, false},
        {"\"TRUE\"", "true", false, true},
        {"\"1\"", "1", true, false},
        {"\"1.0\"", "1", false, true},
        {"\"1.5\"", "1.5", true, false},
        {"\"a\"", "\"a\"", true, false},
        {"\"a\"", "\"A\"", false, true},
        {"\"\xC3\xA9\"", "\"e\xCC\x81\"", false, true}, /* no normalisation */
    };
    static const struct s19 more[] = {
        {"9007199254740993 = 9007199254740992.0", NULL, "false", NULL}, /* by value, not by rounding */
        {"9007199254740993 > 9007199254740992.0", NULL, "true", NULL},
        {"2 < \"10\"", NULL, "true", NULL},
        {"\"2\" < 10", NULL, "false", NULL},
        {"\"Z\" < \"a\" and \"a\" < \"\xC3\xA9\" and \"\xEF\xBF\xBD\" < \"\xF0\x9F\x8E\x89\"", NULL, "true", NULL},
        /* a time on either side makes times of both */
        {"date(2025, 3, 12) = \"2025-03-12T00:00:00.000Z\"", NULL, "true", NULL},
        {"\"2025-03-12T01:00:00+01:00\" = date(2025, 3, 12)", NULL, "true", NULL},
        {"date(1970, 1, 1) = 0 and 86400000 = date(1970, 1, 2)", NULL, "true", NULL},
        {"now > \"2025-03-12 14:29\"", NULL, "true", NULL},
        {"\"2025-03-12T14:29:60Z\" < now", NULL, "false", NULL},
        {"now != \"soon\" or now = \"soon\" or now != true", NULL, "false", NULL},
        {"a > b", "{\"a\":true,\"b\":false}", "false", NULL},
        {"a > b", "{\"a\":\"2025-03-12\",\"b\":\"2025-03-11T23:59:59Z\"}", "true", NULL}, /* as text, as it happens */
        {"d > 1741737599999 and d < 1741737600001", "{\"d\":\"2025-03-12\"}", "false", NULL}, /* text is no number */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *profile = arena_printf(t->arena, "{\"a\":%s,\"b\":%s}", cases[i].first, cases[i].second).p;
        s19_one(t, "a = b", profile, cases[i].equal ? "true" : "false");
        s19_one(t, "a != b", profile, cases[i].unequal ? "true" : "false");
    }
    S19_CHECK(more);
    s19_vectors(t, "cmp-", 52);
}

TEST(s19_12_deep_equality)
{
    static const struct s19 cases[] = {
        {"[1, [2, {\"a\": null}]] = x", "{\"x\":[1.0,[2,{\"a\":null}]]}", "true", NULL},
        {"[1, 2] = x", "{\"x\":[2,1]}", "false", NULL},
        {"[1, 2] != x", "{\"x\":[2,1]}", "true", NULL},
        {"[1, 2] = x", "{\"x\":[1,2,3]}", "false", NULL},
        {"[1] = x", "{\"x\":[\"1\"]}", "false", NULL}, /* inside, kinds must agree */
        {"[null] = x", "{\"x\":[null]}", "true", NULL},
        {"[] = x", "{\"x\":[]}", "true", NULL},
        {"[] != x", "{\"x\":[]}", "false", NULL},
        {"a = b", "{\"a\":{\"x\":1,\"y\":[2]},\"b\":{\"y\":[2.0],\"x\":1}}", "true", NULL},
        {"a = b", "{\"a\":{\"x\":1},\"b\":{\"x\":1,\"y\":2}}", "false", NULL},
        {"a != b", "{\"a\":{\"x\":1},\"b\":{\"x\":2}}", "true", NULL},
        {"a < b", "{\"a\":{\"x\":1},\"b\":{\"x\":2}}", "false", NULL},
        {"a = b", "{\"a\":{},\"b\":[]}", "false", NULL},
        {"xs.includes(o)", "{\"xs\":[{\"k\":1},{\"k\":2}],\"o\":{\"k\":2}}", "true", NULL},
        {"xs.distinct().count()", "{\"xs\":[{\"k\":1},{\"k\":1.0},{\"k\":2}]}", "2", NULL},
    };

    S19_CHECK(cases);
}

TEST(s19_13_arithmetic)
{
    static const struct s19 cases[] = {
        {"7 + 2", NULL, "9", NULL},
        {"7 * 2.0", NULL, "14.0", NULL},
        {"6 / 3", NULL, "2.0", NULL},
        {"7 % 2", NULL, "1", NULL},
        {"-7 % 2", NULL, "-1", NULL},
        {"7 % -2", NULL, "1", NULL},
        {"-7.5 % 2", NULL, "-1.5", NULL},
        {"7 / 0", NULL, "null", NULL},
        {"7 % 0", NULL, "null", NULL},
        {"7.0 / 0.0", NULL, "null", NULL},
        {"7.0 % 0.0", NULL, "null", NULL},
        {"9223372036854775807 + 1", NULL, "9.223372036854776e+18", NULL},
        {"-9223372036854775807 - 2", NULL, "-9.223372036854776e+18", NULL},
        {"9223372036854775807 * 2", NULL, "1.8446744073709552e+19", NULL},
        {"-m", "{\"m\":-9223372036854775808}", "9.223372036854776e+18", NULL},
        {"m % -1", "{\"m\":-9223372036854775808}", "0", NULL},
        {"m / -1", "{\"m\":-9223372036854775808}", "9.223372036854776e+18", NULL},
        {"1e308 * 10", NULL, "null", NULL}, /* not finite */
        {"1e308 - -1e308", NULL, "null", NULL},
        {"-x", "{\"x\":2.5}", "-2.5", NULL},
        {"--x", "{\"x\":2}", "2", NULL},
    };
    static const char *const bad[] = {"null", "true", "\"1\"", "[1]", "{\"a\":1}"};
    static const char *const operators[] = {"x + 1", "1 - x", "x * 1", "1 / x", "x % 1", "-x"};

    S19_CHECK(cases);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t k = 0; k < sizeof operators / sizeof operators[0]; k++)
            s19_one(t, operators[k], arena_printf(t->arena, "{\"x\":%s}", bad[i]).p, "null");
    }
    s19_vectors(t, "arith-", 24);
}
