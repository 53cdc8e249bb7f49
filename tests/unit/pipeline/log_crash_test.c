/* What disks and crashes do to a log: torn tails, damage, full disks, failing syncs, power loss. */
#include "base/metric.h"
#include "codec/frame.h"
#include "log_help.h"
#include "pipeline/pipeline_int.h"

/* Bytes of the log without the mark that closing has put behind the records. */
static struct str
records_only(struct str file)
{
    return str_slice(file, 0, file.n - LOG_MARK_BYTES);
}

TEST(log_torn_tail_at_every_byte)
{
    struct record last[2] = {{.time_ms = 1, .key = S("k"), .value = S("the last frame")},
                             {.time_ms = 2, .key = S("k2"), .value = S("has two records")}};
    char *path = log_path(t, 0);
    struct fixture f = {0};
    struct str whole;
    size_t before;

    open_log(t, &f);
    (void)append(t, f.topic, "a", "first", 1);
    (void)append(t, f.topic, "b", "second", 2);
    CHECK_OK(topic_sync(f.topic, d));
    before = file_bytes(t, path).n;
    CHECK_OK(topic_append_many(f.topic, last, 2, ACK_WRITTEN, NULL, d));
    close_log(&f);
    whole = records_only(file_bytes(t, path));
    for (size_t n = before; n <= whole.n; n++) {
        int64_t repaired = metric_value(M_LOG_REPAIRED_BYTES);
        put_file(t, path, str_slice(whole, 0, n));
        open_log(t, &f);
        CHECK_EQ(topic_end(f.topic), n == whole.n ? 4 : 2); /* both or none */
        CHECK_EQ(metric_value(M_LOG_REPAIRED_BYTES) - repaired, n == whole.n ? 0 : n - before);
        CHECK_EQ(append(t, f.topic, "c", "next", 3), n == whole.n ? 4 : 2);
        CHECK_EQ(count_from(t, f.topic, 0), n == whole.n ? 5 : 3);
        close_log(&f);
    }
}

TEST(log_torn_header_of_a_new_segment)
{
    struct fixture f = {.segment_bytes = 300};
    struct str whole;

    for (size_t n = 0; n <= FRAME_FILE_BYTES; n++) {
        uint64_t end;
        open_log(t, &f);
        for (int i = 0; i < 5; i++)
            (void)append(t, f.topic, "key", "some value that fills segments", i);
        end = topic_end(f.topic);
        close_log(&f);
        whole = file_bytes(t, log_path(t, 0));
        put_file(t, log_path(t, end), str_slice(whole, 0, n)); /* of segment 0: wrong even when it is complete */
        open_log(t, &f);
        CHECK_EQ(topic_end(f.topic), end);
        CHECK_EQ(append(t, f.topic, "k", "v", 1), end);
        CHECK_EQ(count_from(t, f.topic, 0), end + 1);
        close_log(&f);
    }
}

/* Every byte of a log that was synced: damage is an error at open or at the reader, never a shorter log. */
TEST(log_every_damaged_byte_is_reported)
{
    char *path = log_path(t, 0);
    struct fixture f = {0};
    struct str whole;

    open_log(t, &f);
    (void)append(t, f.topic, "a", "first", 1);
    (void)append(t, f.topic, "b", "second", 2);
    CHECK_OK(topic_sync(f.topic, d));
    (void)append(t, f.topic, "c", "third", 3);
    close_log(&f);
    whole = records_only(file_bytes(t, path)); /* third is behind the sync, so everything before it is known as safe */
    for (size_t i = 0; i < whole.n - (FRAME_HEADER_BYTES + LOG_RECORD_BYTES + 6); i++) {
        ((char *)(uintptr_t)whole.p)[i] ^= 0x10;
        put_file(t, path, whole);
        CHECK_ERR(try_open_log(t, &f, d), ERR_CORRUPT);
        ((char *)(uintptr_t)whole.p)[i] ^= 0x10;
    }
    put_file(t, path, whole);
    open_log(t, &f);
    CHECK_EQ(count_from(t, f.topic, 0), 3);
    close_log(&f);
}

/* A clean close leaves a mark, which makes even the last record provable. */
TEST(log_damaged_last_record_after_clean_close)
{
    char *path = log_path(t, 0);
    struct fixture f = {0};
    struct str whole;

    open_log(t, &f);
    (void)append(t, f.topic, "a", "only", 1);
    close_log(&f);
    whole = file_bytes(t, path);
    ((char *)(uintptr_t)whole.p)[whole.n - LOG_MARK_BYTES - 1] ^= 1;
    put_file(t, path, whole);
    CHECK_ERR(try_open_log(t, &f, d), ERR_CORRUPT);
}

TEST(log_damaged_sealed_segment_is_reported_by_the_reader)
{
    struct fixture f = {.segment_bytes = 400};
    struct consumer *c;
    struct record r;
    struct str whole;
    bool got;
    enum err rc;

    open_log(t, &f);
    for (int i = 0; i < 40; i++)
        (void)append(t, f.topic, "key", "some value that fills segments", i);
    close_log(&f);
    whole = file_bytes(t, log_path(t, 0));
    ((char *)(uintptr_t)whole.p)[FRAME_FILE_BYTES + 100] ^= 1;
    put_file(t, log_path(t, 0), whole);
    open_log(t, &f); /* only the last segment is read at open */
    CHECK_OK(consumer_open(f.topic, 0, &c, d));
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    CHECK_TRUE(got);
    rc = consumer_poll(c, 0, &r, &got, &t_diag);
    CHECK_EQ(rc, ERR_CORRUPT);
    CHECK_ERR(consumer_poll(c, 0, &r, &got, d), ERR_CORRUPT); /* and it stays so */
    consumer_close(c);
    close_log(&f);
}

TEST(log_disk_full_then_space)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim)};
    struct record r = {.time_ms = 1, .key = S("k"), .value = S("a value of some bytes")};
    uint64_t bytes = log_frame_bytes(&r, 1);

    open_log(t, &f);
    CHECK_OK(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d));
    for (uint64_t room = 0; room < bytes; room++) {
        int64_t errors = metric_value(M_LOG_APPEND_ERRORS);
        os_sim_limit_space(sim, room);
        CHECK_ERR(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d), ERR_BUSY);
        CHECK_EQ(metric_value(M_LOG_APPEND_ERRORS), errors + 1);
        CHECK_EQ(topic_end(f.topic), room + 1);
        CHECK_EQ(count_from(t, f.topic, 0), room + 1);
        os_sim_limit_space(sim, UINT64_MAX);
        CHECK_OK(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d));
    }
    CHECK_EQ(count_from(t, f.topic, 0), bytes + 1);
    close_log(&f);
    open_log(t, &f);
    CHECK_EQ(count_from(t, f.topic, 0), bytes + 1);
    close_log(&f);
    os_sim_free(sim);
}

/* The torn write cannot even be cut off: nothing may be appended behind it until it can. */
TEST(log_torn_write_that_cannot_be_cut)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim)};
    struct record three[3] = {
        {.key = S("1"), .value = S("x")}, {.key = S("2"), .value = S("y")}, {.key = S("3"), .value = S("z")}};
    uint64_t offset;

    open_log(t, &f);
    (void)append(t, f.topic, "k", "v", 1);
    os_sim_fail_truncate(sim, true);
    os_sim_fail_write(sim, 1, 90, ERR_IO);
    CHECK_ERR(topic_append_many(f.topic, three, 3, ACK_WRITTEN, NULL, d), ERR_IO);
    CHECK_ERR(topic_append(f.topic, three, ACK_WRITTEN, NULL, d), ERR_IO);
    CHECK_EQ(count_from(t, f.topic, 0), 1);
    os_sim_fail_truncate(sim, false);
    CHECK_OK(topic_append(f.topic, &three[2], ACK_WRITTEN, &offset, d));
    CHECK_EQ(offset, 1);
    CHECK_EQ(count_from(t, f.topic, 0), 2);
    close_log(&f);
    os_sim_free(sim);
}

TEST(log_roll_on_a_full_disk)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 500};
    struct record r = {.time_ms = 1, .key = S("k"), .value = S("a value of some bytes")};
    uint64_t n = 0;

    open_log(t, &f);
    for (uint64_t room = 0; room < 1500; room += 7) {
        os_sim_limit_space(sim, room % 150);
        while (topic_append(f.topic, &r, ACK_WRITTEN, NULL, NULL) == ERR_OK)
            n++;
        os_sim_limit_space(sim, UINT64_MAX);
        CHECK_OK(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d));
        n++;
        CHECK_EQ(topic_end(f.topic), n);
    }
    CHECK_EQ(count_from(t, f.topic, 0), n);
    close_log(&f);
    open_log(t, &f);
    CHECK_EQ(count_from(t, f.topic, 0), n);
    close_log(&f);
    os_sim_free(sim);
}

TEST(log_ack_synced_survives_power_loss)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim)};
    struct record r = {.time_ms = 1, .key = S("k"), .value = S("v")};

    for (uint64_t i = 1; i <= 20; i++) {
        open_log(t, &f);
        CHECK_OK(topic_append(f.topic, &r, ACK_SYNCED, NULL, d));
        os_sim_kill(sim);
        close_log(&f);
        os_sim_power_loss(sim, &t->rng);
        os_sim_revive(sim);
        open_log(t, &f);
        CHECK_EQ(topic_end(f.topic), i);
        close_log(&f);
    }
    os_sim_free(sim);
}

TEST(log_failing_sync_is_reported_and_repeated)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim)};
    struct record r = {.time_ms = 1, .key = S("k"), .value = S("v")};
    uint64_t writes;

    open_log(t, &f);
    CHECK_OK(topic_append(f.topic, &r, ACK_SYNCED, NULL, d));
    os_sim_fail_sync(sim, 1, UINT64_MAX);
    CHECK_ERR(topic_append(f.topic, &r, ACK_SYNCED, NULL, d), ERR_IO);
    CHECK_ERR(topic_sync(f.topic, d), ERR_IO);
    CHECK_EQ(topic_end(f.topic), 2); /* it is in the file */
    writes = os_sim_writes(sim);
    os_sim_fail_sync(sim, 1, 0);
    CHECK_OK(topic_sync(f.topic, d));
    CHECK_TRUE(os_sim_writes(sim) > writes); /* the bytes were written again, the kernel may have dropped them */
    CHECK_OK(topic_append(f.topic, &r, ACK_SYNCED, NULL, d));
    os_sim_kill(sim);
    close_log(&f);
    os_sim_power_loss(sim, &t->rng);
    os_sim_revive(sim);
    open_log(t, &f);
    CHECK_EQ(topic_end(f.topic), 3);
    close_log(&f);
    os_sim_free(sim);
}

/* Random appends, syncs and power losses: what was synced is there, the log is a prefix of what was appended. */
TEST(log_power_loss_keeps_a_prefix)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 700};
    uint64_t synced = 0;

    for (int round = 0; round < 150; round++) {
        struct consumer *c;
        struct record r;
        bool got;
        uint64_t end, offset;
        open_log(t, &f);
        end = topic_end(f.topic);
        CHECK_TRUE(end >= synced);
        CHECK_OK(consumer_open(f.topic, 0, &c, d));
        for (uint64_t i = 0; i < end; i++) {
            CHECK_OK(consumer_poll(c, 0, &r, &got, d));
            CHECK_TRUE(got);
            CHECK_EQ(r.offset, i);
            CHECK_EQ(r.cause, i * 3);
        }
        consumer_close(c);
        for (uint64_t n = rng_below(&t->rng, 8); n > 0; n--) {
            struct record in[3];
            size_t count = 1 + (size_t)rng_below(&t->rng, 3);
            enum ack ack = rng_below(&t->rng, 4) ? ACK_WRITTEN : ACK_SYNCED;
            for (size_t i = 0; i < count; i++)
                in[i] = (struct record){.cause = (topic_end(f.topic) + i) * 3, .value = value_of(t, i)};
            CHECK_OK(topic_append_many(f.topic, in, count, ack, &offset, d));
            if (ack == ACK_SYNCED)
                synced = offset + count;
        }
        os_sim_kill(sim);
        close_log(&f);
        os_sim_power_loss(sim, &t->rng);
        os_sim_revive(sim);
    }
    os_sim_free(sim);
}

/* kill -9 at every single change of the disk of one scenario: nothing that append has returned is lost. */
TEST(log_killed_at_every_change)
{
    for (uint64_t nth = 1;; nth++) {
        struct os_sim *sim = os_sim_new(os_posix());
        struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 300};
        struct record r = {.key = S("k"), .value = S("a value of some bytes")};
        uint64_t end, acked, begin;
        bool died;
        open_log(t, &f);
        acked = begin = topic_end(f.topic);
        os_sim_kill_at(sim, nth);
        for (int i = 0; i < 7; i++) {
            if (topic_append(f.topic, &r, ACK_WRITTEN, NULL, NULL) == ERR_OK)
                acked++;
        }
        close_log(&f);
        died = os_sim_is_dead(sim);
        os_sim_revive(sim);
        open_log(t, &f);
        end = topic_end(f.topic);
        CHECK_EQ(end, acked);
        CHECK_EQ(count_from(t, f.topic, 0), end);
        close_log(&f);
        os_sim_free(sim);
        if (!died)
            break;
        CHECK_TRUE(nth < 1000);
    }
}
