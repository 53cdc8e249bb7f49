/* admin_decision_find.c - a visitor's hits on the log. The hub knows where to read (hub_named.c), and a hit is looked
 * into when its bytes have one of the ids. Ids that lead to the same visitor are learned from the hits that say so; a
 * walk begins anew until none is new. */
#include "admin/admin_decision.h"

#include "visitor/visitor.h"

#define PASSES 4 /* chains of unions longer than that: ids stay unknown, and hits of before the union are not found */

bool
visitor_ids_add(struct visitor_ids *ids, struct str id)
{
    struct str bare = visitor_bare_id(id);

    if (bare.n == 0)
        return true;
    for (size_t i = 0; i < ids->n; i++) {
        if (str_eq(ids->items[i], bare))
            return true;
    }
    if (ids->n == LIMIT_DECISION_IDS) {
        ids->full = true;
        return true;
    }
    bare = arena_str(ids->arena, bare);
    if (bare.p == NULL)
        return false;
    ids->items[ids->n++] = bare;
    return true;
}

void
visitor_ids_learn(struct visitor_ids *ids, const struct hit *h)
{
    const struct hit_visit *v = h->visit;
    const struct identity *device = identity_find(&h->identities, S("ECID"));

    if (v == NULL)
        return;
    if (v->at.ns.n > 0)
        (void)visitor_ids_add(ids, v->at.id); /* the arena says when it is full */
    else if (device != NULL)
        (void)visitor_ids_add(ids, device->id);
    for (size_t i = 0; i < v->links.n; i++)
        (void)visitor_ids_add(ids, v->links.items[i].id);
    for (size_t i = 0; i < v->absorbs.n; i++)
        (void)visitor_ids_add(ids, v->absorbs.items[i].id);
}

struct search {
    const struct visitor_ids *ids;
    bool found;
};

static void
look_for(void *ctx, struct str id)
{
    struct search *s = ctx;

    for (size_t i = 0; !s->found && i < s->ids->n; i++)
        s->found = str_eq(s->ids->items[i], id);
}

static bool
is_his(const struct visitor_ids *ids, const struct hit *h)
{
    struct search s = {.ids = ids};

    visitor_each_id(h, look_for, &s);
    return s.found;
}

static bool
mentions(const struct visitor_ids *ids, struct str value)
{
    for (size_t i = 0; i < ids->n; i++) {
        if (str_find(value, ids->items[i]) >= 0)
            return true;
    }
    return false;
}

struct pass {
    struct decision_walk *w;
    bool learning, over;
    int64_t bytes;
    struct arena arena; /* of one hit */
    struct diag *d;
    enum err rc;
};

static bool
each_record(void *ctx, const struct record *r)
{
    struct pass *p = ctx;
    struct decision_walk *w = p->w;
    struct diag unreadable = DIAG_INIT;
    struct hit h;

    if (p->over)
        return false;
    p->bytes += (int64_t)r->value.n;
    p->over = r->offset >= w->before || p->bytes > w->bytes_max;
    if (p->over) {
        w->stopped = r->offset < w->before;
        w->stopped_ms = r->time_ms;
        return false;
    }
    if (r->time_ms > w->until_ms || !mentions(w->ids, r->value))
        return true;
    arena_reset(&p->arena);
    p->arena.refused = false;
    if (hit_read(r->value, &p->arena, &h, &unreadable) != ERR_OK || h.source != SOURCE_EDGE ||
        !str_eq(h.scope, w->scope) || !is_his(w->ids, &h))
        return true;
    if (p->learning)
        visitor_ids_learn(w->ids, &h);
    else
        p->rc = w->each(w->ctx, r, &h, &p->arena, p->d);
    return p->rc == ERR_OK;
}

static enum err
pass(struct decision_walk *w, bool learning, struct diag *d)
{
    const struct admin_hub *hub = &w->admin->o.hub;
    struct pass p = {.w = w, .learning = learning, .d = d};
    enum err rc;

    arena_init(&p.arena, 4 * (size_t)LIMIT_REQUEST_ARENA_BYTES);
    rc = hub->named(hub->ctx, w->since_ms, w->ids->items, &w->ids->n, each_record, &p, d);
    arena_deinit(&p.arena);
    return rc == ERR_OK ? p.rc : rc;
}

/* The oldest record that there is. */
static bool
first_record(void *ctx, const struct record *r)
{
    struct decision_walk *w = ctx;

    if (!w->begun) {
        w->begun = true;
        w->begins_ms = r->time_ms;
    }
    return false;
}

enum err
decision_walk(struct decision_walk *w, struct diag *d)
{
    const struct admin_hub *hub = &w->admin->o.hub;
    size_t known = 0;
    enum err rc = hub->collected(hub->ctx, INT64_MIN, first_record, w, d);

    w->cut = hub->log_begin(hub->ctx) > 0 && (!w->begun || w->begins_ms > w->since_ms);
    for (int i = 0; rc == ERR_OK && i < PASSES && known < w->ids->n; i++) {
        known = w->ids->n;
        rc = pass(w, true, d);
    }
    if (rc == ERR_OK && w->ids->arena->refused)
        rc = diag_set(d, ERR_NOMEM, "no memory for a visitor's ids");
    return rc == ERR_OK ? pass(w, false, d) : rc;
}
