/* census_load.c - see census_int.h: copying profiles, with their identities and datasets, under the table's lock. */
#include "identity/graph.h"
#include "segment/census_int.h"

#define VISITS 16 /* profiles copied while the lock is held */

bool
census_full(const struct census *c)
{
    bool last = c->again ? c->suspect_count == 0 : profile_scan_over(&c->scan);

    return c->row_count == LIMIT_CENSUS_ROWS || c->loaded.bytes_used >= LIMIT_CENSUS_BYTES ||
           (c->row_count > 0 && (last || c->again));
}

bool
census_done(const struct census *c)
{
    return profile_scan_over(&c->scan) && c->row_count == 0 && c->suspect_count == 0;
}

/* Bit of a namespace; 0: one too many. */
static uint32_t
namespace_bit(struct census *c, struct str ns)
{
    struct str copy;

    for (size_t i = 0; i < c->namespace_count; i++) {
        if (str_eq(c->namespaces[i], ns))
            return (uint32_t)1 << i;
    }
    if (c->namespace_count == LIMIT_CENSUS_NAMESPACES)
        return 0;
    copy = arena_str(&c->kept, ns);
    if (copy.p == NULL)
        return 0;
    c->namespaces[c->namespace_count] = copy;
    return (uint32_t)1 << c->namespace_count++;
}

/* Somebody more can be named. */
static bool
names_more(const struct census *c)
{
    return c->samples[0].n < c->o.sample_max || (c->o.diff && c->samples[1].n < c->o.sample_max);
}

static enum err
load_identities(struct census *c, struct kv *k, struct census_row *r, struct diag *d)
{
    struct graph_view view;
    enum err rc = graph_read(k, r->id, &c->loaded, &view, d);

    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < view.member_count; i++)
        r->namespaces |= namespace_bit(c, view.members[i].ns);
    if (rc == ERR_OK && view.member_count > 0 && names_more(c))
        r->first = (struct census_identity){arena_str(&c->loaded, view.members[0].ns),
                                            arena_str(&c->loaded, view.members[0].id)};
    return rc;
}

/* Bit of a dataset; 0: one too many. */
static uint64_t
dataset_bit(struct census *c, struct str id)
{
    struct str copy;

    for (size_t i = 0; i < c->dataset_count; i++) {
        if (str_eq(c->datasets[i].id, id))
            return (uint64_t)1 << i;
    }
    copy = c->dataset_count < LIMIT_CENSUS_DATASETS ? arena_str(&c->kept, id) : S_NULL;
    if (copy.p == NULL)
        return 0;
    c->datasets[c->dataset_count] = (struct census_dataset){.id = copy};
    return (uint64_t)1 << c->dataset_count++;
}

static void
note_datasets(struct census *c, struct census_row *r)
{
    for (size_t i = 0; i < r->profile->fragment_count; i++)
        r->datasets |= dataset_bit(c, r->profile->fragments[i].dataset);
    for (size_t i = 0; i < r->event_count; i++) {
        if (i == 0 || !str_eq(r->events[i].dataset, r->events[i - 1].dataset))
            r->datasets |= dataset_bit(c, r->events[i].dataset);
    }
}

static enum err
load_one(struct census *c, struct kv *k, struct profile_names *names, uint64_t id, struct diag *d)
{
    struct census_row *r = &c->rows[c->row_count];
    enum err rc;

    *r = (struct census_row){.id = id, .profile = ARENA_NEW(&c->loaded, struct profile)};
    if (r->profile == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to count profiles");
    rc = profile_load(k, names, c->scope, id, &c->loaded, r->profile, d);
    if (rc != ERR_OK || r->profile->created) /* absorbed by another since it was found */
        return rc;
    if (c->reads_events || c->o.datasets)
        rc = profile_events_after(k, r->profile, INT64_MIN, SIZE_MAX, &c->loaded, &r->events, &r->event_count, d);
    if (rc == ERR_OK)
        rc = load_identities(c, k, r, d);
    if (rc == ERR_OK && c->o.datasets)
        note_datasets(c, r);
    if (rc == ERR_OK)
        c->row_count++;
    return rc;
}

static void
take_instant(struct census *c, int64_t now_ms)
{
    if (!c->started)
        c->first_ms = c->now_ms = now_ms;
    else if (c->o.compare)
        c->now_ms = now_ms;
    c->started = true;
}

enum err
census_load(struct census *c, struct kv *k, struct profile_names *names, int64_t now_ms, struct diag *d)
{
    uint64_t id;
    enum err rc = ERR_OK;

    if (census_full(c) || census_done(c))
        return ERR_OK;
    take_instant(c, now_ms);
    if (c->row_count == 0)
        c->again = c->suspect_count > 0;
    for (size_t i = 0; rc == ERR_OK && c->again && c->suspect_count > 0 && i < VISITS; i++)
        rc = load_one(c, k, names, c->suspects[--c->suspect_count], d);
    if (c->again)
        return rc;
    rc = profile_scan_more(&c->scan, k, d);
    for (size_t i = 0; rc == ERR_OK && i < VISITS && !census_full(c) && profile_scan_take(&c->scan, &id); i++)
        rc = load_one(c, k, names, id, d);
    return rc;
}
