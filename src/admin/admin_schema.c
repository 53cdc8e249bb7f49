/* admin_schema.c - schemas and field groups of the tenant container [PLATFORM 2.1 .. 2.4].
 *
 * A stored resource is the client's document with the registry's members added (ids, version, metadata); what it means
 * is compiled and checked by config/ when it is saved, so nothing about fields is decided here. PATCH raises the minor
 * version. */
#include "admin/admin_registry.h"
#include "base/limits.h"
#include "config/schema_view.h"

#define STYLE ERRORS_PROBLEM

/* The two kinds of resource and their words on the wire; field groups kept their old name in ids. */
struct resource {
    const char *kind; /* of the configuration object */
    const char *type; /* meta:resourceType */
    const char *noun;
};
static const struct resource schemas = {"schema", "schemas", "schema"};
static const struct resource groups = {"fieldgroup", "mixins", "field group"};

static const struct resource *
resource_of(const struct http_req *rq)
{
    return str_find(rq->path, S("/tenant/schemas")) >= 0 ? &schemas : &groups;
}

/* ---- writing ---- */

static bool
is_one_of(struct str key, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (str_eq(key, str_of(*names)))
            return true;
    }
    return false;
}

static void
write_members(struct jw *w, const struct json *o, const char *const *without)
{
    struct json_iter it = json_iter(o);

    while (json_next(&it)) {
        if (!is_one_of(it.key, without))
            jw_kjson(w, it.key, it.value);
    }
}

static void
write_resource(struct jw *w, struct call *call, const struct json *o, struct registry_accept accept)
{
    static const char *const texts[] = {"title", "description", NULL}, *const none[] = {NULL};
    static const char *const flattened[] = {"allOf", "definitions", "properties", "required", NULL};
    static const char *const ids[] = {"title", "$id", "meta:altId", "version"};
    const struct schema_view *v = schema_view_of(call->snap, call->scope, json_str(json_get(o, S("$id"))));

    jw_object(w);
    if (accept.shape == SHAPE_ID || accept.shape == SHAPE_LINK) {
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
            jw_kjson(w, str_of(ids[i]), json_get(o, str_of(ids[i])));
    } else if (accept.shape == SHAPE_FULL && v != NULL) {
        write_members(w, o, flattened);
        schema_view_write(w, v, accept.text);
    } else {
        write_members(w, o, accept.text ? none : texts);
    }
    jw_end(w);
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct registry_accept accept;
    struct registry_list l;
    struct diag d = DIAG_INIT;
    struct jw w;

    (void)params;
    if (!registry_accept(rq, rs, false, &accept))
        return;
    if (!registry_list_of(call, rq, resource_of(rq)->kind, &l)) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "the list exceeds request memory"), &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_array(&w);
    for (size_t i = 0; i < l.n; i++)
        write_resource(&w, call, l.items[i], accept);
    jw_end(&w);
    registry_write_page(&w, rq, &l);
    jw_end(&w);
}

/* ---- making ---- */

/* "1.0" -> "1.1" */
static struct str
next_version(struct http_req *rq, struct str version)
{
    ptrdiff_t dot = str_find_char(version, '.');
    uint64_t minor = 0;

    if (dot > 0)
        (void)str_to_u64(str_slice(version, (size_t)dot + 1, version.n), &minor);
    return arena_printf(rq->arena, "%.*s.%llu", (int)(dot > 0 ? dot : 1), dot > 0 ? version.p : "1",
                        (unsigned long long)minor + 1);
}

/* All references of allOf, and the class among them. */
static struct str
extends_of(struct http_req *rq, const struct json *body, struct str *class_id)
{
    struct json_iter it = json_iter(json_get(body, S("allOf")));
    struct buf b;
    struct jw w;
    struct str text;

    buf_init(&b, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_array(&w);
    *class_id = S_NULL;
    while (json_next(&it)) {
        struct str ref = json_str(json_get(it.value, S("$ref")));
        const struct schema_global *g = schema_global_find(ref);
        if (ref.n == 0 || str_starts(ref, S("#")))
            continue;
        jw_str(&w, g ? str_of(g->id) : ref);
        if (g != NULL && g->kind == GLOBAL_CLASS) {
            bool event = strstr(g->id, "experienceevent") != NULL;
            *class_id = str_of(g->id);
            jw_str(&w,
                   event ? S("https://ns.adobe.com/xdm/data/time-series") : S("https://ns.adobe.com/xdm/data/record"));
        }
    }
    jw_end(&w);
    text = arena_str(rq->arena, buf_str(&b));
    buf_deinit(&b);
    return text;
}

static void
put_metadata(struct edit *e, struct call *call, struct http_req *rq, bool created)
{
    struct edit_node *m = edit_object(e, e->root, S("meta:registryMetadata"));

    if (created) {
        edit_put_i64(e, m, S("repo:createdDate"), rq->now_ms);
        edit_put_str(e, m, S("xdm:createdClientId"), call->client_id);
        edit_put_str(e, m, S("xdm:createdUserId"), call->client_id);
    }
    edit_put_i64(e, m, S("repo:lastModifiedDate"), rq->now_ms);
    edit_put_str(e, m, S("xdm:lastModifiedClientId"), call->client_id);
    edit_put_str(e, m, S("xdm:lastModifiedUserId"), call->client_id);
    edit_put_str(e, m, S("eTag"), admin_new_id(rq));
    edit_put_str(e, m, S("meta:globalLibVersion"), S("1.44.0"));
}

/* The registry's members over the client's. */
static void
put_registry(struct edit *e, struct call *call, struct http_req *rq, const struct resource *r, const struct json *body,
             struct str id, struct str alt_id, struct str version)
{
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    struct str class_id, extends = extends_of(rq, body, &class_id);

    edit_put_str(e, e->root, S("$id"), id);
    edit_put_str(e, e->root, S("meta:altId"), alt_id);
    edit_put_str(e, e->root, S("meta:resourceType"), str_of(r->type));
    edit_put_str(e, e->root, S("version"), version);
    edit_default_raw(e, e->root, S("type"), S("\"object\""));
    if (class_id.n > 0 && r == &schemas)
        edit_put_str(e, e->root, S("meta:class"), class_id);
    edit_put_bool(e, e->root, S("meta:abstract"), r != &schemas);
    edit_put_bool(e, e->root, S("meta:extensible"), r != &schemas);
    if (extends.p != NULL)
        edit_put_raw(e, e->root, S("meta:extends"), extends);
    edit_put_str(e, e->root, S("meta:containerId"), S("tenant"));
    edit_put_str(e, e->root, S("meta:tenantNamespace"),
                 arena_printf(rq->arena, "_%.*s", STR_ARG(registry_tenant(call))));
    edit_put_str(e, e->root, S("meta:xdmType"), S("object"));
    edit_put_str(e, e->root, S("imsOrg"), call->org);
    edit_put_str(e, e->root, S("meta:sandboxId"), json_str(json_get(sandbox, S("id"))));
    edit_put_str(e, e->root, S("meta:sandboxType"), json_str(json_get(sandbox, S("type"))));
}

static void
save(struct call *call, struct http_req *rq, struct http_res *rs, const struct resource *r, struct edit *e,
     struct str id, uint64_t version, int status)
{
    struct str text = edit_text(e);
    struct diag d = DIAG_INIT;
    enum err rc = e->nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
                           : admin_save(call, rq, r->kind, id, text, version, &d);

    if (rc == ERR_OK)
        admin_text(rs, status, text);
    else if (rc == ERR_EXISTS && strcmp(d.path, "title") == 0)
        admin_fail(rq, rs, STYLE, 400, rc, &d); /* as documented [PLATFORM 2.3] */
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void
create_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct resource *r = resource_of(rq);
    const struct json *body = NULL;
    struct str tenant = registry_tenant(call), hash = admin_new_id(rq), id;
    struct edit e;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    id = arena_printf(rq->arena, "https://ns.adobe.com/%.*s/%s/%.*s", STR_ARG(tenant), r->type, STR_ARG(hash));
    e = edit_of(rq->arena, body);
    put_registry(&e, call, rq, r, body, id,
                 arena_printf(rq->arena, "_%.*s.%s.%.*s", STR_ARG(tenant), r->type, STR_ARG(hash)), S("1.0"));
    put_metadata(&e, call, rq, true);
    save(call, rq, rs, r, &e, id, 0, 201);
}

/* ---- one resource ---- */

static const struct json *
find(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs, struct str *id)
{
    const struct resource *r = resource_of(rq);
    struct str ref = route_param(params, S("id"));
    const struct json *o = registry_find(call, r->kind, ref, id);
    struct diag d = DIAG_INIT;

    if (o == NULL)
        admin_fail(rq, rs, STYLE, 404,
                   diag_set(&d, ERR_NOT_FOUND, "The requested %s resource %.*s with version 1 not found", r->noun,
                            STR_ARG(ref)),
                   &d);
    return o;
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct registry_accept accept;
    const struct json *o;
    struct str id, ref = route_param(params, S("id"));
    struct jw w;

    if (!registry_accept(rq, rs, true, &accept))
        return;
    if (resource_of(rq) == &schemas && str_ends(ref, S("__union")) && registry_union_get(call, rq, rs, ref, accept))
        return;
    o = find(call, rq, params, rs, &id);
    if (o == NULL)
        return;
    w = admin_json(rs, 200);
    write_resource(&w, call, o, accept);
}

/* The registry's own members of the old document survive whatever the client sends. */
static void
update(struct call *call, struct http_req *rq, struct http_res *rs, struct edit *e, const struct json *old,
       struct str id)
{
    const struct resource *r = resource_of(rq);
    const struct json *now = NULL;
    struct str text;
    struct diag d = DIAG_INIT;
    enum err rc = edit_parse(e, &now, &text, &d);

    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    put_registry(e, call, rq, r, now, id, json_str(json_get(old, S("meta:altId"))),
                 next_version(rq, json_str(json_get(old, S("version")))));
    put_metadata(e, call, rq, false);
    save(call, rq, rs, r, e, id, snapshot_object_version(call->snap, str_of(r->kind), call->scope, id), 200);
}

static void
one_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *old;
    struct str id;
    struct edit e;

    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    old = find(call, rq, params, rs, &id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, body);
    edit_put_json(&e, e.root, S("meta:registryMetadata"), json_get(old, S("meta:registryMetadata")));
    update(call, rq, rs, &e, old, id);
}

static void
one_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *old;
    struct diag d = DIAG_INIT;
    struct str id;
    struct edit e;
    enum err rc;

    if (!admin_body(rq, rs, STYLE, &body))
        return;
    old = find(call, rq, params, rs, &id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, old);
    rc = edit_patch(&e, body, &d);
    if (rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    else
        update(call, rq, rs, &e, old, id);
}

/* Descriptors go with their schema, in the same step. */
struct descriptor_search {
    struct str schema, alt_id, scope;
    struct config_change *changes;
    size_t n;
};

static void
gather_descriptor(void *ctx, struct str id, const struct json *object)
{
    struct descriptor_search *s = ctx;
    struct str source = json_str(json_get(object, S("xdm:sourceSchema")));

    if ((str_eq(source, s->schema) || str_eq(source, s->alt_id)) && s->n < LIMIT_CONFIG_CHANGES)
        s->changes[s->n++] = (struct config_change){S("descriptor"), s->scope, id, S_NULL, CONFIG_ANY_VERSION};
}

static void
one_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct resource *r = resource_of(rq);
    struct config_change changes[LIMIT_CONFIG_CHANGES];
    struct str id;
    const struct json *o = find(call, rq, params, rs, &id);
    struct descriptor_search s = {id, json_str(json_get(o, S("meta:altId"))), call->scope, changes, 1};
    struct diag d = DIAG_INIT;
    enum err rc;

    if (o == NULL)
        return;
    changes[0] = (struct config_change){str_of(r->kind), call->scope, id, S_NULL, CONFIG_ANY_VERSION};
    if (r == &schemas)
        snapshot_each(call->snap, S("descriptor"), call->scope, gather_descriptor, &s);
    rc = config_apply(call->admin->o.config, changes, s.n, rq->now_ms, &d);
    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

#define TENANT "/data/foundation/schemaregistry/tenant"
#define RESOURCE(path)                                                                                                 \
    {HTTP_GET, TENANT path, 0, list_get}, {HTTP_POST, TENANT path, LIMIT_ADMIN_BODY_BYTES, create_post},               \
        {HTTP_GET, TENANT path "/{id}", 0, one_get}, {HTTP_PUT, TENANT path "/{id}", LIMIT_ADMIN_BODY_BYTES, one_put}, \
        {HTTP_PATCH, TENANT path "/{id}", LIMIT_ADMIN_BODY_BYTES, one_patch},                                          \
    {                                                                                                                  \
        HTTP_DELETE, TENANT path "/{id}", 0, one_delete                                                                \
    }

static const struct route routes[] = {
    RESOURCE("/schemas"),
    RESOURCE("/fieldgroups"),
    RESOURCE("/mixins"),
};
const struct family family_schema = {routes, sizeof routes / sizeof *routes, STYLE, false};
