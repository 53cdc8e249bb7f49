/* log.c - formats a line on the stack and writes it with one call, so that lines of several threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/civil.h"
#include "base/limits.h"

static _Atomic int level_min = LOG_INFO;
static int64_t (*clock_now)(void *);
static void *clock_ctx;
static _Atomic int64_t second_now;
static _Atomic unsigned second_lines;

void
log_set_level(enum log_level level)
{
    atomic_store(&level_min, (int)level);
}

void
log_set_clock(int64_t (*now_ms)(void *ctx), void *ctx)
{
    clock_now = now_ms;
    clock_ctx = ctx;
}

/* false when this second's lines are used up. The first line of the next second says how many were dropped. */
static bool
admitted(int64_t now_ms)
{
    int64_t second = now_ms / 1000;

    if (atomic_exchange(&second_now, second) != second) {
        unsigned lines = atomic_exchange(&second_lines, 1);
        if (lines > LIMIT_LOG_LINES_PER_SECOND)
            fprintf(stderr, "warn log_lines_dropped count=%u\n", lines - LIMIT_LOG_LINES_PER_SECOND);
        return true;
    }
    return atomic_fetch_add(&second_lines, 1) < LIMIT_LOG_LINES_PER_SECOND;
}

void
log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[1024];
    int64_t now_ms = 0;
    size_t at = 0;
    int n;
    va_list ap;

    if ((int)level < atomic_load(&level_min))
        return;
    if (clock_now != NULL) {
        now_ms = clock_now(clock_ctx);
        if (!admitted(now_ms))
            return;
        iso8601_format(now_ms, line);
        at = ISO8601_BYTES;
        line[at++] = ' ';
    }
    n = snprintf(line + at, sizeof line - at, "%s %s ", names[level], event);
    at += (size_t)(n > 0 ? n : 0);
    if (at > sizeof line - 2)
        at = sizeof line - 2;
    va_start(ap, fmt);
    n = vsnprintf(line + at, sizeof line - at - 1, fmt, ap);
    va_end(ap);
    if (n > 0)
        at += (size_t)n < sizeof line - at - 1 ? (size_t)n : sizeof line - at - 2;
    line[at++] = '\n';
    (void)fwrite(line, 1, at, stderr); /* nowhere else to say that stderr is gone */
}
