/* pql_parser.h - the parser's state and what its three files need of each other: pql_parse.c has the operators,
 * pql_parse_operand.c what stands between them, pql_parse_event.c the tails of `occurs` and the elements of `chain`. */
#ifndef PQL_PQL_PARSER_H
#define PQL_PQL_PARSER_H

#include "pql/pql_int.h"

struct pql_parser {
    struct pql_ctx *c;
    struct pql_lexed lexed;
    size_t at;
    unsigned depth; /* nesting as [SEGMENTATION 11] counts it */
    bool no_in;     /* between `let X =` and its `in`, outside brackets */
};

const struct pql_token *pql_tok(const struct pql_parser *p, size_t ahead); /* past the end: the last token */
bool pql_tok_punct(const struct pql_parser *p, size_t ahead, unsigned op);
bool pql_tok_word(const struct pql_parser *p, size_t ahead, const char *keyword); /* any case */
bool pql_tok_name(const struct pql_parser *p, size_t ahead);                      /* a word or a quoted name */
bool pql_accept_punct(struct pql_parser *p, unsigned op);
bool pql_accept_word(struct pql_parser *p, const char *keyword);
/* Errors at the current token: "expected <what>, found <token>". Always false. */
bool pql_fail_expected(struct pql_parser *p, const char *what);
bool pql_expect_punct(struct pql_parser *p, unsigned op, const char *what);

/* One level of nesting; inside brackets the operator `in` is on again. *saved keeps what pql_leave() puts back. */
bool pql_enter(struct pql_parser *p, bool bracket, bool *saved);
void pql_leave(struct pql_parser *p, bool saved);

struct pql_ast *pql_parse_expr(struct pql_parser *p);
struct pql_ast *pql_parse_add(struct pql_parser *p);
struct pql_ast *pql_parse_primary(struct pql_parser *p);
/* An expression, or a lambda: what may begin a query and an argument. */
struct pql_ast *pql_parse_arg(struct pql_parser *p);
/* The number at the current token. */
struct pql_ast *pql_parse_number(struct pql_parser *p, bool negative);
/* "(...)" after a name; the receiver, when there is one, is in k already. */
struct pql_ast *pql_parse_call(struct pql_parser *p, struct str name, uint32_t pos, struct pql_kids *k);
/* "(" expr ")" after its keyword. */
struct pql_ast *pql_parse_in_parens(struct pql_parser *p);

bool pql_parse_comparison(struct pql_parser *p, enum value_cmp *cmp);
/* The tail of `occurs`; time expressions are added to k, where args[0] is already. */
bool pql_parse_when(struct pql_parser *p, struct rule_when *w, struct pql_kids *k);
struct pql_ast *pql_parse_chain(struct pql_parser *p);

#endif
