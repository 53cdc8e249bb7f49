/* config.c - the store: a fold of the compacted topic, and the one place where it grows.
 *
 * A record's key is kind US scope US id, its value the JSON document, a tombstone deletes (docs/formats/config.md).
 * `cause` is the offset of the object's first record + 1 (0 in that record itself), so the order of creation survives
 * compaction.
 *
 *   (1) under the writer's lock: copy the objects, apply the changes, check each, compile a snapshot
 *   (2) append all records in one write and sync
 *   (3) publish the snapshot
 *
 * A refusal in (1) or a failing disk in (2) leaves everything as it was. Readers meet the writer only at (3), for as
 * long as it takes to swap a pointer. */
#include "config/config_int.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"

struct config {
    struct os *os;
    struct topic *topic;
    size_t objects_max;
    struct os_mutex writer; /* one save, or one follow, at a time; held across the append: saves are serialised */
    struct os_mutex current_lock;
    struct snapshot_box *current; /* guarded by current_lock */
    struct consumer *consumer;    /* where a follower goes on */
};

/* ---- snapshots in force ---- */

const struct snapshot *
snapshot_get(struct config *c)
{
    struct snapshot_box *s;

    os_lock(&c->current_lock);
    s = c->current;
    ref_take(&s->refs);
    os_unlock(&c->current_lock);
    return &s->view;
}

void
snapshot_put(struct config *c, const struct snapshot *s)
{
    (void)c;
    if (s != NULL)
        snapshot_unref((struct snapshot_box *)(uintptr_t)s);
}

static void
publish(struct config *c, struct snapshot_box *next)
{
    struct snapshot_box *old;

    os_lock(&c->current_lock);
    old = c->current;
    c->current = next;
    os_unlock(&c->current_lock);
    snapshot_unref(old);
    metric_set(M_CONFIG_VERSION, (int64_t)next->view.version);
}

struct topic *
config_topic(const struct config *c)
{
    return c->topic;
}

/* ---- opening ---- */

enum err
config_open(const struct config_options *o, struct config **out, struct diag *d)
{
    struct config *c = calloc(1, sizeof *c);
    enum err rc;

    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the configuration");
    c->os = o->os;
    c->topic = o->topic;
    c->objects_max = o->objects_max ? o->objects_max : LIMIT_OBJECTS;
    os_mutex_init(&c->writer);
    os_mutex_init(&c->current_lock);
    rc = consumer_open(o->topic, topic_begin(o->topic), &c->consumer, d);
    if (rc == ERR_OK)
        rc = snapshot_from_log(c->consumer, UINT64_MAX, &c->current, d);
    if (rc == ERR_OK) {
        metric_set(M_CONFIG_VERSION, (int64_t)c->current->view.version);
        *out = c;
    } else {
        config_close(c);
    }
    return rc;
}

void
config_close(struct config *c)
{
    if (c == NULL)
        return;
    if (c->consumer != NULL)
        consumer_close(c->consumer);
    snapshot_unref(c->current);
    os_mutex_deinit(&c->current_lock);
    os_mutex_deinit(&c->writer);
    free(c);
}

/* ---- following ---- */

static enum err
follow_one(struct config_objects *all, const struct record *r, struct diag *d)
{
    struct str kind, scope, id;
    struct config_object *o = NULL, *old;
    enum err rc;

    if (!object_key_read(r->key, &kind, &scope, &id))
        return diag_set(d, ERR_CORRUPT, "config record %llu has a key that names no object",
                        (unsigned long long)r->offset);
    old = objects_get(all, kind, scope, id);
    if (r->value.p == NULL)
        return old ? objects_remove(all, kind, scope, id, d) : ERR_OK;
    rc = object_read(r, old ? old->created : 0, &o, d);
    return rc == ERR_OK ? objects_put(all, o, d) : rc;
}

/* Fills what is compiled from single objects; those shared with the snapshot before have it. */
static enum err
check_new(const struct config_objects *all, const struct config_objects *before, struct diag *d)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct config_bucket *b = all->buckets[i], *was = objects_bucket(before, b->kind, b->scope);
        for (size_t k = 0; b != was && k < b->n; k++) {
            enum err rc = bucket_get(was, b->by_id[k]->id) == b->by_id[k] ? ERR_OK : object_check(all, b->by_id[k], d);
            if (rc != ERR_OK)
                return rc;
        }
    }
    return ERR_OK;
}

/* After records that could not be applied: read them again next time, so that none is skipped. */
static void
rewind_consumer(struct config *c)
{
    struct consumer *again = NULL;
    struct diag d = DIAG_INIT;

    if (consumer_open(c->topic, c->current->view.version, &again, &d) != ERR_OK)
        return; /* the failure itself is being reported; the next record compiles everything anyway */
    consumer_close(c->consumer);
    c->consumer = again;
}

enum err
config_follow(struct config *c, uint64_t timeout_us, struct diag *d)
{
    struct config_objects *next = NULL;
    struct snapshot_box *box = NULL;
    uint64_t version = 0, wait_us = timeout_us;
    enum err rc = ERR_OK;

    os_lock(&c->writer);
    while (rc == ERR_OK) {
        struct record r;
        bool got = false;

        rc = consumer_poll(c->consumer, wait_us, &r, &got, d);
        if (rc != ERR_OK || !got)
            break;
        wait_us = 0; /* what came together is compiled together */
        if (r.offset < c->current->view.version)
            continue; /* this process wrote it */
        if (next == NULL) {
            next = objects_copy(c->current->objects);
            if (next == NULL) {
                rc = diag_set(d, ERR_NOMEM, "no memory for configuration objects");
                break;
            }
            next->trusted = true;
        }
        rc = follow_one(next, &r, d);
        version = r.offset + 1;
    }
    if (rc == ERR_OK && next != NULL)
        rc = check_new(next, c->current->objects, d);
    if (rc == ERR_OK && next != NULL)
        rc = snapshot_compile(next, c->current, &box, d);
    if (rc == ERR_OK && next != NULL) {
        box->view.version = version;
        publish(c, box);
    } else {
        objects_free(next);
        if (rc != ERR_OK)
            rewind_consumer(c);
    }
    os_unlock(&c->writer);
    return rc;
}

/* ---- saving ---- */

static enum err
expect_version(const struct config_objects *all, const struct config_change *change, struct diag *d)
{
    const struct config_object *o = objects_get(all, change->kind, change->scope, change->id);
    uint64_t version = o ? o->version : 0;

    if (change->version == CONFIG_ANY_VERSION || change->version == version)
        return ERR_OK;
    if (change->version == 0)
        return diag_set_path(d, ERR_EXISTS, "@version", "%.*s '%.*s' exists", STR_ARG(change->kind),
                             STR_ARG(change->id));
    return diag_set_path(d, ERR_EXISTS, "@version", "%.*s '%.*s' was changed meanwhile", STR_ARG(change->kind),
                         STR_ARG(change->id));
}

/* Applies the changes to an own copy; objects of `at` + i + 1 as versions. fresh[i] is the new object, or NULL for a
 * delete: release() afterwards, whatever came of it. */
static enum err
stage(struct config_objects *next, const struct config_change *changes, size_t n, uint64_t at,
      struct config_object **fresh, struct diag *d)
{
    for (size_t i = 0; i < n; i++) {
        const struct config_change *change = &changes[i];
        const struct config_object *old = objects_get(next, change->kind, change->scope, change->id);
        struct config_object *o = NULL;
        enum err rc = expect_version(next, change, d);

        if (rc == ERR_OK && change->json.p == NULL) {
            rc = objects_remove(next, change->kind, change->scope, change->id, d);
        } else if (rc == ERR_OK) {
            rc = object_new(change->kind, change->scope, change->id, change->json, &o, d);
            if (rc == ERR_OK) {
                o->version = at + i + 1;
                o->created = old ? old->created : o->version;
                fresh[i] = object_ref(o); /* a later change may replace it */
                rc = objects_put(next, o, d);
            }
        }
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static void
release(struct config_object **fresh, size_t n)
{
    for (size_t i = 0; i < n; i++)
        object_unref(fresh[i]);
}

/* What was deleted must not be missed. */
static enum err
check_deleted(const struct config_objects *next, const struct config_object *gone, struct diag *d)
{
    const struct config_object *user;
    struct json_iter tags = json_iter(json_get(gone->json, S("meta:immutableTags")));

    if (objects_get(next, gone->kind, gone->scope, gone->id) != NULL)
        return ERR_OK; /* deleted and made again in one step */
    while (str_eq(gone->kind, S("schema")) && json_next(&tags)) {
        if (str_eq(json_str(tags.value), S("union")))
            return diag_set(d, ERR_INVALID, "schema '%.*s' is enabled for profile and cannot be deleted",
                            STR_ARG(gone->id));
    }
    user = objects_user(next, gone);
    if (user == NULL)
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "@used", "%.*s '%.*s' is used by %.*s '%.*s'", STR_ARG(gone->kind),
                         STR_ARG(gone->id), STR_ARG(user->kind), STR_ARG(user->id));
}

static enum err
check_staged(const struct config_objects *before, const struct config_objects *next,
             const struct config_change *changes, size_t n, struct config_object *const *fresh, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        const struct config_change *change = &changes[i];
        if (fresh[i] == NULL)
            rc = check_deleted(next, objects_get(before, change->kind, change->scope, change->id), d);
        else if (objects_get(next, change->kind, change->scope, change->id) == fresh[i])
            rc = object_check(next, fresh[i], d);
    }
    return rc;
}

/* Fields of the expressions of new and changed audiences, by the schemas as they are after all changes. Audiences that
 * are on the log already are left alone: their fields may have come before their schema. */
static enum err
check_fields(const struct config_objects *before, const struct snapshot_box *next, struct config_object *const *fresh,
             size_t n, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        const struct config_object *o = fresh[i];
        if (o != NULL && str_eq(o->kind, S("audience")))
            rc = audience_check_fields(o, objects_get(before, o->kind, o->scope, o->id),
                                       snapshot_schemas(&next->view, o->scope), d);
    }
    return rc;
}

static enum err
append(struct config *c, const struct config_change *changes, size_t n, struct config_object *const *fresh, uint64_t at,
       int64_t now_ms, struct diag *d)
{
    struct record records[LIMIT_CONFIG_CHANGES];
    size_t starts[LIMIT_CONFIG_CHANGES + 1];
    struct buf keys;
    uint64_t first = 0;
    enum err rc;

    buf_init(&keys, LIMIT_CONFIG_CHANGES * (size_t)LIMIT_RECORD_KEY_BYTES);
    for (size_t i = 0; i < n; i++) {
        starts[i] = keys.n;
        object_key(&keys, changes[i].kind, changes[i].scope, changes[i].id);
    }
    starts[n] = keys.n;
    if (!buf_ok(&keys)) {
        buf_deinit(&keys);
        return diag_set(d, ERR_NOMEM, "no memory for configuration records");
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t created = fresh[i] ? fresh[i]->created : 0;
        records[i] = (struct record){.time_ms = now_ms,
                                     .cause = created == at + i + 1 ? 0 : created,
                                     .key = {keys.p + starts[i], starts[i + 1] - starts[i]},
                                     .value = changes[i].json};
    }
    rc = topic_append_many(c->topic, records, n, ACK_SYNCED, &first, d);
    buf_deinit(&keys);
    CHECK(rc != ERR_OK || first == at); /* nobody else appends to this topic */
    return rc;
}

/* The snapshot after the changes, whose records would begin at `at`. fresh: as of stage(). */
static enum err
draft_locked(struct config *c, const struct config_change *changes, size_t n, uint64_t at, struct config_object **fresh,
             struct snapshot_box **out, struct diag *d)
{
    struct config_objects *next = objects_copy(c->current->objects);
    struct snapshot_box *box = NULL;
    enum err rc;

    if (next == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for configuration objects");
    rc = stage(next, changes, n, at, fresh, d);
    if (rc == ERR_OK && next->object_count > c->objects_max)
        rc = diag_set(d, ERR_LIMIT, "at most %zu configuration objects are kept", c->objects_max);
    if (rc == ERR_OK)
        rc = check_staged(c->current->objects, next, changes, n, fresh, d);
    if (rc == ERR_OK)
        rc = snapshot_compile(next, c->current, &box, d);
    if (rc != ERR_OK) {
        objects_free(next);
        return rc;
    }
    rc = check_fields(c->current->objects, box, fresh, n, d);
    if (rc != ERR_OK) {
        snapshot_unref(box); /* and next with it */
        return rc;
    }
    box->view.version = at + n;
    *out = box;
    return ERR_OK;
}

static enum err
apply_locked(struct config *c, const struct config_change *changes, size_t n, int64_t now_ms, struct diag *d)
{
    struct config_object *fresh[LIMIT_CONFIG_CHANGES] = {0};
    struct snapshot_box *box = NULL;
    uint64_t at = topic_end(c->topic);
    enum err rc = draft_locked(c, changes, n, at, fresh, &box, d);

    if (rc == ERR_OK)
        rc = append(c, changes, n, fresh, at, now_ms, d);
    release(fresh, n);
    if (rc == ERR_OK)
        publish(c, box);
    else
        snapshot_unref(box);
    return rc;
}

static enum err
too_many(size_t n, struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "at most %d objects are saved in one step, got %zu", LIMIT_CONFIG_CHANGES, n);
}

enum err
config_as_of(struct config *c, uint64_t version, const struct snapshot **out, struct diag *d)
{
    struct consumer *consumer = NULL;
    struct snapshot_box *box = NULL;
    enum err rc;

    if (version == 0 || version > topic_end(c->topic))
        return diag_set(d, ERR_NOT_FOUND, "there is no configuration %llu", (unsigned long long)version);
    rc = consumer_open(c->topic, topic_begin(c->topic), &consumer, d);
    if (rc == ERR_OK)
        rc = snapshot_from_log(consumer, version, &box, d);
    consumer_close(consumer);
    if (rc == ERR_OK)
        *out = &box->view;
    return rc;
}

enum err
config_draft(struct config *c, const struct config_change *changes, size_t n, const struct snapshot **out,
             struct diag *d)
{
    struct config_object *fresh[LIMIT_CONFIG_CHANGES] = {0};
    struct snapshot_box *box = NULL;
    enum err rc;

    if (n > LIMIT_CONFIG_CHANGES)
        return too_many(n, d);
    os_lock(&c->writer);
    rc = draft_locked(c, changes, n, topic_end(c->topic), fresh, &box, d);
    release(fresh, n);
    os_unlock(&c->writer);
    if (rc == ERR_OK)
        *out = &box->view;
    return rc;
}

enum err
config_apply(struct config *c, const struct config_change *changes, size_t n, int64_t now_ms, struct diag *d)
{
    struct diag own = DIAG_INIT;
    enum err rc;

    if (d == NULL)
        d = &own;
    if (n == 0)
        return ERR_OK;
    if (n > LIMIT_CONFIG_CHANGES)
        return too_many(n, d);
    os_lock(&c->writer);
    rc = apply_locked(c, changes, n, now_ms, d);
    os_unlock(&c->writer);
    if (rc != ERR_OK)
        metric_inc(M_CONFIG_REFUSED);
    return rc;
}

enum err
config_put(struct config *c, struct str kind, struct str scope, struct str id, struct str json, int64_t now_ms,
           struct diag *d)
{
    struct config_change change = {kind, scope, id, json, CONFIG_ANY_VERSION};

    if (json.p == NULL) /* not a delete by accident */
        change.json = S("");
    return config_apply(c, &change, 1, now_ms, d);
}

enum err
config_delete(struct config *c, struct str kind, struct str scope, struct str id, int64_t now_ms, struct diag *d)
{
    struct config_change change = {kind, scope, id, S_NULL, CONFIG_ANY_VERSION};

    return config_apply(c, &change, 1, now_ms, d);
}
