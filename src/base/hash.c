/* hash.c - XXH3 from libxxhash (header only), SipHash and CRC32C written out: both are a page and neither has a kept C
 * library in Debian. SipHash after Aumasson and Bernstein's paper. */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash_bytes(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.p ? s.p : "", s.n, seed);
}

static uint64_t
rotl(uint64_t x, unsigned b)
{
    return x << b | x >> (64 - b);
}

static uint64_t
load64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

struct sip {
    uint64_t a, b, c, d;
};

static inline void
sip_round(struct sip *v)
{
    v->a += v->b;
    v->b = rotl(v->b, 13) ^ v->a;
    v->a = rotl(v->a, 32);
    v->c += v->d;
    v->d = rotl(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = rotl(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = rotl(v->b, 17) ^ v->c;
    v->c = rotl(v->c, 32);
}

static uint64_t
siphash(struct hash_key key, struct str s, unsigned rounds, unsigned final_rounds)
{
    struct sip v = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du, key.k0 ^ 0x6c7967656e657261u,
                    key.k1 ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)s.n << 56;
    size_t i;

    for (i = 0; i + 8 <= s.n; i += 8) {
        uint64_t m = load64(s.p + i);
        v.d ^= m;
        for (unsigned r = 0; r < rounds; r++)
            sip_round(&v);
        v.a ^= m;
    }
    for (unsigned shift = 0; i < s.n; i++, shift += 8)
        last |= (uint64_t)(unsigned char)s.p[i] << shift;
    v.d ^= last;
    for (unsigned r = 0; r < rounds; r++)
        sip_round(&v);
    v.a ^= last;
    v.c ^= 0xff;
    for (unsigned r = 0; r < final_rounds; r++)
        sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

uint64_t
hash_keyed(struct hash_key key, struct str s)
{
    return siphash(key, s, 1, 3);
}

uint64_t
hash_mac(struct hash_key key, struct str s)
{
    return siphash(key, s, 2, 4);
}

#define CRC32C_POLY 0x82f63b78u

static uint32_t
crc32c_plain(uint32_t crc, const unsigned char *p, size_t n)
{
    static uint32_t table[256];
    static int ready;

    if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) { /* racing threads write equal values */
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++)
                c = c & 1 ? c >> 1 ^ CRC32C_POLY : c >> 1;
            __atomic_store_n(&table[i], c, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    }
    while (n--)
        crc = crc >> 8 ^ __atomic_load_n(&table[(crc ^ *p++) & 0xff], __ATOMIC_RELAXED);
    return crc;
}

#if defined(__x86_64__)
/* The instruction answers after three cycles but begins one every cycle: three lanes of a block are summed side by side
 * and joined by carrying a sum over the zero bytes of a lane, which is linear and so a table. */
#define CRC_LANE_BYTES 256

struct crc_carry {
    uint32_t table[4][256]; /* by byte of the sum */
};

static const struct crc_carry *
crc_carry(void)
{
    static struct crc_carry carry;
    static int ready;

    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
        return &carry;
    for (unsigned i = 0; i < 4 * 256; i++) { /* racing threads write equal values */
        static const unsigned char zeros[CRC_LANE_BYTES];
        uint32_t sum = crc32c_plain((uint32_t)(i & 255) << (i >> 8) * 8, zeros, sizeof zeros);
        __atomic_store_n(&carry.table[i >> 8][i & 255], sum, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    return &carry;
}

static uint32_t
crc_over_lane(const struct crc_carry *carry, uint32_t crc)
{
    return carry->table[0][crc & 255] ^ carry->table[1][crc >> 8 & 255] ^ carry->table[2][crc >> 16 & 255] ^
           carry->table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t
crc32c_block(const struct crc_carry *carry, uint32_t crc, const unsigned char *p)
{
    uint64_t a = crc, b = 0, c = 0;

    for (size_t i = 0; i < CRC_LANE_BYTES; i += 8) {
        a = __builtin_ia32_crc32di(a, load64(p + i));
        b = __builtin_ia32_crc32di(b, load64(p + CRC_LANE_BYTES + i));
        c = __builtin_ia32_crc32di(c, load64(p + 2 * CRC_LANE_BYTES + i));
    }
    return crc_over_lane(carry, crc_over_lane(carry, (uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}

__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const unsigned char *p, size_t n)
{
    uint64_t c;

    if (n >= 3 * CRC_LANE_BYTES) {
        const struct crc_carry *carry = crc_carry();
        for (; n >= 3 * CRC_LANE_BYTES; n -= 3 * CRC_LANE_BYTES, p += 3 * CRC_LANE_BYTES)
            crc = crc32c_block(carry, crc, p);
    }
    c = crc;
    for (; n >= 8; n -= 8, p += 8)
        c = __builtin_ia32_crc32di(c, load64(p));
    for (; n > 0; n--, p++)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return (uint32_t)c;
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse42(crc, p, n);
#endif
    return ~crc32c_plain(crc, p, n);
}
