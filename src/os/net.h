/* net.h - TCP sockets: the door through which everything outside HTTP libraries listens, accepts, connects and waits.
 *
 * A socket is a plain number, NET_NONE when there is none; all are non-blocking, close-on-exec and without Nagle's
 * delay. Waiting calls take a timeout of their own and answer ERR_TIMEOUT when it elapsed.
 *
 * Addresses  "127.0.0.1:8080", "[::1]:0", "localhost:8080", ":8080" (every interface). Port 0 lets the system choose.
 * Threads    Any; one thread per socket and direction.
 * Errors     ERR_INVALID for an address that cannot be read; ERR_EXISTS when the port is taken; ERR_DENIED when the
 * system does not allow it (ports below 1024); ERR_NOT_FOUND for an unknown host; ERR_BUSY when out of descriptors. */
#ifndef OS_NET_H
#define OS_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/diag.h"

#define NET_NONE (-1)

/* Splits an address; the host is "" for ":8080". */
enum err net_split(const char *address, struct str *host, unsigned *port, struct diag *d);
/* 4 or 16 bytes in network order; 0 when the text is no IP address. */
size_t net_parse_ip(struct str text, unsigned char out[16]);
#define NET_IP_BYTES 46
/* "192.0.2.1" or "2001:db8::1"; an IPv4 address in IPv6 clothes reads as IPv4. Empty for other families. */
struct str net_format_ip(const struct sockaddr *address, char out[NET_IP_BYTES]);

/* *port is the port in use. */
enum err net_listen(const char *address, int *sock, unsigned *port, struct diag *d);
struct net_peer {
    struct sockaddr_storage address;
    socklen_t bytes;
};
/* ERR_NOT_FOUND when nobody waits any more. */
enum err net_accept(int listener, int *sock, struct net_peer *peer, struct diag *d);
enum err net_connect(const char *host, unsigned port, unsigned timeout_ms, int *sock, struct diag *d);

/* Sends everything. */
enum err net_send(int sock, struct str bytes, unsigned timeout_ms, struct diag *d);
/* Receives what is there, at least one byte; *got is 0 when the peer has closed. */
enum err net_receive(int sock, void *out, size_t n, unsigned timeout_ms, size_t *got, struct diag *d);
/* Tells the peer that nothing more will be sent. */
void net_finish(int sock);
void net_close(int sock); /* NET_NONE is left alone */

/* A socket that is readable from the first net_wake() on: ends a net_wait() from another thread. NET_NONE: no
 * descriptors. */
int net_waker(void);
void net_wake(int waker);
/* Bit i of the answer: socks[i] is readable, or broken. 0 after timeout_ms; UINT_MAX waits for ever. At most 32
 * sockets. */
uint32_t net_wait(const int *socks, size_t n, unsigned timeout_ms);

/* Lets the process hold up to `wanted` open files, as far as its hard limit allows; the limit in force afterwards. A
 * listener needs one per connection, and the usual default of 1,024 is below LIMIT_CONNECTIONS. */
uint64_t net_raise_file_limit(uint64_t wanted);

#endif
