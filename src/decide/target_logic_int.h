/* target_logic_int.h - json-logic under construction: texts in an arena, folded where they are constant.
 *
 * Every function that yields a text yields p NULL after a failure, which is in lg->rc, and passes such a text on. */
#ifndef DECIDE_TARGET_LOGIC_INT_H
#define DECIDE_TARGET_LOGIC_INT_H

#include "decide/target_int.h"
#include "decide/target_logic.h"

#define LOGIC_TRUE S("true")
#define LOGIC_FALSE S("false")

struct logic {
    struct lower w; /* reads leaves; its arena, path, diag and rc are everybody's */
    target_rule_lookup *lookup;
    void *ctx;
    int zone_minutes;
    unsigned references;
};

struct logic_list {
    struct str *items;
    size_t n, cap;
};

/* ---- target_logic_text.c ---- */

/* "<path>: <reason>" */
struct str logic_unsupported(struct logic *lg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str logic_printf(struct logic *lg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str logic_quote(struct logic *lg, struct str text);
struct str logic_var(struct logic *lg, const char *object, struct str name, const char *suffix);
void logic_add(struct logic *lg, struct logic_list *l, struct str item);
struct str logic_all(struct logic *lg, const struct logic_list *l);
struct str logic_any(struct logic *lg, const struct logic_list *l);
struct str logic_and(struct logic *lg, struct str x, struct str y);
struct str logic_or(struct logic *lg, struct str x, struct str y);
struct str logic_not(struct logic *lg, struct str x);
struct str logic_equal(struct logic *lg, struct str x, struct str y);

/* ---- target_logic_value.c: one operator between a text of the context and one of the values ---- */

struct logic_subject {
    struct str var, lower; /* {"var":"mbox.tier"}, {"var":"mbox.tier_lc"} */
    bool exact;            /* `equals` minds the case */
    bool empty_is_absent;  /* of pages: an empty part is none */
};
struct str logic_present(struct logic *lg, const struct logic_subject *s, bool with_value);
struct str logic_operator(struct logic *lg, enum leaf_op op, const struct logic_subject *s, struct str value);
/* number op constant, of a variable that is a number or null; unknown: what stands for null */
struct str logic_number(struct logic *lg, enum leaf_op op, struct str var, struct str value, struct str unknown);

/* ---- target_logic_leaf.c, target_logic_time.c ---- */

struct str logic_leaf(struct logic *lg, const struct json *leaf);
struct str logic_time(struct logic *lg, const struct json *leaf);

#endif
