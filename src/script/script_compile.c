/* script_compile.c - a script's text to a function, or to a message for whoever wrote it.
 *
 * A script becomes an arrow function: without this, arguments and prototype nothing can be kept in it. Its text must be
 * one function body. "}); let keep = 1; (() => {" would parse inside our wrapper, too; so the text has to parse within
 * two different wrappers, which only balanced text does. */
#include "script/script_int.h"

#include <ctype.h>

#include "base/limits.h"

#define WRAP_BYTES 32

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
enum err
script_take_error(JSContext *ctx, enum err code, const char *what, struct diag *d)
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
JSValue
script_compile(struct script_engine *e, struct str text)
{
    JSValue twice, f;

    if (has_big_integer(text))
        return JS_ThrowSyntaxError(e->ctx, "big integers (10n) are not supported");
    e->units = SCRIPT_LOAD_UNITS;
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
script_check(struct str text, struct diag *d)
{
    struct script_engine *e;
    JSValue f;
    enum err rc;

    if (str_chars(text) > LIMIT_SCRIPT_CHARS)
        return diag_set(d, ERR_LIMIT, "the script has %zu characters, at most %d are allowed", str_chars(text),
                        LIMIT_SCRIPT_CHARS);
    rc = script_engine_new(&e, d);
    if (rc != ERR_OK)
        return rc;
    f = script_compile(e, text);
    if (JS_IsException(f))
        rc = script_take_error(e->ctx, ERR_INVALID, "the script does not compile", d);
    JS_FreeValue(e->ctx, f);
    script_engine_free(e);
    return rc;
}
