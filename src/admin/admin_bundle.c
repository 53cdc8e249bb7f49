/* admin_bundle.c - the on-device artifact of a client, as the edge serves it, for who may read the objects
 * [TARGET 6.2]. */
#include "admin/admin_target.h"

#define STYLE ERRORS_TARGET

/* The client may be named and is then the caller's own; the environment is Production unless it is. */
static bool
read_ask(struct call *call, struct http_req *rq, struct http_res *rs, struct tenant *tenant,
         struct environment *environment)
{
    struct str client = http_query(rq, S("client")), name = http_query(rq, S("environment"));

    if (!tenant_by_org(call->snap, scope_org(call->scope), tenant) ||
        (client.n > 0 && !str_eq(client, tenant->client))) {
        admin_not_found(rq, rs, STYLE, "client", client);
        return false;
    }
    if (!tenant_environment(call->snap, tenant->scope, name.n > 0 ? name : S("Production"), environment)) {
        admin_not_found(rq, rs, STYLE, "environment", name);
        return false;
    }
    return true;
}

static void
bundle_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct artifacts *artifacts = call->admin->o.artifacts;
    struct tenant tenant;
    struct environment environment;
    struct artifact_ask ask = {
        .tenant = &tenant, .environment = &environment, .property_token = http_query(rq, S("property-token"))};
    const struct artifact *a = NULL;
    struct diag d = DIAG_INIT;
    enum err rc = ERR_OK;
    int version;

    (void)params;
    if (!target_media(rq, rs, 1, &version) || !read_ask(call, rq, rs, &tenant, &environment))
        return;
    ask.now_ms = rq->now_ms;
    rc = artifacts != NULL ? artifacts_get(artifacts, call->snap, &ask, &a, &d)
                           : diag_set(&d, ERR_UNSUPPORTED, "this process makes no artifacts");
    if (rc == ERR_OK)
        target_answer(rs, 200, version, a->text);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    artifacts_put(a);
}

static const struct route routes[] = {
    {HTTP_GET, "/{tenant}/target/ondevicedecisioning/bundle", 0, bundle_get},
};
const struct family family_bundle = {routes, sizeof routes / sizeof *routes, STYLE, false};
