/* rerun_event.c - a recorded event of the Edge Network decided again. The hit has the event and what is kept of its
 * query (edge_facts.h); its decisions and notices are made anew. */
#include "base/limits.h"
#include "edge/delivery_int.h"
#include "edge/edge_qa.h"

struct again {
    struct edge_call call;
    struct edge_event_in event;
    struct edge_visit visit;
    struct http_req rq;
    struct edge_rerun *rerun;
};

static bool
in_audience(void *ctx, struct str id)
{
    const struct again *x = ctx;

    return rerun_in_audience(x->rerun, id);
}

static bool
request_header(void *ctx, struct str name, struct str *value)
{
    const struct again *x = ctx;

    return rerun_header(x->rerun, name, value);
}

static enum err
read_list(const struct json *list, struct arena *a, struct str **out, size_t *n, struct diag *d)
{
    struct json_iter it = json_iter(list);

    *out = ARENA_ARRAY(a, struct str, json_count(list) + 1);
    if (*out == NULL)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    while (json_next(&it))
        (*out)[(*n)++] = json_str(it.value);
    return ERR_OK;
}

static enum err
read_event(struct again *x, struct diag *d)
{
    const struct edge_rerun *r = x->rerun;
    const struct json *asked = r->hit->visit->asked;
    struct edge_event_in *e = &x->event;
    enum err rc;

    e->xdm = r->hit->xdm;
    e->target = json_get(asked, S("target"));
    e->ids = r->hit->identities;
    e->id = r->hit->event_id;
    e->ms = r->hit->event_ms;
    e->query.asked = json_get(asked, S("scopes")) != NULL;
    rc = read_list(json_get(asked, S("scopes")), r->arena, &e->query.scopes, &e->query.scope_count, d);
    if (rc == ERR_OK)
        rc = read_list(json_get(asked, S("schemas")), r->arena, &e->query.schemas, &e->query.schema_count, d);
    return rc;
}

static void
read_call(struct again *x)
{
    const struct edge_rerun *r = x->rerun;
    const struct json *asked = r->hit->visit->asked;
    const struct identity *ecid = identity_find(&r->hit->identities, S("ECID"));

    x->rq = (struct http_req){.arena = r->arena, .now_ms = r->now_ms};
    x->call = (struct edge_call){.rq = &x->rq,
                                 .snap = r->snap,
                                 .view = r->view,
                                 .arena = r->arena,
                                 .now_ms = r->now_ms,
                                 .property_token = json_str(json_get(asked, S("property")))};
    if (ecid != NULL && ecid->id.n == ECID_BYTES) {
        memcpy(x->call.device.ecid, ecid->id.p, ECID_BYTES);
        x->call.device.present = true;
    }
}

/* The session goes on as it did: the place is told behind it, as the live event is. */
static void
open_visitor(struct again *x)
{
    struct edge_rerun *r = x->rerun;
    struct hit_visit *v = &x->visit.visit;
    struct environment environment;

    *v = *r->hit->visit;
    v->geo = NULL;
    x->visit.visitor = r->visitor;
    x->visit.previous_ms = visitor_open(&x->visit.visitor, v, r->now_ms);
    v->geo = r->hit->visit->geo;
    x->visit.browser = (struct edge_browser){.user_agent = json_str(json_get(v->asked, S("userAgent"))),
                                             .language = json_str(json_get(v->asked, S("language"))),
                                             .client_hints = json_get(v->asked, S("clientHints")),
                                             .screen = edge_screen_of_event(r->hit->xdm, r->arena)};
    if (json_get(v->asked, S("qaMode")) != NULL &&
        edge_qa_read(json_get(v->asked, S("qaMode")), r->view->token_key, r->arena, &x->visit.qa))
        x->visit.qa_mode = json_get(v->asked, S("qaMode"));
    if (tenant_environment_by_id(r->snap, r->hit->scope, v->environment, &environment))
        x->visit.serve_inactive = environment.serve_inactive;
    x->visit.rerun = r;
}

enum err
rerun_event(struct edge_rerun *r, struct diag *d)
{
    struct again *again = ARENA_NEW(r->arena, struct again);
    const struct json *attributes = NULL;
    struct buf answer;
    struct hit *h = &r->decided;
    enum err rc;

    if (again == NULL)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    again->rerun = r;
    if (r->hit->visit->asked == NULL) {
        r->result.missing = RERUN_REQUEST;
        return ERR_OK;
    }
    rc = read_event(again, d);
    if (rc != ERR_OK)
        return rc;
    read_call(again);
    open_visitor(again);
    if (r->person.attributes.n > 0)
        (void)json_parse(r->person.attributes, r->arena, &attributes, NULL); /* unreadable: none */
    h->visit = &again->visit.visit;
    h->decisions = NULL;
    h->notices = NULL;
    h->decision_count = h->notice_count = 0;
    edge_visit_decide(&again->call, &again->event, h, attributes,
                      &(struct edge_asked){.in_audience = in_audience, .header = request_header, .ctx = again},
                      &again->visit);
    edge_notices_read(&again->call, &again->event, &again->visit, h);
    buf_init_in(&answer, r->arena, LIMIT_RESPONSE_BYTES);
    if (again->event.query.asked && again->visit.decision != NULL)
        (void)edge_visit_locations(&again->visit, &again->event.query, h, r->arena, &answer, d);
    return ERR_OK;
}
