/* admin_report_csv.c - a report as a file for a spreadsheet [TARGET 9.2]: raw counts, then what is computed of them
 * (OURS). A row for each experience and reporting audience, everybody first; with a resolution a row for each step in
 * which something counted, and no computed columns, since a step is not a sample.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe, so that a name cannot compute anything. */
#include "admin/admin_report.h"

static void
put_text(struct buf *b, struct str s)
{
    bool formula = s.n > 0 && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-' || s.p[0] == '@' || s.p[0] == '\t' ||
                               s.p[0] == '\r');

    buf_putc(b, '"');
    if (formula)
        buf_putc(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_putc(b, '"');
        buf_putc(b, s.p[i]);
    }
    buf_put(b, S("\","));
}

static void
put_u64(struct buf *b, uint64_t v)
{
    buf_put_u64(b, v);
    buf_putc(b, ',');
}

static void
put_f64(struct buf *b, double v)
{
    buf_put_f64(b, v);
    buf_putc(b, ',');
}

static void
end_line(struct buf *b)
{
    buf_cut(b, b->n - 1); /* the last comma */
    buf_put(b, S("\r\n"));
}

static void
put_head(struct buf *b, bool steps)
{
    buf_put(b, S("activityId,activity,experienceLocalId,experience,reportingAudienceLocalId,"));
    if (steps)
        buf_put(b, S("from,"));
    buf_put(b, S("visitors,uniqueVisitors,visits,impressions,clicks,clickVisitors,metricLocalId,"
                 "conversionsByVisitor,conversionsByVisit,conversionsByImpression,orders,totalSales,"
                 "salesSquaredByVisitor,salesSquaredByVisit,salesSquaredByImpression,"));
    if (!steps)
        buf_put(b, S("countingMethod,conversionRate,conversionRateLow95,conversionRateHigh95,conversionLift,"
                     "conversionConfidence,revenuePerUnit,revenueLift,revenueConfidence,averageOrderValue,"));
    end_line(b);
}

static void
put_counts(struct buf *b, const struct results_counts *c, const struct report_question *question)
{
    struct results_metric m = results_metric_of(c, question->metric);
    const struct results_sum *s = question->tamed ? &m.tamed : &m.as_is;

    put_u64(b, c->units[BY_VISITOR]);
    put_u64(b, c->people);
    put_u64(b, c->units[BY_VISIT]);
    put_u64(b, c->units[BY_IMPRESSION]);
    put_u64(b, c->clicks);
    put_u64(b, c->click_visitors);
    put_u64(b, question->metric);
    for (int i = 0; i < RESULTS_METHODS; i++)
        put_u64(b, m.conversions[i]);
    put_u64(b, m.orders);
    put_f64(b, s->sum);
    for (int i = 0; i < RESULTS_METHODS; i++)
        put_f64(b, s->squares[i]);
}

/* Empty: there is none. */
static void
put_lift(struct buf *b, const struct stats_lift *l)
{
    if (!l->known) {
        buf_put(b, S(",,"));
        return;
    }
    put_f64(b, l->lift);
    put_f64(b, l->confidence);
}

static void
put_computed(struct buf *b, const struct report_row *row, const struct report_question *question)
{
    put_text(b, str_of(report_method_name(question->method)));
    put_f64(b, row->conversion_rate);
    put_f64(b, row->conversion_rate - row->conversion_half_width);
    put_f64(b, row->conversion_rate + row->conversion_half_width);
    put_lift(b, &row->conversion_lift);
    put_f64(b, row->revenue_per_visitor);
    put_lift(b, &row->revenue_lift);
    put_f64(b, row->order_value);
}

static void
put_names(struct buf *b, const struct report *r, const struct report_row *row, int64_t audience)
{
    put_text(b, r->id);
    put_text(b, r->name);
    put_text(b, row->experience);
    put_text(b, row->name);
    if (audience >= 0)
        buf_put_i64(b, audience);
    buf_putc(b, ',');
}

static void
put_row(struct buf *b, const struct report *r, const struct report_row *row, const struct report_question *question)
{
    if (question->q.step == STEP_NONE) {
        put_names(b, r, row, question->q.audience);
        put_counts(b, &row->all.counts, question);
        put_computed(b, row, question);
        end_line(b);
        return;
    }
    for (size_t i = 0; i < row->all.point_count; i++) {
        char time[ISO8601_BYTES];
        put_names(b, r, row, question->q.audience);
        iso8601_format(row->all.points[i].from_ms, time);
        buf_printf(b, "%.*s,", ISO8601_BYTES, time);
        put_counts(b, &row->all.points[i].counts, question);
        end_line(b);
    }
}

static enum err
put_rows(const struct call *call, struct http_req *rq, struct str scope, struct str id, struct buf *b,
         const struct report_question *question, const struct json **activity, struct diag *d)
{
    struct arena_mark mark = arena_mark(rq->arena);
    struct report r = {0};
    enum err rc = report_read(call, scope, id, question, rq->arena, &r, d);

    for (size_t i = 0; rc == ERR_OK && i < r.row_count; i++)
        put_row(b, &r, &r.rows[i], question);
    if (rc == ERR_OK)
        *activity = r.activity;
    arena_release(rq->arena, mark);
    return rc;
}

enum err
report_write_csv(const struct call *call, struct http_req *rq, struct str scope, struct str id, struct http_res *rs,
                 struct diag *d)
{
    struct report_question question = report_everything();
    const struct json *activity = NULL;
    enum err rc = report_question_read(rq, &question, d);

    buf_clear(rs->body);
    put_head(rs->body, question.q.step != STEP_NONE);
    if (rc == ERR_OK)
        rc = put_rows(call, rq, scope, id, rs->body, &question, &activity, d);
    for (struct json_iter it = json_iter(json_get(activity, S("reportingAudiences")));
         rc == ERR_OK && json_next(&it);) {
        question.q.audience = json_i64(json_get(it.value, S("reportingAudienceLocalId")), 0);
        rc = put_rows(call, rq, scope, id, rs->body, &question, &activity, d);
    }
    if (rc != ERR_OK) {
        buf_clear(rs->body);
        return rc;
    }
    rs->status = 200;
    rs->content_type = "text/csv; charset=utf-8";
    http_set_header(rq, rs, S("Content-Disposition"),
                    arena_printf(rq->arena, "attachment; filename=\"results-%.*s.csv\"", STR_ARG(id)));
    http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
    return ERR_OK;
}
