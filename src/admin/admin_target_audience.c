/* admin_target_audience.c - audiences of the Target admin API [TARGET 6.2, 6.4]. Those of the hub: admin_segment.c. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET

#define AUDIENCE_VERSIONS 3

static void
audiences_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        target_list(ctx, rq, rs, version, "targetAudience", "audiences", target_write_whole);
}

static void
put_audience(struct edit *e, struct http_req *rq)
{
    edit_default_raw(e, e->root, S("origin"), S("\"target\""));
    edit_default_raw(e, e->root, S("type"), S("\"reusable\""));
    edit_default_raw(e, e->root, S("status"), S("\"saved\""));
    edit_default_raw(e, e->root, S("workspace"), S("\"\""));
    edit_put_time(e, e->root, S("modifiedAt"), rq->now_ms);
}

static void
audiences_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_audience(&e, rq);
    edit_put_time(&e, e.root, S("createdAt"), rq->now_ms);
    target_create(ctx, rq, rs, version, "targetAudience", &e);
}

static void
audience_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    int version;

    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        return;
    o = target_find(ctx, rq, rs, "targetAudience", route_param(params, S("id")));
    if (o != NULL)
        target_answer_object(rs, version, o);
}

static void
change_audience(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs,
                bool merge)
{
    const struct json *body = NULL, *old;
    struct str id = route_param(params, S("id"));
    struct edit e;
    int version;

    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    old = target_find(call, rq, rs, "targetAudience", id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, merge ? old : body);
    if (merge)
        edit_merge(&e, body);
    target_put_id(&e, id);
    put_audience(&e, rq);
    edit_put_json(&e, e.root, S("createdAt"), json_get(old, S("createdAt")));
    target_save(call, rq, rs, version, "targetAudience", id, &e);
}

static void
audience_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change_audience(ctx, rq, params, rs, false);
}

static void
audience_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change_audience(ctx, rq, params, rs, true);
}

static void
audience_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        target_delete(ctx, rq, rs, version, "targetAudience", route_param(params, S("id")));
}

#define BASE "/{tenant}/target"

static const struct route routes[] = {
    {HTTP_GET, BASE "/audiences", 0, audiences_get},
    {HTTP_POST, BASE "/audiences", LIMIT_ADMIN_BODY_BYTES, audiences_post},
    {HTTP_GET, BASE "/audiences/{id}", 0, audience_get},
    {HTTP_PUT, BASE "/audiences/{id}", LIMIT_ADMIN_BODY_BYTES, audience_put},
    {HTTP_PATCH, BASE "/audiences/{id}", LIMIT_ADMIN_BODY_BYTES, audience_patch},
    {HTTP_DELETE, BASE "/audiences/{id}", 0, audience_delete},
};
const struct family family_target_audience = {routes, sizeof routes / sizeof *routes, STYLE, false};
