#include "codec/sha256.h"

#include "t.h"

static struct str
hex_of(struct t *t, struct str bytes)
{
    unsigned char out[32];
    char *text = arena_alloc(t->arena, 64);

    sha256(bytes, out);
    for (int i = 0; i < 32; i++) {
        text[2 * i] = "0123456789abcdef"[out[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
    }
    return (struct str){text, 64};
}

/* The published examples of FIPS 180-4. */
TEST(sha256_standard_vectors)
{
    char *million = arena_alloc(t->arena, 1000000);

    CHECK_STR(hex_of(t, S("")), S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK_STR(hex_of(t, S_NULL), S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK_STR(hex_of(t, S("abc")), S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK_STR(hex_of(t, S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              S("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    memset(million, 'a', 1000000);
    CHECK_STR(hex_of(t, (struct str){million, 1000000}),
              S("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

/* Lengths around the end of a block, where padding goes wrong; values from another implementation. */
TEST(sha256_padding_boundaries)
{
    static const struct {
        size_t n;
        const char *hex;
    } v[] = {
        {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"},
        {56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"},
        {57, "2fe741af801cc238602ac0ec6a7b0c3a8a87c7fc7d7f02a3fe03d1c12eac4d8f"},
        {63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"},
        {64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"},
        {65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"},
        {119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"},
        {120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"},
        {127, "92ca0fa6651ee2f97b884b7246a562fa71250fedefe5ebf270d31c546bfea976"},
        {128, "471fb943aa23c511f6f72f8d1652d9c880cfa392ad80503120547703e56a2be5"},
    };
    char bytes[128];

    for (int i = 0; i < 128; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        CHECK_STR(hex_of(t, (struct str){bytes, v[i].n}), str_of(v[i].hex));
}

TEST(sha256_fpid_seed) /* [EDGE D.2] */
{
    struct str seed = S("edge-ecid-v1\0AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg\0b7f3a1d2-5c64-4e0f-9a1b-2d3c4e5f6071");

    CHECK_STR(hex_of(t, seed), S("472827c574caf0768ac7d72b01ed7ba5c773d4d7ab7c15db98bb631d00e6b47a"));
}
