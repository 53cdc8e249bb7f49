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
#include "segment/past.h"

enum evaluation_state { EVALUATION_NEW, EVALUATION_RUNNING, EVALUATION_READY, EVALUATION_FAILED };

/* What is asked. All but a job are questions: they are kept, with the answer, for LIMIT_PREVIEW_MS. */
enum evaluation_kind {
    EVALUATION_PREVIEW,
    EVALUATION_DIFF,
    EVALUATION_AS_OF,
    EVALUATION_RECOUNT,
    EVALUATION_WHAT_IF,
    EVALUATION_JOB
};

struct evaluation_namespace {
    struct str code;
    uint64_t members;
};

/* Texts and lists are in the arena. From `state` on under evaluator.lock. */
struct evaluation {
    struct evaluation *next; /* younger */
    struct arena arena;
    struct str id, scope;
    enum evaluation_kind kind;
    bool exports;          /* a job that writes profiles to files (admin_export_job.h) */
    bool by_dataset;       /* of a preview: what is said of datasets is wanted */
    struct rule *rule;     /* of a preview; of a diff, how it will be; owned */
    struct rule *before;   /* of a diff, owned */
    struct str audience;   /* of a diff or an as-of; empty: none */
    bool opted_out_too;    /* of a diff: people who opted out may be members */
    struct str ns, entity; /* of an as-of: the person; empty: a size is asked */
    int64_t at_ms;
    struct str *segments; /* of a job: audiences by id; */
    size_t segment_count; /* 0: all */
    struct str activity;  /* of a recount */
    struct str object;    /* the activity as its metrics count, JSON */
    bool unsaved;         /* of a recount: under metrics that are not saved */
    int64_t created_ms;
    enum evaluation_state state;
    bool cancelled;         /* the thread ends and frees it; a question is found no more */
    uint64_t fragments;     /* of a preview */
    uint64_t read, matched; /* profiles; of an as-of, records that were read, of so many; of a what-if, records read and
                               requests compared */
    struct evaluation_namespace *namespaces; /* from here on: when ready */
    size_t namespace_count;
    struct census_dataset *datasets;
    size_t dataset_count;
    struct census_sample sample;
    struct census_diff diff;
    struct what_if *what_if; /* owned (admin_what_if.h) */
    int64_t counted_ms;      /* the instant that it is true of */
    struct past_result past;
    struct str result; /* of a recount: rows, JSON */
    int64_t since_ms;  /* of the oldest hit that it had; 0: it had all */
    enum err failure;  /* when failed */
    char error[256];
};

struct evaluator {
    struct admin *admin;
    struct os_mutex lock;
    struct os_cond moved;
    struct evaluation *first;       /* owned list, oldest first */
    size_t questions, jobs;         /* in it; jobs with those about to be */
    bool rescheduled;               /* the thread's look at the schedules is out of date */
    _Atomic int64_t allocated_hour; /* since 1970: admin_allocator.c looked last */
    _Atomic int64_t trained_day;    /* and admin_trainer.c */
    bool stop;
    struct os_thread thread;
};

/* ERR_NOMEM; free with evaluation_free() until it is added. */
enum err evaluation_new(enum evaluation_kind kind, struct str id, struct str scope, int64_t now_ms,
                        struct evaluation **out, struct diag *d);
void evaluation_free(struct evaluation *e);
/* Well or not. Under the lock, once it is added. */
bool evaluation_ended(const struct evaluation *e);
/* A question into the queue, as the youngest; the oldest one that ended makes room. ERR_BUSY: LIMIT_PREVIEWS have not
 * ended; `e` is still the caller's. */
enum err evaluator_add(struct evaluator *ev, struct evaluation *e, int64_t now_ms, struct diag *d);
/* A job comes in two steps, so that none is saved that finds no place: a place, ERR_BUSY when LIMIT_JOBS_WAITING have
 * not ended; then the job, or the place back. */
enum err evaluator_reserve_job(struct evaluator *ev, struct diag *d);
void evaluator_add_job(struct evaluator *ev, struct evaluation *e);
void evaluator_release_job(struct evaluator *ev);
/* A schedule was changed. */
void evaluator_wake(struct evaluator *ev);
/* A question, under the lock: NULL when there is none, or it is older than LIMIT_PREVIEW_MS. */
struct evaluation *evaluator_find(struct evaluator *ev, enum evaluation_kind kind, struct str scope, struct str id,
                                  int64_t now_ms);
/* Takes it out of the list, under the lock; what runs ends soon. */
void evaluator_drop(struct evaluator *ev, struct evaluation *e);
/* Ends a job soon; one that ended stays as it is. */
void evaluator_cancel_job(struct evaluator *ev, struct str scope, struct str id);
/* Waits a moment before the hub is asked again that said "later". */
void evaluator_pause(struct evaluator *ev);
/* False: it is to end, because it was cancelled or the process stops. */
bool evaluator_goes_on(struct evaluator *ev, const struct evaluation *e);
/* The same, and says how far it is. */
bool evaluator_report(struct evaluator *ev, struct evaluation *e, uint64_t read, uint64_t matched);
/* A job that ended so because the process stops, and for nothing else: it stays as it is saved, and the next start
 * takes it up. */
bool evaluator_keeps_job(struct evaluator *ev, const struct evaluation *e, enum err result);
/* Runs a census to its end and repairs what is wrong. ERR_CANCELLED: asked to, or the process stops. ERR_BUSY: the
 * audiences that are compared are not the configuration's any more. */
enum err evaluator_count(struct evaluator *ev, struct evaluation *e, struct census *c, struct diag *d);
/* Waits until all have ended. For tests. */
void evaluator_wait(struct evaluator *ev);
/* Waits until no job is left, or the time is over. */
void evaluator_wait_jobs(struct evaluator *ev, uint64_t timeout_us);

/* --- admin_question.c: what preview, diff, as-of, recount and what-if have in common --- */
/* NEW, RUNNING, RESULT_READY, FAILED */
struct str evaluation_state_name(enum evaluation_state state);
/* False, and answered: this process has no hub. */
bool question_possible(struct call *call, struct http_req *rq, struct http_res *rs, enum error_style style);
/* Compiles the body's predicateExpression as saving an audience does. *out is owned. ERR_INVALID, ERR_LIMIT. */
enum err question_rule(struct call *call, const struct json *body, struct rule **out, struct diag *d);
/* Fills a question from the body of its POST. */
typedef enum err question_reader(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e,
                                 struct diag *d);
/* Puts a new one into the queue. False: the error is answered, 429 when the queue is full. */
bool question_ask(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id,
                  question_reader *read);
/* The evaluator's lock stays taken when it is found; else the answer is written. */
struct evaluation *question_find(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind,
                                 struct str id);
/* The same under a new id, answered with it: 201. */
void question_post(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind,
                   question_reader *read);
/* Members id, audienceId, state, and error of one that failed; then what write() has to say, under the evaluator's
 * lock. */
void question_get(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id,
                  void (*write)(struct jw *w, struct call *call, const struct evaluation *e));
void question_delete(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind,
                     struct str id);

/* --- admin_as_of.c --- */
enum err as_of_run(struct evaluator *ev, struct evaluation *e, struct diag *d);

/* --- admin_recount.c --- */
enum err recount_run(struct evaluator *ev, struct evaluation *e, struct diag *d);

/* --- admin_job.c --- */
/* Runs a job and saves what came of it. */
enum err job_run(struct evaluator *ev, struct evaluation *e, struct diag *d);
/* Into the queue what had not ended when the process did. */
enum err job_resume_all(struct evaluator *ev, struct diag *d);

/* --- admin_scheduler.c --- */
/* Begins a job for every schedule that is due at now_ms; when the next one will be, in ms. Any thread. */
int64_t scheduler_run(struct evaluator *ev, int64_t now_ms);
/* --- admin_allocator.c --- */
/* Computes Auto-Allocate's weights when a new hour has begun; when the next one will, in ms. Any thread. */
int64_t allocator_run(struct evaluator *ev, int64_t now_ms);
/* --- admin_trainer.c --- */
/* Trains the models of activities when a new day has begun; when the next one will, in ms. Any thread. */
int64_t trainer_run(struct evaluator *ev, int64_t now_ms);
/* --- admin_export_job.c, admin_export_run.c: the same for exports --- */
enum err export_run(struct evaluator *ev, struct evaluation *e, struct diag *d);
enum err export_resume_all(struct evaluator *ev, struct diag *d);

#endif
