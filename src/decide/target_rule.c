/* target_rule.c - Target's audience rules, lowered to rule/ [TARGET 4].
 *
 *   {"and":[{"mbox":"tier","equals":["gold"]},{"not":{"page":"path","startsWith":["/app"]}}]}
 *
 * A leaf asks one request field. Fields become parameters of the rule (RULE_PARAM slot n is fields[n - 2]), so a
 * request is never turned into a document: only the fields of the rules that are looked at are worked out. All values
 * are texts; numbers are compared through FN_NUMBER, folded texts through FN_LOWER, whose results for the constants of
 * a rule are computed once, here, by the same evaluator.
 *
 * Several values of a leaf are alternatives. A missing field makes every operator false; `not` around it is then true.
 * Categories that need a session or a database that the edge does not keep (landing, source, network, library,
 * carriers) are refused by name. */
#include "decide/decide_int.h"

enum leaf_op {
    OP_EQUALS,
    OP_EQUALS_IGNORE_CASE,
    OP_CONTAINS,
    OP_STARTS_WITH,
    OP_ENDS_WITH,
    OP_MATCHES,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_EXISTS,
    OP_HAS_VALUE,
    OP_BETWEEN,
    OP__COUNT
};

static const char *const operator_names[] = {"equals",   "equalsIgnoreCase", "contains",    "startsWith",
                                             "endsWith", "matches",          "greaterThan", "greaterThanOrEquals",
                                             "lessThan", "lessThanOrEquals", "exists",      "hasValue",
                                             "between"};
_Static_assert(sizeof(operator_names) / sizeof(operator_names[0]) == OP__COUNT, "a name per operator");

#define AUDIENCE_DEPTH LIMIT_TARGET_RULE_DEPTH /* of audienceRule references, which also ends cycles */
#define PATH_BYTES 128

struct lower {
    struct arena *a;
    struct diag *d;
    target_rule_lookup *lookup;
    void *ctx;
    struct field *fields;
    struct rule_node **params; /* of fields */
    size_t field_count, field_cap;
    struct str *hubs;
    size_t hub_count, hub_cap;
    size_t leaves;
    unsigned depth, references;
    char path[PATH_BYTES]; /* of the member being read */
    size_t path_bytes;
    enum err rc;
};

/* ---- messages ---- */

static void *
fail_memory(struct lower *w)
{
    w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "%s: the rule needs more than %d bytes", w->path,
                          LIMIT_TARGET_RULE_BYTES);
    return NULL;
}

static struct rule_node *
refuse(struct lower *w, const char *expected, const struct json *got)
{
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s must be %s, got %s", w->path, expected,
                          json_type_name(json_type(got)));
    return NULL;
}

/* Appends to the path; returns its former length for path_cut(). A path that does not fit is cut: it only helps a
 * reader. */
static size_t
path_add(struct lower *w, const char *text, size_t n)
{
    size_t before = w->path_bytes, room = sizeof(w->path) - 1 - w->path_bytes;

    if (n > room)
        n = room;
    memcpy(w->path + w->path_bytes, text, n);
    w->path_bytes += n;
    w->path[w->path_bytes] = '\0';
    return before;
}

static size_t
path_member(struct lower *w, struct str name)
{
    size_t before = w->path_bytes;

    if (before > 0)
        (void)path_add(w, ".", 1);
    (void)path_add(w, name.p, name.n);
    return before;
}

static size_t
path_index(struct lower *w, size_t i)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "[%zu]", i);

    return path_add(w, text, (size_t)n);
}

static void
path_cut(struct lower *w, size_t n)
{
    w->path_bytes = n;
    w->path[n] = '\0';
}

/* ---- nodes ---- */

static struct rule_node *
node(struct lower *w, enum rule_op op, struct rule_node **args, size_t n)
{
    struct rule_node *x = ARENA_NEW(w->a, struct rule_node);

    if (x == NULL)
        return fail_memory(w);
    x->op = op;
    x->args = args;
    x->arg_count = n;
    x->type = op == RULE_LITERAL || op == RULE_PARAM ? TYPE_STRING : TYPE_BOOL;
    return x;
}

static struct rule_node *
node1(struct lower *w, enum rule_op op, struct rule_node *arg)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, 1);

    if (args == NULL || arg == NULL)
        return arg == NULL ? NULL : fail_memory(w);
    args[0] = arg;
    return node(w, op, args, 1);
}

static struct rule_node *
node2(struct lower *w, enum rule_op op, struct rule_node *left, struct rule_node *right)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, 2);

    if (left == NULL || right == NULL)
        return NULL;
    if (args == NULL)
        return fail_memory(w);
    args[0] = left;
    args[1] = right;
    return node(w, op, args, 2);
}

static struct rule_node *
call1(struct lower *w, enum rule_fn fn, struct rule_node *arg)
{
    struct rule_node *x = node1(w, RULE_CALL, arg);

    if (x == NULL)
        return NULL;
    x->fn = fn;
    x->type = fn == FN_LOWER ? TYPE_STRING : fn == FN_NUMBER ? TYPE_NUMBER : TYPE_BOOL;
    return x;
}

static struct rule_node *
call2(struct lower *w, enum rule_fn fn, struct rule_node *left, struct rule_node *right)
{
    struct rule_node *x = node2(w, RULE_CALL, left, right);

    if (x != NULL)
        x->fn = fn;
    return x;
}

static struct rule_node *
compare(struct lower *w, enum value_cmp cmp, struct rule_node *left, struct rule_node *right)
{
    struct rule_node *x = node2(w, RULE_COMPARE, left, right);

    if (x != NULL)
        x->cmp = cmp;
    return x;
}

static struct rule_node *
literal(struct lower *w, struct value v)
{
    struct rule_node *x = node(w, RULE_LITERAL, NULL, 0);

    if (x != NULL)
        x->value = v;
    return x;
}

static struct rule_node *
text_literal(struct lower *w, struct str s)
{
    struct str copy = arena_str(w->a, s);

    if (copy.p == NULL)
        return fail_memory(w);
    return literal(w, (struct value){.kind = VALUE_STRING, .s = copy});
}

/* fn(text), computed now: a literal, or a literal null. */
static struct rule_node *
folded(struct lower *w, enum rule_fn fn, struct str text)
{
    struct rule_node *call = call1(w, fn, text_literal(w, text));
    struct rule_env env = {0};
    struct value v;
    enum err rc;

    if (call == NULL)
        return NULL;
    rc = rule_eval_node(call, &env, NULL, 0, w->a, &v, w->d);
    if (rc != ERR_OK) {
        w->rc = rc;
        return NULL;
    }
    return literal(w, v);
}

/* A constant as a number: a literal null unless it is decimal. Scientific notation is text [TARGET 4.1], which
 * FN_NUMBER would read. */
static struct rule_node *
number_literal(struct lower *w, struct str text)
{
    if (str_find_char(text, 'e') >= 0 || str_find_char(text, 'E') >= 0)
        return literal(w, VALUE_OF_NULL);
    return folded(w, FN_NUMBER, text);
}

/* The same for a field: if it contains an "e" then nothing, else its number. */
static struct rule_node *
number_of(struct lower *w, struct rule_node *field)
{
    struct rule_node **contains = ARENA_ARRAY(w->a, struct rule_node *, 3),
                     **args = ARENA_ARRAY(w->a, struct rule_node *, 3);
    struct rule_node *x;

    if (contains == NULL || args == NULL)
        return fail_memory(w);
    contains[0] = field;
    contains[1] = text_literal(w, S("e"));
    contains[2] = literal(w, (struct value){.kind = VALUE_BOOL, .b = false}); /* either case */
    args[0] = node(w, RULE_CALL, contains, 3);
    args[1] = literal(w, VALUE_OF_NULL);
    args[2] = call1(w, FN_NUMBER, field);
    x = node(w, RULE_IF, args, 3);
    if (w->rc != ERR_OK || x == NULL)
        return NULL;
    args[0]->fn = FN_CONTAINS;
    x->type = TYPE_NUMBER;
    return x;
}

/* The parameter that stands for a field, the same for every leaf that asks it. */
static struct rule_node *
param(struct lower *w, enum field_source source, struct str name)
{
    struct rule_node *x;

    for (size_t i = 0; i < w->field_count; i++) {
        if (w->fields[i].source == source && str_eq(w->fields[i].name, name))
            return w->params[i];
    }
    if (w->field_count == w->field_cap) {
        size_t cap = w->field_cap ? w->field_cap * 2 : 8;
        struct field *fields = ARENA_ARRAY(w->a, struct field, cap);
        struct rule_node **params = ARENA_ARRAY(w->a, struct rule_node *, cap);
        if (fields == NULL || params == NULL)
            return fail_memory(w);
        if (w->field_count > 0) {
            memcpy(fields, w->fields, w->field_count * sizeof(*fields));
            memcpy(params, w->params, w->field_count * sizeof(*params));
        }
        w->fields = fields;
        w->params = params;
        w->field_cap = cap;
    }
    x = node(w, RULE_PARAM, NULL, 0);
    name = arena_str(w->a, name);
    if (x == NULL || name.p == NULL)
        return x == NULL ? NULL : fail_memory(w);
    x->slot = (uint16_t)(w->field_count + 2);
    w->fields[w->field_count] = (struct field){source, name};
    w->params[w->field_count++] = x;
    return x;
}

static struct rule_node *
any_of(struct lower *w, struct rule_node **args, size_t n)
{
    return n == 1 ? args[0] : node(w, RULE_OR, args, n);
}

/* ---- leaves ---- */

/* A value of a leaf as text: numbers and booleans as their JSON text [TARGET 1.2]. */
static bool
leaf_text(struct lower *w, const struct json *v, struct str *text)
{
    switch (json_type(v)) {
    case JSON_STRING:
        *text = json_str(v);
        return true;
    case JSON_BOOL:
        *text = json_bool(v, false) ? S("true") : S("false");
        return true;
    case JSON_INT:
        *text = arena_printf(w->a, "%lld", (long long)json_i64(v, 0));
        return text->p != NULL;
    case JSON_DOUBLE:
        *text = arena_printf(w->a, "%.15g", json_f64(v, 0));
        return text->p != NULL;
    default:
        return false;
    }
}

/* Reads the values into texts; at least one. */
static struct str *
value_texts(struct lower *w, const struct json *values, size_t *n)
{
    struct json_iter it = json_iter(values);
    struct str *texts;

    *n = json_count(values);
    if (!json_is(values, JSON_ARRAY) || *n == 0)
        return (void *)refuse(w, "a list of one or more values", values);
    if (*n > LIMIT_TARGET_RULE_VALUES) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "%s has %zu values, at most %d are allowed", w->path, *n,
                              LIMIT_TARGET_RULE_VALUES);
        return NULL;
    }
    texts = ARENA_ARRAY(w->a, struct str, *n);
    if (texts == NULL)
        return fail_memory(w);
    for (size_t i = 0; json_next(&it); i++) {
        size_t at = path_index(w, i);
        if (!leaf_text(w, it.value, &texts[i]))
            return (void *)refuse(w, "a string, a number or a boolean", it.value);
        path_cut(w, at);
    }
    return texts;
}

/* subject = one of the literals. */
static struct rule_node *
one_of(struct lower *w, struct rule_node *subject, struct rule_node **literals, size_t n)
{
    struct rule_node *list;
    struct value_list *values;
    struct value *items;

    if (n == 1)
        return compare(w, CMP_EQ, subject, literals[0]);
    list = node(w, RULE_LIST, literals, n);
    values = ARENA_NEW(w->a, struct value_list);
    items = ARENA_ARRAY(w->a, struct value, n);
    if (list == NULL || values == NULL || items == NULL)
        return fail_memory(w);
    for (size_t i = 0; i < n; i++)
        items[i] = literals[i]->value;
    *values = (struct value_list){.items = items, .n = n};
    list->type = TYPE_LIST;
    list->value = (struct value){.kind = VALUE_LIST, .list = values};
    return node2(w, RULE_IN, subject, list);
}

/* Decimal texts compare as numbers, the rest as texts, exact or folded [TARGET 4.1]. */
static struct rule_node *
lower_equals(struct lower *w, struct rule_node *field, const struct str *texts, size_t n, bool exact)
{
    struct rule_node **numbers = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node **words = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node **either = ARENA_ARRAY(w->a, struct rule_node *, 2);
    size_t number_count = 0, word_count = 0, parts = 0;

    if (numbers == NULL || words == NULL || either == NULL)
        return fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        struct rule_node *number = number_literal(w, texts[i]), *word;
        if (number == NULL)
            return NULL;
        if (number->value.kind != VALUE_NULL) {
            numbers[number_count++] = number;
            continue;
        }
        word = exact ? text_literal(w, texts[i]) : folded(w, FN_LOWER, texts[i]);
        if (word == NULL)
            return NULL;
        words[word_count++] = word;
    }
    if (number_count > 0)
        either[parts++] = one_of(w, number_of(w, field), numbers, number_count);
    if (word_count > 0)
        either[parts++] = one_of(w, exact ? field : call1(w, FN_LOWER, field), words, word_count);
    if (w->rc != ERR_OK)
        return NULL;
    return any_of(w, either, parts);
}

static struct rule_node *
lower_text(struct lower *w, enum rule_fn fn, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = call1(w, FN_LOWER, field);

    if (args == NULL)
        return fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        args[i] = call2(w, fn, subject, folded(w, FN_LOWER, texts[i]));
        if (args[i] == NULL)
            return NULL;
    }
    return any_of(w, args, n);
}

static struct rule_node *
lower_order(struct lower *w, enum value_cmp cmp, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = number_of(w, field);

    if (args == NULL)
        return fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        struct rule_node *number = number_literal(w, texts[i]);
        if (number == NULL)
            return NULL;
        if (number->value.kind == VALUE_NULL) {
            w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s[%zu] must be a decimal number, got '%.*s'", w->path,
                                  i, (int)(texts[i].n < 40 ? texts[i].n : 40), texts[i].p);
            return NULL;
        }
        args[i] = compare(w, cmp, subject, number);
        if (args[i] == NULL)
            return NULL;
    }
    return any_of(w, args, n);
}

/* exists and hasValue: [true] or [false]. */
static struct rule_node *
lower_presence(struct lower *w, enum leaf_op op, struct rule_node *field, bool is_boolean, const struct json *values)
{
    const struct json *first = json_is(values, JSON_ARRAY) && json_count(values) == 1 ? json_at(values, 0) : NULL;
    struct rule_node *there;

    if (!json_is(first, JSON_BOOL))
        return refuse(w, "[true] or [false]", values);
    if (is_boolean)
        return compare(w, CMP_EQ, field, text_literal(w, json_bool(first, true) ? S("true") : S("false")));
    there = op == OP_EXISTS ? call1(w, FN_IS_NOT_NULL, field) : compare(w, CMP_NE, field, text_literal(w, S("")));
    return json_bool(first, true) ? there : node1(w, RULE_NOT, there);
}

/* One type of browser. "safari" includes the mobile one; what the user agent rules cannot tell apart has fields of its
 * own. */
static struct rule_node *
lower_browser_type(struct lower *w, struct str name)
{
    static const char *const own[] = {"iphone", "ipad", "opera"};
    struct rule_node *type = param(w, FIELD_BROWSER, S("type"));
    struct str mobile = S("mobile safari");

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (str_eq_nocase(name, str_of(own[i])))
            return compare(w, CMP_EQ, param(w, FIELD_BROWSER, str_of(own[i])), text_literal(w, S("true")));
    }
    if (str_eq_nocase(name, S("safari"))) {
        struct str both[] = {S("safari"), mobile};
        return lower_equals(w, type, both, 2, false);
    }
    return lower_equals(w, type, &name, 1, false);
}

static struct rule_node *
lower_operator(struct lower *w, enum leaf_op op, const struct field *f, const struct json *values)
{
    bool custom = f->source == FIELD_MBOX || f->source == FIELD_PROFILE || f->source == FIELD_AEP;
    struct rule_node *field = param(w, f->source, f->name);
    struct str *texts;
    size_t n;

    if (field == NULL)
        return NULL;
    if (op == OP_EXISTS || op == OP_HAS_VALUE)
        return lower_presence(w, op, field, field_is_boolean(f->source, f->name), values);
    texts = value_texts(w, values, &n);
    if (texts == NULL)
        return NULL;
    if (f->source == FIELD_BROWSER && str_eq(f->name, S("type")) &&
        (op == OP_EQUALS || op == OP_EQUALS_IGNORE_CASE || op == OP_MATCHES)) {
        struct rule_node **types = ARENA_ARRAY(w->a, struct rule_node *, n);
        if (types == NULL)
            return fail_memory(w);
        for (size_t i = 0; i < n; i++) {
            types[i] = lower_browser_type(w, texts[i]);
            if (types[i] == NULL)
                return NULL;
        }
        return any_of(w, types, n);
    }
    switch (op) {
    case OP_EQUALS:
        return lower_equals(w, field, texts, n, custom);
    case OP_EQUALS_IGNORE_CASE:
    case OP_MATCHES:
        return lower_equals(w, field, texts, n, false);
    case OP_CONTAINS:
        return lower_text(w, FN_CONTAINS, field, texts, n);
    case OP_STARTS_WITH:
        return lower_text(w, FN_STARTS_WITH, field, texts, n);
    case OP_ENDS_WITH:
        return lower_text(w, FN_ENDS_WITH, field, texts, n);
    case OP_GREATER:
        return lower_order(w, CMP_GT, field, texts, n);
    case OP_GREATER_EQUAL:
        return lower_order(w, CMP_GE, field, texts, n);
    case OP_LESS:
        return lower_order(w, CMP_LT, field, texts, n);
    case OP_LESS_EQUAL:
        return lower_order(w, CMP_LE, field, texts, n);
    default:
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: 'between' belongs to time ranges only", w->path);
        return NULL;
    }
}

/* ---- time frames [TARGET 4.3] ---- */

static struct rule_node *
time_bound(struct lower *w, const char *field, enum value_cmp cmp, int64_t limit)
{
    return compare(w, cmp, call1(w, FN_NUMBER, param(w, FIELD_TIME, str_of(field))),
                   literal(w, (struct value){.kind = VALUE_INT, .i = limit}));
}

static struct rule_node *
lower_range(struct lower *w, const struct json *between)
{
    int64_t from, to;

    if (json_count(between) != 2 || !json_is(between, JSON_ARRAY) || !time_value(json_at(between, 0), &from) ||
        !time_value(json_at(between, 1), &to) || from > to)
        return refuse(w, "two ISO 8601 instants, the earlier first", between);
    return node2(w, RULE_AND, time_bound(w, "ms", CMP_GE, from), time_bound(w, "ms", CMP_LE, to));
}

/* "0900" as 900; -1: not a time of day. */
static int64_t
time_of_day(const struct json *v)
{
    struct str s = json_str(v);
    uint64_t n;

    if (s.n != 4 || !str_to_u64(s, &n) || n > 2359 || n % 100 > 59)
        return -1;
    return (int64_t)n;
}

/* Both ends belong to the range; one that ends before it starts runs over midnight (OURS). */
static struct rule_node *
lower_weekly(struct lower *w, const struct json *days, const struct json *between)
{
    struct json_iter it = json_iter(days);
    struct rule_node **any = ARENA_ARRAY(w->a, struct rule_node *, 7), *day, *time;
    size_t n = 0, at = path_member(w, S("days"));
    int64_t from, to;

    if (any == NULL)
        return fail_memory(w);
    if (!json_is(days, JSON_ARRAY) || json_count(days) < 1 || json_count(days) > 7)
        return refuse(w, "a list of days, 1 (Monday) to 7", days);
    while (json_next(&it)) {
        int64_t number = json_i64(it.value, 0);
        if (number < 1 || number > 7)
            return refuse(w, "a list of days, 1 (Monday) to 7", days);
        any[n++] = time_bound(w, "day", CMP_EQ, number);
        if (any[n - 1] == NULL)
            return NULL;
    }
    path_cut(w, at);
    day = any_of(w, any, n);
    if (between == NULL)
        return day;
    at = path_member(w, S("between"));
    from = json_count(between) == 2 ? time_of_day(json_at(between, 0)) : -1;
    to = json_count(between) == 2 ? time_of_day(json_at(between, 1)) : -1;
    if (!json_is(between, JSON_ARRAY) || from < 0 || to < 0)
        return refuse(w, "two times of day such as \"0900\"", between);
    path_cut(w, at);
    time = node2(w, from <= to ? RULE_AND : RULE_OR, time_bound(w, "hhmm", CMP_GE, from),
                 time_bound(w, "hhmm", CMP_LE, to));
    return node2(w, RULE_AND, day, time);
}

static struct rule_node *
lower_time(struct lower *w, const struct json *leaf)
{
    struct str kind = json_str(json_get(leaf, S("time")));
    const struct json *between = json_get(leaf, S("between"));
    size_t at;

    if (str_eq(kind, S("range")) && json_count(leaf) == 2) {
        at = path_member(w, S("between"));
        struct rule_node *x = lower_range(w, between);
        if (x != NULL)
            path_cut(w, at);
        return x;
    }
    if (str_eq(kind, S("weekly")) && json_count(leaf) == (between ? 3u : 2u))
        return lower_weekly(w, json_get(leaf, S("days")), between);
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path,
                          "%s must be {\"time\":\"range\",\"between\"} or {\"time\":\"weekly\",\"days\",\"between\"}",
                          w->path);
    return NULL;
}

/* ---- memberships ---- */

static struct rule_node *
lower_membership(struct lower *w, struct str id)
{
    struct rule_node *x = call1(w, FN_IN_SEGMENT, text_literal(w, id));

    if (x == NULL)
        return NULL;
    if (w->hub_count == w->hub_cap) {
        size_t cap = w->hub_cap ? w->hub_cap * 2 : 4;
        struct str *hubs = ARENA_ARRAY(w->a, struct str, cap);
        if (hubs == NULL)
            return fail_memory(w);
        if (w->hub_count > 0)
            memcpy(hubs, w->hubs, w->hub_count * sizeof(*hubs));
        w->hubs = hubs;
        w->hub_cap = cap;
    }
    w->hubs[w->hub_count++] = x->args[0]->value.s;
    return x;
}

/* {"audience":"<id>"} or with "exists":[true|false]: member of an audience of the hub. */
static struct rule_node *
lower_hub(struct lower *w, const struct json *leaf)
{
    struct str id = json_str(json_get(leaf, S("audience")));
    const struct json *exists = json_get(leaf, S("exists"));
    struct rule_node *member;
    bool wanted = true;

    if (id.n == 0)
        return refuse(w, "{\"audience\":\"<id>\"}", leaf);
    if (json_count(leaf) == 2 && json_count(exists) == 1 && json_is(json_at(exists, 0), JSON_BOOL))
        wanted = json_bool(json_at(exists, 0), true);
    else if (json_count(leaf) != 1)
        return refuse(w, "{\"audience\":\"<id>\"}, with \"exists\":[true] or [false] at most", leaf);
    member = lower_membership(w, id);
    return wanted ? member : node1(w, RULE_NOT, member);
}

/* ---- the tree ---- */

static bool
find_source(struct str key, enum field_source *source)
{
    static const struct {
        const char *key;
        enum field_source source;
    } table[] = {
        {"mbox", FIELD_MBOX},         {"profile", FIELD_PROFILE},   {"user", FIELD_PROFILE},
        {"page", FIELD_PAGE},         {"referrer", FIELD_REFERRER}, {"browser", FIELD_BROWSER},
        {"platform", FIELD_PLATFORM}, {"mobile", FIELD_MOBILE},     {"geo", FIELD_GEO},
        {"aep", FIELD_AEP},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_eq(key, str_of(table[i].key))) {
            *source = table[i].source;
            return true;
        }
    }
    return false;
}

static struct rule_node *
refuse_member(struct lower *w, struct str key)
{
    static const char *const sessions[] = {"landing", "source", "network", "library"};

    for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        if (str_eq(key, str_of(sessions[i]))) {
            w->rc =
                diag_set_path(w->d, ERR_INVALID, w->path,
                              "%s: category '%s' is not supported: an edge keeps no sessions and no network database",
                              w->path, sessions[i]);
            return NULL;
        }
    }
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: unknown member '%.*s'", w->path,
                          (int)(key.n < 60 ? key.n : 60), key.p);
    diag_hint(w->d,
              "a leaf is one category (mbox, profile, user, page, referrer, browser, platform, mobile, geo, time, "
              "audience, aep) and one operator");
    return NULL;
}

static bool
find_operator(struct str key, enum leaf_op *op)
{
    for (unsigned i = 0; i < OP__COUNT; i++) {
        if (str_eq(key, str_of(operator_names[i]))) {
            *op = (enum leaf_op)i;
            return true;
        }
    }
    return false;
}

static struct rule_node *
lower_leaf(struct lower *w, const struct json *leaf)
{
    struct json_iter it = json_iter(leaf);
    const struct json *values = NULL;
    struct field f = {FIELD__COUNT, S_NULL};
    enum leaf_op op = OP__COUNT;
    struct rule_node *x;
    size_t at;

    if (++w->leaves > LIMIT_TARGET_RULE_LEAVES) {
        w->rc =
            diag_set_path(w->d, ERR_LIMIT, w->path, "the rule has more than %d conditions", LIMIT_TARGET_RULE_LEAVES);
        return NULL;
    }
    if (json_get(leaf, S("time")) != NULL)
        return lower_time(w, leaf);
    if (json_get(leaf, S("audience")) != NULL)
        return lower_hub(w, leaf);
    while (json_next(&it)) {
        if (f.source == FIELD__COUNT && find_source(it.key, &f.source))
            f.name = json_str(it.value);
        else if (op == OP__COUNT && find_operator(it.key, &op))
            values = it.value;
        else
            return refuse_member(w, it.key);
    }
    if (f.source == FIELD__COUNT || op == OP__COUNT)
        return refuse(w, "one category and one operator", leaf);
    if (f.name.n == 0 || f.name.n > LIMIT_MBOX_NAME_BYTES || !field_known(f.source, f.name)) {
        w->rc =
            diag_set_path(w->d, ERR_INVALID, w->path, "%s: unknown field '%.*s' of category '%s'", w->path,
                          (int)(f.name.n < 60 ? f.name.n : 60), f.name.n ? f.name.p : "", field_source_name(f.source));
        return NULL;
    }
    at = path_member(w, str_of(operator_names[op]));
    x = lower_operator(w, op, &f, values);
    if (x != NULL)
        path_cut(w, at);
    return x;
}

static struct rule_node *lower_node(struct lower *w, const struct json *v);

static struct rule_node *
lower_group(struct lower *w, enum rule_op op, const struct json *members)
{
    struct json_iter it = json_iter(members);
    size_t n = json_count(members), i = 0;
    struct rule_node **args;

    if (!json_is(members, JSON_ARRAY) || n == 0)
        return refuse(w, "a list of one or more conditions", members);
    if (n > LIMIT_TARGET_RULE_LEAVES) {
        w->rc =
            diag_set_path(w->d, ERR_LIMIT, w->path, "the rule has more than %d conditions", LIMIT_TARGET_RULE_LEAVES);
        return NULL;
    }
    args = ARENA_ARRAY(w->a, struct rule_node *, n);
    if (args == NULL)
        return fail_memory(w);
    for (; json_next(&it); i++) {
        size_t at = path_index(w, i);
        args[i] = lower_node(w, it.value);
        if (args[i] == NULL)
            return NULL;
        path_cut(w, at);
    }
    return n == 1 ? args[0] : node(w, op, args, n);
}

static struct rule_node *
lower_node(struct lower *w, const struct json *v)
{
    struct json_iter it = json_iter(v);
    struct rule_node *x;
    size_t at;

    if (!json_is(v, JSON_OBJECT) || !json_next(&it))
        return refuse(w, "an object with a condition", v);
    if (++w->depth > LIMIT_TARGET_RULE_DEPTH) {
        w->rc =
            diag_set_path(w->d, ERR_LIMIT, w->path, "the rule nests deeper than %d levels", LIMIT_TARGET_RULE_DEPTH);
        return NULL;
    }
    if (json_count(v) == 1 && (str_eq(it.key, S("and")) || str_eq(it.key, S("or")) || str_eq(it.key, S("not")))) {
        at = path_member(w, it.key);
        x = str_eq(it.key, S("not")) ? node1(w, RULE_NOT, lower_node(w, it.value))
                                     : lower_group(w, str_eq(it.key, S("and")) ? RULE_AND : RULE_OR, it.value);
        if (x != NULL)
            path_cut(w, at);
    } else {
        x = lower_leaf(w, v);
    }
    w->depth--;
    return x;
}

/* ---- audienceRule ---- */

static struct rule_node *lower_audience(struct lower *w, const struct json *audience);

/* The rule of audience `id` in place of the reference: equal rules become one anyway. */
static struct rule_node *
lower_reference(struct lower *w, const struct json *rule)
{
    const struct json *id = json_get(rule, S("audienceId")), *audience;
    struct rule_node *x;

    if (json_is(id, JSON_STRING) && json_str(id).n > 0)
        return lower_membership(w, json_str(id));
    if (!json_is(id, JSON_INT))
        return refuse(w, "{\"audienceId\":<number or text>}", rule);
    if (w->lookup == NULL)
        return literal(w, (struct value){.kind = VALUE_BOOL});
    audience = w->lookup(w->ctx, id_text(id, w->a));
    if (audience == NULL) {
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: no audience %lld", w->path, (long long)json_i64(id, 0));
        return NULL;
    }
    if (++w->references > AUDIENCE_DEPTH) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "audiences refer to each other over more than %d levels",
                              AUDIENCE_DEPTH);
        return NULL;
    }
    x = lower_audience(w, audience);
    w->references--;
    return x;
}

static struct rule_node *
lower_audience_rule(struct lower *w, const struct json *rule)
{
    struct str op = json_str(json_get(rule, S("restRuleOperator")));
    const struct json *rules = json_get(rule, S("rules"));
    struct json_iter it = json_iter(rules);
    size_t n = json_count(rules), i = 0;
    struct rule_node **args, *all;
    bool negate = str_eq(op, S("NOT"));

    if (!negate && !str_eq(op, S("AND")) && !str_eq(op, S("OR"))) {
        (void)path_member(w, S("restRuleOperator"));
        return refuse(w, "AND, OR or NOT", json_get(rule, S("restRuleOperator")));
    }
    (void)path_member(w, S("rules"));
    if (!json_is(rules, JSON_ARRAY) || n == 0 || n > LIMIT_ACTIVITY_AUDIENCES || (negate && n > 1))
        return refuse(w, negate ? "a list of one audience" : "a list of 1 to 50 audiences", rules);
    args = ARENA_ARRAY(w->a, struct rule_node *, n);
    if (args == NULL)
        return fail_memory(w);
    for (; json_next(&it); i++) {
        size_t at = path_index(w, i);
        args[i] = lower_reference(w, it.value);
        if (args[i] == NULL)
            return NULL;
        path_cut(w, at);
    }
    all = n == 1 ? args[0] : node(w, str_eq(op, S("OR")) ? RULE_OR : RULE_AND, args, n);
    return negate ? node1(w, RULE_NOT, all) : all;
}

static struct rule_node *
lower_audience(struct lower *w, const struct json *audience)
{
    const struct json *target = json_get(audience, S("targetRule")), *combined = json_get(audience, S("audienceRule"));
    struct rule_node *x;
    size_t at;

    if ((target == NULL) == (combined == NULL)) {
        w->rc = diag_set_path(w->d, ERR_INVALID, "targetRule", "an audience has either targetRule or audienceRule");
        return NULL;
    }
    at = path_member(w, target ? S("targetRule") : S("audienceRule"));
    /* An empty targetRule is all visitors. */
    if (target != NULL && json_is(target, JSON_OBJECT) && json_count(target) == 0)
        x = literal(w, (struct value){.kind = VALUE_BOOL, .b = true});
    else
        x = target ? lower_node(w, target) : lower_audience_rule(w, combined);
    if (x != NULL)
        path_cut(w, at);
    return x;
}

enum err
target_rule_compile(const struct json *audience, target_rule_lookup *lookup, void *ctx, struct target_rule *out,
                    struct diag *d)
{
    struct lower w = {.d = d, .lookup = lookup, .ctx = ctx};
    struct rule_node *root;
    struct rule *rule;

    w.a = malloc(sizeof(*w.a));
    if (w.a == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an audience rule");
    arena_init(w.a, LIMIT_TARGET_RULE_BYTES);
    root = lower_audience(&w, audience);
    rule = root == NULL ? NULL : rule_new(w.a, root, 2);
    if (rule == NULL) {
        arena_deinit(w.a);
        free(w.a);
        return w.rc != ERR_OK ? w.rc : diag_set(d, ERR_LIMIT, "the rule needs too much memory");
    }
    *out = (struct target_rule){rule, w.fields, w.field_count, w.hubs, w.hub_count};
    return ERR_OK;
}
