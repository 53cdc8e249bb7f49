/* admin_report_more.c - what only some activities have: shares and models that machines made, the arms of their
 * traffic, reporting audiences, orders. */
#include "admin/admin_report_page.h"

#include "base/civil.h"

/* ---- Auto-Allocate ---- */

static void
put_shares(struct report_page *p)
{
    struct json_iter it = json_iter(json_get(p->r->allocation, S("weights")));
    struct buf *b = p->b;
    int64_t computed_ms;
    bool day;

    if (p->r->allocation == NULL)
        return;
    buf_put(b,
            S("<div class=\"card\"><h2>Auto-Allocate</h2><p class=\"sub\">What new visitors get at present; who is in "
              "stays. Shares move on the hour"));
    if (iso8601_parse(json_str(json_get(p->r->allocation, S("computedAt"))), &computed_ms, &day)) {
        buf_put(b, S(", and are of "));
        html_time(b, computed_ms);
    }
    buf_put(b, S(".</p><ul class=\"legend\">"));
    for (size_t i = 0; i < p->r->row_count && i < LIMIT_REPORT_ROWS && json_next(&it); i++) {
        buf_put(b, S("<li>"));
        report_name(b, &p->r->rows[i]);
        buf_put(b, S(" <b>"));
        html_percent(b, json_f64(it.value, 0) / 100);
        buf_put(b, S("</b></li>"));
    }
    buf_put(b, S("</ul></div>"));
}

/* ---- Auto-Target and Automated Personalization ---- */

static void
put_unit(struct report_page *p, const struct json *unit)
{
    bool valid = json_bool(json_get(unit, S("valid")), false);
    struct str id = json_str(json_get(unit, S("experience"))), name = id;
    struct buf *b = p->b;

    for (size_t i = 0; i < p->r->row_count; i++) {
        if (str_eq(p->r->rows[i].experience, id))
            name = p->r->rows[i].name;
    }
    buf_put(b, S("<tr><td>"));
    html_text(b, name);
    buf_printf(b, "</td><td data-l=\"Model\"><span class=\"chip%s\">%s</span></td><td data-l=\"Quality (AUC)\">",
               valid ? " good" : "", valid ? "in use" : "not in use");
    if (json_i64(json_get(unit, S("samples")), 0) > 0)
        buf_printf(b, "%.3f", json_f64(json_get(unit, S("auc")), 0));
    else
        buf_put(b, S("\xE2\x80\x93"));
    buf_put(b, S("</td>"));
    report_number(b, "Learned from", (uint64_t)json_i64(json_get(unit, S("samples")), 0));
    report_number(b, "Conversions", (uint64_t)json_i64(json_get(unit, S("conversions")), 0));
    buf_put(b, S("<td class=\"text\" data-l=\"Why not\">"));
    html_text(b, json_str(json_get(unit, S("why"))));
    buf_put(b, S("</td></tr>"));
}

static void
put_models(struct report_page *p)
{
    const struct json *units = json_get(p->r->model, S("units"));
    struct buf *b = p->b;
    size_t n = 0;

    if (json_count(units) == 0) {
        buf_put(b,
                S("<div class=\"card\"><h2>Models</h2><p class=\"sub\">There are none yet: they are trained every day, "
                  "from visitors who were shown experiences at random.</p></div>"));
        return;
    }
    buf_put(b,
            S("<section class=\"card wide\"><h2>Models</h2><p class=\"sub\">0.5 is guessing, 1 is knowing. Trained "));
    html_text(b, json_str(json_get(p->r->model, S("trainedAt"))));
    buf_put(b,
            S("; two are needed before they choose.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
              "aria-label=\"Models\"><table><thead><tr><th>For</th><th>Model</th><th>Quality<br>(AUC)</th><th>Learned"
              "<br>from</th><th>Conver-<br>sions</th><th class=\"text\">Why not</th></tr></thead><tbody>"));
    for (struct json_iter it = json_iter(units); n < LIMIT_REPORT_ROWS && json_next(&it); n++)
        put_unit(p, it.value);
    buf_put(b, S("</tbody></table></div></section>"));
}

static enum err
read_part(struct report_page *p, int64_t audience, struct report *out, struct diag *d)
{
    struct report_question question = *p->question;

    question.q.audience = audience;
    return report_read(p->call, p->r->scope, p->r->id, &question, p->rq->arena, out, d);
}

static void
put_arm(struct buf *b, const char *name, const struct stats_sample *s, const struct stats_lift *l, bool enough)
{
    buf_printf(b, "<tr><td>%s</td>", name);
    report_number(b, "Entries", s->n);
    report_number(b, "Conversions", (uint64_t)s->sum);
    buf_put(b, S("<td data-l=\"Conversion rate\"><div>"));
    html_percent(b, stats_mean(s));
    buf_put(b, S("<small>\xC2\xB1 "));
    html_percent(b, stats_half_width(s));
    buf_put(b, S("</small></div></td>"));
    report_lift(b, "Lift", l, enough, false);
    report_confidence(b, l, enough);
    buf_put(b, S("</tr>"));
}

/* What personalization is worth: the targeted part against the control. */
static void
put_arms(struct report_page *p)
{
    static const int64_t arms[] = {RESULTS_CONTROL, RESULTS_TARGETED};
    struct stats_sample s[2];
    struct diag d = DIAG_INIT;
    struct stats_lift lift;
    bool enough;

    for (size_t i = 0; i < 2; i++) {
        struct arena_mark mark = arena_mark(p->rq->arena);
        struct report part = {0};
        enum err rc = read_part(p, arms[i], &part, &d);
        if (rc == ERR_OK)
            s[i] = results_sample(&part.all.counts, p->question->metric, p->question->method, false, false);
        arena_release(p->rq->arena, mark);
        if (rc != ERR_OK)
            return;
    }
    lift = stats_compare(&s[0], &s[1]);
    enough = s[0].n >= REPORT_UNITS_MIN && s[1].n >= REPORT_UNITS_MIN;
    buf_put(p->b,
            S("<section class=\"card wide\"><h2>Control and targeted traffic</h2><p class=\"sub\">What choosing for "
              "each visitor brings over the control.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
              "aria-label=\"Arms\"><table><thead><tr><th>Traffic</th><th>Entries</th><th>Conver-<br>sions</th>"
              "<th>Conversion<br>rate</th><th>Lift</th><th>Confi-<br>dence</th></tr></thead><tbody>"));
    put_arm(p->b, "Control", &s[0], &(struct stats_lift){0}, false);
    put_arm(p->b, "Targeted", &s[1], &lift, enough);
    buf_put(p->b, S("</tbody></table></div></section>"));
}

void
report_put_machine(struct report_page *p)
{
    if (decide_allocates(p->r->activity))
        put_shares(p);
    if (!decide_learns(p->r->activity))
        return;
    put_arms(p);
    put_models(p);
}

/* ---- reporting audiences ---- */

/* A number is Target's own, text is the hub's. */
static struct str
audience_name(struct report_page *p, const struct json *reporting)
{
    const struct json *id = json_get(reporting, S("audienceId"));
    struct str text =
        json_is(id, JSON_STRING) ? json_str(id) : arena_printf(p->rq->arena, "%lld", (long long)json_i64(id, 0));
    const struct json *o = snapshot_object(p->call->snap, S("targetAudience"), p->r->scope, text);
    struct str name;

    if (o == NULL)
        o = snapshot_object(p->call->snap, S("audience"), p->r->scope, text);
    name = json_str(json_get(o, S("name")));
    return name.n > 0 ? name : arena_printf(p->rq->arena, "Audience %.*s", STR_ARG(text));
}

static void
put_audience_rows(struct report_page *p, const struct report *part, struct str name, size_t *left)
{
    struct buf *b = p->b;

    for (size_t i = 0; i<part->row_count && * left> 0; i++, (*left)--) {
        const struct report_row *row = &part->rows[i];
        bool enough = report_compares(part, row);
        buf_put(b, S("<tr><td>"));
        html_text(b, name);
        buf_put(b, S("</td><td class=\"text\" data-l=\"Experience\">"));
        report_name(b, i < p->r->row_count && str_eq(p->r->rows[i].experience, row->experience) ? &p->r->rows[i] : row);
        buf_put(b, S("</td>"));
        report_number(b, "Entries", row->counts.units);
        report_number(b, "Conversions", row->counts.conversions);
        buf_put(b, S("<td data-l=\"Conversion rate\"><div>"));
        html_percent(b, row->conversion_rate);
        if (row->conversion_half_width > 0) {
            buf_put(b, S("<small>\xC2\xB1 "));
            html_percent(b, row->conversion_half_width);
            buf_put(b, S("</small>"));
        }
        buf_put(b, S("</div></td>"));
        report_lift(b, "Lift", &row->conversion_lift, enough, decide_allocates(part->activity));
        report_confidence(b, &row->conversion_lift, enough);
        buf_put(b, S("</tr>"));
    }
}

enum err
report_put_audiences(struct report_page *p, struct diag *d)
{
    const struct json *list = json_get(p->r->activity, S("reportingAudiences"));
    size_t left = LIMIT_REPORT_ROWS;
    enum err rc = ERR_OK;

    if (json_count(list) == 0)
        return ERR_OK;
    buf_put(p->b,
            S("<section class=\"card wide\"><h2>Reporting audiences</h2><p class=\"sub\">Of visitors who were in them "
              "when they entered. Who looks at many groups finds a difference in some by chance.</p><div "
              "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Reporting audiences\"><table><thead>"
              "<tr><th>Audience</th><th class=\"text\">Experience</th><th>Entries</th><th>Conver-<br>sions</th>"
              "<th>Conversion<br>rate</th><th>Lift</th><th>Confi-<br>dence</th></tr></thead><tbody>"));
    for (struct json_iter it = json_iter(list); rc == ERR_OK && json_next(&it);) {
        struct arena_mark mark = arena_mark(p->rq->arena);
        struct report part = {0};
        rc = read_part(p, json_i64(json_get(it.value, S("reportingAudienceLocalId")), 0), &part, d);
        if (rc == ERR_OK)
            put_audience_rows(p, &part, audience_name(p, it.value), &left);
        arena_release(p->rq->arena, mark);
    }
    buf_put(p->b, S("</tbody></table></div>"));
    if (left == 0)
        buf_put(p->b, S("<p class=\"sub foot\">The downloads have all of them.</p>"));
    buf_put(p->b, S("</section>"));
    return rc;
}

/* ---- orders ---- */

#define SHOWN_ID_BYTES 4 /* of an order's id, its end: the page is open to all */

static void
put_order(struct report_page *p, const struct results_order *o)
{
    const struct report_row *row = NULL;
    struct buf *b = p->b;

    for (size_t i = 0; i < p->r->row_count; i++) {
        if (str_eq(p->r->rows[i].experience, o->experience))
            row = &p->r->rows[i];
    }
    buf_put(b, S("<tr><td>"));
    html_time(b, o->time_ms);
    buf_put(b, S("</td><td class=\"text\" data-l=\"Experience\">"));
    if (row != NULL)
        report_name(b, row);
    else
        html_text(b, o->experience);
    buf_put(b, S("</td><td data-l=\"Order id\">\xE2\x80\xA6"));
    for (size_t i = o->id.n > 2 * SHOWN_ID_BYTES ? o->id.n - SHOWN_ID_BYTES : o->id.n; i < o->id.n; i++)
        html_text(b, o->id.p[i] >= ' ' && o->id.p[i] <= '~' ? str_slice(o->id, i, i + 1) : S("?"));
    buf_put(b, S("</td><td data-l=\"Total\">"));
    html_money(b, o->total);
    buf_printf(b, "</td><td%s data-l=\"Marks\">", o->outlier || o->duplicate || !o->counted ? "" : " class=\"none\"");
    if (o->outlier)
        buf_put(b, S("<span class=\"chip bad\">extreme</span> "));
    if (o->duplicate)
        buf_put(b, S("<span class=\"chip bad\">duplicate</span> "));
    if (!o->duplicate && !o->counted)
        buf_put(b, S("<span class=\"chip\">not counted</span>"));
    buf_put(b, S("</td></tr>"));
}

enum err
report_put_orders(struct report_page *p, struct diag *d)
{
    struct arena_mark mark = arena_mark(p->rq->arena);
    struct results_order *orders;
    size_t n, extreme = 0, duplicates = 0;
    enum err rc = report_read_orders(p->call, p->r, p->question, p->rq->arena, &orders, &n, d);
    struct buf *b = p->b;

    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        extreme += orders[i].outlier;
        duplicates += orders[i].duplicate;
    }
    if (rc == ERR_OK && n > 0) {
        buf_put(b, S("<section class=\"card wide\"><h2>Orders</h2><p class=\"sub\">"));
        html_count(b, n);
        buf_put(b, n == LIMIT_RESULT_ORDERS ? S(" newest listed, ") : S(" listed, "));
        html_count(b, extreme);
        buf_put(b, S(" extreme, "));
        html_count(b, duplicates);
        buf_put(
            b, S(" duplicate. The newest are below; the orders report has all of them, with their ids.</p><div "
                 "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Orders\"><table><thead><tr><th>Time</th>"
                 "<th class=\"text\">Experience</th><th>Order id</th><th>Total</th><th>Marks</th></tr></thead>"
                 "<tbody>"));
        for (size_t i = 0; i < n && i < LIMIT_REPORT_ORDERS; i++)
            put_order(p, &orders[i]);
        buf_put(b, S("</tbody></table></div></section>"));
    }
    arena_release(p->rq->arena, mark);
    return rc;
}
