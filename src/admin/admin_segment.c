/* admin_segment.c - audiences and segment definitions: two families of paths to the same objects
 * [SEGMENTATION 17.2, 17.3].
 *
 * They differ in paging, in what PATCH means and in the words of lists; the document is one (admin_segment_doc.c). */
#include "admin/admin_segment.h"

#include "admin/admin_registry.h"
#include "base/check.h"
#include "base/limits.h"
#include "codec/url.h"

#define STYLE ERRORS_UPAPI
#define BULK_MAX 100

/* ---- lists ---- */

struct entry {
    struct str id;
    const struct json *object;
    struct str text; /* of the sort field */
    int64_t number;
};

struct gather {
    struct http_req *rq;
    struct entry *items;
    size_t n, cap;
    struct str sort;
    bool nomem;
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool
contains_nocase(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++) {
        size_t k = 0;
        while (k < part.n && lower(s.p[i + k]) == lower(part.p[k]))
            k++;
        if (k == part.n)
            return true;
    }
    return part.n == 0;
}

/* name= and description= contain; evaluationInfo.continuous.enabled=true and its kin. */
static bool
passes(struct http_req *rq, const struct json *o)
{
    static const char *const methods[] = {"evaluationInfo.batch.enabled", "evaluationInfo.continuous.enabled",
                                          "evaluationInfo.synchronous.enabled"};
    struct str name = http_query(rq, S("name")), description = http_query(rq, S("description"));

    for (size_t i = 0; i < 3; i++) {
        struct str want = http_query(rq, str_of(methods[i]));
        if (want.n > 0 && json_bool(json_path(o, str_of(methods[i])), false) != str_eq(want, S("true")))
            return false;
    }
    return contains_nocase(json_str(json_get(o, S("name"))), name) &&
           contains_nocase(json_str(json_get(o, S("description"))), description) && registry_passes(rq, o);
}

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;
    const struct json *v;

    if (g->nomem || !passes(g->rq, object))
        return;
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct entry *items = ARENA_ARRAY(g->rq->arena, struct entry, cap);
        if (items == NULL) {
            g->nomem = true;
            return;
        }
        if (g->n > 0)
            memcpy(items, g->items, g->n * sizeof *items);
        g->items = items;
        g->cap = cap;
    }
    v = json_get(object, g->sort);
    g->items[g->n++] = (struct entry){id, object, json_str(v), json_i64(v, 0)};
}

static int
by_field(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int order = str_cmp(a->text, b->text);

    if (order == 0)
        order = a->number < b->number ? -1 : a->number > b->number;
    return order ? order : str_cmp(a->id, b->id);
}

static int
by_field_down(const void *x, const void *y)
{
    return by_field(y, x);
}

/* "name:asc" */
static bool
gather(struct call *call, struct http_req *rq, struct http_res *rs, struct str sort_default, struct gather *g,
       struct str *direction)
{
    struct str sort = http_query(rq, S("sort")), rest = sort.n > 0 ? sort : sort_default;
    struct diag d = DIAG_INIT;

    *g = (struct gather){.rq = rq};
    (void)str_split(&rest, ':', &g->sort);
    *direction = str_eq(rest, S("desc")) ? S("desc") : S("asc");
    snapshot_each(call->snap, S("audience"), call->scope, gather_one, g);
    if (g->nomem) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "the list exceeds request memory"), &d);
        return false;
    }
    if (g->n > 0)
        qsort(g->items, g->n, sizeof *g->items, str_eq(*direction, S("desc")) ? by_field_down : by_field);
    return true;
}

/* start counts pages here [SEGMENTATION C 63]. */
static void
audiences_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 20, 100);
    struct gather g;
    struct str direction;
    size_t from, pages, shown = 0;
    struct jw w;

    (void)params;
    if (!gather(call, rq, rs, S("updateTime:desc"), &g, &direction))
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
    jw_kstr(&w, S("sortField"), g.sort);
    jw_kstr(&w, S("sort"), direction);
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
    struct gather g;
    struct str direction;
    uint64_t number;
    size_t shown = 0;
    struct jw w;

    (void)params;
    if (!gather(call, rq, rs, S("creationTime:desc"), &g, &direction))
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
    jw_kstr(&w, S("sortField"), g.sort);
    jw_kstr(&w, S("sort"), direction);
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
    rc = segment_new_doc(call, rq, body, id, &e, &d);
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
    rc = edit_patch(&e, body, &d);
    change(call, rq, rs, id, old, &e, rc, &d);
}

/* Replaces what a client may say about an audience, and nothing else. */
static void
audience_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    static const char *const members[] = {"name",   "description",    "expression",
                                          "labels", "evaluationInfo", "lifecycleState"};
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

static void
write_missing(struct jw *w, struct http_req *rq, struct http_res *rs)
{
    jw_object(w);
    jw_kstr(w, S("requestId"), admin_request_id(rq, rs));
    jw_kraw(w, S("errors"), S("{\"404\":[{\"code\":\"UPAPI-113430-404\",\"message\":\"audience not found\"}]}"));
    jw_end(w);
}

static void
bulk_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL, *ids;
    struct json_iter it;
    struct diag d = DIAG_INIT;
    size_t found = 0;
    struct jw w;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    ids = json_get(body, S("ids"));
    if (json_count(ids) == 0 || json_count(ids) > BULK_MAX) {
        (void)diag_set_path(&d, ERR_LIMIT, "ids", "ids must list 1 to %d ids, got %zu", BULK_MAX, json_count(ids));
        admin_fail(rq, rs, STYLE, 400, ERR_LIMIT, &d);
        return;
    }
    w = admin_json(rs, 207);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_object(&w);
    for (it = json_iter(ids); json_next(&it);) {
        struct str id = json_str(json_get(it.value, S("id")));
        const struct json *o = snapshot_object(call->snap, S("audience"), call->scope, id);
        jw_key(&w, id);
        found += o != NULL;
        if (o != NULL)
            segment_write_doc(&w, call, rq, id, o);
        else
            write_missing(&w, rq, rs);
    }
    jw_end(&w);
    jw_end(&w);
    if (found == 0) {
        (void)diag_set(&d, ERR_NOT_FOUND, "UPAPI-113000-404: none of the audiences was found");
        admin_fail(rq, rs, STYLE, 404, ERR_NOT_FOUND, &d);
    }
}

#define AUDIENCES "/data/core/ups/audiences"
#define DEFINITIONS "/data/core/ups/segment/definitions"
#define BODY_MAX (LIMIT_PQL_TEXT_BYTES * 2 + LIMIT_ADMIN_BODY_BYTES)

static const struct route routes[] = {
    {HTTP_GET, AUDIENCES, 0, audiences_get},
    {HTTP_POST, AUDIENCES, BODY_MAX, audiences_post},
    {HTTP_POST, AUDIENCES "/bulk-get", LIMIT_ADMIN_BODY_BYTES, bulk_post},
    {HTTP_GET, AUDIENCES "/{id}", 0, one_get},
    {HTTP_PUT, AUDIENCES "/{id}", BODY_MAX, audience_put},
    {HTTP_PATCH, AUDIENCES "/{id}", BODY_MAX, audience_patch},
    {HTTP_DELETE, AUDIENCES "/{id}", 0, audience_delete},
    {HTTP_GET, DEFINITIONS, 0, definitions_get},
    {HTTP_POST, DEFINITIONS, BODY_MAX, definitions_post},
    {HTTP_POST, DEFINITIONS "/bulk-get", LIMIT_ADMIN_BODY_BYTES, bulk_post},
    {HTTP_GET, DEFINITIONS "/{id}", 0, one_get},
    {HTTP_PATCH, DEFINITIONS "/{id}", BODY_MAX, definition_patch},
    {HTTP_DELETE, DEFINITIONS "/{id}", 0, definition_delete},
};
const struct family family_segment = {routes, sizeof routes / sizeof *routes, STYLE, false};
