/* admin_edit.h - a JSON document that can be changed: what PATCH and server-made members need.
 *
 * Parsed documents are immutable; edit_of() makes a tree in the request's arena whose unchanged parts stay borrowed.
 * When the arena is exhausted the document is `nomem`, later calls do nothing, and edit_text() answers an empty text.
 *
 *   struct edit e = edit_of(rq->arena, body);
 *   edit_put_str(&e, e.root, S("id"), id);
 *   text = edit_text(&e);   */
#ifndef ADMIN_ADMIN_EDIT_H
#define ADMIN_ADMIN_EDIT_H

#include "base/arena.h"
#include "base/diag.h"
#include "codec/json.h"

struct edit_node;

struct edit {
    struct arena *arena;
    struct edit_node *root;
    bool nomem;
};

/* A copy of v; an empty object when v is NULL. */
struct edit edit_of(struct arena *a, const struct json *v);
/* The member of an object, NULL when absent. */
struct edit_node *edit_get(const struct edit_node *object, struct str key);
struct str edit_str(const struct edit_node *n); /* of a string, else empty */
/* The member as an object: made when it is absent or something else. */
struct edit_node *edit_object(struct edit *e, struct edit_node *object, struct str key);
/* Sets members, in their place or at the end. */
void edit_put_str(struct edit *e, struct edit_node *object, struct str key, struct str value);
void edit_put_i64(struct edit *e, struct edit_node *object, struct str key, int64_t value);
void edit_put_bool(struct edit *e, struct edit_node *object, struct str key, bool value);
void edit_put_time(struct edit *e, struct edit_node *object, struct str key, int64_t ms); /* ISO 8601 */
void edit_put_json(struct edit *e, struct edit_node *object, struct str key, const struct json *value);
void edit_put_raw(struct edit *e, struct edit_node *object, struct str key, struct str json_text);
/* The same when the member is absent. */
void edit_default_raw(struct edit *e, struct edit_node *object, struct str key, struct str json_text);
void edit_remove(struct edit_node *object, struct str key);
/* Top level members of `patch` replace those of the root; null removes (JSON merge, one level) [PLATFORM 3.1]. */
void edit_merge(struct edit *e, const struct json *patch);
/* JSON Patch [RFC 6902]: add, replace, remove, test. A trailing '-' at a path's end without slash
 * ("/meta:immutableTags-") is taken for "add to" as clients send it [PLATFORM 2.3]; replace of an absent member adds
 * it. ERR_INVALID names the operation. */
enum err edit_patch(struct edit *e, const struct json *patch, struct diag *d);
/* The document as text, and parsed again. */
struct str edit_text(struct edit *e);
enum err edit_parse(struct edit *e, const struct json **out, struct str *text, struct diag *d);

#endif
