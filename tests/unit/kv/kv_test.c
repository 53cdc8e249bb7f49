/* The table against its model, live and across restarts. */
#include "base/metric.h"
#include "kv_help.h"

TEST(kv_put_get_delete)
{
    struct kv_position p = {S("collect/0"), 17};
    struct str v;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    CHECK_ERR(kv_get(k, S("a"), &v, d), ERR_NOT_FOUND);
    CHECK_OK(kv_put(k, S("a"), S("1"), 0, d));
    CHECK_OK(kv_put(k, S(""), S("empty key"), 0, d));
    CHECK_OK(kv_put(k, S("empty value"), S(""), 0, d));
    CHECK_OK(kv_get(k, S("a"), &v, d));
    CHECK_STR(v, S("1"));
    CHECK_EQ(kv_count(k), 3);
    CHECK_OK(kv_commit(k, &p, 1, false, d));
    CHECK_EQ(kv_staged_bytes(k), 0);
    CHECK_OK(kv_get(k, S("a"), &v, d));
    CHECK_STR(v, S("1"));
    CHECK_OK(kv_put(k, S("a"), S("two"), 0, d));
    CHECK_OK(kv_get(k, S("a"), &v, d));
    CHECK_STR(v, S("two"));
    CHECK_OK(kv_delete(k, S(""), d));
    CHECK_TRUE(!kv_has(k, S("")));
    CHECK_OK(kv_commit(k, NULL, 0, true, d));
    CHECK_OK(kv_put(k, S("never committed"), S("x"), 0, d));
    kv_close(k);
    open_kv(t, &k, NULL, 0);
    CHECK_EQ(kv_count(k), 2);
    CHECK_OK(kv_get(k, S("a"), &v, d));
    CHECK_STR(v, S("two"));
    CHECK_OK(kv_get(k, S("empty value"), &v, d));
    CHECK_EQ(v.n, 0);
    CHECK_ERR(kv_get(k, S("never committed"), &v, d), ERR_NOT_FOUND);
    CHECK_EQ(kv_position(k, S("collect/0")), 17);
    CHECK_EQ(kv_position(k, S("other")), 0);
    kv_close(k);
}

TEST(kv_limits_at_and_past)
{
    char *big = arena_calloc(t->arena, 1, LIMIT_RECORD_VALUE_BYTES + 1);
    struct str v;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    CHECK_OK(kv_put(k, (struct str){big, LIMIT_RECORD_KEY_BYTES}, (struct str){big, LIMIT_RECORD_VALUE_BYTES}, 0, d));
    CHECK_ERR(kv_put(k, (struct str){big, LIMIT_RECORD_KEY_BYTES + 1}, S("v"), 0, d), ERR_LIMIT);
    CHECK_ERR(kv_delete(k, (struct str){big, LIMIT_RECORD_KEY_BYTES + 1}, d), ERR_LIMIT);
    CHECK_ERR(kv_put(k, S("k"), (struct str){big, LIMIT_RECORD_VALUE_BYTES + 1}, 0, d), ERR_LIMIT);
    for (size_t i = 1; i < 8; i++) {
        enum err rc = kv_put(k, key_of(i), (struct str){big, LIMIT_RECORD_VALUE_BYTES}, 0, NULL);
        CHECK_EQ(rc, i < 7 ? ERR_OK : ERR_LIMIT); /* the batch is a frame of at most 64 MB */
    }
    CHECK_OK(kv_put(k, S("small"), S("fits"), 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    CHECK_OK(kv_put(k, key_of(7), (struct str){big, LIMIT_RECORD_VALUE_BYTES}, 0, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    CHECK_OK(kv_get(k, (struct str){big, LIMIT_RECORD_KEY_BYTES}, &v, d));
    CHECK_EQ(v.n, LIMIT_RECORD_VALUE_BYTES);
    CHECK_EQ(kv_count(k), 9);
    kv_close(k);
}

TEST(kv_position_limits)
{
    struct kv_position p[LIMIT_POSITIONS + 1];
    char long_name[LIMIT_POSITION_NAME_BYTES + 1];
    struct kv *k;

    memset(long_name, 'p', sizeof long_name);
    open_kv(t, &k, NULL, 0);
    for (size_t i = 0; i <= LIMIT_POSITIONS; i++)
        p[i] = (struct kv_position){arena_printf(t->arena, "topic/%zu", i), i};
    CHECK_ERR(kv_commit(k, p, LIMIT_POSITIONS + 1, false, d), ERR_LIMIT);
    CHECK_EQ(kv_position(k, S("topic/5")), 0);
    p[0].name = (struct str){long_name, LIMIT_POSITION_NAME_BYTES + 1};
    CHECK_ERR(kv_commit(k, p, 1, false, d), ERR_LIMIT);
    p[0].name.n--;
    CHECK_OK(kv_commit(k, p, LIMIT_POSITIONS, false, d));
    kv_close(k);
    open_kv(t, &k, NULL, 0);
    CHECK_EQ(kv_position(k, S("topic/5")), 5);
    CHECK_EQ(kv_position(k, S("topic/1023")), 1023);
    kv_close(k);
}

TEST(kv_commit_without_change_writes_nothing)
{
    struct kv_position p = {S("collect/0"), 3};
    uint64_t bytes;
    struct kv *k;

    open_kv(t, &k, NULL, 0);
    CHECK_OK(kv_put(k, S("a"), S("1"), 0, d));
    CHECK_OK(kv_commit(k, &p, 1, false, d));
    bytes = kv_disk_bytes(k);
    CHECK_OK(kv_commit(k, &p, 1, true, d));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    CHECK_OK(kv_delete(k, S("absent"), d));
    CHECK_OK(kv_put(k, S("b"), S("1"), 0, d));
    CHECK_OK(kv_delete(k, S("b"), d)); /* put and deleted within the batch */
    CHECK_OK(kv_commit(k, &p, 1, false, d));
    CHECK_EQ(kv_disk_bytes(k), bytes);
    p.offset = 4;
    CHECK_OK(kv_commit(k, &p, 1, false, d));
    CHECK_TRUE(kv_disk_bytes(k) > bytes);
    kv_close(k);
}

/* The natural way to copy or extend a value: put what get has lent. */
TEST(kv_put_of_a_borrowed_value)
{
    char *big = arena_calloc(t->arena, 1, 5000);
    struct str v;
    struct kv *k;

    memset(big, 'x', 5000);
    open_kv(t, &k, NULL, 0);
    CHECK_OK(kv_put(k, S("a"), (struct str){big, 200}, 0, d));
    for (int i = 0; i < 50; i++) {
        CHECK_OK(kv_get(k, S("a"), &v, d));
        CHECK_OK(kv_put(k, key_of((size_t)i), v, 0, d));
        CHECK_OK(kv_get(k, key_of((size_t)i), &v, d));
        CHECK_OK(kv_put(k, key_of((size_t)i), str_slice(v, 10, 150), 0, d));
        CHECK_OK(kv_get(k, key_of((size_t)i), &v, d));
        CHECK_STR(v, ((struct str){big, 140}));
        if (i == 25)
            CHECK_OK(kv_commit(k, NULL, 0, false, d));
    }
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    for (int i = 0; i < 50; i++) {
        CHECK_OK(kv_get(k, key_of((size_t)i), &v, d));
        CHECK_STR(v, ((struct str){big, 140}));
    }
    kv_close(k);
}

/* Random changes, commits, restarts with and without a checkpoint, compaction, against the model. Small segments and a
 * large share of overwrites make every path busy. */
static void
run_model(struct t *t, struct os *os, int rounds)
{
    struct model staged = {0}, committed = {0};
    int64_t compactions = metric_value(M_KV_COMPACTIONS);
    struct kv *k;

    open_kv(t, &k, os, 4096);
    for (int i = 0; i < rounds; i++) {
        struct kv_position p = {S("collect/0"), (uint64_t)i + 1};
        for (uint64_t n = rng_below(&t->rng, 12); n > 0; n--)
            change(t, k, &staged, &t->rng);
        check_equal(t, k, &staged);
        switch (rng_below(&t->rng, 8)) {
        case 0:
            kv_close(k); /* what was staged is lost */
            if (rng_below(&t->rng, 2))
                CHECK_OK(os_unlink(os ? os : os_posix(), kv_file_path(t, "checkpoint"), d));
            staged = committed;
            open_kv(t, &k, os, 4096);
            break;
        case 1:
            CHECK_OK(kv_step(k, d));
            break;
        case 2:
            CHECK_OK(kv_checkpoint(k, d));
            break;
        default:
            CHECK_OK(kv_commit(k, &p, 1, rng_below(&t->rng, 4) == 0, d));
            staged.position = p.offset;
            committed = staged;
        }
        check_equal(t, k, &staged);
    }
    CHECK_OK(kv_step(k, d));
    CHECK_TRUE(kv_disk_bytes(k) < MODEL_KEYS * (MODEL_VALUE_BYTES + 60) * 2 + 3 * 4096);
    CHECK_TRUE(metric_value(M_KV_COMPACTIONS) > compactions + 3);
    kv_close(k);
}

TEST(kv_model)
{
    run_model(t, NULL, 150);
}

TEST(kv_model_without_mappings)
{
    struct os_sim *sim = os_sim_new(os_posix());

    os_sim_refuse_maps(sim, true);
    run_model(t, os_sim_os(sim), 250);
    os_sim_free(sim);
}

TEST(kv_model_simulated_disk)
{
    struct os_sim *sim = os_sim_new(os_posix());

    run_model(t, os_sim_os(sim), 700);
    os_sim_free(sim);
}
