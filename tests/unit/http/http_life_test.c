/* Many clients, slow ones, ones that leave, too many, and the end. */
#include "base/limits.h"
#include "base/metric.h"
#include "http_fixture.h"
#include "os/thread.h"

#include <arpa/inet.h>
#include <sys/socket.h>

struct caller {
    struct os_thread thread;
    unsigned port;
    const char *target;
    int calls;
    uint64_t seed;
    int status; /* of the last call; negative: it failed */
    bool wrong;
    bool told_to_close;
};

/* Calls with bodies of many sizes, plain and chunked, and looks whether each comes back as it was. */
static void
run_caller(void *ctx)
{
    struct caller *c = ctx;
    struct http_client *client = http_client_new("127.0.0.1", c->port, WAIT_MS);
    struct arena a;
    struct rng rng;

    arena_init(&a, 64u << 20);
    rng_seed(&rng, c->seed);
    for (int i = 0; i < c->calls && !c->wrong; i++) {
        size_t n = (size_t)rng_below(&rng, i % 10 == 0 ? 50000 : 3000);
        char *p;
        struct http_call call = {.method = "POST", .target = str_of(c->target)};
        struct http_answer answer = {0};
        struct diag d = DIAG_INIT;
        arena_reset(&a);
        p = arena_alloc(&a, n + 1);
        memset(p, 'a' + i % 26, n);
        call.body = (struct str){p, c->calls > 1 ? n : 0};
        call.chunk_bytes = i % 3 == 0 && c->calls > 1 ? 1 + (size_t)rng_below(&rng, 2000) : 0;
        call.close = i % 17 == 16;
        c->status = http_client_call(client, &call, &a, &answer, &d) == ERR_OK ? answer.status : -1;
        c->told_to_close = str_eq_nocase(http_answer_header(&answer, S("Connection")), S("close"));
        c->wrong = c->status != 200 || (c->calls > 1 && !str_eq(answer.body, call.body));
    }
    http_client_free(client);
    arena_deinit(&a);
}

TEST(http_many_clients_at_once)
{
    struct caller c[6] = {0};
    struct fixture f = fixture_open(t, NULL);

    for (int i = 0; i < 6; i++) {
        c[i] = (struct caller){.port = f.port, .target = "/echo", .calls = 120, .seed = t->seed + (uint64_t)i};
        CHECK_OK(os_thread_open(&c[i].thread, "caller", run_caller, &c[i], d));
    }
    for (int i = 0; i < 6; i++)
        os_thread_close(&c[i].thread);
    for (int i = 0; i < 6; i++)
        CHECK_TRUE(!c[i].wrong);
    fixture_close(&f);
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), 0);
}

/* A peer that sends nothing, half a line, half the headers, half a body: each is cut after the idle time. */
TEST(http_idle_connections_are_cut)
{
    static const char *const parts[] = {"", "POST /ec", "POST /echo HTTP/1.1\r\nHost: x\r\n",
                                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
                                        "GET /info HTTP/1.1\r\nHost: x\r\n\r\n" /* answered, then idle */};
    struct http_options o = {.worker_count = 2, .idle_s = 1};
    struct fixture f = fixture_open(t, &o);
    int sock[5];

    for (int i = 0; i < 5; i++) {
        sock[i] = raw_open(t, &f);
        raw_send(t, sock[i], parts[i]);
    }
    for (int i = 0; i < 5; i++) {
        struct str got = raw_read(t, sock[i], NULL); /* returns because the server closed */
        CHECK_TRUE(i == 4 ? str_starts(got, S("HTTP/1.1 200")) : !str_starts(got, S("HTTP/1.1 200")));
        net_close(sock[i]);
    }
    fixture_close(&f);
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), 0);
}

/* A byte now and then is life to an idle timeout; the body's rate tells otherwise. */
TEST(http_dripping_body_is_cut)
{
    struct http_options o = {.worker_count = 1, .idle_s = 1};
    struct fixture f = fixture_open(t, &o);
    int sock = raw_open(t, &f);
    uint64_t give_up_us = os_mono_us(os_posix()) + WAIT_MS * 1000;
    struct diag d = DIAG_INIT;
    bool cut = false;

    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    while (!cut && os_mono_us(os_posix()) < give_up_us)
        cut = net_send(sock, S("x"), WAIT_MS, &d) != ERR_OK || net_wait(&sock, 1, 100) != 0;
    CHECK_TRUE(cut);
    net_close(sock);
    fixture_close(&f);
}

TEST(http_clients_that_leave)
{
    struct fixture f = fixture_open(t, NULL);

    for (int i = 0; i < 50; i++) {
        int sock = raw_open(t, &f);
        raw_send(t, sock,
                 i % 2 ? "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
                       : "GET /info HTTP/1.1\r\nHost: x\r\n\r\nGET /info HTTP/1.1\r\nHo");
        net_close(sock);
    }
    CHECK_EQ(call(t, &f, "GET", "/info", S("")).status, 200);
    fixture_close(&f); /* with sanitizers: nothing leaks */
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), 0);
}

TEST(http_half_closed_client_still_gets_its_answer)
{
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);

    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    net_finish(sock);
    CHECK_TRUE(str_ends(raw_read(t, sock, "hello"), S("hello")));
    net_close(sock);
    fixture_close(&f);
}

TEST(http_sheds_past_the_limit_in_flight)
{
    struct http_options o = {.worker_count = 4, .in_flight_max = 2};
    struct fixture f = fixture_open(t, &o);
    struct http_answer a;
    int64_t shed = metric_value(M_HTTP_SHED);
    int waiting[2];

    for (int i = 0; i < 2; i++) { /* two requests whose bodies are on their way */
        waiting[i] = raw_open(t, &f);
        raw_send(t, waiting[i], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        CHECK_TRUE(str_starts(raw_read(t, waiting[i], "\r\n\r\n"), S("HTTP/1.1 100")));
    }
    a = call_with(t, &f, "POST", "/echo", S("x"), "Origin: https://a.test");
    CHECK_EQ(a.status, 503);
    CHECK_STR(header_of(&a, "Retry-After"), S("5"));
    CHECK_STR(header_of(&a, "Access-Control-Allow-Origin"), S("https://a.test"));
    CHECK_TRUE(str_find(a.body, S("\"refused\":503")) >= 0);
    CHECK_EQ(call(t, &f, "GET", "/health", S("")).status, 200); /* never shed */
    CHECK_EQ(metric_value(M_HTTP_SHED) - shed, 1);
    raw_send(t, waiting[0], "hello");
    CHECK_TRUE(str_starts(raw_read(t, waiting[0], "hello"), S("HTTP/1.1 200")));
    net_close(waiting[0]);
    (void)raw_read(t, waiting[1], "");
    net_close(waiting[1]);
    fixture_close(&f);
}

/* A connection that has been answered and stays; NET_NONE: it was closed without an answer. `from` is 127.0.0.x. */
static int
connected(struct t *t, struct fixture *f, const char *from)
{
    struct sockaddr_in own = {.sin_family = AF_INET},
                       server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char first[16];
    size_t got = 0;
    struct diag d = DIAG_INIT;

    CHECK_TRUE(sock >= 0);
    CHECK_EQ(inet_pton(AF_INET, from, &own.sin_addr), 1);
    CHECK_EQ(inet_pton(AF_INET, "127.0.0.1", &server.sin_addr), 1);
    CHECK_EQ(bind(sock, (const struct sockaddr *)&own, sizeof own), 0);
    CHECK_EQ(connect(sock, (const struct sockaddr *)&server, sizeof server), 0);
    (void)net_send(sock, S("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), WAIT_MS, &d); /* it may be closed already */
    CHECK_TRUE(net_receive(sock, first, sizeof first, WAIT_MS, &got, &d) != ERR_TIMEOUT);
    if (got > 0)
        return sock;
    net_close(sock);
    return NET_NONE;
}

/* The server learns of a closed connection a moment later. */
static int
connected_at_last(struct t *t, struct fixture *f, const char *from)
{
    uint64_t until = os_mono_us(os_posix()) + WAIT_MS * 1000ull;
    int sock;

    while ((sock = connected(t, f, from)) == NET_NONE)
        CHECK_TRUE(os_mono_us(os_posix()) < until);
    return sock;
}

/* LIMIT_CONNECTIONS, lowered to four. */
TEST(http_connections_at_and_past_the_limit)
{
    struct http_options o = {.worker_count = 2, .connections_max = 4};
    struct fixture f = fixture_open(t, &o);
    int sock[4];

    for (int i = 0; i < 4; i++) {
        sock[i] = connected(t, &f, "127.0.0.1");
        CHECK_TRUE(sock[i] != NET_NONE);
    }
    CHECK_TRUE(connected(t, &f, "127.0.0.1") == NET_NONE);
    net_close(sock[0]);
    sock[0] = connected_at_last(t, &f, "127.0.0.1");
    for (int i = 0; i < 4; i++)
        net_close(sock[i]);
    fixture_close(&f);
}

/* LIMIT_CONNECTIONS_PER_IP, lowered to two: other addresses are not touched. */
TEST(http_connections_of_one_address_at_and_past_the_limit)
{
    struct http_options o = {.worker_count = 2, .connections_per_ip_max = 2};
    struct fixture f = fixture_open(t, &o);
    int sock[3];

    for (int i = 0; i < 2; i++) {
        sock[i] = connected(t, &f, "127.0.0.1");
        CHECK_TRUE(sock[i] != NET_NONE);
    }
    CHECK_TRUE(connected(t, &f, "127.0.0.1") == NET_NONE);
    sock[2] = connected(t, &f, "127.0.0.2");
    CHECK_TRUE(sock[2] != NET_NONE);
    net_close(sock[1]);
    sock[1] = connected_at_last(t, &f, "127.0.0.1");
    for (int i = 0; i < 3; i++)
        net_close(sock[i]);
    fixture_close(&f);
}

TEST(http_overload_switch)
{
    struct fixture f = fixture_open(t, NULL);

    http_overload(f.server, true);
    CHECK_EQ(call(t, &f, "POST", "/echo", S("x")).status, 503);
    CHECK_EQ(call(t, &f, "GET", "/health", S("")).status, 200);
    http_overload(f.server, false);
    CHECK_EQ(call(t, &f, "POST", "/echo", S("x")).status, 200);
    fixture_close(&f);
}

struct stopper {
    struct http_server *server;
    struct os_thread thread;
};

static void
run_stop(void *ctx)
{
    struct stopper *s = ctx;

    http_stop(s->server, WAIT_MS);
}

TEST(http_stop_lets_requests_end)
{
    struct fixture f = fixture_open(t, NULL);
    struct caller inside = {.port = f.port, .target = "/block", .calls = 1};
    struct stopper stopper = {.server = f.server};
    uint64_t give_up_us = os_mono_us(os_posix()) + WAIT_MS * 1000;
    enum err rc;

    CHECK_OK(os_thread_open(&inside.thread, "inside", run_caller, &inside, d));
    fixture_wait_blocked(1);
    CHECK_OK(os_thread_open(&stopper.thread, "stopper", run_stop, &stopper, d));
    do { /* until nobody is let in any more */
        int sock = NET_NONE;
        rc = net_connect("127.0.0.1", f.port, WAIT_MS, &sock, &t_diag);
        net_close(sock);
    } while (rc == ERR_OK && os_mono_us(os_posix()) < give_up_us);
    CHECK_TRUE(rc == ERR_IO);
    fixture_release();
    os_thread_close(&stopper.thread);
    os_thread_close(&inside.thread);
    CHECK_EQ(inside.status, 200);
    CHECK_TRUE(inside.told_to_close);
    http_client_free(f.client);
}

TEST(http_stop_does_not_wait_for_ever)
{
    struct fixture f = fixture_open(t, NULL);
    int sock = raw_open(t, &f);
    uint64_t before_us = os_mono_us(os_posix()), took_us;

    raw_send(t, sock, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK_TRUE(str_starts(raw_read(t, sock, "\r\n\r\n"), S("HTTP/1.1 100")));
    http_stop(f.server, 30);
    took_us = os_mono_us(os_posix()) - before_us;
    CHECK_TRUE(took_us >= 30000 && took_us < WAIT_MS * 1000);
    CHECK_EQ(raw_read(t, sock, NULL).n, 0);
    net_close(sock);
    http_client_free(f.client);
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), 0);
}

TEST(http_stop_with_idle_connections_is_immediate)
{
    struct fixture f = fixture_open(t, NULL);
    uint64_t before_us;

    CHECK_EQ(call(t, &f, "GET", "/info", S("")).status, 200); /* kept alive by the client */
    before_us = os_mono_us(os_posix());
    fixture_close(&f);
    CHECK_TRUE(os_mono_us(os_posix()) - before_us < WAIT_MS * 1000 / 2);
}
