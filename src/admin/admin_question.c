/* admin_question.c - questions about all profiles: asked with POST, which gives an id; looked at with GET until they
 * are answered; given up with DELETE. The thread of admin_evaluate.c answers. */
#include "admin/admin_evaluate.h"
#include "pql/pql.h"

/* What is asked of activities is answered as their API answers. */
static enum error_style
style_of(enum evaluation_kind kind)
{
    return kind == EVALUATION_WHAT_IF ? ERRORS_TARGET : ERRORS_UPAPI;
}

struct str
evaluation_state_name(enum evaluation_state state)
{
    static const char *const names[] = {[EVALUATION_NEW] = "NEW",
                                        [EVALUATION_RUNNING] = "RUNNING",
                                        [EVALUATION_READY] = "RESULT_READY",
                                        [EVALUATION_FAILED] = "FAILED"};

    return str_of(names[state]);
}

bool
question_possible(struct call *call, struct http_req *rq, struct http_res *rs, enum error_style style)
{
    struct diag d = DIAG_INIT;

    if (call->admin->o.hub.census_slice != NULL)
        return true;
    admin_fail(rq, rs, style, 0, diag_set(&d, ERR_UNSUPPORTED, "this process has no hub: ask one that has"), &d);
    return false;
}

enum err
question_rule(struct call *call, const struct json *body, struct rule **out, struct diag *d)
{
    const struct json *expression = json_get(body, S("predicateExpression"));
    struct str type = json_str(json_get(body, S("predicateType"))),
               model = json_str(json_get(body, S("predicateModel"))), graph = json_str(json_get(body, S("graphType")));
    enum pql_format format = PQL_TEXT;

    if (!json_is(expression, JSON_STRING) || json_str(expression).n == 0)
        return diag_set_path(d, ERR_INVALID, "predicateExpression", "predicateExpression must be an expression");
    if (!pql_format_of(type, &format))
        return diag_set_path(d, ERR_INVALID, "predicateType",
                             "predicateType must be pql/text or pql/json, found '%.*s'", STR_ARG(type));
    if (model.n > 0 && !str_eq(model, S(PROFILE_MODEL)))
        return diag_set_path(d, ERR_INVALID, "predicateModel", "predicateModel must be " PROFILE_MODEL ", found '%.*s'",
                             STR_ARG(model));
    if (graph.n > 0 && !str_eq(graph, S("none")) && !str_eq(graph, S("pdg")))
        return diag_set_path(d, ERR_INVALID, "graphType", "graphType must be none or pdg, found '%.*s'",
                             STR_ARG(graph));
    return snapshot_expression(call->snap, call->scope, json_str(expression), format == PQL_JSON, out, d);
}

static enum err
begin(struct call *call, struct http_req *rq, const struct json *body, struct evaluation *e, question_reader *read,
      struct diag *d)
{
    enum err rc = read(call, rq, body, e, d);

    if (rc == ERR_OK && e->arena.refused)
        rc = diag_set(d, ERR_NOMEM, "no memory for a question");
    return rc == ERR_OK ? evaluator_add(call->admin->evaluator, e, rq->now_ms, d) : rc;
}

bool
question_ask(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id,
             question_reader *read)
{
    const struct json *body = NULL;
    struct evaluation *e = NULL;
    struct diag d = DIAG_INIT;
    enum err rc;

    if (!question_possible(call, rq, rs, style_of(kind)) || !admin_body_object(rq, rs, style_of(kind), &body))
        return false;
    rc = evaluation_new(kind, id, call->scope, rq->now_ms, &e, &d);
    if (rc == ERR_OK)
        rc = begin(call, rq, body, e, read, &d);
    if (rc == ERR_OK)
        return true;
    evaluation_free(e);
    admin_fail(rq, rs, style_of(kind), rc == ERR_BUSY ? 429 : 0, rc, &d);
    return false;
}

struct evaluation *
question_find(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id)
{
    static const char *const kinds[] = {[EVALUATION_PREVIEW] = "preview",
                                        [EVALUATION_DIFF] = "diff",
                                        [EVALUATION_AS_OF] = "as-of",
                                        [EVALUATION_RECOUNT] = "recount",
                                        [EVALUATION_WHAT_IF] = "what-if"};
    struct evaluator *ev = call->admin->evaluator;
    struct evaluation *e;

    if (!question_possible(call, rq, rs, style_of(kind)))
        return NULL;
    os_lock(&ev->lock);
    e = evaluator_find(ev, kind, call->scope, id, rq->now_ms);
    if (e != NULL)
        return e;
    os_unlock(&ev->lock);
    admin_not_found(rq, rs, style_of(kind), kinds[kind], id);
    return NULL;
}

void
question_post(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind,
              question_reader *read)
{
    struct str id = admin_new_uuid(rq);
    struct jw w;

    if (!question_ask(call, rq, rs, kind, id, read))
        return;
    w = admin_json(rs, 201);
    jw_object(&w);
    jw_kstr(&w, S("id"), id);
    jw_kstr(&w, S("state"), evaluation_state_name(EVALUATION_NEW));
    jw_end(&w);
}

static void
write_state(struct jw *w, const struct evaluation *e)
{
    jw_kstr(w, S("id"), e->id);
    if (e->audience.n > 0)
        jw_kstr(w, S("audienceId"), e->audience);
    jw_kstr(w, S("state"), evaluation_state_name(e->state));
    if (e->state != EVALUATION_FAILED)
        return;
    jw_key(w, S("error"));
    jw_object(w);
    jw_kstr(w, S("code"), str_of(err_name(e->failure)));
    jw_kstr(w, S("description"), str_of(e->error));
    jw_end(w);
}

void
question_get(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id,
             void (*write)(struct jw *w, struct call *call, const struct evaluation *e))
{
    struct evaluation *e = question_find(call, rq, rs, kind, id);
    struct jw w;

    if (e == NULL)
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    write_state(&w, e);
    write(&w, call, e);
    jw_end(&w);
    os_unlock(&call->admin->evaluator->lock);
}

void
question_delete(struct call *call, struct http_req *rq, struct http_res *rs, enum evaluation_kind kind, struct str id)
{
    struct evaluation *e = question_find(call, rq, rs, kind, id);

    if (e == NULL)
        return;
    evaluator_drop(call->admin->evaluator, e);
    os_unlock(&call->admin->evaluator->lock);
    admin_empty(rs, 204);
}
