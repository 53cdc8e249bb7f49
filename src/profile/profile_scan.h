/* profile_scan.h - the ids of all profiles of a scope, some at a time, while the table is written to in between.
 *
 *   while (!profile_scan_over(&s)) {
 *       lock the table; rc = profile_scan_more(&s, table, d);
 *       while (some and profile_scan_take(&s, &id)) profile_load(...); unlock
 *   }
 *
 * A profile that stays in the table is found once; one that was absorbed since loads as `created`.
 * Threads  One owner; the table's lock is the caller's. */
#ifndef PROFILE_PROFILE_SCAN_H
#define PROFILE_PROFILE_SCAN_H

#include "kv/kv.h"

struct profile_scan {
    struct str scope; /* borrowed */
    uint64_t priv_cursor;
    bool priv_scanned, priv_nomem;
    uint64_t *priv_ids; /* owned array */
    size_t priv_count, priv_at, priv_cap;
};

void profile_scan_init(struct profile_scan *s, struct str scope);
void profile_scan_deinit(struct profile_scan *s);
bool profile_scan_over(const struct profile_scan *s);
/* Looks for more when none is in hand: at a few hundred rows of the table, and what is staged. */
enum err profile_scan_more(struct profile_scan *s, struct kv *k, struct diag *d);
/* The next one in hand; false: none. */
bool profile_scan_take(struct profile_scan *s, uint64_t *id);

#endif
