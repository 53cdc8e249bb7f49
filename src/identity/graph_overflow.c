/* graph_overflow.c - the cap of a graph [PLATFORM 4.4]: who goes when a 51st identity links.
 *
 * Classes go in the order partner, cookie, device, person; within a class the identity not seen for the longest time,
 * and of equals the smaller one in byte order of namespace and value (the document says smaller XID, which we do not
 * keep here). So a new cookie that joins fifty people's identities is itself the one that goes.
 *
 * A dropped identity takes its links along. What it alone held together stays one profile, since their data is merged
 * already: a cap must not tear a person apart. OURS. */
#include "identity/graph_int.h"

#include "base/limits.h"

static int
rank_of(const struct graph_work *w, const struct graph_member *m)
{
    switch (w->ns->class_of(w->ns->ctx, w->scope, m->ns)) {
    case NS_NON_PEOPLE:
    case NS_PARTNER:
        return 0;
    case NS_COOKIE:
        return 1;
    case NS_DEVICE:
        return 2;
    default:
        return 3;
    }
}

static bool
goes_before(const struct graph_member *a, int rank_a, const struct graph_member *b, int rank_b)
{
    int order;

    if (rank_a != rank_b)
        return rank_a < rank_b;
    if (a->last_ms != b->last_ms)
        return a->last_ms < b->last_ms;
    order = str_cmp(a->ns, b->ns);
    return order != 0 ? order < 0 : str_cmp(a->id, b->id) < 0;
}

static size_t
victim(const struct graph_work *w, const int *ranks)
{
    size_t worst = 0;

    for (size_t i = 1; i < w->view.member_count; i++) {
        if (goes_before(&w->view.members[i], ranks[i], &w->view.members[worst], ranks[worst]))
            worst = i;
    }
    return worst;
}

/* Removes member x and its edges; the order of the others stays. */
static void
remove_member(struct graph_view *v, int *ranks, size_t x)
{
    size_t kept = 0;

    for (size_t i = 0; i < v->edge_count; i++) {
        struct graph_edge e = v->edges[i];
        if (e.a == x || e.b == x)
            continue;
        e.a -= e.a > x;
        e.b -= e.b > x;
        v->edges[kept++] = e;
    }
    v->edge_count = kept;
    v->member_count--;
    memmove(v->members + x, v->members + x + 1, (v->member_count - x) * sizeof *v->members);
    memmove(ranks + x, ranks + x + 1, (v->member_count - x) * sizeof *ranks);
}

/* The identity starts over as a profile with itself as the only member. */
static enum err
set_free(struct graph_work *w, const struct graph_member *m, uint64_t *profile, struct diag *d)
{
    struct graph_member copy = *m;
    struct graph_work alone = {.k = w->k, .a = w->a, .scope = w->scope, .view = {&copy, 1, NULL, 0}};
    enum err rc = graph_next_profile(w->k, profile, d);

    if (rc == ERR_OK)
        rc = graph_save(&alone, *profile, d);
    if (rc == ERR_OK)
        rc = graph_assign(w, m->ns, m->id, *profile, d);
    return rc;
}

enum err
graph_cut(struct graph_work *w, struct graph_link *out, struct diag *d)
{
    size_t n = w->view.member_count;
    size_t excess = n > LIMIT_GRAPH_IDENTITIES ? n - LIMIT_GRAPH_IDENTITIES : 0;
    int *ranks;

    if (excess == 0)
        return ERR_OK;
    ranks = ARENA_ARRAY(w->a, int, n);
    out->dropped = ARENA_ARRAY(w->a, struct identity, excess);
    out->dropped_profiles = ARENA_ARRAY(w->a, uint64_t, excess);
    if (ranks == NULL || out->dropped == NULL || out->dropped_profiles == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to cut a graph");
    for (size_t i = 0; i < n; i++)
        ranks[i] = rank_of(w, &w->view.members[i]);
    for (size_t i = 0; i < excess; i++) {
        size_t x = victim(w, ranks);
        struct graph_member m = w->view.members[x];
        enum err rc = set_free(w, &m, &out->dropped_profiles[i], d);
        if (rc != ERR_OK)
            return rc;
        out->dropped[i] = (struct identity){.ns = m.ns, .id = m.id};
        out->dropped_count = i + 1;
        remove_member(&w->view, ranks, x);
    }
    return ERR_OK;
}
