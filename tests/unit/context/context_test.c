/* context_test.c - user agents and URLs against the recorded vectors [TARGET 5.4]. */
#include "context/agent.h"
#include "context/page_url.h"

#include "codec/json.h"
#include "t.h"

static const struct json *
section(struct t *t, const char *name)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(t_read(t, "vectors/target-context.json"), t->arena, &root, d));
    return json_get(root, str_of(name));
}

TEST(context_user_agent_vectors) /* [TARGET 12.134] */
{
    struct json_iter it = json_iter(section(t, "userAgent"));
    size_t n = 0;

    for (; json_next(&it); n++) {
        struct user_agent ua = user_agent_parse(json_str(json_get(it.value, S("userAgent"))));
        CHECK_STR(ua.browser, json_str(json_get(it.value, S("browserType"))));
        CHECK_EQ(ua.version, json_i64(json_get(it.value, S("browserVersion")), -7));
        CHECK_STR(ua.platform, json_str(json_get(it.value, S("platform"))));
    }
    CHECK_EQ(n, 19);
}

TEST(context_client_hint_vectors) /* [TARGET 12.134] */
{
    struct json_iter it = json_iter(section(t, "clientHints"));
    size_t n = 0;

    for (; json_next(&it); n++) {
        struct user_agent ua =
            user_agent_with_hints(json_str(json_get(it.value, S("userAgent"))), json_get(it.value, S("clientHints")));
        CHECK_STR(ua.browser, json_str(json_get(it.value, S("browserType"))));
        CHECK_EQ(ua.version, json_i64(json_get(it.value, S("browserVersion")), -7));
        CHECK_STR(ua.platform, json_str(json_get(it.value, S("platform"))));
    }
    CHECK_EQ(n, 6);
}

TEST(context_devices)
{
    struct user_agent ipad =
        user_agent_parse(S("Mozilla/5.0 (iPad; CPU OS 14_7 like Mac OS X) Version/14.1 Mobile/15E148 Safari/604.1"));
    struct user_agent phone =
        user_agent_parse(S("Mozilla/5.0 (Linux; Android 13; Pixel 7) Chrome/116.0 Mobile Safari/537.36"));
    struct user_agent slate =
        user_agent_parse(S("Mozilla/5.0 (Linux; Android 13; SM-X700) Chrome/116.0 Safari/537.36"));
    struct user_agent opera = user_agent_parse(S("Mozilla/5.0 (Windows NT 10.0) Chrome/114.0 Safari/537.36 OPR/100.0"));

    CHECK_TRUE(ipad.ipad && ipad.tablet && !ipad.phone && !ipad.iphone);
    CHECK_TRUE(phone.phone && !phone.tablet);
    CHECK_TRUE(slate.tablet && !slate.phone);
    CHECK_TRUE(opera.opera && !opera.phone && !opera.tablet);
}

TEST(context_url_vectors) /* [TARGET 12.134] */
{
    struct json_iter it = json_iter(section(t, "url"));
    size_t n = 0;

    for (; json_next(&it); n++) {
        struct str url = json_str(json_get(it.value, S("url")));
        struct page_url u = page_url_parse(url);
        struct host_parts parts = host_split(u.host);
        CHECK_STR(u.path, json_str(json_get(it.value, S("path"))));
        CHECK_STR(u.query, json_str(json_get(it.value, S("query"))));
        CHECK_STR(u.fragment, json_str(json_get(it.value, S("fragment"))));
        CHECK_TRUE(str_eq_nocase(parts.registrable, json_str(json_get(it.value, S("domain")))));
        CHECK_TRUE(str_eq_nocase(parts.subdomain, json_str(json_get(it.value, S("subdomain")))));
        CHECK_TRUE(str_eq_nocase(parts.suffix, json_str(json_get(it.value, S("topLevelDomain")))));
    }
    CHECK_EQ(n, 32);
}

TEST(context_an_at_sign_behind_the_host_is_no_user) /* OURS */
{
    struct page_url u = page_url_parse(S("https://www.shop.test/a?mail=joe@example.com"));

    CHECK_STR(u.host, S("www.shop.test"));
    CHECK_STR(u.path, S("/a"));
    CHECK_STR(u.query, S("mail=joe@example.com"));
}

TEST(context_first_of_a_repeated_query_parameter)
{
    struct str v;

    CHECK_TRUE(query_value(S("x=1&x=2&y&z="), S("x"), &v));
    CHECK_STR(v, S("1"));
    CHECK_TRUE(query_value(S("x=1&x=2&y&z="), S("y"), &v));
    CHECK_STR(v, S(""));
    CHECK_TRUE(query_value(S("x=1&x=2&y&z="), S("z"), &v));
    CHECK_STR(v, S(""));
    CHECK_TRUE(!query_value(S("x=1"), S("X"), &v));
    CHECK_TRUE(!query_value(S(""), S("x"), &v));
}

TEST(context_surfaces_have_one_form) /* [EDGE 5.1] */
{
    static const char *const same[][2] = {
        {"web://www.shop.test/", "web://www.shop.test/"},
        {"web://www.shop.test", "web://www.shop.test/"},
        {"web://WWW.Shop.test//", "web://www.shop.test/"},
        {"web://www.shop.test/Tents/", "web://www.shop.test/Tents"},
        {"web://www.shop.test/tents?a=/b/", "web://www.shop.test/tents"},
        {"web://www.shop.test#Hero/", "web://www.shop.test/#Hero/"},
        {"web://www.shop.test?x#a?b", "web://www.shop.test/#a?b"},
        {"webapp://APP/x/#y", "webapp://app/x#y"},
        {"web://", "web:///"},
        {"WEB://A", "WEB://A"},
        {"mobileapp://A/", "mobileapp://A/"},
        {"home-hero/", "home-hero/"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct str once = surface_canonical(str_of(same[i][0]), t->arena);
        CHECK_STR(once, str_of(same[i][1]));
        CHECK_STR(surface_canonical(once, t->arena), once);
    }
}

TEST(context_any_bytes_have_an_answer)
{
    for (int round = 0; round < 3000; round++) {
        char text[80];
        size_t n = rng_below(&t->rng, sizeof(text));
        static const char pieces[] = ":/?#@.wW[]x0 \0version/mobile/safari";
        for (size_t i = 0; i < n; i++)
            text[i] = pieces[rng_below(&t->rng, sizeof(pieces))];
        struct page_url u = page_url_parse((struct str){text, n});
        struct host_parts p = host_split(u.host);
        CHECK_TRUE(u.path.n + u.query.n + u.fragment.n + u.host.n <= n);
        CHECK_TRUE(p.subdomain.n + p.registrable.n <= u.host.n);
        (void)user_agent_parse((struct str){text, n});
    }
}
