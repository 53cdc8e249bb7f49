/* compile_int.h - a compilation under way: what decide_compile.c and decide_place.c share. */
#ifndef DECIDE_COMPILE_INT_H
#define DECIDE_COMPILE_INT_H

#include "decide/decide_int.h"

struct compile {
    const struct decide_source *src;
    struct decide_set *set;
    struct map offers, audience_objects; /* id -> struct json */
    struct map audience_index;           /* "n" number or "h" hub id -> index + 1 */
    struct map property_index;           /* property id -> index + 1 */
    struct map allocations, models;      /* activity -> struct json */
    struct map paths;
    struct map field_index; /* source letter and name -> index + 1 */
    size_t audience_cap, path_cap, field_cap, view_cap;
    const struct json **objects; /* of set->activities, reordered with them */
    struct buf scratch;
    struct arena expanded; /* objects that were written out */
    struct diag *d;
};

/* A copy in the set's arena; of an empty text an empty one. */
struct str compile_intern(struct compile *c, struct str s);
enum err compile_no_memory(struct compile *c);
/* Members of a list; nothing when v is something else. */
struct json_iter compile_list(const struct json *v);
/* A growing arena array: the old block stays behind, which costs at most as much again. NULL: no memory. */
void *compile_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t bytes);
/* Appends the audiences of an id list to out; false: no memory. */
bool compile_audiences(struct compile *c, const struct json *ids, struct audience_list *out);
/* The same for one id. */
bool compile_audience_id(struct compile *c, const struct json *id, struct audience_list *out);
/* decide_place.c: the name of a view in lower case, empty when there is no such view. */
struct str compile_view_name(struct compile *c, const struct json *activity, const struct json *view_local_id);
/* A platform profile path that an answer may need; false: no memory. */
bool compile_add_path(struct compile *c, struct str path);

/* decide_expand.c: an activity of combinations with its experiences written out, in `a`; NULL: no memory, nothing to
 * combine, or more than LIMIT_COMBINATIONS. */
bool compile_combines(enum activity_type type);
const struct json *compile_expand(const struct json *activity, struct arena *a);
/* The units of Automated Personalization: an option at a location. `a` is for the time of the call. */
bool compile_radix(const struct json *activity, struct arena *a, struct arena *keep, struct personalization *p);

/* decide_split.c: which kind of activity; false: none that we know. */
bool compile_type(const struct json *activity, enum activity_type *type);
/* How experiences are chosen: ranges, weights, models. */
enum err compile_split(struct compile *c, const struct json *o, struct activity *a);
enum err compile_groups(struct compile *c);

/* decide_metric.c: metrics, caps and reporting audiences of activity `index`, and the goals of the set. */
enum err compile_metrics(struct compile *c, uint32_t index);
enum err compile_response_tokens(struct compile *c);

/* decide_place.c: renders activity `index` into every scope it appears in. */
enum err compile_place(struct compile *c, uint32_t index);

#endif
