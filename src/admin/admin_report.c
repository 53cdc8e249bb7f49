/* admin_report.c - results of an activity, read once: counters joined with the experiences as they are now, and what
 * follows from them (docs/statistics.md). */
#include "admin/admin_report.h"

#define EXPECTED_MIN 5 /* visitors of the smallest share: below, chi-square is not to be trusted */

/* ---- reading ---- */

struct fetch {
    const struct results_query *q;
    struct arena *arena;
    struct results_row *rows;
    size_t n;
    struct results_lane recount;
    enum err rc;
    struct diag *d;
};

/* Under the hub's lock; what is read is in the arena. */
static void
fetch_rows(void *ctx, struct kv *k)
{
    struct fetch *f = ctx;

    f->rc = results_read(k, f->q, f->arena, &f->rows, &f->n, f->d);
    if (f->rc == ERR_OK)
        f->rc = results_lane_of(k, f->q->scope, f->q->activity, f->arena, &f->recount, f->d);
}

struct str
report_local_id(const struct json *experience, struct arena *a)
{
    const struct json *v = json_get(experience, S("experienceLocalId"));

    return json_is(v, JSON_STRING) ? json_str(v) : arena_printf(a, "%lld", (long long)json_i64(v, 0));
}

static struct report_figures
figures_of(const struct results_counts *c, const struct report_question *question)
{
    struct results_metric m = results_metric_of(c, question->metric);

    return (struct report_figures){.visitors = c->units[BY_VISITOR],
                                   .visits = c->units[BY_VISIT],
                                   .impressions = c->units[BY_IMPRESSION],
                                   .clicks = c->clicks,
                                   .click_visitors = c->click_visitors,
                                   .units = c->units[question->method],
                                   .conversions = m.conversions[question->method],
                                   .orders = m.orders,
                                   .revenue = question->tamed ? m.tamed.sum : m.as_is.sum};
}

static bool
add_row(struct report *r, struct report_row row, const struct results_row *counted, struct arena *a)
{
    row.all = *counted;
    row.experience = counted->experience;
    row.colour = -1;
    if (row.name.n == 0)
        row.name = arena_printf(a, "Experience %.*s", STR_ARG(row.experience));
    r->rows[r->row_count++] = row;
    return results_row_add(&r->all, counted, a);
}

/* Experiences in their order, then those that are gone and were counted. */
static enum err
join(struct report *r, struct fetch *f, struct arena *a, struct diag *d)
{
    const struct json *experiences = json_get(r->activity, S("experiences"));
    struct json_iter it = json_iter(experiences);
    bool *used = arena_calloc(a, f->n + 1, sizeof *used), ok = true;

    r->rows = ARENA_ARRAY(a, struct report_row, json_count(experiences) + f->n + 1);
    if (r->rows == NULL || used == NULL)
        return diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
    while (ok && json_next(&it)) {
        struct results_row counted = {.experience = report_local_id(it.value, a)};
        struct report_row row = {.name = json_str(json_get(it.value, S("name"))),
                                 .share = json_f64(json_get(it.value, S("visitorPercentage")), -100) / 100};
        for (size_t i = 0; i < f->n; i++) {
            if (!used[i] && str_eq(f->rows[i].experience, counted.experience)) {
                counted = f->rows[i];
                used[i] = true;
            }
        }
        if (json_count(json_get(it.value, S("audienceIds"))) > 0)
            row.share = -1;
        ok = add_row(r, row, &counted, a);
    }
    for (size_t i = 0; ok && i < f->n; i++)
        ok = used[i] || add_row(r, (struct report_row){.removed = true, .share = -1}, &f->rows[i], a);
    return ok ? ERR_OK : diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
}

/* ---- figures ---- */

static double
by(double sum, uint64_t n)
{
    return n == 0 ? 0 : sum / (double)n;
}

static void
compute_row(struct report_row *row, const struct report_question *question)
{
    const struct results_counts *c = &row->all.counts;

    row->counts = figures_of(c, question);
    row->conversion = results_sample(c, question->metric, question->method, false, question->tamed);
    row->revenue = results_sample(c, question->metric, question->method, true, question->tamed);
    row->click_rate = by((double)row->counts.clicks, row->counts.impressions);
    row->order_value = by(row->counts.revenue, row->counts.orders);
    row->conversion_rate = stats_mean(&row->conversion);
    row->revenue_per_visitor = stats_mean(&row->revenue);
    row->conversion_half_width = stats_half_width(&row->conversion);
    row->revenue_half_width = stats_half_width(&row->revenue);
}

static void
compare(const struct report *r, struct report_row *row)
{
    const struct report_row *first = &r->rows[0];
    unsigned comparisons = (unsigned)r->row_count - 1;

    row->conversion_lift = stats_compare(&first->conversion, &row->conversion);
    row->revenue_lift = stats_compare(&first->revenue, &row->revenue);
    row->conversion_watched = stats_sequential(&first->conversion, &row->conversion, comparisons);
    row->revenue_watched = stats_sequential(&first->revenue, &row->revenue, comparisons);
    if (row->conversion_lift.known)
        row->needed = stats_sample_size(first->conversion_rate, row->conversion_lift.lift, REPORT_SIGNIFICANT,
                                        REPORT_POWER, comparisons);
}

/* Visitors, not entrants: who comes back after a conversion keeps his experience. Every share of the activity's own
 * must be known; an experience that is gone takes no part. */
static struct report_split
check_split(const struct report *r, struct arena *a)
{
    uint64_t *visitors = ARENA_ARRAY(a, uint64_t, r->row_count + 1);
    double *shares = ARENA_ARRAY(a, double, r->row_count + 1), total = 0, sum = 0, least = 1;
    struct report_split s = {.p = 1};

    if (visitors == NULL || shares == NULL || !str_eq(r->type, S("ab")) || decide_allocates(r->activity) ||
        decide_learns(r->activity))
        return s;
    for (size_t i = 0; i < r->row_count; i++) {
        const struct report_row *row = &r->rows[i];
        if (row->removed)
            continue;
        if (row->share < 0)
            return s;
        visitors[i] = row->all.counts.people;
        shares[i] = row->share;
        total += row->share > 0 ? (double)visitors[i] : 0;
        sum += row->share;
        least = row->share > 0 && row->share < least ? row->share : least;
    }
    s.checked = sum > 0 && least < 1 && total * least / sum >= EXPECTED_MIN;
    if (s.checked)
        s.p = stats_ratio_p(visitors, shares, r->row_count);
    s.alarm = s.p < STATS_RATIO_ALARM;
    return s;
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
    r.allocation = snapshot_object(call->snap, S("allocation"), scope, id);
    r.model = snapshot_object(call->snap, S("model"), scope, id);
    r.name = json_str(json_get(r.activity, S("name")));
    r.type = json_str(json_get(r.activity, S("type")));
    r.state = json_str(json_get(r.activity, S("state")));
    hub->read(hub->ctx, fetch_rows, &f);
    rc = f.rc;
    if (rc == ERR_OK)
        rc = join(&r, &f, a, d);
    if (rc != ERR_OK)
        return rc;
    r.totals = figures_of(&r.all.counts, question);
    for (size_t i = 0; i < r.row_count; i++)
        compute_row(&r.rows[i], question);
    for (size_t i = 1; i < r.row_count; i++)
        compare(&r, &r.rows[i]);
    r.split = check_split(&r, a);
    r.recount = f.recount;
    *out = r;
    return ERR_OK;
}

void
report_believe(struct report *r)
{
    for (size_t i = 1; i < r->row_count && i <= LIMIT_REPORT_BELIEFS; i++) {
        r->rows[i].believed = r->rows[0].counts.units > 0 && r->rows[i].counts.units > 0 &&
                              r->rows[0].counts.conversions + r->rows[i].counts.conversions > 0;
        if (r->rows[i].believed)
            r->rows[i].belief = stats_believe(&r->rows[0].conversion, &r->rows[i].conversion);
    }
}

const struct report_row *
report_best(const struct report *r)
{
    const struct report_row *best = NULL;

    for (size_t i = 1; i < r->row_count; i++) {
        const struct report_row *row = &r->rows[i];
        if (row->conversion_lift.known && !row->removed &&
            (best == NULL || row->conversion_rate > best->conversion_rate))
            best = row;
    }
    return best;
}

bool
report_compares(const struct report *r, const struct report_row *row)
{
    return row != r->rows && row->counts.units >= REPORT_UNITS_MIN && r->rows[0].counts.units >= REPORT_UNITS_MIN;
}

/* ---- orders ---- */

struct order_fetch {
    const struct report *report;
    struct arena *arena;
    struct results_order *orders;
    size_t n;
    enum err rc;
    struct diag *d;
};

static void
fetch_orders(void *ctx, struct kv *k)
{
    struct order_fetch *f = ctx;

    f->rc = results_orders(k, f->report->scope, f->report->id, f->arena, &f->orders, &f->n, f->d);
}

enum err
report_read_orders(const struct call *call, const struct report *r, const struct report_question *question,
                   struct arena *a, struct results_order **orders, size_t *n, struct diag *d)
{
    const struct results_query *q = &question->q;
    struct order_fetch f = {.report = r, .arena = a, .d = d};

    call->admin->o.hub.read(call->admin->o.hub.ctx, fetch_orders, &f);
    *orders = f.orders;
    *n = 0;
    for (size_t i = 0; f.rc == ERR_OK && i < f.n; i++) {
        const struct results_order *o = &f.orders[i];
        if ((q->to_ms == 0 || (o->time_ms >= q->from_ms && o->time_ms < q->to_ms)) &&
            (q->environment == 0 ? o->environment != RESULTS_QA : o->environment == q->environment))
            f.orders[(*n)++] = *o;
    }
    return f.rc;
}
