/* ECIDs, first-party seeds and the identity cookie: the vectors of [EDGE D.1, D.2], and malformed cookies. */
#include "identity/ecid.h"

#include "base/limits.h"
#include "base/map.h"
#include "codec/base64.h"
#include "t.h"

#define ECID_SAMPLE "46116860184273879041234567890123456789"
#define COOKIE_SAMPLE "CiY0NjExNjg2MDE4NDI3Mzg3OTA0MTIzNDU2Nzg5MDEyMzQ1Njc4OVIQCID4pfnBMhABGAEqA09SMvABgPil-cEy"

static struct ecid_cookie
sample(void)
{
    return (struct ecid_cookie){.ecid = S(ECID_SAMPLE),
                                .created_ms = 1735689600000,
                                .is_new = true,
                                .device_type = 1,
                                .region = S("OR2"),
                                .source = ECID_RANDOM,
                                .write_time_ms = 1735689600000};
}

static struct str
written(struct t *t, const struct ecid_cookie *c)
{
    struct buf b;
    struct str s;

    buf_init(&b, 8192);
    ecid_cookie_write(&b, c);
    CHECK_TRUE(buf_ok(&b));
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* URL-safe base64 of hex bytes. */
static struct str
cookie_of_hex(struct t *t, const char *hex)
{
    struct buf bytes, text;
    struct str s;

    buf_init(&bytes, 8192);
    buf_init(&text, 16384);
    for (; hex[0] != '\0'; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};
        buf_putc(&bytes, (char)strtoul(pair, NULL, 16));
    }
    base64url_encode(&text, buf_str(&bytes));
    s = arena_str(t->arena, buf_str(&text));
    buf_deinit(&bytes);
    buf_deinit(&text);
    return s;
}

TEST(ecid_cookie_vector) /* [EDGE D.1] */
{
    struct ecid_cookie c = sample(), back;

    CHECK_STR(written(t, &c), S(COOKIE_SAMPLE));
    CHECK_TRUE(ecid_cookie_read(S(COOKIE_SAMPLE), t->arena, &back));
    CHECK_STR(back.ecid, c.ecid);
    CHECK_EQ(back.created_ms, c.created_ms);
    CHECK_EQ(back.is_new, true);
    CHECK_EQ(back.device_type, 1);
    CHECK_STR(back.region, S("OR2"));
    CHECK_EQ(back.source, ECID_RANDOM);
    CHECK_EQ(back.write_time_ms, c.write_time_ms);
}

TEST(ecid_cookie_standard_alphabet)
{
    struct ecid_cookie back;

    CHECK_TRUE(
        ecid_cookie_read(S("CiY0NjExNjg2MDE4NDI3Mzg3OTA0MTIzNDU2Nzg5MDEyMzQ1Njc4OVIQCID4pfnBMhABGAEqA09SMvABgPil+cEy"),
                         t->arena, &back));
    CHECK_STR(back.ecid, S(ECID_SAMPLE));
}

TEST(ecid_cookie_skips_unknown_fields) /* fields 20 and 22 of old third-party cookies, a fixed64, a fixed32, a string */
{
    struct ecid_cookie back;
    struct str value;

    value = cookie_of_hex(t, "a00105b00107f9010102030405060708"
                             "0a263436313136383630313834323733383739303431323334353637383930313233343536373839"
                             "fd0101020304820203616263f001808001");
    CHECK_TRUE(ecid_cookie_read(value, t->arena, &back));
    CHECK_STR(back.ecid, S(ECID_SAMPLE));
    CHECK_EQ(back.write_time_ms, 16384);
}

TEST(ecid_cookie_errors_are_no_identity)
{
    struct ecid_cookie back;

    CHECK_TRUE(!ecid_cookie_read(S(""), t->arena, &back));
    CHECK_TRUE(!ecid_cookie_read(S("!!!"), t->arena, &back));
    CHECK_TRUE(!ecid_cookie_read(S("AAAA"), t->arena, &back));                  /* field number 0 */
    CHECK_TRUE(!ecid_cookie_read(cookie_of_hex(t, "f00101"), t->arena, &back)); /* no ECID */
    CHECK_TRUE(!ecid_cookie_read(cookie_of_hex(t, "0a03313233"), t->arena, &back));
    CHECK_TRUE(!ecid_cookie_read(cookie_of_hex(t, "0a7f31"), t->arena, &back));
    CHECK_TRUE(!ecid_cookie_read(cookie_of_hex(t, "0b"), t->arena, &back)); /* a group */
    CHECK_TRUE(!ecid_cookie_read(cookie_of_hex(t, "08ffffffffffffffffffffff01"), t->arena, &back));
}

TEST(ecid_cookie_every_cut_is_refused)
{
    struct ecid_cookie back;
    struct str whole = base64_decode(S(COOKIE_SAMPLE), t->arena);

    for (size_t n = 1; n < whole.n; n++) {
        struct buf b;
        bool ok;
        buf_init(&b, 8192);
        base64url_encode(&b, str_slice(whole, 0, n));
        ok = ecid_cookie_read(buf_str(&b), t->arena, &back);
        buf_deinit(&b);
        CHECK_EQ(ok, n == 40 || n == 58); /* only between top-level fields may it end */
    }
}

TEST(ecid_cookie_limit)
{
    struct ecid_cookie c = sample(), back;
    char *region = arena_alloc(t->arena, LIMIT_COOKIE_IDENTITY_BYTES);
    struct str value;

    memset(region, 'x', LIMIT_COOKIE_IDENTITY_BYTES);
    c.region = (struct str){region, 3000};
    value = written(t, &c);
    CHECK_TRUE(value.n <= LIMIT_COOKIE_IDENTITY_BYTES);
    CHECK_TRUE(ecid_cookie_read(value, t->arena, &back));
    c.region.n = 3060;
    value = written(t, &c);
    CHECK_TRUE(value.n > LIMIT_COOKIE_IDENTITY_BYTES);
    CHECK_TRUE(!ecid_cookie_read(value, t->arena, &back));
}

TEST(ecid_from_fpid_vector) /* [EDGE D.2] */
{
    char out[ECID_BYTES];

    ecid_from_fpid(S("AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg"), S("b7f3a1d2-5c64-4e0f-9a1b-2d3c4e5f6071"), out);
    CHECK_STR(((struct str){out, ECID_BYTES}), S("51273919047828071580776826040460606373"));
}

TEST(ecid_minted_ones_are_distinct) /* [EDGE B] 82 */
{
    char out[ECID_BYTES];
    struct map seen;

    map_init(&seen);
    for (int i = 0; i < 10000; i++) {
        struct str s;
        ecid_mint(&t->rng, out);
        s = arena_str(t->arena, (struct str){out, ECID_BYTES});
        CHECK_TRUE(ecid_valid(s));
        CHECK_TRUE(map_get(&seen, s) == NULL);
        CHECK_TRUE(map_put(&seen, s, &seen, NULL));
    }
    map_deinit(&seen);
}

TEST(ecid_mint_is_valid)
{
    char out[ECID_BYTES];

    for (int i = 0; i < 1000; i++) {
        struct str s = {out, ECID_BYTES};
        ecid_mint(&t->rng, out);
        CHECK_TRUE(ecid_valid(s));
        CHECK_TRUE(str_cmp(str_slice(s, 0, 19), S("9223372036854775807")) <= 0);
        CHECK_TRUE(str_cmp(str_slice(s, 19, 38), S("9223372036854775807")) <= 0);
    }
}

TEST(ecid_valid_is_38_digits)
{
    CHECK_TRUE(ecid_valid(S("99999999999999999999999999999999999999"))); /* halves out of range are accepted */
    CHECK_TRUE(!ecid_valid(S("9999999999999999999999999999999999999")));
    CHECK_TRUE(!ecid_valid(S("999999999999999999999999999999999999999")));
    CHECK_TRUE(!ecid_valid(S("9999999999999999999999999999999999999a")));
    CHECK_TRUE(!ecid_valid(S("")));
}

TEST(ecid_cookie_round_trip)
{
    for (int i = 0; i < 300; i++) {
        char ecid[ECID_BYTES];
        struct ecid_cookie c = {.created_ms = (int64_t)(rng_u64(&t->rng) >> (rng_below(&t->rng, 63) + 1)),
                                .is_new = rng_below(&t->rng, 2) == 1,
                                .device_type = (unsigned)rng_below(&t->rng, 3),
                                .region = rng_below(&t->rng, 2) ? S("VA6") : S_NULL,
                                .source = (enum ecid_source)rng_below(&t->rng, 4),
                                .write_time_ms = (int64_t)(rng_u64(&t->rng) >> (rng_below(&t->rng, 63) + 1))};
        struct ecid_cookie back;
        ecid_mint(&t->rng, ecid);
        c.ecid = (struct str){ecid, ECID_BYTES};
        CHECK_TRUE(ecid_cookie_read(written(t, &c), t->arena, &back));
        CHECK_STR(back.ecid, c.ecid);
        CHECK_EQ(back.created_ms, c.created_ms);
        CHECK_EQ(back.is_new, c.is_new);
        CHECK_EQ(back.device_type, c.device_type);
        CHECK_STR(back.region, c.region);
        CHECK_EQ(back.source, c.source);
        CHECK_EQ(back.write_time_ms, c.write_time_ms);
    }
}
