/* rule_chain_pass.h - the sequence of rule_chain.c when no element refers to a label: shared with the vectorised
 * evaluator, which finds the satisfying events of a whole block at once. */
#ifndef RULE_RULE_CHAIN_PASS_H
#define RULE_RULE_CHAIN_PASS_H

#include "rule/rule_int.h"

struct chain_step {
    const struct rule_element *spec;
    bool negated;
    size_t need;              /* events in its group: chain_group_size() */
    const unsigned char *sat; /* per event: its conditions hold */
};

size_t chain_group_size(const struct rule_element *spec);
/* The times t that satisfy every gap of `el` after an event at `prev`: lo <= t <= hi. */
void chain_gap_range(const struct rule_element *el, int64_t prev, int64_t *lo, int64_t *hi);
/* The first event at or after ms. */
size_t chain_lower_bound(const int64_t *times, size_t n, int64_t ms);

/* One positive element alone: its bounds hold for the number of satisfying events; there is at least one event. */
size_t chain_satisfied(const unsigned char *sat, size_t n);
bool chain_count_holds(const struct rule_element *spec, size_t count);

/* At least two steps over n events in the order of their times. Counts steps and uses the arena of ev. */
bool chain_pass(struct eval *ev, const int64_t *times, size_t n, const struct chain_step *steps, size_t count);

#endif
