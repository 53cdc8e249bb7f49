/* admin_external.h - external audiences: their files, and the runs that read these [SEGMENTATION 16.3, 17.10].
 *
 * The documented source of an audience is a file in a cloud storage. Ours is a file that was uploaded before, under the
 * name that sourceSpec.path has; a folder stands for all files whose names begin with it. OURS
 *
 *   PUT  files/{name}  -->  data/import/external/<scope, name, sequence, time>      admin_external_file.c
 *   POST .../run       -->  a batch object with externalRun, into the import queue  admin_external_run.c
 *   import thread      -->  rows are checked, become hits of kind `member`          admin_import_run.c
 *
 * So a run is a batch, with all that batches have: row errors, once and only once, again after a crash. It names the
 * very version of each file that it reads: a newer upload is for the next run, and an older version is kept while a run
 * needs it.
 *
 * The stamp of a run is the end of `collect` before its first row, plus one: larger for every later run of a process's
 * topic, and still the same when the run is taken up after a crash. */
#ifndef ADMIN_ADMIN_EXTERNAL_H
#define ADMIN_ADMIN_EXTERNAL_H

#include "admin/admin_import.h"

/* ---- admin_external.c ---- */

/* The external audience of a call; NULL: answered. */
const struct json *external_find(struct call *call, struct http_req *rq, struct http_res *rs, struct str id);

/* ---- admin_external_file.c ---- */

struct external_file {
    struct str name;   /* the client's */
    struct str stored; /* the name on disk */
    uint64_t bytes;
    int64_t uploaded_ms;
};

/* Makes the folder; forgets uploads that did not end. */
enum err external_files_open(struct importer *im, struct diag *d);
/* Removes versions that a newer one replaced and no run needs. */
void external_files_clean(struct importer *im);
/* Where the body of an upload is written: struct http_service.spool. */
int external_spool(struct call *call, struct http_req *rq, const struct route_params *params, struct http_spool *out,
                   const char **why);
/* The newest versions of the files of a scope, in order of their names (arena). path: only the file of that name, or
 * with `folder` those below it; empty: all. */
enum err external_files(struct importer *im, struct str scope, struct str path, bool folder, struct arena *a,
                        struct external_file **out, size_t *n, struct diag *d);

/* ---- admin_external_run.c ---- */

/* The member externalRun of a batch object. */
struct external_run {
    struct str audience; /* empty: the batch is of a dataset */
    const struct json *fields, *files;
    bool replaces; /* who is not in it exits: differentialIngestion false */
    bool profiles; /* rows make members; else they are kept only */
};
struct external_run external_run_read(const struct json *batch);
bool external_run_is_over(const struct json *batch);
/* Its files, as of a batch that was uploaded. */
enum err external_run_files(const struct importer *im, const struct external_run *run, struct arena *a,
                            struct import_file **out, size_t *n, struct diag *d);
/* What the audience becomes (a merge patch) when the run with this stamp begins, and when it ended well. */
void external_run_begins(struct buf *patch, const struct json *audience, struct str run, uint64_t stamp,
                         int64_t now_ms);
void external_run_ends(struct buf *patch, const struct external_run *run, uint64_t stamp);

#endif
