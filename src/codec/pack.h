/* pack.h - compact binary values for keyed tables: LEB128 varints, length-prefixed bytes, little-endian fixed words.
 *
 * Writers append to a buf. A reader walks a str; the first malformed read makes it `bad` for good, after which every
 * read answers zero or empty, so a decoder checks once at the end.   docs/formats/ describes what is packed where. */
#ifndef CODEC_PACK_H
#define CODEC_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

void pack_long_u64(struct buf *b, uint64_t v);
/* 1..10 bytes; most have one */
static inline void
pack_u64(struct buf *b, uint64_t v)
{
    if (v < 0x80)
        buf_putc(b, (char)v);
    else
        pack_long_u64(b, v);
}

void pack_i64(struct buf *b, int64_t v); /* zigzag varint */
void pack_fixed32(struct buf *b, uint32_t v);
void pack_fixed64(struct buf *b, uint64_t v);
void pack_f64(struct buf *b, double v);     /* 8 bytes */
void pack_str(struct buf *b, struct str s); /* varint length, bytes */

struct unpack {
    const unsigned char *p, *end;
    bool bad;
};

struct unpack unpack_from(struct str s);
uint64_t unpack_long_u64(struct unpack *u);
static inline uint64_t
unpack_u64(struct unpack *u)
{
    return !u->bad && u->p < u->end && *u->p < 0x80 ? *u->p++ : unpack_long_u64(u);
}

int64_t unpack_i64(struct unpack *u);
uint32_t unpack_fixed32(struct unpack *u);
uint64_t unpack_fixed64(struct unpack *u);
double unpack_f64(struct unpack *u);
struct str unpack_str(struct unpack *u); /* borrowed from the input */
size_t unpack_left(const struct unpack *u);

#endif
