/* segment_explain_int.h - between the JSON of an explanation and its sentences. */
#ifndef SEGMENT_SEGMENT_EXPLAIN_INT_H
#define SEGMENT_SEGMENT_EXPLAIN_INT_H

#include "segment/segment_explain.h"

struct explain_writer {
    struct jw *w;
    struct arena *a;
    unsigned slot_count; /* of the rule */
};

/* PQL text of a part of the rule, cut to its limit; empty when it has none. */
struct str explain_text(struct explain_writer *x, const struct rule_node *n);
/* JSON text of a value; p is NULL when it is too long to be shown. */
struct str explain_value(struct explain_writer *x, struct value v);
struct str explain_cmp(enum value_cmp cmp);
/* What would have to happen for the leaf to be the opposite of what it is. */
struct str explain_sentence(struct explain_writer *x, const struct explain_node *leaf);

#endif
