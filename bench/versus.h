/* versus.h - audiences in two languages, and rounds of ours against the peer's.
 *
 * An audience is a PQL text and SQL that mean the same. A side materialises the memberships of all of them: ours as one
 * bitset per audience, the peer as tables. Rounds alternate; every plan of the peer is tried once on a part of the
 * data, the best one of them is measured, and its memberships are compared with ours bit by bit before that. */
#ifndef BENCH_VERSUS_H
#define BENCH_VERSUS_H

#include "base/buf.h"
#include "base/rng.h"
#include "duckdb_client.h"
#include "pql/pql.h"
#include "rule/rule_block.h"

_Noreturn void versus_stop(const char *what);
extern struct rng versus_rng;
unsigned versus_below(unsigned n);
static inline void
versus_puts(struct buf *b, const char *text)
{
    buf_put(b, str_of(text));
}

struct versus_audience {
    struct buf pql, sql;
    bool of_none; /* history: what a profile without events is */
    bool apart;   /* history: SQL of its own, which yields ids, is in `own` */
    struct buf own;
};

struct versus_plan {
    const char *name;
    /* Materialises audiences over the first `rows` profiles, in tables that begin with "members". */
    void (*run)(struct duckdb *db, size_t rows);
    void (*drop)(struct duckdb *db);
    /* Sets a bit for each membership. */
    void (*read)(struct duckdb *db, uint64_t *bits);
};

struct versus {
    const char *metric;
    char size[96]; /* for people */
    size_t profiles, audiences, rounds;
    size_t trial; /* profiles, for choosing the plan */
    struct versus_audience *of;
    const struct versus_plan *plans;
    size_t plan_count;
    struct duckdb *db;
    size_t block_rows;
    /* Fills an empty block with `rows` profiles from `first` on. */
    void (*fill)(struct rule_block *b, size_t first, size_t rows);
};

/* Seconds of the process's CPU and of the wall. */
struct versus_instant {
    double cpu, wall;
};
struct versus_instant versus_now(void);
struct versus_instant versus_since(struct versus_instant begin);
/* "NAME":[cpu...],"NAME_wall":[...], */
void versus_print_times(const char *name, const struct versus_instant *t, size_t n);

struct versus_audience *versus_audiences(size_t n);
/* Prints one line: seconds of CPU and of the wall for every round of both sides, the plan, whether answers are equal.
 */
void versus_run(const struct versus *v);

static inline size_t
versus_words(size_t profiles)
{
    return (profiles + 63) / 64;
}

/* Reads tables (id, boolean...) and (audience, id) into bits of `profiles` each. */
void versus_read_wide(struct duckdb *db, const char *table, const size_t *audiences, size_t n, size_t profiles,
                      uint64_t *bits);
void versus_read_pairs(struct duckdb *db, const char *table, size_t profiles, uint64_t *bits);
void versus_sql(struct duckdb *db, struct buf *sql); /* runs it and empties it */

#endif
