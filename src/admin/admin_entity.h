/* admin_entity.h - one person's profile, or events, as the look-up API shows them [PLATFORM 5.4, 5.5].
 *
 * The hub lends a profile under its state lock: entity_read and entity_read_events turn it into JSON text there, and
 * everything else happens afterwards on that text. */
#ifndef ADMIN_ADMIN_ENTITY_H
#define ADMIN_ADMIN_ENTITY_H

#include "admin/admin_xid.h"

struct entity {
    struct str json;       /* the person: identityMap, identities, attributes, segmentMembership */
    struct str sources;    /* ["dataset id",...] */
    struct str tags;       /* ["batch id",...] */
    struct str identities; /* ["xid",...] of the graph */
    int64_t modified_ms;
};

struct profile;
struct graph_view;
/* The person as a JSON object: identityMap, identities, attributes, segmentMembership. */
enum err entity_write(struct jw *w, const struct call *call, const struct profile *p, const struct graph_view *g,
                      struct diag *d);

/* Text is in the arena. ERR_NOT_FOUND: nobody has that identity. */
enum err entity_read(const struct call *call, struct str ns, struct str id, struct arena *a, struct entity *out,
                     struct diag *d);

/* property=<path><op><value> */
enum property_op { PROPERTY_EQ, PROPERTY_NE, PROPERTY_LT, PROPERTY_LE, PROPERTY_GT, PROPERTY_GE };
struct property {
    struct str path;
    enum property_op op;
    struct str value;
};
#define PROPERTIES_MAX 3 /* [PLATFORM 5.4] */
bool property_read(struct str text, struct property *out);

struct event_query {
    int64_t start_ms, end_ms; /* inclusive, exclusive */
    bool newest_first;
    struct property properties[PROPERTIES_MAX];
    size_t property_count;
    size_t limit;
    struct str cursor; /* where to go on: "<ms>:<event id>" of the last one given, empty: at the beginning */
    const struct str *fields;
    size_t field_count; /* 0: all */
};
struct event_page {
    struct str children; /* JSON objects, separated by commas */
    size_t count;
    struct str next; /* cursor, empty: that was all */
};
/* relatedEntityId is `xid`. */
enum err entity_read_events(const struct call *call, struct str ns, struct str id, struct str xid,
                            const struct event_query *q, struct arena *a, struct event_page *out, struct diag *d);

/* Writes v with nothing but the named dotted paths and what is below them; all when field_count is 0. */
void entity_project(struct jw *w, const struct json *v, const struct str *fields, size_t field_count);

#endif
