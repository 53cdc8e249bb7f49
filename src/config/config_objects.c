/* config_objects.c - stored documents in memory: sorted arrays of counted pointers, copied when they change.
 *
 * A bucket is replaced, never changed, once a snapshot may hold it; objects_put and objects_remove make the new bucket.
 * With 4,000 audiences that copies two arrays of 32 KB, which is less than parsing the one document that is saved. */
#include "config/config_int.h"

#include "base/check.h"
#include "base/limits.h"
#include "rule/rule.h"

static enum err
nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for configuration objects");
}

/* ---- one object ---- */

enum err
object_new(struct str kind, struct str scope, struct str id, struct str json, struct config_object **out,
           struct diag *d)
{
    struct config_object *o = calloc(1, sizeof *o);
    enum err rc;

    if (o == NULL)
        return nomem(d);
    ref_init(&o->refs);
    arena_init(&o->arena, SIZE_MAX);
    o->arena.block_min = 1024;
    o->kind = arena_str(&o->arena, kind);
    o->scope = arena_str(&o->arena, scope);
    o->id = arena_str(&o->arena, id);
    rc = json_parse(json, &o->arena, &o->json, d);
    if (rc == ERR_OK && !json_is(o->json, JSON_OBJECT))
        rc = diag_set(d, ERR_INVALID, "%.*s '%.*s' must be a JSON object, found %s", STR_ARG(kind), STR_ARG(id),
                      json_type_name(json_type(o->json)));
    if (rc == ERR_OK && (o->kind.p == NULL || o->scope.p == NULL || o->id.p == NULL))
        rc = nomem(d);
    if (rc == ERR_OK)
        *out = o;
    else
        object_unref(o);
    return rc;
}

struct config_object *
object_ref(struct config_object *o)
{
    ref_take(&o->refs);
    return o;
}

void
object_unref(struct config_object *o)
{
    if (o == NULL || !ref_drop(&o->refs))
        return;
    rule_free(o->rule);
    arena_deinit(&o->arena);
    free(o);
}

/* ---- buckets ---- */

struct config_bucket *
bucket_ref(struct config_bucket *b)
{
    if (b != NULL)
        ref_take(&b->refs);
    return b;
}

void
bucket_unref(struct config_bucket *b)
{
    if (b == NULL || !ref_drop(&b->refs))
        return;
    for (size_t i = 0; i < b->n; i++)
        object_unref(b->by_id[i]);
    free(b->by_id);
    free(b->in_order);
    free((void *)(uintptr_t)b->kind.p);
    free(b);
}

/* kind and scope share one block. */
static struct config_bucket *
bucket_new(struct str kind, struct str scope, size_t n)
{
    struct config_bucket *b = calloc(1, sizeof *b);
    char *text = malloc(kind.n + scope.n + 1);

    if (b != NULL) {
        b->by_id = calloc(n ? n : 1, sizeof(struct config_object *));
        b->in_order = calloc(n ? n : 1, sizeof(struct config_object *));
    }
    if (b == NULL || text == NULL || b->by_id == NULL || b->in_order == NULL) {
        if (b != NULL) {
            free(b->by_id);
            free(b->in_order);
        }
        free(b);
        free(text);
        return NULL;
    }
    memcpy(text, kind.p, kind.n);
    memcpy(text + kind.n, scope.p, scope.n);
    ref_init(&b->refs);
    b->kind = (struct str){text, kind.n};
    b->scope = (struct str){text + kind.n, scope.n};
    b->n = n;
    return b; /* cppcheck-suppress memleak ; text is b->kind */
}

/* First position whose id is not below `id`. */
static size_t
bucket_at(const struct config_bucket *b, struct str id)
{
    size_t low = 0, high = b->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (str_cmp(b->by_id[mid]->id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct config_object *
bucket_get(const struct config_bucket *b, struct str id)
{
    size_t at = b ? bucket_at(b, id) : 0;

    return b != NULL && at < b->n && str_eq(b->by_id[at]->id, id) ? b->by_id[at] : NULL;
}

/* A new bucket with `in` added (or in the place of the one with its id), or without `out`. in_order stays sorted: a
 * replaced object keeps its time of creation, a new one has the highest, save while a compacted log is read. */
static struct config_bucket *
bucket_with(const struct config_bucket *b, struct config_object *in, const struct config_object *out)
{
    struct config_bucket *copy = bucket_new(b->kind, b->scope, b->n + (in ? 1 : 0) - (out ? 1 : 0));
    size_t at = in ? bucket_at(b, in->id) : 0, n = 0, m = 0;
    bool placed = in == NULL;

    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i <= b->n; i++) {
        if (in != NULL && i == at)
            copy->by_id[n++] = in;
        if (i < b->n && b->by_id[i] != out)
            copy->by_id[n++] = object_ref(b->by_id[i]);
    }
    for (size_t i = 0; i <= b->n; i++) {
        if (!placed && (i == b->n || b->in_order[i]->created > in->created)) {
            copy->in_order[m++] = in;
            placed = true;
        }
        if (i < b->n && b->in_order[i] != out)
            copy->in_order[m++] = b->in_order[i];
    }
    CHECK(n == copy->n);
    CHECK(m == copy->n);
    return copy;
}

/* ---- all ---- */

static int
bucket_order(const struct config_bucket *b, struct str kind, struct str scope)
{
    int order = str_cmp(b->kind, kind);

    return order ? order : str_cmp(b->scope, scope);
}

static size_t
objects_at(const struct config_objects *all, struct str kind, struct str scope)
{
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (bucket_order(all->buckets[mid], kind, scope) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct config_bucket *
objects_bucket(const struct config_objects *all, struct str kind, struct str scope)
{
    size_t at = objects_at(all, kind, scope);

    return at < all->n && bucket_order(all->buckets[at], kind, scope) == 0 ? all->buckets[at] : NULL;
}

struct config_object *
objects_get(const struct config_objects *all, struct str kind, struct str scope, struct str id)
{
    return bucket_get(objects_bucket(all, kind, scope), id);
}

struct config_objects *
objects_copy(const struct config_objects *all)
{
    struct config_objects *copy = calloc(1, sizeof *copy);

    if (copy == NULL)
        return NULL;
    copy->buckets = calloc(all && all->n ? all->n : 1, sizeof(struct config_bucket *));
    if (copy->buckets == NULL) {
        free(copy);
        return NULL;
    }
    for (size_t i = 0; all != NULL && i < all->n; i++) {
        copy->buckets[i] = all->buckets[i];
        (void)bucket_ref(copy->buckets[i]);
    }
    copy->n = all ? all->n : 0;
    copy->object_count = all ? all->object_count : 0;
    return copy;
}

void
objects_free(struct config_objects *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->n; i++)
        bucket_unref(all->buckets[i]);
    free(all->buckets);
    free(all);
}

/* Makes room for an empty bucket at its place. */
static enum err
add_bucket(struct config_objects *all, size_t at, struct str kind, struct str scope, struct diag *d)
{
    struct config_bucket *b = bucket_new(kind, scope, 0);
    struct config_bucket **list = b ? realloc(all->buckets, (all->n + 1) * sizeof(struct config_bucket *)) : NULL;

    if (list == NULL) {
        bucket_unref(b);
        return nomem(d);
    }
    memmove(list + at + 1, list + at, (all->n - at) * sizeof(struct config_bucket *));
    list[at] = b;
    all->buckets = list;
    all->n++;
    return ERR_OK;
}

enum err
objects_put(struct config_objects *all, struct config_object *o, struct diag *d)
{
    size_t at = objects_at(all, o->kind, o->scope);
    struct config_bucket *next;
    struct config_object *old;

    if (at == all->n || bucket_order(all->buckets[at], o->kind, o->scope) != 0) {
        enum err rc = add_bucket(all, at, o->kind, o->scope, d);
        if (rc != ERR_OK) {
            object_unref(o);
            return rc;
        }
    }
    old = bucket_get(all->buckets[at], o->id);
    next = bucket_with(all->buckets[at], o, old);
    if (next == NULL) {
        object_unref(o);
        return nomem(d);
    }
    all->object_count += old == NULL;
    bucket_unref(all->buckets[at]);
    all->buckets[at] = next;
    return ERR_OK;
}

enum err
objects_remove(struct config_objects *all, struct str kind, struct str scope, struct str id, struct diag *d)
{
    size_t at = objects_at(all, kind, scope);
    struct config_object *old = objects_get(all, kind, scope, id);
    struct config_bucket *next;

    if (old == NULL)
        return diag_set(d, ERR_NOT_FOUND, "%.*s '%.*s' does not exist", STR_ARG(kind), STR_ARG(id));
    next = bucket_with(all->buckets[at], NULL, old);
    if (next == NULL)
        return nomem(d);
    all->object_count--;
    bucket_unref(all->buckets[at]);
    all->buckets[at] = next;
    if (next->n == 0) {
        bucket_unref(next);
        memmove(all->buckets + at, all->buckets + at + 1, (all->n - at - 1) * sizeof(struct config_bucket *));
        all->n--;
    }
    return ERR_OK;
}

static int
place_order(const void *x, const void *y)
{
    const struct config_object *a = *(struct config_object *const *)x, *b = *(struct config_object *const *)y;
    int order = str_cmp(a->kind, b->kind);

    if (order == 0)
        order = str_cmp(a->scope, b->scope);
    return order ? order : str_cmp(a->id, b->id);
}

static int
creation_order(const void *x, const void *y)
{
    const struct config_object *a = *(struct config_object *const *)x, *b = *(struct config_object *const *)y;

    return a->created < b->created ? -1 : a->created > b->created;
}

enum err
objects_build(struct config_object **list, size_t n, struct config_objects **out, struct diag *d)
{
    struct config_objects *all = objects_copy(NULL);
    size_t done = 0;
    enum err rc = all ? ERR_OK : nomem(d);

    qsort(list, n, sizeof(struct config_object *), place_order);
    while (rc == ERR_OK && done < n) {
        struct config_bucket *b, **buckets;
        size_t end = done + 1;

        while (end < n && str_eq(list[end]->kind, list[done]->kind) && str_eq(list[end]->scope, list[done]->scope))
            end++;
        b = bucket_new(list[done]->kind, list[done]->scope, end - done);
        buckets = b ? realloc(all->buckets, (all->n + 1) * sizeof(struct config_bucket *)) : NULL;
        if (buckets == NULL) {
            if (b != NULL)
                b->n = 0;
            bucket_unref(b);
            rc = nomem(d);
            break;
        }
        all->buckets = buckets;
        buckets[all->n++] = b;
        memcpy(b->by_id, list + done, b->n * sizeof(struct config_object *));
        memcpy(b->in_order, list + done, b->n * sizeof(struct config_object *));
        qsort(b->in_order, b->n, sizeof(struct config_object *), creation_order);
        done = end;
    }
    if (rc == ERR_OK) {
        all->object_count = n;
        *out = all;
        return ERR_OK;
    }
    for (size_t i = done; i < n; i++)
        object_unref(list[i]);
    objects_free(all);
    return rc;
}

const struct config_bucket *
objects_others(const struct config_objects *all, const struct config_object *o)
{
    return all->trusted ? NULL : objects_bucket(all, o->kind, o->scope);
}

/* ---- names ---- */

void
object_key(struct buf *out, struct str kind, struct str scope, struct str id)
{
    buf_put(out, kind);
    buf_putc(out, CONFIG_US);
    buf_put(out, scope);
    buf_putc(out, CONFIG_US);
    buf_put(out, id);
}

bool
object_key_read(struct str key, struct str *kind, struct str *scope, struct str *id)
{
    struct str rest = key;

    if (!str_split(&rest, CONFIG_US, kind) || rest.p == NULL || !str_split(&rest, CONFIG_US, scope) || rest.p == NULL)
        return false;
    *id = rest;
    return kind->n > 0 && id->n > 0;
}

struct str
scope_org(struct str scope)
{
    ptrdiff_t slash = str_find_char(scope, '/');

    return slash < 0 ? scope : str_slice(scope, 0, (size_t)slash);
}

struct str
scope_sandbox(struct str scope)
{
    ptrdiff_t slash = str_find_char(scope, '/');

    return slash < 0 ? S("") : str_slice(scope, (size_t)slash + 1, scope.n);
}

const struct json *
objects_org(const struct config_objects *all, struct str scope)
{
    struct str org = scope_org(scope);
    const struct config_object *o = objects_get(all, S("org"), org, org);

    return o ? o->json : NULL;
}
