/* admin_report_controls.c - what the page can be asked, as a form without script, and links with the same question. */
#include "admin/admin_report_page.h"

#include "codec/url.h"

static void
put_option(struct buf *b, int64_t value, struct str name, bool chosen)
{
    buf_put(b, S("<option value=\""));
    buf_put_i64(b, value);
    buf_put(b, chosen ? S("\" selected>") : S("\">"));
    html_text(b, name);
    buf_put(b, S("</option>"));
}

static void
put_metrics(struct report_page *p)
{
    struct buf *b = p->b;
    bool listed = false;

    buf_put(b, S("<label>Metric<select name=\"conversionMetricLocalIds\">"));
    for (struct json_iter it = json_iter(json_get(p->r->activity, S("metrics"))); json_next(&it);) {
        int64_t id = json_i64(json_get(it.value, S("metricLocalId")), 0);
        struct str name = json_str(json_get(it.value, S("name")));
        if (id <= 0)
            continue;
        if (name.n == 0)
            name = arena_printf(p->rq->arena, id == HIT_METRIC_PRIMARY ? "Goal" : "Metric %lld", (long long)id);
        listed |= id == p->question->metric;
        put_option(b, id, name, id == p->question->metric);
    }
    if (!listed)
        put_option(b, p->question->metric,
                   p->question->metric == HIT_METRIC_PRIMARY
                       ? S("Goal")
                       : arena_printf(p->rq->arena, "Metric %u (removed)", p->question->metric),
                   true);
    buf_put(b, S("</select></label>"));
}

static void
put_methods(struct report_page *p)
{
    static const char *const names[] = {"by visitor", "by visit", "by impression"};

    buf_put(p->b, S("<label>Counted<select name=\"countingMethod\">"));
    for (int m = 0; m < RESULTS_METHODS; m++)
        buf_printf(p->b, "<option value=\"%s\"%s>%s</option>", report_method_name((enum results_method)m),
                   m == (int)p->question->method ? " selected" : "", names[m]);
    buf_put(p->b, S("</select></label>"));
}

static void
put_environment(void *ctx, struct str id, const struct json *environment)
{
    struct report_page *p = ctx;
    int64_t number = json_i64(json_get(environment, S("id")), 0);

    (void)id;
    if (number != HIT_PRODUCTION)
        put_option(p->b, number, json_str(json_get(environment, S("name"))), number == p->question->q.environment);
}

static void
put_environments(struct report_page *p)
{
    int64_t chosen = p->question->q.environment;

    buf_put(p->b, S("<label>Environment<select name=\"environmentId\">"));
    put_option(p->b, 0, S("All but QA"), chosen == 0);
    put_option(p->b, HIT_PRODUCTION, S("Production"), chosen == HIT_PRODUCTION);
    snapshot_each(p->call->snap, S("environment"), p->r->scope, put_environment, p);
    put_option(p->b, RESULTS_QA, S("QA Mode Traffic"), chosen == RESULTS_QA);
    buf_put(p->b, S("</select></label>"));
}

/* The question as a query string, without the interval. */
static void
put_question(struct report_page *p)
{
    const struct report_question *q = p->question;

    buf_put(p->b, S("?scope="));
    url_encode(p->b, p->r->scope);
    buf_printf(p->b, "&amp;conversionMetricLocalIds=%u&amp;countingMethod=%s&amp;environmentId=%lld", q->metric,
               report_method_name(q->method), (long long)q->q.environment);
    if (q->tamed)
        buf_put(p->b, S("&amp;normalizeExtremeOrders=true"));
}

static void
put_interval(struct buf *b, struct str interval)
{
    if (interval.n == 0)
        return;
    buf_put(b, S("&amp;reportInterval="));
    url_encode(b, interval);
}

static void
put_period(struct report_page *p, const char *name, int days)
{
    struct str asked = http_query(p->rq, S("reportInterval")), interval = S_NULL;
    int64_t to_ms = (p->rq->now_ms / MS_PER_HOUR + 1) * MS_PER_HOUR;
    char from[ISO8601_BYTES], to[ISO8601_BYTES];

    if (days > 0) {
        iso8601_format(to_ms - days * MS_PER_DAY, from);
        iso8601_format(to_ms, to);
        interval = arena_printf(p->rq->arena, "%.16sZ/%.16sZ", from, to);
    }
    if (str_eq(asked, interval)) {
        buf_printf(p->b, "<b>%s</b>", name);
        return;
    }
    buf_put(p->b, S("<a href=\"/reports/"));
    url_encode(p->b, p->r->id);
    put_question(p);
    put_interval(p->b, interval);
    buf_printf(p->b, "\">%s</a>", name);
}

void
report_put_controls(struct report_page *p)
{
    struct str asked = http_query(p->rq, S("reportInterval"));
    struct buf *b = p->b;

    buf_put(b, S("<form method=\"get\" action=\"/reports/"));
    url_encode(b, p->r->id);
    buf_put(b, S("\"><input type=\"hidden\" name=\"scope\" value=\""));
    html_text(b, p->r->scope);
    buf_put(b, S("\">"));
    if (asked.n > 0) {
        buf_put(b, S("<input type=\"hidden\" name=\"reportInterval\" value=\""));
        html_text(b, asked);
        buf_put(b, S("\">"));
    }
    put_metrics(p);
    put_methods(p);
    put_environments(p);
    buf_printf(b,
               "<label class=\"check\"><input type=\"checkbox\" name=\"normalizeExtremeOrders\" value=\"true\"%s> "
               "Extreme orders at the mean</label><button>Show</button></form>",
               p->question->tamed ? " checked" : "");
    buf_put(b, S("<p class=\"links\"><span>Period:</span> "));
    put_period(p, "all", 0);
    put_period(p, "last day", 1);
    put_period(p, "last 7 days", 7);
    put_period(p, "last 30 days", 30);
    if (asked.n > 0) {
        buf_put(b, S("<span>shown: "));
        html_text(b, asked);
        buf_put(b, S("</span>"));
    }
    buf_put(b, S("</p>"));
}

static void
put_download(struct report_page *p, const char *path, const char *more, const char *name)
{
    buf_put(p->b, S("<a href=\"/reports/"));
    url_encode(p->b, p->r->id);
    buf_put(p->b, str_of(path));
    put_question(p);
    put_interval(p->b, http_query(p->rq, S("reportInterval")));
    buf_printf(p->b, "%s\">%s</a>", more, name);
}

void
report_put_downloads(struct report_page *p)
{
    buf_put(p->b, S("<p class=\"links\"><span>Download:</span> "));
    put_download(p, "/csv", "", "CSV");
    put_download(p, "/csv", "&amp;resolution=day", "CSV by day");
    put_download(p, "/csv", "&amp;resolution=hour", "CSV by hour");
    put_download(p, "/json", "", "JSON");
    buf_put(p->b, S("</p>"));
}
