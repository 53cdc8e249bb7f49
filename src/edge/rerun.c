/* rerun.c - worlds of recorded requests: their life, and a hit in them. See decide/rerun.h. */
#include <stdlib.h>

#include "base/hash.h"
#include "edge/delivery_int.h"
#include "edge/rerun_int.h"

/* An event that asks for nothing and reports nothing is what it is. */
static bool
asks(const struct hit *h)
{
    if (h->visit == NULL)
        return false;
    if (h->kind == HIT_VISIT)
        return h->xdm != NULL;
    return h->kind == HIT_EVENT && (h->decision_count + h->notice_count > 0 || h->visit->asked != NULL);
}

static enum err
decide(struct rerun_turn *t, struct edge_rerun *r, struct diag *d)
{
    enum err rc = rerun_read_person(r, d);

    if (rc != ERR_OK)
        return rc;
    r->result.asked = true;
    r->result.visitor = hash_bytes(t->key, 0);
    if (!visitor_copy(&t->visitor, t->a, &r->visitor))
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    rc = r->hit->kind == HIT_VISIT ? rerun_delivery(t->r->x, r, d) : rerun_event(r, d);
    return rc == ERR_OK ? r->rc : rc;
}

static enum err
world_decide(struct rerun *w, const struct snapshot *s, const struct hit *h, int64_t now_ms, bool explain,
             struct arena *a, struct rerun_result *out, struct diag *d)
{
    struct rerun_turn t = {.r = w, .h = h, .now_ms = now_ms, .a = a};
    struct edge_rerun r = {.arena = a,
                           .snap = s,
                           .view = snapshot_scope(s, w->o.scope),
                           .hit = h,
                           .now_ms = now_ms,
                           .explain = explain,
                           .decided = *h,
                           .d = d};
    enum err rc;

    *out = (struct rerun_result){0};
    if (!rerun_begin(&t, &rc, d))
        return rc;
    r.given = t.given;
    r.was_given = t.was_given;
    if (asks(h)) {
        rc = decide(&t, &r, d);
        if (rc != ERR_OK)
            return rc;
        if (t.missing != RERUN_EXACT || t.once != RERUN_EXACT)
            r.result.missing = t.missing != RERUN_EXACT ? t.missing : t.once;
        else
            t.missing = r.result.missing; /* what follows from it is not to be believed either */
        t.was_given |= r.result.decision_count > 0;
    }
    *out = r.result;
    return rerun_end(&t, r.result.missing == RERUN_REFUSED ? h : &r.decided, &r.result, d);
}

static enum err
world_record(struct rerun *w, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct rerun_turn t = {.r = w, .h = h, .now_ms = now_ms, .a = a};
    struct rerun_result given = {0};
    enum err rc;

    if (!rerun_begin(&t, &rc, d))
        return rc;
    given.decisions = ARENA_ARRAY(a, struct rerun_decision, h->decision_count + 1);
    for (size_t i = 0; given.decisions != NULL && i < h->decision_count; i++)
        given.decisions[given.decision_count++] =
            (struct rerun_decision){.activity = h->decisions[i].activity, .experience = h->decisions[i].experience};
    t.was_given |= given.decision_count > 0;
    return rerun_end(&t, h, &given, d);
}

/* ---- life ---- */

static void
world_close(struct rerun *r)
{
    const struct map_slot *slot;

    if (r == NULL)
        return;
    for (size_t i = 0; (slot = map_next(&r->places, &i)) != NULL;)
        free(slot->value);
    map_deinit(&r->places);
    free(r->scope);
    free(r);
}

static enum err
world_open(void *ctx, const struct rerun_options *o, struct rerun **out, struct diag *d)
{
    struct rerun *r = calloc(1, sizeof *r);

    if (r == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    map_init(&r->places);
    r->x = ctx;
    r->o = *o;
    r->scope = strndup(o->scope.p, o->scope.n);
    if (r->scope == NULL) {
        world_close(r);
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    }
    r->o.scope = str_of(r->scope);
    *out = r;
    return ERR_OK;
}

static enum err
world_copy(const struct rerun *r, struct rerun **out, struct diag *d)
{
    struct rerun *copy = NULL;
    const struct map_slot *slot;
    enum err rc = world_open(r->x, &r->o, &copy, d);

    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&r->places, &i)) != NULL;) {
        const struct rerun_place *p = slot->value;
        struct rerun_place *twin =
            rerun_place_new((struct str){p->bytes, p->visitor_n}, (struct str){p->bytes + p->visitor_n, p->given_n});
        if (twin == NULL) {
            rc = diag_set(d, ERR_NOMEM, "no memory for visitors");
            break;
        }
        twin->seen_ms = p->seen_ms;
        twin->missing = p->missing;
        twin->was_given = p->was_given;
        rc = rerun_put_place(copy, slot->key, twin, d);
    }
    if (rc == ERR_OK)
        *out = copy;
    else
        world_close(copy);
    return rc;
}

struct rerun_ops
delivery_rerun(struct delivery *x)
{
    return (struct rerun_ops){x, world_open, world_close, world_copy, world_record, world_decide};
}
