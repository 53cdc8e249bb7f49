/* The client against a peer that says exactly what a test wants. */
#include "http/http_client.h"

#include "base/limits.h"
#include "os/net.h"
#include "os/thread.h"
#include "t.h"

#define WAIT_MS 5000

struct peer {
    int listener;
    struct os_thread thread;
    const char *say; /* after each request head; NULL: nothing */
    int answers;     /* per connection, then it is closed */
    int connections; /* to accept */
    bool hold;       /* keep the last connection open until the client leaves */
};

static void
run_peer(void *ctx)
{
    struct peer *p = ctx;

    for (int i = 0; i < p->connections; i++) {
        struct net_peer from;
        struct diag d = DIAG_INIT;
        int sock = NET_NONE;
        char in[4096];
        size_t n = 0, got = 1;
        (void)net_wait(&p->listener, 1, WAIT_MS);
        if (net_accept(p->listener, &sock, &from, &d) != ERR_OK)
            return;
        for (int k = 0; k < p->answers; k++) {
            for (n = 0; got != 0 && str_find((struct str){in, n}, S("\r\n\r\n")) < 0; n += got) {
                if (net_receive(sock, in + n, sizeof in - n, WAIT_MS, &got, &d) != ERR_OK)
                    got = 0;
            }
            if (p->say != NULL && got != 0)
                (void)net_send(sock, str_of(p->say), WAIT_MS, &d);
        }
        while (p->hold && net_receive(sock, in, sizeof in, WAIT_MS, &got, &d) == ERR_OK && got != 0)
            ;
        net_close(sock);
    }
}

static enum err
ask(struct t *t, struct peer *p, unsigned timeout_ms, const char *method, struct http_answer *a)
{
    struct http_call call = {.method = method, .target = S("/")};
    struct http_client *c;
    unsigned port = 0;
    enum err rc;

    CHECK_OK(net_listen("127.0.0.1:0", &p->listener, &port, d));
    CHECK_OK(os_thread_open(&p->thread, "peer", run_peer, p, d));
    c = http_client_new("127.0.0.1", port, timeout_ms);
    t_diag = DIAG_INIT;
    rc = http_client_call(c, &call, t->arena, a, &t_diag);
    http_client_free(c);
    os_thread_close(&p->thread);
    net_close(p->listener);
    return rc;
}

TEST(http_client_reads_every_framing)
{
    static const struct {
        const char *say;
        int status;
        const char *body;
    } v[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
        {"HTTP/1.1 200 OK\r\ncontent-length:  0 \r\n\r\n", 200, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n", 200,
         "hello"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, ""},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", 503, ""},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"HTTP/1.1 404\nContent-Length: 2\n\nno", 404, "no"},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct peer p = {.say = v[i].say, .answers = 1, .connections = 1};
        struct http_answer a = {0};
        enum err rc = ask(t, &p, WAIT_MS, "GET", &a);
        if (rc != ERR_OK)
            t_fail(t, __FILE__, __LINE__, "%zu: %s", i, t_diag.what);
        CHECK_EQ(a.status, v[i].status);
        CHECK_STR(a.body, str_of(v[i].body));
    }
}

TEST(http_client_head_has_no_body)
{
    struct peer p = {.say = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .answers = 1, .connections = 1};
    struct http_answer a = {0};

    CHECK_EQ(ask(t, &p, WAIT_MS, "HEAD", &a), ERR_OK);
    CHECK_STR(http_answer_header(&a, S("CONTENT-LENGTH")), S("5"));
    CHECK_EQ(a.body.n, 0);
}

TEST(http_client_errors)
{
    static const struct {
        const char *say;
        enum err want;
    } v[] = {
        {"SSH-2.0-OpenSSH\r\n", ERR_INVALID},
        {"HTTP/1.1 abc\r\n\r\n", ERR_INVALID},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ERR_INVALID},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ERR_INVALID},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ERR_IO},
        {"HTTP/1.1 200 OK\r\nContent-Le", ERR_IO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", ERR_IO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_INVALID},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", ERR_LIMIT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", ERR_LIMIT},
        {NULL, ERR_IO},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct peer p = {.say = v[i].say, .answers = 1, .connections = 1};
        struct http_answer a = {.status = 7};
        enum err rc = ask(t, &p, WAIT_MS, "GET", &a);
        if (rc != v[i].want)
            t_fail(t, __FILE__, __LINE__, "%zu: %s (%s), expected %s", i, err_name(rc), t_diag.what,
                   err_name(v[i].want));
        CHECK_EQ(a.status, 7); /* nothing is written on failure */
    }
}

TEST(http_client_times_out)
{
    struct peer p = {
        .say = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", .answers = 1, .connections = 1, .hold = true};
    struct http_answer a = {0};

    CHECK_EQ(ask(t, &p, 20, "GET", &a), ERR_TIMEOUT);
}

TEST(http_client_reconnects_when_the_server_hung_up)
{
    struct peer p = {.say = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .answers = 2, .connections = 2};
    struct http_call call = {.target = S("/")};
    struct http_client *c;
    unsigned port = 0;

    CHECK_OK(net_listen("127.0.0.1:0", &p.listener, &port, d));
    CHECK_OK(os_thread_open(&p.thread, "peer", run_peer, &p, d));
    c = http_client_new("127.0.0.1", port, WAIT_MS);
    for (int i = 0; i < 4; i++) {
        struct http_answer a = {0};
        enum err rc = http_client_call(c, &call, t->arena, &a, &t_diag);
        if (rc != ERR_OK) /* the close may cross our next request: that call fails, the one after it connects anew */
            CHECK_OK(http_client_call(c, &call, t->arena, &a, d));
        CHECK_STR(a.body, S("ok"));
    }
    CHECK_EQ(http_client_connections(c), 2);
    http_client_free(c);
    os_thread_close(&p.thread);
    net_close(p.listener);
}

TEST(http_client_refused)
{
    struct http_call call = {.target = S("/")};
    struct http_answer a = {0};
    struct http_client *c;
    int listener = NET_NONE;
    unsigned port = 0;

    CHECK_OK(net_listen("127.0.0.1:0", &listener, &port, d));
    net_close(listener);
    c = http_client_new("127.0.0.1", port, WAIT_MS);
    CHECK_ERR(http_client_call(c, &call, t->arena, &a, d), ERR_IO);
    http_client_free(c);
    http_client_free(NULL);
}
