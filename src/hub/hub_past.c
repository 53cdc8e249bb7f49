/* hub_past.c - memberships at a past instant (segment/past.h), for other threads than the hub's.
 *
 * The table and the topic are looked at together: the table is captured with the end of what it has told. That fails
 * after a crash, until what the topic has been told by lost steps is folded again; and for an instant that the hub has
 * not come to yet. The answer then is "later". */
#include "hub/hub_int.h"

/* Everything that a crash made the table forget has been folded again. */
static bool
caught_up(struct hub *h)
{
    bool behind = h->sweep.active;

    for (size_t i = 0; i < h->o.collect_count; i++)
        behind |= h->partitions[i].next < h->partitions[i].end_at_open;
    h->told_ahead &= behind;
    return !h->told_ahead;
}

/* Nothing that is on its way to the table happened at or before the instant. */
static bool
came_to(const struct hub *h, int64_t at_ms)
{
    int64_t due_ms = kv_earliest_due(h->kv);

    if (at_ms < h->state.clock_ms)
        return true;
    if (due_ms != 0 && due_ms <= at_ms)
        return false;
    for (size_t i = 0; i < h->o.collect_count; i++) {
        if (h->partitions[i].next < topic_end(h->partitions[i].topic))
            return false;
    }
    return true;
}

static enum err
capture(struct hub *h, struct past *p, struct diag *d)
{
    const struct past_options *o = past_options(p);
    struct past_now now = {.k = h->kv,
                           .names = &h->names,
                           .membership = h->o.membership,
                           .end = h->outs[0].next + h->outs[0].count,
                           .clock_ms = h->state.clock_ms};

    if (!caught_up(h) || !came_to(h, o->at_ms))
        return diag_set(d, ERR_BUSY, "the hub has not come to the instant yet");
    if (o->id.n == 0)
        now.size = hub_count_of(h, o->scope, o->audience);
    return past_capture(p, &now, d);
}

enum err
hub_past_slice(struct hub *h, struct past *p, struct diag *d)
{
    enum err rc;

    if (!past_wants_state(p)) {
        rc = past_read(p, d);
        if (rc == ERR_BUSY && hub_alive(h, d) != ERR_OK)
            rc = d->code;
        return rc;
    }
    hub_lock(h);
    rc = hub_alive(h, d);
    if (rc == ERR_OK)
        rc = capture(h, p, d);
    hub_unlock(h);
    return rc;
}
