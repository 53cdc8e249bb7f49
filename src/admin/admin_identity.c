/* admin_identity.c - reading the identity graph: v2/graph, the older cluster members, XIDs [PLATFORM 4.2, 4.6]. */
#include "admin/admin_xid.h"
#include "base/limits.h"

/* {"title":"InvalidInput","status":400,"detail":"..."}: what clients of this service read. */
static void
invalid(struct http_res *rs, const char *detail)
{
    struct jw w = admin_json(rs, 400);

    jw_object(&w);
    jw_kstr(&w, S("title"), S("InvalidInput"));
    jw_ki64(&w, S("status"), 400);
    jw_kstr(&w, S("detail"), str_of(detail));
    jw_end(&w);
}

/* ---- one identity in a request ---- */

struct asked {
    struct str ns, id; /* ns canonical */
    struct str xid;    /* as asked for; p NULL: by ns and id */
};

/* {"ns":"Email","id":...}, {"nsid":6,"id":...} (also as text). */
static bool
read_composite(const struct call *call, struct arena *a, const struct json *v, struct asked *out)
{
    const struct json *nsid = json_get(v, S("nsid"));
    struct xid_namespace ns;
    int64_t number = -1;

    out->xid = S_NULL;
    out->id = json_str(json_get(v, S("id")));
    if (json_is(json_get(v, S("id")), JSON_INT))
        out->id = arena_printf(a, "%lld", (long long)json_i64(json_get(v, S("id")), 0));
    if (json_str(json_get(v, S("ns"))).n > 0)
        ns = xid_namespace_of(call, json_str(json_get(v, S("ns"))));
    else if ((!json_is(nsid, JSON_INT) && !str_to_i64(json_str(nsid), &number)) ||
             !xid_namespace_by_id(call, json_is(nsid, JSON_INT) ? json_i64(nsid, -1) : number, &ns))
        return false;
    out->ns = ns.code;
    return out->id.n > 0;
}

/* ---- reading a graph ---- */

struct graph_copy {
    struct arena *arena;
    struct graph_view view;
    bool failed;
};

static struct str
copy(struct graph_copy *c, struct str s)
{
    struct str out = arena_str(c->arena, s);

    c->failed |= out.p == NULL;
    return out;
}

/* Out of the table, whose bytes end with the lock. */
static void
copy_graph(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct graph_copy *c = ctx;

    (void)k;
    (void)p;
    c->view = *g;
    c->view.members = ARENA_ARRAY(c->arena, struct graph_member, g->member_count + 1);
    c->view.edges = ARENA_ARRAY(c->arena, struct graph_edge, g->edge_count + 1);
    if (c->view.members == NULL || c->view.edges == NULL) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < g->member_count; i++) {
        c->view.members[i] = g->members[i];
        c->view.members[i].ns = copy(c, g->members[i].ns);
        c->view.members[i].id = copy(c, g->members[i].id);
    }
    for (size_t i = 0; i < g->edge_count; i++) {
        c->view.edges[i] = g->edges[i];
        c->view.edges[i].dataset = copy(c, g->edges[i].dataset);
    }
}

static enum err
read_graph(const struct call *call, struct http_req *rq, const struct asked *asked, struct graph_view *out,
           struct diag *d)
{
    const struct admin_hub *hub = &call->admin->o.hub;
    struct graph_copy c = {.arena = rq->arena};
    struct arena scratch; /* of the look-up: a request may ask for a thousand */
    enum err rc;

    if (hub->read_profile == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    arena_init(&scratch, ENTITY_SCRATCH_BYTES);
    rc = hub->read_profile(hub->ctx, call->scope, asked->ns, asked->id, &scratch, copy_graph, &c, d);
    arena_deinit(&scratch);
    if (rc == ERR_OK && c.failed)
        rc = diag_set(d, ERR_LIMIT, "the answer needs more than the memory of a request");
    if (rc == ERR_OK)
        *out = c.view;
    return rc;
}

/* ---- v2/graph ---- */

static void
write_composite(struct jw *w, struct str ns, struct str id)
{
    jw_object(w);
    jw_kstr(w, S("ns"), ns);
    jw_kstr(w, S("id"), id);
    jw_end(w);
}

static void
write_edges(struct jw *w, const struct graph_view *g)
{
    jw_key(w, S("edges"));
    jw_array(w);
    for (size_t i = 0; i < g->edge_count; i++) {
        const struct graph_edge *e = &g->edges[i];
        jw_object(w);
        jw_key(w, S("composite_xid_pair"));
        jw_array(w);
        write_composite(w, g->members[e->a].ns, g->members[e->a].id);
        write_composite(w, g->members[e->b].ns, g->members[e->b].id);
        jw_end(w);
        jw_ki64(w, S("first_established_ts"), e->first_ms);
        jw_ki64(w, S("last_established_ts"), e->last_ms);
        jw_key(w, S("dataset_ids"));
        jw_array(w);
        if (e->dataset.n > 0)
            jw_str(w, e->dataset);
        jw_end(w);
        jw_key(w, S("batch_ids")); /* a link remembers its newest dataset, not its batches */
        jw_array(w);
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_graph(struct jw *w, const struct asked *asked, const struct graph_view *g, bool whole)
{
    jw_object(w);
    if (asked->xid.p != NULL) {
        jw_kstr(w, S("xid"), asked->xid);
    }
    jw_key(w, S("composite_xid"));
    write_composite(w, asked->ns, asked->id);
    jw_key(w, whole ? S("vertices") : S("members"));
    jw_array(w);
    for (size_t i = 0; i < g->member_count; i++) {
        if (!whole) {
            write_composite(w, g->members[i].ns, g->members[i].id);
            continue;
        }
        jw_object(w);
        jw_key(w, S("composite_xid"));
        write_composite(w, g->members[i].ns, g->members[i].id);
        jw_ki64(w, S("last_updated_ts"), g->members[i].last_ms);
        jw_end(w);
    }
    jw_end(w);
    if (whole)
        write_edges(w, g);
    jw_end(w);
}

/* The identities of the body; *xids tells the form. NULL: answered. */
static const struct json *
asked_list(const struct json *body, bool *xids, struct http_res *rs)
{
    const struct json *list = json_get(body, S("composite_xids"));

    if (list == NULL)
        list = json_get(body, S("composite_xid")); /* as one shipping client sends it [PLATFORM 4.6] */
    *xids = list == NULL;
    if (list == NULL)
        list = json_get(body, S("xids"));
    if (!json_is(list, JSON_ARRAY))
        invalid(rs, "Missing required parameter - xids or composite_xids");
    else if (json_count(list) > LIMIT_ENTITIES_PER_REQUEST)
        invalid(rs, "There is a limit of 1000 XIDs in a single call");
    else
        return list;
    return NULL;
}

/* Writes the graphs; those that are unknown are marked in `unknown`. */
static enum err
write_graphs(const struct call *call, struct http_req *rq, struct jw *w, const struct asked *asked, bool *unknown,
             size_t n, bool whole, struct diag *d)
{
    jw_key(w, S("graphs"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        struct graph_view g = {0};
        enum err rc = asked[i].id.n == 0 ? ERR_NOT_FOUND : read_graph(call, rq, &asked[i], &g, d);
        unknown[i] = rc == ERR_NOT_FOUND;
        if (rc == ERR_OK)
            write_graph(w, &asked[i], &g, whole);
        else if (rc != ERR_NOT_FOUND)
            return rc;
    }
    jw_end(w);
    return ERR_OK;
}

static void
graph_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body, *list;
    struct diag d = DIAG_INIT;
    struct asked *asked;
    struct json_iter it;
    struct str projection;
    bool xids, *unknown;
    size_t n = 0;
    struct jw w;
    enum err rc;

    (void)params;
    if (!admin_body(rq, rs, ERRORS_PROBLEM, &body))
        return;
    projection = json_str(json_get(body, S("projection_type")));
    if (projection.n > 0 && !str_eq(projection, S("set")) && !str_eq(projection, S("graph"))) {
        invalid(rs, "The projection_type is invalid: it must be one of graph|set");
        return;
    }
    list = asked_list(body, &xids, rs);
    if (list == NULL)
        return;
    asked = ARENA_ARRAY(rq->arena, struct asked, json_count(list) + 1);
    unknown = ARENA_ARRAY(rq->arena, bool, json_count(list) + 1);
    for (it = json_iter(list); asked != NULL && unknown != NULL && json_next(&it); n++) {
        asked[n] = (struct asked){0};
        if (xids && xid_read(call, json_str(it.value), rq->arena, &asked[n].ns, &asked[n].id))
            asked[n].xid = json_str(it.value);
        else if (xids || !read_composite(call, rq->arena, it.value, &asked[n]))
            asked[n].id = S_NULL; /* unprocessed */
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("version"), S("2.0"));
    jw_kstr(&w, S("algo_type"), S("STITCH_ALL"));
    rc = asked == NULL || unknown == NULL
             ? diag_set(&d, ERR_LIMIT, "the request needs more memory than one may")
             : write_graphs(call, rq, &w, asked, unknown, n, str_eq(projection, S("graph")), &d);
    if (rc != ERR_OK) {
        buf_clear(rs->body);
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc, &d);
        return;
    }
    jw_key(&w, xids ? S("unprocessed_xids") : S("unprocessed_composite_xids"));
    jw_array(&w);
    n = 0;
    for (it = json_iter(list); json_next(&it); n++) {
        if (unknown[n])
            jw_json(&w, it.value);
    }
    jw_end(&w);
    jw_end(&w);
}

/* ---- the older forms ---- */

/* nsId (or namespace) and id, or xid. False: answered. */
static bool
asked_in_query(const struct call *call, struct http_req *rq, struct asked *out, struct http_res *rs)
{
    struct str xid = http_query(rq, S("xid")), ns = http_query(rq, S("namespace")), nsid = http_query(rq, S("nsid"));
    struct xid_namespace known;
    int64_t number;

    *out = (struct asked){.id = http_query(rq, S("id"))};
    if (xid.n > 0) {
        if (!xid_read(call, xid, rq->arena, &out->ns, &out->id)) {
            invalid(rs, "The xid is invalid");
            return false;
        }
        out->xid = xid;
        return true;
    }
    if (ns.n == 0 && nsid.n == 0) {
        invalid(rs, "Missing required query parameter - namespace");
        return false;
    }
    if (out->id.n == 0) {
        invalid(rs, "Missing required query parameter - id");
        return false;
    }
    known = xid_namespace_of(call, ns.n > 0 ? ns : nsid);
    if (ns.n == 0 && str_to_i64(nsid, &number) && !xid_namespace_by_id(call, number, &known)) {
        invalid(rs, "The nsid is invalid");
        return false;
    }
    out->ns = known.code;
    return true;
}

static void
identity_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct asked asked;
    struct jw w;

    (void)params;
    if (!asked_in_query(call, rq, &asked, rs))
        return;
    if (asked.id.n > LIMIT_IDENTITY_VALUE_BYTES) {
        invalid(rs, "The id has more than 1024 characters");
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("xid"), xid_write(call, rq->arena, asked.ns, asked.id));
    jw_end(&w);
}

static void
write_members(const struct call *call, struct http_req *rq, struct jw *w, const struct graph_view *g)
{
    jw_key(w, S("members"));
    jw_array(w);
    for (size_t i = 0; i < g->member_count; i++) {
        struct xid_namespace ns = xid_namespace_of(call, g->members[i].ns);
        jw_object(w);
        jw_kstr(w, S("xid"), xid_write(call, rq->arena, g->members[i].ns, g->members[i].id));
        jw_key(w, S("compositeXid"));
        jw_object(w);
        if (ns.id >= 0)
            jw_ki64(w, S("nsid"), ns.id);
        jw_kstr(w, S("ns"), g->members[i].ns);
        jw_kstr(w, S("id"), g->members[i].id);
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static void
members_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str type = http_query(rq, S("graph-type"));
    struct graph_view g = {0};
    struct diag d = DIAG_INIT;
    struct asked asked;
    struct jw w;
    enum err rc;

    (void)params;
    if (!asked_in_query(call, rq, &asked, rs))
        return;
    rc = read_graph(call, rq, &asked, &g, &d);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc, &d);
        return;
    }
    if (str_eq_nocase(type, S("coop")) || str_eq_nocase(type, S("psr")) || str_eq_nocase(type, S("None")))
        g.member_count = 0; /* device cooperatives: there are none here [PLATFORM B-19] */
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("version"), S("1.1.0"));
    if (asked.xid.p != NULL) {
        jw_kstr(&w, S("xid"), asked.xid);
    } else {
        jw_key(&w, S("compositeXid"));
        write_composite(&w, asked.ns, asked.id);
    }
    write_members(call, rq, &w, &g);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_POST, "/data/core/identity/v2/graph", LIMIT_ADMIN_BODY_BYTES, graph_post},
    {HTTP_GET, "/data/core/identity/cluster/members", 0, members_get},
    {HTTP_GET, "/data/core/identity/identity", 0, identity_get},
};
const struct family family_identity = {routes, sizeof routes / sizeof routes[0], ERRORS_PROBLEM, false};
