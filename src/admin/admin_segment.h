/* admin_segment.h - between the two families of paths for audiences and the document that they share. */
#ifndef ADMIN_ADMIN_SEGMENT_H
#define ADMIN_ADMIN_SEGMENT_H

#include "admin/admin_int.h"

/* A new document from a client's: defaults, server members, evaluation method. ERR_INVALID: the method asked for does
 * not suit the expression. */
enum err segment_new_doc(struct call *call, struct http_req *rq, const struct json *body, struct str id,
                         struct edit *out, struct diag *d);
/* After a change: times, and the method of a changed expression; what the client may not change comes from `old`. */
enum err segment_changed_doc(struct call *call, struct http_req *rq, const struct json *old, struct edit *e,
                             struct diag *d);
/* The object as answers show it: with its etag and what it depends on. */
void segment_write_doc(struct jw *w, struct call *call, struct http_req *rq, struct str id, const struct json *o);

#endif
