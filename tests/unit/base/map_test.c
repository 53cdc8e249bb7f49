#include "base/map.h"

#include "t.h"

#define KEYS 400

/* Keys of different lengths that share prefixes; key 0 is empty. */
static struct str
key_of(struct t *t, unsigned i)
{
    return i == 0 ? S("") : arena_printf(t->arena, "%0*u", (int)(1 + i % 7), i);
}

static void
check_equal(struct t *t, const struct map *m, struct str *keys, void **model)
{
    size_t count = 0, seen = 0, at = 0;
    const struct map_slot *s;

    for (unsigned i = 0; i < KEYS; i++) {
        CHECK_TRUE(map_get(m, keys[i]) == model[i]);
        count += model[i] != NULL;
    }
    CHECK_EQ(m->count, count);
    CHECK_TRUE(m->count * 3 <= m->slot_count * 2);
    while ((s = map_next(m, &at)) != NULL) {
        CHECK_TRUE(map_get(m, s->key) == s->value);
        seen++;
    }
    CHECK_EQ(seen, count);
}

TEST(map_agrees_with_an_array)
{
    static struct str keys[KEYS];
    static void *model[KEYS];
    static int values[1000];
    struct map m;

    map_init(&m);
    memset(model, 0, sizeof model);
    for (unsigned i = 0; i < KEYS; i++)
        keys[i] = key_of(t, i);
    CHECK_TRUE(map_get(&m, S("x")) == NULL && map_remove(&m, S("x")) == NULL);
    for (int step = 0; step < 20000; step++) {
        unsigned k = (unsigned)rng_below(&t->rng, KEYS);
        void *v = &values[rng_below(&t->rng, 1000)], *old = NULL;
        bool grow = (step / 4000) % 2 == 0; /* phases that fill and phases that empty */
        if (rng_below(&t->rng, 10) < (grow ? 7u : 2u)) {
            CHECK_TRUE(map_put(&m, keys[k], v, &old));
            CHECK_TRUE(old == model[k]);
            model[k] = v;
        } else {
            CHECK_TRUE(map_remove(&m, keys[k]) == model[k]);
            model[k] = NULL;
        }
        if (step % 500 == 0)
            check_equal(t, &m, keys, model);
    }
    check_equal(t, &m, keys, model);
    map_deinit(&m);
}

TEST(map_copies_keys)
{
    char key[] = "abc";
    struct map m;
    int v;

    map_init(&m);
    CHECK_TRUE(map_put(&m, (struct str){key, 3}, &v, NULL));
    key[0] = 'x';
    CHECK_TRUE(map_get(&m, S("abc")) == &v);
    CHECK_TRUE(map_get(&m, S("xbc")) == NULL);
    CHECK_TRUE(map_get(&m, (struct str){"ab\0", 3}) == NULL);
    map_deinit(&m);
    CHECK_TRUE(map_get(&m, S("abc")) == NULL);
}
