#include "base/limits.h"
#include "codec/gzip.h"
#include "http/http_int.h"
#include "http_fixture.h"

TEST(http_accept_encoding)
{
    static const char *const yes[] = {"gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.2", "x-gzip",
                                      "*",    "deflate, *;q=0.1",        "gzip;q=0.001",         " gzip "};
    static const char *const no[] = {"",        "br",       "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *",
                                     "gzipped", "identity", "deflate"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CHECK_TRUE(http_accepts_gzip(str_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        CHECK_TRUE(!http_accepts_gzip(str_of(no[i])));
    CHECK_TRUE(!http_accepts_gzip(S_NULL));
}

static struct str
gzipped(struct t *t, struct str text)
{
    struct gzip *z = gzip_new(6);
    struct buf b;
    struct str out;

    buf_init(&b, 1 << 20);
    CHECK_OK(gzip_deflate(z, text, &b, d));
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    gzip_free(z);
    return out;
}

static struct str
zeros(struct t *t, size_t n)
{
    return (struct str){arena_calloc(t->arena, n, 1), n};
}

TEST(http_gzip_request_bodies)
{
    struct fixture f = fixture_open(t, NULL);
    struct str packed = gzipped(t, S("{\"events\":[]}"));
    struct http_answer a = call_with(t, &f, "POST", "/echo", packed, "Content-Encoding: gzip");

    CHECK_EQ(a.status, 200);
    CHECK_STR(a.body, S("{\"events\":[]}"));
    a = call_with(t, &f, "POST", "/echo", S("plain"), "Content-Encoding: identity");
    CHECK_STR(a.body, S("plain"));
    a = call_with(t, &f, "POST", "/echo", S(""), "Content-Encoding: gzip");
    CHECK_EQ(a.status, 200);
    a = call_with(t, &f, "POST", "/echo", gzipped(t, zeros(t, ECHO_BYTES)), "Content-Encoding: GZIP");
    CHECK_EQ(a.status, 200);
    CHECK_EQ(a.body.n, ECHO_BYTES);
    a = call_with(t, &f, "POST", "/echo", gzipped(t, zeros(t, ECHO_BYTES + 1)), "Content-Encoding: gzip");
    CHECK_EQ(a.status, 413); /* the limit is for what comes out */
    a = call_with(t, &f, "POST", "/echo", gzipped(t, zeros(t, 20 << 20)), "Content-Encoding: gzip");
    CHECK_EQ(a.status, 413);
    a = call_with(t, &f, "POST", "/echo", str_slice(packed, 0, packed.n - 1), "Content-Encoding: gzip");
    CHECK_EQ(a.status, 400);
    a = call_with(t, &f, "POST", "/echo", S("not gzip"), "Content-Encoding: gzip\nOrigin: https://a.test");
    CHECK_EQ(a.status, 400);
    CHECK_STR(header_of(&a, "Access-Control-Allow-Origin"), S("https://a.test"));
    a = call_with(t, &f, "POST", "/echo", S("x"), "Content-Encoding: br");
    CHECK_EQ(a.status, 415);
    CHECK_TRUE(str_find(a.body, S("\"refused\":415")) >= 0);
    CHECK_EQ(http_client_connections(f.client), 1);
    fixture_close(&f);
}

TEST(http_gzip_answers)
{
    struct fixture f = fixture_open(t, NULL);
    struct str text = zeros(t, 5000);
    struct http_answer a = call_with(t, &f, "POST", "/echo", text, "Accept-Encoding: gzip, br");
    struct buf back;

    CHECK_STR(header_of(&a, "Content-Encoding"), S("gzip"));
    CHECK_STR(header_of(&a, "Vary"), S("Origin, Accept-Encoding"));
    CHECK_TRUE(a.body.n < 200);
    buf_init(&back, 5000);
    CHECK_OK(gzip_inflate(a.body, &back, d));
    CHECK_STR(buf_str(&back), text);
    buf_deinit(&back);
    a = call(t, &f, "POST", "/echo", text);
    CHECK_TRUE(header_of(&a, "Content-Encoding").p == NULL && a.body.n == 5000);
    CHECK_STR(header_of(&a, "Vary"), S("Origin, Accept-Encoding")); /* a cache must not give this one to everybody */
    a = call_with(t, &f, "POST", "/echo?nogzip=1", text, "Accept-Encoding: gzip");
    CHECK_TRUE(header_of(&a, "Content-Encoding").p == NULL && a.body.n == 5000);
    a = call_with(t, &f, "POST", "/echo?type=image/png", text, "Accept-Encoding: gzip");
    CHECK_TRUE(header_of(&a, "Content-Encoding").p == NULL);
    a = call_with(t, &f, "POST", "/echo", str_slice(text, 0, LIMIT_GZIP_MIN_BYTES - 1), "Accept-Encoding: gzip");
    CHECK_TRUE(header_of(&a, "Content-Encoding").p == NULL);
    a = call_with(t, &f, "POST", "/echo", str_slice(text, 0, LIMIT_GZIP_MIN_BYTES), "Accept-Encoding: gzip");
    CHECK_STR(header_of(&a, "Content-Encoding"), S("gzip"));
    fixture_close(&f);
}

/* The size of one answer says nothing about the next request's body. */
TEST(http_body_after_a_compressed_answer)
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call_with(t, &f, "POST", "/echo", zeros(t, 2000), "Accept-Encoding: gzip");
    struct str large = zeros(t, 50000);

    CHECK_STR(header_of(&a, "Content-Encoding"), S("gzip"));
    a = call(t, &f, "POST", "/echo", large);
    CHECK_EQ(a.status, 200);
    CHECK_STR(a.body, large);
    CHECK_EQ(http_client_connections(f.client), 1); /* so that both had the same buffers */
    fixture_close(&f);
}

/* Bytes that do not compress are sent as they are. */
TEST(http_gzip_without_gain)
{
    struct fixture f = fixture_open(t, NULL);
    char noise[4000];
    struct http_answer a;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rng_u64(&t->rng);
    a = call_with(t, &f, "POST", "/echo", (struct str){noise, sizeof noise}, "Accept-Encoding: gzip");
    CHECK_TRUE(header_of(&a, "Content-Encoding").p == NULL);
    CHECK_STR(a.body, ((struct str){noise, sizeof noise}));
    fixture_close(&f);
}

TEST(http_cors) /* [EDGE 1.5] */
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call_with(t, &f, "POST", "/echo", S("x"), "Origin: https://www.shop.test");

    CHECK_STR(header_of(&a, "Access-Control-Allow-Origin"), S("https://www.shop.test"));
    CHECK_STR(header_of(&a, "Access-Control-Allow-Credentials"), S("true"));
    CHECK_STR(header_of(&a, "Access-Control-Expose-Headers"), S("Retry-After, X-Adobe-Edge"));
    CHECK_STR(header_of(&a, "Vary"), S("Origin"));
    CHECK_STR(header_of(&a, "Timing-Allow-Origin"), S("*"));
    CHECK_STR(header_of(&a, "Cross-Origin-Resource-Policy"), S("cross-origin"));
    a = call(t, &f, "POST", "/echo", S("x"));
    CHECK_TRUE(header_of(&a, "Access-Control-Allow-Origin").p == NULL);
    CHECK_TRUE(header_of(&a, "Access-Control-Expose-Headers").p == NULL);
    CHECK_STR(header_of(&a, "Vary"), S("Origin"));
    a = call_with(t, &f, "POST", "/info", S("x"), "Origin: https://www.shop.test");
    CHECK_TRUE(header_of(&a, "Access-Control-Allow-Origin").p == NULL); /* a service without CORS */
    CHECK_TRUE(header_of(&a, "Vary").p == NULL);
    fixture_close(&f);
}

TEST(http_cors_preflight) /* [EDGE 1.5] */
{
    struct fixture f = fixture_open(t, NULL);
    struct http_answer a = call_with(t, &f, "OPTIONS", "/echo", S(""),
                                     "Origin: null\nAccess-Control-Request-Method: POST\n"
                                     "Access-Control-Request-Headers: content-type, x-api-key");

    CHECK_EQ(a.status, 204);
    CHECK_STR(header_of(&a, "Access-Control-Allow-Origin"), S("null"));
    CHECK_TRUE(str_starts(header_of(&a, "Access-Control-Allow-Methods"), S("POST, GET, ")));
    CHECK_TRUE(str_ends(header_of(&a, "Access-Control-Allow-Methods"), S("OPTIONS")));
    CHECK_STR(header_of(&a, "Access-Control-Allow-Headers"), S("content-type, x-api-key"));
    CHECK_STR(header_of(&a, "Access-Control-Max-Age"), S("86400"));
    CHECK_TRUE(header_of(&a, "Set-Cookie").p == NULL); /* the handler did not run */
    a = call(t, &f, "OPTIONS", "/echo", S(""));
    CHECK_EQ(a.status, 204);
    CHECK_TRUE(header_of(&a, "Access-Control-Allow-Origin").p == NULL);
    fixture_close(&f);
}
