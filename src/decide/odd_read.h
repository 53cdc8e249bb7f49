/* odd_read.h - an artifact that somebody else wrote, as activities that our server can have [TARGET 5.2, 5.3].
 *
 *   rules of all locations, in order  ->  activities with experiences, locations, shares, schedule, audiences, priority
 *
 * An artifact is a list of rules; a server has activities that choose an experience first and a place after. The one
 * becomes the other when the conditions of an activity's rules are made of parts that all of them, those of one
 * experience, or those of one location have in common; then the server decides as the artifact does. What is not so,
 * and what cannot be read, is refused with its place: nothing is guessed.
 *
 * Ownership  All results are in the caller's arena or borrowed from the text's tree, which is there too.
 * Threads    none.   Sources  [TARGET 3.3, 5]. */
#ifndef DECIDE_ODD_READ_H
#define DECIDE_ODD_READ_H

#include "codec/json.h"

/* json-logic expressions, all of which must hold. */
struct odd_parts {
    const struct json **items;
    size_t n;
};

enum odd_read_kind { ODD_READ_MBOX, ODD_READ_PAGE, ODD_READ_VIEW };

struct odd_read_location {
    enum odd_read_kind kind;
    struct str name;
    const struct json *id; /* location.id of a page's or view's rules, or NULL */
    size_t nth;            /* of the options that a rule has there: each is placed by itself */
    bool clicked;          /* a rule there has a click metric without selector */
    struct odd_parts parts;
};

/* What an experience shows at a location. */
struct odd_read_cell {
    bool placed;
    const struct json *option; /* of the artifact; NULL: default content */
    const struct json *meta;   /* of the rule */
};

struct odd_read_experience {
    int64_t id;
    struct str name;
    unsigned percent; /* of the activity's traffic; 0 of a targeting activity */
    struct odd_parts parts;
    struct odd_read_cell *cells; /* by location */
};

struct odd_read_activity {
    int64_t id;
    struct str name;
    bool targeted; /* "landing": experiences by audience, not by share */
    unsigned traffic_percent;
    int64_t starts_ms, ends_ms; /* INT64_MIN, INT64_MAX: open */
    unsigned priority;
    struct odd_parts entry;
    struct odd_read_experience *experiences;
    size_t experience_count;
    struct odd_read_location *locations;
    size_t location_count;
    const struct json *property_tokens; /* array */
    const struct str *click_selectors;  /* without repeats */
    size_t click_count;
    bool ranges_as_audiences; /* no whole percentages say its ranges: it is a targeting activity that asks for the hash
                               */
    unsigned lost_buckets;    /* older artifacts leave the bounds of ranges to nobody; of 10,000 */
};

struct odd_read {
    struct str client, org, environment;
    struct odd_read_activity *activities; /* ascending by id */
    size_t activity_count;
    size_t rule_count;
    const struct json *response_tokens;              /* array of names, or NULL */
    const struct json *remote_mboxes, *remote_views; /* arrays, or NULL: decided elsewhere, so not in the file */
};

/* ERR_INVALID: d->path is the place ("rules.mboxes.hero[3].condition"), d->pos the byte when it is no JSON. ERR_LIMIT.
 */
enum err odd_read(struct str text, struct arena *a, struct odd_read *out, struct diag *d);

#endif
