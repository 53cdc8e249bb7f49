/* delivery_session.c - requests of one session are worked on one after the other [TARGET 1.1].
 *
 * A stripe has room for the sessions that are being worked on at this moment, as many as there are workers at most; a
 * session that finds none goes on at once, unordered. Turns are short (a request is worked on by one worker from
 * beginning to end), so waiting costs a worker microseconds; with `ack = fsync` the length of a sync. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "edge/delivery_int.h"

#define STRIPES 64
#define SLOTS 64

struct session_slot {
    uint64_t session; /* hash; several sessions with one hash share their turns, which harms nobody */
    unsigned count;   /* working and waiting; 0: free */
    bool busy;
};

struct stripe {
    struct os_mutex lock;
    struct os_cond turned;
    struct session_slot slots[SLOTS];
};

struct delivery_sessions {
    struct stripe stripes[STRIPES];
};

enum err
delivery_sessions_new(struct delivery_sessions **out, struct diag *d)
{
    struct delivery_sessions *s = calloc(1, sizeof *s);

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for sessions");
    for (size_t i = 0; i < STRIPES; i++) {
        os_mutex_init(&s->stripes[i].lock);
        os_cond_init(&s->stripes[i].turned);
    }
    *out = s;
    return ERR_OK;
}

void
delivery_sessions_free(struct delivery_sessions *s)
{
    for (size_t i = 0; s != NULL && i < STRIPES; i++) {
        os_mutex_deinit(&s->stripes[i].lock);
        os_cond_deinit(&s->stripes[i].turned);
    }
    free(s);
}

static struct session_slot *
find_slot(struct stripe *s, uint64_t session)
{
    struct session_slot *empty = NULL;

    for (size_t i = 0; i < SLOTS; i++) {
        if (s->slots[i].count > 0 && s->slots[i].session == session)
            return &s->slots[i];
        if (s->slots[i].count == 0 && empty == NULL)
            empty = &s->slots[i];
    }
    if (empty != NULL)
        *empty = (struct session_slot){.session = session};
    return empty;
}

bool
delivery_enter(struct delivery_sessions *s, struct str session, struct delivery_turn *turn)
{
    uint64_t hash = hash_bytes(session, 0);
    struct stripe *at = &s->stripes[hash % STRIPES];
    struct session_slot *slot;
    bool admitted = true;

    os_lock(&at->lock);
    slot = find_slot(at, hash);
    if (slot != NULL && slot->count >= LIMIT_DELIVERY_SESSION_REQUESTS) {
        admitted = false;
    } else if (slot != NULL) {
        slot->count++;
        while (slot->busy)
            os_cond_wait(&at->turned, &at->lock);
        slot->busy = true;
    }
    os_unlock(&at->lock);
    *turn = (struct delivery_turn){admitted ? slot : NULL, hash % STRIPES};
    return admitted;
}

void
delivery_leave(struct delivery_sessions *s, const struct delivery_turn *turn)
{
    struct stripe *at = &s->stripes[turn->stripe];

    if (turn->slot == NULL)
        return;
    os_lock(&at->lock);
    turn->slot->busy = false;
    if (--turn->slot->count > 0)
        os_cond_broadcast(&at->turned);
    os_unlock(&at->lock);
}
