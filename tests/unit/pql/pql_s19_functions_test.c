/* pql_s19_functions_test.c - items 14 to 20 of [SEGMENTATION 19]: functions of text, lists, maps, memberships, dates.
 */
#include "pql_s19.h"

TEST(s19_14_text_functions)
{
    /* Each predicate: with and without its flag, then its negation. */
    static const struct s19 cases[] = {
        {"\"Joanna\".startsWith(\"Jo\")", NULL, "true", NULL},
        {"\"Joanna\".startsWith(\"jo\")", NULL, "false", NULL},
        {"\"Joanna\".startsWith(\"jo\", true)", NULL, "false", NULL},
        {"\"Joanna\".startsWith(\"jo\", false)", NULL, "true", NULL},
        {"\"Joanna\".startsWith(\"jo\", f)", "{\"f\":false}", "true", NULL},
        {"\"Joanna\".startsWith(\"\") and \"\".startsWith(\"\")", NULL, "true", NULL},
        {"\"Jo\".startsWith(\"Joanna\")", NULL, "false", NULL},
        {"\"Joanna\".doesNotStartWith(\"jo\") and not(\"Joanna\".doesNotStartWith(\"jo\", false))", NULL, "true", NULL},
        {"\"Joanna\".endsWith(\"NNA\", false) and not(\"Joanna\".endsWith(\"NNA\"))", NULL, "true", NULL},
        {"\"Joanna\".doesNotEndWith(\"NNA\") and not(\"Joanna\".doesNotEndWith(\"NNA\", false))", NULL, "true", NULL},
        {"\"Joanna\".contains(\"OAN\", false) and not(\"Joanna\".contains(\"OAN\"))", NULL, "true", NULL},
        {"\"Joanna\".doesNotContain(\"OAN\") and not(\"Joanna\".doesNotContain(\"OAN\", false))", NULL, "true", NULL},
        {"\"Joanna\".doesNotContain(\"\")", NULL, "false", NULL},
        {"\"Joanna\".equals(\"Bo\", \"Joanna\")", NULL, "true", NULL},
        {"\"Joanna\".equals(\"BO\", \"JOANNA\", false)", NULL, "true", NULL},
        {"\"Joanna\".notEqualTo(\"Bo\", \"Cy\")", NULL, "true", NULL},
        {"\"Joanna\".notEqualTo(\"Bo\", \"JOANNA\", false)", NULL, "false", NULL},
        {"b.equals(true)", "{\"b\":true}", "true", NULL}, /* one argument is a value, never the flag */
        {"b.equals(false)", "{\"b\":true}", "false", NULL},
        {"k.equals(42) and k.equals(\"42\") and k.equals(1, 42.0)", "{\"k\":42}", "true", NULL},
        {"xs.equals([1, 2])", "{\"xs\":[1,2]}", "true", NULL},
        {"k.contains(\"4\") or k.startsWith(\"4\") or k.matches(\"4\") or k like \"4%\"", "{\"k\":42}", "false", NULL},
    };

    s19_vectors(t, "str-", 76);
    S19_CHECK(cases);
}

/* Simple folding: one code point to one, statuses C and S, no locale. */
TEST(s19_14_simple_folding)
{
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"\xC3\x89\xC3\xA9", "\xC3\xA9\xC3\x89", true},                 /* e acute */
        {"\xCE\xA3\xCF\x83\xCF\x82", "\xCF\x82\xCE\xA3\xCF\x83", true}, /* sigmas, the final one too */
        {"\xD0\x9C", "\xD0\xBC", true},                                 /* Cyrillic em */
        {"\xE1\xBA\x9E", "\xC3\x9F", true},                             /* capital sharp s folds to the small one */
        {"\xC3\x9F", "ss", false},                                      /* which is not two letters */
        {"\xC4\xB0", "i", false},                                       /* dotted capital i folds only in Turkish */
        {"I", "\xC4\xB1", false},                                       /* nor does the dotless one */
        {"\xE2\x84\xAA", "k", true},                                    /* the Kelvin sign */
        {"\xF0\x90\x90\x80", "\xF0\x90\x90\xA8", true},                 /* Deseret, beyond 16 bits */
        {"\xEF\xAC\x80", "ff", false},                                  /* a ligature */
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *profile = arena_printf(t->arena, "{\"a\":\"%s\"}", pairs[i].a).p;
        s19_one(t, arena_printf(t->arena, "a.equals(\"%s\", false)", pairs[i].b).p, profile,
                pairs[i].same ? "true" : "false");
        s19_one(t, arena_printf(t->arena, "a.contains(\"%s\", false)", pairs[i].b).p, profile,
                pairs[i].same ? "true" : "false");
    }
}

TEST(s19_15_like)
{
    static const struct s19 cases[] = {
        {"\"abc\" like \"abc\"", NULL, "true", NULL},
        {"\"abc\" like \"ABC\"", NULL, "false", NULL},
        {"\"abc\" like \"ab\"", NULL, "false", NULL}, /* the whole of it */
        {"\"abc\" like \"a%\" and \"abc\" like \"%c\" and \"abc\" like \"%b%\" and \"abc\" like \"%\"", NULL, "true",
         NULL},
        {"\"\" like \"%\" and not(\"\" like \"_\")", NULL, "true", NULL},
        {"\"abc\" like \"a_c\" and not(\"abc\" like \"a_bc\")", NULL, "true", NULL},
        {"\"\xF0\x9F\x8E\x89\xC3\xA9\" like \"__\"", NULL, "true", NULL}, /* code points, not bytes */
        {"\"e\xCC\x81\" like \"_\"", NULL, "false", NULL},
        {"\"a%c\" like \"a\\\\%c\" and not(\"abc\" like \"a\\\\%c\")", NULL, "true", NULL},
        {"\"a_c\" like \"a\\\\_c\" and not(\"abc\" like \"a\\\\_c\")", NULL, "true", NULL},
        {"\"a\\\\c\" like \"a\\\\\\\\c\"", NULL, "true", NULL},
        {"\"axc\" like \"a\\\\xc\"", NULL, "true", NULL},
        {"\"xxabyyabab\" like \"%ab%ab_%\"", NULL, "true", NULL},
        {"\"a.c\" like \"a.c\" and not(\"abc\" like \"a.c\")", NULL, "true", NULL},
    };

    S19_CHECK(cases);
}

TEST(s19_15_regular_expressions)
{
    static const struct s19 cases[] = {
        {"\"Joanna\".matches(\"ann\")", NULL, "true", NULL}, /* found anywhere */
        {"\"Joanna\".matches(\"^ann\")", NULL, "false", NULL},
        {"\"Joanna\".matches(\"^Joanna$\")", NULL, "true", NULL},
        {"\"Joanna\".matches(\"(?i)JOANNA\")", NULL, "true", NULL},
        {"\"a\\nb\".matches(\"^b$\")", NULL, "false", NULL},
        {"\"a\\nb\".matches(\"(?m)^b$\")", NULL, "true", NULL},
        {"\"ab12\".matches(\"\\\\w+\\\\d{2}$\") and \"x y\".matches(\"\\\\bx\\\\b\\\\sy\")", NULL, "true", NULL},
        {"\"\xC3\xA9\".matches(\"^\\\\w$\")", NULL, "false", NULL}, /* \w is ASCII */
        {"\"\xC3\xA9\".matches(\"^\\\\p{L}$\") and \"\xC3\xA9\".matches(\"^.$\")", NULL, "true", NULL},
        {"\"aa\".matches(\"(a)\\\\1\")", NULL, "true", NULL},
        {"\"ab\".matches(\"a(?=b)\") and not(\"ab\".matches(\"a(?!b)\"))", NULL, "true", NULL},
        {"\"aaab\".matches(\"a++b\") and \"aaab\".regexGroup(\"(a+?)\") = \"a\"", NULL, "true", NULL},
        {"n.matches(p)", "{\"n\":\"a(b\",\"p\":\"(\"}", "false", NULL},
        {"\"a@corp.eu\".regexGroup(\"@(\\\\w+)\\\\.(\\\\w+)\")", NULL, "\"corp\"", NULL},
        {"\"a@corp.eu\".regexGroup(\"@(\\\\w+)\\\\.(\\\\w+)\", 2)", NULL, "\"eu\"", NULL},
        {"\"a@corp.eu\".regexGroup(\"@.*\", 0)", NULL, "\"@corp.eu\"", NULL},
        {"\"a\".regexGroup(\"(b)\")", NULL, "null", NULL},
        {"\"a\".regexGroup(\"a(b)?\")", NULL, "null", NULL},
        {"\"a\".regexGroup(\"a\", g)", "{\"g\":1}", "null", NULL},
        {"\"a\".regexGroup(\"a\", g)", "{\"g\":-1}", "null", NULL},
        {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\".matches(\"^(a+)+$\")", NULL, "false", NULL},
    };
    static const char *const bad[] = {
        "n.matches(\"(\")",         "n.matches(\"[a\")",      "n.matches(\"*\")",          "n.regexGroup(\"(a\")",
        "n.regexGroup(\"(a)\", 2)", "n.regexGroup(\"a\", 1)", "n.regexGroup(\"(a)\", -1)",
    };

    S19_CHECK(cases);
    S19_REFUSED("value", bad);
}

#define ORDERS                                                                                                         \
    "{\"o\":[{\"id\":\"a\",\"p\":20,\"s\":\"N\"},{\"id\":\"b\",\"p\":75.5,\"s\":\"S\"},{\"id\":\"c\",\"p\":20,\"s\":"  \
    "\"N\"},"                                                                                                          \
    "{\"id\":\"d\",\"s\":null}],\"xs\":[\"a\",\"b\",\"a\",null],\"none\":[]}"

TEST(s19_16_list_functions)
{
    static const struct s19 cases[] = {
        {"xs.includes(\"b\") and not(xs.includes(\"z\")) and [1].includes(\"1\")", ORDERS, "true", NULL},
        {"xs.intersects([\"z\", \"a\"]) and not(xs.intersects([])) and not(xs.intersects(null))", ORDERS, "true", NULL},
        {"xs.intersection([\"b\", \"a\"])", ORDERS, "[\"a\",\"b\"]", NULL},
        {"[1, 1.0, \"1\"].intersection([\"1\"])", NULL, "[1,\"1\"]", NULL},
        {"none.subsetOf([]) and xs.subsetOf([\"a\", \"b\"]) and not(xs.subsetOf([\"a\"]))", ORDERS, "true", NULL},
        {"xs.supersetOf([]) and xs.supersetOf([\"b\", null]) and not(xs.supersetOf([\"c\"]))", ORDERS, "true", NULL},
        {"xs.distinct()", ORDERS, "[\"a\",\"b\"]", NULL},
        {"[1, 1.0, \"1\", true, \"true\"].distinct()", NULL, "[1,\"1\",true,\"true\"]", NULL},
        {"o.groupBy(s).keys()", ORDERS, "[\"N\",\"S\"]", NULL},
        {"o.groupBy(p).get(\"20\").id", ORDERS, "[\"a\",\"c\"]", NULL},
        {"o.filter(p > 20).id", ORDERS, "[\"b\"]", NULL},
        {"o[p > 20].id", ORDERS, "[\"b\"]", NULL},
        {"o.filter((O) => O.p > 20).id", ORDERS, "[\"b\"]", NULL},
        {"o.map(p)", ORDERS, "[20,75.5,20,null]", NULL},
        {"o.map((O) => O.p * 2)", ORDERS, "[40,151.0,40,null]", NULL},
        /* descending and ascending, stable, nulls last in both */
        {"o.topN(p, 9).id", ORDERS, "[\"b\",\"a\",\"c\",\"d\"]", NULL},
        {"o.bottomN(p, 9).id", ORDERS, "[\"a\",\"c\",\"b\",\"d\"]", NULL},
        {"o.topN(p, 1).id", ORDERS, "[\"b\"]", NULL},
        {"o.topN(p, 0)", ORDERS, "[]", NULL},
        {"o.topN(p, n)", "{\"o\":[1],\"n\":-1}", "[]", NULL},
        {"[\"b\", 3, \"2025-01-01\", 1].map((X) => {\"k\": X}).bottomN(k, 9).k", NULL, "[1,3,\"2025-01-01\",\"b\"]",
         NULL}, /* numbers, times, text */
        {"o.head().id", ORDERS, "\"a\"", NULL},
        {"none.head()", ORDERS, "null", NULL},
        {"o.exists(p = 20) and not(o.exists(p = 21)) and not(none.exists(true))", ORDERS, "true", NULL},
        {"o.forall(id.isNotNull()) and not(o.forall(p > 0)) and none.forall(false)", ORDERS, "true", NULL},
        {"xs.exists() and not(none.exists()) and not([null].exists()) and \"\".exists() and (0).exists()", ORDERS,
         "true", NULL},
        {"[ghost.distinct(), ghost.groupBy(a), ghost.filter(true), ghost.map(a), ghost.topN(a, 1), ghost.bottomN(a, "
         "1), "
         "ghost.head(), ghost.intersection([1])]",
         NULL, "[null,null,null,null,null,null,null,null]", NULL},
        {"s.filter(true)", "{\"s\":\"text\"}", "null", NULL},
    };

    s19_vectors(t, "arr-", 62);
    S19_CHECK(cases);
}

TEST(s19_17_aggregations)
{
    static const struct s19 cases[] = {
        {"[1, null, \"x\", 2].count()", NULL, "3", NULL},
        {"[1, null, \"x\", true, 2.5].sum()", NULL, "3.5", NULL},
        {"[1, null, \"x\", 2].average()", NULL, "1.5", NULL},
        {"[ghost.count(), ghost.sum(), ghost.average(), ghost.min(), ghost.max()]", NULL, "[0,0,null,null,null]", NULL},
        {"[none.count(), none.sum(), none.average(), none.min(), none.max()]", "{\"none\":[]}", "[0,0,null,null,null]",
         NULL},
        {"[3, \"a\", 1, null].min()", NULL, "1", NULL},
        {"[3, \"a\", 1, null].max()", NULL, "3", NULL},
        {"[\"b\", 3, \"a\"].max()", NULL, "\"b\"", NULL},
        {"[\"2025-03-01\", \"2025-02-01T10:00:00Z\"].max()", NULL, "\"2025-03-01T00:00:00.000Z\"", NULL},
        {"[1, 2].sum() + [1, 2.0].sum()", NULL, "6.0", NULL},
        {"o.sum(ps)", "{\"o\":[{\"ps\":[1,2]},{\"ps\":3},{}]}", "6", NULL},
        {"m.count()", "{\"m\":{\"a\":1,\"b\":null}}", "2", NULL},
        {"sum X.n over X from xs", "{\"xs\":[{\"n\":1},{},{\"n\":2}]}", "3", NULL},
        {"count X over X from xs where X > 1", "{\"xs\":[1,2,3]}", "2", NULL},
        {"sum X * Y over X from xs, Y from xs where X < Y", "{\"xs\":[1,2,3]}", "11", NULL},
        {"average X over X from none", NULL, "null", NULL},
        {"max X over X from xs", "{\"xs\":[1,null,3]}", "3", NULL},
        {"min X over X from ghost", NULL, "null", NULL},
        {"let S = (sum X over X from xs) in S > 5 and S < 7", "{\"xs\":[1,2,3]}", "true", NULL},
        {"orders.sum(order.price)", "{\"orders\":[{\"price\":3}]}", "0", NULL}, /* [C 23] */
    };

    s19_vectors(t, "agg-", 33);
    S19_CHECK(cases);
}

TEST(s19_18_maps)
{
    static const struct s19 cases[] = {
        {"m.get(\"a\")", "{\"m\":{\"a\":1}}", "1", NULL},
        {"m.get(\"b\")", "{\"m\":{\"a\":1}}", "null", NULL},
        {"s.get(\"b\")", "{\"s\":\"x\"}", "null", NULL},
        {"m.get(k)", "{\"m\":{\"a b\":1},\"k\":\"a b\"}", "1", NULL},
        {"m.keys()", "{\"m\":{\"z\":1,\"a\":null}}", "[\"z\",\"a\"]", NULL}, /* as stored */
        {"m.values()", "{\"m\":{\"z\":1,\"a\":null}}", "[1,null]", NULL},
        {"s.keys()", "{\"s\":5}", "null", NULL},
        {"m.map((K, V) => mapEntry(V, K))", "{\"m\":{\"a\":1,\"b\":null,\"c\":1}}", "{\"1\":\"c\"}", NULL},
        {"xs.groupBy(k).map((K, G) => mapEntry(K, G.count()))", "{\"xs\":[{\"k\":true},{\"k\":1.5},{},{\"k\":true}]}",
         "{\"true\":2,\"1.5\":1}", NULL},
        {"xs.groupBy(k).map((K, G) => mapEntry(K, {\"n\": G.count(), \"s\": G.sum(v)})).get(\"a\").s",
         "{\"xs\":[{\"k\":\"a\",\"v\":1},{\"k\":\"a\",\"v\":2}]}", "3", NULL},
        {"{\"a\": 1, b: [2], \"a\": 3}", NULL, "{\"a\":3,\"b\":[2]}", NULL},
        {"{}.count()", NULL, "error:type", NULL},
        {"g.groupBy(a).map((K, G) => G.count())", NULL, "error:type", NULL},
    };

    s19_vectors(t, "map-", 37);
    S19_CHECK(cases);
}

/* Every status, with every end, in a namespace of ours and in a foreign one. */
TEST(s19_19_in_segment)
{
    static const struct {
        const char *entry;
        bool member;
    } cases[] = {
        {"{\"status\":\"realized\"}", true},
        {"{\"status\":\"existing\"}", true},
        {"{\"status\":\"exited\"}", false},
        {"{\"status\":\"Realized\"}", false},
        {"{}", true},
        {"{\"lastQualificationTime\":\"2025-03-01T00:00:00Z\"}", true},
        {"{\"status\":\"realized\",\"validUntil\":\"2025-03-12T14:30:00.001Z\"}", true},
        {"{\"status\":\"realized\",\"validUntil\":\"2025-03-12T14:30:00.000Z\"}", false},
        {"{\"status\":\"realized\",\"validUntil\":\"2025-03-12T14:29:59.999Z\"}", false},
        {"{\"validUntil\":\"2025-03-13T00:00:00Z\"}", true},
        {"{\"status\":\"exited\",\"validUntil\":\"2025-03-13T00:00:00Z\"}", false},
    };
    static const char *const spaces[] = {"ups", "AAM", "CustomerAudienceUpload", "own"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof spaces / sizeof spaces[0]; k++) {
            const char *profile =
                arena_printf(t->arena, "{\"segmentMembership\":{\"other\":{\"y\":{}},\"%s\":{\"x\":%s}}}", spaces[k],
                             cases[i].entry)
                    .p;
            s19_one(t, "inSegment(\"x\")", profile, cases[i].member ? "true" : "false");
            s19_one(t, "not(inSegment(\"x\"))", profile, cases[i].member ? "false" : "true");
        }
    }
    s19_one(t, "inSegment(\"x\")", NULL, "false");
    s19_one(t, "inSegment(\"x\")", "{\"segmentMembership\":{\"a\":{\"x\":{\"status\":\"exited\"}},\"b\":{\"x\":{}}}}",
            "true");
    s19_one(t, "inSegment(id)", "{\"id\":\"x\",\"segmentMembership\":{\"b\":{\"x\":{}}}}", "true");
}

TEST(s19_20_date_parts)
{
    static const struct s19 cases[] = {
        {"[currentYear(), currentMonth(), currentDayOfMonth()]", NULL, "[2024,12,31]", "2025-01-01T00:30:00+01:00"},
        {"[currentYear(), currentMonth(), currentDayOfMonth()]", NULL, "[2025,1,1]", "2025-01-01T00:00:00Z"},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", "{\"t\":\"2024-12-31T23:30:00-01:00\"}", "[2025,1,1]", NULL},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", "{\"t\":\"2024-02-29\"}", "[2024,2,29]", NULL},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", "{\"t\":0}", "[1970,1,1]", NULL},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", "{\"t\":\"0001-01-01\"}", "[1,1,1]", NULL},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", "{\"t\":\"soon\"}", "[null,null,null]", NULL},
        {"[t.getYear(), t.getMonth(), t.getDayOfMonth()]", NULL, "[null,null,null]", NULL},
        {"date(2024, 2, 29)", NULL, "\"2024-02-29T00:00:00.000Z\"", NULL},
        {"date(1, 1, 1) < date(9999, 12, 31)", NULL, "true", NULL},
        {"t occurs on date(2025, 3, 12)", "{\"t\":\"2025-03-12T23:59:59.999Z\"}", "true", NULL}, /* the whole day */
        {"date(2023, 2, 29)", NULL, "error:value", NULL},
        {"date(1900, 2, 29)", NULL, "error:value", NULL},
        {"date(2024, 13, 1)", NULL, "error:value", NULL},
        {"date(2024, 0, 1)", NULL, "error:value", NULL},
        {"date(0, 1, 1)", NULL, "error:value", NULL},
        {"date(10000, 1, 1)", NULL, "error:value", NULL},
        {"date(y, 1, 1)", NULL, "error:type", NULL},
        {"date(1 + 1, 1, 1)", NULL, "error:type", NULL},
    };

    s19_vectors(t, "dt-", 12);
    S19_CHECK(cases);
}
