/* http_client.c - see http_client.h.
 *
 * Received bytes gather in one buffer; the reader takes lines and counted bytes off its front and receives more when it
 * runs dry. What is left behind an answer belongs to nobody (there is no pipelining), so it closes the connection. */
#include "http/http_client.h"

#include "base/limits.h"
#include "os/net.h"

#define RECEIVE_BYTES (16 * 1024)
#define HEADERS_MAX 128

struct http_client {
    char *host; /* owned */
    unsigned port;
    unsigned timeout_ms;
    int sock;
    unsigned connections;
    struct buf in;
    size_t at; /* bytes of `in` already taken */
    struct buf out;
};

struct http_client *
http_client_new(const char *host, unsigned port, unsigned timeout_ms)
{
    struct http_client *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->host = strdup(host);
    if (c->host == NULL) {
        free(c);
        return NULL;
    }
    c->port = port;
    c->timeout_ms = timeout_ms;
    c->sock = NET_NONE;
    buf_init(&c->in, LIMIT_RESPONSE_BYTES + RECEIVE_BYTES + LIMIT_HEADER_BYTES);
    buf_init(&c->out, SIZE_MAX / 2);
    return c;
}

static void
disconnect(struct http_client *c)
{
    net_close(c->sock);
    c->sock = NET_NONE;
}

void
http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    disconnect(c);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c->host);
    free(c);
}

unsigned
http_client_connections(const struct http_client *c)
{
    return c->connections;
}

struct str
http_answer_header(const struct http_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (str_eq_nocase(answer->headers[i].name, name))
            return answer->headers[i].value;
    }
    return S_NULL;
}

/* --- sending --- */

static enum err
connect_again(struct http_client *c, struct diag *d)
{
    enum err rc;

    /* Readable between two calls means closed, or noise: either way not fit for another one. */
    if (c->sock != NET_NONE && net_wait(&c->sock, 1, 0) == 0)
        return ERR_OK;
    disconnect(c);
    rc = net_connect(c->host, c->port, c->timeout_ms, &c->sock, d);
    if (rc == ERR_OK)
        c->connections++;
    return rc;
}

static void
write_body(struct buf *b, const struct http_call *call)
{
    struct str rest = call->body;

    if (call->chunk_bytes == 0) {
        buf_put(b, rest);
        return;
    }
    while (rest.n > 0) {
        struct str piece = str_slice(rest, 0, call->chunk_bytes);
        buf_printf(b, "%zx\r\n", piece.n);
        buf_put(b, piece);
        buf_put(b, S("\r\n"));
        rest = str_slice(rest, piece.n, rest.n);
    }
    buf_put(b, S("0\r\n\r\n"));
}

static void
write_call(struct http_client *c, const struct http_call *call)
{
    struct buf *b = &c->out;
    bool v6 = strchr(c->host, ':') != NULL, names_host = false;

    buf_clear(b);
    buf_printf(b, "%s %.*s HTTP/1.1\r\n", call->method ? call->method : "GET", STR_ARG(call->target));
    for (size_t i = 0; i < call->header_count; i++) {
        buf_printf(b, "%.*s: %.*s\r\n", STR_ARG(call->headers[i].name), STR_ARG(call->headers[i].value));
        names_host = names_host || str_eq_nocase(call->headers[i].name, S("Host"));
    }
    if (!names_host)
        buf_printf(b, "Host: %s%s%s:%u\r\n", v6 ? "[" : "", c->host, v6 ? "]" : "", c->port);
    if (call->chunk_bytes != 0)
        buf_put(b, S("Transfer-Encoding: chunked\r\n"));
    else if (call->body.n != 0 || (call->method != NULL && call->method[0] == 'P'))
        buf_printf(b, "Content-Length: %zu\r\n", call->body.n);
    if (call->close)
        buf_put(b, S("Connection: close\r\n"));
    buf_put(b, S("\r\n"));
    write_body(b, call);
}

/* --- receiving --- */

static enum err
receive_more(struct http_client *c, struct diag *d)
{
    char *at = buf_grow(&c->in, RECEIVE_BYTES);
    size_t got;
    enum err rc;

    if (at == NULL)
        return diag_set(d, ERR_LIMIT, "the answer exceeds %d bytes", LIMIT_RESPONSE_BYTES);
    rc = net_receive(c->sock, at, RECEIVE_BYTES, c->timeout_ms, &got, d);
    if (rc == ERR_OK && got == 0)
        return diag_set(d, ERR_IO, "the server closed the connection");
    if (rc == ERR_OK)
        c->in.n += got;
    return rc;
}

/* A line without its end, valid until the next call. */
static enum err
take_line(struct http_client *c, struct str *line, struct diag *d)
{
    size_t searched = c->at;

    for (;;) {
        ptrdiff_t at = str_find_char(str_slice(buf_str(&c->in), searched, c->in.n), '\n');
        enum err rc;
        if (at >= 0) {
            size_t end = searched + (size_t)at;
            *line = str_trim(str_slice(buf_str(&c->in), c->at, end));
            c->at = end + 1;
            return ERR_OK;
        }
        searched = c->in.n;
        if (searched - c->at > LIMIT_HEADER_BYTES)
            return diag_set(d, ERR_LIMIT, "a line of the answer exceeds %d bytes", LIMIT_HEADER_BYTES);
        rc = receive_more(c, d);
        if (rc != ERR_OK)
            return rc;
    }
}

static enum err
take_bytes(struct http_client *c, size_t n, struct diag *d)
{
    enum err rc = ERR_OK;

    if (n > LIMIT_RESPONSE_BYTES)
        return diag_set(d, ERR_LIMIT, "the answer exceeds %d bytes", LIMIT_RESPONSE_BYTES);
    while (rc == ERR_OK && c->in.n - c->at < n)
        rc = receive_more(c, d);
    c->at += rc == ERR_OK ? n : 0;
    return rc;
}

/* "HTTP/1.1 200 OK" */
static enum err
take_status(struct http_client *c, int *status, struct diag *d)
{
    struct str line = S_NULL;
    uint64_t code = 0;
    enum err rc = take_line(c, &line, d);

    if (rc != ERR_OK)
        return rc;
    if (!str_starts(line, S("HTTP/1.")) || line.n < 12 || !str_to_u64(str_slice(line, 9, 12), &code))
        return diag_set(d, ERR_INVALID, "not an HTTP answer: '%.*s'", STR_ARG(str_slice(line, 0, 40)));
    *status = (int)code;
    return ERR_OK;
}

static enum err
take_headers(struct http_client *c, struct arena *a, struct http_answer *answer, struct diag *d)
{
    struct str line = S_NULL;
    enum err rc;

    answer->header_count = 0;
    answer->headers = ARENA_ARRAY(a, struct http_header, HEADERS_MAX);
    if (answer->headers == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the answer");
    while ((rc = take_line(c, &line, d)) == ERR_OK && line.n > 0) {
        ptrdiff_t colon = str_find_char(line, ':');
        struct http_header *h = &answer->headers[answer->header_count];
        if (colon < 0)
            return diag_set(d, ERR_INVALID, "not a header: '%.*s'", STR_ARG(str_slice(line, 0, 40)));
        if (answer->header_count == HEADERS_MAX)
            return diag_set(d, ERR_LIMIT, "the answer has more than %d headers", HEADERS_MAX);
        h->name = arena_str(a, str_slice(line, 0, (size_t)colon));
        h->value = arena_str(a, str_trim(str_slice(line, (size_t)colon + 1, line.n)));
        if (h->name.p == NULL || h->value.p == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the answer");
        answer->header_count++;
    }
    return rc;
}

static bool
hex_to_size(struct str s, size_t *out)
{
    size_t v = 0;

    if (s.n == 0 || s.n > 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, s.p[i] | 0x20);
        if (s.p[i] == '\0' || at == NULL)
            return false;
        v = v << 4 | (size_t)(at - digits);
    }
    *out = v;
    return true;
}

/* Moves the data of the chunks together at `from`; the body is in[from, from + *n). */
static enum err
take_chunks(struct http_client *c, size_t from, size_t *n, struct diag *d)
{
    *n = 0;
    for (;;) {
        struct str line = S_NULL, size_text;
        size_t bytes = 0;
        enum err rc = take_line(c, &line, d);
        if (rc != ERR_OK)
            return rc;
        if (!str_split(&line, ';', &size_text) || !hex_to_size(str_trim(size_text), &bytes))
            return diag_set(d, ERR_INVALID, "malformed chunk size");
        if (bytes == 0)
            break;
        rc = take_bytes(c, bytes, d);
        if (rc != ERR_OK)
            return rc;
        memmove(c->in.p + from + *n, c->in.p + c->at - bytes, bytes);
        *n += bytes;
        rc = take_line(c, &line, d);
        if (rc != ERR_OK)
            return rc;
    }
    for (;;) { /* trailers, of which we want none */
        struct str line = S_NULL;
        enum err rc = take_line(c, &line, d);
        if (rc != ERR_OK || line.n == 0)
            return rc;
    }
}

static enum err
take_to_end(struct http_client *c, struct diag *d)
{
    enum err rc = ERR_OK;
    size_t before;

    do {
        before = c->in.n;
        rc = receive_more(c, d);
    } while (rc == ERR_OK);
    c->at = c->in.n;
    return rc == ERR_IO && c->in.n == before ? ERR_OK : rc; /* the end is the close */
}

static enum err
take_body(struct http_client *c, const struct http_call *call, struct http_answer *answer, struct arena *a,
          struct diag *d)
{
    struct str length = http_answer_header(answer, S("Content-Length"));
    struct str coding = http_answer_header(answer, S("Transfer-Encoding"));
    bool none =
        answer->status == 204 || answer->status == 304 || (call->method != NULL && strcmp(call->method, "HEAD") == 0);
    size_t from = c->at, n = 0;
    uint64_t bytes;
    enum err rc = ERR_OK;

    if (none) {
        n = 0;
    } else if (str_eq_nocase(coding, S("chunked"))) {
        rc = take_chunks(c, from, &n, d);
    } else if (length.p != NULL) {
        if (!str_to_u64(length, &bytes))
            return diag_set(d, ERR_INVALID, "malformed Content-Length");
        n = bytes;
        rc = take_bytes(c, n, d);
    } else {
        rc = take_to_end(c, d);
        n = c->in.n - from;
        disconnect(c);
    }
    if (rc != ERR_OK)
        return rc;
    answer->body = arena_str(a, str_slice(buf_str(&c->in), from, from + n));
    return answer->body.p != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for the answer");
}

static enum err
exchange_call(struct http_client *c, const struct http_call *call, struct arena *a, struct http_answer *answer,
              struct diag *d)
{
    enum err rc = connect_again(c, d);

    if (rc != ERR_OK)
        return rc;
    write_call(c, call);
    buf_clear(&c->in);
    c->at = 0;
    rc = net_send(c->sock, buf_str(&c->out), c->timeout_ms, d);
    if (rc == ERR_TIMEOUT)
        return rc; /* otherwise the server may have answered before it hung up: listen */
    do {
        rc = take_status(c, &answer->status, d);
        if (rc == ERR_OK)
            rc = take_headers(c, a, answer, d);
    } while (rc == ERR_OK && answer->status < 200); /* 100 Continue and its like come before the answer */
    if (rc == ERR_OK)
        rc = take_body(c, call, answer, a, d);
    return rc;
}

enum err
http_client_call(struct http_client *c, const struct http_call *call, struct arena *a, struct http_answer *answer,
                 struct diag *d)
{
    struct http_answer got = {0};
    enum err rc = exchange_call(c, call, a, &got, d);

    if (rc != ERR_OK || c->at != c->in.n || str_eq_nocase(http_answer_header(&got, S("Connection")), S("close")))
        disconnect(c);
    if (rc == ERR_OK)
        *answer = got;
    return rc;
}
