#include "codec/base64.h"

#include "t.h"

static struct str
encode(struct t *t, struct str s, bool url)
{
    struct buf b;
    struct str out;

    buf_init(&b, 4096);
    if (url)
        base64url_encode(&b, s);
    else
        base64_encode(&b, s);
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* [RFC 4648 10] */
TEST(base64_rfc_vectors)
{
    static const char *const v[][3] = {{"", "", ""},
                                       {"f", "Zg==", "Zg"},
                                       {"fo", "Zm8=", "Zm8"},
                                       {"foo", "Zm9v", "Zm9v"},
                                       {"foob", "Zm9vYg==", "Zm9vYg"},
                                       {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                       {"foobar", "Zm9vYmFy", "Zm9vYmFy"}};

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        CHECK_STR(encode(t, str_of(v[i][0]), false), str_of(v[i][1]));
        CHECK_STR(encode(t, str_of(v[i][0]), true), str_of(v[i][2]));
        CHECK_STR(base64_decode(str_of(v[i][1]), t->arena), str_of(v[i][0]));
        CHECK_STR(base64_decode(str_of(v[i][2]), t->arena), str_of(v[i][0]));
        CHECK_TRUE(base64_decode(str_of(v[i][1]), t->arena).p != NULL);
    }
}

/* The identity cookie, in both alphabets [EDGE D.1]. */
TEST(base64_identity_cookie)
{
    static const unsigned char raw[] = {
        0x0a, 0x26, 0x34, 0x36, 0x31, 0x31, 0x36, 0x38, 0x36, 0x30, 0x31, 0x38, 0x34, 0x32, 0x37, 0x33, 0x38,
        0x37, 0x39, 0x30, 0x34, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x30, 0x31, 0x32, 0x33,
        0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x52, 0x10, 0x08, 0x80, 0xf8, 0xa5, 0xf9, 0xc1, 0x32, 0x10, 0x01,
        0x18, 0x01, 0x2a, 0x03, 0x4f, 0x52, 0x32, 0xf0, 0x01, 0x80, 0xf8, 0xa5, 0xf9, 0xc1, 0x32};
    struct str bytes = {(const char *)raw, sizeof raw};
    struct str url = S("CiY0NjExNjg2MDE4NDI3Mzg3OTA0MTIzNDU2Nzg5MDEyMzQ1Njc4OVIQCID4pfnBMhABGAEqA09SMvABgPil-cEy");
    struct str standard = S("CiY0NjExNjg2MDE4NDI3Mzg3OTA0MTIzNDU2Nzg5MDEyMzQ1Njc4OVIQCID4pfnBMhABGAEqA09SMvABgPil+cEy");

    CHECK_STR(encode(t, bytes, true), url);
    CHECK_STR(encode(t, bytes, false), standard);
    CHECK_STR(base64_decode(url, t->arena), bytes);
    CHECK_STR(base64_decode(standard, t->arena), bytes);
}

TEST(base64_round_trip)
{
    for (int i = 0; i < 2000; i++) {
        char raw[100];
        struct str s = {raw, rng_below(&t->rng, sizeof raw)};
        for (size_t k = 0; k < s.n; k++)
            raw[k] = (char)rng_u64(&t->rng);
        CHECK_STR(base64_decode(encode(t, s, i & 1), t->arena), s);
    }
}

TEST(base64_refuses)
{
    static const char *const bad[] = {"A",    "AAAAA", "AA=",   "AAA==", "A===",     "====",     "=",         "AA==A",
                                      "A A=", "AA\n=", "AAAA=", "AA*A",  "Zg==Zg==", "AAAA====", "\xc3\xa9Zg"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_TRUE(base64_decode(str_of(bad[i]), t->arena).p == NULL);
    CHECK_TRUE(base64_decode((struct str){"AA\0A", 4}, t->arena).p == NULL);
}

TEST(base64_limits)
{
    struct arena small;
    struct buf b;

    arena_init(&small, 16);
    CHECK_TRUE(base64_decode(S("AAAAAAAAAAAAAAAAAAAAAAAA"), &small).p == NULL);
    arena_deinit(&small);
    buf_init(&b, 4);
    base64_encode(&b, S("abc"));
    CHECK_TRUE(buf_ok(&b) && b.n == 4);
    base64_encode(&b, S("a"));
    CHECK_TRUE(!buf_ok(&b) && b.n == 4);
    buf_deinit(&b);
}
