/* demo_load.h - between the files of edgewise demo load: how each part of the Northpeak shop is put into a running
 * server.
 *
 *   cmd_demo.c                  the command, and the order
 *   demo_load_calls.c           finding an object by its name, or making it
 *   demo_load_datasets.c        namespaces, schemas with identity descriptors, datasets
 *   demo_load_audiences.c       audiences
 *   demo_load_destinations.c    datastream and destinations
 *   demo_load_offers.c          offers and activities
 *   demo_load_files.c           CRM, loyalty, orders and an uploaded audience, as demo_data.c makes them
 *
 * Functions say what went wrong in rest.diag. What they find or make is kept in the load, for those behind them. */
#ifndef APP_DEMO_LOAD_H
#define APP_DEMO_LOAD_H

#include "app/rest_client.h"

enum demo_dataset { DEMO_SET_CRM, DEMO_SET_LOYALTY, DEMO_SET_ORDERS, DEMO_SET_WEB, DEMO_SETS };
enum demo_audience {
    DEMO_TENTS,
    DEMO_WINBACK,
    DEMO_SPENDERS,
    DEMO_KNOWN,
    DEMO_CLUB,
    DEMO_NEVER,
    DEMO_TO_WIN,
    DEMO_DECIDED,
    DEMO_LEFT,
    DEMO_NORDIC,
    DEMO_AUDIENCES
};
#define DEMO_PAGE_AUDIENCES (DEMO_CLUB + 1) /* that pages are told: mapped to the destinations */

/* Ids in the arena of rest, by index. */
struct demo_load {
    struct rest_client rest;
    struct str tenant_path; /* "/northpeak/target" */
    struct str datasets[DEMO_SETS];
    struct str audiences[DEMO_AUDIENCES];
};

/* --- demo_load_calls.c --- */
enum err demo_call(struct demo_load *l, const char *method, struct str target, const char *type, struct str body,
                   const struct json **out);
enum err demo_post(struct demo_load *l, struct str target, struct str body, const struct json **out);
enum err demo_get(struct demo_load *l, struct str target, const struct json **out);
/* The first element whose name or title is this one, anywhere one level below v: lists come as arrays, as
 * {"children":[]}, {"results":[]}, {"items":[]} or keyed by id. NULL: none. */
const struct json *demo_named(const struct json *v, struct str name);
/* Finds an object by name in a list, or makes it; *id (may be NULL) receives its id. */
enum err demo_ensure(struct demo_load *l, struct str list, struct str create, struct str name, struct str body,
                     struct str *id);
/* A line about what comes next. */
void demo_say(const char *what);

/* --- what each file puts there; what is there already is kept --- */
enum err demo_ensure_datasets(struct demo_load *l);
enum err demo_ensure_audiences(struct demo_load *l);
const char *demo_audience_name(enum demo_audience which);
enum err demo_ensure_destinations(struct demo_load *l);
enum err demo_ensure_offers(struct demo_load *l);
/* Waits until the hub has folded them. */
enum err demo_load_files(struct demo_load *l);

#endif
