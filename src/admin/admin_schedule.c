/* admin_schedule.c - /data/core/ups/config/schedules [SEGMENTATION 17.6]: when segment jobs begin by themselves.
 *
 * What a schedule must look like is in config_schedule.c, what it does in admin_scheduler.c. A change is in force at
 * once, where the documents speak of half an hour.   OURS */
#include "admin/admin_guardrail.h"
#include "admin/admin_job.h"
#include "admin/admin_list.h"
#include "base/cron.h"
#include "base/limits.h"

#define STYLE ERRORS_UPAPI
#define SCHEDULES "/data/core/ups/config/schedules"

/* ---- showing ---- */

/* As it is stored, without our own mark; with the next instant. */
static void
write_schedule(struct jw *w, const struct json *o)
{
    struct json_iter it = json_iter(o);
    int64_t next_ms;
    struct cron c;

    jw_object(w);
    while (json_next(&it)) {
        if (!str_eq(it.key, S("dueAfterInMs")))
            jw_kjson(w, it.key, it.value);
    }
    if (str_eq(json_str(json_get(o, S("state"))), S("active")) &&
        cron_parse(json_str(json_get(o, S("schedule"))), &c, NULL) == ERR_OK &&
        cron_next(&c, json_i64(json_get(o, S("dueAfterInMs")), 0), &next_ms))
        jw_ki64(w, S("nextRunInMs"), next_ms);
    jw_end(w);
}

static void
schedules_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 100, 100);
    struct list l;
    size_t shown = 0;
    struct jw w;

    (void)params;
    if (!list_of(call, rq, rs, "schedule", "createEpoch:asc", NULL, NULL, &l))
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("children"));
    jw_array(&w);
    for (size_t i = page.start; i < l.n && shown < page.limit; i++, shown++)
        write_schedule(&w, l.items[i].object);
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)l.n);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    if (shown > 0 && page.start + shown < l.n)
        jw_ki64(&w, S("next"), (int64_t)(page.start + shown));
    jw_end(&w);
    jw_end(&w);
}

static const struct json *
find(struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    const struct json *o = snapshot_object(call->snap, S("schedule"), call->scope, id);

    if (o == NULL)
        admin_not_found(rq, rs, STYLE, "schedule", id);
    return o;
}

static void
schedule_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o = find(ctx, rq, rs, route_param(params, S("id")));
    struct jw w;

    if (o == NULL)
        return;
    w = admin_json(rs, 200);
    write_schedule(&w, o);
}

/* ---- changing ---- */

static enum err
save(struct call *call, struct http_req *rq, struct edit *e, struct str id, uint64_t version, const struct json **out,
     struct diag *d)
{
    struct str text;
    enum err rc;

    edit_put_i64(e, e->root, S("dueAfterInMs"), rq->now_ms);
    edit_put_i64(e, e->root, S("updateEpoch"), rq->now_ms / MS_PER_SECOND);
    rc = edit_parse(e, out, &text, d);
    if (rc == ERR_OK)
        rc = admin_save(call, rq, "schedule", id, text, version, d);
    if (rc == ERR_OK)
        evaluator_wake(call->admin->evaluator);
    return rc;
}

static void
schedules_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    static const char *const members[] = {"name", "type", "properties", "schedule", "state"};
    struct call *call = ctx;
    const struct json *body = NULL, *o = NULL;
    struct str id = admin_new_uuid(rq);
    struct edit e = edit_of(rq->arena, NULL);
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    edit_put_str(&e, e.root, S("id"), id);
    edit_put_str(&e, e.root, S("imsOrgId"), call->org);
    edit_put_raw(&e, e.root, S("sandbox"), admin_sandbox_text(rq->arena, call->snap, call->org, call->sandbox));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *v = json_get(body, str_of(members[i]));
        if (v != NULL)
            edit_put_json(&e, e.root, str_of(members[i]), v);
    }
    edit_default_raw(&e, e.root, S("state"), S("\"inactive\""));
    edit_put_i64(&e, e.root, S("createEpoch"), rq->now_ms / MS_PER_SECOND);
    rc = save(call, rq, &e, id, 0, &o, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    write_schedule(&w, o);
}

/* Streaming audiences need the daily run beside them [SEGMENTATION 14.4, 17.6]. */
static enum err
check_not_needed(struct call *call, const struct json *old, struct diag *d)
{
    size_t counts[GUARD__COUNT] = {0};

    if (!str_eq(json_str(json_get(old, S("state"))), S("active")))
        return ERR_OK;
    guardrail_count(call->snap, call->scope, counts);
    if (counts[GUARD_STREAMING] == 0)
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "state",
                         "the schedule must stay active: the sandbox has %zu streaming audience%s",
                         counts[GUARD_STREAMING], counts[GUARD_STREAMING] == 1 ? "" : "s");
}

/* Only state and schedule change, by op add [SEGMENTATION 17.6]. */
static enum err
check_patch(const struct json *patch, struct diag *d)
{
    struct json_iter it = json_iter(patch);

    if (!json_is(patch, JSON_ARRAY) || json_count(patch) == 0)
        return diag_set(d, ERR_INVALID, "the body must be a list of {op, path, value}");
    while (json_next(&it)) {
        struct str op = json_str(json_get(it.value, S("op"))), path = json_str(json_get(it.value, S("path")));
        if (!str_eq(op, S("add")))
            return diag_set_path(d, ERR_INVALID, "op", "op must be add, found '%.*s'", STR_ARG(op));
        if (!str_eq(path, S("/state")) && !str_eq(path, S("/schedule")))
            return diag_set_path(d, ERR_INVALID, "path", "path must be /state or /schedule, found '%.*s'",
                                 STR_ARG(path));
    }
    return ERR_OK;
}

static void
schedule_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = find(call, rq, rs, id), *patch = NULL, *o = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    if (old == NULL || !admin_body(rq, rs, STYLE, &patch))
        return;
    e = edit_of(rq->arena, old);
    rc = check_patch(patch, &d);
    if (rc == ERR_OK)
        rc = edit_patch(&e, patch, &d);
    if (rc == ERR_OK && str_eq(edit_str(edit_get(e.root, S("state"))), S("inactive")))
        rc = check_not_needed(call, old, &d);
    if (rc == ERR_OK)
        rc = save(call, rq, &e, id, snapshot_object_version(call->snap, S("schedule"), call->scope, id), &o, &d);
    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void
schedule_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = find(call, rq, rs, id);
    struct diag d = DIAG_INIT;
    enum err rc;

    if (old == NULL)
        return;
    rc = check_not_needed(call, old, &d);
    if (rc == ERR_OK)
        rc = config_delete(call->admin->o.config, S("schedule"), call->scope, id, rq->now_ms, &d);
    if (rc == ERR_OK)
        admin_empty(rs, 204);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static const struct route routes[] = {
    {HTTP_GET, SCHEDULES, 0, schedules_get},
    {HTTP_POST, SCHEDULES, LIMIT_ADMIN_BODY_BYTES, schedules_post},
    {HTTP_GET, SCHEDULES "/{id}", 0, schedule_get},
    {HTTP_PATCH, SCHEDULES "/{id}", LIMIT_ADMIN_BODY_BYTES, schedule_patch},
    {HTTP_DELETE, SCHEDULES "/{id}", 0, schedule_delete},
};
const struct family family_schedule = {routes, sizeof routes / sizeof routes[0], STYLE, false};
