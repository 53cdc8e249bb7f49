/* map.h - a hash map from text to a pointer.
 *
 * Keys are copied; values are borrowed pointers that the owner of the map looks after. Open addressing, at most 2/3
 * full.
 *
 * Threads    Readers may share a map that nobody changes (a snapshot's). One writer otherwise.
 * Cost       One SipHash (keys may come from a client) and one or two cache lines. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct map_slot {
    uint64_t hash;
    struct str key; /* owned copy; p is NULL in a free slot */
    void *value;
};

struct map {
    struct map_slot *slots; /* owned */
    size_t slot_count;      /* 0 or a power of two */
    size_t count;
    struct hash_key seed;
};

void map_init(struct map *m);
void map_deinit(struct map *m);

void *map_get(const struct map *m, struct str key); /* NULL: absent */
/* Inserts or replaces; *old (may be NULL) receives the former value. false: out of memory. */
bool map_put(struct map *m, struct str key, void *value, void **old);
void *map_remove(struct map *m, struct str key); /* the former value, or NULL */

/* for (size_t i = 0; (s = map_next(m, &i)) != NULL;)   in no particular order; do not change the map meanwhile. */
const struct map_slot *map_next(const struct map *m, size_t *i);

/* The key of every map made afterwards; set once at start from os_entropy(). */
void map_set_seed(struct hash_key seed);

#endif
