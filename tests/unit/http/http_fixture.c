#include "http_fixture.h"

#include "base/limits.h"
#include "http/router.h"
#include "os/thread.h"

static struct os_mutex lock = {PTHREAD_MUTEX_INITIALIZER};
static struct os_cond changed = {PTHREAD_COND_INITIALIZER};
static int blocked;
static bool released;

void
fixture_wait_blocked(int n)
{
    os_lock(&lock);
    while (blocked < n)
        os_cond_wait(&changed, &lock);
    os_unlock(&lock);
}

void
fixture_release(void)
{
    os_lock(&lock);
    released = true;
    os_cond_broadcast(&changed);
    os_unlock(&lock);
}

static bool
match_prefix(void *ctx, const struct http_req *rq)
{
    return str_starts(rq->path, str_of(ctx));
}

static size_t
echo_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return ECHO_BYTES;
}

static void
echo(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct str status = http_query(rq, S("status")), type = http_query(rq, S("type"));
    int64_t code = 200;

    (void)ctx;
    (void)str_to_i64(status, &code);
    http_reply(rs, (int)code, type.p ? type.p : "text/plain", rq->body);
    rs->no_gzip = http_query(rq, S("nogzip")).p != NULL;
    http_set_header(rq, rs, S("Set-Cookie"), S("a=1; Path=/"));
    http_set_header(rq, rs, S("Set-Cookie"), S("b=2; Path=/"));
    http_set_header(rq, rs, S("x-bad"), S("1\r\nx-injected: 1"));
    http_set_header(rq, rs, S("x-query"), http_query(rq, S("q")));
}

static void
info(void *ctx, struct http_req *rq, struct http_res *rs)
{
    (void)ctx;
    rs->status = 200;
    rs->content_type = "text/plain";
    buf_printf(rs->body, "method=%d %.*s\npath=%.*s\nquery=%.*s\nhost=%.*s\nclient=%.*s\ntls=%d\nworker=%u\nbody=%zu\n",
               (int)rq->method, STR_ARG(rq->method_text), STR_ARG(rq->path), STR_ARG(rq->query), STR_ARG(rq->host),
               STR_ARG(rq->client_ip), rq->tls, rq->worker, rq->body.n);
    buf_printf(rs->body, "agent=%.*s\ncookie=%.*s\n", STR_ARG(http_header(rq, S("user-agent"))),
               STR_ARG(http_cookie(rq, S("kndctr"))));
    buf_printf(rs->body, "clock=%d\n", rq->now_ms > 1700000000000 && rq->start_us != 0);
}

static void
block(void *ctx, struct http_req *rq, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    os_lock(&lock);
    blocked++;
    os_cond_broadcast(&changed);
    while (!released)
        os_cond_wait(&changed, &lock);
    blocked--;
    os_unlock(&lock);
    http_reply(rs, 200, "text/plain", S("released"));
}

static void
fixed(void *ctx, struct http_req *rq, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    rs->status = 200;
    rs->content_type = "image/png";
    rs->static_body = S("borrowed for ever");
    http_set_header(rq, rs, S("ETag"), S("\"1\""));
}

static void
huge(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct str piece = {arena_calloc(rq->arena, 1, 1 << 20), 1 << 20};

    (void)ctx;
    rs->status = 200;
    for (int i = 0; i <= LIMIT_RESPONSE_BYTES >> 20; i++)
        buf_put(rs->body, piece);
}

static void
silent(void *ctx, struct http_req *rq, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    (void)rs;
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    rs->status = status;
    rs->content_type = "application/problem+json";
    buf_printf(rs->body, "{\"refused\":%d,\"why\":\"%s\",\"path\":\"%.*s\"}", status, why, STR_ARG(rq->path));
}

static void
item_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    http_reply(rs, 200, "text/plain", route_param(params, S("id")));
}

static void
rest(void *ctx, struct http_req *rq, struct http_res *rs)
{
    static const struct route routes[] = {
        {HTTP_GET, "/rest/items/{id}", 0, item_get},
        {HTTP_DELETE, "/rest/items/{id}", 0, item_get},
    };
    const struct route *route;
    struct route_params params;
    struct str allow;

    switch (route_find(routes, 2, rq, &route, &params, &allow)) {
    case ROUTE_FOUND:
        route->handle(ctx, rq, &params, rs);
        break;
    case ROUTE_WRONG_METHOD:
        http_reply(rs, 405, "text/plain", S("wrong method"));
        http_set_header(rq, rs, S("Allow"), allow);
        break;
    default:
        http_reply(rs, 404, "text/plain", S("unknown path"));
    }
}

#define PATH(text) ((void *)(uintptr_t)(text))
static const struct http_service services[] = {
    {.name = "echo",
     .match = match_prefix,
     .body_max = echo_max,
     .handle = echo,
     .refuse = refuse,
     .cors = true,
     .cors_expose = "Retry-After, X-Adobe-Edge",
     .ctx = PATH("/echo")},
    {.name = "info", .match = match_prefix, .body_max = echo_max, .handle = info, .ctx = PATH("/info")},
    {.name = "nobody", .match = match_prefix, .handle = info, .refuse = refuse, .ctx = PATH("/nobody")},
    {.name = "health", .match = match_prefix, .handle = info, .never_shed = true, .ctx = PATH("/health")},
    {.name = "block", .match = match_prefix, .handle = block, .refuse = refuse, .ctx = PATH("/block")},
    {.name = "static", .match = match_prefix, .handle = fixed, .ctx = PATH("/static")},
    {.name = "huge", .match = match_prefix, .handle = huge, .refuse = refuse, .ctx = PATH("/huge")},
    {.name = "silent", .match = match_prefix, .handle = silent, .refuse = refuse, .ctx = PATH("/silent")},
    {.name = "rest", .match = match_prefix, .handle = rest, .ctx = PATH("/rest")},
};

struct fixture
fixture_open(struct t *t, const struct http_options *o)
{
    struct http_options opt = o ? *o : (struct http_options){.worker_count = 2};
    struct fixture f = {0};

    opt.os = os_posix();
    opt.services = services;
    opt.service_count = sizeof services / sizeof services[0];
    if (opt.listen == NULL && opt.tls_listen == NULL)
        opt.listen = "127.0.0.1:0";
    os_lock(&lock);
    released = false;
    os_unlock(&lock);
    CHECK_OK(http_start(&opt, &f.server, d));
    f.port = http_port(f.server);
    f.client = http_client_new("127.0.0.1", f.port, WAIT_MS);
    return f;
}

void
fixture_close(struct fixture *f)
{
    http_client_free(f->client);
    http_stop(f->server, WAIT_MS);
}

struct http_answer
call_with(struct t *t, struct fixture *f, const char *method, const char *target, struct str body, const char *headers)
{
    struct http_header h[16];
    struct http_call c = {.method = method, .target = str_of(target), .headers = h, .body = body};
    struct str rest_of = str_of(headers), line;
    struct http_answer a = {0};

    while (headers != NULL && str_split(&rest_of, '\n', &line)) {
        size_t colon = (size_t)str_find_char(line, ':');
        h[c.header_count++] =
            (struct http_header){str_slice(line, 0, colon), str_trim(str_slice(line, colon + 1, line.n))};
    }
    CHECK_OK(http_client_call(f->client, &c, t->arena, &a, d));
    return a;
}

struct http_answer
call(struct t *t, struct fixture *f, const char *method, const char *target, struct str body)
{
    return call_with(t, f, method, target, body, NULL);
}

struct str
header_of(const struct http_answer *a, const char *name)
{
    return http_answer_header(a, str_of(name));
}

int
raw_open(struct t *t, struct fixture *f)
{
    int sock = NET_NONE;

    CHECK_OK(net_connect("127.0.0.1", f->port, WAIT_MS, &sock, d));
    return sock;
}

void
raw_send(struct t *t, int sock, const char *text)
{
    CHECK_OK(net_send(sock, str_of(text), WAIT_MS, d));
}

struct str
raw_read(struct t *t, int sock, const char *until)
{
    struct buf b;
    struct str all;

    buf_init(&b, 1 << 20);
    for (;;) {
        char *at = buf_grow(&b, 4096);
        struct diag d = DIAG_INIT;
        size_t got = 0;
        if (until != NULL && str_find(buf_str(&b), str_of(until)) >= 0)
            break;
        if (net_receive(sock, at, 4096, WAIT_MS, &got, &d) == ERR_TIMEOUT)
            t_fail(t, __FILE__, __LINE__, "nothing more came after '%.*s'", STR_ARG(buf_str(&b)));
        if (got == 0)
            break;
        b.n += got;
    }
    all = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return all;
}
