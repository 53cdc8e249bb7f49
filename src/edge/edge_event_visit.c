/* edge_event_visit.c - an event as the visitor of the Target part sees it  [TARGET 1.12].
 *
 * A visitor of the Edge Network is stored under his ECID and has no session ids: any event keeps his session. One whose
 * ECID leads to another place, since a delivery request said who he is, and one who says so here, are looked for; so is
 * one whose page moves from at.js, who has a Target id and a session id too (edge_mbox.c).
 *
 * What data.__adobe.target says beside parameters of the page: category views, an order, a third-party id. */
#include "base/limits.h"
#include "codec/url.h"
#include "config/tenant.h"
#include "context/page_url.h"
#include "edge/edge_rerun.h"
#include "edge/edge_visitor.h"

/* "user.categoryId" as a flat name or as nested objects. */
static const struct json *
target_member(const struct json *target, struct str name)
{
    const struct json *flat = json_get(target, name);

    return flat != NULL ? flat : json_path(target, name);
}

/* A comma list as an array, from left to right; NULL: it is empty. */
static const struct json *
comma_list(struct str rest, struct arena *a)
{
    struct str name;
    struct buf text;
    struct jw w;

    if (rest.n == 0)
        return NULL;
    buf_init_in(&text, a, LIMIT_EDGE_BODY_BYTES);
    w = jw_to(&text);
    jw_array(&w);
    while (str_split(&rest, ',', &name)) {
        if (str_trim(name).n > 0)
            jw_str(&w, str_trim(name));
    }
    jw_end(&w);
    return edge_made(&text, a);
}

/* SKUs of what was bought; NULL: none is said. */
static const struct json *
skus(const struct json *items, struct arena *a)
{
    struct json_iter it = json_iter(items);
    struct buf text;
    struct jw w;

    buf_init_in(&text, a, LIMIT_EDGE_BODY_BYTES);
    w = jw_to(&text);
    jw_array(&w);
    while (json_is(items, JSON_ARRAY) && json_next(&it)) {
        if (json_str(json_get(it.value, S("SKU"))).n > 0)
            jw_json(&w, json_get(it.value, S("SKU")));
    }
    jw_end(&w);
    return edge_made(&text, a);
}

static double
number_of(const struct json *v)
{
    double n = json_f64(v, 0);

    (void)str_to_f64(json_str(v), &n);
    return n;
}

/* XDM of a purchase, whose gaps the Target part fills [EDGE 5.9, C-24]. Other events have a commerce.order, too: a
 * checkout says what is in the bag. */
static void
read_order(const struct edge_event_in *e, struct hit_visit *v, struct arena *a)
{
    const struct json *id = json_get(e->target, S("orderId")), *total = json_get(e->target, S("orderTotal"));
    bool purchase = json_f64(json_path(e->xdm, S("commerce.purchases.value")), 0) >= 1;
    const struct json *order = purchase ? json_path(e->xdm, S("commerce.order")) : NULL;
    const struct json *price = json_get(order, S("priceTotal"));

    v->has_order = purchase || id != NULL || total != NULL;
    if (!v->has_order)
        return;
    v->order = (struct hit_order){.id = json_str(json_get(order, S("purchaseID"))),
                                  .total = json_is_number(price) ? json_f64(price, 0) : number_of(total),
                                  .products = purchase ? skus(json_get(e->xdm, S("productListItems")), a) : NULL};
    if (v->order.id.n == 0)
        v->order.id = json_str(id);
    if (v->order.products == NULL)
        v->order.products = comma_list(json_str(json_get(e->target, S("productPurchasedId"))), a);
}

static struct str
third_party_id(const struct edge_call *c, const struct edge_event_in *e)
{
    struct str said = json_str(json_get(e->target, S("mbox3rdPartyId")));
    struct str ns = c->ds->third_party_id_namespace;
    const struct identity *id = ns.n > 0 ? identity_find(&e->ids, ns) : NULL;

    if (said.n > 0)
        return said;
    return id != NULL && id->auth != AUTH_LOGGED_OUT ? id->id : S_NULL;
}

/* Of somebody who says no more than his ECID, whose document is there already, that is one look. */
static enum err
find_visitor(struct edge_call *c, const struct edge_doc *device, struct edge_visit *out, struct diag *d)
{
    struct edge_visitor_ids ids = {.third_party_id = out->visit.third_party_id};
    bool moves = c->mbox.asked && c->device.present; /* from at.js, or back */
    struct edge_visitor found;
    enum err rc;

    if (ids.third_party_id.n == 0 && device->visitor_at.n == 0 && !moves)
        return visitor_read(device->visitor, c->arena, &out->visitor, d);
    if (c->device.present)
        ids.ecid = (struct str){c->device.ecid, ECID_BYTES};
    if (moves)
        ids.tnt_id = edge_mbox_tnt_id(c, device);
    rc = edge_visitor_find(c->edge, c->snap, c->ds->scope, &ids, c->rq->rng, c->now_ms, c->arena, &found, d);
    if (rc != ERR_OK)
        return rc;
    if (moves)
        edge_mbox_keep(c, found.tnt_id);
    out->visitor = found.visitor;
    out->visit.tnt_id = found.tnt_id;
    out->visit.at = found.at;
    out->visit.links = found.links;
    out->visit.absorbs = found.absorbs;
    return ERR_OK;
}

enum err
edge_visit_read(struct edge_call *c, const struct edge_event_in *e, const struct edge_doc *device,
                struct edge_visit *out, struct diag *d)
{
    struct hit_visit *v = &out->visit;
    struct environment environment;
    enum err rc;

    *out = (struct edge_visit){0};
    v->third_party_id = third_party_id(c, e);
    if (c->mbox.asked && c->device.present)
        v->session = edge_mbox_session(c);
    v->url = json_str(json_path(e->xdm, S("web.webPageDetails.URL")));
    v->referrer = json_str(json_path(e->xdm, S("web.webReferrer.URL")));
    v->page = e->query.asked || json_path(e->xdm, S("web.webPageDetails.pageViews")) != NULL;
    environment = tenant_environment_of_host(c->snap, c->ds->scope, url_parse(v->url).host, c->arena);
    v->environment = environment.id;
    out->serve_inactive = environment.serve_inactive;
    edge_qa_begin(c, out);
    v->categories = comma_list(json_str(target_member(e->target, S("user.categoryId"))), c->arena); /* [TARGET 7.2] */
    read_order(e, v, c->arena);
    rc = find_visitor(c, device, out, d);
    if (rc == ERR_CORRUPT) { /* new here, as the fold will see it */
        visitor_init(&out->visitor, c->arena);
        rc = ERR_OK;
    }
    if (rc != ERR_OK)
        return rc;
    out->before_ms = out->visitor.last_ms;
    out->previous_ms = visitor_open(&out->visitor, v, c->now_ms); /* a new session has no place yet */
    out->browser = edge_browser_of_event(c->rq, e->xdm, c->arena);
    v->geo = edge_geo(c->edge, &out->visitor, edge_geo_of_event(e->xdm, c->arena), c->rq->client_ip, c->arena);
    return ERR_OK;
}

void
edge_visit_decide(struct edge_call *c, const struct edge_event_in *e, const struct hit *h,
                  const struct json *attributes, const struct edge_asked *asked, struct edge_visit *v)
{
    struct edge_situation x = {
        .view = c->view,
        .visitor = &v->visitor,
        .visit = &v->visit,
        .browser = &v->browser,
        .visitor_key = {c->device.ecid, ECID_BYTES},
        .property_token = c->property_token,
        .now_ms = c->now_ms,
        .previous_ms = v->previous_ms,
        .qa = v->qa_mode != NULL ? &v->qa : NULL,
        .attributes = attributes,
        .asked = *asked,
        .serve_inactive = v->serve_inactive,
        .rerun = v->rerun != NULL,
    };

    if (c->view == NULL || c->view->decide == NULL || !c->device.present)
        return;
    visitor_fold(&v->visitor, h, c->now_ms, VISITOR_ONCE, NULL, NULL);
    v->ask = (struct decision_ask){
        .parameters = e->target, .xdm = e->xdm, .schemas = e->query.schemas, .schema_count = e->query.schema_count};
    v->decision = edge_decision_begin(&x, c->arena, &v->rq);
}

/* A surface may be written in several ways. */
static bool
asked_before(const struct edge_query *q, size_t i, struct arena *a)
{
    struct str scope = surface_canonical(q->scopes[i], a);

    for (size_t j = 0; j < i; j++) {
        if (str_eq(surface_canonical(q->scopes[j], a), scope))
            return true;
    }
    return false;
}

static void
note_taken(struct hit *h, const struct decision_result *result, size_t *room, struct arena *a)
{
    if (h->decision_count + result->n > *room) {
        size_t more = 2 * (h->decision_count + result->n);
        struct hit_decision *list = ARENA_ARRAY(a, struct hit_decision, more);
        if (list == NULL)
            return;
        if (h->decision_count > 0)
            memcpy(list, h->decisions, h->decision_count * sizeof *list);
        h->decisions = list;
        *room = more;
    }
    for (size_t i = 0; i < result->n; i++)
        h->decisions[h->decision_count++] = decision_hit(&result->taken[i]);
}

enum err
edge_visit_locations(struct edge_visit *v, const struct edge_query *q, struct hit *h, struct arena *a, struct buf *out,
                     struct diag *d)
{
    struct decision_result result;
    size_t room = 0;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < q->scope_count; i++) {
        if (asked_before(q, i, a))
            continue;
        v->ask.name = q->scopes[i];
        v->ask.kind = str_eq(q->scopes[i], S("__view__")) ? AT_PAGE : AT_MBOX;
        rc = decision_at(v->decision, &v->ask, FORMAT_EDGE, out, &result, d);
        if (rc == ERR_OK && v->rerun != NULL)
            rerun_took(v->rerun, v->decision, v->ask.name, &result, false);
        if (rc == ERR_OK)
            note_taken(h, &result, &room, a);
    }
    if (rc != ERR_OK)
        h->decision_count = 0;
    return rc;
}
