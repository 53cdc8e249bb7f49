/* admin_evaluate.h - counts over all profiles that take longer than a request may: a queue, and the thread that makes
 * them one after the other.
 *
 * The hub gives a few profiles at a time (admin_hub.census_slice), so a count that waits, runs or is cancelled keeps
 * nobody from the hub for longer than a slice. Every count is exact: over all profiles, no sample of them is drawn
 * [SEGMENTATION 17.8].   OURS
 *
 * Threads    Handlers and the thread share the list under `lock`; what is running is freed by the thread only. */
#ifndef ADMIN_ADMIN_EVALUATE_H
#define ADMIN_ADMIN_EVALUATE_H

#include "admin/admin_int.h"
#include "segment/census.h"

enum evaluation_state { EVALUATION_NEW, EVALUATION_RUNNING, EVALUATION_READY, EVALUATION_FAILED };

struct evaluation_namespace {
    struct str code;
    uint64_t members;
};

/* Texts and lists are in the arena. From `state` on under evaluator.lock. */
struct evaluation {
    struct evaluation *next; /* younger */
    struct arena arena;
    struct str id, scope;
    bool job;
    bool exports;         /* a job that writes profiles to files (admin_export_job.h) */
    struct rule *rule;    /* of a preview, owned */
    bool by_dataset;      /* of a preview: what is said of datasets is wanted */
    struct str *segments; /* of a job: audiences by id; */
    size_t segment_count; /* 0: all */
    int64_t created_ms;
    enum evaluation_state state;
    bool cancelled; /* the thread ends and frees it; a preview is found no more */
    uint64_t read, matched, fragments;
    struct evaluation_namespace *namespaces; /* from here on: when ready */
    size_t namespace_count;
    struct census_dataset *datasets;
    size_t dataset_count;
    struct census_identity *sample;
    size_t sample_count;
    char error[256]; /* when failed */
};

struct evaluator {
    struct admin *admin;
    struct os_mutex lock;
    struct os_cond moved;
    struct evaluation *first; /* owned list, oldest first */
    size_t previews, jobs;    /* in it; jobs with those about to be */
    bool rescheduled;         /* the thread's look at the schedules is out of date */
    bool stop;
    struct os_thread thread;
};

/* ERR_NOMEM; free with evaluation_free() until it is added. The rule becomes its own. */
enum err evaluation_new(struct str id, struct str scope, struct rule *rule, int64_t now_ms, struct evaluation **out,
                        struct diag *d);
void evaluation_free(struct evaluation *e);
/* A preview into the queue, as the youngest; the oldest one that ended makes room. ERR_BUSY: LIMIT_PREVIEWS have not
 * ended; `e` is still the caller's. */
enum err evaluator_add(struct evaluator *ev, struct evaluation *e, int64_t now_ms, struct diag *d);
/* A job comes in two steps, so that none is saved that finds no place: a place, ERR_BUSY when LIMIT_JOBS_WAITING have
 * not ended; then the job, or the place back. */
enum err evaluator_reserve_job(struct evaluator *ev, struct diag *d);
void evaluator_add_job(struct evaluator *ev, struct evaluation *e);
void evaluator_release_job(struct evaluator *ev);
/* A schedule was changed. */
void evaluator_wake(struct evaluator *ev);
/* A preview, under the lock: NULL when there is none, or it is older than LIMIT_PREVIEW_MS. */
struct evaluation *evaluator_find(struct evaluator *ev, struct str scope, struct str id, int64_t now_ms);
/* Takes a preview out of the list. False: there was none. */
bool evaluator_cancel(struct evaluator *ev, struct str scope, struct str id, int64_t now_ms);
/* Ends a job soon; one that ended stays as it is. */
void evaluator_cancel_job(struct evaluator *ev, struct str scope, struct str id);
/* Runs a census to its end and repairs what is wrong. ERR_CANCELLED: asked to, or the process stops. ERR_BUSY: the
 * audiences that are compared are not the configuration's any more. */
enum err evaluator_count(struct evaluator *ev, struct evaluation *e, struct census *c, struct diag *d);
/* Waits until all have ended. For tests. */
void evaluator_wait(struct evaluator *ev);
/* Waits until no job is left, or the time is over. */
void evaluator_wait_jobs(struct evaluator *ev, uint64_t timeout_us);

/* --- admin_job.c --- */
/* Runs a job and saves what came of it. */
enum err job_run(struct evaluator *ev, struct evaluation *e, struct diag *d);
/* Into the queue what had not ended when the process did. */
enum err job_resume_all(struct evaluator *ev, struct diag *d);

/* --- admin_scheduler.c --- */
/* Begins a job for every schedule that is due at now_ms; when the next one will be, in ms. Any thread. */
int64_t scheduler_run(struct evaluator *ev, int64_t now_ms);
/* --- admin_export_job.c, admin_export_run.c: the same for exports --- */
enum err export_run(struct evaluator *ev, struct evaluation *e, struct diag *d);
enum err export_resume_all(struct evaluator *ev, struct diag *d);

#endif
