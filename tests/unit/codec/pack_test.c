#include "codec/pack.h"

#include "t.h"

TEST(pack_golden_bytes)
{
    struct buf b;

    buf_init(&b, 200);
    pack_u64(&b, 0);
    pack_u64(&b, 127);
    pack_u64(&b, 128);
    pack_u64(&b, 300);
    pack_i64(&b, -1);
    pack_i64(&b, 1);
    pack_fixed32(&b, 0x04030201);
    pack_fixed64(&b, 0x0807060504030201);
    pack_f64(&b, 1.0);
    pack_str(&b, S("ab"));
    CHECK_STR(buf_str(&b), S("\x00\x7f\x80\x01\xac\x02\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08"
                             "\x00\x00\x00\x00\x00\x00\xf0\x3f\x02"
                             "ab"));
    buf_deinit(&b);
}

TEST(pack_round_trip)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (int round = 0; round < 300; round++) {
        uint64_t u = rng_u64(&t->rng) >> rng_below(&t->rng, 64), w = rng_u64(&t->rng);
        int64_t i = (int64_t)(rng_u64(&t->rng)) >> rng_below(&t->rng, 64);
        char raw[300];
        struct str s = {raw, rng_below(&t->rng, sizeof raw)};
        struct unpack r;
        double f = (double)i / 7;
        memset(raw, (int)(u & 0xff), sizeof raw);
        buf_clear(&b);
        pack_u64(&b, u);
        pack_i64(&b, i);
        pack_fixed32(&b, (uint32_t)w);
        pack_fixed64(&b, w);
        pack_f64(&b, f);
        pack_str(&b, s);
        r = unpack_from(buf_str(&b));
        CHECK_EQ(unpack_u64(&r), u);
        CHECK_EQ(unpack_i64(&r), i);
        CHECK_EQ(unpack_fixed32(&r), (uint32_t)w);
        CHECK_EQ(unpack_fixed64(&r), w);
        CHECK_TRUE(unpack_f64(&r) == f);
        CHECK_STR(unpack_str(&r), s);
        CHECK_TRUE(!r.bad);
        CHECK_EQ(unpack_left(&r), 0);
    }
    buf_deinit(&b);
}

TEST(pack_extremes)
{
    struct buf b;
    struct unpack r;

    buf_init(&b, 200);
    pack_u64(&b, UINT64_MAX);
    CHECK_EQ(b.n, 10);
    pack_i64(&b, INT64_MIN);
    pack_i64(&b, INT64_MAX);
    pack_str(&b, S_NULL);
    r = unpack_from(buf_str(&b));
    CHECK_TRUE(unpack_u64(&r) == UINT64_MAX);
    CHECK_TRUE(unpack_i64(&r) == INT64_MIN);
    CHECK_TRUE(unpack_i64(&r) == INT64_MAX);
    CHECK_EQ(unpack_str(&r).n, 0);
    CHECK_TRUE(!r.bad);
    buf_deinit(&b);
}

TEST(pack_malformed_reads_stay_bad)
{
    struct unpack r = unpack_from(S("\x05"
                                    "abc"));

    CHECK_EQ(unpack_str(&r).n, 0); /* five bytes promised, three there */
    CHECK_TRUE(r.bad);
    CHECK_EQ(unpack_u64(&r), 0);
    CHECK_EQ(unpack_left(&r), 0);
    r = unpack_from(S("\x80\x80"));
    CHECK_EQ(unpack_u64(&r), 0);
    CHECK_TRUE(r.bad);
    r = unpack_from(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")); /* bit 64 */
    CHECK_EQ(unpack_u64(&r), 0);
    CHECK_TRUE(r.bad);
    r = unpack_from(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    (void)unpack_u64(&r);
    CHECK_TRUE(r.bad);
    r = unpack_from(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* a length near 2^64 */
                      "x"));
    CHECK_EQ(unpack_str(&r).n, 0);
    CHECK_TRUE(r.bad);
    r = unpack_from(S("abc"));
    CHECK_EQ(unpack_fixed32(&r), 0);
    CHECK_TRUE(r.bad);
    r = unpack_from(S_NULL);
    CHECK_TRUE(!r.bad && unpack_left(&r) == 0);
    CHECK_TRUE(unpack_f64(&r) == 0 && r.bad);
}
