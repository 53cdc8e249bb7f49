/* graph.c - one hit's identities become one graph.
 *
 *   admit     which identities may be in a graph at all            [PLATFORM 4.3]
 *   look up   the profiles they belong to now
 *   unite     the oldest of those stays, the others' members move to it
 *   star      members are seen now; every one is linked to the owner
 *   cut       to the cap (graph_overflow.c)
 *
 * Rows are graph_row.c's. Everything is staged in the table's batch: an error leaves the caller to drop the batch or go
 * on without this record, never a half-read graph. */
#include "identity/graph_int.h"

#include "base/limits.h"
#include "identity/ecid.h"

struct candidate {
    const struct identity *identity;
    uint64_t profile; /* 0: new */
};

static bool
is_placeholder(struct str id)
{
    static const char *const words[] = {"null", "undefined", "anonymous", "00000000-0000-0000-0000-000000000000"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq_nocase(id, str_of(words[i])))
            return true;
    }
    return false;
}

static bool
admitted(const struct graph_work *w, const struct identity *id)
{
    enum ns_class class;

    if (id->id.n == 0 || id->id.n > LIMIT_IDENTITY_VALUE_BYTES || id->ns.n == 0 || id->ns.n > LIMIT_NAMESPACE_BYTES)
        return false;
    if (is_placeholder(id->id) || str_eq(id->ns, S("AAID")))
        return false;
    if (str_eq(id->ns, S("ECID")) && !ecid_valid(id->id))
        return false;
    class = w->ns->class_of(w->ns->ctx, w->scope, id->ns);
    return class != NS_NON_PEOPLE && class != NS_PARTNER;
}

static size_t
admit(const struct graph_work *w, const struct identity_set *ids, struct candidate *out)
{
    size_t n = 0;

    for (size_t i = 0; i < ids->n; i++) {
        const struct identity *id = &ids->items[i];
        bool known = !admitted(w, id);
        for (size_t k = 0; k < n && !known; k++)
            known = graph_same(out[k].identity->ns, out[k].identity->id, id->ns, id->id);
        if (!known)
            out[n++] = (struct candidate){id, 0};
    }
    return n;
}

static size_t
owner_of(const struct candidate *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c[i].identity->primary)
            return i;
    }
    for (size_t i = 0; i < n; i++) {
        if (str_eq(c[i].identity->ns, S("ECID")))
            return i;
    }
    return 0;
}

/* Fills the candidates' profiles; the oldest of them, or a new one, becomes out->profile. */
static enum err
look_up(struct graph_work *w, struct candidate *c, size_t n, struct graph_link *out, struct diag *d)
{
    enum err rc;

    for (size_t i = 0; i < n; i++) {
        rc = graph_lookup(w, c[i].identity->ns, c[i].identity->id, &c[i].profile, d);
        if (rc != ERR_OK && rc != ERR_NOT_FOUND)
            return rc;
        if (c[i].profile != 0 && (out->profile == 0 || c[i].profile < out->profile))
            out->profile = c[i].profile;
    }
    if (out->profile != 0)
        return graph_read(w->k, out->profile, w->a, &w->view, d);
    out->created = true;
    return graph_next_profile(w->k, &out->profile, d);
}

/* Moves members and edges of profile `from` into the work. */
static enum err
take_over(struct graph_work *w, uint64_t from, uint64_t to, struct graph_view *was, struct diag *d)
{
    struct graph_view other;
    size_t base = w->view.member_count;
    enum err rc = graph_read(w->k, from, w->a, &other, d);

    if (rc != ERR_OK)
        return rc;
    if (!graph_reserve(w, other.member_count, other.edge_count))
        return diag_set(d, ERR_NOMEM, "no memory to unite graphs");
    for (size_t i = 0; i < other.member_count; i++) {
        w->view.members[w->view.member_count++] = other.members[i];
        rc = graph_assign(w, other.members[i].ns, other.members[i].id, to, d);
        if (rc != ERR_OK)
            return rc;
    }
    for (size_t i = 0; i < other.edge_count; i++) {
        struct graph_edge e = other.edges[i];
        e.a += base;
        e.b += base;
        w->view.edges[w->view.edge_count++] = e;
    }
    *was = other;
    return graph_delete(w->k, from, d);
}

static enum err
unite(struct graph_work *w, const struct candidate *c, size_t n, struct graph_link *out, struct diag *d)
{
    out->merged = ARENA_ARRAY(w->a, uint64_t, n);
    out->merged_views = ARENA_ARRAY(w->a, struct graph_view, n);
    if (out->merged == NULL || out->merged_views == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to unite graphs");
    for (size_t i = 0; i < n; i++) {
        bool done = c[i].profile == 0 || c[i].profile == out->profile;
        enum err rc;
        for (size_t k = 0; k < out->merged_count && !done; k++)
            done = out->merged[k] == c[i].profile;
        if (done)
            continue;
        rc = take_over(w, c[i].profile, out->profile, &out->merged_views[out->merged_count], d);
        if (rc != ERR_OK)
            return rc;
        out->merged[out->merged_count++] = c[i].profile;
    }
    return ERR_OK;
}

/* Index of the candidate's member, which is added when new and seen now. */
static enum err
see_member(struct graph_work *w, const struct candidate *c, uint64_t profile, size_t *index, struct diag *d)
{
    const struct identity *id = c->identity;
    struct graph_view *v = &w->view;

    for (size_t i = 0; i < v->member_count; i++) {
        struct graph_member *m = &v->members[i];
        if (!graph_same(m->ns, m->id, id->ns, id->id))
            continue;
        m->last_ms = w->now_ms > m->last_ms ? w->now_ms : m->last_ms;
        *index = i;
        return ERR_OK;
    }
    *index = v->member_count;
    v->members[v->member_count++] = (struct graph_member){id->ns, id->id, w->now_ms, w->now_ms};
    return graph_assign(w, id->ns, id->id, profile, d);
}

static void
see_edge(struct graph_work *w, size_t a, size_t b, struct str dataset)
{
    struct graph_view *v = &w->view;
    size_t low = a < b ? a : b, high = a < b ? b : a;

    for (size_t i = 0; i < v->edge_count; i++) {
        struct graph_edge *e = &v->edges[i];
        if (e->a == low && e->b == high) {
            e->last_ms = w->now_ms > e->last_ms ? w->now_ms : e->last_ms;
            e->dataset = dataset;
            return;
        }
    }
    v->edges[v->edge_count++] = (struct graph_edge){low, high, w->now_ms, w->now_ms, dataset};
}

static enum err
star(struct graph_work *w, const struct candidate *c, size_t n, struct str dataset, uint64_t profile, struct diag *d)
{
    size_t owner = owner_of(c, n), center, other;
    enum err rc;

    if (!graph_reserve(w, n, n))
        return diag_set(d, ERR_NOMEM, "no memory to link identities");
    rc = see_member(w, &c[owner], profile, &center, d);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        if (i == owner)
            continue;
        rc = see_member(w, &c[i], profile, &other, d);
        if (rc == ERR_OK)
            see_edge(w, center, other, dataset);
    }
    return rc;
}

enum err
graph_link(struct kv *k, const struct graph_namespaces *ns, struct str scope, const struct identity_set *ids,
           struct str dataset, int64_t now_ms, struct arena *a, struct graph_link *out, struct diag *d)
{
    struct graph_work w = {.k = k, .a = a, .scope = scope, .ns = ns, .now_ms = now_ms};
    struct candidate *c = ARENA_ARRAY(a, struct candidate, ids->n);
    struct graph_link link = {0};
    size_t n;
    enum err rc;

    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to link identities");
    n = admit(&w, ids, c);
    if (n == 0)
        return diag_set(d, ERR_INVALID, "none of %zu identities may be in a graph", ids->n);
    link.owner = c[owner_of(c, n)].identity;
    rc = look_up(&w, c, n, &link, d);
    w.member_cap = w.view.member_count;
    w.edge_cap = w.view.edge_count;
    if (rc == ERR_OK)
        rc = unite(&w, c, n, &link, d);
    if (rc == ERR_OK)
        rc = star(&w, c, n, dataset, link.profile, d);
    if (rc == ERR_OK)
        rc = graph_cut(&w, &link, d);
    if (rc == ERR_OK)
        rc = graph_save(&w, link.profile, d);
    if (rc != ERR_OK)
        return rc;
    link.owner_profile = link.profile;
    for (size_t i = 0; i < link.dropped_count; i++) {
        if (graph_same(link.dropped[i].ns, link.dropped[i].id, link.owner->ns, link.owner->id))
            link.owner_profile = link.dropped_profiles[i];
    }
    *out = link;
    return ERR_OK;
}
