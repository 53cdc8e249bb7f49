/* admin_target.c - offers, audiences and properties of the Target admin API [TARGET 6.2, 6.4, 6.5]. Activities:
 * admin_activity.c.
 *
 * Any tenant segment is taken for the caller's own: the token says whose data it is. Ids are numbers given here. Two
 * kinds of offer are OURS: redirect {"content": url} and actions {"actions":[visual changes]}. */
#include "admin/admin_target.h"

#include "base/limits.h"
#include "codec/url.h"

#define STYLE ERRORS_TARGET

/* ---- media types ---- */

static const char *const media[] = {"application/json", "application/vnd.adobe.target.v1+json",
                                    "application/vnd.adobe.target.v2+json", "application/vnd.adobe.target.v3+json"};

bool
target_media(struct http_req *rq, struct http_res *rs, int served, int *version)
{
    bool body = rq->body.n > 0;
    struct str type = http_header(rq, body ? S("Content-Type") : S("Accept"));
    struct str prefix = S("application/vnd.adobe.target.v");
    ptrdiff_t at = str_find(type, prefix);
    struct diag d = DIAG_INIT;

    *version = 1;
    if (at >= 0) {
        char digit = (size_t)at + prefix.n < type.n ? type.p[(size_t)at + prefix.n] : '0';
        if (digit < '1' || digit > '0' + served) {
            (void)diag_set(&d, ERR_INVALID,
                           "Unsupported features detected: versions 1 to %d of this resource are served, "
                           "not '%.*s'",
                           served, STR_ARG(type));
            admin_fail(rq, rs, STYLE, 406, ERR_INVALID, &d);
            return false;
        }
        *version = digit - '0';
        return true;
    }
    if (body && type.n > 0 && str_find(type, S("json")) < 0) {
        (void)diag_set(&d, ERR_INVALID, "body type '%.*s' is not supported: send application/vnd.adobe.target.v%d+json",
                       STR_ARG(type), served);
        admin_fail(rq, rs, STYLE, 415, ERR_INVALID, &d);
        return false;
    }
    *version = body || str_find(type, S("json")) >= 0 ? served : 1;
    return true;
}

struct jw
target_json(struct http_res *rs, int status, int version)
{
    struct jw w;

    buf_clear(rs->body);
    w = admin_json(rs, status);
    rs->content_type = media[version >= 1 && version <= 3 ? version : 0];
    return w;
}

void
target_answer(struct http_res *rs, int status, int version, struct str text)
{
    struct jw w = target_json(rs, status, version);

    jw_raw(&w, text);
}

/* ---- lists ---- */

static struct str
text_of(struct arena *a, const struct json *v)
{
    struct buf b;
    struct str s;

    if (v == NULL || json_is(v, JSON_STRING))
        return json_str(v);
    buf_init(&b, 4096);
    json_write(&b, v);
    s = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* "approved,saved", "!deleted", "2026-01-01/2026-02-01" (from, before). */
static bool
value_passes(struct str have, struct str want)
{
    bool negated = str_starts(want, S("!")), any = false;
    struct str rest = negated ? str_slice(want, 1, want.n) : want, one;
    ptrdiff_t slash = str_find_char(rest, '/');

    if (slash > 0 && have.n > 0)
        any = str_cmp(have, str_slice(rest, 0, (size_t)slash)) >= 0 &&
              str_cmp(have, str_slice(rest, (size_t)slash + 1, rest.n)) < 0;
    else
        while (!any && str_split(&rest, ',', &one))
            any = str_eq(have, one);
    return any != negated;
}

static bool
passes(struct http_req *rq, const struct json *o)
{
    struct str rest = rq->query, key, value;

    while (url_query_next(&rest, &key, &value)) {
        if (str_eq(key, S("limit")) || str_eq(key, S("offset")) || str_eq(key, S("sortBy")))
            continue;
        if (!value_passes(text_of(rq->arena, json_path(o, key)), url_decode(value, true, rq->arena)))
            return false;
    }
    return true;
}

struct entry {
    const struct json *object;
    struct str sort; /* fields left to compare: "name,-id" */
    struct arena *arena;
};

static int
by_fields(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    struct str rest = a->sort, field;
    int order = 0;

    while (order == 0 && rest.n > 0 && str_split(&rest, ',', &field)) {
        bool down = str_starts(field, S("-"));
        const struct json *va, *vb;
        if (down)
            field = str_slice(field, 1, field.n);
        va = json_get(a->object, field);
        vb = json_get(b->object, field);
        if (json_is_number(va) && json_is_number(vb))
            order = json_f64(va, 0) < json_f64(vb, 0) ? -1 : json_f64(va, 0) > json_f64(vb, 0);
        else
            order = str_cmp(text_of(a->arena, va), text_of(b->arena, vb));
        order = down ? -order : order;
    }
    return order;
}

struct gather {
    struct http_req *rq;
    struct entry *items;
    size_t n, cap;
    struct str sort;
    bool nomem;
};

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;

    (void)id;
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
    g->items[g->n++] = (struct entry){object, g->sort, g->rq->arena};
}

void
target_list(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
            const char *plural, void (*write)(struct jw *w, const struct json *o))
{
    target_list_with(call, rq, rs, version, kind, plural, write, NULL);
}

void
target_list_with(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                 const char *plural, void (*write)(struct jw *w, const struct json *o), const struct json *first)
{
    struct gather g = {.rq = rq, .sort = http_query(rq, S("sortBy"))};
    struct admin_page page = admin_page(rq, INT32_MAX, INT32_MAX);
    struct diag d = DIAG_INIT;
    struct jw w;

    if (first != NULL)
        gather_one(&g, S_NULL, first);
    snapshot_each(call->snap, str_of(kind), call->scope, gather_one, &g);
    if (g.nomem) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "the list exceeds request memory"), &d);
        return;
    }
    if (g.sort.n > 0 && g.n > 0)
        qsort(g.items, g.n, sizeof *g.items, by_fields);
    w = target_json(rs, 200, version);
    jw_object(&w);
    jw_ki64(&w, S("total"), (int64_t)g.n);
    if (http_query(rq, S("offset")).p != NULL)
        jw_ki64(&w, S("offset"), (int64_t)page.start);
    if (http_query(rq, S("limit")).p != NULL)
        jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_key(&w, str_of(plural));
    jw_array(&w);
    for (size_t i = page.start; i < g.n && i - page.start < page.limit; i++)
        write(&w, g.items[i].object);
    jw_end(&w);
    jw_end(&w);
}

/* ---- one object ---- */

const struct json *
target_find(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, struct str id)
{
    const struct json *o = snapshot_object(call->snap, str_of(kind), call->scope, id);

    if (o == NULL)
        admin_not_found(rq, rs, STYLE, kind, id);
    return o;
}

void
target_save(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind, struct str id,
            struct edit *e)
{
    struct str text = edit_text(e);
    uint64_t at = snapshot_object_version(call->snap, str_of(kind), call->scope, id);
    struct diag d = DIAG_INIT;
    enum err rc = e->nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
                           : admin_save(call, rq, kind, id, text, at, &d);

    if (rc == ERR_OK)
        target_answer(rs, 200, version, text);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

void
target_create(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
              struct edit *e)
{
    struct diag d = DIAG_INIT;
    struct str text;
    int64_t id;
    enum err rc = admin_create_numbered(call, rq, kind, e, &id, &text, &d);

    if (rc == ERR_OK)
        target_answer(rs, 201, version, text);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

static void delete (struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                    struct str id)
{
    const struct json *o = target_find(call, rq, rs, kind, id);
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc;

    if (o == NULL)
        return;
    rc = config_delete(call->admin->o.config, str_of(kind), call->scope, id, rq->now_ms, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = target_json(rs, 200, version); /* the snapshot of this call still has it */
    jw_json(&w, o);
}

static void
put_id(struct edit *e, struct str id)
{
    int64_t n = 0;

    (void)str_to_i64(id, &n); /* it is the key of a stored object */
    edit_put_i64(e, e->root, S("id"), n);
}

/* ---- offers ---- */

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
    struct jw w;
    int version;

    if (!target_media(rq, rs, OFFER_VERSIONS, &version))
        return;
    o = find_offer(ctx, rq, params, rs);
    if (o == NULL)
        return;
    w = target_json(rs, 200, version);
    jw_json(&w, o);
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
    put_id(&e, id);
    put_offer(&e, rq);
    target_save(ctx, rq, rs, version, "offer", id, &e);
}

static void
offer_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, OFFER_VERSIONS, &version) && find_offer(ctx, rq, params, rs) != NULL)
        delete (ctx, rq, rs, version, "offer", route_param(params, S("id")));
}

/* ---- audiences ---- */

#define AUDIENCE_VERSIONS 3

static void
write_whole(struct jw *w, const struct json *o)
{
    jw_json(w, o);
}

static void
audiences_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        target_list(ctx, rq, rs, version, "targetAudience", "audiences", write_whole);
}

static void
put_audience(struct edit *e, struct http_req *rq)
{
    edit_default_raw(e, e->root, S("origin"), S("\"target\""));
    edit_default_raw(e, e->root, S("type"), S("\"reusable\""));
    edit_default_raw(e, e->root, S("status"), S("\"saved\""));
    edit_default_raw(e, e->root, S("workspace"), S("\"\""));
    edit_put_time(e, e->root, S("modifiedAt"), rq->now_ms);
}

static void
audiences_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    e = edit_of(rq->arena, body);
    put_audience(&e, rq);
    edit_put_time(&e, e.root, S("createdAt"), rq->now_ms);
    target_create(ctx, rq, rs, version, "targetAudience", &e);
}

static void
audience_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    struct jw w;
    int version;

    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        return;
    o = target_find(ctx, rq, rs, "targetAudience", route_param(params, S("id")));
    if (o == NULL)
        return;
    w = target_json(rs, 200, version);
    jw_json(&w, o);
}

static void
change_audience(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs,
                bool merge)
{
    const struct json *body = NULL, *old;
    struct str id = route_param(params, S("id"));
    struct edit e;
    int version;

    if (!target_media(rq, rs, AUDIENCE_VERSIONS, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    old = target_find(call, rq, rs, "targetAudience", id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, merge ? old : body);
    if (merge)
        edit_merge(&e, body);
    put_id(&e, id);
    put_audience(&e, rq);
    edit_put_json(&e, e.root, S("createdAt"), json_get(old, S("createdAt")));
    target_save(call, rq, rs, version, "targetAudience", id, &e);
}

static void
audience_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change_audience(ctx, rq, params, rs, false);
}

static void
audience_patch(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    change_audience(ctx, rq, params, rs, true);
}

static void
audience_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, AUDIENCE_VERSIONS, &version))
        delete (ctx, rq, rs, version, "targetAudience", route_param(params, S("id")));
}

/* ---- properties ---- */

static void
properties_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    (void)params;
    if (target_media(rq, rs, 1, &version))
        target_list(ctx, rq, rs, version, "property", "properties", write_whole);
}

/* Name and channel are the client's; the token is made once and stays. */
static bool
check_property(struct http_req *rq, struct http_res *rs, const struct json *body)
{
    static const char *const channels[] = {"web", "mobile", "email", "other"};
    struct str channel = json_str(json_get(body, S("channel")));
    struct diag d = DIAG_INIT;

    if (json_str(json_get(body, S("name"))).n == 0) {
        (void)diag_set_path(&d, ERR_INVALID, "name", "name must be a text that is not empty");
        admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
        return false;
    }
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        if (str_eq(channel, str_of(channels[i])))
            return true;
    }
    (void)diag_set_path(&d, ERR_INVALID, "channel", "channel must be web, mobile, email or other, got '%.*s'",
                        STR_ARG(channel));
    admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
    return false;
}

static void
properties_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL;
    struct edit e;
    int version;

    (void)params;
    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body) || !check_property(rq, rs, body))
        return;
    e = edit_of(rq->arena, body);
    /* OURS: one that comes from elsewhere keeps its token, because pages send it. */
    if (edit_str(edit_get(e.root, S("token"))).n == 0)
        edit_put_str(&e, e.root, S("token"), admin_new_uuid(rq));
    edit_default_raw(&e, e.root, S("workspaces"), S("[]"));
    edit_put_time(&e, e.root, S("createdAt"), rq->now_ms);
    edit_put_time(&e, e.root, S("modifiedAt"), rq->now_ms);
    target_create(ctx, rq, rs, version, "property", &e);
}

static void
property_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *o;
    struct jw w;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    o = target_find(ctx, rq, rs, "property", route_param(params, S("id")));
    if (o == NULL)
        return;
    w = target_json(rs, 200, version);
    jw_json(&w, o);
}

static void
property_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const struct json *body = NULL, *old;
    struct str id = route_param(params, S("id"));
    struct edit e;
    int version;

    if (!target_media(rq, rs, 1, &version) || !admin_body_object(rq, rs, STYLE, &body) || !check_property(rq, rs, body))
        return;
    old = target_find(ctx, rq, rs, "property", id);
    if (old == NULL)
        return;
    e = edit_of(rq->arena, body);
    put_id(&e, id);
    edit_put_json(&e, e.root, S("token"), json_get(old, S("token")));
    edit_put_json(&e, e.root, S("createdAt"), json_get(old, S("createdAt")));
    edit_put_time(&e, e.root, S("modifiedAt"), rq->now_ms);
    target_save(ctx, rq, rs, version, "property", id, &e);
}

static void
property_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    int version;

    if (target_media(rq, rs, 1, &version))
        delete (ctx, rq, rs, version, "property", route_param(params, S("id")));
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
    {HTTP_GET, BASE "/audiences", 0, audiences_get},
    {HTTP_POST, BASE "/audiences", LIMIT_ADMIN_BODY_BYTES, audiences_post},
    {HTTP_GET, BASE "/audiences/{id}", 0, audience_get},
    {HTTP_PUT, BASE "/audiences/{id}", LIMIT_ADMIN_BODY_BYTES, audience_put},
    {HTTP_PATCH, BASE "/audiences/{id}", LIMIT_ADMIN_BODY_BYTES, audience_patch},
    {HTTP_DELETE, BASE "/audiences/{id}", 0, audience_delete},
    {HTTP_GET, BASE "/properties", 0, properties_get},
    {HTTP_POST, BASE "/properties", LIMIT_ADMIN_BODY_BYTES, properties_post},
    {HTTP_GET, BASE "/properties/{id}", 0, property_get},
    {HTTP_PUT, BASE "/properties/{id}", LIMIT_ADMIN_BODY_BYTES, property_put},
    {HTTP_DELETE, BASE "/properties/{id}", 0, property_delete},
};
const struct family family_target = {routes, sizeof routes / sizeof *routes, STYLE, false};
