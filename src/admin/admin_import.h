/* admin_import.h - batch ingestion between its HTTP side (admin_import.c, admin_export.c) and its thread
 * (admin_import_run.c).
 *
 * A batch is a config object (kind "batch"); its status walks
 *
 *   loading -> loaded -> processing [<-> retrying] -> success | failed
 *   loading -> aborted | failed                                                by the client
 *
 * and every step is saved, so after a crash the next start finds what is to be done. Uploaded files wait in one folder,
 * named <batch>-u-<hash of the name>; what is kept about bad rows stands beside them (<batch>-parsing_errors_0.json,
 * ...). docs/formats/import.md has both.
 *
 * Exactly once   The object gets logOffset (the end of `collect` then) together with the status `processing`, before
 * the first row is appended, and row n of a batch has the request id <batch>-<n>. Rows are appended in order by one
 * thread, so after a crash the log itself says how many are in: the thread reads `collect` from logOffset and goes on
 * behind the newest row of the batch that it finds.
 *
 * All or nothing The whole batch is read and checked before its first row is appended [PLATFORM 3.2].
 *
 * Threads        One thread works through the queue; a full queue is 429. Locks: importer.lock, a leaf. */
#ifndef ADMIN_ADMIN_IMPORT_H
#define ADMIN_ADMIN_IMPORT_H

#include <stdatomic.h>

#include "admin/admin_int.h"
#include "admin/admin_rows.h"
#include "base/limits.h"

#define BATCH_ID_BYTES 26 /* a ULID [PLATFORM 3.1] */

/* A batch that takes files, as this process knows it. */
struct import_batch {
    unsigned uploads; /* being written now */
    unsigned files;   /* written since the process started */
    bool closing;     /* a client completes or aborts it now */
};

struct import_job {
    struct import_job *next;
    char *scope; /* owned, behind the struct */
    char *batch;
};

struct importer {
    struct admin *admin;
    char *dir;
    char *external_dir;              /* files of external audiences (admin_external_file.c) */
    atomic_ullong external_sequence; /* of the newest of them */
    struct os_mutex external_lock;   /* while some are chosen for a run that is then saved, or removed */
    struct os_mutex lock;
    struct os_cond wake;
    struct map open; /* batch id -> struct import_batch */
    struct import_job *first, *last;
    size_t queued; /* jobs in the list, and places promised to completions that are being saved */
    bool busy;     /* the thread has a job in hand, or cleans up after the start */
    atomic_bool stopping;
    struct os_thread thread;
};

/* Path of a file of the batch: suffix "u-0123..." or "parsing_errors_0.json". Arena text. */
const char *import_path(const struct importer *im, struct str batch, struct str suffix, struct arena *a);

/* First line of an uploaded file: "edgewise-upload 1 <name>\n", the client's bytes follow. */
#define UPLOAD_MAGIC "edgewise-upload 1 "
struct import_file {
    const char *path; /* on disk */
    struct str name;  /* the client's */
    uint64_t data_at, bytes;
};
/* The uploaded files of a batch in the order of their names (arena). */
enum err import_files(const struct importer *im, struct str batch, struct arena *a, struct import_file **out, size_t *n,
                      struct diag *d);
/* Removes the uploads, or all files, of a batch. What cannot be removed is logged and stays. */
void import_remove(struct importer *im, struct str batch, bool all);

/* Reads the first line of such a file; `out` has all but the path. */
enum err import_file_head(struct os *os, const char *path, struct arena *a, struct import_file *out, struct diag *d);

/* Lays `patch` (JSON) over a stored object. */
struct import_patch {
    const char *kind;
    struct str id;
    const char *expected; /* the status it must have, NULL: any; ERR_INVALID names the one it has */
    struct str patch;
};
/* One or two of them, both or none. ERR_NOT_FOUND: an object is no more. */
enum err import_patch(struct importer *im, struct str scope, const struct import_patch *patches, size_t n,
                      struct arena *a, struct diag *d);
enum err import_patch_batch(struct importer *im, struct str scope, struct str batch, const char *expected,
                            struct str patch, struct arena *a, struct diag *d);
/* A client's name of a file: 1 to LIMIT_UPLOAD_NAME_BYTES bytes of UTF-8. ERR_INVALID. */
enum err import_check_name(struct str name, struct diag *d);
/* The format members of a batch; ERR_INVALID, ERR_UNSUPPORTED. */
enum err import_format(const struct json *input_format, struct row_format *out, struct diag *d);

/* Takes a place in the queue for a batch (ERR_BUSY: full), and fills or gives it back. */
enum err import_reserve(struct importer *im, struct diag *d);
void import_unreserve(struct importer *im);
void import_enqueue(struct importer *im, struct str scope, struct str batch);

/* The thread: processes one batch to its end (admin_import_run.c). */
void import_process(struct importer *im, struct str scope, struct str batch);
/* Removes files that nobody needs any more: of finished, aborted or unknown batches, and what is older than
 * LIMIT_ROW_ERRORS_MS. */
void import_clean(struct importer *im, int64_t now_ms);

/* Waits until the queue is empty and nothing is in hand; false when timeout_us passed. For tests and drain. */
bool admin_import_wait(struct admin *a, uint64_t timeout_us);

#endif
