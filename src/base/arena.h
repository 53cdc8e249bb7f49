/* arena.h - memory that ends together: a request's, a batch's, a snapshot's.
 *
 * Blocks are kept by arena_reset(), so a worker's arena allocates nothing after the first requests. The limit is hard:
 * past it arena_alloc() answers NULL, which callers turn into ERR_LIMIT: at each call, or once at the end by `refused`
 * where a part that is missing on the way does no harm.
 *
 * Threads    One owner at a time, no locks.
 * Cost       A few nanoseconds per allocation; 16-byte alignment. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* owned list, oldest first */
    struct arena_block *current;
    size_t bytes_used;
    size_t bytes_max;
    size_t block_min; /* bytes of the first block; 0: 16 KB. Smaller for arenas that are kept by the thousand */
    bool refused;     /* something was answered with NULL since the last reset or release */
    bool starved;     /* since arena_init(), the heap refused something below the limit; owners may clear it */
};

void arena_init(struct arena *a, size_t bytes_max);
void arena_deinit(struct arena *a);
/* Everything allocated so far is gone; blocks up to a few hundred KB stay for reuse. */
void arena_reset(struct arena *a);

/* What was allocated since the mark is gone, and its room is there again: for parts of a request that end before it. */
struct arena_mark {
    struct arena_block *block;
    size_t block_used, bytes_used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark mark);

/* Not zeroed. NULL when the limit or memory is exhausted. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_calloc(struct arena *a, size_t count, size_t bytes);
/* Copies; the copy is followed by a NUL for the sake of C libraries. p is NULL when the arena is exhausted. */
struct str arena_str(struct arena *a, struct str s);
const char *arena_cstr(struct arena *a, struct str s);
/* Texts in a row; p is NULL when the arena is exhausted. A tenth of the cost of formatting them. */
struct str arena_join(struct arena *a, const struct str *parts, size_t n);
#define ARENA_JOIN(a, ...)                                                                                             \
    arena_join((a), (const struct str[]){__VA_ARGS__}, sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
/* Formatted text; p is NULL when the arena is exhausted. */
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_calloc((a), (n), sizeof(type)))

#endif
