/* history.c - 100 audiences over twenty million events of a million profiles, in one run, against DuckDB.
 *
 *   bench_history LIBRARY METRIC PROFILES ROUNDS
 *
 * Of every twenty audiences seven count in a window that ends now, three sum in one, three are sequences of two events
 * with a limit on the time between them, three without one, and four say what did not happen.
 *
 * Both sides have the same arrays in the order of (profile, time). DuckDB has kinds and products as ENUM, and three
 * plans. In one pass, a window function finds the last event of each kind before every event, and one GROUP BY of the
 * profile has an aggregate for every audience. In two passes, the GROUP BY is without the sequences that limit the time
 * between, which have an ASOF join each. Or every audience has a statement, which lists its members. */
#include "versus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define AUDIENCES 100
#define KINDS 4
#define SKUS 50
#define SPAN_DAYS 60
#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define NOW_MS INT64_C(1750000000000)
#define EVENTS_MAX 41 /* of a profile: 0 to 40, twenty on average */
#define BLOCK_ROWS 4096

static const char *const kinds[KINDS] = {"view", "search", "cart", "buy"};
static struct str kind_texts[KINDS], sku_texts[SKUS];

static size_t profile_count, event_count;
static uint64_t *offsets; /* of profile i: [i], [i + 1] */
static int64_t *stamps;
static uint32_t *event_kinds, *event_skus;
static double *amounts;
static struct versus_audience *audiences;

/* ---- events ---- */

/* No two events of a profile have one timestamp: which came first would be a question of its own. */
static void
make_events(void)
{
    static const uint32_t frequent[] = {0, 0, 0, 0, 1, 1, 2, 3};
    size_t room = profile_count * (EVENTS_MAX - 1);

    offsets = calloc(profile_count + 1, sizeof *offsets);
    stamps = calloc(room, sizeof *stamps);
    event_kinds = calloc(room, sizeof *event_kinds);
    event_skus = calloc(room, sizeof *event_skus);
    amounts = calloc(room, sizeof *amounts);
    if (offsets == NULL || stamps == NULL || event_kinds == NULL || event_skus == NULL || amounts == NULL)
        versus_stop("no memory");
    for (size_t i = 0; i < profile_count; i++) {
        unsigned n = versus_below(EVENTS_MAX), step = (unsigned)(SPAN_DAYS * DAY_MS / 2 / (n + 1));
        int64_t at = NOW_MS - SPAN_DAYS * DAY_MS;
        for (unsigned k = 0; k < n; k++, event_count++) {
            at += 1 + step + versus_below(step);
            stamps[event_count] = at;
            event_kinds[event_count] = frequent[versus_below(sizeof frequent / sizeof *frequent)];
            event_skus[event_count] = versus_below(SKUS);
            amounts[event_count] = versus_below(400) * 0.25; /* sums are exact in any order */
        }
        offsets[i + 1] = event_count;
    }
}

static void
fill(struct rule_block *b, size_t first, size_t rows)
{
    static uint32_t ends[BLOCK_ROWS + 1];
    size_t from = offsets[first];
    const struct rule_block_array arrays[] = {
        {.path = S("timestamp"), .of_events = true, .type = RULE_BLOCK_TIME, .items = stamps + from},
        {.path = S("kind"),
         .of_events = true,
         .type = RULE_BLOCK_TEXT,
         .items = event_kinds + from,
         .texts = kind_texts,
         .text_count = KINDS},
        {.path = S("sku"),
         .of_events = true,
         .type = RULE_BLOCK_TEXT,
         .items = event_skus + from,
         .texts = sku_texts,
         .text_count = SKUS},
        {.path = S("amount"), .of_events = true, .type = RULE_BLOCK_DOUBLE, .items = amounts + from}};
    struct diag d = DIAG_INIT;

    for (size_t i = 0; i <= rows; i++)
        ends[i] = (uint32_t)(offsets[first + i] - from);
    if (rule_block_fill(
            b,
            &(struct rule_block_arrays){
                .rows = rows, .arrays = arrays, .array_count = sizeof arrays / sizeof *arrays, .event_offsets = ends},
            &d) != ERR_OK)
        versus_stop(d.what);
}

/* ---- audiences ---- */

static const char *
put_window(struct versus_audience *a, const char *kind, unsigned days)
{
    buf_printf(&a->pql, "xEvent[kind = \"%s\" and timestamp occurs <= %u days before now", kind, days);
    buf_printf(&a->sql, "(WHERE kind = '%s' AND ts BETWEEN %" PRId64 " AND %" PRId64, kind, NOW_MS - days * DAY_MS,
               NOW_MS);
    return kind;
}

/* A sequence; hours 0: any time between. */
static void
put_sequence(struct versus_audience *a, const char *first, const char *second, unsigned hours)
{
    char gap[32] = "";

    if (hours > 0)
        (void)snprintf(gap, sizeof gap, " GAP(<= %u hours)", hours);
    buf_printf(&a->pql, "chain(xEvent, timestamp, [A: WHAT(kind = \"%s\"), B: WHAT(kind = \"%s\")%s])", first, second,
               gap);
    if (hours == 0) {
        buf_printf(&a->sql, "min(ts) FILTER (WHERE kind = '%s') < max(ts) FILTER (WHERE kind = '%s')", first, second);
        return;
    }
    a->apart = true;
    buf_printf(&a->sql, "bool_or(kind = '%s' AND ts - last_%s <= %" PRId64 ")", second, first, hours * HOUR_MS);
    buf_printf(&a->own,
               "SELECT DISTINCT b.id FROM (SELECT id, ts FROM source WHERE kind = '%s') b ASOF JOIN "
               "(SELECT id, ts FROM source WHERE kind = '%s') a ON a.id = b.id AND a.ts < b.ts "
               "WHERE b.ts - a.ts <= %" PRId64,
               second, first, hours * HOUR_MS);
}

static void
make_audience(struct versus_audience *a, size_t form)
{
    const char *kind = kinds[versus_below(KINDS)], *other = kinds[versus_below(KINDS)];
    unsigned days = 1 + versus_below(45), n = 1 + versus_below(4), sku = versus_below(SKUS);

    if (form < 5) {
        versus_puts(&a->sql, "count(*) FILTER ");
        put_window(a, kind, days);
        buf_printf(&a->pql, "].count() >= %u", n);
        buf_printf(&a->sql, ") >= %u", n);
    } else if (form < 7) {
        versus_puts(&a->sql, "count(*) FILTER ");
        put_window(a, kind, days);
        buf_printf(&a->pql, " and sku = \"s%u\"]", sku);
        buf_printf(&a->sql, " AND sku = 's%u') > 0", sku);
    } else if (form < 10) {
        buf_printf(
            &a->pql,
            "(sum E.amount over E from xEvent where E.kind = \"%s\" and E.timestamp occurs <= %u days before now) "
            "> %u",
            kind, days, 50 * n);
        versus_puts(&a->sql, "sum(amount) FILTER ");
        buf_printf(&a->sql, "(WHERE kind = '%s' AND ts BETWEEN %" PRId64 " AND %" PRId64 ") > %u", kind,
                   NOW_MS - days * DAY_MS, NOW_MS, 50 * n);
    } else if (form < 13) {
        put_sequence(a, kind, other, 12 * n);
    } else if (form < 16) {
        put_sequence(a, kind, other, 0);
    } else if (form < 18) { /* did not happen; nor to those to whom nothing happened */
        a->of_none = true;
        versus_puts(&a->pql, "not (");
        versus_puts(&a->sql, "count(*) FILTER ");
        put_window(a, kind, days);
        versus_puts(&a->pql, "])");
        versus_puts(&a->sql, ") = 0");
    } else { /* happened, and then something else did not */
        versus_puts(&a->sql, "count(*) FILTER ");
        put_window(a, kind, days);
        versus_puts(&a->pql, "] and not (");
        versus_puts(&a->sql, ") > 0 AND count(*) FILTER ");
        put_window(a, other, 1 + days / 2);
        versus_puts(&a->pql, "])");
        versus_puts(&a->sql, ") = 0");
    }
}

/* ---- DuckDB ---- */

static void
load(struct duckdb *db)
{
    int32_t *ids = calloc(event_count, sizeof *ids);
    const struct duckdb_column columns[] = {{DUCKDB_INT32, ids, NULL},
                                            {DUCKDB_INT64, stamps, NULL},
                                            {DUCKDB_INT32, event_kinds, NULL},
                                            {DUCKDB_INT32, event_skus, NULL},
                                            {DUCKDB_DOUBLE, amounts, NULL}};
    char sql[128];

    if (ids == NULL)
        versus_stop("no memory");
    for (size_t i = 0; i < profile_count; i++) {
        for (uint64_t e = offsets[i]; e < offsets[i + 1]; e++)
            ids[e] = (int32_t)i;
    }
    (void)snprintf(sql, sizeof sql, "CREATE TABLE profiles AS SELECT i::INTEGER AS id FROM range(%zu) t(i)",
                   profile_count);
    duckdb_client_run(db, sql);
    duckdb_client_run(db, "CREATE TABLE raw (id INTEGER, ts BIGINT, kind INTEGER, sku INTEGER, amount DOUBLE)");
    duckdb_client_load(db, "raw", columns, sizeof columns / sizeof *columns, event_count);
    duckdb_client_run(db, "CREATE TYPE kind_t AS ENUM ('view', 'search', 'cart', 'buy')");
    (void)snprintf(sql, sizeof sql, "CREATE TYPE sku_t AS ENUM (SELECT 's' || i FROM range(%d) t(i))", SKUS);
    duckdb_client_run(db, sql);
    duckdb_client_run(db,
                      "CREATE TABLE events AS SELECT id, ts, (['view', 'search', 'cart', 'buy'])[kind + 1]::kind_t AS "
                      "kind, ('s' || sku)::sku_t AS sku, amount FROM raw");
    duckdb_client_run(db, "DROP TABLE raw");
    free(ids);
}

static void
make_source(struct duckdb *db, size_t rows)
{
    char sql[128];

    (void)snprintf(sql, sizeof sql, "CREATE OR REPLACE VIEW source AS SELECT * FROM events WHERE id < %zu", rows);
    duckdb_client_run(db, rows < profile_count ? sql : "CREATE OR REPLACE VIEW source AS SELECT * FROM events");
}

/* members0: a boolean for every audience but those that are left apart. */
static void
run_grouped(struct duckdb *db, size_t rows, bool apart)
{
    struct buf sql;

    buf_init(&sql, 1 << 20);
    make_source(db, rows);
    versus_puts(&sql, "CREATE TABLE members0 AS WITH ");
    if (!apart) {
        versus_puts(&sql, "seen AS (SELECT *");
        for (size_t i = 0; i < KINDS; i++)
            buf_printf(&sql, ", max(CASE WHEN kind = '%s' THEN ts END) OVER before AS last_%s", kinds[i], kinds[i]);
        versus_puts(&sql,
                    " FROM source WINDOW before AS (PARTITION BY id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND "
                    "1 PRECEDING)), ");
    }
    versus_puts(&sql, "grouped AS (SELECT id");
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (!apart || !audiences[i].apart)
            buf_printf(&sql, ", %.*s AS m%zu", (int)audiences[i].sql.n, audiences[i].sql.p, i);
    }
    buf_printf(&sql, " FROM %s GROUP BY id) SELECT id", apart ? "source" : "seen");
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (!apart || !audiences[i].apart)
            buf_printf(&sql, audiences[i].of_none ? ", coalesce(m%zu, true) AS m%zu" : ", m%zu AS m%zu", i, i);
    }
    buf_printf(&sql, " FROM profiles LEFT JOIN grouped USING (id)");
    if (rows < profile_count)
        buf_printf(&sql, " WHERE id < %zu", rows);
    versus_sql(db, &sql);
    buf_deinit(&sql);
}

static void
read_grouped(struct duckdb *db, uint64_t *bits, bool apart)
{
    size_t which[AUDIENCES], n = 0;

    for (size_t i = 0; i < AUDIENCES; i++) {
        if (!apart || !audiences[i].apart)
            which[n++] = i;
    }
    versus_read_wide(db, "members0", which, n, profile_count, bits);
}

static void
run_one_pass(struct duckdb *db, size_t rows)
{
    run_grouped(db, rows, false);
}

static void
drop_one_pass(struct duckdb *db)
{
    duckdb_client_run(db, "DROP TABLE members0");
}

static void
read_one_pass(struct duckdb *db, uint64_t *bits)
{
    read_grouped(db, bits, false);
}

static void
put_own(struct buf *sql, const struct versus_audience *a, size_t rows)
{
    if (a->own.n > 0) {
        buf_printf(sql, "%.*s", (int)a->own.n, a->own.p);
    } else if (a->of_none) {
        buf_printf(sql,
                   "SELECT id FROM profiles WHERE id < %zu AND id NOT IN (SELECT id FROM source GROUP BY id HAVING NOT "
                   "(%.*s))",
                   rows, (int)a->sql.n, a->sql.p);
    } else {
        buf_printf(sql, "SELECT id FROM source GROUP BY id HAVING %.*s", (int)a->sql.n, a->sql.p);
    }
}

/* members: ids, for every audience or for those that are left apart. */
static void
run_listed(struct duckdb *db, size_t rows, bool all)
{
    struct buf sql;

    buf_init(&sql, 1 << 16);
    make_source(db, rows);
    duckdb_client_run(db, "CREATE TABLE members (audience INTEGER, id INTEGER)");
    duckdb_client_run(db, "BEGIN");
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (!all && !audiences[i].apart)
            continue;
        buf_printf(&sql, "INSERT INTO members SELECT %zu, id FROM (", i);
        put_own(&sql, &audiences[i], rows);
        versus_puts(&sql, ")");
        versus_sql(db, &sql);
    }
    duckdb_client_run(db, "COMMIT");
    buf_deinit(&sql);
}

static void
run_two_passes(struct duckdb *db, size_t rows)
{
    run_grouped(db, rows, true);
    run_listed(db, rows, false);
}

static void
drop_two_passes(struct duckdb *db)
{
    duckdb_client_run(db, "DROP TABLE members0");
    duckdb_client_run(db, "DROP TABLE members");
}

static void
read_two_passes(struct duckdb *db, uint64_t *bits)
{
    read_grouped(db, bits, true);
    versus_read_pairs(db, "members", profile_count, bits);
}

static void
run_by_audience(struct duckdb *db, size_t rows)
{
    run_listed(db, rows, true);
}

static void
drop_by_audience(struct duckdb *db)
{
    duckdb_client_run(db, "DROP TABLE members");
}

static void
read_by_audience(struct duckdb *db, uint64_t *bits)
{
    versus_read_pairs(db, "members", profile_count, bits);
}

static const struct versus_plan plans[] = {
    {"one pass: window functions and a GROUP BY", run_one_pass, drop_one_pass, read_one_pass},
    {"two passes: a GROUP BY, and an ASOF join for every sequence with a limit", run_two_passes, drop_two_passes,
     read_two_passes},
    {"a statement for every audience", run_by_audience, drop_by_audience, read_by_audience},
};

int
main(int argc, char **argv)
{
    struct versus v = {
        .plans = plans, .plan_count = sizeof plans / sizeof *plans, .block_rows = BLOCK_ROWS, .fill = fill};
    struct arena names;

    if (argc != 5)
        versus_stop("usage: bench_history LIBRARY METRIC PROFILES ROUNDS");
    v.metric = argv[2];
    v.profiles = profile_count = (size_t)strtoull(argv[3], NULL, 10);
    v.audiences = AUDIENCES;
    v.rounds = (size_t)strtoull(argv[4], NULL, 10);
    v.trial = v.profiles < 1 << 16 ? v.profiles : 1 << 16;
    rng_seed(&versus_rng, 11);
    arena_init(&names, (size_t)1 << 20);
    for (size_t i = 0; i < KINDS; i++)
        kind_texts[i] = str_of(kinds[i]);
    for (size_t i = 0; i < SKUS; i++)
        sku_texts[i] = arena_printf(&names, "s%zu", i);
    make_events();
    (void)snprintf(v.size, sizeof v.size, "%zu events of %zu profiles x %d audiences", event_count, v.profiles,
                   AUDIENCES);
    v.of = audiences = versus_audiences(AUDIENCES);
    for (size_t i = 0; i < AUDIENCES; i++)
        make_audience(&audiences[i], i % 20);
    v.db = duckdb_client_open(argv[1]);
    load(v.db);
    versus_run(&v);
    return 0;
}
