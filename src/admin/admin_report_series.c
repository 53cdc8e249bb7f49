/* admin_report_series.c - a report over time, from the hours that the hub keeps: a running total for each curve.
 *
 * Few experiences are read, each with a query of its own, and the step grows with the span, so a point has a pixel and
 * the work a bound: LIMIT_REPORT_PLOTTED times the days that are kept. What counted before the kept hours is the first
 * point's: life less the hours. */
#include "admin/admin_report.h"

struct span {
    int64_t from_ms, to_ms, step_ms;
};

struct fetch {
    struct results_query q;
    struct arena *arena;
    struct report_series *series;
    struct results_row rows[LIMIT_REPORT_PLOTTED];
    enum err rc;
    struct diag *d;
};

/* The first row and the largest ones get curves, in the order of the rows. */
static void
choose(struct report *r, struct report_series *s)
{
    for (size_t n = 0; n < LIMIT_REPORT_PLOTTED; n++) {
        struct report_row *most = NULL;
        for (size_t i = 0; i < r->row_count && (n > 0 || i == 0); i++) {
            struct report_row *row = &r->rows[i];
            if (row->colour < 0 && (most == NULL || row->counts.units > most->counts.units))
                most = row;
        }
        if (most != NULL)
            most->colour = 0;
    }
    for (size_t i = 0; i < r->row_count; i++) {
        if (r->rows[i].colour < 0)
            continue;
        r->rows[i].colour = (int)s->line_count;
        s->lines[s->line_count++].row = &r->rows[i];
    }
}

/* From the first day to now, or what of it was asked for; whole steps. */
static struct span
span_of(const struct report_series *s, const struct results_query *q, int64_t now_ms)
{
    static const int64_t steps[] = {[STEP_HOUR] = MS_PER_HOUR, [STEP_DAY] = MS_PER_DAY, [STEP_WEEK] = 7 * MS_PER_DAY};
    struct span x = {INT64_MAX, 0, 0};

    for (size_t i = 0; i < s->line_count; i++) {
        const struct results_row *all = &s->lines[i].row->all;
        if (all->first_ms == all->last_ms)
            continue;
        x.from_ms = all->first_ms < x.from_ms ? all->first_ms : x.from_ms;
        x.to_ms = all->last_ms > x.to_ms ? all->last_ms : x.to_ms;
    }
    if (q->to_ms != 0) {
        x.from_ms = q->from_ms > x.from_ms ? q->from_ms : x.from_ms;
        x.to_ms = q->to_ms < x.to_ms ? q->to_ms : x.to_ms;
    }
    if (x.to_ms > (now_ms / MS_PER_HOUR + 1) * MS_PER_HOUR)
        x.to_ms = (now_ms / MS_PER_HOUR + 1) * MS_PER_HOUR;
    for (int i = STEP_HOUR; i <= STEP_WEEK && x.from_ms < x.to_ms; i++) {
        int64_t from = i == STEP_WEEK ? x.from_ms - (x.from_ms / MS_PER_DAY + 3) % 7 * MS_PER_DAY /* from Monday */
                                      : x.from_ms / steps[i] * steps[i];
        if (i == STEP_WEEK || (x.to_ms - from + steps[i] - 1) / steps[i] <= LIMIT_REPORT_POINTS) {
            x.from_ms = from;
            x.step_ms = steps[i];
            break;
        }
    }
    return x;
}

/* Under the hub's lock. */
static void
fetch_lines(void *ctx, struct kv *k)
{
    struct fetch *f = ctx;

    for (size_t i = 0; f->rc == ERR_OK && i < f->series->line_count; i++) {
        struct results_row *rows;
        size_t n;
        f->q.experience = f->series->lines[i].row->experience;
        f->rc = results_read(k, &f->q, f->arena, &rows, &n, f->d);
        if (f->rc == ERR_OK && n > 0)
            f->rows[i] = rows[0];
    }
}

/* The units and sums of `more` join those of `sum`. */
static void
join(struct stats_sample *sum, const struct stats_sample *more, int sign)
{
    sum->n = sign > 0 ? sum->n + more->n : sum->n - more->n;
    sum->sum += sign * more->sum;
    sum->squares += sign * more->squares;
}

/* Running totals of one money or rate. */
static struct stats_sample *
add_up(const struct results_row *row, const struct stats_sample *total, const struct report_question *question,
       bool money, const struct report_series *s, struct arena *a)
{
    struct stats_sample *out = ARENA_ARRAY(a, struct stats_sample, s->point_count), sum = *total;
    size_t at = 0;

    for (size_t i = 0; i < row->point_count; i++) { /* what the hours do not have comes before them */
        struct stats_sample x =
            results_sample(&row->points[i].counts, question->metric, question->method, money, question->tamed);
        join(&sum, &x, -1);
    }
    for (size_t i = 0; out != NULL && i < s->point_count; i++) {
        for (; at < row->point_count && (i + 1 == s->point_count || row->points[at].from_ms < s->from_ms[i + 1]);
             at++) {
            struct stats_sample x =
                results_sample(&row->points[at].counts, question->metric, question->method, money, question->tamed);
            join(&sum, &x, 1);
        }
        out[i] = sum;
    }
    return out;
}

enum err
report_read_series(const struct call *call, struct report *r, const struct report_question *question, int64_t now_ms,
                   struct arena *a, struct report_series *out, struct diag *d)
{
    struct fetch f = {.q = question->q, .arena = a, .series = out, .d = d};
    struct span x;

    *out = (struct report_series){0};
    choose(r, out);
    x = span_of(out, &question->q, now_ms);
    if (x.step_ms == 0)
        return ERR_OK;
    out->step = x.step_ms == MS_PER_HOUR ? STEP_HOUR : x.step_ms == MS_PER_DAY ? STEP_DAY : STEP_WEEK;
    out->point_count = (size_t)((x.to_ms - x.from_ms + x.step_ms - 1) / x.step_ms);
    out->from_ms = ARENA_ARRAY(a, int64_t, out->point_count);
    if (out->from_ms == NULL)
        return diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
    for (size_t i = 0; i < out->point_count; i++)
        out->from_ms[i] = x.from_ms + (int64_t)i * x.step_ms;
    f.q.scope = r->scope;
    f.q.activity = r->id;
    f.q.step = out->step;
    if (f.q.to_ms == 0)
        f.q.to_ms = x.to_ms;
    call->admin->o.hub.read(call->admin->o.hub.ctx, fetch_lines, &f);
    if (f.rc != ERR_OK)
        return f.rc;
    for (size_t i = 0; i < out->line_count; i++) {
        struct report_line *l = &out->lines[i];
        l->conversion = add_up(&f.rows[i], &l->row->conversion, question, false, out, a);
        l->revenue = add_up(&f.rows[i], &l->row->revenue, question, true, out, a);
        if (l->conversion == NULL || l->revenue == NULL)
            return diag_set(d, ERR_LIMIT, "the report needs more memory than a request may have");
    }
    return ERR_OK;
}
