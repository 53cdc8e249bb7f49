/* target_int.h - lowering of Target's audience rules: what target_rule.c (the tree), target_leaf.c (conditions) and
 * target_node.c (nodes, messages) share.
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
    char path[TARGET_PATH_BYTES]; /* of the member being read */
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

/* ---- target_leaf.c ---- */

struct rule_node *target_leaf(struct lower *w, const struct json *leaf);
/* Member of an audience of the hub. */
struct rule_node *target_membership(struct lower *w, struct str id);

#endif
