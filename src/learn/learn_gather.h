/* learn_gather.h - from the log to samples: which decisions of an activity led to a conversion.
 *
 * Hits go in, in the order of the log. A decision that was drawn with a known probability (the control arm,
 * exploration) and carries its features becomes a sample of its unit; the conversion of its visitor within
 * LIMIT_LEARN_OUTCOME_MS makes the last one before it a success [TARGET 8.2: learns from what was served at random].
 * Decisions of other arms, of QA links and of environments other than the default are not learnt from.
 *
 * Of more than LIMIT_LEARN_SAMPLES decisions, each stays with the same probability (reservoir).
 * Ownership  The gathering owns its samples.   Threads  none: plain data.   Cost  0.3 us per hit that is not ours. */
#ifndef LEARN_GATHER_H
#define LEARN_GATHER_H

#include "learn/learn.h"
#include "model/hit.h"

struct learn_gather;

struct learn_gather_options {
    struct str scope, activity;
    int64_t since_ms;
    uint32_t metric;    /* 32767: the primary one */
    size_t samples_max; /* 0: LIMIT_LEARN_SAMPLES */
    uint64_t seed;
};

enum err learn_gather_new(const struct learn_gather_options *o, struct learn_gather **out, struct diag *d);
void learn_gather_free(struct learn_gather *g);
/* A hit that was accepted at now_ms. ERR_NOMEM. */
enum err learn_gather_hit(struct learn_gather *g, const struct hit *h, int64_t now_ms, struct diag *d);
/* The units seen, in order of their first decision; the name is borrowed. */
size_t learn_gather_units(const struct learn_gather *g);
struct str learn_gather_unit(const struct learn_gather *g, size_t i);
/* The samples of a unit, owned by the caller: free(). ERR_NOMEM. */
enum err learn_gather_samples(const struct learn_gather *g, size_t unit, struct learn_sample **out, size_t *n,
                              struct diag *d);

#endif
