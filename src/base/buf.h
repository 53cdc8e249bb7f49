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

struct arena;

struct buf {
    char *p; /* owned, or in the arena */
    size_t n;
    size_t cap;
    size_t bytes_max;
    bool full;
    struct arena *arena;
};

void buf_init(struct buf *b, size_t bytes_max);
/* Grows in the arena, so its text lives as long as the arena's contents and needs no buf_deinit(). For a request's or a
 * record's texts: what a larger room leaves behind is wasted until the arena is reset. */
void buf_init_in(struct buf *b, struct arena *a, size_t bytes_max);
void buf_deinit(struct buf *b);
void buf_clear(struct buf *b);

/* Takes back what was written behind the first n bytes; a buf that became full on the way is not full any more. */
static inline void
buf_cut(struct buf *b, size_t n)
{
    if (n < b->n)
        b->n = n;
    b->full = false;
}

/* Room for `extra` more bytes, or NULL (and full). The caller writes there and then adds to b->n itself. */
char *buf_grow_more(struct buf *b, size_t extra);
static inline char *
buf_grow(struct buf *b, size_t extra)
{
    if (b->p != NULL && !b->full && extra <= b->cap - b->n)
        return b->p + b->n;
    return buf_grow_more(b, extra);
}

static inline void
buf_put(struct buf *b, struct str s)
{
    char *at = s.n > 0 ? buf_grow(b, s.n) : NULL;

    if (at != NULL) {
        memcpy(at, s.p, s.n);
        b->n += s.n;
    }
}

static inline void
buf_putc(struct buf *b, char c)
{
    char *at = buf_grow(b, 1);

    if (at != NULL) {
        *at = c;
        b->n++;
    }
}

/* The digits of v, at the end of `room`. */
#define U64_TEXT_BYTES 20
struct str u64_text(uint64_t v, char room[U64_TEXT_BYTES]);
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
