/* rule_graph_flips.c - which window leaves of a profile change by themselves, and when.
 *
 * A list by node, of those leaves alone whose truth time can change. A leaf's entry is made anew whenever the leaf is
 * evaluated; what becomes due is then found without a look at any other leaf, and the earliest entry is the state's.
 *
 * Bytes: varint count; for each the node (difference to the one before) and the instant (difference to the state's
 * now), varints. */
#include "rule/rule_graph_int.h"

#include "codec/pack.h"

/* The place of the node, or where it would go. */
static size_t
place_of(const struct rule_state *s, uint32_t node)
{
    size_t lo = 0, hi = s->flip_count;

    if (hi > 0 && s->flips[hi - 1].node < node)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->flips[mid].node < node)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool
flips_grow(struct rule_state *s, size_t cap)
{
    struct flip *grown = arena_alloc(s->arena, cap * sizeof *grown);

    if (grown == NULL)
        return false;
    if (s->flip_count > 0)
        memcpy(grown, s->flips, s->flip_count * sizeof *grown);
    s->flips = grown;
    s->flip_cap = cap;
    return true;
}

bool
state_flip_set(struct rule_state *s, uint32_t node, int64_t at_ms)
{
    size_t at = place_of(s, node);
    bool there = at < s->flip_count && s->flips[at].node == node;

    if (at_ms == TIME_NEVER && there) {
        s->flip_count--;
        memmove(&s->flips[at], &s->flips[at + 1], (s->flip_count - at) * sizeof *s->flips);
    } else if (there) {
        s->flips[at].at_ms = at_ms;
    } else if (at_ms != TIME_NEVER) {
        if (s->flip_count == s->flip_cap && !flips_grow(s, s->flip_cap ? s->flip_cap * 2 : 16))
            return false;
        memmove(&s->flips[at + 1], &s->flips[at], (s->flip_count - at) * sizeof *s->flips);
        s->flips[at] = (struct flip){node, at_ms};
        s->flip_count++;
    }
    return true;
}

int64_t
state_flip_next_ms(const struct rule_state *s)
{
    int64_t next = TIME_NEVER;

    for (size_t i = 0; i < s->flip_count; i++)
        next = s->flips[i].at_ms < next ? s->flips[i].at_ms : next;
    return next;
}

void
flips_encode(const struct rule_state *s, struct buf *out)
{
    uint32_t before = 0;

    pack_u64(out, s->flip_count);
    for (size_t i = 0; i < s->flip_count; i++) {
        pack_u64(out, s->flips[i].node - before);
        pack_u64(out, (uint64_t)s->flips[i].at_ms - (uint64_t)s->now_ms);
        before = s->flips[i].node;
    }
}

bool
flips_decode(struct rule_state *s, struct unpack *u, size_t nodes, uint32_t (*ours)(const void *ctx, uint64_t node),
             const void *ctx, bool *nomem)
{
    uint64_t count = unpack_u64(u), id = 0;

    if (u->bad || count > nodes)
        return false;
    if (count > 0 && !flips_grow(s, count + 8)) {
        *nomem = true;
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step = unpack_u64(u), difference = unpack_u64(u);
        int64_t at = (int64_t)((uint64_t)s->now_ms + difference);
        uint32_t node;
        id += step;
        if (u->bad || step > nodes || id >= nodes || (step == 0 && i > 0) || at <= s->now_ms || at > TIME_LAST_MS)
            return false;
        node = ours(ctx, id);
        if (node != NO_ID)
            (void)state_flip_set(s, node, at); /* there is room */
    }
    return true;
}
