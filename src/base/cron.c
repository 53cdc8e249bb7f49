/* cron.c - see cron.h.
 *
 * Every field becomes a set of values, the day fields a rule beside it. The next instant is looked for from the large
 * to the small: year, month, the days of that month as one set, and then hours, minutes and seconds as numbers in their
 * sets. */
#include "base/cron.h"

#include "base/civil.h"
#include "base/limits.h"

enum field { SECONDS, MINUTES, HOURS, DAY, MONTH, WEEKDAY, YEAR, FIELD_COUNT };

static const struct {
    const char *name, *values, *names; /* names: three letters each */
    int min, max;
} fields[FIELD_COUNT] = {
    {"seconds", "a number from 0 to 59", NULL, 0, 59},
    {"minutes", "a number from 0 to 59", NULL, 0, 59},
    {"hours", "a number from 0 to 23", NULL, 0, 23},
    {"day of month", "a number from 1 to 31", NULL, 1, 31},
    {"month", "a number from 1 to 12 or JAN to DEC", "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", 1, 12},
    {"day of week", "a number from 1 to 7 or SUN to SAT", "SUNMONTUEWEDTHUFRISAT", 1, 7},
    {"year", "a year from 1970 to 2099", NULL, CRON_YEAR_MIN, CRON_YEAR_MAX},
};

/* Where the parser is, for messages. */
struct reader {
    struct str text; /* the whole expression */
    enum field field;
    struct diag *d;
};

static enum err
wrong(const struct reader *r, struct str found, const char *expected)
{
    return diag_set_at(r->d, ERR_INVALID, found.p != NULL ? (uint32_t)(found.p - r->text.p) : 0,
                       "%s (field %d): expected %s, found '%.*s'", fields[r->field].name, (int)r->field + 1, expected,
                       STR_ARG(found));
}

/* ---- values ---- */

static bool
is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0 && s.n <= 4;
}

static bool
read_number(struct str s, int min, int max, int *out)
{
    uint64_t n = 0;

    if (!is_digits(s) || !str_to_u64(s, &n) || (int)n < min || (int)n > max)
        return false;
    *out = (int)n;
    return true;
}

static enum err
read_value(const struct reader *r, struct str s, int *out)
{
    struct str names = str_of(fields[r->field].names);

    for (size_t i = 0; i + 3 <= names.n; i += 3) {
        if (str_eq_nocase(s, str_slice(names, i, i + 3))) {
            *out = fields[r->field].min + (int)(i / 3);
            return ERR_OK;
        }
    }
    return read_number(s, fields[r->field].min, fields[r->field].max, out) ? ERR_OK
                                                                           : wrong(r, s, fields[r->field].values);
}

static void
add(uint64_t *set, const struct reader *r, int value)
{
    int bit = r->field == YEAR ? value - CRON_YEAR_MIN : value;

    set[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* "from-to", either way round where time goes round, or "from" alone: from and on with a step. */
static enum err
read_range(const struct reader *r, struct str s, bool stepped, int *from, int *to)
{
    struct str rest = s, first;
    enum err rc;

    if (str_eq(s, S("*"))) {
        *from = fields[r->field].min;
        *to = fields[r->field].max;
        return ERR_OK;
    }
    (void)str_split(&rest, '-', &first);
    rc = read_value(r, first, from);
    if (rc != ERR_OK)
        return rc;
    *to = stepped ? fields[r->field].max : *from;
    if (rest.p != NULL)
        rc = read_value(r, rest, to);
    if (rc == ERR_OK && r->field == YEAR && *to < *from)
        rc = wrong(r, s, "a range of years that does not end before it begins");
    return rc;
}

/* One piece of a list: a value, a range, or either with a step. */
static enum err
read_item(const struct reader *r, struct str item, uint64_t *set)
{
    struct str rest = item, range;
    int min = fields[r->field].min, max = fields[r->field].max, span = max - min + 1, from = 0, to = 0, step = 1;
    enum err rc;

    (void)str_split(&rest, '/', &range);
    rc = read_range(r, range, rest.p != NULL, &from, &to);
    if (rc == ERR_OK && rest.p != NULL && !read_number(rest, 1, max, &step))
        rc = wrong(r, rest, "a step of at least 1 that stays within the field's values");
    if (rc != ERR_OK)
        return rc;
    for (int i = from, end = to < from ? to + span : to; i <= end; i += step)
        add(set, r, i > max ? i - span : i);
    return ERR_OK;
}

static enum err
read_list(const struct reader *r, struct str text, uint64_t *set)
{
    struct str rest = text, item;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && str_split(&rest, ',', &item))
        rc = read_item(r, item, set);
    return rc;
}

/* ---- the day fields ---- */

static bool
ends_nocase(struct str s, char upper)
{
    char c = s.n > 0 ? s.p[s.n - 1] : '\0';

    return c == upper || c == upper + ('a' - 'A');
}

/* L, L-n, LW, L-nW, nW. *special: it was one of these, or meant to be. */
static enum err
read_special_day(const struct reader *r, struct str text, struct cron *out, bool *special)
{
    bool nearest = ends_nocase(text, 'W');
    struct str s = nearest ? str_slice(text, 0, text.n - 1) : text;
    bool last = ends_nocase(str_slice(s, 0, 1), 'L');

    *special = nearest || last;
    if (!*special)
        return ERR_OK;
    out->day = !last ? CRON_NEAREST : nearest ? CRON_LAST_NEAREST : CRON_LAST;
    if (!last)
        return read_number(s, 1, 31, &out->n) ? ERR_OK : wrong(r, text, "W behind one number from 1 to 31, or LW");
    out->n = 0;
    if (s.n == 1 || (s.p[1] == '-' && read_number(str_slice(s, 2, s.n), 0, 30, &out->n)))
        return ERR_OK;
    return wrong(r, text, "L, LW, L-n or L-nW alone, with n from 0 to 30");
}

/* L, nL, n#k */
static enum err
read_special_weekday(const struct reader *r, struct str text, struct cron *out, bool *special)
{
    struct str rest = text, first;
    enum err rc;

    if (str_eq_nocase(text, S("L"))) {
        *special = true;
        out->weekdays = (uint64_t)1 << 7;
        return ERR_OK;
    }
    (void)str_split(&rest, '#', &first);
    *special = rest.p != NULL || ends_nocase(text, 'L');
    if (!*special)
        return ERR_OK;
    if (rest.p == NULL) {
        out->day = CRON_LAST_OF_WEEKDAYS;
        return read_value(r, str_slice(text, 0, text.n - 1), &out->n);
    }
    out->day = CRON_NTH_OF_WEEKDAYS;
    rc = read_value(r, first, &out->n);
    if (rc == ERR_OK && !read_number(rest, 1, 5, &out->nth))
        rc = wrong(r, rest, "which one of the month, from 1 to 5, behind #");
    return rc;
}

static enum err
read_days(struct reader *r, const struct str *texts, struct cron *out)
{
    bool open_day = str_eq(texts[DAY], S("?")), open_weekday = str_eq(texts[WEEKDAY], S("?")), special = false;
    struct str text = open_day ? texts[WEEKDAY] : texts[DAY];
    enum err rc;

    r->field = open_day ? WEEKDAY : DAY;
    if (open_day == open_weekday) {
        r->field = WEEKDAY;
        return wrong(r, texts[WEEKDAY],
                     open_day ? "a day: ? stands in the day of month" : "? here or in the day of month");
    }
    out->day = open_day ? CRON_WEEKDAYS : CRON_DAYS;
    rc = open_day ? read_special_weekday(r, text, out, &special) : read_special_day(r, text, out, &special);
    return rc == ERR_OK && !special ? read_list(r, text, open_day ? &out->weekdays : &out->days) : rc;
}

/* ---- the whole ---- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The fields, at most one more than there may be; how many. */
static size_t
split_fields(struct str text, struct str out[FIELD_COUNT + 1])
{
    size_t n = 0, i = 0;

    while (n <= FIELD_COUNT) {
        size_t from;
        while (i < text.n && is_blank(text.p[i]))
            i++;
        if (i == text.n)
            break;
        for (from = i; i < text.n && !is_blank(text.p[i]);)
            i++;
        out[n++] = str_slice(text, from, i);
    }
    return n;
}

enum err
cron_parse(struct str text, struct cron *out, struct diag *d)
{
    struct str texts[FIELD_COUNT + 1];
    struct cron c = {.years = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    uint64_t *sets[] = {&c.seconds, &c.minutes, &c.hours, NULL, &c.months, NULL, c.years};
    struct reader r = {.text = text, .d = d};
    size_t n;
    enum err rc = ERR_OK;

    if (text.n > LIMIT_CRON_BYTES)
        return diag_set(d, ERR_LIMIT, "a schedule has at most %d bytes, found %zu", LIMIT_CRON_BYTES, text.n);
    n = split_fields(text, texts);
    if (n != FIELD_COUNT && n != FIELD_COUNT - 1)
        return diag_set_at(d, ERR_INVALID, 0,
                           "expected 6 or 7 fields (seconds minutes hours day-of-month month day-of-week [year]), "
                           "found %zu%s",
                           n, n > FIELD_COUNT ? " or more" : "");
    if (n == FIELD_COUNT)
        memset(c.years, 0, sizeof c.years);
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        r.field = (enum field)i;
        if (sets[i] != NULL)
            rc = read_list(&r, texts[i], sets[i]);
        else if (i == WEEKDAY)
            rc = read_days(&r, texts, &c);
    }
    c.plain = is_digits(texts[SECONDS]) && is_digits(texts[MINUTES]) && is_digits(texts[HOURS]);
    if (rc == ERR_OK)
        *out = c;
    return rc;
}

/* ---- instants ---- */

/* 1: Sunday. The first of 1970 was a Thursday. */
static int
weekday_of(int year, int month, int day)
{
    int64_t since = (civil_days(year, month, day) + 4) % 7;

    return (int)(since < 0 ? since + 7 : since) + 1;
}

/* The weekday nearest to a day, in its month of `length` days; 0: there is no such day. */
static int
nearest_weekday(int year, int month, int day, int length)
{
    int weekday;

    if (day < 1 || day > length)
        return 0;
    weekday = weekday_of(year, month, day);
    if (weekday == 7)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 1)
        return day < length ? day + 1 : day - 2;
    return day;
}

/* The days of a month: bit i is day i. */
static uint64_t
days_of(const struct cron *c, int year, int month)
{
    int length = civil_month_days(year, month), first = weekday_of(year, month, 1), one = 0;
    uint64_t all = (((uint64_t)1 << length) - 1) << 1, set = 0;

    switch (c->day) {
    case CRON_DAYS:
        return c->days & all;
    case CRON_WEEKDAYS:
        for (int i = 1; i <= length; i++)
            set |= (c->weekdays >> ((first - 1 + i - 1) % 7 + 1) & 1) << i;
        return set;
    case CRON_LAST:
        one = length - c->n;
        break;
    case CRON_NEAREST:
        one = nearest_weekday(year, month, c->n, length);
        break;
    case CRON_LAST_NEAREST:
        one = nearest_weekday(year, month, length - c->n, length);
        break;
    case CRON_LAST_OF_WEEKDAYS:
        for (one = (c->n - first + 7) % 7 + 1; one + 7 <= length;)
            one += 7;
        break;
    case CRON_NTH_OF_WEEKDAYS:
        one = (c->n - first + 7) % 7 + 1 + 7 * (c->nth - 1);
        break;
    }
    return one >= 1 ? (uint64_t)1 << one & all : 0;
}

/* The least member of a set that is at least `from`, or -1. */
static int
next_in(uint64_t set, int from)
{
    uint64_t rest = from < 64 ? set >> from << from : 0;

    return rest != 0 ? __builtin_ctzll(rest) : -1;
}

/* The first second of a day, counted from its midnight, that is at least `from`; -1: none. */
static int
next_second(const struct cron *c, int from)
{
    int hour = from / 3600, minute = from / 60 % 60, second = from % 60;

    for (int h = next_in(c->hours, hour); h >= 0; h = next_in(c->hours, h + 1)) {
        for (int m = next_in(c->minutes, h > hour ? 0 : minute); m >= 0; m = next_in(c->minutes, m + 1)) {
            int s = next_in(c->seconds, h > hour || m > minute ? 0 : second);
            if (s >= 0)
                return h * 3600 + m * 60 + s;
        }
    }
    return -1;
}

static bool
has_year(const struct cron *c, int year)
{
    int bit = year - CRON_YEAR_MIN;

    return (c->years[bit / 64] >> bit % 64 & 1) != 0;
}

/* The first instant of a month from this second of this day on. */
static bool
next_in_month(const struct cron *c, int year, int month, int day, int second, int64_t *out)
{
    uint64_t days = days_of(c, year, month);

    for (int i = next_in(days, day); i >= 0; i = next_in(days, i + 1)) {
        int at = next_second(c, i > day ? 0 : second);
        if (at >= 0) {
            *out = civil_days(year, month, i) * MS_PER_DAY + at * MS_PER_SECOND;
            return true;
        }
    }
    return false;
}

bool
cron_next(const struct cron *c, int64_t after_ms, int64_t *next_ms)
{
    int64_t after = after_ms < 0 ? -1 : after_ms / MS_PER_SECOND;
    struct civil t;

    if (after >= civil_days(CRON_YEAR_MAX + 1, 1, 1) * (MS_PER_DAY / MS_PER_SECOND) - 1)
        return false;
    t = civil_from_ms((after + 1) * MS_PER_SECOND);
    for (int year = t.year; year <= CRON_YEAR_MAX; year++) {
        for (int month = next_in(c->months, year > t.year ? 1 : t.month); has_year(c, year) && month >= 0;
             month = next_in(c->months, month + 1)) {
            bool now = year == t.year && month == t.month;
            if (next_in_month(c, year, month, now ? t.day : 1, now ? t.hour * 3600 + t.minute * 60 + t.second : 0,
                              next_ms))
                return true;
        }
    }
    return false;
}

bool
cron_last(const struct cron *c, int64_t after_ms, int64_t until_ms, int64_t *last_ms)
{
    int64_t at = after_ms;
    bool found = false;

    while (cron_next(c, at, &at) && at <= until_ms) {
        *last_ms = at;
        found = true;
    }
    return found;
}
