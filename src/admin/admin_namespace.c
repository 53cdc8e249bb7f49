/* admin_namespace.c - identity namespaces [PLATFORM 4.1]: the standard ones and the sandbox's own. No deletion. */
#include "admin/admin_int.h"
#include "base/limits.h"
#include "config/namespaces.h"

static void
write_standard(struct jw *w, const struct namespace_standard *n)
{
    jw_object(w);
    jw_ki64(w, S("id"), n->id);
    jw_kstr(w, S("code"), str_of(n->code));
    jw_kstr(w, S("name"), str_of(n->name));
    jw_kstr(w, S("description"), S(""));
    jw_kstr(w, S("idType"), str_of(n->id_type));
    jw_kbool(w, S("custom"), false);
    jw_kstr(w, S("status"), S("ACTIVE"));
    jw_ki64(w, S("createTime"), 0);
    jw_ki64(w, S("updateTime"), 0);
    jw_end(w);
}

static void
list_one(void *ctx, struct str id, const struct json *object)
{
    (void)id;
    jw_json(ctx, object);
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct jw w = admin_json(rs, 200);

    (void)rq;
    (void)params;
    jw_array(&w);
    for (size_t i = 0; i < namespaces_standard_count; i++)
        write_standard(&w, &namespaces_standard[i]);
    snapshot_each(call->snap, S("namespace"), call->scope, list_one, &w);
    jw_end(&w);
}

struct id_search {
    int64_t id, highest;
    const struct json *found;
};

static void
match_id(void *ctx, struct str id, const struct json *object)
{
    struct id_search *search = ctx;
    int64_t n = json_i64(json_get(object, S("id")), -1);

    (void)id;
    if (n > search->highest)
        search->highest = n;
    if (n == search->id)
        search->found = object;
}

static struct id_search
find(struct call *call, int64_t id)
{
    struct id_search search = {id, NAMESPACE_CUSTOM_ID_MIN - 1, NULL};

    snapshot_each(call->snap, S("namespace"), call->scope, match_id, &search);
    return search;
}

static const struct namespace_standard *
find_standard(int64_t id)
{
    for (size_t i = 0; i < namespaces_standard_count; i++) {
        if (namespaces_standard[i].id == id)
            return &namespaces_standard[i];
    }
    return NULL;
}

/* {"timestamp","type","status","title","description","report":{"code"}} */
static void
fail(struct http_req *rq, struct http_res *rs, enum err rc, const struct diag *d)
{
    int status = rc == ERR_LIMIT ? 400 : http_status_of(rc);
    struct jw w = admin_json(rs, status);

    jw_object(&w);
    jw_ktime(&w, S("timestamp"), rq->now_ms);
    jw_kstr(&w, S("type"), S("http://ns.adobe.com/adobecloud/problem/namespacevalidation"));
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("title"),
            status == 409   ? S("NAMESPACE_CODE_CONFLICT")
            : status == 404 ? S("NAMESPACE_NOT_FOUND")
                            : S("NAMESPACE_VALIDATION_FAILED"));
    jw_kstr(&w, S("description"), str_of(d->what));
    jw_key(&w, S("report"));
    jw_object(&w);
    jw_kstr(&w, S("code"),
            status == 409   ? S("INTEGRATION_CODE_EXISTS")
            : status == 404 ? S("INTEGRATION_NOT_FOUND")
                            : S("INVALID_REQUEST_PARAMS"));
    jw_end(&w);
    jw_end(&w);
}

/* COOKIE, CROSS_DEVICE: stored in capitals. */
static struct str
upper(struct http_req *rq, struct str s)
{
    struct str copy = arena_str(rq->arena, s);

    for (size_t i = 0; i < copy.n; i++) {
        char *c = (char *)(uintptr_t)copy.p + i;
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 32);
    }
    return copy;
}

static void
save(struct call *call, struct http_req *rq, struct http_res *rs, struct edit *e, struct str code, uint64_t version)
{
    struct str type = edit_str(edit_get(e->root, S("idType"))), text;
    struct diag d = DIAG_INIT;
    enum err rc;

    if (type.n > 0)
        edit_put_str(e, e->root, S("idType"), upper(rq, type));
    edit_put_i64(e, e->root, S("updateTime"), rq->now_ms);
    text = edit_text(e);
    rc = e->nomem      ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
         : code.n == 0 ? diag_set_path(&d, ERR_INVALID, "code", "member 'code' is missing: expected a text")
                       : admin_save(call, rq, "namespace", code, text, version, &d);
    if (rc == ERR_OK)
        admin_text(rs, 200, text);
    else
        fail(rq, rs, rc, &d);
}

static void
create_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL;
    struct edit e;

    (void)params;
    if (!admin_body_object(rq, rs, ERRORS_PROBLEM, &body))
        return;
    e = edit_of(rq->arena, NULL);
    edit_put_i64(&e, e.root, S("id"), find(call, -1).highest + 1);
    edit_merge(&e, body);
    edit_put_i64(&e, e.root, S("id"), find(call, -1).highest + 1); /* not the client's to choose */
    edit_default_raw(&e, e.root, S("description"), S("\"\""));
    edit_put_bool(&e, e.root, S("custom"), true);
    edit_put_str(&e, e.root, S("status"), S("ACTIVE"));
    edit_put_i64(&e, e.root, S("createTime"), rq->now_ms);
    save(call, rq, rs, &e, json_str(json_get(body, S("code"))), 0);
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str text = route_param(params, S("id"));
    int64_t id = -1;
    const struct namespace_standard *standard;
    const struct json *own;
    struct diag d = DIAG_INIT;
    struct jw w;

    (void)str_to_i64(text, &id);
    standard = find_standard(id);
    own = find(call, id).found;
    if (standard == NULL && own == NULL) {
        fail(rq, rs, diag_set(&d, ERR_NOT_FOUND, "namespace '%.*s' not found", STR_ARG(text)), &d);
        return;
    }
    w = admin_json(rs, 200);
    if (own != NULL)
        jw_json(&w, own);
    else
        write_standard(&w, standard);
}

static void
one_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *own;
    struct str text = route_param(params, S("id")), code;
    int64_t id = -1;
    struct diag d = DIAG_INIT;
    struct edit e;

    (void)str_to_i64(text, &id);
    own = find(call, id).found;
    if (own == NULL) {
        fail(rq, rs,
             find_standard(id) ? diag_set(&d, ERR_INVALID, "a standard namespace cannot be changed")
                               : diag_set(&d, ERR_NOT_FOUND, "namespace '%.*s' not found", STR_ARG(text)),
             &d);
        return;
    }
    if (!admin_body_object(rq, rs, ERRORS_PROBLEM, &body))
        return;
    code = json_str(json_get(own, S("code")));
    e = edit_of(rq->arena, own);
    edit_merge(&e, body);
    edit_put_i64(&e, e.root, S("id"), id);
    edit_put_str(&e, e.root, S("code"), code); /* identities name it: it stays */
    edit_put_json(&e, e.root, S("custom"), json_get(own, S("custom")));
    edit_put_json(&e, e.root, S("createTime"), json_get(own, S("createTime")));
    save(call, rq, rs, &e, code, snapshot_object_version(call->snap, S("namespace"), call->scope, code));
}

#define BASE "/data/core/idnamespace/identities"

static const struct route routes[] = {
    {HTTP_GET, BASE, 0, list_get},
    {HTTP_POST, BASE, LIMIT_ADMIN_BODY_BYTES, create_post},
    {HTTP_GET, BASE "/{id}", 0, one_get},
    {HTTP_PUT, BASE "/{id}", LIMIT_ADMIN_BODY_BYTES, one_put},
};
const struct family family_namespace = {routes, sizeof routes / sizeof *routes, ERRORS_PROBLEM, false};
