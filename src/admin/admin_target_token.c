/* admin_target_token.c - /{tenant}/target/authentication/token: what a client shows to see traces, or to read and write
 * profiles [TARGET 6.9]. Nothing is kept: GET and POST both sign a new one (model/access_token.h). */
#include "admin/admin_target.h"
#include "base/limits.h"
#include "config/tenant.h"
#include "model/access_token.h"

#define STYLE ERRORS_TARGET

/* Lives of the vendor's [TARGET 6.2]: six hours, and ninety days, less a second. */
static const struct scope {
    const char *name;
    int64_t seconds;
} scopes[] = {{"debug_tools", 21600}, {"profile_api", 7776000}};

static const struct scope *
find_scope(struct http_req *rq, struct http_res *rs)
{
    struct str name = http_query(rq, S("authorizationScope"));
    struct diag d = DIAG_INIT;

    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        if (str_eq(name, str_of(scopes[i].name)))
            return &scopes[i];
    }
    (void)diag_set_path(&d, ERR_INVALID, "authorizationScope", "authorizationScope must be debug_tools or profile_api");
    admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
    return NULL;
}

static void
issue(struct call *call, struct http_req *rq, struct http_res *rs, int status)
{
    const struct scope *scope;
    struct tenant tenant;
    struct access_token token;
    struct diag d = DIAG_INIT;
    struct buf text;
    struct jw w;
    int version;
    enum err rc;

    if (!target_media(rq, rs, 1, &version))
        return;
    scope = find_scope(rq, rs);
    if (scope == NULL)
        return;
    if (!tenant_by_org(call->snap, call->org, &tenant)) {
        admin_not_found(rq, rs, STYLE, "client of", call->org);
        return;
    }
    token = (struct access_token){tenant.client, str_of(scope->name), rq->now_ms + scope->seconds * MS_PER_SECOND};
    buf_init_in(&text, rq->arena, LIMIT_HEADER_BYTES);
    rc = access_token_write(&text, tenant.view->token_key, &token, rq->arena, &d);
    if (rc == ERR_OK && !buf_ok(&text))
        rc = diag_set(&d, ERR_NOMEM, "no request memory for a token");
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = target_json(rs, status, version);
    jw_object(&w);
    jw_kstr(&w, S("accessToken"), buf_str(&text));
    jw_kstr(&w, S("tokenType"), S("bearer"));
    jw_kstr(&w, S("scope"), token.scope);
    jw_ki64(&w, S("expiresIn"), scope->seconds - 1);
    jw_end(&w);
    http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
}

static void
token_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    issue(ctx, rq, rs, 200);
}

static void
token_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    issue(ctx, rq, rs, 201);
}

static const struct route routes[] = {
    {HTTP_GET, "/{tenant}/target/authentication/token", 0, token_get},
    {HTTP_POST, "/{tenant}/target/authentication/token", LIMIT_ADMIN_BODY_BYTES, token_post},
};
const struct family family_target_token = {routes, sizeof routes / sizeof *routes, STYLE, false};
