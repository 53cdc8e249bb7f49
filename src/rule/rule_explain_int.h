/* rule_explain_int.h - between the two files of the explanation: what leaves saw, and what would have to change. */
#ifndef RULE_RULE_EXPLAIN_INT_H
#define RULE_RULE_EXPLAIN_INT_H

#include "rule/rule_explain.h"

/* Finds the smallest set of leaves for a false rule and marks it. false: no memory. */
bool explain_change(struct explain *x, struct arena *a);

#endif
