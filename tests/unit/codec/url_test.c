#include "codec/url.h"

#include "t.h"

TEST(url_decode_known)
{
    struct arena *a = t->arena;

    CHECK_STR(url_decode(S("a%20b+c"), false, a), S("a b+c"));
    CHECK_STR(url_decode(S("a%20b+c"), true, a), S("a b c"));
    CHECK_STR(url_decode(S("%41%4a%4A"), false, a), S("AJJ"));
    CHECK_STR(url_decode(S("%"), false, a), S("%"));
    CHECK_STR(url_decode(S("%4"), false, a), S("%4"));
    CHECK_STR(url_decode(S("%4x%zz%%41"), false, a), S("%4x%zz%A"));
    CHECK_STR(url_decode(S("%00"), false, a), ((struct str){"\0", 1}));
    CHECK_STR(url_decode(S("AMCV_AAAABBBBCCCCDDDDEEEEFFFF%40AdobeOrg"), false, a),
              S("AMCV_AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg")); /* [EDGE D.3] */
    CHECK_TRUE(url_decode(S_NULL, true, a).p != NULL);
}

TEST(url_round_trip)
{
    for (int i = 0; i < 500; i++) {
        char raw[64];
        struct str s = {raw, rng_below(&t->rng, sizeof raw)};
        struct buf b;
        for (size_t k = 0; k < s.n; k++)
            raw[k] = (char)rng_u64(&t->rng);
        buf_init(&b, 1000);
        url_encode(&b, s);
        CHECK_STR(url_decode(buf_str(&b), true, t->arena), s);
        buf_deinit(&b);
    }
}

TEST(url_encode_known)
{
    struct buf b;

    buf_init(&b, 100);
    url_encode(&b, S("TS=1|MCMID=2 ~-._@\xc3\xa9"));
    CHECK_STR(buf_str(&b), S("TS%3D1%7CMCMID%3D2%20~-._%40%C3%A9"));
    buf_deinit(&b);
}

TEST(url_decode_without_memory)
{
    struct arena small;

    arena_init(&small, 16);
    CHECK_TRUE(url_decode(S("0123456789012345"), false, &small).p == NULL);
    CHECK_STR(url_decode(S("012345678901234"), false, &small), S("012345678901234"));
    arena_deinit(&small);
}

TEST(url_query_walk)
{
    struct str rest = S("a=1&&b&=x&c=2=3&d="), name = S_NULL, value = S_NULL;
    const char *want[][2] = {{"a", "1"}, {"b", ""}, {"", "x"}, {"c", "2=3"}, {"d", ""}};

    for (int i = 0; i < 5; i++) {
        CHECK_TRUE(url_query_next(&rest, &name, &value));
        CHECK_STR(name, str_of(want[i][0]));
        CHECK_STR(value, str_of(want[i][1]));
        CHECK_TRUE(value.p != NULL);
    }
    CHECK_TRUE(!url_query_next(&rest, &name, &value));
    rest = S("");
    CHECK_TRUE(!url_query_next(&rest, &name, &value));
    rest = S_NULL;
    CHECK_TRUE(!url_query_next(&rest, &name, &value));
    rest = S("&");
    CHECK_TRUE(!url_query_next(&rest, &name, &value));
}

TEST(url_parse_known)
{
    static const struct {
        const char *text, *scheme, *host, *port, *path, *query, *fragment;
    } v[] = {
        {"https://www.shop.test:8443/p?q=1#f", "https", "www.shop.test", "8443", "/p", "q=1", "f"},
        {"https://www.shop.test", "https", "www.shop.test", "", "", "", ""},
        {"http://u:p@h:1/x", "http", "h", "1", "/x", "", ""},
        {"http://a@b@c/x", "http", "c", "", "/x", "", ""},
        {"http://[::1]:80/x", "http", "::1", "80", "/x", "", ""},
        {"http://[::1/x", "http", "", "", "/x", "", ""},
        {"web://site/path/?a#b?c", "web", "site", "", "/path/", "a", "b?c"},
        {"/p?u=http://x/y", "", "", "", "/p", "u=http://x/y", ""},
        {"page.html#top", "", "", "", "page.html", "", "top"},
        {"mobileapp://com.shop.app/home", "mobileapp", "com.shop.app", "", "/home", "", ""},
        {"http://h?q", "http", "h", "", "", "q", ""},
        {"http://h#f/x", "http", "h", "", "", "", "f/x"},
        {"://x", "", "", "", "://x", "", ""},
        {"http://", "http", "", "", "", "", ""},
        {"", "", "", "", "", "", ""},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct url u = url_parse(str_of(v[i].text));
        CHECK_STR(u.scheme, str_of(v[i].scheme));
        CHECK_STR(u.host, str_of(v[i].host));
        CHECK_STR(u.port, str_of(v[i].port));
        CHECK_STR(u.path, str_of(v[i].path));
        CHECK_STR(u.query, str_of(v[i].query));
        CHECK_STR(u.fragment, str_of(v[i].fragment));
    }
}
