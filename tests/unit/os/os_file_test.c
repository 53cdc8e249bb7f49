#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "os/thread.h"
#include "t.h"

static const char *
path_of(struct t *t, const char *name)
{
    return arena_printf(t->arena, "%s/%s", t->dir, name).p;
}

TEST(os_pread_and_pwrite)
{
    struct os *os = os_posix();
    struct os_file *f = NULL;
    char in[64];
    size_t got = 0;
    uint64_t size = 0;

    CHECK_ERR(os_open(os, path_of(t, "a"), OS_READ, &f, d), ERR_NOT_FOUND);
    CHECK_OK(os_open(os, path_of(t, "a"), OS_WRITE | OS_EXCLUSIVE, &f, d));
    CHECK_OK(os_pwrite(os, f, 0, "hello world", 11, d));
    CHECK_OK(os_pwrite(os, f, 6, "there", 5, d));
    CHECK_OK(os_sync(os, f, d));
    CHECK_OK(os_size(os, f, &size, d));
    CHECK_EQ(size, 11);
    CHECK_OK(os_pread(os, f, 6, in, sizeof in, &got, d));
    CHECK_STR(((struct str){in, got}), S("there"));
    CHECK_OK(os_pread(os, f, 11, in, sizeof in, &got, d));
    CHECK_EQ(got, 0);
    CHECK_OK(os_truncate(os, f, 5, d));
    CHECK_OK(os_pread(os, f, 0, in, sizeof in, &got, d));
    CHECK_STR(((struct str){in, got}), S("hello"));
    os_close(os, f);
    os_close(os, NULL);
    CHECK_ERR(os_open(os, path_of(t, "a"), OS_WRITE | OS_EXCLUSIVE, &f, d), ERR_EXISTS);
}

TEST(os_lock_excludes_another_open)
{
    struct os *os = os_posix();
    struct os_file *f = NULL, *g = NULL;

    CHECK_OK(os_open(os, path_of(t, "lock"), OS_WRITE | OS_LOCK, &f, d));
    CHECK_ERR(os_open(os, path_of(t, "lock"), OS_WRITE | OS_LOCK, &g, d), ERR_BUSY);
    os_close(os, f);
    CHECK_OK(os_open(os, path_of(t, "lock"), OS_WRITE | OS_LOCK, &g, d));
    os_close(os, g);
}

TEST(os_map_sees_later_writes)
{
    struct os *os = os_posix();
    struct os_file *f = NULL;
    const char *p;

    CHECK_OK(os_open(os, path_of(t, "m"), OS_WRITE, &f, d));
    CHECK_OK(os_pwrite(os, f, 0, "aaaa", 4, d));
    p = os_map(os, f, 65536);
    CHECK_TRUE(p != NULL);
    CHECK_EQ(p[3], 'a');
    CHECK_OK(os_pwrite(os, f, 3, "bc", 2, d));
    CHECK_EQ(p[4], 'c');
    os_unmap(os, p, 65536);
    CHECK_TRUE(os_map(os, f, 0) == NULL);
    os_close(os, f);
}

static void
count_name(void *ctx, const char *name)
{
    int *sum = ctx;

    *sum += name[0];
}

TEST(os_folders)
{
    struct os *os = os_posix();
    const char *deep = path_of(t, "x/y/z");
    int sum = 0;
    struct stat st;

    CHECK_OK(os_mkdir(os, deep, d));
    CHECK_OK(os_mkdir(os, deep, d));
    CHECK_OK(os_mkdir(os, path_of(t, "x/y/z/"), d));
    CHECK_TRUE(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK_OK(os_write_file(os, path_of(t, "x/a"), S("1"), d));
    CHECK_OK(os_write_file(os, path_of(t, "x/b"), S("2"), d));
    CHECK_OK(os_list(os, path_of(t, "x"), count_name, &sum, d));
    CHECK_EQ(sum, 'a' + 'b' + 'y');
    CHECK_OK(os_rename(os, path_of(t, "x/a"), path_of(t, "x/b"), d));
    CHECK_OK(os_unlink(os, path_of(t, "x/b"), d));
    CHECK_ERR(os_unlink(os, path_of(t, "x/b"), d), ERR_NOT_FOUND);
    CHECK_ERR(os_list(os, path_of(t, "none"), count_name, &sum, d), ERR_NOT_FOUND);
    CHECK_OK(os_sync_dir(os, path_of(t, "x"), d));
    CHECK_OK(os_write_file(os, path_of(t, "file"), S("1"), d));
    CHECK_ERR(os_mkdir(os, path_of(t, "file"), d), ERR_EXISTS); /* a file is no folder */
    CHECK_TRUE(os_mkdir(os, path_of(t, "file/below"), &t_diag) != ERR_OK);
    CHECK_ERR(os_mkdir(os, "", d), ERR_INVALID);
}

TEST(os_write_file_replaces_whole)
{
    struct os *os = os_posix();
    const char *path = path_of(t, "conf");
    struct str text = S_NULL;
    struct stat st;

    CHECK_OK(os_write_file(os, path, S("a longer first version"), d));
    CHECK_OK(os_write_file(os, path, S("second"), d));
    CHECK_OK(os_read_file(os, path, 100, t->arena, &text, d));
    CHECK_STR(text, S("second"));
    CHECK_TRUE(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_TRUE(access(path_of(t, "conf.new"), F_OK) != 0);
    CHECK_OK(os_write_file(os, path, S(""), d));
    CHECK_OK(os_read_file(os, path, 0, t->arena, &text, d));
    CHECK_EQ(text.n, 0);
}

/* Whatever step fails, the old file is whole and nothing is left beside it. */
struct broken {
    struct os os;
    struct os_ops ops;
    const struct os_ops *real;
    int fail_at, calls;
};

static bool
fails(struct os *os)
{
    struct broken *b = os->ctx;

    return ++b->calls == b->fail_at;
}

static enum err
broken_pwrite(struct os *os, struct os_file *f, uint64_t at, const void *p, size_t n, struct diag *d)
{
    struct broken *b = os->ctx;

    if (fails(os)) {
        (void)b->real->pwrite(os, f, at, p, n / 2, d); /* torn */
        return diag_set(d, ERR_BUSY, "disk full");
    }
    return b->real->pwrite(os, f, at, p, n, d);
}

static enum err
broken_sync(struct os *os, struct os_file *f, struct diag *d)
{
    struct broken *b = os->ctx;

    return fails(os) ? diag_set(d, ERR_IO, "sync failed") : b->real->sync(os, f, d);
}

static enum err
broken_rename(struct os *os, const char *from, const char *to, struct diag *d)
{
    struct broken *b = os->ctx;

    return fails(os) ? diag_set(d, ERR_IO, "rename failed") : b->real->rename(os, from, to, d);
}

TEST(os_write_file_is_atomic_when_a_step_fails)
{
    struct broken b = {.real = os_posix()->ops};
    const char *path = path_of(t, "state");
    struct str text = S_NULL;

    b.ops = *b.real;
    b.ops.pwrite = broken_pwrite;
    b.ops.sync = broken_sync;
    b.ops.rename = broken_rename;
    b.os = (struct os){&b.ops, &b};
    CHECK_OK(os_write_file(os_posix(), path, S("old content"), d));
    for (b.fail_at = 1; b.fail_at <= 3; b.fail_at++) {
        b.calls = 0;
        CHECK_TRUE(os_write_file(&b.os, path, S("new"), &t_diag) != ERR_OK);
        CHECK_OK(os_read_file(os_posix(), path, 100, t->arena, &text, d));
        CHECK_STR(text, S("old content"));
        CHECK_TRUE(access(path_of(t, "state.new"), F_OK) != 0);
    }
    b.calls = 0;
    CHECK_OK(os_write_file(&b.os, path, S("new"), d));
    CHECK_EQ(b.calls, 3);
    CHECK_OK(os_read_file(os_posix(), path, 100, t->arena, &text, d));
    CHECK_STR(text, S("new"));
}

TEST(os_read_file_limit)
{
    struct os *os = os_posix();
    struct str text = S("kept");

    CHECK_OK(os_write_file(os, path_of(t, "f"), S("12345"), d));
    CHECK_ERR(os_read_file(os, path_of(t, "f"), 4, t->arena, &text, d), ERR_LIMIT);
    CHECK_STR(text, S("kept"));
    CHECK_OK(os_read_file(os, path_of(t, "f"), 5, t->arena, &text, d));
    CHECK_STR(text, S("12345"));
    CHECK_EQ(text.p[5], '\0');
    CHECK_ERR(os_read_file(os, path_of(t, "none"), 5, t->arena, &text, d), ERR_NOT_FOUND);
}

TEST(os_clock_and_entropy)
{
    struct os *os = os_posix();
    unsigned char a[300] = {0}, b[300] = {0};
    uint64_t before = os_mono_us(os);

    CHECK_TRUE(os_now_ms(os) > 1700000000000);
    CHECK_TRUE(os_mono_us(os) >= before);
    os_entropy(os, a, sizeof a);
    os_entropy(os, b, sizeof b);
    CHECK_TRUE(memcmp(a, b, sizeof a) != 0);
}

struct meeting {
    struct os_mutex lock;
    struct os_cond cond;
    int stage;
};

static void
other_side(void *ctx)
{
    struct meeting *m = ctx;

    os_lock(&m->lock);
    m->stage = 1;
    os_cond_signal(&m->cond);
    while (m->stage != 2)
        os_cond_wait(&m->cond, &m->lock);
    m->stage = 3;
    os_unlock(&m->lock);
}

TEST(os_threads_meet)
{
    struct os_thread thread = {0};
    struct meeting m = {.stage = 0};

    os_thread_close(&thread); /* never opened */
    os_mutex_init(&m.lock);
    os_cond_init(&m.cond);
    os_lock(&m.lock);
    CHECK_TRUE(!os_cond_wait_us(&m.cond, &m.lock, 1)); /* nobody signals */
    os_unlock(&m.lock);
    CHECK_OK(os_thread_open(&thread, "test-thread", other_side, &m, d));
    os_lock(&m.lock);
    while (m.stage != 1)
        os_cond_wait(&m.cond, &m.lock);
    m.stage = 2;
    os_cond_broadcast(&m.cond);
    os_unlock(&m.lock);
    os_thread_close(&thread);
    CHECK_EQ(m.stage, 3);
    CHECK_TRUE(os_cpu_count() >= 1);
    os_cond_deinit(&m.cond);
    os_mutex_deinit(&m.lock);
}
