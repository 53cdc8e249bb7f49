/* os_sim.c - see os_sim.h. Every file that is written is remembered by its path with how much of it is synced. */
#include "os/os_sim.h"

#include "base/check.h"
#include "os/thread.h"

struct sim_path {
    char *path; /* owned */
    uint64_t size;
    uint64_t synced;
    bool used;
};

struct sim_file {
    struct os_file *under;
    size_t path_idx; /* SIZE_MAX: read only */
};

struct os_sim {
    struct os os;
    struct os *under;
    struct os_mutex m;
    struct sim_path *paths; /* owned */
    size_t path_count, path_cap;
    bool clock_set;
    int64_t now_ms;
    uint64_t mono_us;
    uint64_t writes, syncs;
    uint64_t fail_write, fail_write_kept; /* 0: none */
    enum err fail_write_code;
    uint64_t fail_sync, fail_sync_count;
    uint64_t space;
    uint64_t kill_at; /* 0: off */
    bool fail_truncate, fail_unlink, refuse_maps, dead;
};

static struct os_sim *
sim_of(struct os *os)
{
    return os->ctx;
}

static struct sim_file *
file_of(struct os_file *f)
{
    return (struct sim_file *)(void *)f;
}

static enum err
dead(struct diag *d)
{
    return diag_set(d, ERR_IO, "the simulated machine is down");
}

/* Counts a change of the disk; true when the machine is down, or goes down with this one. With the mutex held. */
static bool
dies(struct os_sim *s)
{
    if (s->kill_at > 0 && --s->kill_at == 0)
        s->dead = true;
    return s->dead;
}

/* --- clocks --- */

static int64_t
sim_now_ms(struct os *os)
{
    struct os_sim *s = sim_of(os);
    int64_t now;

    os_lock(&s->m);
    now = s->clock_set ? s->now_ms : os_now_ms(s->under);
    os_unlock(&s->m);
    return now;
}

static uint64_t
sim_mono_us(struct os *os)
{
    struct os_sim *s = sim_of(os);
    uint64_t now;

    os_lock(&s->m);
    now = s->clock_set ? s->mono_us : os_mono_us(s->under);
    os_unlock(&s->m);
    return now;
}

static void
sim_entropy(struct os *os, void *out, size_t n)
{
    os_entropy(sim_of(os)->under, out, n);
}

/* --- paths; with the mutex held --- */

static size_t
find_path(const struct os_sim *s, const char *path)
{
    for (size_t i = 0; i < s->path_count; i++) {
        if (s->paths[i].used && strcmp(s->paths[i].path, path) == 0)
            return i;
    }
    return SIZE_MAX;
}

static size_t
add_path(struct os_sim *s, const char *path, uint64_t size)
{
    size_t i = find_path(s, path), n = strlen(path) + 1;

    if (i != SIZE_MAX) {
        s->paths[i].size = size; /* a test may have cut the file behind our back */
        if (s->paths[i].synced > size)
            s->paths[i].synced = size;
        return i;
    }
    if (s->path_count == s->path_cap) {
        s->path_cap = s->path_cap ? s->path_cap * 2 : 16;
        s->paths = realloc(s->paths, s->path_cap * sizeof *s->paths);
        CHECK(s->paths != NULL); /* a test program */
    }
    i = s->path_count++;
    s->paths[i] = (struct sim_path){malloc(n), size, size, true};
    CHECK(s->paths[i].path != NULL);
    memcpy(s->paths[i].path, path, n);
    return i;
}

static void
drop_path(struct os_sim *s, const char *path)
{
    size_t i = find_path(s, path);

    if (i != SIZE_MAX)
        s->paths[i].used = false;
}

/* --- files --- */

static enum err
sim_open(struct os *os, const char *path, unsigned flags, struct os_file **out, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    struct sim_file *f;
    uint64_t size = 0;
    bool down;
    enum err rc;

    os_lock(&s->m);
    down = s->dead && (flags & OS_WRITE);
    os_unlock(&s->m);
    if (down)
        return dead(d);
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return diag_set(d, ERR_NOMEM, "out of memory opening '%s'", path);
    rc = os_open(s->under, path, flags, &f->under, d);
    if (rc == ERR_OK)
        rc = os_size(s->under, f->under, &size, d);
    if (rc != ERR_OK) {
        os_close(s->under, f->under);
        free(f);
        return rc;
    }
    os_lock(&s->m);
    f->path_idx = flags & OS_WRITE ? add_path(s, path, size) : SIZE_MAX;
    os_unlock(&s->m);
    *out = (struct os_file *)(void *)f;
    return ERR_OK;
}

static void
sim_close(struct os *os, struct os_file *file)
{
    struct sim_file *f = file_of(file);

    os_close(sim_of(os)->under, f->under);
    free(f);
}

static enum err
sim_pread(struct os *os, struct os_file *f, uint64_t at, void *buf, size_t n, size_t *got, struct diag *d)
{
    return os_pread(sim_of(os)->under, file_of(f)->under, at, buf, n, got, d);
}

/* How many of the n bytes this write may put down, and how it ends. */
static uint64_t
judge_write(struct os_sim *s, struct sim_path *p, uint64_t at, uint64_t n, enum err *rc, struct diag *d)
{
    uint64_t growth = at + n > p->size ? at + n - p->size : 0, kept = n;

    s->writes++;
    *rc = ERR_OK;
    if (s->fail_write > 0 && --s->fail_write == 0) {
        kept = s->fail_write_kept < n ? s->fail_write_kept : n;
        *rc = diag_set(d, s->fail_write_code, "a simulated write fails after %llu bytes", (unsigned long long)kept);
    } else if (growth > s->space) {
        kept = n - (growth - s->space);
        *rc = diag_set(d, ERR_BUSY, "the simulated disk is full");
    }
    growth = at + kept > p->size ? at + kept - p->size : 0;
    if (s->space != UINT64_MAX)
        s->space -= growth < s->space ? growth : s->space;
    p->size += growth;
    return kept;
}

static enum err
sim_pwrite(struct os *os, struct os_file *file, uint64_t at, const void *buf, size_t n, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    struct sim_file *f = file_of(file);
    enum err rc, written;
    uint64_t kept;

    os_lock(&s->m);
    if (s->dead) {
        os_unlock(&s->m);
        return dead(d);
    }
    if (dies(s)) {
        s->fail_write = 1;
        s->fail_write_kept = n / 2;
        s->fail_write_code = ERR_IO;
    }
    kept = judge_write(s, &s->paths[f->path_idx], at, n, &rc, d);
    os_unlock(&s->m);
    if (kept == 0)
        return rc;
    written = os_pwrite(s->under, f->under, at, buf, (size_t)kept, rc == ERR_OK ? d : NULL);
    return rc == ERR_OK ? written : rc;
}

static enum err
sim_sync(struct os *os, struct os_file *file, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    struct sim_file *f = file_of(file);
    enum err rc = ERR_OK;

    os_lock(&s->m);
    s->syncs++;
    if (s->dead) {
        rc = dead(d);
    } else if (s->fail_sync == 1 && s->fail_sync_count > 0) {
        s->fail_sync_count--;
        rc = diag_set(d, ERR_IO, "a simulated sync fails");
    } else if (s->fail_sync > 1) {
        s->fail_sync--;
    }
    if (rc == ERR_OK && f->path_idx != SIZE_MAX)
        s->paths[f->path_idx].synced = s->paths[f->path_idx].size;
    os_unlock(&s->m);
    return rc;
}

static enum err
sim_truncate(struct os *os, struct os_file *file, uint64_t size, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    struct sim_path *p;
    enum err rc = ERR_OK;

    os_lock(&s->m);
    p = &s->paths[file_of(file)->path_idx];
    if (dies(s)) {
        rc = dead(d);
    } else if (s->fail_truncate) {
        rc = diag_set(d, ERR_IO, "a simulated truncate fails");
    } else {
        if (s->space != UINT64_MAX && size < p->size)
            s->space += p->size - size;
        p->size = size;
        if (p->synced > size)
            p->synced = size;
    }
    os_unlock(&s->m);
    return rc == ERR_OK ? os_truncate(s->under, file_of(file)->under, size, d) : rc;
}

static enum err
sim_size(struct os *os, struct os_file *f, uint64_t *out, struct diag *d)
{
    return os_size(sim_of(os)->under, file_of(f)->under, out, d);
}

static void *
sim_map(struct os *os, struct os_file *f, uint64_t size, bool writable)
{
    struct os_sim *s = sim_of(os);
    bool refuse;

    os_lock(&s->m);
    refuse = s->refuse_maps;
    os_unlock(&s->m);
    return refuse ? NULL : s->under->ops->map(s->under, file_of(f)->under, size, writable);
}

static void
sim_unmap(struct os *os, const void *p, uint64_t size)
{
    os_unmap(sim_of(os)->under, p, size);
}

/* --- folders --- */

static bool
change_dies(struct os_sim *s)
{
    bool down;

    os_lock(&s->m);
    down = dies(s);
    os_unlock(&s->m);
    return down;
}

static enum err
sim_mkdir(struct os *os, const char *path, struct diag *d)
{
    return os_sim_is_dead(sim_of(os)) ? dead(d) : os_mkdir(sim_of(os)->under, path, d);
}

static enum err
sim_rename(struct os *os, const char *from, const char *to, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    size_t i, n = strlen(to) + 1;
    enum err rc = change_dies(s) ? dead(d) : os_rename(s->under, from, to, d);

    if (rc != ERR_OK)
        return rc;
    os_lock(&s->m);
    drop_path(s, to);
    i = find_path(s, from);
    if (i != SIZE_MAX) {
        char *path = realloc(s->paths[i].path, n);
        CHECK(path != NULL);
        memcpy(path, to, n);
        s->paths[i].path = path;
    }
    os_unlock(&s->m);
    return ERR_OK;
}

static enum err
sim_unlink(struct os *os, const char *path, struct diag *d)
{
    struct os_sim *s = sim_of(os);
    size_t i;
    bool fails;
    enum err rc = change_dies(s) ? dead(d) : ERR_OK;

    os_lock(&s->m);
    fails = s->fail_unlink;
    os_unlock(&s->m);
    if (rc == ERR_OK)
        rc = fails ? diag_set(d, ERR_IO, "a simulated removal fails") : os_unlink(s->under, path, d);
    if (rc != ERR_OK)
        return rc;
    os_lock(&s->m);
    i = find_path(s, path);
    if (i != SIZE_MAX && s->space != UINT64_MAX)
        s->space += s->paths[i].size;
    drop_path(s, path);
    os_unlock(&s->m);
    return ERR_OK;
}

static enum err
sim_sync_dir(struct os *os, const char *path, struct diag *d)
{
    (void)path;
    return os_sim_is_dead(sim_of(os)) ? dead(d) : ERR_OK;
}

static enum err
sim_list(struct os *os, const char *path, void (*each)(void *ctx, const char *name), void *ctx, struct diag *d)
{
    return os_list(sim_of(os)->under, path, each, ctx, d);
}

static const struct os_ops sim_ops = {
    sim_now_ms, sim_mono_us, sim_entropy, sim_open,  sim_close,  sim_pread,  sim_pwrite,   sim_sync, sim_truncate,
    sim_size,   sim_map,     sim_unmap,   sim_mkdir, sim_rename, sim_unlink, sim_sync_dir, sim_list,
};

/* --- the test's side --- */

struct os_sim *
os_sim_new(struct os *under)
{
    struct os_sim *s = calloc(1, sizeof *s);

    CHECK(s != NULL);
    s->under = under;
    s->os = (struct os){&sim_ops, s};
    s->space = UINT64_MAX;
    os_mutex_init(&s->m);
    return s;
}

void
os_sim_free(struct os_sim *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->path_count; i++)
        free(s->paths[i].path);
    free(s->paths);
    os_mutex_deinit(&s->m);
    free(s);
}

struct os *
os_sim_os(struct os_sim *s)
{
    return &s->os;
}

void
os_sim_set_now_ms(struct os_sim *s, int64_t now_ms)
{
    os_lock(&s->m);
    if (!s->clock_set)
        s->mono_us = os_mono_us(s->under);
    s->clock_set = true;
    s->now_ms = now_ms;
    os_unlock(&s->m);
}

void
os_sim_advance_ms(struct os_sim *s, int64_t ms)
{
    os_lock(&s->m);
    if (!s->clock_set) {
        s->now_ms = os_now_ms(s->under);
        s->mono_us = os_mono_us(s->under);
    }
    s->clock_set = true;
    s->now_ms += ms;
    s->mono_us += (uint64_t)ms * 1000;
    os_unlock(&s->m);
}

void
os_sim_fail_write(struct os_sim *s, uint64_t nth, uint64_t bytes_kept, enum err code)
{
    os_lock(&s->m);
    s->fail_write = nth;
    s->fail_write_kept = bytes_kept;
    s->fail_write_code = code;
    os_unlock(&s->m);
}

void
os_sim_fail_sync(struct os_sim *s, uint64_t nth, uint64_t count)
{
    os_lock(&s->m);
    s->fail_sync = nth;
    s->fail_sync_count = count;
    os_unlock(&s->m);
}

void
os_sim_fail_truncate(struct os_sim *s, bool fail)
{
    os_lock(&s->m);
    s->fail_truncate = fail;
    os_unlock(&s->m);
}

void
os_sim_fail_unlink(struct os_sim *s, bool fail)
{
    os_lock(&s->m);
    s->fail_unlink = fail;
    os_unlock(&s->m);
}

void
os_sim_limit_space(struct os_sim *s, uint64_t bytes)
{
    os_lock(&s->m);
    s->space = bytes;
    os_unlock(&s->m);
}

void
os_sim_refuse_maps(struct os_sim *s, bool refuse)
{
    os_lock(&s->m);
    s->refuse_maps = refuse;
    os_unlock(&s->m);
}

void
os_sim_kill(struct os_sim *s)
{
    os_lock(&s->m);
    s->dead = true;
    os_unlock(&s->m);
}

void
os_sim_kill_at(struct os_sim *s, uint64_t nth)
{
    os_lock(&s->m);
    s->kill_at = nth;
    os_unlock(&s->m);
}

bool
os_sim_is_dead(struct os_sim *s)
{
    bool down;

    os_lock(&s->m);
    down = s->dead;
    os_unlock(&s->m);
    return down;
}

/* The part behind `synced` is cut at a random byte, or has a block that never reached the disk. */
static void
lose(struct os_sim *s, struct sim_path *p, struct rng *r)
{
    uint64_t unsynced = p->size - p->synced, size = p->synced + rng_below(r, unsynced + 1);
    struct os_file *f = NULL;
    char zeros[512] = {0};

    CHECK(os_open(s->under, p->path, OS_WRITE, &f, NULL) == ERR_OK);
    CHECK(os_truncate(s->under, f, size, NULL) == ERR_OK);
    if (size > p->synced && rng_below(r, 2) == 0) {
        uint64_t at = p->synced + rng_below(r, size - p->synced),
                 n = size - at < sizeof zeros ? size - at : sizeof zeros;
        CHECK(os_pwrite(s->under, f, at, zeros, (size_t)n, NULL) == ERR_OK);
    }
    os_close(s->under, f);
    p->size = p->synced = size;
}

void
os_sim_power_loss(struct os_sim *s, struct rng *r)
{
    os_lock(&s->m);
    s->dead = true;
    for (size_t i = 0; i < s->path_count; i++) {
        if (s->paths[i].used && s->paths[i].synced < s->paths[i].size)
            lose(s, &s->paths[i], r);
    }
    os_unlock(&s->m);
}

void
os_sim_revive(struct os_sim *s)
{
    os_lock(&s->m);
    s->dead = false;
    s->kill_at = 0;
    s->fail_write = 0;
    s->fail_sync_count = 0;
    s->fail_truncate = false;
    s->fail_unlink = false;
    os_unlock(&s->m);
}

uint64_t
os_sim_writes(struct os_sim *s)
{
    uint64_t n;

    os_lock(&s->m);
    n = s->writes;
    os_unlock(&s->m);
    return n;
}

uint64_t
os_sim_syncs(struct os_sim *s)
{
    uint64_t n;

    os_lock(&s->m);
    n = s->syncs;
    os_unlock(&s->m);
    return n;
}
