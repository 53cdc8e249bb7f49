/* odd_test.c - the on-device artifact: what is in it, in which order, and what it leaves to the server [TARGET 5]. */
#include "base/limits.h"
#include "codec/json_writer.h"
#include "decide/odd.h"
#include "fixture.h"

#define OFFERS                                                                                                         \
    "'offers':[{'id':701,'name':'A','type':'json','content':{'v':'A'}},{'id':702,'name':'B','type':'json','content':{" \
    "'v':'B'}},{'id':703,'name':'H','type':'content','content':'<p>${campaign.name}</p>'},{'id':704,'name':'V',"       \
    "'type':'actions','actions':[{'type':'setText','selector':'#t','content':'hi'}]},{'id':705,'name':'T','type':"     \
    "'content','content':'Hi ${profile.name}'},{'id':706,'name':'R','type':'redirect','content':'https://x.test/b'}]"

/* One experience for everybody. */
#define ONE(id, extra, offer, mbox)                                                                                    \
    "{'id':" id ",'name':'act " id "'," extra "'type':'ab','state':'approved',"                                        \
    "'options':[{'optionLocalId':0,'offerId':" offer "}],"                                                             \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'" mbox "'}]},'experiences':[{'experienceLocalId':0,"          \
    "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}"

#define VEC(id, extra)                                                                                                 \
    "{'id':" id ",'name':'act " id "','type':'ab','state':'approved'," extra                                           \
    "'options':[{'optionLocalId':0,'offerId':704}],"                                                                   \
    "'locations':{'selectors':[{'locationLocalId':3,'selector':'#t'}]},'experiences':[{'experienceLocalId':0,"         \
    "'visitorPercentage':100,'optionLocations':[{'locationLocalId':3,'optionLocalId':0}]}]}"

/* Experiences with one audience and offer each at mbox `m`. */
#define XT(extra, experiences)                                                                                         \
    "{'id':4001,'name':'x','type':'xt','state':'approved'," extra                                                      \
    "'options':[{'optionLocalId':0,'offerId':701},{'optionLocalId':1,'offerId':702}],"                                 \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'},{'locationLocalId':1,'name':'n'}]},"                      \
    "'experiences':[" experiences "]}"
#define EXPERIENCE(n, audiences, option, location)                                                                     \
    "{'experienceLocalId':" n ",'audienceIds':[" audiences "],'optionLocations':[{'locationLocalId':" location         \
    ",'optionLocalId':" option "}]}"

#define LOGIC(id, value) "{'id':" id ",'jsonLogic':{'==':['" value "',{'var':'mbox.tier'}]}}"

struct made {
    struct decide_set *set;
    struct decide_source objects;
    struct odd_source src;
    struct odd_artifact artifact;
    const struct json *root;
};

static struct made
make(struct t *t, const char *text)
{
    struct made m = {.objects = fixture_source(t, text)};

    CHECK_OK(decide_compile(&m.objects, &m.set, d));
    m.src = (struct odd_source){.set = m.set,
                                .org = S("6A1F3C2B5D7E8F90A1B2C3D4@AdobeOrg"),
                                .environment = S("production"),
                                .now_ms = FIXTURE_NOW};
    return m;
}

static void
generate(struct t *t, struct made *m)
{
    m->src.objects = &m->objects;
    CHECK_OK(odd_generate(&m->src, t->arena, &m->artifact, d));
    CHECK_OK(json_parse(m->artifact.text, t->arena, &m->root, d));
}

static const struct json *
rules_at(const struct made *m, const char *mbox)
{
    return json_get(json_path(m->root, S("rules.mboxes")), str_of(mbox));
}

static struct str
text_of(struct t *t, const struct json *v)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 20);
    json_write(&b, v);
    return buf_str(&b);
}

static struct str
condition(struct t *t, const struct made *m, const char *mbox, size_t i)
{
    return text_of(t, json_get(json_at(rules_at(m, mbox), i), S("condition")));
}

static struct str
names(struct t *t, const struct made *m, const char *list)
{
    return text_of(t, json_get(m->root, str_of(list)));
}

#define AB2                                                                                                            \
    "{'id':1001,'name':'Hero test','type':'ab','state':'approved','modifiedAt':'2026-03-01T10:00:00.000Z',"            \
    "'options':[{'optionLocalId':0,'name':'A','offerId':701},{'optionLocalId':1,'name':'B','offerId':702}],"           \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero'}]},"                                                    \
    "'experiences':[{'experienceLocalId':0,'name':'A','visitorPercentage':50,'optionLocations':[{"                     \
    "'locationLocalId':0,'optionLocalId':0}]},{'experienceLocalId':1,'name':'B','visitorPercentage':50,"               \
    "'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}]}"

/* The example of [TARGET 5.2], byte for byte but for the tokens. */
TEST(odd_artifact_of_a_split)
{
    struct made m = make(t, "{'activities':[" AB2 "]," OFFERS "}");
    const struct json *rule;

    generate(t, &m);
    rule = json_at(rules_at(&m, "hero"), 0);
    CHECK_STR(text_of(t, json_get(rule, S("meta"))),
              S("{\"activity.id\":1001,\"activity.name\":\"Hero test\",\"activity.type\":\"ab\",\"audience.ids\":[],"
                "\"experience.id\":0,\"experience.name\":\"A\",\"location.id\":0,\"location.name\":\"hero\","
                "\"location.type\":\"mbox\",\"offer.id\":701,\"offer.name\":\"A\",\"option.id\":2,"
                "\"option.name\":\"A\"}"));
    CHECK_STR(condition(t, &m, "hero", 0), S("{\"<=\":[0,{\"var\":\"allocation\"},50]}"));
    CHECK_STR(condition(t, &m, "hero", 1),
              S("{\"and\":[{\"<\":[50,{\"var\":\"allocation\"}]},{\"<=\":[{\"var\":\"allocation\"},100]}]}"));
    CHECK_STR(json_str(json_get(rule, S("ruleKey"))), S("1001"));
    CHECK_STR(json_str(json_path(m.root, S("meta.generatedAt"))), S("2026-03-01T10:00:00.000Z"));
    CHECK_STR(names(t, &m, "localMboxes"), S("[\"hero\"]"));
    CHECK_STR(names(t, &m, "remoteMboxes"), S("[]"));
    CHECK_STR(json_str(json_get(m.root, S("version"))), S("1.0.0"));
    decide_free(m.set);
}

static void
done(struct made *m)
{
    decide_free(m->set);
}

TEST(odd_every_rule_has_what_the_engine_reads) /* [TARGET 12.182] */
{
    struct made m = make(t, "{'activities':[" AB2 "," VEC("5001", "") "," ONE("9", "", "0", "ctl") "]," OFFERS "}");
    struct json_iter mboxes, rules;
    size_t n = 0;

    generate(t, &m);
    mboxes = json_iter(json_path(m.root, S("rules.mboxes")));
    while (json_next(&mboxes)) {
        rules = json_iter(mboxes.value);
        for (; json_next(&rules); n++) {
            const struct json *meta = json_get(rules.value, S("meta"));
            CHECK_TRUE(json_is(json_path(rules.value, S("consequence.options")), JSON_ARRAY));
            CHECK_TRUE(json_is(json_path(rules.value, S("consequence.metrics")), JSON_ARRAY));
            CHECK_TRUE(json_is(json_get(meta, S("audience.ids")), JSON_ARRAY));
            CHECK_TRUE(json_equal(json_get(meta, S("activity.id")), json_get(rules.value, S("activityId"))));
        }
    }
    CHECK_EQ(n, 4);
    done(&m);
}

TEST(odd_ranges_in_hundredths) /* [TARGET 3.3] */
{
    struct made m = make(
        t, "{'activities':[{'id':2,'type':'ab','state':'approved','entryConstraint':{'visitorPercentage':50},"
           "'options':[{'optionLocalId':0,'offerId':701}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},"
           "'experiences':[{'experienceLocalId':0,'visitorPercentage':0,'optionLocations':[{'locationLocalId':0,"
           "'optionLocalId':0}]},{'experienceLocalId':1,'visitorPercentage':34,'optionLocations':[{'locationLocalId':0,"
           "'optionLocalId':0}]},{'experienceLocalId':2,'visitorPercentage':33,'optionLocations':[{'locationLocalId':0,"
           "'optionLocalId':0}]},{'experienceLocalId':3,'visitorPercentage':33,'optionLocations':[{'locationLocalId':0,"
           "'optionLocalId':0}]}]}]," OFFERS "}");

    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 3); /* a share of nothing has no rule */
    CHECK_STR(condition(t, &m, "m", 0), S("{\"<=\":[0,{\"var\":\"allocation\"},17]}"));
    CHECK_STR(condition(t, &m, "m", 1),
              S("{\"and\":[{\"<\":[17,{\"var\":\"allocation\"}]},{\"<=\":[{\"var\":\"allocation\"},33.5]}]}"));
    done(&m);
}

TEST(odd_targeted_experiences_in_order)
{
    struct made m =
        make(t, "{'activities':[" XT(
                    "'entryConstraint':{'visitorPercentage':20,'mboxes':[{'audienceIds':[11]}]},",
                    EXPERIENCE("0", "12", "0", "0") "," EXPERIENCE(
                        "1", "", "1", "0")) "]," OFFERS ",'audiences':[" LOGIC("11", "a") "," LOGIC("12", "b") "]}");

    generate(t, &m);
    CHECK_STR(condition(t, &m, "m", 0), S("{\"and\":[{\"<=\":[0,{\"var\":\"allocation\"},20]},"
                                          "{\"==\":[\"a\",{\"var\":\"mbox.tier\"}]},"
                                          "{\"==\":[\"b\",{\"var\":\"mbox.tier\"}]}]}"));
    CHECK_STR(condition(t, &m, "m", 1), S("{\"and\":[{\"<=\":[0,{\"var\":\"allocation\"},20]},"
                                          "{\"==\":[\"a\",{\"var\":\"mbox.tier\"}]}]}"));
    CHECK_STR(text_of(t, json_path(json_at(rules_at(&m, "m"), 0), S("meta"))),
              S("{\"activity.id\":4001,\"activity.name\":\"x\",\"activity.type\":\"landing\",\"audience.ids\":[11,12],"
                "\"experience.id\":0,\"experience.name\":\"\",\"location.id\":0,\"location.name\":\"m\","
                "\"location.type\":\"mbox\",\"offer.id\":701,\"offer.name\":\"A\",\"option.id\":2,"
                "\"option.name\":\"\"}"));
    done(&m);
}

/* Who belongs to an experience that shows nothing here does not get the next one. */
TEST(odd_targeted_experience_that_shows_elsewhere)
{
    struct made m = make(
        t, "{'activities':[" XT(
               "", EXPERIENCE("0", "12", "0", "1") "," EXPERIENCE("1", "", "1", "0") "," EXPERIENCE(
                       "2", "11", "1", "0")) "]," OFFERS ",'audiences':[" LOGIC("11", "a") "," LOGIC("12", "b") "]}");

    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 2);
    CHECK_STR(condition(t, &m, "m", 0), S("{\"!\":{\"==\":[\"b\",{\"var\":\"mbox.tier\"}]}}"));
    CHECK_STR(condition(t, &m, "n", 0), S("{\"==\":[\"b\",{\"var\":\"mbox.tier\"}]}"));
    done(&m);
}

TEST(odd_schedule_is_a_condition)
{
    struct made m =
        make(t, "{'activities':[" ONE("1", "'startsAt':1773144000000,'endsAt':1773147600000,", "701", "m") "," ONE(
                    "2", "'startsAt':1773144600000,", "701", "m") "," ONE("3", "'startsAt':1773999999999,", "701",
                                                                          "m") "," ONE("4", "'endsAt':1773144000000,",
                                                                                       "701", "m") "]," OFFERS "}");

    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 2); /* 3 begins too late, 4 has ended */
    CHECK_STR(condition(t, &m, "m", 0), S("{\"and\":[{\"<=\":[0,{\"var\":\"allocation\"},100]},"
                                          "{\"<=\":[1773144000000,{\"var\":\"current_timestamp\"},1773147599999]}]}"));
    CHECK_STR(condition(t, &m, "m", 1), S("{\"and\":[{\"<=\":[0,{\"var\":\"allocation\"},100]},"
                                          "{\"<=\":[1773144600000,{\"var\":\"current_timestamp\"}]}]}"));
    CHECK_EQ(m.artifact.until_ms, 1773147600000LL); /* the end of 1 */
    m.src.now_ms = 1773999999999 - LIMIT_ODD_AHEAD_MS - 1;
    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 1);
    CHECK_EQ(m.artifact.until_ms, m.src.now_ms + 1);
    m.src.now_ms++;
    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 2);
    done(&m);
}

TEST(odd_drafts_are_for_environments_that_serve_them) /* [TARGET 2.2] */
{
    struct made m =
        make(t, "{'activities':[{'id':1,'name':'draft','type':'ab','state':'saved','options':[{"
                "'optionLocalId':0,'offerId':701}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},"
                "'experiences':[{'experienceLocalId':0,'visitorPercentage':100,'optionLocations':[{"
                "'locationLocalId':0,'optionLocalId':0}]}]}]," OFFERS "}");

    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 0);
    CHECK_STR(names(t, &m, "localMboxes"), S("[]"));
    m.src.serve_inactive = true;
    generate(t, &m);
    CHECK_EQ(json_count(rules_at(&m, "m")), 1);
    CHECK_STR(names(t, &m, "localMboxes"), S("[\"m\"]"));
    done(&m);
}

TEST(odd_an_arena_that_is_full_is_an_error) /* the artifact's own bound is one of its buffers */
{
    struct made m = make(t, "{'activities':[" AB2 "]," OFFERS "}");
    struct arena small;

    arena_init(&small, 512);
    m.src.objects = &m.objects;
    CHECK_ERR(odd_generate(&m.src, &small, &m.artifact, d), ERR_LIMIT);
    arena_deinit(&small);
    done(&m);
}

TEST(odd_order_plain_descending_page_ascending) /* [TARGET 12.137] */
{
    struct made m = make(
        t, "{'activities':[" ONE("1", "'priority':1,", "701", "m") "," ONE("2", "'priority':9,", "702", "m") "," VEC(
               "5001", "'priority':5,") "," VEC("5002", "'priority':9,") "," ONE("6", "'priority':99,", "703",
                                                                                 "target-global-mbox") "]," OFFERS "}");

    generate(t, &m);
    CHECK_EQ(json_i64(json_get(json_at(rules_at(&m, "m"), 0), S("activityId")), 0), 2);
    CHECK_EQ(json_i64(json_get(json_at(rules_at(&m, "m"), 1), S("activityId")), 0), 1);
    CHECK_STR(json_str(json_get(json_at(rules_at(&m, "target-global-mbox"), 0), S("ruleKey"))), S("5001-3"));
    CHECK_STR(json_str(json_get(json_at(rules_at(&m, "target-global-mbox"), 1), S("ruleKey"))), S("5002-3"));
    CHECK_STR(json_str(json_get(json_at(rules_at(&m, "target-global-mbox"), 2), S("ruleKey"))), S("6"));
    CHECK_STR(names(t, &m, "remoteMboxes"), S("[]"));
    CHECK_STR(names(t, &m, "localMboxes"), S("[\"m\",\"target-global-mbox\"]"));
    done(&m);
}

TEST(odd_page_that_the_engine_cannot_express_is_remote)
{
    struct made m = make(t, "{'activities':[" ONE("6", "'priority':3,", "703", "target-global-mbox") "," VEC(
                                "5001", "'priority':5,") "]," OFFERS "}");

    generate(t, &m); /* a visual one ranks above the form-based one */
    CHECK_STR(names(t, &m, "remoteMboxes"), S("[\"target-global-mbox\"]"));
    done(&m);
    m = make(t, "{'activities':[" ONE("6", "'priority':9,", "703", "target-global-mbox") "," ONE(
                    "7", "'priority':8,", "703", "target-global-mbox") "]," OFFERS "}");
    generate(t, &m);
    CHECK_STR(names(t, &m, "remoteMboxes"), S("[\"target-global-mbox\"]"));
    done(&m);
}

#define REMOTE(activities, expected)                                                                                   \
    do {                                                                                                               \
        struct made m_ = make(t, "{'activities':[" activities "]," OFFERS                                              \
                                 ",'groups':[{'id':3,'ranges':[{'activityId':17,'percent':50}]}],"                     \
                                 "'audiences':[{'id':11,'targetRule':{'profile':'x','equals':['1']}}]}");              \
        generate(t, &m_);                                                                                              \
        CHECK_STR(names(t, &m_, "remoteMboxes"), S(expected));                                                         \
        CHECK_EQ(json_count(json_path(m_.root, S("rules.mboxes"))), 0);                                                \
        done(&m_);                                                                                                     \
    } while (0)

/* [TARGET 12.126], [TARGET 12.139] */
TEST(odd_what_only_the_server_can_decide_is_remote)
{
    REMOTE(ONE("1", "'entryConstraint':{'audienceIds':[11]},", "701", "m"), "[\"m\"]");
    REMOTE(ONE("1", "'entryConstraint':{'audienceIds':['hub-1']},", "701", "m"), "[\"m\"]");
    REMOTE(ONE("1", "'type':'auto_allocate',", "701", "m"), "[\"m\"]");
    REMOTE(ONE("17", "", "701", "m"), "[\"m\"]"); /* in an exclusion group */
    REMOTE(ONE("1", "", "705", "m"), "[\"m\"]");
}

TEST(odd_options_as_clients_get_them)
{
    struct made m = make(
        t, "{'activities':[" ONE("1", "", "703", "html") "," ONE("2", "", "706", "go") "," ONE(
               "3", "", "0", "ctl") "," VEC("4", "'metrics':[{'metricLocalId':32767,"
                                                 "'clickTrackSelectors':[{'selector':'#buy'}]}],") "]," OFFERS "}");
    const struct json *c;

    generate(t, &m);
    c = json_at(json_path(json_at(rules_at(&m, "html"), 0), S("consequence.options")), 0);
    CHECK_STR(json_str(json_get(c, S("content"))), S("<p>act 1</p>"));
    CHECK_STR(json_str(json_get(c, S("type"))), S("html"));
    CHECK_TRUE(json_str(json_get(c, S("eventToken"))).n > 0);
    c = json_at(json_path(json_at(rules_at(&m, "go"), 0), S("consequence.options")), 0);
    CHECK_STR(json_str(json_get(c, S("type"))), S("redirect"));
    c = json_at(json_path(json_at(rules_at(&m, "ctl"), 0), S("consequence.options")), 0);
    CHECK_EQ(json_count(c), 1); /* the token alone: a display to count */
    c = json_get(json_at(rules_at(&m, "target-global-mbox"), 0), S("consequence"));
    CHECK_STR(text_of(t, json_get(json_at(json_get(c, S("options")), 0), S("content"))),
              S("[{\"type\":\"setText\",\"selector\":\"#t\",\"cssSelector\":\"#t\",\"content\":\"hi\"}]"));
    CHECK_STR(json_str(json_get(json_at(json_get(c, S("metrics")), 0), S("selector"))), S("#buy"));
    done(&m);
}

TEST(odd_property_variant) /* [TARGET 12.129], [TARGET 12.140] */
{
    struct made m =
        make(t, "{'activities':[" ONE("1", "'propertyIds':[9],", "701", "p") "," ONE(
                    "2", "'propertyIds':[8],", "701",
                    "q") "," ONE("3", "", "701",
                                 "r") "," ONE("4", "'propertyIds':[7],", "701",
                                              "gone") "]," OFFERS
                                                      ",'properties':[{'id':9,'token':'P'},{'id':8,'token':'Q'}]}");

    generate(t, &m);
    CHECK_STR(names(t, &m, "localMboxes"), S("[\"p\",\"q\",\"r\"]"));
    CHECK_STR(text_of(t, json_get(json_at(rules_at(&m, "p"), 0), S("propertyTokens"))), S("[\"P\"]"));
    m.src.property_token = S("P");
    generate(t, &m);
    CHECK_STR(names(t, &m, "localMboxes"), S("[\"p\",\"r\"]"));
    done(&m);
}

TEST(odd_same_objects_same_bytes_and_binary) /* [TARGET 12.138] */
{
    struct made m = make(t, "{'activities':[" AB2 "]," OFFERS "}");
    struct str org = S("6A1F3C2B5D7E8F90A1B2C3D4@AdobeOrg"), first, key;
    struct buf b;

    generate(t, &m);
    first = m.artifact.text;
    m.src.now_ms += 1000;
    generate(t, &m);
    CHECK_STR(m.artifact.text, first);
    buf_init_in(&b, t->arena, 1 << 20);
    odd_binary(&b, first, org);
    CHECK_EQ(b.n, 40 + first.n);
    CHECK_STR(str_slice(buf_str(&b), 6, 8), S(":1"));
    key = ARENA_JOIN(t->arena, org, str_slice(buf_str(&b), 8, 40));
    for (size_t i = 0; i < first.n; i++)
        CHECK_EQ(b.p[40 + i] ^ key.p[i % key.n], first.p[i]);
    done(&m);
}

TEST(odd_response_tokens_that_clients_can_fill)
{
    struct made m = make(t, "{'activities':[" AB2 "]," OFFERS "}");
    const struct json *tokens[] = {fixture_json(t, "{'token':'offer.id','active':true}"),
                                   fixture_json(t, "{'token':'profile.x','active':true}"),
                                   fixture_json(t, "{'token':'activity.id','active':true}"),
                                   fixture_json(t, "{'token':'activity.name','active':false}")};

    m.objects.response_tokens = tokens;
    m.objects.response_token_count = 4;
    generate(t, &m);
    CHECK_STR(names(t, &m, "responseTokens"), S("[\"activity.id\",\"offer.id\"]"));
    done(&m);
}

TEST(odd_location_audiences_of_their_own_are_remote)
{
    struct made m = make(
        t, "{'activities':[{'id':7,'type':'ab','state':'approved','options':[{'optionLocalId':0,'offerId':704}],"
           "'locations':{'selectors':[{'locationLocalId':0,'selector':'#a','audienceIds':[11]},{'locationLocalId':1,"
           "'selector':'#b'}]},'experiences':[{'experienceLocalId':0,'visitorPercentage':100,'optionLocations':[{"
           "'locationLocalId':0,'optionLocalId':0},{'locationLocalId':1,'optionLocalId':0}]}]}]," OFFERS
           ",'audiences':[" LOGIC("11", "a") "]}");

    generate(t, &m);
    CHECK_STR(names(t, &m, "remoteMboxes"), S("[\"target-global-mbox\"]"));
    done(&m);
}

TEST(odd_views) /* [TARGET 5.2] */
{
    struct made m = make(
        t, "{'activities':[{'id':8001,'type':'ab','state':'approved','options':[{'optionLocalId':0,'offerId':704}],"
           "'views':[{'viewLocalId':0,'name':'Home'}],"
           "'locations':{'selectors':[{'locationLocalId':1,'selector':'#v','viewLocalId':0}]},'experiences':[{"
           "'experienceLocalId':0,'visitorPercentage':100,'optionLocations':[{'locationLocalId':1,"
           "'optionLocalId':0}]}]}]," OFFERS "}");

    generate(t, &m);
    CHECK_STR(names(t, &m, "localViews"), S("[\"home\"]"));
    CHECK_STR(json_str(json_path(json_at(json_path(m.root, S("rules.views.home")), 0), S("consequence.name"))),
              S("home"));
    CHECK_EQ(json_count(json_path(m.root, S("rules.mboxes"))), 0);
    done(&m);
}
