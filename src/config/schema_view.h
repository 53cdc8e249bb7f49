/* schema_view.h - what one schema of the registry says about data, flattened: types by dotted path, identities,
 * validation.
 *
 * A schema is a class, field groups and custom fields [PLATFORM 2.1]; its view is the one tree that they add up to, in
 * the compatibility spelling that data uses [PLATFORM 2.6]. Views are compiled with the snapshot, so looking one up is
 * a map access and nothing in here can fail. The standard fields of [PLATFORM 2.7, 2.8] are a table in
 * schema_standard.c.
 *
 *   const struct schema_view *v = schema_view_of(snap, scope, dataset_schema_id);
 *   struct schema_violation bad[SCHEMA_VIOLATIONS_MAX];
 *   size_t n = schema_view_validate(v, record, arena, bad, SCHEMA_VIOLATIONS_MAX);
 *
 * Paths      "person.name.firstName"; arrays are walked through ("productListItems.SKU" is the SKU of an item), a map
 * takes any key ("identityMap.ECID.id").
 *
 * Ownership  A view is borrowed: valid as long as the snapshot is held.
 *
 * Threads    Immutable.
 *
 * Cost       Validation about 50 ns a field. */
#ifndef CONFIG_SCHEMA_VIEW_H
#define CONFIG_SCHEMA_VIEW_H

#include "config/config.h"

struct schema_view;
struct jw;

enum xdm_type {
    XDM_NONE, /* no such field */
    XDM_ANY,  /* defined without a type */
    XDM_STRING,
    XDM_NUMBER,
    XDM_LONG,
    XDM_INT,
    XDM_SHORT,
    XDM_BYTE,
    XDM_DATE,
    XDM_DATE_TIME,
    XDM_BOOLEAN,
    XDM_ARRAY,
    XDM_OBJECT,
    XDM_MAP,
};
const char *xdm_type_name(enum xdm_type t); /* "string", "date-time", ... as meta:xdmType spells them */

/* A field that an identity descriptor names [PLATFORM 2.5]. */
struct schema_identity {
    struct str path; /* dotted: "_acme.crmId" */
    struct str ns;   /* namespace code */
    bool primary;
};

/* schema_id: the $id or the meta:altId. NULL: no such schema in the scope. */
const struct schema_view *schema_view_of(const struct snapshot *s, struct str scope, struct str schema_id);
struct str schema_view_id(const struct schema_view *v); /* $id */
/* Of the time-series behaviour (experience events: _id and timestamp are required), else records. */
bool schema_view_is_event(const struct schema_view *v);

/* Type of a field, XDM_NONE when the schema does not define it. */
enum xdm_type schema_view_type(const struct schema_view *v, struct str path);
/* Type of the elements of an array or the values of a map at `path`; XDM_NONE when it is neither. */
enum xdm_type schema_view_element_type(const struct schema_view *v, struct str path);

/* Identity descriptors, primary first. identityMap is an identity source besides them, always [PLATFORM 2.5]. */
const struct schema_identity *schema_view_identities(const struct schema_view *v, size_t *n);
/* The primary descriptor, or NULL: the identityMap names the primary. */
const struct schema_identity *schema_view_primary(const struct schema_view *v);

/* One fault of a record [PLATFORM 2.6, 3.3]. All text is in the caller's arena or static. */
struct schema_violation {
    const char *keyword; /* "type", "format", "enum", "pattern", "required", "additionalProperties", "minimum", ... */
    struct str pointer;  /* "#/person/birthDate" */
    struct str schema_location; /* "#/properties/person/properties/birthDate" */
    struct str path;            /* "person.birthDate" */
    struct str message;         /* "expected a date (yyyy-MM-dd), found a string" */
};
#define SCHEMA_VIOLATIONS_MAX 5 /* [PLATFORM 3.3] a report stops after this many */

/* Checks a record or event (an object in compatibility spelling). Stores up to max faults and answers how many; 0:
 * valid. An exhausted arena ends the search early, with at least one fault when there was one. */
size_t schema_view_validate(const struct schema_view *v, const struct json *record, struct arena *a,
                            struct schema_violation *out, size_t max);

/* Writes the members of the flattened form (properties, required) into the open object: xed-full [PLATFORM 2.2].
 * text: with titles and descriptions. */
void schema_view_write(struct jw *w, const struct schema_view *v, bool text);

/* The union of all profile-enabled schemas of a class, with identityMap and, for profiles, segmentMembership
 * [PLATFORM 2.7]: its members, as above. False: no schema of the class is enabled, nothing is written. */
bool schema_union_write(struct jw *w, const struct snapshot *s, struct str scope, struct str class_id, bool text);

/* A view of the fields of an external audience, all of them at its root, one an identity. In the arena; NULL: it is
 * exhausted. The list was checked when the audience was saved. */
const struct schema_view *schema_view_of_fields(const struct json *fields, struct arena *a);

/* ---- the global container: what every sandbox has ---- */

enum schema_global_kind { GLOBAL_CLASS, GLOBAL_GROUP, GLOBAL_DATATYPE, GLOBAL_BEHAVIOUR };
struct schema_global {
    enum schema_global_kind kind;
    const char *id; /* $id */
    const char *title;
    const char *class_id; /* of a group: the class it extends, NULL: any */
    const char *roots;    /* inside config/: the standard roots it brings */
};
extern const struct schema_global schema_globals[];
extern const size_t schema_global_count;
/* By $id, or by alternative id (_xdm.context.profile). NULL: not one of ours. */
const struct schema_global *schema_global_find(struct str id);
/* "_xdm.context.profile" of a global resource. */
void schema_global_alt_id(struct buf *out, const struct schema_global *g);
/* Its fields: properties, required, into the open object. */
void schema_global_write(struct jw *w, const struct schema_global *g);

#endif
