/* edge_service.c - a request through the edge, in the order of [EDGE D.6]: path, datastream, body, identity, consent,
 * events. */
#include "edge/edge_int.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"

static bool
match(void *ctx, const struct http_req *rq)
{
    const struct edge *e = ctx;
    struct edge_path path;

    return edge_path_read(rq->path, e->o.base_paths, &path);
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return LIMIT_EDGE_BODY_BYTES;
}

/* [A-Za-z0-9._-]{1,128}: anything else is replaced [EDGE 4.1]. */
static bool
usable_request_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return s.n > 0 && s.n <= LIMIT_REQUEST_ID_BYTES;
}

#define HEX_TEXT_BYTES 16

static struct str
hex_text(uint64_t v, char room[HEX_TEXT_BYTES])
{
    for (int i = HEX_TEXT_BYTES - 1; i >= 0; i--, v >>= 4)
        room[i] = "0123456789abcdef"[v & 15];
    return (struct str){room, HEX_TEXT_BYTES};
}

static void
begin(struct edge_call *c, struct edge *e, struct http_req *rq, struct http_res *rs)
{
    struct str given = http_query(rq, S("requestId"));
    char uuid[UUID_TEXT_BYTES], hex[HEX_TEXT_BYTES];

    *c = (struct edge_call){.edge = e, .rq = rq, .rs = rs, .arena = rq->arena, .now_ms = rq->now_ms};
    (void)edge_path_read(rq->path, e->o.base_paths, &c->path);
    if (given.n == 0)
        given = http_header(rq, S("x-request-id"));
    c->caller_gave_id = usable_request_id(given);
    if (!c->caller_gave_id) {
        rng_uuid(rq->rng, uuid);
        given = arena_str(rq->arena, (struct str){uuid, sizeof uuid});
    }
    c->caller_id = given;
    c->request_id = ARENA_JOIN(rq->arena, given, S("-"), hex_text(rng_u64(rq->rng), hex));
}

/* A suffix such as :stage names an environment of a datastream [EDGE 1.3]. */
static bool
find_datastream(struct edge_call *c)
{
    struct str id = http_query(c->rq, S("configId"));
    ptrdiff_t colon;

    if (id.n == 0)
        id = http_query(c->rq, S("datastreamId"));
    if (id.n == 0)
        return edge_problem(c, "0002-400", "Missing datastream parameter",
                            "the query has neither 'configId' nor 'datastreamId'");
    c->ds = snapshot_datastream(c->snap, id);
    colon = str_find_char(id, ':');
    if (c->ds == NULL && colon > 0)
        c->ds = snapshot_datastream(c->snap, str_slice(id, 0, (size_t)colon));
    if (c->ds == NULL)
        return edge_problem(c, "0003-400", "Invalid datastream ID",
                            "no datastream has the ID '%.*s': correct it and send the request again", STR_ARG(id));
    if (!c->ds->enabled)
        return edge_problem(c, "0004-422", "Datastream disabled", "the datastream '%.*s' is disabled",
                            STR_ARG(c->ds->id));
    if (c->ds->authenticated)
        return edge_problem(c, "0500-401", "Invalid authorization token",
                            "this datastream takes authenticated requests only");
    c->view = snapshot_scope(c->snap, c->ds->scope);
    c->property_token = c->ds->property_token;
    c->event_dataset = c->ds->event_dataset;
    c->platform_on = c->ds->platform;
    c->segmentation_on = c->ds->platform && c->ds->edge_segmentation;
    c->destinations_on = c->segmentation_on && c->ds->edge_destinations;
    c->target_on = c->ds->target;
    return true;
}

/* The body is JSON whatever the declared type; a few types are refused all the same [EDGE 1.4]. */
static bool
check_content_type(struct edge_call *c)
{
    static const char *const accepted[] = {"application/json", "text/plain", "text/javascript"};
    struct str type = http_header(c->rq, S("Content-Type"));
    ptrdiff_t semicolon = str_find_char(type, ';');

    if (type.p == NULL || type.n == 0)
        return true;
    if (semicolon >= 0)
        type = str_slice(type, 0, (size_t)semicolon);
    type = str_trim(type);
    if (str_find_char(type, '/') <= 0)
        return edge_problem(c, "0106-400", "Invalid Content-Type header", "'%.*s' is not a media type", STR_ARG(type));
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        if (str_eq_nocase(type, str_of(accepted[i])))
            return true;
    }
    return edge_problem(c, "0111-415", "Invalid request", "the content type '%.*s' is not supported", STR_ARG(type));
}

static void
handle_events(struct edge_call *c)
{
    if (!edge_identity_resolve(c))
        return;
    if (!edge_consent_effective(c)) {
        metric_add(M_EDGE_OPTED_OUT, c->event_count);
        edge_warn(c, "0301-200", "User consent missing", "the visitor is opted out: the events are not processed");
        if (c->path.action == ACTION_INTERACT)
            edge_reply(c);
        else
            edge_reply_empty(c, 204);
        return;
    }
    for (size_t i = 0; i < c->event_count; i++)
        edge_identity_finish_event(c, &c->events[i]);
    if (c->path.action == ACTION_MEDIA) {
        edge_media(c);
        return;
    }
    if (!edge_events_handle(c))
        return;
    if (c->path.action == ACTION_COLLECT)
        edge_reply_empty(c, 204);
    else
        edge_reply(c);
}

static void
run(struct edge_call *c)
{
    if (c->path.action == ACTION_UNKNOWN) {
        (void)edge_problem(c, "0105-404", "Not found", "no such endpoint");
        return;
    }
    if (c->rq->method != HTTP_POST) {
        http_set_header(c->rq, c->rs, S("Allow"), S("POST, OPTIONS"));
        (void)edge_problem(c, "0105-405", "Method not allowed", "use POST");
        return;
    }
    if (!find_datastream(c) || !check_content_type(c) || !edge_body_read(c))
        return;
    switch (c->path.action) {
    case ACTION_ACQUIRE:
        if (edge_identity_resolve(c))
            edge_reply(c);
        return;
    case ACTION_SET_CONSENT:
        edge_set_consent(c);
        return;
    default:
        handle_events(c);
    }
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    struct edge *e = ctx;
    struct edge_call c;

    begin(&c, e, rq, rs);
    c.snap = snapshot_get(e->o.config);
    run(&c);
    edge_reply_headers(&c);
    snapshot_put(e->o.config, c.snap);
    if (c.path.action == ACTION_INTERACT)
        metric_observe(M_EDGE_INTERACT_US, os_mono_us(e->o.os) - rq->start_us);
}

/* The listener refused before the body was complete. */
static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    struct edge_call c;
    char code[16];

    begin(&c, ctx, rq, rs);
    switch (status) {
    case 413:
        (void)edge_problem(&c, "0112-413", "Invalid request", "%s", why);
        break;
    case 415:
        (void)edge_problem(&c, "0111-415", "Invalid request", "%s", why);
        break;
    case 503:
        (void)edge_problem(&c, "0000-503", "Service unavailable", "%s", why);
        break;
    case 500:
        (void)edge_problem(&c, "0001-500", "Unexpected error", "%s", why);
        break;
    default:                                                  /* 400, 414, 431 */
        (void)snprintf(code, sizeof code, "0105-%d", status); /* fits: three digits */
        (void)edge_problem(&c, code, "Invalid request", "%s", why);
    }
    edge_reply_headers(&c);
}

struct http_service
edge_service(struct edge *e)
{
    return (struct http_service){
        .name = "edge",
        .match = match,
        .body_max = body_max,
        .handle = handle,
        .refuse = refuse,
        .cors = true,
        .cors_expose = "Retry-After, X-Adobe-Edge, X-Request-ID",
        .ctx = e,
    };
}
