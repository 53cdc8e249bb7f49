/* rule_block_bits_test.c - the loops of this processor against the portable ones, and those against the obvious. */
#include "rule/rule_block_bits.h"

#include "t.h"

#define ROWS 1024
#define WORDS (ROWS / 64)

struct input {
    uint8_t narrow[ROWS];
    uint16_t wide[ROWS];
    int64_t items[ROWS];
    uint64_t a[WORDS], b[WORDS];
    uint8_t set8[BLOCK_SET_BYTES];
    uint64_t set16[65536 / 64];
};

static bool
bit(const uint64_t *words, size_t i)
{
    return words[i / 64] >> (i % 64) & 1;
}

static void
fill(struct t *t, struct input *in)
{
    unsigned range = 1u << rng_below(&t->rng, 17);

    for (size_t i = 0; i < ROWS; i++) {
        in->narrow[i] = (uint8_t)rng_below(&t->rng, range < 256 ? range : 256);
        in->wide[i] = (uint16_t)rng_below(&t->rng, range);
        in->items[i] = (int64_t)rng_u64(&t->rng) >> rng_below(&t->rng, 64);
    }
    in->items[0] = INT64_MIN;
    in->items[1] = INT64_MAX;
    for (size_t i = 0; i < WORDS; i++) {
        in->a[i] = rng_u64(&t->rng);
        in->b[i] = rng_u64(&t->rng);
    }
    for (size_t i = 0; i < BLOCK_SET_BYTES; i++)
        in->set8[i] = (uint8_t)rng_below(&t->rng, 256);
    for (size_t i = 0; i < 65536 / 64; i++)
        in->set16[i] = rng_u64(&t->rng);
}

static void
check_ranges(struct t *t, const struct block_kernels *k, const struct input *in)
{
    uint64_t out[WORDS];
    uint16_t x = (uint16_t)rng_below(&t->rng, 65536), y = (uint16_t)rng_below(&t->rng, 65536);
    uint16_t first = x < y ? x : y, last = x < y ? y : x;
    uint8_t first8 = (uint8_t)(first >> 8), last8 = (uint8_t)(last >> 8);
    int64_t lo = in->items[rng_below(&t->rng, ROWS)], hi = in->items[rng_below(&t->rng, ROWS)];

    if (rng_below(&t->rng, 4) == 0) { /* one code */
        last = first;
        last8 = first8;
    }
    k->range8(out, in->narrow, first8, last8, WORDS);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_EQ(bit(out, i), first8 <= in->narrow[i] && in->narrow[i] <= last8);
    k->range16(out, in->wide, first, last, WORDS);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_EQ(bit(out, i), first <= in->wide[i] && in->wide[i] <= last);
    k->range64(out, in->items, lo, hi, WORDS);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_EQ(bit(out, i), lo <= in->items[i] && in->items[i] <= hi);
}

static void
check_sets(struct t *t, const struct block_kernels *k, const struct input *in)
{
    uint64_t out[WORDS];

    k->set8(out, in->narrow, in->set8, WORDS);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_EQ(bit(out, i), in->set8[in->narrow[i] / 8] >> (in->narrow[i] % 8) & 1);
    k->set16(out, in->wide, in->set16, WORDS);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_EQ(bit(out, i), bit(in->set16, in->wide[i]));
}

static void
check_words(struct t *t, const struct block_kernels *k, const struct input *in)
{
    uint64_t out[WORDS];

    k->and_words(out, in->a, in->b, WORDS);
    for (size_t i = 0; i < WORDS; i++)
        CHECK_TRUE(out[i] == (in->a[i] & in->b[i]));
    k->or_words(out, in->a, in->b, WORDS);
    for (size_t i = 0; i < WORDS; i++)
        CHECK_TRUE(out[i] == (in->a[i] | in->b[i]));
    k->not_words(out, out, WORDS);
    for (size_t i = 0; i < WORDS; i++)
        CHECK_TRUE(out[i] == ~(in->a[i] | in->b[i]));
}

TEST(block_kernels_do_what_they_say)
{
    const struct block_kernels *all[] = {block_kernels_portable(), block_kernels_best()};
    struct input *in = ARENA_NEW(t->arena, struct input);

    for (int round = 0; round < 60; round++) {
        fill(t, in);
        for (size_t i = 0; i < 2; i++) {
            check_ranges(t, all[i], in);
            check_sets(t, all[i], in);
            check_words(t, all[i], in);
        }
    }
}
