/* A reader in another process, played by a second pipeline object that opens the topic read-only. */
#include "codec/frame.h"
#include "log_help.h"
#include "pipeline/pipeline_int.h"

struct follower {
    struct pipeline *p;
    struct topic *topic;
    struct consumer *c;
};

static void
follow(struct t *t, struct follower *fl, uint64_t offset)
{
    struct pipeline_options po = {.os = os_posix(), .dir = t->dir};
    struct topic_options to = {.name = "collect"};

    CHECK_OK(pipeline_open(&po, &fl->p, d));
    CHECK_OK(pipeline_topic(fl->p, &to, &fl->topic, d));
    CHECK_OK(consumer_open(fl->topic, offset, &fl->c, d));
}

static void
unfollow(struct follower *fl)
{
    consumer_close(fl->c);
    pipeline_close(fl->p);
}

static void
expect(struct t *t, struct follower *fl, uint64_t offset)
{
    struct record r;
    bool got;

    CHECK_OK(consumer_poll(fl->c, 0, &r, &got, d));
    CHECK_TRUE(got);
    CHECK_EQ(r.offset, offset);
}

static void
expect_none(struct t *t, struct follower *fl)
{
    struct record r;
    bool got;

    CHECK_OK(consumer_poll(fl->c, 0, &r, &got, d));
    CHECK_TRUE(!got);
}

TEST(follow_sees_appends_and_rolls)
{
    struct fixture f = {.segment_bytes = 400};
    struct follower fl;
    struct record r = {.key = S("k"), .value = S("v")};

    open_log(t, &f);
    (void)append(t, f.topic, "k", "v", 0);
    follow(t, &fl, 0);
    CHECK_ERR(topic_append(fl.topic, &r, ACK_WRITTEN, NULL, d), ERR_DENIED);
    expect(t, &fl, 0);
    expect_none(t, &fl);
    for (uint64_t i = 1; i < 100; i++) {
        (void)append(t, f.topic, "key", "a value that fills segments", (int64_t)i);
        CHECK_EQ(topic_end(fl.topic), i + 1);
        expect(t, &fl, i);
        if (i % 7 == 0)
            expect_none(t, &fl);
    }
    CHECK_EQ(count_from(t, fl.topic, 0), 100); /* a second consumer, from the beginning */
    CHECK_EQ(count_from(t, fl.topic, 55), 45);
    close_log(&f);
    expect_none(t, &fl);
    open_log(t, &f); /* the writer restarts */
    (void)append(t, f.topic, "k", "v", 0);
    expect(t, &fl, 100);
    unfollow(&fl);
    close_log(&f);
}

/* Frames arrive byte by byte: half a frame is not there yet, and is neither an error nor data. */
TEST(follow_frame_written_piece_by_piece)
{
    struct fixture f = {0};
    struct follower fl;
    struct str whole;
    struct os_file *file;
    size_t begin;

    open_log(t, &f);
    (void)append(t, f.topic, "k", "first", 0);
    CHECK_OK(topic_sync(f.topic, d));
    begin = file_bytes(t, log_path(t, 0)).n;
    (void)append(t, f.topic, "k", "second", 0);
    (void)append(t, f.topic, "k", "third", 0);
    whole = file_bytes(t, log_path(t, 0));
    close_log(&f);
    put_file(t, log_path(t, 0), str_slice(whole, 0, begin));
    follow(t, &fl, 0);
    expect(t, &fl, 0);
    CHECK_OK(os_open(os_posix(), log_path(t, 0), OS_WRITE, &file, d));
    for (size_t i = begin; i < whole.n; i++) {
        CHECK_OK(os_pwrite(os_posix(), file, i, whole.p + i, 1, d));
        if (i == begin + (whole.n - begin + 1) / 2 - 1) /* second and third differ by one byte */
            expect(t, &fl, 1);
        else if (i + 1 < whole.n)
            expect_none(t, &fl);
    }
    expect(t, &fl, 2);
    os_close(os_posix(), file);
    unfollow(&fl);
}

TEST(follow_reports_damage_in_the_middle)
{
    struct fixture f = {.segment_bytes = 300};
    struct follower fl;
    struct record r;
    struct str whole;
    bool got;

    open_log(t, &f);
    (void)append(t, f.topic, "k", "first", 0);
    follow(t, &fl, 0);
    expect(t, &fl, 0);
    (void)append(t, f.topic, "k", "second", 0);
    whole = file_bytes(t, log_path(t, 0));
    for (int i = 0; i < 5; i++)
        (void)append(t, f.topic, "k", "more, so that the segment is sealed", 0);
    close_log(&f);
    ((char *)(uintptr_t)whole.p)[whole.n - 1] ^= 1;
    put_file(t, log_path(t, 0), whole); /* the first segment now ends with a frame that does not check */
    CHECK_ERR(consumer_poll(fl.c, 0, &r, &got, d), ERR_OK); /* the old file is still open: nothing is wrong with it */
    unfollow(&fl);
    follow(t, &fl, 0);
    expect(t, &fl, 0);
    CHECK_ERR(consumer_poll(fl.c, 0, &r, &got, d), ERR_CORRUPT);
    unfollow(&fl);
}

TEST(follow_damage_of_synced_bytes_in_the_live_segment)
{
    struct fixture f = {0};
    struct pipeline_options po = {.os = os_posix(), .dir = t->dir};
    struct topic_options to = {.name = "collect"};
    struct pipeline *p;
    struct topic *topic;
    struct str whole;

    open_log(t, &f);
    (void)append(t, f.topic, "k", "first", 0);
    (void)append(t, f.topic, "k", "second", 0);
    CHECK_OK(topic_sync(f.topic, d));
    (void)append(t, f.topic, "k", "third", 0);
    close_log(&f);
    whole = file_bytes(t, log_path(t, 0));
    ((char *)(uintptr_t)whole.p)[FRAME_FILE_BYTES + 100] ^= 1;
    put_file(t, log_path(t, 0), whole);
    CHECK_OK(pipeline_open(&po, &p, d));
    CHECK_ERR(pipeline_topic(p, &to, &topic, d), ERR_CORRUPT);
    pipeline_close(p);
}

static void
append_later(void *ctx)
{
    struct record r = {.key = S("k"), .value = S("v")};

    (void)topic_append(ctx, &r, ACK_WRITTEN, NULL, NULL);
}

TEST(follow_waits_for_the_writer)
{
    struct fixture f = {0};
    struct follower fl;
    struct os_thread thread = {0};
    struct record r;
    bool got;

    open_log(t, &f);
    follow(t, &fl, 0);
    CHECK_OK(consumer_poll(fl.c, 5000, &r, &got, d));
    CHECK_TRUE(!got);
    CHECK_OK(os_thread_open(&thread, "writer", append_later, f.topic, d));
    CHECK_OK(consumer_poll(fl.c, 60000000, &r, &got, d));
    CHECK_TRUE(got);
    os_thread_close(&thread);
    unfollow(&fl);
    close_log(&f);
}

TEST(follow_through_retention_and_compaction)
{
    struct fixture f = {.segment_bytes = 400, .compacted = true};
    struct follower fl, late;
    struct record r;
    bool got = true;
    uint64_t last = 0;

    open_log(t, &f);
    for (int i = 0; i < 60; i++)
        (void)append(t, f.topic, i % 2 ? "a" : "b", "a value that fills segments", i);
    follow(t, &fl, 0);
    expect(t, &fl, 0);
    expect(t, &fl, 1);
    CHECK_OK(topic_maintain(f.topic, 0, d)); /* the files behind the follower's list are gone now */
    (void)append(t, f.topic, "c", "newest", 60);
    while (got) {
        CHECK_OK(consumer_poll(fl.c, 0, &r, &got, d));
        if (got) {
            CHECK_TRUE(r.offset > last);
            last = r.offset;
        }
    }
    CHECK_EQ(last, 60);
    follow(t, &late, 0);
    CHECK_EQ(topic_begin(late.topic), 58);
    expect(t, &late, 58);
    expect(t, &late, 59);
    expect(t, &late, 60);
    expect_none(t, &late);
    unfollow(&late);
    unfollow(&fl);
    close_log(&f);
}
