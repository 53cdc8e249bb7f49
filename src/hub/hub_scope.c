/* hub_scope.c - the configuration as folding needs it: per scope, the audiences with what they need, the cuts of what
 * may travel to edges, and a signature that says whether profiles are up to date with it. */
#include "hub/hub_int.h"

#include <stdlib.h>

#include "base/hash.h"
#include "segment/external.h"

static uint64_t
hash_list(const struct str *list, size_t n, uint64_t seed)
{
    seed = hash_bytes((struct str){(const char *)&n, sizeof n}, seed);
    for (size_t i = 0; i < n; i++)
        seed = hash_bytes(list[i], seed);
    return seed;
}

/* In order of creation, as the view has them. */
static uint64_t
hash_externals(const struct segment_set *set, uint64_t seed)
{
    for (size_t i = 0; i < set->external_count; i++) {
        const struct segment_external *x = &set->externals[i];
        seed = hash_bytes(x->id, seed);
        seed = hash_bytes((struct str){(const char *)&x->floor, sizeof x->floor}, seed);
        seed = hash_bytes((struct str){(const char *)&x->until_ms, sizeof x->until_ms}, seed);
        seed = hash_bytes(S("x"), seed + x->opted_out_too);
    }
    return seed;
}

static uint64_t
signature_of(const struct scope_view *v)
{
    uint64_t version = v->live_segments.graph != NULL ? rule_graph_version(v->live_segments.graph) : 0;
    uint64_t seed = hash_bytes((struct str){(const char *)&version, sizeof version}, 1);

    seed = hash_externals(&v->live_segments, seed);
    seed = hash_list(v->projected_audiences, v->projected_audience_count, seed);
    seed = hash_list(v->projected_paths, v->projected_path_count, seed);
    return hash_list(v->event_paths, v->event_path_count, seed);
}

static struct hub_counters *
counters_new(size_t n, struct arena *a)
{
    struct hub_counters *c = ARENA_NEW(a, struct hub_counters);

    if (c == NULL)
        return NULL;
    c->of = ARENA_ARRAY(a, struct hub_counter, n);
    c->listed = ARENA_ARRAY(a, uint32_t, n);
    return c->of != NULL && c->listed != NULL ? c : NULL;
}

static const struct str *
quote_ids(const struct segment_set *set, struct arena *a)
{
    size_t n = set->count + set->external_count;
    struct str *quoted = ARENA_ARRAY(a, struct str, n);

    for (size_t i = 0; quoted != NULL && i < n; i++) {
        struct buf b;
        buf_init_in(&b, a, LIMIT_RECORD_VALUE_BYTES);
        json_quote(&b, i < set->count ? set->ids[i] : set->externals[i - set->count].id);
        quoted[i] = buf_str(&b);
        if (!buf_ok(&b))
            return NULL;
    }
    return quoted;
}

static int
by_number(const void *a, const void *b, void *numbers)
{
    uint32_t x = ((const uint32_t *)numbers)[*(const uint32_t *)a],
             y = ((const uint32_t *)numbers)[*(const uint32_t *)b];

    return x < y ? -1 : x > y;
}

/* Every audience gets its number before a profile needs it: then the fold compares numbers only. In order of the ids,
 * so that the same configuration gives the same numbers. */
static enum err
number_audiences(struct hub *h, struct segment_set *set, struct diag *d)
{
    uint32_t *numbers = ARENA_ARRAY(&h->snap_arena, uint32_t, set->count);
    uint32_t *order = ARENA_ARRAY(&h->snap_arena, uint32_t, set->count);
    enum err rc = ERR_OK;

    if (numbers == NULL || order == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    for (size_t i = 0; i < set->count && rc == ERR_OK; i++) {
        order[i] = set->order[i];
        rc = profile_names_number(&h->names, set->ids[order[i]], &numbers[order[i]], d);
    }
    if (rc != ERR_OK)
        return rc;
    qsort_r(order, set->count, sizeof *order, by_number, numbers);
    set->numbers = numbers;
    set->order = order;
    return ERR_OK;
}

static int
externals_by_number(const void *a, const void *b)
{
    const struct segment_external *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

/* The same for external ones, which then stand in order of the numbers. */
static enum err
number_externals(struct hub *h, struct segment_set *set, struct diag *d)
{
    struct segment_external *list = ARENA_ARRAY(&h->snap_arena, struct segment_external, set->external_count);
    enum err rc = ERR_OK;

    if (list == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    for (size_t i = 0; i < set->external_count && rc == ERR_OK; i++) {
        list[i] = set->externals[i];
        rc = profile_names_number(&h->names, list[i].id, &list[i].number, d);
    }
    if (rc == ERR_OK && set->external_count > 1)
        qsort(list, set->external_count, sizeof *list, externals_by_number);
    set->externals = list;
    return rc;
}

static enum err
mark_projected(struct hub *h, const struct scope_view *v, struct hub_scope *sc, struct diag *d)
{
    uint32_t *numbers = ARENA_ARRAY(&h->snap_arena, uint32_t, v->projected_audience_count), most = 0;
    bool *projected;
    enum err rc = ERR_OK;

    if (numbers == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    for (size_t i = 0; i < v->projected_audience_count && rc == ERR_OK; i++) {
        rc = profile_names_number(&h->names, v->projected_audiences[i], &numbers[i], d);
        most = numbers[i] > most ? numbers[i] : most;
    }
    if (rc != ERR_OK)
        return rc;
    projected = ARENA_ARRAY(&h->snap_arena, bool, (size_t)most + 1);
    if (projected == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    for (size_t i = 0; i < v->projected_audience_count; i++)
        projected[numbers[i]] = true;
    sc->projected = projected;
    sc->projected_end = (size_t)most + 1;
    return ERR_OK;
}

/* A scope with what the fold needs of a set of audiences; *out stays when it fails. */
static enum err
prepare(struct hub *h, const struct segment_set *set, struct hub_scope **out, struct diag *d)
{
    struct arena *a = &h->snap_arena;
    struct hub_scope *sc = ARENA_NEW(a, struct hub_scope);
    enum err rc;

    if (sc == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    *sc = (struct hub_scope){.set = *set, .counters = counters_new(set->count + set->external_count, a)};
    rc = number_externals(h, &sc->set, d);
    if (rc != ERR_OK)
        return rc;
    sc->quoted = quote_ids(&sc->set, a);
    if (sc->counters == NULL || sc->quoted == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    rc = number_audiences(h, &sc->set, d);
    if (rc == ERR_OK)
        *out = sc;
    return rc;
}

static enum err
add_scope(struct hub *h, struct str name, const struct scope_view *v, struct diag *d)
{
    struct arena *a = &h->snap_arena;
    struct hub_scope *sc = NULL, *jobs = NULL;
    enum err rc = v->live_segments.strict ? prepare(h, &v->hub_segments, &jobs, d) : ERR_OK;

    if (rc == ERR_OK)
        rc = prepare(h, &v->live_segments, &sc, d);
    if (sc == NULL)
        return rc;
    sc->view = v;
    sc->jobs = jobs;
    sc->signature = signature_of(v);
    sc->attributes = subset_new(v->projected_paths, v->projected_path_count, a);
    sc->events_signature = (uint32_t)hash_list(v->event_paths, v->event_path_count, 2) | 1;
    if (v->event_path_count > 0)
        sc->events = v->event_cut;
    if (sc->attributes == NULL || !map_put(&h->scopes, name, sc, NULL))
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    if (sc->set.graph != NULL)
        rc = hub_manifest_adopt(h, name, sc->set.graph, d);
    return rc == ERR_OK ? mark_projected(h, v, sc, d) : rc;
}

static int
by_key(const void *a, const void *b)
{
    return str_cmp((*(const struct map_slot *const *)a)->key, (*(const struct map_slot *const *)b)->key);
}

/* In the order of their names: audiences get their numbers here. */
static enum err
add_scopes(struct hub *h, const struct map *scopes, struct diag *d)
{
    const struct map_slot **slots = ARENA_ARRAY(&h->snap_arena, const struct map_slot *, scopes->count), *slot;
    size_t n = 0;
    enum err rc = ERR_OK;

    if (slots == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    for (size_t i = 0; (slot = map_next(scopes, &i)) != NULL;)
        slots[n++] = slot;
    qsort(slots, n, sizeof *slots, by_key);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = add_scope(h, slots[i]->key, slots[i]->value, d);
    return rc;
}

enum err
hub_take_snapshot(struct hub *h, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(h->o.config);
    enum err rc = ERR_OK;

    if (h->snap != NULL && snap->version == h->snap->version) {
        snapshot_put(h->o.config, snap);
        return ERR_OK;
    }
    if (h->snap != NULL)
        rc = hub_stage_counts(h, d);
    if (rc != ERR_OK) {
        snapshot_put(h->o.config, snap);
        return rc;
    }
    map_deinit(&h->scopes);
    map_init(&h->scopes);
    arena_reset(&h->snap_arena);
    if (h->snap != NULL)
        snapshot_put(h->o.config, h->snap);
    h->snap = snap;
    rc = add_scopes(h, &snap->scopes, d);
    return rc == ERR_OK ? hub_sweep_check(h, d) : rc;
}

const struct hub_scope *
hub_scope(const struct hub *h, struct str scope)
{
    return map_get(&h->scopes, scope);
}

static enum ns_class
class_of(void *ctx, struct str scope, struct str code)
{
    return snapshot_namespace_class(ctx, scope, code);
}

struct graph_namespaces
hub_namespaces(const struct hub *h)
{
    return (struct graph_namespaces){class_of, (void *)(uintptr_t)h->snap};
}
