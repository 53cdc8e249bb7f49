/* Bodies that go to a file while they come: what the handler finds, what is left behind, and who may not send one. */
#include "http_fixture.h"

#include "os/thread.h"

#define SPOOL_MAX (3 * 1024 * 1024)

struct spooling {
    const char *dir;
    char taken[256];       /* the handler renames the body to this; empty: it leaves it */
    uint64_t bytes;        /* that the handler saw */
    bool in_memory;        /* there was a body in memory, too */
    struct os_mutex order; /* calls come from workers */
    unsigned calls;
};

static bool
match(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return true;
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return SPOOL_MAX;
}

static int
spool(void *ctx, struct http_req *rq, struct http_spool *out, const char **why)
{
    struct spooling *s = ctx;

    *why = "who are you";
    if (str_eq(rq->path, S("/stranger")))
        return 401;
    if (str_eq(rq->path, S("/memory")))
        return 0;
    os_lock(&s->order);
    out->path = arena_printf(rq->arena, "%s/part-%u", s->dir, s->calls++).p;
    os_unlock(&s->order);
    out->at = 5;
    return 0;
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct spooling *s = ctx;
    struct diag d = DIAG_INIT;

    s->bytes = rq->body_bytes;
    s->in_memory = rq->body.n > 0;
    if (s->taken[0] != '\0' && os_rename(os_posix(), rq->body_path, s->taken, &d) != ERR_OK)
        rs->status = 500;
    else
        http_reply(rs, 200, "text/plain", S("done"));
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    http_reply(rs, status, "text/plain", str_of(why));
}

static struct fixture
open_spooling(struct t *t, struct spooling *s, struct http_service *service)
{
    struct http_options o = {
        .os = os_posix(), .listen = "127.0.0.1:0", .worker_count = 1, .services = service, .service_count = 1};
    struct fixture f = {0};

    *s = (struct spooling){.dir = t->dir};
    os_mutex_init(&s->order);
    *service = (struct http_service){.name = "spool",
                                     .match = match,
                                     .body_max = body_max,
                                     .handle = handle,
                                     .spool = spool,
                                     .refuse = refuse,
                                     .ctx = s};
    CHECK_OK(http_start(&o, &f.server, d));
    f.port = http_port(f.server);
    f.client = http_client_new("127.0.0.1", f.port, WAIT_MS);
    return f;
}

static void
count_one(void *ctx, const char *name)
{
    (void)name;
    ++*(int *)ctx;
}

static int
files_in(struct t *t)
{
    int n = 0;

    CHECK_OK(os_list(os_posix(), t->dir, count_one, &n, d));
    return n;
}

static struct str
text_of(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, n + 1);

    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + i % 26);
    return (struct str){p, n};
}

TEST(http_spooled_body_is_a_file)
{
    struct http_service service;
    struct spooling s;
    struct fixture f = open_spooling(t, &s, &service);
    struct str body = text_of(t, SPOOL_MAX), stored;

    (void)snprintf(s.taken, sizeof s.taken, "%s/kept", t->dir);
    CHECK_EQ(call(t, &f, "PUT", "/x", body).status, 200);
    CHECK_EQ(s.bytes, SPOOL_MAX);
    CHECK_TRUE(!s.in_memory);
    CHECK_OK(os_read_file(os_posix(), s.taken, SPOOL_MAX + 5, t->arena, &stored, d));
    CHECK_STR(str_slice(stored, 5, stored.n), body); /* the head is the handler's */
    CHECK_EQ(call(t, &f, "PUT", "/memory", S("short")).status, 500);
    s.taken[0] = '\0';
    CHECK_EQ(call(t, &f, "PUT", "/memory", S("short")).status, 200);
    CHECK_TRUE(s.in_memory && s.bytes == 0);
    CHECK_EQ(call(t, &f, "PUT", "/x", S("left there")).status, 200);
    CHECK_EQ(s.bytes, 10);
    fixture_close(&f);
    CHECK_EQ(files_in(t), 1); /* "kept" */
}

TEST(http_spooled_body_is_refused)
{
    struct http_service service;
    struct spooling s;
    struct fixture f = open_spooling(t, &s, &service);
    struct http_answer a = call(t, &f, "PUT", "/stranger", S("secret"));
    int sock;

    CHECK_EQ(a.status, 401);
    CHECK_STR(a.body, S("who are you"));
    CHECK_EQ(s.calls, 0);
    CHECK_EQ(call(t, &f, "PUT", "/x", text_of(t, SPOOL_MAX + 1)).status, 413);
    CHECK_EQ(call_with(t, &f, "PUT", "/x", S("x"), "Content-Encoding: gzip").status, 415);
    s.dir = "/nowhere/at/all";
    CHECK_EQ(call(t, &f, "PUT", "/x", S("x")).status, 503);
    s.dir = t->dir;
    sock = raw_open(t, &f); /* a client that goes away in the middle */
    raw_send(t, sock, "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf");
    net_close(sock);
    sock = raw_open(t, &f); /* a length that nobody said */
    raw_send(t, sock, "PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    CHECK_TRUE(str_find(raw_read(t, sock, "done"), S("200")) > 0);
    CHECK_EQ(s.bytes, 5);
    net_close(sock);
    fixture_close(&f);
    CHECK_EQ(files_in(t), 0);
}
