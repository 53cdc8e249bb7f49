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
    struct map paths;
    struct map field_index; /* source letter and name -> index + 1 */
    size_t audience_cap, path_cap, field_cap;
    const struct json **objects; /* of set->activities, reordered with them */
    struct buf scratch;
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
/* A platform profile path that an answer may need; false: no memory. */
bool compile_add_path(struct compile *c, struct str path);

/* decide_place.c: renders activity `index` into every scope it appears in. */
enum err compile_place(struct compile *c, uint32_t index);

#endif
