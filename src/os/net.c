/* net.c - see net.h. */
#include "os/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"

#define BACKLOG 1024
#define HOST_BYTES 256

static enum err
fail(struct diag *d, const char *doing, const char *host, unsigned port)
{
    enum err code = ERR_IO;

    if (errno == EADDRINUSE)
        code = ERR_EXISTS;
    else if (errno == EACCES || errno == EPERM)
        code = ERR_DENIED;
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        code = ERR_BUSY;
    else if (errno == ETIMEDOUT)
        code = ERR_TIMEOUT;
    return diag_set(d, code, "cannot %s %s port %u: %s", doing, host[0] ? host : "any address", port, strerror(errno));
}

enum err
net_split(const char *address, struct str *host, unsigned *port, struct diag *d)
{
    struct str s = str_of(address), h, p;
    size_t colon = s.n;
    uint64_t number;

    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    h = str_slice(s, 0, colon ? colon - 1 : 0);
    p = str_slice(s, colon, s.n);
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = str_slice(h, 1, h.n - 1);
    else if (str_find_char(h, ':') >= 0)
        colon = 0; /* an IPv6 address without brackets: which colon is the port's? */
    if (colon == 0 || h.n >= HOST_BYTES || !str_to_u64(p, &number) || number > 65535)
        return diag_set(d, ERR_INVALID, "address '%s' must be host:port, with port 0..65535", address);
    *host = h;
    *port = (unsigned)number;
    return ERR_OK;
}

size_t
net_parse_ip(struct str text, unsigned char out[16])
{
    char z[NET_IP_BYTES];

    if (text.n == 0 || text.n >= sizeof z)
        return 0;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    if (inet_pton(AF_INET, z, out) == 1)
        return 4;
    return inet_pton(AF_INET6, z, out) == 1 ? 16 : 0;
}

/* inet_ntop() goes through sprintf; this runs for every request. */
static struct str
format_v4(const unsigned char *p, char *out)
{
    size_t n = 0;

    for (int i = 0; i < 4; i++) {
        unsigned v = p[i];
        if (i > 0)
            out[n++] = '.';
        if (v >= 100)
            out[n++] = (char)('0' + v / 100);
        if (v >= 10)
            out[n++] = (char)('0' + v / 10 % 10);
        out[n++] = (char)('0' + v % 10);
    }
    out[n] = '\0';
    return (struct str){out, n};
}

struct str
net_format_ip(const struct sockaddr *address, char out[NET_IP_BYTES])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    if (address->sa_family == AF_INET)
        return format_v4((const unsigned char *)&v4->sin_addr, out);
    if (address->sa_family != AF_INET6)
        return S("");
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return format_v4(v6->sin6_addr.s6_addr + 12, out);
    return str_of(inet_ntop(AF_INET6, &v6->sin6_addr, out, NET_IP_BYTES));
}

/* Addresses of a host; an empty host means every interface. */
static enum err
resolve(const char *host, unsigned port, bool passive, struct addrinfo **out, struct diag *d)
{
    struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char service[8];
    int rc;

    want.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    (void)snprintf(service, sizeof service, "%u", port & 0xffff); /* fits: five digits */
    rc = getaddrinfo(host[0] ? host : NULL, service, &want, out);
    if (rc != 0)
        return diag_set(d, ERR_NOT_FOUND, "unknown host '%s': %s", host, gai_strerror(rc));
    return ERR_OK;
}

static int
open_socket(const struct addrinfo *ai)
{
    int one = 1;
    int s = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);

    /* On a listener the option passes to what it accepts. It only costs latency when refused. */
    if (s >= 0)
        (void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}

static int
try_listen(const struct addrinfo *ai)
{
    int one = 1, before;
    int s = open_socket(ai);

    if (s < 0)
        return NET_NONE;
    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(s, ai->ai_addr, ai->ai_addrlen) == 0 &&
        listen(s, BACKLOG) == 0)
        return s;
    before = errno;
    close(s);
    errno = before;
    return NET_NONE;
}

enum err
net_listen(const char *address, int *sock, unsigned *port, struct diag *d)
{
    struct addrinfo *all, *ai;
    struct net_peer own = {.bytes = sizeof own.address};
    struct str host_text = S("");
    char host[HOST_BYTES];
    unsigned wanted = 0;
    int s = NET_NONE;
    enum err rc = net_split(address, &host_text, &wanted, d);

    if (rc != ERR_OK)
        return rc;
    memcpy(host, host_text.p, host_text.n);
    host[host_text.n] = '\0';
    rc = resolve(host, wanted, true, &all, d);
    if (rc != ERR_OK)
        return rc;
    for (ai = all; ai != NULL && s == NET_NONE && host[0] == '\0'; ai = ai->ai_next) {
        if (ai->ai_family == AF_INET6)
            s = try_listen(ai); /* takes IPv4 as well, so it comes first for "every interface" */
    }
    for (ai = all; ai != NULL && s == NET_NONE; ai = ai->ai_next)
        s = try_listen(ai);
    if (s == NET_NONE)
        rc = fail(d, "listen on", host, wanted);
    freeaddrinfo(all);
    if (s == NET_NONE)
        return rc;
    CHECK(getsockname(s, (struct sockaddr *)&own.address, &own.bytes) == 0);
    *port = ntohs(own.address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own.address)->sin6_port
                                                    : ((struct sockaddr_in *)&own.address)->sin_port);
    *sock = s;
    return ERR_OK;
}

enum err
net_accept(int listener, int *sock, struct net_peer *peer, struct diag *d)
{
    int s;

    do {
        peer->bytes = sizeof peer->address;
        s = accept4(listener, (struct sockaddr *)&peer->address, &peer->bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (s < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (s >= 0) {
        *sock = s;
        return ERR_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ERR_NOT_FOUND;
    return diag_set(d, errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ? ERR_BUSY : ERR_IO,
                    "cannot accept a connection: %s", strerror(errno));
}

static bool
wait_for(int sock, short events, unsigned timeout_ms)
{
    struct pollfd p = {.fd = sock, .events = events};
    int rc;

    do
        rc = poll(&p, 1, timeout_ms > INT_MAX ? -1 : (int)timeout_ms);
    while (rc < 0 && errno == EINTR);
    return rc > 0;
}

static int
try_connect(const struct addrinfo *ai, unsigned timeout_ms)
{
    int s = open_socket(ai), error = 0;
    socklen_t n = sizeof error;

    if (s < 0)
        return NET_NONE;
    if (connect(s, ai->ai_addr, ai->ai_addrlen) == 0)
        return s;
    if (errno == EINPROGRESS) {
        if (!wait_for(s, POLLOUT, timeout_ms))
            error = ETIMEDOUT;
        else if (getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0)
            return s;
    } else {
        error = errno;
    }
    close(s);
    errno = error;
    return NET_NONE;
}

enum err
net_connect(const char *host, unsigned port, unsigned timeout_ms, int *sock, struct diag *d)
{
    struct addrinfo *all, *ai;
    int s = NET_NONE;
    enum err rc = resolve(host, port, false, &all, d);

    if (rc != ERR_OK)
        return rc;
    for (ai = all; ai != NULL && s == NET_NONE; ai = ai->ai_next)
        s = try_connect(ai, timeout_ms);
    if (s == NET_NONE)
        rc = fail(d, "connect to", host, port);
    else
        *sock = s;
    freeaddrinfo(all);
    return rc;
}

enum err
net_send(int sock, struct str bytes, unsigned timeout_ms, struct diag *d)
{
    while (bytes.n > 0) {
        ssize_t n = send(sock, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes = str_slice(bytes, (size_t)n, bytes.n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return diag_set(d, ERR_IO, "cannot send: %s", strerror(errno));
        if (!wait_for(sock, POLLOUT, timeout_ms))
            return diag_set(d, ERR_TIMEOUT, "cannot send: the peer took nothing for %u ms", timeout_ms);
    }
    return ERR_OK;
}

enum err
net_receive(int sock, void *out, size_t n, unsigned timeout_ms, size_t *got, struct diag *d)
{
    for (;;) {
        ssize_t r = recv(sock, out, n, 0);
        if (r >= 0) {
            *got = (size_t)r;
            return ERR_OK;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return diag_set(d, ERR_IO, "cannot receive: %s", strerror(errno));
        if (!wait_for(sock, POLLIN, timeout_ms))
            return diag_set(d, ERR_TIMEOUT, "nothing received for %u ms", timeout_ms);
    }
}

void
net_finish(int sock)
{
    (void)shutdown(sock, SHUT_WR); /* fails when the peer is gone, which is what it would learn */
}

void
net_close(int sock)
{
    if (sock != NET_NONE)
        close(sock);
}

int
net_waker(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void
net_wake(int waker)
{
    uint64_t one = 1;
    ssize_t n = write(waker, &one, sizeof one);

    CHECK(n == (ssize_t)sizeof one || errno == EAGAIN); /* a full counter is awake */
}

uint32_t
net_wait(const int *socks, size_t n, unsigned timeout_ms)
{
    struct pollfd p[32];
    uint32_t ready = 0;
    int rc;

    CHECK(n <= sizeof p / sizeof p[0]);
    for (size_t i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = socks[i], .events = POLLIN};
    do
        rc = poll(p, n, timeout_ms > INT_MAX ? -1 : (int)timeout_ms);
    while (rc < 0 && errno == EINTR);
    for (size_t i = 0; i < n && rc > 0; i++) {
        if (p[i].revents != 0)
            ready |= (uint32_t)1 << i;
    }
    return ready;
}

uint64_t
net_raise_file_limit(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* what is in force is read back */
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 0;
    }
    return limit.rlim_cur;
}
