#include "os/net.h"

#include <netinet/in.h>

#include "t.h"

TEST(net_addresses)
{
    struct str host = S_NULL;
    unsigned port = 0;

    CHECK_OK(net_split("127.0.0.1:8080", &host, &port, d));
    CHECK_STR(host, S("127.0.0.1"));
    CHECK_EQ(port, 8080);
    CHECK_OK(net_split("[::1]:0", &host, &port, d));
    CHECK_STR(host, S("::1"));
    CHECK_OK(net_split(":443", &host, &port, d));
    CHECK_STR(host, S(""));
    CHECK_EQ(port, 443);
    CHECK_ERR(net_split("localhost", &host, &port, d), ERR_INVALID);
    CHECK_ERR(net_split("localhost:", &host, &port, d), ERR_INVALID);
    CHECK_ERR(net_split("localhost:65536", &host, &port, d), ERR_INVALID);
    CHECK_ERR(net_split("localhost:-1", &host, &port, d), ERR_INVALID);
    CHECK_ERR(net_split("::1:80", &host, &port, d), ERR_INVALID);
    CHECK_ERR(net_split("", &host, &port, d), ERR_INVALID);
}

TEST(net_ip_texts)
{
    unsigned char ip[16];
    char text[NET_IP_BYTES];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    CHECK_EQ(net_parse_ip(S("192.0.2.1"), ip), 4);
    CHECK_EQ(ip[3], 1);
    CHECK_EQ(net_parse_ip(S("2001:db8::1"), ip), 16);
    CHECK_EQ(net_parse_ip(S("192.0.2.256"), ip), 0);
    CHECK_EQ(net_parse_ip(S("unknown"), ip), 0);
    CHECK_EQ(net_parse_ip(S(""), ip), 0);
    CHECK_EQ(net_parse_ip(S("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), ip), 0);
    CHECK_EQ(net_parse_ip(S("203.0.113.9"), ip), 4);
    memcpy(&v4.sin_addr, ip, 4);
    CHECK_STR(net_format_ip((struct sockaddr *)&v4, text), S("203.0.113.9"));
    (void)net_parse_ip(S("2001:db8::1"), v6.sin6_addr.s6_addr);
    CHECK_STR(net_format_ip((struct sockaddr *)&v6, text), S("2001:db8::1"));
    (void)net_parse_ip(S("::ffff:10.20.30.255"), v6.sin6_addr.s6_addr);
    CHECK_STR(net_format_ip((struct sockaddr *)&v6, text), S("10.20.30.255"));
    v4.sin_family = AF_UNIX;
    CHECK_STR(net_format_ip((struct sockaddr *)&v4, text), S(""));
}

TEST(net_talks_to_itself)
{
    int listener = NET_NONE, a = NET_NONE, b = NET_NONE, second = NET_NONE;
    unsigned port = 0, other = 0;
    struct net_peer peer;
    char in[16];
    size_t got = 7;
    uint32_t ready;

    CHECK_OK(net_listen("127.0.0.1:0", &listener, &port, d));
    CHECK_TRUE(port != 0);
    CHECK_ERR(net_accept(listener, &b, &peer, d), ERR_NOT_FOUND);
    CHECK_ERR(net_listen(arena_printf(t->arena, "127.0.0.1:%u", port).p, &second, &other, d), ERR_EXISTS);
    CHECK_OK(net_connect("127.0.0.1", port, 2000, &a, d));
    ready = net_wait(&listener, 1, 2000);
    CHECK_EQ(ready, 1);
    CHECK_OK(net_accept(listener, &b, &peer, d));
    CHECK_ERR(net_receive(b, in, sizeof in, 1, &got, d), ERR_TIMEOUT);
    CHECK_OK(net_send(a, S("ping"), 1000, d));
    CHECK_OK(net_receive(b, in, sizeof in, 1000, &got, d));
    CHECK_STR(((struct str){in, got}), S("ping"));
    net_finish(a);
    CHECK_OK(net_receive(b, in, sizeof in, 1000, &got, d));
    CHECK_EQ(got, 0);
    net_close(a);
    net_close(b);
    net_close(listener);
    net_close(NET_NONE);
    CHECK_TRUE(net_connect("127.0.0.1", port, 500, &a, &t_diag) == ERR_IO); /* refused */
    CHECK_ERR(net_listen("no.such.host.invalid:0", &listener, &port, d), ERR_NOT_FOUND);
}

TEST(net_waker_ends_a_wait)
{
    int waker = net_waker();

    CHECK_TRUE(waker != NET_NONE);
    CHECK_EQ(net_wait(&waker, 1, 0), 0);
    net_wake(waker);
    net_wake(waker);
    CHECK_EQ(net_wait(&waker, 1, UINT32_MAX), 1);
    net_close(waker);
}
