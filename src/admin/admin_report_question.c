/* admin_report_question.c - what a report is asked: the same parameters for JSON, the download and the page. */
#include "admin/admin_report.h"

static const char *const method_names[] = {"visitor", "visit", "impression"};

const char *
report_method_name(enum results_method m)
{
    return method_names[m];
}

struct report_question
report_everything(void)
{
    return (struct report_question){.q = {.audience = RESULTS_EVERYBODY}, .metric = HIT_METRIC_PRIMARY};
}

static enum err
read_interval(struct str s, struct results_query *q, struct diag *d)
{
    struct str from, to = s;

    if (s.n == 0)
        return ERR_OK;
    (void)str_split(&to, '/', &from);
    if (!iso8601_parse(from, &q->from_ms, NULL) || !iso8601_parse(to, &q->to_ms, NULL) || q->from_ms >= q->to_ms)
        return diag_set_path(d, ERR_INVALID, "reportInterval", "reportInterval must be two times, <from>/<to>");
    return ERR_OK;
}

static enum err
read_step(struct str s, struct results_query *q, struct diag *d)
{
    static const char *const names[] = {"", "hour", "day", "week", "month"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq(s, str_of(names[i]))) {
            q->step = (enum results_step)i;
            return ERR_OK;
        }
    }
    return diag_set_path(d, ERR_INVALID, "resolution", "resolution must be hour, day, week or month");
}

static enum err
read_method(struct str s, enum results_method *out, struct diag *d)
{
    if (s.n == 0)
        return ERR_OK;
    for (size_t i = 0; i < sizeof method_names / sizeof *method_names; i++) {
        if (str_eq(s, str_of(method_names[i]))) {
            *out = (enum results_method)i;
            return ERR_OK;
        }
    }
    return diag_set_path(d, ERR_INVALID, "countingMethod", "countingMethod must be visitor, visit or impression");
}

/* "1,2": Monday is 1, Sunday 7. */
static enum err
read_days(struct str rest, struct results_query *q, struct diag *d)
{
    struct str one;

    while (rest.n > 0 && str_split(&rest, ',', &one)) {
        int64_t day;
        if (!str_to_i64(one, &day) || day < 1 || day > 7)
            return diag_set_path(d, ERR_INVALID, "daysOfWeek", "daysOfWeek must be numbers from 1 (Monday) to 7");
        q->days_of_week |= 1u << day % 7;
    }
    return ERR_OK;
}

static enum err
read_number(struct http_req *rq, const char *name, int64_t low, int64_t high, int64_t *out, struct diag *d)
{
    struct str s = http_query(rq, str_of(name)), one;

    if (s.n == 0)
        return ERR_OK;
    (void)str_split(&s, ',', &one);
    if (!str_to_i64(one, out) || *out < low || *out > high)
        return diag_set_path(d, ERR_INVALID, name, "%s must be a number from %lld to %lld", name, (long long)low,
                             (long long)high);
    return ERR_OK;
}

enum err
report_next_audience(struct str *rest, size_t i, int64_t *out, struct diag *d)
{
    struct str one;

    if (i == LIMIT_REPORTING_AUDIENCES || !str_split(rest, ',', &one) || !str_to_i64(one, out) || *out < 0)
        return diag_set_path(d, ERR_INVALID, "reportingAudienceLocalIds",
                             "reportingAudienceLocalIds must be at most %d numbers", LIMIT_REPORTING_AUDIENCES);
    return ERR_OK;
}

enum err
report_question_read(struct http_req *rq, struct report_question *out, struct diag *d)
{
    int64_t metric = HIT_METRIC_PRIMARY, environment = 0;
    enum err rc = read_interval(http_query(rq, S("reportInterval")), &out->q, d);

    if (rc == ERR_OK)
        rc = read_step(http_query(rq, S("resolution")), &out->q, d);
    if (rc == ERR_OK)
        rc = read_method(http_query(rq, S("countingMethod")), &out->method, d);
    if (rc == ERR_OK)
        rc = read_days(http_query(rq, S("daysOfWeek")), &out->q, d);
    if (rc == ERR_OK)
        rc = read_number(rq, "environmentId", RESULTS_QA, INT64_MAX, &environment, d);
    if (rc == ERR_OK)
        rc = read_number(rq, "conversionMetricLocalIds", 1, HIT_METRIC_PRIMARY, &metric, d);
    if (rc == ERR_OK && (out->q.step != STEP_NONE || out->q.days_of_week != 0) && out->q.to_ms == 0)
        out->q.to_ms = rq->now_ms + MS_PER_HOUR; /* the whole life, by hours */
    out->metric = (uint32_t)metric;
    out->q.environment = environment;
    out->tamed = str_eq(http_query(rq, S("normalizeExtremeOrders")), S("true"));
    return rc;
}

enum err
report_question_read_one(struct http_req *rq, struct report_question *out, struct diag *d)
{
    struct str audiences = http_query(rq, S("reportingAudienceLocalIds"));
    enum err rc = report_question_read(rq, out, d);

    return rc != ERR_OK || audiences.n == 0 ? rc : report_next_audience(&audiences, 0, &out->q.audience, d);
}
