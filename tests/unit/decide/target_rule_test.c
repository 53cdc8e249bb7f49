/* target_rule_test.c - audiences: meaning [TARGET 4.1 .. 4.3, 12 rows 58 .. 80] and messages. */
#include "fixture.h"

#define CHROME                                                                                                         \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"

/* Is the visitor of rq in an audience with this targetRule? */
static bool
matches(struct t *t, const char *rule, const struct fixture_request *rq)
{
    struct str text = arena_printf(
        t->arena,
        "{'activities':[{'id':1,'name':'a','type':'xt','state':'approved','options':[{'optionLocalId':0,'offerId':0}],"
        "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':[{'experienceLocalId':0,'audienceIds':"
        "[5],"
        "'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}],'audiences':[{'id':5,'targetRule':%s},"
        "{'id':6,'audienceRule':{'restRuleOperator':'NOT','rules':[{'audienceId':5}]}}]}",
        rule);
    struct fixture f = fixture_new(t, text.p);
    struct diag d = DIAG_INIT;
    bool yes;

    if (decide_check_audience(json_at(json_get(fixture_json(t, text.p), S("audiences")), 0), &d) != ERR_OK)
        t_fail(t, __FILE__, __LINE__, "%s: %s", rule, d.what);
    fixture_ask(t, &f, rq);
    yes = f.result.n == 1;
    fixture_free(&f);
    return yes;
}

static struct fixture_request
with_params(struct t *t, const char *params)
{
    struct fixture_request rq = fixture_request(t, "v", "m");

    rq.target = fixture_json(t, params);
    return rq;
}

#define CHECK_MATCH(rule, params, want)                                                                                \
    do {                                                                                                               \
        struct fixture_request rq_ = with_params(t, params);                                                           \
        if (matches(t, rule, &rq_) != (want))                                                                          \
            t_fail(t, __FILE__, __LINE__, "%s on %s is not %s", rule, params, #want);                                  \
    } while (0)

TEST(rule_equals_is_exact_for_parameters)
{
    CHECK_MATCH("{'mbox':'tier','equals':['gold']}", "{'tier':'gold'}", true);
    CHECK_MATCH("{'mbox':'tier','equals':['gold']}", "{'tier':'Gold'}", false);
    CHECK_MATCH("{'mbox':'tier','equalsIgnoreCase':['gOld']}", "{'tier':'Gold'}", true);
    CHECK_MATCH("{'mbox':'tier','equals':['a','gold','b']}", "{'tier':'gold'}", true);
    CHECK_MATCH("{'mbox':'tier','equals':['a','gold','b']}", "{'tier':'c'}", false);
    CHECK_MATCH("{'mbox':'tier','equals':['gold']}", "{}", false);
    CHECK_MATCH("{'not':{'mbox':'tier','equals':['gold']}}", "{}", true);
}

TEST(rule_numbers)
{
    CHECK_MATCH("{'mbox':'qty','greaterThan':[10]}", "{'qty':'9'}", false);
    CHECK_MATCH("{'mbox':'qty','greaterThan':[10]}", "{'qty':'10.5'}", true);
    CHECK_MATCH("{'mbox':'qty','greaterThan':['10']}", "{'qty':'10'}", false);
    CHECK_MATCH("{'mbox':'qty','greaterThanOrEquals':['10']}", "{'qty':10}", true);
    CHECK_MATCH("{'mbox':'qty','lessThan':['10']}", "{'qty':9.5}", true);
    CHECK_MATCH("{'mbox':'qty','lessThanOrEquals':['10']}", "{'qty':'abc'}", false);
    CHECK_MATCH("{'mbox':'qty','greaterThan':[10]}", "{}", false);
    CHECK_MATCH("{'mbox':'qty','equals':['1']}", "{'qty':'1.0'}", true);
    CHECK_MATCH("{'mbox':'qty','equals':[1]}", "{'qty':'01'}", true);
    CHECK_MATCH("{'mbox':'qty','equals':['1']}", "{'qty':'1e0'}", false);
    CHECK_MATCH("{'mbox':'qty','equals':['x','7','1']}", "{'qty':1}", true);
}

TEST(rule_texts_fold_case)
{
    CHECK_MATCH("{'mbox':'q','contains':['SHOE']}", "{'q':'running shoes'}", true);
    CHECK_MATCH("{'mbox':'q','startsWith':['x','RUN']}", "{'q':'running shoes'}", true);
    CHECK_MATCH("{'mbox':'q','endsWith':['oes']}", "{'q':'running SHOES'}", true);
    CHECK_MATCH("{'mbox':'q','contains':['É']}", "{'q':'café'}", true);
    CHECK_MATCH("{'mbox':'q','contains':['x']}", "{}", false);
    CHECK_MATCH("{'not':{'mbox':'q','contains':['x']}}", "{}", true);
}

TEST(rule_presence)
{
    CHECK_MATCH("{'mbox':'p','exists':[true]}", "{'p':''}", true);
    CHECK_MATCH("{'mbox':'p','exists':[false]}", "{'p':''}", false);
    CHECK_MATCH("{'mbox':'p','exists':[false]}", "{}", true);
    CHECK_MATCH("{'mbox':'p','hasValue':[true]}", "{'p':''}", false);
    CHECK_MATCH("{'mbox':'p','hasValue':[true]}", "{'p':'x'}", true);
    CHECK_MATCH("{'mbox':'p','hasValue':[false]}", "{}", true);
    CHECK_MATCH("{'mbox':'p','exists':[true]}", "{'p':{'x':1}}", false); /* an object is no parameter value */
}

TEST(rule_parameters_flat_nested_and_xdm)
{
    struct fixture_request rq = with_params(t, "{'a.b':'flat','c':{'d':'nested'},'profile.e':'p'}");

    rq.xdm = fixture_json(t, "{'web':{'webPageDetails':{'name':'home'}},'n':7,'flag':true}");
    CHECK_TRUE(matches(t, "{'mbox':'a.b','equals':['flat']}", &rq));
    CHECK_TRUE(matches(t, "{'mbox':'c.d','equals':['nested']}", &rq));
    CHECK_TRUE(matches(t, "{'mbox':'web.webPageDetails.name','equals':['home']}", &rq));
    CHECK_TRUE(matches(t, "{'mbox':'n','equals':[7]}", &rq));
    CHECK_TRUE(matches(t, "{'mbox':'flag','equals':[true]}", &rq));
    CHECK_TRUE(!matches(t, "{'mbox':'profile.e','exists':[true]}", &rq));
    CHECK_TRUE(matches(t, "{'profile':'e','equals':['p']}", &rq));
}

TEST(rule_profile)
{
    struct fixture_request rq = with_params(t, "{'profile':{'color':'blue'}}");

    rq.profile_params = fixture_json(t, "{'color':'red','memberLevel':'gold'}");
    CHECK_TRUE(matches(t, "{'user':'color','equals':['blue']}", &rq));
    CHECK_TRUE(matches(t, "{'profile':'memberLevel','equals':['gold']}", &rq));
    CHECK_TRUE(!matches(t, "{'profile':'new','exists':[true]}", &rq));
    CHECK_TRUE(matches(t, "{'profile':'returning','equals':['true']}", &rq));
    rq.first_session = true;
    CHECK_TRUE(matches(t, "{'profile':'new','exists':[true]}", &rq));
    CHECK_TRUE(matches(t, "{'profile':'returning','hasValue':[false]}", &rq));
}

TEST(rule_pages)
{
    struct fixture_request rq = with_params(t, "{}");

    rq.url = S("https://www.shop.example.com/Beta/list?x=1&x=2&q=a%20b#top");
    rq.referrer = S("https://news.example.org/");
    CHECK_TRUE(matches(t, "{'page':'path','startsWith':['/a','/b']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'domain','equals':['WWW.shop.example.com']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'subdomain','equals':['shop']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'topLevelDomain','equals':['com']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'query.x','equals':['1']}", &rq));
    CHECK_TRUE(!matches(t, "{'page':'query.x','equals':['2']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'query.q','equals':['A B']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'fragment','equals':['top']}", &rq));
    CHECK_TRUE(matches(t, "{'page':'url','contains':['shop.']}", &rq));
    CHECK_TRUE(matches(t, "{'referrer':'domain','endsWith':['example.org']}", &rq));
    CHECK_TRUE(!matches(t, "{'referrer':'query','exists':[true]}", &rq));
}

TEST(rule_browser_platform_mobile)
{
    struct fixture_request rq = with_params(t, "{}");

    rq.language = S("de-DE,de;q=0.9");
    CHECK_TRUE(!matches(t, "{'browser':'version','greaterThanOrEquals':[100]}", &rq));
    rq.user_agent = S(CHROME);
    CHECK_TRUE(matches(t, "{'browser':'version','greaterThanOrEquals':[100]}", &rq));
    CHECK_TRUE(matches(t, "{'browser':'type','matches':['Chrome','ie']}", &rq));
    CHECK_TRUE(!matches(t, "{'browser':'type','matches':['opera']}", &rq));
    CHECK_TRUE(matches(t, "{'browser':'language','startsWith':['de']}", &rq));
    CHECK_TRUE(matches(t, "{'platform':'windows','exists':[true]}", &rq));
    CHECK_TRUE(matches(t, "{'platform':'type','matches':['Windows']}", &rq));
    CHECK_TRUE(matches(t, "{'mobile':'isMobileDevice','exists':[false]}", &rq));
    rq.user_agent = S("Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) Version/16.6 Mobile/15E148 Safari/604.1");
    CHECK_TRUE(matches(t, "{'browser':'type','matches':['safari']}", &rq));
    CHECK_TRUE(matches(t, "{'browser':'type','matches':['iphone']}", &rq));
    CHECK_TRUE(matches(t, "{'mobile':'isMobilePhone','equals':['true']}", &rq));
    CHECK_TRUE(matches(t, "{'mobile':'os','matches':['ios']}", &rq));
}

TEST(rule_geo)
{
    struct fixture_request rq = with_params(t, "{}");

    rq.geo = fixture_json(t, "{'countryCode':'US','stateCode':'CA','city':'San Jose','latitude':37.75}");
    CHECK_TRUE(matches(t, "{'geo':'country','matches':['us']}", &rq));
    CHECK_TRUE(matches(t, "{'geo':'region','matches':['ca']}", &rq));
    CHECK_TRUE(matches(t, "{'geo':'city','equals':['san jose']}", &rq));
    CHECK_TRUE(matches(t, "{'geo':'latitude','greaterThan':['37.70']}", &rq));
}

TEST(rule_time_frames)
{
    struct fixture_request rq = with_params(t, "{}"); /* a Tuesday, 12:00 UTC */

    CHECK_TRUE(matches(t, "{'time':'weekly','days':[2],'between':['0900','1700']}", &rq));
    CHECK_TRUE(!matches(t, "{'time':'weekly','days':[1,3],'between':['0900','1700']}", &rq));
    CHECK_TRUE(matches(t, "{'time':'weekly','days':[1,2]}", &rq));
    CHECK_TRUE(matches(t, "{'time':'weekly','days':[2],'between':['1200','1200']}", &rq));
    CHECK_TRUE(!matches(t, "{'time':'weekly','days':[2],'between':['2200','0600']}", &rq));
    rq.now_ms += 11 * 3600000;
    CHECK_TRUE(matches(t, "{'time':'weekly','days':[2],'between':['2200','0600']}", &rq));
    rq.now_ms = FIXTURE_NOW;
    CHECK_TRUE(matches(t, "{'time':'range','between':['2026-03-10T12:00:00Z','2026-03-10T12:00:00Z']}", &rq));
    rq.now_ms++;
    CHECK_TRUE(!matches(t, "{'time':'range','between':['2026-03-10T12:00:00Z','2026-03-10T12:00:00Z']}", &rq));
}

static bool
in_seven(void *ctx, struct str id)
{
    (void)ctx;
    return str_eq(id, S("seg-7"));
}

TEST(rule_hub_audience_inside_a_rule)
{
    struct fixture_request rq = with_params(t, "{}");

    rq.in_audience = in_seven;
    CHECK_TRUE(matches(t, "{'and':[{'audience':'seg-7'},{'audience':'seg-8','exists':[false]}]}", &rq));
    CHECK_TRUE(!matches(t, "{'audience':'seg-8'}", &rq));
}

TEST(rule_all_visitors)
{
    CHECK_MATCH("{}", "{}", true);
}

/* Nested and, or, not equal plain evaluation on random trees over three parameters. */
static struct str
random_tree(struct t *t, int depth, unsigned bits, bool *truth)
{
    unsigned kind = (unsigned)rng_below(&t->rng, depth > 0 ? 4 : 1);
    bool a, b;
    struct str x, y;

    if (kind == 0) {
        unsigned i = (unsigned)rng_below(&t->rng, 3);
        *truth = bits >> i & 1;
        return arena_printf(t->arena, "{'mbox':'p%u','equals':['1']}", i);
    }
    x = random_tree(t, depth - 1, bits, &a);
    if (kind == 1) {
        *truth = !a;
        return arena_printf(t->arena, "{'not':%.*s}", STR_ARG(x));
    }
    y = random_tree(t, depth - 1, bits, &b);
    *truth = kind == 2 ? a && b : a || b;
    return arena_printf(t->arena, "{'%s':[%.*s,%.*s]}", kind == 2 ? "and" : "or", STR_ARG(x), STR_ARG(y));
}

TEST(rule_trees_agree_with_plain_evaluation)
{
    for (int round = 0; round < 200; round++) {
        unsigned bits = (unsigned)rng_below(&t->rng, 8);
        struct fixture_request rq = with_params(
            t, arena_printf(t->arena, "{'p0':'%u','p1':'%u','p2':'%u'}", bits & 1, bits >> 1 & 1, bits >> 2 & 1).p);
        bool truth;
        struct str rule = random_tree(t, 4, bits, &truth);
        if (matches(t, rule.p, &rq) != truth)
            t_fail(t, __FILE__, __LINE__, "%s with %u is not %d", rule.p, bits, truth);
    }
}

TEST(rule_combined_audiences)
{
    struct str text =
        S("{'activities':[{'id':1,'name':'a','type':'xt','state':'approved','options':[{'optionLocalId':0,"
          "'offerId':0}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':["
          "{'experienceLocalId':0,'audienceIds':[8],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"
          "{'experienceLocalId':1,'audienceIds':[6],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"
          "{'experienceLocalId':2,'audienceIds':[7],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}],"
          "'audiences':[{'id':5,'targetRule':{'mbox':'x','equals':['1']}},"
          "{'id':6,'audienceRule':{'restRuleOperator':'NOT','rules':[{'audienceId':5}]}},"
          "{'id':7,'audienceRule':{'restRuleOperator':'AND','rules':[{'audienceId':5},{'audienceId':5}]}},"
          "{'id':8,'audienceRule':{'restRuleOperator':'OR','rules':[{'audienceId':9}]}},"
          "{'id':9,'audienceRule':{'restRuleOperator':'OR','rules':[{'audienceId':8},{'audienceId':5}]}}]}");
    struct fixture f = fixture_new(t, text.p); /* 8 and 9 refer to each other: broken, never true */
    struct fixture_request rq = with_params(t, "{}");

    CHECK_ANSWER(&f, &rq, "1:1@m");
    rq.target = fixture_json(t, "{'x':'1'}");
    CHECK_ANSWER(&f, &rq, "1:2@m");
    fixture_free(&f);
}

/* ---- messages ---- */

static void
check_refused(struct t *t, const char *audience, enum err code, const char *path, const char *what)
{
    CHECK_ERR(decide_check_audience(fixture_json(t, audience), d), code);
    CHECK_STR(str_of(t_diag.path), str_of(path));
    CHECK_STR(str_of(t_diag.what), str_of(what));
}

TEST(rule_messages)
{
    check_refused(t, "[]", ERR_INVALID, "audience", "audience must be an object, got an array");
    check_refused(t, "{'name':'x'}", ERR_INVALID, "targetRule", "an audience has either targetRule or audienceRule");
    check_refused(t, "{'targetRule':{},'audienceRule':{}}", ERR_INVALID, "targetRule",
                  "an audience has either targetRule or audienceRule");
    check_refused(t, "{'targetRule':7}", ERR_INVALID, "targetRule",
                  "targetRule must be an object with a condition, got an integer");
    check_refused(t, "{'targetRule':{'and':[{'mbox':'a','equals':['1']},{'mbox':'b','is':['1']}]}}", ERR_INVALID,
                  "targetRule.and[1]", "targetRule.and[1]: unknown member 'is'");
    check_refused(t, "{'targetRule':{'or':{}}}", ERR_INVALID, "targetRule.or",
                  "targetRule.or must be a list of one or more conditions, got an object");
    check_refused(t, "{'targetRule':{'not':{'mbox':'a'}}}", ERR_INVALID, "targetRule.not",
                  "targetRule.not must be one category and one operator, got an object");
    check_refused(t, "{'targetRule':{'page':'colour','equals':['x']}}", ERR_INVALID, "targetRule",
                  "targetRule: unknown field 'colour' of category 'page'");
    check_refused(t, "{'targetRule':{'library':'unicorns'}}", ERR_INVALID, "targetRule",
                  "targetRule: unknown field 'unicorns' of category 'library'");
    check_refused(t, "{'targetRule':{'mbox':'mboxPC','equals':['x']}}", ERR_INVALID, "targetRule",
                  "targetRule: unknown field 'mboxPC' of category 'mbox'");
    check_refused(t, "{'jsonLogic':{'and':[true,{'startsWith':['a','b']}]}}", ERR_INVALID, "jsonLogic.and",
                  "jsonLogic.and: Unrecognized operation startsWith");
    check_refused(t, "{'targetRule':{'mbox':'a','equals':'x'}}", ERR_INVALID, "targetRule.equals",
                  "targetRule.equals must be a list of one or more values, got a string");
    check_refused(t, "{'targetRule':{'mbox':'a','equals':['x',null]}}", ERR_INVALID, "targetRule.equals[1]",
                  "targetRule.equals[1] must be a string, a number or a boolean, got null");
    check_refused(t, "{'targetRule':{'mbox':'a','lessThan':['x']}}", ERR_INVALID, "targetRule.lessThan",
                  "targetRule.lessThan[0] must be a decimal number, got 'x'");
    check_refused(t, "{'targetRule':{'mbox':'a','exists':['true']}}", ERR_INVALID, "targetRule.exists",
                  "targetRule.exists must be [true] or [false], got an array");
    check_refused(t, "{'targetRule':{'time':'daily'}}", ERR_INVALID, "targetRule",
                  "targetRule must be {\"time\":\"range\",\"between\"} or {\"time\":\"weekly\",\"days\",\"between\"}");
    check_refused(t, "{'targetRule':{'time':'weekly','days':[8]}}", ERR_INVALID, "targetRule.days",
                  "targetRule.days must be a list of days, 1 (Monday) to 7, got an array");
    check_refused(t, "{'targetRule':{'time':'weekly','days':[1],'between':['0900','2460']}}", ERR_INVALID,
                  "targetRule.between", "targetRule.between must be two times of day such as \"0900\", got an array");
    check_refused(t, "{'targetRule':{'time':'range','between':['2026-03-11','2026-03-10']}}", ERR_INVALID,
                  "targetRule.between",
                  "targetRule.between must be two ISO 8601 instants, the earlier first, got an array");
    check_refused(t, "{'audienceRule':{'restRuleOperator':'XOR'}}", ERR_INVALID, "audienceRule.restRuleOperator",
                  "audienceRule.restRuleOperator must be AND, OR or NOT, got a string");
    check_refused(t, "{'audienceRule':{'restRuleOperator':'NOT','rules':[{},{}]}}", ERR_INVALID, "audienceRule.rules",
                  "audienceRule.rules must be a list of one audience, got an array");
    check_refused(t, "{'audienceRule':{'restRuleOperator':'AND','rules':[{'id':1}]}}", ERR_INVALID,
                  "audienceRule.rules[0]",
                  "audienceRule.rules[0] must be {\"audienceId\":<number or text>}, got an object");
}

static const char *
nested(struct t *t, int depth)
{
    struct str s = S("{'mbox':'a','equals':['1']}");

    for (int i = 1; i < depth; i++)
        s = arena_printf(t->arena, "{'not':%.*s}", STR_ARG(s));
    return arena_printf(t->arena, "{'targetRule':%.*s}", STR_ARG(s)).p;
}

static const char *
wide(struct t *t, int leaves, int values)
{
    struct buf b;
    const char *text;

    buf_init(&b, 1 << 22);
    buf_put(&b, S("{'targetRule':{'or':["));
    for (int i = 0; i < leaves; i++) {
        buf_printf(&b, "%s{'mbox':'p%d','equals':[", i ? "," : "", i);
        for (int k = 0; k < values; k++)
            buf_printf(&b, "%s'v%d'", k ? "," : "", k);
        buf_put(&b, S("]}"));
    }
    buf_put(&b, S("]}}"));
    text = arena_str(t->arena, buf_str(&b)).p;
    buf_deinit(&b);
    return text;
}

TEST(rule_limits)
{
    CHECK_OK(decide_check_audience(fixture_json(t, nested(t, 10)), d));
    CHECK_ERR(decide_check_audience(fixture_json(t, nested(t, 11)), d), ERR_LIMIT);
    CHECK_OK(decide_check_audience(fixture_json(t, wide(t, 500, 1)), d));
    CHECK_ERR(decide_check_audience(fixture_json(t, wide(t, 501, 1)), d), ERR_LIMIT);
    CHECK_OK(decide_check_audience(fixture_json(t, wide(t, 1, 5000)), d));
    CHECK_ERR(decide_check_audience(fixture_json(t, wide(t, 1, 5001)), d), ERR_LIMIT);
    CHECK_ERR(decide_check_audience(fixture_json(t, wide(t, 40, 2000)), d), ERR_LIMIT); /* LIMIT_TARGET_RULE_BYTES */
}
