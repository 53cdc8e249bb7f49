/* artifact_service.c - see artifact_service.h. */
#include "edge/artifact_service.h"

#include "base/limits.h"
#include "base/metric.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "decide/odd.h"

/* Clients poll every five minutes at most [TARGET 5.1]; a proxy in between must not make a change older than a minute.
 */
#define CACHE_CONTROL S("public, max-age=60")

struct artifact_path {
    struct str client, environment, property; /* property p NULL: none */
    bool binary;
};

/* client / environment / "v1" [/ property] / file */
static bool
read_path(struct str path, struct artifact_path *out)
{
    struct str parts[6], rest = str_slice(path, 1, path.n);
    size_t n = 0;

    if (!str_ends(path, S("/rules.json")) && !str_ends(path, S("/rules.bin")))
        return false;
    while (n < 6 && str_split(&rest, '/', &parts[n]))
        n++;
    if ((n != 4 && n != 5) || !str_eq(parts[2], S("v1")))
        return false;
    *out = (struct artifact_path){parts[0], parts[1], n == 5 ? parts[3] : S_NULL, str_eq(parts[n - 1], S("rules.bin"))};
    return true;
}

static bool
match(void *ctx, const struct http_req *rq)
{
    struct artifact_path path;

    (void)ctx;
    return read_path(rq->path, &path);
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return 0;
}

static void
fail(struct http_req *rq, struct http_res *rs, int status, const char *message)
{
    struct jw w;

    (void)rq;
    rs->status = status;
    rs->content_type = "application/json;charset=UTF-8";
    buf_clear(rs->body);
    w = jw_to(rs->body);
    jw_object(&w);
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("message"), str_of(message));
    jw_end(&w);
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    fail(rq, rs, status, why);
}

/* `"a", W/"b"` or `*` [RFC 9110 13.1.2]; the comparison is weak. */
static bool
is_unchanged(struct str header, struct str etag)
{
    struct str one;

    while (str_split(&header, ',', &one)) {
        one = str_trim(one);
        if (str_starts(one, S("W/")))
            one = str_slice(one, 2, one.n);
        if (str_eq(one, etag) || str_eq(one, S("*")))
            return true;
    }
    return false;
}

static void
answer(struct http_req *rq, struct http_res *rs, const struct artifact *a, bool binary, struct str org)
{
    struct str etag = {a->etag, sizeof a->etag};

    http_set_header(rq, rs, S("ETag"), etag);
    http_set_header(rq, rs, S("Cache-Control"), CACHE_CONTROL);
    if (is_unchanged(http_header(rq, S("If-None-Match")), etag)) {
        rs->status = 304;
        metric_inc(M_ARTIFACTS_UNCHANGED);
        return;
    }
    rs->status = 200;
    metric_inc(M_ARTIFACTS_SENT);
    if (binary) {
        rs->content_type = "application/octet-stream";
        odd_binary(rs->body, a->text, org);
    } else {
        rs->content_type = "application/json;charset=UTF-8";
        buf_put(rs->body, a->text);
    }
    if (!buf_ok(rs->body))
        fail(rq, rs, 500, "the artifact is larger than an answer may be");
}

static void
serve(struct artifact_service *x, const struct snapshot *snap, struct http_req *rq, struct http_res *rs)
{
    struct artifact_path path = {0};
    struct artifact_ask ask = {.now_ms = rq->now_ms};
    const struct artifact *a = NULL;
    struct tenant tenant;
    struct environment environment;
    struct diag d = DIAG_INIT;

    (void)read_path(rq->path, &path); /* it matched */
    if (rq->method != HTTP_GET && rq->method != HTTP_HEAD) {
        http_set_header(rq, rs, S("Allow"), S("GET, HEAD"));
        fail(rq, rs, 405, "use GET");
        return;
    }
    if (!tenant_by_client(snap, url_decode(path.client, false, rq->arena), &tenant)) {
        fail(rq, rs, 404, "no client has this code");
        return;
    }
    if (!tenant_environment(snap, tenant.scope, url_decode(path.environment, false, rq->arena), &environment)) {
        fail(rq, rs, 404, "the client has no environment of this name");
        return;
    }
    ask.tenant = &tenant;
    ask.environment = &environment;
    ask.property_token = url_decode(path.property, false, rq->arena);
    if (artifacts_get(x->artifacts, snap, &ask, &a, &d) != ERR_OK) {
        fail(rq, rs, http_status_of(d.code), d.what);
        return;
    }
    answer(rq, rs, a, path.binary, tenant.org);
    artifacts_put(a);
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct artifact_service *x = ctx;
    const struct snapshot *snap = snapshot_get(x->config);

    serve(x, snap, rq, rs);
    snapshot_put(x->config, snap);
}

struct http_service
artifact_http_service(struct artifact_service *x)
{
    return (struct http_service){
        .name = "artifact",
        .match = match,
        .body_max = body_max,
        .handle = handle,
        .refuse = refuse,
        .cors = true,
        .cors_expose = "ETag",
        .ctx = x,
    };
}
