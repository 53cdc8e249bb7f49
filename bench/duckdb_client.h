/* duckdb_client.h - DuckDB as the benches' peer: loaded at run time, in memory, on one thread.
 *
 * Benches only: the server neither links nor loads it, and building the benches needs neither its header nor its
 * library. Whatever fails here ends the bench with DuckDB's own message.   Threads: one owner. */
#ifndef BENCH_DUCKDB_CLIENT_H
#define BENCH_DUCKDB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct duckdb;

struct duckdb *duckdb_client_open(const char *library);
void duckdb_client_close(struct duckdb *db);
const char *duckdb_client_version(const struct duckdb *db);

void duckdb_client_run(struct duckdb *db, const char *sql);

/* The values are those of DuckDB's own type ids. */
enum duckdb_column_type { DUCKDB_BOOL = 1, DUCKDB_INT32 = 4, DUCKDB_INT64 = 5, DUCKDB_DOUBLE = 11 };
struct duckdb_column {
    enum duckdb_column_type type;
    const void *items;
    const uint64_t *present; /* a bit each; NULL: all */
};
/* Appends rows to a table whose columns have these types. */
void duckdb_client_load(struct duckdb *db, const char *table, const struct duckdb_column *columns, size_t n,
                        size_t rows);

/* Calls each() for every chunk of the result: the items of each column, and its validity, NULL: all. */
typedef void duckdb_each(void *ctx, size_t rows, void *const *items, uint64_t *const *valid);
void duckdb_client_each(struct duckdb *db, const char *sql, size_t columns, duckdb_each *each, void *ctx);

#endif
