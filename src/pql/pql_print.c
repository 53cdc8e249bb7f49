/* pql_print.c - a resolved tree to text [SEGMENTATION 13.3]: one text for one tree, with the fewest parentheses.
 *
 * An operand gets parentheses when it binds looser than its place asks for. let, quantifiers, select and comprehensions
 * have no end of their own, so they need them wherever something follows that they would take (`open`), and so does
 * `in` in the value of a let. References lose what their place says already (pql_print_scope.c).
 *
 * A few trees have no text: a lambda outside an element expression, a time of day as a value, a name with a back-tick.
 * They come from JSON or from other rule languages and are refused with ERR_UNSUPPORTED. */
#include <math.h>

#include "base/limits.h"
#include "pql/pql_printer.h"

enum level { LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARE, LEVEL_ADD, LEVEL_MUL, LEVEL_UNARY, LEVEL_POSTFIX };

struct place {
    enum level level; /* what binds looser needs parentheses */
    bool open;        /* something follows that a binder would take for its own */
    bool no_in;       /* `in` would end the value of a let */
    bool lead;        /* the text must begin with a name: the body of a comprehension */
};

struct printer {
    struct pql_ctx *c;
    struct pql_scopes scopes;
    struct buf *out;
};

static bool print(struct printer *p, const struct pql_ast *n, struct place at);

static const struct place whole = {.level = LEVEL_OR};

static bool
unsupported(struct printer *p, const struct pql_ast *n, const char *what)
{
    return pql_fail(p->c, PQL_UNSUPPORTED, n->pos, "%s", what);
}

static void
put(struct printer *p, const char *text)
{
    buf_put(p->out, str_of(text));
}

/* ---- words ---- */

static bool
put_quoted(struct printer *p, const struct pql_ast *n, struct str name)
{
    if (name.n == 0 || str_find_char(name, '`') >= 0)
        return unsupported(p, n, "a name that is empty or has a back-tick in it cannot be written in text");
    buf_putc(p->out, '`');
    buf_put(p->out, name);
    buf_putc(p->out, '`');
    return true;
}

/* After a point, where every word is a name. */
static bool
put_name(struct printer *p, const struct pql_ast *n, struct str name)
{
    if (!pql_is_word(name))
        return put_quoted(p, n, name);
    buf_put(p->out, name);
    return true;
}

/* Where a word of the grammar might be taken for what it says. */
static bool
put_first_name(struct printer *p, const struct pql_ast *n, struct str name)
{
    return pql_is_reserved(name) ? put_quoted(p, n, name) : put_name(p, n, name);
}

static void
put_string(struct printer *p, struct str s)
{
    buf_putc(p->out, '"');
    for (size_t i = 0; i < s.n; i++) {
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *at = s.p[i] != '\0' ? strchr(from, s.p[i]) : NULL;
        if (at != NULL) {
            buf_putc(p->out, '\\');
            buf_putc(p->out, to[at - from]);
        } else if ((unsigned char)s.p[i] < 0x20) {
            buf_printf(p->out, "\\u%04x", (unsigned)(unsigned char)s.p[i]);
        } else {
            buf_putc(p->out, s.p[i]);
        }
    }
    buf_putc(p->out, '"');
}

static bool
print_literal(struct printer *p, const struct pql_ast *n)
{
    switch (n->value.kind) {
    case VALUE_NULL:
        put(p, "null");
        return true;
    case VALUE_BOOL:
        put(p, n->value.b ? "true" : "false");
        return true;
    case VALUE_INT:
        if (n->value.i == INT64_MIN)
            return unsupported(p, n, "the integer -9223372036854775808 cannot be written in text");
        buf_put_i64(p->out, n->value.i);
        return true;
    case VALUE_DOUBLE:
        buf_put_f64(p->out, n->value.f);
        return true;
    case VALUE_STRING:
        put_string(p, n->value.s);
        return true;
    default:
        return unsupported(p, n, "a time of day is written in text only as the time of an occurs");
    }
}

static bool
is_negative_number(const struct pql_ast *n)
{
    return n->kind == AST_LITERAL &&
           ((n->value.kind == VALUE_INT && n->value.i < 0) || (n->value.kind == VALUE_DOUBLE && signbit(n->value.f)));
}

static bool
is_number(const struct pql_ast *n)
{
    return n->kind == AST_LITERAL && value_is_number(n->value);
}

/* ---- references ---- */

static bool
is_profile(const struct pql_ast *n)
{
    return n->kind == AST_PARAM && n->number == 1;
}

static bool
print_var(struct printer *p, const struct pql_ast *n)
{
    return put_first_name(p, n, n->name);
}

static bool
print_field(struct printer *p, const struct pql_ast *n, struct place at)
{
    const struct pql_ast *object = n->kids[0];
    const struct pql_scope *element = pql_scope_element(&p->scopes);

    if (is_profile(object)) {
        bool events = str_eq(n->name, S("xEvent")), hidden = pql_scope_find(&p->scopes, n->name) != NULL;
        if (!hidden && (element == NULL || (events && at.lead)))
            return put_first_name(p, n, n->name);
    } else if (object->kind == AST_VAR && element != NULL && pql_scope_find(&p->scopes, object->name) == element &&
               pql_scope_bare(&p->scopes, n->name)) {
        return put_name(p, n, n->name);
    }
    if (!print(p, object, (struct place){.level = LEVEL_POSTFIX, .open = true, .no_in = at.no_in, .lead = at.lead}))
        return false;
    buf_putc(p->out, '.');
    return put_name(p, n, n->name);
}

/* ---- calls ---- */

static bool
print_lambda(struct printer *p, const struct pql_ast *n)
{
    size_t keep = p->scopes.n;
    bool ok = true;

    if (!n->implied) {
        buf_putc(p->out, '(');
        for (size_t i = 0; ok && i < n->name_count; i++) {
            put(p, i > 0 ? ", " : "");
            ok = put_first_name(p, n, n->names[i]);
        }
        put(p, ") => ");
    }
    for (size_t i = 0; ok && i < n->name_count; i++)
        ok = pql_scope_push(&p->scopes, (struct pql_scope){n->names[i], (struct pql_ast *)(uintptr_t)n, false});
    ok = ok && print(p, n->kids[0], whole);
    p->scopes.n = keep;
    return ok;
}

static bool
print_args(struct printer *p, const struct pql_ast *n, size_t first)
{
    bool ok = true;

    buf_putc(p->out, '(');
    for (size_t i = first; ok && i < n->kid_count; i++) {
        put(p, i > first ? ", " : "");
        ok = n->kids[i]->kind == AST_LAMBDA ? print_lambda(p, n->kids[i]) : print(p, n->kids[i], whole);
    }
    buf_putc(p->out, ')');
    return ok;
}

/* name(x, ...) for those that have no receiver to speak of, and where none can stand. */
static bool
call_form(const struct pql_ast *n, bool lead)
{
    static const char *const names[] = {"date", "if", "inSegment", "mapEntry"};

    if (n->kid_count == 0 || n->kids[0]->kind == AST_LAMBDA)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_eq(n->name, str_of(names[i])))
            return true;
    }
    return lead && n->kids[0]->kind != AST_VAR && n->kids[0]->kind != AST_FIELD && n->kids[0]->kind != AST_CALL;
}

static bool
is_like(const struct pql_ast *n)
{
    return n->kind == AST_CALL && n->kid_count == 2 && str_eq(n->name, S("like")) && n->kids[0]->kind != AST_LAMBDA &&
           n->kids[1]->kind != AST_LAMBDA;
}

static bool
print_call(struct printer *p, const struct pql_ast *n, struct place at)
{
    struct place receiver = {.level = LEVEL_POSTFIX, .open = true, .no_in = at.no_in, .lead = at.lead};

    if (call_form(n, at.lead)) {
        if (str_eq(n->name, S("if")))
            put(p, "if");
        else if (!put_first_name(p, n, n->name))
            return false;
        return print_args(p, n, 0);
    }
    if (!print(p, n->kids[0], receiver))
        return false;
    if (n->kid_count == 2 && str_eq(n->name, S("filter")) && n->kids[1]->implied) {
        bool ok;
        buf_putc(p->out, '[');
        ok = print_lambda(p, n->kids[1]);
        buf_putc(p->out, ']');
        return ok;
    }
    buf_putc(p->out, '.');
    return put_name(p, n, n->name) && print_args(p, n, 1);
}

/* ---- operators ---- */

/* Operand i of n: the last one has what follows n behind it, the others the operator. */
static bool
print_operand(struct printer *p, const struct pql_ast *n, size_t i, enum level level, struct place at)
{
    bool last = i + 1 == n->kid_count;

    return print(p, n->kids[i], (struct place){level, at.open || !last, at.no_in, at.lead && i == 0});
}

static bool
print_infix(struct printer *p, const struct pql_ast *n, const char *op, enum level left, enum level right,
            struct place at)
{
    for (size_t i = 0; i < n->kid_count; i++) {
        if (i > 0) {
            buf_putc(p->out, ' ');
            put(p, op);
            buf_putc(p->out, ' ');
        }
        if (!print_operand(p, n, i, i == 0 ? left : right, at))
            return false;
    }
    return true;
}

/* Does the text of a postfix expression begin with a number that a '-' before it would become part of? */
static bool
begins_with_number(const struct pql_ast *n)
{
    while ((n->kind == AST_FIELD || (n->kind == AST_CALL && !call_form(n, false))) && !is_like(n))
        n = n->kids[0];
    return is_number(n) && !is_negative_number(n);
}

static bool
print_arith(struct printer *p, const struct pql_ast *n, struct place at)
{
    enum level own = n->arith == '+' || n->arith == '-' ? LEVEL_ADD : LEVEL_MUL;

    if (n->kid_count == 2)
        return print_infix(p, n, pql_operator_text(n), own, own + 1, at);
    buf_putc(p->out, '-');
    if (!begins_with_number(n->kids[0]))
        return print_operand(p, n, 0, LEVEL_UNARY, at);
    buf_putc(p->out, '(');
    if (!print(p, n->kids[0], whole))
        return false;
    buf_putc(p->out, ')');
    return true;
}

/* A time of day as text: the compiler reads it where only a time can stand. False: it is something else. */
static bool
put_time(struct printer *p, const struct pql_ast *time)
{
    char room[VALUE_TEXT_BYTES];
    struct str text;

    if (time->kind != AST_LITERAL || time->value.kind != VALUE_TIME || !value_text(time->value, room, &text))
        return false;
    put_string(p, text);
    return true;
}

static bool
print_time(struct printer *p, const struct pql_ast *n, const struct rule_time_ref *ref, bool open, struct place at)
{
    if (ref->period != PERIOD_NONE) {
        buf_put(p->out, pql_period_name(ref->period));
        buf_putc(p->out, ' ');
        buf_put(p->out, pql_unit_name(ref->unit, false));
        return true;
    }
    return put_time(p, n->kids[ref->arg]) ||
           print(p, n->kids[ref->arg], (struct place){LEVEL_ADD, at.open || open, at.no_in, false});
}

static void
print_amount(struct printer *p, enum value_cmp cmp, int64_t amount, enum rule_unit unit)
{
    buf_put(p->out, pql_cmp_text(cmp));
    buf_putc(p->out, ' ');
    buf_put_i64(p->out, amount);
    buf_putc(p->out, ' ');
    buf_put(p->out, pql_unit_name(unit, amount != 1));
}

static bool
print_when(struct printer *p, const struct pql_ast *n, const struct rule_when *w, struct place at)
{
    switch (w->form) {
    case WHEN_BETWEEN:
        put(p, "between ");
        if (!print_time(p, n, &w->from, true, at))
            return false;
        put(p, " and ");
        return print_time(p, n, &w->to, false, at);
    case WHEN_DISTANCE:
        print_amount(p, w->cmp, w->amount, w->unit);
        buf_putc(p->out, ' ');
        buf_put(p->out, pql_side_name(w->side));
        buf_putc(p->out, ' ');
        break;
    case WHEN_SIDE:
        buf_put(p->out, pql_side_name(w->side));
        buf_putc(p->out, ' ');
        break;
    default:
        if (w->from.period == PERIOD_NONE && n->kids[w->from.arg]->kind != AST_WORD)
            put(p, "on ");
    }
    return print_time(p, n, &w->from, false, at);
}

static bool
print_occurs(struct printer *p, const struct pql_ast *n, struct place at)
{
    if (!put_time(p, n->kids[0]) && !print(p, n->kids[0], (struct place){LEVEL_ADD, true, at.no_in, at.lead}))
        return false;
    put(p, " occurs ");
    return print_when(p, n, n->when, at);
}

/* ---- binders ---- */

static bool
print_let(struct printer *p, const struct pql_ast *n, struct place at)
{
    size_t keep = p->scopes.n;
    bool ok;

    put(p, "let ");
    if (!put_first_name(p, n, n->names[0]))
        return false;
    put(p, " = ");
    if (!print(p, n->kids[0], (struct place){.level = LEVEL_OR, .no_in = true}))
        return false;
    put(p, " in ");
    ok = pql_scope_push(&p->scopes, (struct pql_scope){n->names[0], NULL, false}) &&
         print(p, n->kids[1], (struct place){.level = LEVEL_OR, .no_in = at.no_in});
    p->scopes.n = keep;
    return ok;
}

static bool
print_gens(struct printer *p, const struct pql_ast *n, size_t first, struct place at)
{
    size_t keep = p->scopes.n;
    bool ok = true;

    for (size_t i = first; ok && i < n->kid_count; i++) {
        const struct pql_ast *gen = n->kids[i];
        bool more = i + 1 < n->kid_count;
        put(p, i > first ? ", " : "");
        if (!put_first_name(p, gen, gen->names[0]))
            return false;
        put(p, " from ");
        ok = print(p, gen->kids[0], (struct place){LEVEL_ADD, more || gen->kid_count > 1, at.no_in, false}) &&
             pql_scope_push(&p->scopes, (struct pql_scope){gen->names[0], NULL, false});
        if (ok && gen->kid_count > 1) {
            put(p, " where ");
            ok = print(p, gen->kids[1], (struct place){LEVEL_OR, more, at.no_in, false});
        }
    }
    p->scopes.n = keep;
    return ok;
}

static bool
print_aggregate(struct printer *p, const struct pql_ast *n, struct place at)
{
    size_t keep = p->scopes.n, start;
    bool ok = true;

    buf_put(p->out, n->name);
    buf_putc(p->out, ' ');
    start = p->out->n;
    for (size_t i = 1; ok && i < n->kid_count; i++)
        ok = pql_scope_push(&p->scopes, (struct pql_scope){n->kids[i]->names[0], NULL, false});
    ok = ok && print(p, n->kids[0], (struct place){.level = LEVEL_OR, .no_in = at.no_in, .lead = true});
    p->scopes.n = keep;
    if (!ok)
        return false;
    if (buf_ok(p->out) && strchr("([{\"-^$0123456789", p->out->p[start]) != NULL)
        return unsupported(p, n, "in text, what a comprehension adds up must begin with a name");
    put(p, " over ");
    return print_gens(p, n, 1, at);
}

static bool
print_quantifier(struct printer *p, const struct pql_ast *n, struct place at)
{
    static const char *const words[] = {
        [QUANT_SOME] = "exists ", [QUANT_ALL] = "forall ", [QUANT_NONE] = "none ", [QUANT_ONE] = "one "};

    put(p, n->kind == AST_SELECT ? "select " : words[n->quant]);
    return print_gens(p, n, 0, at);
}

/* ---- chain ---- */

static void
print_counts(struct printer *p, const struct rule_element *e)
{
    put(p, " COUNT(");
    for (size_t i = 0; i < e->count_count; i++) {
        put(p, i > 0 ? ", " : "");
        if (e->counts[i].cmp != CMP_GE) {
            buf_put(p->out, pql_cmp_text(e->counts[i].cmp));
            buf_putc(p->out, ' ');
        }
        buf_put_i64(p->out, e->counts[i].amount);
    }
    buf_putc(p->out, ')');
}

static void
print_gaps(struct printer *p, const struct rule_element *e)
{
    put(p, " GAP(");
    for (size_t i = 0; i < e->gap_count; i++) {
        put(p, i > 0 ? ", " : "");
        print_amount(p, e->gaps[i].cmp, e->gaps[i].amount, e->gaps[i].unit);
    }
    buf_putc(p->out, ')');
}

static bool
print_element(struct printer *p, const struct pql_ast *n)
{
    put(p, n->negated ? "not " : "");
    if (!put_first_name(p, n, n->names[0]) || !pql_scope_push(&p->scopes, (struct pql_scope){n->names[0], NULL, true}))
        return false;
    put(p, ": WHAT(");
    if (!print(p, n->kids[0], whole))
        return false;
    buf_putc(p->out, ')');
    if (n->element->has_when) {
        put(p, " WHEN(");
        if (!print_when(p, n, &n->element->when, whole))
            return false;
        buf_putc(p->out, ')');
    }
    if (n->element->count_count > 0)
        print_counts(p, n->element);
    if (n->element->gap_count > 0)
        print_gaps(p, n->element);
    p->scopes.items[p->scopes.n - 1].open = false;
    return true;
}

static bool
print_chain(struct printer *p, const struct pql_ast *n)
{
    size_t keep = p->scopes.n;
    bool ok;

    put(p, "CHAIN(");
    ok = print(p, n->kids[0], whole);
    for (size_t i = 0; ok && i < n->name_count; i++) {
        put(p, i > 0 ? "." : ", ");
        ok = put_first_name(p, n, n->names[i]);
    }
    for (size_t i = 1; ok && i < n->kid_count; i++) {
        put(p, i > 1 ? ", " : ", [");
        ok = print_element(p, n->kids[i]);
    }
    put(p, "])");
    p->scopes.n = keep;
    return ok;
}

/* ---- */

static bool
print_items(struct printer *p, const struct pql_ast *n, char open, char close)
{
    bool ok = true;

    buf_putc(p->out, open);
    for (size_t i = 0; ok && i < n->kid_count; i++) {
        put(p, i > 0 ? ", " : "");
        if (n->kind == AST_OBJECT) {
            put_string(p, n->names[i]);
            put(p, ": ");
        }
        ok = print(p, n->kids[i], whole);
    }
    buf_putc(p->out, close);
    return ok;
}

static enum level
level_of(const struct pql_ast *n)
{
    switch (n->kind) {
    case AST_OR:
        return LEVEL_OR;
    case AST_AND:
        return LEVEL_AND;
    case AST_NOT:
        return LEVEL_NOT;
    case AST_COMPARE:
    case AST_IN:
    case AST_OCCURS:
        return LEVEL_COMPARE;
    case AST_ARITH:
        if (n->kid_count == 1)
            return LEVEL_UNARY;
        return n->arith == '+' || n->arith == '-' ? LEVEL_ADD : LEVEL_MUL;
    case AST_CALL:
        return is_like(n) ? LEVEL_COMPARE : LEVEL_POSTFIX;
    default:
        return LEVEL_POSTFIX;
    }
}

static bool
is_binder(const struct pql_ast *n)
{
    return n->kind == AST_LET || n->kind == AST_QUANT || n->kind == AST_SELECT || n->kind == AST_AGG;
}

static bool
print_bare(struct printer *p, const struct pql_ast *n, struct place at)
{
    switch (n->kind) {
    case AST_LITERAL:
        return print_literal(p, n);
    case AST_WORD:
        buf_put(p->out, pql_time_word(n->op));
        return true;
    case AST_LIST:
        return print_items(p, n, '[', ']');
    case AST_OBJECT:
        return print_items(p, n, '{', '}');
    case AST_VAR:
        return print_var(p, n);
    case AST_PARAM:
        buf_printf(p->out, "$%u", n->number);
        return true;
    case AST_FIELD:
        return print_field(p, n, at);
    case AST_CALL:
        return is_like(n) ? print_infix(p, n, "like", LEVEL_ADD, LEVEL_ADD, at) : print_call(p, n, at);
    case AST_AND:
        return print_infix(p, n, "and", LEVEL_NOT, LEVEL_NOT, at);
    case AST_OR:
        return print_infix(p, n, "or", LEVEL_AND, LEVEL_AND, at);
    case AST_COMPARE:
    case AST_IN:
        return print_infix(p, n, pql_operator_text(n), LEVEL_ADD, LEVEL_ADD, at);
    case AST_NOT:
        put(p, "not ");
        return print_operand(p, n, 0, LEVEL_NOT, at);
    case AST_ARITH:
        return print_arith(p, n, at);
    case AST_OCCURS:
        return print_occurs(p, n, at);
    case AST_LET:
        return print_let(p, n, at);
    case AST_QUANT:
    case AST_SELECT:
        return print_quantifier(p, n, at);
    case AST_AGG:
        return print_aggregate(p, n, at);
    case AST_CHAIN:
        return print_chain(p, n);
    case AST_LAMBDA:
        return unsupported(p, n, "in text, a lambda stands only at the start of a query or as an argument");
    default:
        return unsupported(p, n, "the expression has no form in text"); /* resolving leaves no other kinds */
    }
}

static bool
print(struct printer *p, const struct pql_ast *n, struct place at)
{
    bool parens = level_of(n) < at.level || (is_binder(n) && at.open) || (n->kind == AST_IN && !n->negated && at.no_in);
    bool ok;

    if (!buf_ok(p->out)) /* full: nothing more will fit */
        return pql_fail(p->c, PQL_LIMIT, 0, "the text needs more than %d bytes", LIMIT_PQL_TEXT_BYTES);
    if (!parens)
        return print_bare(p, n, at);
    buf_putc(p->out, '(');
    ok = print_bare(p, n, whole);
    buf_putc(p->out, ')');
    return ok;
}

bool
pql_print_text(struct pql_ctx *c, struct pql_ast *root, struct buf *out)
{
    struct printer p = {.c = c, .scopes.c = c, .out = out};

    if (!pql_mark_implied(c, root))
        return false;
    if (root->kind == AST_LAMBDA ? !print_lambda(&p, root) : !print(&p, root, whole))
        return false;
    return buf_ok(out) || pql_fail(c, PQL_LIMIT, 0, "the text needs more than %d bytes", LIMIT_PQL_TEXT_BYTES);
}
