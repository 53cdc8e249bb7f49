/* admin_report_verdict.c - what a reader wants to know first, in words: can the figures be trusted, is one experience
 * better, and may the test end?
 *
 *   (1) a split that is not the configured one makes every other figure worthless, so it comes alone
 *   (2) where machines move the traffic, their rule decides [TARGET 8.1]
 *   (3) the interval that may be watched decides; confidence of one look never says "stop" */
#include <math.h>

#include "admin/admin_report_page.h"

#include "results/allocate.h"

void
report_put_alarm(struct report_page *p)
{
    const struct report *r = p->r;
    struct buf *b = p->b;
    uint64_t people = 0;
    double shares = 0;

    if (!r->split.alarm)
        return;
    for (size_t i = 0; i < r->row_count; i++) {
        people += r->rows[i].removed ? 0 : r->rows[i].all.counts.people;
        shares += r->rows[i].removed ? 0 : r->rows[i].share;
    }
    buf_put(b, S("<div class=\"card verdict alarm\" role=\"alert\"><h2>Do not trust these figures: visitors are not "
                 "split as configured</h2><p>"));
    for (size_t i = 0; i < r->row_count && i < LIMIT_REPORT_PLOTTED && people > 0; i++) {
        const struct report_row *row = &r->rows[i];
        if (row->removed)
            continue;
        buf_put(b, i > 0 ? S("; ") : S(""));
        html_text(b, row->name);
        buf_put(b, S(": "));
        html_percent(b, (double)row->all.counts.people / (double)people);
        buf_put(b, S(" instead of "));
        html_percent(b, row->share / shares);
    }
    buf_printf(b,
               ". By chance that happens in less than one of 1,000 tests (p = %.2g).</p><p>Look for a redirect or a "
               "slow offer that loses people before they are counted, for a bot, or for shares that were changed "
               "while the test ran. Start anew once it is found.</p></div>",
               r->split.p);
}

/* ---- Auto-Allocate ---- */

static const struct report_row *
row_named(const struct report *r, struct str experience)
{
    for (size_t i = 0; i < r->row_count; i++) {
        if (str_eq(r->rows[i].experience, experience))
            return &r->rows[i];
    }
    return NULL;
}

static const struct report_row *
leader_of(const struct report *r)
{
    bool warm = json_bool(json_get(r->allocation, S("warm")), false);

    return warm ? row_named(r, json_str(json_get(r->allocation, S("leader")))) : NULL;
}

/* [TARGET 8.1] The winner, else "No winner yet"; confidence from 60 % on. */
void
report_put_badge(struct buf *b, const struct report *r)
{
    const struct report_row *leader = leader_of(r);
    double confidence = json_f64(json_get(r->allocation, S("confidence")), 0);

    if (leader != NULL && json_bool(json_get(r->allocation, S("won")), false)) {
        buf_put(b, S("<span class=\"chip good\">Winner: "));
        html_text(b, leader->name);
    } else {
        buf_put(b, S("<span class=\"chip\">No winner yet"));
    }
    if (confidence >= ALLOCATE_SHOWN_CONFIDENCE) {
        buf_put(b, S(" \xC2\xB7 confidence "));
        html_confidence(b, confidence);
    }
    buf_put(b, S("</span>"));
}

static void
put_allocated(struct buf *b, const struct report *r)
{
    const struct report_row *leader = leader_of(r);
    bool won = leader != NULL && json_bool(json_get(r->allocation, S("won")), false);

    buf_printf(b, "<div class=\"card verdict%s\"><h2>", won ? " won" : "");
    if (won) {
        html_text(b, leader->name);
        buf_put(b,
                S(" has won</h2><p>Its interval lies above all others, and new visitors get it by far the most often. "
                  "You may end the test and show it to everybody.</p>"));
    } else if (leader != NULL) {
        buf_put(b, S("No winner yet: "));
        html_text(b, leader->name);
        buf_put(b, S(" leads</h2><p>Its interval still overlaps another one. Traffic moves to the better experiences "
                     "every hour while the test goes on.</p>"));
    } else {
        buf_printf(
            b,
            "No winner yet: all experiences get the same share</h2><p>Shares begin to move once every experience "
            "has %d visitors and %d conversions.</p>",
            ALLOCATE_VISITORS_MIN, ALLOCATE_CONVERSIONS_MIN);
    }
    buf_put(b, S("</div>"));
}

/* ---- by hand ---- */

static void
put_difference(struct buf *b, const struct report *r, const struct report_row *best)
{
    buf_put(b, S("<b>"));
    html_text(b, best->name);
    buf_put(b, S("</b> converts <b>"));
    html_percent(b, fabs(best->conversion_lift.lift));
    buf_put(b, best->conversion_lift.lift >= 0 ? S(" better</b> than ") : S(" worse</b> than "));
    html_text(b, r->rows[0].name);
    buf_put(b, S(", confidence "));
    html_confidence(b, best->conversion_lift.confidence);
}

/* The interval of the difference of the rates that holds at every look. */
static void
put_watched(struct buf *b, const struct stats_sequential *s)
{
    buf_put(b, S("the difference lies between "));
    html_points(b, s->low);
    buf_put(b, S(" and "));
    html_points(b, s->high);
    buf_put(b, S(" percentage points, however often one looks"));
}

static void
put_needed(struct report_page *p, const struct report_row *best)
{
    const struct report *r = p->r;
    uint64_t have = best->counts.units < r->rows[0].counts.units ? best->counts.units : r->rows[0].counts.units;
    const char *unit = report_unit(p->question->method);
    struct buf *b = p->b;

    if (best->needed == 0)
        return;
    buf_put(b, S("<p>To see a difference as large as this one takes about "));
    html_count(b, best->needed);
    buf_printf(b, " %s of each experience", unit);
    if (best->needed > have) {
        buf_put(b, S(", "));
        html_count(b, best->needed - have);
        buf_put(b, S(" more than there are"));
    }
    buf_printf(b, " (%.0f%% confidence, %.0f%% power%s).</p>", REPORT_SIGNIFICANT * 100, REPORT_POWER * 100,
               r->row_count > 2 ? ", shared between the comparisons" : "");
}

static void
put_compared(struct report_page *p, const struct report_row *best)
{
    const struct stats_sequential *s = &best->conversion_watched;
    const struct stats_lift *l = &best->conversion_lift;
    bool decided = s->known && (s->low > 0 || s->high < 0);
    struct buf *b = p->b;

    buf_printf(b, "<div class=\"card verdict%s\"><h2>", decided && s->low > 0 ? " won" : "");
    if (decided && s->low > 0) {
        html_text(b, best->name);
        buf_put(b, S(" is better: the test may end"));
    } else if (decided) {
        html_text(b, p->r->rows[0].name);
        buf_put(b, S(" is better: the test may end"));
    } else {
        buf_put(b, l->confidence >= REPORT_SIGNIFICANT ? S("Promising, and not decided yet")
                                                       : S("No difference can be told yet"));
    }
    buf_put(b, S("</h2><p>"));
    put_difference(b, p->r, best);
    if (s->known) {
        buf_put(b, decided ? S(", and ") : S("; "));
        put_watched(b, s);
    }
    buf_put(b, S(".</p>"));
    if (!decided && l->confidence >= REPORT_SIGNIFICANT)
        buf_put(b, S("<p>This confidence counts if today was fixed as the last day before the test began. Else let it "
                     "run until the interval leaves out zero.</p>"));
    if (!decided)
        put_needed(p, best);
    buf_put(b, S("</div>"));
}

void
report_put_verdict(struct report_page *p)
{
    const struct report_row *best = report_best(p->r);

    if (p->r->split.alarm || p->r->totals.visitors == 0)
        return;
    if (decide_allocates(p->r->activity)) {
        put_allocated(p->b, p->r);
        return;
    }
    if (str_eq(p->r->type, S("xt"))) /* its experiences have other visitors: they are no test */
        return;
    if (best == NULL && p->r->row_count < 2)
        return;
    if (best == NULL || !report_compares(p->r, best)) {
        buf_printf(p->b,
                   "<div class=\"card verdict\"><h2>Too early to compare</h2><p>A comparison needs %d %s of each "
                   "experience%s.</p></div>",
                   REPORT_UNITS_MIN, report_unit(p->question->method),
                   best == NULL ? ", and a conversion of the first" : "");
        return;
    }
    put_compared(p, best);
}
