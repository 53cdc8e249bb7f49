/* census.h - counting audiences over all profiles of a table: estimates before an audience is saved, and segment jobs.
 *
 *   load  under the table's lock: some profiles are copied as they are stored, nothing is parsed
 *   run   outside of it: parsed, evaluated by the vectorised evaluator (rule_block.h), counted, forgotten
 *
 *   while (!census_done(c)) {
 *       lock; rc = census_load(c, table, names, now); unlock;
 *       if (rc == ERR_OK && census_full(c))
 *           rc = census_run(c, d);
 *   }
 *
 * So a slice holds the lock for a few profiles, and whoever owns the table goes on in between. Every profile that stays
 * in the table is counted once; one that changes meanwhile is counted as it was when its turn came.
 *
 * Now        An estimate has one, that of its first slice [SEGMENTATION C 29]. A comparison takes each slice's.
 *
 * Comparison With `compare` every answer is held against the membership that the profile carries. A block's profiles
 * are loaded at several instants, so what differs is a suspicion: such a profile is loaded once more, with its
 * instant, and what differs then is wrong (census_wrong). A profile whose audiences were never evaluated
 * (segment_apply gave up) is counted and not compared.
 *
 * inSegment  Of an audience that is counted too: that audience's own answer; of any other: the profile's membership.
 *
 * Undecided  A rule that takes too many steps, and a profile that is too large for a block: counted as such.
 *
 * Difference With `diff` there are two audiences, one before and one after a change: who is a member of one of them
 * only, and how many are of both.
 *
 * Memory     LIMIT_CENSUS_BYTES of stored profiles, and one profile more, with what they take parsed.
 *
 * Threads    One owner; load and run need not be on the same thread. */
#ifndef SEGMENT_CENSUS_H
#define SEGMENT_CENSUS_H

#include "base/limits.h"
#include "profile/profile_store.h"
#include "rule/rule_graph.h" /* struct rule_audience */

struct census;

struct census_options {
    struct str scope;
    const struct rule_audience *audiences; /* rules and ids are borrowed */
    size_t count;                          /* 1 or more */
    int64_t now_ms; /* for the table's owner, without compare: as of this instant, or of the table's clock when that is
                       later */
    bool compare;
    bool stored; /* with compare: the memberships themselves are counted, whatever is true now. For strict sandboxes */
    uint64_t graph_version;  /* for the table's owner, with compare: of the graph that memberships have to be true to */
    const int64_t *since_ms; /* with compare, by audience: entries and exits after it are this census' own. NULL: 0 */
    bool datasets;           /* profiles are counted by the datasets of their records and events, which are all read */
    const bool *opted_out_too; /* by audience: people who opted out may be members; borrowed. NULL: of none */
    bool diff;                 /* of two audiences: the first is how it was, the second how it will be */
    size_t sample_max;         /* people to name: members of the first audience, or with diff those who enter, and
                                  those who leave; at most LIMIT_PREVIEW_SAMPLE each */
};

/* ERR_INVALID: no audience, with diff not two of them or compare as well, or what rule_block_compile() refuses;
 * ERR_LIMIT, ERR_NOMEM. */
enum err census_new(const struct census_options *o, struct census **out, struct diag *d);
void census_free(struct census *c);
const struct census_options *census_options(const struct census *c);

/* Copies a few profiles more. Nothing when it is full. ERR_CORRUPT, ERR_NOMEM. */
enum err census_load(struct census *c, struct kv *k, struct profile_names *names, int64_t now_ms, struct diag *d);
/* What was loaded has to be run before more can be. */
bool census_full(const struct census *c);
/* Nothing is left, to load or to run. */
bool census_done(const struct census *c);
enum err census_run(struct census *c, struct diag *d);

struct census_counts {
    uint64_t members;
    uint64_t realized; /* with compare: members since since_ms, */
    uint64_t existing; /* before it, */
    uint64_t exited;   /* and members no more since then [SEGMENTATION 15.2] */
    uint64_t undecided;
    uint64_t wrong;                                 /* members that were none, or the other way round */
    uint64_t by_namespace[LIMIT_CENSUS_NAMESPACES]; /* members with an identity in it, by census_result.namespaces */
};

struct census_identity {
    struct str ns, id;
};

struct census_dataset {
    struct str id;
    uint64_t profiles;
};

/* One identity of each of the first that were found. */
struct census_sample {
    const struct census_identity *people;
    size_t count;
};

/* With diff. Each decided profile that is a member before or after is in one of the three. */
struct census_diff {
    uint64_t entering, leaving, staying;
    uint64_t undecided; /* before or after */
    struct census_sample entering_sample, leaving_sample;
};

/* Of what was run so far; borrowed until the next call. */
struct census_result {
    uint64_t profiles;
    uint64_t fragments;                    /* records of theirs */
    const struct census_counts *audiences; /* by index */
    const struct str *namespaces;
    size_t namespace_count;                /* further ones than LIMIT_CENSUS_NAMESPACES are not counted */
    const struct census_dataset *datasets; /* when asked for */
    size_t dataset_count;                  /* further ones than LIMIT_CENSUS_DATASETS are not counted */
    struct census_sample sample;           /* of members; without diff */
    struct census_diff diff;
    int64_t now_ms; /* of the first slice */
};
struct census_result census_result(const struct census *c);

/* Takes the profiles that were found wrong since the last call: borrowed until the next run. */
const uint64_t *census_wrong(struct census *c, size_t *n);

#endif
