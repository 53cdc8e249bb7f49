/* diag_test.c - messages that do not fit are cut between two characters. */
#include "base/diag.h"
#include "base/str.h"
#include "t.h"

/* "aa...", then this character until long after the end. */
static void
overfull(char *out, size_t n, size_t before, const char *character)
{
    size_t size = strlen(character), end = before;

    memset(out, 'a', before);
    for (; end + size < n; end += size)
        memcpy(out + end, character, size);
    out[end] = '\0';
}

TEST(diag_is_cut_between_characters)
{
    static const char *const characters[] = {"b", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char text[1024];
    struct diag d = DIAG_INIT;

    for (size_t c = 0; c < 4; c++) {
        for (size_t before = 0; before < 8; before++) {
            size_t size = strlen(characters[c]);
            overfull(text, sizeof text, before, characters[c]);
            (void)diag_set_path(&d, ERR_INVALID, text, "%s", text);
            diag_hint(&d, "%s", text);
            CHECK_TRUE(str_is_utf8(str_of(d.what)) && str_is_utf8(str_of(d.path)) && str_is_utf8(str_of(d.hint)));
            CHECK_EQ(strlen(d.what), before + (sizeof d.what - 1 - before) / size * size);
            CHECK_EQ(strlen(d.path), before + (sizeof d.path - 1 - before) / size * size);
            CHECK_EQ(strlen(d.hint), before + (sizeof d.hint - 1 - before) / size * size);
        }
    }
    (void)diag_set(&d, ERR_INVALID, "%s", "\xc3\xa9"); /* what fits stays */
    CHECK_STR(str_of(d.what), S("\xc3\xa9"));
}
