/* fuzz_log_reader.c - segment files of topics and of tables, from their bytes on.
 *
 * The first byte of the input chooses the format and whether checksums are made right: with them wrong the fuzzer would
 * never get past the first frame, with them always right the checks themselves would not be exercised. */
#include <stdint.h>

#include "base/check.h"
#include "base/hash.h"
#include "codec/frame.h"
#include "kv/kv_int.h"
#include "pipeline/pipeline_int.h"

#define SALT 1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Seals whatever stands as frames, back to back. */
static void
repair(char *p, size_t n)
{
    for (size_t at = 0; at + FRAME_HEADER_BYTES <= n;) {
        struct frame_seal s = {SALT, frame_load32(p + at), frame_load64(p + at + 8), frame_load32(p + at + 16),
                               frame_load32(p + at + 20)};
        size_t left = n - at - FRAME_HEADER_BYTES;
        if (s.body_bytes > left)
            s.body_bytes = (uint32_t)(s.body_bytes % (left + 1));
        frame_seal(p + at, &s);
        at += FRAME_HEADER_BYTES + s.body_bytes;
    }
}

static void
read_log_frame(const struct frame *f, bool gaps)
{
    uint64_t next = 0;
    int64_t newest;

    if (log_frame_valid(f, gaps, &next, &newest)) {
        struct log_walk w = log_walk_from(f, gaps);
        struct record r;
        uint64_t bytes = 0;
        while (w.left > 0) {
            CHECK(log_walk_next(&w, &r, NULL));
            bytes += log_record_bytes(&r);
            if (r.key.n + r.value.n > 0)
                (void)hash_bytes((struct str){r.key.p, r.key.n + r.value.n}, 0); /* reads every byte */
        }
        CHECK(f->count == 0 || bytes == f->body.n);
    }
}

static bool
take_position(void *ctx, struct str name, uint64_t offset)
{
    return kv_positions_put(ctx, name, offset);
}

static void
read_kv_frame(const struct frame *f)
{
    struct kv_positions positions = {0};
    struct kv_walk w = kv_walk_from(f);
    struct kv_entry e;

    if (!kv_frame_valid(f))
        return;
    while (w.left > 0) {
        const char *at = w.rest.p;
        CHECK(kv_walk_next(&w, &e));
        (void)kv_entry_intact(at, &e);
    }
    CHECK(kv_walk_positions(&w, take_position, &positions));
    free(positions.rows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct frame_file header;
    struct frame f;
    uint8_t mode = n ? data[0] : 0;
    size_t at = 0;
    char *p;

    if (n < 2)
        return 0;
    n--;
    p = malloc(n);
    CHECK(p != NULL);
    memcpy(p, data + 1, n);
    (void)frame_file_decode((struct str){p, n}, mode & 1 ? KV_MAGIC : LOG_MAGIC, 1, &header, NULL);
    if (mode & 2)
        repair(p, n);
    while (frame_decode((struct str){p + at, n - at}, SALT, &f) == FRAME_OK) {
        if (mode & 1)
            read_kv_frame(&f);
        else
            read_log_frame(&f, (mode & 4) != 0);
        at += f.bytes;
    }
    (void)frame_lost((struct str){p + at, n - at}, &(struct frame_hole){at, 0, SALT});
    free(p);
    return 0;
}
