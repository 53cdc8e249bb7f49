/* str.h - borrowed bytes with a length.
 *
 * A struct str has no NUL and owns nothing: it is valid as long as the bytes it points into. Pass it by value. Text
 * from outside is UTF-8 only where a header says so. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

struct str {
    const char *p;
    size_t n;
};

#define S(lit) ((struct str){(lit), sizeof(lit) - 1})
#define S_NULL ((struct str){NULL, 0})
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, ((s).n ? (s).p : "")

static inline struct str
str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool
str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, shorter first on a common prefix: <0, 0, >0. For UTF-8 this is code point order. */
int str_cmp(struct str a, struct str b);

/* The first eight bytes as a number: what str_cmp() says of two texts whose numbers differ, these say too. */
uint64_t str_order(struct str s);

/* ASCII letters only: header names, schemes, keywords. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Position of the first occurrence, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);

/* s[from, to), both clamped to the length. */
struct str str_slice(struct str s, size_t from, size_t to);

/* Without blanks, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);

/* Splits off the text before the first `sep`; *rest becomes what follows it. false when *rest was exhausted
 * (its p is NULL). An empty last piece is returned, as split() does elsewhere. */
bool str_split(struct str *rest, char sep, struct str *piece);

/* Whole text as a decimal number; false on anything else or out of range. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
/* JSON number syntax, whole text. */
bool str_to_f64(struct str s, double *out);

/* How many bytes to insert, drop or change to make one text of the other, for near misses; UINT_MAX when one of them
 * has more than STR_EDITS_BYTES. Upper and lower case are one. */
#define STR_EDITS_BYTES 64
unsigned str_edits(struct str a, struct str b);
/* How many make a name of n bytes another: one in a short name, two in a longer one. */
unsigned str_edits_near(size_t n);

/* Strict: no overlong forms, surrogates or code points past U+10FFFF. */
bool str_is_utf8(struct str s);
/* Characters of a text in UTF-8: its code points. */
size_t str_chars(struct str s);

#endif
