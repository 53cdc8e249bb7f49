/* buf.c - see buf.h. */
#include "base/buf.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"

void
buf_init(struct buf *b, size_t bytes_max)
{
    *b = (struct buf){.bytes_max = bytes_max};
}

void
buf_init_in(struct buf *b, struct arena *a, size_t bytes_max)
{
    *b = (struct buf){.bytes_max = bytes_max, .arena = a};
}

void
buf_deinit(struct buf *b)
{
    if (b->arena == NULL)
        free(b->p);
    *b = (struct buf){.bytes_max = b->bytes_max, .arena = b->arena};
}

void
buf_clear(struct buf *b)
{
    b->n = 0;
    b->full = false;
}

static char *
resize(struct buf *b, size_t cap)
{
    char *p;

    if (b->arena == NULL)
        return realloc(b->p, cap);
    p = arena_alloc(b->arena, cap);
    if (p != NULL && b->p != NULL)
        memcpy(p, b->p, b->n);
    return p;
}

char *
buf_grow_more(struct buf *b, size_t extra)
{
    size_t cap = b->cap ? b->cap : 256;
    char *p;

    if (b->full)
        return NULL;
    if (extra <= b->cap - b->n)
        return b->p + b->n;
    if (extra > b->bytes_max - b->n) {
        b->full = true;
        return NULL;
    }
    while (cap < b->n + extra)
        cap *= 2;
    if (cap > b->bytes_max)
        cap = b->bytes_max;
    p = resize(b, cap);
    if (p == NULL) {
        b->full = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return b->p + b->n;
}

struct str
u64_text(uint64_t v, char room[U64_TEXT_BYTES])
{
    size_t i = U64_TEXT_BYTES;

    do {
        room[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    return (struct str){room + i, U64_TEXT_BYTES - i};
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
    char room[U64_TEXT_BYTES];

    buf_put(b, u64_text(v, room));
}

void
buf_put_i64(struct buf *b, int64_t v)
{
    if (v < 0) {
        buf_putc(b, '-');
        buf_put_u64(b, 0 - (uint64_t)v);
    } else {
        buf_put_u64(b, (uint64_t)v);
    }
}

/* Prices and measures: a decimal of few digits behind the point. m / 10^k is rounded once, since both are exact, so
 * when it gives v back, then m with the point k digits before its end is a decimal of at most 15 digits that reads as
 * v, and there is no other. */
static bool
put_short(struct buf *b, double v)
{
    static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    double magnitude = fabs(v);
    char text[24];
    size_t i = sizeof text;

    if (!(magnitude >= 1e-4 && magnitude < 1e9))
        return false;
    for (size_t k = 1; k < sizeof powers / sizeof powers[0]; k++) {
        double m = nearbyint(magnitude * powers[k]);
        if (m >= 1e15 || m / powers[k] != magnitude)
            continue;
        for (uint64_t left = (uint64_t)m, digit = 0; left > 0 || digit <= k; left /= 10, digit++) {
            if (digit == k)
                text[--i] = '.';
            text[--i] = (char)('0' + left % 10);
        }
        if (v < 0)
            text[--i] = '-';
        buf_put(b, (struct str){text + i, sizeof text - i});
        return true;
    }
    return false;
}

void
buf_put_f64(struct buf *b, double v)
{
    char text[40];
    int n = 0;

    if (!isfinite(v)) {
        buf_put(b, S("null"));
        return;
    }
    if (put_short(b, v))
        return;
    /* 15 digits always fit a double, 17 always suffice; below DBL_MIN a double has fewer, down to one. */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_put(b, (struct str){text, (size_t)n});
    if (memchr(text, '.', (size_t)n) == NULL && memchr(text, 'e', (size_t)n) == NULL)
        buf_put(b, S(".0"));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *at;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    at = n >= 0 ? buf_grow(b, (size_t)n) : NULL;
    if (at != NULL && (size_t)n < b->cap - b->n) {
        (void)vsnprintf(at, (size_t)n + 1, fmt, again); /* fits: measured above */
        b->n += (size_t)n;
    } else if (at != NULL) { /* no room for the NUL that vsnprintf wants, and the capacity may be the maximum */
        char *text = malloc((size_t)n + 1);
        if (text == NULL) {
            b->full = true;
        } else {
            (void)vsnprintf(text, (size_t)n + 1, fmt, again);
            buf_put(b, (struct str){text, (size_t)n});
            free(text);
        }
    }
    va_end(again);
}
