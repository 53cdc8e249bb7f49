/* os_clock.c - the operations of the wrapped world, with an offset on its wall clock. */
#include "os/os_clock.h"

#include <stdatomic.h>

struct os_clock {
    struct os os; /* first: a struct os * is a struct os_clock * here */
    struct os_ops ops;
    struct os *base;
    _Atomic int64_t ahead_ms;
};

static int64_t
emulated_now_ms(struct os *os)
{
    struct os_clock *c = (struct os_clock *)os;

    return os_now_ms(c->base) + atomic_load(&c->ahead_ms);
}

struct os *
os_clock_new(struct os *base)
{
    struct os_clock *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->ops = *base->ops;
    c->ops.now_ms = emulated_now_ms;
    c->os = (struct os){&c->ops, base->ctx};
    c->base = base;
    return &c->os;
}

void
os_clock_free(struct os *os)
{
    free(os);
}

enum err
os_clock_set(struct os *os, int64_t now_ms, struct diag *d)
{
    struct os_clock *c = (struct os_clock *)os;
    int64_t ahead = atomic_load(&c->ahead_ms);
    int64_t wanted = now_ms - os_now_ms(c->base);

    do {
        if (wanted < ahead)
            return diag_set(d, ERR_INVALID, "the emulated clock moves forward only: it is %lld ms ahead of that",
                            (long long)(ahead - wanted));
    } while (!atomic_compare_exchange_weak(&c->ahead_ms, &ahead, wanted));
    return ERR_OK;
}
