/* Hits: what is written is read, and the text of the content is borrowed when it is the last member. */
#include "model/hit.h"

#include "t.h"

static struct hit
read_back(struct t *t, struct str text)
{
    struct hit h = {0};

    CHECK_OK(hit_read(text, t->arena, &h, d));
    return h;
}

static struct str
written(struct t *t, const struct hit *h)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 20);
    hit_write(&b, h);
    return buf_str(&b);
}

TEST(hit_round_trip)
{
    struct hit_decision decision = {.activity = S("a1"), .experience = S("x1"), .scope = S("mbox"), .entered = true};
    struct hit_notice notice = {
        .type = NOTICE_INTERACT, .activity = S("a1"), .experience = S("x1"), .scope = S("mbox")};
    struct hit h = {.kind = HIT_EVENT,
                    .source = SOURCE_EDGE,
                    .scope = S("o/s"),
                    .dataset = S("web"),
                    .schema = S("sch"),
                    .batch = S("b"),
                    .datastream = S("ds"),
                    .request_id = S("r/0"),
                    .region = S("va6"),
                    .accepted_us = 7,
                    .event_id = S("e1"),
                    .event_ms = -5,
                    .audience = S("list"),
                    .run = 4711,
                    .upsert = true,
                    .lake_only = true,
                    .decisions = &decision,
                    .decision_count = 1,
                    .notices = &notice,
                    .notice_count = 1};
    struct hit r;

    CHECK_OK(json_parse(S("{\"_id\":\"e1\",\"x\":[1,{}]}"), t->arena, &h.xdm, d));
    CHECK_OK(json_parse(S("{\"p\":1}"), t->arena, &h.profile_params, d));
    r = read_back(t, written(t, &h));
    CHECK_EQ(r.kind, HIT_EVENT);
    CHECK_EQ(r.source, SOURCE_EDGE);
    CHECK_STR(r.scope, S("o/s"));
    CHECK_STR(r.dataset, S("web"));
    CHECK_STR(r.schema, S("sch"));
    CHECK_STR(r.batch, S("b"));
    CHECK_STR(r.datastream, S("ds"));
    CHECK_STR(r.request_id, S("r/0"));
    CHECK_STR(r.region, S("va6"));
    CHECK_EQ(r.accepted_us, 7);
    CHECK_STR(r.event_id, S("e1"));
    CHECK_EQ(r.event_ms, -5);
    CHECK_STR(r.audience, S("list"));
    CHECK_EQ(r.run, 4711);
    CHECK_TRUE(r.upsert && r.lake_only);
    CHECK_TRUE(json_equal(r.xdm, h.xdm));
    CHECK_TRUE(json_equal(r.profile_params, h.profile_params));
    CHECK_EQ(r.xdm_text.n, 0); /* other members follow */
    CHECK_EQ(r.decision_count, 1);
    CHECK_STR(r.decisions[0].experience, S("x1"));
    CHECK_TRUE(r.decisions[0].entered && !r.decisions[0].sticky);
    CHECK_EQ(r.notice_count, 1);
    CHECK_EQ(r.notices[0].type, NOTICE_INTERACT);
    CHECK_STR(written(t, &r), written(t, &h));
}

static const struct json *
parsed(struct t *t, const char *text)
{
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(text), t->arena, &v, d));
    return v;
}

TEST(hit_of_a_visit_round_trip)
{
    struct identity link = {.ns = S("tntId"), .id = S("t1")}, absorbed = {.ns = S("ECID"), .id = S("e1")};
    struct hit_visit visit = {
        .at = {.ns = S("thirdPartyId"), .id = S("p1")},
        .links = {&link, 1},
        .absorbs = {&absorbed, 1},
        .tnt_id = S("t1"),
        .third_party_id = S("p1"),
        .session = S("s1"),
        .quiet = true,
        .page = true,
        .qa = true,
        .environment = 7,
        .impression = S("i1"),
        .url = S("https://x.test/"),
        .referrer = S(""),
        .geo = parsed(t, "{\"city\":\"oslo\"}"),
        .categories = parsed(t, "[\"shoes\"]"),
        .attributes = parsed(t, "{\"a\":1}"),
        .has_order = true,
        .order = {.id = S("o1"), .total = 20.5, .products = parsed(t, "[\"p\"]")},
        .asked_text = S("{\"config\":7,\"before\":1}"),
    };
    struct hit_decision decision = {.activity = S("a1"),
                                    .experience = S("x1"),
                                    .scope = S("mbox"),
                                    .arm = ARM_TARGETED,
                                    .algorithm = S("m3"),
                                    .propensity = 0.25,
                                    .why = parsed(t, "{\"w\":1}"),
                                    .features = parsed(t, "[3,1.5]")};
    struct hit_notice notices[] = {
        {.type = NOTICE_DISPLAY,
         .activity = S("a1"),
         .experience = S("x1"),
         .scope = S("mbox"),
         .impression = S("i2"),
         .metric = HIT_METRIC_PRIMARY,
         .arm = ARM_CONTROL,
         .algorithm = S("m3"),
         .reporting = parsed(t, "[1,2]")},
        {.type = NOTICE_CONVERT, .activity = S("a1"), .scope = S("m"), .metric = 3, .action = ACTION_BAN, .value = 1.5},
    };
    struct hit h = {.kind = HIT_VISIT,
                    .source = SOURCE_EDGE,
                    .decisions = &decision,
                    .decision_count = 1,
                    .notices = notices,
                    .notice_count = 2,
                    .visit = &visit};
    struct hit r = read_back(t, written(t, &h));

    CHECK_STR(written(t, &r), written(t, &h));
    CHECK_EQ(r.kind, HIT_VISIT);
    CHECK_STR(r.visit->at.ns, S("thirdPartyId"));
    CHECK_STR(r.visit->links.items[0].id, S("t1"));
    CHECK_STR(r.visit->absorbs.items[0].id, S("e1"));
    CHECK_TRUE(r.visit->quiet && r.visit->page && r.visit->qa && r.visit->has_order);
    CHECK_TRUE(r.visit->referrer.p != NULL && r.visit->referrer.n == 0); /* said to be direct */
    CHECK_TRUE(r.visit->order.total == 20.5);
    CHECK_EQ(json_i64(json_get(r.visit->asked, S("config")), 0), 7);
    CHECK_TRUE(json_equal(r.visit->geo, visit.geo));
    CHECK_EQ(r.decisions[0].arm, ARM_TARGETED);
    CHECK_TRUE(r.decisions[0].propensity == 0.25);
    CHECK_TRUE(json_equal(r.decisions[0].features, decision.features));
    CHECK_STR(r.notices[0].impression, S("i2"));
    CHECK_EQ(r.notices[0].arm, ARM_CONTROL);
    CHECK_EQ(r.notices[1].metric, 3);
    CHECK_EQ(r.notices[1].action, ACTION_BAN);
}

TEST(hit_names_a_decision_that_it_displayed_by_its_index)
{
    struct hit_decision decisions[] = {
        {.activity = S("a1"), .experience = S("x"), .scope = S("m"), .arm = ARM_CONTROL, .algorithm = S("w")},
        {.activity = S("a2"), .experience = S("y"), .scope = S("m")},
    };
    struct hit_notice notices[] = {
        {.type = NOTICE_CONVERT, .activity = S("a2"), .scope = S("m"), .metric = 3},
        {.type = NOTICE_DISPLAY,
         .activity = S("a1"),
         .experience = S("x"),
         .scope = S("m"),
         .arm = ARM_CONTROL,
         .algorithm = S("w")},
        {.type = NOTICE_DISPLAY, .activity = S("a2"), .experience = S("y"), .scope = S("elsewhere")},
    };
    struct hit h = {.kind = HIT_VISIT,
                    .source = SOURCE_EDGE,
                    .decisions = decisions,
                    .decision_count = 2,
                    .notices = notices,
                    .notice_count = 3};
    struct str text = written(t, &h);
    struct hit r = read_back(t, text);

    CHECK_TRUE(str_find(text, S("\"metric\":3},0,{\"type\":\"display\"")) > 0);
    CHECK_STR(written(t, &r), text);
    CHECK_EQ(r.notice_count, 3);
    CHECK_EQ(r.notices[1].type, NOTICE_DISPLAY);
    CHECK_STR(r.notices[1].activity, S("a1"));
    CHECK_STR(r.notices[1].experience, S("x"));
    CHECK_STR(r.notices[1].scope, S("m"));
    CHECK_EQ(r.notices[1].arm, ARM_CONTROL);
    CHECK_STR(r.notices[1].algorithm, S("w"));
    CHECK_STR(r.notices[2].scope, S("elsewhere"));
    r = read_back(t, S("{\"kind\":\"visit\",\"source\":\"edge\",\"notices\":[0,-1,1e300]}")); /* of no decision */
    CHECK_EQ(r.notice_count, 0);
}

TEST(hit_names_a_location_once)
{
    struct hit_decision decisions[] = {
        {.activity = S("1"), .experience = S("x"), .scope = S("m"), .entered = true},
        {.activity = S("2"), .experience = S("y"), .scope = S("m"), .sticky = true},
        {.activity = S("3"), .experience = S("z"), .scope = S("")},
        {.activity = S("4"), .experience = S("z"), .scope = S("m")},
    };
    struct hit h = {.kind = HIT_VISIT, .source = SOURCE_EDGE, .decisions = decisions, .decision_count = 4}, r;

    CHECK_STR(written(t, &h), S("{\"kind\":\"visit\",\"source\":\"edge\",\"decisions\":["
                                "{\"activity\":\"1\",\"experience\":\"x\",\"scope\":\"m\",\"entered\":true},"
                                "{\"activity\":\"2\",\"experience\":\"y\",\"sticky\":true},"
                                "{\"activity\":\"3\",\"experience\":\"z\",\"scope\":\"\"},"
                                "{\"activity\":\"4\",\"experience\":\"z\",\"scope\":\"m\"}]}"));
    r = read_back(t, written(t, &h));
    for (size_t i = 0; i < 4; i++) {
        CHECK_STR(r.decisions[i].scope, decisions[i].scope);
        CHECK_EQ(r.decisions[i].entered, i == 0);
        CHECK_EQ(r.decisions[i].sticky, i == 1);
    }
}

TEST(hit_shares_the_explanation_of_a_location)
{
    struct hit r = read_back(
        t, S("{\"kind\":\"visit\",\"source\":\"edge\",\"decisions\":["
             "{\"activity\":\"1\",\"scope\":\"m\",\"why\":{\"bucket\":1,\"key\":\"v\"}},"
             "{\"activity\":\"2\",\"scope\":\"m\",\"why\":{\"bucket\":2}},{\"activity\":\"3\",\"scope\":\"m\"},"
             "{\"activity\":\"4\",\"scope\":\"n\",\"why\":{\"bucket\":3}}]}"));

    CHECK_TRUE(r.decisions[0].why_here == r.decisions[0].why);
    CHECK_TRUE(r.decisions[1].why_here == r.decisions[0].why);
    CHECK_EQ(json_i64(json_get(r.decisions[1].why, S("bucket")), 0), 2);
    CHECK_TRUE(r.decisions[2].why_here == NULL); /* was not explained */
    CHECK_TRUE(r.decisions[3].why_here == NULL); /* its location's first is not here */
}

TEST(hit_of_a_visit_says_only_what_it_knows)
{
    struct hit_visit visit = {.session = S("s1"), .environment = HIT_PRODUCTION};
    struct hit h = {.kind = HIT_VISIT, .source = SOURCE_EDGE, .visit = &visit};

    CHECK_STR(written(t, &h), S("{\"kind\":\"visit\",\"source\":\"edge\",\"visit\":{\"session\":\"s1\"}}"));
    CHECK_TRUE(read_back(t, written(t, &h)).visit->referrer.p == NULL);
}

TEST(hit_of_before_there_were_metrics_means_the_goal)
{
    struct hit r = read_back(t, S("{\"kind\":\"event\",\"source\":\"edge\",\"notices\":[{\"type\":\"convert\","
                                  "\"activity\":\"1\",\"scope\":\"m\",\"action\":\"of a later version\"}]}"));

    CHECK_EQ(r.notices[0].metric, HIT_METRIC_PRIMARY);
    CHECK_EQ(r.notices[0].action, ACTION_COUNT_ONCE);
}

TEST(hit_of_a_job)
{
    struct hit h = {.kind = HIT_JOB, .source = SOURCE_STREAM, .scope = S("o/s"), .request_id = S("j")}, r;

    CHECK_TRUE(read_back(t, written(t, &h)).segments == NULL); /* all audiences */
    CHECK_OK(json_parse(S("[\"a\",\"b\"]"), t->arena, &h.segments, d));
    r = read_back(t, written(t, &h));
    CHECK_EQ(r.kind, HIT_JOB);
    CHECK_STR(r.request_id, S("j"));
    CHECK_TRUE(json_equal(r.segments, h.segments));
}

TEST(hit_borrows_the_text_of_its_content)
{
    static const char *const records[][2] = {
        {"{\"kind\":\"record\",\"source\":\"batch\",\"xdm\":{\"a\":1}}", "{\"a\":1}"},
        {"{\"kind\":\"record\",\"source\":\"batch\",\"xdm\":{\"xdm\":{\"a\" : \"}\"}}}", "{\"xdm\":{\"a\" : \"}\"}}"},
        {"{\"kind\":\"record\",\"source\":\"batch\",\"identityMap\":{\"xdm\":[{\"id\":\"1\"}],\"a\\\"xdm\":[{\"id\":"
         "\"\\\\\"}]},\"xdm\":[]}",
         "[]"},
        {"{\"xdm\":{\"a\":1},\"kind\":\"record\",\"source\":\"batch\"}", ""},
        {"{\"kind\":\"record\",\"source\":\"batch\",\"xdm\":{\"a\":1}} ", ""},
        {"{\"kind\":\"record\",\"source\":\"batch\"}", ""},
    };

    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        CHECK_STR(read_back(t, str_of(records[i][0])).xdm_text, str_of(records[i][1]));
}

TEST(hit_that_is_none_is_refused)
{
    static const char *const texts[] = {
        "", "[]", "1", "{}", "{\"kind\":\"event\"}", "{\"kind\":\"event\",\"source\":\"x\"}"};
    struct hit h;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_ERR(hit_read(str_of(texts[i]), t->arena, &h, d), ERR_CORRUPT);
}

/* Production is one number, said or not. */
TEST(hit_of_no_environment_is_productions)
{
    struct hit_visit visit = {.session = S("s1"), .environment = HIT_PRODUCTION};
    struct hit h = {.kind = HIT_VISIT, .scope = S("org/prod"), .visit = &visit}, back;
    struct buf b;

    buf_init(&b, 4096);
    hit_write(&b, &h);
    CHECK_TRUE(str_find(buf_str(&b), S("environment")) < 0);
    CHECK_OK(hit_read(buf_str(&b), t->arena, &back, d));
    CHECK_EQ(back.visit->environment, HIT_PRODUCTION);
    CHECK_OK(
        hit_read(S("{\"kind\":\"visit\",\"source\":\"edge\",\"scope\":\"org/prod\",\"visit\":{\"environment\":1}}"),
                 t->arena, &back, d));
    CHECK_EQ(back.visit->environment, HIT_PRODUCTION);
    buf_deinit(&b);
}
