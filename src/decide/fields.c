/* fields.c - what a request tells, one field at a time [TARGET 4.2, 1.12] [EDGE 5.9].
 *
 * A field is worked out when somebody asks: a rule that reads only a parameter never parses a user agent. All values
 * are texts; numbers and booleans of the request count as their JSON text.
 *
 *   mbox.<p>              the location's parameters, flat or by dotted path; else XDM by dotted path
 *   profile.<p>           the visitor's attribute, or a fact that is kept up to date (fields_visitor.c)
 *   page, referrer, landing, browser, platform, mobile, geo, network, source, time    fields_request.c
 *   aep, customer         merged platform profile, customer attributes: by dotted path
 *   choice                how the experience was chosen that is being shown: arm and algorithm
 *   context, allocation   what json-logic reads (json_logic_context.c) */
#include "decide/json_logic.h"

#include "decide/fields_int.h"

static const char *const source_names[] = {"mbox",     "profile",  "page",    "referrer", "landing",   "browser",
                                           "platform", "mobile",   "geo",     "network",  "source",    "time",
                                           "aep",      "customer", "context", "choice",   "allocation"};
_Static_assert(sizeof(source_names) / sizeof(source_names[0]) == FIELD__COUNT, "a name per source");

const char *
field_source_name(enum field_source source)
{
    return source < FIELD__COUNT ? source_names[source] : "unknown";
}

bool
field_number(struct request_view *v, double number, struct str *text)
{
    struct buf b;

    buf_init_in(&b, v->arena, 64);
    if (number > -1e15 && number < 1e15 && number == (double)(int64_t)number)
        buf_put_i64(&b, (int64_t)number);
    else
        buf_put_f64(&b, number);
    *text = buf_str(&b);
    return buf_ok(&b);
}

static bool
list_text(struct request_view *v, const struct json *list, struct str *text)
{
    struct json_iter it = json_iter(list);
    size_t n = 0;
    struct str *parts = ARENA_ARRAY(v->arena, struct str, 2 * json_count(list) + 1);
    const struct json *node;

    while (parts != NULL && json_next(&it)) {
        if (n > 0)
            parts[n++] = S(",");
        if (json_is(it.value, JSON_ARRAY) || !field_scalar(v, it.value, &parts[n], &node))
            parts[n] = S("");
        n++;
    }
    *text = parts ? arena_join(v->arena, parts, n) : S_NULL;
    return text->p != NULL;
}

bool
field_scalar(struct request_view *v, const struct json *value, struct str *text, const struct json **node)
{
    switch (json_type(value)) {
    case JSON_STRING:
        *text = json_str(value);
        *node = value;
        return true;
    case JSON_BOOL:
        *text = field_yes_no(json_bool(value, false));
        return true;
    case JSON_INT:
        *text = arena_printf(v->arena, "%lld", (long long)json_i64(value, 0));
        return text->p != NULL;
    case JSON_DOUBLE:
        return field_number(v, json_f64(value, 0), text);
    case JSON_ARRAY:
        *node = value;
        return list_text(v, value, text);
    default:
        return false;
    }
}

/* {"a.b":1} or {"a":{"b":1}}: parameters may be written either way [EDGE 5.9]. */
static const struct json *
flat_or_path(const struct json *object, struct str name)
{
    const struct json *v = json_get(object, name);

    return v != NULL ? v : json_path(object, name);
}

/* A list is no parameter value. */
static bool
parameter(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct json *x = NULL;

    if (v->ask == NULL)
        return false;
    if (!str_starts(name, S("profile.")))
        x = flat_or_path(v->ask->parameters, name);
    if (x == NULL)
        x = json_path(v->ask->xdm, name);
    return !json_is(x, JSON_ARRAY) && field_scalar(v, x, text, node);
}

static bool
context_value(struct request_view *v, struct str path, struct str *text, const struct json **node)
{
    const struct json *root = json_logic_context(v);

    *text = S("");
    *node = path.n == 0 ? root : json_path(root, path);
    return *node != NULL;
}

static bool
allocation(struct request_view *v, struct str *text, const struct json **node)
{
    struct diag d = DIAG_INIT;

    if (v->activity == NULL)
        return false;
    return field_number(v, activity_bucket(v->activity, v->rq->visitor_key) / 100.0, text) &&
           json_parse(*text, v->arena, node, &d) == ERR_OK;
}

/* trafficAllocation* are told of activities that models choose for; everything else has the traffic type of its
 * targeting [TARGET 2.8, 9.3]. */
static bool
choice_field(const struct request_view *v, struct str name, struct str *text)
{
    bool targeted = v->arm == ARM_TARGETED;

    if (str_eq(name, S("trafficType")))
        *text = targeted || (v->activity != NULL && v->activity->targeted) ? S("1") : S("0");
    else if (str_eq(name, S("algorithm")))
        *text = v->algorithm.n > 0 ? v->algorithm : S("0");
    else if (str_eq(name, S("trafficAllocationId")))
        *text = targeted ? S("1") : S("0");
    else
        *text = targeted ? S("targeted") : S("control");
    return v->arm != ARM_NONE || !str_starts(name, S("trafficAllocation"));
}

/* [TARGET 3.2]: "<client>.<activity>." is in the prefix already. */
unsigned
activity_bucket(const struct activity *a, struct str visitor_key)
{
    struct hash_stream s = a->prefix;

    hash_stream_put(&s, visitor_key);
    hash_stream_put(&s, S(".0"));
    return decide_bucket(hash_stream_end(s));
}

bool
request_field(struct request_view *v, const struct field *f, struct str *text, const struct json **node)
{
    *node = NULL;
    switch (f->source) {
    case FIELD_MBOX:
        return parameter(v, f->name, text, node);
    case FIELD_PROFILE:
        return visitor_field(v, f->name, text, node);
    case FIELD_PAGE:
    case FIELD_REFERRER:
    case FIELD_LANDING:
        return page_field(v, f->source, f->name, text);
    case FIELD_BROWSER:
        return browser_field(v, f->name, text);
    case FIELD_PLATFORM:
        *text = agent_of(v)->platform;
        if (!str_eq(f->name, S("type")))
            *text = field_yes_no(str_eq(f->name, *text));
        return true;
    case FIELD_MOBILE:
        return mobile_field(v, f->name, text, node);
    case FIELD_GEO:
        return geo_field(v, f->name, text, node);
    case FIELD_NETWORK:
        return network_field(v, f->name, text, node);
    case FIELD_SOURCE:
        return source_field(v, f->name, text);
    case FIELD_TIME:
        return time_field(v, f->name, text);
    case FIELD_AEP:
        return field_scalar(v, json_path(v->rq->attributes, f->name), text, node);
    case FIELD_CUSTOMER:
        return field_scalar(v, json_path(v->rq->customer, f->name), text, node);
    case FIELD_CONTEXT:
        return context_value(v, f->name, text, node);
    case FIELD_CHOICE:
        return choice_field(v, f->name, text);
    case FIELD_ALLOCATION:
        return allocation(v, text, node);
    default:
        return false;
    }
}

/* ---- names ---- */

static const char *const known_names[FIELD__COUNT] = {
    [FIELD_PAGE] = " url domain subdomain topLevelDomain path query fragment ",
    [FIELD_REFERRER] = " url domain subdomain topLevelDomain path query ",
    [FIELD_LANDING] = " url domain subdomain topLevelDomain path query fragment ",
    [FIELD_BROWSER] = " type version language ",
    [FIELD_PLATFORM] = " type linux mac windows ",
    [FIELD_MOBILE] =
        (" deviceMarketingName deviceModel deviceVendor isMobileDevice isMobilePhone isTablet os screenWidth "
         "screenHeight "),
    [FIELD_GEO] = " country countryCode region state stateCode city zip dma latitude longitude carrier ",
    [FIELD_NETWORK] = " isp domain speed ",
    [FIELD_SOURCE] = " searchEngine baidu bing google yahoo url domain query ",
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
    if (source == FIELD_PAGE && str_starts(name, S("header.")))
        return name.n > 7;
    if ((source == FIELD_PAGE || source == FIELD_REFERRER || source == FIELD_LANDING) && str_starts(name, S("query.")))
        return name.n > 6;
    return known_names[source] == NULL || has_word(known_names[source], name);
}

bool
field_is_boolean(enum field_source source, struct str name)
{
    switch (source) {
    case FIELD_PROFILE:
        return has_word(" new returning isFirstSession isNewSession firstPageOfSession notFirstPageOfSession "
                        "inOtherTests notInOtherTests ",
                        name);
    case FIELD_PLATFORM:
        return has_word(" linux mac windows ", name);
    case FIELD_MOBILE:
        return has_word(" isMobileDevice isMobilePhone isTablet ", name);
    case FIELD_SOURCE:
        return has_word(" baidu bing google yahoo ", name);
    default:
        return false;
    }
}

bool
field_per_activity(const struct field *f)
{
    return f->source == FIELD_ALLOCATION || f->source == FIELD_CHOICE ||
           (f->source == FIELD_PROFILE && has_word(" inOtherTests notInOtherTests ", f->name));
}
