/* http_accept.c - one thread that accepts for both listeners.
 *
 * libmicrohttpd could accept by itself, but its way to stop (MHD_quiesce_daemon) takes the listener out of the pool's
 * epoll sets from another thread, and when a worker does the same at that moment the library aborts the process. Here,
 * stopping means that this thread ends; connections are dealt evenly to the workers; and running out of descriptors is
 * a pause, not a busy loop. The price is one wake-up per connection, not per request. */
#include "base/log.h"
#include "http/http_int.h"

#define PAUSE_MS 100 /* out of descriptors: some connection must end first */

static void
accept_all(struct http_acceptor *a, unsigned i)
{
    struct diag d = DIAG_INIT;
    struct net_peer peer;
    int sock = NET_NONE;
    enum err rc;

    while ((rc = net_accept(a->listener[i], &sock, &peer, &d)) == ERR_OK)
        a->give(a->ctx, i, sock, &peer);
    if (rc == ERR_NOT_FOUND)
        return;
    log_warn("accept_failed", "%s", d.what);
    (void)net_wait(&a->waker, 1, PAUSE_MS);
}

static void
run(void *ctx)
{
    struct http_acceptor *a = ctx;

    while (!atomic_load(&a->stopping)) {
        int socks[3];
        unsigned which[3];
        size_t n = 0;
        uint32_t ready;

        for (unsigned i = 0; i < 2; i++) {
            if (a->listener[i] != NET_NONE) {
                which[n] = i;
                socks[n++] = a->listener[i];
            }
        }
        socks[n] = a->waker;
        ready = net_wait(socks, n + 1, UINT32_MAX);
        for (size_t i = 0; i < n && !atomic_load(&a->stopping); i++) {
            if (ready >> i & 1)
                accept_all(a, which[i]);
        }
    }
}

enum err
http_acceptor_open(struct http_acceptor *a, struct diag *d)
{
    a->waker = net_waker();
    if (a->waker == NET_NONE)
        return diag_set(d, ERR_BUSY, "cannot make a waker: out of descriptors");
    return os_thread_open(&a->thread, "http-accept", run, a, d);
}

void
http_acceptor_close(struct http_acceptor *a)
{
    if (a->thread.running) {
        atomic_store(&a->stopping, true);
        net_wake(a->waker);
        os_thread_close(&a->thread);
    }
    for (int i = 0; i < 2; i++) {
        net_close(a->listener[i]);
        a->listener[i] = NET_NONE;
    }
    net_close(a->waker);
    a->waker = NET_NONE;
}
