/* snapshot.c - reading a snapshot: borrowed views of immutable objects. */
#include "config/config_int.h"

#include "config/namespaces.h"

static const struct snapshot_box *
box(const struct snapshot *s)
{
    return (const struct snapshot_box *)(const void *)s;
}

const struct datastream *
snapshot_datastream(const struct snapshot *s, struct str id)
{
    return map_get(&s->datastreams, id);
}

const struct scope_view *
snapshot_scope(const struct snapshot *s, struct str scope)
{
    return map_get(&s->scopes, scope);
}

const struct schema_part *
snapshot_schemas(const struct snapshot *s, struct str scope)
{
    const struct scope_compiled *compiled = map_get(&s->scopes, scope);

    return compiled ? compiled->schemas : NULL;
}

const struct json *
snapshot_object(const struct snapshot *s, struct str kind, struct str scope, struct str id)
{
    const struct config_object *o = objects_get(box(s)->objects, kind, scope, id);

    return o ? o->json : NULL;
}

uint64_t
snapshot_object_version(const struct snapshot *s, struct str kind, struct str scope, struct str id)
{
    const struct config_object *o = objects_get(box(s)->objects, kind, scope, id);

    return o ? o->version : 0;
}

const struct json *
snapshot_find(const struct snapshot *s, struct str kind, struct str id, struct str *scope)
{
    const struct config_objects *all = box(s)->objects;

    for (size_t i = 0; i < all->n; i++) {
        const struct config_object *o = str_eq(all->buckets[i]->kind, kind) ? bucket_get(all->buckets[i], id) : NULL;
        if (o != NULL) {
            *scope = o->scope;
            return o->json;
        }
    }
    return NULL;
}

const struct rule *
snapshot_audience_rule(const struct snapshot *s, struct str scope, struct str id, const struct str **refs,
                       size_t *ref_count)
{
    const struct config_object *o = objects_get(box(s)->objects, S("audience"), scope, id);

    *refs = o ? o->segment_refs : NULL;
    *ref_count = o ? o->segment_ref_count : 0;
    return o ? o->rule : NULL;
}

enum err
snapshot_expression(const struct snapshot *s, struct str scope, struct str source, bool json, struct rule **out,
                    struct diag *d)
{
    return expression_compile(source, json ? PQL_JSON : PQL_TEXT, snapshot_schemas(s, scope), out, d);
}

void
snapshot_each(const struct snapshot *s, struct str kind, struct str scope,
              void (*each)(void *ctx, struct str id, const struct json *object), void *ctx)
{
    const struct config_bucket *b = objects_bucket(box(s)->objects, kind, scope);

    for (size_t i = 0; b != NULL && i < b->n; i++)
        each(ctx, b->in_order[i]->id, b->in_order[i]->json);
}

enum ns_class
snapshot_namespace_class(const struct snapshot *s, struct str scope, struct str code)
{
    const struct config_bucket *b = objects_bucket(box(s)->objects, S("namespace"), scope);
    const struct namespace_standard *standard = namespace_standard_find(code);
    const struct config_object *own = bucket_get(b, code);
    enum ns_class class = NS_PERSON; /* of a code that nobody registered: links, and is dropped last */

    if (str_eq(code, S("AAID"))) /* legacy analytics ids stay out of graphs [PLATFORM 4.3] */
        return NS_NON_PEOPLE;
    for (size_t i = 0; own == NULL && b != NULL && i < b->n; i++) {
        if (str_eq_nocase(b->by_id[i]->id, code))
            own = b->by_id[i];
    }
    if (standard != NULL)
        (void)namespace_class_of_type(str_of(standard->id_type), &class);
    else if (own != NULL)
        (void)namespace_class_of_type(json_str(json_get(own->json, S("idType"))), &class);
    return class;
}
