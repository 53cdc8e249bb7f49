/* lowercase.h - lower case as JavaScript's toLowerCase() makes it [TARGET 4.1]: the full mapping without a locale, so a
 * dotted capital I becomes two characters and a sigma at the end of a word the final one. Text is valid UTF-8. */
#ifndef RULE_LOWERCASE_H
#define RULE_LOWERCASE_H

#include "base/arena.h"

/* The lower text: `s` itself when nothing changes, else in the arena. p is NULL when the arena is used up. */
struct str lowercase_str(struct str s, struct arena *a);
/* Every character in the upper case whose lower case it is, where there is one; the first where there are several. */
struct str uppercase_str(struct str s, struct arena *a);

#endif
