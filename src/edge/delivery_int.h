/* delivery_int.h - one delivery request on its way. */
#ifndef EDGE_DELIVERY_INT_H
#define EDGE_DELIVERY_INT_H

#include "config/tenant.h"
#include "decide/told.h"
#include "edge/delivery.h"
#include "edge/edge_context.h"
#include "edge/edge_facts.h"
#include "edge/edge_rerun.h"
#include "edge/edge_script.h"
#include "edge/edge_visitor.h"

struct delivery_sessions;

struct delivery {
    struct delivery_options o;
    struct delivery_sessions *sessions;
    struct edge_scripts *scripts;
};

/* RequestDetails [TARGET 1.2]. */
struct delivery_details {
    struct str url, referrer;                           /* p NULL: no address of its own */
    const struct json *parameters, *profile_parameters; /* objects of texts, numbers, booleans; or NULL */
    bool has_order;
    struct hit_order order;
    struct str category; /* product.categoryId */
};

enum delivery_kind { DELIVERY_NOTHING, DELIVERY_PAGE, DELIVERY_MBOX, DELIVERY_VIEW };

struct delivery_place {
    enum delivery_kind kind;
    const struct json *source; /* as sent */
    const struct json *index;  /* of it: echoed */
    int64_t order;             /* its value */
    struct str name, key;      /* a view without a name: all views */
    struct delivery_details details;
    struct str answer; /* members behind the name, or of a view whole objects; empty: nothing is shown */
};

struct delivery_notice {
    struct delivery_place place;
    struct str id, impression;
    bool click;
    int64_t ms;
    const struct json *tokens; /* array, may be NULL */
    const struct json *source; /* as sent */
    struct str trace;          /* empty: none */
};

struct delivery_list {
    struct delivery_place *items; /* in the order of the request */
    size_t n;
};

/* What an older endpoint calls a part of a member's path, for messages. */
struct delivery_word {
    const char *part, *sent; /* part NULL: the end of a list */
};

struct delivery_call {
    struct delivery *x;
    struct http_req *rq;
    struct http_res *rs;
    struct arena *arena;
    int64_t now_ms;
    const struct snapshot *snap;
    struct tenant tenant;
    struct str session;
    const struct delivery_word *words; /* NULL: the body is as it was sent */
    /* the body */
    const struct json *body;
    struct str request_id, impression;
    struct str tnt_id, third_party_id, ecid;
    struct identity *customers; /* authenticated ones */
    size_t customer_count;
    struct environment environment;
    bool has_environment; /* the request names one */
    struct str property_token;
    const struct json *context, *geo;
    struct str url, referrer, user_agent, host;
    bool beacon, client_analytics, trace;
    struct decision_qa qa;
    bool has_qa;
    struct delivery_place execute_page, prefetch_page; /* kind DELIVERY_NOTHING: not asked */
    struct delivery_list execute, prefetch, views;
    struct delivery_notice *notices;
    size_t notice_count;
};

/* delivery_service.c: the documented error; false, so that a check can end with it. */
bool delivery_fail(struct delivery_call *c, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Checks in the order of a request; each false when answered with what is wrong. */
bool delivery_allow(struct delivery_call *c, enum http_method method, struct str name);
bool delivery_session(struct delivery_call *c, struct str session);
bool delivery_tenant(struct delivery_call *c, struct str client); /* empty: imsOrgId or the host says it */
/* The body is read and worked on; the answer is in c->rs. */
void delivery_serve(struct delivery_call *c);

/* delivery_read.c: false when answered with what is wrong. delivery_mode.c reads the modes. */
bool delivery_read(struct delivery_call *c);
bool delivery_read_modes(struct delivery_call *c);

/* ---- delivery_rule.c: members of the body, checked ---- */

/* Where a member is, for messages: "execute.mboxes[2].name". */
struct delivery_at {
    const struct delivery_at *up;
    struct str member; /* p NULL: an element */
    size_t index;
};
/* Answers "<path> <text>" with 400. */
bool rule_broken(struct delivery_call *c, const struct delivery_at *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Each reads the member of `object` that `at` names; an absent one, or null, is fine unless required, and *out is as it
 * was. Lengths are in characters. */
bool rule_object(struct delivery_call *c, const struct json *object, const struct delivery_at *at, bool required,
                 const struct json **out);
bool rule_list(struct delivery_call *c, const struct json *object, const struct delivery_at *at, size_t max,
               const struct json **out);
bool rule_text(struct delivery_call *c, const struct json *object, const struct delivery_at *at, size_t min, size_t max,
               bool required, struct str *out);
bool rule_word(struct delivery_call *c, const struct json *object, const struct delivery_at *at, const char *words,
               bool required, struct str *out);
bool rule_bool(struct delivery_call *c, const struct json *object, const struct delivery_at *at, bool *out);
bool rule_int(struct delivery_call *c, const struct json *object, const struct delivery_at *at, int64_t min,
              bool required, int64_t *out);
bool rule_number(struct delivery_call *c, const struct json *object, const struct delivery_at *at, double min,
                 double *out);

/* ---- delivery_session.c ---- */

struct delivery_turn {
    struct session_slot *slot;
    size_t stripe;
};
enum err delivery_sessions_new(struct delivery_sessions **out, struct diag *d);
void delivery_sessions_free(struct delivery_sessions *s);
/* Waits for the requests of the session that came before. false: there are too many. */
bool delivery_enter(struct delivery_sessions *s, struct str session, struct delivery_turn *turn);
void delivery_leave(struct delivery_sessions *s, const struct delivery_turn *turn);

/* ---- delivery.c ---- */

/* A request while it is worked on: what there is for the hit, and the visitor's copy. */
struct delivery_work {
    struct delivery_call *c;
    struct edge_visitor found;
    struct visitor *visitor; /* found.visitor, opened; in a prefetch a copy of it */
    struct hit_visit visit;
    struct hit hit;
    size_t decision_room, notice_room;
    size_t settled_decisions, settled_notices; /* that the visitor's copy knows */
    struct decision_request rq;
    struct decision_trace trace;
    struct decision *decision;     /* NULL: nothing is compiled */
    const struct json *attributes; /* of the platform's profile */
    const struct json *segments;   /* audiences that the request itself says, or NULL */
    struct edge_script_request scripts;
    struct buf profile_params; /* members of an object: what the request sets */
    size_t profile_param_count;
    struct buf categories; /* elements of an array: categories viewed */
    struct buf tnta;       /* what Analytics is to be told by the hit */
    bool prefetching;
    bool engaged;             /* engagement was counted for this request */
    int64_t before_ms;        /* the visitor's last request before this one; 0: new here */
    int64_t previous_ms;      /* of the same session */
    struct edge_facts facts;  /* what rules asked of the request */
    struct edge_rerun *rerun; /* NULL: a live request */
};
/* false: answered with an error. */
bool delivery_run(struct delivery_call *c);
/* The visitor is found: his session is opened, on the copy. */
void work_open(struct delivery_work *w);
/* Decides everything that is asked; the hit is complete then. */
void work_decide(struct delivery_work *w);

bool work_add_notice(struct delivery_work *w, const struct hit_notice *n);
/* With a display of each: what is executed is shown. */
void work_add_decisions(struct delivery_work *w, const struct decision_result *r);
/* The visitor's copy learns what was added to the hit since the last call: whoever is about to ask it, or to add what
 * counts on its own, calls this first. What a request adds last nobody asks for. */
void work_settle(struct delivery_work *w);

/* ---- delivery_place.c ---- */

/* One location: its parameters and scripts, metrics, and the decision into p->answer. */
void delivery_place(struct delivery_work *w, struct delivery_place *p);
/* The same without a decision: a hit on a location. */
void delivery_touch(struct delivery_work *w, const struct delivery_place *p, bool clicked);
/* What a moment at the location means for metrics. */
void work_met(struct delivery_work *w, const struct delivery_place *p, struct decision_moment moment);
struct decision_ask delivery_ask(const struct delivery_place *p);
/* The name under which metrics know a location. */
struct str delivery_location(const struct delivery_place *p);

/* ---- delivery_notice.c ---- */

/* Every token of every notification verifies, before anything is done. false: answered. */
bool delivery_notices_check(struct delivery_call *c);
/* Members of struct told_delivery; ctx is the struct delivery_work. */
void delivery_notice_token(void *ctx, const struct told_part *notice, struct str text);
void delivery_notice_touched(void *ctx, const struct told_part *notice);
void delivery_notice_over(void *ctx, const struct told_part *notice);

/* ---- delivery_write.c ---- */

void delivery_answer(struct delivery_work *w);

#endif
