/* target_int.h - lowering of Target's audience rules: what target_rule.c (the tree), target_leaf.c, _operator.c,
 * _special.c and _time.c (conditions), json_logic.c and target_node.c (nodes, messages) share.
 *
 * Every function that yields a node yields NULL after a failure, which is in w->rc and w->d; given a NULL node it
 * passes that on. So a tree is built without looking at each step. */
#ifndef DECIDE_TARGET_INT_H
#define DECIDE_TARGET_INT_H

#include "decide/decide_int.h"

#define TARGET_PATH_BYTES 128

struct lower {
    struct arena *a;
    struct diag *d;
    target_rule_lookup *lookup;
    void *ctx;
    struct field *fields;
    struct rule_node **params; /* of fields */
    size_t field_count, field_cap;
    struct str *hubs;
    size_t hub_count, hub_cap;
    size_t leaves;
    unsigned depth, references;
    unsigned slot_count, slot_max; /* bound around the node being lowered; most at once */
    char path[TARGET_PATH_BYTES];  /* of the member being read */
    size_t path_bytes;
    enum err rc;
};

/* ---- target_node.c ---- */

void *target_fail_memory(struct lower *w);
/* "<path> must be <expected>, got <type>" */
struct rule_node *target_refuse(struct lower *w, const char *expected, const struct json *got);
/* Extend the path of messages; the result goes to target_path_cut(). */
size_t target_path_member(struct lower *w, struct str name);
size_t target_path_index(struct lower *w, size_t i);
void target_path_cut(struct lower *w, size_t n);

struct rule_node *target_node(struct lower *w, enum rule_op op, struct rule_node **args, size_t n);
struct rule_node *target_node1(struct lower *w, enum rule_op op, struct rule_node *arg);
struct rule_node *target_node2(struct lower *w, enum rule_op op, struct rule_node *left, struct rule_node *right);
struct rule_node *target_call1(struct lower *w, enum rule_fn fn, struct rule_node *arg);
struct rule_node *target_call2(struct lower *w, enum rule_fn fn, struct rule_node *left, struct rule_node *right);
struct rule_node *target_compare(struct lower *w, enum value_cmp cmp, struct rule_node *left, struct rule_node *right);
struct rule_node *target_any_of(struct lower *w, struct rule_node **args, size_t n);
struct rule_node *target_literal(struct lower *w, struct value v);
struct rule_node *target_text(struct lower *w, struct str s);
/* fn(text), computed now. */
struct rule_node *target_folded(struct lower *w, enum rule_fn fn, struct str text);
/* A constant, a field, as a decimal number or null. */
struct rule_node *target_number(struct lower *w, struct str text);
struct rule_node *target_number_of(struct lower *w, struct rule_node *field);
/* The parameter that stands for a field, the same for every leaf that asks it. */
struct rule_node *target_param(struct lower *w, enum field_source source, struct str name);

/* ---- conditions ---- */

enum leaf_op {
    OP_EQUALS,
    OP_EQUALS_IGNORE_CASE,
    OP_CONTAINS,
    OP_STARTS_WITH,
    OP_ENDS_WITH,
    OP_MATCHES,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_EXISTS,
    OP_HAS_VALUE,
    OP_BETWEEN,
    OP__COUNT
};

/* target_operator.c: the values of a leaf as texts, at least one; NULL after a failure. */
struct str *target_values(struct lower *w, const struct json *values, size_t *n);
/* "${profile.b}": a value that is another field. */
bool target_reference(struct str text, struct field *f);
/* The operator holds between the field and one of the values; exact: `equals` minds the case. */
struct rule_node *target_holds(struct lower *w, enum leaf_op op, struct rule_node *field, const struct str *texts,
                               size_t n, bool exact);
/* exists and hasValue. */
struct rule_node *target_present(struct lower *w, enum leaf_op op, const struct field *f, bool wanted);

/* target_special.c: false when the condition is an ordinary one. */
bool target_special(struct lower *w, enum leaf_op op, const struct field *f, const struct str *texts, size_t n,
                    struct rule_node **out);
struct rule_node *target_library(struct lower *w, const struct json *leaf);

/* target_time.c */
struct rule_node *target_time(struct lower *w, const struct json *leaf);

/* target_leaf.c: the words of a leaf; false: not one. */
bool target_source(struct str key, enum field_source *source);
bool target_operator(struct str key, enum leaf_op *op);
struct rule_node *target_leaf(struct lower *w, const struct json *leaf);
/* Member of an audience of the hub. */
struct rule_node *target_membership(struct lower *w, struct str id);

#endif
