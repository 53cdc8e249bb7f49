/* admin_target_builtin.c - what is there in the Target admin API before anybody has made it [TARGET 2.8, 2.9, 6.2]:
 *
 *   environment 1    Production
 *   response tokens  numbers 1 to 29, off. One that is switched on is stored under its number; deleting it is
 *                    switching it off
 *   offer templates  one for each type of visual change, numbered as activities name them */
#include "admin/admin_target.h"
#include "decide/decide.h"

#define STYLE ERRORS_TARGET

/* ---- response tokens ---- */

static const struct {
    const char *type, *token;
} tokens[] = {
    {"BUILT_IN", "profile.activeActivities"},
    {"BUILT_IN", "profile.isFirstSession"},
    {"BUILT_IN", "profile.isNewSession"},
    {"BUILT_IN", "profile.daysSinceLastVisit"},
    {"BUILT_IN", "profile.tntId"},
    {"BUILT_IN", "profile.marketingCloudVisitorId"},
    {"BUILT_IN", "profile.thirdPartyId"},
    {"BUILT_IN", "profile.categoryAffinity"},
    {"BUILT_IN", "profile.categoryAffinities"},
    {"ACTIVITY", "activity.id"},
    {"ACTIVITY", "activity.name"},
    {"ACTIVITY", "experience.id"},
    {"ACTIVITY", "experience.name"},
    {"ACTIVITY", "offer.id"},
    {"ACTIVITY", "offer.name"},
    {"ACTIVITY", "option.id"},
    {"ACTIVITY", "option.name"},
    {"ACTIVITY", "experience.trafficAllocationId"},
    {"ACTIVITY", "experience.trafficAllocationType"},
    {"GEO", "geo.country"},
    {"GEO", "geo.countryCode"},
    {"GEO", "geo.state"},
    {"GEO", "geo.city"},
    {"GEO", "geo.zip"},
    {"GEO", "geo.dma"},
    {"GEO", "geo.domainName"},
    {"GEO", "geo.ispName"},
    {"GEO", "geo.connectionSpeed"},
    {"GEO", "geo.mobileCarrier"},
};
#define TOKENS (sizeof tokens / sizeof *tokens)

/* By its number, 1 .. TOKENS; 0: of no built-in one. */
static size_t
token_number(struct str id)
{
    int64_t n = 0;

    return str_to_i64(id, &n) && n >= 1 && n <= (int64_t)TOKENS ? (size_t)n : 0;
}

bool
target_token_is_builtin(struct str token)
{
    for (size_t i = 0; i < TOKENS; i++) {
        if (str_eq(token, str_of(tokens[i].token)))
            return true;
    }
    return false;
}

/* Numbers and names that are stored already. */
struct stored {
    bool taken[TOKENS];
};

static void
look(void *ctx, struct str id, const struct json *object)
{
    struct stored *s = ctx;
    struct str token = json_str(json_get(object, S("token")));
    size_t number = token_number(id);

    if (number > 0)
        s->taken[number - 1] = true;
    for (size_t i = 0; i < TOKENS; i++)
        s->taken[i] = s->taken[i] || str_eq(token, str_of(tokens[i].token));
}

static void
write_token(struct jw *w, size_t i)
{
    jw_object(w);
    jw_ki64(w, S("id"), (int64_t)i + 1);
    jw_kstr(w, S("token"), str_of(tokens[i].token));
    jw_kstr(w, S("name"), str_of(tokens[i].token));
    jw_kstr(w, S("type"), str_of(tokens[i].type));
    jw_kbool(w, S("active"), false);
    jw_kbool(w, S("deletable"), false);
    jw_end(w);
}

/* Those that nobody has stored; `only` > 0: that one alone. */
static void
write_tokens(const struct call *call, size_t only, struct jw *w)
{
    struct stored s = {0};

    snapshot_each(call->snap, S("responseToken"), call->scope, look, &s);
    for (size_t i = 0; i < TOKENS; i++) {
        if (!s.taken[i] && (only == 0 || only == i + 1))
            write_token(w, i);
    }
}

/* ---- all kinds ---- */

static void
write_environment(const struct call *call, struct jw *w)
{
    if (snapshot_object(call->snap, S("environment"), call->scope, S("1")) == NULL)
        jw_raw(w, S("{\"id\":1,\"name\":\"Production\",\"serveInactiveActivities\":false,\"default\":true}"));
}

static const struct json *
list_of(const struct call *call, struct http_req *rq, const char *kind, size_t only)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, rq->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_array(&w);
    if (strcmp(kind, "responseToken") == 0)
        write_tokens(call, only, &w);
    else if (strcmp(kind, "environment") == 0 && only <= 1)
        write_environment(call, &w);
    jw_end(&w);
    return json_made(&b, rq->arena);
}

const struct json *
target_builtin_list(const struct call *call, struct http_req *rq, const char *kind)
{
    return list_of(call, rq, kind, 0);
}

const struct json *
target_builtin(const struct call *call, struct http_req *rq, const char *kind, struct str id)
{
    size_t number = token_number(id);

    return number > 0 ? json_at(list_of(call, rq, kind, number), 0) : NULL;
}

/* ---- offer templates ---- */

static void
write_parameter(struct jw *w, struct str name)
{
    jw_object(w);
    jw_kstr(w, S("name"), name);
    jw_kstr(w, S("value"), S(""));
    jw_end(w);
}

static void
write_template(struct jw *w, int64_t number, const char *name)
{
    jw_object(w);
    jw_ki64(w, S("offerTemplateId"), number);
    jw_kstr(w, S("name"), str_of(name));
    jw_key(w, S("templateParameters"));
    jw_array(w);
    write_parameter(w, S("selector"));
    write_parameter(w, S("content"));
    jw_end(w);
    jw_end(w);
}

static void
templates_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    const char *name;
    struct buf b;
    struct jw w;
    int version;

    (void)params;
    if (!target_media(rq, rs, 1, &version))
        return;
    buf_init_in(&b, rq->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_array(&w);
    for (int64_t n = 1; (name = decide_template_name(n)) != NULL; n++)
        write_template(&w, n, name);
    jw_end(&w);
    target_list_with(ctx, rq, rs, version, NULL, "offerTemplates", target_write_whole, json_made(&b, rq->arena));
}

static void
template_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("id"));
    int64_t number = 0;
    const char *name = str_to_i64(id, &number) ? decide_template_name(number) : NULL;
    struct jw w;
    int version;

    (void)ctx;
    if (!target_media(rq, rs, 1, &version))
        return;
    if (name == NULL) {
        admin_not_found(rq, rs, STYLE, "offer template", id);
        return;
    }
    w = target_json(rs, 200, version);
    write_template(&w, number, name);
}

#define BASE "/{tenant}/target/offers/templates"

static const struct route routes[] = {
    {HTTP_GET, BASE, 0, templates_get},
    {HTTP_GET, BASE "/{id}", 0, template_get},
};
const struct family family_target_builtin = {routes, sizeof routes / sizeof *routes, STYLE, false};
