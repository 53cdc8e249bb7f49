/* graph_row.c - how a graph lies in the table (docs/formats/graph.md), and reading it.
 *
 *   'I' identity key        -> profile id
 *   'G' profile id, 8 bytes -> members and edges
 *   'G'                     -> the next profile id */
#include "identity/graph_int.h"

#include "base/limits.h"
#include "codec/pack.h"

#define ROW_VERSION 1
#define ROW_BYTES_MAX LIMIT_RECORD_VALUE_BYTES

static bool
is_email(struct str ns)
{
    return str_eq_nocase(ns, S("Email"));
}

struct str
graph_value(struct str ns, struct str id, struct arena *a)
{
    bool upper = false;
    char *p;

    if (!is_email(ns))
        return id;
    for (size_t i = 0; i < id.n; i++)
        upper |= id.p[i] >= 'A' && id.p[i] <= 'Z';
    if (!upper)
        return id;
    p = arena_alloc(a, id.n + 1);
    if (p == NULL)
        return S_NULL;
    for (size_t i = 0; i < id.n; i++)
        p[i] = (char)(id.p[i] >= 'A' && id.p[i] <= 'Z' ? id.p[i] + ('a' - 'A') : id.p[i]);
    p[id.n] = '\0';
    return (struct str){p, id.n};
}

bool
graph_same(struct str ns_a, struct str id_a, struct str ns_b, struct str id_b)
{
    return str_eq(ns_a, ns_b) && (is_email(ns_a) ? str_eq_nocase(id_a, id_b) : str_eq(id_a, id_b));
}

/* 'I' and the identity's key, in the arena. */
static struct str
identity_row(struct str scope, struct str ns, struct str id, struct arena *a)
{
    struct str value = graph_value(ns, id, a);
    size_t n = 1 + scope.n + 1 + ns.n + 1 + value.n;
    char *p = value.p != NULL ? arena_alloc(a, n) : NULL;
    char *at = p;

    if (p == NULL)
        return S_NULL;
    *at++ = 'I';
    memcpy(at, scope.p, scope.n);
    at += scope.n;
    *at++ = 0x1f;
    memcpy(at, ns.p, ns.n);
    at += ns.n;
    *at++ = 0x1f;
    memcpy(at, value.p, value.n);
    return (struct str){p, n};
}

struct graph_key {
    char bytes[9];
};

static struct str
graph_row(struct graph_key *key, uint64_t profile)
{
    key->bytes[0] = 'G';
    memcpy(key->bytes + 1, &profile, 8);
    return (struct str){key->bytes, sizeof key->bytes};
}

enum err
graph_next_profile(struct kv *k, uint64_t *id, struct diag *d)
{
    struct str value;
    struct unpack u;
    struct buf b;
    uint64_t next = 1;
    enum err rc = kv_get(k, S("G"), &value, d);

    if (rc == ERR_OK) {
        u = unpack_from(value);
        next = unpack_u64(&u);
        if (u.bad || next == 0)
            return diag_set(d, ERR_CORRUPT, "graph: the counter of profile ids is damaged");
    } else if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    buf_init(&b, 16);
    pack_u64(&b, next + 1);
    rc = buf_ok(&b) ? kv_put(k, S("G"), buf_str(&b), 0, d) : diag_set(d, ERR_NOMEM, "no memory for a graph row");
    buf_deinit(&b);
    if (rc == ERR_OK)
        *id = next;
    return rc;
}

enum err
graph_lookup(struct graph_work *w, struct str ns, struct str id, uint64_t *profile, struct diag *d)
{
    struct str key = identity_row(w->scope, ns, id, w->a), value;
    struct unpack u;
    enum err rc;

    if (key.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an identity's key");
    rc = kv_get(w->k, key, &value, d);
    if (rc != ERR_OK)
        return rc;
    u = unpack_from(value);
    *profile = unpack_u64(&u);
    return u.bad || *profile == 0 ? diag_set(d, ERR_CORRUPT, "graph: an identity's row is damaged") : ERR_OK;
}

enum err
graph_profile(struct kv *k, struct str scope, struct str ns, struct str id, uint64_t *profile, struct diag *d)
{
    struct arena a;
    struct graph_work w = {.k = k, .a = &a, .scope = scope};
    enum err rc;

    arena_init(&a, 4u * LIMIT_RECORD_KEY_BYTES);
    rc = graph_lookup(&w, ns, id, profile, d);
    arena_deinit(&a);
    return rc;
}

enum err
graph_assign(struct graph_work *w, struct str ns, struct str id, uint64_t profile, struct diag *d)
{
    struct str key = identity_row(w->scope, ns, id, w->a);
    struct buf b;
    enum err rc;

    buf_init(&b, 16);
    pack_u64(&b, profile);
    if (key.p == NULL || !buf_ok(&b))
        rc = diag_set(d, ERR_NOMEM, "no memory for an identity's row");
    else
        rc = kv_put(w->k, key, buf_str(&b), 0, d);
    buf_deinit(&b);
    return rc;
}

bool
graph_reserve(struct graph_work *w, size_t members, size_t edges)
{
    struct graph_view *v = &w->view;

    if (v->member_count + members > w->member_cap) {
        size_t cap = v->member_count + members;
        struct graph_member *p = ARENA_ARRAY(w->a, struct graph_member, cap);
        if (p == NULL)
            return false;
        if (v->member_count > 0)
            memcpy(p, v->members, v->member_count * sizeof *p);
        v->members = p;
        w->member_cap = cap;
    }
    if (v->edge_count + edges > w->edge_cap) {
        size_t cap = v->edge_count + edges;
        struct graph_edge *p = ARENA_ARRAY(w->a, struct graph_edge, cap);
        if (p == NULL)
            return false;
        if (v->edge_count > 0)
            memcpy(p, v->edges, v->edge_count * sizeof *p);
        v->edges = p;
        w->edge_cap = cap;
    }
    return true;
}

enum err
graph_save(struct graph_work *w, uint64_t profile, struct diag *d)
{
    const struct graph_view *v = &w->view;
    struct graph_key key;
    struct buf b;
    enum err rc;

    buf_init(&b, ROW_BYTES_MAX);
    pack_u64(&b, ROW_VERSION);
    pack_u64(&b, v->member_count);
    for (size_t i = 0; i < v->member_count; i++) {
        const struct graph_member *m = &v->members[i];
        pack_str(&b, m->ns);
        pack_str(&b, m->id);
        pack_i64(&b, m->first_ms);
        pack_i64(&b, m->last_ms - m->first_ms);
    }
    pack_u64(&b, v->edge_count);
    for (size_t i = 0; i < v->edge_count; i++) {
        const struct graph_edge *e = &v->edges[i];
        pack_u64(&b, e->a);
        pack_u64(&b, e->b);
        pack_i64(&b, e->first_ms);
        pack_i64(&b, e->last_ms - e->first_ms);
        pack_str(&b, e->dataset);
    }
    rc = buf_ok(&b) ? kv_put(w->k, graph_row(&key, profile), buf_str(&b), 0, d)
                    : diag_set(d, ERR_NOMEM, "no memory for a graph row");
    buf_deinit(&b);
    return rc;
}

enum err
graph_delete(struct kv *k, uint64_t profile, struct diag *d)
{
    struct graph_key key;

    return kv_delete(k, graph_row(&key, profile), d);
}

/* The first time, and the last as what came after it. */
static void
read_times(struct unpack *u, int64_t *first_ms, int64_t *last_ms)
{
    *first_ms = unpack_i64(u);
    if (__builtin_add_overflow(*first_ms, unpack_i64(u), last_ms))
        u->bad = true;
}

static void
read_members(struct unpack *u, struct graph_view *v, size_t n)
{
    for (; v->member_count < n && !u->bad; v->member_count++) {
        struct graph_member *m = &v->members[v->member_count];
        m->ns = unpack_str(u);
        m->id = unpack_str(u);
        read_times(u, &m->first_ms, &m->last_ms);
    }
}

static void
read_edges(struct unpack *u, struct graph_view *v, size_t n)
{
    for (; v->edge_count < n && !u->bad; v->edge_count++) {
        struct graph_edge *e = &v->edges[v->edge_count];
        e->a = unpack_u64(u);
        e->b = unpack_u64(u);
        read_times(u, &e->first_ms, &e->last_ms);
        e->dataset = unpack_str(u);
        u->bad |= e->a >= v->member_count || e->b >= v->member_count;
    }
}

enum err
graph_read(struct kv *k, uint64_t profile, struct arena *a, struct graph_view *out, struct diag *d)
{
    struct graph_view v = {0};
    struct graph_key key;
    struct str value;
    struct unpack u;
    size_t n;
    enum err rc = kv_get(k, graph_row(&key, profile), &value, d);

    if (rc != ERR_OK)
        return rc;
    value = arena_str(a, value);
    if (value.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a graph");
    u = unpack_from(value);
    u.bad |= unpack_u64(&u) != ROW_VERSION;
    n = unpack_u64(&u);
    if (n > value.n) /* a member has more than one byte: damage must not become a huge allocation */
        u.bad = true;
    v.members = u.bad ? NULL : ARENA_ARRAY(a, struct graph_member, n);
    if (!u.bad && v.members == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a graph");
    read_members(&u, &v, n);
    n = unpack_u64(&u);
    if (n > value.n)
        u.bad = true;
    v.edges = u.bad ? NULL : ARENA_ARRAY(a, struct graph_edge, n);
    if (!u.bad && v.edges == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a graph");
    read_edges(&u, &v, n);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "graph: the row of profile %llu is damaged", (unsigned long long)profile);
    *out = v;
    return ERR_OK;
}
