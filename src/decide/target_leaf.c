/* target_leaf.c - one condition of a targetRule: a category, a field, an operator and its values [TARGET 4.1 .. 4.3].
 */
#include "decide/target_int.h"

static const char *const operator_names[] = {"equals",   "equalsIgnoreCase", "contains",    "startsWith",
                                             "endsWith", "matches",          "greaterThan", "greaterThanOrEquals",
                                             "lessThan", "lessThanOrEquals", "exists",      "hasValue",
                                             "between"};
_Static_assert(sizeof(operator_names) / sizeof(operator_names[0]) == OP__COUNT, "a name per operator");

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

bool
target_source(struct str key, enum field_source *source)
{
    static const struct {
        const char *key;
        enum field_source source;
    } table[] = {
        {"mbox", FIELD_MBOX},       {"profile", FIELD_PROFILE},   {"user", FIELD_PROFILE},
        {"page", FIELD_PAGE},       {"referrer", FIELD_REFERRER}, {"landing", FIELD_LANDING},
        {"browser", FIELD_BROWSER}, {"platform", FIELD_PLATFORM}, {"mobile", FIELD_MOBILE},
        {"geo", FIELD_GEO},         {"network", FIELD_NETWORK},   {"source", FIELD_SOURCE},
        {"aep", FIELD_AEP},         {"crs", FIELD_CUSTOMER},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_eq(key, str_of(table[i].key))) {
            *source = table[i].source;
            return true;
        }
    }
    return false;
}

bool
target_operator(struct str key, enum leaf_op *op)
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
refuse_member(struct lower *w, struct str key)
{
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: unknown member '%.*s'", w->path,
                          (int)(key.n < 60 ? key.n : 60), key.p);
    diag_hint(w->d, "a leaf is one category (mbox, profile, user, page, referrer, landing, browser, platform, mobile, "
                    "geo, network, source, time, audience, library, aep, crs) and one operator");
    return NULL;
}

/* exists and hasValue: [true] or [false]. */
static struct rule_node *
lower_presence(struct lower *w, enum leaf_op op, const struct field *f, const struct json *values)
{
    const struct json *first = json_is(values, JSON_ARRAY) && json_count(values) == 1 ? json_at(values, 0) : NULL;

    if (!json_is(first, JSON_BOOL))
        return target_refuse(w, "[true] or [false]", values);
    return target_present(w, op, f, json_bool(first, true));
}

static struct rule_node *
lower_operator(struct lower *w, enum leaf_op op, const struct field *f, const struct json *values)
{
    bool custom =
        f->source == FIELD_MBOX || f->source == FIELD_PROFILE || f->source == FIELD_AEP || f->source == FIELD_CUSTOMER;
    struct rule_node *x;
    struct str *texts;
    size_t n;

    if (op == OP_EXISTS || op == OP_HAS_VALUE)
        return lower_presence(w, op, f, values);
    texts = target_values(w, values, &n);
    if (texts == NULL)
        return NULL;
    if (target_special(w, op, f, texts, n, &x))
        return x;
    return target_holds(w, op, target_param(w, f->source, f->name), texts, n, custom);
}

/* The category, field, operator and values of a leaf that has them. */
static bool
read_leaf(struct lower *w, const struct json *leaf, struct field *f, enum leaf_op *op, const struct json **values)
{
    struct json_iter it = json_iter(leaf);

    while (json_next(&it)) {
        if (f->source == FIELD__COUNT && target_source(it.key, &f->source)) {
            f->name = json_str(it.value);
        } else if (*op == OP__COUNT && target_operator(it.key, op)) {
            *values = it.value;
        } else {
            (void)refuse_member(w, it.key);
            return false;
        }
    }
    if (f->source == FIELD__COUNT || *op == OP__COUNT) {
        (void)target_refuse(w, "one category and one operator", leaf);
        return false;
    }
    return true;
}

/* Parameters that the clients' libraries send about themselves are nobody's to target on [TARGET 4.2]. */
static bool
is_internal(const struct field *f)
{
    return f->source == FIELD_MBOX && str_starts(f->name, S("mbox")) && f->name.n > 4 && f->name.p[4] >= 'A' &&
           f->name.p[4] <= 'Z';
}

struct rule_node *
target_leaf(struct lower *w, const struct json *leaf)
{
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
        return target_time(w, leaf);
    if (json_get(leaf, S("audience")) != NULL)
        return lower_hub(w, leaf);
    if (json_get(leaf, S("library")) != NULL)
        return target_library(w, leaf);
    if (!read_leaf(w, leaf, &f, &op, &values))
        return NULL;
    if (f.name.n == 0 || f.name.n > LIMIT_MBOX_NAME_BYTES || is_internal(&f) || !field_known(f.source, f.name)) {
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
