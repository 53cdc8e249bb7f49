/* admin_as_of.c - who was a member, and how many there were, at a past instant: from the topic `membership`
 * (segment/past.h).
 *
 *   POST /as-of         an instant, with an audience (its size), a person (their audiences), or both; an id
 *   GET  /as-of/{id}    the answer
 *
 * OURS */
#include "admin/admin_evaluate.h"
#include "admin/admin_xid.h"

#define STYLE ERRORS_UPAPI
#define AS_OF "/data/core/ups/as-of"

/* ---- answering, on the thread ---- */

static enum err
keep_result(struct evaluation *e, const struct past *p, struct diag *d)
{
    struct past_result r = past_result(p);
    struct str *members = ARENA_ARRAY(&e->arena, struct str, r.member_count);

    for (size_t i = 0; members != NULL && i < r.member_count; i++)
        members[i] = arena_str(&e->arena, r.members[i]);
    if (e->arena.refused)
        return diag_set(d, ERR_LIMIT, "the person was a member of too many audiences to list");
    e->past = r;
    e->past.members = members;
    return ERR_OK;
}

static bool
report(struct evaluator *ev, struct evaluation *e, const struct past *p)
{
    struct past_result r = past_result(p);

    return evaluator_report(ev, e, r.records, r.records_end);
}

enum err
as_of_run(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    struct past_options o = {e->scope, e->audience, e->ns, e->entity, e->at_ms};
    struct past *p = NULL;
    enum err rc = past_new(&o, &p, d);

    while (rc == ERR_OK && !past_done(p)) {
        if (!report(ev, e, p)) {
            rc = diag_set(d, ERR_CANCELLED, "cancelled");
            break;
        }
        rc = hub->past_slice(hub->ctx, p, d);
        if (rc == ERR_BUSY) {
            evaluator_pause(ev);
            rc = ERR_OK;
        }
    }
    if (rc == ERR_OK)
        (void)report(ev, e, p); /* it is over, wanted or not */
    if (rc == ERR_OK)
        rc = keep_result(e, p, d);
    past_free(p);
    return rc;
}

/* ---- POST ---- */

static enum err
read_instant(const struct http_req *rq, const struct json *body, int64_t *ms, struct diag *d)
{
    struct str text = json_str(json_get(body, S("at")));
    bool date_only;

    if (!iso8601_parse(text, ms, &date_only))
        return diag_set_path(d, ERR_INVALID, "at", "at must be an instant such as 2026-05-04T10:00:00Z, found '%.*s'",
                             STR_ARG(text));
    return *ms <= rq->now_ms ? ERR_OK : diag_set_path(d, ERR_INVALID, "at", "at must not be in the future");
}

/* A member of the body that is a text, or is absent. */
static enum err
read_text(const struct json *body, const char *name, struct str *out, struct diag *d)
{
    const struct json *v = json_get(body, str_of(name));

    *out = json_str(v);
    return v == NULL || out->n > 0 ? ERR_OK : diag_set_path(d, ERR_INVALID, name, "%s must be a text", name);
}

static enum err
read_question(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, struct diag *d)
{
    struct str audience = S_NULL, id = S_NULL, ns = S_NULL;
    struct xid_identity person = {0};
    enum err rc = read_instant(rq, body, &e->at_ms, d);

    if (rc == ERR_OK)
        rc = read_text(body, "audienceId", &audience, d);
    if (rc == ERR_OK)
        rc = read_text(body, "entityId", &id, d);
    if (rc == ERR_OK)
        rc = read_text(body, "entityIdNS", &ns, d);
    if (rc != ERR_OK)
        return rc;
    if (audience.n == 0 && id.n == 0)
        return diag_set(d, ERR_INVALID, "audienceId, or entityId with entityIdNS, or both are required");
    if ((id.n > 0 || ns.n > 0) && !xid_identity_of(call, ns, -1, id, rq->arena, &person))
        return diag_set(d, ERR_INVALID, "entityId with entityIdNS, or an XID as entityId, is required");
    if (audience.n > 0 && snapshot_object(call->snap, S("audience"), call->scope, audience) == NULL)
        return diag_set(d, ERR_NOT_FOUND, "audience '%.*s' not found", STR_ARG(audience));
    e->audience = arena_str(&e->arena, audience);
    e->ns = arena_str(&e->arena, person.ns);
    e->entity = arena_str(&e->arena, person.id);
    return ERR_OK;
}

static void
as_of_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    question_post(ctx, rq, rs, EVALUATION_AS_OF, read_question);
}

/* ---- GET ---- */

static void
write_audiences(struct jw *w, struct call *call, const struct past_result *r)
{
    jw_key(w, S("audiences"));
    jw_array(w);
    for (size_t i = 0; i < r->member_count; i++) {
        const struct json *object = snapshot_object(call->snap, S("audience"), call->scope, r->members[i]);
        jw_object(w);
        jw_kstr(w, S("id"), r->members[i]);
        if (object != NULL) /* it may have been deleted since */
            jw_kstr(w, S("name"), json_str(json_get(object, S("name"))));
        jw_end(w);
    }
    jw_end(w);
}

static void
write_answer(struct jw *w, struct call *call, const struct evaluation *e)
{
    if (e->entity.n == 0) {
        jw_ki64(w, S("size"), (int64_t)e->past.size);
        return;
    }
    jw_kbool(w, S("known"), e->past.known);
    if (e->audience.n > 0)
        jw_kbool(w, S("member"), e->past.member_count > 0);
    else
        write_audiences(w, call, &e->past);
}

static void
write_question(struct jw *w, struct call *call, const struct evaluation *e)
{
    jw_ktime(w, S("at"), e->at_ms);
    if (e->entity.n > 0) {
        jw_kstr(w, S("entityIdNS"), e->ns);
        jw_kstr(w, S("entityId"), e->entity);
    }
    jw_ki64(w, S("recordsReadSoFar"), (int64_t)e->read);
    jw_ki64(w, S("records"), (int64_t)e->matched);
    if (e->state == EVALUATION_READY)
        write_answer(w, call, e);
}

static void
as_of_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_get(ctx, rq, rs, EVALUATION_AS_OF, route_param(params, S("asOfId")), write_question);
}

static void
as_of_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_delete(ctx, rq, rs, EVALUATION_AS_OF, route_param(params, S("asOfId")));
}

static const struct route routes[] = {
    {HTTP_POST, AS_OF, LIMIT_ADMIN_BODY_BYTES, as_of_post},
    {HTTP_GET, AS_OF "/{asOfId}", 0, as_of_get},
    {HTTP_DELETE, AS_OF "/{asOfId}", 0, as_of_delete},
};
const struct family family_as_of = {routes, sizeof routes / sizeof routes[0], STYLE, false};
