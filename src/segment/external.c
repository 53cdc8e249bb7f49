/* external.c - see external.h. Entries of external audiences are those with a run. */
#include "segment/external.h"

const struct segment_external *
segment_external_numbered(const struct segment_set *set, uint32_t number)
{
    size_t low = 0, high = set->external_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (set->externals[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < set->external_count && set->externals[low].number == number ? &set->externals[low] : NULL;
}

static bool
is_member(const struct segment_external *x, const struct profile *p, const struct profile_membership *m, int64_t now_ms)
{
    return (!p->opted_out || x->opted_out_too) && m->run >= x->floor && now_ms < x->until_ms;
}

/* The state machine of [SEGMENTATION 15.2]. */
static void
move(const struct segment_set *set, const struct segment_external *x, const struct profile *p,
     struct profile_membership *m, int64_t now_ms, struct external_moves *out)
{
    bool member = is_member(x, p, m, now_ms);

    if (member != m->member && now_ms >= m->since_ms) {
        m->member = member;
        m->since_ms = now_ms;
        out->changes.items[out->changes.n++] =
            (struct rule_change){(uint32_t)(set->count + (size_t)(x - set->externals)), member};
    }
    out->members += m->member;
}

/* An audience outside the set keeps its entry while it exists. One that is no more takes it along. */
static bool
keeps(const struct segment_set *set, const struct profile_membership *m, struct external_moves *out)
{
    if (set->kept != NULL && set->kept(set->kept_ctx, m->audience))
        return true;
    if (m->member)
        out->removed[out->removed_count++] = m->audience;
    return false;
}

enum err
segment_external_apply(const struct segment_set *set, struct profile *p, int64_t now_ms, struct arena *a,
                       struct external_moves *out, struct diag *d)
{
    size_t n = 0, kept = 0;

    *out = (struct external_moves){0};
    for (size_t i = 0; i < p->membership_count && p->has_runs; i++)
        n += p->memberships[i].run != 0;
    if (n == 0)
        return ERR_OK;
    out->changes.items = ARENA_ARRAY(a, struct rule_change, n);
    out->removed = ARENA_ARRAY(a, struct str, n);
    if (out->changes.items == NULL || out->removed == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for memberships");
    for (size_t i = 0; i < p->membership_count; i++) {
        struct profile_membership *m = &p->memberships[i];
        const struct segment_external *x = m->run != 0 ? segment_external_numbered(set, m->number) : NULL;
        if (x != NULL)
            move(set, x, p, m, now_ms, out);
        else if (m->run != 0 && !keeps(set, m, out))
            continue;
        if (kept != i)
            p->memberships[kept] = *m;
        kept++;
    }
    p->membership_count = kept;
    return ERR_OK;
}

int64_t
segment_external_next_ms(const struct segment_set *set, const struct profile *p)
{
    int64_t next = 0;

    for (size_t i = 0; i < p->membership_count && p->has_runs; i++) {
        const struct profile_membership *m = &p->memberships[i];
        const struct segment_external *x = m->run != 0 && m->member ? segment_external_numbered(set, m->number) : NULL;
        if (x != NULL && (next == 0 || x->until_ms < next))
            next = x->until_ms;
    }
    return next;
}
