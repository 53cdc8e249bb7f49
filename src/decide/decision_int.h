/* decision_int.h - a decision under way: what the files decision*.c share.
 *
 *   decision.c           the request, its locations, the answer
 *   decision_audience.c  does an audience match?
 *   decision_activity.c  which experience of an activity
 *   decision_auto.c      the same where machines choose
 *   decision_met.c       which metrics are met
 *   decision_analytics.c what Analytics is told
 *   decision_why.c       the explanation
 *   decision_explain.c   the audiences of a location, part by part */
#ifndef DECISION_INT_H
#define DECISION_INT_H

#include "codec/json_writer.h"
#include "decide/template.h"

#define UNDECIDED 0 /* else: 1 is "not in", and 2 + n is experience n */
_Static_assert(LIMIT_COMBINATIONS + 2 < UINT16_MAX, "an experience fits the decision table");

enum truth { UNKNOWN, NO, YES };

/* What there is to say about a decision besides its experience; of activities that have it only. */
struct choice {
    enum hit_arm arm;
    struct str algorithm;
    double propensity;
    const struct json *features;
    bool untracked;
};

struct decision {
    const struct decide_set *s;
    const struct decision_request *rq;
    struct arena *a;
    struct diag *d;
    struct request_view view;
    uint32_t property;              /* index of the request's property; UINT32_MAX: none that we know */
    const struct decision_ask *ask; /* that is being answered */
    struct decision_ask last;       /* what the tables below are about, when they are about anything */
    bool known;
    size_t view_start;         /* of the first view in an answer */
    uint16_t *decided;         /* by activity */
    struct choice **choices;   /* by activity, made when the first has one */
    unsigned char *truths;     /* by audience, made when the first is asked */
    const struct json **nodes; /* by field: its value as a node, made with truths */
    unsigned char *has_node;
    struct decision_taken *taken;
    size_t taken_count, taken_cap;
    struct why *why; /* NULL: nobody asked */
    enum err rc;
};

void decision_fail(struct decision *x, const char *what);
/* Another location: what depends on its parameters is forgotten, unless they are the same. */
void decision_enter(struct decision *x, const struct decision_ask *ask);
/* The reporting audiences of an activity that match, as an array of ids; NULL: none. */
const struct json *decision_reporting(struct decision *x, uint32_t activity);

/* ---- decision_audience.c ---- */

bool audience_matches(struct decision *x, uint32_t index);
/* ctx is the decision. */
bool audiences_match(void *ctx, const struct audience_list *list);
/* A field of the request as a node; NULL: absent, or no memory. */
const struct json *decision_field(struct decision *x, const struct field *f);
bool decision_rule_holds(struct decision *x, const struct rule *rule, const struct json *const *params, size_t n);
/* Forgets what depends on the location. */
void audiences_forget(struct decision *x);

/* ---- decision_activity.c ---- */

/* Index of the experience, or -1; kept for the location. */
int activity_decide(struct decision *x, uint32_t index);
const struct choice *activity_choice(const struct decision *x, uint32_t index); /* NULL: nothing to say */
struct choice *activity_choice_new(struct decision *x, uint32_t index);         /* NULL: no memory */
/* The hash of [TARGET 3.2] with another salt than "0". */
unsigned salted_bucket(const struct decision *x, const struct activity *a, struct str salt);
bool activity_is_live(const struct decision *x, const struct activity *a);

/* ---- decision_auto.c ---- */

int auto_choose(struct decision *x, uint32_t index, const struct visitor_membership *m);

/* ---- decision_analytics.c ---- */

const struct visitor_membership *decision_membership(const struct decision *x, const struct activity *a); /* or NULL */

struct analytics_of {
    const struct activity *activity;
    struct str experience;
    enum hit_arm arm;
    struct str algorithm;
};
/* The entries of a display, after a comma unless they are the first. */
void analytics_displayed(const struct decision *x, const struct analytics_of *of, bool first, struct buf *out);
/* One of them, or of a metric: its local id. */
void analytics_entry(const struct analytics_of *of, unsigned event, bool first, struct buf *out);

/* ---- decision_trace.c ---- */

/* The member of a location, or of a view by its name, whose decisions are taken[from ..]. at may be NULL: no activity
 * is there. */
void trace_write(struct decision *x, const struct location *at, struct str view, size_t from, bool prefetch,
                 struct buf *out);

/* ---- decision_why.c ---- */

enum why_loss {
    LOSS_STATE,
    LOSS_SCHEDULE,
    LOSS_PROPERTY,
    LOSS_AUDIENCE,
    LOSS_TRAFFIC,
    LOSS_EXPERIENCE,
    LOSS_BARRED,
    LOSS_CAP,
    LOSS_GROUP,
    LOSS_QA,
    LOSS_LOCATION,
    LOSS_RANK,
};

struct why;
/* NULL when the request asks for no explanation, or without memory. */
struct why *why_new(struct decision *x);
void why_begin(struct decision *x); /* another location */
void why_bucket(struct decision *x, uint32_t activity, unsigned bucket);
void why_lost(struct decision *x, uint32_t activity, enum why_loss loss);
/* Writes the explanations of what was taken at the location, from there on. */
void why_end(struct decision *x, size_t from);

#endif
