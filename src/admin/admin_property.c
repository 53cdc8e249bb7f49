/* admin_property.c - properties of the Target admin API [TARGET 6.2, 6.5]: whose token a page sends decides which
 * activities it gets. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET

static void
properties_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, 1, &version))
        target_list(ctx, rq, rs, version, "property", "properties", target_write_whole);
}

/* Name and channel are the client's; the token is made once and stays. */
static bool
check_property(struct http_req *rq, struct http_res *rs, const struct json *body)
{
    static const char *const channels[] = {"web", "mobile", "email", "other"};
    struct str channel = json_str(json_get(body, S("channel")));
    struct diag d = DIAG_INIT;

    if (json_str(json_get(body, S("name"))).n == 0) {
        (void)diag_set_path(&d, ERR_INVALID, "name", "name must be a text that is not empty");
        admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
        return false;
    }
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        if (str_eq(channel, str_of(channels[i])))
            return true;
    }
    (void)diag_set_path(&d, ERR_INVALID, "channel", "channel must be web, mobile, email or other, got '%.*s'",
                        STR_ARG(channel));
    admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
    return false;
}

static void
properties_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body) || !check_property(rq, rs, body))
        return;
    e = edit_of(rq->arena, body);
    /* OURS: one that comes from elsewhere keeps its token, because pages send it. */
    if (edit_str(edit_get(e.root, S("token"))).n == 0)
        edit_put_str(&e, e.root, S("token"), admin_new_uuid(rq));
    edit_default_raw(&e, e.root, S("workspaces"), S("[]"));
    edit_put_time(&e, e.root, S("createdAt"), rq->now_ms);
    edit_put_time(&e, e.root, S("modifiedAt"), rq->now_ms);
    target_create(ctx, rq, rs, version, "property", &e);
}

static void
property_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    o = target_find(ctx, rq, rs, "property", route_param(params, S("id")));
    if (o != NULL)
        target_answer_object(rs, version, o);
}

static void
property_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL, *old;
    struct str id = route_param(params, S("id"));
    struct edit e;
    int version;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body) || !check_property(rq, rs, body))
        return;
    old = target_find(ctx, rq, rs, "property", id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, body);
    target_put_id(&e, id);
    edit_put_json(&e, e.root, S("token"), json_get(old, S("token")));
    edit_put_json(&e, e.root, S("createdAt"), json_get(old, S("createdAt")));
    edit_put_time(&e, e.root, S("modifiedAt"), rq->now_ms);
    target_save(ctx, rq, rs, version, "property", id, &e);
}

static void
property_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, 1, &version))
        target_delete(ctx, rq, rs, version, "property", route_param(params, S("id")));
}

#define BASE "/{tenant}/target"

static const struct route routes[] = {
    {HTTP_GET, BASE "/properties", 0, properties_get},
    {HTTP_POST, BASE "/properties", LIMIT_ADMIN_BODY_BYTES, properties_post},
    {HTTP_GET, BASE "/properties/{id}", 0, property_get},
    {HTTP_PUT, BASE "/properties/{id}", LIMIT_ADMIN_BODY_BYTES, property_put},
    {HTTP_DELETE, BASE "/properties/{id}", 0, property_delete},
};
const struct family family_property = {routes, sizeof routes / sizeof *routes, STYLE, false};
