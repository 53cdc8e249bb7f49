/* script_int.h - what the files of script/ share. No other folder knows QuickJS. */
#ifndef SCRIPT_INT_H
#define SCRIPT_INT_H

#include <quickjs/quickjs.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/rng.h"
#include "script/script.h"

/* Takes the harmful parts out of the built-in objects and makes the rest immutable; evaluated once per engine. It
 * expects and removes the global functions __charge(units), __now() and __random(). */
extern const char script_prelude[];

#define SCRIPT_LOAD_UNITS 10000000u /* what compiling and the prelude may take */
#define SCRIPT_SCALAR_BYTES (LIMIT_SCRIPT_RESULT_CHARS * 4 + 8)

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

/* --- script_host.c --- */
/* The host's functions and objects into the global object; false: no memory. */
bool script_add_host(JSContext *ctx);

/* --- script_value.c --- */
/* A text, number or boolean as JSON; false: it is none of them. *chars grows by the characters of a text. */
bool script_put_scalar(JSContext *ctx, JSValueConst v, struct buf *out, size_t *chars);
/* What a script returned; json->p is NULL: nothing. */
enum err script_result(JSContext *ctx, JSValueConst v, struct arena *a, struct str *json, struct diag *d);

/* --- script_compile.c --- */
/* JS_EXCEPTION: it is no function body. */
JSValue script_compile(struct script_engine *e, struct str text);
/* The message of the pending error into d. */
enum err script_take_error(JSContext *ctx, enum err code, const char *what, struct diag *d);

#endif
