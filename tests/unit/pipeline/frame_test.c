/* Frames: what makes one valid, and what tells a torn tail from damage. */
#include "codec/frame.h"

#include "base/limits.h"
#include "t.h"

#define MAGIC "TESTFRM\n"

static size_t
frame_of(char *at, struct str body, uint64_t number, uint32_t synced)
{
    memcpy(at + FRAME_HEADER_BYTES, body.p, body.n);
    frame_seal(at,
               &(struct frame_seal){
                   .salt = 7, .body_bytes = (uint32_t)body.n, .number = number, .synced_bytes = synced, .count = 1});
    return FRAME_HEADER_BYTES + body.n;
}

TEST(frame_file_header_round_trip)
{
    struct frame_file in = {2, 5, 12345678901234u, 99}, out;
    char bytes[FRAME_FILE_BYTES];

    frame_file_encode(MAGIC, &in, bytes);
    CHECK_OK(frame_file_decode((struct str){bytes, sizeof bytes}, MAGIC, 2, &out, d));
    CHECK_EQ(out.version, 2);
    CHECK_EQ(out.flags, 5);
    CHECK_EQ(out.number, 12345678901234u);
    CHECK_EQ(out.salt, 99);
    CHECK_ERR(frame_file_decode((struct str){bytes, sizeof bytes}, MAGIC, 1, &out, d), ERR_UNSUPPORTED);
    CHECK_ERR(frame_file_decode((struct str){bytes, sizeof bytes}, "OTHERMG\n", 2, &out, d), ERR_CORRUPT);
    CHECK_ERR(frame_file_decode((struct str){bytes, sizeof bytes - 1}, MAGIC, 2, &out, d), ERR_CORRUPT);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        CHECK_ERR(frame_file_decode((struct str){bytes, sizeof bytes}, MAGIC, 2, &out, d), ERR_CORRUPT);
        bytes[i] ^= 1;
    }
}

TEST(frame_every_flipped_byte_shows)
{
    char bytes[100];
    struct frame f;
    size_t n = frame_of(bytes, S("some body"), 42, 1000);

    CHECK_EQ(frame_decode((struct str){bytes, n}, 7, &f), FRAME_OK);
    CHECK_EQ(f.number, 42);
    CHECK_EQ(f.synced_bytes, 1000);
    CHECK_EQ(f.bytes, n);
    CHECK_STR(f.body, S("some body"));
    CHECK_EQ(frame_decode((struct str){bytes, n}, 8, &f), FRAME_BAD);
    for (size_t i = 0; i < n; i++)
        CHECK_EQ(frame_decode((struct str){bytes, i}, 7, &f), FRAME_SHORT);
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            CHECK_TRUE(frame_decode((struct str){bytes, n}, 7, &f) != FRAME_OK);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
        }
    }
}

TEST(frame_zeros_are_no_frame)
{
    char zeros[200] = {0};
    struct frame f;

    CHECK_EQ(frame_decode((struct str){zeros, sizeof zeros}, 0, &f), FRAME_BAD);
    CHECK_EQ(frame_decode((struct str){zeros, sizeof zeros}, 7, &f), FRAME_BAD);
}

TEST(frame_longer_than_the_limit_is_no_frame)
{
    char bytes[FRAME_HEADER_BYTES] = {0};
    struct frame f;

    frame_store32(bytes, LIMIT_FRAME_BYTES);
    CHECK_EQ(frame_decode((struct str){bytes, sizeof bytes}, 7, &f), FRAME_SHORT);
    frame_store32(bytes, LIMIT_FRAME_BYTES + 1);
    CHECK_EQ(frame_decode((struct str){bytes, sizeof bytes}, 7, &f), FRAME_BAD);
}

TEST(frame_lost_needs_a_later_frame_that_knew_of_the_sync)
{
    char rest[400];
    struct frame_hole hole = {1000, 5, 7};
    size_t n = frame_of(rest, S("first, damaged below"), 5, 900);
    size_t second = n;

    n += frame_of(rest + n, S("second"), 6, 1000);
    rest[30] ^= 1;
    CHECK_TRUE(!frame_lost((struct str){rest, n}, &hole)); /* nothing says that byte 1000 and on were synced */
    (void)frame_of(rest + second, S("second"), 6, 1001);
    CHECK_TRUE(frame_lost((struct str){rest, n}, &hole));
    CHECK_TRUE(!frame_lost((struct str){rest, n - 1}, &hole));
    hole.salt = 8; /* a frame inside a value that a client has sent */
    CHECK_TRUE(!frame_lost((struct str){rest, n}, &hole));
    hole.salt = 7;
    hole.number_min = 7; /* older than what is missing */
    CHECK_TRUE(!frame_lost((struct str){rest, n}, &hole));
}
