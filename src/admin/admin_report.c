/* admin_report.c - results of activities as JSON [TARGET 6.8], and OURS with all columns computed.
 *
 * The counters are of the activity's whole life (decide/results.h): a report covers the interval that it names in
 * reportParameters.reportInterval, whatever interval was asked for, and has no time series. Visitors and impressions
 * are counted, visits and landings are not, so those two blocks of the documents are left out. */
#include "admin/admin_report.h"

#include "base/civil.h"

#define ORDER_METRIC 32767 /* the primary conversion [TARGET 6.3] */

/* ---- reading ---- */

struct fetch {
    struct str scope, id;
    struct arena *arena;
    struct results_row *rows;
    size_t n;
    enum err rc;
    struct diag *d;
};

/* Under the hub's lock: names are copied, the table's bytes end with it. */
static void
fetch_rows(void *ctx, struct kv *k)
{
    struct fetch *f = ctx;

    f->rc = results_read(k, f->scope, f->id, f->arena, &f->rows, &f->n, f->d);
    for (size_t i = 0; f->rc == ERR_OK && i < f->n; i++) {
        f->rows[i].experience = arena_str(f->arena, f->rows[i].experience);
        if (f->rows[i].experience.p == NULL)
            f->rc = diag_set(f->d, ERR_LIMIT, "the report needs more memory than a request may have");
    }
    if (f->rc == ERR_NOT_FOUND) { /* nobody entered yet */
        f->rc = ERR_OK;
        f->n = 0;
    }
}

static struct str
local_id(const struct json *experience, struct arena *a)
{
    const struct json *v = json_get(experience, S("experienceLocalId"));

    return json_is(v, JSON_STRING) ? json_str(v) : arena_printf(a, "%lld", (long long)json_i64(v, 0));
}

static void
add_row(struct report *r, struct str name, struct results_row counts, bool removed)
{
    r->rows[r->row_count++] = (struct report_row){.counts = counts, .name = name, .removed = removed};
    r->totals.visitors += counts.visitors;
    r->totals.impressions += counts.impressions;
    r->totals.clicks += counts.clicks;
    r->totals.click_visitors += counts.click_visitors;
    r->totals.conversions += counts.conversions;
    r->totals.orders += counts.orders;
    r->totals.revenue += counts.revenue;
    r->totals.revenue_squares += counts.revenue_squares;
}

static enum err
join(struct report *r, struct fetch *f, struct arena *a, struct diag *d)
{
    const struct json *experiences = json_get(r->activity, S("experiences"));
    struct json_iter it = json_iter(experiences);
    bool *used = ARENA_ARRAY(a, bool, f->n + 1);

    r->rows = ARENA_ARRAY(a, struct report_row, json_count(experiences) + f->n + 1);
    if (r->rows == NULL || used == NULL)
        return diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
    while (json_next(&it)) {
        struct results_row counts = {.experience = local_id(it.value, a)};
        struct str name = json_str(json_get(it.value, S("name")));
        for (size_t i = 0; i < f->n; i++) {
            if (!used[i] && str_eq(f->rows[i].experience, counts.experience)) {
                counts = f->rows[i];
                used[i] = true;
            }
        }
        if (name.n == 0)
            name = arena_printf(a, "Experience %.*s", STR_ARG(counts.experience));
        add_row(r, name, counts, false);
    }
    for (size_t i = 0; i < f->n; i++) {
        if (!used[i])
            add_row(r, arena_printf(a, "Experience %.*s", STR_ARG(f->rows[i].experience)), f->rows[i], true);
    }
    return ERR_OK;
}

static struct stats_sample
conversion_sample(const struct report_row *row)
{
    return (struct stats_sample){.n = row->counts.visitors, .sum = (double)row->counts.conversions, .rate = true};
}

static struct stats_sample
revenue_sample(const struct report_row *row)
{
    return (struct stats_sample){
        .n = row->counts.visitors, .sum = row->counts.revenue, .squares = row->counts.revenue_squares};
}

static void
compute(struct report *r)
{
    struct stats_sample conversion0 = {0}, revenue0 = {0};

    for (size_t i = 0; i < r->row_count; i++) {
        struct report_row *row = &r->rows[i];
        struct stats_sample conversion = conversion_sample(row), revenue = revenue_sample(row);
        if (i == 0) {
            conversion0 = conversion;
            revenue0 = revenue;
        }
        row->click_rate =
            row->counts.impressions == 0 ? 0 : (double)row->counts.clicks / (double)row->counts.impressions;
        row->conversion_rate = stats_mean(&conversion);
        row->revenue_per_visitor = stats_mean(&revenue);
        row->conversion_half_width = stats_half_width(&conversion);
        row->revenue_half_width = stats_half_width(&revenue);
        if (i > 0) {
            row->conversion_lift = stats_compare(&conversion0, &conversion);
            row->revenue_lift = stats_compare(&revenue0, &revenue);
        }
    }
}

enum err
report_read(const struct call *call, struct str scope, struct str id, struct arena *a, struct report *out,
            struct diag *d)
{
    const struct admin_hub *hub = &call->admin->o.hub;
    struct report r = {.scope = scope, .id = id};
    struct fetch f = {.scope = scope, .id = id, .arena = a, .d = d};
    enum err rc;

    r.activity = snapshot_object(call->snap, S("activity"), scope, id);
    if (r.activity == NULL)
        return diag_set(d, ERR_NOT_FOUND, "no activity '%.*s'", STR_ARG(id));
    if (hub->read == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    r.name = json_str(json_get(r.activity, S("name")));
    r.type = json_str(json_get(r.activity, S("type")));
    r.state = json_str(json_get(r.activity, S("state")));
    hub->read(hub->ctx, fetch_rows, &f);
    rc = f.rc;
    if (rc == ERR_OK)
        rc = join(&r, &f, a, d);
    if (rc != ERR_OK)
        return rc;
    compute(&r);
    *out = r;
    return ERR_OK;
}

/* ---- the Target shape ---- */

static void
write_totals(struct jw *w, struct str unit, uint64_t entries, uint64_t conversions, const struct results_row *c)
{
    jw_key(w, unit);
    jw_object(w);
    jw_key(w, S("totals"));
    jw_object(w);
    jw_ki64(w, S("entries"), (int64_t)entries);
    jw_ki64(w, S("conversions"), (int64_t)conversions);
    jw_key(w, S("totalSales"));
    jw_f64(w, c->revenue);
    jw_ki64(w, S("orders"), (int64_t)c->orders);
    jw_key(w, S("salesSquared"));
    jw_f64(w, c->revenue_squares);
    jw_end(w);
    jw_end(w);
}

/* By visitor a converted visitor counts once, by impression every order does [TARGET 9.1]. */
static void
write_units(struct jw *w, const struct results_row *c)
{
    jw_key(w, S("totals"));
    jw_object(w);
    write_totals(w, S("visitor"), c->visitors, c->conversions, c);
    write_totals(w, S("impression"), c->impressions, c->orders, c);
    jw_end(w);
}

static void
write_id(struct jw *w, struct str id)
{
    int64_t number;

    if (str_to_i64(id, &number))
        jw_i64(w, number);
    else
        jw_str(w, id);
}

static void
write_activity(struct jw *w, const struct report *r)
{
    static const char *const members[] = {"thirdPartyId", "type", "state", "name", "priority", "modifiedAt", "metrics"};

    jw_key(w, S("activity"));
    jw_object(w);
    jw_key(w, S("id"));
    write_id(w, r->id);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *v = json_get(r->activity, str_of(members[i]));
        if (v != NULL)
            jw_kjson(w, str_of(members[i]), v);
    }
    jw_key(w, S("experiences"));
    jw_array(w);
    for (size_t i = 0; i < r->row_count; i++) {
        jw_object(w);
        jw_kstr(w, S("name"), r->rows[i].name);
        jw_key(w, S("experienceLocalId"));
        write_id(w, r->rows[i].counts.experience);
        if (r->rows[i].removed)
            jw_kjson(w, S("deletedAt"), json_get(r->activity, S("modifiedAt")));
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

static void
write_parameters(struct jw *w, struct http_req *rq, const struct report *r)
{
    struct str from = json_str(json_get(r->activity, S("startsAt"))), interval;
    char now[ISO8601_BYTES];
    int64_t environment;

    iso8601_format(rq->now_ms, now);
    if (from.n == 0)
        from = json_str(json_get(r->activity, S("createdAt")));
    if (from.n == 0)
        from = S("1970-01-01T00:00Z");
    interval = arena_printf(rq->arena, "%.*s/%.*s", STR_ARG(from), ISO8601_BYTES, now);
    jw_key(w, S("reportParameters"));
    jw_object(w);
    jw_key(w, S("activityId"));
    write_id(w, r->id);
    if (str_to_i64(http_query(rq, S("environmentId")), &environment))
        jw_ki64(w, S("environmentId"), environment);
    jw_key(w, S("conversionMetricLocalIds"));
    jw_array(w);
    jw_i64(w, ORDER_METRIC);
    jw_end(w);
    jw_kstr(w, S("reportInterval"), interval);
    jw_end(w);
}

static void
performance_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id")), type = route_param(params, S("type"));
    struct diag d = DIAG_INIT;
    struct report r = {0};
    struct jw w;
    enum err rc = report_read(call, call->scope, id, rq->arena, &r, &d);

    if (rc == ERR_OK && ((!str_eq(type, S("ab")) && !str_eq(type, S("xt"))) || (r.type.n > 0 && !str_eq(r.type, type))))
        rc = diag_set(&d, ERR_NOT_FOUND, "no %.*s activity '%.*s'", STR_ARG(type), STR_ARG(id));
    if (rc != ERR_OK) {
        admin_fail(rq, rs, ERRORS_TARGET, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    write_parameters(&w, rq, &r);
    write_activity(&w, &r);
    jw_key(&w, S("report"));
    jw_object(&w);
    jw_key(&w, S("statistics"));
    jw_object(&w);
    write_units(&w, &r.totals);
    jw_key(&w, S("experiences"));
    jw_array(&w);
    for (size_t i = 0; i < r.row_count; i++) {
        jw_object(&w);
        jw_key(&w, S("experienceLocalId"));
        write_id(&w, r.rows[i].counts.experience);
        write_units(&w, &r.rows[i].counts);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
}

/* ---- ours ---- */

static void
write_number(struct jw *w, struct str key, double v)
{
    jw_key(w, key);
    jw_f64(w, v);
}

/* null: none, because the first experience has no such figure. */
static void
write_lift(struct jw *w, struct str key, const struct stats_lift *l, bool first)
{
    jw_key(w, key);
    if (first || !l->known) {
        jw_null(w);
        return;
    }
    jw_object(w);
    write_number(w, S("lift"), l->lift);
    write_number(w, S("low"), l->low);
    write_number(w, S("high"), l->high);
    write_number(w, S("confidence"), l->confidence);
    jw_end(w);
}

static void
write_counts(struct jw *w, const struct results_row *c)
{
    jw_ki64(w, S("visitors"), (int64_t)c->visitors);
    jw_ki64(w, S("impressions"), (int64_t)c->impressions);
    jw_ki64(w, S("clicks"), (int64_t)c->clicks);
    jw_ki64(w, S("clickVisitors"), (int64_t)c->click_visitors);
    jw_ki64(w, S("conversions"), (int64_t)c->conversions);
    jw_ki64(w, S("orders"), (int64_t)c->orders);
    write_number(w, S("revenue"), c->revenue);
}

static void
write_row(struct jw *w, const struct report_row *row, bool first)
{
    jw_object(w);
    jw_kstr(w, S("experience"), row->counts.experience);
    jw_kstr(w, S("name"), row->name);
    if (row->removed)
        jw_kbool(w, S("removed"), true);
    write_counts(w, &row->counts);
    write_number(w, S("clickRate"), row->click_rate);
    write_number(w, S("conversionRate"), row->conversion_rate);
    write_number(w, S("conversionRateHalfWidth95"), row->conversion_half_width);
    write_number(w, S("revenuePerVisitor"), row->revenue_per_visitor);
    write_number(w, S("revenuePerVisitorHalfWidth95"), row->revenue_half_width);
    write_lift(w, S("conversionLift"), &row->conversion_lift, first);
    write_lift(w, S("revenueLift"), &row->revenue_lift, first);
    jw_end(w);
}

static void
rows_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct diag d = DIAG_INIT;
    struct report r = {0};
    struct jw w;
    enum err rc = report_read(call, call->scope, route_param(params, S("activityId")), rq->arena, &r, &d);

    if (rc != ERR_OK) {
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("activityId"), r.id);
    jw_kstr(&w, S("name"), r.name);
    jw_kstr(&w, S("state"), r.state);
    jw_ktime(&w, S("asOf"), rq->now_ms);
    jw_key(&w, S("totals"));
    jw_object(&w);
    write_counts(&w, &r.totals);
    jw_end(&w);
    jw_key(&w, S("rows"));
    jw_array(&w);
    for (size_t i = 0; i < r.row_count; i++)
        write_row(&w, &r.rows[i], i == 0);
    jw_end(&w);
    jw_end(&w);
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

static const struct route routes[] = {
    {HTTP_GET, "/{tenant}/target/activities/{type}/{id}/report/performance", 0, performance_get},
    {HTTP_GET, "/edgewise/reports/{activityId}", 0, rows_get},
};
const struct family family_report = {routes, sizeof routes / sizeof routes[0], ERRORS_TARGET, false};

static const struct route page_routes[] = {
    {HTTP_GET, "/reports", 0, list_page},
    {HTTP_GET, "/reports/{activityId}", 0, activity_page},
};
const struct family family_report_pages = {page_routes, sizeof page_routes / sizeof page_routes[0], ERRORS_PROBLEM,
                                           true};
