/* report_test.c - results of activities as JSON and as a file [TARGET 6.8, 8.3, 9.2]. */
#include "report_fixture.h"

#include <math.h>

#include "admin/admin_report.h"

#define PERFORMANCE "/acme/target/activities/ab/1001/report/performance"

TEST(report_performance)
{
    struct world w;
    struct answer a;
    const struct json *s, *visitor;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero test", "");
    report_put_results(&w);
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
    report_put_activity(&w, "1001", "Hero test", "");
    a = world_get(&w, &family_report, "/edgewise/reports/1001");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_i64(json_path(a.json, S("totals.visitors")), -1), 0);
    CHECK_EQ(json_count(json_get(a.json, S("rows"))), 2);
    CHECK_TRUE(json_is(json_get(json_at(json_get(a.json, S("rows")), 1), S("conversionLift")), JSON_NULL));
    report_put_results(&w);
    report_visit(&w, "1001", 5000, "7", false, 0); /* an experience that is no longer there */
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

static const struct json *
row_of(const struct json *report, size_t i)
{
    return json_at(json_get(report, S("rows")), i);
}

static long long
million(const struct json *v)
{
    return (long long)floor(json_f64(v, -1) * 1e6 + 0.5);
}

TEST(report_rows_have_every_figure)
{
    struct world w;
    struct answer a;
    const struct json *b;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero test", "");
    report_put_results(&w);
    a = world_get(&w, &family_report, "/edgewise/reports/1001");
    b = row_of(a.json, 1);
    CHECK_EQ(json_i64(json_get(b, S("units")), 0), 149);
    CHECK_EQ(million(json_get(b, S("conversionRateHalfWidth95"))), 76536);
    CHECK_TRUE(json_f64(json_path(b, S("conversionDifferenceSequential.low")), 1) < 0);
    CHECK_TRUE(json_f64(json_path(b, S("conversionDifferenceSequential.high")), 0) >
               json_f64(json_get(b, S("conversionRate")), 1) -
                   json_f64(json_get(row_of(a.json, 0), S("conversionRate")), 0));
    CHECK_TRUE(json_f64(json_get(b, S("chanceToBeBetter")), 0) > 0.94 &&
               json_f64(json_get(b, S("chanceToBeBetter")), 0) < 0.96);
    CHECK_TRUE(json_f64(json_path(b, S("conversionLiftCredible.low")), 1) < 0);
    CHECK_EQ(json_i64(json_get(b, S("unitsNeeded")), 0),
             (long long)stats_sample_size(32.0 / 124, (52.0 / 149) / (32.0 / 124) - 1, 0.95, 0.8, 1));
    CHECK_TRUE(json_get(row_of(a.json, 0), S("chanceToBeBetter")) == NULL);
    CHECK_TRUE(json_f64(json_get(b, S("averageOrderValue")), 0) > 42.5);
    world_close(&w);
}

/* Refused precisely; by impression N are impressions, and another metric has its own counts. */
TEST(report_questions)
{
    static const char *const bad[] = {"countingMethod=people",
                                      "environmentId=x",
                                      "conversionMetricLocalIds=0",
                                      "conversionMetricLocalIds=32768",
                                      "reportInterval=2026-01-01T00:00Z",
                                      "reportingAudienceLocalIds=-1",
                                      "resolution=year",
                                      "daysOfWeek=8"};
    struct world w;
    struct answer a;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero test", "");
    report_put_results(&w);
    report_visit(&w, "1001", 0, "0", false, 0); /* comes again */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        a = world_get(&w, &family_report, arena_printf(t->arena, "/edgewise/reports/1001?%s", bad[i]).p);
        CHECK_STATUS(a, 400);
        CHECK_HAS(a.body, arena_printf(t->arena, "%.*s", (int)(strchr(bad[i], '=') - bad[i]), bad[i]).p);
        a = world_get(&w, &family_report_pages, arena_printf(t->arena, "/reports/1001?%s", bad[i]).p);
        CHECK_STATUS(a, 400);
    }
    a = world_get(&w, &family_report, "/edgewise/reports/1001?countingMethod=impression&environmentId=1");
    CHECK_EQ(json_i64(json_get(row_of(a.json, 0), S("units")), 0), 125);
    CHECK_EQ(json_i64(json_get(row_of(a.json, 0), S("visitors")), 0), 124);
    CHECK_STR(json_str(json_path(a.json, S("question.countingMethod"))), S("impression"));
    a = world_get(&w, &family_report, "/edgewise/reports/1001?conversionMetricLocalIds=3");
    CHECK_EQ(json_i64(json_get(row_of(a.json, 0), S("conversions")), -1), 0);
    CHECK_EQ(json_i64(json_get(row_of(a.json, 0), S("visitors")), 0), 124);
    a = world_get(&w, &family_report, "/edgewise/reports/1001?environmentId=-1");
    CHECK_EQ(json_i64(json_path(a.json, S("totals.visitors")), -1), 0);
    world_close(&w);
}

/* A running total that ends at the row's, however long the life: hours, then days, then weeks. */
TEST(report_series)
{
    static const struct {
        int64_t days;
        const char *resolution;
        size_t points;
    } cases[] = {{5, "hour", 97}, {6, "day", 6}, {120, "day", 120}, {121, "week", 18}, {731, "week", 105}};
    struct world w;
    const struct json *s, *line;

    world_open(t, &w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t last = NOW + (cases[i].days - 1) * MS_PER_DAY;
        struct report_question question = report_everything();
        struct report_series series;
        struct report r;
        const char *id = arena_printf(t->arena, "200%zu", i).p;
        report_put_activity(&w, id, id, "");
        report_visit_at(&w, id, 1, "0", false, 10, NOW);
        report_visit_at(&w, id, 2, "0", false, 0, last);
        CHECK_TRUE(world_object(&w, "activity", id) != NULL); /* and its configuration is the call's */
        CHECK_OK(report_read(&w.call, S(SCOPE), str_of(id), &question, t->arena, &r, d));
        CHECK_OK(report_read_series(&w.call, &r, &question, last, t->arena, &series, d));
        CHECK_EQ(series.line_count, 2);
        CHECK_EQ(series.point_count, cases[i].points);
        CHECK_TRUE(series.point_count <= LIMIT_REPORT_POINTS);
        CHECK_EQ(series.lines[0].conversion[0].n, 1);
        CHECK_TRUE(series.lines[0].conversion[series.point_count - 1].n == 2 &&
                   series.lines[0].revenue[series.point_count - 1].sum == 10);
        CHECK_STR(str_of(series.step == STEP_HOUR  ? "hour"
                         : series.step == STEP_DAY ? "day"
                                                   : "week"),
                  str_of(cases[i].resolution));
    }
    report_put_activity(&w, "1001", "Hero test", "");
    s = json_get(world_get(&w, &family_report, "/edgewise/reports/1001").json, S("series"));
    CHECK_EQ(json_count(json_get(s, S("from"))), 0);
    report_put_results(&w);
    s = json_get(world_get(&w, &family_report, "/edgewise/reports/1001").json, S("series"));
    line = json_at(json_get(s, S("experiences")), 1);
    CHECK_EQ(json_i64(json_at(json_get(line, S("units")), json_count(json_get(s, S("from"))) - 1), 0), 149);
    CHECK_EQ(json_i64(json_at(json_get(line, S("conversions")), json_count(json_get(s, S("from"))) - 1), 0), 52);
    world_close(&w);
}

/* Hours go after LIMIT_RESULT_DAYS, totals stay: they stand before the first point. */
TEST(report_series_begins_with_what_is_older)
{
    struct report_question question = report_everything();
    int64_t last = NOW + LIMIT_RESULT_DAYS * MS_PER_DAY;
    struct report_series series;
    struct report r;
    struct world w;

    world_open(t, &w);
    report_put_activity(&w, "1001", "Hero test", "");
    report_visit_at(&w, "1001", 1, "0", false, 0, NOW);
    report_visit_at(&w, "1001", 2, "0", false, 0, last);
    CHECK_TRUE(world_object(&w, "activity", "1001") != NULL);
    CHECK_OK(report_read(&w.call, S(SCOPE), S("1001"), &question, t->arena, &r, d));
    CHECK_OK(report_read_series(&w.call, &r, &question, last, t->arena, &series, d));
    CHECK_TRUE(series.from_ms[0] > NOW - 7 * MS_PER_DAY && series.point_count <= LIMIT_REPORT_POINTS);
    CHECK_EQ(series.lines[0].conversion[0].n, 1);
    CHECK_EQ(series.lines[0].conversion[series.point_count - 1].n, 2);
    world_close(&w);
}

TEST(report_csv)
{
    struct world w;
    struct answer a;
    struct str rest, line;
    size_t lines = 0;

    world_open(t, &w);
    report_put_activity(&w, "1001", "=HYPERLINK(1), \\\"big\\\"", "");
    report_put_results(&w);
    a = world_get(&w, &family_report, "/edgewise/reports/1001/csv");
    CHECK_STATUS(a, 200);
    CHECK_STR(str_of(a.content_type), S("text/csv; charset=utf-8"));
    CHECK_HAS(
        a.body,
        "\"1001\",\"'=HYPERLINK(1), \"\"big\"\"\",\"1\",\"Bold orange\",,149,149,149,149,38,38,32767,52,52,52,52,");
    for (rest = a.body; str_split(&rest, '\n', &line);)
        lines += line.n > 0;
    CHECK_EQ(lines, 3);
    a = world_get(&w, &family_report_pages, "/reports/1001/csv?resolution=day");
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "2026-01-01T00:00:00.000Z,149,");
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/77/csv"), 404);
    CHECK_STATUS(world_get(&w, &family_report_pages, "/reports/1001/json"), 200);
    world_close(&w);
}

/* [TARGET 2.7] By share alone can it be told; the odds are 1 in 1000 that a good test is accused. */
TEST(report_tells_traffic_that_is_off)
{
    static const struct {
        int first, second;
        const char *more;
        bool checked, alarm;
    } cases[] = {
        {4, 5, "", false, false},
        {5, 5, "", true, false},
        {100, 142, "", true, false},
        {100, 153, "", true, true},
        {100, 300, ",'autoAllocateTraffic':{'enabled':true,'successEvaluationCriteria':'conversion_rate'}", false,
         false},
    };

    struct world w;
    struct answer a;

    world_open(t, &w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *id = arena_printf(t->arena, "200%zu", i).p;
        report_put_activity(&w, id, id, cases[i].more);
        for (int k = 0; k < cases[i].first; k++)
            report_visit(&w, id, k, "0", false, k % 4 == 0 ? 10 : 0);
        for (int k = 0; k < cases[i].second; k++)
            report_visit(&w, id, 1000 + k, "1", false, k % 4 == 0 ? 10 : 0);
        a = world_get(&w, &family_report, arena_printf(t->arena, "/edgewise/reports/%s", id).p);
        CHECK_TRUE((json_get(a.json, S("trafficSplit")) != NULL) == cases[i].checked);
        CHECK_TRUE(json_bool(json_path(a.json, S("trafficSplit.mismatch")), false) == cases[i].alarm);
        a = world_get(&w, &family_report_pages, arena_printf(t->arena, "/reports/%s", id).p);
        CHECK_TRUE((str_find(a.body, S("not split as configured")) >= 0) == cases[i].alarm);
        CHECK_TRUE((str_find(a.body, S("converts <b>")) >= 0) ==
                   (!cases[i].alarm && cases[i].checked && cases[i].first >= 30));
    }
    world_close(&w);
}
