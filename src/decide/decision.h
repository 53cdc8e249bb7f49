/* decision.h - which experience does this visitor get here: one function for the delivery API, the Edge Network,
 * preview, QA links, what-if and the test of the on-device artifact.
 *
 *   decision_begin   what is the same for the whole request
 *   decision_at      one location, page or view after the other, each with its own parameters
 *   decision_met     the metrics that a location shown or clicked meets
 *
 * The visitor is the caller's copy. Between two calls the caller tells it what was delivered and what scripts returned
 * (visitor_fold with the hit so far); what a call found out about audiences and activities is valid for that call only,
 * as parameters and attributes may differ in the next.
 *
 * Nothing here reads a clock, a random source or a file: the same set, visitor, request and time give the same bytes.
 * Ownership  Results live in the arena of decision_begin(), texts in the set.   Threads  a decision belongs to one. */
#ifndef DECIDE_DECISION_H
#define DECIDE_DECISION_H

#include "decide/decide.h"
#include "model/hit.h"
#include "visitor/visitor.h"

/* [TARGET 1.6] Activities of a link in its order, served though not live; entry and traffic rules do not hold, unless
 * the entry's audiences are asked for. */
struct decision_qa {
    const struct str *activities;
    size_t activity_count;
    bool listed_only;
    bool keeps_entry;
    const struct str *true_audiences, *false_audiences; /* ids */
    size_t true_count, false_count;
    const struct decision_preview {
        uint32_t activity, experience; /* from 1; experience 0: decided as usual */
    } * previews;
    size_t preview_count;
};

/* What traces say of the request [TARGET 1.6]. */
struct decision_trace {
    struct str client, session, host, environment;
    const struct json *ids; /* of the visitor as sent, or NULL */
    const struct json *(*audience)(void *ctx,
                                   struct str id); /* as it is stored; NULL: nobody knows. ctx: the request's */
};

struct decision_request {
    int64_t now_ms;
    struct str visitor_key; /* [TARGET 3.1]: decide_visitor_key() */
    const struct visitor *visitor;
    struct str session;           /* its id; empty: a client without sessions */
    struct str property_token;    /* empty: none */
    bool serve_inactive;          /* of the environment [TARGET 2.2] */
    const struct decision_qa *qa; /* NULL: none */
    /* request context for targetRule [TARGET 4.2] */
    int64_t previous_ms; /* the session's request before this one; 0: none */
    struct str url, referrer, user_agent, language;
    const struct json *client_hints; /* context.clientHints, or NULL */
    const struct json *screen;       /* {"width","height"}, or NULL */
    const struct json *geo; /* in force for the session: {"countryCode","stateCode","city","zip","latitude",..} */
    const struct json *attributes; /* merged platform profile for ${aep.path}, NULL: nothing is known */
    const struct json *customer;   /* customer attributes: {"source":{"attribute":..}}, or NULL [TARGET 7.4] */
    bool (*in_audience)(void *ctx, struct str audience_id);        /* of the hub; NULL: none */
    bool (*header)(void *ctx, struct str name, struct str *value); /* of the HTTP request; NULL: none are known */
    /* FORMAT_EDGE: the content of a remote offer, when it is there (never waits); false: default content. NULL: nobody
     * shows the answer, its place stays empty. */
    bool (*remote)(void *ctx, struct str url, struct str *content);
    void *ctx;
    bool explain;                       /* fill decision_taken.why */
    bool explain_each;                  /* whole for each, instead of what a location shares with its first alone */
    const struct decision_trace *trace; /* write "trace" members; NULL: none */
    bool client_analytics;              /* logging client_side: write "analytics" members [TARGET 9.3] */
};

enum decision_kind { AT_MBOX, AT_PAGE, AT_VIEW, AT_VIEWS }; /* VIEWS: all of them */
enum decision_format {
    FORMAT_EXECUTE,  /* members of a delivery answer's item: ,"options":[..],"metrics":[..],"analytics":{..} */
    FORMAT_PREFETCH, /* the same with eventToken and "state"; of VIEW and VIEWS whole comma-separated view objects */
    FORMAT_EDGE,     /* comma-separated propositions [EDGE 5.2], all locations of a request one after the other */
};

struct decision_ask {
    enum decision_kind kind;
    struct str name;               /* of the mbox or view, or a surface */
    const struct json *parameters; /* {"tier":"gold"}: mbox.*; NULL: none */
    const struct json *xdm;        /* FORMAT_EDGE: what parameters does not have, by dotted path; may be NULL */
    struct str url, referrer;      /* of its own address; p NULL: the request's */
    const struct json *source;     /* as the request has it, for traces; NULL: nothing is said of it */
    const struct str *schemas;     /* FORMAT_EDGE: accepted item schemas; none: all */
    size_t schema_count;
};

struct decision_taken {
    struct str activity; /* borrowed from the set */
    struct str experience;
    struct str scope; /* the location, "__view__" for a page, the view's name */
    bool entered;     /* no membership existed */
    bool sticky;      /* the membership is to be kept */
    bool untracked;   /* shown, and nothing counts [TARGET 2.7]: no display is to be noted */
    enum hit_arm arm;
    struct str algorithm;
    double propensity;
    const struct json *features;  /* of a decision that models learn from, else NULL */
    struct str why;               /* JSON text (docs/formats/why.md); empty unless asked */
    const struct json *reporting; /* reportingAudienceLocalIds that match now, an array; NULL: none */
};

/* As the hit keeps it. */
struct hit_decision decision_hit(const struct decision_taken *t);

struct decision_result {
    struct decision_taken *taken; /* arena */
    size_t n;
};

struct decision;
/* rq is borrowed until the last call. ERR_NOMEM. */
enum err decision_begin(const struct decide_set *s, const struct decision_request *rq, struct arena *a,
                        struct decision **out, struct diag *d);
/* May a display or click of this activity still count: is it live? */
bool decision_counts(const struct decision *x, struct str activity);
/* The visitor was told something: what was found out about him is forgotten. */
void decision_changed(struct decision *x);
/* Appends the answer of one location to `out`, nothing when no activity takes the visitor, and lists what was taken.
 * ERR_LIMIT: arena or out is full; out is as before. */
enum err decision_at(struct decision *x, const struct decision_ask *ask, enum decision_format format, struct buf *out,
                     struct decision_result *result, struct diag *d);
/* Of the last location, with rq->explain: the i-th activity that did not get the visitor there; false: there are no
 * more. */
bool decision_loss(const struct decision *x, size_t i, struct str *activity, const char **reason);
/* decision_explain.c: appends a JSON array of the audiences that were asked for at the last location, each with its
 * conditions, whether they hold, and the values that they saw (docs/explain.md). audience() gives the stored object of
 * one; NULL: there is none. For a person who asks: every condition is compiled again. */
struct jw;
typedef const struct json *decision_audience(void *ctx, struct str id);
enum err decision_explain(struct decision *x, decision_audience *audience, void *ctx, struct jw *w, struct diag *d);
/* Some audience of the set reads the platform's profile. */
bool decide_reads_attributes(const struct decide_set *s);
/* Appends to the comma-separated entries in out what Analytics is to be told of a display or of a metric that is met,
 * before the visitor is [TARGET 9.3]; nothing for an activity that does not report through Analytics. */
void decision_analytics(const struct decision *x, const struct hit_notice *n, struct buf *out);
/* The trace of a notification: the activities that its tokens name. ask: its location. Of a request with traces. */
void decision_trace_notice(struct decision *x, const struct decision_ask *ask, const struct json *notice,
                           const struct decide_token *tokens, size_t n, struct buf *out);
/* A location shown or clicked (metric 0: all metrics that name the location; else that metric of that activity, as a
 * click token says): the conversions of activities that the visitor has entered, gates of 2.7 passed. NOTICE_CONVERT
 * with activity, metric, action, value, reporting; experience empty. Order in the hit is the order here. An order that
 * comes without a location meets the revenue metrics of every activity entered, whatever locations they name. */
struct decision_moment {
    struct str location; /* mbox name, "__view__", a view's name; empty: none */
    bool clicked;
    struct str activity; /* of a token; empty: any */
    uint32_t metric;
    bool order;                   /* an order comes with it: revenue metrics want one */
    const struct hit_notice *met; /* what the request met before at its locations: an order meets a metric once */
    size_t met_count;
    /* engagement counts [TARGET 2.7]: */
    bool page; /* the first location of a request that shows something */
    bool stay; /* a request that shows nothing, perhaps, and goes on with the visit: pages do not count */
};
enum err decision_met(struct decision *x, const struct decision_ask *ask, const struct decision_moment *moment,
                      struct hit_notice **notices, size_t *n, struct diag *d);

#endif
