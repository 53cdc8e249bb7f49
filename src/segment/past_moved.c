/* past_moved.c - see past_moved.h. Open addressing; ids are handed out in order, so their product with an odd constant
 * spreads them well enough. */
#include "segment/past_moved.h"

#include <stdlib.h>

#include "base/limits.h"

#define SLOTS_MIN 1024u

_Static_assert((SLOTS_MIN & (SLOTS_MIN - 1)) == 0, "slots are found by a mask");

static uint64_t *
slot_of(const struct past_moved *m, uint64_t profile)
{
    size_t mask = m->slot_count - 1, i = (size_t)((profile * 0x9E3779B97F4A7C15u) >> 20) & mask;

    while (m->slots[i] != 0 && m->slots[i] >> 1 != profile)
        i = (i + 1) & mask;
    return &m->slots[i];
}

static bool
grow(struct past_moved *m)
{
    struct past_moved larger = *m;

    larger.slot_count = m->slot_count == 0 ? SLOTS_MIN : m->slot_count * 2;
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < m->slot_count; i++) {
        if (m->slots[i] != 0)
            *slot_of(&larger, m->slots[i] >> 1) = m->slots[i];
    }
    free(m->slots);
    *m = larger;
    return true;
}

bool
past_moved_put(struct past_moved *m, uint64_t profile, bool member)
{
    uint64_t *slot;

    if (m->count * 2 >= m->slot_count && !grow(m))
        return false;
    slot = slot_of(m, profile);
    if (*slot == 0 && m->count == LIMIT_PAST_PROFILES)
        return false;
    if (*slot == 0) { /* the first change: before it, it was the other way round */
        m->count++;
        m->were += !member;
    } else {
        m->are -= *slot & 1;
    }
    m->are += member;
    *slot = profile << 1 | member;
    return true;
}

void
past_moved_deinit(struct past_moved *m)
{
    free(m->slots);
    *m = (struct past_moved){0};
}
