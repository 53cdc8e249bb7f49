/* script_host.c - what is there for scripts: the objects user, profile, mbox, page, landing, referrer and crs, which
 * ask the engine's struct script_env, and what the prelude needs. */
#include "script/script_int.h"

#include <string.h>

#include "base/limits.h"

/* ---- what the prelude needs ---- */

static struct script_engine *
engine_of(JSContext *ctx)
{
    return JS_GetContextOpaque(ctx);
}

static JSValue
stop(JSContext *ctx)
{
    JSValue error;

    (void)JS_ThrowInternalError(ctx, "the script's work is used up");
    error = JS_GetException(ctx);
    JS_SetUncatchableError(ctx, error, 1);
    return JS_Throw(ctx, error);
}

static JSValue
host_charge(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    struct script_engine *e = engine_of(ctx);
    double units = 0;

    (void)this_val;
    if (argc < 1 || JS_ToFloat64(ctx, &units, argv[0]) < 0)
        return JS_EXCEPTION;
    if (!(units <= (double)e->units)) {
        e->stopped = true;
        return stop(ctx);
    }
    e->units -= units > 0 ? (uint64_t)units : 0;
    return JS_UNDEFINED;
}

static JSValue
host_now(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    struct script_engine *e = engine_of(ctx);

    (void)this_val, (void)argc, (void)argv;
    return JS_NewFloat64(ctx, e->env != NULL ? (double)e->env->now_ms : 0);
}

static JSValue
host_random(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    (void)this_val, (void)argc, (void)argv;
    return JS_NewFloat64(ctx, rng_f64(&engine_of(ctx)->rng));
}

/* ---- what scripts may ask ---- */

static JSValue
ask(JSContext *ctx, enum script_source source, struct str name)
{
    struct script_engine *e = engine_of(ctx);
    struct str json;
    JSValue v;
    char *text;

    if (e->env == NULL || !e->env->get(e->env->ctx, source, name, &json))
        return JS_NULL;
    text = js_malloc(ctx, json.n + 1); /* the parser wants a terminator */
    if (text == NULL)
        return JS_EXCEPTION;
    memcpy(text, json.p, json.n);
    text[json.n] = '\0';
    v = JS_ParseJSON(ctx, text, json.n, "value");
    js_free(ctx, text);
    return v;
}

static JSValue
host_ask(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv, int source)
{
    size_t n = 0;
    const char *name = argc > 0 ? JS_ToCStringLen(ctx, &n, argv[0]) : NULL;
    JSValue v;

    (void)this_val;
    if (name == NULL)
        return argc > 0 ? JS_EXCEPTION : JS_NULL;
    v = ask(ctx, (enum script_source)source, (struct str){name, n});
    JS_FreeCString(ctx, name);
    return v;
}

static JSValue
host_set_local(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    struct script_engine *e = engine_of(ctx);
    struct buf json;
    size_t n = 0, chars = 0;
    const char *name;
    bool kept = false;

    (void)this_val;
    if (argc < 2)
        return JS_ThrowTypeError(ctx, "setLocal needs a name and a value");
    name = JS_ToCStringLen(ctx, &n, argv[0]);
    if (name == NULL)
        return JS_EXCEPTION;
    buf_init(&json, SCRIPT_SCALAR_BYTES);
    if (script_put_scalar(ctx, argv[1], &json, &chars) && buf_ok(&json) && chars <= LIMIT_SCRIPT_RESULT_CHARS)
        kept = e->env != NULL && e->env->set_local != NULL &&
               e->env->set_local(e->env->ctx, (struct str){name, n}, buf_str(&json));
    buf_deinit(&json);
    JS_FreeCString(ctx, name);
    return kept ? JS_UNDEFINED : JS_ThrowTypeError(ctx, "the local value cannot be kept");
}

/* ---- the objects ---- */

/* A member without argument; the magic is its row here. */
static const struct fact {
    const char *object, *name;
    enum script_source source;
} facts[] = {
    {"user", "categoryAffinity", SCRIPT_USER_FACT},
    {"user", "categoryAffinities", SCRIPT_USER_FACT},
    {"user", "isFirstSession", SCRIPT_USER_FACT},
    {"user", "isNewSession", SCRIPT_USER_FACT},
    {"user", "daysSinceLastVisit", SCRIPT_USER_FACT},
    {"user", "browser", SCRIPT_USER_FACT},
    {"user", "browserType", SCRIPT_USER_FACT},
    {"user", "activeActivities", SCRIPT_USER_FACT},
    {"user", "activeCampaigns", SCRIPT_USER_FACT},
    {"user", "pcId", SCRIPT_USER_FACT},
    {"user", "sessionId", SCRIPT_USER_FACT},
    {"profile", "browserTime", SCRIPT_PROFILE_FACT},
    {"profile", "sessionCount", SCRIPT_PROFILE_FACT},
    {"profile", "averageDaysBetweenVisits", SCRIPT_PROFILE_FACT},
    {"profile", "mobile", SCRIPT_PROFILE_FACT},
    {"profile", "geolocation", SCRIPT_PROFILE_FACT},
    {"mbox", "name", SCRIPT_MBOX_NAME},
    {"page", "url", SCRIPT_PAGE},
    {"page", "protocol", SCRIPT_PAGE},
    {"page", "domain", SCRIPT_PAGE},
    {"page", "query", SCRIPT_PAGE},
    {"landing", "url", SCRIPT_LANDING},
    {"landing", "protocol", SCRIPT_LANDING},
    {"landing", "domain", SCRIPT_LANDING},
    {"landing", "query", SCRIPT_LANDING},
    {"referrer", "url", SCRIPT_REFERRER},
    {"referrer", "protocol", SCRIPT_REFERRER},
    {"referrer", "domain", SCRIPT_REFERRER},
    {"referrer", "query", SCRIPT_REFERRER},
};

static const struct method {
    const char *object, *name;
    enum script_source source;
} methods[] = {
    {"user", "get", SCRIPT_USER_ATTRIBUTE},
    {"user", "getLocal", SCRIPT_LOCAL},
    {"user", "header", SCRIPT_HEADER},
    {"profile", "get", SCRIPT_PROFILE},
    {"profile", "param", SCRIPT_PROFILE_PARAM},
    {"mbox", "param", SCRIPT_MBOX_PARAM},
    {"page", "param", SCRIPT_PAGE_PARAM},
    {"landing", "param", SCRIPT_LANDING_PARAM},
    {"referrer", "param", SCRIPT_REFERRER_PARAM},
    {"crs", "get", SCRIPT_CUSTOMER},
};

static JSValue
host_fact(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv, int row)
{
    (void)this_val, (void)argc, (void)argv;
    return ask(ctx, facts[row].source, str_of(facts[row].name));
}

static bool
add_facts(JSContext *ctx, JSValueConst object, const char *name)
{
    bool ok = true;

    for (size_t i = 0; ok && i < sizeof facts / sizeof *facts; i++) {
        JSValue getter;
        JSAtom atom;
        if (strcmp(facts[i].object, name) != 0)
            continue;
        getter = JS_NewCFunctionMagic(ctx, host_fact, facts[i].name, 0, JS_CFUNC_generic_magic, (int)i);
        atom = JS_NewAtom(ctx, facts[i].name);
        ok = JS_DefinePropertyGetSet(ctx, object, atom, getter, JS_UNDEFINED, JS_PROP_ENUMERABLE) >= 0;
        JS_FreeAtom(ctx, atom);
    }
    return ok;
}

static bool
add_methods(JSContext *ctx, JSValueConst object, const char *name)
{
    bool ok = true;

    for (size_t i = 0; ok && i < sizeof methods / sizeof *methods; i++) {
        JSValue f;
        if (strcmp(methods[i].object, name) != 0)
            continue;
        f = JS_NewCFunctionMagic(ctx, host_ask, methods[i].name, 1, JS_CFUNC_generic_magic, (int)methods[i].source);
        ok = JS_DefinePropertyValueStr(ctx, object, methods[i].name, f, JS_PROP_ENUMERABLE) >= 0;
    }
    return ok;
}

static bool
add_function(JSContext *ctx, JSValueConst object, const char *name, JSCFunction *f, int args)
{
    return JS_DefinePropertyValueStr(ctx, object, name, JS_NewCFunction(ctx, f, name, args),
                                     JS_PROP_ENUMERABLE | JS_PROP_CONFIGURABLE) >= 0;
}

bool
script_add_host(JSContext *ctx)
{
    static const char *const objects[] = {"user", "profile", "mbox", "page", "landing", "referrer", "crs"};
    JSValue global = JS_GetGlobalObject(ctx);
    bool ok = add_function(ctx, global, "__charge", host_charge, 1) &&
              add_function(ctx, global, "__now", host_now, 0) && add_function(ctx, global, "__random", host_random, 0);

    for (size_t i = 0; ok && i < sizeof objects / sizeof *objects; i++) {
        JSValue object = JS_NewObject(ctx);
        ok = !JS_IsException(object) && add_facts(ctx, object, objects[i]) && add_methods(ctx, object, objects[i]);
        if (ok && i == 0)
            ok = add_function(ctx, object, "setLocal", host_set_local, 2);
        ok = JS_DefinePropertyValueStr(ctx, global, objects[i], object, JS_PROP_CONFIGURABLE) >= 0 && ok;
    }
    JS_FreeValue(ctx, global);
    return ok;
}
