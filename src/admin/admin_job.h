/* admin_job.h - between the files of segment jobs: running (admin_job.c), beginning (admin_job_new.c), paths
 * (admin_job_rest.c), and the scheduler that begins them by the clock (admin_scheduler.c). */
#ifndef ADMIN_ADMIN_JOB_H
#define ADMIN_ADMIN_JOB_H

#include "admin/admin_evaluate.h"

#define JOB_MORE_CHANGES 2

/* What a job is made from. Everything is borrowed for the call. */
struct job_order {
    const struct snapshot *snap;
    struct arena *arena;
    struct rng *rng;
    struct str org, sandbox, scope;
    const struct json *segments; /* [{"segmentId"}], checked; "*" stands for all */
    const char *source;          /* "api", "scheduler" */
    struct str request_id;       /* empty: made */
    struct str schedule;         /* id, empty: none */
    int64_t now_ms;
    struct config_change more[JOB_MORE_CHANGES]; /* saved in the same step, all or nothing */
    size_t more_count;
};

/* Saves a job, lets the oldest one that ended go when there are LIMIT_JOBS_KEPT, and queues it. *text is the job, in
 * the arena. ERR_BUSY: LIMIT_JOBS_WAITING wait; ERR_EXISTS with "@version": one of `more` was changed meanwhile. After
 * an error nothing is saved. */
enum err job_begin(struct evaluator *ev, const struct job_order *o, struct str *text, struct diag *d);

/* Status, and metrics or errors, of a job of either family that ended with `result`: CANCELLED by ERR_CANCELLED.
 * metrics: JSON, of ERR_OK. */
void job_put_outcome(struct edit *edit, enum err result, struct str metrics, const struct diag *why, struct arena *a);

/* A saved job as the queue wants it. ERR_NOMEM. */
typedef enum err job_maker(struct str scope, struct str id, const struct json *object, struct evaluation **out,
                           struct diag *d);
job_maker job_evaluation;
/* After a start: into the queue what had not ended. What finds no place waits for the next start. ERR_NOMEM. */
enum err job_resume_kind(struct evaluator *ev, struct str kind, job_maker *make, struct diag *d);
/* A member of a job's metrics. */
void job_write_interval(struct jw *w, const char *key, int64_t from_ms, int64_t to_ms);
/* A status of which nothing more comes, of either family. */
bool job_is_over(struct str status);

/* Jobs of a kind: how many there are, and the oldest one that ended; id empty: none did. */
struct job_oldest {
    size_t n;
    struct str id;
};
struct job_oldest job_find_oldest(const struct snapshot *snap, struct str kind, struct str scope);

/* --- admin_quota.c --- */
/* Counts one more run on demand: *change is to be saved with the job; *changed is false when quotas are not enforced.
 * ERR_BUSY: the quota of the day or year is used up; ERR_LIMIT: too many audiences are named. */
enum err quota_take(struct call *call, struct http_req *rq, const struct json *segments, struct config_change *change,
                    bool *changed, struct diag *d);
/* What was used by now. */
struct quota {
    int64_t today, this_year;
};
struct quota quota_used(const struct snapshot *snap, struct str scope, int64_t now_ms);

#endif
