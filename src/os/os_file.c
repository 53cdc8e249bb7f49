/* os_file.c - whole files, on top of any struct os. */
#include <limits.h>

#include "base/arena.h"
#include "os/os.h"

enum err
os_read_file(struct os *os, const char *path, size_t bytes_max, struct arena *a, struct str *out, struct diag *d)
{
    struct os_file *f = NULL;
    uint64_t size;
    size_t got;
    char *p;
    enum err rc;

    rc = os_open(os, path, OS_READ, &f, d);
    if (rc != ERR_OK)
        return rc;
    rc = os_size(os, f, &size, d);
    if (rc != ERR_OK)
        goto out;
    if (size > bytes_max) {
        rc = diag_set(d, ERR_LIMIT, "'%s' has %llu bytes, at most %zu are read", path, (unsigned long long)size,
                      bytes_max);
        goto out;
    }
    p = arena_alloc(a, size + 1);
    if (p == NULL) {
        rc = diag_set(d, ERR_NOMEM, "no memory for '%s'", path);
        goto out;
    }
    rc = os_pread(os, f, 0, p, size, &got, d);
    if (rc != ERR_OK)
        goto out;
    p[got] = '\0';
    *out = (struct str){p, got};
out:
    os_close(os, f);
    return rc;
}

static enum err
write_new(struct os *os, const char *path, struct str bytes, struct diag *d)
{
    struct os_file *f = NULL;
    enum err rc;

    rc = os_open(os, path, OS_WRITE, &f, d);
    if (rc != ERR_OK)
        return rc;
    rc = os_truncate(os, f, 0, d);
    if (rc == ERR_OK)
        rc = os_pwrite(os, f, 0, bytes.p, bytes.n, d);
    if (rc == ERR_OK)
        rc = os_sync(os, f, d);
    os_close(os, f);
    return rc;
}

enum err
os_write_file(struct os *os, const char *path, struct str bytes, struct diag *d)
{
    char beside[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    enum err rc;
    int n;

    n = snprintf(beside, sizeof beside, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof beside)
        return diag_set(d, ERR_INVALID, "path is too long");
    rc = write_new(os, beside, bytes, d);
    if (rc == ERR_OK)
        rc = os_rename(os, beside, path, d);
    if (rc != ERR_OK) {
        (void)os_unlink(os, beside, NULL); /* the first error is the one to tell; the space may be what is missing */
        return rc;
    }
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return os_sync_dir(os, folder[0] ? folder : "/", d);
}
