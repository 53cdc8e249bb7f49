/* admin_report_list.c - the page of all activities, newest first, with what each achieved in its first metric. */
#include "admin/admin_report_page.h"

#include "codec/url.h"

#define LIST_MAX 200 /* activities of a sandbox on the page */

struct listing {
    struct str ids[LIST_MAX];
    size_t n, total;
};

/* The newest LIST_MAX of them: a ring, in order of creation. */
static void
list_activity(void *ctx, struct str id, const struct json *object)
{
    struct listing *l = ctx;

    (void)object;
    l->ids[l->total++ % LIST_MAX] = id;
    l->n = l->total < LIST_MAX ? l->total : LIST_MAX;
}

static void
put_row(struct buf *b, const struct report *r)
{
    const struct report_row *best = report_best(r);
    struct stats_lift none = {0};

    buf_put(b, S("<tr><td><a href=\"/reports/"));
    url_encode(b, r->id);
    buf_put(b, S("?scope="));
    url_encode(b, r->scope);
    buf_put(b, S("\">"));
    html_text(b, r->name);
    buf_put(b, S("</a>"));
    if (r->split.alarm)
        buf_put(b, S(" <span class=\"chip bad\">traffic mismatch</span>"));
    buf_put(b, S("</td><td data-l=\"State\">"));
    html_text(b, str_eq(r->state, S("approved")) ? S("live") : r->state);
    buf_put(b, S("</td>"));
    report_number(b, "Experiences", r->row_count);
    report_number(b, "Visitors", r->totals.visitors);
    report_number(b, "Impressions", r->totals.impressions);
    report_number(b, "Clicks", r->totals.clicks);
    report_number(b, "Conversions", r->totals.conversions);
    buf_put(b, S("<td data-l=\"Revenue\">"));
    html_money(b, r->totals.revenue);
    buf_put(b, S("</td>"));
    report_lift(b, "Best lift", best == NULL || r->split.alarm ? &none : &best->conversion_lift, false,
                decide_allocates(r->activity));
    buf_put(b, S("</tr>"));
}

/* False: the hub cannot be read. */
static bool
put_scope(const struct call *call, struct http_req *rq, struct buf *b, struct str scope, bool heading, size_t *count)
{
    struct listing *l = ARENA_NEW(rq->arena, struct listing);
    struct report_question question = report_everything();
    struct diag d = DIAG_INIT;
    bool ok = l != NULL;

    if (!ok)
        return false;
    snapshot_each(call->snap, S("activity"), scope, list_activity, l);
    if (l->n == 0)
        return true;
    if (heading) {
        buf_put(b, S("<h3>"));
        html_text(b, scope);
        buf_put(b, S("</h3>"));
    }
    buf_put(b,
            S("<div class=\"card wide\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Activities\">"
              "<table><thead><tr><th>Activity</th><th>State</th><th>Experiences</th><th>Visitors</th>"
              "<th>Impressions</th><th>Clicks</th><th>Conversions</th><th>Revenue</th><th>Best lift</th></tr></thead>"
              "<tbody>"));
    for (size_t i = 0; ok && i < l->n; i++) {
        struct arena_mark mark = arena_mark(rq->arena);
        struct report r;
        ok = report_read(call, scope, l->ids[(l->total - 1 - i) % LIST_MAX], &question, rq->arena, &r, &d) == ERR_OK;
        if (ok)
            put_row(b, &r);
        arena_release(rq->arena, mark);
    }
    buf_put(b, S("</tbody></table></div></div>"));
    *count += l->total;
    return ok;
}

void
report_page_list(const struct call *call, struct http_req *rq, struct http_res *rs)
{
    const struct map_slot *slot;
    struct buf *b = rs->body;
    size_t count = 0;
    bool ok = true;

    html_open(rq, rs, S("Reports"));
    buf_put(b, S("<nav><b>Edgewise</b></nav><h1>Reports</h1><p class=\"sub\">Activities, newest first, as of "));
    html_time(b, rq->now_ms);
    buf_put(b, S("</p>"));
    for (size_t i = 0; ok && (slot = map_next(&call->snap->scopes, &i)) != NULL;)
        ok = put_scope(call, rq, b, slot->key, call->snap->scopes.count > 1, &count);
    if (!ok) {
        html_sorry(rq, rs, 503, "The reports cannot be read now.");
        return;
    }
    if (count == 0)
        buf_put(b, S("<div class=\"card empty\">There are no activities yet. Make one with the Target admin API: its "
                     "results appear here with its first visitor.</div>"));
    html_close(rs);
}
