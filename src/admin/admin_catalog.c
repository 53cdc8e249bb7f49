/* admin_catalog.c - the catalogue: datasets, and batches to read [PLATFORM 3.1].
 *
 * Answers are objects keyed by id, without a paging object: a list ends with fewer keys than the limit. Batches are
 * written by the import (admin_import.c); here they are shown and filtered. */
#include "admin/admin_registry.h"
#include "base/limits.h"
#include "codec/url.h"
#include "config/schema_view.h"

#define STYLE ERRORS_PROBLEM
#define LIMIT_DEFAULT 20
#define LIMIT_MAX 100

/* ---- lists ---- */

struct entry {
    struct str id;
    const struct json *object;
    int64_t created;
};

struct gather {
    struct http_req *rq;
    bool (*keep)(struct http_req *rq, struct str id, const struct json *object);
    struct entry *items;
    size_t n, cap;
    bool nomem;
};

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;

    if (g->nomem || !registry_passes(g->rq, object) || !g->keep(g->rq, id, object))
        return;
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct entry *items = ARENA_ARRAY(g->rq->arena, struct entry, cap);
        if (items == NULL) {
            g->nomem = true;
            return;
        }
        if (g->n > 0)
            memcpy(items, g->items, g->n * sizeof *items);
        g->items = items;
        g->cap = cap;
    }
    g->items[g->n++] = (struct entry){id, object, json_i64(json_get(object, S("created")), 0)};
}

static int
by_created(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    return a->created != b->created ? (a->created < b->created ? -1 : 1) : str_cmp(a->id, b->id);
}

static int
by_created_down(const void *x, const void *y)
{
    return by_created(y, x);
}

/* The whole object, or the members that ?properties= names. */
static void
write_trimmed(struct jw *w, struct http_req *rq, const struct json *o)
{
    struct str rest = http_query(rq, S("properties")), name;

    if (rest.n == 0) {
        jw_json(w, o);
        return;
    }
    jw_object(w);
    while (str_split(&rest, ',', &name)) {
        const struct json *v = json_get(o, str_trim(name));
        if (v != NULL)
            jw_kjson(w, str_trim(name), v);
    }
    jw_end(w);
}

static void
list(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind,
     bool (*keep)(struct http_req *rq, struct str id, const struct json *object))
{
    struct gather g = {.rq = rq, .keep = keep};
    struct admin_page page = admin_page(rq, LIMIT_DEFAULT, LIMIT_MAX);
    struct str order = http_query(rq, S("orderBy"));
    struct diag d = DIAG_INIT;
    struct jw w;

    snapshot_each(call->snap, str_of(kind), call->scope, gather_one, &g);
    if (g.nomem) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "the list exceeds request memory"), &d);
        return;
    }
    if (order.n > 0 && g.n > 0)
        qsort(g.items, g.n, sizeof *g.items, str_starts(order, S("desc")) ? by_created_down : by_created);
    w = admin_json(rs, 200);
    jw_object(&w);
    for (size_t i = page.start; i < g.n && i - page.start < page.limit; i++) {
        jw_key(&w, g.items[i].id);
        write_trimmed(&w, rq, g.items[i].object);
    }
    jw_end(&w);
}

static void
one(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, struct str id)
{
    const struct json *o = snapshot_object(call->snap, str_of(kind), call->scope, id);
    struct jw w;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, kind, id);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, id);
    write_trimmed(&w, rq, o);
    jw_end(&w);
}

/* ---- datasets ---- */

/* Filters by members of their own name: name=, state=, schemaRef.id=. */
static bool
keep_dataset(struct http_req *rq, struct str id, const struct json *object)
{
    static const char *const paths[] = {"name", "state", "status", "schemaRef.id"};

    (void)id;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct str want = http_query(rq, str_of(paths[i]));
        if (want.n > 0 && !str_eq(json_str(json_path(object, str_of(paths[i]))), want))
            return false;
    }
    return true;
}

static void
datasets_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    list(ctx, rq, rs, "dataset", keep_dataset);
}

static void
dataset_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    one(ctx, rq, rs, "dataset", route_param(params, S("id")));
}

/* A table name of lower-case letters, digits and underscores. */
static struct str
table_name(struct http_req *rq, struct str name)
{
    struct str copy = arena_str(rq->arena, name);

    for (size_t i = 0; i < copy.n; i++) {
        char *c = (char *)(uintptr_t)copy.p + i;
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
        else if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    }
    return copy;
}

/* Members that clients index without asking [PLATFORM 3.1], and the schema by its $id. */
static void
put_derived(struct edit *e, struct call *call, struct http_req *rq, struct str id)
{
    struct edit_node *ref = edit_object(e, e->root, S("schemaRef")), *tags, *classification;
    const struct schema_view *v = schema_view_of(call->snap, call->scope, edit_str(edit_get(ref, S("id"))));

    if (v != NULL)
        edit_put_str(e, ref, S("id"), schema_view_id(v));
    edit_default_raw(e, ref, S("contentType"), S("\"application/vnd.adobe.xed-full+json;version=1\""));
    tags = edit_object(e, e->root, S("tags"));
    edit_default_raw(
        e, tags, S("adobe/pqs/table"),
        arena_printf(rq->arena, "[\"%.*s\"]", STR_ARG(table_name(rq, edit_str(edit_get(e->root, S("name")))))));
    classification = edit_object(e, e->root, S("classification"));
    edit_put_str(e, classification, S("dataBehavior"),
                 v != NULL && schema_view_is_event(v) ? S("time-series") : S("record"));
    edit_default_raw(e, classification, S("managedBy"), S("\"CUSTOMER\""));
    edit_put_str(e, e->root, S("id"), id);
    edit_put_str(e, e->root, S("imsOrg"), call->org);
    edit_put_i64(e, e->root, S("updated"), rq->now_ms);
    edit_put_str(e, e->root, S("updatedUser"), call->client_id);
    edit_default_raw(e, e->root, S("fileDescription"),
                     S("{\"persisted\":true,\"containerFormat\":\"parquet\",\"format\":\"parquet\"}"));
}

/* "1.0.3" -> "1.0.4" */
static struct str
next_version(struct http_req *rq, struct str version)
{
    struct str last;
    size_t head = 0;
    uint64_t n = 0;

    for (size_t i = 0; i < version.n; i++) {
        if (version.p[i] == '.')
            head = i + 1;
    }
    last = str_slice(version, head, version.n);
    (void)str_to_u64(last, &n);
    return arena_printf(rq->arena, "%.*s%llu", (int)head, head ? version.p : "", (unsigned long long)n + 1);
}

static void
save_dataset(struct call *call, struct http_req *rq, struct http_res *rs, struct edit *e, struct str id,
             uint64_t version)
{
    struct str text = edit_text(e);
    struct diag d = DIAG_INIT;
    enum err rc = e->nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
                           : admin_save(call, rq, "dataset", id, text, version, &d);
    struct jw w;

    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, version == 0 ? 201 : 200);
    jw_array(&w);
    jw_str(&w, arena_printf(rq->arena, "@/dataSets/%.*s", STR_ARG(id)));
    jw_end(&w);
}

static void
datasets_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    struct str id = admin_new_id(rq), view = admin_new_id(rq);
    struct edit e;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_derived(&e, call, rq, id);
    edit_put_str(&e, e.root, S("sandboxId"), json_str(json_get(sandbox, S("id"))));
    edit_put_str(&e, e.root, S("namespace"), S("ACP"));
    edit_default_raw(&e, e.root, S("status"), S("\"enabled\""));
    edit_default_raw(&e, e.root, S("state"), S("\"DRAFT\""));
    edit_put_str(&e, e.root, S("version"), S("1.0.0"));
    edit_put_i64(&e, e.root, S("created"), rq->now_ms);
    edit_put_str(&e, e.root, S("createdUser"), call->client_id);
    edit_put_str(&e, e.root, S("createdClient"), call->client_id);
    edit_put_str(&e, e.root, S("viewId"), view);
    edit_put_str(&e, e.root, S("files"),
                 arena_printf(rq->arena, "@/dataSets/%.*s/views/%.*s/files", STR_ARG(id), STR_ARG(view)));
    save_dataset(call, rq, rs, &e, id, 0);
}

/* A list of operations is a JSON Patch under any content type; an object replaces top level members. */
static void
dataset_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = snapshot_object(call->snap, S("dataset"), call->scope, id), *body = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc = ERR_OK;

    if (old == NULL) {
        admin_not_found(rq, rs, STYLE, "dataset", id);
        return;
    }
    if (!admin_body(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, old);
    if (json_is(body, JSON_ARRAY))
        rc = edit_patch(&e, body, &d);
    else if (json_is(body, JSON_OBJECT))
        edit_merge(&e, body);
    else
        rc = diag_set(&d, ERR_INVALID, "the body must be an object or a JSON Patch, found %s",
                      json_type_name(json_type(body)));
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    put_derived(&e, call, rq, id);
    edit_put_str(&e, e.root, S("version"), next_version(rq, json_str(json_get(old, S("version")))));
    edit_put_json(&e, e.root, S("created"), json_get(old, S("created")));
    save_dataset(call, rq, rs, &e, id, snapshot_object_version(call->snap, S("dataset"), call->scope, id));
}

static void
dataset_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    enum err rc = config_delete(call->admin->o.config, S("dataset"), call->scope, id, rq->now_ms, &d);

    if (rc == ERR_OK)
        admin_empty(rs, 200);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

/* ---- batches ---- */

static bool
in_list(struct str list, struct str want)
{
    struct str one_of;

    while (str_split(&list, ',', &one_of)) {
        if (str_eq(str_trim(one_of), want))
            return true;
    }
    return false;
}

static bool
related_to(const struct json *batch, struct str dataset)
{
    struct json_iter it = json_iter(json_get(batch, S("relatedObjects")));

    while (json_next(&it)) {
        if (in_list(dataset, json_str(json_get(it.value, S("id")))))
            return true;
    }
    return false;
}

/* createdAfter=, endBefore= and their kin: milliseconds, exclusive. */
static bool
in_time(struct http_req *rq, const struct json *batch)
{
    static const struct {
        const char *query, *member;
        bool after;
    } bounds[] = {
        {"createdAfter", "created", true}, {"createdBefore", "created", false}, {"startAfter", "started", true},
        {"startBefore", "started", false}, {"endAfter", "completed", true},     {"endBefore", "completed", false},
    };

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        int64_t bound, at = json_i64(json_get(batch, str_of(bounds[i].member)), 0);
        if (str_to_i64(http_query(rq, str_of(bounds[i].query)), &bound) &&
            (bounds[i].after ? at <= bound : at >= bound))
            return false;
    }
    return true;
}

static bool
keep_batch(struct http_req *rq, struct str id, const struct json *object)
{
    struct str dataset = http_query(rq, S("dataSet")), status = http_query(rq, S("status")),
               batch = http_query(rq, S("batch")), external = http_query(rq, S("externalId"));

    return (dataset.n == 0 || related_to(object, dataset)) &&
           (status.n == 0 || in_list(status, json_str(json_get(object, S("status"))))) &&
           (batch.n == 0 || in_list(batch, id)) &&
           (external.n == 0 || str_eq(external, json_str(json_get(object, S("externalId"))))) && in_time(rq, object);
}

static void
batches_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    list(ctx, rq, rs, "batch", keep_batch);
}

static void
batch_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    one(ctx, rq, rs, "batch", route_param(params, S("id")));
}

#define BASE "/data/foundation/catalog"

static const struct route routes[] = {
    {HTTP_GET, BASE "/dataSets", 0, datasets_get},
    {HTTP_POST, BASE "/dataSets", LIMIT_ADMIN_BODY_BYTES, datasets_post},
    {HTTP_GET, BASE "/dataSets/{id}", 0, dataset_get},
    {HTTP_PATCH, BASE "/dataSets/{id}", LIMIT_ADMIN_BODY_BYTES, dataset_patch},
    {HTTP_DELETE, BASE "/dataSets/{id}", 0, dataset_delete},
    {HTTP_GET, BASE "/batches", 0, batches_get},
    {HTTP_GET, BASE "/batches/{id}", 0, batch_get},
};
const struct family family_catalog = {routes, sizeof routes / sizeof *routes, STYLE, false};
