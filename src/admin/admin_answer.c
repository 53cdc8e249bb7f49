/* admin_answer.c - what every family says in the same words: errors in five documented shapes, bodies, ids, paging.
 *
 *   ERRORS_PROBLEM  {"type","status","title","detail"[,"report"]}            [PLATFORM 1.3, style 1]
 *   ERRORS_PROFILE  {"message","cause","statusCode"}, 404 the code alone     [PLATFORM 1.3, style 2]
 *   ERRORS_FLOW     {"errorMessage","errorDetails"}                          [PLATFORM 1.3, style 3]
 *   ERRORS_UPAPI    {"requestId","errors":{"404":[{"code","message"}]},...}  [SEGMENTATION 17.1]
 *   ERRORS_TARGET   {"httpStatus","requestId","requestTime","errors":[...]}  [TARGET 6.1] */
#include "admin/admin_int.h"
#include "base/civil.h"
#include "base/limits.h"

static const char *
title_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "NotAcceptableError";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Payload Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Entity";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    default:
        return status >= 500 ? "Internal Server Error" : "Error";
    }
}

/* A limit in a document is a fault of the document, not of the transfer. */
static int
status_of(enum err rc)
{
    return rc == ERR_LIMIT ? 400 : http_status_of(rc);
}

static void
fail_problem(struct jw *w, int status, const struct diag *d)
{
    jw_kstr(w, S("type"), S("https://ns.adobe.com/aep/errors/EDGEWISE-platform"));
    jw_ki64(w, S("status"), status);
    jw_kstr(w, S("title"), str_of(title_of(status)));
    jw_kstr(w, S("detail"), str_of(d->what));
    if (d->path[0] == '\0' && d->hint[0] == '\0')
        return;
    jw_key(w, S("report"));
    jw_object(w);
    if (d->path[0] != '\0' && d->path[0] != '@')
        jw_kstr(w, S("path"), str_of(d->path));
    if (d->hint[0] != '\0')
        jw_kstr(w, S("hint"), str_of(d->hint));
    jw_end(w);
}

static void
fail_profile(struct http_req *rq, struct jw *w, int status, const struct diag *d)
{
    if (status != 404) {
        jw_kstr(w, S("message"), str_of(d->what));
        jw_kstr(w, S("cause"), str_of(d->path[0] ? d->path : title_of(status)));
    }
    jw_kstr(w, S("statusCode"), arena_printf(rq->arena, "%d", status));
}

/* "PQL-TYPE: line 1 ..." and "UPAPI-...: ..." carry their own code; else the code of the status. */
static struct str
upapi_code(struct http_req *rq, int status, enum err rc, const struct diag *d)
{
    const char *colon = strchr(d->what, ':');

    if ((strncmp(d->what, "PQL-", 4) == 0 || strncmp(d->what, "UPAPI-", 6) == 0) && colon != NULL)
        return arena_str(rq->arena, (struct str){d->what, (size_t)(colon - d->what)});
    if (status == 404)
        return S("UPAPI-113430-404");
    if (status == 400 && rc == ERR_INVALID && strcmp(d->path, "@used") == 0)
        return S("UPAPI-113631-403");
    if (status == 400 && rc == ERR_LIMIT && strcmp(d->path, "ids") == 0)
        return S("UPAPI-113015-400");
    if (status >= 500)
        return S("UPAPI-113751-500");
    return arena_printf(rq->arena, "UPAPI-113434-%d", status);
}

/* Shapes without a member for a hint have it at the message's end. */
static struct str
message_with_hint(struct http_req *rq, const struct diag *d)
{
    return d->hint[0] == '\0' ? str_of(d->what) : arena_printf(rq->arena, "%s (%s)", d->what, d->hint);
}

static void
fail_upapi(struct http_req *rq, struct http_res *rs, struct jw *w, int status, enum err rc, const struct diag *d)
{
    struct str code = upapi_code(rq, status, rc, d);

    jw_kstr(w, S("requestId"), admin_request_id(rq, rs));
    jw_key(w, S("errors"));
    jw_object(w);
    jw_key(w, arena_printf(rq->arena, "%d", status));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("code"), code);
    jw_kstr(w, S("message"), message_with_hint(rq, d));
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_kstr(w, S("type"), arena_printf(rq->arena, "https://ns.adobe.com/aep/errors/%.*s", STR_ARG(code)));
    jw_kstr(w, S("title"), str_of(title_of(status)));
    jw_ki64(w, S("status"), status);
}

static void
fail_target(struct http_req *rq, struct http_res *rs, struct jw *w, int status, enum err rc, const struct diag *d)
{
    struct str code = status == 404                                     ? S("NotFound.Entity")
                      : status == 409                                   ? S("Conflict.Entity")
                      : status == 403                                   ? S("Forbidden.Entity")
                      : status == 401                                   ? S("Unauthorized")
                      : status == 429                                   ? S("TooManyRequests")
                      : status == 406 || status == 415 || status == 405 ? S("Unsupported.Feature")
                      : rc == ERR_INVALID || rc == ERR_LIMIT            ? S("InvalidProperty.Json")
                                                                        : S("Internal.Error");

    jw_ki64(w, S("httpStatus"), status);
    jw_kstr(w, S("requestId"), admin_request_id(rq, rs));
    jw_ktime(w, S("requestTime"), rq->now_ms);
    jw_key(w, S("errors"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("errorCode"), code);
    jw_kstr(w, S("message"), message_with_hint(rq, d));
    jw_key(w, S("meta"));
    jw_object(w);
    if (d->path[0] != '\0' && d->path[0] != '@')
        jw_kstr(w, S("path"), str_of(d->path));
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

void
admin_fail(struct http_req *rq, struct http_res *rs, enum error_style style, int status, enum err rc,
           const struct diag *d)
{
    struct jw w;

    if (status == 0)
        status = status_of(rc);
    buf_clear(rs->body);
    w = admin_json(rs, status);
    if (status == 503)
        rs->retry_after_s = 5;
    jw_object(&w);
    switch (style) {
    case ERRORS_PROFILE:
        fail_profile(rq, &w, status, d);
        break;
    case ERRORS_FLOW:
        jw_kstr(&w, S("errorMessage"), str_of(d->what));
        jw_kstr(&w, S("errorDetails"), str_of(d->what));
        break;
    case ERRORS_UPAPI:
        fail_upapi(rq, rs, &w, status, rc, d);
        break;
    case ERRORS_TARGET:
        fail_target(rq, rs, &w, status, rc, d);
        break;
    case ERRORS_PROBLEM:
        fail_problem(&w, status, d);
        break;
    }
    jw_end(&w);
}

void
admin_not_found(struct http_req *rq, struct http_res *rs, enum error_style style, const char *kind, struct str id)
{
    struct diag d = DIAG_INIT;

    admin_fail(rq, rs, style, 404, diag_set(&d, ERR_NOT_FOUND, "%s '%.*s' not found", kind, STR_ARG(id)), &d);
}

/* Header or the one made for this answer. */
struct str
admin_request_id(struct http_req *rq, const struct http_res *rs)
{
    for (size_t i = 0; i < rs->header_count; i++) {
        if (str_eq_nocase(rs->headers[i].name, S("x-request-id")))
            return rs->headers[i].value;
    }
    return http_header(rq, S("x-request-id"));
}

bool
admin_body(struct http_req *rq, struct http_res *rs, enum error_style style, const struct json **out)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    if (style == ERRORS_PROBLEM && rq->body.n > 0 && http_header(rq, S("Content-Type")).n == 0) {
        struct jw w;
        buf_clear(rs->body);
        w = admin_json(rs, 400);
        jw_object(&w);
        jw_kstr(&w, S("type"), S("https://ns.adobe.com/aep/errors/EDGEWISE-platform"));
        jw_ki64(&w, S("status"), 400);
        jw_kstr(&w, S("title"), S("BadRequestError"));
        jw_kstr(&w, S("detail"), S("a valid content-type must be specified"));
        jw_end(&w);
        return false;
    }
    rc = json_parse(rq->body, rq->arena, out, &d);
    if (rc == ERR_OK)
        return true;
    if (rq->body.n == 0)
        (void)diag_set(&d, ERR_INVALID, "the request needs a JSON body");
    admin_fail(rq, rs, style, rc == ERR_NOMEM ? 413 : 400, rc, &d);
    return false;
}

bool
admin_body_object(struct http_req *rq, struct http_res *rs, enum error_style style, const struct json **out)
{
    struct diag d = DIAG_INIT;

    if (!admin_body(rq, rs, style, out))
        return false;
    if (json_is(*out, JSON_OBJECT))
        return true;
    (void)diag_set(&d, ERR_INVALID, "the body must be a JSON object, found %s", json_type_name(json_type(*out)));
    admin_fail(rq, rs, style, 400, ERR_INVALID, &d);
    return false;
}

struct jw
admin_json(struct http_res *rs, int status)
{
    rs->status = status;
    rs->content_type = "application/json";
    return jw_to(rs->body);
}

void
admin_text(struct http_res *rs, int status, struct str json_text)
{
    struct jw w;

    buf_clear(rs->body);
    w = admin_json(rs, status);
    jw_raw(&w, json_text);
}

void
admin_empty(struct http_res *rs, int status)
{
    buf_clear(rs->body);
    rs->status = status;
    rs->content_type = NULL;
}

struct str
admin_new_id(struct http_req *rq)
{
    return arena_printf(rq->arena, "%016llx%08llx", (unsigned long long)rng_u64(rq->rng),
                        (unsigned long long)(rng_u64(rq->rng) & 0xffffffffu));
}

struct str
admin_new_uuid(struct http_req *rq)
{
    char text[UUID_TEXT_BYTES];

    rng_uuid(rq->rng, text);
    return arena_str(rq->arena, (struct str){text, UUID_TEXT_BYTES});
}

struct admin_page
admin_page(const struct http_req *rq, size_t limit_default, size_t limit_max)
{
    struct admin_page page = {0, limit_default};
    uint64_t n;

    if (str_to_u64(http_query(rq, S("start")), &n) || str_to_u64(http_query(rq, S("offset")), &n))
        page.start = n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n;
    if (str_to_u64(http_query(rq, S("limit")), &n) && n > 0)
        page.limit = n > limit_max ? limit_max : (size_t)n;
    return page;
}

void
admin_write_sandbox(struct jw *w, const struct snapshot *snap, struct str org, struct str name)
{
    const struct json *sandbox = snapshot_object(snap, S("sandbox"), org, name);

    jw_object(w);
    jw_kstr(w, S("sandboxId"), json_str(json_get(sandbox, S("id"))));
    jw_kstr(w, S("sandboxName"), name);
    jw_kstr(w, S("type"), sandbox == NULL ? S("production") : json_str(json_get(sandbox, S("type"))));
    jw_kbool(w, S("default"), str_eq(name, S("prod")));
    jw_end(w);
}

struct str
admin_sandbox_text(struct arena *a, const struct snapshot *snap, struct str org, struct str name)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    admin_write_sandbox(&w, snap, org, name);
    return buf_ok(&b) ? buf_str(&b) : S("{}");
}

/* ---- saving ---- */

enum err
admin_save(struct call *call, struct http_req *rq, const char *kind, struct str id, struct str json, uint64_t version,
           struct diag *d)
{
    struct config_change change = {str_of(kind), call->scope, id, json, version};

    return config_apply(call->admin->o.config, &change, 1, rq->now_ms, d);
}

struct id_search {
    int64_t highest;
};

static void
highest_id(void *ctx, struct str id, const struct json *object)
{
    struct id_search *search = ctx;
    int64_t n;

    (void)object;
    if (str_to_i64(id, &n) && n > search->highest)
        search->highest = n;
}

/* OURS: "?id=1001" asks for a number, because the hash of an activity that comes from elsewhere contains it. 0: none
 * asked. */
static enum err
asked_number(struct http_req *rq, int64_t *id, struct diag *d)
{
    struct str text = http_query(rq, S("id"));

    *id = 0;
    if (text.p == NULL || (str_to_i64(text, id) && *id >= 1 && *id <= LIMIT_OBJECT_NUMBER))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "id", "id must be a number from 1 to %lld, got '%.*s'",
                         (long long)LIMIT_OBJECT_NUMBER, (int)(text.n < 40 ? text.n : 40), text.p);
}

#define FIRST_NUMERIC_ID 1001
#define CREATE_TRIES 16 /* writers at once: each loses to at least one other that got through */

enum err
admin_create_numbered(struct call *call, struct http_req *rq, const char *kind, struct edit *e, int64_t *id,
                      struct str *text, struct diag *d)
{
    int64_t asked;
    enum err rc = asked_number(rq, &asked, d);

    if (rc != ERR_OK)
        return rc;
    for (int i = 0; i < CREATE_TRIES; i++) {
        const struct snapshot *s = snapshot_get(call->admin->o.config);
        const struct json *counter = snapshot_object(s, S("counter"), call->scope, str_of(kind));
        struct id_search search = {json_i64(json_get(counter, S("last")), FIRST_NUMERIC_ID - 1)};
        struct str taken = arena_printf(rq->arena, "%lld", (long long)asked);
        bool is_taken = asked > 0 && snapshot_object(s, str_of(kind), call->scope, taken) != NULL;
        struct config_change changes[2] = {{.kind = str_of(kind), .scope = call->scope},
                                           {.kind = S("counter"), .scope = call->scope, .id = str_of(kind)}};

        snapshot_each(s, str_of(kind), call->scope, highest_id, &search);
        changes[1].version = snapshot_object_version(s, S("counter"), call->scope, str_of(kind));
        snapshot_put(call->admin->o.config, s);
        if (is_taken)
            return diag_set_path(d, ERR_EXISTS, "id", "%s %lld exists already", kind, (long long)asked);
        *id = asked > 0 ? asked : search.highest + 1;
        search.highest = *id > search.highest ? *id : search.highest;
        edit_put_i64(e, e->root, S("id"), *id);
        *text = edit_text(e);
        if (e->nomem)
            return diag_set(d, ERR_LIMIT, "the document exceeds request memory");
        changes[0].id = arena_printf(rq->arena, "%lld", (long long)*id);
        changes[0].json = *text;
        changes[1].json = arena_printf(rq->arena, "{\"id\":\"%s\",\"last\":%lld}", kind, (long long)search.highest);
        rc = config_apply(call->admin->o.config, changes, 2, rq->now_ms, d);
        if (rc != ERR_EXISTS || strcmp(d->path, "@version") != 0)
            break;
    }
    return rc;
}
