/* pql_parse_event.c - the tail of `occurs` and the elements of `chain` [SEGMENTATION 2.4, 8, 9]. */
#include "pql/pql_parser.h"

bool
pql_parse_comparison(struct pql_parser *p, enum value_cmp *cmp)
{
    static const struct {
        unsigned op;
        enum value_cmp cmp;
    } ops[] = {{'=', CMP_EQ}, {PUNCT_NE, CMP_NE}, {'<', CMP_LT}, {PUNCT_LE, CMP_LE}, {'>', CMP_GT}, {PUNCT_GE, CMP_GE}};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (pql_accept_punct(p, ops[i].op)) {
            *cmp = ops[i].cmp;
            return true;
        }
    }
    return false;
}

static bool
parse_unit(struct pql_parser *p, enum rule_unit *unit)
{
    if (pql_tok(p, 0)->kind != TOK_WORD || !pql_unit_of(pql_token_text(p->c, pql_tok(p, 0)), unit))
        return pql_fail_expected(p, "a unit of time such as 'days'");
    p->at++;
    return true;
}

static bool
parse_count(struct pql_parser *p, int64_t *n)
{
    struct str text = pql_token_text(p->c, pql_tok(p, 0));

    if (pql_tok(p, 0)->kind != TOK_INT)
        return pql_fail_expected(p, "a whole number");
    if (text.p[text.n - 1] == 'L' || text.p[text.n - 1] == 'l')
        text.n--;
    p->at++;
    return str_to_i64(text, n); /* the lexer has checked it */
}

static bool
parse_time(struct pql_parser *p, struct rule_time_ref *ref, struct pql_kids *k)
{
    if (pql_tok(p, 0)->kind == TOK_WORD && pql_tok(p, 1)->kind == TOK_WORD &&
        pql_period_of(pql_token_text(p->c, pql_tok(p, 0)), &ref->period)) {
        p->at++;
        return parse_unit(p, &ref->unit);
    }
    ref->period = PERIOD_NONE;
    ref->arg = (unsigned)k->n;
    return pql_kids_add(p->c, k, pql_parse_add(p));
}

static bool
parse_side(struct pql_parser *p, enum rule_side *side)
{
    if (pql_tok(p, 0)->kind != TOK_WORD || !pql_side_of(pql_token_text(p->c, pql_tok(p, 0)), side))
        return false;
    p->at++;
    return true;
}

bool
pql_parse_when(struct pql_parser *p, struct rule_when *w, struct pql_kids *k)
{
    if (pql_accept_word(p, "between")) {
        w->form = WHEN_BETWEEN;
        return parse_time(p, &w->from, k) &&
               (pql_accept_word(p, "and") || pql_fail_expected(p, "'and' between the two times")) &&
               parse_time(p, &w->to, k);
    }
    if (pql_parse_comparison(p, &w->cmp)) {
        w->form = WHEN_DISTANCE;
        if (!parse_count(p, &w->amount) || !parse_unit(p, &w->unit))
            return false;
        if (!parse_side(p, &w->side))
            return pql_fail_expected(p, "'before', 'after' or 'from'");
        if (w->side == SIDE_FROM)
            w->side = SIDE_AFTER; /* one meaning at a distance: let equal rules be equal */
        return parse_time(p, &w->from, k);
    }
    if (parse_side(p, &w->side)) {
        w->form = WHEN_SIDE;
        return parse_time(p, &w->from, k);
    }
    (void)pql_accept_word(p, "on"); /* optional */
    w->form = WHEN_ON;
    return parse_time(p, &w->from, k);
}

/* ---- chain ---- */

/* "(bound, bound...)"; with units: the bounds of a GAP. */
static bool
parse_bounds(struct pql_parser *p, bool gap, const struct rule_bound **out, size_t *count)
{
    size_t room = 1;
    struct rule_bound *bounds;

    for (size_t i = 0; !pql_tok_punct(p, i, ')') && pql_tok(p, i)->kind != TOK_END && pql_tok(p, i)->kind != TOK_BAD;
         i++)
        room += pql_tok_punct(p, i, ',');
    bounds = pql_alloc(p->c, p->c->keep, room, sizeof *bounds);
    if (bounds == NULL || !pql_expect_punct(p, '(', "'('"))
        return false;
    *out = bounds;
    *count = 0;
    do {
        struct rule_bound *b = &bounds[*count];
        uint32_t pos = pql_tok(p, 0)->pos;
        bool compared = pql_parse_comparison(p, &b->cmp);
        if (!compared && gap)
            return pql_fail_expected(p, "one of < <= > >=");
        if (compared && (b->cmp == CMP_NE || (gap && b->cmp == CMP_EQ)))
            return pql_fail(p->c, PQL_PARSE, pos, "expected one of %s< <= > >=", gap ? "" : "= ");
        if (!compared)
            b->cmp = CMP_GE; /* COUNT(n) is at least n [C 31] */
        if (!parse_count(p, &b->amount) || (gap && !parse_unit(p, &b->unit)))
            return false;
        (*count)++;
    } while (pql_accept_punct(p, ','));
    return pql_expect_punct(p, ')', "',' or ')'");
}

static bool
parse_when_clause(struct pql_parser *p, struct rule_element *e, struct pql_kids *k)
{
    bool saved, ok;

    if (!pql_expect_punct(p, '(', "'(' after WHEN") || !pql_enter(p, true, &saved))
        return false;
    ok = pql_parse_when(p, &e->when, k) && pql_expect_punct(p, ')', "')'");
    pql_leave(p, saved);
    e->has_when = true;
    return ok;
}

static bool
add_where(struct pql_parser *p, struct pql_kids *k)
{
    struct pql_ast *n = pql_node_new(p->c, AST_AND, pql_tok(p, 0)->pos);
    struct pql_kids both = {0};

    if (n == NULL || !pql_kids_add(p->c, &both, k->p[0]) || !pql_kids_add(p->c, &both, pql_parse_in_parens(p)))
        return false;
    k->p[0] = pql_node_done(p->c, n, &both, 0);
    return k->p[0] != NULL;
}

enum { CLAUSE_WHAT, CLAUSE_WHERE, CLAUSE_WHEN, CLAUSE_COUNT, CLAUSE_GAP, CLAUSES };

static bool
parse_clauses(struct pql_parser *p, struct rule_element *e, struct pql_kids *k)
{
    static const char *const words[CLAUSES] = {"WHAT", "WHERE", "WHEN", "COUNT", "GAP"};
    unsigned seen = 1u << CLAUSE_WHAT;

    for (;;) {
        int which = 0;
        bool ok = true;
        while (which < CLAUSES && !pql_tok_word(p, 0, words[which]))
            which++;
        if (which == CLAUSES)
            return true;
        if (seen >> which & 1u)
            return pql_fail(p->c, PQL_PARSE, pql_tok(p, 0)->pos, "%s twice in one element", words[which]);
        seen |= 1u << which;
        p->at++;
        if (which == CLAUSE_WHERE)
            ok = add_where(p, k);
        else if (which == CLAUSE_WHEN)
            ok = parse_when_clause(p, e, k);
        else if (which == CLAUSE_COUNT)
            ok = parse_bounds(p, false, &e->counts, &e->count_count);
        else
            ok = parse_bounds(p, true, &e->gaps, &e->gap_count);
        if (!ok)
            return false;
    }
}

static struct pql_ast *
parse_element(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_ELEMENT, pql_tok(p, 0)->pos);
    struct rule_element *e = pql_alloc(p->c, p->c->keep, 1, sizeof *e);
    struct str *name = pql_alloc(p->c, p->c->scratch, 1, sizeof *name);
    struct pql_kids k = {0};

    if (n == NULL || e == NULL || name == NULL)
        return NULL;
    n->negated = pql_tok_word(p, 0, "not") && pql_tok_name(p, 1);
    p->at += n->negated;
    if (!pql_tok_name(p, 0)) {
        (void)pql_fail_expected(p, "the label of an element");
        return NULL;
    }
    n->pos = pql_tok(p, 0)->pos;
    *name = pql_name_of(p->c, pql_tok(p, 0));
    n->names = name;
    n->name_count = 1;
    p->at++;
    if (!pql_expect_punct(p, ':', "':' after the label"))
        return NULL;
    if (!pql_accept_word(p, "WHAT")) {
        (void)pql_fail_expected(p, "WHAT(...)");
        return NULL;
    }
    if (!pql_kids_add(p->c, &k, pql_parse_in_parens(p)) || !parse_clauses(p, e, &k))
        return NULL;
    n->element = e;
    return pql_node_done(p->c, n, &k, 0);
}

/* The names of the timestamp path. The rule keeps it dotted, so a quoted name with a dot of its own has no place in it.
 */
static bool
parse_timestamp_path(struct pql_parser *p, struct pql_ast *n)
{
    size_t room = 1;
    struct str *names;

    while (pql_tok_punct(p, 2 * room - 1, '.') && pql_tok_name(p, 2 * room))
        room++;
    names = pql_alloc(p->c, p->c->scratch, room, sizeof *names);
    if (names == NULL)
        return false;
    n->names = names;
    do {
        if (!pql_tok_name(p, 0))
            return pql_fail_expected(p, "the path of the timestamp");
        names[n->name_count] = pql_name_of(p->c, pql_tok(p, 0));
        if (str_find_char(names[n->name_count++], '.') >= 0)
            return pql_fail(p->c, PQL_PARSE, pql_tok(p, 0)->pos, "a timestamp's field cannot have a dot in its name");
        p->at++;
    } while (pql_accept_punct(p, '.'));
    return true;
}

static bool
parse_chain_body(struct pql_parser *p, struct pql_ast *n, struct pql_kids *k)
{
    if (!pql_kids_add(p->c, k, pql_parse_expr(p)) || !pql_expect_punct(p, ',', "',' after the list of events") ||
        !parse_timestamp_path(p, n) || !pql_expect_punct(p, ',', "',' after the timestamp") ||
        !pql_expect_punct(p, '[', "'[' before the elements"))
        return false;
    do {
        if (!pql_kids_add(p->c, k, parse_element(p)))
            return false;
    } while (pql_accept_punct(p, ','));
    return pql_expect_punct(p, ']', "',' or ']' after an element") &&
           pql_expect_punct(p, ')', "')' after the elements");
}

struct pql_ast *
pql_parse_chain(struct pql_parser *p)
{
    struct pql_ast *n = pql_node_new(p->c, AST_CHAIN, pql_tok(p, 0)->pos);
    struct pql_kids k = {0};
    bool saved, ok;

    if (n == NULL || !pql_enter(p, true, &saved))
        return NULL;
    p->at += 2;
    ok = parse_chain_body(p, n, &k);
    pql_leave(p, saved);
    return ok ? pql_node_done(p->c, n, &k, pql_node_extra(n->kind, k.n)) : NULL;
}
