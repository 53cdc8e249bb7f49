/* fields_request.c - pages, devices, places and time of a request [TARGET 4.2]. */
#include "base/civil.h"
#include "codec/url.h"
#include "context/device.h"
#include "context/place.h"
#include "context/traffic_source.h"
#include "decide/fields_int.h"

/* ---- pages ---- */

static struct str
url_of(const struct request_view *v, enum field_source source)
{
    bool own = v->ask != NULL && v->ask->url.p != NULL; /* a location with its own address */

    if (source == FIELD_LANDING)
        return v->rq->visitor != NULL ? v->rq->visitor->landing_url : v->rq->url;
    if (source == FIELD_REFERRER)
        return own ? v->ask->referrer : v->rq->referrer;
    return own ? v->ask->url : v->rq->url;
}

const struct page_url *
page_of(struct request_view *v, enum field_source source)
{
    size_t i = source == FIELD_PAGE ? 0 : source == FIELD_REFERRER ? 1 : 2;

    if (!v->has_page[i])
        v->pages[i] = page_url_parse(url_of(v, source));
    v->has_page[i] = true;
    return &v->pages[i];
}

/* An empty part is absent, except for the query parameter that is there without a value. The domain is the full host on
 * the server [TARGET 13, row 13]. */
bool
page_field(struct request_view *v, enum field_source source, struct str name, struct str *text)
{
    const struct page_url *u = page_of(v, source);

    if (str_starts(name, S("header.")))
        return v->rq->header != NULL && v->rq->header(v->rq->ctx, str_slice(name, 7, name.n), text);
    if (str_starts(name, S("query."))) {
        if (!query_value(u->query, str_slice(name, 6, name.n), text))
            return false;
        *text = url_decode(*text, true, v->arena);
        return text->p != NULL;
    }
    if (str_eq(name, S("url")))
        *text = u->url;
    else if (str_eq(name, S("domain")))
        *text = u->host;
    else if (str_eq(name, S("subdomain")))
        *text = host_split(u->host).subdomain;
    else if (str_eq(name, S("topLevelDomain")))
        *text = host_split(u->host).suffix;
    else if (str_eq(name, S("path")))
        *text = u->path;
    else if (str_eq(name, S("query")))
        *text = u->query;
    else
        *text = u->fragment;
    return text->n > 0;
}

/* Where the visitor came from when the session began. */
bool
source_field(struct request_view *v, struct str name, struct str *text)
{
    struct str landing = v->rq->visitor != NULL ? v->rq->visitor->landing_referrer : v->rq->referrer;
    struct page_url u = page_url_parse(landing);
    struct str engine = traffic_search_engine(u.host);

    if (str_eq(name, S("searchEngine")))
        *text = engine;
    else if (str_eq(name, S("url")))
        *text = u.url;
    else if (str_eq(name, S("domain")))
        *text = u.host;
    else if (str_eq(name, S("query")))
        *text = u.query;
    else
        *text = field_yes_no(str_eq(name, engine));
    return text->n > 0;
}

/* ---- devices ---- */

const struct user_agent *
agent_of(struct request_view *v)
{
    if (!v->has_agent)
        v->agent = user_agent_with_hints(v->rq->user_agent, v->rq->client_hints);
    v->has_agent = true;
    return &v->agent;
}

/* "de-DE,de;q=0.9" -> "de-DE" */
static struct str
first_language(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != ',' && s.p[n] != ';')
        n++;
    return str_trim(str_slice(s, 0, n));
}

bool
browser_field(struct request_view *v, struct str name, struct str *text)
{
    const struct user_agent *ua;

    if (str_eq(name, S("language"))) {
        *text = first_language(v->rq->language);
        return text->n > 0;
    }
    ua = agent_of(v);
    if (str_eq(name, S("type"))) {
        *text = ua->browser;
        return true;
    }
    if (str_eq(name, S("version")))
        return ua->version >= 0 && field_number(v, ua->version, text);
    *text = field_yes_no(str_eq(name, S("iphone")) ? ua->iphone : str_eq(name, S("ipad")) ? ua->ipad : ua->opera);
    return true;
}

static bool
screen_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    bool width = str_eq(name, S("screenWidth"));
    const struct json *x = json_get(v->rq->screen, width ? S("width") : S("height"));

    return field_scalar(v, x, text, node);
}

bool
mobile_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct user_agent *ua = agent_of(v);
    bool mobile = ua->phone || ua->tablet;
    struct device device;

    if (str_starts(name, S("screen")))
        return screen_field(v, name, text, node);
    if (str_starts(name, S("device"))) {
        device = device_of(v->rq->user_agent, json_str(json_get(v->rq->client_hints, S("model"))), ua);
        *text = str_eq(name, S("deviceVendor"))  ? device.vendor
                : str_eq(name, S("deviceModel")) ? device.model
                                                 : device.marketing_name;
        return text->n > 0;
    }
    if (str_eq(name, S("os"))) {
        *text = ua->platform;
        return mobile;
    }
    if (str_eq(name, S("isTablet")))
        *text = field_yes_no(ua->tablet);
    else if (str_eq(name, S("isMobilePhone")))
        *text = field_yes_no(ua->phone);
    else
        *text = field_yes_no(mobile);
    return true;
}

/* ---- places ---- */

/* country and region are names where one is known, else what the request says [TARGET 2.8]. */
static bool
named_place(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    bool country = str_starts(name, S("country"));
    const struct json *given = json_get(v->rq->geo, country ? S("country") : S("state"));
    const struct json *code = json_get(v->rq->geo, country ? S("countryCode") : S("stateCode"));
    struct str found;

    if (str_ends(name, S("Code"))) {
        if (!field_scalar(v, code, text, node))
            return false;
        *node = NULL;
        return true;
    }
    if (given != NULL)
        return field_scalar(v, given, text, node);
    if (!field_scalar(v, code, text, node))
        return false;
    *node = NULL;
    found = country ? place_country_name(*text) : place_state_name(*text);
    *text = found.n > 0 ? found : *text;
    return true;
}

bool
geo_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    static const char *const names[] = {"city",          "zip",        "dma",     "latitude",       "longitude",
                                        "mobileCarrier", "domainName", "ispName", "connectionSpeed"};

    if (str_starts(name, S("country")) || str_starts(name, S("state")) || str_eq(name, S("region")))
        return named_place(v, name, text, node);
    if (str_eq(name, S("carrier")))
        name = S("mobileCarrier");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i])))
            return field_scalar(v, json_get(v->rq->geo, name), text, node);
    }
    return false;
}

/* Known only when whoever resolved the address knew. */
bool
network_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    return geo_field(v,
                     str_eq(name, S("isp"))     ? S("ispName")
                     : str_eq(name, S("speed")) ? S("connectionSpeed")
                                                : S("domainName"),
                     text, node);
}

/* ---- time ---- */

/* The account's own day and time of day; without daylight saving [TARGET 4.2]. */
bool
time_field(struct request_view *v, struct str name, struct str *text)
{
    int64_t ms = v->rq->now_ms, local = ms + (int64_t)v->zone_minutes * 60000;
    int64_t day = local / MS_PER_DAY - (local % MS_PER_DAY < 0);
    struct civil c = civil_from_ms(local);

    if (str_eq(name, S("ms")))
        *text = arena_printf(v->arena, "%lld", (long long)ms);
    else if (str_eq(name, S("day"))) /* 1970-01-01 was a Thursday, day 4 */
        *text = arena_printf(v->arena, "%d", (int)(((day + 3) % 7 + 7) % 7 + 1));
    else
        *text = arena_printf(v->arena, "%d", c.hour * 100 + c.minute);
    return text->p != NULL;
}
