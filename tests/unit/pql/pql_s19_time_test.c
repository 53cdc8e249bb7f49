/* pql_s19_time_test.c - items 21 to 23 of [SEGMENTATION 19]: occurs to the millisecond, sequences, quantifiers. */
#include "base/civil.h"
#include "pql_s19.h"

static int64_t
ms_of(struct t *t, const char *iso)
{
    int64_t ms = 0;

    CHECK_TRUE(iso8601_parse(str_of(iso), &ms, NULL));
    return ms;
}

/* `text` is about t, which is the instant `ms`. */
static void
check_at(struct t *t, const char *text, int64_t ms, const char *now, bool expect)
{
    char iso[ISO8601_BYTES];
    struct s19 c = {text, NULL, expect ? "true" : "false", now};

    iso8601_format(ms, iso);
    c.profile = arena_printf(t->arena, "{\"t\":\"%.*s\"}", ISO8601_BYTES, iso).p;
    s19_check(t, &c, 1);
}

#define FROM_NOW "2025-03-31T12:00:00Z" /* a Monday; the months before and after are shorter */

/* One unit away from FROM_NOW: where that is, and the calendar's unit around the place before. */
static const struct {
    const char *unit, *before, *after, *start, *end;
} shifts[] = {
    {"millisecond", "2025-03-31T11:59:59.999Z", "2025-03-31T12:00:00.001Z", "2025-03-31T11:59:59.999Z", FROM_NOW},
    {"second", "2025-03-31T11:59:59Z", "2025-03-31T12:00:01Z", "2025-03-31T11:59:59Z", FROM_NOW},
    {"minute", "2025-03-31T11:59:00Z", "2025-03-31T12:01:00Z", "2025-03-31T11:59:00Z", FROM_NOW},
    {"hour", "2025-03-31T11:00:00Z", "2025-03-31T13:00:00Z", "2025-03-31T11:00:00Z", FROM_NOW},
    {"day", "2025-03-30T12:00:00Z", "2025-04-01T12:00:00Z", "2025-03-30", "2025-03-31"},
    {"week", "2025-03-24T12:00:00Z", "2025-04-07T12:00:00Z", "2025-03-24", "2025-03-31"},
    {"month", "2025-02-28T12:00:00Z", "2025-04-30T12:00:00Z", "2025-02-01", "2025-03-01"},
    {"year", "2024-03-31T12:00:00Z", "2026-03-31T12:00:00Z", "2024-01-01", "2025-01-01"},
    {"decade", "2015-03-31T12:00:00Z", "2035-03-31T12:00:00Z", "2010-01-01", "2020-01-01"},
    {"century", "1925-03-31T12:00:00Z", "2125-03-31T12:00:00Z", "1900-01-01", "2000-01-01"},
    {"millennium", "1025-03-31T12:00:00Z", "3025-03-31T12:00:00Z", "1000-01-01", "2000-01-01"},
};

static bool
at_distance(const char *cmp, bool before, int64_t at, int64_t a, int64_t p)
{
    bool open = cmp[1] == '\0';

    if (cmp[0] == '>')
        return before ? (open ? at < p : at <= p) : (open ? at > p : at >= p);
    if (before)
        return at <= a && (open ? at > p : at >= p);
    return at >= a && (open ? at < p : at <= p);
}

/* Form 1 with every unit, comparison and direction, a millisecond on either side of both ends. */
TEST(s19_21_distance)
{
    static const char *const cmps[] = {"<", "<=", ">", ">="}, *const sides[] = {"before", "after", "from"};
    int64_t a = ms_of(t, FROM_NOW);

    for (size_t u = 0; u < sizeof shifts / sizeof shifts[0]; u++) {
        for (size_t c = 0; c < 4; c++) {
            for (size_t s = 0; s < 3; s++) {
                int64_t p = ms_of(t, s == 0 ? shifts[u].before : shifts[u].after);
                const char *text =
                    arena_printf(t->arena, "t occurs %s 1 %s %s now", cmps[c], shifts[u].unit, sides[s]).p;
                for (int d = -1; d <= 1; d++) {
                    check_at(t, text, a + d, FROM_NOW, at_distance(cmps[c], s == 0, a + d, a, p));
                    check_at(t, text, p + d, FROM_NOW, at_distance(cmps[c], s == 0, p + d, a, p));
                }
            }
        }
    }
}

/* "= 1 U before now" is the whole unit of the calendar in which that instant lies. */
TEST(s19_21_calendar_distance)
{
    for (size_t u = 0; u < sizeof shifts / sizeof shifts[0]; u++) {
        int64_t start = ms_of(t, shifts[u].start), end = ms_of(t, shifts[u].end);
        const int64_t at[] = {start - 1, start, end - 1, end};
        const char *is = arena_printf(t->arena, "t occurs = 1 %s before now", shifts[u].unit).p;
        const char *is_not = arena_printf(t->arena, "t occurs != 1 %s before now", shifts[u].unit).p;
        for (size_t i = 0; i < 4; i++) {
            bool inside = at[i] >= start && at[i] < end;
            check_at(t, is, at[i], FROM_NOW, inside);
            check_at(t, is_not, at[i], FROM_NOW, !inside);
        }
    }
}

/* Forms 2 to 4 with a period: last, this and next unit around S19_NOW lie side by side between four instants. */
TEST(s19_21_periods)
{
    static const struct {
        const char *unit, *edges[4];
    } units[] = {
        {"millisecond",
         {"2025-03-12T14:29:59.999Z", "2025-03-12T14:30:00.000Z", "2025-03-12T14:30:00.001Z",
          "2025-03-12T14:30:00.002Z"}},
        {"second", {"2025-03-12T14:29:59Z", "2025-03-12T14:30:00Z", "2025-03-12T14:30:01Z", "2025-03-12T14:30:02Z"}},
        {"minute", {"2025-03-12T14:29:00Z", "2025-03-12T14:30:00Z", "2025-03-12T14:31:00Z", "2025-03-12T14:32:00Z"}},
        {"hour", {"2025-03-12T13:00:00Z", "2025-03-12T14:00:00Z", "2025-03-12T15:00:00Z", "2025-03-12T16:00:00Z"}},
        {"day", {"2025-03-11", "2025-03-12", "2025-03-13", "2025-03-14"}},
        {"week", {"2025-03-03", "2025-03-10", "2025-03-17", "2025-03-24"}},
        {"month", {"2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01"}},
        {"year", {"2024-01-01", "2025-01-01", "2026-01-01", "2027-01-01"}},
        {"decade", {"2010-01-01", "2020-01-01", "2030-01-01", "2040-01-01"}},
        {"century", {"1900-01-01", "2000-01-01", "2100-01-01", "2200-01-01"}},
        {"millennium", {"1000-01-01", "2000-01-01", "3000-01-01", "4000-01-01"}},
    };
    static const char *const words[] = {"last", "this", "next"};

    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        for (size_t w = 0; w < 3; w++) {
            const char *time = arena_printf(t->arena, "%s %s", words[w], units[u].unit).p;
            int64_t start = ms_of(t, units[u].edges[w]), end = ms_of(t, units[u].edges[w + 1]);
            const int64_t at[] = {start - 1, start, end - 1, end};
            for (size_t i = 0; i < 4; i++) {
                bool inside = at[i] >= start && at[i] < end;
                check_at(t, arena_printf(t->arena, "t occurs %s", time).p, at[i], NULL, inside);
                check_at(t, arena_printf(t->arena, "t occurs on %s", time).p, at[i], NULL, inside);
                check_at(t, arena_printf(t->arena, "t occurs before %s", time).p, at[i], NULL, at[i] < start);
                check_at(t, arena_printf(t->arena, "t occurs from %s", time).p, at[i], NULL, at[i] >= start);
                check_at(t, arena_printf(t->arena, "t occurs after %s", time).p, at[i], NULL, at[i] >= end);
                check_at(t, arena_printf(t->arena, "t occurs between %s and %s", time, time).p, at[i], NULL, inside);
            }
        }
    }
}

TEST(s19_21_other_times)
{
    static const struct s19 cases[] = {
        /* an instant: exactly, before, from, strictly after */
        {"t occurs now and t occurs from now and not(t occurs after now) and not(t occurs before now)",
         "{\"t\":\"2025-03-12T14:30:00.000Z\"}", "true", NULL},
        {"t occurs on now or t occurs before now", "{\"t\":\"2025-03-12T14:30:00.001Z\"}", "false", NULL},
        {"t occurs after now", "{\"t\":\"2025-03-12T14:30:00.001Z\"}", "true", NULL},
        /* a day, whether it is a word, a date or text without a time of day */
        {"t occurs today and t occurs on date(2025, 3, 12) and t occurs on \"2025-03-12\" and t occurs this day",
         "{\"t\":\"2025-03-12T23:59:59.999Z\"}", "true", NULL},
        {"t occurs yesterday or t occurs tomorrow", "{\"t\":\"2025-03-12T23:59:59.999Z\"}", "false", NULL},
        {"t occurs on d and t occurs on now", "{\"t\":\"2025-03-12T14:30:00Z\",\"d\":1741789800000}", "true", NULL},
        /* between: both ends, and all of a day at the end; the wrong way round nothing */
        {"t occurs between a and b", "{\"t\":\"2025-03-02T10:00:00Z\",\"a\":\"2025-03-01\",\"b\":\"2025-03-02\"}",
         "true", NULL},
        {"t occurs between a and b",
         "{\"t\":\"2025-03-02T10:00:00.001Z\",\"a\":\"2025-03-01\",\"b\":\"2025-03-02T10:00\"}", "false", NULL},
        {"t occurs between b and a", "{\"t\":\"2025-03-01\",\"a\":\"2025-03-01\",\"b\":\"2025-03-02\"}", "false", NULL},
        /* from a day: its midnight */
        {"t occurs <= 1 day before today", "{\"t\":\"2025-03-12T00:00:00.000Z\"}", "true", NULL},
        {"t occurs <= 1 day before today", "{\"t\":\"2025-03-12T00:00:00.001Z\"}", "false", NULL},
        /* clamped months, leap days */
        {"t occurs <= 12 months before now", "{\"t\":\"2023-02-28T12:00:00Z\"}", "true", "2024-02-29T12:00:00Z"},
        {"t occurs < 12 months before now", "{\"t\":\"2023-02-28T12:00:00Z\"}", "false", "2024-02-29T12:00:00Z"},
        {"t occurs <= 1 year after now", "{\"t\":\"2025-02-28T12:00:00Z\"}", "true", "2024-02-29T12:00:00Z"},
        /* beyond the calendar */
        {"t occurs <= 9000 years before now and t occurs < 9223372036854775807 weeks before now",
         "{\"t\":\"0001-01-01\"}", "true", NULL},
        {"t occurs > 9000 years before now or t occurs > 9000 years after now", "{\"t\":\"0001-01-01\"}", "false",
         NULL},
        /* zero */
        {"t occurs <= 0 days before now and not(t occurs < 0 days before now)", "{\"t\":\"2025-03-12T14:30:00Z\"}",
         "true", NULL},
        /* no time, or many */
        {"t occurs before now or t occurs != 3 days before now or t occurs between now and now", "{\"t\":\"soon\"}",
         "false", NULL},
        {"t occurs before now", "{\"t\":[\"2025-03-01\"]}", "false", NULL},
        {"t occurs before now or t occurs after now", "{\"t\":true}", "false", NULL},
        {"xEvent.timestamp occurs before now", NULL, "error:type", NULL},
        {"t >= today and t < tomorrow and t > yesterday", "{\"t\":\"2025-03-12\"}", "true", NULL},
    };

    s19_vectors(t, "occ-", 112);
    S19_CHECK(cases);
}

/* k at minute t */
#define E(t, k) "{\"timestamp\":" #t "0000,\"k\":\"" k "\"}"
#define EVENTS(...) "{\"xEvent\":[" __VA_ARGS__ "]}"

TEST(s19_22_sequences)
{
    static const struct s19 cases[] = {
        /* order, ties, what has no time */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\")])", EVENTS(E(6, "b") "," E(3, "a")), "true",
         NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\")])", EVENTS(E(3, "b") "," E(6, "a")), "false",
         NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\")])", EVENTS(E(3, "a") "," E(3, "b")), "false",
         NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(2)])", EVENTS(E(3, "a") "," E(3, "a")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(2)])", EVENTS(E(3, "a") ",{\"k\":\"a\"},{\"timestamp\":\"x\"}"),
         "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true)])", EVENTS(""), "false", NULL},
        /* COUNT of one element, of a group */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(= 2)])", EVENTS(E(3, "a") "," E(4, "a")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(< 2)])", EVENTS(E(3, "a") "," E(4, "a")), "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(> 1, <= 2)])", EVENTS(E(3, "a") "," E(4, "a")), "true",
         NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(= 0)])", EVENTS(E(3, "b")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(> 1), B: WHAT(k = \"b\")])",
         EVENTS(E(3, "a") "," E(4, "a") "," E(5, "b")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(2), B: WHAT(k = \"a\")])", EVENTS(E(3, "a") "," E(4, "a")),
         "false", NULL},
        /* GAP, from the last of the group before; 10 seconds a step */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\") GAP(<= 20 seconds)])",
         EVENTS(E(3, "a") "," E(5, "b")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\") GAP(< 20 seconds)])",
         EVENTS(E(3, "a") "," E(5, "b")), "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\") GAP(> 10 seconds, < 30 seconds)])",
         EVENTS(E(3, "a") "," E(5, "b")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") COUNT(2), B: WHAT(k = \"b\") GAP(<= 10 seconds)])",
         EVENTS(E(1, "a") "," E(4, "a") "," E(5, "b")), "true", NULL},
        /* not the earliest match: a later one fits the gap */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(k = \"b\") GAP(<= 10 seconds)])",
         EVENTS(E(1, "a") "," E(4, "a") "," E(5, "b")), "true", NULL},
        /* excluded: between, before, after, at a distance */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), not X: WHAT(k = \"x\"), B: WHAT(k = \"b\")])",
         EVENTS(E(1, "a") "," E(2, "x") "," E(3, "b")), "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), not X: WHAT(k = \"x\"), B: WHAT(k = \"b\")])",
         EVENTS(E(1, "a") "," E(1, "x") "," E(3, "x") "," E(3, "b")), "true", NULL}, /* at the ends is not between */
        {"chain(xEvent, timestamp, [not X: WHAT(k = \"x\"), A: WHAT(k = \"a\")])", EVENTS(E(1, "x") "," E(2, "a")),
         "false", NULL},
        {"chain(xEvent, timestamp, [not X: WHAT(k = \"x\"), A: WHAT(k = \"a\")])", EVENTS(E(3, "x") "," E(2, "a")),
         "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), not X: WHAT(k = \"x\")])", EVENTS(E(3, "x") "," E(2, "a")),
         "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), not X: WHAT(k = \"x\") GAP(<= 10 seconds)])",
         EVENTS(E(4, "x") "," E(2, "a")), "true", NULL},
        /* WHEN, WHERE, labels */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") WHEN(<= 1 second after \"1970-01-01T00:00:29Z\")])",
         EVENTS(E(3, "a")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\") WHEN(today)])", EVENTS(E(3, "a")), "false", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true) WHERE(k = \"a\" and A.k = k)])", EVENTS(E(3, "a")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true), B: WHAT(k = A.k)])", EVENTS(E(1, "a") "," E(2, "b") "," E(3, "b")),
         "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(true) COUNT(2), B: WHAT(k = A.k)])",
         EVENTS(E(1, "b") "," E(2, "a") "," E(3, "b")), "false", NULL}, /* the last of its group */
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), B: WHAT(timestamp occurs <= 10 seconds after A.timestamp and k "
         "= "
         "\"b\")])",
         EVENTS(E(1, "a") "," E(2, "b")), "true", NULL},
        {"chain(xEvent, timestamp, [A: WHAT(k = \"a\"), not N: WHAT(k = \"x\"), B: WHAT(N.k.isNull())])",
         EVENTS(E(1, "a") "," E(2, "b")), "true", NULL},
        {"chain(xs, a.t, [A: WHAT(k = 1), B: WHAT(k = 2)])",
         "{\"xs\":[{\"a\":{\"t\":\"2025-01-02\"},\"k\":2},{\"a\":{\"t\":\"2025-01-01\"},\"k\":1}]}", "true", NULL},
    };
    static const char *const type[] = {
        "chain(xEvent, timestamp, [not A: WHAT(true)])",
        "chain(xEvent, timestamp, [A: WHAT(true) GAP(<= 1 hour)])",
        "chain(xEvent, timestamp, [not A: WHAT(true), B: WHAT(true) GAP(<= 1 hour)])",
        "chain(xEvent, timestamp, [A: WHAT(true), not B: WHAT(true) COUNT(2)])",
        "chain(xEvent, timestamp, [A: WHAT(true) COUNT(<= 2), B: WHAT(true)])",
        "chain(\"x\", timestamp, [A: WHAT(true)])",
    };
    static const char *const value[] = {
        "chain(xEvent, timestamp, [A: WHAT(true) COUNT(0)])",
        "chain(xEvent, timestamp, [A: WHAT(true) COUNT(>= 0)])",
    };

    s19_vectors(t, "seq-", 68);
    S19_CHECK(cases);
    S19_REFUSED("type", type);
    S19_REFUSED("value", value);
}

TEST(s19_23_quantifiers)
{
    static const struct s19 cases[] = {
        {"exists X from xs where X = 2, Y from ys where Y = X", "{\"xs\":[1,2],\"ys\":[2]}", "true", NULL},
        {"exists X from xs where X = 1, Y from ys where Y = X", "{\"xs\":[1,2],\"ys\":[2]}", "false", NULL},
        {"exists X from xs, Y from X.ys where Y = 3", "{\"xs\":[{\"ys\":[1]},{\"ys\":[3]}]}", "true", NULL},
        {"exists X from [] where true", NULL, "false", NULL},
        {"forall X from [] where false", NULL, "true", NULL},
        {"forall X from ghost, Y from X.ys where false", NULL, "true", NULL},
        /* conditions of forall assert; they do not choose */
        {"forall X from xs where X > 1, Y from ys where Y > 0", "{\"xs\":[1,2],\"ys\":[1]}", "false", NULL},
        {"forall X from xs[^k < n], Y from X.ys where Y > 0",
         "{\"k\":0,\"xs\":[{\"n\":1,\"ys\":[1]},{\"n\":0,\"ys\":[0]}]}", "true", NULL},
        {"some X from xs : X = 2", "{\"xs\":[1,2]}", "true", NULL},
        {"all X from xs : X > 0", "{\"xs\":[1,2]}", "true", NULL},
        {"none X from xs : X > 2", "{\"xs\":[1,2]}", "true", NULL},
        {"one X from xs : X > 1", "{\"xs\":[1,2]}", "true", NULL},
        {"one X from xs : X > 0", "{\"xs\":[1,2]}", "false", NULL},
        {"one X from xs, Y from X.ys where Y = 2", "{\"xs\":[{\"ys\":[2,2]},{\"ys\":[1]}]}", "true", NULL},
        {"one X from ghost", NULL, "false", NULL},
        {"(select X from xs where X > 1)", "{\"xs\":[3,1,2]}", "[3,2]", NULL},
        {"(select X from xs, Y from ys where X = Y)", "{\"xs\":[1,2,1],\"ys\":[1,1]}", "[1,1]", NULL},
        {"(select X from ghost)", NULL, "[]", NULL},
        {"(select X from xs).head().n + (select X from xs).count()", "{\"xs\":[{\"n\":5}]}", "6", NULL},
        {"true and select X from xs where X > 9", "{\"xs\":[1]}", "false", NULL},
        {"exists X from s", "{\"s\":\"text\"}", "false", NULL}, /* of a value that turns out to be no list */
    };
    static const char *const none_such[] = {"xs.every(true)", "xs.any(true)",       "xs.first()", "xs.last()",
                                            "xs.union(ys)",   "then(xEvent, true)", "within(1)"};

    s19_vectors(t, "qnt-", 38);
    S19_CHECK(cases);
    S19_REFUSED("reference", none_such);
}
