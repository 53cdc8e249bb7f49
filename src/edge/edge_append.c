/* edge_append.c - a hit goes to the log, and its effect into the profile table: in that order, so that the table always
 * is a fold of the log. The same fold brings the table up to date after a restart (edge_replay).
 *
 * A hit touches at most two documents: its owner's (the primary identity: what decisions are made on) and its device's
 * (the ECID: sticky experiences, visitor parameters, consent). Both get the event. They are one when the visitor is
 * anonymous. */
#include "edge/edge_int.h"

#include "base/limits.h"
#include "base/metric.h"

#define HIT_FRAME_BYTES 2048u /* what a hit has beside the events of the body, mostly: a guess that saves copying */

enum role { ROLE_OWNER = 1, ROLE_DEVICE = 2 };

struct fold {
    struct edge_table *table;
    const struct hit *hit;
    const struct subset *cut;
    int64_t now_ms;
    struct arena *arena;
};

/* Loads, folds and stores until nobody else stored in between. */
static enum err
fold_into(const struct fold *f, const struct identity *id, unsigned roles, struct diag *d)
{
    struct buf key;
    struct edge_doc doc;
    uint32_t version;
    enum err rc;

    buf_init_in(&key, f->arena, LIMIT_RECORD_KEY_BYTES);
    identity_key(&key, f->hit->scope, id->ns, id->id);
    if (!buf_ok(&key))
        return diag_set(d, ERR_NOMEM, "no memory for the profile's key");
    do {
        rc = edge_table_load(f->table, buf_str(&key), f->now_ms, f->arena, &doc, &version, d);
        if (rc == ERR_OK && (roles & ROLE_OWNER))
            rc = edge_doc_fold_owner(&doc, f->hit, f->cut, f->now_ms, f->arena, d);
        if (rc == ERR_OK && (roles & ROLE_DEVICE))
            rc = edge_doc_fold_device(&doc, f->hit, f->cut, f->now_ms, f->arena, d);
    } while (rc == ERR_OK && !edge_table_store(f->table, buf_str(&key), &doc, version, f->arena));
    return rc;
}

/* A document that the request prepared is stored as it is, unless somebody stored another since it was loaded. */
static enum err
fold_prepared(const struct fold *f, struct edge_prepared *p, const struct identity *id, unsigned roles, struct diag *d)
{
    if (p != NULL && edge_table_store(f->table, p->key, &p->doc, p->version, f->arena))
        return ERR_OK;
    return fold_into(f, id, roles, d);
}

static enum err
fold_hit(const struct fold *f, struct edge_prepared *owner_doc, struct edge_prepared *device_doc, struct diag *d)
{
    const struct identity *owner = hit_owner(f->hit);
    const struct identity *device = identity_find(&f->hit->identities, S("ECID"));
    enum err rc = ERR_OK;

    if (owner == NULL)
        return ERR_OK;
    if (owner == device || device == NULL)
        return fold_prepared(f, owner_doc, owner, ROLE_OWNER | ROLE_DEVICE, d);
    rc = fold_prepared(f, owner_doc, owner, ROLE_OWNER, d);
    return rc == ERR_OK ? fold_prepared(f, device_doc, device, ROLE_DEVICE, d) : rc;
}

enum err
edge_append(struct edge_call *c, const struct hit *h, struct edge_prepared *owner_doc, struct edge_prepared *device_doc,
            struct diag *d)
{
    struct fold f = {c->edge->table, h, c->view != NULL ? c->view->event_cut : NULL, c->now_ms, c->arena};
    const struct identity *owner = hit_owner(h);
    struct buf text, key, large, large_key;
    struct record r = {.time_ms = c->now_ms};
    unsigned ticket;
    enum err rc;

    buf_init_in(&text, c->arena, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&text, c->rq->body.n + HIT_FRAME_BYTES);
    hit_write(&text, h);
    buf_init(&large, LIMIT_RECORD_VALUE_BYTES);
    buf_init(&large_key, LIMIT_RECORD_KEY_BYTES);
    if (!buf_ok(&text)) { /* the request's memory is used up; nothing that was accepted is lost for that */
        hit_write(&large, h);
        text = large;
    }
    if (owner_doc != NULL) {
        r.key = owner_doc->key;
    } else if (owner != NULL) {
        buf_init_in(&key, c->arena, LIMIT_RECORD_KEY_BYTES);
        identity_key(&key, h->scope, owner->ns, owner->id);
        if (!buf_ok(&key)) {
            identity_key(&large_key, h->scope, owner->ns, owner->id);
            key = large_key;
        }
        r.key = buf_str(&key);
    }
    r.value = buf_str(&text);
    ticket = edge_table_enter(c->edge->table);
    rc = buf_ok(&text) ? topic_append(c->edge->o.collect, &r, c->edge->o.ack_synced ? ACK_SYNCED : ACK_WRITTEN, NULL, d)
                       : diag_set(d, ERR_LIMIT, "the event is too large to be kept");
    if (rc == ERR_OK && fold_hit(&f, owner_doc, device_doc, NULL) != ERR_OK)
        metric_inc(M_EDGE_DEGRADED); /* the log has it: the document catches up at the next restart or projection */
    edge_table_leave(c->edge->table, ticket);
    buf_deinit(&large);
    buf_deinit(&large_key);
    return rc;
}

enum err
edge_replay(struct edge *e, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(e->o.config);
    const struct scope_view *view = snapshot_scope(snap, h->scope);
    struct fold f = {e->table, h, view != NULL ? view->event_cut : NULL, now_ms, a};
    enum err rc = fold_hit(&f, NULL, NULL, d);

    snapshot_put(e->o.config, snap);
    return rc;
}
