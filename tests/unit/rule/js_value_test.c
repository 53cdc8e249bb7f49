/* js_value_test.c - lower case, decimals and conversions as JavaScript has them [TARGET 4.1, 5.4]. */
#include "rule/js_value.h"

#include <math.h>

#include "rule/lowercase.h"
#include "t.h"

TEST(lowercase_is_javascripts)
{
    static const char *const cases[][2] = {
        {"ABC", "abc"},
        {"already", "already"},
        {"\xC3\x89T\xC3\x89", "\xC3\xA9t\xC3\xA9"},                 /* ÉTÉ */
        {"\xC4\xB0", "i\xCC\x87"},                                  /* dotted capital I */
        {"\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x82"},                   /* final sigma */
        {"\xCE\x91\xCE\xA3\xCE\x91", "\xCE\xB1\xCF\x83\xCE\xB1"},   /* inside a word */
        {"\xCE\xA3", "\xCF\x83"},                                   /* alone */
        {"\xCE\x91\xCE\xA3'\xCE\x91", "\xCE\xB1\xCF\x83'\xCE\xB1"}, /* an apostrophe does not end a word */
        {"\xCE\x91\xCE\xA3 \xCE\x91", "\xCE\xB1\xCF\x82 \xCE\xB1"},
        {"\xC8\xBA", "\xE2\xB1\xA5"},             /* grows from two bytes to three */
        {"\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"}, /* Deseret */
        {"stra\xC3\x9F\x65", "stra\xC3\x9F\x65"}, /* sharp s stays */
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(lowercase_str(str_of(cases[i][0]), t->arena), str_of(cases[i][1]));
}

TEST(js_decimals_have_no_exponent) /* [TARGET 4.1] */
{
    static const struct {
        const char *text;
        bool is;
        double value;
    } cases[] = {
        {"1", true, 1},    {"1.0", true, 1},       {"045", true, 45}, {"-5", true, -5},
        {"+5", true, 5},   {".5", true, 0.5},      {"5.", true, 5},   {" 12 ", true, 12},
        {"", false, 0},    {" ", false, 0},        {"1e3", false, 0}, {"0x10", false, 0},
        {"1 2", false, 0}, {"Infinity", false, 0}, {".", false, 0},   {"\xC2\xA0\x37", true, 7},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double f = 0;
        bool is = js_decimal(str_of(cases[i].text), &f);
        if (is != cases[i].is || (is && f != cases[i].value))
            t_fail(t, __FILE__, __LINE__, "'%s' is %d, %g", cases[i].text, is, f);
    }
}

TEST(js_numbers_as_text)
{
    static const struct {
        double f;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {0.1, "0.1"},
        {100, "100"},
        {1e21, "1e+21"},
        {1e20, "100000000000000000000"},
        {1e-6, "0.000001"},
        {1.5e-7, "1.5e-7"},
        {-12.25, "-12.25"},
        {123456.789, "123456.789"},
        {NAN, "NaN"},
        {INFINITY, "Infinity"},
    };
    bool nomem = false;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(js_text((struct value){.kind = VALUE_DOUBLE, .f = cases[i].f}, t->arena, &nomem),
                  str_of(cases[i].text));
    CHECK_TRUE(!nomem);
}

TEST(js_substr_cuts_units)
{
    bool nomem = false;

    CHECK_STR(js_substr(S("\xF0\x9F\x98\x80x"), 2, NAN, t->arena, &nomem), S("x"));
    CHECK_EQ(js_substr(S("\xF0\x9F\x98\x80x"), 0, 1, t->arena, &nomem).n, 3); /* half a character */
    CHECK_STR(js_substr(S("abc"), -2, 1, t->arena, &nomem), S("b"));
    CHECK_STR(js_substr(S("abc"), 5, 1, t->arena, &nomem), S(""));
    CHECK_EQ(js_length(S("\xF0\x9F\x98\x80x")), 3);
}

TEST(js_arena_used_up_is_said)
{
    struct arena small;
    bool nomem = false;
    char text[4096];

    memset(text, 'A', sizeof(text));
    arena_init(&small, 1024);
    (void)js_substr((struct str){text, sizeof(text)}, 0, NAN, &small, &nomem);
    CHECK_TRUE(nomem);
    CHECK_TRUE(lowercase_str((struct str){text, sizeof(text)}, &small).p == NULL);
    arena_deinit(&small);
}
