/* What a delivery request and an event tell, and in which order [TARGET 1.3]. */
#include "t.h"
#include "decide/told.h"

static const struct json *
json_of(struct t *t, const char *text)
{
    const struct json *v = NULL;
    struct str copy = arena_str(t->arena, str_of(text));

    for (size_t i = 0; i < copy.n; i++) {
        if (copy.p[i] == '\'')
            ((char *)copy.p)[i] = '"';
    }
    CHECK_OK(json_parse(copy, t->arena, &v, d));
    return v;
}

static void
token(void *ctx, const struct told_part *notice, struct str text)
{
    buf_printf(ctx, "%zu%s:%.*s ", notice->at, notice->clicked ? "!" : "", STR_ARG(text));
}

static void
touched(void *ctx, const struct told_part *notice)
{
    buf_printf(ctx, "%zu%s ", notice->at, notice->clicked ? "!" : "");
}

static void
noticed(void *ctx, const struct told_part *notice)
{
    (void)notice;
    buf_put(ctx, S(". "));
}

static void
page(void *ctx, const struct told_part *place)
{
    buf_printf(ctx, "page:%.*s ", STR_ARG(json_str(json_get(place->json, S("x")))));
}

static void
mbox(void *ctx, const struct told_part *place)
{
    buf_printf(ctx, "%.*s@%zu ", STR_ARG(json_str(json_get(place->json, S("name")))), place->at);
}

static struct str
told(struct t *t, const char *body)
{
    struct buf *b = ARENA_NEW(t->arena, struct buf);
    struct told_delivery to = {b, token, touched, noticed, page, mbox};

    buf_init_in(b, t->arena, 4096);
    told_read_delivery(json_of(t, body), &to, t->arena);
    return buf_str(b);
}

TEST(told_notifications_then_the_page_then_mboxes_by_index)
{
    CHECK_STR(told(t, "{'execute':{'mboxes':[{'index':7,'name':'a'},{'index':0,'name':'b'},{'index':3,'name':'c'}],"
                      "'pageLoad':{'x':'p'}},'notifications':[{'type':'display','mbox':{'name':'m'}}]}"),
              S("0 . page:p b@1 c@2 a@0 "));
    CHECK_STR(told(t, "{'execute':{'mboxes':[{'name':'a'},{'name':'b'},{'index':-1,'name':'c'}]}}"), S("c@2 a@0 b@1 "));
    CHECK_STR(told(t, "{'prefetch':{'mboxes':[{'index':1,'name':'a'}],'pageLoad':{}}}"), S(""));
    CHECK_STR(told(t, "{}"), S(""));
}

TEST(told_tokens_then_the_location_but_not_of_clicks_with_tokens)
{
    CHECK_STR(told(t, "{'notifications':[{'type':'display','tokens':['s','t']},{'type':'click','tokens':['u']},"
                      "{'type':'click'},{'type':'click','tokens':[]},{'type':'display'}]}"),
              S("0:s 0:t 0 . 1!:u . 2! . 3! . 4 . "));
}

TEST(told_moments)
{
    bool engaged = false;
    struct decide_token whole = {.activity = S("1"), .scope = S("hero")},
                        metric = {.activity = S("1"), .scope = S("hero"), .metric = 7};
    struct decision_moment m;

    CHECK_TRUE(!told_moment(S("a"), true, &engaged).page && !engaged); /* a click shows nothing */
    CHECK_TRUE(told_moment(S("a"), false, &engaged).page && engaged);
    CHECK_TRUE(!told_moment(S("a"), false, &engaged).page);
    m = told_token_moment(&metric, true);
    CHECK_TRUE(m.clicked && m.metric == 7 && str_eq(m.activity, S("1")) && str_eq(m.location, S("hero")));
    m = told_token_moment(&metric, false);
    CHECK_TRUE(!m.clicked && m.metric == 0 && m.activity.n == 0);
    m = told_token_moment(&whole, true);
    CHECK_TRUE(m.clicked && m.metric == 0 && m.activity.n == 0); /* all metrics that name the location */
    CHECK_STR(told_location(AT_PAGE, S_NULL), S("__view__"));
    CHECK_STR(told_location(AT_MBOX, S("target-global-mbox")), S("__view__"));
    CHECK_STR(told_location(AT_MBOX, S("hero")), S("hero"));
}

TEST(told_orders)
{
    CHECK_TRUE(told_order(json_of(t, "{'id':'o'}")) && told_order(json_of(t, "{'total':0.5}")));
    CHECK_TRUE(!told_order(json_of(t, "{}")) && !told_order(json_of(t, "{'id':'','total':0}")) && !told_order(NULL));
}

TEST(told_events) /* [EDGE 5.8, C-43] */
{
    static const struct {
        const char *xdm;
        bool shown, clicked;
    } cases[] = {
        {"{'_experience':{'decisioning':{'propositionEventType':{'display':1},'propositions':[{}]}}}", true, false},
        {"{'_experience':{'decisioning':{'propositionEventType':{'display':1,'interact':true}}}}", true, true},
        {"{'eventType':'decisioning.propositionDisplay','_experience':{'decisioning':{'propositionEventType':{}}}}",
         false, false},
        {"{'eventType':'decisioning.propositionDisplay'}", true, false},
        {"{'eventType':'decisioning.propositionInteract'}", false, true},
        {"{'eventType':'display'}", true, false},
        {"{'eventType':'click'}", false, true},
        {"{'eventType':'web.webpagedetails.pageViews'}", false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct told_event e = told_read_event(json_of(t, cases[i].xdm));
        CHECK_EQ(e.shown, cases[i].shown);
        CHECK_EQ(e.clicked, cases[i].clicked);
        CHECK_EQ(json_count(e.propositions), i == 0);
    }
    CHECK_STR(told_proposition_token(
                  json_of(t, "{'scopeDetails':{'characteristics':{'eventToken':'a','eventTokens':{'display':'b'}}}}")),
              S("a"));
    CHECK_STR(
        told_proposition_token(json_of(t, "{'scopeDetails':{'characteristics':{'eventTokens':{'display':'b'}}}}")),
        S("b"));
    CHECK_EQ(told_proposition_token(json_of(t, "{}")).n, 0);
}
