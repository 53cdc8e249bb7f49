/* odd_read_test.c - artifacts by other hands: shares, order, parts in common [TARGET 3.3, 5.3]. */
#include "base/limits.h"
#include "codec/json_writer.h"
#include "decide/odd_read.h"
#include "fixture.h"

/* A rule of activity a, experience e; single quotes stand for double ones. */
#define RULE(a, e, type, condition)                                                                                    \
    "{'meta':{'activity.id':" a ",'activity.type':'" type "','experience.id':" e "},'condition':" condition            \
    ",'consequence':{'options':[{'type':'html','content':'x'}],'metrics':[]}}"
#define BELOW(x) "{'<=':[0,{'var':'allocation'}," x "]}"
#define ABOVE(x) "{'<':[" x ",{'var':'allocation'}]}"
#define MBOXES(lists) "{'version':'1.0.0','rules':{'mboxes':{" lists "}}}"
#define TIER(x) "{'==':['" x "',{'var':'mbox.tier'}]}"

static struct str
quoted(struct t *t, const char *text)
{
    struct str copy = arena_str(t->arena, str_of(text));
    char *p = (char *)(uintptr_t)copy.p;

    for (size_t i = 0; i < copy.n; i++)
        p[i] = (char)(p[i] == '\'' ? '"' : p[i]);
    return copy;
}

static struct odd_read
must_read(struct t *t, const char *text)
{
    struct odd_read r;

    CHECK_OK(odd_read(quoted(t, text), t->arena, &r, d));
    return r;
}

/* "20: 50 50" */
static struct str
shares(struct t *t, const struct odd_read_activity *a)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1000);
    buf_printf(&b, "%u:", a->traffic_percent);
    for (size_t i = 0; i < a->experience_count; i++)
        buf_printf(&b, " %u", a->experiences[i].percent);
    return buf_str(&b);
}

#define CHECK_SHARES(rules, expected)                                                                                  \
    do {                                                                                                               \
        struct odd_read r_ = must_read(t, MBOXES("'m':[" rules "]"));                                                  \
        CHECK_STR(shares(t, &r_.activities[0]), S(expected));                                                          \
    } while (0)

TEST(odd_read_ranges_are_traffic_and_shares)
{
    CHECK_SHARES(RULE("1", "0", "ab", BELOW("50")) "," RULE("1", "1", "ab", ABOVE("50")), "100: 50 50");
    CHECK_SHARES(
        RULE("1", "0", "ab", BELOW("10")) "," RULE("1", "1", "ab", "{'and':[" ABOVE("10") "," BELOW("20") "]}"),
        "20: 50 50");
    CHECK_SHARES(
        RULE("1", "0", "ab", BELOW("17")) "," RULE(
            "1", "1", "ab",
            "{'and':[" ABOVE("17") ",{'>=':[33.5,{"
                                   "'var':['allocation']}]}]}") "," RULE("1", "2", "ab",
                                                                         "{'<':[33.5,{'var':'allocation'},50.01]}"),
        "50: 34 33 33");
    /* nobody's buckets are the share of an experience that shows nothing */
    CHECK_SHARES(RULE("1", "1", "ab", "{'and':[" ABOVE("30") "," BELOW("70") "]}"), "100: 30 40 30");
    CHECK_SHARES(RULE("1", "0", "ab", BELOW("30")) "," RULE("1", "1", "ab", ABOVE("70")), "100: 30 40 30");
    CHECK_SHARES(RULE("1", "0", "landing", BELOW("20")), "20: 0");
    CHECK_SHARES(RULE("1", "0", "ab", "true"), "100: 0");
}

TEST(odd_read_bounds_of_older_artifacts)
{
    struct odd_read r = must_read(t, MBOXES("'m':[" RULE("1", "0", "ab", "{'<':[0,{'var':'allocation'},50]}") "," RULE(
                                         "1", "1", "ab", "{'<':[50,{'var':'allocation'},100]}") "]"));

    CHECK_STR(shares(t, &r.activities[0]), S("100: 50 50"));
    CHECK_EQ(r.activities[0].lost_buckets, 2);
}

TEST(odd_read_ranges_that_no_percentages_say_are_audiences)
{
    struct odd_read r =
        must_read(t, MBOXES("'m':[" RULE("1", "0", "ab", BELOW("33.33")) "," RULE("1", "1", "ab", ABOVE("33.33")) "]"));

    CHECK_TRUE(r.activities[0].targeted && r.activities[0].ranges_as_audiences);
    CHECK_EQ(r.activities[0].traffic_percent, 100);
    CHECK_EQ(r.activities[0].experiences[0].parts.n, 1);
    CHECK_TRUE(json_equal(r.activities[0].experiences[0].parts.items[0], fixture_json(t, BELOW("33.33"))));
}

TEST(odd_read_parts_in_common)
{
    struct odd_read r = must_read(
        t,
        MBOXES(
            "'m':[" RULE("1", "0", "ab", "{'and':[" BELOW("50") "," TIER("all") "," TIER("e0") "," TIER("m") "]}") "," RULE(
                "1", "1", "ab",
                "{'and':[" ABOVE("50") ",{'and':[" TIER("all") "," TIER(
                    "m") "]}]}") "],'n':[" RULE("1", "0", "ab",
                                                "{'and':[" TIER("e0") "," BELOW("50") "," TIER(
                                                    "all") "]}") "," RULE("1", "1", "ab",
                                                                          "{'and':[" ABOVE("50") "," TIER(
                                                                              "all") "]}") "]"));
    const struct odd_read_activity *a = &r.activities[0];

    CHECK_EQ(a->entry.n, 1);
    CHECK_EQ(a->experiences[0].parts.n, 1);
    CHECK_EQ(a->experiences[1].parts.n, 0);
    CHECK_EQ(a->locations[0].parts.n, 1);
    CHECK_EQ(a->locations[1].parts.n, 0);
    CHECK_TRUE(json_equal(a->entry.items[0], fixture_json(t, TIER("all"))));
    CHECK_TRUE(json_equal(a->experiences[0].parts.items[0], fixture_json(t, TIER("e0"))));
    CHECK_TRUE(json_equal(a->locations[0].parts.items[0], fixture_json(t, TIER("m"))));
}

TEST(odd_read_schedule_of_all_rules_is_the_activitys)
{
    struct odd_read r = must_read(
        t, MBOXES("'m':[" RULE("1", "0", "landing", "{'<=':[1000,{'var':'current_timestamp'},1999]}") "],'n':[" RULE(
               "2", "0", "landing", "{'>':[5000,{'var':'current_timestamp'}]}") "]"));

    CHECK_EQ(r.activities[0].starts_ms, 1000);
    CHECK_EQ(r.activities[0].ends_ms, 2000);
    CHECK_EQ(r.activities[0].entry.n, 0);
    CHECK_TRUE(r.activities[1].starts_ms == INT64_MIN);
    CHECK_EQ(r.activities[1].ends_ms, 5000);
}

TEST(odd_read_an_excluded_experience_shows_elsewhere)
{
    struct odd_read r =
        must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", TIER("a")) "," RULE(
                         "1", "1", "landing", "true") "],'n':[" RULE("1", "1", "landing", "{'!':" TIER("a") "}") "]"));

    CHECK_EQ(r.activities[0].experiences[1].parts.n, 0);
    CHECK_TRUE(!r.activities[0].experiences[0].cells[1].placed);
    CHECK_TRUE(r.activities[0].experiences[1].cells[1].placed);
}

/* An exclusion is taken apart as the condition that it excludes is. */
TEST(odd_read_an_excluded_experience_of_several_conditions_shows_elsewhere)
{
#define NESTED "{'and':[{'and':[" TIER("a") ",{'and':[" TIER("b") "]}]},true," TIER("c") "]}"
    struct odd_read r =
        must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", NESTED) "," RULE(
                         "1", "1", "landing", "true") "],'n':[" RULE("1", "1", "landing", "{'!':" NESTED "}") "]"));

    CHECK_EQ(r.activities[0].experiences[0].parts.n, 3);
    CHECK_EQ(r.activities[0].experiences[1].parts.n, 0);
}

/* Two experiences of one audience are excluded by one condition, however often it is said. */
TEST(odd_read_two_excluded_experiences_of_the_same_audience)
{
    struct odd_read r = must_read(
        t, MBOXES("'m':[" RULE("1", "0", "landing", TIER("a")) "," RULE("1", "1", "landing", TIER("a")) "," RULE(
               "1", "2", "landing", "true") "],'n':[" RULE("1", "2", "landing",
                                                           "{'and':[{'!':" TIER("a") "},{'!':" TIER("a") "}]}") "]"));

    CHECK_EQ(r.activities[0].experiences[2].parts.n, 0);
    CHECK_TRUE(r.activities[0].experiences[2].cells[1].placed);
}

TEST(odd_read_a_click_without_selector_is_of_its_location)
{
    struct odd_read r = must_read(
        t, MBOXES("'m':[{'meta':{'activity.id':1,'activity.type':'landing','experience.id':0},'condition':true,"
                  "'consequence':{'options':[],'metrics':[{'type':'click','eventToken':'t'}]}}],"
                  "'n':[" RULE("1", "0", "landing", "true") "]"));

    CHECK_TRUE(r.activities[0].locations[0].clicked);
    CHECK_TRUE(!r.activities[0].locations[1].clicked);
}

/* Experience 2 stands first in the document, and 0 before it nowhere. */
TEST(odd_read_experiences_that_no_list_orders_go_by_number)
{
    struct odd_read r = must_read(
        t, MBOXES("'m':[" RULE("1", "2", "landing", "{'and':[{'!':" TIER("a") "}," TIER("c") "]}") "],'n':[" RULE(
               "1", "0", "landing", TIER("a")) "," RULE("1", "2", "landing", TIER("c")) "]"));

    CHECK_EQ(r.activities[0].experiences[0].id, 0);
    CHECK_EQ(r.activities[0].experiences[1].id, 2);
    CHECK_EQ(r.activities[0].experiences[1].parts.n, 1);
}

TEST(odd_read_lists_that_disagree_about_experiences_are_refused)
{
    struct odd_read r;
    struct diag why = DIAG_INIT;

    CHECK_EQ(odd_read(quoted(t, MBOXES("'m':[" RULE("1", "0", "landing", TIER("a")) "," RULE(
                                    "1", "1", "landing",
                                    TIER("b")) "],'n':[" RULE("1", "1", "landing",
                                                              TIER("b")) "," RULE("1", "0", "landing", TIER("a")) "]")),
                      t->arena, &r, &why),
             ERR_INVALID);
    CHECK_TRUE(str_find(str_of(why.what), S("before another that comes first at another location")) >= 0);
}

/* The engine's "if" takes an empty list for true, and its operators do not. */
TEST(odd_read_an_empty_list_as_a_condition_is_true)
{
#define LIST "{'filter':[['x'],false]}"
#define TRUE_OR_EMPTY(x) "{'or':[" x ",{'!':[{'merge':[" x "]}]}]}"
    struct odd_read r = must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", LIST) "]"));

    CHECK_TRUE(json_equal(r.activities[0].entry.items[0], fixture_json(t, TRUE_OR_EMPTY(LIST))));
    r = must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", "{'and':[" TIER("a") "," LIST "]}") "]"));
    CHECK_EQ(r.activities[0].entry.n, 2);
    CHECK_TRUE(json_equal(r.activities[0].entry.items[1], fixture_json(t, TRUE_OR_EMPTY(LIST))));
    /* one before the last makes the whole true, whatever is behind it */
    r = must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", "{'and':[" LIST "," TIER("a") "]}") "]"));
    CHECK_EQ(r.activities[0].entry.n, 2);
    CHECK_TRUE(json_equal(r.activities[0].entry.items[0], fixture_json(t, TRUE_OR_EMPTY(LIST))));
    CHECK_TRUE(json_equal(r.activities[0].entry.items[1],
                          fixture_json(t, "{'or':[" TIER("a") ",{'!':[{'merge':[" LIST "]}]}]}")));
    /* what is asked of a list is no list */
    r = must_read(t, MBOXES("'m':[" RULE("1", "0", "landing", "{'some':[" LIST ",true]}") "]"));
    CHECK_TRUE(json_equal(r.activities[0].entry.items[0], fixture_json(t, "{'some':[" LIST ",true]}")));
}

/* A list before what the experiences differ in is the activity's: each part says that it may be empty. */
TEST(odd_read_conditions_behind_a_list_are_taken_apart)
{
#define BEHIND(x) "{'and':[" LIST "," x "]}"
#define OR_EMPTY(x) "{'or':[" x ",{'!':[{'merge':[" LIST "]}]}]}"
    struct odd_read r = must_read(
        t,
        MBOXES("'m':[" RULE("1", "0", "landing", BEHIND(TIER("a"))) "," RULE(
            "1", "1", "landing", BEHIND(TIER("b"))) "],'n':[" RULE("1", "0", "landing",
                                                                   BEHIND(TIER("a"))) "," RULE("1", "1", "landing",
                                                                                               BEHIND(TIER("b"))) "]"));

    CHECK_EQ(r.activities[0].entry.n, 1);
    CHECK_TRUE(json_equal(r.activities[0].entry.items[0], fixture_json(t, TRUE_OR_EMPTY(LIST))));
    CHECK_TRUE(json_equal(r.activities[0].experiences[0].parts.items[0], fixture_json(t, OR_EMPTY(TIER("a")))));
    CHECK_TRUE(json_equal(r.activities[0].experiences[1].parts.items[0], fixture_json(t, OR_EMPTY(TIER("b")))));
}

TEST(odd_read_priorities_follow_the_lists)
{
    struct odd_read r = must_read(
        t, MBOXES("'m':[" RULE("3", "0", "landing", TIER("a")) "," RULE("2", "0", "landing", "true") "],'n':[" RULE(
               "2", "0", "landing", "true") "," RULE("1", "0", "landing", "true") "],'o':[" RULE("9", "0", "landing",
                                                                                                 "true") "]"));

    CHECK_EQ(r.activities[0].priority, 0);
    CHECK_EQ(r.activities[1].priority, 1);
    CHECK_EQ(r.activities[2].priority, 2);
    CHECK_EQ(r.activities[3].priority, 0);
}

static enum err
read_with_activities(struct t *t, size_t n, struct odd_read *r, struct diag *d)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 20);
    buf_put(&b, S("{\"version\":\"1.0.0\",\"rules\":{\"mboxes\":{\"m\":["));
    for (size_t i = 0; i < n; i++)
        buf_printf(&b,
                   "%s{\"meta\":{\"activity.id\":%zu,\"experience.id\":0},\"condition\":true,\"consequence\":{"
                   "\"options\":[],\"metrics\":[]}}",
                   i ? "," : "", i + 1);
    buf_put(&b, S("]}}}"));
    return odd_read(buf_str(&b), t->arena, r, d);
}

TEST(odd_read_as_many_priorities_as_there_are)
{
    struct odd_read r;

    CHECK_OK(read_with_activities(t, LIMIT_ACTIVITY_PRIORITY + 1, &r, d));
    CHECK_EQ(r.activities[0].priority, LIMIT_ACTIVITY_PRIORITY);
    CHECK_ERR(read_with_activities(t, LIMIT_ACTIVITY_PRIORITY + 2, &r, d), ERR_INVALID);
}
