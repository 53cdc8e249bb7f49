/* hub_recount.h - between the files of recounts. */
#ifndef HUB_HUB_RECOUNT_H
#define HUB_HUB_RECOUNT_H

#include "decide/decide.h"
#include "hub/hub_int.h"
#include "results/results.h"

/* The metrics that count, as a set that has the activity alone. */
struct recount_metrics {
    struct decide_set *set; /* owned by the recount */
    struct str activity;    /* id */
    struct hash_key token_key;
};
/* A results_met; ctx is a struct recount_metrics. */
results_met recount_met;

#endif
