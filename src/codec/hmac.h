/* hmac.h - HMAC-SHA256 [RFC 2104], one-shot: signatures of access tokens.   Threads  any. */
#ifndef CODEC_HMAC_H
#define CODEC_HMAC_H

#include <stdbool.h>

#include "base/arena.h"

#define HMAC_SHA256_BYTES 32

/* False: no memory in the arena, which holds a copy of the message meanwhile. */
bool hmac_sha256(struct str key, struct str message, struct arena *a, unsigned char out[HMAC_SHA256_BYTES]);
/* Compares in constant time. */
bool hmac_equal(const unsigned char a[HMAC_SHA256_BYTES], const unsigned char b[HMAC_SHA256_BYTES]);

#endif
