/* pql_parse_operand.c - operands: literals, names and calls, brackets, and the binders let, quantifiers, select and
 * comprehensions [SEGMENTATION 2.3, 2.4].
 *
 * A word is a keyword only where the grammar asks for one; what makes it one is always in the next token or two. */
#include "base/check.h"
#include "pql/pql_parser.h"

/* Words that cannot begin an operand. */
static bool
is_infix(const struct pql_parser *p, size_t ahead)
{
    static const char *const words[] = {"and", "or", "in", "notIn", "like", "occurs", "over", "where", "from"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (pql_tok_word(p, ahead, words[i]))
            return true;
    }
    return false;
}

/* ---- operands ---- */

/* A lambda's head, "NAME =>" or "(NAME, ...) =>": the number of its tokens, or 0. */
static size_t
lambda_head(const struct pql_parser *p)
{
    size_t i = 1;

    if (pql_tok_name(p, 0) && pql_tok_punct(p, 1, PUNCT_ARROW))
        return 2;
    if (!pql_tok_punct(p, 0, '('))
        return 0;
    while (pql_tok_name(p, i) && pql_tok_punct(p, i + 1, ','))
        i += 2;
    return pql_tok_name(p, i) && pql_tok_punct(p, i + 1, ')') && pql_tok_punct(p, i + 2, PUNCT_ARROW) ? i + 3 : 0;
}

static struct pql_ast *
parse_lambda(struct pql_parser *p, size_t head)
{
    struct pql_ast *n = pql_node_new(p->c, AST_LAMBDA, pql_tok(p, 0)->pos);
    struct str *names = pql_alloc(p->c, p->c->scratch, head, sizeof *names);
    struct pql_kids k = {0};

    if (n == NULL || names == NULL)
        return NULL;
    for (size_t i = 0; i < head; i++) {
        if (pql_tok_name(p, i))
            names[n->name_count++] = pql_name_of(p->c, pql_tok(p, i));
    }
    n->names = names;
    p->at += head;
    return pql_kids_add(p->c, &k, pql_parse_expr(p)) ? pql_node_done(p->c, n, &k, 0) : NULL;
}

struct pql_ast *
pql_parse_arg(struct pql_parser *p)
{
    size_t head = lambda_head(p);

    return head > 0 ? parse_lambda(p, head) : pql_parse_expr(p);
}

/* "a, b, c" up to the closing bracket, which is taken. */
static bool
parse_items(struct pql_parser *p, struct pql_kids *k, unsigned close, const char *expected,
            struct pql_ast *(*item)(struct pql_parser *p))
{
    bool saved, ok = true;

    if (!pql_enter(p, true, &saved))
        return false;
    if (!pql_accept_punct(p, close)) {
        do
            ok = pql_kids_add(p->c, k, item(p));
        while (ok && pql_accept_punct(p, ','));
        ok = ok && pql_expect_punct(p, close, expected);
    }
    pql_leave(p, saved);
    return ok;
}

struct pql_ast *
pql_parse_call(struct pql_parser *p, struct str name, uint32_t pos, struct pql_kids *k)
{
    struct pql_ast *n = pql_node_new(p->c, AST_CALL, pos);

    p->at++;
    if (n == NULL || !parse_items(p, k, ')', "',' or ')' after an argument", pql_parse_arg))
        return NULL;
    n->name = name;
    return pql_node_done(p->c, n, k, 0);
}

static struct pql_ast *
parse_list(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_LIST, pql_tok(p, 0)->pos);
    struct pql_kids k = {0};

    p->at++;
    if (n == NULL || !parse_items(p, &k, ']', "',' or ']' in a list", pql_parse_expr))
        return NULL;
    return pql_node_done(p->c, n, &k, 0);
}

/* Keys under construction; they stay parallel to the object's children. */
struct keys {
    struct str *p;
    size_t cap;
};

static bool
add_key(struct pql_parser *p, struct pql_ast *n, struct keys *keys, struct str key)
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
    CHECK(keys->p != NULL);
    keys->p[n->name_count++] = key;
    return true;
}

static bool
parse_entry(struct pql_parser *p, struct pql_ast *n, struct keys *keys, struct pql_kids *k)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct str key;

    if (t->kind != TOK_STRING && !pql_tok_name(p, 0))
        return pql_fail_expected(p, "a key, which is a string or a name");
    key = t->kind == TOK_STRING ? pql_string_of(p->c, t, p->c->scratch) : pql_name_of(p->c, t);
    p->at++;
    return key.p != NULL && add_key(p, n, keys, key) && pql_expect_punct(p, ':', "':' after a key") &&
           pql_kids_add(p->c, k, pql_parse_expr(p));
}

static struct pql_ast *
parse_object(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_OBJECT, pql_tok(p, 0)->pos);
    struct keys keys = {0};
    struct pql_kids k = {0};
    bool saved, ok = true;

    if (n == NULL || !pql_enter(p, true, &saved))
        return NULL;
    p->at++;
    if (!pql_accept_punct(p, '}')) {
        do
            ok = parse_entry(p, n, &keys, &k);
        while (ok && pql_accept_punct(p, ','));
        ok = ok && pql_expect_punct(p, '}', "',' or '}' in an object");
    }
    pql_leave(p, saved);
    return ok ? pql_node_done(p->c, n, &k, 0) : NULL;
}

struct pql_ast *
pql_parse_in_parens(struct pql_parser *p)
{
    struct pql_ast *n;
    bool saved;

    if (!pql_expect_punct(p, '(', "'('") || !pql_enter(p, true, &saved))
        return NULL;
    n = pql_parse_expr(p);
    if (n != NULL && !pql_expect_punct(p, ')', "')'"))
        n = NULL;
    pql_leave(p, saved);
    return n;
}

static struct pql_ast *
parse_string(struct pql_parser *p)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct pql_ast *n = pql_node_new(p->c, AST_LITERAL, t->pos);
    struct str text = n != NULL ? pql_string_of(p->c, t, p->c->keep) : S_NULL;

    if (text.p == NULL)
        return NULL;
    p->at++;
    n->value = value_string(text);
    return n;
}

struct pql_ast *
pql_parse_number(struct pql_parser *p, bool negative)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct pql_ast *n = pql_node_new(p->c, AST_LITERAL, t->pos);
    struct str text = pql_token_text(p->c, t);
    int64_t i = 0;
    double f = 0;

    if (n == NULL)
        return NULL;
    p->at++;
    if (t->kind == TOK_DOUBLE) {
        (void)pql_double_of(text, &f); /* the lexer has checked it */
        n->value = value_double(negative ? -f : f);
        return n;
    }
    if (text.p[text.n - 1] == 'L' || text.p[text.n - 1] == 'l')
        text.n--;
    (void)str_to_i64(text, &i); /* as above */
    n->value = value_int(negative ? -i : i);
    return n;
}

/* true false null now today yesterday tomorrow; NULL without an error when it is none of them. */
static struct pql_ast *
parse_special(struct pql_parser *p)
{
    static const struct {
        const char *word;
        struct value value;
    } literals[] = {
        {"true", {.kind = VALUE_BOOL, .b = true}},
        {"false", {.kind = VALUE_BOOL, .b = false}},
        {"null", {.kind = VALUE_NULL}},
    };
    const struct pql_token *t = pql_tok(p, 0);
    struct str word = pql_token_text(p->c, t);
    size_t i = 0, count = sizeof literals / sizeof literals[0];
    enum rule_op op = RULE_LITERAL;
    struct pql_ast *n;

    while (i < count && !str_eq_nocase(word, str_of(literals[i].word)))
        i++;
    if (i == count && !pql_time_word_of(word, &op))
        return NULL;
    n = pql_node_new(p->c, i < count ? AST_LITERAL : AST_WORD, t->pos);
    if (n == NULL)
        return NULL;
    n->op = op;
    if (i < count)
        n->value = literals[i].value;
    p->at++;
    return n;
}

/* "^^name": levels to climb, then an optional field. */
static struct pql_ast *
parse_climb(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_CLIMB, pql_tok(p, 0)->pos), *field;

    if (n == NULL)
        return NULL;
    while (pql_accept_punct(p, '^'))
        n->number++;
    if (!pql_tok_name(p, 0))
        return n;
    field = pql_node_unary(p->c, AST_FIELD, pql_tok(p, 0)->pos, n);
    if (field != NULL)
        field->name = pql_name_of(p->c, pql_tok(p, 0));
    p->at++;
    return field;
}

static struct pql_ast *
parse_param(struct pql_parser *p)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct pql_ast *n = pql_node_new(p->c, AST_PARAM, t->pos);
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
parse_let(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_LET, pql_tok(p, 0)->pos);
    struct str *name = pql_alloc(p->c, p->c->scratch, 1, sizeof *name);
    struct pql_kids k = {0};
    bool saved, ok;

    if (n == NULL || name == NULL || !pql_enter(p, false, &saved))
        return NULL;
    *name = pql_name_of(p->c, pql_tok(p, 1));
    n->names = name;
    n->name_count = 1;
    p->at += 3;
    p->no_in = true; /* the next `in` outside brackets ends the value */
    ok = pql_kids_add(p->c, &k, pql_parse_expr(p));
    p->no_in = saved;
    ok = ok && (pql_accept_word(p, "in") || pql_fail_expected(p, "'in' after the value of let")) &&
         pql_kids_add(p->c, &k, pql_parse_expr(p));
    pql_leave(p, saved);
    return ok ? pql_node_done(p->c, n, &k, 0) : NULL;
}

static struct pql_ast *
parse_gen(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_GEN, pql_tok(p, 0)->pos);
    struct str *name = pql_alloc(p->c, p->c->scratch, 1, sizeof *name);
    struct pql_kids k = {0};

    if (n == NULL || name == NULL)
        return NULL;
    if (!pql_tok_name(p, 0)) {
        (void)pql_fail_expected(p, "a variable name");
        return NULL;
    }
    *name = pql_name_of(p->c, pql_tok(p, 0));
    n->names = name;
    n->name_count = 1;
    p->at++;
    if (!pql_accept_word(p, "from")) {
        (void)pql_fail_expected(p, "'from' after the variable");
        return NULL;
    }
    if (!pql_kids_add(p->c, &k, pql_parse_add(p)))
        return NULL;
    if ((pql_accept_word(p, "where") || pql_accept_punct(p, ':')) && !pql_kids_add(p->c, &k, pql_parse_expr(p)))
        return NULL;
    return pql_node_done(p->c, n, &k, 0);
}

/* gen {"," gen}: a comma belongs to the list only when NAME from follows it. */
static bool
parse_gens(struct pql_parser *p, struct pql_kids *k)
{
    do {
        if (!pql_kids_add(p->c, k, parse_gen(p)))
            return false;
        if (!(pql_tok_punct(p, 0, ',') && pql_tok_name(p, 1) && pql_tok_word(p, 2, "from")))
            return true;
        p->at++;
    } while (true);
}

static struct pql_ast *
parse_quantifier(struct pql_parser *p, enum pql_kind kind, enum rule_quant quant)
{
    struct pql_ast *n = pql_node_new(p->c, kind, pql_tok(p, 0)->pos);
    struct pql_kids k = {0};
    bool saved, ok;

    if (n == NULL || !pql_enter(p, false, &saved))
        return NULL;
    n->quant = quant;
    p->at++;
    ok = parse_gens(p, &k);
    pql_leave(p, saved);
    return ok ? pql_node_done(p->c, n, &k, pql_node_extra(n->kind, k.n)) : NULL;
}

static struct pql_ast *
parse_comprehension(struct pql_parser *p, const char *fn)
{
    struct pql_ast *n = pql_node_new(p->c, AST_AGG, pql_tok(p, 0)->pos);
    struct pql_kids k = {0};
    bool saved, ok;

    if (n == NULL || !pql_enter(p, false, &saved))
        return NULL;
    n->name = str_of(fn);
    p->at++;
    ok = pql_kids_add(p->c, &k, pql_parse_expr(p)) &&
         (pql_accept_word(p, "over") || pql_fail_expected(p, "'over' after the expression")) && parse_gens(p, &k);
    pql_leave(p, saved);
    return ok ? pql_node_done(p->c, n, &k, pql_node_extra(n->kind, k.n)) : NULL;
}

/* let, quantifiers, select, comprehensions, chain, if: NULL without an error when the word is an ordinary name here. */
static struct pql_ast *
parse_binder(struct pql_parser *p)
{
    static const struct {
        const char *word;
        enum rule_quant quant;
    } quants[] = {{"exists", QUANT_SOME}, {"some", QUANT_SOME}, {"forall", QUANT_ALL},
                  {"all", QUANT_ALL},     {"none", QUANT_NONE}, {"one", QUANT_ONE}};
    static const char *const aggregates[] = {"sum", "average", "min", "max", "count"};
    struct pql_kids k = {0};

    if (pql_tok_word(p, 0, "let") && pql_tok_name(p, 1) && pql_tok_punct(p, 2, '='))
        return parse_let(p);
    if (pql_tok_name(p, 1) && pql_tok_word(p, 2, "from")) {
        for (size_t i = 0; i < sizeof quants / sizeof quants[0]; i++) {
            if (pql_tok_word(p, 0, quants[i].word))
                return parse_quantifier(p, AST_QUANT, quants[i].quant);
        }
        if (pql_tok_word(p, 0, "select"))
            return parse_quantifier(p, AST_SELECT, QUANT_SOME);
    }
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        if (pql_tok_word(p, 0, aggregates[i]) && pql_tok_name(p, 1) && !is_infix(p, 1))
            return parse_comprehension(p, aggregates[i]);
    }
    if (pql_tok_word(p, 0, "chain") && pql_tok_punct(p, 1, '('))
        return pql_parse_chain(p);
    if (pql_tok_word(p, 0, "if") && pql_tok_punct(p, 1, '(')) {
        p->at++;
        return pql_parse_call(p, S("if"), pql_tok(p, 0)->pos, &k);
    }
    return NULL;
}

static struct pql_ast *
parse_name(struct pql_parser *p)
{
    const struct pql_token *t = pql_tok(p, 0);
    struct str name = pql_name_of(p->c, t);
    struct pql_kids none = {0};
    struct pql_ast *n;

    p->at++;
    if (pql_tok_punct(p, 0, '('))
        return pql_parse_call(p, name, t->pos, &none);
    n = pql_node_new(p->c, AST_NAME, t->pos);
    if (n != NULL)
        n->name = name;
    return n;
}

static struct pql_ast *
parse_word(struct pql_parser *p)
{
    struct pql_ast *n;

    if (is_infix(p, 0) || pql_tok_word(p, 0, "not")) {
        (void)pql_fail_expected(p, "an operand");
        return NULL;
    }
    n = parse_special(p);
    if (n == NULL && p->c->class == PQL_OK)
        n = parse_binder(p);
    return n == NULL && p->c->class == PQL_OK ? parse_name(p) : n;
}

struct pql_ast *
pql_parse_primary(struct pql_parser *p)
{
    switch (pql_tok(p, 0)->kind) {
    case TOK_STRING:
        return parse_string(p);
    case TOK_INT:
    case TOK_DOUBLE:
        return pql_parse_number(p, false);
    case TOK_PARAM:
        return parse_param(p);
    case TOK_WORD:
        return parse_word(p);
    case TOK_QWORD:
        return parse_name(p);
    default:
        break;
    }
    if (pql_tok_punct(p, 0, '('))
        return pql_parse_in_parens(p);
    if (pql_tok_punct(p, 0, '['))
        return parse_list(p);
    if (pql_tok_punct(p, 0, '{'))
        return parse_object(p);
    if (pql_tok_punct(p, 0, '^'))
        return parse_climb(p);
    (void)pql_fail_expected(p, "an operand");
    return NULL;
}
