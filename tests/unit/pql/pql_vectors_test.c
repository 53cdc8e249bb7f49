/* pql_vectors_test.c - every text vector of tests/vectors/pql.json: compiled, evaluated, compared [SEGMENTATION 21]. */
#include <math.h>

#include "base/civil.h"
#include "pql/pql.h"
#include "t.h"

static bool
near_equal(const struct json *a, const struct json *b)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    double p = json_f64(a, 0), q = json_f64(b, 0);

    if (json_is_number(a) && json_is_number(b))
        return fabs(p - q) <= 1e-9 * fmax(fabs(p), fabs(q));
    if (json_type(a) != json_type(b) || json_count(a) != json_count(b))
        return false;
    if (json_is(a, JSON_ARRAY)) {
        while (json_next(&x) && json_next(&y)) {
            if (!near_equal(x.value, y.value))
                return false;
        }
        return true;
    }
    if (json_is(a, JSON_OBJECT)) {
        while (json_next(&x)) {
            if (json_get(b, x.key) == NULL || !near_equal(x.value, json_get(b, x.key)))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

static struct rule_env
env_of(struct t *t, const struct json *vector)
{
    const struct json *profile = json_get(vector, S("profile")), *list = json_get(profile, S("xEvent"));
    const struct json **events = ARENA_ARRAY(t->arena, const struct json *, json_count(list) + 1);
    struct json_iter it = json_iter(list);
    struct rule_env env = {.profile = profile, .events = events};

    CHECK_TRUE(iso8601_parse(json_str(json_get(vector, S("now"))), &env.now_ms, NULL));
    while (json_is(list, JSON_ARRAY) && json_next(&it))
        events[env.event_count++] = it.value;
    return env;
}

/* NULL, or what went wrong. */
static const char *
check_value(struct t *t, const struct json *vector, const struct json *expect, const struct rule *r)
{
    struct rule_env env = env_of(t, vector);
    struct diag fault = DIAG_INIT;
    const struct json *got;
    struct value v;
    struct buf b;
    const char *text;

    if (rule_eval(r, &env, t->arena, &v, &fault) != ERR_OK)
        return arena_cstr(t->arena, str_of(fault.what));
    buf_init(&b, 1 << 24);
    value_write(&b, v);
    text = arena_cstr(t->arena, buf_str(&b));
    CHECK_OK(json_parse(buf_str(&b), t->arena, &got, d));
    buf_deinit(&b);
    if (json_is(expect, JSON_BOOL) ? value_truth(v) == json_bool(expect, false) : near_equal(got, expect))
        return NULL;
    return text;
}

static const char *
check_vector(struct t *t, const struct json *vector)
{
    const struct json *expect = json_get(vector, S("expect"));
    struct str want = json_str(expect), error = str_starts(want, S("error:")) ? str_slice(want, 6, want.n) : S_NULL;
    enum pql_error class;
    struct diag d = DIAG_INIT;
    struct rule *r = NULL;
    enum err rc = pql_compile(json_str(json_get(vector, S("pql"))), false, &r, &class, &d);
    const char *bad;

    if (rc != ERR_OK) {
        if (error.p != NULL && str_eq(error, str_of(pql_error_name(class))))
            return d.pos <= json_str(json_get(vector, S("pql"))).n ? NULL : "an error position outside the text";
        return arena_printf(t->arena, "error:%s %s", pql_error_name(class), d.what).p;
    }
    bad = error.p != NULL ? "compiled" : check_value(t, vector, expect, r);
    rule_free(r);
    return bad;
}

TEST(pql_text_vectors)
{
    const struct json *all;
    struct json_iter it;
    unsigned passed = 0, failed = 0, skipped = 0;

    CHECK_OK(json_parse(t_read(t, "vectors/pql.json"), t->arena, &all, d));
    it = json_iter(all);
    while (json_next(&it)) {
        const char *bad;
        if (str_eq(json_str(json_get(it.value, S("format"))), S("pql/json"))) {
            skipped++; /* the tree form is another reader */
            continue;
        }
        bad = check_vector(t, it.value);
        if (bad == NULL) {
            passed++;
            continue;
        }
        failed++;
        fprintf(stderr, "  %.*s: %.*s\n    got %.200s\n", STR_ARG(json_str(json_get(it.value, S("id")))),
                (int)(json_str(json_get(it.value, S("pql"))).n > 300 ? 300 : json_str(json_get(it.value, S("pql"))).n),
                json_str(json_get(it.value, S("pql"))).p, bad);
    }
    printf("pql vectors: %u passed, %u failed, %u skipped (pql/json)\n", passed, failed, skipped);
    CHECK_EQ(failed, 0);
    CHECK_EQ(passed + skipped, json_count(all));
    CHECK_TRUE(passed > 700);
}
