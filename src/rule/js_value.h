/* js_value.h - values as JavaScript sees them: truth, conversion, comparison, texts of UTF-16 units [TARGET 5.4].
 *
 * For languages whose meaning is JavaScript's (json-logic). Only here numbers may be NaN or infinite: VALUE_DOUBLE with
 * such an f. `undefined` is null, except where it becomes a number: callers give NaN there. Lists and maps are compared
 * by identity; one converts to a text by joining its elements, the other to "[object Object]".
 *
 * Half a character that is outside the basic plane, which js_substr() may cut, is the three bytes of its surrogate.
 * Functions with an arena set *nomem when it is used up, and their result means nothing. */
#ifndef RULE_JS_VALUE_H
#define RULE_JS_VALUE_H

#include "rule/value.h"

/* Of the empty list it is false [TARGET 5.4], unlike JavaScript. */
bool js_truth(struct value v);
double js_number(struct value v, struct arena *a, bool *nomem);
/* parseFloat(String(v)) */
double js_parse_float(struct value v, struct arena *a, bool *nomem);
struct str js_text(struct value v, struct arena *a, bool *nomem);
struct value js_double(double f); /* any f; a whole number becomes VALUE_INT */

bool js_equal(struct value x, struct value y, struct arena *a, bool *nomem); /* == */
bool js_same(struct value x, struct value y);                                /* === */
/* x < y, or x <= y: texts by UTF-16 units, else numbers. */
bool js_less(struct value x, struct value y, bool or_equal, struct arena *a, bool *nomem);
/* indexOf(needle) != -1 of a list or text; false for anything else and for what is not true. */
bool js_contains(struct value haystack, struct value needle, struct arena *a, bool *nomem);
/* text.substr(start, length); length NaN: to the end. */
struct str js_substr(struct str text, double start, double length, struct arena *a, bool *nomem);
size_t js_length(struct str text); /* in UTF-16 units */
/* What data["a"]["b"] is along a dotted path; false: undefined somewhere on the way. */
bool js_path(struct value data, struct str path, struct value *out, struct arena *a, bool *nomem);

/* A text as decimal number: blanks around, a sign, digits with a point; no exponent [TARGET 4.1]. */
bool js_decimal(struct str text, double *out);

#endif
