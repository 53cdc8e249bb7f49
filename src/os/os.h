/* os.h - the only door to time, disk and randomness.
 *
 * Code above this folder holds a `struct os *` and never calls the operating system itself, so a test can put another
 * world behind it: a clock that is moved by hand, a disk that is full, a write that is torn. os_posix() is the real
 * one; os_sim.h makes the others. Threads and locks are in os/thread.h, sockets in os/net.h.
 *
 * Ownership  A struct os outlives everything that uses it.    Threads  Any, where a file is not shared by two writers.
 * Errors     ERR_NOT_FOUND for a missing path; ERR_BUSY when the disk is full (space may come back); ERR_IO otherwise.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

struct os_file; /* opaque, one per open file */

enum os_open_flags {
    OS_READ = 1,      /* existing file, read only */
    OS_WRITE = 2,     /* read and write; created (mode 0600) when absent */
    OS_EXCLUSIVE = 4, /* with OS_WRITE: fails with ERR_EXISTS when present */
    OS_LOCK = 8,      /* with OS_WRITE: whole-file lock, ERR_BUSY when another process holds it */
};

struct os {
    const struct os_ops *ops;
    void *ctx;
};

struct os_ops {
    int64_t (*now_ms)(struct os *os);
    uint64_t (*mono_us)(struct os *os);
    void (*entropy)(struct os *os, void *out, size_t n);
    enum err (*open)(struct os *os, const char *path, unsigned flags, struct os_file **out, struct diag *d);
    void (*close)(struct os *os, struct os_file *f);
    enum err (*pread)(struct os *os, struct os_file *f, uint64_t at, void *buf, size_t n, size_t *got, struct diag *d);
    enum err (*pwrite)(struct os *os, struct os_file *f, uint64_t at, const void *buf, size_t n, struct diag *d);
    enum err (*sync)(struct os *os, struct os_file *f, struct diag *d);
    enum err (*truncate)(struct os *os, struct os_file *f, uint64_t size, struct diag *d);
    enum err (*size)(struct os *os, struct os_file *f, uint64_t *out, struct diag *d);
    void *(*map)(struct os *os, struct os_file *f, uint64_t size, bool writable);
    void (*unmap)(struct os *os, const void *p, uint64_t size);
    enum err (*mkdir)(struct os *os, const char *path, struct diag *d);
    enum err (*rename)(struct os *os, const char *from, const char *to, struct diag *d);
    enum err (*unlink)(struct os *os, const char *path, struct diag *d);
    enum err (*sync_dir)(struct os *os, const char *path, struct diag *d);
    enum err (*list)(struct os *os, const char *path, void (*each)(void *ctx, const char *name), void *ctx,
                     struct diag *d);
};

/* The machine's own clock, disk and entropy. Lives for ever. */
struct os *os_posix(void);

/* Wall clock, milliseconds since 1970 UTC. Only drivers at the rim call it: a processor takes time from its record. */
static inline int64_t
os_now_ms(struct os *os)
{
    return os->ops->now_ms(os);
}

/* Microseconds from an arbitrary start, never going back: durations and deadlines. */
static inline uint64_t
os_mono_us(struct os *os)
{
    return os->ops->mono_us(os);
}

static inline void
os_entropy(struct os *os, void *out, size_t n)
{
    os->ops->entropy(os, out, n);
}

static inline enum err
os_open(struct os *os, const char *path, unsigned flags, struct os_file **out, struct diag *d)
{
    return os->ops->open(os, path, flags, out, d);
}

static inline void
os_close(struct os *os, struct os_file *f)
{
    if (f != NULL)
        os->ops->close(os, f);
}

/* Reads up to n bytes at `at`; *got is smaller than n only at the end of the file. */
static inline enum err
os_pread(struct os *os, struct os_file *f, uint64_t at, void *buf, size_t n, size_t *got, struct diag *d)
{
    return os->ops->pread(os, f, at, buf, n, got, d);
}

/* Writes all n bytes, or fails; after a failure the range may hold any part of them. */
static inline enum err
os_pwrite(struct os *os, struct os_file *f, uint64_t at, const void *buf, size_t n, struct diag *d)
{
    return os->ops->pwrite(os, f, at, buf, n, d);
}

/* Data, and the size when it changed, are on the disk on return. */
static inline enum err
os_sync(struct os *os, struct os_file *f, struct diag *d)
{
    return os->ops->sync(os, f, d);
}

static inline enum err
os_truncate(struct os *os, struct os_file *f, uint64_t size, struct diag *d)
{
    return os->ops->truncate(os, f, size, d);
}

static inline enum err
os_size(struct os *os, struct os_file *f, uint64_t *out, struct diag *d)
{
    return os->ops->size(os, f, out, d);
}

/* Read-only view of the first `size` bytes, shared with later pwrites; NULL when it cannot be had: use pread then.
 * `size` may exceed the file; bytes past its end must not be touched until they are written. */
static inline const void *
os_map(struct os *os, struct os_file *f, uint64_t size)
{
    return os->ops->map(os, f, size, false);
}

/* The same for storing: what is stored belongs to the file at once, so it outlives this process whatever ends it, and
 * os_sync makes it durable. The file has at least `size` bytes; it is open for writing. */
static inline void *
os_map_writable(struct os *os, struct os_file *f, uint64_t size)
{
    return os->ops->map(os, f, size, true);
}

static inline void
os_unmap(struct os *os, const void *p, uint64_t size)
{
    if (p != NULL)
        os->ops->unmap(os, p, size);
}

/* With parents; an existing folder is success. Mode 0700. */
static inline enum err
os_mkdir(struct os *os, const char *path, struct diag *d)
{
    return os->ops->mkdir(os, path, d);
}

static inline enum err
os_rename(struct os *os, const char *from, const char *to, struct diag *d)
{
    return os->ops->rename(os, from, to, d);
}

static inline enum err
os_unlink(struct os *os, const char *path, struct diag *d)
{
    return os->ops->unlink(os, path, d);
}

/* Makes creations, renames and removals inside the folder durable. */
static inline enum err
os_sync_dir(struct os *os, const char *path, struct diag *d)
{
    return os->ops->sync_dir(os, path, d);
}

/* Calls each() for every name in the folder but . and .., in no particular order. */
static inline enum err
os_list(struct os *os, const char *path, void (*each)(void *ctx, const char *name), void *ctx, struct diag *d)
{
    return os->ops->list(os, path, each, ctx, d);
}

struct arena;
/* Whole file, at most bytes_max (ERR_LIMIT past it), copied into the arena. */
enum err os_read_file(struct os *os, const char *path, size_t bytes_max, struct arena *a, struct str *out,
                      struct diag *d);
/* Replaces the file atomically: written beside it, synced, renamed, folder synced. Mode 0600. */
enum err os_write_file(struct os *os, const char *path, struct str bytes, struct diag *d);

#endif
