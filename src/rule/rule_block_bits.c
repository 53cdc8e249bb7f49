/* rule_block_bits.c - the loops over words and codes, twice.
 *
 * A thousand audiences over a block are a few thousand of these calls, each over 4096 rows or so, so they decide what a
 * run costs. With AVX2 an 8-bit code is compared 32 at a time: 4096 rows take some 130 vector steps. A set of 8-bit
 * codes is a table of 256 bits: the byte that holds the bit is picked by a shuffle of code / 8, the bit by a shuffle of
 * code % 8. Wider sets are looked up one by one. */
#include "rule/rule_block_bits.h"

#include <string.h>

/* ---- portable ---- */

static void
and_words(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        out[i] = a[i] & b[i];
}

static void
or_words(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        out[i] = a[i] | b[i];
}

static void
not_words(uint64_t *out, const uint64_t *a, size_t words)
{
    for (size_t i = 0; i < words; i++)
        out[i] = ~a[i];
}

/* 64 bytes of 0 or 1 to a word: of eight bytes, the multiplication moves byte i's bit to bit i of the top byte. */
static uint64_t
pack(const uint8_t hits[64])
{
    uint64_t out = 0, eight;

    for (unsigned i = 0; i < 8; i++) {
        memcpy(&eight, hits + 8 * i, sizeof eight);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        eight = __builtin_bswap64(eight);
#endif
        out |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return out;
}

static void
range8(uint64_t *out, const uint8_t *codes, uint8_t first, uint8_t last, size_t words)
{
    uint8_t span = (uint8_t)(last - first), hits[64];

    for (size_t w = 0; w < words; w++, codes += 64) {
        for (unsigned i = 0; i < 64; i++)
            hits[i] = (uint8_t)(codes[i] - first) <= span;
        out[w] = pack(hits);
    }
}

static void
range16(uint64_t *out, const uint16_t *codes, uint16_t first, uint16_t last, size_t words)
{
    uint16_t span = (uint16_t)(last - first);
    uint8_t hits[64];

    for (size_t w = 0; w < words; w++, codes += 64) {
        for (unsigned i = 0; i < 64; i++)
            hits[i] = (uint16_t)(codes[i] - first) <= span;
        out[w] = pack(hits);
    }
}

static void
set8(uint64_t *out, const uint8_t *codes, const uint8_t set[BLOCK_SET_BYTES], size_t words)
{
    uint8_t hits[64];

    for (size_t w = 0; w < words; w++, codes += 64) {
        for (unsigned i = 0; i < 64; i++)
            hits[i] = set[codes[i] >> 3] >> (codes[i] & 7) & 1;
        out[w] = pack(hits);
    }
}

static void
set16(uint64_t *out, const uint16_t *codes, const uint64_t *set, size_t words)
{
    uint8_t hits[64];

    for (size_t w = 0; w < words; w++, codes += 64) {
        for (unsigned i = 0; i < 64; i++)
            hits[i] = set[codes[i] >> 6] >> (codes[i] & 63) & 1;
        out[w] = pack(hits);
    }
}

static void
range64(uint64_t *out, const int64_t *items, int64_t first, int64_t last, size_t words)
{
    uint8_t hits[64];

    for (size_t w = 0; w < words; w++, items += 64) {
        for (unsigned i = 0; i < 64; i++)
            hits[i] = first <= items[i] && items[i] <= last;
        out[w] = pack(hits);
    }
}

const struct block_kernels *
block_kernels_portable(void)
{
    static const struct block_kernels portable = {and_words, or_words, not_words, range8,
                                                  range16,   set8,     set16,     range64};

    return &portable;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* ---- AVX2 ---- */

AVX2 static inline __m256i
load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

AVX2 static inline void
store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

AVX2 static inline uint64_t
mask_of(__m256i v)
{
    return (uint32_t)_mm256_movemask_epi8(v);
}

AVX2 static void
and_words_avx2(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i += 4)
        store(out + i, _mm256_and_si256(load(a + i), load(b + i)));
}

AVX2 static void
or_words_avx2(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i += 4)
        store(out + i, _mm256_or_si256(load(a + i), load(b + i)));
}

AVX2 static void
not_words_avx2(uint64_t *out, const uint64_t *a, size_t words)
{
    for (size_t i = 0; i < words; i += 4)
        store(out + i, _mm256_xor_si256(load(a + i), _mm256_set1_epi8(-1)));
}

/* x - first <= span without sign: the smaller of both is x - first. */
AVX2 static void
range8_avx2(uint64_t *out, const uint8_t *codes, uint8_t first, uint8_t last, size_t words)
{
    const __m256i low = _mm256_set1_epi8((char)first), span = _mm256_set1_epi8((char)(last - first));

    if (first == last) {
        for (size_t w = 0; w < words; w++, codes += 64) {
            uint64_t a = mask_of(_mm256_cmpeq_epi8(load(codes), low));
            out[w] = a | mask_of(_mm256_cmpeq_epi8(load(codes + 32), low)) << 32;
        }
        return;
    }
    for (size_t w = 0; w < words; w++, codes += 64) {
        __m256i x = _mm256_sub_epi8(load(codes), low), y = _mm256_sub_epi8(load(codes + 32), low);
        uint64_t a = mask_of(_mm256_cmpeq_epi8(_mm256_min_epu8(x, span), x));
        out[w] = a | mask_of(_mm256_cmpeq_epi8(_mm256_min_epu8(y, span), y)) << 32;
    }
}

AVX2 static inline __m256i
in_range16(const uint16_t *codes, __m256i low, __m256i span)
{
    __m256i x = _mm256_sub_epi16(load(codes), low);

    return _mm256_cmpeq_epi16(_mm256_min_epu16(x, span), x);
}

/* Two vectors of 16 answers to 32 bits; the pack leaves their quarters in the order 0 2 1 3. */
AVX2 static inline uint64_t
mask16_of(__m256i a, __m256i b)
{
    return mask_of(_mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8));
}

AVX2 static void
range16_avx2(uint64_t *out, const uint16_t *codes, uint16_t first, uint16_t last, size_t words)
{
    const __m256i low = _mm256_set1_epi16((short)first), span = _mm256_set1_epi16((short)(last - first));

    for (size_t w = 0; w < words; w++, codes += 64) {
        uint64_t a = mask16_of(in_range16(codes, low, span), in_range16(codes + 16, low, span));
        uint64_t b = mask16_of(in_range16(codes + 32, low, span), in_range16(codes + 48, low, span));
        out[w] = a | b << 32;
    }
}

AVX2 static inline uint64_t
in_set8(const uint8_t *codes, __m256i table_low, __m256i table_high, __m256i powers)
{
    __m256i x = load(codes);
    __m256i byte = _mm256_and_si256(_mm256_srli_epi16(x, 3), _mm256_set1_epi8(31));
    __m256i upper = _mm256_cmpgt_epi8(byte, _mm256_set1_epi8(15));
    __m256i held =
        _mm256_blendv_epi8(_mm256_shuffle_epi8(table_low, byte), _mm256_shuffle_epi8(table_high, byte), upper);
    __m256i bit = _mm256_shuffle_epi8(powers, _mm256_and_si256(x, _mm256_set1_epi8(7)));

    return mask_of(_mm256_cmpeq_epi8(_mm256_and_si256(held, bit), bit));
}

AVX2 static void
set8_avx2(uint64_t *out, const uint8_t *codes, const uint8_t set[BLOCK_SET_BYTES], size_t words)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)set));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(set + 16)));
    const __m256i powers = _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16,
                                            32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);

    for (size_t w = 0; w < words; w++, codes += 64)
        out[w] = in_set8(codes, low, high, powers) | in_set8(codes + 32, low, high, powers) << 32;
}

AVX2 static inline uint64_t
in_range64(const int64_t *items, __m256i below, __m256i above)
{
    __m256i x = load(items);
    __m256i outside = _mm256_or_si256(_mm256_cmpgt_epi64(below, x), _mm256_cmpgt_epi64(x, above));

    return (uint64_t)(~_mm256_movemask_pd(_mm256_castsi256_pd(outside)) & 15);
}

AVX2 static void
range64_avx2(uint64_t *out, const int64_t *items, int64_t first, int64_t last, size_t words)
{
    const __m256i below = _mm256_set1_epi64x(first), above = _mm256_set1_epi64x(last);

    for (size_t w = 0; w < words; w++, items += 64) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 64; i += 4)
            bits |= in_range64(items + i, below, above) << i;
        out[w] = bits;
    }
}

const struct block_kernels *
block_kernels_best(void)
{
    static const struct block_kernels avx2 = {and_words_avx2, or_words_avx2, not_words_avx2, range8_avx2,
                                              range16_avx2,   set8_avx2,     set16,          range64_avx2};

    return __builtin_cpu_supports("avx2") ? &avx2 : block_kernels_portable();
}

#else

const struct block_kernels *
block_kernels_best(void)
{
    return block_kernels_portable();
}

#endif
