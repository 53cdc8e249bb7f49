/* rng.h - a seeded random sequence (xoshiro256**), and identifiers made from it.
 *
 * A seed comes from os_entropy() in the server and from the command line in tests, so that a run can be repeated. Not
 * for secrets: those are os_entropy() bytes themselves.   Threads: one owner. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n), n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1). */
double rng_f64(struct rng *r);

#define UUID_TEXT_BYTES 36
/* A version 4 UUID as 36 lower-case characters; out is not NUL-terminated. */
void rng_uuid(struct rng *r, char out[UUID_TEXT_BYTES]);

#endif
