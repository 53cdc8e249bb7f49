/* config_external.c - audiences whose members come with uploaded files [SEGMENTATION 16.3]: what they must look like,
 * the view of their rows, and what the hub needs to know of them.
 *
 * fields       the columns of the file: one of them an identity, the others kept with the row and read by no rule
 * sourceSpec   where the file is
 * audienceMeta what runs left behind: floor, the oldest run that counts, and validUntil, when all members exit
 *
 * Such an audience's id is its audienceId: what segmentMembership calls it, and inSegment("...") asks for. */
#include "config/config_int.h"

#include "base/limits.h"
#include "config/namespaces.h"
#include "config/schema_int.h"
#include "segment/external.h"

static const struct {
    const char *name;
    enum xdm_type type;
} types[] = {{"string", XDM_STRING}, {"number", XDM_NUMBER},      {"long", XDM_LONG},      {"integer", XDM_INT},
             {"date", XDM_DATE},     {"datetime", XDM_DATE_TIME}, {"boolean", XDM_BOOLEAN}};

bool
audience_is_external(const struct json *audience)
{
    struct str type = json_str(json_get(audience, S("type")));

    return str_eq(type, S("ExternalSegment")) || str_eq(type, S("ExternalAudience"));
}

/* ---- the check ---- */

/* A letter, _ or $, then digits too [SEGMENTATION 16.1]. */
static bool
is_audience_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0;
}

static enum err
check_field_name(struct str name, size_t index, struct diag *d)
{
    bool good = name.n > 0 && str_is_utf8(name);

    if (name.n > LIMIT_OBJECT_NAME_BYTES)
        return diag_set_path(d, ERR_LIMIT, "fields", "fields[%zu]: a name has at most %d bytes", index,
                             LIMIT_OBJECT_NAME_BYTES);
    for (size_t i = 0; i < name.n; i++) /* a dot would be a path */
        good = good && (unsigned char)name.p[i] > ' ' && name.p[i] != '-' && name.p[i] != '.' && name.p[i] != 0x7f;
    return good ? ERR_OK
                : diag_set_path(d, ERR_INVALID, "fields",
                                "fields[%zu]: the name '%.*s' must have neither blanks nor dashes nor dots", index,
                                STR_ARG(name));
}

static enum err
check_field(const struct config_objects *all, struct str scope, const struct json *fields, size_t index,
            size_t *identities, struct diag *d)
{
    const struct json *field = json_at(fields, index), *ns = json_get(field, S("identityNs"));
    struct str name = json_str(json_get(field, S("name"))), type = json_str(json_get(field, S("type")));
    bool known = false;
    enum err rc = check_field_name(name, index, d);

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known = known || str_eq(type, str_of(types[i].name));
    if (rc == ERR_OK && !known)
        rc = diag_set_path(d, ERR_INVALID, "fields",
                           "fields[%zu]: type must be string, number, long, integer, date, datetime or boolean, found "
                           "'%.*s'",
                           index, STR_ARG(type));
    for (size_t i = 0; rc == ERR_OK && i < index; i++) {
        if (str_eq(json_str(json_get(json_at(fields, i), S("name"))), name))
            rc = diag_set_path(d, ERR_INVALID, "fields", "fields[%zu] and fields[%zu] are both '%.*s'", i, index,
                               STR_ARG(name));
    }
    if (rc != ERR_OK || ns == NULL || json_is(ns, JSON_NULL))
        return rc;
    ++*identities;
    if (namespace_standard_find(json_str(ns)) == NULL && objects_get(all, S("namespace"), scope, json_str(ns)) == NULL)
        return diag_set_path(d, ERR_INVALID, "fields", "fields[%zu]: namespace '%.*s' does not exist", index,
                             STR_ARG(json_str(ns)));
    return ERR_OK;
}

static enum err
check_fields(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    const struct json *fields = json_get(o->json, S("fields"));
    size_t n = json_count(fields), identities = 0;
    enum err rc = ERR_OK;

    if (fields == NULL) /* no file can be read yet */
        return ERR_OK;
    if (!json_is(fields, JSON_ARRAY) || n == 0 || n > LIMIT_EXTERNAL_FIELDS)
        return diag_set_path(d, json_is(fields, JSON_ARRAY) && n > 0 ? ERR_LIMIT : ERR_INVALID, "fields",
                             "fields must list 1 to %d columns, found %zu", LIMIT_EXTERNAL_FIELDS, n);
    for (size_t i = 0; rc == ERR_OK && i < n; i++)
        rc = check_field(all, o->scope, fields, i, &identities, d);
    if (rc == ERR_OK && identities != 1)
        rc = diag_set_path(d, ERR_INVALID, "fields", "exactly one field has identityNs, found %zu", identities);
    return rc;
}

static enum err
check_source(const struct config_object *o, struct diag *d)
{
    struct str path = S_NULL, type = S_NULL;
    enum err rc;

    if (json_get(o->json, S("sourceSpec")) == NULL)
        return ERR_OK;
    rc = want_str(o->json, "sourceSpec.path", true, LIMIT_UPLOAD_NAME_BYTES, &path, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "sourceSpec.type", false, 32, &type, d);
    if (rc == ERR_OK && type.n > 0 && !str_eq(type, S("file")) && !str_eq(type, S("folder")))
        rc = diag_set_path(d, ERR_INVALID, "sourceSpec.type", "sourceSpec.type must be file or folder, found '%.*s'",
                           STR_ARG(type));
    return rc;
}

static enum err
check_lifetime(const struct config_object *o, struct diag *d)
{
    const struct json *ttl = json_get(o->json, S("ttlInDays"));
    int64_t days = json_i64(ttl, 0);

    if (ttl == NULL || (json_is(ttl, JSON_INT) && days >= 1 && days <= LIMIT_EXTERNAL_DAYS))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "ttlInDays", "ttlInDays must be a whole number from 1 to %d",
                         LIMIT_EXTERNAL_DAYS);
}

enum err
audience_check_external(const struct config_objects *all, const struct config_object *o, struct diag *d)
{
    struct str id = S_NULL, ns = S_NULL, origin = S_NULL;
    enum err rc = want_str(o->json, "audienceId", true, LIMIT_OBJECT_NAME_BYTES, &id, d);

    if (rc == ERR_OK && !is_audience_id(id))
        rc = diag_set_path(d, ERR_INVALID, "audienceId",
                           "audienceId '%.*s' must begin with a letter, _ or $ and go on with those and digits",
                           STR_ARG(id));
    if (rc == ERR_OK && !str_eq(id, o->id))
        rc = diag_set_path(d, ERR_INVALID, "audienceId", "audienceId must be the audience's id '%.*s'", STR_ARG(o->id));
    if (rc == ERR_OK)
        rc = want_str(o->json, "namespace", true, LIMIT_NAMESPACE_BYTES, &ns, d);
    if (rc == ERR_OK && (str_eq(ns, S("ups")) || str_eq(ns, S("AEPSegments"))))
        rc = diag_set_path(d, ERR_INVALID, "namespace", "namespace '%.*s' is of audiences with an expression",
                           STR_ARG(ns));
    if (rc == ERR_OK)
        rc = want_str(o->json, "originName", true, LIMIT_OBJECT_NAME_BYTES, &origin, d);
    if (rc == ERR_OK && json_get(o->json, S("expression")) != NULL)
        rc = diag_set_path(d, ERR_INVALID, "expression", "an external audience has no expression");
    if (rc == ERR_OK)
        rc = check_fields(all, o, d);
    if (rc == ERR_OK)
        rc = check_source(o, d);
    return rc == ERR_OK ? check_lifetime(o, d) : rc;
}

/* ---- rows ---- */

static enum xdm_type
type_named(struct str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq(name, str_of(types[i].name)))
            return types[i].type;
    }
    return XDM_NONE;
}

static int
by_name(const void *x, const void *y)
{
    return str_cmp((*(const struct schema_field *const *)x)->name, (*(const struct schema_field *const *)y)->name);
}

const struct schema_view *
schema_view_of_fields(const struct json *fields, struct arena *a)
{
    size_t n = json_count(fields);
    struct schema_view *v = ARENA_NEW(a, struct schema_view);
    struct schema_field *root = ARENA_NEW(a, struct schema_field), *list = ARENA_ARRAY(a, struct schema_field, n);
    const struct schema_field **members = arena_calloc(a, n, sizeof(const struct schema_field *));
    struct schema_identity *identity = ARENA_NEW(a, struct schema_identity);

    if (v == NULL || root == NULL || list == NULL || members == NULL || identity == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct json *field = json_at(fields, i);
        struct str ns = json_str(json_get(field, S("identityNs")));
        list[i] = (struct schema_field){.name = json_str(json_get(field, S("name"))),
                                        .type = type_named(json_str(json_get(field, S("type")))),
                                        .length_min = -1,
                                        .length_max = -1};
        members[i] = &list[i];
        if (ns.n > 0)
            *identity = (struct schema_identity){list[i].name, ns, true};
    }
    qsort(members, n, sizeof(const struct schema_field *), by_name);
    *root = (struct schema_field){
        .type = XDM_OBJECT, .members = members, .member_count = n, .length_min = -1, .length_max = -1};
    *v = (struct schema_view){.root = root, .identities = identity, .identity_count = 1};
    return v;
}

/* ---- what the hub needs ---- */

bool
audience_opted_out_too(const struct json *audience)
{
    return !json_bool(json_path(audience, S("dataGovernancePolicy.excludeOptOut")), true);
}

static bool
live(const struct config_object *o)
{
    struct str state = json_str(json_get(o->json, S("lifecycleState")));

    return audience_is_external(o->json) && (state.n == 0 || str_eq(state, S("published")));
}

enum err
audience_externals(const struct config_bucket *b, struct arena *a, struct segment_set *set, struct diag *d)
{
    size_t n = 0;
    struct segment_external *list;

    for (size_t i = 0; b != NULL && i < b->n; i++)
        n += live(b->in_order[i]);
    set->externals = list = ARENA_ARRAY(a, struct segment_external, n);
    if (list == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a configuration snapshot");
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct json *meta = json_get(b->in_order[i]->json, S("audienceMeta"));
        if (live(b->in_order[i]))
            list[set->external_count++] =
                (struct segment_external){.id = b->in_order[i]->id,
                                          .opted_out_too = audience_opted_out_too(b->in_order[i]->json),
                                          .floor = (uint64_t)json_i64(json_get(meta, S("floor")), 0),
                                          .until_ms = json_i64(json_get(meta, S("validUntil")), 0)};
    }
    return ERR_OK;
}
