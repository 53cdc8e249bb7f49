#include "base/limits.h"
#include "edge/edge_int.h"
#include "t.h"

TEST(dedupe_within_ten_minutes) /* 29 */
{
    struct edge_dedupe *s = edge_dedupe_new(LIMIT_DEDUPE_REQUESTS);
    int64_t now = 1000000000;

    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r1"), 0, now));
    CHECK_TRUE(edge_dedupe_seen(s, S("ds"), S("r1"), 0, now + LIMIT_DEDUPE_MS - 1));
    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r1"), 1, now));
    CHECK_TRUE(!edge_dedupe_seen(s, S("other"), S("r1"), 0, now));
    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r1"), 0, now + LIMIT_DEDUPE_MS));
    edge_dedupe_forget(s, S("ds"), S("r1"), 1);
    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r1"), 1, now));
    edge_dedupe_free(s);
}

TEST(dedupe_keeps_the_newest_of_a_full_table)
{
    struct edge_dedupe *s = edge_dedupe_new(LIMIT_DEDUPE_REQUESTS);
    char id[32];
    unsigned remembered = 0;

    for (unsigned i = 0; i < 200000; i++) {
        (void)snprintf(id, sizeof id, "request-%u", i);
        CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), str_of(id), 0, 1000 + i));
    }
    for (unsigned i = 0; i < 200000; i++) {
        (void)snprintf(id, sizeof id, "request-%u", i);
        remembered += edge_dedupe_seen(s, S("ds"), str_of(id), 0, 201000 + i);
    }
    CHECK_TRUE(remembered >= 199900); /* a fifth of the table's room: sets of eight overflow very rarely */
    edge_dedupe_free(s);
}

/* LIMIT_DEDUPE_REQUESTS, lowered to one set: at it all are remembered, past it the oldest makes room. */
TEST(dedupe_at_and_past_its_room)
{
    struct edge_dedupe *s = edge_dedupe_new(8);
    int64_t now = 1000000000;

    for (size_t i = 0; i < 8; i++)
        CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r"), i, now + (int64_t)i));
    for (size_t i = 0; i < 8; i++)
        CHECK_TRUE(edge_dedupe_seen(s, S("ds"), S("r"), i, now + 8));
    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r"), 8, now + 8));
    for (size_t i = 1; i < 9; i++)
        CHECK_TRUE(edge_dedupe_seen(s, S("ds"), S("r"), i, now + 9));
    CHECK_TRUE(!edge_dedupe_seen(s, S("ds"), S("r"), 0, now + 9)); /* forgotten */
    edge_dedupe_free(s);
}
