/* config_target.c - the kinds of the Target part [TARGET 6.2]: activities and what they are made of, and the settings
 * of a client. What an activity, an offer or an audience must look like says decide/; here is what needs the others. */
#include "config/config_int.h"

#include "base/limits.h"
#include "codec/url.h"

#define PRODUCTION "Production"

/* ---- reading members ---- */

/* Target's ids are positive numbers. */
static enum err
want_number_id(const struct config_object *o, struct diag *d)
{
    int64_t n;

    if (!str_to_i64(o->id, &n) || n <= 0)
        return diag_set_path(d, ERR_INVALID, "id", "%.*s id '%.*s' must be a positive number", STR_ARG(o->kind),
                             STR_ARG(o->id));
    return want_id(o, "id", d);
}

static enum err
want_int(const struct json *v, const char *member, int64_t low, int64_t high, struct diag *d)
{
    if (json_is(v, JSON_INT) && json_i64(v, low) >= low && json_i64(v, low) <= high)
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, member, "%s must be an integer from %lld to %lld", member, (long long)low,
                         (long long)high);
}

/* A name that no other of the kind has; case does not count. */
static enum err
want_name(const struct config_objects *all, const struct config_object *o, const char *member, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    struct str name = S_NULL;
    enum err rc = want_str(o->json, member, true, LIMIT_OBJECT_NAME_BYTES, &name, d);

    for (size_t i = 0; rc == ERR_OK && b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && str_eq_nocase(json_str(json_get(b->by_id[i]->json, str_of(member))), name))
            rc = diag_set_path(d, ERR_EXISTS, member, "%.*s %s '%.*s' is in use", STR_ARG(o->kind), member,
                               STR_ARG(name));
    }
    return rc;
}

/* On the log the other may come later: there it is not asked for. */
static bool
number_exists(const struct config_objects *all, const char *kind, struct str scope, const struct json *id)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)json_i64(id, -1));

    return json_is(id, JSON_INT) &&
           (all->trusted || objects_get(all, str_of(kind), scope, (struct str){text, (size_t)n}) != NULL);
}

/* ---- what activities are made of ---- */

static enum err
check_property(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    struct str token = S_NULL;
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "token", true, 128, &token, d);
    for (size_t i = 0; rc == ERR_OK && b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && str_eq(json_str(json_get(b->by_id[i]->json, S("token"))), token))
            rc = diag_set_path(d, ERR_EXISTS, "token", "property token '%.*s' is in use", STR_ARG(token));
    }
    return rc;
}

static enum err
check_target_audience(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    enum err rc = want_number_id(o, d);

    (void)all;
    return rc == ERR_OK ? decide_check_audience(o->json, d) : rc;
}

/* Where the settings have a list, a remote offer that nobody may show is a mistake. What was saved before the list is
 * asked when it is fetched. */
static enum err
check_remote(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    const struct config_object *settings = objects_get(all, S("targetSettings"), o->scope, S("settings"));
    const struct json *patterns =
        settings != NULL ? json_get(settings->json, S("allowedRemoteOfferUrlPatterns")) : NULL;
    struct str url = json_str(json_get(o->json, S("content")));
    struct json_iter it = json_iter(patterns);

    if (json_count(patterns) == 0 || !decide_offer_is_remote(o->json))
        return ERR_OK;
    while (json_next(&it)) {
        if (url_matches(url, json_str(it.value)))
            return ERR_OK;
    }
    return diag_set_path(d, ERR_INVALID, "offer.content",
                         "offer.content must match one of the settings' allowedRemoteOfferUrlPatterns, got '%.*s'",
                         STR_ARG(str_slice(url, 0, 100)));
}

static enum err
check_offer(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = decide_check_offer(o->json, d);
    return rc == ERR_OK && !all->trusted ? check_remote(all, o, d) : rc;
}

struct known {
    const struct config_objects *all;
    struct str scope;
};

static bool
known(void *ctx, const char *kind, struct str id)
{
    const struct known *k = ctx;

    if (strcmp(kind, "audience") == 0) /* a number is Target's own, text is the hub's */
        return objects_get(k->all, S("targetAudience"), k->scope, id) != NULL ||
               objects_get(k->all, S("audience"), k->scope, id) != NULL;
    return objects_get(k->all, str_of(kind), k->scope, id) != NULL;
}

bool
target_is_deleted(const struct config_object *o)
{
    return str_eq(o->kind, S("activity")) && str_eq(json_str(json_get(o->json, S("state"))), S("deleted"));
}

static size_t
live_count(const struct config_bucket *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += !target_is_deleted(b->by_id[i]);
    return n;
}

static bool
group_has(const struct json *group, const struct json *activity, const struct json *but)
{
    struct json_iter it = json_iter(json_get(group, S("ranges")));

    while (json_next(&it)) {
        if (it.value != but && json_equal(json_get(it.value, S("activityId")), activity))
            return true;
    }
    return false;
}

static enum err
check_range(const struct config_objects *all, const struct config_object *o, const struct json *range, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    const struct json *activity = json_get(range, S("activityId"));
    long long id = (long long)json_i64(activity, 0);

    if (!number_exists(all, "activity", o->scope, activity))
        return diag_set_path(d, ERR_INVALID, "ranges.activityId", "activity %lld does not exist", id);
    if (group_has(o->json, activity, range))
        return diag_set_path(d, ERR_INVALID, "ranges.activityId", "activity %lld has two ranges", id);
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && group_has(b->by_id[i]->json, activity, NULL))
            return diag_set_path(d, ERR_INVALID, "ranges.activityId",
                                 "activity %lld is in exclusion group %.*s already", id, STR_ARG(b->by_id[i]->id));
    }
    return want_int(json_get(range, S("percent")), "ranges.percent", 0, 100, d);
}

/* Ranges of one group lie side by side, so they have 100 percent together; an activity has one [TARGET 2.6]. */
static enum err
check_exclusion_group(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct json *ranges = json_get(o->json, S("ranges"));
    struct json_iter it = json_iter(ranges);
    int64_t sum = 0;
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = want_name(all, o, "name", d);
    if (rc == ERR_OK && (!json_is(ranges, JSON_ARRAY) || json_count(ranges) > LIMIT_GROUP_RANGES))
        rc = diag_set_path(d, ERR_INVALID, "ranges", "ranges must be a list of at most %d objects", LIMIT_GROUP_RANGES);
    while (rc == ERR_OK && json_next(&it)) {
        rc = check_range(all, o, it.value, d);
        sum += json_i64(json_get(it.value, S("percent")), 0);
    }
    if (rc == ERR_OK && sum > 100)
        rc = diag_set_path(d, ERR_INVALID, "ranges", "the ranges have %lld percent together, more than 100",
                           (long long)sum);
    return rc;
}

/* What is deleted has no range any more. */
static enum err
check_groupless(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("exclusionGroup"), o->scope);

    for (size_t i = 0; b != NULL && i < b->n && !all->trusted; i++) {
        if (group_has(b->by_id[i]->json, json_get(o->json, S("id")), NULL))
            return diag_set_path(d, ERR_INVALID, "id", "activity %.*s is in exclusion group %.*s", STR_ARG(o->id),
                                 STR_ARG(b->by_id[i]->id));
    }
    return ERR_OK;
}

/* What a deleted activity named may be gone since. */
static enum err
check_activity(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, o->kind, o->scope);
    struct known ctx = {all, o->scope};
    struct decide_known k = {known, &ctx};
    enum err rc = want_number_id(o, d);

    if (rc != ERR_OK || target_is_deleted(o))
        return rc == ERR_OK ? check_groupless(all, o, d) : rc;
    if (b->n > LIMIT_ACTIVITIES && live_count(b) > LIMIT_ACTIVITIES)
        return diag_set(d, ERR_LIMIT, "a sandbox holds at most %d activities", LIMIT_ACTIVITIES);
    return decide_check_activity(o->json, &k, d);
}

/* Written by the hub: weights and models of one activity. */
static enum err
check_learned(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    enum err rc = want_number_id(o, d);

    (void)all;
    return rc == ERR_OK ? want_int(json_get(o->json, S("version")), "version", 0, INT64_MAX, d) : rc;
}

/* ---- where requests come from ---- */

/* Number 1 is Production, which is there without an object, too (tenant.h). */
static enum err
check_environment(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str name = json_str(json_get(o->json, S("name")));
    bool production = str_eq(o->id, S("1")), flag;
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = want_name(all, o, "name", d);
    if (rc == ERR_OK && production && !str_eq(name, S(PRODUCTION)))
        rc = diag_set_path(d, ERR_INVALID, "name", "environment 1 is named " PRODUCTION);
    if (rc == ERR_OK && !production && str_eq_nocase(name, S(PRODUCTION)))
        rc = diag_set_path(d, ERR_INVALID, "name", "environment 1 is named " PRODUCTION);
    if (rc == ERR_OK)
        rc = want_bool(o->json, "serveInactiveActivities", false, &flag, d);
    return rc == ERR_OK ? want_bool(o->json, "default", false, &flag, d) : rc;
}

static enum err
want_environment(const struct config_objects *all, const struct config_object *o, const char *member, struct diag *d)
{
    const struct json *id = json_get(o->json, str_of(member));

    if (number_exists(all, "environment", o->scope, id) || (json_is(id, JSON_INT) && json_i64(id, 0) == 1))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, member, "%s must be the number of an environment", member);
}

static enum err
check_host(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    enum err rc = want_id(o, "name", d);

    for (size_t i = 0; rc == ERR_OK && i < o->id.n; i++) {
        char c = o->id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':'))
            rc =
                diag_set_path(d, ERR_INVALID, "name",
                              "host name '%.*s' may have lower-case letters, digits, dots and hyphens", STR_ARG(o->id));
    }
    return rc == ERR_OK ? want_environment(all, o, "environmentId", d) : rc;
}

/* ---- scripts and response tokens ---- */

static size_t
active_scripts(const struct config_bucket *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += json_bool(json_get(b->by_id[i]->json, S("active")), true);
    return n;
}

/* The name is an attribute's: user.<name> [TARGET 7.3]. */
static enum err
check_script_name(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    struct str name = json_str(json_get(o->json, S("name")));
    enum err rc = want_name(all, o, "name", d);

    if (rc == ERR_OK && name.n > LIMIT_SCRIPT_NAME_CHARS)
        return diag_set_path(d, ERR_LIMIT, "name", "a script's name has at most %d characters",
                             LIMIT_SCRIPT_NAME_CHARS);
    for (size_t i = 0; rc == ERR_OK && i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'))
            rc = diag_set_path(d, ERR_INVALID, "name", "a script's name has letters, digits, '_' and '-' only");
    }
    return rc;
}

static enum err
check_profile_script(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str text = S_NULL;
    bool active = true;
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = check_script_name(all, o, d);
    if (rc == ERR_OK)
        rc = want_bool(o->json, "active", true, &active, d);
    if (rc == ERR_OK && active && active_scripts(objects_bucket(all, o->kind, o->scope)) > LIMIT_SCRIPTS)
        rc = diag_set_path(d, ERR_LIMIT, "active", "at most %d scripts may be active", LIMIT_SCRIPTS);
    if (rc == ERR_OK)
        rc = want_str(o->json, "script", true, LIMIT_SCRIPT_CHARS * 4, &text, d);
    if (rc == ERR_OK && !all->trusted) { /* text on the log was checked when it was saved */
        rc = script_check(text, d);
        if (rc != ERR_OK)
            (void)snprintf(d->path, sizeof d->path, "script");
    }
    return rc;
}

static enum err
check_response_token(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    bool active;
    enum err rc = want_number_id(o, d);

    if (rc == ERR_OK)
        rc = want_name(all, o, "token", d);
    return rc == ERR_OK ? want_bool(o->json, "active", true, &active, d) : rc;
}

/* ---- settings ---- */

static int
two_digits(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : 100;
}

/* Zones with summer time would need their history; an offset does not. */
bool
target_zone_minutes(struct str zone, int *minutes)
{
    struct str rest = str_starts(zone, S("UTC")) || str_starts(zone, S("GMT")) ? str_slice(zone, 3, zone.n) : zone;
    int hours, rest_minutes;

    *minutes = 0;
    if (rest.n == 0)
        return true;
    if (rest.n != 6 || (rest.p[0] != '+' && rest.p[0] != '-') || rest.p[3] != ':')
        return false;
    hours = two_digits(rest.p + 1);
    rest_minutes = two_digits(rest.p + 4);
    if (hours > 14 || rest_minutes > 59)
        return false;
    *minutes = (rest.p[0] == '-' ? -1 : 1) * (hours * 60 + rest_minutes);
    return true;
}

static enum err
want_texts(const struct json *list, const char *member, struct diag *d)
{
    struct json_iter it = json_iter(list);

    if (list != NULL && (!json_is(list, JSON_ARRAY) || json_count(list) > LIMIT_SETTING_TEXTS))
        return diag_set_path(d, ERR_INVALID, member, "%s must be a list of at most %d texts", member,
                             LIMIT_SETTING_TEXTS);
    while (json_next(&it)) {
        if (!json_is(it.value, JSON_STRING) || json_str(it.value).n == 0)
            return diag_set_path(d, ERR_INVALID, member, "%s must be a list of texts that are not empty", member);
    }
    return ERR_OK;
}

static enum err
check_client(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    static const char *const flags[] = {"enableProfileApiAuthentication",
                                        "onDeviceDecisioning",
                                        "onDeviceDecisioningActivityQualification",
                                        "a4TEnabled",
                                        "permissionEnabled",
                                        "mobileDeviceTargetingEnabled",
                                        "geoLocationEnabled",
                                        "explain"};
    struct str text = S_NULL, zone = S_NULL;
    const struct json *days = json_get(o->json, S("profileLifetimeDays"));
    enum err rc = ERR_OK;
    bool flag;
    int minutes;

    (void)all;
    for (size_t i = 0; rc == ERR_OK && i < sizeof flags / sizeof *flags; i++)
        rc = want_bool(o->json, flags[i], false, &flag, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "thirdPartyIdNamespace", false, LIMIT_NAMESPACE_BYTES, &text, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "timeZone", false, 64, &zone, d);
    if (rc == ERR_OK && !target_zone_minutes(zone, &minutes))
        rc = diag_set_path(d, ERR_INVALID, "timeZone", "timeZone must be UTC or an offset such as +02:00, got '%.*s'",
                           STR_ARG(zone));
    if (rc == ERR_OK)
        rc = want_str(o->json, "ipObfuscation", false, 16, &text, d);
    if (rc == ERR_OK && text.n > 0 && !str_eq(text, S("NONE")) && !str_eq(text, S("LAST_OCTET")) &&
        !str_eq(text, S("STRIP")))
        rc = diag_set_path(d, ERR_INVALID, "ipObfuscation", "ipObfuscation must be NONE, LAST_OCTET or STRIP");
    if (rc == ERR_OK && days != NULL)
        rc = want_int(days, "profileLifetimeDays", 1, 90, d);
    return rc == ERR_OK
               ? want_texts(json_get(o->json, S("allowedRemoteOfferUrlPatterns")), "allowedRemoteOfferUrlPatterns", d)
               : rc;
}

static enum err
check_authorized_hosts(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    bool flag;
    enum err rc = want_bool(o->json, "enabledConstraints", true, &flag, d);

    (void)all;
    if (rc == ERR_OK)
        rc = want_texts(json_path(o->json, S("authorizedMboxHostsConstraint.contains")),
                        "authorizedMboxHostsConstraint.contains", d);
    return rc == ERR_OK ? want_texts(json_path(o->json, S("blockedMboxHostsConstraint.contains")),
                                     "blockedMboxHostsConstraint.contains", d)
                        : rc;
}

static enum err
check_environment_defaults(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    enum err rc = want_environment(all, o, "reportingEnvironmentId", d);

    return rc == ERR_OK ? want_environment(all, o, "newHostEnvironmentId", d) : rc;
}

/* Kept for clients, read by nobody here. */
static enum err
check_nothing(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    (void)all;
    (void)o;
    (void)d;
    return ERR_OK;
}

/* One object for each resource that a client has once. */
static enum err
check_target_settings(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    static const struct {
        const char *id;
        enum err (*check)(const struct config_objects *all, const struct config_object *o, struct diag *d);
    } table[] = {
        {"settings", check_client},
        {"authorizedHosts", check_authorized_hosts},
        {"environmentDefaults", check_environment_defaults},
        {"atjs", check_nothing},
        {"ui", check_nothing},
        {"modelsBlockList", check_nothing},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (str_eq(o->id, str_of(table[i].id)))
            return table[i].check(all, o, d);
    }
    if (str_starts(o->id, S("ipfilter.")) && o->id.n > 9)
        return check_nothing(all, o, d);
    return diag_set_path(d, ERR_INVALID, "id", "there are no settings '%.*s'", STR_ARG(o->id));
}

/* ---- the table ---- */

static const struct config_kind kinds[] = {
    {"property", false, check_property},
    {"targetAudience", false, check_target_audience},
    {"offer", false, check_offer},
    {"activity", false, check_activity},
    {"exclusionGroup", false, check_exclusion_group},
    {"allocation", false, check_learned},
    {"model", false, check_learned},
    {"environment", false, check_environment},
    {"host", false, check_host},
    {"profileScript", false, check_profile_script},
    {"responseToken", false, check_response_token},
    {"targetSettings", false, check_target_settings},
};

const struct config_kind *
kind_find_target(struct str name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(name, str_of(kinds[i].name)))
            return &kinds[i];
    }
    return NULL;
}
