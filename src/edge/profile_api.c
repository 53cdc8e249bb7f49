/* profile_api.c - see profile_api.h: paths, access, and the small answers. */
#include "edge/profile_api_int.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec/url.h"
#include "http/router.h"
#include "model/access_token.h"

struct profile_api {
    struct edge *edge;
    struct profile_batches *batches;
};

/* A request whose client and access are clear. */
struct call {
    struct profile_api *api;
    const struct snapshot *snap;
    struct tenant tenant;
    struct http_req *rq;
    struct http_res *rs;
};

/* ---- answers ---- */

void
profile_fail(struct http_res *rs, int status, const char *fmt, ...)
{
    char text[512];
    struct jw w;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* cut is fine: it is for people */
    va_end(ap);
    rs->status = status;
    rs->content_type = "application/json;charset=UTF-8";
    buf_clear(rs->body);
    w = jw_to(rs->body);
    jw_object(&w);
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("message"), str_of(text));
    jw_end(&w);
}

void
xml_put(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<':
            buf_put(out, S("&lt;"));
            break;
        case '>':
            buf_put(out, S("&gt;"));
            break;
        case '&':
            buf_put(out, S("&amp;"));
            break;
        default:
            buf_putc(out, text.p[i]);
        }
    }
}

static void
xml(struct http_res *rs)
{
    rs->status = 200;
    rs->content_type = "application/xml;charset=UTF-8";
}

/* ---- access ---- */

static bool
may(const struct call *c)
{
    const struct json *settings = snapshot_object(c->snap, S("targetSettings"), c->tenant.scope, S("settings"));
    struct str bearer = http_header(c->rq, S("Authorization"));
    struct access_token token;

    if (!json_bool(json_get(settings, S("enableProfileApiAuthentication")), false))
        return true;
    if (!str_eq_nocase(str_slice(bearer, 0, 7), S("Bearer "))) {
        profile_fail(c->rs, 401, "the profile APIs of this client ask for a bearer token");
        return false;
    }
    if (access_token_read(str_trim(str_slice(bearer, 7, bearer.n)), c->tenant.view->token_key, c->rq->arena, &token) &&
        access_token_allows(&token, c->tenant.client, ACCESS_PROFILE_API, c->rq->now_ms))
        return true;
    profile_fail(c->rs, 403, "the token is not good for the profile APIs of this client");
    return false;
}

static bool
begin(struct call *c, struct str client)
{
    if (tenant_by_client(c->snap, client, &c->tenant))
        return may(c);
    profile_fail(c->rs, 400, "no client has the code '%.*s'", STR_ARG(client));
    return false;
}

/* ---- one visitor ---- */

struct update {
    struct edge_visitor_ids ids;
    struct jw w;
};

static void
read_parameter(struct update *u, struct str name, struct str value)
{
    if (str_eq_nocase(name, S("mboxPC")))
        u->ids.tnt_id = value;
    else if (str_eq_nocase(name, S("mbox3rdPartyId")))
        u->ids.third_party_id = value;
    else if (str_starts(name, S("profile.")) && str_is_utf8(name) && str_is_utf8(value))
        jw_kstr(&u->w, str_slice(name, 8, name.n), value);
}

static void
read_form(struct update *u, struct str form, struct arena *a)
{
    struct str name, value;

    while (url_query_next(&form, &name, &value))
        read_parameter(u, url_decode(name, true, a), url_decode(value, true, a));
}

static bool
read_update(struct call *c, struct profile_change *out)
{
    struct arena *a = c->rq->arena;
    struct update u = {0};
    struct buf text;

    buf_init_in(&text, a, LIMIT_PROFILE_ROW_BYTES * 2);
    u.w = jw_to(&text);
    jw_object(&u.w);
    read_form(&u, c->rq->query, a);
    read_form(&u, c->rq->body, a);
    jw_end(&u.w);
    if (u.ids.tnt_id.n == 0 && u.ids.third_party_id.n == 0) {
        profile_fail(c->rs, 400, "the parameter mboxPC or mbox3rdPartyId is missing");
        return false;
    }
    if (u.ids.tnt_id.n > LIMIT_IDENTITY_VALUE_BYTES || u.ids.third_party_id.n > LIMIT_IDENTITY_VALUE_BYTES) {
        profile_fail(c->rs, 400, "an id has at most %d bytes", LIMIT_IDENTITY_VALUE_BYTES);
        return false;
    }
    if (!buf_ok(&text) || json_parse(buf_str(&text), a, &out->attributes, NULL) != ERR_OK) {
        profile_fail(c->rs, 400, "the parameters are too large");
        return false;
    }
    if (json_count(out->attributes) == 0) {
        profile_fail(c->rs, 400, "no parameter begins with 'profile.'");
        return false;
    }
    out->ids = u.ids;
    return true;
}

static void
update(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *c = ctx;
    struct profile_change change = {.snap = c->snap, .tenant = &c->tenant, .now_ms = rq->now_ms};
    struct diag d = DIAG_INIT;

    if (!begin(c, route_param(params, S("client"))) || !read_update(c, &change))
        return;
    switch (profile_write(c->api->edge, &change, rq->arena, &d)) {
    case PROFILE_UPDATED:
        http_reply(rs, 200, "text/plain;charset=UTF-8", S("true"));
        break;
    case PROFILE_NOT_FOUND:
        profile_fail(rs, 404, "No profile found for client %.*s with this id", STR_ARG(c->tenant.client));
        break;
    case PROFILE_FAILED:
        profile_fail(rs, d.code == ERR_LIMIT ? 400 : http_status_of(d.code), "%s", d.what);
        break;
    }
}

static void
fetch(struct call *c, const struct edge_visitor_ids *ids)
{
    struct str client = http_query(c->rq, S("client"));

    if (ids->tnt_id.n > LIMIT_IDENTITY_VALUE_BYTES || ids->third_party_id.n > LIMIT_IDENTITY_VALUE_BYTES ||
        ids->ecid.n > LIMIT_IDENTITY_VALUE_BYTES)
        profile_fail(c->rs, 400, "an id has at most %d bytes", LIMIT_IDENTITY_VALUE_BYTES);
    else if (begin(c, client))
        profile_fetch(c->api->edge, c->snap, &c->tenant, ids, c->rq, c->rs);
}

static void
fetch_tnt_id(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)rq;
    (void)rs;
    fetch(ctx, &(struct edge_visitor_ids){.tnt_id = route_param(params, S("id"))});
}

static void
fetch_third_party_id(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)rq;
    (void)rs;
    fetch(ctx, &(struct edge_visitor_ids){.third_party_id = route_param(params, S("id"))});
}

static void
fetch_ecid(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)rq;
    (void)rs;
    fetch(ctx, &(struct edge_visitor_ids){.ecid = route_param(params, S("id"))});
}

/* ---- batches ---- */

static void
add_batch(struct call *c, struct str client, unsigned version)
{
    struct diag d = DIAG_INIT;
    struct str id, host = http_header(c->rq, S("Host"));
    enum err rc;

    if (!begin(c, client))
        return;
    rc = profile_batches_add(c->api->batches, c->rq, client, version, &id, &d);
    if (rc != ERR_OK) {
        c->rs->retry_after_s = rc == ERR_BUSY ? 60 : 0;
        profile_fail(c->rs, http_status_of(rc), "%s", d.what);
        return;
    }
    xml(c->rs);
    buf_printf(c->rs->body, "<response><success>true</success><batchStatus>%s://", c->rq->tls ? "https" : "http");
    xml_put(c->rs->body, host);
    buf_put(c->rs->body, S("/m2/"));
    url_encode(c->rs->body, client);
    buf_put(c->rs->body, S("/profile/batchStatus?batchId="));
    url_encode(c->rs->body, id);
    buf_put(c->rs->body, S("</batchStatus><message>Batch submitted for processing</message></response>"));
}

static void
batch_v1(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)rq;
    (void)rs;
    add_batch(ctx, route_param(params, S("client")), 1);
}

static void
batch_v2(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)rq;
    (void)rs;
    add_batch(ctx, route_param(params, S("client")), 2);
}

static void
batch_status(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *c = ctx;
    struct str id = http_query(rq, S("batchId"));
    bool details = str_eq_nocase(http_query(rq, S("showDetails")), S("true"));

    if (!begin(c, route_param(params, S("client"))))
        return;
    if (profile_batches_status(c->api->batches, c->tenant.client, id, details, rs->body))
        xml(rs);
    else
        profile_fail(rs, 404, "No batch found for client %.*s with id=%.*s", STR_ARG(c->tenant.client), STR_ARG(id));
}

/* ---- the service ---- */

static const struct route routes[] = {
    {HTTP_POST, "/m2/{client}/profile/batchUpdate", LIMIT_PROFILE_BATCH_BYTES, batch_v1},
    {HTTP_POST, "/m2/{client}/v2/profile/batchUpdate", LIMIT_PROFILE_BATCH_BYTES, batch_v2},
    {HTTP_GET, "/m2/{client}/profile/batchStatus", 0, batch_status},
    {HTTP_GET, "/m2/{client}/profile/update", 0, update},
    {HTTP_POST, "/m2/{client}/profile/update", LIMIT_PROFILE_UPDATE_BYTES, update},
    {HTTP_GET, "/rest/v1/profiles/thirdPartyId/{id}", 0, fetch_third_party_id},
    {HTTP_GET, "/rest/v1/profiles/marketingCloudVisitorId/{id}", 0, fetch_ecid},
    {HTTP_GET, "/rest/v1/profiles/{id}", 0, fetch_tnt_id},
};

static enum route_result
find_route(const struct http_req *rq, const struct route **r, struct route_params *params, struct str *allow)
{
    return route_find(routes, sizeof routes / sizeof routes[0], rq, r, params, allow);
}

static bool
match(void *ctx, const struct http_req *rq)
{
    struct route_params params = {0};
    const struct route *r = NULL;
    struct str allow;

    (void)ctx;
    return (str_starts(rq->path, S("/m2/")) || str_starts(rq->path, S("/rest/v1/profiles/"))) &&
           find_route(rq, &r, &params, &allow) != ROUTE_UNKNOWN_PATH;
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    struct route_params params = {0};
    const struct route *r = NULL;
    struct str allow;

    (void)ctx;
    return find_route(rq, &r, &params, &allow) == ROUTE_FOUND ? r->body_max : 0;
}

/* A batch goes to the disk as it comes, of whoever may send one. */
static int
spool(void *ctx, struct http_req *rq, struct http_spool *out, const char **why)
{
    struct http_res rs = {0};
    struct buf answer;
    struct call c = {.api = ctx, .rq = rq, .rs = &rs};
    struct route_params params = {0};
    const struct route *r = NULL;
    struct str allow;

    if (find_route(rq, &r, &params, &allow) != ROUTE_FOUND || r->body_max != LIMIT_PROFILE_BATCH_BYTES)
        return 0;
    buf_init(&answer, LIMIT_ADMIN_BODY_BYTES);
    rs.body = &answer;
    c.snap = snapshot_get(c.api->edge->o.config);
    *why = "the client or its token is not accepted";
    if (begin(&c, route_param(&params, S("client")))) {
        out->path = profile_batches_spool(c.api->batches, rq);
        rs.status = out->path != NULL ? 0 : 503;
    }
    snapshot_put(c.api->edge->o.config, c.snap);
    buf_deinit(&answer);
    return rs.status;
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct call c = {.api = ctx, .rq = rq, .rs = rs};
    struct route_params params = {0};
    const struct route *r = NULL;
    struct str allow = S_NULL;

    if (find_route(rq, &r, &params, &allow) != ROUTE_FOUND) {
        http_set_header(rq, rs, S("Allow"), allow);
        profile_fail(rs, 405, "use %.*s", STR_ARG(allow));
        return;
    }
    c.snap = snapshot_get(c.api->edge->o.config);
    r->handle(&c, rq, &params, rs);
    snapshot_put(c.api->edge->o.config, c.snap);
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    profile_fail(rs, status, "%s", why);
}

enum err
profile_api_open(struct edge *e, const char *dir, struct profile_api **out, struct diag *d)
{
    struct profile_api *p = calloc(1, sizeof *p);

    *out = p;
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the profile APIs");
    p->edge = e;
    return profile_batches_open(e, dir, &p->batches, d);
}

void
profile_api_close(struct profile_api *p)
{
    if (p != NULL)
        profile_batches_close(p->batches);
    free(p);
}

struct http_service
profile_api_service(struct profile_api *p)
{
    return (struct http_service){.name = "profile",
                                 .match = match,
                                 .body_max = body_max,
                                 .handle = handle,
                                 .spool = spool,
                                 .refuse = refuse,
                                 .ctx = p};
}
