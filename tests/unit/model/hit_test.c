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
