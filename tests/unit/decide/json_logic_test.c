/* json_logic_test.c - json-logic and its context against what the vendor's engine answered
 * [TARGET 5.4, 12.133, 12.134], and against the public json-logic implementation on random rules. */
#include "audience_fixture.h"

static const struct json *
vectors(struct t *t, const char *file, const char *name)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(t_read(t, file), t->arena, &root, d));
    return json_get(root, str_of(name));
}

static struct request_view
view_of(struct t *t, const struct asked *x)
{
    return (struct request_view){.rq = &x->rq, .ask = &x->ask, .arena = t->arena};
}

TEST(json_logic_rule_vectors) /* [TARGET 12.133] */
{
    struct json_iter it = json_iter(vectors(t, "vectors/target-context.json", "rules"));
    struct asked x = asked_new();
    size_t n = 0;

    for (; json_next(&it); n++) {
        bool want = json_bool(json_get(it.value, S("result")), false);
        x.ask.parameters = json_get(it.value, S("parameters"));
        if (asked_logic(t, &x, json_get(it.value, S("rule"))) != want)
            t_fail(t, __FILE__, __LINE__, "%.*s is not %d", STR_ARG(json_str(json_get(it.value, S("name")))), want);
    }
    CHECK_EQ(n, 37);
}

TEST(json_logic_number_guard) /* [TARGET 12.133] */
{
    const struct json *guard = vectors(t, "vectors/target-context.json", "numberGuard");
    struct json_iter it = json_iter(json_get(guard, S("cases")));
    struct asked x = asked_new();
    size_t n = 0;

    for (; json_next(&it); n++) {
        const struct json *value = json_get(it.value, S("value"));
        struct buf b;
        buf_init_in(&b, t->arena, 4096);
        buf_put(&b, S("{\"qty\":"));
        json_write(&b, value);
        buf_put(&b, S("}"));
        x.ask.parameters = fixture_json(t, json_is(value, JSON_NULL) ? "{}" : buf_str(&b).p);
        if (asked_logic(t, &x, json_get(guard, S("rule"))) != json_bool(json_get(it.value, S("result")), false))
            t_fail(t, __FILE__, __LINE__, "case %zu", n);
    }
    CHECK_EQ(n, 13);
}

TEST(json_logic_unknown_operator) /* [TARGET 12.133] */
{
    struct target_rule rule = {0};

    CHECK_ERR(json_logic_compile(fixture_json(t, "{'or':[false,{'startsWith':['a',{'var':'mbox.a'}]}]}"), &rule, d),
              ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("jsonLogic.or: Unrecognized operation startsWith"));
}

TEST(json_logic_needs_operands)
{
    struct target_rule rule = {0};

    CHECK_ERR(json_logic_compile(fixture_json(t, "{'map':[{'var':'mbox'}]}"), &rule, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("jsonLogic: map needs 2 operands, got 1"));
    CHECK_ERR(json_logic_compile(fixture_json(t, "{'*':[]}"), &rule, d), ERR_INVALID);
}

static const struct json *
nested_not(struct t *t, int depth)
{
    struct str s = S("true");

    for (int i = 0; i < depth; i++)
        s = arena_printf(t->arena, "{'!':%.*s}", STR_ARG(s));
    return fixture_json(t, s.p);
}

TEST(json_logic_depth)
{
    struct target_rule rule = {0};

    CHECK_OK(json_logic_compile(nested_not(t, LIMIT_JSON_LOGIC_DEPTH), &rule, d));
    rule_free(rule.rule);
    CHECK_ERR(json_logic_compile(nested_not(t, LIMIT_JSON_LOGIC_DEPTH + 1), &rule, d), ERR_LIMIT);
}

/* Every operator, odd operands, scopes in scopes; results were computed by that implementation. */
TEST(json_logic_agrees_with_the_public_implementation)
{
    struct json_iter it = json_iter(vectors(t, "vectors/json-logic.json", "cases"));
    struct asked x = asked_new();
    size_t n = 0;

    for (; json_next(&it); n++) {
        bool want = json_bool(json_get(it.value, S("result")), false);
        struct buf b;
        x.ask.parameters = json_get(it.value, S("parameters"));
        if (asked_logic(t, &x, json_get(it.value, S("rule"))) == want)
            continue;
        buf_init_in(&b, t->arena, 1 << 16);
        json_write(&b, it.value);
        t_fail(t, __FILE__, __LINE__, "%.*s", STR_ARG(buf_str(&b)));
    }
    CHECK_TRUE(n >= 1000);
}

/* ---- the context ---- */

static void
check_page(struct t *t, const struct json *got, const struct json *want, struct str url)
{
    struct json_iter it = json_iter(want);

    while (json_next(&it)) {
        struct str value = json_str(json_get(got, it.key));
        if (!str_eq(value, json_str(it.value)))
            t_fail(t, __FILE__, __LINE__, "%.*s: %.*s is '%.*s'", STR_ARG(url), STR_ARG(it.key), STR_ARG(value));
        CHECK_TRUE(json_get(got, arena_printf(t->arena, "%.*s_lc", STR_ARG(it.key))) != NULL);
    }
}

TEST(json_logic_context_urls) /* [TARGET 12.134] */
{
    struct json_iter it = json_iter(vectors(t, "vectors/target-context.json", "url"));
    size_t n = 0;

    for (; json_next(&it); n++) {
        struct asked x = asked_new();
        struct request_view v = view_of(t, &x);
        x.rq.url = x.rq.referrer = json_str(json_get(it.value, S("url")));
        check_page(t, json_get(json_logic_context(&v), S("page")), it.value, x.rq.url);
        check_page(t, json_get(json_logic_context(&v), S("referring")), it.value, x.rq.url);
    }
    CHECK_EQ(n, 32);
}

static size_t
check_users(struct t *t, const char *section)
{
    static const char *const names[] = {"browserType", "platform", "locale", "browserVersion"};
    struct json_iter it = json_iter(vectors(t, "vectors/target-context.json", section));
    size_t n = 0;

    for (; json_next(&it); n++) {
        struct asked x = asked_new();
        struct request_view v = view_of(t, &x);
        x.rq.user_agent = json_str(json_get(it.value, S("userAgent")));
        x.rq.client_hints = json_get(it.value, S("clientHints"));
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            CHECK_TRUE(json_equal(json_get(json_get(json_logic_context(&v), S("user")), str_of(names[i])),
                                  json_get(it.value, str_of(names[i]))));
    }
    return n;
}

TEST(json_logic_context_users) /* [TARGET 12.134] */
{
    CHECK_EQ(check_users(t, "userAgent"), 19);
    CHECK_EQ(check_users(t, "clientHints"), 6);
}

TEST(json_logic_context_times_and_places) /* [TARGET 12.134] */
{
    struct json_iter times = json_iter(vectors(t, "vectors/target-context.json", "time"));
    struct json_iter places = json_iter(vectors(t, "vectors/target-context.json", "geo"));
    size_t n = 0, places_seen = 0;

    for (; json_next(&times); n++) {
        struct asked x = asked_new();
        struct request_view v = view_of(t, &x);
        x.rq.now_ms = json_i64(json_get(times.value, S("current_timestamp")), 0);
        CHECK_TRUE(
            json_equal(json_get(json_logic_context(&v), S("current_time")), json_get(times.value, S("current_time"))));
        CHECK_TRUE(
            json_equal(json_get(json_logic_context(&v), S("current_day")), json_get(times.value, S("current_day"))));
        CHECK_TRUE(json_equal(json_get(json_logic_context(&v), S("current_timestamp")),
                              json_get(times.value, S("current_timestamp"))));
    }
    CHECK_EQ(n, 4);
    for (; json_next(&places); places_seen++) {
        struct asked x = asked_new();
        struct request_view v = view_of(t, &x);
        x.rq.geo = json_get(places.value, S("in"));
        CHECK_TRUE(json_equal(json_get(json_logic_context(&v), S("geo")), json_get(places.value, S("context"))));
    }
    CHECK_EQ(places_seen, 1);
}

/* ---- allocation, per activity ---- */

TEST(json_logic_allocation_is_the_activitys_own)
{
    struct fixture f = fixture_new(
        t, "{'activities':[{'id':1001,'name':'a','type':'xt','state':'approved','options':[{'optionLocalId':0,"
           "'offerId':0}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':[{'experienceLocalId'"
           ":0,'audienceIds':[7],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]},"
           "{'id':2001,'name':'b','type':'xt','state':'approved','options':[{'optionLocalId':0,"
           "'offerId':0}],'locations':{'mboxes':[{'locationLocalId':0,'name':'n'}]},'experiences':[{'experienceLocalId'"
           ":0,'audienceIds':[7],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}],"
           "'audiences':[{'id':7,'jsonLogic':{'<=':[0,{'var':'allocation'},50]}}]}");
    struct fixture_request rq;
    size_t taken[2] = {0, 0}, both = 0;

    for (int i = 0; i < 200; i++) {
        const char *key = arena_printf(t->arena, "visitor-%d", i).p;
        size_t hits;
        rq = fixture_request(t, key, "m,n");
        fixture_ask(t, &f, &rq);
        hits = f.result.n;
        for (size_t k = 0; k < f.result.n; k++)
            taken[str_eq(f.result.taken[k].scope, S("n"))]++;
        both += hits == 2;
        for (size_t k = 0; k < 2; k++) {
            struct str prefix = arena_printf(t->arena, "acme.%s.%s.0", k ? "2001" : "1001", key);
            bool in = decide_bucket(decide_hash(prefix)) <= 5000, got = false;
            for (size_t j = 0; j < f.result.n; j++)
                got |= str_eq(f.result.taken[j].scope, k ? S("n") : S("m"));
            CHECK_EQ(got, in);
        }
    }
    CHECK_TRUE(taken[0] > 70 && taken[0] < 130 && taken[1] > 70 && taken[1] < 130 && both < 80);
    fixture_free(&f);
}

/* ---- long paths ---- */

/* Past the limit a path is read another way, with the same outcome. */
TEST(json_logic_path_at_and_past_its_length)
{
    for (int more = 0; more < 2; more++) {
        int n = LIMIT_JSON_LOGIC_PATH - (int)strlen("mbox.") + more;
        struct fixture f = fixture_new(
            t,
            arena_printf(t->arena,
                         "{'activities':[{'id':1001,'name':'a','type':'xt','state':'approved','options':["
                         "{'optionLocalId':0,'offerId':1}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},"
                         "'experiences':[{'experienceLocalId':0,'audienceIds':[7],'optionLocations':["
                         "{'locationLocalId':0,'optionLocalId':0}]}]}],'offers':[{'id':1,'content':'a'}],"
                         "'audiences':[{'id':7,'jsonLogic':{'==':['gold',{'var':'mbox.a%0*d'}]}}]}",
                         n - 1, 0)
                .p);
        struct fixture_request rq = fixture_request(t, "v", "m");
        fixture_ask(t, &f, &rq);
        CHECK_EQ(f.result.n, 0);
        rq.target = fixture_json(t, arena_printf(t->arena, "{'a%0*d':'gold'}", n - 1, 0).p);
        CHECK_ANSWER(&f, &rq, "1001:0@m");
        fixture_free(&f);
    }
}

/* ---- empty lists ---- */

TEST(json_logic_values_that_may_be_an_empty_list)
{
    static const char *const may[] = {
        "[]",
        "{'missing':['mbox.x']}",
        "{'missing_some':[1,['mbox.x']]}",
        "{'filter':[[1,2],{'>':[{'var':''},1]}]}",
        "{'map':[[],1]}",
        "{'map':[{'var':'mbox.x'},1]}", /* of no list it makes an empty one */
        "{'map':[{'filter':[[1],false]},1]}",
        "{'merge':[]}",
        "{'merge':[[],{'missing':['mbox.x']}]}",
        "{'reduce':[[1,2],{'var':'current'},[]]}",
        "{'reduce':[[[],2],{'var':'current'},0]}",
        "{'reduce':[[1,2],{'missing':['current']},0]}",
        "{'reduce':[{'map':[[1],[]]},{'var':'current'},0]}",
        "{'if':[{'var':'mbox.x'},[],1]}",
        "{'?:':[{'var':'mbox.x'},1,{'missing':['mbox.x']}]}",
        "{'if':[[]]}",
        "{'and':[{'missing':['mbox.x']},1]}",
        "{'and':[1,{'missing':['mbox.x']}]}",
        "{'or':[1,{'missing':['mbox.x']}]}",
        "{'log':[[]]}",
        "{'var':['mbox.x',[]]}",
        "{'var':['mbox.x',{'missing':['mbox.x']}]}",
    };
    static const char *const never[] = {
        "1",
        "''",
        "null",
        "{}",
        "[1]",
        "[[]]",
        "{'var':'mbox.x'}",
        "{'var':[[]]}",
        "{'merge':[1,[]]}",
        "{'merge':[[],{'var':'mbox.x'}]}", /* whatever it is, it is an element */
        "{'map':[[1],[]]}",
        "{'map':[{'merge':[[1],[]]},{'var':''}]}",
        "{'reduce':[[1,2],{'+':[{'var':'current'},{'var':'accumulator'}]},0]}",
        "{'reduce':[{'filter':[[1],true]},{'var':'current'},0]}",
        "{'reduce':[{'var':'mbox.x'},{'var':'accumulator'},'']}",
        "{'if':[[],1,2]}",
        "{'if':[{'missing':['mbox.x']},1]}",
        "{'or':[{'missing':['mbox.x']},1]}",
        "{'or':[]}",
        "{'and':[]}",
        "{'and':[[1],2]}",
        "{'!':[[]]}",
        "{'in':[1,[]]}",
        "{'some':[[],true]}",
        "{'log':[1,[]]}",
        "{'var':['mbox.x','none']}",
        "{'==':[[],[]]}",
    };

    for (size_t i = 0; i < sizeof may / sizeof *may; i++) {
        if (!json_logic_may_be_empty_list(fixture_json(t, may[i])))
            t_fail(t, __FILE__, __LINE__, "never: %s", may[i]);
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        if (json_logic_may_be_empty_list(fixture_json(t, never[i])))
            t_fail(t, __FILE__, __LINE__, "sometimes: %s", never[i]);
    }
}
