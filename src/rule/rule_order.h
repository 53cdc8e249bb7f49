/* rule_order.h - audiences that refer to each other by inSegment, in an order in which each follows those it refers to.
 */
#ifndef RULE_RULE_ORDER_H
#define RULE_RULE_ORDER_H

#include "base/arena.h"
#include "base/diag.h"
#include "rule/rule_graph.h"

/* index_of: the number of the audience with this id, NO_ID when it is none of them (the reference is left to
 * env->in_segment and orders nothing). *order: n indexes in `a`. ERR_INVALID: a cycle (d names it). ERR_LIMIT. */
enum err rule_order(const struct rule_audience *audiences, size_t n, uint32_t (*index_of)(const void *ctx, struct str),
                    const void *ctx, struct arena *a, uint32_t **order, struct diag *d);

/* The id in inSegment("id"); p is NULL for any other node. */
struct str rule_segment_id(const struct rule_node *n);

#endif
