/* diag.h - how a function says what went wrong.
 *
 * The code is for programs, the diag is for people. A function that can fail returns enum err and, where a person will
 * read about it, fills the caller's struct diag once, at the place where the fault is seen. Messages are lower case,
 * without a full stop, and name the object, the reason and the allowed range. Outputs are written only on success. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum err {
    ERR_OK = 0,
    ERR_INVALID, /* the input is wrong: retrying cannot help */
    ERR_NOT_FOUND,
    ERR_EXISTS, /* conflicts with an object that is there */
    ERR_DENIED,
    ERR_LIMIT, /* a named limit of base/limits.h was reached */
    ERR_BUSY,  /* a bounded queue or a full disk: retry later */
    ERR_TIMEOUT,
    ERR_CANCELLED,
    ERR_UNSUPPORTED,
    ERR_IO,
    ERR_CORRUPT, /* our own stored bytes do not check */
    ERR_NOMEM,
    ERR__COUNT
};

#define DIAG_NO_POS UINT32_MAX

struct diag {
    enum err code;
    uint32_t pos;   /* byte offset in the input, DIAG_NO_POS when there is none */
    char path[128]; /* where in a structured input, e.g. "events[0].xdm.timestamp", or empty */
    char what[256]; /* "segment 'vip-7': unknown field 'homeAdress.city'" */
    char hint[160]; /* "did you mean 'homeAddress.city'?", or empty */
};

#define DIAG_INIT ((struct diag){.pos = DIAG_NO_POS})

/* Fills d (which may be NULL) and returns `code`, so that a caller can write  return diag_set(d, ERR_LIMIT, ...). */
enum err diag_set(struct diag *d, enum err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum err diag_set_at(struct diag *d, enum err code, uint32_t pos, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* As diag_set, with the place in a structured input. */
enum err diag_set_path(struct diag *d, enum err code, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_hint(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "invalid", "limit", ...: for logs and metrics. */
const char *err_name(enum err code);

#if defined(__clang_analyzer__) && !defined(DIAG_DEFINED_HERE)
/* The analyzer does not look into another file: it has to be told that the code which goes in comes out. */
#define diag_set(d, code, ...) ((void)diag_set((d), (code), __VA_ARGS__), (code))
#define diag_set_at(d, code, ...) ((void)diag_set_at((d), (code), __VA_ARGS__), (code))
#define diag_set_path(d, code, ...) ((void)diag_set_path((d), (code), __VA_ARGS__), (code))
#endif

#endif
