/* admin_target.c - what all resources of the Target admin API do alike [TARGET 6.1]: media types, lists with filters,
 * and finding, saving and deleting numbered objects. */
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

void
target_write_whole(struct jw *w, const struct json *o)
{
    jw_json(w, o);
}

void
target_answer_object(struct http_res *rs, int version, const struct json *o)
{
    struct jw w = target_json(rs, 200, version);

    jw_json(&w, o);
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

bool
target_page(struct http_req *rq, struct http_res *rs, struct admin_page *page)
{
    struct str limit = http_query(rq, S("limit")), offset = http_query(rq, S("offset"));
    struct diag d = DIAG_INIT;
    enum err rc = ERR_OK;
    uint64_t n;

    if (limit.p != NULL && (!str_to_u64(limit, &n) || n == 0 || n > INT32_MAX))
        rc = diag_set_path(&d, ERR_INVALID, "limit", "limit must be an integer from 1 to %d, got '%.*s'", INT32_MAX,
                           STR_ARG(limit));
    else if (offset.p != NULL && (!str_to_u64(offset, &n) || n > INT32_MAX))
        rc = diag_set_path(&d, ERR_INVALID, "offset", "offset must be an integer from 0 to %d, got '%.*s'", INT32_MAX,
                           STR_ARG(offset));
    *page = admin_page(rq, INT32_MAX, INT32_MAX);
    if (rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 400, rc, &d);
    return rc == ERR_OK;
}

void
target_list(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
            const char *plural, void (*write)(struct jw *w, const struct json *o))
{
    target_list_with(call, rq, rs, version, kind, plural, write, NULL);
}

void
target_list_with(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                 const char *plural, void (*write)(struct jw *w, const struct json *o), const struct json *more)
{
    struct gather g = {.rq = rq, .sort = http_query(rq, S("sortBy"))};
    struct json_iter it = json_iter(more);
    struct admin_page page;
    struct diag d = DIAG_INIT;
    struct jw w;

    if (!target_page(rq, rs, &page))
        return;
    while (json_next(&it))
        gather_one(&g, S_NULL, it.value);
    if (kind != NULL)
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
    uint64_t at = snapshot_object_version(call->snap, str_of(kind), call->scope, id);
    struct diag d = DIAG_INIT;
    struct str text;
    enum err rc;

    edit_put_str(e, e->root, S("modifiedByName"), call->client_id);
    text = edit_text(e);
    rc = e->nomem ? diag_set(&d, ERR_LIMIT, "the document exceeds request memory")
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
    enum err rc;

    edit_put_str(e, e->root, S("modifiedByName"), call->client_id);
    rc = admin_create_numbered(call, rq, kind, e, &id, &text, &d);
    if (rc == ERR_OK)
        target_answer(rs, 201, version, text);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

void
target_delete(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind, struct str id)
{
    const struct json *o = target_find(call, rq, rs, kind, id);
    struct diag d = DIAG_INIT;
    enum err rc;

    if (o == NULL)
        return;
    rc = config_delete(call->admin->o.config, str_of(kind), call->scope, id, rq->now_ms, &d);
    if (rc == ERR_OK)
        target_answer_object(rs, version, o); /* the snapshot of this call still has it */
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
}

void
target_put_id(struct edit *e, struct str id)
{
    int64_t n = 0;

    (void)str_to_i64(id, &n); /* it is the key of a stored object */
    edit_put_i64(e, e->root, S("id"), n);
}
