/* admin_batch.c - POST /{tenant}/target/batch: several calls of the Target admin API in one [TARGET 6.7].
 *
 *   (1) the whole batch is checked: numbers, limits, what depends on what. A bad one runs nothing: 400
 *   (2) operations run one after the other, each behind those it depends on, else as they are listed
 *   (3) each is answered as if it had come alone. There is no rollback: what an operation did stays
 *
 * An operation whose dependency failed or was skipped is skipped. {operationIdResponse:N} in a URL or a body stands for
 * the id that operation N made; whoever says it must depend on N. A string that is nothing else becomes a number. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET
#define PLACEHOLDER "{operationIdResponse:"

struct operation {
    int64_t id;
    struct str method_text, url; /* url: /v2/offers/content?x=1 */
    enum http_method method;
    const struct json *depends, *headers, *body;
    bool ran, skipped;
    int status;      /* 0: not run */
    int64_t made_id; /* 0: none */
    size_t from, to; /* of its answer in batch.text */
    const char *content_type;
};

struct batch {
    struct operation *ops;
    size_t n;
    struct buf text; /* answers */
    struct buf body; /* of the operation in hand */
    struct buf answer;
};

/* ---- (1) ---- */

static enum err
bad(struct diag *d, const struct operation *op, const char *member, const char *what)
{
    return diag_set_path(d, ERR_INVALID, member, "operation %lld: %s", (long long)op->id, what);
}

static struct operation *
find_operation(const struct batch *b, int64_t id)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->ops[i].id == id)
            return &b->ops[i];
    }
    return NULL;
}

static bool
depends_on(const struct operation *op, int64_t id)
{
    struct json_iter it = json_iter(op->depends);

    while (json_next(&it)) {
        if (json_i64(it.value, -1) == id)
            return true;
    }
    return false;
}

static enum err
read_method(struct operation *op, struct diag *d)
{
    static const struct {
        const char *text;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET}, {"POST", HTTP_POST}, {"PUT", HTTP_PUT}, {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (str_eq(op->method_text, str_of(methods[i].text))) {
            op->method = methods[i].method;
            return ERR_OK;
        }
    }
    return bad(d, op, "method", "method must be GET, POST, PUT, PATCH or DELETE");
}

static enum err
check_headers(const struct operation *op, struct diag *d)
{
    struct json_iter it = json_iter(op->headers);

    if (op->headers != NULL &&
        (!json_is(op->headers, JSON_ARRAY) || json_count(op->headers) > LIMIT_BATCH_OPERATION_HEADERS))
        return bad(d, op, "headers", "headers must be a list of at most 50 objects");
    while (json_next(&it)) {
        if (json_str(json_get(it.value, S("name"))).n == 0 || !json_is(json_get(it.value, S("value")), JSON_STRING))
            return bad(d, op, "headers", "a header has a name and a value, which are texts");
    }
    return ERR_OK;
}

static enum err
read_operation(struct batch *b, const struct json *v, struct diag *d)
{
    struct operation *op = &b->ops[b->n];
    const struct json *id = json_get(v, S("operationId"));
    enum err rc;

    if (!json_is(id, JSON_INT) || json_i64(id, -1) < 0 || json_i64(id, -1) >= LIMIT_BATCH_OPERATIONS)
        return diag_set_path(d, ERR_INVALID, "operationId",
                             "operation %zu of the list: operationId must be a number from "
                             "0 to %d",
                             b->n + 1, LIMIT_BATCH_OPERATIONS - 1);
    *op = (struct operation){.id = json_i64(id, 0),
                             .method_text = json_str(json_get(v, S("method"))),
                             .url = json_str(json_get(v, S("relativeUrl"))),
                             .depends = json_get(v, S("dependsOnOperationIds")),
                             .headers = json_get(v, S("headers")),
                             .body = json_get(v, S("body"))};
    if (find_operation(b, op->id) != NULL)
        return bad(d, op, "operationId", "its operationId is used twice");
    rc = read_method(op, d);
    if (rc == ERR_OK && !str_starts(op->url, S("/")))
        rc = bad(d, op, "relativeUrl", "relativeUrl must begin with a slash");
    if (rc == ERR_OK)
        rc = check_headers(op, d);
    b->n += rc == ERR_OK;
    return rc;
}

static enum err
check_depends(const struct batch *b, const struct operation *op, struct diag *d)
{
    struct json_iter it = json_iter(op->depends);
    bool seen[LIMIT_BATCH_OPERATIONS] = {false};

    if (op->depends != NULL && !json_is(op->depends, JSON_ARRAY))
        return bad(d, op, "dependsOnOperationIds", "dependsOnOperationIds must be a list of numbers");
    if (json_count(op->depends) >= LIMIT_BATCH_OPERATIONS)
        return bad(d, op, "dependsOnOperationIds", "it depends on more than 255 operations");
    while (json_next(&it)) {
        int64_t id = json_is(it.value, JSON_INT) ? json_i64(it.value, -1) : -1;
        if (id < 0 || find_operation(b, id) == NULL)
            return bad(d, op, "dependsOnOperationIds", "it depends on an operation that is not in the batch");
        if (seen[id])
            return bad(d, op, "dependsOnOperationIds", "it depends on the same operation twice");
        seen[id] = true;
    }
    return ERR_OK;
}

/* The number behind a placeholder at `at`, and where it ends. False: it is malformed. */
static bool
read_placeholder(struct str text, size_t at, int64_t *id, size_t *end)
{
    struct str rest = str_slice(text, at + sizeof PLACEHOLDER - 1, text.n);
    ptrdiff_t close = str_find_char(rest, '}');

    *end = at + sizeof PLACEHOLDER + (size_t)(close < 0 ? 0 : close);
    return close > 0 && str_to_i64(str_slice(rest, 0, (size_t)close), id);
}

/* Whoever uses an answer waits for it. */
static enum err
check_placeholders(const struct operation *op, struct str text, struct diag *d)
{
    for (;;) {
        ptrdiff_t at = str_find(text, S(PLACEHOLDER));
        int64_t id = -1;
        size_t end;
        if (at < 0)
            return ERR_OK;
        if (!read_placeholder(text, (size_t)at, &id, &end) || !depends_on(op, id))
            return bad(d, op, "dependsOnOperationIds",
                       "it names the response of an operation that it does not depend on");
        text = str_slice(text, end, text.n);
    }
}

static bool
is_ready(const struct batch *b, const struct operation *op)
{
    struct json_iter it = json_iter(op->depends);

    while (json_next(&it)) {
        if (!find_operation(b, json_i64(it.value, -1))->ran)
            return false;
    }
    return true;
}

/* The first in the list that waits for nobody; NULL: all ran, or those left wait for each other. */
static struct operation *
next_ready(const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!b->ops[i].ran && is_ready(b, &b->ops[i]))
            return &b->ops[i];
    }
    return NULL;
}

static enum err
check_order(struct batch *b, struct diag *d)
{
    struct operation *op;

    while ((op = next_ready(b)) != NULL)
        op->ran = true;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->ops[i].ran)
            return bad(d, &b->ops[i], "dependsOnOperationIds", "it depends on itself, over others or not");
        b->ops[i].ran = false;
    }
    return ERR_OK;
}

static enum err
read_batch(struct batch *b, const struct json *body, struct arena *a, struct diag *d)
{
    const struct json *list = json_get(body, S("operations"));
    struct json_iter it = json_iter(list);
    enum err rc = ERR_OK;

    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > LIMIT_BATCH_OPERATIONS)
        return diag_set_path(d, ERR_INVALID, "operations", "operations must be a list of 1 to %d objects",
                             LIMIT_BATCH_OPERATIONS);
    b->ops = ARENA_ARRAY(a, struct operation, json_count(list));
    if (b->ops == NULL)
        return diag_set(d, ERR_NOMEM, "the batch exceeds request memory");
    while (rc == ERR_OK && json_next(&it))
        rc = read_operation(b, it.value, d);
    for (size_t i = 0; rc == ERR_OK && i < b->n; i++) {
        rc = check_depends(b, &b->ops[i], d);
        if (rc == ERR_OK)
            rc = check_placeholders(&b->ops[i], b->ops[i].url, d);
        buf_clear(&b->body);
        if (rc == ERR_OK && b->ops[i].body != NULL) {
            json_write(&b->body, b->ops[i].body);
            rc = check_placeholders(&b->ops[i], buf_str(&b->body), d);
        }
    }
    return rc == ERR_OK ? check_order(b, d) : rc;
}

/* ---- (2) ---- */

/* `text` with ids for placeholders. quoted: in JSON a string that is a placeholder becomes a number. False: an
 * operation that made nothing is asked for its id. */
static bool
fill(const struct batch *b, struct buf *out, struct str text, bool quoted)
{
    for (;;) {
        ptrdiff_t at = str_find(text, S(PLACEHOLDER));
        size_t begin, end;
        int64_t id = -1;
        const struct operation *other;
        if (at < 0) {
            buf_put(out, text);
            return true;
        }
        begin = (size_t)at;
        (void)read_placeholder(text, begin, &id, &end); /* it was checked */
        other = find_operation(b, id);
        if (other == NULL || other->made_id == 0)
            return false;
        if (quoted && begin > 0 && text.p[begin - 1] == '"' && end < text.n && text.p[end] == '"') {
            begin--;
            end++;
        }
        buf_put(out, str_slice(text, 0, begin));
        buf_printf(out, "%lld", (long long)other->made_id);
        text = str_slice(text, end, text.n);
    }
}

/* "/v2/offers/content?x" -> version 2, path below the tenant, query. Without a version the headers say it. */
static void
split_url(struct http_req *rq, struct str tenant, struct str url, int *version)
{
    ptrdiff_t mark = str_find_char(url, '?');

    *version = 0;
    if (url.n > 3 && url.p[1] == 'v' && url.p[2] >= '1' && url.p[2] <= '9' && url.p[3] == '/') {
        *version = url.p[2] - '0';
        url = str_slice(url, 3, url.n);
        mark = mark < 0 ? mark : mark - 3;
    }
    rq->query = mark < 0 ? S_NULL : str_slice(url, (size_t)mark + 1, url.n);
    rq->path =
        arena_printf(rq->arena, "/%.*s/target%.*s", STR_ARG(tenant), (int)(mark < 0 ? url.n : (size_t)mark), url.p);
}

/* The operation's own headers, then those of its version. */
static bool
put_headers(struct http_req *rq, const struct operation *op, int version, struct str request_id)
{
    struct http_header *h = ARENA_ARRAY(rq->arena, struct http_header, json_count(op->headers) + 3);
    struct json_iter it = json_iter(op->headers);
    size_t n = 0;

    if (h == NULL)
        return false;
    if (version > 0) {
        struct str type = arena_printf(rq->arena, "application/vnd.adobe.target.v%d+json", version);
        h[n++] = (struct http_header){S("Content-Type"), type};
        h[n++] = (struct http_header){S("Accept"), type};
    }
    h[n++] = (struct http_header){S("x-request-id"), request_id};
    while (json_next(&it))
        h[n++] =
            (struct http_header){json_str(json_get(it.value, S("name"))), json_str(json_get(it.value, S("value")))};
    rq->headers = h;
    rq->header_count = n;
    return true;
}

static void
refuse(struct http_req *rq, struct http_res *rs, const char *what)
{
    struct diag d = DIAG_INIT;

    admin_fail(rq, rs, STYLE, 400, diag_set(&d, ERR_INVALID, "%s", what), &d);
}

static void
dispatch(const struct call *call, struct http_req *rq, struct http_res *rs)
{
    struct call inner = *call;

    inner.snap = snapshot_get(call->admin->o.config); /* what the operations before did is there */
    admin_dispatch(&inner, rq, rs);
    snapshot_put(call->admin->o.config, inner.snap);
}

/* One operation as a request of its own, whose memory is given back. */
static void
run_one(const struct call *call, const struct http_req *whole, struct str tenant, struct str request_id,
        struct batch *b, struct operation *op)
{
    struct http_req rq = *whole;
    struct http_res rs = {.body = &b->answer};
    struct arena_mark mark = arena_mark(rq.arena);
    const struct json *made = NULL;
    struct buf url;
    struct diag d = DIAG_INIT;
    int version;
    bool filled;

    buf_clear(&b->answer);
    buf_clear(&b->body);
    buf_init_in(&url, rq.arena, LIMIT_HEADER_BYTES);
    filled = fill(b, &url, op->url, false);
    if (filled && op->body != NULL) {
        struct buf text;
        buf_init_in(&text, rq.arena, LIMIT_ADMIN_BODY_BYTES * 2);
        json_write(&text, op->body);
        filled = fill(b, &b->body, buf_str(&text), true);
    }
    rq.method = op->method;
    rq.method_text = op->method_text;
    rq.body = buf_str(&b->body);
    split_url(&rq, tenant, buf_str(&url), &version);
    if (!filled)
        refuse(&rq, &rs, "an operation whose response is named made no id");
    else if (rq.path.p == NULL || !buf_ok(&url) || !put_headers(&rq, op, version, request_id))
        refuse(&rq, &rs, "the operation exceeds request memory");
    else if (str_ends(rq.path, S("/target/batch")))
        refuse(&rq, &rs, "a batch holds no batch");
    else
        dispatch(call, &rq, &rs);
    op->status = rs.status;
    op->content_type = rs.content_type;
    op->from = b->text.n;
    buf_put(&b->text, buf_str(&b->answer));
    op->to = b->text.n;
    if (rs.status == 201 && json_parse(buf_str(&b->answer), rq.arena, &made, &d) == ERR_OK)
        op->made_id = json_i64(json_get(made, S("id")), 0);
    arena_release(rq.arena, mark);
}

static bool
may_run(const struct batch *b, const struct operation *op)
{
    struct json_iter it = json_iter(op->depends);

    while (json_next(&it)) {
        const struct operation *other = find_operation(b, json_i64(it.value, -1));
        if (other->skipped || other->status >= 300)
            return false;
    }
    return true;
}

/* ---- (3) ---- */

static void
write_result(struct jw *w, const struct batch *b, const struct operation *op)
{
    jw_object(w);
    jw_ki64(w, S("operationId"), op->id);
    jw_kbool(w, S("skipped"), op->skipped);
    if (!op->skipped) {
        jw_ki64(w, S("statusCode"), op->status);
        jw_key(w, S("headers"));
        jw_array(w);
        if (op->content_type != NULL) {
            jw_object(w);
            jw_kstr(w, S("name"), S("Content-Type"));
            jw_kstr(w, S("value"), str_of(op->content_type));
            jw_end(w);
        }
        jw_end(w);
        jw_kstr(w, S("body"), str_slice(buf_str(&b->text), op->from, op->to));
    }
    jw_end(w);
}

static void
batch_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct batch b = {.n = 0};
    const struct json *body = NULL;
    struct operation *op;
    struct diag d = DIAG_INIT;
    struct jw w;
    int version;
    enum err rc;

    if (!target_media(rq, rs, 3, &version) || !admin_body_object(rq, rs, STYLE, &body))
        return;
    buf_init(&b.text, LIMIT_RESPONSE_BYTES / 2);
    buf_init(&b.body, LIMIT_ADMIN_BODY_BYTES * 2);
    buf_init(&b.answer, LIMIT_RESPONSE_BYTES / 2);
    rc = read_batch(&b, body, rq->arena, &d);
    while (rc == ERR_OK && (op = next_ready(&b)) != NULL) {
        op->ran = true;
        op->skipped = !may_run(&b, op);
        if (!op->skipped)
            run_one(call, rq, route_param(params, S("tenant")), admin_request_id(rq, rs), &b, op);
    }
    if (rc == ERR_OK) {
        w = target_json(rs, 200, 0);
        jw_object(&w);
        jw_key(&w, S("results"));
        jw_array(&w);
        for (size_t i = 0; i < b.n; i++)
            write_result(&w, &b, &b.ops[i]);
        jw_end(&w);
        jw_end(&w);
    } else {
        admin_fail(rq, rs, STYLE, rc == ERR_INVALID ? 400 : 0, rc, &d);
    }
    buf_deinit(&b.text);
    buf_deinit(&b.body);
    buf_deinit(&b.answer);
}

static const struct route routes[] = {
    {HTTP_POST, "/{tenant}/target/batch", LIMIT_ADMIN_BODY_BYTES, batch_post},
};
const struct family family_batch = {routes, sizeof routes / sizeof *routes, STYLE, false};
