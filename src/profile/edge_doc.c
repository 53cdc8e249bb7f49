/* edge_doc.c - packing and folds of an edge's profile document. */
#include "profile/edge_doc_int.h"

#include "base/civil.h"
#include "base/hash.h"
#include "base/limits.h"
#include "codec/pack.h"

#define EDGE_DOC_VERSION 2
#define FLAG_PROJECTED 1

static uint64_t
id_hash(struct str id)
{
    return hash_bytes(id, 0);
}

void
edge_doc_write(struct buf *out, const struct edge_doc *d)
{
    pack_u64(out, EDGE_DOC_VERSION);
    pack_u64(out, d->projected ? FLAG_PROJECTED : 0);
    pack_u64(out, d->consent);
    pack_i64(out, d->first_ms);
    pack_i64(out, d->seen_ms);
    pack_u64(out, d->rev);
    pack_u64(out, d->membership_count);
    for (size_t i = 0; i < d->membership_count; i++) {
        pack_str(out, d->memberships[i].audience);
        pack_u64(out, d->memberships[i].member);
        pack_i64(out, d->memberships[i].since_ms);
    }
    pack_str(out, d->attributes);
    pack_u64(out, d->event_count);
    for (size_t i = 0; i < d->event_count; i++) {
        pack_fixed64(out, d->events[i].id_hash);
        pack_i64(out, d->events[i].ms);
        pack_str(out, d->events[i].json);
    }
    pack_str(out, d->visitor);
    pack_str(out, d->visitor_at);
    pack_u64(out, d->visitor_at_from);
    pack_str(out, d->rule_state);
}

#define HEAD_BYTES 80u /* version, flags, consent, times, two offsets, two counts, and the lengths of four texts */
#define NUMBER_BYTES 10u
_Static_assert(3 + 4 * NUMBER_BYTES + 2 * 4 + 4 * 4 <= HEAD_BYTES, "counts and lengths are below 2^28");

static size_t
varint_bytes(uint64_t v)
{
    size_t n = 1;

    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

/* What is left of the room after `bytes`; false: they do not fit. */
static bool
take(size_t *room, size_t bytes)
{
    if (bytes > *room)
        return false;
    *room -= bytes;
    return true;
}

static void
fit_text(struct str *s, size_t *room)
{
    if (!take(room, s->n))
        *s = S_NULL;
}

void
edge_doc_fit(struct edge_doc *d, size_t bytes_max)
{
    size_t room = bytes_max - HEAD_BYTES, kept;

    fit_text(&d->visitor_at, &room);
    fit_text(&d->visitor, &room);
    for (kept = 0; kept < d->membership_count; kept++) {
        if (!take(&room, d->memberships[kept].audience.n + 2 * NUMBER_BYTES + 1))
            break;
    }
    d->membership_count = kept;
    fit_text(&d->attributes, &room);
    fit_text(&d->rule_state, &room);
    for (kept = 0; kept < d->event_count; kept++) {
        const struct edge_event *e = &d->events[d->event_count - kept - 1];
        if (!take(&room, 8 + NUMBER_BYTES + varint_bytes(e->json.n) + e->json.n))
            break;
    }
    if (d->event_count > kept)
        d->events += d->event_count - kept;
    d->event_count = kept;
}

size_t
edge_doc_unpack_count(struct unpack *u)
{
    uint64_t n = unpack_u64(u);

    if (n > unpack_left(u)) {
        u->bad = true;
        return 0;
    }
    return (size_t)n;
}

static enum err
read_lists(struct unpack *u, struct arena *a, struct edge_doc *doc, struct diag *d)
{
    doc->membership_count = edge_doc_unpack_count(u);
    doc->memberships = ARENA_ARRAY(a, struct projected_membership, doc->membership_count);
    for (size_t i = 0; doc->memberships != NULL && i < doc->membership_count; i++) {
        doc->memberships[i].audience = unpack_str(u);
        doc->memberships[i].member = unpack_u64(u) != 0;
        doc->memberships[i].since_ms = unpack_i64(u);
    }
    doc->attributes = unpack_str(u);
    doc->event_count = edge_doc_unpack_count(u);
    doc->events = ARENA_ARRAY(a, struct edge_event, doc->event_count + 1); /* room for the request's own */
    for (size_t i = 0; doc->events != NULL && i < doc->event_count; i++) {
        doc->events[i].id_hash = unpack_fixed64(u);
        doc->events[i].ms = unpack_i64(u);
        doc->events[i].json = unpack_str(u);
    }
    if (doc->memberships == NULL || doc->events == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an edge profile");
    return ERR_OK;
}

enum err
edge_doc_read(struct str bytes, struct arena *a, struct edge_doc *out, struct diag *d)
{
    struct unpack u = unpack_from(bytes);
    struct edge_doc doc = {.known = true};
    uint64_t version = unpack_u64(&u);
    enum err rc;

    doc.projected = unpack_u64(&u) & FLAG_PROJECTED;
    doc.consent = (enum consent_state)(unpack_u64(&u) % 3);
    doc.first_ms = unpack_i64(&u);
    doc.seen_ms = unpack_i64(&u);
    doc.rev = unpack_u64(&u);
    if (version == 0 || version > EDGE_DOC_VERSION || u.bad)
        return diag_set(d, ERR_CORRUPT, "edge profile has version %llu, expected at most %d",
                        (unsigned long long)version, EDGE_DOC_VERSION);
    rc = read_lists(&u, a, &doc, d);
    if (rc != ERR_OK)
        return rc;
    if (version == 1) {
        rc = edge_doc_read_assignments(&u, a, &doc, d);
        if (rc != ERR_OK)
            return rc;
    } else {
        doc.visitor = unpack_str(&u);
        doc.visitor_at = unpack_str(&u);
        doc.visitor_at_from = unpack_u64(&u);
    }
    doc.rule_state = unpack_str(&u);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "edge profile of %zu bytes does not read to its end", bytes.n);
    *out = doc;
    return ERR_OK;
}

/* Oldest first; what left the 24 hours goes, and the oldest beyond the limit. */
static void
trim_events(struct edge_doc *doc, int64_t now_ms)
{
    size_t drop = 0;

    while (drop < doc->event_count &&
           (doc->events[drop].ms < now_ms - LIMIT_EDGE_EVENTS_MS || doc->event_count - drop > LIMIT_EDGE_EVENTS))
        drop++;
    doc->events += drop;
    doc->event_count -= drop;
}

static bool
has_event(const struct edge_doc *doc, uint64_t id)
{
    for (size_t i = 0; i < doc->event_count; i++) {
        if (doc->events[i].id_hash == id)
            return true;
    }
    return false;
}

bool
edge_doc_has_event(const struct edge_doc *doc, struct str event_id)
{
    return has_event(doc, id_hash(event_id));
}

bool
edge_doc_add_event(struct edge_doc *doc, struct str event_id, int64_t event_ms, struct str json, int64_t now_ms,
                   struct arena *a)
{
    uint64_t id = id_hash(event_id);
    struct edge_event *grown;
    size_t at = doc->event_count;

    if (has_event(doc, id))
        return true;
    grown = ARENA_ARRAY(a, struct edge_event, doc->event_count + 2);
    if (grown == NULL)
        return false;
    if (doc->event_count > 0)
        memcpy(grown, doc->events, doc->event_count * sizeof *grown);
    while (at > 0 && grown[at - 1].ms > event_ms) {
        grown[at] = grown[at - 1];
        at--;
    }
    grown[at] = (struct edge_event){id, event_ms, json};
    doc->events = grown;
    doc->event_count++;
    trim_events(doc, now_ms);
    return true;
}

const struct projected_membership *
edge_doc_membership(const struct edge_doc *doc, struct str audience)
{
    for (size_t i = 0; i < doc->membership_count; i++) {
        if (str_eq(doc->memberships[i].audience, audience))
            return &doc->memberships[i];
    }
    return NULL;
}

void
edge_doc_touch(struct edge_doc *doc, int64_t now_ms)
{
    if (doc->first_ms == 0 || now_ms < doc->first_ms)
        doc->first_ms = now_ms;
    if (now_ms > doc->seen_ms)
        doc->seen_ms = now_ms;
    doc->known = true;
}

/* Of an event in a scope without audiences, and of one whose cut is too large. */
static void
write_name_and_time(struct jw *w, const struct json *xdm)
{
    static const char *const members[] = {"_id", "timestamp"};

    jw_object(w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *v = json_get(xdm, str_of(members[i]));
        if (json_is(v, JSON_STRING))
            jw_kjson(w, str_of(members[i]), v);
    }
    jw_end(w);
}

static enum err
fold_event(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms, struct arena *a,
           struct diag *d)
{
    struct buf text;
    struct jw w;
    bool added;

    if (h->kind != HIT_EVENT || h->xdm == NULL || edge_doc_has_event(doc, h->event_id))
        return ERR_OK;
    buf_init_in(&text, a, LIMIT_EVENT_BYTES);
    w = jw_to(&text);
    if (event_cut != NULL)
        subset_write(&w, event_cut, h->xdm);
    else
        write_name_and_time(&w, h->xdm);
    if (!buf_ok(&text)) { /* numbers written out take up to four times their room in the request */
        buf_clear(&text);
        w = jw_to(&text);
        write_name_and_time(&w, h->xdm);
    }
    added = buf_ok(&text) && edge_doc_add_event(doc, h->event_id, h->event_ms, buf_str(&text), now_ms, a);
    doc->rule_state = S_NULL;
    return added ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for an edge profile's event");
}

enum err
edge_doc_fold_owner(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                    struct arena *a, struct diag *d)
{
    edge_doc_touch(doc, now_ms);
    return fold_event(doc, h, event_cut, now_ms, a, d);
}

enum err
edge_doc_fold_device(struct edge_doc *doc, const struct hit *h, const struct subset *event_cut, int64_t now_ms,
                     struct arena *a, struct diag *d)
{
    enum err rc = fold_event(doc, h, event_cut, now_ms, a, d);

    if (rc != ERR_OK)
        return rc;
    edge_doc_touch(doc, now_ms);
    if (h->kind == HIT_CONSENT) {
        struct str val = json_str(json_path(h->consent, S("collect.val")));
        if (str_eq(val, S("n")))
            doc->consent = CONSENT_OUT;
        else if (str_eq(val, S("y")))
            doc->consent = CONSENT_IN;
    }
    return ERR_OK;
}

static bool
same_memberships(const struct edge_doc *doc, const struct projection *p)
{
    if (doc->membership_count != p->membership_count)
        return false;
    for (size_t i = 0; i < p->membership_count; i++) {
        if (doc->memberships[i].member != p->memberships[i].member ||
            !str_eq(doc->memberships[i].audience, p->memberships[i].audience))
            return false;
    }
    return true;
}

/* The person's events as the hub knows them join those that this edge saw itself. *added: some were new here. */
static enum err
add_projected_events(struct edge_doc *doc, const struct json *events, int64_t now_ms, bool *added, struct arena *a,
                     struct diag *d)
{
    struct json_iter it;
    struct buf text;
    bool ok = true;

    buf_init(&text, LIMIT_EVENT_BYTES);
    for (it = json_iter(events); ok && json_next(&it);) {
        struct str id = json_str(json_get(it.value, S("_id"))), json;
        int64_t ms;
        if (edge_doc_has_event(doc, id) || !iso8601_parse(json_str(json_get(it.value, S("timestamp"))), &ms, NULL))
            continue;
        buf_clear(&text);
        json_write(&text, it.value);
        if (!buf_ok(&text))
            continue;
        json = arena_str(a, buf_str(&text));
        ok = json.p != NULL && edge_doc_add_event(doc, id, ms, json, now_ms, a);
        *added = true;
    }
    buf_deinit(&text);
    return ok ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a projection's events");
}

enum err
edge_doc_fold_projection(struct edge_doc *doc, const struct projection *p, int64_t now_ms, struct arena *a,
                         struct diag *d)
{
    bool changed = !doc->projected || !same_memberships(doc, p);
    struct buf text;
    enum err rc;

    if (doc->projected && p->rev < doc->rev)
        return ERR_OK;
    doc->projected = true;
    doc->rev = p->rev;
    doc->memberships = p->memberships;
    doc->membership_count = p->membership_count;
    if (p->consent_out)
        doc->consent = CONSENT_OUT;
    buf_init(&text, LIMIT_EDGE_PROFILE_BYTES);
    if (p->attributes != NULL)
        json_write(&text, p->attributes);
    if (!buf_ok(&text))
        buf_clear(&text);
    if (!str_eq(buf_str(&text), doc->attributes)) {
        doc->attributes = arena_str(a, buf_str(&text));
        changed = true;
    }
    buf_deinit(&text);
    rc = add_projected_events(doc, p->events, now_ms, &changed, a, d);
    if (changed)
        doc->rule_state = S_NULL; /* the rules' state was built from something else */
    return rc;
}
