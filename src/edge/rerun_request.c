/* rerun_request.c - what the deciding of a recorded request asks of the hit, and what came of it. */
#include "edge/rerun_int.h"

#include "base/limits.h"

void
rerun_lacks(struct edge_rerun *r, enum rerun_missing what)
{
    if (r->result.missing == RERUN_EXACT)
        r->result.missing = what;
}

bool
rerun_in_audience(struct edge_rerun *r, struct str id)
{
    if (!r->knows_audiences)
        rerun_lacks(r, RERUN_AUDIENCES);
    return edge_rules_projected(&r->person, id);
}

bool
rerun_header(struct edge_rerun *r, struct str name, struct str *value)
{
    struct json_iter it = json_iter(json_get(r->hit->visit->asked, S("headers")));

    while (json_next(&it)) {
        if (!str_eq_nocase(it.key, name))
            continue;
        *value = json_str(it.value);
        return json_is(it.value, JSON_STRING);
    }
    rerun_lacks(r, RERUN_HEADERS);
    *value = S_NULL;
    return false;
}

/* The person as the hit has him. */
enum err
rerun_read_person(struct edge_rerun *r, struct diag *d)
{
    const struct json *asked = r->hit->visit->asked, *list = json_get(asked, S("audiences"));
    const struct json *attributes = json_get(asked, S("attributes"));
    struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL);
    struct edge_doc *p = &r->person;
    struct buf b;

    *p = (struct edge_doc){.known = true,
                           .memberships = ARENA_ARRAY(r->arena, struct projected_membership, json_count(list) + 1)};
    if (p->memberships == NULL)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    while (json_next(&it))
        p->memberships[p->membership_count++] =
            (struct projected_membership){.audience = json_str(it.value), .member = true};
    r->knows_audiences = asked != NULL && !json_is(list, JSON_BOOL);
    if (asked == NULL || json_is(attributes, JSON_BOOL)) {
        if (r->view != NULL && r->view->decide != NULL && decide_reads_attributes(r->view->decide))
            rerun_lacks(r, RERUN_ATTRIBUTES);
        return ERR_OK;
    }
    if (attributes == NULL)
        return ERR_OK;
    buf_init_in(&b, r->arena, 2 * LIMIT_ASKED_ATTRIBUTE_BYTES);
    json_write(&b, attributes);
    p->attributes = buf_str(&b);
    return ERR_OK;
}

/* ---- what came of it ---- */

static const struct json *
audience_object(void *ctx, struct str id)
{
    const struct edge_rerun *r = ctx;

    return snapshot_object(r->snap, S("targetAudience"), r->hit->scope, id);
}

static struct str
audiences_of(struct edge_rerun *r, struct decision *x)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, r->arena, LIMIT_RESPONSE_BYTES);
    w = jw_to(&b);
    return decision_explain(x, audience_object, r, &w, r->d) == ERR_OK && buf_ok(&b) ? buf_str(&b) : S_NULL;
}

static bool
room_for(struct edge_rerun *r, void **items, size_t n, size_t more, size_t *room, size_t bytes)
{
    void *p;

    if (n + more <= *room)
        return true;
    p = arena_calloc(r->arena, 2 * (n + more), bytes);
    if (p == NULL) {
        r->rc = diag_set(r->d, ERR_LIMIT, "a recorded request needs more memory than there is");
        return false;
    }
    if (n > 0)
        memcpy(p, *items, n * bytes);
    *items = p;
    *room = 2 * (n + more);
    return true;
}

static void
add_losses(struct edge_rerun *r, struct decision *x, struct str scope)
{
    struct rerun_result *out = &r->result;
    struct rerun_loss loss = {.scope = scope};
    void *items = out->losses;

    for (size_t i = 0; decision_loss(x, i, &loss.activity, &loss.reason); i++) {
        if (!room_for(r, &items, out->loss_count, 1, &r->loss_room, sizeof loss))
            return;
        out->losses = items;
        out->losses[out->loss_count++] = loss;
    }
}

void
rerun_took(struct edge_rerun *r, struct decision *x, struct str location, const struct decision_result *taken,
           bool prefetched)
{
    struct rerun_result *out = &r->result;
    struct str audiences = r->explain && taken->n > 0 ? audiences_of(r, x) : S_NULL;
    void *items = out->decisions;

    add_losses(r, x, location);
    if (!room_for(r, &items, out->decision_count, taken->n, &r->decision_room, sizeof *out->decisions))
        return;
    out->decisions = items;
    for (size_t i = 0; i < taken->n; i++) {
        const struct decision_taken *t = &taken->taken[i];
        out->decisions[out->decision_count++] = (struct rerun_decision){.activity = t->activity,
                                                                        .experience = t->experience,
                                                                        .scope = t->scope,
                                                                        .prefetched = prefetched,
                                                                        .entered = t->entered,
                                                                        .arm = t->arm,
                                                                        .why = t->why,
                                                                        .audiences = audiences};
    }
}
