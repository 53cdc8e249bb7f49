/* rule_pattern_test.c - sequences and aggregates kept incrementally: form by form, with the instants at which time
 * alone changes them. Every answer is compared with the plain evaluator. */
#include <inttypes.h>

#include "base/civil.h"
#include "base/hash.h"
#include "base/limits.h"
#include "pql/pql.h"
#include "rule/rule_graph.h"
#include "t.h"

#define EVENTS_MAX 64
#define AUDIENCES_MAX 8

struct world {
    struct t *t;
    struct rule *rules[AUDIENCES_MAX];
    struct rule_audience audiences[AUDIENCES_MAX];
    size_t n;
    struct rule_graph *g;
    struct rule_state *s;
    struct rule_env env;
    const struct json *events[EVENTS_MAX];
    int64_t times[EVENTS_MAX];
    struct rule_changes changes;
};

static int64_t
at(struct t *t, const char *iso)
{
    int64_t ms = 0;

    CHECK_TRUE(iso8601_parse(str_of(iso), &ms, NULL));
    return ms;
}

static const struct json *
js(struct t *t, const char *s)
{
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(s), t->arena, &v, d));
    return v;
}

static void
add(struct world *w, const char *pql)
{
    struct t *t = w->t;

    CHECK_OK(pql_compile(str_of(pql), true, &w->rules[w->n], NULL, d));
    w->audiences[w->n] = (struct rule_audience){arena_printf(t->arena, "a%zu", w->n), w->rules[w->n]};
    w->n++;
}

static void
start(struct world *w, const char *now)
{
    struct t *t = w->t;

    w->env.now_ms = at(t, now);
    w->env.events = w->events;
    CHECK_OK(rule_graph_new(w->audiences, w->n, 7, &w->g, d));
    CHECK_OK(rule_state_build(w->g, &w->env, t->arena, &w->s, d));
}

static void
begin(struct world *w, const char *pql, const char *now)
{
    add(w, pql);
    start(w, now);
}

static void
done(struct world *w)
{
    rule_graph_free(w->g);
    for (size_t i = 0; i < w->n; i++)
        rule_free(w->rules[i]);
}

/* The state's truth, which must be the reference's; and so it was one millisecond before the next flip. */
static bool
member_of(struct world *w, size_t i)
{
    struct t *t = w->t;
    struct value v = VALUE_OF_NULL;
    struct rule_env env = w->env;
    bool truth = rule_state_member(w->s, i);
    int64_t next = rule_state_next_flip_ms(w->s);

    CHECK_OK(rule_eval(w->rules[i], &env, t->arena, &v, d));
    CHECK_EQ(truth, value_truth(v));
    if (next != 0) {
        env.now_ms = next - 1;
        CHECK_OK(rule_eval(w->rules[i], &env, t->arena, &v, d));
        CHECK_EQ(truth, value_truth(v));
    }
    return truth;
}

static bool
member(struct world *w)
{
    return member_of(w, 0);
}

/* The state gets the event alone: nothing here may scan. The reference has the events in order of time. */
static bool
send(struct world *w, const char *type, const char *time, const char *more)
{
    struct t *t = w->t;
    struct str s = arena_printf(t->arena, "{\"eventType\":\"%s\",\"timestamp\":\"%s\"%s}", type, time, more);
    const struct json *e = js(t, s.p);
    struct rule_env env = w->env;
    size_t to = w->env.event_count++;
    int64_t ms = at(t, time);

    for (; to > 0 && w->times[to - 1] > ms; to--) {
        w->times[to] = w->times[to - 1];
        w->events[to] = w->events[to - 1];
    }
    w->times[to] = ms;
    w->events[to] = e;
    env.events = NULL;
    env.event_count = 0;
    for (size_t i = 0; i < w->n; i++)
        CHECK_TRUE(!rule_graph_scans(w->g, i));
    CHECK_OK(rule_state_event(w->g, w->s, &env, e, t->arena, &w->changes, d));
    return member(w);
}

static bool
tick(struct world *w, int64_t now)
{
    struct t *t = w->t;
    struct rule_env env = w->env;

    w->env.now_ms = env.now_ms = now;
    env.events = NULL;
    env.event_count = 0;
    CHECK_OK(rule_state_time(w->g, w->s, &env, t->arena, &w->changes, d));
    return member(w);
}

/* Through bytes and back. */
static void
reload(struct world *w)
{
    struct t *t = w->t;
    int64_t next = rule_state_next_flip_ms(w->s);
    struct buf b, again;

    buf_init(&b, 1 << 20);
    buf_init(&again, 1 << 20);
    rule_state_save(w->s, &b);
    CHECK_OK(rule_state_load(w->g, buf_str(&b), t->arena, &w->s, d));
    CHECK_EQ(rule_state_next_flip_ms(w->s), next);
    rule_state_save(w->s, &again);
    CHECK_STR(buf_str(&again), buf_str(&b));
    buf_deinit(&b);
    buf_deinit(&again);
}

/* Nothing changes until `iso`, and there the truth becomes the opposite. */
static void
flips_at(struct world *w, const char *iso)
{
    struct t *t = w->t;
    int64_t when = at(t, iso);
    bool truth = member(w);

    CHECK_EQ(rule_state_next_flip_ms(w->s), when);
    reload(w);
    CHECK_EQ(tick(w, when - 1), truth);
    CHECK_EQ(w->changes.n, 0);
    CHECK_EQ(rule_state_next_flip_ms(w->s), when);
    CHECK_EQ(tick(w, when), !truth);
    CHECK_EQ(w->changes.n, 1);
}

static void
never_flips(struct world *w)
{
    struct t *t = w->t;

    CHECK_EQ(rule_state_next_flip_ms(w->s), 0);
}

/* ---- sequences ---- */

TEST(pattern_sequence_ends_with_its_window)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 24 hours before now), "
          "B: WHAT(eventType = \"cart\") GAP(<= 2 hours)])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-10T08:00:00Z", ""));
    never_flips(&w);
    CHECK_TRUE(!send(&w, "cart", "2026-01-10T10:00:00.001Z", "")); /* a millisecond too late */
    CHECK_TRUE(send(&w, "cart", "2026-01-10T10:00:00Z", ""));
    CHECK_TRUE(send(&w, "view", "2026-01-10T06:00:00Z", "")); /* late, and no matter */
    CHECK_TRUE(send(&w, "view", "2026-01-10T09:30:00Z", ""));
    flips_at(&w, "2026-01-11T09:30:00.001Z"); /* when the last view before a cart is out, not the first */
    never_flips(&w);
    done(&w);
}

/* The newest view is after every cart: its leaving is too late, and that of the oldest too early. */
TEST(pattern_sequence_ends_between)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 24 hours before now), "
          "B: WHAT(eventType = \"cart\") WHEN(<= 2 days before now)])",
          "2026-01-10T12:00:00Z");
    for (int i = 0; i < 20; i++) {
        char time[32];
        (void)snprintf(time, sizeof time, "2026-01-10T%02d:%02d:00Z", 1 + i / 2, i % 2 * 30);
        (void)send(&w, "view", time, "");
    }
    CHECK_TRUE(send(&w, "cart", "2026-01-10T07:30:00Z", ""));
    flips_at(&w, "2026-01-11T07:00:00.001Z");
    never_flips(&w);
    done(&w);
}

TEST(pattern_sequence_of_late_events)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), B: WHAT(eventType = \"cart\"), "
          "C: WHAT(eventType = \"buy\")])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "buy", "2026-01-10T11:00:00Z", ""));
    CHECK_TRUE(!send(&w, "view", "2026-01-10T10:00:00Z", ""));
    CHECK_TRUE(!send(&w, "cart", "2026-01-10T10:00:00Z", "")); /* at the same time as the view: not after it */
    CHECK_TRUE(!send(&w, "cart", "2026-01-10T11:00:00Z", "")); /* at the same time as the purchase */
    CHECK_TRUE(send(&w, "cart", "2026-01-10T10:00:00.001Z", ""));
    never_flips(&w);
    done(&w);
}

TEST(pattern_sequence_of_groups)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 7 days before now) COUNT(2), "
          "B: WHAT(eventType = \"buy\") GAP(> 1 hours, < 3 hours)])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-09T09:00:00Z", ""));
    CHECK_TRUE(!send(&w, "buy", "2026-01-09T11:00:00Z", ""));
    CHECK_TRUE(send(&w, "view", "2026-01-09T09:00:00Z", "")); /* the same instant is fine inside of a group */
    flips_at(&w, "2026-01-16T09:00:00.001Z");
    done(&w);
}

TEST(pattern_sequence_of_months_that_are_clamped)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), B: WHAT(eventType = \"buy\") GAP(<= 1 months)])",
          "2026-03-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-29T06:00:00Z", ""));
    CHECK_TRUE(!send(&w, "buy", "2026-02-28T12:00:00Z", ""));
    CHECK_TRUE(send(&w, "view", "2026-01-28T12:00:00Z", "")); /* earlier, and its month ends later */
    done(&w);
}

TEST(pattern_sequence_without_an_element)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"cart\"), "
          "not B: WHAT(eventType = \"buy\") WHEN(<= 3 days before now)])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(send(&w, "cart", "2026-01-10T08:00:00Z", ""));
    never_flips(&w);
    CHECK_TRUE(!send(&w, "buy", "2026-01-10T09:00:00Z", ""));
    flips_at(&w, "2026-01-13T09:00:00.001Z"); /* the purchase is forgotten */
    CHECK_TRUE(!send(&w, "buy", "2026-01-13T09:00:00Z", ""));
    CHECK_TRUE(send(&w, "cart", "2026-01-13T09:00:00Z", "")); /* not before, and not after it */
    done(&w);
}

TEST(pattern_sequence_with_a_gap_that_must_be_empty)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), not N: WHAT(eventType = \"call\") GAP(<= 1 hours), "
          "B: WHAT(eventType = \"buy\")])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-10T08:00:00Z", ""));
    CHECK_TRUE(send(&w, "buy", "2026-01-10T11:00:00Z", ""));
    CHECK_TRUE(send(&w, "call", "2026-01-10T09:00:00.001Z", "")); /* outside of the hour */
    CHECK_TRUE(!send(&w, "call", "2026-01-10T09:00:00Z", ""));
    CHECK_TRUE(send(&w, "view", "2026-01-10T10:00:00Z", ""));
    done(&w);
}

TEST(pattern_sequence_of_the_future)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), "
          "B: WHAT(eventType = \"visit\") WHEN(<= 2 hours before now)])",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-10T08:00:00Z", ""));
    CHECK_TRUE(!send(&w, "visit", "2026-01-10T15:00:00Z", ""));
    flips_at(&w, "2026-01-10T15:00:00Z");
    flips_at(&w, "2026-01-10T17:00:00.001Z");
    never_flips(&w);
    done(&w);
}

/* As pattern_sequence_of_the_future, day by day: of 28 February 06:00 one month later and on the clamped days. */
TEST(pattern_sequence_that_comes_back)
{
    struct world w = {.t = t};

    begin(&w,
          "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), "
          "B: WHAT(eventType = \"visit\") WHEN(<= 1 months before now)])",
          "2026-02-28T13:00:00Z");
    CHECK_TRUE(!send(&w, "view", "2026-01-10T08:00:00Z", ""));
    CHECK_TRUE(send(&w, "visit", "2026-02-28T06:00:00Z", ""));
    flips_at(&w, "2026-03-28T06:00:00.001Z");
    flips_at(&w, "2026-03-29T00:00:00Z");
    flips_at(&w, "2026-03-29T06:00:00.001Z");
    done(&w);
}

TEST(pattern_sequence_shares_its_events)
{
    struct world w = {.t = t};

    add(&w, "chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), B: WHAT(eventType = \"b\")])");
    add(&w, "chain(xEvent, timestamp, [X: WHAT(eventType = \"a\"), Y: WHAT(eventType = \"b\")])");
    add(&w, "chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), B: WHAT(eventType = \"b\") GAP(<= 1 days)])");
    add(&w, "chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), not B: WHAT(eventType = \"b\")])");
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_EQ(rule_graph_node_count(w.g), 3); /* labels are names; gaps and negations are not */
    (void)send(&w, "a", "2026-01-05T12:00:00Z", "");
    (void)send(&w, "b", "2026-01-07T12:00:00Z", "");
    CHECK_TRUE(member_of(&w, 0) && member_of(&w, 1) && !member_of(&w, 2) && !member_of(&w, 3));
    done(&w);
}

/* ---- aggregates ---- */

TEST(pattern_greatest_value_leaves)
{
    struct world w = {.t = t};

    begin(&w, "xEvent[eventType = \"buy\" and timestamp occurs <= 7 days before now].max(price) > 100",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "buy", "2026-01-09T00:00:00Z", ",\"price\":100"));
    never_flips(&w);
    CHECK_TRUE(send(&w, "buy", "2026-01-08T00:00:00Z", ",\"price\":100.5"));
    CHECK_TRUE(send(&w, "buy", "2026-01-07T00:00:00Z", ",\"price\":[3, 500]"));
    flips_at(&w, "2026-01-15T00:00:00.001Z"); /* the lesser of the two that suffice, since it is younger */
    never_flips(&w);
    done(&w);
}

TEST(pattern_least_value_leaves)
{
    struct world w = {.t = t};

    begin(&w, "xEvent[eventType = \"buy\" and timestamp occurs <= 7 days before now].min(price) >= 10",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "buy", "2026-01-08T00:00:00Z", ",\"price\":9.99"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-09T00:00:00Z", ",\"price\":10"));
    flips_at(&w, "2026-01-15T00:00:00.001Z"); /* nothing below ten any more */
    flips_at(&w, "2026-01-16T00:00:00.001Z"); /* nothing at all: null */
    never_flips(&w);
    done(&w);
}

TEST(pattern_average_moves)
{
    struct world w = {.t = t};

    begin(
        &w,
        "(average E.price over E from xEvent where E.eventType = \"buy\" and E.timestamp occurs <= 30 days before now) "
        "= 20",
        "2026-01-30T12:00:00Z");
    CHECK_TRUE(!send(&w, "buy", "2026-01-08T00:00:00Z", ",\"price\":5"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-09T00:00:00Z", ",\"price\":10"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-10T00:00:00Z", ",\"price\":\"no number\""));
    CHECK_TRUE(!send(&w, "buy", "2026-01-11T00:00:00Z", ",\"price\":30"));
    flips_at(&w, "2026-02-07T00:00:00.001Z");
    flips_at(&w, "2026-02-08T00:00:00.001Z");
    done(&w);
}

/* The first value in order of time says which kind is looked at. */
TEST(pattern_values_of_several_kinds)
{
    struct world w = {.t = t};

    add(&w, "xEvent.max(x) > \"b\"");
    add(&w, "xEvent.max(x) = 7");
    add(&w, "7 = xEvent.max(x)");
    add(&w, "xEvent.min(x) = \"2026-01-01\"");
    start(&w, "2026-01-10T12:00:00Z");
    (void)send(&w, "x", "2026-01-05T00:00:00Z", ",\"x\":7");
    CHECK_TRUE(member_of(&w, 1) && member_of(&w, 2));
    (void)send(&w, "x", "2026-01-04T00:00:00Z", ",\"x\":\"c\"");
    CHECK_TRUE(member_of(&w, 0) && !member_of(&w, 1) && !member_of(&w, 2));
    (void)send(&w, "x", "2026-01-03T00:00:00Z", ",\"x\":\"2026-01-01\"");
    reload(&w);
    (void)send(&w, "x", "2026-01-06T00:00:00Z", ",\"x\":null");
    (void)send(&w, "x", "2026-01-02T00:00:00Z", ",\"x\":[true, {}]");
    CHECK_TRUE(!member_of(&w, 0) && member_of(&w, 3));
    done(&w);
}

TEST(pattern_aggregates_in_expressions)
{
    struct world w = {.t = t};
    struct rule_env env;

    add(&w, "xEvent[eventType = \"buy\"].sum(price) / xEvent[eventType = \"buy\"].count() > 5");
    add(&w, "xEvent[eventType = \"buy\" and timestamp occurs <= 1 days before now].count() > "
            "xEvent[eventType = \"return\"].count()");
    add(&w, "xEvent[eventType = \"buy\"].max(price) > points");
    add(&w, "let S = xEvent[eventType = \"buy\"].sum(price) in (S > 10 and S < 20)");
    w.env.profile = js(t, "{\"points\":3}");
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_TRUE(!member_of(&w, 2));
    CHECK_TRUE(send(&w, "buy", "2026-01-10T11:00:00Z", ",\"price\":12"));
    CHECK_TRUE(member_of(&w, 1) && member_of(&w, 2) && member_of(&w, 3));
    w.env.profile = js(t, "{\"points\":30}");
    env = w.env;
    env.events = NULL;
    env.event_count = 0;
    CHECK_OK(rule_state_attributes(w.g, w.s, &env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 1);
    CHECK_TRUE(!member_of(&w, 2));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T11:00:00.001Z"));
    (void)send(&w, "return", "2026-01-10T11:00:00Z", "");
    CHECK_TRUE(!member_of(&w, 1));
    (void)send(&w, "buy", "2026-01-10T11:00:00Z", ",\"price\":1");
    CHECK_TRUE(member_of(&w, 1));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-01-11T11:00:00.001Z"));
    done(&w);
}

/* ---- the first and the last ---- */

TEST(pattern_last_event_is_asked)
{
    struct world w = {.t = t};

    begin(&w, "xEvent[eventType = \"buy\"].topN(timestamp, 1).head().sku = \"A\"", "2026-01-10T12:00:00Z");
    CHECK_TRUE(!member(&w));
    CHECK_TRUE(send(&w, "buy", "2026-01-08T00:00:00Z", ",\"sku\":\"A\""));
    CHECK_TRUE(send(&w, "buy", "2026-01-07T00:00:00Z", ",\"sku\":\"B\"")); /* late */
    CHECK_TRUE(send(&w, "buy", "2026-01-08T00:00:00Z", ",\"sku\":\"B\"")); /* of equals the first one */
    CHECK_TRUE(!send(&w, "buy", "2026-01-09T00:00:00Z", ",\"sku\":\"B\""));
    CHECK_TRUE(send(&w, "buy", "2026-01-20T00:00:00Z", ",\"sku\":\"A\"")); /* the future counts without a window */
    never_flips(&w);
    done(&w);
}

TEST(pattern_first_event_of_a_window)
{
    struct world w = {.t = t};

    begin(&w,
          "xEvent[eventType = \"visit\" and timestamp occurs <= 30 days before now].bottomN(timestamp, 1).head()"
          ".channel = \"mail\"",
          "2026-01-30T12:00:00Z");
    CHECK_TRUE(send(&w, "visit", "2026-01-08T00:00:00Z", ",\"channel\":\"mail\""));
    CHECK_TRUE(send(&w, "visit", "2026-01-10T00:00:00Z", ",\"channel\":\"mail\""));
    CHECK_TRUE(send(&w, "visit", "2026-01-11T00:00:00Z", ",\"channel\":\"web\""));
    CHECK_TRUE(send(&w, "visit", "2026-01-12T00:00:00Z", ",\"channel\":\"mail\""));
    flips_at(&w, "2026-02-09T00:00:00.001Z"); /* not when the first mail goes: another one follows */
    flips_at(&w, "2026-02-10T00:00:00.001Z");
    flips_at(&w, "2026-02-11T00:00:00.001Z");
    done(&w);
}

TEST(pattern_greatest_order_of_a_window)
{
    struct world w = {.t = t};

    begin(&w, "xEvent[eventType = \"buy\" and timestamp occurs <= 7 days before now].topN(price, 1).head().sku = \"A\"",
          "2026-01-10T12:00:00Z");
    CHECK_TRUE(!send(&w, "buy", "2026-01-05T00:00:00Z", ",\"sku\":\"B\",\"price\":90"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-06T00:00:00Z", ",\"sku\":\"A\",\"price\":80"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-07T00:00:00Z", ",\"sku\":\"B\",\"price\":null"));
    CHECK_TRUE(!send(&w, "buy", "2026-01-04T00:00:00Z", ",\"sku\":\"A\",\"price\":70"));
    flips_at(&w, "2026-01-12T00:00:00.001Z");
    flips_at(&w, "2026-01-13T00:00:00.001Z"); /* only the one without a price is left */
    done(&w);
}

/* Of equal sort values the earlier event is picked, from either end. */
TEST(pattern_equal_sort_values)
{
    for (int i = 0; i < 2; i++) {
        struct world w = {.t = t};
        begin(&w,
              arena_printf(t->arena,
                           "xEvent[eventType = \"buy\" and timestamp occurs <= 7 days before now].%s(price, 1).head()"
                           ".sku = \"A\"",
                           i == 0 ? "bottomN" : "topN")
                  .p,
              "2026-01-10T12:00:00Z");
        (void)send(&w, "buy", "2026-01-06T00:00:00Z", ",\"sku\":\"A\",\"price\":5");
        (void)send(&w, "buy", "2026-01-07T00:00:00Z", ",\"sku\":\"B\",\"price\":5");
        CHECK_TRUE(send(&w, "buy", "2026-01-08T00:00:00Z", ",\"sku\":\"A\",\"price\":5.0"));
        flips_at(&w, "2026-01-13T00:00:00.001Z");
        flips_at(&w, "2026-01-14T00:00:00.001Z");
        done(&w);
    }
}

TEST(pattern_time_since_the_last_event)
{
    struct world w = {.t = t};

    add(&w, "xEvent[eventType = \"buy\"].topN(timestamp, 1).head().timestamp occurs > 60 days before now");
    add(&w, "xEvent[eventType = \"buy\"].timestamp.max() occurs > 60 days before now");
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_TRUE(!member(&w) && !member_of(&w, 1));
    (void)send(&w, "buy", "2026-01-02T00:00:00Z", "");
    (void)send(&w, "buy", "2026-01-01T00:00:00Z", "");
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2026-03-03T00:00:00.001Z"));
    CHECK_TRUE(!tick(&w, at(t, "2026-03-03T00:00:00Z")) && !member_of(&w, 1));
    reload(&w);
    CHECK_TRUE(tick(&w, at(t, "2026-03-03T00:00:00.001Z")) && member_of(&w, 1));
    CHECK_EQ(w.changes.n, 2);
    never_flips(&w);
    CHECK_TRUE(!send(&w, "buy", "2026-03-01T00:00:00Z", "") && !member_of(&w, 1));
    done(&w);
}

/* An unreadable time has a place in the order of topN, behind all others that are readable. */
TEST(pattern_sort_values_that_are_no_times)
{
    struct world w = {.t = t};
    const struct json *e = js(t, "{\"eventType\":\"buy\",\"timestamp\":\"never\",\"sku\":\"C\"}");

    add(&w, "xEvent.topN(timestamp, 1).head().sku = \"C\"");
    add(&w, "xEvent.bottomN(timestamp, 1).head().sku = \"N\"");
    start(&w, "2026-01-10T12:00:00Z");
    (void)send(&w, "buy", "2026-01-02T00:00:00Z", ",\"sku\":\"A\"");
    memmove((void *)(w.events + 1), w.events, w.env.event_count * sizeof *w.events);
    memmove(w.times + 1, w.times, w.env.event_count * sizeof *w.times);
    w.events[0] = e;
    w.times[0] = INT64_MIN;
    w.env.event_count++;
    CHECK_OK(rule_state_event(w.g, w.s, &w.env, e, t->arena, &w.changes, d));
    CHECK_TRUE(member(&w));
    reload(&w);
    CHECK_TRUE(member(&w) && !member_of(&w, 1));
    done(&w);
}

/* ---- what scans, and why ---- */

TEST(pattern_reasons_to_scan)
{
    static const struct {
        const char *pql, *why;
    } rows[] = {
        {"chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), B: WHAT(sku = A.sku)])",
         "an element reads what another one matched"},
        {"chain(xEvent, timestamp, [A: WHAT(eventType = $1.favourite), B: WHAT(sku = \"x\")])",
         "an element has conditions that are not of the single event, or a window that is no function of now"},
        {"chain(xEvent[timestamp occurs today], shipped, [A: WHAT(sku = \"y\"), B: WHAT(sku = \"x\")])",
         "a window of the list is over another field than the sequence"},
        {"chain(xEvent.topN(timestamp, 3), timestamp, [A: WHAT(sku = \"y\"), B: WHAT(sku = \"x\")])",
         "the list of the sequence is no selection of events by conditions of the single event"},
        {"xEvent[sku = $1.favourite].count() > 1",
         "an aggregate reads more than the single event and windows that are functions of now"},
        {"xEvent[shipped occurs today].max(price) > 1",
         "a window over another field than timestamp leaves the order of events open"},
        {"xEvent.topN(timestamp, 1).head().sku = favourite",
         "what the picked event is asked reads more than that event"},
        {"xEvent.head().sku = \"A\"", "it reads events in a way that keeps no state"},
        {"xEvent.count() > 1 and inSegment(\"x\") and xEvent.head().sku = \"A\"",
         "it reads events in a way that keeps no state"},
        {"xEvent.count() > 1 and tier = \"gold\"", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w = {.t = t};
        begin(&w, rows[i].pql, "2026-01-10T12:00:00Z");
        CHECK_EQ(rule_graph_scans(w.g, 0), rows[i].why != NULL);
        CHECK_STR(str_of(rule_graph_scan_reason(w.g, 0) == NULL ? "none" : rule_graph_scan_reason(w.g, 0)),
                  str_of(rows[i].why == NULL ? "none" : rows[i].why));
        done(&w);
    }
}

/* Which of the stored times it is, the clock decides, too: the scan is looked at again just when that time passes. */
TEST(pattern_scan_of_a_chosen_time)
{
    struct world w = {.t = t};

    w.events[0] = js(t, "{\"timestamp\":\"2024-02-25T14:54:16.645Z\",\"shipped\":\"2024-02-26T08:00:00Z\"}");
    w.env.event_count = 1;
    begin(&w, "xEvent[shipped occurs next week].timestamp.max() occurs <= 2 hours after now", "2024-02-25T13:00:00Z");
    CHECK_TRUE(rule_graph_scans(w.g, 0));
    CHECK_TRUE(member(&w));
    CHECK_EQ(rule_state_next_flip_ms(w.s), at(t, "2024-02-25T14:54:16.646Z"));
    done(&w);
}

TEST(pattern_lookback)
{
    struct world w = {.t = t};

    add(&w, "chain(xEvent, timestamp, [A: WHAT(sku = \"a\") WHEN(<= 3 days before now), "
            "B: WHAT(sku = \"b\") WHEN(<= 2 days before now)])");
    add(&w, "chain(xEvent, timestamp, [A: WHAT(sku = \"a\"), B: WHAT(sku = \"b\") WHEN(<= 3 days before now)])");
    add(&w, "xEvent[timestamp occurs <= 5 days before now].max(price) > xEvent[timestamp occurs today].min(price)");
    add(&w, "chain(xEvent, timestamp, [A: WHAT(sku = \"a\") WHEN(<= 3 days before now), not B: WHAT(sku = \"b\"), "
            "C: WHAT(sku = \"c\")])"); /* all follow the first */
    start(&w, "2026-01-10T12:00:00Z");
    CHECK_EQ(rule_graph_lookback_ms(w.g, 3), 3 * MS_PER_DAY);
    CHECK_EQ(rule_graph_lookback_ms(w.g, 0), 3 * MS_PER_DAY);
    CHECK_EQ(rule_graph_lookback_ms(w.g, 1), INT64_MAX);
    CHECK_EQ(rule_graph_lookback_ms(w.g, 2), 5 * MS_PER_DAY);
    done(&w);
}

/* ---- limits ---- */

/* A # in `one` is its number. */
static const char *
repeated(struct t *t, const char *head, size_t n, const char *one, const char *tail)
{
    struct buf b;
    const char *out;

    buf_init(&b, 1 << 20);
    buf_put(&b, str_of(head));
    for (size_t i = 0; i < n; i++) {
        for (const char *c = one; *c != '\0'; c++) {
            if (*c == '#')
                buf_printf(&b, "%zu", i);
            else
                buf_putc(&b, *c);
        }
    }
    buf_put(&b, str_of(tail));
    out = arena_cstr(t->arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(pattern_parts_limit)
{
    for (size_t more = 0; more < 2; more++) {
        struct world w = {.t = t};
        add(&w, repeated(t, "chain(xEvent, timestamp, [E: WHAT(n = 0)", LIMIT_WINDOW_PARTS - 1 + more,
                         ", E#: WHAT(n = 1)", "])"));
        add(&w, repeated(t, "1 < xEvent.max(n)", LIMIT_WINDOW_PARTS - 1 + more, " + xEvent[n != #].max(n)", ""));
        start(&w, "2026-01-10T12:00:00Z");
        CHECK_EQ(rule_graph_scans(w.g, 0), more != 0);
        CHECK_EQ(rule_graph_scans(w.g, 1), more != 0);
        done(&w);
    }
}

/* A longer text is compared by its beginning, which decides against any constant that is compared incrementally. */
TEST(pattern_text_limit)
{
    const char *kept = repeated(t, "", LIMIT_WINDOW_TEXT_BYTES, "x", ""),
               *less = repeated(t, "", LIMIT_WINDOW_TEXT_BYTES - 1, "x", "");

    for (int more = 0; more < 2; more++) {
        struct world w = {.t = t};
        begin(&w, arena_printf(t->arena, "xEvent.max(name) > \"%s\"", more ? kept : less).p, "2026-01-10T12:00:00Z");
        CHECK_EQ(rule_graph_scans(w.g, 0), more != 0);
        if (!more) {
            CHECK_TRUE(!send(&w, "x", "2026-01-05T00:00:00Z", arena_printf(t->arena, ",\"name\":\"%s\"", less).p));
            CHECK_TRUE(send(&w, "x", "2026-01-05T00:00:00Z", arena_printf(t->arena, ",\"name\":\"%syz\"", kept).p));
            reload(&w);
            CHECK_TRUE(member(&w));
        }
        done(&w);
    }
}

/* So many pairs that the instant of the flip is not looked for: the leaf asks to be looked at early, and is right. */
TEST(pattern_flip_work_limit)
{
    struct world w = {.t = t};
    int64_t first = at(t, "2026-01-01T00:00:00Z"), now = at(t, "2026-01-05T00:00:00Z"), next = 0;
    int looks = 0;

    begin(&w, "xEvent[timestamp occurs <= 7 days before now].max(n) > 5", "2026-01-05T00:00:00Z");
    for (int i = 0; i < 200; i++) {
        struct str s = arena_printf(t->arena, "{\"timestamp\":%" PRId64 ",\"n\":%d}", first + i, i == 150 ? 6 : 1);
        struct rule_env env = {.now_ms = now};
        CHECK_OK(rule_state_event(w.g, w.s, &env, js(t, s.p), t->arena, &w.changes, d));
    }
    while (rule_state_member(w.s, 0)) {
        struct rule_env env = {.now_ms = next = rule_state_next_flip_ms(w.s)};
        CHECK_OK(rule_state_time(w.g, w.s, &env, t->arena, &w.changes, d));
        looks++;
    }
    CHECK_EQ(next, first + 150 + 7 * MS_PER_DAY + 1);
    CHECK_TRUE(looks > 1 && looks < 150);
    done(&w);
}

/* docs/formats/rule-state.md, from the instant on: the rest is the graph's. The expected bytes were made from the page
 * by another program, not by this code. */
TEST(pattern_state_golden)
{
    static const char want[] =
        "804622a79b01000001010181e3926c00020020030080e0a0b7f16680b8992980b8992902a92d0604746578740480a0"
        "d5edee66011d0380d0d389f26680b8992980b899290604746578740580a0d5edee6601";
    struct world w = {.t = t};
    char got[sizeof want] = "";
    struct buf b;

    add(&w, "xEvent.max(x) > 6");
    add(&w, "xEvent[timestamp occurs <= 7 days before now].topN(x, 1).head().sku = \"A\"");
    start(&w, "2026-01-10T09:00:00Z");
    (void)send(&w, "x", "2026-01-05T00:00:00Z", ",\"x\":7.25,\"sku\":\"A\"");
    (void)send(&w, "x", "2026-01-06T00:00:00Z", ",\"x\":\"text\",\"sku\":\"B\"");
    (void)send(&w, "x", "2026-01-07T00:00:00Z", ",\"x\":\"2026-01-01\",\"sku\":\"A\"");
    (void)send(&w, "x", "2026-01-08T00:00:00Z", ",\"x\":null,\"sku\":\"A\"");
    buf_init(&b, 1 << 16);
    rule_state_save(w.s, &b);
    for (size_t i = 10; i < b.n - 4 && 2 * (i - 10) + 2 < sizeof got; i++)
        (void)snprintf(got + 2 * (i - 10), 3, "%02x", (unsigned char)b.p[i]);
    CHECK_STR(str_of(got), str_of(want));
    CHECK_EQ(2 * (b.n - 14), sizeof want - 1);
    buf_deinit(&b);
    done(&w);
}

/* Bytes that check but were not written by us: any result but a crash. */
TEST(pattern_state_bytes_are_bounded)
{
    struct world w = {.t = t};
    struct arena a;
    struct buf b;

    arena_init(&a, 1 << 22);
    buf_init(&b, 1 << 16);
    add(&w, "chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), B: WHAT(eventType = \"b\") WHEN(<= 3 days before "
            "now)])");
    add(&w, "xEvent[timestamp occurs <= 7 days before now].max(x) > 5");
    add(&w, "xEvent.topN(x, 1).head().x = \"A\"");
    start(&w, "2026-01-10T12:00:00Z");
    (void)send(&w, "a", "2026-01-09T00:00:00Z", ",\"x\":7.5");
    (void)send(&w, "b", "2026-01-09T01:00:00Z", ",\"x\":\"some text\"");
    (void)send(&w, "a", "2026-01-09T02:00:00Z", ",\"x\":\"2026-01-01\"");
    (void)send(&w, "a", "2026-01-09T03:00:00Z", ",\"x\":[1]");
    for (int i = 0; i < 4000; i++) {
        struct rule_state *s = NULL;
        struct rule_env later = w.env;
        struct diag d;
        uint32_t crc;
        buf_clear(&b);
        rule_state_save(w.s, &b);
        for (uint64_t k = rng_below(&t->rng, 3) + 1; k > 0; k--)
            b.p[14 + rng_below(&t->rng, b.n - 18)] = (char)rng_u64(&t->rng);
        crc = crc32c(0, b.p, b.n - 4);
        memcpy(b.p + b.n - 4, &crc, 4);
        if (rule_state_load(w.g, buf_str(&b), &a, &s, &d) == ERR_OK &&
            rule_state_event(w.g, s, &w.env, w.events[0], &a, &w.changes, &d) == ERR_OK) {
            later.now_ms += 5 * MS_PER_DAY;
            (void)rule_state_time(w.g, s, &later, &a, &w.changes, &d); /* corrupt or not */
            rule_state_save(s, &b);
        }
        arena_reset(&a);
    }
    buf_deinit(&b);
    arena_deinit(&a);
    done(&w);
}

/* ---- what cannot be evaluated ---- */

#define HEAVY "(exists A from list, B from list, C from list where A = B and B = C and C = 1000)"

/* {"list":[0,1,...,n-1],"vip":true} */
static const struct json *
numbers(struct t *t, size_t n)
{
    const struct json *v = NULL;
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 16);
    buf_put(&b, S("{\"vip\":true,\"list\":["));
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, i == 0 ? "%zu" : ",%zu", i);
    buf_put(&b, S("]}"));
    CHECK_OK(json_parse(buf_str(&b), t->arena, &v, d));
    return v;
}

static void
reloaded(struct world *w)
{
    struct t *t = w->t;
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 16);
    rule_state_save(w->s, &b);
    CHECK_OK(rule_state_load(w->g, buf_str(&b), t->arena, &w->s, d));
}

/* [SEGMENTATION 12] without an answer from before, what meets a limit is unknown and not false: so is what cannot be
 * told without it, and nothing else. */
TEST(s19_25_what_a_new_state_cannot_evaluate_is_unknown)
{
    struct world w = {.t = t};

    add(&w, HEAVY);
    add(&w, "not(" HEAVY ")");
    add(&w, "vip = true or " HEAVY);
    add(&w, "vip = false and " HEAVY);
    add(&w, "vip = true and not(" HEAVY ")");
    w.env.profile = numbers(t, 300); /* 27 million combinations */
    start(&w, "2026-01-10T12:00:00Z");
    for (int again = 0; again < 2; again++) {
        CHECK_TRUE(!rule_state_known(w.s, 0) && !rule_state_known(w.s, 1) && !rule_state_known(w.s, 4));
        CHECK_TRUE(!rule_state_member(w.s, 0) && !rule_state_member(w.s, 1) && !rule_state_member(w.s, 4));
        CHECK_TRUE(rule_state_known(w.s, 2) && rule_state_member(w.s, 2));
        CHECK_TRUE(rule_state_known(w.s, 3) && !rule_state_member(w.s, 3));
        reloaded(&w);
    }
    w.env.profile = numbers(t, 10);
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 3); /* 0, 1 and 4 were unknown */
    CHECK_TRUE(w.changes.items[0].audience == 0 && !w.changes.items[0].member);
    CHECK_TRUE(w.changes.items[1].audience == 1 && w.changes.items[1].member);
    CHECK_TRUE(w.changes.items[2].audience == 4 && w.changes.items[2].member);
    for (size_t i = 0; i < w.n; i++) {
        CHECK_TRUE(rule_state_known(w.s, i));
        (void)member_of(&w, i);
    }
    w.env.profile = numbers(t, 300); /* now there is an answer to keep */
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 0);
    CHECK_TRUE(rule_state_known(w.s, 1) && rule_state_member(w.s, 1));
    done(&w);
}

/* An audience that a graph has more than the one that wrote the state. */
TEST(s19_25_what_is_new_to_a_state_may_be_unknown)
{
    struct world w = {.t = t};
    struct rule_graph *before;
    struct buf b;

    begin(&w, "vip = true", "2026-01-10T12:00:00Z");
    w.env.profile = numbers(t, 300);
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 1);
    buf_init_in(&b, t->arena, 1 << 16);
    rule_state_save(w.s, &b);
    add(&w, "not(" HEAVY ")");
    before = w.g;
    CHECK_OK(rule_graph_extend(before, w.audiences, w.n, 8, &w.g, d));
    CHECK_OK(rule_state_load(w.g, buf_str(&b), t->arena, &w.s, d));
    CHECK_TRUE(rule_state_is_behind(w.s));
    CHECK_OK(rule_state_time(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_EQ(w.changes.n, 0);
    CHECK_TRUE(rule_state_member(w.s, 0) && !rule_state_known(w.s, 1));
    w.env.profile = numbers(t, 10);
    CHECK_OK(rule_state_attributes(w.g, w.s, &w.env, t->arena, &w.changes, d));
    CHECK_TRUE(w.changes.n == 1 && member_of(&w, 1));
    rule_graph_free(before);
    done(&w);
}
