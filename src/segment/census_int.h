/* census_int.h - a census, for its own files: its life and results (census.c), loading under the table's lock
 * (census_load.c), evaluating and counting (census_run.c).
 *
 *   ids from a scan --> rows: stored text, memberships, namespaces --> block: columns --> bits per audience --> counts
 *                ^                                                                             |
 *                '------------------- suspects: loaded again, with their instant <-------------'
 *
 * Sets of rows are bits in the order of the block, as the evaluator's answers are: those with an identity in a
 * namespace, those that are members by the table, those that became so lately. Counting is then and-ing words. */
#ifndef SEGMENT_CENSUS_INT_H
#define SEGMENT_CENSUS_INT_H

#include "base/map.h"
#include "profile/profile_scan.h"
#include "rule/rule_block.h"
#include "segment/census.h"

#define CENSUS_WORDS (LIMIT_CENSUS_ROWS / 64)

_Static_assert(LIMIT_CENSUS_ROWS % 64 == 0 && LIMIT_CENSUS_ROWS <= LIMIT_BLOCK_ROWS, "rows are bits of a block");

struct census_row {
    uint64_t id;
    struct profile *profile;      /* arena `loaded`, with */
    struct profile_event *events; /* and their texts */
    size_t event_count;
    struct census_identity first;
    uint32_t namespaces; /* a bit each, */
    uint64_t datasets;   /* so too */
};

_Static_assert(LIMIT_CENSUS_NAMESPACES <= 32 && LIMIT_CENSUS_DATASETS <= 64,
               "a row's namespaces and datasets are bits");

/* What the table says of the block's rows, for one audience. */
struct census_claim {
    uint64_t member[CENSUS_WORDS];
    uint64_t fresh[CENSUS_WORDS]; /* entered or left since since_ms */
    uint64_t left[CENSUS_WORDS];
};

/* People to name. */
struct census_names {
    struct census_identity *people; /* owned array of sample_max, texts in `kept` */
    size_t n;
};

struct census {
    struct census_options o;
    struct str scope; /* owned copy */
    struct rule_block_program *program;
    struct rule_block *block;
    bool reads_events;
    struct map by_id;    /* audience -> index + 1 */
    uint32_t *by_number; /* owned array, by number in the names: 0 not looked up yet, 1 none, else index + 2 */
    size_t by_number_count;
    struct census_claim *claims; /* owned array, by audience; NULL without compare */
    struct census_counts *counts;

    struct profile_scan scan; /* to be loaded */

    struct arena loaded, parsed, kept;
    struct census_row *rows; /* owned array of LIMIT_CENSUS_ROWS */
    size_t row_count;
    const struct census_row *in_block[LIMIT_CENSUS_ROWS];
    uint64_t compared[CENSUS_WORDS];
    uint64_t out[CENSUS_WORDS]; /* rows of people who opted out of audiences */
    int64_t now_ms, first_ms;
    bool started;
    uint64_t profiles, fragments;

    bool again;         /* the rows are suspects */
    uint64_t *suspects; /* owned array of LIMIT_CENSUS_ROWS: to be loaded again, from the end */
    size_t suspect_count;
    uint64_t *wrong; /* owned array of LIMIT_CENSUS_ROWS */
    size_t wrong_count;

    struct str namespaces[LIMIT_CENSUS_NAMESPACES]; /* texts in `kept` */
    size_t namespace_count;
    struct census_dataset datasets[LIMIT_CENSUS_DATASETS]; /* the same */
    size_t dataset_count;
    struct census_names samples[2]; /* members; with diff those who enter, and those who leave */
    struct census_diff diff;        /* but for its samples */
};

#endif
