/* admin_segment.c - audiences and segment definitions: two families of paths to the same objects
 * [SEGMENTATION 17.2, 17.3].
 *
 * They differ in paging, in what PATCH means and in the words of lists; the document is one (admin_segment_doc.c). */
#include "admin/admin_segment.h"

#include "admin/admin_list.h"
#include "base/check.h"
#include "base/limits.h"

#define STYLE ERRORS_UPAPI

/* ---- lists ---- */

/* name= and description= contain; evaluationInfo.continuous.enabled=true and its kin; entityType. */
static bool
passes(void *ctx, struct http_req *rq, struct str id, const struct json *o)
{
    static const char *const methods[] = {"evaluationInfo.batch.enabled", "evaluationInfo.continuous.enabled",
                                          "evaluationInfo.synchronous.enabled"};
    struct str name = http_query(rq, S("name")), description = http_query(rq, S("description")),
               entity = http_query(rq, S("entityType")), schema = json_str(json_path(o, S("schema.name")));

    (void)ctx;
    (void)id;
    for (size_t i = 0; i < 3; i++) {
        struct str want = http_query(rq, str_of(methods[i]));
        if (want.n > 0 && json_bool(json_path(o, str_of(methods[i])), false) != str_eq(want, S("true")))
            return false;
    }
    if (entity.n > 0 && !str_eq(entity, schema) &&
        !(str_eq(entity, S("people")) && (schema.n == 0 || str_eq(schema, S(PROFILE_MODEL)))))
        return false;
    return list_contains(json_str(json_get(o, S("name"))), name) &&
           list_contains(json_str(json_get(o, S("description"))), description);
}

/* start counts pages here [SEGMENTATION C 63]. */
static void
audiences_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 20, 100);
    struct list g;
    size_t from, pages, shown = 0;
    struct jw w;

    (void)params;
    if (!list_of(call, rq, rs, "audience", "updateTime:desc", passes, NULL, &g))
        return;
    pages = (g.n + page.limit - 1) / page.limit;
    from = page.start < pages ? page.start * page.limit : g.n;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("children"));
    jw_array(&w);
    for (size_t i = from; i < g.n && shown < page.limit; i++, shown++)
        segment_write_doc(&w, call, rq, g.items[i].id, g.items[i].object);
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)g.n);
    jw_ki64(&w, S("totalPages"), (int64_t)pages);
    jw_kstr(&w, S("sortField"), g.sort_field);
    jw_kstr(&w, S("sort"), g.sort);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_ki64(&w, S("start"), (int64_t)page.start);
    if (page.start + 1 < pages)
        jw_ki64(&w, S("next"), (int64_t)page.start + 1);
    jw_end(&w);
    jw_key(&w, S("_links"));
    jw_object(&w);
    if (page.start + 1 < pages) {
        jw_key(&w, S("next"));
        jw_object(&w);
        jw_kstr(
            &w, S("href"),
            arena_printf(rq->arena, "@/audiences?start=%zu&limit=%zu&totalCount=%zu", page.start + 1, page.limit, g.n));
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

/* start counts rows, page counts pages. */
static void
definitions_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 100, 1000);
    struct list g;
    uint64_t number;
    size_t shown = 0;
    struct jw w;

    (void)params;
    if (!list_of(call, rq, rs, "audience", "creationTime:desc", passes, NULL, &g))
        return;
    CHECK(page.limit > 0);
    if (str_to_u64(http_query(rq, S("page")), &number) && number < SIZE_MAX / 2 / page.limit)
        page.start = (size_t)number * page.limit;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("segments"));
    jw_array(&w);
    for (size_t i = page.start; i < g.n && shown < page.limit; i++, shown++)
        segment_write_doc(&w, call, rq, g.items[i].id, g.items[i].object);
    jw_end(&w);
    jw_key(&w, S("page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)g.n);
    jw_ki64(&w, S("totalPages"), (int64_t)((g.n + page.limit - 1) / page.limit));
    jw_kstr(&w, S("sortField"), g.sort_field);
    jw_kstr(&w, S("sort"), g.sort);
    jw_ki64(&w, S("pageSize"), (int64_t)shown);
    jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_end(&w);
    jw_kraw(&w, S("link"), S("{}"));
    jw_end(&w);
}

/* ---- one ---- */

static const struct json *
find(struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    const struct json *o = snapshot_object(call->snap, S("audience"), call->scope, id);

    if (o == NULL)
        admin_not_found(rq, rs, STYLE, "audience", id);
    return o;
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *o = find(call, rq, rs, id);
    struct jw w;

    if (o == NULL)
        return;
    w = admin_json(rs, 200);
    segment_write_doc(&w, call, rq, id, o);
}

static void
fail_save(struct http_req *rq, struct http_res *rs, enum err rc, const struct diag *d)
{
    admin_fail(rq, rs, STYLE, rc == ERR_EXISTS && d->path[0] != '@' ? 422 : 0, rc, d);
}

/* Saves, and answers with the object as it is now. */
static void
save(struct call *call, struct http_req *rq, struct http_res *rs, struct edit *e, struct str id, uint64_t version)
{
    const struct json *o = NULL;
    struct str text;
    struct diag d = DIAG_INIT;
    struct call now = *call;
    struct jw w;
    enum err rc = edit_parse(e, &o, &text, &d);

    if (rc == ERR_OK)
        rc = admin_save(call, rq, "audience", id, text, version, &d);
    if (rc != ERR_OK) {
        fail_save(rq, rs, rc, &d);
        return;
    }
    now.snap = snapshot_get(call->admin->o.config); /* for the etag and references of what was saved */
    w = admin_json(rs, 200);
    segment_write_doc(&w, &now, rq, id, o);
    snapshot_put(call->admin->o.config, now.snap);
}

static void
create(struct call *call, struct http_req *rq, struct http_res *rs, bool definition)
{
    const struct json *body = NULL;
    struct str id = admin_new_uuid(rq);
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    if (audience_is_external(body) && json_str(json_get(body, S("audienceId"))).n > 0)
        id = json_str(json_get(body, S("audienceId")));
    rc = segment_new_doc(call, rq, body, id, definition, &e, &d);
    if (rc != ERR_OK) {
        fail_save(rq, rs, rc, &d);
        return;
    }
    save(call, rq, rs, &e, id, 0);
    if (definition && rs->status == 200)
        http_set_header(rq, rs, S("X-Location"),
                        arena_printf(rq->arena, "/data/core/ups/segment/definitions/%.*s", STR_ARG(id)));
}

static void
audiences_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    create(ctx, rq, rs, false);
}

static void
definitions_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    create(ctx, rq, rs, true);
}

static void
change(struct call *call, struct http_req *rq, struct http_res *rs, struct str id, const struct json *old,
       struct edit *e, enum err rc, struct diag *d)
{
    if (rc == ERR_OK)
        rc = segment_changed_doc(call, rq, old, e, d);
    if (rc == ERR_OK)
        save(call, rq, rs, e, id, snapshot_object_version(call->snap, S("audience"), call->scope, id));
    else
        fail_save(rq, rs, rc, d);
}

static void
audience_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = find(call, rq, rs, id), *body = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;
    enum err rc;

    if (old == NULL || !admin_body(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, old);
    rc = segment_check_patch(old, body, &d);
    if (rc == ERR_OK)
        rc = edit_patch(&e, body, &d);
    change(call, rq, rs, id, old, &e, rc, &d);
}

/* Replaces what a client may say about an audience, and nothing else. */
static void
audience_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    static const char *const members[] = {"name",
                                          "description",
                                          "expression",
                                          "labels",
                                          "evaluationInfo",
                                          "lifecycleState",
                                          "overridePerformanceWarnings"};
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = find(call, rq, rs, id), *body = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;

    if (old == NULL || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, old);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *v = json_get(body, str_of(members[i]));
        if (v != NULL)
            edit_put_json(&e, e.root, str_of(members[i]), v);
    }
    change(call, rq, rs, id, old, &e, ERR_OK, &d);
}

/* The body is the new set of fields, not a JSON Patch. */
static void
definition_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    const struct json *old = find(call, rq, rs, id), *body = NULL;
    struct diag d = DIAG_INIT;
    struct edit e;

    if (old == NULL || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, old);
    edit_merge(&e, body);
    change(call, rq, rs, id, old, &e, ERR_OK, &d);
}

static void delete (struct call *call, struct http_req *rq, struct http_res *rs, struct str id, int status)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    if (find(call, rq, rs, id) == NULL)
        return;
    rc = config_delete(call->admin->o.config, S("audience"), call->scope, id, rq->now_ms, &d);
    if (rc == ERR_OK)
        admin_empty(rs, status);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void
audience_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    delete (ctx, rq, rs, route_param(params, S("id")), 204);
}

static void
definition_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    delete (ctx, rq, rs, route_param(params, S("id")), 200);
}

/* ---- bulk-get ---- */

struct bulk {
    struct call *call;
    struct http_req *rq;
};

static void
write_one(void *ctx, struct jw *w, struct str id, const struct json *o)
{
    struct bulk *b = ctx;

    segment_write_doc(w, b->call, b->rq, id, o);
}

static void
bulk_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct bulk b = {ctx, rq};

    (void)params;
    list_bulk(ctx, rq, rs, "audience", "audience", write_one, &b);
}

#define AUDIENCES "/data/core/ups/audiences"
#define DEFINITIONS "/data/core/ups/segment/definitions"

static const struct route routes[] = {
    {HTTP_GET, AUDIENCES, 0, audiences_get},
    {HTTP_POST, AUDIENCES, EXPRESSION_BODY_MAX, audiences_post},
    {HTTP_POST, AUDIENCES "/bulk-get", LIMIT_ADMIN_BODY_BYTES, bulk_post},
    {HTTP_GET, AUDIENCES "/{id}", 0, one_get},
    {HTTP_PUT, AUDIENCES "/{id}", EXPRESSION_BODY_MAX, audience_put},
    {HTTP_PATCH, AUDIENCES "/{id}", EXPRESSION_BODY_MAX, audience_patch},
    {HTTP_DELETE, AUDIENCES "/{id}", 0, audience_delete},
    {HTTP_GET, DEFINITIONS, 0, definitions_get},
    {HTTP_POST, DEFINITIONS, EXPRESSION_BODY_MAX, definitions_post},
    {HTTP_POST, DEFINITIONS "/bulk-get", LIMIT_ADMIN_BODY_BYTES, bulk_post},
    {HTTP_GET, DEFINITIONS "/{id}", 0, one_get},
    {HTTP_PATCH, DEFINITIONS "/{id}", EXPRESSION_BODY_MAX, definition_patch},
    {HTTP_DELETE, DEFINITIONS "/{id}", 0, definition_delete},
};
const struct family family_segment = {routes, sizeof routes / sizeof *routes, STYLE, false};
