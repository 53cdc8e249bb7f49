/* The bytes of docs/formats/log.md. The golden texts were made from the page by another program, not by this code. */
#include "codec/frame.h"
#include "log_help.h"
#include "pipeline/pipeline_int.h"

#define GOLDEN_SALT 0x01020304u

static struct str
hex(struct t *t, const char *p, size_t n)
{
    char *out = arena_alloc(t->arena, 2 * n + 1);

    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(unsigned char)p[i]);
    return (struct str){out, 2 * n};
}

TEST(log_format_golden_header)
{
    struct frame_file h = {LOG_VERSION, 0, 1000, GOLDEN_SALT};
    char bytes[FRAME_FILE_BYTES];

    frame_file_encode(LOG_MAGIC, &h, bytes);
    CHECK_STR(hex(t, bytes, sizeof bytes), S("45574c4f4730310a0100000000000000e803000000000000040302019cedb298"));
}

TEST(log_format_golden_frame)
{
    struct record r[2] = {{.time_ms = 1700000000123, .cause = 7, .key = S("key"), .value = S("value")},
                          {.time_ms = -1, .key = S("gone"), .value = S_NULL}};
    size_t n = (size_t)log_frame_bytes(r, 2);
    char *bytes = arena_alloc(t->arena, n);
    struct frame f;
    uint64_t next;
    int64_t newest;

    log_frame_build(bytes, r, 2);
    frame_seal(bytes, &(struct frame_seal){.salt = GOLDEN_SALT,
                                           .body_bytes = (uint32_t)(n - FRAME_HEADER_BYTES),
                                           .number = 1000,
                                           .synced_bytes = 32,
                                           .count = 2});
    CHECK_STR(hex(t, bytes, n),
              S("44000000a4b183b0e80300000000000020000000020000007b68e5cf8b010000070000000000000000000000050000000300"
                "00006b657976616c7565ffffffffffffffff0000000000000000010000000000000004000100676f6e65"));
    CHECK_EQ(frame_decode((struct str){bytes, n}, GOLDEN_SALT, &f), FRAME_OK);
    CHECK_TRUE(log_frame_valid(&f, false, &next, &newest));
    CHECK_EQ(next, 1002);
    CHECK_EQ(newest, 1700000000123);
}

TEST(log_format_golden_mark)
{
    char bytes[LOG_MARK_BYTES];

    log_mark_build(bytes, &(struct frame_seal){.salt = GOLDEN_SALT, .number = 1002, .synced_bytes = 167},
                   1700000000123);
    CHECK_STR(hex(t, bytes, sizeof bytes), S("08000000998e8e31ea03000000000000a7000000000000007b68e5cf8b010000"));
}

/* Bodies whose frame checks but whose records do not fit it. */
TEST(log_format_malformed_records)
{
    struct record r[2] = {{.key = S("key"), .value = S("value")}, {.key = S("gone"), .value = S_NULL}};
    size_t n = (size_t)log_frame_bytes(r, 2) - FRAME_HEADER_BYTES;
    char *frame = arena_alloc(t->arena, n + FRAME_HEADER_BYTES), *body = frame + FRAME_HEADER_BYTES;
    struct frame f = {.number = 10, .count = 2, .body = {body, n}};
    uint64_t next;
    int64_t newest;

    log_frame_build(frame, r, 2);
    CHECK_TRUE(log_frame_valid(&f, false, &next, &newest));
    for (size_t cut = 0; cut < n; cut++) {
        f.body.n = cut;
        CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    }
    f.body.n = n;
    f.count = 1;
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    f.count = 3;
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    f.count = 0;
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    f.count = 2;
    frame_store32(body + 36 + 16, 5); /* a gap */
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    CHECK_TRUE(log_frame_valid(&f, true, &next, &newest));
    CHECK_EQ(next, 16);
    frame_store32(body + 36 + 16, 0); /* the same offset twice */
    CHECK_TRUE(!log_frame_valid(&f, true, &next, &newest));
    frame_store32(body + 36 + 16, 1);
    frame_store16(body + 26, 4); /* a flag of a later version */
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
    frame_store16(body + 26, LOG_RECORD_TOMBSTONE); /* with a value */
    CHECK_TRUE(!log_frame_valid(&f, false, &next, &newest));
}
