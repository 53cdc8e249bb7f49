/* The simulated disk does what is ordered, once, and otherwise nothing. */
#include "os/os_sim.h"

#include "os/os_tail.h"
#include "t.h"

static struct os_file *
open_file(struct t *t, struct os *os, const char *name)
{
    struct os_file *f = NULL;

    CHECK_OK(os_open(os, arena_printf(t->arena, "%s/%s", t->dir, name).p, OS_WRITE, &f, d));
    return f;
}

static uint64_t
size_of(struct t *t, struct os *os, struct os_file *f)
{
    uint64_t size = 0;

    CHECK_OK(os_size(os, f, &size, d));
    return size;
}

TEST(os_sim_clock)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os *os = os_sim_os(s);
    uint64_t mono;

    CHECK_TRUE(os_now_ms(os) > 1600000000000);
    os_sim_set_now_ms(s, 1000);
    CHECK_EQ(os_now_ms(os), 1000);
    mono = os_mono_us(os);
    os_sim_advance_ms(s, 25);
    CHECK_EQ(os_now_ms(os), 1025);
    CHECK_EQ(os_mono_us(os) - mono, 25000);
    os_sim_free(s);
}

TEST(os_sim_fails_the_nth_write)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os *os = os_sim_os(s);
    struct os_file *f = open_file(t, os, "f");

    os_sim_fail_write(s, 2, 3, ERR_BUSY);
    CHECK_OK(os_pwrite(os, f, 0, "aaaaa", 5, d));
    CHECK_ERR(os_pwrite(os, f, 5, "bbbbb", 5, d), ERR_BUSY);
    CHECK_EQ(size_of(t, os, f), 8);
    CHECK_OK(os_pwrite(os, f, 8, "ccccc", 5, d));
    CHECK_EQ(os_sim_writes(s), 3);
    os_close(os, f);
    os_sim_free(s);
}

TEST(os_sim_space)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os *os = os_sim_os(s);
    struct os_file *f = open_file(t, os, "f");

    os_sim_limit_space(s, 8);
    CHECK_OK(os_pwrite(os, f, 0, "aaaaa", 5, d));
    CHECK_OK(os_pwrite(os, f, 0, "bbbbb", 5, d)); /* no growth */
    CHECK_ERR(os_pwrite(os, f, 5, "ccccc", 5, d), ERR_BUSY);
    CHECK_EQ(size_of(t, os, f), 8);
    CHECK_OK(os_truncate(os, f, 4, d));
    CHECK_OK(os_pwrite(os, f, 4, "dddd", 4, d));
    CHECK_ERR(os_pwrite(os, f, 8, "e", 1, d), ERR_BUSY);
    os_close(os, f);
    CHECK_OK(os_unlink(os, arena_printf(t->arena, "%s/f", t->dir).p, d));
    f = open_file(t, os, "g");
    CHECK_OK(os_pwrite(os, f, 0, "12345678", 8, d));
    os_close(os, f);
    os_sim_free(s);
}

TEST(os_sim_power_loss_keeps_what_was_synced)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os *os = os_sim_os(s);
    char text[4];
    size_t got;

    for (int i = 0; i < 50; i++) {
        struct os_file *f = open_file(t, os, "f");
        uint64_t size;
        CHECK_OK(os_truncate(os, f, 0, d));
        CHECK_OK(os_pwrite(os, f, 0, "safe", 4, d));
        CHECK_OK(os_sync(os, f, d));
        CHECK_OK(os_pwrite(os, f, 4, "maybe", 5, d));
        os_sim_kill(s);
        CHECK_ERR(os_pwrite(os, f, 9, "never", 5, d), ERR_IO);
        os_close(os, f);
        os_sim_power_loss(s, &t->rng);
        os_sim_revive(s);
        f = open_file(t, os, "f");
        size = size_of(t, os, f);
        CHECK_TRUE(size >= 4 && size <= 9);
        CHECK_OK(os_pread(os, f, 0, text, 4, &got, d));
        CHECK_STR(((struct str){text, got}), S("safe"));
        os_close(os, f);
    }
    os_sim_free(s);
}

TEST(os_tail_appends_whole_or_nothing)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os_tail tail = {.os = os_sim_os(s)};

    tail.file = open_file(t, tail.os, "f");
    CHECK_OK(os_tail_append(&tail, "first", 5, d));
    for (uint64_t kept = 0; kept < 6; kept++) {
        os_sim_fail_write(s, 1, kept, ERR_BUSY);
        CHECK_ERR(os_tail_append(&tail, "second", 6, d), ERR_BUSY);
        CHECK_EQ(size_of(t, tail.os, tail.file), 5);
    }
    os_sim_fail_truncate(s, true);
    os_sim_fail_write(s, 1, 6, ERR_IO);
    CHECK_ERR(os_tail_append(&tail, "second", 6, d), ERR_IO);
    CHECK_ERR(os_tail_append(&tail, "3", 1, d), ERR_IO);
    os_sim_fail_truncate(s, false);
    CHECK_OK(os_tail_append(&tail, "3", 1, d));
    CHECK_EQ(size_of(t, tail.os, tail.file), 6);
    CHECK_EQ(tail.bytes, 6);
    os_close(tail.os, tail.file);
    os_sim_free(s);
}

TEST(os_tail_writes_again_after_a_failed_sync)
{
    struct os_sim *s = os_sim_new(os_posix());
    struct os_tail tail = {.os = os_sim_os(s)};
    uint64_t writes;

    tail.file = open_file(t, tail.os, "f");
    CHECK_OK(os_tail_append(&tail, "first", 5, d));
    os_sim_fail_sync(s, 1, 1);
    CHECK_ERR(os_tail_sync(&tail, 0, 5, d), ERR_IO);
    writes = os_sim_writes(s);
    CHECK_OK(os_tail_sync(&tail, 0, 5, d));
    CHECK_EQ(os_sim_writes(s), writes + 1);
    CHECK_OK(os_tail_sync(&tail, 5, 5, d));
    CHECK_EQ(os_sim_writes(s), writes + 1);
    os_close(tail.os, tail.file);
    os_sim_free(s);
}
