/* admin_what_if.c - what recorded requests had been answered with other activities (docs/what-if.md).
 *
 *   POST   /{tenant}/target/what-if        changed activities, offers, audiences, groups; a range; an id
 *   GET    /{tenant}/target/what-if/{id}   progress, then the counts
 *   DELETE /{tenant}/target/what-if/{id}   gives it up, or forgets it
 *
 * A changed object is given by its number and the members that are to be otherwise, or whole when it is new. Nothing is
 * saved, and what saving would refuse is refused.   OURS */
#include "admin/admin_what_if.h"
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET
#define PATH "/{tenant}/target/what-if"

static const struct {
    const char *member, *kind;
} kinds[] = {
    {"activities", "activity"},      {"offers", "offer"},
    {"audiences", "targetAudience"}, {"exclusionGroups", "exclusionGroup"},
    {"properties", "property"},
};

/* ---- the draft ---- */

struct draft {
    struct call *call;
    struct http_req *rq;
    struct config_change changes[LIMIT_CONFIG_CHANGES];
    size_t n;
};

static enum err
add(struct draft *x, size_t k, size_t index, const struct json *o, struct diag *d)
{
    const struct json *id = json_get(o, S("id")), *old;
    struct config_change *c = &x->changes[x->n];
    struct edit e;

    if (!json_is(o, JSON_OBJECT) || json_i64(id, 0) <= 0)
        return diag_set_path(d, ERR_INVALID, "id", "%s[%zu] must be an object with a number as id", kinds[k].member,
                             index);
    if (x->n == LIMIT_CONFIG_CHANGES)
        return diag_set(d, ERR_LIMIT, "at most %d objects are changed in one what-if", LIMIT_CONFIG_CHANGES);
    *c = (struct config_change){.kind = str_of(kinds[k].kind),
                                .scope = x->call->scope,
                                .id = arena_printf(x->rq->arena, "%lld", (long long)json_i64(id, 0)),
                                .version = CONFIG_ANY_VERSION};
    for (size_t i = 0; i < x->n; i++) {
        if (str_eq(x->changes[i].kind, c->kind) && str_eq(x->changes[i].id, c->id))
            return diag_set_path(d, ERR_INVALID, "id", "%s[%zu] is %.*s again", kinds[k].member, index, STR_ARG(c->id));
    }
    old = snapshot_object(x->call->snap, c->kind, c->scope, c->id);
    e = edit_of(x->rq->arena, old);
    edit_merge(&e, o);
    c->json = edit_text(&e);
    if (c->json.n == 0)
        return diag_set(d, ERR_LIMIT, "the changes need more memory than a request has");
    x->n++;
    return ERR_OK;
}

static enum err
read_changes(struct draft *x, const struct json *body, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t k = 0; rc == ERR_OK && k < sizeof kinds / sizeof *kinds; k++) {
        const struct json *list = json_get(body, str_of(kinds[k].member));
        struct json_iter it = json_iter(list);
        if (list != NULL && !json_is(list, JSON_ARRAY))
            return diag_set_path(d, ERR_INVALID, kinds[k].member, "%s must be a list", kinds[k].member);
        for (size_t i = 0; rc == ERR_OK && json_next(&it); i++)
            rc = add(x, k, i, it.value, d);
    }
    return rc;
}

/* ---- the range ---- */

static enum err
read_instant(const struct json *body, const char *name, int64_t otherwise, int64_t *out, struct diag *d)
{
    const struct json *v = json_get(body, str_of(name));
    bool date_only;

    *out = otherwise;
    if (v == NULL || iso8601_parse(json_str(v), out, &date_only))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, name, "%s must be an instant such as 2026-05-04T10:00:00Z", name);
}

static enum err
read_range(const struct json *body, struct what_if *w, struct diag *d)
{
    const struct json *limit = json_get(body, S("limit")), *share = json_get(body, S("share"));
    double percent = json_f64(share, 100);
    int64_t n = json_i64(limit, LIMIT_WHAT_IF_REQUESTS);
    enum err rc = read_instant(body, "since", INT64_MIN, &w->since_ms, d);

    if (rc == ERR_OK)
        rc = read_instant(body, "until", INT64_MAX, &w->until_ms, d);
    if (rc != ERR_OK)
        return rc;
    if (w->since_ms > w->until_ms)
        return diag_set_path(d, ERR_INVALID, "until", "until must not be before since");
    if ((share != NULL && !json_is_number(share)) || percent < 0.01 || percent > 100)
        return diag_set_path(d, ERR_INVALID, "share", "share must be a number 0.01..100: percent of the visitors");
    if ((limit != NULL && !json_is(limit, JSON_INT)) || n < 1 || n > LIMIT_WHAT_IF_REQUESTS)
        return diag_set_path(d, ERR_INVALID, "limit", "limit must be 1..%d requests", LIMIT_WHAT_IF_REQUESTS);
    w->share = (unsigned)(percent * 100 + 0.5);
    w->limit = (uint64_t)n;
    return ERR_OK;
}

enum err
what_if_read(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, struct diag *d)
{
    struct draft x = {.call = call, .rq = rq};
    struct config *config = call->admin->o.config;
    enum err rc;

    if (call->admin->o.rerun.open == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process has no edge: ask one that has hub and edge");
    e->what_if = what_if_new();
    if (e->what_if == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a what-if");
    rc = read_range(body, e->what_if, d);
    if (rc == ERR_OK)
        rc = read_changes(&x, body, d);
    if (rc != ERR_OK)
        return rc;
    e->what_if->present = snapshot_get(config);
    return config_draft(config, x.changes, x.n, &e->what_if->changed, d);
}

/* ---- routes ---- */

static void
what_if_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    question_post(ctx, rq, rs, EVALUATION_WHAT_IF, what_if_read);
}

static void
write_question(struct jw *w, struct call *call, const struct evaluation *e)
{
    (void)call;
    jw_ki64(w, S("recordsReadSoFar"), (int64_t)e->read);
    jw_ki64(w, S("requestsComparedSoFar"), (int64_t)e->matched);
    if (e->state == EVALUATION_READY)
        what_if_write(w, e->what_if);
}

static void
what_if_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_get(ctx, rq, rs, EVALUATION_WHAT_IF, route_param(params, S("whatIfId")), write_question);
}

static void
what_if_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_delete(ctx, rq, rs, EVALUATION_WHAT_IF, route_param(params, S("whatIfId")));
}

static const struct route routes[] = {
    {HTTP_POST, PATH, LIMIT_ADMIN_BODY_BYTES, what_if_post},
    {HTTP_GET, PATH "/{whatIfId}", 0, what_if_get},
    {HTTP_DELETE, PATH "/{whatIfId}", 0, what_if_delete},
};
const struct family family_what_if = {routes, sizeof routes / sizeof *routes, STYLE, false};
