/* rule_explain.h - why a rule is true or false of a profile, and the least that would have to be otherwise.
 *
 * A rule is cut at its boolean structure (and, or, not); what is left are leaves. Each leaf is evaluated by the plain
 * evaluator, whatever its siblings say, and tells what it saw: the fields of the profile and their values, or the
 * events that counted, the one of them that decided, and when time alone will change its mind.
 *
 *     and  false                        node   what was seen
 *     |-- leaf  true                    fields loyalty.tier is "gold"
 *     `-- not   false
 *         `-- leaf  true                events 2 counted, decided by the one of 3 March, flips on 2 May
 *
 * The changes are a smallest set of leaves that, were they otherwise, would make the rule true. A leaf costs 1; an
 * equal leaf is the same leaf wherever it stands. Leaves are taken as independent: that points >= 500 and points < 300
 * exclude each other is not known. The cost of a node is a sum or a least over its children, which is exact while no
 * leaf stands in two places; what stands in several is tried both ways, up to LIMIT_EXPLAIN_SHARED such leaves. Leaves
 * past it keep their truth: a set that is found is still right, and `exact` is false.
 *
 * Nothing here knows a language: the caller prints the nodes.
 *
 * Ownership  All is in the arena, or borrowed from rule and env.   Threads  Any.
 * Cost       An evaluation a leaf, and one an event for a leaf that counts: for a person who asks. */
#ifndef RULE_RULE_EXPLAIN_H
#define RULE_RULE_EXPLAIN_H

#include "rule/rule.h"

enum explain_kind {
    EXPLAIN_AND,
    EXPLAIN_OR,
    EXPLAIN_NOT,
    EXPLAIN_FIELDS, /* reads attributes, or the clock */
    EXPLAIN_COUNT,  /* compares how many events there are of some kind; "some" is at least one */
    EXPLAIN_SUM,    /* compares a sum over events */
    EXPLAIN_CHAIN,  /* a sequence of events */
    EXPLAIN_MEMBER, /* inSegment(): seen[0] is the audience's id */
    EXPLAIN_EVENTS, /* reads events in some other way */
    EXPLAIN_FIXED   /* a literal: nothing could make it otherwise */
};

struct explain_field {
    const struct rule_node *node; /* a path of the profile; EXPLAIN_MEMBER: the argument */
    struct value value;
};

struct explain_event {
    const struct json *event;
    bool has_time;
    int64_t ms; /* its timestamp */
};

/* COUNT and SUM: the value is compared with each bound. */
struct explain_bound {
    enum value_cmp cmp;
    struct value literal;
};

struct explain_node {
    enum explain_kind kind;
    const struct rule_node *node;
    bool truth;
    bool change; /* a leaf of the smallest set, at the first of its places */
    struct explain_node *kids;
    size_t kid_count;
    /* leaves */
    uint32_t leaf; /* equal leaves have one number */
    struct explain_field *fields;
    size_t field_count; /* at most LIMIT_EXPLAIN_FIELDS */
    struct explain_bound *bounds;
    size_t bound_count;
    const struct rule_node *list; /* COUNT, SUM: the list of events, before an element expression. NULL: not alone */
    struct value value;           /* COUNT, SUM: what is compared */
    struct explain_event *events; /* that counted, or that the sequence was found in: the newest, in order of time */
    size_t event_count;           /* at most LIMIT_EXPLAIN_EVENTS */
    size_t counted;               /* of all */
    bool decided; /* COUNT, SUM: with the events up to the decider the leaf is what it is now, and stays so
                     with each later one. CHAIN: it is the last that the sequence needs */
    struct explain_event decider;
    int64_t flip_ms; /* the earliest instant at which time alone makes it otherwise; 0: never, or not to be foreseen */
    bool reads_events;
    const char *scans; /* reads_events: why the stored events are read in each step; NULL: it keeps incremental state */
};

struct explain {
    struct explain_node *root;
    size_t node_count;
    size_t leaf_count; /* different ones */
    int64_t flip_ms;   /* of the whole */
    bool possible;     /* false: literals alone keep it from being otherwise */
    bool exact;
    unsigned change_count; /* different leaves to change; 0 when the rule is true */
};

/* env->events are read in order of time, as profiles keep them: given in another order, head() and what else takes the
 * list as it is may differ from rule_eval. ERR_LIMIT: more than LIMIT_EXPLAIN_NODES or LIMIT_EXPLAIN_WORK, a leaf that
 * takes more than LIMIT_RULE_STEPS, or the arena is used up. */
enum err rule_explain(const struct rule *r, const struct rule_env *env, struct arena *a, struct explain *out,
                      struct diag *d);

#endif
