/* config_target.c - checks of the Target part's smaller objects [TARGET 2.6, 6.2, 6.5, 6.6]: environments, hosts,
 * exclusion groups, profile scripts, settings. What refers to others is asked when it is saved, not when it is read
 * from the log: the other may come later there. */
#include "base/limits.h"
#include "config/config_int.h"
#include "config/tenant.h"
#include "script/script.h"

/* ---- names ---- */

static enum err
check_name(const struct config_objects *all, const struct config_object *o, size_t bytes_max, struct str *name,
           struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    enum err rc = want_str(o->json, "name", true, bytes_max, name, d);

    for (size_t i = 0; rc == ERR_OK && b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && str_eq_nocase(json_str(json_get(b->by_id[i]->json, S("name"))), *name))
            rc = diag_set_path(d, ERR_EXISTS, "name", "name '%.*s' is in use by %.*s %.*s", STR_ARG(*name),
                               STR_ARG(o->kind), STR_ARG(b->by_id[i]->id));
    }
    return rc;
}

/* Member `member` of o is the number of an object of `kind`, or of one that is there without an object. */
static enum err
check_refers(const struct config_objects *all, const struct config_object *o, const struct json *v, const char *member,
             const char *kind, int64_t built_in, struct diag *d)
{
    char text[24];
    int64_t id = json_i64(v, 0);
    int n = snprintf(text, sizeof text, "%lld", (long long)id);

    if (!json_is(v, JSON_INT) || id <= 0)
        return diag_set_path(d, ERR_INVALID, member, "member '%s' must be the number of an object of kind %s", member,
                             kind);
    if (all->trusted || id == built_in || objects_get(all, str_of(kind), o->scope, (struct str){text, (size_t)n}))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, member, "%s %lld does not exist", kind, (long long)id);
}

/* ---- environments and hosts ---- */

enum err
check_environment(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str name = S_NULL;
    bool inactive;
    enum err rc = check_numeric(o, d);

    if (rc == ERR_OK)
        rc = check_name(all, o, LIMIT_OBJECT_NAME_BYTES, &name, d);
    if (rc == ERR_OK)
        rc = want_bool(o->json, "serveInactiveActivities", false, &inactive, d);
    if (rc == ERR_OK && str_eq(o->id, S("1")) != str_eq_nocase(name, S("Production")))
        rc = diag_set_path(d, ERR_INVALID, "name", "environment 1, and no other, has the name Production");
    return rc;
}

enum err
check_host(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    for (size_t i = 0; i < o->id.n; i++) {
        char c = o->id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':'))
            return diag_set_path(d, ERR_INVALID, "name",
                                 "host name '%.*s' may have lower-case letters, digits, dots and hyphens",
                                 STR_ARG(o->id));
    }
    return check_refers(all, o, json_get(o->json, S("environmentId")), "environmentId", "environment",
                        ENVIRONMENT_PRODUCTION, d);
}

/* ---- exclusion groups ---- */

static bool
group_has(const struct json *group, int64_t activity)
{
    struct json_iter it = json_iter(json_get(group, S("ranges")));

    while (json_next(&it)) {
        if (json_i64(json_get(it.value, S("activityId")), 0) == activity)
            return true;
    }
    return false;
}

/* An activity is in one group only, and once. */
static enum err
check_member(const struct config_objects *all, const struct config_object *o, size_t before, int64_t activity,
             struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    struct json_iter it = json_iter(json_get(o->json, S("ranges")));

    for (size_t i = 0; i < before && json_next(&it); i++) {
        if (json_i64(json_get(it.value, S("activityId")), 0) == activity)
            return diag_set_path(d, ERR_INVALID, "ranges", "activity %lld has two ranges", (long long)activity);
    }
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && group_has(b->by_id[i]->json, activity))
            return diag_set_path(d, ERR_INVALID, "ranges", "activity %lld is in exclusion group %.*s already",
                                 (long long)activity, STR_ARG(b->by_id[i]->id));
    }
    return ERR_OK;
}

enum err
check_exclusion_group(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct json *ranges = json_get(o->json, S("ranges"));
    struct json_iter it = json_iter(ranges);
    struct str name = S_NULL;
    int64_t sum = 0;
    size_t n = 0;
    enum err rc = check_numeric(o, d);

    if (rc == ERR_OK)
        rc = check_name(all, o, LIMIT_OBJECT_NAME_BYTES, &name, d);
    if (rc == ERR_OK && !json_is(ranges, JSON_ARRAY))
        rc = diag_set_path(d, ERR_INVALID, "ranges", "member 'ranges' must be a list of activityId and percent");
    for (; rc == ERR_OK && json_next(&it); n++) {
        const struct json *activity = json_get(it.value, S("activityId")), *percent = json_get(it.value, S("percent"));
        int64_t share = json_i64(percent, -1);
        rc = check_refers(all, o, activity, "activityId", "activity", 0, d);
        if (rc == ERR_OK)
            rc = check_member(all, o, n, json_i64(activity, 0), d);
        if (rc == ERR_OK && (!json_is(percent, JSON_INT) || share < 0 || share > 100))
            rc = diag_set_path(d, ERR_INVALID, "percent", "member 'percent' must be an integer from 0 to 100");
        sum += share;
    }
    if (rc == ERR_OK && sum > 100)
        rc = diag_set_path(d, ERR_INVALID, "ranges", "the ranges have %lld percent together, at most 100 can be given",
                           (long long)sum);
    return rc;
}

/* ---- profile scripts ---- */

static size_t
characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0u) != 0x80u;
    return n;
}

static bool
is_active(const struct config_object *o)
{
    return json_bool(json_get(o->json, S("active")), true);
}

static enum err
check_active_scripts(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    size_t n = 0;

    for (size_t i = 0; b != NULL && i < b->n; i++)
        n += is_active(b->by_id[i]);
    if (n > LIMIT_SCRIPTS)
        return diag_set_path(d, ERR_LIMIT, "active", "a sandbox has at most %d active profile scripts", LIMIT_SCRIPTS);
    return ERR_OK;
}

enum err
check_profile_script(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str name = S_NULL, script = S_NULL;
    bool active;
    enum err rc = check_numeric(o, d);

    if (rc == ERR_OK)
        rc = check_name(all, o, LIMIT_SCRIPT_NAME_CHARS, &name, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "script", true, (size_t)LIMIT_SCRIPT_CHARS * 4, &script, d);
    if (rc == ERR_OK && characters(script) > LIMIT_SCRIPT_CHARS)
        rc = diag_set_path(d, ERR_LIMIT, "script", "the script has %zu characters, allowed are %d", characters(script),
                           LIMIT_SCRIPT_CHARS);
    if (rc == ERR_OK)
        rc = want_bool(o->json, "active", true, &active, d);
    if (rc == ERR_OK && !all->trusted)
        rc = script_check(script, d);
    return rc == ERR_OK ? check_active_scripts(all, o, d) : rc;
}

/* ---- settings ---- */

static enum err
check_texts(const struct config_object *o, const char *member, struct diag *d)
{
    const struct json *list = json_path(o->json, str_of(member));
    struct json_iter it = json_iter(list);

    if (list != NULL && !json_is(list, JSON_ARRAY))
        return diag_set_path(d, ERR_INVALID, member, "member '%s' must be a list of texts", member);
    while (json_next(&it)) {
        if (!json_is(it.value, JSON_STRING) || json_str(it.value).n == 0)
            return diag_set_path(d, ERR_INVALID, member, "member '%s' must be a list of texts that are not empty",
                                 member);
    }
    return ERR_OK;
}

static enum err
check_hosts(const struct config_object *o, struct diag *d)
{
    bool on;
    enum err rc = want_bool(o->json, "enabledConstraints", true, &on, d);

    if (rc == ERR_OK)
        rc = check_texts(o, "authorizedMboxHostsConstraint.contains", d);
    return rc == ERR_OK ? check_texts(o, "blockedMboxHostsConstraint.contains", d) : rc;
}

static enum err
check_client_settings(const struct config_object *o, struct diag *d)
{
    static const char *const flags[] = {"enableProfileApiAuthentication",
                                        "onDeviceDecisioning",
                                        "a4TEnabled",
                                        "permissionEnabled",
                                        "geoLocationEnabled",
                                        "explain"};
    struct str ns = S_NULL, ip = S_NULL;
    enum err rc = want_str(o->json, "thirdPartyIdNamespace", false, LIMIT_NAMESPACE_BYTES, &ns, d);
    bool on;

    for (size_t i = 0; rc == ERR_OK && i < sizeof flags / sizeof *flags; i++)
        rc = want_bool(o->json, flags[i], false, &on, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "ipObfuscation", false, 32, &ip, d);
    if (rc == ERR_OK && ip.n > 0 && !str_eq(ip, S("NONE")) && !str_eq(ip, S("LAST_OCTET")) && !str_eq(ip, S("STRIP")))
        rc = diag_set_path(d, ERR_INVALID, "ipObfuscation", "ipObfuscation must be NONE, LAST_OCTET or STRIP");
    return rc == ERR_OK ? check_texts(o, "allowedRemoteOfferUrlPatterns", d) : rc;
}

enum err
check_target_settings(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    (void)all;
    if (str_eq(o->id, S("settings")))
        return check_client_settings(o, d);
    if (str_eq(o->id, S("authorizedHosts")))
        return check_hosts(o, d);
    return diag_set_path(d, ERR_INVALID, "id", "settings have the id 'settings' or 'authorizedHosts', not '%.*s'",
                         STR_ARG(o->id));
}
