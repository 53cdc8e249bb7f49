/* profile_names.h - short numbers for ids that many profiles repeat: the audiences of their memberships.
 *
 * A person is a member of hundreds of audiences; with its id of 36 bytes a membership takes 45 bytes of the document,
 * with a number two or three. A number belongs to an id for good: numbers count from 1 in the order of their first use,
 * are never given again, and are rows of the profiles' table ('N' number -> id), so that they commit with the documents
 * that mention them. All are in memory: a number becomes a borrowed text by one index.
 *
 * Ownership  Texts live as long as the names; they never move.
 * Threads    Whoever owns the table.
 * Cost       About 120 bytes of memory for an id. Ids of deleted audiences stay: 100 new ones a day for ten years take
 * 44 MB. */
#ifndef PROFILE_PROFILE_NAMES_H
#define PROFILE_PROFILE_NAMES_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "kv/kv.h"

struct profile_names {
    struct kv *kv; /* borrowed */
    struct arena arena;
    struct str *texts; /* owned array, by number - 1; bytes in the arena */
    size_t count, cap;
    struct map numbers; /* text -> (void *)number */
};

/* Reads what the table has. The caller owns the struct and calls profile_names_close() whatever the result. */
enum err profile_names_open(struct kv *k, struct profile_names *out, struct diag *d);
void profile_names_close(struct profile_names *names);

/* 0: has none. */
uint32_t profile_names_find(const struct profile_names *names, struct str text);
/* Gives it the next number when it has none: stages a row. */
enum err profile_names_number(struct profile_names *names, struct str text, uint32_t *number, struct diag *d);
/* p is NULL when there is no such number. */
static inline struct str
profile_names_text(const struct profile_names *names, uint64_t number)
{
    return number - 1 < names->count ? names->texts[number - 1] : S_NULL;
}

#endif
