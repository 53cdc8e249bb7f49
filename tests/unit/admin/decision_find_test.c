/* A visitor's hits on the log: how much of it is read for one answer, and for how many of his ids. */
#include "admin/admin_decision.h"
#include "t.h"

#define SCOPE "org/prod"

/* A log in memory, as the hub lends it, and who walks it. */
struct rig {
    struct admin admin;
    struct record records[2 * LIMIT_DECISION_IDS + 2];
    size_t n;
    struct visitor_ids ids;
    struct decision_walk walk;
    size_t found;
    uint64_t begin; /* of the log */
    uint64_t last;
};

static enum err
collected(void *ctx, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d)
{
    const struct rig *g = ctx;

    (void)d;
    for (size_t i = 0; i < g->n; i++) {
        if (g->records[i].time_ms >= since_ms && !each(each_ctx, &g->records[i]))
            break;
    }
    return ERR_OK;
}

/* Whom a record names is for the walk to see. */
static enum err
named(void *ctx, int64_t since_ms, const struct str *ids, const size_t *n,
      bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d)
{
    (void)ids, (void)n;
    return collected(ctx, since_ms, each, each_ctx, d);
}

static uint64_t
log_begin(void *ctx)
{
    const struct rig *g = ctx;

    return g->begin;
}

static enum err
count(void *ctx, const struct record *r, const struct hit *h, struct arena *a, struct diag *d)
{
    struct rig *g = ctx;

    (void)h;
    (void)a;
    (void)d;
    g->found++;
    g->last = r->offset;
    return ERR_OK;
}

static struct rig *
rig(struct t *t)
{
    struct rig *g = ARENA_NEW(t->arena, struct rig);

    g->admin.o.hub = (struct admin_hub){.ctx = g, .collected = collected, .named = named, .log_begin = log_begin};
    g->ids.arena = t->arena;
    g->walk = (struct decision_walk){.admin = &g->admin,
                                     .scope = S(SCOPE),
                                     .ids = &g->ids,
                                     .until_ms = INT64_MAX,
                                     .before = UINT64_MAX,
                                     .bytes_max = LIMIT_DECISION_SCAN_BYTES,
                                     .each = count,
                                     .ctx = g};
    return g;
}

/* A visit of the Target id, which unites another one into it; empty: none. One second after the one before. */
static void
visit(struct t *t, struct rig *g, struct str id, struct str absorbed)
{
    struct identity at = {.ns = S(HIT_NS_TNT_ID), .id = id, .primary = true},
                    other = {.ns = S(HIT_NS_TNT_ID), .id = absorbed};
    struct hit_visit v = {.at = at, .absorbs = {&other, absorbed.n > 0}, .tnt_id = id, .session = S("s"), .page = true};
    struct hit h = {.kind = HIT_VISIT,
                    .source = SOURCE_EDGE,
                    .scope = S(SCOPE),
                    .identities = {&at, 1},
                    .visit = &v,
                    .request_id = S("r")};
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    hit_write(&b, &h);
    CHECK_TRUE(buf_ok(&b));
    g->records[g->n] = (struct record){.offset = g->n, .time_ms = 1000 * (int64_t)(g->n + 1), .value = buf_str(&b)};
    g->n++;
}

TEST(decision_scan_at_and_past_the_limit)
{
    struct rig *g = rig(t);
    int64_t bytes;

    for (int i = 0; i < 4; i++)
        visit(t, g, S("aaa"), S_NULL);
    bytes = (int64_t)g->records[0].value.n;
    CHECK_TRUE(visitor_ids_add(&g->ids, S("aaa.35_0")));
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->found == 4 && !g->walk.stopped && !g->walk.cut);
    g->walk.bytes_max = 4 * bytes; /* all of it, to the byte */
    g->found = 0;
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->found == 4 && !g->walk.stopped);
    g->walk.bytes_max--;
    g->found = 0;
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->found == 3 && g->walk.stopped);
    CHECK_EQ(g->walk.stopped_ms, 4000); /* since then nothing was read, and reading goes on there */
    g->walk.since_ms = g->walk.stopped_ms;
    g->walk.stopped = false;
    g->found = 0;
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->found == 1 && g->last == 3 && !g->walk.stopped);
}

/* Everybody whom the visitor has united into himself is he. */
TEST(decision_ids_at_and_past_the_limit)
{
    struct rig *g = rig(t);

    for (int i = 1; i < LIMIT_DECISION_IDS; i++)
        visit(t, g, arena_printf(t->arena, "device%d", i), S_NULL);
    for (int i = 1; i < LIMIT_DECISION_IDS; i++)
        visit(t, g, S("aaa"), arena_printf(t->arena, "device%d", i));
    CHECK_TRUE(visitor_ids_add(&g->ids, S("aaa")));
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_EQ(g->ids.n, LIMIT_DECISION_IDS);
    CHECK_TRUE(!g->ids.full);
    CHECK_EQ(g->found, 2 * LIMIT_DECISION_IDS - 2);
    visit(t, g, S("aaa"), S("one more"));
    visit(t, g, S("one more"), S_NULL);
    g->found = 0;
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_EQ(g->ids.n, LIMIT_DECISION_IDS);
    CHECK_TRUE(g->ids.full); /* and that is said */
    CHECK_EQ(g->found, 2 * LIMIT_DECISION_IDS - 1);
}

/* What was cut is cut only when somebody asks for it. */
TEST(decision_log_that_was_cut)
{
    struct rig *g = rig(t);

    visit(t, g, S("aaa"), S_NULL);
    g->begin = g->records[0].offset = 7;
    CHECK_TRUE(visitor_ids_add(&g->ids, S("aaa")));
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->walk.cut && g->walk.begins_ms == 1000 && g->found == 1);
    g->walk = rig(t)->walk;
    g->walk.admin = &g->admin;
    g->walk.ids = &g->ids;
    g->walk.ctx = g;
    g->walk.since_ms = 1000;
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(!g->walk.cut && g->found == 2);
    g->n = 0;
    g->walk.begun = false;
    g->begin = 8; /* nothing is left of it */
    CHECK_OK(decision_walk(&g->walk, d));
    CHECK_TRUE(g->walk.cut);
}
