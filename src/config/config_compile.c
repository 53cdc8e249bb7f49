/* config_compile.c - objects to snapshots: what each scope's edge and hub need, made anew only where objects changed.
 *
 * A bucket is a new pointer whenever an object in it changed, so "nothing changed" is a comparison of pointers. Parts:
 *
 *   audiences   audience                                        rule graph of all evaluated audiences
 *   live        audiences, sandbox                              the same; of a strict sandbox, without batch audiences
 *   decide      activity offer targetAudience property, org,    decide set
 *               exclusionGroup allocation model responseToken targetSettings
 *   schemas     schema fieldgroup descriptor, org               views
 *   view        profileScript                                   the list of scripts
 *   edge        audiences, destination, decide, datastream      rule graph of the audiences that edges evaluate
 *               sandbox
 *
 * config_audiences.c makes the parts with a rule graph. */
#include "config/config_int.h"

#include "base/limits.h"
#include "codec/sha256.h"
#include "config/schema_int.h"
#include "model/optout.h"
#include "rule/rule_graph.h"

static bool
same_bucket(const struct config_objects *a, const struct config_objects *b, const char *kind, struct str scope)
{
    return objects_bucket(a, str_of(kind), scope) == objects_bucket(b, str_of(kind), scope);
}

/* All kinds of the NULL-terminated list unchanged in the scope, and the organisation's own object. */
static bool
same_buckets(const struct config_objects *a, const struct config_objects *b, const char *const *kinds, struct str scope)
{
    for (; *kinds != NULL; kinds++) {
        if (!same_bucket(a, b, *kinds, scope))
            return false;
    }
    return same_bucket(a, b, "org", scope_org(scope));
}

static const char *const decide_kinds[] = {"activity",   "offer", "targetAudience", "property",       "exclusionGroup",
                                           "allocation", "model", "responseToken",  "targetSettings", NULL};
static const char *const schema_kinds[] = {"schema", "fieldgroup", "descriptor", NULL};
static const char *const view_kinds[] = {
    "activity",       "offer",       "targetAudience", "property",      "exclusionGroup",
    "allocation",     "model",       "schema",         "fieldgroup",    "descriptor",
    "audience",       "destination", "datastream",     "responseToken", "profileScript",
    "targetSettings", NULL};

/* ---- decisions ---- */

static void
decide_part_unref(struct decide_part *p)
{
    if (p == NULL || !ref_drop(&p->refs))
        return;
    decide_free(p->set);
    free(p);
}

/* "tokenKey" of the organisation, 32 hex digits; without one, a key that depends on the organisation only, so that
 * tokens survive a restart. */
static struct hash_key
token_key(const struct json *org, struct str org_id)
{
    struct str hex = json_str(json_get(org, S("tokenKey")));
    unsigned char digest[32];
    uint64_t half[2] = {0, 0};

    for (size_t i = 0; i < 32 && hex.n == 32; i++) {
        char c = hex.p[i];
        unsigned v = c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 32u) - 'a' + 10;
        half[i / 16] = half[i / 16] << 4 | v;
    }
    if (hex.n != 32) {
        sha256(org_id, digest);
        for (size_t i = 0; i < 16; i++)
            half[i / 8] = half[i / 8] << 8 | digest[i];
    }
    return (struct hash_key){half[0], half[1]};
}

static enum err
list_of(const struct config_objects *all, const char *kind, struct str scope, struct arena *a,
        const struct json *const **out, size_t *n, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, str_of(kind), scope);
    const struct json **list = ARENA_ARRAY(a, const struct json *, b ? b->n : 0);

    if (list == NULL)
        return snapshot_nomem(d);
    for (*n = 0; b != NULL && *n < b->n; (*n)++)
        list[*n] = b->in_order[*n]->json;
    *out = list;
    return ERR_OK;
}

enum err
decide_source_of(const struct config_objects *all, struct str scope, struct arena *a, struct decide_source *out,
                 struct diag *d)
{
    const struct json *org = objects_org(all, scope);
    const struct config_object *settings = objects_get(all, S("targetSettings"), scope, S("settings"));
    struct decide_source src = {.client = json_str(json_get(org, S("clientCode"))),
                                .settings = settings ? settings->json : NULL,
                                .token_key = token_key(org, scope_org(scope))};
    const struct {
        const char *kind;
        const struct json *const **list;
        size_t *n;
    } lists[] = {
        {"activity", &src.activities, &src.activity_count},
        {"offer", &src.offers, &src.offer_count},
        {"targetAudience", &src.audiences, &src.audience_count},
        {"property", &src.properties, &src.property_count},
        {"exclusionGroup", &src.groups, &src.group_count},
        {"allocation", &src.allocations, &src.allocation_count},
        {"model", &src.models, &src.model_count},
        {"responseToken", &src.response_tokens, &src.response_token_count},
    };
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < sizeof lists / sizeof *lists; i++)
        rc = list_of(all, lists[i].kind, scope, a, lists[i].list, lists[i].n, d);
    (void)target_zone_minutes(json_str(json_get(src.settings, S("timeZone"))), &src.zone_minutes); /* checked before */
    if (rc == ERR_OK)
        *out = src;
    return rc;
}

static enum err
decide_part_new(const struct config_objects *all, struct str scope, struct decide_part **out, struct diag *d)
{
    struct decide_part *p = calloc(1, sizeof *p);
    struct decide_source src;
    struct arena a;
    enum err rc;

    if (p == NULL)
        return snapshot_nomem(d);
    ref_init(&p->refs);
    arena_init(&a, SIZE_MAX);
    rc = decide_source_of(all, scope, &a, &src, d);
    if (rc == ERR_OK)
        rc = decide_compile(&src, &p->set, d);
    arena_deinit(&a);
    if (rc == ERR_OK)
        *out = p;
    else
        decide_part_unref(p);
    return rc;
}

/* ---- one scope ---- */

static void
scope_unref(struct scope_compiled *s)
{
    if (s == NULL || !ref_drop(&s->refs))
        return;
    audience_part_unref(s->edge);
    audience_part_unref(s->live);
    audience_part_unref(s->audiences);
    decide_part_unref(s->decide);
    schema_part_unref(s->schemas);
    bucket_unref(s->destinations);
    bucket_unref(s->all_audiences);
    arena_deinit(&s->arena);
    free(s);
}

static enum err
fill_parts(struct scope_compiled *s, const struct config_objects *all, const struct scope_compiled *before,
           const struct config_objects *old, struct diag *d)
{
    struct str scope = s->view.scope;
    enum err rc = ERR_OK;

    if (before != NULL && same_bucket(all, old, "audience", scope)) {
        s->audiences = before->audiences;
        ref_take(&s->audiences->refs);
    } else {
        rc = audience_part_new(all, scope, before ? before->audiences : NULL, &s->audiences, d);
    }
    if (rc == ERR_OK && scope_methods(all, scope) != NULL) {
        rc = audience_part_live(s->audiences, scope_methods(all, scope), before ? before->live : NULL, &s->live, d);
    } else if (rc == ERR_OK) {
        s->live = s->audiences;
        ref_take(&s->live->refs);
    }
    if (rc == ERR_OK && before != NULL && same_buckets(all, old, decide_kinds, scope)) {
        s->decide = before->decide;
        ref_take(&s->decide->refs);
    } else if (rc == ERR_OK) {
        rc = decide_part_new(all, scope, &s->decide, d);
    }
    if (rc == ERR_OK && before != NULL && same_buckets(all, old, schema_kinds, scope)) {
        s->schemas = schema_part_ref(before->schemas);
    } else if (rc == ERR_OK) {
        rc = schema_part_new(all, scope, &s->schemas, d);
        if (rc == ERR_OK && before != NULL && !all->trusted)
            rc = schema_part_evolves(before->schemas, s->schemas, all, scope, d);
    }
    return rc;
}

static enum err
fill_destinations(struct scope_compiled *s, const struct config_objects *all, struct config_texts *mapped,
                  struct config_texts *paths, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("destination"), s->view.scope);

    s->destinations = bucket_ref((struct config_bucket *)(uintptr_t)b);
    s->view.destinations = ARENA_ARRAY(&s->arena, struct destination, b ? b->n : 0);
    if (s->view.destinations == NULL)
        return snapshot_nomem(d);
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct destination *dest = b->in_order[i]->destination;
        s->view.destinations[s->view.destination_count++] = *dest;
        for (size_t k = 0; dest->enabled && k < dest->audience_count; k++)
            config_texts_add(mapped, dest->audiences[k]);
        for (size_t k = 0; dest->enabled && k < dest->attribute_count; k++)
            config_texts_add(paths, dest->attributes[k]);
    }
    return ERR_OK;
}

static bool
audience_exists(void *ctx, struct str id)
{
    return bucket_get(ctx, id) != NULL;
}

static struct segment_set
set_of(const struct audience_part *p, bool strict, struct config_bucket *all)
{
    return (struct segment_set){.graph = p->graph,
                                .ids = p->ids,
                                .order = p->order,
                                .count = p->n,
                                .by_id = p->n > 0 ? &p->by_id : NULL,
                                .opted_out_too = p->opted_out_too,
                                .scans = p->scans,
                                .strict = strict,
                                .kept = audience_exists,
                                .kept_ctx = all};
}

static enum err
fill_sets(struct scope_compiled *s, const struct config_objects *all, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("audience"), s->view.scope);
    bool strict = scope_is_strict(all, s->view.scope);
    enum err rc;

    s->all_audiences = bucket_ref((struct config_bucket *)(uintptr_t)b);
    s->view.decide = s->decide->set;
    s->view.hub_segments = set_of(s->audiences, strict, s->all_audiences);
    s->view.live_segments = set_of(s->live, strict, s->all_audiences);
    s->view.edge_segments = set_of(s->edge, strict, s->all_audiences);
    rc = scope_scripts(all, &s->view, &s->arena, d);
    return rc == ERR_OK ? audience_externals(b, &s->arena, &s->view.live_segments, d) : rc;
}

/* Does every enabled datastream of the scope evaluate audiences in the request? */
static bool
all_evaluate(const struct config_objects *all, struct str scope)
{
    const struct config_bucket *b = objects_bucket(all, S("datastream"), scope);

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct datastream *ds = b->by_id[i]->datastream;
        if (ds->enabled && !(ds->platform && ds->edge_segmentation))
            return false;
    }
    return true;
}

/* Takes out what edges evaluate: they ask nobody about it. */
static void
drop_evaluated(struct config_texts *projected, const struct audience_part *edge)
{
    size_t kept = 0;

    for (size_t i = 0; i < projected->n; i++) {
        if (map_get(&edge->by_id, projected->items[i]) == NULL)
            projected->items[kept++] = projected->items[i];
    }
    projected->n = kept;
}

/* What edges keep of an event: what their rules read, its name, and its time for building the rules' state anew. */
static const struct subset *
event_cut(const struct config_texts *paths, struct arena *a)
{
    struct str *all = ARENA_ARRAY(a, struct str, paths->n + 2);

    if (all == NULL)
        return NULL;
    if (paths->n > 0)
        memcpy(all, paths->items, paths->n * sizeof *all);
    all[paths->n] = S("_id");
    all[paths->n + 1] = S("timestamp");
    return subset_new(all, paths->n + 2, a);
}

static enum err
fill_edge(struct scope_compiled *s, const struct config_objects *all, const struct scope_compiled *before,
          struct diag *d)
{
    struct config_texts audiences = config_texts_in(&s->arena), paths = config_texts_in(&s->arena),
                        events = config_texts_in(&s->arena);
    struct config_texts wanted;
    enum err rc = fill_destinations(s, all, &audiences, &paths, d);

    decide_hub_audiences(s->decide->set, config_texts_add, &audiences);
    decide_attribute_paths(s->decide->set, config_texts_add, &paths);
    wanted = audiences; /* a list that is only read: what is added to audiences meanwhile is not wanted at the edge */
    if (rc == ERR_OK)
        rc = audience_part_edge(s->audiences, scope_methods(all, s->view.scope), &wanted, &audiences,
                                before ? before->edge : NULL, &s->edge, d);
    if (rc == ERR_OK && s->edge->graph != NULL) {
        rule_graph_attribute_paths(s->edge->graph, config_texts_add, &paths);
        rule_graph_event_paths(s->edge->graph, config_texts_add, &events);
        config_texts_add(&paths, S(OPTOUT_PATH));
    }
    if (rc == ERR_OK && all_evaluate(all, s->view.scope))
        drop_evaluated(&audiences, s->edge);
    if (rc == ERR_OK)
        s->view.event_cut = event_cut(&events, &s->arena);
    if (rc == ERR_OK && (audiences.nomem || paths.nomem || events.nomem || s->view.event_cut == NULL))
        rc = snapshot_nomem(d);
    s->view.projected_audiences = audiences.items;
    s->view.projected_audience_count = audiences.n;
    s->view.projected_paths = paths.items;
    s->view.projected_path_count = paths.n;
    s->view.event_paths = events.items;
    s->view.event_path_count = events.n;
    map_deinit(&audiences.seen);
    map_deinit(&paths.seen);
    map_deinit(&events.seen);
    return rc;
}

static enum err
scope_compile(struct str scope, const struct config_objects *all, const struct snapshot_box *before_all,
              struct scope_compiled **out, struct diag *d)
{
    struct scope_compiled *before = before_all ? map_get(&before_all->view.scopes, scope) : NULL;
    const struct config_objects *old = before_all ? before_all->objects : NULL;
    struct scope_compiled *s;
    enum err rc = ERR_OK;

    if (before != NULL && same_buckets(all, old, view_kinds, scope) &&
        scope_is_strict(all, scope) == scope_is_strict(old, scope)) {
        ref_take(&before->refs);
        *out = before;
        return ERR_OK;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return snapshot_nomem(d);
    ref_init(&s->refs);
    arena_init(&s->arena, SIZE_MAX);
    s->view.scope = arena_str(&s->arena, scope);
    s->view.org = scope_org(s->view.scope);
    s->view.sandbox = scope_sandbox(s->view.scope);
    s->view.token_key = token_key(objects_org(all, scope), scope_org(scope));
    if (s->view.scope.p == NULL)
        rc = snapshot_nomem(d);
    if (rc == ERR_OK)
        rc = fill_parts(s, all, before, old, d);
    if (rc == ERR_OK)
        rc = fill_edge(s, all, before, d);
    if (rc == ERR_OK)
        rc = fill_sets(s, all, d);
    if (rc == ERR_OK)
        *out = s;
    else
        scope_unref(s);
    return rc;
}

/* ---- the whole ---- */

void
snapshot_unref(struct snapshot_box *s)
{
    const struct map_slot *slot;

    if (s == NULL || !ref_drop(&s->refs))
        return;
    for (size_t i = 0; (slot = map_next(&s->view.scopes, &i)) != NULL;)
        scope_unref(slot->value);
    map_deinit(&s->view.scopes);
    map_deinit(&s->view.datastreams);
    objects_free(s->objects);
    free(s);
}

static enum err
add_scope(struct snapshot_box *s, struct str scope, const struct config_objects *all, const struct snapshot_box *before,
          struct diag *d)
{
    struct scope_compiled *compiled = NULL;
    enum err rc;

    if (map_get(&s->view.scopes, scope) != NULL)
        return ERR_OK;
    rc = scope_compile(scope, all, before, &compiled, d);
    if (rc == ERR_OK && !map_put(&s->view.scopes, scope, compiled, NULL)) {
        scope_unref(compiled);
        rc = snapshot_nomem(d);
    }
    return rc;
}

static enum err
add_bucket(struct snapshot_box *s, const struct config_bucket *b, const struct config_objects *all,
           const struct snapshot_box *before, struct diag *d)
{
    char name[LIMIT_SCOPE_BYTES + LIMIT_OBJECT_NAME_BYTES + 2];
    enum err rc = ERR_OK;

    if (str_find_char(b->scope, '/') >= 0)
        rc = add_scope(s, b->scope, all, before, d);
    for (size_t i = 0; rc == ERR_OK && i < b->n && str_eq(b->kind, S("sandbox")); i++) {
        int n = snprintf(name, sizeof name, "%.*s/%.*s", STR_ARG(b->scope), STR_ARG(b->by_id[i]->id));
        rc = add_scope(s, (struct str){name, (size_t)n}, all, before, d);
    }
    for (size_t i = 0; rc == ERR_OK && i < b->n && str_eq(b->kind, S("datastream")); i++) {
        if (!map_put(&s->view.datastreams, b->by_id[i]->id, b->by_id[i]->datastream, NULL))
            rc = snapshot_nomem(d);
    }
    return rc;
}

enum err
snapshot_compile(struct config_objects *objects, const struct snapshot_box *before, struct snapshot_box **out,
                 struct diag *d)
{
    struct snapshot_box *s = calloc(1, sizeof *s);
    enum err rc = ERR_OK;

    if (s == NULL)
        return snapshot_nomem(d);
    ref_init(&s->refs);
    map_init(&s->view.datastreams);
    map_init(&s->view.scopes);
    for (size_t i = 0; rc == ERR_OK && i < objects->n; i++)
        rc = add_bucket(s, objects->buckets[i], objects, before, d);
    if (rc != ERR_OK) {
        snapshot_unref(s);
        return rc;
    }
    s->objects = objects;
    s->view.objects = objects;
    *out = s;
    return ERR_OK;
}
