/* pql_lowerer.h - the state of the walk that lowers, and what its two files need of each other. */
#ifndef PQL_PQL_LOWERER_H
#define PQL_PQL_LOWERER_H

#include "pql/pql_int.h"

enum pql_target { TARGET_SLOT, TARGET_PROFILE, TARGET_PARAM, TARGET_NULL };

/* What the schema says of a value: it is of the field's type, or a list of such. */
struct pql_shape {
    const void *field; /* NULL: nothing */
    bool list;
};

struct pql_variable {
    struct str name;
    enum pql_target target;
    unsigned slot; /* or the parameter's number */
    enum rule_type type;
    struct pql_shape shape;
};

struct pql_element { /* an implicit element */
    const struct rule_node *node;
    struct pql_shape shape;
};

struct pql_lowerer {
    struct pql_ctx *c;
    struct pql_variable *vars;
    size_t var_count;
    size_t var_cap;
    struct pql_element *elements; /* outermost (the profile) first */
    size_t element_count;
    size_t element_cap;
    unsigned params;    /* of the query */
    unsigned slot_next; /* open binders */
    unsigned slot_count;
    const struct pql_schema *schema; /* NULL: none */
    struct pql_shape shape;          /* of the node that pql_lower_node has just returned */
    const struct pql_ast *path;      /* the longest path that is being lowered, for messages */
};

/* NULL after an error, here and below. */
const struct rule_node *pql_lower_node(struct pql_lowerer *l, const struct pql_ast *ast);
const struct rule_node *pql_lower_call(struct pql_lowerer *l, const struct pql_ast *ast);

struct rule_node *pql_lower_new(struct pql_lowerer *l, enum rule_op op, enum rule_type type, uint32_t pos, size_t args);
/* Arguments are const in the finished tree; only these files write them, and only into nodes just made. */
void pql_lower_set(struct rule_node *n, size_t i, const struct rule_node *arg);
/* Lowers every child into the node's arguments, in order. */
bool pql_lower_kids(struct pql_lowerer *l, const struct pql_ast *ast, struct rule_node *n);

/* Opens `count` binders and returns the first one's slot; the caller puts slot_next back. */
unsigned pql_lower_slots(struct pql_lowerer *l, unsigned count);
const struct rule_node *pql_lower_slot(struct pql_lowerer *l, unsigned slot, enum rule_type type, uint32_t pos);
bool pql_lower_push_var(struct pql_lowerer *l, struct pql_variable v);
bool pql_lower_push_element(struct pql_lowerer *l, const struct rule_node *n, struct pql_shape shape);

/* ---- pql_shape.c: what the schema says; all of it is silent without one ---- */

struct pql_shape pql_shape_profile(const struct pql_lowerer *l);
struct pql_shape pql_shape_events(const struct pql_lowerer *l);
struct pql_shape pql_shape_element(const struct pql_lowerer *l, struct pql_shape of); /* of a list */
struct pql_shape pql_shape_entry(const struct pql_lowerer *l, struct pql_shape of);   /* of a map, under any key */
enum rule_type pql_shape_type(const struct pql_lowerer *l, struct pql_shape s);
/* A field of it. false with an error: there is none of that name. */
bool pql_shape_field(struct pql_lowerer *l, struct pql_shape of, struct str name, uint32_t pos, struct pql_shape *out);

#endif
