/* hub_read.c - reading from other threads, under the state lock: uncommitted steps are seen too, which is what a reader
 * that waits for its own write wants. */
#include "hub/hub_int.h"

#include "codec/pack.h"

static enum err
load(struct hub *h, struct str scope, struct str ns, struct str id, struct arena *a, struct profile *p, struct diag *d)
{
    uint64_t profile = 0;
    enum err rc = graph_profile(h->kv, scope, ns, id, &profile, d);

    if (rc == ERR_NOT_FOUND)
        return diag_set(d, rc, "no profile has this identity");
    if (rc == ERR_OK)
        rc = profile_load(h->kv, &h->names, scope, profile, a, p, d);
    return rc;
}

static enum err
parse_parts(const struct hub_content *content, struct arena *a, struct projection *out, struct diag *d)
{
    struct str events = content->events != NULL ? hub_events_text(content, a) : S_NULL;
    enum err rc = ERR_OK;

    if (content->events != NULL && events.p == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for a projection");
    if (rc == ERR_OK && out->attributes_text.n > 0)
        rc = json_parse(out->attributes_text, a, &out->attributes, d);
    if (rc == ERR_OK && events.n > 0)
        rc = json_parse(events, a, &out->events, d);
    return rc;
}

enum err
hub_pull(struct hub *h, struct str scope, struct str ns, struct str id, struct arena *a, struct projection *out,
         struct diag *d)
{
    const struct hub_scope *sc;
    struct hub_content content;
    struct profile p = {0};
    enum err rc;

    hub_lock(h);
    sc = hub_scope(h, scope);
    rc = sc != NULL ? load(h, scope, ns, id, a, &p, d) : diag_set(d, ERR_NOT_FOUND, "the sandbox is not configured");
    if (rc == ERR_OK)
        rc = hub_content(h, sc, &p, h->state.clock_ms, a, &content, d);
    if (rc == ERR_OK) {
        *out = content.projection;
        out->rev = h->state.rev;
    }
    hub_unlock(h);
    return rc == ERR_OK ? parse_parts(&content, a, out, d) : rc;
}

enum err
hub_read_profile(struct hub *h, struct str scope, struct str ns, struct str id, struct arena *a,
                 void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *ctx,
                 struct diag *d)
{
    struct graph_view view;
    struct profile p = {0};
    enum err rc;

    hub_lock(h);
    rc = load(h, scope, ns, id, a, &p, d);
    if (rc == ERR_OK)
        rc = graph_read(h->kv, p.id, a, &view, d);
    if (rc == ERR_OK)
        each(ctx, h->kv, &p, &view);
    hub_unlock(h);
    return rc;
}

#define VISITS 8 /* profiles shown while the lock is held */

static enum err
visit_one(struct hub *h, struct str scope, uint64_t id, struct arena *a,
          void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *ctx,
          struct diag *d)
{
    struct graph_view view;
    struct profile p = {0};
    enum err rc = profile_load(h->kv, &h->names, scope, id, a, &p, d);

    if (rc != ERR_OK || p.created) /* absorbed by another since it was found */
        return rc;
    rc = graph_read(h->kv, id, a, &view, d);
    if (rc == ERR_OK)
        each(ctx, h->kv, &p, &view);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

enum err
hub_visit(struct hub *h, struct profile_scan *scan, struct arena *a,
          void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *ctx,
          struct diag *d)
{
    uint64_t id;
    enum err rc;

    hub_lock(h);
    rc = profile_scan_more(scan, h->kv, d);
    for (int i = 0; rc == ERR_OK && i < VISITS && profile_scan_take(scan, &id); i++)
        rc = visit_one(h, scan->scope, id, a, each, ctx, d);
    hub_unlock(h);
    return rc;
}

void
hub_read(struct hub *h, void (*f)(void *ctx, struct kv *k), void *ctx)
{
    hub_lock(h);
    (void)hub_stage_counts(h, NULL);
    f(ctx, h->kv);
    hub_unlock(h);
}

uint64_t
hub_count_of(struct hub *h, struct str scope, struct str audience)
{
    struct str value;
    struct unpack u;
    struct buf key;
    uint64_t count = 0;

    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    buf_printf(&key, "A%.*s\x1f%.*s", STR_ARG(scope), STR_ARG(audience));
    (void)hub_stage_counts(h, NULL); /* what cannot be staged is counted later */
    if (buf_ok(&key) && kv_get(h->kv, buf_str(&key), &value, NULL) == ERR_OK) {
        u = unpack_from(value);
        count = unpack_u64(&u);
    }
    buf_deinit(&key);
    return count;
}

uint64_t
hub_audience_size(struct hub *h, struct str scope, struct str audience)
{
    uint64_t count;

    hub_lock(h);
    count = hub_count_of(h, scope, audience);
    hub_unlock(h);
    return count;
}
