/* odd_int.h - an artifact under construction: what the files odd_*.c share.
 *
 *   odd_place.c      where an activity shows what: scopes, locations, options
 *   odd_option.c     options and metrics as a client gets them
 *   odd_condition.c  audiences, allocation, schedule -> json-logic
 *   odd_rules.c      activities -> rules; which activities are remote, and why
 *   odd_locations.c  rules by location, in order; which locations are remote
 *   odd_write.c      rules -> rules.json
 *   odd_binary.c     rules.json -> rules.bin */
#ifndef DECIDE_ODD_INT_H
#define DECIDE_ODD_INT_H

#include "codec/json_writer.h"
#include "decide/decide_int.h"
#include "decide/odd.h"

enum odd_kind { ODD_MBOX, ODD_PAGE, ODD_VIEW };

/* A location of an activity, seen as part of a scope. */
struct odd_spot {
    const struct json *id; /* locationLocalId */
    struct str selector;
    const struct json *audiences[2]; /* of the location and of its view: lists of ids, or NULL */
};

/* An activity in one scope. */
struct odd_use {
    struct odd_activity *activity;
    enum odd_kind kind;
    struct str name; /* of the mbox or view; of the page the global mbox */
    struct odd_spot *spots;
    size_t spot_count;
    bool form_based;
    struct odd_rule *rules; /* by experience */
};

/* What one experience shows there. */
struct odd_rule {
    const struct odd_use *use;
    uint32_t experience;
    bool placed;
    struct str condition;
    struct str options;         /* JSON array */
    struct str metrics;         /* JSON array */
    struct str audience_ids;    /* JSON array */
    struct placed_option first; /* whose offer and option the rule's meta names */
};

struct odd_activity {
    const struct activity *a; /* of the set */
    const struct json *object;
    struct str remote; /* why no client can decide it; empty: one can */
    struct odd_use *uses;
    size_t use_count;
};

struct odd {
    const struct odd_source *src;
    struct arena *arena;
    struct diag *d;
    struct map activities, offers, audiences, properties; /* id -> struct json */
    struct map logic;                                     /* audience id -> struct odd_logic */
    struct odd_activity *list;                            /* in the order of the set */
    size_t count;
    struct buf scratch;
    int64_t until_ms, changed_ms;
    bool nomem;
};

struct odd_logic {
    struct str text;
    struct str why; /* no client can evaluate it; empty: text says it */
};

/* Everything between begin and end is in o->arena. */
enum err odd_begin(struct odd *o, const struct odd_source *src, struct arena *a, struct diag *d);
void odd_end(struct odd *o);
/* A copy of what scratch holds behind `from`, which is then cut off. */
struct str odd_take(struct odd *o, size_t from);
/* Notes when an object that the artifact shows was changed. */
void odd_changed(struct odd *o, const struct json *object);
void odd_remote(struct odd *o, struct odd_activity *a, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- odd_place.c ---- */

/* The scopes of an activity. */
void odd_place(struct odd *o, struct odd_activity *a);
/* What an experience shows at a spot; false: nothing is placed there. */
bool odd_placed_option(struct odd *o, const struct odd_use *use, uint32_t experience, const struct odd_spot *spot,
                       struct placed_option *out);

/* ---- odd_option.c ---- */

/* Fills options, metrics, placed and first; the activity becomes remote when an option needs the server. */
void odd_options(struct odd *o, struct odd_rule *r);

/* ---- odd_condition.c ---- */

/* Fills the rule's condition and audience ids; an empty condition never holds. The rules of the experiences before it
 * have their options already. */
void odd_condition(struct odd *o, struct odd_rule *r);

/* ---- odd_locations.c ---- */

struct odd_location {
    enum odd_kind kind;
    struct str name;
    bool remote;
    const struct odd_rule **rules; /* in the order in which clients try them */
    size_t n;
};

/* All locations: mboxes, the page, views, each by name. */
enum err odd_locations(struct odd *o, struct odd_location **out, size_t *count);

#endif
