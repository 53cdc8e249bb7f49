/* pql_json_reader.h - the reader's state and what its two files need of each other: pql_json_read.c has the
 * expressions, pql_json_event.c times and the elements of chains. */
#ifndef PQL_PQL_JSON_READER_H
#define PQL_PQL_JSON_READER_H

#include "codec/json_place.h"
#include "pql/pql_int.h"

struct pql_reader {
    struct pql_ctx *c;
    struct json_places places;
    unsigned depth; /* of the node being read; the root is 0 */
};

uint32_t pql_place(const struct pql_reader *r, const struct json *v);
/* Always false: "<node> needs '<key>', <expected>; found <what is there>". */
bool pql_json_fail(struct pql_reader *r, const struct json *node, const char *key, const char *expected);
/* The member, which must be of the type. */
bool pql_json_want(struct pql_reader *r, const struct json *node, const char *key, enum json_type type,
                   const struct json **out);
/* The member, an expression; added to k. */
bool pql_json_want_expr(struct pql_reader *r, const struct json *node, const char *key, struct pql_kids *k);
/* The member as a text or as a literal node of a text. A member that is absent: false without an error. */
bool pql_json_word(struct pql_reader *r, const struct json *node, const char *key, struct str *out);
/* The same for a whole number of at least 0, which must be there. */
bool pql_json_count(struct pql_reader *r, const struct json *node, const char *key, int64_t *out);

struct str pql_json_type(const struct json *node); /* its nodeType */
/* nodeType is `type`; one level deeper until pql_json_leave(). */
bool pql_json_enter(struct pql_reader *r, const struct json *node, const char *type);
void pql_json_leave(struct pql_reader *r);

struct pql_ast *pql_json_expr(struct pql_reader *r, const struct json *node);
/* RelativeTime: a word, or "this|last|next unit"; false with an error. */
bool pql_json_relative(struct pql_reader *r, const struct json *literal, struct str text, struct rule_time_ref *period,
                       enum rule_op *word);
struct pql_ast *pql_json_occurs(struct pql_reader *r, const struct json *node);
struct pql_ast *pql_json_chain(struct pql_reader *r, const struct json *node);

#endif
