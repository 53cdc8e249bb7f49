/* What disks and crashes do to a table. */
#include "base/metric.h"
#include "kv_help.h"

static void
commit_at(struct t *t, struct kv *k, struct model *m, uint64_t position, bool sync)
{
    struct kv_position p = {S("collect/0"), position};

    CHECK_OK(kv_commit(k, &p, 1, sync, d));
    m->position = position;
}

/* Not os_write_file: these tests would wait for the disk thousands of times. */
static void
put_file(struct t *t, const char *name, struct str bytes)
{
    struct os_file *f;

    CHECK_OK(os_open(os_posix(), kv_file_path(t, name), OS_WRITE, &f, d));
    CHECK_OK(os_truncate(os_posix(), f, 0, d));
    CHECK_OK(os_pwrite(os_posix(), f, 0, bytes.p, bytes.n, d));
    os_close(os_posix(), f);
}

/* Ends the table without the checkpoint of a clean close. */
static void
crash(struct os_sim *sim, struct kv *k)
{
    os_sim_kill(sim);
    kv_close(k);
    os_sim_revive(sim);
}

TEST(kv_torn_tail_at_every_byte)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model before = {0}, after;
    struct str whole;
    struct kv *k;
    size_t begin;

    open_kv(t, &k, os_sim_os(sim), 0);
    for (int i = 0; i < 20; i++)
        change(t, k, &before, &t->rng);
    commit_at(t, k, &before, 10, true);
    begin = kv_file(t, "0000000001.seg").n;
    after = before;
    for (int i = 0; i < 3; i++)
        change(t, k, &after, &t->rng);
    commit_at(t, k, &after, 20, false);
    crash(sim, k);
    whole = kv_file(t, "0000000001.seg");
    for (size_t n = begin; n <= whole.n; n++) {
        int64_t repaired = metric_value(M_LOG_REPAIRED_BYTES);
        put_file(t, "0000000001.seg", str_slice(whole, 0, n));
        open_kv(t, &k, os_sim_os(sim), 0);
        check_equal(t, k, n == whole.n ? &after : &before); /* position and data together */
        CHECK_EQ(metric_value(M_LOG_REPAIRED_BYTES) - repaired, n == whole.n ? 0 : n - begin);
        if (n == begin + 7) { /* and it goes on from there */
            struct model next = before;
            change(t, k, &next, &t->rng);
            commit_at(t, k, &next, 30, false);
            crash(sim, k);
            open_kv(t, &k, os_sim_os(sim), 0);
            check_equal(t, k, &next);
        }
        crash(sim, k);
    }
    os_sim_free(sim);
}

TEST(kv_damaged_byte_is_reported)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct kv_options o = {.os = os_sim_os(sim), .dir = t->dir};
    struct model m = {0};
    struct str whole;
    struct kv *k;
    size_t safe;

    open_kv(t, &k, os_sim_os(sim), 0);
    for (int i = 0; i < 3; i++)
        change(t, k, &m, &t->rng);
    commit_at(t, k, &m, 1, true);
    safe = kv_file(t, "0000000001.seg").n;
    commit_at(t, k, &m, 2, false); /* knows that what stands before it was synced */
    crash(sim, k);
    whole = kv_file(t, "0000000001.seg");
    for (size_t i = 0; i < safe; i++) {
        ((char *)(uintptr_t)whole.p)[i] ^= 0x20;
        put_file(t, "0000000001.seg", whole);
        CHECK_ERR(kv_open_still(&o, &k, d), ERR_CORRUPT);
        ((char *)(uintptr_t)whole.p)[i] ^= 0x20;
    }
    put_file(t, "0000000001.seg", whole);
    open_kv(t, &k, os_sim_os(sim), 0);
    check_equal(t, k, &m);
    kv_close(k);
    os_sim_free(sim);
}

/* With a checkpoint the log is not read at open: the entry's own checksum shows the damage. */
TEST(kv_damaged_value_is_reported_by_get)
{
    char *path = (char *)(uintptr_t)kv_file_path(t, "0000000001.seg");
    struct str whole, v;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    CHECK_OK(kv_put(k, S("a"), S("value of a"), 0, d));
    CHECK_OK(kv_put(k, S("b"), S("value of b"), 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    kv_close(k);
    whole = kv_file(t, "0000000001.seg");
    ((char *)(uintptr_t)whole.p)[str_find(whole, S("value of a"))] ^= 1;
    CHECK_OK(os_write_file(os_posix(), path, whole, d));
    open_kv(t, &k, NULL, 0);
    CHECK_ERR(kv_get(k, S("a"), &v, d), ERR_CORRUPT);
    CHECK_OK(kv_get(k, S("b"), &v, d));
    kv_close(k);
}

TEST(kv_missing_segment_is_reported)
{
    struct model m = {0};
    struct kv_options o = {.os = os_posix(), .dir = t->dir, .segment_bytes = 2000};
    struct kv *k;

    open_kv(t, &k, NULL, 2000);
    for (int i = 0; i < 20; i++) {
        change(t, k, &m, &t->rng);
        commit_at(t, k, &m, (uint64_t)i, false);
    }
    kv_close(k);
    CHECK_OK(os_unlink(os_posix(), kv_file_path(t, "0000000002.seg"), d));
    CHECK_ERR(kv_open_still(&o, &k, d), ERR_CORRUPT);
}

TEST(kv_disk_full_then_space)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model staged = {0}, committed = {0};
    struct kv *k;

    open_kv(t, &k, os_sim_os(sim), 1500);
    for (uint64_t room = 0; room < 2000; room += 11) {
        struct kv_position p = {S("collect/0"), room + 1};
        enum err rc;
        for (int i = 0; i < 3; i++)
            change(t, k, &staged, &t->rng);
        os_sim_limit_space(sim, room % 400);
        rc = kv_commit(k, &p, 1, false, NULL);
        if (rc != ERR_OK) {
            CHECK_EQ(rc, ERR_BUSY);
            CHECK_EQ(kv_position(k, p.name), committed.position);
            staged.position = committed.position;
            check_equal(t, k, &staged); /* stays staged */
            os_sim_limit_space(sim, UINT64_MAX);
            if (rng_below(&t->rng, 3) == 0) {
                crash(sim, k); /* nothing of it was written */
                open_kv(t, &k, os_sim_os(sim), 1500);
                check_equal(t, k, &committed);
                staged = committed;
            }
            CHECK_OK(kv_commit(k, &p, 1, false, d));
        }
        os_sim_limit_space(sim, UINT64_MAX);
        staged.position = p.offset;
        committed = staged;
        check_equal(t, k, &committed);
        CHECK_OK(kv_step(k, d));
    }
    kv_close(k);
    os_sim_free(sim);
}

TEST(kv_compaction_on_a_full_disk)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct kv *k;

    open_kv(t, &k, os_sim_os(sim), 8000);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 20; i++) {
            change(t, k, &m, &t->rng);
            commit_at(t, k, &m, m.position + 1, false);
        }
        os_sim_limit_space(sim, rng_below(&t->rng, 9000));
        (void)kv_step(k, NULL); /* fails now and then */
        os_sim_limit_space(sim, UINT64_MAX);
        check_equal(t, k, &m);
        if (round % 5 == 0) {
            crash(sim, k);
            open_kv(t, &k, os_sim_os(sim), 8000);
            check_equal(t, k, &m);
        }
    }
    kv_close(k);
    os_sim_free(sim);
}

/* A segment that cannot be removed stays the oldest one, and no later one goes before it. */
TEST(kv_compaction_that_cannot_remove_files)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct kv *k;

    open_kv(t, &k, os_sim_os(sim), 3000);
    for (int round = 0; round < 80; round++) {
        for (int i = 0; i < 6; i++) {
            change(t, k, &m, &t->rng);
            commit_at(t, k, &m, m.position + 1, false);
        }
        os_sim_fail_unlink(sim, rng_below(&t->rng, 2));
        (void)kv_step(k, NULL);
        os_sim_fail_unlink(sim, false);
        check_equal(t, k, &m);
        if (round % 4 == 0) {
            crash(sim, k);
            if (round % 8 == 0)
                (void)os_unlink(os_posix(), kv_file_path(t, "checkpoint"), NULL);
            open_kv(t, &k, os_sim_os(sim), 3000);
            check_equal(t, k, &m);
        }
    }
    kv_close(k);
    os_sim_free(sim);
}

TEST(kv_sync_survives_power_loss)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct kv *k;

    for (uint64_t i = 1; i < 30; i++) {
        open_kv(t, &k, os_sim_os(sim), 3000);
        check_equal(t, k, &m);
        change(t, k, &m, &t->rng);
        commit_at(t, k, &m, i, true);
        os_sim_kill(sim);
        kv_close(k);
        os_sim_power_loss(sim, &t->rng);
        os_sim_revive(sim);
    }
    os_sim_free(sim);
}

TEST(kv_failing_sync_is_reported_and_repeated)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct kv *k;

    open_kv(t, &k, os_sim_os(sim), 0);
    change(t, k, &m, &t->rng);
    commit_at(t, k, &m, 1, true);
    os_sim_fail_sync(sim, 1, 1);
    CHECK_OK(kv_put(k, key_of(0), S("x"), 0, d));
    CHECK_ERR(kv_commit(k, NULL, 0, true, d), ERR_IO); /* in the file, not known to be on the disk */
    CHECK_EQ(kv_staged_bytes(k), 0);
    CHECK_OK(kv_commit(k, NULL, 0, true, d));
    os_sim_kill(sim);
    kv_close(k);
    os_sim_power_loss(sim, &t->rng);
    os_sim_revive(sim);
    open_kv(t, &k, os_sim_os(sim), 0);
    CHECK_TRUE(kv_has(k, key_of(0)));
    kv_close(k);
    os_sim_free(sim);
}

#define HISTORY 16

/* Random work with power losses: the table is one of its committed states, not older than the last synced one, and its
 * position is the one of that state. */
TEST(kv_power_loss_keeps_a_committed_state)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model *states = arena_calloc(t->arena, HISTORY, sizeof *states), m = {0};
    struct kv *k;

    for (int round = 0; round < 150; round++) {
        size_t count = 1, synced = 0, found = SIZE_MAX;
        open_kv(t, &k, os_sim_os(sim), 4096);
        check_equal(t, k, &m);
        states[0] = m;
        for (uint64_t n = rng_below(&t->rng, HISTORY - 1); n > 0; n--) {
            bool sync = rng_below(&t->rng, 5) == 0;
            for (uint64_t changes = rng_below(&t->rng, 6); changes > 0; changes--)
                change(t, k, &m, &t->rng);
            commit_at(t, k, &m, m.position + 1, sync);
            states[count++] = m;
            if (rng_below(&t->rng, 6) == 0) {
                CHECK_OK(kv_step(k, d));
                sync = true;
            }
            if (sync)
                synced = count - 1;
        }
        os_sim_kill(sim);
        kv_close(k);
        os_sim_power_loss(sim, &t->rng);
        os_sim_revive(sim);
        open_kv(t, &k, os_sim_os(sim), 4096);
        for (size_t i = synced; i < count; i++) {
            if (kv_position(k, S("collect/0")) == states[i].position)
                found = i;
        }
        CHECK_TRUE(found != SIZE_MAX);
        m = states[found];
        check_equal(t, k, &m);
        crash(sim, k);
    }
    os_sim_free(sim);
}

/* kill -9 at every single change of the disk of commits, rolls, compactions and checkpoints. */
TEST(kv_killed_at_every_change)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct kv *k;
    bool died = true;
    int64_t compactions = metric_value(M_KV_COMPACTIONS);

    for (uint64_t nth = 1; died; nth++) {
        struct model staged;
        open_kv(t, &k, os_sim_os(sim), 2500);
        check_equal(t, k, &m);
        staged = m;
        os_sim_kill_at(sim, nth);
        for (int i = 0; i < 12; i++) {
            struct kv_position p = {S("collect/0"), m.position + 1};
            change(t, k, &staged, &t->rng);
            if (kv_commit(k, &p, 1, false, NULL) == ERR_OK) {
                staged.position = p.offset;
                m = staged;
            }
            (void)kv_step(k, NULL);
        }
        died = os_sim_is_dead(sim);
        crash(sim, k);
        CHECK_TRUE(nth < 1000);
    }
    CHECK_TRUE(metric_value(M_KV_COMPACTIONS) > compactions);
    os_sim_free(sim);
}

/* --- checkpoints --- */

TEST(kv_checkpoint_missing_corrupt_or_stale_changes_nothing)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct model m = {0};
    struct str stale = S_NULL, fresh;
    struct kv *k;

    for (int round = 0; round < 60; round++) {
        open_kv(t, &k, os_sim_os(sim), 4096);
        check_equal(t, k, &m);
        for (int i = 0; i < 12; i++) {
            change(t, k, &m, &t->rng);
            commit_at(t, k, &m, m.position + 1, false);
        }
        if (round % 7 == 0)
            CHECK_OK(kv_step(k, d));
        kv_close(k);
        fresh = kv_file(t, "checkpoint");
        switch (round % 4) {
        case 0:
            CHECK_OK(os_unlink(os_posix(), kv_file_path(t, "checkpoint"), d));
            break;
        case 1: {
            size_t i = (size_t)rng_below(&t->rng, fresh.n);
            ((char *)(uintptr_t)fresh.p)[i] = (char)(fresh.p[i] ^ (1 << rng_below(&t->rng, 8)));
            put_file(t, "checkpoint", rng_below(&t->rng, 3) ? fresh : str_slice(fresh, 0, i));
            break;
        }
        case 2:
            if (stale.p != NULL)
                put_file(t, "checkpoint", stale); /* some rounds old: segments it speaks of may be gone */
            break;
        default:
            stale = fresh;
        }
    }
    os_sim_free(sim);
}

TEST(kv_log_shorter_than_its_checkpoint_is_reported)
{
    struct kv_options o = {.os = os_posix(), .dir = t->dir};
    struct str whole;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    CHECK_OK(kv_put(k, S("a"), S("1"), 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    kv_close(k);
    whole = kv_file(t, "0000000001.seg");
    put_file(t, "0000000001.seg", str_slice(whole, 0, whole.n - 1));
    CHECK_ERR(kv_open_still(&o, &k, d), ERR_CORRUPT);
}
