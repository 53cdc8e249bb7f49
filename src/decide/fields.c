/* fields.c - what a request tells, one field at a time [TARGET 4.2, 1.12] [EDGE 5.9].
 *
 * A field is worked out when somebody asks: a rule that reads only a parameter never parses a user agent. All values
 * are texts; numbers and booleans of the request count as their JSON text.
 *
 *   mbox.<p>      data.__adobe.target, without profile.*, as a flat member or a dotted path; else XDM by dotted path
 *   profile.<p>   this request's profile.<p>, else the visitor's stored attribute; tntId, new, returning
 *   page, referrer, browser, platform, mobile, time, geo (xdm.placeContext.geo), aep (merged platform profile) */
#include "base/civil.h"
#include "codec/url.h"
#include "decide/decide_int.h"
#include "identity/ecid.h"

static const char *const source_names[] = {"mbox",     "profile", "page", "referrer", "browser",
                                           "platform", "mobile",  "geo",  "time",     "aep"};
_Static_assert(sizeof(source_names) / sizeof(source_names[0]) == FIELD__COUNT, "a name per source");

const char *
field_source_name(enum field_source source)
{
    return source < FIELD__COUNT ? source_names[source] : "unknown";
}

/* Scalars as text; false for what has none. */
static bool
scalar_text(struct request_view *v, const struct json *value, struct str *text, const struct json **node)
{
    struct buf b;

    switch (json_type(value)) {
    case JSON_STRING:
        *text = json_str(value);
        *node = value;
        return true;
    case JSON_BOOL:
        *text = json_bool(value, false) ? S("true") : S("false");
        return true;
    case JSON_INT:
        *text = arena_printf(v->arena, "%lld", (long long)json_i64(value, 0));
        return text->p != NULL;
    case JSON_DOUBLE:
        buf_init(&b, 64);
        buf_put_f64(&b, json_f64(value, 0));
        *text = arena_str(v->arena, buf_str(&b));
        buf_deinit(&b);
        return text->p != NULL;
    default:
        return false;
    }
}

/* {"a.b":1} or {"a":{"b":1}}: data.__adobe.target may be written either way [EDGE 5.9]. */
static const struct json *
flat_or_path(const struct json *object, struct str name)
{
    const struct json *v = json_get(object, name);

    return v != NULL ? v : json_path(object, name);
}

static const struct json *
mbox_param(const struct decide_request *rq, struct str name)
{
    const struct json *v = str_starts(name, S("profile.")) ? NULL : flat_or_path(rq->target, name);

    return v != NULL ? v : json_path(rq->xdm, name);
}

static const struct json *
profile_attribute(struct request_view *v, struct str name)
{
    static const struct str prefix = {"profile.", 8};
    const struct decide_request *rq = v->rq;
    char flat[8 + LIMIT_MBOX_NAME_BYTES];
    const struct json *x = NULL;

    if (rq->target != NULL && name.n <= LIMIT_MBOX_NAME_BYTES) {
        memcpy(flat, prefix.p, prefix.n);
        memcpy(flat + prefix.n, name.p, name.n);
        x = json_get(rq->target, (struct str){flat, prefix.n + name.n});
    }
    if (x == NULL)
        x = json_get(json_get(rq->target, S("profile")), name);
    return x != NULL ? x : flat_or_path(rq->profile_params, name);
}

static struct str
yes_no(bool x)
{
    return x ? S("true") : S("false");
}

static bool
profile_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct json *x = profile_attribute(v, name);

    if (x != NULL)
        return scalar_text(v, x, text, node);
    if (str_eq(name, S("tntId")) || str_eq(name, S("pcId")))
        *text = ecid_tnt_id(v->key, v->rq->visitor_key, v->arena);
    else if (str_eq(name, S("marketingCloudVisitorId")))
        *text = v->rq->visitor_key;
    else if (str_eq(name, S("new")) || str_eq(name, S("isFirstSession")))
        *text = yes_no(v->rq->first_session);
    else if (str_eq(name, S("returning")))
        *text = yes_no(!v->rq->first_session);
    else
        return false;
    return text->p != NULL;
}

static const struct page_url *
page_of(struct request_view *v, bool referrer)
{
    if (referrer) {
        if (!v->has_referrer)
            v->referrer = page_url_parse(v->rq->referrer);
        v->has_referrer = true;
        return &v->referrer;
    }
    if (!v->has_page)
        v->page = page_url_parse(v->rq->url);
    v->has_page = true;
    return &v->page;
}

/* An empty part is absent, except for the query parameter that is there without a value. The domain is the full host on
 * the server [TARGET 13, row 13]. */
static bool
page_field(struct request_view *v, const struct page_url *u, struct str name, struct str *text)
{
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

static const struct user_agent *
agent_of(struct request_view *v)
{
    if (!v->has_agent)
        v->agent = user_agent_parse(v->rq->user_agent);
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

static bool
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
    if (str_eq(name, S("version"))) {
        if (ua->version < 0)
            return false;
        *text = arena_printf(v->arena, "%d", ua->version);
        return text->p != NULL;
    }
    *text = yes_no(str_eq(name, S("iphone")) ? ua->iphone : str_eq(name, S("ipad")) ? ua->ipad : ua->opera);
    return true;
}

static bool
mobile_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct user_agent *ua;

    if (str_eq(name, S("screenWidth")) || str_eq(name, S("screenHeight")))
        return scalar_text(v, json_get(json_get(v->rq->xdm, S("device")), name), text, node);
    ua = agent_of(v);
    if (str_eq(name, S("os"))) {
        *text = ua->platform;
        return ua->phone || ua->tablet;
    }
    if (str_eq(name, S("isTablet")))
        *text = yes_no(ua->tablet);
    else if (str_eq(name, S("isMobilePhone")))
        *text = yes_no(ua->phone);
    else
        *text = yes_no(ua->phone || ua->tablet);
    return true;
}

/* XDM spells a region "US-CA"; Target's rules say "ca". */
static bool
geo_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    static const char *const names[][2] = {
        {"country", "countryCode"}, {"region", "stateProvince"}, {"state", "stateProvince"},
        {"city", "city"},           {"zip", "postalCode"},       {"dma", "dmaID"},
    };
    const struct json *geo = json_path(v->rq->xdm, S("placeContext.geo")), *x = NULL;

    if (str_eq(name, S("latitude")) || str_eq(name, S("longitude")))
        x = json_get(json_get(geo, S("_schema")), name);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i][0])))
            x = json_get(geo, str_of(names[i][1]));
    }
    if (!scalar_text(v, x, text, node))
        return false;
    if ((str_eq(name, S("region")) || str_eq(name, S("state"))) && text->n > 3 && text->p[2] == '-') {
        *text = str_slice(*text, 3, text->n);
        *node = NULL;
    }
    return true;
}

static bool
time_field(struct request_view *v, struct str name, struct str *text)
{
    int64_t ms = v->rq->now_ms, day = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
    struct civil c = civil_from_ms(ms);

    if (str_eq(name, S("ms")))
        *text = arena_printf(v->arena, "%lld", (long long)ms);
    else if (str_eq(name, S("day"))) /* 1970-01-01 was a Thursday, day 4 */
        *text = arena_printf(v->arena, "%d", (int)(((day + 3) % 7 + 7) % 7 + 1));
    else
        *text = arena_printf(v->arena, "%d", c.hour * 100 + c.minute);
    return text->p != NULL;
}

bool
request_field(struct request_view *v, const struct field *f, struct str *text, const struct json **node)
{
    *node = NULL;
    switch (f->source) {
    case FIELD_MBOX:
        return scalar_text(v, mbox_param(v->rq, f->name), text, node);
    case FIELD_PROFILE:
        return profile_field(v, f->name, text, node);
    case FIELD_PAGE:
    case FIELD_REFERRER:
        return page_field(v, page_of(v, f->source == FIELD_REFERRER), f->name, text);
    case FIELD_BROWSER:
        return browser_field(v, f->name, text);
    case FIELD_PLATFORM:
        if (str_eq(f->name, S("type")))
            *text = agent_of(v)->platform;
        else
            *text = yes_no(str_eq(f->name, agent_of(v)->platform));
        return true;
    case FIELD_MOBILE:
        return mobile_field(v, f->name, text, node);
    case FIELD_GEO:
        return geo_field(v, f->name, text, node);
    case FIELD_TIME:
        return time_field(v, f->name, text);
    case FIELD_AEP:
        return scalar_text(v, json_path(v->rq->attributes, f->name), text, node);
    default:
        return false;
    }
}

/* ---- names ---- */

static const char *const known_names[FIELD__COUNT] = {
    [FIELD_PAGE] = " url domain subdomain topLevelDomain path query fragment ",
    [FIELD_REFERRER] = " url domain subdomain topLevelDomain path query ",
    [FIELD_BROWSER] = " type version language ",
    [FIELD_PLATFORM] = " type linux mac windows ",
    [FIELD_MOBILE] = " isMobileDevice isMobilePhone isTablet os screenWidth screenHeight ",
    [FIELD_GEO] = " country region state city zip dma latitude longitude ",
    [FIELD_TIME] = " ms day hhmm ",
};

static bool
has_word(const char *words, struct str name)
{
    char word[LIMIT_MBOX_NAME_BYTES + 3];

    if (name.n > LIMIT_MBOX_NAME_BYTES || str_find_char(name, ' ') >= 0)
        return false;
    word[0] = ' ';
    memcpy(word + 1, name.p, name.n);
    word[name.n + 1] = ' ';
    return str_find(str_of(words), (struct str){word, name.n + 2}) >= 0;
}

bool
field_known(enum field_source source, struct str name)
{
    if ((source == FIELD_PAGE || source == FIELD_REFERRER) && str_starts(name, S("query.")))
        return name.n > 6;
    /* Built-in attributes that would need a session are refused rather than read as absent attributes. */
    if (source == FIELD_PROFILE)
        return !has_word(" firstPageOfSession notFirstPageOfSession inOtherTests notInOtherTests ", name);
    return known_names[source] == NULL || has_word(known_names[source], name);
}

bool
field_is_boolean(enum field_source source, struct str name)
{
    switch (source) {
    case FIELD_PROFILE:
        return has_word(" new returning isFirstSession ", name);
    case FIELD_PLATFORM:
        return has_word(" linux mac windows ", name);
    case FIELD_MOBILE:
        return has_word(" isMobileDevice isMobilePhone isTablet ", name);
    default:
        return false;
    }
}
