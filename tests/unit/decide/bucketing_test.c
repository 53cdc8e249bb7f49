/* bucketing_test.c - the published vectors [TARGET 3.5]: 24 hashes, 71 decisions. */
#include "codec/json.h"
#include "decide/decide.h"
#include "t.h"

static const struct json *
vectors(struct t *t, const char *path)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(t_read(t, path), t->arena, &root, d));
    return root;
}

TEST(bucketing_hash_vectors)
{
    struct json_iter it = json_iter(json_get(vectors(t, "vectors/target-bucketing.json"), S("hash")));
    size_t n = 0;

    for (; json_next(&it); n++) {
        int32_t hash = decide_hash(json_str(json_get(it.value, S("input"))));
        CHECK_EQ(hash, json_i64(json_get(it.value, S("hash")), -7));
        CHECK_EQ(decide_bucket(hash), json_i64(json_get(it.value, S("bucket")), -7));
    }
    CHECK_EQ(n, 24);
}

TEST(bucketing_documented_server_vectors)
{
    struct json_iter it = json_iter(json_get(vectors(t, "vectors/target-bucketing.json"), S("documentedServer")));
    size_t n = 0;

    for (; json_next(&it); n++) {
        int32_t hash = decide_hash(json_str(json_get(it.value, S("input"))));
        const struct json *index = json_get(it.value, S("threeWayIndex"));
        CHECK_EQ(hash, json_i64(json_get(it.value, S("hash")), -7));
        CHECK_EQ(decide_bucket(hash), json_i64(json_get(it.value, S("bucket")), -7));
        if (index != NULL)
            CHECK_EQ(decide_bucket(hash) * 3 / 10000, json_i64(index, -7));
    }
    CHECK_EQ(n, 2);
}

TEST(bucketing_decision_vectors)
{
    struct json_iter it = json_iter(json_get(vectors(t, "vectors/target-bucketing.json"), S("decision")));
    size_t n = 0;

    for (; json_next(&it); n++) {
        const struct json *v = it.value, *id = json_get(v, S("id")), *split = json_get(v, S("split"));
        const struct json *activity = json_get(v, S("activityId"));
        struct json_iter percents = json_iter(split);
        unsigned percent[8];
        struct str key, input;
        size_t count = 0;
        int32_t hash;

        key = decide_visitor_key(json_str(json_get(id, S("marketingCloudVisitorId"))),
                                 json_str(json_get(id, S("tntId"))), json_str(json_get(id, S("thirdPartyId"))));
        CHECK_STR(key, json_str(json_get(v, S("visitorKey"))));
        if (json_is(activity, JSON_STRING))
            input = arena_printf(t->arena, "%.*s.%.*s.%.*s.0", STR_ARG(json_str(json_get(v, S("client")))),
                                 STR_ARG(json_str(activity)), STR_ARG(key));
        else
            input = arena_printf(t->arena, "%.*s.%lld.%.*s.0", STR_ARG(json_str(json_get(v, S("client")))),
                                 (long long)json_i64(activity, 0), STR_ARG(key));
        CHECK_STR(input, json_str(json_get(v, S("input"))));
        hash = decide_hash(input);
        CHECK_EQ(hash, json_i64(json_get(v, S("hash")), -7));
        while (json_next(&percents))
            percent[count++] = (unsigned)json_i64(percents.value, 0);
        CHECK_EQ(
            decide_choose(decide_bucket(hash), percent, count, (unsigned)json_i64(json_get(v, S("trafficPercent")), 0)),
            json_i64(json_get(v, S("chosenIndex")), -1));
    }
    CHECK_EQ(n, 71);
}

TEST(bucketing_smallest_integer_has_an_absolute_value)
{
    CHECK_EQ(decide_bucket(INT32_MIN), 3648);
}

TEST(bucketing_nothing_is_lost_when_the_first_share_is_empty)
{
    const unsigned percent[] = {0, 100};

    CHECK_EQ(decide_choose(0, percent, 2, 100), 1);
    CHECK_EQ(decide_choose(9999, percent, 2, 100), 1);
}

/* Against the C code of [TARGET 3.2] over code units made by another decoder. */
static int32_t
model_hash(const uint16_t *u, size_t n)
{
    uint32_t h = 0;

    for (size_t i = 0; i < n; i += 2) {
        uint32_t k = i + 1 < n ? u[i] | (uint32_t)u[i + 1] << 16 : u[i];
        k *= 0xcc9e2d51u;
        k = (k << 15 | k >> 17) * 0x1b873593u;
        h ^= k;
        if (i + 1 < n)
            h = (h << 13 | h >> 19) * 5u + 0xe6546b64u;
    }
    h ^= (uint32_t)(2 * n);
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return (int32_t)(h ^ h >> 16);
}

static size_t
put_utf8(char *p, uint32_t cp)
{
    if (cp < 0x80) {
        p[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        p[0] = (char)(0xc0 | cp >> 6);
        p[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        p[0] = (char)(0xe0 | cp >> 12);
        p[1] = (char)(0x80 | (cp >> 6 & 63));
        p[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    p[0] = (char)(0xf0 | cp >> 18);
    p[1] = (char)(0x80 | (cp >> 12 & 63));
    p[2] = (char)(0x80 | (cp >> 6 & 63));
    p[3] = (char)(0x80 | (cp & 63));
    return 4;
}

TEST(bucketing_agrees_with_the_model_on_random_text)
{
    static const uint32_t tops[] = {0x80, 0x800, 0x10000, 0x110000};

    for (int round = 0; round < 2000; round++) {
        uint16_t units[64];
        char text[160];
        size_t n = 0, bytes = 0, count = rng_below(&t->rng, 30);
        while (count-- > 0) {
            uint32_t cp = (uint32_t)rng_below(&t->rng, tops[rng_below(&t->rng, 4)]);
            if (cp >= 0xd800 && cp < 0xe000)
                cp = 0xfffd;
            bytes += put_utf8(text + bytes, cp);
            if (cp >= 0x10000) {
                units[n++] = (uint16_t)(0xd800 + ((cp - 0x10000) >> 10));
                units[n++] = (uint16_t)(0xdc00 + ((cp - 0x10000) & 0x3ff));
            } else {
                units[n++] = (uint16_t)cp;
            }
        }
        CHECK_EQ(decide_hash((struct str){text, bytes}), model_hash(units, n));
    }
}

TEST(bucketing_malformed_bytes_become_replacement_characters)
{
    /* One U+FFFD for each maximal part: a cut three-byte form, an overlong form's two bytes, a surrogate's three. */
    const struct {
        const char *in, *as;
    } cases[] = {
        {"a\xe2\x82", "a\xef\xbf\xbd"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf5z", "\xef\xbf\xbdz"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_EQ(decide_hash(str_of(cases[i].in)), decide_hash(str_of(cases[i].as)));
}
