/* edge_context.h - what a request says without words, and the decision that knows it.
 *
 * The delivery API says it in `context`, an event of the Edge Network in XDM and in headers. Both become the same few
 * structs, and one function makes a decision's request of them: what one way in knows, the other does, too
 * [TARGET 1.12].
 * Ownership  Everything is borrowed from the request, the snapshot and the arena.   Threads  any. */
#ifndef EDGE_EDGE_CONTEXT_H
#define EDGE_EDGE_CONTEXT_H

#include "config/config.h"
#include "decide/decision.h"
#include "http/http.h"

/* Names are those of the delivery API's `context`. */
struct edge_browser {
    struct str user_agent, language;
    const struct json *client_hints, *screen; /* NULL: nothing is said */
};

/* What was written of a request, as a value; NULL: it is an empty object or list, or there is no memory. */
const struct json *edge_made(const struct buf *text, struct arena *a);
/* Of an event: what its XDM says, else the headers. */
struct edge_browser edge_browser_of_event(const struct http_req *rq, const struct json *xdm, struct arena *a);
/* Of an event: {"width","height","orientation"}, NULL: none. */
const struct json *edge_screen_of_event(const struct json *xdm, struct arena *a);
/* An event's placeContext.geo as `context.geo`; NULL: none. */
const struct json *edge_geo_of_event(const struct json *xdm, struct arena *a);

/* What a decision asks of whoever has the request; ctx goes to all. */
struct edge_asked {
    bool (*in_audience)(void *ctx, struct str id);
    bool (*header)(void *ctx, struct str name, struct str *value);
    bool (*remote)(void *ctx, struct str url, struct str *content); /* NULL: struct decision_request says what then */
    void *ctx;
};

/* A request that is about to be decided: its visitor is found and opened. */
struct edge_situation {
    const struct scope_view *view;
    const struct visitor *visitor;
    const struct hit_visit *visit; /* page, session, place */
    const struct edge_browser *browser;
    struct str visitor_key, property_token;
    int64_t now_ms, previous_ms;
    const struct decision_qa *qa;  /* NULL: none */
    const struct json *attributes; /* of the platform's profile */
    struct edge_asked asked;
    const struct decision_trace *trace; /* NULL: none */
    bool serve_inactive;                /* of the environment */
    bool client_analytics, rerun;
};
/* Fills rq, which must stay where it is. NULL: there is nothing to decide, or no memory, which costs personalization.
 */
struct decision *edge_decision_begin(const struct edge_situation *x, struct arena *a, struct decision_request *rq);

#endif
