/* cmd_target.h - the parts of edgewise target. */
#ifndef APP_CMD_TARGET_H
#define APP_CMD_TARGET_H

#include "app/rest_client.h"
#include "decide/odd_read.h"

struct target_import_options {
    const char *file, *data, *server; /* server NULL: the one of the data folder */
    bool dry_run;
};
/* cmd_target_what_if.c: what recorded requests had been answered with the changes in the file. The exit code. */
int target_what_if(const struct target_import_options *o);
/* The exit code. */
int target_import(const struct target_import_options *o);

/* An import under way: texts that were sent are known by what they say, so that equal ones are sent once. */
struct target_import {
    struct rest_client *c;
    struct odd_read read;
    struct map offers, audiences; /* JSON text -> id as text */
    struct map properties;        /* token -> id as text */
    size_t offers_made, audiences_made, properties_made, tokens_made;
    bool progress; /* the terminal is told how far it is */
};

/* ---- cmd_target_parts.c: what activities name; everything is in the client's arena ---- */

/* The number of an offer, audience or property, made if need be. *out: as text. */
enum err target_import_offer(struct target_import *x, const struct odd_read_cell *cell, struct str *out);
enum err target_import_audience(struct target_import *x, const struct odd_parts *parts, struct str name,
                                struct str *out);
enum err target_import_property(struct target_import *x, struct str token, struct str *out);
/* Switches the artifact's response tokens on, for all activities; the server knows no others than those below. */
enum err target_import_tokens(struct target_import *x);
bool target_import_knows_token(struct str token); /* false: of answers on device only */
/* One call of the admin API below the tenant: POST what, version 3. */
enum err target_import_post(struct target_import *x, struct str what, struct str body, const struct json **out);

/* ---- cmd_target_activity.c ---- */

/* An activity with all that it names, not yet live. */
enum err target_import_activity(struct target_import *x, const struct odd_read_activity *a);

#endif
