/* delivery.c - the work of a delivery request, in this order [TARGET 1.3]:
 *
 *  (1) the visitor is found and his session opened, on a copy
 *  (2) notifications, as they are listed
 *  (3) execute: the page, then mboxes by ascending index; what is decided is displayed
 *  (4) prefetch, on another copy: nothing of it is kept
 *  (5) the hit goes to the log and its effect into the table; then the answer goes out
 *
 * The hit holds the request itself, so that a report can be computed anew and another set of activities be tried on it.
 * A request that says nothing (telemetry, an on-device client's first call) leaves no hit. */
#include "edge/delivery_int.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/base64.h"
#include "codec/url.h"
#include "rule/lowercase.h"

/* ---- (1) ---- */

/* Audiences of the platform: as the edge document of the person says, or the request's own list. */
static bool
in_audience(void *ctx, struct str id)
{
    struct delivery_work *w = ctx;
    struct json_iter it = json_iter(w->segments);

    while (json_next(&it)) {
        if (str_eq(json_str(it.value), id))
            return true;
    }
    return w->rerun != NULL ? rerun_in_audience(w->rerun, id) : edge_rules_projected(&w->found.person, id);
}

static bool
request_header(void *ctx, struct str name, struct str *value)
{
    struct delivery_work *w = ctx;

    if (w->rerun != NULL)
        return rerun_header(w->rerun, name, value);
    *value = http_header(w->c->rq, name);
    edge_facts_header(&w->facts, name, *value);
    return value->p != NULL;
}

/* experienceCloud.audienceManager.blob is base64 of a JSON list of audience ids (OURS). */
static const struct json *
read_blob(struct delivery_call *c)
{
    struct str blob = json_str(json_path(c->body, S("experienceCloud.audienceManager.blob")));
    const struct json *list = NULL;
    struct str text = blob.n > 0 ? base64_decode(blob, c->arena) : S_NULL;

    if (text.p == NULL || json_parse(text, c->arena, &list, NULL) != ERR_OK || !json_is(list, JSON_ARRAY))
        return NULL;
    return list;
}

static struct hit_visit
visit_of(const struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    bool page = c->execute_page.kind != DELIVERY_NOTHING || c->prefetch_page.kind != DELIVERY_NOTHING ||
                c->execute.n + c->prefetch.n + c->views.n > 0;

    return (struct hit_visit){.at = w->found.at,
                              .links = w->found.links,
                              .absorbs = w->found.absorbs,
                              .tnt_id = w->found.tnt_id,
                              .third_party_id = c->third_party_id,
                              .session = c->session,
                              .quiet = !page,
                              .page = page,
                              .qa = c->has_qa,
                              .environment = c->environment.id,
                              .impression = c->impression,
                              .url = c->url,
                              .referrer = c->referrer};
}

/* As the fold will: rules and tokens of a first request ask for them, too. */
static void
know_ids(struct delivery_work *w)
{
    struct delivery_call *c = w->c;

    w->visitor->tnt_id = w->found.tnt_id;
    if (c->third_party_id.n > 0)
        w->visitor->third_party_id = c->third_party_id;
    if (c->ecid.n > 0)
        w->visitor->ecid = c->ecid;
}

static enum err
find_visitor(struct delivery_work *w, struct diag *d)
{
    struct delivery_call *c = w->c;
    struct edge_visitor_ids ids = {.tnt_id = c->tnt_id,
                                   .third_party_id = c->third_party_id,
                                   .ecid = c->ecid,
                                   .customers = c->customers,
                                   .customer_count = c->customer_count};

    return edge_visitor_find(c->x->o.edge, c->snap, c->tenant.scope, &ids, c->rq->rng, c->now_ms, c->arena, &w->found,
                             d);
}

void
work_open(struct delivery_work *w)
{
    struct delivery_call *c = w->c;

    w->visitor = &w->found.visitor;
    w->visit = visit_of(w);
    w->before_ms = w->visitor->last_ms;
    w->previous_ms = visitor_open(w->visitor, &w->visit, c->now_ms);
    know_ids(w);
    w->visit.geo = w->rerun != NULL ? w->rerun->hit->visit->geo
                                    : edge_geo(c->x->o.edge, w->visitor, c->geo, c->rq->client_ip, c->arena);
}

/* As it is stored. */
static const struct json *
stored_audience(void *ctx, struct str id)
{
    const struct delivery_work *w = ctx;

    return snapshot_object(w->c->snap, S("targetAudience"), w->c->tenant.scope, id);
}

/* NULL: the request asks for none. */
static const struct decision_trace *
begin_trace(struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    const struct environment *e = &c->environment;

    if (!c->trace)
        return NULL;
    w->trace = (struct decision_trace){.client = c->tenant.client,
                                       .session = c->session,
                                       .host = c->host.n > 0 ? c->host : url_parse(c->url).host,
                                       .environment = lowercase_str(e->name, c->arena),
                                       .ids = json_get(c->body, S("id")),
                                       .audience = stored_audience};
    return &w->trace;
}

static void
begin_decision(struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    struct edge_browser browser = {.user_agent = c->user_agent,
                                   .language = json_str(json_path(c->context, S("browser.language"))),
                                   .client_hints = json_get(c->context, S("clientHints")),
                                   .screen = json_get(c->context, S("screen"))};
    struct edge_situation x = {.view = c->tenant.view,
                               .visitor = w->visitor,
                               .visit = &w->visit,
                               .browser = &browser,
                               .visitor_key = decide_visitor_key(c->ecid, c->tnt_id, c->third_party_id),
                               .property_token = c->property_token,
                               .now_ms = c->now_ms,
                               .previous_ms = w->previous_ms,
                               .qa = c->has_qa ? &c->qa : NULL,
                               .asked = {.in_audience = in_audience, .header = request_header, .ctx = w},
                               .serve_inactive = c->environment.serve_inactive,
                               .client_analytics = c->client_analytics,
                               .rerun = w->rerun != NULL};

    if (w->found.person.attributes.n > 0)
        (void)json_parse(w->found.person.attributes, c->arena, &w->attributes, NULL); /* unreadable: none */
    x.attributes = w->attributes;
    w->segments = read_blob(c);
    x.trace = begin_trace(w);
    if (x.visitor_key.n == 0)
        x.visitor_key = w->found.tnt_id;
    w->decision = edge_decision_begin(&x, c->arena, &w->rq);
}

static void
begin_hit(struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    struct str sixteen;
    char uuid[UUID_TEXT_BYTES];

    if (c->request_id.n == 0) {
        rng_uuid(c->rq->rng, uuid);
        sixteen = arena_str(c->arena, (struct str){uuid, sizeof uuid});
        c->request_id = sixteen;
    }
    w->hit = (struct hit){.kind = HIT_VISIT,
                          .source = SOURCE_EDGE,
                          .scope = c->tenant.scope,
                          .request_id = c->request_id,
                          .region = str_of(c->x->o.edge->o.hint),
                          .accepted_us = c->now_ms * 1000,
                          .event_ms = c->now_ms,
                          .xdm = c->body,
                          .xdm_text = c->rq->body,
                          .visit = &w->visit};
    buf_init_in(&w->profile_params, c->arena, LIMIT_VISITOR_BYTES);
    buf_init_in(&w->categories, c->arena, LIMIT_VISITOR_BYTES);
    buf_init_in(&w->tnta, c->arena, LIMIT_VISITOR_BYTES);
    w->scripts = (struct edge_script_request){.view = c->tenant.view,
                                              .rq = c->rq,
                                              .visitor = w->visitor,
                                              .arena = c->arena,
                                              .now_ms = c->now_ms,
                                              .user_agent = c->user_agent,
                                              .client_hints = json_get(c->context, S("clientHints")),
                                              .keeps = w->rq.explain,
                                              .geo = w->visit.geo};
}

/* ---- the hit so far ---- */

static bool
grow(struct arena *a, void **items, size_t n, size_t *room, size_t more, size_t bytes)
{
    size_t want = 2 * (n + more);
    void *p;

    if (n + more <= *room)
        return true;
    p = arena_calloc(a, want, bytes);
    if (p == NULL)
        return false;
    if (n > 0)
        memcpy(p, *items, n * bytes);
    *items = p;
    *room = want;
    return true;
}

bool
work_add_notice(struct delivery_work *w, const struct hit_notice *n)
{
    void *items = w->hit.notices;

    if (w->prefetching || !grow(w->c->arena, &items, w->hit.notice_count, &w->notice_room, 1, sizeof *n))
        return false;
    w->hit.notices = items;
    w->hit.notices[w->hit.notice_count++] = *n;
    if (!w->c->client_analytics && !w->c->has_qa && w->decision != NULL)
        decision_analytics(w->decision, n, &w->tnta);
    return true;
}

static bool
add_decision(struct delivery_work *w, const struct decision_taken *t)
{
    void *items = w->hit.decisions;
    struct hit_notice shown = {.type = NOTICE_DISPLAY,
                               .activity = t->activity,
                               .experience = t->experience,
                               .scope = t->scope,
                               .arm = t->arm,
                               .algorithm = t->algorithm,
                               .reporting = t->reporting};

    if (!grow(w->c->arena, &items, w->hit.decision_count, &w->decision_room, 1, sizeof *w->hit.decisions))
        return false;
    w->hit.decisions = items;
    w->hit.decisions[w->hit.decision_count++] = decision_hit(t);
    return t->untracked || work_add_notice(w, &shown);
}

void
work_add_decisions(struct delivery_work *w, const struct decision_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!add_decision(w, &r->taken[i]))
            metric_inc(M_EDGE_DEGRADED); /* delivered, and not counted */
    }
}

void
work_settle(struct delivery_work *w)
{
    size_t notices = w->hit.notice_count - w->settled_notices, decisions = w->hit.decision_count - w->settled_decisions;
    struct hit part = {.kind = HIT_VISIT, .visit = &w->visit, .notice_count = notices, .decision_count = decisions};

    if (notices + decisions == 0)
        return;
    if (notices > 0) /* an array that is not there has no place behind its start either */
        part.notices = &w->hit.notices[w->settled_notices];
    if (decisions > 0)
        part.decisions = &w->hit.decisions[w->settled_decisions];
    w->settled_notices += notices;
    w->settled_decisions += decisions;
    visitor_fold(w->visitor, &part, w->c->now_ms, VISITOR_ONCE, NULL, NULL);
    if (w->decision != NULL)
        decision_changed(w->decision);
}

/* ---- (5) ---- */

/* Of the person; what the body says is in the body. */
static bool
person_in_audience(void *ctx, struct str id)
{
    const struct delivery_work *w = ctx;

    return edge_rules_projected(&w->found.person, id);
}

static void
keep_facts(struct delivery_work *w)
{
    struct edge_facts_source src = {.facts = &w->facts,
                                    .config = w->c->snap->version,
                                    .before_ms = w->before_ms,
                                    .person = &w->found.person,
                                    .in_audience = person_in_audience,
                                    .script_steps = w->scripts.begun ? &w->scripts.steps : NULL,
                                    .ctx = w};

    if (w->rq.explain)
        w->visit.asked_text = edge_facts_write(&src, w->c->arena);
}

static void
finish_hit(struct delivery_work *w)
{
    struct str text;

    if (w->profile_param_count > 0) {
        text = ARENA_JOIN(w->c->arena, S("{"), buf_str(&w->profile_params), S("}"));
        if (json_parse(text, w->c->arena, &w->hit.profile_params, NULL) != ERR_OK)
            w->hit.profile_params = NULL;
    }
    if (w->categories.n > 0) {
        text = ARENA_JOIN(w->c->arena, S("["), buf_str(&w->categories), S("]"));
        if (json_parse(text, w->c->arena, &w->visit.categories, NULL) != ERR_OK)
            w->visit.categories = NULL;
    }
    if (buf_ok(&w->tnta))
        w->visit.tnta = buf_str(&w->tnta);
    w->visit.attributes = w->rerun != NULL ? w->rerun->hit->visit->attributes : edge_scripts_changes(&w->scripts);
    w->visit.scripts_off = edge_scripts_off(&w->scripts);
}

/* Whoever asks for nothing and says nothing has changed nothing. */
static bool
says_something(const struct delivery_work *w)
{
    return !w->visit.quiet || w->c->notice_count > 0;
}

static enum err
append(struct delivery_work *w, struct diag *d)
{
    struct delivery_call *c = w->c;
    struct edge_write to = {c->x->o.edge, c->tenant.view, c->arena, c->now_ms, c->rq->body.n};
    struct edge_prepared place = {w->found.key, w->found.doc, w->found.version};
    struct identity *ids = ARENA_ARRAY(c->arena, struct identity, 2);

    if (ids == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the hit");
    w->hit.identities.items = ids;
    ids[w->hit.identities.n] = w->found.at;
    ids[w->hit.identities.n++].primary = true;
    if (c->ecid.n > 0 && !(str_eq(w->found.at.ns, S("ECID"))))
        ids[w->hit.identities.n++] = (struct identity){.ns = S("ECID"), .id = c->ecid};
    keep_facts(w);
    return edge_append(&to, &w->hit, &place, NULL, d);
}

static bool
refuse(struct delivery_call *c, enum err rc, const struct diag *d)
{
    metric_inc(M_EDGE_DEGRADED);
    if (rc == ERR_LIMIT)
        return delivery_fail(c, 413, "%s", d->what);
    log_warn("delivery_failed", "why=\"%s\"", d->what);
    return delivery_fail(c, rc == ERR_NOMEM ? 500 : 503, "the request cannot be kept now: %s", d->what);
}

/* Answers each in a text of its own: they are worked on by index and answered as they came. */
static void
decide_list(struct delivery_work *w, struct delivery_list *l)
{
    int64_t *index = ARENA_ARRAY(w->c->arena, int64_t, l->n + 1);
    size_t *order;

    if (index == NULL)
        return;
    for (size_t i = 0; i < l->n; i++)
        index[i] = l->items[i].order;
    order = told_by_index(index, l->n, w->c->arena);
    for (size_t i = 0; order != NULL && i < l->n; i++)
        delivery_place(w, &l->items[order[i]]);
}

/* (4): decided on a copy. */
static void
prefetch(struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    struct visitor *copy;

    if (c->prefetch_page.kind == DELIVERY_NOTHING && c->prefetch.n + c->views.n == 0)
        return;
    work_settle(w);
    copy = ARENA_NEW(c->arena, struct visitor);
    if (copy == NULL || !visitor_copy(w->visitor, c->arena, copy))
        return;
    w->prefetching = true;
    w->visitor = copy;
    w->rq.visitor = copy;
    if (w->decision != NULL)
        decision_changed(w->decision);
    if (c->prefetch_page.kind != DELIVERY_NOTHING && c->execute_page.kind == DELIVERY_NOTHING)
        delivery_place(w, &c->prefetch_page);
    for (size_t i = 0; i < c->views.n; i++)
        delivery_place(w, &c->views.items[i]);
    decide_list(w, &c->prefetch);
}

static void
execute_page(void *ctx, const struct told_part *place)
{
    struct delivery_work *w = ctx;

    (void)place;
    delivery_place(w, &w->c->execute_page);
}

static void
execute_mbox(void *ctx, const struct told_part *place)
{
    struct delivery_work *w = ctx;

    delivery_place(w, &w->c->execute.items[place->at]);
}

void
work_decide(struct delivery_work *w)
{
    struct told_delivery to = {
        w, delivery_notice_token, delivery_notice_touched, delivery_notice_over, execute_page, execute_mbox};

    begin_decision(w);
    begin_hit(w);
    told_read_delivery(w->c->body, &to, w->c->arena); /* (2), (3) */
    prefetch(w);                                      /* (4) */
    finish_hit(w);
}

bool
delivery_run(struct delivery_call *c)
{
    struct delivery_work w = {.c = c};
    struct diag d = DIAG_INIT;
    enum err rc = find_visitor(&w, &d); /* (1) */

    if (rc != ERR_OK)
        return refuse(c, rc, &d);
    work_open(&w);
    work_decide(&w);
    if (says_something(&w))
        rc = append(&w, &d); /* (5) */
    if (rc != ERR_OK)
        return refuse(c, rc, &d);
    delivery_answer(&w);
    return true;
}
