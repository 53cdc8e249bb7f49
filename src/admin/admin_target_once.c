/* admin_target_once.c - what a client has once in the Target admin API [TARGET 6.2]: documents that are stored as
 * they come, each under its own path. What they may say is checked where they are saved (config_target.c). */
#include "admin/admin_target.h"
#include "base/limits.h"
#include "model/hit.h"

#define STYLE ERRORS_TARGET

static const struct document {
    const char *path, *id;
} documents[] = {
    {"/authorizedHosts", "authorizedHosts"},
    {"/clients/settings", "settings"},
    {"/clients/uisettings", "ui"},
    {"/atjs/settings", "atjs"},
    {"/environments/defaults", "environmentDefaults"},
};

/* By the end of the path, which a route matched; p NULL: no memory. */
static struct str
settings_id(const struct http_req *rq, const struct route_params *params)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (str_ends(rq->path, str_of(documents[i].path)))
            return str_of(documents[i].id);
    }
    return ARENA_JOIN(rq->arena, S("ipfilter."), route_param(params, S("type")));
}

/* Unset, all is in Production. */
static struct str
unset(struct str id, struct arena *a)
{
    return str_eq(id, S("environmentDefaults"))
               ? arena_printf(a, "{\"reportingEnvironmentId\":%d,\"newHostEnvironmentId\":%d}", HIT_PRODUCTION,
                              HIT_PRODUCTION)
               : S("{}");
}

static void
settings_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = settings_id(rq, params);
    const struct json *o = snapshot_object(call->snap, S("targetSettings"), call->scope, id);
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    if (o != NULL)
        target_answer_object(rs, version, o);
    else
        target_answer(rs, 200, version, unset(id, rq->arena));
}

static void
change(struct call *call, struct http_req *rq, struct http_res *rs, struct str id, bool merge)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, merge ? snapshot_object(call->snap, S("targetSettings"), call->scope, id) : body);
    if (merge)
        edit_merge(&e, body);
    target_save(call, rq, rs, version, "targetSettings", id, &e);
}

static void
settings_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change(ctx, rq, rs, settings_id(rq, params), false);
}

static void
settings_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change(ctx, rq, rs, settings_id(rq, params), true);
}

#define BASE "/{tenant}/target"
#define DOCUMENT(path)                                                                                                 \
    {HTTP_GET, BASE path, 0, settings_get},                                                                            \
    {                                                                                                                  \
        HTTP_PUT, BASE path, LIMIT_ADMIN_BODY_BYTES, settings_put                                                      \
    }

static const struct route routes[] = {
    DOCUMENT("/authorizedHosts"),
    DOCUMENT("/clients/settings"),
    {HTTP_PATCH, BASE "/clients/settings", LIMIT_ADMIN_BODY_BYTES, settings_patch},
    DOCUMENT("/clients/uisettings"),
    DOCUMENT("/clients/ipfilter/{type}"),
    DOCUMENT("/atjs/settings"),
    DOCUMENT("/environments/defaults"),
};
const struct family family_target_once = {routes, sizeof routes / sizeof *routes, STYLE, false};
