/* pql_parser.h - the parser's state and what its two files need of each other: pql_parse.c has expressions,
 * pql_parse_event.c the tails of `occurs` and the elements of `chain`. */
#ifndef PQL_PQL_PARSER_H
#define PQL_PQL_PARSER_H

#include "pql/pql_int.h"

struct parser {
    struct pql_ctx *c;
    struct pql_lexed lexed;
    size_t at;
    unsigned depth; /* nesting as [SEGMENTATION 11] counts it */
    bool no_in;     /* between `let X =` and its `in`, outside brackets */
};

/* Children under construction, in the scratch arena. */
struct kids {
    struct pql_ast **p;
    size_t n;
    size_t cap;
};

bool kids_add(struct parser *p, struct kids *k, struct pql_ast *kid); /* false when kid is NULL or memory is out */
struct pql_ast *node_new(struct parser *p, enum pql_kind kind, uint32_t pos);
/* Takes the children; `extra` levels of height for binders that nest without a node of their own. NULL: too high. */
struct pql_ast *node_done(struct parser *p, struct pql_ast *n, const struct kids *k, size_t extra);

const struct pql_token *tok(const struct parser *p, size_t ahead); /* past the end: the last token */
bool tok_punct(const struct parser *p, size_t ahead, unsigned op);
bool tok_word(const struct parser *p, size_t ahead, const char *keyword); /* any case */
bool tok_name(const struct parser *p, size_t ahead);                      /* a word or a quoted name */
bool accept_punct(struct parser *p, unsigned op);
bool accept_word(struct parser *p, const char *keyword);
/* Errors at the current token: "expected <what>, found <token>". Always false. */
bool fail_expected(struct parser *p, const char *what);
bool expect_punct(struct parser *p, unsigned op, const char *what);

/* One level of nesting; inside brackets the operator `in` is on again. *saved keeps what leave() puts back. */
bool enter(struct parser *p, bool bracket, bool *saved);
void leave(struct parser *p, bool saved);

struct pql_ast *parse_expr(struct parser *p);
struct pql_ast *parse_add(struct parser *p);
/* "(" expr ")" after its keyword. */
struct pql_ast *parse_in_parens(struct parser *p);

bool parse_comparison(struct parser *p, enum value_cmp *cmp);
/* The tail of `occurs`; time expressions are added to k, where args[0] is already. */
bool parse_when(struct parser *p, struct rule_when *w, struct kids *k);
struct pql_ast *parse_chain(struct parser *p);

#endif
