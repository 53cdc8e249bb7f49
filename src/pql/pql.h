/* pql.h - from profile query text, or its JSON form, to a rule and back.
 *
 * A query is text such as  loyalty.tier = "gold" and not(chain(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<=
 * 60 days before now)])).  It is compiled once, when an audience is saved, to a struct rule (rule.h), which is
 * evaluated many times. Compiling may fail with a message for a person; evaluating does not.
 *
 * Meaning    [SEGMENTATION 2 to 11]; what the public documents leave open is decided there and pinned by
 * tests/vectors/pql.json.
 *
 * Ownership  A rule copies what it keeps; the text may be freed after the call.
 *
 * Threads    Any thread, no locks. */
#ifndef PQL_PQL_H
#define PQL_PQL_H

#include "rule/rule.h"

/* The error classes of [SEGMENTATION 11], told apart in *class for the REST codes PQL-PARSE.. and the vectors. */
enum pql_error { PQL_OK, PQL_PARSE, PQL_LIMIT, PQL_REFERENCE, PQL_ARITY, PQL_TYPE, PQL_VALUE, PQL_UNSUPPORTED };
const char *pql_error_name(enum pql_error e); /* "parse", "limit", ... */

/* Compiles `text`. ERR_INVALID or ERR_LIMIT: *class says which kind (class may be NULL), d->pos the byte offset,
 * d->what what was found and what was expected there, d->hint a near miss. *out is owned: free with rule_free().
 * `definition`: the whole expression must suit a boolean position, as an audience needs. */
enum err pql_compile(struct str text, bool definition, struct rule **out, enum pql_error *class, struct diag *d);

/* The two forms of an expression [SEGMENTATION 2, 13], as expression.format names them. */
enum pql_format { PQL_TEXT, PQL_JSON };
bool pql_format_of(struct str name, enum pql_format *out); /* "pql/text" (or nothing), "pql/json" */

/* What is known of the data: fields and their types, as the caller's schemas have them [SEGMENTATION 3, C 42]. A field
 * is a pointer that only the caller looks into. NULL stands for "nothing is known, anything goes". */
struct pql_schema {
    const void *profile;                       /* the profile, an object */
    const void *event;                         /* an element of xEvent, an object */
    enum rule_type (*type)(const void *field); /* TYPE_ANY: anything goes */
    /* Of an object (never of NULL). NULL: there is no such field, which makes the expression invalid. */
    const void *(*member)(const void *object, struct str name);
    /* Of a list or map. */
    const void *(*element)(const void *field);
    /* The member whose name is nearest, empty when none is near. */
    struct str (*near)(const void *object, struct str name);
};

struct pql_options {
    enum pql_format format;
    bool definition;
    const struct pql_schema *schema; /* NULL: every path is of any type. Borrowed for the call */
};

/* As above, for either form. Equal expressions give equal rules, whatever their form. For JSON, d->pos is the byte
 * offset of the node in the document and d->path its path ("params[0].object"). Limits: LIMIT_PQL_TEXT_BYTES and
 * LIMIT_PQL_DEPTH, LIMIT_PQL_JSON_BYTES and as many nodes below the root. */
/* With a schema, paths have its types, so that [SEGMENTATION 11] refuses more, and unknown fields are PQL_REFERENCE.
 * The rule is the same. */
enum err pql_compile_as(struct str source, const struct pql_options *o, struct rule **out, enum pql_error *class,
                        struct diag *d);

/* Appends the expression in the other form, or in the canonical layout of its own [SEGMENTATION 13.3]. Names of
 * variables and labels stay. What comes out converts back and forth without a change, and compiles to an equal rule.
 * The expression is read and its references are resolved; its types are not checked. ERR_INVALID, ERR_LIMIT: as
 * pql_compile, or the result is past a limit of its form. ERR_UNSUPPORTED: the other form cannot say it (a time of day
 * as a value, a name with a back-tick, ...). After an error, out is as it was. */
enum err pql_convert(struct str source, enum pql_format from, enum pql_format to, struct buf *out,
                     enum pql_error *class, struct diag *d);

/* Appends text, or JSON, that compiles to an equal rule. ERR_UNSUPPORTED: the rule came from another language and PQL
 * cannot say it. ERR_LIMIT: the text would be too long or too deep. */
enum err pql_print(const struct rule *r, enum pql_format to, struct buf *out, struct diag *d);

/* 1-based line and column of a byte offset, for messages. */
void pql_position(struct str text, uint32_t pos, unsigned *line, unsigned *column);

/* The documented classification of [SEGMENTATION 14.3] for one expression without references to other audiences: bits
 * of PQL_BATCH (always), PQL_STREAMING, PQL_EDGE. It is reported, and obeyed in strict sandboxes only: elsewhere
 * everything is evaluated in real time. */
enum { PQL_BATCH = 1, PQL_STREAMING = 2, PQL_EDGE = 4 };
unsigned pql_classify(const struct rule *r);
/* The first row of the table that keeps the expression from a method (PQL_STREAMING, PQL_EDGE); 0: none does. */
unsigned pql_classify_row(const struct rule *r, unsigned method);
/* What a row asks, as a sentence's end: "an element has no window of at most 24 hours". */
const char *pql_classify_reason(unsigned row);

#endif
