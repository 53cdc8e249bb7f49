/* admin_report_rest.c - reports of the Target admin API [TARGET 6.8, 9.1].
 *
 *   performance   entries and conversions by visitor, visit and impression, of all and of each experience; for an
 *                 interval, by steps, for an environment, for reporting audiences, of one metric
 *   orders        the orders of the activity with what is wrong with them
 *
 * OURS, beside the public example: totalSales, orders and salesSquared; timeSeries; reportingAudiences. Sums of money
 * leave duplicates out; with normalizeExtremeOrders=true extreme orders count as the mean. */
#include "admin/admin_report.h"

/* ---- the answer ---- */

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
write_figures(struct jw *w, const struct results_counts *c, const struct report_question *question,
              enum results_method m)
{
    struct results_metric x = results_metric_of(c, question->metric);
    const struct results_sum *s = question->tamed ? &x.tamed : &x.as_is;

    jw_object(w);
    jw_ki64(w, S("entries"), (int64_t)c->units[m]);
    jw_ki64(w, S("conversions"), (int64_t)x.conversions[m]);
    jw_key(w, S("totalSales"));
    jw_f64(w, s->sum);
    jw_ki64(w, S("orders"), (int64_t)x.orders);
    jw_key(w, S("salesSquared"));
    jw_f64(w, s->squares[m]);
    jw_end(w);
}

static void
write_unit(struct jw *w, const char *name, const struct results_row *row, const struct report_question *question,
           enum results_method m)
{
    jw_key(w, str_of(name));
    jw_object(w);
    jw_key(w, S("totals"));
    write_figures(w, &row->counts, question, m);
    if (question->q.step != STEP_NONE) {
        jw_key(w, S("timeSeries"));
        jw_array(w);
        for (size_t i = 0; i < row->point_count; i++) {
            jw_object(w);
            jw_ktime(w, S("time"), row->points[i].from_ms);
            jw_key(w, S("totals"));
            write_figures(w, &row->points[i].counts, question, m);
            jw_end(w);
        }
        jw_end(w);
    }
    jw_end(w);
}

/* Landings are impressions where an activity has one location [TARGET 9.1]. */
static void
write_units(struct jw *w, const struct results_row *row, const struct report_question *question)
{
    jw_key(w, S("totals"));
    jw_object(w);
    for (int m = 0; m < RESULTS_METHODS; m++)
        write_unit(w, report_method_name((enum results_method)m), row, question, (enum results_method)m);
    write_unit(w, "landing", row, question, BY_IMPRESSION);
    jw_end(w);
}

static void
write_rows(struct jw *w, const struct report *r, const struct report_question *question)
{
    write_units(w, &r->all, question);
    jw_key(w, S("experiences"));
    jw_array(w);
    for (size_t i = 0; i < r->row_count; i++) {
        jw_object(w);
        jw_key(w, S("experienceLocalId"));
        write_id(w, r->rows[i].experience);
        write_units(w, &r->rows[i].all, question);
        jw_end(w);
    }
    jw_end(w);
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
        write_id(w, r->rows[i].experience);
        if (r->rows[i].removed)
            jw_kjson(w, S("deletedAt"), json_get(r->activity, S("modifiedAt")));
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

static void
write_parameters(struct jw *w, struct http_req *rq, const struct report *r, const struct report_question *question)
{
    struct str asked = http_query(rq, S("reportInterval")), from = json_str(json_get(r->activity, S("startsAt")));
    char now[ISO8601_BYTES];

    iso8601_format(rq->now_ms, now);
    if (from.n == 0)
        from = json_str(json_get(r->activity, S("createdAt")));
    if (from.n == 0)
        from = S("1970-01-01T00:00Z");
    if (asked.n == 0)
        asked = arena_printf(rq->arena, "%.*s/%.*s", STR_ARG(from), ISO8601_BYTES, now);
    jw_key(w, S("reportParameters"));
    jw_object(w);
    jw_key(w, S("activityId"));
    write_id(w, r->id);
    if (question->q.environment != 0)
        jw_ki64(w, S("environmentId"), question->q.environment);
    jw_key(w, S("conversionMetricLocalIds"));
    jw_array(w);
    jw_i64(w, question->metric);
    jw_end(w);
    jw_kstr(w, S("reportInterval"), asked);
    jw_end(w);
}

/* One more report for each reporting audience that was asked for. */
static enum err
write_audiences(const struct call *call, struct http_req *rq, struct jw *w, const struct report *r,
                struct report_question question, struct diag *d)
{
    struct str rest = http_query(rq, S("reportingAudienceLocalIds"));
    enum err rc = ERR_OK;

    if (rest.n == 0)
        return ERR_OK;
    jw_key(w, S("reportingAudiences"));
    jw_array(w);
    for (size_t i = 0; rc == ERR_OK && rest.n > 0; i++) {
        struct arena_mark mark;
        struct report part;
        rc = report_next_audience(&rest, i, &question.q.audience, d);
        if (rc != ERR_OK)
            break;
        mark = arena_mark(rq->arena);
        rc = report_read(call, r->scope, r->id, &question, rq->arena, &part, d);
        if (rc == ERR_OK) {
            jw_object(w);
            jw_ki64(w, S("reportingAudienceLocalId"), question.q.audience);
            write_rows(w, &part, &question);
            jw_end(w);
        }
        arena_release(rq->arena, mark);
    }
    jw_end(w);
    return rc;
}

/* The word of a path for a type of activity. */
static bool
type_fits(struct str path, struct str type)
{
    if (str_eq(path, S("autoallocate")))
        return str_eq(type, S("auto_allocate"));
    return type.n == 0 || str_eq(path, type);
}

static enum err
open_report(const struct call *call, struct http_req *rq, const struct route_params *params,
            const struct report_question *question, struct report *r, struct diag *d)
{
    struct str id = route_param(params, S("id")), type = route_param(params, S("type"));
    enum err rc = report_read(call, call->scope, id, question, rq->arena, r, d);

    if (rc == ERR_OK && !type_fits(type, r->type))
        rc = diag_set(d, ERR_NOT_FOUND, "no %.*s activity '%.*s'", STR_ARG(type), STR_ARG(id));
    return rc;
}

void
report_performance(const struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct report_question question = report_everything();
    struct diag d = DIAG_INIT;
    struct report r = {0};
    struct jw w;
    enum err rc = report_question_read(rq, &question, &d);

    if (rc == ERR_OK)
        rc = open_report(call, rq, params, &question, &r, &d);
    if (rc == ERR_OK) {
        w = admin_json(rs, 200);
        jw_object(&w);
        write_parameters(&w, rq, &r, &question);
        write_activity(&w, &r);
        jw_key(&w, S("report"));
        jw_object(&w);
        jw_key(&w, S("statistics"));
        jw_object(&w);
        write_rows(&w, &r, &question);
        rc = write_audiences(call, rq, &w, &r, question, &d);
        jw_end(&w);
        jw_end(&w);
        jw_end(&w);
    }
    if (rc != ERR_OK)
        admin_fail(rq, rs, ERRORS_TARGET, 0, rc, &d);
}

/* ---- orders ---- */

static void
write_order(struct jw *w, const struct results_order *o)
{
    jw_object(w);
    jw_ktime(w, S("time"), o->time_ms);
    jw_key(w, S("experienceLocalId"));
    write_id(w, o->experience);
    jw_kstr(w, S("id"), o->id);
    jw_key(w, S("total"));
    jw_f64(w, o->total);
    jw_kraw(w, S("productIds"), o->products.n > 0 ? o->products : S("[]"));
    jw_kbool(w, S("duplicate"), o->duplicate);
    jw_kbool(w, S("outlier"), o->outlier);
    jw_end(w);
}

void
report_orders(const struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct report_question question = report_everything();
    struct diag d = DIAG_INIT;
    struct results_order *orders = NULL;
    struct report r = {0};
    size_t n = 0;
    struct jw w;
    enum err rc = report_question_read(rq, &question, &d);

    if (rc == ERR_OK)
        rc = open_report(call, rq, params, &question, &r, &d);
    if (rc == ERR_OK)
        rc = report_read_orders(call, &r, &question, rq->arena, &orders, &n, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, ERRORS_TARGET, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    write_parameters(&w, rq, &r, &question);
    write_activity(&w, &r);
    jw_key(&w, S("orders"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_order(&w, &orders[i]);
    jw_end(&w);
    jw_end(&w);
}
