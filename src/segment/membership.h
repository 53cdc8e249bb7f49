/* membership.h - audiences of a profile, kept true: the state machine over the incremental evaluator.
 *
 * segment_apply() is called after a profile changed; it brings the rule state up to date (or builds it when there is
 * none that can be read), turns differences into membership entries [SEGMENTATION 15.2] and says when something flips
 * by itself. Exited entries older than 30 days go.
 *
 * Strict     In a strict set [SEGMENTATION 14.4] the state follows every change all the same, but an entry moves only
 * when its audience's method allows it for this cause: what is streamed evaluates the profile as it is by then, a timer
 * brings exits only, and what came in a batch waits for a job. inSegment of an audience outside the set reads its
 * entry.
 *
 * Threads    The hub's; pure but for the arena. */
#ifndef SEGMENT_MEMBERSHIP_H
#define SEGMENT_MEMBERSHIP_H

#include "base/map.h"
#include "profile/profile_store.h"
#include "rule/rule_graph.h"

struct segment_external;

/* What the hub's snapshot says about the audiences of one scope. */
struct segment_set {
    struct rule_graph *graph; /* NULL: no audiences */
    struct str *ids;          /* by index in the graph */
    const uint32_t *numbers;  /* by index: of the ids, in the names of the profiles' table */
    const uint32_t *order;    /* all indexes, in order of the numbers */
    size_t count;
    const struct map *by_id;                  /* id -> (void *)(index + 1); NULL when count is 0 */
    const struct segment_external *externals; /* published external audiences, by number (external.h) */
    size_t external_count;
    const bool *opted_out_too;              /* by index: people who opted out may be members. NULL: of none */
    bool scans;                             /* some audience has a scan leaf: events must be at hand for every step */
    bool strict;                            /* entries move as documented for the audiences' methods only */
    bool (*kept)(void *ctx, struct str id); /* an audience outside the graph that still exists, such as an inactive one:
                                               its entries stay as they are. NULL: there is none */
    void *kept_ctx;
};

enum segment_cause { SEGMENT_EVENT, SEGMENT_ATTRIBUTES, SEGMENT_TIME };

/* Who brings the change: what a strict set asks. */
enum segment_by {
    SEGMENT_BY_STREAM, /* the edge, or a streaming inlet */
    SEGMENT_BY_BATCH,  /* an import, or what is too late or too much to be evaluated as streamed */
    SEGMENT_BY_TIMER,  /* a window that ends */
    SEGMENT_BY_SWEEP,  /* other audiences: nothing happened to the profile */
    SEGMENT_BY_JOB,    /* a segment job: evaluated from scratch, and the state is not kept */
};

struct segment_change {
    enum segment_cause cause;
    enum segment_by by;
    const struct json *event; /* of SEGMENT_EVENT: the new event, already added to the profile */
    const bool *chosen;       /* of SEGMENT_BY_JOB, by index: whose entries move; NULL: all */
};

struct segment_result {
    struct rule_changes changes; /* audience entries and exits, by graph index */
    int64_t next_flip_ms;        /* a window ends or an exited entry is to be purged; 0: never */
    struct str *removed;         /* arena: audiences that are no more, of which the profile was a member until now */
    size_t removed_count;
    bool built; /* the rule state was made from all data */
};

/* Of a person who opted out, audiences are false (profile.opted_out, which the caller keeps true; when it changes the
 * rule state has to be built anew). kv is needed when all events must be read. ERR_LIMIT: an audience took more steps
 * than a rule may; nothing is changed but the rule state, which will be built anew. */
enum err segment_apply(const struct segment_set *set, struct kv *k, struct profile *p,
                       const struct segment_change *change, int64_t now_ms, struct arena *a, struct segment_result *out,
                       struct diag *d);

/* Where an external audience's entries stand in segmentMembership, and when they end (0: never). Others are below
 * "ups". */
struct segment_place {
    struct str namespace;
    int64_t valid_until_ms;
};

/* segmentMembership as the profile look-up shows it [SEGMENTATION 15.1]. */
struct jw;
void segment_write(struct jw *w, const struct profile *p, struct segment_place (*place)(void *ctx, struct str audience),
                   void *ctx);

#endif
