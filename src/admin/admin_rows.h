/* admin_rows.h - from what clients upload to hits: one file in, rows out (row_source); one row in, one hit out
 * (row_reader).
 *
 *   row_reader_init(&reader, snapshot, scope, dataset, ...);        what the dataset's schema says, compiled once
 *   row_source_open(&source, ...);                a file, read through a window of LIMIT_UPLOAD_ROW_BYTES
 *   while (row_source_next(&source, arena, &row, &fault, d) == ROW_READ)
 *       row_read(&reader, row.text, now_ms, arena, &hit, &fault)
 *
 * A row becomes a hit with the identities of the schema's identity descriptors and of its identityMap [PLATFORM 4.3].
 * Fields that descriptors name stay in the data; identityMap does not: the hit carries it. Rows that break a rule are
 * refused with a code of [PLATFORM 3.2] and leave no trace.
 *
 * Primary    [PLATFORM 4.5]: the primary descriptor's field; else the one that identityMap marks; else the ECID; else
 * the only one there is. OURS from "else the ECID": it is what the owner of an edge event is, too.
 *
 * Upsert     Rows of a dataset tagged isUpsert:true merge into what is stored, a null deletes [PLATFORM B-5]; in
 * other rows a null is as good as absent and is taken out.
 *
 * Threads    A reader and a source belong to one thread. */
#ifndef ADMIN_ADMIN_ROWS_H
#define ADMIN_ADMIN_ROWS_H

#include "codec/csv.h"
#include "config/schema_view.h"
#include "model/hit.h"
#include "os/os.h"

enum row_code {
    ROW_UNREADABLE = 1401,  /* not JSON or CSV, or a value that does not fit the schema */
    ROW_NO_IDENTITY = 1404, /* OURS: no usable identity, or one that refuses the row */
    ROW_INCOMPLETE = 1555,  /* a required field is missing or null */
};

/* Why a row was refused. Text is in the arena of the call. */
struct row_fault {
    enum row_code code;
    struct str message;
    bool parsed; /* the row is a JSON object */
    struct schema_violation violations[SCHEMA_VIOLATIONS_MAX];
    size_t violation_count; /* 0: not a matter of the schema */
};

struct row_reader {
    const struct schema_view *view;
    const struct schema_identity *identities;
    size_t identity_count;
    struct str scope, dataset, schema; /* borrowed from the snapshot */
    struct str batch;
    enum hit_source source;
    bool event;
    bool upsert;
    bool lake_only;      /* neither unifiedProfile nor unifiedIdentity is enabled */
    bool lenient;        /* convert values to the schema's types [PLATFORM 3.2]; inlets do not */
    bool check;          /* against the schema; off for datasets tagged acp_validationContext:disabled */
    bool converted;      /* set when a row needed a conversion */
    struct str audience; /* not empty: rows are members of this external audience, */
    uint64_t run;        /* named by this run */
    struct buf priv_text, priv_xdm;
};

/* `object` is the dataset's. schema_id empty: the dataset's own. ERR_INVALID: the dataset has no such schema. */
enum err row_reader_init(struct row_reader *r, const struct snapshot *s, struct str scope, struct str dataset,
                         const struct json *object, struct diag *d);
/* For the rows of an external audience with these fields. The view is in the arena. ERR_NOMEM. */
enum err row_reader_init_external(struct row_reader *r, struct str scope, struct str audience,
                                  const struct json *fields, struct arena *a, struct diag *d);
void row_reader_deinit(struct row_reader *r);

/* One row. ERR_INVALID: *fault says why. The hit borrows from text, arena and reader: valid until the next call with
 * either. request_id and accepted_us are left to the caller. */
enum err row_read(struct row_reader *r, struct str text, int64_t now_ms, struct arena *a, struct hit *out,
                  struct row_fault *fault);

/* The same for a value that is parsed already. */
enum err row_read_value(struct row_reader *r, const struct json *row, int64_t now_ms, struct arena *a, struct hit *out,
                        struct row_fault *fault);

/* Writes s as a value of the type [PLATFORM 3.2]: false when it is none. */
bool row_write_value(struct jw *w, enum xdm_type type, struct str s, struct arena *a);

/* ---- hits on their way to the log ---- */

/* Hits collected for one append: rows go to the log by the hundred. */
#define HIT_GROUP_ROWS 256
#define HIT_GROUP_BYTES (1024 * 1024)
struct hit_slot {
    size_t key_at, key_n, value_at, value_n;
};
struct hit_group {
    struct buf bytes;
    struct hit_slot slots[HIT_GROUP_ROWS];
    size_t count;
};
void hit_group_init(struct hit_group *g);
void hit_group_deinit(struct hit_group *g);
/* Writes the hit's text. ERR_LIMIT: it does not fit a record of the log. */
enum err hit_group_add(struct hit_group *g, const struct hit *h, struct diag *d);
bool hit_group_full(const struct hit_group *g);
/* Appends all as one, in order, and empties the group; an empty group is nothing to do. On failure the group stays. */
enum err hit_group_append(struct hit_group *g, struct topic *t, int64_t time_ms, enum ack ack, struct diag *d);

/* ---- files ---- */

enum row_shape { ROWS_JSON, ROWS_JSON_MULTILINE, ROWS_CSV };
struct row_format {
    enum row_shape shape;
    struct csv_format csv;
};

/* Splits text into JSON values: by lines, or the elements of an array (whatever the format says: shipping clients
 * upload arrays [PLATFORM 3.2]), or one object behind the other. */
struct row_splitter {
    enum { SPLIT_BEGIN, SPLIT_LINES, SPLIT_ARRAY, SPLIT_VALUES } state;
    bool multiline;
    const char *what; /* of SPLIT_BAD */
};
enum split_result { SPLIT_ROW, SPLIT_MORE, SPLIT_END, SPLIT_BAD };
/* SPLIT_ROW: *row is in the window, *used bytes are done with. SPLIT_MORE: the row's end is not in the window, *used is
 * 0. SPLIT_BAD: an array is not closed, or something stands behind it. */
enum split_result row_split(struct row_splitter *s, struct str window, bool final, struct str *row, size_t *used);

struct csv_plan; /* columns to schema paths */

struct row_source {
    struct os *os;
    struct os_file *file;
    uint64_t at; /* next byte of the file to read */
    struct row_format format;
    struct row_splitter splitter;
    struct csv csv;
    struct csv_plan *plan;
    const struct schema_view *view;
    uint64_t row; /* rows seen, the last one included; bad ones count */
    char *window;
    size_t begin, end; /* of what is not done with */
    bool at_end;
    struct buf text; /* a CSV row as JSON */
};

struct row {
    struct str text; /* JSON; borrowed until the next call */
    struct str raw;  /* as in the file */
};
enum row_result { ROW_READ, ROW_REFUSED, ROW_END, ROW_FAILED };

/* The file's rows begin at byte `at`. ERR_INVALID: the CSV header names what the schema does not have. */
enum err row_source_open(struct row_source *s, struct os *os, const char *path, uint64_t at, struct row_format format,
                         const struct schema_view *view, struct diag *d);
void row_source_close(struct row_source *s);
/* ROW_REFUSED: this row cannot be read, the next ones can. ROW_FAILED: the file cannot be read any further (d). */
enum row_result row_source_next(struct row_source *s, struct arena *a, struct row *row, struct row_fault *fault,
                                struct diag *d);

/* From the header's names. ERR_INVALID: unknown, repeated or overlapping columns; d says which. */
enum err csv_plan_new(const struct str *names, size_t n, const struct schema_view *view, struct csv_plan **out,
                      struct diag *d);
void csv_plan_free(struct csv_plan *p);
/* Appends the row as a JSON object; false with *fault. Empty cells are absent. */
bool csv_plan_write(const struct csv_plan *p, const struct str *cells, size_t n, struct arena *a, struct buf *out,
                    struct row_fault *fault);

#endif
