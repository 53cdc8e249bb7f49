/* load.c - an open-loop HTTP load generator for the benches: one thread, epoll, keep-alive connections.
 *
 *   bench_load --port P [--path /ee/v1/interact?configId=X] [--body FILE] --rate R|0 --seconds T --connections C --ids
 * N
 *
 * With a rate, requests are due at fixed instants whatever the server does, and latency counts from the instant a
 * request was due: a slow server cannot hide behind a slow client. With rate 0 every connection sends its next request
 * at once (closed loop). In path and body, every run of 38 '#' becomes the ECID of a random visitor 0..N-1, every run
 * of 10 '@' the customer's number (the visitor's by --devices, 1 when not given), every run of 12 '%' the request's
 * number: the same visitor for all of one request. Numbers count on from the clock's microseconds and visitors are
 * drawn from another sequence in every run: an event id that is sent again would be a repeat, which costs a server next
 * to nothing.  --sequential takes visitors in order, once each: to fill a server.
 *
 * Prints one JSON object: requests, errors, seconds, rate, p50_us, p99_us, p999_us, max_us, bytes. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_MAX (128 * 1024)
#define ANSWER_MAX (256 * 1024)
#define HISTOGRAM 2000000 /* microseconds */

struct connection {
    int fd;
    bool busy;
    uint64_t due_us;
    size_t out_n, out_at;
    char out[REQUEST_MAX];
    size_t in_n;
    char in[ANSWER_MAX];
};

static struct options {
    int port, connections;
    double rate, seconds;
    const char *path, *host;
    uint64_t ids, first_id, devices, requests;
    bool sequential;
} o = {.connections = 32, .seconds = 5, .path = "/", .host = "edge.example.test", .ids = 1, .devices = 1};

static char *body;
static size_t body_n;
static struct connection *connections;
static uint32_t *histogram;
static uint64_t done, errors, bytes, sent, first_number, random_state = 88172645463325252u;
static int poller;

static uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t
wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t
random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static void
open_connection(struct connection *c)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
    c->busy = false;
    c->in_n = 0;
}

static void
fill(char *text, size_t n, char mark, size_t width, const char *digits)
{
    for (size_t i = 0; i + width <= n; i++) {
        size_t k = 0;
        if (text[i] != mark)
            continue;
        while (k < width && text[i + k] == mark)
            k++;
        if (k == width)
            memcpy(text + i, digits, width);
        i += k - 1;
    }
}

static void
build(struct connection *c)
{
    uint64_t id = o.first_id + (o.sequential ? sent % o.ids : random_u64() % o.ids);
    char digits[64];
    int head;

    if (body == NULL) {
        head = snprintf(c->out, sizeof c->out, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", o.path, o.host);
        c->out_n = (size_t)head;
    } else {
        head = snprintf(
            c->out, sizeof c->out,
            "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: https://www.shop.test\r\nReferer: https://www.shop.test/\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
            "Safari/537.36\r\nAccept-Language: en-US\r\nContent-Type: text/plain; charset=UTF-8\r\n"
            "Content-Length: %zu\r\n\r\n",
            o.path, o.host, body_n);
        memcpy(c->out + head, body, body_n);
        snprintf(digits, sizeof digits, "4611686018427387904%019llu", (unsigned long long)id);
        fill(c->out, (size_t)head + body_n, '#', 38, digits);
        snprintf(digits, sizeof digits, "%010llu", (unsigned long long)(id / o.devices));
        fill(c->out, (size_t)head + body_n, '@', 10, digits);
        snprintf(digits, sizeof digits, "%012llu", (unsigned long long)((first_number + sent) % 1000000000000u));
        fill(c->out, (size_t)head + body_n, '%', 12, digits);
        c->out_n = (size_t)head + body_n;
    }
    c->out_at = 0;
}

static void
push(struct connection *c)
{
    while (c->out_at < c->out_n) {
        ssize_t w = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
        if (w < 0 && (errno == EAGAIN || errno == EINTR))
            continue; /* bodies fit the socket's buffer: rare */
        if (w <= 0)
            fail("send");
        c->out_at += (size_t)w;
    }
}

static void
start(struct connection *c, uint64_t due_us)
{
    build(c);
    c->busy = true;
    c->due_us = due_us;
    sent++;
    push(c);
}

/* true when the whole answer is in. */
static bool
complete(const struct connection *c, int *status)
{
    const char *end = memmem(c->in, c->in_n, "\r\n\r\n", 4), *length;
    size_t head, want = 0;

    if (end == NULL)
        return false;
    head = (size_t)(end - c->in) + 4;
    length = memmem(c->in, head, "Content-Length:", 15);
    if (length == NULL)
        length = memmem(c->in, head, "content-length:", 15);
    if (length != NULL)
        want = strtoul(length + 15, NULL, 10);
    *status = (c->in[9] - '0') * 100 + (c->in[10] - '0') * 10 + (c->in[11] - '0');
    return c->in_n >= head + want;
}

static void
take_answer(struct connection *c)
{
    int status = 0;
    uint64_t took;

    for (;;) {
        ssize_t r = recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0) {
            errors++;
            close(c->fd);
            open_connection(c);
            return;
        }
        c->in_n += (size_t)r;
        if (complete(c, &status))
            break;
    }
    took = now_us() - c->due_us;
    histogram[took < HISTOGRAM ? took : HISTOGRAM - 1]++;
    bytes += c->in_n;
    done++;
    if (status < 200 || status > 299) {
        if (errors++ == 0)
            fprintf(stderr, "bench_load: first error answer: %.*s\n", (int)(c->in_n < 600 ? c->in_n : 600), c->in);
    }
    c->in_n = 0;
    c->busy = false;
}

static uint64_t
quantile(double q)
{
    uint64_t rank = (uint64_t)(q * (double)(done ? done - 1 : 0)), seen = 0;

    for (uint64_t i = 0; i < HISTOGRAM; i++) {
        seen += histogram[i];
        if (seen > rank)
            return i;
    }
    return HISTOGRAM - 1;
}

static void
run(void)
{
    struct epoll_event events[CONNECTIONS_MAX];
    uint64_t begin = now_us(), end = begin + (uint64_t)(o.seconds * 1e6), next = 0;
    double interval = o.rate > 0 ? 1e6 / o.rate : 0;
    int at = 0;
    bool sending = true;

    for (;;) {
        uint64_t now = now_us();
        uint64_t wait_us = sending && interval <= 0 ? 10000 : 100000;
        struct timespec wait;
        int n;
        sending = sending && now < end && (o.requests == 0 || sent < o.requests);
        for (int k = 0; sending && k < o.connections; k++) {
            struct connection *c = &connections[(at + k) % o.connections];
            uint64_t due = begin + (uint64_t)((double)next * interval);
            if (interval > 0 && due > now) {
                wait_us = due - now; /* asleep until then: a generator that spins takes a core from the server */
                break;
            }
            if (c->busy)
                continue;
            start(c, interval > 0 ? due : now);
            next++;
            if (o.requests != 0 && sent >= o.requests)
                break;
        }
        at = (at + 1) % o.connections;
        wait = (struct timespec){(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
        n = epoll_pwait2(poller, events, CONNECTIONS_MAX, &wait, NULL);
        for (int i = 0; i < n; i++)
            take_answer(events[i].data.ptr);
        if (!sending) {
            bool busy = false;
            for (int i = 0; i < o.connections; i++)
                busy |= connections[i].busy;
            if (!busy || now_us() > end + 5000000)
                break;
        }
    }
    printf("{\"requests\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%llu,\"p99_us\":%llu,"
           "\"p999_us\":%llu,\"max_us\":%llu,\"bytes\":%llu}\n",
           (unsigned long long)done, (unsigned long long)errors, (double)(now_us() - begin) / 1e6,
           (double)done * 1e6 / (double)(now_us() - begin), (unsigned long long)quantile(0.5),
           (unsigned long long)quantile(0.99), (unsigned long long)quantile(0.999), (unsigned long long)quantile(1),
           (unsigned long long)bytes);
}

static void
read_body(const char *file)
{
    FILE *f = fopen(file, "rb");

    body = malloc(REQUEST_MAX);
    if (f == NULL || body == NULL)
        fail(file);
    body_n = fread(body, 1, REQUEST_MAX - 2048, f);
    fclose(f);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc + 1; i++) {
        const char *v = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--sequential") == 0)
            o.sequential = true;
        else if (strcmp(argv[i], "--port") == 0)
            o.port = (int)strtol(v, NULL, 10), i++;
        else if (strcmp(argv[i], "--path") == 0)
            o.path = v, i++;
        else if (strcmp(argv[i], "--host") == 0)
            o.host = v, i++;
        else if (strcmp(argv[i], "--body") == 0)
            read_body(v), i++;
        else if (strcmp(argv[i], "--rate") == 0)
            o.rate = strtod(v, NULL), i++;
        else if (strcmp(argv[i], "--seconds") == 0)
            o.seconds = strtod(v, NULL), i++;
        else if (strcmp(argv[i], "--connections") == 0)
            o.connections = (int)strtol(v, NULL, 10), i++;
        else if (strcmp(argv[i], "--ids") == 0)
            o.ids = strtoull(v, NULL, 10), i++;
        else if (strcmp(argv[i], "--devices") == 0)
            o.devices = strtoull(v, NULL, 10), i++;
        else if (strcmp(argv[i], "--requests") == 0)
            o.requests = strtoull(v, NULL, 10), i++;
        else {
            fprintf(stderr, "bench_load: unknown argument '%s'\n", argv[i]);
            return 2;
        }
    }
    if (o.connections < 1 || o.connections > CONNECTIONS_MAX || o.ids == 0)
        return 2;
    first_number = wall_us();
    random_state ^= first_number << 20;
    poller = epoll_create1(0);
    connections = calloc((size_t)o.connections, sizeof *connections);
    histogram = calloc(HISTOGRAM, sizeof *histogram);
    if (poller < 0 || connections == NULL || histogram == NULL)
        fail("start");
    for (int i = 0; i < o.connections; i++)
        open_connection(&connections[i]);
    run();
    return 0;
}
