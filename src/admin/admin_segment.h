/* admin_segment.h - between the two families of paths for audiences and the document that they share. */
#ifndef ADMIN_ADMIN_SEGMENT_H
#define ADMIN_ADMIN_SEGMENT_H

#include "admin/admin_int.h"

/* A new document from a client's: defaults, server members, evaluation method. `definition`: it came by the path of
 * segment definitions, where the type goes without saying. ERR_INVALID: a member is missing, or the method asked for
 * does not suit the expression; ERR_LIMIT: an enforced guardrail. */
enum err segment_new_doc(struct call *call, struct http_req *rq, const struct json *body, struct str id,
                         bool definition, struct edit *out, struct diag *d);
/* A JSON Patch of an audience: only "add", and no member that stays what it was. */
enum err segment_check_patch(const struct json *old, const struct json *patch, struct diag *d);
/* After a change: times, and the method of a changed expression; what the client may not change comes from `old`. */
enum err segment_changed_doc(struct call *call, struct http_req *rq, const struct json *old, struct edit *e,
                             struct diag *d);
/* The object as answers show it: with its etag and what it depends on. */
void segment_write_doc(struct jw *w, struct call *call, struct http_req *rq, struct str id, const struct json *o);

/* --- admin_segment_method.c --- */
/* evaluationInfo of `e` for the expression `rule` of `doc`; old: the document before, or NULL. ERR_INVALID: a method
 * that is asked for and cannot be. */
enum err segment_put_method(struct call *call, struct edit *e, const struct json *old, const struct json *doc,
                            const struct rule *rule, struct diag *d);
/* Is this stored member part of answers? */
bool segment_shows(struct str member);

#endif
