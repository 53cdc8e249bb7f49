/* pql_int.h - what the steps of the compiler share: tokens, the syntax tree, the table of functions.
 *
 *   text -> pql_lex -> pql_parse -.                     .-> pql_lower (names, types by pql_check) -> struct rule_node
 *   JSON -> pql_json_read ---------+-> struct pql_ast ---+
 *   rule -> pql_raise -------------'                     '-> pql_resolve -> pql_print_text, pql_json_write
 *
 * Everything lives in two arenas: `scratch` ends with the call, `keep` becomes the rule's. */
#ifndef PQL_PQL_INT_H
#define PQL_PQL_INT_H

#include "base/buf.h"
#include "base/map.h"
#include "pql/pql.h"

/* ---- errors ---- */

struct pql_ctx {
    struct str text;
    struct arena *scratch;
    struct arena *keep;
    struct diag *d;
    enum pql_error class; /* PQL_OK until the first error, which wins */
    enum err rc;
    bool syntax; /* the source is not even JSON: it has no paths */
};

/* Records the first error. Always false, so that a step may write  return pql_fail(...). */
bool pql_fail(struct pql_ctx *c, enum pql_error class, uint32_t pos, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void *pql_alloc(struct pql_ctx *c, struct arena *a, size_t count, size_t bytes); /* zeroed; NULL: failed already */

/* pql_compile() with a rule of at most bytes_max: LIMIT_RULE_BYTES, and less in tests. */
enum err pql_compile_within(struct str text, bool definition, size_t bytes_max, struct rule **out,
                            enum pql_error *class, struct diag *d);

/* ---- tokens ---- */

enum pql_token_kind {
    TOK_END,
    TOK_BAD, /* a lexical fault; the lexer keeps its message for when the parser gets there */
    TOK_WORD,
    TOK_QWORD,
    TOK_STRING,
    TOK_INT,
    TOK_DOUBLE,
    TOK_PARAM,
    TOK_PUNCT, /* op: the character, or one of the two-character codes */
};

enum { PUNCT_NE = 256, PUNCT_GE, PUNCT_LE, PUNCT_ARROW };

struct pql_token {
    enum pql_token_kind kind;
    uint16_t op;
    uint32_t pos;
    uint32_t bytes;
};

struct pql_lexed {
    struct pql_token *tokens; /* the last is TOK_END or TOK_BAD */
    size_t n;
    char bad[160]; /* of TOK_BAD */
    char hint[80]; /* of TOK_BAD: what to write instead, or empty */
};

bool pql_lex(struct pql_ctx *c, struct pql_lexed *out);
struct str pql_token_text(const struct pql_ctx *c, const struct pql_token *t); /* back-ticks and join suffix included */
struct str pql_name_of(const struct pql_ctx *c, const struct pql_token *t);    /* without back-ticks */
/* The decoded value of a string token, which the lexer has checked. p is NULL when the arena is used up: failed
 * already. */
struct str pql_string_of(struct pql_ctx *c, const struct pql_token *t, struct arena *a);
bool pql_double_of(struct str digits, double *out); /* false: not finite */

/* ---- syntax tree ---- */

enum pql_kind {
    AST_LITERAL,
    AST_WORD, /* now, today, yesterday, tomorrow: op */
    AST_LIST,
    AST_OBJECT, /* names; kids in the same order */
    AST_NAME,   /* bare name: a variable, xEvent, or a field of the innermost element */
    AST_VAR,    /* a variable, by name and nothing else: what JSON has and pql_resolve makes */
    AST_PARAM,  /* $n: number, 0 for one past any limit */
    AST_CLIMB,  /* ^: number of levels */
    AST_FIELD,  /* kids[0].name */
    AST_CALL,   /* name(kids...), receiver first */
    AST_LAMBDA, /* names => kids[0]; as the whole query or as an argument */
    AST_AND,
    AST_OR,
    AST_NOT,
    AST_COMPARE, /* cmp */
    AST_IN,      /* negated */
    AST_ARITH,   /* arith; one kid: unary minus */
    AST_OCCURS,  /* kids[0] receiver, times from kids[1]; when */
    AST_LET,     /* names[0] = kids[0] in kids[1] */
    AST_QUANT,   /* quant; kids: AST_GEN */
    AST_SELECT,
    AST_AGG,     /* name of the function; kids[0] body, then AST_GEN */
    AST_GEN,     /* names[0] from kids[0] [where kids[1]] */
    AST_CHAIN,   /* kids[0] list, then AST_ELEMENT; names: the timestamp path */
    AST_ELEMENT, /* names[0] label; kids[0] what (and where), times from kids[1]; element, negated */
};

struct pql_ast {
    enum pql_kind kind;
    enum rule_op op;
    uint32_t pos;
    unsigned height; /* of the tree below, bounded by LIMIT_RULE_HEIGHT */
    unsigned number;
    bool implied; /* AST_LAMBDA: text leaves its parameter out (pql_print_scope.c) */
    enum value_cmp cmp;
    enum rule_quant quant;
    char arith;
    bool negated;
    struct str name;
    const struct str *names;
    size_t name_count;
    struct value value;
    struct rule_when *when;
    struct rule_element *element;
    struct pql_ast **kids;
    size_t kid_count;
};

/* Children under construction, in the scratch arena. */
struct pql_kids {
    struct pql_ast **p;
    size_t n;
    size_t cap;
};

/* false when kid is NULL or memory is out. */
bool pql_kids_add(struct pql_ctx *c, struct pql_kids *k, struct pql_ast *kid);
struct pql_ast *pql_node_new(struct pql_ctx *c, enum pql_kind kind, uint32_t pos);
/* Takes the children; `extra` levels of height for binders that nest without a node of their own. NULL: too high. */
struct pql_ast *pql_node_done(struct pql_ctx *c, struct pql_ast *n, const struct pql_kids *k, size_t extra);

struct pql_ast *pql_node_unary(struct pql_ctx *c, enum pql_kind kind, uint32_t pos, struct pql_ast *kid);
struct pql_ast *pql_node_binary(struct pql_ctx *c, enum pql_kind kind, uint32_t pos, struct pql_ast *a,
                                struct pql_ast *b);

/* Levels of height that the node's children nest without nodes of their own: generators and chain elements. */
size_t pql_node_extra(enum pql_kind kind, size_t kid_count);

struct pql_ast *pql_parse(struct pql_ctx *c);
/* A tree from its JSON form [SEGMENTATION 13.2]; pos of a node is its byte offset in the document. */
struct pql_ast *pql_json_read(struct pql_ctx *c);
/* The tree of a finished rule, with names made up for its slots. NULL: the rule says what PQL cannot, c->d says what.
 */
struct pql_ast *pql_raise(struct pql_ctx *c, const struct rule *rule);

/* A copy in which every reference is explicit, as in JSON [SEGMENTATION 13.3]: fields hang on a variable or on $n,
 * element expressions are lambdas (v0, v1, ... where the text has none). What PQL's own printers work on. */
struct pql_ast *pql_resolve(struct pql_ctx *c, const struct pql_ast *root);
/* v0, v1, ...: names for element expressions that have none, in order, leaving out those that `taken` holds. */
struct str pql_next_name(struct pql_ctx *c, const struct map *taken, unsigned *next);
bool pql_is_generated(struct str name);
/* Names of the form v<digits> that occur in the tree into `taken`; those of implied lambdas stay out. */
bool pql_collect_names(struct pql_ctx *c, const struct pql_ast *root, struct map *taken);

/* Both want a resolved tree and append to out; false: c says why. */
bool pql_print_text(struct pql_ctx *c, struct pql_ast *root, struct buf *out);
bool pql_json_write(struct pql_ctx *c, const struct pql_ast *root, struct buf *out);
/* Does JSON write an operator as a call of that name? Then no function can have it there. */
bool pql_json_is_operator(struct str fn_name);
/* Marks the lambdas whose parameter text may leave out: read back, they have the same names. */
bool pql_mark_implied(struct pql_ctx *c, struct pql_ast *root);

/* ---- words ---- */

bool pql_unit_of(struct str word, enum rule_unit *out); /* "day", "days", any case */
struct str pql_unit_name(enum rule_unit unit, bool many);
bool pql_cmp_of(struct str text, enum value_cmp *out);
struct str pql_cmp_text(enum value_cmp cmp);
bool pql_period_of(struct str word, enum rule_period *out);
struct str pql_period_name(enum rule_period period);
bool pql_side_of(struct str word, enum rule_side *out);
struct str pql_side_name(enum rule_side side);
bool pql_time_word_of(struct str word, enum rule_op *out); /* now, today, ... */
struct str pql_time_word(enum rule_op op);
bool pql_is_word(struct str name);     /* a name that text needs not quote */
bool pql_is_reserved(struct str name); /* a word of the grammar, somewhere */
/* "and", "<=", "+": the operator's text, which is its function name in JSON; NULL: the node is none. */
const char *pql_operator_text(const struct pql_ast *ast);

/* ---- functions ---- */

/* Sets of static types. */
#define T(type) (1u << TYPE_##type)
#define T_NUMBER (T(INT) | T(DOUBLE) | T(NUMBER))
#define T_SCALAR (T_NUMBER | T(BOOL) | T(STRING) | T(TIME))

#define PQL_ARGS_MANY 255

struct pql_fn {
    const char *name;
    enum rule_fn fn;
    uint8_t args_min; /* the receiver counts */
    uint8_t args_max;
    bool elem;             /* args[1] is evaluated once per element */
    bool elem_optional;    /* without args[1] the receiver rule does not apply to `exists` */
    bool elem_truth;       /* it is a boolean position */
    unsigned receiver_not; /* static types refused */
    unsigned arg_only;     /* static types accepted of args[1] unless it is an element expression; 0: any */
    unsigned last_only;    /* of args[2] */
    unsigned elem_not;     /* of the element expression */
    enum rule_type result;
};

const struct pql_fn *pql_fn_find(struct str name);
const struct pql_fn *pql_fn_of(enum rule_fn fn); /* NULL: PQL has no name for it */
/* The nearest name by spelling, or what to write instead of a word that other languages have; empty when nothing is
 * near. */
struct str pql_fn_near(struct str name);

/* ---- checks ---- */

const char *pql_type_name(enum rule_type t);
static inline bool
pql_type_in(enum rule_type t, unsigned set)
{
    return (set >> t & 1u) != 0;
}
/* Boolean position [SEGMENTATION 5.2]. */
bool pql_check_truth(struct pql_ctx *c, const struct rule_node *n);
/* An argument whose type the table of functions refuses. */
bool pql_check_arith(struct pql_ctx *c, const struct rule_node *n);
bool pql_check_compare(struct pql_ctx *c, enum value_cmp cmp, const struct rule_node *n);
bool pql_check_in(struct pql_ctx *c, const struct rule_node *list);
bool pql_check_time(struct pql_ctx *c, const struct rule_node *n);
bool pql_check_source(struct pql_ctx *c, const struct rule_node *n);
bool pql_check_field(struct pql_ctx *c, const struct rule_node *object, struct str name);
bool pql_check_body(struct pql_ctx *c, enum rule_fn fn, const struct rule_node *body);
/* Before its arguments are looked at: number of arguments. */
bool pql_check_arity(struct pql_ctx *c, const struct pql_fn *f, size_t count, uint32_t pos);
/* Of an operator: only JSON can get it wrong. */
bool pql_check_operands(struct pql_ctx *c, const struct pql_ast *ast);
/* '^' or an implicit element above the outermost of `elements`: always false. */
bool pql_fail_climb(struct pql_ctx *c, const struct pql_ast *ast, size_t elements);
bool pql_fail_variable(struct pql_ctx *c, const struct pql_ast *ast);
/* After they are lowered. */
bool pql_check_call(struct pql_ctx *c, const struct pql_fn *f, const struct rule_node *n);
/* Rules of [SEGMENTATION 9.2] that need no types: of element k, and of the whole. */
bool pql_check_label(struct pql_ctx *c, const struct pql_ast *chain, size_t k);
bool pql_check_bounds(struct pql_ctx *c, const struct pql_ast *chain, size_t k);
bool pql_check_chain(struct pql_ctx *c, const struct pql_ast *chain);
/* The position of the first name that occurs before, or n. */
bool pql_check_names(struct pql_ctx *c, const struct str *names, size_t n, size_t *repeated);

/* ---- lowering ---- */

/* The tree in c->keep, checked; NULL after an error. */
const struct rule_node *pql_lower(struct pql_ctx *c, const struct pql_ast *root, const struct pql_schema *schema,
                                  unsigned *slot_count);

#endif
