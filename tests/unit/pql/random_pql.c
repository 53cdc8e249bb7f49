/* random_pql.c - see random_pql.h. */
#include "random_pql.h"

#include <stdarg.h>
#include <stdio.h>

#define PICK(...) RANDOM_PICK(f, __VA_ARGS__)

uint64_t
random_below(struct random_pql *f, uint64_t n)
{
    return rng_below(&f->rng, n);
}

const char *
random_fmt(struct random_pql *f, const char *format, ...)
{
    char room[4096];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(room, sizeof room, format, ap);
    va_end(ap);
    return arena_cstr(f->a, (struct str){room, n < (int)sizeof room ? (size_t)n : sizeof room - 1});
}

int
random_number(struct random_pql *f, int n)
{
    return (int)random_below(f, (uint64_t)n);
}

const char *
random_event_type(struct random_pql *f)
{
    return PICK("buy", "view", "cart", "true", "7");
}

const char *
random_sku(struct random_pql *f)
{
    return PICK("A", "B", "C", "Ab");
}

/* A window, as the tail of occurs. */
static const char *
tail(struct random_pql *f)
{
    switch (random_number(f, 14)) {
    case 0:
    case 1:
    case 2:
        return random_fmt(f, "<= %d %s before now", random_number(f, 4) + 1, PICK("hours", "days", "days", "weeks"));
    case 3:
        return random_fmt(f, "<= %d %s before %s", random_number(f, 3) + 1, PICK("months", "months", "years"),
                          PICK("now", "now", "today", "last hour", "this minute"));
    case 4:
        return random_fmt(f, "< %d %s before %s", random_number(f, 90) + 1, PICK("minutes", "hours"),
                          PICK("now", "now", "today", "tomorrow", "this week", "last hour"));
    case 5:
        return PICK("today", "yesterday", "on today", "tomorrow");
    case 6:
        return random_fmt(f, "%s %s", PICK("this", "last", "next"), PICK("day", "week", "month", "year", "decade"));
    case 7:
        return random_fmt(f, "%s %d %s %s now", PICK(">", ">="), random_number(f, 9), PICK("days", "months", "hours"),
                          PICK("before", "after"));
    case 8:
        return random_fmt(f, "%s %s", PICK("before", "after", "from"), PICK("now", "today", "yesterday", "last month"));
    case 9:
        return random_fmt(f, "%s date(2024, %d, %d)", PICK("before", "after", "from", "on"), random_number(f, 4) + 1,
                          random_number(f, 28) + 1);
    case 10:
        return random_fmt(f, "between %s and %s", PICK("date(2024, 2, 10)", "last week", "yesterday", "last month"),
                          PICK("now", "today", "date(2024, 3, 20)"));
    case 11:
        return random_fmt(f, "= %d %s before %s", random_number(f, 4), PICK("hours", "days", "months", "weeks"),
                          PICK("now", "today"));
    default:
        return random_fmt(f, "<= %d %s after now", random_number(f, 4) + 1, PICK("hours", "days"));
    }
}

/* A predicate of one event; prefix is "" or "E.". */
static const char *
event_predicate(struct random_pql *f, const char *prefix)
{
    switch (random_number(f, 12)) {
    case 0:
    case 1:
    case 2:
        return random_fmt(f, "%seventType = \"%s\"", prefix, random_event_type(f));
    case 3:
        return random_fmt(f, "%seventType in [\"%s\", \"%s\"]", prefix, random_event_type(f), random_event_type(f));
    case 4:
        return random_fmt(f, "(%seventType = \"%s\" or %ssku = \"%s\")", prefix, random_event_type(f), prefix,
                          random_sku(f));
    case 5:
        return random_fmt(f, "%samount %s %d", prefix, PICK(">", "<", "=", "!="), random_number(f, 30));
    case 6:
        return random_fmt(f, "%sitems.sku %s \"%s\"", prefix, PICK("=", "="), random_sku(f));
    case 7:
        return random_fmt(f, "%ssku.%s(\"%s\")", prefix, PICK("contains", "equals", "startsWith", "notEqualTo"),
                          random_sku(f));
    case 8:
        return random_fmt(f, "not (%ssku = \"%s\")", prefix, random_sku(f));
    case 9:
        return random_fmt(f, "%seventType.equals(\"%s\", \"%s\", %s)", prefix, random_event_type(f),
                          random_event_type(f), PICK("true", "false"));
    case 10:
        return random_fmt(f, "\"%s\" = %seventType and %samount.isNotNull()", random_event_type(f), prefix, prefix);
    default:
        return random_fmt(f, "%seventType = \"%s\" and %ssku = \"%s\"", prefix, random_event_type(f), prefix,
                          random_sku(f));
    }
}

static const char *
maybe_window(struct random_pql *f, const char *prefix)
{
    if (random_below(f, 4) == 0)
        return "";
    if (random_below(f, 12) == 0)
        return random_fmt(f, " and %stimestamp occurs %s and %stimestamp occurs %s", prefix, tail(f), prefix, tail(f));
    return random_fmt(f, " and %s%s occurs %s", prefix, random_below(f, 12) == 0 ? "shipped" : "timestamp", tail(f));
}

static const char *
bound(struct random_pql *f)
{
    return random_fmt(f, "%s %d", PICK(">=", ">=", ">", "=", "<", "<=", "!="), random_number(f, 4));
}

static const char *
element(struct random_pql *f, const char *label, const char *count)
{
    return random_fmt(f, "%s: WHAT(%s)%s%s", label, event_predicate(f, ""),
                      random_below(f, 3) == 0 ? "" : random_fmt(f, " WHEN(%s)", tail(f)), count);
}

static const char *
chain(struct random_pql *f)
{
    const char *list =
        random_below(f, 4) == 0 ? random_fmt(f, "xEvent[%s%s]", event_predicate(f, ""), maybe_window(f, "")) : "xEvent";

    switch (random_number(f, 6)) {
    case 0:
        return random_fmt(
            f, "chain(%s, timestamp, [%s, %s])", list, element(f, "A", ""),
            element(f, "B", random_below(f, 2) ? "" : random_fmt(f, " GAP(<= %d hours)", random_number(f, 100))));
    case 1:
        return random_fmt(f, "chain(%s, timestamp, [%s, not %s])", list, element(f, "A", ""), element(f, "B", ""));
    case 2:
        return random_fmt(f, "chain(%s, timestamp, [A: WHAT(%s), B: WHAT(sku = A.sku) WHEN(%s)])", list,
                          event_predicate(f, ""), tail(f));
    case 3:
        return random_fmt(
            f, "chain(%s, timestamp, [%s])", list,
            element(f, "A", random_fmt(f, " COUNT(%s %d)", PICK("=", "<", "<="), random_number(f, 3) + 1)));
    default:
        return random_fmt(
            f, "chain(%s, %s, [%s])", list, random_below(f, 8) == 0 ? "shipped" : "timestamp",
            element(f, "A", random_below(f, 2) ? "" : random_fmt(f, " COUNT(%d)", random_number(f, 3) + 1)));
    }
}

/* The distance from the element before: from below, from above, both. */
static const char *
gap(struct random_pql *f)
{
    const char *unit = PICK("hours", "hours", "minutes", "days", "weeks", "months");
    int n = random_number(f, 30);

    switch (random_number(f, 4)) {
    case 0:
        return random_fmt(f, " GAP(%s %d %s)", PICK("<=", "<"), n + 1, unit);
    case 1:
        return random_fmt(f, " GAP(%s %d %s)", PICK(">=", ">"), n, unit);
    case 2:
        return random_fmt(f, " GAP(>= %d hours, <= %d %s)", random_number(f, 24), n + 1, unit);
    default:
        return "";
    }
}

/* Three to five elements, at least one of them wanted. */
static const char *
sequence(struct random_pql *f)
{
    const char *list =
        random_below(f, 4) == 0 ? random_fmt(f, "xEvent[%s%s]", event_predicate(f, ""), maybe_window(f, "")) : "xEvent";
    const char *path = random_below(f, 10) == 0 ? "shipped" : "timestamp", *text = "";
    int n = random_number(f, 4) + 2, sure = random_number(f, n);
    bool wanted = false;

    for (int i = 0; i < n; i++) {
        bool negated = i != sure && random_below(f, 3) == 0;
        const char *tail = wanted ? gap(f) : "";
        if (!negated && random_below(f, 4) == 0)
            tail = random_fmt(f, " COUNT(%s%d)%s", PICK("", ">= ", "> "), random_number(f, 2) + 1, tail);
        text = random_fmt(f, "%s%s%s%s", text, i ? ", " : "", negated ? "not " : "",
                          element(f, random_fmt(f, "E%d", i), tail));
        wanted = wanted || !negated;
    }
    return random_fmt(f, "chain(%s, %s, [%s])", list, path, text);
}

static const char *
constant(struct random_pql *f)
{
    switch (random_number(f, 8)) {
    case 0:
        return PICK("\"12\"", "\"A\"", "\"20\"", "\"0\"");
    case 1:
        return random_fmt(f, "date(2024, %d, %d)", random_number(f, 3) + 1, random_number(f, 28) + 1);
    case 2:
        return random_fmt(f, "%d.%d", random_number(f, 30), random_number(f, 10));
    default:
        return random_fmt(f, "%d", random_number(f, 30));
    }
}

static const char *
compared(struct random_pql *f, const char *aggregate)
{
    const char *relation = PICK("=", "!=", "<", "<=", ">", ">=");

    return random_below(f, 5) == 0 ? random_fmt(f, "%s %s %s", constant(f), PICK("=", "!="), aggregate)
                                   : random_fmt(f, "%s %s %s", aggregate, relation, constant(f));
}

static const char *
aggregate(struct random_pql *f)
{
    const char *list = random_fmt(f, "xEvent[%s%s]", event_predicate(f, ""), maybe_window(f, ""));
    const char *fn = PICK("min", "max", "average", "min", "max", "sum");

    switch (random_number(f, 4)) {
    case 0:
        return random_fmt(f, "%s.%s.%s()", list, PICK("amount", "price", "items.price"), fn);
    case 1:
        return random_fmt(f, "(%s E.%s over E from xEvent where %s%s)", fn, PICK("amount", "price"),
                          event_predicate(f, "E."), maybe_window(f, "E."));
    case 2:
        return random_fmt(f, "%s.%s(%s)", list, fn, PICK("amount", "price", "amount + 1", "items.price"));
    default:
        return random_fmt(f, "%s.%s()", list,
                          PICK("count", "sku.count", "amount.min", "price.max", "sku.max", "sku.min"));
    }
}

/* Of the greatest or least by some value. */
static const char *
pick(struct random_pql *f)
{
    const char *list = random_fmt(f, "xEvent[%s%s]", event_predicate(f, ""), maybe_window(f, ""));
    const char *head = random_fmt(f, "%s.%s(%s, %d).head()", list, PICK("topN", "bottomN"),
                                  PICK("timestamp", "timestamp", "timestamp", "amount", "price", "sku", "shipped"),
                                  random_number(f, 2) + 1);

    switch (random_number(f, 6)) {
    case 0:
        return random_fmt(f, "%s.timestamp occurs %s", head, tail(f));
    case 1:
        return random_fmt(f, "%s.amount %s", head, PICK("> 10", "= 0.1", "<= 20", "!= 5"));
    case 2:
        return random_fmt(f, "%s.%s", head, PICK("sku.isNull()", "amount.isNotNull()", "price.isNull()"));
    case 3:
        return random_fmt(f, "%s.sku.%s", head, PICK("equals(\"A\", \"B\")", "startsWith(\"A\")", "isNull()"));
    default:
        return random_fmt(f, "%s.%s", head,
                          PICK("sku = \"A\"", "eventType = \"buy\"", "sku != \"B\"", "items.sku = \"C\""));
    }
}

/* Aggregates that are compared, counted with, or asked for their time. */
static const char *
aggregates(struct random_pql *f)
{
    switch (random_number(f, 12)) {
    case 0:
        return random_fmt(f, "%s %s %s", aggregate(f), PICK(">", "=", "<="), aggregate(f));
    case 1:
        return random_fmt(f, "%s %s %s > %d", aggregate(f), PICK("+", "-", "*", "/"), aggregate(f),
                          random_number(f, 9));
    case 2:
        return random_fmt(f, "%s %s points", aggregate(f), PICK(">", "<", "="));
    case 3:
        return random_fmt(f, "xEvent[%s%s].timestamp.%s() occurs %s", event_predicate(f, ""), maybe_window(f, ""),
                          PICK("min", "max"), tail(f));
    case 4:
        return random_fmt(f, "let S = %s in (S > %d and S < %d)", aggregate(f), random_number(f, 5),
                          random_number(f, 30));
    case 5:
        return random_fmt(f, "%s.%s()", aggregate(f), PICK("isNull", "isNotNull"));
    case 6:
        return random_fmt(f, "if(tier = \"gold\", %s, %s) > %d", aggregate(f), aggregate(f), random_number(f, 20));
    case 7:
        return random_fmt(f, "%s in [1, 2, 3, \"12\", 0.1]", aggregate(f));
    case 8:
    case 9:
        return pick(f);
    default:
        return compared(f, aggregate(f));
    }
}

static const char *
sum(struct random_pql *f)
{
    const char *limit =
        random_fmt(f, "%s %d%s", PICK(">", ">=", "<", "="), random_number(f, 60), PICK("", ".5", ".25"));

    switch (random_number(f, 6)) {
    case 0:
        return random_fmt(f, "(sum E.amount over E from xEvent where %s%s) %s", event_predicate(f, "E."),
                          maybe_window(f, "E."), limit);
    case 1:
        return random_fmt(f, "xEvent[%s%s].items.price.sum() %s", event_predicate(f, ""), maybe_window(f, ""), limit);
    case 2:
        return random_fmt(f, "let S = (sum E.amount over E from xEvent where %s) in S %s", event_predicate(f, "E."),
                          limit);
    case 3:
        return random_fmt(f, "%d < (count E.items.sku over E from xEvent where %s%s)", random_number(f, 5),
                          event_predicate(f, "E."), maybe_window(f, "E."));
    case 4:
        return random_fmt(f, "xEvent.sum(amount) %s", limit);
    default:
        return random_fmt(f, "xEvent[%s%s].sum(amount) %s", event_predicate(f, ""), maybe_window(f, ""), limit);
    }
}

/* Much of what becomes scan leaves. */
static const char *
scan(struct random_pql *f)
{
    switch (random_number(f, 18)) {
    case 8:
        return random_fmt(f, "xEvent[%s].count() %s xEvent[%s%s].count()", event_predicate(f, ""), PICK(">", "=", "<="),
                          event_predicate(f, ""), maybe_window(f, ""));
    case 9:
        return random_fmt(f, "xEvent[%s%s].amount.%s() %s %d", event_predicate(f, ""), maybe_window(f, ""),
                          PICK("min", "max", "average", "sum", "count"), PICK(">", "<=", "="), random_number(f, 20));
    case 10:
        return random_fmt(f, "xEvent.%s(amount) %s points", PICK("max", "min", "sum"), PICK(">", "<"));
    case 11:
        return random_fmt(f, "xEvent[%s].%s(timestamp, %d).head().%s %s", event_predicate(f, ""),
                          PICK("topN", "bottomN"), random_number(f, 2) + 1, PICK("sku", "eventType"),
                          PICK("= \"A\"", "= \"buy\"", "!= \"B\""));
    case 12:
        return random_fmt(
            f, "xEvent[%s].head().%s", event_predicate(f, ""),
            PICK("sku = \"B\"", "amount > 5", "amount.isNull()", "timestamp occurs <= 9 days before now"));
    case 13:
        return random_fmt(f, "(forall E from xEvent where %s)", event_predicate(f, "E."));
    case 14:
        return random_fmt(f, "xEvent.forall(%s)", event_predicate(f, ""));
    case 15:
        return random_fmt(f, "xEvent[amount %s %s].count() %s", PICK(">", "=", "<="),
                          PICK("price", "$1.points", "price + 1"), bound(f));
    case 16:
        return random_fmt(f, "xEvent[%s and %s].count() %s", event_predicate(f, ""),
                          PICK("items[price > 3].count() > 1", "items.exists(sku = \"A\")", "inSegment(\"ext\")",
                               "$1.tier = \"gold\"", "items.price > 4", "amount + price > 9"),
                          bound(f));
    case 17:
        return random_fmt(f, "let C = xEvent[%s].count() in (C > 1 and C < %d)", event_predicate(f, ""),
                          random_number(f, 6));
    case 0:
        return random_fmt(f, "xEvent.topN(timestamp, 1).head().timestamp occurs %s", tail(f));
    case 1:
        return random_fmt(f, "forall E from xEvent[%s]: %s", event_predicate(f, ""), event_predicate(f, "E."));
    case 2:
        return random_fmt(f, "xEvent[sku = $1.favourite%s].count() %s", maybe_window(f, ""), bound(f));
    case 3:
        return random_fmt(f, "exists E from xEvent, F from E.items where F.sku = \"%s\"%s", random_sku(f),
                          maybe_window(f, "E."));
    case 4:
        return random_fmt(f, "xEvent[%s].timestamp.max() occurs %s", event_predicate(f, ""), tail(f));
    case 5:
        return random_fmt(f, "xEvent[%s or timestamp occurs %s].count() %s", event_predicate(f, ""), tail(f), bound(f));
    case 6:
        return random_fmt(f, "xEvent[%s and timestamp occurs != %d days before now].count() %s", event_predicate(f, ""),
                          random_number(f, 5), bound(f));
    default:
        return random_fmt(f, "if(tier = \"gold\", xEvent[%s], xEvent[%s%s]).count() > 1", event_predicate(f, ""),
                          event_predicate(f, ""), maybe_window(f, ""));
    }
}

static const char *
event_atom(struct random_pql *f)
{
    switch (random_number(f, 18)) {
    case 10:
    case 11:
    case 12:
        return random_fmt(f, "(%s)", aggregates(f));
    case 13:
    case 14:
    case 15:
        return sequence(f);
    case 0:
        return random_fmt(f, "xEvent[%s%s]", event_predicate(f, ""), maybe_window(f, ""));
    case 1:
    case 2:
        return random_fmt(f, "xEvent[%s%s].count() %s", event_predicate(f, ""), maybe_window(f, ""), bound(f));
    case 3:
        return random_fmt(f, "(%s E from xEvent where %s%s)", PICK("exists", "exists", "none", "one"),
                          event_predicate(f, "E."), maybe_window(f, "E."));
    case 4:
        return random_fmt(f, "xEvent.exists(%s%s)", event_predicate(f, ""), maybe_window(f, ""));
    case 5:
        return random_fmt(f, "(select E from xEvent where %s%s)", event_predicate(f, "E."), maybe_window(f, "E."));
    case 6:
        return random_fmt(f, "xEvent[%s][timestamp occurs %s].count() %s", event_predicate(f, ""), tail(f), bound(f));
    case 7:
    case 8:
        return random_fmt(f, "(%s)", sum(f));
    case 9:
        return random_fmt(f, "(%s)", scan(f));
    default:
        return chain(f);
    }
}

static const char *
attribute_atom(struct random_pql *f)
{
    switch (random_number(f, 22)) {
    case 12:
        return random_fmt(f, "mixed %s %s", PICK("=", "!=", "<", ">=", "like"), PICK("\"5\"", "\"a\"", "\"1.5\""));
    case 13:
        return random_below(f, 8) == 0
                   ? random_fmt(f, "mixed %s true", PICK("=", "!="))
                   : random_fmt(f, "mixed %s %s", PICK("=", "!=", "<", ">=", ">"), PICK("5", "1.5", "-1", "2"));
    case 14:
        return random_fmt(f, "%s %s mixed", PICK("5", "\"5\"", "1.5", "\"1.0\"", "points", "tier"),
                          PICK("=", "!=", "<", ">="));
    case 15:
        return random_fmt(f, "mixed %s", PICK("in [1, 5, \"a\"]", "notIn [1.5, \"true\"]", "occurs today", "< now"));
    case 16:
        return random_fmt(f, "mixed.%s",
                          PICK("isNull()", "isNotNull()", "equals(5, \"a\")", "notEqualTo(\"5\", 1.5)",
                               "contains(\"a\")", "doesNotContain(\"1\")", "equals(\"A\", false)"));
    case 17:
        return random_fmt(f, "%s %s %s", PICK("points", "points + 1", "-points", "points * mixed"),
                          PICK("=", "<", ">="), PICK("mixed", "7 - points", "3.5", "points % 3"));
    case 18:
        return random_fmt(f, "%s", PICK("mixed", "person.name", "orders.sku", "colours"));
    case 19:
        return random_fmt(
            f, "orders.sku %s",
            PICK("= \"A\"", "!= \"B\"", "in [\"A\", 5]", "notIn [\"A\"]", "like \"A%\"", "> 3", "= [\"A\"]"));
    case 20:
        return random_fmt(f, "orders.%s",
                          PICK("sku.includes(5)", "sku.includes(\"A\")", "count() > 1", "sku.isNull()", "sku.exists()",
                               "exists(sku = \"A\")", "n.sum() > 4"));
    case 21:
        return random_fmt(f, "\"%s\" %s %s", PICK("red", "A", "5"), PICK("in", "notIn"),
                          PICK("colours", "orders.sku", "mixed"));
    case 0:
        return random_fmt(f, "tier %s \"%s\"", PICK("=", "!="), PICK("gold", "silver"));
    case 1:
        return random_fmt(f, "points %s %d", PICK(">", "<", ">=", "="), random_number(f, 10));
    case 2:
        return random_fmt(f, "person.name.%s(\"%s\"%s)", PICK("contains", "startsWith", "doesNotEndWith", "matches"),
                          PICK("a", "Jo"), "");
    case 3:
        return random_fmt(f, "colours.includes(\"%s\")", PICK("red", "blue"));
    case 4:
        return random_fmt(f, "tier in [\"gold\", \"%s\"]", PICK("silver", "iron"));
    case 5:
        return random_fmt(f, "%s.isNull()", PICK("tier", "until", "person.name"));
    case 6:
    case 7:
        return random_fmt(f, "until occurs %s", tail(f));
    case 8:
        return random_fmt(f, "until %s %s", PICK("<", ">=", "="), PICK("today", "now", "tomorrow"));
    case 9:
        return random_fmt(f, "currentMonth() = %d", random_number(f, 4) + 1);
    case 10:
        return random_fmt(f, "dates[at occurs %s].count() %s", tail(f), bound(f));
    default:
        return random_fmt(f, "currentDayOfMonth() > points");
    }
}

static const char *
expression(struct random_pql *f, size_t index, int depth)
{
    switch (random_number(f, depth > 3 ? 5 : 12)) {
    case 0:
    case 1:
        return attribute_atom(f);
    case 2:
        if (index > 0)
            return random_fmt(f, "inSegment(\"a%d\")", random_number(f, (int)index));
        return "inSegment(\"ext\")";
    case 3:
    case 4:
    case 5:
        return event_atom(f);
    case 6:
        return random_fmt(f, "not (%s)", expression(f, index, depth + 1));
    case 7:
        return random_fmt(f, "not (%s)", event_atom(f));
    case 8:
        return random_fmt(
            f, "%s",
            index > 0 && random_below(f, 3) == 0
                ? random_fmt(f, "if(inSegment(\"a%d\"), points > 3, inSegment(\"ext\"))", random_number(f, (int)index))
                : event_atom(f));
    case 9:
        return random_fmt(f, "(%s or %s)", expression(f, index, depth + 1), expression(f, index, depth + 1));
    default:
        return random_fmt(f, "(%s and %s)", expression(f, index, depth + 1), expression(f, index, depth + 1));
    }
}

const char *
random_pql_expression(struct random_pql *f, size_t index)
{
    return expression(f, index, 0);
}
