/* admin.c - one service out of all families: the route table, the gateway's checks, the call's scope.
 *
 * The order, which is the contract of [PLATFORM 1.3]:
 *  (1) token, API key, organisation: in this order, before a path is looked at (admin_gateway.c);
 *  (2) the path and method;
 *  (3) the sandbox, for families that have one;
 *  (4) the handler, with one snapshot for the whole call.
 * Families that are open (tokens, inlets, health) skip (1) and (3). */
#include "admin/admin_external.h"
#include "base/check.h"
#include "base/limits.h"

static const struct family *const families[] = {
    &family_auth,         &family_sandbox,         &family_schema,         &family_catalog,    &family_import,
    &family_export,       &family_inlet,           &family_flow,           &family_namespace,  &family_identity,
    &family_profile,      &family_segment,         &family_explain,        &family_registry,   &family_activity,
    &family_offer,        &family_target_audience, &family_property,       &family_own,        &family_ops,
    &family_report,       &family_report_pages,    &family_recount,        &family_preview,    &family_job,
    &family_schedule,     &family_conversion,      &family_search,         &family_guardrail,  &family_sample,
    &family_external,     &family_external_run,    &family_external_file,  &family_export_job, &family_diff,
    &family_as_of,        &family_target_setup,    &family_target_builtin, &family_bundle,     &family_batch,
    &family_target_token, &family_changelog,       &family_revision,       &family_what_if,    &family_decision,
    &family_target_seen,  &family_target_once,
};
#define FAMILY_COUNT (sizeof families / sizeof families[0])

/* ---- life ---- */

static void
release(struct admin *a)
{
    admin_rate_deinit(&a->target_rate);
    free(a->routes);
    free((void *)a->owners);
    free(a);
}

enum err
admin_new(const struct admin_options *o, struct admin **out, struct diag *d)
{
    struct admin *a = calloc(1, sizeof *a);
    size_t n = 0;
    enum err rc;

    if (a == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the administration service");
    a->o = *o;
    admin_rate_init(&a->target_rate, o->target_requests_per_minute);
    if (a->o.guardrails.limits[0] == 0)
        CHECK(guardrails_read(S(""), a->o.guardrails.enforced, &a->o.guardrails, d) == ERR_OK);
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        n += families[i]->count;
    a->routes = calloc(n, sizeof *a->routes);
    a->owners = calloc(n, sizeof(const struct family *));
    if (a->routes == NULL || a->owners == NULL) {
        release(a);
        return diag_set(d, ERR_NOMEM, "no memory for the administration service");
    }
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        for (size_t k = 0; k < families[i]->count; k++) {
            a->routes[a->route_count] = families[i]->routes[k];
            a->owners[a->route_count++] = families[i];
        }
    }
    CHECK(a->route_count == n);
    rc = admin_evaluate_open(a, d);
    if (rc == ERR_OK)
        rc = admin_import_open(a, d);
    if (rc == ERR_OK) {
        *out = a;
        return ERR_OK;
    }
    admin_evaluate_close(a);
    release(a);
    return rc;
}

void
admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    admin_import_close(a);
    admin_evaluate_close(a);
    release(a);
}

void
admin_routes(void (*each)(void *ctx, const struct route *r), void *ctx)
{
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        for (size_t k = 0; k < families[i]->count; k++)
            each(ctx, &families[i]->routes[k]);
    }
}

/* ---- whose paths, and how errors look there ---- */

static enum error_style
style_of_path(struct str path)
{
    if (str_starts(path, S("/data/core/ups/audiences")) || str_starts(path, S("/data/core/ups/segment")) ||
        str_starts(path, S("/data/core/ups/preview")) || str_starts(path, S("/data/core/ups/estimate")) ||
        str_starts(path, S("/data/core/ais")) || str_starts(path, S("/data/core/ups/search")) ||
        str_starts(path, S("/data/core/ups/config/schedules")))
        return ERRORS_UPAPI;
    if (str_starts(path, S("/data/core/ups")))
        return ERRORS_PROFILE;
    if (str_starts(path, S("/data/foundation/flowservice")))
        return ERRORS_FLOW;
    return admin_is_target_path(path) ? ERRORS_TARGET : ERRORS_PROBLEM;
}

static bool
match(void *ctx, const struct http_req *rq)
{
    static const char *const prefixes[] = {"/ims/",      "/data/",   "/collection/", "/edgewise/",
                                           "/emulator/", "/reports", "/healthz",     "/metrics"};

    (void)ctx;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (str_starts(rq->path, str_of(prefixes[i])))
            return true;
    }
    return admin_is_target_path(rq->path);
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    const struct admin *a = ctx;
    const struct route *r = NULL;
    struct route_params params;
    struct str allow;

    return route_find(a->routes, a->route_count, rq, &r, &params, &allow) == ROUTE_FOUND ? r->body_max : 0;
}

static void
set_request_id(struct http_req *rq, struct http_res *rs)
{
    struct str id = http_header(rq, S("x-request-id"));

    if (id.n == 0 || id.n > LIMIT_REQUEST_ID_BYTES)
        id = admin_new_uuid(rq);
    http_set_header(rq, rs, S("x-request-id"), id);
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    struct diag d = DIAG_INIT;

    (void)ctx;
    set_request_id(rq, rs);
    admin_fail(rq, rs, style_of_path(rq->path), status, diag_set(&d, ERR_INVALID, "%s", why), &d);
}

/* ---- (3) the sandbox ---- */

struct sandbox_search {
    struct str id, name;
};

static void
match_sandbox(void *ctx, struct str name, const struct json *object)
{
    struct sandbox_search *search = ctx;

    if (str_eq(json_str(json_get(object, S("id"))), search->id))
        search->name = name;
}

static bool
find_sandbox(struct call *call, struct http_req *rq, struct http_res *rs, enum error_style style)
{
    struct str name = http_header(rq, S("x-sandbox-name"));
    struct sandbox_search search = {http_header(rq, S("x-sandbox-id")), S_NULL};
    struct diag d = DIAG_INIT;

    if (name.n == 0 && search.id.n > 0) {
        snapshot_each(call->snap, S("sandbox"), call->org, match_sandbox, &search);
        name = search.name.n > 0 ? search.name : search.id;
    }
    if (name.n == 0)
        name = S("prod");
    if (snapshot_object(call->snap, S("sandbox"), call->org, name) == NULL) {
        admin_fail(rq, rs, style, 403,
                   diag_set(&d, ERR_DENIED, "sandbox '%.*s' does not exist or is not accessible", STR_ARG(name)), &d);
        return false;
    }
    call->sandbox = name;
    call->scope = arena_printf(rq->arena, "%.*s/%.*s", STR_ARG(call->org), STR_ARG(name));
    return call->scope.p != NULL;
}

/* ---- (2), (4) ---- */

static void
refuse_route(struct http_req *rq, struct http_res *rs, enum route_result result, struct str allow)
{
    struct diag d = DIAG_INIT;
    enum error_style style = style_of_path(rq->path);

    if (result == ROUTE_WRONG_METHOD) {
        (void)diag_set(&d, ERR_INVALID, "method %.*s is not allowed here: use %.*s", STR_ARG(rq->method_text),
                       STR_ARG(allow));
        admin_fail(rq, rs, style, 405, ERR_INVALID, &d);
        http_set_header(rq, rs, S("Allow"), allow);
        return;
    }
    (void)diag_set(&d, ERR_NOT_FOUND, "no resource at %.*s", STR_ARG(rq->path));
    admin_fail(rq, rs, style, 404, ERR_NOT_FOUND, &d);
}

static void
serve(struct call *call, struct http_req *rq, struct http_res *rs)
{
    const struct admin *a = call->admin;
    const struct route *route = NULL;
    struct route_params params = {0};
    struct str allow = S_NULL;
    enum route_result result = route_find(a->routes, a->route_count, rq, &route, &params, &allow);
    const struct family *owner = result == ROUTE_FOUND ? a->owners[route - a->routes] : NULL;

    if ((owner == NULL || !owner->open) && !admin_gateway(call, rq, rs))
        return;
    if (owner == NULL) {
        refuse_route(rq, rs, result, allow);
        return;
    }
    if (!owner->open && owner != &family_sandbox && !find_sandbox(call, rq, rs, owner->style))
        return;
    route->handle(call, rq, &params, rs);
}

void
admin_dispatch(struct call *call, struct http_req *rq, struct http_res *rs)
{
    const struct admin *a = call->admin;
    const struct route *route = NULL;
    struct route_params params = {0};
    struct str allow = S_NULL;
    enum route_result result = route_find(a->routes, a->route_count, rq, &route, &params, &allow);

    if (result == ROUTE_FOUND)
        route->handle(call, rq, &params, rs);
    else
        refuse_route(rq, rs, result, allow);
}

/* Files of external audiences may be larger than memory: their bodies go to the disk, of whoever may send one. */
static int
spool(void *ctx, struct http_req *rq, struct http_spool *out, const char **why)
{
    const struct admin *a = ctx;
    struct call call = {.admin = ctx, .snap = snapshot_get(a->o.config)};
    const struct route *r = NULL;
    struct route_params params = {0};
    struct http_res rs = {0};
    struct buf answer;
    struct str allow;
    int status = 0;

    buf_init(&answer, LIMIT_ADMIN_BODY_BYTES);
    rs.body = &answer;
    *why = "the token, the API key, the organisation or the sandbox is not accepted";
    if (rq->method == HTTP_PUT && route_find(a->routes, a->route_count, rq, &r, &params, &allow) == ROUTE_FOUND &&
        a->owners[r - a->routes] == &family_external_file) {
        if (admin_gateway(&call, rq, &rs) && find_sandbox(&call, rq, &rs, ERRORS_UPAPI))
            status = external_spool(&call, rq, &params, out, why);
        else
            status = rs.status != 0 ? rs.status : 503;
    }
    buf_deinit(&answer);
    snapshot_put(a->o.config, call.snap);
    return status;
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct admin *a = ctx;
    struct call call = {.admin = a, .snap = snapshot_get(a->o.config)};

    set_request_id(rq, rs);
    serve(&call, rq, rs);
    snapshot_put(a->o.config, call.snap);
}

struct http_service
admin_service(struct admin *a)
{
    return (struct http_service){.name = "admin",
                                 .match = match,
                                 .body_max = body_max,
                                 .handle = handle,
                                 .spool = spool,
                                 .refuse = refuse,
                                 .cors = false,
                                 .never_shed = true,
                                 .ctx = a};
}
