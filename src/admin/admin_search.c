/* admin_search.c - /data/core/ups/search: audiences by words [SEGMENTATION 17.9].
 *
 * Folders are Audience Manager's; here every audience lies in the folder "root".   OURS */
#include "admin/admin_list.h"
#include "admin/admin_search_query.h"
#include "base/limits.h"
#include "codec/base64.h"

#define STYLE ERRORS_UPAPI
#define SEARCH "/data/core/ups/search"
#define CLASS "_xdm.context.segmentdefinition"
#define ROOT S("root")
#define PAGE_MAX 50

struct search {
    struct search_query *query;
    struct str namespace; /* empty: every */
    struct str folder;    /* empty: every */
    struct str entity;    /* empty: every */
};

static struct str
namespace_of(const struct json *o)
{
    struct str ns = json_str(json_get(o, S("namespace")));

    return ns.n > 0 ? ns : S("AEPSegments");
}

static bool
passes(void *ctx, struct http_req *rq, struct str id, const struct json *o)
{
    const struct search *s = ctx;
    struct str texts[SEARCH_FIELDS] = {[SEARCH_NAME] = json_str(json_get(o, S("name"))),
                                       [SEARCH_DESCRIPTION] = json_str(json_get(o, S("description"))),
                                       [SEARCH_ID] = id,
                                       [SEARCH_FOLDER] = ROOT};

    (void)rq;
    return (s->namespace.n == 0 || str_eq(s->namespace, namespace_of(o))) &&
           (s->folder.n == 0 || str_eq(s->folder, ROOT)) && (s->entity.n == 0 || str_eq(s->entity, id)) &&
           search_matches(s->query, texts);
}

static enum err
read_search(struct http_req *rq, bool scoped, struct search *out, struct diag *d)
{
    struct str version = http_header(rq, S("x-ups-search-version")), class = http_query(rq, S("schema.name"));

    if (class.n == 0)
        class = http_query(rq, S("schemaClass"));
    *out = (struct search){.namespace = scoped ? http_query(rq, S("namespace")) : S_NULL};
    if (!str_eq(version, S("1.0")))
        return diag_set_path(d, ERR_INVALID, "x-ups-search-version",
                             "header x-ups-search-version must be 1.0, found '%.*s'", STR_ARG(version));
    if (!str_eq(class, S(CLASS)))
        return diag_set_path(d, ERR_INVALID, "schema.name", "schema.name must be " CLASS ", found '%.*s'",
                             STR_ARG(class));
    if (scoped && out->namespace.n == 0)
        return diag_set_path(d, ERR_INVALID, "namespace", "namespace is missing: expected such as AEPSegments");
    return search_parse(http_query(rq, S("s")), rq->arena, &out->query, d);
}

/* What the query asks for. False: the error is answered. */
static bool
find(struct call *call, struct http_req *rq, struct http_res *rs, struct search *s, enum err rc, const struct diag *d,
     struct list *out)
{
    if (rc == ERR_OK)
        return list_of(call, rq, rs, "audience", "name:asc", passes, s, out);
    admin_fail(rq, rs, STYLE, 0, rc, d);
    return false;
}

static void
write_status(struct jw *w)
{
    jw_kraw(w, S("status"), S("{\"message\":\"Success\"}"));
}

/* ---- how many, by namespace ---- */

static void
write_namespaces(struct jw *w, const struct list *l)
{
    size_t namespaces = 0;

    jw_key(w, S("namespaces"));
    jw_array(w);
    for (size_t i = 0; i < l->n; i++) {
        struct str ns = namespace_of(l->items[i].object);
        int64_t count = 0;
        size_t first = 0;

        while (!str_eq(namespace_of(l->items[first].object), ns))
            first++;
        if (first < i) /* it is written */
            continue;
        for (size_t k = i; k < l->n; k++)
            count += str_eq(namespace_of(l->items[k].object), ns);
        namespaces++;
        jw_object(w);
        jw_kstr(w, S("namespace"), ns);
        jw_kstr(w, S("displayName"), ns);
        jw_ki64(w, S("count"), count);
        jw_end(w);
    }
    jw_end(w);
    jw_ki64(w, S("totalCount"), (int64_t)namespaces);
}

static void
namespaces_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct diag d = DIAG_INIT;
    struct search s;
    struct list l;
    struct jw w;
    enum err rc = read_search(rq, false, &s, &d);

    (void)params;
    if (!find(ctx, rq, rs, &s, rc, &d, &l))
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    write_namespaces(&w, &l);
    write_status(&w);
    jw_end(&w);
}

/* ---- which ---- */

static void
write_entity(struct jw *w, struct http_req *rq, const struct list_entry *e)
{
    struct str source = json_str(json_get(e->object, S("audienceId")));
    struct buf b;

    source = source.n > 0 ? source : e->id;
    buf_init_in(&b, rq->arena, LIMIT_OBJECT_NAME_BYTES * 2);
    base64_encode(&b, source);
    jw_object(w);
    jw_kstr(w, S("id"), e->id);
    jw_kstr(w, S("base64EncodedSourceId"), buf_str(&b));
    jw_kstr(w, S("sourceId"), source);
    jw_kbool(w, S("isFolder"), false);
    jw_kstr(w, S("parentFolderId"), ROOT);
    jw_kstr(w, S("name"), json_str(json_get(e->object, S("name"))));
    jw_kstr(w, S("description"), json_str(json_get(e->object, S("description"))));
    jw_end(w);
}

static void
entities_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct admin_page page = admin_page(rq, PAGE_MAX, PAGE_MAX);
    struct diag d = DIAG_INIT;
    uint64_t number = 0;
    size_t pages, from, shown = 0;
    struct search s;
    struct list l;
    struct jw w;
    enum err rc = read_search(rq, true, &s, &d);

    (void)params;
    s.folder = http_query(rq, S("entityId"));
    if (!find(ctx, rq, rs, &s, rc, &d, &l))
        return;
    pages = (l.n + page.limit - 1) / page.limit;
    if (!str_to_u64(http_query(rq, S("page")), &number) || number > INT64_MAX)
        number = 0;
    from = number < pages ? (size_t)number * page.limit : l.n;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("entities"));
    jw_array(&w);
    for (size_t i = from; i < l.n && shown < page.limit; i++, shown++)
        write_entity(&w, rq, &l.items[i]);
    jw_end(&w);
    jw_key(&w, S("page"));
    jw_object(&w);
    jw_ki64(&w, S("totalCount"), (int64_t)l.n);
    jw_ki64(&w, S("totalPages"), (int64_t)pages);
    jw_ki64(&w, S("pageOffset"), (int64_t)number);
    jw_ki64(&w, S("pageSize"), (int64_t)page.limit);
    jw_end(&w);
    write_status(&w);
    jw_end(&w);
}

/* ---- where ---- */

static void
taxonomy_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = http_query(rq, S("entityId"));
    struct diag d = DIAG_INIT;
    struct search s;
    struct list l;
    struct jw w;
    enum err rc = read_search(rq, true, &s, &d);

    (void)params;
    s.entity = id;
    if (rc == ERR_OK && id.n == 0)
        rc = diag_set_path(&d, ERR_INVALID, "entityId", "entityId is missing: expected the id of an audience");
    if (!find(ctx, rq, rs, &s, rc, &d, &l))
        return;
    if (l.n == 0) {
        admin_not_found(rq, rs, STYLE, "search object", id);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("taxonomy"));
    jw_array(&w);
    write_entity(&w, rq, &l.items[0]);
    jw_end(&w);
    write_status(&w);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, SEARCH "/namespaces", 0, namespaces_get},
    {HTTP_GET, SEARCH "/entities", 0, entities_get},
    {HTTP_GET, SEARCH "/taxonomy", 0, taxonomy_get},
};
const struct family family_search = {routes, sizeof routes / sizeof *routes, STYLE, false};
