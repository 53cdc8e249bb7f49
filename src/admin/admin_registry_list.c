/* admin_registry_list.c - see admin_registry.h. */
#include "admin/admin_registry.h"
#include "base/limits.h"
#include "codec/url.h"

#define STYLE ERRORS_PROBLEM
#define LIST_MAX 300 /* [PLATFORM 2.2] a list returns at most this many without paging */

static bool
contains(struct str s, struct str part)
{
    return str_find(s, part) >= 0;
}

bool
registry_accept(struct http_req *rq, struct http_res *rs, bool lookup, struct registry_accept *out)
{
    struct str accept = http_header(rq, S("Accept"));
    struct diag d = DIAG_INIT;
    bool ours = contains(accept, S("application/vnd.adobe.xed")) || contains(accept, S("application/vnd.adobe.xdm"));

    *out = (struct registry_accept){SHAPE_RAW, !contains(accept, S("-notext"))};
    if (accept.n == 0) {
        admin_fail(rq, rs, STYLE, 406, diag_set(&d, ERR_INVALID, "Accept header parameter is required"), &d);
        return false;
    }
    if (!ours) {
        admin_fail(rq, rs, STYLE, 406,
                   diag_set(&d, ERR_INVALID,
                            "Unknown Accept media supplied: %.*s; expected such as "
                            "application/vnd.adobe.xed+json; version=1",
                            STR_ARG(accept)),
                   &d);
        return false;
    }
    if (contains(accept, S("-full")))
        out->shape = SHAPE_FULL;
    else if (contains(accept, S("xed-id")) || contains(accept, S("xdm-id")))
        out->shape = SHAPE_ID;
    else if (contains(accept, S("-link")))
        out->shape = SHAPE_LINK;
    if (lookup && out->shape == SHAPE_ID) { /* clients send it on look-ups too */
        out->shape = SHAPE_RAW;
        return true;
    }
    if (lookup && !contains(accept, S("version"))) {
        (void)diag_set(&d, ERR_INVALID,
                       "version must be supplied in the accept header, for example "
                       "application/vnd.adobe.xed+json; version=1");
        admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
        return false;
    }
    return true;
}

/* ---- filters ---- */

/* Text of a scalar, for comparing. */
static struct str
scalar(struct arena *a, const struct json *v)
{
    struct buf b;
    struct str s;

    if (json_is(v, JSON_STRING))
        return json_str(v);
    buf_init(&b, 256);
    json_write(&b, v);
    s = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static int
order_of(struct arena *a, const struct json *v, struct str want)
{
    double x;

    if (json_is_number(v) && str_to_f64(want, &x))
        return json_f64(v, 0) < x ? -1 : json_f64(v, 0) > x;
    return str_cmp(scalar(a, v), want);
}

static bool
equals_any(struct arena *a, const struct json *v, struct str want)
{
    struct json_iter it = json_iter(v);

    if (!json_is(v, JSON_ARRAY))
        return v != NULL && order_of(a, v, want) == 0;
    while (json_next(&it)) {
        if (order_of(a, it.value, want) == 0)
            return true;
    }
    return false;
}

/* "list~member==value": some element of the list has it [SEGMENTATION 17.5]. */
static bool
element_equals(struct arena *a, const struct json *object, struct str path, struct str want)
{
    ptrdiff_t at = str_find_char(path, '~');
    struct json_iter it = json_iter(json_path(object, str_slice(path, 0, (size_t)at)));

    while (json_next(&it)) {
        if (equals_any(a, json_path(it.value, str_slice(path, (size_t)at + 1, path.n)), want))
            return true;
    }
    return false;
}

static bool
passes_one(struct arena *a, struct str filter, const struct json *object)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "~^", "<", ">"};

    if (str_starts(filter, S("!"))) /* absent */
        return !passes_one(a, str_slice(filter, 1, filter.n), object);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        ptrdiff_t at = str_find(filter, str_of(ops[i]));
        struct str path, want;
        const struct json *v;
        if (at <= 0)
            continue;
        path = str_slice(filter, 0, (size_t)at);
        want = str_slice(filter, (size_t)at + strlen(ops[i]), filter.n);
        v = json_get(object, path);
        if (v == NULL)
            v = json_path(object, path);
        switch (i) {
        case 0:
            return str_find_char(path, '~') > 0 ? element_equals(a, object, path, want) : equals_any(a, v, want);
        case 1:
            return !equals_any(a, v, want);
        case 2:
            return v != NULL && order_of(a, v, want) <= 0;
        case 3:
            return v != NULL && order_of(a, v, want) >= 0;
        case 4:
            return str_starts(json_str(v), want);
        case 5:
            return v != NULL && order_of(a, v, want) < 0;
        default:
            return v != NULL && order_of(a, v, want) > 0;
        }
    }
    return json_get(object, filter) != NULL || json_path(object, filter) != NULL;
}

bool
registry_passes(const struct http_req *rq, const struct json *object)
{
    struct str rest = rq->query, key, value;

    while (url_query_next(&rest, &key, &value)) {
        if (str_eq(key, S("property")) && !passes_one(rq->arena, url_decode(value, true, rq->arena), object))
            return false;
    }
    return true;
}

/* ---- lists ---- */

struct gather {
    struct http_req *rq;
    struct registry_list *out;
    size_t cap;
    bool nomem;
};

static void
gather_one(void *ctx, struct str id, const struct json *object)
{
    struct gather *g = ctx;
    struct registry_list *l = g->out;

    (void)id;
    if (g->nomem || !registry_passes(g->rq, object))
        return;
    if (l->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        const struct json **items = ARENA_ARRAY(g->rq->arena, const struct json *, cap);
        if (items == NULL) {
            g->nomem = true;
            return;
        }
        if (l->n > 0)
            memcpy(items, l->items, l->n * sizeof(const struct json *));
        l->items = items;
        g->cap = cap;
    }
    l->items[l->n++] = object;
}

struct keyed {
    struct str key;
    const struct json *object;
};

static int
by_key(const void *x, const void *y)
{
    return str_cmp(((const struct keyed *)x)->key, ((const struct keyed *)y)->key);
}

static int
by_key_down(const void *x, const void *y)
{
    return by_key(y, x);
}

/* Sorts, skips to behind `start`, cuts at `limit`. */
static bool
page(struct http_req *rq, struct registry_list *l, struct str order_by, size_t limit)
{
    bool down = str_starts(order_by, S("-"));
    struct str path = down ? str_slice(order_by, 1, order_by.n) : order_by, start = http_query(rq, S("start"));
    struct keyed *all = ARENA_ARRAY(rq->arena, struct keyed, l->n);
    size_t from = 0, to;

    if (all == NULL)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const struct json *v = json_get(l->items[i], path);
        all[i] = (struct keyed){scalar(rq->arena, v ? v : json_path(l->items[i], path)), l->items[i]};
    }
    qsort(all, l->n, sizeof *all, down ? by_key_down : by_key);
    while (start.p != NULL && from < l->n &&
           (down ? str_cmp(all[from].key, start) >= 0 : str_cmp(all[from].key, start) <= 0))
        from++;
    to = l->n - from > limit ? from + limit : l->n;
    l->next = to < l->n && to > from ? all[to - 1].key : S_NULL;
    for (size_t i = from; i < to; i++)
        l->items[i - from] = all[i].object;
    l->n = to - from;
    return true;
}

bool
registry_list_of(struct call *call, struct http_req *rq, const char *kind, struct registry_list *out)
{
    struct gather g = {.rq = rq, .out = out};
    struct str order_by = http_query(rq, S("orderby"));
    uint64_t limit = LIST_MAX;

    *out = (struct registry_list){.order_by = order_by.n > 0 ? order_by : S("updated"), .next = S_NULL};
    snapshot_each(call->snap, str_of(kind), call->scope, gather_one, &g);
    if (g.nomem)
        return false;
    if (order_by.n > 0) { /* a limit holds only with an order */
        if (!str_to_u64(http_query(rq, S("limit")), &limit) || limit == 0 || limit > 500)
            limit = LIST_MAX;
        return page(rq, out, order_by, (size_t)limit);
    }
    if (out->n > LIST_MAX)
        out->n = LIST_MAX;
    return true;
}

void
registry_write_page(struct jw *w, struct http_req *rq, const struct registry_list *l)
{
    jw_key(w, S("_page"));
    jw_object(w);
    jw_kstr(w, S("orderby"), l->order_by);
    jw_key(w, S("next"));
    if (l->next.p != NULL)
        jw_str(w, l->next);
    else
        jw_null(w);
    jw_ki64(w, S("count"), (int64_t)l->n);
    jw_end(w);
    jw_key(w, S("_links"));
    jw_object(w);
    jw_key(w, S("next"));
    jw_object(w);
    if (l->next.p != NULL) {
        struct buf b;
        buf_init(&b, LIMIT_URL_BYTES);
        url_encode(&b, l->next);
        jw_kstr(w, S("href"),
                arena_printf(rq->arena, "%.*s?orderby=%.*s&start=%.*s", STR_ARG(rq->path), STR_ARG(l->order_by),
                             STR_ARG(buf_str(&b))));
        buf_deinit(&b);
    } else {
        jw_key(w, S("href"));
        jw_null(w);
    }
    jw_end(w);
    jw_key(w, S("global_schemas"));
    jw_object(w);
    jw_kstr(w, S("href"), S("/data/foundation/schemaregistry/global/schemas"));
    jw_end(w);
    jw_end(w);
}

/* ---- look-ups ---- */

struct str
registry_tenant(const struct call *call)
{
    return json_str(json_get(snapshot_object(call->snap, S("org"), call->org, call->org), S("tenant")));
}

struct search {
    struct str ref, id;
    const struct json *found;
};

static void
match_alt(void *ctx, struct str id, const struct json *object)
{
    struct search *s = ctx;

    if (str_eq(json_str(json_get(object, S("meta:altId"))), s->ref)) {
        s->found = object;
        s->id = id;
    }
}

const struct json *
registry_find(struct call *call, const char *kind, struct str ref, struct str *id)
{
    struct search s = {.ref = ref, .id = ref, .found = snapshot_object(call->snap, str_of(kind), call->scope, ref)};

    if (s.found == NULL && ref.n > 0)
        snapshot_each(call->snap, str_of(kind), call->scope, match_alt, &s);
    *id = s.id;
    return s.found;
}
