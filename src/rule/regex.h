/* regex.h - regular expressions, the subset that Java's Pattern and PCRE2 share [SEGMENTATION 7.2]. regex.c is the only
 * file that sees PCRE2.
 *
 * UTF-8 patterns and subjects; \d \w \s \b are ASCII; a match is searched anywhere. LIMIT_REGEX_STEPS and
 * LIMIT_REGEX_BYTES bound one search: past them the answer is "no match" [C 13].
 *
 * Ownership  A compiled expression lives in the arena given.   Threads  Immutable: share it. */
#ifndef RULE_REGEX_H
#define RULE_REGEX_H

#include "base/arena.h"
#include "base/diag.h"

struct regex;

/* ERR_INVALID: d->what says what is wrong, d->pos the byte of the pattern. ERR_LIMIT: the arena is used up. The arena
 * must stay where it is for as long as the expression is used. */
enum err regex_new(struct str pattern, struct arena *a, const struct regex **out, struct diag *d);
unsigned regex_group_count(const struct regex *r);

/* How a search ended. */
enum regex_end {
    REGEX_DONE,
    REGEX_GIVEN_UP, /* at LIMIT_REGEX_STEPS or LIMIT_REGEX_BYTES: no match, by definition */
    REGEX_NO_MEMORY /* below that bound: whether it matches is not known */
};

/* Searches `subject`; false: no match, or *end is not REGEX_DONE. *group (may be NULL) receives the text of capture
 * group `n` (0: the match), borrowed from subject; its p is NULL when the group took no part or does not exist. end may
 * be NULL. */
bool regex_search(const struct regex *r, struct str subject, unsigned n, struct str *group, enum regex_end *end);

#endif
