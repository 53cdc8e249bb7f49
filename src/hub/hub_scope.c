/* hub_scope.c - the configuration as folding needs it: per scope, the audiences with what they need, the cuts of what
 * may travel to edges, and a signature that says whether profiles are up to date with it. */
#include "hub/hub_int.h"

#include "base/hash.h"

static uint64_t
hash_list(const struct str *list, size_t n, uint64_t seed)
{
    seed = hash_bytes((struct str){(const char *)&n, sizeof n}, seed);
    for (size_t i = 0; i < n; i++)
        seed = hash_bytes(list[i], seed);
    return seed;
}

static uint64_t
signature_of(const struct scope_view *v)
{
    uint64_t version = v->hub_segments.graph != NULL ? rule_graph_version(v->hub_segments.graph) : 0;
    uint64_t seed = hash_bytes((struct str){(const char *)&version, sizeof version}, 1);

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

static enum err
add_scope(struct hub *h, struct str name, const struct scope_view *v, struct diag *d)
{
    struct arena *a = &h->snap_arena;
    struct hub_scope *sc = ARENA_NEW(a, struct hub_scope);

    if (sc == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    *sc = (struct hub_scope){.view = v, .set = v->hub_segments, .signature = signature_of(v)};
    sc->counters = counters_new(v->hub_segments.count, a);
    sc->attributes = subset_new(v->projected_paths, v->projected_path_count, a);
    sc->events_signature = (uint32_t)hash_list(v->event_paths, v->event_path_count, 2) | 1;
    if (v->event_path_count > 0)
        sc->events = v->event_cut;
    if (sc->attributes == NULL || sc->counters == NULL || !map_put(&h->scopes, name, sc, NULL))
        return diag_set(d, ERR_NOMEM, "no memory for a snapshot");
    return ERR_OK;
}

enum err
hub_take_snapshot(struct hub *h, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(h->o.config);
    const struct map_slot *slot;
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
    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&snap->scopes, &i)) != NULL;)
        rc = add_scope(h, slot->key, slot->value, d);
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
