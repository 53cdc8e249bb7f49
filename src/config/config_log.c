/* config_log.c - from the topic to a snapshot: all of it when a process opens it, or up to a version of the past. */
#include "config/config_int.h"

/* An object from its record. created: as known so far, 0 when it is new. */
enum err
object_read(const struct record *r, uint64_t created, struct config_object **out, struct diag *d)
{
    struct str kind, scope, id;
    struct config_object *o = NULL;
    enum err rc;

    if (!object_key_read(r->key, &kind, &scope, &id))
        return diag_set(d, ERR_CORRUPT, "config record %llu has a key that names no object",
                        (unsigned long long)r->offset);
    rc = object_new(kind, scope, id, r->value, &o, d);
    if (rc != ERR_OK) {
        struct diag inner = *d;
        return diag_set(d, rc == ERR_NOMEM ? rc : ERR_CORRUPT, "config record %llu (%.*s '%.*s'): %s",
                        (unsigned long long)r->offset, STR_ARG(kind), STR_ARG(id), inner.what);
    }
    o->version = r->offset + 1;
    o->created = created ? created : r->cause ? r->cause : r->offset + 1;
    *out = o;
    return ERR_OK;
}

static enum err
check_all(const struct config_objects *all, struct diag *d)
{
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->buckets[i]->n; k++) {
            struct config_object *o = all->buckets[i]->by_id[k];
            enum err rc = object_check(all, o, d);
            if (rc != ERR_OK) {
                struct diag inner = *d;
                return diag_set_path(d, rc == ERR_NOMEM ? rc : ERR_CORRUPT, inner.path,
                                     "config object %.*s '%.*s' on the log is not valid: %s", STR_ARG(o->kind),
                                     STR_ARG(o->id), inner.what);
            }
        }
    }
    return ERR_OK;
}

/* What is left of an object that a record says is there at `upto` already, or was deleted behind it: it was replaced,
 * and the log compacted. Its own deletion may be all that is left. */
static bool
is_gone(struct map *newest, struct map *later, const struct record *r, uint64_t upto)
{
    if (map_get(newest, r->key) != NULL || map_get(later, r->key) != NULL)
        return false;
    return r->value.p == NULL || (r->cause != 0 && r->cause <= upto);
}

static enum err
fold_one(struct map *newest, const struct record *r, struct diag *d)
{
    struct config_object *o = NULL, *old = map_get(newest, r->key);
    enum err rc;

    if (r->value.p == NULL) {
        object_unref(map_remove(newest, r->key));
        return ERR_OK;
    }
    rc = object_read(r, old ? old->created : 0, &o, d);
    if (rc != ERR_OK)
        return rc;
    if (!map_put(newest, r->key, o, NULL)) {
        object_unref(o);
        return diag_set(d, ERR_NOMEM, "no memory for configuration objects");
    }
    object_unref(old);
    return ERR_OK;
}

/* What is behind `upto` is only looked at for what it says of before. */
static enum err
pass_one(struct map *newest, struct map *later, const struct record *r, uint64_t upto, struct diag *d)
{
    if (is_gone(newest, later, r, upto))
        return diag_set(d, ERR_NOT_FOUND,
                        "the configuration %llu is not on the log any more (config-history-days): %.*s",
                        (unsigned long long)upto, STR_ARG(r->key));
    return map_put(later, r->key, newest, NULL) ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a configuration");
}

/* Folds what is on the topic now, up to an offset: newest record per key. */
static enum err
fold(struct consumer *consumer, uint64_t upto, struct map *newest, struct map *later, uint64_t *version, struct diag *d)
{
    for (;;) {
        struct record r;
        bool got = false;
        enum err rc = consumer_poll(consumer, 0, &r, &got, d);

        if (rc != ERR_OK || !got)
            return rc;
        if (r.offset < upto) {
            *version = r.offset + 1;
            rc = fold_one(newest, &r, d);
        } else {
            rc = pass_one(newest, later, &r, upto, d);
        }
        if (rc != ERR_OK)
            return rc;
    }
}

/* The folded objects as a compiled snapshot. Takes them out of the map. */
static enum err
first_snapshot(struct map *newest, uint64_t version, struct snapshot_box **out, struct diag *d)
{
    struct config_object **list = calloc(newest->count + 1, sizeof(struct config_object *));
    struct config_objects *all = NULL;
    const struct map_slot *slot;
    size_t n = 0;
    enum err rc;

    if (list == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for configuration objects");
    for (size_t i = 0; (slot = map_next(newest, &i)) != NULL;)
        list[n++] = object_ref(slot->value);
    rc = objects_build(list, n, &all, d);
    free(list);
    if (rc != ERR_OK)
        return rc;
    all->trusted = true;
    rc = check_all(all, d);
    if (rc == ERR_OK) {
        rc = snapshot_compile(all, NULL, out, d);
        if (rc == ERR_INVALID || rc == ERR_EXISTS || rc == ERR_LIMIT)
            rc = d->code = ERR_CORRUPT;
    }
    if (rc == ERR_OK)
        (*out)->view.version = version;
    else
        objects_free(all);
    return rc;
}

enum err
snapshot_from_log(struct consumer *consumer, uint64_t upto, struct snapshot_box **out, struct diag *d)
{
    struct map newest, later;
    const struct map_slot *slot;
    uint64_t version = 0;
    enum err rc;

    map_init(&newest);
    map_init(&later);
    rc = fold(consumer, upto, &newest, &later, &version, d);
    if (rc == ERR_OK)
        rc = first_snapshot(&newest, upto < UINT64_MAX ? upto : version, out, d);
    for (size_t i = 0; (slot = map_next(&newest, &i)) != NULL;)
        object_unref(slot->value);
    map_deinit(&newest);
    map_deinit(&later);
    return rc;
}
