/* Appending and reading back: values, order, limits, rolling, threads, groups. */
#include "base/limits.h"
#include "base/metric.h"
#include "log_help.h"
#include "os/thread.h"

TEST(topic_round_trip_of_every_field)
{
    static const char empty[1] = "";
    struct record in[] = {
        {.time_ms = 1700000000123, .cause = 0, .key = S("k1"), .value = S("v1")},
        {.time_ms = -5, .cause = UINT64_MAX, .key = S_NULL, .value = S("no key")},
        {.time_ms = INT64_MAX, .cause = 7, .key = S("gone"), .value = S_NULL},
        {.time_ms = 0, .cause = 1, .key = S("k\0zero"), .value = {empty, 0}},
    };
    struct fixture f = {.os = os_posix()};
    struct consumer *c;
    struct record r;
    bool got;

    open_log(t, &f);
    CHECK_STR(str_of(topic_name(f.topic)), S("collect"));
    for (size_t i = 0; i < 4; i++) {
        uint64_t offset;
        CHECK_EQ(topic_end(f.topic), i);
        CHECK_OK(topic_append(f.topic, &in[i], ACK_WRITTEN, &offset, d));
        CHECK_EQ(offset, i);
    }
    for (int round = 0; round < 2; round++) { /* live, and after a restart */
        CHECK_EQ(topic_begin(f.topic), 0);
        CHECK_EQ(topic_end(f.topic), 4);
        CHECK_OK(consumer_open(f.topic, 0, &c, d));
        for (size_t i = 0; i < 4; i++) {
            CHECK_EQ(consumer_offset(c), i);
            CHECK_OK(consumer_poll(c, 0, &r, &got, d));
            CHECK_TRUE(got);
            CHECK_EQ(r.offset, i);
            CHECK_EQ(r.time_ms, in[i].time_ms);
            CHECK_EQ(r.cause, in[i].cause);
            CHECK_STR(r.key, in[i].key);
            CHECK_STR(r.value, in[i].value);
            CHECK_EQ(r.value.p == NULL, in[i].value.p == NULL);
        }
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(!got);
        consumer_close(c);
        close_log(&f);
        open_log(t, &f);
    }
    CHECK_EQ(append(t, f.topic, "after", "restart", 1), 4);
    CHECK_EQ(count_from(t, f.topic, 0), 5);
    close_log(&f);
}

TEST(topic_append_many_is_consecutive)
{
    struct record r[100];
    struct fixture f = {.segment_bytes = 2000};
    uint64_t first;

    open_log(t, &f);
    for (size_t i = 0; i < 100; i++)
        r[i] = (struct record){.time_ms = (int64_t)i, .key = S("k"), .value = value_of(t, i)};
    (void)append(t, f.topic, "x", "y", 0);
    for (size_t n = 1; n <= 100; n += 33) {
        uint64_t end = topic_end(f.topic);
        CHECK_OK(topic_append_many(f.topic, r, n, ACK_WRITTEN, &first, d));
        CHECK_EQ(first, end);
        CHECK_EQ(topic_end(f.topic), end + n);
    }
    CHECK_EQ(count_from(t, f.topic, 0), 1 + 1 + 34 + 67 + 100);
    CHECK_EQ(count_from(t, f.topic, 50), 153);
    close_log(&f);
    open_log(t, &f);
    CHECK_EQ(count_from(t, f.topic, 0), 203);
    close_log(&f);
}

TEST(topic_limits_at_and_past)
{
    char *big = arena_calloc(t->arena, 1, LIMIT_RECORD_VALUE_BYTES + 1);
    struct record r = {.key = {big, LIMIT_RECORD_KEY_BYTES}, .value = {big, LIMIT_RECORD_VALUE_BYTES}};
    struct record many[9];
    struct fixture f = {0};

    open_log(t, &f);
    CHECK_OK(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d));
    CHECK_EQ(count_from(t, f.topic, 0), 1);
    r.key.n++;
    CHECK_ERR(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d), ERR_LIMIT);
    r.key.n = 0;
    r.value.n++;
    CHECK_ERR(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d), ERR_LIMIT);
    CHECK_ERR(topic_append_many(f.topic, &r, 0, ACK_WRITTEN, NULL, d), ERR_INVALID);
    for (size_t i = 0; i < 9; i++)
        many[i] = (struct record){.value = {big, LIMIT_RECORD_VALUE_BYTES}};
    CHECK_ERR(topic_append_many(f.topic, many, 8, ACK_WRITTEN, NULL, d), ERR_LIMIT); /* 8 * 28 over */
    many[7].value.n -= 8 * 28;
    CHECK_OK(topic_append_many(f.topic, many, 8, ACK_WRITTEN, NULL, d));
    CHECK_EQ(count_from(t, f.topic, 0), 9);
    close_log(&f);
}

TEST(topic_names_and_options)
{
    char name[LIMIT_TOPIC_NAME_BYTES + 2];
    struct fixture f = {0};
    struct topic *same, *other;

    memset(name, 'a', sizeof name);
    name[LIMIT_TOPIC_NAME_BYTES + 1] = '\0';
    open_log(t, &f);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = name, .writable = true}, &other, d), ERR_INVALID);
    name[LIMIT_TOPIC_NAME_BYTES] = '\0';
    CHECK_OK(pipeline_topic(f.p, &(struct topic_options){.name = name, .writable = true}, &other, d));
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "", .writable = true}, &other, d), ERR_INVALID);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "..", .writable = true}, &other, d), ERR_INVALID);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "a/b", .writable = true}, &other, d), ERR_INVALID);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "Big", .writable = true}, &other, d), ERR_INVALID);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "a", .partition = LIMIT_PARTITIONS}, &other, d),
              ERR_INVALID);
    CHECK_ERR(pipeline_topic(f.p, &(struct topic_options){.name = "absent"}, &other, d), ERR_NOT_FOUND);
    CHECK_OK(pipeline_topic(f.p, &(struct topic_options){.name = "collect", .writable = true}, &same, d));
    CHECK_TRUE(same == f.topic);
    CHECK_OK(
        pipeline_topic(f.p, &(struct topic_options){.name = "collect", .partition = 1, .writable = true}, &other, d));
    CHECK_TRUE(other != f.topic);
    (void)append(t, other, "k", "v", 0);
    CHECK_EQ(topic_end(f.topic), 0);
    close_log(&f);
}

TEST(topic_second_writer_is_refused)
{
    struct fixture f = {0}, second = {.os = os_posix()};

    open_log(t, &f);
    CHECK_ERR(try_open_log(t, &second, d), ERR_BUSY);
    close_log(&f);
    open_log(t, &second);
    close_log(&second);
}

TEST(topic_rolls_and_finds_every_offset)
{
    struct fixture f = {.segment_bytes = 1500};
    struct consumer *c;
    struct record r;
    bool got;

    open_log(t, &f);
    for (uint64_t i = 0; i < 300; i++) {
        struct record in = {.time_ms = (int64_t)i, .value = value_of(t, i)};
        CHECK_OK(topic_append(f.topic, &in, ACK_WRITTEN, NULL, d));
    }
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 300; i++) {
            CHECK_OK(consumer_open(f.topic, i, &c, d));
            CHECK_OK(consumer_poll(c, 0, &r, &got, d));
            CHECK_TRUE(got);
            CHECK_EQ(r.offset, i);
            CHECK_STR(r.value, value_of(t, i));
            consumer_close(c);
        }
        CHECK_OK(consumer_open(f.topic, 1000, &c, d)); /* behind the end: what comes there */
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(!got);
        consumer_close(c);
        close_log(&f);
        open_log(t, &f);
    }
    CHECK_EQ(count_from(t, f.topic, 0), 300);
    close_log(&f);
}

/* A sparse index: beginning near the end of a large segment does not read its beginning. */
TEST(topic_large_segment_is_indexed)
{
    char *value = arena_calloc(t->arena, 1, 3000);
    struct fixture f = {0};
    struct consumer *c;
    struct record r;
    bool got;

    open_log(t, &f);
    for (int i = 0; i < 2000; i++) {
        struct record in = {.value = {value, 3000}};
        CHECK_OK(topic_append(f.topic, &in, ACK_WRITTEN, NULL, d));
    }
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 2000; i += 97) {
            CHECK_OK(consumer_open(f.topic, i, &c, d));
            CHECK_OK(consumer_poll(c, 0, &r, &got, d));
            CHECK_TRUE(got);
            CHECK_EQ(r.offset, i);
            consumer_close(c);
        }
        CHECK_EQ(count_from(t, f.topic, 1990), 10);
        close_log(&f);
        open_log(t, &f);
    }
    close_log(&f);
}

/* --- threads --- */

#define WRITERS 4
#define EACH 300

struct writer {
    struct t *t;
    struct topic *topic;
    int number;
    enum ack ack;
    enum err rc;
    struct os_thread thread;
};

static void
write_all(void *ctx)
{
    struct writer *w = ctx;

    for (int i = 0; i < EACH && w->rc == ERR_OK; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%d %d", w->number, i);
        struct record r = {.time_ms = i, .key = {text, 1}, .value = {text, (size_t)n}};
        w->rc = topic_append(w->topic, &r, w->ack, NULL, NULL);
    }
}

/* Each offset once and in order; each writer's records in its own order; a reader that waits sees them all. */
static void
many_threads(struct t *t, uint32_t ring_bytes)
{
    struct writer w[WRITERS];
    int next[WRITERS] = {0};
    struct fixture f = {.os = os_posix(), .segment_bytes = 20000, .ring_bytes = ring_bytes};
    struct consumer *c;
    struct record r;
    bool got;

    open_log(t, &f);
    CHECK_OK(consumer_open(f.topic, 0, &c, d));
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.t = t, .topic = f.topic, .number = i, .ack = i == 0 ? ACK_SYNCED : ACK_WRITTEN};
        CHECK_OK(os_thread_open(&w[i].thread, "writer", write_all, &w[i], d));
    }
    for (uint64_t i = 0; i < (uint64_t)WRITERS * EACH; i++) {
        int number, count;
        CHECK_OK(consumer_poll(c, 10000000, &r, &got, d));
        CHECK_TRUE(got);
        CHECK_EQ(r.offset, i);
        CHECK_EQ(sscanf(arena_cstr(t->arena, r.value), "%d %d", &number, &count), 2);
        CHECK_EQ(count, next[number]);
        next[number]++;
    }
    for (int i = 0; i < WRITERS; i++) {
        os_thread_close(&w[i].thread);
        CHECK_EQ(w[i].rc, ERR_OK);
    }
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    CHECK_TRUE(!got);
    consumer_close(c);
    close_log(&f);
    open_log(t, &f);
    CHECK_EQ(count_from(t, f.topic, 0), (uint64_t)WRITERS * EACH);
    close_log(&f);
}

TEST(topic_many_threads)
{
    many_threads(t, 0);
}

TEST(topic_many_threads_through_a_ring)
{
    many_threads(t, 4096);
}

static void
wake_it(void *ctx)
{
    consumer_wake(ctx);
}

TEST(topic_poll_times_out_and_wakes)
{
    struct fixture f = {0};
    struct os_thread waker = {0};
    struct consumer *c;
    struct record r;
    bool got = true;

    open_log(t, &f);
    CHECK_OK(consumer_open(f.topic, 0, &c, d));
    CHECK_OK(consumer_poll(c, 1000, &r, &got, d));
    CHECK_TRUE(!got);
    CHECK_OK(os_thread_open(&waker, "waker", wake_it, c, d));
    CHECK_OK(consumer_poll(c, 60000000, &r, &got, d)); /* returns long before its minute, or the test is slow to fail */
    CHECK_TRUE(!got);
    os_thread_close(&waker);
    (void)append(t, f.topic, "k", "v", 1);
    consumer_wake(c);
    CHECK_OK(consumer_poll(c, 0, &r, &got, d)); /* a wake is for the next poll even when there is a record */
    CHECK_TRUE(!got);
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    CHECK_TRUE(got);
    consumer_close(c);
    close_log(&f);
}

TEST(topic_group_commit_syncs_by_itself)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim)};
    struct rng r = t->rng;

    open_log(t, &f);
    (void)append(t, f.topic, "k", "v", 1);
    CHECK_OK(topic_sync(f.topic, d));
    os_sim_kill(sim);
    close_log(&f);
    os_sim_power_loss(sim, &r);
    os_sim_revive(sim);
    open_log(t, &f);
    CHECK_EQ(topic_end(f.topic), 1);
    for (uint64_t before = os_sim_syncs(sim), i = 0; os_sim_syncs(sim) < before + 2;) { /* the flusher's turn comes */
        struct consumer *c;
        struct record rec;
        bool got;
        if (i++ % 20 == 0)
            (void)append(t, f.topic, "k", "v", 1);
        CHECK_OK(consumer_open(f.topic, topic_end(f.topic), &c, d));
        CHECK_OK(consumer_poll(c, 500, &rec, &got, d));
        consumer_close(c);
        CHECK_TRUE(i < 100000);
    }
    close_log(&f);
    os_sim_free(sim);
}

/* --- measurement: EDGEWISE_LOG_RECORDS=300000 test_pipeline measure --- */

TEST(topic_measure)
{
    const char *wanted = getenv("EDGEWISE_LOG_RECORDS");
    uint64_t records = wanted ? strtoull(wanted, NULL, 10) : 0, start, got_count = 0;
    struct fixture f = {.os = os_posix()};
    struct record r = {.time_ms = 1, .key = S("1234567890123456789012345678901234567890")};
    struct consumer *c;
    char value[3000];
    bool got = true;

    if (records == 0)
        return;
    memset(value, 'v', sizeof value);
    r.value = (struct str){value, sizeof value};
    open_log(t, &f);
    start = os_mono_us(f.os);
    for (uint64_t i = 0; i < records; i++)
        CHECK_OK(topic_append(f.topic, &r, ACK_WRITTEN, NULL, d));
    printf("  append: %.0f/s\n", (double)records / ((double)(os_mono_us(f.os) - start) / 1e6));
    start = os_mono_us(f.os);
    for (int i = 0; i < 200; i++)
        CHECK_OK(topic_append(f.topic, &r, ACK_SYNCED, NULL, d));
    printf("  append synced: %.0f us each\n", (double)(os_mono_us(f.os) - start) / 200);
    CHECK_OK(consumer_open(f.topic, 0, &c, d));
    start = os_mono_us(f.os);
    while (got) {
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        got_count += got;
    }
    printf("  poll: %.0f/s\n", (double)got_count / ((double)(os_mono_us(f.os) - start) / 1e6));
    consumer_close(c);
    close_log(&f);
    start = os_mono_us(f.os);
    open_log(t, &f);
    printf("  open: %.0f ms\n", (double)(os_mono_us(f.os) - start) / 1000);
    close_log(&f);
}
