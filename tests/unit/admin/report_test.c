/* report_test.c - results of activities as JSON and as pages [TARGET 6.8]. */
#include "ingest_fixture.h"

#include "results/results.h"

#define PERFORMANCE "/acme/target/activities/ab/1001/report/performance"

static void
put_activity(struct world *w, const char *id, const char *name)
{
    struct t *t = w->t;

    world_put(w, "activity", SCOPE, id,
              arena_printf(
                  t->arena,
                  "{'id':%s,'type':'ab','name':'%s','state':'saved','priority':5,"
                  "'options':[{'optionLocalId':0,'name':'A','offerId':0},{'optionLocalId':1,'name':'B','offerId':0}],"
                  "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},"
                  "'experiences':[{'experienceLocalId':0,'name':'Calm <b>blue</b>','visitorPercentage':50,"
                  "'audienceIds':[],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"
                  "{'experienceLocalId':1,'name':'Bold orange','visitorPercentage':50,'audienceIds':[],"
                  "'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}],"
                  "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[{'name':'orderConfirm',"
                  "'successEvent':'mbox_shown','audienceIds':[]}],'action':{'type':'count_once'}}]}",
                  id, name)
                  .p);
}

static void
fold(struct world *w, struct hit *h)
{
    struct t *t = w->t;

    arena_reset(&w->scratch);
    CHECK_OK(results_fold(w->kv, h, NOW, &w->scratch, d));
    CHECK_OK(kv_commit(w->kv, NULL, 0, false, d));
}

/* A visitor who sees the experience, perhaps clicks, perhaps buys. */
static void
visit(struct world *w, int visitor, const char *experience, bool click, double order)
{
    struct t *t = w->t;
    struct identity ecid = {.ns = S("ECID"), .id = arena_printf(t->arena, "%038d", visitor), .primary = true};
    struct hit_notice notices[2] = {
        {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = str_of(experience), .scope = S("hero")},
        {.type = NOTICE_INTERACT, .activity = S("1001"), .experience = str_of(experience), .scope = S("hero")},
    };
    struct hit h = {.kind = HIT_EVENT,
                    .source = SOURCE_EDGE,
                    .scope = S(SCOPE),
                    .identities = {&ecid, 1},
                    .event_id = arena_printf(t->arena, "e%d", visitor),
                    .event_ms = NOW,
                    .notices = notices,
                    .notice_count = click ? 2 : 1};

    if (order > 0)
        CHECK_OK(
            json_parse(arena_printf(t->arena,
                                    "{\"eventType\":\"commerce.purchases\",\"commerce\":{\"purchases\":{\"value\":1},"
                                    "\"order\":{\"purchaseID\":\"o%d\",\"priceTotal\":%.2f}}}",
                                    visitor, order),
                       t->arena, &h.xdm, d));
    fold(w, &h);
}

/* The published example: 32 of 124 against 52 of 149. */
static void
put_results(struct world *w)
{
    for (int i = 0; i < 124; i++)
        visit(w, i, "0", i % 5 == 0, i < 32 ? 40 + i % 7 : 0);
    for (int i = 0; i < 149; i++)
        visit(w, 1000 + i, "1", i % 4 == 0, i < 52 ? 42.5 + i % 9 : 0);
}

TEST(report_performance)
{
    struct world w;
    struct answer a;
    const struct json *s, *visitor;

    world_open(t, &w);
    put_activity(&w, "1001", "Hero test");
    put_results(&w);
    a = world_get(&w, &family_report, PERFORMANCE "?environmentId=1");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_i64(json_path(a.json, S("reportParameters.activityId")), 0), 1001);
    CHECK_EQ(json_i64(json_path(a.json, S("reportParameters.environmentId")), 0), 1);
    CHECK_STR(json_str(json_path(a.json, S("activity.name"))), S("Hero test"));
    CHECK_EQ(json_count(json_path(a.json, S("activity.experiences"))), 2);
    s = json_path(a.json, S("report.statistics"));
    visitor = json_path(s, S("totals.visitor.totals"));
    CHECK_EQ(json_i64(json_get(visitor, S("entries")), 0), 273);
    CHECK_EQ(json_i64(json_get(visitor, S("conversions")), 0), 84);
    visitor = json_path(json_at(json_get(s, S("experiences")), 1), S("totals.visitor.totals"));
    CHECK_EQ(json_i64(json_get(visitor, S("entries")), 0), 149);
    CHECK_EQ(json_i64(json_get(visitor, S("conversions")), 0), 52);
    CHECK_EQ(json_i64(json_get(visitor, S("orders")), 0), 52);
    CHECK_STATUS(world_get(&w, &family_report, "/acme/target/activities/xt/1001/report/performance"), 404);
    CHECK_STATUS(world_get(&w, &family_report, "/acme/target/activities/ab/1002/report/performance"), 404);
    world_close(&w);
}

TEST(report_rows)
{
    struct world w;
    struct answer a;
    const struct json *b;

    world_open(t, &w);
    put_activity(&w, "1001", "Hero test");
    a = world_get(&w, &family_report, "/edgewise/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_i64(json_path(a.json, S("totals.visitors")), -1), 0);
    CHECK_EQ(json_count(json_get(a.json, S("rows"))), 2);
    CHECK_TRUE(json_is(json_get(json_at(json_get(a.json, S("rows")), 1), S("conversionLift")), JSON_NULL));
    put_results(&w);
    visit(&w, 5000, "7", false, 0); /* an experience that is no longer there */
    a = world_get(&w, &family_report, "/edgewise/reports/1001");
    CHECK_EQ(json_count(json_get(a.json, S("rows"))), 3);
    CHECK_TRUE(json_bool(json_get(json_at(json_get(a.json, S("rows")), 2), S("removed")), false));
    b = json_at(json_get(a.json, S("rows")), 1);
    CHECK_EQ(json_i64(json_get(b, S("clicks")), 0), 38);
    CHECK_EQ((long long)(json_f64(json_get(b, S("conversionRate")), 0) * 1e6), 348993);
    CHECK_EQ((long long)(json_f64(json_path(b, S("conversionLift.lift")), 0) * 1e6), 352348);
    CHECK_EQ((long long)(json_f64(json_path(b, S("conversionLift.confidence")), 0) * 1e6), 898110);
    CHECK_STATUS(world_get(&w, &family_report, "/edgewise/reports/77"), 404);
    w.admin.o.hub.read = NULL;
    CHECK_TRUE(world_get(&w, &family_report, "/edgewise/reports/1001").status >= 500);
    world_close(&w);
}

static size_t
count_of(struct str text, struct str part)
{
    size_t n = 0;
    ptrdiff_t at;

    while ((at = str_find(text, part)) >= 0) {
        n++;
        text = str_slice(text, (size_t)at + part.n, text.n);
    }
    return n;
}

TEST(report_pages)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    a = world_get(&w, &family_report_pages, "/reports");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "There are no activities yet.");
    put_activity(&w, "1001", "<script>alert(1)</script> & co");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "Nobody has seen this activity yet");
    put_activity(&w, "1002", "Spring banner");
    put_results(&w);
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_STR(str_of(a.content_type), S("text/html; charset=utf-8"));
    CHECK_STR(a.headers[0].name, S("Content-Security-Policy"));
    CHECK_EQ(count_of(a.body, S("<script")), 0);
    CHECK_EQ(count_of(a.body, S("<b>blue")), 0);
    CHECK_HAS(a.body, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co");
    CHECK_HAS(a.body, "Calm &lt;b&gt;blue&lt;/b&gt;");
    CHECK_HAS(a.body,
              "<b>Bold orange</b> converts <b>35.2% better</b> than Calm &lt;b&gt;blue&lt;/b&gt;: confidence 89.8%. "
              "That is not significant yet.");
    CHECK_HAS(a.body, "25.8%</text>");
    CHECK_HAS(a.body, "34.9%</text>");
    CHECK_HAS(a.body, "+35.2%");
    CHECK_EQ(count_of(a.body, S("<svg")), 3);
    CHECK_EQ(count_of(a.body, S("<rect class=\"bar")), 6);
    CHECK_EQ(count_of(a.body, S("<div")), count_of(a.body, S("</div>")));
    CHECK_EQ(count_of(a.body, S("<section")), count_of(a.body, S("</section>")));
    CHECK_EQ(count_of(a.body, S("<td")), count_of(a.body, S("</td>")));
    if (getenv("EDGEWISE_KEEP_PAGES") != NULL) /* a folder: for looking at them */
        CHECK_OK(os_write_file(os_posix(), arena_printf(t->arena, "%s/activity.html", getenv("EDGEWISE_KEEP_PAGES")).p,
                               a.body, d));
    a = world_get(&w, &family_report_pages, "/reports");
    CHECK_HAS(a.body, "<a href=\"/reports/1001?scope=");
    if (getenv("EDGEWISE_KEEP_PAGES") != NULL)
        CHECK_OK(os_write_file(os_posix(), arena_printf(t->arena, "%s/list.html", getenv("EDGEWISE_KEEP_PAGES")).p,
                               a.body, d));
    CHECK_EQ(count_of(a.body, S("<script")), 0);
    CHECK_HAS(a.body, "+35.2%");
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/77"), 404);
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/1001?scope=nowhere"), 404);
    w.admin.o.hub.read = NULL;
    CHECK_TRUE(world_get(&w, &family_report_pages, "/reports").status == 503);
    world_close(&w);
}
