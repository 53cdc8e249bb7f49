/* The state machine of members by upload: runs, floors, ends [SEGMENTATION 15.2, 16.3]. */
#include "segment/external.h"

#include "base/limits.h"
#include "os/os.h"
#include "t.h"

#define NOW 1767225600000
#define FLOOR 100

struct world {
    struct kv *k;
    struct profile_names names;
    struct segment_external x[2]; /* "list", "other" */
    struct segment_set set;
    bool kept;
};

static bool
kept(void *ctx, struct str id)
{
    const struct world *w = ctx;

    return w->kept && str_eq(id, S("inactive"));
}

static void
world_open(struct t *t, struct world *w)
{
    struct kv_options o = {.os = os_posix(), .dir = t->dir};

    *w = (struct world){.x = {{.id = S("list"), .floor = FLOOR, .until_ms = NOW + 1000},
                              {.id = S("other"), .until_ms = NOW + 500, .opted_out_too = true}},
                        .kept = true};
    CHECK_OK(kv_open(&o, &w->k, d));
    CHECK_OK(profile_names_open(w->k, &w->names, d));
    for (int i = 0; i < 2; i++)
        CHECK_OK(profile_names_number(&w->names, w->x[i].id, &w->x[i].number, d));
    w->set = (struct segment_set){.count = 7, .externals = w->x, .external_count = 2, .kept = kept, .kept_ctx = w};
}

static void
world_close(struct world *w)
{
    profile_names_close(&w->names);
    kv_close(w->k);
}

static struct profile
person(struct t *t, struct world *w)
{
    struct profile p = {0};

    CHECK_OK(profile_new(w->k, &w->names, S("o/s"), 1, t->arena, &p, d));
    return p;
}

static void
named(struct t *t, struct profile *p, const char *audience, uint64_t run)
{
    struct profile_membership m = {str_of(audience), false, 0, 0, run};
    const struct profile_membership *before = profile_membership(p, m.audience);

    if (before != NULL) {
        m = *before;
        m.run = run;
    }
    CHECK_OK(profile_put_membership(p, &m, d));
}

static struct external_moves
applied(struct t *t, struct world *w, struct profile *p, int64_t now_ms)
{
    struct external_moves moves;

    CHECK_OK(segment_external_apply(&w->set, p, now_ms, t->arena, &moves, d));
    return moves;
}

TEST(external_members_enter_stay_and_exit_at_the_end)
{
    struct world w;
    struct profile p;
    struct external_moves m;

    world_open(t, &w);
    p = person(t, &w);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 0);
    named(t, &p, "list", FLOOR);
    m = applied(t, &w, &p, NOW);
    CHECK_EQ(m.changes.n, 1);
    CHECK_EQ(m.changes.items[0].audience, 7); /* behind the rules' */
    CHECK_TRUE(m.changes.items[0].member);
    CHECK_EQ(m.members, 1);
    CHECK_EQ(segment_external_next_ms(&w.set, &p), NOW + 1000);
    named(t, &p, "list", FLOOR + 5); /* again: the time of entry stays [SEGMENTATION C 50] */
    CHECK_EQ(applied(t, &w, &p, NOW + 10).changes.n, 0);
    CHECK_EQ(profile_membership(&p, S("list"))->since_ms, NOW);
    CHECK_EQ(applied(t, &w, &p, NOW + 999).changes.n, 0);
    m = applied(t, &w, &p, NOW + 1000);
    CHECK_EQ(m.changes.n, 1);
    CHECK_TRUE(!m.changes.items[0].member);
    CHECK_EQ(profile_membership(&p, S("list"))->since_ms, NOW + 1000);
    CHECK_EQ(segment_external_next_ms(&w.set, &p), 0);
    world_close(&w);
}

TEST(external_runs_below_the_floor_name_nobody)
{
    struct world w;
    struct profile p;

    world_open(t, &w);
    p = person(t, &w);
    named(t, &p, "list", FLOOR - 1);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 0);
    named(t, &p, "list", FLOOR);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 1);
    w.x[0].floor = FLOOR + 1; /* a run replaced the audience and did not name this one */
    CHECK_EQ(applied(t, &w, &p, NOW + 1).changes.n, 1);
    CHECK_TRUE(!profile_membership(&p, S("list"))->member);
    named(t, &p, "list", FLOOR + 1);
    CHECK_EQ(applied(t, &w, &p, NOW + 2).changes.n, 1);
    CHECK_TRUE(profile_membership(&p, S("list"))->member);
    world_close(&w);
}

TEST(external_end_is_moved)
{
    struct world w;
    struct profile p;

    world_open(t, &w);
    p = person(t, &w);
    named(t, &p, "list", FLOOR);
    named(t, &p, "other", 1);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 2);
    CHECK_EQ(segment_external_next_ms(&w.set, &p), NOW + 500);
    w.x[1].until_ms = NOW + 5000;
    CHECK_EQ(applied(t, &w, &p, NOW + 500).changes.n, 0);
    CHECK_EQ(segment_external_next_ms(&w.set, &p), NOW + 1000);
    w.x[1].until_ms = 0; /* no run came */
    CHECK_EQ(applied(t, &w, &p, NOW + 501).changes.n, 1);
    world_close(&w);
}

TEST(external_members_who_opted_out_are_none) /* [SEGMENTATION 16.5] */
{
    struct world w;
    struct profile p;

    world_open(t, &w);
    p = person(t, &w);
    named(t, &p, "list", FLOOR);
    named(t, &p, "other", 1);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 2);
    p.opted_out = true;
    CHECK_EQ(applied(t, &w, &p, NOW + 1).changes.n, 1);
    CHECK_TRUE(!profile_membership(&p, S("list"))->member);
    CHECK_TRUE(profile_membership(&p, S("other"))->member); /* it takes them */
    p.opted_out = false;
    CHECK_EQ(applied(t, &w, &p, NOW + 2).changes.n, 1);
    CHECK_EQ(profile_membership(&p, S("list"))->since_ms, NOW + 2);
    world_close(&w);
}

TEST(external_audience_that_is_no_more_takes_its_entry_along)
{
    struct world w;
    struct profile p;
    struct external_moves m;

    world_open(t, &w);
    p = person(t, &w);
    named(t, &p, "list", FLOOR);
    named(t, &p, "inactive", 9);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 1);
    w.set.externals = w.x + 1; /* without "list" */
    w.set.external_count = 1;
    m = applied(t, &w, &p, NOW + 1);
    CHECK_EQ(m.removed_count, 1);
    CHECK_STR(m.removed[0], S("list"));
    CHECK_TRUE(profile_membership(&p, S("list")) == NULL);
    CHECK_TRUE(profile_membership(&p, S("inactive")) != NULL);
    w.kept = false;
    CHECK_EQ(applied(t, &w, &p, NOW + 2).removed_count, 0); /* it was no member */
    CHECK_EQ(p.membership_count, 0);
    world_close(&w);
}

TEST(external_runs_survive_the_document)
{
    struct world w;
    struct profile p, back;

    world_open(t, &w);
    p = person(t, &w);
    named(t, &p, "list", FLOOR);
    named(t, &p, "other", 12345678901234567u);
    CHECK_EQ(applied(t, &w, &p, NOW).changes.n, 2);
    p.opted_out = true;
    CHECK_OK(profile_save(w.k, &p, 0, d));
    CHECK_OK(profile_load(w.k, &w.names, S("o/s"), 1, t->arena, &back, d));
    CHECK_EQ(back.membership_count, 2);
    CHECK_TRUE(back.opted_out);
    CHECK_EQ(profile_membership(&back, S("list"))->run, FLOOR);
    CHECK_EQ(profile_membership(&back, S("other"))->run, 12345678901234567u);
    world_close(&w);
}
