/* target_leaf.c - one condition of a targetRule: a category, a field, an operator and its values [TARGET 4.1 .. 4.3].
 */
#include "decide/target_int.h"

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
        return (void *)target_refuse(w, "a list of one or more values", values);
    if (*n > LIMIT_TARGET_RULE_VALUES) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "%s has %zu values, at most %d are allowed", w->path, *n,
                              LIMIT_TARGET_RULE_VALUES);
        return NULL;
    }
    texts = ARENA_ARRAY(w->a, struct str, *n);
    if (texts == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; json_next(&it); i++) {
        size_t at = target_path_index(w, i);
        if (!leaf_text(w, it.value, &texts[i]))
            return (void *)target_refuse(w, "a string, a number or a boolean", it.value);
        target_path_cut(w, at);
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
        return target_compare(w, CMP_EQ, subject, literals[0]);
    list = target_node(w, RULE_LIST, literals, n);
    values = ARENA_NEW(w->a, struct value_list);
    items = ARENA_ARRAY(w->a, struct value, n);
    if (list == NULL || values == NULL || items == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++)
        items[i] = literals[i]->value;
    *values = (struct value_list){.items = items, .n = n};
    list->type = TYPE_LIST;
    list->value = (struct value){.kind = VALUE_LIST, .list = values};
    return target_node2(w, RULE_IN, subject, list);
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
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        struct rule_node *number = target_number(w, texts[i]), *word;
        if (number == NULL)
            return NULL;
        if (number->value.kind != VALUE_NULL) {
            numbers[number_count++] = number;
            continue;
        }
        word = exact ? target_text(w, texts[i]) : target_folded(w, FN_LOWER, texts[i]);
        if (word == NULL)
            return NULL;
        words[word_count++] = word;
    }
    if (number_count > 0)
        either[parts++] = one_of(w, target_number_of(w, field), numbers, number_count);
    if (word_count > 0)
        either[parts++] = one_of(w, exact ? field : target_call1(w, FN_LOWER, field), words, word_count);
    if (w->rc != ERR_OK)
        return NULL;
    return target_any_of(w, either, parts);
}

static struct rule_node *
lower_text(struct lower *w, enum rule_fn fn, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = target_call1(w, FN_LOWER, field);

    if (args == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        args[i] = target_call2(w, fn, subject, target_folded(w, FN_LOWER, texts[i]));
        if (args[i] == NULL)
            return NULL;
    }
    return target_any_of(w, args, n);
}

static struct rule_node *
lower_order(struct lower *w, enum value_cmp cmp, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = target_number_of(w, field);

    if (args == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        struct rule_node *number = target_number(w, texts[i]);
        if (number == NULL)
            return NULL;
        if (number->value.kind == VALUE_NULL) {
            w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s[%zu] must be a decimal number, got '%.*s'", w->path,
                                  i, (int)(texts[i].n < 40 ? texts[i].n : 40), texts[i].p);
            return NULL;
        }
        args[i] = target_compare(w, cmp, subject, number);
        if (args[i] == NULL)
            return NULL;
    }
    return target_any_of(w, args, n);
}

/* exists and hasValue: [true] or [false]. */
static struct rule_node *
lower_presence(struct lower *w, enum leaf_op op, struct rule_node *field, bool is_boolean, const struct json *values)
{
    const struct json *first = json_is(values, JSON_ARRAY) && json_count(values) == 1 ? json_at(values, 0) : NULL;
    struct rule_node *there;

    if (!json_is(first, JSON_BOOL))
        return target_refuse(w, "[true] or [false]", values);
    if (is_boolean)
        return target_compare(w, CMP_EQ, field, target_text(w, json_bool(first, true) ? S("true") : S("false")));
    there = op == OP_EXISTS ? target_call1(w, FN_IS_NOT_NULL, field)
                            : target_compare(w, CMP_NE, field, target_text(w, S("")));
    return json_bool(first, true) ? there : target_node1(w, RULE_NOT, there);
}

/* One type of browser. "safari" includes the mobile one; what the user agent rules cannot tell apart has fields of its
 * own. */
static struct rule_node *
lower_browser_type(struct lower *w, struct str name)
{
    static const char *const own[] = {"iphone", "ipad", "opera"};
    struct rule_node *type = target_param(w, FIELD_BROWSER, S("type"));
    struct str mobile = S("mobile safari");

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (str_eq_nocase(name, str_of(own[i])))
            return target_compare(w, CMP_EQ, target_param(w, FIELD_BROWSER, str_of(own[i])), target_text(w, S("true")));
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
    struct rule_node *field = target_param(w, f->source, f->name);
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
            return target_fail_memory(w);
        for (size_t i = 0; i < n; i++) {
            types[i] = lower_browser_type(w, texts[i]);
            if (types[i] == NULL)
                return NULL;
        }
        return target_any_of(w, types, n);
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
    return target_compare(w, cmp, target_call1(w, FN_NUMBER, target_param(w, FIELD_TIME, str_of(field))),
                          target_literal(w, (struct value){.kind = VALUE_INT, .i = limit}));
}

static struct rule_node *
lower_range(struct lower *w, const struct json *between)
{
    int64_t from, to;

    if (json_count(between) != 2 || !json_is(between, JSON_ARRAY) || !time_value(json_at(between, 0), &from) ||
        !time_value(json_at(between, 1), &to) || from > to)
        return target_refuse(w, "two ISO 8601 instants, the earlier first", between);
    return target_node2(w, RULE_AND, time_bound(w, "ms", CMP_GE, from), time_bound(w, "ms", CMP_LE, to));
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
    size_t n = 0, at = target_path_member(w, S("days"));
    int64_t from, to;

    if (any == NULL)
        return target_fail_memory(w);
    if (!json_is(days, JSON_ARRAY) || json_count(days) < 1 || json_count(days) > 7)
        return target_refuse(w, "a list of days, 1 (Monday) to 7", days);
    while (json_next(&it)) {
        int64_t number = json_i64(it.value, 0);
        if (number < 1 || number > 7)
            return target_refuse(w, "a list of days, 1 (Monday) to 7", days);
        any[n++] = time_bound(w, "day", CMP_EQ, number);
        if (any[n - 1] == NULL)
            return NULL;
    }
    target_path_cut(w, at);
    day = target_any_of(w, any, n);
    if (between == NULL)
        return day;
    at = target_path_member(w, S("between"));
    from = json_count(between) == 2 ? time_of_day(json_at(between, 0)) : -1;
    to = json_count(between) == 2 ? time_of_day(json_at(between, 1)) : -1;
    if (!json_is(between, JSON_ARRAY) || from < 0 || to < 0)
        return target_refuse(w, "two times of day such as \"0900\"", between);
    target_path_cut(w, at);
    time = target_node2(w, from <= to ? RULE_AND : RULE_OR, time_bound(w, "hhmm", CMP_GE, from),
                        time_bound(w, "hhmm", CMP_LE, to));
    return target_node2(w, RULE_AND, day, time);
}

static struct rule_node *
lower_time(struct lower *w, const struct json *leaf)
{
    struct str kind = json_str(json_get(leaf, S("time")));
    const struct json *between = json_get(leaf, S("between"));
    size_t at;

    if (str_eq(kind, S("range")) && json_count(leaf) == 2) {
        at = target_path_member(w, S("between"));
        struct rule_node *x = lower_range(w, between);
        if (x != NULL)
            target_path_cut(w, at);
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

struct rule_node *
target_membership(struct lower *w, struct str id)
{
    struct rule_node *x = target_call1(w, FN_IN_SEGMENT, target_text(w, id));

    if (x == NULL)
        return NULL;
    if (w->hub_count == w->hub_cap) {
        size_t cap = w->hub_cap ? w->hub_cap * 2 : 4;
        struct str *hubs = ARENA_ARRAY(w->a, struct str, cap);
        if (hubs == NULL)
            return target_fail_memory(w);
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
        return target_refuse(w, "{\"audience\":\"<id>\"}", leaf);
    if (json_count(leaf) == 2 && json_count(exists) == 1 && json_is(json_at(exists, 0), JSON_BOOL))
        wanted = json_bool(json_at(exists, 0), true);
    else if (json_count(leaf) != 1)
        return target_refuse(w, "{\"audience\":\"<id>\"}, with \"exists\":[true] or [false] at most", leaf);
    member = target_membership(w, id);
    return wanted ? member : target_node1(w, RULE_NOT, member);
}

/* ---- one leaf ---- */

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

struct rule_node *
target_leaf(struct lower *w, const struct json *leaf)
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
        return target_refuse(w, "one category and one operator", leaf);
    if (f.name.n == 0 || f.name.n > LIMIT_MBOX_NAME_BYTES || !field_known(f.source, f.name)) {
        w->rc =
            diag_set_path(w->d, ERR_INVALID, w->path, "%s: unknown field '%.*s' of category '%s'", w->path,
                          (int)(f.name.n < 60 ? f.name.n : 60), f.name.n ? f.name.p : "", field_source_name(f.source));
        return NULL;
    }
    at = target_path_member(w, str_of(operator_names[op]));
    x = lower_operator(w, op, &f, values);
    if (x != NULL)
        target_path_cut(w, at);
    return x;
}
