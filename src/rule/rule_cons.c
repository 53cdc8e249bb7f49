/* rule_cons.c - from content to number, by open addressing; at most half full. */
#include "rule/rule_cons.h"

#include <stdlib.h>

bool
rule_vec_grow(struct arena *a, void *p_field, size_t n, size_t *cap, size_t item_bytes)
{
    size_t room = *cap ? *cap * 2 : 4;
    void *to = arena_alloc(a, room * item_bytes), *from;

    if (to == NULL)
        return false;
    memcpy(&from, p_field, sizeof from); /* a pointer to some other type: copied, not aliased */
    if (n > 0)
        memcpy(to, from, n * item_bytes);
    memcpy(p_field, &to, sizeof to);
    *cap = room;
    return true;
}

uint64_t
hash_u64(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

uint32_t
cons_find(const struct cons *c, uint64_t hash, bool (*same)(const void *ctx, uint32_t id), const void *ctx)
{
    size_t mask = c->slot_count - 1;

    if (c->n == 0)
        return NO_ID;
    for (size_t i = hash & mask; c->slots[i].id != NO_ID; i = (i + 1) & mask) {
        if (c->slots[i].hash == hash && same(ctx, c->slots[i].id))
            return c->slots[i].id;
    }
    return NO_ID;
}

static void
cons_place(struct cons *c, struct cons_slot s)
{
    size_t mask = c->slot_count - 1, i = s.hash & mask;

    while (c->slots[i].id != NO_ID)
        i = (i + 1) & mask;
    c->slots[i] = s;
}

bool
rule_cons_add(struct cons *c, uint64_t hash, uint32_t id)
{
    struct cons bigger = {.n = c->n, .slot_count = c->slot_count ? c->slot_count * 2 : 64};

    if ((c->n + 1) * 2 > c->slot_count) {
        bigger.slots = calloc(bigger.slot_count, sizeof *bigger.slots);
        if (bigger.slots == NULL)
            return false;
        for (size_t i = 0; i < bigger.slot_count; i++)
            bigger.slots[i] = (struct cons_slot){0, NO_ID};
        for (size_t i = 0; i < c->slot_count; i++) {
            if (c->slots[i].id != NO_ID)
                cons_place(&bigger, c->slots[i]);
        }
        free(c->slots);
        *c = bigger;
    }
    cons_place(c, (struct cons_slot){hash, id});
    c->n++;
    return true;
}
