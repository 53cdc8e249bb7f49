/* config_compile.c - objects to snapshots: what each scope's edge and hub need, made anew only where objects changed.
 *
 * A bucket is a new pointer whenever an object in it changed, so "nothing changed" is a comparison of pointers. Parts:
 *
 *   audiences   audience                                        rule graph of all evaluated audiences
 *   live        audiences, sandbox                              the same; of a strict sandbox, without batch audiences
 *   decide      activity offer targetAudience property, org     decide set
 *   schemas     schema fieldgroup descriptor, org               views
 *   edge        audiences, destination, decide, datastream      rule graph of the audiences that edges evaluate
 *               sandbox
 *
 * A graph's version is a hash of its audiences' ids and expressions in order, so it survives a restart and a renamed
 * audience, and profile states that carry it stay valid. */
#include "config/config_int.h"

#include "base/check.h"
#include "base/limits.h"
#include "codec/sha256.h"
#include "config/schema_int.h"
#include "model/optout.h"
#include "rule/rule_graph.h"

static enum err
nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for a configuration snapshot");
}

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

static const char *const decide_kinds[] = {"activity", "offer", "targetAudience", "property", NULL};
static const char *const schema_kinds[] = {"schema", "fieldgroup", "descriptor", NULL};
static const char *const view_kinds[] = {"activity",   "offer",      "targetAudience", "property",    "schema",
                                         "fieldgroup", "descriptor", "audience",       "destination", "datastream",
                                         NULL};

/* ---- audiences ---- */

static bool
live(const struct config_object *o)
{
    return o->rule != NULL && audience_is_evaluated(o);
}

static bool
has_method(const struct config_object *o, const char *path)
{
    return json_bool(json_path(o->json, str_of(path)), false);
}

static bool
is_edge(const struct config_object *o)
{
    return has_method(o, "evaluationInfo.synchronous.enabled");
}

static bool
is_batch(const struct config_object *o)
{
    return !is_edge(o) && !has_method(o, "evaluationInfo.continuous.enabled");
}

/* Does the sandbox behave by the documented methods [SEGMENTATION 14.4]? */
static bool
is_strict(const struct config_objects *all, struct str scope)
{
    const struct config_object *o = objects_get(all, S("sandbox"), scope_org(scope), scope_sandbox(scope));

    return o != NULL && str_eq(json_str(json_get(o->json, S("segmentation"))), S("strict"));
}

/* Where the methods of a strict sandbox are read: a part's own objects may be older ones of the same expressions.
 * NULL: nobody asks. */
static const struct config_bucket *
methods_of(const struct config_objects *all, struct str scope)
{
    return is_strict(all, scope) ? objects_bucket(all, S("audience"), scope) : NULL;
}

static uint64_t
version_of(struct config_object *const *objects, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < n; i++) {
        CHECK(objects[i] != NULL);
        h = (h ^ objects[i]->meaning) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h ? h : 1;
}

static void
audience_part_unref(struct audience_part *p)
{
    if (p == NULL || !ref_drop(&p->refs))
        return;
    rule_graph_free(p->graph);
    for (size_t i = 0; i < p->n; i++)
        object_unref(p->objects[i]);
    map_deinit(&p->by_id);
    free(p->objects);
    free(p->ids);
    free(p->order);
    free(p->opted_out_too);
    free(p);
}

static struct audience_part *
audience_part_alloc(size_t n)
{
    struct audience_part *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    ref_init(&p->refs);
    map_init(&p->by_id);
    p->objects = calloc(n + 1, sizeof(struct config_object *));
    p->ids = calloc(n + 1, sizeof *p->ids);
    p->order = calloc(n + 1, sizeof *p->order);
    p->opted_out_too = calloc(n + 1, sizeof *p->opted_out_too);
    if (p->objects != NULL && p->ids != NULL && p->order != NULL && p->opted_out_too != NULL)
        return p;
    audience_part_unref(p);
    return NULL;
}

static int
by_id(const void *a, const void *b, void *ids)
{
    const struct str *list = ids;

    return str_cmp(list[*(const uint32_t *)a], list[*(const uint32_t *)b]);
}

static void
sort_ids(struct audience_part *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->order[i] = (uint32_t)i;
    qsort_r(p->order, p->n, sizeof *p->order, by_id, p->ids);
}

/* Makes the graph of p's objects out of that of the part before, or shares that part when it has the same audiences
 * (only names changed). Takes p over. */
static enum err
audience_part_finish(struct audience_part *p, struct audience_part *before, struct audience_part **out, struct diag *d)
{
    struct rule_audience *audiences = calloc(p->n + 1, sizeof *audiences);
    enum err rc = ERR_OK;

    if (audiences == NULL) {
        audience_part_unref(p);
        return nomem(d);
    }
    p->version = version_of(p->objects, p->n);
    if (before != NULL && before->version == p->version) {
        free(audiences);
        audience_part_unref(p);
        ref_take(&before->refs);
        *out = before;
        return ERR_OK;
    }
    for (size_t i = 0; i < p->n && rc == ERR_OK; i++) {
        p->ids[i] = p->objects[i]->id;
        p->opted_out_too[i] = audience_opted_out_too(p->objects[i]->json);
        audiences[i] = (struct rule_audience){p->ids[i], p->objects[i]->rule};
        if (!map_put(&p->by_id, p->ids[i], (void *)(uintptr_t)(i + 1), NULL))
            rc = nomem(d);
    }
    if (rc == ERR_OK && p->n > 0)
        rc = rule_graph_extend(before != NULL ? before->graph : NULL, audiences, p->n, p->version, &p->graph, d);
    free(audiences);
    if (rc == ERR_OK)
        sort_ids(p);
    for (size_t i = 0; i < p->n && rc == ERR_OK; i++)
        p->scans = p->scans || rule_graph_scans(p->graph, i);
    if (rc == ERR_OK)
        *out = p;
    else
        audience_part_unref(p);
    return rc;
}

static enum err
audience_part_new(const struct config_objects *all, struct str scope, struct audience_part *before,
                  struct audience_part **out, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("audience"), scope);
    struct audience_part *p = audience_part_alloc(b ? b->n : 0);

    if (p == NULL)
        return nomem(d);
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (live(b->in_order[i]))
            p->objects[p->n++] = object_ref(b->in_order[i]);
    }
    return audience_part_finish(p, before, out, d);
}

static enum err
live_part_new(const struct audience_part *audiences, const struct config_bucket *methods, struct audience_part *before,
              struct audience_part **out, struct diag *d)
{
    struct audience_part *p = audience_part_alloc(audiences->n);

    if (p == NULL)
        return nomem(d);
    for (size_t i = 0; i < audiences->n; i++) {
        if (!is_batch(bucket_get(methods, audiences->objects[i]->id)))
            p->objects[p->n++] = object_ref(audiences->objects[i]);
    }
    return audience_part_finish(p, before, out, d);
}

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
        return nomem(d);
    for (*n = 0; b != NULL && *n < b->n; (*n)++)
        list[*n] = b->in_order[*n]->json;
    *out = list;
    return ERR_OK;
}

static enum err
decide_part_new(const struct config_objects *all, struct str scope, struct decide_part **out, struct diag *d)
{
    const struct json *org = objects_org(all, scope);
    struct decide_source src = {.client = json_str(json_get(org, S("clientCode"))),
                                .token_key = token_key(org, scope_org(scope))};
    struct decide_part *p = calloc(1, sizeof *p);
    struct arena a;
    enum err rc;

    if (p == NULL)
        return nomem(d);
    ref_init(&p->refs);
    arena_init(&a, SIZE_MAX);
    rc = list_of(all, "activity", scope, &a, &src.activities, &src.activity_count, d);
    if (rc == ERR_OK)
        rc = list_of(all, "offer", scope, &a, &src.offers, &src.offer_count, d);
    if (rc == ERR_OK)
        rc = list_of(all, "targetAudience", scope, &a, &src.audiences, &src.audience_count, d);
    if (rc == ERR_OK)
        rc = list_of(all, "property", scope, &a, &src.properties, &src.property_count, d);
    if (rc == ERR_OK)
        rc = decide_compile(&src, &p->set, d);
    arena_deinit(&a);
    if (rc == ERR_OK)
        *out = p;
    else
        decide_part_unref(p);
    return rc;
}

/* ---- lists of texts without repeats ---- */

struct texts {
    struct arena *arena;
    struct map seen;
    struct str *items;
    size_t n, cap;
    bool nomem;
};

static void
texts_add(void *ctx, struct str s)
{
    struct texts *t = ctx;

    if (t->nomem || map_get(&t->seen, s) != NULL)
        return;
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct str *items = ARENA_ARRAY(t->arena, struct str, cap);
        if (items == NULL) {
            t->nomem = true;
            return;
        }
        if (t->n > 0)
            memcpy(items, t->items, t->n * sizeof *items);
        t->items = items;
        t->cap = cap;
    }
    t->items[t->n] = arena_str(t->arena, s);
    if (t->items[t->n].p == NULL || !map_put(&t->seen, s, t, NULL))
        t->nomem = true;
    else
        t->n++;
}

static struct texts
texts_in(struct arena *a)
{
    struct texts t = {.arena = a};

    map_init(&t.seen);
    return t;
}

/* ---- edge ---- */

/* Short enough for a request: everything it needs of events is younger than a day [SEGMENTATION 15.3]. */
static bool
edge_eligible(const struct audience_part *p, const struct config_bucket *methods, size_t i)
{
    return rule_graph_lookback_ms(p->graph, i) <= LIMIT_EDGE_EVENTS_MS &&
           (methods == NULL || is_edge(bucket_get(methods, p->objects[i]->id)));
}

/* Marks the audiences that edges evaluate: those wanted and eligible, and eligible ones that they refer to; of a strict
 * sandbox, whose audiences are in `methods` as they are now, only those of the method edge. What an
 * edge audience refers to and edges cannot evaluate must be projected. */
static void
select_edge(const struct audience_part *p, const struct config_bucket *methods, const struct texts *wanted,
            struct texts *projected, bool *selected, size_t *queue)
{
    size_t head = 0, tail = 0;

    for (size_t i = 0; i < wanted->n; i++) {
        size_t at = (size_t)(uintptr_t)map_get(&p->by_id, wanted->items[i]);
        if (at > 0 && !selected[at - 1] && edge_eligible(p, methods, at - 1)) {
            selected[at - 1] = true;
            queue[tail++] = at - 1;
        }
    }
    while (head < tail) {
        const struct config_object *o = p->objects[queue[head++]];
        for (size_t k = 0; k < o->segment_ref_count; k++) {
            size_t at = (size_t)(uintptr_t)map_get(&p->by_id, o->segment_refs[k]);
            if (at == 0 || !edge_eligible(p, methods, at - 1)) {
                texts_add(projected, o->segment_refs[k]);
            } else if (!selected[at - 1]) {
                selected[at - 1] = true;
                queue[tail++] = at - 1;
            }
        }
    }
}

static enum err
edge_part_new(const struct audience_part *audiences, const struct config_bucket *methods, const struct texts *wanted,
              struct texts *projected, struct audience_part *before, struct audience_part **out, struct diag *d)
{
    struct audience_part *p = audience_part_alloc(audiences->n);
    bool *selected = calloc(audiences->n + 1, sizeof *selected);
    size_t *queue = calloc(audiences->n + 1, sizeof *queue);

    if (p == NULL || selected == NULL || queue == NULL) {
        audience_part_unref(p);
        free(selected);
        free(queue);
        return nomem(d);
    }
    select_edge(audiences, methods, wanted, projected, selected, queue);
    for (size_t i = 0; i < audiences->n; i++) {
        if (selected[i])
            p->objects[p->n++] = object_ref(audiences->objects[i]);
    }
    free(selected);
    free(queue);
    return audience_part_finish(p, before, out, d);
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
    if (rc == ERR_OK && methods_of(all, scope) != NULL) {
        rc = live_part_new(s->audiences, methods_of(all, scope), before ? before->live : NULL, &s->live, d);
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
fill_destinations(struct scope_compiled *s, const struct config_objects *all, struct texts *mapped, struct texts *paths,
                  struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("destination"), s->view.scope);

    s->destinations = bucket_ref((struct config_bucket *)(uintptr_t)b);
    s->view.destinations = ARENA_ARRAY(&s->arena, struct destination, b ? b->n : 0);
    if (s->view.destinations == NULL)
        return nomem(d);
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct destination *dest = b->in_order[i]->destination;
        s->view.destinations[s->view.destination_count++] = *dest;
        for (size_t k = 0; dest->enabled && k < dest->audience_count; k++)
            texts_add(mapped, dest->audiences[k]);
        for (size_t k = 0; dest->enabled && k < dest->attribute_count; k++)
            texts_add(paths, dest->attributes[k]);
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
    bool strict = is_strict(all, s->view.scope);

    s->all_audiences = bucket_ref((struct config_bucket *)(uintptr_t)b);
    s->view.decide = s->decide->set;
    s->view.hub_segments = set_of(s->audiences, strict, s->all_audiences);
    s->view.live_segments = set_of(s->live, strict, s->all_audiences);
    s->view.edge_segments = set_of(s->edge, strict, s->all_audiences);
    return audience_externals(b, &s->arena, &s->view.live_segments, d);
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
drop_evaluated(struct texts *projected, const struct audience_part *edge)
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
event_cut(const struct texts *paths, struct arena *a)
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
    struct texts audiences = texts_in(&s->arena), paths = texts_in(&s->arena), events = texts_in(&s->arena);
    struct texts wanted;
    enum err rc = fill_destinations(s, all, &audiences, &paths, d);

    decide_hub_audiences(s->decide->set, texts_add, &audiences);
    decide_attribute_paths(s->decide->set, texts_add, &paths);
    wanted = audiences; /* a list that is only read: what is added to audiences meanwhile is not wanted at the edge */
    if (rc == ERR_OK)
        rc = edge_part_new(s->audiences, methods_of(all, s->view.scope), &wanted, &audiences,
                           before ? before->edge : NULL, &s->edge, d);
    if (rc == ERR_OK && s->edge->graph != NULL) {
        rule_graph_attribute_paths(s->edge->graph, texts_add, &paths);
        rule_graph_event_paths(s->edge->graph, texts_add, &events);
        texts_add(&paths, S(OPTOUT_PATH));
    }
    if (rc == ERR_OK && all_evaluate(all, s->view.scope))
        drop_evaluated(&audiences, s->edge);
    if (rc == ERR_OK)
        s->view.event_cut = event_cut(&events, &s->arena);
    if (rc == ERR_OK && (audiences.nomem || paths.nomem || events.nomem || s->view.event_cut == NULL))
        rc = nomem(d);
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

    if (before != NULL && same_buckets(all, old, view_kinds, scope) && is_strict(all, scope) == is_strict(old, scope)) {
        ref_take(&before->refs);
        *out = before;
        return ERR_OK;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return nomem(d);
    ref_init(&s->refs);
    arena_init(&s->arena, SIZE_MAX);
    s->view.scope = arena_str(&s->arena, scope);
    s->view.org = scope_org(s->view.scope);
    s->view.sandbox = scope_sandbox(s->view.scope);
    s->view.token_key = token_key(objects_org(all, scope), scope_org(scope));
    if (s->view.scope.p == NULL)
        rc = nomem(d);
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
        rc = nomem(d);
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
            rc = nomem(d);
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
        return nomem(d);
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
