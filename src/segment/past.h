/* past.h - memberships at a past instant: of one person, or the size of an audience.
 *
 * The table says what is now, the topic `membership` what has changed (docs/formats/membership.md). So the topic is
 * read from the instant on: the first record after it that speaks of a profile and an audience says what was before
 * that record, and where there is none it was as it is now. Nothing older is read, so nothing older need be kept.
 *
 *   while (!past_done(p)) {
 *       if (past_wants_state(p)) { lock; rc = past_capture(p, &now, d); unlock; }   the table, for a moment
 *       else rc = past_read(p, d);                                                  LIMIT_PAST_RECORDS of the topic
 *   }
 *
 * Person     By an identity, which may have been in another profile at that instant. Records of unions and splits lead
 * back to it; each such step captures and reads once more.
 *
 * Exactness  As it was told live: a membership counts from its record's instant on.
 *
 * Retention  What the topic does not hold any more is refused, never guessed.
 *
 * Memory     Of a size, 16 bytes for each profile that moved since then.
 *
 * Threads    One owner. */
#ifndef SEGMENT_PAST_H
#define SEGMENT_PAST_H

#include "pipeline/pipeline.h"
#include "profile/profile_store.h"

struct past;

struct past_options {
    struct str scope;
    struct str audience; /* whose size is asked, or the only one that is asked of the person; empty: all of theirs */
    struct str ns, id;   /* the person; empty: a size is asked */
    int64_t at_ms;
};

enum err past_new(const struct past_options *o, struct past **out, struct diag *d);
void past_free(struct past *p);
const struct past_options *past_options(const struct past *p);
bool past_done(const struct past *p);
bool past_wants_state(const struct past *p);

/* What is, under the table's lock. */
struct past_now {
    struct kv *k;
    struct profile_names *names;
    struct topic *membership;
    uint64_t end;     /* of the topic: what the table has been told, and nothing more */
    int64_t clock_ms; /* the table's */
    uint64_t size;    /* of options.audience */
};
/* An instant that the clock has not passed is answered by the table alone. ERR_NOT_FOUND: nobody has the identity.
 * ERR_CORRUPT, ERR_NOMEM. */
enum err past_capture(struct past *p, const struct past_now *now, struct diag *d);
/* ERR_BUSY: later; what the table was told is not in the topic yet. ERR_NOT_FOUND: the topic does not hold the instant
 * any more (d->what tells what it holds). ERR_LIMIT: more than LIMIT_PAST_PROFILES moved since then, or the identity
 * more than LIMIT_PAST_MOVES times. ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
enum err past_read(struct past *p, struct diag *d);

struct past_result {
    uint64_t size;             /* of the audience */
    bool known;                /* the identity had been seen */
    const struct str *members; /* audiences by id, sorted */
    size_t member_count;
    uint64_t records, records_end; /* read so far, of those that have to be read in this step */
};
/* Of what was read so far; complete when it is done. Borrowed. */
struct past_result past_result(const struct past *p);

/* An identity in a record of a union: a hash, so that the topic holds no raw identity. In the arena; p is NULL when
 * that is exhausted. */
struct str past_identity_print(struct str ns, struct str id, struct arena *a);

#endif
