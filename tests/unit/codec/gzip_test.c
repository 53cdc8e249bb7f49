#include "codec/gzip.h"

#include "t.h"

/* Text of n bytes that compresses about as well as JSON does. */
static struct str
text_of(struct t *t, size_t n)
{
    static const char words[][12] = {"\"event\":", "\"identity\"", "null,", "{\"id\":\"", "true}", "personal"};
    char *p = arena_alloc(t->arena, n + 16);
    size_t at = 0;

    while (at < n) {
        const char *w = words[rng_below(&t->rng, 6)];
        memcpy(p + at, w, strlen(w));
        at += strlen(w);
    }
    return (struct str){p, n};
}

TEST(gzip_round_trip)
{
    static const size_t sizes[] = {0, 1, 100, 4096, 65536, 300000};
    struct gzip *z = gzip_new(1);
    struct buf packed, back;

    buf_init(&packed, 1 << 20);
    buf_init(&back, 1 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) { /* one stream, reused */
        struct str text = text_of(t, sizes[i]);
        buf_clear(&packed);
        buf_clear(&back);
        buf_put(&packed, S("before"));
        CHECK_OK(gzip_deflate(z, text, &packed, d));
        CHECK_STR(str_slice(buf_str(&packed), 0, 6), S("before"));
        if (text.n > 1000)
            CHECK_TRUE(packed.n < text.n / 2);
        buf_put(&back, S("kept"));
        CHECK_OK(gzip_inflate(str_slice(buf_str(&packed), 6, packed.n), &back, d));
        CHECK_STR(str_slice(buf_str(&back), 4, back.n), text);
    }
    buf_deinit(&packed);
    buf_deinit(&back);
    gzip_free(z);
    gzip_free(NULL);
}

/* Made by another program: gzip of "hello hello hello\n", and the same as zlib. */
TEST(gzip_foreign_bodies)
{
    static const unsigned char gz[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0xf1, 0x53, 0x65, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9, 0xc9,
        0x57, 0xc8, 0x40, 0x90, 0x5c, 0x00, 0x3b, 0x7c, 0x8a, 0xdf, 0x12, 0x00, 0x00, 0x00,
    };
    static const unsigned char zl[] = {
        0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x5c, 0x00, 0x40, 0xb5, 0x06, 0x87,
    };
    struct buf back;

    buf_init(&back, 100);
    CHECK_OK(gzip_inflate((struct str){(const char *)gz, sizeof gz}, &back, d));
    CHECK_STR(buf_str(&back), S("hello hello hello\n"));
    buf_clear(&back);
    CHECK_OK(gzip_inflate((struct str){(const char *)zl, sizeof zl}, &back, d));
    CHECK_STR(buf_str(&back), S("hello hello hello\n"));
    buf_deinit(&back);
}

TEST(gzip_members_follow_each_other)
{
    struct gzip *z = gzip_new(6);
    struct buf packed, back;

    buf_init(&packed, 1000);
    buf_init(&back, 1000);
    CHECK_OK(gzip_deflate(z, S("one "), &packed, d));
    CHECK_OK(gzip_deflate(z, S("two"), &packed, d));
    CHECK_OK(gzip_inflate(buf_str(&packed), &back, d));
    CHECK_STR(buf_str(&back), S("one two"));
    buf_put(&packed, S("trailing rubbish"));
    CHECK_ERR(gzip_inflate(buf_str(&packed), &back, d), ERR_INVALID);
    CHECK_STR(buf_str(&back), S("one two"));
    buf_deinit(&packed);
    buf_deinit(&back);
    gzip_free(z);
}

/* A megabyte of zeros in a kilobyte: cut at the limit, at any limit. */
TEST(gzip_bomb_at_and_past_the_limit)
{
    enum { N = 1 << 20 };
    struct str zeros = {arena_calloc(t->arena, N, 1), N};
    struct gzip *z = gzip_new(9);
    struct buf packed, back;

    buf_init(&packed, 1 << 16);
    CHECK_OK(gzip_deflate(z, zeros, &packed, d));
    CHECK_TRUE(packed.n < 2048);
    buf_init(&back, N);
    CHECK_OK(gzip_inflate(buf_str(&packed), &back, d));
    CHECK_EQ(back.n, N);
    buf_deinit(&back);
    for (size_t max = N - 1; max > 100; max /= 3) {
        buf_init(&back, max);
        CHECK_ERR(gzip_inflate(buf_str(&packed), &back, d), ERR_LIMIT);
        CHECK_EQ(back.n, 0);
        CHECK_TRUE(back.cap <= max);
        buf_deinit(&back);
    }
    buf_deinit(&packed);
    gzip_free(z);
}

TEST(gzip_malformed_or_cut)
{
    struct gzip *z = gzip_new(6);
    struct buf packed, back;
    struct str text = text_of(t, 3000);

    buf_init(&packed, 10000);
    buf_init(&back, 10000);
    CHECK_OK(gzip_deflate(z, text, &packed, d));
    for (size_t n = 0; n < packed.n; n++)
        CHECK_ERR(gzip_inflate(str_slice(buf_str(&packed), 0, n), &back, d), ERR_INVALID);
    for (size_t i = packed.n - 8; i < packed.n; i++) { /* checksum and length */
        packed.p[i] = (char)(packed.p[i] ^ 1);
        CHECK_ERR(gzip_inflate(buf_str(&packed), &back, d), ERR_INVALID);
        packed.p[i] = (char)(packed.p[i] ^ 1);
    }
    CHECK_ERR(gzip_inflate(S("{\"events\":[]}"), &back, d), ERR_INVALID);
    CHECK_EQ(back.n, 0);
    buf_deinit(&packed);
    buf_deinit(&back);
    gzip_free(z);
}

TEST(gzip_deflate_limit)
{
    struct gzip *z = gzip_new(6);
    struct str text = text_of(t, 3000);
    struct buf packed;
    size_t exact;

    buf_init(&packed, 10000);
    CHECK_OK(gzip_deflate(z, text, &packed, d));
    exact = packed.n;
    buf_deinit(&packed);
    buf_init(&packed, exact);
    CHECK_OK(gzip_deflate(z, text, &packed, d));
    buf_deinit(&packed);
    buf_init(&packed, exact - 1);
    CHECK_ERR(gzip_deflate(z, text, &packed, d), ERR_LIMIT);
    CHECK_TRUE(packed.n == 0 && !buf_ok(&packed));
    buf_deinit(&packed);
    gzip_free(z);
}
