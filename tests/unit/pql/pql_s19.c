/* pql_s19.c - see pql_s19.h. */
#include "pql_s19.h"

#include "base/civil.h"

static void
read_case(struct t *t, const struct s19 *s, struct pql_case *c)
{
    bool error = strncmp(s->expect, "error:", 6) == 0;
    struct str expect = error ? arena_printf(t->arena, "\"%s\"", s->expect) : str_of(s->expect);

    *c = (struct pql_case){.id = str_of(s->text), .source = str_of(s->text)};
    CHECK_OK(json_parse(str_of(s->profile != NULL ? s->profile : "{}"), t->arena, &c->profile, d));
    CHECK_OK(json_parse(expect, t->arena, &c->expect, d));
    CHECK_TRUE(iso8601_parse(str_of(s->now != NULL ? s->now : S19_NOW), &c->env.now_ms, NULL));
    c->env.profile = c->profile;
    c->env.events = pql_events_of(c->profile, t->arena, &c->env.event_count);
}

static void
check_letters(struct t *t, const struct s19 *s, const struct pql_case *c)
{
    struct rule *r = NULL;
    struct value v;
    struct buf b;

    CHECK_OK(pql_compile(c->source, false, &r, NULL, d));
    CHECK_OK(rule_eval(r, &c->env, t->arena, &v, d));
    buf_init_in(&b, t->arena, 1 << 20);
    value_write(&b, v);
    rule_free(r);
    if (!str_eq(buf_str(&b), str_of(s->expect)))
        t_fail(t, __FILE__, __LINE__, "%s on %s gives %.*s, expected %s", s->text, s->profile ? s->profile : "{}",
               STR_ARG(buf_str(&b)), s->expect);
}

static void
run_case(struct t *t, const struct pql_case *c)
{
    for (size_t i = 0; i < pql_evaluator_count; i++) {
        struct pql_outcome got = pql_evaluators[i].run(c, t->arena);
        if (got.verdict == CASE_FAILED || (i == 0 && got.verdict != CASE_PASSED))
            t_fail(t, __FILE__, __LINE__, "%s, %.*s: %.*s", pql_evaluators[i].name, STR_ARG(c->id), STR_ARG(got.why));
    }
}

void
s19_check(struct t *t, const struct s19 *cases, size_t n)
{
    CHECK_STR(str_of(pql_evaluators[0].name), S("reference"));
    for (size_t i = 0; i < n; i++) {
        struct pql_case c;
        read_case(t, &cases[i], &c);
        if (strncmp(cases[i].expect, "error:", 6) != 0)
            check_letters(t, &cases[i], &c);
        run_case(t, &c);
    }
}

void
s19_one(struct t *t, const char *text, const char *profile, const char *expect)
{
    s19_check(t, &(struct s19){text, profile, expect, NULL}, 1);
}

void
s19_refused(struct t *t, const char *class, const char *const *texts, size_t n)
{
    const char *expect = arena_printf(t->arena, "error:%s", class).p;

    for (size_t i = 0; i < n; i++)
        s19_one(t, texts[i], NULL, expect);
}

void
s19_vectors(struct t *t, const char *prefix, size_t count)
{
    const struct json *all;
    struct json_iter it;
    size_t n = 0;

    CHECK_OK(json_parse(t_read(t, "vectors/pql.json"), t->arena, &all, d));
    it = json_iter(all);
    while (json_next(&it)) {
        struct pql_case c;
        if (!str_starts(json_str(json_get(it.value, S("id"))), str_of(prefix)))
            continue;
        CHECK_OK(pql_case_read(it.value, t->arena, &c, d));
        run_case(t, &c);
        n++;
    }
    CHECK_EQ(n, count);
}

bool
s19_equal(struct t *t, const char *a, const char *b)
{
    struct rule *x = NULL, *y = NULL;
    bool equal;

    CHECK_OK(pql_compile(str_of(a), false, &x, NULL, d));
    CHECK_OK(pql_compile(str_of(b), false, &y, NULL, d));
    equal = rule_equal(rule_root(x), rule_root(y));
    rule_free(x);
    rule_free(y);
    return equal;
}
