/* hub_project.c - what an edge is told about a person [PLATFORM 6.2]: memberships and attributes that are mapped to an
 * edge destination, the last day's events as far as the edge's rules read them, and the consent.
 *
 * The content is hashed. An entry of the profile's region list remembers the hash that its edge was sent last, so that
 * an edge hears of changes only; a new entry has none and is told at once.
 *
 * An event that the edge accepted under the entry's own identity is in its document already (profile_event.region): it
 * travels with the first projection only and counts for no hash. So a page view comes back to its edge only when it
 * changed something there. */
#include "hub/hub_int.h"

#include "base/hash.h"
#include "base/metric.h"

static enum err
add_memberships(const struct hub_scope *sc, const struct profile *p, struct arena *a, struct projection *out,
                struct diag *d)
{
    out->memberships = arena_alloc(a, p->membership_count * sizeof *out->memberships);
    if (out->memberships == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a projection");
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct profile_membership *m = &p->memberships[i];
        if (!m->member || m->number >= sc->projected_end || !sc->projected[m->number])
            continue; /* to an edge, absent says "not a member" */
        out->memberships[out->membership_count++] = (struct projected_membership){m->audience, true, m->since_ms};
    }
    return ERR_OK;
}

static uint64_t
hash_memberships(const struct projection *p, uint64_t seed)
{
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct projected_membership *m = &p->memberships[i];
        seed = hash_bytes(m->audience, seed);
        seed = hash_bytes((struct str){(const char *)&m->since_ms, sizeof m->since_ms}, seed);
    }
    return seed;
}

static enum err
write_attributes(const struct hub_scope *sc, const struct profile *p, struct buf *text, struct diag *d)
{
    const struct json *merged;
    struct jw w = jw_to(text);
    enum err rc;

    if (sc->view->projected_path_count == 0)
        return ERR_OK;
    rc = profile_merge(p, p->arena, &merged, d);
    if (rc == ERR_OK)
        subset_write(&w, sc->attributes, merged);
    return rc;
}

enum err
hub_cut_event(struct hub *h, struct str scope, const struct json *event, struct profile_event *e, struct diag *d)
{
    const struct hub_scope *sc = hub_scope(h, scope);
    struct buf text;
    struct jw w;

    if (sc == NULL || sc->events == NULL)
        return ERR_OK;
    buf_init_in(&text, &h->arena, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    subset_write(&w, sc->events, event);
    e->cut = buf_ok(&text) ? buf_str(&text) : S_NULL;
    e->cut_signature = sc->events_signature;
    return e->cut.p != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for an event");
}

/* Makes the cut of an event that came when edges read something else. */
static enum err
cut_again(const struct hub_scope *sc, const struct profile *p, struct profile_event *e, struct diag *d)
{
    const struct json *event;
    struct buf text;
    struct jw w;
    enum err rc = json_parse(e->json, p->arena, &event, d);

    if (rc != ERR_OK)
        return rc == ERR_INVALID || rc == ERR_LIMIT
                   ? diag_set(d, ERR_CORRUPT, "profile %llu: a stored event is not JSON", (unsigned long long)p->id)
                   : rc;
    buf_init_in(&text, p->arena, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    subset_write(&w, sc->events, event);
    e->cut = buf_str(&text);
    e->cut_signature = sc->events_signature;
    return buf_ok(&text) ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a projection");
}

static enum err
add_events(struct hub *h, const struct hub_scope *sc, const struct profile *p, int64_t now_ms, struct hub_content *c,
           struct diag *d)
{
    enum err rc;

    if (sc->events == NULL)
        return ERR_OK;
    rc = profile_events_after(h->kv, p, now_ms - LIMIT_EDGE_EVENTS_MS, LIMIT_EDGE_EVENTS, p->arena, &c->events,
                              &c->event_count, d);
    for (size_t i = 0; rc == ERR_OK && i < c->event_count; i++) {
        if (c->events[i].cut_signature != sc->events_signature)
            rc = cut_again(sc, p, &c->events[i], d);
    }
    return rc;
}

/* The edge that the entry stands for has this event from its visitor. */
static bool
is_own(const struct profile_event *e, const struct profile_region *r)
{
    if (e->region.n == 0 || !str_eq(e->region, r->region))
        return false;
    return (str_eq(e->ns, r->ns) && str_eq(e->owner, r->id)) ||
           (e->device_hash != 0 && str_eq(r->ns, S("ECID")) && e->device_hash == profile_device_hash(r->id));
}

/* without: the entry whose own events are left out; NULL: all are written. */
static struct str
events_text(const struct hub_content *c, const struct profile_region *without, struct arena *a)
{
    struct buf text;
    struct jw w;

    buf_init_in(&text, a, LIMIT_RECORD_VALUE_BYTES / 4);
    w = jw_to(&text);
    jw_array(&w);
    for (size_t i = 0; i < c->event_count; i++) {
        if (without == NULL || !is_own(&c->events[i], without))
            jw_raw(&w, c->events[i].cut);
    }
    jw_end(&w);
    return buf_ok(&text) ? buf_str(&text) : S_NULL;
}

struct str
hub_events_text(const struct hub_content *c, struct arena *a)
{
    return events_text(c, NULL, a);
}

struct str
hub_profile_name(uint64_t id, struct arena *a)
{
    char room[U64_TEXT_BYTES];

    return arena_str(a, u64_text(id, room));
}

enum err
hub_content(struct hub *h, const struct hub_scope *sc, const struct profile *p, int64_t now_ms, struct arena *a,
            struct hub_content *out, struct diag *d)
{
    struct hub_content c = {0};
    struct buf attributes;
    enum err rc;

    buf_init_in(&attributes, a, LIMIT_RECORD_VALUE_BYTES / 2);
    c.projection.profile_id = hub_profile_name(p->id, a);
    c.projection.consent_out = p->consent_out;
    rc = add_memberships(sc, p, a, &c.projection, d);
    if (rc == ERR_OK)
        rc = write_attributes(sc, p, &attributes, d);
    if (rc == ERR_OK)
        rc = add_events(h, sc, p, now_ms, &c, d);
    if (rc == ERR_OK && (!buf_ok(&attributes) || c.projection.profile_id.p == NULL))
        rc = diag_set(d, ERR_NOMEM, "no memory for a projection");
    if (rc != ERR_OK)
        return rc;
    c.projection.attributes_text = buf_str(&attributes);
    c.hash = hash_memberships(&c.projection, p->consent_out);
    c.hash = hash_bytes(c.projection.profile_id, c.hash);
    c.hash = hash_bytes(c.projection.attributes_text, c.hash);
    *out = c;
    return ERR_OK;
}

static struct hub_out *
out_of_region(struct hub *h, struct str region)
{
    for (size_t i = 1; i < h->out_count; i++) {
        if (str_eq(h->outs[i].region, region))
            return &h->outs[i];
    }
    return NULL;
}

static enum err
emit_projection(const struct hub_step *s, struct hub_out *out, const struct profile *p, const struct profile_region *r,
                const struct hub_content *content, struct diag *d)
{
    struct record record = {.time_ms = s->now_ms, .cause = s->cause};
    struct projection projection = content->projection;
    struct arena *a = &s->h->arena;
    struct buf key, value;

    projection.rev = s->h->state.rev;
    projection.accepted_us = s->accepted_us;
    if (content->events != NULL) {
        projection.events_text = events_text(content, r->projected != 0 ? r : NULL, a);
        if (projection.events_text.p == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for a projection");
    }
    buf_init_in(&key, a, LIMIT_RECORD_KEY_BYTES);
    buf_init_in(&value, a, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&value, projection.attributes_text.n + projection.events_text.n + 1024);
    identity_key(&key, p->scope, r->ns, r->id);
    projection_write(&value, &projection);
    if (!buf_ok(&key) || !buf_ok(&value))
        return diag_set(d, ERR_NOMEM, "no memory for a projection");
    record.key = buf_str(&key);
    record.value = buf_str(&value);
    metric_inc(M_HUB_PROJECTIONS);
    return hub_emit(s->h, out, &record, d);
}

/* 0 says "never projected". */
static uint64_t
hash_for(const struct hub_content *c, const struct profile_region *r)
{
    uint64_t hash = c->hash;

    for (size_t i = 0; i < c->event_count; i++) {
        if (!is_own(&c->events[i], r))
            hash = hash_bytes(c->events[i].cut, hash);
    }
    return hash | 1;
}

enum err
hub_project(const struct hub_step *s, const struct hub_scope *sc, struct profile *p, bool *emitted, struct diag *d)
{
    struct hub *h = s->h;
    struct hub_content content = {0};
    bool made = false;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < p->region_count && rc == ERR_OK; i++) {
        struct profile_region *r = &p->regions[i];
        struct hub_out *out = out_of_region(h, r->region);
        uint64_t hash;
        if (out == NULL || r->seen_ms <= s->now_ms - LIMIT_EDGE_PROFILE_TTL_MS)
            continue;
        if (!made)
            rc = hub_content(h, sc, p, s->now_ms, &h->arena, &content, d);
        made = true;
        hash = hash_for(&content, r);
        if (rc != ERR_OK || r->projected == hash)
            continue;
        rc = emit_projection(s, out, p, r, &content, d);
        r->projected = hash;
        *emitted = true;
    }
    return rc;
}
