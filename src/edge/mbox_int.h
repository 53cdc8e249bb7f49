/* mbox_int.h - the older endpoints of the delivery API [TARGET 1.8].
 *
 *   mbox_service.c   paths, and what the three have in common
 *   mbox_single.c    POST /rest/v1/mbox/{sessionId}
 *   mbox_batch.c     POST /rest/v2/batchmbox
 *   mbox_ubox.c      GET /m2/{client}/ubox/{image|page|raw}
 *
 * Each writes the body of a delivery request from what it was sent, has that read and worked on as any other is, and
 * makes its answer of the delivery answer's parts. The hit holds the delivery body. Members are handed on unchecked:
 * the reader of delivery bodies has the rules, and says them with the older names. */
#ifndef EDGE_MBOX_INT_H
#define EDGE_MBOX_INT_H

#include "codec/json_writer.h"
#include "edge/delivery_int.h"

bool mbox_match(const struct http_req *rq);
void mbox_serve(struct delivery_call *c);

/* session: what the path says, not decoded. */
void mbox_single(struct delivery_call *c, struct str session);
void mbox_batch(struct delivery_call *c);
/* client and form: parts of the path. */
void mbox_ubox(struct delivery_call *c, struct str client, struct str form);

/* ---- mbox_service.c ---- */

/* What an older body says of a page. */
struct mbox_page {
    struct str url, referrer, host, ip;
};
/* The object that was sent. false: answered. */
bool mbox_read(struct delivery_call *c, const struct json **sent);
/* requestLocation, of an object at `up` (NULL: of the body). */
bool mbox_read_page(struct delivery_call *c, const struct json *o, const struct delivery_at *up, struct mbox_page *out);
/* Begins the delivery body: the object is open, and has its context. */
struct jw mbox_begin(struct delivery_call *c, struct buf *out, const struct mbox_page *page, struct str user_agent);
/* A member under its newer name, when there is one. */
void mbox_hand_on(struct jw *w, struct str name, const struct json *value);
/* Runs the written request. *answer is the delivery answer then and c->rs waits for the older one; NULL: the host is
 * not authorized. false: answered. */
bool mbox_run(struct delivery_call *c, struct jw *w, const struct json **answer);
/* Options of a location as one text; p NULL: nothing is shown there. Visual changes are left out: only at.js and its
 * successors apply them. */
struct str mbox_text(struct delivery_call *c, const struct json *item);
/* The member content of an item: text, or when as_json what a JSON offer holds. */
void mbox_put_content(struct delivery_call *c, struct jw *w, const struct json *item, bool as_json);
/* Ends the older answer: 200. */
void mbox_end(struct delivery_call *c, struct jw *w);

#define MBOX_UNAUTHORIZED S("/* no display - unauthorized mbox host */") /* [TARGET 1.7] */

#endif
