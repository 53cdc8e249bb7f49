#include "base/buf.h"

#include <float.h>
#include <math.h>

#include "t.h"

TEST(buf_is_full_past_its_maximum_only)
{
    struct buf b;

    buf_init(&b, 10);
    buf_put(&b, S("0123456789"));
    CHECK_TRUE(buf_ok(&b));
    buf_putc(&b, 'x');
    CHECK_TRUE(!buf_ok(&b));
    CHECK_STR(buf_str(&b), S("0123456789"));
    buf_put(&b, S("")); /* later appends change nothing */
    buf_put_u64(&b, 1);
    CHECK_STR(buf_str(&b), S("0123456789"));
    buf_clear(&b);
    CHECK_TRUE(buf_ok(&b));
    buf_put(&b, S("ab"));
    CHECK_STR(buf_str(&b), S("ab"));
    buf_deinit(&b);
}

TEST(buf_cut_makes_room_again)
{
    struct buf b;

    buf_init(&b, 10);
    buf_put(&b, S("0123456"));
    buf_put(&b, S("too much"));
    CHECK_TRUE(!buf_ok(&b));
    buf_cut(&b, 4);
    CHECK_TRUE(buf_ok(&b));
    buf_put(&b, S("abcdef"));
    CHECK_STR(buf_str(&b), S("0123abcdef"));
    buf_cut(&b, 11); /* nothing is behind it */
    CHECK_EQ(b.n, 10);
    buf_deinit(&b);
}

TEST(buf_printf_at_and_past_the_maximum)
{
    struct buf b;

    buf_init(&b, 8);
    buf_printf(&b, "%s", "12345678");
    CHECK_TRUE(buf_ok(&b));
    CHECK_STR(buf_str(&b), S("12345678"));
    buf_clear(&b);
    buf_printf(&b, "%s", "123456789");
    CHECK_TRUE(!buf_ok(&b));
    CHECK_EQ(b.n, 0);
    buf_deinit(&b);

    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d", i % 10);
    CHECK_TRUE(buf_ok(&b));
    CHECK_EQ(b.n, 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(b.p[i], '0' + i % 10);
    buf_deinit(&b);
}

TEST(buf_numbers)
{
    struct buf b;

    buf_init(&b, 1000);
    buf_put_i64(&b, INT64_MIN);
    buf_putc(&b, ' ');
    buf_put_i64(&b, INT64_MAX);
    buf_putc(&b, ' ');
    buf_put_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_put_i64(&b, 0);
    CHECK_STR(buf_str(&b), S("-9223372036854775808 9223372036854775807 18446744073709551615 0"));
    buf_deinit(&b);
}

static struct str
f64_text(struct t *t, double v)
{
    struct buf b;
    struct str s;

    buf_init(&b, 100);
    buf_put_f64(&b, v);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

TEST(buf_f64_known)
{
    CHECK_STR(f64_text(t, 0.1), S("0.1"));
    CHECK_STR(f64_text(t, 19.99), S("19.99"));
    CHECK_STR(f64_text(t, 3), S("3.0"));
    CHECK_STR(f64_text(t, -0.0), S("-0.0"));
    CHECK_STR(f64_text(t, 1.0 / 3), S("0.3333333333333333"));
    CHECK_STR(f64_text(t, 5e-324), S("5e-324"));
    CHECK_STR(f64_text(t, 1e300), S("1e+300"));
    CHECK_STR(f64_text(t, DBL_MAX), S("1.7976931348623157e+308"));
    CHECK_STR(f64_text(t, (double)INFINITY), S("null"));
    CHECK_STR(f64_text(t, (double)NAN), S("null"));
}

/* Decimals of a few digits take a shorter way: it must come to what printf's shortest form is. */
TEST(buf_f64_short_is_the_shortest)
{
    static const double scales[] = {1, 10, 100, 1000, 1e5, 1e6, 1e7};

    for (int i = 0; i < 20000; i++) {
        double v = (double)(int64_t)(rng_u64(&t->rng) >> (24 + rng_u64(&t->rng) % 39)) / scales[rng_u64(&t->rng) % 7];
        char text[40];
        if (rng_u64(&t->rng) % 2 == 0)
            v = -v;
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits > 15 ? digits : 15, v);
            if (strtod(text, NULL) == v)
                break;
        }
        if (strpbrk(text, ".e") == NULL)
            memcpy(text + strlen(text), ".0", 3);
        CHECK_STR(f64_text(t, v), str_of(text));
    }
}

TEST(buf_in_an_arena)
{
    struct buf b;

    buf_init_in(&b, t->arena, 5000);
    for (int i = 0; i < 5000; i++)
        buf_putc(&b, (char)('a' + i % 26));
    CHECK_TRUE(buf_ok(&b));
    for (size_t i = 0; i < b.n; i++)
        CHECK_EQ(b.p[i], (char)('a' + i % 26));
    buf_putc(&b, 'x');
    CHECK_TRUE(!buf_ok(&b));
    CHECK_EQ(b.n, 5000);
    buf_deinit(&b); /* gives nothing back and harms nothing */
    buf_put(&b, S("again"));
    CHECK_STR(buf_str(&b), S("again"));
}

TEST(buf_f64_reads_back)
{
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&t->rng);
        double v, back = 0;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        CHECK_TRUE(str_to_f64(f64_text(t, v), &back));
        CHECK_TRUE(memcmp(&v, &back, sizeof v) == 0);
    }
}
