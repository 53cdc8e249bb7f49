/* admin_rate.h - at most so many requests of a client in a minute [TARGET 6.1].
 *
 * A minute begins with a client's first request and ends 60 seconds later, by the monotonic clock: the emulator's does
 * not move it. Clients are credentials of this installation, so the table has room for more than there are; when it has
 * none, the client whose minute began first is forgotten.   Threads  any. */
#ifndef ADMIN_ADMIN_RATE_H
#define ADMIN_ADMIN_RATE_H

#include "base/limits.h"
#include "base/str.h"
#include "os/thread.h"

struct admin_rate {
    struct os_mutex lock;
    unsigned per_minute; /* 0: any number */
    struct admin_rate_client {
        uint64_t client; /* hash */
        uint64_t from_us;
        unsigned taken; /* 0: free */
    } clients[LIMIT_RATE_CLIENTS];
};

void admin_rate_init(struct admin_rate *r, unsigned per_minute);
void admin_rate_deinit(struct admin_rate *r);
/* Takes one request. 0: it may pass; else in how many seconds the next may. */
unsigned admin_rate_take(struct admin_rate *r, struct str client, uint64_t now_us);

#endif
