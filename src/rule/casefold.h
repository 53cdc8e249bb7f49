/* casefold.h - Unicode simple case folding [SEGMENTATION 7.2, C 15]: no locale, one code point to one code point. Text
 * is valid UTF-8; a folded text may have another length in bytes. */
#ifndef RULE_CASEFOLD_H
#define RULE_CASEFOLD_H

#include "base/arena.h"

uint32_t casefold_char(uint32_t c);
/* The folded text: `s` itself when folding changes nothing, else in the arena. p is NULL when the arena is used up. */
struct str casefold_str(struct str s, struct arena *a);

/* Takes one code point off the front of *s, which is not empty. A malformed byte stands for itself. */
uint32_t casefold_take(struct str *s);
/* Writes one code point, at most four bytes; how many. */
size_t casefold_put(char *out, uint32_t c);

#endif
