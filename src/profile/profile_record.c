/* profile_record.c - putting record rows, consent and regions into a loaded profile.
 *
 * A row replaces the fragment of its dataset and owner, or is laid over it leaf by leaf. After the latter, leaves
 * differ in age, so the fragment keeps a tree of times beside its text: merging by newest ingestion stays right
 * [PLATFORM 5.1]. */
#include "profile/profile_int.h"

#include "base/hash.h"
#include "base/limits.h"
#include "codec/json_merge.h"

/* ---- times of leaves ---- */

static void
write_times_below(struct jw *w, const struct json *times, int64_t otherwise)
{
    if (times == NULL)
        jw_i64(w, otherwise);
    else
        jw_json(w, times);
}

/* Writes the times of what json_merge_write() makes of `over` and `under`: over's leaves are of now_ms, under's keep
 * theirs. */
static void
write_times(struct jw *w, const struct json *over, const struct json *under, const struct json *times, int64_t old_ms,
            int64_t now_ms)
{
    struct json_iter it;

    if (json_is(times, JSON_INT)) {
        old_ms = json_i64(times, old_ms);
        times = NULL;
    }
    jw_object(w);
    for (it = json_iter(under); json_next(&it);) {
        const struct json *upper = json_get(over, it.key), *below = json_get(times, it.key);
        if (json_is(upper, JSON_NULL))
            continue;
        jw_key(w, it.key);
        if (upper == NULL)
            write_times_below(w, below, old_ms);
        else if (json_is(upper, JSON_OBJECT) && json_is(it.value, JSON_OBJECT))
            write_times(w, upper, it.value, below, old_ms, now_ms);
        else
            jw_i64(w, now_ms);
    }
    for (it = json_iter(over); json_next(&it);) {
        if (json_get(under, it.key) == NULL && !json_is(it.value, JSON_NULL))
            jw_ki64(w, it.key, now_ms);
    }
    jw_end(w);
}

/* ---- records ---- */

static struct profile_fragment *
find_fragment(const struct profile *p, const struct profile_fragment *f)
{
    for (size_t i = 0; i < p->fragment_count; i++) {
        struct profile_fragment *x = &p->fragments[i];
        if (str_eq(x->dataset, f->dataset) && graph_same(x->ns, x->id, f->ns, f->id))
            return x;
    }
    return NULL;
}

/* `over` laid over the old fragment: text and times in the arena. */
static enum err
overlay(struct profile *p, const struct profile_fragment *old, const struct json *over, struct profile_fragment *f,
        struct diag *d)
{
    const struct json *under, *times = NULL;
    struct buf text, leaf_times;
    struct jw w;
    enum err rc = json_parse(old->json, p->arena, &under, d);

    if (rc == ERR_OK && old->times.n > 0)
        rc = json_parse(old->times, p->arena, &times, d);
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? rc : diag_set(d, ERR_CORRUPT, "a stored fragment is not JSON");
    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    buf_init(&leaf_times, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    json_merge_write(&w, over, under, true);
    w = jw_to(&leaf_times);
    write_times(&w, over, under, times, old->ingested_ms, f->ingested_ms);
    f->json = arena_str(p->arena, buf_str(&text));
    f->times = arena_str(p->arena, buf_str(&leaf_times));
    if (!buf_ok(&text) || !buf_ok(&leaf_times) || f->json.p == NULL || f->times.p == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory to merge a record");
    buf_deinit(&text);
    buf_deinit(&leaf_times);
    return rc;
}

/* An upsert into nothing: nulls say "delete" and are no content. */
static enum err
without_nulls(struct profile *p, const struct json *over, struct profile_fragment *f, struct diag *d)
{
    struct buf text;
    struct jw w;

    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    json_merge_write(&w, over, NULL, true);
    f->json = arena_str(p->arena, buf_str(&text));
    buf_deinit(&text);
    return f->json.p != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a record");
}

static size_t
bytes_of(const struct profile *p, const struct profile_fragment *without)
{
    size_t bytes = 0;

    for (size_t i = 0; i < p->fragment_count; i++) {
        if (&p->fragments[i] != without)
            bytes += p->fragments[i].json.n + p->fragments[i].times.n;
    }
    return bytes;
}

enum err
profile_put_record(struct profile *p, const struct profile_fragment *f, bool upsert, struct diag *d)
{
    struct profile_fragment fresh = *f, *old = find_fragment(p, f), *list;
    const struct json *over;
    enum err rc = ERR_OK;

    if (f->json.n > LIMIT_RECORD_BYTES)
        return diag_set(d, ERR_LIMIT, "record: %zu bytes, at most %d", f->json.n, LIMIT_RECORD_BYTES);
    fresh.times = S_NULL;
    if (upsert) {
        rc = json_parse(f->json, p->arena, &over, d);
        if (rc == ERR_OK)
            rc = old != NULL ? overlay(p, old, over, &fresh, d) : without_nulls(p, over, &fresh, d);
    }
    if (rc != ERR_OK)
        return rc;
    if (bytes_of(p, old) + fresh.json.n + fresh.times.n > LIMIT_PROFILE_RECORDS_BYTES)
        return diag_set(d, ERR_LIMIT, "record: the profile's records would pass %d bytes", LIMIT_PROFILE_RECORDS_BYTES);
    if (old == NULL) {
        list = profile_room(p->arena, p->fragments, p->fragment_count, &p->fragment_cap, sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for a record");
        p->fragments = list;
        old = &list[p->fragment_count++];
    }
    *old = fresh;
    profile_touch(p);
    return ERR_OK;
}

enum err
profile_put_consent(struct profile *p, const struct json *preferences, bool replace, int64_t now_ms, struct diag *d)
{
    const struct json *under = NULL;
    struct buf text;
    struct jw w;
    struct str merged;
    enum err rc;

    if (!json_is(preferences, JSON_OBJECT))
        return diag_set(d, ERR_INVALID, "consent must be an object, got %s", json_type_name(json_type(preferences)));
    if (!replace && p->consent.n > 0) {
        rc = json_parse(p->consent, p->arena, &under, d);
        if (rc != ERR_OK)
            return rc == ERR_NOMEM ? rc : diag_set(d, ERR_CORRUPT, "stored consent is not JSON");
    }
    buf_init(&text, LIMIT_RECORD_BYTES);
    w = jw_to(&text);
    json_merge_write(&w, preferences, under, true);
    merged = arena_str(p->arena, buf_str(&text));
    rc = ERR_OK;
    if (!buf_ok(&text))
        rc = diag_set(d, ERR_LIMIT, "consent: more than %d bytes", LIMIT_RECORD_BYTES);
    else if (merged.p == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for consent");
    buf_deinit(&text);
    if (rc != ERR_OK)
        return rc;
    p->consent = merged;
    p->consent_ms = now_ms;
    profile_touch(p);
    return ERR_OK;
}

/* ---- memberships, in order of their numbers ---- */

static size_t
membership_position(const struct profile *p, uint32_t number)
{
    size_t low = 0, high = p->membership_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (p->memberships[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct profile_membership *
profile_membership_at(const struct profile *p, uint32_t number)
{
    size_t at = membership_position(p, number);

    return at < p->membership_count && p->memberships[at].number == number ? &p->memberships[at] : NULL;
}

const struct profile_membership *
profile_membership_numbered(const struct profile *p, uint32_t number)
{
    return profile_membership_at(p, number);
}

const struct profile_membership *
profile_membership(const struct profile *p, struct str audience)
{
    uint32_t number = p->membership_count > 0 ? profile_names_find(p->names, audience) : 0;

    return number != 0 ? profile_membership_numbered(p, number) : NULL;
}

enum err
profile_put_membership(struct profile *p, const struct profile_membership *m, struct diag *d)
{
    struct profile_membership entry = *m, *list;
    size_t at;
    enum err rc = ERR_OK;

    if (entry.number == 0)
        rc = profile_names_number(p->names, m->audience, &entry.number, d);
    if (rc != ERR_OK)
        return rc;
    entry.audience = profile_names_text(p->names, entry.number);
    p->has_runs = p->has_runs || entry.run != 0;
    at = membership_position(p, entry.number);
    if (at < p->membership_count && p->memberships[at].number == entry.number) {
        p->memberships[at] = entry;
        return ERR_OK;
    }
    list = profile_room(p->arena, p->memberships, p->membership_count, &p->membership_cap, sizeof *list);
    if (list == NULL)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for a membership", (unsigned long long)p->id);
    memmove(list + at + 1, list + at, (p->membership_count - at) * sizeof *list);
    list[at] = entry;
    p->memberships = list;
    p->membership_count++;
    return ERR_OK;
}

void
profile_set_memberships(struct profile *p, struct profile_membership *list, size_t n, size_t cap)
{
    p->memberships = list;
    p->membership_count = n;
    p->membership_cap = cap;
}

/* ---- regions ---- */

uint64_t
profile_device_hash(struct str ecid)
{
    return hash_bytes(ecid, 0);
}

void
profile_mark_region(struct profile *p, struct str region, struct str ns, struct str id, int64_t now_ms)
{
    struct profile_region *list;
    size_t kept = 0;

    for (size_t i = 0; i < p->region_count; i++) {
        if (p->regions[i].seen_ms > now_ms - LIMIT_EDGE_PROFILE_TTL_MS)
            p->regions[kept++] = p->regions[i];
    }
    p->region_count = kept;
    for (size_t i = 0; i < p->region_count; i++) {
        struct profile_region *r = &p->regions[i];
        if (str_eq(r->region, region) && str_eq(r->ns, ns) && str_eq(r->id, id)) {
            r->seen_ms = now_ms > r->seen_ms ? now_ms : r->seen_ms;
            return;
        }
    }
    list = profile_room(p->arena, p->regions, p->region_count, &p->region_cap, sizeof *list);
    if (list == NULL)
        return; /* the edge pulls when it misses the person: nothing is lost but speed */
    list[p->region_count++] = (struct profile_region){region, now_ms, ns, id, 0};
    p->regions = list;
}
