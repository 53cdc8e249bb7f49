/* decide_check_int.h - a check under way: what the decide_check_*.c share.
 *
 * Every function says where it is with check_at() and then what is wrong there, so a message names the member by its
 * path: "experiences[1].optionLocations[0].optionLocalId must name an option of the activity". */
#ifndef DECIDE_CHECK_INT_H
#define DECIDE_CHECK_INT_H

#include <stdio.h>

#include "decide/decide_int.h"

#define CHECK_PATH_BYTES 128
#define CHECK_SELECTOR_BYTES (LIMIT_MBOX_NAME_BYTES * 8)

struct check {
    const struct decide_known *known;
    struct diag *d;
    char path[CHECK_PATH_BYTES];
    /* of activities, by check_head() */
    bool draft;            /* state saved: parts may be missing, but what is there is right */
    bool xt;               /* experiences have no split */
    bool manual;           /* every experience says its share; else all of them or none do */
    bool combines;         /* experiences are combinations of options: mvt, abt */
    bool groups;           /* abt */
    bool learns;           /* Auto-Target and abt: controlExperience, targetedExperience */
    bool allocate;         /* Auto-Allocate */
    uint64_t combinations; /* by check_combinations(): before exclusions */
};

/* ---- decide_check.c: words for messages, and values ---- */

void check_at(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "<path> must be <expected>, got <type>" */
enum err check_wrong(struct check *c, const struct json *got, const char *expected);
/* "<path> <text>" */
enum err check_say(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Absent is fine when optional. ERR_LIMIT: too long, too many. */
enum err check_int(struct check *c, const struct json *v, int64_t low, int64_t high, bool optional);
enum err check_bool(struct check *c, const struct json *v);
enum err check_text(struct check *c, const struct json *v, size_t bytes_max, bool optional);
enum err check_list(struct check *c, const struct json *v, int most, bool optional);
enum err check_word(struct check *c, const struct json *v, const char *expected, const char *const *words, size_t n);

/* Has an element of list before the i-th, or any, the same value of `member`? */
bool check_taken(const struct json *list, size_t i, const char *member, const struct json *value);
bool check_listed(const struct json *list, const char *member, const struct json *value);
/* The object of that kind exists, as far as anybody can say. */
bool check_known(struct check *c, const char *kind, const struct json *id);

/* The audienceIds of the object at `base`. */
enum err check_audience_ids(struct check *c, const struct json *object, const char *base);
enum err check_audience_id(struct check *c, const struct json *id);
/* An object with a local id: an integer in a range that no earlier element has. */
struct check_range {
    int64_t low, high;
};
enum err check_local_id(struct check *c, const struct json *list, size_t i, const struct json *element,
                        const char *base, const char *member, struct check_range range);
/* The name of a location [TARGET 1.2]. */
enum err check_mbox_name(struct check *c, const struct json *name, const char *base);
/* locationLocalId of one of the activity's locations. */
bool check_is_location(const struct json *activity, const struct json *id);

/* ---- the parts of an activity, in the order in which they are checked ---- */

/* decide_check_place.c */
enum err check_options(struct check *c, const struct json *o);
enum err check_views(struct check *c, const struct json *o);
enum err check_locations(struct check *c, const struct json *o);
/* decide_check_experience.c */
enum err check_experiences(struct check *c, const struct json *o);
/* decide_check_combine.c */
enum err check_combinations(struct check *c, const struct json *o);
/* decide_check_learn.c: the members that Auto-Allocate, Auto-Target and Automated Personalization have */
enum err check_optimization(struct check *c, const struct json *o);
/* decide_check_metric.c */
enum err check_metrics(struct check *c, const struct json *o);
enum err check_reporting(struct check *c, const struct json *o);

#endif
