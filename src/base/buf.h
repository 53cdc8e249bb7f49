/* buf.h - text under construction, with a maximum that the owner sets.
 *
 * Once an append does not fit, the buf is `full`: it keeps what it has and ignores every later append, so a writer may
 * check once, at the end, with buf_ok().
 *
 * Threads    One owner, no locks.   Cost  amortised copy; buf_clear() keeps the capacity. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p; /* owned */
    size_t n;
    size_t cap;
    size_t bytes_max;
    bool full;
};

void buf_init(struct buf *b, size_t bytes_max);
void buf_deinit(struct buf *b);
void buf_clear(struct buf *b);

/* Room for `extra` more bytes, or NULL (and full). The caller writes there and then adds to b->n itself. */
char *buf_grow(struct buf *b, size_t extra);
void buf_put(struct buf *b, struct str s);
void buf_putc(struct buf *b, char c);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_i64(struct buf *b, int64_t v);
/* Shortest decimal that reads back as the same double, in JSON syntax; not finite: "null". */
void buf_put_f64(struct buf *b, double v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline bool
buf_ok(const struct buf *b)
{
    return !b->full;
}

static inline struct str
buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

#endif
