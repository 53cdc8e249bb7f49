/* http_client.h - a small blocking HTTP/1.1 client over plain TCP, for subcommands that talk to a running server and
 * for tests.
 *
 *   struct http_client *c = http_client_new("127.0.0.1", 8080, 5000);
 *   struct http_call call = {.method = "POST", .target = S("/ee/v1/interact?configId=d"), .body = body};
 *   rc = http_client_call(c, &call, arena, &answer, d);        -> answer.status, answer.headers, answer.body
 *   http_client_free(c);
 *
 * The connection is kept for the next call and opened anew when the server closed it in between. No TLS, no redirects,
 * no decompression: Content-Encoding is the caller's to ask for and to undo.
 *
 * Memory     The answer lives in the caller's arena; a body over LIMIT_RESPONSE_BYTES is ERR_LIMIT.
 * Threads    One owner.   Timeouts  timeout_ms bounds every single wait (connecting, each send, each receive).
 * Errors     ERR_TIMEOUT, ERR_IO (refused, cut short), ERR_NOT_FOUND (unknown host), ERR_INVALID (not HTTP), ERR_LIMIT.
 *            After any of them the connection is closed. Every status, 500 included, is a success of the call. */
#ifndef HTTP_HTTP_CLIENT_H
#define HTTP_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "http/http.h"

struct http_client;

struct http_call {
    const char *method;                /* NULL: GET */
    struct str target;                 /* path and query as they go on the wire */
    const struct http_header *headers; /* besides Host, Content-Length and Transfer-Encoding */
    size_t header_count;
    struct str body;
    size_t chunk_bytes; /* not 0: sent with chunked coding in pieces of this size */
    bool close;         /* ask the server to close afterwards */
};

struct http_answer {
    int status;
    struct http_header *headers;
    size_t header_count;
    struct str body;
};

struct http_client *http_client_new(const char *host, unsigned port, unsigned timeout_ms); /* NULL: no memory */
void http_client_free(struct http_client *c);

enum err http_client_call(struct http_client *c, const struct http_call *call, struct arena *a,
                          struct http_answer *answer, struct diag *d);
/* Header of an answer by name, any case; p is NULL when absent. */
struct str http_answer_header(const struct http_answer *answer, struct str name);
/* Connections opened so far: 1 after many calls means that they shared one. */
unsigned http_client_connections(const struct http_client *c);

#endif
