/* value.h - what an expression works on and yields.
 *
 * A small tagged value, passed by value. Profile data stays the parsed JSON it came as (VALUE_JSON wraps an array or object);
 * scalars are unwrapped when read. Timestamps exist only as results of date functions and on demand (value_as_time).
 *
 * Meaning    [SEGMENTATION 3, 5]: two-valued logic, null in a comparison is false, lists lift, second operand converts to the
 *            first one's kind.   Ownership  Strings and nodes are borrowed from the profile, the rule or the arena. */
#ifndef RULE_VALUE_H
#define RULE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_TIME, VALUE_LIST, VALUE_MAP,
                  VALUE_ENTRY };

struct value {
    enum value_kind kind;
    bool date_only; /* VALUE_TIME */
    union {
        bool b;
        int64_t i; /* VALUE_INT, VALUE_TIME (ms since 1970 UTC) */
        double f;
        struct str s;
        const struct value_list *list;
        const struct value_map *map;
        const struct value *entry; /* [0] key, [1] value */
    };
};

/* A list or map is either the JSON node it came from (json != NULL) or an array made by an expression. */
struct value_list {
    const struct json *json;
    const struct value *items;
    size_t n;
};

struct value_map {
    const struct json *json;
    const struct str *keys;
    const struct value *items;
    size_t n;
};

#define VALUE_OF_NULL ((struct value){.kind = VALUE_NULL})

/* Wraps a node (NULL: null). Allocates only for arrays and objects; an exhausted arena yields null and sets *nomem. */
struct value value_of_json(const struct json *v, struct arena *a, bool *nomem);
/* "asTimestamp" of [SEGMENTATION 3]; VALUE_NULL when it cannot be read. */
struct value value_as_time(struct value v);
/* Boolean position [SEGMENTATION 5.2]. */
bool value_truth(struct value v);
/* = with coercion and list lifting [SEGMENTATION 5.3, 5.4]; op is one of "=" "!=" "<" "<=" ">" ">=" as enum below. */
enum value_cmp { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };
bool value_compare(enum value_cmp op, struct value a, struct value b);
/* Typed deep equality: 1 = 1.0, 1 != "1", null = null. */
bool value_same(struct value a, struct value b);
/* JSON text of the value [SEGMENTATION 3, 21]. */
void value_write(struct buf *out, struct value v);

#endif
