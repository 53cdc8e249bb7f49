/* census.c - see census.h.
 *
 *   ids from a scan --> rows: stored text, memberships, namespaces --> block: columns --> bits per audience --> counts
 *                ^                                                                             |
 *                '------------------- suspects: loaded again, with their instant <-------------'
 *
 * Sets of rows are bits in the order of the block, as the evaluator's answers are: those with an identity in a
 * namespace, those that are members by the table, those that became so lately. Counting is then and-ing words. */
#include "segment/census.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "identity/graph.h"
#include "model/optout.h"
#include "profile/profile_scan.h"
#include "rule/rule_block.h"

#define VISITS 16 /* profiles copied while the lock is held */
#define WORDS (LIMIT_CENSUS_ROWS / 64)
#define LOADED_BYTES_MAX ((size_t)1 << 30) /* one profile of LIMIT_PROFILE_EVENTS large events */

_Static_assert(LIMIT_CENSUS_ROWS % 64 == 0 && LIMIT_CENSUS_ROWS <= LIMIT_BLOCK_ROWS, "rows are bits of a block");

struct row {
    uint64_t id;
    struct profile *profile;      /* arena `loaded`, with */
    struct profile_event *events; /* and their texts */
    size_t event_count;
    struct census_identity first;
    uint32_t namespaces; /* a bit each, */
    uint64_t datasets;   /* so too */
};

_Static_assert(LIMIT_CENSUS_NAMESPACES <= 32 && LIMIT_CENSUS_DATASETS <= 64,
               "a row's namespaces and datasets are bits");

/* What the table says of the block's rows, for one audience. */
struct claim {
    uint64_t member[WORDS];
    uint64_t fresh[WORDS]; /* entered or left since since_ms */
    uint64_t left[WORDS];
};

/* People to name. */
struct sample {
    struct census_identity *people; /* owned array of sample_max, texts in `kept` */
    size_t n;
};

struct census {
    struct census_options o;
    struct str scope; /* owned copy */
    struct rule_block_program *program;
    struct rule_block *block;
    bool reads_events;
    struct map by_id;    /* audience -> index + 1 */
    uint32_t *by_number; /* owned array, by number in the names: 0 not looked up yet, 1 none, else index + 2 */
    size_t by_number_count;
    struct claim *claims; /* owned array, by audience; NULL without compare */
    struct census_counts *counts;

    struct profile_scan scan; /* to be loaded */

    struct arena loaded, parsed, kept;
    struct row *rows; /* owned array of LIMIT_CENSUS_ROWS */
    size_t row_count;
    const struct row *in_block[LIMIT_CENSUS_ROWS];
    uint64_t compared[WORDS];
    uint64_t out[WORDS]; /* rows of people who opted out of audiences */
    int64_t now_ms, first_ms;
    bool started;
    uint64_t profiles, fragments;

    bool again;         /* the rows are suspects */
    uint64_t *suspects; /* owned array of LIMIT_CENSUS_ROWS: to be loaded again, from the end */
    size_t suspect_count;
    uint64_t *wrong; /* owned array of LIMIT_CENSUS_ROWS */
    size_t wrong_count;

    struct str namespaces[LIMIT_CENSUS_NAMESPACES]; /* texts in `kept` */
    size_t namespace_count;
    struct census_dataset datasets[LIMIT_CENSUS_DATASETS]; /* the same */
    size_t dataset_count;
    struct sample samples[2]; /* members; with diff those who enter, and those who leave */
    struct census_diff diff;  /* but for its samples */
};

/* ---- life ---- */

static enum err
allocate(struct census *c, struct diag *d)
{
    size_t n = c->o.count;

    c->scope = (struct str){malloc(c->o.scope.n + 1), c->o.scope.n};
    c->rows = calloc(LIMIT_CENSUS_ROWS, sizeof *c->rows);
    c->counts = calloc(n, sizeof *c->counts);
    c->suspects = calloc(LIMIT_CENSUS_ROWS, sizeof *c->suspects);
    c->wrong = calloc(LIMIT_CENSUS_ROWS, sizeof *c->wrong);
    for (size_t i = 0; i < 2; i++)
        c->samples[i].people = calloc(c->o.sample_max + 1, sizeof *c->samples[i].people);
    if (c->o.compare)
        c->claims = calloc(n, sizeof *c->claims);
    if (c->scope.p == NULL || c->rows == NULL || c->counts == NULL || c->suspects == NULL || c->wrong == NULL ||
        c->samples[0].people == NULL || c->samples[1].people == NULL || (c->o.compare && c->claims == NULL))
        return diag_set(d, ERR_NOMEM, "no memory to count %zu audiences", n);
    memcpy((char *)(uintptr_t)c->scope.p, c->o.scope.p, c->o.scope.n);
    c->o.scope = c->scope;
    profile_scan_init(&c->scan, c->scope);
    for (size_t i = 0; i < n; i++) {
        if (!map_put(&c->by_id, c->o.audiences[i].id, (void *)(uintptr_t)(i + 1), NULL))
            return diag_set(d, ERR_NOMEM, "no memory to count %zu audiences", n);
        c->reads_events = c->reads_events || rule_reads_events(rule_root(c->o.audiences[i].rule));
    }
    return ERR_OK;
}

enum err
census_new(const struct census_options *o, struct census **out, struct diag *d)
{
    struct census *c;
    enum err rc;

    if (o->count == 0)
        return diag_set(d, ERR_INVALID, "there is no audience to count");
    if (o->diff && (o->count != 2 || o->compare))
        return diag_set(d, ERR_INVALID, "a difference is one of two audiences, and compares no memberships");
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to count audiences");
    c->o = *o;
    c->o.sample_max = o->sample_max < LIMIT_PREVIEW_SAMPLE ? o->sample_max : LIMIT_PREVIEW_SAMPLE;
    map_init(&c->by_id);
    arena_init(&c->loaded, LOADED_BYTES_MAX);
    arena_init(&c->parsed, LOADED_BYTES_MAX);
    arena_init(&c->kept, LIMIT_CENSUS_BYTES);
    rc = allocate(c, d);
    if (rc == ERR_OK)
        rc = rule_block_compile(o->audiences, o->count, &c->program, d);
    if (rc == ERR_OK)
        rc = rule_block_new(c->program, LIMIT_CENSUS_ROWS, &c->block, d);
    if (rc != ERR_OK) {
        census_free(c);
        return rc;
    }
    c->o.audiences = NULL; /* the program has what it needs */
    *out = c;
    return ERR_OK;
}

void
census_free(struct census *c)
{
    if (c == NULL)
        return;
    rule_block_free(c->block);
    rule_block_program_free(c->program);
    map_deinit(&c->by_id);
    arena_deinit(&c->loaded);
    arena_deinit(&c->parsed);
    arena_deinit(&c->kept);
    free((char *)(uintptr_t)c->scope.p);
    profile_scan_deinit(&c->scan);
    free(c->by_number);
    free(c->claims);
    free(c->counts);
    free(c->rows);
    free(c->suspects);
    free(c->wrong);
    for (size_t i = 0; i < 2; i++)
        free(c->samples[i].people);
    free(c);
}

const struct census_options *
census_options(const struct census *c)
{
    return &c->o;
}

/* ---- loading, under the table's lock ---- */

bool
census_full(const struct census *c)
{
    bool last = c->again ? c->suspect_count == 0 : profile_scan_over(&c->scan);

    return c->row_count == LIMIT_CENSUS_ROWS || c->loaded.bytes_used >= LIMIT_CENSUS_BYTES ||
           (c->row_count > 0 && (last || c->again));
}

bool
census_done(const struct census *c)
{
    return profile_scan_over(&c->scan) && c->row_count == 0 && c->suspect_count == 0;
}

/* Bit of a namespace; 0: one too many. */
static uint32_t
namespace_bit(struct census *c, struct str ns)
{
    struct str copy;

    for (size_t i = 0; i < c->namespace_count; i++) {
        if (str_eq(c->namespaces[i], ns))
            return (uint32_t)1 << i;
    }
    if (c->namespace_count == LIMIT_CENSUS_NAMESPACES)
        return 0;
    copy = arena_str(&c->kept, ns);
    if (copy.p == NULL)
        return 0;
    c->namespaces[c->namespace_count] = copy;
    return (uint32_t)1 << c->namespace_count++;
}

/* Somebody more can be named. */
static bool
names_more(const struct census *c)
{
    return c->samples[0].n < c->o.sample_max || (c->o.diff && c->samples[1].n < c->o.sample_max);
}

static enum err
load_identities(struct census *c, struct kv *k, struct row *r, struct diag *d)
{
    struct graph_view view;
    enum err rc = graph_read(k, r->id, &c->loaded, &view, d);

    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < view.member_count; i++)
        r->namespaces |= namespace_bit(c, view.members[i].ns);
    if (rc == ERR_OK && view.member_count > 0 && names_more(c))
        r->first = (struct census_identity){arena_str(&c->loaded, view.members[0].ns),
                                            arena_str(&c->loaded, view.members[0].id)};
    return rc;
}

/* Bit of a dataset; 0: one too many. */
static uint64_t
dataset_bit(struct census *c, struct str id)
{
    struct str copy;

    for (size_t i = 0; i < c->dataset_count; i++) {
        if (str_eq(c->datasets[i].id, id))
            return (uint64_t)1 << i;
    }
    copy = c->dataset_count < LIMIT_CENSUS_DATASETS ? arena_str(&c->kept, id) : S_NULL;
    if (copy.p == NULL)
        return 0;
    c->datasets[c->dataset_count] = (struct census_dataset){.id = copy};
    return (uint64_t)1 << c->dataset_count++;
}

static void
note_datasets(struct census *c, struct row *r)
{
    for (size_t i = 0; i < r->profile->fragment_count; i++)
        r->datasets |= dataset_bit(c, r->profile->fragments[i].dataset);
    for (size_t i = 0; i < r->event_count; i++) {
        if (i == 0 || !str_eq(r->events[i].dataset, r->events[i - 1].dataset))
            r->datasets |= dataset_bit(c, r->events[i].dataset);
    }
}

static enum err
load_one(struct census *c, struct kv *k, struct profile_names *names, uint64_t id, struct diag *d)
{
    struct row *r = &c->rows[c->row_count];
    enum err rc;

    *r = (struct row){.id = id, .profile = ARENA_NEW(&c->loaded, struct profile)};
    if (r->profile == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to count profiles");
    rc = profile_load(k, names, c->scope, id, &c->loaded, r->profile, d);
    if (rc != ERR_OK || r->profile->created) /* absorbed by another since it was found */
        return rc;
    if (c->reads_events || c->o.datasets)
        rc = profile_events_after(k, r->profile, INT64_MIN, SIZE_MAX, &c->loaded, &r->events, &r->event_count, d);
    if (rc == ERR_OK)
        rc = load_identities(c, k, r, d);
    if (rc == ERR_OK && c->o.datasets)
        note_datasets(c, r);
    if (rc == ERR_OK)
        c->row_count++;
    return rc;
}

static void
take_instant(struct census *c, int64_t now_ms)
{
    if (!c->started)
        c->first_ms = c->now_ms = now_ms;
    else if (c->o.compare)
        c->now_ms = now_ms;
    c->started = true;
}

enum err
census_load(struct census *c, struct kv *k, struct profile_names *names, int64_t now_ms, struct diag *d)
{
    uint64_t id;
    enum err rc = ERR_OK;

    if (census_full(c) || census_done(c))
        return ERR_OK;
    take_instant(c, now_ms);
    if (c->row_count == 0)
        c->again = c->suspect_count > 0;
    for (size_t i = 0; rc == ERR_OK && c->again && c->suspect_count > 0 && i < VISITS; i++)
        rc = load_one(c, k, names, c->suspects[--c->suspect_count], d);
    if (c->again)
        return rc;
    rc = profile_scan_more(&c->scan, k, d);
    for (size_t i = 0; rc == ERR_OK && i < VISITS && !census_full(c) && profile_scan_take(&c->scan, &id); i++)
        rc = load_one(c, k, names, id, d);
    return rc;
}

/* ---- evaluating ---- */

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
        struct claim *claim;
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
parse_row(struct census *c, const struct row *r, struct rule_block_profile *out, struct diag *d)
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
        const struct row *r = &c->rows[*at];
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
count_one(struct census *c, size_t index, size_t words, uint64_t (*of_namespace)[WORDS])
{
    const struct claim *claim = c->o.compare ? &c->claims[index] : NULL;
    const uint64_t *undecided = rule_block_undecided(c->block, index);
    struct census_counts *n = &c->counts[index];
    uint64_t members[WORDS];

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
    uint64_t members[WORDS];

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
take_sample(struct census *c, struct sample *to, const uint64_t *of, size_t rows)
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
    uint64_t before[WORDS], after[WORDS], entering[WORDS], leaving[WORDS];

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
    uint64_t of_namespace[LIMIT_CENSUS_NAMESPACES][WORDS] = {{0}}, differ[WORDS] = {0}, members[WORDS];
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

/* ---- results ---- */

struct census_result
census_result(const struct census *c)
{
    struct census_sample first = {c->samples[0].people, c->samples[0].n};
    struct census_result r = {
        .profiles = c->profiles,
        .fragments = c->fragments,
        .audiences = c->counts,
        .namespaces = c->namespaces,
        .namespace_count = c->namespace_count,
        .datasets = c->datasets,
        .dataset_count = c->dataset_count,
        .diff = c->diff,
        .now_ms = c->first_ms,
    };

    if (!c->o.diff) {
        r.sample = first;
        return r;
    }
    r.diff.entering_sample = first;
    r.diff.leaving_sample = (struct census_sample){c->samples[1].people, c->samples[1].n};
    return r;
}

const uint64_t *
census_wrong(struct census *c, size_t *n)
{
    *n = c->wrong_count;
    c->wrong_count = 0;
    return c->wrong;
}
