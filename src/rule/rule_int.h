/* rule_int.h - what the files of the reference evaluator share. */
#ifndef RULE_RULE_INT_H
#define RULE_RULE_INT_H

#include "rule/regex.h"
#include "rule/rule.h"

#define EVAL_SLOTS_INLINE 8 /* most rules bind fewer; more come from the arena */

/* The events of one chain source, sorted by time. */
struct eval_moment {
    int64_t ms;
    size_t index; /* in the source: keeps ties in order */
    struct value event;
};
struct eval_timeline {
    struct eval_moment *items;
    int64_t *times; /* of the items */
    size_t n;
};

/* One evaluation under way. `stop` is set when steps or memory are used up; from then on every function returns at once
 * and its result means nothing. Slots below slot_count hold values; numbers follow the nesting of binders, so an inner
 * binder never overwrites an outer one. */
struct eval {
    const struct rule_env *env;
    struct arena *a;
    int64_t steps_left;
    bool stop;
    struct value *slots;
    size_t slot_count;
    struct value slots_inline[EVAL_SLOTS_INLINE];
    bool has_events;
    struct value events;
    struct str timeline_path; /* the cached timeline of the profile's events */
    struct eval_timeline timeline;
    struct str regex_text; /* the last pattern that was not a literal */
    const struct regex *regex;
};

/* Counts work; false when the evaluation stops. */
static inline bool
eval_tick(struct eval *ev, size_t steps)
{
    ev->steps_left -= (int64_t)steps;
    if (ev->steps_left < 0)
        ev->stop = true;
    return !ev->stop;
}

struct value eval_value(struct eval *ev, const struct rule_node *n);
bool eval_truth(struct eval *ev, const struct rule_node *n);
void eval_bind(struct eval *ev, size_t slot, struct value v);
struct value eval_slot(const struct eval *ev, size_t slot);
struct value eval_project(struct eval *ev, struct value object, struct str name);
struct value eval_events(struct eval *ev);
/* The body of a RULE_LAMBDA (or any expression) for one element. */
struct value eval_elem(struct eval *ev, const struct rule_node *lambda, struct value element);

/* rule_eval_fn.c, rule_eval_list.c, rule_eval_text.c: the functions of RULE_CALL. */
struct value eval_call(struct eval *ev, const struct rule_node *n);
struct value eval_call_list(struct eval *ev, const struct rule_node *n);
struct value eval_call_text(struct eval *ev, const struct rule_node *n);
/* rule_eval_js.c */
struct value eval_call_js(struct eval *ev, const struct rule_node *n);
/* sum, average, min, max, count of values; items is a list, lists inside are flattened one level when `flatten`. */
struct value eval_aggregate(struct eval *ev, enum rule_fn fn, struct value items, bool flatten);

/* rule_time.c. The receiver is a time already; args are the node's. */
bool eval_when(struct eval *ev, const struct rule_when *w, const struct rule_node *const *args, int64_t ms);
struct value eval_occurs(struct eval *ev, const struct rule_node *n);
/* rule_chain.c */
bool eval_chain(struct eval *ev, const struct rule_node *n);

/* sum, average, min, max, count of values taken in one by one; .fn is set by the caller, the rest zero.
 * rule_eval_list.c
 */
enum eval_rank { RANK_NONE, RANK_NUMBER, RANK_TIME, RANK_STRING }; /* the order of values of different kinds */
struct eval_fold {
    enum rule_fn fn;
    size_t n; /* values taken in */
    bool is_double;
    int64_t int_sum;
    double sum;
    enum eval_rank rank; /* of the first value decides what min and max look at */
    struct value best;
};
void eval_fold_take(struct eval_fold *f, struct value v);
struct value eval_fold_result(const struct eval_fold *f);
/* The rank of a value; a string that reads as a time becomes one. */
enum eval_rank eval_rank_of(struct value *v);
/* a + b and the other operators of two values. */
struct value eval_arith_of(char op, struct value a, struct value b);
struct value eval_negated(struct value a);

/* A list under construction in the arena. */
struct eval_list {
    struct value *items;
    size_t n;
    size_t cap;
};
/* Room for at least `n` items in one go. */
void eval_list_reserve(struct eval *ev, struct eval_list *l, size_t n);
void eval_list_add(struct eval *ev, struct eval_list *l, struct value v);
struct value eval_list_done(struct eval *ev, const struct eval_list *l);
/* From parallel arrays, both in the arena. */
struct value eval_map_of(struct eval *ev, const struct str *keys, const struct value *items, size_t n);

#endif
