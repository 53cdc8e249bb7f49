/* rule.h - the typed intermediate representation of every rule language, and its plain evaluator.
 *
 * PQL, Target's audience rules and later languages lower to a tree of struct rule_node. Names are resolved: a reference
 * is the profile, the list of events, or a numbered slot that an enclosing node binds (an implicit element, a lambda
 * parameter, a generator, a let, a chain label). So evaluation needs no names, and two equal sub-expressions have equal
 * trees.
 *
 * The reference evaluator walks the tree. It is the meaning: the incremental evaluator (rule_graph.h) and the
 * vectorised one must agree with it, and tests compare them on random input. It never fails on a checked rule; a rule
 * that takes more than LIMIT_RULE_STEPS yields ERR_LIMIT, which callers treat as "not evaluated", never as false.
 *
 * Ownership  A rule owns a copy of all it needs (an arena of its own).   Threads  Immutable: share it. */
#ifndef RULE_RULE_H
#define RULE_RULE_H

#include "base/diag.h"
#include "rule/value.h"

/* Each row: operator, and what its fields hold. "args" are children. */
enum rule_op {
    RULE_LITERAL, /* value */
    RULE_PROFILE, /* parameter 1: the profile object */
    RULE_PARAM,   /* parameter `slot` > 1: null unless supplied */
    RULE_EVENTS,  /* xEvent of the profile: always a list */
    RULE_SLOT,    /* the value bound to `slot` */
    RULE_FIELD,   /* name; args[0] is the object: projection, [SEGMENTATION 4.4] */
    RULE_NOW,     /* the evaluation instant; RULE_TODAY.. as their midnights, date_only */
    RULE_TODAY,
    RULE_YESTERDAY,
    RULE_TOMORROW,
    RULE_LIST, /* args: the elements */
    RULE_MAP,  /* args: key, value, key, value... */
    RULE_AND,  /* args, boolean positions, short-circuit */
    RULE_OR,
    RULE_NOT,
    RULE_COMPARE, /* cmp; args[0], args[1] */
    RULE_IN,      /* args[0] in args[1]; negated: notIn */
    RULE_ARITH,   /* arith one of + - * / % ; one arg: unary minus */
    RULE_CALL,    /* fn; args: receiver first; element expressions are RULE_LAMBDA */
    RULE_LAMBDA,  /* binds slot (and slot + 1 when param_count is 2); args[0]: body. Only as an argument of RULE_CALL */
    RULE_IF,      /* args: test, then, else */
    RULE_LET,     /* binds slot to args[0] in args[1] */
    RULE_QUANT,   /* quant; args: RULE_GEN... */
    RULE_SELECT,  /* args: RULE_GEN... */
    RULE_AGG,     /* fn (sum average min max count); args[0]: body, then RULE_GEN... */
    RULE_GEN,     /* binds slot to each element of args[0] for which args[1] (when there) is true */
    RULE_OCCURS,  /* args[0]: receiver; when: the rest, its time expressions in args[1..] */
    RULE_CHAIN,   /* args[0]: list; name: timestamp path (dotted); args[1..]: RULE_ELEMENT */
    RULE_ELEMENT, /* binds slot to the event; negated; count bounds and gaps in element; args[0]: what (and where) */
};

enum rule_fn {
    FN_NONE,
    /* strings: args receiver, pattern [, case flag] */
    FN_STARTS_WITH,
    FN_NOT_STARTS_WITH,
    FN_ENDS_WITH,
    FN_NOT_ENDS_WITH,
    FN_CONTAINS,
    FN_NOT_CONTAINS,
    FN_EQUALS,
    FN_NOT_EQUAL_TO,
    FN_LIKE,
    FN_MATCHES,
    FN_REGEX_GROUP,
    /* lists */
    FN_INCLUDES,
    FN_INTERSECTS,
    FN_INTERSECTION,
    FN_SUBSET_OF,
    FN_SUPERSET_OF,
    FN_DISTINCT,
    FN_GROUP_BY,
    FN_FILTER,
    FN_TO_MAP,
    FN_TOP_N,
    FN_BOTTOM_N,
    FN_HEAD,
    FN_EXISTS,
    FN_FORALL,
    /* aggregations */
    FN_COUNT,
    FN_SUM,
    FN_AVERAGE,
    FN_MIN,
    FN_MAX,
    /* maps, presence, memberships */
    FN_GET,
    FN_KEYS,
    FN_VALUES,
    FN_MAP_ENTRY,
    FN_IS_NULL,
    FN_IS_NOT_NULL,
    FN_IN_SEGMENT,
    /* dates */
    FN_CURRENT_MONTH,
    FN_CURRENT_YEAR,
    FN_CURRENT_DAY_OF_MONTH,
    FN_GET_MONTH,
    FN_GET_YEAR,
    FN_GET_DAY_OF_MONTH,
    /* what Target's rules need [TARGET 4.1]: lower case as JavaScript makes it (lowercase.h); a decimal text without an
     * exponent as a number (js_decimal) */
    FN_LOWER,
    FN_NUMBER,
    /* JavaScript's operators (js_value.h), for json-logic [TARGET 5.4]. Arguments are evaluated left to right, of AND
     * and OR only as many as are needed; those two yield the value that decided. */
    FN_JS_TRUE,
    FN_JS_AND,
    FN_JS_OR,
    FN_JS_EQUAL,
    FN_JS_SAME,
    FN_JS_LESS,
    FN_JS_LESS_EQUAL,
    FN_JS_IN, /* needle, haystack */
    FN_JS_CAT,
    FN_JS_SUBSTR, /* text, start [, length] */
    FN_JS_ADD,
    FN_JS_MULTIPLY,
    FN_JS_SUBTRACT,
    FN_JS_DIVIDE,
    FN_JS_REMAINDER,
    FN_JS_NEGATE,
    FN_JS_LEAST,
    FN_JS_GREATEST,
    FN_JS_MERGE,
    FN_JS_VAR,          /* data, dotted path [, default] */
    FN_JS_MISSING,      /* data, paths.. or one list of paths */
    FN_JS_MISSING_SOME, /* data, how many are needed, list of paths */
    /* of a list, and a RULE_LAMBDA of one parameter; of anything else as of an empty list */
    FN_JS_FILTER,
    FN_JS_MAP,
    FN_JS_ALL,
    FN_JS_SOME,
    FN_JS_REDUCE, /* list, lambda over {"current","accumulator"}, initial */
    FN__COUNT
};

enum rule_quant { QUANT_SOME, QUANT_ALL, QUANT_NONE, QUANT_ONE };

enum rule_unit {
    UNIT_MS,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM
};

/* The tail of `occurs` [SEGMENTATION 8.2]. */
enum rule_when_form { WHEN_DISTANCE, WHEN_SIDE, WHEN_ON, WHEN_BETWEEN };
enum rule_side { SIDE_BEFORE, SIDE_AFTER, SIDE_FROM };
enum rule_period { PERIOD_NONE, PERIOD_THIS, PERIOD_LAST, PERIOD_NEXT };

struct rule_time_ref { /* a TIME: a calendar period, or args[arg] when period is PERIOD_NONE */
    enum rule_period period;
    enum rule_unit unit;
    unsigned arg;
};

struct rule_when {
    enum rule_when_form form;
    enum value_cmp cmp; /* WHEN_DISTANCE */
    int64_t amount;
    enum rule_unit unit;
    enum rule_side side;           /* WHEN_DISTANCE, WHEN_SIDE */
    struct rule_time_ref from, to; /* `to` only for WHEN_BETWEEN */
};

struct rule_bound {
    enum value_cmp cmp;
    int64_t amount;
    enum rule_unit unit; /* gaps only */
};

struct rule_element {
    const struct rule_bound *counts; /* empty: one */
    size_t count_count;
    const struct rule_bound *gaps;
    size_t gap_count;
    bool has_when;
    struct rule_when when; /* its receiver is the element's timestamp; its time expressions are args[1..] */
};

/* Static types [SEGMENTATION 3]. */
enum rule_type {
    TYPE_ANY,
    TYPE_NULL,
    TYPE_BOOL,
    TYPE_INT,
    TYPE_DOUBLE,
    TYPE_NUMBER,
    TYPE_STRING,
    TYPE_TIME,
    TYPE_LIST,
    TYPE_MAP,
    TYPE_OBJECT,
    TYPE_ENTRY
};

struct rule_node {
    enum rule_op op;
    enum rule_type type;
    uint32_t pos; /* byte offset in the source text */
    uint16_t slot;
    uint8_t param_count; /* RULE_LAMBDA */
    bool negated;        /* RULE_IN, RULE_ELEMENT */
    char arith;
    enum value_cmp cmp;
    enum rule_fn fn;
    enum rule_quant quant;
    struct str name;
    struct value value;
    const struct rule_when *when;
    const struct rule_element *element;
    const void *compiled; /* a precompiled regular expression, or NULL */
    struct rule_node *const *args;
    size_t arg_count;
};

struct rule; /* an arena and a root */

/* Takes over `a` (a heap-allocated arena, already initialised) in which root was built. slot_count: highest slot + 1.
 */
struct rule *rule_new(struct arena *a, const struct rule_node *root, unsigned slot_count);
/* One holder more: the tree lives until each has called rule_free(). Any thread. */
struct rule *rule_ref(const struct rule *r);
void rule_free(struct rule *r);
const struct rule_node *rule_root(const struct rule *r);
unsigned rule_slot_count(const struct rule *r);
/* Something at or below n (NULL: nothing) is the list of events. */
bool rule_reads_events(const struct rule_node *n);

/* Trees are equal when every field that decides the meaning is equal; pos is not one of them. The hash is of the same
 * fields, and the same in every run of the program: saved states rely on it. */
bool rule_equal(const struct rule_node *a, const struct rule_node *b);
uint64_t rule_hash(const struct rule_node *n);

/* What one evaluation sees. Everything is borrowed for the call. */
struct rule_env {
    int64_t now_ms;
    const struct json *profile;       /* record attributes; NULL: none */
    const struct json *const *events; /* in any order; each an event object */
    size_t event_count;
    /* inSegment(id): is the profile a member? NULL: read segmentMembership of `profile` [SEGMENTATION 7.5]. */
    bool (*in_segment)(void *ctx, struct str id);
    void *ctx;
    const struct json *const *params; /* RULE_PARAM slot n is params[n - 2] */
    size_t param_count;
};

/* The value of the rule. Results may borrow from env, rule and arena. ERR_LIMIT: steps or arena used up, which the same
 * call will do again. ERR_NOMEM: the heap refused. */
enum err rule_eval(const struct rule *r, const struct rule_env *env, struct arena *a, struct value *out,
                   struct diag *d);
/* The value of one node with some slots bound (slots[i] is slot i; n may be smaller than the rule's slot count): how
 * the graph evaluates a leaf. */
enum err rule_eval_node(const struct rule_node *n, const struct rule_env *env, const struct value *slots,
                        size_t slot_count, struct arena *a, struct value *out, struct diag *d);

/* Calendar and duration arithmetic of [SEGMENTATION 8.1], shared with the graph's windows: now shifted by n units
 * (negative: back); INT64_MIN or INT64_MAX when it leaves the years 1..9999. */
int64_t rule_time_shift(int64_t ms, int64_t n, enum rule_unit unit);
int64_t rule_unit_start(int64_t ms, enum rule_unit unit);

#endif
