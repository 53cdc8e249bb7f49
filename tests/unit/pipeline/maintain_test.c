/* Retention and compaction. */
#include "log_help.h"
#include "pipeline/pipeline_int.h"

TEST(retention_drops_whole_old_segments)
{
    struct fixture f = {.segment_bytes = 500, .retention_ms = 100};
    struct consumer *c;
    struct record r;
    bool got;
    uint64_t begin;

    open_log(t, &f);
    for (int i = 0; i < 100; i++)
        (void)append(t, f.topic, "key", "a value that fills segments", i);
    CHECK_OK(topic_maintain(f.topic, 100, d));
    CHECK_EQ(topic_begin(f.topic), 0); /* record 0 has time 0: exactly at the limit is kept */
    CHECK_OK(consumer_open(f.topic, 3, &c, d));
    CHECK_OK(topic_maintain(f.topic, 150, d));
    begin = topic_begin(f.topic);
    CHECK_TRUE(begin > 40 && begin <= 50);
    for (uint64_t i = 3; i < 8; i++) { /* a consumer inside a dropped segment reads it to its end */
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(got);
        if (r.offset != i) {
            CHECK_EQ(r.offset, begin);
            break;
        }
    }
    consumer_close(c);
    CHECK_OK(consumer_open(f.topic, 0, &c, d)); /* clamped */
    CHECK_EQ(consumer_offset(c), begin);
    consumer_close(c);
    CHECK_EQ(count_from(t, f.topic, begin), 100 - begin);
    close_log(&f);
    open_log(t, &f); /* segment times are found again from their marks */
    CHECK_EQ(topic_begin(f.topic), begin);
    CHECK_OK(topic_maintain(f.topic, 180, d));
    CHECK_TRUE(topic_begin(f.topic) > 70 && topic_begin(f.topic) <= 80);
    CHECK_OK(topic_maintain(f.topic, 1000, d)); /* a quiet topic forgets its last segment as well */
    CHECK_EQ(topic_begin(f.topic), 100);
    CHECK_EQ(topic_end(f.topic), 100);
    CHECK_EQ(append(t, f.topic, "k", "v", 999), 100);
    close_log(&f);
    open_log(t, &f);
    CHECK_EQ(topic_begin(f.topic), 100);
    CHECK_EQ(topic_end(f.topic), 101);
    close_log(&f);
}

TEST(retention_keeps_what_is_not_read_yet)
{
    struct fixture f = {.segment_bytes = 500, .retention_ms = 100};
    uint64_t begin;

    open_log(t, &f);
    for (int i = 0; i < 100; i++)
        (void)append(t, f.topic, "key", "a value that fills segments", i);
    topic_keep_from(f.topic, 0);
    CHECK_OK(topic_maintain(f.topic, 1000, d));
    CHECK_EQ(topic_begin(f.topic), 0);
    topic_keep_from(f.topic, 50);
    CHECK_OK(topic_maintain(f.topic, 1000, d));
    begin = topic_begin(f.topic);
    CHECK_TRUE(begin > 40 && begin <= 50); /* the segment of record 50 stays as a whole */
    CHECK_EQ(count_from(t, f.topic, 50), 50);
    topic_keep_from(f.topic, 99);
    CHECK_OK(topic_maintain(f.topic, 1000, d));
    CHECK_TRUE(topic_begin(f.topic) <= 99);
    CHECK_EQ(count_from(t, f.topic, 99), 1);
    topic_keep_from(f.topic, 100);
    CHECK_OK(topic_maintain(f.topic, 1000, d));
    CHECK_EQ(topic_begin(f.topic), 100);
    close_log(&f);
}

/* Whole segments are skipped, never a record that is asked for. */
TEST(topic_after_skips_old_segments)
{
    struct fixture f = {.segment_bytes = 500, .retention_ms = 100};
    uint64_t offset;

    open_log(t, &f);
    CHECK_OK(topic_after(f.topic, 7, &offset, d)); /* nothing is there */
    CHECK_EQ(offset, 0);
    for (int i = 0; i < 100; i++)
        (void)append(t, f.topic, "key", "a value that fills segments", i);
    for (int round = 0; round < 2; round++) {
        for (int64_t ms = -1; ms < 102; ms++) {
            CHECK_OK(topic_after(f.topic, ms, &offset, d));
            CHECK_TRUE((int64_t)offset <= ms + 1);
            CHECK_TRUE((int64_t)offset > ms - 12);
        }
        close_log(&f);
        open_log(t, &f); /* then from the marks in the files */
    }
    CHECK_OK(topic_maintain(f.topic, 150, d));
    CHECK_OK(topic_after(f.topic, 10, &offset, d));
    CHECK_EQ(offset, topic_begin(f.topic));
    close_log(&f);
}

TEST(retention_none_keeps_everything)
{
    struct fixture f = {.segment_bytes = 500};

    open_log(t, &f);
    for (int i = 0; i < 30; i++)
        (void)append(t, f.topic, "key", "a value that fills segments", i);
    CHECK_OK(topic_maintain(f.topic, INT64_MAX, d));
    CHECK_EQ(count_from(t, f.topic, 0), 30);
    close_log(&f);
}

TEST(compaction_ages_tombstones_once)
{
    struct fixture f = {.segment_bytes = 500, .compacted = true};
    struct consumer *c;
    struct record r;
    bool got;

    open_log(t, &f);
    for (int i = 0; i < 40; i++)
        (void)append(t, f.topic, "a", "overwritten again and again", i);
    (void)append(t, f.topic, "a", NULL, 40);
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_OK(consumer_open(f.topic, 0, &c, d));
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    CHECK_TRUE(got && r.offset == 40 && r.value.p == NULL); /* whoever reads now learns of the deletion */
    consumer_close(c);
    for (int i = 0; i < 40; i++)
        (void)append(t, f.topic, "b", "overwritten again and again", i);
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_EQ(topic_begin(f.topic), 80);
    CHECK_EQ(count_from(t, f.topic, 80), 1);
    close_log(&f);
}

static bool
has_record(struct t *t, struct topic *topic, uint64_t offset)
{
    struct consumer *c;
    struct record r;
    bool got;

    CHECK_OK(consumer_open(topic, offset, &c, d));
    CHECK_OK(consumer_poll(c, 0, &r, &got, d));
    consumer_close(c);
    return got && r.offset == offset;
}

/* What was replaced within the history stays with what replaced it; the same at the limit and one past it. */
TEST(compaction_leaves_the_history)
{
    struct fixture f = {.segment_bytes = 500, .compacted = true, .history_ms = 10};

    open_log(t, &f);
    for (int i = 0; i < 100; i++)
        (void)append(t, f.topic, "a", "overwritten again and again", i);
    (void)append(t, f.topic, "a", NULL, 100);
    CHECK_OK(topic_maintain(f.topic, 100, d));
    CHECK_EQ(topic_begin(f.topic), 90); /* the newest that is 10 old: what was in force when the history begins */
    CHECK_EQ(count_from(t, f.topic, 90), 11);
    CHECK_TRUE(!has_record(t, f.topic, 89));
    CHECK_TRUE(has_record(t, f.topic, 90) && has_record(t, f.topic, 91) && has_record(t, f.topic, 100));
    for (int i = 0; i < 100; i++)
        (void)append(t, f.topic, "b", "overwritten again and again", 101 + i);
    CHECK_OK(topic_maintain(f.topic, 300, d));
    CHECK_TRUE(has_record(t, f.topic, 200) && !has_record(t, f.topic, 199) && !has_record(t, f.topic, 90));
    close_log(&f);
}

static unsigned
three_of_each(struct str key)
{
    (void)key;
    return 3;
}

static void
fill(struct t *t, struct topic *topic, const char *key)
{
    for (int i = 0; i < 80; i++)
        (void)append(t, topic, key, "overwritten again and again", i);
}

/* Offsets of the records of "a" that are there, and how many. */
static size_t
offsets_of_a(struct t *t, struct topic *topic, uint64_t offsets[8])
{
    struct consumer *c;
    struct record r;
    size_t n = 0;
    bool got = true;

    CHECK_OK(consumer_open(topic, 0, &c, d));
    for (;;) {
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        if (!got)
            break;
        if (str_eq(r.key, S("a")) && n < 8)
            offsets[n++] = r.offset;
    }
    consumer_close(c);
    return n;
}

TEST(compaction_keeps_the_revisions_that_are_asked_for)
{
    struct fixture f = {.segment_bytes = 500, .compacted = true, .revisions = three_of_each};
    uint64_t at[8];

    open_log(t, &f);
    fill(t, f.topic, "a");
    fill(t, f.topic, "b");
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_EQ(offsets_of_a(t, f.topic, at), 3);
    CHECK_EQ(at[0], 77);
    (void)append(t, f.topic, "a", NULL, 40); /* offset 160 */
    fill(t, f.topic, "b");
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_EQ(offsets_of_a(t, f.topic, at), 3); /* the tombstone is one of them */
    CHECK_EQ(at[0], 78);
    CHECK_EQ(at[2], 160);
    fill(t, f.topic, "b");
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_EQ(offsets_of_a(t, f.topic, at), 1); /* aged: what it deleted goes first */
    CHECK_EQ(at[0], 160);
    fill(t, f.topic, "b");
    CHECK_OK(topic_maintain(f.topic, 0, d));
    CHECK_EQ(offsets_of_a(t, f.topic, at), 0);
    close_log(&f);
}

/* --- against a model --- */

#define KEYS 12
#define RECORDS_MAX 4000

struct log_model {
    struct model_record {
        int key; /* -1: none */
        bool tombstone;
        uint64_t check; /* goes into cause and value */
    } records[RECORDS_MAX];
    uint64_t end;
};

static struct str
model_key(int key)
{
    static const char keys[KEYS][4] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11"};

    return key < 0 ? S_NULL : str_of(keys[key]);
}

static void
append_random(struct t *t, struct topic *topic, struct log_model *m)
{
    struct record r[4];
    size_t n = 1 + (size_t)rng_below(&t->rng, 4);
    uint64_t first;

    for (size_t i = 0; i < n; i++) {
        struct model_record *in = &m->records[m->end + i];
        in->key = (int)rng_below(&t->rng, KEYS + 1) - 1;
        if (in->key < 0 && rng_below(&t->rng, 4))
            in->key = 0;
        in->tombstone = rng_below(&t->rng, 5) == 0;
        in->check = rng_u64(&t->rng) >> 8;
        r[i] = (struct record){.time_ms = (int64_t)m->end,
                               .cause = in->check,
                               .key = model_key(in->key),
                               .value = in->tombstone ? S_NULL : value_of(t, in->check)};
    }
    CHECK_OK(topic_append_many(topic, r, n, ACK_WRITTEN, &first, d));
    CHECK_EQ(first, m->end);
    m->end += n;
}

/* Of the first keys more than the newest record is kept. */
static unsigned
model_revisions(struct str key)
{
    return key.n == 2 && key.p[1] < '4' ? (unsigned)(key.p[1] - '0') * 2 + 1 : 1;
}

/* Records before a deletion may go with it; else the newest ones, as many as are asked for, stay. */
static bool
may_be_gone(const struct topic *topic, const struct log_model *m, uint64_t offset)
{
    const struct model_record *r = &m->records[offset];
    unsigned later = 0;

    if (r->tombstone)
        return true;
    for (uint64_t i = offset + 1; i < m->end; i++) {
        if (m->records[i].key == r->key && m->records[i].tombstone)
            return true;
        later += m->records[i].key == r->key;
    }
    return later >= (topic->revisions == NULL ? 1 : topic->revisions(model_key(r->key)));
}

/* What is read is a subset of what was appended, in order and unchanged; every record that compaction must keep is
 * there, and folding it gives the same table. */
static void
check_log(struct t *t, struct topic *topic, const struct log_model *m, struct consumer *given, uint64_t from)
{
    struct consumer *c = given;
    struct record r;
    uint64_t next = from, newest[KEYS], folded[KEYS];
    bool got = true;

    for (int key = 0; key < KEYS; key++)
        newest[key] = folded[key] = UINT64_MAX;
    if (c == NULL)
        CHECK_OK(consumer_open(topic, from, &c, d));
    while (got) {
        uint64_t upto;
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        upto = got ? r.offset : m->end;
        CHECK_TRUE(upto >= next && upto <= m->end);
        for (; next < upto; next++) { /* these were not delivered */
            CHECK_TRUE(m->records[next].key >= 0);
            CHECK_TRUE(may_be_gone(topic, m, next));
        }
        if (got) {
            const struct model_record *in = &m->records[r.offset];
            CHECK_EQ(r.cause, in->check);
            CHECK_STR(r.key, model_key(in->key));
            CHECK_EQ(r.value.p == NULL, in->tombstone);
            if (!in->tombstone)
                CHECK_STR(r.value, value_of(t, in->check));
            next = r.offset + 1;
            if (in->key >= 0)
                folded[in->key] = in->tombstone ? UINT64_MAX : r.offset;
        }
    }
    consumer_close(c);
    for (uint64_t i = from; i < m->end; i++) {
        if (m->records[i].key >= 0)
            newest[m->records[i].key] = m->records[i].tombstone ? UINT64_MAX : i;
    }
    for (int key = 0; key < KEYS; key++) /* a deleted key has not come back */
        CHECK_EQ(folded[key], newest[key]);
}

static void
equals_the_model(struct t *t, unsigned (*revisions)(struct str key))
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 1200, .compacted = true, .revisions = revisions};
    struct log_model *m = arena_calloc(t->arena, 1, sizeof *m);

    open_log(t, &f);
    for (int round = 0; round < 120; round++) {
        struct consumer *c = NULL;
        struct record r;
        uint64_t from = rng_below(&t->rng, m->end + 1), start;
        bool got;
        for (uint64_t n = rng_below(&t->rng, 12); n > 0; n--)
            append_random(t, f.topic, m);
        CHECK_OK(consumer_open(f.topic, from, &c, d));
        CHECK_OK(consumer_poll(c, 0, &r, &got, d)); /* stands inside a segment while that is replaced */
        start = consumer_offset(c);
        switch (rng_below(&t->rng, 4)) {
        case 0: /* a crash somewhere in a compaction */
            os_sim_kill_at(sim, 1 + rng_below(&t->rng, 12));
            (void)topic_maintain(f.topic, 0, NULL);
            consumer_close(c);
            close_log(&f);
            os_sim_revive(sim);
            open_log(t, &f);
            break;
        case 1:
            consumer_close(c);
            close_log(&f);
            open_log(t, &f);
            break;
        default:
            CHECK_OK(topic_maintain(f.topic, 0, d));
            check_log(t, f.topic, m, c, start);
        }
        CHECK_EQ(topic_end(f.topic), m->end);
        check_log(t, f.topic, m, NULL, 0);
        check_log(t, f.topic, m, NULL, rng_below(&t->rng, m->end + 1));
    }
    CHECK_OK(topic_maintain(f.topic, 0, d));
    close_log(&f);
    open_log(t, &f);
    CHECK_OK(topic_maintain(f.topic, 0, d)); /* nothing is known of the keys after a restart: it looks again */
    check_log(t, f.topic, m, NULL, 0);
    close_log(&f);
    os_sim_free(sim);
}

TEST(compaction_equals_the_model)
{
    equals_the_model(t, NULL);
}

TEST(compaction_with_revisions_equals_the_model)
{
    equals_the_model(t, model_revisions);
}

static void
killed_at_every_change(struct t *t, unsigned (*revisions)(struct str key))
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 900, .compacted = true, .revisions = revisions};
    struct log_model *m = arena_calloc(t->arena, 1, sizeof *m);
    bool died = true;

    for (uint64_t nth = 1; died; nth++) {
        open_log(t, &f);
        for (int i = 0; i < 12; i++)
            append_random(t, f.topic, m);
        os_sim_kill_at(sim, nth);
        (void)topic_maintain(f.topic, 0, NULL);
        died = os_sim_is_dead(sim);
        close_log(&f);
        os_sim_revive(sim);
        open_log(t, &f);
        CHECK_EQ(topic_end(f.topic), m->end);
        check_log(t, f.topic, m, NULL, 0);
        close_log(&f);
        CHECK_TRUE(m->end + 100 < RECORDS_MAX);
    }
    os_sim_free(sim);
}

/* A crash at every single change of the disk during one compaction. */
TEST(compaction_killed_at_every_change)
{
    killed_at_every_change(t, NULL);
}

TEST(compaction_with_revisions_killed_at_every_change)
{
    killed_at_every_change(t, model_revisions);
}

TEST(compaction_on_a_full_disk_changes_nothing)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 900, .compacted = true};
    struct log_model *m = arena_calloc(t->arena, 1, sizeof *m);

    open_log(t, &f);
    for (int i = 0; i < 60; i++)
        append_random(t, f.topic, m);
    for (uint64_t room = 0; room < 400; room += 13) {
        os_sim_limit_space(sim, room);
        CHECK_ERR(topic_maintain(f.topic, 0, d), ERR_BUSY);
        check_log(t, f.topic, m, NULL, 0);
    }
    os_sim_limit_space(sim, UINT64_MAX);
    CHECK_OK(topic_maintain(f.topic, 0, d));
    check_log(t, f.topic, m, NULL, 0);
    close_log(&f);
    os_sim_free(sim);
}

/* A file that cannot be removed must not bring back later what was deleted meanwhile. */
TEST(compaction_that_cannot_remove_files)
{
    struct os_sim *sim = os_sim_new(os_posix());
    struct fixture f = {.os = os_sim_os(sim), .segment_bytes = 900, .compacted = true};
    struct log_model *m = arena_calloc(t->arena, 1, sizeof *m);

    open_log(t, &f);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 12; i++)
            append_random(t, f.topic, m);
        os_sim_fail_unlink(sim, rng_below(&t->rng, 2));
        (void)topic_maintain(f.topic, 0, NULL);
        check_log(t, f.topic, m, NULL, 0);
        os_sim_fail_unlink(sim, false);
        if (rng_below(&t->rng, 3) == 0) {
            CHECK_OK(topic_maintain(f.topic, 0, d));
            CHECK_TRUE(!f.topic->strays);
        }
        if (rng_below(&t->rng, 3) == 0) {
            close_log(&f);
            open_log(t, &f);
            check_log(t, f.topic, m, NULL, 0);
        }
    }
    close_log(&f);
    os_sim_free(sim);
}

struct reader {
    struct topic *topic;
    uint64_t target;
    uint64_t last;
    enum err rc;
    struct os_thread thread;
};

static void
read_on(void *ctx)
{
    struct reader *rd = ctx;
    struct consumer *c;
    struct record r;
    bool got;

    rd->rc = consumer_open(rd->topic, 0, &c, NULL);
    while (rd->rc == ERR_OK && rd->last + 1 < rd->target) {
        rd->rc = consumer_poll(c, 100000, &r, &got, NULL);
        if (rd->rc == ERR_OK && got) {
            if (r.offset <= rd->last && r.offset != 0)
                rd->rc = ERR_INVALID;
            rd->last = r.offset;
        }
    }
    if (rd->rc == ERR_OK || rd->rc == ERR_INVALID)
        consumer_close(c);
}

TEST(compaction_while_others_append_and_read)
{
    struct fixture f = {.segment_bytes = 3000, .compacted = true, .os = NULL};
    struct os_sim *sim = os_sim_new(os_posix());
    struct log_model *m = arena_calloc(t->arena, 1, sizeof *m);
    struct reader rd[2];

    f.os = os_sim_os(sim);
    open_log(t, &f);
    for (int i = 0; i < 2; i++) {
        rd[i] = (struct reader){.topic = f.topic, .target = 1200};
        CHECK_OK(os_thread_open(&rd[i].thread, "reader", read_on, &rd[i], d));
    }
    while (m->end < 1200) {
        append_random(t, f.topic, m);
        if (rng_below(&t->rng, 8) == 0)
            CHECK_OK(topic_maintain(f.topic, 0, d));
    }
    for (int i = 0; i < 2; i++) {
        os_thread_close(&rd[i].thread);
        CHECK_EQ(rd[i].rc, ERR_OK);
    }
    check_log(t, f.topic, m, NULL, 0);
    close_log(&f);
    os_sim_free(sim);
}
