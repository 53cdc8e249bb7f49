/* frame.h - checksummed frames in append-only segment files: what topics and keyed tables share of their bytes on disk.
 *
 * A segment file is a 32-byte file header and then frames, back to back. A frame is a 24-byte header and a body; it is
 * there as a whole or not at all, because one checksum covers it.
 *
 *   file header   0 magic[8]   8 version u32   12 flags u32   16 number u64   24 salt u32   28 crc32c u32 of 0..27
 *   frame         0 body_bytes u32   4 crc32c u32   8 number u64   16 synced_bytes u32   20 count u32   24 body
 *
 * The frame's checksum begins with the file's salt and covers everything but itself. The salt is random, so text that a
 * client sends can never pass for a frame of ours. synced_bytes says how much of the file was known to be on the disk
 * when the frame was built; that tells a torn tail, which was never promised to anyone, from damage to data that was
 * safe (frame_lost).
 *
 * All numbers are little-endian.   Threads  Pure functions.   Formats  docs/formats/log.md, docs/formats/kv.md */
#ifndef CODEC_FRAME_H
#define CODEC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

#define FRAME_FILE_BYTES 32
#define FRAME_HEADER_BYTES 24
#define FRAME_MAGIC_BYTES 8

struct frame_file {
    uint32_t version;
    uint32_t flags;
    uint64_t number; /* which file of its sequence this is */
    uint32_t salt;
};

struct frame {
    uint64_t number;       /* its place in the sequence: a record's offset, a commit's number */
    uint32_t synced_bytes; /* of the same file, when the frame was built */
    uint32_t count;        /* of what the body holds */
    struct str body;       /* borrowed from the input */
    size_t bytes;          /* of the whole frame; set for FRAME_SHORT too when the header is there, else 0 */
};

enum frame_state {
    FRAME_OK,
    FRAME_SHORT, /* the input ends before the frame does */
    FRAME_BAD    /* these bytes are not a frame */
};

void frame_file_encode(const char magic[FRAME_MAGIC_BYTES], const struct frame_file *h, char out[FRAME_FILE_BYTES]);
/* ERR_CORRUPT: too short, other magic, wrong checksum. ERR_UNSUPPORTED: a version above version_max. */
enum err frame_file_decode(struct str bytes, const char magic[FRAME_MAGIC_BYTES], uint32_t version_max,
                           struct frame_file *out, struct diag *d);

/* Fills the header in front of f->body_bytes bytes that are already in place. The body is at most LIMIT_FRAME_BYTES. */
struct frame_seal {
    uint32_t salt;
    uint32_t body_bytes;
    uint64_t number;
    uint32_t synced_bytes;
    uint32_t count;
};
void frame_seal(char *frame, const struct frame_seal *f);

enum frame_state frame_decode(struct str bytes, uint32_t salt, struct frame *out);

/* `rest` is what a file holds from position `at` on, and no valid frame begins there. True when a valid frame further
 * on shows that `at` had been synced before: the bytes were safe and are now damaged. False: a torn tail. number_min is
 * the lowest number that a later frame can carry. */
struct frame_hole {
    uint64_t at;
    uint64_t number_min;
    uint32_t salt;
};
bool frame_lost(struct str rest, const struct frame_hole *hole);

/* Little-endian words at any address. */
static inline uint16_t
frame_load16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t
frame_load32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t
frame_load64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline void
frame_store16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void
frame_store32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void
frame_store64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

#endif
