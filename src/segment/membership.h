/* membership.h - audiences of a profile, kept true: the state machine over the incremental evaluator.
 *
 * segment_apply() is called after a profile changed; it brings the rule state up to date (or builds it when the
 * audiences changed since), turns differences into membership entries [SEGMENTATION 15.2] and says when something flips
 * by itself. Purge: exited entries older than 30 days go.   Threads  the hub's; pure but for the arena. */
#ifndef SEGMENT_MEMBERSHIP_H
#define SEGMENT_MEMBERSHIP_H

#include "base/map.h"
#include "profile/profile_store.h"
#include "rule/rule_graph.h"

/* What the hub's snapshot says about the audiences of one scope. */
struct segment_set {
    struct rule_graph *graph; /* NULL: no audiences */
    struct str *ids;          /* by index in the graph */
    const uint32_t *numbers;  /* by index: of the ids, in the names of the profiles' table */
    const uint32_t *order;    /* all indexes, in order of the numbers */
    size_t count;
    const struct map *by_id;                /* id -> (void *)(index + 1); NULL when count is 0 */
    bool scans;                             /* some audience has a scan leaf: events must be at hand for every step */
    bool (*kept)(void *ctx, struct str id); /* an audience outside the graph that still exists, such as an inactive one:
                                               its entries stay as they are. NULL: there is none */
    void *kept_ctx;
};

enum segment_cause { SEGMENT_EVENT, SEGMENT_ATTRIBUTES, SEGMENT_TIME };

struct segment_result {
    struct rule_changes changes; /* audience entries and exits, by graph index */
    int64_t next_flip_ms;        /* a window ends or an exited entry is to be purged; 0: never */
    struct str *removed;         /* arena: audiences that are no more, of which the profile was a member until now */
    size_t removed_count;
};

/* event: for SEGMENT_EVENT, the new event, already added to the profile. kv is needed when all events must be read.
 * ERR_LIMIT: an audience took more steps than a rule may; nothing is changed but the rule state, which will be built
 * anew. */
enum err segment_apply(const struct segment_set *set, struct kv *k, struct profile *p, enum segment_cause cause,
                       const struct json *event, int64_t now_ms, struct arena *a, struct segment_result *out,
                       struct diag *d);

/* segmentMembership as the profile look-up shows it. */
struct jw;
void segment_write(struct jw *w, const struct profile *p);

#endif
