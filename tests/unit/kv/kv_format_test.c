/* The bytes of docs/formats/kv.md. The golden texts were made from the page by another program, not by this code. */
#include "kv_help.h"

#define GOLDEN_SALT 0x01020304u

static struct str
hex(struct t *t, const char *p, size_t n)
{
    char *out = arena_alloc(t->arena, 2 * n + 1);

    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(unsigned char)p[i]);
    return (struct str){out, 2 * n};
}

/* The golden frame; *n receives its bytes. */
static char *
golden(struct t *t, size_t *n)
{
    struct kv_positions positions = {0};
    char *frame = arena_alloc(t->arena, 1000), *at = frame + FRAME_HEADER_BYTES;

    kv_entry_encode(at, S("key"), S("value"), 1234, 0);
    at += KV_ENTRY_BYTES + 8;
    kv_entry_encode(at, S("gone"), S_NULL, 0, KV_ENTRY_DELETED);
    at += KV_ENTRY_BYTES + 4;
    CHECK_TRUE(kv_positions_put(&positions, S("collect/0"), 42));
    CHECK_EQ(kv_positions_bytes(&positions), 4 + 10 + 9);
    at = kv_positions_encode(&positions, at);
    free(positions.rows);
    *n = (size_t)(at - frame);
    frame_seal(frame, &(struct frame_seal){.salt = GOLDEN_SALT,
                                           .body_bytes = (uint32_t)(*n - FRAME_HEADER_BYTES),
                                           .number = 77,
                                           .synced_bytes = 32,
                                           .count = 2});
    return frame;
}

TEST(kv_format_golden_header)
{
    struct frame_file h = {KV_VERSION, 0, 3, GOLDEN_SALT};
    char bytes[FRAME_FILE_BYTES];

    frame_file_encode(KV_MAGIC, &h, bytes);
    CHECK_STR(hex(t, bytes, sizeof bytes), S("45574b563030310a0100000000000000030000000000000004030201ad419bab"));
}

TEST(kv_format_golden_frame)
{
    size_t n;
    char *frame = golden(t, &n);
    struct frame f;

    CHECK_STR(
        hex(t, frame, n),
        S("4b000000fd4a63534d0000000000000020000000020000001537f82305000000d204000000000000030000006b657976616c7565"
          "7f5d9b5d00000000000000000000000004000100676f6e65010000002a000000000000000900636f6c6c6563742f30"));
    CHECK_EQ(frame_decode((struct str){frame, n}, GOLDEN_SALT, &f), FRAME_OK);
    CHECK_TRUE(kv_frame_valid(&f));
}

TEST(kv_format_malformed_frames)
{
    size_t n;
    char *body = golden(t, &n) + FRAME_HEADER_BYTES;
    struct frame f = {.number = 1, .count = 2};

    n -= FRAME_HEADER_BYTES;
    for (size_t cut = 0; cut < n; cut++) {
        f.body = (struct str){body, cut};
        CHECK_TRUE(!kv_frame_valid(&f));
    }
    f.body.n = n;
    CHECK_TRUE(kv_frame_valid(&f));
    for (f.count = 0; f.count < 5; f.count++)
        CHECK_EQ(kv_frame_valid(&f), f.count == 2);
    f.count = 2;
    frame_store16(body + 18, 2); /* a flag of a later version */
    CHECK_TRUE(!kv_frame_valid(&f));
    frame_store16(body + 18, 0);
    frame_store32(body + 52, LIMIT_POSITIONS + 1);
    CHECK_TRUE(!kv_frame_valid(&f));
}
