/* pql_lowerer.h - the state of the walk that lowers, and what its two files need of each other. */
#ifndef PQL_PQL_LOWERER_H
#define PQL_PQL_LOWERER_H

#include "pql/pql_int.h"

enum pql_target { TARGET_SLOT, TARGET_PROFILE, TARGET_PARAM, TARGET_NULL };

struct pql_variable {
    struct str name;
    enum pql_target target;
    unsigned slot; /* or the parameter's number */
    enum rule_type type;
};

struct pql_lowerer {
    struct pql_ctx *c;
    struct pql_variable *vars;
    size_t var_count;
    size_t var_cap;
    const struct rule_node **elements; /* implicit elements, outermost (the profile) first */
    size_t element_count;
    size_t element_cap;
    unsigned params;    /* of the query */
    unsigned slot_next; /* open binders */
    unsigned slot_count;
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
bool pql_lower_push_element(struct pql_lowerer *l, const struct rule_node *n);

#endif
