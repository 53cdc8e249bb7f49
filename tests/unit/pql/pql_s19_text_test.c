/* pql_s19_text_test.c - items 1 to 6 of [SEGMENTATION 19]: characters, words, grammar, parameters, names, climbing. */
#include "pql_s19.h"

TEST(s19_01_lexer_accepts)
{
    static const struct s19 cases[] = {
        {" \t\n\r\f7\f", NULL, "7", NULL},
        {"\xEF\xBB\xBF"
         "7",
         NULL, "7", NULL},
        {"\"\\\" \\\\ \\/ \\n\\t\\r\\b\\f\"", NULL, "\"\\\" \\\\ / \\n\\t\\r\\u0008\\u000c\"", NULL},
        {"\"\\u0041\\u00e9\\uD83C\\udf89\"", NULL, "\"A\xC3\xA9\xF0\x9F\x8E\x89\"", NULL},
        {"\"\ttab\"", NULL, "\"\\ttab\"", NULL}, /* only line ends are refused inside a string */
        {"\"a//b /* c */ # d\"", NULL, "\"a//b /* c */ # d\"", NULL},
        {"007", NULL, "7", NULL},
        {"12L", NULL, "12", NULL},
        {"12l", NULL, "12", NULL},
        {"9223372036854775807", NULL, "9223372036854775807", NULL},
        {"0.5", NULL, "0.5", NULL},
        {"1e2", NULL, "100.0", NULL},
        {"1E+2", NULL, "100.0", NULL},
        {"1.5e-1", NULL, "0.15", NULL},
        {"1.isNull()", NULL, "false", NULL}, /* no digit behind the point */
        {"`a b`.`c-d`", "{\"a b\":{\"c-d\":1}}", "1", NULL},
        {"`null`", "{\"null\":1}", "1", NULL},
        {"`\xC3\xA9`", "{\"\xC3\xA9\":1}", "1", NULL},
        {"_a1._B", "{\"_a1\":{\"_B\":1}}", "1", NULL},
        {"SKU@{x y/z}.brand", "{\"SKU\":{\"brand\":1}}", "null", NULL},
        {"$1.a", "{\"a\":1}", "1", NULL},
        {"[1,2]=[1,2]and!false", NULL, "true", NULL},
    };

    s19_vectors(t, "lit-", 27);
    s19_vectors(t, "uni-", 8);
    S19_CHECK(cases);
}

TEST(s19_01_lexer_refuses)
{
    static const char *const texts[] = {
        "",
        " ",
        "\"a",
        "'a'",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83c\"",
        "\"\\ud83cx\"",
        "\"\\ud83c\\u0041\"",
        "\"\\udf89\"",
        "\"a\nb\"",
        "\"a\rb\"",
        ".5",
        "5.",
        "1e",
        "1e+",
        "12ab",
        "12_",
        "1.5L",
        "0x10",
        "9223372036854775808",
        "1e999",
        "``",
        "`a",
        "a@b",
        "a@{b",
        "$a",
        "$",
        "$1a",
        "a // c",
        "a /* c */",
        "# c",
        "a == 1",
        "a <> 1",
        "a && b",
        "a || b",
        "a \xC2\xA0 = 1",
        "a\v= 1",
        "\xC3\xA9 = 1",
        "a = \"\xC3\"",
        "a = \"\xED\xA0\xBC\"", /* half of a surrogate pair as UTF-8 */
        "a = \"\xC0\xAF\"",     /* an overlong form */
        "7 \xEF\xBB\xBF",
    };

    S19_REFUSED("parse", texts);
}

/* "1 c 1" for every character c: an operator between numbers, or nothing. */
TEST(s19_01_lexer_every_character)
{
    for (int c = 1; c < 128; c++) {
        char text[] = {'1', ' ', (char)c, ' ', '1', '\0'};
        enum pql_error class = PQL_OK;
        struct rule *r = NULL;
        (void)pql_compile(str_of(text), false, &r, &class, &t_diag);
        rule_free(r);
        if ((class == PQL_OK) != (strchr("+-*/%<>=", c) != NULL) || (class != PQL_OK && class != PQL_PARSE))
            t_fail(t, __FILE__, __LINE__, "'1 %c 1': %s", c, pql_error_name(class));
    }
}

#define XS "{\"xs\":[1,2],\"t\":\"2025-03-12T14:00:00Z\"}"

TEST(s19_02_keywords_in_any_case)
{
    static const struct s19 cases[] = {
        {"TRUE And nOT False Or NULL", NULL, "true", NULL},
        {"If(True, 1, 2)", NULL, "1", NULL},
        {"Let x = 1 In x", NULL, "1", NULL},
        {"EXISTS e FROM xs WHERE e = 2", XS, "true", NULL},
        {"ForAll e From xs Where e > 0", XS, "true", NULL},
        {"Some e from xs : e = 2", XS, "true", NULL},
        {"ALL e from xs : e = 2", XS, "false", NULL},
        {"None e from xs : e = 3", XS, "true", NULL},
        {"ONE e from xs : e = 2", XS, "true", NULL},
        {"(SELECT e from xs where e > 1).count()", XS, "1", NULL},
        {"SUM e Over e from xs", XS, "3", NULL},
        {"2 IN xs AND 3 NotIn xs", XS, "true", NULL},
        {"\"ab\" LIKE \"a%\"", NULL, "true", NULL},
        {"t OCCURS <= 1 HOUR Before NOW", XS, "true", NULL},
        {"t occurs BETWEEN Yesterday and ToMorrow", XS, "true", NULL},
        {"t occurs ON THIS Week", XS, "true", NULL},
        {"Chain(xs, t, [a: what(true) where(true) when(today) count(1), b: wHAT(true) gap(< 1 DAYS)])", XS, "false",
         NULL},
    };

    S19_CHECK(cases);
}

TEST(s19_02_names_as_they_are)
{
    static const char *const functions[] = {
        "startsWith", "doesNotStartWith", "endsWith", "doesNotEndWith", "contains",     "doesNotContain",
        "equals",     "notEqualTo",       "matches",  "regexGroup",     "includes",     "intersects",
        "subsetOf",   "supersetOf",       "distinct", "groupBy",        "filter",       "map",
        "topN",       "bottomN",          "head",     "intersection",   "get",          "keys",
        "values",     "mapEntry",         "isNull",   "isNotNull",      "inSegment",    "currentMonth",
        "getMonth",   "getYear",          "date",     "currentYear",    "getDayOfMonth"};
    static const struct s19 cases[] = {
        {"a", "{\"A\":1}", "null", NULL},
        {"xevent", "{\"xEvent\":[{}]}", "null", NULL},
        {"(P) => p.a", "{\"a\":1}", "null", NULL},
        {"let X = 1 in x", "{\"x\":2}", "2", NULL},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        char *text = (char *)(uintptr_t)arena_printf(t->arena, "%s(x)", functions[i]).p;
        text[0] = (char)(text[0] - 'a' + 'A');
        s19_one(t, text, NULL, "error:reference");
    }
    S19_CHECK(cases);
}

static const char *const soft[] = {"let",  "select",  "exists", "forall", "some",  "all",     "none", "one",
                                   "sum",  "average", "min",    "max",    "count", "chain",   "if",   "this",
                                   "last", "next",    "before", "after",  "on",    "between", "day",  "days",
                                   "WHAT", "WHEN",    "COUNT",  "GAP",    "week"};
static const char *const hard[] = {"and", "or", "in", "notIn", "like", "occurs", "over", "where", "from"};
static const char *const fixed[] = {"true", "false", "null", "not", "now", "today", "yesterday", "tomorrow"};

/* Behind a dot and in back-ticks every word is a field; at the beginning the soft ones are, too. */
static void
check_word(struct t *t, const char *word, bool as_name)
{
    const char *profile = arena_printf(t->arena, "{\"a\":{\"%s\":7},\"%s\":7}", word, word).p;

    s19_one(t, arena_printf(t->arena, "a.%s", word).p, profile, "7");
    s19_one(t, arena_printf(t->arena, "`%s`", word).p, profile, "7");
    if (as_name) {
        s19_one(t, word, profile, "7");
        s19_one(t, arena_printf(t->arena, "%s = 7 and true", word).p, profile, "true");
    }
}

TEST(s19_02_words_as_fields)
{
    for (size_t i = 0; i < sizeof soft / sizeof soft[0]; i++)
        check_word(t, soft[i], true);
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        check_word(t, hard[i], false);
        s19_one(t, arena_printf(t->arena, "%s = 7", hard[i]).p, NULL, "error:parse");
    }
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        check_word(t, fixed[i], false);
    s19_vectors(t, "path-", 22);
}

TEST(s19_03_precedence)
{
    static const char *const equal[][2] = {
        {"-a.b", "-(a.b)"},
        {"-a * b", "(-a) * b"},
        {"a + b * c", "a + (b * c)"},
        {"a - b - c", "(a - b) - c"},
        {"a / b * c % d", "((a / b) * c) % d"},
        {"a + b < c", "(a + b) < c"},
        {"not a = b", "not (a = b)"},
        {"not(a) = b", "not ((a) = b)"},
        {"!a and b", "(!a) and b"},
        {"a or b and c", "a or (b and c)"},
        {"a and b or c and d", "(a and b) or (c and d)"},
        {"a in xs and b", "(a in xs) and b"},
        {"a + 1 in xs", "(a + 1) in xs"},
        {"exists E from xs where E.a = 1 and b", "exists E from xs where (E.a = 1 and b)"},
        {"c and exists E from xs where E.a or b", "c and (exists E from xs where (E.a or b))"},
        {"let x = 1 in x + 1 = 2 and b", "let x = 1 in ((x + 1 = 2) and b)"},
        {"sum E.a over E from xs where E.b and c", "sum E.a over E from xs where (E.b and c)"},
        {"(P) => P.a and P.b", "(P) => (P.a and P.b)"},
        {"xs[a][b].c", "((xs[a])[b]).c"},
        {"xs[p = 1]", "filter(xs, p = 1)"},
        {"x.startsWith(\"a\")", "startsWith(x, \"a\")"},
        {"a in ([1, 2])", "a in [1, 2]"},
        {"let x = a in [1] in x", "let x = a in ([1] in x)"},
        {"let x = (a in [1]) in x", "let y = (a in [1]) in y"},
        {"let x = f[a in [1]] in x", "let x = (f[a in [1]]) in x"},
        {"a.isNull() or b = 1", "(a.isNull()) or (b = 1)"},
    };
    static const char *const different[][2] = {
        {"(not a) = b", "not a = b"},
        {"(exists E from xs where E.a = 1) and b", "exists E from xs where E.a = 1 and b"},
        {"(a or b) and c", "a or b and c"},
        {"a - (b - c)", "a - b - c"},
    };

    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++) {
        if (!s19_equal(t, equal[i][0], equal[i][1]))
            t_fail(t, __FILE__, __LINE__, "%s is not %s", equal[i][0], equal[i][1]);
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        if (s19_equal(t, different[i][0], different[i][1]))
            t_fail(t, __FILE__, __LINE__, "%s is %s", different[i][0], different[i][1]);
    }
}

TEST(s19_03_grammar)
{
    static const char *const refused[] = {
        "1 < 2 < 3",
        "a = b = c",
        "a in b in c",
        "a = 1 in [true]",
        "let x = 1",
        "let x 1 in x",
        "f(1,)",
        "[1,]",
        "[,]",
        "{\"a\": 1,}",
        "{1: 2}",
        "(a",
        "a)",
        "a b",
        "xs[",
        "a.",
        "a..b",
        "a not in [1]",
        "exists E from",
        "exists E from xs where",
        "exists E from xs, F where true",
        "sum over E from xs",
        "chain(xEvent, timestamp, [])",
        "chain(xEvent, timestamp, [A: WHAT(true)] )x",
        "chain(xEvent, timestamp, [A: WHERE(true) WHAT(true)])",
        "chain(xEvent, timestamp, [A: WHAT(true) WHEN(today) WHEN(today)])",
        "chain(xEvent, timestamp, [A: WHAT(true) COUNT(-1)])",
        "chain(xEvent, timestamp, [A: WHAT(true) COUNT(1.5)])",
        "chain(xEvent, timestamp, [A: WHAT(true), B: WHAT(true) GAP(= 1 day)])",
        "chain(xEvent, \"timestamp\", [A: WHAT(true)])",
        "t occurs",
        "t occurs <= days before now",
        "t occurs <= 1.5 days before now",
        "t occurs <= -1 days before now",
        "t occurs <= 1 day before",
        "t occurs <= 1 day now",
        "t occurs between now",
        "a, b => a",
        "() => 1",
    };
    static const struct s19 cases[] = {
        {"let n = xs[n in [1, 2]].count() in n", "{\"xs\":[{\"n\":1},{\"n\":3}]}", "1", NULL},
        {"[xs.map((N) => N + 1), 2]", "{\"xs\":[1]}", "[[2],2]", NULL},
        {"{\"a\": if(true, [1], 2), b: -1}", NULL, "{\"a\":[1],\"b\":-1}", NULL},
        {"t occurs between last month and now and flag", "{\"t\":\"2025-03-01\",\"flag\":true}", "true", NULL},
        {"(exists E from xs, F from xs where E < F), 1", "{}", "error:parse", NULL},
        {"[exists E from xs, F from xs where E < F, 1]", "{\"xs\":[1,2]}", "[true,1]", NULL},
    };

    S19_REFUSED("parse", refused);
    S19_CHECK(cases);
}

TEST(s19_04_parameters)
{
    static const struct s19 cases[] = {
        {"a.b = $1.a.b", "{\"a\":{\"b\":1}}", "true", NULL},
        {"(P) => P.a.b = a.b", "{\"a\":{\"b\":1}}", "true", NULL},
        {"P => P.a.b", "{\"a\":{\"b\":1}}", "1", NULL},
        {"(P, Q) => $2.x.isNull() and Q.isNull() and $1.a = P.a", "{\"a\":1}", "true", NULL},
        {"(P) => xs[P.a = n].count()", "{\"a\":1,\"xs\":[{\"n\":1},{\"n\":2}]}", "1", NULL},
        {"(a) => a.a", "{\"a\":1}", "1", NULL},
        {"$0.a", NULL, "error:reference", NULL},
        {"$2.a", NULL, "error:reference", NULL},
        {"(P) => $2.a", NULL, "error:reference", NULL},
        {"(P, Q) => $3.a", NULL, "error:reference", NULL},
        {"$99999999999999999999.a", NULL, "error:reference", NULL},
        {"(P, P) => 1", NULL, "error:reference", NULL},
        {"a = (P => 1)", NULL, "error:parse", NULL},
        {"a.isNull((P) => 1)", NULL, "error:arity", NULL},
        {"a.get((P) => 1)", NULL, "error:type", NULL},
    };

    S19_CHECK(cases);
}

TEST(s19_05_names)
{
    static const struct s19 cases[] = {
        /* a variable before a field, the inner before the outer */
        {"let a = 2 in a", "{\"a\":1}", "2", NULL},
        {"let a = 2 in let a = 3 in a", "{\"a\":1}", "3", NULL},
        {"xs.map((a) => a.n)", "{\"a\":{\"n\":9},\"xs\":[{\"n\":1}]}", "[1]", NULL},
        {"let n = 5 in xs[n = 5].count()", "{\"xs\":[{\"n\":1}]}", "1", NULL},
        {"let xEvent = 5 in xEvent", "{\"xEvent\":[{}]}", "5", NULL},
        {"chain(xEvent, timestamp, [n: WHAT(n.n = 1)])", "{\"xEvent\":[{\"timestamp\":1,\"n\":1}]}", "true", NULL},
        /* xEvent is the root list, at any depth, empty when there is none */
        {"xEvent", NULL, "[]", NULL},
        {"xs[xEvent.count() = 1].count()", "{\"xs\":[{\"xEvent\":[1,2]}],\"xEvent\":[{}]}", "1", NULL},
        {"xs.map((X) => X.xEvent.count())", "{\"xs\":[{\"xEvent\":[1,2]}],\"xEvent\":[{}]}", "[2]", NULL},
        {"xEvent[xEvent.count() = 2].count()", "{\"xEvent\":[{},{}]}", "2", NULL},
        {"$1.xEvent.count() + ^.xEvent.count()", "{\"xEvent\":[{},{}]}", "error:reference", NULL},
        {"xEvent[^xEvent.count() = 2].count()", "{\"xEvent\":[{},{}]}", "2", NULL},
        {"(P) => P.xEvent.count()", "{\"xEvent\":[{},{}]}", "2", NULL},
        /* an element, and no way out of it without ^ */
        {"xs[b = 1].count()", "{\"b\":1,\"xs\":[{\"n\":1}]}", "0", NULL},
        {"xs.exists(b = 1)", "{\"b\":1,\"xs\":[{\"n\":1}]}", "false", NULL},
        {"xs.sum(b)", "{\"b\":1,\"xs\":[{\"n\":1}]}", "0", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(b = 1)])", "{\"b\":1,\"xEvent\":[{\"timestamp\":1}]}", "false", NULL},
        /* generators, let and lambdas leave bare names alone */
        {"exists X from xs where b = 1 and X.n = 1", "{\"b\":1,\"xs\":[{\"n\":1}]}", "true", NULL},
        {"xs.exists((X) => b = 1)", "{\"b\":1,\"xs\":[{\"n\":1}]}", "true", NULL},
        {"xs[let X = 1 in n = X].count()", "{\"n\":9,\"xs\":[{\"n\":1}]}", "1", NULL},
        {"xs[exists Y from ys where Y = n].n", "{\"xs\":[{\"n\":1,\"ys\":[1]},{\"n\":2,\"ys\":[1]}]}", "[1]", NULL},
    };

    S19_CHECK(cases);
}

TEST(s19_06_climbing)
{
    static const struct s19 cases[] = {
        {"xs[^b = n].n", "{\"b\":1,\"xs\":[{\"n\":1},{\"n\":2}]}", "[1]", NULL},
        {"xs[^.b = n].n", "{\"b\":1,\"xs\":[{\"n\":1},{\"n\":2}]}", "[1]", NULL},
        {"xs[ys[m = ^n and m = ^^b]].n", "{\"b\":1,\"xs\":[{\"n\":1,\"ys\":[{\"m\":1}]},{\"n\":2,\"ys\":[{\"m\":2}]}]}",
         "[1]", NULL},
        {"xs[ys.exists(^^.b = 1)].count()", "{\"b\":1,\"xs\":[{\"ys\":[{}]}]}", "1", NULL},
        {"xs.sum(^b)", "{\"b\":3,\"xs\":[{},{}]}", "6", NULL},
        {"xs.map(^.b)", "{\"b\":3,\"xs\":[{}]}", "[3]", NULL},
        {"xs[^ = $1].count()", "{\"b\":3,\"xs\":[{}]}", "1", NULL},
        {"xs.exists((X) => xs[^b = 3])", "{\"b\":3,\"xs\":[{}]}", "true", NULL}, /* a lambda is no step */
        {"chain(xEvent, timestamp, [A: WHAT(^b = 3 and xs[^k = 1])])",
         "{\"b\":3,\"xEvent\":[{\"timestamp\":1,\"k\":1,\"xs\":[{}]}]}", "true", NULL},
        {"^a", NULL, "error:reference", NULL},
        {"^", NULL, "error:reference", NULL},
        {"xs[^^a = 1]", NULL, "error:reference", NULL},
        {"xs[ys[^^^a = 1]]", NULL, "error:reference", NULL},
        {"xs.exists((X) => ^a = 1)", NULL, "error:reference", NULL},
        {"exists X from xs where ^a = 1", NULL, "error:reference", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(^^a = 1)])", NULL, "error:reference", NULL},
    };

    s19_vectors(t, "flt-", 21);
    S19_CHECK(cases);
}
