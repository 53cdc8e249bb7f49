/* admin_offer.c - offers of the Target admin API [TARGET 6.2].
 *
 * Kinds that are OURS: redirect {"content": url}, dynamic {"content": url}, image, and actions {"actions":[visual
 * changes]}. An offer under the path of another kind is not there. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET

#define OFFER_VERSIONS 2

/* "content", "json", "redirect", "actions": the word behind /offers/. */
static struct str
offer_type(const struct http_req *rq)
{
    struct str rest = rq->path, word = S_NULL;

    while (str_split(&rest, '/', &word)) {
        if (str_eq(word, S("offers")) && rest.p != NULL) {
            (void)str_split(&rest, '/', &word);
            return word;
        }
    }
    return S("content");
}

static void
write_offer_row(struct jw *w, const struct json *o)
{
    jw_object(w);
    jw_kjson(w, S("id"), json_get(o, S("id")));
    jw_kjson(w, S("name"), json_get(o, S("name")));
    jw_kjson(w, S("type"), json_get(o, S("type")));
    jw_kjson(w, S("modifiedAt"), json_get(o, S("modifiedAt")));
    jw_kstr(w, S("workspace"), json_str(json_get(o, S("workspace"))));
    jw_end(w);
}

static void
offers_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, OFFER_VERSIONS, &version))
        target_list(ctx, rq, rs, version, "offer", "offers", write_offer_row);
}

static void
put_offer(struct edit *e, struct http_req *rq)
{
    edit_put_str(e, e->root, S("type"), offer_type(rq));
    edit_default_raw(e, e->root, S("workspace"), S("\"\""));
    edit_put_time(e, e->root, S("modifiedAt"), rq->now_ms);
}

static void
offers_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, OFFER_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_offer(&e, rq);
    target_create(ctx, rq, rs, version, "offer", &e);
}

/* An offer under the path of another type is not there. */
static const struct json *
find_offer(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("id"));
    const struct json *o = snapshot_object(call->snap, S("offer"), call->scope, id);

    if (o != NULL && str_eq(json_str(json_get(o, S("type"))), offer_type(rq)))
        return o;
    admin_not_found(rq, rs, STYLE, "offer", id);
    return NULL;
}

static void
offer_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    int version;

    if (!target_media(rq, rs, OFFER_VERSIONS, &version))
        return;
    o = find_offer(ctx, rq, params, rs);
    if (o != NULL)
        target_answer_object(rs, version, o);
}

static void
offer_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct str id = route_param(params, S("id"));
    struct edit e;
    int version;

    if (!target_media(rq, rs, OFFER_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body) ||
        find_offer(ctx, rq, params, rs) == NULL)
        return;
    e = edit_of(rq->arena, body);
    target_put_id(&e, id);
    put_offer(&e, rq);
    target_save(ctx, rq, rs, version, "offer", id, &e);
}

static void
offer_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, OFFER_VERSIONS, &version) && find_offer(ctx, rq, params, rs) != NULL)
        target_delete(ctx, rq, rs, version, "offer", route_param(params, S("id")));
}

#define BASE "/{tenant}/target"
#define OFFER(type)                                                                                                    \
    {HTTP_POST, BASE "/offers/" type, LIMIT_ADMIN_BODY_BYTES, offers_post},                                            \
        {HTTP_GET, BASE "/offers/" type "/{id}", 0, offer_get},                                                        \
        {HTTP_PUT, BASE "/offers/" type "/{id}", LIMIT_ADMIN_BODY_BYTES, offer_put},                                   \
    {                                                                                                                  \
        HTTP_DELETE, BASE "/offers/" type "/{id}", 0, offer_delete                                                     \
    }

static const struct route routes[] = {
    {HTTP_GET, BASE "/offers", 0, offers_get},
    OFFER("content"),
    OFFER("json"),
    OFFER("redirect"),
    OFFER("actions"),
    OFFER("dynamic"),
    OFFER("image"),
};
const struct family family_offer = {routes, sizeof routes / sizeof *routes, STYLE, false};
