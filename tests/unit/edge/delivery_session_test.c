/* Turns of the requests of a session [TARGET 1.1]. */
#include <sched.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "edge/delivery_int.h"
#include "os/thread.h"
#include "t.h"

struct waiter {
    struct delivery_sessions *sessions;
    struct os_thread thread;
    atomic_uint *inside, *most, *served, *refused;
};

/* One request: it notes how many of its session are worked on at once. */
static void
request(void *ctx)
{
    struct waiter *w = ctx;
    struct delivery_turn turn;
    unsigned now, most;

    if (!delivery_enter(w->sessions, S("s1"), &turn)) {
        atomic_fetch_add(w->refused, 1);
        return;
    }
    now = atomic_fetch_add(w->inside, 1) + 1;
    for (most = atomic_load(w->most); now > most && !atomic_compare_exchange_weak(w->most, &most, now);)
        ;
    atomic_fetch_sub(w->inside, 1);
    atomic_fetch_add(w->served, 1);
    delivery_leave(w->sessions, &turn);
}

TEST(delivery_sessions_take_turns) /* [TARGET 1.1] [TARGET 12.28] */
{
    struct waiter *w = arena_calloc(t->arena, LIMIT_DELIVERY_SESSION_REQUESTS, sizeof *w);
    struct delivery_sessions *s;
    struct delivery_turn first, other;
    atomic_uint inside = 0, most = 0, served = 0, refused = 0;

    CHECK_OK(delivery_sessions_new(&s, NULL));
    CHECK_TRUE(delivery_enter(s, S("s1"), &first));                /* its turn: what comes now waits */
    for (size_t i = 0; i < LIMIT_DELIVERY_SESSION_REQUESTS; i++) { /* 1 + the limit: one of them is too many */
        w[i] = (struct waiter){.sessions = s, .inside = &inside, .most = &most, .served = &served, .refused = &refused};
        CHECK_OK(os_thread_open(&w[i].thread, "request", request, &w[i], NULL));
    }
    CHECK_TRUE(delivery_enter(s, S("s2"), &other)); /* another session does not wait */
    delivery_leave(s, &other);
    CHECK_EQ(atomic_load(&served), 0);
    while (atomic_load(&refused) == 0) /* by then all others wait */
        (void)sched_yield();
    delivery_leave(s, &first);
    for (size_t i = 0; i < LIMIT_DELIVERY_SESSION_REQUESTS; i++)
        os_thread_close(&w[i].thread);
    CHECK_EQ(atomic_load(&most), 1);
    CHECK_EQ(atomic_load(&refused), 1);
    CHECK_EQ(atomic_load(&served), LIMIT_DELIVERY_SESSION_REQUESTS - 1);
    CHECK_TRUE(delivery_enter(s, S("s1"), &first)); /* all have left */
    delivery_leave(s, &first);
    delivery_sessions_free(s);
}
