/* admin_preview.c - who an expression would have as members, before it is saved [SEGMENTATION 17.8].
 *
 *   POST /preview          an expression; its id
 *   GET  /estimate/{id}    how many
 *   GET  /preview/{id}     who: identities of up to LIMIT_PREVIEW_SAMPLE members
 *
 * All profiles are read, not a sample of them: the estimate is exact, its standard error 0 and its confidence 100 %.
 * Previews are kept for LIMIT_PREVIEW_MS, and not over a restart.   OURS */
#include "admin/admin_evaluate.h"
#include "admin/admin_xid.h"
#include "codec/base64.h"

#define STYLE ERRORS_UPAPI
#define PREVIEW "/data/core/ups/preview"
#define ESTIMATE "/data/core/ups/estimate"
#define PAGE_DEFAULT 100

/* ---- POST ---- */

/* <execution>:app-<uuid>:<query>:<n>, in base64 */
static struct str
new_id(struct http_req *rq, struct str query)
{
    struct str text = arena_printf(rq->arena, "0:app-%.*s:%.*s:0", STR_ARG(admin_new_uuid(rq)), STR_ARG(query));
    struct buf b;

    buf_init_in(&b, rq->arena, 256);
    base64url_encode(&b, text);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

static enum err
read_question(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, struct diag *d)
{
    (void)rq;
    return question_rule(call, body, &e->rule, d);
}

static void
preview_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str query = admin_new_uuid(rq), id = new_id(rq, query);
    struct jw w;

    (void)params;
    if (!question_ask(ctx, rq, rs, EVALUATION_PREVIEW, id, read_question))
        return;
    w = admin_json(rs, 201);
    jw_object(&w);
    jw_kstr(&w, S("state"), S("NEW"));
    jw_kstr(&w, S("previewQueryId"), query);
    jw_kstr(&w, S("previewQueryStatus"), S("NEW"));
    jw_kstr(&w, S("previewId"), id);
    jw_ki64(&w, S("previewExecutionId"), 0);
    jw_end(&w);
}

/* ---- GET ---- */

static void
write_error(struct jw *w, const struct evaluation *e)
{
    jw_key(w, S("error"));
    jw_object(w);
    jw_kstr(w, S("description"), str_of(e->error));
    jw_kstr(w, S("traceback"), S(""));
    jw_end(w);
}

static void
write_person(struct jw *w, struct call *call, struct http_req *rq, const struct census_identity *person)
{
    struct str xid = xid_write(call, rq->arena, person->ns, person->id);

    jw_object(w);
    jw_kstr(w, S("objectId"), xid);
    jw_kstr(w, S("_href"),
            arena_printf(rq->arena, "/data/core/ups/access/entities?schema.name=" PROFILE_MODEL "&entityId=%.*s",
                         STR_ARG(xid)));
    jw_key(w, S("relatedObjects"));
    jw_array(w);
    jw_end(w);
    jw_end(w);
}

static void
preview_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, PAGE_DEFAULT, LIMIT_PREVIEW_SAMPLE);
    struct evaluation *e = question_find(call, rq, rs, EVALUATION_PREVIEW, route_param(params, S("previewId")));
    size_t shown = 0, end, n;
    struct jw w;

    if (e == NULL)
        return;
    n = e->state == EVALUATION_READY ? e->sample.count : 0; /* until then the thread may be writing it */
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_array(&w);
    for (size_t i = page.start; i < n && shown < page.limit; i++, shown++)
        write_person(&w, call, rq, &e->sample.people[i]);
    end = page.start + shown;
    jw_end(&w);
    jw_kstr(&w, S("state"), evaluation_state_name(e->state));
    write_error(&w, e);
    jw_key(&w, S("page"));
    jw_object(&w);
    jw_ki64(&w, S("offset"), (int64_t)page.start);
    jw_ki64(&w, S("size"), (int64_t)shown);
    jw_end(&w);
    jw_key(&w, S("links"));
    jw_object(&w);
    if (shown > 0 && end < n)
        jw_kstr(&w, S("next"),
                arena_printf(rq->arena, PREVIEW "/%.*s?offset=%zu&limit=%zu", STR_ARG(e->id), end, page.limit));
    jw_end(&w);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

static void
write_namespaces(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e)
{
    jw_key(w, S("estimatedNamespaceDistribution"));
    jw_array(w);
    for (size_t i = 0; i < e->namespace_count; i++) {
        struct xid_namespace ns = xid_namespace_of(call, e->namespaces[i].code);
        jw_object(w);
        jw_kstr(w, S("namespaceId"), ns.id >= 0 ? arena_printf(rq->arena, "%lld", (long long)ns.id) : ns.code);
        jw_ki64(w, S("profilesMatchedSoFar"), (int64_t)e->namespaces[i].members);
        jw_end(w);
    }
    jw_end(w);
}

/* Members that are known when all is read only. */
static void
write_whole(struct jw *w, struct call *call, struct http_req *rq, const struct evaluation *e)
{
    jw_ki64(w, S("estimatedSize"), (int64_t)e->matched);
    jw_ki64(w, S("numRowsToRead"), (int64_t)e->read);
    jw_ki64(w, S("totalRows"), (int64_t)e->read);
    jw_ki64(w, S("standardError"), 0);
    jw_kstr(w, S("confidenceInterval"), S("100%"));
    write_namespaces(w, call, rq, e);
}

static void
estimate_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct evaluation *e = question_find(call, rq, rs, EVALUATION_PREVIEW, route_param(params, S("previewId")));
    struct jw w;

    if (e == NULL)
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("state"), evaluation_state_name(e->state));
    jw_ki64(&w, S("profilesReadSoFar"), (int64_t)e->read);
    jw_ki64(&w, S("profilesMatchedSoFar"), (int64_t)e->matched);
    if (e->state == EVALUATION_READY)
        write_whole(&w, call, rq, e);
    write_error(&w, e);
    jw_key(&w, S("_links"));
    jw_object(&w);
    jw_kstr(&w, S("preview"), arena_printf(rq->arena, PREVIEW "/%.*s", STR_ARG(e->id)));
    jw_end(&w);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

static void
preview_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_delete(ctx, rq, rs, EVALUATION_PREVIEW, route_param(params, S("previewId")));
}

static const struct route routes[] = {
    {HTTP_POST, PREVIEW, EXPRESSION_BODY_MAX, preview_post},
    {HTTP_GET, PREVIEW "/{previewId}", 0, preview_get},
    {HTTP_DELETE, PREVIEW "/{previewId}", 0, preview_delete},
    {HTTP_GET, ESTIMATE "/{previewId}", 0, estimate_get},
};
const struct family family_preview = {routes, sizeof routes / sizeof routes[0], STYLE, false};
