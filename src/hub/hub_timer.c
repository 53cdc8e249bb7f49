/* hub_timer.c - windows that end. A profile's row carries the instant at which its audiences flip next; here it is
 * evaluated as of exactly that instant, however late the tick comes, so lastQualificationTime does not depend on our
 * load. */
#include "hub/hub_int.h"

#include "base/metric.h"

static enum err
fire_one(struct hub *h, struct str key, int64_t due_ms, uint64_t cause, struct diag *d)
{
    struct hub_step step = {.h = h,
                            .now_ms = due_ms > h->state.clock_ms ? due_ms : h->state.clock_ms,
                            .cause = cause,
                            .by = SEGMENT_BY_TIMER};
    struct hub_change change = {.cause = SEGMENT_TIME};
    struct profile p;
    struct str scope, value;
    uint64_t id;
    enum err rc;

    h->state.clock_ms = step.now_ms;
    h->state.rev++;
    h->state_changed = true;
    if (!profile_key_read(key, &scope, &id)) { /* no other row of ours is due: keep it, without its time */
        rc = kv_get(h->kv, key, &value, d);
        value = rc == ERR_OK ? arena_str(&h->arena, value) : S_NULL;
        return rc == ERR_OK ? kv_put(h->kv, key, value, 0, d) : rc;
    }
    rc = profile_load(h->kv, &h->names, scope, id, &h->arena, &p, d);
    return rc == ERR_OK ? hub_refresh(&step, &p, &change, d) : rc;
}

/* By the machine's clock, not by the record that fires it: that may have waited as long as the timer. */
static void
measure(struct hub *h, int64_t due_ms)
{
    int64_t late_ms = os_now_ms(h->o.os) - due_ms;

    metric_inc(M_HUB_TIMERS);
    metric_observe(M_HUB_TIMER_LATENESS_MS, late_ms > 0 ? (uint64_t)late_ms : 0);
}

enum err
hub_fire(struct hub *h, int64_t limit_ms, uint64_t cause, struct diag *d)
{
    int64_t earliest = kv_earliest_due(h->kv), due_ms;
    struct buf key;
    unsigned fired = 0;
    enum err rc = ERR_OK;

    if (earliest == 0 || earliest > limit_ms)
        return ERR_OK;
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    while (rc == ERR_OK) {
        buf_clear(&key);
        arena_reset(&h->arena);
        rc = kv_next_due(h->kv, limit_ms, &key, &due_ms);
        if (rc != ERR_OK)
            break;
        rc = fire_one(h, buf_str(&key), due_ms, cause, d);
        measure(h, due_ms);
        if (++fired % HUB_TURN_STEPS == 0) {
            hub_unlock(h);
            hub_lock(h);
        }
        if (rc == ERR_OK && kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
            rc = hub_commit(h, d); /* what fired has its next instant: the rest fires when the record is folded again */
    }
    buf_deinit(&key);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}
