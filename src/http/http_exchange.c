/* http_exchange.c - one request from its headers to its answer, without a word of the library that moves the bytes.
 *
 * The order, which is the contract of http.h:
 *  (1) the service and its body limit are known before a byte of the body is kept;
 *  (2) whatever is wrong is remembered as `refused` and answered once, at the end, in the service's own error format;
 *  (3) CORS, compression and counting happen after handler and refusal alike. */
#include "base/check.h"
#include "base/metric.h"
#include "codec/url.h"
#include "http/http_int.h"

#define IDLE_EXCHANGES_MAX 64
#define KEEP_BYTES (256 * 1024)      /* a larger buffer goes back to the heap: one big request must not pin memory */
#define IGNORED_BODY_BYTES 1024      /* of a request to a service that expects none */
#define FIRST_BODY_BYTES (64 * 1024) /* room taken on the word of a Content-Length alone */
#define SHED_RETRY_S 5

/* --- taking and putting back --- */

struct exchange *
exchange_take(struct worker *w, struct http_core *core, struct str uri)
{
    struct exchange *x = w->idle;

    if (x != NULL) {
        w->idle = x->next_idle;
        w->idle_count--;
    } else {
        x = calloc(1, sizeof *x);
        if (x == NULL)
            return NULL;
        buf_init(&x->uri, 4 * LIMIT_HEADER_BYTES);
        buf_init(&x->in, SIZE_MAX / 2);
        buf_init(&x->inflated, SIZE_MAX / 2);
        buf_init(&x->out, LIMIT_RESPONSE_BYTES);
    }
    x->worker = w;
    x->core = core;
    x->in.bytes_max = SIZE_MAX / 2; /* compress() may have left the bound of the answer before */
    buf_put(&x->uri, uri);
    return x;
}

void
exchange_free(struct exchange *x)
{
    buf_deinit(&x->uri);
    buf_deinit(&x->in);
    buf_deinit(&x->inflated);
    buf_deinit(&x->out);
    free(x->headers);
    free(x);
}

static void
recycle(struct buf *b)
{
    if (b->cap > KEEP_BYTES)
        buf_deinit(b);
    buf_clear(b);
}

void
exchange_put(struct exchange *x)
{
    struct worker *w = x->worker;
    struct http_core *core = x->core;

    if (x->begun) {
        metric_gauge_add(M_HTTP_IN_FLIGHT, -1);
        if (atomic_fetch_sub(&core->in_flight, 1) == 1 && atomic_load(&core->stopping)) {
            os_lock(&core->lock);
            os_cond_broadcast(&core->drained);
            os_unlock(&core->lock);
        }
    }
    spool_drop(x);
    if (w->idle_count == IDLE_EXCHANGES_MAX) {
        exchange_free(x);
        return;
    }
    recycle(&x->uri);
    recycle(&x->in);
    recycle(&x->inflated);
    recycle(&x->out);
    memset(&x->rq, 0, sizeof x->rq);
    memset(&x->rs, 0, sizeof x->rs);
    x->service = NULL;
    x->header_bytes = 0;
    x->origin = x->host = x->accept_encoding = x->content_encoding = x->forwarded_for = x->forwarded_proto = S_NULL;
    x->begun = x->chunked = x->expects_continue = x->ambiguous = x->cut_target = false;
    x->target = NULL;
    x->host_count = x->length_count = 0;
    x->content_bytes = x->body_bytes = 0;
    x->refused = 0;
    x->answer_count = 0;
    x->next_idle = w->idle;
    w->idle = x;
    w->idle_count++;
}

/* --- headers --- */

/* Remembers the few headers this folder reads itself; everything else is found by http_header() when a handler asks. */
static void
note_header(struct exchange *x, struct str name, struct str value)
{
    switch (name.n) {
    case 4:
        if (str_eq_nocase(name, S("Host"))) {
            x->host = value;
            x->host_count++;
        }
        break;
    case 6:
        if (str_eq_nocase(name, S("Origin")))
            x->origin = value;
        else if (str_eq_nocase(name, S("Expect")))
            x->expects_continue = true;
        break;
    case 14:
        if (str_eq_nocase(name, S("Content-Length"))) {
            (void)str_to_u64(value, &x->content_bytes); /* malformed ones do not get this far */
            x->length_count++;
        }
        break;
    case 15:
        if (str_eq_nocase(name, S("Accept-Encoding")))
            x->accept_encoding = value;
        else if (str_eq_nocase(name, S("X-Forwarded-For")))
            x->forwarded_for = value;
        break;
    case 16:
        if (str_eq_nocase(name, S("Content-Encoding")))
            x->content_encoding = value;
        break;
    case 17:
        if (str_eq_nocase(name, S("Transfer-Encoding"))) {
            x->ambiguous = x->ambiguous || x->chunked || !str_eq_nocase(value, S("chunked"));
            x->chunked = true;
        } else if (str_eq_nocase(name, S("X-Forwarded-Proto")))
            x->forwarded_proto = value;
        break;
    default:
        break;
    }
}

bool
exchange_header(struct exchange *x, struct str name, struct str value)
{
    size_t n = x->rq.header_count;

    x->header_bytes += name.n + value.n + 4; /* ": " and the line break */
    if (n == LIMIT_HEADER_COUNT) {
        x->header_bytes = SIZE_MAX / 2;
        return true;
    }
    if (n == x->header_cap) {
        size_t cap = n ? n * 2 : 32;
        struct http_header *more = realloc(x->headers, cap * sizeof *more);
        if (more == NULL)
            return false;
        x->headers = more;
        x->header_cap = cap;
    }
    if (name.n != 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        x->ambiguous = true; /* "Content-Length : 5" is a header to one reader and none to the next */
    x->headers[n] = (struct http_header){name, value};
    x->rq.header_count = n + 1;
    note_header(x, name, value);
    return true;
}

/* "Shop.Test:8443" is shop.test; "[::1]:80" is ::1. */
static struct str
host_of(struct exchange *x, struct str host)
{
    ptrdiff_t end = -1;
    size_t n = 0;

    if (host.n && host.p[0] == '[') {
        end = str_find_char(host, ']');
        host = str_slice(host, 1, end < 0 ? host.n : (size_t)end);
    } else {
        end = str_find_char(host, ':');
        host = str_slice(host, 0, end < 0 ? host.n : (size_t)end);
    }
    for (; n < host.n && n < sizeof x->host_lower; n++) {
        char c = host.p[n];
        x->host_lower[n] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return (struct str){x->host_lower, n < host.n ? 0 : n}; /* a longer one is nobody's name */
}

/* The connection's address, or the last one that the proxy in front of us wrote. */
static struct str
client_of(struct exchange *x, const struct sockaddr *client)
{
    struct str list = x->forwarded_for, item, last = S_NULL;
    unsigned char ip[16];

    if (x->core->trust_forwarded) {
        while (str_split(&list, ',', &item))
            last = str_trim(item);
        if (net_parse_ip(last, ip) != 0)
            return last;
    }
    return client != NULL ? net_format_ip(client, x->client_ip) : S("");
}

/* "/p?q", or the absolute form that requests to a proxy have [RFC 9112 3.2.2]. */
static void
read_target(struct exchange *x)
{
    struct str target = buf_str(&x->uri);
    ptrdiff_t at;

    if (target.n == 0 || target.p[0] != '/') {
        struct url u = url_parse(target);
        if (u.host.n != 0) {
            x->host = u.host;
            x->rq.query = u.query;
            x->rq.path = u.path.n ? u.path : S("/");
            return;
        }
    }
    at = str_find_char(target, '?');
    x->rq.path = at < 0 ? target : str_slice(target, 0, (size_t)at);
    x->rq.query = at < 0 ? S("") : str_slice(target, (size_t)at + 1, target.n);
    if (x->rq.path.p == NULL)
        x->rq.path = S("");
}

void
exchange_refuse(struct exchange *x, int status, const char *why)
{
    if (x->refused != 0)
        return; /* the first reason is the one to tell */
    x->refused = status;
    (void)snprintf(x->why, sizeof x->why, "%s", why); /* ours, and short */
}

static void
refuse_body(struct exchange *x)
{
    char why[64];

    (void)snprintf(why, sizeof why, "the body exceeds %zu bytes", x->body_max);
    exchange_refuse(x, 413, why);
}

static void
find_service(struct exchange *x)
{
    const struct http_core *core = x->core;

    for (size_t i = 0; i < core->service_count; i++) {
        const struct http_service *s = &core->services[i];
        if (s->match(s->ctx, &x->rq)) {
            x->service = s;
            x->body_max = s->body_max != NULL ? s->body_max(s->ctx, &x->rq) : 0;
            return;
        }
    }
    x->body_max = 0;
    exchange_refuse(x, 404, "nothing is served under this path");
}

static bool
is_gzip(struct str coding)
{
    return str_eq_nocase(coding, S("gzip")) || str_eq_nocase(coding, S("x-gzip"));
}

/* A proxy in front and we must agree where a request ends and whom it is for [RFC 9112 3.2, 5.1, 6.3]. */
static void
check_framing(struct exchange *x, struct str version)
{
    if (x->length_count > 1 || (x->length_count != 0 && x->chunked))
        x->ambiguous = true;
    if (x->ambiguous)
        exchange_refuse(x, 400, "the length of the request is ambiguous");
    if (x->cut_target) {
        x->ambiguous = true;
        exchange_refuse(x, 400, "the target of the request has a NUL");
    }
    if (x->host_count > 1 || (x->host_count == 0 && str_eq(version, S("HTTP/1.1")))) {
        x->ambiguous = true;
        exchange_refuse(x, 400, "a request needs exactly one Host header");
    }
}

static void
check_headers(struct exchange *x)
{
    struct http_core *core = x->core;
    unsigned in_flight = atomic_fetch_add(&core->in_flight, 1) + 1;

    metric_gauge_add(M_HTTP_IN_FLIGHT, 1);
    if (x->uri.n > LIMIT_URL_BYTES || !buf_ok(&x->uri))
        exchange_refuse(x, 414, "the URL is too long");
    if (x->header_bytes > LIMIT_HEADER_BYTES)
        exchange_refuse(x, 431, "the headers are too large");
    if ((in_flight > core->in_flight_max || atomic_load_explicit(&core->overload, memory_order_relaxed)) &&
        (x->service == NULL || !x->service->never_shed)) {
        metric_inc(M_HTTP_SHED);
        exchange_refuse(x, 503, "the server is overloaded");
    }
    if (x->content_encoding.n != 0 && !is_gzip(x->content_encoding) &&
        !str_eq_nocase(x->content_encoding, S("identity")))
        exchange_refuse(x, 415, "Content-Encoding must be gzip or absent");
    if (x->content_bytes > (x->body_max ? x->body_max : IGNORED_BODY_BYTES))
        refuse_body(x);
}

bool
exchange_begin(struct exchange *x, struct str method, struct str version, const struct sockaddr *client)
{
    struct http_req *rq = &x->rq;
    struct worker *w = x->worker;

    x->begun = true;
    rq->priv = x;
    rq->headers = x->headers;
    rq->arena = &w->arena;
    rq->rng = &w->rng;
    rq->worker = w->idx;
    rq->method = http_method_of(method);
    rq->method_text = method;
    read_target(x);
    rq->host = host_of(x, x->host);
    rq->client_ip = client_of(x, client);
    rq->tls = w->tls || (x->core->trust_forwarded && str_eq_nocase(x->forwarded_proto, S("https")));
    check_framing(x, version);
    find_service(x);
    arena_reset(&w->arena); /* what match() and body_max() made; other exchanges hold nothing there */
    check_headers(x);
    spool_begin(x);
    if (x->content_bytes != 0 || x->chunked)
        x->begin_us = os_mono_us(x->core->os);
    if (x->refused == 0)
        return false;
    return x->ambiguous || x->content_bytes > LIMIT_REFUSED_BODY_BYTES ||
           (x->expects_continue && (x->content_bytes || x->chunked));
}

/* --- body --- */

/* The idle timeout of the library sees any byte as life; this sees one byte now and then as what it is. */
static bool
is_too_slow(const struct exchange *x)
{
    uint64_t us = os_mono_us(x->core->os) - x->begin_us;

    return us > (uint64_t)x->core->idle_s * 1000000 && x->body_bytes * 1000000 / us < LIMIT_BODY_BYTES_PER_S_MIN;
}

bool
exchange_body(struct exchange *x, struct str piece)
{
    size_t max = x->body_max ? x->body_max : IGNORED_BODY_BYTES;

    x->body_bytes += piece.n;
    if (x->refused == 0 && x->body_bytes > max) {
        refuse_body(x);
        recycle(&x->in);
    }
    if (x->refused != 0)
        return x->body_bytes <= LIMIT_REFUSED_BODY_BYTES + max && !is_too_slow(x);
    if (x->body_bytes < x->content_bytes && is_too_slow(x))
        return false;
    if (x->body_max == 0)
        return true;
    if (x->spool != NULL) {
        spool_take(x, piece);
        return true;
    }
    if (x->in.n == 0 && x->content_bytes > piece.n)
        (void)buf_grow(&x->in, x->content_bytes < FIRST_BODY_BYTES ? x->content_bytes : FIRST_BODY_BYTES);
    buf_put(&x->in, piece);
    return buf_ok(&x->in);
}

static void
open_body(struct exchange *x)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    spool_end(x);
    x->rq.body = x->in.n ? buf_str(&x->in) : S("");
    if (x->in.n == 0 || !is_gzip(x->content_encoding))
        return;
    x->inflated.bytes_max = x->body_max;
    rc = gzip_inflate(x->rq.body, &x->inflated, &d);
    if (rc == ERR_LIMIT)
        refuse_body(x);
    else if (rc == ERR_NOMEM)
        exchange_refuse(x, 503, "no memory for the body");
    else if (rc != ERR_OK)
        exchange_refuse(x, 400, d.what);
    else
        x->rq.body = x->inflated.n ? buf_str(&x->inflated) : S("");
}

/* --- answer --- */

void
exchange_answer_header(struct exchange *x, const char *name, const char *value)
{
    CHECK(x->answer_count < ANSWER_HEADERS_MAX);
    x->answer[x->answer_count++] = (struct answer_header){name, value};
}

static void
clear_answer(struct exchange *x)
{
    x->rs = (struct http_res){.body = &x->out};
    buf_clear(&x->out);
}

/* For paths that no service owns, and services without a format of their own [RFC 9457]. */
static void
refuse_plainly(struct exchange *x, int status, const char *why)
{
    x->rs.status = status;
    x->rs.content_type = "application/problem+json";
    buf_printf(&x->out, "{\"type\":\"about:blank\",\"status\":%d,\"title\":\"%s\"}", status, why);
}

static void
refuse(struct exchange *x, int status, const char *why)
{
    const struct http_service *s = x->service;

    clear_answer(x);
    if (s != NULL && s->refuse != NULL)
        s->refuse(s->ctx, &x->rq, status, why, &x->rs);
    else
        refuse_plainly(x, status, why);
    if (x->rs.status == 0)
        x->rs.status = status;
    if (status == 503 && x->rs.retry_after_s == 0)
        x->rs.retry_after_s = SHED_RETRY_S;
}

static void
handle(struct exchange *x)
{
    const struct http_service *s = x->service;

    if (x->refused == 0)
        open_body(x);
    if (x->refused != 0) {
        refuse(x, x->refused, x->why);
        return;
    }
    clear_answer(x);
    if (s->cors && x->rq.method == HTTP_OPTIONS) {
        http_cors_preflight(x);
        return;
    }
    s->handle(s->ctx, &x->rq, &x->rs);
    if (!buf_ok(&x->out))
        refuse(x, 500, "the answer exceeds its limit");
    else if (x->rs.status < 200 || x->rs.status > 599)
        refuse(x, 500, "no answer was made");
}

static bool
sets_header(const struct exchange *x, struct str name)
{
    for (size_t i = 0; i < x->rs.header_count; i++) {
        if (str_eq_nocase(x->rs.headers[i].name, name))
            return true;
    }
    return false;
}

/* Compresses into the buffer that held the request's body, which nobody needs any more. */
static bool
compress(struct exchange *x)
{
    struct worker *w = x->worker;
    struct diag d = DIAG_INIT;

    recycle(&x->in);
    x->in.bytes_max = x->answer_body.n; /* no gain, no use */
    if (gzip_deflate(w->gzip, x->answer_body, &x->in, &d) != ERR_OK) {
        buf_clear(&x->in);
        return false;
    }
    x->answer_body = buf_str(&x->in);
    return true;
}

static void
choose_body(struct exchange *x)
{
    const struct http_res *rs = &x->rs;
    bool vary_origin = x->service != NULL && x->service->cors;
    bool may_compress;

    x->answer_body = rs->static_body.p != NULL ? rs->static_body : buf_str(&x->out);
    if (rs->status == 204 || rs->status == 304)
        x->answer_body = S("");
    may_compress = x->answer_body.n >= LIMIT_GZIP_MIN_BYTES && !rs->no_gzip && rs->content_type != NULL &&
                   http_compressible(rs->content_type) && !sets_header(x, S("Content-Encoding"));
    if (may_compress || vary_origin)
        exchange_answer_header(x, "Vary",
                               !may_compress ? "Origin"
                               : vary_origin ? "Origin, Accept-Encoding"
                                             : "Accept-Encoding");
    if (may_compress && x->rq.method != HTTP_HEAD && http_accepts_gzip(x->accept_encoding) && compress(x))
        exchange_answer_header(x, "Content-Encoding", "gzip");
    if (x->answer_body.n != 0 && rs->content_type != NULL)
        exchange_answer_header(x, "Content-Type", rs->content_type);
}

void
exchange_finish(struct exchange *x)
{
    struct os *os = x->core->os;

    x->rq.now_ms = os_now_ms(os);
    x->rq.start_us = os_mono_us(os);
    handle(x);
    choose_body(x);
    http_cors_headers(x);
    if (x->rs.retry_after_s != 0) {
        (void)snprintf(x->retry_after, sizeof x->retry_after, "%u", x->rs.retry_after_s); /* fits: ten digits */
        exchange_answer_header(x, "Retry-After", x->retry_after);
    }
    if (atomic_load_explicit(&x->core->stopping, memory_order_relaxed))
        exchange_answer_header(x, "Connection", "close");
    metric_inc(M_HTTP_REQUESTS);
    if (x->rs.status >= 500)
        metric_inc(M_HTTP_ERRORS_SERVER);
    else if (x->rs.status >= 400)
        metric_inc(M_HTTP_ERRORS_CLIENT);
}
