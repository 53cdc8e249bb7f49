/* hub_sweep.c - bringing every profile up to date after audiences or mappings changed, a slice between records.
 *
 * Each scope has a signature of what profiles are evaluated and projected by. The one that all profiles are at is in
 * the table ('S' scope); when the configuration's differs, a sweep walks the table and refreshes every profile. A
 * profile that a record touches meanwhile is refreshed by that record. When a sweep ends the signatures are stored;
 * after a crash it begins anew and passes quickly over profiles that are done.
 *
 * A sweep's "now" is the hub's clock, which a tick brings up to the present first. */
#include "hub/hub_int.h"

#include "base/hash.h"
#include "codec/pack.h"

enum err
hub_append_tick(struct hub *h, int64_t now_ms, uint64_t *offset, struct diag *d)
{
    struct hit tick = {.kind = HIT_TICK, .source = SOURCE_STREAM};
    struct record r = {.time_ms = now_ms};
    struct buf b;
    enum err rc;

    buf_init(&b, 256);
    hit_write(&b, &tick);
    r.value = buf_str(&b);
    rc = buf_ok(&b) ? topic_append(h->o.own_collect, &r, ACK_WRITTEN, offset, d)
                    : diag_set(d, ERR_NOMEM, "no memory for a tick");
    buf_deinit(&b);
    return rc;
}

static enum err
signature_row(struct hub *h, struct str scope, struct str *key, uint64_t *stored, struct diag *d)
{
    struct str value;
    struct unpack u;
    enum err rc;

    *stored = 0;
    *key = arena_printf(&h->arena, "S%.*s", STR_ARG(scope));
    if (key->p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a signature");
    rc = kv_get(h->kv, *key, &value, d);
    if (rc == ERR_OK) {
        u = unpack_from(value);
        *stored = unpack_fixed64(&u);
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static enum err
store_signatures(struct hub *h, struct diag *d)
{
    const struct map_slot *slot;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&h->scopes, &i)) != NULL;) {
        struct hub_scope *sc = slot->value;
        uint64_t stored;
        struct str key;
        rc = signature_row(h, slot->key, &key, &stored, d);
        if (rc == ERR_OK && stored != sc->signature)
            rc = kv_put(h->kv, key, (struct str){(const char *)&sc->signature, sizeof sc->signature}, 0, d);
        sc->swept = rc == ERR_OK;
    }
    return rc;
}

static enum err
some_differ(struct hub *h, bool *differ, struct diag *d)
{
    const struct map_slot *slot;
    enum err rc = ERR_OK;

    *differ = false;
    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&h->scopes, &i)) != NULL;) {
        struct hub_scope *sc = slot->value;
        uint64_t stored;
        struct str key;
        rc = signature_row(h, slot->key, &key, &stored, d);
        sc->swept = stored == sc->signature;
        *differ = *differ || !sc->swept;
    }
    return rc;
}

/* Of all scopes together, in whatever order the map has them. */
static uint64_t
all_signatures(const struct hub *h)
{
    const struct map_slot *slot;
    uint64_t sum = 0;

    for (size_t i = 0; (slot = map_next(&h->scopes, &i)) != NULL;)
        sum += hash_bytes(slot->key, ((const struct hub_scope *)slot->value)->signature);
    return sum;
}

enum err
hub_sweep_check(struct hub *h, struct diag *d)
{
    uint64_t offset = 0, signature = all_signatures(h);
    bool differ;
    enum err rc;

    arena_reset(&h->arena);
    rc = some_differ(h, &differ, d);
    if (rc == ERR_OK && h->sweep.active && h->sweep.signature == signature)
        return ERR_OK; /* what changed meanwhile concerns no profile */
    if (rc != ERR_OK || !(differ || h->sweep.project_all))
        return rc;
    if (h->state.profiles == 0) /* nothing to bring up to date */
        return store_signatures(h, d);
    h->sweep.active = true;
    h->sweep.signature = signature;
    h->sweep.cursor = 0;
    h->sweep.visited = 0;
    h->sweep.total = h->state.profiles;
    h->sweep.cause = HUB_CAUSE_SWEEP;
    h->sweep.after = 0;
    if (h->o.emulated_clock || hub_append_tick(h, os_now_ms(h->o.os), &offset, d) != ERR_OK)
        return ERR_OK; /* the clock stands, or the disk is full: the sweep takes the hub's clock as it is */
    h->sweep.after = offset + 1;
    h->sweep.cause = HUB_CAUSE_SWEEP | hub_cause(h->own, offset);
    return ERR_OK;
}

static void
collect_key(void *ctx, struct str key, struct str value)
{
    struct hub_slice *s = ctx;
    struct str copy;

    (void)value;
    if (key.n == 0 || key.p[0] != 'P' || s->exhausted)
        return;
    if (s->n == s->cap) {
        struct str *grown = ARENA_ARRAY(s->a, struct str, s->cap * 2 + HUB_SWEEP_SLICE);
        s->exhausted = grown == NULL;
        if (s->exhausted)
            return;
        if (s->n > 0)
            memcpy(grown, s->keys, s->n * sizeof *grown);
        s->keys = grown;
        s->cap = s->cap * 2 + HUB_SWEEP_SLICE;
    }
    copy = arena_str(s->a, key);
    s->exhausted = copy.p == NULL;
    if (!s->exhausted)
        s->keys[s->n++] = copy;
}

enum err
hub_slice_read(struct hub *h, uint64_t *cursor, size_t rows, struct hub_slice *out, struct diag *d)
{
    enum err rc;

    arena_reset(&h->arena);
    *out = (struct hub_slice){.a = &h->arena};
    rc = kv_scan_keys(h->kv, cursor, rows, collect_key, out, d);
    return rc == ERR_OK && out->exhausted ? diag_set(d, ERR_NOMEM, "no memory for keys of profiles") : rc;
}

static enum err
sweep_one(struct hub *h, struct str key, struct diag *d)
{
    struct hub_step step = {.h = h, .now_ms = h->state.clock_ms, .cause = h->sweep.cause, .by = SEGMENT_BY_SWEEP};
    struct hub_change change = {.cause = SEGMENT_TIME, .lazy = true};
    const struct hub_scope *sc;
    struct profile p;
    struct str scope;
    uint64_t id;
    enum err rc;

    if (!profile_key_read(key, &scope, &id))
        return ERR_OK;
    h->sweep.visited++;
    sc = hub_scope(h, scope);
    if (sc == NULL || (sc->swept && !h->sweep.project_all))
        return ERR_OK; /* another scope's sweep */
    rc = profile_load(h->kv, &h->names, scope, id, &h->arena, &p, d);
    if (rc != ERR_OK || p.created) /* absorbed by another since the slice was read */
        return rc;
    for (size_t i = 0; i < p.region_count && h->sweep.project_all; i++)
        p.regions[i].projected = 0;
    h->state.rev++;
    h->state_changed = true;
    return hub_refresh(&step, &p, &change, d);
}

static enum err
sweep_visit(struct hub *h, struct str key, size_t index, struct diag *d)
{
    if (index % HUB_TURN_STEPS == HUB_TURN_STEPS - 1) {
        hub_unlock(h);
        hub_lock(h);
    }
    return sweep_one(h, key, d);
}

static enum err
sweep_slice(struct hub *h, size_t rows, struct diag *d)
{
    struct hub_slice slice;
    enum err rc;

    rc = hub_slice_read(h, &h->sweep.cursor, rows, &slice, d);
    for (size_t i = 0; i < slice.n && rc == ERR_OK; i++)
        rc = sweep_visit(h, slice.keys[i], i, d);
    if (rc != ERR_OK || h->sweep.cursor != 0)
        return rc;
    rc = store_signatures(h, d);
    h->sweep = (struct hub_sweep){0};
    return rc;
}

enum err
hub_sweep_some(struct hub *h, bool brief, struct diag *d)
{
    uint64_t start = os_mono_us(h->o.os);
    enum err rc = ERR_OK;

    if (h->partitions[h->own].next < h->sweep.after)
        return ERR_OK;
    while (rc == ERR_OK && h->sweep.active) {
        rc = sweep_slice(h, brief ? HUB_SWEEP_SLICE : 8 * HUB_SWEEP_SLICE, d);
        if (brief || os_mono_us(h->o.os) - start > HUB_BATCH_US || kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
            break;
    }
    return rc;
}

struct hub_progress
hub_sweep_progress(struct hub *h)
{
    struct hub_progress p;

    os_lock(&h->progress);
    p = h->sweep_seen;
    os_unlock(&h->progress);
    return p;
}
