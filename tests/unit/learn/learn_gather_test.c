/* learn_gather_test.c - decisions and what came of them [TARGET 8.2]. */
#include "base/limits.h"
#include "learn/learn_gather.h"
#include "t.h"

#include <stdlib.h>

#define A S("77")

static struct learn_gather *
begin(struct t *t, size_t samples_max)
{
    struct learn_gather_options o = {.scope = S("org/prod"),
                                     .activity = A,
                                     .since_ms = 1000,
                                     .metric = 32767,
                                     .samples_max = samples_max,
                                     .seed = 3};
    struct learn_gather *g;

    CHECK_OK(learn_gather_new(&o, &g, d));
    return g;
}

static void
decide_with(struct t *t, struct learn_gather *g, const char *visitor, const char *experience, double propensity,
            int64_t ms)
{
    struct identity id = {.ns = S("ECID"), .id = str_of(visitor), .primary = true};
    struct hit_decision x = {.activity = A, .experience = str_of(experience), .propensity = propensity};
    struct hit h = {.scope = S("org/prod"), .identities = {&id, 1}, .decisions = &x, .decision_count = 1};

    CHECK_OK(json_parse(S("[3,1,9,0.5]"), t->arena, &x.features, d));
    CHECK_OK(learn_gather_hit(g, &h, ms, d));
}

static void
convert(struct t *t, struct learn_gather *g, const char *visitor, uint32_t metric, int64_t ms)
{
    struct identity id = {.ns = S("ECID"), .id = str_of(visitor), .primary = true};
    struct hit_notice x = {.type = NOTICE_CONVERT, .activity = A, .metric = metric};
    struct hit h = {.scope = S("org/prod"), .identities = {&id, 1}, .notices = &x, .notice_count = 1};

    CHECK_OK(learn_gather_hit(g, &h, ms, d));
}

static size_t
conversions(struct t *t, const struct learn_gather *g, size_t unit, size_t *n)
{
    struct learn_sample *s;
    size_t found = 0;

    CHECK_OK(learn_gather_samples(g, unit, &s, n, d));
    for (size_t i = 0; i < *n; i++)
        found += s[i].converted;
    free(s);
    return found;
}

TEST(gather_outcomes)
{
    struct learn_gather *g = begin(t, 0);
    size_t n;

    decide_with(t, g, "early", "0", 0.5, 999); /* before the time looked at */
    decide_with(t, g, "v1", "0", 0.5, 2000);
    convert(t, g, "v1", 5, 2500);     /* another metric */
    convert(t, g, "v2", 32767, 2500); /* another visitor, who was never shown it */
    decide_with(t, g, "v2", "1", 0.25, 3000);
    convert(t, g, "v2", 32767, 4000);
    convert(t, g, "v2", 32767, 4001);
    decide_with(t, g, "v3", "1", 0.25, 3000);
    convert(t, g, "v3", 32767, 3001 + LIMIT_LEARN_OUTCOME_MS); /* too late */
    decide_with(t, g, "v4", "1", 0.25, 3000);
    decide_with(t, g, "v4", "1", 0, 3500); /* the model's choice: what follows is its own */
    convert(t, g, "v4", 32767, 3600);
    CHECK_EQ(learn_gather_units(g), 2);
    CHECK_STR(learn_gather_unit(g, 0), S("0"));
    CHECK_EQ(conversions(t, g, 0, &n), 0);
    CHECK_EQ(n, 1);
    CHECK_EQ(conversions(t, g, 1, &n), 1);
    CHECK_EQ(n, 3);
    learn_gather_free(g);
}

TEST(gather_leaves_qa_and_other_environments_out)
{
    struct learn_gather *g = begin(t, 0);
    struct identity id = {.ns = S("ECID"), .id = S("v"), .primary = true};
    struct hit_visit visit = {.qa = true};
    struct hit_decision x = {.activity = A, .experience = S("0"), .propensity = 1};
    struct hit h = {
        .scope = S("org/prod"), .identities = {&id, 1}, .decisions = &x, .decision_count = 1, .visit = &visit};

    CHECK_OK(json_parse(S("[]"), t->arena, &x.features, d));
    CHECK_OK(learn_gather_hit(g, &h, 2000, d));
    visit = (struct hit_visit){.environment = 4};
    CHECK_OK(learn_gather_hit(g, &h, 2000, d));
    CHECK_EQ(learn_gather_units(g), 0);
    visit = (struct hit_visit){.environment = 1};
    CHECK_OK(learn_gather_hit(g, &h, 2000, d));
    CHECK_EQ(learn_gather_units(g), 1);
    learn_gather_free(g);
}

/* At the limit all are kept; past it the same number, evenly, and outcomes still find their own. */
TEST(gather_is_bounded)
{
    struct learn_gather *g = begin(t, 100);
    size_t n;

    for (int i = 0; i < 100; i++)
        decide_with(t, g, arena_printf(t->arena, "v%d", i).p, "0", 1, 2000);
    (void)conversions(t, g, 0, &n);
    CHECK_EQ(n, 100);
    for (int i = 100; i < 1000; i++)
        decide_with(t, g, arena_printf(t->arena, "v%d", i).p, "0", 1, 2000);
    for (int i = 0; i < 1000; i++)
        convert(t, g, arena_printf(t->arena, "v%d", i).p, 32767, 3000);
    CHECK_EQ(conversions(t, g, 0, &n), 100);
    CHECK_EQ(n, 100);
    learn_gather_free(g);
}

TEST(gather_units_at_and_past_the_limit)
{
    struct learn_gather *g = begin(t, 0);
    size_t n;

    for (int i = 0; i <= LIMIT_LEARN_UNITS; i++) /* one more than are learned of */
        decide_with(t, g, arena_printf(t->arena, "v%d", i).p, arena_printf(t->arena, "e%d", i).p, 0.5, 2000);
    CHECK_EQ(learn_gather_units(g), LIMIT_LEARN_UNITS);
    (void)conversions(t, g, LIMIT_LEARN_UNITS - 1, &n);
    CHECK_EQ(n, 1);
    decide_with(t, g, "again", "e0", 0.5, 2000); /* one that is known goes on */
    (void)conversions(t, g, 0, &n);
    CHECK_EQ(n, 2);
    learn_gather_free(g);
}
