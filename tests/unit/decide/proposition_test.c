/* proposition_test.c - the bytes of a proposition [EDGE 5.2 .. 5.4], tokens in offers [TARGET 2.8]. */
#include "fixture.h"

#include "codec/base64.h"

#define V "0123456789abcdef0123456789abcdef"

#define ACT(mbox, options, places, more)                                                                               \
    "{'activities':[{'id':100200,'name':'Hero \\\"test\\\"','type':'ab','state':'approved'," more                      \
    "'options':[" options "],'locations':{'mboxes':[{'locationLocalId':0,'name':'" mbox "'}]},"                        \
    "'experiences':[{'experienceLocalId':1,'name':'B','visitorPercentage':100,'optionLocations':[" places "]}]}]"
#define AT0 "{'locationLocalId':0,'optionLocalId':0}"

static struct fixture
one_offer(struct t *t, const char *offer)
{
    struct str text = arena_printf(
        t->arena, ACT("home-hero", "{'optionLocalId':0,'name':'opt','offerId':702}", AT0, "") ",'offers':[%s]}", offer);

    return fixture_new(t, text.p);
}

TEST(proposition_html_is_exactly_this) /* [EDGE 5.5] */
{
    struct fixture f =
        one_offer(t, "{'id':702,'name':'Hello','type':'content','content':'<p class=\\\"x\\\">Hello</p>'}");
    struct fixture_request rq = fixture_request(t, V, "home-hero");
    struct decide_token token = {.activity = S("100200"), .experience = S("1"), .scope = S("home-hero")};
    struct buf want;

    fixture_ask(t, &f, &rq);
    buf_init(&want, 10000);
    buf_put(&want, S("{\"id\":\"AT:eyJhY3Rpdml0eUlkIjoiMTAwMjAwIiwiZXhwZXJpZW5jZUlkIjoiMSJ9\",\"scope\":\"home-hero\","
                     "\"scopeDetails\":{\"decisionProvider\":\"TGT\",\"activity\":{\"id\":\"100200\"},\"experience\":{"
                     "\"id\":\"1\"},\"strategies\":[{\"step\":\"entry\",\"algorithmID\":\"0\",\"trafficType\":\"0\"},{"
                     "\"step\":\"display\",\"algorithmID\":\"0\",\"trafficType\":\"0\"}],\"characteristics\":{"
                     "\"eventToken\":\""));
    decide_token_write(&want, FIXTURE_KEY, &token);
    buf_put(&want,
            S("\"},\"correlationID\":\"100200:1:0\"},\"items\":[{\"id\":\"702\",\"schema\":"
              "\"https://ns.adobe.com/personalization/html-content-item\",\"meta\":{\"activity.id\":\"100200\","
              "\"activity.name\":\"Hero \\\"test\\\"\",\"experience.id\":\"1\",\"experience.name\":\"B\","
              "\"offer.id\":\"702\",\"offer.name\":\"Hello\",\"option.id\":\"2\",\"option.name\":\"opt\"},"
              "\"data\":{\"id\":\"702\",\"format\":\"text/html\",\"content\":\"<p class=\\\"x\\\">Hello</p>\"}}]}"));
    CHECK_STR(buf_str(&f.out), buf_str(&want));
    buf_deinit(&want);
    fixture_free(&f);
}

static const struct json *
first_item(const struct fixture *f)
{
    return json_at(json_get(json_at(f->answer, 0), S("items")), 0);
}

#define SCHEMA(x) S("https://ns.adobe.com/personalization/" x)

TEST(proposition_json_keeps_its_value)
{
    struct fixture f =
        one_offer(t, "{'id':702,'name':'J','type':'json','content':{'n':1.5,'l':[true,null,'x'],'o':{}}}");
    struct fixture_request rq = fixture_request(t, V, "home-hero");

    fixture_ask(t, &f, &rq);
    CHECK_STR(json_str(json_get(first_item(&f), S("schema"))), SCHEMA("json-content-item"));
    CHECK_STR(json_str(json_path(first_item(&f), S("data.format"))), S("application/json"));
    CHECK_TRUE(json_equal(json_path(first_item(&f), S("data.content")),
                          fixture_json(t, "{'n':1.5,'l':[true,null,'x'],'o':{}}")));
    fixture_free(&f);
}

TEST(proposition_redirect_and_default_content)
{
    struct fixture f = one_offer(t, "{'id':702,'name':'R','type':'redirect','content':'https://www.example.com/b'}");
    struct fixture_request rq = fixture_request(t, V, "home-hero");

    fixture_ask(t, &f, &rq);
    CHECK_STR(json_str(json_get(first_item(&f), S("schema"))), SCHEMA("redirect-item"));
    CHECK_STR(json_str(json_path(first_item(&f), S("data.format"))), S("text/uri-list"));
    CHECK_STR(fixture_content(&f), S("https://www.example.com/b"));
    fixture_free(&f);
    f = fixture_new(t, ACT("home-hero", "{'optionLocalId':0,'offerId':0}", AT0, "") "}");
    fixture_ask(t, &f, &rq);
    CHECK_STR(json_str(json_get(first_item(&f), S("schema"))), SCHEMA("default-content-item"));
    CHECK_TRUE(json_get(first_item(&f), S("data")) == NULL);
    CHECK_STR(json_str(json_path(json_at(f.answer, 0), S("scopeDetails.experience.id"))), S("1"));
    fixture_free(&f);
}

#define ACTIONS                                                                                                        \
    "{'id':702,'name':'V','type':'actions','actions':[{'type':'setContent','selector':'#hero','content':'<b>x</b>'},"  \
    "{'type':'setAttribute','selector':'#a','cssSelector':'a','content':{'alt':'${profile.n}'}},"                      \
    "{'type':'remove','selector':'#r'},{'type':'trackClick','selector':'#c'}]}"

TEST(proposition_dom_actions)
{
    struct fixture f =
        fixture_new(t, ACT("__view__", "{'optionLocalId':0,'offerId':702}", AT0, "") ",'offers':[" ACTIONS "]}");
    struct fixture_request rq = fixture_request(t, V, "__view__");
    static const char *const want[] = {
        "{'type':'setHtml','format':'application/vnd.adobe.target.dom-action','content':'<b>x</b>','selector':'#hero',"
        "'prehidingSelector':'#hero'}",
        "{'type':'setAttribute','format':'application/vnd.adobe.target.dom-action','content':{'alt':'Ann \\\"A\\\"'},"
        "'selector':'#a','prehidingSelector':'a'}",
        "{'type':'remove','format':'application/vnd.adobe.target.dom-action','selector':'#r','prehidingSelector':'#r'}",
        "{'type':'click','format':'application/vnd.adobe.target.dom-action','selector':'#c'}",
    };
    static const char *const ids[] = {"702", "702-1", "702-2", "702-3"};
    struct json_iter it;
    size_t n = 0;

    rq.profile_params = fixture_json(t, "{'n':'Ann \\\"A\\\"'}");
    fixture_ask(t, &f, &rq);
    it = json_iter(json_get(json_at(f.answer, 0), S("items")));
    for (; json_next(&it); n++) {
        CHECK_STR(json_str(json_get(it.value, S("schema"))), SCHEMA("dom-action"));
        CHECK_STR(json_str(json_get(it.value, S("id"))), str_of(ids[n]));
        CHECK_TRUE(json_equal(json_get(it.value, S("data")), fixture_json(t, want[n])));
    }
    CHECK_EQ(n, 4);
    CHECK_EQ(json_count(f.clicks), 0);
    fixture_free(&f);
}

/* What comes back of a click is its proposition, so a metric has one of its own; a selector may be of several. */
TEST(proposition_of_each_click_metric)
{
    struct fixture f = fixture_new(t, ACT("__view__", "{'optionLocalId':0,'offerId':702}", AT0,
                                          "'metrics':[{'metricLocalId':32767,'clickTrackSelectors':[{'selector':'#buy'}"
                                          ",{'selector':'#also'}]},{'metricLocalId':3},{'metricLocalId':4,"
                                          "'clickTrackSelectors':[{'selector':'#buy'}]}],") ",'offers':[" ACTIONS "]}");
    struct fixture_request rq = fixture_request(t, V, "__view__");
    static const char *const items[] = {
        "[{'id':'click-32767-0','schema':'https://ns.adobe.com/personalization/dom-action','data':{'type':'click',"
        "'format':'application/vnd.adobe.target.dom-action','selector':'#buy'}},{'id':'click-32767-1','schema':"
        "'https://ns.adobe.com/personalization/dom-action','data':{'type':'click',"
        "'format':'application/vnd.adobe.target.dom-action','selector':'#also'}}]",
        "[{'id':'click-4-0','schema':'https://ns.adobe.com/personalization/dom-action','data':{'type':'click',"
        "'format':'application/vnd.adobe.target.dom-action','selector':'#buy'}}]"};
    static const uint32_t metrics[] = {32767, 4};
    struct str ids[3] = {S("")};

    fixture_ask(t, &f, &rq);
    CHECK_EQ(json_count(f.clicks), 2);
    ids[2] = json_str(json_get(json_at(f.answer, 0), S("id")));
    for (size_t i = 0; i < 2; i++) {
        const struct json *p = json_at(f.clicks, i);
        struct decide_token token;
        CHECK_TRUE(json_equal(json_get(p, S("items")), fixture_json(t, items[i])));
        CHECK_TRUE(decide_token_read(json_str(json_path(p, S("scopeDetails.characteristics.eventToken"))), FIXTURE_KEY,
                                     t->arena, &token));
        CHECK_EQ(token.metric, metrics[i]);
        CHECK_STR(token.scope, S("__view__"));
        CHECK_STR(json_str(json_get(json_at(json_path(p, S("scopeDetails.strategies")), 0), S("step"))),
                  S("conversion"));
        ids[i] = json_str(json_get(p, S("id")));
    }
    CHECK_TRUE(!str_eq(ids[0], ids[1]) && !str_eq(ids[0], ids[2]) && !str_eq(ids[1], ids[2]));
    fixture_free(&f);
}

TEST(proposition_templates_and_html_at_a_selector)
{
    struct fixture f = fixture_new(
        t, "{'activities':[{'id':1,'name':'a','type':'ab','state':'approved','options':["
           "{'optionLocalId':0,'offerId':701},{'optionLocalId':1,'offerTemplates':[{'offerTemplateId':3,'"
           "templateParameters':["
           "{'name':'selector','value':'#s'},{'name':'content','value':'T'}]}]}],'locations':{'selectors':["
           "{'locationLocalId':0,'selector':'#x'},{'locationLocalId':1,'selector':'#y'}]},'experiences':[{'"
           "experienceLocalId':0,"
           "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0},{'locationLocalId':1,"
           "'optionLocalId':1}]}]}],'offers':[{'id':701,'name':'h','content':'<i>i</i>'}]}");
    struct fixture_request rq = fixture_request(t, V, "__view__");
    const struct json *items;

    fixture_ask(t, &f, &rq);
    items = json_get(json_at(f.answer, 0), S("items"));
    CHECK_EQ(json_count(items), 2);
    CHECK_TRUE(json_equal(json_get(json_at(items, 0), S("data")),
                          fixture_json(t, "{'type':'setHtml','format':'application/vnd.adobe.target.dom-action',"
                                          "'content':'<i>i</i>','selector':'#x','prehidingSelector':'#x'}")));
    CHECK_TRUE(json_equal(json_get(json_at(items, 1), S("data")),
                          fixture_json(t, "{'type':'setText','format':'application/vnd.adobe.target.dom-action',"
                                          "'content':'T','selector':'#s','prehidingSelector':'#s'}")));
    fixture_free(&f);
}

/* ---- remote offers ---- */

static bool
behind(void *ctx, struct str url, struct str *content)
{
    (void)ctx;
    *content = S("<b>\"r\"</b>");
    return str_ends(url, S("/there"));
}

TEST(proposition_of_a_remote_offer_has_its_content_or_is_not_there)
{
    struct fixture f = fixture_new(
        t, "{'activities':[{'id':1,'name':'a','type':'ab','state':'approved','options':["
           "{'optionLocalId':0,'offerId':701},{'optionLocalId':1,'offerId':702}],'locations':{'selectors':["
           "{'locationLocalId':0,'selector':'#x'},{'locationLocalId':1,'selector':'#y'}],'mboxes':["
           "{'locationLocalId':2,'name':'there'},{'locationLocalId':3,'name':'away'}]},'experiences':[{"
           "'experienceLocalId':0,'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':1},"
           "{'locationLocalId':1,'optionLocalId':0},{'locationLocalId':2,'optionLocalId':0},"
           "{'locationLocalId':3,'optionLocalId':1}]}]}],'offers':["
           "{'id':701,'name':'t','type':'dynamic','content':'https://o.test/there'},"
           "{'id':702,'name':'a','type':'dynamic','content':'https://o.test/away'}]}");
    struct fixture_request rq = fixture_request(t, V, "__view__,there,away");

    rq.remote = behind;
    CHECK_ANSWER(&f, &rq, "1:0@__view__ 1:0@there");
    CHECK_EQ(json_count(json_get(json_at(f.answer, 0), S("items"))), 1);
    CHECK_TRUE(json_equal(json_get(first_item(&f), S("data")),
                          fixture_json(t, "{'type':'setHtml','format':'application/vnd.adobe.target.dom-action',"
                                          "'content':'<b>\\\"r\\\"</b>','selector':'#y','prehidingSelector':'#y'}")));
    rq = fixture_request(t, V, "there,away");
    rq.remote = behind;
    CHECK_ANSWER(&f, &rq, "1:0@there");
    CHECK_STR(fixture_content(&f), S("<b>\"r\"</b>"));
    rq.remote = NULL; /* a replay: where it was, it is */
    CHECK_ANSWER(&f, &rq, "1:0@there 1:0@away");
    fixture_free(&f);
}

/* ---- schemas ---- */

TEST(proposition_items_are_filtered_by_schema)
{
    struct fixture f = fixture_new(t, ACT("home-hero", "{'optionLocalId':0,'offerId':702}", AT0,
                                          "'metrics':[{'metricLocalId':32767,'clickTrackSelectors':[{'selector':'#buy'}"
                                          "]}],") ",'offers':[{'id':702,'name':'h','content':'x ${profile.n "
                                                  "default=\\\"y\\\"}'}]}");
    struct fixture_request rq = fixture_request(t, V, "home-hero");
    struct str html = SCHEMA("html-content-item"),
               others[] = {SCHEMA("json-content-item"), SCHEMA("measurement"), S("x")};

    fixture_ask(t, &f, &rq); /* none named: all, with the click to be measured */
    CHECK_EQ(json_count(json_get(json_at(f.answer, 0), S("items"))), 1);
    CHECK_EQ(json_count(f.clicks), 1);
    CHECK_STR(json_str(json_get(json_at(json_get(json_at(f.clicks, 0), S("items")), 0), S("schema"))),
              SCHEMA("measurement"));
    rq.schemas = &html;
    rq.schema_count = 1;
    fixture_ask(t, &f, &rq);
    CHECK_EQ(json_count(json_get(json_at(f.answer, 0), S("items"))), 1);
    CHECK_EQ(json_count(f.clicks), 0);
    CHECK_STR(fixture_content(&f), S("x y"));
    rq.schemas = others; /* a measurement alone shows nothing */
    rq.schema_count = 3;
    CHECK_ANSWER(&f, &rq, "");
    CHECK_EQ(f.result.n, 0);
    fixture_free(&f);
}

/* ---- tokens ---- */

static void
check_content(struct t *t, const char *content, const char *profile, const char *want)
{
    struct str offer = arena_printf(t->arena, "{'id':702,'name':'Off','type':'content','content':'%s'}", content);
    struct fixture f = one_offer(t, offer.p);
    struct fixture_request rq = fixture_request(t, V, "home-hero");

    rq.profile_params = fixture_json(t, profile);
    fixture_ask(t, &f, &rq);
    CHECK_STR(fixture_content(&f), str_of(want));
    fixture_free(&f);
}

#define Q "\\\""

TEST(token_static_names)
{
    check_content(t, "${campaign.id}|${campaign.recipe.id}|${campaign.recipe.name}|${activity.experience.name}", "{}",
                  "100200|1|B|B");
    check_content(t, "${offer.id}|${offer.name}|${mbox.name}|${option.id}|${campaign.name}", "{}",
                  "702|Off|home-hero|2|Hero &quot;test&quot;");
}

TEST(token_profile_values)
{
    check_content(t, "Hi ${profile.name default=" Q "you" Q "} ${user.name}!", "{'name':'Ann'}", "Hi Ann Ann!");
    check_content(t, "${profile.n} ${profile.b}", "{'n':42,'b':true}", "42 true");
    check_content(t, "${profile.a}${profile.b}", "{'a':'1','b':'2'}", "12");
}

TEST(token_missing_values)
{
    check_content(t, "Hi ${profile.name default=" Q "you" Q "}.", "{}", "Hi you.");
    check_content(t, "[${profile.name show_blank=" Q "true" Q "}]", "{}", "[]");
    check_content(t, "[${profile.name}]", "{}", "[${profile.name}]");
    check_content(t, "[${profile.name encode=" Q "escape" Q "}]", "{}", "[${profile.name encode=\"escape\"}]");
    check_content(t, "[${profile.o default=" Q "d" Q "}]", "{'o':{'x':1}}", "[d]");
    check_content(t, "[${profile.e default=" Q "d" Q "}]", "{'e':''}", "[d]");
    check_content(t, "[${profile.e default=" Q "d" Q " show_blank=" Q "true" Q "}]", "{'e':''}", "[]");
    check_content(t, "[${profile.e}]", "{'e':''}", "[]");
    check_content(t, "${profile.x default=" Q "a}b" Q "}", "{}", "a}b");
}

TEST(token_text_that_is_no_token_stays)
{
    check_content(t, "${ ${} ${a b} $ {x} ${profile.n=1} ${crs.a.b} ${nothing", "{}",
                  "${ ${} ${a b} $ {x} ${profile.n=1} ${crs.a.b} ${nothing");
    check_content(t, "${profile.n other=" Q "1" Q "}", "{'n':'x'}", "${profile.n other=\"1\"}");
    check_content(t, "a${", "{}", "a${");
}

TEST(token_values_cannot_break_out_of_html_or_json)
{
    check_content(t, "<b>${profile.n}</b>", "{'n':'<script>alert(1)</script>&\\u0027\\\"'}",
                  "<b>&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;&quot;</b>");
    check_content(t, "<b>${profile.n encode=" Q "unescape" Q "}</b>", "{'n':'<i>\\\"\\\\\\n'}", "<b><i>\"\\\n</b>");
    check_content(t, "${profile.n}", "{'n':'\\\"}],\\\"x\\\":[{'}", "&quot;}],&quot;x&quot;:[{");
    /* A value is not searched for tokens again. */
    check_content(t, "${profile.n}", "{'n':'${campaign.id}'}", "${campaign.id}");
}

TEST(token_in_json_and_redirect)
{
    struct fixture f = one_offer(t, "{'id':702,'name':'J','type':'json','content':{'k${profile.n}':['${profile.n}',"
                                    "{'a':'x${profile.n}y'}]}}");
    struct fixture_request rq = fixture_request(t, V, "home-hero");

    rq.profile_params = fixture_json(t, "{'n':'<\\\"\\\\/ü'}");
    fixture_ask(t, &f, &rq);
    CHECK_TRUE(json_equal(json_path(first_item(&f), S("data.content")),
                          fixture_json(t, "{'k${profile.n}':['<\\\"\\\\/ü',{'a':'x<\\\"\\\\/üy'}]}")));
    fixture_free(&f);
    f = one_offer(t, "{'id':702,'name':'R','type':'redirect','content':'https://x.test/?q=${profile.n}'}");
    fixture_ask(t, &f, &rq);
    CHECK_STR(fixture_content(&f), S("https://x.test/?q=%3C%22%5C%2F%C3%BC"));
    fixture_free(&f);
}

TEST(token_sources)
{
    struct fixture f =
        one_offer(t, "{'id':702,'name':'S','content':'${mbox.tier}|${mbox.web.page.name}|${aep.person.city}|"
                     "${profile.geolocation.country}|${user.isFirstSession}|${profile.color}'}");
    struct fixture_request rq = fixture_request(t, "07327024324407615852294135870030620007", "home-hero");

    rq.target = fixture_json(t, "{'tier':'gold','profile.color':'blue'}");
    rq.xdm = fixture_json(t, "{'web':{'page':{'name':'start'}}}");
    rq.geo = fixture_json(t, "{'countryCode':'NO'}");
    rq.attributes = fixture_json(t, "{'person':{'city':'Oslo'}}");
    rq.profile_params = fixture_json(t, "{'color':'red'}"); /* this request's own value wins */
    rq.first_session = true;
    fixture_ask(t, &f, &rq);
    CHECK_STR(fixture_content(&f), S("gold|start|Oslo|norway|true|blue"));
    fixture_free(&f);
}

TEST(token_tnt_id_is_the_visitor_and_a_keyed_suffix)
{
    struct fixture f = one_offer(t, "{'id':702,'name':'S','content':'${profile.tntId} ${user.pcId}'}");
    struct fixture_request rq = fixture_request(t, "073", "home-hero");
    struct str content;

    fixture_ask(t, &f, &rq);
    content = fixture_content(&f);
    CHECK_EQ(content.n, 2 * (3 + 1 + 6) + 1);
    CHECK_TRUE(str_starts(content, S("073-")));
    CHECK_STR(str_slice(content, 0, 10), str_slice(content, 11, 21));
    fixture_free(&f);
}

/* ---- notification tokens ---- */

TEST(token_round_trip)
{
    struct decide_token in = {.activity = S("100200"), .experience = S("1"), .scope = S("home-hero ü")}, out;
    struct buf b;

    buf_init(&b, 1000);
    decide_token_write(&b, FIXTURE_KEY, &in);
    CHECK_TRUE(str_starts(buf_str(&b), S("v1.")));
    CHECK_TRUE(decide_token_read(buf_str(&b), FIXTURE_KEY, t->arena, &out));
    CHECK_STR(out.activity, in.activity);
    CHECK_STR(out.experience, in.experience);
    CHECK_STR(out.scope, in.scope);
    CHECK_TRUE(!decide_token_read(buf_str(&b), (struct hash_key){1, 2}, t->arena, &out));
    buf_deinit(&b);
}

TEST(token_forged_and_malformed)
{
    struct decide_token in = {.activity = S("100200"), .experience = S("1"), .scope = S("home-hero")}, out = {0};
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct str bytes;
    struct buf b;

    buf_init(&b, 1000);
    decide_token_write(&b, FIXTURE_KEY, &in);
    /* No other digit at any place reads as anything, except where it stands for the same bytes. */
    bytes = base64_decode(str_slice(buf_str(&b), 3, b.n), t->arena);
    for (size_t i = 0; i < b.n; i++) {
        for (size_t k = 0; k < 64; k += 7) {
            char was = b.p[i];
            struct str changed;
            b.p[i] = digits[k];
            changed = base64_decode(str_slice(buf_str(&b), 3, b.n), t->arena);
            if (i < 3 ? digits[k] != was : !str_eq(changed, bytes))
                CHECK_TRUE(!decide_token_read(buf_str(&b), FIXTURE_KEY, t->arena, &out));
            b.p[i] = was;
        }
    }
    for (size_t n = 0; n < b.n; n++)
        CHECK_TRUE(!decide_token_read(str_slice(buf_str(&b), 0, n), FIXTURE_KEY, t->arena, &out));
    CHECK_TRUE(!decide_token_read(S("v1.====="), FIXTURE_KEY, t->arena, &out));
    CHECK_TRUE(out.activity.p == NULL);
    buf_deinit(&b);
}
