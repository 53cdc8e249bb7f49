/* admin_report.c - results of an activity, read once: counters joined with the experiences as they are now, and what
 * follows from them. As JSON with all columns computed (OURS); the Target shape is in admin_report_rest.c. */
#include "admin/admin_report.h"

/* ---- reading ---- */

struct fetch {
    const struct results_query *q;
    struct arena *arena;
    struct results_row *rows;
    size_t n;
    enum err rc;
    struct diag *d;
};

/* Under the hub's lock; what is read is in the arena. */
static void
fetch_rows(void *ctx, struct kv *k)
{
    struct fetch *f = ctx;

    f->rc = results_read(k, f->q, f->arena, &f->rows, &f->n, f->d);
}

struct report_question
report_everything(void)
{
    return (struct report_question){.q = {.audience = RESULTS_EVERYBODY}, .metric = HIT_METRIC_PRIMARY};
}

struct str
report_local_id(const struct json *experience, struct arena *a)
{
    const struct json *v = json_get(experience, S("experienceLocalId"));

    return json_is(v, JSON_STRING) ? json_str(v) : arena_printf(a, "%lld", (long long)json_i64(v, 0));
}

static struct report_counts
counts_of(const struct results_row *row, const struct report_question *question)
{
    const struct results_counts *c = &row->counts;
    struct results_metric m = results_metric_of(c, question->metric);
    const struct results_sum *s = question->tamed ? &m.tamed : &m.as_is;

    return (struct report_counts){.experience = row->experience,
                                  .visitors = c->units[BY_VISITOR],
                                  .impressions = c->units[BY_IMPRESSION],
                                  .clicks = c->clicks,
                                  .click_visitors = c->click_visitors,
                                  .conversions = m.conversions[BY_VISITOR],
                                  .orders = m.orders,
                                  .revenue = s->sum,
                                  .revenue_squares = s->squares[BY_VISITOR]};
}

static bool
add_row(struct report *r, struct str name, const struct results_row *row, const struct report_question *question,
        bool removed, struct arena *a)
{
    struct report_counts c = counts_of(row, question);

    r->rows[r->row_count++] = (struct report_row){.counts = c, .all = *row, .name = name, .removed = removed};
    r->totals.visitors += c.visitors;
    r->totals.impressions += c.impressions;
    r->totals.clicks += c.clicks;
    r->totals.click_visitors += c.click_visitors;
    r->totals.conversions += c.conversions;
    r->totals.orders += c.orders;
    r->totals.revenue += c.revenue;
    r->totals.revenue_squares += c.revenue_squares;
    return results_row_add(&r->all, row, a);
}

/* Experiences in their order, then those that are gone and were counted. */
static enum err
join(struct report *r, struct fetch *f, const struct report_question *question, struct arena *a, struct diag *d)
{
    const struct json *experiences = json_get(r->activity, S("experiences"));
    struct json_iter it = json_iter(experiences);
    bool *used = arena_calloc(a, f->n + 1, sizeof *used), ok = true;

    r->rows = ARENA_ARRAY(a, struct report_row, json_count(experiences) + f->n + 1);
    if (r->rows == NULL || used == NULL)
        return diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
    while (ok && json_next(&it)) {
        struct results_row row = {.experience = report_local_id(it.value, a)};
        struct str name = json_str(json_get(it.value, S("name")));
        for (size_t i = 0; i < f->n; i++) {
            if (!used[i] && str_eq(f->rows[i].experience, row.experience)) {
                row = f->rows[i];
                used[i] = true;
            }
        }
        if (name.n == 0)
            name = arena_printf(a, "Experience %.*s", STR_ARG(row.experience));
        ok = add_row(r, name, &row, question, false, a);
    }
    for (size_t i = 0; ok && i < f->n; i++) {
        if (!used[i])
            ok = add_row(r, arena_printf(a, "Experience %.*s", STR_ARG(f->rows[i].experience)), &f->rows[i], question,
                         true, a);
    }
    return ok ? ERR_OK : diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
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
report_read(const struct call *call, struct str scope, struct str id, const struct report_question *question,
            struct arena *a, struct report *out, struct diag *d)
{
    const struct admin_hub *hub = &call->admin->o.hub;
    struct report r = {.scope = scope, .id = id};
    struct results_query q = question->q;
    struct fetch f = {.q = &q, .arena = a, .d = d};
    enum err rc;

    q.scope = scope;
    q.activity = id;

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
        rc = join(&r, &f, question, a, d);
    if (rc != ERR_OK)
        return rc;
    compute(&r);
    *out = r;
    return ERR_OK;
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
write_counts(struct jw *w, const struct report_counts *c)
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
rows_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct diag d = DIAG_INIT;
    struct report_question question = report_everything();
    struct report r = {0};
    struct str id = route_param(params, S("activityId"));
    const struct json *allocation = snapshot_object(call->snap, S("allocation"), call->scope, id);
    const struct json *model = snapshot_object(call->snap, S("model"), call->scope, id);
    struct jw w;
    enum err rc = report_read(call, call->scope, id, &question, rq->arena, &r, &d);

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
    if (allocation != NULL)
        jw_kjson(&w, S("allocation"), allocation);
    if (model != NULL)
        write_model(&w, model);
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
};
const struct family family_report = {routes, sizeof routes / sizeof routes[0], ERRORS_TARGET, false};

static const struct route page_routes[] = {
    {HTTP_GET, "/reports", 0, list_page},
    {HTTP_GET, "/reports/{activityId}", 0, activity_page},
};
const struct family family_report_pages = {page_routes, sizeof page_routes / sizeof page_routes[0], ERRORS_PROBLEM,
                                           true};
