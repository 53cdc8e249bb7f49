/* rule_cons.h - small pieces that every compiler of rules stands on: numbered things, arrays in an arena, bits.
 *
 * Things that equal parts of different rules share (nodes, paths, predicates) are numbered from 0 as they are made. A
 * struct cons finds the number of an equal one by a hash of the content, so that it is made once. */
#ifndef RULE_RULE_CONS_H
#define RULE_RULE_CONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define NO_ID UINT32_MAX

/* An array that grows in an arena; what it outgrows stays there, at most as much again. */
#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *p;                                                                                                       \
        size_t n, cap;                                                                                                 \
    }
/* p_field: the address of the vector's p. false: the arena is exhausted, and the vector is as before. */
bool rule_vec_grow(struct arena *a, void *p_field, size_t n, size_t *cap, size_t item_bytes);
#define VEC_PUSH(a, v, item)                                                                                           \
    (((v)->n < (v)->cap || rule_vec_grow((a), &(v)->p, (v)->n, &(v)->cap, sizeof *(v)->p))                             \
         ? ((v)->p[(v)->n++] = (item), true)                                                                           \
         : false)

struct cons_slot {
    uint64_t hash;
    uint32_t id;
};
struct cons {                /* from content to number; all zero: empty */
    struct cons_slot *slots; /* owned: free() */
    size_t slot_count, n;
};

/* Number of the item with this hash for which same() holds, or NO_ID. */
uint32_t cons_find(const struct cons *c, uint64_t hash, bool (*same)(const void *ctx, uint32_t id), const void *ctx);
/* false: out of memory. */
bool rule_cons_add(struct cons *c, uint64_t hash, uint32_t id);
uint64_t hash_u64(uint64_t h, uint64_t v);

static inline bool
bit_get(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static inline void
bit_set(uint64_t *bits, size_t i, bool v)
{
    uint64_t mask = (uint64_t)1 << (i % 64);

    bits[i / 64] = v ? bits[i / 64] | mask : bits[i / 64] & ~mask;
}

static inline size_t
words_for(size_t bits)
{
    return (bits + 63) / 64;
}

#endif
