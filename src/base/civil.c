/* civil.c - day arithmetic after Howard Hinnant's "chrono-compatible low-level date algorithms". */
#include "base/civil.h"

#include <stdio.h>

int64_t
civil_days(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

int
civil_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

struct civil
civil_from_ms(int64_t ms)
{
    int64_t days = ms / MS_PER_DAY, rest = ms % MS_PER_DAY;
    int64_t z, era, doe, yoe, doy, mp;
    struct civil c;

    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    z = days + 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    c.hour = (int)(rest / MS_PER_HOUR);
    c.minute = (int)(rest / MS_PER_MINUTE % 60);
    c.second = (int)(rest / MS_PER_SECOND % 60);
    c.ms = (int)(rest % 1000);
    return c;
}

int64_t
civil_to_ms(struct civil c)
{
    return civil_days(c.year, c.month, c.day) * MS_PER_DAY + c.hour * MS_PER_HOUR + c.minute * MS_PER_MINUTE +
           c.second * MS_PER_SECOND + c.ms;
}

static void
put_digits(char *p, int width, int v)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
}

void
iso8601_format(int64_t ms, char out[ISO8601_BYTES])
{
    struct civil c = civil_from_ms(ms);

    memcpy(out, "0000-00-00T00:00:00.000Z", ISO8601_BYTES);
    put_digits(out, 4, c.year);
    put_digits(out + 5, 2, c.month);
    put_digits(out + 8, 2, c.day);
    put_digits(out + 11, 2, c.hour);
    put_digits(out + 14, 2, c.minute);
    put_digits(out + 17, 2, c.second);
    put_digits(out + 20, 3, c.ms);
}

/* Takes exactly `width` digits off the front. */
static bool
take_digits(struct str *s, size_t width, int *out)
{
    int v = 0;

    if (s->n < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        unsigned d = (unsigned char)s->p[i] - '0';
        if (d > 9)
            return false;
        v = v * 10 + (int)d;
    }
    *s = str_slice(*s, width, s->n);
    *out = v;
    return true;
}

static bool
take_char(struct str *s, const char *any_of)
{
    if (s->n == 0 || s->p[0] == '\0' || strchr(any_of, s->p[0]) == NULL)
        return false;
    *s = str_slice(*s, 1, s->n);
    return true;
}

static bool
take_seconds(struct str *s, struct civil *c)
{
    int digits = 0, scale = 100;

    if (!take_digits(s, 2, &c->second))
        return false;
    if (!take_char(s, "."))
        return true;
    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; digits++, scale /= 10) {
        c->ms += (s->p[0] - '0') * scale;
        *s = str_slice(*s, 1, s->n);
    }
    return digits >= 1 && digits <= 9;
}

static bool
take_offset(struct str *s, int64_t *offset_ms)
{
    bool negative = s->n && s->p[0] == '-';
    int hours, minutes;

    *offset_ms = 0;
    if (s->n == 0 || take_char(s, "Zz"))
        return true;
    if (!take_char(s, "+-") || !take_digits(s, 2, &hours))
        return false;
    (void)take_char(s, ":"); /* optional */
    if (!take_digits(s, 2, &minutes) || minutes > 59 || hours * 60 + minutes > 18 * 60)
        return false;
    *offset_ms = (hours * MS_PER_HOUR + minutes * MS_PER_MINUTE) * (negative ? -1 : 1);
    return true;
}

bool
iso8601_parse(struct str s, int64_t *ms, bool *date_only)
{
    struct civil c = {0};
    int64_t offset_ms = 0, at;
    bool only;

    if (!take_digits(&s, 4, &c.year) || !take_char(&s, "-") || !take_digits(&s, 2, &c.month) || !take_char(&s, "-") ||
        !take_digits(&s, 2, &c.day))
        return false;
    if (c.year < 1 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > civil_month_days(c.year, c.month))
        return false;
    only = s.n == 0;
    if (!only) {
        if (!take_char(&s, "Tt ") || !take_digits(&s, 2, &c.hour) || !take_char(&s, ":") ||
            !take_digits(&s, 2, &c.minute))
            return false;
        if (take_char(&s, ":") && !take_seconds(&s, &c))
            return false;
        if (!take_offset(&s, &offset_ms) || s.n != 0)
            return false;
        if (c.hour > 23 || c.minute > 59 || c.second > 59)
            return false;
    }
    at = civil_to_ms(c) - offset_ms;
    if (at < civil_days(1, 1, 1) * MS_PER_DAY || at >= civil_days(10000, 1, 1) * MS_PER_DAY)
        return false; /* the offset leads out of the years that can be written */
    *ms = at;
    if (date_only != NULL)
        *date_only = only;
    return true;
}
