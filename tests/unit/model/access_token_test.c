/* Access tokens: good for what they say, while they last, and for nothing that was changed  [TARGET 6.9]. */
#include "model/access_token.h"

#include "t.h"

#define NOW ((int64_t)1767225600000)

static const struct hash_key key = {1, 2}, other_key = {1, 3};

static struct str
written(struct t *t, const struct access_token *token)
{
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    CHECK_OK(access_token_write(&b, key, token, t->arena, d));
    return buf_str(&b);
}

TEST(access_token_allows_what_it_says)
{
    struct access_token token = {S("acme"), ACCESS_PROFILE_API, NOW}, read;

    CHECK_TRUE(access_token_read(written(t, &token), key, t->arena, &read));
    CHECK_TRUE(access_token_allows(&read, S("acme"), ACCESS_PROFILE_API, NOW - 1));
    CHECK_TRUE(!access_token_allows(&read, S("acme"), ACCESS_PROFILE_API, NOW));
    CHECK_TRUE(!access_token_allows(&read, S("acme"), ACCESS_DEBUG_TOOLS, NOW - 1));
    CHECK_TRUE(!access_token_allows(&read, S("other"), ACCESS_PROFILE_API, NOW - 1));
}

TEST(access_token_that_was_changed_is_none)
{
    struct access_token token = {S("acme"), ACCESS_DEBUG_TOOLS, NOW}, read;
    struct str text = written(t, &token);

    CHECK_TRUE(!access_token_read(text, other_key, t->arena, &read));
    CHECK_TRUE(!access_token_read(S_NULL, key, t->arena, &read));
    CHECK_TRUE(!access_token_read(S("."), key, t->arena, &read));
    for (size_t i = 0; i + 1 < text.n; i++) { /* the last character has bits that say nothing */
        char *copy = arena_alloc(t->arena, text.n);
        memcpy(copy, text.p, text.n);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        CHECK_TRUE(!access_token_read((struct str){copy, text.n}, key, t->arena, &read));
        CHECK_TRUE(!access_token_read(str_slice(text, 0, i), key, t->arena, &read));
    }
}
