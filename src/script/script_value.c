/* script_value.c - what scripts give, as JSON: a scalar, or a list of them. */
#include "script/script_int.h"

#include <math.h>

#include "base/limits.h"
#include "codec/json_writer.h"

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

    buf_init(&clean, SCRIPT_SCALAR_BYTES);
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
bool
script_put_scalar(JSContext *ctx, JSValueConst v, struct buf *out, size_t *chars)
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
    if (n > SCRIPT_SCALAR_BYTES)
        out->full = true;
    else
        put_text(out, p, n, chars);
    JS_FreeCString(ctx, p);
    return true;
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
        ok = script_put_scalar(ctx, x, out, chars);
        *chars += 1;
        JS_FreeValue(ctx, x);
    }
    buf_putc(out, ']');
    return ok;
}

enum err
script_result(JSContext *ctx, JSValueConst v, struct arena *a, struct str *json, struct diag *d)
{
    struct buf b;
    size_t chars = 0;
    enum err rc = ERR_OK;
    bool ok;

    *json = S_NULL;
    if (JS_IsUndefined(v) || JS_IsNull(v))
        return ERR_OK;
    buf_init(&b, SCRIPT_SCALAR_BYTES);
    ok = JS_IsArray(ctx, v) == 1 ? put_list(ctx, v, &b, &chars) : script_put_scalar(ctx, v, &b, &chars);
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
