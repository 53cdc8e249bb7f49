/* hub_census.c - counting audiences over all profiles, a slice at a time, for other threads than the hub's.
 *
 * A comparison with memberships asks for the audiences that the hub evaluates at this moment, for profiles that are all
 * up to date with them (no sweep), and for a moment at which no timer is due: the hub lets readers in between two
 * timers of one instant. At any other time the answer is "later". Such a comparison is as of the hub's clock, which
 * memberships are true to. Any other count may name a later instant: the hub's clock stands still while nothing comes.
 *
 * Repairing goes the way of every change: the rule state is thrown away, and the profile is refreshed. */
#include "hub/hub_int.h"

enum err
hub_alive(struct hub *h, struct diag *d)
{
    enum err rc;

    os_lock(&h->progress);
    rc = h->failed != ERR_OK ? diag_set(d, h->failed, "the hub stopped: %s", h->failure) : ERR_OK;
    os_unlock(&h->progress);
    return rc;
}

static enum err
ready(const struct hub *h, const struct hub_scope *sc, const struct census_options *o, struct diag *d)
{
    int64_t due_ms = kv_earliest_due(h->kv);

    if (sc == NULL)
        return diag_set(d, ERR_NOT_FOUND, "the sandbox is not configured");
    if (!o->compare || o->stored)
        return ERR_OK;
    if (h->sweep.active || sc->set.graph == NULL || rule_graph_version(sc->set.graph) != o->graph_version)
        return diag_set(d, ERR_BUSY, "the hub brings profiles up to date with other audiences");
    if (due_ms != 0 && due_ms <= h->state.clock_ms)
        return diag_set(d, ERR_BUSY, "the hub fires timers");
    return ERR_OK;
}

enum err
hub_census_slice(struct hub *h, struct census *c, struct diag *d)
{
    const struct census_options *o = census_options(c);
    int64_t now_ms;
    enum err rc;

    hub_lock(h);
    rc = hub_alive(h, d);
    if (rc == ERR_OK)
        rc = ready(h, hub_scope(h, o->scope), o, d);
    now_ms = !o->compare && o->now_ms > h->state.clock_ms ? o->now_ms : h->state.clock_ms;
    if (rc == ERR_OK)
        rc = census_load(c, h->kv, &h->names, now_ms, d);
    hub_unlock(h);
    return rc;
}

/* Nothing of the arena is dropped: the thread that folds may have let us in between two steps. */
static enum err
repair(struct hub *h, struct str scope, uint64_t id, struct diag *d)
{
    struct hub_step step = {.h = h, .now_ms = h->state.clock_ms, .cause = HUB_CAUSE_SWEEP, .by = SEGMENT_BY_SWEEP};
    struct hub_change change = {.cause = SEGMENT_TIME};
    struct profile p;
    enum err rc;

    rc = profile_load(h->kv, &h->names, scope, id, &h->arena, &p, d);
    if (rc != ERR_OK || p.created)
        return rc;
    p.rule_state = S_NULL;
    h->state.rev++;
    h->state_changed = true;
    h->repaired = true;
    return hub_refresh(&step, &p, &change, d);
}

enum err
hub_census_repair(struct hub *h, struct str scope, uint64_t profile, struct diag *d)
{
    enum err rc;

    hub_lock(h);
    rc = repair(h, scope, profile, d);
    hub_unlock(h);
    return rc;
}
