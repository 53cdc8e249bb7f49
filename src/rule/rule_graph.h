/* rule_graph.h - all live audiences of a sandbox as one shared predicate graph, and the incremental evaluator over it.
 *
 * Equal sub-expressions are one node (hash-consing). Boolean structure (and, or, not, inSegment) is inner nodes; below
 * it are leaves of three kinds, chosen by the compiler:
 *
 *   attribute  reads only record attributes (and literals). Re-evaluated when attributes change; its truth is one bit.
 *   window     reads events through what can be kept of them: count, exists, sum, average, min and max over the
 *              events that satisfy a predicate of the event alone, inside a window that is a function of now ("<= n
 *              units before now", "today") or none; the first or last of them by some value; expressions over several
 *              of these and record attributes; sequences whose elements do not read each other's events. Keeps the
 *              (time, value) pairs of the profile's matching events: an event touches it only when its predicate's
 *              discriminating equality (such as eventType = "x") matches; it flips by itself when a pair leaves the
 *              window.
 *   scan       everything else that reads events or the clock: evaluated by the reference evaluator over the stored
 *              events.
 *
 * Cost follows what changed: an event wakes only the window leaves that its values can satisfy (an index from event
 * field and value to leaves) and the scan leaves; only nodes whose child changed are visited.
 *
 * State      struct rule_state is one profile's: a bit per node, the pairs of its window leaves, the next instant at
 * which something flips by itself. Its bytes name the graph that wrote them. A graph that grew from that one, or
 * learned what its numbers mean, takes them over and evaluates only what is new; with any other the state is built
 * anew.
 *
 * Now        Every call takes the instant from env->now_ms (an earlier one than the state's last counts as that).
 * Results equal the reference evaluator's at that instant. One freedom: where the order of the list matters (the last
 * bit of a sum of doubles, which of several kinds of values min and max look at, which of equals topN takes), it is the
 * order of the events' timestamps, ties as they arrived; so only with env->events in that order is the agreement
 * certain.  OURS
 *
 * Failure    A leaf that takes more than LIMIT_RULE_STEPS keeps its truth [SEGMENTATION 12]; without one from before
 * the audiences that cannot be told without it are unknown. When a step returns an error the state is spent: load it
 * again or build it anew.
 *
 * Threads    A graph is immutable: share it. A state belongs to one thread at a time.
 *
 * Cost       1,000 audiences over 100 window leaves, one event that touches eight: 0.7 us when they share a predicate,
 * 2.2 us with eight predicates; load 0.1 to 0.3 us, save 0.1 to 0.4 us, 350 to 650 bytes; building the graph 3 ms.
 * 100,000 audiences with a leaf or two of their own: 450 ms from nothing and 1.0 KB each, besides their trees; one
 * more, one edited or one removed 20 ms, copies and passes over arrays. Its state of 22 KB is loaded and stepped in 3
 * us, taken over with one audience more in 30 us, built anew in 17 ms (bench/micro/rule_graph_grow.c). */
#ifndef RULE_RULE_GRAPH_H
#define RULE_RULE_GRAPH_H

#include "base/buf.h"
#include "rule/rule.h"

struct rule_graph;

struct rule_audience {
    struct str id;
    const struct rule *rule; /* borrowed: outlives the graph, and the making of the next one from it */
};

/* Audience i of the input is index i ever after. ERR_INVALID: two audiences with one id, or a cycle through inSegment
 * (d names it). References to unknown ids are left to env->in_segment. version: chosen by the caller, for
 * rule_graph_version(). */
enum err rule_graph_new(const struct rule_audience *audiences, size_t n, uint64_t version, struct rule_graph **out,
                        struct diag *d);
/* The same for audiences that changed since `before` was made (NULL: from nothing): only those that are new or edited,
 * or refer to such a one, are compiled, and states of `before` and of graphs before it are loaded as they are. `before`
 * stays as it is and may be freed; its rules must still be there. When more is dead than alive, or before is full, the
 * graph is made from nothing, and knows the states of `before` all the same. */
enum err rule_graph_extend(const struct rule_graph *before, const struct rule_audience *audiences, size_t n,
                           uint64_t version, struct rule_graph **out, struct diag *d);
void rule_graph_free(struct rule_graph *g);
size_t rule_graph_audience_count(const struct rule_graph *g);
size_t rule_graph_node_count(const struct rule_graph *g);     /* those in use */
size_t rule_graph_compiled_count(const struct rule_graph *g); /* audiences that were compiled to make this graph */
uint64_t rule_graph_version(const struct rule_graph *g);

/* What the numbers in states mean, to be kept beside them: rows of at most RULE_MANIFEST_ROW_WORDS * 8 bytes (the first
 * one: 40 KB), of which a change of a few audiences changes few. A graph that was made from nothing learns the
 * manifests of graphs that wrote states which it will be given; LIMIT_GRAPH_MANIFESTS of them. What it knows already is
 * no error. Any thread. ERR_CORRUPT: the rows do not read; ERR_LIMIT: it knows as many as it can; ERR_NOMEM. */
#define RULE_MANIFEST_ROW_WORDS 4096
size_t rule_graph_manifest_rows(const struct rule_graph *g);
void rule_graph_manifest_row(const struct rule_graph *g, size_t row, struct buf *out);
size_t rule_manifest_row_count(struct str head); /* from the first row; 0: it does not read */
/* By its first row: it is of g, or of a graph that g grew from; of g itself. */
bool rule_manifest_is_of(const struct rule_graph *g, struct str head);
bool rule_manifest_is_newest_of(const struct rule_graph *g, struct str head);
enum err rule_graph_learn(const struct rule_graph *g, const struct str *rows, size_t n, struct diag *d);

/* What audience i needs: how far back it looks by the events' timestamps (0: no events; INT64_MAX: without a bound),
 * and whether it has a scan leaf that reads events, so that env->events must be there in every step. */
int64_t rule_graph_lookback_ms(const struct rule_graph *g, size_t audience);
bool rule_graph_scans(const struct rule_graph *g, size_t audience);
/* Why it scans, for people: what the first such leaf does that keeps no state. NULL: it does not scan. */
const char *rule_graph_scan_reason(const struct rule_graph *g, size_t audience);
/* Calls each() for every attribute path (dotted) that the graph reads, and for every event path. */
void rule_graph_attribute_paths(const struct rule_graph *g, void (*each)(void *ctx, struct str path), void *ctx);
void rule_graph_event_paths(const struct rule_graph *g, void (*each)(void *ctx, struct str path), void *ctx);

struct rule_state; /* lives in the arena it was made in */

struct rule_change {
    uint32_t audience; /* index */
    bool member;       /* after the change */
};

struct rule_changes { /* arena array, in audience order */
    struct rule_change *items;
    size_t n;
};

/* A state from scratch: evaluates every audience over env (all stored events). */
enum err rule_state_build(const struct rule_graph *g, const struct rule_env *env, struct arena *a,
                          struct rule_state **out, struct diag *d);
/* From saved bytes. ERR_UNSUPPORTED: of a graph that this one knows nothing about: build anew. ERR_CORRUPT. */
enum err rule_state_load(const struct rule_graph *g, struct str bytes, struct arena *a, struct rule_state **out,
                         struct diag *d);
/* The bytes were of an earlier graph, and the next step brings the state up to it. Its changes then also list every
 * audience that is new or means something else, whatever its truth: hold it against what you know. Audiences that are
 * no more are not listed. Until that step, ask nothing else of the state but the following. */
bool rule_state_is_behind(const struct rule_state *s);
/* ... and for that, env->events must hold all stored events, as for rule_state_build(). */
bool rule_state_needs_events(const struct rule_state *s);
void rule_state_save(const struct rule_state *s, struct buf *out);

/* One more event, already part of env->events too (only scan leaves read those; an edge without scan leaves may pass
 * none). Also advances to env->now_ms. Events may come late and out of order; one with a time after now counts when its
 * time comes. *changes (arena) lists the audiences whose truth differs from before, or was unknown. */
enum err rule_state_event(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env,
                          const struct json *event, struct arena *a, struct rule_changes *changes, struct diag *d);
/* Attributes or external memberships changed. */
enum err rule_state_attributes(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env,
                               struct arena *a, struct rule_changes *changes, struct diag *d);
/* Only time passed. */
enum err rule_state_time(const struct rule_graph *g, struct rule_state *s, const struct rule_env *env, struct arena *a,
                         struct rule_changes *changes, struct diag *d);

/* false: the audience could not be evaluated and never was; rule_state_member() is false then, and says nothing. */
bool rule_state_known(const struct rule_state *s, size_t audience);
bool rule_state_member(const struct rule_state *s, size_t audience);
/* The earliest instant after the last evaluation at which the result may change by itself; 0 when never. Exact for
 * window leaves ("<= 60 days before now" over an event at t flips at t + 60 days + 1 ms; "<= 1 month" may flip back on
 * clamped days); scan leaves that read the clock ask to be looked at again at the earliest instant that any of their
 * windows over stored events can flip, and at every full minute where now is used in a way that cannot be solved for.
 */
int64_t rule_state_next_flip_ms(const struct rule_state *s);

#endif
