/* admin_profile.c - looking people up: /data/core/ups/access/entities and the merge policy they are seen through
 * [PLATFORM 5.2, 5.4, 5.5].
 *
 * A sandbox has one merge policy in this version: all datasets, newest ingestion wins, private graph, active on edge.
 * Its id is made from the scope's name, so it needs no object and is the same after every start. */
#include "admin/admin_entity.h"
#include "base/hash.h"
#include "base/limits.h"
#include "codec/url.h"

#define FIELDS_MAX 256 /* of one request */
#define SCHEMA_PROFILE "xdm.context.profile"
#define SCHEMA_EVENT "xdm.context.experienceevent"

static void
fail(struct http_req *rq, struct http_res *rs, int status, const char *what)
{
    struct diag d = DIAG_INIT;
    enum err rc = diag_set(&d, status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "%s", what);

    admin_fail(rq, rs, ERRORS_PROFILE, status, rc, &d);
}

/* ---- the merge policy ---- */

struct str
admin_merge_policy_id(struct arena *a, struct str scope)
{
    uint64_t x = hash_bytes(scope, 1), y = hash_bytes(scope, 2);

    return arena_printf(a, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(x >> 32), (unsigned)(x >> 16 & 0xFFFF),
                        (unsigned)(x & 0xFFF), (unsigned)(y >> 52), (unsigned long long)(y & 0xFFFFFFFFFFFFull));
}

static void
write_policy(struct jw *w, const struct call *call, struct http_req *rq)
{
    jw_object(w);
    jw_kstr(w, S("id"), admin_merge_policy_id(rq->arena, call->scope));
    jw_kstr(w, S("name"), S("Default Timebased"));
    jw_kstr(w, S("imsOrgId"), call->org);
    jw_key(w, S("sandbox"));
    admin_write_sandbox(w, call->snap, call->org, call->sandbox);
    jw_key(w, S("schema"));
    jw_object(w);
    jw_kstr(w, S("name"), S("_" SCHEMA_PROFILE));
    jw_end(w);
    jw_ki64(w, S("version"), 1);
    jw_kraw(w, S("identityGraph"), S("{\"type\":\"pdg\"}"));
    jw_kraw(w, S("attributeMerge"), S("{\"type\":\"timestampOrdered\"}"));
    jw_kbool(w, S("isActiveOnEdge"), true);
    jw_kbool(w, S("default"), true);
    jw_ki64(w, S("updateEpoch"), 0);
    jw_end(w);
}

static bool
wrong(struct str asked, struct str value)
{
    return asked.n > 0 && !str_eq_nocase(asked, value);
}

static struct str
schema_name(struct str s)
{
    return str_starts(s, S("_")) ? str_slice(s, 1, s.n) : s;
}

static void
policies_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct admin_page page = admin_page(rq, 20, 100);
    bool shown = !wrong(schema_name(http_query(rq, S("schema.name"))), S(SCHEMA_PROFILE)) &&
                 !wrong(http_query(rq, S("default")), S("true")) &&
                 !wrong(http_query(rq, S("isActiveOnEdge")), S("true")) &&
                 !wrong(http_query(rq, S("identityGraph.type")), S("pdg")) &&
                 !wrong(http_query(rq, S("attributeMerge.type")), S("timestampOrdered"));
    struct jw w = admin_json(rs, 200);

    (void)params;
    jw_object(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), shown);
    jw_ki64(&w, S("count"), shown && page.start == 0);
    jw_end(&w);
    jw_key(&w, S("children"));
    jw_array(&w);
    if (shown && page.start == 0)
        write_policy(&w, call, rq);
    jw_end(&w);
    jw_kraw(&w, S("_links"), S("{\"next\":{\"href\":\"\",\"templated\":false}}")); /* clients read it unasked */
    jw_end(&w);
}

static void
policy_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct jw w;

    if (!str_eq(route_param(params, S("id")), admin_merge_policy_id(rq->arena, call->scope))) {
        fail(rq, rs, 404, "there is no merge policy of that id");
        return;
    }
    w = admin_json(rs, 200);
    write_policy(&w, call, rq);
}

/* ---- what is asked ---- */

struct question {
    bool events;
    struct str ns, id, xid;
    struct str fields[FIELDS_MAX];
    struct event_query query;
};

static void
not_found(struct http_res *rs)
{
    struct jw w = admin_json(rs, 404);

    jw_object(&w);
    jw_kstr(&w, S("statusCode"), S("404"));
    jw_end(&w);
}

/* False: answered. */
static bool
read_schema(struct http_req *rq, struct http_res *rs, struct str name, bool *events)
{
    name = schema_name(name);
    *events = str_eq(name, S(SCHEMA_EVENT));
    if (*events || str_eq(name, S(SCHEMA_PROFILE)))
        return true;
    fail(rq, rs, 400, "schema.name must be _" SCHEMA_PROFILE " or _" SCHEMA_EVENT);
    return false;
}

static bool
read_policy(const struct call *call, struct http_req *rq, struct http_res *rs, struct str id)
{
    if (id.n == 0 || str_eq(id, admin_merge_policy_id(rq->arena, call->scope)))
        return true;
    fail(rq, rs, 400, "mergePolicyId names no merge policy of this sandbox");
    return false;
}

static bool
read_identity(const struct call *call, struct http_req *rq, struct str ns, int64_t nsid, struct str id,
              struct question *q)
{
    struct xid_identity identity = {0};

    if (!xid_identity_of(call, ns, nsid, id, rq->arena, &identity))
        return false;
    q->ns = identity.ns;
    q->id = identity.id;
    q->xid = identity.xid;
    return true;
}

static bool
add_field(struct question *q, struct str field)
{
    field = str_trim(field);
    if (field.n == 0)
        return true;
    if (q->query.field_count == FIELDS_MAX)
        return false;
    q->fields[q->query.field_count++] = field;
    q->query.fields = q->fields;
    return true;
}

static bool
read_number(struct str s, int64_t *out)
{
    return s.n == 0 || str_to_i64(s, out);
}

static bool
read_limit(int64_t limit, struct question *q)
{
    if (limit < 1)
        return false;
    q->query.limit = limit > LIMIT_ENTITY_EVENTS ? LIMIT_ENTITY_EVENTS : (size_t)limit;
    return true;
}

static bool
read_order(struct str s, struct question *q)
{
    q->query.newest_first = str_starts(s, S("-"));
    if (str_starts(s, S("-")) || str_starts(s, S("+")) || str_starts(s, S(" "))) /* an undecoded plus is a blank */
        s = str_slice(s, 1, s.n);
    return s.n == 0 || str_eq(s, S("timestamp"));
}

static const char *
read_event_query(struct http_req *rq, struct question *q)
{
    struct str rest = rq->query, name, value;
    int64_t limit = LIMIT_ENTITY_EVENTS;

    q->query.end_ms = INT64_MAX;
    if (!read_number(http_query(rq, S("startTime")), &q->query.start_ms) ||
        !read_number(http_query(rq, S("endTime")), &q->query.end_ms))
        return "startTime and endTime must be milliseconds";
    if (!read_number(http_query(rq, S("limit")), &limit) || !read_limit(limit, q))
        return "limit must be a number of at least 1";
    if (!read_order(http_query(rq, S("orderby")), q))
        return "orderby must be timestamp, +timestamp or -timestamp";
    q->query.cursor = http_query(rq, S("offsets"));
    if (q->query.cursor.n == 0)
        q->query.cursor = http_query(rq, S("start"));
    while (url_query_next(&rest, &name, &value)) {
        if (!str_eq(name, S("property")))
            continue;
        if (q->query.property_count == PROPERTIES_MAX)
            return "at most 3 property filters";
        if (!property_read(url_decode(value, true, rq->arena), &q->query.properties[q->query.property_count++]))
            return "property must be <path><operator><value>, with = != < <= > or >=";
    }
    return NULL;
}

/* GET. False: answered. */
static bool
read_question(const struct call *call, struct http_req *rq, struct question *q, struct http_res *rs)
{
    struct str id = http_query(rq, S("entityId")), ns = http_query(rq, S("entityIdNS")), field,
               fields = http_query(rq, S("fields"));
    const char *wrong_query;

    if (!read_schema(rq, rs, http_query(rq, S("schema.name")), &q->events) ||
        !read_policy(call, rq, rs, http_query(rq, S("mergePolicyId"))))
        return false;
    if (q->events && http_query(rq, S("relatedEntityId")).n > 0) { /* clients send both pairs [PLATFORM 5.4] */
        id = http_query(rq, S("relatedEntityId"));
        ns = http_query(rq, S("relatedEntityIdNS"));
    }
    while (fields.n > 0 && str_split(&fields, ',', &field)) {
        if (!add_field(q, field)) {
            fail(rq, rs, 400, "fields: too many");
            return false;
        }
    }
    wrong_query = q->events ? read_event_query(rq, q) : NULL;
    if (wrong_query == NULL && !read_identity(call, rq, ns, -1, id, q))
        wrong_query = "entityId with entityIdNS, or an XID as entityId, is required";
    if (wrong_query != NULL)
        fail(rq, rs, 400, wrong_query);
    return wrong_query == NULL;
}

/* ---- answers ---- */

static void
write_entity(struct jw *w, const struct call *call, struct http_req *rq, const struct question *q,
             const struct entity *e, bool requested)
{
    const struct json *whole = NULL;
    struct diag ignored = DIAG_INIT; /* our own text; when the arena is too small for it, it is shown whole */

    jw_object(w);
    jw_kstr(w, S("entityId"), q->xid);
    if (requested) {
        jw_key(w, S("requestedIdentity"));
        jw_object(w);
        jw_kstr(w, S("entityId"), q->id);
        jw_key(w, S("entityIdNS"));
        jw_object(w);
        jw_kstr(w, S("code"), q->ns);
        jw_end(w);
        jw_end(w);
    }
    jw_key(w, S("mergePolicy"));
    jw_object(w);
    jw_kstr(w, S("id"), admin_merge_policy_id(rq->arena, call->scope));
    jw_end(w);
    jw_kraw(w, S("sources"), e->sources);
    jw_kraw(w, S("tags"), e->tags);
    jw_kraw(w, S("identityGraph"), e->identities);
    jw_key(w, S("entity"));
    if (q->query.field_count > 0 && json_parse(e->json, rq->arena, &whole, &ignored) == ERR_OK)
        entity_project(w, whole, q->query.fields, q->query.field_count);
    else
        jw_raw(w, e->json);
    jw_ktime(w, S("lastModifiedAt"), e->modified_ms);
    jw_end(w);
}

static struct str
encoded(struct arena *a, struct str s)
{
    struct buf b;
    struct str out;

    buf_init(&b, LIMIT_URL_BYTES);
    url_encode(&b, s);
    out = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* The way to the next page; `offsets` is what a shipped client takes out of it [PLATFORM 5.5]. */
static struct str
next_link(struct http_req *rq, const struct question *q, struct str next)
{
    struct str cursor = encoded(rq->arena, next);

    return arena_printf(rq->arena,
                        "/entities?start=%.*s&offsets=%.*s&orderby=%stimestamp&schema.name=_" SCHEMA_EVENT
                        "&relatedSchema.name=_" SCHEMA_PROFILE "&relatedEntityId=%.*s&limit=%zu",
                        STR_ARG(cursor), STR_ARG(cursor), q->query.newest_first ? "-" : "", STR_ARG(q->xid),
                        q->query.limit);
}

/* What a POST has to be sent again with [PLATFORM 5.5]. */
static void
write_payload(struct jw *w, const struct question *q, struct str next)
{
    jw_key(w, S("payload"));
    jw_object(w);
    jw_kraw(w, S("schema"), S("{\"name\":\"_" SCHEMA_EVENT "\"}"));
    jw_kraw(w, S("relatedSchema"), S("{\"name\":\"_" SCHEMA_PROFILE "\"}"));
    jw_key(w, S("identities"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("relatedEntityId"), q->id);
    jw_key(w, S("relatedEntityIdNS"));
    jw_object(w);
    jw_kstr(w, S("code"), q->ns);
    jw_end(w);
    jw_kstr(w, S("start"), next);
    jw_end(w);
    jw_end(w);
    if (q->query.start_ms > 0 || q->query.end_ms < INT64_MAX) {
        jw_key(w, S("timeFilter"));
        jw_object(w);
        jw_ki64(w, S("startTime"), q->query.start_ms);
        if (q->query.end_ms < INT64_MAX)
            jw_ki64(w, S("endTime"), q->query.end_ms);
        jw_end(w);
    }
    jw_ki64(w, S("limit"), (int64_t)q->query.limit);
    jw_kstr(w, S("orderby"), q->query.newest_first ? S("-timestamp") : S("timestamp"));
    jw_end(w);
}

static void
write_events(struct jw *w, struct http_req *rq, const struct question *q, const struct event_page *page, bool payload)
{
    jw_object(w);
    jw_key(w, S("_page"));
    jw_object(w);
    jw_kstr(w, S("orderby"), q->query.newest_first ? S("-timestamp") : S("timestamp"));
    jw_kstr(w, S("start"), q->query.cursor);
    jw_ki64(w, S("count"), (int64_t)page->count);
    jw_kstr(w, S("next"), page->next);
    jw_end(w);
    jw_key(w, S("children"));
    jw_array(w);
    if (page->count > 0)
        jw_raw(w, page->children);
    jw_end(w);
    jw_key(w, S("_links"));
    jw_object(w);
    jw_key(w, S("next"));
    jw_object(w);
    jw_kstr(w, S("href"), page->next.n == 0 ? S("") : payload ? S("/entities") : next_link(rq, q, page->next));
    if (payload && page->next.n > 0)
        write_payload(w, q, page->next);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void
entities_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct question q = {0};
    struct event_page page;
    struct entity entity;
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    (void)params;
    if (!read_question(call, rq, &q, rs))
        return;
    rc = q.events ? entity_read_events(call, q.ns, q.id, q.xid, &q.query, rq->arena, &page, &d)
                  : entity_read(call, q.ns, q.id, rq->arena, &entity, &d);
    if (rc == ERR_NOT_FOUND) {
        not_found(rs);
        return;
    }
    if (rc != ERR_OK) {
        admin_fail(rq, rs, ERRORS_PROFILE, rc == ERR_LIMIT ? 422 : 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    if (q.events) {
        write_events(&w, rq, &q, &page, false);
        return;
    }
    jw_object(&w);
    jw_key(&w, q.xid);
    write_entity(&w, call, rq, &q, &entity, false);
    jw_end(&w);
}

/* ---- many at once ---- */

/* What all identities of a POST have in common. False: answered. */
static bool
read_common(const struct call *call, struct http_req *rq, const struct json *body, struct question *q,
            struct http_res *rs)
{
    struct json_iter it = json_iter(json_get(body, S("fields")));
    const struct json *order = json_get(body, S("orderby"));

    if (!read_schema(rq, rs, json_str(json_path(body, S("schema.name"))), &q->events) ||
        !read_policy(call, rq, rs, json_str(json_get(body, S("mergePolicyId")))))
        return false;
    if (order == NULL)
        order = json_get(body, S("orderBy"));
    while (json_next(&it)) {
        if (!add_field(q, json_str(it.value))) {
            fail(rq, rs, 400, "fields: too many");
            return false;
        }
    }
    q->query.start_ms = json_i64(json_path(body, S("timeFilter.startTime")), 0);
    q->query.end_ms = json_i64(json_path(body, S("timeFilter.endTime")), INT64_MAX);
    if (!read_limit(json_i64(json_get(body, S("limit")), LIMIT_ENTITY_EVENTS), q) || !read_order(json_str(order), q)) {
        fail(rq, rs, 400, "limit must be at least 1, orderby timestamp or -timestamp");
        return false;
    }
    return true;
}

static bool
read_one(const struct call *call, struct http_req *rq, const struct json *v, struct question *q)
{
    const struct json *id = json_get(v, S("entityId")), *ns = json_get(v, S("entityIdNS"));

    if (q->events && json_get(v, S("relatedEntityId")) != NULL) {
        id = json_get(v, S("relatedEntityId"));
        ns = json_get(v, S("relatedEntityIdNS"));
    }
    q->query.cursor = json_str(json_get(v, S("start")));
    return read_identity(call, rq, json_str(json_get(ns, S("code"))), json_i64(json_get(ns, S("id")), -1), json_str(id),
                         q);
}

/* Nobody has the identity: an empty entity, which is no error here [PLATFORM 5.5]. */
static void
write_nobody(struct jw *w, const struct question *q)
{
    if (q->events) {
        jw_raw(w, S("{\"_page\":{\"orderby\":\"timestamp\",\"start\":\"\",\"count\":0,\"next\":\"\"},\"children\":[],"
                    "\"_links\":{\"next\":{\"href\":\"\"}}}"));
        return;
    }
    jw_object(w);
    jw_kstr(w, S("entityId"), S(""));
    jw_key(w, S("requestedIdentity"));
    jw_object(w);
    jw_kstr(w, S("entityId"), q->id);
    jw_key(w, S("entityIdNS"));
    jw_object(w);
    jw_kstr(w, S("code"), q->ns);
    jw_end(w);
    jw_end(w);
    jw_kraw(w, S("sources"), S("[\"\"]"));
    jw_kraw(w, S("entity"), S("{}"));
    jw_kstr(w, S("lastModifiedAt"), S("1970-01-01T00:00:00Z"));
    jw_end(w);
}

static enum err
answer_one(struct jw *w, const struct call *call, struct http_req *rq, const struct question *q, struct diag *d)
{
    struct event_page page;
    struct entity entity;
    enum err rc = q->events ? entity_read_events(call, q->ns, q->id, q->xid, &q->query, rq->arena, &page, d)
                            : entity_read(call, q->ns, q->id, rq->arena, &entity, d);

    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        return rc;
    jw_key(w, q->xid);
    if (rc == ERR_NOT_FOUND)
        write_nobody(w, q);
    else if (q->events)
        write_events(w, rq, q, &page, true);
    else
        write_entity(w, call, rq, q, &entity, true);
    return ERR_OK;
}

static void
entities_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body, *list;
    struct question q = {0};
    struct diag d = DIAG_INIT;
    struct json_iter it;
    struct jw w;

    (void)params;
    if (!admin_body(rq, rs, ERRORS_PROFILE, &body) || !read_common(call, rq, body, &q, rs))
        return;
    list = json_get(body, S("identities"));
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > LIMIT_ENTITIES_PER_REQUEST) {
        fail(rq, rs, 400, "identities must be an array of 1 to 1000");
        return;
    }
    for (it = json_iter(list); json_next(&it);) {
        struct question one = q;
        if (!read_one(call, rq, it.value, &one)) {
            fail(rq, rs, 400, "an identity needs entityId and entityIdNS.code");
            return;
        }
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    for (it = json_iter(list); json_next(&it);) {
        enum err rc;
        (void)read_one(call, rq, it.value, &q); /* it was readable above */
        rc = answer_one(&w, call, rq, &q, &d);
        if (rc != ERR_OK) {
            buf_clear(rs->body);
            admin_fail(rq, rs, ERRORS_PROFILE, rc == ERR_LIMIT ? 422 : 0, rc, &d);
            return;
        }
    }
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/data/core/ups/access/entities", 0, entities_get},
    {HTTP_POST, "/data/core/ups/access/entities", LIMIT_ADMIN_BODY_BYTES, entities_post},
    {HTTP_GET, "/data/core/ups/config/mergePolicies", 0, policies_get},
    {HTTP_GET, "/data/core/ups/config/mergePolicies/{id}", 0, policy_get},
};
const struct family family_profile = {routes, sizeof routes / sizeof routes[0], ERRORS_PROFILE, false};
