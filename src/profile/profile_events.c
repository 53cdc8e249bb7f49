/* profile_events.c - a profile's events: the newest arrivals in the document, the others in chunks that are never
 * rewritten by new events, and an index of ids beside them.
 *
 *   'E' profile id, chunk number -> up to PROFILE_CHUNK_EVENTS events
 *   'X' profile id, row number   -> for PROFILE_INDEX_CHUNKS chunks, the newest event time and a 32-bit fingerprint of
 *                                   every event id
 *
 * A repeat is found by walking fingerprints: 5,000 events are 20 KB in a handful of rows, a microsecond or two. A match
 * is verified in its chunk, so an unlucky fingerprint costs a read and never an event. A reader of recent events takes
 * only the chunks whose newest time reaches far enough. Layout: docs/formats/profile.md. */
#include "profile/profile_int.h"

#include "base/hash.h"
#include "base/limits.h"

#define CHUNK_VERSION 2

static struct str
numbered_key(struct profile_rowkey *key, char kind, uint64_t id, uint32_t number)
{
    key->bytes[0] = kind;
    memcpy(key->bytes + 1, &id, 8);
    memcpy(key->bytes + 9, &number, 4);
    return (struct str){key->bytes, sizeof key->bytes};
}

struct str
profile_chunk_key(struct profile_rowkey *key, uint64_t id, uint32_t number)
{
    return numbered_key(key, 'E', id, number);
}

static uint32_t
fingerprint(struct str id)
{
    return (uint32_t)hash_bytes(id, 0);
}

/* ---- chunks ---- */

enum err
profile_chunk_read(struct kv *k, uint64_t id, uint32_t number, struct arena *a, struct profile_event **events,
                   size_t *n, struct diag *d)
{
    struct profile_rowkey key;
    struct str value;
    struct unpack u;
    size_t count;
    struct profile_event *list;
    enum err rc = kv_get(k, profile_chunk_key(&key, id, number), &value, d);

    if (rc == ERR_NOT_FOUND)
        return diag_set(d, ERR_CORRUPT, "profile %llu: event chunk %u is missing", (unsigned long long)id, number);
    if (rc != ERR_OK)
        return rc;
    value = arena_str(a, value);
    u = unpack_from(value);
    u.bad |= unpack_u64(&u) != CHUNK_VERSION;
    count = unpack_u64(&u);
    u.bad |= count > unpack_left(&u);
    list = u.bad ? NULL : ARENA_ARRAY(a, struct profile_event, count);
    if (value.p == NULL || (!u.bad && list == NULL))
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for events", (unsigned long long)id);
    for (size_t i = 0; i < count && !u.bad; i++)
        list[i] = profile_event_unpack(&u);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "profile %llu: event chunk %u is damaged", (unsigned long long)id, number);
    *events = list;
    *n = count;
    return ERR_OK;
}

enum err
profile_chunk_write(struct kv *k, uint64_t id, uint32_t number, const struct profile_event *events, size_t n,
                    struct diag *d)
{
    struct profile_rowkey key;
    struct buf b;
    enum err rc;

    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&b, 2u * PROFILE_CHUNK_BYTES); /* a failure shows at the end */
    pack_u64(&b, CHUNK_VERSION);
    pack_u64(&b, n);
    for (size_t i = 0; i < n; i++)
        profile_event_pack(&b, &events[i]);
    rc = buf_ok(&b) ? kv_put(k, profile_chunk_key(&key, id, number), buf_str(&b), 0, d)
                    : diag_set(d, ERR_NOMEM, "profile %llu: no memory for events", (unsigned long long)id);
    buf_deinit(&b);
    return rc;
}

static int64_t
newest_of(const struct profile_event *events, size_t n)
{
    int64_t newest = INT64_MIN;

    for (size_t i = 0; i < n; i++)
        newest = events[i].ms > newest ? events[i].ms : newest;
    return newest;
}

/* Adds the fingerprints of one more chunk to the row it belongs to. */
static enum err
index_append(struct kv *k, uint64_t id, uint32_t number, const struct profile_event *events, size_t n, struct diag *d)
{
    struct profile_rowkey key;
    struct str row = numbered_key(&key, 'X', id, number / PROFILE_INDEX_CHUNKS), value = S_NULL;
    struct buf b;
    enum err rc = kv_get(k, row, &value, d);

    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        return rc;
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    if (rc == ERR_OK)
        buf_put(&b, value);
    pack_fixed32(&b, (uint32_t)n);
    pack_fixed64(&b, (uint64_t)newest_of(events, n));
    for (size_t i = 0; i < n; i++)
        pack_fixed32(&b, fingerprint(events[i].id));
    rc = buf_ok(&b) ? kv_put(k, row, buf_str(&b), 0, d)
                    : diag_set(d, ERR_NOMEM, "profile %llu: no memory for an event index", (unsigned long long)id);
    buf_deinit(&b);
    return rc;
}

enum err
profile_chunk_append(struct kv *k, struct profile *p, const struct profile_event *events, size_t n, struct diag *d)
{
    uint32_t number = p->first_chunk + p->chunk_count;
    enum err rc = profile_chunk_write(k, p->id, number, events, n, d);

    if (rc == ERR_OK)
        rc = index_append(k, p->id, number, events, n, d);
    if (rc != ERR_OK)
        return rc;
    p->chunk_count++;
    if (newest_of(events, n) > p->chunks_newest_ms)
        p->chunks_newest_ms = newest_of(events, n);
    return ERR_OK;
}

struct index_entry { /* of one chunk */
    uint32_t n;
    int64_t newest_ms;
    const char *prints; /* n fingerprints, not aligned */
};

static enum err
index_row(struct kv *k, uint64_t id, uint32_t row, struct str *value, struct diag *d)
{
    struct profile_rowkey key;
    enum err rc = kv_get(k, numbered_key(&key, 'X', id, row), value, d);

    if (rc == ERR_NOT_FOUND)
        return diag_set(d, ERR_CORRUPT, "profile %llu: event index %u is missing", (unsigned long long)id, row);
    return rc;
}

static enum err
index_next(uint64_t id, uint32_t row, struct str *rest, struct index_entry *e, struct diag *d)
{
    if (rest->n >= 12) {
        memcpy(&e->n, rest->p, 4);
        memcpy(&e->newest_ms, rest->p + 4, 8);
        e->prints = rest->p + 12;
        if (e->n <= (rest->n - 12) / 4) {
            *rest = str_slice(*rest, 12 + (size_t)e->n * 4, rest->n);
            return ERR_OK;
        }
    }
    return diag_set(d, ERR_CORRUPT, "profile %llu: event index %u is damaged", (unsigned long long)id, row);
}

/* The oldest chunk goes. Its fingerprints stay until their whole row is behind the first chunk. */
static enum err
drop_chunk(struct kv *k, struct profile *p, struct diag *d)
{
    struct profile_rowkey key;
    struct profile_event *events;
    size_t n;
    enum err rc = profile_chunk_read(k, p->id, p->first_chunk, p->arena, &events, &n, d);

    if (rc == ERR_OK)
        rc = kv_delete(k, profile_chunk_key(&key, p->id, p->first_chunk), d);
    if (rc == ERR_OK && (p->first_chunk + 1) % PROFILE_INDEX_CHUNKS == 0)
        rc = kv_delete(k, numbered_key(&key, 'X', p->id, p->first_chunk / PROFILE_INDEX_CHUNKS), d);
    if (rc != ERR_OK)
        return rc;
    p->first_chunk++;
    p->chunk_count--;
    p->event_count -= (uint32_t)n;
    p->rule_state = S_NULL;
    return ERR_OK;
}

enum err
profile_trim_events(struct kv *k, struct profile *p, struct diag *d)
{
    enum err rc = ERR_OK;

    while (rc == ERR_OK && p->event_count > LIMIT_PROFILE_EVENTS && p->chunk_count > 0)
        rc = drop_chunk(k, p, d);
    return rc;
}

/* ---- adding ---- */

static enum err
chunk_has(struct kv *k, const struct profile *p, uint32_t number, struct str id, bool *has, struct diag *d)
{
    struct profile_event *events = NULL;
    size_t n = 0;
    enum err rc = profile_chunk_read(k, p->id, number, p->arena, &events, &n, d);

    for (size_t i = 0; rc == ERR_OK && i < n && !*has; i++)
        *has = str_eq(events[i].id, id);
    return rc;
}

/* Number of times that the fingerprint is in an entry. No early exit: the loop becomes a few vector instructions. */
static unsigned
count_prints(const struct index_entry *e, uint32_t wanted)
{
    unsigned found = 0;

    for (size_t i = 0; i < e->n; i++) {
        uint32_t one;
        memcpy(&one, e->prints + i * 4, 4);
        found += one == wanted;
    }
    return found;
}

static enum err
index_row_has(struct kv *k, const struct profile *p, uint32_t row, struct str id, bool *has, struct diag *d)
{
    struct index_entry e = {0};
    struct str rest = S_NULL;
    enum err rc = index_row(k, p->id, row, &rest, d);

    for (uint32_t number = row * PROFILE_INDEX_CHUNKS; rc == ERR_OK && rest.n > 0 && !*has; number++) {
        rc = index_next(p->id, row, &rest, &e, d);
        if (rc == ERR_OK && number >= p->first_chunk && count_prints(&e, fingerprint(id)) > 0)
            rc = chunk_has(k, p, number, id, has, d);
    }
    return rc;
}

enum err
profile_has_event(struct kv *k, const struct profile *p, struct str id, bool *has, struct diag *d)
{
    uint32_t end = p->first_chunk + p->chunk_count;

    *has = false;
    for (size_t i = 0; i < p->recent_count; i++) {
        if (str_eq(p->recent[i].id, id)) {
            *has = true;
            return ERR_OK;
        }
    }
    for (uint32_t row = p->first_chunk / PROFILE_INDEX_CHUNKS; row * PROFILE_INDEX_CHUNKS < end && !*has; row++) {
        enum err rc = index_row_has(k, p, row, id, has, d);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* Into the recent list, behind those of the same time. */
static enum err
insert_recent(struct profile *p, const struct profile_event *e, struct diag *d)
{
    struct profile_event *list = profile_room(p->arena, p->recent, p->recent_count, &p->recent_cap, sizeof *list);
    size_t at = p->recent_count;

    if (list == NULL)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for an event", (unsigned long long)p->id);
    while (at > 0 && list[at - 1].ms > e->ms)
        at--;
    memmove(list + at + 1, list + at, (p->recent_count - at) * sizeof *list);
    list[at] = *e;
    p->recent = list;
    p->recent_count++;
    p->event_count++;
    return ERR_OK;
}

static bool
recent_is_full(const struct profile *p)
{
    size_t bytes = 0;

    for (size_t i = 0; i < p->recent_count; i++)
        bytes += p->recent[i].json.n;
    return p->recent_count >= PROFILE_CHUNK_EVENTS || bytes >= PROFILE_CHUNK_BYTES;
}

enum err
profile_add_event(struct kv *k, struct profile *p, const struct profile_event *e, bool *duplicate, struct diag *d)
{
    bool has = false;
    enum err rc = ERR_OK;

    if (e->json.n > LIMIT_EVENT_BYTES)
        return diag_set(d, ERR_LIMIT, "event: %zu bytes, at most %d", e->json.n, LIMIT_EVENT_BYTES);
    if (e->id.n > 0)
        rc = profile_has_event(k, p, e->id, &has, d);
    if (rc == ERR_OK && !has)
        rc = insert_recent(p, e, d);
    if (rc == ERR_OK && !has && recent_is_full(p)) {
        rc = profile_chunk_append(k, p, p->recent, p->recent_count, d);
        if (rc == ERR_OK)
            p->recent_count = 0;
    }
    if (rc == ERR_OK)
        rc = profile_trim_events(k, p, d);
    if (rc == ERR_OK)
        *duplicate = has;
    return rc;
}

/* ---- reading ---- */

/* Stable: events of one time stay in order of arrival. Bottom-up merge sort; most lists are in order already. */
static bool
sort_by_time(struct profile_event *e, size_t n, struct arena *a)
{
    struct profile_event *from = e, *to;
    bool sorted = true;

    for (size_t i = 1; i < n && sorted; i++)
        sorted = e[i - 1].ms <= e[i].ms;
    if (sorted)
        return true;
    to = ARENA_ARRAY(a, struct profile_event, n);
    if (to == NULL)
        return false;
    for (size_t width = 1; width < n; width *= 2) {
        struct profile_event *swap = from;
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t mid = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n;
            size_t x = low, y = mid;
            for (size_t i = low; i < high; i++)
                to[i] = y >= high || (x < mid && from[x].ms <= from[y].ms) ? from[x++] : from[y++];
        }
        from = to;
        to = swap;
    }
    if (from != e)
        memcpy(e, from, n * sizeof *e);
    return true;
}

struct gathering {
    struct profile_event *all;
    size_t count, cap;
    int64_t after_ms;
};

static bool
gather_list(struct gathering *g, const struct profile_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (events[i].ms <= g->after_ms)
            continue;
        if (g->count == g->cap)
            return false;
        g->all[g->count++] = events[i];
    }
    return true;
}

static enum err
gather_row(struct kv *k, const struct profile *p, uint32_t row, struct arena *a, struct gathering *g, struct diag *d)
{
    struct index_entry e = {0};
    struct str rest = S_NULL;
    enum err rc = index_row(k, p->id, row, &rest, d);

    for (uint32_t number = row * PROFILE_INDEX_CHUNKS; rc == ERR_OK && rest.n > 0; number++) {
        struct profile_event *events = NULL;
        size_t n = 0;
        rc = index_next(p->id, row, &rest, &e, d);
        if (rc != ERR_OK || number < p->first_chunk || e.newest_ms <= g->after_ms)
            continue;
        rc = profile_chunk_read(k, p->id, number, a, &events, &n, d);
        if (rc == ERR_OK && !gather_list(g, events, n))
            rc = diag_set(d, ERR_CORRUPT, "profile %llu: more events than counted", (unsigned long long)p->id);
    }
    return rc;
}

/* All events later than after_ms, in time order. */
static enum err
gather(struct kv *k, const struct profile *p, int64_t after_ms, struct arena *a, struct profile_event **out, size_t *n,
       struct diag *d)
{
    struct gathering g = {ARENA_ARRAY(a, struct profile_event, p->event_count), 0, p->event_count, after_ms};
    uint32_t end = p->first_chunk + p->chunk_count;
    enum err rc = ERR_OK;

    if (g.all == NULL)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for events", (unsigned long long)p->id);
    if (p->chunk_count > 0 && p->chunks_newest_ms > after_ms) {
        for (uint32_t row = p->first_chunk / PROFILE_INDEX_CHUNKS; rc == ERR_OK && row * PROFILE_INDEX_CHUNKS < end;
             row++)
            rc = gather_row(k, p, row, a, &g, d);
    }
    if (rc != ERR_OK)
        return rc;
    if (!gather_list(&g, p->recent, p->recent_count))
        return diag_set(d, ERR_CORRUPT, "profile %llu: more events than counted", (unsigned long long)p->id);
    if (!sort_by_time(g.all, g.count, a))
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for events", (unsigned long long)p->id);
    *out = g.all;
    *n = g.count;
    return ERR_OK;
}

enum err
profile_events_after(struct kv *k, const struct profile *p, int64_t after_ms, size_t n_max, struct arena *a,
                     struct profile_event **raw, size_t *n, struct diag *d)
{
    enum err rc = gather(k, p, after_ms, a, raw, n, d);

    if (rc == ERR_OK && *n > n_max) {
        *raw += *n - n_max;
        *n = n_max;
    }
    return rc;
}

enum err
profile_events(struct kv *k, const struct profile *p, struct arena *a, const struct json ***events,
               struct profile_event **raw, size_t *n, struct diag *d)
{
    struct profile_event *all = NULL;
    const struct json **parsed;
    size_t count = 0;
    enum err rc = gather(k, p, INT64_MIN, a, &all, &count, d);

    if (rc != ERR_OK)
        return rc;
    parsed = ARENA_ARRAY(a, const struct json *, count);
    if (parsed == NULL)
        return diag_set(d, ERR_NOMEM, "profile %llu: no memory for events", (unsigned long long)p->id);
    for (size_t i = 0; i < count; i++) {
        rc = json_parse(all[i].json, a, &parsed[i], d);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc != ERR_OK)
            return diag_set(d, ERR_CORRUPT, "profile %llu: a stored event is not JSON", (unsigned long long)p->id);
    }
    *events = parsed;
    *raw = all;
    *n = count;
    return ERR_OK;
}

enum err
profile_delete_rows(struct kv *k, const struct profile *p, struct diag *d)
{
    struct profile_rowkey row;
    uint32_t end = p->first_chunk + p->chunk_count;
    struct buf key;
    enum err rc = ERR_OK;

    for (uint32_t i = p->first_chunk; i < end && rc == ERR_OK; i++)
        rc = kv_delete(k, profile_chunk_key(&row, p->id, i), d);
    for (uint32_t i = p->first_chunk / PROFILE_INDEX_CHUNKS; i * PROFILE_INDEX_CHUNKS < end && rc == ERR_OK; i++)
        rc = kv_delete(k, numbered_key(&row, 'X', p->id, i), d);
    if (rc != ERR_OK)
        return rc;
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    profile_key(&key, p->scope, p->id);
    rc = buf_ok(&key) ? kv_delete(k, buf_str(&key), d) : diag_set(d, ERR_NOMEM, "no memory for a profile's key");
    buf_deinit(&key);
    return rc;
}
