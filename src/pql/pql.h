/* pql.h - from profile query text to a rule.
 *
 * A query is text such as  loyalty.tier = "gold" and not(chain(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<=
 * 60 days before now)])).  It is compiled once, when an audience is saved, to a struct rule (rule.h), which is
 * evaluated many times. Compiling may fail with a message for a person; evaluating does not.
 *
 * Meaning    [SEGMENTATION 2 to 11]; what the public documents leave open is decided there and pinned by
 * tests/vectors/pql.json. Ownership  A rule copies what it keeps; the text may be freed after the call. Threads    Any
 * thread, no locks. */
#ifndef PQL_PQL_H
#define PQL_PQL_H

#include "rule/rule.h"

/* The error classes of [SEGMENTATION 11], told apart in *class for the REST codes PQL-PARSE.. and the vectors. */
enum pql_error { PQL_OK, PQL_PARSE, PQL_LIMIT, PQL_REFERENCE, PQL_ARITY, PQL_TYPE, PQL_VALUE };
const char *pql_error_name(enum pql_error e); /* "parse", "limit", ... */

/* Compiles `text`. ERR_INVALID or ERR_LIMIT: *class says which kind (class may be NULL), d->pos the byte offset,
 * d->what what was found and what was expected there, d->hint a near miss. *out is owned: free with rule_free().
 * `definition`: the whole expression must suit a boolean position, as an audience needs. */
enum err pql_compile(struct str text, bool definition, struct rule **out, enum pql_error *class, struct diag *d);

/* 1-based line and column of a byte offset, for messages. */
void pql_position(struct str text, uint32_t pos, unsigned *line, unsigned *column);

/* The documented classification of [SEGMENTATION 14.3] for one expression without references to other audiences: bits
 * of PQL_BATCH (always), PQL_STREAMING, PQL_EDGE. It is reported, not obeyed: we evaluate everything in real time. */
enum { PQL_BATCH = 1, PQL_STREAMING = 2, PQL_EDGE = 4 };
unsigned pql_classify(const struct rule *r);

#endif
