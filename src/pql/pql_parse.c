/* pql_parse.c - tokens to the syntax tree: the operators, and the tools of the parser [SEGMENTATION 2.4, 2.5].
 *
 * Recursive descent, one function per level of precedence. Every bracket, prefix operator and binder counts one level
 * of nesting against LIMIT_PQL_DEPTH. Chains without brackets (a.b.c, 1 + 1 + 1) nest in the tree though not in the
 * text: LIMIT_RULE_HEIGHT bounds those, so that every later walk of the tree may recurse. Keywords are recognised only
 * where the grammar asks for one, in any case; elsewhere they are names. */
#include "base/limits.h"
#include "pql/pql_parser.h"

/* ---- tools ---- */

const struct pql_token *
pql_tok(const struct pql_parser *p, size_t ahead)
{
    size_t i = p->at + ahead;

    return &p->lexed.tokens[i < p->lexed.n ? i : p->lexed.n - 1];
}

bool
pql_tok_punct(const struct pql_parser *p, size_t ahead, unsigned op)
{
    return pql_tok(p, ahead)->kind == TOK_PUNCT && pql_tok(p, ahead)->op == op;
}

bool
pql_tok_word(const struct pql_parser *p, size_t ahead, const char *keyword)
{
    return pql_tok(p, ahead)->kind == TOK_WORD &&
           str_eq_nocase(pql_token_text(p->c, pql_tok(p, ahead)), str_of(keyword));
}

bool
pql_tok_name(const struct pql_parser *p, size_t ahead)
{
    return pql_tok(p, ahead)->kind == TOK_WORD || pql_tok(p, ahead)->kind == TOK_QWORD;
}

bool
pql_accept_punct(struct pql_parser *p, unsigned op)
{
    bool is = pql_tok_punct(p, 0, op);

    p->at += is;
    return is;
}

bool
pql_accept_word(struct pql_parser *p, const char *keyword)
{
    bool is = pql_tok_word(p, 0, keyword);

    p->at += is;
    return is;
}

/* Operators of other languages, which are two tokens here. */
static const char *
hint_of(const struct pql_parser *p)
{
    const struct pql_token *t = pql_tok(p, 0), *before = p->at > 0 ? t - 1 : NULL;

    if (t->kind == TOK_BAD)
        return p->lexed.hint;
    if (before == NULL || t->kind != TOK_PUNCT || before->kind != TOK_PUNCT || before->pos + 1 != t->pos)
        return "";
    if (before->op == '=' && t->op == '=')
        return "did you mean '='?";
    return before->op == '<' && t->op == '>' ? "did you mean '!='?" : "";
}

bool
pql_fail_expected(struct pql_parser *p, const char *what)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct str text = pql_token_text(p->c, t);

    if (t->kind == TOK_BAD)
        (void)pql_fail(p->c, PQL_PARSE, t->pos, "%s", p->lexed.bad);
    else if (t->kind == TOK_END)
        (void)pql_fail(p->c, PQL_PARSE, t->pos, "expected %s, found the end of the text", what);
    else
        (void)pql_fail(p->c, PQL_PARSE, t->pos, "expected %s, found %.*s%s", what, (int)(text.n > 40 ? 40 : text.n),
                       text.p, text.n > 40 ? "..." : "");
    diag_hint(p->c->d, "%s", hint_of(p));
    return false;
}

bool
pql_expect_punct(struct pql_parser *p, unsigned op, const char *what)
{
    return pql_accept_punct(p, op) || pql_fail_expected(p, what);
}

bool
pql_enter(struct pql_parser *p, bool bracket, bool *saved)
{
    *saved = p->no_in;
    if (p->depth >= LIMIT_PQL_DEPTH)
        return pql_fail(p->c, PQL_LIMIT, pql_tok(p, 0)->pos, "nesting deeper than %d levels", LIMIT_PQL_DEPTH);
    p->depth++;
    if (bracket)
        p->no_in = false;
    return true;
}

void
pql_leave(struct pql_parser *p, bool saved)
{
    p->depth--;
    p->no_in = saved;
}

/* ---- operators ---- */

static struct pql_ast *
parse_dot(struct pql_parser *p, struct pql_ast *receiver)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct pql_kids k = {0};
    struct pql_ast *n;

    if (!pql_tok_name(p, 0)) {
        (void)pql_fail_expected(p, "a field or function name after '.'");
        return NULL;
    }
    p->at++;
    if (pql_tok_punct(p, 0, '('))
        return pql_kids_add(p->c, &k, receiver) ? pql_parse_call(p, pql_name_of(p->c, t), t->pos, &k) : NULL;
    n = pql_node_unary(p->c, AST_FIELD, t->pos, receiver);
    if (n != NULL)
        n->name = pql_name_of(p->c, t);
    return n;
}

static struct pql_ast *
parse_postfix(struct pql_parser *p, struct pql_ast *n)
{
    while (n != NULL) {
        if (pql_accept_punct(p, '.')) {
            n = parse_dot(p, n);
        } else if (pql_tok_punct(p, 0, '[')) {
            struct pql_ast *predicate;
            uint32_t pos = pql_tok(p, 0)->pos;
            bool saved;
            p->at++;
            if (!pql_enter(p, true, &saved))
                return NULL;
            predicate = pql_parse_expr(p);
            if (predicate != NULL && !pql_expect_punct(p, ']', "']' after the predicate"))
                predicate = NULL;
            pql_leave(p, saved);
            n = pql_node_binary(p->c, AST_CALL, pos, n, predicate); /* x[p] is filter(x, p) */
            if (n != NULL)
                n->name = S("filter");
        } else {
            break;
        }
    }
    return n;
}

static struct pql_ast *
parse_unary(struct pql_parser *p)
{
    uint32_t pos = pql_tok(p, 0)->pos;
    struct pql_ast *n;
    bool saved;

    if (!pql_accept_punct(p, '-'))
        return parse_postfix(p, pql_parse_primary(p));
    if (pql_tok(p, 0)->kind == TOK_INT || pql_tok(p, 0)->kind == TOK_DOUBLE)
        return parse_postfix(p, pql_parse_number(p, true));
    if (!pql_enter(p, false, &saved))
        return NULL;
    n = pql_node_unary(p->c, AST_ARITH, pos, parse_unary(p));
    if (n != NULL)
        n->arith = '-';
    pql_leave(p, saved);
    return n;
}

static struct pql_ast *
parse_mul(struct pql_parser *p)
{
    struct pql_ast *n = parse_unary(p);

    while (n != NULL && (pql_tok_punct(p, 0, '*') || pql_tok_punct(p, 0, '/') || pql_tok_punct(p, 0, '%'))) {
        char op = (char)pql_tok(p, 0)->op;
        uint32_t pos = pql_tok(p, 0)->pos;
        p->at++;
        n = pql_node_binary(p->c, AST_ARITH, pos, n, parse_unary(p));
        if (n != NULL)
            n->arith = op;
    }
    return n;
}

struct pql_ast *
pql_parse_add(struct pql_parser *p)
{
    struct pql_ast *n = parse_mul(p);

    while (n != NULL && (pql_tok_punct(p, 0, '+') || pql_tok_punct(p, 0, '-'))) {
        char op = (char)pql_tok(p, 0)->op;
        uint32_t pos = pql_tok(p, 0)->pos;
        p->at++;
        n = pql_node_binary(p->c, AST_ARITH, pos, n, parse_mul(p));
        if (n != NULL)
            n->arith = op;
    }
    return n;
}

static struct pql_ast *
parse_occurs(struct pql_parser *p, struct pql_ast *receiver, uint32_t pos)
{
    struct pql_ast *n = pql_node_new(p->c, AST_OCCURS, pos);
    struct rule_when *w = pql_alloc(p->c, p->c->keep, 1, sizeof *w);
    struct pql_kids k = {0};

    if (n == NULL || w == NULL || !pql_kids_add(p->c, &k, receiver) || !pql_parse_when(p, w, &k))
        return NULL;
    n->when = w;
    return pql_node_done(p->c, n, &k, 0);
}

/* At most one: comparisons do not chain [C 10]. */
static struct pql_ast *
parse_tail(struct pql_parser *p, struct pql_ast *left)
{
    uint32_t pos = pql_tok(p, 0)->pos;
    enum value_cmp cmp;
    struct pql_ast *n;

    if (pql_parse_comparison(p, &cmp)) {
        n = pql_node_binary(p->c, AST_COMPARE, pos, left, pql_parse_add(p));
        if (n != NULL)
            n->cmp = cmp;
        return n;
    }
    if ((!p->no_in && pql_tok_word(p, 0, "in")) || pql_tok_word(p, 0, "notIn")) {
        bool negated = pql_tok_word(p, 0, "notIn");
        p->at++;
        n = pql_node_binary(p->c, AST_IN, pos, left, pql_parse_add(p));
        if (n != NULL)
            n->negated = negated;
        return n;
    }
    if (pql_accept_word(p, "like")) {
        n = pql_node_binary(p->c, AST_CALL, pos, left, pql_parse_add(p));
        if (n != NULL)
            n->name = S("like");
        return n;
    }
    return pql_accept_word(p, "occurs") ? parse_occurs(p, left, pos) : left;
}

static struct pql_ast *
parse_compare(struct pql_parser *p)
{
    struct pql_ast *left = pql_parse_add(p), *n = left != NULL ? parse_tail(p, left) : NULL;
    enum value_cmp cmp;
    uint32_t pos = pql_tok(p, 0)->pos;

    if (n != left && n != NULL && pql_parse_comparison(p, &cmp)) {
        (void)pql_fail(p->c, PQL_PARSE, pos, "comparisons do not chain: join two with 'and', or use parentheses");
        return NULL;
    }
    return n;
}

static struct pql_ast *
parse_not(struct pql_parser *p)
{
    uint32_t pos = pql_tok(p, 0)->pos;
    struct pql_ast *n;
    bool saved;

    if (!pql_accept_word(p, "not") && !pql_accept_punct(p, '!'))
        return parse_compare(p);
    if (!pql_enter(p, false, &saved))
        return NULL;
    n = pql_node_unary(p->c, AST_NOT, pos, parse_not(p));
    pql_leave(p, saved);
    return n;
}

/* One n-ary node per level. */
static struct pql_ast *
parse_junction(struct pql_parser *p, enum pql_kind kind, const char *word,
               struct pql_ast *(*operand)(struct pql_parser *p))
{
    struct pql_ast *n = operand(p);
    uint32_t pos = pql_tok(p, 0)->pos;
    struct pql_kids k = {0};

    if (n == NULL || !pql_tok_word(p, 0, word))
        return n;
    if (!pql_kids_add(p->c, &k, n))
        return NULL;
    while (pql_accept_word(p, word)) {
        if (!pql_kids_add(p->c, &k, operand(p)))
            return NULL;
    }
    return pql_node_done(p->c, pql_node_new(p->c, kind, pos), &k, 0);
}

static struct pql_ast *
parse_and(struct pql_parser *p)
{
    return parse_junction(p, AST_AND, "and", parse_not);
}

struct pql_ast *
pql_parse_expr(struct pql_parser *p)
{
    return parse_junction(p, AST_OR, "or", parse_and);
}

struct pql_ast *
pql_parse(struct pql_ctx *c)
{
    struct pql_parser p = {.c = c};
    struct pql_ast *root;

    if (!pql_lex(c, &p.lexed))
        return NULL;
    root = pql_parse_arg(&p); /* a query, like an argument, may begin with a lambda's head */
    if (root != NULL && pql_tok(&p, 0)->kind != TOK_END) {
        (void)pql_fail_expected(&p, "an operator or the end of the text");
        return NULL;
    }
    return root;
}
