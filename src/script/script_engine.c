/* script_engine.c - engines: a runtime with limits, what is loaded into it, and a run.
 *
 *   script_engine_new   runtime with limits -> context of chosen built-ins -> host objects -> script_prelude
 *   script_load         every script -> a function
 *   script_run          call, convert the result, remove what the script left in the global object
 *
 * Work is counted in two places: the library asks on_interrupt() after TICKS turns and calls, and the prelude's
 * wrappers call __charge(). Past the budget both raise an error that no script can catch. */
#include "script/script_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define TICKS 10000 /* turns and calls between two interrupts: a constant of the library */

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
    e->units = SCRIPT_LOAD_UNITS;
    e->stopped = false;
    if (!script_add_host(e->ctx))
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
        JSValue f = script_compile(e, scripts[e->function_count].text);
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

/* An error of the script, or the end of its work. */
static enum err
failure(struct script_engine *e, struct diag *d)
{
    enum err rc = script_take_error(e->ctx, ERR_INVALID, "the script failed", d);

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
    rc = JS_IsException(v) ? failure(e, d) : script_result(e->ctx, v, a, json, d);
    JS_FreeValue(e->ctx, v);
    settled = settle_jobs(e);
    budget->units -= granted - e->units;
    e->env = NULL;
    e->units = SCRIPT_LOAD_UNITS;
    e->stopped = e->late = false;
    if (!clean_globals(e) || !settled) {
        *json = S_NULL;
        e->version = 0; /* the next script_load() makes everything anew */
        return diag_set(d, ERR_LIMIT, "the script changed what other scripts share");
    }
    return rc;
}
