/* The ring in front of a topic: what is in it is read, survives a kill, and reaches the segment. */
#include "base/limits.h"
#include "codec/frame.h"
#include "log_help.h"
#include "pipeline/pipeline_int.h"

#define RING 4096u
#define NEVER_US 60000000u /* the flusher has no turn during a test */

struct world {
    struct os_sim *sim;
    struct fixture f;
};

static struct world
world_open(struct t *t, uint64_t segment_bytes)
{
    struct world w = {.sim = os_sim_new(os_posix())};

    w.f = (struct fixture){
        .os = os_sim_os(w.sim), .ring_bytes = RING, .segment_bytes = segment_bytes, .sync_interval_us = NEVER_US};
    open_log(t, &w.f);
    return w;
}

static void
world_close(struct world *w)
{
    close_log(&w->f);
    os_sim_free(w->sim);
}

/* The process ends without another write, and a new one opens what it left. */
static void
kill_and_open(struct t *t, struct world *w)
{
    os_sim_kill(w->sim);
    close_log(&w->f);
    os_sim_revive(w->sim);
    open_log(t, &w->f);
}

static enum err
append_value(struct t *t, struct world *w, uint64_t i, enum ack ack)
{
    struct record r = {.time_ms = (int64_t)i, .value = value_of(t, i)};

    return topic_append(w->f.topic, &r, ack, NULL, NULL);
}

/* Every record has the value of its number; returns how many there are. */
static uint64_t
check_values(struct t *t, struct topic *topic)
{
    struct consumer *c;
    struct record r;
    uint64_t n = 0;
    bool got = true;

    CHECK_OK(consumer_open(topic, 0, &c, d));
    for (;;) {
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        if (!got)
            break;
        CHECK_EQ(r.offset, n);
        CHECK_STR(r.value, value_of(t, n));
        n++;
    }
    consumer_close(c);
    return n;
}

static char *
ring_path(struct t *t)
{
    return (char *)(uintptr_t)arena_printf(t->arena, "%s/collect/0/ring", t->dir).p;
}

TEST(ring_is_read_before_it_is_drained)
{
    struct world w = world_open(t, 0);

    for (uint64_t i = 0; i < 10; i++)
        CHECK_EQ(append_value(t, &w, i, ACK_WRITTEN), ERR_OK);
    CHECK_EQ(file_bytes(t, log_path(t, 0)).n, FRAME_FILE_BYTES);
    CHECK_EQ(check_values(t, w.f.topic), 10);
    CHECK_EQ(append_value(t, &w, 10, ACK_SYNCED), ERR_OK);
    CHECK_TRUE(file_bytes(t, log_path(t, 0)).n > 10 * FRAME_HEADER_BYTES);
    CHECK_EQ(check_values(t, w.f.topic), 11);
    world_close(&w);
}

TEST(ring_wraps_and_rolls)
{
    struct world w = world_open(t, 10000);
    struct consumer *c;
    struct record r;
    bool got;

    CHECK_OK(consumer_open(w.f.topic, 0, &c, d));
    for (uint64_t i = 0; i < 1000; i++) { /* 80 KB: 20 rings, 8 segments; the reader is 7 records behind */
        CHECK_EQ(append_value(t, &w, i, ACK_WRITTEN), ERR_OK);
        if (i < 7)
            continue;
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(got);
        CHECK_STR(r.value, value_of(t, i - 7));
    }
    consumer_close(c);
    CHECK_EQ(check_values(t, w.f.topic), 1000);
    kill_and_open(t, &w);
    CHECK_EQ(check_values(t, w.f.topic), 1000);
    world_close(&w);
}

TEST(ring_takes_no_large_frame)
{
    struct world w = world_open(t, 0);
    struct record r = {.time_ms = 1, .value = {NULL, 0}};
    uint64_t head;

    r.value = (struct str){"", 0};
    head = log_frame_bytes(&r, 1);
    for (uint64_t over = 0; over < 2; over++) { /* half a ring lands in it, one byte more does not */
        uint64_t before = file_bytes(t, log_path(t, 0)).n;
        r.value = (struct str){arena_alloc(t->arena, RING), (size_t)(RING / 2 - head + over)};
        memset((char *)(uintptr_t)r.value.p, 'x', r.value.n);
        CHECK_OK(topic_append(w.f.topic, &r, ACK_WRITTEN, NULL, d));
        CHECK_EQ(file_bytes(t, log_path(t, 0)).n - before, over ? RING + 1 : 0);
    }
    CHECK_EQ(count_from(t, w.f.topic, 0), 2);
    kill_and_open(t, &w);
    CHECK_EQ(count_from(t, w.f.topic, 0), 2);
    world_close(&w);
}

/* At whatever change of the disk the process dies: what was acknowledged is there, in order, and no more than the one
 * that was under way. Twice in a row, so that a ring of the second life meets what the first one left. */
TEST(ring_killed_at_every_change)
{
    for (uint64_t at = 1; at < 60; at++) {
        struct world w = world_open(t, 3000);
        uint64_t n = check_values(t, w.f.topic);
        for (int life = 0; life < 2; life++) {
            uint64_t kept;
            os_sim_kill_at(w.sim, at);
            for (int i = 0; i < 200 && append_value(t, &w, n, i % 50 == 49 ? ACK_SYNCED : ACK_WRITTEN) == ERR_OK; i++)
                n++;
            kill_and_open(t, &w);
            kept = check_values(t, w.f.topic);
            CHECK_TRUE(kept == n || kept == n + 1);
            n = kept;
        }
        world_close(&w);
    }
}

/* A power loss keeps of the ring what the kernel happened to have written: each of its blocks is new, or zeros, or as
 * it was some time ago. What was synced is there; what else is there is what was appended. */
TEST(ring_power_loss)
{
    for (int round = 0; round < 60; round++) {
        struct world w = world_open(t, 3000);
        uint64_t n = check_values(t, w.f.topic), synced, kept;
        char old[RING];
        struct str ring;
        uint64_t stop = n + rng_below(&t->rng, 150);
        while (n < stop && append_value(t, &w, n, ACK_WRITTEN) == ERR_OK)
            n++;
        CHECK_OK(topic_sync(w.f.topic, d));
        synced = n;
        memcpy(old, file_bytes(t, ring_path(t)).p, RING);
        for (uint64_t more = rng_below(&t->rng, 60); more > 0; more--, n++)
            CHECK_EQ(append_value(t, &w, n, ACK_WRITTEN), ERR_OK);
        os_sim_kill(w.sim);
        close_log(&w.f);
        os_sim_power_loss(w.sim, &t->rng);
        ring = file_bytes(t, ring_path(t));
        for (size_t at = 0; at < RING; at += 512) {
            uint64_t fate = rng_below(&t->rng, 3);
            if (fate > 0)
                memcpy((char *)(uintptr_t)ring.p + at, fate == 1 ? old + at : (char[512]){0}, 512);
        }
        put_file(t, ring_path(t), ring);
        os_sim_revive(w.sim);
        open_log(t, &w.f);
        kept = check_values(t, w.f.topic);
        CHECK_TRUE(kept >= synced && kept <= n);
        world_close(&w);
    }
}

/* Nothing of an earlier life can follow a frame of this one, even if it would fit by place, salt and number. */
TEST(ring_forgets_the_last_life)
{
    struct world w = world_open(t, 0);
    struct record r = {.time_ms = 1, .value = S("first")};
    struct str ring;

    CHECK_OK(topic_append(w.f.topic, &r, ACK_WRITTEN, NULL, d));
    CHECK_OK(topic_append(w.f.topic, &r, ACK_WRITTEN, NULL, d));
    os_sim_kill(w.sim);
    close_log(&w.f);
    ring = file_bytes(t, ring_path(t)); /* the first of the two is damaged: neither can be had */
    ((char *)(uintptr_t)ring.p)[FRAME_FILE_BYTES + 30] ^= 1;
    put_file(t, ring_path(t), ring);
    os_sim_revive(w.sim);
    open_log(t, &w.f);
    CHECK_EQ(topic_end(w.f.topic), 0);
    CHECK_OK(topic_append(w.f.topic, &r, ACK_WRITTEN, NULL, d));
    kill_and_open(t, &w);
    CHECK_EQ(topic_end(w.f.topic), 1);
    world_close(&w);
}

/* What was acknowledged before the disk was known to be full is safe in the ring; then appends are refused, until there
 * is space. */
TEST(ring_disk_full_then_space)
{
    struct world w = world_open(t, 0);
    uint64_t n = 0;

    while (n < 20 && append_value(t, &w, n, ACK_WRITTEN) == ERR_OK)
        n++;
    os_sim_limit_space(w.sim, 100);
    CHECK_ERR(topic_sync(w.f.topic, d), ERR_BUSY);
    CHECK_EQ(append_value(t, &w, n, ACK_WRITTEN), ERR_BUSY);
    CHECK_EQ(check_values(t, w.f.topic), n); /* readers go on */
    os_sim_kill(w.sim);
    close_log(&w.f);
    os_sim_power_loss(w.sim, &t->rng);
    os_sim_revive(w.sim);
    os_sim_limit_space(w.sim, UINT64_MAX);
    open_log(t, &w.f);
    CHECK_EQ(check_values(t, w.f.topic), n);

    os_sim_limit_space(w.sim, 100);
    while (append_value(t, &w, n, ACK_WRITTEN) == ERR_OK) /* nobody drains: the full ring finds out */
        n++;
    CHECK_EQ(check_values(t, w.f.topic), n);
    os_sim_limit_space(w.sim, UINT64_MAX);
    CHECK_EQ(append_value(t, &w, n++, ACK_WRITTEN), ERR_OK);
    CHECK_EQ(check_values(t, w.f.topic), n);
    kill_and_open(t, &w);
    CHECK_EQ(check_values(t, w.f.topic), n);
    world_close(&w);
}

/* A drain that wrote a part goes on behind it. */
TEST(ring_drain_that_failed_in_the_middle)
{
    struct world w = world_open(t, 0);
    uint64_t n = 0;

    for (uint64_t round = 0; round < 30; round++) {
        for (int i = 0; i < 30; i++, n++)
            CHECK_EQ(append_value(t, &w, n, ACK_WRITTEN), ERR_OK);
        os_sim_fail_write(w.sim, 1 + round % 2, round * 37, ERR_IO);
        (void)topic_sync(w.f.topic, NULL); /* one write or two: it fails or not */
        CHECK_EQ(check_values(t, w.f.topic), n);
        os_sim_fail_write(w.sim, 0, 0, ERR_OK);
        CHECK_OK(topic_sync(w.f.topic, d));
        CHECK_EQ(check_values(t, w.f.topic), n);
    }
    kill_and_open(t, &w);
    CHECK_EQ(check_values(t, w.f.topic), n);
    world_close(&w);
}

/* The other size stays as long as the file: frames stand in it by that size. A half made file is made again. */
TEST(ring_of_another_size)
{
    struct world w = world_open(t, 0);

    for (uint64_t i = 0; i < 40; i++)
        CHECK_EQ(append_value(t, &w, i, ACK_WRITTEN), ERR_OK);
    w.f.ring_bytes = 4 * RING;
    kill_and_open(t, &w);
    CHECK_EQ(check_values(t, w.f.topic), 40);
    CHECK_EQ(file_bytes(t, ring_path(t)).n, RING);
    close_log(&w.f);
    put_file(t, ring_path(t), (struct str){"half", 4});
    open_log(t, &w.f);
    CHECK_EQ(check_values(t, w.f.topic), 40);
    CHECK_EQ(file_bytes(t, ring_path(t)).n, 4 * RING);
    world_close(&w);
}

/* Another process makes sure that the partition is there, while its writer is dead: it wants no ring. */
TEST(ring_is_emptied_by_a_writer_without_one)
{
    struct world w = world_open(t, 0);

    for (uint64_t i = 0; i < 10; i++)
        CHECK_EQ(append_value(t, &w, i, ACK_WRITTEN), ERR_OK);
    w.f.ring_bytes = 0;
    kill_and_open(t, &w);
    CHECK_EQ(topic_end(w.f.topic), 10);
    CHECK_EQ(append_value(t, &w, 10, ACK_WRITTEN), ERR_OK);
    w.f.ring_bytes = RING;
    kill_and_open(t, &w);
    CHECK_EQ(check_values(t, w.f.topic), 11);
    world_close(&w);
}

TEST(ring_without_a_mapping)
{
    struct world w = {.sim = os_sim_new(os_posix())};

    w.f = (struct fixture){.os = os_sim_os(w.sim), .ring_bytes = RING, .sync_interval_us = NEVER_US};
    os_sim_refuse_maps(w.sim, true);
    open_log(t, &w.f);
    CHECK_EQ(append_value(t, &w, 0, ACK_WRITTEN), ERR_OK);
    CHECK_TRUE(file_bytes(t, log_path(t, 0)).n > FRAME_FILE_BYTES);
    CHECK_EQ(check_values(t, w.f.topic), 1);
    world_close(&w);
}

TEST(ring_limits)
{
    struct fixture f = {.ring_bytes = LIMIT_RING_BYTES};

    open_log(t, &f);
    close_log(&f);
    f.ring_bytes = LIMIT_RING_BYTES + LOG_RING_ALIGN;
    CHECK_ERR(try_open_log(t, &f, d), ERR_INVALID);
    f.ring_bytes = LOG_RING_ALIGN - 1;
    CHECK_ERR(try_open_log(t, &f, d), ERR_INVALID);
    f = (struct fixture){.os = f.os, .ring_bytes = RING, .compacted = true};
    CHECK_ERR(try_open_log(t, &f, d), ERR_INVALID);
}

/* Retention empties the log; the next record is in the ring only, and it is the first one. */
TEST(ring_holds_the_first_record)
{
    struct world w = world_open(t, 3000);
    uint64_t n = 0;

    w.f.retention_ms = 1000;
    close_log(&w.f);
    open_log(t, &w.f);
    for (; n < 100; n++)
        CHECK_EQ(append_value(t, &w, n, ACK_WRITTEN), ERR_OK);
    CHECK_OK(topic_maintain(w.f.topic, 1000000, d));
    CHECK_EQ(topic_begin(w.f.topic), n);
    CHECK_EQ(append_value(t, &w, n, ACK_WRITTEN), ERR_OK);
    CHECK_OK(topic_maintain(w.f.topic, 1000, d));
    CHECK_EQ(topic_begin(w.f.topic), n);
    CHECK_EQ(count_from(t, w.f.topic, n), 1);
    world_close(&w);
}
