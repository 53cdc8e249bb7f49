/* audience_category_test.c - the categories of audiences one by one [TARGET 4.2, 12.58 .. 12.80]. */
#include "audience_fixture.h"

#define CHROME                                                                                                         \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"

static struct asked
with(struct t *t, const char *parameters)
{
    struct asked x = asked_new();

    x.ask.parameters = fixture_json(t, parameters);
    return x;
}

#define CHECK_IN(x, rule) CHECK_TRUE(asked_in(t, &(x), rule))
#define CHECK_OUT(x, rule) CHECK_TRUE(!asked_in(t, &(x), rule))

TEST(category_parameters) /* [TARGET 12.58, 12.65 .. 12.67, 12.69] */
{
    struct asked gold = with(t, "{'tier':'gold','qty':'10.5','one':'1.0','exp':'1e0','q':'running shoes','empty':''}");
    struct asked other = with(t, "{'tier':'Gold','qty':'abc','one':'01'}");

    CHECK_IN(gold, "{'mbox':'tier','equals':['gold']}");
    CHECK_OUT(other, "{'mbox':'tier','equals':['gold']}");
    CHECK_IN(gold, "{'mbox':'qty','greaterThan':[10]}");
    CHECK_OUT(other, "{'mbox':'qty','greaterThan':[10]}");
    CHECK_OUT(other, "{'mbox':'nothing','greaterThan':[10]}");
    CHECK_IN(gold, "{'mbox':'one','equals':[1]}");
    CHECK_IN(other, "{'mbox':'one','equals':[1]}");
    CHECK_OUT(gold, "{'mbox':'exp','equals':[1]}");
    CHECK_IN(gold, "{'mbox':'q','contains':['SHOE']}");
    CHECK_IN(gold, "{'mbox':'empty','exists':[true]}");
    CHECK_OUT(gold, "{'mbox':'empty','hasValue':[true]}");
    CHECK_IN(gold, "{'not':{'mbox':'nothing','equals':['x']}}");
}

TEST(category_lower_case_is_javascripts)
{
    struct asked x = with(t, "{'dotted':'\xC4\xB0stanbul','sigma':'\xCE\x9F\xCE\x94\xCE\x9F\xCE\xA3'}");

    CHECK_IN(x, "{'mbox':'dotted','equalsIgnoreCase':['i\xCC\x87stanbul']}");
    CHECK_OUT(x, "{'mbox':'dotted','equalsIgnoreCase':['istanbul']}");
    CHECK_IN(x, "{'mbox':'sigma','endsWith':['\xCF\x82']}");
}

TEST(category_profile) /* [TARGET 12.77] */
{
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    v.tnt_id = S("0123456789abcdef0123456789abcdef");
    v.third_party_id = S("B234A029348");
    CHECK_TRUE(visitor_set(&v, S("memberLevel"), S("\"gold\""), 1));
    CHECK_TRUE(visitor_set(&v, S("wanted"), S("\"gold\""), 1));
    CHECK_TRUE(visitor_set(&v, S("points"), S("7"), 1));
    CHECK_TRUE(visitor_set(&v, S("tags"), S("[\"a\",\"b\"]"), 1));
    CHECK_IN(x, "{'profile':'memberLevel','equals':['gold']}");
    CHECK_IN(x, "{'user':'memberLevel','equals':['${profile.wanted}']}");
    CHECK_OUT(x, "{'user':'memberLevel','equals':['${user.points}']}");
    CHECK_OUT(x, "{'user':'memberLevel','equals':['${user.absent}']}");
    CHECK_IN(x, "{'user':'memberLevel','startsWith':['${user.wanted}']}");
    CHECK_IN(x, "{'user':'points','greaterThanOrEquals':['7.0']}");
    CHECK_IN(x, "{'user':'tags','equals':['b']}");
    CHECK_OUT(x, "{'user':'tags','equals':['c']}");
    CHECK_IN(x, "{'user':'tntId','startsWith':['0123']}");
    CHECK_IN(x, "{'user':'thirdPartyId','equals':['B234A029348']}");
}

TEST(category_sessions) /* [TARGET 12.72] */
{
    struct hit_visit visit = {.session = S("s1"), .page = true, .url = S("https://www.shop.test/")};
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    visitor_open(&v, &visit, FIXTURE_NOW);
    CHECK_IN(x, "{'user':'new','exists':[true]}");
    CHECK_OUT(x, "{'user':'returning','exists':[true]}");
    CHECK_IN(x, "{'user':'firstPageOfSession','exists':[true]}");
    v.open = false; /* another request */
    visit.session = S("s2");
    x.rq.now_ms = FIXTURE_NOW + 31 * 60 * 1000;
    visitor_open(&v, &visit, x.rq.now_ms);
    CHECK_OUT(x, "{'user':'new','exists':[true]}");
    CHECK_IN(x, "{'user':'returning','exists':[true]}");
    CHECK_IN(x, "{'library':'returningVisitors'}");
    CHECK_OUT(x, "{'library':'newVisitors'}");
    x.rq.visitor = NULL;
    CHECK_IN(x, "{'user':'new','exists':[true]}");
    CHECK_IN(x, "{'library':'newVisitors','exists':[true]}");
}

TEST(category_landing_page) /* [TARGET 12.71] */
{
    struct hit_visit visit = {.session = S("s1"), .page = true, .url = S("https://www.shop.test/first")};
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    visitor_open(&v, &visit, FIXTURE_NOW);
    v.open = false; /* another request */
    visit.url = S("https://www.shop.test/second");
    visit.referrer = S("https://www.shop.test/first");
    visitor_open(&v, &visit, FIXTURE_NOW + 60000);
    x.rq.url = visit.url;
    CHECK_IN(x, "{'landing':'path','equals':['/first']}");
    CHECK_IN(x, "{'page':'path','equals':['/second']}");
    v.open = false; /* after 30 minutes it is another session's first page */
    x.rq.now_ms = FIXTURE_NOW + 32 * 60000;
    visitor_open(&v, &visit, x.rq.now_ms);
    CHECK_IN(x, "{'landing':'path','equals':['/second']}");
    v.open = false; /* and so is the first of another subdomain */
    visit.url = S("https://m.shop.test/third");
    visitor_open(&v, &visit, x.rq.now_ms + 1000);
    CHECK_IN(x, "{'landing':'path','equals':['/third']}");
}

TEST(category_affinity)
{
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    visitor_view_category(&v, S("Shoes"));
    visitor_view_category(&v, S("Shoes"));
    visitor_view_category(&v, S("hats"));
    CHECK_IN(x, "{'user':'categoryAffinity','equals':['hats']}"); /* any of the favourites */
    CHECK_IN(x, "{'user':'categoryAffinity','contains':['sho']}");
    CHECK_IN(x, "{'user':'categoryAffinity.first','equals':['Shoes']}");
    CHECK_OUT(x, "{'user':'categoryAffinity.first','equals':['hats']}");
    CHECK_IN(x, "{'user':'categoryAffinity.second','equals':['hats']}");
    CHECK_OUT(x, "{'user':'categoryAffinity.third','exists':[true]}");
    CHECK_IN(x, "{'not':{'user':'categoryAffinity','contains':['bags']}}");
}

TEST(category_other_tests_is_the_activitys_own)
{
    struct visitor_membership one = {.activity = S("1001"), .experience = S("0")};
    struct activity same = {.id = S("1001")}, other = {.id = S("2001")};
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    CHECK_IN(x, "{'user':'notInOtherTests','exists':[true]}");
    v.memberships = &one;
    v.membership_count = 1;
    x.activity = &same;
    CHECK_OUT(x, "{'user':'inOtherTests','exists':[true]}");
    x.activity = &other;
    CHECK_IN(x, "{'user':'inOtherTests','exists':[true]}");
}

static bool
header(void *ctx, struct str name, struct str *value)
{
    (void)ctx;
    *value = S("Yes");
    return str_eq_nocase(name, S("X-Beta"));
}

TEST(category_pages) /* [TARGET 12.68, 12.70] */
{
    struct asked x = asked_new();

    x.rq.url = S("https://www.shop.example.com/beta?x=1&x=2#Top");
    x.rq.header = header;
    CHECK_IN(x, "{'page':'path','startsWith':['/a','/b']}");
    CHECK_IN(x, "{'page':'query.x','equals':[1]}");
    CHECK_OUT(x, "{'page':'query.x','equals':[2]}");
    CHECK_IN(x, "{'page':'fragment','equals':['top']}");
    CHECK_IN(x, "{'page':'header.x-beta','equals':['yes']}");
    CHECK_OUT(x, "{'page':'header.x-gamma','exists':[true]}");
    x.ask.url = S("https://m.shop.example.com/own"); /* a location with an address of its own */
    CHECK_IN(x, "{'page':'path','equals':['/own']}");
}

TEST(category_traffic_sources)
{
    struct asked x = asked_new();
    struct visitor v;

    visitor_init(&v, t->arena);
    x.rq.visitor = &v;
    v.landing_referrer = S("https://www.google.co.uk/search?q=tents");
    x.rq.referrer = S("https://www.shop.test/");
    CHECK_IN(x, "{'source':'google','exists':[true]}");
    CHECK_OUT(x, "{'source':'bing','exists':[true]}");
    CHECK_IN(x, "{'source':'searchEngine','matches':['Google','yahoo']}");
    CHECK_IN(x, "{'source':'domain','endsWith':['.co.uk']}");
    CHECK_IN(x, "{'source':'query','contains':['tents']}");
    CHECK_IN(x, "{'library':'fromGoogle'}");
}

TEST(category_browsers_and_devices) /* [TARGET 12.74] */
{
    struct asked x = asked_new();

    CHECK_OUT(x, "{'browser':'version','greaterThanOrEquals':[100]}");
    x.rq.user_agent = S(CHROME);
    CHECK_IN(x, "{'browser':'version','greaterThanOrEquals':[100]}");
    CHECK_IN(x, "{'library':'chrome'}");
    x.rq.client_hints =
        fixture_json(t, "{'mobile':true,'platform':'Android','model':'Pixel 7',"
                        "'browserUAWithMajorVersion':'\\u0022Microsoft Edge\\u0022;v=\\u0022115\\u0022'}");
    x.rq.screen = fixture_json(t, "{'width':412,'height':915}");
    CHECK_IN(x, "{'browser':'type','equals':['edge']}");
    CHECK_IN(x, "{'mobile':'isMobilePhone','exists':[true]}");
    CHECK_IN(x, "{'mobile':'deviceVendor','equals':['google']}");
    CHECK_IN(x, "{'mobile':'deviceMarketingName','contains':['pixel']}");
    CHECK_IN(x, "{'mobile':'screenWidth','lessThan':[500]}");
    CHECK_IN(x, "{'mobile':'os','matches':['android']}");
    CHECK_OUT(x, "{'library':'tabletDevice'}");
}

TEST(category_places) /* [TARGET 12.59] */
{
    struct asked x = asked_new();

    x.rq.geo = fixture_json(t, "{'countryCode':'US','stateCode':'CA','city':'San Jose','zip':'95113','latitude':37.33,"
                               "'ispName':'Northnet','connectionSpeed':'cable'}");
    CHECK_IN(x, "{'geo':'country','matches':['us']}");
    CHECK_IN(x, "{'geo':'country','matches':['United States']}");
    CHECK_IN(x, "{'geo':'country','contains':['united']}");
    CHECK_IN(x, "{'geo':'region','matches':['california']}");
    CHECK_IN(x, "{'geo':'region','equals':['CA']}");
    CHECK_OUT(x, "{'geo':'region','equals':['texas']}");
    CHECK_IN(x, "{'geo':'city','matches':['san jose']}");
    CHECK_IN(x, "{'geo':'zip','startsWith':['951']}");
    CHECK_IN(x, "{'geo':'latitude','lessThan':['37.5']}");
    CHECK_IN(x, "{'network':'isp','equals':['northnet']}");
    CHECK_IN(x, "{'network':'speed','equals':['cable']}");
    CHECK_OUT(x, "{'network':'domain','exists':[true]}");
}

TEST(category_time_in_the_accounts_zone) /* [TARGET 12.73]: FIXTURE_NOW is a Tuesday, 12:00 UTC */
{
    struct asked x = asked_new();

    CHECK_IN(x, "{'time':'weekly','days':[2],'between':['0900','1700']}");
    CHECK_OUT(x, "{'time':'weekly','days':[1],'between':['0900','1700']}");
    x.zone_minutes = 13 * 60;
    CHECK_IN(x, "{'time':'weekly','days':[3],'between':['0100','0100']}");
    CHECK_OUT(x, "{'time':'weekly','days':[2]}");
    x.zone_minutes = -12 * 60 - 1;
    CHECK_IN(x, "{'time':'weekly','days':[1],'between':['2359','2359']}");
}

TEST(category_platform_and_customer_attributes)
{
    struct asked x = asked_new();

    x.rq.attributes = fixture_json(t, "{'loyalty':{'tier':'gold'}}");
    x.rq.customer = fixture_json(t, "{'crm':{'age':42}}");
    CHECK_IN(x, "{'aep':'loyalty.tier','equals':['gold']}");
    CHECK_IN(x, "{'crs':'crm.age','greaterThan':[40]}");
    CHECK_OUT(x, "{'crs':'crm.name','exists':[true]}");
}
