/* past_moved.h - profiles that entered or left an audience since an instant: of each, whether it was a member then and
 * whether it is one now. Eight bytes a profile, in a table that is at most half full. */
#ifndef SEGMENT_PAST_MOVED_H
#define SEGMENT_PAST_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct past_moved {
    uint64_t *slots; /* owned: profile << 1 | is a member now; 0: free */
    size_t slot_count, count;
    uint64_t were, are; /* members before the first change, and after the last one */
};

/* The next change of a profile: afterwards it is a member, or not. False: LIMIT_PAST_PROFILES are in it, or there is
 * no memory. */
bool past_moved_put(struct past_moved *m, uint64_t profile, bool member);
void past_moved_deinit(struct past_moved *m);

#endif
