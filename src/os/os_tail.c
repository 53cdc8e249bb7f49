/* os_tail.c - see os_tail.h. */
#include "os/os_tail.h"

#define REWRITE_CHUNK_BYTES (256u * 1024)

enum err
os_tail_append(struct os_tail *t, const void *p, size_t n, struct diag *d)
{
    enum err rc;

    if (t->torn) {
        rc = os_truncate(t->os, t->file, t->bytes, d);
        if (rc != ERR_OK)
            return rc;
        t->torn = false;
    }
    rc = os_pwrite(t->os, t->file, t->bytes, p, n, d);
    if (rc != ERR_OK) {
        t->torn = os_truncate(t->os, t->file, t->bytes, NULL) != ERR_OK;
        return rc;
    }
    t->bytes += n;
    return ERR_OK;
}

static enum err
write_again(struct os_tail *t, uint64_t from, uint64_t to, struct diag *d)
{
    char *chunk = malloc(REWRITE_CHUNK_BYTES);
    enum err rc = ERR_OK;
    size_t got;

    if (chunk == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to repeat a write");
    while (from < to && rc == ERR_OK) {
        size_t n = to - from < REWRITE_CHUNK_BYTES ? (size_t)(to - from) : REWRITE_CHUNK_BYTES;
        rc = os_pread(t->os, t->file, from, chunk, n, &got, d);
        if (rc == ERR_OK && got < n)
            rc = diag_set(d, ERR_CORRUPT, "file ends at %llu, expected at least %llu bytes",
                          (unsigned long long)from + got, (unsigned long long)to);
        if (rc == ERR_OK)
            rc = os_pwrite(t->os, t->file, from, chunk, n, d);
        from += n;
    }
    free(chunk);
    return rc;
}

enum err
os_tail_sync(struct os_tail *t, uint64_t from, uint64_t to, struct diag *d)
{
    enum err rc = ERR_OK;

    if (t->rewrite)
        rc = write_again(t, from, to, d);
    if (rc == ERR_OK)
        rc = os_sync(t->os, t->file, d);
    t->rewrite = rc != ERR_OK;
    return rc;
}
