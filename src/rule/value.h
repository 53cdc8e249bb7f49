/* value.h - what an expression works on and yields.
 *
 * A small tagged value, passed by value. Profile data stays the parsed JSON it came as (VALUE_JSON wraps an array or
 * object); scalars are unwrapped when read. Timestamps exist only as results of date functions and on demand
 * (value_as_time).
 *
 * Meaning    [SEGMENTATION 3, 5]: two-valued logic, null in a comparison is false, lists lift, second operand converts
 * to the first one's kind.   Ownership  Strings and nodes are borrowed from the profile, the rule or the arena. */
#ifndef RULE_VALUE_H
#define RULE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"

enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_TIME,
    VALUE_LIST,
    VALUE_MAP,
    VALUE_ENTRY
};

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
/* Hash that agrees with value_same. */
uint64_t value_hash(struct value v);

/* The elements of a list or members of a map (of anything else: none), without allocating:
 * struct value_iter it = value_iter(v); while (value_next(&it)) use(it.key, it.value);
 * A value inside is valid until the next step; value_keep makes one that lives as long as the arena and the data. */
struct value_iter {
    struct str key; /* of a map's member */
    struct value value;
    const struct json *node; /* where the value comes from; NULL: it is not JSON and stays valid by itself */
    struct json_iter priv_json;
    const struct str *priv_keys;
    const struct value *priv_items;
    size_t priv_left;
    bool priv_is_json;
    union {
        struct value_list list;
        struct value_map map;
    } priv_box;
};
struct value_iter value_iter(struct value v);
bool value_next(struct value_iter *it);
struct value value_keep(const struct value_iter *it, struct arena *a, bool *nomem);

/* Elements of a list, members of a map, nulls included; 0 for anything else. */
size_t value_count(struct value v);
/* Member of a map; null when absent or not a map. */
struct value value_get(struct value map, struct str key, struct arena *a, bool *nomem);
/* A string of decimal digits [.digits][exponent] as a number; anything else null. */
struct value value_number(struct str s);
/* The text of a boolean, number or time in `room`, a string itself; false for other kinds. */
#define VALUE_TEXT_BYTES 40
bool value_text(struct value v, char room[VALUE_TEXT_BYTES], struct str *out);

static inline bool
value_is_number(struct value v)
{
    return v.kind == VALUE_INT || v.kind == VALUE_DOUBLE;
}

static inline struct value
value_bool(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .b = b};
}

static inline struct value
value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}

static inline struct value
value_string(struct str s)
{
    return (struct value){.kind = VALUE_STRING, .s = s};
}

/* Not finite: null, as everywhere in the language. */
struct value value_double(double f);

#endif
