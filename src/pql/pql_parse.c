/* pql_parse.c - tokens to the syntax tree: expressions [SEGMENTATION 2.3 to 2.5].
 *
 * Recursive descent, one function per level of precedence. Every bracket, prefix operator and binder counts one level
 * of nesting against LIMIT_PQL_DEPTH. Chains without brackets (a.b.c, 1 + 1 + 1) nest in the tree though not in the
 * text: LIMIT_RULE_HEIGHT bounds those, so that every later walk of the tree may recurse. Keywords are recognised only
 * where the grammar asks for one, in any case; elsewhere they are names. */
#include "base/limits.h"
#include "pql/pql_parser.h"

/* ---- tools ---- */

bool
kids_add(struct parser *p, struct kids *k, struct pql_ast *kid)
{
    if (kid == NULL)
        return false;
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 4;
        struct pql_ast **more = pql_alloc(p->c, p->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (k->n > 0)
            memcpy(more, k->p, k->n * sizeof *more);
        k->p = more;
        k->cap = cap;
    }
    k->p[k->n++] = kid;
    return true;
}

struct pql_ast *
node_new(struct parser *p, enum pql_kind kind, uint32_t pos)
{
    struct pql_ast *n = pql_alloc(p->c, p->c->scratch, 1, sizeof *n);

    if (n == NULL)
        return NULL;
    n->kind = kind;
    n->pos = pos;
    n->height = 1;
    return n;
}

struct pql_ast *
node_done(struct parser *p, struct pql_ast *n, const struct kids *k, size_t extra)
{
    unsigned height = 0;

    if (n == NULL)
        return NULL;
    n->kids = k->p;
    n->kid_count = k->n;
    for (size_t i = 0; i < k->n; i++)
        height = k->p[i]->height > height ? k->p[i]->height : height;
    if (height + extra >= LIMIT_RULE_HEIGHT) {
        (void)pql_fail(p->c, PQL_LIMIT, n->pos, "a chain of more than %d operators, fields or calls",
                       LIMIT_RULE_HEIGHT);
        return NULL;
    }
    n->height = height + (unsigned)extra + 1;
    return n;
}

static struct pql_ast *
unary(struct parser *p, enum pql_kind kind, uint32_t pos, struct pql_ast *kid)
{
    struct pql_ast *n = kid != NULL ? node_new(p, kind, pos) : NULL;
    struct kids k = {0};

    return n != NULL && kids_add(p, &k, kid) ? node_done(p, n, &k, 0) : NULL;
}

static struct pql_ast *
binary(struct parser *p, enum pql_kind kind, uint32_t pos, struct pql_ast *a, struct pql_ast *b)
{
    struct pql_ast *n = a != NULL && b != NULL ? node_new(p, kind, pos) : NULL;
    struct kids k = {0};

    return n != NULL && kids_add(p, &k, a) && kids_add(p, &k, b) ? node_done(p, n, &k, 0) : NULL;
}

const struct pql_token *
tok(const struct parser *p, size_t ahead)
{
    size_t i = p->at + ahead;

    return &p->lexed.tokens[i < p->lexed.n ? i : p->lexed.n - 1];
}

bool
tok_punct(const struct parser *p, size_t ahead, unsigned op)
{
    return tok(p, ahead)->kind == TOK_PUNCT && tok(p, ahead)->op == op;
}

bool
tok_word(const struct parser *p, size_t ahead, const char *keyword)
{
    return tok(p, ahead)->kind == TOK_WORD && str_eq_nocase(pql_token_text(p->c, tok(p, ahead)), str_of(keyword));
}

bool
tok_name(const struct parser *p, size_t ahead)
{
    return tok(p, ahead)->kind == TOK_WORD || tok(p, ahead)->kind == TOK_QWORD;
}

bool
accept_punct(struct parser *p, unsigned op)
{
    bool is = tok_punct(p, 0, op);

    p->at += is;
    return is;
}

bool
accept_word(struct parser *p, const char *keyword)
{
    bool is = tok_word(p, 0, keyword);

    p->at += is;
    return is;
}

bool
fail_expected(struct parser *p, const char *what)
{
    const struct pql_token *t = tok(p, 0);
    struct str text = pql_token_text(p->c, t);

    if (t->kind == TOK_BAD)
        return pql_fail(p->c, PQL_PARSE, t->pos, "%s", p->lexed.bad);
    if (t->kind == TOK_END)
        return pql_fail(p->c, PQL_PARSE, t->pos, "expected %s, found the end of the text", what);
    return pql_fail(p->c, PQL_PARSE, t->pos, "expected %s, found %.*s%s", what, (int)(text.n > 40 ? 40 : text.n),
                    text.p, text.n > 40 ? "..." : "");
}

bool
expect_punct(struct parser *p, unsigned op, const char *what)
{
    return accept_punct(p, op) || fail_expected(p, what);
}

bool
enter(struct parser *p, bool bracket, bool *saved)
{
    *saved = p->no_in;
    if (p->depth >= LIMIT_PQL_DEPTH)
        return pql_fail(p->c, PQL_LIMIT, tok(p, 0)->pos, "nesting deeper than %d levels", LIMIT_PQL_DEPTH);
    p->depth++;
    if (bracket)
        p->no_in = false;
    return true;
}

void
leave(struct parser *p, bool saved)
{
    p->depth--;
    p->no_in = saved;
}

/* Words that cannot begin an operand. */
static bool
is_infix(const struct parser *p, size_t ahead)
{
    static const char *const words[] = {"and", "or", "in", "notIn", "like", "occurs", "over", "where", "from"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (tok_word(p, ahead, words[i]))
            return true;
    }
    return false;
}

/* ---- operands ---- */

/* A lambda's head, "NAME =>" or "(NAME, ...) =>": the number of its tokens, or 0. */
static size_t
lambda_head(const struct parser *p)
{
    size_t i = 1;

    if (tok_name(p, 0) && tok_punct(p, 1, PUNCT_ARROW))
        return 2;
    if (!tok_punct(p, 0, '('))
        return 0;
    while (tok_name(p, i) && tok_punct(p, i + 1, ','))
        i += 2;
    return tok_name(p, i) && tok_punct(p, i + 1, ')') && tok_punct(p, i + 2, PUNCT_ARROW) ? i + 3 : 0;
}

static struct pql_ast *
parse_lambda(struct parser *p, size_t head)
{
    struct pql_ast *n = node_new(p, AST_LAMBDA, tok(p, 0)->pos);
    struct str *names = pql_alloc(p->c, p->c->scratch, head, sizeof *names);
    struct kids k = {0};

    if (n == NULL || names == NULL)
        return NULL;
    for (size_t i = 0; i < head; i++) {
        if (tok_name(p, i))
            names[n->name_count++] = pql_name_of(p->c, tok(p, i));
    }
    n->names = names;
    p->at += head;
    return kids_add(p, &k, parse_expr(p)) ? node_done(p, n, &k, 0) : NULL;
}

static struct pql_ast *
parse_arg(struct parser *p)
{
    size_t head = lambda_head(p);

    return head > 0 ? parse_lambda(p, head) : parse_expr(p);
}

/* "a, b, c" up to the closing bracket, which is taken. */
static bool
parse_items(struct parser *p, struct kids *k, unsigned close, const char *expected,
            struct pql_ast *(*item)(struct parser *p))
{
    bool saved, ok = true;

    if (!enter(p, true, &saved))
        return false;
    if (!accept_punct(p, close)) {
        do
            ok = kids_add(p, k, item(p));
        while (ok && accept_punct(p, ','));
        ok = ok && expect_punct(p, close, expected);
    }
    leave(p, saved);
    return ok;
}

/* "(...)" after a name; the receiver, when there is one, is in k already. */
static struct pql_ast *
parse_call(struct parser *p, struct str name, uint32_t pos, struct kids *k)
{
    struct pql_ast *n = node_new(p, AST_CALL, pos);

    p->at++;
    if (n == NULL || !parse_items(p, k, ')', "',' or ')' after an argument", parse_arg))
        return NULL;
    n->name = name;
    return node_done(p, n, k, 0);
}

static struct pql_ast *
parse_list(struct parser *p)
{
    struct pql_ast *n = node_new(p, AST_LIST, tok(p, 0)->pos);
    struct kids k = {0};

    p->at++;
    if (n == NULL || !parse_items(p, &k, ']', "',' or ']' in a list", parse_expr))
        return NULL;
    return node_done(p, n, &k, 0);
}

/* Keys under construction; they stay parallel to the object's children. */
struct keys {
    struct str *p;
    size_t cap;
};

static bool
add_key(struct parser *p, struct pql_ast *n, struct keys *keys, struct str key)
{
    if (n->name_count == keys->cap) {
        size_t cap = keys->cap ? keys->cap * 2 : 4;
        struct str *more = pql_alloc(p->c, p->c->scratch, cap, sizeof *more);
        if (more == NULL)
            return false;
        if (n->name_count > 0)
            memcpy(more, keys->p, n->name_count * sizeof *more);
        *keys = (struct keys){more, cap};
        n->names = more;
    }
    keys->p[n->name_count++] = key;
    return true;
}

static bool
parse_entry(struct parser *p, struct pql_ast *n, struct keys *keys, struct kids *k)
{
    const struct pql_token *t = tok(p, 0);
    struct str key;

    if (t->kind != TOK_STRING && !tok_name(p, 0))
        return fail_expected(p, "a key, which is a string or a name");
    key = t->kind == TOK_STRING ? pql_string_of(p->c, t, p->c->scratch) : pql_name_of(p->c, t);
    p->at++;
    return key.p != NULL && add_key(p, n, keys, key) && expect_punct(p, ':', "':' after a key") &&
           kids_add(p, k, parse_expr(p));
}

static struct pql_ast *
parse_object(struct parser *p)
{
    struct pql_ast *n = node_new(p, AST_OBJECT, tok(p, 0)->pos);
    struct keys keys = {0};
    struct kids k = {0};
    bool saved, ok = true;

    if (n == NULL || !enter(p, true, &saved))
        return NULL;
    p->at++;
    if (!accept_punct(p, '}')) {
        do
            ok = parse_entry(p, n, &keys, &k);
        while (ok && accept_punct(p, ','));
        ok = ok && expect_punct(p, '}', "',' or '}' in an object");
    }
    leave(p, saved);
    return ok ? node_done(p, n, &k, 0) : NULL;
}

struct pql_ast *
parse_in_parens(struct parser *p)
{
    struct pql_ast *n;
    bool saved;

    if (!expect_punct(p, '(', "'('") || !enter(p, true, &saved))
        return NULL;
    n = parse_expr(p);
    if (n != NULL && !expect_punct(p, ')', "')'"))
        n = NULL;
    leave(p, saved);
    return n;
}

static struct pql_ast *
parse_literal(struct parser *p, bool negative)
{
    const struct pql_token *t = tok(p, 0);
    struct pql_ast *n = node_new(p, AST_LITERAL, t->pos);
    struct str text = pql_token_text(p->c, t);
    int64_t i = 0;

    if (n == NULL)
        return NULL;
    p->at++;
    if (t->kind == TOK_STRING) {
        text = pql_string_of(p->c, t, p->c->keep);
        if (text.p == NULL)
            return NULL;
        n->value = value_string(text);
    } else if (t->kind == TOK_INT) {
        if (text.p[text.n - 1] == 'L' || text.p[text.n - 1] == 'l')
            text.n--;
        (void)str_to_i64(text, &i); /* the lexer has checked it */
        n->value = value_int(negative ? -i : i);
    } else {
        double f = 0;
        (void)pql_double_of(text, &f); /* the lexer has checked it */
        n->value = value_double(negative ? -f : f);
    }
    return n;
}

/* true false null now today yesterday tomorrow; NULL without an error when it is none of them. */
static struct pql_ast *
parse_special(struct parser *p)
{
    static const struct {
        const char *word;
        enum rule_op op;
        struct value value;
    } words[] = {
        {"true", RULE_LITERAL, {.kind = VALUE_BOOL, .b = true}},
        {"false", RULE_LITERAL, {.kind = VALUE_BOOL, .b = false}},
        {"null", RULE_LITERAL, {.kind = VALUE_NULL}},
        {"now", RULE_NOW, {.kind = VALUE_NULL}},
        {"today", RULE_TODAY, {.kind = VALUE_NULL}},
        {"yesterday", RULE_YESTERDAY, {.kind = VALUE_NULL}},
        {"tomorrow", RULE_TOMORROW, {.kind = VALUE_NULL}},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct pql_ast *n;
        if (!tok_word(p, 0, words[i].word))
            continue;
        n = node_new(p, words[i].op == RULE_LITERAL ? AST_LITERAL : AST_WORD, tok(p, 0)->pos);
        if (n == NULL)
            return NULL;
        n->op = words[i].op;
        n->value = words[i].value;
        p->at++;
        return n;
    }
    return NULL;
}

/* "^^name": levels to climb, then an optional field. */
static struct pql_ast *
parse_climb(struct parser *p)
{
    struct pql_ast *n = node_new(p, AST_CLIMB, tok(p, 0)->pos), *field;

    if (n == NULL)
        return NULL;
    while (accept_punct(p, '^'))
        n->number++;
    if (!tok_name(p, 0))
        return n;
    field = unary(p, AST_FIELD, tok(p, 0)->pos, n);
    if (field != NULL)
        field->name = pql_name_of(p->c, tok(p, 0));
    p->at++;
    return field;
}

static struct pql_ast *
parse_param(struct parser *p)
{
    const struct pql_token *t = tok(p, 0);
    struct pql_ast *n = node_new(p, AST_PARAM, t->pos);
    uint64_t number = 0;

    if (n == NULL)
        return NULL;
    if (str_to_u64(str_slice(pql_token_text(p->c, t), 1, t->bytes), &number) && number <= UINT16_MAX)
        n->number = (unsigned)number;
    p->at++;
    return n;
}

/* ---- binders ---- */

static struct pql_ast *
parse_let(struct parser *p)
{
    struct pql_ast *n = node_new(p, AST_LET, tok(p, 0)->pos);
    struct str *name = pql_alloc(p->c, p->c->scratch, 1, sizeof *name);
    struct kids k = {0};
    bool saved, ok;

    if (n == NULL || name == NULL || !enter(p, false, &saved))
        return NULL;
    *name = pql_name_of(p->c, tok(p, 1));
    n->names = name;
    n->name_count = 1;
    p->at += 3;
    p->no_in = true; /* the next `in` outside brackets ends the value */
    ok = kids_add(p, &k, parse_expr(p));
    p->no_in = saved;
    ok = ok && (accept_word(p, "in") || fail_expected(p, "'in' after the value of let")) &&
         kids_add(p, &k, parse_expr(p));
    leave(p, saved);
    return ok ? node_done(p, n, &k, 0) : NULL;
}

static struct pql_ast *
parse_gen(struct parser *p)
{
    struct pql_ast *n = node_new(p, AST_GEN, tok(p, 0)->pos);
    struct str *name = pql_alloc(p->c, p->c->scratch, 1, sizeof *name);
    struct kids k = {0};

    if (n == NULL || name == NULL)
        return NULL;
    if (!tok_name(p, 0)) {
        (void)fail_expected(p, "a variable name");
        return NULL;
    }
    *name = pql_name_of(p->c, tok(p, 0));
    n->names = name;
    n->name_count = 1;
    p->at++;
    if (!accept_word(p, "from")) {
        (void)fail_expected(p, "'from' after the variable");
        return NULL;
    }
    if (!kids_add(p, &k, parse_add(p)))
        return NULL;
    if ((accept_word(p, "where") || accept_punct(p, ':')) && !kids_add(p, &k, parse_expr(p)))
        return NULL;
    return node_done(p, n, &k, 0);
}

/* gen {"," gen}: a comma belongs to the list only when NAME from follows it. */
static bool
parse_gens(struct parser *p, struct kids *k)
{
    do {
        if (!kids_add(p, k, parse_gen(p)))
            return false;
        if (!(tok_punct(p, 0, ',') && tok_name(p, 1) && tok_word(p, 2, "from")))
            return true;
        p->at++;
    } while (true);
}

static struct pql_ast *
parse_quantifier(struct parser *p, enum pql_kind kind, enum rule_quant quant)
{
    struct pql_ast *n = node_new(p, kind, tok(p, 0)->pos);
    struct kids k = {0};
    bool saved, ok;

    if (n == NULL || !enter(p, false, &saved))
        return NULL;
    n->quant = quant;
    p->at++;
    ok = parse_gens(p, &k);
    leave(p, saved);
    return ok ? node_done(p, n, &k, k.n) : NULL;
}

static struct pql_ast *
parse_comprehension(struct parser *p, const char *fn)
{
    struct pql_ast *n = node_new(p, AST_AGG, tok(p, 0)->pos);
    struct kids k = {0};
    bool saved, ok;

    if (n == NULL || !enter(p, false, &saved))
        return NULL;
    n->name = str_of(fn);
    p->at++;
    ok = kids_add(p, &k, parse_expr(p)) &&
         (accept_word(p, "over") || fail_expected(p, "'over' after the expression")) && parse_gens(p, &k);
    leave(p, saved);
    return ok ? node_done(p, n, &k, k.n) : NULL;
}

/* let, quantifiers, select, comprehensions, chain, if: NULL without an error when the word is an ordinary name here. */
static struct pql_ast *
parse_binder(struct parser *p)
{
    static const struct {
        const char *word;
        enum rule_quant quant;
    } quants[] = {{"exists", QUANT_SOME}, {"some", QUANT_SOME}, {"forall", QUANT_ALL},
                  {"all", QUANT_ALL},     {"none", QUANT_NONE}, {"one", QUANT_ONE}};
    static const char *const aggregates[] = {"sum", "average", "min", "max", "count"};
    struct kids k = {0};

    if (tok_word(p, 0, "let") && tok_name(p, 1) && tok_punct(p, 2, '='))
        return parse_let(p);
    if (tok_name(p, 1) && tok_word(p, 2, "from")) {
        for (size_t i = 0; i < sizeof quants / sizeof quants[0]; i++) {
            if (tok_word(p, 0, quants[i].word))
                return parse_quantifier(p, AST_QUANT, quants[i].quant);
        }
        if (tok_word(p, 0, "select"))
            return parse_quantifier(p, AST_SELECT, QUANT_SOME);
    }
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        if (tok_word(p, 0, aggregates[i]) && tok_name(p, 1) && !is_infix(p, 1))
            return parse_comprehension(p, aggregates[i]);
    }
    if (tok_word(p, 0, "chain") && tok_punct(p, 1, '('))
        return parse_chain(p);
    if (tok_word(p, 0, "if") && tok_punct(p, 1, '(')) {
        p->at++;
        return parse_call(p, S("if"), tok(p, 0)->pos, &k);
    }
    return NULL;
}

static struct pql_ast *
parse_name(struct parser *p)
{
    const struct pql_token *t = tok(p, 0);
    struct str name = pql_name_of(p->c, t);
    struct kids none = {0};
    struct pql_ast *n;

    p->at++;
    if (tok_punct(p, 0, '('))
        return parse_call(p, name, t->pos, &none);
    n = node_new(p, AST_NAME, t->pos);
    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
parse_word(struct parser *p)
{
    struct pql_ast *n;

    if (is_infix(p, 0) || tok_word(p, 0, "not")) {
        (void)fail_expected(p, "an operand");
        return NULL;
    }
    n = parse_special(p);
    if (n == NULL && p->c->class == PQL_OK)
        n = parse_binder(p);
    return n == NULL && p->c->class == PQL_OK ? parse_name(p) : n;
}

static struct pql_ast *
parse_primary(struct parser *p)
{
    switch (tok(p, 0)->kind) {
    case TOK_STRING:
    case TOK_INT:
    case TOK_DOUBLE:
        return parse_literal(p, false);
    case TOK_PARAM:
        return parse_param(p);
    case TOK_WORD:
        return parse_word(p);
    case TOK_QWORD:
        return parse_name(p);
    default:
        break;
    }
    if (tok_punct(p, 0, '('))
        return parse_in_parens(p);
    if (tok_punct(p, 0, '['))
        return parse_list(p);
    if (tok_punct(p, 0, '{'))
        return parse_object(p);
    if (tok_punct(p, 0, '^'))
        return parse_climb(p);
    (void)fail_expected(p, "an operand");
    return NULL;
}

/* ---- operators ---- */

static struct pql_ast *
parse_dot(struct parser *p, struct pql_ast *receiver)
{
    const struct pql_token *t = tok(p, 0);
    struct kids k = {0};
    struct pql_ast *n;

    if (!tok_name(p, 0)) {
        (void)fail_expected(p, "a field or function name after '.'");
        return NULL;
    }
    p->at++;
    if (tok_punct(p, 0, '('))
        return kids_add(p, &k, receiver) ? parse_call(p, pql_name_of(p->c, t), t->pos, &k) : NULL;
    n = unary(p, AST_FIELD, t->pos, receiver);
    if (n != NULL)
        n->name = pql_name_of(p->c, t);
    return n;
}

static struct pql_ast *
parse_postfix(struct parser *p, struct pql_ast *n)
{
    while (n != NULL) {
        if (accept_punct(p, '.')) {
            n = parse_dot(p, n);
        } else if (tok_punct(p, 0, '[')) {
            struct pql_ast *predicate;
            uint32_t pos = tok(p, 0)->pos;
            bool saved;
            p->at++;
            if (!enter(p, true, &saved))
                return NULL;
            predicate = parse_expr(p);
            if (predicate != NULL && !expect_punct(p, ']', "']' after the predicate"))
                predicate = NULL;
            leave(p, saved);
            n = binary(p, AST_CALL, pos, n, predicate); /* x[p] is filter(x, p) */
            if (n != NULL)
                n->name = S("filter");
        } else {
            break;
        }
    }
    return n;
}

static struct pql_ast *
parse_unary(struct parser *p)
{
    uint32_t pos = tok(p, 0)->pos;
    struct pql_ast *n;
    bool saved;

    if (!accept_punct(p, '-'))
        return parse_postfix(p, parse_primary(p));
    if (tok(p, 0)->kind == TOK_INT || tok(p, 0)->kind == TOK_DOUBLE)
        return parse_postfix(p, parse_literal(p, true));
    if (!enter(p, false, &saved))
        return NULL;
    n = unary(p, AST_ARITH, pos, parse_unary(p));
    if (n != NULL)
        n->arith = '-';
    leave(p, saved);
    return n;
}

static struct pql_ast *
parse_mul(struct parser *p)
{
    struct pql_ast *n = parse_unary(p);

    while (n != NULL && (tok_punct(p, 0, '*') || tok_punct(p, 0, '/') || tok_punct(p, 0, '%'))) {
        char op = (char)tok(p, 0)->op;
        uint32_t pos = tok(p, 0)->pos;
        p->at++;
        n = binary(p, AST_ARITH, pos, n, parse_unary(p));
        if (n != NULL)
            n->arith = op;
    }
    return n;
}

struct pql_ast *
parse_add(struct parser *p)
{
    struct pql_ast *n = parse_mul(p);

    while (n != NULL && (tok_punct(p, 0, '+') || tok_punct(p, 0, '-'))) {
        char op = (char)tok(p, 0)->op;
        uint32_t pos = tok(p, 0)->pos;
        p->at++;
        n = binary(p, AST_ARITH, pos, n, parse_mul(p));
        if (n != NULL)
            n->arith = op;
    }
    return n;
}

static struct pql_ast *
parse_occurs(struct parser *p, struct pql_ast *receiver, uint32_t pos)
{
    struct pql_ast *n = node_new(p, AST_OCCURS, pos);
    struct rule_when *w = pql_alloc(p->c, p->c->keep, 1, sizeof *w);
    struct kids k = {0};

    if (n == NULL || w == NULL || !kids_add(p, &k, receiver) || !parse_when(p, w, &k))
        return NULL;
    n->when = w;
    return node_done(p, n, &k, 0);
}

/* At most one: comparisons do not chain [C 10]. */
static struct pql_ast *
parse_tail(struct parser *p, struct pql_ast *left)
{
    uint32_t pos = tok(p, 0)->pos;
    enum value_cmp cmp;
    struct pql_ast *n;

    if (parse_comparison(p, &cmp)) {
        n = binary(p, AST_COMPARE, pos, left, parse_add(p));
        if (n != NULL)
            n->cmp = cmp;
        return n;
    }
    if ((!p->no_in && tok_word(p, 0, "in")) || tok_word(p, 0, "notIn")) {
        bool negated = tok_word(p, 0, "notIn");
        p->at++;
        n = binary(p, AST_IN, pos, left, parse_add(p));
        if (n != NULL)
            n->negated = negated;
        return n;
    }
    if (accept_word(p, "like")) {
        n = binary(p, AST_CALL, pos, left, parse_add(p));
        if (n != NULL)
            n->name = S("like");
        return n;
    }
    return accept_word(p, "occurs") ? parse_occurs(p, left, pos) : left;
}

static struct pql_ast *
parse_compare(struct parser *p)
{
    struct pql_ast *left = parse_add(p), *n = left != NULL ? parse_tail(p, left) : NULL;
    enum value_cmp cmp;
    uint32_t pos = tok(p, 0)->pos;

    if (n != left && n != NULL && parse_comparison(p, &cmp)) {
        (void)pql_fail(p->c, PQL_PARSE, pos, "comparisons do not chain: join two with 'and', or use parentheses");
        return NULL;
    }
    return n;
}

static struct pql_ast *
parse_not(struct parser *p)
{
    uint32_t pos = tok(p, 0)->pos;
    struct pql_ast *n;
    bool saved;

    if (!accept_word(p, "not") && !accept_punct(p, '!'))
        return parse_compare(p);
    if (!enter(p, false, &saved))
        return NULL;
    n = unary(p, AST_NOT, pos, parse_not(p));
    leave(p, saved);
    return n;
}

/* One n-ary node per level. */
static struct pql_ast *
parse_junction(struct parser *p, enum pql_kind kind, const char *word, struct pql_ast *(*operand)(struct parser *p))
{
    struct pql_ast *n = operand(p);
    uint32_t pos = tok(p, 0)->pos;
    struct kids k = {0};

    if (n == NULL || !tok_word(p, 0, word))
        return n;
    if (!kids_add(p, &k, n))
        return NULL;
    while (accept_word(p, word)) {
        if (!kids_add(p, &k, operand(p)))
            return NULL;
    }
    return node_done(p, node_new(p, kind, pos), &k, 0);
}

static struct pql_ast *
parse_and(struct parser *p)
{
    return parse_junction(p, AST_AND, "and", parse_not);
}

struct pql_ast *
parse_expr(struct parser *p)
{
    return parse_junction(p, AST_OR, "or", parse_and);
}

struct pql_ast *
pql_parse(struct pql_ctx *c)
{
    struct parser p = {.c = c};
    struct pql_ast *root;

    if (!pql_lex(c, &p.lexed))
        return NULL;
    root = parse_arg(&p); /* a query, like an argument, may begin with a lambda's head */
    if (root != NULL && tok(&p, 0)->kind != TOK_END) {
        (void)fail_expected(&p, "an operator or the end of the text");
        return NULL;
    }
    return root;
}
