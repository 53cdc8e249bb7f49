/* admin_export_job.h - export jobs: profiles written to files [SEGMENTATION 17.7].
 *
 *   POST /export/jobs  -->  an object of kind exportJob, NEW  -->  the evaluate thread's queue  (admin_export_job.c)
 *   evaluate thread    -->  all profiles, some at a time: those that pass the filter become lines of JSON in
 *                           data/import/exports/<batch>.part, one file per batch              (admin_export_run.c)
 *   at the end         -->  files are synced and renamed to <batch>.json; the job and its batches are saved in one step
 *
 * What a start finds unfinished is begun anew, and files that no batch has are removed. The files are read where those
 * of other batches are: /data/foundation/export/batches/{batch}/files (admin_export.c). */
#ifndef ADMIN_ADMIN_EXPORT_JOB_H
#define ADMIN_ADMIN_EXPORT_JOB_H

#include "admin/admin_evaluate.h"

#define EXPORT_AUDIENCES_MAX (LIMIT_CONFIG_CHANGES - 1) /* a batch each, saved together with the job */

/* Statuses of a member of filter.segments. */
enum { EXPORT_MEMBERS = 1, EXPORT_EXITED = 2 };

struct export_audience {
    struct str id, batch; /* batch empty: all into the job's */
    unsigned statuses;
};

struct export_period {
    int64_t from_ms, to_ms; /* inclusive; INT64_MIN, INT64_MAX: open */
};

/* What a job asks for, read from its object. Texts and lists are borrowed from it, or in the arena. */
struct export_spec {
    struct str batch; /* empty: one per audience */
    struct str dataset;
    struct export_audience audiences[EXPORT_AUDIENCES_MAX];
    size_t audience_count; /* 0: all profiles */
    struct export_period qualified, ingested;
    bool empty_profiles;
    struct str *fields;
    size_t field_count; /* 0: all */
    bool events;
    struct str *event_fields;
    size_t event_field_count; /* 0: all */
    struct export_period event_period;
};

/* ERR_INVALID with d->path, ERR_LIMIT, ERR_NOMEM. */
enum err export_spec_read(const struct json *job, struct arena *a, struct export_spec *out, struct diag *d);
/* Where the file of a batch is (arena). */
const char *export_path(const struct admin *admin, struct str batch, struct arena *a);
/* Makes the folder, and removes what no batch has. */
enum err export_files_open(struct admin *admin, struct diag *d);
/* Removes the file of a batch. */
void export_file_remove(const struct admin *admin, struct str batch);

#endif
