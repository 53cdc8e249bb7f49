#include "base/civil.h"

#include "t.h"

static struct str
format(struct t *t, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    return arena_str(t->arena, (struct str){text, sizeof text});
}

TEST(civil_every_day_of_800_years)
{
    int64_t day = civil_days(1600, 1, 1);

    for (int year = 1600; year < 2400; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int d = 1; d <= civil_month_days(year, month); d++, day++) {
                struct civil c = civil_from_ms(day * MS_PER_DAY + MS_PER_DAY - 1);
                CHECK_TRUE(civil_days(year, month, d) == day && c.year == year && c.month == month && c.day == d);
                CHECK_TRUE(c.hour == 23 && c.minute == 59 && c.second == 59 && c.ms == 999);
            }
        }
    }
}

TEST(civil_leap_years)
{
    CHECK_EQ(civil_month_days(2000, 2), 29);
    CHECK_EQ(civil_month_days(1900, 2), 28);
    CHECK_EQ(civil_month_days(2024, 2), 29);
    CHECK_EQ(civil_month_days(2023, 2), 28);
    CHECK_EQ(civil_days(1970, 1, 1), 0);
    CHECK_EQ(civil_days(1, 1, 1), -719162);
    CHECK_EQ(civil_days(9999, 12, 31), 2932896);
}

TEST(civil_round_trip_at_random)
{
    for (int i = 0; i < 20000; i++) {
        int64_t first = civil_days(1, 1, 1) * MS_PER_DAY, end = civil_days(10000, 1, 1) * MS_PER_DAY, back = 0;
        int64_t ms = first + (int64_t)rng_below(&t->rng, (uint64_t)(end - first));
        CHECK_EQ(civil_to_ms(civil_from_ms(ms)), ms);
        CHECK_TRUE(iso8601_parse(format(t, ms), &back, NULL));
        CHECK_EQ(back, ms);
    }
}

TEST(iso8601_forms)
{
    static const struct {
        const char *text;
        int64_t ms;
    } v[] = {
        {"1970-01-01", 0},
        {"2026-01-15T09:30:00.123Z", 1768469400123},
        {"2026-01-15t09:30:00.123z", 1768469400123},
        {"2026-01-15 09:30", 1768469400000},
        {"2026-01-15T09:30:00.1239999Z", 1768469400123},
        {"2026-01-15T09:30:00.1", 1768469400100},
        {"2026-01-15T11:30:00.123+02:00", 1768469400123},
        {"2026-01-15T11:30:00.123+0200", 1768469400123},
        {"2026-01-15T04:00:00.123-05:30", 1768469400123},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2024-02-29T00:00Z", 1709164800000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        int64_t ms = 7;
        bool only = i != 0;
        CHECK_TRUE(iso8601_parse(str_of(v[i].text), &ms, &only));
        CHECK_EQ(ms, v[i].ms);
        CHECK_EQ(only, i == 0);
    }
    CHECK_STR(format(t, 1768469400123), S("2026-01-15T09:30:00.123Z"));
    CHECK_STR(format(t, -1), S("1969-12-31T23:59:59.999Z"));
}

TEST(iso8601_refuses)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-1-15",
        "2026-13-01",
        "2026-00-01",
        "2026-01-32",
        "2026-02-29",
        "1900-02-29",
        "0000-01-01",
        "2026-01-15T",
        "2026-01-15T09",
        "2026-01-15T24:00",
        "2026-01-15T09:60",
        "2026-01-15T09:30:60",
        "2026-01-15T09:30:00.",
        "2026-01-15T09:30:00.1234567890Z",
        "2026-01-15T09:30:00+2",
        "2026-01-15T09:30:00+02:60",
        "2026-01-15T09:30:00+19:00",
        "2026-01-15T09:30:00ZZ",
        "2026-01-15T09:30:00 Z",
        "2026-01-15x09:30",
        "2026-01-15Z",
        "+2026-01-15",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
    };
    int64_t ms = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_TRUE(!iso8601_parse(str_of(bad[i]), &ms, NULL));
    CHECK_TRUE(!iso8601_parse((struct str){"2026-01-15\0", 11}, &ms, NULL));
    CHECK_EQ(ms, 7);
}
