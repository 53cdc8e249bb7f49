/* What a what-if counts, at and past its limits; the counts themselves are tests/api/target_what_if_test.py. */
#include "admin/admin_what_if.h"
#include "base/limits.h"
#include "t.h"

static enum err
count(struct t *t, struct what_if *w, struct str activity, struct str from, struct str to, uint64_t visitor)
{
    struct rerun_decision before = {.activity = activity, .experience = from, .scope = S("m")};
    struct rerun_decision after = {.activity = activity, .experience = to, .scope = S("m")};
    struct rerun_result x = {.asked = true, .visitor = visitor, .decisions = &before, .decision_count = from.n > 0};
    struct rerun_result y = {.asked = true, .visitor = visitor, .decisions = &after, .decision_count = to.n > 0};
    struct record r = {.offset = visitor, .time_ms = 1};
    struct hit h = {.kind = HIT_VISIT};

    t_diag = (struct diag)DIAG_INIT;
    (void)t;
    return what_if_count(w, &r, &h, &x, &y, &t_diag);
}

TEST(what_if_counts_requests_and_visitors)
{
    struct what_if *w = what_if_new();

    CHECK_TRUE(w != NULL);
    CHECK_OK(count(t, w, S("1"), S("0"), S("1"), 7));
    CHECK_OK(count(t, w, S("1"), S("0"), S("1"), 7));
    CHECK_OK(count(t, w, S("1"), S("0"), S("1"), 8));
    CHECK_OK(count(t, w, S("1"), S("0"), S("0"), 9));
    CHECK_OK(count(t, w, S("1"), S("0"), S(""), 9));
    CHECK_EQ(w->requests, 5);
    CHECK_EQ(w->visitors.n, 3);
    CHECK_EQ(w->changed_requests, 4);
    CHECK_EQ(w->changed_visitors.n, 3);
    CHECK_EQ(w->first_cell->requests, 3);
    CHECK_EQ(w->first_cell->visitors, 2);
    CHECK_EQ(w->first_cell->example_count, LIMIT_WHAT_IF_EXAMPLES);
    CHECK_STR(w->first_loss->reason, S("absent"));
    CHECK_EQ(w->otherwise, 5); /* the hit has none of them */
    what_if_free(w);
}

TEST(what_if_cells_at_and_past_the_limit)
{
    struct what_if *w = what_if_new();

    for (int i = 0; i < LIMIT_WHAT_IF_CELLS; i++)
        CHECK_OK(count(t, w, arena_printf(t->arena, "%d", i), S("0"), S("1"), 1));
    CHECK_ERR(count(t, w, S("one more"), S("0"), S("1"), 1), ERR_LIMIT);
    CHECK_OK(count(t, w, S("0"), S("0"), S("1"), 1));
    what_if_free(w);
}

TEST(what_if_visitors_at_and_past_the_limit)
{
    struct what_if *w = what_if_new();

    w->visitors_max = 1000;
    for (uint64_t i = 1; i <= 1000; i++)
        CHECK_OK(count(t, w, S("1"), S("0"), S("0"), i));
    CHECK_OK(count(t, w, S("1"), S("0"), S("0"), 1000));
    CHECK_ERR(count(t, w, S("1"), S("0"), S("0"), 1001), ERR_LIMIT);
    what_if_free(w);
}

TEST(what_if_counts_what_could_not_be_decided)
{
    struct what_if *w = what_if_new();
    struct rerun_result exact = {.asked = true}, unknown = {.asked = true, .missing = RERUN_HEADERS};
    struct record r = {.offset = 1};
    struct hit h = {.kind = HIT_VISIT};

    CHECK_OK(what_if_count(w, &r, &h, &exact, &unknown, d));
    CHECK_OK(what_if_count(w, &r, &h, &unknown, &exact, d));
    CHECK_EQ(w->missing[RERUN_HEADERS], 2);
    CHECK_EQ(w->requests, 0);
    what_if_free(w);
}
