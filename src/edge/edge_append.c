/* edge_append.c - a hit goes to the log, and its effect into the profile table: in that order, so that the table always
 * is a fold of the log. The same fold brings the table up to date after a restart (edge_replay).
 *
 * A hit touches the documents of
 *   its owner       the primary identity: what audiences are evaluated on. It gets the event
 *   its device      the ECID: consent. It gets the event, too
 *   its visitor     the place that the hit names, else the device: sessions, attributes, memberships
 *   its links       identities that lead to the visitor from now on
 * They are one when somebody is anonymous. A request of the Target part has no event: only its visitor is touched. */
#include "edge/edge_int.h"

#include "base/limits.h"
#include "base/metric.h"
#include "visitor/visitor.h"

#define HIT_FRAME_BYTES 2048u /* what a hit has beside the events of the body, mostly: a guess that saves copying */
#define TARGETS_MAX (3 + LIMIT_IDENTITIES_PER_EVENT)

enum role { ROLE_OWNER = 1, ROLE_DEVICE = 2, ROLE_VISITOR = 4, ROLE_LINK = 8 };

/* A document that the hit changes. */
struct target {
    struct str key;
    unsigned roles;
};

struct fold {
    struct edge_table *table;
    const struct hit *hit;
    const struct subset *cut;
    int64_t now_ms;
    struct arena *arena;
    uint64_t offset;
    struct str place; /* key of the visitor's document */
    struct str absorbed[LIMIT_IDENTITIES_PER_EVENT];
    size_t absorbed_count;
    struct target targets[TARGETS_MAX];
    size_t target_count;
};

/* ---- which documents ---- */

static enum err
key_of(const struct fold *f, const struct identity *id, struct str *key, struct diag *d)
{
    struct buf b;

    buf_init_in(&b, f->arena, LIMIT_RECORD_KEY_BYTES);
    identity_key(&b, f->hit->scope, id->ns, id->id);
    *key = buf_str(&b);
    return buf_ok(&b) ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for the profile's key");
}

static enum err
add_target(struct fold *f, const struct identity *id, unsigned roles, struct diag *d)
{
    struct str key;
    enum err rc = key_of(f, id, &key, d);

    if (rc != ERR_OK)
        return rc;
    if (roles & ROLE_VISITOR)
        f->place = key;
    for (size_t i = 0; i < f->target_count; i++) {
        if (str_eq(f->targets[i].key, key)) {
            f->targets[i].roles |= roles;
            return ERR_OK;
        }
    }
    if (f->target_count < TARGETS_MAX)
        f->targets[f->target_count++] = (struct target){key, roles};
    return ERR_OK;
}

static enum err
add_links(struct fold *f, struct diag *d)
{
    const struct hit_visit *v = f->hit->visit;
    enum err rc = ERR_OK;

    for (size_t i = 0; v != NULL && rc == ERR_OK && i < v->links.n; i++)
        rc = add_target(f, &v->links.items[i], ROLE_LINK, d);
    return rc;
}

static enum err
find_targets(struct fold *f, struct diag *d)
{
    const struct hit *h = f->hit;
    const struct identity *owner = hit_owner(h), *device = identity_find(&h->identities, S("ECID"));
    const struct identity *place = h->visit != NULL && h->visit->at.ns.n > 0 ? &h->visit->at
                                   : device != NULL                          ? device
                                                                             : owner;
    enum err rc = ERR_OK;

    if (owner == NULL)
        return ERR_OK;
    if (h->kind != HIT_VISIT)
        rc = add_target(f, owner, device == NULL ? ROLE_OWNER | ROLE_DEVICE : ROLE_OWNER, d);
    if (rc == ERR_OK && h->kind != HIT_VISIT && device != NULL)
        rc = add_target(f, device, ROLE_DEVICE, d);
    if (rc == ERR_OK && visitor_concerned(h))
        rc = add_target(f, place, ROLE_VISITOR, d);
    return rc == ERR_OK ? add_links(f, d) : rc;
}

/* ---- the fold ---- */

/* What the places knew that are united into this one. They keep it, so that a restart can unite them again. */
static enum err
load_absorbed(struct fold *f, struct diag *d)
{
    const struct hit_visit *v = f->hit->visit;
    enum err rc = ERR_OK;

    for (size_t i = 0; v != NULL && rc == ERR_OK && i < v->absorbs.n; i++) {
        struct edge_doc doc;
        struct str key;
        uint32_t version;
        rc = key_of(f, &v->absorbs.items[i], &key, d);
        if (rc == ERR_OK)
            rc = edge_table_load(f->table, key, f->now_ms, f->arena, &doc, &version, d);
        if (rc == ERR_OK && doc.visitor.n > 0)
            f->absorbed[f->absorbed_count++] = doc.visitor;
    }
    return rc;
}

static enum err
fold_visitor(const struct fold *f, const struct target *t, struct edge_doc *doc, struct diag *d)
{
    enum err rc = ERR_OK;

    if (t->roles & ROLE_VISITOR)
        rc = edge_doc_fold_visitor(doc, f->hit, f->now_ms, f->offset, f->absorbed, f->absorbed_count, f->arena, d);
    if (rc == ERR_OK && (t->roles & ROLE_LINK))
        edge_doc_fold_link(doc, str_eq(t->key, f->place) ? S_NULL : f->place, f->now_ms, f->offset);
    return rc;
}

/* Loads, folds and stores until nobody else stored in between. */
static enum err
fold_into(const struct fold *f, const struct target *t, struct diag *d)
{
    struct edge_doc doc;
    uint32_t version;
    enum err rc;

    do {
        rc = edge_table_load(f->table, t->key, f->now_ms, f->arena, &doc, &version, d);
        if (rc == ERR_OK && (t->roles & ROLE_OWNER))
            rc = edge_doc_fold_owner(&doc, f->hit, f->cut, f->now_ms, f->arena, d);
        if (rc == ERR_OK && (t->roles & ROLE_DEVICE))
            rc = edge_doc_fold_device(&doc, f->hit, f->cut, f->now_ms, f->arena, d);
        if (rc == ERR_OK)
            rc = fold_visitor(f, t, &doc, d);
    } while (rc == ERR_OK && !edge_table_store(f->table, t->key, &doc, version, f->arena));
    return rc;
}

/* A document that the request prepared has the event already; only the visitor waits for the hit's offset. It is stored
 * unless somebody stored another since it was loaded. */
static enum err
fold_prepared(const struct fold *f, const struct target *t, struct edge_prepared *p, struct diag *d)
{
    if (fold_visitor(f, t, &p->doc, d) == ERR_OK && edge_table_store(f->table, t->key, &p->doc, p->version, f->arena))
        return ERR_OK;
    return fold_into(f, t, d);
}

static struct edge_prepared *
prepared_for(const struct target *t, struct edge_prepared *a, struct edge_prepared *b)
{
    if (a != NULL && str_eq(a->key, t->key))
        return a;
    return b != NULL && str_eq(b->key, t->key) ? b : NULL;
}

static enum err
fold_hit(struct fold *f, struct edge_prepared *owner_doc, struct edge_prepared *device_doc, struct diag *d)
{
    enum err rc = find_targets(f, d);

    if (rc == ERR_OK)
        rc = load_absorbed(f, d);
    for (size_t i = 0; rc == ERR_OK && i < f->target_count; i++) {
        const struct target *t = &f->targets[i];
        struct edge_prepared *p = prepared_for(t, owner_doc, device_doc);
        rc = p != NULL ? fold_prepared(f, t, p, d) : fold_into(f, t, d);
    }
    return rc;
}

/* ---- the log ---- */

/* The text of the hit and its key: in the request's memory while there is some, else on the heap. */
struct text {
    struct buf value, key;
};

static void
write_text(struct text *x, const struct edge_write *w, const struct hit *h)
{
    const struct identity *owner = hit_owner(h);

    buf_init_in(&x->value, w->arena, LIMIT_RECORD_VALUE_BYTES);
    buf_init_in(&x->key, w->arena, LIMIT_RECORD_KEY_BYTES);
    (void)buf_grow(&x->value, w->body_bytes + HIT_FRAME_BYTES);
    hit_write(&x->value, h);
    if (!buf_ok(&x->value)) { /* nothing that was accepted is lost for want of the request's memory */
        buf_init(&x->value, LIMIT_RECORD_VALUE_BYTES);
        hit_write(&x->value, h);
    }
    if (owner == NULL)
        return;
    identity_key(&x->key, h->scope, owner->ns, owner->id);
    if (!buf_ok(&x->key)) {
        buf_init(&x->key, LIMIT_RECORD_KEY_BYTES);
        identity_key(&x->key, h->scope, owner->ns, owner->id);
    }
}

enum err
edge_append(const struct edge_write *w, const struct hit *h, struct edge_prepared *owner_doc,
            struct edge_prepared *device_doc, struct diag *d)
{
    struct edge *e = w->edge;
    struct fold f = {.table = e->table,
                     .hit = h,
                     .cut = w->view != NULL ? w->view->event_cut : NULL,
                     .now_ms = w->now_ms,
                     .arena = w->arena};
    struct record r = {.time_ms = w->now_ms};
    struct text text;
    unsigned ticket;
    enum err rc;

    write_text(&text, w, h);
    r.key = buf_str(&text.key);
    r.value = buf_str(&text.value);
    ticket = edge_table_enter(e->table);
    rc = buf_ok(&text.value) ? topic_append(e->o.collect, &r, e->o.ack_synced ? ACK_SYNCED : ACK_WRITTEN, &f.offset, d)
                             : diag_set(d, ERR_LIMIT, "the event is too large to be kept");
    if (rc == ERR_OK && fold_hit(&f, owner_doc, device_doc, NULL) != ERR_OK)
        metric_inc(M_EDGE_DEGRADED); /* the log has it: the document catches up at the next restart or projection */
    edge_table_leave(e->table, ticket);
    buf_deinit(&text.value);
    buf_deinit(&text.key);
    return rc;
}

enum err
edge_replay(struct edge *e, const struct hit *h, int64_t now_ms, uint64_t offset, struct arena *a, struct diag *d)
{
    const struct snapshot *snap = snapshot_get(e->o.config);
    const struct scope_view *view = snapshot_scope(snap, h->scope);
    struct fold f = {.table = e->table,
                     .hit = h,
                     .cut = view != NULL ? view->event_cut : NULL,
                     .now_ms = now_ms,
                     .arena = a,
                     .offset = offset};
    enum err rc = fold_hit(&f, NULL, NULL, d);

    snapshot_put(e->o.config, snap);
    return rc;
}
