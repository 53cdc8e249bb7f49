/* os_tail.h - a file that grows at its end: appends that happen as a whole or leave nothing, and a sync that can be
 * repeated after it failed. Segment files of topics and of keyed tables are written through it.
 *
 * Appends    A write may put down any part of its bytes before it fails. The file is cut back at once; when even that
 *            fails the tail stays `torn`, and the next append cuts it before it writes. Nothing behind `bytes` is data.
 * Syncs      The kernel reports a failed write-back once and may forget that the pages were dirty, so a second sync
 *            that succeeds proves nothing. After a failure the bytes not yet synced are therefore written again first.
 * Threads    Appends by one thread at a time and syncs by one thread at a time, which may be two different ones: the
 *            owner brings a lock for each side and publishes `bytes` to the syncing side itself. */
#ifndef OS_OS_TAIL_H
#define OS_OS_TAIL_H

#include "os/os.h"

struct os_tail {
    struct os *os;
    struct os_file *file; /* borrowed */
    uint64_t bytes;       /* where the next append goes; append side */
    bool torn;            /* append side */
    bool rewrite;         /* sync side: an earlier sync failed */
};

/* Appends all n bytes or none. ERR_BUSY: the disk is full. */
enum err os_tail_append(struct os_tail *t, const void *p, size_t n, struct diag *d);
/* Makes the first `to` bytes durable; `from` is how many already are. */
enum err os_tail_sync(struct os_tail *t, uint64_t from, uint64_t to, struct diag *d);

#endif
