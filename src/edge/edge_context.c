/* edge_context.c - see edge_context.h. */
#include "edge/edge_context.h"

#include "base/limits.h"
#include "codec/json_writer.h"

/* Whatever a request may say fits, headers included. */
#define OBJECT_BYTES (2 * LIMIT_EDGE_BODY_BYTES)

const struct json *
edge_made(const struct buf *text, struct arena *a)
{
    return text->n > strlen("{}") ? json_made(text, a) : NULL;
}

/* ---- client hints [TARGET 1.2, EDGE 8.4] ---- */

static const struct hint {
    const char *name, *header;
    const char *xdm; /* member of userAgentClientHints; NULL: SDKs leave it to the header */
} hints[] = {
    {"browserUAWithMajorVersion", "Sec-CH-UA", NULL},
    {"browserUAWithFullVersion", "Sec-CH-UA-Full-Version-List", NULL},
    {"mobile", "Sec-CH-UA-Mobile", NULL},
    {"platform", "Sec-CH-UA-Platform", NULL},
    {"platformVersion", "Sec-CH-UA-Platform-Version", "platformVersion"},
    {"model", "Sec-CH-UA-Model", "model"},
    {"architecture", "Sec-CH-UA-Arch", "architecture"},
    {"bitness", "Sec-CH-UA-Bitness", "bitness"},
};

/* A structured field (RFC 8941): "?1" is true, a quoted text is its inside, a list of brands stays as it is. */
static void
put_header_hint(struct jw *w, struct str value)
{
    bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';

    if (value.n == 2 && value.p[0] == '?')
        jw_bool(w, value.p[1] == '1');
    else if (quoted && str_find_char(str_slice(value, 1, value.n - 1), '"') < 0)
        jw_str(w, str_slice(value, 1, value.n - 1));
    else
        jw_str(w, value);
}

static const struct json *
hints_of_event(const struct http_req *rq, const struct json *said, struct arena *a)
{
    struct buf text;
    struct jw w;

    buf_init_in(&text, a, OBJECT_BYTES);
    w = jw_to(&text);
    jw_object(&w);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        const struct json *own = hints[i].xdm != NULL ? json_get(said, str_of(hints[i].xdm)) : NULL;
        struct str value = str_trim(http_header(rq, str_of(hints[i].header)));
        if (!json_is(own, JSON_STRING) && value.n == 0)
            continue;
        jw_key(&w, str_of(hints[i].name));
        if (json_is(own, JSON_STRING))
            jw_json(&w, own);
        else
            put_header_hint(&w, value);
    }
    jw_end(&w);
    return edge_made(&text, a);
}

/* ---- the rest of an event ---- */

struct member {
    const char *name, *path;
    bool region;
};

/* XDM spells a region "US-CA", and the delivery API "CA". */
static struct str
region_code(struct str s)
{
    return s.n > 3 && s.p[2] == '-' ? str_slice(s, 3, s.n) : s;
}

static const struct json *
object_of(const struct json *from, const struct member *members, size_t n, struct arena *a)
{
    struct buf text;
    struct jw w;

    if (!json_is(from, JSON_OBJECT))
        return NULL;
    buf_init_in(&text, a, OBJECT_BYTES);
    w = jw_to(&text);
    jw_object(&w);
    for (size_t i = 0; i < n; i++) {
        const struct json *x = json_path(from, str_of(members[i].path));
        if (json_is(x, JSON_STRING))
            jw_kstr(&w, str_of(members[i].name), members[i].region ? region_code(json_str(x)) : json_str(x));
        else if (json_is_number(x))
            jw_kjson(&w, str_of(members[i].name), x);
    }
    jw_end(&w);
    return edge_made(&text, a);
}

const struct json *
edge_screen_of_event(const struct json *xdm, struct arena *a)
{
    static const struct member members[] = {
        {"width", "screenWidth", false},
        {"height", "screenHeight", false},
        {"orientation", "screenOrientation", false},
    };

    return object_of(json_get(xdm, S("device")), members, sizeof members / sizeof *members, a);
}

const struct json *
edge_geo_of_event(const struct json *xdm, struct arena *a)
{
    static const struct member members[] = {
        {"countryCode", "countryCode", false},
        {"stateCode", "stateProvince", true},
        {"city", "city", false},
        {"zip", "postalCode", false},
        {"dma", "dmaID", false},
        {"latitude", "_schema.latitude", false},
        {"longitude", "_schema.longitude", false},
    };

    return object_of(json_path(xdm, S("placeContext.geo")), members, sizeof members / sizeof *members, a);
}

/* What the page says about the browser, else what the browser says: a server that sends events for its clients has
 * headers of its own. */
static struct str
said_or_header(const struct http_req *rq, const struct json *details, const char *member, const char *header)
{
    struct str said = json_str(json_get(details, str_of(member)));

    return said.n > 0 ? said : http_header(rq, str_of(header));
}

struct edge_browser
edge_browser_of_event(const struct http_req *rq, const struct json *xdm, struct arena *a)
{
    const struct json *details = json_path(xdm, S("environment.browserDetails"));

    return (struct edge_browser){
        .user_agent = said_or_header(rq, details, "userAgent", "User-Agent"),
        .language = said_or_header(rq, details, "acceptLanguage", "Accept-Language"),
        .client_hints = hints_of_event(rq, json_get(details, S("userAgentClientHints")), a),
        .screen = edge_screen_of_event(xdm, a),
    };
}

/* ---- the decision ---- */

struct decision *
edge_decision_begin(const struct edge_situation *x, struct arena *a, struct decision_request *rq)
{
    const struct decide_set *set = x->view != NULL ? x->view->decide : NULL;
    struct decision *decision = NULL;
    struct diag d = DIAG_INIT;

    *rq = (struct decision_request){
        .now_ms = x->now_ms,
        .visitor_key = x->visitor_key,
        .visitor = x->visitor,
        .session = x->visit->session,
        .property_token = x->property_token,
        .serve_inactive = x->serve_inactive,
        .qa = x->qa,
        .previous_ms = x->previous_ms,
        .url = x->visit->url,
        .referrer = x->visit->referrer,
        .user_agent = x->browser->user_agent,
        .language = x->browser->language,
        .client_hints = x->browser->client_hints,
        .screen = x->browser->screen,
        .geo = x->visit->geo,
        .attributes = x->attributes,
        .in_audience = x->asked.in_audience,
        .header = x->asked.header,
        .remote = x->asked.remote,
        .ctx = x->asked.ctx,
        .explain = x->rerun || (set != NULL && decide_explains(set)),
        .explain_each = x->rerun,
        .trace = x->trace,
        .client_analytics = x->client_analytics,
    };
    if (set == NULL || decision_begin(set, rq, a, &decision, &d) != ERR_OK)
        return NULL;
    return decision;
}
