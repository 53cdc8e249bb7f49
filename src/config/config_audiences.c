/* config_audiences.c - the parts of a scope that are a rule graph: all evaluated audiences, those that are live, and
 * those that edges evaluate.
 *
 * A graph's version is a hash of what its audiences mean (config_object.meaning: id, expression, opt-outs) in order, so
 * it survives a restart and a renamed audience, and profile states that carry it stay valid. A part with the version of
 * the one before is that part. */
#include "config/config_int.h"

#include "base/check.h"
#include "base/limits.h"
#include "rule/rule_graph.h"

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

bool
scope_is_strict(const struct config_objects *all, struct str scope)
{
    const struct config_object *o = objects_get(all, S("sandbox"), scope_org(scope), scope_sandbox(scope));

    return o != NULL && str_eq(json_str(json_get(o->json, S("segmentation"))), S("strict"));
}

const struct config_bucket *
scope_methods(const struct config_objects *all, struct str scope)
{
    return scope_is_strict(all, scope) ? objects_bucket(all, S("audience"), scope) : NULL;
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

void
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
        return snapshot_nomem(d);
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
            rc = snapshot_nomem(d);
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

enum err
audience_part_new(const struct config_objects *all, struct str scope, struct audience_part *before,
                  struct audience_part **out, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("audience"), scope);
    struct audience_part *p = audience_part_alloc(b ? b->n : 0);

    if (p == NULL)
        return snapshot_nomem(d);
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (live(b->in_order[i]))
            p->objects[p->n++] = object_ref(b->in_order[i]);
    }
    return audience_part_finish(p, before, out, d);
}

enum err
audience_part_live(const struct audience_part *audiences, const struct config_bucket *methods,
                   struct audience_part *before, struct audience_part **out, struct diag *d)
{
    struct audience_part *p = audience_part_alloc(audiences->n);

    if (p == NULL)
        return snapshot_nomem(d);
    for (size_t i = 0; i < audiences->n; i++) {
        if (!is_batch(bucket_get(methods, audiences->objects[i]->id)))
            p->objects[p->n++] = object_ref(audiences->objects[i]);
    }
    return audience_part_finish(p, before, out, d);
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
 * sandbox, whose audiences are in `methods` as they are now, only those of the method edge. What an edge audience
 * refers to and edges cannot evaluate must be projected. */
static void
select_edge(const struct audience_part *p, const struct config_bucket *methods, const struct config_texts *wanted,
            struct config_texts *projected, bool *selected, size_t *queue)
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
                config_texts_add(projected, o->segment_refs[k]);
            } else if (!selected[at - 1]) {
                selected[at - 1] = true;
                queue[tail++] = at - 1;
            }
        }
    }
}

enum err
audience_part_edge(const struct audience_part *audiences, const struct config_bucket *methods,
                   const struct config_texts *wanted, struct config_texts *projected, struct audience_part *before,
                   struct audience_part **out, struct diag *d)
{
    struct audience_part *p = audience_part_alloc(audiences->n);
    bool *selected = calloc(audiences->n + 1, sizeof *selected);
    size_t *queue = calloc(audiences->n + 1, sizeof *queue);

    if (p == NULL || selected == NULL || queue == NULL) {
        audience_part_unref(p);
        free(selected);
        free(queue);
        return snapshot_nomem(d);
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
