/* pql_eval_test.c - the evaluator through the language: bounds, rules beyond the vectors, and chain against a naive
 * model. */
#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql.h"
#include "t.h"

static const struct json *
parse(struct t *t, const char *text)
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(str_of(text), t->arena, &root, d));
    return root;
}

static struct rule_env
env_of(struct t *t, const char *profile)
{
    const struct json *root = parse(t, profile), *list = json_get(root, S("xEvent"));
    const struct json **events = ARENA_ARRAY(t->arena, const struct json *, json_count(list) + 1);
    struct rule_env env = {.profile = root, .events = events, .now_ms = INT64_C(1741789800000)}; /* 2025-03-12T14:30Z */
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        events[env.event_count++] = it.value;
    return env;
}

static struct str
eval(struct t *t, const char *text, const struct rule_env *env)
{
    struct rule *r = NULL;
    struct value v;
    struct buf b;
    struct str out;

    CHECK_OK(pql_compile(str_of(text), false, &r, NULL, d));
    CHECK_OK(rule_eval(r, env, t->arena, &v, d));
    buf_init(&b, 1 << 20);
    value_write(&b, v);
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    rule_free(r);
    return out;
}

TEST(eval_rules_beyond_the_vectors)
{
    static const struct {
        const char *text, *profile, *expect;
    } cases[] = {
        {"let Q = $1 in Q.xEvent.count()", "{\"xEvent\":[{},{}]}", "2"},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(= 0)])", "{\"xEvent\":[]}", "false"}, /* [9.2] step 5 */
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "{}", "{\"a\":3,\"b\":2}"},
        {"m.map((K, V) => mapEntry(V, K))", "{\"m\":{\"a\":1,\"b\":null,\"c\":1}}", "{\"1\":\"c\"}"},
        {"xs.groupBy(k).keys()", "{\"xs\":[{\"k\":true},{\"k\":1.5},{\"k\":[1]},{},{\"k\":true}]}",
         "[\"true\",\"1.5\"]"},
        {"xs.topN(k, 9).k", "{\"xs\":[{\"k\":1},{\"k\":\"z\"},{\"k\":\"2020-01-01\"},{\"k\":true},{\"k\":2}]}",
         "[\"z\",\"2020-01-01\",2,1,true]"},
        {"xs.bottomN(k, 2).k", "{\"xs\":[{\"k\":\"z\"},{\"k\":\"2020-01-01\"},{\"k\":2}]}", "[2,\"2020-01-01\"]"},
        {"xs.max()", "{\"xs\":[\"b\",7,\"c\",\"2020-01-01\"]}", "\"c\""},
        {"xs.sum()", "{\"xs\":[9223372036854775807,1,2]}", "9.223372036854776e+18"},
        {"xs.intersection(ys)", "{\"xs\":[1,\"a\",1.0,2],\"ys\":[\"1\",\"a\"]}", "[1,\"a\"]"},
        {"ys.subsetOf(xs)", "{\"ys\":[3,\"17\"],\"xs\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
         "true"}, /* by hash, then one by one */
        {"\"17\" in xs", "{\"xs\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", "true"},
        {"n.notEqualTo(null)", "{\"n\":\"a\"}", "false"},
        {"xs.notEqualTo(\"a\")", "{\"xs\":[\"a\",null]}", "false"},
        {"xs.notEqualTo(\"a\")", "{\"xs\":[\"a\",\"b\"]}", "true"},
        {"xs.equals(ys)", "{\"xs\":[1,2],\"ys\":[1,2.0]}", "true"},
        {"n.startsWith(ps)", "{\"n\":\"abc\",\"ps\":[\"x\",\"ab\"]}", "true"},
        {"n.startsWith(\"a\", f)", "{\"n\":\"abc\",\"f\":null}", "false"},
        {"n like \"a\\\\\"", "{\"n\":\"a\\\\\"}", "true"},
        {"n like \"%ab%ab_%\"", "{\"n\":\"xxabyyabab\"}", "true"},
        {"n.matches(p)", "{\"n\":\"abc\",\"p\":\"(\"}", "false"},
        {"n.regexGroup(\"b\", g)", "{\"n\":\"abc\",\"g\":1}", "null"},
        {"\"\xE1\xBA\x9E\".equals(\"\xC3\x9F\", false)", "{}", "true"}, /* capital sharp s folds to sharp s */
        {"\"\xCF\x82\".equals(\"\xCE\xA3\", false)", "{}", "true"},     /* final sigma */
        {"\"\xC4\xB0\".equals(\"i\", false)", "{}", "false"},           /* dotted capital I has no simple folding */
        {"\"STRASSE\".equals(\"stra\xC3\x9F"
         "e\", false)",
         "{}", "false"}, /* no change of length */
        {"a % b", "{\"a\":-9223372036854775808,\"b\":-1}", "0"},
        {"-a", "{\"a\":-9223372036854775808}", "9.223372036854776e+18"},
        {"a / b", "{\"a\":1e308,\"b\":1e-308}", "null"},
        {"9007199254740993 = 9007199254740992.0", "{}", "false"}, /* no truncation */
        {"9007199254740993 > 9007199254740992.0", "{}", "true"},
        {"t occurs = 0 days before today", "{\"t\":\"2025-03-12\"}", "true"},
        {"t occurs < 9223372036854775807 millennia before now", "{\"t\":\"0001-01-01\"}", "true"},
        {"t occurs this millennium", "{\"t\":\"2999-12-31\"}", "true"},
        {"one E from xs, F from E.ys where F = 2", "{\"xs\":[{\"ys\":[2,2]},{\"ys\":[1]}]}", "true"},
        {"count E.ys over E from xs", "{\"xs\":[{\"ys\":[2,2]},{\"ys\":[1,null]},{}]}", "3"},
        {"productListItems.SKU@{lookup}.brand.isNull()", "{\"productListItems\":[{\"SKU\":\"A\"}]}", "false"},
        {"chain(xEvent, timestamp, [A: WHAT(k = 1), not N: WHAT(k = 2), B: WHAT(k = 3 and N.k = 2)])",
         "{\"xEvent\":[{\"timestamp\":1,\"k\":1},{\"timestamp\":2,\"k\":3}]}", "false"}, /* an excluded label is null */
        {"xs.ys", "{\"xs\":[[{\"ys\":1}],{\"ys\":[2,[3]]},4,null]}", "[1,2,[3]]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule_env env = env_of(t, cases[i].profile);
        struct str got = eval(t, cases[i].text, &env);
        if (!str_eq(got, str_of(cases[i].expect)))
            t_fail(t, __FILE__, __LINE__, "%s gives %.*s, expected %s", cases[i].text, STR_ARG(got), cases[i].expect);
    }
}

static bool
is_vip(void *ctx, struct str id)
{
    ++*(int *)ctx;
    return str_eq(id, S("vip"));
}

TEST(eval_asks_for_memberships_and_parameters)
{
    struct rule_env env = env_of(t, "{\"segmentMembership\":{\"ups\":{\"other\":{\"status\":\"realized\"}}}}");
    const struct json *second = parse(t, "{\"x\":5}");
    int calls = 0;

    CHECK_STR(eval(t, "inSegment(\"other\")", &env), S("true"));
    env.in_segment = is_vip;
    env.ctx = &calls;
    CHECK_STR(eval(t, "inSegment(\"vip\") and not(inSegment(\"other\"))", &env), S("true"));
    CHECK_EQ(calls, 2);
    CHECK_STR(eval(t, "(P, Q) => Q.x", &env), S("null"));
    env.params = &second;
    env.param_count = 1;
    CHECK_STR(eval(t, "(P, Q) => Q.x + $2.x", &env), S("10"));
}

TEST(s19_25_steps)
{
    struct rule_env env;
    const struct json **events = ARENA_ARRAY(t->arena, const struct json *, 500);
    struct rule *r = NULL;
    struct value v = value_int(42);

    for (size_t i = 0; i < 500; i++)
        events[i] = parse(t, "{\"k\":1}");
    env = (struct rule_env){.events = events, .event_count = 500};
    CHECK_OK(pql_compile(S("exists A from xEvent, B from xEvent where A.k = 2 or B.k = 2"), true, &r, NULL, d));
    CHECK_OK(rule_eval(r, &env, t->arena, &v, d)); /* 250,000 combinations are within it */
    CHECK_TRUE(!value_truth(v));
    rule_free(r);
    CHECK_OK(pql_compile(S("exists A from xEvent, B from xEvent, C from xEvent where C.k = 2"), true, &r, NULL, d));
    v = value_int(42);
    CHECK_ERR(rule_eval(r, &env, t->arena, &v, d), ERR_LIMIT);
    CHECK_STR(str_of(t_diag.what), S("the rule takes more than 10000000 steps on this profile"));
    CHECK_EQ(v.i, 42); /* outputs are written only on success */
    rule_free(r);
}

TEST(eval_memory_limit)
{
    struct rule_env env = env_of(t, "{\"xs\":[1,2,3,4,5,6,7,8,9,10]}");
    struct arena small;
    struct rule *r = NULL;
    struct value v;

    CHECK_OK(pql_compile(S("xs.map((A) => xs.map((B) => xs.map((C) => A * B * C)))"), false, &r, NULL, d));
    for (size_t bytes = 0; bytes < 60000; bytes += 500) { /* wherever it runs out, it stops in order */
        enum err rc;
        arena_init(&small, bytes);
        rc = rule_eval(r, &env, &small, &v, &t_diag);
        CHECK_TRUE(rc == ERR_LIMIT || rc == ERR_OK);
        if (bytes < 10000)
            CHECK_EQ(rc, ERR_LIMIT);
        arena_deinit(&small);
    }
    CHECK_OK(rule_eval(r, &env, t->arena, &v, d));
    rule_free(r);
}

TEST(eval_node_with_slots_bound)
{
    struct rule_env env = env_of(t, "{}");
    struct rule *r = NULL;
    struct value slot, v;
    bool nomem = false;

    CHECK_OK(pql_compile(S("exists E from xEvent where E.k = 1 and E.items[n > 1].count() = 1"), true, &r, NULL, d));
    slot = value_of_json(parse(t, "{\"k\":1,\"items\":[{\"n\":1},{\"n\":2}]}"), t->arena, &nomem);
    CHECK_OK(rule_eval_node(rule_root(r)->args[0]->args[1], &env, &slot, 1, t->arena, &v, d));
    CHECK_TRUE(value_truth(v));
    slot = value_of_json(parse(t, "{\"k\":2,\"items\":[{\"n\":1},{\"n\":2}]}"), t->arena, &nomem);
    CHECK_OK(rule_eval_node(rule_root(r)->args[0]->args[1], &env, &slot, 1, t->arena, &v, d));
    CHECK_TRUE(!value_truth(v));
    rule_free(r);
}

/* ---- chain against the pseudo-code of [SEGMENTATION 9.2] ---- */

struct model_event {
    int t, k, s;
};

struct model_element {
    bool negated;
    int k;       /* WHAT(k = ...) */
    int same_as; /* and s = <label of that element>.s; -1: none */
    int count;
    int gap_min, gap_max; /* minutes; -1: none */
};

struct model {
    struct model_event events[12];
    int event_count;
    struct model_element elements[5];
    int element_count;
    int bound[5]; /* event index of each label, -1 */
};

static bool
model_sat(const struct model *m, int k, int e)
{
    const struct model_element *el = &m->elements[k];

    if (m->events[e].k != el->k)
        return false;
    if (el->same_as < 0)
        return true;
    return m->bound[el->same_as] >= 0 && m->events[m->bound[el->same_as]].s == m->events[e].s;
}

static bool
model_gap(const struct model *m, int k, int prev, int e)
{
    const struct model_element *el = &m->elements[k];
    int apart = prev < 0 ? 0 : m->events[e].t - m->events[prev].t;

    return prev < 0 || ((el->gap_min < 0 || apart >= el->gap_min) && (el->gap_max < 0 || apart <= el->gap_max));
}

static bool
model_after(const struct model *m, int e, int prev)
{
    return prev < 0 || m->events[e].t > m->events[prev].t;
}

static bool
model_match(struct model *m, int k, int prev, int neg_from)
{
    int fits[12], n = 0, end = k == m->element_count;

    if (!end && m->elements[k].negated)
        return model_match(m, k + 1, prev, neg_from);
    for (int e = 0; !end && e < m->event_count; e++) {
        if (model_after(m, e, prev) && model_sat(m, k, e))
            fits[n++] = e;
    }
    for (int a = 0; a < (end ? 1 : n); a++) {
        bool clear = true;
        if (!end && !model_gap(m, k, prev, fits[a]))
            continue;
        for (int neg = neg_from; neg < k; neg++) {
            for (int e = 0; e < m->event_count; e++) {
                if (model_after(m, e, prev) && (end || m->events[e].t < m->events[fits[a]].t) && model_sat(m, neg, e) &&
                    model_gap(m, neg, prev, e))
                    clear = false;
            }
        }
        if (!clear)
            continue;
        if (end)
            return true;
        for (int b = a + m->elements[k].count - 1; b < n; b++) {
            m->bound[k] = fits[b];
            if (model_match(m, k + 1, fits[b], k + 1))
                return true;
            if (m->elements[k].count == 1)
                break;
        }
        m->bound[k] = -1;
    }
    return false;
}

static void
model_fill(struct t *t, struct model *m)
{
    bool labels = rng_u64(&t->rng) % 2 == 0, positive = false;

    m->event_count = 1 + (int)(rng_u64(&t->rng) % 12);
    for (int i = 0; i < m->event_count; i++)
        m->events[i] = (struct model_event){(i ? m->events[i - 1].t : 0) + (int)(rng_u64(&t->rng) % 4),
                                            (int)(rng_u64(&t->rng) % 3), (int)(rng_u64(&t->rng) % 2)};
    m->element_count = 2 + (int)(rng_u64(&t->rng) % 4);
    for (int k = 0; k < m->element_count; k++) {
        struct model_element *el = &m->elements[k];
        *el = (struct model_element){
            .k = (int)(rng_u64(&t->rng) % 3), .same_as = -1, .count = 1, .gap_min = -1, .gap_max = -1};
        el->negated = rng_u64(&t->rng) % 3 == 0 && (positive || k + 1 < m->element_count);
        m->bound[k] = -1;
        if (positive && rng_u64(&t->rng) % 3 == 0)
            el->gap_min = (int)(rng_u64(&t->rng) % 4);
        if (positive && rng_u64(&t->rng) % 3 == 0)
            el->gap_max = (int)(rng_u64(&t->rng) % 6);
        if (labels && k > 0 && rng_u64(&t->rng) % 2 == 0)
            el->same_as = (int)(rng_u64(&t->rng) % (unsigned)k);
        if (!el->negated && rng_u64(&t->rng) % 4 == 0)
            el->count = 2;
        positive = positive || !el->negated;
    }
}

static void
model_text(const struct model *m, struct buf *b)
{
    buf_put(b, S("chain(xEvent, timestamp, ["));
    for (int k = 0; k < m->element_count; k++) {
        const struct model_element *el = &m->elements[k];
        buf_printf(b, "%s%sL%d: WHAT(k = %d", k ? ", " : "", el->negated ? "not " : "", k, el->k);
        if (el->same_as >= 0)
            buf_printf(b, " and s = L%d.s", el->same_as);
        buf_putc(b, ')');
        if (el->count > 1)
            buf_printf(b, " COUNT(%d)", el->count);
        if (el->gap_min >= 0 && el->gap_max >= 0)
            buf_printf(b, " GAP(>= %d minutes, < %d minutes)", el->gap_min, el->gap_max + 1);
        else if (el->gap_min >= 0)
            buf_printf(b, " GAP(> %d milliseconds)", el->gap_min * 60000 - 1 >= 0 ? el->gap_min * 60000 - 1 : 0);
        else if (el->gap_max >= 0)
            buf_printf(b, " GAP(<= %d minutes)", el->gap_max);
    }
    buf_put(b, S("])"));
}

static struct rule_env
model_env(struct t *t, const struct model *m)
{
    struct buf b;
    struct rule_env env;

    buf_init(&b, 1 << 16);
    buf_put(&b, S("{\"xEvent\":["));
    for (int odd = 0; odd < 2; odd++) { /* another order than time's, but for equal times */
        for (int i = 0; i < m->event_count; i++) {
            if (m->events[i].t % 2 == odd)
                buf_printf(&b, "%s{\"timestamp\":%lld,\"k\":%d,\"s\":%d}", buf_str(&b).n > 11 ? "," : "",
                           (long long)(m->events[i].t + 1) * 60000, m->events[i].k, m->events[i].s);
        }
    }
    buf_put(&b, S("]}"));
    env = env_of(t, arena_cstr(t->arena, buf_str(&b)));
    buf_deinit(&b);
    return env;
}

TEST(s19_22_chain_agrees_with_a_model)
{
    unsigned matched = 0;

    for (int round = 0; round < 4000; round++) {
        struct model m = {.event_count = 0};
        struct rule_env env;
        struct buf b;
        struct str got;
        bool expect;
        model_fill(t, &m);
        for (int k = 0; k < m.element_count; k++) /* gap_min 0 is written as "> 0 ms" below: strict order implies it */
            m.elements[k].gap_min = m.elements[k].gap_min == 0 ? -1 : m.elements[k].gap_min;
        env = model_env(t, &m);
        buf_init(&b, 4096);
        model_text(&m, &b);
        expect = model_match(&m, 0, -1, 0);
        got = eval(t, arena_cstr(t->arena, buf_str(&b)), &env);
        matched += expect;
        if (!str_eq(got, expect ? S("true") : S("false")))
            t_fail(t, __FILE__, __LINE__, "round %d: %.*s gives %.*s", round, STR_ARG(buf_str(&b)), STR_ARG(got));
        buf_deinit(&b);
    }
    CHECK_TRUE(matched > 200 && matched < 3800); /* both answers occur */
}

TEST(chain_over_many_events_is_not_quadratic)
{
    enum { EVENTS = 5000 };
    const struct json **events = ARENA_ARRAY(t->arena, const struct json *, EVENTS);
    struct rule_env env = {.events = events, .event_count = EVENTS, .now_ms = INT64_C(1741789800000)};
    struct str text;

    for (int i = 0; i < EVENTS; i++) {
        text = arena_printf(t->arena, "{\"timestamp\":%d,\"k\":%d}", i * 1000, i % 2);
        events[i] = parse(t, text.p);
    }
    /* Every pair is looked at by a naive search: 25 million. */
    CHECK_STR(eval(t,
                   "chain(xEvent, timestamp, [A: WHAT(k = 0), not N: WHAT(k = 5), B: WHAT(k = 1) GAP(>= 3 hours), "
                   "C: WHAT(k = 0) COUNT(100)])",
                   &env),
              S("false"));
}
