/* base64.h - both alphabets read, either one written [EDGE 3.3].   Threads  any. */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

void base64_encode(struct buf *out, struct str bytes);    /* standard alphabet with padding */
void base64url_encode(struct buf *out, struct str bytes); /* URL-safe, no padding */
/* Accepts both alphabets, with or without padding; p is NULL when malformed or the arena is exhausted. */
struct str base64_decode(struct str text, struct arena *a);

#endif
