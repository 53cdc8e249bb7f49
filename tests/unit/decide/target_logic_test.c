/* target_logic_test.c - audiences as json-logic: the forms of [TARGET 4.4], what has none, and the property that
 * matters: server and device say the same of every visitor. */
#include "decide/target_logic.h"

#include "audience_fixture.h"

static const char *
logic_of(struct t *t, const char *target_rule, int zone)
{
    struct str text = arena_printf(t->arena, "{'targetRule':%s}", target_rule), out = S_NULL;

    CHECK_OK(target_logic(fixture_json(t, text.p), NULL, NULL, zone, t->arena, &out, d));
    return arena_cstr(t->arena, out);
}

#define CHECK_LOGIC(rule, want) CHECK_TRUE(json_equal(fixture_json(t, logic_of(t, rule, 0)), fixture_json(t, want)))

TEST(logic_has_the_vendors_forms)
{
    CHECK_LOGIC("{'mbox':'tier','equals':['gold']}", "{'==':['gold',{'var':'mbox.tier'}]}");
    CHECK_LOGIC("{'mbox':'tier','equalsIgnoreCase':['Gold']}", "{'==':['gold',{'var':'mbox.tier_lc'}]}");
    CHECK_LOGIC("{'mbox':'tier','contains':['Go']}", "{'in':['go',{'var':'mbox.tier_lc'}]}");
    CHECK_LOGIC("{'mbox':'tier','startsWith':['go']}", "{'==':['go',{'substr':[{'var':'mbox.tier_lc'},0,2]}]}");
    CHECK_LOGIC("{'mbox':'tier','endsWith':['ld']}", "{'==':['ld',{'substr':[{'var':'mbox.tier_lc'},-2]}]}");
    CHECK_LOGIC("{'not':{'mbox':'x','equals':['a','b']}}",
                "{'!':{'or':[{'==':['a',{'var':'mbox.x'}]},{'==':['b',{'var':'mbox.x'}]}]}}");
    CHECK_LOGIC("{'browser':'type','equals':['Firefox']}", "{'==':['firefox',{'var':'user.browserType'}]}");
    CHECK_LOGIC("{'platform':'mac','exists':[true]}", "{'==':['mac',{'var':'user.platform'}]}");
    CHECK_LOGIC("{'geo':'country','matches':['us']}",
                "{'or':[{'==':['US',{'var':'geo.country'}]},{'==':['UNITED STATES',{'var':'geo.country'}]}]}");
    CHECK_LOGIC("{'geo':'city','matches':['san jose']}",
                "{'or':[{'==':['SAN JOSE',{'var':'geo.city'}]},{'==':['SANJOSE',{'var':'geo.city'}]}]}");
    CHECK_LOGIC("{'time':'range','between':['2026-03-01T00:00:00Z','2026-03-31T23:59:59Z']}",
                "{'<=':[1772323200000,{'var':'current_timestamp'},1775001599000]}");
    CHECK_LOGIC("{'time':'weekly','days':[5],'between':['0900','1700']}",
                "{'and':[{'or':[{'==':[{'var':'current_day'},'5']}]},{'<=':['0900',{'var':'current_time'},'1700']}]}");
    CHECK_LOGIC("{}", "true");
}

TEST(logic_guards_numbers) /* [TARGET 4.4], the rule of numberGuard */
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(t_read(t, "vectors/target-context.json"), t->arena, &root, d));
    CHECK_TRUE(json_equal(fixture_json(t, logic_of(t, "{'mbox':'qty','greaterThan':[10]}", 0)),
                          json_get(json_get(root, S("numberGuard")), S("rule"))));
}

TEST(logic_moves_days_to_utc)
{
    /* Monday 00:30 to 02:00 in UTC+1 begins on Sunday. */
    CHECK_TRUE(json_equal(
        fixture_json(t, logic_of(t, "{'time':'weekly','days':[1],'between':['0030','0200']}", 60)),
        fixture_json(t, "{'or':[{'and':[{'or':[{'==':[{'var':'current_day'},'7']}]},{'<=':['2330',{'var':"
                        "'current_time'},'2359']}]},{'and':[{'or':[{'==':[{'var':'current_day'},'1']}]},{'<=':['0000',"
                        "{'var':'current_time'},'0100']}]}]}")));
}

static void
check_remote(struct t *t, const char *audience, const char *what)
{
    struct str out;

    CHECK_ERR(target_logic(fixture_json(t, audience), NULL, NULL, 0, t->arena, &out, d), ERR_UNSUPPORTED);
    CHECK_STR(str_of(t_diag.what), str_of(what));
}

TEST(logic_says_what_a_device_does_not_know) /* [TARGET 12.139] */
{
    check_remote(t, "{'targetRule':{'and':[{'mbox':'a','equals':['x']},{'user':'b','equals':['x']}]}}",
                 "targetRule.and[1]: 'b' of category 'user' is not known on a device");
    check_remote(t, "{'targetRule':{'network':'isp','equals':['x']}}",
                 "targetRule: 'isp' of category 'network' is not known on a device");
    check_remote(t, "{'targetRule':{'mobile':'isTablet','exists':[true]}}",
                 "targetRule: 'isTablet' of category 'mobile' is not known on a device");
    check_remote(t, "{'targetRule':{'source':'google','exists':[true]}}",
                 "targetRule: 'google' of category 'source' is not known on a device");
    check_remote(t, "{'targetRule':{'landing':'path','equals':['/']}}",
                 "targetRule: 'path' of category 'landing' is not known on a device");
    check_remote(t, "{'targetRule':{'audience':'seg-1'}}",
                 "targetRule: audiences of the platform are not known on a device");
    check_remote(t, "{'targetRule':{'browser':'type','equals':['iPad']}}",
                 "targetRule: a device does not tell 'ipad' from others");
    check_remote(t, "{'targetRule':{'page':'query.x','equals':['1']}}",
                 "targetRule: 'query.x' of category 'page' is not known on a device");
    check_remote(t, "{'targetRule':{'page':'domain','contains':['shop']}}",
                 "targetRule: this operator on 'domain' of category 'page' cannot be said on a device");
    check_remote(t, "{'targetRule':{'mbox':'a..b','equals':['x']}}",
                 "targetRule: a device does not reach the parameter 'a..b'");
    check_remote(t, "{'targetRule':{'mbox':'a','equals':['${user.b}']}}",
                 "targetRule: a comparison with another attribute cannot be said on a device");
    check_remote(t, "{'audienceRule':{'restRuleOperator':'AND','rules':[{'audienceId':'seg-1'}]}}",
                 "audienceRule: audiences of the platform are not known on a device");
}

/* ---- server and device agree ---- */

static const char *const texts[] = {"",     "a",      "gold",    "Gold",  "GOLD bar", "10",  "9",        "10.5",
                                    "010",  "1e1",    "0x10",    "-1",    "0",        " ",   " 12 ",     "Infinity",
                                    "null", "nu",     "ll",      "true",  "İ",        "ΑΣ",  "ας",       "Éé",
                                    "é",    "😀x",     "x",       ".5",    "5.",       "0.0", "\xC2\xA0", "-",
                                    "+7",   "abc.de", "/shop/x", "/SHOP", "top",      "b=1", "1.0",      "1"};
static const char *const urls[] = {"",
                                   "https://www.example.com/shop/x?b=1#top",
                                   "http://www.example.com",
                                   "https://WWW.example.com/Shop",
                                   "https://www.example.com:8080/shop",
                                   "https://www.example.com.evil.test/",
                                   "http://example.co.uk/?a=GOLD",
                                   "https://www.example.com#Top",
                                   "https://www.example.com?b=1",
                                   "https://10/9?1e1#0"};
static const char *const hosts[] = {"www.example.com", "WWW.Example.com", "example.co.uk", "www", "example.com"};
static const char *const operators[] = {"equals",     "equalsIgnoreCase", "matches",     "contains",
                                        "startsWith", "endsWith",         "greaterThan", "greaterThanOrEquals",
                                        "lessThan",   "lessThanOrEquals", "exists",      "hasValue"};
#define PICK(t, list) ((list)[rng_below(&(t)->rng, sizeof(list) / sizeof((list)[0]))])

static struct str
random_values(struct t *t, const char *const *from, size_t n)
{
    size_t count = 1 + rng_below(&t->rng, 2);
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%s'%s'", i ? "," : "", from[rng_below(&t->rng, n)]);
    return buf_str(&b);
}

static struct str
random_text_leaf(struct t *t, const char *category, const char *field)
{
    static const char *const numbers[] = {"10", "9", "0", "-1", "10.5", "5"};
    const char *op = PICK(t, operators);
    struct str values;

    if (strcmp(op, "exists") == 0 || strcmp(op, "hasValue") == 0)
        values = rng_below(&t->rng, 2) ? S("true") : S("false");
    else if (strstr(op, "Than") != NULL)
        values = random_values(t, numbers, sizeof(numbers) / sizeof(numbers[0]));
    else
        values = random_values(t, texts, sizeof(texts) / sizeof(texts[0]));
    return arena_printf(t->arena, "{'%s':'%s','%s':[%.*s]}", category, field, op, STR_ARG(values));
}

static struct str
random_leaf(struct t *t)
{
    static const char *const params[] = {"p", "q", "a.b"};
    static const char *const parts[] = {"url", "path", "query"};
    static const char *const pages[] = {"page", "referrer"};
    static const char *const systems[] = {"linux", "mac", "windows"};
    static const char *const browsers[] = {"chrome", "Firefox", "safari", "edge", "ie", "netscape"};
    static const char *const countries[] = {"us", "United States", "DE", "germany", "atlantis", "uk"};
    static const char *const regions[] = {"ca", "California", "BY", "texas"};
    static const char *const cities[] = {"san francisco", "M\xC3\xBCnchen", "oslo"};
    static const char *const order[] = {"lessThan", "lessThanOrEquals", "greaterThan", "greaterThanOrEquals", "equals"};
    unsigned from = (unsigned)rng_below(&t->rng, 24), to = (unsigned)rng_below(&t->rng, 24);

    switch (rng_below(&t->rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return random_text_leaf(t, "mbox", PICK(t, params));
    case 4:
        if (rng_below(&t->rng, 4) == 0)
            return random_text_leaf(t, "page", "fragment");
        return random_text_leaf(t, PICK(t, pages), PICK(t, parts));
    case 5:
        return arena_printf(t->arena, "{'%s':'domain','%s':['%s']}", PICK(t, pages),
                            rng_below(&t->rng, 2) ? "equals" : "startsWith", PICK(t, hosts));
    case 6:
        return arena_printf(t->arena, "{'platform':'%s','exists':[%s]}", PICK(t, systems),
                            rng_below(&t->rng, 2) ? "true" : "false");
    case 7:
        return arena_printf(t->arena, "{'browser':'type','equals':['%s']}", PICK(t, browsers));
    case 8:
        return arena_printf(t->arena, "{'browser':'version','%s':[%d]}", PICK(t, order),
                            (int)rng_below(&t->rng, 130) - 5);
    case 9:
        return arena_printf(t->arena, "{'geo':'%s','%s':[%d.5]}", rng_below(&t->rng, 2) ? "latitude" : "longitude",
                            PICK(t, order), (int)rng_below(&t->rng, 60) - 10);
    case 10:
        if (rng_below(&t->rng, 2))
            return arena_printf(t->arena, "{'geo':'country','matches':['%s']}", PICK(t, countries));
        return rng_below(&t->rng, 2) ? arena_printf(t->arena, "{'geo':'region','equals':['%s']}", PICK(t, regions))
                                     : arena_printf(t->arena, "{'geo':'city','matches':['%s']}", PICK(t, cities));
    default:
        if (rng_below(&t->rng, 4) == 0)
            return arena_printf(t->arena, "{'time':'weekly','days':[%u]}", 1 + (unsigned)rng_below(&t->rng, 7));
        return arena_printf(t->arena, "{'time':'weekly','days':[%u,%u],'between':['%02u%02u','%02u%02u']}",
                            1 + (unsigned)rng_below(&t->rng, 7), 1 + (unsigned)rng_below(&t->rng, 7), from,
                            (unsigned)rng_below(&t->rng, 60), to, (unsigned)rng_below(&t->rng, 60));
    }
}

static struct str
random_rule(struct t *t, int depth)
{
    unsigned kind = (unsigned)rng_below(&t->rng, depth > 0 ? 5 : 2);
    struct str x, y;

    if (kind < 2)
        return random_leaf(t);
    x = random_rule(t, depth - 1);
    if (kind == 2)
        return arena_printf(t->arena, "{'not':%.*s}", STR_ARG(x));
    y = random_rule(t, depth - 1);
    return arena_printf(t->arena, "{'%s':[%.*s,%.*s]}", kind == 3 ? "and" : "or", STR_ARG(x), STR_ARG(y));
}

static struct asked
random_request(struct t *t, const struct json *agents)
{
    static const char *const geos[] = {
        "{}", "{'countryCode':'US','stateCode':'CA','city':'SAN FRANCISCO','latitude':37.75,'longitude':-5.5}",
        "{'countryCode':'DE','stateCode':'BY','city':'M\xC3\x9CNCHEN','latitude':0,'longitude':11.5}",
        "{'countryCode':'GB'}"};
    struct asked x = asked_new();
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    buf_put(&b, S("{'z':'1'"));
    if (rng_below(&t->rng, 4))
        buf_printf(&b, ",'p':'%s'", PICK(t, texts));
    if (rng_below(&t->rng, 4))
        buf_printf(&b, ",'q':'%s'", PICK(t, texts));
    if (rng_below(&t->rng, 4))
        buf_printf(&b, ",'a.b':'%s'", PICK(t, texts));
    buf_put(&b, S("}"));
    x.ask.parameters = fixture_json(t, arena_cstr(t->arena, buf_str(&b)));
    x.rq.url = str_of(PICK(t, urls));
    x.rq.referrer = str_of(PICK(t, urls));
    x.rq.geo = fixture_json(t, PICK(t, geos));
    x.rq.user_agent = json_str(json_get(json_at(agents, rng_below(&t->rng, json_count(agents))), S("userAgent")));
    x.rq.now_ms += (int64_t)rng_below(&t->rng, 10LL * 24 * 3600 * 1000);
    x.zone_minutes = (int)rng_below(&t->rng, 27) * 60 - 720 + (rng_below(&t->rng, 3) == 0 ? 30 : 0);
    return x;
}

TEST(logic_says_what_the_server_says) /* [TARGET 4.4, 5.7 point 8] */
{
    const struct json *root = NULL;
    size_t members = 0;

    CHECK_OK(json_parse(t_read(t, "vectors/target-context.json"), t->arena, &root, d));
    for (int round = 0; round < 4000; round++) {
        struct arena_mark mark = arena_mark(t->arena);
        struct asked x = random_request(t, json_get(root, S("userAgent")));
        struct str rule = random_rule(t, 3);
        const char *logic = logic_of(t, rule.p, x.zone_minutes);
        bool server = asked_in(t, &x, rule.p), device = asked_logic(t, &x, fixture_json(t, logic));
        struct buf b;
        members += server;
        if (server != device) {
            buf_init_in(&b, t->arena, 1 << 16);
            json_write(&b, x.ask.parameters);
            t_fail(t, __FILE__, __LINE__, "%s\n  is %d, but %s\n  is %d; %.*s url %.*s referrer %.*s zone %d", rule.p,
                   server, logic, device, STR_ARG(buf_str(&b)), STR_ARG(x.rq.url), STR_ARG(x.rq.referrer),
                   x.zone_minutes);
            return;
        }
        arena_release(t->arena, mark);
    }
    CHECK_TRUE(members > 500);
}
