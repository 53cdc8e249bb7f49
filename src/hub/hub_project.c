/* hub_project.c - what an edge is told about a person [PLATFORM 6.2]: memberships and attributes that are mapped to an
 * edge destination, the last day's events as far as the edge's rules read them, and the consent.
 *
 * The content is hashed. An entry of the profile's region list remembers the hash that its edge was sent last, so that
 * an edge hears of changes only; a new entry has none and is told at once. */
#include "hub/hub_int.h"

#include "base/hash.h"
#include "base/metric.h"

static enum err
add_memberships(const struct hub_scope *sc, const struct profile *p, struct arena *a, struct projection *out,
                struct diag *d)
{
    const struct scope_view *v = sc->view;

    out->memberships = ARENA_ARRAY(a, struct projected_membership, v->projected_audience_count);
    if (out->memberships == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a projection");
    for (size_t i = 0; i < v->projected_audience_count && p->membership_count > 0; i++) {
        const struct profile_membership *m = profile_membership(p, v->projected_audiences[i]);
        if (m == NULL)
            continue;
        out->memberships[out->membership_count++] = (struct projected_membership){m->audience, m->member, m->since_ms};
    }
    return ERR_OK;
}

static uint64_t
hash_memberships(const struct projection *p, uint64_t seed)
{
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct projected_membership *m = &p->memberships[i];
        int64_t signed_ms = m->member ? m->since_ms : -m->since_ms;
        seed = hash_bytes(m->audience, seed);
        seed = hash_bytes((struct str){(const char *)&signed_ms, sizeof signed_ms}, seed);
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
    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    subset_write(&w, sc->events, event);
    e->cut = buf_ok(&text) ? arena_str(&h->arena, buf_str(&text)) : S_NULL;
    e->cut_signature = sc->events_signature;
    buf_deinit(&text);
    return e->cut.p != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for an event");
}

static enum err
write_event(const struct hub_scope *sc, const struct profile *p, const struct profile_event *e, struct jw *w,
            struct diag *d)
{
    const struct json *event;
    enum err rc;

    if (e->cut_signature == sc->events_signature) {
        jw_raw(w, e->cut);
        return ERR_OK;
    }
    rc = json_parse(e->json, p->arena, &event, d); /* it came when edges read something else */
    if (rc == ERR_OK)
        subset_write(w, sc->events, event);
    return rc == ERR_INVALID || rc == ERR_LIMIT
               ? diag_set(d, ERR_CORRUPT, "profile %llu: a stored event is not JSON", (unsigned long long)p->id)
               : rc;
}

static enum err
write_events(struct hub *h, const struct hub_scope *sc, const struct profile *p, int64_t now_ms, struct buf *text,
             struct diag *d)
{
    struct jw w = jw_to(text);
    struct profile_event *events;
    size_t n;
    enum err rc;

    if (sc->events == NULL)
        return ERR_OK;
    rc = profile_events_after(h->kv, p, now_ms - LIMIT_EDGE_EVENTS_MS, LIMIT_EDGE_EVENTS, p->arena, &events, &n, d);
    jw_array(&w);
    for (size_t i = 0; rc == ERR_OK && i < n; i++)
        rc = write_event(sc, p, &events[i], &w, d);
    jw_end(&w);
    return rc;
}

static enum err
parse_part(const struct buf *text, struct arena *a, const struct json **out, struct diag *d)
{
    if (text->n == 0)
        return ERR_OK;
    return json_parse(buf_str(text), a, out, d);
}

struct str
hub_profile_name(uint64_t id, struct arena *a)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + id % 10);
        id /= 10;
    } while (id != 0);
    return arena_str(a, (struct str){digits + at, sizeof digits - at});
}

enum err
hub_content(struct hub *h, const struct hub_scope *sc, const struct profile *p, int64_t now_ms, struct arena *a,
            struct hub_content *out, struct diag *d)
{
    struct hub_content c = {0};
    struct buf attributes, events;
    enum err rc;

    buf_init(&attributes, LIMIT_RECORD_VALUE_BYTES / 2);
    buf_init(&events, LIMIT_RECORD_VALUE_BYTES / 4);
    c.projection.profile_id = hub_profile_name(p->id, a);
    c.projection.consent_out = p->consent_out;
    rc = add_memberships(sc, p, a, &c.projection, d);
    if (rc == ERR_OK)
        rc = write_attributes(sc, p, &attributes, d);
    if (rc == ERR_OK)
        rc = write_events(h, sc, p, now_ms, &events, d);
    if (rc == ERR_OK && (!buf_ok(&attributes) || !buf_ok(&events) || c.projection.profile_id.p == NULL))
        rc = diag_set(d, ERR_NOMEM, "no memory for a projection");
    c.hash = hash_memberships(&c.projection, p->consent_out);
    c.hash = hash_bytes(c.projection.profile_id, c.hash);
    c.hash = hash_bytes(buf_str(&attributes), c.hash);
    c.hash = hash_bytes(buf_str(&events), c.hash) | 1; /* 0 says "never projected" */
    if (rc == ERR_OK)
        rc = parse_part(&attributes, a, &c.projection.attributes, d);
    if (rc == ERR_OK)
        rc = parse_part(&events, a, &c.projection.events, d);
    buf_deinit(&attributes);
    buf_deinit(&events);
    if (rc == ERR_OK)
        *out = c;
    return rc;
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
                const struct projection *content, struct diag *d)
{
    struct record record = {.time_ms = s->now_ms, .cause = s->cause};
    struct projection projection = *content;
    struct buf key, value;
    enum err rc;

    projection.rev = s->h->state.rev;
    projection.accepted_us = s->accepted_us;
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    buf_init(&value, LIMIT_RECORD_VALUE_BYTES);
    identity_key(&key, p->scope, r->ns, r->id);
    projection_write(&value, &projection);
    record.key = buf_str(&key);
    record.value = buf_str(&value);
    rc = buf_ok(&key) && buf_ok(&value) ? hub_emit(s->h, out, &record, d)
                                        : diag_set(d, ERR_NOMEM, "no memory for a projection");
    buf_deinit(&key);
    buf_deinit(&value);
    metric_inc(M_HUB_PROJECTIONS);
    return rc;
}

enum err
hub_project(const struct hub_step *s, const struct hub_scope *sc, struct profile *p, bool *emitted, struct diag *d)
{
    struct hub *h = s->h;
    struct hub_content content = {0};
    enum err rc = ERR_OK;

    for (size_t i = 0; i < p->region_count && rc == ERR_OK; i++) {
        struct profile_region *r = &p->regions[i];
        struct hub_out *out = out_of_region(h, r->region);
        if (out == NULL || r->seen_ms <= s->now_ms - LIMIT_EDGE_PROFILE_TTL_MS)
            continue;
        if (content.hash == 0)
            rc = hub_content(h, sc, p, s->now_ms, &h->arena, &content, d);
        if (rc != ERR_OK || r->projected == content.hash)
            continue;
        rc = emit_projection(s, out, p, r, &content.projection, d);
        r->projected = content.hash;
        *emitted = true;
    }
    return rc;
}
