/* edge_body.c - from bytes to struct edge_call, with the documented problem for every way in which a body can be wrong.
 *
 * Unknown members are ignored; a known member of the wrong type is EXEG-0102-400 with its path [EDGE 1.4, 2]. Members
 * of the request's xdm lie under every event's; when both have any, the merged object is written and parsed once more.
 */
#include "edge/edge_int.h"
#include "edge/edge_qa.h"

#include "base/civil.h"
#include "base/limits.h"
#include "codec/json_merge.h"

#define INVALID_FIELD "Invalid request field"

/* A member that may be absent but, when present, has this type. */
static bool
typed(struct edge_call *c, const struct json *v, enum json_type type, const char *path)
{
    if (v == NULL || json_is(v, type) || json_is(v, JSON_NULL))
        return true;
    return edge_problem(c, "0102-400", INVALID_FIELD, "'%s' must be %s, got %s", path, json_type_name(type),
                        json_type_name(json_type(v)));
}

static bool
read_texts(struct edge_call *c, const struct json *list, const char *path, struct str **out, size_t *n, size_t room)
{
    struct json_iter it;
    struct str *items;

    if (list == NULL)
        return true;
    if (!typed(c, list, JSON_ARRAY, path))
        return false;
    items = ARENA_ARRAY(c->arena, struct str, *n + json_count(list) + 1);
    if (items == NULL)
        return edge_problem(c, "0112-413", "Invalid request", "'%s' has too many entries", path);
    if (*n > 0)
        memcpy(items, *out, *n * sizeof *items);
    for (it = json_iter(list); json_next(&it);) {
        if (!json_is(it.value, JSON_STRING))
            return edge_problem(c, "0102-400", INVALID_FIELD, "'%s' must contain strings only", path);
        if (*n >= room)
            return edge_problem(c, "0104-422", "Input validation error", "'%s' has more than %zu entries", path, room);
        items[(*n)++] = json_str(it.value);
    }
    *out = items;
    return true;
}

/* Event level wins key by key; what it leaves out comes from the request level [EDGE C-26]. */
static bool
read_personalization(struct edge_call *c, const struct json *event_query, struct edge_query *q)
{
    const struct json *own = json_get(event_query, S("personalization"));
    const struct json *shared = json_path(c->body, S("query.personalization"));
    static const char *const keys[] = {"decisionScopes", "surfaces", "schemas"};
    const char *path = "query.personalization";

    if (!typed(c, own, JSON_OBJECT, path) || !typed(c, shared, JSON_OBJECT, path))
        return false;
    if (own == NULL && shared == NULL)
        return true;
    for (int i = 0; i < 3; i++) {
        const struct json *list = json_get(own, str_of(keys[i]));
        struct str **to = i < 2 ? &q->scopes : &q->schemas;
        size_t *count = i < 2 ? &q->scope_count : &q->schema_count;
        if (list == NULL)
            list = json_get(shared, str_of(keys[i]));
        /* Surfaces share the list of scopes but not its limit. */
        if (!read_texts(c, list, keys[i], to, count, i == 0 ? LIMIT_DECISION_SCOPES : 2 * LIMIT_DECISION_SCOPES + 4))
            return false;
    }
    q->asked = json_bool(json_get(own ? own : shared, S("enabled")), true);
    return true;
}

/* data.__adobe.target, nested or as one flat key with dots [EDGE 5.9]. */
static const struct json *
target_of(const struct json *data)
{
    const struct json *nested = json_path(data, S("__adobe.target"));

    if (nested == NULL)
        nested = json_get(data, S("__adobe.target"));
    if (nested == NULL)
        nested = json_get(json_get(data, S("__adobe")), S("target"));
    return json_is(nested, JSON_OBJECT) ? nested : NULL;
}

/* A missing or unusable timestamp is the receive time; so is one more than 24 hours ahead [EDGE C-18]. */
static int64_t
event_time(const struct edge_call *c, const struct json *xdm)
{
    int64_t ms;

    if (!iso8601_parse(json_str(json_get(xdm, S("timestamp"))), &ms, NULL) || ms > c->now_ms + MS_PER_DAY)
        return c->now_ms;
    return ms;
}

/* `over` laid over `under`, parsed anew. */
static bool
lay(struct edge_call *c, const struct json *over, const struct json *under, const struct json **out)
{
    struct buf text;
    struct jw w;
    enum err rc;

    buf_init_in(&text, c->arena, 2 * LIMIT_EDGE_BODY_BYTES + 64);
    (void)buf_grow(&text, c->rq->body.n / (c->event_count + 1) + 256); /* for each of a hundred events */
    w = jw_to(&text);
    json_merge_write(&w, over, under, false);
    rc = buf_ok(&text) ? json_parse(buf_str(&text), c->arena, out, NULL) : ERR_LIMIT;
    return rc == ERR_OK || edge_problem(c, "0112-413", "Invalid request", "the merged xdm is too large");
}

/* The event's xdm over the request's, with a readable timestamp: rules read it. SDKs send one, and seldom anything at
 * the request's level, so nearly always the parsed body is used as it is. */
static bool
merged_xdm(struct edge_call *c, const struct json *own, struct edge_event_in *e)
{
    const struct json *shared = json_get(c->body, S("xdm")), *stamp;
    int64_t ms;
    char text[64];

    e->xdm = own;
    if (json_count(shared) > 0 && !lay(c, own, shared, &e->xdm))
        return false;
    e->ms = event_time(c, e->xdm);
    if (iso8601_parse(json_str(json_get(e->xdm, S("timestamp"))), &ms, NULL) && ms == e->ms)
        return true;
    memcpy(text, "{\"timestamp\":\"", 14);
    iso8601_format(e->ms, text + 14);
    memcpy(text + 14 + ISO8601_BYTES, "\"}", 2);
    if (json_parse((struct str){text, 16 + ISO8601_BYTES}, c->arena, &stamp, NULL) != ERR_OK)
        return edge_problem(c, "0001-500", "Unexpected error", "no memory for the request");
    return lay(c, stamp, e->xdm, &e->xdm);
}

/* The same request id and index give the same event id, so that an event sent again is recognised wherever it is kept.
 */
static struct str
event_id(struct edge_call *c, const struct json *xdm, size_t index)
{
    struct str given = json_str(json_get(xdm, S("_id")));
    struct str seed;
    struct rng rng;
    char *text;

    if (given.n > 0 && given.n <= LIMIT_REQUEST_ID_BYTES)
        return given;
    seed = arena_printf(c->arena, "%.*s/%.*s/%zu", STR_ARG(c->ds->id), STR_ARG(c->caller_id), index);
    text = arena_alloc(c->arena, UUID_TEXT_BYTES);
    if (text == NULL)
        return S_NULL;
    rng_seed(&rng, hash_bytes(seed, 0));
    rng_uuid(&rng, text);
    return (struct str){text, UUID_TEXT_BYTES};
}

static bool
identity_fault(struct edge_call *c, enum err rc, const struct diag *d)
{
    if (rc == ERR_LIMIT)
        return edge_problem(c, "0104-422", "Input validation error", "%s: %s", d->path, d->what);
    return edge_problem(c, "0102-400", INVALID_FIELD, "'%s': %s", d->path, d->what);
}

/* meta.collect of the event, else of the request: the dataset that keeps the event [EDGE 2.6]. */
static bool
read_collect(struct edge_call *c, const struct json *meta, struct edge_event_in *e)
{
    const struct json *id = json_path(meta, S("collect.datasetId"));

    if (id == NULL)
        id = json_path(c->body, S("meta.collect.datasetId"));
    if (!typed(c, meta, JSON_OBJECT, "events[].meta") || !typed(c, id, JSON_STRING, "meta.collect.datasetId"))
        return false;
    e->dataset = json_str(id);
    return e->dataset.n == 0 || edge_overrides_dataset(c, id);
}

static bool
read_event(struct edge_call *c, const struct json *v, size_t i)
{
    struct edge_event_in *e = &c->events[i];
    const struct json *xdm = json_get(v, S("xdm"));
    char path[64];
    struct diag d = DIAG_INIT;
    enum err rc;

    if (!json_is(v, JSON_OBJECT))
        return edge_problem(c, "0102-400", INVALID_FIELD, "'events[%zu]' must be an object, got %s", i,
                            json_type_name(json_type(v)));
    if (!typed(c, xdm, JSON_OBJECT, "events[].xdm") ||
        !typed(c, json_get(v, S("data")), JSON_OBJECT, "events[].data") ||
        !typed(c, json_get(v, S("query")), JSON_OBJECT, "events[].query"))
        return false;
    (void)snprintf(path, sizeof path, "events[%zu].xdm.identityMap", i);
    rc = identity_map_read(json_get(xdm, S("identityMap")), path, c->arena, &e->ids, &d);
    if (rc == ERR_OK)
        rc = identity_set_merge(&e->ids, &c->root_ids, c->arena, &d);
    if (rc != ERR_OK)
        return identity_fault(c, rc, &d);
    if (!merged_xdm(c, xdm, e))
        return false;
    if (!read_collect(c, json_get(v, S("meta")), e))
        return false;
    e->target = target_of(json_get(v, S("data")));
    e->id = event_id(c, e->xdm, i);
    e->media_start = str_eq(json_str(json_get(e->xdm, S("eventType"))), S("media.sessionStart"));
    return read_personalization(c, json_get(v, S("query")), &e->query);
}

static bool
read_events(struct edge_call *c)
{
    const struct json *events = json_get(c->body, S("events"));
    struct json_iter it;
    size_t i = 0;

    if (events == NULL)
        return edge_problem(c, "0103-400", "Missing required value", "'events' is missing");
    if (!json_is(events, JSON_ARRAY))
        return edge_problem(c, "0102-400", INVALID_FIELD, "'events' must be an array, got %s",
                            json_type_name(json_type(events)));
    c->event_count = json_count(events);
    if (c->event_count == 0)
        return edge_problem(c, "0104-422", "Input validation error", "'events' must contain at least one event");
    if (c->event_count > LIMIT_EVENTS_PER_REQUEST)
        return edge_problem(c, "0104-422", "Input validation error", "'events' has %zu events, at most %d",
                            c->event_count, LIMIT_EVENTS_PER_REQUEST);
    c->events = ARENA_ARRAY(c->arena, struct edge_event_in, c->event_count);
    if (c->events == NULL)
        return edge_problem(c, "0001-500", "Unexpected error", "no memory for the request");
    for (it = json_iter(events); json_next(&it); i++) {
        if (!read_event(c, it.value, i))
            return false;
    }
    return true;
}

/* Entries of another organisation are ignored [EDGE C-28]. */
static bool
read_state_entries(struct edge_call *c, const struct json *entries)
{
    struct json_iter it;

    if (!typed(c, entries, JSON_ARRAY, "meta.state.entries"))
        return false;
    if (json_count(entries) > LIMIT_STATE_ENTRIES)
        return edge_problem(c, "0104-422", "Input validation error", "'meta.state.entries' has more than %d entries",
                            LIMIT_STATE_ENTRIES);
    for (it = json_iter(entries); json_next(&it);) {
        struct str key = json_str(json_get(it.value, S("key")));
        struct str value = json_str(json_get(it.value, S("value")));
        if (str_eq(key, edge_cookie_name(c, "identity")))
            c->state.identity = value;
        else if (str_eq(key, edge_cookie_name(c, "consent")))
            c->state.consent = value;
        else if (str_eq(key, edge_cookie_name(c, "cluster")))
            c->state.cluster = value;
        else if (str_eq(key, S("at_qa_mode")))
            c->qa_kept = edge_qa_of_cookie(value, c->arena);
        else if (c->mbox.asked && str_eq(key, S("mbox")))
            edge_mbox_read(c, value);
    }
    return true;
}

/* First party means: cookies of the page's own domain reach us and ours reach it [EDGE 1.10]. */
static bool
is_first_party(const struct edge_call *c)
{
    struct str host = c->rq->host, domain = c->domain;

    if (!c->cookies_enabled || domain.n == 0)
        return false;
    if (str_eq_nocase(host, domain))
        return true;
    return host.n > domain.n && host.p[host.n - domain.n - 1] == '.' &&
           str_eq_nocase(str_slice(host, host.n - domain.n, host.n), domain);
}

static bool
read_meta(struct edge_call *c)
{
    const struct json *meta = json_get(c->body, S("meta"));
    const struct json *state = json_get(meta, S("state"));
    struct str page = http_header(c->rq, S("Origin"));

    if (!typed(c, meta, JSON_OBJECT, "meta") || !typed(c, state, JSON_OBJECT, "meta.state") ||
        !typed(c, json_get(state, S("domain")), JSON_STRING, "meta.state.domain") ||
        !typed(c, json_get(state, S("cookiesEnabled")), JSON_BOOL, "meta.state.cookiesEnabled"))
        return false;
    c->has_state = state != NULL;
    c->cookies_enabled = json_bool(json_get(state, S("cookiesEnabled")), false);
    if (c->cookies_enabled && json_get(state, S("domain")) == NULL)
        return edge_problem(c, "0110-400", "Missing parameter value",
                            "'meta.state.domain' is required when cookies are enabled");
    c->domain = json_str(json_get(state, S("domain")));
    c->first_party = is_first_party(c);
    if (page.n == 0)
        page = http_header(c->rq, S("Referer"));
    c->page_https = str_starts(page, S("https:")) || (page.n == 0 && c->rq->tls);
    c->mbox.asked = json_bool(json_path(meta, S("target.migration")), false);
    if (!read_state_entries(c, json_get(state, S("entries"))))
        return false;
    if (c->first_party) {
        struct str cookie = http_cookie(c->rq, edge_cookie_name(c, "identity"));
        if (cookie.p != NULL)
            c->state.identity = cookie;
        cookie = http_cookie(c->rq, edge_cookie_name(c, "consent"));
        if (cookie.p != NULL)
            c->state.consent = cookie;
        cookie = http_cookie(c->rq, S("at_qa_mode"));
        if (cookie.p != NULL)
            c->qa_kept = edge_qa_of_cookie(cookie, c->arena);
        if (c->mbox.asked)
            edge_mbox_read(c, http_cookie(c->rq, S("mbox")));
    }
    return true;
}

static bool
read_fetch(struct edge_call *c)
{
    const struct json *fetch = json_path(c->body, S("query.identity.fetch"));
    struct json_iter it;

    if (!typed(c, json_get(c->body, S("query")), JSON_OBJECT, "query") ||
        !typed(c, fetch, JSON_ARRAY, "query.identity.fetch"))
        return false;
    for (it = json_iter(fetch); json_next(&it) && c->fetch_count < sizeof c->fetch / sizeof c->fetch[0];) {
        struct str ns = json_str(it.value);
        c->fetch[c->fetch_count++] = ns;
        if (!str_eq(ns, S("ECID")) && !str_eq(ns, S("CORE"))) /* CORE is left out silently [EDGE 3.7] */
            edge_warn(c, "0303-200", "Unauthorized to fetch identities",
                      "only the ECID can be fetched here; other namespaces are left out");
    }
    return true;
}

/* identityMap of the request: at the root for set-consent, under xdm elsewhere [EDGE 2.1]. */
static bool
read_root_identities(struct edge_call *c)
{
    bool consent = c->path.action == ACTION_SET_CONSENT;
    const struct json *map = consent ? json_get(c->body, S("identityMap")) : json_path(c->body, S("xdm.identityMap"));
    struct diag d = DIAG_INIT;
    enum err rc;

    if (!typed(c, json_get(c->body, S("xdm")), JSON_OBJECT, "xdm"))
        return false;
    rc = identity_map_read(map, consent ? "identityMap" : "xdm.identityMap", c->arena, &c->root_ids, &d);
    return rc == ERR_OK || identity_fault(c, rc, &d);
}

bool
edge_body_read(struct edge_call *c)
{
    struct diag d = DIAG_INIT;
    enum err rc;

    if (c->rq->body.n == 0)
        return edge_problem(c, "0109-408", "Empty request", "the request has no body");
    rc = json_parse(c->rq->body, c->arena, &c->body, &d);
    if (rc == ERR_NOMEM)
        return edge_problem(c, "0112-413", "Invalid request", "the request needs too much memory");
    if (rc != ERR_OK)
        return edge_problem(c, "0101-400", "Invalid JSON request", "%s", d.what);
    if (!json_is(c->body, JSON_OBJECT))
        return edge_problem(c, "0102-400", INVALID_FIELD, "the body must be an object, got %s",
                            json_type_name(json_type(c->body)));
    if (!read_meta(c) || !read_fetch(c) || !read_root_identities(c) || !edge_overrides_apply(c))
        return false;
    if (c->path.action == ACTION_ACQUIRE || c->path.action == ACTION_SET_CONSENT)
        return true;
    return read_events(c);
}
