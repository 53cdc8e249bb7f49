/* rng.c - xoshiro256** by Blackman and Vigna, seeded by splitmix64 as its authors advise. */
#include "base/rng.h"

static uint64_t
splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void
rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t
rotl(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

uint64_t
rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_u64(r) * n) >> 64); /* bias below 2^-64 * n */
}

double
rng_f64(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

void
rng_uuid(struct rng *r, char out[UUID_TEXT_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t hi = (rng_u64(r) & ~(uint64_t)0xf000) | 0x4000;
    uint64_t lo = (rng_u64(r) & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    int at = 0;

    for (int i = 0; i < 32; i++) {
        uint64_t word = i < 16 ? hi : lo;
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        out[at++] = hex[word >> (60 - 4 * (i & 15)) & 15];
    }
}
