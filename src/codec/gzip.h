/* gzip.h - the wrapper of zlib.   Threads  one stream per thread, reused: deflateInit costs more than compressing. */
#ifndef CODEC_GZIP_H
#define CODEC_GZIP_H

#include "base/buf.h"
#include "base/diag.h"

struct gzip; /* a reusable deflate stream */

struct gzip *gzip_new(int level); /* 1..9; NULL: no memory */
void gzip_free(struct gzip *z);
/* Appends one gzip member. ERR_LIMIT: out is full. */
enum err gzip_deflate(struct gzip *z, struct str in, struct buf *out, struct diag *d);
/* Inflates a whole gzip (or zlib) body; ERR_LIMIT past out's maximum, ERR_INVALID when malformed or cut. */
enum err gzip_inflate(struct str in, struct buf *out, struct diag *d);

#endif
