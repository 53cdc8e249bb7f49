/* admin_own.c - what the public product keeps in its console and we give paths of our own: datastreams [EDGE 8.1],
 * waiting for the hub, audience sizes. */
#include "admin/admin_int.h"
#include "base/limits.h"

#define STYLE ERRORS_PROBLEM
#define DRAIN_TIMEOUT_US (30ull * 1000 * 1000)

/* ---- datastreams ---- */

static void
list_one(void *ctx, struct str id, const struct json *object)
{
    (void)id;
    jw_json(ctx, object);
}

static void
datastreams_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct jw w = admin_json(rs, 200);

    (void)rq;
    (void)params;
    jw_object(&w);
    jw_key(&w, S("items"));
    jw_array(&w);
    snapshot_each(call->snap, S("datastream"), call->scope, list_one, &w);
    jw_end(&w);
    jw_end(&w);
}

static void
save_datastream(struct call *call, struct http_req *rq, struct http_res *rs, const struct json *body, struct str id,
                uint64_t version)
{
    struct edit e = edit_of(rq->arena, body);
    struct diag d = DIAG_INIT;
    struct str text;
    enum err rc;

    edit_put_str(&e, e.root, S("id"), id);
    edit_default_raw(&e, e.root, S("orgId"), arena_printf(rq->arena, "\"%.*s\"", STR_ARG(call->org)));
    edit_default_raw(&e, e.root, S("sandboxName"), arena_printf(rq->arena, "\"%.*s\"", STR_ARG(call->sandbox)));
    edit_default_raw(&e, e.root, S("enabled"), S("true"));
    edit_put_time(&e, e.root, S("modifiedAt"), rq->now_ms);
    text = edit_text(&e);
    rc = e.nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
                 : admin_save(call, rq, "datastream", id, text, version, &d);
    if (rc == ERR_OK)
        admin_text(rs, version == 0 ? 201 : 200, text);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

/* The client may choose the id: a migrating site keeps the one in its pages. */
static void
datastreams_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct str id;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    id = json_str(json_get(body, S("id")));
    save_datastream(ctx, rq, rs, body, id.n > 0 ? id : admin_new_uuid(rq), 0);
}

static void
datastream_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *o = snapshot_object(call->snap, S("datastream"), call->scope, id);
    struct jw w;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, "datastream", id);
        return;
    }
    w = admin_json(rs, 200);
    jw_json(&w, o);
}

static void
datastream_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *body = NULL;

    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    if (snapshot_object(call->snap, S("datastream"), call->scope, id) == NULL) {
        admin_not_found(rq, rs, STYLE, "datastream", id);
        return;
    }
    save_datastream(call, rq, rs, body, id, snapshot_object_version(call->snap, S("datastream"), call->scope, id));
}

static void
datastream_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct diag d = DIAG_INIT;
    enum err rc = config_delete(call->admin->o.config, S("datastream"), call->scope, route_param(params, S("id")),
                                rq->now_ms, &d);

    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

/* ---- the hub ---- */

static bool
has_hub(struct http_req *rq, struct http_res *rs, bool there)
{
    struct diag d = DIAG_INIT;

    if (!there)
        admin_fail(rq, rs, STYLE, 501, diag_set(&d, ERR_UNSUPPORTED, "this process runs no hub: ask the one that does"),
                   &d);
    return there;
}

/* Blocks this worker until the hub is done: for tests and loaders, one at a time. */
static void
drain_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct admin_hub *hub = &call->admin->o.hub;
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    (void)params;
    if (!has_hub(rq, rs, hub->drain != NULL))
        return;
    rc = hub->drain(hub->ctx, DRAIN_TIMEOUT_US, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kbool(&w, S("drained"), true);
    jw_end(&w);
}

enum err
admin_audience_size(struct admin *a, struct str scope, struct str audience, uint64_t *size, struct diag *d)
{
    const struct admin_hub *hub = &a->o.hub;

    if (hub->audience_size == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process runs no hub: ask the one that does");
    *size = hub->audience_size(hub->ctx, scope, audience);
    return ERR_OK;
}

/* Whether all profiles are up to date with the audiences, and how far it has come when not. */
static void
sweep_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct admin_hub *hub = &call->admin->o.hub;
    uint64_t done = 0, total = 0;
    struct jw w;
    bool active;

    (void)params;
    if (!has_hub(rq, rs, hub->sweep != NULL))
        return;
    active = hub->sweep(hub->ctx, &done, &total);
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kbool(&w, S("active"), active);
    jw_key(&w, S("done"));
    jw_u64(&w, done);
    jw_key(&w, S("total"));
    jw_u64(&w, total);
    jw_end(&w);
}

static void
size_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    uint64_t size = 0;
    struct jw w;
    enum err rc;

    if (snapshot_object(call->snap, S("audience"), call->scope, id) == NULL) {
        admin_not_found(rq, rs, STYLE, "audience", id);
        return;
    }
    rc = admin_audience_size(call->admin, call->scope, id, &size, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("id"), id);
    jw_key(&w, S("size"));
    jw_u64(&w, size);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/edgewise/datastreams", 0, datastreams_get},
    {HTTP_POST, "/edgewise/datastreams", LIMIT_ADMIN_BODY_BYTES, datastreams_post},
    {HTTP_GET, "/edgewise/datastreams/{id}", 0, datastream_get},
    {HTTP_PUT, "/edgewise/datastreams/{id}", LIMIT_ADMIN_BODY_BYTES, datastream_put},
    {HTTP_DELETE, "/edgewise/datastreams/{id}", 0, datastream_delete},
    {HTTP_GET, "/edgewise/drain", 0, drain_get},
    {HTTP_GET, "/edgewise/sweep", 0, sweep_get},
    {HTTP_GET, "/edgewise/audiences/{id}/size", 0, size_get},
};
const struct family family_own = {routes, sizeof routes / sizeof *routes, STYLE, false};
