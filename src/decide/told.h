/* told.h - what a request tells about locations that were shown or clicked, and in which order [TARGET 1.3, 2.7]. The
 * edge answers a request by this, and the hub counts a recorded one anew by it (hub/hub_recount_met.c): neither reads
 * it in a way of its own.
 *
 * Delivery   notifications as they are listed, each with its tokens and then its location; then what is executed: the
 *            page, and mboxes by ascending index
 * Event      the propositions that it reports, and whether they were shown, clicked, or both [EDGE 5.8]
 *
 * Ownership  Everything is borrowed.   Threads  any */
#ifndef DECIDE_TOLD_H
#define DECIDE_TOLD_H

#include "codec/json.h"
#include "decide/decision.h"

struct told_part {
    size_t at;               /* in its list */
    const struct json *json; /* as sent */
    bool clicked;            /* of a notification */
};

struct told_delivery {
    void *ctx;
    /* A token of a notification. */
    void (*token)(void *ctx, const struct told_part *notice, struct str text);
    /* The location of a notification, but for clicks with tokens: those say themselves what was clicked. */
    void (*touched)(void *ctx, const struct told_part *notice);
    void (*noticed)(void *ctx, const struct told_part *notice); /* it is over; may be NULL */
    /* A location is executed. */
    void (*page)(void *ctx, const struct told_part *place);
    void (*mbox)(void *ctx, const struct told_part *place);
};
/* No memory: without the mboxes. */
void told_read_delivery(const struct json *body, const struct told_delivery *to, struct arena *a);
/* Positions by ascending index, those of the same index as they came; NULL: no memory. */
size_t *told_by_index(const int64_t *index, size_t n, struct arena *a);
/* An order counts by its id or its total. */
bool told_order(const struct json *order);

/* How metrics and hits name a location. */
struct str told_location(enum decision_kind kind, struct str name);
/* A location that is shown or clicked; *engaged: one of this request was shown already. */
struct decision_moment told_moment(struct str location, bool clicked, bool *engaged);
/* The same of what a token names. */
struct decision_moment told_token_moment(const struct decide_token *token, bool clicked);

struct told_event {
    const struct json *propositions; /* array; NULL: none */
    bool shown, clicked;
};
struct told_event told_read_event(const struct json *xdm);
/* Of an event itself, behind its locations: any goes on with the visit, and its order, which is of no location, meets
 * what the locations have not met (met, n). */
struct decision_moment told_event_moment(const struct hit_visit *visit, const struct hit_notice *met, size_t n);
/* Empty: another provider's, or a location of the page's own. */
struct str told_proposition_token(const struct json *proposition);

#endif
