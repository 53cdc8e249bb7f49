/* census_run.c - see census_int.h: parsing, evaluating, comparing, counting; outside of the lock. */
#include <stdlib.h>

#include "base/check.h"
#include "model/optout.h"
#include "segment/census_int.h"

/* Index + 1 of the audience with a number; 0: it is not counted here. */
static size_t
counted(struct census *c, const struct profile_membership *m)
{
    uint32_t found = m->number < c->by_number_count ? c->by_number[m->number] : 0;

    if (found == 0) {
        found = (uint32_t)(uintptr_t)map_get(&c->by_id, m->audience) + 1;
        if (m->number < c->by_number_count)
            c->by_number[m->number] = found;
    }
    return found - 1;
}

static enum err
know_numbers(struct census *c, const struct profile *p, struct diag *d)
{
    size_t n = p->membership_count > 0 ? (size_t)p->memberships[p->membership_count - 1].number + 1 : 0;
    uint32_t *grown;

    if (n <= c->by_number_count)
        return ERR_OK;
    n = n < 64 ? 64 : n * 2;
    grown = realloc(c->by_number, n * sizeof *grown);
    if (grown == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to compare memberships");
    memset(grown + c->by_number_count, 0, (n - c->by_number_count) * sizeof *grown);
    c->by_number = grown;
    c->by_number_count = n;
    return ERR_OK;
}

static void
set_bit(uint64_t *words, size_t i)
{
    words[i / 64] |= (uint64_t)1 << (i % 64);
}

/* The memberships of the row that is the block's i-th. */
static enum err
claim(struct census *c, const struct profile *p, size_t i, struct diag *d)
{
    enum err rc = know_numbers(c, p, d);

    for (size_t k = 0; rc == ERR_OK && k < p->membership_count; k++) {
        const struct profile_membership *m = &p->memberships[k];
        size_t index = counted(c, m);
        struct census_claim *claim;
        if (index == 0)
            continue;
        claim = &c->claims[index - 1];
        set_bit(m->member ? claim->member : claim->left, i);
        if (m->since_ms > (c->o.since_ms != NULL ? c->o.since_ms[index - 1] : 0))
            set_bit(claim->fresh, i);
    }
    if (rc == ERR_OK && p->rule_state.n > 0)
        set_bit(c->compared, i);
    return rc;
}

static enum err
parse_row(struct census *c, const struct census_row *r, struct rule_block_profile *out, struct diag *d)
{
    const struct json **events = ARENA_ARRAY(&c->parsed, const struct json *, r->event_count);
    enum err rc = profile_merge(r->profile, r->profile->arena, &out->profile, d);

    if (rc == ERR_OK && events == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for the events of a profile");
    for (size_t i = 0; rc == ERR_OK && i < r->event_count; i++) {
        rc = json_parse(r->events[i].json, &c->parsed, &events[i], d);
        if (rc != ERR_OK && rc != ERR_NOMEM)
            rc = diag_set(d, ERR_CORRUPT, "profile %llu: a stored event is not JSON", (unsigned long long)r->id);
    }
    out->events = events;
    out->event_count = r->event_count;
    return rc;
}

/* Too large for what a census may hold: it cannot be said of what it is a member. */
static void
leave_out(struct census *c)
{
    for (size_t k = 0; k < c->o.count && !c->again; k++)
        c->counts[k].undecided++;
    c->diff.undecided++;
}

/* Rows from *at on, as many as fit. */
static enum err
fill(struct census *c, size_t *at, struct diag *d)
{
    for (; *at < c->row_count && c->parsed.bytes_used < LIMIT_CENSUS_BYTES; ++*at) {
        const struct census_row *r = &c->rows[*at];
        struct rule_block_profile one = {0};
        size_t i = rule_block_rows(c->block);
        enum err rc = parse_row(c, r, &one, d);
        if (rc == ERR_OK)
            rc = rule_block_add(c->block, &one, d);
        if ((rc == ERR_BUSY || rc == ERR_NOMEM) && i > 0)
            return ERR_OK; /* alone it may fit */
        if (rc == ERR_LIMIT || rc == ERR_NOMEM) {
            leave_out(c);
            continue;
        }
        if (rc == ERR_OK && c->o.compare)
            rc = claim(c, r->profile, i, d);
        if (rc != ERR_OK)
            return rc;
        if (opted_out(one.profile))
            set_bit(c->out, i);
        c->in_block[i] = r;
    }
    return ERR_OK;
}

/* Membership in an audience that is not counted here, as the table has it. */
static bool
in_segment(void *ctx, size_t row, struct str id)
{
    const struct census *c = ctx;
    const struct profile_membership *m = profile_membership(c->in_block[row]->profile, id);

    return m != NULL && m->member;
}

static uint64_t
bits(uint64_t word)
{
    return (uint64_t)__builtin_popcountll(word);
}

/* Bits of the members of an audience, without those who opted out; or as the table has them. */
static void
members_of(const struct census *c, size_t index, size_t words, uint64_t *members)
{
    bool stored = c->o.compare && c->o.stored;
    const uint64_t *found = stored ? c->claims[index].member : rule_block_members(c->block, index);
    bool all = stored || (c->o.opted_out_too != NULL && c->o.opted_out_too[index]);

    CHECK(found != NULL || words == 0);
    for (size_t w = 0; w < words; w++)
        members[w] = all ? found[w] : found[w] & ~c->out[w];
}

static void
count_one(struct census *c, size_t index, size_t words, uint64_t (*of_namespace)[CENSUS_WORDS])
{
    const struct census_claim *claim = c->o.compare ? &c->claims[index] : NULL;
    const uint64_t *undecided = rule_block_undecided(c->block, index);
    struct census_counts *n = &c->counts[index];
    uint64_t members[CENSUS_WORDS];

    members_of(c, index, words, members);
    for (size_t w = 0; w < words; w++) {
        n->members += bits(members[w]);
        n->undecided += undecided != NULL ? bits(undecided[w]) : 0;
        for (size_t s = 0; s < c->namespace_count; s++)
            n->by_namespace[s] += bits(members[w] & of_namespace[s][w]);
        if (claim == NULL)
            continue;
        n->existing += bits(members[w] & claim->member[w] & ~claim->fresh[w]);
        n->realized += bits(members[w] & ~(claim->member[w] & ~claim->fresh[w]));
        n->exited += bits(~members[w] & claim->left[w] & claim->fresh[w]);
    }
}

/* Bits of the rows whose answers are not what the table says. */
static void
compare_one(struct census *c, size_t index, size_t words, uint64_t *differ)
{
    const uint64_t *undecided = rule_block_undecided(c->block, index);
    uint64_t members[CENSUS_WORDS];

    members_of(c, index, words, members);
    for (size_t w = 0; w < words; w++) {
        uint64_t bad = (members[w] ^ c->claims[index].member[w]) & c->compared[w];
        if (undecided != NULL)
            bad &= ~undecided[w];
        differ[w] |= bad;
        if (c->again)
            c->counts[index].wrong += bits(bad);
    }
}

static void
take_sample(struct census *c, struct census_names *to, const uint64_t *of, size_t rows)
{
    for (size_t i = 0; i < rows && to->n < c->o.sample_max; i++) {
        const struct census_identity *first = &c->in_block[i]->first;
        struct census_identity copy;
        if (!(of[i / 64] >> (i % 64) & 1) || first->id.p == NULL)
            continue;
        copy = (struct census_identity){arena_str(&c->kept, first->ns), arena_str(&c->kept, first->id)};
        if (copy.ns.p != NULL && copy.id.p != NULL)
            to->people[to->n++] = copy;
    }
}

/* What is undecided, before or after, neither enters nor leaves. */
static void
count_diff(struct census *c, size_t rows)
{
    const uint64_t *open[2] = {rule_block_undecided(c->block, 0), rule_block_undecided(c->block, 1)};
    uint64_t before[CENSUS_WORDS], after[CENSUS_WORDS], entering[CENSUS_WORDS], leaving[CENSUS_WORDS];

    members_of(c, 0, (rows + 63) / 64, before);
    members_of(c, 1, (rows + 63) / 64, after);
    for (size_t w = 0; w < (rows + 63) / 64; w++) {
        uint64_t undecided = (open[0] != NULL ? open[0][w] : 0) | (open[1] != NULL ? open[1][w] : 0);
        entering[w] = after[w] & ~before[w] & ~undecided;
        leaving[w] = before[w] & ~after[w] & ~undecided;
        c->diff.entering += bits(entering[w]);
        c->diff.leaving += bits(leaving[w]);
        c->diff.staying += bits(before[w] & after[w] & ~undecided);
        c->diff.undecided += bits(undecided);
    }
    take_sample(c, &c->samples[0], entering, rows);
    take_sample(c, &c->samples[1], leaving, rows);
}

static void
tally(struct census *c)
{
    uint64_t of_namespace[LIMIT_CENSUS_NAMESPACES][CENSUS_WORDS] = {{0}}, differ[CENSUS_WORDS] = {0},
             members[CENSUS_WORDS];
    size_t rows = rule_block_rows(c->block), words = (rows + 63) / 64;

    for (size_t i = 0; i < rows; i++) {
        for (size_t s = 0; s < c->namespace_count; s++)
            of_namespace[s][i / 64] |= (uint64_t)(c->in_block[i]->namespaces >> s & 1) << (i % 64);
    }
    for (size_t k = 0; k < c->o.count; k++) {
        if (!c->again)
            count_one(c, k, words, of_namespace);
        if (c->o.compare && !c->o.stored)
            compare_one(c, k, words, differ);
    }
    for (size_t i = 0; i < rows; i++) {
        if (!(differ[i / 64] >> (i % 64) & 1))
            continue;
        if (c->again)
            c->wrong[c->wrong_count++] = c->in_block[i]->id;
        else
            c->suspects[c->suspect_count++] = c->in_block[i]->id;
    }
    if (c->o.diff) {
        count_diff(c, rows);
    } else if (!c->again) {
        members_of(c, 0, words, members);
        take_sample(c, &c->samples[0], members, rows);
    }
}

static enum err
evaluate(struct census *c, struct diag *d)
{
    struct rule_block_now now = {.now_ms = c->now_ms, .in_segment = in_segment, .ctx = c};
    enum err rc = rule_block_rows(c->block) > 0 ? rule_block_run(c->block, &now, d) : ERR_OK;

    if (rc == ERR_OK && rule_block_rows(c->block) > 0)
        tally(c);
    rule_block_clear(c->block);
    arena_reset(&c->parsed);
    memset(c->compared, 0, sizeof c->compared);
    memset(c->out, 0, sizeof c->out);
    if (c->claims != NULL)
        memset(c->claims, 0, c->o.count * sizeof *c->claims);
    return rc;
}

enum err
census_run(struct census *c, struct diag *d)
{
    size_t at = 0;
    enum err rc = ERR_OK;

    c->wrong_count = 0;
    while (rc == ERR_OK && at < c->row_count) {
        rc = fill(c, &at, d);
        if (rc == ERR_OK)
            rc = evaluate(c, d);
    }
    for (size_t i = 0; i < c->row_count && !c->again; i++) {
        c->fragments += c->rows[i].profile->fragment_count;
        for (size_t k = 0; k < c->dataset_count; k++)
            c->datasets[k].profiles += c->rows[i].datasets >> k & 1;
    }
    c->profiles += c->again ? 0 : c->row_count;
    c->row_count = 0;
    c->again = false;
    arena_reset(&c->loaded);
    return rc;
}
