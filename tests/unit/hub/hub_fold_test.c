/* The fold, end to end: hits in, memberships and projections out. */
#include "base/limits.h"
#include "base/metric.h"
#include "hub_fixture.h"

static void
start(struct t *t, struct world *w)
{
    world_open(t, w, "w");
    put_world(t, w);
    world_open_hub(t, w);
}

struct seen {
    uint64_t id;
    size_t fragments, events, members, regions;
    bool consent_out;
};

static void
look(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct seen *s = ctx;

    (void)k;
    *s = (struct seen){p->id, p->fragment_count, p->event_count, g->member_count, p->region_count, p->consent_out};
}

static struct seen
seen(struct t *t, struct world *w, const char *ns, const char *id)
{
    struct seen s = {0};

    CHECK_OK(hub_read_profile(w->hub, S(SCOPE), str_of(ns), str_of(id), t->arena, look, &s, d));
    return s;
}

TEST(hub_stitches_devices_into_a_person)
{
    struct world w;
    struct seen s;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    event(t, &w, NOW + 10, "*ECID:" ECID2, "e2", "view");
    fold(t, &w);
    CHECK_TRUE(seen(t, &w, "ECID", ECID1).id != seen(t, &w, "ECID", ECID2).id);
    event(t, &w, NOW + 20, "*ECID:" ECID1 " CRMID:c1", "e3", "login");
    event(t, &w, NOW + 30, "*CRMID:c1 ECID:" ECID2, "e4", "login");
    say(t, &w, NOW + 40,
        (struct say){.kind = HIT_RECORD,
                     .source = SOURCE_BATCH,
                     .ids = "*CRMID:c1",
                     .dataset = "crm",
                     .json = "{'person':{'name':{'firstName':'Ann'}}}"});
    fold(t, &w);
    s = seen(t, &w, "ECID", ECID2);
    CHECK_EQ(s.id, 1); /* the older one stays */
    CHECK_EQ(s.events, 4);
    CHECK_EQ(s.members, 3);
    CHECK_EQ(s.fragments, 1);
    CHECK_EQ(s.regions, 3); /* both devices and the signed-in person */
    CHECK_STR(json_str(json_path(projected(t, &w, "va6", "ECID", ECID1)->attributes, S("person.name.firstName"))),
              S("Ann"));
    CHECK_STR(json_str(json_path(projected(t, &w, "va6", "ECID", ECID2)->attributes, S("person.name.firstName"))),
              S("Ann"));
    CHECK_STR(json_str(json_path(projected(t, &w, "va6", "CRMID", "c1")->attributes, S("person.name.firstName"))),
              S("Ann"));
    CHECK_TRUE(projected(t, &w, "irl1", "ECID", ECID1) == NULL);
    world_close(&w);
}

TEST(hub_loop_from_purchase_to_projection)
{
    struct world w;
    struct records records;
    struct entries m;
    const struct projection *p;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    fold(t, &w);
    p = projected(t, &w, "va6", "ECID", ECID1); /* a new identity is told at once, though there is nothing to tell */
    CHECK_TRUE(p != NULL);
    CHECK_EQ(p->membership_count, 0);
    event(t, &w, NOW + 1000, "*ECID:" ECID1, "e2", "buy");
    fold(t, &w);
    records = read_topic(t, &w, "membership");
    CHECK_EQ(records.n, 1);
    CHECK_STR(records.items[0].value,
              arena_printf(t->arena,
                           "{\"profile\":\"1\",\"scope\":\"%s\",\"realized\":[\"buyer\"],"
                           "\"lastQualificationTime\":\"2026-01-01T00:00:01.000Z\",\"cause\":2}",
                           SCOPE));
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 1);
    CHECK_STR(m.items[0].profile, S("1"));
    CHECK_EQ(m.items[0].time_ms, NOW + 1000);
    CHECK_EQ(m.items[0].cause, 2); /* offset 1 of partition 0, + 1 */
    p = projected(t, &w, "va6", "ECID", ECID1);
    CHECK_EQ(membership_of(p, "buyer"), NOW + 1000);
    CHECK_EQ(p->accepted_us, (NOW + 1000) * 1000 + 7);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    event(t, &w, NOW + 2000, "*ECID:" ECID1, "e3", "view"); /* nothing that is projected changes */
    fold(t, &w);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 2);
    world_close(&w);
}

TEST(hub_one_membership_record_a_step)
{
    struct world w;
    struct records all;
    struct entries m;

    start(t, &w);
    put_audience(t, &w, "a-viewer", "eventType = \"never\" or person.name.firstName = \"Ann\"");
    put_audience(t, &w, "bob", "person.name.firstName = \"Bob\"");
    put_audience(t, &w, "named", "person.name.firstName != \"\"");
    fold(t, &w);
    for (int i = 0; i < 2; i++)
        say(t, &w, NOW + i,
            (struct say){.kind = HIT_RECORD,
                         .source = SOURCE_STREAM,
                         .ids = "*CRMID:c1",
                         .json = i == 0 ? "{'person':{'name':{'firstName':'Ann'}}}"
                                        : "{'person':{'name':{'firstName':'Bob'}}}"});
    fold(t, &w);
    all = read_topic(t, &w, "membership");
    CHECK_EQ(all.n, 2);
    CHECK_TRUE(str_find(all.items[0].value, S("\"exited\"")) < 0);
    CHECK_TRUE(str_find(all.items[1].value, S("\"realized\":[\"bob\"],\"exited\":[\"a-viewer\"]")) > 0);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 4);
    CHECK_STR(m.items[2].audience, S("bob"));
    CHECK_TRUE(m.items[2].member && !m.items[3].member);
    world_close(&w);
}

TEST(hub_revisions_grow)
{
    struct world w;
    struct records all;
    uint64_t last = 0;

    start(t, &w);
    for (int i = 0; i < 20; i++) {
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%038d CRMID:c1", i % 3).p,
              arena_printf(t->arena, "e%d", i).p, i % 5 == 4 ? "buy" : "view");
        say(t, &w, NOW + i,
            (struct say){.kind = HIT_RECORD,
                         .source = SOURCE_STREAM,
                         .ids = "*CRMID:c1",
                         .json = arena_printf(t->arena, "{'person':{'name':{'firstName':'%d'}}}", i).p});
        fold(t, &w);
    }
    all = read_topic(t, &w, "projection.va6");
    CHECK_TRUE(all.n > 20);
    for (size_t i = 0; i < all.n; i++) {
        struct projection p;
        CHECK_OK(projection_read(all.items[i].value, t->arena, &p, d));
        CHECK_TRUE(p.rev >= last);
        last = p.rev;
    }
    world_close(&w);
}

TEST(hub_repeated_event_is_one_event)
{
    struct world w;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    event(t, &w, NOW + 5, "*ECID:" ECID1, "e1", "buy");
    fold(t, &w);
    CHECK_EQ(seen(t, &w, "ECID", ECID1).events, 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 0);
    world_close(&w);
}

TEST(hub_event_without_dataset_is_not_stored)
{
    struct world w;

    start(t, &w);
    say(t, &w, NOW,
        (struct say){.kind = HIT_EVENT,
                     .source = SOURCE_EDGE,
                     .ids = "*ECID:" ECID1,
                     .region = "va6",
                     .id = "e",
                     .dataset = "",
                     .json = "{'eventType':'buy'}"});
    fold(t, &w);
    CHECK_EQ(seen(t, &w, "ECID", ECID1).events, 0);
    CHECK_TRUE(projected(t, &w, "va6", "ECID", ECID1) != NULL);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 0);
    world_close(&w);
}

TEST(hub_timers_fire_at_their_instant)
{
    struct world w;
    struct entries m;
    int64_t end = NOW + 60 * DAY + 1;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    event(t, &w, end - 5, "*ECID:" ECID1, "e2", "view"); /* keeps the person active on the edge */
    CHECK_OK(hub_tick(w.hub, end - 1, d));
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    CHECK_OK(hub_tick(w.hub, end + 12345, d)); /* late: the effect is of the instant itself */
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 0);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 2);
    CHECK_EQ(m.items[1].time_ms, end);
    CHECK_TRUE(!m.items[1].member);
    CHECK_EQ(projected(t, &w, "va6", "ECID", ECID1)->membership_count, 0);
    CHECK_EQ(projected(t, &w, "va6", "ECID", ECID1)->accepted_us, 0);
    world_close(&w);
}

TEST(hub_timers_fire_before_a_later_record)
{
    struct world w;
    struct entries m;
    int64_t end = NOW + 60 * DAY + 1;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    event(t, &w, NOW + 50, "*ECID:" ECID2, "e2", "buy");
    event(t, &w, end + 100, "*ECID:" ECID1, "e3", "buy"); /* no tick came between */
    fold(t, &w);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 5);
    CHECK_EQ(m.items[2].time_ms, end); /* out, the other out, and in again */
    CHECK_EQ(m.items[3].time_ms, end + 50);
    CHECK_EQ(m.items[4].time_ms, end + 100);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    world_close(&w);
}

TEST(hub_late_records_fold_at_the_hubs_clock)
{
    struct world w;
    struct entries m;

    start(t, &w);
    event(t, &w, NOW + 5000, "*ECID:" ECID1, "e1", "view");
    event(t, &w, NOW, "*ECID:" ECID2, "e2", "buy"); /* accepted earlier, appended later */
    fold(t, &w);
    m = read_memberships(t, &w);
    CHECK_EQ(m.n, 1);
    CHECK_EQ(m.items[0].time_ms, NOW + 5000);
    world_close(&w);
}

TEST(hub_consent_reaches_every_edge)
{
    struct world w;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1 " CRMID:c1", "e1", "view");
    event(t, &w, NOW + 1, "*ECID:" ECID2 " CRMID:c1", "e2", "view");
    say(t, &w, NOW + 2,
        (struct say){.kind = HIT_CONSENT,
                     .source = SOURCE_EDGE,
                     .region = "va6",
                     .ids = "*ECID:" ECID1,
                     .json = "{'collect':{'val':'n'}}"});
    fold(t, &w);
    CHECK_TRUE(seen(t, &w, "ECID", ECID2).consent_out);
    CHECK_TRUE(projected(t, &w, "va6", "ECID", ECID2)->consent_out);
    say(t, &w, NOW + 3,
        (struct say){.kind = HIT_CONSENT,
                     .source = SOURCE_EDGE,
                     .region = "va6",
                     .ids = "*ECID:" ECID2,
                     .json = "{'consents':{'collect':{'val':'y'}}}"});
    fold(t, &w);
    CHECK_TRUE(!projected(t, &w, "va6", "ECID", ECID1)->consent_out);
    world_close(&w);
}

TEST(hub_inactive_edges_are_not_told)
{
    struct world w;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1 " CRMID:c1", "e1", "view");
    fold(t, &w);
    say(t, &w, NOW + LIMIT_EDGE_PROFILE_TTL_MS,
        (struct say){.kind = HIT_RECORD,
                     .source = SOURCE_BATCH,
                     .ids = "*CRMID:c1",
                     .dataset = "crm",
                     .json = "{'person':{'name':{'firstName':'Ann'}}}"});
    fold(t, &w);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 1);
    event(t, &w, NOW + LIMIT_EDGE_PROFILE_TTL_MS + 5, "*ECID:" ECID1, "e2", "view");
    fold(t, &w);
    CHECK_STR(json_str(json_path(projected(t, &w, "va6", "ECID", ECID1)->attributes, S("person.name.firstName"))),
              S("Ann"));
    world_close(&w);
}

TEST(hub_upsert_and_replace)
{
    struct world w;
    struct projection p;

    start(t, &w);
    say(t, &w, NOW,
        (struct say){.kind = HIT_RECORD,
                     .source = SOURCE_STREAM,
                     .ids = "*CRMID:c1",
                     .dataset = "crm",
                     .json = "{'person':{'name':{'firstName':'Ann'}},'x':1}"});
    say(t, &w, NOW + 1,
        (struct say){.kind = HIT_RECORD,
                     .source = SOURCE_STREAM,
                     .ids = "*CRMID:c1",
                     .dataset = "crm",
                     .upsert = true,
                     .json = "{'y':2}"});
    fold(t, &w);
    CHECK_OK(hub_pull(w.hub, S(SCOPE), S("CRMID"), S("c1"), t->arena, &p, d));
    CHECK_STR(json_str(json_path(p.attributes, S("person.name.firstName"))), S("Ann"));
    CHECK_TRUE(json_get(p.attributes, S("x")) == NULL); /* not mapped */
    say(t, &w, NOW + 2,
        (struct say){
            .kind = HIT_RECORD, .source = SOURCE_STREAM, .ids = "*CRMID:c1", .dataset = "crm", .json = "{'y':3}"});
    fold(t, &w);
    CHECK_OK(hub_pull(w.hub, S(SCOPE), S("CRMID"), S("c1"), t->arena, &p, d));
    CHECK_EQ(json_count(p.attributes), 0);
    CHECK_ERR(hub_pull(w.hub, S(SCOPE), S("CRMID"), S("c2"), t->arena, &p, d), ERR_NOT_FOUND);
    CHECK_ERR(hub_pull(w.hub, S("no/where"), S("CRMID"), S("c1"), t->arena, &p, d), ERR_NOT_FOUND);
    world_close(&w);
}

TEST(hub_projects_recent_events_for_edge_rules)
{
    struct world w;
    const struct projection *p;

    start(t, &w);
    put_audience(t, &w, "hot", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 hours before now)])");
    put(t, &w, "destination", "dest",
        "{'id':'dest','spec':'custom','alias':'cms','audiences':['buyer','hot'],'attributes':['person.name.firstName']"
        "}");
    event(t, &w, NOW, "*ECID:" ECID1 " CRMID:c1", "e1", "view");
    event(t, &w, NOW + DAY, "*ECID:" ECID1 " CRMID:c1", "e2", "view");
    event(t, &w, NOW + DAY + 1, "*ECID:" ECID2 " CRMID:c1", "e3", "buy");
    fold(t, &w);
    p = projected(t, &w, "va6", "ECID", ECID2); /* its first one has all events, its own too */
    CHECK_EQ(json_count(p->events), 2);         /* e1 is older than a day */
    CHECK_STR(json_str(json_get(json_at(p->events, 0), S("_id"))), S("e2"));
    CHECK_STR(json_str(json_get(json_at(p->events, 1), S("eventType"))), S("buy"));
    CHECK_TRUE(json_get(json_at(p->events, 0), S("timestamp")) != NULL);
    CHECK_TRUE(json_get(json_at(p->events, 0), S("web")) == NULL); /* no rule reads it */
    CHECK_EQ(membership_of(p, "buyer"), NOW + DAY + 1);
    CHECK_EQ(membership_of(p, "hot"), 0); /* edges evaluate it */
    p = projected(t, &w, "va6", "ECID", ECID1);
    CHECK_EQ(json_count(p->events), 1); /* e2 is in that edge's document */
    CHECK_STR(json_str(json_get(json_at(p->events, 0), S("_id"))), S("e3"));
    world_close(&w);
}

TEST(hub_own_events_do_not_come_back)
{
    struct world w;
    const struct projection *p;

    start(t, &w);
    put_audience(t, &w, "hot", "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 hours before now)])");
    put(t, &w, "destination", "dest", "{'id':'dest','spec':'custom','alias':'cms','audiences':['hot']}");
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "view");
    event(t, &w, NOW + 1, "*ECID:" ECID1, "e2", "view");
    fold(t, &w);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 1); /* the new identity's */
    event(t, &w, NOW + 2, "*CRMID:c1 ECID:" ECID1, "e3", "view");
    event(t, &w, NOW + 3, "*CRMID:c1 ECID:" ECID1, "e4", "view");
    fold(t, &w);
    p = projected(t, &w, "va6", "CRMID", "c1");
    CHECK_EQ(json_count(p->events), 3);
    CHECK_EQ(read_topic(t, &w, "projection.va6").n, 2); /* e3: the new identity; e4: both documents have it */
    say(t, &w, NOW + 4,
        (struct say){.kind = HIT_EVENT,
                     .source = SOURCE_STREAM,
                     .ids = "*ECID:" ECID1,
                     .id = "e5",
                     .json = "{'_id':'e5','timestamp':'2026-01-01T00:00:00.004Z','eventType':'view'}"});
    fold(t, &w);
    p = projected(t, &w, "va6", "ECID", ECID1); /* no edge has seen this one */
    CHECK_EQ(json_count(p->events), 1);
    CHECK_STR(json_str(json_get(json_at(p->events, 0), S("_id"))), S("e5"));
    CHECK_EQ(json_count(projected(t, &w, "va6", "CRMID", "c1")->events), 3); /* e1, e2, e5: without its own two */
    event(t, &w, NOW + 5, "*CRMID:c1 ECID:" ECID2, "e6", "view");
    fold(t, &w);
    p = projected(t, &w, "va6", "ECID", ECID1); /* another device's */
    CHECK_EQ(json_count(p->events), 2);
    CHECK_STR(json_str(json_get(json_at(p->events, 1), S("_id"))), S("e6"));
    world_close(&w);
}

TEST(hub_cap_pushes_an_identity_out_with_its_data) /* [PLATFORM 4.4] */
{
    struct world w;
    struct seen s;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1 " CRMID:c1", "first", "buy");
    for (int i = 1; i < LIMIT_GRAPH_IDENTITIES - 1; i++)
        event(t, &w, NOW + i, arena_printf(t->arena, "*ECID:%037d9 CRMID:c1", i).p, arena_printf(t->arena, "e%d", i).p,
              "view");
    fold(t, &w);
    s = seen(t, &w, "CRMID", "c1");
    CHECK_EQ(s.members, LIMIT_GRAPH_IDENTITIES);
    CHECK_EQ(s.events, LIMIT_GRAPH_IDENTITIES - 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    event(t, &w, NOW + 1000, "*ECID:" ECID2 " CRMID:c1", "last", "view");
    fold(t, &w);
    s = seen(t, &w, "CRMID", "c1");
    CHECK_EQ(s.members, LIMIT_GRAPH_IDENTITIES);
    CHECK_EQ(s.events, LIMIT_GRAPH_IDENTITIES - 1);
    s = seen(t, &w, "ECID", ECID1);
    CHECK_EQ(s.members, 1);
    CHECK_EQ(s.events, 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1); /* the buyer is the one who left */
    CHECK_TRUE(membership_of(projected(t, &w, "va6", "ECID", ECID1), "buyer") > 0);
    CHECK_TRUE(membership_of(projected(t, &w, "va6", "CRMID", "c1"), "buyer") <= 0);
    world_close(&w);
}

TEST(hub_owner_that_the_cap_refuses_keeps_its_own_profile)
{
    struct world w;
    struct seen s;

    start(t, &w);
    for (int i = 1; i < LIMIT_GRAPH_IDENTITIES; i++)
        say(t, &w, NOW + i,
            (struct say){.kind = HIT_RECORD,
                         .source = SOURCE_BATCH,
                         .dataset = "crm",
                         .json = "{'a':1}",
                         .ids = arena_printf(t->arena, "*CRMID:c1 Email:%d@x.test", i).p});
    event(t, &w, NOW + 1000, "*ECID:" ECID1 " CRMID:c1", "e1", "buy");
    fold(t, &w);
    s = seen(t, &w, "ECID", ECID1);
    CHECK_EQ(s.members, 1);
    CHECK_EQ(s.events, 1);
    CHECK_EQ(seen(t, &w, "CRMID", "c1").events, 0);
    CHECK_EQ(membership_of(projected(t, &w, "va6", "ECID", ECID1), "buyer"), NOW + 1000);
    world_close(&w);
}

TEST(hub_audience_sizes_survive_uniting)
{
    struct world w;

    start(t, &w);
    event(t, &w, NOW, "*ECID:" ECID1, "e1", "buy");
    event(t, &w, NOW + 1, "*ECID:" ECID2, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 2);
    event(t, &w, NOW + 2, "*ECID:" ECID1 " CRMID:c1", "e3", "view");
    event(t, &w, NOW + 3, "*ECID:" ECID2 " CRMID:c1", "e4", "view");
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    CHECK_EQ(metric_value(M_HUB_PROFILES), 1);
    CHECK_EQ(membership_of(projected(t, &w, "va6", "ECID", ECID2), "buyer"), NOW + 1); /* newest time */
    world_close(&w);
}

TEST(hub_leaves_lake_rows_alone) /* [PLATFORM 3.1] */
{
    struct world w;
    struct seen s;

    start(t, &w);
    say(t, &w, NOW,
        (struct say){.kind = HIT_EVENT,
                     .source = SOURCE_BATCH,
                     .ids = "*ECID:" ECID1,
                     .id = "e",
                     .lake_only = true,
                     .json = "{'eventType':'buy'}"});
    fold(t, &w);
    CHECK_ERR(hub_read_profile(w.hub, S(SCOPE), S("ECID"), S(ECID1), t->arena, look, &s, d), ERR_NOT_FOUND);
    world_close(&w);
}

TEST(hub_same_row_again_changes_nothing)
{
    struct world w;

    start(t, &w);
    put_audience(t, &w, "gold", "tier = \"gold\"");
    for (int i = 0; i < 3; i++)
        say(t, &w, NOW + i,
            (struct say){.kind = HIT_RECORD,
                         .source = SOURCE_BATCH,
                         .ids = "*CRMID:c1",
                         .dataset = "crm",
                         .json = "{'tier':'gold'}"});
    fold(t, &w);
    CHECK_EQ(read_memberships(t, &w).n, 1);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("gold")), 1);
    say(t, &w, NOW + 9,
        (struct say){.kind = HIT_RECORD,
                     .source = SOURCE_BATCH,
                     .ids = "*CRMID:c1",
                     .dataset = "crm",
                     .json = "{'tier':'blue'}"});
    fold(t, &w);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("gold")), 0);
    world_close(&w);
}

TEST(hub_skips_what_it_cannot_use)
{
    struct world w;
    struct record garbage = {.time_ms = NOW, .value = S("{\"kind\":\"x\"}")};
    int64_t before = metric_value(M_HUB_REJECTED);

    start(t, &w);
    CHECK_OK(topic_append(w.collect[0], &garbage, ACK_WRITTEN, NULL, d));
    event(t, &w, NOW, "*CRMID:null", "e1", "buy");
    say(t, &w, NOW, (struct say){.kind = HIT_RECORD, .source = SOURCE_BATCH, .ids = "*CRMID:c9", .json = "[1]"});
    say(t, &w, NOW, (struct say){.kind = HIT_CONSENT, .source = SOURCE_EDGE, .ids = "*CRMID:c9", .json = "3"});
    event(t, &w, NOW + 1, "*ECID:" ECID1, "e2", "buy");
    fold(t, &w);
    CHECK_EQ(metric_value(M_HUB_REJECTED) - before, 4);
    CHECK_EQ(hub_audience_size(w.hub, S(SCOPE), S("buyer")), 1);
    CHECK_EQ(seen(t, &w, "CRMID", "c9").fragments, 0); /* the identity is known all the same */
    world_close(&w);
}
