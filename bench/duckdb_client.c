/* duckdb_client.c - the two dozen functions of DuckDB's C interface that the benches need, found by name in its
 * library.
 *
 * They are declared here by hand, as duckdb.h of 1.4.4 has them. Handles are pointers to DuckDB; the one structure is
 * the result, which travels by address, but by value into duckdb_fetch_chunk(). */
#include "duckdb_client.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct result {
    uint64_t columns, rows, changed;
    void *items;
    char *message;
    void *internal;
};

typedef unsigned state; /* 0: success */

/* name, what it returns, what it takes */
#define FUNCTIONS(X)                                                                                                   \
    X(library_version, const char *, (void))                                                                           \
    X(open, state, (const char *path, void **out))                                                                     \
    X(close, void, (void **))                                                                                          \
    X(connect, state, (void *, void **out))                                                                            \
    X(disconnect, void, (void **))                                                                                     \
    X(query, state, (void *, const char *sql, struct result *out))                                                     \
    X(result_error, const char *, (struct result *))                                                                   \
    X(destroy_result, void, (struct result *))                                                                         \
    X(fetch_chunk, void *, (struct result))                                                                            \
    X(create_logical_type, void *, (unsigned))                                                                         \
    X(destroy_logical_type, void, (void **))                                                                           \
    X(create_data_chunk, void *, (void **types, uint64_t columns))                                                     \
    X(destroy_data_chunk, void, (void **))                                                                             \
    X(data_chunk_reset, void, (void *))                                                                                \
    X(data_chunk_get_size, uint64_t, (void *))                                                                         \
    X(data_chunk_set_size, void, (void *, uint64_t))                                                                   \
    X(data_chunk_get_vector, void *, (void *, uint64_t column))                                                        \
    X(vector_get_data, void *, (void *))                                                                               \
    X(vector_get_validity, uint64_t *, (void *))                                                                       \
    X(vector_ensure_validity_writable, void, (void *))                                                                 \
    X(appender_create, state, (void *, const char *schema, const char *table, void **out))                             \
    X(append_data_chunk, state, (void *, void *))                                                                      \
    X(appender_error, const char *, (void *))                                                                          \
    X(appender_destroy, state, (void **))

struct duckdb {
    void *library, *database, *connection;
#define DECLARE(name, result_type, arguments) result_type(*name) arguments;
    FUNCTIONS(DECLARE)
#undef DECLARE
};

#define CHUNK_ROWS 2048 /* DuckDB's vector size; a multiple of 64, so validity is copied by words */

_Noreturn static void
stop(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why != NULL ? why : "unknown error");
    exit(1);
}

static void *
find(void *library, const char *name)
{
    void *p = dlsym(library, name);

    if (p == NULL)
        stop(name, "is not in the library");
    return p;
}

struct duckdb *
duckdb_client_open(const char *library)
{
    struct duckdb *db = calloc(1, sizeof *db);

    if (db == NULL)
        stop("duckdb", "no memory");
    db->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (db->library == NULL)
        stop("duckdb", dlerror());
#define FIND(name, result_type, arguments) *(void **)&db->name = find(db->library, "duckdb_" #name);
    FUNCTIONS(FIND)
#undef FIND
    if (db->open(NULL, &db->database) != 0 || db->connect(db->database, &db->connection) != 0)
        stop("duckdb", "cannot open a database in memory");
    duckdb_client_run(db, "SET autoinstall_known_extensions = false");
    duckdb_client_run(db, "SET threads = 1");
    return db;
}

void
duckdb_client_close(struct duckdb *db)
{
    if (db == NULL)
        return;
    db->disconnect(&db->connection);
    db->close(&db->database);
    free(db); /* the library stays: it has threads of its own */
}

const char *
duckdb_client_version(const struct duckdb *db)
{
    return db->library_version();
}

void
duckdb_client_run(struct duckdb *db, const char *sql)
{
    struct result r = {0};

    if (db->query(db->connection, sql, &r) != 0)
        stop("duckdb", db->result_error(&r));
    db->destroy_result(&r);
}

/* ---- loading ---- */

static size_t
item_bytes(enum duckdb_column_type type)
{
    return type == DUCKDB_BOOL ? 1 : type == DUCKDB_INT32 ? 4 : 8;
}

static void
load_chunk(struct duckdb *db, void *chunk, const struct duckdb_column *columns, size_t n, size_t first, size_t rows)
{
    db->data_chunk_reset(chunk);
    for (size_t c = 0; c < n; c++) {
        size_t bytes = item_bytes(columns[c].type);
        void *vector = db->data_chunk_get_vector(chunk, c);
        memcpy(db->vector_get_data(vector), (const char *)columns[c].items + first * bytes, rows * bytes);
        if (columns[c].present == NULL)
            continue;
        db->vector_ensure_validity_writable(vector);
        memcpy(db->vector_get_validity(vector), columns[c].present + first / 64, (rows + 63) / 64 * 8);
    }
    db->data_chunk_set_size(chunk, rows);
}

void
duckdb_client_load(struct duckdb *db, const char *table, const struct duckdb_column *columns, size_t n, size_t rows)
{
    void **types = calloc(n, sizeof *types), *chunk, *appender = NULL;

    if (types == NULL)
        stop("duckdb", "no memory");
    for (size_t c = 0; c < n; c++)
        types[c] = db->create_logical_type(columns[c].type);
    chunk = db->create_data_chunk(types, n);
    if (db->appender_create(db->connection, NULL, table, &appender) != 0)
        stop(table, db->appender_error(appender));
    for (size_t at = 0; at < rows; at += CHUNK_ROWS) {
        load_chunk(db, chunk, columns, n, at, rows - at < CHUNK_ROWS ? rows - at : CHUNK_ROWS);
        if (db->append_data_chunk(appender, chunk) != 0)
            stop(table, db->appender_error(appender));
    }
    if (db->appender_destroy(&appender) != 0)
        stop(table, "the rows were not taken");
    db->destroy_data_chunk(&chunk);
    for (size_t c = 0; c < n; c++)
        db->destroy_logical_type(&types[c]);
    free(types);
}

/* ---- reading ---- */

void
duckdb_client_each(struct duckdb *db, const char *sql, size_t columns, duckdb_each *each, void *ctx)
{
    void **items = calloc(columns, sizeof *items), *chunk;
    uint64_t **valid = calloc(columns, sizeof *valid);
    struct result r = {0};

    if (items == NULL || valid == NULL)
        stop("duckdb", "no memory");
    if (db->query(db->connection, sql, &r) != 0)
        stop("duckdb", db->result_error(&r));
    while ((chunk = db->fetch_chunk(r)) != NULL) {
        for (size_t c = 0; c < columns; c++) {
            void *vector = db->data_chunk_get_vector(chunk, c);
            items[c] = db->vector_get_data(vector);
            valid[c] = db->vector_get_validity(vector);
        }
        each(ctx, db->data_chunk_get_size(chunk), items, valid);
        db->destroy_data_chunk(&chunk);
    }
    db->destroy_result(&r);
    free(items);
    free((void *)valid);
}
