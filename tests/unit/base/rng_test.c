#include "base/rng.h"

#include "t.h"

/* Computed from the authors' C code: splitmix64 of 0 into xoshiro256**. */
TEST(rng_is_xoshiro256ss)
{
    struct rng r;

    rng_seed(&r, 0);
    CHECK_EQ(r.s[0], 0xe220a8397b1dcdafu); /* published splitmix64 outputs of seed 0 */
    CHECK_EQ(r.s[1], 0x6e789e6aa1b965f4u);
    CHECK_EQ(r.s[2], 0x06c45d188009454fu);
    CHECK_EQ(r.s[3], 0xf88bb8a8724c81ecu);
    r = (struct rng){{1, 2, 3, 4}};
    CHECK_EQ(rng_u64(&r), 11520);
    CHECK_EQ(rng_u64(&r), 0);
    CHECK_EQ(rng_u64(&r), 1509978240);
    CHECK_EQ(rng_u64(&r), 1215971899390074240);
}

TEST(rng_below_and_f64_stay_in_range)
{
    unsigned seen[10] = {0};

    for (int i = 0; i < 20000; i++) {
        double x = rng_f64(&t->rng);
        CHECK_TRUE(x >= 0 && x < 1);
        seen[rng_below(&t->rng, 10)]++;
        CHECK_EQ(rng_below(&t->rng, 1), 0);
    }
    for (int i = 0; i < 10; i++)
        CHECK_TRUE(seen[i] > 1700 && seen[i] < 2300);
}

TEST(rng_uuid_is_version_4)
{
    char a[UUID_TEXT_BYTES], b[UUID_TEXT_BYTES];

    for (int i = 0; i < 200; i++) {
        rng_uuid(&t->rng, a);
        for (int k = 0; k < UUID_TEXT_BYTES; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            CHECK_TRUE(dash ? a[k] == '-' : strchr("0123456789abcdef", a[k]) != NULL);
        }
        CHECK_EQ(a[14], '4');
        CHECK_TRUE(strchr("89ab", a[19]) != NULL);
        rng_uuid(&t->rng, b);
        CHECK_TRUE(memcmp(a, b, sizeof a) != 0);
    }
}
