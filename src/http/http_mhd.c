/* http_mhd.c - the wrapper of libmicrohttpd: the only file that knows it.
 *
 * One daemon per listener, each a pool of threads that own their connections and their epoll set. The library is given
 * accepted sockets (http_accept.c says why) and calls back
 *   on_target     with the raw request target, before it takes it apart
 *   on_request    once when the headers are complete, for every piece of the body, and once at its end
 *   on_completed  when the answer is sent or the connection is gone.
 * Everything else is in http_exchange.c. The answer's body is lent to the library, not copied: it belongs to the
 * exchange, which comes back in on_completed.
 *
 * Plain connections use epoll with the library's turbo mode, which tries reads and writes before it asks whether it
 * may. For TLS both are wrong: during a handshake the library never learns that the socket ran dry, so one silent
 * client spins a worker and is never timed out (0.9.75 and 1.0.1). With poll() the same client is cut; the price is 12
 * us per request for 500 idle connections.
 *
 * The memory of a connection is zeroed by the library after every request, so it is kept as small as the header limit
 * allows. */
#include "base/check.h"
#include "base/log.h"
#include "http/http_int.h"

#include <limits.h>
#include <microhttpd.h>
#include <signal.h>

/* Request line and headers, the library's own records of them, a second copy of the cookies, the answer's headers. */
#define CONNECTION_BYTES (LIMIT_HEADER_BYTES + 16 * 1024)

#define LISTENER_PLAIN 0
#define LISTENER_TLS 1

struct listener {
    struct http_server *server;
    struct MHD_Daemon *daemon; /* NULL: off */
    unsigned port;
    unsigned first_worker;
    _Atomic unsigned workers_seen;
};

struct http_server {
    struct http_core core;
    struct listener listener[2];
    struct http_acceptor acceptor;
    struct worker *workers; /* owned array */
    unsigned worker_count;  /* of all listeners */
    unsigned per_listener;
};

/* The library's threads have no context argument, so each takes the next free worker at its first request. */
static _Thread_local struct worker *this_worker;

static struct worker *
worker_of(struct listener *l)
{
    if (this_worker == NULL) {
        unsigned i = atomic_fetch_add(&l->workers_seen, 1);
        CHECK(i < l->server->per_listener);
        this_worker = &l->server->workers[l->first_worker + i];
        os_thread_in_front();
    }
    DCHECK(this_worker->server == l->server);
    return this_worker;
}

/* --- callbacks --- */

static void *
on_target(void *cls, const char *target, struct MHD_Connection *c)
{
    struct listener *l = cls;
    struct exchange *x = exchange_take(worker_of(l), &l->server->core, str_of(target));

    (void)c;
    if (x != NULL)
        x->target = target;
    return x;
}

/* The library gives the target as a C string. The version stands behind it in the same buffer, one blank apart, unless
 * a NUL was in between: then a proxy in front has read another target than we have. */
static bool
is_whole_target(const struct exchange *x, const char *version)
{
    uintptr_t begin = (uintptr_t)x->target, end = (uintptr_t)version;

    return !buf_ok(&x->uri) || end < begin || end - begin > CONNECTION_BYTES || end - begin == x->uri.n + 1;
}

/* Percent signs are the handlers' business. */
static size_t
keep_escapes(void *cls, struct MHD_Connection *c, char *s)
{
    (void)cls;
    (void)c;
    return strlen(s);
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value, size_t value_n)
{
    (void)kind;
    return exchange_header(cls, (struct str){name, name_n}, (struct str){value ? value : "", value ? value_n : 0})
               ? MHD_YES
               : MHD_NO;
}

static enum MHD_Result
answer(struct exchange *x, struct MHD_Connection *c)
{
    struct MHD_Response *r;
    enum MHD_Result ok;

    exchange_finish(x);
    r = MHD_create_response_from_buffer(x->answer_body.n, (void *)(uintptr_t)(x->answer_body.n ? x->answer_body.p : ""),
                                        MHD_RESPMEM_PERSISTENT);
    if (r == NULL)
        return MHD_NO;
    for (size_t i = 0; i < x->answer_count; i++)
        (void)MHD_add_response_header(r, x->answer[i].name, x->answer[i].value);
    for (size_t i = 0; i < x->rs.header_count; i++) /* a malformed one is refused, the answer goes without it */
        (void)MHD_add_response_header(r, x->rs.headers[i].name.p, x->rs.headers[i].value.p);
    ok = MHD_queue_response(c, (unsigned)x->rs.status, r);
    MHD_destroy_response(r); /* the connection holds it */
    arena_reset(&x->worker->arena);
    return ok;
}

static const struct sockaddr *
client_address(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info != NULL ? info->client_addr : NULL;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
           const char *body, size_t *body_n, void **ctx)
{
    struct exchange *x = *ctx;

    (void)cls;
    (void)url;
    if (x == NULL)
        return MHD_NO; /* no memory in on_target */
    if (!x->begun) {
        if (MHD_get_connection_values_n(c, MHD_HEADER_KIND, on_header, x) < 0)
            return MHD_NO;
        x->cut_target = !is_whole_target(x, version);
        return exchange_begin(x, str_of(method), str_of(version), client_address(c)) ? answer(x, c) : MHD_YES;
    }
    if (*body_n != 0) {
        bool ok = exchange_body(x, (struct str){body, *body_n});
        *body_n = 0;
        return ok ? MHD_YES : MHD_NO;
    }
    return answer(x, c);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)c;
    (void)why;
    if (*ctx != NULL)
        exchange_put(*ctx);
    *ctx = NULL;
}

static void
on_accepted(void *ctx, unsigned i, int sock, const struct net_peer *peer)
{
    struct http_server *s = ctx;

    /* On failure (too many connections) the library has closed the socket. */
    (void)MHD_add_connection(s->listener[i].daemon, sock, (const struct sockaddr *)&peer->address, peer->bytes);
}

/* --- start and stop --- */

unsigned
http_worker_count(const struct http_options *o)
{
    unsigned each = o->worker_count ? o->worker_count : os_cpu_count();

    return each * ((o->listen != NULL ? 1u : 0) + (o->tls_listen != NULL ? 1u : 0));
}

static enum err
open_workers(struct http_server *s, const struct http_options *o, struct diag *d)
{
    s->worker_count = http_worker_count(o);
    s->per_listener = o->worker_count ? o->worker_count : os_cpu_count();
    s->workers = calloc(s->worker_count ? s->worker_count : 1, sizeof *s->workers);
    if (s->workers == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for %u workers", s->worker_count);
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct worker *w = &s->workers[i];
        w->server = s;
        w->idx = i;
        w->tls = o->listen == NULL || i >= s->per_listener;
        arena_init(&w->arena, LIMIT_REQUEST_ARENA_BYTES);
        rng_seed(&w->rng, o->seed + i);
        w->gzip = gzip_new(1); /* level 1: 918 bytes of 4067 in 14 us where level 6 makes 884 in 22 */
        if (w->gzip == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for worker %u", i);
    }
    return ERR_OK;
}

static enum err
start_daemon(struct http_server *s, struct listener *l, const struct http_options *o, bool tls, struct diag *d)
{
    const char *cert_pem = tls ? o->tls_cert_pem : NULL, *key_pem = o->tls_key_pem;
    unsigned connections_max = o->connections_max ? o->connections_max : LIMIT_CONNECTIONS;
    unsigned per_ip_max = o->connections_per_ip_max ? o->connections_per_ip_max : LIMIT_CONNECTIONS_PER_IP;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
                     (cert_pem != NULL ? MHD_USE_POLL | MHD_USE_TLS : MHD_USE_EPOLL | MHD_USE_TURBO);
    struct MHD_OptionItem options[12];
    size_t n = 0;
    sigset_t all, before;

#define OPTION(name, number, pointer) options[n++] = (struct MHD_OptionItem){(name), (number), (pointer)}
    OPTION(MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections_max, NULL);
    OPTION(MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)per_ip_max, NULL);
    OPTION(MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)s->core.idle_s, NULL);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL);
    if (s->per_listener > 1)
        OPTION(MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)s->per_listener, NULL);
    if (cert_pem != NULL) {
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert_pem);
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem);
        OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION

    sigfillset(&all); /* the library's threads inherit: signals go to the main thread only */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_URI_LOG_CALLBACK, on_target, l,
                                 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                                 on_completed, l, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (l->daemon == NULL && cert_pem != NULL)
        return diag_set(d, ERR_INVALID, "cannot start the TLS listener: is the certificate and its key readable PEM?");
    if (l->daemon == NULL)
        return diag_set(d, ERR_IO, "cannot start the HTTP listener's threads");
    return ERR_OK;
}

static enum err
open_listener(struct http_server *s, unsigned i, const char *address, const struct http_options *o, struct diag *d)
{
    struct listener *l = &s->listener[i];
    bool tls = i == LISTENER_TLS;
    enum err rc;

    if (address == NULL)
        return ERR_OK;
    if (tls && (o->tls_cert_pem == NULL || o->tls_key_pem == NULL))
        return diag_set(d, ERR_INVALID, "the TLS listener needs a certificate and its key");
    l->first_worker = tls && o->listen != NULL ? s->per_listener : 0;
    rc = net_listen(address, &s->acceptor.listener[i], &l->port, d);
    if (rc != ERR_OK)
        return rc;
    return start_daemon(s, l, o, tls, d);
}

static void
free_server(struct http_server *s)
{
    for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++) {
        struct worker *w = &s->workers[i];
        while (w->idle != NULL) {
            struct exchange *x = w->idle;
            w->idle = x->next_idle;
            exchange_free(x);
        }
        gzip_free(w->gzip);
        arena_deinit(&w->arena);
    }
    free(s->workers);
    os_cond_deinit(&s->core.drained);
    os_mutex_deinit(&s->core.lock);
    free(s);
}

enum err
http_start(const struct http_options *o, struct http_server **out, struct diag *d)
{
    struct http_server *s = calloc(1, sizeof *s);
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the HTTP server");
    s->core.os = o->os;
    s->core.services = o->services;
    s->core.service_count = o->service_count;
    s->core.trust_forwarded = o->trust_forwarded;
    s->core.in_flight_max = o->in_flight_max ? o->in_flight_max : LIMIT_REQUESTS_IN_FLIGHT;
    s->core.idle_s = o->idle_s ? o->idle_s : LIMIT_REQUEST_IDLE_S;
    os_mutex_init(&s->core.lock);
    os_cond_init(&s->core.drained);
    s->acceptor = (struct http_acceptor){{NET_NONE, NET_NONE}, NET_NONE, .give = on_accepted, .ctx = s};
    s->listener[0].server = s->listener[1].server = s;

    rc = open_workers(s, o, d);
    if (rc == ERR_OK)
        rc = open_listener(s, LISTENER_PLAIN, o->listen, o, d);
    if (rc == ERR_OK)
        rc = open_listener(s, LISTENER_TLS, o->tls_listen, o, d);
    if (rc == ERR_OK)
        rc = http_acceptor_open(&s->acceptor, d);
    if (rc != ERR_OK) {
        http_stop(s, 0);
        return rc;
    }
    *out = s;
    return ERR_OK;
}

unsigned
http_port(const struct http_server *s)
{
    return s->listener[LISTENER_PLAIN].port;
}

unsigned
http_tls_port(const struct http_server *s)
{
    return s->listener[LISTENER_TLS].port;
}

void
http_overload(struct http_server *s, bool on)
{
    atomic_store(&s->core.overload, on);
}

static void
wait_drained(struct http_core *core, unsigned drain_ms)
{
    uint64_t now_us = os_mono_us(core->os), end_us = now_us + (uint64_t)drain_ms * 1000;

    os_lock(&core->lock);
    while (atomic_load(&core->in_flight) != 0 && now_us < end_us) {
        (void)os_cond_wait_us(&core->drained, &core->lock, end_us - now_us);
        now_us = os_mono_us(core->os);
    }
    os_unlock(&core->lock);
}

void
http_stop(struct http_server *s, unsigned drain_ms)
{
    if (s == NULL)
        return;
    atomic_store(&s->core.stopping, true);
    http_acceptor_close(&s->acceptor);
    wait_drained(&s->core, drain_ms);
    for (int i = 0; i < 2; i++) {
        if (s->listener[i].daemon != NULL)
            MHD_stop_daemon(s->listener[i].daemon);
    }
    free_server(s);
}
