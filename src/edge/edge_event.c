/* edge_event.c - one event, start to finish: documents, audiences, decisions, the hit  [EDGE 2.2, 5, 9],
 * [PLATFORM 6.3].
 *
 * The order is the contract:
 *  (1) the documents are loaded; a person whom this edge never saw is fetched from the hub when it is in the same
 * process; (2) the event is folded into the copies, and the edge's audiences are brought up to date: same-page
 * personalization; (3) experiences are chosen; a failure here costs personalization only; (4) the hit, decisions
 * included, goes to the log, then the documents into the table. */
#include "edge/edge_facts.h"

#include "base/check.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/optout.h"

struct visit {
    struct edge_call *call;
    struct edge_event_in *event;
    struct edge_prepared person; /* of the primary identity: attributes, memberships, events */
    struct edge_prepared device; /* of the ECID: consent, mostly the visitor; unused when both are one */
    bool one_document;
    bool known_event;         /* the document has this event already: it was sent again */
    struct rule_state *rules; /* NULL: no audiences are evaluated here */
    const struct json *attributes;
    bool opted_out;           /* as the attributes say: asked of every audience that the answer may name */
    struct edge_visit target; /* while Target is on */
    struct edge_facts facts;  /* what rules asked of the request */
};

static struct edge_prepared *
device_of(struct visit *v)
{
    return v->one_document ? &v->person : &v->device;
}

static enum err
load(struct edge_call *c, const struct identity *id, struct edge_prepared *p, struct diag *d)
{
    struct buf key;
    enum err rc;

    buf_init_in(&key, c->arena, LIMIT_RECORD_KEY_BYTES);
    identity_key(&key, c->ds->scope, id->ns, id->id);
    p->key = buf_str(&key);
    if (!buf_ok(&key))
        return diag_set(d, ERR_NOMEM, "no memory for the profile");
    rc = edge_table_load(c->edge->table, p->key, c->now_ms, c->arena, &p->doc, &p->version, d);
    if (rc != ERR_OK || p->doc.known)
        return rc;
    metric_inc(M_EDGE_PROFILE_MISSES);
    if (c->edge->o.hub.pull != NULL && !(c->device.minted && str_eq(id->ns, S("ECID")))) {
        struct projection pr;
        if (c->edge->o.hub.pull(c->edge->o.hub.ctx, c->ds->scope, id->ns, id->id, c->arena, &pr, NULL) == ERR_OK)
            rc = edge_doc_fold_projection(&p->doc, &pr, c->now_ms, c->arena, d);
    }
    return rc;
}

static enum err
load_documents(struct visit *v, struct diag *d)
{
    struct edge_call *c = v->call;
    const struct identity *primary = identity_primary(&v->event->ids);
    const struct identity *ecid = identity_find(&v->event->ids, S("ECID"));
    enum err rc;

    CHECK(primary != NULL); /* edge_identity_finish_event() saw to it */
    v->one_document = ecid == NULL || primary == ecid;
    rc = load(c, primary, &v->person, d);
    if (rc == ERR_OK && !v->one_document)
        rc = load(c, ecid, &v->device, d);
    return rc;
}

static const struct subset *
event_cut(const struct edge_call *c)
{
    return c->view != NULL ? c->view->event_cut : NULL;
}

/* The event becomes part of the copy. What the rules knew stays valid: evaluate() adds the event to it. */
static enum err
fold_event(struct visit *v, const struct hit *h, struct diag *d)
{
    struct edge_call *c = v->call;
    struct str rules = v->person.doc.rule_state;
    enum err rc;

    v->known_event = edge_doc_has_event(&v->person.doc, h->event_id);
    rc = edge_doc_fold_owner(&v->person.doc, h, event_cut(c), c->now_ms, c->arena, d);
    v->person.doc.rule_state = rules;
    return rc;
}

/* ---- audiences ---- */

/* Evaluated here, or as the hub projected it. */
static bool
in_audience(void *ctx, struct str audience)
{
    struct visit *v = ctx;
    const struct segment_set *set = &v->call->view->edge_segments;

    if (v->rules != NULL && set->by_id != NULL) {
        uintptr_t index = (uintptr_t)map_get(set->by_id, audience);
        if (index != 0 && rule_state_known(v->rules, index - 1))
            return rule_state_member(v->rules, index - 1) && (set->opted_out_too[index - 1] || !v->opted_out);
    }
    return edge_rules_projected(&v->person.doc, audience);
}

static bool
request_header(void *ctx, struct str name, struct str *value)
{
    struct visit *v = ctx;

    *value = http_header(v->call->rq, name);
    edge_facts_header(&v->facts, name, *value);
    return value->p != NULL;
}

static bool
remote_content(void *ctx, struct str url, struct str *content)
{
    const struct visit *v = ctx;
    struct edge_call *c = v->call;
    const struct json *settings = snapshot_object(c->snap, S("targetSettings"), c->ds->scope, S("settings"));

    return c->edge->remote != NULL &&
           remote_offer_allowed(json_get(settings, S("allowedRemoteOfferUrlPatterns")), url) &&
           remote_offer_get(c->edge->remote, url, c->now_ms, c->arena, content);
}

/* A strict sandbox leaves an event alone that comes with too many others of its second [SEGMENTATION 14.4]. */
static bool
is_bot(const struct visit *v)
{
    const struct edge_doc *doc = &v->person.doc;
    int64_t ms = v->event->ms;
    size_t within = 1;

    if (!v->call->view->edge_segments.strict)
        return false;
    for (size_t i = 0; i < doc->event_count; i++)
        within += doc->events[i].ms > ms - MS_PER_SECOND && doc->events[i].ms <= ms;
    return within > LIMIT_EVENTS_PER_SECOND;
}

/* counts: the new event is part of the document already. */
static enum err
evaluate(struct visit *v, bool counts, struct diag *d)
{
    struct edge_call *c = v->call;
    bool step = counts && !v->known_event;

    return edge_rules_update(&c->view->edge_segments, &v->person.doc, v->attributes, step ? v->event->xdm : NULL,
                             c->now_ms, c->arena, &v->rules, d);
}

/* A request may switch the evaluation off that its datastream has, and a bot's events are not evaluated: then this
 * event enters no audience, and what the person is in without it still counts. A datastream without evaluation asks
 * what the hub projected. */
static enum err
update(struct visit *v, const struct hit *h, struct diag *d)
{
    struct edge_call *c = v->call;
    bool here = c->ds->platform && c->ds->edge_segmentation && c->view != NULL && c->view->edge_segments.graph != NULL;
    bool counts = c->segmentation_on && !(here && is_bot(v));
    enum err rc = ERR_OK;

    if (here && !counts)
        rc = evaluate(v, false, d);
    if (rc == ERR_OK)
        rc = fold_event(v, h, d);
    if (rc == ERR_OK && here && counts)
        rc = evaluate(v, true, d);
    if (v->rules == NULL || !counts)
        v->person.doc.rule_state = S_NULL; /* it does not know this event */
    return rc;
}

static void
write_pull(struct visit *v, size_t index)
{
    struct edge_call *c = v->call;
    struct jw w = edge_handle_begin(c);

    jw_array(&w);
    for (size_t i = 0; c->view != NULL && i < c->view->destination_count; i++) {
        const struct destination *dest = &c->view->destinations[i];
        if (dest->target || !dest->enabled || (dest->datastream.n > 0 && !str_eq(dest->datastream, c->ds->id)))
            continue;
        jw_object(&w);
        jw_kstr(&w, S("type"), S("profileLookup"));
        jw_kstr(&w, S("destinationId"), dest->id);
        jw_kstr(&w, S("alias"), dest->alias);
        jw_key(&w, S("segments"));
        jw_array(&w);
        for (size_t k = 0; k < dest->audience_count; k++) {
            if (!in_audience(v, dest->audiences[k]))
                continue;
            jw_object(&w);
            jw_kstr(&w, S("id"), dest->audiences[k]);
            jw_kstr(&w, S("namespace"), S("ups"));
            jw_end(&w);
        }
        jw_end(&w);
        jw_end(&w);
    }
    jw_end(&w);
    edge_handle_end(c, &w, "activation:pull", (int)index);
}

/* ---- decisions ---- */

static enum err
decide(struct visit *v, size_t index, struct hit *h, struct diag *d)
{
    struct edge_call *c = v->call;
    size_t before;
    struct jw w;
    enum err rc;

    edge_reply_begin(c);
    before = c->rs->body->n;
    w = edge_handle_begin(c);
    buf_putc(c->rs->body, '[');
    rc = edge_visit_locations(&v->target, &v->event->query, h, c->arena, c->rs->body, d);
    if (rc != ERR_OK) {
        buf_cut(c->rs->body, before);
        return rc;
    }
    buf_putc(c->rs->body, ']');
    edge_handle_end(c, &w, "personalization:decisions", (int)index);
    return ERR_OK;
}

static void
empty_decisions(struct edge_call *c, size_t index)
{
    struct jw w = edge_handle_begin(c);

    buf_put(c->rs->body, S("[]"));
    edge_handle_end(c, &w, "personalization:decisions", (int)index);
}

/* (3): whatever goes wrong, the page gets an answer. */
static void
personalize(struct visit *v, size_t index, struct hit *h)
{
    struct edge_call *c = v->call;
    struct diag d = DIAG_INIT;

    if (!v->event->query.asked)
        return;
    if (v->target.decision == NULL) {
        empty_decisions(c, index);
        return;
    }
    if (decide(v, index, h, &d) != ERR_OK) {
        metric_inc(M_EDGE_DEGRADED);
        log_warn("decisions_failed", "why=\"%s\"", d.what);
        edge_fail(c, "0202-502", "The service failed", "the event is answered without decisions", index);
        empty_decisions(c, index);
    }
}

/* profile.x and profile:{x} of data.__adobe.target become visitor parameters [EDGE 5.9]. */
static const struct json *
profile_params(struct edge_call *c, const struct json *target)
{
    const struct json *nested = json_get(target, S("profile")), *out = NULL;
    struct json_iter it;
    struct buf text;
    struct jw w;
    size_t n = 0;

    if (target == NULL)
        return NULL;
    buf_init_in(&text, c->arena, LIMIT_EDGE_BODY_BYTES);
    w = jw_to(&text);
    jw_object(&w);
    for (it = json_iter(target); json_next(&it);) {
        if (str_starts(it.key, S("profile.")) && it.key.n > 8) {
            jw_kjson(&w, str_slice(it.key, 8, it.key.n), it.value);
            n++;
        }
    }
    for (it = json_iter(nested); json_is(nested, JSON_OBJECT) && json_next(&it); n++)
        jw_kjson(&w, it.key, it.value);
    jw_end(&w);
    if (n > 0 && buf_ok(&text) && json_parse(buf_str(&text), c->arena, &out, NULL) != ERR_OK)
        out = NULL;
    return out;
}

/* For whoever asks later why, or what another configuration had decided. */
static void
keep_facts(struct visit *v, const struct hit *h)
{
    struct edge_call *c = v->call;
    struct edge_visit *t = &v->target;
    struct edge_facts_source src = {.facts = &v->facts,
                                    .config = c->snap->version,
                                    .before_ms = t->before_ms,
                                    .person = &v->person.doc,
                                    .set = v->rules != NULL ? &c->view->edge_segments : NULL,
                                    .in_audience = in_audience,
                                    .ctx = v,
                                    .event = v->event,
                                    .browser = &t->browser,
                                    .qa_mode = t->qa_mode,
                                    .property_token = c->property_token};

    if (t->decision != NULL && t->rq.explain && (v->event->query.asked || h->notice_count > 0))
        t->visit.asked_text = edge_facts_write(&src, c->arena);
}

static struct hit
hit_of(const struct visit *v, size_t index)
{
    struct edge_call *c = v->call;
    char room[U64_TEXT_BYTES];

    return (struct hit){
        .kind = HIT_EVENT,
        .source = SOURCE_EDGE,
        .scope = c->ds->scope,
        .dataset = !c->platform_on           ? S_NULL
                   : v->event->dataset.n > 0 ? v->event->dataset
                                             : c->event_dataset,
        .datastream = c->ds->id,
        .request_id = ARENA_JOIN(c->arena, c->caller_id, S("/"), u64_text(index, room)),
        .region = str_of(c->edge->o.hint),
        .accepted_us = c->now_ms * 1000,
        .identities = v->event->ids,
        .event_id = v->event->id,
        .event_ms = v->event->ms,
        .xdm = v->event->xdm,
        .profile_params = profile_params(c, v->event->target),
    };
}

bool
edge_event_handle(struct edge_call *c, struct edge_event_in *e, size_t index)
{
    struct visit v = {.call = c, .event = e};
    struct diag d = DIAG_INIT;
    struct hit h = hit_of(&v, index);
    struct edge_write w = edge_write_of(c);
    bool repeated = c->caller_gave_id && edge_dedupe_seen(c->edge->dedupe, c->ds->id, c->caller_id, index, c->now_ms);
    enum err rc;

    if (identity_primary(&e->ids) == NULL)
        return true;             /* a beacon without any identity: nothing to file it under [EDGE C-5] */
    rc = load_documents(&v, &d); /* (1) */
    if (rc == ERR_OK && v.person.doc.attributes.n > 0)
        rc = json_parse(v.person.doc.attributes, c->arena, &v.attributes, &d);
    v.opted_out = opted_out(v.attributes);
    if (rc == ERR_OK && c->target_on) {
        rc = edge_visit_read(c, e, &device_of(&v)->doc, &v.target, &d);
        h.visit = &v.target.visit;
    }
    if (rc == ERR_OK)
        rc = update(&v, &h, &d); /* (2) */
    if (rc != ERR_OK) {
        metric_inc(M_EDGE_DEGRADED);
        log_warn("edge_profile_failed", "why=\"%s\"", d.what);
        edge_fail(c, "0202-502", "The service failed", "the event is answered without the visitor's profile", index);
    }
    if (h.visit != NULL)
        edge_visit_decide(c, e, &h, v.attributes, &(struct edge_asked){in_audience, request_header, remote_content, &v},
                          &v.target);
    edge_notices_read(c, e, &v.target, &h);
    if (c->path.action == ACTION_INTERACT) {
        if (c->destinations_on)
            write_pull(&v, index);
        personalize(&v, index, &h); /* (3) */
        if (e->media_start)
            edge_media_session(c, index);
    }
    if (repeated) {
        metric_inc(M_EDGE_DUPLICATES);
        return true;
    }
    keep_facts(&v, &h);
    if (rc == ERR_OK)
        rc = edge_doc_fold_device(&device_of(&v)->doc, &h, event_cut(c), c->now_ms, c->arena, &d);
    rc = edge_append(&w, &h, rc == ERR_OK ? &v.person : NULL, rc == ERR_OK && !v.one_document ? &v.device : NULL,
                     &d); /* (4) */
    if (rc == ERR_OK) {
        metric_inc(M_EDGE_EVENTS);
        return true;
    }
    edge_dedupe_forget(c->edge->dedupe, c->ds->id, c->caller_id, index);
    if (rc == ERR_LIMIT)
        return edge_problem(c, "0112-413", "Invalid request", "%s", d.what);
    return edge_problem(c, "0000-503", "Service unavailable", "the event cannot be kept now: %s", d.what);
}

struct edge_write
edge_write_of(const struct edge_call *c)
{
    return (struct edge_write){c->edge, c->view, c->arena, c->now_ms, c->rq->body.n};
}

/* An event's documents and rules take a few hundred KB for a visitor with much behind them, and a request may have a
 * hundred events. What it leaves is in the reply's buffer, on the log and in the table. */
bool
edge_events_handle(struct edge_call *c)
{
    struct arena_mark mark = arena_mark(c->arena);

    for (size_t i = 0; i < c->event_count; i++) {
        if (!edge_event_handle(c, &c->events[i], i))
            return false;
        arena_release(c->arena, mark);
    }
    return true;
}
