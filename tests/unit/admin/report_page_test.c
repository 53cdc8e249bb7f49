/* report_page_test.c - results of activities as pages: what they say, and that nothing of it is markup. */
#include "report_fixture.h"

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

static void
check_balanced(struct t *t, struct str page)
{
    static const char *const tags[] = {"div", "section", "table", "tbody",  "tr", "td",      "ul", "li",
                                       "svg", "form",    "label", "select", "p",  "details", "dl"};

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t open = count_of(page, arena_printf(t->arena, "<%s>", tags[i])) +
                      count_of(page, arena_printf(t->arena, "<%s ", tags[i]));
        size_t close = count_of(page, arena_printf(t->arena, "</%s>", tags[i]));
        if (open != close)
            t_fail(t, __FILE__, __LINE__, "%zu <%s>, %zu </%s>", open, tags[i], close, tags[i]);
    }
    CHECK_EQ(count_of(page, S("<script")), 0);
}

TEST(report_pages)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    a = world_get(&w, &family_report_pages, "/reports");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "There are no activities yet.");
    report_put_activity(&w, "1001", "<script>alert(1)</script> & co", "");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "Nobody has seen this activity yet");
    check_balanced(t, a.body);
    report_put_activity(&w, "1002", "Spring banner", "");
    report_put_results(&w);
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_STR(str_of(a.content_type), S("text/html; charset=utf-8"));
    CHECK_STR(a.headers[0].name, S("Content-Security-Policy"));
    check_balanced(t, a.body);
    CHECK_EQ(count_of(a.body, S("<b>blue")), 0);
    CHECK_HAS(a.body, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co");
    CHECK_HAS(a.body, "Calm &lt;b&gt;blue&lt;/b&gt;");
    CHECK_HAS(a.body, "No difference can be told yet");
    CHECK_HAS(a.body,
              "<b>Bold orange</b> converts <b>35.2% better</b> than Calm &lt;b&gt;blue&lt;/b&gt;, confidence 89.8%; "
              "the difference lies between ");
    CHECK_HAS(a.body,
              "To see a difference as large as this one takes about 398 visitors of each experience, 274 more than");
    CHECK_HAS(a.body, "25.8%</text>");
    CHECK_HAS(a.body, "34.9%</text>");
    CHECK_HAS(a.body, "+35.2%");
    CHECK_HAS(a.body, "Curves over time begin with the second hour");
    CHECK_EQ(count_of(a.body, S("<svg")), 3);
    CHECK_EQ(count_of(a.body, S("<rect class=\"bar")), 6);
    CHECK_HAS(a.body, "84 listed, 0 extreme, 0 duplicate.");
    a = world_get(&w, &family_report_pages, "/reports");
    CHECK_HAS(a.body, "<a href=\"/reports/1001?scope=");
    CHECK_HAS(a.body, "+35.2%");
    check_balanced(t, a.body);
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/77"), 404);
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/1001?scope=nowhere"), 404);
    w.admin.o.hub.read = NULL;
    CHECK_TRUE(world_get(&w, &family_report_pages, "/reports").status == 503);
    world_close(&w);
}

/* What somebody puts into the address stands in forms and links, as text. */
TEST(report_page_keeps_the_question)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero", "");
    report_put_results(&w);
    a = world_get(&w, &family_report_pages,
                  "/reports/1001?countingMethod=visit&conversionMetricLocalIds=7&normalizeExtremeOrders=true"
                  "&reportInterval=2026-01-01T00:00Z/2026-01-02T00:00Z");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "<option value=\"visit\" selected>");
    CHECK_HAS(a.body, "Metric 7 (removed)");
    CHECK_HAS(a.body, " checked>");
    CHECK_HAS(a.body,
              "countingMethod=visit&amp;environmentId=0&amp;normalizeExtremeOrders=true&amp;reportInterval=2026");
    CHECK_HAS(a.body, "Nobody has met this goal yet");
    check_balanced(t, a.body);
    a = world_get(&w, &family_report_pages, "/reports/1001?reportInterval=2025-01-01T00:00Z/2025-01-02T00:00Z");
    CHECK_HAS(a.body, "Nobody of those has seen this activity in that period.");
    a = world_get(&w, &family_report_pages, "/reports/1001?reportInterval=%22%3E%3Cscript%3E");
    CHECK_STATUS(a, 400);
    CHECK_EQ(count_of(a.body, S("<script")), 0);
    world_close(&w);
}

TEST(report_page_marks_orders)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero", "");
    for (int i = 0; i < 40; i++)
        report_visit(&w, "1001", i, "0", false, 40 + i % 3);
    report_visit(&w, "1001", 100, "1", false, 9000);
    report_visit(&w, "1001", 100, "1", false, 9000); /* the same id again */
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "42 listed, 2 extreme, 1 duplicate.");
    CHECK_EQ(count_of(a.body, S(">extreme</span>")), 2);
    CHECK_EQ(count_of(a.body, S(">duplicate</span>")), 1);
    CHECK_EQ(count_of(a.body, S("data-l=\"Order id\"")), LIMIT_REPORT_ORDERS);
    world_close(&w);
}

static struct str
many_experiences(struct t *t, int n)
{
    struct str s = S("");

    for (int i = 0; i < n; i++)
        s = arena_printf(t->arena,
                         "%.*s%s{'experienceLocalId':%d,'name':'E%d','visitorPercentage':%d,'audienceIds':[],"
                         "'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}",
                         STR_ARG(s), i > 0 ? "," : "", i, i, i == 0 ? 100 : 0);
    return s;
}

/* At the bounds of a page and one past them. */
TEST(report_page_bounds)
{
    struct world w;

    world_open(t, &w);
    for (int n = LIMIT_REPORT_ROWS; n <= LIMIT_REPORT_ROWS + 1; n++) {
        const char *id = arena_printf(t->arena, "%d", n).p;
        struct answer a;
        const struct json *rows;
        world_put(&w, "activity", SCOPE, id,
                  arena_printf(t->arena,
                               "{'id':%s,'type':'ab','name':'Many %s','state':'saved','priority':5,"
                               "'options':[{'optionLocalId':0,'name':'A','offerId':0}],"
                               "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},"
                               "'experiences':[%s],'metrics':[]}",
                               id, id, many_experiences(t, n).p)
                      .p);
        for (int i = 0; i < n; i++)
            report_visit(&w, id, i, arena_printf(t->arena, "%d", i).p, false, 10);
        a = world_get(&w, &family_report_pages, arena_printf(t->arena, "/reports/%s", id).p);
        CHECK_STATUS(a, 200);
        check_balanced(t, a.body);
        CHECK_EQ(count_of(a.body, S("data-l=\"Conversion rate\"")), LIMIT_REPORT_ROWS);
        CHECK_TRUE((str_find(a.body, S("1 more experiences are in the downloads.")) >= 0) == (n > LIMIT_REPORT_ROWS));
        CHECK_EQ(count_of(a.body, S("<rect class=\"track\"")), 2 * LIMIT_REPORT_PLOTTED);
        rows = json_get(world_get(&w, &family_report, arena_printf(t->arena, "/edgewise/reports/%s", id).p).json,
                        S("rows"));
        CHECK_EQ(json_count(rows), n);
        CHECK_TRUE(json_get(json_at(rows, LIMIT_REPORT_BELIEFS), S("chanceToBeBetter")) != NULL);
        CHECK_TRUE(json_get(json_at(rows, LIMIT_REPORT_BELIEFS + 1), S("chanceToBeBetter")) == NULL);
    }
    world_close(&w);
}

/* [TARGET 8.1] The badge; a negative lift is shown as ---. */
TEST(report_page_of_auto_allocate)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Auto",
                        ",'autoAllocateTraffic':{'enabled':true,'successEvaluationCriteria':'conversion_rate'}");
    for (int i = 0; i < 100; i++)
        report_visit(&w, "1001", i, i % 2 ? "1" : "0", false, i % 2 ? (i % 8 == 1 ? 10 : 0) : (i % 4 == 0 ? 10 : 0));
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "<span class=\"chip\">No winner yet</span>");
    CHECK_HAS(a.body, ">---</td>");
    CHECK_EQ(count_of(a.body, S("may end</h2>")), 0);
    world_put(&w, "allocation", SCOPE, "1001",
              "{'id':1001,'version':1,'warm':true,'leader':'1','won':false,'confidence':0.59,'weights':[40,60]}");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "<span class=\"chip\">No winner yet</span>");
    CHECK_HAS(a.body, "No winner yet: Bold orange leads");
    CHECK_HAS(a.body, "<b>60.0%</b>");
    world_put(&w, "allocation", SCOPE, "1001",
              "{'id':1001,'version':2,'warm':true,'leader':'1','won':false,'confidence':0.6,'weights':[40,60]}");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "No winner yet \xC2\xB7 confidence 60.0%</span>");
    world_put(&w, "allocation", SCOPE, "1001",
              "{'id':1001,'version':3,'warm':true,'leader':'1','won':true,'confidence':0.991,'weights':[10,90]}");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "Winner: Bold orange \xC2\xB7 confidence 99.1%</span>");
    CHECK_HAS(a.body, "Bold orange has won</h2>");
    world_close(&w);
}

/* [TARGET 8.2] Arms have counters of their own; models tell how good they are. */
TEST(report_page_of_auto_target)
{
    static const enum hit_arm arms[] = {ARM_CONTROL, ARM_TARGETED};
    struct world w;
    struct answer a;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Target",
                        ",'controlExperience':{'type':'random','visitorPercentage':50},"
                        "'targetedExperience':{'modelProvider':'target'}");
    for (int i = 0; i < 200; i++) {
        struct identity ecid = {.ns = S("ECID"), .id = arena_printf(t->arena, "%038d", i), .primary = true};
        struct hit_notice notices[2] = {{.type = NOTICE_DISPLAY,
                                         .activity = S("1001"),
                                         .experience = S("0"),
                                         .scope = S("hero"),
                                         .arm = arms[i % 2]},
                                        {.type = NOTICE_CONVERT, .activity = S("1001"), .metric = HIT_METRIC_PRIMARY}};
        struct hit h = {.kind = HIT_EVENT,
                        .source = SOURCE_EDGE,
                        .scope = S(SCOPE),
                        .identities = {&ecid, 1},
                        .event_ms = NOW,
                        .notices = notices,
                        .notice_count = i % (i % 2 ? 4 : 10) < 2 ? 2 : 1};
        report_fold(&w, &h, NOW);
    }
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "Control and targeted traffic");
    CHECK_HAS(a.body, "<td>Control</td><td data-l=\"Entries\">100</td><td data-l=\"Conversions\">20</td>");
    CHECK_HAS(a.body, "<td>Targeted</td><td data-l=\"Entries\">100</td><td data-l=\"Conversions\">50</td>");
    CHECK_HAS(a.body, "+150.0%");
    CHECK_HAS(a.body, "There are none yet: they are trained every day");
    world_put(
        &w, "model", SCOPE, "1001",
        "{'id':1001,'version':1,'trainedAt':'2026-01-01T00:00:00.000Z','day':1,'units':[{'experience':'1','valid':true,"
        "'samples':1200,'conversions':90,'auc':0.7123},{'experience':'0','valid':false,'samples':10,'conversions':1,"
        "'auc':0.5,'why':'<too few>'}]}");
    a = world_get(&w, &family_report_pages, "/reports/1001");
    CHECK_HAS(a.body, "<tr><td>Bold orange</td><td data-l=\"Model\"><span class=\"chip good\">in use</span></td>"
                      "<td data-l=\"Quality (AUC)\">0.712</td><td data-l=\"Learned from\">1,200</td>");
    CHECK_HAS(a.body, "&lt;too few&gt;");
    check_balanced(t, a.body);
    world_close(&w);
}
