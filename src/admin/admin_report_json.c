/* admin_report_json.c - a report as JSON with all columns computed (OURS), and the routes of reports. */
#include "admin/admin_report.h"

#include "admin/admin_report_page.h"

static void
write_number(struct jw *w, struct str key, double v)
{
    jw_key(w, key);
    jw_f64(w, v);
}

static void
write_interval(struct jw *w, double low, double high)
{
    write_number(w, S("low"), low);
    write_number(w, S("high"), high);
}

/* null: none, because the first experience has no such figure. */
static void
write_lift(struct jw *w, struct str key, const struct stats_lift *l)
{
    jw_key(w, key);
    if (!l->known) {
        jw_null(w);
        return;
    }
    jw_object(w);
    write_number(w, S("lift"), l->lift);
    write_interval(w, l->low, l->high);
    write_number(w, S("confidence"), l->confidence);
    jw_end(w);
}

/* null: too few units. */
static void
write_watched(struct jw *w, struct str key, const struct stats_sequential *s)
{
    jw_key(w, key);
    if (!s->known) {
        jw_null(w);
        return;
    }
    jw_object(w);
    write_interval(w, s->low, s->high);
    write_number(w, S("confidence"), 1 - s->p);
    jw_end(w);
}

static void
write_counts(struct jw *w, const struct report_figures *c)
{
    jw_ki64(w, S("visitors"), (int64_t)c->visitors);
    jw_ki64(w, S("visits"), (int64_t)c->visits);
    jw_ki64(w, S("impressions"), (int64_t)c->impressions);
    jw_ki64(w, S("clicks"), (int64_t)c->clicks);
    jw_ki64(w, S("clickVisitors"), (int64_t)c->click_visitors);
    jw_ki64(w, S("units"), (int64_t)c->units);
    jw_ki64(w, S("conversions"), (int64_t)c->conversions);
    jw_ki64(w, S("orders"), (int64_t)c->orders);
    write_number(w, S("revenue"), c->revenue);
}

static void
write_row(struct jw *w, const struct report_row *row)
{
    jw_object(w);
    jw_kstr(w, S("experience"), row->experience);
    jw_kstr(w, S("name"), row->name);
    if (row->removed)
        jw_kbool(w, S("removed"), true);
    write_counts(w, &row->counts);
    write_number(w, S("clickRate"), row->click_rate);
    write_number(w, S("conversionRate"), row->conversion_rate);
    write_number(w, S("conversionRateHalfWidth95"), row->conversion_half_width);
    write_number(w, S("revenuePerVisitor"), row->revenue_per_visitor);
    write_number(w, S("revenuePerVisitorHalfWidth95"), row->revenue_half_width);
    write_number(w, S("averageOrderValue"), row->order_value);
    write_lift(w, S("conversionLift"), &row->conversion_lift);
    write_lift(w, S("revenueLift"), &row->revenue_lift);
    write_watched(w, S("conversionDifferenceSequential"), &row->conversion_watched);
    write_watched(w, S("revenueDifferenceSequential"), &row->revenue_watched);
    if (row->believed) {
        write_number(w, S("chanceToBeBetter"), row->belief.chance);
        jw_key(w, S("conversionLiftCredible"));
        jw_object(w);
        write_interval(w, row->belief.low, row->belief.high);
        jw_end(w);
    }
    if (row->needed > 0)
        jw_ki64(w, S("unitsNeeded"), (int64_t)row->needed);
    jw_end(w);
}

/* A model's quality, without the forests. */
static void
write_model(struct jw *w, const struct json *model)
{
    jw_key(w, S("model"));
    jw_object(w);
    jw_kjson(w, S("version"), json_get(model, S("version")));
    jw_kjson(w, S("trainedAt"), json_get(model, S("trainedAt")));
    jw_key(w, S("units"));
    jw_array(w);
    for (struct json_iter unit = json_iter(json_get(model, S("units"))); json_next(&unit);) {
        jw_object(w);
        for (struct json_iter it = json_iter(unit.value); json_next(&it);) {
            if (!str_eq(it.key, S("forest")))
                jw_kjson(w, it.key, it.value);
        }
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

static void
write_question(struct jw *w, struct http_req *rq, const struct report_question *question)
{
    struct str interval = http_query(rq, S("reportInterval"));

    jw_key(w, S("question"));
    jw_object(w);
    jw_ki64(w, S("conversionMetricLocalId"), question->metric);
    jw_kstr(w, S("countingMethod"), str_of(report_method_name(question->method)));
    if (question->q.environment != 0)
        jw_ki64(w, S("environmentId"), question->q.environment);
    if (question->q.audience != RESULTS_EVERYBODY)
        jw_ki64(w, S("reportingAudienceLocalId"), question->q.audience);
    if (interval.n > 0)
        jw_kstr(w, S("reportInterval"), interval);
    jw_kbool(w, S("normalizeExtremeOrders"), question->tamed);
    jw_end(w);
}

static void
write_column(struct jw *w, const char *key, const struct stats_sample *samples, size_t n, bool units)
{
    jw_key(w, str_of(key));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        if (units)
            jw_u64(w, samples[i].n);
        else
            jw_f64(w, samples[i].sum);
    }
    jw_end(w);
}

/* Running totals, as the page draws them. */
static void
write_series(struct jw *w, const struct report_series *s)
{
    static const char *const steps[] = {"", "hour", "day", "week", "month"};

    jw_key(w, S("series"));
    jw_object(w);
    jw_kstr(w, S("resolution"), str_of(steps[s->step]));
    jw_key(w, S("from"));
    jw_array(w);
    for (size_t i = 0; i < s->point_count; i++)
        jw_time(w, s->from_ms[i]);
    jw_end(w);
    jw_key(w, S("experiences"));
    jw_array(w);
    for (size_t i = 0; s->point_count > 0 && i < s->line_count; i++) {
        jw_object(w);
        jw_kstr(w, S("experience"), s->lines[i].row->experience);
        write_column(w, "units", s->lines[i].conversion, s->point_count, true);
        write_column(w, "conversions", s->lines[i].conversion, s->point_count, false);
        write_column(w, "revenue", s->lines[i].revenue, s->point_count, false);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

static void
write_split(struct jw *w, const struct report_split *s)
{
    if (!s->checked)
        return;
    jw_key(w, S("trafficSplit"));
    jw_object(w);
    write_number(w, S("p"), s->p);
    jw_kbool(w, S("mismatch"), s->alarm);
    jw_end(w);
}

/* since: figures begin then, because older hits were not kept. */
static void
write_recount(struct jw *w, const struct results_lane *lane)
{
    if (lane->name.n == 0)
        return;
    jw_key(w, S("recount"));
    jw_object(w);
    jw_kstr(w, S("id"), lane->name);
    jw_ktime(w, S("takenAt"), lane->taken_ms);
    if (lane->since_ms > 0)
        jw_ktime(w, S("since"), lane->since_ms);
    jw_end(w);
}

enum err
report_write_json(const struct call *call, struct http_req *rq, struct str scope, struct str id, struct http_res *rs,
                  struct diag *d)
{
    struct report_question question = report_everything();
    struct report_series series;
    struct report r = {0};
    struct jw w;
    enum err rc = report_question_read_one(rq, &question, d);

    if (rc == ERR_OK)
        rc = report_read(call, scope, id, &question, rq->arena, &r, d);
    if (rc == ERR_OK)
        rc = report_read_series(call, &r, &question, rq->now_ms, rq->arena, &series, d);
    if (rc != ERR_OK)
        return rc;
    report_believe(&r);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("activityId"), r.id);
    jw_kstr(&w, S("name"), r.name);
    jw_kstr(&w, S("state"), r.state);
    jw_ktime(&w, S("asOf"), rq->now_ms);
    write_question(&w, rq, &question);
    if (r.allocation != NULL)
        jw_kjson(&w, S("allocation"), r.allocation);
    if (r.model != NULL)
        write_model(&w, r.model);
    write_split(&w, &r.split);
    write_recount(&w, &r.recount);
    jw_key(&w, S("totals"));
    jw_object(&w);
    write_counts(&w, &r.totals);
    jw_end(&w);
    jw_key(&w, S("rows"));
    jw_array(&w);
    for (size_t i = 0; i < r.row_count; i++)
        write_row(&w, &r.rows[i]);
    jw_end(&w);
    write_series(&w, &series);
    jw_end(&w);
    return ERR_OK;
}

/* ---- routes ---- */

typedef enum err report_writer(const struct call *call, struct http_req *rq, struct str scope, struct str id,
                               struct http_res *rs, struct diag *d);

static void
write(struct call *call, struct http_req *rq, struct str scope, struct str id, struct http_res *rs,
      report_writer *writer)
{
    struct diag d = DIAG_INIT;
    enum err rc = writer(call, rq, scope, id, rs, &d);

    if (rc != ERR_OK)
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc, &d);
}

static void
rows_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;

    write(call, rq, call->scope, route_param(params, S("activityId")), rs, report_write_json);
}

static void
rows_csv(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;

    write(call, rq, call->scope, route_param(params, S("activityId")), rs, report_write_csv);
}

static void
list_page(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    report_page_list(ctx, rq, rs);
}

static void
activity_page(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    report_page_activity(ctx, rq, route_param(params, S("activityId")), rs);
}

/* What the page shows, for its links: open as the page is. */
static void
page_json(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("activityId"));

    write(ctx, rq, report_page_scope(ctx, rq, id), id, rs, report_write_json);
}

static void
page_csv(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("activityId"));

    write(ctx, rq, report_page_scope(ctx, rq, id), id, rs, report_write_csv);
}

static void
performance_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    report_performance(ctx, rq, params, rs);
}

static void
orders_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    report_orders(ctx, rq, params, rs);
}

static const struct route routes[] = {
    {HTTP_GET, "/{tenant}/target/activities/{type}/{id}/report/performance", 0, performance_get},
    {HTTP_GET, "/{tenant}/target/activities/{type}/{id}/report/orders", 0, orders_get},
    {HTTP_GET, "/edgewise/reports/{activityId}", 0, rows_get},
    {HTTP_GET, "/edgewise/reports/{activityId}/csv", 0, rows_csv},
};
const struct family family_report = {routes, sizeof routes / sizeof routes[0], ERRORS_TARGET, false};

static const struct route page_routes[] = {
    {HTTP_GET, "/reports", 0, list_page},
    {HTTP_GET, "/reports/{activityId}", 0, activity_page},
    {HTTP_GET, "/reports/{activityId}/json", 0, page_json},
    {HTTP_GET, "/reports/{activityId}/csv", 0, page_csv},
};
const struct family family_report_pages = {page_routes, sizeof page_routes / sizeof page_routes[0], ERRORS_PROBLEM,
                                           true};
