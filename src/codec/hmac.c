/* hmac.c - straight from [RFC 2104] over sha256.h, which is one-shot: inner and outer texts are put together in memory.
 */
#include "codec/hmac.h"

#include "codec/sha256.h"

#define BLOCK_BYTES 64

bool
hmac_sha256(struct str key, struct str message, struct arena *a, unsigned char out[HMAC_SHA256_BYTES])
{
    unsigned char outer[BLOCK_BYTES + HMAC_SHA256_BYTES] = {0}, *inner = arena_alloc(a, BLOCK_BYTES + message.n);

    if (inner == NULL)
        return false;
    if (key.n > BLOCK_BYTES)
        sha256(key, outer);
    else if (key.n > 0)
        memcpy(outer, key.p, key.n);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        inner[i] = (unsigned char)(outer[i] ^ 0x36);
        outer[i] = (unsigned char)(outer[i] ^ 0x5c);
    }
    if (message.n > 0)
        memcpy(inner + BLOCK_BYTES, message.p, message.n);
    sha256((struct str){(const char *)inner, BLOCK_BYTES + message.n}, outer + BLOCK_BYTES);
    sha256((struct str){(const char *)outer, sizeof outer}, out);
    return true;
}

bool
hmac_equal(const unsigned char a[HMAC_SHA256_BYTES], const unsigned char b[HMAC_SHA256_BYTES])
{
    unsigned char difference = 0;

    for (size_t i = 0; i < HMAC_SHA256_BYTES; i++)
        difference = (unsigned char)(difference | (a[i] ^ b[i]));
    return difference == 0;
}
