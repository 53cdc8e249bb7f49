/* civil.h - milliseconds since 1970 UTC to calendar fields and back, proleptic Gregorian, years 1..9999. Pure
 * arithmetic: no time zone data, no locale. */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define MS_PER_SECOND ((int64_t)1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)

struct civil {
    int year, month, day; /* month 1..12, day 1..31 */
    int hour, minute, second, ms;
};

struct civil civil_from_ms(int64_t ms);
int64_t civil_to_ms(struct civil c);              /* fields in range */
int64_t civil_days(int year, int month, int day); /* days since 1970-01-01 */
int civil_month_days(int year, int month);

#define ISO8601_BYTES 24
/* "2026-01-15T09:30:00.123Z" into out, no NUL. */
void iso8601_format(int64_t ms, char out[ISO8601_BYTES]);
/* YYYY-MM-DD, or YYYY-MM-DD(T|t| )HH:MM[:SS[.1-9 digits]][Z|z|+HH:MM|+HHMM]. No offset means UTC; fractions are cut to
 * milliseconds; *date_only (may be NULL) tells a date without a time. false: anything else, or an impossible date. */
bool iso8601_parse(struct str s, int64_t *ms, bool *date_only);

#endif
