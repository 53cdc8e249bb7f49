/* http_int.h - what the files of this folder share: workers, and the exchange (one request with its answer).
 *
 * A worker is one thread of a libmicrohttpd pool. While it handles one request, others on its connections may be half
 * read, so what belongs to a request lives in its exchange; what is needed only while a handler runs (arena, rng,
 * deflate stream) is the worker's. Exchanges and their buffers are reused through the worker's free list: a request
 * allocates nothing of ours.
 *
 * Life of an exchange, all on one thread:
 *   exchange_take    the request line is here
 *   exchange_header  once per header line
 *   exchange_begin   headers are complete: the service and the body limit are known
 *   exchange_body    for every piece of the body
 *   exchange_finish  the body is complete: the handler runs, status, headers and body of the answer are ready
 *   exchange_put     the answer is sent, or the client is gone */
#ifndef HTTP_HTTP_INT_H
#define HTTP_HTTP_INT_H

#include <stdatomic.h>

#include "base/limits.h"
#include "codec/gzip.h"
#include "http/http.h"
#include "os/net.h"
#include "os/thread.h"

struct exchange;

struct worker {
    struct http_server *server;
    unsigned idx;
    bool tls;
    struct arena arena;
    struct rng rng;
    struct gzip *gzip;     /* owned */
    struct exchange *idle; /* owned list, at most IDLE_EXCHANGES_MAX */
    unsigned idle_count;
};

/* What the exchanges of one server share: everything but the library. */
struct http_core {
    struct os *os;
    const struct http_service *services;
    size_t service_count;
    bool trust_forwarded;
    unsigned in_flight_max;
    unsigned idle_s;
    _Atomic unsigned in_flight;
    _Atomic bool overload;
    _Atomic bool stopping;
    struct os_mutex lock;   /* guards only the wait for `drained` */
    struct os_cond drained; /* in_flight fell to 0 while stopping */
};

/* A constant or an already terminated header of the answer. */
struct answer_header {
    const char *name, *value;
};
#define ANSWER_HEADERS_MAX 20

struct exchange {
    struct exchange *next_idle;
    struct worker *worker;
    struct http_core *core;
    struct http_req rq;
    struct http_res rs;
    const struct http_service *service; /* NULL: nobody's path */

    const char *target;          /* the library's, while its headers are read */
    bool cut_target;             /* it had a NUL */
    struct buf uri;              /* the request line's target */
    struct http_header *headers; /* owned array of header_cap */
    size_t header_cap;
    size_t header_bytes;
    struct str origin, host, accept_encoding, content_encoding, forwarded_for, forwarded_proto;
    char host_lower[256]; /* 253 is the longest name */
    char client_ip[NET_IP_BYTES];

    bool begun;
    bool chunked, expects_continue;
    bool ambiguous; /* where it ends, or whom it is for, is open to two readings */
    unsigned host_count, length_count;
    uint64_t content_bytes; /* of Content-Length */
    uint64_t body_bytes;    /* read so far, dropped ones included */
    uint64_t begin_us;
    size_t body_max;
    int refused; /* status, or 0 */
    char why[96];

    struct os_file *spool; /* the body goes there; NULL: into `in` */
    char *spool_path;      /* owned */
    uint64_t spool_at;     /* of its first byte */
    bool spool_failed;

    struct buf in; /* the body as received; later the compressed answer */
    struct buf inflated;
    struct buf out; /* the answer as the handler writes it */

    struct answer_header answer[ANSWER_HEADERS_MAX];
    size_t answer_count;
    struct str answer_body;
    char retry_after[16];
};

/* NULL: no memory. */
struct exchange *exchange_take(struct worker *w, struct http_core *core, struct str uri);
/* false: no memory. */
bool exchange_header(struct exchange *x, struct str name, struct str value);
/* true: the request is refused without reading its body; exchange_finish() comes next. */
bool exchange_begin(struct exchange *x, struct str method, struct str version, const struct sockaddr *client);
/* false: the connection must be cut. */
bool exchange_body(struct exchange *x, struct str piece);
void exchange_finish(struct exchange *x);
void exchange_put(struct exchange *x);
void exchange_free(struct exchange *x);

/* Adds to the answer; name and value outlive the exchange's answer. */
void exchange_answer_header(struct exchange *x, const char *name, const char *value);

/* Files of one idea each. */
enum http_method http_method_of(struct str text);
bool http_accepts_gzip(struct str accept_encoding);
/* Is this kind of body worth compressing? */
bool http_compressible(const char *content_type);
/* Adds the CORS headers of the service, if it wants any [EDGE 1.5]. */
void http_cors_headers(struct exchange *x);
/* The answer to OPTIONS of a service with CORS. */
void http_cors_preflight(struct exchange *x);

/* ---- http_spool.c: bodies on their way to a file ---- */
/* Asks the service of a request with a body whether it is to be spooled. */
void spool_begin(struct exchange *x);
void spool_take(struct exchange *x, struct str piece);
/* The body is complete: rq.body_path is set. */
void spool_end(struct exchange *x);
/* Removes what nobody took. */
void spool_drop(struct exchange *x);
/* The first reason is the one to tell. */
void exchange_refuse(struct exchange *x, int status, const char *why);

/* The accepting thread: takes connections from up to two listeners and hands each to `give`. */
struct http_acceptor {
    int listener[2]; /* NET_NONE: not used */
    int waker;
    _Atomic bool stopping;
    void (*give)(void *ctx, unsigned listener, int sock, const struct net_peer *peer);
    void *ctx;
    struct os_thread thread;
};
enum err http_acceptor_open(struct http_acceptor *a, struct diag *d);
/* Closes the listeners: from here on nobody gets in. */
void http_acceptor_close(struct http_acceptor *a);

#endif
