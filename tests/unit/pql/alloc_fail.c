/* alloc_fail.c - see alloc_fail.h. */
#include "alloc_fail.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);

static bool armed, refused;
static size_t left;

void
alloc_fail_from(size_t n)
{
    armed = true;
    refused = false;
    left = n;
}

bool
alloc_fail_end(void)
{
    armed = false;
    return refused;
}

static bool
refuses(void)
{
    if (!armed)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    refused = true;
    return true;
}

void *
__wrap_malloc(size_t bytes)
{
    return refuses() ? NULL : __real_malloc(bytes);
}

void *
__wrap_calloc(size_t count, size_t bytes)
{
    return refuses() ? NULL : __real_calloc(count, bytes);
}

void *
__wrap_realloc(void *p, size_t bytes)
{
    return refuses() ? NULL : __real_realloc(p, bytes);
}
