/* hub_fold.c - one record of collect: (state, record) -> (state', records).
 *
 *   (1) timers that are due by then fire first, so that effects come in the order of time
 *   (2) link the hit's identities; unite and split profiles as the graph says
 *   (3) put the record, the event or the consent into the owner's profile
 *   (4) audiences, projections, results
 * or, for a job, evaluate all profiles; and note whom an edge's record names (hub_named.c)
 *
 * "Now" is the record's time, or the hub's clock when the record is late. No other clock, no randomness: the same log
 * gives the same table, byte for byte. A record that cannot be used is counted and skipped; only our own damaged bytes,
 * a full disk or no memory stop the fold. */
#include "hub/hub_int.h"

#include "base/civil.h"
#include "base/log.h"
#include "base/metric.h"
#include "results/results.h"
#include "segment/external.h"

#define TYPICAL_CONTENT_BYTES 4096u

uint64_t
hub_cause(size_t partition, uint64_t offset)
{
    return (uint64_t)partition << 48 | (offset + 1);
}

static bool
is_rejection(enum err rc)
{
    return rc == ERR_INVALID || rc == ERR_LIMIT;
}

/* The text as it stands in the record is good, and borrowed until the next one. Rows that people laid out over lines
 * are written anew, shorter. */
static struct str
xdm_text(const struct hit *hit, struct arena *a)
{
    struct buf b;

    if (hit->xdm_text.n > 0 && str_find_char(hit->xdm_text, '\n') < 0)
        return hit->xdm_text;
    buf_init_in(&b, a, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&b, TYPICAL_CONTENT_BYTES);
    json_write(&b, hit->xdm);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

/* ---- (2) identities ---- */

/* Another profile than the hit's came into being when the cap pushed an identity out. */
static enum err
settle_dropped(const struct hub_step *s, struct str scope, uint64_t id, struct diag *d)
{
    struct hub_change change = {.cause = SEGMENT_ATTRIBUTES};
    struct profile p;
    enum err rc = profile_load(s->h->kv, &s->h->names, scope, id, &s->h->arena, &p, d);

    return rc == ERR_OK ? hub_refresh(s, &p, &change, d) : rc;
}

/* Splits what was pushed out off p. When the hit's owner is among it, p is settled and becomes the owner's profile. */
static enum err
split_dropped(const struct hub_step *s, const struct graph_link *link, struct profile *p, struct diag *d)
{
    struct hub *h = s->h;
    struct hub_change change = {.cause = SEGMENT_ATTRIBUTES};
    enum err rc = ERR_OK;

    for (size_t i = 0; i < link->dropped_count && rc == ERR_OK; i++) {
        rc = profile_split(h->kv, p, link->dropped[i].ns, link->dropped[i].id, link->dropped_profiles[i], d);
        if (rc == ERR_OK)
            rc = hub_tell_split(s, p, link->dropped_profiles[i], d);
        h->state.profiles++;
    }
    for (size_t i = 0; i < link->dropped_count && rc == ERR_OK; i++) {
        if (link->dropped_profiles[i] != link->owner_profile)
            rc = settle_dropped(s, p->scope, link->dropped_profiles[i], d);
    }
    if (rc != ERR_OK || link->owner_profile == link->profile)
        return rc;
    rc = hub_refresh(s, p, &change, d);
    return rc == ERR_OK ? profile_load(h->kv, &h->names, p->scope, link->owner_profile, &h->arena, p, d) : rc;
}

/* p takes over everything of a profile that the graph has united it with. */
static enum err
absorb(const struct hub_step *s, const struct graph_link *link, size_t index, struct profile *p, struct diag *d)
{
    struct hub *h = s->h;
    struct profile from;
    struct hub_union u = {.from = &from, .identities = &link->merged_views[index]};
    struct profile_membership *before = ARENA_ARRAY(&h->arena, struct profile_membership, p->membership_count);
    enum err rc = before != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory to unite profiles");

    if (rc != ERR_OK)
        return rc;
    if (p->membership_count > 0)
        memcpy(before, p->memberships, p->membership_count * sizeof *before);
    u.before = before;
    u.before_count = p->membership_count;
    rc = profile_load(h->kv, &h->names, p->scope, link->merged[index], &h->arena, &from, d);
    if (rc == ERR_OK)
        rc = profile_absorb(h->kv, p, link->merged[index], d);
    h->state.profiles--;
    return rc == ERR_OK ? hub_tell_united(s, p, &u, d) : rc;
}

static enum err
identify(const struct hub_step *s, const struct hit *hit, struct graph_link *link, struct profile *p, struct diag *d)
{
    struct hub *h = s->h;
    struct graph_namespaces ns = hub_namespaces(h);
    enum err rc = graph_link(h->kv, &ns, hit->scope, &hit->identities, hit->dataset, s->now_ms, &h->arena, link, d);

    if (rc == ERR_OK)
        rc = (link->created ? profile_new : profile_load)(h->kv, &h->names, hit->scope, link->profile, &h->arena, p, d);
    if (rc != ERR_OK)
        return rc;
    h->state.profiles += link->created;
    for (size_t i = 0; i < link->merged_count && rc == ERR_OK; i++)
        rc = absorb(s, link, i, p, d);
    return rc == ERR_OK ? split_dropped(s, link, p, d) : rc;
}

/* Every identity by which this edge may ask: the owner, and the device's own id. */
static void
mark_regions(const struct hub_step *s, const struct hit *hit, const struct graph_link *link, struct profile *p)
{
    const struct identity *owner = link->owner;

    if (hit->source != SOURCE_EDGE || hit->region.n == 0)
        return;
    profile_mark_region(p, hit->region, owner->ns, owner->id, s->now_ms);
    for (size_t i = 0; i < hit->identities.n && link->owner_profile == link->profile; i++) {
        const struct identity *id = &hit->identities.items[i];
        bool dropped = false;
        for (size_t k = 0; k < link->dropped_count && !dropped; k++)
            dropped = graph_same(link->dropped[k].ns, link->dropped[k].id, id->ns, id->id);
        if (str_eq(id->ns, S("ECID")) && id != owner && !dropped)
            profile_mark_region(p, hit->region, id->ns, id->id, s->now_ms);
    }
}

/* ---- (3) content ---- */

/* An event is kept when its datastream stores events; else it only is what it did. */
static enum err
put_event(const struct hub_step *s, const struct hit *hit, const struct identity *owner, struct profile *p,
          struct hub_change *change, bool *duplicate, struct diag *d)
{
    struct profile_event e = {.id = hit->event_id,
                              .ms = hit->event_ms != 0 ? hit->event_ms : s->now_ms,
                              .dataset = hit->dataset,
                              .ns = owner->ns,
                              .owner = owner->id};
    const struct identity *first = hit_owner(hit), *device; /* whose documents the edge put it into */
    enum err rc;

    change->cause = SEGMENT_TIME;
    if (hit->dataset.n == 0)
        return ERR_OK;
    if (hit->source == SOURCE_EDGE && first != NULL && str_eq(first->ns, owner->ns) && str_eq(first->id, owner->id)) {
        e.region = hit->region;
        device = identity_find(&hit->identities, S("ECID"));
        e.device_hash = device != NULL && device != first ? profile_device_hash(device->id) : 0;
    }
    e.json = xdm_text(hit, p->arena);
    if (e.json.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an event");
    rc = hub_cut_event(s->h, hit->scope, hit->xdm, &e, d);
    if (rc != ERR_OK)
        return rc;
    rc = profile_add_event(s->h->kv, p, &e, duplicate, d);
    if (rc == ERR_OK && !*duplicate) {
        change->cause = SEGMENT_EVENT;
        change->event = hit->xdm;
    }
    return rc;
}

/* Sources send whole tables again and again. The same row in the only fragment changes no attribute. */
static bool
is_same_row(const struct profile *p, const struct profile_fragment *f, bool upsert)
{
    return !upsert && p->fragment_count == 1 && p->consent.n == 0 && str_eq(p->fragments[0].dataset, f->dataset) &&
           str_eq(p->fragments[0].json, f->json);
}

static enum err
put_record(const struct hub_step *s, const struct hit *hit, const struct identity *owner, struct profile *p,
           struct hub_change *change, struct diag *d)
{
    struct profile_fragment f = {
        .dataset = hit->dataset, .ns = owner->ns, .id = owner->id, .ingested_ms = s->now_ms, .batch = hit->batch};

    if (!json_is(hit->xdm, JSON_OBJECT))
        return diag_set(d, ERR_INVALID, "record: must be an object, got %s", json_type_name(json_type(hit->xdm)));
    f.json = xdm_text(hit, p->arena);
    if (f.json.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a record");
    change->cause = is_same_row(p, &f, hit->upsert) ? SEGMENT_TIME : SEGMENT_ATTRIBUTES;
    return profile_put_record(p, &f, hit->upsert, d);
}

/* Preferences come bare or as the member of the consents field group. */
static enum err
put_consent(const struct hub_step *s, const struct hit *hit, struct profile *p, struct diag *d)
{
    const struct json *inner = json_get(hit->consent, S("consents"));

    return profile_put_consent(p, inner != NULL ? inner : hit->consent, false, s->now_ms, d);
}

/* Notes which run named the person; whether that makes a member of him is for hub_refresh(). A run that counts no more,
 * or an audience that is no more, says nothing. */
static enum err
put_member(const struct hub_step *s, const struct hit *hit, struct profile *p, struct diag *d)
{
    const struct hub_scope *sc = hub_scope(s->h, hit->scope);
    uint32_t number = profile_names_find(&s->h->names, hit->audience);
    const struct segment_external *x = sc != NULL ? segment_external_numbered(&sc->set, number) : NULL;
    const struct profile_membership *before = profile_membership_numbered(p, number);
    struct profile_membership m = {hit->audience, false, 0, number, 0};

    if (x == NULL || hit->run == 0 || hit->run < x->floor)
        return ERR_OK;
    if (before != NULL)
        m = *before;
    m.run = hit->run > m.run ? hit->run : m.run;
    return profile_put_membership(p, &m, d);
}

static enum err
put_content(const struct hub_step *s, const struct hit *hit, const struct graph_link *link, struct profile *p,
            struct hub_change *change, bool *duplicate, struct diag *d)
{
    switch (hit->kind) {
    case HIT_EVENT:
        return put_event(s, hit, link->owner, p, change, duplicate, d);
    case HIT_RECORD:
        return put_record(s, hit, link->owner, p, change, d);
    case HIT_CONSENT:
        change->cause = SEGMENT_ATTRIBUTES;
        return put_consent(s, hit, p, d);
    case HIT_MEMBER:
        return put_member(s, hit, p, d);
    case HIT_TICK:
    case HIT_JOB:
    case HIT_RECOUNT:
    case HIT_VISIT:
        break;
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static void
reject(const struct hub_step *s, const struct diag *d)
{
    metric_inc(M_HUB_REJECTED);
    log_warn("hub_rejected", "partition=%u offset=%llu reason=\"%s\"", (unsigned)(s->cause >> 48 & 0x7fff),
             (unsigned long long)((s->cause & 0xffffffffffffu) - 1), d->what);
}

/* Events of one profile within a second that are still a visitor's [SEGMENTATION 14.4]. More are stored, and wait for a
 * job. */
static enum err
is_bot(const struct hub_step *s, const struct profile *p, int64_t event_ms, bool *bot, struct diag *d)
{
    struct profile_event *events;
    size_t n, within = 0;
    enum err rc = profile_events_after(s->h->kv, p, event_ms - MS_PER_SECOND, SIZE_MAX, p->arena, &events, &n, d);

    for (size_t i = 0; rc == ERR_OK && i < n; i++)
        within += events[i].ms <= event_ms;
    *bot = rc == ERR_OK && within > LIMIT_EVENTS_PER_SECOND;
    return rc;
}

/* In a strict sandbox, an event that is a day old or a bot's is to be evaluated as if it had come in a batch. */
static enum err
hold_back(struct hub_step *s, const struct hit *hit, const struct profile *p, const struct hub_change *change,
          struct diag *d)
{
    const struct hub_scope *sc = hub_scope(s->h, p->scope);
    int64_t event_ms = hit->event_ms != 0 ? hit->event_ms : s->now_ms;
    bool bot = false;
    enum err rc = ERR_OK;

    if (sc == NULL || !sc->set.strict)
        return ERR_OK;
    if (change->cause == SEGMENT_EVENT)
        rc = is_bot(s, p, event_ms, &bot, d);
    if (bot)
        metric_inc(M_HUB_BOT_EVENTS);
    if (bot || event_ms < s->now_ms - MS_PER_DAY)
        s->by = SEGMENT_BY_BATCH;
    return rc;
}

static enum err
fold_hit(struct hub_step *s, const struct hit *hit, struct diag *d)
{
    struct hub *h = s->h;
    struct hub_change change = {.cause = SEGMENT_TIME};
    struct graph_link link;
    struct profile p;
    bool duplicate = false;
    enum err rc;

    s->by = hit->source == SOURCE_BATCH ? SEGMENT_BY_BATCH : SEGMENT_BY_STREAM;
    rc = identify(s, hit, &link, &p, d);
    if (is_rejection(rc)) {
        reject(s, d);
        return ERR_OK;
    }
    if (rc == ERR_OK)
        rc = put_content(s, hit, &link, &p, &change, &duplicate, d);
    if (is_rejection(rc)) { /* the identities are linked all the same: what the graph united must be saved */
        reject(s, d);
        change = (struct hub_change){.cause = SEGMENT_TIME};
        rc = ERR_OK;
    }
    if (rc != ERR_OK)
        return rc;
    mark_regions(s, hit, &link, &p);
    if (s->now_ms > p.changed_ms)
        p.changed_ms = s->now_ms;
    rc = hold_back(s, hit, &p, &change, d);
    if (rc == ERR_OK)
        rc = hub_refresh(s, &p, &change, d);
    if (rc == ERR_OK && hit->kind == HIT_EVENT && !duplicate)
        rc = results_fold(h->kv, hit, s->now_ms, &h->arena, d);
    if (is_rejection(rc)) {
        reject(s, d);
        rc = ERR_OK;
    }
    return rc;
}

/* A request of the Target part: no person's, and no profile's. */
static enum err
fold_visit(struct hub_step *s, const struct hit *hit, struct diag *d)
{
    enum err rc = results_fold(s->h->kv, hit, s->now_ms, &s->h->arena, d);

    if (!is_rejection(rc))
        return rc;
    reject(s, d);
    return ERR_OK;
}

/* One that passes a limit leaves the counters as they are. */
static enum err
fold_recount(struct hub_step *s, const struct hit *hit, struct diag *d)
{
    enum err rc = hub_fold_recount(s->h, hit, s->now_ms, d);

    if (!is_rejection(rc))
        return rc;
    reject(s, d);
    return ERR_OK;
}

/* A run's rows come when its audience was saved with what they need, a job is about the audiences that were there when
 * it was asked for, and an end that was moved before its instant is no end at a tick behind it: the snapshot of this
 * round may be older than each of them. */
static enum err
renew_snapshot(struct hub *h, const struct record *r, struct hit *hit, struct diag *d)
{
    const struct snapshot *newest = snapshot_get(h->o.config);
    bool same = h->snap != NULL && newest->version == h->snap->version;
    enum err rc;

    snapshot_put(h->o.config, newest);
    if (same)
        return ERR_OK;
    rc = hub_take_snapshot(h, d); /* it uses the arena */
    arena_reset(&h->arena);
    return rc == ERR_OK ? hit_read(r->value, &h->arena, hit, d) : rc;
}

enum err
hub_fold(struct hub *h, size_t partition, const struct record *r, struct diag *d)
{
    int64_t now_ms = r->time_ms > h->state.clock_ms ? r->time_ms : h->state.clock_ms;
    struct hub_step step = {.h = h, .now_ms = now_ms, .cause = hub_cause(partition, r->offset)};
    struct hit hit;
    enum err rc;

    arena_reset(&h->arena);
    rc = hit_read(r->value, &h->arena, &hit, d);
    if (rc == ERR_CORRUPT) { /* not even a tick: the log is checked below us, so somebody wrote something else */
        reject(&step, d);
        return ERR_OK;
    }
    if (rc == ERR_OK && (hit.kind == HIT_JOB || hit.kind == HIT_MEMBER || hit.kind == HIT_TICK))
        rc = renew_snapshot(h, r, &hit, d);
    if (rc != ERR_OK)
        return rc;
    if (kv_earliest_due(h->kv) != 0 && kv_earliest_due(h->kv) <= now_ms) { /* (1): it uses the arena */
        rc = hub_fire(h, now_ms, step.cause, d);
        arena_reset(&h->arena);
        if (rc == ERR_OK)
            rc = hit_read(r->value, &h->arena, &hit, d);
        if (rc != ERR_OK)
            return rc;
    }
    if (partition == 0)
        rc = hub_named_note(h, r->offset, &hit, d);
    if (rc != ERR_OK)
        return rc;
    h->state.clock_ms = now_ms;
    h->state.rev = h->state.rev + 1 > r->offset + 1 ? h->state.rev + 1 : r->offset + 1;
    h->state_changed = true;
    if (hit.kind == HIT_TICK || hit.lake_only)
        return ERR_OK;
    if (hit.kind == HIT_JOB)
        return hub_fold_job(h, &hit, now_ms, step.cause, d);
    if (hit.kind == HIT_RECOUNT)
        return fold_recount(&step, &hit, d);
    step.accepted_us = hit.accepted_us;
    if (hit.kind == HIT_VISIT)
        return fold_visit(&step, &hit, d);
    return fold_hit(&step, &hit, d);
}
