/* schema_part.c - all views of one scope: classes, groups and custom fields added up, identity descriptors attached. */
#include "config/schema_int.h"

#include "base/buf.h"
#include "base/limits.h"

static enum err
nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for the schemas of a sandbox");
}

/* The tenant's field group behind a reference: by $id or by meta:altId. */
static const struct json *
find_group(const struct config_objects *objects, struct str scope, struct str ref)
{
    const struct config_bucket *b = objects_bucket(objects, S("fieldgroup"), scope);
    const struct config_object *o = bucket_get(b, ref);

    for (size_t i = 0; o == NULL && b != NULL && i < b->n; i++) {
        if (str_eq(json_str(json_get(b->by_id[i]->json, S("meta:altId"))), ref))
            o = b->by_id[i];
    }
    return o ? o->json : NULL;
}

static struct str
custom_root(const struct config_objects *objects, struct str scope, struct arena *a)
{
    struct str tenant = json_str(json_get(objects_org(objects, scope), S("tenant")));

    return tenant.n ? arena_printf(a, "_%.*s", STR_ARG(tenant)) : S_NULL;
}

/* One entry of a schema's allOf. */
static enum err
add_reference(struct schema_builder *b, const struct config_objects *objects, struct str scope, struct str ref,
              struct schema_view *v, struct schema_field *root, struct diag *d)
{
    const struct schema_global *g = schema_global_find(ref);
    const struct json *group;

    if (g != NULL && g->kind == GLOBAL_CLASS) {
        if (v->class_id.n > 0)
            return diag_set_path(d, ERR_INVALID, "allOf", "the schema has two classes: %.*s and %s",
                                 STR_ARG(v->class_id), g->id);
        v->class_id = str_of(g->id);
        v->event = str_eq(v->class_id, S(SCHEMA_CLASS_EVENT));
    }
    if (g != NULL && g->kind != GLOBAL_DATATYPE)
        return schema_add_global(b, g, root, d);
    group = find_group(objects, scope, ref);
    if (group == NULL)
        return diag_set_path(d, ERR_INVALID, "allOf", "unknown class or field group '%.*s'", STR_ARG(ref));
    return schema_add_resource(b, group, custom_root(objects, scope, b->arena), root, d);
}

static bool
tagged_union(const struct json *schema)
{
    struct json_iter it = json_iter(json_get(schema, S("meta:immutableTags")));

    while (json_next(&it)) {
        if (str_eq(json_str(it.value), S("union")))
            return true;
    }
    return false;
}

/* "/_acme/crmId" or "/properties/_acme/properties/crmId" as "_acme.crmId". */
static struct str
dotted(struct arena *a, struct str pointer)
{
    struct str rest = pointer, part;
    struct buf out;
    struct str path;

    buf_init(&out, LIMIT_OBJECT_NAME_BYTES * 4);
    while (rest.p != NULL && str_split(&rest, '/', &part)) {
        if (part.n == 0 || str_eq(part, S("properties")))
            continue;
        if (out.n > 0)
            buf_putc(&out, '.');
        buf_put(&out, part);
    }
    path = arena_str(a, buf_str(&out));
    buf_deinit(&out);
    return path;
}

static enum err
add_identities(struct schema_builder *b, const struct config_objects *objects, struct str scope, struct schema_view *v,
               struct diag *d)
{
    const struct config_bucket *all = objects_bucket(objects, S("descriptor"), scope);
    size_t n = 0;

    for (int fill = 0; fill < 2 && all != NULL; fill++) {
        for (size_t i = 0; i < all->n; i++) {
            const struct json *o = all->in_order[i]->json;
            struct str schema = json_str(json_get(o, S("xdm:sourceSchema")));
            if (!str_eq(json_str(json_get(o, S("@type"))), S("xdm:descriptorIdentity")) ||
                (!str_eq(schema, v->id) && !str_eq(schema, v->alt_id)))
                continue;
            if (!fill) {
                n++;
                continue;
            }
            v->identities[v->identity_count] = (struct schema_identity){
                .path = dotted(b->arena, json_str(json_get(o, S("xdm:sourceProperty")))),
                .ns = arena_str(b->arena, json_str(json_get(o, S("xdm:namespace")))),
                .primary = json_bool(json_get(o, S("xdm:isPrimary")), false),
            };
            if (v->identities[v->identity_count].primary) { /* it comes first */
                struct schema_identity first = v->identities[v->identity_count];
                memmove(v->identities + 1, v->identities, v->identity_count * sizeof *v->identities);
                v->identities[0] = first;
            }
            v->identity_count++;
        }
        if (!fill) {
            v->identities = ARENA_ARRAY(b->arena, struct schema_identity, n);
            if (v->identities == NULL)
                return nomem(d);
        }
    }
    for (size_t i = 0; i < v->identity_count; i++) {
        if (schema_at(v->root, v->identities[i].path) == NULL)
            return diag_set_path(d, ERR_INVALID, "xdm:sourceProperty",
                                 "the schema has no field '%.*s' that an identity descriptor names",
                                 STR_ARG(v->identities[i].path));
    }
    return ERR_OK;
}

static enum err
build_view(struct schema_builder *b, const struct config_objects *objects, struct str scope, const struct json *schema,
           struct schema_view *v, struct diag *d)
{
    struct schema_field *root = ARENA_NEW(b->arena, struct schema_field);
    struct json_iter it = json_iter(json_get(schema, S("allOf")));
    const struct schema_field *map = schema_standard_root(b, S("identityMap"));
    enum err rc;

    if (root == NULL || map == NULL)
        return nomem(d);
    root->type = XDM_OBJECT;
    root->length_min = root->length_max = -1;
    rc = schema_add(b, root, map, "", d); /* always an identity source [PLATFORM 2.5] */
    while (rc == ERR_OK && json_next(&it)) {
        struct str ref = json_str(json_get(it.value, S("$ref")));
        if (ref.n > 0 && !str_starts(ref, S("#")))
            rc = add_reference(b, objects, scope, ref, v, root, d);
    }
    if (rc == ERR_OK)
        rc = schema_add_resource(b, schema, custom_root(objects, scope, b->arena), root, d);
    if (rc == ERR_OK && v->class_id.n == 0)
        rc = diag_set_path(d, ERR_INVALID, "allOf", "the schema must reference a class, such as " SCHEMA_CLASS_PROFILE);
    if (rc != ERR_OK)
        return rc;
    v->root = root;
    v->in_union = tagged_union(schema);
    rc = add_identities(b, objects, scope, v, d);
    return rc;
}

static enum err
build_all(struct schema_builder *b, const struct config_objects *objects, struct str scope, struct schema_part *p,
          struct diag *d)
{
    const struct config_bucket *schemas = objects_bucket(objects, S("schema"), scope);

    for (size_t i = 0; schemas != NULL && i < schemas->n; i++) {
        const struct config_object *o = schemas->in_order[i];
        struct schema_view *v = ARENA_NEW(b->arena, struct schema_view);
        enum err rc;

        if (v == NULL)
            return nomem(d);
        v->id = arena_str(b->arena, o->id);
        v->alt_id = arena_str(b->arena, json_str(json_get(o->json, S("meta:altId"))));
        rc = build_view(b, objects, scope, o->json, v, d);
        if (rc != ERR_OK) {
            struct str title = json_str(json_get(o->json, S("title")));
            struct diag inner = *d;
            if (rc == ERR_INVALID)
                (void)diag_set_path(d, rc, inner.path, "schema '%.*s': %s", STR_ARG(title), inner.what);
            return rc;
        }
        if (!map_put(&p->views, v->id, v, NULL) || (v->alt_id.n > 0 && !map_put(&p->views, v->alt_id, v, NULL)))
            return nomem(d);
    }
    return ERR_OK;
}

/* Adds a schema's root to a union. Where two schemas disagree about a type, the union says nothing about the field. */
static enum err
union_add(struct schema_builder *b, struct schema_field *root, const struct schema_field *view_root)
{
    for (size_t i = 0; i < view_root->member_count; i++) {
        const struct schema_field *member = view_root->members[i];
        struct diag ignored = DIAG_INIT;
        enum err rc = schema_add(b, root, member, "", &ignored);
        if (rc != ERR_OK && rc != ERR_NOMEM) {
            struct schema_field *any = ARENA_NEW(b->arena, struct schema_field);
            size_t at = 0;
            if (any == NULL)
                return ERR_NOMEM;
            *any = (struct schema_field){.name = member->name, .type = XDM_ANY, .length_min = -1, .length_max = -1};
            while (!str_eq(root->members[at]->name, member->name))
                at++;
            root->members[at] = any;
        } else if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

/* In the order of the schemas, so that a union is the same in every process. */
static enum err
build_union(struct schema_builder *b, const struct config_objects *objects, struct str scope,
            const struct schema_part *p, struct str class_id, const struct schema_field **out, struct diag *d)
{
    const struct config_bucket *schemas = objects_bucket(objects, S("schema"), scope);
    const struct schema_field *membership = schema_standard_root(b, S("segmentMembership"));
    struct schema_field *root = ARENA_NEW(b->arena, struct schema_field);
    enum err rc = root != NULL && membership != NULL ? ERR_OK : ERR_NOMEM;
    bool any = false;

    for (size_t i = 0; rc == ERR_OK && schemas != NULL && i < schemas->n; i++) {
        const struct schema_view *v = schema_part_view(p, schemas->in_order[i]->id);
        if (v == NULL || !v->in_union || !str_eq(v->class_id, class_id))
            continue;
        any = true;
        rc = union_add(b, root, v->root);
    }
    if (rc == ERR_OK && any && str_eq(class_id, S(SCHEMA_CLASS_PROFILE)))
        rc = union_add(b, root, &(struct schema_field){.members = &membership, .member_count = 1});
    if (rc != ERR_OK)
        return nomem(d); /* nothing else fails: an open configuration must stay one that opens */
    root->type = XDM_OBJECT;
    *out = any ? root : NULL;
    return ERR_OK;
}

enum err
schema_part_new(const struct config_objects *objects, struct str scope, struct schema_part **out, struct diag *d)
{
    struct schema_part *p = calloc(1, sizeof *p);
    struct schema_builder b = {0};
    enum err rc;

    if (p == NULL)
        return nomem(d);
    ref_init(&p->refs);
    arena_init(&p->arena, SIZE_MAX);
    map_init(&p->views);
    map_init(&b.standard);
    b.arena = &p->arena;
    rc = build_all(&b, objects, scope, p, d);
    if (rc == ERR_OK)
        rc = build_union(&b, objects, scope, p, S(SCHEMA_CLASS_PROFILE), &p->profile_union, d);
    if (rc == ERR_OK)
        rc = build_union(&b, objects, scope, p, S(SCHEMA_CLASS_EVENT), &p->event_union, d);
    p->patterns = b.patterns;
    map_deinit(&b.standard);
    if (rc == ERR_OK)
        *out = p;
    else
        schema_part_unref(p);
    return rc;
}

struct schema_part *
schema_part_ref(struct schema_part *p)
{
    if (p != NULL)
        ref_take(&p->refs);
    return p;
}

void
schema_part_unref(struct schema_part *p)
{
    struct schema_pattern *next;

    if (p == NULL || !ref_drop(&p->refs))
        return;
    for (struct schema_pattern *q = p->patterns; q != NULL; q = next) {
        next = q->next;
        regfree(&q->compiled);
        free(q);
    }
    map_deinit(&p->views);
    arena_deinit(&p->arena);
    free(p);
}

const struct schema_view *
schema_part_view(const struct schema_part *p, struct str id)
{
    return p ? map_get(&p->views, id) : NULL;
}

/* Does a dataset of the scope use the schema? */
static bool
in_dataset(const struct config_objects *objects, struct str scope, const struct schema_view *v)
{
    const struct config_bucket *b = objects_bucket(objects, S("dataset"), scope);

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        struct str id = json_str(json_path(b->by_id[i]->json, S("schemaRef.id")));
        if (str_eq(id, v->id) || (v->alt_id.n > 0 && str_eq(id, v->alt_id)))
            return true;
    }
    return false;
}

static enum err
view_evolves(const struct schema_view *before, const struct schema_view *after, struct diag *d)
{
    const struct schema_identity *was = schema_view_primary(before), *is = schema_view_primary(after);

    if (!str_eq(before->class_id, after->class_id))
        return diag_set_path(d, ERR_INVALID, "meta:class", "the schema is in use: its class must not change");
    if (before->in_union && !after->in_union)
        return diag_set_path(d, ERR_INVALID, "meta:immutableTags",
                             "the schema is enabled for profile: that cannot be undone");
    if (was != NULL && (is == NULL || !str_eq(was->path, is->path) || !str_eq(was->ns, is->ns)))
        return diag_set_path(d, ERR_INVALID, "xdm:isPrimary",
                             "the schema is in use: its primary identity must stay '%.*s'", STR_ARG(was->path));
    return schema_evolves(before->root, after->root, d);
}

enum err
schema_part_evolves(const struct schema_part *before, const struct schema_part *after,
                    const struct config_objects *objects, struct str scope, struct diag *d)
{
    const struct map_slot *slot;

    for (size_t i = 0; (slot = map_next(&before->views, &i)) != NULL;) {
        const struct schema_view *v = slot->value, *now;
        enum err rc;

        if (!str_eq(slot->key, v->id) || !(v->in_union || in_dataset(objects, scope, v)))
            continue;
        now = schema_part_view(after, v->id);
        if (now == NULL) /* deleted: what uses it was asked already */
            continue;
        rc = view_evolves(v, now, d);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- the public half ---- */

const struct schema_view *
schema_view_of(const struct snapshot *s, struct str scope, struct str schema_id)
{
    return schema_part_view(snapshot_schemas(s, scope), schema_id);
}

struct str
schema_view_id(const struct schema_view *v)
{
    return v->id;
}

bool
schema_view_is_event(const struct schema_view *v)
{
    return v->event;
}

enum xdm_type
schema_view_type(const struct schema_view *v, struct str path)
{
    const struct schema_field *f = path.n ? schema_at(v->root, path) : v->root;

    return f ? f->type : XDM_NONE;
}

enum xdm_type
schema_view_element_type(const struct schema_view *v, struct str path)
{
    const struct schema_field *f = schema_at(v->root, path);

    if (f == NULL || (f->type != XDM_ARRAY && f->type != XDM_MAP))
        return XDM_NONE;
    return f->element ? f->element->type : XDM_ANY;
}

const struct schema_identity *
schema_view_identities(const struct schema_view *v, size_t *n)
{
    *n = v->identity_count;
    return v->identities;
}

const struct schema_identity *
schema_view_primary(const struct schema_view *v)
{
    return v->identity_count > 0 && v->identities[0].primary ? &v->identities[0] : NULL;
}

void
schema_view_write(struct jw *w, const struct schema_view *v, bool text)
{
    schema_field_write(w, v->root, text);
}

/* Memory for a tree that is written once and thrown away. */
static void
builder_end(struct schema_builder *b)
{
    map_deinit(&b->standard);
    arena_deinit(b->arena);
}

bool
schema_union_write(struct jw *w, const struct snapshot *s, struct str scope, struct str class_id, bool text)
{
    const struct schema_part *p = snapshot_schemas(s, scope);
    struct arena arena;
    struct schema_builder b = {.arena = &arena};
    struct schema_field root = {.type = XDM_OBJECT};
    const struct map_slot *slot;
    struct diag d = DIAG_INIT;
    bool any = false;

    arena_init(&arena, SIZE_MAX);
    map_init(&b.standard);
    for (size_t i = 0; p != NULL && (slot = map_next(&p->views, &i)) != NULL;) {
        const struct schema_view *v = slot->value;
        if (!str_eq(slot->key, v->id) || !v->in_union || !str_eq(v->class_id, class_id))
            continue;
        any = true;
        for (size_t k = 0; k < v->root->member_count; k++)
            (void)schema_add(&b, &root, v->root->members[k], "", &d); /* types that conflict: the first one stays */
    }
    if (any && str_eq(class_id, S(SCHEMA_CLASS_PROFILE))) {
        const struct schema_field *membership = schema_standard_root(&b, S("segmentMembership"));
        if (membership != NULL)
            (void)schema_add(&b, &root, membership, "", &d);
    }
    if (any)
        schema_field_write(w, &root, text);
    builder_end(&b);
    return any;
}

void
schema_global_write(struct jw *w, const struct schema_global *g)
{
    struct arena arena;
    struct schema_builder b = {.arena = &arena};
    struct schema_field root = {.type = XDM_OBJECT};
    const struct schema_field *f = &root;
    struct diag d = DIAG_INIT;

    arena_init(&arena, SIZE_MAX);
    map_init(&b.standard);
    if (g->kind == GLOBAL_DATATYPE)
        f = schema_datatype(&b, g, S(""));
    else
        (void)schema_add_global(&b, g, &root, &d); /* our own table: it cannot conflict */
    if (f != NULL)
        schema_field_write(w, f, true);
    builder_end(&b);
}
