#include "base/str.h"

#include "t.h"

TEST(str_compare)
{
    CHECK_TRUE(str_eq(S(""), S_NULL));
    CHECK_TRUE(!str_eq(S("a"), S("b")));
    CHECK_TRUE(str_cmp(S("a"), S("b")) < 0);
    CHECK_TRUE(str_cmp(S("a"), S("ab")) < 0);
    CHECK_TRUE(str_cmp(S("ab"), S("a")) > 0);
    CHECK_EQ(str_cmp(S_NULL, S("")), 0);
    CHECK_TRUE(str_cmp(S("\xc3\xa9"), S("z")) > 0); /* bytes are unsigned */
    CHECK_TRUE(str_eq_nocase(S("Content-Type"), S("content-TYPE")));
    CHECK_TRUE(!str_eq_nocase(S("a"), S("ab")));
    CHECK_TRUE(str_starts(S("abc"), S("ab")) && str_starts(S("abc"), S("")) && !str_starts(S("a"), S("ab")));
    CHECK_TRUE(str_ends(S("abc"), S("bc")) && str_ends(S("abc"), S("")) && !str_ends(S("c"), S("bc")));
}

TEST(str_order_is_that_of_str_cmp)
{
    CHECK_EQ(str_order(S_NULL), 0);
    CHECK_EQ(str_order(S("a")), (uint64_t)'a' << 56);
    for (int i = 0; i < 5000; i++) {
        char a[12], b[12];
        struct str x = {a, rng_u64(&t->rng) % sizeof a}, y = {b, rng_u64(&t->rng) % sizeof b};
        for (size_t k = 0; k < sizeof a; k++) {
            a[k] = "\0az\xff"[rng_u64(&t->rng) % 4];
            b[k] = rng_u64(&t->rng) % 4 == 0 ? "\0az\xff"[rng_u64(&t->rng) % 4] : a[k];
        }
        if (str_order(x) != str_order(y))
            CHECK_EQ(str_order(x) < str_order(y), str_cmp(x, y) < 0);
        else
            CHECK_TRUE(x.n <= 8 || y.n <= 8 || memcmp(a, b, 8) == 0);
    }
}

TEST(str_find_and_slice)
{
    CHECK_EQ(str_find(S("hello"), S("ll")), 2);
    CHECK_EQ(str_find(S("hello"), S("lo!")), -1);
    CHECK_EQ(str_find(S("hello"), S("")), 0);
    CHECK_EQ(str_find(S(""), S("a")), -1);
    CHECK_EQ(str_find_char(S("a.b"), '.'), 1);
    CHECK_EQ(str_find_char(S_NULL, '.'), -1);
    CHECK_STR(str_slice(S("hello"), 1, 3), S("el"));
    CHECK_STR(str_slice(S("hello"), 3, 99), S("lo"));
    CHECK_STR(str_slice(S("hello"), 4, 2), S(""));
    CHECK_STR(str_slice(S_NULL, 1, 2), S(""));
    CHECK_STR(str_trim(S(" \t a b \r\n")), S("a b"));
    CHECK_STR(str_trim(S("  ")), S(""));
}

TEST(str_split_like_elsewhere)
{
    struct str rest = S("a,,b,"), piece = S_NULL;
    const char *want[] = {"a", "", "b", ""};

    for (int i = 0; i < 4; i++) {
        CHECK_TRUE(str_split(&rest, ',', &piece));
        CHECK_STR(piece, str_of(want[i]));
    }
    CHECK_TRUE(!str_split(&rest, ',', &piece));
    rest = S("");
    CHECK_TRUE(str_split(&rest, ',', &piece) && piece.n == 0);
    CHECK_TRUE(!str_split(&rest, ',', &piece));
}

TEST(str_to_integers)
{
    int64_t i = 7;
    uint64_t u = 7;

    CHECK_TRUE(str_to_u64(S("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK_TRUE(!str_to_u64(S("18446744073709551616"), &u));
    CHECK_TRUE(!str_to_u64(S("99999999999999999999"), &u));
    CHECK_TRUE(!str_to_u64(S(""), &u) && !str_to_u64(S("-1"), &u) && !str_to_u64(S("1 "), &u));
    CHECK_TRUE(u == UINT64_MAX); /* failures write nothing */
    CHECK_TRUE(str_to_i64(S("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK_TRUE(str_to_i64(S("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK_TRUE(!str_to_i64(S("9223372036854775808"), &i));
    CHECK_TRUE(!str_to_i64(S("-9223372036854775809"), &i));
    CHECK_TRUE(!str_to_i64(S("-"), &i) && !str_to_i64(S("--1"), &i) && !str_to_i64(S("+1"), &i));
}

TEST(str_to_doubles_take_json_syntax_only)
{
    static const char *const good[] = {"0", "-0", "1", "10.5", "1e3", "1E+3", "2.5e-3", "0.1"};
    static const char *const bad[] = {"",     "+1",  ".5",  "1.", "01", "-01",   "1e",    "1e+",
                                      "0x10", "inf", "nan", " 1", "1 ", "1e999", "-1e999"};
    double v = 7;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_TRUE(str_to_f64(str_of(good[i]), &v));
        CHECK_TRUE(v == strtod(good[i], NULL));
    }
    v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_TRUE(!str_to_f64(str_of(bad[i]), &v));
    CHECK_TRUE(v == 7);
}

TEST(str_utf8_is_strict)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xc3"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK_TRUE(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_TRUE(!str_is_utf8(str_of(bad[i])));
    CHECK_TRUE(str_is_utf8((struct str){"a\0b", 3}));
}

TEST(str_chars_are_code_points)
{
    CHECK_EQ(str_chars(S_NULL), 0);
    CHECK_EQ(str_chars(S("abc")), 3);
    CHECK_EQ(str_chars(S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 3);
}

TEST(str_edits_between_names)
{
    char longest[STR_EDITS_BYTES + 1];

    CHECK_EQ(str_edits(S(""), S("")), 0);
    CHECK_EQ(str_edits(S("abc"), S("")), 3);
    CHECK_EQ(str_edits(S("homeAdress"), S("homeAddress")), 1);
    CHECK_EQ(str_edits(S("kitten"), S("sitting")), 3);
    CHECK_EQ(str_edits(S("COUNT"), S("count")), 0);
    memset(longest, 'x', sizeof longest);
    CHECK_EQ(str_edits((struct str){longest, STR_EDITS_BYTES}, (struct str){longest, STR_EDITS_BYTES}), 0);
    CHECK_TRUE(str_edits((struct str){longest, STR_EDITS_BYTES + 1}, S("x")) > 1000);
    CHECK_EQ(str_edits_near(4), 1);
    CHECK_EQ(str_edits_near(5), 2);
}
