/* results_counter.c - counters: their bytes, and adding to them (docs/formats/results.md).
 *
 *   RX scope activity          -> the series that there are
 *   RC scope activity series   -> first and last day, counters for life
 *   RD scope activity series day -> the hours of that day
 *
 * A series is an experience, an environment and a reporting audience. There is no order among keys, so the life of a
 * series says which days to ask for. A new day drops those that are too old. */
#include "results/results_int.h"

#include "base/civil.h"

/* ---- keys and values ---- */

struct str
results_key(struct arena *a, char tag, const struct str *parts, size_t n)
{
    struct buf b;
    struct str key;

    buf_init(&b, LIMIT_RECORD_KEY_BYTES);
    buf_putc(&b, 'R');
    buf_putc(&b, tag);
    for (size_t i = 0; i < n; i++)
        pack_str(&b, parts[i]);
    key = buf_ok(&b) ? arena_str(a, buf_str(&b)) : S_NULL;
    buf_deinit(&b);
    return key;
}

struct str
results_number(struct arena *a, int64_t n)
{
    return arena_printf(a, "%lld", (long long)n);
}

enum err
results_load(const struct results_table *t, struct str key, struct arena *a, struct unpack *u, bool *found,
             struct diag *d)
{
    struct str borrowed, value;
    enum err rc = key.p == NULL ? results_no_memory(d) : results_get(t, key, &borrowed, d);

    *found = false;
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc != ERR_OK)
        return rc;
    value = arena_str(a, borrowed);
    if (value.p == NULL)
        return results_no_memory(d);
    *u = unpack_from(value);
    *found = true;
    return unpack_u64(u) == RESULTS_VERSION ? ERR_OK : results_corrupt(d, "a value");
}

void
results_begin(struct buf *b)
{
    buf_init(b, LIMIT_RECORD_VALUE_BYTES);
    pack_u64(b, RESULTS_VERSION);
}

enum err
results_store(struct results_table *t, struct str key, struct buf *b, struct diag *d)
{
    enum err rc = ERR_OK;

    if (key.p == NULL)
        rc = results_no_memory(d);
    else if (!buf_ok(b))
        rc = diag_set(d, ERR_LIMIT, "results: a value passes %d bytes", LIMIT_RECORD_VALUE_BYTES);
    if (rc == ERR_OK)
        rc = results_put(t, key, buf_str(b), d);
    buf_deinit(b);
    return rc;
}

/* ---- counts ---- */

static void
pack_sum(struct buf *b, const struct results_sum *s)
{
    pack_f64(b, s->sum);
    for (int m = 0; m < RESULTS_METHODS; m++)
        pack_f64(b, s->squares[m]);
}

static void
unpack_sum(struct unpack *u, struct results_sum *s)
{
    s->sum = unpack_f64(u);
    for (int m = 0; m < RESULTS_METHODS; m++)
        s->squares[m] = unpack_f64(u);
}

static bool
has_money(const struct results_metric *x)
{
    return x->orders > 0 || x->as_is.squares[BY_IMPRESSION] != 0 || x->tamed.squares[BY_IMPRESSION] != 0;
}

static void
pack_counts(struct buf *b, const struct results_counts *c)
{
    for (int m = 0; m < RESULTS_METHODS; m++)
        pack_u64(b, c->units[m]);
    pack_u64(b, c->people);
    pack_u64(b, c->clicks);
    pack_u64(b, c->click_visitors);
    pack_u64(b, c->metric_count);
    for (size_t i = 0; i < c->metric_count; i++) {
        const struct results_metric *x = &c->metrics[i];
        pack_u64(b, (uint64_t)x->metric * 2 + has_money(x));
        for (int m = 0; m < RESULTS_METHODS; m++)
            pack_u64(b, x->conversions[m]);
        if (!has_money(x))
            continue;
        pack_u64(b, x->orders);
        pack_sum(b, &x->as_is);
        pack_sum(b, &x->tamed);
    }
}

static void
unpack_metric(struct unpack *u, struct results_metric *x)
{
    uint64_t head = unpack_u64(u);

    x->metric = (uint32_t)(head / 2);
    for (int m = 0; m < RESULTS_METHODS; m++)
        x->conversions[m] = unpack_u64(u);
    if (head % 2 == 0)
        return;
    x->orders = unpack_u64(u);
    unpack_sum(u, &x->as_is);
    unpack_sum(u, &x->tamed);
}

static bool
unpack_counts(struct unpack *u, struct arena *a, struct results_counts *c)
{
    uint64_t n;

    for (int m = 0; m < RESULTS_METHODS; m++)
        c->units[m] = unpack_u64(u);
    c->people = unpack_u64(u);
    c->clicks = unpack_u64(u);
    c->click_visitors = unpack_u64(u);
    n = unpack_u64(u);
    if (u->bad || n > unpack_left(u))
        return false;
    c->metrics = ARENA_ARRAY(a, struct results_metric, n + 1);
    if (c->metrics == NULL)
        return false;
    for (c->metric_count = 0; c->metric_count < n; c->metric_count++)
        unpack_metric(u, &c->metrics[c->metric_count]);
    return !u->bad;
}

static void
add_sum(struct results_sum *to, const struct results_sum *more)
{
    to->sum += more->sum;
    for (int m = 0; m < RESULTS_METHODS; m++)
        to->squares[m] += more->squares[m];
}

/* The metric's place, made when there is none. */
static struct results_metric *
metric_place(struct results_counts *c, uint32_t metric, struct arena *a)
{
    struct results_metric *grown;
    size_t at = 0;

    while (at < c->metric_count && c->metrics[at].metric < metric)
        at++;
    if (at < c->metric_count && c->metrics[at].metric == metric)
        return &c->metrics[at];
    grown = ARENA_ARRAY(a, struct results_metric, c->metric_count + 1);
    if (grown == NULL)
        return NULL;
    for (size_t i = 0; i < c->metric_count; i++)
        grown[i + (i >= at)] = c->metrics[i];
    grown[at].metric = metric;
    c->metrics = grown;
    c->metric_count++;
    return &grown[at];
}

bool
results_add(struct results_counts *to, const struct results_counts *more, struct arena *a)
{
    for (int m = 0; m < RESULTS_METHODS; m++)
        to->units[m] += more->units[m];
    to->people += more->people;
    to->clicks += more->clicks;
    to->click_visitors += more->click_visitors;
    for (size_t i = 0; i < more->metric_count; i++) {
        const struct results_metric *x = &more->metrics[i];
        struct results_metric *y = metric_place(to, x->metric, a);
        if (y == NULL)
            return false;
        for (int m = 0; m < RESULTS_METHODS; m++)
            y->conversions[m] += x->conversions[m];
        y->orders += x->orders;
        add_sum(&y->as_is, &x->as_is);
        add_sum(&y->tamed, &x->tamed);
    }
    return true;
}

struct results_metric
results_metric_of(const struct results_counts *c, uint32_t metric)
{
    for (size_t i = 0; i < c->metric_count; i++) {
        if (c->metrics[i].metric == metric)
            return c->metrics[i];
    }
    return (struct results_metric){.metric = metric};
}

struct stats_sample
results_sample(const struct results_counts *c, uint32_t metric, enum results_method m, bool money, bool tamed)
{
    struct results_metric x = results_metric_of(c, metric);
    const struct results_sum *s = tamed ? &x.tamed : &x.as_is;

    return money ? (struct stats_sample){.n = c->units[m], .sum = s->sum, .squares = s->squares[m]}
                 : (struct stats_sample){.n = c->units[m], .sum = (double)x.conversions[m], .rate = true};
}

/* ---- series ---- */

static bool
series_same(const struct results_series *x, const struct results_series *y)
{
    return x->environment == y->environment && x->audience == y->audience && str_eq(x->experience, y->experience);
}

enum err
results_series(struct results_table *t, struct str scope, struct str activity, struct arena *a,
               struct results_series **list, size_t *n, struct diag *d)
{
    struct unpack u;
    uint64_t count;
    bool found;
    enum err rc = results_load(t, RESULTS_KEY(a, 'X', scope, activity), a, &u, &found, d);

    *n = 0;
    *list = NULL;
    if (rc != ERR_OK || !found)
        return rc;
    count = unpack_u64(&u);
    if (count > unpack_left(&u))
        return results_corrupt(d, "a list of series");
    *list = ARENA_ARRAY(a, struct results_series, count + 1); /* room for one more */
    if (*list == NULL)
        return results_no_memory(d);
    for (; *n < count; (*n)++) {
        struct results_series *s = &(*list)[*n];
        s->experience = unpack_str(&u);
        s->environment = unpack_i64(&u);
        s->audience = unpack_i64(&u);
    }
    return u.bad || unpack_left(&u) > 0 ? results_corrupt(d, "a list of series") : ERR_OK;
}

/* *full: the activity has all the series that it may have. */
static enum err
register_series(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
                struct arena *a, bool *full, struct diag *d)
{
    struct results_series *list;
    struct buf b;
    size_t n;
    enum err rc = results_series(t, scope, activity, a, &list, &n, d);

    *full = rc == ERR_OK && n >= LIMIT_RESULT_SERIES;
    if (rc != ERR_OK || *full)
        return rc;
    results_begin(&b);
    pack_u64(&b, n + 1);
    for (size_t i = 0; i <= n; i++) {
        const struct results_series *x = i < n ? &list[i] : s;
        if (i < n && series_same(x, s)) { /* it is there */
            buf_deinit(&b);
            return ERR_OK;
        }
        pack_str(&b, x->experience);
        pack_i64(&b, x->environment);
        pack_i64(&b, x->audience);
    }
    return results_store(t, RESULTS_KEY(a, 'X', scope, activity), &b, d);
}

static struct str
life_key(struct str scope, struct str activity, const struct results_series *s, struct arena *a)
{
    return RESULTS_KEY(a, 'C', scope, activity, s->experience, results_number(a, s->environment),
                       results_number(a, s->audience));
}

static struct str
day_key(struct str scope, struct str activity, const struct results_series *s, int64_t day, struct arena *a)
{
    return RESULTS_KEY(a, 'D', scope, activity, s->experience, results_number(a, s->environment),
                       results_number(a, s->audience), results_number(a, day));
}

static enum err
load_life(const struct results_table *t, struct str key, struct arena *a, struct results_life *out, bool *found,
          struct diag *d)
{
    struct unpack u;
    enum err rc = results_load(t, key, a, &u, found, d);

    *out = (struct results_life){0};
    if (rc != ERR_OK || !*found)
        return rc;
    out->first_day = unpack_i64(&u);
    out->last_day = unpack_i64(&u);
    if (!unpack_counts(&u, a, &out->counts))
        return a->refused ? results_no_memory(d) : results_corrupt(d, "a counter");
    return unpack_left(&u) > 0 ? results_corrupt(d, "a counter") : ERR_OK;
}

enum err
results_life(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
             struct arena *a, struct results_life *out, struct diag *d)
{
    bool found;

    return load_life(t, life_key(scope, activity, s, a), a, out, &found, d);
}

/* ---- days ---- */

#define HOURS 24

struct day {
    bool used[HOURS];
    struct results_counts hours[HOURS];
};

static enum err
load_day(const struct results_table *t, struct str key, struct arena *a, struct day *out, struct diag *d)
{
    struct unpack u;
    uint64_t n;
    bool found;
    enum err rc = results_load(t, key, a, &u, &found, d);

    *out = (struct day){0};
    if (rc != ERR_OK || !found)
        return rc;
    n = unpack_u64(&u);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t hour = unpack_u64(&u);
        if (u.bad || hour >= HOURS || !unpack_counts(&u, a, &out->hours[hour]))
            return a->refused ? results_no_memory(d) : results_corrupt(d, "a day");
        out->used[hour] = true;
    }
    return unpack_left(&u) > 0 ? results_corrupt(d, "a day") : ERR_OK;
}

static enum err
store_day(struct results_table *t, struct str key, const struct day *x, struct diag *d)
{
    struct buf b;
    uint64_t n = 0;

    results_begin(&b);
    for (int i = 0; i < HOURS; i++)
        n += x->used[i];
    pack_u64(&b, n);
    for (uint64_t i = 0; i < HOURS; i++) {
        if (!x->used[i])
            continue;
        pack_u64(&b, i);
        pack_counts(&b, &x->hours[i]);
    }
    return results_store(t, key, &b, d);
}

/* The span of days with `day` in it. Days before what is kept go; *late: so does this one. */
static enum err
take_day(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
         struct results_life *life, int64_t day, bool *late, struct arena *a, struct diag *d)
{
    int64_t last = day > life->last_day ? day : life->last_day, oldest = last - LIMIT_RESULT_DAYS + 1;

    *late = day < oldest;
    for (int64_t x = life->first_day; x < oldest && x <= life->last_day; x++) {
        struct str key = day_key(scope, activity, s, x, a);
        enum err rc = key.p == NULL ? results_no_memory(d) : results_has(t, key) ? results_delete(t, key, d) : ERR_OK;
        if (rc != ERR_OK)
            return rc;
    }
    life->last_day = last;
    if (!*late && day < life->first_day)
        life->first_day = day;
    if (life->first_day < oldest)
        life->first_day = oldest;
    return ERR_OK;
}

static int64_t
floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

static enum err
count_hour(struct results_table *t, struct str key, const struct results_counts *more, int64_t now_ms, struct arena *a,
           struct diag *d)
{
    struct day *x = ARENA_NEW(a, struct day);
    int64_t hour = floor_div(now_ms, MS_PER_HOUR) - floor_div(now_ms, MS_PER_DAY) * HOURS;
    enum err rc = x == NULL ? results_no_memory(d) : load_day(t, key, a, x, d);

    if (rc != ERR_OK)
        return rc;
    x->used[hour] = true;
    return results_add(&x->hours[hour], more, a) ? store_day(t, key, x, d) : results_no_memory(d);
}

enum err
results_count(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
              const struct results_counts *more, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct str key = life_key(scope, activity, s, a);
    int64_t day = floor_div(now_ms, MS_PER_DAY);
    struct results_life life;
    struct buf b;
    bool found, full = false, late = false;
    enum err rc = load_life(t, key, a, &life, &found, d);

    if (rc == ERR_OK && !found) {
        life.first_day = life.last_day = day;
        rc = register_series(t, scope, activity, s, a, &full, d);
    }
    if (rc != ERR_OK || full)
        return rc;
    rc = take_day(t, scope, activity, s, &life, day, &late, a, d);
    if (rc == ERR_OK && !results_add(&life.counts, more, a))
        rc = results_no_memory(d);
    if (rc != ERR_OK)
        return rc;
    results_begin(&b);
    pack_i64(&b, life.first_day);
    pack_i64(&b, life.last_day);
    pack_counts(&b, &life.counts);
    rc = results_store(t, key, &b, d);
    return rc == ERR_OK && !late ? count_hour(t, day_key(scope, activity, s, day, a), more, now_ms, a, d) : rc;
}

enum err
results_hours(struct results_table *t, struct str scope, struct str activity, const struct results_series *s,
              int64_t day, struct arena *a, bool (*each)(void *ctx, int64_t hour_ms, const struct results_counts *c),
              void *ctx, struct diag *d)
{
    struct day x;
    enum err rc = load_day(t, day_key(scope, activity, s, day, a), a, &x, d);

    for (int64_t i = 0; rc == ERR_OK && i < HOURS; i++) {
        if (x.used[i] && !each(ctx, day * MS_PER_DAY + i * MS_PER_HOUR, &x.hours[i]))
            rc = results_no_memory(d);
    }
    return rc;
}
