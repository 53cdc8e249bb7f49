/* admin_diff.c - what an edit would do, before it is saved: who enters an audience, who leaves, how many stay.
 *
 *   POST /diff         an expression, and the audience that it would replace; an id
 *   GET  /diff/{id}    counts, and some of the people
 *
 * Both expressions are evaluated by the vectorised evaluator in one pass over all profiles, at one instant, so what
 * differs is the edit and nothing else. Memberships are not looked at: those of an audience that is not evaluated at
 * the moment (an inactive one) say what was, not what its expression says.   OURS */
#include "admin/admin_evaluate.h"
#include "pql/pql.h"
#include "rule/rule_order.h"

#define STYLE ERRORS_UPAPI
#define DIFF "/data/core/ups/diff"

/* ---- POST ---- */

/* Audiences that an expression refers to, and those that they refer to. */
struct trail {
    struct arena *a;
    struct map seen;
    struct link {
        struct link *next;
        struct str id;
    } * pending;
    bool nomem;
};

static void
add_link(struct trail *t, struct str id)
{
    struct link *link;

    if (map_get(&t->seen, id) != NULL)
        return;
    link = ARENA_NEW(t->a, struct link);
    t->nomem |= link == NULL || !map_put(&t->seen, id, t, NULL);
    if (t->nomem)
        return;
    *link = (struct link){t->pending, id};
    t->pending = link;
}

static void
add_links(struct trail *t, const struct rule_node *n)
{
    struct str id = rule_segment_id(n);

    if (id.p != NULL)
        add_link(t, id);
    for (size_t i = 0; i < n->arg_count; i++)
        add_links(t, n->args[i]);
}

/* Saving an expression that leads back to its own audience would be refused. */
static enum err
check_cycle(const struct call *call, struct str audience, const struct rule *after, struct arena *a, struct diag *d)
{
    struct trail t = {.a = a};
    bool found;

    map_init(&t.seen);
    for (add_links(&t, rule_root(after)); t.pending != NULL && !t.nomem;) {
        struct str id = t.pending->id;
        const struct str *refs;
        size_t n;
        t.pending = t.pending->next;
        (void)snapshot_audience_rule(call->snap, call->scope, id, &refs, &n);
        for (size_t i = 0; i < n; i++)
            add_link(&t, refs[i]);
    }
    found = map_get(&t.seen, audience) != NULL;
    map_deinit(&t.seen);
    if (t.nomem)
        return diag_set(d, ERR_NOMEM, "no memory to follow audiences");
    return found ? diag_set_path(d, ERR_INVALID, "predicateExpression",
                                 "the expression leads back to audience '%.*s', which it would replace",
                                 STR_ARG(audience))
                 : ERR_OK;
}

/* How it was: the audience's expression, or nobody. What else it says stays as it is. */
static enum err
read_before(struct call *call, struct evaluation *e, struct diag *d)
{
    struct str audience = e->audience;
    const struct json *object = snapshot_object(call->snap, S("audience"), call->scope, audience);
    struct str value = json_str(json_path(object, S("expression.value")));
    enum pql_format format = PQL_TEXT;

    if (audience.n == 0)
        return snapshot_expression(call->snap, call->scope, S("false"), false, &e->before, d);
    if (object == NULL)
        return diag_set(d, ERR_NOT_FOUND, "audience '%.*s' not found", STR_ARG(audience));
    if (value.n == 0)
        return diag_set(d, ERR_INVALID, "audience '%.*s' has no expression", STR_ARG(audience));
    (void)pql_format_of(json_str(json_path(object, S("expression.format"))), &format);
    e->opted_out_too = audience_opted_out_too(object);
    return snapshot_expression(call->snap, call->scope, value, format == PQL_JSON, &e->before, d);
}

static enum err
read_question(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, struct diag *d)
{
    const struct json *audience = json_get(body, S("audienceId"));
    enum err rc;

    if (audience != NULL && (!json_is(audience, JSON_STRING) || json_str(audience).n == 0))
        return diag_set_path(d, ERR_INVALID, "audienceId", "audienceId must be the id of an audience");
    e->audience = arena_str(&e->arena, json_str(audience));
    rc = read_before(call, e, d);
    if (rc == ERR_OK)
        rc = question_rule(call, body, &e->rule, d);
    return rc == ERR_OK && e->audience.n > 0 ? check_cycle(call, e->audience, e->rule, rq->arena, d) : rc;
}

static void
diff_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    question_post(ctx, rq, rs, EVALUATION_DIFF, read_question);
}

/* ---- GET ---- */

static void
write_sample(struct jw *w, struct str key, const struct census_sample *s)
{
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < s->count; i++) {
        jw_object(w);
        jw_kstr(w, S("entityIdNS"), s->people[i].ns);
        jw_kstr(w, S("entityId"), s->people[i].id);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_answer(struct jw *w, const struct evaluation *e)
{
    const struct census_diff *diff = &e->diff;

    jw_ktime(w, S("evaluatedAt"), e->counted_ms);
    jw_ki64(w, S("before"), (int64_t)(diff->staying + diff->leaving));
    jw_ki64(w, S("after"), (int64_t)(diff->staying + diff->entering));
    jw_ki64(w, S("entering"), (int64_t)diff->entering);
    jw_ki64(w, S("leaving"), (int64_t)diff->leaving);
    jw_ki64(w, S("staying"), (int64_t)diff->staying);
    jw_ki64(w, S("undecided"), (int64_t)diff->undecided);
    jw_key(w, S("sample"));
    jw_object(w);
    write_sample(w, S("entering"), &diff->entering_sample);
    write_sample(w, S("leaving"), &diff->leaving_sample);
    jw_end(w);
}

static void
write_question(struct jw *w, struct call *call, const struct evaluation *e)
{
    (void)call;
    jw_ki64(w, S("profilesReadSoFar"), (int64_t)e->read);
    if (e->state == EVALUATION_READY)
        write_answer(w, e);
}

static void
diff_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_get(ctx, rq, rs, EVALUATION_DIFF, route_param(params, S("diffId")), write_question);
}

static void
diff_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    question_delete(ctx, rq, rs, EVALUATION_DIFF, route_param(params, S("diffId")));
}

static const struct route routes[] = {
    {HTTP_POST, DIFF, EXPRESSION_BODY_MAX, diff_post},
    {HTTP_GET, DIFF "/{diffId}", 0, diff_get},
    {HTTP_DELETE, DIFF "/{diffId}", 0, diff_delete},
};
const struct family family_diff = {routes, sizeof routes / sizeof routes[0], STYLE, false};
