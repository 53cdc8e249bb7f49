/* os_posix.c - the real world behind os.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "os/os.h"

struct os_file {
    int fd;
    char path[]; /* for messages */
};

static enum err
fail(struct diag *d, const char *doing, const char *path)
{
    enum err code = ERR_IO;

    if (errno == ENOENT)
        code = ERR_NOT_FOUND;
    else if (errno == EEXIST)
        code = ERR_EXISTS;
    else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        code = ERR_BUSY;
    else if (errno == EACCES || errno == EPERM)
        code = ERR_DENIED;
    return diag_set(d, code, "cannot %s '%s': %s", doing, path, strerror(errno));
}

static int64_t
posix_now_ms(struct os *os)
{
    struct timespec t;

    (void)os;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t
posix_mono_us(struct os *os)
{
    struct timespec t;

    (void)os;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
posix_entropy(struct os *os, void *out, size_t n)
{
    unsigned char *p = out;

    (void)os;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        CHECK(got > 0 || errno == EINTR);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

static enum err
posix_open(struct os *os, const char *path, unsigned flags, struct os_file **out, struct diag *d)
{
    int mode = (flags & OS_WRITE) ? O_RDWR | O_CREAT : O_RDONLY;
    struct os_file *f;
    size_t n = strlen(path) + 1;

    (void)os;
    if (flags & OS_EXCLUSIVE)
        mode |= O_EXCL;
    f = malloc(sizeof *f + n);
    if (f == NULL)
        return diag_set(d, ERR_NOMEM, "out of memory opening '%s'", path);
    memcpy(f->path, path, n);
    f->fd = open(path, mode | O_CLOEXEC, 0600);
    if (f->fd < 0) {
        enum err rc = fail(d, "open", path);
        free(f);
        return rc;
    }
    if ((flags & OS_LOCK) && flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        close(f->fd);
        free(f);
        return diag_set(d, ERR_BUSY, "'%s' is in use by another process", path);
    }
    *out = f;
    return ERR_OK;
}

static void
posix_close(struct os *os, struct os_file *f)
{
    (void)os;
    close(f->fd);
    free(f);
}

static enum err
posix_pread(struct os *os, struct os_file *f, uint64_t at, void *buf, size_t n, size_t *got, struct diag *d)
{
    char *p = buf;
    size_t done = 0;

    (void)os;
    while (done < n) {
        ssize_t r = pread(f->fd, p + done, n - done, (off_t)(at + done));
        if (r == 0)
            break;
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return fail(d, "read", f->path);
        done += (size_t)r;
    }
    *got = done;
    return ERR_OK;
}

static enum err
posix_pwrite(struct os *os, struct os_file *f, uint64_t at, const void *buf, size_t n, struct diag *d)
{
    const char *p = buf;

    (void)os;
    while (n > 0) {
        ssize_t w = pwrite(f->fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return fail(d, "write", f->path);
        p += w;
        at += (uint64_t)w;
        n -= (size_t)w;
    }
    return ERR_OK;
}

static enum err
posix_sync(struct os *os, struct os_file *f, struct diag *d)
{
    (void)os;
    return fdatasync(f->fd) == 0 ? ERR_OK : fail(d, "sync", f->path);
}

static enum err
posix_truncate(struct os *os, struct os_file *f, uint64_t size, struct diag *d)
{
    (void)os;
    return ftruncate(f->fd, (off_t)size) == 0 ? ERR_OK : fail(d, "truncate", f->path);
}

static enum err
posix_size(struct os *os, struct os_file *f, uint64_t *out, struct diag *d)
{
    struct stat st;

    (void)os;
    if (fstat(f->fd, &st) != 0)
        return fail(d, "stat", f->path);
    *out = (uint64_t)st.st_size;
    return ERR_OK;
}

static void *
posix_map(struct os *os, struct os_file *f, uint64_t size, bool writable)
{
    void *p = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, f->fd, 0);

    (void)os;
    return p == MAP_FAILED ? NULL : p;
}

static void
posix_unmap(struct os *os, const void *p, uint64_t size)
{
    (void)os;
    munmap((void *)(uintptr_t)p, size);
}

static enum err
posix_mkdir(struct os *os, const char *path, struct diag *d)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    struct stat st;

    (void)os;
    if (n == 0 || n >= sizeof part)
        return diag_set(d, ERR_INVALID, "path of %zu bytes is too long", n);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return fail(d, "create folder", part);
        part[i] = path[i];
    }
    if (stat(path, &st) != 0)
        return fail(d, "create folder", path);
    if (!S_ISDIR(st.st_mode)) /* what exists may be a file */
        return diag_set(d, ERR_EXISTS, "cannot create folder '%s': a file has this name", path);
    return ERR_OK;
}

static enum err
posix_rename(struct os *os, const char *from, const char *to, struct diag *d)
{
    (void)os;
    return rename(from, to) == 0 ? ERR_OK : fail(d, "rename", from);
}

static enum err
posix_unlink(struct os *os, const char *path, struct diag *d)
{
    (void)os;
    return unlink(path) == 0 ? ERR_OK : fail(d, "remove", path);
}

static enum err
posix_sync_dir(struct os *os, const char *path, struct diag *d)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err rc = ERR_OK;

    (void)os;
    if (fd < 0)
        return fail(d, "open folder", path);
    if (fsync(fd) != 0)
        rc = fail(d, "sync folder", path);
    close(fd);
    return rc;
}

static enum err
posix_list(struct os *os, const char *path, void (*each)(void *ctx, const char *name), void *ctx, struct diag *d)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    (void)os;
    if (dir == NULL)
        return fail(d, "list", path);
    while ((e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(ctx, e->d_name);
    }
    closedir(dir);
    return ERR_OK;
}

struct os *
os_posix(void)
{
    static const struct os_ops ops = {
        posix_now_ms, posix_mono_us, posix_entropy,  posix_open,     posix_close, posix_pread,
        posix_pwrite, posix_sync,    posix_truncate, posix_size,     posix_map,   posix_unmap,
        posix_mkdir,  posix_rename,  posix_unlink,   posix_sync_dir, posix_list,
    };
    static struct os os = {&ops, NULL};

    return &os;
}
