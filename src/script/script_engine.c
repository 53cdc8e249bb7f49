/* script_engine.c - the one file that knows QuickJS.
 *
 *   script_engine_new   runtime with limits -> context of chosen built-ins -> host objects -> script_prelude
 *   script_load         every script -> an arrow function: without this, arguments and prototype nothing can be kept in
 * it script_run          call, convert the result, remove what the script left in the global object
 *
 * Work is counted in two places: the engine asks on_interrupt() after TICKS turns and calls, and the prelude's wrappers
 * call __charge(). Past the budget both raise an error that no script can catch.
 *
 * A script's text must be one function body. "}); let keep = 1; (() => {" would parse inside our wrapper, too; so the
 * text has to parse within two different wrappers, which only balanced text does. */
#include "script/script_int.h"

#include <ctype.h>
#include <math.h>
#include <quickjs/quickjs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/rng.h"
#include "codec/json_writer.h"

#define TICKS 10000          /* turns and calls between two interrupts: a constant of the library */
#define LOAD_UNITS 10000000u /* what compiling and the prelude may take */
#define WRAP_BYTES 32

struct script_engine {
    JSRuntime *rt;
    JSContext *ctx;
    JSValue *functions; /* by index; JS_UNDEFINED: it does not compile */
    size_t function_count;
    uint64_t version;
    JSPropertyEnum *globals; /* before any script ran */
    uint32_t global_count;
    /* the run */
    const struct script_env *env;
    struct rng rng;
    uint64_t units, deadline_us;
    bool stopped, late;
};

static int
on_interrupt(JSRuntime *rt, void *opaque)
{
    struct script_engine *e = opaque;

    (void)rt;
    if (e->env != NULL && e->env->clock_us != NULL && e->env->clock_us(e->env->ctx) > e->deadline_us)
        e->late = e->stopped = true;
    e->stopped |= e->units < TICKS;
    e->units -= e->stopped ? 0 : TICKS;
    return e->stopped;
}

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

#define SCALAR_TEXT_MAX (LIMIT_SCRIPT_RESULT_CHARS * 4 + 8)

/* Bytes of a JavaScript text that is no UTF-8: half of a surrogate pair. */
static size_t
lone_surrogate(const char *p, size_t left)
{
    return left >= 3 && (unsigned char)p[0] == 0xed && (unsigned char)p[1] >= 0xa0 ? 3 : 0;
}

static void
put_text(struct buf *out, const char *p, size_t n, size_t *chars)
{
    struct buf clean;
    size_t from = 0;

    buf_init(&clean, SCALAR_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t lone = lone_surrogate(p + i, n - i);
        *chars += ((unsigned char)p[i] & 0xc0) != 0x80;
        if (lone > 0) {
            buf_put(&clean, (struct str){p + from, i - from});
            buf_put(&clean, S("\xef\xbf\xbd"));
            from = i + lone;
            i += lone - 1;
        }
    }
    buf_put(&clean, (struct str){p + from, n - from});
    json_quote(out, buf_str(&clean));
    out->full |= !buf_ok(&clean);
    buf_deinit(&clean);
}

/* A text, number or boolean as JSON; false: it is none of them. */
static bool
put_scalar(JSContext *ctx, JSValueConst v, struct buf *out, size_t *chars)
{
    double x;
    size_t n;
    const char *p;

    if (JS_IsBool(v)) {
        buf_put(out, JS_ToBool(ctx, v) ? S("true") : S("false"));
        return true;
    }
    if (JS_IsNumber(v)) {
        if (JS_ToFloat64(ctx, &x, v) < 0 || !isfinite(x))
            return false;
        if (x == rint(x) && fabs(x) < 9007199254740992.0)
            buf_put_i64(out, (int64_t)x);
        else
            buf_put_f64(out, x);
        return true;
    }
    if (!JS_IsString(v))
        return false;
    p = JS_ToCStringLen(ctx, &n, v);
    if (p == NULL)
        return false;
    if (n > SCALAR_TEXT_MAX)
        out->full = true;
    else
        put_text(out, p, n, chars);
    JS_FreeCString(ctx, p);
    return true;
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
    buf_init(&json, SCALAR_TEXT_MAX);
    if (put_scalar(ctx, argv[1], &json, &chars) && buf_ok(&json) && chars <= LIMIT_SCRIPT_RESULT_CHARS)
        kept = e->env != NULL && e->env->set_local != NULL &&
               e->env->set_local(e->env->ctx, (struct str){name, n}, buf_str(&json));
    buf_deinit(&json);
    JS_FreeCString(ctx, name);
    return kept ? JS_UNDEFINED : JS_ThrowTypeError(ctx, "the local value cannot be kept");
}

/* ---- the objects user, profile, mbox, page, landing, referrer, crs ---- */

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

static bool
add_host(JSContext *ctx)
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

/* ---- engine ---- */

static void
free_names(JSContext *ctx, JSPropertyEnum *names, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        JS_FreeAtom(ctx, names[i].atom);
    js_free(ctx, names);
}

static bool
global_names(JSContext *ctx, JSPropertyEnum **names, uint32_t *n)
{
    JSValue global = JS_GetGlobalObject(ctx);
    int rc = JS_GetOwnPropertyNames(ctx, names, n, global, JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK);

    JS_FreeValue(ctx, global);
    return rc == 0;
}

static void
unload(struct script_engine *e)
{
    for (size_t i = 0; i < e->function_count; i++)
        JS_FreeValue(e->ctx, e->functions[i]);
    free(e->functions);
    e->functions = NULL;
    e->function_count = 0;
    e->version = 0;
}

static void
close_context(struct script_engine *e)
{
    if (e->ctx != NULL) {
        unload(e);
        free_names(e->ctx, e->globals, e->global_count);
        JS_FreeContext(e->ctx);
    }
    if (e->rt != NULL)
        JS_FreeRuntime(e->rt);
    e->ctx = NULL;
    e->rt = NULL;
    e->globals = NULL;
    e->global_count = 0;
}

static bool
open_context(struct script_engine *e)
{
    JSValue v;
    bool ok;

    e->rt = JS_NewRuntime();
    if (e->rt == NULL)
        return false;
    JS_SetMaxStackSize(e->rt, LIMIT_SCRIPT_STACK_BYTES);
    JS_SetInterruptHandler(e->rt, on_interrupt, e);
    e->ctx = JS_NewContextRaw(e->rt);
    if (e->ctx == NULL)
        return false;
    JS_SetContextOpaque(e->ctx, e);
    JS_AddIntrinsicBaseObjects(e->ctx);
    JS_AddIntrinsicDate(e->ctx);
    JS_AddIntrinsicEval(e->ctx); /* what compiles; the prelude removes the script's way to it */
    JS_AddIntrinsicRegExpCompiler(e->ctx);
    JS_AddIntrinsicRegExp(e->ctx);
    JS_AddIntrinsicJSON(e->ctx);
    JS_AddIntrinsicPromise(e->ctx); /* an async function makes the library fail without them */
    e->units = LOAD_UNITS;
    e->stopped = false;
    if (!add_host(e->ctx))
        return false;
    v = JS_Eval(e->ctx, script_prelude, strlen(script_prelude), "prelude", JS_EVAL_TYPE_GLOBAL);
    ok = !JS_IsException(v) && global_names(e->ctx, &e->globals, &e->global_count);
    JS_FreeValue(e->ctx, v);
    return ok;
}

enum err
script_engine_new(struct script_engine **out, struct diag *d)
{
    struct script_engine *e = calloc(1, sizeof *e);

    if (e == NULL || !open_context(e)) {
        script_engine_free(e);
        return diag_set(d, ERR_NOMEM, "no memory for a script engine");
    }
    *out = e;
    return ERR_OK;
}

void
script_engine_free(struct script_engine *e)
{
    if (e != NULL)
        close_context(e);
    free(e);
}

/* Beside what is there now. */
static void
limit_heap(struct script_engine *e)
{
    JSMemoryUsage usage;

    JS_ComputeMemoryUsage(e->rt, &usage);
    JS_SetMemoryLimit(e->rt, (size_t)usage.malloc_size + LIMIT_SCRIPT_HEAP_BYTES);
}

/* ---- loading ---- */

/* The digits that s begins with, taken off. */
static struct str
take_digits(struct str *s)
{
    size_t n = 0;
    struct str digits;

    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    digits = str_slice(*s, 0, n);
    *s = str_slice(*s, n, s->n);
    return digits;
}

/* "at script:3:5", where the first line of a stack trace says it; false: it says something else. */
static bool
read_position(struct str stack, struct str *line, struct str *column)
{
    struct str rest = str_trim(stack), prefix = S("at script:");

    if (!str_starts(rest, prefix))
        return false;
    rest = str_slice(rest, prefix.n, rest.n);
    *line = take_digits(&rest);
    if (rest.n == 0 || rest.p[0] != ':')
        return false;
    rest = str_slice(rest, 1, rest.n);
    *column = take_digits(&rest);
    return line->n > 0 && column->n > 0;
}

/* The message of the pending error into d, without it the context would be of no use. */
static enum err
take_error(JSContext *ctx, enum err code, const char *what, struct diag *d)
{
    JSValue error = JS_GetException(ctx);
    const char *text = JS_ToCString(ctx, error);
    JSValue stack = JS_IsObject(error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
    const char *at = JS_IsString(stack) ? JS_ToCString(ctx, stack) : NULL;
    struct str line, column;

    if (at != NULL && read_position(str_of(at), &line, &column))
        (void)diag_set(d, code, "%s: %s (line %.*s, column %.*s)", what, text != NULL ? text : "unknown", STR_ARG(line),
                       STR_ARG(column));
    else
        (void)diag_set(d, code, "%s: %s", what, text != NULL ? text : "unknown");
    if (at != NULL)
        JS_FreeCString(ctx, at);
    if (text != NULL)
        JS_FreeCString(ctx, text);
    else
        JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeValue(ctx, stack);
    JS_FreeValue(ctx, error);
    return code;
}

/* The wrapper stands on the text's first line; its own characters are not told apart from the text's columns. */
static JSValue
compile(JSContext *ctx, const char *head, struct str text, const char *tail, int flags)
{
    struct buf b;
    JSValue v;

    buf_init(&b, text.n + WRAP_BYTES);
    buf_put(&b, str_of(head));
    buf_put(&b, text);
    buf_put(&b, str_of(tail));
    buf_putc(&b, '\0');
    v = buf_ok(&b) ? JS_Eval(ctx, b.p, b.n - 1, "script", JS_EVAL_TYPE_GLOBAL | flags) : JS_ThrowOutOfMemory(ctx);
    buf_deinit(&b);
    return v;
}

/* 10n, 0xffn: one operation on big integers is work that nobody counts. Texts and comments are searched too: OURS. */
static bool
has_big_integer(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t from = i;
        while (i < s.n && (isalnum((unsigned char)s.p[i]) || s.p[i] == '_' || s.p[i] == '$'))
            i++;
        if (i - from > 1 && isdigit((unsigned char)s.p[from]) && s.p[i - 1] == 'n')
            return true;
    }
    return false;
}

/* JS_EXCEPTION: it is no function body. */
static JSValue
compile_script(struct script_engine *e, struct str text)
{
    JSValue twice, f;

    if (has_big_integer(text))
        return JS_ThrowSyntaxError(e->ctx, "big integers (10n) are not supported");
    e->units = LOAD_UNITS;
    e->stopped = false;
    twice = compile(e->ctx, "(()=>{{", text, "\n}})", JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(twice))
        return twice;
    JS_FreeValue(e->ctx, twice);
    twice = compile(e->ctx, "(()=>{", text, "\n})", JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(twice))
        return twice;
    f = JS_EvalFunction(e->ctx, twice);
    if (!JS_IsException(f) && JS_PreventExtensions(e->ctx, f) < 0) {
        JS_FreeValue(e->ctx, f);
        return JS_EXCEPTION;
    }
    return f;
}

enum err
script_load(struct script_engine *e, const struct script_text *scripts, size_t n, uint64_t version, struct diag *d)
{
    if (e->version == version)
        return ERR_OK;
    close_context(e);
    e->functions = calloc(n > 0 ? n : 1, sizeof *e->functions);
    if (e->functions == NULL || !open_context(e)) {
        close_context(e);
        return diag_set(d, ERR_NOMEM, "no memory for %zu scripts", n);
    }
    for (; e->function_count < n; e->function_count++) {
        JSValue f = compile_script(e, scripts[e->function_count].text);
        if (JS_IsException(f)) {
            JS_FreeValue(e->ctx, JS_GetException(e->ctx));
            f = JS_UNDEFINED;
        }
        e->functions[e->function_count] = f;
    }
    e->version = version;
    limit_heap(e);
    return ERR_OK;
}

static size_t
count_chars(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

enum err
script_check(struct str text, struct diag *d)
{
    struct script_engine *e;
    JSValue f;
    enum err rc;

    if (count_chars(text) > LIMIT_SCRIPT_CHARS)
        return diag_set(d, ERR_LIMIT, "the script has %zu characters, at most %d are allowed", count_chars(text),
                        LIMIT_SCRIPT_CHARS);
    rc = script_engine_new(&e, d);
    if (rc != ERR_OK)
        return rc;
    f = compile_script(e, text);
    if (JS_IsException(f))
        rc = take_error(e->ctx, ERR_INVALID, "the script does not compile", d);
    JS_FreeValue(e->ctx, f);
    script_engine_free(e);
    return rc;
}

/* ---- running ---- */

static bool
is_original(const struct script_engine *e, JSAtom name)
{
    for (uint32_t i = 0; i < e->global_count; i++) {
        if (e->globals[i].atom == name)
            return true;
    }
    return false;
}

/* Removes what the script put into the global object; false: something cannot be removed. The originals are fixed. */
static bool
clean_globals(struct script_engine *e)
{
    JSPropertyEnum *names;
    uint32_t n;
    JSValue global;
    bool ok = true;

    if (!global_names(e->ctx, &names, &n))
        return false;
    global = JS_GetGlobalObject(e->ctx);
    for (uint32_t i = 0; i < n && n != e->global_count; i++) {
        if (!is_original(e, names[i].atom))
            ok = JS_DeleteProperty(e->ctx, global, names[i].atom, 0) == 1 && ok;
    }
    JS_FreeValue(e->ctx, global);
    free_names(e->ctx, names, n);
    return ok;
}

/* What async functions left to be done; false: there is more than the work allows. */
static bool
settle_jobs(struct script_engine *e)
{
    JSContext *ctx;
    int rc;

    while ((rc = JS_ExecutePendingJob(e->rt, &ctx)) != 0 && !e->stopped) {
        if (rc < 0)
            JS_FreeValue(ctx, JS_GetException(ctx));
    }
    return rc == 0;
}

/* A list of scalars. */
static bool
put_list(JSContext *ctx, JSValueConst list, struct buf *out, size_t *chars)
{
    int64_t n = 0;
    JSValue length = JS_GetPropertyStr(ctx, list, "length");
    bool ok = JS_ToInt64(ctx, &n, length) == 0;

    JS_FreeValue(ctx, length);
    buf_putc(out, '[');
    for (int64_t i = 0; ok && i < n && buf_ok(out); i++) {
        JSValue x = JS_GetPropertyUint32(ctx, list, (uint32_t)i);
        if (i > 0)
            buf_putc(out, ',');
        ok = put_scalar(ctx, x, out, chars);
        *chars += 1;
        JS_FreeValue(ctx, x);
    }
    buf_putc(out, ']');
    return ok;
}

static enum err
result_json(JSContext *ctx, JSValueConst v, struct arena *a, struct str *json, struct diag *d)
{
    struct buf b;
    size_t chars = 0;
    enum err rc = ERR_OK;
    bool ok;

    *json = S_NULL;
    if (JS_IsUndefined(v) || JS_IsNull(v))
        return ERR_OK;
    buf_init(&b, SCALAR_TEXT_MAX);
    ok = JS_IsArray(ctx, v) == 1 ? put_list(ctx, v, &b, &chars) : put_scalar(ctx, v, &b, &chars);
    if (JS_HasException(ctx))
        JS_FreeValue(ctx, JS_GetException(ctx));
    if (!buf_ok(&b) || chars > LIMIT_SCRIPT_RESULT_CHARS)
        rc = diag_set(d, ERR_LIMIT, "the script returned more than %d characters", LIMIT_SCRIPT_RESULT_CHARS);
    else if (!ok)
        rc = diag_set(d, ERR_INVALID, "the script returned neither a text, a number, a boolean nor a list of them");
    else
        *json = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return rc == ERR_OK && json->p == NULL ? diag_set(d, ERR_NOMEM, "no memory for a script's result") : rc;
}

/* An error of the script, or the end of its work. */
static enum err
failure(struct script_engine *e, struct diag *d)
{
    enum err rc = take_error(e->ctx, ERR_INVALID, "the script failed", d);

    if (e->late)
        return diag_set(d, ERR_LIMIT, "the script was stopped: it ran for more than %d ms", LIMIT_SCRIPT_MS);
    if (e->stopped)
        return diag_set(d, ERR_LIMIT, "the script was stopped: it does more than %d units of work", LIMIT_SCRIPT_UNITS);
    return rc;
}

enum err
script_run(struct script_engine *e, size_t index, const struct script_env *env, struct script_budget *budget,
           struct arena *a, struct str *json, struct diag *d)
{
    uint64_t granted = budget->units < LIMIT_SCRIPT_UNITS ? budget->units : LIMIT_SCRIPT_UNITS;
    JSValue v;
    bool settled;
    enum err rc;

    *json = S_NULL;
    if (index >= e->function_count || JS_IsUndefined(e->functions[index]))
        return diag_set(d, ERR_INVALID, "the script does not compile");
    if (granted < TICKS)
        return diag_set(d, ERR_BUSY, "other scripts of the request used up the work of all");
    JS_UpdateStackTop(e->rt);
    rng_seed(&e->rng, env->seed);
    e->env = env;
    e->units = granted;
    e->stopped = e->late = false;
    e->deadline_us = env->clock_us != NULL ? env->clock_us(env->ctx) + LIMIT_SCRIPT_MS * 1000 : 0;
    v = JS_Call(e->ctx, e->functions[index], JS_UNDEFINED, 0, NULL);
    rc = JS_IsException(v) ? failure(e, d) : result_json(e->ctx, v, a, json, d);
    JS_FreeValue(e->ctx, v);
    settled = settle_jobs(e);
    budget->units -= granted - e->units;
    e->env = NULL;
    e->units = LOAD_UNITS;
    e->stopped = e->late = false;
    if (!clean_globals(e) || !settled) {
        *json = S_NULL;
        e->version = 0; /* the next script_load() makes everything anew */
        return diag_set(d, ERR_LIMIT, "the script changed what other scripts share");
    }
    return rc;
}
