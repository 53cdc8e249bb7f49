/* batch.c - 1,000 attribute audiences over a million profiles of 20 attributes, against DuckDB.
 *
 *   bench_batch LIBRARY METRIC PROFILES AUDIENCES ROUNDS
 *
 * METRIC chooses the audiences. Each is one to four predicates, joined by and, or, not. membership_1m_x_1000 has
 * comparisons with numbers, texts and flags, `in` a few of them, and isNull, drawn at random, so that some are met
 * again. With _unshared each predicate is in one audience only. With _strings a tenth of the predicates is contains, a
 * regular expression, or `in` an array of twenty texts.
 *
 * Both sides have the same arrays: ours reads them as they are, DuckDB has them as tables, once with texts as VARCHAR
 * and once as ENUM. Nulls are few or many by attribute. PQL's not makes true of null, which SQL says with coalesce,
 * only where an attribute has nulls. */
#include "versus.h"

#include <stdio.h>
#include <stdlib.h>

#define ATTRIBUTES 20
#define WIDE_BATCH 100 /* audiences in one statement of the plan that has several */

enum kind { INTS, DOUBLES, FLAGS, TEXTS };

struct attribute {
    const char *name;
    enum kind kind;
    unsigned range; /* integers and doubles below it; different texts */
    unsigned nulls; /* per cent */
    void *items;    /* int64_t, double, uint8_t, uint32_t */
    uint64_t *present;
    struct str *texts;
};

static struct attribute attributes[ATTRIBUTES] = {
    {.name = "age", .kind = INTS, .range = 90, .nulls = 10},
    {.name = "points", .kind = INTS, .range = 100000},
    {.name = "orders", .kind = INTS, .range = 40},
    {.name = "visits", .kind = INTS, .range = 1000, .nulls = 5},
    {.name = "logins", .kind = INTS, .range = 300},
    {.name = "score", .kind = INTS, .range = 1000, .nulls = 20},
    {.name = "spend", .kind = DOUBLES, .range = 5000},
    {.name = "margin", .kind = DOUBLES, .range = 1},
    {.name = "churn", .kind = DOUBLES, .range = 1, .nulls = 30},
    {.name = "basket", .kind = DOUBLES, .range = 300, .nulls = 5},
    {.name = "optIn", .kind = FLAGS, .range = 2},
    {.name = "employee", .kind = FLAGS, .range = 2},
    {.name = "tier", .kind = TEXTS, .range = 4, .nulls = 5},
    {.name = "country", .kind = TEXTS, .range = 60},
    {.name = "city", .kind = TEXTS, .range = 3000, .nulls = 10},
    {.name = "language", .kind = TEXTS, .range = 25},
    {.name = "device", .kind = TEXTS, .range = 8},
    {.name = "campaign", .kind = TEXTS, .range = 150, .nulls = 40},
    {.name = "store", .kind = TEXTS, .range = 700, .nulls = 20},
    {.name = "plan", .kind = TEXTS, .range = 12},
};

static struct versus_audience *audiences;
static size_t audience_count, profile_count;

/* ---- profiles ---- */

static void
make_items(struct attribute *a, struct arena *names)
{
    int64_t *ints = calloc(profile_count, sizeof *ints);
    double *doubles = (double *)ints;
    uint32_t *indexes = (uint32_t *)ints;
    uint8_t *flags = (uint8_t *)ints;

    a->items = ints;
    a->present = calloc(profile_count / 64 + 1, sizeof *a->present);
    a->texts = a->kind == TEXTS ? calloc(a->range, sizeof *a->texts) : NULL;
    if (ints == NULL || a->present == NULL)
        versus_stop("no memory");
    for (unsigned i = 0; i < a->range && a->texts != NULL; i++)
        a->texts[i] = arena_printf(names, "%s%u", a->name, i);
    for (size_t i = 0; i < profile_count; i++) {
        unsigned x = versus_below(a->kind == DOUBLES ? 1u << 30 : a->range);
        if (a->kind == INTS)
            ints[i] = x;
        else if (a->kind == DOUBLES)
            doubles[i] = (double)x / (1u << 30) * a->range;
        else if (a->kind == FLAGS)
            flags[i] = (uint8_t)x;
        else
            indexes[i] = versus_below(3) == 0 ? x : versus_below(x + 1); /* some are more frequent */
        if (versus_below(100) >= a->nulls)
            a->present[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static void
fill(struct rule_block *b, size_t first, size_t rows)
{
    static const size_t bytes[] = {[INTS] = 8, [DOUBLES] = 8, [FLAGS] = 1, [TEXTS] = 4};
    static const enum rule_block_type types[] = {
        [INTS] = RULE_BLOCK_INT, [DOUBLES] = RULE_BLOCK_DOUBLE, [FLAGS] = RULE_BLOCK_BOOL, [TEXTS] = RULE_BLOCK_TEXT};
    struct rule_block_array arrays[ATTRIBUTES];
    struct diag d = DIAG_INIT;

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *a = &attributes[i];
        arrays[i] = (struct rule_block_array){.path = str_of(a->name),
                                              .type = types[a->kind],
                                              .items = (const char *)a->items + first * bytes[a->kind],
                                              .present = a->nulls == 0 ? NULL : a->present + first / 64,
                                              .texts = a->texts,
                                              .text_count = a->texts != NULL ? a->range : 0};
    }
    if (rule_block_fill(b, &(struct rule_block_arrays){.rows = rows, .arrays = arrays, .array_count = ATTRIBUTES},
                        &d) != ERR_OK)
        versus_stop(d.what);
}

/* ---- audiences ---- */

static void
both(struct versus_audience *a, const char *text)
{
    versus_puts(&a->pql, text);
    versus_puts(&a->sql, text);
}

static void
in_list(struct versus_audience *out, const struct attribute *a, size_t n)
{
    buf_printf(&out->pql, "%s in [", a->name);
    buf_printf(&out->sql, "%s IN (", a->name);
    for (size_t i = 0; i < n; i++) {
        unsigned x = versus_below(a->range);
        both(out, i ? ", " : "");
        if (a->kind == INTS) {
            buf_printf(&out->pql, "%u", x);
            buf_printf(&out->sql, "%u", x);
        } else {
            buf_printf(&out->pql, "\"%s%u\"", a->name, x);
            buf_printf(&out->sql, "'%s%u'", a->name, x);
        }
    }
    versus_puts(&out->pql, "]");
    versus_puts(&out->sql, ")");
}

static void
compare_number(struct versus_audience *out, const struct attribute *a)
{
    static const char *const relations[] = {">", ">=", "<", "<=", "="};

    if (a->kind == INTS) {
        const char *relation = relations[versus_below(5)];
        unsigned x = versus_below(a->range);
        buf_printf(&out->pql, "%s %s %u", a->name, relation, x);
        buf_printf(&out->sql, "%s %s %u", a->name, relation, x);
    } else {
        const char *relation = relations[versus_below(4)];
        double x = (double)versus_below(1000) / 1000 * a->range;
        buf_printf(&out->pql, "%s %s %.3f", a->name, relation, x);
        buf_printf(&out->sql, "%s %s %.3fe0", a->name, relation, x);
    }
}

static void
compare_text(struct versus_audience *out, const struct attribute *a)
{
    unsigned x = versus_below(a->range), form = versus_below(5);

    if (form == 0) {
        in_list(out, a, 2);
    } else if (form == 1) {
        buf_printf(&out->pql, "%s.isNull()", a->name);
        buf_printf(&out->sql, "%s IS NULL", a->name);
    } else {
        buf_printf(&out->pql, "%s %s \"%s%u\"", a->name, form == 2 ? "!=" : "=", a->name, x);
        buf_printf(&out->sql, "%s %s '%s%u'", a->name, form == 2 ? "<>" : "=", a->name, x);
    }
}

/* Of a text attribute that has enough of them. @ is where the text goes from an ENUM to VARCHAR. */
static const struct attribute *
string_predicate(struct versus_audience *out)
{
    static const unsigned many[] = {13, 14, 17, 18};
    const struct attribute *a = &attributes[many[versus_below(4)]];
    unsigned x = versus_below(100), lo = versus_below(5), hi = lo + 1 + versus_below(4);

    switch (versus_below(3)) {
    case 0:
        buf_printf(&out->pql, "%s.contains(\"%u\")", a->name, x);
        buf_printf(&out->sql, "contains(%s@, '%u')", a->name, x);
        break;
    case 1:
        buf_printf(&out->pql, "%s.matches(\"^%s[%u-%u][0-9]*%u$\")", a->name, a->name, lo, hi, x % 10);
        buf_printf(&out->sql, "regexp_matches(%s@, '^%s[%u-%u][0-9]*%u$')", a->name, a->name, lo, hi, x % 10);
        break;
    default:
        in_list(out, a, 20);
    }
    return a;
}

static const struct attribute *
predicate(struct versus_audience *out, bool strings)
{
    const struct attribute *a;

    if (strings && versus_below(10) == 0)
        return string_predicate(out);
    a = &attributes[versus_below(ATTRIBUTES)];
    if (a->kind == FLAGS) {
        const char *flag = versus_below(2) ? "true" : "false";
        buf_printf(&out->pql, "%s = %s", a->name, flag);
        buf_printf(&out->sql, "%s = %s", a->name, flag);
    } else if (a->kind == INTS && versus_below(4) == 0) {
        in_list(out, a, 3);
    } else if (a->kind == TEXTS) {
        compare_text(out, a);
    } else {
        compare_number(out, a);
    }
    return a;
}

/* A predicate that no audience had before, when that is asked for. */
static const struct attribute *
new_predicate(struct versus_audience *out, const char *metric, struct arena *names)
{
    static struct str seen[1 << 14];
    static size_t seen_count;
    const struct attribute *a;
    bool met;

    do {
        met = false;
        buf_clear(&out->pql);
        buf_clear(&out->sql);
        a = predicate(out, strstr(metric, "_strings") != NULL);
        for (size_t i = 0; i < seen_count && !met; i++)
            met = str_eq(seen[i], buf_str(&out->pql));
    } while (met && strstr(metric, "_unshared") != NULL);
    if (seen_count < sizeof seen / sizeof *seen)
        seen[seen_count++] = arena_str(names, buf_str(&out->pql));
    return a;
}

static void
make_audience(struct versus_audience *out, const char *metric, struct arena *names)
{
    struct versus_audience part;
    unsigned n = 1 + versus_below(4);

    buf_init(&part.pql, 1 << 16);
    buf_init(&part.sql, 1 << 16);
    for (unsigned i = 0; i < n; i++) {
        const char *joint = i == 0 ? "" : versus_below(4) == 0 ? " or " : " and ";
        bool negated = versus_below(8) == 0;
        const struct attribute *a = new_predicate(&part, metric, names);
        both(out, joint);
        buf_printf(&out->pql, "%s(%.*s)", negated ? "not " : "", (int)part.pql.n, part.pql.p);
        buf_printf(&out->sql,
                   negated && a->nulls ? "NOT coalesce(%.*s, false)"
                   : negated           ? "NOT (%.*s)"
                                       : "(%.*s)",
                   (int)part.sql.n, part.sql.p);
    }
    buf_deinit(&part.pql);
    buf_deinit(&part.sql);
}

/* ---- DuckDB ---- */

static void
load(struct duckdb *db)
{
    static const enum duckdb_column_type types[] = {
        [INTS] = DUCKDB_INT64, [DOUBLES] = DUCKDB_DOUBLE, [FLAGS] = DUCKDB_BOOL, [TEXTS] = DUCKDB_INT32};
    static const char *const names[] = {
        [INTS] = "BIGINT", [DOUBLES] = "DOUBLE", [FLAGS] = "BOOLEAN", [TEXTS] = "INTEGER"};
    struct duckdb_column columns[ATTRIBUTES + 1];
    struct buf raw, plain, coded, sql;
    int32_t *ids = calloc(profile_count, sizeof *ids);

    if (ids == NULL)
        versus_stop("no memory");
    for (size_t i = 0; i < profile_count; i++)
        ids[i] = (int32_t)i;
    columns[0] = (struct duckdb_column){DUCKDB_INT32, ids, NULL};
    buf_init(&raw, 1 << 16);
    buf_init(&plain, 1 << 16);
    buf_init(&coded, 1 << 16);
    buf_init(&sql, 1 << 16);
    versus_puts(&raw, "CREATE TABLE raw (id INTEGER");
    versus_puts(&plain, "CREATE TABLE plain AS SELECT id");
    versus_puts(&coded, "CREATE TABLE coded AS SELECT id");
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *a = &attributes[i];
        columns[i + 1] = (struct duckdb_column){types[a->kind], a->items, a->nulls ? a->present : NULL};
        buf_printf(&raw, ", \"%s\" %s", a->name, names[a->kind]);
        if (a->kind == TEXTS) {
            buf_printf(&sql, "CREATE TYPE %s_t AS ENUM (SELECT '%s' || i FROM range(%u) t(i))", a->name, a->name,
                       a->range);
            versus_sql(db, &sql);
            buf_printf(&plain, ", '%s' || \"%s\" AS \"%s\"", a->name, a->name, a->name);
            buf_printf(&coded, ", \"%s\"::%s_t AS \"%s\"", a->name, a->name, a->name);
        } else { /* integers in the narrowest type that DuckDB has for them */
            const char *cast = a->kind != INTS ? "" : a->range < 32768 ? "::SMALLINT" : "::INTEGER";
            buf_printf(&plain, ", \"%s\"%s AS \"%s\"", a->name, cast, a->name);
            buf_printf(&coded, ", \"%s\" AS \"%s\"", a->name, a->name);
        }
    }
    versus_puts(&raw, ")");
    versus_sql(db, &raw);
    duckdb_client_load(db, "raw", columns, ATTRIBUTES + 1, profile_count);
    versus_puts(&plain, " FROM raw");
    versus_puts(&coded, " FROM plain");
    versus_sql(db, &plain);
    versus_sql(db, &coded);
    duckdb_client_run(db, "DROP TABLE raw");
    buf_deinit(&raw);
    buf_deinit(&plain);
    buf_deinit(&coded);
    buf_deinit(&sql);
    free(ids);
}

static void
put_condition(struct buf *sql, const struct versus_audience *a, bool coded)
{
    for (size_t i = 0; i < a->sql.n; i++) {
        if (a->sql.p[i] != '@')
            buf_putc(sql, a->sql.p[i]);
        else if (coded)
            versus_puts(sql, "::VARCHAR");
    }
}

static void
put_table(struct buf *sql, bool coded, size_t rows)
{
    buf_printf(sql, " FROM %s", coded ? "coded" : "plain");
    if (rows < profile_count)
        buf_printf(sql, " WHERE id < %zu", rows);
}

static void
run_wide(struct duckdb *db, size_t rows, size_t batch, bool coded)
{
    struct buf sql;

    buf_init(&sql, 1 << 24);
    for (size_t at = 0; at < audience_count; at += batch) {
        buf_printf(&sql, "CREATE TABLE members%zu AS SELECT id", at);
        for (size_t i = at; i < audience_count && i < at + batch; i++) {
            versus_puts(&sql, ", ");
            put_condition(&sql, &audiences[i], coded);
            buf_printf(&sql, " AS m%zu", i);
        }
        put_table(&sql, coded, rows);
        versus_sql(db, &sql);
    }
    buf_deinit(&sql);
}

static void
drop_wide(struct duckdb *db, size_t batch)
{
    char sql[64];

    for (size_t at = 0; at < audience_count; at += batch) {
        (void)snprintf(sql, sizeof sql, "DROP TABLE members%zu", at);
        duckdb_client_run(db, sql);
    }
}

static void
read_wide(struct duckdb *db, uint64_t *bits, size_t batch)
{
    size_t *which = calloc(audience_count, sizeof *which);
    char table[32];

    for (size_t i = 0; i < audience_count && which != NULL; i++)
        which[i] = i;
    for (size_t at = 0; at < audience_count && which != NULL; at += batch) {
        size_t n = audience_count - at < batch ? audience_count - at : batch;
        (void)snprintf(table, sizeof table, "members%zu", at);
        versus_read_wide(db, table, which + at, n, profile_count, bits);
    }
    free(which);
}

/* One statement an audience, which lists the ids of its members. */
static void
run_pairs(struct duckdb *db, size_t rows, bool coded)
{
    struct buf sql;

    buf_init(&sql, 1 << 20);
    duckdb_client_run(db, "CREATE TABLE members (audience INTEGER, id INTEGER)");
    duckdb_client_run(db, "BEGIN");
    for (size_t i = 0; i < audience_count; i++) {
        buf_printf(&sql, "INSERT INTO members SELECT %zu, id", i);
        put_table(&sql, coded, rows);
        versus_puts(&sql, rows < profile_count ? " AND (" : " WHERE (");
        put_condition(&sql, &audiences[i], coded);
        versus_puts(&sql, ")");
        versus_sql(db, &sql);
    }
    duckdb_client_run(db, "COMMIT");
    buf_deinit(&sql);
}

static void
run_wide_plain(struct duckdb *db, size_t rows)
{
    run_wide(db, rows, audience_count, false);
}

static void
run_wide_coded(struct duckdb *db, size_t rows)
{
    run_wide(db, rows, audience_count, true);
}

static void
drop_one(struct duckdb *db)
{
    drop_wide(db, audience_count);
}

static void
read_one(struct duckdb *db, uint64_t *bits)
{
    read_wide(db, bits, audience_count);
}

static void
run_batches(struct duckdb *db, size_t rows)
{
    run_wide(db, rows, WIDE_BATCH, true);
}

static void
drop_batches(struct duckdb *db)
{
    drop_wide(db, WIDE_BATCH);
}

static void
read_batches(struct duckdb *db, uint64_t *bits)
{
    read_wide(db, bits, WIDE_BATCH);
}

static void
run_pairs_plain(struct duckdb *db, size_t rows)
{
    run_pairs(db, rows, false);
}

static void
run_pairs_coded(struct duckdb *db, size_t rows)
{
    run_pairs(db, rows, true);
}

static void
drop_pairs(struct duckdb *db)
{
    duckdb_client_run(db, "DROP TABLE members");
}

static void
read_pairs(struct duckdb *db, uint64_t *bits)
{
    versus_read_pairs(db, "members", profile_count, bits);
}

static const struct versus_plan plans[] = {
    {"one SELECT of all audiences, texts as VARCHAR", run_wide_plain, drop_one, read_one},
    {"one SELECT of all audiences, texts as ENUM", run_wide_coded, drop_one, read_one},
    {"a SELECT for every 100 audiences, texts as ENUM", run_batches, drop_batches, read_batches},
    {"an INSERT of (audience, id) for every audience, texts as VARCHAR", run_pairs_plain, drop_pairs, read_pairs},
    {"an INSERT of (audience, id) for every audience, texts as ENUM", run_pairs_coded, drop_pairs, read_pairs},
};

int
main(int argc, char **argv)
{
    struct versus v = {.plans = plans, .plan_count = sizeof plans / sizeof *plans, .block_rows = 8192, .fill = fill};
    struct arena names;

    if (argc != 6)
        versus_stop("usage: bench_batch LIBRARY METRIC PROFILES AUDIENCES ROUNDS");
    v.metric = argv[2];
    v.profiles = profile_count = (size_t)strtoull(argv[3], NULL, 10);
    v.audiences = audience_count = (size_t)strtoull(argv[4], NULL, 10);
    v.rounds = (size_t)strtoull(argv[5], NULL, 10);
    v.trial = v.profiles < 1 << 17 ? v.profiles : 1 << 17;
    (void)snprintf(v.size, sizeof v.size, "%zu profiles x %zu audiences", v.profiles, v.audiences);
    rng_seed(&versus_rng, 7);
    arena_init(&names, (size_t)1 << 28);
    for (size_t i = 0; i < ATTRIBUTES; i++)
        make_items(&attributes[i], &names);
    v.of = audiences = versus_audiences(audience_count);
    for (size_t i = 0; i < audience_count; i++)
        make_audience(&audiences[i], v.metric, &names);
    v.db = duckdb_client_open(argv[1]);
    load(v.db);
    versus_run(&v);
    return 0;
}
