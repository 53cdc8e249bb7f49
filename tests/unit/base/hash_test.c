#include "base/hash.h"

#include "t.h"

/* The reference vectors of SipHash's authors: key 00..0f, input 00..n-1. */
TEST(hash_siphash_2_4_vectors)
{
    static const struct {
        size_t n;
        uint64_t want;
    } v[] = {
        {0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au},  {7, 0xab0200f58b01d137u},
        {8, 0x93f5f5799a932462u}, {15, 0xa129ca6149be45e5u}, {63, 0x958a324ceb064572u},
    };
    struct hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    char in[64];

    for (int i = 0; i < 64; i++)
        in[i] = (char)i;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        CHECK_EQ(hash_mac(key, (struct str){in, v[i].n}), v[i].want);
}

/* SipHash-1-3 as in CPython and Rust: same key and input. */
TEST(hash_siphash_1_3_vectors)
{
    static const struct {
        size_t n;
        uint64_t want;
    } v[] = {{0, 0xabac0158050fc4dcu}, {1, 0xc9f49bf37d57ca93u},  {2, 0x82cb9b024dc7d44du}, {7, 0xd3927d989bb11140u},
             {8, 0x369095118d299a8eu}, {15, 0xd320d86d2a519956u}, {63, 0x9d199062b7bbb3a8u}};
    struct hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    char in[64];

    for (int i = 0; i < 64; i++)
        in[i] = (char)i;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        CHECK_EQ(hash_keyed(key, (struct str){in, v[i].n}), v[i].want);
    CHECK_TRUE(hash_keyed(key, S_NULL) == hash_keyed(key, S("")));
}

/* [RFC 3720 B.4] and the check value of the CRC catalogue. */
TEST(hash_crc32c_vectors)
{
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];

    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
    CHECK_EQ(crc32c(0, zeros, 32), 0x8a9136aau);
    CHECK_EQ(crc32c(0, ones, 32), 0x62a8ab43u);
    CHECK_EQ(crc32c(0, up, 32), 0x46dd794eu);
    CHECK_EQ(crc32c(0, down, 32), 0x113fdb5cu);
    CHECK_EQ(crc32c(0, "", 0), 0);
}

TEST(hash_crc32c_continues)
{
    char bytes[3000]; /* long ones are summed in lanes */

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)rng_u64(&t->rng);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 61)
        CHECK_EQ(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut), crc32c(0, bytes, sizeof bytes));
}

TEST(hash_xxh3_empty)
{
    CHECK_EQ(hash_bytes(S_NULL, 0), 0x2d06800538d394c2u); /* published vector of the empty input */
    CHECK_TRUE(hash_bytes(S("a"), 0) != hash_bytes(S("a"), 1));
}
