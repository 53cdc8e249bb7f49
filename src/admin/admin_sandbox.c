/* admin_sandbox.c - sandboxes of the caller's organisation [PLATFORM 1.6].
 *
 * A sandbox is a name: it is there as soon as it is saved, so the answer says "creating" as documented and every later
 * look says "active". Deleting one asks whether anything lives in it.
 *
 * `segmentation` is ours: realtime, or strict for a sandbox that behaves by the documented evaluation methods
 * [SEGMENTATION 14.4]. OURS */
#include "admin/admin_int.h"
#include "base/limits.h"

#define STYLE ERRORS_PROBLEM

struct listing {
    struct http_req *rq;
    struct jw w;
    size_t n;
};

/* "2024-09-04 10:00:00" */
static struct str
local_time(struct http_req *rq, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    text[10] = ' ';
    return arena_str(rq->arena, (struct str){text, 19});
}

static void
write_sandbox(struct http_req *rq, struct jw *w, struct str name, const struct json *o, const char *state)
{
    struct str type = json_str(json_get(o, S("type"))), title = json_str(json_get(o, S("title")));
    struct str created = json_str(json_get(o, S("createdDate"))), id = json_str(json_get(o, S("id")));
    struct str segmentation = json_str(json_get(o, S("segmentation")));

    jw_object(w);
    jw_kstr(w, S("id"), id.n > 0 ? id : name);
    jw_kstr(w, S("name"), name);
    jw_kstr(w, S("title"), title.n > 0 ? title : name);
    jw_kstr(w, S("state"), str_of(state));
    jw_kstr(w, S("type"), type);
    jw_kstr(w, S("segmentation"), segmentation.n > 0 ? segmentation : S("realtime"));
    jw_kstr(w, S("region"), S("VA7"));
    jw_kbool(w, S("isDefault"), str_eq(name, S("prod")));
    jw_ki64(w, S("eTag"), 1);
    jw_kstr(w, S("createdDate"), created.n > 0 ? created : local_time(rq, 0));
    jw_kstr(w, S("lastModifiedDate"), created.n > 0 ? created : local_time(rq, 0));
    jw_kstr(w, S("createdBy"), S("edgewise"));
    jw_kstr(w, S("modifiedBy"), S("edgewise"));
    jw_end(w);
}

static void
list_one(void *ctx, struct str id, const struct json *object)
{
    struct listing *l = ctx;

    write_sandbox(l->rq, &l->w, id, object, "active");
    l->n++;
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct listing l = {rq, admin_json(rs, 200), 0};

    (void)params;
    jw_object(&l.w);
    jw_key(&l.w, S("sandboxes"));
    jw_array(&l.w);
    snapshot_each(call->snap, S("sandbox"), call->org, list_one, &l);
    jw_end(&l.w);
    jw_kraw(&l.w, S("_page"), arena_printf(rq->arena, "{\"limit\":%zu,\"count\":%zu}", l.n > 50 ? l.n : 50, l.n));
    jw_kraw(&l.w, S("_links"),
            S("{\"page\":{\"href\":\"/sandboxes?limit={limit}&offset={offset}\",\"templated\":true}}"));
    jw_end(&l.w);
}

static void
types_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    (void)params;
    admin_text(rs, 200, S("{\"sandboxTypes\":[\"production\",\"development\"]}"));
}

/* version: of the object that it replaces; 0: it must be new. */
static enum err
save(struct call *call, struct http_req *rq, struct str name, struct str json, uint64_t version, struct diag *d)
{
    struct config_change change = {S("sandbox"), call->org, name, json, version};
    enum err rc = config_apply(call->admin->o.config, &change, 1, rq->now_ms, d);

    if (rc == ERR_EXISTS && version == 0)
        (void)diag_set_path(d, rc, "name", "a sandbox named '%.*s' exists", STR_ARG(name));
    return rc;
}

static void
create_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *saved = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    struct str name, text;
    struct jw w;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    name = json_str(json_get(body, S("name")));
    e = edit_of(rq->arena, NULL);
    edit_put_str(&e, e.root, S("id"), admin_new_uuid(rq));
    edit_put_str(&e, e.root, S("name"), name);
    edit_put_str(&e, e.root, S("title"), json_str(json_get(body, S("title"))));
    edit_put_json(&e, e.root, S("type"), json_get(body, S("type")));
    if (json_get(body, S("segmentation")) != NULL)
        edit_put_json(&e, e.root, S("segmentation"), json_get(body, S("segmentation")));
    edit_put_str(&e, e.root, S("createdDate"), local_time(rq, rq->now_ms));
    rc = name.n > 0 ? edit_parse(&e, &saved, &text, &d)
                    : diag_set_path(&d, ERR_INVALID, "name", "member 'name' is missing: expected a text");
    if (rc == ERR_OK)
        rc = save(call, rq, name, text, 0, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 202);
    write_sandbox(rq, &w, name, saved, "creating");
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str name = route_param(params, S("name"));
    const struct json *o = snapshot_object(call->snap, S("sandbox"), call->org, name);
    struct jw w;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, "sandbox", name);
        return;
    }
    w = admin_json(rs, 200);
    write_sandbox(rq, &w, name, o, "active");
}

static void
one_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    static const char *const members[] = {"title", "segmentation"};
    struct call *call = ctx;
    struct str name = route_param(params, S("name")), text;
    const struct json *o = snapshot_object(call->snap, S("sandbox"), call->org, name), *body = NULL, *saved = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    struct jw w;
    enum err rc;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, "sandbox", name);
        return;
    }
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, o);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (json_get(body, str_of(members[i])) != NULL)
            edit_put_json(&e, e.root, str_of(members[i]), json_get(body, str_of(members[i])));
    }
    rc = edit_parse(&e, &saved, &text, &d);
    if (rc == ERR_OK)
        rc = save(call, rq, name, text, snapshot_object_version(call->snap, S("sandbox"), call->org, name), &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    write_sandbox(rq, &w, name, saved, "active");
}

static void
one_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str name = route_param(params, S("name"));
    const struct json *o = snapshot_object(call->snap, S("sandbox"), call->org, name);
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    if (o == NULL) {
        admin_not_found(rq, rs, STYLE, "sandbox", name);
        return;
    }
    if (str_eq(name, S("prod")))
        rc = diag_set(&d, ERR_INVALID, "the default sandbox cannot be deleted");
    else
        rc = config_delete(call->admin->o.config, S("sandbox"), call->org, name, rq->now_ms, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 202);
    write_sandbox(rq, &w, name, o, "deleted");
}

#define BASE "/data/foundation/sandbox-management"

static const struct route routes[] = {
    {HTTP_GET, BASE, 0, list_get},
    {HTTP_GET, BASE "/sandboxes", 0, list_get},
    {HTTP_POST, BASE "/sandboxes", LIMIT_ADMIN_BODY_BYTES, create_post},
    {HTTP_GET, BASE "/sandboxTypes", 0, types_get},
    {HTTP_GET, BASE "/sandboxes/{name}", 0, one_get},
    {HTTP_PATCH, BASE "/sandboxes/{name}", LIMIT_ADMIN_BODY_BYTES, one_patch},
    {HTTP_DELETE, BASE "/sandboxes/{name}", 0, one_delete},
};
const struct family family_sandbox = {routes, sizeof routes / sizeof *routes, STYLE, false};
