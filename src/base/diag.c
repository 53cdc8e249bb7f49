/* diag.c - see diag.h. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0))) static void
fill(struct diag *d, enum err code, uint32_t pos, const char *fmt, va_list ap)
{
    d->code = code;
    d->pos = pos;
    d->path[0] = '\0';
    d->hint[0] = '\0';
    (void)vsnprintf(d->what, sizeof d->what, fmt, ap); /* cut messages stay readable */
}

enum err
diag_set(struct diag *d, enum err code, const char *fmt, ...)
{
    va_list ap;

    if (d != NULL) {
        va_start(ap, fmt);
        fill(d, code, DIAG_NO_POS, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum err
diag_set_at(struct diag *d, enum err code, uint32_t pos, const char *fmt, ...)
{
    va_list ap;

    if (d != NULL) {
        va_start(ap, fmt);
        fill(d, code, pos, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum err
diag_set_path(struct diag *d, enum err code, const char *path, const char *fmt, ...)
{
    va_list ap;

    if (d != NULL) {
        va_start(ap, fmt);
        fill(d, code, DIAG_NO_POS, fmt, ap);
        va_end(ap);
        (void)snprintf(d->path, sizeof d->path, "%s", path);
    }
    return code;
}

void
diag_hint(struct diag *d, const char *fmt, ...)
{
    va_list ap;

    if (d == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(d->hint, sizeof d->hint, fmt, ap);
    va_end(ap);
}

const char *
err_name(enum err code)
{
    static const char *const names[ERR__COUNT] = {
        "ok",      "invalid",   "not_found",   "exists", "denied",  "limit", "busy",
        "timeout", "cancelled", "unsupported", "io",     "corrupt", "nomem",
    };

    return (unsigned)code < ERR__COUNT ? names[code] : "unknown";
}
