/* hash.h - two hashes: a fast one for our own keys, a keyed one for tables whose keys a client chooses.
 *
 * hash_bytes   XXH3, 64 bits: about 5 ns for 38 bytes. Not keyed: an attacker can make it collide.
 * hash_keyed   SipHash-1-3 with a 128-bit key from os_entropy(): about 21 ns. For maps of client strings, and as the
 * MAC of notification tokens (hash_mac: SipHash-2-4).
 * crc32c       Castagnoli, hardware where there is one: record checksums on disk. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct str s, uint64_t seed);
uint64_t hash_keyed(struct hash_key key, struct str s);
uint64_t hash_mac(struct hash_key key, struct str s);

/* Continues from `crc` (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
