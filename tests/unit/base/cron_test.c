/* cron_test.c - Quartz expressions [SEGMENTATION 17.6], conformance item 40. */
#include "base/cron.h"

#include "base/civil.h"
#include "base/limits.h"
#include "t.h"

static int64_t
at(struct t *t, const char *text)
{
    int64_t ms = 0;

    if (!iso8601_parse(str_of(text), &ms, NULL))
        t_fail(t, __FILE__, __LINE__, "'%s' is no time", text);
    return ms;
}

/* What follows `after`: "2026-01-02T01:00:00.000Z ..." one by one. */
static void
check_series(struct t *t, const char *text, const char *after, const char *const *expected)
{
    struct cron c;
    int64_t ms = at(t, after);

    CHECK_OK(cron_parse(str_of(text), &c, d));
    for (; *expected != NULL; expected++) {
        char found[ISO8601_BYTES];
        if (!cron_next(&c, ms, &ms))
            t_fail(t, __FILE__, __LINE__, "'%s' has no more instants, expected %s", text, *expected);
        iso8601_format(ms, found);
        if (ms != at(t, *expected))
            t_fail(t, __FILE__, __LINE__, "'%s': %.*s, expected %s", text, ISO8601_BYTES, found, *expected);
    }
}

TEST(s19_40_instants)
{
    static const struct {
        const char *text, *after, *expected[4];
    } cases[] = {
        {"0 0 1 * * ?", "2026-01-01T00:59:59.999Z", {"2026-01-01T01:00:00Z", "2026-01-02T01:00:00Z"}},
        {"0 0 1 * * ?", "2026-01-01T01:00:00Z", {"2026-01-02T01:00:00Z"}},
        {"59 59 23 31 12 ? 2099", "1960-01-01", {"2099-12-31T23:59:59Z"}},
        {"0 0 0 29 FEB ?", "2026-01-01", {"2028-02-29", "2032-02-29"}},
        {"0 0 0 29 2 ? 2096-2099", "2026-01-01", {"2096-02-29"}},
        {"0 30 1 ? * MON-FRI", "2026-01-02T02:00Z", {"2026-01-05T01:30Z", "2026-01-06T01:30Z"}},
        {"0 0 0 ? * fri-Mon", "2026-01-01", {"2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"}},
        {"0 0 0 ? * 1,7", "2026-01-01", {"2026-01-03", "2026-01-04", "2026-01-10"}},
        {"0 0 0 L * ?", "2026-01-31T12:00Z", {"2026-02-28", "2026-03-31"}},
        {"0 0 0 L-3 * ?", "2026-01-01", {"2026-01-28", "2026-02-25"}},
        {"0 0 0 LW * ?", "2026-01-01", {"2026-01-30", "2026-02-27", "2026-03-31"}},
        {"0 0 0 L-1W * ?", "2026-01-01", {"2026-01-30", "2026-02-27"}},
        {"0 0 0 1W * ?", "2026-07-31", {"2026-08-03", "2026-09-01"}},  /* 1 August is a Saturday: not July */
        {"0 0 0 31W * ?", "2026-05-01", {"2026-05-29", "2026-07-31"}}, /* 31 May is a Sunday: not June */
        {"0 0 0 15W * ?", "2026-02-01", {"2026-02-16", "2026-03-16"}}, /* both are Sundays */
        {"0 0 0 ? * 6L", "2026-01-01", {"2026-01-30", "2026-02-27"}},
        {"0 0 0 ? * FRIL", "2026-01-01", {"2026-01-30", "2026-02-27"}},
        {"0 0 0 ? * L", "2026-01-01", {"2026-01-03", "2026-01-10"}},
        {"0 0 0 ? * 2#1", "2026-01-01", {"2026-01-05", "2026-02-02"}},
        {"0 0 0 ? * FRI#5", "2026-01-01", {"2026-01-30", "2026-05-29"}}, /* most months have four */
        {"0 0/30 8-9 * * ?",
         "2026-01-01T08:10Z",
         {"2026-01-01T08:30Z", "2026-01-01T09:00Z", "2026-01-01T09:30Z", "2026-01-02T08:00Z"}},
        {"*/20 59 23 1/10 * ?", "2026-01-01T23:59:41Z", {"2026-01-11T23:59:00Z", "2026-01-11T23:59:20Z"}},
        {"0 0 22-2/2 * * ?", "2026-01-01T01:00Z", {"2026-01-01T02:00Z", "2026-01-01T22:00Z", "2026-01-02T00:00Z"}},
        {"0 0 0 1 NOV-FEB ?", "2026-01-15", {"2026-02-01", "2026-11-01", "2026-12-01"}},
        {"  0\t0 0 1 1 ?  2030,2040/5 ", "2026-01-01", {"2030-01-01", "2040-01-01", "2045-01-01"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *expected[5] = {cases[i].expected[0], cases[i].expected[1], cases[i].expected[2],
                                   cases[i].expected[3], NULL};
        check_series(t, cases[i].text, cases[i].after, expected);
    }
}

TEST(s19_40_no_instant)
{
    static const char *const texts[] = {"0 0 0 30 FEB ?", "0 0 0 31 4,6,9,11 ?", "0 0 0 L-30 2 ?", "0 0 0 1 1 ? 2020"};
    struct cron c;
    int64_t ms;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_OK(cron_parse(str_of(texts[i]), &c, d));
        CHECK_TRUE(!cron_next(&c, at(t, "2026-01-01"), &ms));
    }
    CHECK_OK(cron_parse(S("* * * * * ?"), &c, d));
    CHECK_TRUE(!cron_next(&c, at(t, "2099-12-31T23:59:59Z"), &ms));
    CHECK_TRUE(!cron_next(&c, INT64_MAX, &ms));
    CHECK_TRUE(cron_next(&c, INT64_MIN, &ms));
    CHECK_EQ(ms, 0);
}

TEST(s19_40_errors)
{
    static const struct {
        const char *text, *what;
        int pos;
    } cases[] = {
        {"", "expected 6 or 7 fields", 0},
        {"0 0 1 * *", "found 5", 0},
        {"0 0 1 * * ? * *", "found 8", 0},
        {"60 0 1 * * ?", "seconds (field 1): expected a number from 0 to 59, found '60'", 0},
        {"0 x 1 * * ?", "minutes (field 2): expected a number from 0 to 59, found 'x'", 2},
        {"0 0 24 * * ?", "hours (field 3): expected a number from 0 to 23, found '24'", 4},
        {"0 0 -1 * * ?", "hours (field 3): expected a number from 0 to 23, found ''", 4},
        {"0 0 1 0 * ?", "day of month (field 4): expected a number from 1 to 31, found '0'", 6},
        {"0 0 1 5,32 * ?", "found '32'", 8},
        {"0 0 1 * 13 ?", "month (field 5): expected a number from 1 to 12 or JAN to DEC, found '13'", 8},
        {"0 0 1 * JANUARY ?", "found 'JANUARY'", 8},
        {"0 0 1 ? * 8", "day of week (field 6): expected a number from 1 to 7 or SUN to SAT, found '8'", 10},
        {"0 0 1 ? * MON-", "found ''", 14},
        {"0 0 1 * * ? 1969", "year (field 7): expected a year from 1970 to 2099, found '1969'", 12},
        {"0 0 1 * * ? 2030-2026", "a range of years that does not end before it begins", 12},
        {"0 0 1 * * *", "expected ? here or in the day of month, found '*'", 10},
        {"0 0 1 ? * ?", "expected a day: ? stands in the day of month", 10},
        {"0 0 ? * * ?", "hours (field 3): expected a number from 0 to 23, found '?'", 4},
        {"0 0 1 1,? * ?", "found '?'", 8},
        {"0 0/0 1 * * ?", "expected a step of at least 1", 4},
        {"0 0/60 1 * * ?", "expected a step of at least 1", 4},
        {"0 0 1 L-31 * ?", "with n from 0 to 30", 6},
        {"0 0 1 L,3 * ?", "L, LW, L-n or L-nW alone", 6},
        {"0 0 1 32W * ?", "W behind one number from 1 to 31", 6},
        {"0 0 1 1-5W * ?", "W behind one number", 6},
        {"0 0 1 ? * 6#6", "which one of the month, from 1 to 5", 12},
        {"0 0 1 ? * #2", "found ''", 10},
        {"0 0 1 ? * 9L", "found '9'", 10},
        {"0 0 1 ? L MON", "month (field 5)", 8},
        {"0 0,,5 1 * * ?", "found ''", 4},
        {"0 00001 1 * * ?", "found '00001'", 2},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cron c = {.n = 77};
        CHECK_ERR(cron_parse(str_of(cases[i].text), &c, d), ERR_INVALID);
        if (str_find(str_of(t_diag.what), str_of(cases[i].what)) < 0)
            t_fail(t, __FILE__, __LINE__, "'%s': %s, expected %s", cases[i].text, t_diag.what, cases[i].what);
        CHECK_EQ(t_diag.pos, cases[i].pos);
        CHECK_EQ(c.n, 77); /* nothing is written */
    }
}

TEST(s19_40_length_at_its_limit)
{
    char text[LIMIT_CRON_BYTES + 2];
    struct cron c;

    memset(text, ' ', sizeof text);
    memcpy(text, "0 0 1 * * ?", 11);
    CHECK_OK(cron_parse((struct str){text, LIMIT_CRON_BYTES}, &c, d));
    CHECK_ERR(cron_parse((struct str){text, LIMIT_CRON_BYTES + 1}, &c, d), ERR_LIMIT);
}

TEST(s19_40_once_a_day)
{
    static const struct {
        const char *text;
        bool plain;
    } cases[] = {{"0 0 1 * * ?", true},  {"5 30 23 ? * MON", true}, {"0 0 1,2 * * ?", false},
                 {"* 0 1 * * ?", false}, {"0 0/30 1 * * ?", false}, {"0 0-1 1 * * ?", false}};
    struct cron c;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(cron_parse(str_of(cases[i].text), &c, d));
        CHECK_EQ(c.plain, cases[i].plain);
    }
}

TEST(cron_last_of_a_span)
{
    struct cron c;
    int64_t ms = -1, day = at(t, "2026-01-01T01:00Z");

    CHECK_OK(cron_parse(S("0 0 1 * * ?"), &c, d));
    CHECK_TRUE(!cron_last(&c, day, day + MS_PER_DAY - 1, &ms));
    CHECK_EQ(ms, -1);
    CHECK_TRUE(cron_last(&c, day, day + MS_PER_DAY, &ms));
    CHECK_EQ(ms, day + MS_PER_DAY);
    CHECK_TRUE(cron_last(&c, day, day + 400 * MS_PER_DAY + 5, &ms));
    CHECK_EQ(ms, day + 400 * MS_PER_DAY);
}

/* ---- against a model that asks every day ---- */

struct model {
    int kind; /* as enum cron_day */
    int n, nth;
    unsigned months; /* bit 1: January */
    int hour, minute;
};

static int
weekday(int64_t day) /* 1: Sunday */
{
    return (int)((day + 4) % 7) + 1;
}

static bool
working(int64_t day)
{
    return weekday(day) != 1 && weekday(day) != 7;
}

/* The nearest working day that is in the month: tried in order of distance, the earlier one first on Saturdays only. */
static bool
is_nearest(int64_t day, struct civil c, int wanted)
{
    int64_t month = day - c.day, goal = month + wanted;
    static const int distances[] = {0, -1, 1, -2, 2};

    if (wanted < 1 || wanted > civil_month_days(c.year, c.month))
        return false;
    for (size_t i = 0; i < 5; i++) {
        int64_t candidate = goal + distances[i];
        if (candidate > month && candidate <= month + civil_month_days(c.year, c.month) && working(candidate))
            return candidate == day;
    }
    return false;
}

static bool
model_has(const struct model *m, int64_t day)
{
    struct civil c = civil_from_ms(day * MS_PER_DAY);
    int length = civil_month_days(c.year, c.month);

    if (!(m->months >> c.month & 1))
        return false;
    switch (m->kind) {
    case CRON_DAYS:
        return c.day == m->n;
    case CRON_LAST:
        return c.day == length - m->n;
    case CRON_NEAREST:
        return is_nearest(day, c, m->n);
    case CRON_LAST_NEAREST:
        return is_nearest(day, c, length - m->n);
    case CRON_WEEKDAYS:
        return weekday(day) == m->n;
    case CRON_LAST_OF_WEEKDAYS:
        return weekday(day) == m->n && c.day + 7 > length;
    default:
        return weekday(day) == m->n && (c.day - 1) / 7 + 1 == m->nth;
    }
}

static const char *
model_text(struct t *t, struct model *m)
{
    static const char *const around[][2] = {{"", ""}, {"L-", ""}, {"", "W"}, {"L-", "W"},
                                            {"", ""}, {"", "L"},  {"", "#"}};
    bool of_week;
    char day[16], months[64] = "";

    m->kind = (int)rng_below(&t->rng, 7);
    of_week = m->kind >= CRON_WEEKDAYS;
    m->n = of_week ? 1 + (int)rng_below(&t->rng, 7)
                   : (m->kind == CRON_LAST || m->kind == CRON_LAST_NEAREST ? 0 : 1) + (int)rng_below(&t->rng, 31);
    m->nth = 1 + (int)rng_below(&t->rng, 5);
    m->hour = (int)rng_below(&t->rng, 24);
    m->minute = (int)rng_below(&t->rng, 60);
    m->months = 0;
    for (int i = 1 + (int)rng_below(&t->rng, 12); i <= 12; i += 1 + (int)rng_below(&t->rng, 6)) {
        m->months |= 1u << i;
        (void)snprintf(months + strlen(months), sizeof months - strlen(months), "%s%d", months[0] ? "," : "", i);
    }
    (void)snprintf(day, sizeof day, "%s%d%s", around[m->kind][0], m->n, around[m->kind][1]);
    if (m->kind == CRON_NTH_OF_WEEKDAYS)
        (void)snprintf(day + strlen(day), sizeof day - strlen(day), "%d", m->nth);
    return arena_printf(t->arena, "0 %d %d %s %s %s", m->minute, m->hour, of_week ? "?" : day, months,
                        of_week ? day : "?")
        .p;
}

TEST(s19_40_agrees_with_a_model)
{
    for (int round = 0; round < 300; round++) {
        struct model m;
        const char *text = model_text(t, &m);
        int64_t from = civil_days(2000 + (int)rng_below(&t->rng, 90), 1, 1), ms = from * MS_PER_DAY - 1;
        struct cron c;
        bool more = true;

        CHECK_OK(cron_parse(str_of(text), &c, d));
        more = cron_next(&c, ms, &ms);
        for (int64_t day = from; day < from + 800; day++) {
            if (model_has(&m, day)) {
                int64_t expected = day * MS_PER_DAY + m.hour * MS_PER_HOUR + m.minute * MS_PER_MINUTE;
                if (!more || ms != expected)
                    t_fail(t, __FILE__, __LINE__, "'%s': %lld, expected %lld", text, (long long)ms,
                           (long long)expected);
                more = cron_next(&c, ms, &ms);
            } else if (more && ms / MS_PER_DAY == day) {
                t_fail(t, __FILE__, __LINE__, "'%s' has %lld, which the model has not", text, (long long)ms);
            }
        }
    }
}
