#include "base/arena.h"

#include "t.h"

TEST(arena_limit_is_hard)
{
    struct arena a;

    arena_init(&a, 64 * 1024);
    CHECK_TRUE(arena_alloc(&a, 64 * 1024) != NULL);
    CHECK_TRUE(arena_alloc(&a, 1) == NULL);
    arena_reset(&a);
    CHECK_TRUE(arena_alloc(&a, 64 * 1024 + 1) == NULL);
    CHECK_TRUE(arena_alloc(&a, 64 * 1024 - 16) != NULL);
    CHECK_TRUE(arena_alloc(&a, 16) != NULL);
    CHECK_TRUE(arena_alloc(&a, 1) == NULL);
    arena_deinit(&a);
}

TEST(arena_remembers_a_refusal)
{
    struct arena a;

    arena_init(&a, 64);
    CHECK_TRUE(arena_alloc(&a, 64) != NULL && !a.refused);
    CHECK_TRUE(arena_printf(&a, "x").p == NULL && a.refused);
    arena_reset(&a);
    CHECK_TRUE(arena_alloc(&a, 16) != NULL && !a.refused);
    CHECK_TRUE(arena_calloc(&a, SIZE_MAX / 2, 3) == NULL && a.refused);
    arena_deinit(&a);
    CHECK_TRUE(!a.refused);
}

TEST(arena_release_gives_the_room_back)
{
    struct arena a;
    struct arena_mark empty, full;
    char *kept, *p;

    arena_init(&a, 1 << 20);
    empty = arena_mark(&a);
    kept = arena_alloc(&a, 1000);
    memset(kept, 'k', 1000);
    full = arena_mark(&a);
    for (int round = 0; round < 50; round++) { /* more than the limit, all rounds together */
        for (int i = 0; i < 10; i++) {
            p = arena_alloc(&a, 1 + rng_below(&t->rng, 90000));
            CHECK_TRUE(p != NULL);
            *p = 'x';
        }
        if (round % 10 == 0)
            CHECK_TRUE(arena_alloc(&a, 1 << 20) == NULL && a.refused);
        arena_release(&a, full);
        CHECK_TRUE(a.bytes_used == 1008 && !a.refused);
    }
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(kept[i], 'k');
    arena_release(&a, empty);
    CHECK_TRUE(arena_alloc(&a, 1 << 20) != NULL); /* all of it */
    arena_deinit(&a);
}

TEST(arena_sizes_that_overflow_fail)
{
    struct arena a;

    arena_init(&a, SIZE_MAX);
    CHECK_TRUE(arena_alloc(&a, 32) != NULL);
    CHECK_TRUE(arena_alloc(&a, SIZE_MAX) == NULL);
    CHECK_TRUE(arena_alloc(&a, SIZE_MAX - 3) == NULL); /* rounding up would wrap */
    CHECK_TRUE(arena_alloc(&a, SIZE_MAX - 40) == NULL);
    CHECK_TRUE(arena_calloc(&a, SIZE_MAX / 2, 3) == NULL);
    arena_deinit(&a);
}

/* Blocks never overlap, are aligned, and keep their content until reset. */
TEST(arena_blocks_are_disjoint)
{
    enum { N = 300 };
    static unsigned char *p[N];
    static size_t bytes[N];
    struct arena a;

    arena_init(&a, 32u << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            bytes[i] = rng_below(&t->rng, i % 17 == 0 ? 200000 : 300);
            p[i] = arena_alloc(&a, bytes[i]);
            CHECK_TRUE(p[i] != NULL);
            CHECK_EQ((uintptr_t)p[i] % 16, 0);
            memset(p[i], i & 0xff, bytes[i]);
        }
        for (int i = 0; i < N; i++) {
            for (size_t k = 0; k < bytes[i]; k++)
                CHECK_EQ(p[i][k], i & 0xff);
        }
        arena_reset(&a);
        CHECK_EQ(a.bytes_used, 0);
    }
    arena_deinit(&a);
}

TEST(arena_reuses_blocks_after_reset)
{
    struct arena a;
    void *first;

    arena_init(&a, 1 << 20);
    first = arena_alloc(&a, 100);
    arena_reset(&a);
    CHECK_TRUE(arena_alloc(&a, 100) == first);
    arena_deinit(&a);
}

TEST(arena_texts)
{
    struct arena a;

    arena_init(&a, 4096);
    CHECK_STR(arena_str(&a, S("abc")), S("abc"));
    CHECK_EQ(strlen(arena_cstr(&a, S("xy"))), 2);
    CHECK_TRUE(arena_str(&a, S_NULL).p != NULL);
    CHECK_STR(arena_printf(&a, "%d-%s", 7, "x"), S("7-x"));
    CHECK_TRUE(arena_printf(&a, "%05000d", 1).p == NULL);
    CHECK_TRUE(ARENA_NEW(&a, struct str)->p == NULL);
    arena_deinit(&a);
}
