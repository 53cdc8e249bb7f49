/* profile_doc.c - the packed document: reading borrows every string from one copy of the row, so that a load costs a
 * copy and a walk, and a save a walk and a copy. Layout: docs/formats/profile.md. */
#include "profile/profile_int.h"

#include "base/check.h"
#include "base/limits.h"

#define DOC_VERSION 3
#define FLAG_CONSENT_OUT 1u
#define FLAG_RUNS 2u
#define FLAG_OPTED_OUT 4u
#define SPARE 4 /* room for what one record usually adds */

void
profile_key(struct buf *out, struct str scope, uint64_t id)
{
    buf_putc(out, 'P');
    buf_put(out, scope);
    buf_putc(out, 0x1f);
    pack_fixed64(out, id);
}

bool
profile_key_read(struct str key, struct str *scope, uint64_t *id)
{
    struct unpack u;

    if (key.n < 10 || key.p[0] != 'P' || key.p[key.n - 9] != 0x1f)
        return false;
    *scope = str_slice(key, 1, key.n - 9);
    u = unpack_from(str_slice(key, key.n - 8, key.n));
    *id = unpack_fixed64(&u);
    return true;
}

void
profile_touch(struct profile *p)
{
    p->cache->merged = NULL;
}

void *
profile_room(struct arena *a, void *items, size_t count, size_t *cap, size_t item_bytes)
{
    size_t grown = count * 2 + SPARE;
    void *p;

    if (count < *cap)
        return items;
    p = arena_calloc(a, grown, item_bytes);
    if (p == NULL)
        return NULL;
    if (count > 0)
        memcpy(p, items, count * item_bytes);
    *cap = grown;
    return p;
}

/* ---- writing ---- */

void
profile_event_pack(struct buf *b, const struct profile_event *e)
{
    pack_str(b, e->id);
    pack_i64(b, e->ms);
    pack_str(b, e->dataset);
    pack_str(b, e->ns);
    pack_str(b, e->owner);
    pack_str(b, e->region);
    if (e->region.n > 0)
        pack_fixed64(b, e->device_hash);
    pack_str(b, e->json);
    pack_fixed32(b, e->cut_signature);
    if (e->cut_signature != 0)
        pack_str(b, e->cut);
}

static void
pack_fragments(struct buf *b, const struct profile *p)
{
    pack_u64(b, p->fragment_count);
    for (size_t i = 0; i < p->fragment_count; i++) {
        const struct profile_fragment *f = &p->fragments[i];
        pack_str(b, f->dataset);
        pack_str(b, f->ns);
        pack_str(b, f->id);
        pack_i64(b, f->ingested_ms);
        pack_str(b, f->batch);
        pack_str(b, f->json);
        pack_str(b, f->times);
    }
}

static void
pack_memberships(struct buf *b, const struct profile *p)
{
    uint32_t number = 0;
    int64_t since_ms = 0;

    pack_u64(b, p->membership_count);
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct profile_membership *m = &p->memberships[i];
        CHECK(m->number > number);
        pack_u64(b, (uint64_t)(m->number - number) << 1 | m->member);
        pack_i64(b, (int64_t)((uint64_t)m->since_ms - (uint64_t)since_ms));
        number = m->number;
        since_ms = m->since_ms;
    }
}

static uint64_t
external_count(const struct profile *p)
{
    uint64_t n = 0;

    for (size_t i = 0; i < p->membership_count && p->has_runs; i++)
        n += p->memberships[i].run != 0;
    return n;
}

/* Few profiles have any: they follow at the end. */
static void
pack_runs(struct buf *b, const struct profile *p, uint64_t count)
{
    uint32_t number = 0;

    if (count == 0)
        return;
    pack_u64(b, count);
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct profile_membership *m = &p->memberships[i];
        if (m->run == 0)
            continue;
        pack_u64(b, m->number - number);
        pack_u64(b, m->run);
        number = m->number;
    }
}

static void
pack_regions(struct buf *b, const struct profile *p)
{
    pack_u64(b, p->region_count);
    for (size_t i = 0; i < p->region_count; i++) {
        const struct profile_region *r = &p->regions[i];
        pack_str(b, r->region);
        pack_i64(b, r->seen_ms);
        pack_str(b, r->ns);
        pack_str(b, r->id);
        pack_fixed64(b, r->projected);
    }
}

enum err
profile_save(struct kv *k, const struct profile *p, int64_t due_ms, struct diag *d)
{
    uint64_t externals = external_count(p);
    struct buf b, key;
    enum err rc;

    buf_init_in(&b, p->arena, LIMIT_RECORD_VALUE_BYTES);
    buf_init_in(&key, p->arena, LIMIT_RECORD_KEY_BYTES);
    (void)buf_grow(&b, 2u * PROFILE_CHUNK_BYTES); /* most documents fit: one allocation. A failure shows at the end */
    pack_u64(&b, DOC_VERSION);
    pack_u64(&b, (p->consent_out ? FLAG_CONSENT_OUT : 0) | (externals > 0 ? FLAG_RUNS : 0) |
                     (p->opted_out ? FLAG_OPTED_OUT : 0));
    pack_i64(&b, p->changed_ms);
    pack_i64(&b, p->consent_ms);
    pack_str(&b, p->consent);
    pack_fragments(&b, p);
    pack_memberships(&b, p);
    pack_regions(&b, p);
    pack_str(&b, p->rule_state);
    pack_u64(&b, p->first_chunk);
    pack_u64(&b, p->chunk_count);
    pack_i64(&b, p->chunks_newest_ms);
    pack_u64(&b, p->event_count);
    pack_u64(&b, p->recent_count);
    for (size_t i = 0; i < p->recent_count; i++)
        profile_event_pack(&b, &p->recent[i]);
    pack_runs(&b, p, externals);
    profile_key(&key, p->scope, p->id);
    if (b.full && b.n > LIMIT_RECORD_VALUE_BYTES / 2)
        rc = diag_set(d, ERR_LIMIT, "profile %llu: the document is larger than %d bytes", (unsigned long long)p->id,
                      LIMIT_RECORD_VALUE_BYTES);
    else if (!buf_ok(&b) || !buf_ok(&key))
        rc = diag_set(d, ERR_NOMEM, "profile %llu: no memory to save", (unsigned long long)p->id);
    else
        rc = kv_put(k, buf_str(&key), buf_str(&b), due_ms, d);
    return rc;
}

/* ---- reading ---- */

struct profile_event
profile_event_unpack(struct unpack *u)
{
    struct profile_event e = {0};

    e.id = unpack_str(u);
    e.ms = unpack_i64(u);
    e.dataset = unpack_str(u);
    e.ns = unpack_str(u);
    e.owner = unpack_str(u);
    e.region = unpack_str(u);
    if (e.region.n > 0)
        e.device_hash = unpack_fixed64(u);
    e.json = unpack_str(u);
    e.cut_signature = unpack_fixed32(u);
    if (e.cut_signature != 0)
        e.cut = unpack_str(u);
    return e;
}

/* An array for the count that follows, with spare room. A count that the rest of the row cannot hold is damage. */
static void *
array_for(struct unpack *u, struct arena *a, size_t item_bytes, size_t *count, size_t *cap, bool *exhausted)
{
    void *items;

    *count = 0;
    *cap = unpack_u64(u);
    if (*cap > unpack_left(u)) {
        u->bad |= *cap != 0;
        *cap = 0;
    }
    items = arena_calloc(a, *cap + SPARE, item_bytes);
    if (items == NULL)
        *exhausted = true;
    *count = items != NULL ? *cap : 0;
    *cap = items != NULL ? *cap + SPARE : 0;
    return items;
}

static void
unpack_memberships(struct unpack *u, struct profile *p, bool *exhausted)
{
    uint64_t number = 0, since_ms = 0;

    p->memberships =
        array_for(u, p->arena, sizeof *p->memberships, &p->membership_count, &p->membership_cap, exhausted);
    for (size_t i = 0; i < p->membership_count; i++) {
        struct profile_membership *m = &p->memberships[i];
        uint64_t step = unpack_u64(u);
        number += step >> 1;
        since_ms += (uint64_t)unpack_i64(u);
        *m = (struct profile_membership){profile_names_text(p->names, number), step & 1, (int64_t)since_ms,
                                         (uint32_t)number, 0};
        u->bad |= step < 2 || m->audience.p == NULL;
    }
}

static void
unpack_runs(struct unpack *u, struct profile *p)
{
    uint64_t count = unpack_u64(u), number = 0, run;

    p->has_runs = true;
    u->bad |= count == 0 || count > p->membership_count;
    for (uint64_t i = 0; i < count && !u->bad; i++) {
        struct profile_membership *m;
        number += unpack_u64(u);
        run = unpack_u64(u);
        m = number <= UINT32_MAX ? profile_membership_at(p, (uint32_t)number) : NULL;
        u->bad |= m == NULL || run == 0;
        if (m != NULL)
            m->run = run;
    }
}

static void
unpack_lists(struct unpack *u, struct profile *p, bool *exhausted)
{
    struct arena *a = p->arena;

    p->fragments = array_for(u, a, sizeof *p->fragments, &p->fragment_count, &p->fragment_cap, exhausted);
    for (size_t i = 0; i < p->fragment_count; i++) {
        struct profile_fragment *f = &p->fragments[i];
        f->dataset = unpack_str(u);
        f->ns = unpack_str(u);
        f->id = unpack_str(u);
        f->ingested_ms = unpack_i64(u);
        f->batch = unpack_str(u);
        f->json = unpack_str(u);
        f->times = unpack_str(u);
    }
    unpack_memberships(u, p, exhausted);
    p->regions = array_for(u, a, sizeof *p->regions, &p->region_count, &p->region_cap, exhausted);
    for (size_t i = 0; i < p->region_count; i++) {
        struct profile_region *r = &p->regions[i];
        r->region = unpack_str(u);
        r->seen_ms = unpack_i64(u);
        r->ns = unpack_str(u);
        r->id = unpack_str(u);
        r->projected = unpack_fixed64(u);
    }
}

static enum err
unpack_doc(struct str bytes, struct profile *p, struct diag *d)
{
    struct unpack u = unpack_from(bytes);
    uint64_t version = unpack_u64(&u), flags;
    bool exhausted = false;

    if (!u.bad && version != DOC_VERSION)
        return diag_set(d, ERR_UNSUPPORTED,
                        "profile %llu: the document is of version %llu, this program reads version %d only",
                        (unsigned long long)p->id, (unsigned long long)version, DOC_VERSION);
    flags = unpack_u64(&u);
    p->consent_out = (flags & FLAG_CONSENT_OUT) != 0;
    p->opted_out = (flags & FLAG_OPTED_OUT) != 0;
    p->changed_ms = unpack_i64(&u);
    p->consent_ms = unpack_i64(&u);
    p->consent = unpack_str(&u);
    unpack_lists(&u, p, &exhausted);
    p->rule_state = unpack_str(&u);
    p->first_chunk = (uint32_t)unpack_u64(&u);
    p->chunk_count = (uint32_t)unpack_u64(&u);
    p->chunks_newest_ms = unpack_i64(&u);
    p->event_count = (uint32_t)unpack_u64(&u);
    p->recent = array_for(&u, p->arena, sizeof *p->recent, &p->recent_count, &p->recent_cap, &exhausted);
    for (size_t i = 0; i < p->recent_count; i++)
        p->recent[i] = profile_event_unpack(&u);
    if (!exhausted && (flags & FLAG_RUNS) != 0)
        unpack_runs(&u, p);
    if (exhausted)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory to load", (unsigned long long)p->id);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "profile %llu: the document is damaged", (unsigned long long)p->id);
    return ERR_OK;
}

enum err
profile_new(struct kv *k, struct profile_names *names, struct str scope, uint64_t id, struct arena *a,
            struct profile *out, struct diag *d)
{
    struct profile p = {
        .id = id, .scope = scope, .names = names, .created = true, .arena = a, .chunks_newest_ms = INT64_MIN};

    (void)k;
    p.cache = ARENA_NEW(a, struct profile_cache);
    if (p.cache == NULL)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory to load", (unsigned long long)id);
    *out = p;
    return ERR_OK;
}

enum err
profile_load(struct kv *k, struct profile_names *names, struct str scope, uint64_t id, struct arena *a,
             struct profile *out, struct diag *d)
{
    struct profile p = {0};
    struct str value = S_NULL, copy;
    struct buf key;
    enum err rc = profile_new(k, names, scope, id, a, &p, d);

    if (rc != ERR_OK)
        return rc;
    buf_init_in(&key, a, LIMIT_RECORD_KEY_BYTES);
    profile_key(&key, scope, id);
    rc = buf_ok(&key) ? kv_get(k, buf_str(&key), &value, d) : diag_set(d, ERR_NOMEM, "no memory for a profile's key");
    if (rc == ERR_NOT_FOUND) {
        rc = ERR_OK;
    } else if (rc == ERR_OK) {
        p.created = false;
        copy = arena_str(a, value);
        rc = copy.p != NULL ? unpack_doc(copy, &p, d)
                            : diag_set(d, ERR_NOMEM, "profile %llu: no memory to load", (unsigned long long)id);
    }
    if (rc == ERR_OK)
        *out = p;
    return rc;
}

enum err
profile_due(struct kv *k, const struct profile *p, int64_t *due_ms, struct diag *d)
{
    struct buf key;

    buf_init_in(&key, p->arena, LIMIT_RECORD_KEY_BYTES);
    profile_key(&key, p->scope, p->id);
    if (!buf_ok(&key))
        return diag_set(d, ERR_NOMEM, "no memory for a profile's key");
    *due_ms = kv_due_of(k, buf_str(&key));
    return ERR_OK;
}
