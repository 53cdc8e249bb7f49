/* learn_test.c - rows, forests, training [TARGET 8.2]. */
#include "learn/learn_int.h"
#include "t.h"

#include <math.h>

static struct str
write_row(struct t *t, const struct learn_row *r)
{
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 16);
    learn_row_write(&b, r);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

TEST(learn_row_round_trip)
{
    struct learn_row r = {.n = 0}, back;
    const struct json *list;

    learn_number(&r, S("ENV_hour"), 13.5);
    learn_text(&r, S("GEO_country"), S("norway"));
    learn_text(&r, S("GEO_country"), S("norway"));
    learn_number(&r, S("PRO_bad"), NAN);
    CHECK_EQ(r.n, 2);
    CHECK_OK(json_parse(write_row(t, &r), t->arena, &list, d));
    CHECK_TRUE(learn_row_read(list, &back));
    CHECK_EQ(back.n, 2);
    CHECK_TRUE(memcmp(back.slots, r.slots, 2 * sizeof *r.slots) == 0);
    CHECK_TRUE(memcmp(back.values, r.values, 2 * sizeof *r.values) == 0);
}

TEST(learn_row_is_bounded)
{
    struct learn_row r = {.n = 0};
    const struct json *list;
    static const char *const wrong[] = {"[1]", "[256,1]", "[-1,1]", "[1,\"x\"]", "{}", "[1.5,1]"};

    for (int i = 0; i < 5000; i++)
        learn_text(&r, S("x"), arena_printf(t->arena, "%d", i));
    CHECK_EQ(r.n, LEARN_FACTS);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_OK(json_parse(str_of(wrong[i]), t->arena, &list, d));
        CHECK_TRUE(!learn_row_read(list, &r));
    }
}

/* Gold members of Norway convert often in the morning, others rarely. */
static struct learn_sample *
samples(struct t *t, size_t n, double lift)
{
    struct learn_sample *s = ARENA_ARRAY(t->arena, struct learn_sample, n);

    rng_seed(&t->rng, 11); /* quality is a matter of luck: always the same */
    for (size_t i = 0; i < n; i++) {
        bool gold = rng_below(&t->rng, 2), norway = rng_below(&t->rng, 3) == 0;
        double hour = rng_f64(&t->rng) * 24;
        double p = gold && norway && hour < 12 ? 0.1 + lift : 0.1;
        s[i] = (struct learn_sample){.weight = 1 + rng_f64(&t->rng)};
        learn_text(&s[i].row, S("PRO_tier"), gold ? S("gold") : S("basic"));
        learn_text(&s[i].row, S("GEO_country"), norway ? S("norway") : S("sweden"));
        learn_number(&s[i].row, S("ENV_hour"), hour);
        learn_number(&s[i].row, S("SES_noise"), rng_f64(&t->rng));
        s[i].converted = rng_f64(&t->rng) < p;
    }
    return s;
}

static struct learn_row
visitor(bool gold, bool norway, double hour)
{
    struct learn_row r = {.n = 0};

    learn_text(&r, S("PRO_tier"), gold ? S("gold") : S("basic"));
    learn_text(&r, S("GEO_country"), norway ? S("norway") : S("sweden"));
    learn_number(&r, S("ENV_hour"), hour);
    return r;
}

TEST(learn_finds_who_converts)
{
    size_t n = 6000;
    struct learn_sample *s = samples(t, n, 0.6);
    struct learn_options o = {.seed = 7};
    struct learn_quality q;
    struct learn_forest *f;
    struct learn_row good = visitor(true, true, 8), late = visitor(true, true, 20), other = visitor(false, true, 8);
    struct buf b, again;

    buf_init(&b, 64 << 20);
    buf_init(&again, 64 << 20);
    CHECK_OK(learn_train(s, n, &o, &b, &q, d));
    CHECK_TRUE(q.valid && q.auc > 0.6 && q.auc < 0.9);
    CHECK_EQ(q.samples, n);
    CHECK_OK(learn_forest_read(buf_str(&b), t->arena, &f, d));
    CHECK_EQ(learn_forest_trees(f), 100);
    CHECK_TRUE(learn_score(f, &good) > 0.4);
    CHECK_TRUE(learn_score(f, &late) < 0.3);
    CHECK_TRUE(learn_score(f, &other) < 0.3);
    CHECK_OK(learn_train(s, n, &o, &again, &q, d)); /* the same seed gives the same forest */
    CHECK_STR(buf_str(&again), buf_str(&b));
    buf_deinit(&b);
    buf_deinit(&again);
}

TEST(learn_does_not_trust_noise)
{
    struct learn_sample *s = samples(t, 3000, 0);
    struct learn_options o = {.trees = 20, .seed = 7};
    struct learn_quality q;
    struct buf b;

    buf_init(&b, 64 << 20);
    CHECK_OK(learn_train(s, 3000, &o, &b, &q, d));
    CHECK_TRUE(!q.valid && q.auc < 0.55 && q.why != NULL);
    buf_clear(&b);
    CHECK_OK(learn_train(s, 60, &o, &b, &q, d)); /* too few */
    CHECK_TRUE(!q.valid && b.n == 0);
    buf_deinit(&b);
}

TEST(learn_auc_known)
{
    struct learn_sample s[4] = {{.weight = 1, .converted = false},
                                {.weight = 1, .converted = true},
                                {.weight = 1, .converted = false},
                                {.weight = 1, .converted = true}};
    double perfect[] = {0.1, 0.9, 0.2, 0.8}, equal[] = {1, 1, 1, 1}, half[] = {0.3, 0.2, 0.1, 0.4};

    CHECK_TRUE(fabs(learn_auc(perfect, s, NULL, 4) - 1) < 1e-12);
    CHECK_TRUE(fabs(learn_auc(equal, s, NULL, 4) - 0.5) < 1e-12);
    CHECK_TRUE(fabs(learn_auc(half, s, NULL, 4) - 0.75) < 1e-12);
}

TEST(learn_forest_damaged)
{
    struct forest_builder fb = {.arena = t->arena};
    const struct json *tree;
    struct learn_forest *f;
    struct buf b;

    CHECK_OK(json_parse(S("{\"nodeid\":0,\"split\":\"f3\",\"split_condition\":0.5,\"yes\":1,\"no\":2,\"missing\":2,"
                          "\"children\":[{\"nodeid\":1,\"leaf\":-1},{\"nodeid\":2,\"leaf\":2}]}"),
                        t->arena, &tree, d));
    CHECK_OK(learn_forest_add(&fb, tree, d));
    buf_init(&b, 1024);
    learn_forest_write(&b, &fb.f);
    CHECK_OK(learn_forest_read(buf_str(&b), t->arena, &f, d));
    CHECK_TRUE(fabs(learn_score(f, &(struct learn_row){.n = 0}) - 1 / (1 + exp(-2.0))) < 1e-6);
    for (size_t i = 0; i < b.n; i++) /* cut anywhere: refused */
        CHECK_ERR(learn_forest_read(str_slice(buf_str(&b), 0, i), t->arena, &f, d), ERR_CORRUPT);
    for (int i = 0; i < 2000; i++) { /* changed anywhere: refused, or a forest that ends */
        struct str copy = arena_str(t->arena, buf_str(&b));
        ((char *)(uintptr_t)copy.p)[rng_below(&t->rng, copy.n)] = (char)rng_below(&t->rng, 256);
        if (learn_forest_read(copy, t->arena, &f, NULL) == ERR_OK)
            (void)learn_score(f, &(struct learn_row){.n = 0});
    }
    buf_deinit(&b);
}
