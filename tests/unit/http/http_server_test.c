#include "base/limits.h"
#include "base/metric.h"
#include "http_fixture.h"

static bool
has(struct str text, const char *part)
{
    return str_find(text, str_of(part)) >= 0;
}

static struct str
bytes_of(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, n + 1);

    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + rng_below(&t->rng, 26));
    return (struct str){p, n};
}

TEST(http_request_as_the_handler_sees_it)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call_with(t, &f, "POST", "/info/a%20b?x=1&y=%41+", S("abc"),
                                     "Host: Shop.Test:8443\nUser-Agent: me\nCookie: x=1; kndctr=CiY0==; y=2");

    CHECK_EQ(a.status, 200);
    CHECK_TRUE(
        has(a.body, "method=2 POST\npath=/info/a%20b\nquery=x=1&y=%41+\nhost=shop.test\nclient=127.0.0.1\ntls=0\n"));
    CHECK_TRUE(has(a.body, "body=3\nagent=me\ncookie=CiY0==\nclock=1\n"));
    CHECK_TRUE(has(call(t, &f, "PATCH", "/info", S("")).body, "method=4 PATCH\npath=/info\nquery=\nhost=127.0.0.1\n"));
    CHECK_TRUE(has(call(t, &f, "PURGE", "/info?", S("")).body, "method=7 PURGE\npath=/info\nquery=\n"));
    CHECK_TRUE(has(call_with(t, &f, "GET", "/info", S(""), "Host: [::1]:80").body, "host=::1\n"));
    CHECK_TRUE(has(call(t, &f, "GET", "http://other.test:81/info/x?q", S("")).body,
                   "path=/info/x\nquery=q\nhost=other.test\n"));
    fixture_close(&f);
}

TEST(http_unknown_paths_and_methods)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call(t, &f, "GET", "/nothing", S(""));

    CHECK_EQ(a.status, 404);
    CHECK_STR(header_of(&a, "Content-Type"), S("application/problem+json"));
    a = call(t, &f, "POST", "/nothing", S("body"));
    CHECK_EQ(a.status, 404);
    a = call(t, &f, "GET", "/rest/items/7%2F8/", S(""));
    CHECK_STR(a.body, S("7/8"));
    a = call(t, &f, "PUT", "/rest/items/7", S(""));
    CHECK_EQ(a.status, 405);
    CHECK_STR(header_of(&a, "Allow"), S("GET, HEAD, DELETE"));
    a = call(t, &f, "GET", "/rest/items", S(""));
    CHECK_EQ(a.status, 404);
    a = call(t, &f, "OPTIONS", "/rest/items/7", S("")); /* no CORS: the service's own business */
    CHECK_EQ(a.status, 405);
    CHECK_EQ(http_client_connections(f.client), 1);
    fixture_close(&f);
}

TEST(http_body_limit_at_and_past)
{
    struct fixture f = fixture_open(t, NULL);
    struct str body = bytes_of(t, ECHO_BYTES + 1);
    struct http_answer a = call(t, &f, "POST", "/echo", str_slice(body, 0, ECHO_BYTES));

    CHECK_EQ(a.status, 200);
    CHECK_STR(a.body, str_slice(body, 0, ECHO_BYTES));
    a = call_with(t, &f, "POST", "/echo", body, "Origin: https://www.shop.test");
    CHECK_EQ(a.status, 413);
    CHECK_STR(a.body, S("{\"refused\":413,\"why\":\"the body exceeds 65536 bytes\",\"path\":\"/echo\"}"));
    CHECK_STR(header_of(&a, "Access-Control-Allow-Origin"), S("https://www.shop.test"));
    a = call(t, &f, "POST", "/echo", S("")); /* the body was dropped, the connection lives */
    CHECK_EQ(a.status, 200);
    CHECK_EQ(http_client_connections(f.client), 1);
    a = call(t, &f, "POST", "/nobody", bytes_of(t, 1024));
    CHECK_EQ(a.status, 200);
    CHECK_TRUE(has(a.body, "body=0\n"));
    a = call(t, &f, "POST", "/nobody", bytes_of(t, 1025));
    CHECK_EQ(a.status, 413);
    fixture_close(&f);
}

TEST(http_large_bodies_are_refused_before_they_are_sent)
{
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);

    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
    CHECK_TRUE(str_starts(raw_read(t, sock, NULL), S("HTTP/1.1 413 "))); /* answered, closed; not a byte of body */
    net_close(sock);
    fixture_close(&f);
}

static struct http_answer
call_chunked(struct t *t, struct fixture *f, struct str body, size_t chunk_bytes)
{
    struct http_call c = {.method = "POST", .target = S("/echo"), .body = body, .chunk_bytes = chunk_bytes};
    struct http_answer a = {0};

    CHECK_OK(http_client_call(f->client, &c, t->arena, &a, d));
    return a;
}

TEST(http_chunked_bodies_at_and_past_the_limit)
{
    struct fixture f = fixture_open(t, NULL);
    struct str body = bytes_of(t, ECHO_BYTES + 1);
    static const size_t sizes[] = {1, 7, 1000, 65536};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct str part = str_slice(body, 0, sizes[i] == 1 ? 500 : ECHO_BYTES);
        struct http_answer a = call_chunked(t, &f, part, sizes[i]);
        CHECK_EQ(a.status, 200);
        CHECK_STR(a.body, part);
    }
    CHECK_EQ(call_chunked(t, &f, body, 5000).status, 413);
    CHECK_EQ(call_chunked(t, &f, S("still here"), 3).status, 200);
    CHECK_EQ(http_client_connections(f.client), 1);
    CHECK_EQ(call_chunked(t, &f, bytes_of(t, LIMIT_REFUSED_BODY_BYTES), 8192).status, 413);
    fixture_close(&f);
}

TEST(http_endless_chunked_body_is_cut)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_call c = {.method = "POST", .target = S("/echo"), .chunk_bytes = 65536};
    struct http_answer a = {0};
    struct diag d = DIAG_INIT;

    c.body = (struct str){arena_calloc(t->arena, 8, LIMIT_REFUSED_BODY_BYTES), 8 * (size_t)LIMIT_REFUSED_BODY_BYTES};
    CHECK_TRUE(http_client_call(f.client, &c, t->arena, &a, &d) != ERR_OK || a.status == 413);
    CHECK_EQ(call(t, &f, "GET", "/info", S("")).status, 200);
    fixture_close(&f);
}

TEST(http_expect_continue)
{
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);

    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK_TRUE(str_starts(raw_read(t, sock, "\r\n\r\n"), S("HTTP/1.1 100 ")));
    raw_send(t, sock, "hello");
    CHECK_TRUE(str_starts(raw_read(t, sock, "hello"), S("HTTP/1.1 200 ")));
    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n");
    CHECK_TRUE(str_starts(raw_read(t, sock, NULL), S("HTTP/1.1 413 "))); /* nobody is asked to go on */
    net_close(sock);
    fixture_close(&f);
}

TEST(http_answers_of_every_kind)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call(t, &f, "POST", "/echo?status=207&q=a%26b&type=text/html", S("x"));
    int cookies = 0;

    CHECK_EQ(a.status, 207);
    CHECK_STR(header_of(&a, "Content-Type"), S("text/html"));
    CHECK_STR(header_of(&a, "x-query"), S("a&b"));
    CHECK_TRUE(header_of(&a, "x-bad").p == NULL && header_of(&a, "x-injected").p == NULL);
    for (size_t i = 0; i < a.header_count; i++)
        cookies += str_eq_nocase(a.headers[i].name, S("Set-Cookie"));
    CHECK_EQ(cookies, 2);
    CHECK_TRUE(header_of(&a, "Date").p != NULL);
    a = call(t, &f, "POST", "/echo?status=204", S("dropped"));
    CHECK_EQ(a.status, 204);
    CHECK_TRUE(a.body.n == 0 && header_of(&a, "Content-Type").p == NULL);
    a = call(t, &f, "GET", "/static", S(""));
    CHECK_STR(a.body, S("borrowed for ever"));
    CHECK_STR(header_of(&a, "Content-Length"), S("17"));
    a = call(t, &f, "HEAD", "/static", S(""));
    CHECK_EQ(a.status, 200);
    CHECK_STR(header_of(&a, "Content-Length"), S("17"));
    CHECK_EQ(a.body.n, 0);
    a = call(t, &f, "GET", "/silent", S(""));
    CHECK_EQ(a.status, 500);
    CHECK_TRUE(has(a.body, "\"refused\":500"));
    CHECK_EQ(http_client_connections(f.client), 1);
    fixture_close(&f);
}

TEST(http_answers_over_the_limit)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call(t, &f, "GET", "/huge", S(""));

    CHECK_EQ(a.status, 500);
    CHECK_TRUE(has(a.body, "\"refused\":500"));
    CHECK_EQ(call(t, &f, "GET", "/info", S("")).status, 200);
    fixture_close(&f);
}

TEST(http_url_limit)
{
    struct fixture f = fixture_open(t, NULL);
    char url[LIMIT_URL_BYTES + 2];

    memset(url, 'x', sizeof url);
    memcpy(url, "/info?", 6);
    url[LIMIT_URL_BYTES] = '\0';
    CHECK_EQ(call(t, &f, "GET", url, S("")).status, 200);
    url[LIMIT_URL_BYTES] = 'x';
    url[LIMIT_URL_BYTES + 1] = '\0';
    CHECK_EQ(call(t, &f, "GET", url, S("")).status, 414);
    fixture_close(&f);
}

TEST(http_header_limits)
{
    struct fixture f = fixture_open(t, NULL);
    const char *fixed = "GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    static const size_t counted = 4 + 1 + 4 + 10 + 5 + 4 + 1 + 4; /* names, values and 4 each of the three headers */
    struct buf b;

    buf_init(&b, 1 << 20);
    for (int past = 0; past < 2; past++) {
        int sock = raw_open(t, &f);
        struct str pad = {arena_alloc(t->arena, LIMIT_HEADER_BYTES), LIMIT_HEADER_BYTES - counted + (size_t)past};
        memset((char *)(uintptr_t)pad.p, 'p', pad.n);
        buf_clear(&b);
        buf_printf(&b, "%sx: %.*s\r\n\r\n", fixed, STR_ARG(pad));
        buf_putc(&b, '\0');
        raw_send(t, sock, b.p);
        CHECK_TRUE(str_starts(raw_read(t, sock, NULL), past ? S("HTTP/1.1 431 ") : S("HTTP/1.1 200 ")));
        net_close(sock);
    }
    for (int past = 0; past < 2; past++) {
        int sock = raw_open(t, &f);
        buf_clear(&b);
        buf_put(&b, str_of(fixed));
        for (int i = 0; i < LIMIT_HEADER_COUNT - 2 + past; i++)
            buf_printf(&b, "x%d: y\r\n", i);
        buf_put(&b, (struct str){"\r\n\0", 3});
        raw_send(t, sock, b.p);
        CHECK_TRUE(str_starts(raw_read(t, sock, NULL), past ? S("HTTP/1.1 431 ") : S("HTTP/1.1 200 ")));
        net_close(sock);
    }
    buf_deinit(&b);
    fixture_close(&f);
}

TEST(http_malformed_requests_get_400)
{
    static const char *const bad[] = {
        "GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /info HTTP/1.1\r\n\r\n" /* no Host */,
        "GET /info HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET /info HTTP/x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc"};
    struct fixture f = fixture_open(t, NULL);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int sock = raw_open(t, &f);
        struct str got;
        raw_send(t, sock, bad[i]);
        net_finish(sock);
        got = raw_read(t, sock, NULL);
        CHECK_TRUE(got.n == 0 || str_starts(got, S("HTTP/1.1 400 ")));
        CHECK_TRUE(!has(got, "HTTP/1.1 200")); /* what follows is not read as a second request */
        net_close(sock);
    }
    CHECK_EQ(call(t, &f, "GET", "/info", S("")).status, 200);
    fixture_close(&f);
}

/* A NUL ends the target for a reader of C strings only. [RFC 9112 3.2] */
TEST(http_nul_in_the_target_is_400)
{
    static const char bad[] = "GET /info\0/../secret HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\n\r\n";
    static const char *const good[] = {"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                       "GET /info?a=%00&b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);
    struct str got;

    CHECK_OK(net_send(sock, (struct str){bad, sizeof bad - 1}, WAIT_MS, d));
    net_finish(sock);
    got = raw_read(t, sock, NULL);
    CHECK_TRUE(got.n == 0 || str_starts(got, S("HTTP/1.1 400 ")));
    net_close(sock);
    for (size_t i = 0; i < 2; i++) {
        sock = raw_open(t, &f);
        raw_send(t, sock, good[i]);
        CHECK_TRUE(str_starts(raw_read(t, sock, NULL), S("HTTP/1.1 200 ")));
        net_close(sock);
    }
    fixture_close(&f);
}

TEST(http_pipelined_requests_are_answered_in_order)
{
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);
    struct str got;
    ptrdiff_t first, second, third;

    raw_send(t, sock,
             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nFIRST"
             "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
             "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nTHIRD");
    got = raw_read(t, sock, NULL);
    first = str_find(got, S("FIRST"));
    second = str_find(got, S("HTTP/1.1 404"));
    third = str_find(got, S("THIRD"));
    CHECK_TRUE(first > 0 && second > first && third > second);
    net_close(sock);
    fixture_close(&f);
}

TEST(http_byte_by_byte)
{
    struct fixture f = fixture_open(t, NULL);
    const char *request = "POST /echo?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    int sock = raw_open(t, &f);

    for (const char *p = request; *p; p++)
        CHECK_OK(net_send(sock, (struct str){p, 1}, WAIT_MS, d));
    CHECK_TRUE(has(raw_read(t, sock, "abc"), "HTTP/1.1 200"));
    net_close(sock);
    fixture_close(&f);
}

TEST(http_client_addresses_through_a_proxy)
{
    struct http_options o = {.worker_count = 1, .trust_forwarded = true};
    struct fixture f = fixture_open(t, &o);

    CHECK_TRUE(has(
        call_with(t, &f, "GET", "/info", S(""), "X-Forwarded-For: 1.2.3.4, 203.0.113.9\nX-Forwarded-Proto: https").body,
        "client=203.0.113.9\ntls=1\n"));
    CHECK_TRUE(
        has(call_with(t, &f, "GET", "/info", S(""), "X-Forwarded-For: 2001:db8::1").body, "client=2001:db8::1\n"));
    CHECK_TRUE(has(call_with(t, &f, "GET", "/info", S(""), "X-Forwarded-For: <script>").body, "client=127.0.0.1\n"));
    CHECK_TRUE(has(call(t, &f, "GET", "/info", S("")).body, "client=127.0.0.1\ntls=0\n"));
    fixture_close(&f);
    f = fixture_open(t, NULL); /* not trusted: a client could write anything */
    CHECK_TRUE(has(call_with(t, &f, "GET", "/info", S(""), "X-Forwarded-For: 1.2.3.4").body, "client=127.0.0.1\n"));
    fixture_close(&f);
}

TEST(http_metrics_count)
{
    struct fixture f = fixture_open(t, NULL);
    int64_t all = metric_value(M_HTTP_REQUESTS), client = metric_value(M_HTTP_ERRORS_CLIENT),
            server = metric_value(M_HTTP_ERRORS_SERVER);

    (void)call(t, &f, "GET", "/info", S(""));
    (void)call(t, &f, "GET", "/nothing", S(""));
    (void)call(t, &f, "GET", "/silent", S(""));
    fixture_close(&f);
    CHECK_EQ(metric_value(M_HTTP_REQUESTS) - all, 3);
    CHECK_EQ(metric_value(M_HTTP_ERRORS_CLIENT) - client, 1);
    CHECK_EQ(metric_value(M_HTTP_ERRORS_SERVER) - server, 1);
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), 0);
}

TEST(http_start_says_what_is_wrong)
{
    struct http_options o = {.os = os_posix(), .listen = "127.0.0.1:0"};
    struct http_server *s = NULL, *other = NULL;

    CHECK_EQ(http_worker_count(&(struct http_options){.worker_count = 3, .listen = "a", .tls_listen = "b"}), 6);
    CHECK_OK(http_start(&o, &s, d));
    o.listen = arena_printf(t->arena, "127.0.0.1:%u", http_port(s)).p;
    CHECK_ERR(http_start(&o, &other, d), ERR_EXISTS);
    CHECK_EQ(http_tls_port(s), 0);
    http_stop(s, 0);
    o.listen = "nonsense";
    CHECK_ERR(http_start(&o, &other, d), ERR_INVALID);
    o.listen = NULL;
    o.tls_listen = "127.0.0.1:0";
    CHECK_ERR(http_start(&o, &other, d), ERR_INVALID);
    o.tls_cert_pem = o.tls_key_pem = "no PEM";
    CHECK_ERR(http_start(&o, &other, d), ERR_INVALID);
    CHECK_TRUE(other == NULL);
    http_stop(NULL, 0);
}
