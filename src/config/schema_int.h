/* schema_int.h - the field trees behind schema views. Shared inside config/ only.
 *
 * A part is all views of one scope, in one arena: it is built anew when a schema, field group or descriptor of the
 * scope changes, and shared between snapshots otherwise. Trees of standard fields are made once per part and shared
 * between its views; schema_tree.c copies a node before it changes it. */
#ifndef CONFIG_SCHEMA_INT_H
#define CONFIG_SCHEMA_INT_H

#include <regex.h>

#include "config/config_int.h"
#include "config/schema_view.h"

enum schema_format { FORMAT_NONE, FORMAT_EMAIL, FORMAT_URI, FORMAT_UUID, FORMAT_CURRENCY, FORMAT_COUNTRY };

struct schema_field {
    struct str name;
    enum xdm_type type;
    enum schema_format format;
    bool required;
    const struct schema_field **members; /* XDM_OBJECT, sorted by name */
    size_t member_count;
    const struct schema_field *element; /* of XDM_ARRAY and XDM_MAP; NULL: anything */
    const struct str *values;           /* checked enum, empty: none */
    size_t value_count;
    bool has_min, has_max;
    double min, max;
    int64_t length_min, length_max; /* in code points; -1: none */
    const regex_t *pattern;
    struct str pattern_text;
    struct str title, description; /* custom fields */
};

/* Memory and shared pieces while a part is made. */
struct schema_pattern {
    struct schema_pattern *next;
    regex_t compiled;
};
struct schema_builder {
    struct arena *arena;
    struct schema_pattern *patterns; /* freed with the part */
    struct map standard;             /* standard root -> const struct schema_field *, made on demand */
};

struct schema_view {
    struct str id, alt_id, class_id;
    bool event, in_union;
    const struct schema_field *root;
    struct schema_identity *identities;
    size_t identity_count;
};

struct schema_part {
    struct refcount refs;
    struct arena arena;
    struct schema_pattern *patterns;
    struct map views; /* $id and meta:altId -> struct schema_view */
    /* What expressions may read: all that the profile-enabled schemas of the class say. NULL: none is enabled. */
    const struct schema_field *profile_union, *event_union;
};

/* ---- schema_standard.c: the standard fields and who brings them ---- */

#define SCHEMA_CLASS_PROFILE "https://ns.adobe.com/xdm/context/profile"
#define SCHEMA_CLASS_EVENT "https://ns.adobe.com/xdm/context/experienceevent"

/* Tree of a standard root ("web"); NULL: there is none, or no memory. */
const struct schema_field *schema_standard_root(struct schema_builder *b, struct str name);
/* Adds the roots that a class or group brings to the object `root`. */
enum err schema_add_global(struct schema_builder *b, const struct schema_global *g, struct schema_field *root,
                           struct diag *d);
/* The element tree of a global data type, for $ref of a property. */
const struct schema_field *schema_datatype(struct schema_builder *b, const struct schema_global *g, struct str name);

/* ---- schema_tree.c ---- */

const struct schema_field *schema_member(const struct schema_field *object, struct str name);
/* Adds a member, merging with one of that name. path is for messages. ERR_INVALID: types conflict. */
enum err schema_add(struct schema_builder *b, struct schema_field *object, const struct schema_field *member,
                    const char *path, struct diag *d);
/* The members of a resource's properties, definitions and local allOf references, added to root. custom_root: the only
 * root allowed beside the standard ones ("_acme"); empty: any. */
enum err schema_add_resource(struct schema_builder *b, const struct json *resource, struct str custom_root,
                             struct schema_field *root, struct diag *d);
/* The field at a dotted path; arrays and maps are walked through. */
const struct schema_field *schema_at(const struct schema_field *root, struct str path);
/* ERR_INVALID when `after` takes away, retypes or narrows what `before` has [PLATFORM 2.4]. */
enum err schema_evolves(const struct schema_field *before, const struct schema_field *after, struct diag *d);

void schema_field_write(struct jw *w, const struct schema_field *f, bool text);

/* ---- schema_part.c ---- */

enum err schema_part_new(const struct config_objects *objects, struct str scope, struct schema_part **out,
                         struct diag *d);
struct schema_part *schema_part_ref(struct schema_part *p);
void schema_part_unref(struct schema_part *p);
const struct schema_view *schema_part_view(const struct schema_part *p, struct str id);
/* The rules of [PLATFORM 2.4] for every schema that is in use (in a dataset, or union-enabled) before. */
enum err schema_part_evolves(const struct schema_part *before, const struct schema_part *after,
                             const struct config_objects *objects, struct str scope, struct diag *d);
#endif
