/* http_req.c - what a handler asks of its request and says in its answer. */
#include "codec/url.h"
#include "http/http_int.h"

enum http_method
http_method_of(struct str text)
{
    static const struct {
        struct str text;
        enum http_method method;
    } known[] = {
        {{"POST", 4}, HTTP_POST},       {{"GET", 3}, HTTP_GET},     {{"HEAD", 4}, HTTP_HEAD},
        {{"PUT", 3}, HTTP_PUT},         {{"PATCH", 5}, HTTP_PATCH}, {{"DELETE", 6}, HTTP_DELETE},
        {{"OPTIONS", 7}, HTTP_OPTIONS},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_eq(text, known[i].text))
            return known[i].method;
    }
    return HTTP_OTHER;
}

struct str
http_header(const struct http_req *rq, struct str name)
{
    for (size_t i = 0; i < rq->header_count; i++) {
        if (str_eq_nocase(rq->headers[i].name, name))
            return rq->headers[i].value;
    }
    return S_NULL;
}

static bool
find_cookie(struct str line, struct str name, struct str *value)
{
    struct str pair;

    while (str_split(&line, ';', &pair)) {
        ptrdiff_t at;
        pair = str_trim(pair);
        at = str_find_char(pair, '=');
        if (at >= 0 && str_eq(str_trim(str_slice(pair, 0, (size_t)at)), name)) {
            *value = str_trim(str_slice(pair, (size_t)at + 1, pair.n));
            return true;
        }
    }
    return false;
}

struct str
http_cookie(const struct http_req *rq, struct str name)
{
    struct str value;

    for (size_t i = 0; i < rq->header_count; i++) {
        if (str_eq_nocase(rq->headers[i].name, S("Cookie")) && find_cookie(rq->headers[i].value, name, &value))
            return value;
    }
    return S_NULL;
}

struct str
http_query(const struct http_req *rq, struct str name)
{
    struct str rest = rq->query, key, value;

    while (url_query_next(&rest, &key, &value)) {
        if (str_find_char(key, '%') >= 0)
            key = url_decode(key, true, rq->arena);
        if (str_eq_nocase(key, name))
            return url_decode(value, true, rq->arena);
    }
    return S_NULL;
}

static bool
has_line_break(struct str s)
{
    return str_find_char(s, '\r') >= 0 || str_find_char(s, '\n') >= 0 || str_find_char(s, '\0') >= 0;
}

void
http_set_header(struct http_req *rq, struct http_res *rs, struct str name, struct str value)
{
    size_t n = rs->header_count;

    if (has_line_break(name) || has_line_break(value))
        return;
    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) { /* the array has room for 8, 16, 32... */
        struct http_header *more = ARENA_ARRAY(rq->arena, struct http_header, n < 8 ? 8 : n * 2);
        if (more == NULL)
            return;
        if (n > 0)
            memcpy(more, rs->headers, n * sizeof *more);
        rs->headers = more;
    }
    name = arena_str(rq->arena, name);
    value = arena_str(rq->arena, value);
    if (name.p != NULL && value.p != NULL)
        rs->headers[rs->header_count++] = (struct http_header){name, value};
}

void
http_reply(struct http_res *rs, int status, const char *content_type, struct str body)
{
    rs->status = status;
    rs->content_type = content_type;
    rs->static_body = S_NULL;
    buf_clear(rs->body);
    buf_put(rs->body, body);
}

int
http_status_of(enum err code)
{
    static const int status[ERR__COUNT] = {
        [ERR_OK] = 200,    [ERR_INVALID] = 400, [ERR_NOT_FOUND] = 404, [ERR_EXISTS] = 409,    [ERR_DENIED] = 403,
        [ERR_LIMIT] = 413, [ERR_BUSY] = 503,    [ERR_TIMEOUT] = 504,   [ERR_CANCELLED] = 503, [ERR_UNSUPPORTED] = 501,
        [ERR_IO] = 500,    [ERR_CORRUPT] = 500, [ERR_NOMEM] = 503,
    };

    return (unsigned)code < ERR__COUNT ? status[code] : 500;
}
