/* question_test.c - what an edit would change, and what was at a past instant: what is asked, and what is refused. OURS
 */
#include "admin/admin_evaluate.h"
#include "base/limits.h"
#include "control_fixture.h"

#define DIFF "/data/core/ups/diff"
#define AS_OF "/data/core/ups/as-of"

static const char *
ask(struct control *c, const char *path, const char *body)
{
    struct t *t = c->t;
    struct reply r = control_ask(c, arena_printf(t->arena, "POST %s", path).p, body);

    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(c, &r, "state"), S("NEW"));
    return arena_cstr(t->arena, control_get(c, &r, "id"));
}

static struct reply
look(struct control *c, const char *method, const char *path, const char *id)
{
    return control_ask(c, arena_printf(c->t->arena, "%s %s/%s", method, path, id).p, NULL);
}

TEST(admin_diff_of_an_audience_and_an_expression)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    control_audience(&c, "rich", "points > 5");
    for (int i = 0; i < 10; i++)
        control_person(&c, arena_printf(t->arena, "%d", i).p, arena_printf(t->arena, "{'points':%d}", i).p);
    control_hub_waits(&c, true);
    id = ask(&c, DIFF, "{'audienceId':'rich','predicateExpression':'points > 2 and points < 9'}");
    r = look(&c, "GET", DIFF, id);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "entering"), S("null"));
    CHECK_REPLY(look(&c, "GET", "/data/core/ups/preview", id), 404); /* another kind of question */
    control_hub_waits(&c, false);
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", DIFF, id);
    CHECK_STR(control_get(&c, &r, "state"), S("RESULT_READY"));
    CHECK_STR(control_get(&c, &r, "audienceId"), S("rich"));
    CHECK_STR(control_get(&c, &r, "before"), S("4"));
    CHECK_STR(control_get(&c, &r, "after"), S("6"));
    CHECK_STR(control_get(&c, &r, "entering"), S("3"));
    CHECK_STR(control_get(&c, &r, "leaving"), S("1"));
    CHECK_STR(control_get(&c, &r, "staying"), S("3"));
    CHECK_STR(control_get(&c, &r, "undecided"), S("0"));
    CHECK_STR(control_get(&c, &r, "profilesReadSoFar"), S("10"));
    CHECK_STR(control_get(&c, &r, "sample.leaving.0.entityId"), S("9"));
    CHECK_STR(control_get(&c, &r, "sample.leaving.0.entityIdNS"), S("CRM"));
    CHECK_STR(control_get(&c, &r, "sample.entering.3"), S("null"));
    id = ask(&c, DIFF, "{'predicateExpression':'points > 2'}"); /* of a new one: all enter */
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", DIFF, id);
    CHECK_STR(control_get(&c, &r, "entering"), S("7"));
    CHECK_STR(control_get(&c, &r, "before"), S("0"));
    CHECK_REPLY(look(&c, "DELETE", DIFF, id), 204);
    CHECK_REPLY(look(&c, "DELETE", DIFF, id), 404);
    control_close(&c);
}

TEST(admin_diff_refuses_what_saving_would_refuse)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    control_audience(&c, "a", "points > 5");
    control_audience(&c, "b", "inSegment(\\\"a\\\") and points < 9");
    control_audience(&c, "c", "inSegment(\\\"b\\\")");
    CHECK_REPLY(control_ask(&c, "POST " DIFF, "{'audienceId':'none','predicateExpression':'points > 2'}"), 404);
    CHECK_REPLY(control_ask(&c, "POST " DIFF, "{'audienceId':7,'predicateExpression':'points > 2'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " DIFF, "{'audienceId':'a'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " DIFF, "{'audienceId':'a','predicateExpression':'points > > 2'}"), 400);
    r = control_ask(&c, "POST " DIFF, "{'audienceId':'a','predicateExpression':'inSegment(\\\"c\\\")'}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "leads back to audience 'a'");
    CHECK_REPLY(control_ask(&c, "POST " DIFF, "{'audienceId':'c','predicateExpression':'inSegment(\\\"a\\\")'}"), 201);
    control_close(&c);
}

TEST(admin_diff_is_cancelled_while_it_runs)
{
    struct control c;
    const char *id;

    control_open(t, &c, false);
    control_hub_waits(&c, true);
    id = ask(&c, DIFF, "{'predicateExpression':'points > 2'}");
    CHECK_REPLY(look(&c, "DELETE", DIFF, id), 204);
    evaluator_wait(c.admin->evaluator); /* the hub still says "later" */
    CHECK_REPLY(look(&c, "GET", DIFF, id), 404);
    control_close(&c);
}

TEST(admin_as_of_answers)
{
    struct control c;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    control_audience(&c, "a", "points > 5");
    control_person(&c, "7", "{'points':7}");
    id = ask(&c, AS_OF, "{'at':'2026-01-01T00:00:00Z','audienceId':'a'}");
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", AS_OF, id);
    CHECK_STR(control_get(&c, &r, "state"), S("RESULT_READY"));
    CHECK_STR(control_get(&c, &r, "size"), S("41"));
    CHECK_STR(control_get(&c, &r, "at"), S("2026-01-01T00:00:00.000Z"));
    id = ask(&c, AS_OF, "{'at':'2026-01-01','entityIdNS':'CRM','entityId':'7'}");
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", AS_OF, id);
    CHECK_STR(control_get(&c, &r, "known"), S("true"));
    CHECK_STR(control_get(&c, &r, "audiences"), S("[]"));
    id = ask(&c, AS_OF, "{'at':'2025-12-31T23:59:59Z','entityIdNS':'CRM','entityId':'7','audienceId':'a'}");
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", AS_OF, id);
    CHECK_STR(control_get(&c, &r, "known"), S("false"));
    CHECK_STR(control_get(&c, &r, "member"), S("false"));
    id = ask(&c, AS_OF, "{'at':'2026-01-01T00:00:00Z','entityIdNS':'CRM','entityId':'nobody'}");
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", AS_OF, id);
    CHECK_STR(control_get(&c, &r, "state"), S("FAILED"));
    CHECK_STR(control_get(&c, &r, "error.description"), S("no profile has this identity"));
    CHECK_REPLY(look(&c, "DELETE", AS_OF, id), 204);
    CHECK_REPLY(look(&c, "GET", AS_OF, id), 404);
    control_close(&c);
}

TEST(admin_as_of_tells_how_much_it_read)
{
    struct control c;
    struct record change = {.time_ms = C_NOW - 1000,
                            .key = S("1"),
                            .value = S("{\"profile\":\"1\",\"scope\":\"" C_SCOPE "\",\"realized\":[\"a\"]}")};
    uint64_t offset;
    struct reply r;
    const char *id;

    control_open(t, &c, false);
    control_audience(&c, "a", "points > 5");
    CHECK_OK(topic_append(c.membership, &change, ACK_WRITTEN, &offset, d));
    id = ask(&c, AS_OF, "{'at':'2025-12-31T00:00:00Z','audienceId':'a'}");
    evaluator_wait(c.admin->evaluator);
    r = look(&c, "GET", AS_OF, id);
    CHECK_STR(control_get(&c, &r, "state"), S("RESULT_READY"));
    CHECK_STR(control_get(&c, &r, "size"), S("40"));
    CHECK_STR(control_get(&c, &r, "records"), S("1"));
    CHECK_STR(control_get(&c, &r, "recordsReadSoFar"), S("1"));
    control_close(&c);
}

TEST(admin_as_of_refuses)
{
    struct control c;

    control_open(t, &c, false);
    control_audience(&c, "a", "points > 5");
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'audienceId':'a'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'yesterday','audienceId':'a'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'2026-01-01T00:00:00.001Z','audienceId':'a'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'2026-01-01T00:00:00Z'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'2026-01-01T00:00:00Z','audienceId':'none'}"), 404);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'2026-01-01T00:00:00Z','entityIdNS':'CRM'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " AS_OF, "{'at':'2026-01-01T00:00:00Z','audienceId':7}"), 400);
    control_close(&c);
}
