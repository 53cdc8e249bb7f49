/* versus.c - see versus.h. Times are of the process (CLOCK_PROCESS_CPUTIME_ID) and of the wall. Ours begins with the
 * texts of the audiences and ends with bitsets in memory that was not touched before; the peer begins with SQL and ends
 * with tables in memory. Neither includes loading. */
#include "versus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW_MS 1750000000000
#define ROUNDS_MAX 64

struct rng versus_rng;

void
versus_stop(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

unsigned
versus_below(unsigned n)
{
    return (unsigned)rng_below(&versus_rng, n);
}

struct versus_audience *
versus_audiences(size_t n)
{
    struct versus_audience *of = calloc(n, sizeof *of);

    if (of == NULL)
        versus_stop("no memory");
    for (size_t i = 0; i < n; i++) {
        buf_init(&of[i].pql, 1 << 16);
        buf_init(&of[i].sql, 1 << 16);
        buf_init(&of[i].own, 1 << 16);
    }
    return of;
}

void
versus_sql(struct duckdb *db, struct buf *sql)
{
    buf_putc(sql, '\0');
    if (sql->full)
        versus_stop("the SQL is too long");
    duckdb_client_run(db, sql->p);
    buf_clear(sql);
}

/* ---- memberships of the peer ---- */

struct reading {
    const size_t *audiences;
    size_t n, words;
    uint64_t *bits;
};

static bool
is_set(const uint64_t *valid, size_t i)
{
    return valid == NULL || (valid[i / 64] >> (i % 64) & 1) != 0;
}

static void
each_wide(void *ctx, size_t rows, void *const *items, uint64_t *const *valid)
{
    const struct reading *r = ctx;
    const int32_t *ids = items[0];

    for (size_t c = 0; c < r->n; c++) {
        const uint8_t *member = items[c + 1];
        uint64_t *bits = r->bits + r->audiences[c] * r->words;
        for (size_t i = 0; i < rows; i++) {
            if (member[i] != 0 && is_set(valid[c + 1], i))
                bits[ids[i] / 64] |= (uint64_t)1 << (ids[i] % 64);
        }
    }
}

void
versus_read_wide(struct duckdb *db, const char *table, const size_t *audiences, size_t n, size_t profiles,
                 uint64_t *bits)
{
    struct reading r = {audiences, n, versus_words(profiles), bits};
    char sql[64];

    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
    duckdb_client_each(db, sql, n + 1, each_wide, &r);
}

static void
each_pair(void *ctx, size_t rows, void *const *items, uint64_t *const *valid)
{
    const struct reading *r = ctx;
    const int32_t *audiences = items[0], *ids = items[1];

    (void)valid; /* neither column has nulls */
    for (size_t i = 0; i < rows; i++)
        r->bits[(size_t)audiences[i] * r->words + (size_t)ids[i] / 64] |= (uint64_t)1 << (ids[i] % 64);
}

void
versus_read_pairs(struct duckdb *db, const char *table, size_t profiles, uint64_t *bits)
{
    struct reading r = {.words = versus_words(profiles), .bits = bits};
    char sql[64];

    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
    duckdb_client_each(db, sql, 2, each_pair, &r);
}

/* ---- ours ---- */

struct program {
    struct rule_audience *audiences;
    struct rule_block_program *p;
    struct rule_block *b;
    char (*ids)[16];
};

static void
compile(const struct versus *v, struct program *g)
{
    struct diag d = DIAG_INIT;

    g->audiences = calloc(v->audiences, sizeof *g->audiences);
    g->ids = calloc(v->audiences, sizeof *g->ids);
    if (g->audiences == NULL || g->ids == NULL)
        versus_stop("no memory");
    for (size_t i = 0; i < v->audiences; i++) {
        struct rule *r = NULL;
        if (pql_compile(buf_str(&v->of[i].pql), true, &r, NULL, &d) != ERR_OK)
            versus_stop(d.what);
        (void)snprintf(g->ids[i], sizeof g->ids[i], "a%zu", i);
        g->audiences[i] = (struct rule_audience){str_of(g->ids[i]), r};
    }
    if (rule_block_compile(g->audiences, v->audiences, &g->p, &d) != ERR_OK ||
        rule_block_new(g->p, v->block_rows, &g->b, &d) != ERR_OK)
        versus_stop(d.what);
}

static void
release(const struct versus *v, struct program *g)
{
    rule_block_free(g->b);
    rule_block_program_free(g->p);
    for (size_t i = 0; i < v->audiences; i++)
        rule_free((struct rule *)(uintptr_t)g->audiences[i].rule);
    free(g->audiences);
    free(g->ids);
}

static uint64_t *
ours(const struct versus *v, struct program *g)
{
    size_t words = versus_words(v->profiles);
    uint64_t *out = calloc(v->audiences * words, sizeof *out);
    struct diag d = DIAG_INIT;

    if (out == NULL)
        versus_stop("no memory");
    compile(v, g);
    for (size_t at = 0; at < v->profiles; at += v->block_rows) {
        size_t rows = v->profiles - at < v->block_rows ? v->profiles - at : v->block_rows;
        rule_block_clear(g->b);
        v->fill(g->b, at, rows);
        if (rule_block_run(g->b, &(struct rule_block_now){.now_ms = NOW_MS}, &d) != ERR_OK)
            versus_stop(d.what);
        for (size_t i = 0; i < v->audiences; i++)
            memcpy(out + i * words + at / 64, rule_block_members(g->b, i), versus_words(rows) * sizeof *out);
    }
    return out;
}

/* ---- rounds ---- */

static double
clock_of(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

struct versus_instant
versus_now(void)
{
    return (struct versus_instant){clock_of(CLOCK_PROCESS_CPUTIME_ID), clock_of(CLOCK_MONOTONIC)};
}

struct versus_instant
versus_since(struct versus_instant begin)
{
    struct versus_instant end = versus_now();

    return (struct versus_instant){end.cpu - begin.cpu, end.wall - begin.wall};
}

static const struct versus_plan *
best_plan(const struct versus *v)
{
    const struct versus_plan *best = v->plans;
    double least = 0;

    for (size_t i = 0; i < v->plan_count && v->plan_count > 1; i++) {
        struct versus_instant begin = versus_now(), took;
        v->plans[i].run(v->db, v->trial);
        took = versus_since(begin);
        v->plans[i].drop(v->db);
        (void)fprintf(stderr, "# %s: %s, %zu profiles: %.2f s of CPU\n", v->metric, v->plans[i].name, v->trial,
                      took.cpu);
        if (i == 0 || took.cpu < least) {
            least = took.cpu;
            best = &v->plans[i];
        }
    }
    return best;
}

/* Prints what is not equal; counts tell more than a bit. */
static bool
equal(const struct versus *v, const uint64_t *mine, const uint64_t *theirs)
{
    size_t words = versus_words(v->profiles), different = 0;
    uint64_t members = 0;

    for (size_t i = 0; i < v->audiences; i++) {
        const uint64_t *a = mine + i * words, *b = theirs + i * words;
        uint64_t in_a = 0, in_b = 0;
        for (size_t w = 0; w < words; w++) {
            in_a += (uint64_t)__builtin_popcountll(a[w]);
            in_b += (uint64_t)__builtin_popcountll(b[w]);
        }
        members += in_a;
        if (memcmp(a, b, words * sizeof *a) == 0)
            continue;
        if (different++ < 3)
            (void)fprintf(stderr, "# differs: %" PRIu64 " and %" PRIu64 " members of %.*s\n", in_a, in_b,
                          (int)v->of[i].pql.n, v->of[i].pql.p);
    }
    (void)fprintf(stderr, "# %s: %" PRIu64 " memberships, %zu audiences differ\n", v->metric, members, different);
    return different == 0;
}

static bool
compare(const struct versus *v, const struct versus_plan *plan)
{
    uint64_t *theirs = calloc(v->audiences * versus_words(v->profiles), sizeof *theirs), *mine;
    struct program g = {0};
    struct rule_block_shape shape;
    bool same;

    if (theirs == NULL)
        versus_stop("no memory");
    mine = ours(v, &g);
    shape = rule_block_shape(g.p);
    (void)fprintf(stderr, "# %s: %zu shared parts, %zu left to the reference\n", v->metric, shape.nodes,
                  shape.fallbacks);
    release(v, &g);
    plan->run(v->db, v->profiles);
    plan->read(v->db, theirs);
    plan->drop(v->db);
    same = equal(v, mine, theirs);
    free(mine);
    free(theirs);
    return same;
}

void
versus_print_times(const char *name, const struct versus_instant *t, size_t n)
{
    (void)printf("\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s%.4f", i ? "," : "", t[i].cpu);
    (void)printf("],\"%s_wall\":[", name);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s%.4f", i ? "," : "", t[i].wall);
    (void)printf("],");
}

void
versus_run(const struct versus *v)
{
    const struct versus_plan *plan = best_plan(v);
    struct versus_instant mine[ROUNDS_MAX], theirs[ROUNDS_MAX];
    bool same = compare(v, plan);

    if (v->rounds > ROUNDS_MAX)
        versus_stop("too many rounds");
    for (size_t i = 0; i < v->rounds; i++) {
        struct program g = {0};
        struct versus_instant begin = versus_now();
        uint64_t *out = ours(v, &g);
        mine[i] = versus_since(begin);
        free(out);
        release(v, &g);
        begin = versus_now();
        plan->run(v->db, v->profiles);
        theirs[i] = versus_since(begin);
        plan->drop(v->db);
        (void)fprintf(stderr, "# %s: ours %.3f s, DuckDB %.2f s of CPU; %.3f s, %.2f s of the wall\n", v->metric,
                      mine[i].cpu, theirs[i].cpu, mine[i].wall, theirs[i].wall);
    }
    (void)printf("{\"metric\":\"%s\",\"size\":\"%s\",\"version\":\"%s\",\"plan\":\"%s\",\"equal\":%s,", v->metric,
                 v->size, duckdb_client_version(v->db), plan->name, same ? "true" : "false");
    versus_print_times("ours", mine, v->rounds);
    versus_print_times("peer", theirs, v->rounds);
    (void)printf("\"rounds\":%zu}\n", v->rounds);
    (void)fflush(stdout);
}
