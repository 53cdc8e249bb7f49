#include "base/limits.h"
#include "edge/edge_int.h"
#include "t.h"

TEST(dedupe_within_ten_minutes) /* 29 */
{
    struct edge_dedupe *s = edge_dedupe_new();
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
    struct edge_dedupe *s = edge_dedupe_new();
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
