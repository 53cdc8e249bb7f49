/* edge_visitor.c - see edge_visitor.h for the rules. */
#include "edge/edge_visitor.h"

#include "base/limits.h"
#include "edge/edge_int.h"

#define LINK_LIVES 14 /* an id in use is linked again so many times in a document's life */

/* An id of the request and what the table has of it. */
struct given {
    struct identity id;
    struct str key;
    struct edge_doc doc;
    uint32_t version;
    bool known;            /* it leads to a visitor who is there */
    struct identity place; /* where; itself when unknown */
    struct str place_key;
    struct edge_doc place_doc;
    uint32_t place_version;
    struct visitor visitor; /* of the place */
};

struct search {
    struct edge *edge;
    const struct snapshot *snap;
    struct str scope;
    int64_t now_ms;
    struct arena *arena;
    struct given t, e; /* id.ns empty: not given */
    struct given *names;
    size_t name_count;
    struct given *chosen; /* whose place it is */
};

struct str
edge_third_party_ns(const struct snapshot *snap, struct str scope)
{
    const struct json *settings = snapshot_object(snap, S("targetSettings"), scope, S("settings"));
    struct str ns = json_str(json_get(settings, S("thirdPartyIdNamespace")));

    return ns.n > 0 ? ns : S(HIT_NS_THIRD_PARTY_ID);
}

/* ---- documents ---- */

static enum err
no_memory(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for the visitor");
}

/* "scope US ns US id" */
static bool
read_key(struct str key, struct identity *out)
{
    struct str scope, ns;

    if (!str_split(&key, 0x1f, &scope) || !str_split(&key, 0x1f, &ns) || key.n == 0)
        return false;
    *out = (struct identity){.ns = ns, .id = key};
    return true;
}

/* Whom this edge never saw, the hub of the same process may know. The document is kept with it, as an event's is. */
static enum err
pull(struct search *s, struct given *g, struct diag *d)
{
    const struct edge_hub *hub = &s->edge->o.hub;
    struct projection p;
    enum err rc;

    if (hub->pull == NULL || str_eq(g->id.ns, S(HIT_NS_TNT_ID)) ||
        hub->pull(hub->ctx, s->scope, g->id.ns, g->id.id, s->arena, &p, NULL) != ERR_OK)
        return ERR_OK;
    rc = edge_doc_fold_projection(&g->doc, &p, s->now_ms, s->arena, d);
    if (rc != ERR_OK)
        return rc;
    g->doc.known = true;
    g->doc.first_ms = g->doc.seen_ms = s->now_ms;
    if (edge_table_store(s->edge->table, g->key, &g->doc, g->version, s->arena))
        return edge_table_load(s->edge->table, g->key, s->now_ms, s->arena, &g->doc, &g->version, d);
    return ERR_OK; /* somebody else stored it meanwhile: that one is as good next time */
}

static enum err
load_place(struct search *s, struct given *g, struct diag *d)
{
    enum err rc = ERR_OK;

    g->place = g->id;
    g->place_key = g->key;
    g->place_doc = g->doc;
    g->place_version = g->version;
    if (g->doc.visitor_at.n > 0 && read_key(g->doc.visitor_at, &g->place)) {
        g->place_key = g->doc.visitor_at;
        rc = edge_table_load(s->edge->table, g->place_key, s->now_ms, s->arena, &g->place_doc, &g->place_version, d);
    }
    if (rc == ERR_OK)
        rc = visitor_read(g->place_doc.visitor, s->arena, &g->visitor, d);
    if (rc == ERR_CORRUPT) { /* new here, as the fold will see it */
        visitor_init(&g->visitor, s->arena);
        rc = ERR_OK;
    }
    g->known = rc == ERR_OK && g->place_doc.visitor.n > 0;
    return rc;
}

static enum err
load(struct search *s, struct given *g, struct str ns, struct str id, struct diag *d)
{
    struct buf key;
    enum err rc;

    if (id.n == 0)
        return ERR_OK;
    g->id = (struct identity){.ns = ns, .id = id};
    buf_init_in(&key, s->arena, LIMIT_RECORD_KEY_BYTES);
    identity_key(&key, s->scope, ns, id);
    if (!buf_ok(&key))
        return no_memory(d);
    g->key = buf_str(&key);
    rc = edge_table_load(s->edge->table, g->key, s->now_ms, s->arena, &g->doc, &g->version, d);
    if (rc == ERR_OK && !g->doc.known)
        rc = pull(s, g, d);
    return rc == ERR_OK ? load_place(s, g, d) : rc;
}

/* An integration code that is one of our own namespaces would lead into other people's documents. */
static bool
may_name(const struct identity *id, struct str third_party_ns)
{
    return id->ns.n > 0 && id->id.n > 0 && !str_eq(id->ns, S("ECID")) && !str_eq(id->ns, S(HIT_NS_TNT_ID)) &&
           !str_eq(id->ns, third_party_ns);
}

static enum err
load_names(struct search *s, const struct edge_visitor_ids *ids, struct diag *d)
{
    struct str ns;
    enum err rc = ERR_OK;

    if (ids->third_party_id.n == 0 && ids->customer_count == 0)
        return ERR_OK; /* most are anonymous, and room for all names is 25 KB */
    ns = edge_third_party_ns(s->snap, s->scope);
    s->names = ARENA_ARRAY(s->arena, struct given, LIMIT_VISITOR_NAMES);
    if (s->names == NULL)
        return no_memory(d);
    if (ids->third_party_id.n > 0)
        rc = load(s, &s->names[s->name_count++], ns, ids->third_party_id, d);
    for (size_t i = 0; rc == ERR_OK && i < ids->customer_count && s->name_count < LIMIT_VISITOR_NAMES; i++) {
        if (may_name(&ids->customers[i], ns))
            rc = load(s, &s->names[s->name_count++], ids->customers[i].ns, ids->customers[i].id, d);
    }
    return rc;
}

/* ---- the choice ---- */

static bool
is_given(const struct given *g)
{
    return g->id.ns.n > 0;
}

static bool
is_anonymous(const struct given *g)
{
    return is_given(g) && g->known && !g->visitor.named;
}

/* T's place, else E's, that a name unknown so far may take: nobody's, or his own of before he was forgotten. */
static struct given *
place_for_name(struct search *s, struct str third_party_id)
{
    struct given *both[] = {&s->t, &s->e};

    for (size_t i = 0; i < 2; i++) {
        if (!is_given(both[i]) || !both[i]->known)
            continue;
        if (is_anonymous(both[i]) || (third_party_id.n > 0 && str_eq(both[i]->visitor.third_party_id, third_party_id)))
            return both[i];
        return NULL;
    }
    return NULL;
}

static struct given *
choose(struct search *s, struct str third_party_id)
{
    struct given *g;

    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].known)
            return &s->names[i];
    }
    g = s->name_count > 0 ? place_for_name(s, third_party_id) : NULL;
    if (g != NULL)
        return g;
    if (s->name_count > 0 && (s->t.known || s->e.known))
        return &s->names[0]; /* the device is somebody else's */
    if (s->t.known)
        return &s->t;
    return is_given(&s->e) ? &s->e : is_given(&s->t) ? &s->t : NULL;
}

/* ---- what the hit says ---- */

static void
add(struct identity_set *set, struct identity id)
{
    for (size_t i = 0; i < set->n; i++) {
        if (str_eq(set->items[i].ns, id.ns) && str_eq(set->items[i].id, id.id))
            return;
    }
    if (set->n < LIMIT_IDENTITIES_PER_EVENT)
        set->items[set->n++] = id;
}

static bool
leads_to(const struct search *s, const struct given *g, struct str place_key)
{
    int64_t life = s->edge->o.profile_ttl_ms > 0 ? s->edge->o.profile_ttl_ms : LIMIT_EDGE_PROFILE_TTL_MS;

    if (!str_eq(g->place_key, place_key))
        return false;
    return str_eq(g->key, place_key) || s->now_ms - g->doc.seen_ms < life / LINK_LIVES;
}

static void
link_to(struct search *s, struct edge_visitor *out, const struct given *g)
{
    if (is_given(g) && !leads_to(s, g, out->key))
        add(&out->links, g->id);
}

/* T's or E's place is not the one. */
static void
absorb(struct edge_visitor *out, struct given *g)
{
    if (!is_anonymous(g) || str_eq(g->place_key, out->key))
        return;
    visitor_absorb(&out->visitor, &g->visitor);
    add(&out->absorbs, g->place);
    add(&out->links, g->place);
}

/* Without a name only the other one's anonymous place is taken over: whose it is else, is not known to be this one. */
static void
link_devices(struct search *s, struct edge_visitor *out)
{
    struct given *both[] = {&s->t, &s->e};

    for (size_t i = 0; i < 2; i++) {
        absorb(out, both[i]);
        if (s->name_count > 0 || !both[i]->known || is_anonymous(both[i]) || str_eq(both[i]->place_key, out->key))
            link_to(s, out, both[i]);
    }
}

static void
link_names(struct search *s, struct edge_visitor *out)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (!s->names[i].known || str_eq(s->names[i].place_key, out->key))
            link_to(s, out, &s->names[i]);
    }
}

static void
find_person(struct search *s, struct edge_visitor *out)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].doc.projected) {
            out->person = s->names[i].doc;
            return;
        }
    }
    if (is_given(&s->e))
        out->person = s->e.doc;
}

/* ---- the Target id ---- */

#define TNT_ID_BYTES 32

static struct str
new_tnt_id(struct rng *rng, struct arena *a)
{
    return arena_printf(a, "%016llx%016llx", (unsigned long long)rng_u64(rng), (unsigned long long)rng_u64(rng));
}

/* Of somebody whom only the Edge Network knows so far, it is what rules and tokens said already. */
static struct str
tnt_id_of(struct search *s, struct rng *rng)
{
    const struct scope_view *view = snapshot_scope(s->snap, s->scope);
    const struct given *g = s->chosen;

    if (g != NULL && g->known && g->visitor.tnt_id.n > 0)
        return g->visitor.tnt_id;
    if (g != NULL && g->known && is_given(&s->e) && view != NULL)
        return ecid_tnt_id(view->token_key, s->e.id.id, s->arena);
    return rng != NULL ? new_tnt_id(rng, s->arena) : S_NULL;
}

static struct str
without_suffix(struct str tnt_id)
{
    ptrdiff_t dot = str_find_char(tnt_id, '.');

    return dot < 0 ? tnt_id : str_slice(tnt_id, 0, (size_t)dot);
}

/* ---- together ---- */

static enum err
load_given(struct search *s, const struct edge_visitor_ids *ids, struct diag *d)
{
    enum err rc = load(s, &s->t, S(HIT_NS_TNT_ID), without_suffix(ids->tnt_id), d);

    if (rc == ERR_OK)
        rc = load(s, &s->e, S("ECID"), ids->ecid, d);
    return rc == ERR_OK ? load_names(s, ids, d) : rc;
}

/* A client without a Target id is given one. It leads to where the rest does, or is all there is. */
static enum err
choose_place(struct search *s, const struct edge_visitor_ids *ids, struct rng *rng, struct edge_visitor *out,
             struct diag *d)
{
    enum err rc = ERR_OK;

    s->chosen = choose(s, ids->third_party_id);
    out->tnt_id = is_given(&s->t) ? s->t.id.id : tnt_id_of(s, rng);
    if (out->tnt_id.p == NULL && rng != NULL)
        return no_memory(d);
    if (!is_given(&s->t) && out->tnt_id.n > 0)
        rc = load(s, &s->t, S(HIT_NS_TNT_ID), out->tnt_id, d);
    if (s->chosen == NULL)
        s->chosen = s->name_count > 0 ? &s->names[0] : &s->t;
    return rc;
}

enum err
edge_visitor_find(struct edge *e, const struct snapshot *snap, struct str scope, const struct edge_visitor_ids *ids,
                  struct rng *rng, int64_t now_ms, struct arena *a, struct edge_visitor *out, struct diag *d)
{
    struct search s = {.edge = e, .snap = snap, .scope = scope, .now_ms = now_ms, .arena = a};
    enum err rc;

    *out = (struct edge_visitor){.links.items = ARENA_ARRAY(a, struct identity, LIMIT_IDENTITIES_PER_EVENT),
                                 .absorbs.items = ARENA_ARRAY(a, struct identity, LIMIT_IDENTITIES_PER_EVENT)};
    if (out->links.items == NULL || out->absorbs.items == NULL)
        return no_memory(d);
    rc = load_given(&s, ids, d);
    if (rc == ERR_OK)
        rc = choose_place(&s, ids, rng, out, d);
    if (rc != ERR_OK)
        return rc;
    out->known = s.chosen->known;
    out->at = s.chosen->place;
    out->key = s.chosen->place_key;
    out->visitor = s.chosen->visitor;
    out->doc = s.chosen->place_doc;
    out->version = s.chosen->place_version;
    link_devices(&s, out);
    link_names(&s, out);
    find_person(&s, out);
    return ERR_OK;
}
