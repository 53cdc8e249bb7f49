/* past_moved_test.c - a change counts once for its profile, whatever comes after it; up to the limit. */
#include "segment/past_moved.h"

#include "base/limits.h"
#include "t.h"

TEST(past_moved_counts_profiles_and_not_changes)
{
    struct past_moved m = {0};

    CHECK_TRUE(past_moved_put(&m, 1, true)); /* enters */
    CHECK_EQ(m.were, 0);
    CHECK_EQ(m.are, 1);
    CHECK_TRUE(past_moved_put(&m, 1, true)); /* told twice */
    CHECK_EQ(m.are, 1);
    CHECK_TRUE(past_moved_put(&m, 1, false)); /* and leaves */
    CHECK_EQ(m.were, 0);
    CHECK_EQ(m.are, 0);
    CHECK_TRUE(past_moved_put(&m, 2, false)); /* was a member */
    CHECK_EQ(m.were, 1);
    CHECK_TRUE(past_moved_put(&m, 2, true));
    CHECK_EQ(m.were, 1);
    CHECK_EQ(m.are, 1);
    CHECK_EQ(m.count, 2);
    past_moved_deinit(&m);
}

TEST(past_moved_at_its_limit)
{
    struct past_moved m = {0};
    uint64_t refused = 0;

    for (uint64_t i = 1; i <= LIMIT_PAST_PROFILES; i++)
        refused += !past_moved_put(&m, i, i % 3 == 0);
    CHECK_EQ(refused, 0);
    CHECK_EQ(m.count, LIMIT_PAST_PROFILES);
    CHECK_EQ(m.are, LIMIT_PAST_PROFILES / 3);
    CHECK_EQ(m.were, LIMIT_PAST_PROFILES - LIMIT_PAST_PROFILES / 3);
    CHECK_TRUE(!past_moved_put(&m, LIMIT_PAST_PROFILES + 1, true));
    CHECK_TRUE(past_moved_put(&m, 7, true)); /* one that is in it may go on */
    CHECK_EQ(m.are, LIMIT_PAST_PROFILES / 3 + 1);
    past_moved_deinit(&m);
}
