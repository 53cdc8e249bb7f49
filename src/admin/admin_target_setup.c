/* admin_target_setup.c - what surrounds activities in the Target admin API [TARGET 6.2, 6.5, 6.6]: environments, hosts,
 * and response tokens; OURS, because the vendor has no endpoint for them: exclusion groups and profile scripts.
 *
 * All are documents that are stored as they come, with a number, a time and an environment's defaults put in. What they
 * may say is checked where they are saved (config_target.c). */
#include "admin/admin_target.h"
#include "base/limits.h"
#include "codec/url.h"
#include "config/tenant.h"

#define STYLE ERRORS_TARGET

/* ---- numbered documents ---- */

static const struct resource {
    const char *path, *kind, *plural, *time; /* time: the member that says when it changed */
} resources[] = {
    {"environments", "environment", "environments", "lastModified"},
    {"exclusionGroups", "exclusionGroup", "exclusionGroups", "modifiedAt"},
    {"profileattributes", "profileScript", "scripts", "modifiedAt"},
    {"responsetokens", "responseToken", "responseTokens", "modifiedAt"},
};

/* By the word behind /{tenant}/target/, which a route matched. */
static const struct resource *
resource_of(const struct http_req *rq)
{
    struct str before = S("/target/"), rest, word = S_NULL;
    ptrdiff_t at = str_find(rq->path, before);

    rest = str_slice(rq->path, at < 0 ? 0 : (size_t)at + before.n, rq->path.n);
    (void)str_split(&rest, '/', &word);
    for (size_t i = 1; i < sizeof resources / sizeof *resources; i++) {
        if (str_eq(word, str_of(resources[i].path)))
            return &resources[i];
    }
    return &resources[0];
}

static bool
is_production(const struct resource *r, struct str id)
{
    return strcmp(r->kind, "environment") == 0 && str_eq(id, S("1"));
}

/* As it is stored, or as it is without anybody having stored it. */
static const struct json *
find(struct call *call, struct http_req *rq, struct http_res *rs, const struct resource *r, struct str id)
{
    const struct json *o = target_builtin(call, rq, r->kind, id);

    return o != NULL ? o : target_find(call, rq, rs, r->kind, id);
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct resource *r = resource_of(rq);
    int version;

    (void)params;
    if (target_media(rq, rs, 1, &version))
        target_list_with(ctx, rq, rs, version, r->kind, r->plural, target_write_whole,
                         target_builtin_list(ctx, rq, r->kind));
}

static void
complete_token(struct edit *e)
{
    struct str token = edit_str(edit_get(e->root, S("token")));

    if (token.n > 0 && edit_get(e->root, S("name")) == NULL)
        edit_put_str(e, e->root, S("name"), token);
    edit_put_bool(e, e->root, S("deletable"), !target_token_is_builtin(token));
}

static void
complete(struct edit *e, struct http_req *rq, const struct resource *r, bool is_default)
{
    edit_put_time(e, e->root, str_of(r->time), rq->now_ms);
    if (strcmp(r->kind, "environment") == 0) {
        edit_default_raw(e, e->root, S("serveInactiveActivities"), S("false"));
        edit_put_bool(e, e->root, S("default"), is_default);
    } else if (strcmp(r->kind, "profileScript") == 0) {
        edit_default_raw(e, e->root, S("active"), S("true"));
    } else if (strcmp(r->kind, "responseToken") == 0) {
        edit_default_raw(e, e->root, S("active"), S("true"));
        complete_token(e);
    }
}

/* What is built in keeps its token and its number. */
static enum err
keep_builtin(struct edit *e, const struct resource *r, const struct json *old, struct diag *d)
{
    struct str was = json_str(json_get(old, S("token"))), token = edit_str(edit_get(e->root, S("token")));

    if (strcmp(r->kind, "responseToken") != 0 || !target_token_is_builtin(was))
        return ERR_OK;
    if (edit_get(e->root, S("token")) != NULL && !str_eq(token, was))
        return diag_set_path(d, ERR_INVALID, "token", "token must stay '%.*s', which is built in", STR_ARG(was));
    edit_put_json(e, e->root, S("token"), json_get(old, S("token")));
    if (edit_get(e->root, S("type")) == NULL && json_get(old, S("type")) != NULL)
        edit_put_json(e, e->root, S("type"), json_get(old, S("type")));
    return ERR_OK;
}

static void
list_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct resource *r = resource_of(rq);
    const struct json *body = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    if (keep_builtin(&e, r, target_builtin(ctx, rq, r->kind, http_query(rq, S("id"))), &d) != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, ERR_INVALID, &d);
        return;
    }
    complete(&e, rq, r, false);
    target_create(ctx, rq, rs, version, r->kind, &e);
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    o = find(ctx, rq, rs, resource_of(rq), route_param(params, S("id")));
    if (o != NULL)
        target_answer_object(rs, version, o);
}

static void
one_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct resource *r = resource_of(rq);
    struct str id = route_param(params, S("id"));
    const struct json *body = NULL, *old;
    struct diag d = DIAG_INIT;
    struct edit e;
    int version;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    old = find(ctx, rq, rs, r, id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, body);
    edit_put_json(&e, e.root, S("id"), json_get(old, S("id")));
    if (keep_builtin(&e, r, old, &d) != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, ERR_INVALID, &d);
        return;
    }
    complete(&e, rq, r, is_production(r, id));
    target_save(ctx, rq, rs, version, r->kind, id, &e);
}

static void
one_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct resource *r = resource_of(rq);
    struct str id = route_param(params, S("id"));
    const struct json *o;
    struct diag d = DIAG_INIT;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    o = find(ctx, rq, rs, r, id);
    if (o != NULL && is_production(r, id))
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_INVALID, "environment Production cannot be deleted"), &d);
    else if (o != NULL && target_builtin(ctx, rq, r->kind, id) != NULL)
        target_answer_object(rs, version, o); /* it is off */
    else if (o != NULL)
        target_delete(ctx, rq, rs, version, r->kind, id);
}

/* ---- hosts: named, not numbered ---- */

static void
host_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str name = route_param(params, S("hostName"));
    const struct json *body = NULL;
    struct edit e;
    int version;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    edit_put_str(&e, e.root, S("name"), name);
    target_save(ctx, rq, rs, version, "host", name, &e);
}

static void
host_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, 1, &version))
        target_delete(ctx, rq, rs, version, "host", route_param(params, S("hostName")));
}

#define BASE "/{tenant}/target"
#define NUMBERED(path)                                                                                                 \
    {HTTP_GET, BASE path, 0, list_get}, {HTTP_POST, BASE path, LIMIT_ADMIN_BODY_BYTES, list_post},                     \
        {HTTP_GET, BASE path "/{id}", 0, one_get}, {HTTP_PUT, BASE path "/{id}", LIMIT_ADMIN_BODY_BYTES, one_put},     \
    {                                                                                                                  \
        HTTP_DELETE, BASE path "/{id}", 0, one_delete                                                                  \
    }

static const struct route routes[] = {
    NUMBERED("/environments"),
    NUMBERED("/exclusionGroups"),
    NUMBERED("/profileattributes/scripts"),
    NUMBERED("/responsetokens"),
    {HTTP_PUT, BASE "/hosts/{hostName}", LIMIT_ADMIN_BODY_BYTES, host_put},
    {HTTP_DELETE, BASE "/hosts/{hostName}", 0, host_delete},
};
const struct family family_target_setup = {routes, sizeof routes / sizeof *routes, STYLE, false};
