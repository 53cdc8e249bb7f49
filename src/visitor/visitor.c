/* visitor.c - finding and changing a visitor's attributes and memberships. Both are sorted arrays, so that they are
 * found by halving and two visitors that know the same have the same bytes. */
#include "visitor/visitor_int.h"

#include <stdlib.h>

void
visitor_init(struct visitor *v, struct arena *a)
{
    *v = (struct visitor){.arena = a};
}

void
visitor_keep(struct visitor *v, struct str *to, struct str text)
{
    if (!str_eq(*to, text) || to->p == NULL)
        *to = arena_str(v->arena, text);
}

/* An array's room after one more: doubled, so that fifty new memberships do not copy a thousand fifty times. */
static size_t
more_room(size_t room, size_t max)
{
    size_t more = room < 4 ? 8 : room * 2;

    return more < max ? more : max;
}

/* How both begin: what they are found by. */
struct sorted {
    struct str key;
    uint64_t order; /* most comparisons need no more than this */
};

#define SORTED_ALIKE(type, name)                                                                                       \
    _Static_assert(offsetof(struct type, name) == offsetof(struct sorted, key) &&                                      \
                       offsetof(struct type, order) == offsetof(struct sorted, order),                                 \
                   "sorted_place() reads the key at the start")
SORTED_ALIKE(visitor_membership, activity);
SORTED_ALIKE(visitor_attribute, name);

static inline int
compare(const struct sorted *at, struct str key, uint64_t order)
{
    if (at->order != order)
        return at->order < order ? -1 : 1;
    if (at->key.n <= sizeof order && key.n <= sizeof order) /* one is the other with NULs behind it */
        return (at->key.n > key.n) - (at->key.n < key.n);
    return str_cmp(at->key, key);
}

/* Where the element of that key is, or belongs. */
static size_t
sorted_place(const void *items, size_t n, size_t bytes, struct str key, bool *found)
{
    uint64_t order = str_order(key);
    size_t lo = 0, hi = n;

    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int side = compare((const void *)((const char *)items + mid * bytes), key, order);
        if (side == 0) {
            *found = true;
            return mid;
        }
        if (side < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- memberships ---- */

static size_t
membership_place(const struct visitor *v, struct str activity, bool *found)
{
    return sorted_place(v->memberships, v->membership_count, sizeof *v->memberships, activity, found);
}

struct visitor_membership *
visitor_membership(const struct visitor *v, struct str activity)
{
    bool found;
    size_t at = membership_place(v, activity, &found);

    return found ? &v->memberships[at] : NULL;
}

void
visitor_drop_membership(struct visitor *v, size_t i)
{
    v->membership_count--;
    memmove(&v->memberships[i], &v->memberships[i + 1], (v->membership_count - i) * sizeof *v->memberships);
}

size_t
visitor_oldest_membership(const struct visitor *v)
{
    size_t oldest = 0;

    for (size_t i = 1; i < v->membership_count; i++) {
        if (v->memberships[i].entered_ms < v->memberships[oldest].entered_ms)
            oldest = i;
    }
    return oldest;
}

static bool
grow_memberships(struct visitor *v)
{
    size_t room = more_room(v->membership_room, LIMIT_VISITOR_MEMBERSHIPS);
    struct visitor_membership *grown = ARENA_ARRAY(v->arena, struct visitor_membership, room);

    if (grown == NULL)
        return false;
    if (v->membership_count > 0)
        memcpy(grown, v->memberships, v->membership_count * sizeof *grown);
    v->memberships = grown;
    v->membership_room = room;
    return true;
}

struct visitor_membership *
visitor_member(struct visitor *v, struct str activity, int64_t now_ms)
{
    struct visitor_membership *m;
    struct str name;
    bool found;
    size_t at = membership_place(v, activity, &found);

    if (found)
        return &v->memberships[at];
    if (v->membership_count >= LIMIT_VISITOR_MEMBERSHIPS)
        visitor_drop_membership(v, visitor_oldest_membership(v));
    name = arena_str(v->arena, activity);
    if (name.p == NULL || (v->membership_count == v->membership_room && !grow_memberships(v)))
        return NULL;
    at = membership_place(v, activity, &found);
    m = &v->memberships[at];
    memmove(m + 1, m, (v->membership_count - at) * sizeof *m);
    v->membership_count++;
    *m = (struct visitor_membership){.activity = name, .order = str_order(name), .entered_ms = now_ms};
    return m;
}

/* ---- attributes ---- */

static size_t
attribute_place(const struct visitor *v, struct str name, bool *found)
{
    return sorted_place(v->attributes, v->attribute_count, sizeof *v->attributes, name, found);
}

const struct visitor_attribute *
visitor_attribute(const struct visitor *v, struct str name)
{
    bool found;
    size_t at = attribute_place(v, name, &found);

    return found ? &v->attributes[at] : NULL;
}

static size_t
attribute_bytes(const struct visitor *v)
{
    size_t bytes = 0;

    for (size_t i = 0; i < v->attribute_count; i++)
        bytes += v->attributes[i].name.n + v->attributes[i].json.n;
    return bytes;
}

static bool
insert_attribute(struct visitor *v, size_t at, struct visitor_attribute x)
{
    x.name = arena_str(v->arena, x.name);
    if (x.name.p == NULL)
        return false;
    if (v->attribute_count == v->attribute_room) {
        size_t room = more_room(v->attribute_room, SIZE_MAX);
        struct visitor_attribute *grown = ARENA_ARRAY(v->arena, struct visitor_attribute, room);
        if (grown == NULL)
            return false;
        if (v->attribute_count > 0)
            memcpy(grown, v->attributes, v->attribute_count * sizeof *grown);
        v->attributes = grown;
        v->attribute_room = room;
    }
    memmove(&v->attributes[at + 1], &v->attributes[at], (v->attribute_count - at) * sizeof *v->attributes);
    v->attributes[at] = x;
    v->attribute_count++;
    return true;
}

bool
visitor_set(struct visitor *v, struct str name, struct str json, int64_t now_ms)
{
    bool found;
    size_t at = attribute_place(v, name, &found);
    size_t bytes = attribute_bytes(v), old = found ? name.n + v->attributes[at].json.n : 0;
    struct visitor_attribute x = {.name = name, .order = str_order(name), .modified_ms = now_ms};

    if (found && v->attributes[at].modified_ms > now_ms)
        return true; /* what is there was said later */
    if (json.n == 0) {
        if (found) {
            v->attribute_count--;
            memmove(&v->attributes[at], &v->attributes[at + 1], (v->attribute_count - at) * sizeof *v->attributes);
        }
        return true;
    }
    if (bytes - old + name.n + json.n > LIMIT_VISITOR_ATTRIBUTE_BYTES)
        return false;
    x.json = arena_str(v->arena, json);
    if (x.json.p == NULL)
        return false;
    if (!found)
        return insert_attribute(v, at, x);
    x.name = v->attributes[at].name;
    v->attributes[at] = x;
    return true;
}
