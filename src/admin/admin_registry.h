/* admin_registry.h - what the files of the schema registry share: Accept, filters, lists [PLATFORM 1.5, 2.2]. */
#ifndef ADMIN_ADMIN_REGISTRY_H
#define ADMIN_ADMIN_REGISTRY_H

#include "admin/admin_int.h"

enum registry_shape {
    SHAPE_ID,   /* xed-id: title, $id, meta:altId, version */
    SHAPE_LINK, /* xdm-link: paths (descriptors) */
    SHAPE_RAW,  /* xed: references unresolved */
    SHAPE_FULL, /* xed-full: flattened */
};
struct registry_accept {
    enum registry_shape shape;
    bool text; /* with titles and descriptions */
};

/* Reads Accept. lookup: a version must be there. False: the 406 or 400 is written. */
bool registry_accept(struct http_req *rq, struct http_res *rs, bool lookup, struct registry_accept *out);

/* Does an object pass every ?property= of the query? "path==value", != < > <= >=, "list~path==value" for "some
 * element", or a path alone for "is there". */
bool registry_passes(const struct http_req *rq, const struct json *object);

/* The objects of a kind that pass, in the asked order: orderby (with '-' descending), start (strictly after), limit. */
struct registry_list {
    const struct json **items; /* arena */
    size_t n;
    struct str order_by;
    struct str next; /* value of the order property at which the next page starts; p NULL: the end */
};
bool registry_list_of(struct call *call, struct http_req *rq, const char *kind, struct registry_list *out);
/* "_page" and "_links" into the open object. */
void registry_write_page(struct jw *w, struct http_req *rq, const struct registry_list *l);

/* The tenant of the caller's organisation. */
struct str registry_tenant(const struct call *call);
/* The stored object by $id or meta:altId (percent-decoded); *id is its $id. NULL: absent. */
const struct json *registry_find(struct call *call, const char *kind, struct str ref, struct str *id);

/* Answers with a union, which is read as a schema too ("_xdm.context.profile__union"). False: no such union, nothing is
 * written. */
bool registry_union_get(struct call *call, struct http_req *rq, struct http_res *rs, struct str ref,
                        struct registry_accept accept);

#endif
