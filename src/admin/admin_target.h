/* admin_target.h - what the files of the Target admin API share: media types, lists, numbered objects [TARGET 6.1]. */
#ifndef ADMIN_ADMIN_TARGET_H
#define ADMIN_ADMIN_TARGET_H

#include "admin/admin_int.h"

/* Which version of a resource the client speaks: of Content-Type with a body, of Accept without; 1 when neither says.
 * False: 406 (a version that is not served) or 415 (no JSON) is written. */
bool target_media(struct http_req *rq, struct http_res *rs, int served, int *version);
/* limit and offset of a list, from 1 and from 0; false: 400 is written. */
bool target_page(struct http_req *rq, struct http_res *rs, struct admin_page *page);
/* {"total","<plural>":[...]} of the objects that pass the query's filters, by write(). */
void target_list(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                 const char *plural, void (*write)(struct jw *w, const struct json *o));
/* The same behind objects that are there without having been saved: `more` is an array of them, or NULL. Without a kind
 * it is the whole list. */
void target_list_with(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                      const char *plural, void (*write)(struct jw *w, const struct json *o), const struct json *more);
/* ---- admin_target_builtin.c: objects that are there without having been saved ---- */

/* Those of a kind that nobody has saved, an array; NULL: no memory. */
const struct json *target_builtin_list(const struct call *call, struct http_req *rq, const char *kind);
/* One of them; NULL: there is none, or it is saved. */
const struct json *target_builtin(const struct call *call, struct http_req *rq, const char *kind, struct str id);
bool target_token_is_builtin(struct str token);

/* ---- admin_target.c ---- */

/* The object, or NULL with 404 written. */
const struct json *target_find(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind,
                               struct str id);
/* JSON text as answer in the version's media type. */
void target_answer(struct http_res *rs, int status, int version, struct str text);
struct jw target_json(struct http_res *rs, int status, int version);
void target_answer_object(struct http_res *rs, int version, const struct json *o);
/* For lists whose rows are whole objects. */
void target_write_whole(struct jw *w, const struct json *o);
/* Saves a changed document under its number and answers with it. */
void target_save(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                 struct str id, struct edit *e);
/* Saves a new one and answers 201. */
void target_create(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                   struct edit *e);
/* Deletes it and answers with what was there; 404. */
void target_delete(struct call *call, struct http_req *rq, struct http_res *rs, int version, const char *kind,
                   struct str id);
/* Member "id" of a document: the number under which it is stored. */
void target_put_id(struct edit *e, struct str id);

/* ---- admin_activity_older.c ---- */

/* experiences and options of version 3 over those of an older body. */
void activity_translate(struct edit *e, struct http_req *rq, const struct json *body);
/* The activity in the shape of a version. */
void activity_write(struct jw *w, const struct json *o, int version);

#endif
