/* target_seen_test.c - as many names as the hub keeps, and a process without a hub [TARGET 6.2]. */
#include "base/limits.h"
#include "report_fixture.h"

#define A_HIT 100 /* names of one hit */

/* Attribute names of the greatest length, from this number on. */
static void
see_attributes(struct world *w, int first)
{
    struct t *t = w->t;
    struct hit h = {.kind = HIT_EVENT, .source = SOURCE_EDGE, .scope = S(SCOPE), .event_ms = NOW};
    struct buf b;

    buf_init(&b, LIMIT_ADMIN_BODY_BYTES);
    for (int i = first; i < first + A_HIT; i++)
        buf_printf(&b, "%s\"%0*d\":1", i == first ? "{" : ",", LIMIT_MBOX_NAME_BYTES, i);
    buf_putc(&b, '}');
    CHECK_OK(json_parse(buf_str(&b), t->arena, &h.profile_params, d));
    buf_deinit(&b);
    report_fold(w, &h, NOW);
}

TEST(target_seen_names_at_their_limit)
{
    struct world w;
    struct answer a;
    const struct json *names;

    world_open(t, &w);
    for (int i = 0; i < LIMIT_RESULT_NAMES + A_HIT; i += A_HIT) /* the last ones are too many */
        see_attributes(&w, i);
    a = world_get(&w, &family_target_seen, "/acme/target/profileattributes/mbox?sortBy=-name");
    CHECK_STATUS(a, 200);
    names = json_get(a.json, S("mboxProfileAttributes"));
    CHECK_EQ(json_i64(json_get(a.json, S("total")), 0), LIMIT_RESULT_NAMES);
    CHECK_EQ(json_count(names), LIMIT_RESULT_NAMES);
    CHECK_STR(json_str(json_at(names, 0)),
              arena_printf(t->arena, "%0*d", LIMIT_MBOX_NAME_BYTES, LIMIT_RESULT_NAMES - 1));
    world_close(&w);
}

TEST(target_seen_without_a_hub)
{
    struct world w;

    world_open(t, &w);
    world_put(&w, "host", SCOPE, "www.shop.test", "{'name':'www.shop.test','environmentId':1}");
    w.admin.o.hub.read = NULL;
    CHECK_STATUS(world_get(&w, &family_target_seen, "/acme/target/mboxes"), 501);
    CHECK_STATUS(world_get(&w, &family_target_seen, "/acme/target/mbox/hero"), 501);
    CHECK_STATUS(world_get(&w, &family_target_seen, "/acme/target/profileattributes/mbox"), 501);
    CHECK_EQ(json_i64(json_get(world_get(&w, &family_target_seen, "/acme/target/hosts").json, S("total")), 0), 1);
    world_close(&w);
}
