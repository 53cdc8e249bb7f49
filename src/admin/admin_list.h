/* admin_list.h - lists of objects as the segmentation API shows them: filtered, sorted, and many by id at once
 * [SEGMENTATION 17.2, 17.5, 17.6]. */
#ifndef ADMIN_ADMIN_LIST_H
#define ADMIN_ADMIN_LIST_H

#include "admin/admin_int.h"

struct list_entry {
    struct str id;
    const struct json *object;
    struct str text; /* of the sort field, */
    double number;   /* or its number */
    size_t place;    /* in order of creation */
};

/* Everything in the request's arena. */
struct list {
    struct list_entry *items;
    size_t n;
    struct str sort_field;
    struct str sort; /* "asc" or "desc" */
};

/* The objects of a kind in the call's sandbox that pass every ?property= of the query, and `passes` (may be NULL), in
 * the order of ?sort=field:asc or field:desc (`sort_default` without it; the field is a dotted path; equal ones in
 * order of creation). False: the error is answered. */
bool list_of(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, const char *sort_default,
             bool (*passes)(void *ctx, struct http_req *rq, struct str id, const struct json *object), void *ctx,
             struct list *out);

/* POST .../bulk-get: {"ids":[{"id"}]}, 1 to LIMIT_BULK_IDS. Writes 207 with "results" by id: what `write` writes, or
 * 404 where there is no object; 404 as a whole when there is none at all. `what`: "audience". */
void list_bulk(struct call *call, struct http_req *rq, struct http_res *rs, const char *kind, const char *what,
               void (*write)(void *ctx, struct jw *w, struct str id, const struct json *object), void *ctx);

/* Is `part` in `s`, whatever the case of ASCII letters? */
bool list_contains(struct str s, struct str part);

#endif
