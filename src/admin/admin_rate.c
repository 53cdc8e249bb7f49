/* admin_rate.c - see admin_rate.h. */
#include "admin/admin_rate.h"

#include "base/hash.h"

#define MINUTE_US 60000000u
#define SECOND_US 1000000u

void
admin_rate_init(struct admin_rate *r, unsigned per_minute)
{
    memset(r, 0, sizeof *r);
    os_mutex_init(&r->lock);
    r->per_minute = per_minute;
}

void
admin_rate_deinit(struct admin_rate *r)
{
    os_mutex_deinit(&r->lock);
}

/* The client's entry: its own, a free one, or that whose minute began first. */
static struct admin_rate_client *
find(struct admin_rate *r, uint64_t client)
{
    struct admin_rate_client *best = &r->clients[0];

    for (size_t i = 0; i < LIMIT_RATE_CLIENTS; i++) {
        struct admin_rate_client *c = &r->clients[i];
        if (c->taken > 0 && c->client == client)
            return c;
        if (best->taken > 0 && (c->taken == 0 || c->from_us < best->from_us))
            best = c;
    }
    *best = (struct admin_rate_client){.client = client};
    return best;
}

unsigned
admin_rate_take(struct admin_rate *r, struct str client, uint64_t now_us)
{
    struct admin_rate_client *c;
    unsigned wait_s = 0;

    if (r->per_minute == 0)
        return 0;
    os_lock(&r->lock);
    c = find(r, hash_bytes(client, 0));
    if (c->taken == 0 || now_us - c->from_us >= MINUTE_US) {
        c->from_us = now_us;
        c->taken = 0;
    }
    if (c->taken < r->per_minute)
        c->taken++;
    else
        wait_s = (unsigned)((c->from_us + MINUTE_US - now_us + SECOND_US - 1) / SECOND_US);
    os_unlock(&r->lock);
    return wait_s;
}
