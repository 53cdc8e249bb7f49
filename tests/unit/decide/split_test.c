/* split_test.c - visitors are split as the weights say, whatever their ids look like and in whatever order they come
 * [TARGET 3.2, 8.1]. Ids and activities are fixed, so the figures are the same each time; bounds are so wide that
 * chance alone would not reach them. */
#include "fixture.h"

#include <math.h>

#define FORMS 6

static struct str
id_of(struct arena *a, size_t form, unsigned number)
{
    switch (form) {
    case 0:
        return arena_printf(a, "%032x", number);
    case 1:
        return arena_printf(a, "%u", number);
    case 2:
        return arena_printf(a, "%038u", number);
    case 3:
        return arena_printf(a, "visitor%u", number);
    case 4:
        return arena_printf(a, "%08x-0000-4000-8000-000000000000", number);
    default:
        return arena_printf(a, "%u@shop.test", number);
    }
}

static double
chi_square(const unsigned *seen, const double *share, size_t n, unsigned total)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (seen[i] - share[i] * total) * (seen[i] - share[i] * total) / (share[i] * total);
    return sum;
}

/* Standard deviations that a sum of chi squares lies off. */
static double
deviation(double sum, double degrees)
{
    return fabs(sum - degrees) / sqrt(2 * degrees);
}

#define CELLS 20
#define ACTIVITIES 100
#define VISITORS 1000

TEST(split_of_sequential_ids_is_even)
{
    double share[CELLS];
    struct arena a;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < CELLS; i++)
        share[i] = 1.0 / CELLS;
    for (size_t form = 0; form < FORMS; form++) {
        double sum = 0, most = 0;
        for (int activity = 0; activity < ACTIVITIES; activity++) {
            unsigned seen[CELLS] = {0};
            double one;
            for (unsigned v = 0; v < VISITORS; v++) {
                struct str id = id_of(&a, form, v);
                unsigned bucket =
                    decide_bucket(decide_hash(arena_printf(&a, "acme.%d.%.*s.0", 1000 + activity, STR_ARG(id))));
                CHECK_TRUE(bucket < 10000);
                seen[bucket * CELLS / 10000]++;
                arena_reset(&a);
            }
            one = chi_square(seen, share, CELLS, VISITORS);
            sum += one;
            most = one > most ? one : most;
        }
        CHECK_TRUE(deviation(sum, ACTIVITIES * (CELLS - 1.0)) < 4.5); /* neither worse nor better than chance */
        CHECK_TRUE(deviation(most, CELLS - 1.0) < 7);                 /* no activity is far off */
    }
    arena_deinit(&a);
}

/* What a visitor gets in one activity says nothing of what he gets in another. */
TEST(split_of_one_activity_is_independent_of_another)
{
    double share[16], sum = 0;
    struct arena a;
    int pairs = 0;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < 16; i++)
        share[i] = 1.0 / 16;
    for (int first = 0; first < 8; first++) {
        for (int second = first + 1; second < 8; second++, pairs++) {
            unsigned seen[16] = {0};
            for (unsigned v = 0; v < VISITORS; v++) {
                unsigned x = decide_bucket(decide_hash(arena_printf(&a, "acme.%d.%032x.0", 1000 + first, v)));
                unsigned y = decide_bucket(decide_hash(arena_printf(&a, "acme.%d.%032x.0", 1000 + second, v)));
                seen[x / 2500 * 4 + y / 2500]++;
                arena_reset(&a);
            }
            sum += chi_square(seen, share, 16, VISITORS);
        }
    }
    CHECK_TRUE(deviation(sum, pairs * 15.0) < 4.5);
    arena_deinit(&a);
}

/* ---- Auto-Allocate: the whole way, from computed weights to what visitors are given ---- */

#define TESTS 24
#define ASKED 2000

static const double weights[][4] = {
    {50, 50}, {80, 20}, {10, 90}, {33.4, 33.3, 33.3}, {5, 72.5, 12.25, 10.25}, {86.667, 6.667, 6.666}};
#define WEIGHTS (sizeof weights / sizeof *weights)

static size_t
experiences(size_t k)
{
    size_t n = 0;

    while (n < 4 && weights[k][n] > 0)
        n++;
    return n;
}

static void
put_test(struct buf *b, struct buf *computed, size_t i)
{
    size_t n = experiences(i % WEIGHTS);

    buf_printf(
        b,
        "%s{'id':%zu,'name':'x','type':'auto_allocate','state':'approved','options':[{'optionLocalId':0,'offerId':1}],"
        "'locations':{'mboxes':[{'locationLocalId':0,'name':'m%zu'}]},'experiences':[",
        i > 0 ? "," : "", 1000 + i, i);
    buf_printf(computed, "%s{'id':%zu,'version':1,'weights':[", i > 0 ? "," : "", 1000 + i);
    for (size_t e = 0; e < n; e++) {
        buf_printf(b, "%s{'experienceLocalId':%zu,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}",
                   e > 0 ? "," : "", e);
        buf_printf(computed, "%s%.17g", e > 0 ? "," : "", weights[i % WEIGHTS][e]);
    }
    buf_put(b, S("]}"));
    buf_put(computed, S("]}"));
}

static struct decide_set *
allocated(struct t *t)
{
    struct decide_source src;
    struct decide_set *set = NULL;
    const struct json *rows[TESTS];
    struct json_iter it;
    struct buf b, computed;

    buf_init_in(&b, t->arena, 1 << 20);
    buf_init_in(&computed, t->arena, 1 << 20);
    buf_put(&b, S("{'offers':[{'id':1,'content':'a'}],'activities':["));
    buf_putc(&computed, '[');
    for (size_t i = 0; i < TESTS; i++)
        put_test(&b, &computed, i);
    buf_put(&b, S("]}"));
    buf_putc(&computed, ']');
    src = fixture_source(t, arena_str(t->arena, buf_str(&b)).p);
    it = json_iter(fixture_json(t, arena_str(t->arena, buf_str(&computed)).p));
    for (size_t i = 0; json_next(&it); i++)
        rows[i] = it.value;
    src.allocations = rows;
    src.allocation_count = TESTS;
    CHECK_OK(decide_compile(&src, &set, d));
    return set;
}

static void
ask(struct t *t, const struct decide_set *set, struct str who, struct arena *a, unsigned seen[TESTS][4])
{
    struct fixture_request rq = {.now_ms = FIXTURE_NOW, .visitor_key = who};
    struct str scopes[TESTS];
    struct decision_result result;
    struct buf out;

    for (size_t i = 0; i < TESTS; i++)
        scopes[i] = arena_printf(a, "m%zu", i);
    for (size_t i = 0; i < TESTS; i++) { /* the result is of the scopes asked for at once */
        buf_init_in(&out, a, 1 << 20);
        rq.scopes = &scopes[i];
        rq.scope_count = 1;
        CHECK_OK(fixture_propositions(set, &rq, a, &out, &result, d));
        CHECK_EQ(result.n, 1);
        CHECK_EQ(result.taken[0].experience.n, 1);
        seen[i][result.taken[0].experience.p[0] - '0']++;
    }
    arena_reset(a);
}

TEST(split_of_auto_allocate_is_as_its_weights_say)
{
    struct decide_set *set = allocated(t);
    struct arena a;

    arena_init(&a, 64 << 20);
    for (size_t form = 0; form < FORMS; form += 3) {
        unsigned seen[TESTS][4] = {{0}};
        double sum = 0, degrees = 0;
        for (unsigned v = 0; v < ASKED; v++)
            ask(t, set, arena_str(t->arena, id_of(&a, form, v)), &a, seen);
        for (size_t i = 0; i < TESTS; i++) {
            size_t k = i % WEIGHTS, n = experiences(k);
            double share[4], one;
            for (size_t e = 0; e < n; e++)
                share[e] = weights[k][e] / 100;
            one = chi_square(seen[i], share, n, ASKED);
            CHECK_TRUE(one < 30); /* three degrees at most: one in 700,000 */
            sum += one;
            degrees += (double)n - 1;
        }
        CHECK_TRUE(deviation(sum, degrees) < 4.5);
    }
    arena_deinit(&a);
    decide_free(set);
}
