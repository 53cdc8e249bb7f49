/* admin_explain.c - GET /data/core/ups/audiences/{id}/explain: why a person is a member of an audience, and if not,
 * what is missing.  OURS
 *
 * The hub lends the profile under its state lock: what the rule reads is copied there as text, and evaluated
 * afterwards, because an explanation evaluates each leaf over each event and nobody else should wait for that. */
#include "admin/admin_xid.h"
#include "base/check.h"
#include "base/limits.h"
#include "model/optout.h"
#include "profile/profile_store.h"
#include "segment/segment_explain.h"

#define STYLE ERRORS_UPAPI
#define PROFILE_BYTES (64u * 1024 * 1024) /* [PLATFORM 11.3] a profile has at most 50 MB */

/* What an evaluation reads of a profile, as copies. */
struct admin_person {
    struct arena *a;
    struct str attributes;
    struct str *events;
    size_t event_count;
    struct profile_membership *memberships;
    size_t membership_count;
    struct rule_env env;
    enum err rc;
    struct diag *d;
};

static enum err
copy_attributes(struct admin_person *out, const struct profile *p)
{
    const struct json *merged = NULL;
    struct buf b;
    enum err rc = profile_merge(p, p->arena, &merged, out->d);

    if (rc != ERR_OK)
        return rc;
    buf_init(&b, PROFILE_BYTES);
    json_write(&b, merged);
    out->attributes = buf_ok(&b) ? arena_str(out->a, buf_str(&b)) : S_NULL;
    buf_deinit(&b);
    return out->attributes.p != NULL ? ERR_OK : diag_set(out->d, ERR_LIMIT, "the profile is too large to explain");
}

static enum err
copy_events(struct admin_person *out, struct kv *k, const struct profile *p)
{
    struct profile_event *raw;
    enum err rc = profile_events_after(k, p, INT64_MIN, SIZE_MAX, p->arena, &raw, &out->event_count, out->d);

    if (rc != ERR_OK)
        return rc;
    out->events = ARENA_ARRAY(out->a, struct str, out->event_count);
    for (size_t i = 0; out->events != NULL && i < out->event_count; i++) {
        out->events[i] = arena_str(out->a, raw[i].json);
        if (out->events[i].p == NULL)
            out->events = NULL;
    }
    return out->events != NULL ? ERR_OK : diag_set(out->d, ERR_LIMIT, "the profile has too many events to explain");
}

static enum err
copy_memberships(struct admin_person *out, const struct profile *p)
{
    out->memberships = ARENA_ARRAY(out->a, struct profile_membership, p->membership_count);
    for (size_t i = 0; out->memberships != NULL && i < p->membership_count; i++) {
        out->memberships[i] = p->memberships[i];
        out->memberships[i].audience = arena_str(out->a, p->memberships[i].audience);
        if (out->memberships[i].audience.p == NULL)
            out->memberships = NULL;
    }
    out->membership_count = p->membership_count;
    return out->memberships != NULL ? ERR_OK : diag_set(out->d, ERR_NOMEM, "no memory for memberships");
}

static void
copy_person(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct admin_person *out = ctx;

    (void)g;
    out->rc = copy_attributes(out, p);
    if (out->rc == ERR_OK)
        out->rc = copy_events(out, k, p);
    if (out->rc == ERR_OK)
        out->rc = copy_memberships(out, p);
}

static const struct profile_membership *
membership_of(const struct admin_person *p, struct str audience)
{
    for (size_t i = 0; i < p->membership_count; i++) {
        if (str_eq(p->memberships[i].audience, audience))
            return &p->memberships[i];
    }
    return NULL;
}

static bool
in_segment(void *ctx, struct str id)
{
    const struct profile_membership *m = membership_of(ctx, id);

    return m != NULL && m->member;
}

static enum err
parse_person(struct admin_person *p, int64_t now_ms, struct diag *d)
{
    const struct json **events = ARENA_ARRAY(p->a, const struct json *, p->event_count);
    enum err rc;

    if (events == NULL)
        return diag_set(d, ERR_LIMIT, "the profile has too many events to explain");
    p->env = (struct rule_env){
        .now_ms = now_ms, .events = events, .event_count = p->event_count, .in_segment = in_segment, .ctx = p};
    rc = json_parse(p->attributes, p->a, &p->env.profile, d);
    for (size_t i = 0; i < p->event_count && rc == ERR_OK; i++)
        rc = json_parse(p->events[i], p->a, &events[i], d);
    return rc;
}

enum err
admin_person_load(struct admin *admin, const struct admin_identity *who, int64_t now_ms, struct arena *a,
                  struct admin_person **out, struct diag *d)
{
    const struct admin_hub *hub = &admin->o.hub;
    struct admin_person *p = ARENA_NEW(a, struct admin_person);
    enum err rc;

    if (hub->read_profile == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to explain");
    *p = (struct admin_person){.a = a, .d = d};
    rc = hub->read_profile(hub->ctx, who->scope, who->ns, who->id, a, copy_person, p, d);
    if (rc == ERR_OK)
        rc = p->rc;
    if (rc == ERR_OK)
        rc = parse_person(p, now_ms, d);
    p->d = NULL;
    if (rc == ERR_OK)
        *out = p;
    return rc;
}

/* Members by upload leave together, at an instant that the audience knows. */
static void
write_uploaded(struct jw *w, const struct json *object, bool member)
{
    int64_t until_ms = json_i64(json_path(object, S("audienceMeta.validUntil")), 0);

    jw_kbool(w, S("result"), member);
    if (member && until_ms > 0)
        jw_ktime(w, S("flipsAt"), until_ms);
}

enum err
admin_person_explain(struct admin_person *p, const struct admin_audience *audience, struct jw *w, struct diag *d)
{
    const struct profile_membership *m;
    struct explain x;
    enum err rc;

    CHECK(p != NULL);
    m = membership_of(p, audience->id);
    rc = audience->rule != NULL ? rule_explain(audience->rule, &p->env, p->a, &x, d) : ERR_OK;
    if (rc != ERR_OK)
        return rc;
    if (m != NULL) {
        jw_key(w, S("membership"));
        jw_object(w);
        jw_kstr(w, S("status"), m->member ? S("realized") : S("exited"));
        jw_ktime(w, S("lastQualificationTime"), m->since_ms);
        jw_end(w);
    }
    if (opted_out(p->env.profile) && !audience_opted_out_too(audience->object)) /* whatever the expression says */
        jw_kbool(w, S("optedOut"), true);
    if (audience->rule != NULL)
        segment_explain_write(w, audience->rule, &x, p->a);
    else
        write_uploaded(w, audience->object, m != NULL && m->member);
    return ERR_OK;
}

/* ---- the answer ---- */

struct question {
    struct str audience;
    const struct json *object;
    const struct rule *rule;
    struct xid_identity identity;
    int64_t now_ms;
};

static enum err
answer(const struct call *call, const struct question *q, struct arena *scratch, struct http_res *rs, struct diag *d)
{
    struct admin_identity who = {call->scope, q->identity.ns, q->identity.id};
    struct admin_person *p = NULL;
    struct jw w;
    enum err rc = admin_person_load(call->admin, &who, q->now_ms, scratch, &p, d);

    if (rc != ERR_OK)
        return rc;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("id"), q->audience);
    jw_kstr(&w, S("name"), json_str(json_get(q->object, S("name"))));
    jw_kstr(&w, S("entityId"), q->identity.id);
    jw_kstr(&w, S("entityIdNS"), q->identity.ns);
    jw_ktime(&w, S("now"), q->now_ms);
    rc = admin_person_explain(p, &(struct admin_audience){q->audience, q->object, q->rule}, &w, d);
    jw_end(&w);
    if (rc != ERR_OK)
        return rc;
    return buf_ok(rs->body) ? ERR_OK : diag_set(d, ERR_LIMIT, "the explanation does not fit an answer");
}

/* False: answered. */
static bool
read_question(struct call *call, struct http_req *rq, const struct route_params *params, struct http_res *rs,
              struct question *q)
{
    const struct str *refs;
    size_t ref_count;
    struct diag d = DIAG_INIT;

    *q = (struct question){.audience = route_param(params, S("id")), .now_ms = rq->now_ms};
    q->object = snapshot_object(call->snap, S("audience"), call->scope, q->audience);
    if (q->object == NULL) {
        admin_not_found(rq, rs, STYLE, "audience", q->audience);
        return false;
    }
    q->rule = snapshot_audience_rule(call->snap, call->scope, q->audience, &refs, &ref_count);
    if (q->rule == NULL)
        admin_fail(rq, rs, STYLE, 422, diag_set(&d, ERR_INVALID, "the audience has no expression"), &d);
    else if (!xid_identity_of(call, http_query(rq, S("entityIdNS")), -1, http_query(rq, S("entityId")), rq->arena,
                              &q->identity))
        admin_fail(rq, rs, STYLE, 400,
                   diag_set(&d, ERR_INVALID, "entityId with entityIdNS, or an XID as entityId, is required"), &d);
    else
        return true;
    return false;
}

static void
explain_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct question q;
    struct diag d = DIAG_INIT;
    struct arena scratch;
    enum err rc;

    if (!read_question(call, rq, params, rs, &q))
        return;
    arena_init(&scratch, ENTITY_SCRATCH_BYTES);
    rc = answer(call, &q, &scratch, rs, &d);
    arena_deinit(&scratch);
    if (rc == ERR_OK)
        return;
    buf_clear(rs->body);
    admin_fail(rq, rs, STYLE, rc == ERR_LIMIT ? 422 : 0, rc, &d);
}

static const struct route routes[] = {
    {HTTP_GET, "/data/core/ups/audiences/{id}/explain", 0, explain_get},
};
const struct family family_explain = {routes, sizeof routes / sizeof *routes, STYLE, false};
