/* admin_registry.c - the rest of the schema registry: statistics, descriptors, unions, the global container [PLATFORM
 * 2]. */
#include "admin/admin_registry.h"

#include "base/limits.h"
#include "config/namespaces.h"
#include "config/schema_view.h"

#define STYLE ERRORS_PROBLEM

static bool
is_union(const struct json *schema)
{
    struct json_iter it = json_iter(json_get(schema, S("meta:immutableTags")));

    while (json_next(&it)) {
        if (str_eq(json_str(it.value), S("union")))
            return true;
    }
    return false;
}

/* ---- stats ---- */

struct counts {
    size_t n, unions_profile, unions_event;
};

static void
count_one(void *ctx, struct str id, const struct json *object)
{
    struct counts *c = ctx;

    (void)id;
    c->n++;
    if (is_union(object)) {
        bool event = str_find(json_str(json_get(object, S("meta:class"))), S("experienceevent")) >= 0;
        *(event ? &c->unions_event : &c->unions_profile) += 1;
    }
}

static void
stats_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct counts schemas = {0}, groups = {0};
    struct jw w;

    (void)rq;
    (void)params;
    snapshot_each(call->snap, S("schema"), call->scope, count_one, &schemas);
    snapshot_each(call->snap, S("fieldgroup"), call->scope, count_one, &groups);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("imsOrg"), call->org);
    jw_kstr(&w, S("tenantId"), registry_tenant(call));
    jw_key(&w, S("counts"));
    jw_object(&w);
    jw_ki64(&w, S("schemas"), (int64_t)schemas.n);
    jw_ki64(&w, S("mixins"), (int64_t)groups.n);
    jw_ki64(&w, S("datatypes"), 0);
    jw_ki64(&w, S("classes"), 0);
    jw_ki64(&w, S("unions"), (schemas.unions_profile > 0) + (schemas.unions_event > 0));
    jw_end(&w);
    jw_kraw(&w, S("recentlyCreatedResources"), S("[]"));
    jw_kraw(&w, S("recentlyUpdatedResources"), S("[]"));
    jw_kraw(&w, S("classUsage"), S("{}"));
    jw_end(&w);
}

/* ---- descriptors ---- */

/* A namespace given by number, or in another letter case, as its registered code. */
struct code_search {
    struct str code;
    int64_t id;
    struct str found;
};

static void
match_code(void *ctx, struct str code, const struct json *object)
{
    struct code_search *s = ctx;

    if (str_eq_nocase(code, s->code) || (s->id >= 0 && json_i64(json_get(object, S("id")), -1) == s->id))
        s->found = code;
}

static struct str
registered_code(struct call *call, const struct json *v)
{
    struct code_search s = {json_str(v), json_i64(v, -1), S_NULL};
    const struct namespace_standard *standard = namespace_standard_find(s.code);

    for (size_t i = 0; standard == NULL && s.id >= 0 && i < namespaces_standard_count; i++) {
        if (namespaces_standard[i].id == s.id)
            standard = &namespaces_standard[i];
    }
    if (standard != NULL)
        return str_of(standard->code);
    snapshot_each(call->snap, S("namespace"), call->scope, match_code, &s);
    return s.found.n > 0 ? s.found : s.code;
}

static void
put_descriptor(struct edit *e, struct call *call, struct http_req *rq, const struct json *body, struct str id,
               const char *version)
{
    const struct json *ns = json_get(body, S("xdm:namespace")),
                      *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    const struct schema_view *v =
        schema_view_of(call->snap, call->scope, json_str(json_get(body, S("xdm:sourceSchema"))));

    (void)rq;
    edit_put_str(e, e->root, S("@id"), id);
    if (v != NULL) /* named by its alternative id as well */
        edit_put_str(e, e->root, S("xdm:sourceSchema"), schema_view_id(v));
    if (ns != NULL)
        edit_put_str(e, e->root, S("xdm:namespace"), registered_code(call, ns));
    edit_default_raw(e, e->root, S("xdm:sourceVersion"), S("1"));
    edit_put_str(e, e->root, S("imsOrg"), call->org);
    edit_put_str(e, e->root, S("version"), str_of(version));
    edit_put_str(e, e->root, S("meta:containerId"), S("tenant"));
    edit_put_str(e, e->root, S("meta:sandboxId"), json_str(json_get(sandbox, S("id"))));
    edit_put_str(e, e->root, S("meta:sandboxType"), json_str(json_get(sandbox, S("type"))));
}

static void
save_descriptor(struct call *call, struct http_req *rq, struct http_res *rs, struct edit *e, struct str id,
                uint64_t version)
{
    struct str text = edit_text(e);
    struct diag d = DIAG_INIT;
    enum err rc = e->nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
                           : admin_save(call, rq, "descriptor", id, text, version, &d);
    struct jw w;

    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, rc == ERR_EXISTS ? 400 : 0, rc, &d);
        return;
    }
    if (version == 0) {
        admin_text(rs, 201, text);
        return;
    }
    w = admin_json(rs, 201);
    jw_object(&w);
    jw_kstr(&w, S("@id"), id);
    jw_end(&w);
}

static void
descriptor_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL;
    struct str id = admin_new_id(rq);
    struct edit e;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_descriptor(&e, call, rq, body, id, "1");
    save_descriptor(call, rq, rs, &e, id, 0);
}

static void
descriptor_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL;
    struct str id = route_param(params, S("id"));
    struct edit e;

    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    if (snapshot_object(call->snap, S("descriptor"), call->scope, id) == NULL) {
        admin_not_found(rq, rs, STYLE, "descriptor", id);
        return;
    }
    e = edit_of(rq->arena, body);
    put_descriptor(&e, call, rq, body, id, "1");
    save_descriptor(call, rq, rs, &e, id, snapshot_object_version(call->snap, S("descriptor"), call->scope, id));
}

static void
descriptor_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *o = snapshot_object(call->snap, S("descriptor"), call->scope, id);
    struct jw w;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, "descriptor", id);
        return;
    }
    w = admin_json(rs, 200);
    jw_json(&w, o);
}

static void
descriptor_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    enum err rc = config_delete(call->admin->o.config, S("descriptor"), call->scope, id, rq->now_ms, &d);

    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void
write_descriptor(struct jw *w, struct http_req *rq, const struct json *o, enum registry_shape shape)
{
    struct str id = json_str(json_get(o, S("@id")));

    if (shape == SHAPE_ID)
        jw_str(w, id);
    else if (shape == SHAPE_LINK)
        jw_str(w, arena_printf(rq->arena, "/tenant/descriptors/%.*s", STR_ARG(id)));
    else
        jw_json(w, o);
}

/* Grouped by @type. The list is short (4,000 at most), the types are a dozen. */
static void
descriptors_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct registry_accept accept;
    struct registry_list l;
    struct diag d = DIAG_INIT;
    struct jw w;

    (void)params;
    if (!registry_accept(rq, rs, false, &accept))
        return;
    if (!registry_list_of(call, rq, "descriptor", &l)) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "the list exceeds request memory"), &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    for (size_t i = 0; i < l.n; i++) {
        struct str type;
        if (l.items[i] == NULL)
            continue;
        type = json_str(json_get(l.items[i], S("@type")));
        jw_key(&w, type);
        jw_array(&w);
        for (size_t k = i; k < l.n; k++) {
            if (l.items[k] == NULL || !str_eq(json_str(json_get(l.items[k], S("@type"))), type))
                continue;
            write_descriptor(&w, rq, l.items[k], accept.shape);
            l.items[k] = k == i ? l.items[k] : NULL; /* written */
        }
        jw_end(&w);
    }
    jw_end(&w);
}

/* ---- unions ---- */

static void
write_union(struct jw *w, struct call *call, struct http_req *rq, const struct schema_global *class,
            struct registry_accept accept)
{
    struct buf alt;

    buf_init(&alt, 256);
    schema_global_alt_id(&alt, class);
    jw_object(w);
    jw_kstr(w, S("title"), arena_printf(rq->arena, "Union of %s", class->title));
    jw_kstr(w, S("$id"), arena_printf(rq->arena, "%s__union", class->id));
    jw_kstr(w, S("meta:altId"), arena_printf(rq->arena, "%.*s__union", STR_ARG(buf_str(&alt))));
    jw_kstr(w, S("version"), S("1.0"));
    if (accept.shape != SHAPE_ID) {
        jw_kstr(w, S("type"), S("object"));
        jw_kstr(w, S("meta:resourceType"), S("unions"));
        jw_kstr(w, S("meta:class"), str_of(class->id));
        jw_kstr(w, S("meta:containerId"), S("tenant"));
    }
    if (accept.shape == SHAPE_FULL)
        (void)schema_union_write(w, call->snap, call->scope, str_of(class->id), accept.text);
    jw_end(w);
    buf_deinit(&alt);
}

static bool
union_exists(struct call *call, const struct schema_global *class)
{
    struct counts c = {0};

    snapshot_each(call->snap, S("schema"), call->scope, count_one, &c);
    return strstr(class->id, "experienceevent") != NULL ? c.unions_event > 0 : c.unions_profile > 0;
}

bool
registry_union_get(struct call *call, struct http_req *rq, struct http_res *rs, struct str ref,
                   struct registry_accept accept)
{
    const struct schema_global *class = schema_global_find(str_slice(ref, 0, ref.n - strlen("__union")));
    struct jw w;

    if (class == NULL || class->kind != GLOBAL_CLASS || !union_exists(call, class))
        return false;
    w = admin_json(rs, 200);
    write_union(&w, call, rq, class, accept);
    return true;
}

static void
unions_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct registry_accept accept;
    struct registry_list l = {.order_by = S("title"), .next = S_NULL};
    struct jw w;

    (void)params;
    if (!registry_accept(rq, rs, false, &accept))
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_array(&w);
    for (size_t i = 0; i < schema_global_count; i++) {
        if (schema_globals[i].kind == GLOBAL_CLASS && union_exists(call, &schema_globals[i])) {
            write_union(&w, call, rq, &schema_globals[i], accept);
            l.n++;
        }
    }
    jw_end(&w);
    registry_write_page(&w, rq, &l);
    jw_end(&w);
}

static void
union_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct registry_accept accept;
    struct str ref = route_param(params, S("id"));

    if (registry_accept(rq, rs, true, &accept) &&
        (!str_ends(ref, S("__union")) || !registry_union_get(call, rq, rs, ref, accept)))
        admin_not_found(rq, rs, STYLE, "union", ref);
}

/* ---- the global container ---- */

static bool
kind_of_path(struct str word, enum schema_global_kind *out)
{
    static const struct {
        const char *word;
        enum schema_global_kind kind;
    } words[] = {{"classes", GLOBAL_CLASS},
                 {"fieldgroups", GLOBAL_GROUP},
                 {"mixins", GLOBAL_GROUP},
                 {"datatypes", GLOBAL_DATATYPE},
                 {"behaviors", GLOBAL_BEHAVIOUR}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq(word, str_of(words[i].word))) {
            *out = words[i].kind;
            return true;
        }
    }
    return false;
}

static void
write_global(struct jw *w, const struct schema_global *g, struct registry_accept accept)
{
    static const char *const types[] = {[GLOBAL_CLASS] = "classes",
                                        [GLOBAL_GROUP] = "mixins",
                                        [GLOBAL_DATATYPE] = "datatypes",
                                        [GLOBAL_BEHAVIOUR] = "behaviors"};
    struct buf alt;

    buf_init(&alt, 256);
    schema_global_alt_id(&alt, g);
    jw_object(w);
    jw_kstr(w, S("title"), str_of(g->title));
    jw_kstr(w, S("$id"), str_of(g->id));
    jw_kstr(w, S("meta:altId"), buf_str(&alt));
    jw_kstr(w, S("version"), S("1.0"));
    if (accept.shape != SHAPE_ID) {
        jw_kstr(w, S("type"), S("object"));
        jw_kstr(w, S("meta:resourceType"), str_of(types[g->kind]));
        jw_kstr(w, S("meta:containerId"), S("global"));
        if (g->class_id != NULL) {
            jw_key(w, S("meta:intendedToExtend"));
            jw_array(w);
            jw_str(w, str_of(g->class_id));
            jw_end(w);
        }
        schema_global_write(w, g);
    }
    jw_end(w);
    buf_deinit(&alt);
}

static void
globals_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct registry_accept accept;
    struct registry_list l = {.order_by = S("title"), .next = S_NULL};
    enum schema_global_kind kind = GLOBAL_CLASS;
    bool known = kind_of_path(route_param(params, S("kind")), &kind);
    struct jw w;

    (void)ctx;
    if (!known && !str_eq(route_param(params, S("kind")), S("schemas"))) {
        admin_not_found(rq, rs, STYLE, "global container", route_param(params, S("kind")));
        return;
    }
    if (!registry_accept(rq, rs, false, &accept))
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_array(&w);
    for (size_t i = 0; known && i < schema_global_count; i++) {
        if (schema_globals[i].kind == kind) {
            write_global(&w, &schema_globals[i], accept);
            l.n++;
        }
    }
    jw_end(&w);
    registry_write_page(&w, rq, &l);
    jw_end(&w);
}

static void
global_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct registry_accept accept;
    struct str ref = route_param(params, S("id"));
    const struct schema_global *g = schema_global_find(ref);
    enum schema_global_kind kind = GLOBAL_CLASS;
    struct jw w;

    (void)ctx;
    if (!registry_accept(rq, rs, true, &accept))
        return;
    if (g == NULL || !kind_of_path(route_param(params, S("kind")), &kind) || g->kind != kind) {
        admin_not_found(rq, rs, STYLE, "global resource", ref);
        return;
    }
    w = admin_json(rs, 200);
    write_global(&w, g, accept);
}

#define BASE "/data/foundation/schemaregistry"

static const struct route routes[] = {
    {HTTP_GET, BASE "/stats", 0, stats_get},
    {HTTP_GET, BASE "/tenant/descriptors", 0, descriptors_get},
    {HTTP_POST, BASE "/tenant/descriptors", LIMIT_ADMIN_BODY_BYTES, descriptor_post},
    {HTTP_GET, BASE "/tenant/descriptors/{id}", 0, descriptor_get},
    {HTTP_PUT, BASE "/tenant/descriptors/{id}", LIMIT_ADMIN_BODY_BYTES, descriptor_put},
    {HTTP_DELETE, BASE "/tenant/descriptors/{id}", 0, descriptor_delete},
    {HTTP_GET, BASE "/tenant/unions", 0, unions_get},
    {HTTP_GET, BASE "/tenant/unions/{id}", 0, union_get},
    {HTTP_GET, BASE "/global/{kind}", 0, globals_get},
    {HTTP_GET, BASE "/global/{kind}/{id}", 0, global_get},
};
const struct family family_registry = {routes, sizeof routes / sizeof *routes, STYLE, false};
