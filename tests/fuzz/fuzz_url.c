/* fuzz_url.c - what a client writes into a URL, a cookie or a token: percent coding, queries, cookies, base64, routes.
 */
#include "base/check.h"
#include "codec/base64.h"
#include "codec/url.h"
#include "http/http_int.h"
#include "http/router.h"

static void
check_slice(struct str whole, struct str part)
{
    CHECK(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void
fuzz_url(struct str s, struct arena *a)
{
    struct url u = url_parse(s);
    struct str back, decoded;
    struct buf b;

    check_slice(s, u.scheme);
    check_slice(s, u.host);
    check_slice(s, u.port);
    check_slice(s, u.path);
    check_slice(s, u.query);
    check_slice(s, u.fragment);
    decoded = url_decode(s, true, a);
    CHECK(decoded.p != NULL && decoded.n <= s.n);
    buf_init(&b, s.n * 3 + 1);
    url_encode(&b, s);
    back = url_decode(buf_str(&b), true, a);
    CHECK(str_eq(back, s));
    buf_deinit(&b);
}

static void
fuzz_base64(struct str s, struct arena *a)
{
    struct str bytes = base64_decode(s, a), again;
    struct buf b;

    if (bytes.p == NULL)
        return;
    buf_init(&b, bytes.n * 2 + 8);
    base64url_encode(&b, bytes);
    again = base64_decode(buf_str(&b), a);
    CHECK(str_eq(again, bytes));
    buf_deinit(&b);
}

static void
fuzz_request(struct str s, struct arena *a)
{
    static const struct route routes[] = {{HTTP_GET, "/a/{x}", 0, NULL}, {HTTP_POST, "/a/b/{rest...}", 0, NULL}};
    struct http_header h = {S("Cookie"), s};
    struct http_req rq = {.query = s, .path = s, .headers = &h, .header_count = 1, .arena = a};
    struct str rest = s, name, value, allow;
    const struct route *route;
    struct route_params params;

    while (url_query_next(&rest, &name, &value)) {
        check_slice(s, name);
        check_slice(s, value);
        CHECK(http_query(&rq, url_decode(name, true, a)).p != NULL || str_find_char(name, '+') >= 0);
    }
    check_slice(s, http_cookie(&rq, S("a")));
    (void)route_find(routes, 2, &rq, &route, &params, &allow); /* any result will do, as long as there is one */
    (void)http_accepts_gzip(s);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str s = {(const char *)data, n};
    struct arena a;

    if (n > 4096)
        return 0;
    arena_init(&a, 64u << 20);
    fuzz_url(s, &a);
    fuzz_base64(s, &a);
    fuzz_request(s, &a);
    arena_deinit(&a);
    return 0;
}
