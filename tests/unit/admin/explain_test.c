/* explain_test.c - why a person is a member of an audience, and what is missing; every sentence.  OURS */
#include "base/limits.h"
#include "ingest_fixture.h"

#define AUDIENCES "/data/core/ups/audiences/"

static void
send_row(struct world *w, const char *dataset, const char *schema, const char *entity)
{
    struct t *t = w->t;

    CHECK_STATUS(
        world_post(w, &family_inlet, "/collection/" INLET,
                   arena_printf(t->arena,
                                "{'header':{'schemaRef':{'id':'%s'},'datasetId':'%s'},'body':{'xdmEntity':%s}}", schema,
                                dataset, entity)
                       .p),
        200);
}

/* Ada has five points and no middle name, looked at three pages and bought something, an hour before NOW and earlier.
 */
static void
put_ada(struct world *w)
{
    send_row(w, "people", PROFILE_SCHEMA,
             "{'_acme':{'crmId':'u-17','points':5},'person':{'name':{'firstName':'Ada'}},"
             "'identityMap':{'ECID':[{'id':'" ECID_A "'}]}}");
    for (int i = 0; i < 4; i++)
        send_row(w, "events", EVENT_SCHEMA,
                 arena_printf(w->t->arena,
                              "{'_id':'e%d','timestamp':'2025-12-31T2%d:00:00Z','eventType':'%s',"
                              "'web':{'webPageDetails':{'pageViews':{'value':%d}}},"
                              "'identityMap':{'ECID':[{'id':'" ECID_A "','primary':true}]}}",
                              i, i, i == 3 ? "buy" : "view", i)
                     .p);
    world_fold(w);
}

/* Apostrophes in the expression are double quotes of PQL. */
static void
put_audience(struct world *w, const char *id, const char *pql)
{
    struct t *t = w->t;
    struct buf b;

    buf_init(&b, 1 << 16);
    buf_printf(&b,
               "{\"name\":\"%s\",\"lifecycleState\":\"published\",\"expression\":{\"type\":\"PQL\",\"format\":"
               "\"pql/text\",\"value\":\"",
               id);
    for (; *pql != '\0'; pql++)
        buf_put(&b, *pql == '\'' ? S("\\\"") : (struct str){pql, 1});
    buf_put(&b, S("\"}}"));
    world_put(w, "audience", SCOPE, id, arena_cstr(t->arena, buf_str(&b)));
    buf_deinit(&b);
}

static struct answer
explain(struct world *w, const char *id)
{
    return world_get(w, &family_explain,
                     arena_printf(w->t->arena, AUDIENCES "%s/explain?entityId=u-17&entityIdNS=CRMID", id).p);
}

TEST(explain_tree)
{
    struct world w;
    struct answer a;
    const struct json *leaf;

    world_open(t, &w);
    put_ada(&w);
    put_audience(
        &w, "lookers",
        "_acme.points < 9 and xEvent[eventType = 'view' and timestamp occurs <= 5 hours before now].count() >= 2");
    a = explain(&w, "lookers");
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_bool(json_get(a.json, S("result")), false), true);
    CHECK_TRUE(json_get(a.json, S("whyNot")) == NULL);
    CHECK_TRUE(json_get(a.json, S("membership")) == NULL); /* this hub by hand evaluates nothing */
    CHECK_STR(json_str(json_get(a.json, S("entityIdNS"))), S("CRMID"));
    leaf = json_at(json_path(a.json, S("tree.children")), 0);
    CHECK_STR(json_str(json_get(leaf, S("kind"))), S("fields"));
    CHECK_STR(json_str(json_get(leaf, S("text"))), S("_acme.points < 9"));
    CHECK_STR(json_str(json_get(json_at(json_get(leaf, S("fields")), 0), S("path"))), S("_acme.points"));
    CHECK_EQ(json_i64(json_get(json_at(json_get(leaf, S("fields")), 0), S("value")), 0), 5);
    leaf = json_at(json_path(a.json, S("tree.children")), 1);
    CHECK_STR(json_str(json_get(leaf, S("kind"))), S("count"));
    CHECK_EQ(json_i64(json_get(leaf, S("count")), 0), 3);
    CHECK_STR(json_str(json_at(json_get(leaf, S("needs")), 0)), S(">= 2"));
    CHECK_STR(json_str(json_path(leaf, S("decidedBy._id"))), S("e1"));
    CHECK_STR(json_str(json_get(leaf, S("since"))), S("2025-12-31T21:00:00.000Z"));
    CHECK_STR(json_str(json_get(leaf, S("flipsAt"))), S("2026-01-01T02:00:00.001Z"));
    CHECK_STR(json_str(json_get(a.json, S("flipsAt"))), S("2026-01-01T02:00:00.001Z"));
    CHECK_STR(json_str(json_get(leaf, S("evaluation"))), S("incremental"));
    CHECK_TRUE(json_get(json_at(json_path(a.json, S("tree.children")), 0), S("evaluation")) == NULL);
    world_close(&w);
}

TEST(explain_sentences)
{
    static const struct {
        const char *pql, *text;
    } rows[] = {
        {"_acme.points >= 500", "_acme.points must be >= 500, is 5"},
        {"not (_acme.points >= 5)", "_acme.points must not be >= 5, is 5"},
        {"person.name.firstName = 'Bo'", "person.name.firstName must be 'Bo', is 'Ada'"},
        {"person.name.firstName != 'Ada'", "person.name.firstName must not be 'Ada', is 'Ada'"},
        {"person.name.firstName in ['Bo', 'Cy']", "person.name.firstName must be in ['Bo', 'Cy'], is 'Ada'"},
        {"person.name.lastName.isNotNull()", "person.name.lastName must be there, is not there"},
        {"person.name.firstName.isNull()", "person.name.firstName must not be there, is 'Ada'"},
        {"person.name.firstName.startsWith('B')",
         "person.name.firstName.startsWith('B') must be true; person.name.firstName is 'Ada'"},
        {"inSegment('vip')", "must be a member of the audience 'vip'"},
        {"xEvent[eventType = 'buy' and timestamp occurs <= 24 hours before now].count() >= 2",
         "1 more event with eventType = 'buy' within 24 hours"},
        {"xEvent[timestamp occurs <= 1 week before now].count() > 5", "2 more events within 1 week"},
        {"none E from xEvent where E.eventType = 'view'", "3 fewer events with eventType = 'view'"},
        {"xEvent.count() != 4", "1 more or 1 fewer event"},
        {"chain(xEvent, timestamp, [A: WHAT(eventType = 'play') WHEN(<= 2 days before now)])",
         "1 more event with eventType = 'play' within 2 days"},
        {"chain(xEvent, timestamp, [A: WHAT(eventType = 'view') COUNT(>= 4, < 9)])",
         "the number of events with eventType = 'view' must be >= 4 and < 9, is 3"},
        {"xEvent[eventType = 'view' and timestamp occurs < 3 days before now].count() = 1",
         "2 fewer events with eventType = 'view' and timestamp occurs < 3 days before now"},
        {"xEvent.web.webPageDetails.pageViews.value.sum() > 50",
         "xEvent.web.webPageDetails.pageViews.value.sum() must be > 50, is 6"},
        {"chain(xEvent, timestamp, [A: WHAT(eventType = 'buy'), B: WHAT(eventType = 'view')])",
         "these events must occur in order: CHAIN("},
    };
    struct world w;

    world_open(t, &w);
    put_ada(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *id = arena_printf(t->arena, "a%zu", i).p;
        const struct json *changes;
        struct answer a;
        struct str text;
        put_audience(&w, id, rows[i].pql);
        a = explain(&w, id);
        CHECK_STATUS(a, 200);
        CHECK_EQ(json_bool(json_get(a.json, S("result")), true), false);
        changes = json_path(a.json, S("whyNot.changes"));
        CHECK_EQ(json_count(changes), 1);
        text = json_str(json_get(json_at(changes, 0), S("text")));
        if (!str_starts(text, quoted(t, rows[i].text)))
            t_fail(t, __FILE__, __LINE__, "%s:\n    %.*s", rows[i].pql, STR_ARG(text));
    }
    world_close(&w);
}

/* The cheaper branch, and what literals rule out. */
TEST(explain_why_not)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_ada(&w);
    put_audience(&w, "either", "(_acme.points > 9 and person.name.firstName = 'Bo') or xEvent[eventType = 'play']");
    a = explain(&w, "either");
    CHECK_EQ(json_count(json_path(a.json, S("whyNot.changes"))), 1);
    CHECK_HAS(a.body, "\"1 more event with eventType = \\\"play\\\"\"");
    CHECK_HAS(a.body, "\"possible\":true,\"exact\":true");
    put_audience(&w, "never", "_acme.points = 5 and false");
    a = explain(&w, "never");
    CHECK_HAS(a.body, "\"possible\":false,\"exact\":true,\"changes\":[]");
    world_close(&w);
}

/* A text at the limit is whole, one past it is cut. */
TEST(explain_cuts)
{
    struct world w;
    struct buf b;

    buf_init(&b, 1 << 16);
    world_open(t, &w);
    put_ada(&w);
    for (int more = 0; more < 2; more++) {
        const char *id = more ? "over" : "at";
        struct answer a;
        struct str text;
        buf_clear(&b);
        buf_put(&b, S("_acme.crmId = '"));
        while (b.n + 1 < LIMIT_EXPLAIN_TEXT_BYTES)
            buf_putc(&b, 'x');
        buf_put(&b, more ? S("x'") : S("'"));
        put_audience(&w, id, arena_cstr(t->arena, buf_str(&b)));
        a = explain(&w, id);
        CHECK_STATUS(a, 200);
        text = json_str(json_path(a.json, S("tree.text")));
        CHECK_EQ(text.n, LIMIT_EXPLAIN_TEXT_BYTES);
        CHECK_EQ(str_ends(text, S("x...")), more);
    }
    buf_deinit(&b);
    world_close(&w);
}

TEST(explain_errors)
{
    struct world w;
    struct answer a;

    world_open(t, &w);
    put_ada(&w);
    put_audience(&w, "gold", "_acme.points > 9");
    CHECK_STATUS(explain(&w, "silver"), 404);
    a = world_get(&w, &family_explain, AUDIENCES "gold/explain?entityId=nobody&entityIdNS=CRMID");
    CHECK_STATUS(a, 404);
    CHECK_HAS(a.body, "\"404\":[{");
    CHECK_STATUS(world_get(&w, &family_explain, AUDIENCES "gold/explain"), 400);
    CHECK_STATUS(world_get(&w, &family_explain, AUDIENCES "gold/explain?entityId=u-17"), 400);
    w.admin.o.hub.read_profile = NULL;
    CHECK_STATUS(explain(&w, "gold"), 501);
    world_close(&w);
}
