/* artifact.c - see artifact.h. */
#include "config/artifact.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/metric.h"
#include "codec/sha256.h"
#include "config/config_int.h"
#include "decide/odd.h"
#include "os/thread.h"

struct kept {
    struct artifact artifact; /* first */
    struct refcount refs;
    struct arena arena;
    struct str key; /* scope, environment, property */
    uint64_t snapshot;
    int64_t from_ms, until_ms;
    uint64_t asked; /* when, in requests */
};

struct artifacts {
    struct os_mutex lock;
    struct kept *list[LIMIT_ARTIFACTS];
    size_t count;
    uint64_t clock;
};

enum err
artifacts_new(struct artifacts **out, struct diag *d)
{
    struct artifacts *x = calloc(1, sizeof *x);

    if (x == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for artifacts");
    os_mutex_init(&x->lock);
    *out = x;
    return ERR_OK;
}

static void
kept_unref(struct kept *k)
{
    if (k == NULL || !ref_drop(&k->refs))
        return;
    arena_deinit(&k->arena);
    free(k);
}

void
artifacts_put(const struct artifact *a)
{
    kept_unref((struct kept *)(uintptr_t)a);
}

void
artifacts_free(struct artifacts *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->count; i++)
        kept_unref(x->list[i]);
    os_mutex_deinit(&x->lock);
    free(x);
}

/* ---- making one ---- */

static struct str
lower(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    char *p = (char *)(uintptr_t)copy.p;

    for (size_t i = 0; p != NULL && i < copy.n; i++)
        p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    return copy;
}

static void
put_etag(struct artifact *out)
{
    unsigned char digest[32];

    sha256(out->text, digest);
    out->etag[0] = out->etag[33] = '"';
    for (size_t i = 0; i < 32; i++)
        out->etag[1 + i] = "0123456789abcdef"[(digest[i / 2] >> (i & 1 ? 0 : 4)) & 15];
}

static enum err
generate(struct kept *k, const struct snapshot *s, const struct artifact_ask *ask, struct diag *d)
{
    const struct config_objects *all = ((const struct snapshot_box *)(const void *)s)->objects;
    struct odd_source src = {.set = ask->tenant->view->decide,
                             .org = ask->tenant->org,
                             .property_token = ask->property_token,
                             .serve_inactive = ask->environment->serve_inactive,
                             .now_ms = ask->now_ms};
    struct odd_artifact made;
    struct decide_source objects;
    struct arena a;
    enum err rc;

    arena_init(&a, (size_t)LIMIT_ODD_BYTES * 4);
    src.environment = lower(&a, ask->environment->name);
    rc = decide_source_of(all, ask->tenant->scope, &a, &objects, d);
    src.objects = &objects;
    if (rc == ERR_OK)
        rc = odd_generate(&src, &a, &made, d);
    if (rc == ERR_OK) {
        k->artifact.text = arena_str(&k->arena, made.text);
        k->from_ms = ask->now_ms;
        k->until_ms = made.until_ms;
        if (k->artifact.text.p == NULL)
            rc = diag_set(d, ERR_NOMEM, "no memory for an artifact of %zu bytes", made.text.n);
        else
            put_etag(&k->artifact);
    }
    arena_deinit(&a);
    return rc;
}

static enum err
kept_new(const struct snapshot *s, const struct artifact_ask *ask, struct str key, struct kept **out, struct diag *d)
{
    struct kept *k = calloc(1, sizeof *k);
    enum err rc;

    if (k == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an artifact");
    ref_init(&k->refs);
    arena_init(&k->arena, (size_t)LIMIT_ODD_BYTES + 4096);
    k->snapshot = s->version;
    k->key = arena_str(&k->arena, key);
    rc = k->key.p == NULL ? diag_set(d, ERR_NOMEM, "no memory for an artifact") : generate(k, s, ask, d);
    if (rc == ERR_OK)
        *out = k;
    else
        kept_unref(k);
    return rc;
}

/* ---- keeping them ---- */

static struct kept *
find(struct artifacts *x, struct str key)
{
    for (size_t i = 0; i < x->count; i++) {
        if (str_eq(x->list[i]->key, key))
            return x->list[i];
    }
    return NULL;
}

static bool
holds(const struct kept *k, const struct snapshot *s, int64_t now_ms)
{
    return k->snapshot == s->version && now_ms >= k->from_ms && now_ms < k->until_ms;
}

/* The place of the one with this key, a free one, or that of the one asked least recently. */
static struct kept **
place_for(struct artifacts *x, struct str key)
{
    size_t oldest = 0;

    for (size_t i = 0; i < x->count; i++) {
        if (str_eq(x->list[i]->key, key))
            return &x->list[i];
        if (x->list[i]->asked < x->list[oldest]->asked)
            oldest = i;
    }
    return x->count < LIMIT_ARTIFACTS ? &x->list[x->count++] : &x->list[oldest];
}

static void
keep(struct artifacts *x, struct kept *k)
{
    struct kept **at, *before;

    os_lock(&x->lock);
    at = place_for(x, k->key);
    before = *at;
    *at = k;
    k->asked = ++x->clock;
    ref_take(&k->refs);
    os_unlock(&x->lock);
    kept_unref(before);
}

enum err
artifacts_get(struct artifacts *x, const struct snapshot *s, const struct artifact_ask *ask,
              const struct artifact **out, struct diag *d)
{
    char text[LIMIT_SCOPE_BYTES + 2 * LIMIT_OBJECT_NAME_BYTES];
    int n = snprintf(text, sizeof text, "%.*s %.*s %.*s", STR_ARG(ask->tenant->scope), STR_ARG(ask->environment->name),
                     STR_ARG(ask->property_token));
    struct str key = {text, (size_t)n};
    struct kept *k;
    enum err rc;

    if (n < 0 || (size_t)n >= sizeof text)
        return diag_set(d, ERR_INVALID, "the names of environment and property are too long");
    os_lock(&x->lock);
    k = find(x, key);
    if (k != NULL && holds(k, s, ask->now_ms)) {
        k->asked = ++x->clock;
        ref_take(&k->refs);
    } else {
        k = NULL;
    }
    os_unlock(&x->lock);
    if (k == NULL) {
        rc = kept_new(s, ask, key, &k, d);
        if (rc != ERR_OK)
            return rc;
        metric_inc(M_ARTIFACTS_MADE);
        keep(x, k);
    }
    *out = &k->artifact;
    return ERR_OK;
}
