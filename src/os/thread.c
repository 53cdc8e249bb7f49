/* thread.c - pthreads. A failing lock call means a bug of ours, so it is checked, not returned. */
#include "os/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

void
os_mutex_init(struct os_mutex *m)
{
    CHECK(pthread_mutex_init(&m->m, NULL) == 0);
}

void
os_mutex_deinit(struct os_mutex *m)
{
    CHECK(pthread_mutex_destroy(&m->m) == 0);
}

void
os_lock(struct os_mutex *m)
{
    CHECK(pthread_mutex_lock(&m->m) == 0);
}

void
os_unlock(struct os_mutex *m)
{
    CHECK(pthread_mutex_unlock(&m->m) == 0);
}

void
os_cond_init(struct os_cond *c)
{
    pthread_condattr_t attr;

    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&c->c, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void
os_cond_deinit(struct os_cond *c)
{
    CHECK(pthread_cond_destroy(&c->c) == 0);
}

void
os_cond_wait(struct os_cond *c, struct os_mutex *m)
{
    CHECK(pthread_cond_wait(&c->c, &m->m) == 0);
}

bool
os_cond_wait_us(struct os_cond *c, struct os_mutex *m, uint64_t timeout_us)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(timeout_us / 1000000);
    t.tv_nsec += (long)(timeout_us % 1000000) * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(&c->c, &m->m, &t) == 0;
}

void
os_cond_signal(struct os_cond *c)
{
    CHECK(pthread_cond_signal(&c->c) == 0);
}

void
os_cond_broadcast(struct os_cond *c)
{
    CHECK(pthread_cond_broadcast(&c->c) == 0);
}

struct start {
    void (*run)(void *ctx);
    void *ctx;
};

static void *
trampoline(void *arg)
{
    struct start s = *(struct start *)arg;

    free(arg);
    s.run(s.ctx);
    return NULL;
}

enum err
os_thread_open(struct os_thread *t, const char *name, void (*run)(void *ctx), void *ctx, struct diag *d)
{
    struct start *s = malloc(sizeof *s);
    sigset_t all, before;
    int rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for thread '%s'", name);
    *s = (struct start){run, ctx};
    sigfillset(&all); /* signals go to the main thread only */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&t->t, NULL, trampoline, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        free(s);
        return diag_set(d, ERR_IO, "cannot start thread '%s': %s", name, strerror(rc));
    }
    pthread_setname_np(t->t, name);
    t->running = true;
    return ERR_OK;
}

#define FRONT_SLICE_NS 200000u /* a request takes half of it; the kernel's own slice is 3 ms */

/* What sched_setattr(2) takes; the C library has no wrapper everywhere. */
struct sched_request {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void
os_thread_in_front(void)
{
    struct sched_request r = {.size = sizeof r, .policy = SCHED_OTHER, .runtime_ns = FRONT_SLICE_NS};

    r.nice = getpriority(PRIO_PROCESS, 0);
    (void)syscall(SYS_sched_setattr, 0, &r, 0); /* before Linux 6.12 the slice is ignored; refused: no harm */
}

#define BACKGROUND_NICE 5 /* a third of the share of a thread that answers, and it waits when one of these wakes */

void
os_thread_in_background(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE); /* on Linux of the thread; refused: no harm */
}

void
os_thread_close(struct os_thread *t)
{
    if (!t->running)
        return;
    CHECK(pthread_join(t->t, NULL) == 0);
    t->running = false;
}

unsigned
os_cpu_count(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set) > 0 ? (unsigned)CPU_COUNT(&set) : 1;
}
