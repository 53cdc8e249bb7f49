/* hmac_test.c - the vectors of [RFC 4231]. */
#include "codec/hmac.h"

#include "t.h"

static struct str
hex(struct t *t, const unsigned char *p)
{
    char *out = arena_alloc(t->arena, 64);

    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    return (struct str){out, 64};
}

TEST(hmac_rfc4231)
{
    unsigned char out[32], again[32];
    char long_key[131];

    memset(long_key, 0xaa, sizeof long_key);
    CHECK_TRUE(hmac_sha256(S("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
                           S("Hi There"), t->arena, out));
    CHECK_STR(hex(t, out), S("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    CHECK_TRUE(hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), t->arena, out));
    CHECK_STR(hex(t, out), S("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    CHECK_TRUE(hmac_sha256((struct str){long_key, sizeof long_key},
                           S("Test Using Larger Than Block-Size Key - Hash Key First"), t->arena, out));
    CHECK_STR(hex(t, out), S("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    CHECK_TRUE(hmac_sha256(S("Jefe"), S(""), t->arena, again));
    CHECK_TRUE(hmac_equal(out, out) && !hmac_equal(out, again));
}
