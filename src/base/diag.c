/* diag.c - see diag.h. */
#define DIAG_DEFINED_HERE
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

/* A message that was cut does not end within a character: it would be no text any more. */
static void
end_with_a_character(char *s, size_t size, int wanted)
{
    size_t n = size - 1, lead = n;

    if (wanted < 0 || (size_t)wanted < size)
        return;
    while (lead > 0 && n - lead < 3 && ((unsigned char)s[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0 || (unsigned char)s[lead - 1] < 0xc0)
        return;
    if (n - lead < (s[lead - 1] & 0x20 ? s[lead - 1] & 0x10 ? 3U : 2U : 1U))
        s[lead - 1] = '\0';
}

__attribute__((format(printf, 4, 0))) static void
fill(struct diag *d, enum err code, uint32_t pos, const char *fmt, va_list ap)
{
    d->code = code;
    d->pos = pos;
    d->path[0] = '\0';
    d->hint[0] = '\0';
    end_with_a_character(d->what, sizeof d->what, vsnprintf(d->what, sizeof d->what, fmt, ap));
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
        end_with_a_character(d->path, sizeof d->path, snprintf(d->path, sizeof d->path, "%s", path));
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
    end_with_a_character(d->hint, sizeof d->hint, vsnprintf(d->hint, sizeof d->hint, fmt, ap));
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
