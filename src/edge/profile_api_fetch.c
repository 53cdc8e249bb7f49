/* profile_api_fetch.c - the attributes of a visitor as JSON  [TARGET 6.10]. Reading makes nobody: an id that is not
 * known is 404. */
#include "edge/profile_api_int.h"

static void
write_attributes(struct jw *w, const struct visitor *v)
{
    jw_key(w, S("profileAttributes"));
    jw_object(w);
    for (size_t i = 0; i < v->attribute_count; i++) {
        jw_key(w, v->attributes[i].name);
        jw_object(w);
        jw_kraw(w, S("value"), v->attributes[i].json);
        jw_ktime(w, S("modifiedAt"), v->attributes[i].modified_ms);
        jw_end(w);
    }
    jw_end(w);
}

static int64_t
modified_ms(const struct visitor *v)
{
    int64_t ms = v->last_ms > v->first_ms ? v->last_ms : v->first_ms;

    for (size_t i = 0; i < v->attribute_count; i++) {
        if (v->attributes[i].modified_ms > ms)
            ms = v->attributes[i].modified_ms;
    }
    return ms;
}

static void
not_found(const struct tenant *t, const struct edge_visitor_ids *ids, struct http_res *rs)
{
    const char *what = ids->third_party_id.n > 0 ? "third party id"
                       : ids->ecid.n > 0         ? "marketing cloud visitor id"
                                                 : "tnt id";
    struct str id = ids->third_party_id.n > 0 ? ids->third_party_id : ids->ecid.n > 0 ? ids->ecid : ids->tnt_id;

    profile_fail(rs, 404, "No profile found for client %.*s with %s=%.*s", STR_ARG(t->client), what, STR_ARG(id));
}

static void
answer(struct http_res *rs, const struct tenant *t, const struct visitor *v, struct str tnt_id)
{
    struct jw w = jw_to(rs->body);

    rs->status = 200;
    rs->content_type = "application/json;charset=UTF-8";
    jw_object(&w);
    jw_kstr(&w, S("client"), t->client);
    jw_key(&w, S("visitorId"));
    jw_object(&w);
    if (tnt_id.n > 0)
        jw_kstr(&w, S("tntId"), tnt_id);
    if (v->third_party_id.n > 0)
        jw_kstr(&w, S("thirdPartyId"), v->third_party_id);
    jw_kstr(&w, S("profileLocation"), S("0"));
    jw_end(&w);
    jw_ktime(&w, S("modifiedAt"), modified_ms(v));
    write_attributes(&w, v);
    jw_end(&w);
}

void
profile_fetch(struct edge *e, const struct snapshot *snap, const struct tenant *t, const struct edge_visitor_ids *ids,
              struct http_req *rq, struct http_res *rs)
{
    struct edge_visitor found;
    struct diag d = DIAG_INIT;
    enum err rc = edge_visitor_find(e, snap, t->scope, ids, NULL, rq->now_ms, rq->arena, &found, &d);

    if (rc != ERR_OK)
        profile_fail(rs, http_status_of(rc), "%s", d.what);
    else if (!found.known)
        not_found(t, ids, rs);
    else
        answer(rs, t, &found.visitor, found.tnt_id);
}
