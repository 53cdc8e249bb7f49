/* config_check.c - the kinds with much to say: schemas, datasets, audiences, datastreams, destinations. */
#include "config/config_int.h"

#include "base/limits.h"
#include "config/namespaces.h"
#include "config/schema_int.h"

/* Another object of the bucket with this text in `member`? */
static const struct config_object *
same_text(const struct config_objects *all, const struct config_object *o, const char *member, struct str text)
{
    const struct config_bucket *b = objects_others(all, o);

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (b->by_id[i] != o && str_eq(json_str(json_get(b->by_id[i]->json, str_of(member))), text))
            return b->by_id[i];
    }
    return NULL;
}

/* ---- schemas: what the field trees do not say (schema_part.c builds those on every change) ---- */

static enum err
check_resource(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str title = S_NULL, id = S_NULL;
    enum err rc = want_str(o->json, "title", true, LIMIT_OBJECT_NAME_BYTES, &title, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "$id", true, LIMIT_OBJECT_NAME_BYTES, &id, d);
    if (rc == ERR_OK && !str_eq(id, o->id))
        rc = diag_set_path(d, ERR_INVALID, "$id", "member '$id' must be the object's id '%.*s'", STR_ARG(o->id));
    if (rc == ERR_OK && same_text(all, o, "title", title) != NULL)
        rc = diag_set_path(d, ERR_EXISTS, "title",
                           "Title must be unique. An object already exists with the same title '%.*s'", STR_ARG(title));
    return rc;
}

/* Profile needs to know whose a row is [PLATFORM 2.3]. */
static bool
has_primary(const struct config_objects *all, const struct config_object *schema)
{
    const struct config_bucket *b = objects_bucket(all, S("descriptor"), schema->scope);
    struct str alt_id = json_str(json_get(schema->json, S("meta:altId")));
    struct json_iter it = json_iter(json_get(schema->json, S("allOf")));

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct json *o = b->by_id[i]->json;
        struct str source = json_str(json_get(o, S("xdm:sourceSchema")));
        if (json_bool(json_get(o, S("xdm:isPrimary")), false) && (str_eq(source, schema->id) || str_eq(source, alt_id)))
            return true;
    }
    while (json_next(&it)) { /* or an identityMap: events have one, records with its field group */
        const struct schema_global *g = schema_global_find(json_str(json_get(it.value, S("$ref"))));
        if (g != NULL && (strcmp(g->id, SCHEMA_CLASS_EVENT) == 0 || strstr(g->id, "/identitymap") != NULL))
            return true;
    }
    return json_path(schema->json, S("properties.identityMap")) != NULL;
}

static bool
union_tag(const struct json *schema)
{
    struct json_iter it = json_iter(json_get(schema, S("meta:immutableTags")));

    while (json_next(&it)) {
        if (str_eq(json_str(it.value), S("union")))
            return true;
    }
    return false;
}

enum err
check_schema_object(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct json *of = json_get(o->json, S("allOf"));
    enum err rc = check_resource(all, o, d);

    if (rc == ERR_OK && !json_is(of, JSON_ARRAY))
        rc = diag_set_path(d, ERR_INVALID, "allOf", "member 'allOf' must be a list that references a class, found %s",
                           json_type_name(json_type(of)));
    if (rc == ERR_OK && union_tag(o->json) && !has_primary(all, o))
        rc = diag_set_path(d, ERR_INVALID, "meta:immutableTags",
                           "To enable profile datasets the schema should be valid: it has neither a primary identity "
                           "descriptor nor an identityMap");
    return rc;
}

enum err
check_fieldgroup(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str tenant = json_str(json_get(objects_org(all, o->scope), S("tenant")));
    char root_name[80];
    struct schema_builder b = {.arena = &o->arena};
    struct schema_field root = {.type = XDM_OBJECT};
    enum err rc = check_resource(all, o, d);

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(root_name, sizeof root_name, "_%.*s", STR_ARG(tenant)); /* a tenant has at most 64 bytes */
    map_init(&b.standard);
    rc = schema_add_resource(&b, o->json, tenant.n ? str_of(root_name) : S(""), &root, d);
    if (rc == ERR_OK && root.member_count == 0)
        rc = diag_set_path(d, ERR_INVALID, "definitions", "the field group defines no field");
    map_deinit(&b.standard);
    for (struct schema_pattern *p = b.patterns, *next; p != NULL; p = next) {
        next = p->next;
        regfree(&p->compiled);
        free(p);
    }
    return rc;
}

/* A namespace that identities of the scope may have. */
static bool
namespace_known(const struct config_objects *all, struct str scope, struct str code)
{
    return namespace_standard_find(code) != NULL || objects_get(all, S("namespace"), scope, code) != NULL;
}

static const struct config_object *
find_schema(const struct config_objects *all, struct str scope, struct str id)
{
    const struct config_bucket *b = objects_bucket(all, S("schema"), scope);
    const struct config_object *o = bucket_get(b, id);

    for (size_t i = 0; o == NULL && b != NULL && i < b->n; i++) {
        if (str_eq(json_str(json_get(b->by_id[i]->json, S("meta:altId"))), id))
            o = b->by_id[i];
    }
    return o;
}

static enum err
check_identity_descriptor(const struct config_objects *all, struct config_object *o, struct str schema, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    struct str property = S_NULL, ns = S_NULL;
    bool primary = false;
    enum err rc = want_str(o->json, "xdm:sourceProperty", true, LIMIT_OBJECT_NAME_BYTES, &property, d);

    if (rc == ERR_OK && str_starts(property, S("/identityMap")))
        rc = diag_set_path(d, ERR_INVALID, "xdm:sourceProperty",
                           "/identityMap cannot be named by a descriptor: it always is a source of identities");
    if (rc == ERR_OK)
        rc = want_str(o->json, "xdm:namespace", true, LIMIT_NAMESPACE_BYTES, &ns, d);
    if (rc == ERR_OK && !namespace_known(all, o->scope, ns))
        rc = diag_set_path(d, ERR_INVALID, "xdm:namespace", "namespace '%.*s' does not exist", STR_ARG(ns));
    if (rc == ERR_OK)
        rc = want_bool(o->json, "xdm:isPrimary", false, &primary, d);
    for (size_t i = 0; rc == ERR_OK && primary && b != NULL && i < b->n; i++) {
        const struct json *other = b->by_id[i]->json;
        if (b->by_id[i] != o && json_bool(json_get(other, S("xdm:isPrimary")), false) &&
            str_eq(json_str(json_get(other, S("xdm:sourceSchema"))), schema))
            rc =
                diag_set_path(d, ERR_INVALID, "xdm:isPrimary",
                              "the schema has a primary identity already: descriptor '%.*s'", STR_ARG(b->by_id[i]->id));
    }
    return rc;
}

enum err
check_descriptor(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str type = S_NULL, schema = S_NULL;
    enum err rc = want_str(o->json, "@type", true, 80, &type, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "xdm:sourceSchema", true, LIMIT_OBJECT_NAME_BYTES, &schema, d);
    if (rc == ERR_OK && find_schema(all, o->scope, schema) == NULL)
        rc = diag_set_path(d, ERR_INVALID, "xdm:sourceSchema", "schema '%.*s' does not exist", STR_ARG(schema));
    if (rc == ERR_OK && str_eq(type, S("xdm:descriptorIdentity")))
        rc = check_identity_descriptor(all, o, schema, d);
    return rc;
}

/* ---- datasets ---- */

static bool
tag_enabled(const struct json *dataset, struct str tag)
{
    struct json_iter it = json_iter(json_get(json_get(dataset, S("tags")), tag));

    while (json_next(&it)) {
        if (str_eq(json_str(it.value), S("enabled:true")))
            return true;
    }
    return false;
}

enum err
check_dataset(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_object *schema;
    struct str name = S_NULL, id = S_NULL;
    enum err rc = want_str(o->json, "name", true, LIMIT_OBJECT_NAME_BYTES, &name, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "schemaRef.id", true, LIMIT_OBJECT_NAME_BYTES, &id, d);
    if (rc != ERR_OK)
        return rc;
    if (same_text(all, o, "name", name) != NULL)
        return diag_set_path(d, ERR_EXISTS, "name", "a dataset named '%.*s' exists", STR_ARG(name));
    schema = find_schema(all, o->scope, id);
    if (schema == NULL)
        return diag_set_path(d, ERR_INVALID, "schemaRef.id", "schema '%.*s' does not exist", STR_ARG(id));
    if (tag_enabled(o->json, S("unifiedProfile")) && !union_tag(schema->json))
        return diag_set_path(d, ERR_INVALID, "tags.unifiedProfile",
                             "dataset '%.*s' cannot feed profiles: its schema is not enabled for profile",
                             STR_ARG(name));
    return ERR_OK;
}

/* ---- audiences ---- */

/* Every literal text below a call of inSegment: the audiences that a rule refers to. */
static size_t
collect_refs(const struct rule_node *n, bool inside, struct str *out)
{
    size_t found = 0;

    if (n == NULL)
        return 0;
    inside = inside || (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT);
    if (inside && n->op == RULE_LITERAL && n->value.kind == VALUE_STRING) {
        if (out != NULL)
            *out = n->value.s;
        return 1;
    }
    for (size_t i = 0; i < n->arg_count; i++)
        found += collect_refs(n->args[i], inside, out ? out + found : NULL);
    return found;
}

static enum err
compile_audience(struct config_object *o, struct diag *d)
{
    enum err rc = audience_compile(o, NULL, &o->rule, d);

    if (rc != ERR_OK)
        return rc;
    o->segment_ref_count = collect_refs(rule_root(o->rule), false, NULL);
    o->segment_refs = ARENA_ARRAY(&o->arena, struct str, o->segment_ref_count);
    if (o->segment_refs == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an audience");
    (void)collect_refs(rule_root(o->rule), false, o->segment_refs);
    return ERR_OK;
}

enum err
check_audience(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str name = S_NULL, type = S_NULL, format = S_NULL, text = S_NULL;
    enum err rc = want_str(o->json, "name", true, LIMIT_OBJECT_NAME_BYTES, &name, d);
    enum pql_format form = PQL_TEXT;
    bool external;

    if (rc == ERR_OK)
        rc = want_str(o->json, "type", false, 64, &type, d);
    if (rc != ERR_OK)
        return rc;
    if (objects_bucket(all, o->kind, o->scope)->n > LIMIT_AUDIENCES_HARD)
        return diag_set(d, ERR_LIMIT, "a sandbox holds at most %d audiences", LIMIT_AUDIENCES_HARD);
    if (same_text(all, o, "name", name) != NULL)
        return diag_set_path(d, ERR_EXISTS, "name", "an audience named '%.*s' exists", STR_ARG(name));
    if (audience_is_external(o->json)) { /* members come with files */
        rc = audience_check_external(all, o, d);
        return rc == ERR_OK ? check_lifecycle(all, o, d) : rc;
    }
    external = type.n > 0 && !str_eq(type, S("SegmentDefinition"));
    if (external && json_get(o->json, S("expression")) == NULL) /* membership comes with the data */
        return check_lifecycle(all, o, d);
    rc = want_str(o->json, "expression.format", false, 32, &format, d);
    if (rc == ERR_OK && !pql_format_of(format, &form))
        rc = diag_set_path(d, ERR_INVALID, "expression.format",
                           "expression format must be pql/text or pql/json, found '%.*s'", STR_ARG(format));
    if (rc == ERR_OK)
        rc = want_str(o->json, "expression.value", true, form == PQL_JSON ? LIMIT_PQL_JSON_BYTES : LIMIT_PQL_TEXT_BYTES,
                      &text, d);
    if (rc == ERR_OK && o->rule == NULL)
        rc = compile_audience(o, d);
    o->meaning = hash_bytes(text, hash_bytes(o->id, audience_opted_out_too(o->json)));
    return rc == ERR_OK ? check_lifecycle(all, o, d) : rc;
}

/* ---- datastreams [EDGE 8.1] ---- */

static enum err
dataset_of(const struct config_objects *all, struct config_object *o, const char *member, struct str *out,
           struct diag *d)
{
    enum err rc = want_str(o->json, member, false, LIMIT_OBJECT_NAME_BYTES, out, d);

    if (rc == ERR_OK && out->n > 0 && objects_get(all, S("dataset"), o->scope, *out) == NULL)
        rc = diag_set_path(d, ERR_INVALID, member, "dataset '%.*s' does not exist", STR_ARG(*out));
    return rc;
}

#define PLATFORM_SERVICE "services.com_adobe_experience_platform"
#define TARGET_SERVICE "services.com_adobe_target"

static enum err
read_switches(const struct json *o, struct datastream *ds, struct diag *d)
{
    struct {
        const char *member;
        bool otherwise;
        bool *out;
    } switches[] = {
        {"enabled", true, &ds->enabled},
        {PLATFORM_SERVICE ".enabled", false, &ds->platform},
        {PLATFORM_SERVICE ".com_adobe_edge_segmentation.enabled", false, &ds->edge_segmentation},
        {PLATFORM_SERVICE ".com_adobe_edge_destinations.enabled", false, &ds->edge_destinations},
        {TARGET_SERVICE ".enabled", false, &ds->target},
    };
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < sizeof switches / sizeof *switches; i++)
        rc = want_bool(o, switches[i].member, switches[i].otherwise, switches[i].out, d);
    ds->edge_segmentation = ds->edge_segmentation && ds->platform;
    ds->edge_destinations = ds->edge_destinations && ds->edge_segmentation; /* it depends on that [EDGE 8.2] */
    return rc;
}

static enum err
check_place(const struct config_objects *all, struct config_object *o, struct datastream *ds, struct diag *d)
{
    struct str org = S_NULL, sandbox = S_NULL, access = S_NULL;
    enum err rc = want_str(o->json, "orgId", false, LIMIT_SCOPE_BYTES, &org, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "sandboxName", false, LIMIT_SCOPE_BYTES, &sandbox, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "accessType", false, 32, &access, d);
    if (rc == ERR_OK && org.n > 0 && !str_eq(org, ds->org))
        rc = diag_set_path(d, ERR_INVALID, "orgId", "datastream belongs to organisation '%.*s', not '%.*s'",
                           STR_ARG(ds->org), STR_ARG(org));
    if (rc == ERR_OK && sandbox.n > 0 && !str_eq(sandbox, ds->sandbox))
        rc = diag_set_path(d, ERR_INVALID, "sandboxName", "datastream belongs to sandbox '%.*s', not '%.*s'",
                           STR_ARG(ds->sandbox), STR_ARG(sandbox));
    if (rc == ERR_OK && access.n > 0 && !str_eq(access, S("mixed")) && !str_eq(access, S("authenticated")))
        rc = diag_set_path(d, ERR_INVALID, "accessType", "accessType must be mixed or authenticated, found '%.*s'",
                           STR_ARG(access));
    for (size_t i = 0; rc == ERR_OK && !all->trusted && i < all->n;
         i++) { /* clients name a datastream by its id alone */
        const struct config_bucket *b = all->buckets[i];
        if (str_eq(b->kind, o->kind) && !str_eq(b->scope, o->scope) && bucket_get(b, o->id) != NULL)
            rc = diag_set_path(d, ERR_EXISTS, "id", "datastream id '%.*s' is used in another sandbox", STR_ARG(o->id));
    }
    ds->authenticated = str_eq(access, S("authenticated"));
    return rc;
}

static enum err
read_datastream(const struct config_objects *all, struct config_object *o, struct datastream *ds, struct diag *d)
{
    const struct json *overrides = json_get(o->json, S("allowedOverrides"));
    struct str name = S_NULL;
    enum err rc = check_place(all, o, ds, d);

    if (rc == ERR_OK)
        rc = want_str(o->json, "name", false, LIMIT_OBJECT_NAME_BYTES, &name, d);
    if (rc == ERR_OK)
        rc = read_switches(o->json, ds, d);
    if (rc == ERR_OK)
        rc = dataset_of(all, o, PLATFORM_SERVICE ".datasets.event.datasetId", &ds->event_dataset, d);
    if (rc == ERR_OK)
        rc = dataset_of(all, o, PLATFORM_SERVICE ".datasets.profile.datasetId", &ds->profile_dataset, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, TARGET_SERVICE ".propertyToken", false, 128, &ds->property_token, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, TARGET_SERVICE ".thirdPartyIdNamespace", false, LIMIT_NAMESPACE_BYTES,
                      &ds->third_party_id_namespace, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "settings.firstPartyIdCookie", false, 256, &ds->fpid_cookie, d);
    if (rc == ERR_OK && overrides != NULL && !json_is(overrides, JSON_OBJECT))
        rc = diag_set_path(d, ERR_INVALID, "allowedOverrides", "member 'allowedOverrides' must be an object, found %s",
                           json_type_name(json_type(overrides)));
    ds->overrides = overrides;
    return rc;
}

enum err
check_datastream(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct datastream *ds = ARENA_NEW(&o->arena, struct datastream);
    struct str id = S_NULL;
    enum err rc;

    if (ds == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a datastream");
    *ds = (struct datastream){.id = o->id,
                              .org = scope_org(o->scope),
                              .sandbox = scope_sandbox(o->scope),
                              .scope = o->scope,
                              .object = o->json};
    rc = want_str(o->json, "id", true, LIMIT_OBJECT_NAME_BYTES, &id, d);
    if (rc == ERR_OK && !str_eq(id, o->id))
        rc = diag_set_path(d, ERR_INVALID, "id", "member 'id' must be the object's id '%.*s'", STR_ARG(o->id));
    if (rc == ERR_OK)
        rc = read_datastream(all, o, ds, d);
    if (rc == ERR_OK)
        o->datastream = ds;
    return rc;
}

/* ---- destinations [PLATFORM 7.1] ---- */

static enum err
read_texts(struct config_object *o, const char *member, struct str **out, size_t *n, struct diag *d)
{
    const struct json *list = json_get(o->json, str_of(member));
    struct json_iter it = json_iter(list);

    if (list != NULL && !json_is(list, JSON_ARRAY))
        return diag_set_path(d, ERR_INVALID, member, "member '%s' must be a list of texts, found %s", member,
                             json_type_name(json_type(list)));
    *out = ARENA_ARRAY(&o->arena, struct str, json_count(list));
    if (*out == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a destination");
    for (*n = 0; json_next(&it); (*n)++) {
        if (!json_is(it.value, JSON_STRING) || json_str(it.value).n == 0)
            return diag_set_path(d, ERR_INVALID, member, "member '%s' must be a list of texts, found %s in it", member,
                                 json_type_name(json_type(it.value)));
        (*out)[*n] = json_str(it.value);
    }
    return ERR_OK;
}

static enum err
check_bound(const struct config_objects *all, const struct config_object *o, const struct destination *dest,
            struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);

    if (dest->datastream.n > 0 && objects_get(all, S("datastream"), o->scope, dest->datastream) == NULL)
        return diag_set_path(d, ERR_INVALID, "datastreamId", "datastream '%.*s' does not exist",
                             STR_ARG(dest->datastream));
    for (size_t i = 0; i < dest->audience_count; i++) {
        if (objects_get(all, S("audience"), o->scope, dest->audiences[i]) == NULL)
            return diag_set_path(d, ERR_INVALID, "audiences", "audience '%.*s' does not exist",
                                 STR_ARG(dest->audiences[i]));
    }
    for (size_t i = 0; b != NULL && i < b->n && dest->target && dest->datastream.n > 0; i++) {
        const struct destination *other = b->by_id[i]->destination;
        if (b->by_id[i] != o && other != NULL && other->target && str_eq(other->datastream, dest->datastream))
            return diag_set_path(d, ERR_EXISTS, "datastreamId",
                                 "datastream '%.*s' has a Target connection already: destination '%.*s'",
                                 STR_ARG(dest->datastream), STR_ARG(other->id));
    }
    return ERR_OK;
}

enum err
check_destination(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct destination *dest = ARENA_NEW(&o->arena, struct destination);
    struct str id = S_NULL, spec = S_NULL;
    enum err rc;

    if (dest == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a destination");
    dest->id = o->id;
    rc = want_str(o->json, "id", true, LIMIT_OBJECT_NAME_BYTES, &id, d);
    if (rc == ERR_OK && !str_eq(id, o->id))
        rc = diag_set_path(d, ERR_INVALID, "id", "member 'id' must be the object's id '%.*s'", STR_ARG(o->id));
    if (rc == ERR_OK)
        rc = want_str(o->json, "spec", true, 32, &spec, d);
    if (rc == ERR_OK && !str_eq(spec, S("target")) && !str_eq(spec, S("custom")))
        rc = diag_set_path(d, ERR_INVALID, "spec", "spec must be target or custom, found '%.*s'", STR_ARG(spec));
    if (rc == ERR_OK)
        rc = want_str(o->json, "alias", false, 256, &dest->alias, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "datastreamId", false, LIMIT_OBJECT_NAME_BYTES, &dest->datastream, d);
    if (rc == ERR_OK)
        rc = want_bool(o->json, "enabled", true, &dest->enabled, d);
    if (rc == ERR_OK)
        rc = read_texts(o, "audiences", &dest->audiences, &dest->audience_count, d);
    if (rc == ERR_OK)
        rc = read_texts(o, "attributes", &dest->attributes, &dest->attribute_count, d);
    dest->target = str_eq(spec, S("target"));
    if (rc == ERR_OK)
        rc = check_bound(all, o, dest, d);
    if (rc == ERR_OK)
        o->destination = dest;
    return rc;
}
