#include "codec/json_writer.h"

#include "base/limits.h"
#include "codec/json.h"
#include "t.h"

TEST(jw_everything)
{
    const struct json *v = NULL;
    struct buf b;
    struct jw w;

    buf_init(&b, 4096);
    CHECK_OK(json_parse(S("{\"z\":[1]}"), t->arena, &v, d));
    w = jw_to(&b);
    jw_object(&w);
    jw_kstr(&w, S("s"), S("a\"b"));
    jw_ki64(&w, S("i"), -5);
    jw_kbool(&w, S("t"), true);
    jw_kraw(&w, S("r"), S("{\"x\":1}"));
    jw_kjson(&w, S("j"), v);
    jw_ktime(&w, S("at"), 1768469400123);
    jw_key(&w, S("a"));
    jw_array(&w);
    jw_u64(&w, UINT64_MAX);
    jw_f64(&w, 0.5);
    jw_bool(&w, false);
    jw_null(&w);
    jw_object(&w);
    jw_end(&w);
    jw_array(&w);
    jw_end(&w);
    jw_raw(&w, S("7"));
    jw_json(&w, NULL);
    jw_time(&w, 0);
    jw_end(&w);
    jw_end(&w);
    CHECK_STR(buf_str(&b), S("{\"s\":\"a\\\"b\",\"i\":-5,\"t\":true,\"r\":{\"x\":1},\"j\":{\"z\":[1]},"
                             "\"at\":\"2026-01-15T09:30:00.123Z\",\"a\":[18446744073709551615,0.5,false,null,{},[],7,"
                             "null,\"1970-01-01T00:00:00.000Z\"]}"));
    buf_deinit(&b);
}

TEST(jw_escapes_every_control_character)
{
    char raw[128];
    const struct json *v = NULL;
    struct buf b;

    for (int i = 0; i < 128; i++)
        raw[i] = (char)i;
    buf_init(&b, 4096);
    json_quote(&b, (struct str){raw, sizeof raw});
    for (size_t i = 0; i < b.n; i++)
        CHECK_TRUE((unsigned char)b.p[i] >= 0x20);
    CHECK_OK(json_parse(buf_str(&b), t->arena, &v, d));
    CHECK_STR(json_str(v), ((struct str){raw, sizeof raw}));
    buf_clear(&b);
    json_quote(&b, S("\x01\n\t\r\"\\/\xc3\xa9"));
    CHECK_STR(buf_str(&b), S("\"\\u0001\\n\\t\\r\\\"\\\\/\xc3\xa9\""));
    buf_clear(&b);
    json_quote(&b, S_NULL);
    CHECK_STR(buf_str(&b), S("\"\""));
    buf_deinit(&b);
}

TEST(jw_quotes_runs_of_every_length)
{
    static const char odd[] = {'"', '\\', '\n', 0, 31, ' ', '!', '#', '[', ']', 127, (char)0x80, (char)0xff};

    for (int i = 0; i < 5000; i++) {
        char raw[64];
        size_t n = rng_u64(&t->rng) % sizeof raw;
        struct buf fast, plain;
        for (size_t k = 0; k < n; k++)
            raw[k] = rng_u64(&t->rng) % 12 == 0 ? odd[rng_u64(&t->rng) % sizeof odd] : 'a';
        buf_init_in(&fast, t->arena, 4096);
        buf_init_in(&plain, t->arena, 4096);
        json_quote(&fast, (struct str){raw, n});
        buf_putc(&plain, '"');
        for (size_t k = 0; k < n; k++) {
            unsigned char c = (unsigned char)raw[k];
            if (c == '"' || c == '\\')
                buf_printf(&plain, "\\%c", c);
            else if (c == '\n')
                buf_put(&plain, S("\\n"));
            else if (c < 0x20)
                buf_printf(&plain, "\\u%04x", c);
            else
                buf_putc(&plain, raw[k]);
        }
        buf_putc(&plain, '"');
        CHECK_STR(buf_str(&fast), buf_str(&plain));
    }
}

TEST(jw_keys_are_quoted_as_texts_are)
{
    static const char odd[] = {'"', '\\', '\n', 31, '_', (char)0x80};

    for (int i = 0; i < 2000; i++) {
        char raw[24];
        size_t n = rng_u64(&t->rng) % sizeof raw;
        struct buf object, quoted;
        struct jw w;
        for (size_t k = 0; k < n; k++)
            raw[k] = rng_u64(&t->rng) % 12 == 0 ? odd[rng_u64(&t->rng) % sizeof odd] : 'k';
        buf_init_in(&object, t->arena, 4096);
        buf_init_in(&quoted, t->arena, 4096);
        w = jw_to(&object);
        jw_object(&w);
        for (int k = 0; k < 2; k++) { /* the second has a comma in front */
            jw_key(&w, (struct str){raw, n});
            jw_i64(&w, k);
        }
        jw_end(&w);
        json_quote(&quoted, (struct str){raw, n});
        CHECK_STR(buf_str(&object),
                  arena_printf(t->arena, "{%.*s:0,%.*s:1}", STR_ARG(buf_str(&quoted)), STR_ARG(buf_str(&quoted))));
    }
}

TEST(jw_key_takes_the_last_byte_of_a_buf)
{
    struct buf b;
    struct jw w;

    for (size_t room = 5; room <= 6; room++) {
        buf_init(&b, room);
        w = jw_to(&b);
        jw_object(&w);
        jw_key(&w, S("ab"));
        CHECK_EQ(buf_ok(&b), room == 6); /* {"ab": */
        buf_deinit(&b);
    }
}

TEST(jw_overflow_shows_in_the_buf)
{
    struct buf b;
    struct jw w;

    buf_init(&b, 20);
    w = jw_to(&b);
    jw_array(&w);
    for (int i = 0; i < 100; i++)
        jw_str(&w, S("text"));
    jw_end(&w);
    CHECK_TRUE(!buf_ok(&b));
    CHECK_TRUE(b.n <= 20);
    buf_deinit(&b);
}

TEST(jw_nests_deeply)
{
    const struct json *v = NULL;
    struct buf b;
    struct jw w;

    buf_init(&b, 4096);
    w = jw_to(&b);
    for (int i = 0; i < LIMIT_JSON_DEPTH - 1; i++) {
        if (i % 2 == 0) {
            jw_object(&w);
            jw_key(&w, S("k"));
        } else {
            jw_array(&w);
            jw_i64(&w, i);
        }
    }
    jw_null(&w);
    for (int i = 0; i < LIMIT_JSON_DEPTH - 1; i++)
        jw_end(&w);
    CHECK_OK(json_parse(buf_str(&b), t->arena, &v, d));
    buf_deinit(&b);
}
