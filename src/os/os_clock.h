/* os_clock.h - a clock that can be moved forward: the emulator's. Everything else of the world stays what it was.
 *
 * The emulated time runs on like the machine's; os_clock_set() moves it ahead. Never back: a fold of time cannot be
 * undone. */
#ifndef OS_OS_CLOCK_H
#define OS_OS_CLOCK_H

#include "os/os.h"

/* Wraps `base` (borrowed). Owned by the caller: os_clock_free. NULL: no memory. */
struct os *os_clock_new(struct os *base);
void os_clock_free(struct os *os);
/* ERR_INVALID: now_ms is before the emulated time. Thread: any. */
enum err os_clock_set(struct os *os, int64_t now_ms, struct diag *d);

#endif
