/* delivery_service.c - a delivery request through its checks, in the order of [TARGET 1.3]: session, tenant, body,
 * host; then the work. Every refusal is {"status","message"} with the standard phrase of its status, because SDKs show
 * that [TARGET 1.7]. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/url.h"
#include "edge/mbox_int.h"
#include "rule/lowercase.h"

#define PATH S("/rest/v1/delivery")

static void
put_error(struct http_res *rs, int status, struct str message)
{
    struct jw w;

    rs->status = status;
    rs->content_type = "application/json;charset=UTF-8";
    buf_clear(rs->body);
    w = jw_to(rs->body);
    jw_object(&w);
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("message"), message);
    jw_end(&w);
}

bool
delivery_fail(struct delivery_call *c, int status, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args); /* what is cut is for people */
    va_end(args);
    put_error(c->rs, status, str_of(text));
    if (status == 429 || status == 503)
        c->rs->retry_after_s = 5;
    return false;
}

/* ---- checks ---- */

bool
delivery_allow(struct delivery_call *c, enum http_method method, struct str name)
{
    if (c->rq->method == method)
        return true;
    (void)delivery_fail(c, 405, "%.*s is not allowed here: %.*s", STR_ARG(c->rq->method_text), STR_ARG(name));
    http_set_header(c->rq, c->rs, S("Allow"), ARENA_JOIN(c->arena, name, S(", OPTIONS")));
    return false;
}

/* 1-128 printable characters without blanks and what would end a path [TARGET 1.1]. */
bool
delivery_session(struct delivery_call *c, struct str s)
{
    if (s.n == 0)
        return delivery_fail(c, 400, "sessionId must not be blank");
    if (str_chars(s) > 128)
        return delivery_fail(c, 400, "sessionId size must be between 1 and 128");
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("?/{}", s.p[i]) != NULL)
            return delivery_fail(c, 400, "sessionId must not contain blanks, '?', '/', '{' or '}'");
    }
    c->session = s;
    return true;
}

/* The client's code, else the organisation, else the first label of the host. */
bool
delivery_tenant(struct delivery_call *c, struct str client)
{
    struct str org = http_query(c->rq, S("imsOrgId")), label = c->rq->host;
    ptrdiff_t dot = str_find_char(label, '.');

    if (client.n > 0)
        return tenant_by_client(c->snap, client, &c->tenant) ||
               delivery_fail(c, 400, "client '%.*s' is not known", (int)(client.n < 64 ? client.n : 64), client.p);
    if (org.n > 0)
        return tenant_by_org(c->snap, org, &c->tenant) ||
               delivery_fail(c, 400, "imsOrgId '%.*s' is not known", (int)(org.n < 64 ? org.n : 64), org.p);
    label.n = dot > 0 ? (size_t)dot : label.n;
    return tenant_by_client(c->snap, label, &c->tenant) ||
           delivery_fail(c, 400, "client or imsOrgId must say whose request it is");
}

static bool
lists_host(const struct json *constraint, struct str lower_host, struct arena *a)
{
    struct json_iter it = json_iter(json_get(constraint, S("contains")));

    while (json_next(&it)) {
        if (json_str(it.value).n > 0 && str_find(lower_host, lowercase_str(json_str(it.value), a)) >= 0)
            return true;
    }
    return false;
}

/* Lists of texts that a host must, and must not, contain, in any case [TARGET 2.2]. */
static bool
check_host(struct delivery_call *c, struct str host)
{
    const struct json *o = snapshot_object(c->snap, S("targetSettings"), c->tenant.scope, S("authorizedHosts"));
    const struct json *allowed = json_get(o, S("authorizedMboxHostsConstraint"));

    struct str lower = lowercase_str(host, c->arena);

    if (o == NULL || !json_bool(json_get(o, S("enabledConstraints")), true))
        return true;
    if ((json_count(json_get(allowed, S("contains"))) > 0 && !lists_host(allowed, lower, c->arena)) ||
        lists_host(json_get(o, S("blockedMboxHostsConstraint")), lower, c->arena))
        return delivery_fail(c, 403, "host '%.*s' is not authorized", (int)(host.n < 200 ? host.n : 200), host.p);
    return true;
}

/* environmentId, else the environment of the page's host. */
static bool
find_environment(struct delivery_call *c)
{
    struct str host = c->host.n > 0 ? c->host : url_parse(c->url).host;

    if (!check_host(c, host))
        return false;
    if (!c->has_environment)
        c->environment = tenant_environment_of_host(c->snap, c->tenant.scope, host, c->arena);
    return true;
}

void
delivery_serve(struct delivery_call *c)
{
    struct delivery_turn turn;

    if (!delivery_read(c) || !find_environment(c) || !delivery_notices_check(c))
        return;
    if (!delivery_enter(c->x->sessions, c->session, &turn)) {
        (void)delivery_fail(c, 420, "Too many requests with same session ID");
        return;
    }
    (void)delivery_run(c);
    delivery_leave(c->x->sessions, &turn);
}

/* ---- the service ---- */

static bool
match(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    return str_eq(rq->path, PATH) || mbox_match(rq);
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return LIMIT_DELIVERY_BODY_BYTES;
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct delivery *x = ctx;
    struct delivery_call c = {.x = x, .rq = rq, .rs = rs, .arena = rq->arena, .now_ms = rq->now_ms};

    metric_inc(M_DELIVERY_REQUESTS);
    c.snap = snapshot_get(x->o.edge->o.config);
    if (!str_eq(rq->path, PATH))
        mbox_serve(&c);
    else if (delivery_allow(&c, HTTP_POST, S("POST")) && delivery_session(&c, http_query(rq, S("sessionId"))) &&
             delivery_tenant(&c, http_query(rq, S("client"))))
        delivery_serve(&c);
    snapshot_put(x->o.edge->o.config, c.snap);
    if (c.request_id.n > 0)
        http_set_header(rq, rs, S("X-Request-Id"), c.request_id);
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    put_error(rs, status, str_of(why));
}

struct http_service
delivery_service(struct delivery *x)
{
    return (struct http_service){.name = "delivery",
                                 .match = match,
                                 .body_max = body_max,
                                 .handle = handle,
                                 .refuse = refuse,
                                 .cors = true,
                                 .cors_expose = "X-Request-Id",
                                 .ctx = x};
}

/* "a.b.c.d": SDKs take it for a cluster of the vendor's and leave. */
static bool
has_four_parts(const char *host)
{
    size_t dots = 0;

    for (; *host != '\0'; host++)
        dots += *host == '.';
    return dots == 3;
}

enum err
delivery_open(const struct delivery_options *o, struct delivery **out, struct diag *d)
{
    struct delivery *x;
    enum err rc;

    if (has_four_parts(o->edge_host))
        return diag_set(d, ERR_INVALID,
                        "target_edge_host must not have four parts ('%s'): SDKs would leave this server", o->edge_host);
    x = calloc(1, sizeof *x);
    if (x == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the delivery API");
    x->o = *o;
    rc = delivery_sessions_new(&x->sessions, d);
    if (rc == ERR_OK)
        rc = edge_scripts_new(o->edge->o.os, &x->scripts, d);
    if (rc != ERR_OK) {
        delivery_close(x);
        return rc;
    }
    *out = x;
    return ERR_OK;
}

void
delivery_close(struct delivery *x)
{
    if (x == NULL)
        return;
    delivery_sessions_free(x->sessions);
    edge_scripts_free(x->scripts);
    free(x);
}
