/* admin_flow.c - the flow service: connections, their ends, flows [PLATFORM 3.3, 7.2].
 *
 * Four kinds of object with one set of handlers. Two of them have an effect beyond being stored, saved in the same
 * step:
 *
 *   connection of the streaming spec   an inlet: the address that takes messages
 *   flow to a personalization target   a destination: which audiences and attributes reach which datastream
 *
 * A destination is derived from the flow and its target connection whenever either changes (admin_flow_derive.c). Etags
 * are the object's version in quotes; PATCH must send the current one. */
#include "admin/admin_flow.h"

#include "admin/admin_registry.h"
#include "base/limits.h"

#define STYLE ERRORS_FLOW
#define LIST_DEFAULT 50
#define LIST_MAX 1000

/* Both clients' spellings of what is absent: 404 {"errorMessage","errorDetails":"connections not found with id =
 * [..]"}. */
static void
not_found(struct http_req *rq, struct http_res *rs, const struct flow_kind *k, struct str id)
{
    struct diag d = DIAG_INIT;

    admin_fail(rq, rs, STYLE, 404, diag_set(&d, ERR_NOT_FOUND, "%s not found with id = [%.*s]", k->path, STR_ARG(id)),
               &d);
}

static const struct flow_kind kinds[] = {
    {"connection", "connections"},
    {"sourceConnection", "sourceConnections"},
    {"targetConnection", "targetConnections"},
    {"flow", "flows"},
};

static const struct flow_kind *
kind_of(const struct http_req *rq)
{
    struct str rest = str_slice(rq->path, strlen("/data/foundation/flowservice/"), rq->path.n), word;

    (void)str_split(&rest, '/', &word);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(word, str_of(kinds[i].path)))
            return &kinds[i];
    }
    return &kinds[0]; /* the table of routes has no other */
}

/* ---- reading ---- */

static struct str
etag(struct http_req *rq, uint64_t version)
{
    return arena_printf(rq->arena, "\"%016llx\"", (unsigned long long)version);
}

static void
write_object(struct jw *w, struct call *call, struct http_req *rq, const struct flow_kind *k, struct str id,
             const struct json *o)
{
    uint64_t version = snapshot_object_version(call->snap, str_of(k->kind), call->scope, id);
    struct json_iter it = json_iter(o);

    jw_object(w);
    while (json_next(&it))
        jw_kjson(w, it.key, it.value);
    jw_kstr(w, S("version"), etag(rq, version));
    jw_kstr(w, S("etag"), etag(rq, version));
    jw_end(w);
}

struct listing {
    struct call *call;
    struct http_req *rq;
    const struct flow_kind *kind;
    struct jw *w;
    size_t start, limit, at;
};

static void
list_one(void *ctx, struct str id, const struct json *object)
{
    struct listing *l = ctx;

    if (!registry_passes(l->rq, object))
        return;
    if (l->at >= l->start && l->at - l->start < l->limit)
        write_object(l->w, l->call, l->rq, l->kind, id, object);
    l->at++;
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    struct admin_page page = admin_page(rq, LIST_DEFAULT, LIST_MAX);
    struct jw w = admin_json(rs, 200);
    struct listing l = {call, rq, k, &w, page.start, page.limit, 0};
    uint64_t token;

    (void)params;
    if (str_to_u64(http_query(rq, S("continuationToken")), &token) && token < SIZE_MAX / 2)
        l.start = (size_t)token;
    jw_object(&w);
    jw_key(&w, S("items"));
    jw_array(&w);
    snapshot_each(call->snap, str_of(k->kind), call->scope, list_one, &l);
    jw_end(&w);
    if (str_eq(http_query(rq, S("count")), S("true")))
        jw_ki64(&w, S("totalCount"), (int64_t)l.at);
    jw_key(&w, S("_links"));
    jw_object(&w);
    if (l.at > l.start + l.limit) { /* relative to the service's base, as clients add it themselves [PLATFORM 1.5] */
        jw_key(&w, S("next"));
        jw_object(&w);
        jw_kstr(&w, S("href"),
                arena_printf(rq->arena, "/%s?limit=%zu&continuationToken=%zu", k->path, l.limit, l.start + l.limit));
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    struct str id = route_param(params, S("id"));
    const struct json *o = snapshot_object(call->snap, str_of(k->kind), call->scope, id);
    struct jw w;

    if (o == NULL) {
        not_found(rq, rs, k, id);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("items"));
    jw_array(&w);
    write_object(&w, call, rq, k, id, o);
    jw_end(&w);
    jw_end(&w);
}

/* ---- saving ---- */

/* {id, etag} of the object as it is now. */
static void
answer(struct call *call, struct http_req *rq, struct http_res *rs, const struct flow_kind *k, struct str id,
       int status)
{
    const struct snapshot *s = snapshot_get(call->admin->o.config);
    uint64_t version = snapshot_object_version(s, str_of(k->kind), call->scope, id);
    struct jw w = admin_json(rs, status);

    snapshot_put(call->admin->o.config, s);
    jw_object(&w);
    jw_kstr(&w, S("id"), id);
    jw_kstr(&w, S("etag"), etag(rq, version));
    jw_end(&w);
}

static void
put_common(struct edit *e, struct call *call, struct http_req *rq, struct str id, bool created)
{
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);

    edit_put_str(e, e->root, S("id"), id);
    if (created) {
        edit_put_i64(e, e->root, S("createdAt"), rq->now_ms);
        edit_put_str(e, e->root, S("createdBy"), call->client_id);
        edit_put_str(e, e->root, S("createdClient"), call->client_id);
        edit_put_str(e, e->root, S("sandboxId"), json_str(json_get(sandbox, S("id"))));
        edit_put_str(e, e->root, S("sandboxName"), call->sandbox);
        edit_put_str(e, e->root, S("imsOrgId"), call->org);
        edit_put_str(e, e->root, S("state"), S("enabled"));
    }
    edit_put_i64(e, e->root, S("updatedAt"), rq->now_ms);
    edit_put_str(e, e->root, S("updatedBy"), call->client_id);
    edit_remove(e->root, S("version"));
    edit_remove(e->root, S("etag"));
}

/* The object with all that is derived from it, in one step. */
static enum err
save(struct call *call, struct http_req *rq, const struct flow_kind *k, struct edit *e, struct str id, uint64_t version,
     struct diag *d)
{
    struct flow_changes c = {.n = 1};
    const struct json *o = NULL;
    struct str text;
    enum err rc = edit_parse(e, &o, &text, d);

    if (rc != ERR_OK)
        return rc;
    c.items[0] = (struct config_change){str_of(k->kind), call->scope, id, text, version};
    rc = flow_derive(call, rq, k, id, o, &c, d);
    return rc == ERR_OK ? config_apply(call->admin->o.config, c.items, c.n, rq->now_ms, d) : rc;
}

static void
create_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    const struct json *body = NULL;
    struct str id = admin_new_uuid(rq);
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_common(&e, call, rq, id, true);
    if (k == &kinds[3] && json_count(json_get(body, S("transformations"))) == 0) /* a place for PATCH to add to */
        edit_put_raw(&e, e.root, S("transformations"),
                     S("[{\"name\":\"GeneralTransform\",\"params\":{\"profileSelectors\":{\"selectors\":[]},"
                       "\"segmentSelectors\":{\"selectors\":[]}}}]"));
    if (k == &kinds[0] && flow_is_streaming(body))
        flow_put_inlet(&e, call, rq);
    rc = json_str(json_get(body, S("name"))).n > 0
             ? save(call, rq, k, &e, id, 0, &d)
             : diag_set_path(&d, ERR_INVALID, "name", "member 'name' is missing: expected a text");
    if (rc == ERR_OK)
        answer(call, rq, rs, k, id, 201);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

/* 412 unless If-Match is the object's version [PLATFORM 7.2]. */
static bool
match_version(struct http_req *rq, struct http_res *rs, uint64_t version, struct str id)
{
    struct str given = http_header(rq, S("If-Match")), want = etag(rq, version);
    struct diag d = DIAG_INIT;

    if (str_eq(given, want) || str_eq(given, str_slice(want, 1, want.n - 1)))
        return true;
    (void)diag_set(&d, ERR_INVALID, "Supplied version=[%.*s] does not match the current version on entity=[%.*s]",
                   STR_ARG(given), STR_ARG(id));
    admin_fail(rq, rs, STYLE, 412, ERR_INVALID, &d);
    return false;
}

static void
one_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    struct str id = route_param(params, S("id"));
    const struct json *old = snapshot_object(call->snap, str_of(k->kind), call->scope, id), *body = NULL;
    uint64_t version = snapshot_object_version(call->snap, str_of(k->kind), call->scope, id);
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    if (old == NULL) {
        not_found(rq, rs, k, id);
        return;
    }
    if (!match_version(rq, rs, version, id) || !admin_body(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, old);
    rc = edit_patch(&e, body, &d);
    put_common(&e, call, rq, id, false);
    if (rc == ERR_OK)
        rc = save(call, rq, k, &e, id, version, &d);
    if (rc == ERR_OK)
        answer(call, rq, rs, k, id, 200);
    else
        admin_fail(rq, rs, STYLE, rc == ERR_EXISTS && d.path[0] == '@' ? 412 : 0, rc, &d);
}

static void
action_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    struct str id = route_param(params, S("id")), op = http_query(rq, S("op"));
    const struct json *old = snapshot_object(call->snap, str_of(k->kind), call->scope, id);
    bool enable = str_eq(op, S("enable"));
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    if (old == NULL) {
        not_found(rq, rs, k, id);
        return;
    }
    if (!enable && !str_eq(op, S("disable"))) {
        (void)diag_set_path(&d, ERR_INVALID, "op", "op must be enable or disable, got '%.*s'", STR_ARG(op));
        admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
        return;
    }
    e = edit_of(rq->arena, old);
    put_common(&e, call, rq, id, false);
    edit_put_str(&e, e.root, S("state"), enable ? S("enabled") : S("disabled"));
    rc = save(call, rq, k, &e, id, snapshot_object_version(call->snap, str_of(k->kind), call->scope, id), &d);
    if (rc == ERR_OK)
        answer(call, rq, rs, k, id, 200);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void
one_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct flow_kind *k = kind_of(rq);
    struct str id = route_param(params, S("id"));
    struct flow_changes c = {.n = 1};
    struct diag d = DIAG_INIT;
    bool destination;
    enum err rc;

    if (snapshot_object(call->snap, str_of(k->kind), call->scope, id) == NULL) {
        not_found(rq, rs, k, id);
        return;
    }
    c.items[0] = (struct config_change){str_of(k->kind), call->scope, id, S_NULL, CONFIG_ANY_VERSION};
    destination = flow_derive_delete(call, k, id, &c);
    rc = config_apply(call->admin->o.config, c.items, c.n, rq->now_ms, &d);
    if (rc == ERR_OK)
        admin_empty(rs, destination ? 202 : 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

#define BASE "/data/foundation/flowservice"
#define KIND(path)                                                                                                     \
    {HTTP_GET, BASE path, 0, list_get}, {HTTP_POST, BASE path, LIMIT_ADMIN_BODY_BYTES, create_post},                   \
        {HTTP_GET, BASE path "/{id}", 0, one_get}, {HTTP_PATCH, BASE path "/{id}", LIMIT_ADMIN_BODY_BYTES, one_patch}, \
    {                                                                                                                  \
        HTTP_DELETE, BASE path "/{id}", 0, one_delete                                                                  \
    }

static const struct route routes[] = {
    {HTTP_GET, BASE "/connectionSpecs", 0, flow_specs_get},
    {HTTP_GET, BASE "/connectionSpecs/{id}", 0, flow_spec_get},
    KIND("/connections"),
    KIND("/sourceConnections"),
    KIND("/targetConnections"),
    KIND("/flows"),
    {HTTP_POST, BASE "/flows/{id}/action", 0, action_post},
};
const struct family family_flow = {routes, sizeof routes / sizeof *routes, STYLE, false};
