/* config_validate.c - what each kind of object must look like, and who refers to whom.
 *
 * A check sees the new object beside all others (itself among them already), so "exists" and "unique" are look-ups.
 * Kinds with much to say are in config_check.c. Checks name the member at fault in d->path. */
#include "config/config_int.h"

#include "base/limits.h"
#include "config/namespaces.h"

/* ---- reading members ---- */

static enum err
bad(const struct json *v, const char *member, const char *expected, struct diag *d)
{
    if (v == NULL)
        return diag_set_path(d, ERR_INVALID, member, "member '%s' is missing: expected %s", member, expected);
    return diag_set_path(d, ERR_INVALID, member, "member '%s' must be %s, found %s", member, expected,
                         json_type_name(json_type(v)));
}

enum err
want_str(const struct json *o, const char *member, bool required, size_t bytes_max, struct str *out, struct diag *d)
{
    const struct json *v = json_path(o, str_of(member));

    *out = S_NULL;
    if ((v == NULL || json_is(v, JSON_NULL)) && !required)
        return ERR_OK;
    if (!json_is(v, JSON_STRING) || (required && json_str(v).n == 0))
        return bad(v, member, "a text that is not empty", d);
    if (json_str(v).n > bytes_max)
        return diag_set_path(d, ERR_LIMIT, member, "member '%s' has %zu bytes, allowed are %zu", member, json_str(v).n,
                             bytes_max);
    *out = json_str(v);
    return ERR_OK;
}

enum err
want_bool(const struct json *o, const char *member, bool otherwise, bool *out, struct diag *d)
{
    const struct json *v = json_path(o, str_of(member));

    if (v != NULL && !json_is(v, JSON_BOOL) && !json_is(v, JSON_NULL))
        return bad(v, member, "true or false", d);
    *out = json_bool(v, otherwise);
    return ERR_OK;
}

static bool
is_hex(struct str s, size_t n)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') || (s.p[i] >= 'A' && s.p[i] <= 'F')))
            return false;
    }
    return s.n == n;
}

/* Letters, digits and the characters of `more`. */
static bool
is_word(struct str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(more, c) != NULL) ||
            c == '\0')
            return false;
    }
    return s.n > 0;
}

enum err
want_id(const struct config_object *o, const char *member, struct diag *d)
{
    const struct json *v = json_get(o->json, str_of(member));
    struct str s = json_str(v);
    int64_t n;

    if (json_is(v, JSON_INT) && str_to_i64(o->id, &n) && n == json_i64(v, -1))
        return ERR_OK;
    if (!json_is(v, JSON_STRING) || !str_eq(s, o->id))
        return diag_set_path(d, ERR_INVALID, member, "member '%s' must be the object's id '%.*s'", member,
                             STR_ARG(o->id));
    return ERR_OK;
}

/* ---- small kinds ---- */

static enum err
check_org(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str tenant = S_NULL, client = S_NULL, key = S_NULL;
    enum err rc = want_id(o, "id", d);

    (void)all;
    if (rc == ERR_OK && (!str_eq(o->id, o->scope) || !str_ends(o->id, S("@AdobeOrg")) || o->id.n < 11))
        rc = diag_set_path(d, ERR_INVALID, "id", "organisation id '%.*s' must end with @AdobeOrg", STR_ARG(o->id));
    if (rc == ERR_OK)
        rc = want_str(o->json, "tenant", true, 64, &tenant, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "clientCode", true, 128, &client, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "tokenKey", false, 32, &key, d);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < tenant.n; i++) {
        if (!((tenant.p[i] >= 'a' && tenant.p[i] <= 'z') || (tenant.p[i] >= '0' && tenant.p[i] <= '9')))
            return diag_set_path(d, ERR_INVALID, "tenant", "tenant '%.*s' must be lower-case letters and digits",
                                 STR_ARG(tenant));
    }
    if (key.n > 0 && !is_hex(key, 32))
        return diag_set_path(d, ERR_INVALID, "tokenKey", "member 'tokenKey' must be 32 hexadecimal digits");
    return ERR_OK;
}

static enum err
check_sandbox(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str type = S_NULL, title = S_NULL, segmentation = S_NULL;
    bool letter = o->id.n > 0 && ((o->id.p[0] | 32) >= 'a' && (o->id.p[0] | 32) <= 'z');
    enum err rc = want_id(o, "name", d);

    (void)all;
    if (rc == ERR_OK && (!letter || !is_word(o->id, "-")))
        rc = diag_set_path(d, ERR_INVALID, "name",
                           "sandbox name '%.*s' must begin with a letter and have letters, digits and hyphens only",
                           STR_ARG(o->id));
    if (rc == ERR_OK)
        rc = want_str(o->json, "segmentation", false, 32, &segmentation, d);
    if (rc == ERR_OK && segmentation.n > 0 && !str_eq(segmentation, S("realtime")) &&
        !str_eq(segmentation, S("strict")))
        rc = diag_set_path(d, ERR_INVALID, "segmentation", "segmentation must be realtime or strict, found '%.*s'",
                           STR_ARG(segmentation));
    if (rc == ERR_OK)
        rc = want_str(o->json, "type", true, 32, &type, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "title", false, 256, &title, d);
    if (rc == ERR_OK && !str_eq(type, S("production")) && !str_eq(type, S("development")))
        rc = diag_set_path(d, ERR_INVALID, "type", "sandbox type must be production or development, found '%.*s'",
                           STR_ARG(type));
    return rc;
}

static enum err
check_credential(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str hash = S_NULL;
    const struct json *scopes = json_get(o->json, S("scopes"));
    enum err rc = want_id(o, "id", d);

    (void)all;
    if (rc == ERR_OK)
        rc = want_str(o->json, "secretSha256", true, 64, &hash, d);
    if (rc == ERR_OK && !is_hex(hash, 64))
        rc = diag_set_path(d, ERR_INVALID, "secretSha256", "member 'secretSha256' must be 64 hexadecimal digits");
    if (rc == ERR_OK && scopes != NULL && !json_is(scopes, JSON_ARRAY) && !json_is(scopes, JSON_STRING))
        rc = bad(scopes, "scopes", "a list of texts", d);
    return rc;
}

static enum err
check_namespace(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    enum ns_class class;
    struct str type = S_NULL, name = S_NULL;
    enum err rc = want_id(o, "code", d);

    if (rc == ERR_OK && (!is_word(o->id, "_-.") || o->id.n > LIMIT_NAMESPACE_BYTES))
        rc = diag_set_path(d, ERR_INVALID, "code", "namespace code '%.*s' must be at most %d letters and digits",
                           STR_ARG(o->id), LIMIT_NAMESPACE_BYTES);
    if (rc == ERR_OK)
        rc = want_str(o->json, "idType", true, 64, &type, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "name", true, 256, &name, d);
    if (rc == ERR_OK && !namespace_class_of_type(type, &class))
        rc = diag_set_path(d, ERR_INVALID, "idType", "idType '%.*s' is not one of %s", STR_ARG(type), namespace_types);
    if (rc == ERR_OK && namespace_standard_find(o->id) != NULL)
        rc = diag_set_path(d, ERR_EXISTS, "code", "namespace code '%.*s' is a standard one", STR_ARG(o->id));
    for (size_t i = 0; rc == ERR_OK && b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && str_eq_nocase(b->by_id[i]->id, o->id))
            rc = diag_set_path(d, ERR_EXISTS, "code", "namespace code '%.*s' is in use", STR_ARG(o->id));
    }
    return rc;
}

static enum err
check_inlet(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    bool authenticated;
    struct str connection = S_NULL;
    enum err rc = want_id(o, "id", d);

    if (rc == ERR_OK && !is_hex(o->id, 64))
        rc = diag_set_path(d, ERR_INVALID, "id", "an inlet's id must be 64 hexadecimal digits");
    if (rc == ERR_OK)
        rc = want_str(o->json, "connectionId", false, 64, &connection, d);
    if (rc == ERR_OK && connection.n > 0 && objects_get(all, S("connection"), o->scope, connection) == NULL)
        rc = diag_set_path(d, ERR_INVALID, "connectionId", "connection '%.*s' does not exist", STR_ARG(connection));
    if (rc == ERR_OK)
        rc = want_bool(o->json, "authenticationRequired", false, &authenticated, d);
    return rc;
}

static enum err
check_any(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    (void)all;
    return want_id(o, "id", d);
}

static enum err
check_batch(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str status = S_NULL;
    enum err rc = want_id(o, "id", d);

    (void)all;
    return rc == ERR_OK ? want_str(o->json, "status", true, 32, &status, d) : rc;
}

/* The objects that a flow names must be there. */
static enum err
check_flow(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    static const char *const members[][2] = {{"sourceConnectionIds", "sourceConnection"},
                                             {"targetConnectionIds", "targetConnection"}};
    enum err rc = want_id(o, "id", d);

    for (size_t i = 0; rc == ERR_OK && i < 2; i++) {
        struct json_iter it = json_iter(json_get(o->json, str_of(members[i][0])));
        while (rc == ERR_OK && json_next(&it)) {
            if (objects_get(all, str_of(members[i][1]), o->scope, json_str(it.value)) == NULL)
                rc = diag_set_path(d, ERR_INVALID, members[i][0], "%s '%.*s' does not exist", members[i][1],
                                   STR_ARG(json_str(it.value)));
        }
    }
    return rc;
}

static enum err
check_end_connection(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str base = S_NULL;
    enum err rc = want_id(o, "id", d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "baseConnectionId", false, 64, &base, d);
    if (rc == ERR_OK && base.n > 0 && objects_get(all, S("connection"), o->scope, base) == NULL)
        rc = diag_set_path(d, ERR_INVALID, "baseConnectionId", "connection '%.*s' does not exist", STR_ARG(base));
    return rc;
}

/* ---- the table; Target's kinds are in config_target.c ---- */

static const struct config_kind kinds[] = {
    {"org", true, check_org},
    {"sandbox", true, check_sandbox},
    {"credential", true, check_credential},
    {"namespace", false, check_namespace},
    {"schema", false, check_schema_object},
    {"fieldgroup", false, check_fieldgroup},
    {"descriptor", false, check_descriptor},
    {"dataset", false, check_dataset},
    {"inlet", false, check_inlet},
    {"mergePolicy", false, check_any},
    {"audience", false, check_audience},
    {"datastream", false, check_datastream},
    {"destination", false, check_destination},
    {"batch", false, check_batch},
    {"segmentJob", false, check_any},
    {"exportJob", false, check_any},
    {"schedule", false, check_schedule},
    {"counter", false, check_any},
    {"connection", false, check_any},
    {"sourceConnection", false, check_end_connection},
    {"targetConnection", false, check_end_connection},
    {"flow", false, check_flow},
};

const struct config_kind *
kind_find(struct str name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(name, str_of(kinds[i].name)))
            return &kinds[i];
    }
    return kind_find_target(name);
}

enum err
object_check(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_kind *k = kind_find(o->kind);
    bool slash = str_find_char(o->scope, '/') > 0 && !str_ends(o->scope, S("/"));

    if (k == NULL)
        return diag_set(d, ERR_INVALID, "unknown kind of object '%.*s'", STR_ARG(o->kind));
    if (o->scope.n == 0 || o->scope.n > LIMIT_SCOPE_BYTES || slash == k->of_org)
        return diag_set(d, ERR_INVALID, "scope '%.*s' of a %s must be %s", STR_ARG(o->scope), k->name,
                        k->of_org ? "an organisation" : "organisation/sandbox");
    if (o->id.n == 0 || o->id.n > LIMIT_OBJECT_NAME_BYTES || memchr(o->id.p, CONFIG_US, o->id.n) != NULL ||
        memchr(o->scope.p, CONFIG_US, o->scope.n) != NULL)
        return diag_set_path(d, ERR_INVALID, "id", "the id of a %s must have 1 to %d bytes, without control characters",
                             k->name, LIMIT_OBJECT_NAME_BYTES);
    return k->check(all, o, d);
}

/* ---- who refers to whom ---- */

/* An array member `list` anywhere in v that holds id (text or number), or a member `single` that is it. */
static bool
refers(const struct json *v, const char *list, const char *single, struct str id)
{
    struct json_iter it = json_iter(v);
    int64_t n = 0;
    bool number = str_to_i64(id, &n);

    while (json_next(&it)) {
        bool is_list = it.key.n > 0 && str_eq(it.key, str_of(list));
        if (it.key.n > 0 && single != NULL && str_eq(it.key, str_of(single)) &&
            (str_eq(json_str(it.value), id) || (number && json_is(it.value, JSON_INT) && json_i64(it.value, 0) == n)))
            return true;
        if (is_list) {
            struct json_iter element = json_iter(it.value);
            while (json_next(&element)) {
                if ((json_is(element.value, JSON_STRING) && str_eq(json_str(element.value), id)) ||
                    (number && json_is(element.value, JSON_INT) && json_i64(element.value, 0) == n))
                    return true;
            }
        } else if (refers(it.value, list, single, id)) {
            return true;
        }
    }
    return false;
}

/* kind `used` is referred to by objects of kind `by`, through members of these names. */
static const struct {
    const char *used, *by, *list, *single;
} references[] = {
    {"audience", "destination", "audiences", NULL},
    {"audience", "activity", "audienceIds", "audienceId"},
    {"targetAudience", "activity", "audienceIds", "audienceId"},
    {"offer", "activity", "offerIds", "offerId"},
    {"property", "activity", "propertyIds", NULL},
    {"activity", "exclusionGroup", "activityIds", "activityId"},
    {"environment", "host", "environmentIds", "environmentId"},
    {"environment", "targetSettings", "environmentIds", "reportingEnvironmentId"},
    {"environment", "targetSettings", "environmentIds", "newHostEnvironmentId"},
    {"schema", "dataset", "schemas", "id"},
    {"dataset", "datastream", "datasetIds", "datasetId"},
    {"datastream", "destination", "datastreams", "datastreamId"},
    {"namespace", "descriptor", "namespaces", "xdm:namespace"},
    {"namespace", "datastream", "namespaces", "thirdPartyIdNamespace"},
    {"connection", "sourceConnection", "baseConnectionIds", "baseConnectionId"},
    {"connection", "targetConnection", "baseConnectionIds", "baseConnectionId"},
    {"sourceConnection", "flow", "sourceConnectionIds", NULL},
    {"targetConnection", "flow", "targetConnectionIds", NULL},
    {"fieldgroup", "schema", "$refs", "$ref"},
};

/* Anything inside a sandbox, or any sandbox of an organisation. */
static const struct config_object *
inhabitant(const struct config_objects *all, struct str kind, struct str scope, struct str id)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct config_bucket *b = all->buckets[i];
        bool in_sandbox =
            str_eq(kind, S("sandbox")) && str_eq(scope_org(b->scope), scope) && str_eq(scope_sandbox(b->scope), id);
        bool in_org = str_eq(kind, S("org")) && str_eq(b->kind, S("sandbox")) && str_eq(b->scope, id);
        if (b->n > 0 && (in_sandbox || in_org))
            return b->in_order[0];
    }
    return NULL;
}

const struct config_object *
objects_user(const struct config_objects *all, const struct config_object *o)
{
    struct str kind = o->kind, scope = o->scope, id = o->id, alt_id = json_str(json_get(o->json, S("meta:altId")));
    const struct config_object *user =
        str_eq(kind, S("audience")) ? audience_user(all, scope, id) : inhabitant(all, kind, scope, id);

    for (size_t i = 0; user == NULL && i < sizeof references / sizeof *references; i++) {
        const struct config_bucket *b;
        if (!str_eq(kind, str_of(references[i].used)))
            continue;
        b = objects_bucket(all, str_of(references[i].by), scope);
        for (size_t k = 0; user == NULL && b != NULL && k < b->n; k++) {
            if (target_is_deleted(b->in_order[k]))
                continue;
            if (refers(b->in_order[k]->json, references[i].list, references[i].single, id) ||
                (alt_id.n > 0 && refers(b->in_order[k]->json, references[i].list, references[i].single, alt_id)))
                user = b->in_order[k];
        }
    }
    return user;
}
