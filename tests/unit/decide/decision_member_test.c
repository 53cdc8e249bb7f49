/* decision_member_test.c - what a visitor's past in an activity decides: caps, restarts, bars; and who enters at all:
 * exclusion groups, QA links  [TARGET 1.6, 2.6, 2.7]. */
#include "fixture.h"

#define V "0123456789abcdef0123456789abcdef"
#define OFFERS "'offers':[{'id':1,'content':'a'},{'id':2,'content':'b'},{'id':3,'content':'c'}]"
#define ACTIVITY(id, extra)                                                                                            \
    "{'id':" id ",'name':'x','type':'ab','state':'approved'," extra "'options':[{'optionLocalId':0,'offerId':1},"      \
    "{'optionLocalId':1,'offerId':2},{'optionLocalId':2,'offerId':3}],"                                                \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':["                                        \
    "{'experienceLocalId':0,'visitorPercentage':34,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"      \
    "{'experienceLocalId':1,'visitorPercentage':33,'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]},"      \
    "{'experienceLocalId':2,'visitorPercentage':33,'optionLocations':[{'locationLocalId':0,'optionLocalId':2}]}]}"

struct scene {
    struct fixture f;
    struct visitor v;
    struct visitor_membership m;
    struct decision_qa qa;
    bool in_qa;
    const char *key;
};

static struct scene
scene(struct t *t, const char *text)
{
    struct scene s = {.f = fixture_new(t, text), .key = V};

    visitor_init(&s.v, t->arena);
    s.v.session = 7;
    s.m = (struct visitor_membership){.activity = S("1"),
                                      .order = str_order(S("1")),
                                      .experience = S("1"),
                                      .entered = true,
                                      .session = 7,
                                      .visits = 1,
                                      .impressions = 1};
    return s;
}

/* A member of activity 1, as s.m says. */
static void
join(struct scene *s)
{
    s->v.memberships = &s->m;
    s->v.membership_count = 1;
}

/* What is taken at mbox m: "activity:experience", "-" behind it when nothing counts; empty: nothing. */
static struct str
taken(struct t *t, struct scene *s)
{
    struct decision_request rq = {
        .now_ms = FIXTURE_NOW, .visitor_key = str_of(s->key), .visitor = &s->v, .qa = s->in_qa ? &s->qa : NULL};
    struct decision_ask ask = {.kind = AT_MBOX, .name = S("m")};
    struct decision_result r = {0};
    struct decision *x;
    struct buf out;

    buf_init_in(&out, t->arena, 1 << 16);
    CHECK_OK(decision_begin(s->f.set, &rq, t->arena, &x, d));
    CHECK_OK(decision_at(x, &ask, FORMAT_EXECUTE, &out, &r, d));
    if (r.n == 0)
        return S("");
    return arena_printf(t->arena, "%.*s:%.*s%s", STR_ARG(r.taken[0].activity), STR_ARG(r.taken[0].experience),
                        r.taken[0].untracked ? "-" : "");
}

#define CAPPED(conditions, action)                                                                                     \
    "{'activities':[" ACTIVITY(                                                                                        \
        "1", "'metrics':[{'metricLocalId':32767,'action':{'type':'count_once','conditions':{" conditions               \
             "},'onConditionsMetAction':'" action "'}}],") "]," OFFERS "}"

TEST(decision_caps_below_at_and_past_their_bound) /* [TARGET 2.7] */
{
    static const struct {
        uint32_t visits, impressions;
        const char *banned, *excluded;
    } cases[] = {{2, 4, "1:1", "1:1"}, {3, 4, "", "1:1-"}, {4, 4, "", "1:1-"}, {2, 5, "", "1:1-"}, {2, 6, "", "1:1-"}};
    struct scene banned = scene(t, CAPPED("'maxVisitCount':3,'maxImpressionCount':5", "ban_from_campaign"));
    struct scene excluded = scene(t, CAPPED("'maxVisitCount':3,'maxImpressionCount':5", "exclude_to_same_experience"));

    join(&banned);
    join(&excluded);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        banned.m.visits = excluded.m.visits = cases[i].visits;
        banned.m.impressions = excluded.m.impressions = cases[i].impressions;
        CHECK_STR(taken(t, &banned), str_of(cases[i].banned));
        CHECK_STR(taken(t, &excluded), str_of(cases[i].excluded));
    }
    fixture_free(&banned.f);
    fixture_free(&excluded.f);
}

TEST(decision_restarts) /* [TARGET 2.7, 12.102] */
{
    struct scene s = scene(t, "{'activities':[" ACTIVITY("1", "") "]," OFFERS "}");
    struct str all[] = {S("0"), S("1"), S("2")};
    struct str first;

    join(&s);
    s.m.closed = true;
    s.m.seen = &all[1];
    s.m.seen_count = 1;
    s.m.restart = ACTION_RESTART_SAME;
    CHECK_STR(taken(t, &s), S("1:1"));
    s.m.restart = ACTION_RESTART_NEW;
    first = taken(t, &s);
    CHECK_TRUE(str_eq(first, S("1:0")) || str_eq(first, S("1:2")));
    CHECK_STR(taken(t, &s), first); /* the same on every node */
    s.m.seen = all;
    s.m.seen_count = 2;
    CHECK_STR(taken(t, &s), S("1:2")); /* the only one that is left */
    s.m.seen_count = 3;
    CHECK_STR(taken(t, &s), S("1:1")); /* after all: the last one */
    s.m.restart = ACTION_RESTART_RANDOM;
    CHECK_TRUE(str_starts(taken(t, &s), S("1:")));
    s.m.barred = true;
    CHECK_STR(taken(t, &s), S(""));
    fixture_free(&s.f);
}

TEST(decision_qa_indexes_at_and_past_their_bound) /* [TARGET 1.6] */
{
    struct scene s =
        scene(t, "{'activities':[" ACTIVITY("1", "'entryConstraint':{'visitorPercentage':0},") "," ACTIVITY(
                     "2", "") "]," OFFERS "}");
    struct str listed = S("1");
    struct decision_preview preview = {1, 3};

    CHECK_TRUE(str_starts(taken(t, &s), S("2:"))); /* the first one admits nobody */
    s.in_qa = true;
    s.qa = (struct decision_qa){.activities = &listed, .activity_count = 1, .previews = &preview, .preview_count = 1};
    CHECK_STR(taken(t, &s), S("1:2"));
    preview.experience = 1;
    CHECK_STR(taken(t, &s), S("1:0"));
    preview.experience = 4; /* the link is of more experiences than there are: decided, and traffic decides nothing */
    CHECK_STR(taken(t, &s), S("1:0"));
    preview = (struct decision_preview){2, 3}; /* no such place in the link */
    CHECK_STR(taken(t, &s), S("1:0"));
    s.qa.activity_count = 0;
    CHECK_TRUE(str_starts(taken(t, &s), S("2:")));
    s.qa.listed_only = true;
    CHECK_STR(taken(t, &s), S(""));
    fixture_free(&s.f);
}

/* A key whose bucket with this prefix and salt is the wanted one. */
static const char *
key_in(struct t *t, const char *prefix, const char *salt, unsigned bucket)
{
    for (int i = 0; i < 1000000; i++) {
        struct str key = arena_printf(t->arena, "k%d", i);
        if (decide_bucket(decide_hash(arena_printf(t->arena, "%s.%.*s.%s", prefix, STR_ARG(key), salt))) == bucket)
            return arena_cstr(t->arena, key);
    }
    CHECK_EQ(bucket, 10001u); /* none was found: a million keys have every bucket */
    return "";
}

TEST(decision_groups_at_and_past_their_bounds) /* [TARGET 2.6] */
{
    struct scene s =
        scene(t, "{'activities':[" ACTIVITY("1", "'priority':9,") "," ACTIVITY(
                     "2", "") "],'groups':[{'id':3,'ranges':["
                              "{'activityId':1,'percent':30},{'activityId':2,'percent':40}]}]," OFFERS "}");
    static const struct {
        unsigned bucket;
        const char *activity;
    } cases[] = {{0, "1:"}, {2999, "1:"}, {3000, "2:"}, {6999, "2:"}, {7000, ""}, {9999, ""}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str got;
        s.key = key_in(t, "acme.3", "0", cases[i].bucket);
        got = taken(t, &s);
        CHECK_STR(str_slice(got, 0, strlen(cases[i].activity)), str_of(cases[i].activity));
        CHECK_EQ(got.n > 0, cases[i].activity[0] != '\0');
    }
    join(&s); /* a member stays, whatever the group says now */
    CHECK_STR(taken(t, &s), S("1:1"));
    fixture_free(&s.f);
}

TEST(decision_arms_at_and_past_their_bound) /* [TARGET 8.2, 12.168] */
{
    struct scene s = scene(
        t, "{'activities':[" ACTIVITY("1", "'controlExperience':{'type':'custom','custom':2,'visitorPercentage':20},"
                                           "'targetedExperience':{'modelProvider':'target'},") "]," OFFERS "}");
    size_t seen[3] = {0};

    s.key = key_in(t, "acme.1", "arm", 1999);
    CHECK_STR(taken(t, &s), S("1:2")); /* control: one experience for everybody */
    s.key = key_in(t, "acme.1", "arm", 2000);
    for (uint64_t session = 1; session <= 60; session++) {
        struct str got;
        s.v.session = session; /* targeted, without models: drawn anew in each session */
        got = taken(t, &s);
        CHECK_EQ(got.n, 3);
        seen[got.p[2] - '0']++;
        CHECK_STR(taken(t, &s), got); /* and in it the same */
    }
    for (size_t i = 0; i < 3; i++)
        CHECK_TRUE(seen[i] > 8);
    fixture_free(&s.f);
}
