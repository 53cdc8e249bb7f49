/* external.h - members that come with uploaded files instead of by a rule [SEGMENTATION 16.3].
 *
 * A run is one file, or several, read for one audience; it has a stamp, and a profile's entry keeps that of the newest
 * run that named the person. Whether that makes the person a member is for the audience to say: its floor is the oldest
 * run that still counts, and all its members leave at one instant. So a run that replaces the audience raises the
 * floor, and nobody has to look for those it did not name.
 *
 * Threads    The hub's; pure but for the arena. */
#ifndef SEGMENT_EXTERNAL_H
#define SEGMENT_EXTERNAL_H

#include "segment/membership.h"

struct segment_external {
    struct str id;
    uint32_t number;    /* of the id, in the names of the profiles' table */
    uint64_t floor;     /* runs with a lower stamp name nobody any more */
    bool opted_out_too; /* people who opted out may be members */
    int64_t until_ms;   /* the instant at which all members exit; 0: no run came yet, nobody is a member */
};

struct external_moves {
    struct rule_changes changes; /* by index behind the graph's: segment_set.count + position in its externals */
    struct str *removed;         /* audiences that are no more, of which the profile was a member */
    size_t removed_count;
    size_t members; /* how many external audiences the profile is a member of now: they end by themselves */
};

/* NULL: not among them. */
const struct segment_external *segment_external_numbered(const struct segment_set *set, uint32_t number);
/* Brings the entries of external audiences up to date; entries of audiences that are no more go. Before
 * segment_apply(), because rules may ask for them: when something moved, that is told SEGMENT_ATTRIBUTES. ERR_NOMEM. */
enum err segment_external_apply(const struct segment_set *set, struct profile *p, int64_t now_ms, struct arena *a,
                                struct external_moves *out, struct diag *d);
/* When the next one leaves by itself; 0: never. */
int64_t segment_external_next_ms(const struct segment_set *set, const struct profile *p);

#endif
