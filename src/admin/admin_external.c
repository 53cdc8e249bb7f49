/* admin_external.c - external audiences: made, changed, filled, deleted [SEGMENTATION 17.10].
 *
 * The audience is made before `submit` answers, so its task has ended when anybody asks for it. Its files are in
 * admin_external_file.c, its runs in admin_external_run.c. Everything that an audience can do, this one can do under
 * its id in the other families too. */
#include "admin/admin_external.h"
#include "admin/admin_segment.h"

#define STYLE ERRORS_UPAPI
#define AIS "/data/core/ais"
#define ONE AIS "/external-audience/{id}"

/* ---- the audience ---- */

const struct json *
external_find(struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    const struct json *o = snapshot_object(call->snap, S("audience"), call->scope, id);

    if (o == NULL || !audience_is_external(o)) {
        admin_not_found(rq, rs, STYLE, "external audience", id);
        return NULL;
    }
    return o;
}

static void
write_audience(struct jw *w, const struct json *o)
{
    static const char *const members[] = {"audienceId", "description",  "fields",          "sourceSpec",
                                          "ttlInDays",  "audienceType", "namespace",       "originName",
                                          "labels",     "tags",         "profileIngestion"};

    jw_object(w);
    jw_kjson(w, S("audienceName"), json_get(o, S("name")));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *v = json_get(o, str_of(members[i]));
        if (v != NULL)
            jw_kjson(w, str_of(members[i]), v);
    }
    if (json_i64(json_path(o, S("audienceMeta.validUntil")), 0) != 0)
        jw_ktime(w, S("validUntil"), json_i64(json_path(o, S("audienceMeta.validUntil")), 0));
    jw_kjson(w, S("createdBy"), json_get(o, S("createdBy")));
    jw_kjson(w, S("createdAt"), json_get(o, S("createEpoch")));
    jw_kjson(w, S("updatedBy"), json_get(o, S("lastModifiedBy")));
    jw_kjson(w, S("updatedAt"), json_get(o, S("updateEpoch")));
    jw_end(w);
}

/* ---- submit ---- */

static enum err
must_be(const struct json *body, const char *member, const char *only, struct diag *d)
{
    const struct json *v = json_get(body, str_of(member));

    return v == NULL || str_eq(json_str(v), str_of(only))
               ? ERR_OK
               : diag_set_path(d, ERR_INVALID, member, "%s must be %s", member, only);
}

static enum err
want_member(const struct json *body, const char *member, struct diag *d)
{
    const struct json *v = json_get(body, str_of(member));

    return v != NULL && !json_is(v, JSON_NULL) ? ERR_OK
                                               : diag_set_path(d, ERR_INVALID, member, "%s is required", member);
}

static enum err
check_submit(const struct json *body, struct diag *d)
{
    static const char *const required[] = {"name", "fields", "sourceSpec"};
    enum err rc = must_be(body, "audienceType", "people", d);

    for (size_t i = 0; rc == ERR_OK && i < sizeof required / sizeof *required; i++)
        rc = want_member(body, required[i], d);
    if (rc == ERR_OK)
        rc = must_be(body, "originName", "CUSTOM_UPLOAD", d);
    if (rc == ERR_OK)
        rc = must_be(body, "namespace", "CustomerAudienceUpload", d);
    if (rc == ERR_OK && json_get(body, S("profileIngestion")) != NULL &&
        !json_is(json_get(body, S("profileIngestion")), JSON_BOOL))
        rc = diag_set_path(d, ERR_INVALID, "profileIngestion", "profileIngestion must be true or false");
    return rc;
}

/* The client's, or one that suits. */
static struct str
id_for(const struct json *body, struct http_req *rq)
{
    struct str id = json_str(json_get(body, S("audienceId")));

    if (id.n == 0)
        id = json_str(json_get(body, S("customAudienceId")));
    return id.n > 0 ? id : arena_printf(rq->arena, "_%.*s", STR_ARG(admin_new_id(rq)));
}

static enum err
submit(struct call *call, struct http_req *rq, const struct json *body, struct str task, struct diag *d)
{
    struct str id = id_for(body, rq), text = S_NULL;
    struct edit e = edit_of(rq->arena, body);
    const struct json *asked = NULL, *o;
    enum err rc;

    edit_remove(e.root, S("customAudienceId"));
    edit_put_str(&e, e.root, S("audienceId"), id);
    edit_put_str(&e, e.root, S("type"), S("ExternalSegment"));
    edit_put_str(&e, e.root, S("taskId"), task);
    edit_put_str(&e, e.root, S("lifecycleState"), S("published"));
    edit_default_raw(&e, e.root, S("audienceType"), S("\"people\""));
    edit_default_raw(&e, e.root, S("originName"), S("\"CUSTOM_UPLOAD\""));
    edit_default_raw(&e, e.root, S("namespace"), S("\"CustomerAudienceUpload\""));
    edit_default_raw(&e, e.root, S("profileIngestion"), S("true"));
    edit_default_raw(&e, e.root, S("tags"), S("[]"));
    rc = edit_parse(&e, &asked, &text, d);
    if (rc == ERR_OK)
        rc = segment_new_doc(call, rq, asked, id, false, &e, d);
    if (rc == ERR_OK)
        rc = edit_parse(&e, &o, &text, d);
    return rc == ERR_OK ? admin_save(call, rq, "audience", id, text, 0, d) : rc;
}

static void
submit_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct str task = admin_new_uuid(rq);
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    rc = check_submit(body, &d);
    if (rc == ERR_OK)
        rc = submit(ctx, rq, body, task, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 202);
    jw_object(&w);
    jw_kstr(&w, S("taskId"), task);
    jw_end(&w);
}

struct task_search {
    struct str task, audience;
};

static void
match_task(void *ctx, struct str id, const struct json *object)
{
    struct task_search *search = ctx;

    if (str_eq(json_str(json_get(object, S("taskId"))), search->task))
        search->audience = id;
}

static void
task_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct task_search search = {.task = route_param(params, S("taskId"))};
    struct jw w;

    snapshot_each(call->snap, S("audience"), call->scope, match_task, &search);
    if (search.audience.n == 0) {
        admin_not_found(rq, rs, STYLE, "task", search.task);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("taskId"), search.task);
    jw_kstr(&w, S("status"), S("SUCCESS"));
    jw_kstr(&w, S("audienceId"), search.audience);
    jw_end(&w);
}

/* ---- patch ---- */

/* The end of all memberships is moved while it is near and still to come [SEGMENTATION 16.3]. Days out of their range
 * are refused when the audience is saved. */
static enum err
put_lifetime(struct edit *e, const struct json *old, const struct json *days, int64_t now_ms, struct diag *d)
{
    int64_t until_ms = json_i64(json_path(old, S("audienceMeta.validUntil")), 0);
    char text[ISO8601_BYTES];

    if (until_ms != 0)
        iso8601_format(until_ms, text);
    if (until_ms != 0 && until_ms <= now_ms)
        return diag_set_path(d, ERR_INVALID, "ttlInDays", "the memberships ended at %.*s: only a run makes new ones",
                             ISO8601_BYTES, text);
    if (until_ms != 0 && until_ms - now_ms >= LIMIT_EXTERNAL_REFRESH_MS)
        return diag_set_path(d, ERR_INVALID, "ttlInDays",
                             "the memberships last until %.*s: their end can be moved when less than 7 days are left",
                             ISO8601_BYTES, text);
    edit_put_json(e, e->root, S("ttlInDays"), days);
    if (until_ms != 0)
        edit_put_i64(e, edit_object(e, e->root, S("audienceMeta")), S("validUntil"),
                     now_ms + json_i64(days, 0) % (LIMIT_EXTERNAL_DAYS + 1) * MS_PER_DAY);
    return ERR_OK;
}

static enum err
change(struct call *call, struct http_req *rq, const struct json *old, const struct json *body, struct str *text,
       const struct json **out, struct diag *d)
{
    static const char *const members[] = {"name", "description", "fields", "sourceSpec", "labels", "tags"};
    struct edit e = edit_of(rq->arena, old);
    const struct json *days = json_get(body, S("ttlInDays"));
    enum err rc;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *v = json_get(body, str_of(members[i]));
        if (v != NULL)
            edit_put_json(&e, e.root, str_of(members[i]), v);
    }
    rc = segment_changed_doc(call, rq, old, &e, d);
    if (rc == ERR_OK && days != NULL)
        rc = put_lifetime(&e, old, days, rq->now_ms, d);
    return rc == ERR_OK ? edit_parse(&e, out, text, d) : rc;
}

static void
audience_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id")), text = S_NULL;
    const struct json *old = external_find(call, rq, rs, id), *body = NULL, *now = NULL;
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    if (old == NULL || !admin_body_object(rq, rs, STYLE, &body))
        return;
    rc = change(call, rq, old, body, &text, &now, &d);
    if (rc == ERR_OK)
        rc = admin_save(call, rq, "audience", id, text,
                        snapshot_object_version(call->snap, S("audience"), call->scope, id), &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    write_audience(&w, now);
}

/* ---- delete ---- */

static void
audience_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    enum err rc;

    if (external_find(call, rq, rs, id) == NULL)
        return;
    rc = config_delete(call->admin->o.config, S("audience"), call->scope, id, rq->now_ms, &d);
    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static const struct route routes[] = {
    {HTTP_POST, AIS "/external-audience/submit", LIMIT_ADMIN_BODY_BYTES, submit_post},
    {HTTP_GET, AIS "/external-audiences/task/{taskId}", 0, task_get},
    {HTTP_PATCH, ONE, LIMIT_ADMIN_BODY_BYTES, audience_patch},
    {HTTP_DELETE, ONE, 0, audience_delete},
};
const struct family family_external = {routes, sizeof routes / sizeof *routes, STYLE, false};
