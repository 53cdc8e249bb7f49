/* rule_block_bits.h - the inner loops of the vectorised evaluator: words of bits, and bits from codes and numbers.
 *
 * Arrays are as long as a multiple of BLOCK_ROUND rows; what stands behind the last row is the caller's to mask. There
 * are two implementations with equal results, chosen at run time: AVX2 and portable. */
#ifndef RULE_RULE_BLOCK_BITS_H
#define RULE_RULE_BLOCK_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_ROUND 256    /* rows: four words, one vector */
#define BLOCK_SET_BYTES 32 /* a set of 8-bit codes: bit c % 8 of byte c / 8 */

struct block_kernels {
    /* out may be one of the operands. words: a multiple of 4 */
    void (*and_words)(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words);
    void (*or_words)(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words);
    void (*not_words)(uint64_t *out, const uint64_t *a, size_t words);
    /* out: first <= code <= last */
    void (*range8)(uint64_t *out, const uint8_t *codes, uint8_t first, uint8_t last, size_t words);
    void (*range16)(uint64_t *out, const uint16_t *codes, uint16_t first, uint16_t last, size_t words);
    /* out: the code is in the set. 16 bits: `set` has a bit for every code that occurs */
    void (*set8)(uint64_t *out, const uint8_t *codes, const uint8_t set[BLOCK_SET_BYTES], size_t words);
    void (*set16)(uint64_t *out, const uint16_t *codes, const uint64_t *set, size_t words);
    /* out: first <= item <= last */
    void (*range64)(uint64_t *out, const int64_t *items, int64_t first, int64_t last, size_t words);
};

const struct block_kernels *block_kernels_portable(void);
const struct block_kernels *block_kernels_best(void); /* of this processor */

#endif
