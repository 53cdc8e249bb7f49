/* decide_test.c - who gets what where [TARGET 2.2 .. 2.5, 12]. */
#include "decide/decide_int.h"
#include "fixture.h"

/* ids of [TARGET 12]: with acme.1001 t0 is in B, t2 in A; with acme.3001 at 20% t0 is out, t1 in 1, t2 in 0. */
#define T0 "0123456789abcdef0123456789abcdef"
#define T1 "338e3c1e51f7416a8e1ccba4f81acea0"
#define T2 "84e8d0e211054f18af365d65f45e902b"

#define OFFERS                                                                                                         \
    "'offers':[{'id':701,'name':'A','type':'json','content':{'v':'A'}},{'id':702,'name':'B','type':'json','content':{" \
    "'v':'B'}},{'id':703,'name':'H','type':'content','content':'<p>x</p>'},{'id':704,'name':'V','type':'actions',"     \
    "'actions':[{'type':'setText','selector':'#t','content':'hi'}]}]"

#define AB(id, extra, mbox)                                                                                            \
    "{'id':" id ",'name':'act','type':'ab','state':'approved'," extra                                                  \
    "'options':[{'optionLocalId':0,'offerId':701},{'optionLocalId':1,'offerId':702}],"                                 \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'" mbox "'}]},"                                                \
    "'experiences':[{'experienceLocalId':0,'visitorPercentage':50,'optionLocations':[{'locationLocalId':0,"            \
    "'optionLocalId':0}]},{'experienceLocalId':1,'visitorPercentage':50,'optionLocations':[{'locationLocalId':0,"      \
    "'optionLocalId':1}]}]}"

/* One experience for everybody. */
#define ONE(id, extra, offer, mbox)                                                                                    \
    "{'id':" id ",'name':'act','type':'ab','state':'approved'," extra "'options':[{'optionLocalId':0,'offerId':" offer \
    "}],'locations':{'mboxes':[{'locationLocalId':0,'name':'" mbox "'}]},'experiences':[{'experienceLocalId':0,"       \
    "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}"

TEST(decide_split_follows_the_hash)
{
    struct fixture f = fixture_new(t, "{'activities':[" AB("1001", "", "hero") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "hero");

    CHECK_ANSWER(&f, &rq, "1001:1@hero");
    CHECK_TRUE(f.result.taken[0].entered && f.result.taken[0].sticky);
    rq.visitor_key = S(T2);
    CHECK_ANSWER(&f, &rq, "1001:0@hero");
    rq.visitor_key = S("07327024324407615852294135870030620007");
    CHECK_ANSWER(&f, &rq, "1001:0@hero");
    fixture_free(&f);
}

TEST(decide_unknown_and_repeated_scopes)
{
    struct fixture f = fixture_new(t, "{'activities':[" AB("1001", "", "hero") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "hero,nothing,hero,__view__");

    CHECK_ANSWER(&f, &rq, "1001:1@hero");
    rq = fixture_request(t, T0, "HERO");
    CHECK_ANSWER(&f, &rq, "");
    rq = fixture_request(t, T0, "");
    rq.scope_count = 0;
    CHECK_ANSWER(&f, &rq, "");
    fixture_free(&f);
}

TEST(decide_sticky_assignment_wins_over_the_hash)
{
    struct fixture f = fixture_new(t, "{'activities':[" AB("1001", "", "hero") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "hero");
    struct fixture_assignment kept[] = {{S("999"), S("0")}, {S("1001"), S("0")}};

    rq.assignments = kept;
    rq.assignment_count = 2;
    CHECK_ANSWER(&f, &rq, "1001:0@hero");
    CHECK_TRUE(!f.result.taken[0].entered);
    kept[1].experience = S("7"); /* removed since: assigned anew */
    CHECK_ANSWER(&f, &rq, "1001:1@hero");
    fixture_free(&f);
}

TEST(decide_a_member_stays_when_entry_rules_change)
{
    struct fixture f = fixture_new(
        t,
        "{'activities':[" AB("1001",
                             "'entryConstraint':{'mboxes':[{'name':'hero','audienceIds':[11]}],"
                             "'visitorPercentage':0},",
                             "hero") "]," OFFERS ",'audiences':[{'id':11,'targetRule':{'mbox':'x','equals':['1']}}]}");
    struct fixture_request rq = fixture_request(t, T0, "hero");
    struct fixture_assignment kept = {S("1001"), S("0")};

    CHECK_ANSWER(&f, &rq, "");
    rq.assignments = &kept;
    rq.assignment_count = 1;
    CHECK_ANSWER(&f, &rq, "1001:0@hero");
    fixture_free(&f);
}

TEST(decide_traffic)
{
    struct fixture f = fixture_new(
        t, "{'activities':[" AB("3001", "'entryConstraint':{'visitorPercentage':20},", "part") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "part");

    CHECK_ANSWER(&f, &rq, "");
    rq.visitor_key = S(T1);
    CHECK_ANSWER(&f, &rq, "3001:1@part");
    rq.visitor_key = S(T2);
    CHECK_ANSWER(&f, &rq, "3001:0@part");
    fixture_free(&f);
}

/* The range that is told of an experience has the buckets that choose it, no other. */
TEST(decide_range_is_what_chooses)
{
    for (int round = 0; round < 40; round++) {
        unsigned percent[3] = {0}, traffic = 1 + (unsigned)rng_below(&t->rng, 100);
        struct decide_range range;
        struct fixture f;
        percent[0] = (unsigned)rng_below(&t->rng, 101);
        percent[1] = (unsigned)rng_below(&t->rng, 101 - percent[0]);
        percent[2] = 100 - percent[0] - percent[1];
        f = fixture_new(t, arena_printf(t->arena,
                                        "{'activities':[{'id':1,'name':'a','type':'ab','state':'approved',"
                                        "'entryConstraint':{'visitorPercentage':%u},"
                                        "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},"
                                        "'options':[{'optionLocalId':0,'name':'o','offerId':0}],'experiences':["
                                        "{'experienceLocalId':0,'name':'x','visitorPercentage':%u},"
                                        "{'experienceLocalId':1,'name':'y','visitorPercentage':%u},"
                                        "{'experienceLocalId':2,'name':'z','visitorPercentage':%u}]}]}",
                                        traffic, percent[0], percent[1], percent[2])
                               .p);
        for (unsigned bucket = 0; bucket < 10000; bucket += 1 + (unsigned)rng_below(&t->rng, 7)) {
            int chosen = decide_choose(bucket, percent, 3, traffic);
            for (int e = 0; e < 3; e++) {
                bool any = decide_range_of(f.set, S("1"), arena_printf(t->arena, "%d", e), &range);
                CHECK_EQ(any && bucket >= range.first && bucket <= range.last, chosen == e);
                CHECK_TRUE(!any || (bucket < range.admitted) == (chosen >= 0));
            }
        }
        CHECK_TRUE(!decide_range_of(f.set, S("2"), S("0"), &range) && !decide_range_of(f.set, S("1"), S("3"), &range));
        fixture_free(&f);
    }
}

TEST(decide_who_is_not_admitted_may_enter_the_next)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" AB("3001", "'priority':9,'entryConstraint':{'visitorPercentage':20},",
                                            "part") "," ONE("7", "'priority':1,", "703", "part") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "part");

    CHECK_ANSWER(&f, &rq, "7:0@part");
    rq.visitor_key = S(T1);
    CHECK_ANSWER(&f, &rq, "3001:1@part");
    fixture_free(&f);
}

TEST(decide_order_priority_targeted_approval_id)
{
    struct fixture f = fixture_new(
        t,
        "{'activities':[" ONE("10", "'approvedAt':5,", "703", "m") "," ONE("9", "'approvedAt':5,", "703", "m") "," ONE(
            "11", "'approvedAt':4,", "703",
            "m") "," ONE("12", "'approvedAt':9,'entryConstraint':{'mboxes':[{'name':'m','audienceIds':[1]}]},", "703",
                         "m") "," ONE("13",
                                      "'approvedAt':9,'priority':6,'entryConstraint':{'mboxes':[{'name':'m','"
                                      "audienceIds':[2]}]},",
                                      "703", "m") "]," OFFERS
                                                  ",'audiences':[{'id':1,'targetRule':{'mbox':'a','equals':['1']}},"
                                                  "{'id':2,'targetRule':{'mbox':'b','equals':['1']}}]}");
    struct fixture_request rq = fixture_request(t, T0, "m");

    CHECK_ANSWER(&f, &rq, "11:0@m"); /* earliest approval of the untargeted */
    rq.target = fixture_json(t, "{'a':'1'}");
    CHECK_ANSWER(&f, &rq, "12:0@m"); /* targeted beats untargeted */
    rq.target = fixture_json(t, "{'a':'1','b':'1'}");
    CHECK_ANSWER(&f, &rq, "13:0@m"); /* priority beats all */
    fixture_free(&f);
}

TEST(decide_equal_in_everything_the_lower_id_wins)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" ONE("10", "", "703", "m") "," ONE("9", "", "703", "m") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "m");

    CHECK_ANSWER(&f, &rq, "9:0@m");
    fixture_free(&f);
}

TEST(decide_schedule_start_inclusive_end_exclusive)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" ONE("1", "'startsAt':'2026-03-10T12:00:00Z','endsAt':1773147600000,", "703",
                                             "m") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "m");

    CHECK_ANSWER(&f, &rq, "1:0@m");
    rq.now_ms = FIXTURE_NOW - 1;
    CHECK_ANSWER(&f, &rq, "");
    rq.now_ms = FIXTURE_NOW + 3600000 - 1;
    CHECK_ANSWER(&f, &rq, "1:0@m");
    rq.now_ms = FIXTURE_NOW + 3600000;
    CHECK_ANSWER(&f, &rq, "");
    fixture_free(&f);
}

TEST(decide_only_approved_activities_are_compiled)
{
    struct fixture f = fixture_new(
        t, "{'activities':[{'id':1,'type':'ab','state':'saved','experiences':[]},"
           "{'id':2,'type':'ab','state':'deactivated','experiences':[]},"
           "{'id':3,'type':'mvt','state':'approved','experiences':[{}]},"
           "{'id':4,'type':'ab','state':'approved','experiences':{'a':1}},"
           "{'type':'ab','state':'approved','experiences':[{}]},17," ONE("5", "", "703", "m") "]," OFFERS "}");

    CHECK_EQ(decide_activity_count(f.set), 1);
    fixture_free(&f);
}

TEST(decide_property)
{
    struct fixture f = fixture_new(
        t, "{'activities':[" ONE("1", "'priority':9,'propertyIds':[9],", "703", "m") "," ONE(
               "2", "'propertyIds':[],", "703",
               "m") "," ONE("3", "'priority':8,'propertyIds':[77],", "703",
                            "m") "]," OFFERS ",'properties':[{'id':9,'token':'pt-1'},{'id':10,'token':'pt-2'}]}");
    struct fixture_request rq = fixture_request(t, T0, "m");

    CHECK_ANSWER(&f, &rq, "2:0@m");
    rq.property_token = S("pt-1");
    CHECK_ANSWER(&f, &rq, "1:0@m");
    rq.property_token = S("pt-2");
    CHECK_ANSWER(&f, &rq, "2:0@m");
    rq.property_token = S("pt-9"); /* a token that no property has */
    CHECK_ANSWER(&f, &rq, "2:0@m");
    fixture_free(&f);
}

#define XT                                                                                                             \
    "{'id':4001,'name':'xt','type':'xt','state':'approved','options':[{'optionLocalId':0,'offerId':701},"              \
    "{'optionLocalId':1,'offerId':702}],'locations':{'mboxes':[{'locationLocalId':0,'name':'xt'}]},'experiences':["    \
    "{'experienceLocalId':0,'audienceIds':[1],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"           \
    "{'experienceLocalId':1,'audienceIds':[2],'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}]}"
#define XT_AUDIENCES                                                                                                   \
    "'audiences':[{'id':1,'targetRule':{'mbox':'tier','equals':['gold']}},"                                            \
    "{'id':2,'targetRule':{'geo':'country','matches':['us']}}]"

TEST(decide_xt_takes_the_first_experience_that_matches_and_is_not_sticky)
{
    struct fixture f = fixture_new(t, "{'activities':[" XT "]," OFFERS "," XT_AUDIENCES "}");
    struct fixture_request rq = fixture_request(t, T0, "xt");
    struct fixture_assignment kept = {S("4001"), S("0")};

    CHECK_ANSWER(&f, &rq, "");
    rq.target = fixture_json(t, "{'tier':'gold'}");
    CHECK_ANSWER(&f, &rq, "4001:0@xt");
    CHECK_TRUE(!f.result.taken[0].sticky);
    rq.target = fixture_json(t, "{'tier':'Gold'}");
    CHECK_ANSWER(&f, &rq, "");
    rq.geo = fixture_json(t, "{'countryCode':'US'}");
    rq.assignments = &kept;
    rq.assignment_count = 1;
    CHECK_ANSWER(&f, &rq, "4001:1@xt");
    rq.target = fixture_json(t, "{'tier':'gold'}");
    CHECK_ANSWER(&f, &rq, "4001:0@xt");
    fixture_free(&f);
}

static bool
in_vip(void *ctx, struct str id)
{
    (*(int *)ctx)++;
    return str_eq(id, S("vip"));
}

TEST(decide_hub_audiences_are_asked_once_and_all_must_match)
{
    struct fixture f = fixture_new(
        t,
        "{'activities':[" ONE(
            "1", "'priority':9,'entryConstraint':{'mboxes':[{'name':'m','audienceIds':['vip','other']}]},", "703",
            "m") "," ONE("2", "'priority':8,'entryConstraint':{'mboxes':[{'name':'m','audienceIds':['vip']}]},", "703",
                         "m") "," ONE("3", "'entryConstraint':{'mboxes':[{'name':'m','audienceIds':['vip']}]},", "703",
                                      "n") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "m,n");
    int asked = 0;

    CHECK_ANSWER(&f, &rq, ""); /* nobody to ask: not a member */
    rq.in_audience = in_vip;
    rq.ctx = &asked;
    CHECK_ANSWER(&f, &rq, "2:0@m 3:0@n");
    CHECK_EQ(asked, 2);
    fixture_free(&f);
}

static void
collect(void *ctx, struct str id)
{
    buf_put(ctx, id);
    buf_putc(ctx, ' ');
}

TEST(decide_tells_what_it_reads)
{
    struct fixture f = fixture_new(
        t,
        "{'activities':[" ONE("1", "'entryConstraint':{'mboxes':[{'name':'m','audienceIds':['vip',1]}]},", "705",
                              "m") "," ONE("2", "'entryConstraint':{'mboxes':[{'name':'m','audienceIds':['vip',2]}]},",
                                           "705", "m") "],"
                                                       "'offers':[{'id':705,'name':'o','type':'content','content':'${"
                                                       "aep.person.name} ${aep.person.name}'}],"
                                                       "'audiences':[{'id':1,'targetRule':{'and':[{'aep':'loyalty.tier'"
                                                       ",'equals':['gold']},{'audience':'seg-7'}]}},"
                                                       "{'id':2,'audienceRule':{'restRuleOperator':'OR','rules':[{'"
                                                       "audienceId':1},{'audienceId':'seg-8'}]}}]}");
    struct buf ids, paths;

    buf_init(&ids, 1000);
    buf_init(&paths, 1000);
    decide_hub_audiences(f.set, collect, &ids);
    decide_attribute_paths(f.set, collect, &paths);
    CHECK_STR(buf_str(&ids), S("vip seg-7 seg-8 "));
    CHECK_STR(buf_str(&paths), S("loyalty.tier person.name "));
    buf_deinit(&ids);
    buf_deinit(&paths);
    fixture_free(&f);
}

TEST(decide_unknown_audiences_never_match)
{
    struct fixture f = fixture_new(
        t, "{'activities':[" ONE(
               "1", "'priority':9,'entryConstraint':{'mboxes':[{'name':'m','audienceIds':[404]}]},", "703",
               "m") "," ONE("2", "'priority':8,'entryConstraint':{'mboxes':[{'name':'m','audienceIds':[1]}]},", "703",
                            "m") "," ONE("3", "", "703",
                                         "m") "]," OFFERS
                                              ",'audiences':[{'id':1,'targetRule':{'mbox':'x','sounds':['y']}}]}");
    struct fixture_request rq = fixture_request(t, T0, "m");

    CHECK_ANSWER(&f, &rq, "3:0@m");
    fixture_free(&f);
}

TEST(decide_a_missing_offer_costs_its_own_content_only)
{
    struct fixture f = fixture_new(t, "{'activities':[" ONE("1", "'priority':9,", "999", "m") "," ONE(
                                          "2", "", "703", "m") "," ONE("3", "", "703", "n") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "m,n");

    CHECK_ANSWER(&f, &rq, "2:0@m 3:0@n");
    fixture_free(&f);
}

/* ---- __view__ [TARGET 2.3] ---- */

TEST(decide_page_visual_activities_all_deliver_ascending)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" ONE("5001", "'priority':5,", "704", "target-global-mbox") "," ONE(
                           "5002", "'priority':9,", "704", "__view__") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "__view__");

    CHECK_ANSWER(&f, &rq, "5001:0@__view__ 5002:0@__view__");
    fixture_free(&f);
}

TEST(decide_page_form_based_ranking_first_delivers_with_all_visual)
{
    struct fixture f = fixture_new(t, "{'activities':[" ONE("1", "'priority':8,", "703", "__view__") "," ONE(
                                          "2", "'priority':5,", "704", "__view__") "," ONE("3", "'priority':4,", "703",
                                                                                           "__view__") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "__view__");

    CHECK_ANSWER(&f, &rq, "2:0@__view__ 1:0@__view__");
    fixture_free(&f);
}

TEST(decide_page_visual_ranking_first_excludes_form_based)
{
    struct fixture f = fixture_new(t, "{'activities':[" ONE("1", "'priority':3,", "703", "__view__") "," ONE(
                                          "2", "'priority':5,", "704", "__view__") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "__view__");

    CHECK_ANSWER(&f, &rq, "2:0@__view__");
    fixture_free(&f);
}

#define VIEWS                                                                                                          \
    "{'id':8001,'name':'views','type':'ab','state':'approved','options':[{'optionLocalId':0,'offerId':703},"           \
    "{'optionLocalId':1,'offerId':704},{'optionLocalId':2,'offerId':0}],'views':[{'viewLocalId':0,'name':'Home'},"     \
    "{'viewLocalId':1,'viewId':33,'audienceIds':[1]}],'locations':{'selectors':["                                      \
    "{'locationLocalId':0,'selector':'#a','viewLocalId':0},{'locationLocalId':1,'selector':'#b','viewLocalId':1},"     \
    "{'locationLocalId':2,'selector':'#c'},{'locationLocalId':3,'selector':'#d','audienceIds':[1]}]},"                 \
    "'experiences':[{'experienceLocalId':0,'visitorPercentage':100,'optionLocations':["                                \
    "{'locationLocalId':0,'optionLocalId':0},{'locationLocalId':1,'optionLocalId':0},"                                 \
    "{'locationLocalId':2,'optionLocalId':0},{'locationLocalId':3,'optionLocalId':1}]}]}"

TEST(decide_views_come_with_the_page)
{
    struct fixture f = fixture_new(t, "{'activities':[" VIEWS "]," OFFERS
                                      ",'audiences':[{'id':1,'targetRule':{'mbox':'v','equals':['1']}}]}");
    struct fixture_request rq = fixture_request(t, T0, "__view__");
    const struct json *p;

    CHECK_ANSWER(&f, &rq, "8001:0@__view__ 8001:0@home");
    p = json_at(f.answer, 1);
    CHECK_STR(json_str(json_path(p, S("scopeDetails.characteristics.scopeType"))), S("view"));
    CHECK_TRUE(json_path(json_at(f.answer, 0), S("scopeDetails.characteristics.scopeType")) == NULL);
    CHECK_EQ(json_count(json_get(json_at(f.answer, 0), S("items"))), 1);
    rq.target = fixture_json(t, "{'v':1}");
    CHECK_ANSWER(&f, &rq, "8001:0@__view__ 8001:0@33 8001:0@home");
    /* The location's own audience adds its item. */
    CHECK_EQ(json_count(json_get(json_at(f.answer, 0), S("items"))), 2);
    rq = fixture_request(t, T0, "home"); /* a view is no location */
    CHECK_ANSWER(&f, &rq, "");
    fixture_free(&f);
}

TEST(decide_a_plain_location_whose_audience_fails_goes_to_the_next)
{
    struct fixture f = fixture_new(
        t, "{'activities':[{'id':1,'name':'a','type':'ab','state':'approved','priority':9,"
           "'options':[{'optionLocalId':0,'offerId':703}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m',"
           "'audienceIds':[1]},{'locationLocalId':1,'name':'n'}]},'experiences':[{'experienceLocalId':0,"
           "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0},{'locationLocalId':1,"
           "'optionLocalId':0}]}]}," ONE(
               "2", "", "703", "m") "]," OFFERS ",'audiences':[{'id':1,'targetRule':{'mbox':'x','exists':[true]}}]}");
    struct fixture_request rq = fixture_request(t, T0, "m,n");

    CHECK_ANSWER(&f, &rq, "2:0@m 1:0@n");
    fixture_free(&f);
}

/* ---- limits ---- */

TEST(decide_a_full_answer_is_an_error_and_writes_nothing)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" ONE("1", "", "703", "m") "," ONE("2", "", "703", "n") "]," OFFERS "}");
    struct fixture_request rq = fixture_request(t, T0, "m,n");
    struct decision_result result;
    size_t whole;
    struct buf out;

    fixture_ask(t, &f, &rq);
    whole = f.out.n;
    buf_init(&out, whole + 3);
    buf_put(&out, S("abc"));
    CHECK_OK(fixture_propositions(f.set, &rq, t->arena, &out, &result, d));
    CHECK_EQ(out.n, whole + 3);
    buf_deinit(&out);
    buf_init(&out, whole + 2);
    buf_put(&out, S("abc"));
    CHECK_ERR(fixture_propositions(f.set, &rq, t->arena, &out, &result, d), ERR_LIMIT);
    CHECK_EQ(out.n, 3);
    buf_deinit(&out);
    fixture_free(&f);
}

TEST(decide_a_full_arena_is_an_error)
{
    struct fixture f =
        fixture_new(t, "{'activities':[" XT "," ONE("1", "", "703", "m") "]," OFFERS "," XT_AUDIENCES "}");
    struct fixture_request rq = fixture_request(t, T0, "xt,m");
    struct decision_result result;
    struct arena small;
    enum err rc = ERR_LIMIT;
    struct buf out;

    buf_init(&out, 100000);
    rq.target = fixture_json(t, "{'tier':'gold'}");
    for (size_t bytes = 0; bytes < 4096 && rc != ERR_OK; bytes += 16) {
        struct diag d = DIAG_INIT;
        arena_init(&small, bytes);
        buf_clear(&out);
        rc = fixture_propositions(f.set, &rq, &small, &out, &result, &d);
        CHECK_TRUE(rc == ERR_OK || rc == ERR_LIMIT);
        CHECK_TRUE(rc == ERR_OK || out.n == 0);
        arena_deinit(&small);
    }
    CHECK_EQ(rc, ERR_OK);
    buf_deinit(&out);
    fixture_free(&f);
}

/* Sixteen selectors show one offer of `bytes` characters. */
static struct fixture
large_experience(struct t *t, int bytes)
{
    struct str selectors = S(""), places = S("");

    for (int i = 0; i < 16; i++) {
        selectors =
            arena_printf(t->arena, "%.*s%s{'locationLocalId':%d,'selector':'#s'}", STR_ARG(selectors), i ? "," : "", i);
        places =
            arena_printf(t->arena, "%.*s%s{'locationLocalId':%d,'optionLocalId':0}", STR_ARG(places), i ? "," : "", i);
    }
    return fixture_new(
        t,
        arena_printf(t->arena,
                     "{'activities':[{'id':1,'name':'a','type':'ab','state':'approved','options':[{'optionLocalId':0,"
                     "'offerId':1}],'locations':{'selectors':[%.*s]},'experiences':[{'experienceLocalId':0,"
                     "'visitorPercentage':100,'optionLocations':[%.*s]}]}," ONE(
                         "2", "", "703", "m") "],'offers':[{'id':1,"
                                              "'content':'%0*d'},{'id':703,'content':'x'}]}",
                     STR_ARG(selectors), STR_ARG(places), bytes, 1)
            .p);
}

TEST(decide_an_experience_that_is_too_large_costs_only_itself) /* LIMIT_PROPOSITION_BYTES */
{
    struct fixture f = large_experience(t, 4 * 1024 * 1024 / 16 - 1024);
    struct fixture_request rq = fixture_request(t, T0, "__view__,m");

    buf_deinit(&f.out);
    buf_init(&f.out, 8u << 20);
    CHECK_ANSWER(&f, &rq, "1:0@__view__ 2:0@m");
    fixture_free(&f);
    f = large_experience(t, 4 * 1024 * 1024 / 16);
    CHECK_ANSWER(&f, &rq, "2:0@m");
    fixture_free(&f);
}

TEST(decide_too_many_activities)
{
    const struct json *one = fixture_json(t, ONE("1", "", "703", "m"));
    const struct json **many = ARENA_ARRAY(t->arena, const struct json *, 10001);
    struct decide_source src = {.client = S("acme"), .activities = many, .activity_count = 10001};
    struct decide_set *set = NULL;

    for (size_t i = 0; i < 10001; i++)
        many[i] = one;
    CHECK_ERR(decide_compile(&src, &set, d), ERR_LIMIT);
    CHECK_TRUE(set == NULL);
    src.activity_count = 10000;
    CHECK_OK(decide_compile(&src, &set, d));
    decide_free(set);
}

/* ---- against a model: random activities on one plain location ---- */

struct model_activity {
    int id, priority, starts, ends;
    bool targeted, audience;
};

static bool
model_before(const struct model_activity *a, const struct model_activity *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->targeted != b->targeted)
        return a->targeted;
    return a->id < b->id;
}

TEST(decide_agrees_with_the_model_on_random_activities)
{
    for (int round = 0; round < 60; round++) {
        struct model_activity m[12];
        size_t n = 1 + rng_below(&t->rng, 12);
        struct str text = S("{'activities':[");
        const struct model_activity *best = NULL;
        for (size_t i = 0; i < n; i++) {
            m[i] = (struct model_activity){(int)i + 1,
                                           (int)rng_below(&t->rng, 3),
                                           (int)rng_below(&t->rng, 10),
                                           (int)rng_below(&t->rng, 10),
                                           rng_below(&t->rng, 2) == 1,
                                           rng_below(&t->rng, 2) == 1};
            text = arena_printf(
                t->arena,
                "%.*s%s{'id':%d,'name':'a','type':'ab','state':'approved','priority':%d,'startsAt':%d,'endsAt':%d,"
                "'entryConstraint':{'mboxes':[{'name':'m','audienceIds':[%s]}]},'options':[{'optionLocalId':0,'offerId'"
                ":703}],"
                "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':[{'experienceLocalId':0,"
                "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}",
                STR_ARG(text), i ? "," : "", m[i].id, m[i].priority, m[i].starts, m[i].ends,
                !m[i].targeted  ? ""
                : m[i].audience ? "1"
                                : "2");
        }
        text = arena_printf(t->arena,
                            "%.*s],%s,'audiences':[{'id':1,'targetRule':{'mbox':'x','equals':['1']}},"
                            "{'id':2,'targetRule':{'mbox':'x','equals':['2']}}]}",
                            STR_ARG(text), OFFERS);
        struct fixture f = fixture_new(t, text.p);
        struct fixture_request rq = fixture_request(t, T0, "m");
        rq.target = fixture_json(t, "{'x':'1'}");
        for (rq.now_ms = 0; rq.now_ms < 10; rq.now_ms++) {
            best = NULL;
            for (size_t i = 0; i < n; i++) {
                bool in = rq.now_ms >= m[i].starts && rq.now_ms < m[i].ends && (!m[i].targeted || m[i].audience);
                if (in && (best == NULL || model_before(&m[i], best)))
                    best = &m[i];
            }
            fixture_ask(t, &f, &rq);
            CHECK_STR(fixture_summary(t, &f), best ? arena_printf(t->arena, "%d:0@m", best->id) : S(""));
        }
        fixture_free(&f);
    }
}

/* LIMIT_DECIDE_SET_BYTES, made as small as what this set takes. Less is refused wherever it runs out. */
TEST(decide_set_bytes_limit)
{
    struct decide_source src = fixture_source(
        t, "{'activities':[" AB("1001", "'propertyIds':[9],", "hero") "," XT "]," OFFERS "," XT_AUDIENCES
                                                                      ",'properties':[{'id':9,'token':'pt-1'}]}");
    struct decide_set *set = NULL;
    size_t bytes;

    CHECK_OK(decide_compile(&src, &set, d));
    CHECK_TRUE(set->arena.bytes_max == LIMIT_DECIDE_SET_BYTES);
    bytes = set->arena.bytes_used;
    decide_free(set);
    set = NULL;
    for (size_t n = 0; n < bytes; n += 16)
        CHECK_ERR(decide_compile_within(&src, n, &set, d), ERR_LIMIT);
    CHECK_ERR(decide_compile_within(&src, bytes - 1, &set, d), ERR_LIMIT);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("compiled activities need more than")) == 0 && set == NULL);
    CHECK_OK(decide_compile_within(&src, bytes, &set, d));
    CHECK_EQ(decide_activity_count(set), 2);
    decide_free(set);
}
