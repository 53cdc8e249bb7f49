/* option_test.c - the bytes of options and metrics of a delivery answer [TARGET 1.4, 2.8, 2.9]. */
#include "fixture.h"

#define V "0123456789abcdef0123456789abcdef"
#define HEAD "{'activities':[{'id':1001,'name':'Hero','type':'ab','state':'approved',"
#define ONE                                                                                                            \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero'}]},'experiences':[{'experienceLocalId':1,'name':'B',"   \
    "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]"
#define FORM HEAD "'options':[{'optionLocalId':0,'name':'opt','offerId':7}]," ONE "}],"

struct asked {
    struct str text;
    const struct json *answer; /* the members as an object */
    size_t taken;
};

/* What decision_at() appends, for a visitor with these attributes. */
static struct asked
ask_at(struct t *t, const struct fixture *f, enum decision_kind kind, enum decision_format format,
       const struct visitor *visitor)
{
    struct decision_request rq = {.now_ms = FIXTURE_NOW, .visitor_key = S(V), .visitor = visitor};
    struct decision_ask ask = {.kind = kind, .name = S("hero")};
    struct decision_result result = {0};
    struct decision *x;
    struct asked out = {.answer = NULL};
    struct buf b, whole;

    buf_init_in(&b, t->arena, 1u << 20);
    buf_init_in(&whole, t->arena, 1u << 20);
    CHECK_OK(decision_begin(f->set, &rq, t->arena, &x, d));
    CHECK_OK(decision_at(x, &ask, format, &b, &result, d));
    out.text = buf_str(&b);
    out.taken = result.n;
    buf_put(&whole, S("{\"name\":1"));
    buf_put(&whole, out.text);
    buf_putc(&whole, '}');
    CHECK_OK(json_parse(buf_str(&whole), t->arena, &out.answer, d));
    return out;
}

static const struct json *
first_option(const struct asked *x)
{
    return json_at(json_get(x->answer, S("options")), 0);
}

#define CHECK_EXECUTE(offer, expected)                                                                                 \
    do {                                                                                                               \
        struct fixture f = fixture_new(t, FORM "'offers':[" offer "]}");                                               \
        CHECK_STR(ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, NULL).text, S(expected));                                     \
        fixture_free(&f);                                                                                              \
    } while (0)

TEST(option_of_every_offer_type) /* [TARGET 12.34, 12.51, 12.52] */
{
    CHECK_EXECUTE("{'id':7,'name':'n','content':'<b>x</b>'}",
                  ",\"options\":[{\"type\":\"html\",\"content\":\"<b>x</b>\"}]");
    CHECK_EXECUTE("{'id':7,'name':'n','type':'json','content':{'v':'B'}}",
                  ",\"options\":[{\"type\":\"json\",\"content\":{\"v\":\"B\"}}]");
    CHECK_EXECUTE("{'id':7,'name':'n','type':'redirect','content':'https://a.test/?b=1'}",
                  ",\"options\":[{\"type\":\"redirect\",\"content\":\"https://a.test/?b=1\"}]");
    CHECK_EXECUTE("{'id':7,'name':'n','type':'dynamic','content':'https://a.test/o'}",
                  ",\"options\":[{\"type\":\"dynamic\",\"content\":\"https://a.test/o\"}]");
}

TEST(option_default_content_has_no_content_and_counts) /* [TARGET 12.53] */
{
    struct fixture f = fixture_new(t, HEAD "'options':[{'optionLocalId':0,'name':'d'}]," ONE "}]}");
    struct asked execute = ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, NULL);
    struct asked prefetch = ask_at(t, &f, AT_MBOX, FORMAT_PREFETCH, NULL);

    CHECK_STR(execute.text, S(""));
    CHECK_EQ(execute.taken, 1);
    CHECK_EQ(prefetch.taken, 1);
    CHECK_TRUE(json_get(first_option(&prefetch), S("content")) == NULL);
    CHECK_TRUE(json_str(json_get(first_option(&prefetch), S("eventToken"))).n > 0);
    fixture_free(&f);
}

TEST(option_event_token_is_of_a_prefetch_only) /* [TARGET 12.91] */
{
    struct fixture f = fixture_new(t, FORM "'offers':[{'id':7,'name':'n','content':'x'}]}");
    struct asked execute = ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, NULL);
    struct asked prefetch = ask_at(t, &f, AT_MBOX, FORMAT_PREFETCH, NULL);
    struct decide_token token;

    CHECK_TRUE(json_get(first_option(&execute), S("eventToken")) == NULL);
    CHECK_TRUE(
        decide_token_read(json_str(json_get(first_option(&prefetch), S("eventToken"))), FIXTURE_KEY, t->arena, &token));
    CHECK_STR(token.activity, S("1001"));
    CHECK_STR(token.experience, S("1"));
    CHECK_STR(token.scope, S("hero"));
    CHECK_EQ(token.metric, 0);
    fixture_free(&f);
}

TEST(option_visual_changes_are_one_option) /* [TARGET 2.9, 12.55] */
{
    struct fixture f = fixture_new(
        t, HEAD "'options':[{'optionLocalId':0,'name':'o','offerId':7}],'locations':{'selectors':[{'locationLocalId':0,"
                "'name':'page','selector':'#h','view':{'default':true}}]},'experiences':[{'experienceLocalId':1,"
                "'name':'B','visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}],"
                "'offers':[{'id':7,'name':'n','type':'actions','actions':["
                "{'type':'setContent','selector':'#a','content':'<i>'},{'type':'move','selector':'#b','content':"
                "{'left':10,'top':'0px'}},{'type':'remove','selector':'#c','cssSelector':'.c','content':'x'},"
                "{'type':'rearrange','selector':'#d','content':{'from':2,'to':0}}]}]}");
    struct asked x = ask_at(t, &f, AT_PAGE, FORMAT_EXECUTE, NULL);

    CHECK_STR(
        x.text,
        S(",\"options\":[{\"type\":\"actions\",\"content\":["
          "{\"type\":\"setHtml\",\"selector\":\"#a\",\"cssSelector\":\"#a\",\"content\":\"<i>\"},"
          "{\"type\":\"move\",\"selector\":\"#b\",\"cssSelector\":\"#b\",\"content\":{\"left\":\"10px\",\"top\":"
          "\"0px\"}},{\"type\":\"remove\",\"selector\":\"#c\",\"cssSelector\":\".c\"},"
          "{\"type\":\"rearrange\",\"selector\":\"#d\",\"cssSelector\":\"#d\",\"content\":{\"from\":2,\"to\":0}}]}]"));
    fixture_free(&f);
}

TEST(option_response_tokens_are_those_switched_on) /* [TARGET 2.8, 12.48] */
{
    struct fixture f = fixture_new(
        t, FORM "'offers':[{'id':7,'name':'n','content':'x'}],'responseTokens':[{'token':'activity.id','active':true},"
                "{'token':'experience.id','active':true},{'token':'offer.name','active':false},"
                "{'token':'profile.isFirstSession','active':true},{'token':'profile.absent','active':true}]}");

    CHECK_STR(ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, NULL).text,
              S(",\"options\":[{\"type\":\"html\",\"content\":\"x\",\"responseTokens\":{\"activity.id\":\"1001\","
                "\"experience.id\":\"1\",\"profile.isFirstSession\":\"true\"}}]"));
    fixture_free(&f);
}

TEST(option_response_tokens_of_categories_are_lists) /* [TARGET 2.8] */
{
    struct fixture f =
        fixture_new(t, FORM "'offers':[{'id':7,'name':'n','content':'${user.endpoint.categoryAffinity}'}],"
                            "'responseTokens':[{'token':'profile.categoryAffinities','active':true}]}");
    struct visitor v;

    visitor_init(&v, t->arena);
    v.categories[0].name = S("shoes");
    v.categories[1].name = S("hats");
    v.category_count = 2;
    CHECK_STR(ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, &v).text,
              S(",\"options\":[{\"type\":\"html\",\"content\":\"shoes\",\"responseTokens\":{"
                "\"profile.categoryAffinities\":[\"shoes\",\"hats\"]}}]"));
    fixture_free(&f);
}

/* Text made of what could break JSON, HTML or tokens, written as the inside of a JSON string. */
static struct str
hostile(struct t *t)
{
    static const char *const pieces[] = {"\\\"",
                                         "\\\\",
                                         "\\u0000",
                                         "\\n",
                                         "<",
                                         "${",
                                         "}",
                                         "$",
                                         "\\u2028",
                                         "\xc3\xa9",
                                         "&",
                                         "]]",
                                         "{",
                                         "${profile.p}",
                                         "${profile.q default=\\\"d\\\"}",
                                         "${offer.name}"};
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    for (size_t n = rng_below(&t->rng, 8); n > 0; n--)
        buf_put(&b, str_of(pieces[rng_below(&t->rng, sizeof(pieces) / sizeof(pieces[0]))]));
    return buf_str(&b);
}

/* ask_at() parses the answer: whatever offers, names and values hold, it is JSON. */
TEST(option_is_json_whatever_offers_and_values_hold)
{
    static const char *const forms[] = {
        "\"type\":\"content\",\"content\":\"%.*s\"", "\"type\":\"json\",\"content\":{\"k\":[\"%.*s\",1]}",
        "\"type\":\"redirect\",\"content\":\"%.*s\"", "\"type\":\"dynamic\",\"content\":\"%.*s\"",
        "\"type\":\"actions\",\"actions\":[{\"type\":\"setHtml\",\"selector\":\"#a\",\"content\":\"%.*s\"}]"};

    for (int round = 0; round < 400; round++) {
        size_t form = rng_below(&t->rng, sizeof(forms) / sizeof(forms[0]));
        struct str name = hostile(t), content = hostile(t), value = hostile(t), offer;
        struct buf text;
        struct fixture f;
        struct visitor v;
        const char *p = strchr(forms[form], '%');

        buf_init_in(&text, t->arena, 16384);
        buf_put(&text, (struct str){forms[form], (size_t)(p - forms[form])});
        buf_put(&text, content);
        buf_put(&text, str_of(p + 4));
        offer = buf_str(&text);
        visitor_init(&v, t->arena);
        (void)visitor_set(&v, S("p"), arena_printf(t->arena, "\"%.*s\"", STR_ARG(value)), FIXTURE_NOW);
        f = fixture_new(t, arena_printf(t->arena,
                                        FORM "'offers':[{\"id\":7,\"name\":\"%.*s\",%.*s}],'responseTokens':["
                                             "{'token':'offer.name'},{'token':'profile.p'}]}",
                                        STR_ARG(name), STR_ARG(offer))
                               .p);
        (void)ask_at(t, &f, AT_MBOX, FORMAT_EXECUTE, &v);
        (void)ask_at(t, &f, AT_MBOX, FORMAT_PREFETCH, &v);
        fixture_free(&f);
    }
}
