/* pql_json_read.c - the JSON form of a query to the syntax tree [SEGMENTATION 13].
 *
 * The document is parsed by codec/json and walked once. What comes out is the tree that text gives, so names, types and
 * values are checked by one walk whatever the form was (pql_lower.c); a fault there and a fault here both carry the
 * place of the JSON node. Members that the catalogue does not know are passed over: they are kept where the document is
 * stored.
 *
 *   {"nodeType":"fnApply","fnName":"=","params":[{"nodeType":"fieldLookup","fieldName":"a","object":{...}}, ...]}
 *
 * Nodes nest at most LIMIT_PQL_DEPTH deep below the root. What JSON can say and text cannot is given the nearest form
 * that both have: and(x) is and(x, true). */
#include <math.h>

#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql_json_reader.h"

_Static_assert(LIMIT_PQL_JSON_DEPTH <= JSON_DEPTH_MAX, "the parser counts no further");
_Static_assert(LIMIT_PQL_JSON_DEPTH >= 2 * (LIMIT_PQL_DEPTH + 1) + 1, "a node nests an object and a list of its kids");

uint32_t
pql_place(const struct pql_reader *r, const struct json *v)
{
    return json_place(&r->places, v);
}

struct str
pql_json_type(const struct json *node)
{
    return json_str(json_get(node, S("nodeType")));
}

bool
pql_json_fail(struct pql_reader *r, const struct json *node, const char *key, const char *expected)
{
    const struct json *v = json_get(node, str_of(key));
    struct str type = pql_json_type(node);

    return pql_fail(r->c, PQL_PARSE, pql_place(r, v != NULL ? v : node), "%.*s needs '%s', %s; found %s",
                    (int)(type.n > 40 ? 40 : type.n), type.n > 0 ? type.p : "", key, expected,
                    json_type_name(json_type(v)));
}

bool
pql_json_want(struct pql_reader *r, const struct json *node, const char *key, enum json_type type,
              const struct json **out)
{
    *out = json_get(node, str_of(key));
    return json_is(*out, type) || pql_json_fail(r, node, key, json_type_name(type));
}

bool
pql_json_want_expr(struct pql_reader *r, const struct json *node, const char *key, struct pql_kids *k)
{
    const struct json *v;

    return pql_json_want(r, node, key, JSON_OBJECT, &v) && pql_kids_add(r->c, k, pql_json_expr(r, v));
}

bool
pql_json_word(struct pql_reader *r, const struct json *node, const char *key, struct str *out)
{
    const struct json *v = json_get(node, str_of(key));

    if (v == NULL)
        return false;
    if (json_is(v, JSON_OBJECT))
        v = json_get(v, S("value"));
    if (!json_is(v, JSON_STRING))
        return pql_json_fail(r, node, key, "a string or a literal of one");
    *out = json_str(v);
    return true;
}

bool
pql_json_count(struct pql_reader *r, const struct json *node, const char *key, int64_t *out)
{
    const struct json *v = json_get(node, str_of(key));

    if (json_is(v, JSON_OBJECT))
        v = json_get(v, S("value"));
    *out = json_i64(v, -1);
    if (json_is(v, JSON_STRING) && !str_to_i64(json_str(v), out))
        *out = -1;
    return *out >= 0 || pql_json_fail(r, node, key, "a whole number of at least 0");
}

bool
pql_json_enter(struct pql_reader *r, const struct json *node, const char *type)
{
    struct str found = pql_json_type(node);

    if (!str_eq(found, str_of(type)))
        return pql_fail(r->c, PQL_PARSE, pql_place(r, node), "expected a node of type %s, found %.*s", type,
                        (int)(found.n > 40 ? 40 : found.n), found.n > 0 ? found.p : json_type_name(json_type(node)));
    if (r->depth > LIMIT_PQL_DEPTH)
        return pql_fail(r->c, PQL_LIMIT, pql_place(r, node), "nodes nest deeper than %d levels", LIMIT_PQL_DEPTH);
    r->depth++;
    return true;
}

void
pql_json_leave(struct pql_reader *r)
{
    r->depth--;
}

static struct pql_ast *
done(struct pql_reader *r, struct pql_ast *n, const struct pql_kids *k)
{
    return n != NULL ? pql_node_done(r->c, n, k, pql_node_extra(n->kind, k->n)) : NULL;
}

/* One name, as binders have. */
static bool
take_name(struct pql_reader *r, const struct json *node, const char *key, struct pql_ast *n)
{
    const struct json *v;
    struct str *name = pql_alloc(r->c, r->c->scratch, 1, sizeof *name);

    if (name == NULL || !pql_json_want(r, node, key, JSON_STRING, &v))
        return false;
    *name = json_str(v);
    if (name->n == 0)
        return pql_json_fail(r, node, key, "a name that is not empty");
    n->names = name;
    n->name_count = 1;
    return true;
}

/* ---- literals ---- */

static struct pql_ast *
literal_of(struct pql_reader *r, const struct json *at, struct value v)
{
    struct pql_ast *n = pql_node_new(r->c, AST_LITERAL, pql_place(r, at));

    if (n != NULL)
        n->value = v;
    return n;
}

static struct pql_ast *
bad_value(struct pql_reader *r, const struct json *at, const char *type)
{
    struct buf text;

    buf_init(&text, 60);
    json_write(&text, at);
    (void)pql_fail(r->c, PQL_VALUE, pql_place(r, at), "%.*s%s is no value of a literal of type %s",
                   STR_ARG(buf_str(&text)), buf_ok(&text) ? "" : "...", type);
    buf_deinit(&text);
    return NULL;
}

/* The parser's strings end with the call; those of the rule must not. */
static struct pql_ast *
string_literal(struct pql_reader *r, const struct json *value)
{
    struct str s = arena_str(r->c->keep, json_str(value));

    if (s.p != NULL)
        return literal_of(r, value, value_string(s));
    (void)pql_fail(r->c, PQL_LIMIT, pql_place(r, value), "the rule needs more than %d bytes", LIMIT_RULE_BYTES);
    return NULL;
}

/* Numbers may be written as JSON numbers or as text [SEGMENTATION 13.2]. */
static bool
number_of(const struct json *value, struct value *out)
{
    switch (json_type(value)) {
    case JSON_INT:
        *out = value_int(json_i64(value, 0));
        return true;
    case JSON_DOUBLE:
        *out = value_double(json_f64(value, 0));
        return true;
    case JSON_STRING:
        *out = value_number(json_str(value));
        return out->kind != VALUE_NULL;
    default:
        return false;
    }
}

static struct pql_ast *
integer_literal(struct pql_reader *r, const struct json *value)
{
    struct value v;

    if (!number_of(value, &v))
        return bad_value(r, value, "Integer");
    if (v.kind == VALUE_DOUBLE && v.f == trunc(v.f) && fabs(v.f) <= 9007199254740992.0)
        v = value_int((int64_t)v.f);
    return v.kind == VALUE_INT ? literal_of(r, value, v) : bad_value(r, value, "Integer");
}

static struct pql_ast *
number_literal(struct pql_reader *r, const struct json *value)
{
    struct value v;

    return number_of(value, &v) ? literal_of(r, value, v) : bad_value(r, value, "Number");
}

static struct pql_ast *
double_literal(struct pql_reader *r, const struct json *value)
{
    struct value v;

    if (!number_of(value, &v))
        return bad_value(r, value, "Double");
    return literal_of(r, value, v.kind == VALUE_INT ? value_double((double)v.i) : v);
}

static struct pql_ast *
boolean_literal(struct pql_reader *r, const struct json *value)
{
    bool truth = json_bool(value, str_eq_nocase(json_str(value), S("true")));

    if (!json_is(value, JSON_BOOL) && !truth && !str_eq_nocase(json_str(value), S("false")))
        return bad_value(r, value, "Boolean");
    return literal_of(r, value, value_bool(truth));
}

static struct pql_ast *
null_literal(struct pql_reader *r, const struct json *value)
{
    return json_is(value, JSON_NULL) ? literal_of(r, value, VALUE_OF_NULL) : bad_value(r, value, "Null");
}

static struct pql_ast *by_json_type(struct pql_reader *r, const struct json *value);

static struct pql_ast *
list_literal(struct pql_reader *r, const struct json *value)
{
    struct pql_ast *n = pql_node_new(r->c, AST_LIST, pql_place(r, value));
    struct json_iter it = json_iter(value);
    struct pql_kids k = {0};

    if (!json_is(value, JSON_ARRAY))
        return bad_value(r, value, "List");
    while (json_next(&it)) {
        if (json_is(it.value, JSON_ARRAY) || json_is(it.value, JSON_OBJECT))
            return bad_value(r, it.value, "List, which holds scalars: use fnApply list");
        if (!pql_kids_add(r->c, &k, by_json_type(r, it.value)))
            return NULL;
    }
    return done(r, n, &k);
}

static struct pql_ast *
by_json_type(struct pql_reader *r, const struct json *value)
{
    switch (json_type(value)) {
    case JSON_BOOL:
        return boolean_literal(r, value);
    case JSON_INT:
    case JSON_DOUBLE:
        return number_literal(r, value);
    case JSON_STRING:
        return string_literal(r, value);
    case JSON_ARRAY:
        return list_literal(r, value);
    case JSON_NULL:
        return null_literal(r, value);
    default:
        return bad_value(r, value, "Null, Boolean, Number, String or List");
    }
}

static struct pql_ast *
text_literal(struct pql_reader *r, const struct json *value)
{
    return json_is(value, JSON_STRING) ? string_literal(r, value) : bad_value(r, value, "String");
}

/* A date is what the function date() makes, so that both spellings are one tree. */
static struct pql_ast *
date_call(struct pql_reader *r, const struct json *value, int64_t ms)
{
    struct pql_ast *n = pql_node_new(r->c, AST_CALL, pql_place(r, value));
    struct civil at = civil_from_ms(ms);
    struct pql_kids k = {0};

    if (n == NULL || !pql_kids_add(r->c, &k, literal_of(r, value, value_int(at.year))) ||
        !pql_kids_add(r->c, &k, literal_of(r, value, value_int(at.month))) ||
        !pql_kids_add(r->c, &k, literal_of(r, value, value_int(at.day))))
        return NULL;
    n->name = S("date");
    return done(r, n, &k);
}

static struct pql_ast *
timestamp_literal(struct pql_reader *r, const struct json *value)
{
    struct value v = VALUE_OF_NULL;

    if (json_is(value, JSON_STRING))
        v = value_as_time(value_string(json_str(value)));
    else if (json_is(value, JSON_INT))
        v = value_as_time(value_int(json_i64(value, 0)));
    if (v.kind != VALUE_TIME)
        return bad_value(r, value, "Timestamp");
    return v.date_only ? date_call(r, value, v.i) : literal_of(r, value, v);
}

/* "profile" is an old spelling of the first parameter. */
static struct pql_ast *
object_literal(struct pql_reader *r, const struct json *value)
{
    struct pql_ast *n;

    if (!str_eq(json_str(value), S("profile")))
        return bad_value(r, value, "XDMObject");
    n = pql_node_new(r->c, AST_PARAM, pql_place(r, value));
    if (n != NULL)
        n->number = 1;
    return n;
}

static struct pql_ast *
relative_literal(struct pql_reader *r, const struct json *value)
{
    struct rule_time_ref period = {.period = PERIOD_NONE};
    struct pql_ast *n = pql_node_new(r->c, AST_WORD, pql_place(r, value));
    enum rule_op word = RULE_NOW;

    if (n == NULL || !pql_json_relative(r, value, json_str(value), &period, &word))
        return NULL;
    n->op = word;
    if (period.period == PERIOD_NONE)
        return n;
    (void)pql_fail(r->c, PQL_PARSE, n->pos, "a calendar period such as '%.*s' stands only as the time of an occurs",
                   STR_ARG(json_str(value)));
    return NULL;
}

static const struct {
    const char *type;
    struct pql_ast *(*read)(struct pql_reader *r, const struct json *value);
} literal_types[] = {
    {"Null", null_literal},
    {"Boolean", boolean_literal},
    {"Integer", integer_literal},
    {"Number", number_literal},
    {"Double", double_literal},
    {"String", text_literal},
    {"QueryString", text_literal},
    {"List", list_literal},
    {"Timestamp", timestamp_literal},
    {"XDMObject", object_literal},
    {"RelativeTime", relative_literal},
};

static struct pql_ast *
read_literal(struct pql_reader *r, const struct json *node)
{
    const struct json *type = json_get(node, S("literalType")), *value = json_get(node, S("value"));

    if (value == NULL) {
        if (str_eq(json_str(type), S("Null")))
            return literal_of(r, node, VALUE_OF_NULL);
        (void)pql_json_fail(r, node, "value", "a constant");
        return NULL;
    }
    if (type == NULL)
        return by_json_type(r, value);
    if (!json_is(type, JSON_STRING)) {
        (void)pql_json_fail(r, node, "literalType", "a string");
        return NULL;
    }
    for (size_t i = 0; i < sizeof literal_types / sizeof literal_types[0]; i++) {
        if (str_eq(json_str(type), str_of(literal_types[i].type)))
            return literal_types[i].read(r, value);
    }
    (void)pql_fail(r->c, PQL_PARSE, pql_place(r, type), "no literal of type '%.*s' stands here",
                   (int)(json_str(type).n > 40 ? 40 : json_str(type).n), json_str(type).p);
    return NULL;
}

/* ---- references ---- */

static struct pql_ast *
read_param(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_PARAM, pql_place(r, node));
    int64_t position;

    if (n == NULL || !pql_json_count(r, node, "position", &position))
        return NULL;
    n->number = position <= UINT16_MAX ? (unsigned)position : 0;
    return n;
}

static struct pql_ast *
read_var(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_VAR, pql_place(r, node));

    if (n == NULL || !take_name(r, node, "varName", n))
        return NULL;
    n->name = n->names[0];
    n->names = NULL;
    n->name_count = 0;
    return n;
}

/* Without an object the field is one of the innermost element; xEvent is the profile's, as a bare word in text is. */
static struct pql_ast *
read_field(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_FIELD, pql_place(r, node)), *self;
    struct pql_kids k = {0};
    struct str name;

    if (n == NULL || !take_name(r, node, "fieldName", n))
        return NULL;
    name = n->names[0];
    if (json_get(node, S("object")) != NULL) {
        if (!pql_json_want_expr(r, node, "object", &k))
            return NULL;
    } else {
        self = pql_node_new(r->c, str_eq(name, S("xEvent")) ? AST_PARAM : AST_CLIMB, n->pos);
        if (!pql_kids_add(r->c, &k, self))
            return NULL;
        self->number = self->kind == AST_PARAM ? 1 : 0;
    }
    n->name = name;
    n->names = NULL;
    n->name_count = 0;
    return done(r, n, &k);
}

/* ---- calls ---- */

static bool
read_params(struct pql_reader *r, const struct json *params, struct pql_kids *k)
{
    struct json_iter it = json_iter(params);

    while (json_next(&it)) {
        if (!json_is(it.value, JSON_OBJECT))
            return pql_fail(r->c, PQL_PARSE, pql_place(r, it.value), "a parameter is a node, found %s",
                            json_type_name(json_type(it.value)));
        if (!pql_kids_add(r->c, k, pql_json_expr(r, it.value)))
            return false;
    }
    return true;
}

/* One operand has no form in text: what changes nothing stands beside it. */
static struct pql_ast *
junction(struct pql_reader *r, struct pql_ast *n, struct pql_kids *k)
{
    struct pql_ast *neutral;

    if (k->n == 1) {
        neutral = pql_node_new(r->c, AST_LITERAL, n->pos);
        if (!pql_kids_add(r->c, k, neutral))
            return NULL;
        neutral->value = value_bool(n->kind == AST_AND);
    }
    return done(r, n, k);
}

static struct pql_ast *
object(struct pql_reader *r, struct pql_ast *n, const struct pql_kids *pairs)
{
    struct str *names = pql_alloc(r->c, r->c->scratch, pairs->n / 2 + 1, sizeof *names);
    struct pql_kids k = {0};

    if (names == NULL)
        return NULL;
    if (pairs->n % 2 != 0) {
        (void)pql_fail(r->c, PQL_PARSE, n->pos, "an object has keys and values in turn, found %zu params", pairs->n);
        return NULL;
    }
    for (size_t i = 0; i < pairs->n; i += 2) {
        const struct pql_ast *key = pairs->p[i];
        if (key->kind != AST_LITERAL || key->value.kind != VALUE_STRING) {
            (void)pql_fail(r->c, PQL_PARSE, key->pos, "a key of an object is a literal of type String");
            return NULL;
        }
        names[i / 2] = key->value.s;
        if (!pql_kids_add(r->c, &k, pairs->p[i + 1]))
            return NULL;
    }
    n->names = names;
    n->name_count = pairs->n / 2;
    return done(r, n, &k);
}

/* stringCompare(op, field, value [, flag]) is op(field, value [, flag]). */
static struct pql_ast *
string_compare(struct pql_reader *r, struct pql_ast *n, const struct pql_kids *k)
{
    static const char *const predicates[] = {"startsWith", "doesNotStartWith", "endsWith", "doesNotEndWith",
                                             "contains",   "doesNotContain",   "equals",   "notEqualTo",
                                             "like",       "matches"};
    const struct pql_ast *op = k->n > 0 ? k->p[0] : NULL;
    struct pql_kids rest = {0};

    n->name = S("stringCompare"); /* unless it is one of them: the checks say what is wrong with it, in their turn */
    n->number = 1;
    for (size_t i = 0; op != NULL && i < sizeof predicates / sizeof predicates[0]; i++) {
        if (op->kind == AST_LITERAL && op->value.kind == VALUE_STRING && str_eq(op->value.s, str_of(predicates[i])))
            *n = (struct pql_ast){.kind = AST_CALL, .pos = n->pos, .height = 1, .name = str_of(predicates[i])};
    }
    if (n->number == 1)
        return done(r, n, k);
    for (size_t i = 1; i < k->n; i++) {
        if (!pql_kids_add(r->c, &rest, k->p[i]))
            return NULL;
    }
    return done(r, n, &rest);
}

static const struct {
    const char *name;
    enum pql_kind kind;
    enum value_cmp cmp;
    char arith;
    bool negated;
} operators[] = {
    {"and", AST_AND, CMP_EQ, 0, false},    {"or", AST_OR, CMP_EQ, 0, false},
    {"not", AST_NOT, CMP_EQ, 0, false},    {"=", AST_COMPARE, CMP_EQ, 0, false},
    {"!=", AST_COMPARE, CMP_NE, 0, false}, {"<", AST_COMPARE, CMP_LT, 0, false},
    {"<=", AST_COMPARE, CMP_LE, 0, false}, {">", AST_COMPARE, CMP_GT, 0, false},
    {">=", AST_COMPARE, CMP_GE, 0, false}, {"in", AST_IN, CMP_EQ, 0, false},
    {"notIn", AST_IN, CMP_EQ, 0, true},    {"+", AST_ARITH, CMP_EQ, '+', false},
    {"-", AST_ARITH, CMP_EQ, '-', false},  {"*", AST_ARITH, CMP_EQ, '*', false},
    {"/", AST_ARITH, CMP_EQ, '/', false},  {"%", AST_ARITH, CMP_EQ, '%', false},
    {"list", AST_LIST, CMP_EQ, 0, false},  {"object", AST_OBJECT, CMP_EQ, 0, false},
};

bool
pql_json_is_operator(struct str fn_name)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (str_eq(fn_name, str_of(operators[i].name)))
            return true;
    }
    return str_eq(fn_name, S("stringCompare"));
}

static struct pql_ast *
read_call(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_CALL, pql_place(r, node));
    const struct json *fn, *params;
    struct pql_kids k = {0};

    if (n == NULL || !pql_json_want(r, node, "fnName", JSON_STRING, &fn) ||
        !pql_json_want(r, node, "params", JSON_ARRAY, &params) || !read_params(r, params, &k))
        return NULL;
    if (json_str(fn).n == 0) {
        (void)pql_json_fail(r, node, "fnName", "a name that is not empty");
        return NULL;
    }
    if (str_eq(json_str(fn), S("stringCompare")))
        return string_compare(r, n, &k);
    n->name = json_str(fn);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!str_eq(n->name, str_of(operators[i].name)))
            continue;
        n->kind = operators[i].kind;
        n->cmp = operators[i].cmp;
        n->arith = operators[i].arith;
        n->negated = operators[i].negated;
        n->name = S_NULL;
    }
    if (n->kind == AST_OBJECT)
        return object(r, n, &k);
    return n->kind == AST_AND || n->kind == AST_OR ? junction(r, n, &k) : done(r, n, &k);
}

/* ---- binders ---- */

static struct pql_ast *
read_lambda(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_LAMBDA, pql_place(r, node));
    const struct json *params;
    struct str *names;
    struct json_iter it;
    struct pql_kids k = {0};

    if (n == NULL || !pql_json_want(r, node, "params", JSON_ARRAY, &params))
        return NULL;
    names = pql_alloc(r->c, r->c->scratch, json_count(params) + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    if (json_count(params) == 0) {
        (void)pql_json_fail(r, node, "params", "at least one parameter");
        return NULL;
    }
    it = json_iter(params);
    while (json_next(&it)) {
        names[n->name_count] = json_str(json_get(it.value, S("varName")));
        if (names[n->name_count++].n == 0) {
            (void)pql_fail(r->c, PQL_PARSE, pql_place(r, it.value),
                           "a parameter of a lambda needs 'varName', a string");
            return NULL;
        }
    }
    n->names = names;
    return pql_json_want_expr(r, node, "body", &k) ? done(r, n, &k) : NULL;
}

static struct pql_ast *
read_decl(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_GEN, pql_place(r, node));
    struct pql_kids k = {0};
    bool ok;

    if (n == NULL || !pql_json_enter(r, node, "varDecl"))
        return NULL;
    ok = take_name(r, node, "varName", n) && pql_json_want_expr(r, node, "from", &k) &&
         (json_get(node, S("where")) == NULL || pql_json_want_expr(r, node, "where", &k));
    pql_json_leave(r);
    return ok ? done(r, n, &k) : NULL;
}

static bool
read_decls(struct pql_reader *r, const struct json *node, struct pql_kids *k)
{
    const struct json *list;
    struct json_iter it;

    if (!pql_json_want(r, node, "variables", JSON_ARRAY, &list))
        return false;
    if (json_count(list) == 0)
        return pql_json_fail(r, node, "variables", "at least one varDecl");
    it = json_iter(list);
    while (json_next(&it)) {
        if (!pql_kids_add(r->c, k, read_decl(r, it.value)))
            return false;
    }
    return true;
}

static struct pql_ast *
read_select(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_SELECT, pql_place(r, node));
    struct pql_kids k = {0};

    return n != NULL && read_decls(r, node, &k) ? done(r, n, &k) : NULL;
}

static struct pql_ast *
read_quantification(struct pql_reader *r, const struct json *node)
{
    static const char *const quantifiers[] = {
        [QUANT_SOME] = "some", [QUANT_ALL] = "all", [QUANT_NONE] = "none", [QUANT_ONE] = "one"};
    struct pql_ast *n = pql_node_new(r->c, AST_QUANT, pql_place(r, node));
    struct str word = json_str(json_get(node, S("quantifier")));
    struct pql_kids k = {0};
    unsigned i = 0;

    while (i < 4 && !str_eq(word, str_of(quantifiers[i])))
        i++;
    if (i == 4)
        (void)pql_json_fail(r, node, "quantifier", "one of all, some, none, one");
    if (n == NULL || i == 4 || !read_decls(r, node, &k))
        return NULL;
    n->quant = (enum rule_quant)i;
    return done(r, n, &k);
}

static struct pql_ast *
read_aggregate(struct pql_reader *r, const struct json *node)
{
    static const char *const functions[] = {"sum", "average", "min", "max", "count"};
    struct pql_ast *n = pql_node_new(r->c, AST_AGG, pql_place(r, node));
    struct str word = json_str(json_get(node, S("fnName")));
    struct pql_kids k = {0};
    size_t i = 0;

    while (i < 5 && !str_eq(word, str_of(functions[i])))
        i++;
    if (i == 5)
        (void)pql_json_fail(r, node, "fnName", "one of sum, average, min, max, count");
    if (n == NULL || i == 5 || !pql_json_want_expr(r, node, "body", &k) || !read_decls(r, node, &k))
        return NULL;
    n->name = str_of(functions[i]);
    return done(r, n, &k);
}

static struct pql_ast *
read_let(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_LET, pql_place(r, node));
    struct pql_kids k = {0};

    if (n == NULL || !take_name(r, node, "varName", n) || !pql_json_want_expr(r, node, "value", &k) ||
        !pql_json_want_expr(r, node, "body", &k))
        return NULL;
    return done(r, n, &k);
}

static const struct {
    const char *type;
    struct pql_ast *(*read)(struct pql_reader *r, const struct json *node);
} node_types[] = {
    {"fnApply", read_call},
    {"fieldLookup", read_field},
    {"literal", read_literal},
    {"varRef", read_var},
    {"parameterReference", read_param},
    {"lambda", read_lambda},
    {"fnCreate", read_lambda},
    {"quantification", read_quantification},
    {"select", read_select},
    {"aggregate", read_aggregate},
    {"let", read_let},
    {"chain", pql_json_chain},
    {"occurs", pql_json_occurs},
};

struct pql_ast *
pql_json_expr(struct pql_reader *r, const struct json *node)
{
    struct str type = pql_json_type(node);

    for (size_t i = 0; i < sizeof node_types / sizeof node_types[0]; i++) {
        struct pql_ast *n;
        if (!str_eq(type, str_of(node_types[i].type)))
            continue;
        if (!pql_json_enter(r, node, node_types[i].type))
            return NULL;
        n = node_types[i].read(r, node);
        pql_json_leave(r);
        return n;
    }
    if (type.n == 0)
        (void)pql_fail(r->c, PQL_PARSE, pql_place(r, node), "expected a node with a 'nodeType', found %s without one",
                       json_type_name(json_type(node)));
    else
        (void)pql_fail(r->c, PQL_PARSE, pql_place(r, json_get(node, S("nodeType"))),
                       "no expression has the nodeType '%.*s'", (int)(type.n > 40 ? 40 : type.n), type.p);
    return NULL;
}

struct pql_ast *
pql_json_read(struct pql_ctx *c)
{
    struct pql_reader r = {.c = c};
    const struct json *root = NULL;
    struct diag d = DIAG_INIT;
    enum err rc = json_parse_deep(c->text, LIMIT_PQL_JSON_DEPTH, c->scratch, &root, &d);

    if (rc == ERR_OK)
        rc = json_places(c->text, root, c->scratch, &r.places, &d);
    if (rc != ERR_OK) {
        c->syntax = true;
        (void)pql_fail(c, rc == ERR_INVALID ? PQL_PARSE : PQL_LIMIT, d.pos == DIAG_NO_POS ? 0 : d.pos, "%s", d.what);
        return NULL;
    }
    return pql_json_expr(&r, root);
}
