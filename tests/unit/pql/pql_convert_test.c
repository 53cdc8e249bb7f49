/* pql_convert_test.c - text to JSON and back [SEGMENTATION 13]: exact forms, fixed points, what has no form, limits. */
#include "base/limits.h"
#include "pql/pql_cases.h"
#include "random_pql.h"
#include "t.h"

static struct str
convert(struct t *t, struct str source, enum pql_format from, enum pql_format to)
{
    struct diag d = DIAG_INIT;
    struct buf b;

    buf_init_in(&b, t->arena, LIMIT_PQL_JSON_BYTES);
    if (pql_convert(source, from, to, &b, NULL, &d) != ERR_OK)
        t_fail(t, __FILE__, __LINE__, "%.*s: %s", (int)(source.n > 400 ? 400 : source.n), source.p, d.what);
    return buf_str(&b);
}

static struct rule *
compile(struct t *t, struct str source, enum pql_format format)
{
    struct diag d = DIAG_INIT;
    struct rule *r = NULL;

    if (pql_compile_as(source, &(struct pql_options){.format = format}, &r, NULL, &d) != ERR_OK)
        t_fail(t, __FILE__, __LINE__, "%.*s: %s", (int)(source.n > 400 ? 400 : source.n), source.p, d.what);
    return r;
}

TEST(s19_27_one_layout)
{
    /* Each right side is what the left one becomes, and its own layout. */
    static const char *const cases[][2] = {
        {"a.b=1", "a.b = 1"},
        {"((a)) AND (b or c)", "a and (b or c)"},
        {"(a and b) and c", "(a and b) and c"},
        {"not(a) = b", "not a = b"},
        {"(not a) = b", "(not a) = b"},
        {"!a", "not a"},
        {"1+(2+3)*-4-(5-6)", "1 + (2 + 3) * -4 - (5 - 6)"},
        {"-(3)", "-(3)"},
        {"-(3.isNull())", "-(3.isNull())"},
        {"-3.isNull()", "-3.isNull()"},
        {"-x.y", "-x.y"},
        {"(a + b).isNull()", "(a + b).isNull()"},
        {"a in ([1,2])", "a in [1, 2]"},
        {"2.0", "2.0"},
        {"1e22", "1e+22"},
        {"\"\\u00e9\\n\\u0001\\\"\"", "\"\xC3\xA9\\n\\u0001\\\"\""},
        {"`my-field`.`x y`", "`my-field`.`x y`"},
        {"count and `last`", "`count` and `last`"},
        {"a.in.from.count", "a.in.from.count"},
        {"SKU@{class}.x", "SKU@{class}.x"},
        {"$1.a", "a"},
        {"^xs[a = 1]", NULL},
        {"xs[a = ^b]", "xs[a = $1.b]"},
        {"xs[ys[a = 1 and b = ^c]]", "xs.filter((v0) => v0.ys[a = 1 and b = v0.c])"},
        {"filter(xs, a = 1)", "xs[a = 1]"},
        {"xs.filter((N) => N.a > 3)", "xs.filter((N) => N.a > 3)"},
        {"xs.filter((v0) => v0.a > 3)", "xs[a > 3]"},
        {"xs.filter((v1) => v1.a > 3)", "xs.filter((v1) => v1.a > 3)"},
        {"xs[v0 = 1]", "xs[v0 = 1]"},
        {"xs.topN(price, 2).head().id", "xs.topN(price, 2).head().id"},
        {"xs.groupBy(a).map((K, V) => mapEntry(K, V.count()))", "xs.groupBy(a).map((K, V) => mapEntry(K, V.count()))"},
        {"(P, Q) => P.a = Q.b", "(P, Q) => P.a = Q.b"},
        {"x => x.a", "(x) => x.a"},
        {"t occurs (<= 7 days before now)", NULL},
        {"t occurs <= 1 days before now", "t occurs <= 1 day before now"},
        {"t occurs < 2 hour from today", "t occurs < 2 hours after today"},
        {"t occurs between date(2025, 3, 1) and now", "t occurs between date(2025, 3, 1) and now"},
        {"t occurs on today", "t occurs today"},
        {"t occurs date(2025,3,1)", "t occurs on date(2025, 3, 1)"},
        {"t occurs last week", "t occurs last week"},
        {"t occurs before \"2025-03-01T10:00:00Z\"", "t occurs before \"2025-03-01T10:00:00Z\""},
        {"exists E from xEvent : E.a = 1 and E.b", "exists E from xEvent where E.a = 1 and E.b"},
        {"(exists E from xEvent where E.a = 1) and b", "(exists E from xEvent where E.a = 1) and b"},
        {"b and exists E from xEvent where E.a = 1", "b and exists E from xEvent where E.a = 1"},
        {"forall A from xs where A.k, B from A.ys where B.n", "forall A from xs where A.k, B from A.ys where B.n"},
        {"let X = (a in [1]) in X", "let X = (a in [1]) in X"},
        {"let X = a notIn [1] in X", "let X = a notIn [1] in X"},
        {"(let X = 1 in X) + 2", "(let X = 1 in X) + 2"},
        {"2 + (let X = 1 in X)", "2 + let X = 1 in X"},
        {"sum E.a over E from xEvent where E.b", "sum E.a over E from xEvent where E.b"},
        {"(SUM E.a OVER E from xEvent) > 3", "(sum E.a over E from xEvent) > 3"},
        {"{\"k\": 1, j: [a]}", "{\"k\": 1, \"j\": [a]}"},
        {"if(a, 1, 2)", "if(a, 1, 2)"},
        {"\"x\".inSegment()", "inSegment(\"x\")"},
        {"a.like(\"b%\")", "a like \"b%\""},
        {"currentMonth() = 3", "currentMonth() = 3"},
        {"chain(xEvent, timestamp, [A: WHAT(e = 1) where(f) COUNT(2) WHEN(today), not B: WHAT(g = A.h) GAP(< 2 "
         "hours)])",
         "CHAIN(xEvent, timestamp, [A: WHAT(e = 1 and f) WHEN(today) COUNT(2), not B: WHAT(g = A.h) GAP(< 2 hours)])"},
        {"chain(xEvent, timestamp, [A: WHAT(e) COUNT(1), B: WHAT(f) COUNT(>= 1)])",
         "CHAIN(xEvent, timestamp, [A: WHAT(e), B: WHAT(f)])"},
        {"chain(xEvent, timestamp, [A: WHAT(e), not B: WHAT(f) COUNT(1)])",
         "CHAIN(xEvent, timestamp, [A: WHAT(e), not B: WHAT(f) COUNT(1)])"},
        {"chain(xs, a.b, [A: WHAT(A.e and ^h) COUNT(>= 1, <= 3)])",
         "CHAIN(xs, a.b, [A: WHAT(e and $1.h) COUNT(1, <= 3)])"},
        {"chain(xEvent, timestamp, [A: WHAT(xs.exists((A) => b))])",
         "CHAIN(xEvent, timestamp, [A: WHAT(xs.exists(A.b))])"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str json, text;
        if (cases[i][1] == NULL) { /* not an expression: the table's neighbours are */
            enum pql_error class = PQL_OK;
            CHECK_ERR(pql_convert(str_of(cases[i][0]), PQL_TEXT, PQL_TEXT, &(struct buf){.bytes_max = 1}, &class, d),
                      ERR_INVALID);
            continue;
        }
        text = convert(t, str_of(cases[i][0]), PQL_TEXT, PQL_TEXT);
        CHECK_STR(text, str_of(cases[i][1]));
        CHECK_STR(convert(t, text, PQL_TEXT, PQL_TEXT), text);
        json = convert(t, text, PQL_TEXT, PQL_JSON);
        CHECK_STR(convert(t, str_of(cases[i][0]), PQL_TEXT, PQL_JSON), json);
        CHECK_STR(convert(t, json, PQL_JSON, PQL_TEXT), text);
        CHECK_STR(convert(t, json, PQL_JSON, PQL_JSON), json);
    }
}

#define PROFILE "{\"nodeType\":\"parameterReference\",\"position\":1}"
#define FIELD(name, of) "{\"nodeType\":\"fieldLookup\",\"fieldName\":\"" name "\",\"object\":" of "}"
#define VAR(name) "{\"nodeType\":\"varRef\",\"varName\":\"" name "\"}"
#define FN(name, params) "{\"nodeType\":\"fnApply\",\"fnName\":\"" name "\",\"params\":[" params "]}"
#define LITERAL(type, value) "{\"nodeType\":\"literal\",\"literalType\":\"" type "\",\"value\":" value "}"

TEST(s19_26_written_as_the_catalogue_says)
{
    static const char *const cases[][2] = {
        {"a.b = 1", FN("=", FIELD("b", FIELD("a", PROFILE)) "," LITERAL("Integer", "1"))},
        {"xs[a = 2.5]", FN("filter", FIELD("xs", PROFILE) ",{\"nodeType\":\"lambda\",\"params\":[{\"varName\":\"v0\"}],"
                                                          "\"body\":" FN("=", FIELD("a", VAR("v0")) "," LITERAL(
                                                                                  "Double", "2.5")) "}")},
        {"a in [\"x\", null, true, 2.0]", FN("in", FIELD("a", PROFILE) "," LITERAL("List", "[\"x\",null,true,2.0]"))},
        {"[a]", FN("list", FIELD("a", PROFILE))},
        {"{\"k\": null}", FN("object", LITERAL("String", "\"k\"") "," LITERAL("Null", "null"))},
        {"-a", FN("-", FIELD("a", PROFILE))},
        {"t occurs this month",
         "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD(
             "t", PROFILE) ",\"when\":{\"nodeType\":\"timeQualification\",\"time\":" LITERAL("RelativeTime",
                                                                                             "\"this month\"") "}}"},
        {"t occurs <= 7 days before now",
         "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD(
             "t",
             PROFILE) ",\"when\":{\"nodeType\":\"timeQualification\","
                      "\"comparison\":" LITERAL(
                          "Comparison",
                          "\"<=\"") ",\"duration\":{\"nodeType\":\"duration\","
                                    "\"count\":" LITERAL("Integer", "7") ",\"unit\":" LITERAL(
                                        "TimeUnit",
                                        "\"days\"") "},"
                                                    "\"di"
                                                    "r"
                                                    "ecti"
                                                    "o"
                                                    "n\""
                                                    ":" LITERAL("TimeDirection", "\"before\"") ",\"time\":" LITERAL(
                                                        "RelativeTime", "\"now\"") "}}"},
        {"chain(xEvent, timestamp, [C0: WHAT(e = \"v\") COUNT(2)])",
         "{\"nodeType\":\"chain\",\"elements\":[{\"nodeType\":\"element\",\"varName\":\"C0\",\"what\":" FN(
             "=", FIELD("e", VAR("C0")) "," LITERAL("String", "\"v\"")) ",\"count\":2,\"negated\":false}]}"},
        {"exists E from xs where E.a", "{\"nodeType\":\"quantification\",\"quantifier\":\"some\",\"variables\":[{"
                                       "\"nodeType\":\"varDecl\",\"varName\":"
                                       "\"E\",\"from\":" FIELD("xs", PROFILE) ",\"where\":" FIELD("a", VAR("E")) "}]}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(convert(t, str_of(cases[i][0]), PQL_TEXT, PQL_JSON), str_of(cases[i][1]));
}

TEST(s19_26_spellings_of_others)
{
    /* What other writers of the form say, and the text it is equal to. */
    static const char *const cases[][2] = {
        {FN("and", FIELD("a", PROFILE)), "a and true"},
        {FN("or", FIELD("a", PROFILE)), "a or false"},
        {FN("stringCompare", LITERAL("String", "\"contains\"") "," FIELD("a", PROFILE) "," LITERAL("String", "\"x\"")),
         "a.contains(\"x\")"},
        {FN("filter", FIELD("xs", PROFILE) ",{\"nodeType\":\"fieldLookup\",\"fieldName\":\"a\"}"), "xs[a]"},
        {"{\"nodeType\":\"fieldLookup\",\"fieldName\":\"xEvent\"}", "xEvent"},
        {"{\"nodeType\":\"literal\",\"value\":7}", "7"},
        {LITERAL("Integer", "\"7\""), "7"},
        {LITERAL("Number", "\"2.5\""), "2.5"},
        {LITERAL("Double", "2"), "2.0"},
        {LITERAL("Boolean", "\"True\""), "true"},
        {LITERAL("QueryString", "\"q\""), "\"q\""},
        {LITERAL("Timestamp", "\"2025-03-01\""), "date(2025, 3, 1)"},
        {"{\"nodeType\":\"occurs\",\"timestamp\":" FIELD(
             "t", PROFILE) ",\"when\":{\"nodeType\":\"range\",\"from\":" LITERAL("Timestamp",
                                                                                 "\"2025-03-01T10:00:"
                                                                                 "00Z\"") ",\"to\""
                                                                                          ":" LITERAL("Tim"
                                                                                                      "est"
                                                                                                      "am"
                                                                                                      "p",
                                                                                                      "174"
                                                                                                      "082"
                                                                                                      "320"
                                                                                                      "000"
                                                                                                      "0") "}}",
         "t occurs between \"2025-03-01T10:00:00.000Z\" and \"2025-03-01T10:00:00.000Z\""},
        {"{\"nodeType\":\"occurs\",\"timestamp\":" FIELD(
             "t", PROFILE) ",\"when\":{\"nodeType\":\"timeQualification\","
                           "\"comparison\":\"<\",\"duration\":{\"nodeType\":\"duration\",\"count\":3,\"unit\":\"day\"},"
                           "\"direction\":"
                           "\"from\",\"time\":" LITERAL("RelativeTime", "\"today\"") "}}",
         "t occurs < 3 days after today"},
        {"{\"nodeType\":\"chain\",\"unknown\":1,\"elements\":[{\"nodeType\":\"element\",\"varName\":\"A\","
         "\"what\":" FIELD("e", VAR("A")) ",\"count\":1,\"negated\":false},{\"nodeType\":\"element\",\"varName\":\"B\","
                                          "\"what\":" FIELD("f", VAR("B")) ",\"where\":" FIELD(
                                              "g", VAR("A")) ",\"count\":1,\"negated\":true,\"gap\":[{\"nodeType\":"
                                                             "\"gap\",\"comparison\":\">\",\"duration\":{\"nodeType\":"
                                                             "\"duration\",\"count\":1,\"unit\":\"hours\"}}]}]}",
         "CHAIN(xEvent, timestamp, [A: WHAT(e), not B: WHAT(f and A.g) GAP(> 1 hour)])"},
        {"{\"nodeType\":\"fnCreate\",\"params\":[{\"varName\":\"1x\"}],\"body\":" FIELD("a", VAR("1x")) "}",
         "(`1x`) => `1x`.a"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *a = compile(t, str_of(cases[i][0]), PQL_JSON), *b = compile(t, str_of(cases[i][1]), PQL_TEXT);
        CHECK_STR(convert(t, str_of(cases[i][0]), PQL_JSON, PQL_TEXT), str_of(cases[i][1]));
        CHECK_TRUE(rule_equal(rule_root(a), rule_root(b)));
        rule_free(a);
        rule_free(b);
    }
}

TEST(s19_26_malformed_trees_name_the_place)
{
    static const struct {
        const char *json;
        enum pql_error class;
        const char *path;
        const char *at; /* the text from the position on begins with it */
        const char *what;
    } cases[] = {
        {"{\"nodeType\":\"literal\"", PQL_PARSE, "", "", NULL},
        {"[]", PQL_PARSE, "", "[]", "expected a node with a 'nodeType', found an array without one"},
        {"{\"nodeType\":\"teleport\"}", PQL_PARSE, "nodeType", "\"teleport\"",
         "no expression has the nodeType 'teleport'"},
        {FN("not", "{\"nodeType\":\"fieldLookup\"}"), PQL_PARSE, "params[0]", "{\"nodeType\":\"fieldLookup\"}",
         "fieldLookup needs 'fieldName', a string; found nothing"},
        {FN("not", "7"), PQL_PARSE, "params[0]", "7", "a parameter is a node, found an integer"},
        {"{\"nodeType\":\"fnApply\",\"fnName\":3,\"params\":[]}", PQL_PARSE, "fnName", "3",
         "fnApply needs 'fnName', a string; found an integer"},
        {FN("=", FIELD("a", PROFILE) "," LITERAL("Integer", "\"x\"")), PQL_VALUE, "params[1].value", "\"x\"",
         "\"x\" is no value of a literal of type Integer"},
        {LITERAL("Integer", "2.5"), PQL_VALUE, "value", "2.5", "2.5 is no value of a literal of type Integer"},
        {LITERAL("Comparison", "\"<\""), PQL_PARSE, "literalType", "\"Comparison\"",
         "no literal of type 'Comparison' stands here"},
        {LITERAL("List", "[[1]]"), PQL_VALUE, "value[0]", "[1]", NULL},
        {LITERAL("Timestamp", "\"2025-13-01\""), PQL_VALUE, "value", "\"2025-13", NULL},
        {LITERAL("RelativeTime", "\"someday\""), PQL_VALUE, "value", "\"someday\"", NULL},
        {LITERAL("RelativeTime", "\"this week\""), PQL_PARSE, "value", "\"this", NULL},
        {LITERAL("XDMObject", "\"offer\""), PQL_VALUE, "value", "\"offer\"", NULL},
        {VAR("nobody"), PQL_REFERENCE, "", "{", "no variable 'nobody' is in scope here"},
        {FN("frobnicate", PROFILE), PQL_REFERENCE, "", "{", "unknown function 'frobnicate'"},
        {FN("=", PROFILE), PQL_ARITY, "", "{", "'=' takes 2 operands, got 1"},
        {FN("and", ""), PQL_ARITY, "", "{", "'and' takes at least 1 operand, got none"},
        {FN("not", ""), PQL_ARITY, "", "{", "'not' takes 1 operand, got 0"},
        {FN("stringCompare", LITERAL("String", "\"beginsWith\"") "," PROFILE "," PROFILE), PQL_VALUE, "params[0].value",
         "\"beginsWith\"", NULL},
        {FN("stringCompare", PROFILE), PQL_ARITY, "", "{", NULL},
        {FN("and", LITERAL("Boolean", "true") "," FN("+", LITERAL("Integer", "1") "," LITERAL("String", "\"a\""))),
         PQL_TYPE, "params[1].params[1].value", "\"a\"", "an operand of arithmetic cannot be a string"},
        {FN("object", PROFILE), PQL_PARSE, "", "{", "an object has keys and values in turn, found 1 params"},
        {"{\"nodeType\":\"quantification\",\"quantifier\":\"most\",\"variables\":[]}", PQL_PARSE, "quantifier",
         "\"most\"", "quantification needs 'quantifier', one of all, some, none, one; found a string"},
        {"{\"nodeType\":\"select\",\"variables\":[]}", PQL_PARSE, "variables", "[]",
         "select needs 'variables', at least one varDecl; found an array"},
        {"{\"nodeType\":\"select\",\"variables\":[" PROFILE "]}", PQL_PARSE, "variables[0]", "{",
         "expected a node of type varDecl, found parameterReference"},
        {"{\"nodeType\":\"occurs\",\"timestamp\":" PROFILE
         ",\"when\":{\"nodeType\":\"timeQualification\",\"comparison\":"
         "\"<=\",\"direction\":\"before\",\"time\":" PROFILE "}}",
         PQL_PARSE, "when", "{", "timeQualification needs 'duration', as it has the other of the two; found nothing"},
        {"{\"nodeType\":\"occurs\",\"timestamp\":" PROFILE
         ",\"when\":{\"nodeType\":\"timeQualification\",\"direction\":"
         "\"around\",\"time\":" PROFILE "}}",
         PQL_VALUE, "when.direction", "\"around\"", "'direction' must be before, after, from or on, found 'around'"},
        {"{\"nodeType\":\"chain\",\"elements\":[{\"nodeType\":\"element\",\"varName\":\"A\",\"what\":" PROFILE
         ",\"count\":0}]}",
         PQL_VALUE, "elements[0]", "{", "COUNT of at least 0 always holds: use 1 or more, or = 0"},
        {"{\"nodeType\":\"chain\",\"elements\":[{\"nodeType\":\"element\",\"varName\":\"A\",\"what\":" PROFILE
         ",\"count\":-1}]}",
         PQL_PARSE, "elements[0].count", "-1", "element needs 'count', a whole number of at least 0; found an integer"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str json = str_of(cases[i].json);
        enum pql_error class = PQL_OK;
        struct rule *r = NULL;
        CHECK_ERR(pql_compile_as(json, &(struct pql_options){.format = PQL_JSON}, &r, &class, d), ERR_INVALID);
        CHECK_STR(str_of(pql_error_name(class)), str_of(pql_error_name(cases[i].class)));
        if (cases[i].what != NULL)
            CHECK_STR(str_of(t_diag.what), str_of(cases[i].what));
        CHECK_STR(str_of(t_diag.path), str_of(cases[i].path));
        CHECK_TRUE(t_diag.pos <= json.n && str_starts(str_slice(json, t_diag.pos, json.n), str_of(cases[i].at)));
    }
}

/* not(not(... true)) of n nodes below the root. */
static struct str
nested(struct t *t, size_t n)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_put(&b, S("{\"nodeType\":\"fnApply\",\"fnName\":\"not\",\"params\":["));
    buf_put(&b, S("{\"nodeType\":\"literal\",\"value\":true}"));
    for (size_t i = 0; i < n; i++)
        buf_put(&b, S("]}"));
    return buf_str(&b);
}

static enum pql_error
class_of(struct str source, enum pql_format format)
{
    enum pql_error class = PQL_OK;
    struct rule *r = NULL;

    if (pql_compile_as(source, &(struct pql_options){.format = format}, &r, &class, &t_diag) == ERR_OK)
        rule_free(r);
    return class;
}

TEST(s19_25_json_nesting_and_bytes)
{
    struct str at = nested(t, LIMIT_PQL_DEPTH), past = nested(t, LIMIT_PQL_DEPTH + 1);
    char *big = arena_alloc(t->arena, LIMIT_PQL_JSON_BYTES + 1);
    struct buf b;

    CHECK_EQ(class_of(at, PQL_JSON), PQL_OK);
    CHECK_STR(convert(t, convert(t, at, PQL_JSON, PQL_TEXT), PQL_TEXT, PQL_TEXT), convert(t, at, PQL_JSON, PQL_TEXT));
    CHECK_EQ(class_of(past, PQL_JSON), PQL_LIMIT);
    CHECK_STR(str_of(t_diag.what), S("nodes nest deeper than 100 levels"));
    CHECK_EQ(class_of(nested(t, LIMIT_PQL_JSON_DEPTH), PQL_JSON), PQL_LIMIT);

    memset(big, ' ', LIMIT_PQL_JSON_BYTES + 1);
    memcpy(big, at.p, at.n);
    CHECK_EQ(class_of((struct str){big, LIMIT_PQL_JSON_BYTES}, PQL_JSON), PQL_OK);
    CHECK_EQ(class_of((struct str){big, LIMIT_PQL_JSON_BYTES + 1}, PQL_JSON), PQL_LIMIT);

    /* A text may nest without brackets what JSON nests in nodes. */
    buf_init_in(&b, t->arena, 1 << 20);
    buf_put(&b, S("1"));
    for (int i = 0; i < LIMIT_PQL_DEPTH; i++)
        buf_put(&b, S(" + 1"));
    CHECK_EQ(class_of(convert(t, buf_str(&b), PQL_TEXT, PQL_JSON), PQL_JSON), PQL_OK);
    buf_put(&b, S(" + 1"));
    CHECK_EQ(class_of(buf_str(&b), PQL_TEXT), PQL_OK);
    CHECK_ERR(pql_convert(buf_str(&b), PQL_TEXT, PQL_JSON, &(struct buf){.bytes_max = 1 << 20}, NULL, d), ERR_LIMIT);
}

TEST(pql_longest_text_has_a_json_form)
{
    char *text = arena_alloc(t->arena, LIMIT_PQL_TEXT_BYTES);

    memset(text, 'a', LIMIT_PQL_TEXT_BYTES);
    for (size_t i = 1; i < LIMIT_PQL_TEXT_BYTES; i += 2)
        text[i] = ',';
    text[0] = '[';
    text[LIMIT_PQL_TEXT_BYTES - 1] = ']';
    text[LIMIT_PQL_TEXT_BYTES - 2] = 'a';
    text[1] = ' ';
    CHECK_EQ(class_of(convert(t, (struct str){text, LIMIT_PQL_TEXT_BYTES}, PQL_TEXT, PQL_JSON), PQL_JSON), PQL_OK);
}

TEST(pql_what_one_form_cannot_say)
{
    static const char *const cases[][2] = {
        {LITERAL("Timestamp", "\"2025-03-01T10:00:00Z\""),
         "a time of day is written in text only as the time of an occurs"},
        {LITERAL("Integer", "-9223372036854775808"), "the integer -9223372036854775808 cannot be written in text"},
        {FIELD("a`b", PROFILE), "a name that is empty or has a back-tick in it cannot be written in text"},
        {FN("list", "{\"nodeType\":\"lambda\",\"params\":[{\"varName\":\"x\"}],\"body\":" PROFILE "}"),
         "in text, a lambda stands only at the start of a query or as an argument"},
        {"{\"nodeType\":\"aggregate\",\"fnName\":\"count\",\"body\":" LITERAL(
             "Integer", "1") ",\"variables\":[{"
                             "\"nodeType\":\"varDecl\",\"varName\":\"E\",\"from\":" PROFILE "}]}",
         "in text, what a comprehension adds up must begin with a name"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        enum pql_error class = PQL_OK;
        buf_init_in(&b, t->arena, 1 << 20);
        buf_put(&b, S("before"));
        CHECK_ERR(pql_convert(str_of(cases[i][0]), PQL_JSON, PQL_TEXT, &b, &class, d), ERR_UNSUPPORTED);
        CHECK_STR(str_of(t_diag.what), str_of(cases[i][1]));
        CHECK_EQ(class, PQL_UNSUPPORTED);
        CHECK_STR(buf_str(&b), S("before"));
    }
    /* In JSON, names of operators are taken. In text nobody defined them either. */
    CHECK_ERR(pql_convert(S("a.and(b)"), PQL_TEXT, PQL_JSON, &(struct buf){.bytes_max = 100}, NULL, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("unknown function 'and'"));
}

/* ---- properties ---- */

/* Of any expression that compiles: a rule prints to what compiles to it, forms convert there and back unchanged. */
static void
check_forms(struct t *t, struct str source, enum pql_format format)
{
    enum pql_format other = format == PQL_JSON ? PQL_TEXT : PQL_JSON;
    struct rule *r = compile(t, source, format), *again;
    struct str there = convert(t, source, format, other), back = convert(t, there, other, format);
    struct buf b;

    CHECK_STR(convert(t, back, format, other), there);
    CHECK_STR(convert(t, convert(t, back, format, other), other, format), back);
    again = compile(t, there, other);
    CHECK_TRUE(rule_equal(rule_root(r), rule_root(again)));
    CHECK_TRUE(rule_hash(rule_root(r)) == rule_hash(rule_root(again)));
    rule_free(again);
    again = compile(t, back, format);
    CHECK_TRUE(rule_equal(rule_root(r), rule_root(again)));
    rule_free(again);
    for (int to = PQL_TEXT; to <= PQL_JSON; to++) {
        struct diag d = DIAG_INIT;
        buf_init_in(&b, t->arena, LIMIT_PQL_JSON_BYTES);
        if (pql_print(r, (enum pql_format)to, &b, &d) != ERR_OK)
            t_fail(t, __FILE__, __LINE__, "%.*s: %s", STR_ARG(source), d.what);
        again = compile(t, buf_str(&b), (enum pql_format)to);
        CHECK_TRUE(rule_equal(rule_root(r), rule_root(again)));
        rule_free(again);
    }
    rule_free(r);
}

TEST(s19_27_vectors_there_and_back)
{
    const struct json *all;
    struct json_iter it;
    unsigned checked = 0;

    CHECK_OK(json_parse(t_read(t, "vectors/pql.json"), t->arena, &all, d));
    it = json_iter(all);
    while (json_next(&it)) {
        struct pql_case c;
        CHECK_OK(pql_case_read(it.value, t->arena, &c, d));
        if (str_starts(json_str(c.expect), S("error:")))
            continue;
        check_forms(t, c.source, c.format);
        checked++;
    }
    CHECK_TRUE(checked > 600);
}

TEST(s19_27_random_expressions_there_and_back)
{
    struct arena a;
    struct random_pql f = {.a = &a};
    struct t inner = *t;

    arena_init(&a, (size_t)1 << 30);
    inner.arena = &a;
    rng_seed(&f.rng, rng_u64(&t->rng));
    for (int i = 0; i < 1500; i++) {
        arena_reset(&a);
        check_forms(&inner, str_of(random_pql_expression(&f, 3)), PQL_TEXT);
    }
    arena_deinit(&a);
}

TEST(pql_print_refuses_other_languages)
{
    static const struct value text = {.kind = VALUE_STRING, .s = {"A", 1}};
    struct arena *a = malloc(sizeof *a);
    struct rule_node *call, *literal;
    struct rule_node **args;
    struct rule *r;

    CHECK_TRUE(a != NULL);
    arena_init(a, 1 << 16);
    call = ARENA_NEW(a, struct rule_node);
    literal = ARENA_NEW(a, struct rule_node);
    args = ARENA_ARRAY(a, struct rule_node *, 1);
    literal->op = RULE_LITERAL;
    literal->value = text;
    args[0] = literal;
    call->op = RULE_CALL;
    call->fn = FN_LOWER;
    call->args = args;
    call->arg_count = 1;
    r = rule_new(a, call, 0);
    CHECK_ERR(pql_print(r, PQL_TEXT, &(struct buf){.bytes_max = 100}, d), ERR_UNSUPPORTED);
    CHECK_STR(str_of(t_diag.what), S("a function of another rule language has no form in PQL"));
    rule_free(r);
}
