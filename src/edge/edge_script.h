/* edge_script.h - profile scripts of a sandbox, run for one location of a request [TARGET 1.3, 7.3].
 *
 * All active scripts run by name, each for every mbox and page load, on the request's copy of the visitor. What one
 * returns is an attribute of the visitor at once, so rules and later scripts see it; what changed goes into the hit
 * (hit_visit.attributes). A script that passes its bounds is switched off in this process until its text changes, and
 * said once: in the log, a metric, and the hit (hit_visit.scripts_off), from which the control plane knows.
 *
 * Threads    One engine per worker and sandbox, of which a worker keeps EDGE_SCRIPT_ENGINES. The list of what is
 * switched off is shared, under a leaf lock. */
#ifndef EDGE_SCRIPT_H
#define EDGE_SCRIPT_H

#include "config/config.h"
#include "http/http.h"
#include "script/script.h"
#include "visitor/visitor.h"

struct edge_scripts;

/* The scripts' part of one request; zeroed at its beginning but for what the caller fills in. */
struct edge_script_request {
    const struct scope_view *view;
    const struct http_req *rq;
    struct visitor *visitor;
    struct arena *arena;
    int64_t now_ms;
    const struct json *geo, *customer;
    struct str user_agent; /* of the visitor, as the request says it: a header may be of his server's */
    const struct json *client_hints;
    /* of the location */
    struct str mbox;
    struct str url, referrer;
    const struct json *parameters, *profile_parameters; /* may be NULL */
    /* what came of it */
    struct script_budget budget; /* set at the first run */
    bool begun;
    struct str *changed; /* names of attributes, without repeats */
    size_t changed_count, changed_cap;
    unsigned runs;    /* locations so far */
    bool keeps;       /* steps are wanted */
    struct buf steps; /* elements [run, name, value]: what changed at which location; full: they are not known */
    struct buf off;   /* elements {"name","why"}; empty: none were switched off now */
};

enum err edge_scripts_new(struct os *os, struct edge_scripts **out, struct diag *d);
void edge_scripts_free(struct edge_scripts *s);
/* Never fails: a script that does costs its value. */
void edge_scripts_run(struct edge_scripts *s, struct edge_script_request *r);
/* {"name":value,...} of all attributes that scripts changed in this request; NULL: none, or no memory. */
const struct json *edge_scripts_changes(const struct edge_script_request *r);
/* The array of scripts that were switched off by this request; NULL: none. */
const struct json *edge_scripts_off(const struct edge_script_request *r);

#endif
