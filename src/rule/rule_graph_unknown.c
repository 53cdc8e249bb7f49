/* rule_graph_unknown.c - nodes of a profile's state without a truth: their evaluation met a limit, and there is none
 * from before that they could keep [SEGMENTATION 12].
 *
 * A node is unknown from the moment that a state has it until it was evaluated. After a step few states have such
 * nodes.
 *
 * Bytes: varint count; for each the node (difference to the one before), varints. */
#include "rule/rule_graph_int.h"

#include "codec/pack.h"

bool
state_unknown_add(struct rule_state *s, uint32_t node)
{
    if (s->unknown == NULL)
        s->unknown = ARENA_ARRAY(s->arena, uint64_t, words_for(s->g->nodes.n));
    if (s->unknown != NULL)
        bit_set(s->unknown, node, true);
    return s->unknown != NULL;
}

bool
state_unknown_all(struct rule_state *s)
{
    size_t words = words_for(s->g->nodes.n);

    s->unknown = ARENA_ARRAY(s->arena, uint64_t, words);
    if (s->unknown != NULL && words > 0)
        memcpy(s->unknown, s->g->live, words * sizeof *s->unknown);
    return s->unknown != NULL;
}

void
state_unknown_settle(struct rule_state *s)
{
    size_t words = words_for(s->g->nodes.n), i = 0;

    while (s->unknown != NULL && i < words && s->unknown[i] == 0)
        i++;
    if (i == words)
        s->unknown = NULL;
}

void
unknown_encode(const struct rule_state *s, struct buf *out)
{
    size_t words = s->unknown != NULL ? words_for(s->g->nodes.n) : 0, count = 0, before = 0;

    for (size_t w = 0; w < words; w++)
        count += (size_t)__builtin_popcountll(s->unknown[w]);
    pack_u64(out, count);
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = s->unknown[w]; left != 0; left &= left - 1) {
            size_t node = w * 64 + (size_t)__builtin_ctzll(left);
            pack_u64(out, node - before);
            before = node;
        }
    }
}

bool
unknown_decode(struct rule_state *s, struct unpack *u, size_t nodes, uint32_t (*ours)(const void *ctx, uint64_t node),
               const void *ctx, bool *nomem)
{
    uint64_t count = unpack_u64(u), id = 0;

    if (u->bad || count > nodes)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step = unpack_u64(u);
        uint32_t node;
        id += step;
        if (u->bad || step > nodes || id >= nodes || (step == 0 && i > 0))
            return false;
        node = ours(ctx, id);
        if (node != NO_ID && !state_unknown_add(s, node)) {
            *nomem = true;
            return false;
        }
    }
    return true;
}
