/* admin_activity.c - activities of the Target admin API [TARGET 6.2, 6.3].
 *
 * Stored in the shape of version 3; admin_activity_older.c translates older ones. decide/ checks the rest when it is
 * saved. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET
#define VERSIONS 3

/* ---- lists and short forms ---- */

static void
write_if_there(struct jw *w, const struct json *o, const char *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct json *v = json_get(o, str_of(members[i]));
        if (v != NULL)
            jw_kjson(w, str_of(members[i]), v);
    }
}

static void
write_row(struct jw *w, const struct json *o)
{
    static const char *const members[] = {
        "id",       "thirdPartyId",    "name",      "type",        "state",      "startsAt",  "endsAt",
        "priority", "reportingSource", "workspace", "propertyIds", "modifiedAt", "createdAt", "modifiedByName"};

    jw_object(w);
    write_if_there(w, o, members, sizeof members / sizeof *members);
    jw_key(w, S("lifetime"));
    jw_object(w);
    jw_kjson(w, S("start"), json_get(o, S("startsAt")));
    jw_kjson(w, S("end"), json_get(o, S("endsAt")));
    jw_end(w);
    jw_end(w);
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, VERSIONS, &version))
        target_list(ctx, rq, rs, version, "activity", "activities", write_row);
}

/* ---- making and changing ---- */

/* The type that the path names [TARGET 6.2]; empty in the short forms without it. */
static struct str
type_of_path(const struct http_req *rq)
{
    static const char *const types[][2] = {
        {"ab", "ab"}, {"xt", "xt"}, {"autoallocate", "auto_allocate"}, {"abt", "abt"}, {"mvt", "mvt"}};
    struct str before = S("/target/activities/"), rest, segment = S_NULL;
    ptrdiff_t at = str_find(rq->path, before);

    if (at < 0)
        return S_NULL;
    rest = str_slice(rq->path, (size_t)at + before.n, rq->path.n);
    (void)str_split(&rest, '/', &segment);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq(segment, str_of(types[i][0])))
            return str_of(types[i][1]);
    }
    return S_NULL;
}

/* The activity; one of the other type is not at this path. */
static const struct json *
find(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("id")), type = type_of_path(rq);
    const struct json *o = snapshot_object(call->snap, S("activity"), call->scope, id);

    if (o != NULL && (type.n == 0 || str_eq(json_str(json_get(o, S("type"))), type)))
        return o;
    admin_not_found(rq, rs, STYLE, "activity", id);
    return NULL;
}

static bool
is_deleted(const struct json *o)
{
    return str_eq(json_str(json_get(o, S("state"))), S("deleted"));
}

/* The same for what changes it: what is deleted stays to be read, for reports and the past. */
static const struct json *
find_living(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o = find(call, rq, params, rs);
    struct diag d = DIAG_INIT;

    if (o == NULL || !is_deleted(o))
        return o;
    admin_fail(rq, rs, STYLE, 0,
               diag_set(&d, ERR_INVALID, "activity '%.*s' is deleted: it can be read, not changed",
                        STR_ARG(route_param(params, S("id")))),
               &d);
    return NULL;
}

/* A document that says it is deleted would not be checked when it is saved. False: 400 is written. */
static bool
check_living(struct http_req *rq, struct http_res *rs, const struct edit *e)
{
    struct diag d = DIAG_INIT;

    if (!str_eq(edit_str(edit_get(e->root, S("state"))), S("deleted")))
        return true;
    admin_fail(rq, rs, STYLE, 0,
               diag_set_path(&d, ERR_INVALID, "state", "state must be saved, approved or deactivated: DELETE deletes"),
               &d);
    return false;
}

/* Members of the server's; old is NULL for a new one. approvedAt orders activities of one priority [TARGET 2.2]. */
static void
put_server_members(struct edit *e, struct call *call, struct http_req *rq, const struct json *old)
{
    bool approved = str_eq(edit_str(edit_get(e->root, S("state"))), S("approved"));
    bool was = str_eq(json_str(json_get(old, S("state"))), S("approved"));

    edit_default_raw(e, e->root, S("state"), S("\"saved\""));
    edit_default_raw(e, e->root, S("priority"), S("0"));
    edit_default_raw(e, e->root, S("workspace"), S("\"\""));
    edit_default_raw(e, e->root, S("propertyIds"), S("[]"));
    edit_default_raw(e, e->root, S("reportingSource"), S("\"target\""));
    edit_put_time(e, e->root, S("modifiedAt"), rq->now_ms);
    edit_put_str(e, e->root, S("modifiedByName"), call->client_id);
    if (old == NULL) {
        edit_put_time(e, e->root, S("createdAt"), rq->now_ms);
    } else {
        edit_put_json(e, e->root, S("id"), json_get(old, S("id")));
        edit_put_json(e, e->root, S("type"), json_get(old, S("type")));
        edit_put_json(e, e->root, S("createdAt"), json_get(old, S("createdAt")));
        if (json_get(old, S("approvedAt")) != NULL)
            edit_put_json(e, e->root, S("approvedAt"), json_get(old, S("approvedAt")));
    }
    if (approved && !was)
        edit_put_time(e, e->root, S("approvedAt"), rq->now_ms);
}

static void
create_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *saved = NULL;
    struct diag d = DIAG_INIT;
    struct str text;
    struct edit e;
    struct jw w;
    int64_t id;
    int version;
    enum err rc;

    (void)params;
    if (!target_media(rq, rs, VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    activity_translate(&e, rq, body);
    edit_put_str(&e, e.root, S("type"), type_of_path(rq));
    if (!check_living(rq, rs, &e))
        return;
    put_server_members(&e, call, rq, NULL);
    rc = admin_create_numbered(call, rq, "activity", &e, &id, &text, &d);
    if (rc == ERR_OK)
        rc = json_parse(text, rq->arena, &saved, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = target_json(rs, 201, version);
    activity_write(&w, saved, version);
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    struct jw w;
    int version;

    if (!target_media(rq, rs, VERSIONS, &version))
        return;
    o = find(ctx, rq, params, rs);
    if (o == NULL)
        return;
    w = target_json(rs, 200, version);
    activity_write(&w, o, version);
}

/* Saves a changed document; *saved is what was saved. False: the failure is written. */
static bool
save(struct call *call, struct http_req *rq, struct http_res *rs, struct str id, struct edit *e,
     const struct json **saved)
{
    uint64_t at = snapshot_object_version(call->snap, S("activity"), call->scope, id);
    struct diag d = DIAG_INIT;
    struct str text;
    enum err rc = edit_parse(e, saved, &text, &d);

    if (rc == ERR_OK)
        rc = admin_save(call, rq, "activity", id, text, at, &d);
    if (rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    return rc == ERR_OK;
}

static void
one_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *old, *saved = NULL;
    struct edit e;
    struct jw w;
    int version;

    if (!target_media(rq, rs, VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    old = find_living(call, rq, params, rs);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, body);
    activity_translate(&e, rq, body);
    if (!check_living(rq, rs, &e))
        return;
    put_server_members(&e, call, rq, old);
    if (!save(call, rq, rs, route_param(params, S("id")), &e, &saved))
        return;
    w = target_json(rs, 200, version);
    activity_write(&w, saved, version);
}

/* PUT .../{id}/state and its kin: one or two members, the short form back. */
static void
put_members(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs,
            const char *const *members, size_t n)
{
    static const char *const shown[] = {"id",     "thirdPartyId", "name",       "state",    "startsAt",
                                        "endsAt", "priority",     "modifiedAt", "createdAt"};
    const struct json *body = NULL, *old, *saved = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    struct jw w;
    int version;
    size_t found = 0;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    old = find_living(call, rq, params, rs);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, old);
    for (size_t i = 0; i < n; i++) {
        const struct json *v = json_get(body, str_of(members[i]));
        found += v != NULL;
        if (json_is(v, JSON_NULL))
            edit_remove(e.root, str_of(members[i]));
        else if (v != NULL)
            edit_put_json(&e, e.root, str_of(members[i]), v);
    }
    if (found == 0) {
        (void)diag_set_path(&d, ERR_INVALID, members[0], "the body must have member '%s'", members[0]);
        admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
        return;
    }
    if (!check_living(rq, rs, &e))
        return;
    put_server_members(&e, call, rq, old);
    if (!save(call, rq, rs, route_param(params, S("id")), &e, &saved))
        return;
    w = target_json(rs, 200, version);
    jw_object(&w);
    write_if_there(&w, saved, shown, sizeof shown / sizeof *shown);
    jw_end(&w);
}

static void
state_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    put_members(ctx, rq, params, rs, (const char *const[]){"state"}, 1);
}

static void
schedule_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    put_members(ctx, rq, params, rs, (const char *const[]){"startsAt", "endsAt"}, 2);
}

static void
priority_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    put_members(ctx, rq, params, rs, (const char *const[]){"priority"}, 1);
}

static void
name_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    put_members(ctx, rq, params, rs, (const char *const[]){"name"}, 1);
}

/* It stays as "deleted", with a third-party id that is free again; deleting it once more changes nothing.
 * ?permanently=true (OURS): it goes, and its report with its name. */
static void
one_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id")), third_party;
    bool permanently = str_eq(http_query(rq, S("permanently")), S("true"));
    const struct json *o, *gone = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    struct jw w;
    int version;
    enum err rc;

    if (!target_media(rq, rs, VERSIONS, &version))
        return;
    o = find(call, rq, params, rs);
    if (o == NULL)
        return;
    gone = o;
    if (!is_deleted(o)) {
        e = edit_of(rq->arena, o);
        third_party = json_str(json_get(o, S("thirdPartyId")));
        edit_put_str(&e, e.root, S("state"), S("deleted"));
        if (third_party.n > 0)
            edit_put_str(&e, e.root, S("thirdPartyId"),
                         arena_printf(rq->arena, "%.*s_%lld", STR_ARG(third_party), (long long)rq->now_ms));
        put_server_members(&e, call, rq, o);
        if (!save(call, rq, rs, id, &e, &gone))
            return;
    }
    rc = ERR_OK;
    if (permanently)
        rc = config_delete(call->admin->o.config, S("activity"), call->scope, id, rq->now_ms, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = target_json(rs, 200, version);
    activity_write(&w, gone, version);
}

/* GET .../{id}/qa (OURS; the vendor makes links in its pages only): the token that a link to this activity carries, and
 * what at.js and the SDKs send with it [TARGET 1.6]. ?listedActivitiesOnly=true: nothing else is served with it. */
static void
qa_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct scope_view *view = snapshot_scope(call->snap, call->scope);
    bool only = str_eq(http_query(rq, S("listedActivitiesOnly")), S("true"));
    struct str id = route_param(params, S("id"));
    struct buf token;
    struct jw w;
    int version;

    if (!target_media(rq, rs, 1, &version) || find_living(call, rq, params, rs) == NULL)
        return;
    buf_init_in(&token, rq->arena, 1024);
    decide_qa_token_write(&token, view->token_key, &id, 1, only);
    w = target_json(rs, 200, version);
    jw_object(&w);
    jw_key(&w, S("qaMode"));
    jw_object(&w);
    jw_kstr(&w, S("token"), buf_str(&token));
    jw_kbool(&w, S("listedActivitiesOnly"), only);
    jw_end(&w);
    jw_kstr(&w, S("query"),
            arena_printf(rq->arena, "at_preview_token=%.*s&at_preview_listed_activities_only=%s",
                         STR_ARG(buf_str(&token)), only ? "true" : "false"));
    jw_end(&w);
}

#define BASE "/{tenant}/target/activities"
#define SHORT(path)                                                                                                    \
    {HTTP_PUT, BASE path "/{id}/state", LIMIT_ADMIN_BODY_BYTES, state_put},                                            \
        {HTTP_PUT, BASE path "/{id}/schedule", LIMIT_ADMIN_BODY_BYTES, schedule_put},                                  \
        {HTTP_PUT, BASE path "/{id}/priority", LIMIT_ADMIN_BODY_BYTES, priority_put},                                  \
    {                                                                                                                  \
        HTTP_PUT, BASE path "/{id}/name", LIMIT_ADMIN_BODY_BYTES, name_put                                             \
    }
#define TYPE(path)                                                                                                     \
    {HTTP_POST, BASE path, LIMIT_ADMIN_BODY_BYTES, create_post}, {HTTP_GET, BASE path "/{id}", 0, one_get},            \
        {HTTP_PUT, BASE path "/{id}", LIMIT_ADMIN_BODY_BYTES, one_put},                                                \
        {HTTP_DELETE, BASE path "/{id}", 0, one_delete}, SHORT(path)

static const struct route routes[] = {
    {HTTP_GET, BASE, 0, list_get},
    {HTTP_GET, BASE "/{id}/qa", 0, qa_get},
    SHORT(""),
    TYPE("/ab"),
    TYPE("/xt"),
    TYPE("/autoallocate"),
    TYPE("/abt"),
    TYPE("/mvt"),
};
const struct family family_activity = {routes, sizeof routes / sizeof *routes, STYLE, false};
