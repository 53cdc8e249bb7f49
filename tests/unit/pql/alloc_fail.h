/* alloc_fail.h - makes the heap refuse: the linker sends every malloc, calloc and realloc of this program's own objects
 * through alloc_fail.c (tests/CMakeLists.txt). */
#ifndef TESTS_UNIT_PQL_ALLOC_FAIL_H
#define TESTS_UNIT_PQL_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th request from now on (0: the next one) and all after it are refused. */
void alloc_fail_from(size_t n);
/* Refuses no more. Whether anything was refused. */
bool alloc_fail_end(void);

#endif
