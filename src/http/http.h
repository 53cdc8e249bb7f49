/* http.h - the listener: bytes on a socket become one request handed to one handler, and its answer goes back.
 *
 * libmicrohttpd (http_mhd.c alone sees it) runs one epoll loop per worker thread. A request is gathered under the limit
 * that its service names before a byte of the body is read, handled once, to its end, by the worker that read it, and
 * answered. CORS, compression, request ids, shedding and metrics are done here, once, for every service.
 *
 * Services   are asked in order: the first whose match() is true owns the request.
 *
 * Memory     req->arena (LIMIT_REQUEST_ARENA_BYTES) belongs to the worker and is reset after the answer. Texts in a
 * request and in the answer's headers live as long as the call of the handler.
 *
 * Refusals   A body over its limit is refused before it is read when it is large; a body of up to
 * LIMIT_REFUSED_BODY_BYTES is read and dropped first, because closing a socket on unread bytes resets it and the
 * client never sees why.
 *
 * Threads    A handler runs on its worker; it may block on nothing but the log append.
 *
 * Shedding   More than LIMIT_REQUESTS_IN_FLIGHT requests being handled, or http_overload(): 503, Retry-After 5.
 *
 * Spooling   A service may have a large body written to a file as it comes (http_service.spool); a file that nobody
 * took is removed when the request ends.
 *
 * Stop       http_stop() refuses new connections, lets requests end (at most drain_ms), then closes.
 *
 * Sources    [EDGE 1.4 .. 1.8], [PLATFORM 1.2]. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/rng.h"
#include "os/os.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_header {
    struct str name; /* as received */
    struct str value;
};

struct http_req {
    enum http_method method;
    struct str method_text;
    struct str path;  /* as received, without the query; percent signs not decoded */
    struct str query; /* without '?', not decoded */
    const struct http_header *headers;
    size_t header_count;
    struct str host;      /* Host header without a port, lower case */
    struct str client_ip; /* of the connection, or of X-Forwarded-For when a trusted proxy is configured */
    bool tls;
    struct str body;       /* inflated when it came with Content-Encoding: gzip */
    const char *body_path; /* where a spooled body is; whoever wants to keep it renames the file. NULL: not spooled */
    uint64_t body_bytes;   /* of a spooled body */
    struct arena *arena;
    struct rng *rng;   /* the worker's */
    int64_t now_ms;    /* when the request was complete */
    uint64_t start_us; /* monotonic */
    unsigned worker;   /* 0 .. http_worker_count() - 1; one thread each, so per-worker state needs no lock */
    void *priv;
};

struct http_res {
    int status;                  /* 0 is an error of ours: answered as 500 */
    struct buf *body;            /* the worker's, empty at first; LIMIT_RESPONSE_BYTES */
    const char *content_type;    /* NULL: none */
    struct http_header *headers; /* extra ones: use http_set_header */
    size_t header_count;
    unsigned retry_after_s; /* not 0: Retry-After */
    struct str static_body; /* when p is not NULL: sent instead of body, borrowed for ever (embedded assets) */
    bool no_gzip;           /* send as it is: compressed already, or flushed in pieces */
};

/* Header by name, any case; p is NULL when absent. */
struct str http_header(const struct http_req *rq, struct str name);
/* Cookie by exact name, not decoded; the first of several. */
struct str http_cookie(const struct http_req *rq, struct str name);
/* Query parameter, percent-decoded into the arena, names compared without case; p is NULL when absent, "" when empty.
 */
struct str http_query(const struct http_req *rq, struct str name);
/* Adds a header; a second one of the same name is a second line (Set-Cookie). Both texts are copied. One with a line
 * break in it is left out. */
void http_set_header(struct http_req *rq, struct http_res *rs, struct str name, struct str value);
/* A static text or a formatted one as the whole body. */
void http_reply(struct http_res *rs, int status, const char *content_type, struct str body);

/* A body that goes to a file while it comes, because it may be too large for memory. */
struct http_spool {
    const char *path; /* a file that does not exist yet; copied. NULL: the body is kept in memory, as usual */
    uint64_t at;      /* offset in the file of the body's first byte */
};

struct http_service {
    const char *name;
    /* Is this path ours? Called with method, path, query, headers; no body yet. */
    bool (*match)(void *ctx, const struct http_req *rq);
    /* Largest body for this request, bytes. 0: no body expected (one is read up to 1 KB and ignored). */
    size_t (*body_max)(void *ctx, const struct http_req *rq);
    void (*handle)(void *ctx, struct http_req *rq, struct http_res *rs);
    /* Asked before the body of a request that has one is read; NULL: no body is spooled. Answers 0, or the status with
     * which the request is refused unread (then *why is a static text): whoever may not send it fills no disk. */
    int (*spool)(void *ctx, struct http_req *rq, struct http_spool *out, const char **why);
    /* The answer when the listener itself refuses (413, 415 encoding, 408, 503): fills rs in the service's error
     * format. */
    void (*refuse)(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs);
    bool cors;               /* answer CORS with credentials for any origin [EDGE 1.5] and OPTIONS with 204 */
    const char *cors_expose; /* Access-Control-Expose-Headers */
    bool never_shed;         /* answered even when overloaded: health, metrics, the control plane */
    void *ctx;
};

struct http_options {
    struct os *os;
    const char *listen;       /* "127.0.0.1:8080", "[::1]:0"; NULL: no plain listener */
    const char *tls_listen;   /* NULL: no TLS listener */
    const char *tls_cert_pem; /* text, not a path; required with tls_listen */
    const char *tls_key_pem;
    unsigned worker_count;               /* 0: one per core */
    const struct http_service *services; /* borrowed until http_stop */
    size_t service_count;
    bool trust_forwarded;            /* client_ip from the last X-Forwarded-For entry, tls from X-Forwarded-Proto */
    uint64_t seed;                   /* for the workers' rng */
    unsigned idle_s;                 /* 0: LIMIT_REQUEST_IDLE_S */
    unsigned in_flight_max;          /* 0: LIMIT_REQUESTS_IN_FLIGHT */
    unsigned connections_max;        /* of each listener; 0: LIMIT_CONNECTIONS */
    unsigned connections_per_ip_max; /* 0: LIMIT_CONNECTIONS_PER_IP */
};

struct http_server;
/* Threads that will call handlers: each listener has worker_count of them, numbered through. */
unsigned http_worker_count(const struct http_options *o);
enum err http_start(const struct http_options *o, struct http_server **out, struct diag *d);
/* The ports in use (for port 0); 0 when that listener is off. */
unsigned http_port(const struct http_server *s);
unsigned http_tls_port(const struct http_server *s);
void http_overload(struct http_server *s, bool on);
void http_stop(struct http_server *s, unsigned drain_ms);

/* A self-signed ECDSA P-256 certificate for the names (DNS names or IP addresses), valid 10 years, as PEM texts. Owned
 * by the caller: free(). */
enum err http_make_certificate(const char *const *names, size_t n, int64_t now_ms, char **cert_pem, char **key_pem,
                               struct diag *d);

/* HTTP status of an error of ours, and whether a client may retry. */
int http_status_of(enum err code);

#endif
