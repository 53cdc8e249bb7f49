/* admin_report_page.c - the results of one activity as a page: what is on it, and in which order.
 *
 * First what a reader must not miss (is the traffic as it should be, is something decided), then the figures as
 * pictures, then as tables, then what only some activities have. */
#include "admin/admin_report_page.h"

static const char *
type_name(const struct report *r)
{
    if (decide_allocates(r->activity))
        return "Auto-Allocate";
    if (str_eq(r->type, S("abt")))
        return "Automated Personalization";
    if (decide_learns(r->activity))
        return "Auto-Target";
    if (str_eq(r->type, S("xt")))
        return "Experience targeting";
    return str_eq(r->type, S("mvt")) ? "Multivariate test" : "A/B test";
}

static void
put_chips(struct buf *b, const struct report *r)
{
    bool live = str_eq(r->state, S("approved"));

    buf_printf(b, "<div class=\"chips\"><span class=\"chip\">%s</span><span class=\"chip%s\">", type_name(r),
               live ? " good" : "");
    html_text(b, live ? S("Live") : r->state.n == 0 ? S("draft") : r->state);
    buf_put(b, S("</span><span class=\"chip\">#"));
    html_text(b, r->id);
    buf_put(b, S("</span>"));
    if (decide_allocates(r->activity))
        report_put_badge(b, r);
    buf_put(b, S("</div>"));
}

static void
open_tile(struct buf *b, const char *label)
{
    buf_printf(b, "<div class=\"card tile\"><span>%s</span><strong>", label);
}

static void
put_small(struct buf *b, const char *before, uint64_t n, const char *one, const char *more)
{
    buf_printf(b, "</strong><small>%s", before);
    html_count(b, n);
    buf_printf(b, " %s</small></div>", n == 1 ? one : more);
}

static void
put_tiles(struct report_page *p)
{
    const struct report_figures *t = &p->r->totals;
    struct buf *b = p->b;

    buf_put(b, S("<section class=\"tiles\">"));
    open_tile(b, "Visitors");
    html_count(b, t->visitors);
    put_small(b, "in ", t->visits, "visit", "visits");
    open_tile(b, "Impressions");
    html_count(b, t->impressions);
    buf_put(b, S("</strong></div>"));
    open_tile(b, "Clicks");
    html_count(b, t->clicks);
    put_small(b, "by ", t->click_visitors, "visitor", "visitors");
    open_tile(b, "Conversions");
    html_count(b, t->conversions);
    put_small(b, "", t->orders, "order", "orders");
    open_tile(b, "Revenue");
    html_money(b, t->revenue);
    buf_put(b, S("</strong></div></section>"));
}

static void
put_words(struct buf *b)
{
    buf_put(
        b,
        S("<details><summary>What the words mean</summary><dl>"
          "<dt>Visitor</dt><dd>Counts when he enters the activity, and again when a conversion let him go and he comes "
          "back. By visit and by impression, those are counted instead.</dd>"
          "<dt>\xC2\xB1, thin lines, bands</dt><dd>95% intervals: of twenty such intervals nineteen hold the true "
          "value.</dd>"
          "<dt>Lift, confidence</dt><dd>The difference to the first experience in percent of it, and how sure it is "
          "that "
          "there is one at all (two-sided t-test). Coloured from 95% and 30 units. It holds for one look, at a time "
          "fixed "
          "before.</dd>"
          "<dt>Safe to watch</dt><dd>An interval that holds at every look at once. It is wider: that is the price of "
          "looking every day. Once it leaves out zero, the test may end.</dd>"
          "<dt>Chance to be better</dt><dd>Probability that this rate is above the first one's, believing before the "
          "test "
          "that every rate is as likely.</dd>"
          "<dt>Needed of each</dt><dd>Units of each experience with which a difference as large as the present one is "
          "seen "
          "four times of five, at 95% confidence.</dd>"
          "<dt>Extreme order</dt><dd>More than three standard deviations from the mean of the last month's orders.</dd>"
          "<dt>Duplicate</dt><dd>An order whose id has been there before: it counts nothing.</dd></dl></details>"));
}

struct str
report_page_scope(const struct call *call, struct http_req *rq, struct str id)
{
    struct str scope = http_query(rq, S("scope"));

    if (scope.n == 0 && snapshot_find(call->snap, S("activity"), id, &scope) == NULL)
        scope = S("");
    return scope;
}

static void
put_empty(struct buf *b, const struct report_question *question)
{
    if (question->q.to_ms != 0 || question->q.environment != 0 || question->q.audience != RESULTS_EVERYBODY)
        buf_put(b, S("<div class=\"card empty\">Nobody of those has seen this activity in that period. Choose another "
                     "period or environment above.</div>"));
    else
        buf_put(b,
                S("<div class=\"card empty\">Nobody has seen this activity yet. Figures appear here a moment after the "
                  "first visitor.</div>"));
}

static void
put_recount(struct buf *b, const struct results_lane *lane)
{
    if (lane->name.n == 0)
        return;
    buf_put(b, S("<p class=\"sub\">Counted anew on "));
    html_time(b, lane->taken_ms);
    if (lane->since_ms > 0) {
        buf_put(b, S("; the figures begin on "));
        html_time(b, lane->since_ms);
        buf_put(b, S(", because older hits were not kept"));
    }
    buf_put(b, S(".</p>"));
}

static enum err
put_page(struct report_page *p, struct diag *d)
{
    const struct results_row *all = &p->r->all;
    struct buf *b = p->b;
    enum err rc;

    buf_put(b, S("<nav><a href=\"/reports\"><b>Edgewise</b> reports</a> / activity</nav>"));
    put_chips(b, p->r);
    buf_put(b, S("<h1>"));
    html_text(b, p->r->name);
    buf_put(b, S("</h1><p class=\"sub\">"));
    if (all->first_ms != all->last_ms) {
        html_day(b, all->first_ms);
        buf_put(b, S(" to "));
        html_day(b, all->last_ms - 1);
        buf_put(b, S(" \xC2\xB7 "));
    }
    buf_put(b, S("as of "));
    html_time(b, p->rq->now_ms);
    buf_put(b, S("</p>"));
    put_recount(b, &p->r->recount);
    report_put_controls(p);
    if (p->r->totals.visitors == 0) {
        put_empty(b, p->question);
        return ERR_OK;
    }
    report_put_alarm(p);
    report_put_verdict(p);
    put_tiles(p);
    report_put_curves(p);
    if (p->r->totals.conversions > 0)
        report_put_bars(p);
    report_put_tables(p);
    report_put_machine(p);
    rc = report_put_audiences(p, d);
    if (rc == ERR_OK)
        rc = report_put_orders(p, d);
    report_put_downloads(p);
    put_words(b);
    return rc;
}

static void
refuse(struct http_req *rq, struct http_res *rs, enum err rc)
{
    html_sorry(rq, rs, rc == ERR_NOT_FOUND ? 404 : http_status_of(rc),
               rc == ERR_NOT_FOUND ? "There is no activity of that number."
               : rc == ERR_INVALID ? "The question of this page's address cannot be read."
                                   : "The report cannot be read now.");
}

void
report_page_activity(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs)
{
    struct report_question question = report_everything();
    struct report_series series;
    struct report r;
    struct report_page p = {call, rq, rs->body, &r, &question, &series};
    struct diag d = DIAG_INIT;
    enum err rc = report_question_read_one(rq, &question, &d);

    if (rc == ERR_OK)
        rc = report_read(call, report_page_scope(call, rq, id), id, &question, rq->arena, &r, &d);
    if (rc == ERR_OK)
        rc = report_read_series(call, &r, &question, rq->now_ms, rq->arena, &series, &d);
    if (rc == ERR_OK) {
        report_believe(&r);
        html_open(rq, rs, r.name);
        rc = put_page(&p, &d);
        html_close(rs);
    }
    if (rc != ERR_OK)
        refuse(rq, rs, rc);
}
