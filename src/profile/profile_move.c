/* profile_move.c - when two profiles become one, and when an identity leaves.
 *
 * Whole chunks move by renaming: a chunk needs no place in time, since readers sort. Only a chunk that holds an event
 * which the other profile has too is written anew. Rule states do not add up, so they are dropped and built from the
 * data. */
#include "profile/profile_int.h"

#include "base/limits.h"

/* ---- absorbing ---- */

/* Of n events those that p does not have yet, moved to the front. */
static enum err
only_new(struct kv *k, const struct profile *p, struct profile_event *events, size_t *n, struct diag *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        bool has = false;
        if (events[i].id.n > 0) {
            enum err rc = profile_has_event(k, p, events[i].id, &has, d);
            if (rc != ERR_OK)
                return rc;
        }
        if (!has)
            events[kept++] = events[i];
    }
    *n = kept;
    return ERR_OK;
}

static enum err
absorb_events(struct kv *k, struct profile *p, const struct profile *from, struct diag *d)
{
    enum err rc = ERR_OK;

    for (uint32_t i = 0; i < from->chunk_count && rc == ERR_OK; i++) {
        struct profile_event *events;
        size_t n;
        rc = profile_chunk_read(k, from->id, from->first_chunk + i, p->arena, &events, &n, d);
        if (rc == ERR_OK)
            rc = only_new(k, p, events, &n, d);
        if (rc == ERR_OK && n > 0) {
            rc = profile_chunk_append(k, p, events, n, d);
            p->event_count += rc == ERR_OK ? (uint32_t)n : 0;
        }
    }
    for (size_t i = 0; i < from->recent_count && rc == ERR_OK; i++) {
        bool duplicate;
        rc = profile_add_event(k, p, &from->recent[i], &duplicate, d);
    }
    return rc == ERR_OK ? profile_trim_events(k, p, d) : rc;
}

static size_t
oldest_fragment(const struct profile *p)
{
    size_t oldest = 0;

    for (size_t i = 1; i < p->fragment_count; i++) {
        if (p->fragments[i].ingested_ms < p->fragments[oldest].ingested_ms)
            oldest = i;
    }
    return oldest;
}

/* Both fit the bound, together they may not: the oldest go, so that the document stays one that can be saved. */
static void
bound_fragments(struct profile *p)
{
    size_t bytes = 0;

    for (size_t i = 0; i < p->fragment_count; i++)
        bytes += p->fragments[i].json.n + p->fragments[i].times.n;
    while (bytes > LIMIT_PROFILE_RECORDS_BYTES) {
        size_t x = oldest_fragment(p);
        bytes -= p->fragments[x].json.n + p->fragments[x].times.n;
        p->fragments[x] = p->fragments[--p->fragment_count];
    }
}

static enum err
absorb_fragments(struct profile *p, const struct profile *from, struct diag *d)
{
    for (size_t i = 0; i < from->fragment_count; i++) {
        const struct profile_fragment *f = &from->fragments[i];
        struct profile_fragment *list, *same = NULL;
        for (size_t x = 0; x < p->fragment_count && same == NULL; x++) {
            struct profile_fragment *mine = &p->fragments[x];
            if (str_eq(mine->dataset, f->dataset) && graph_same(mine->ns, mine->id, f->ns, f->id))
                same = mine;
        }
        if (same != NULL) {
            if (f->ingested_ms > same->ingested_ms)
                *same = *f;
            continue;
        }
        list = profile_room(p->arena, p->fragments, p->fragment_count, &p->fragment_cap, sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to unite profiles");
        p->fragments = list;
        list[p->fragment_count++] = *f;
    }
    bound_fragments(p);
    return ERR_OK;
}

/* Newest time wins; what is counted twice, or no more, is listed as lost. Of an external audience the newest run that
 * named either one names them both. */
static enum err
absorb_memberships(struct profile *p, const struct profile *from, struct diag *d)
{
    struct str *lost = ARENA_ARRAY(p->arena, struct str, p->lost_count + from->membership_count);

    if (lost == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to unite profiles");
    if (p->lost_count > 0)
        memcpy(lost, p->lost, p->lost_count * sizeof *lost);
    p->lost = lost;
    for (size_t i = 0; i < from->membership_count; i++) {
        const struct profile_membership *theirs = &from->memberships[i],
                                        *mine = profile_membership_numbered(p, theirs->number);
        struct profile_membership entry = *theirs;
        unsigned before = (mine != NULL && mine->member) + (unsigned)theirs->member;
        bool take = mine == NULL || theirs->since_ms > mine->since_ms;
        bool after = take ? theirs->member : mine->member;
        enum err rc = ERR_OK;
        if (!take)
            entry = *mine;
        entry.run = mine != NULL && mine->run > theirs->run ? mine->run : theirs->run;
        rc = profile_put_membership(p, &entry, d);
        if (rc != ERR_OK)
            return rc;
        if (before > (unsigned)after)
            p->lost[p->lost_count++] = theirs->audience;
    }
    return ERR_OK;
}

static enum err
absorb_regions(struct profile *p, const struct profile *from, struct diag *d)
{
    for (size_t i = 0; i < from->region_count; i++) {
        const struct profile_region *r = &from->regions[i];
        struct profile_region *list, *same = NULL;
        for (size_t x = 0; x < p->region_count && same == NULL; x++) {
            struct profile_region *mine = &p->regions[x];
            if (str_eq(mine->region, r->region) && str_eq(mine->ns, r->ns) && str_eq(mine->id, r->id))
                same = mine;
        }
        if (same != NULL) {
            same->seen_ms = r->seen_ms > same->seen_ms ? r->seen_ms : same->seen_ms;
            continue;
        }
        list = profile_room(p->arena, p->regions, p->region_count, &p->region_cap, sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to unite profiles");
        p->regions = list;
        list[p->region_count] = *r;
        list[p->region_count++].projected = 0; /* another profile was projected there */
    }
    return ERR_OK;
}

/* The newer preferences lie over the older ones. */
static enum err
absorb_consent(struct profile *p, const struct profile *from, struct diag *d)
{
    bool newer = from->consent_ms > p->consent_ms;
    struct str under = newer ? p->consent : from->consent, over = newer ? from->consent : p->consent;
    int64_t ms = newer ? from->consent_ms : p->consent_ms;
    const struct json *parsed;
    enum err rc;

    if (from->consent.n == 0)
        return ERR_OK;
    p->consent = under;
    p->consent_ms = ms;
    if (over.n == 0)
        return ERR_OK;
    rc = json_parse(over, p->arena, &parsed, d);
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? rc : diag_set(d, ERR_CORRUPT, "stored consent is not JSON");
    rc = profile_put_consent(p, parsed, false, ms, d);
    if (rc != ERR_LIMIT)
        return rc;
    p->consent = over; /* each fits, together they do not: the newer ones count */
    return ERR_OK;
}

enum err
profile_absorb(struct kv *k, struct profile *p, uint64_t from_id, struct diag *d)
{
    struct profile from;
    enum err rc = profile_load(k, p->names, p->scope, from_id, p->arena, &from, d);

    if (rc != ERR_OK || from.created)
        return rc;
    rc = absorb_fragments(p, &from, d);
    if (rc == ERR_OK)
        rc = absorb_memberships(p, &from, d);
    if (rc == ERR_OK)
        rc = absorb_regions(p, &from, d);
    if (rc == ERR_OK)
        rc = absorb_consent(p, &from, d);
    if (rc == ERR_OK)
        rc = absorb_events(k, p, &from, d);
    if (rc == ERR_OK)
        rc = profile_delete_rows(k, &from, d);
    if (rc != ERR_OK)
        return rc;
    p->consent_out |= from.consent_out;
    p->changed_ms = from.changed_ms > p->changed_ms ? from.changed_ms : p->changed_ms;
    p->rule_state = S_NULL;
    profile_touch(p);
    return ERR_OK;
}

/* ---- splitting ---- */

/* Parts events by owner: those of the identity are added to `to`, the others stay in front. */
static enum err
part_events(struct kv *k, struct profile *to, struct profile_event *events, size_t *n, struct str ns, struct str id,
            struct diag *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        bool duplicate;
        enum err rc;
        if (!graph_same(events[i].ns, events[i].owner, ns, id)) {
            events[kept++] = events[i];
            continue;
        }
        rc = profile_add_event(k, to, &events[i], &duplicate, d);
        if (rc != ERR_OK)
            return rc;
    }
    *n = kept;
    return ERR_OK;
}

static enum err
split_events(struct kv *k, struct profile *p, struct profile *to, struct str ns, struct str id, struct diag *d)
{
    enum err rc = ERR_OK;
    size_t n;

    for (uint32_t i = 0; i < p->chunk_count && rc == ERR_OK; i++) {
        struct profile_event *events;
        size_t before;
        rc = profile_chunk_read(k, p->id, p->first_chunk + i, p->arena, &events, &before, d);
        n = before;
        if (rc == ERR_OK)
            rc = part_events(k, to, events, &n, ns, id, d);
        if (rc == ERR_OK && n < before) /* its index entry now knows too much, which costs a look at most */
            rc = profile_chunk_write(k, p->id, p->first_chunk + i, events, n, d);
        if (rc == ERR_OK)
            p->event_count -= (uint32_t)(before - n);
    }
    n = p->recent_count;
    if (rc == ERR_OK)
        rc = part_events(k, to, p->recent, &n, ns, id, d);
    if (rc == ERR_OK) {
        p->event_count -= (uint32_t)(p->recent_count - n);
        p->recent_count = n;
    }
    return rc;
}

static enum err
split_fragments(struct profile *p, struct profile *to, struct str ns, struct str id, struct diag *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->fragment_count; i++) {
        struct profile_fragment f = p->fragments[i], *list;
        if (!graph_same(f.ns, f.id, ns, id)) {
            p->fragments[kept++] = f;
            continue;
        }
        list = profile_room(to->arena, to->fragments, to->fragment_count, &to->fragment_cap, sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to split a profile");
        to->fragments = list;
        list[to->fragment_count++] = f;
    }
    p->fragment_count = kept;
    return ERR_OK;
}

static enum err
split_regions(struct profile *p, struct profile *to, struct str ns, struct str id, struct diag *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->region_count; i++) {
        struct profile_region r = p->regions[i], *list;
        if (!graph_same(r.ns, r.id, ns, id)) {
            p->regions[kept++] = r;
            continue;
        }
        list = profile_room(to->arena, to->regions, to->region_count, &to->region_cap, sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory to split a profile");
        to->regions = list;
        r.projected = 0;
        list[to->region_count++] = r;
    }
    p->region_count = kept;
    return ERR_OK;
}

enum err
profile_split(struct kv *k, struct profile *p, struct str ns, struct str id, uint64_t to_id, struct diag *d)
{
    struct profile to;
    enum err rc = profile_load(k, p->names, p->scope, to_id, p->arena, &to, d);

    if (rc == ERR_OK)
        rc = split_fragments(p, &to, ns, id, d);
    if (rc == ERR_OK)
        rc = split_regions(p, &to, ns, id, d);
    if (rc == ERR_OK)
        rc = split_events(k, p, &to, ns, id, d);
    if (rc != ERR_OK)
        return rc;
    to.rule_state = S_NULL;
    to.changed_ms = p->changed_ms;
    p->rule_state = S_NULL;
    profile_touch(p);
    return profile_save(k, &to, 0, d);
}
