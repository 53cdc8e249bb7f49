/* check.c - the one place where the process ends by its own decision. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
check_fail(const char *file, int line, const char *expr)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expr);
    abort();
}
