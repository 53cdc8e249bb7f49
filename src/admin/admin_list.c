/* admin_list.c - see admin_list.h. */
#include "admin/admin_list.h"

#include "admin/admin_registry.h"
#include "base/limits.h"

#define STYLE ERRORS_UPAPI

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

bool
list_contains(struct str s, struct str part)
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

/* ---- gathering ---- */

struct gather {
    struct http_req *rq;
    struct list *out;
    size_t cap;
    bool (*passes)(void *ctx, struct http_req *rq, struct str id, const struct json *object);
    void *ctx;
    bool nomem;
};

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;
    struct list *l = g->out;
    const struct json *v;

    if (g->nomem || !registry_passes(g->rq, object) || (g->passes != NULL && !g->passes(g->ctx, g->rq, id, object)))
        return;
    if (l->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct list_entry *items = ARENA_ARRAY(g->rq->arena, struct list_entry, cap);
        if (items == NULL) {
            g->nomem = true;
            return;
        }
        if (l->n > 0)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        g->cap = cap;
    }
    v = json_get(object, l->sort_field);
    if (v == NULL)
        v = json_path(object, l->sort_field);
    l->items[l->n] = (struct list_entry){id, object, json_str(v), json_f64(v, 0), l->n};
    l->n++;
}

/* ---- order ---- */

static int
by_field(const void *x, const void *y)
{
    const struct list_entry *a = x, *b = y;
    int order = str_cmp(a->text, b->text);

    if (order == 0)
        order = a->number < b->number ? -1 : a->number > b->number;
    if (order == 0)
        order = a->place < b->place ? -1 : a->place > b->place;
    return order;
}

static int
by_field_down(const void *x, const void *y)
{
    return by_field(y, x);
}

static enum err
read_sort(struct http_req *rq, const char *sort_default, struct list *out, struct diag *d)
{
    struct str asked = http_query(rq, S("sort")), rest = asked.n > 0 ? asked : str_of(sort_default);

    (void)str_split(&rest, ':', &out->sort_field);
    out->sort = rest.p == NULL ? S("asc") : rest;
    if (out->sort_field.n == 0 || (!str_eq(out->sort, S("asc")) && !str_eq(out->sort, S("desc"))))
        return diag_set_path(d, ERR_INVALID, "sort", "sort must be FIELD:asc or FIELD:desc, found '%.*s'",
                             STR_ARG(asked));
    return ERR_OK;
}

bool
list_of(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, const char *sort_default,
        bool (*passes)(void *ctx, struct http_req *rq, struct str id, const struct json *object), void *ctx,
        struct list *out)
{
    struct gather g = {.rq = rq, .out = out, .passes = passes, .ctx = ctx};
    struct diag d = DIAG_INIT;
    enum err rc;

    *out = (struct list){0};
    rc = read_sort(rq, sort_default, out, &d);
    if (rc == ERR_OK)
        snapshot_each(call->snap, str_of(kind), call->scope, gather_one, &g);
    if (rc == ERR_OK && g.nomem)
        rc = diag_set(&d, ERR_NOMEM, "the list exceeds request memory");
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return false;
    }
    if (out->n > 0)
        qsort(out->items, out->n, sizeof *out->items, str_eq(out->sort, S("desc")) ? by_field_down : by_field);
    return true;
}

/* ---- many by id ---- */

static void
write_missing(struct jw *w, struct http_req *rq, const struct http_res *rs, const char *what)
{
    jw_object(w);
    jw_kstr(w, S("requestId"), admin_request_id(rq, rs));
    jw_key(w, S("errors"));
    jw_object(w);
    jw_key(w, S("404"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("code"), S("UPAPI-113430-404"));
    jw_kstr(w, S("message"), arena_printf(rq->arena, "%s not found", what));
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

/* An id of the list that stands earlier in it too. */
static bool
is_repeated(const struct json *ids, size_t at, struct str id)
{
    for (size_t i = 0; i < at; i++) {
        if (str_eq(json_str(json_get(json_at(ids, i), S("id"))), id))
            return true;
    }
    return false;
}

static enum err
check_ids(const struct json *ids, struct diag *d)
{
    size_t n = json_is(ids, JSON_ARRAY) ? json_count(ids) : 0;

    if (n == 0 || n > LIMIT_BULK_IDS)
        return diag_set_path(d, ERR_LIMIT, "ids", "ids must list 1 to %d ids, got %zu", LIMIT_BULK_IDS, n);
    for (size_t i = 0; i < n; i++) {
        const struct json *id = json_get(json_at(ids, i), S("id"));
        if (!json_is(id, JSON_STRING) || json_str(id).n == 0)
            return diag_set_path(d, ERR_INVALID, "ids", "ids[%zu] must be {\"id\": text}", i);
    }
    return ERR_OK;
}

void
list_bulk(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, const char *what,
          void (*write)(void *ctx, struct jw *w, struct str id, const struct json *object), void *ctx)
{
    const struct json *body = NULL, *ids;
    struct diag d = DIAG_INIT;
    size_t found = 0;
    struct jw w;
    enum err rc;

    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    ids = json_get(body, S("ids"));
    rc = check_ids(ids, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 400, rc, &d);
        return;
    }
    w = admin_json(rs, 207);
    jw_object(&w);
    jw_key(&w, S("results"));
    jw_object(&w);
    for (size_t i = 0; i < json_count(ids); i++) {
        struct str id = json_str(json_get(json_at(ids, i), S("id")));
        const struct json *o = snapshot_object(call->snap, str_of(kind), call->scope, id);
        if (is_repeated(ids, i, id))
            continue;
        jw_key(&w, id);
        found += o != NULL;
        if (o != NULL)
            write(ctx, &w, id, o);
        else
            write_missing(&w, rq, rs, what);
    }
    jw_end(&w);
    jw_end(&w);
    if (found == 0) {
        rc = diag_set(&d, ERR_NOT_FOUND, "UPAPI-113000-404: none of the %ss was found", what);
        admin_fail(rq, rs, STYLE, 404, rc, &d);
    }
}
