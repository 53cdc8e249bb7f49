/* odd_bytes_test.c - LIMIT_ODD_BYTES: an artifact at its bound and one byte past it. */
#include "base/limits.h"
#include "decide/odd.h"
#include "fixture.h"

#define BIG 18 /* activities whose offers fill it; one offer is smaller than LIMIT_PROPOSITION_BYTES */

static void
put_objects(struct buf *b, size_t last_bytes)
{
    buf_put(b, S("{'activities':["));
    for (int i = 1; i <= BIG; i++)
        buf_printf(b,
                   "%s{'id':%d,'name':'x','type':'ab','state':'approved','options':[{'optionLocalId':0,'offerId':%d}],"
                   "'locations':{'mboxes':[{'locationLocalId':0,'name':'m%d'}]},'experiences':[{'experienceLocalId':0,"
                   "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}]}",
                   i > 1 ? "," : "", i, i, i);
    buf_put(b, S("],'offers':["));
    for (int i = 1; i <= BIG; i++) {
        size_t n = i < BIG ? 3900000 : last_bytes;
        buf_printf(b, "%s{'id':%d,'content':'", i > 1 ? "," : "", i);
        for (size_t k = 0; k < n; k++)
            buf_putc(b, 'x');
        buf_put(b, S("'}"));
    }
    buf_put(b, S("]}"));
}

/* The bytes of the artifact whose last offer has so many; 0: refused. */
static size_t
artifact_bytes(struct t *t, size_t last_bytes)
{
    struct decide_source objects;
    struct odd_artifact artifact = {0};
    struct decide_set *set;
    struct arena mine, *whole = t->arena, big;
    struct odd_source src;
    struct buf text;
    enum err rc;

    arena_init(&big, (size_t)LIMIT_ODD_BYTES * 8);
    arena_init(&mine, (size_t)LIMIT_ODD_BYTES * 4);
    t->arena = &big; /* the fixture's */
    buf_init(&text, (size_t)LIMIT_ODD_BYTES * 2);
    put_objects(&text, last_bytes);
    buf_putc(&text, '\0');
    objects = fixture_source(t, text.p);
    CHECK_OK(decide_compile(&objects, &set, d));
    src = (struct odd_source){
        .set = set, .objects = &objects, .org = S("o@AdobeOrg"), .environment = S("production"), .now_ms = FIXTURE_NOW};
    rc = odd_generate(&src, &mine, &artifact, NULL);
    CHECK_TRUE(rc == ERR_OK || rc == ERR_LIMIT);
    decide_free(set);
    arena_deinit(&mine);
    buf_deinit(&text);
    t->arena = whole;
    arena_deinit(&big);
    return rc == ERR_OK ? artifact.text.n : 0;
}

TEST(odd_bytes_at_and_past_their_bound) /* LIMIT_ODD_BYTES */
{
    size_t base = artifact_bytes(t, 100000), room = (size_t)LIMIT_ODD_BYTES - base;

    CHECK_TRUE(base > 0 && base < LIMIT_ODD_BYTES);
    CHECK_EQ(artifact_bytes(t, 100000 + room), LIMIT_ODD_BYTES);
    CHECK_EQ(artifact_bytes(t, 100000 + room + 1), 0);
}
