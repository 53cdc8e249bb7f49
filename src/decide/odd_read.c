/* odd_read.c - see odd_read.h: the document, rule by rule [TARGET 5.2]. */
#include <stdarg.h>
#include <stdio.h>

#include "decide/odd_read_int.h"

enum err
odd_refuse(struct odd_reader *r, const char *place, const char *fmt, ...)
{
    char what[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap); /* cut: it is for a person */
    va_end(ap);
    return diag_set_path(r->d, ERR_INVALID, place, "%s %s", place, what);
}

bool
odd_add_part(struct odd_reader *r, struct odd_parts *p, const struct json *item)
{
    /* Doubling at powers of two: the length says the capacity. */
    if ((p->n & (p->n - 1)) == 0) {
        const struct json **items = ARENA_ARRAY(r->a, const struct json *, p->n ? p->n * 2 : 1);
        if (items == NULL)
            return false;
        if (p->n > 0)
            memcpy(items, p->items, p->n * sizeof *items);
        p->items = items;
    }
    p->items[p->n++] = item;
    return true;
}

bool
odd_has_part(const struct odd_parts *p, const struct json *item)
{
    for (size_t i = 0; i < p->n; i++) {
        if (json_equal(p->items[i], item))
            return true;
    }
    return false;
}

/* ---- one rule ---- */

static enum err
want_array(struct odd_reader *r, const char *place, const char *member, const struct json *v)
{
    if (json_is(v, JSON_ARRAY))
        return ERR_OK;
    return odd_refuse(r, place, "must have %s, a list, got %s", member, json_type_name(json_type(v)));
}

static enum err
check_option(struct odd_reader *r, const char *place, const struct json *option)
{
    static const char *const types[] = {"html", "json", "redirect", "dynamic", "actions"};
    const struct json *type = json_get(option, S("type")), *content = json_get(option, S("content"));
    struct str name = json_str(type);

    if (!json_is(option, JSON_OBJECT))
        return odd_refuse(r, place, "has an option that is %s, not an object", json_type_name(json_type(option)));
    if (type == NULL && content == NULL)
        return ERR_OK; /* default content */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!str_eq(name, str_of(types[i])))
            continue;
        if (str_eq(name, S("actions")) && !json_is(content, JSON_ARRAY))
            return odd_refuse(r, place, "has an option 'actions' whose content is no list");
        if (content == NULL ||
            (!str_eq(name, S("actions")) && !str_eq(name, S("json")) && !json_is(content, JSON_STRING)))
            return odd_refuse(r, place, "has an option '%.*s' whose content is no text", STR_ARG(name));
        return ERR_OK;
    }
    return odd_refuse(r, place, "has an option of the unknown type '%.*s'", (int)(name.n < 40 ? name.n : 40), name.p);
}

static enum err
read_consequence(struct odd_reader *r, struct odd_read_rule *rule, const struct json *consequence)
{
    struct json_iter it;
    enum err rc;

    rule->options = json_get(consequence, S("options"));
    rule->metrics = json_get(consequence, S("metrics"));
    rc = want_array(r, rule->place, "consequence.options", rule->options);
    if (rc == ERR_OK)
        rc = want_array(r, rule->place, "consequence.metrics", rule->metrics);
    it = json_iter(rc == ERR_OK ? rule->options : NULL);
    while (rc == ERR_OK && json_next(&it))
        rc = check_option(r, rule->place, it.value);
    return rc;
}

/* The engine hashes meta["activity.id"]; activityId beside it must say the same [TARGET 5.3]. */
static enum err
read_ids(struct odd_reader *r, struct odd_read_rule *rule, const struct json *v)
{
    const struct json *id = json_get(rule->meta, S("activity.id")), *beside = json_get(v, S("activityId"));

    rule->activity = json_i64(id, -1);
    rule->experience = json_i64(json_get(rule->meta, S("experience.id")), -1);
    if (rule->activity < 1 || rule->activity > LIMIT_OBJECT_NUMBER)
        return odd_refuse(r, rule->place, "must have meta[\"activity.id\"], a number from 1 to %lld",
                          (long long)LIMIT_OBJECT_NUMBER);
    if (beside != NULL && json_i64(beside, -1) != rule->activity)
        return odd_refuse(r, rule->place, "has an activityId that is not its meta[\"activity.id\"]");
    if (rule->experience < 0 || rule->experience > INT32_MAX)
        return odd_refuse(r, rule->place, "must have meta[\"experience.id\"], a number from 0");
    return ERR_OK;
}

static struct odd_read_rule *
next_rule(struct odd_reader *r)
{
    if (r->rule_count == r->rule_cap) {
        size_t cap = r->rule_cap ? r->rule_cap * 2 : 64;
        struct odd_read_rule *rules = ARENA_ARRAY(r->a, struct odd_read_rule, cap);
        if (rules == NULL)
            return NULL;
        if (r->rule_count > 0)
            memcpy(rules, r->rules, r->rule_count * sizeof *rules);
        r->rules = rules;
        r->rule_cap = cap;
    }
    return &r->rules[r->rule_count++];
}

static enum err
read_rule(struct odd_reader *r, const struct odd_read_rule *at, const struct json *v)
{
    struct odd_read_rule *rule = next_rule(r);
    enum err rc;

    if (rule == NULL)
        return odd_no_room(r);
    *rule = *at;
    (void)snprintf(rule->place, sizeof rule->place, "rules.%s.%.*s[%zu]", /* cut: it is for a person */
                   at->kind == ODD_READ_VIEW ? "views" : "mboxes", (int)(at->location.n < 50 ? at->location.n : 50),
                   at->location.p, at->position);
    rule->meta = json_get(v, S("meta"));
    rule->property_tokens = json_get(v, S("propertyTokens"));
    if (!json_is(v, JSON_OBJECT) || !json_is(rule->meta, JSON_OBJECT))
        return odd_refuse(r, rule->place, "must be an object with meta");
    if (rule->property_tokens != NULL && !json_is(rule->property_tokens, JSON_ARRAY))
        return odd_refuse(r, rule->place, "must have propertyTokens, a list");
    if (json_get(v, S("condition")) == NULL)
        return odd_refuse(r, rule->place, "must have a condition");
    rc = read_ids(r, rule, v);
    if (rc == ERR_OK)
        rc = read_consequence(r, rule, json_get(v, S("consequence")));
    return rc == ERR_OK ? odd_read_condition(r, rule, json_get(v, S("condition"))) : rc;
}

/* ---- the document ---- */

static enum err
read_locations(struct odd_reader *r, const struct json *locations, bool views, struct str global)
{
    struct json_iter it = json_iter(locations), rules;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && json_next(&it)) {
        struct odd_read_rule at = {.location = it.key, .kind = views ? ODD_READ_VIEW : ODD_READ_MBOX};
        if (it.key.n == 0 || it.key.n > LIMIT_MBOX_NAME_BYTES)
            return odd_refuse(r, "rules", "has a location whose name is not 1 to %d bytes long", LIMIT_MBOX_NAME_BYTES);
        if (!views && str_eq(it.key, global))
            at.kind = ODD_READ_PAGE;
        if (!json_is(it.value, JSON_ARRAY))
            return odd_refuse(r, "rules", "must have a list of rules for '%.*s', got %s", STR_ARG(it.key),
                              json_type_name(json_type(it.value)));
        rules = json_iter(it.value);
        for (; rc == ERR_OK && json_next(&rules); at.position++)
            rc = read_rule(r, &at, rules.value);
    }
    return rc;
}

static enum err
check_head(struct odd_reader *r, const struct json *root)
{
    struct str version = json_str(json_get(root, S("version")));
    const struct json *rules = json_get(root, S("rules"));

    if (!json_is(root, JSON_OBJECT))
        return diag_set(r->d, ERR_INVALID, "an artifact is an object, got %s", json_type_name(json_type(root)));
    if (!str_starts(version, S("1.")))
        return odd_refuse(r, "version", "must be 1.x.y, got '%.*s'", (int)(version.n < 40 ? version.n : 40), version.p);
    if (!json_is(rules, JSON_OBJECT) || !json_is(json_get(rules, S("mboxes")), JSON_OBJECT))
        return odd_refuse(r, "rules", "must be an object with mboxes");
    if (json_get(rules, S("views")) != NULL && !json_is(json_get(rules, S("views")), JSON_OBJECT))
        return odd_refuse(r, "rules.views", "must be an object");
    return ERR_OK;
}

enum err
odd_read(struct str text, struct arena *a, struct odd_read *out, struct diag *d)
{
    struct odd_read result = {0};
    struct odd_reader r = {.a = a, .d = d, .out = &result};
    const struct json *root = NULL, *meta;
    struct str global;
    enum err rc;

    if (text.n > LIMIT_ODD_BYTES)
        return diag_set(d, ERR_LIMIT, "the artifact has %zu bytes, at most %d are read", text.n, LIMIT_ODD_BYTES);
    rc = json_parse(text, a, &root, d);
    if (rc == ERR_OK)
        rc = check_head(&r, root);
    if (rc != ERR_OK)
        return rc;
    meta = json_get(root, S("meta"));
    result.client = json_str(json_get(meta, S("clientCode")));
    result.org = json_str(json_get(meta, S("organizationId")));
    result.environment = json_str(json_get(meta, S("environment")));
    result.response_tokens = json_get(root, S("responseTokens"));
    result.remote_mboxes = json_get(root, S("remoteMboxes"));
    result.remote_views = json_get(root, S("remoteViews"));
    global = json_str(json_get(root, S("globalMbox")));
    rc = read_locations(&r, json_path(root, S("rules.mboxes")), false, global.n ? global : S("target-global-mbox"));
    if (rc == ERR_OK)
        rc = read_locations(&r, json_path(root, S("rules.views")), true, global);
    result.rule_count = r.rule_count;
    if (rc == ERR_OK)
        rc = odd_read_group(&r);
    if (rc == ERR_OK)
        rc = odd_read_order(&r);
    if (rc == ERR_OK)
        *out = result;
    return rc;
}
