/* rule_block.h - many audiences over many profiles at once: the vectorised evaluator, for batch evaluation, backfill of
 * new audiences and estimates.
 *
 * A program is compiled from a set of audiences, with equal parts shared. A block holds up to LIMIT_BLOCK_ROWS profiles
 * as columns of the paths that the program reads, and their events as one table in the order of (profile, time) with
 * columns of its own. A run evaluates every shared part once for the whole block; its results are bitsets, bit i for
 * the i-th profile:
 *
 *   struct rule_block *b;
 *   rule_block_new(program, 4096, &b, d);
 *   while (there are profiles) {
 *       if (rule_block_add(b, &profile, d) != ERR_BUSY)     from parsed JSON, one by one; or
 *           continue;                                       rule_block_fill() from arrays, all at once
 *       rule_block_run(b, &(struct rule_block_now){.now_ms = now}, d);
 *       use(rule_block_members(b, audience), rule_block_rows(b));
 *       rule_block_clear(b);                                then the profile that found no room again
 *   }
 *
 * Meaning    For every profile that of the reference evaluator (rule.h) over env->events in the order in which they are
 *            given; inSegment of an audience of the set is that audience's own result. Where the reference gives up
 *            with ERR_LIMIT, the vectorised parts still answer; what was left to the reference is then undecided.
 * Fallback   What the compiler cannot turn into columns is evaluated by the reference, once per profile or once per
 *            event, and only where the rest of a conjunction leaves the answer open. rule_block_fallbacks() says which
 *            audiences have such parts and why. They read the documents, so a block filled from arrays cannot run them.
 * Memory     At most LIMIT_RULE_BLOCK_BYTES per block; one bit per profile and shared part is most of it.
 * Ownership  A program borrows the audiences' rules. A block borrows its program, the documents and the arrays until
 *            rule_block_clear(); texts are copied into its dictionaries.
 * Threads    A program is immutable: share it. A block belongs to one thread at a time.
 * Cost       Attribute audiences: 0.2 ns per profile and audience with AVX2, 0.5 without. Audiences over twenty events:
 *            20 ns. Filling from arrays 1 ns per attribute, from parsed JSON 300 ns per event (bench/micro). */
#ifndef RULE_RULE_BLOCK_H
#define RULE_RULE_BLOCK_H

#include "rule/rule_graph.h" /* struct rule_audience */

struct rule_block_program;
struct rule_block;

/* Audience i of the input is index i ever after. ERR_INVALID: two audiences with one id, or a cycle through inSegment
 * (d names it). ERR_LIMIT: LIMIT_AUDIENCES_HARD, LIMIT_RULE_GRAPH_BYTES. */
enum err rule_block_compile(const struct rule_audience *audiences, size_t n, struct rule_block_program **out,
                            struct diag *d);
void rule_block_program_free(struct rule_block_program *p);

/* What the compiler made of the audiences. */
struct rule_block_shape {
    size_t audiences;
    size_t nodes;     /* shared parts, evaluated once per block */
    size_t columns;   /* of profiles and events */
    size_t fallbacks; /* parts left to the reference evaluator */
    size_t audiences_with_fallback;
};
struct rule_block_shape rule_block_shape(const struct rule_block_program *p);
/* Calls each() for every part of every audience that is left to the reference: why, and the position in the text. */
void rule_block_fallbacks(const struct rule_block_program *p,
                          void (*each)(void *ctx, size_t audience, const char *why, uint32_t pos), void *ctx);
/* Calls each() for every column: its dotted path, in the profile or in an event. Fallbacks may read more. */
void rule_block_attribute_paths(const struct rule_block_program *p, void (*each)(void *ctx, struct str path),
                                void *ctx);
void rule_block_event_paths(const struct rule_block_program *p, void (*each)(void *ctx, struct str path), void *ctx);

/* An empty block for up to `rows` profiles: a power of two from 64 to LIMIT_BLOCK_ROWS; 4096 suits a thousand
 * audiences. ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
enum err rule_block_new(const struct rule_block_program *p, size_t rows, struct rule_block **out, struct diag *d);
/* In so many bytes: less than LIMIT_RULE_BLOCK_BYTES for a caller with many blocks, and in tests. */
enum err rule_block_new_within(const struct rule_block_program *p, size_t rows, size_t bytes_max,
                               struct rule_block **out, struct diag *d);
void rule_block_free(struct rule_block *b);
/* Empty again. What was learned about texts stays. */
void rule_block_clear(struct rule_block *b);
size_t rule_block_rows(const struct rule_block *b);

struct rule_block_profile {
    const struct json *profile; /* NULL: no attributes */
    const struct json *const *events;
    size_t event_count;
};

/* One more profile. ERR_BUSY: the block is full (rows, LIMIT_BLOCK_EVENTS or LIMIT_BLOCK_VALUES) and unchanged: run and
 * clear it, then add this one again. ERR_LIMIT: this profile alone is too large for a block. */
enum err rule_block_add(struct rule_block *b, const struct rule_block_profile *one, struct diag *d);

/* Typed arrays. */
enum rule_block_type {
    RULE_BLOCK_INT,    /* int64_t */
    RULE_BLOCK_DOUBLE, /* double, finite */
    RULE_BLOCK_BOOL,   /* uint8_t, 0 or 1 */
    RULE_BLOCK_TEXT,   /* uint32_t indexes into `texts` */
    RULE_BLOCK_TIME,   /* int64_t, ms since 1970: instants that a rule may compare with instants and nothing else */
};
struct rule_block_array {
    struct str path; /* dotted; one that the program does not read is passed over */
    bool of_events;
    enum rule_block_type type;
    const void *items;       /* one per profile or event */
    const uint64_t *present; /* a bit each; NULL: all. An absent item is null */
    const struct str *texts; /* the same address with the same count means the same texts, until the block is freed */
    size_t text_count;
};
struct rule_block_arrays {
    size_t rows;
    const struct rule_block_array *arrays;
    size_t array_count;
    /* Events of profile i are [event_offsets[i], event_offsets[i + 1]), in the order of their `timestamp`; NULL: none.
     */
    const uint32_t *event_offsets;
};

/* Fills an empty block; a path without an array is null everywhere. ERR_INVALID: too many rows or events for the block,
 * an index past the texts, events out of order, or the block is not empty. ERR_UNSUPPORTED: the program reads more of a
 * RULE_BLOCK_TIME than its instant. ERR_LIMIT: more texts than a dictionary takes. */
enum err rule_block_fill(struct rule_block *b, const struct rule_block_arrays *arrays, struct diag *d);

struct rule_block_now {
    int64_t now_ms;
    /* Membership in what is no audience of the set; NULL: segmentMembership of the profile. */
    bool (*in_segment)(void *ctx, size_t row, struct str id);
    void *ctx;
};

/* Evaluates every audience over the block. ERR_UNSUPPORTED: the program has fallbacks and the block no documents.
 * ERR_NOMEM, ERR_LIMIT. */
enum err rule_block_run(struct rule_block *b, const struct rule_block_now *now, struct diag *d);

/* Of the last run: a bit per profile, zero behind the last one. Valid until the block is changed or run again. */
const uint64_t *rule_block_members(const struct rule_block *b, size_t audience);
/* Profiles for which the answer is not known, because the reference gave up; NULL: none. Their member bit is 0. */
const uint64_t *rule_block_undecided(const struct rule_block *b, size_t audience);

/* Without AVX2, as on an older processor: for tests. Before the first run. */
void rule_block_portable(struct rule_block *b);
void rule_block_check(const struct rule_block *b); /* invariants; aborts */

#endif
