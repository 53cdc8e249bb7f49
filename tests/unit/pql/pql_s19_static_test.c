/* pql_s19_static_test.c - item 24 of [SEGMENTATION 19]: static types and classes of errors, no failure at run time.
 * More of it in pql_compile_test.c. */
#include "pql_s19.h"

/* Each rule of [SEGMENTATION 11], by its number there. */
TEST(s19_24_static_types)
{
    static const char *const refused[] = {
        /* 1 conditions */
        "\"x\" and true",
        "1 or true",
        "1.5 and true",
        "not(1 + 1)",
        "today and true",
        "xs.groupBy(a) and true",
        "{\"a\": 1} and true",
        "xs[5]",
        "xs[\"a\"]",
        "xs.exists(1)",
        "xs.forall(\"a\")",
        "if(\"a\", 1, 2)",
        "exists E from xs where \"a\"",
        "forall E from xs : 1",
        "(select E from xs where 5).count()",
        "sum E over E from xs where 1",
        "chain(xEvent, timestamp, [A: WHAT(5)])",
        "chain(xEvent, timestamp, [A: WHAT(true) WHERE(\"x\")])",
        "xEvent.count() and true",
        "xs.sum(a) or true",
        /* 2 arithmetic */
        "\"a\" + 1",
        "true + 1",
        "[1] + 1",
        "today + 1",
        "xs.groupBy(a) + 1",
        "{\"a\": 1} + 1",
        "-\"a\"",
        "1 - true",
        "-[1]",
        "xEvent * 2",
        "(a = 1) % 2",
        /* 3 ordering */
        "true < a",
        "a > true",
        "a >= {\"x\": 1}",
        "xs.groupBy(a) <= 1",
        "(a = b) < (c = d)",
        /* 4 in */
        "a in {\"x\": 1}",
        "a notIn xs.groupBy(b)",
        /* 5 occurs */
        "5 occurs today",
        "1.5 occurs today",
        "true occurs today",
        "[1] occurs today",
        "{\"a\": 1} occurs today",
        "xEvent.timestamp occurs today",
        "t occurs before 5",
        "t occurs before true",
        "t occurs between now and [1]",
        "t occurs <= 1 day before xEvent",
        "chain(xEvent, timestamp, [A: WHAT(true) WHEN(before 5)])",
        /* 6 sources */
        "exists E from \"a\"",
        "exists E from 5",
        "forall E from 1.5",
        "select E from true",
        "exists E from now",
        "exists E from {\"a\": 1}",
        "exists E from xs.groupBy(a)",
        "sum E over E from \"a\"",
        "chain(5, timestamp, [A: WHAT(true)])",
        "chain(xs.groupBy(a), timestamp, [A: WHAT(true)])",
        /* 7 fields */
        "\"a\".b",
        "(5).b",
        "(1.5).b",
        "true.b",
        "now.b",
        "xs.count().b",
        /* 8 text */
        "5.startsWith(\"a\")",
        "true.contains(\"a\")",
        "now.endsWith(\"a\")",
        "{\"a\": 1}.matches(\"a\")",
        "5 like \"a\"",
        "xs.groupBy(a).doesNotContain(\"a\")",
        "[\"a\"].regexGroup(\"a\")",
        "a.startsWith(5)",
        "a.contains([\"x\"])",
        "a.matches(true)",
        "a like 5",
        "a.startsWith(\"a\", 1)",
        "a.endsWith(\"a\", \"b\")",
        "a.regexGroup(\"a\", \"1\")",
        /* 9 lists */
        "\"a\".count()",
        "5.sum()",
        "1.5.min()",
        "true.max()",
        "now.average()",
        "{\"a\": 1}.distinct()",
        "{\"a\": 1}.count()",
        "xs.groupBy(a).head()",
        "xs.groupBy(a).filter(true)",
        "\"a\".map(b)",
        "\"a\".topN(b, 1)",
        "5.exists(true)",
        "\"a\".forall(true)",
        "\"a\".includes(1)",
        "5.intersects([1])",
        "\"a\".groupBy(b)",
        "\"a\"[true]",
        /* 10 arguments of lists */
        "xs.intersects(\"a\")",
        "xs.intersection(5)",
        "xs.subsetOf(true)",
        "xs.supersetOf({\"a\": 1})",
        "xs.topN(a, \"2\")",
        "xs.bottomN(a, 1.5)",
        "xs.sum(\"a\")",
        "xs.average(b = 1)",
        "xs.sum(now)",
        "sum E = 1 over E from xs",
        "average E.a.equals(1) over E from xs",
        /* 11 maps */
        "\"a\".get(\"b\")",
        "5.keys()",
        "now.values()",
        "xEvent.get(\"a\")",
        "xs.distinct().keys()",
        "m.get(5)",
        "m.get(true)",
        /* 12 date parts */
        "5.getMonth()",
        "1.5.getYear()",
        "true.getDayOfMonth()",
        "[now].getMonth()",
        "{\"a\": 1}.getYear()",
        /* 13 literals */
        "date(\"2024\", 1, 1)",
        "date(2024, m, 1)",
        "date(2024, 1, 1.0)",
        "inSegment(5)",
        "inSegment(true)",
        "inSegment(xEvent)",
        /* 14 lambdas */
        "a.get((A) => 1)",
        "xs.topN(a, (A) => 1)",
        "xs.map((K, V) => K)",
        "xs.map((K, V) => 1)",
    };
    static const char *const accepted[] = {
        "[] and true",
        "xEvent and true",
        "null and true",
        "a and true",
        "(select E from xs) and true",
        "xs[a] or xs.filter(b)",
        "if(a, 1, 2) + 1",
        "a + null",
        "true = a",
        "{\"a\": 1} = a",
        "a < \"b\"",
        "a < now",
        "a in b",
        "a in \"b\"",
        "a in [b, 1]",
        "\"2025-01-01\" occurs before now",
        "null occurs before now",
        "t occurs before \"2025-01-01\"",
        "t occurs before null",
        "exists E from null",
        "exists E from [1]",
        "exists E from xs.head()",
        "a.equals(5)",
        "5.equals(5)",
        "[1].equals([1])",
        "true.notEqualTo(\"a\")",
        "[\"a\"].startsWith(\"a\")",
        "a.startsWith(null)",
        "a.startsWith(b, c)",
        "a.regexGroup(\"(a)\", b)",
        "xs.groupBy(a).count()",
        "xs.groupBy(a).map((K, V) => mapEntry(K, V))",
        "xs.groupBy(a).get(\"b\").sum(c)",
        "null.count()",
        "xs.intersects(null)",
        "xs.topN(a, n)",
        "xs.sum(a)",
        "{\"a\": 1}.get(\"a\")",
        "{\"a\": 1}.keys()",
        "\"2025-01-01\".getMonth()",
        "null.getMonth()",
        "now.getMonth()",
        "inSegment(a)",
        "isNull(5)",
        "5.exists()",
        "let x = 5 in x + 1",
        "(let x = [1] in x) and true",
    };

    S19_REFUSED("type", refused);
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct rule *r = NULL;
        if (pql_compile(str_of(accepted[i]), false, &r, NULL, &t_diag) != ERR_OK)
            t_fail(t, __FILE__, __LINE__, "%s: %s", accepted[i], t_diag.what);
        rule_free(r);
    }
    s19_vectors(t, "err-", 114);
}

/* Every function with too few arguments and with too many. */
TEST(s19_24_arguments)
{
    static const struct {
        const char *name;
        int least, most; /* receiver included; -1: any number */
    } functions[] = {
        {"startsWith", 2, 3},
        {"doesNotStartWith", 2, 3},
        {"endsWith", 2, 3},
        {"doesNotEndWith", 2, 3},
        {"contains", 2, 3},
        {"doesNotContain", 2, 3},
        {"equals", 2, -1},
        {"notEqualTo", 2, -1},
        {"matches", 2, 2},
        {"regexGroup", 2, 3},
        {"includes", 2, 2},
        {"intersects", 2, 2},
        {"intersection", 2, 2},
        {"subsetOf", 2, 2},
        {"supersetOf", 2, 2},
        {"distinct", 1, 1},
        {"head", 1, 1},
        {"groupBy", 2, 2},
        {"filter", 2, 2},
        {"map", 2, 2},
        {"topN", 3, 3},
        {"bottomN", 3, 3},
        {"exists", 1, 2},
        {"forall", 2, 2},
        {"count", 1, 1},
        {"sum", 1, 2},
        {"average", 1, 2},
        {"min", 1, 2},
        {"max", 1, 2},
        {"get", 2, 2},
        {"keys", 1, 1},
        {"values", 1, 1},
        {"mapEntry", 2, 2},
        {"isNull", 1, 1},
        {"isNotNull", 1, 1},
        {"inSegment", 1, 1},
        {"currentMonth", 0, 0},
        {"currentYear", 0, 0},
        {"currentDayOfMonth", 0, 0},
        {"getMonth", 1, 1},
        {"getYear", 1, 1},
        {"getDayOfMonth", 1, 1},
        {"date", 3, 3},
        {"if", 3, 3},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        for (int n = 0; n <= 6; n++) {
            const char *list = n == 0 ? "" : arena_printf(t->arena, "%.*s", 3 * n - 2, "a, a, a, a, a, a").p;
            const char *text = arena_printf(t->arena, "%s(%s)", functions[i].name, list).p;
            bool fits = n >= functions[i].least && (functions[i].most < 0 || n <= functions[i].most);
            enum pql_error class = PQL_OK;
            struct rule *r = NULL;
            (void)pql_compile(str_of(text), false, &r, &class, &t_diag);
            rule_free(r);
            if ((class == PQL_ARITY) == fits ||
                (fits && class != PQL_OK && !str_eq(str_of(functions[i].name), S("date"))))
                t_fail(t, __FILE__, __LINE__, "%s: %s", text, pql_error_name(class));
        }
    }
}

/* What compiled yields a value on any data: each vector's expression on data it was not made for. */
TEST(s19_24_no_errors_at_run_time)
{
    static const char *const odd[] = {
        "{}",
        "{\"xEvent\":null}",
        "{\"xEvent\":[null,1,\"x\",[],{},[{}]],\"xs\":\"x\",\"a\":[[[]]],\"t\":{},\"n\":[null],\"orders\":5,\"m\":[]}",
        "{\"xEvent\":[{\"timestamp\":true,\"eventType\":[],\"items\":5},{\"timestamp\":1e300},{\"timestamp\":-1}],"
        "\"person\":7,"
        "\"loyalty\":\"gold\",\"colors\":{\"a\":1},\"segmentMembership\":[1],\"identityMap\":\"x\",\"t\":"
        "99999999999999999}",
        "{\"segmentMembership\":{\"ups\":5,\"x\":{\"seg-a\":null,\"seg-b\":{\"status\":5,\"validUntil\":[]}}},\"nums\":"
        "{\"a\":[]},"
        "\"loyalty\":[{\"points\":{}},{\"points\":null}],\"homeAddress\":[[]],\"e\":\"\\u0000\",\"k\":-"
        "9223372036854775808}",
    };
    const struct json *profiles[64], *all;
    size_t profile_count = 0, evaluated = 0;
    struct json_iter it, again;

    CHECK_OK(json_parse(t_read(t, "vectors/pql.json"), t->arena, &all, d));
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        CHECK_OK(json_parse(str_of(odd[i]), t->arena, &profiles[profile_count++], d));
    again = json_iter(all);
    for (size_t i = 0; json_next(&again); i++) {
        if (i % 37 == 0 && profile_count < 32)
            profiles[profile_count++] = json_get(again.value, S("profile"));
    }
    it = json_iter(all);
    while (json_next(&it)) {
        struct pql_case c;
        struct rule *r = NULL;
        CHECK_OK(pql_case_read(it.value, t->arena, &c, d));
        if (pql_compile_as(c.source, &(struct pql_options){.format = c.format}, &r, NULL, &t_diag) != ERR_OK)
            continue;
        for (size_t i = 0; i < profile_count; i++) {
            struct arena a;
            struct value v;
            struct buf b;
            arena_init(&a, 64 << 20);
            c.env.profile = profiles[i];
            c.env.events = pql_events_of(profiles[i], &a, &c.env.event_count);
            if (rule_eval(r, &c.env, &a, &v, &t_diag) != ERR_OK)
                t_fail(t, __FILE__, __LINE__, "%.*s: %s", STR_ARG(c.id), t_diag.what);
            buf_init_in(&b, &a, 1 << 24);
            value_write(&b, v);
            CHECK_TRUE(buf_ok(&b));
            arena_deinit(&a);
            evaluated++;
        }
        rule_free(r);
    }
    CHECK_TRUE(evaluated > 600 * 20);
}
