/* arena.c - a list of growing blocks with a bump pointer in the current one. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>

#include "base/check.h"

#define ALIGN 16u
#define BLOCK_MIN (16u * 1024)
#define TYPICAL_TEXT_BYTES 256
#define KEEP_MAX (512u * 1024) /* larger blocks go back to the heap on reset: one big request must not pin memory */

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    size_t pad; /* keeps data 16-aligned */
    unsigned char data[];
};
_Static_assert(offsetof(struct arena_block, data) % ALIGN == 0, "block data must be aligned");

void
arena_init(struct arena *a, size_t bytes_max)
{
    *a = (struct arena){.bytes_max = bytes_max};
}

void
arena_deinit(struct arena *a)
{
    struct arena_block *b = a->first, *next;

    for (; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){.bytes_max = a->bytes_max, .block_min = a->block_min};
}

void
arena_reset(struct arena *a)
{
    struct arena_block **link = &a->first;

    while (*link != NULL) {
        struct arena_block *b = *link;
        if (b->size > KEEP_MAX) {
            *link = b->next;
            free(b);
        } else {
            b->used = 0;
            link = &b->next;
        }
    }
    a->current = a->first;
    a->bytes_used = 0;
    a->refused = false;
}

struct arena_mark
arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->current, a->current != NULL ? a->current->used : 0, a->bytes_used};
}

/* In tests and fuzzing what is used after its release shows. */
static void
give_back(struct arena_block *b, size_t used)
{
#ifndef NDEBUG
    memset(b->data + used, 0xdd, b->used - used);
#endif
    b->used = used;
}

void
arena_release(struct arena *a, struct arena_mark mark)
{
    struct arena_block *b = mark.block != NULL ? mark.block->next : a->first;

    CHECK(mark.bytes_used <= a->bytes_used);
    for (; b != NULL; b = b->next)
        give_back(b, 0);
    if (mark.block != NULL)
        give_back(mark.block, mark.block_used);
    a->current = mark.block != NULL ? mark.block : a->first;
    a->bytes_used = mark.bytes_used;
    a->refused = false;
}

static struct arena_block *
block_for(struct arena *a, size_t bytes)
{
    struct arena_block *b;
    size_t size;

    while (a->current != NULL && a->current->next != NULL) { /* blocks kept by a reset */
        a->current = a->current->next;
        if (a->current->size - a->current->used >= bytes)
            return a->current;
    }
    size = a->current ? a->current->size * 2 : a->block_min ? a->block_min : BLOCK_MIN;
    if (size > KEEP_MAX)
        size = KEEP_MAX;
    if (size < bytes)
        size = bytes;
    b = malloc(sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->next = NULL;
    b->used = 0;
    b->size = size;
    if (a->current == NULL)
        a->first = b;
    else
        a->current->next = b;
    a->current = b;
    return b;
}

static void *
refuse(struct arena *a)
{
    a->refused = true;
    return NULL;
}

void *
arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *b = a->current;
    void *p;

    if (bytes > SIZE_MAX - ALIGN)
        return refuse(a);
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (bytes > a->bytes_max - a->bytes_used)
        return refuse(a);
    if (b == NULL || b->size - b->used < bytes) {
        b = block_for(a, bytes);
        if (b == NULL) {
            a->starved = true;
            return refuse(a);
        }
    }
    p = b->data + b->used;
    b->used += bytes;
    a->bytes_used += bytes;
    return p;
}

void *
arena_calloc(struct arena *a, size_t count, size_t bytes)
{
    void *p;

    if (bytes != 0 && count > SIZE_MAX / bytes)
        return refuse(a);
    p = arena_alloc(a, count * bytes);
    if (p != NULL)
        memset(p, 0, count * bytes);
    return p;
}

const char *
arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (p == NULL)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct str
arena_str(struct arena *a, struct str s)
{
    const char *p = arena_cstr(a, s);

    return p ? (struct str){p, s.n} : S_NULL;
}

struct str
arena_join(struct arena *a, const struct str *parts, size_t n)
{
    size_t bytes = 0, at = 0;
    char *p;

    for (size_t i = 0; i < n; i++)
        bytes += parts[i].n;
    p = arena_alloc(a, bytes + 1);
    if (p == NULL)
        return S_NULL;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n > 0)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    p[bytes] = '\0';
    return (struct str){p, bytes};
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
    char text[TYPICAL_TEXT_BYTES]; /* formatting is what costs: once, for nearly every text */
    va_list ap, again;
    int n;
    char *p;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    p = arena_alloc(a, (size_t)n + 1);
    if (p != NULL && (size_t)n < sizeof text)
        memcpy(p, text, (size_t)n + 1);
    else if (p != NULL)
        (void)vsnprintf(p, (size_t)n + 1, fmt, again); /* fits: measured above */
    va_end(again);
    return p ? (struct str){p, (size_t)n} : S_NULL;
}
