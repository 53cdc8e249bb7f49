/* edge_script_env.c - what a profile script may ask, and the answers [TARGET 7.3]. Texts become JSON when they are
 * asked for. A value that a script keeps for itself is an attribute named "script.<script>.<name>". */
#include "edge/edge_script_int.h"

#include <math.h>

#include "base/limits.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "context/agent.h"
#include "os/os.h"

static bool
give_text(const struct edge_script_env *env, struct str text, struct str *json)
{
    struct buf b;

    if (text.p == NULL)
        return false;
    buf_init_in(&b, env->r->arena, LIMIT_VISITOR_BYTES);
    json_quote(&b, text);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_number(const struct edge_script_env *env, double x, struct str *json)
{
    struct buf b;

    buf_init_in(&b, env->r->arena, 64);
    if (x == rint(x) && fabs(x) < 1e15)
        buf_put_i64(&b, (int64_t)x);
    else
        buf_put_f64(&b, x);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_bool(bool x, struct str *json)
{
    *json = x ? S("true") : S("false");
    return true;
}

static bool
give_node(const struct edge_script_env *env, const struct json *v, struct str *json)
{
    struct buf b;

    if (v == NULL || json_is(v, JSON_NULL))
        return false;
    buf_init_in(&b, env->r->arena, LIMIT_VISITOR_BYTES);
    json_write(&b, v);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_attribute(const struct edge_script_env *env, struct str name, struct str *json)
{
    const struct visitor_attribute *a = visitor_attribute(env->r->visitor, name);

    if (a != NULL)
        *json = a->json;
    return a != NULL;
}

/* ---- addresses ---- */

static bool
give_page(const struct edge_script_env *env, struct str url, struct str member, struct str *json)
{
    struct url u = url_parse(url);

    if (str_eq(member, S("url")))
        return give_text(env, url, json);
    if (str_eq(member, S("protocol")))
        return give_text(env, u.scheme, json);
    if (str_eq(member, S("domain")))
        return give_text(env, u.host, json);
    return give_text(env, u.query, json);
}

static bool
give_param(const struct edge_script_env *env, struct str url, struct str want, struct str *json)
{
    struct str rest = url_parse(url).query, name, value;

    while (url_query_next(&rest, &name, &value)) {
        if (str_eq(url_decode(name, true, env->r->arena), want))
            return give_text(env, url_decode(value, true, env->r->arena), json);
    }
    return false;
}

/* ---- facts ---- */

static bool
give_categories(const struct edge_script_env *env, bool all, struct str *json)
{
    const struct visitor *v = env->r->visitor;
    struct buf b;
    struct jw w;

    if (!all)
        return v->category_count > 0 && give_text(env, v->categories[0].name, json);
    buf_init_in(&b, env->r->arena, LIMIT_VISITOR_BYTES);
    w = jw_to(&b);
    jw_array(&w);
    for (size_t i = 0; i < v->category_count; i++)
        jw_str(&w, v->categories[i].name);
    jw_end(&w);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_activities(const struct edge_script_env *env, struct str *json)
{
    const struct visitor *v = env->r->visitor;
    struct buf b;
    struct jw w;

    buf_init_in(&b, env->r->arena, LIMIT_VISITOR_BYTES);
    w = jw_to(&b);
    jw_array(&w);
    for (size_t i = 0; i < v->membership_count; i++)
        jw_str(&w, v->memberships[i].activity);
    jw_end(&w);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_user_fact(const struct edge_script_env *env, struct str name, struct str *json)
{
    const struct edge_script_request *r = env->r;

    if (str_eq(name, S("categoryAffinity")))
        return give_categories(env, false, json);
    if (str_eq(name, S("categoryAffinities")))
        return give_categories(env, true, json);
    if (str_eq(name, S("isFirstSession")))
        return give_bool(visitor_first_session(r->visitor), json);
    if (str_eq(name, S("isNewSession")))
        return give_bool(visitor_first_page(r->visitor), json);
    if (str_eq(name, S("daysSinceLastVisit")))
        return give_number(env, floor(visitor_days_since_last_visit(r->visitor, r->now_ms)), json);
    if (str_eq(name, S("browser")))
        return give_text(env, r->user_agent, json);
    if (str_eq(name, S("browserType")))
        return give_text(env, user_agent_with_hints(r->user_agent, r->client_hints).browser, json);
    if (str_eq(name, S("activeActivities")) || str_eq(name, S("activeCampaigns")))
        return give_activities(env, json);
    if (str_eq(name, S("pcId")))
        return give_text(env, r->visitor->tnt_id, json);
    return str_eq(name, S("sessionId")) && give_text(env, http_query(r->rq, S("sessionId")), json);
}

static bool
give_geolocation(const struct edge_script_env *env, struct str *json)
{
    static const char *const names[] = {"country", "state",         "city",           "zip", "dma", "domainName",
                                        "ispName", "mobileCarrier", "connectionSpeed"};
    struct buf b;
    struct jw w;

    buf_init_in(&b, env->r->arena, LIMIT_VISITOR_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json *v = json_get(env->r->geo, str_of(names[i]));
        if (v != NULL)
            jw_kjson(&w, str_of(names[i]), v);
    }
    jw_end(&w);
    *json = buf_str(&b);
    return buf_ok(&b);
}

static bool
give_profile_fact(const struct edge_script_env *env, struct str name, struct str *json)
{
    const struct visitor *v = env->r->visitor;

    if (str_eq(name, S("sessionCount")))
        return give_number(env, v->sessions, json);
    if (str_eq(name, S("averageDaysBetweenVisits")))
        return give_number(env, v->sessions > 1 ? (double)v->gaps_ms / (v->sessions - 1) / 86400000.0 : 0, json);
    if (str_eq(name, S("browserTime")))
        return give_number(env, (double)env->r->now_ms, json);
    if (str_eq(name, S("geolocation")))
        return give_geolocation(env, json);
    *json = S("{}"); /* mobile: scripts read its members without asking whether it is there */
    return str_eq(name, S("mobile"));
}

/* ---- all of it ---- */

static struct str
local_name(const struct edge_script_env *env, struct str name)
{
    return ARENA_JOIN(env->r->arena, S("script."), env->script, S("."), name);
}

bool
edge_script_get(void *ctx, enum script_source source, struct str name, struct str *json)
{
    const struct edge_script_env *env = ctx;
    const struct edge_script_request *r = env->r;

    switch (source) {
    case SCRIPT_USER_ATTRIBUTE:
    case SCRIPT_PROFILE:
        return give_attribute(env, name, json);
    case SCRIPT_LOCAL:
        return give_attribute(env, local_name(env, name), json);
    case SCRIPT_PROFILE_PARAM:
        return give_node(env, json_get(r->profile_parameters, name), json);
    case SCRIPT_USER_FACT:
        return give_user_fact(env, name, json);
    case SCRIPT_PROFILE_FACT:
        return give_profile_fact(env, name, json);
    case SCRIPT_HEADER:
        return give_text(env, http_header(r->rq, name), json);
    case SCRIPT_MBOX_NAME:
        return give_text(env, r->mbox, json);
    case SCRIPT_MBOX_PARAM:
        return give_node(env, json_get(r->parameters, name), json);
    case SCRIPT_PAGE:
        return give_page(env, r->url, name, json);
    case SCRIPT_PAGE_PARAM:
        return give_param(env, r->url, name, json);
    case SCRIPT_LANDING:
        return give_page(env, r->visitor->landing_url, name, json);
    case SCRIPT_LANDING_PARAM:
        return give_param(env, r->visitor->landing_url, name, json);
    case SCRIPT_REFERRER:
        return give_page(env, r->referrer, name, json);
    case SCRIPT_REFERRER_PARAM:
        return give_param(env, r->referrer, name, json);
    case SCRIPT_CUSTOMER:
        return give_node(env, json_path(r->customer, name), json);
    case SCRIPT_SOURCE__COUNT:
        break;
    }
    return false;
}

bool
edge_script_set_local(void *ctx, struct str name, struct str json)
{
    struct edge_script_env *env = ctx;
    struct str full = local_name(env, name);
    struct str prefix = local_name(env, S(""));
    size_t n = 0;

    for (size_t i = 0; i < env->r->visitor->attribute_count; i++)
        n += str_starts(env->r->visitor->attributes[i].name, prefix);
    if (n >= LIMIT_SCRIPT_LOCALS && visitor_attribute(env->r->visitor, full) == NULL)
        return false;
    return full.p != NULL && edge_script_store(env->r, full, json);
}

uint64_t
edge_script_clock(void *ctx)
{
    const struct edge_script_env *env = ctx;

    return os_mono_us(env->os);
}
