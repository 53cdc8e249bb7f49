/* hub_profile.c - what follows when a profile changed or its time came: audiences, their counters, projections,
 * and one save. Every path of the hub that touches a profile ends here. */
#include "hub/hub_int.h"

#include "base/civil.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/pack.h"
#include "model/optout.h"
#include "segment/external.h"

/* Members of an audience, in a row of their own: 'A' scope US audience -> count. */
static enum err
count_key(struct hub *h, struct str scope, struct str audience, struct str *key, struct diag *d)
{
    char *p = arena_alloc(&h->arena, scope.n + audience.n + 2);

    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a counter");
    p[0] = 'A';
    memcpy(p + 1, scope.p, scope.n);
    p[1 + scope.n] = 0x1f;
    memcpy(p + 2 + scope.n, audience.p, audience.n);
    *key = (struct str){p, scope.n + audience.n + 2};
    return ERR_OK;
}

static enum err
stage_count(struct hub *h, struct str scope, struct str audience, int64_t delta, struct diag *d)
{
    struct str key = S_NULL, value = S_NULL;
    struct unpack u;
    struct buf b;
    uint64_t count = 0;
    enum err rc = count_key(h, scope, audience, &key, d);

    if (rc == ERR_OK)
        rc = kv_get(h->kv, key, &value, d);
    if (rc == ERR_OK) {
        u = unpack_from(value);
        count = unpack_u64(&u);
    } else if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    count = delta < 0 && count < (uint64_t)-delta ? 0 : count + (uint64_t)delta;
    if (count == 0)
        return rc == ERR_OK ? kv_delete(h->kv, key, d) : ERR_OK;
    buf_init_in(&b, &h->arena, 16);
    pack_u64(&b, count);
    return buf_ok(&b) ? kv_put(h->kv, key, buf_str(&b), 0, d) : diag_set(d, ERR_NOMEM, "no memory for a counter");
}

static struct str
audience_at(const struct segment_set *set, uint32_t index)
{
    return index < set->count ? set->ids[index] : set->externals[index - set->count].id;
}

static void
count_later(const struct hub_scope *sc, uint32_t index, int delta)
{
    struct hub_counters *c = sc->counters;

    c->of[index].delta += delta;
    if (!c->of[index].listed)
        c->listed[c->listed_count++] = index;
    c->of[index].listed = true;
}

enum err
hub_count(struct hub *h, struct str scope, struct str audience, int delta, struct diag *d)
{
    const struct hub_scope *sc = hub_scope(h, scope);
    uintptr_t index = sc != NULL && sc->set.by_id != NULL ? (uintptr_t)map_get(sc->set.by_id, audience) : 0;

    if (index == 0)
        return stage_count(h, scope, audience, delta, d);
    count_later(sc, (uint32_t)(index - 1), delta);
    return ERR_OK;
}

static enum err
stage_listed(struct hub *h, struct str scope, const struct hub_scope *sc, struct diag *d)
{
    struct hub_counters *c = sc->counters;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && c->listed_count > 0) {
        uint32_t index = c->listed[c->listed_count - 1];
        if (c->of[index].delta != 0)
            rc = stage_count(h, scope, audience_at(&sc->set, index), c->of[index].delta, d);
        if (rc != ERR_OK)
            break;
        c->of[index] = (struct hub_counter){0};
        c->listed_count--;
    }
    return rc;
}

enum err
hub_stage_counts(struct hub *h, struct diag *d)
{
    const struct map_slot *slot;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&h->scopes, &i)) != NULL;) {
        const struct hub_scope *sc = slot->value;
        rc = stage_listed(h, slot->key, sc, d);
        if (rc == ERR_OK && sc->jobs != NULL)
            rc = stage_listed(h, slot->key, sc->jobs, d);
    }
    return rc;
}

static enum err
tell_changes(const struct hub_step *s, const struct hub_scope *sc, const struct profile *p,
             const struct rule_changes *changes, const struct str *removed, size_t removed_count, struct diag *d)
{
    enum err rc = hub_tell(s, p, sc->quoted, &(struct hub_told){changes, removed, removed_count}, d);

    for (size_t i = 0; i < changes->n && rc == ERR_OK; i++)
        count_later(sc, changes->items[i].audience, changes->items[i].member ? 1 : -1);
    metric_add(M_HUB_MEMBERSHIPS, changes->n);
    for (size_t i = 0; i < removed_count && rc == ERR_OK; i++)
        rc = hub_count(s->h, p->scope, removed[i], -1, d);
    return rc;
}

/* The person's collect consent, wherever it came from: set-consent or a record [PLATFORM 9.1]; and whether he opted out
 * of audiences. When that changed, all of them are to be looked at. */
static enum err
update_consent(struct profile *p, struct diag *d)
{
    const struct json *merged = NULL;
    bool out_before = p->opted_out;
    enum err rc = ERR_OK;

    if (p->consent.n > 0 || p->fragment_count > 0)
        rc = profile_merge(p, p->arena, &merged, d);
    if (rc != ERR_OK)
        return rc;
    p->consent_out = str_eq(json_str(json_path(merged, S("consents.collect.val"))), S("n"));
    p->opted_out = opted_out(merged);
    if (p->opted_out != out_before)
        p->rule_state = S_NULL;
    return ERR_OK;
}

/* Members by upload come first: rules may ask for them. *cause becomes what the rules are to be told. */
static enum err
update_externals(const struct hub_step *s, const struct hub_scope *sc, struct profile *p, struct hub_change *change,
                 struct external_moves *moves, struct diag *d)
{
    enum err rc = segment_external_apply(&sc->set, p, s->now_ms, &s->h->arena, moves, d);

    if (rc != ERR_OK || moves->changes.n + moves->removed_count == 0)
        return rc;
    if (change->cause == SEGMENT_EVENT) /* beside an event, which comes alone: once in a while everything anew */
        p->rule_state = S_NULL;
    else
        change->cause = SEGMENT_ATTRIBUTES;
    return tell_changes(s, sc, p, &moves->changes, moves->removed, moves->removed_count, d);
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static enum err
apply(const struct hub_step *s, const struct hub_scope *sc, struct profile *p, const struct segment_change *change,
      struct segment_result *r, struct diag *d)
{
    struct hub *h = s->h;
    enum err rc = segment_apply(&sc->set, h->kv, p, change, s->now_ms, &h->arena, r, d);

    if (rc == ERR_LIMIT) { /* not evaluated is not "false": the memberships stay as they are */
        log_warn("hub_not_evaluated", "profile=%llu reason=\"%s\"", (unsigned long long)p->id, d->what);
        metric_inc(M_HUB_REJECTED);
        *r = (struct segment_result){0};
        rc = ERR_OK;
    }
    r->next_flip_ms = earlier(r->next_flip_ms, segment_external_next_ms(&sc->set, p));
    if (rc == ERR_OK && r->next_flip_ms != 0 && r->next_flip_ms <= s->now_ms)
        r->next_flip_ms = s->now_ms + MS_PER_MINUTE; /* a timer that does not move on must not spin */
    metric_add(M_HUB_STATES_BUILT, r->built);
    return rc == ERR_OK ? tell_changes(s, sc, p, &r->changes, r->removed, r->removed_count, d) : rc;
}

/* A job moves entries by a state of all audiences, made for it. What is live reads them, and has its own state. */
static enum err
update_audiences(const struct hub_step *s, const struct hub_scope *sc, struct profile *p,
                 const struct hub_change *change, struct segment_result *r, struct diag *d)
{
    struct segment_change what = {change->cause, s->by, change->event, s->chosen};
    struct segment_result job = {0};
    enum err rc = ERR_OK;

    if (s->by == SEGMENT_BY_JOB && sc->jobs != NULL) {
        rc = apply(s, sc->jobs, p, &what, &job, d);
        what = (struct segment_change){.cause = SEGMENT_ATTRIBUTES, .by = SEGMENT_BY_SWEEP};
    }
    if (rc == ERR_OK)
        rc = apply(s, sc, p, &what, r, d);
    if (job.changes.n > 0) /* whoever saves a profile only when something came of it */
        r->changes = job.changes;
    return rc;
}

/* What a sweep found has to be stored: an entry, an exit, another timer. Else the state stays as it is stored, under an
 * earlier graph: the next event or timer brings it up to date as this visit did. */
static enum err
worth_saving(const struct hub_step *s, struct profile *p, const struct segment_result *r, bool *worth, struct diag *d)
{
    int64_t due_ms = 0;
    enum err rc = ERR_OK;

    *worth = r->built || r->changes.n > 0 || r->removed_count > 0;
    if (!*worth)
        rc = profile_due(s->h->kv, p, &due_ms, d);
    *worth = *worth || due_ms != r->next_flip_ms;
    return rc;
}

enum err
hub_refresh(const struct hub_step *s, struct profile *p, const struct hub_change *change, struct diag *d)
{
    const struct hub_scope *sc = hub_scope(s->h, p->scope);
    struct external_moves moves = {0};
    struct hub_change told = *change;
    struct segment_result r = {0};
    size_t memberships = p->membership_count;
    bool had_state = p->rule_state.n > 0, emitted = false, worth = true;
    enum err rc = update_consent(p, d);

    if (rc == ERR_OK && sc != NULL)
        rc = update_externals(s, sc, p, &told, &moves, d);
    if (rc == ERR_OK && sc != NULL)
        rc = update_audiences(s, sc, p, &told, &r, d);
    for (size_t i = 0; i < p->lost_count && rc == ERR_OK; i++)
        rc = hub_count(s->h, p->scope, p->lost[i], -1, d);
    p->lost_count = 0;
    if (rc == ERR_OK && sc != NULL)
        rc = hub_project(s, sc, p, &emitted, d);
    if (rc == ERR_OK && change->lazy && !emitted && memberships == p->membership_count &&
        had_state == (p->rule_state.n > 0) && moves.changes.n + moves.removed_count + moves.members == 0)
        rc = worth_saving(s, p, &r, &worth, d);
    if (rc != ERR_OK || !worth)
        return rc;
    return profile_save(s->h->kv, p, r.next_flip_ms, d);
}
