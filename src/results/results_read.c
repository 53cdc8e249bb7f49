/* results_read.c - counters to rows of a report: sums over environments, over the hours of an interval, and by step. */
#include "results/results_int.h"

#include "base/civil.h"

/* Local ids are numbers: 2 comes before 10. */
static int
compare_ids(struct str a, struct str b)
{
    uint64_t x, y;

    if (str_to_u64(a, &x) && str_to_u64(b, &y) && x != y)
        return x < y ? -1 : 1;
    return str_cmp(a, b);
}

static bool
is_asked(const struct results_query *q, const struct results_series *s)
{
    return s->audience == q->audience && (q->experience.n == 0 || str_eq(q->experience, s->experience)) &&
           (q->environment == 0 ? s->environment != RESULTS_QA : s->environment == q->environment);
}

static int64_t
step_start(enum results_step step, int64_t ms)
{
    int64_t day = ms / MS_PER_DAY;
    struct civil c;

    switch (step) {
    case STEP_WEEK: /* from Monday; 1970 began on a Thursday */
        return (day - (day + 3) % 7) * MS_PER_DAY;
    case STEP_MONTH:
        c = civil_from_ms(ms);
        return civil_days(c.year, c.month, 1) * MS_PER_DAY;
    case STEP_DAY:
        return day * MS_PER_DAY;
    case STEP_HOUR:
    case STEP_NONE:
        break;
    }
    return ms;
}

struct gather {
    const struct results_query *q;
    struct results_row *row;
    struct arena *a;
};

/* Hours of one series come in order, those of another begin anew. */
static struct results_point *
point_at(struct gather *g, int64_t from_ms)
{
    struct results_row *r = g->row;
    size_t at = r->point_count;

    while (at > 0 && r->points[at - 1].from_ms > from_ms)
        at--;
    if (at > 0 && r->points[at - 1].from_ms == from_ms)
        return &r->points[at - 1];
    if (r->point_count == r->point_room) {
        size_t room = r->point_room > 0 ? r->point_room * 2 : 32;
        struct results_point *grown = ARENA_ARRAY(g->a, struct results_point, room);
        if (grown == NULL)
            return NULL;
        if (r->point_count > 0)
            memcpy(grown, r->points, r->point_count * sizeof *grown);
        r->points = grown;
        r->point_room = room;
    }
    memmove(r->points + at + 1, r->points + at, (r->point_count - at) * sizeof *r->points);
    r->points[at] = (struct results_point){.from_ms = from_ms};
    r->point_count++;
    return &r->points[at];
}

static void
add_span(struct results_row *r, int64_t from_ms, int64_t to_ms)
{
    if (from_ms == to_ms)
        return;
    if (r->first_ms == r->last_ms || from_ms < r->first_ms)
        r->first_ms = from_ms;
    if (to_ms > r->last_ms)
        r->last_ms = to_ms;
}

bool
results_row_add(struct results_row *to, const struct results_row *more, struct arena *a)
{
    struct gather g = {.row = to, .a = a};

    if (!results_add(&to->counts, &more->counts, a))
        return false;
    add_span(to, more->first_ms, more->last_ms);
    for (size_t i = 0; i < more->point_count; i++) {
        struct results_point *p = point_at(&g, more->points[i].from_ms);
        if (p == NULL || !results_add(&p->counts, &more->points[i].counts, a))
            return false;
    }
    return true;
}

static bool
take_hour(void *ctx, int64_t hour_ms, const struct results_counts *c)
{
    struct gather *g = ctx;
    struct results_point *p;

    if (hour_ms < g->q->from_ms || hour_ms >= g->q->to_ms)
        return true;
    if (!results_add(&g->row->counts, c, g->a))
        return false;
    if (g->q->step == STEP_NONE)
        return true;
    p = point_at(g, step_start(g->q->step, hour_ms));
    return p != NULL && results_add(&p->counts, c, g->a);
}

static enum err
read_series(struct results_table *t, struct gather *g, const struct results_series *s, struct diag *d)
{
    const struct results_query *q = g->q;
    struct results_life life;
    int64_t first, last;
    enum err rc = results_life(t, q->scope, q->activity, s, g->a, &life, d);

    if (rc != ERR_OK)
        return rc;
    add_span(g->row, life.first_day * MS_PER_DAY, (life.last_day + 1) * MS_PER_DAY);
    if (q->from_ms == 0 && q->to_ms == 0)
        return results_add(&g->row->counts, &life.counts, g->a) ? ERR_OK : results_no_memory(d);
    first = q->from_ms / MS_PER_DAY > life.first_day ? q->from_ms / MS_PER_DAY : life.first_day;
    last = (q->to_ms - 1) / MS_PER_DAY < life.last_day ? (q->to_ms - 1) / MS_PER_DAY : life.last_day;
    for (int64_t day = first; rc == ERR_OK && day <= last; day++) {
        if (q->days_of_week == 0 || q->days_of_week >> (day + 4) % 7 & 1)
            rc = results_hours(t, q->scope, q->activity, s, day, g->a, take_hour, g, d);
    }
    return rc;
}

static struct results_row *
row_of(struct results_row *rows, size_t *n, struct str experience)
{
    size_t at = *n;

    while (at > 0 && compare_ids(rows[at - 1].experience, experience) > 0)
        at--;
    if (at > 0 && str_eq(rows[at - 1].experience, experience))
        return &rows[at - 1];
    memmove(rows + at + 1, rows + at, (*n - at) * sizeof *rows);
    rows[at] = (struct results_row){.experience = experience};
    (*n)++;
    return &rows[at];
}

enum err
results_read(struct kv *k, const struct results_query *q, struct arena *a, struct results_row **rows, size_t *n,
             struct diag *d)
{
    struct results_table *t = RESULTS_READER(k, a);
    struct results_query in = *q;
    struct results_series *series;
    size_t count = 0;
    enum err rc = results_key_activity(t, q->scope, q->activity, a, &in.activity, d);

    if (rc == ERR_OK)
        rc = results_series(t, in.scope, in.activity, a, &series, &count, d);
    *n = 0;
    *rows = NULL;
    if (rc != ERR_OK)
        return rc;
    *rows = ARENA_ARRAY(a, struct results_row, count + 1);
    if (*rows == NULL)
        return results_no_memory(d);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        struct gather g = {.q = &in, .a = a};
        if (!is_asked(&in, &series[i]))
            continue;
        g.row = row_of(*rows, n, series[i].experience);
        rc = read_series(t, &g, &series[i], d);
    }
    return rc;
}
