/* fuzz_pql.c - any text is compiled; what compiles is evaluated on a small profile. Equal texts give equal rules, an
 * error has a class and a place in the text, and evaluation ends by itself. */
#include "base/check.h"
#include "pql/pql.h"

static const char profile_text[] =
    "{\"person\":{\"gender\":\"female\",\"birthDate\":\"1990-06-15\",\"name\":\"\\u00c9lodie\"},\"n\":7,\"d\":2.5,"
    "\"t\":"
    "\"2025-03-05T14:30:00Z\",\"colors\":[\"red\",\"blue\",null],\"orders\":[{\"id\":\"o1\",\"price\":20,\"store\":"
    "\"N\"},"
    "{\"id\":\"o2\",\"price\":75.5}],\"segmentMembership\":{\"ups\":{\"s\":{\"status\":\"realized\"}}},\"xEvent\":["
    "{\"timestamp\":\"2025-03-12T10:00:00Z\",\"eventType\":\"view\",\"sku\":\"A\",\"items\":[{\"SKU\":\"A\",\"q\":1}]},"
    "{\"timestamp\":\"2025-03-12T11:00:00Z\",\"eventType\":\"cart\",\"sku\":\"A\"},"
    "{\"timestamp\":\"2025-03-11T11:00:00Z\",\"eventType\":\"view\",\"sku\":\"B\"},{\"eventType\":\"none\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
evaluate(const struct rule *r)
{
    struct arena a;
    const struct json *profile = NULL, *events[8];
    struct rule_env env = {.now_ms = INT64_C(1741789800000), .events = events};
    struct json_iter it;
    struct value v;
    struct buf b;
    enum err rc;

    arena_init(&a, 16u << 20);
    CHECK(json_parse(S(profile_text), &a, &profile, NULL) == ERR_OK);
    env.profile = profile;
    it = json_iter(json_get(profile, S("xEvent")));
    while (json_next(&it) && env.event_count < 8)
        events[env.event_count++] = it.value;
    rc = rule_eval(r, &env, &a, &v, NULL);
    CHECK(rc == ERR_OK || rc == ERR_LIMIT);
    if (rc == ERR_OK) {
        buf_init(&b, 1u << 22);
        value_write(&b, v);
        CHECK(value_same(v, v));
        (void)value_truth(v); /* any answer will do */
        buf_deinit(&b);
    }
    arena_deinit(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct diag d = DIAG_INIT;
    enum pql_error class = PQL_OK;
    struct rule *r = NULL, *again = NULL;
    enum err rc = pql_compile(text, false, &r, &class, &d);

    if (rc != ERR_OK) {
        CHECK(class != PQL_OK && d.what[0] != '\0' && d.pos <= size && r == NULL);
        return 0;
    }
    CHECK(class == PQL_OK);
    CHECK(pql_compile(text, false, &again, NULL, &d) == ERR_OK);
    CHECK(rule_equal(rule_root(r), rule_root(again)) && rule_hash(rule_root(r)) == rule_hash(rule_root(again)));
    rule_free(again);
    (void)pql_classify(r); /* any answer will do */
    evaluate(r);
    rule_free(r);
    return 0;
}
