/* admin_gateway.c - who may call, and whose data it is: token, API key, organisation, in this order.
 *
 * The platform's gateway has its own bodies and says 403 for a missing token [PLATFORM 1.3]. The Target admin API
 * answers in its own format and says 401; its organisation is in the path, as the tenant, which must be that of the
 * token; and it is limited to a number of requests a minute [TARGET 6.1]. */
#include "admin/admin_int.h"

static bool
stop(struct http_req *rq, struct http_res *rs, int status, const char *code, const char *message)
{
    struct diag d = DIAG_INIT;
    struct jw w;

    if (admin_is_target_path(rq->path)) {
        admin_fail(rq, rs, ERRORS_TARGET, status, diag_set(&d, ERR_DENIED, "%s", message), &d);
        return false;
    }
    w = admin_json(rs, status);
    jw_object(&w);
    jw_kstr(&w, S("error_code"), str_of(code));
    jw_kstr(&w, S("message"), str_of(message));
    jw_end(&w);
    return false;
}

static struct str
tenant_of_path(struct str path)
{
    struct str rest = str_slice(path, 1, path.n), tenant = S_NULL, next;

    if (str_starts(path, S("/")) && str_split(&rest, '/', &tenant) && tenant.n > 0 && rest.p != NULL &&
        str_split(&rest, '/', &next) && str_eq(next, S("target")))
        return tenant;
    return S_NULL;
}

bool
admin_is_target_path(struct str path)
{
    return tenant_of_path(path).n > 0;
}

/* The organisation's tenant, or its client code. */
static bool
is_own_tenant(const struct call *call, struct str org, struct str tenant)
{
    const struct json *o = snapshot_object(call->snap, S("org"), org, org);

    return str_eq(json_str(json_get(o, S("tenant"))), tenant) || str_eq(json_str(json_get(o, S("clientCode"))), tenant);
}

static bool
pass_target(struct call *call, struct http_req *rq, struct http_res *rs)
{
    unsigned wait_s = admin_rate_take(&call->admin->target_rate, call->client_id, rq->start_us);

    if (!is_own_tenant(call, call->org, tenant_of_path(rq->path)))
        return stop(rq, rs, 403, "", "the tenant of the path is not that of the token's organisation");
    if (wait_s == 0)
        return true;
    (void)stop(rq, rs, 429, "", "too many requests of this client within a minute");
    rs->retry_after_s = wait_s;
    return false;
}

bool
admin_gateway(struct call *call, struct http_req *rq, struct http_res *rs)
{
    struct str bearer = http_header(rq, S("Authorization")), key = http_header(rq, S("x-api-key")),
               org = http_header(rq, S("x-gw-ims-org-id")), scope;
    bool target = admin_is_target_path(rq->path);
    struct token_claims claims;

    if (bearer.n == 0)
        return stop(rq, rs, target ? 401 : 403, "403010", "Oauth token is missing.");
    if (!str_eq_nocase(str_slice(bearer, 0, 7), S("Bearer ")) ||
        !admin_token_read(call->admin, str_trim(str_slice(bearer, 7, bearer.n)), rq, &claims) ||
        snapshot_find(call->snap, S("credential"), claims.client_id, &scope) == NULL)
        return stop(rq, rs, 401, "401013", "Oauth token is not valid");
    if (key.n == 0)
        return stop(rq, rs, 403, "403000", "Api Key is required");
    if (!str_eq(key, claims.client_id))
        return stop(rq, rs, 403, "403003", "Api Key is invalid");
    if (org.n == 0 && target)
        org = claims.org;
    if (org.n == 0)
        return stop(rq, rs, 400, "400003", "Missing header");
    if (!str_eq(org, claims.org))
        return stop(rq, rs, 403, "403025", "Profile is not valid");
    call->org = claims.org;
    call->client_id = claims.client_id;
    return !target || pass_target(call, rq, rs);
}
