/* thread.h - threads, locks and waiting. Plain mutexes: lock-free code needs a design note and a measured reason.
 *
 * The lock order of the whole program is one list in ARCHITECTURE.md. No lock is held across I/O that waits for the
 * disk, a callback or a log line, except where a header says so. */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

struct os_mutex {
    pthread_mutex_t m;
};

struct os_cond {
    pthread_cond_t c; /* on the monotonic clock */
};

struct os_thread {
    pthread_t t;
    bool running;
};

void os_mutex_init(struct os_mutex *m);
void os_mutex_deinit(struct os_mutex *m);
void os_lock(struct os_mutex *m);
void os_unlock(struct os_mutex *m);

void os_cond_init(struct os_cond *c);
void os_cond_deinit(struct os_cond *c);
void os_cond_wait(struct os_cond *c, struct os_mutex *m);
/* Waits at most timeout_us; false when it elapsed. Spurious returns happen: test the condition again. */
bool os_cond_wait_us(struct os_cond *c, struct os_mutex *m, uint64_t timeout_us);
void os_cond_signal(struct os_cond *c);
void os_cond_broadcast(struct os_cond *c);

/* `name` (at most 15 characters) shows in ps and gdb. */
enum err os_thread_open(struct os_thread *t, const char *name, void (*run)(void *ctx), void *ctx, struct diag *d);
/* Called by a thread that answers requests: it gets a core soon after it wakes, for a short while at a time. */
void os_thread_in_front(void);
/* Called by a thread that no request waits for: where cores are short it runs after those that answer. */
void os_thread_in_background(void);
/* Waits for run() to return; a thread that was never opened is left alone. */
void os_thread_close(struct os_thread *t);

/* Cores this process may use, at least 1. */
unsigned os_cpu_count(void);

#endif
