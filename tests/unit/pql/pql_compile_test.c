/* pql_compile_test.c - what the compiler refuses and how it says so; limits; one form for equal meanings;
 * classification. */
#include "base/limits.h"
#include "pql/pql_int.h"
#include "t.h"

static struct rule *
must_compile(struct t *t, const char *text)
{
    struct rule *r = NULL;

    CHECK_OK(pql_compile(str_of(text), false, &r, NULL, d));
    return r;
}

static enum pql_error
class_of(struct str text, bool definition)
{
    enum pql_error class = PQL_OK;
    struct rule *r = NULL;

    if (pql_compile(text, definition, &r, &class, &t_diag) == ERR_OK)
        rule_free(r);
    return class;
}

TEST(s19_24_errors_by_class_place_and_words)
{
    static const struct {
        const char *text;
        enum pql_error class;
        uint32_t pos;
        const char *what;
    } cases[] = {
        {"", PQL_PARSE, 0, "expected an operand, found the end of the text"},
        {"a = ", PQL_PARSE, 4, "expected an operand, found the end of the text"},
        {"a = 1 b", PQL_PARSE, 6, "expected an operator or the end of the text, found b"},
        {"a == 1", PQL_PARSE, 3, "expected an operand, found ="},
        {"and true", PQL_PARSE, 0, "expected an operand, found and"},
        {"a = 'US'", PQL_PARSE, 4, "strings are written in double quotes"},
        {"a = \"x", PQL_PARSE, 4, "string without its closing '\"'"},
        {"a = \"x\\q\"", PQL_PARSE, 6,
         "unknown escape in a string: one of \\\" \\\\ \\/ \\n \\t \\r \\b \\f \\uXXXX is expected"},
        {"a = \"\\ud83c\"", PQL_PARSE, 5, "half of a surrogate pair"},
        {"a = 12ab", PQL_PARSE, 6, "'a' directly after a number"},
        {"a = 9223372036854775808", PQL_PARSE, 4, "integer above 9223372036854775807"},
        {"a = 1e999", PQL_PARSE, 4, "number out of range"},
        {"a # b", PQL_PARSE, 2, "unexpected character '#'"},
        {"pr\xC3\xA9nom = 1", PQL_PARSE, 2, "letters outside ASCII need back-ticks in names and quotes in strings"},
        {"a\xFFz", PQL_PARSE, 1, "the text is not well-formed UTF-8"},
        {"`a = 1", PQL_PARSE, 0, "quoted name without its closing '`'"},
        {"1 < 2 < 3", PQL_PARSE, 6, "comparisons do not chain: join two with 'and', or use parentheses"},
        {"f(1,)", PQL_PARSE, 4, "expected an operand, found )"},
        {"t occurs <= 3 fortnights before now", PQL_PARSE, 14,
         "expected a unit of time such as 'days', found fortnights"},
        {"chain(xEvent, timestamp, [A: WHEN(today)])", PQL_PARSE, 29, "expected WHAT(...), found WHEN"},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(2) COUNT(3)])", PQL_PARSE, 49, "COUNT twice in one element"},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(!= 3)])", PQL_PARSE, 46, "expected one of = < <= > >="},
        {"chain(xEvent, `a.b`, [A: WHAT(true)])", PQL_PARSE, 14, "a timestamp's field cannot have a dot in its name"},
        {"person.frobnicate()", PQL_REFERENCE, 7, "unknown function 'frobnicate'"},
        {"$2.a", PQL_REFERENCE, 0, "the query has 1 parameter: $1 only"},
        {"xEvent[^^a = 1]", PQL_REFERENCE, 7, "'^' climbs above the profile: 1 level encloses this place"},
        {"(A, A) => A.b", PQL_REFERENCE, 0, "two parameters of one name"},
        {"chain(xEvent, timestamp, [A: WHAT(true), A: WHAT(true)])", PQL_REFERENCE, 41, "label 'A' twice in one chain"},
        {"xEvent.count(1)", PQL_ARITY, 7, "count takes 1 argument with its receiver, got 2"},
        {"n.startsWith()", PQL_ARITY, 2, "startsWith takes 2 to 3 arguments with its receiver, got 1"},
        {"n.equals()", PQL_ARITY, 2, "equals takes at least 2 arguments with its receiver, got 1"},
        {"o.filter((A, B) => true)", PQL_ARITY, 9, "the expression of filter takes one parameter, got 2 parameters"},
        {"xEvent.count() and true", PQL_TYPE, 7, "a condition cannot be an integer"},
        {"1 + \"a\"", PQL_TYPE, 4, "an operand of arithmetic cannot be a string"},
        {"a < true", PQL_TYPE, 4, "an operand of an ordering comparison cannot be a truth value"},
        {"a in {\"x\": 1}", PQL_TYPE, 5, "the right side of in and notIn cannot be an object"},
        {"xEvent.timestamp occurs today", PQL_TYPE, 7, "occurs needs one time, which cannot be a list"},
        {"exists E from 5 where true", PQL_TYPE, 14, "the list to go through cannot be an integer"},
        {"\"abc\".length", PQL_TYPE, 0, "a string has no fields such as 'length'"},
        {"n.startsWith(5)", PQL_TYPE, 13, "the argument of startsWith cannot be an integer"},
        {"n.startsWith(\"a\", 1)", PQL_TYPE, 18, "the last argument of startsWith cannot be an integer"},
        {"\"a\".count()", PQL_TYPE, 0, "count cannot be applied to a string"},
        {"g.map((K, V) => K)", PQL_TYPE, 16, "a map expression of two parameters yields mapEntry(key, value)"},
        {"f.get((A) => 1)", PQL_TYPE, 6, "'=>' stands only at the start of a query or in an element expression"},
        {"date(2024, 1, m)", PQL_TYPE, 14, "date takes three integer literals: year, month, day"},
        {"chain(xEvent, timestamp, [not A: WHAT(true)])", PQL_TYPE, 0, "a chain needs an element that is not excluded"},
        {"chain(xEvent, timestamp, [A: WHAT(true) GAP(< 1 day)])", PQL_TYPE, 26,
         "GAP needs an earlier element to count from"},
        {"date(2023, 2, 29)", PQL_VALUE, 0, "date(2023, 2, 29) is not in the calendar"},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(0)])", PQL_VALUE, 26,
         "COUNT of at least 0 always holds: use 1 or more, or = 0"},
        {"n.regexGroup(\"(a)\", 2)", PQL_VALUE, 20, "the regular expression has 1 group, not group 2"},
        {"n.matches(\"(a\")", PQL_VALUE, 10, "regular expression: missing closing parenthesis at character 2"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *r = NULL;
        enum pql_error class;
        CHECK_ERR(pql_compile(str_of(cases[i].text), false, &r, &class, d), ERR_INVALID);
        CHECK_STR(str_of(t_diag.what), str_of(cases[i].what));
        CHECK_STR(str_of(pql_error_name(class)), str_of(pql_error_name(cases[i].class)));
        CHECK_EQ(t_diag.pos, cases[i].pos);
        CHECK_TRUE(r == NULL);
    }
}

TEST(s19_24_first_error_from_the_left_wins)
{
    /* A lexical fault further right does not hide a limit, nor a parse error a type error of an earlier operand. */
    char deep[300];

    memset(deep, '(', sizeof deep);
    deep[299] = '#';
    CHECK_EQ(class_of((struct str){deep, sizeof deep}, false), PQL_LIMIT);
    CHECK_EQ(class_of(S("1 + \"a\" = #"), false), PQL_PARSE);
    CHECK_EQ(class_of(S("1 + \"a\" and frobnicate()"), false), PQL_TYPE);
    CHECK_EQ(class_of(S("frobnicate(1 + \"a\")"), false), PQL_REFERENCE);
}

TEST(pql_near_miss_hints)
{
    static const char *const cases[][2] = {
        {"xEvent.COUNT()", "did you mean 'count'?"},
        {"n.startWith(\"a\")", "did you mean 'startsWith'?"},
        {"n.isnull()", "did you mean 'isNull'?"},
        {"xs.averge()", "did you mean 'average'?"},
        {"xs.every(a = 1)", "did you mean 'forall'?"},
        {"xs.first()", "did you mean 'head'?"},
        {"inSegmnet(\"x\")", "did you mean 'inSegment'?"},
        {"xs.smu()", ""},
        {"n.frobnicate()", ""},
        {"n.aVeryLongNameThatIsNearNothingAtAll()", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQ(class_of(str_of(cases[i][0]), false), PQL_REFERENCE);
        CHECK_STR(str_of(t_diag.hint), str_of(cases[i][1]));
    }
}

TEST(pql_hints_say_what_to_write)
{
    static const struct {
        const char *text;
        enum pql_error class;
        const char *hint;
    } cases[] = {
        {"a == 1", PQL_PARSE, "did you mean '='?"},
        {"a = = 1", PQL_PARSE, ""},
        {"a <> 1", PQL_PARSE, "did you mean '!='?"},
        {"a < > 1", PQL_PARSE, ""},
        {"a && b", PQL_PARSE, "did you mean 'and'?"},
        {"a || b", PQL_PARSE, "did you mean 'or'?"},
        {"a # b", PQL_PARSE, ""},
        {"a.matches(\"\\d\")", PQL_PARSE, "a backslash in a string is written twice: \"\\\\d\""},
        {"a = \"\\\"", PQL_PARSE, ""}, /* the quote is escaped, the string has no end */
        {"a = \"\\\xC3\xA9\"", PQL_PARSE, "a backslash in a string is written twice: \"\\\\\xC3\xA9\""},
        {"a = \"\\", PQL_PARSE, ""},
        {"xs[0]", PQL_TYPE,
         "brackets hold a condition: the first element is head(), the newest event "
         "topN(timestamp, 1).head()"},
        {"xs.exists(0)", PQL_TYPE, "compare it with something, or ask whether it is there: isNotNull()"},
        {"xEvent.count()", PQL_TYPE, "compare it with something, or ask whether it is there: isNotNull()"},
        {"xEvent.count() and true", PQL_TYPE, "compare it with something, or ask whether it is there: isNotNull()"},
        {"\"x\" or true", PQL_TYPE, "compare it with something, or ask whether it is there: isNotNull()"},
        {"xEvent.timestamp occurs today", PQL_TYPE, "ask for some element: exists T from list where T occurs ..."},
        {"t occurs before 5", PQL_TYPE, ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        t_diag = DIAG_INIT;
        CHECK_EQ(class_of(str_of(cases[i].text), true), cases[i].class);
        CHECK_STR(str_of(t_diag.hint), str_of(cases[i].hint));
    }
}

/* n times `open`, the middle, n times `close`. */
static struct str
nested(struct t *t, const char *open, const char *middle, const char *close, size_t n)
{
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_put(&b, str_of(open));
    buf_put(&b, str_of(middle));
    for (size_t i = 0; i < n; i++)
        buf_put(&b, str_of(close));
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

TEST(s19_25_nesting)
{
    static const char *const kinds[][3] = {
        {"(", "true", ")"},
        {"not ", "true", ""},
        {"!", "a", ""},
        {"-", "a", ""},
        {"[", "1", "]"},
        {"{\"k\": ", "1", "}"},
        {"a[", "true", "]"},
        {"a.count(", "", ")"}, /* arity is looked at only after parsing */
        {"if(true, 1, ", "2", ")"},
        {"let x = 1 in ", "x", ""},
        {"exists x from y where ", "true", ""},
        {"select x from y where ", "true", ""},
        {"sum ", "x.a", " over x from y"},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        enum pql_error at = class_of(nested(t, kinds[i][0], kinds[i][1], kinds[i][2], LIMIT_PQL_DEPTH), false);
        CHECK_TRUE(at != PQL_LIMIT && at != PQL_PARSE);
        CHECK_EQ(class_of(nested(t, kinds[i][0], kinds[i][1], kinds[i][2], LIMIT_PQL_DEPTH + 1), false), PQL_LIMIT);
    }
    /* Side by side is not deep. */
    CHECK_EQ(class_of(nested(t, "(a) and ", "(b)", "", 3000), false), PQL_OK);
}

TEST(s19_25_text_bytes)
{
    char *text = arena_alloc(t->arena, LIMIT_PQL_TEXT_BYTES + 1);

    memset(text, ' ', LIMIT_PQL_TEXT_BYTES + 1);
    memcpy(text, "true", 4);
    CHECK_EQ(class_of((struct str){text, LIMIT_PQL_TEXT_BYTES}, true), PQL_OK);
    CHECK_EQ(class_of((struct str){text, LIMIT_PQL_TEXT_BYTES + 1}, true), PQL_LIMIT);
    CHECK_EQ(t_diag.code, ERR_LIMIT);
}

/* Chains without brackets nest in the tree; at the bound they also evaluate, on a test's stack with a sanitizer. */
TEST(s19_25_height)
{
    static const char *const kinds[][2] = {
        {"a", ".a"}, {"1", " + 1"}, {"a", "[true]"}, {"a", ".head()"}, {"2", " * 1"}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct rule_env env = {.now_ms = 0};
        struct str at = nested(t, "", kinds[i][0], kinds[i][1], LIMIT_RULE_HEIGHT - 1), path = at;
        struct rule *r = NULL;
        struct value v;
        CHECK_OK(pql_compile(path, false, &r, NULL, d));
        CHECK_OK(rule_eval(r, &env, t->arena, &v, d));
        CHECK_TRUE(rule_equal(rule_root(r), rule_root(r)) && rule_hash(rule_root(r)) != 0);
        rule_free(r);
        CHECK_EQ(class_of(nested(t, "", kinds[i][0], kinds[i][1], LIMIT_RULE_HEIGHT), false), PQL_LIMIT);
    }
    /* Generators and elements nest without brackets too. */
    CHECK_EQ(class_of(nested(t, "", "exists a from b", ", a from b", LIMIT_RULE_HEIGHT - 4), true), PQL_OK);
    CHECK_EQ(class_of(nested(t, "", "exists a from b", ", a from b", LIMIT_RULE_HEIGHT - 3), true), PQL_LIMIT);
}

/* LIMIT_RULE_BYTES, made as small as what each rule takes. With less it is refused, wherever the memory runs out. */
TEST(pql_rule_bytes_limit)
{
    static const char *const texts[] = {
        "person.name.firstName.equals(\"ÉLODIE\", false) and city.matches(\"^[a-c]+(x|y)*$\")",
        ("chain(xEvent, timestamp, [A: WHAT(eventType = \"view\" and sku in [\"a\", \"b\"]), "
         "B: WHAT(eventType = \"cart\") WHEN(<= 10 minutes after A)])"),
        "xEvent[eventType = \"buy\" and timestamp occurs <= 30 days before now].sum(commerce.order.priceTotal) > 100.5",
        "exists A from xEvent, B from xEvent where A.sku = B.sku and A.n > B.n + 1 and inSegment(\"s\")",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rule *r = NULL;
        enum pql_error class = PQL_OK;
        size_t bytes = 0;
        while (pql_compile_within(str_of(texts[i]), false, bytes, &r, &class, &t_diag) != ERR_OK) {
            if (class != PQL_LIMIT)
                t_fail(t, __FILE__, __LINE__, "%s: %s", texts[i], t_diag.what);
            CHECK_TRUE(r == NULL && t_diag.code == ERR_LIMIT);
            bytes += 16;
            CHECK_TRUE(bytes < 1 << 20);
        }
        rule_free(r);
        CHECK_TRUE(bytes > 500);
        r = must_compile(t, texts[i]);
        rule_free(r);
    }
}

TEST(pql_byte_order_mark_and_blanks)
{
    CHECK_EQ(class_of(S("\xEF\xBB\xBF\t\f\r\n true "), true), PQL_OK);
    CHECK_EQ(class_of(S(" \xEF\xBB\xBFtrue"), true), PQL_PARSE); /* only at the start */
    CHECK_EQ(class_of(S("true\0"), true), PQL_PARSE);
}

TEST(s19_24_definition_is_a_boolean_position)
{
    CHECK_EQ(class_of(S("xEvent.count()"), true), PQL_TYPE);
    CHECK_EQ(class_of(S("xEvent.count()"), false), PQL_OK);
    CHECK_EQ(class_of(S("select E from xEvent"), true), PQL_OK);
    CHECK_EQ(class_of(S("loyalty"), true), PQL_OK);
    CHECK_EQ(class_of(S("today"), true), PQL_TYPE);
}

TEST(pql_equal_meanings_have_equal_trees)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"xEvent[eventType = \"x\"].count() >= 3", " XEVENT_IS_NOT_THIS = 1", false},
        {"xEvent[eventType = \"x\"].count() >= 3", "count(filter(xEvent, (E) => E.eventType = \"x\")) >= 3", true},
        {"exists A from xEvent where A.k = 1", "EXISTS Other FROM xEvent : Other.k = 1", true},
        {"chain(xEvent, timestamp, [A: WHAT(k = 1), B: WHAT(k = A.k)])",
         "CHAIN($1.xEvent, timestamp, [X: what(X.k = 1), Y: what(k = X.k)])", true},
        {"(a and b) and c", "a and (b and c)", true},
        {"a and b or c", "a and (b or c)", false},
        {"n.startsWith(\"Jo\", true)", "startsWith(n, \"Jo\")", true},
        {"n.equals(\"JO\", false)", "n.equals(\"jo\", false)", true},
        {"n.equals(\"JO\")", "n.equals(\"jo\")", false},
        {"n.equals(\"a\", true, true)", "n.equals(\"a\", true)", false},
        {"t occurs < 2 days after now", "t occurs < 2 days from now", true},
        {"t occurs after now", "t occurs from now", false},
        {"t occurs <= 7 days before now", "t occurs <= 8 days before now", false},
        {"t occurs this week", "t occurs this month", false},
        {"a = 1", "a = 1.0", false},
        {"a = 1", "a != 1", false},
        {"a in [1]", "a notIn [1]", false},
        {"(P) => P.a.b", "let Q = $1 in a.b", false}, /* a let is a node of its own */
        {"(P) => P.a.b", "a.b", true},
        {"a.b", "a.c", false},
        {"chain(xEvent, timestamp, [A: WHAT(k = 1) COUNT(2)])",
         "chain(xEvent, timestamp, [A: WHAT(k = 1) COUNT(>= 2)])", true},
        {"chain(xEvent, timestamp, [A: WHAT(k = 1) COUNT(2)])", "chain(xEvent, timestamp, [A: WHAT(k = 1) COUNT(3)])",
         false},
        {"chain(xEvent, timestamp, [A: WHAT(k = 1) WHERE(j = 2)])",
         "chain(xEvent, timestamp, [A: WHAT(k = 1 and j = 2)])", true},
        {"let a = 1 in (let b = 2 in b)", "let b = 1 in (let b = 2 in b)", true},
        {"let a = 1 in (let b = 2 in a)", "let b = 1 in (let b = 2 in b)", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *a = must_compile(t, cases[i].a), *b = must_compile(t, cases[i].b);
        bool equal = rule_equal(rule_root(a), rule_root(b));
        bool hashes = rule_hash(rule_root(a)) == rule_hash(rule_root(b));
        rule_free(a);
        rule_free(b);
        if (equal != cases[i].equal || (equal && !hashes))
            t_fail(t, __FILE__, __LINE__, "%s  |  %s: equal %d, same hash %d", cases[i].a, cases[i].b, equal, hashes);
    }
}

TEST(pql_slots_count_open_binders)
{
    struct rule *r =
        must_compile(t, "xEvent[a = 1].count() = 1 and (exists A from xEvent, B from A.items where B.x = 1)");

    CHECK_EQ(rule_slot_count(r), 2); /* siblings share slot 0 */
    rule_free(r);
    r = must_compile(t, "a = 1");
    CHECK_EQ(rule_slot_count(r), 0);
    rule_free(r);
}

TEST(pql_positions_are_lines_and_columns)
{
    unsigned line, column;

    pql_position(S("ab\n\xC3\xA9z = #"), 8, &line, &column);
    CHECK_EQ(line, 2);
    CHECK_EQ(column, 5);
    pql_position(S("ab"), 0, &line, &column);
    CHECK_EQ(line, 1);
    CHECK_EQ(column, 1);
}

TEST(s19_30_classification) /* [SEGMENTATION 14.3] */
{
    static const struct {
        const char *text;
        unsigned expect;
    } cases[] = {
        {"homeAddress.countryCode = \"US\"", 7},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today)])", 7},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(<= 24 hours before now)]) and person.age > 20", 7},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(<= 1 day before now)])", 7},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(<= 25 hours before now)])", 1},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(<= 1 month before now)])", 1},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1)])", 1},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(<= 7 days before now)])", 1},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(yesterday)])", 1},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(last hour)])", 7},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today), B: WHAT(q = 1) WHEN(today)])", 3},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today) COUNT(3)])", 3},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today), not B: WHAT(q = 1) WHEN(today)])", 3},
        {"not(chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today)]))", 1},
        {"not(not(chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today)])))", 7},
        {"not(chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today)])) and homeAddress.countryCode = \"US\"", 7},
        {"inSegment(\"x\") and inSegment(\"y\")", 7},
        {"xEvent[eventType = \"p\"].count() > 2", 1},
        {"chain(xEvent[sku = 1], timestamp, [A: WHAT(p = 1) WHEN(today)])", 1},
        {"exists E from xEvent where E.eventType = \"p\" and E.timestamp occurs today", 7},
        {"exists E from xEvent where E.eventType = \"p\"", 1},
        {"select E from xEvent where E.timestamp occurs <= 2 hours before now", 7},
        {"forall E from xEvent where E.timestamp occurs today", 1},
        {"person.birthDate.getMonth() = currentMonth()", 1},
        {"person.birthDate.getYear() = 1990", 7},
        {"chain(xEvent, timestamp, [A: WHAT(productListItems.SKU@{class}.brand = \"Z\") WHEN(today)])", 1},
        {"segmentMembership.get(\"AAM\").get(\"x\").status = \"realized\"", 1},
        {"segmentMembership.get(\"ups\").get(\"x\").status = \"realized\"", 7},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *r = must_compile(t, cases[i].text);
        unsigned got = pql_classify(r);
        rule_free(r);
        if (got != cases[i].expect)
            t_fail(t, __FILE__, __LINE__, "%s: %u, expected %u", cases[i].text, got, cases[i].expect);
    }
}

TEST(s19_30_first_row_that_applies)
{
    static const struct {
        const char *text;
        unsigned streaming, edge;
    } cases[] = {
        {"a = 1", 0, 0},
        {"a.x@{class}.b = 1 and birthDate.getMonth() = 1", 2, 2},
        {"birthDate.getMonth() = 1 and xEvent.count() > 1", 3, 3},
        {"segmentMembership.AAM.x.status = \"realized\" and xEvent.count() > 1", 4, 4},
        {"xEvent.count() > 1 and chain(xEvent, timestamp, [A: WHAT(p = 1)])", 6, 6},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1)])", 7, 7},
        {"not(chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today)]))", 8, 8},
        {"chain(xEvent, timestamp, [A: WHAT(p = 1) WHEN(today) COUNT(2)])", 0, 11},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule *r = must_compile(t, cases[i].text);
        CHECK_EQ(pql_classify_row(r, PQL_STREAMING), cases[i].streaming);
        CHECK_EQ(pql_classify_row(r, PQL_EDGE), cases[i].edge);
        rule_free(r);
    }
}
