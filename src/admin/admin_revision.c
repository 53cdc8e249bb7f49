/* admin_revision.c - GET /{tenant}/target/revisions/...: what objects were, and who changed them [TARGET 6.2]. Read
 * back from the configuration's log at every call; nothing is kept for it.
 *
 * A revision's id is the object's version at that time. modifiedBy and modifiedByName are both the client id: there are
 * no users here. The record of a deletion has no author. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET
#define DOCUMENT_BYTES (LIMIT_ADMIN_BODY_BYTES * 16) /* of one parsed revision */

/* By the words of the documented path. id: the object that a client has once. */
static const struct resource {
    const char *type, *kind, *id;
} resources[] = {
    {"activity", "activity", NULL},
    {"audience", "targetAudience", NULL},
    {"offer", "offer", NULL},
    {"profileScript", "profileScript", NULL},
    {"property", "property", NULL},
    {"environment", "environment", NULL},
    {"responseToken", "responseToken", NULL},
    {"host", "host", NULL},
    {"authorizedHosts", "targetSettings", "authorizedHosts"},
};

struct row {
    uint64_t version;
    int64_t time_ms;
    struct str id, author, json; /* json: of the one that is asked for */
    const char *operation;
};

struct search {
    struct arena *arena;
    struct arena document; /* of the revision in hand */
    /* what passes */
    struct str author; /* p == NULL: whoever */
    int64_t from_ms, to_ms;
    uint64_t version; /* 0: any */
    bool newest;      /* only the newest, with its document */
    struct row *rows; /* oldest first */
    size_t n, room;
};

static enum err
add_row(struct search *s, const struct row *row, struct diag *d)
{
    if (s->newest && s->n > 0)
        s->n = 0;
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct row *rows = ARENA_ARRAY(s->arena, struct row, room);
        if (rows == NULL)
            return diag_set(d, ERR_LIMIT, "the revisions exceed request memory: ask for a shorter time");
        if (s->n > 0)
            memcpy(rows, s->rows, s->n * sizeof *rows);
        s->rows = rows;
        s->room = room;
    }
    s->rows[s->n++] = *row;
    return ERR_OK;
}

static enum err
look_at(void *ctx, const struct config_revision *r, struct diag *d)
{
    struct search *s = ctx;
    struct row row = {.version = r->version, .time_ms = r->time_ms, .operation = "delete"};
    const struct json *o = NULL;
    struct str author;
    enum err rc = ERR_OK;

    if (r->time_ms < s->from_ms || r->time_ms > s->to_ms || (s->version != 0 && r->version != s->version))
        return ERR_OK;
    arena_reset(&s->document);
    if (r->json.p != NULL)
        rc = json_parse(r->json, &s->document, &o, d);
    if (rc != ERR_OK)
        return rc;
    if (o != NULL && !str_eq(json_str(json_get(o, S("state"))), S("deleted")))
        row.operation = r->first ? "create" : "update";
    author = json_str(json_get(o, S("modifiedByName")));
    if (s->author.p != NULL && !str_eq(author, s->author))
        return ERR_OK;
    row.id = arena_str(s->arena, r->id);
    row.author = arena_str(s->arena, author);
    if (s->newest && r->json.p != NULL)
        row.json = arena_str(s->arena, r->json);
    if (row.id.p == NULL || row.author.p == NULL || (s->newest && r->json.p != NULL && row.json.p == NULL))
        return diag_set(d, ERR_LIMIT, "the revisions exceed request memory: ask for a shorter time");
    return add_row(s, &row, d);
}

static const struct resource *
find_resource(struct http_req *rq, struct http_res *rs, struct str type)
{
    struct diag d = DIAG_INIT;

    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        if (str_eq(type, str_of(resources[i].type)))
            return &resources[i];
    }
    (void)diag_set_path(&d, ERR_INVALID, "revisionResourceType",
                        "there are revisions of activity, audience, offer, profileScript, property, environment, "
                        "responseToken, host and authorizedHosts, not of '%.*s'",
                        STR_ARG(type));
    admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
    return NULL;
}

/* An instant of the query. False: 400 is written. */
static bool
want_instant(struct http_req *rq, struct http_res *rs, const char *name, bool required, int64_t *ms)
{
    struct str text = http_query(rq, str_of(name));
    struct diag d = DIAG_INIT;
    bool date_only;

    if ((text.p == NULL && !required) || iso8601_parse(text, ms, &date_only))
        return true;
    (void)diag_set_path(&d, ERR_INVALID, name, "%s must be a date and time of ISO 8601, got '%.*s'", name,
                        STR_ARG(text));
    admin_fail(rq, rs, STYLE, 400, ERR_INVALID, &d);
    return false;
}

/* False: the failure is written. */
static bool
run(struct call *call, struct http_req *rq, struct http_res *rs, const struct resource *r, struct str id,
    struct search *s)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    s->arena = rq->arena;
    arena_init(&s->document, DOCUMENT_BYTES);
    rc = config_revisions(call->admin->o.config, str_of(r->kind), call->scope, r->id != NULL ? str_of(r->id) : id,
                          look_at, s, &d);
    arena_deinit(&s->document);
    if (rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    return rc == ERR_OK;
}

static void
write_summary(struct jw *w, const struct row *row)
{
    jw_object(w);
    jw_ki64(w, S("id"), (int64_t)row->version);
    jw_kstr(w, S("resourceId"), row->id); /* OURS: a list of many objects says whose it is */
    jw_kstr(w, S("operation"), str_of(row->operation));
    jw_kstr(w, S("modifiedBy"), row->author);
    jw_kstr(w, S("modifiedByName"), row->author);
    jw_ktime(w, S("modifiedAt"), row->time_ms);
    jw_end(w);
}

static void
write_list(struct http_req *rq, struct http_res *rs, const struct search *s)
{
    struct admin_page page;
    struct jw w;

    if (!target_page(rq, rs, &page))
        return;
    w = target_json(rs, 200, 1);
    jw_object(&w);
    jw_ki64(&w, S("total"), (int64_t)s->n);
    jw_key(&w, S("pagination"));
    jw_object(&w);
    jw_ki64(&w, S("offset"), (int64_t)page.start);
    jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_end(&w);
    jw_key(&w, S("revisions"));
    jw_array(&w);
    for (size_t i = page.start; i < s->n && i - page.start < page.limit; i++)
        write_summary(&w, &s->rows[s->n - 1 - i]);
    jw_end(&w);
    jw_end(&w);
}

/* Of all objects of a type: since an instant, by default a day ago; by one author when one is named. */
static void
type_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct search s = {.from_ms = rq->now_ms - MS_PER_DAY, .to_ms = INT64_MAX};
    const struct resource *r;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    r = find_resource(rq, rs, route_param(params, S("revisionResourceType")));
    s.author = http_query(rq, S("modifiedBy"));
    if (r != NULL && want_instant(rq, rs, "modifiedAt", false, &s.from_ms) && run(ctx, rq, rs, r, S_NULL, &s))
        write_list(rq, rs, &s);
}

static void
object_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct search s = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    const struct resource *r;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    r = find_resource(rq, rs, route_param(params, S("revisionResourceType")));
    if (r == NULL || !run(ctx, rq, rs, r, route_param(params, S("id")), &s))
        return;
    if (s.n == 0)
        admin_not_found(rq, rs, STYLE, r->type, route_param(params, S("id")));
    else
        write_list(rq, rs, &s);
}

static void
answer_one(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs,
           struct search *s)
{
    const struct resource *r = find_resource(rq, rs, route_param(params, S("revisionResourceType")));
    struct str id = route_param(params, S("id"));
    struct jw w;

    s->newest = true;
    if (r == NULL || !run(call, rq, rs, r, id, s))
        return;
    if (s->n == 0) {
        admin_not_found(rq, rs, STYLE, "revision of", id);
        return;
    }
    w = target_json(rs, 200, 1);
    jw_object(&w);
    jw_key(&w, S("summary"));
    write_summary(&w, &s->rows[0]);
    jw_kstr(&w, S("jsonData"), s->rows[0].json);
    jw_end(&w);
}

/* The one that was in force at an instant. */
static void
at_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct search s = {.from_ms = INT64_MIN};
    int version;

    if (target_media(rq, rs, 1, &version) && want_instant(rq, rs, "timestamp", true, &s.to_ms))
        answer_one(ctx, rq, params, rs, &s);
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct search s = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct str revision = route_param(params, S("revisionId"));
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    if (!str_to_u64(revision, &s.version) || s.version == 0)
        admin_not_found(rq, rs, STYLE, "revision", revision);
    else
        answer_one(ctx, rq, params, rs, &s);
}

#define BASE "/{tenant}/target/revisions/{revisionResourceType}"

static const struct route routes[] = {
    {HTTP_GET, BASE, 0, type_get},
    {HTTP_GET, BASE "/{id}", 0, object_get},
    {HTTP_GET, BASE "/{id}/revision", 0, at_get},
    {HTTP_GET, BASE "/{id}/revision/{revisionId}", 0, one_get},
};
const struct family family_revision = {routes, sizeof routes / sizeof *routes, STYLE, false};
