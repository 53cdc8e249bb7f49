/* rerun.h - recorded requests decided again: with the configuration of then, to explain a decision, or with another
 * one, to see what it had decided. What the control plane needs of the edge for that, as data and functions, because
 * the two are of one layer; edge/rerun.c has them.
 *
 *   open     nobody is known yet
 *   record   the hits of the past, oldest first: visitors become who they were
 *   copy     a second world with the same visitors
 *   decide   the next hit, decided anew; the visitor learns what was decided now, not what is recorded
 *
 * A world is the fold of the log up to here. A decision is a pure function of configuration, visitor, request and time
 * (decision.h), so `decide` with the configuration of then gives what is recorded. Where the log does not have what a
 * decision asks for, the result says what is missing, and is not to be believed.
 *
 * Shown later   What a client was given before it reports a display or click is what this world gave it: a token of an
 *               activity names the experience that was decided last here, and nothing is reported of an activity that
 *               was not given. A visitor who was never given anything here (he decides on his device) is taken at his
 *               word.
 * Threads       A world belongs to one.   Sources  OURS */
#ifndef DECIDE_RERUN_H
#define DECIDE_RERUN_H

#include "base/arena.h"
#include "base/diag.h"
#include "model/hit.h"

struct snapshot;
struct rerun; /* a world */

/* What keeps a decision from being made again exactly. */
enum rerun_missing {
    RERUN_EXACT,
    RERUN_HISTORY,    /* the log begins after the visitor came, or requests of his overtook each other */
    RERUN_REQUEST,    /* of an event, what it asked */
    RERUN_AUDIENCES,  /* of the platform, that a rule asks for */
    RERUN_ATTRIBUTES, /* the same */
    RERUN_HEADERS,    /* of the request, that a rule asks for */
    RERUN_SCRIPTS,    /* what they changed at which of several locations */
    RERUN_SAMPLE,     /* he was united with somebody who is not in the sample */
    RERUN_REFUSED,    /* the configuration refuses the request */
    RERUN__COUNT
};
const char *rerun_missing_name(enum rerun_missing missing);

struct rerun_decision {
    struct str activity, experience, scope;
    bool prefetched, entered;
    enum hit_arm arm;
    struct str why;       /* decision_taken.why, whole */
    struct str audiences; /* JSON array of docs/what-if.md: every audience with its conditions; empty: not wanted */
};

/* An activity that has something at a location and did not get the visitor. */
struct rerun_loss {
    struct str activity, scope;
    const char *reason; /* docs/formats/why.md */
};

struct rerun_result {
    bool asked;       /* the hit is a request for decisions, of somebody in the sample */
    uint64_t visitor; /* hash of his place */
    enum rerun_missing missing;
    struct rerun_decision *decisions; /* as made; arena */
    size_t decision_count;
    struct rerun_loss *losses;
    size_t loss_count;
};

struct rerun_options {
    struct str scope;    /* copied */
    size_t bytes_max;    /* of visitors */
    unsigned share;      /* of visitors, in hundredths of a percent: 10000 is everybody */
    bool from_beginning; /* the log has its first record; else */
    int64_t begins_ms;   /* what it begins with */
};

struct rerun_ops {
    void *ctx;
    enum err (*open)(void *ctx, const struct rerun_options *o, struct rerun **out, struct diag *d);
    void (*close)(struct rerun *r);
    /* ERR_NOMEM. */
    enum err (*copy)(const struct rerun *r, struct rerun **out, struct diag *d);
    /* ERR_LIMIT: the visitors are more than bytes_max. */
    enum err (*record)(struct rerun *r, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d);
    /* explain: results have audiences. Everything is in the arena or borrowed from hit and snapshot. */
    enum err (*decide)(struct rerun *r, const struct snapshot *s, const struct hit *h, int64_t now_ms, bool explain,
                       struct arena *a, struct rerun_result *out, struct diag *d);
};

#endif
