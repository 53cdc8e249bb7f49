/* Members by upload, folded: entries and exits at their instants, told, counted and projected; and rows that come with
 * an audience which the hub has not seen yet. */
#include "hub/hub_int.h"
#include "hub_fixture.h"

#define UNTIL (NOW + 3 * DAY)

static void
put_list(struct t *t, struct world *w, const char *id, uint64_t floor, int64_t until_ms)
{
    put(t, w, "audience", id,
        arena_printf(t->arena,
                     "{'id':'%s','audienceId':'%s','name':'%s','type':'ExternalSegment','namespace':"
                     "'CustomerAudienceUpload','originName':'CUSTOM_UPLOAD','lifecycleState':'published',"
                     "'audienceMeta':{'floor':%llu,'validUntil':%lld}}",
                     id, id, id, (unsigned long long)floor, (long long)until_ms)
            .p);
}

static void
member(struct t *t, struct world *w, int64_t now_ms, const char *who, const char *audience, uint64_t run)
{
    say(t, w, now_ms,
        (struct say){
            .kind = HIT_MEMBER, .source = SOURCE_BATCH, .ids = who, .json = "{}", .audience = audience, .run = run});
}

static void
start(struct t *t, struct world *w)
{
    world_open(t, w, "w");
    put_world(t, w);
    put_list(t, w, "list", 5, UNTIL);
    put_audience(t, w, "listed", "inSegment(\"list\")");
    world_open_hub(t, w);
}

static uint64_t
size(struct world *w, const char *audience)
{
    return hub_audience_size(w->hub, S(SCOPE), str_of(audience));
}

TEST(hub_external_members_enter_and_exit_at_the_end)
{
    struct world w;
    struct entries m;

    start(t, &w);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    member(t, &w, NOW + 10, "*CRM:2", "list", 6);
    member(t, &w, NOW + 20, "*CRM:1", "list", 6);
    member(t, &w, NOW + 30, "*CRM:3", "list", 4); /* of a run that counts no more */
    member(t, &w, NOW + 40, "*CRM:4", "nosuch", 9);
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 2);
    CHECK_EQ(size(&w, "listed"), 2);
    CHECK_OK(hub_tick(w.hub, UNTIL + 12345, d)); /* late: the effect is of the instant itself */
    CHECK_EQ(size(&w, "list"), 0);
    CHECK_EQ(size(&w, "listed"), 0);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 8);
    for (size_t i = 0; i < m.n; i++) {
        CHECK_EQ(m.items[i].member, i < 4);
        if (i >= 4)
            CHECK_EQ(m.items[i].time_ms, UNTIL);
    }
    world_close(&w);
}

TEST(hub_external_floor_takes_out_whom_nobody_named)
{
    struct world w;

    start(t, &w);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    member(t, &w, NOW, "*CRM:2", "list", 5);
    fold(t, &w);
    member(t, &w, NOW + 1, "*CRM:2", "list", 8);
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 2);
    put_list(t, &w, "list", 8, UNTIL + DAY); /* the run ended, and was not differential */
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 1);
    CHECK_EQ(size(&w, "listed"), 1);
    CHECK_OK(hub_tick(w.hub, UNTIL + DAY - 1, d)); /* the end was moved */
    CHECK_EQ(size(&w, "list"), 1);
    CHECK_OK(hub_tick(w.hub, UNTIL + DAY, d));
    CHECK_EQ(size(&w, "list"), 0);
    world_close(&w);
}

TEST(hub_external_end_that_comes_earlier)
{
    struct world w;
    struct entries m;

    start(t, &w);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    fold(t, &w);
    put_list(t, &w, "list", 5, UNTIL - DAY); /* a run with a shorter time to live */
    fold(t, &w);
    CHECK_OK(hub_tick(w.hub, UNTIL - DAY, d));
    CHECK_EQ(size(&w, "list"), 0);
    m = read_memberships(t, &w);
    CHECK_EQ(m.items[m.n - 1].time_ms, UNTIL - DAY);
    world_close(&w);
}

TEST(hub_external_row_comes_with_its_audience) /* in one batch of records, behind an older snapshot */
{
    struct world w;
    struct records r;

    start(t, &w);
    fold(t, &w);
    put_list(t, &w, "fresh", 1, UNTIL);
    member(t, &w, NOW, "*CRM:1", "fresh", 1);
    r = read_topic(t, &w, "collect");
    hub_lock(w.hub);
    CHECK_OK(hub_fold(w.hub, 0, &r.items[r.n - 1], d)); /* as the round does that began before */
    hub_unlock(w.hub);
    CHECK_EQ(size(&w, "fresh"), 1);
    fold(t, &w); /* and once more: nothing changes */
    CHECK_EQ(size(&w, "fresh"), 1);
    world_close(&w);
}

TEST(hub_external_end_moved_just_before_the_tick)
{
    struct world w;
    struct records r;

    start(t, &w);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    fold(t, &w);
    put_list(t, &w, "list", 5, UNTIL + DAY);
    say(t, &w, UNTIL + 1, (struct say){.kind = HIT_TICK, .source = SOURCE_STREAM, .ids = ""});
    r = read_topic(t, &w, "collect");
    hub_lock(w.hub);
    CHECK_OK(hub_fold(w.hub, 0, &r.items[r.n - 1], d)); /* as the round does that began before */
    hub_unlock(w.hub);
    CHECK_EQ(read_memberships(t, &w).n, 2);
    fold(t, &w);
    CHECK_EQ(read_memberships(t, &w).n, 2); /* nobody left and came back */
    CHECK_EQ(size(&w, "list"), 1);
    world_close(&w);
}

TEST(hub_external_members_of_a_deleted_audience_are_gone)
{
    struct world w;

    start(t, &w);
    put_list(t, &w, "other", 0, UNTIL);
    member(t, &w, NOW, "*CRM:1", "other", 5);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    fold(t, &w);
    CHECK_EQ(size(&w, "other"), 1);
    CHECK_OK(config_delete(w.config, S("audience"), S(SCOPE), S("other"), NOW, d));
    fold(t, &w);
    CHECK_EQ(size(&w, "other"), 0);
    CHECK_EQ(size(&w, "list"), 1);
    put_list(t, &w, "other", 100, UNTIL); /* again, behind the hits of the one before */
    fold(t, &w);
    CHECK_EQ(size(&w, "other"), 0);
    hub_close(w.hub);
    world_reopen(t, &w);
    CHECK_EQ(size(&w, "list"), 1);
    world_close(&w);
}

TEST(hub_external_united_profiles_keep_the_newest_run)
{
    struct world w;

    start(t, &w);
    member(t, &w, NOW, "*CRM:1", "list", 5);
    member(t, &w, NOW, "*ECID:" ECID1, "list", 9);
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 2);
    event(t, &w, NOW + 1, "*CRM:1 ECID:" ECID1, "e1", "view");
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 1);
    put_list(t, &w, "list", 9, UNTIL);
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 1);
    put_list(t, &w, "list", 10, UNTIL);
    fold(t, &w);
    CHECK_EQ(size(&w, "list"), 0);
    world_close(&w);
}
